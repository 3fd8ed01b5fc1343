//! ACME (RFC 8555) as far as devices speak it: what is said about accounts, orders, and the challenge `device-attest-01` for a permanent identifier.

mod key_change;
pub mod problem;
mod revocation;

pub use key_change::KeyChange;
pub use problem::{Fault, Problem};
pub use revocation::{Reason, Revocation};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The Content-Type of every request (RFC 8555 §6.2).
pub const JOSE: &str = "application/jose+json";

/// The Content-Type of a chain of certificates (§9.1).
pub const PEM_CHAIN: &str = "application/pem-certificate-chain";

/// The one kind of identifier (RFC 4043): its value is the ClientIdentifier of the profile.
pub const IDENTIFIER: &str = "permanent-identifier";

/// The one kind of challenge.
pub const CHALLENGE: &str = "device-attest-01";

/// Bytes of an identifier's value.
pub const IDENTIFIER_MAX_BYTES: usize = 256;

/// Where everything is (§7.1.1). Pre-authorization is not offered, and so not named.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Gives a nonce.
    pub new_nonce: String,
    /// Takes a new account.
    pub new_account: String,
    /// Takes a new order.
    pub new_order: String,
    /// Revokes a certificate.
    pub revoke_cert: String,
    /// Gives an account another key.
    pub key_change: String,
}

/// What a client says of its account (§7.3); contacts are nothing that a device has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewAccount {
    /// Only look, do not make one.
    pub only_return_existing: bool,
}

/// An account, as it is shown (§7.1.2).
#[derive(Debug, Serialize)]
pub struct Account {
    /// `valid`.
    pub status: &'static str,
    /// Where its orders are listed.
    pub orders: String,
}

/// What is ordered (§7.4): one permanent identifier.
#[derive(Debug, Deserialize)]
pub struct NewOrder {
    /// Exactly one.
    pub identifiers: Vec<Identifier>,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// [`IDENTIFIER`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The one-time value.
    pub value: String,
}

/// An order, as it is shown (§7.1.3).
#[derive(Debug, Serialize)]
pub struct Order {
    /// `pending`, `ready`, `valid` or `invalid`.
    pub status: &'static str,
    /// Its end.
    pub expires: Timestamp,
    /// What it is for.
    pub identifiers: [Identifier; 1],
    /// Where its authorization is.
    pub authorizations: [String; 1],
    /// Where the certification request goes.
    pub finalize: String,
    /// Where the certificate is, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Why it is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// An authorization, as it is shown (§7.1.4).
#[derive(Debug, Serialize)]
pub struct Authorization {
    /// `pending`, `valid` or `invalid`.
    pub status: &'static str,
    /// Its end.
    pub expires: Timestamp,
    /// What it is for.
    pub identifier: Identifier,
    /// The one challenge.
    pub challenges: [Challenge; 1],
}

/// A challenge, as it is shown (§7.1.5).
#[derive(Debug, Serialize)]
pub struct Challenge {
    /// [`CHALLENGE`].
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where the answer goes.
    pub url: String,
    /// `pending`, `valid` or `invalid`.
    pub status: &'static str,
    /// What the attestation's freshness code must be the SHA-256 of.
    pub token: String,
    /// When it was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validated: Option<Timestamp>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// How a device answers the challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With an attestation object, CBOR.
    Attestation(Vec<u8>),
    /// Without one.
    Nothing,
    /// It could not make one: its words.
    Error(String),
}

/// Letters of a device's own words that are kept.
const WORDS_MAX_CHARS: usize = 200;

impl Answer {
    /// Reads what was posted to the challenge: `{"attObj":"…"}`, `{}` or `{"error":"…"}`.
    pub fn read(payload: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Posted {
            att_obj: Option<String>,
            error: Option<serde_json::Value>,
        }
        let malformed = || Fault::Malformed.because(t!("The answer to the challenge is neither {\"attObj\":\"…\"} nor {}"));
        let posted: Posted = serde_json::from_slice(payload).map_err(|_| malformed())?;
        Ok(match (posted.att_obj.filter(|object| !object.is_empty()), posted.error) {
            (Some(object), _) => Self::Attestation(URL_SAFE_NO_PAD.decode(object.trim_end_matches('=')).map_err(|_| malformed())?),
            (None, Some(error)) => {
                let words = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
                Self::Error(words.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX_CHARS).collect())
            }
            (None, None) => Self::Nothing,
        })
    }
}

/// The certification request of a finalization, DER (§7.4).
pub fn csr(payload: &[u8]) -> Result<Vec<u8>, Problem> {
    #[derive(Deserialize)]
    struct Finalize {
        csr: String,
    }
    let malformed = || Fault::Malformed.because(t!("The finalization holds no certification request in `csr`, as base64url"));
    let said: Finalize = serde_json::from_slice(payload).map_err(|_| malformed())?;
    URL_SAFE_NO_PAD.decode(said.csr.trim_end_matches('=')).map_err(|_| malformed())
}

/// Reads JSON of a request; an empty payload counts as an empty object where `T` allows that.
pub fn read<T: serde::de::DeserializeOwned>(payload: &[u8], what: &'static str) -> Result<T, Problem> {
    serde_json::from_slice(if payload.is_empty() { b"{}" } else { payload }).map_err(|_| Fault::Malformed.because(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_the_challenge_are_read_in_each_form() {
        // draft-acme-device-attest, and what devices post that cannot attest.
        assert_eq!(Answer::read(br#"{"attObj":"AQID"}"#), Ok(Answer::Attestation(vec![1, 2, 3])));
        assert_eq!(Answer::read(br#"{"attObj":"AQI="}"#), Ok(Answer::Attestation(vec![1, 2])), "padding is passed over");
        for nothing in [&b"{}"[..], br#"{"attObj":""}"#, br#"{"attObj":null}"#] {
            assert_eq!(Answer::read(nothing), Ok(Answer::Nothing));
        }
        assert_eq!(Answer::read(br#"{"error":"no\nway"}"#), Ok(Answer::Error(String::from("noway"))));
        for wrong in [&b""[..], b"[]", br#"{"attObj":"a b"}"#, br#"{"attObj":1}"#] {
            assert!(Answer::read(wrong).is_err());
        }
    }

    #[test]
    fn requests_are_read_and_what_is_not_there_is_told() {
        assert!(!read::<NewAccount>(b"", "x").unwrap().only_return_existing);
        assert!(
            read::<NewAccount>(br#"{"onlyReturnExisting":true,"contact":["mailto:a@example.school"]}"#, "x").unwrap().only_return_existing
        );
        let order: NewOrder = read(br#"{"identifiers":[{"type":"permanent-identifier","value":"v"}]}"#, "x").unwrap();
        assert_eq!(order.identifiers, [Identifier { kind: IDENTIFIER.into(), value: "v".into() }]);
        assert!(read::<NewOrder>(b"{}", "x").is_err());
        assert_eq!(csr(br#"{"csr":"MAA"}"#), Ok(vec![0x30, 0]));
        assert!(csr(br#"{"csr":"*"}"#).is_err() && csr(b"{}").is_err());
    }

    #[test]
    fn resources_are_written_with_the_rfcs_names() {
        let of = str::to_owned;
        let directory =
            Directory { new_nonce: of("n"), new_account: of("a"), new_order: of("o"), revoke_cert: of("r"), key_change: of("k") };
        let names = r#"{"newNonce":"n","newAccount":"a","newOrder":"o","revokeCert":"r","keyChange":"k"}"#;
        assert_eq!(serde_json::to_string(&directory).unwrap(), names);
        let order = Order {
            status: "pending",
            expires: Timestamp::from_seconds(1_795_000_000),
            identifiers: [Identifier { kind: IDENTIFIER.into(), value: "v".into() }],
            authorizations: ["z".into()],
            finalize: "f".into(),
            certificate: None,
            error: None,
        };
        let written: serde_json::Value = serde_json::to_value(&order).unwrap();
        let expected = serde_json::json!({ "status": "pending", "expires": "2026-11-18T11:06:40Z", "finalize": "f", "authorizations": ["z"],
            "identifiers": [{ "type": "permanent-identifier", "value": "v" }] });
        assert_eq!(written, expected);
    }
}
