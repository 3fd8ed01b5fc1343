//! What check-ins are answered with, where the answer is not empty.

use crate::protocol::plist::{self, Dictionary, PlistError, Value};
use crate::secret::{Secret, SecretBytes};

/// The Content-Type of answers that are property lists.
pub const PLIST_CONTENT_TYPE: &str = "application/xml";

/// The error by which a device is told to leave (HTTP 403; iOS 17, macOS 14 and later).
pub const UNRECOGNIZED_DEVICE: &str = "com.apple.unrecognized.device";

/// Answers GetBootstrapToken with the stored token. Where none is stored the answer is an empty body, not this.
pub fn bootstrap_token(token: &SecretBytes) -> Result<Vec<u8>, PlistError> {
    one("BootstrapToken", Value::Data(token.expose().clone()))
}

/// Answers GetToken with the signed token.
pub fn token_data(token: &[u8]) -> Result<Vec<u8>, PlistError> {
    one("TokenData", Value::Data(token.to_vec()))
}

/// Answers the first UserAuthenticate: an empty challenge means that the user is managed without being asked for a password.
pub fn digest_challenge(challenge: &str) -> Result<Vec<u8>, PlistError> {
    one("DigestChallenge", Value::String(challenge.to_owned()))
}

/// Answers the second UserAuthenticate: an empty token means that the password was wrong.
pub fn auth_token(token: &Secret<String>) -> Result<Vec<u8>, PlistError> {
    one("AuthToken", Value::String(token.expose().clone()))
}

/// How an erased device returns to service.
#[derive(Debug, Clone, Default)]
pub struct ReturnToService {
    /// Whether it does at all.
    pub enabled: bool,
    /// A profile with the Wi-Fi network to join.
    pub wifi_profile: Option<Vec<u8>>,
    /// The enrollment profile; without it the device asks its ADE service.
    pub mdm_profile: Option<Vec<u8>>,
    /// The bootstrap token, where one is stored.
    pub bootstrap_token: Option<SecretBytes>,
    /// Whether to try again when enrolling fails (iOS 27).
    pub should_retry_enrollment: Option<bool>,
}

/// Answers ReturnToService.
pub fn return_to_service(answer: &ReturnToService) -> Result<Vec<u8>, PlistError> {
    let mut inner = Dictionary::new();
    inner.insert("Enabled".into(), Value::Boolean(answer.enabled));
    let data = [
        ("WiFiProfileData", answer.wifi_profile.as_ref()),
        ("MDMProfileData", answer.mdm_profile.as_ref()),
        ("BootstrapToken", answer.bootstrap_token.as_ref().map(Secret::expose)),
    ];
    for (key, bytes) in data {
        if let Some(bytes) = bytes {
            inner.insert(key.into(), Value::Data(bytes.clone()));
        }
    }
    if let Some(retry) = answer.should_retry_enrollment {
        inner.insert("ShouldRetryEnrollment".into(), Value::Boolean(retry));
    }
    one("ReturnToService", Value::Dictionary(inner))
}

/// The JSON body by which a device is told to leave, with HTTP 403 and `application/json`.
pub fn unrecognized_device(message: &str) -> Vec<u8> {
    serde_json::json!({ "code": UNRECOGNIZED_DEVICE, "description": "This enrollment was retired.", "message": message })
        .to_string()
        .into_bytes()
}

fn one(key: &str, value: Value) -> Result<Vec<u8>, PlistError> {
    plist::to_xml(&Value::Dictionary([(key.to_owned(), value)].into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist::fields;

    #[test]
    fn answers_hold_their_one_key() {
        let token = plist::parse_dictionary(&bootstrap_token(&SecretBytes::new(b"abc".to_vec())).unwrap()).unwrap();
        assert_eq!(fields::data(&token, "BootstrapToken"), Some(&b"abc"[..]));
        let challenge = plist::parse_dictionary(&digest_challenge("").unwrap()).unwrap();
        assert_eq!(fields::text(&challenge, "DigestChallenge"), Some(""));
        let signed = plist::parse_dictionary(&token_data(b"jwt").unwrap()).unwrap();
        assert_eq!(fields::data(&signed, "TokenData"), Some(&b"jwt"[..]));
        let auth = plist::parse_dictionary(&auth_token(&Secret::new("t".into())).unwrap()).unwrap();
        assert_eq!(fields::text(&auth, "AuthToken"), Some("t"));
    }

    #[test]
    fn a_device_returns_to_service_with_what_is_given() {
        let answer = ReturnToService { enabled: true, wifi_profile: Some(b"wifi".to_vec()), ..ReturnToService::default() };
        let read = plist::parse_dictionary(&return_to_service(&answer).unwrap()).unwrap();
        let inner = fields::dictionary(&read, "ReturnToService").unwrap();
        assert_eq!(fields::flag(inner, "Enabled"), Some(true));
        assert_eq!(fields::data(inner, "WiFiProfileData"), Some(&b"wifi"[..]));
        assert_eq!(inner.len(), 2);
    }

    #[test]
    fn a_retired_device_is_told_so_in_lower_case_keys() {
        let body: serde_json::Value = serde_json::from_slice(&unrecognized_device("Ask your teacher.")).unwrap();
        assert_eq!(body["code"], UNRECOGNIZED_DEVICE);
    }
}
