//! Devices that call themselves by what is another's, and ends that are not to be undone: what is meant for one device reaches no other.

use super::{Device, School, TOPIC};
use crate::error::Kind;
use crate::mdm::checkin::Reply;
use crate::mdm::connect;
use crate::mdm::enroll::identify::Refusal;
use crate::mdm::nano::{self, NoPush};
use crate::mdm::{Actor, devices as room};
use crate::protocol;
use crate::store::certificates::Purpose;
use crate::store::devices;
use crate::store::enrollments::{self, EnrollmentState};

const VICTIM: &str = "00008030-00AA11BB22CC33DD";
/// The serial number that devices say in these tests.
const SERIAL: &str = "TESTSN0001";

fn refused(reply: &Reply) -> Option<Refusal> {
    match reply {
        Reply::Refused(refusal) => Some(*refusal),
        _ => None,
    }
}

impl Device<'_> {
    fn says_serial(&self, serial_number: &str) -> Reply {
        self.check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string>\
             <key>SerialNumber</key><string>{serial_number}</string>"
        ))
        .unwrap()
    }
}

#[test]
fn nobody_comes_in_by_the_serial_number_or_id_of_another_device() {
    let school = School::new();
    let victim = school.enrolled(VICTIM);
    let id = victim.enrollment().device_id;
    for udid in [SERIAL, "testsn0001", id.as_str()] {
        let reply = school.device(udid).says_serial("TESTSN0666");
        assert_eq!(refused(&reply), Some(Refusal::AnothersName), "{udid}");
    }
    let other = school.device("00008030-00AA11BB22CC33EE");
    for serial_number in [VICTIM, id.as_str()] {
        let reply = other.says_serial(serial_number);
        assert_eq!(refused(&reply), Some(Refusal::AnothersName), "{serial_number}");
    }
    assert!(matches!(victim.authenticate(), Reply::Empty), "its own are its own");
}

#[test]
fn what_two_devices_go_by_names_neither_and_the_servers_own_ids_go_first() {
    let school = School::new();
    let (victim, other) = (school.enrolled(VICTIM), school.enrolled("TESTSN0777"));
    let (victim_id, other_id) = (victim.enrollment().device_id, other.enrollment().device_id);
    // Both said the same serial number, and share a device by it: here they are two, as they were before that was looked at.
    let attacker = school.write(move |tx| {
        let own = devices::Device { id: tx.new_id(), udid: None, serial_number: None, ..devices::by_id(tx, &other_id)?.unwrap() };
        devices::insert(tx, &own)?;
        let mut enrollment = enrollments::by_nano_id(tx, "TESTSN0777")?.unwrap();
        enrollments::move_to(tx, &mut enrollment, &own.id)?;
        let named = devices::Device { serial_number: Some("TESTSN0777".into()), ..devices::by_id(tx, &victim_id)?.unwrap() };
        devices::update(tx, &named)?;
        Ok(enrollment)
    });
    let victim_id = victim.enrollment().device_id;
    let ask = move |name: &str| {
        let name = name.to_owned();
        school.try_write(move |tx| {
            let channel = room::channel(tx, &Actor::Console, &name).map(|channel| channel.nano_id);
            let enrollment = room::find_enrollment(tx, &Actor::Console, &name).map(|found| found.nano_id);
            let device = room::find(tx, &Actor::Console, &name).map(|found| found.id);
            let push = nano::wake(tx, &Actor::Console, &name)?;
            Ok((channel, enrollment, device, push))
        })
    };
    let (channel, enrollment, device, push) = ask("TESTSN0777").unwrap();
    assert_eq!(channel.unwrap_err().kind, Kind::Conflict);
    assert_eq!(enrollment.unwrap_err().kind, Kind::Conflict);
    assert_eq!(device.unwrap_err().kind, Kind::Conflict);
    assert!(matches!(push, Err(NoPush::Ambiguous(_))), "{push:?}");
    let (channel, _, device, _) = ask(&victim_id).unwrap();
    assert_eq!((channel.unwrap(), device.unwrap()), (VICTIM.to_owned(), victim_id));
    let (channel, enrollment, ..) = ask(&attacker.id).unwrap();
    assert_eq!((channel.unwrap(), enrollment.unwrap()), ("TESTSN0777".to_owned(), "TESTSN0777".to_owned()));
    assert_eq!(ask(VICTIM).unwrap().0.unwrap(), VICTIM, "what only one goes by names it");
}

#[test]
fn a_deleted_device_does_not_come_back_by_a_token_update() {
    let school = School::new();
    let device = school.enrolled(VICTIM);
    device.check_in(&format!("<key>MessageType</key><string>CheckOut</string><key>Topic</key><string>{TOPIC}</string>")).unwrap();
    let again = device.token_update(false);
    assert!(matches!(again, Reply::Empty), "one that left may come back from its backup: {again:?}");
    device.check_in(&format!("<key>MessageType</key><string>CheckOut</string><key>Topic</key><string>{TOPIC}</string>")).unwrap();
    school.write(|tx| room::delete(tx, &Actor::Console, VICTIM).map(drop));
    assert_eq!(refused(&device.token_update(false)), Some(Refusal::Deleted));
    assert_eq!(device.enrollment().state, EnrollmentState::Left);
    let identity = school.certificate("another invitation", Purpose::Enroll, None);
    let anew = Device { school: &school, udid: VICTIM.to_owned(), identity };
    assert!(matches!(anew.authenticate(), Reply::Empty), "it comes back by enrolling anew");
}

#[test]
fn a_deleted_device_that_says_it_was_erased_changes_nothing() {
    let school = School::new();
    let device = school.enrolled(VICTIM);
    let before = device.enrollment();
    // As where practice devices are removed: the device is out of view, and nobody ended its enrollment.
    school.write(|tx| {
        let mut row = devices::by_udid(tx, VICTIM)?.unwrap();
        row.deleted_at = Some(tx.now);
        devices::update(tx, &row)
    });
    assert_eq!(refused(&device.token_update(true)), Some(Refusal::Deleted));
    let after = device.enrollment();
    assert_eq!((after.state, after.generation, after.has_push_token), (before.state, before.generation, before.has_push_token));
}

#[test]
fn what_a_user_says_takes_no_retired_device_along() {
    let school = School::new();
    let device = school.enrolled(VICTIM);
    let user = "<key>UserID</key><string>A1B2C3</string><key>UserShortName</key><string>kim</string>";
    let token_update = format!(
        "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{TOPIC}</string><key>Token</key><data>AQID</data>\
         <key>PushMagic</key><string>magic</string>{user}"
    );
    assert!(matches!(device.check_in(&token_update).unwrap(), Reply::Empty));
    let id = device.enrollment().device_id;
    school.write(move |tx| room::retire(tx, &Actor::Console, &id));
    assert_eq!(refused(&device.check_in(&token_update).unwrap()), Some(Refusal::DeviceRetired));
    let polled = device.connect(&format!("<key>Status</key><string>Idle</string>{user}")).unwrap();
    assert!(matches!(polled, connect::Reply::Refused(Refusal::DeviceRetired)), "{polled:?}");
    assert_eq!(device.enrollment().left_at, None, "the device itself has not been told");
    assert!(matches!(device.connect("<key>Status</key><string>Idle</string>").unwrap(), connect::Reply::Leave(_)));
    assert!(device.enrollment().left_at.is_some());
}

#[test]
fn a_token_that_is_dead_is_not_pushed_to_before_there_is_another() {
    let school = School::new().with_push_certificates();
    let device = school.enrolled(VICTIM);
    let id = device.enrollment().id;
    let dead = id.clone();
    school.write(move |tx| enrollments::set_push_outcome(tx, &dead, "gone", Some(tx.now)));
    let wake = |id: String| school.write(move |tx| nano::wake(tx, &Actor::Console, &id));
    assert!(matches!(wake(id.clone()), Err(NoPush::NoData)));
    device.token_update_with(false, "BwgJ");
    assert!(wake(id).is_ok());
}

#[test]
fn an_answer_that_is_repeated_is_no_offer_without_a_reply() {
    let school = School::new();
    let device = school.enrolled(VICTIM);
    let number = |number| uuid::Uuid::from_u128(number);
    let first = device.enqueue(protocol::command::security_info(number(1))).uuid;
    let second = device.enqueue(protocol::command::restart_device(number(2), None)).uuid;
    device.idle();
    // The connection breaks each time before the answer to the report arrives.
    for _ in 0..5 {
        assert_eq!(device.report(&first, "Acknowledged").unwrap().uuid, second);
        assert_eq!(device.command(&second).offers, 1);
    }
    assert!(device.report(&second, "Acknowledged").is_none());
}

#[test]
fn what_cannot_be_an_address_for_pushes_is_refused_when_it_is_said() {
    let school = School::new();
    let device = school.enrolled(VICTIM);
    let tokens = device.enrollment().token_hash;
    let long = "QUFB".repeat(protocol::checkin::PUSH_MAX_BYTES / 3 + 1);
    let said = device.check_in(&format!(
        "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{TOPIC}</string><key>Token</key><data>{long}</data>\
         <key>PushMagic</key><string>magic</string>"
    ));
    assert_eq!(said.unwrap_err().kind, Kind::BadInput);
    assert_eq!(device.enrollment().token_hash, tokens, "nothing has changed");
}
