//! Oddities of Apple's list that others have met: the same place again, places that are not taken, events out of order, terms that nobody accepted.

use std::time::Duration;

use serde_json::json;

use super::{MINUTE, Office};
use crate::mdm::Actor;
use crate::mdm::ade::errands::{DENIED_EVERY, TERMS_EVERY};
use crate::mdm::ade::{FETCH_EVERY, STUCK_MAX, STUCK_WAIT, SYNC_EVERY, servers};
use crate::protocol::ade::paths;
use crate::sim::apple::ade::{Act, Fault};
use crate::store::ade_servers::{Phase, ServerState};
use crate::store::alerts;

#[test]
fn the_whole_list_is_read_page_by_page_and_then_what_changed() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "Mac"), ("TESTSN0003", "iPad")]);
    office.book.page_lines = 2;
    office.turn(None);
    assert_eq!(office.ours(), ["TESTSN0001", "TESTSN0002", "TESTSN0003"]);
    let server = office.server();
    assert_eq!((server.name.as_str(), server.admin.as_str(), server.phase), ("Example School", "head@example.school", Phase::Sync));
    assert_eq!(office.device("TESTSN0002").unwrap().device_family, "Mac");
    assert_eq!((office.asked(paths::FETCH), office.asked(paths::SYNC)), (2, 0));

    office.add("TESTSN0004", "iPhone");
    let now = office.now();
    office.apple().remove("TESTSN0001", now);
    office.pass(SYNC_EVERY);
    assert_eq!(office.ours(), ["TESTSN0002", "TESTSN0003", "TESTSN0004"]);
    assert_eq!(office.device("TESTSN0001").unwrap().gone_at, Some(now));
    assert_eq!(office.asked(paths::FETCH), 2, "only what changed was asked for");
    assert_eq!(office.book.disowned, 0);
}

/// The page of case C26: events out of order, nulls, an event without a word, the same place again.
#[test]
fn events_count_in_their_order_and_null_erases_nothing() {
    let mut office = Office::with(&[]);
    office.turn(None);
    let cursor = office.server().cursor;
    let known = json!({ "cursor": "AAA", "more_to_follow": false, "devices": [
        { "serial_number": "TESTSN0001", "op_type": "added", "op_date": "2026-08-01T07:00:00Z", "color": "GOLD", "model": "iPad" }] });
    let page = json!({ "cursor": "AAA", "more_to_follow": true, "fetched_until": "2026-09-01T08:00:00Z", "devices": [
        { "serial_number": "TESTSN0001", "op_type": "added", "op_date": "2026-09-01T07:20:00Z", "profile_status": "removed" },
        { "serial_number": "TESTSN0001", "op_type": "added", "op_date": "2026-09-01T07:00:00Z", "model": "iPad", "color": null, "asset_tag": "" },
        { "serial_number": "TESTSN0001", "op_type": "deleted", "op_date": "2026-09-01T07:10:00Z" },
        { "serial_number": "TESTSN0002", "op_type": "" }] });
    office.book.faults.push_back(Fault::of(paths::SYNC, Act::Say(known.to_string())));
    office.pass(SYNC_EVERY);
    assert_ne!(office.server().cursor, cursor);
    office.book.faults.push_back(Fault::of(paths::SYNC, Act::Say(page.to_string())));
    office.pass(SYNC_EVERY);
    let device = office.device("TESTSN0001").unwrap();
    assert_eq!(
        (device.gone_at, device.color.as_str(), device.model.as_str(), device.profile_status.as_str()),
        (None, "GOLD", "iPad", "removed")
    );
    assert_eq!(office.ours(), ["TESTSN0001", "TESTSN0002"], "one without a word is there");
    assert_eq!(office.server().same_cursor, 1, "the round stopped");

    let late = json!({ "cursor": "BBB", "more_to_follow": false, "devices": [
        { "serial_number": "TESTSN0001", "op_type": "deleted", "op_date": "2026-09-01T07:15:00Z" }] });
    office.book.faults.push_back(Fault::of(paths::SYNC, Act::Say(late.to_string())));
    office.pass(STUCK_WAIT);
    assert_eq!(office.device("TESTSN0001").unwrap().gone_at, None, "what came before the newest that counted is told late");
}

#[test]
fn the_same_place_again_ends_the_round_and_in_the_end_the_whole_list_is_read() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    for round in 1..=STUCK_MAX {
        office.book.faults.push_back(Fault::of(paths::SYNC, Act::SamePlace));
        office.pass(SYNC_EVERY);
        assert_eq!((office.server().same_cursor, office.asked(paths::SYNC)), (round, round as usize), "one question a round");
    }
    assert!(office.alerts().iter().any(|(key, message)| key.starts_with("ade.stuck:") && message.contains("Example School")));
    office.add("TESTSN0002", "iPad");
    office.pass(STUCK_WAIT);
    assert_eq!(office.ours(), ["TESTSN0001", "TESTSN0002"]);
    assert_eq!((office.server().phase, office.server().same_cursor, office.asked(paths::FETCH)), (Phase::Sync, 0, 2));
    assert_eq!(office.alerts(), [], "it is over by itself");
}

#[test]
fn places_that_are_not_taken_begin_the_list_anew_and_the_devices_stay() {
    for word in ["EXPIRED_CURSOR", "INVALID_CURSOR", "EXHAUSTED_CURSOR"] {
        let mut office = Office::with(&[("TESTSN0001", "iPad")]);
        office.turn(None);
        office.add("TESTSN0002", "iPad");
        office.book.faults.push_back(Fault::refuse(paths::SYNC, 400, word));
        office.pass(SYNC_EVERY);
        assert_eq!(office.ours(), ["TESTSN0001", "TESTSN0002"], "{word}");
        assert_eq!((office.server().phase, office.asked(paths::FETCH)), (Phase::Sync, 2), "{word}");
    }
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.book.page_lines = 1;
    office
        .book
        .faults
        .push_back(Fault::of(paths::FETCH, Act::Say(json!({ "devices": [], "cursor": "end", "more_to_follow": true }).to_string())));
    office.book.faults.push_back(Fault::refuse(paths::FETCH, 400, "EXHAUSTED_CURSOR"));
    office.turn(None);
    assert_eq!((office.server().phase, office.server().cursor.as_str()), (Phase::Sync, "end"), "a list that was read is followed up");
}

#[test]
fn a_place_that_grew_old_while_the_appliance_slept_is_no_trouble() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.turn(None);
    let now = office.now();
    office.apple().remove("TESTSN0001", now);
    office.pass(Duration::from_secs(40 * 86_400));
    assert_eq!(office.ours(), ["TESTSN0002"]);
    assert!(office.device("TESTSN0001").unwrap().gone_at.is_some());
}

#[test]
fn once_a_week_the_whole_list_finds_what_no_event_told() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.turn(None);
    office.apple().devices.remove("TESTSN0002");
    office.pass(SYNC_EVERY);
    assert_eq!(office.ours().len(), 2, "nobody told");
    office.pass(FETCH_EVERY);
    assert_eq!(office.ours(), ["TESTSN0001"]);
}

#[test]
fn terms_that_nobody_accepted_are_named_with_who_must_and_end_by_themselves() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    office.apple().terms_signed = false;
    office.add("TESTSN0002", "iPad");
    office.pass(SYNC_EVERY);
    let (key, message) = office.alerts().remove(0);
    assert_eq!(key, format!("ade.terms:{}", office.id));
    assert!(
        message.contains("head@example.school") && message.contains("school.apple.com") && message.contains("“Example School”"),
        "{message}"
    );
    assert_eq!(office.server().state, ServerState::Terms);
    assert_eq!(office.ours(), ["TESTSN0001"], "what is known stays");
    let before = office.book.asked.len();
    office.pass(MINUTE);
    assert_eq!(office.book.asked.len(), before, "Apple is not asked all the time");
    office.apple().terms_signed = true;
    office.pass(TERMS_EVERY);
    assert_eq!((office.server().state, office.alerts()), (ServerState::Ready, Vec::new()));
    assert_eq!(office.ours(), ["TESTSN0001", "TESTSN0002"]);
}

#[test]
fn a_token_that_apple_does_not_take_and_one_that_ends_are_told_apart() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    office.apple().rejected = true;
    office.book.end_sessions();
    office.pass(SYNC_EVERY);
    assert_eq!(office.server().state, ServerState::Refused);
    assert!(office.alerts()[0].0.starts_with("ade.refused:"));
    office.apple().rejected = false;
    office.pass(Duration::from_secs(86_400));
    assert_eq!((office.server().state, office.alerts().len()), (ServerState::Ready, 0), "it was tried once more");

    office.pass(Duration::from_secs(280 * 86_400));
    assert!(
        office.alerts().iter().any(|(key, message)| key.starts_with("ade.ends:") && message.contains("ends in")),
        "{:?}",
        office.alerts()
    );
    office.pass(Duration::from_secs(30 * 86_400));
    assert_eq!(office.server().state, ServerState::Ended);
    let (key, message) = office.alerts().remove(0);
    assert!(key.starts_with("ade.ends:") && message.contains("ended on"), "{message}");
    let before = office.book.asked.len();
    office.pass(Duration::from_secs(86_400));
    assert_eq!(office.book.asked.len(), before, "one that has ended is not used");

    let now = office.now();
    let (mut renewed, id) = (office.token.clone(), office.id.clone());
    renewed.expires_at = now.plus(Duration::from_secs(365 * 86_400));
    office.apple().token.expires_at = renewed.expires_at;
    office.school.write(move |tx| servers::take(tx, &Actor::Console, &id, &renewed).map(drop));
    office.turn(None);
    assert_eq!((office.server().state, office.alerts().len(), office.ours().len()), (ServerState::Ready, 0, 1), "nothing was lost");
}

#[test]
fn apple_that_is_busy_is_left_in_peace_as_long_as_it_says() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    let busy = Act::Refuse { status: 503, body: String::new(), retry_after: Some(String::from("600")) };
    office.book.faults.push_back(Fault::of(paths::ACCOUNT, busy));
    office.turn(None);
    let before = office.book.asked.len();
    office.pass(9 * MINUTE);
    assert_eq!(office.book.asked.len(), before);
    office.pass(2 * MINUTE);
    assert_eq!(office.ours(), ["TESTSN0001"]);
    assert_eq!((office.server().failures, office.server().problem.as_str()), (0, ""));
}

#[test]
fn a_server_that_may_not_ask_is_named_at_once_and_is_fine_once_the_list_is_read_again() {
    let words = [("ACCESS_DENIED", "manage devices"), ("FORBIDDEN", "opens no session")];
    for (word, told) in words {
        let mut office = Office::with(&[("TESTSN0001", "iPad")]);
        office.turn(None);
        // What is refused in a session is asked once more in a new one.
        for _ in 0..2 {
            office.book.faults.push_back(Fault::refuse(paths::SYNC, 403, word));
        }
        office.pass(SYNC_EVERY);
        let (key, message) = office.alerts().remove(0);
        assert_eq!(key, format!("ade.refused:{}", office.id), "{word}");
        assert!(message.contains(told) && message.contains("“Example School”"), "{message}");
        assert_eq!(office.server().state, ServerState::Refused, "{word}");
        assert_eq!(office.ours(), ["TESTSN0001"], "what is known stays");
        office.book.faults.clear();
        let before = office.book.asked.len();
        office.pass(TERMS_EVERY);
        assert_eq!(office.book.asked.len(), before, "Apple is not asked all the time");
        office.pass(DENIED_EVERY);
        assert_eq!((office.server().state, office.alerts()), (ServerState::Ready, Vec::new()), "{word}");
    }
}

#[test]
fn a_list_that_stays_refused_keeps_its_need_though_apple_tells_of_the_server() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    for _ in 0..2 {
        office.book.faults.push_back(Fault::refuse(paths::SYNC, 403, "ACCESS_DENIED"));
        office.pass(SYNC_EVERY.max(DENIED_EVERY));
        assert_eq!((office.server().state, office.alerts().len()), (ServerState::Refused, 1));
    }
}

#[test]
fn a_wrong_clock_is_named_at_once() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    office.book.faults.push_back(Fault::refuse(paths::SYNC, 401, "oauth_problem=timestamp_refused"));
    office.pass(SYNC_EVERY);
    let (_, remedy) = office.school.write(alerts::all).into_iter().map(|alert| (alert.key, alert.remedy)).next().unwrap();
    assert!(remedy.contains("Set the clock"), "{remedy}");
}
