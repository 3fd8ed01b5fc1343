//! Declarations that were brought here and set what a policy, or another one of them, declares too.

use serde_json::json;

use super::clashes::{checked, clashes, ipads, no_camera, policy};
use super::*;
use crate::mdm::clashes as found;
use crate::mdm::declarations::library;
use crate::mdm::policies::{self, Clash};
use crate::mdm::reconcile::{self, Named, Thought};
use crate::store::meetings::tests as meetings;

fn declare(school: &School, identifier: &str, kind: &str, payload: &serde_json::Value) -> String {
    let declaration = json!({ "Type": format!("com.apple.configuration.{kind}"), "Identifier": identifier, "Payload": payload });
    let text = declaration.to_string();
    school.write(move |tx| library::add(tx, &Actor::Console, library::read(text.as_bytes())?, "")).remove(0).declaration.id
}

fn foreseen(school: &School, id: &str, groups: &[&str]) -> Vec<Clash> {
    let (id, groups) = (id.to_owned(), groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
    school.write(move |tx| library::check(tx, &Actor::Console, &id, &groups))
}

fn assign(school: &School, id: &str, group: &'static str) -> library::Standing {
    let id = id.to_owned();
    school.write(move |tx| library::assign(tx, &Actor::Console, &id, group))
}

#[test]
fn a_key_that_a_declaration_and_a_policy_set_is_named_from_both_sides_before_anything_is_assigned() {
    let school = School::new();
    ipads(&school, &["17.7", "26.1", "27.0"]);
    let held = policy(&school, "Calm", json!({ "hold_updates": 30, "auto_download": "AlwaysOn", "no_camera": true }));
    school.write({
        let id = held.clone();
        move |tx| policies::assign(tx, &Actor::Console, &id, "all", None)
    });
    let own = json!({ "Deferrals": { "CombinedPeriodInDays": 7 }, "AutomaticActions": { "Download": "AlwaysOff" } });
    let own = declare(&school, "school.example.updates", "softwareupdate.settings", &own);
    let told = foreseen(&school, &own, &["all"]);
    let keys: Vec<_> = told.iter().map(|clash| clash.key.as_deref().unwrap_or_default()).collect();
    assert_eq!(keys, ["AutomaticActions.Download", "Deferrals.CombinedPeriodInDays"], "iOS 17 has it by a profile, the others by this");
    let days = &told[1].message;
    for part in ["The declaration “", "the policy “Calm”", "(Software updates)", "the same 2 devices", "the stricter counts"] {
        assert!(days.contains(part), "{part}: {days}");
    }
    // The preview says it before, the page and the devices after.
    let add = vec![Named { kind: AssignedKind::Declaration, id: own.clone(), mode: None, ends_at: None }];
    let thought = Thought { add, groups: vec![String::from("all")], ..Thought::default() };
    let warnings = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert_eq!(clashes(&school, &held, &[]), []);
    assert_eq!(assign(&school, &own, "all").warnings.iter().filter(|words| words.contains("“Calm”")).count(), 2);
    let back = clashes(&school, &held, &[]);
    assert!(back.len() == 2 && back.iter().all(|clash| clash.with.kind == AssignedKind::Declaration), "{back:?}");
    let of_devices = school.write(|tx| Ok([found::of_device(tx, "d0")?, found::of_device(tx, "d1")?]));
    assert_eq!((of_devices[0].len(), of_devices[1].len()), (0, 2), "{of_devices:?}");
}

#[test]
fn two_declarations_that_set_one_key_are_told_once_and_those_that_do_not_combine_never() {
    let school = School::new();
    ipads(&school, &["27.0"]);
    let one = declare(&school, "school.example.one", "passcode.settings", &json!({ "MinimumLength": 6 }));
    let other = declare(&school, "school.example.other", "passcode.settings", &json!({ "MinimumLength": 6, "RequirePasscode": true }));
    let echo = declare(&school, "school.example.echo", "management.test", &json!({ "Echo": "x" }));
    let again = declare(&school, "school.example.echo2", "management.test", &json!({ "Echo": "x" }));
    for id in [&one, &echo, &again] {
        assign(&school, id, "all");
    }
    assert_eq!(school.write(|tx| found::of_device(tx, "d0")), []);
    let told = foreseen(&school, &other, &["all"]);
    assert!(told.len() == 1 && told[0].message.contains("to the same value"), "{told:?}");
    assign(&school, &other, "all");
    assert_eq!(school.write(|tx| found::of_device(tx, "d0")).len(), 1);
    // A profile is not a declaration: what both set is not compared, because a device keeps them apart.
    let camera = school.upload(&no_camera(false)).profile.id;
    assert_eq!(checked(&school, &camera, &["all"]), []);
    school.write(|tx| meetings::is_mac(tx, "d0"));
    assert_eq!(school.write(|tx| found::of_device(tx, "d0")).len(), 1, "Macs put them together too");
}
