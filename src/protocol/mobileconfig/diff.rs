//! What differs between two versions of a profile, key by key, with secrets hidden.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Payload, Profile};
use crate::protocol::plist::{Dictionary, Value, to_json};

/// The most keys that a difference lists; beyond them it only says that there are more.
pub const CHANGES_MAX: usize = 500;

/// The most letters of a value that are shown.
pub const SHOWN_MAX: usize = 200;

/// What stands in the place of a value that is not shown.
const HIDDEN: &str = "hidden";

/// How the name of a key ends that holds a secret, in small letters without `_` and `-`.
const SECRET_ENDINGS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "challenge",
    "token",
    "pin",
    "psk",
    // Of some it is a secret and of others not; nobody misses what is hidden of the others.
    "key",
    "wgquickconfig",
    "bearer",
    "seed",
    "pincode",
    "license",
    "licensecode",
    "auth",
    "credential",
    "credentials",
];

/// Keys that end as a secret does and are none.
const NO_SECRETS: [&str; 2] = ["forcepin", "requirepasscode"];

/// What differs between two versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ProfileDiff)]
pub struct Diff {
    /// Keys outside of the payloads: name, scope, removal.
    pub profile: Vec<KeyChange>,
    /// Payloads that came, went or changed; those that are the same are left out.
    pub payloads: Vec<PayloadChange>,
    /// Whether there is more than is listed.
    pub has_more: bool,
}

/// One payload that differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ProfilePayloadChange)]
pub struct PayloadChange {
    /// What became of it.
    pub change: Change,
    /// PayloadType.
    pub payload_type: String,
    /// PayloadIdentifier, of the newer version where it is in both.
    pub identifier: String,
    /// PayloadDisplayName, likewise.
    pub display_name: Option<String>,
    /// Its keys that differ.
    pub keys: Vec<KeyChange>,
}

/// What became of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ProfileChange)]
pub enum Change {
    /// Only the newer version has it.
    Added,
    /// Only the older version has it.
    Removed,
    /// Both have it, with other keys or values.
    Changed,
}

/// One key that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProfileKeyChange)]
pub struct KeyChange {
    /// Where it is: `EAPClientConfiguration.AcceptEAPTypes`.
    pub key: String,
    /// What the older version says; null where it has no such key.
    pub before: Option<String>,
    /// What the newer version says; null where it has no such key.
    pub after: Option<String>,
}

/// Compares two versions, the older one first.
pub fn diff(older: &Profile, newer: &Profile) -> Diff {
    let mut room = CHANGES_MAX;
    let mut found = Diff { profile: keys(&outside(&older.keys), &outside(&newer.keys), &mut room), ..Diff::default() };
    let mut left: Vec<&Payload> = older.payloads.iter().collect();
    let pairs: Vec<_> = newer.payloads.iter().map(|payload| (take(&mut left, payload, newer), payload)).collect();
    for gone in left {
        found.payloads.push(change(Change::Removed, gone, keys(&gone.keys, &Dictionary::new(), &mut room)));
    }
    for (before, payload) in pairs {
        let (change_kind, empty) = (if before.is_some() { Change::Changed } else { Change::Added }, Dictionary::new());
        let differ = keys(before.map_or(&empty, |before| &before.keys), &payload.keys, &mut room);
        if !differ.is_empty() || before.is_none() {
            found.payloads.push(change(change_kind, payload, differ));
        }
    }
    found.has_more = room == 0;
    found
}

impl Diff {
    /// Whether the versions say the same.
    pub fn is_empty(&self) -> bool {
        self.profile.is_empty() && self.payloads.is_empty()
    }

    /// The same for whoever may not read the profile itself: what changed, and of the values only what is switched on or off. Where a secret stands is
    /// not always told by its key.
    #[must_use]
    pub fn without_values(mut self) -> Self {
        let keys = self.profile.iter_mut().chain(self.payloads.iter_mut().flat_map(|payload| &mut payload.keys));
        for value in keys.flat_map(|key| [&mut key.before, &mut key.after]).flatten() {
            if !matches!(value.as_str(), "true" | "false") {
                HIDDEN.clone_into(value);
            }
        }
        self
    }
}

fn change(change: Change, payload: &Payload, keys: Vec<KeyChange>) -> PayloadChange {
    PayloadChange {
        change,
        payload_type: payload.payload_type.clone(),
        identifier: payload.identifier.clone(),
        display_name: payload.display_name.clone(),
        keys,
    }
}

/// The payload of the older version that `payload` has come from: of the same identifier, or the only one of its type on both sides.
fn take<'a>(left: &mut Vec<&'a Payload>, payload: &Payload, newer: &Profile) -> Option<&'a Payload> {
    let same_type = |other: &Payload| other.payload_type == payload.payload_type;
    let at = left.iter().position(|old| old.identifier == payload.identifier && same_type(old)).or_else(|| {
        let alone =
            left.iter().filter(|old| same_type(old)).count() == 1 && newer.payloads.iter().filter(|new| same_type(new)).count() == 1;
        left.iter().position(|old| alone && same_type(old))
    })?;
    Some(left.remove(at))
}

/// The keys of a profile without its payloads.
fn outside(keys: &Dictionary) -> Dictionary {
    keys.iter().filter(|(key, _)| *key != "PayloadContent").map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn keys(older: &Dictionary, newer: &Dictionary, room: &mut usize) -> Vec<KeyChange> {
    let mut found = Vec::new();
    compare("", older, newer, false, &mut found, room);
    found
}

fn compare(path: &str, older: &Dictionary, newer: &Dictionary, hidden: bool, found: &mut Vec<KeyChange>, room: &mut usize) {
    let added = newer.keys().filter(|key| !older.contains_key(key));
    for key in older.keys().chain(added) {
        let (before, after) = (older.get(key), newer.get(key));
        if before == after || *room == 0 {
            continue;
        }
        let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let is_hidden = hidden || before.into_iter().chain(after).any(|value| is_secret(key, value));
        let empty = Dictionary::new();
        let inner = |value: Option<&'_ Value>| value.map_or(Some(empty.clone()), |value| value.as_dictionary().cloned());
        match (inner(before), inner(after)) {
            (Some(older), Some(newer)) if !(older.is_empty() && newer.is_empty()) => {
                compare(&at, &older, &newer, is_hidden, found, room);
            }
            _ => {
                *room -= 1;
                found.push(KeyChange {
                    key: at,
                    before: before.map(|value| shown(value, is_hidden)),
                    after: after.map(|value| shown(value, is_hidden)),
                });
            }
        }
    }
}

/// Whether a key holds something that nobody is to read on a page: by its name, unless it only says yes or no.
pub fn is_secret(key: &str, value: &Value) -> bool {
    let name: String = key.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).collect::<String>().to_ascii_lowercase();
    let is_named = SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending)) && !NO_SECRETS.contains(&name.as_str());
    is_named && !matches!(value, Value::Boolean(_))
}

/// A value in a line; bytes are told by their number, since they are keys and certificates.
fn shown(value: &Value, hidden: bool) -> String {
    let text = match value {
        Value::Boolean(flag) => flag.to_string(),
        _ if hidden => return HIDDEN.to_owned(),
        Value::Data(bytes) => t!("{bytes} bytes", bytes = bytes.len()),
        Value::String(text) => text.clone(),
        other => to_json(&masked(other)).to_string(),
    };
    if text.chars().count() <= SHOWN_MAX { text } else { text.chars().take(SHOWN_MAX).chain(['…']).collect() }
}

/// The same value without what is secret inside.
fn masked(value: &Value) -> Value {
    match value {
        Value::Data(bytes) => Value::String(t!("{bytes} bytes", bytes = bytes.len())),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Dictionary(keys) => {
            let entry = |(key, value): (&String, &Value)| {
                (key.clone(), if is_secret(key, value) { Value::String(HIDDEN.into()) } else { masked(value) })
            };
            Value::Dictionary(keys.iter().map(entry).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mobileconfig::read;
    use crate::protocol::mobileconfig::tests::{payload, profile};

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    fn of(payloads: &[Dictionary]) -> Profile {
        read(&profile("school.example.a", payloads)).unwrap()
    }

    fn change_of(key: &str, before: Option<&str>, after: Option<&str>) -> KeyChange {
        KeyChange { key: key.into(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    #[test]
    fn payloads_and_keys_that_came_went_and_changed_are_told() {
        let older = of(&[
            payload("com.apple.wifi.managed", "wifi", &[("SSID_STR", text("Old")), ("AutoJoin", Value::Boolean(true))]),
            payload("com.apple.webClip.managed", "clip", &[("URL", text("https://example.school"))]),
            payload("com.apple.font", "font", &[]),
        ]);
        let newer = of(&[
            payload("com.apple.wifi.managed", "wifi", &[("SSID_STR", text("New")), ("HIDDEN_NETWORK", Value::Boolean(true))]),
            payload("com.apple.applicationaccess", "lock", &[("allowCamera", Value::Boolean(false))]),
            payload("com.apple.font", "font", &[]),
        ]);
        let found = diff(&older, &newer);
        assert!(found.profile.is_empty() && !found.has_more);
        let kinds: Vec<_> = found.payloads.iter().map(|payload| (payload.change, payload.payload_type.as_str())).collect();
        assert_eq!(
            kinds,
            [
                (Change::Removed, "com.apple.webClip.managed"),
                (Change::Changed, "com.apple.wifi.managed"),
                (Change::Added, "com.apple.applicationaccess")
            ]
        );
        assert_eq!(
            found.payloads[1].keys,
            [
                change_of("SSID_STR", Some("Old"), Some("New")),
                change_of("AutoJoin", Some("true"), None),
                change_of("HIDDEN_NETWORK", None, Some("true"))
            ]
        );
        assert!(found.payloads[2].keys.contains(&change_of("allowCamera", None, Some("false"))));
        assert!(diff(&older, &older).is_empty());
    }

    #[test]
    fn a_payload_with_a_new_identifier_is_still_the_one_of_its_type() {
        let older = of(&[payload("com.apple.wifi.managed", "one", &[])]);
        let newer = of(&[payload("com.apple.wifi.managed", "two", &[])]);
        let found = diff(&older, &newer);
        assert_eq!((found.payloads.len(), found.payloads[0].change), (1, Change::Changed));
    }

    #[test]
    fn secrets_are_told_to_differ_and_not_shown() {
        let with = |secret: &str, key: u8| {
            let mut eap = Dictionary::new();
            eap.insert("UserPassword".into(), text(secret));
            eap.insert("UserName".into(), text("kim"));
            let list = Value::Array(vec![Value::Dictionary(eap.clone())]);
            of(&[payload(
                "com.apple.wifi.managed",
                "wifi",
                &[
                    ("Password", text(secret)),
                    ("EAP", Value::Dictionary(eap)),
                    ("List", list),
                    ("PayloadContent", Value::Data(vec![key; 40])),
                    ("api_key", text(secret)),
                    ("SharedSecret", Value::Data(secret.as_bytes().to_vec())),
                    ("Key", text(secret)),
                    ("StaticPSK", Value::Data(secret.as_bytes().to_vec())),
                ],
            )])
        };
        let found = diff(&with("first secret", 1), &with("second secret", 2));
        let keys: Vec<_> = found.payloads[0].keys.iter().map(|key| key.key.as_str()).collect();
        assert_eq!(keys, ["Password", "EAP.UserPassword", "List", "PayloadContent", "api_key", "SharedSecret", "Key", "StaticPSK"]);
        let written = format!("{found:?}");
        assert!(!written.contains(" secret") && written.contains("kim") && written.contains("40 bytes"), "{written}");
        let hidden = found.payloads[0].keys.iter().filter(|key| key.after.as_deref() == Some("hidden"));
        assert_eq!(hidden.count(), 6, "{written}");
    }

    #[test]
    fn switches_about_secrets_are_no_secrets() {
        for (key, value, secret) in [
            ("allowPasswordSharing", Value::Boolean(true), false),
            ("forcePIN", Value::Boolean(true), false),
            ("Password", text("x"), true),
            ("XAuthPassword", text("x"), true),
            ("Challenge", text("x"), true),
            ("SafariPasswordAutoFillDomains", Value::Array(vec![]), false),
            ("minLength", Value::Integer(6.into()), false),
        ] {
            assert_eq!(is_secret(key, &value), secret, "{key}");
        }
    }

    #[test]
    fn a_long_difference_ends_at_its_limit() {
        let many: Vec<(String, Value)> = (0..CHANGES_MAX + 10).map(|n| (format!("key{n}"), Value::Boolean(true))).collect();
        let pairs: Vec<(&str, Value)> = many.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let found = diff(&of(&[payload("x.y", "a", &[])]), &of(&[payload("x.y", "a", &pairs)]));
        assert!(found.has_more);
        assert_eq!(found.payloads[0].keys.len(), CHANGES_MAX);
        let long = diff(&of(&[payload("x.y", "a", &[("t", text(&"é".repeat(SHOWN_MAX + 1)))])]), &of(&[payload("x.y", "a", &[])]));
        assert_eq!(long.payloads[0].keys[0].before.as_ref().unwrap().chars().count(), SHOWN_MAX + 1);
    }
}
