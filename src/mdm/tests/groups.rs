//! Groups: who comes into them by hand, by rule and by invitation, and who is planned for anew for it.

use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use super::{Device, School};
use crate::error::{Kind, Result};
use crate::mdm::groups::{self, Change, DEVICES_MAX, GROUPS_MAX, NAME_MAX_CHARS, NAMES_SHOWN, NOTE_MAX_CHARS, NewGroup, Rule};
use crate::mdm::people::{self, NewPerson, classes};
use crate::mdm::{Actor, Role, assignments, devices};
use crate::protocol::command;
use crate::store::assignments::AssignedKind;
use crate::store::classes::ClassRole;
use crate::store::groups::{self as rows, Group};
use crate::store::known::tests::{fill_devices, take_planned};
use crate::store::people::PersonRole;
use crate::store::{Tx, devices as device_rows};

const ME: Actor = Actor::Console;

fn rule(json: serde_json::Value) -> Rule {
    serde_json::from_value(json).unwrap()
}

fn by_rule(tx: &Tx, name: &str, json: serde_json::Value) -> Result<Group> {
    groups::create(tx, &ME, NewGroup { name: name.into(), note: String::new(), rule: Some(rule(json)) })
}

fn by_hand(tx: &Tx, name: &str) -> Result<Group> {
    groups::create(tx, &ME, NewGroup { name: name.into(), ..NewGroup::default() })
}

fn person(tx: &Tx, name: &str) -> Result<crate::store::people::Person> {
    people::create(tx, &ME, NewPerson { name: name.into(), email: String::new(), role: PersonRole::Student, active: true })
}

fn members(tx: &Tx, group: &Group) -> Vec<String> {
    rows::device_ids(tx, &group.id).unwrap()
}

/// Answers the question that is asked next if it is of this type, with this beside.
fn answer(device: &Device<'_>, request_type: &str, said: &str) {
    let mut offer = device.idle();
    while let Some(command) = offer {
        let said = if command.request_type == request_type { said } else { "" };
        let keys = format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{said}", command.uuid);
        offer = super::offered(device.connect(&keys).unwrap());
    }
}

#[test]
fn a_device_comes_into_its_groups_as_it_tells_of_itself() {
    let school = School::new();
    let (ipads, new, supervised, maths) = school.write(|tx| {
        Ok((
            by_rule(tx, "iPads", json!({ "platform": "ios" }))?,
            by_rule(tx, "Old systems", json!({ "os": { "below": "18" } }))?,
            by_rule(tx, "Supervised", json!({ "supervised": true }))?,
            by_rule(tx, "With maths", json!({ "app": "com.example.maths" }))?,
        ))
    });
    let device = school.device("A-1");
    device.authenticate();
    assert_eq!(
        school.write({
            let ipads = ipads.clone();
            move |tx| Ok(members(tx, &ipads).len())
        }),
        0,
        "nobody is in before the profile is there"
    );
    device.token_update(false);
    let in_groups = || {
        let groups = [ipads.clone(), new.clone(), supervised.clone(), maths.clone()];
        school.write(move |tx| Ok(groups.map(|group| members(tx, &group).len())))
    };
    assert_eq!(in_groups(), [1, 0, 0, 0], "18.1 is not old, and nothing is known of supervision and apps");
    school.write(take_planned);
    let facts = "<key>QueryResponses</key><dict><key>OSVersion</key><string>17.7</string><key>IsSupervised</key><true/></dict>";
    answer(&device, "DeviceInformation", facts);
    assert_eq!(in_groups(), [1, 1, 1, 0]);
    assert_eq!(school.write(take_planned), [device.enrollment().id], "it is planned for anew");
}

#[test]
fn a_group_by_hand_has_whom_somebody_put_there() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let enrollment = device.enrollment();
    school.write(move |tx| {
        let group = by_hand(tx, "Cart A")?;
        take_planned(tx)?;
        assert_eq!(groups::add(tx, &ME, &group.id, &["A-1".into()])?, 1);
        assert_eq!(take_planned(tx)?, std::slice::from_ref(&enrollment.id));
        assert_eq!(groups::add(tx, &ME, &group.id, &["A-1".into()])?, 0);
        assert!(take_planned(tx)?.is_empty(), "nothing changed, so nobody is planned for");
        assert_eq!(groups::find(tx, &ME, &group.id)?.device_count, 1);
        let refused = groups::add(tx, &ME, &group.id, &["nobody".into()]).unwrap_err();
        assert!(refused.kind == Kind::NotFound && refused.message.contains("“nobody”"), "{refused}");
        assert_eq!(groups::remove(tx, &ME, &group.id, &["A-1".into()])?, 1);
        assert_eq!(take_planned(tx)?, std::slice::from_ref(&enrollment.id));
        // It stays in while it has left, and goes when it is deleted.
        groups::add(tx, &ME, &group.id, &["A-1".into()])?;
        let macs = by_rule(tx, "Everything", json!("everything"))?;
        assert_eq!(macs.device_count, 1);
        devices::retire(tx, &ME, "A-1")?;
        assert_eq!((members(tx, &group).len(), members(tx, &macs).len()), (1, 0), "a rule finds only what is enrolled");
        devices::delete(tx, &ME, "A-1")?;
        assert_eq!(members(tx, &group).len(), 0);
        let refused = groups::add(tx, &ME, &macs.id, &["A-1".into()]).unwrap_err();
        assert!(refused.message.contains("found by its rule"), "{refused}");
        Ok(())
    });
}

#[test]
fn a_rule_that_changes_finds_others_and_a_deleted_group_leaves_nothing() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 20)?;
        let group = by_rule(tx, "Macs", json!({ "platform": "macos" }))?;
        assert_eq!((group.device_count, take_planned(tx)?.len()), (10, 10));
        let change = Change { rule: Some(rule(json!({ "platform": "ios" }))), ..Change::default() };
        assert_eq!(groups::change(tx, &ME, &group.id, change.clone())?.device_count, 10);
        assert_eq!(take_planned(tx)?.len(), 20, "those who left and those who came");
        groups::change(tx, &ME, &group.id, change)?;
        groups::change(tx, &ME, &group.id, Change { name: Some("iPads".into()), ..Change::default() })?;
        assert!(take_planned(tx)?.is_empty());
        assignments::assign(tx, &ME, (AssignedKind::Policy, "p1", "Quiet"), &group.id, None)?;
        take_planned(tx)?;
        groups::delete(tx, &ME, &group.id)?;
        assert_eq!(take_planned(tx)?.len(), 10, "what it brought is taken back");
        assert!(crate::store::assignments::of_item(tx, AssignedKind::Policy, "p1")?.is_empty());
        assert_eq!(groups::find(tx, &ME, &group.id).unwrap_err().kind, Kind::NotFound);
        Ok(())
    });
}

#[test]
fn ten_thousand_devices_are_looked_at_in_well_under_a_second() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 10_000)?;
        let class = classes::create(tx, &ME, "7b")?.id;
        let nobodys = json!({ "any": [{ "person": false }, { "not": { "class": class } }] });
        let json = json!({ "all": [{ "platform": "ios" }, { "os": { "at_least": "16" } }, { "app": "com.example.maths" }, nobodys] });
        let rule = rule(json);
        #[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
        let started = Instant::now();
        let found = groups::preview(tx, &ME, &rule)?;
        let took = started.elapsed();
        assert_eq!((found.count, found.of, found.names.len()), (2_000, 10_000, NAMES_SHOWN));
        // Tests are not optimised; the limit leaves room for that and for a busy machine.
        assert!(took < Duration::from_secs(1), "{took:?}");
        Ok(())
    });
}

#[test]
fn a_report_that_tells_nothing_new_looks_at_no_rule() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let id = device.enrollment().device_id;
    school.write(move |tx| {
        by_rule(tx, "iPads", json!({ "platform": "ios" }))?;
        // Membership that is wrong on purpose shows whether anybody looks.
        let group = rows::by_name(tx, "ipads")?.unwrap();
        rows::remove_device(tx, &group.id, &id)?;
        Ok(())
    });
    let said = |number: u128, name: &str| {
        let command = device.enqueue(command::device_information(Uuid::from_u128(number), &[]));
        let keys = format!(
            "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>
             <key>QueryResponses</key><dict><key>DeviceName</key><string>{name}</string><key>BatteryLevel</key><real>0.5</real></dict>",
            command.uuid
        );
        device.idle();
        device.connect(&keys).unwrap();
        school.write(|tx| Ok(rows::by_name(tx, "iPads")?.unwrap().device_count))
    };
    assert_eq!(said(1, "iPad 1"), 0, "the name it had before is no news");
    assert_eq!(said(2, "iPad 2"), 1);
}

#[test]
fn an_invitation_brings_a_device_into_its_group_and_to_its_person() {
    let school = School::new();
    let device = school.device("A-1");
    device.authenticate();
    let id = device.enrollment().device_id;
    let (kim, device_id) = school.write(move |tx| {
        let mut row = device_rows::by_id(tx, &id)?.unwrap();
        (row.group_label, row.person_label) = ("Cart A ".into(), "KIM example".into());
        device_rows::update(tx, &row)?;
        person(tx, "Somebody else")?;
        Ok((person(tx, "Kim Example")?, id))
    });
    device.token_update(false);
    school.write(move |tx| {
        let group = rows::by_name(tx, "cart a")?.unwrap();
        assert!(!group.is_by_rule);
        assert_eq!(members(tx, &group), std::slice::from_ref(&device_id));
        assert_eq!(crate::store::people::of_device(tx, &device_id)?.unwrap().id, kim.id);
        // Of two who could be meant nobody is.
        people::assign(tx, &ME, &device_id, None)?;
        person(tx, "kim example")?;
        people::invited(tx, &device_rows::by_id(tx, &device_id)?.unwrap())?;
        assert!(crate::store::people::of_device(tx, &device_id)?.is_none());
        assert_eq!(rows::count(tx)?, 1, "the group that is there is taken");
        Ok(())
    });
}

#[test]
fn who_uses_a_device_decides_at_once() {
    let school = School::new();
    school.write(|tx| {
        fill_devices(tx, 4)?;
        let (kim, seven) = (person(tx, "Kim")?, classes::create(tx, &ME, "7b")?);
        let group = by_rule(tx, "7b", json!({ "class": seven.id }))?;
        let others = by_rule(tx, "Not students", json!({ "any": [{ "person": false }, { "not": { "role": "student" } }] }))?;
        assert_eq!((group.device_count, others.device_count), (0, 4));
        let somebodys = by_rule(tx, "Of somebody who is no student", json!({ "not": { "role": "student" } }))?;
        assert_eq!(somebodys.device_count, 0, "a device of nobody is not used by somebody who is no student");
        let counts = |tx: &Tx| (members(tx, &group), members(tx, &others).len());
        people::assign(tx, &ME, "d1", Some(&kim.id))?;
        assert_eq!(counts(tx), (vec![], 3));
        classes::put(tx, &ME, &seven.id, &kim.id, ClassRole::Student)?;
        assert_eq!(counts(tx), (vec!["d1".to_owned()], 3));
        let refused = classes::delete(tx, &ME, &seven.id).unwrap_err();
        assert!(refused.kind == Kind::Conflict && refused.message.contains("7b."), "{refused}");
        people::change(tx, &ME, &kim.id, people::Change { active: Some(false), ..people::Change::default() })?;
        assert_eq!(counts(tx), (vec![], 4), "people who are not active count as nobody");
        people::change(tx, &ME, &kim.id, people::Change { active: Some(true), ..people::Change::default() })?;
        classes::remove(tx, &ME, &seven.id, &kim.id)?;
        assert_eq!(counts(tx), (vec![], 3));
        take_planned(tx)?;
        people::delete(tx, &ME, &kim.id)?;
        assert_eq!((counts(tx), take_planned(tx)?), ((vec![], 4), vec!["e1".to_owned()]));
        assert!(crate::store::people::of_device(tx, "d1")?.is_none());
        Ok(())
    });
}

#[test]
fn only_those_who_may_configure_change_groups() {
    let school = School::new();
    school.write(|tx| {
        let group = by_hand(tx, "Cart A")?;
        for (role, may) in [(Role::Viewer, false), (Role::Helper, false), (Role::Admin, true)] {
            let actor = Actor::Person { id: "1".into(), name: "kim".into(), role };
            let outcomes = [
                groups::create(tx, &actor, NewGroup { name: format!("{role:?}"), ..NewGroup::default() }).map(|_| ()),
                groups::change(tx, &actor, &group.id, Change::default()).map(|_| ()),
                groups::add(tx, &actor, &group.id, &[]).map(|_| ()),
                people::assign(tx, &actor, "x", None).map(|_| ()),
            ];
            for outcome in outcomes {
                assert_eq!(outcome.is_err_and(|error| error.kind == Kind::Forbidden), !may, "{role:?}");
            }
            assert!(groups::find(tx, &actor, &group.id).is_ok());
        }
        Ok(())
    });
}

#[test]
fn names_are_one_groups_own_and_have_their_limits() {
    let school = School::new();
    school.write(|tx| {
        let field = |outcome: Result<Group>| outcome.unwrap_err().fields[0].field.clone();
        let group = by_hand(tx, &"é".repeat(NAME_MAX_CHARS))?;
        for wrong in ["", " ", "a\nb", &"é".repeat(NAME_MAX_CHARS + 1), &format!(" {}", group.name)] {
            assert_eq!(field(by_hand(tx, wrong)), "name", "{wrong:?}");
        }
        by_hand(tx, "Cart A")?;
        assert_eq!(field(by_hand(tx, "cart a")), "name");
        let noted = |chars: usize| Change { note: Some("x".repeat(chars)), ..Change::default() };
        assert!(groups::change(tx, &ME, &group.id, noted(NOTE_MAX_CHARS)).is_ok());
        assert_eq!(field(groups::change(tx, &ME, &group.id, noted(NOTE_MAX_CHARS + 1))), "note");
        for wrong in ["a\0b", "a\u{202e}b"] {
            assert_eq!(
                field(groups::change(tx, &ME, &group.id, Change { note: Some(wrong.into()), ..Change::default() })),
                "note",
                "{wrong:?}"
            );
        }
        assert!(groups::change(tx, &ME, &group.id, Change { note: Some("two\r\nlines".into()), ..Change::default() }).is_ok());
        let change = Change { rule: Some(Rule::Everything), ..Change::default() };
        assert_eq!(field(groups::change(tx, &ME, &group.id, change)), "rule", "a group by hand stays one");
        assert_eq!(field(by_rule(tx, "x", json!({ "class": "nobody's" }))), "rule");
        let many = vec![String::from("d1"); DEVICES_MAX + 1];
        assert_eq!(groups::add(tx, &ME, &group.id, &many).unwrap_err().fields[0].field, "devices");
        assert_eq!(groups::add(tx, &ME, &group.id, &many[1..]).unwrap_err().kind, Kind::NotFound);
        for number in rows::count(tx)?..GROUPS_MAX {
            by_hand(tx, &format!("group {number}"))?;
        }
        assert_eq!(by_hand(tx, "one more").unwrap_err().kind, Kind::Conflict);
        Ok(())
    });
}

#[test]
fn an_installed_app_is_news_only_where_a_rule_asks_for_one() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let list = |number: u128, identifiers: &[&str]| {
        let app = |identifier: &&str| {
            format!("<dict><key>Identifier</key><string>{identifier}</string><key>Version</key><string>1</string></dict>")
        };
        let apps = identifiers.iter().map(app).collect::<Vec<_>>().concat();
        let command = device.enqueue(command::installed_application_list(Uuid::from_u128(number)));
        device.idle();
        let keys = format!(
            "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string><key>InstalledApplicationList</key><array>{apps}</array>",
            command.uuid
        );
        device.connect(&keys).unwrap();
    };
    let (with, without) = school.write(|tx| {
        Ok((
            by_rule(tx, "With", json!({ "app": "com.example.maths" }))?,
            by_rule(tx, "Without", json!({ "not": { "app": "com.example.maths" } }))?,
        ))
    });
    let counts = || {
        let (with, without) = (with.clone(), without.clone());
        school.write(move |tx| Ok((members(tx, &with).len(), members(tx, &without).len())))
    };
    assert_eq!(counts(), (0, 0), "it has not said yet what it has");
    list(1, &[]);
    assert_eq!(counts(), (0, 1));
    list(2, &["com.example.maths"]);
    assert_eq!(counts(), (1, 0));
    list(3, &["com.example.mail"]);
    assert_eq!(counts(), (0, 1));
}
