//! What the payload of a declaration is worth: what makes it unusable, what is odd about it, where it works, and what it names.

use serde_json::{Map, Value};

use crate::clock::Wall;
use crate::protocol::declaration::{DeclarationKind, Fault, Finding, find_asset, find_type, predicate, status_items};
use crate::protocol::os_version::OsVersion;

/// Bytes of one payload as JSON.
pub const PAYLOAD_MAX_BYTES: usize = 128 * 1024;

/// How deep objects and lists of a payload may lie within one another.
pub const DEPTH_MAX: usize = 16;

/// Identifiers that one payload may name.
pub const REFERENCES_MAX: usize = 500;

/// Keys whose value is an address from which devices fetch.
const FETCHED: [&str; 3] = ["DataURL", "ProfileURL", "ManifestURL"];

/// What makes a payload unusable: its size and depth; keys that are missing, of another type or out of range where Apple describes the type;
/// addresses that no device fetches from; a predicate that no device can read.
pub(super) fn payload_faults(declaration_type: &str, payload: &Map<String, Value>) -> Vec<(String, String)> {
    let own = |words: String| vec![(String::from("Payload"), words)];
    let value = Value::Object(payload.clone());
    if depth(&value) > DEPTH_MAX {
        return own(t!("is nested deeper than {DEPTH_MAX} levels", DEPTH_MAX));
    }
    if value.to_string().len() > PAYLOAD_MAX_BYTES {
        return own(t!("is larger than {PAYLOAD_MAX_BYTES} bytes", PAYLOAD_MAX_BYTES));
    }
    if references_in(&value).len() > REFERENCES_MAX {
        return own(t!("names more than {REFERENCES_MAX} other declarations", REFERENCES_MAX));
    }
    // An asset that names no address has its file uploaded here.
    let says_what_it_is = payload.get("Reference").is_some_and(|reference| reference.get("ContentType").is_some());
    let is_kept_here = |finding: &Finding| {
        let is_address = finding.path == "Reference" || finding.path == "Reference.DataURL" && says_what_it_is;
        is_address && find_asset(declaration_type).is_some()
    };
    let is_wrong = |finding: &Finding| match finding.fault {
        Fault::Missing => !is_kept_here(finding),
        Fault::WrongType | Fault::OutOfRange => true,
        Fault::Unknown | Fault::NotAllowed => false,
    };
    let findings = find_type(declaration_type).map(|known| known.findings(payload, None)).unwrap_or_default();
    let mut faults: Vec<_> =
        findings.into_iter().filter(is_wrong).map(|finding| (format!("Payload.{}", finding.path), finding.words)).collect();
    faults.extend(address_faults(&value));
    faults.extend(update_faults(declaration_type, payload));
    if let Some(text) = payload.get("Predicate").and_then(Value::as_str)
        && declaration_type.starts_with("com.apple.activation.")
        && let Err(unreadable) = predicate::parse(text)
    {
        faults.push((String::from("Payload.Predicate"), unreadable.to_string()));
    }
    faults
}

/// A version and a time of an ordered update that no device could read.
fn update_faults(declaration_type: &str, payload: &Map<String, Value>) -> Vec<(String, String)> {
    if declaration_type != "com.apple.configuration.softwareupdate.enforcement.specific" {
        return Vec::new();
    }
    let text = |key: &str| payload.get(key).and_then(Value::as_str);
    let version = text("TargetOSVersion").filter(|version| !OsVersion::parse(version).is_known());
    let time = text("TargetLocalDateTime").filter(|time| Wall::parse(time).is_none());
    let fault = |key: &str, words: &str| (format!("Payload.{key}"), words.to_owned());
    let version = version.map(|_| fault("TargetOSVersion", t!("is a version such as 26.1")));
    version.into_iter().chain(time.map(|_| fault("TargetLocalDateTime", t!("is a local time such as 2026-12-04T16:00:00")))).collect()
}

/// Addresses that are not https, by the places where they stand.
fn address_faults(payload: &Value) -> Vec<(String, String)> {
    let (mut found, mut left) = (Vec::new(), vec![(String::from("Payload"), payload)]);
    while let Some((path, value)) = left.pop() {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let path = format!("{path}.{key}");
                    match value {
                        Value::String(address) if FETCHED.contains(&key.as_str()) && !is_https(address) => {
                            found.push((
                                path,
                                String::from(t!("must be an address that begins with https://; devices fetch from no other")),
                            ));
                        }
                        value => left.push((path, value)),
                    }
                }
            }
            Value::Array(items) => left.extend(items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item))),
            _ => {}
        }
    }
    found
}

/// Whether an address names a host that is asked over https.
fn is_https(address: &str) -> bool {
    let scheme = address.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let is_plain = !address.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let host = address.get(8..).unwrap_or_default().split(['/', '?', '#', ':']).next().unwrap_or_default();
    scheme && is_plain && !host.is_empty()
}

/// What is odd about a payload and is served all the same, in sentences.
pub(super) fn warnings(declaration_type: &str, payload: &Map<String, Value>) -> Vec<String> {
    let Some(known) = find_type(declaration_type) else {
        return vec![t!(
            "{declaration_type} is no type that Apple describes. It is sent to devices that say they know it.",
            declaration_type
        )];
    };
    let odd = known.findings(payload, None).into_iter().filter(|finding| matches!(finding.fault, Fault::Unknown | Fault::NotAllowed));
    let odd = odd.map(|finding| {
        t!("Payload.{path} {finding}. Devices may refuse the whole declaration.", path = finding.path, finding = finding.words)
    });
    let predicate = payload.get("Predicate").and_then(Value::as_str).unwrap_or_default();
    let unknown = status_items::asked_for(predicate).into_iter().filter(|name| !status_items::is_status_item(name));
    let unknown = unknown.map(|name| {
        t!("Payload.Predicate asks for the status item {name}, which Apple does not describe: the condition may never hold.", name)
    });
    let subscribed = payload.get("StatusItems").and_then(Value::as_array).into_iter().flatten();
    let subscribed =
        subscribed.filter_map(|item| item.get("Name").and_then(Value::as_str)).filter(|name| !status_items::is_status_item(name));
    let subscribed = subscribed
        .map(|name| t!("Payload.StatusItems names {name}, which is no status item that Apple describes: devices say nothing of it.", name));
    odd.chain(unknown).chain(subscribed).collect()
}

/// The first versions of the systems that have a type, then those of its keys that came later, each as a sentence without its end:
/// `iOS 17.2, macOS 26`, `Payload.Hidden: iOS 18.1, not on macOS`. Nothing for types that Apple does not describe.
pub(super) fn availability(declaration_type: &str, payload: &Map<String, Value>) -> Vec<String> {
    let Some(known) = find_type(declaration_type) else { return Vec::new() };
    let since: Vec<_> = known.since().iter().map(|(platform, version)| format!("{} {version}", platform.system())).collect();
    let mut told = vec![since.join(", ")];
    for (path, firsts) in known.later_keys(payload) {
        let words = firsts.into_iter().filter(|(platform, _)| known.since().iter().any(|(has, _)| has == platform));
        let words: Vec<_> = words
            .map(|(platform, first)| match first {
                Some(version) => format!("{} {version}", platform.system()),
                None => t!("not on {system}", system = platform.system()),
            })
            .collect();
        if !words.is_empty() {
            told.push(t!("Payload.{path}: {list}", path, list = words.join(", ")));
        }
    }
    told
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The identifiers that a payload names, each once.
pub(super) fn references(kind: DeclarationKind, payload: &Map<String, Value>) -> Vec<String> {
    let mut named = match kind {
        DeclarationKind::Activation => {
            let listed = payload.get("StandardConfigurations").and_then(Value::as_array);
            listed.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        DeclarationKind::Configuration => references_in(&Value::Object(payload.clone())),
        DeclarationKind::Asset | DeclarationKind::Management => Vec::new(),
    };
    named.sort();
    named.dedup();
    named
}

/// Values of keys such as `CredentialAssetReference` and `StandardConfigurations`, wherever they stand.
fn references_in(value: &Value) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), vec![value]);
    while let Some(value) = left.pop() {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match value {
                        Value::String(identifier) if key.ends_with("AssetReference") => found.push(identifier.clone()),
                        Value::Array(items) if key.ends_with("AssetReferences") || key == "StandardConfigurations" => {
                            found.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned)));
                        }
                        _ => left.push(value),
                    }
                }
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(name: &str, payload: &Value) -> Vec<(String, String)> {
        payload_faults(&format!("com.apple.{name}"), payload.as_object().unwrap())
    }

    fn places(name: &str, payload: &Value) -> Vec<String> {
        faults(name, payload).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn what_apple_does_not_describe_is_a_warning() {
        let payload = json!({ "Echo": "x", "Ecko": "y", "ReturnStatus": "Maybe" });
        assert!(places("configuration.management.test", &payload).is_empty());
        let told = warnings("com.apple.configuration.management.test", payload.as_object().unwrap());
        assert!(told.len() == 2 && told[0].contains("Payload.Ecko"), "{told:?}");
        assert!(warnings("com.apple.configuration.toaster", &Map::new())[0].contains("no type that Apple describes"));
    }

    #[test]
    fn a_value_of_another_type_or_out_of_its_range_is_refused() {
        let payload = json!({ "Deferrals": { "CombinedPeriodInDays": 91 }, "Notifications": "yes" });
        let places = places("configuration.softwareupdate.settings", &payload);
        assert_eq!(places, ["Payload.Deferrals.CombinedPeriodInDays", "Payload.Notifications"]);
    }

    #[test]
    fn an_ordered_update_names_a_version_and_a_time_that_devices_read() {
        let ordered = |version: &str, time: &str| {
            let payload = json!({ "TargetOSVersion": version, "TargetLocalDateTime": time });
            places("configuration.softwareupdate.enforcement.specific", &payload)
        };
        assert_eq!(ordered("26.1", "2026-12-04T16:00:00"), [""; 0]);
        assert_eq!(ordered("newest", "tomorrow"), ["Payload.TargetOSVersion", "Payload.TargetLocalDateTime"]);
    }

    #[test]
    fn only_https_addresses_are_taken_wherever_they_stand() {
        let legacy = |address: &str| places("configuration.legacy", &json!({ "ProfileURL": address }));
        assert!(legacy("https://files.example.school/a.mobileconfig").is_empty() && legacy("HTTPS://files.example.school").is_empty());
        for wrong in
            ["http://files.example.school/a", "ftp://x", "https://", "https:// x", "files.example.school", "", "https://a b", "https:///x"]
        {
            assert_eq!(legacy(wrong), ["Payload.ProfileURL"], "{wrong}");
        }
        let asset = json!({ "Reference": { "DataURL": "http://files.example.school/a" } });
        assert_eq!(places("asset.data", &asset), ["Payload.Reference.DataURL"]);
        assert_eq!(places("asset.data", &json!({})), [""; 0], "its file is uploaded here");
        assert_eq!(places("asset.data", &json!({ "Reference": {} })), ["Payload.Reference.DataURL"]);
        assert_eq!(places("asset.data", &json!({ "Reference": { "ContentType": "application/zip" } })), [""; 0], "so is this one's");
        let listed = json!({ "Things": [{ "ManifestURL": "http://x" }] });
        assert_eq!(places("configuration.toaster", &listed), ["Payload.Things[0].ManifestURL"]);
    }

    #[test]
    fn a_predicate_that_no_device_can_read_is_refused_with_the_place() {
        let activation = |predicate: &str| faults("activation.simple", &json!({ "StandardConfigurations": [], "Predicate": predicate }));
        assert!(activation("@status(device.model.family) == 'iPad'").is_empty());
        let told = |predicate: &str| {
            let payload = json!({ "StandardConfigurations": [], "Predicate": predicate });
            warnings("com.apple.activation.simple", payload.as_object().unwrap())
        };
        assert_eq!(told("@status(device.model.family) == 'iPad'"), [""; 0]);
        assert!(told("@status(device.model.familly) == 'iPad'")[0].contains("the status item device.model.familly"));
        let items = json!({ "StatusItems": [{ "Name": "device.model.family" }, { "Name": "no.such.item" }] });
        let subscribed = warnings("com.apple.configuration.management.status-subscriptions", items.as_object().unwrap());
        assert!(subscribed.len() == 1 && subscribed[0].contains("no.such.item"), "{subscribed:?}");
        let wrong = activation("@status(device.model.family) LIKES 'iPad'");
        assert!(wrong[0].0 == "Payload.Predicate" && wrong[0].1.contains("at character 30, “LIKES 'iPad'”"), "{wrong:?}");
    }

    #[test]
    fn where_a_type_and_its_keys_work_is_told() {
        let told = |name: &str, payload: Value| availability(&format!("com.apple.{name}"), payload.as_object().unwrap());
        assert_eq!(told("configuration.math.settings", json!({})), ["iOS 18.0, macOS 15.0"]);
        let code = told("configuration.passcode.settings", json!({ "MinimumComplexCharacters": 1, "MinimumLength": 6 }));
        assert!(code.len() == 2 && code[1].starts_with("Payload.MinimumComplexCharacters: iOS 16.2"), "{code:?}");
        assert!(told("configuration.toaster", json!({})).is_empty());
    }
}
