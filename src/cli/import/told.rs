//! What became of an import, for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::print::{moment, text};

/// Refusals that are told one by one; JSON has all.
const TOLD_MAX: usize = 20;

/// The report in words.
pub(super) fn told(report: &Value) -> String {
    let mut words = String::new();
    let mut line = |text: String| {
        // Writing to a text cannot fail.
        let _ = writeln!(words, "{text}");
    };
    let list = |field: &str| report[field].as_array().cloned().unwrap_or_default();
    for authority in list("authorities") {
        let key = if authority["has_key"] == Value::Bool(true) { " with its key, so that its SCEP goes on" } else { "" };
        let known = if text(&authority, "outcome") == "known" { "was known" } else { "is trusted" };
        line(format!(
            "Authority “{}” {known}{key}; its devices are taken in until {}.",
            text(&authority, "name"),
            moment(&authority, "taken_until_at", "")
        ));
        if let Some(warning) = authority["warning"].as_str() {
            line(format!("Note: {warning}"));
        }
    }
    for push in list("push_certificates") {
        line(format!("Push certificate {}, good until {}.", text(&push, "topic"), moment(&push, "not_after_at", "")));
    }
    if report["profile"].is_object() {
        let profile = &report["profile"];
        line(format!(
            "Profile {}: {} of the devices that moved in have it, at {}.",
            text(profile, "identifier"),
            profile["devices"],
            text(profile, "server_url")
        ));
        for warning in profile["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            line(format!("Note: {warning}"));
        }
    }
    let count = |word: &str| report["messages"][word].as_u64().unwrap_or_default();
    line(format!(
        "Check-ins: {} new, {} changed, {} unchanged, {} passed over because their device has come itself, {} refused.",
        count("new"),
        count("changed"),
        count("unchanged"),
        count("passed_over"),
        count("refused")
    ));
    let refused = list("refused");
    for one in refused.iter().take(TOLD_MAX) {
        line(format!("Refused: {} {}: {}", text(one, "message_type"), text(one, "id"), text(one, "because")));
    }
    if refused.len() > TOLD_MAX {
        line(format!("… and {} more; --json names all.", refused.len() - TOLD_MAX));
    }
    for left in list("left").iter().filter_map(Value::as_str) {
        line(format!("Left behind: {left}"));
    }
    for topic in list("topics_without_certificate") {
        line(format!(
            "Note: {} devices listen to the topic {}, for which there is no push certificate here: they cannot be woken. Bring the other server's, with its key.",
            topic["devices"],
            text(&topic, "topic")
        ));
    }
    for problem in list("problems").iter().filter_map(Value::as_str) {
        line(format!("Not taken: {problem}"));
    }
    if report["check"] == Value::Bool(true) {
        line(String::from("Nothing was changed (--check)."));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_became_of_it_is_said() {
        let report = json!({
            "check": true, "authorities": [{ "name": "MicroMDM", "has_key": true, "outcome": "new", "taken_until_at": "2026-12-25T08:00:00Z", "warning": null }],
            "push_certificates": [], "profile": { "identifier": "a.b", "devices": 3, "server_url": "https://old.example.school/mdm", "warnings": ["Mind."] },
            "messages": { "new": 4, "changed": 0, "unchanged": 1, "passed_over": 2, "refused": 21 },
            "refused": vec![json!({ "message_type": "TokenUpdate", "id": "A-1:U", "because": "Send first." }); 21],
            "left": ["1 device never enrolled there or left."], "topics_without_certificate": [{ "topic": "t", "devices": 2 }], "problems": ["the push certificate: expired"],
        });
        let told = told(&report);
        for words in [
            "“MicroMDM” is trusted with its key",
            "3 of the devices that moved in have it",
            "Note: Mind.",
            "4 new, 0 changed, 1 unchanged, 2 passed over",
            "Refused: TokenUpdate A-1:U: Send first.",
            "and 1 more",
            "Left behind: 1 device",
            "2 devices listen to the topic t",
            "Not taken: the push certificate",
            "Nothing was changed",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
