//! What is said to mdmcert.download, a free service of the MacAdmins community that signs push certificate requests for who has no vendor
//! certificate: the asking, and its short answer. The signed request itself comes by mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::pki::certificate::Certificate;
use crate::pki::pem;
use crate::secret::Secret;

/// Where it is asked, below the address of the service.
pub const PATH: &str = "/api/v1/signrequest";

/// The service's own address.
pub const SERVICE: &str = "https://mdmcert.download";

/// Longest reason of the service that is repeated, in characters.
const REASON_MAX: usize = 200;

/// The asking, as the service reads it.
#[derive(Debug, Serialize, Deserialize)]
struct SignRequest {
    /// Base64 of the certification request as PEM.
    csr: String,
    /// The registered address; the signed request is mailed there.
    email: String,
    /// By which the service knows the program that asks.
    key: String,
    /// Base64 of a certificate as PEM; the mail is encrypted to it.
    encrypt: String,
}

/// What was asked, read back.
#[derive(Debug)]
pub struct Asked {
    /// The certification request, PEM.
    pub csr: Vec<u8>,
    /// The registered address.
    pub email: String,
    /// The key of the program that asks.
    pub key: Secret<String>,
    /// The certificate to encrypt to, PEM.
    pub encrypt: Vec<u8>,
}

/// Writes the asking: a certification request (DER), to be answered by mail to `email`, encrypted to `recipient`.
pub fn write(request: &[u8], email: &str, key: &Secret<String>, recipient: &Certificate) -> Vec<u8> {
    let asking = SignRequest {
        csr: STANDARD.encode(pem::write("CERTIFICATE REQUEST", request)),
        email: email.to_owned(),
        key: key.expose().clone(),
        encrypt: STANDARD.encode(recipient.to_pem()),
    };
    // A structure of strings is always JSON.
    serde_json::to_vec(&asking).unwrap_or_default()
}

/// Reads the asking, as the service does; none when it is not one.
pub fn read(body: &[u8]) -> Option<Asked> {
    let asking: SignRequest = serde_json::from_slice(body).ok()?;
    let bytes = |text: &str| STANDARD.decode(text).ok();
    Some(Asked { csr: bytes(&asking.csr)?, email: asking.email, key: Secret::new(asking.key), encrypt: bytes(&asking.encrypt)? })
}

/// The service's answer.
#[derive(Debug, Deserialize)]
struct Answer {
    result: String,
    #[serde(default)]
    reason: String,
}

/// Judges the service's answer: it will mail, or it says why not.
pub fn judge(status: u16, body: &[u8]) -> Result<(), Error> {
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    match answer {
        Some(answer) if status == 200 && answer.result == "success" => Ok(()),
        Some(answer) => {
            let said = if answer.reason.is_empty() { answer.result } else { answer.reason };
            let said: String = said.chars().filter(|letter| !letter.is_control()).take(REASON_MAX).collect();
            Err(Error::bad_input(t!(
                "mdmcert.download refused: {said}. Check the e-mail address, which must be registered there, and the key.",
                said
            )))
        }
        None => Err(Error::new(
            Kind::Upstream,
            t!(
                "mdmcert.download answered with status {status} and nothing that can be read. Try again later, or take another way.",
                status
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_asking_has_the_four_fields_that_the_service_reads() {
        let now = Timestamp::from_seconds(1_795_577_349);
        let ours = crate::pki::issue::root("mdmcert.download", now).unwrap();
        let body = write(b"a request", "it@example.school", &Secret::new(String::from("client key")), ours.certificate());
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["csr", "email", "encrypt", "key"]);
        let asked = read(&body).unwrap();
        assert!(asked.csr.starts_with(b"-----BEGIN CERTIFICATE REQUEST-----"));
        assert_eq!((asked.email.as_str(), asked.key.expose().as_str()), ("it@example.school", "client key"));
        assert_eq!(&Certificate::from_pem(&asked.encrypt).unwrap(), ours.certificate());
        assert!(!format!("{asked:?}").contains("client key"));
        assert!(read(b"{}").is_none() && read(b"<html>").is_none());
    }

    #[test]
    fn a_refusal_is_told_in_the_services_words_and_nonsense_as_such() {
        assert!(judge(200, br#"{"result": "success"}"#).is_ok());
        let refused = judge(200, br#"{"result": "failure", "reason": "unregistered\nemail"}"#).unwrap_err();
        assert_eq!(refused.kind, Kind::BadInput);
        assert!(refused.message.contains("unregisteredemail"), "{}", refused.message);
        assert!(judge(400, br#"{"result": "success"}"#).is_err());
        let long = format!(r#"{{"result": "failure", "reason": "{}"}}"#, "x".repeat(10_000));
        assert!(judge(200, long.as_bytes()).unwrap_err().message.len() < 400);
        assert_eq!(judge(502, b"<html>").unwrap_err().kind, Kind::Upstream);
    }
}
