//! Devices that Apple has move between servers without being erased, and what a profile demands of their systems.

use serde_json::json;

use super::super::School;
use super::{super::days, Office};
use crate::mdm::Actor;
use crate::mdm::ade::migration::{self, Move};
use crate::mdm::ade::{SYNC_EVERY, profiles};
use crate::mdm::enroll::automated::{minimum, rules};
use crate::mdm::why;
use crate::protocol::ade::ProfileKeys;
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::platform::Platform;
use crate::store::enrollments::{self, Enrollment};
use crate::store::invitations::Entry;
use crate::store::{Tx, devices};

const UDID: &str = "00008030-000000000000AAAA";
const SERIAL: &str = "TESTSN0001";

/// A device of Apple's list enrolls, and waits in Setup Assistant or does not.
fn enrolls(school: &School, waits: bool) {
    let device = school.device(UDID);
    device.authenticate();
    school.write(|tx| {
        let found = enrollments::by_nano_id(tx, UDID)?.unwrap();
        enrollments::update(tx, &Enrollment { entry: Entry::Automated, ..found })
    });
    device.token_update(waits);
}

fn moves(tx: &Tx) -> crate::error::Result<(Option<Move>, Vec<why::Reason>)> {
    let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
    let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
    Ok((migration::of(tx, &device, Some(&enrollment))?, why::device(tx, &device, Some(&enrollment))?))
}

#[test]
fn a_device_that_comes_from_another_server_is_told_apart_from_one_that_was_set_up_anew() {
    for (waits, came) in [(false, true), (true, false)] {
        let mut office = Office::with(&[(SERIAL, "iPad")]);
        let (now, by) = (office.now(), office.now().plus(days(20)));
        office.apple().modify(SERIAL, &json!({ "mdm_migration_deadline": by.to_string() }), now);
        office.turn(None);
        assert_eq!(office.device(SERIAL).unwrap().migrates_by_at, Some(by));
        enrolls(&office.school, waits);
        let (moved, _) = office.school.write(moves);
        assert_eq!(matches!(moved, Some(Move::Came { .. })), came, "{moved:?}");
        assert_eq!(office.device(SERIAL).unwrap().migrated_at.is_some(), came);
    }
    let mut office = Office::with(&[(SERIAL, "iPad")]);
    let now = office.now();
    office.apple().modify(SERIAL, &json!({ "mdm_migration_deadline": now.plus(days(9)).to_string() }), now);
    office.turn(None);
    office.apple().modify(SERIAL, &json!({ "mdm_migration_deadline": null }), now);
    office.pass(SYNC_EVERY);
    assert_eq!(office.device(SERIAL).unwrap().migrates_by_at, None, "somebody called it off");
}

#[test]
fn a_device_that_moves_away_is_no_lost_one() {
    let mut office = Office::with(&[(SERIAL, "iPad")]);
    office.turn(None);
    enrolls(&office.school, false);
    assert_eq!(office.school.write(moves).0, None);
    let (now, by) = (office.now(), office.now().plus(days(20)));
    office.apple().modify(SERIAL, &json!({ "mdm_migration_deadline": by.to_string() }), now);
    office.apple().remove(SERIAL, now);
    office.pass(SYNC_EVERY);
    let (goes, reasons) = office.school.write(moves);
    let words = goes.unwrap().words();
    assert!(words.starts_with("moves to another server by "), "{words}");
    assert!(reasons.iter().any(|reason| !reason.needs_someone && reason.cause.contains("moves to another server")), "{reasons:?}");
    office.school.write(|tx| {
        let found = enrollments::by_nano_id(tx, UDID)?.unwrap();
        crate::mdm::checkin::end(tx, &found, enrollments::EnrollmentState::Left, "the device left")
    });
    let (went, reasons) = office.school.write(moves);
    assert!(matches!(went, Some(Move::Went { .. })), "{went:?}");
    assert!(reasons.iter().all(|reason| !reason.needs_someone), "{reasons:?}");
}

#[test]
fn a_profile_demands_no_release_that_apple_lists_nowhere() {
    let office = Office::with(&[(SERIAL, "iPad")]);
    crate::mdm::tests::updates::listed(&office.school, "18.7.2", "22H124");
    let wish = |name: &str, least: &str| profiles::Wish {
        name: name.into(),
        kind: "classroom_ipad".into(),
        keys: Some(ProfileKeys { minimum_os: least.into(), ..ProfileKeys::default() }),
    };
    let made = |wish: profiles::Wish| office.school.try_write(move |tx| profiles::create(tx, &Actor::Console, wish));
    let refused = made(wish("typo", "62.1")).unwrap_err();
    assert!(refused.fields[0].field == "minimum_os" && refused.fields[0].message.contains("lists no release from 62.1"), "{refused:?}");
    for least in ["", "any", "latest", "18.2"] {
        let id = made(wish(&format!("least {least}"), least)).unwrap().profile.id;
        let mistyped = wish("typo", "62.1");
        let refused = office.school.try_write(move |tx| profiles::change(tx, &Actor::Console, &id, mistyped)).unwrap_err();
        assert_eq!(refused.fields[0].field, "minimum_os");
    }
}

#[test]
fn what_a_profile_demands_counts_before_the_setting() {
    let mut office = Office::with(&[(SERIAL, "iPad")]);
    let profile = office.profile("classroom_ipad", "");
    office.turn(None);
    let needs = |profile_says: &str, setting: &str, is_by_list: bool| {
        let keys = ProfileKeys { minimum_os: profile_says.into(), ..ProfileKeys::default() };
        let wish = profiles::Wish { name: "Cart".into(), kind: "classroom_ipad".into(), keys: Some(keys) };
        let (profile, setting) = (profile.clone(), setting.to_owned());
        office.school.write(move |tx| {
            profiles::change(tx, &Actor::Console, &profile, wish)?;
            let rules = rules::Rules { minimum: [(Platform::Ios, setting)].into(), ..rules::Rules::default() };
            let info = MachineInfo {
                serial_number: SERIAL.into(),
                udid: UDID.into(),
                product_name: "iPad13,18".into(),
                os_version: "17.6".into(),
                can_request_software_update: true,
                ..MachineInfo::default()
            };
            Ok(minimum::needed(tx, &rules, &info, is_by_list)?.map(|needed| needed.os_version))
        })
    };
    assert_eq!(needs("", "26.1", true).as_deref(), Some("26.1"), "the setting");
    assert_eq!(needs("26.3", "26.1", true).as_deref(), Some("26.3"));
    assert_eq!(needs("any", "26.1", true), None);
    assert_eq!(needs("17.5", "26.1", true), None, "it runs enough");
    assert_eq!(needs("26.3", "26.1", false).as_deref(), Some("26.1"), "who did not come by the list has no profile there");
    let wrong = profiles::Wish {
        name: "Cart".into(),
        kind: "classroom_ipad".into(),
        keys: Some(ProfileKeys { minimum_os: "new".into(), ..ProfileKeys::default() }),
    };
    let refused = office.school.try_write(move |tx| profiles::change(tx, &Actor::Console, &profile, wrong)).unwrap_err();
    assert_eq!(refused.fields[0].field, "minimum_os");
}
