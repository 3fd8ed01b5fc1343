//! What a device says about its security, as facts in words: Apple's keys named, dictionaries opened, numbers explained.

use serde_json::{Map, Value};

use crate::http::pages::device::SecurityRow;
use crate::language::say;

/// How deep a fact may lie; what lies deeper is left out.
const DEPTH_MAX: usize = 4;

/// Facts of one device, at most.
const FACTS_MAX: usize = 200;

/// Apple's keys (SecurityInfoCommand.Response) and what people call them.
const NAMES: &[(&str, &str)] = &[
    ("AllowSigned", msg!("Built-in signed software allowed")),
    ("AllowSignedApp", msg!("Downloaded signed software allowed")),
    ("AuthenticatedRootVolumeEnabled", msg!("Sealed system volume")),
    ("AutoLockTime", msg!("Locks itself after")),
    ("BlockAllIncoming", msg!("Blocks all incoming connections")),
    ("BootstrapTokenAllowedForAuthentication", msg!("Bootstrap token for log-ins")),
    ("BootstrapTokenRequiredForKernelExtensionApproval", msg!("Bootstrap token needed for kernel extensions")),
    ("BootstrapTokenRequiredForSoftwareUpdate", msg!("Bootstrap token needed for updates")),
    ("EnrolledViaDEP", msg!("Automated enrollment")),
    ("ExternalBootLevel", msg!("Start from other disks")),
    ("FDE_Enabled", "FileVault"),
    ("FDE_HasInstitutionalRecoveryKey", msg!("FileVault: institutional recovery key")),
    ("FDE_HasPersonalRecoveryKey", msg!("FileVault: personal recovery key")),
    ("FDE_PersonalRecoveryKeyDeviceKey", msg!("FileVault: device key")),
    ("FirewallEnabled", msg!("On")),
    ("FirewallSettings", msg!("Firewall")),
    ("FirmwarePasswordStatus", msg!("Firmware password")),
    ("HardwareEncryptionCaps", msg!("Hardware encryption")),
    ("IsActivationLockManageable", msg!("Manages Activation Lock")),
    ("IsRecoveryLockEnabled", msg!("Recovery lock")),
    ("IsUserEnrollment", msg!("User enrollment")),
    ("ManagementStatus", msg!("Management")),
    ("PasscodeCompliant", msg!("Passcode fits all rules")),
    ("PasscodeCompliantWithProfiles", msg!("Passcode fits the rules of profiles")),
    ("PasscodeLockGracePeriod", msg!("Grace before the passcode is asked")),
    ("PasscodeLockGracePeriodEnforced", msg!("Grace before the passcode is asked, as it holds now")),
    ("PasscodePresent", msg!("Passcode")),
    ("RemoteDesktopEnabled", msg!("Remote Desktop")),
    ("SecureBoot", msg!("Secure boot")),
    ("SecureBootLevel", msg!("Level")),
    ("StealthMode", msg!("Stealth mode")),
    ("SystemIntegrityProtectionEnabled", msg!("System integrity protection")),
    ("UserApprovedEnrollment", msg!("User-approved enrollment")),
    ("WindowsBootLevel", msg!("Start Windows")),
    ("LoggingEnabled", msg!("Logging")),
    ("LoggingOption", msg!("What is logged")),
    ("PasswordExists", msg!("Set")),
    ("ChangePending", msg!("Change waits for a restart")),
    ("AllowOroms", msg!("Option ROMs allowed")),
    ("ReducedSecurity", msg!("Reduced security")),
    ("AllowsKextLoading", msg!("Kernel extensions allowed")),
    ("AllowsMDM", msg!("Management may change it")),
];

/// The facts as rows.
pub(super) fn rows(said: &Map<String, Value>) -> Vec<SecurityRow> {
    let mut rows = Vec::new();
    open(said, "", 0, &mut rows);
    rows.truncate(FACTS_MAX);
    rows
}

fn open(said: &Map<String, Value>, under: &str, depth: usize, rows: &mut Vec<SecurityRow>) {
    for (key, value) in said {
        let name = if under.is_empty() { called(key) } else { format!("{under}: {}", lower(&called(key))) };
        match value {
            Value::Object(inner) if depth < DEPTH_MAX => open(inner, &name, depth + 1, rows),
            Value::Object(_) | Value::Null => {}
            Value::Array(list) => rows.push(row(name, listed(list))),
            single => rows.push(row(name, words(key, single))),
        }
    }
}

fn row(name: String, words: String) -> SecurityRow {
    SecurityRow { name, words, state: None }
}

/// What people call a key of Apple's; an unknown one is taken apart into its words.
fn called(key: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == key) {
        return say(name).to_owned();
    }
    let mut name = String::with_capacity(key.len() + 8);
    let letters: Vec<char> = key.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let begins = letter.is_uppercase() && at > 0 && letters[at - 1].is_lowercase();
        if begins || *letter == '_' {
            name.push(' ');
        }
        if *letter != '_' {
            if begins { name.extend(letter.to_lowercase()) } else { name.push(*letter) }
        }
    }
    name
}

/// A name within another; abbreviations keep their capitals.
fn lower(name: &str) -> String {
    let mut letters = name.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => format!("{}{}", first.to_lowercase(), letters.as_str()),
        _ => name.to_owned(),
    }
}

fn words(key: &str, value: &Value) -> String {
    match (key, value) {
        ("HardwareEncryptionCaps", Value::Number(number)) => match number.as_u64() {
            Some(1) => String::from(t!("block-level")),
            Some(2) => String::from(t!("file-level")),
            Some(3) => String::from(t!("block-level and file-level")),
            _ => number.to_string(),
        },
        ("AutoLockTime" | "PasscodeLockGracePeriod" | "PasscodeLockGracePeriodEnforced", Value::Number(number)) => match number.as_u64() {
            Some(0) => String::from(t!("at once")),
            Some(seconds) if seconds >= i32::MAX as u64 => String::from(t!("never")),
            Some(seconds) => t!("{seconds} seconds", seconds),
            None => number.to_string(),
        },
        (_, Value::Bool(yes)) => String::from(if *yes { t!("yes") } else { t!("no") }),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// A list in one line: apps of the firewall as "name: blocked", other things by what they are.
fn listed(list: &[Value]) -> String {
    let each = list.iter().map(|item| match item {
        Value::Object(inner) => {
            let name = ["Name", "BundleID", "Identifier"].iter().find_map(|key| inner.get(*key).and_then(Value::as_str));
            match (name, inner.get("Allowed").and_then(Value::as_bool)) {
                (Some(name), Some(allowed)) => format!("{name}: {}", if allowed { t!("allowed") } else { t!("blocked") }),
                (Some(name), None) => name.to_owned(),
                (None, _) => {
                    inner.iter().map(|(key, value)| format!("{} {}", lower(&called(key)), words(key, value))).collect::<Vec<_>>().join(", ")
                }
            }
        }
        other => words("", other),
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() { String::from(t!("none")) } else { each.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(json: Value) -> Vec<(String, String)> {
        rows(json.as_object().unwrap()).into_iter().map(|row| (row.name, row.words)).collect()
    }

    #[test]
    fn dictionaries_open_into_facts_and_unknown_keys_are_taken_apart() {
        let said = serde_json::json!({ "FirewallSettings": { "FirewallEnabled": true, "Applications": [] }, "SomeNewThing": "x", "AutoLockTime": 120 });
        let pairs =
            [("Locks itself after", "120 seconds"), ("Firewall: applications", "none"), ("Firewall: on", "yes"), ("Some new thing", "x")];
        assert_eq!(facts(said), pairs.map(|(name, words)| (name.to_owned(), words.to_owned())));
    }

    #[test]
    fn what_lies_too_deep_or_is_too_much_is_left_out() {
        let mut deep = serde_json::json!({ "last": true });
        for _ in 0..=DEPTH_MAX {
            deep = serde_json::json!({ "more": deep });
        }
        assert!(facts(deep).is_empty());
        let many: Map<String, Value> = (0..=FACTS_MAX).map(|number| (format!("k{number}"), Value::Bool(true))).collect();
        assert_eq!(rows(&many).len(), FACTS_MAX);
    }
}
