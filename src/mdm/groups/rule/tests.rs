//! Rules against facts: every leaf, what is unknown, and the laws that all, any and not keep.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn facts() -> Facts {
    Facts {
        platform: Platform::Ios,
        os_version: OsVersion::parse("17.5"),
        model_name: "iPad".into(),
        product_name: "iPad13,18".into(),
        supervised: Some(true),
        name: "Cart A 07".into(),
        serial_number: Some("TESTSN0001".into()),
        classes: vec!["7b".into()],
        role: Some(PersonRole::Student),
        apps: Some(vec!["com.example.maths".into()]),
        enrollment: EnrollmentKind::Device,
    }
}

/// A device that has said nothing and belongs to nobody.
fn silent() -> Facts {
    Facts {
        platform: Platform::Unknown,
        os_version: OsVersion::UNKNOWN,
        model_name: String::new(),
        product_name: String::new(),
        supervised: None,
        name: String::new(),
        serial_number: None,
        classes: vec![],
        role: None,
        apps: None,
        enrollment: EnrollmentKind::Device,
    }
}

fn rule(json: serde_json::Value) -> Rule {
    let rule: Rule = serde_json::from_value(json.clone()).unwrap();
    rule.check().unwrap();
    assert_eq!(serde_json::to_value(&rule).unwrap(), json, "it is written as it was read");
    rule
}

#[test]
fn each_condition_finds_what_its_row_says() {
    // Condition; for a device with facts; for one without.
    let table = [
        (json!("everything"), Some(true), Some(true)),
        (json!({ "platform": "ios" }), Some(true), None),
        (json!({ "platform": "macos" }), Some(false), None),
        (json!({ "os": { "at_least": "17.5" } }), Some(true), None),
        (json!({ "os": { "at_least": "17.5.1" } }), Some(false), None),
        (json!({ "os": { "below": "18" } }), Some(true), None),
        (json!({ "os": { "at_least": "17", "below": "17.5" } }), Some(false), None),
        (json!({ "model": "ipad13" }), Some(true), None),
        (json!({ "model": "IPAD" }), Some(true), None),
        (json!({ "model": "Mac" }), Some(false), None),
        (json!({ "supervised": true }), Some(true), None),
        (json!({ "supervised": false }), Some(false), None),
        (json!({ "name": { "contains": "art a" } }), Some(true), None),
        (json!({ "name": { "begins": "CART" } }), Some(true), None),
        (json!({ "name": { "begins": "art" } }), Some(false), None),
        (json!({ "serial": ["testsn0001", "TESTSN0002"] }), Some(true), None),
        (json!({ "serial": ["TESTSN0002"] }), Some(false), None),
        (json!({ "class": "7b" }), Some(true), None),
        (json!({ "class": "7c" }), Some(false), None),
        (json!({ "role": "student" }), Some(true), None),
        (json!({ "role": "teacher" }), Some(false), None),
        (json!({ "person": true }), Some(true), Some(false)),
        (json!({ "person": false }), Some(false), Some(true)),
        (json!({ "not": { "person": true } }), Some(false), Some(true)),
        (json!({ "not": { "role": "teacher" } }), Some(true), None),
        (json!({ "app": "com.example.maths" }), Some(true), None),
        (json!({ "app": "com.example.art" }), Some(false), None),
        (json!({ "enrollment": "device" }), Some(true), Some(true)),
        (json!({ "enrollment": "user_enrollment_device" }), Some(false), Some(false)),
        (json!({ "not": { "supervised": true } }), Some(false), None),
        (json!({ "not": { "class": "7b" } }), Some(false), None),
        (json!({ "all": [{ "platform": "ios" }, { "class": "7b" }] }), Some(true), None),
        (json!({ "all": [{ "platform": "ios" }, "everything"] }), Some(true), None),
        (json!({ "any": [{ "platform": "macos" }, { "class": "7b" }] }), Some(true), None),
        (json!({ "any": [{ "platform": "macos" }, "everything"] }), Some(true), Some(true)),
    ];
    for (json, with, without) in table {
        let rule = rule(json.clone());
        assert_eq!((rule.judge(&facts()), rule.judge(&silent())), (with, without), "{json}");
        assert_eq!((rule.matches(&facts()), rule.matches(&silent())), (with == Some(true), without == Some(true)), "{json}");
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    for json in [
        json!({ "platfrom": "ios" }),
        json!({ "platform": "windows" }),
        json!({ "platform": "ios", "supervised": true }),
        json!({ "os": { "at_leats": "17" } }),
        json!({}),
        json!(null),
        json!({ "all": { "platform": "ios" } }),
    ] {
        assert!(serde_json::from_value::<Rule>(json.clone()).is_err(), "{json}");
    }
    for json in [
        json!({ "all": [] }),
        json!({ "os": {} }),
        json!({ "os": { "at_least": "new" } }),
        json!({ "name": { "contains": " " } }),
        json!({ "serial": [] }),
        json!({ "platform": "unknown" }),
        json!({ "not": { "any": [] } }),
        json!({ "app": "a\nb" }),
    ] {
        let rule: Rule = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(rule.check().unwrap_err().fields[0].field, "rule", "{json}");
    }
}

#[test]
fn a_rule_reaches_its_limits_and_not_beyond() {
    let nested = |depth: usize| (1..depth).fold(Rule::Everything, |rule, _| Rule::Not(Box::new(rule)));
    assert!(nested(DEPTH_MAX).check().is_ok() && nested(DEPTH_MAX + 1).check().is_err());
    let many = |conditions: usize| Rule::All(vec![Rule::Supervised(true); conditions - 1]);
    assert!(many(CONDITIONS_MAX).check().is_ok() && many(CONDITIONS_MAX + 1).check().is_err());
    let serials = |count: usize| Rule::Serial(vec!["TESTSN0001".into(); count]);
    assert!(serials(SERIALS_MAX).check().is_ok() && serials(SERIALS_MAX + 1).check().is_err());
    let halves = Rule::Any(vec![serials(SERIALS_MAX), serials(1)]);
    assert!(halves.check().is_err(), "the limit is the whole rule's");
    let text = |chars: usize| Rule::Model("é".repeat(chars));
    assert!(text(TEXT_MAX_CHARS).check().is_ok() && text(TEXT_MAX_CHARS + 1).check().is_err());
}

#[test]
fn a_rule_says_what_it_asks_for() {
    let rule = rule(json!({ "all": [{ "app": "a" }, { "not": { "app": "a" } }, { "any": [{ "class": "7b" }, { "app": "b" }] }] }));
    let mut asks = Asks::default();
    rule.ask(&mut asks);
    assert_eq!(asks, Asks { classes: true, role: false, apps: vec!["a".into(), "b".into()] });
    assert_eq!(rule.classes(), ["7b"]);
}

fn leaf() -> impl Strategy<Value = Rule> {
    prop_oneof![
        Just(Rule::Everything),
        prop_oneof![Just(Platform::Ios), Just(Platform::Macos)].prop_map(Rule::Platform),
        (15u32..19).prop_map(|major| Rule::Os(OsRange { at_least: Some(major.to_string()), below: None })),
        any::<bool>().prop_map(Rule::Supervised),
        "[a-c]{1,2}".prop_map(|text| Rule::Name(NameTest::Contains(text))),
        prop_oneof![Just("7b"), Just("7c")].prop_map(|class| Rule::Class(class.into())),
        prop_oneof![Just("a"), Just("b")].prop_map(|app| Rule::App(app.into())),
    ]
}

fn tree() -> impl Strategy<Value = Rule> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Rule::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Rule::Any),
            inner.prop_map(|rule| Rule::Not(Box::new(rule))),
        ]
    })
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let apps = prop::option::of(prop::sample::subsequence(vec!["a".to_owned(), "b".to_owned()], 0..=2));
    let classes = prop::sample::subsequence(vec!["7b".to_owned(), "7c".to_owned()], 0..=2);
    let platform = prop_oneof![Just(Platform::Ios), Just(Platform::Macos), Just(Platform::Unknown)];
    (platform, prop::option::of(15u32..19), prop::option::of(any::<bool>()), "[a-c]{0,3}", classes, apps).prop_map(
        |(platform, major, supervised, name, classes, apps)| Facts {
            platform,
            os_version: major.map_or(OsVersion::UNKNOWN, |major| OsVersion::parse(&major.to_string())),
            supervised,
            name,
            classes,
            apps,
            ..silent()
        },
    )
}

fn not(rule: Rule) -> Rule {
    Rule::Not(Box::new(rule))
}

proptest! {
    #[test]
    fn negation_goes_inside_as_de_morgan_says(rules in prop::collection::vec(tree(), 1..5), facts in any_facts()) {
        let each: Vec<Rule> = rules.iter().cloned().map(not).collect();
        prop_assert_eq!(not(Rule::All(rules.clone())).judge(&facts), Rule::Any(each.clone()).judge(&facts));
        prop_assert_eq!(not(Rule::Any(rules)).judge(&facts), Rule::All(each).judge(&facts));
    }

    #[test]
    fn a_rule_and_its_negation_never_both_match(rule in tree(), facts in any_facts()) {
        prop_assert!(!(rule.matches(&facts) && not(rule.clone()).matches(&facts)));
        prop_assert_eq!(not(not(rule.clone())).judge(&facts), rule.judge(&facts));
    }

    #[test]
    fn order_and_repetition_do_not_count(rules in prop::collection::vec(tree(), 1..5), facts in any_facts()) {
        let mut others = rules.clone();
        others.reverse();
        others.push(rules[0].clone());
        prop_assert_eq!(Rule::All(rules.clone()).judge(&facts), Rule::All(others.clone()).judge(&facts));
        prop_assert_eq!(Rule::Any(rules).judge(&facts), Rule::Any(others).judge(&facts));
    }

    #[test]
    fn what_is_learned_later_never_turns_what_was_sure(rule in tree(), facts in any_facts(), supervised in any::<bool>(), major in 15u32..19) {
        let mut later = facts.clone();
        later.supervised = later.supervised.or(Some(supervised));
        if !later.os_version.is_known() {
            later.os_version = OsVersion::parse(&major.to_string());
        }
        if let Some(sure) = rule.judge(&facts) {
            prop_assert_eq!(rule.judge(&later), Some(sure));
        }
    }

    #[test]
    fn rules_are_read_as_they_are_written(rule in tree()) {
        let json = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule);
    }

    #[test]
    fn whatever_text_comes_is_read_or_refused(text in "[\\[\\]{}\":,a-z0-9 ]{0,80}") {
        if let Ok(rule) = serde_json::from_str::<Rule>(&text) {
            let _ = rule.check();
            let _ = rule.matches(&facts());
        }
    }
}

#[test]
fn spaces_around_a_text_mean_nothing() {
    for (typed, kept) in [
        (Rule::App(" com.example.a".into()), Rule::App("com.example.a".into())),
        (Rule::Model("iPad ".into()), Rule::Model("iPad".into())),
        (Rule::Name(NameTest::Begins(" Cart A".into())), Rule::Name(NameTest::Begins("Cart A".into()))),
    ] {
        assert_eq!(typed.straight(), kept);
    }
}
