//! Every kind of event has words: those that the rooms write down are read from their source.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::protocol::command::schema;
use crate::store::commands::CommandState;

/// What looks like the kind of an event in the source of the rooms and is something else: keys of alerts, declarations, fields and files.
const NO_EVENTS: [&str; 45] = [
    "ade.ends",
    "ade.profile",
    "ade.refused",
    "ade.stuck",
    "ade.terms",
    "ade.unreachable",
    "admins.guessed",
    "attributes.associated_domains",
    "attributes.hideable",
    "authority.missing",
    "certificates.refused",
    "content_token.none",
    "devices.silent",
    "icon.png",
    "intelligence.settings",
    "keep.daily",
    "keep.monthly",
    "keep.weekly",
    "licences.ends",
    "licences.refused",
    "licences.taken",
    "licences.unreachable",
    "management.declarations",
    "manifest.plist",
    "mdm.app",
    "notices.mail",
    "package.list",
    "package.signer",
    "passcode.settings",
    "push.certificate_problem",
    "push.certificate_refused",
    "push.impossible",
    "push.none",
    "setup.accounts",
    "setup.no_authority",
    "softwareupdate.settings",
    "tls.certificate",
    "tls.ends",
    "tls.public",
    "tls.refused",
    "tls.untrusted",
    "updates.from",
    "updates.to",
    "wanted.refused",
    "webhook.away",
];

fn event(kind: &str, data: Value) -> Event {
    Event {
        seq: 1,
        at: Timestamp::from_seconds(1_795_000_000),
        kind: kind.to_owned(),
        actor_kind: "job".into(),
        actor: "reconcile".into(),
        device_id: None,
        enrollment_id: None,
        command_uuid: None,
        data,
    }
}

/// Adds what stands between quotes in the files of a folder and looks like the kind of an event.
fn gather(folder: &Path, kinds: &mut BTreeSet<String>) {
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if file.is_dir() {
            // Findings of the doctor are no events.
            if name != "tests" && name != "doctor" {
                gather(&file, kinds);
            }
            continue;
        }
        if name == "tests.rs" || file.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        let parts: Vec<_> = source.split('"').collect();
        for pair in parts.windows(2) {
            let (before, text) = (pair[0], pair[1]);
            let is_word = |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
            let is_kind = text.split_once('.').is_some_and(|(noun, verb)| is_word(noun) && is_word(verb));
            if is_kind && !before.ends_with("Setting::new(") && !NO_EVENTS.contains(&text) {
                kinds.insert(text.to_owned());
            }
        }
    }
}

#[test]
fn every_kind_of_event_that_is_written_down_has_words() {
    let mut kinds = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in ["mdm", "jobs"] {
        gather(&source.join(folder), &mut kinds);
    }
    kinds.extend(CommandState::ALL.iter().filter(|state| !state.is_open()).map(|state| format!("command.{state}")));
    kinds.extend(["ade.terms_noticed", "ade.refused_noticed", "ade.ends_noticed", "ade.unreachable_noticed"].map(String::from));
    assert!(kinds.len() > 200 && kinds.contains("device.position_shown"), "{kinds:?}");
    let without: Vec<_> =
        kinds.iter().filter(|kind| entry(event(kind, json!({ "request_type": "DeviceLock" })), false).what == **kind).collect();
    assert!(without.is_empty(), "say in src/http/pages/handlers/words what these are: {without:?}");
}

#[test]
fn no_protocols_word_stands_on_the_first_level_and_each_opens_below() {
    for request_type in schema::request_types() {
        for kind in ["command.queued", "command.acknowledged", "command.error", "command.not_now", "command.cancelled"] {
            let entry = entry(event(kind, json!({ "request_type": request_type })), false);
            let is_name = request_type.chars().filter(|letter| letter.is_uppercase()).count() > 1;
            assert!(!is_name || !entry.what.contains(request_type), "{}", entry.what);
            assert!(entry.raw.iter().any(|(_, text)| text.contains(request_type)), "{:?}", entry.raw);
        }
    }
    let located = entry(event("command.acknowledged", json!({ "request_type": "DeviceLocation" })), false);
    assert_eq!((located.what.as_str(), located.by.as_str()), ("Said where it is", "Rollcall itself"));
    assert!(located.raw.contains(&(String::from("actor"), String::from("job reconcile"))), "{:?}", located.raw);
    assert!(located.raw.contains(&(String::from("event"), String::from("command.acknowledged"))), "{:?}", located.raw);
}

#[test]
fn who_did_it_is_said_in_words() {
    let by = |actor_kind: &str, actor: &str| {
        by(&Event { actor_kind: actor_kind.into(), actor: actor.into(), ..event("device.retired", Value::Null) })
    };
    assert_eq!(by("person", "kim (owner)"), "kim (owner)");
    assert_eq!(by("token", "token nightly (admin)"), "the script nightly (admin)");
    assert_eq!(by("console", "console"), "the server’s command line");
    assert_eq!(by("device", "iPad 1"), "");
}
