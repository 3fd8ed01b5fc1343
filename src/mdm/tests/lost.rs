//! Lost devices: when one counts as lost, and who sees where it is.

use std::time::Duration;

use uuid::Uuid;

use super::{Device, School};
use crate::error::Kind;
use crate::mdm::lost::{self, Lost};
use crate::mdm::{Actor, Role, absent, needs};
use crate::protocol::command::{self, Command, LostMode};
use crate::store::roster::{self, LostState, Standing};
use crate::store::{devices, events};

const UDID: &str = "00008101-000A1B2C3D4E5F62";

/// A supervised iPad that has answered everything.
fn supervised(school: &School) -> Device<'_> {
    let ipad = school.enrolled(UDID);
    school.write(|tx| {
        let device = devices::by_udid(tx, UDID)?.unwrap();
        devices::update(tx, &devices::Device { supervised: Some(true), ..device })
    });
    ipad
}

/// The device confirms this command, with these keys beside.
fn confirms(school: &School, ipad: &Device<'_>, command: Command, keys: &str) {
    school.clock.advance(Duration::from_secs(60));
    let uuid = ipad.enqueue(command).uuid;
    let mut offer = ipad.idle();
    while let Some(command) = offer {
        let keys = if command.uuid == uuid { keys } else { "" };
        let said = format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{keys}", command.uuid);
        offer = super::offered(ipad.connect(&said).unwrap());
    }
}

/// How it stands by itself, with which the whole roster agrees.
fn stands(school: &School, ipad: &Device<'_>) -> Option<Lost> {
    let channel = ipad.enrollment();
    school.write(move |tx| {
        let lost = lost::of(tx, &channel)?;
        let listed = roster::by_id(tx, &channel.device_id)?.unwrap();
        assert_eq!(listed.lost == Some(LostState::On), lost.is_some(), "{listed:?}");
        assert_eq!(listed.standing == Standing::Lost, listed.lost.is_some(), "{listed:?}");
        Ok(lost)
    })
}

fn standing(school: &School, ipad: &Device<'_>) -> (Standing, Option<LostState>) {
    let id = ipad.enrollment().device_id;
    school.write(move |tx| roster::by_id(tx, &id).map(|listed| listed.map(|listed| (listed.standing, listed.lost)))).unwrap()
}

fn lose() -> Command {
    command::enable_lost_mode(Uuid::from_u128(1), LostMode { message: Some("Please call".into()), ..LostMode::default() })
}

const PLACE: &str = "<key>Latitude</key><real>48.1</real><key>Longitude</key><real>11.5</real><key>HorizontalAccuracy</key><real>20</real>";

#[test]
fn a_device_is_lost_from_its_confirmation_on_until_it_confirms_the_end() {
    let school = School::new().with_push_certificates();
    let ipad = supervised(&school);
    assert_eq!(stands(&school, &ipad), None);
    let waiting = ipad.enqueue(lose());
    assert_eq!(stands(&school, &ipad), None, "it does not know yet");
    assert_eq!(standing(&school, &ipad), (Standing::Lost, Some(LostState::Asked)), "but nobody takes it for one that is well");
    ipad.answer_everything();
    assert_eq!(standing(&school, &ipad), (Standing::Lost, Some(LostState::On)));
    let since = school.clock.now();
    assert_eq!(ipad.command(&waiting.uuid).finished_at, Some(since));
    assert_eq!(stands(&school, &ipad), Some(Lost { since: Some(since), told_at: None }));
    confirms(&school, &ipad, command::device_location(Uuid::from_u128(2)), PLACE);
    assert_eq!(stands(&school, &ipad), Some(Lost { since: Some(since), told_at: Some(school.clock.now()) }));
    ipad.enqueue(command::disable_lost_mode(Uuid::from_u128(8)));
    assert_eq!(standing(&school, &ipad).0, Standing::Lost, "it is lost until it says that it is not");
    confirms(&school, &ipad, command::disable_lost_mode(Uuid::from_u128(3)), "");
    assert_eq!(stands(&school, &ipad), None);
    confirms(
        &school,
        &ipad,
        command::enable_lost_mode(Uuid::from_u128(4), LostMode { message: Some("x".into()), ..LostMode::default() }),
        "",
    );
    assert_eq!(stands(&school, &ipad).unwrap().told_at, None, "where it was when it was lost before is not where it is");
}

#[test]
fn what_it_reports_later_counts_more_than_what_it_confirmed() {
    let school = School::new().with_push_certificates();
    let ipad = supervised(&school);
    let reports = |is_lost: bool| {
        school.clock.advance(Duration::from_secs(60));
        school.write(move |tx| {
            let device = devices::by_udid(tx, UDID)?.unwrap();
            devices::set_facts(tx, &device.id, &format!("{{\"IsMDMLostModeEnabled\":{is_lost}}}"))
        });
    };
    reports(true);
    assert_eq!(stands(&school, &ipad), Some(Lost { since: None, told_at: None }), "nobody here knows since when");
    confirms(&school, &ipad, command::disable_lost_mode(Uuid::from_u128(5)), "");
    assert_eq!(stands(&school, &ipad), None, "the report is older");
    confirms(&school, &ipad, lose(), "");
    assert!(stands(&school, &ipad).is_some());
    reports(false);
    assert_eq!(stands(&school, &ipad), None);
    let again = command::enable_lost_mode(Uuid::from_u128(6), LostMode { message: Some("x".into()), ..LostMode::default() });
    confirms(&school, &ipad, again, "");
    // Weeks later, and left: what is gone is not looked for by Lost Mode.
    school.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert_eq!(standing(&school, &ipad).0, Standing::Lost, "a silent one is lost all the same");
    ipad.check_in("<key>MessageType</key><string>CheckOut</string>").unwrap();
    assert_eq!(standing(&school, &ipad), (Standing::Problem, None));
}

#[test]
fn asked_and_taken_back_before_it_heard_of_it_is_not_lost() {
    let school = School::new().with_push_certificates();
    let ipad = supervised(&school);
    let asked = ipad.enqueue(lose()).uuid;
    assert_eq!(standing(&school, &ipad).0, Standing::Lost);
    let channel = ipad.enrollment();
    school.write(move |tx| crate::mdm::commands::cancel(tx, &Actor::Console, &channel, &asked).map(|_| ()));
    assert_ne!(standing(&school, &ipad).0, Standing::Lost);
    assert_eq!(stands(&school, &ipad), None);
}

#[test]
fn where_it_is_is_for_those_who_send_commands_and_each_look_is_recorded() {
    let school = School::new().with_push_certificates();
    let ipad = supervised(&school);
    let by = |role| Actor::Person { id: "1".into(), name: "kim".into(), role };
    let look = |role| {
        let (actor, id) = (by(role), ipad.enrollment().device_id);
        school.try_write(move |tx| lost::look(tx, &actor, &id))
    };
    confirms(&school, &ipad, lose(), "");
    assert_eq!(look(Role::Helper).unwrap_err().kind, Kind::NotFound, "it has not said it");
    confirms(&school, &ipad, command::device_location(Uuid::from_u128(2)), PLACE);
    for role in [Role::Viewer, Role::Teacher] {
        assert_eq!(look(role).unwrap_err().kind, Kind::Forbidden, "{role:?}");
    }
    let (place, at) = look(Role::Helper).unwrap();
    assert_eq!((place.latitude, place.longitude, place.horizontal_accuracy_m), (48.1, 11.5, Some(20.0)));
    assert_eq!(at, school.clock.now());
    let looks = school.write(|tx| {
        let filter = events::Filter { kind: Some("device.position_shown"), ..events::Filter::default() };
        events::list(tx, &filter, None, 10)
    });
    assert_eq!(looks.len(), 1);
    assert!(looks[0].actor == "kim (helper)" && !looks[0].data.to_string().contains("48.1"), "{looks:?}");
    confirms(&school, &ipad, command::disable_lost_mode(Uuid::from_u128(3)), "");
    assert_eq!(look(Role::Helper).unwrap_err().kind, Kind::NotFound, "it is not lost any more");
}

#[test]
fn a_new_message_keeps_the_beginning_the_position_and_what_it_leaves_out() {
    let school = School::new().with_push_certificates();
    let ipad = supervised(&school);
    let lose = |number: u128, message: Option<&str>, phone: Option<&str>| {
        let (message, phone_number) = (message.map(str::to_owned), phone.map(str::to_owned));
        command::enable_lost_mode(Uuid::from_u128(number), LostMode { message, phone_number, ..LostMode::default() })
    };
    confirms(&school, &ipad, lose(11, Some("Please call"), Some("+49 30 1")), "");
    let since = Some(school.clock.now());
    confirms(&school, &ipad, command::device_location(Uuid::from_u128(12)), PLACE);
    let told_at = Some(school.clock.now());
    for (number, message, phone, shown) in [
        (13, Some("Bring it to the office"), None, ["Bring it to the office", "+49 30 1"]),
        (14, None, Some("+49 30 2"), ["Bring it to the office", "+49 30 2"]),
    ] {
        let queued = ipad.enqueue(lose(number, message, phone)).seq;
        let payload = school.write(move |tx| crate::store::commands::payload(tx, queued)).unwrap();
        let said = String::from_utf8_lossy(payload.expose()).into_owned();
        assert!(shown.iter().all(|words| said.contains(words)), "{said}");
        school.clock.advance(Duration::from_secs(60));
        ipad.answer_everything();
        assert_eq!(stands(&school, &ipad), Some(Lost { since, told_at }), "it is lost since it was told so first");
    }
    let id = ipad.enrollment().device_id;
    let again = school.try_write(move |tx| lost::not_twice(tx, &Actor::Console, &id)).unwrap_err();
    assert!(again.kind == Kind::Conflict && again.message.contains("lost already"), "{again}");
    confirms(&school, &ipad, command::disable_lost_mode(Uuid::from_u128(15)), "");
    let id = ipad.enrollment().device_id;
    school.write(move |tx| lost::not_twice(tx, &Actor::Console, &id));
    let queued = ipad.enqueue(lose(16, Some("x"), None)).seq;
    let payload = school.write(move |tx| crate::store::commands::payload(tx, queued)).unwrap();
    assert!(!String::from_utf8_lossy(payload.expose()).contains("+49"), "the next loss begins with nothing");
    let id = ipad.enrollment().device_id;
    assert!(school.try_write(move |tx| lost::not_twice(tx, &Actor::Console, &id)).is_err(), "it was told, and will be");
    school.clock.advance(Duration::from_secs(60));
    ipad.answer_everything();
    assert_eq!(stands(&school, &ipad), Some(Lost { since: Some(school.clock.now()), told_at: None }));
}

#[test]
fn a_lost_device_is_named_last_of_all_until_it_is_lost_no_more() {
    let school = School::new().with_push_certificates();
    let ipad = supervised(&school);
    let last = || school.write(needs::all).pop().map(|need| (need.key, need.message)).unwrap_or_default();
    assert!(!last().0.starts_with(absent::LOST));
    confirms(&school, &ipad, lose(), "");
    let (key, message) = last();
    assert_eq!(key, format!("{}{}", absent::LOST, ipad.enrollment().device_id));
    assert!(message.starts_with("iPad 1 is in Lost Mode since "), "{message}");
    confirms(&school, &ipad, command::disable_lost_mode(Uuid::from_u128(3)), "");
    assert!(!last().0.starts_with(absent::LOST));
}
