//! Macs that were locked with a PIN: not locked twice, and explained until they connect again.

use std::time::Duration;

use uuid::Uuid;

use super::{Device, School};
use crate::error::Kind;
use crate::mdm::commands::{self, Wish};
use crate::mdm::updates::progress;
use crate::mdm::{Actor, why};
use crate::protocol::command::{self, Command};
use crate::protocol::platform::Platform;
use crate::store::enrollments::Enrollment;
use crate::store::update_states::{self, Stage, UpdateState};
use crate::store::{devices, escrow};

const UDID: &str = "00008030-00AA11BB22CC33DD";

fn mac(school: &School) -> Device<'_> {
    let device = school.enrolled(UDID);
    let id = device.enrollment().device_id;
    school.write(move |tx| {
        let mut mac = devices::by_id(tx, &id)?.unwrap();
        (mac.platform, mac.os_version, mac.model_name) = (Platform::Macos, "15.1".into(), "iMac".into());
        devices::update(tx, &mac)
    });
    device
}

fn lock(number: u128) -> Command {
    Command::new(Uuid::from_u128(number), "DeviceLock").with("PIN", "123456")
}

/// Why a second lock is refused; it must leave no second PIN behind.
fn refused(device: &Device<'_>, number: u128) -> String {
    let enrollment = device.enrollment();
    let refusal =
        device.school.try_write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(lock(number)))).unwrap_err();
    assert_eq!(refusal.kind, Kind::Conflict, "{refusal}");
    let id = device.enrollment().device_id;
    assert_eq!(device.school.write(move |tx| escrow::of_device(tx, &id)).len(), 1, "the PIN in force is the only one");
    refusal.message.into_owned()
}

fn reasons(device: &Device<'_>) -> Vec<String> {
    let enrollment = device.enrollment();
    device.school.write(move |tx| {
        let mac = devices::by_id(tx, &enrollment.device_id)?.unwrap();
        let reasons = why::device(tx, &mac, Some(&enrollment))?;
        Ok(reasons.into_iter().map(|reason| format!("{} {}", reason.cause, reason.remedy)).collect())
    })
}

#[test]
fn a_mac_that_is_locked_says_so_until_it_connects_again() {
    let school = School::new();
    let device = mac(&school);
    let asked = device.enqueue(lock(1)).uuid;
    assert!(refused(&device, 2).contains("was asked on"), "it waits for the first");
    assert_eq!(device.idle().unwrap().uuid, asked);
    assert!(refused(&device, 3).contains("was asked on"), "it has been sent the first");
    device.report(&asked, "Acknowledged");
    let told = refused(&device, 4);
    assert!(told.contains("is locked with a PIN already") && told.contains("an Owner finds it under Security"), "{told}");

    device.enqueue(command::security_info(Uuid::from_u128(5)));
    school.clock.advance(Duration::from_secs(3_600));
    let told = reasons(&device);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Locked with a PIN since ") && told[0].contains("Type the PIN on it"), "{told:?}");
    let enrollment = device.enrollment();
    let locked = school.write(move |tx| crate::mdm::locked::because_of_device(tx, &enrollment)).unwrap();
    assert!(locked.0.starts_with("Locked with a PIN since "), "wherever it is asked: {locked:?}");

    device.answer_everything();
    assert_eq!(reasons(&device), Vec::<String>::new(), "somebody typed it");
    device.enqueue(lock(6));
}

#[test]
fn its_updates_wait_for_the_pin_too() {
    let school = School::new();
    let device = mac(&school);
    let enrollment = device.enrollment();
    let why = |enrollment: Enrollment| {
        school.write(move |tx| {
            let row = UpdateState { stage: Stage::Waiting, ..UpdateState::blank("", 0, tx.now) };
            update_states::put(tx, &enrollment.id, &row)?;
            let listed = progress::members(tx, &Actor::Console, "", &[], None, 10)?.remove(0);
            Ok([progress::because(tx, &enrollment, &row)?, (listed.because, listed.remedy)])
        })
    };
    assert!(why(enrollment).iter().all(|(because, _)| !because.contains("PIN")));
    let asked = device.enqueue(lock(1)).uuid;
    device.idle();
    device.report(&asked, "Acknowledged");
    for (because, remedy) in why(device.enrollment()) {
        assert!(because.starts_with("Locked with a PIN since ") && remedy.starts_with("Type the PIN on it"), "{because} {remedy}");
    }
}

#[test]
fn a_lock_that_was_taken_back_stands_against_none() {
    let school = School::new();
    let device = mac(&school);
    let asked = device.enqueue(lock(1)).uuid;
    let enrollment = device.enrollment();
    school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &asked));
    device.enqueue(lock(2));
}
