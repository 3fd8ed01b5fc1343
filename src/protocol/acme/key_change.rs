//! What an account's new key signs when it takes the place of the old one (RFC 8555 §7.3.5).

use serde::Deserialize;

use super::{Fault, Problem};

/// The payload of the inner signature.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyChange {
    /// The address of the account.
    pub account: String,
    /// The key that it has, a JSON Web Key.
    pub old_key: serde_json::Value,
}

impl KeyChange {
    /// Reads `{"account":"https://…","oldKey":{…}}`.
    pub fn read(payload: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(payload)
            .map_err(|_| Fault::Malformed.because(t!("The change of keys names no `account`, or no `oldKey`, in what the new key signed.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_keys_names_the_account_and_its_old_key() {
        let read = KeyChange::read(br#"{"account":"https://mdm.example.school/acme/account/1","oldKey":{"kty":"EC"}}"#).unwrap();
        assert_eq!((read.account.as_str(), &read.old_key["kty"]), ("https://mdm.example.school/acme/account/1", &serde_json::json!("EC")));
        for wrong in [&b""[..], b"{}", br#"{"account":"x"}"#, br#"{"oldKey":{}}"#, b"[]"] {
            assert!(KeyChange::read(wrong).unwrap_err().is(Fault::Malformed));
        }
    }
}
