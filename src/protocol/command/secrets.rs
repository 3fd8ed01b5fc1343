//! Which keys of commands and reports are secrets, and their view without them.

use crate::protocol::plist::{Dictionary, Value};

/// What stands in a view where a secret was.
pub const MASK: &str = "••••••";

/// The keys whose values are never shown, wherever they stand in a command or report: what opens something, and where a lost device is, which is shown
/// to one person at a time and written down each time.
pub const SECRET_KEYS: [&str; 25] = [
    "ActivationLockBypassCode",
    "AppleCareToken",
    "AuthToken",
    "BootstrapToken",
    "Challenge",
    "CurrentPassword",
    "EncryptedNewRecoveryKey",
    "FDE_PersonalRecoveryKeyCMS",
    "Latitude",
    "Longitude",
    "MDMProfileData",
    "NewPassword",
    "PIN",
    "Password",
    "Payload",
    "PrivateKeyExport",
    "PrivateKeyExportPassword",
    "PushMagic",
    "PushToken",
    "RedemptionCode",
    "Token",
    "UnlockToken",
    "UnusedRedemptionCode",
    "WiFiProfileData",
    "passwordHash",
];

/// The value with every secret in it masked.
pub fn mask(value: &Value) -> Value {
    match value {
        Value::Dictionary(entries) => Value::Dictionary(mask_dictionary(entries)),
        Value::Array(items) => Value::Array(items.iter().map(mask).collect()),
        other => other.clone(),
    }
}

pub(super) fn mask_dictionary(entries: &Dictionary) -> Dictionary {
    let masked = |key: &str, value: &Value| if SECRET_KEYS.contains(&key) { Value::String(MASK.into()) } else { mask(value) };
    entries.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_at_any_depth() {
        let inner: Dictionary = [("Password".to_owned(), Value::String("hunter2".into()))].into_iter().collect();
        let outer: Dictionary = [("FileVaultUnlock".to_owned(), Value::Array(vec![Value::Dictionary(inner)]))].into_iter().collect();
        let shown = format!("{:?}", mask(&Value::Dictionary(outer)));
        assert!(!shown.contains("hunter2") && shown.contains(MASK), "{shown}");
    }
}
