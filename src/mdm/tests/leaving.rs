//! Leaving on an admin's word: what is retired first and deleted then, and what can be taken back in between.

use super::{Device, School};
use crate::error::Kind;
use crate::mdm::{Actor, absent, connect, devices, needs};
use crate::protocol::command;
use crate::store::certificates::Purpose;
use crate::store::commands::CommandState;
use crate::store::enrollments::EnrollmentState;
use crate::store::roster::{self, Standing};
use uuid::Uuid;

const UDID: &str = "00008030-00AA11BB22CC33DD";
const ME: Actor = Actor::Console;
const TOKEN: &str = "<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>";

fn is_told(device: &Device<'_>) -> bool {
    matches!(device.connect("<key>Status</key><string>Idle</string>").unwrap(), connect::Reply::Leave(_))
}

#[test]
fn what_is_enrolled_is_deleted_only_when_it_was_retired() {
    let school = School::new();
    let device = school.device(UDID);
    device.authenticate();
    for state in [EnrollmentState::Authenticated, EnrollmentState::Enrolled] {
        assert_eq!(device.enrollment().state, state);
        let refused = school.try_write(|tx| devices::delete(tx, &ME, UDID)).unwrap_err();
        assert!(refused.kind == Kind::Conflict && refused.message.starts_with("Retire it first: "), "{refused}");
        school.write(|tx| devices::find(tx, &ME, UDID).map(drop));
        device.token_update(false);
    }
    school.write(|tx| devices::retire(tx, &ME, UDID).map(drop));
    school.write(|tx| devices::delete(tx, &ME, UDID));
    assert!(is_told(&device), "one that connects after all is told to leave");
    assert_eq!(school.try_write(|tx| devices::take_back(tx, &ME, UDID)).unwrap_err().kind, Kind::NotFound);
}

#[test]
fn what_has_left_is_deleted_at_once() {
    let school = School::new();
    let device = school.enrolled(UDID);
    device.check_in("<key>MessageType</key><string>CheckOut</string>").unwrap();
    school.write(|tx| devices::delete(tx, &ME, UDID));
    assert_eq!(school.try_write(|tx| devices::find(tx, &ME, UDID)).unwrap_err().kind, Kind::NotFound);
}

#[test]
fn retiring_is_taken_back_as_long_as_the_device_was_not_told() {
    let school = School::new();
    let device = school.enrolled(UDID);
    device.check_in(TOKEN).unwrap();
    let nothing = school.try_write(|tx| devices::take_back(tx, &ME, UDID)).unwrap_err();
    assert!(nothing.kind == Kind::Conflict && nothing.message.contains("not retired"), "{nothing}");
    let before = device.enrollment();
    let waiting = device.enqueue(command::restart_device(Uuid::from_u128(1), None)).uuid;
    school.write(|tx| devices::retire(tx, &ME, UDID).map(drop));
    assert!(!device.enrollment().has_unlock_token && device.enrollment().renewal_due_at.is_none());
    school.write(|tx| devices::take_back(tx, &ME, UDID).map(drop));
    let after = device.enrollment();
    assert_eq!((after.state, after.left_at, after.generation), (EnrollmentState::Enrolled, None, before.generation));
    assert!(after.has_unlock_token && after.has_bootstrap_token, "what it cannot give twice is in use again");
    assert!(after.renewal_due_at.is_some() && after.renewal_due_at == before.renewal_due_at);
    assert!(after.questions_due && after.push_due_at.is_some(), "it is asked what it has, and planned for");
    assert!(school.events().contains(&String::from("device.retiring_taken_back")));
    assert!(!is_told(&device));
    device.answer_everything();
    assert_eq!(device.command(&waiting).state, CommandState::Dropped, "what waited is not sent by surprise");
    let again = device.enqueue(command::restart_device(Uuid::from_u128(2), None)).uuid;
    assert_eq!(device.idle().unwrap().uuid, again);
}

#[test]
fn what_was_told_to_leave_is_not_taken_back() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.write(|tx| devices::retire(tx, &ME, UDID).map(drop));
    assert!(is_told(&device));
    let late = school.try_write(|tx| devices::take_back(tx, &ME, UDID)).unwrap_err();
    assert!(late.kind == Kind::Conflict && late.message.contains("told to leave already"), "{late}");
    assert_eq!(device.enrollment().state, EnrollmentState::Retired);
    school.write(|tx| devices::delete(tx, &ME, UDID));
}

/// What is told of devices that left.
fn told(school: &School) -> Vec<String> {
    let of_left = |needs: Vec<crate::store::alerts::Alert>| needs.into_iter().filter(|need| need.key.starts_with(absent::LEFT));
    school.write(move |tx| Ok(of_left(needs::all(tx)?).map(|need| need.message).collect()))
}

fn standing(device: &Device<'_>) -> Standing {
    let id = device.enrollment().device_id;
    device.school.write(move |tx| roster::by_id(tx, &id)).unwrap().standing
}

const LEAVE: &str = "<key>MessageType</key><string>CheckOut</string>";

#[test]
fn a_device_that_left_unasked_needs_somebody_until_it_is_back_or_deleted() {
    let school = School::new();
    let device = school.enrolled(UDID);
    assert!(told(&school).is_empty());
    device.check_in(LEAVE).unwrap();
    assert_eq!(told(&school), ["iPad 1 is no longer managed: somebody removed its management profile."]);
    assert_eq!(standing(&device), Standing::Problem);
    let again = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("again", Purpose::Enroll, None) };
    again.authenticate();
    again.token_update(false);
    assert!(told(&school).is_empty(), "it is back");
    again.check_in(LEAVE).unwrap();
    assert_eq!(told(&school).len(), 1);
    school.write(|tx| devices::delete(tx, &ME, UDID));
    assert!(told(&school).is_empty(), "nobody looks for it");
}

#[test]
fn what_was_retired_on_purpose_is_no_problem() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.write(|tx| devices::retire(tx, &ME, UDID).map(drop));
    assert_eq!(standing(&device), Standing::Waiting, "it is to be told");
    assert!(is_told(&device));
    assert_eq!(standing(&device), Standing::Silent);
    assert!(told(&school).is_empty());
    assert_eq!(school.write(roster::retired), 1);
}

#[test]
fn many_that_left_are_told_of_by_their_number() {
    let school = School::new();
    for number in 0..13 {
        let udid = format!("00008030-00AA11BB22CC{number:04}");
        let device = school.device(&udid);
        device.check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{}</string><key>SerialNumber</key><string>TESTSN{number:04}</string>",
            super::TOPIC
        ))
        .unwrap();
        device.token_update(false);
        device.check_in(LEAVE).unwrap();
    }
    let told = told(&school);
    assert_eq!(told.len(), 11);
    assert!(told.iter().any(|message| message.starts_with("3 more devices are no longer managed")), "{told:?}");
}
