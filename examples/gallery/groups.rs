//! Groups, people and classes, the import, and the scope picker.

use rollcall::http::pages::groups::builder::{Builder, BuilderRow};
use rollcall::http::pages::groups::{self, Found, GroupForm, GroupRow, GroupView, GroupsView, PutInto};
use rollcall::http::pages::parts::{Button, Frame, Markup, ScopeGroup, ScopeView, Section, frame, html, post, scope};
use rollcall::http::pages::people::classes::{self, ClassView, ClassesView, MemberRow};
use rollcall::http::pages::people::{self, GiveView, PeopleView, PersonForm, PersonRow, PersonView, import};
use rollcall::mdm::people::import::{Part, Preview, Summary};
use rollcall::store::people::{PersonRole, Source};

use crate::{ago, in_days, shell};

const LONG: &str = "Everything that the science department lends out over the summer holidays, charged or not";

/// Their names and HTML.
pub(crate) fn pages() -> Vec<(&'static str, Markup)> {
    let changer = |view: GroupsView| GroupsView { may_change: true, ..view };
    vec![
        ("groups", groups::list(&shell(), &changer(GroupsView { rows: rows(), total: 3, ..GroupsView::default() }))),
        ("groups-none", groups::list(&shell(), &changer(GroupsView::default()))),
        ("group", groups::one(&shell(), &group(String::new()))),
        ("group-by-rule", groups::one(&shell(), &group(rows()[1].rule.clone()))),
        ("group-delete", groups::delete(&shell(), &group(String::new()), None)),
        ("group-form", groups::form(&shell(), &form())),
        ("group-put-into", groups::put_into(&shell(), &put_into())),
        ("people", people::list(&shell(), &everybody())),
        ("people-none", people::list(&shell(), &PeopleView { may_change: true, ..PeopleView::default() })),
        ("person", people::one(&shell(), &person())),
        ("person-form", people::form(&shell(), &person_form())),
        ("person-give", people::give(&shell(), &give())),
        ("classes", classes::list(&shell(), &all_classes())),
        ("class", classes::one(&shell(), &class())),
        ("import", import::choose(&shell(), Some("“people.csv” has letters in line 12 that are not UTF-8, so names would be spoiled."))),
        ("import-preview", import::preview(&shell(), &Preview { id: "1".into(), summary: summary() })),
        ("scope", picker()),
    ]
}

fn rows() -> Vec<GroupRow> {
    let row = |id: &str, name: &str, rule: &str, devices| GroupRow { id: id.into(), name: name.into(), rule: rule.into(), devices };
    vec![
        row("a", "Cart A", "", 28),
        row("b", "iPads of year 7", "it is an iPhone or iPad and its person is in 7b and its system is older than 18", 1_240),
        row("c", LONG, "", 0),
    ]
}

fn group(rule: String) -> GroupView {
    let devices = (1..=4).map(|n| (n.to_string(), format!("Cart A {n}"), format!("TESTSN000{n}"))).collect();
    GroupView {
        trials: Vec::new(),
        row: GroupRow { id: "a".into(), name: "Cart A".into(), rule, devices: 4 },
        note: "The cart in room 12".into(),
        devices,
        first: None,
        next: None,
        assigned: vec![
            ("/policies/1".into(), "Policy Exams".into(), Some(in_days(3))),
            ("/profiles/2".into(), "Profile Wi-Fi".into(), None),
        ],
        ended: vec![("/policies/3".into(), "Policy Trip to the museum".into(), ago(86_400 * 3))],
        clashes: vec!["“Wi-Fi” and the policy “Exams” both set allowCamera (Restrictions), and both are for the same 4 devices: which one counts is not certain. Set it in one of them only.".into()],
        may_change: true,
        typed: String::new(),
        error: None,
    }
}

fn form() -> GroupForm {
    let row = |what: &str, not, value: &str| BuilderRow { what: what.into(), not, value: value.into(), list: None };
    let in_list = |what: &str, value: &str| BuilderRow { list: Some(0), ..row(what, false, value) };
    let rows = vec![
        in_list("model", "Air"),
        in_list("model", "Pro"),
        row("platform", false, "ios"),
        row("class", true, "7b"),
        row("os_least", false, "new"),
        row("supervised", false, ""),
    ];
    GroupForm {
        name: "iPads of year 7".into(),
        builder: Some(Builder { any: false, rows }),
        classes: vec![("7b".into(), "7b".into()), ("7c".into(), LONG.into())],
        found: Some(Found {
            words: "it is an iPhone or iPad and its person is not in 7b".into(),
            count: 28,
            of: 300,
            names: (1..=10).map(|n| format!("Cart A {n}")).collect(),
        }),
        errors: vec![("value-2".into(), "A version, for example 17.5.".into())],
        ..GroupForm::default()
    }
}

fn put_into() -> PutInto {
    PutInto { names: (1..=5).map(|n| format!("Cart A {n}")).collect(), choices: vec![("a".into(), "Cart A".into())], ..PutInto::default() }
}

fn person_row(id: &str, name: &str, role: PersonRole, active: bool, devices: u64) -> PersonRow {
    PersonRow { id: id.into(), name: name.into(), email: format!("{id}@example.school"), role, active, devices }
}

fn everybody() -> PeopleView {
    PeopleView {
        rows: vec![
            person_row("ada", "Ada Example", PersonRole::Teacher, true, 2),
            person_row("kim", "Kim Example", PersonRole::Student, true, 1),
            person_row("lee", LONG, PersonRole::Staff, false, 0),
        ],
        total: 1_240,
        classes: 42,
        next: Some("/people?after=x".into()),
        may_change: true,
        ..PeopleView::default()
    }
}

fn person() -> PersonView {
    PersonView {
        account: String::from("kim@appleaccount.example.school"),
        locations: Vec::new(),
        row: person_row("kim", "Kim Example", PersonRole::Student, true, 1),
        source: Source::Oneroster,
        devices: vec![("/devices/1".into(), "Cart A 3".into())],
        classes: vec![("/classes/7b".into(), "7b".into(), false), ("/classes/chess".into(), "Chess".into(), true)],
        has_left: false,
        may_change: true,
    }
}

fn person_form() -> PersonForm {
    PersonForm {
        account: String::from("kim@appleaccount.example.school"),
        id: Some("kim".into()),
        name: "Kim Example".into(),
        email: "kim".into(),
        role: PersonRole::Student,
        active: true,
        imported: true,
        errors: vec![("email".into(), "An e-mail address, or nothing.".into())],
    }
}

fn give() -> GiveView {
    GiveView {
        device: "1".into(),
        name: "Cart A 3".into(),
        now: Some(("ada".into(), "Ada Example".into())),
        search: "example".into(),
        found: everybody().rows,
        total: 40,
    }
}

fn all_classes() -> ClassesView {
    ClassesView {
        rows: vec![("7b".into(), "7b".into(), 28), ("x".into(), LONG.into(), 0)],
        total: 2,
        people: 1_240,
        may_change: true,
        ..ClassesView::default()
    }
}

fn class() -> ClassView {
    let member = |id: &str, name: &str, teaches| MemberRow {
        id: id.into(),
        name: name.into(),
        email: format!("{id}@example.school"),
        teaches,
        devices: vec![("1".into(), format!("iPad of {name}"), "TESTSN0001".into())],
    };
    ClassView {
        id: "7b".into(),
        name: "7b".into(),
        source: Source::Csv,
        members: vec![member("ada", "Ada Example", true), member("kim", "Kim Example", false)],
        may_change: true,
        typed: String::new(),
        error: None,
    }
}

fn summary() -> Summary {
    let part = |count, names: &[&str]| Part { count, names: names.iter().map(|name| (*name).to_owned()).collect() };
    Summary {
        changes_anything: true,
        source: Source::Oneroster,
        people: 1_240,
        classes: 42,
        people_added: part(120, &["Kim Example (kim@example.school)", "Zoe Example"]),
        people_changed: part(2, &["Ada Example: teacher instead of student", "Lee Example: not active any more"]),
        people_removed: part(1, &["Sam Example (sam@example.school)"]),
        people_here: part(1, &["Ben Example (ben@example.school)"]),
        classes_added: part(1, &["8a"]),
        classes_changed: part(0, &[]),
        classes_removed: part(0, &[]),
        classes_kept: part(1, &["7c (asked for by iPads of 7c)"]),
        memberships_added: part(240, &["Kim Example in 8a"]),
        memberships_removed: part(0, &[]),
        devices_freed: part(1, &["iPad of Sam Example"]),
        memberships_lost: part(1, &["Sam Example in 7b, put there by hand"]),
        devices_assigned: part(0, &[]),
        notes: vec!["310 left out who neither learn nor work at the school: parents, guardians, relatives and users without a role".into()],
    }
}

fn picker() -> Markup {
    let group = |id: &str, name: &str, device_count| ScopeGroup { id: id.into(), name: name.into(), device_count };
    let view = ScopeView {
        groups: vec![group("a", "Cart A", 28), group("b", "Year 5", 1), group("c", LONG, 0)],
        assigned: vec![("a".into(), Some(in_days(3))), ("b".into(), None)],
        ..ScopeView::default()
    };
    let form = post("/profiles/1/groups", html! { div.form { (scope(&view)) div.form-foot { (Button::submit("Save").main()) } } });
    frame(&shell(), &Frame::new(Section::Profiles, "Where it is wanted"), form)
}
