//! The keys that the payload of a declaration has, and what is wrong with one: missing, unknown, of another type, out of range.

use serde_json::{Map, Value as Json};

use super::types::{DeclarationType, first_version, platform_of};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// How many findings are told; the first ones tell the most.
pub const MAX_FINDINGS: usize = 50;

/// One key of a payload.
#[derive(Debug)]
pub(super) struct Key {
    name: &'static str,
    required: bool,
    kind: KeyType,
    range: (Option<f64>, Option<f64>),
    values: Vec<&'static str>,
    /// Since when, where that differs from the type's own version; `None` for never.
    first: Vec<(Platform, Option<OsVersion>)>,
    /// Keys of a dictionary, or of the items of an array; none where they are not known.
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyType {
    String,
    Integer,
    Real,
    Boolean,
    Array,
    Dictionary,
    Any,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is required and not there.
    Missing,
    /// There is no such key, or not in this version.
    Unknown,
    /// Its value is of another type.
    WrongType,
    /// Its value is none of those that it may have; newer systems may know more.
    NotAllowed,
    /// Its number is too small or too large.
    OutOfRange,
}

/// One thing that is wrong with a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: `Deferrals.CombinedPeriodInDays`.
    pub path: String,
    /// What.
    pub fault: Fault,
    /// What, in words: "is required", "goes from 1 to 90".
    pub words: String,
}

impl DeclarationType {
    /// What is wrong with a payload: on a device of this platform and version, or on all where none is named.
    pub fn findings(&self, payload: &Map<String, Json>, on: Option<(Platform, OsVersion)>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(keys) = &self.keys {
            check_object(keys, payload, "", on, &mut findings);
        }
        findings
    }
}

/// A key's place in a payload, and since when the systems that differ from its type have it; `None` for never.
pub type LaterKey = (String, Vec<(Platform, Option<OsVersion>)>);

impl DeclarationType {
    /// The keys of a payload that some system got later than the type, or never.
    pub fn later_keys(&self, payload: &Map<String, Json>) -> Vec<LaterKey> {
        let mut found = Vec::new();
        if let Some(keys) = &self.keys {
            later_in_object(keys, payload, "", &mut found);
        }
        found
    }
}

fn later_in_object(keys: &[Key], object: &Map<String, Json>, at: &str, found: &mut Vec<LaterKey>) {
    for (name, value) in object {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let Some(key) = keys.iter().find(|key| key.name == name) else { continue };
        later_in(key, value, path, found);
    }
}

fn later_in(key: &Key, value: &Json, path: String, found: &mut Vec<LaterKey>) {
    // One place of a list tells for all of them.
    if !key.first.is_empty() && found.len() < MAX_FINDINGS && !found.iter().any(|(known, _)| *known == path) {
        found.push((path.clone(), key.first.clone()));
    }
    match value {
        Json::Object(object) => later_in_object(&key.keys, object, &path, found),
        Json::Array(items) => {
            if let Some(item) = key.keys.iter().find(|key| key.name == "*") {
                for value in items {
                    later_in(item, value, format!("{path}[]"), found);
                }
            }
        }
        _ => {}
    }
}

impl Key {
    /// Reads the lines under a type, each deeper by one space than what it belongs to.
    pub(super) fn read_all(lines: &[&'static str]) -> Vec<Self> {
        let mut at = 0;
        Self::read_level(lines, &mut at, 1)
    }

    fn read_level(lines: &[&'static str], at: &mut usize, depth: usize) -> Vec<Self> {
        let mut keys = Vec::new();
        while let Some(line) = lines.get(*at) {
            let own = line.len() - line.trim_start().len();
            if own < depth {
                break;
            }
            *at += 1;
            if let Some(mut key) = Self::read(line.trim_start()) {
                key.keys = Self::read_level(lines, at, depth + 1);
                keys.push(key);
            }
        }
        keys
    }

    fn read(line: &'static str) -> Option<Self> {
        let (head, values) = line.split_once(" = ").unwrap_or((line, ""));
        let (head, first) = head.split_once(" [").unwrap_or((head, ""));
        let (name, required, rest) = name_of(head)?;
        let mut words = rest.split(' ');
        let kind = match words.next()? {
            // In JSON data is base64.
            "string" | "data" => KeyType::String,
            "integer" => KeyType::Integer,
            "real" => KeyType::Real,
            "boolean" => KeyType::Boolean,
            "array" => KeyType::Array,
            "dictionary" => KeyType::Dictionary,
            _ => KeyType::Any,
        };
        let bounds = words.find_map(|word| word.split_once(".."));
        let range = bounds.map_or((None, None), |(low, high)| (low.parse().ok(), high.parse().ok()));
        let since = |word: &'static str| match word.strip_suffix('-') {
            Some(never) => Some((never.chars().next().and_then(platform_of)?, None)),
            None => first_version(word).map(|(platform, version)| (platform, Some(version))),
        };
        Some(Self {
            name,
            required,
            kind,
            range,
            values: values.split(" | ").filter(|value| !value.is_empty()).collect(),
            first: first.trim_end_matches(']').split(' ').filter_map(since).collect(),
            keys: Vec::new(),
        })
    }

    /// Whether a system has the key, as far as its own version decides.
    fn is_on(&self, on: Option<(Platform, OsVersion)>) -> bool {
        let Some((platform, version)) = on else { return true };
        match self.first.iter().find(|(known, _)| *known == platform) {
            None => true,
            Some((_, None)) => false,
            Some((_, Some(first))) => !version.is_older_than(*first),
        }
    }

    fn check(&self, value: &Json, path: &str, on: Option<(Platform, OsVersion)>, findings: &mut Vec<Finding>) {
        let mut find = |fault, words: String| findings.push(Finding { path: path.to_owned(), fault, words });
        match (self.kind, value) {
            (KeyType::Any, _) | (KeyType::Boolean, Json::Bool(_)) => {}
            (KeyType::String, Json::String(text)) => {
                if !self.values.is_empty() && !self.values.contains(&text.as_str()) {
                    find(Fault::NotAllowed, t!("is one of {list}", list = self.values.join(", ")));
                }
            }
            (KeyType::Integer, Json::Number(number)) if number.is_i64() || number.is_u64() => {
                if self.values.is_empty() {
                    self.check_range(number, find);
                } else if !self.values.contains(&number.to_string().as_str()) {
                    find(Fault::NotAllowed, t!("is one of {list}", list = self.values.join(", ")));
                }
            }
            (KeyType::Real, Json::Number(number)) => self.check_range(number, find),
            (KeyType::Array, Json::Array(items)) => {
                let Some(item) = self.keys.iter().find(|key| key.name == "*") else { return };
                for (index, value) in items.iter().enumerate() {
                    item.check(value, &format!("{path}[{index}]"), on, findings);
                }
            }
            (KeyType::Dictionary, Json::Object(object)) => {
                if !self.keys.is_empty() {
                    check_object(&self.keys, object, path, on, findings);
                }
            }
            (kind, _) => find(Fault::WrongType, t!("must be {kind}", kind = kind.words())),
        }
    }

    fn check_range(&self, number: &serde_json::Number, mut find: impl FnMut(Fault, String)) {
        let Some(number) = number.as_f64() else { return };
        let words = match self.range {
            (Some(low), Some(high)) => t!("goes from {low} to {high}", low, high),
            (Some(low), None) => t!("goes from {low}", low),
            (None, Some(high)) => t!("goes up to {high}", high),
            (None, None) => return,
        };
        if self.range.0.is_some_and(|low| number < low) || self.range.1.is_some_and(|high| number > high) {
            find(Fault::OutOfRange, words);
        }
    }
}

impl KeyType {
    fn words(self) -> &'static str {
        match self {
            Self::String => t!("a text"),
            Self::Integer => t!("a whole number"),
            Self::Real => t!("a number"),
            Self::Boolean => t!("true or false"),
            Self::Array => t!("a list"),
            Self::Dictionary => t!("an object"),
            Self::Any => t!("anything"),
        }
    }
}

/// Name, whether it is required, and what follows: `Name! string`, `"A Name" string`.
fn name_of(head: &'static str) -> Option<(&'static str, bool, &'static str)> {
    let (name, rest) = match head.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => head.split_at(head.find(['!', ' '])?),
    };
    let (required, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest));
    Some((name, required, rest.trim_start()))
}

fn check_object(keys: &[Key], object: &Map<String, Json>, at: &str, on: Option<(Platform, OsVersion)>, findings: &mut Vec<Finding>) {
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let any = keys.iter().find(|key| key.name == "ANY");
    for key in keys.iter().filter(|key| key.required && key.is_on(on) && !object.contains_key(key.name)) {
        findings.push(Finding { path: path(key.name), fault: Fault::Missing, words: String::from(t!("is required")) });
    }
    for (name, value) in object {
        if findings.len() >= MAX_FINDINGS {
            return;
        }
        match keys.iter().find(|key| key.name == name).or(any) {
            Some(key) if key.is_on(on) => key.check(value, &path(name), on, findings),
            found => {
                let words =
                    if found.is_some() { t!("is not known to this version of the system") } else { t!("is no key that Apple describes") };
                findings.push(Finding { path: path(name), fault: Fault::Unknown, words: String::from(words) });
            }
        }
    }
    findings.truncate(MAX_FINDINGS);
}

#[cfg(test)]
mod schema;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::types::find;
    use super::*;

    fn findings(name: &str, payload: &Json, on: Option<(Platform, &str)>) -> Vec<(String, Fault)> {
        let on = on.map(|(platform, version)| (platform, OsVersion::parse(version)));
        let all = find(&format!("com.apple.{name}")).unwrap().findings(payload.as_object().unwrap(), on);
        all.into_iter().map(|finding| (finding.path, finding.fault)).collect()
    }

    #[test]
    fn a_missing_key_is_named_and_so_is_one_too_many() {
        let all = findings("configuration.management.test", &json!({ "Ecko": "x" }), None);
        assert_eq!(all, [("Echo".into(), Fault::Missing), ("Ecko".into(), Fault::Unknown)]);
        assert!(findings("configuration.management.test", &json!({ "Echo": "x", "ReturnStatus": "Failed" }), None).is_empty());
    }

    #[test]
    fn types_ranges_and_values_are_checked_within_lists_and_objects() {
        let payload = json!({ "Deferrals": { "CombinedPeriodInDays": 91, "Other": 1 }, "Notifications": "yes" });
        let all = findings("configuration.softwareupdate.settings", &payload, None);
        let wanted = [
            ("Deferrals.CombinedPeriodInDays".into(), Fault::OutOfRange),
            ("Deferrals.Other".into(), Fault::Unknown),
            ("Notifications".into(), Fault::WrongType),
        ];
        assert_eq!(all, wanted);
        let items = json!({ "StatusItems": [{ "Name": "device.model.family" }, { "name": "x" }] });
        let all = findings("configuration.management.status-subscriptions", &items, None);
        assert_eq!(all, [("StatusItems[1].Name".into(), Fault::Missing), ("StatusItems[1].name".into(), Fault::Unknown)]);
        let all = findings("configuration.app.managed", &json!({ "InstallBehavior": { "Install": "Now" } }), None);
        assert_eq!(all, [("InstallBehavior.Install".into(), Fault::NotAllowed)]);
    }

    #[test]
    fn a_key_that_a_version_does_not_have_is_unknown_there() {
        let payload = json!({ "MinimumComplexCharacters": 1 });
        let name = "configuration.passcode.settings";
        assert_eq!(findings(name, &payload, Some((Platform::Ios, "16.0"))), [("MinimumComplexCharacters".into(), Fault::Unknown)]);
        assert!(findings(name, &payload, Some((Platform::Ios, "16.2"))).is_empty());
        assert!(findings(name, &payload, None).is_empty());
        let never =
            findings("configuration.softwareupdate.settings", &json!({ "RecommendedCadence": "All" }), Some((Platform::Macos, "27.0")));
        assert_eq!(never, [("RecommendedCadence".into(), Fault::Unknown)]);
    }

    #[test]
    fn a_name_may_have_a_space_and_a_number_may_be_one_of_a_few() {
        let exchange = json!({ "EnabledProtocolTypes": ["EWS"], "HostName": "x", "External Path": "/x" });
        assert!(!findings("configuration.account.exchange", &exchange, None).iter().any(|(path, _)| path.starts_with("External")));
        let group = |number: i64| {
            let payload = json!({ "IKESecurityAssociationParameters": { "DiffieHellmanGroup": number } });
            let all = findings("configuration.network.vpn.ikev2", &payload, None);
            all.into_iter().find(|(path, _)| path.ends_with("DiffieHellmanGroup")).map(|(_, fault)| fault)
        };
        assert_eq!((group(19), group(2)), (None, Some(Fault::NotAllowed)));
    }

    #[test]
    fn properties_may_have_any_key() {
        assert!(findings("management.properties", &json!({ "shard": 40, "room": "7b" }), None).is_empty());
    }

    #[test]
    fn findings_have_an_end() {
        let many: Map<String, Json> = (0..500).map(|number| (format!("Key{number}"), Json::Null)).collect();
        assert_eq!(findings("configuration.management.test", &Json::Object(many), None).len(), MAX_FINDINGS);
    }
}
