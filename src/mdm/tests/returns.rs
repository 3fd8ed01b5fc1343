//! Devices that are handed back ask how to return to service; what is asked of one by hand is kept until it is back.

use uuid::Uuid;

use super::{Device as Guest, School};
use crate::error::{Kind, Result};
use crate::mdm::checkin::Reply;
use crate::mdm::return_to_service::network::{Network, choices};
use crate::mdm::return_to_service::rules::{self, Rules};
use crate::mdm::return_to_service::watch::COMES_BACK_WITHIN;
use crate::mdm::return_to_service::{self, Answer};
use crate::mdm::{Actor, Role, needs, profiles};
use crate::protocol::command::{self, Command as Order, EraseDevice};
use crate::secret::SecretBytes;
use crate::store::certificates::Purpose;
use crate::store::commands::Command;
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, EnrollmentState, SealedColumn};
use crate::store::invitations;
use crate::store::returns::{self, Return};

const UDID: &str = "00008101-000A1B2C3D4E5F60";
const BASE: &str = "https://mdm.example.school";

/// A profile with one network and its password.
const WIFI: &str = "<plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>\
     <key>PayloadIdentifier</key><string>school.example.wifi</string><key>PayloadUUID</key><string>A</string><key>PayloadContent</key><array><dict>\
     <key>PayloadType</key><string>com.apple.wifi.managed</string><key>PayloadVersion</key><integer>1</integer>\
     <key>PayloadIdentifier</key><string>school.example.wifi.one</string><key>PayloadUUID</key><string>B</string><key>SSID_STR</key><string>Carts</string>\
     <key>EncryptionType</key><string>WPA2</string><key>Password</key><string>for $SERIAL</string></dict></array></dict></plist>";

/// Gives the school a push certificate and a Wi-Fi profile, and has its enrolled device be supervised and on iOS 26; gives the id of the profile.
fn prepare(school: &School) -> String {
    school.write(|tx| {
        let device = devices::by_udid(tx, UDID)?.unwrap();
        devices::update(tx, &Device { supervised: Some(true), os_version: "26.1".into(), ..device })?;
        let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
        enrollments::set_secret(tx, &enrollment.id, SealedColumn::BootstrapToken, Some(b"token"))?;
        let brought = profiles::recognise(WIFI.as_bytes().to_vec())?;
        Ok(profiles::create(tx, &Actor::Console, &brought, "Carts", "")?.profile.id)
    })
}

fn ask(device: &Guest<'_>) -> Answer {
    match device.check_in("<key>MessageType</key><string>ReturnToService</string>").unwrap() {
        Reply::ReturnToService(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

impl Guest<'_> {
    /// It is sent the erase after which it is to come back, and says that it erases itself.
    pub(in crate::mdm::tests) fn is_erased_to_return(&self) {
        let erase = self.enqueue(command::erase_device(Uuid::from_u128(77), &EraseDevice::default())).uuid;
        let asked = Return {
            enrollment_id: self.enrollment().id,
            command_uuid: erase.clone(),
            network: String::from("Carts"),
            asked_by: String::from("kim"),
            asked_at: self.school.clock.now(),
            erased_at: None,
            expected_at: None,
            returned_at: None,
        };
        self.school.write(move |tx| returns::put(tx, &asked));
        let mut offer = self.idle();
        while let Some(command) = offer {
            offer = self.report(&command.uuid, "Acknowledged");
            if command.uuid == erase {
                return;
            }
        }
        panic!("the erase was not offered");
    }
}

#[test]
fn a_device_that_is_handed_back_is_told_what_the_rules_say_and_stays_enrolled() {
    let school = School::new().with_push_certificates();
    let device = school.enrolled(UDID);
    let wifi = prepare(&school);
    let off = ask(&device);
    assert!(!off.reply.enabled && off.grant.is_none() && school.events().contains(&"enrollment.return_refused".to_owned()));
    assert_eq!(school.write(choices).len(), 1);
    let none =
        school.try_write(|tx| rules::set(tx, &Actor::Console, &Rules { on: true, wifi_profile_id: Some("gone".into()) })).unwrap_err();
    assert_eq!(none.fields[0].field, "wifi_profile_id");
    school.write(move |tx| rules::set(tx, &Actor::Console, &Rules { on: true, wifi_profile_id: Some(wifi) }));
    let on = ask(&device);
    let profile = String::from_utf8(on.reply.wifi_profile.unwrap()).unwrap();
    assert!(on.reply.enabled && profile.contains("for TESTSN0001"), "{profile}");
    assert_eq!(on.reply.bootstrap_token.as_ref().map(SecretBytes::expose), Some(&b"token".to_vec()));
    let hash = on.grant.expect("it came by an invitation, so its profile goes along").hash();
    let (bound, state, back) = school.write(move |tx| {
        let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
        Ok((invitations::challenge_by_hash(tx, &hash)?.unwrap(), enrollment.state, returns::of(tx, &enrollment.id)?.unwrap()))
    });
    assert_eq!((bound.serial_number.as_deref(), bound.udid.as_deref()), (Some("TESTSN0001"), Some(UDID)));
    assert!(state == EnrollmentState::Enrolled && back.network == "Carts" && back.erased_at.is_none());
    school.clock.advance(COMES_BACK_WITHIN);
    assert!(school.write(needs::all).iter().any(|need| need.key.starts_with(needs::NOT_BACK)), "nothing was heard of it since");
    let identity = school.certificate("its next identity", Purpose::Enroll, None);
    let device = Guest { school: &school, udid: UDID.to_owned(), identity };
    device.authenticate();
    device.token_update(false);
    assert!(school.events().contains(&"enrollment.returned".to_owned()));
    assert!(!school.write(needs::all).iter().any(|need| need.key.starts_with(needs::NOT_BACK)));
}

/// Has a device be erased that comes back.
fn bring_back(school: &School, wifi: &str) -> Result<Command> {
    let network = Network::Library(wifi.to_owned());
    let plan = school.try_write(move |tx| return_to_service::plan(tx, &Actor::Console, UDID, &network, BASE))?;
    erase(school, plan)
}

fn erase(school: &School, plan: return_to_service::Plan) -> Result<Command> {
    let profile = plan.grant.is_some().then(|| b"signed".to_vec());
    school.try_write(move |tx| return_to_service::erase(tx, &Actor::Console, &plan, profile))
}

/// Answers what comes until this command does.
fn until(device: &Guest<'_>, uuid: &str) {
    let mut offer = device.idle().unwrap();
    while offer.uuid != uuid {
        offer = device.report(&offer.uuid, "Acknowledged").unwrap();
    }
}

#[test]
fn a_second_return_is_refused_while_an_erase_is_under_way_and_the_first_is_known_to_be_done() {
    let school = School::new().with_push_certificates();
    let device = school.enrolled(UDID);
    let wifi = prepare(&school);
    let network = Network::Library(wifi.clone());
    let late = school.write(move |tx| return_to_service::plan(tx, &Actor::Console, UDID, &network, BASE));
    let first = bring_back(&school, &wifi).unwrap();
    for refused in [bring_back(&school, &wifi).unwrap_err(), erase(&school, late).unwrap_err()] {
        assert!(refused.kind == Kind::Conflict && refused.message.contains("being erased already and comes back"), "{refused:?}");
    }
    until(&device, &first.uuid);
    assert!(bring_back(&school, &wifi).is_err(), "it was sent and is not answered");
    device.report(&first.uuid, "Acknowledged");
    let gone = school.write(|tx| returns::of(tx, &enrollments::by_nano_id(tx, UDID)?.unwrap().id)).unwrap();
    assert!(gone.command_uuid == first.uuid && gone.erased_at.is_some() && gone.expected_at.is_some(), "{gone:?}");
}

#[test]
fn whichever_erase_a_device_answers_its_return_has_begun_unless_that_was_over() {
    for (answer, counts) in [("NotNow", true), ("Error", false)] {
        let school = School::new().with_push_certificates();
        let device = school.enrolled(UDID);
        let wifi = prepare(&school);
        let own = bring_back(&school, &wifi).unwrap();
        until(&device, &own.uuid);
        // What waits would give way to it; what the device was offered does not.
        let plain = device.enqueue(Order::new(uuid::Uuid::from_u128(7), "EraseDevice"));
        let mut offer = device.report(&own.uuid, answer).unwrap();
        while offer.uuid != plain.uuid {
            offer = device.report(&offer.uuid, "Acknowledged").unwrap();
        }
        device.report(&plain.uuid, "Acknowledged");
        let gone = school.write(|tx| returns::of(tx, &enrollments::by_nano_id(tx, UDID)?.unwrap().id)).unwrap();
        assert_eq!(gone.erased_at.is_some(), counts, "{answer}: {gone:?}");
    }
    let school = School::new().with_push_certificates();
    let device = school.enrolled(UDID);
    let wifi = prepare(&school);
    device.enqueue(Order::new(uuid::Uuid::from_u128(7), "EraseDevice"));
    assert_eq!(bring_back(&school, &wifi).unwrap_err().kind, Kind::Conflict, "it will be erased for good");
}

#[test]
fn who_may_not_erase_or_locks_by_an_account_is_refused_and_nothing_is_kept() {
    let school = School::new().with_push_certificates();
    school.enrolled(UDID);
    let wifi = prepare(&school);
    let plan = |actor: Actor| {
        let network = Network::Library(wifi.clone());
        school.try_write(move |tx| return_to_service::plan(tx, &actor, UDID, &network, BASE))
    };
    let helper = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Helper };
    assert_eq!(plan(helper).unwrap_err().kind, Kind::Forbidden);
    assert!(plan(Actor::Console).is_ok());
    school.write(|tx| {
        let device = devices::by_udid(tx, UDID)?.unwrap();
        devices::set_facts(tx, &device.id, r#"{"IsActivationLockEnabled":true}"#)
    });
    assert!(plan(Actor::Console).unwrap_err().message.contains("Find My"));
    let kept = school.write(|tx| {
        let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
        returns::of(tx, &enrollment.id)
    });
    assert!(kept.is_none());
}
