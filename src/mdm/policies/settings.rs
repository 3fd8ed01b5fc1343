//! What the switches of a policy are set to: read strictly, said in words, and warned of where they do less than they seem to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::catalogue::{self, Switch, ValueKind};
use super::{betas, updates};
use crate::error::{Error, Kind, Result};
use crate::language::say;
use crate::protocol::restrictions::{email_domain, web_domain};

/// The most entries of a list of apps or domains.
pub const APP_LIST_MAX: usize = 500;

/// Digits of the id of a beta programme.
const PROGRAM_ID_CHARS: usize = 32;

/// Longest bundle id, in letters.
const BUNDLE_ID_MAX: usize = 155;

/// Apps that every device needs, which no block list may name.
const NEVER_BLOCKED: [(&str, &str); 2] = [("com.apple.Preferences", "Settings"), ("com.apple.mobilephone", "Phone")];

/// What stands for every web clip in lists of apps.
const WEB_CLIPS: &str = "com.apple.webapp";

/// Something that a policy does not do though it may look so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The switch that it is about.
    pub switch: &'static str,
    /// What is to be known, and what to do.
    pub words: String,
}

/// Reads settings: `{switch: value}`. Switches that are off (`false`, null) are left out; lists come out sorted, each entry once.
///
/// # Errors
/// Names every switch that is unknown or has an impossible value, as `settings.<switch>`, and says what to do.
pub fn read(settings: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut kept = Map::new();
    let mut faults: Vec<(String, String)> = Vec::new();
    for (id, value) in settings {
        let Some(switch) = catalogue::find(id) else {
            faults.push((format!("settings.{id}"), String::from(t!("there is no such switch; GET /api/v1/policies/switches lists them"))));
            continue;
        };
        if matches!(value, Value::Null | Value::Bool(false)) {
            continue;
        }
        match read_value(switch, value) {
            Ok(value) => drop(kept.insert(id.clone(), value)),
            Err(words) => faults.push((format!("settings.{id}"), words)),
        }
    }
    let contradictions = updates::contradictions(&kept).chain(betas::contradictions(&kept));
    faults.extend(contradictions.map(|(id, words)| (format!("settings.{id}"), words)));
    if faults.is_empty() && kept.is_empty() {
        return Err(Error::field("settings", t!("switch at least one thing on; a policy without any does nothing")));
    }
    let mut faults = faults.into_iter().map(|(field, words)| Error::field(field, words));
    let Some(mut error) = faults.next() else { return Ok(kept) };
    for more in faults {
        error.message = format!("{}; {}", error.message, more.message).into();
        error.fields.extend(more.fields);
    }
    error.kind = Kind::BadInput;
    Err(error)
}

fn read_value(switch: &Switch, value: &Value) -> Result<Value, String> {
    match switch.kind {
        ValueKind::OnOff => value.as_bool().map(Value::Bool).ok_or_else(|| String::from(t!("this switch is on (true) or off (false)"))),
        ValueKind::Number(least, most, unit) => {
            let number = value.as_i64().filter(|number| (least..=most).contains(number));
            number.map(Value::from).ok_or_else(|| t!("a whole number from {least} to {most} ({unit})", least, most, unit = say(unit)))
        }
        ValueKind::Choice(options) => {
            let number = value.as_i64().filter(|number| options.iter().any(|(option, _)| option == number));
            let words = || options.iter().map(|(option, words)| format!("{option} ({})", say(words))).collect::<Vec<_>>().join(", ");
            number.map(Value::from).ok_or_else(|| t!("one of {value}", value = words()))
        }
        ValueKind::Word(options) => {
            let known = value.as_str().filter(|word| options.iter().any(|(option, _)| option == word));
            let words = || options.iter().map(|(option, words)| format!("{option} ({})", say(words))).collect::<Vec<_>>().join(", ");
            known.map(Value::from).ok_or_else(|| t!("one of {value}", value = words()))
        }
        ValueKind::Apps => read_list(value, t!("bundle ids such as com.example.app"), |text| bundle_id(switch.id, text)),
        ValueKind::WebDomains => {
            read_list(value, t!("domains such as example.org"), |text| web_domain(text).map_err(|error| error.to_string()))
        }
        ValueKind::MailDomains => {
            read_list(value, t!("domains such as example.school"), |text| email_domain(text).map_err(|error| error.to_string()))
        }
        ValueKind::BetaPrograms => read_list(value, t!("ids of beta programmes; GET /api/v1/beta-programs lists them"), program_id),
    }
}

fn read_list(value: &Value, what: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
        return Err(t!("a list of {what}; leave the switch off if there is none", what));
    };
    if items.len() > APP_LIST_MAX {
        return Err(t!("at most {APP_LIST_MAX} entries", APP_LIST_MAX));
    }
    let mut kept = BTreeSet::new();
    for item in items {
        let Some(text) = item.as_str() else { return Err(t!("a list of {what}", what)) };
        kept.insert(read(text).map_err(|error| format!("`{}`: {error}", shortened(text)))?);
    }
    Ok(kept.into_iter().map(Value::String).collect())
}

fn program_id(text: &str) -> Result<String, String> {
    let id = text.trim().to_ascii_lowercase();
    let is_one = id.len() == PROGRAM_ID_CHARS && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_one { Ok(id) } else { Err(String::from(t!("this is no id of a beta programme; GET /api/v1/beta-programs lists them"))) }
}

/// What was typed, short enough to be repeated.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() > SHOWN { format!("{}…", text.chars().take(SHOWN).collect::<String>()) } else { text.to_owned() }
}

fn bundle_id(switch: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    let sound = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    if text.is_empty() || text.len() > BUNDLE_ID_MAX || !text.contains('.') || !text.chars().all(sound) {
        return Err(String::from(t!("this is no bundle id; one looks like com.example.app")));
    }
    if let Some((_, name)) = NEVER_BLOCKED.iter().find(|(id, _)| switch == "app_block_list" && id.eq_ignore_ascii_case(text)) {
        return Err(t!("{name} cannot be blocked; take it off the list", name));
    }
    Ok(text.to_owned())
}

/// A switch with its value, for people: `Shortest passcode: 6 letters or digits`; `programs` tells what beta programmes are called.
pub fn in_words(switch: &Switch, value: &Value, programs: &BTreeMap<String, String>) -> String {
    let label = say(switch.label);
    match switch.kind {
        ValueKind::BetaPrograms => betas::in_words(label, value, programs),
        ValueKind::OnOff => label.to_owned(),
        ValueKind::Number(_, _, unit) => format!("{label}: {value} {}", say(unit)),
        ValueKind::Choice(options) => {
            let words = options.iter().find(|(option, _)| value.as_i64() == Some(*option)).map_or("", |(_, words)| say(words));
            format!("{label}: {words}")
        }
        ValueKind::Word(options) => {
            let words = options.iter().find(|(option, _)| value.as_str() == Some(option)).map_or("", |(_, words)| say(words));
            format!("{label}: {words}")
        }
        ValueKind::Apps | ValueKind::WebDomains | ValueKind::MailDomains => {
            let items: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("{label}: {}", items.join(", "))
        }
    }
}

/// What settings that were read do not do though they may look so.
pub fn warnings(settings: &Map<String, Value>) -> Vec<Warning> {
    let on = |id: &str| settings.contains_key(id);
    let (out, into) = (on("open_in_managed_stays"), on("open_in_unmanaged_stays"));
    let mut found = Vec::new();
    let mut warn = |when: bool, switch: &'static str, words: &str| {
        if when {
            found.push(Warning { switch, words: words.to_owned() });
        }
    };
    warn(
        on("open_in_pasteboard") && !out && !into,
        "open_in_pasteboard",
        t!("Copy and paste follows the two directions; with both open this switch alone does nothing. Close at least one of them."),
    );
    warn(
        on("open_in_airdrop") && !out,
        "open_in_airdrop",
        t!("AirDrop counts as private only for managed documents that stay in managed apps: switch that on too."),
    );
    for id in ["open_in_write_contacts", "open_in_read_contacts"] {
        warn(on(id) && !out, id, t!("This loosens “Managed documents open only in managed apps”; without that it does nothing."));
    }
    warn(
        out && into,
        "open_in_unmanaged_stays",
        t!(
            "With both directions closed and no managed app that shows documents, people cannot open attachments of managed mail. Assign one, for \
         example a viewer for PDF."
        ),
    );
    warn(
        out && !on("open_in_airdrop"),
        "open_in_managed_stays",
        t!("AirDrop's sheet still takes managed documents. Switch on “AirDrop counts as private” to close it."),
    );
    warn(
        (out || into) && !on("managed_web_domains"),
        "open_in_managed_stays",
        t!("Safari's downloads count as private, whatever the page. List your web domains to make those from there managed."),
    );
    warn(
        on("managed_web_domains") && !out && !into,
        "managed_web_domains",
        t!("Downloads from these domains count as managed, but managed documents still open everywhere: close at least one direction."),
    );
    warn(
        on("app_allow_list") && on("app_block_list"),
        "app_block_list",
        t!("What is not on the list of “Only these apps” is hidden anyway. Use one of the two lists."),
    );
    warn(
        on("no_passcode_changes") && (on("passcode_max_age") || on("passcode_required")),
        "no_passcode_changes",
        t!("Nobody can set or change a passcode then, though another switch asks for it."),
    );
    let list = |id: &str| settings.get(id).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    warn(
        list("app_block_list").contains(&"com.apple.AppStore"),
        "app_block_list",
        t!("Without the App Store, people cannot accept the terms that licences assigned to users need."),
    );
    let (allowed, blocked) = (list("app_allow_list"), list("app_block_list"));
    warn(
        !allowed.is_empty() && !allowed.contains(&WEB_CLIPS),
        "app_allow_list",
        t!("Web clips disappear too, and with them the icon of the catalogue: put com.apple.webapp on the list to keep them, and \
         com.apple.mobilesafari, which opens their pages."),
    );
    warn(
        blocked.contains(&WEB_CLIPS),
        "app_block_list",
        t!("com.apple.webapp stands for every web clip: the icon of the catalogue disappears with them."),
    );
    for (switch, words) in updates::warnings(settings).into_iter().chain(betas::warnings(settings)) {
        warn(true, switch, words);
    }
    for id in ["managed_web_domains", "password_domains"] {
        found.extend(catalogue::find(id).into_iter().flat_map(|switch| halves(switch.id, &list(id))));
    }
    found
}

/// Domains whose sub-domains are not listed, and sub-domains whose domain is not.
fn halves(switch: &'static str, domains: &[&str]) -> Vec<Warning> {
    let missing = domains.iter().filter_map(|domain| match domain.strip_prefix("*.") {
        // `*.co` stands for example.co; nobody wants `co` itself.
        Some(bare) => {
            bare.split(['/', ':']).next().is_some_and(|host| host.contains('.')).then(|| (bare.to_owned(), t!("itself is not listed")))
        }
        None => domain.contains('.').then(|| (format!("*.{domain}"), t!("its sub-domains are not listed"))),
    });
    let missing: Vec<_> = missing.filter(|(other, _)| !domains.contains(&other.as_str())).collect();
    let words = |(other, what): &(String, &str)| {
        let domain = other.strip_prefix("*.").unwrap_or(other);
        t!("{domain}: {what}. Add {other} if they are meant too.", domain, what, other)
    };
    missing.iter().map(|pair| Warning { switch, words: words(pair) }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn fault(value: Value) -> (String, String) {
        let error = read(&settings(value)).unwrap_err();
        (error.fields[0].field.clone(), error.fields[0].message.clone())
    }

    #[test]
    fn what_is_off_is_left_out_and_lists_are_put_in_order() {
        let kept = read(&settings(json!({
            "no_camera": true, "no_airdrop": false, "no_siri": null, "passcode_min_length": 6, "app_age": 200,
            "app_block_list": ["com.b.two", " com.a.one ", "com.b.two"], "managed_web_domains": ["HTTPS://Example.org/"],
        })))
        .unwrap();
        let expected = json!({
            "no_camera": true, "passcode_min_length": 6, "app_age": 200, "app_block_list": ["com.a.one", "com.b.two"],
            "managed_web_domains": ["example.org"],
        });
        assert_eq!(Value::Object(kept.clone()), expected);
        assert_eq!(read(&kept).unwrap(), kept, "what was read is read again as it is");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_do() {
        for (value, field, words) in [
            (json!({ "no_cammera": true }), "settings.no_cammera", "there is no such switch"),
            (json!({ "no_camera": "yes" }), "settings.no_camera", "on (true) or off (false)"),
            (json!({ "passcode_min_length": 3 }), "settings.passcode_min_length", "from 4 to 16"),
            (json!({ "passcode_min_length": 17 }), "settings.passcode_min_length", "from 4 to 16"),
            (json!({ "passcode_min_length": 6.5 }), "settings.passcode_min_length", "whole number"),
            (json!({ "app_age": 150 }), "settings.app_age", "100 (up to 4+)"),
            (json!({ "app_allow_list": [] }), "settings.app_allow_list", "leave the switch off"),
            (json!({ "app_allow_list": ["Keynote"] }), "settings.app_allow_list", "`Keynote`: this is no bundle id"),
            (json!({ "app_block_list": ["com.apple.Preferences"] }), "settings.app_block_list", "Settings cannot be blocked"),
            (json!({ "managed_web_domains": ["a.*.org"] }), "settings.managed_web_domains", "a * stands only at the beginning"),
            (json!({ "managed_email_domains": ["kim@example.school"] }), "settings.managed_email_domains", "behind the @"),
            (json!({ "no_camera": false }), "settings", "switch at least one thing on"),
            (json!({}), "settings", "switch at least one thing on"),
        ] {
            let (at, said) = fault(value.clone());
            assert_eq!(at, field, "{value}");
            assert!(said.contains(words), "{value}: {said}");
        }
        let all = read(&settings(json!({ "no_camera": 1, "nonsense": true }))).unwrap_err();
        assert_eq!(all.fields.len(), 2, "everything that is wrong is said at once");
    }

    #[test]
    fn a_list_has_a_limit() {
        let apps = |count: usize| json!({ "app_block_list": (0..count).map(|at| format!("com.example.app{at}")).collect::<Vec<_>>() });
        assert!(read(&settings(apps(APP_LIST_MAX))).is_ok());
        assert!(fault(apps(APP_LIST_MAX + 1)).1.contains("at most 500"));
        assert!(fault(json!({ "app_block_list": [format!("com.{}", "a".repeat(BUNDLE_ID_MAX))] })).1.len() < 200);
    }

    #[test]
    fn what_does_less_than_it_seems_is_said() {
        let warned = |value: Value| warnings(&settings(value)).into_iter().map(|warning| warning.words).collect::<Vec<_>>().join(" ");
        assert!(warned(json!({ "open_in_pasteboard": true })).contains("alone does nothing"));
        assert!(warned(json!({ "open_in_managed_stays": true, "open_in_unmanaged_stays": true })).contains("cannot open attachments"));
        assert!(warned(json!({ "open_in_managed_stays": true })).contains("AirDrop's sheet"));
        assert!(warned(json!({ "open_in_write_contacts": true })).contains("without that it does nothing"));
        let domains = warned(json!({ "open_in_managed_stays": true, "open_in_airdrop": true, "managed_web_domains": ["example.org"] }));
        assert!(domains.contains("Add *.example.org"), "{domains}");
        assert!(warned(json!({ "managed_web_domains": ["*.example.org"] })).contains("Add example.org"));
        let whole = json!({ "open_in_managed_stays": true, "open_in_airdrop": true, "managed_web_domains": ["*.co", "*.example.org", "example.org"] });
        assert_eq!(warned(whole), "");
        assert_eq!(warned(json!({ "no_camera": true })), "");
    }

    #[test]
    fn a_switch_is_said_with_its_value() {
        let said = |id: &str, value: Value| in_words(catalogue::find(id).unwrap(), &value, &BTreeMap::new());
        assert_eq!(said("no_camera", json!(true)), "No camera");
        assert_eq!(said("passcode_min_length", json!(6)), "Shortest passcode: 6 letters or digits");
        assert_eq!(said("app_age", json!(300)), "Apps up to an age rating: up to 12+");
        assert_eq!(said("app_block_list", json!(["a.b", "c.d"])), "Not these apps: a.b, c.d");
    }
}
