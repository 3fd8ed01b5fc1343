//! Leaving on an admin's word: what is retired first and deleted then, and what can be taken back in between.

use super::{Device, School};
use crate::error::Kind;
use crate::mdm::{Actor, connect, devices};
use crate::protocol::command;
use crate::store::commands::CommandState;
use crate::store::enrollments::EnrollmentState;
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
