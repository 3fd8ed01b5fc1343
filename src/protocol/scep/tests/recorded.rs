//! Conversations recorded from foreign SCEP clients, answered.

use std::path::{Path, PathBuf};

use super::*;

fn conversations() -> Option<PathBuf> {
    Some(crate::shared_for_tests()?.join("captures/conversations"))
}

/// The recorded authority.
fn recorded_authority(folder: &Path) -> Signer {
    let certificate = Certificate::from_pem(&std::fs::read(folder.join("ca.pem")).unwrap()).unwrap();
    Signer::new(certificate, PrivateKey::from_pem(&std::fs::read(folder.join("ca.key")).unwrap(), None).unwrap()).unwrap()
}

/// The head and the body of a recorded message, its chunks joined.
fn recorded(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let (head, body) = (bytes[..end].to_vec(), bytes[end + 4..].to_vec());
    if !String::from_utf8_lossy(&head).contains("Transfer-Encoding: chunked") {
        return (head, body);
    }
    let (mut rest, mut joined) = (body.as_slice(), Vec::new());
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        joined.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
        if size == 0 {
            return (head, joined);
        }
    }
}

/// The message of a recorded PKIOperation; where it came in query and body, both are the same.
fn recorded_request(path: &Path) -> Vec<u8> {
    let (head, body) = recorded(path);
    let line = head.split(|byte| *byte == b'\r').next().unwrap();
    let address = line.split(|byte| *byte == b' ').nth(1).unwrap();
    let query = &address[address.iter().position(|byte| *byte == b'?').unwrap() + 1..];
    let Ok(Operation::PkiOperation(message)) = parse_query(query) else { panic!("{}", path.display()) };
    match message {
        Some(message) if body.is_empty() => message,
        Some(message) => {
            assert_eq!(message, body);
            body
        }
        None => body,
    }
}

/// Opens a recorded request and, where its key is there, the recorded answer; returns both.
fn exchange(folder: &Path, request_file: &str, key: Option<&str>) -> (Request, Option<Answer>) {
    let authority = recorded_authority(folder);
    let message = recorded_request(&folder.join(format!("{request_file}.request.http")));
    let opened = request(Request::open(&message, &authority, LEGACY).unwrap());
    let Some(key) = key else { return (opened, None) };
    let key = PrivateKey::from_pem(&std::fs::read(folder.join(key)).unwrap(), None).unwrap();
    let signer = Signer::new(opened.header.signer.clone(), key).unwrap();
    let (_, reply) = recorded(&folder.join(format!("{request_file}.response.http")));
    let asked = ClientRequest {
        message,
        transaction_id: opened.header.transaction_id.clone(),
        sender_nonce: opened.header.sender_nonce.clone().try_into().unwrap(),
    };
    let answer = asked.open(&reply, &[authority.certificate().clone()], &signer).unwrap();
    (opened, Some(answer))
}

#[test]
fn recorded_conversations_are_understood_on_both_sides() {
    use Cipher::{Aes128Cbc, Aes256Cbc, DesCbc, DesEde3Cbc};
    use Digest::{Sha1, Sha256, Sha512};
    use MessageType::{PkcsReq, RenewalReq};
    let Some(folder) = conversations() else { return };
    let challenge = |text: &str| Challenge::Text(text.to_owned());
    let good = || challenge("practice-challenge");
    let key = "certmonger/enrol-explicit-ca.key";
    for (file, key, cipher, digest, kind, expected) in [
        ("mdmb/03-device-1-scep-pkioperation", None, DesCbc, Sha1, PkcsReq, good()),
        ("mdmb/08-device-2-scep-pkioperation", None, DesCbc, Sha1, PkcsReq, good()),
        ("scepclient/03-enrol-pkioperation", Some("scepclient/client.key"), DesCbc, Sha1, PkcsReq, good()),
        ("scepclient/09-renewal-pkioperation", Some("scepclient/client.key"), DesCbc, Sha1, RenewalReq, good()),
        ("strongswan/04-des3-sha256-pkioperation", Some("strongswan/client.key"), DesEde3Cbc, Sha256, PkcsReq, good()),
        ("strongswan/06-des3-sha1-pkioperation", Some("strongswan/client.key"), DesEde3Cbc, Sha1, PkcsReq, good()),
        ("strongswan/10-aes-sha256-pkioperation", Some("strongswan/client.key"), Aes128Cbc, Sha256, PkcsReq, good()),
        ("strongswan/12-aes-sha512-pkioperation", Some("strongswan/client.key"), Aes128Cbc, Sha512, PkcsReq, good()),
        ("strongswan/16-renewal-pkioperation", Some("strongswan/client.key"), Aes128Cbc, Sha256, RenewalReq, good()),
        ("certmonger/09-enrol-pkioperation", Some("certmonger/enrol.key"), Aes256Cbc, Sha256, PkcsReq, good()),
        ("certmonger/17-enrol-explicit-ca-pkioperation", Some(key), Aes256Cbc, Sha256, PkcsReq, good()),
        ("certmonger/19-renewal-same-key-pkioperation", Some(key), Aes256Cbc, Sha256, PkcsReq, good()),
        ("certmonger/21-renewal-new-key-pkioperation", Some(key), Aes256Cbc, Sha256, PkcsReq, good()),
    ] {
        let (request, answer) = exchange(&folder, file, key);
        assert_eq!((request.cipher, request.header.digest, request.header.message_type), (cipher, digest, kind), "{file}");
        assert_eq!(request.csr.check_key(), Ok(()), "{file}");
        if kind == PkcsReq && !file.contains("renewal") {
            assert_eq!(request.csr.challenge(), expected, "{file}");
        }
        if let Some(answer) = answer {
            let Answer::Issued { certificate, .. } = answer else { panic!("{file}: {answer:?}") };
            assert_eq!(certificate.public_key_der(), request.csr.public_key_der(), "{file}");
            assert!(certificate.is_issued_by(recorded_authority(&folder).certificate()), "{file}");
        }
    }
}

#[test]
fn recorded_refusals_are_understood() {
    let Some(folder) = conversations() else { return };
    for (file, key) in [
        ("scepclient/06-wrong-challenge-pkioperation", "scepclient/client-wrong-challenge.key"),
        ("strongswan/08-wrong-challenge-pkioperation", "strongswan/client.key"),
        ("certmonger/11-wrong-challenge-pkioperation", "certmonger/wrong-challenge.key"),
    ] {
        let (request, answer) = exchange(&folder, file, Some(key));
        assert_eq!(answer, Some(Answer::Refused(Some(FailInfo::BadRequest))), "{file}");
        assert!(matches!(request.csr.challenge(), Challenge::Text(challenge) if challenge != "practice-challenge"), "{file}");
    }
}

#[test]
fn a_recorded_request_signed_with_pss_is_understood() {
    let Some(folder) = conversations() else { return };
    let (request, _) = exchange(&folder, "strongswan/14-aes-sha256-pss-pkioperation", None);
    assert_eq!((request.header.digest, request.cipher), (Digest::Sha256, Cipher::Aes128Cbc));
}

#[test]
fn serial_numbers_longer_than_the_standard_allows_are_read() {
    let Some(folder) = conversations() else { return };
    let (request, _) = exchange(&folder, "certmonger/09-enrol-pkioperation", None);
    assert!(request.header.signer.serial_hex().len() > 40, "{}", request.header.signer.serial_hex());
    assert!(request.header.transaction_id.len() >= 76);
}

#[test]
fn recorded_requests_of_a_real_mac_and_of_micromdm_hold_together() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let authority = authority();
    for (file, digest, subject) in [
        ("mdmclient-PKIOperation.der", Digest::Sha512, "CN=MDM SCEP SIGNER, C=AU"),
        ("PKCSReq.der", Digest::Sha1, "CN=MDM SCEP SIGNER, C=US"),
    ] {
        let message = std::fs::read(folder.join("captures/scep").join(file)).unwrap();
        // Their authorities' keys are not known: what can be read stands outside the envelope.
        let refused = refusal(Request::open(&message, authority.signer(), LEGACY).unwrap());
        assert_eq!((refused.header.message_type, refused.fail_info), (MessageType::PkcsReq, FailInfo::BadMessageCheck));
        assert_eq!((refused.header.digest, refused.header.signer.subject().as_str()), (digest, subject), "{file}");
        assert!(refused.answer(authority.signer(), now()).is_ok());
        for damaged in mutations(&message) {
            let _ = Request::open(&damaged, authority.signer(), LEGACY);
        }
    }
}
