//! The builder, there and back.

use serde_json::json;

use super::*;

fn classes() -> Vec<(String, String)> {
    vec![("c1".into(), "7b".into())]
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_rule_of_one_list_goes_into_the_builder_and_comes_out_the_same() {
    for json in [
        json!("everything"),
        json!({ "platform": "ios" }),
        json!({ "not": { "model": "Mac" } }),
        json!({ "all": [{ "not": { "person": true } }, { "not": { "role": "teacher" } }] }),
        json!({ "all": [{ "platform": "ios" }, { "os": { "at_least": "17" } }, { "not": { "class": "c1" } }, { "app": "com.example.maths" }] }),
        json!({ "any": [{ "serial": ["A", "B"] }, { "name": { "begins": "Cart" } }, { "role": "teacher" }, { "supervised": true }] }),
        json!({ "any": [{ "enrollment": "device" }, { "name": { "contains": "Art" } }, { "os": { "below": "18" } }] }),
    ] {
        let rule: Rule = serde_json::from_value(json.clone()).unwrap();
        let builder = Builder::of(&rule).unwrap();
        assert_eq!(serde_json::to_value(builder.rule(&classes()).unwrap()).unwrap(), json);
        let html = builder.render(&classes(), &[]).into_string();
        assert!(html.contains("name=\"what-0\""), "{html}");
    }
    let deep: Rule =
        serde_json::from_value(json!({ "all": [{ "any": ["everything", { "all": [{ "class": "c1" }, "everything"] }] }] })).unwrap();
    assert_eq!(Builder::of(&deep), None);
    assert_eq!(Builder::of(&serde_json::from_value(json!({ "all": ["everything", { "any": [] }] })).unwrap()), None);
    let many = Rule::Any(vec![Rule::Everything; ROWS_MAX + 1]);
    assert_eq!(Builder::of(&many), None);
}

#[test]
fn lists_within_a_list_go_into_the_builder_and_come_out_the_same() {
    let mixed = json!({ "all": [{ "platform": "ios" }, { "any": [{ "class": "c1" }, { "not": { "role": "student" } }] }, { "supervised": true },
        { "any": [{ "model": "Air" }, { "model": "Pro" }] }] });
    for (json, same) in [
        (mixed.clone(), mixed),
        (
            json!({ "any": [{ "all": [{ "platform": "macos" }, { "os": { "below": "15" } }] }, { "name": { "begins": "Cart" } }] }),
            json!({ "any": [{ "all": [{ "platform": "macos" }, { "os": { "below": "15" } }] }, { "name": { "begins": "Cart" } }] }),
        ),
        (
            json!({ "all": [{ "not": { "all": [{ "person": true }, { "not": { "role": "teacher" } }] } }, "everything"] }),
            json!({ "all": [{ "any": [{ "not": { "person": true } }, { "role": "teacher" }] }, "everything"] }),
        ),
    ] {
        let builder = Builder::of(&serde_json::from_value(json).unwrap()).unwrap();
        assert_eq!(serde_json::to_value(builder.rule(&classes()).unwrap()).unwrap(), same);
        let html = builder.render(&classes(), &[]).into_string();
        let typed = builder.rows.iter().filter(|row| row.list.is_some()).count();
        assert_eq!(html.matches("name=\"list-").count(), typed, "{html}");
        assert!(html.contains(if builder.any { "every one of these</legend>" } else { "at least one of these</legend>" }), "{html}");
    }
}

#[test]
fn rows_are_added_where_the_button_says() {
    let read = |form: &str| Builder::read(&pairs(form));
    let lists = |builder: &Builder| builder.rows.iter().map(|row| row.list).collect::<Vec<_>>();
    let mut builder = read("what-0=supervised&what-1=model&value-1=Air&list-1=0&what-2=person");
    builder.add(AddTo::read("add-to-0").unwrap());
    builder.add(AddTo::read("add-list").unwrap());
    builder.add(AddTo::read("add").unwrap());
    assert_eq!(lists(&builder), [None, Some(0), Some(0), None, Some(1), None]);
    assert_eq!((AddTo::read("save"), AddTo::read("add-to-x")), (None, None));
    let mut full = Builder { any: false, rows: vec![BuilderRow::default(); ROWS_MAX] };
    full.add(AddTo::Outside);
    assert_eq!(full.rows.len(), ROWS_MAX);
    assert!(!full.render(&classes(), &[]).into_string().contains("add-list"));
}

#[test]
fn what_was_typed_is_read_row_by_row() {
    let builder = Builder::read(&pairs("mode=any&what-0=class&not-0=1&value-0=7B&what-1=&value-1=x&what-2=supervised"));
    assert_eq!((builder.any, builder.rows.len()), (true, 3));
    let rule = builder.rule(&classes()).unwrap();
    assert_eq!(serde_json::to_value(rule).unwrap(), json!({ "any": [{ "not": { "class": "c1" } }, { "supervised": true }] }));
    let long = (0..=ROWS_MAX).map(|at| format!("what-{at}=supervised")).collect::<Vec<_>>().join("&");
    assert_eq!(Builder::read(&pairs(&long)).rows.len(), ROWS_MAX);
}

#[test]
fn what_is_wrong_is_told_at_its_row() {
    for (form, field) in [
        ("mode=all", "rule"),
        ("what-0=", "rule"),
        ("what-0=platform&value-0=toaster", "value-0"),
        ("what-0=supervised&what-1=os_least&value-1=new", "value-1"),
        ("what-0=class&value-0=9z", "value-0"),
        ("what-0=serial&value-0=, ,", "value-0"),
        ("what-0=name_begins&value-0=", "value-0"),
        ("what-0=nonsense&value-0=x", "value-0"),
    ] {
        let error = Builder::read(&pairs(form)).rule(&classes()).unwrap_err();
        assert_eq!(error.fields[0].field, field, "{form}");
    }
}
