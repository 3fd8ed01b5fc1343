//! Somebody leaves: every device that they had gets what was decided, and how far that is can be followed.

use std::collections::BTreeMap;

use super::{Device, School};
use crate::error::{Kind, Result};
use crate::mdm::admins::{self, NewAdmin, Password};
use crate::mdm::people::farewell::{self, ActivationLock, Fate, Said, Step};
use crate::mdm::people::{self, NewPerson};
use crate::mdm::{Actor, Role};
use crate::protocol::platform::Platform;
use crate::secret::Secret;
use crate::store::enrollments::{self, SealedColumn};
use crate::store::escrow::{self, EscrowKind};
use crate::store::people::{self as rows, PersonRole};
use crate::store::{Tx, devices};

const ME: Actor = Actor::Console;
const PAD: &str = "00008101-000A1B2C3D4E5F60";
const PHONE: &str = "00008101-000A1B2C3D4E5F61";

/// The devices of these tests all say the same serial number; the first one gets another, so that the next is not taken for it.
fn another_serial_number(school: &School) {
    school.write(|tx| {
        let device = devices::by_udid(tx, PAD)?.unwrap();
        devices::update(tx, &devices::Device { serial_number: Some("TESTSN0009".into()), ..device })
    });
}

/// Kim, who has an iPad and an iPhone of the school; gives Kim's id and those of the devices.
fn kim(school: &School) -> (String, String, String) {
    school.write(|tx| {
        let new = NewPerson { name: "Kim".into(), email: String::new(), role: PersonRole::Student, active: true };
        let kim = people::create(tx, &ME, new)?.id;
        let mut ids = Vec::new();
        for udid in [PAD, PHONE] {
            let device = devices::by_udid(tx, udid)?.unwrap();
            devices::update(tx, &devices::Device { name: format!("named {udid}"), ..device.clone() })?;
            people::assign(tx, &ME, &device.id, Some(&kim))?;
            ids.push(device.id);
        }
        Ok((kim, ids.remove(0), ids.remove(0)))
    })
}

fn say(tx: &Tx, actor: &Actor, kim: &str, fates: &[(&str, Fate)]) -> Result<()> {
    let fates: BTreeMap<_, _> = fates.iter().map(|(id, fate)| ((*id).to_owned(), *fate)).collect();
    farewell::say_farewell(tx, actor, kim, &fates)
}

fn steps(said: &Said) -> Vec<(Fate, Step)> {
    said.devices.iter().map(|device| (device.then, device.state)).collect()
}

fn answer(device: &Device<'_>, request_type: &str, status: &str) {
    let mut offer = device.idle();
    while let Some(command) = offer {
        let is_it = command.request_type == request_type;
        offer = device.report(&command.uuid, if is_it { status } else { "Acknowledged" });
    }
}

#[test]
fn a_person_is_let_go_in_one_step_and_every_device_is_followed() {
    let school = School::new().with_push_certificates();
    let pad = school.enrolled(PAD);
    another_serial_number(&school);
    let phone = school.enrolled(PHONE);
    let (kim, pad_id, phone_id) = kim(&school);
    let id = kim.clone();
    school.write(move |tx| {
        let kim = id;
        say(tx, &ME, &kim, &[(&pad_id, Fate::HandOn), (&phone_id, Fate::Erase)])?;
        assert!(rows::of_device(tx, &pad_id)?.is_none() && rows::of_device(tx, &phone_id)?.is_none(), "they are nobody's");
        assert!(!people::find(tx, &ME, &kim)?.active);
        let again = say(tx, &ME, &kim, &[]).unwrap_err();
        assert_eq!((again.kind, again.message.as_ref()), (Kind::Conflict, "Kim is not active any more."));
        Ok(())
    });
    let followed = || {
        let kim = kim.clone();
        school.write(move |tx| farewell::said(tx, &ME, &kim)).unwrap()
    };
    assert_eq!(steps(&followed()), [(Fate::HandOn, Step::Waiting), (Fate::Erase, Step::Waiting)]);
    answer(&pad, "ClearPasscode", "Error");
    answer(&phone, "EraseDevice", "Acknowledged");
    let said = followed();
    assert_eq!(steps(&said), [(Fate::HandOn, Step::Failed), (Fate::Erase, Step::Done)]);
    assert!(!said.devices[0].because.is_empty() && said.devices[1].because.is_empty(), "{said:?}");
    school.write(move |tx| {
        people::change(tx, &ME, &kim, people::Change { active: Some(true), ..people::Change::default() })?;
        assert!(farewell::said(tx, &ME, &kim)?.is_none(), "who is back has not left");
        Ok(())
    });
}

#[test]
fn what_cannot_be_asked_of_a_device_is_said_before_and_a_wrong_list_changes_nothing() {
    let school = School::new().with_push_certificates();
    school.enrolled(PAD);
    another_serial_number(&school);
    school.enrolled(PHONE);
    let (kim, pad_id, phone_id) = kim(&school);
    let (id, pad, phone) = (kim.clone(), pad_id.clone(), phone_id.clone());
    school.write(move |tx| {
        let (kim, pad_id, phone_id) = (id, pad, phone);
        let enrollment = enrollments::by_nano_id(tx, PAD)?.unwrap();
        enrollments::set_secret(tx, &enrollment.id, SealedColumn::UnlockToken, None)?;
        devices::set_facts(tx, &pad_id, r#"{"IsActivationLockEnabled":true}"#)?;
        devices::set_facts(tx, &phone_id, r#"{"IsActivationLockEnabled":true}"#)?;
        escrow::insert(tx, &phone_id, None, EscrowKind::ActivationLockBypassCode, b"AAAA-BBBB", "asked for")?;
        let asked = farewell::farewell(tx, &ME, &kim)?;
        let [pad, phone] = asked.devices.as_slice() else { panic!("{asked:?}") };
        assert!(pad.passcode_stays.contains("unlock token") && pad.erase_refused.is_empty(), "{pad:?}");
        assert_eq!((pad.activation_lock, phone.activation_lock), (ActivationLock::NeedsAccount, ActivationLock::CodeKept));
        assert!(phone.passcode_stays.is_empty(), "{phone:?}");
        Ok(())
    });
    let helper = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Helper };
    let refused = |actor: &Actor, fates: &[(&str, Fate)]| {
        let (actor, kim) = (actor.clone(), kim.clone());
        let fates: BTreeMap<_, _> = fates.iter().map(|(id, fate)| ((*id).to_owned(), *fate)).collect();
        school.try_write(move |tx| farewell::say_farewell(tx, &actor, &kim, &fates)).unwrap_err()
    };
    assert_eq!(refused(&helper, &[(&pad_id, Fate::Keep), (&phone_id, Fate::Keep)]).kind, Kind::Forbidden);
    assert_eq!(refused(&ME, &[(&pad_id, Fate::Erase)]).fields[0].field, "devices", "one is missing");
    assert_eq!(refused(&ME, &[(&pad_id, Fate::Erase), (&phone_id, Fate::Erase), ("d9", Fate::Erase)]).fields[0].field, "devices");
    school.write(move |tx| {
        assert!(people::find(tx, &ME, &kim)?.active && rows::of_device(tx, &pad_id)?.is_some(), "nothing was changed");
        say(tx, &ME, &kim, &[(&pad_id, Fate::HandOn), (&phone_id, Fate::Keep)])?;
        let said = farewell::said(tx, &ME, &kim)?.unwrap();
        assert_eq!(steps(&said), [(Fate::HandOn, Step::Failed), (Fate::Keep, Step::Done)]);
        assert!(said.devices[0].because.starts_with("Its passcode stays"), "{said:?}");
        assert!(rows::of_device(tx, &phone_id)?.is_some(), "what is kept stays theirs");
        Ok(())
    });
}

#[test]
fn a_mac_that_is_handed_on_leaves_nothing_to_look_at() {
    let school = School::new().with_push_certificates();
    school.enrolled(PAD);
    another_serial_number(&school);
    school.enrolled(PHONE);
    let (kim, mac_id, phone_id) = kim(&school);
    school.write(move |tx| {
        let device = devices::by_id(tx, &mac_id)?.unwrap();
        devices::update(tx, &devices::Device { platform: Platform::Macos, os_version: String::from("15.1"), ..device })?;
        let asked = farewell::farewell(tx, &ME, &kim)?;
        let mac = asked.devices.iter().find(|device| device.device_id == mac_id).unwrap();
        assert_eq!(mac.passcode_stays, "A Mac cannot be asked to take its passcode off.");
        say(tx, &ME, &kim, &[(&mac_id, Fate::HandOn), (&phone_id, Fate::Keep)])?;
        let said = farewell::said(tx, &ME, &kim)?.unwrap();
        let mac = said.devices.iter().find(|device| device.device_id == mac_id).unwrap();
        assert_eq!((mac.then, mac.state), (Fate::HandOn, Step::Done), "{said:?}");
        assert_eq!(mac.because, "Nothing was asked of it. A Mac cannot be asked to take its passcode off.");
        Ok(())
    });
}

/// Somebody of this role who logs in as the person of the name Kim; gives who that is as an actor.
fn logs_in(school: &School, name: &'static str, role: Role) -> Actor {
    let password = Password::parse(Secret::new("correct horse battery".into())).unwrap().hash().unwrap();
    school.write(move |tx| {
        let admin = admins::add(tx, &ME, NewAdmin { name: name.into(), role, password })?;
        admins::link_person(tx, &ME, &admin.id, Some("Kim"))?;
        Ok(Actor::Person { id: admin.id, name: name.into(), role })
    })
}

/// A person Kim without devices.
fn kim_alone(school: &School) -> String {
    let new = NewPerson { name: "Kim".into(), email: String::new(), role: PersonRole::Staff, active: true };
    school.write(|tx| Ok(people::create(tx, &ME, new)?.id))
}

/// Who logs in as Kim, and which of them have to be ended by somebody else, as they stand before.
fn stays(school: &School, actor: &Actor, kim: &str) -> Vec<(String, String)> {
    let (actor, kim) = (actor.clone(), kim.to_owned());
    let found = school.write(move |tx| farewell::farewell(tx, &actor, &kim)).log_ins;
    found.into_iter().map(|log_in| (log_in.name, log_in.stays)).collect()
}

#[test]
fn log_ins_end_with_a_farewell_but_for_ones_own_and_the_last_owners() {
    let school = School::new();
    let kim = kim_alone(&school);
    let owner = logs_in(&school, "kim.owner", Role::Owner);
    logs_in(&school, "kim.second", Role::Owner);
    let admin = logs_in(&school, "kim.admin", Role::Admin);
    let first_word = |found: Vec<(String, String)>| {
        found.into_iter().map(|(name, stays)| (name, stays.split(' ').take(4).collect::<Vec<_>>().join(" "))).collect::<Vec<_>>()
    };
    let expected = |list: &[(&str, &str)]| list.iter().map(|(name, stays)| ((*name).to_owned(), (*stays).to_owned())).collect::<Vec<_>>();
    let (a, o, s) = ("kim.admin", "kim.owner", "kim.second");
    let other = "An Owner has to";
    assert_eq!(first_word(stays(&school, &admin, &kim)), expected(&[(a, other), (o, other), (s, other)]));
    assert_eq!(first_word(stays(&school, &owner, &kim)), expected(&[(a, ""), (o, "That is your own:"), (s, "")]));
    assert_eq!(first_word(stays(&school, &ME, &kim)), expected(&[(a, ""), (o, ""), (s, "It is the last")]));
    let id = kim.clone();
    school.write(move |tx| say(tx, &ME, &id, &[]));
    let said = school.write(move |tx| farewell::said(tx, &ME, &kim)).unwrap();
    let works: Vec<_> = said.log_ins.iter().map(|log_in| (log_in.name.as_str(), log_in.stays.is_empty())).collect();
    assert_eq!(works, [(a, true), (o, true), (s, false)]);
    let disabled = school.write(|tx| {
        let (all, _) = admins::list(tx, &ME, None, 10)?;
        Ok(all.into_iter().map(|admin| admin.disabled_at.is_some()).collect::<Vec<_>>())
    });
    assert_eq!(disabled, [true, true, false]);
    assert_eq!(school.events().iter().filter(|kind| *kind == "admin.disabled").count(), 2);
}

#[test]
fn whoever_may_not_end_log_ins_leaves_them_and_that_is_said_afterwards_until_they_end() {
    let school = School::new();
    let kim = kim_alone(&school);
    logs_in(&school, "kim", Role::Helper);
    let admin = Actor::Person { id: "1".into(), name: "pat".into(), role: Role::Admin };
    let id = kim.clone();
    school.write(move |tx| say(tx, &admin, &id, &[]));
    let stays = || {
        let kim = kim.clone();
        school.write(move |tx| farewell::said(tx, &ME, &kim)).unwrap().log_ins.remove(0).stays
    };
    assert_eq!(stays(), "An Owner has to end it.");
    let change = |disabled| {
        school.write(move |tx| admins::change(tx, &ME, "kim", admins::Change { disabled: Some(disabled), ..admins::Change::default() }))
    };
    change(true);
    assert_eq!(stays(), "");
}
