//! Rules in words, as people read them.

use std::collections::BTreeMap;

use super::rule::{NameTest, OsRange, Rule};
use crate::error::Result;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::platform::Platform;
use crate::store::people::PersonRole;
use crate::store::{Tx, classes};

/// Serial numbers that are written out before "and 90 more".
const SERIALS_WRITTEN: usize = 3;

/// The names of the classes that a rule names, by id.
pub fn class_names(tx: &Tx, rule: &Rule) -> Result<BTreeMap<String, String>> {
    let mut names = BTreeMap::new();
    for id in rule.classes() {
        if let Some(class) = classes::by_id(tx, id)? {
            names.insert(class.id, class.name);
        }
    }
    Ok(names)
}

/// A rule as a sentence without its full stop; `classes` has the names of classes by id.
pub fn words(rule: &Rule, classes: &BTreeMap<String, String>) -> String {
    part(rule, classes, false, true)
}

/// One part of the sentence, the other way round if `negated`; lists within lists stand in brackets.
fn part(rule: &Rule, classes: &BTreeMap<String, String>, negated: bool, outermost: bool) -> String {
    let list = |rules: &[Rule], between: &str| {
        let parts: Vec<String> = rules.iter().map(|rule| part(rule, classes, negated, false)).collect();
        let joined = parts.join(between);
        if outermost || parts.len() < 2 { joined } else { format!("({joined})") }
    };
    let is = if negated { t!("is not") } else { t!("is") };
    match rule {
        Rule::Everything => if negated { t!("no device") } else { t!("every device") }.to_owned(),
        Rule::All(rules) => list(rules, if negated { t!(" or ") } else { t!(" and ") }),
        Rule::Any(rules) => list(rules, if negated { t!(" and ") } else { t!(" or ") }),
        Rule::Not(rule) => part(rule, classes, !negated, outermost),
        Rule::Platform(platform) => t!("it {is} {platform}", is, platform = platform_words(*platform)),
        Rule::Os(range) => os(range, negated),
        Rule::Model(text) => {
            t!("its model {contains} “{text}”", contains = if negated { t!("does not contain") } else { t!("contains") }, text)
        }
        Rule::Supervised(wanted) => if *wanted == negated { t!("it is not supervised") } else { t!("it is supervised") }.to_owned(),
        Rule::Name(NameTest::Contains(text)) => {
            t!("its name {contains} “{text}”", contains = if negated { t!("does not contain") } else { t!("contains") }, text)
        }
        Rule::Name(NameTest::Begins(text)) => {
            t!("its name {begins} with “{text}”", begins = if negated { t!("does not begin") } else { t!("begins") }, text)
        }
        Rule::Serial(serials) => {
            let shown = serials.iter().take(SERIALS_WRITTEN).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = match serials.len().saturating_sub(SERIALS_WRITTEN) {
                0 => String::new(),
                more => t!(" and {more} more", more),
            };
            t!("its serial number {is} {else}{shown}{more}", is, else = if serials.len() > 1 { t!("one of ") } else { "" }, shown, more)
        }
        Rule::Class(id) => {
            let name = classes.get(id).map_or(t!("a class that is not there any more"), String::as_str);
            t!("its person {is} in {name}", is, name)
        }
        Rule::Person(wanted) => t!("it belongs to {somebody}", somebody = if *wanted == negated { t!("nobody") } else { t!("somebody") }),
        Rule::Role(role) => t!("its person {is} {role}", is, role = role_words(*role)),
        Rule::App(identifier) => t!("the app {identifier} {is} installed", identifier, is),
        Rule::Enrollment(kind) => t!("it {is} {kind}", is, kind = enrollment_words(*kind)),
    }
}

fn os(range: &OsRange, negated: bool) -> String {
    let system = t!("its system is");
    match (&range.at_least, &range.below, negated) {
        (Some(least), Some(below), false) => t!("{system} {least} or later and older than {below}", system, least, below),
        (Some(least), Some(below), true) => t!("{system} older than {least}, or {below} or later", system, least, below),
        (Some(least), None, false) => t!("{system} {least} or later", system, least),
        (Some(version), None, true) | (None, Some(version), false) => t!("{system} older than {version}", system, version),
        (None, Some(below), true) => t!("{system} {below} or later", system, below),
        (None, None, _) => t!("{system} of any version", system),
    }
}

/// A family of devices for people.
pub fn platform_words(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios => t!("an iPhone or iPad"),
        Platform::Macos => t!("a Mac"),
        Platform::Tvos => t!("an Apple TV"),
        Platform::Visionos => t!("an Apple Vision Pro"),
        Platform::Watchos => t!("an Apple Watch"),
        Platform::Unknown => t!("of an unknown kind"),
    }
}

fn role_words(role: PersonRole) -> &'static str {
    match role {
        PersonRole::Student => t!("a student"),
        PersonRole::Teacher => t!("a teacher"),
        PersonRole::Staff => t!("on the staff"),
    }
}

fn enrollment_words(kind: EnrollmentKind) -> &'static str {
    if kind.is_user_enrollment() { t!("a person's own device") } else { t!("the organisation's device") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let classes = BTreeMap::from([("c1".to_owned(), "7b".to_owned())]);
        for (json, sentence) in [
            (json!("everything"), "every device"),
            (
                json!({ "all": [{ "platform": "ios" }, { "os": { "below": "18" } }] }),
                "it is an iPhone or iPad and its system is older than 18",
            ),
            (
                json!({ "any": [{ "class": "c1" }, { "all": [{ "supervised": false }, { "model": "Mac" }] }] }),
                "its person is in 7b or (it is not supervised and its model contains “Mac”)",
            ),
            (
                json!({ "not": { "all": [{ "role": "teacher" }, { "name": { "begins": "Cart" } }] } }),
                "its person is not a teacher or its name does not begin with “Cart”",
            ),
            (json!({ "not": { "not": { "supervised": true } } }), "it is supervised"),
            (json!({ "serial": ["A", "B", "C", "D", "E"] }), "its serial number is one of A, B, C and 2 more"),
            (json!({ "os": { "at_least": "17", "below": "18" } }), "its system is 17 or later and older than 18"),
            (json!({ "person": true }), "it belongs to somebody"),
            (json!({ "not": { "person": true } }), "it belongs to nobody"),
            (json!({ "class": "c9" }), "its person is in a class that is not there any more"),
        ] {
            assert_eq!(words(&serde_json::from_value(json).unwrap(), &classes), sentence);
        }
    }
}
