//! Content tokens and their locations: taken over, ended, refused, removed, and what Apple tells by itself.

use std::time::Duration;

use serde_json::json;

use super::{MINUTE, Office};
use crate::mdm::Actor;
use crate::mdm::licences::{Licence, ends, notices, tokens};
use crate::protocol::apps_and_books::MdmInfo;
use crate::store::content_tokens::{self, TokenState};
use crate::store::devices::{self, Device};
use crate::store::{alerts, licences as rows, roster};

const APP: &str = "409203825";

#[test]
fn another_servers_claim_stops_everything_until_it_is_taken_over() {
    let mut office = Office::new(&[(APP, 5)]);
    office.pass(MINUTE);
    let text = office.text.clone();
    office.book.location(&text).unwrap().mdm_info = MdmInfo { id: "other".into(), name: "Old server".into(), metadata: String::new() };
    office.want(APP, "T1");
    office.turn(None);
    office.pass(MINUTE);
    office.pass(Duration::from_secs(3600));
    let id = office.id.clone();
    let token = office.school.write(move |tx| content_tokens::by_id(tx, &id)).unwrap();
    assert_eq!((token.state, token.other_server.as_str()), (TokenState::Taken, "Old server"));
    let alert = office.school.write(alerts::all).into_iter().find(|alert| alert.key.starts_with("licences.taken:")).unwrap();
    assert!(alert.message.contains("“Old server”, took the location “North building”"), "{}", alert.message);
    let asked = office.book.asked.len();
    office.pass(Duration::from_secs(100_000));
    assert_eq!(office.book.asked.len(), asked, "nothing is asked any more");
    office.claim();
    office.pass(Duration::from_secs(700));
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "T1"), Licence::Held);
    assert!(office.school.write(alerts::all).iter().all(|alert| !alert.key.starts_with("licences.taken:")));
}

#[test]
fn a_token_that_apple_does_not_take_stops_until_a_new_one_comes() {
    let mut office = Office::new(&[(APP, 5)]);
    office.pass(MINUTE);
    let before = office.text.clone();
    let renewed = office.book.renew(&before, office.school.clock.now().plus(super::super::days(365))).unwrap();
    office.want(APP, "R1");
    office.turn(None);
    let Licence::Waiting { because } = office.licence(APP, "R1") else { panic!("{:?}", office.licence(APP, "R1")) };
    assert!(because.contains("Download it once more"), "{because}");
    office.text = renewed;
    let id = office.id.clone();
    office.bring();
    assert_eq!(office.id, id, "the same location is the same row");
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "R1"), Licence::Held);
}

#[test]
fn an_end_that_comes_near_is_said_three_times() {
    let office = Office::new(&[]);
    let said = |office: &Office| {
        office
            .school
            .write(|tx| ends::remind(tx).and_then(|()| alerts::all(tx)))
            .into_iter()
            .find(|alert| alert.key.starts_with("licences.ends:"))
            .map(|alert| alert.harm)
    };
    let mut harms = Vec::new();
    for days in [0, 271, 15, 8, 7] {
        office.school.clock.advance(super::super::days(days));
        harms.push(said(&office));
    }
    assert_eq!(harms, [None, Some(40), Some(60), Some(80), Some(90)]);
}

#[test]
fn a_notification_has_its_event_looked_at_once() {
    let mut office = Office::new(&[(APP, 5)]);
    office.pass(MINUTE);
    office.want(APP, "N1");
    office.turn(None);
    let event = office.school.write(|tx| rows::of(tx, APP, rows::HolderKind::Device, "N1")).unwrap().event_id.unwrap();
    office.school.clock.advance(Duration::from_secs(5));
    let body = json!({ "notificationId": "n-1", "notificationType": "ASSET_MANAGEMENT", "notification": { "eventId": event, "result": "SUCCESS" } });
    for _ in 0..2 {
        let (id, body) = (office.id.clone(), body.clone());
        office.school.write(move |tx| notices::hear(tx, &id, &body));
        office.turn(None);
    }
    assert_eq!((office.licence(APP, "N1"), office.asked("/status")), (Licence::Held, 1), "25 seconds before it would have been looked at");
    let id = office.id.clone();
    let refused = office.school.try_write(move |tx| notices::admit(tx, &id, Some(b"x"), |a, b| a == b));
    assert!(refused.is_err(), "nobody told Apple to tell us");
}

#[test]
fn a_removed_location_says_what_it_ends() {
    let mut office = Office::new(&[(APP, 5)]);
    office.want(APP, "G1");
    office.pass(MINUTE);
    office.pass(MINUTE);
    let id = office.id.clone();
    let ending = office.school.write(move |tx| tokens::remove(tx, &Actor::Console, &id));
    assert_eq!((ending.licences, ending.wanted), (1, 1));
    let Licence::Short { by: 1, because } = office.licence(APP, "G1") else { panic!("it is short of one") };
    assert!(because.contains("no content token here"), "{because}");
    let text = office.text.clone();
    assert_eq!(office.book.assigned(&text).len(), 1, "Apple's book is as it was");
}

#[test]
fn practice_devices_and_real_ones_never_share_a_location() {
    let mut office = Office::new(&[(APP, 5)]);
    office.pass(MINUTE);
    office.school.write(|tx| {
        let plain = roster::tests::device("p1", "Practice iPad");
        devices::insert(tx, &Device { practice: true, serial_number: Some("PRACT1".into()), ..plain })
    });
    assert!(matches!(office.want(APP, "PRACT1"), Licence::Short { by: 1, .. }));
    let seats = office.seats(APP);
    assert_eq!((seats.reserved, seats.short, seats.free), (0, 0, Some(5)), "it counts in no real ledger");
    office.pass(Duration::from_secs(1000));
    assert_eq!(office.licence(APP, "PRACT1"), Licence::None, "a device that is not enrolled wants nothing");
}

#[test]
fn apple_is_admitted_while_it_tries_whether_it_reaches_us_and_only_as_long_as_that_holds() {
    let office = Office::new(&[]);
    let admits = |secret: &str| {
        let (id, secret) = (office.id.clone(), secret.to_owned());
        office.school.try_write(move |tx| notices::admit(tx, &id, Some(secret.as_bytes()), |a, b| a == b)).is_ok()
    };
    let claim = |id: &str| {
        let id = id.to_owned();
        office.school.write(move |tx| tokens::claim(tx, &Actor::Console, &id))
    };
    let first = claim(&office.id);
    let secret = first.notify_secret.clone();
    assert!(admits(&secret), "its test comes before its answer");
    office.school.write(move |tx| tokens::claimed(tx, &Actor::Console, &first, true));
    assert!(admits(&secret));
    let second = claim(&office.id);
    let other = second.notify_secret.clone();
    assert!(admits(&other) && !admits(&secret));
    office.school.write(move |tx| tokens::not_claimed(tx, &second));
    assert!(admits(&secret) && !admits(&other), "who told us before does so still");
    let third = claim(&office.id);
    office.school.write(move |tx| tokens::claimed(tx, &Actor::Console, &third, false));
    assert!(!admits(&secret), "nobody tells us anything any more");
}
