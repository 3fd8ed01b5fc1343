//! Who hears of what: events against recorded ones, secrets left out, order, retries and the end of patience.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{School, TOPIC, days};
use crate::error::Kind;
use crate::mdm::connect::{self, Incoming};
use crate::mdm::enroll::identify::Presented;
use crate::mdm::webhooks::{
    self, BACK_OFF, Change, GIVE_UP_AFTER, KEY_LENGTH, LEASE, Letter, NewWebhook, OUTBOX_MAX, Outcome, PAGE, SLOW_MAX, SLOW_WAIT, TOPICS,
    TURN_MAX_BYTES, WEBHOOKS_MAX,
};
use crate::mdm::{Actor, Role, checkin};
use crate::pki::digest;
use crate::protocol::{self, report};
use crate::secret::Secret;
use crate::store::certificates::Purpose;
use crate::store::{alerts, webhooks as rows};

fn wish(topics: &[&str], include_secrets: bool) -> NewWebhook {
    NewWebhook {
        url: String::from("https://hooks.example.school/mdm"),
        hmac_key: Some(Secret::new(String::from("practice-webhook-key"))),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        include_secrets,
    }
}

fn listen(school: &School, topics: &'static [&'static str], include_secrets: bool) -> String {
    school.write(move |tx| webhooks::create(tx, &Actor::Console, wish(topics, include_secrets))).0.webhook.id
}

fn due(school: &School) -> Vec<Letter> {
    school.write(|tx| webhooks::due(tx, &BTreeMap::new()))
}

fn record(school: &School, letter: &Letter, failure: Option<&'static str>) {
    let letter = letter.clone();
    let outcome = Outcome { status: failure.is_none().then_some(200), error: failure.map(str::to_owned) };
    school.write(move |tx| webhooks::record(tx, &letter, &outcome));
}

/// Takes everything out of the outbox, as a receiver that always answers would.
fn take_all(school: &School) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let letters = due(school);
        if letters.is_empty() {
            return events;
        }
        for letter in letters {
            events.push(serde_json::from_slice(letter.body.expose()).unwrap());
            record(school, &letter, None);
        }
    }
}

fn topic_of(letter: &Letter) -> String {
    let event: Value = serde_json::from_slice(letter.body.expose()).unwrap();
    event["topic"].as_str().unwrap().to_owned()
}

/// Says `raw` as the device that holds `identity` would.
fn say(school: &School, identity: &Presented, topic: &str, raw: Vec<u8>, query: Option<String>) {
    let identity = identity.clone();
    if topic != "mdm.Connect" {
        let message = protocol::checkin::parse(&raw).unwrap();
        school.write(move |tx| checkin::checkin(tx, Some(&identity), &message, query.as_deref()));
        return;
    }
    let report = report::parse(&raw).unwrap();
    school.write(move |tx| {
        let incoming = Incoming {
            head: &report.head,
            report: Some(&report),
            body: Some(&raw),
            size_bytes: raw.len() as u64,
            sha256: digest::sha256(&raw),
            unreadable: None,
            query: query.as_deref(),
        };
        connect::connect(tx, Some(&identity), &incoming)
    });
}

#[test]
fn recorded_conversations_make_the_recorded_events() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let mut recorded: Vec<_> = std::fs::read_dir(shared.join("captures/conversations/nanomdm-webhook"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .collect();
    recorded.sort();
    let school = School::new();
    listen(&school, &[], true);
    let identities = ["28EE59A3-AD9B-4771-8B47-F574C4EB4C1D", "32C0E6C8-57A1-450B-9A65-A0FE8E0CB548"]
        .map(|udid| (udid, school.certificate(udid, Purpose::Enroll, None)));
    for path in &recorded {
        let mut theirs: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let topic = theirs["topic"].as_str().unwrap().to_owned();
        let said = theirs.get("checkin_event").or_else(|| theirs.get("acknowledge_event")).unwrap();
        let raw = STANDARD.decode(said["raw_payload"].as_str().unwrap()).unwrap();
        let query = said.get("url_params").map(|_| String::from("practice=1&site=a+b"));
        let (_, identity) = identities.iter().find(|(udid, _)| said["udid"] == *udid).unwrap();
        say(&school, identity, &topic, raw, query);
        let mut ours = take_all(&school);
        assert_eq!(ours.len(), 1, "{}", path.display());
        for event in [&mut ours[0], &mut theirs] {
            // Each server's own.
            assert!(event["created_at"].is_string() && event["event_id"].as_str().unwrap().len() == 16);
            event["created_at"] = Value::Null;
            event["event_id"] = Value::Null;
        }
        assert_eq!(ours[0], theirs, "{}", path.display());
    }
    assert_eq!(recorded.len(), 44);
}

#[test]
fn secrets_stay_here_unless_an_owner_wants_them_sent() {
    let school = School::new();
    listen(&school, &["mdm.TokenUpdate"], false);
    let _device = school.enrolled("A-1");
    let events = take_all(&school);
    assert_eq!(events.len(), 1, "only what was asked for");
    assert_eq!(events[0]["checkin_event"]["token_update_tally"], 1);
    let raw = STANDARD.decode(events[0]["checkin_event"]["raw_payload"].as_str().unwrap()).unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.contains(TOPIC) && raw.contains("UnlockToken"), "{raw}");
    assert!(!raw.contains("BAUG") && !raw.contains("AQID") && !raw.contains(">magic<"), "{raw}");
    let admin = Actor::Token { id: String::from("t"), name: String::from("t"), role: Role::Admin };
    let refusal = school.try_write(move |tx| webhooks::create(tx, &admin, wish(&[], true))).unwrap_err();
    assert_eq!(refusal.kind, Kind::Forbidden);
}

#[test]
fn polls_are_events_only_for_those_who_want_them() {
    let school = School::new();
    let polls_wanted = || school.write(webhooks::wants_polls);
    assert!(!polls_wanted());
    listen(&school, &["mdm.TokenUpdate", "mdm.CheckOut"], false);
    assert!(!polls_wanted());
    let all = listen(&school, &[], false);
    assert!(polls_wanted());
    school.write(move |tx| webhooks::delete(tx, &Actor::Console, &all));
    assert!(!polls_wanted());
}

#[test]
fn the_order_of_a_device_is_kept_however_often_its_first_event_fails() {
    let school = School::new();
    listen(&school, &["mdm.Authenticate", "mdm.TokenUpdate"], false);
    let (a, b) = (school.device("A-1"), school.device("B-1"));
    a.authenticate();
    a.token_update(false);
    let first = due(&school);
    assert_eq!(first.iter().map(topic_of).collect::<Vec<_>>(), ["mdm.Authenticate"]);
    assert!(due(&school).is_empty(), "it is under way");
    // B shares the serial number of the test's device, and so its place in the order.
    b.authenticate();
    record(&school, &first[0], Some("it answered with status 500"));
    assert!(due(&school).is_empty(), "nothing of this device goes ahead of what failed");
    for wait in BACK_OFF {
        school.clock.advance(wait + wait / 2);
        let again = due(&school);
        assert_eq!(again.iter().map(topic_of).collect::<Vec<_>>(), ["mdm.Authenticate"]);
        assert_eq!(again[0].body.expose(), first[0].body.expose(), "a retry is the same event with the same id");
        record(&school, &again[0], Some("it answered with status 500"));
    }
    school.clock.advance(days(1));
    let letters = due(&school);
    record(&school, &letters[0], None);
    let next = due(&school);
    assert_eq!(next.iter().map(topic_of).collect::<Vec<_>>(), ["mdm.TokenUpdate"]);
    school.clock.advance(LEASE);
    assert_eq!(due(&school).len(), 1, "who took it is gone, so it is posted again");
}

#[test]
fn after_a_week_an_event_is_lost_and_an_admin_is_told() {
    let school = School::new();
    let id = listen(&school, &["mdm.Authenticate", "mdm.TokenUpdate"], false);
    let device = school.device("A-1");
    device.authenticate();
    school.clock.advance(GIVE_UP_AFTER);
    device.token_update(false);
    let lost = due(&school);
    record(&school, &lost[0], Some("it did not answer"));
    let told = school.write(alerts::all);
    assert!(told.iter().any(|alert| alert.message.contains("https://hooks.example.school took none for 7 days")), "{told:?}");
    assert!(!told.iter().any(|alert| alert.message.contains("/mdm")), "the path may be a secret");
    assert!(school.events().contains(&String::from("webhook.gave_up")));
    let next = due(&school);
    assert_eq!(next.iter().map(topic_of).collect::<Vec<_>>(), ["mdm.TokenUpdate"], "the others go on");
    record(&school, &next[0], None);
    assert!(school.write(alerts::all).iter().all(|alert| !alert.message.contains("hooks.example.school")));
    assert_eq!(school.write(move |tx| rows::count_waiting(tx, &id)), 0);
}

#[test]
fn a_receiver_that_does_not_answer_is_sent_a_few_and_hides_nobody() {
    let school = School::new();
    let slow = listen(&school, &["mdm.CheckOut"], false);
    school.write(move |tx| rows::tests::fill(tx, &slow, 400));
    let quick = NewWebhook { url: String::from("https://quick.example.school/"), ..wish(&["mdm.Authenticate"], false) };
    school.write(move |tx| webhooks::create(tx, &Actor::Console, quick));
    let first = due(&school);
    assert_eq!(first.len(), PAGE as usize, "nobody is slow yet");
    school.device("A-1").authenticate();
    let under_way = BTreeMap::from([(first[0].url.clone(), SLOW_MAX - 1)]);
    let now = school.write(move |tx| webhooks::due(tx, &under_way));
    let of_quick = now.iter().filter(|letter| letter.url.contains("quick")).count();
    assert_eq!((now.len(), of_quick), (2, 1), "one more for the slow one, and everything for the other");
    assert!(due(&school).is_empty(), "the others wait");
    school.clock.advance(SLOW_WAIT);
    assert_eq!(due(&school).len(), PAGE as usize, "until it answers again");
}

#[test]
fn a_turn_takes_so_many_bytes_for_a_receiver() {
    let school = School::new();
    let id = listen(&school, &[], false);
    school.write(move |tx| {
        for (device, size) in [("a", TURN_MAX_BYTES + 1), ("b", TURN_MAX_BYTES / 2), ("c", TURN_MAX_BYTES / 2)] {
            rows::enqueue(tx, &id, device, "mdm.Connect", &vec![b'x'; size as usize])?;
        }
        Ok(())
    });
    for _ in 0..3 {
        assert_eq!(due(&school).len(), 1);
        school.clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn an_outbox_that_is_full_leaves_events_out_and_an_admin_is_told() {
    let school = School::new();
    let id = listen(&school, &["mdm.Authenticate", "mdm.TokenUpdate"], false);
    let other = listen(&school, &["mdm.Authenticate", "mdm.TokenUpdate"], false);
    let waiting = |id: &str| {
        let id = id.to_owned();
        school.write(move |tx| rows::count_waiting(tx, &id))
    };
    let filled = id.clone();
    school.write(move |tx| rows::tests::fill(tx, &filled, OUTBOX_MAX - 1));
    let device = school.device("A-1");
    device.authenticate();
    assert_eq!(waiting(&id), OUTBOX_MAX, "the last place");
    assert!(school.write(alerts::all).iter().all(|alert| !alert.message.contains("further ones are left out")));
    device.token_update(false);
    assert_eq!((waiting(&id), waiting(&other)), (OUTBOX_MAX, 2), "the other receiver is told all the same");
    assert!(school.write(alerts::all).iter().any(|alert| alert.message.contains("further ones are left out")));
    let letters = due(&school);
    record(&school, &letters[0], None);
    assert_eq!(waiting(&id), OUTBOX_MAX - 1);
    device.token_update_with(false, "CQkJ");
    assert_eq!(waiting(&id), OUTBOX_MAX, "there is a place again");
}

#[test]
fn a_wish_that_cannot_be_met_is_named() {
    let school = School::new();
    let field = |new: NewWebhook| {
        school.try_write(move |tx| webhooks::create(tx, &Actor::Console, new)).unwrap_err().fields.first().map(|field| field.field.clone())
    };
    assert_eq!(field(wish(&["mdm.Everything"], false)).as_deref(), Some("topics"));
    assert_eq!(field(NewWebhook { url: String::from("hooks.example.school"), ..wish(&[], false) }).as_deref(), Some("url"));
    for length in [KEY_LENGTH.start() - 1, KEY_LENGTH.end() + 1] {
        let hmac_key = Some(Secret::new("k".repeat(length)));
        assert_eq!(field(NewWebhook { hmac_key, ..wish(&[], false) }).as_deref(), Some("hmac_key"));
    }
    let (made, key) = school.write(|tx| webhooks::create(tx, &Actor::Console, NewWebhook { hmac_key: None, ..wish(&TOPICS, false) }));
    assert!(KEY_LENGTH.contains(&key.expose().len()));
    let kept = school.write(move |tx| rows::hmac_key(tx, &made.webhook.id)).unwrap();
    assert_eq!(kept.expose(), key.expose().as_bytes());
    for _ in 1..WEBHOOKS_MAX {
        listen(&school, &[], false);
    }
    let refusal = school.try_write(|tx| webhooks::create(tx, &Actor::Console, wish(&[], false))).unwrap_err();
    assert_eq!(refusal.kind, Kind::Conflict);
}

fn log_of(school: &School, id: &str) -> Vec<rows::Logged> {
    let id = id.to_owned();
    school.write(move |tx| webhooks::log(tx, &Actor::Console, &id, None, 1000))
}

#[test]
fn what_was_posted_is_written_down_bounded_and_posted_again() {
    let school = School::new();
    let id = listen(&school, &[], false);
    let (one, two) = (id.clone(), id.clone());
    school.write(move |tx| rows::enqueue(tx, &one, "device-1", "mdm.Connect", b"{\"first\":1}"));
    school.write(move |tx| rows::enqueue(tx, &two, "device-2", "mdm.TokenUpdate", &vec![b'x'; 2 * rows::LOG_BODY_MAX_BYTES as usize]));
    let letters = due(&school);
    assert_eq!(letters.len(), 2);
    let (small, large) = (&letters[0], &letters[1]);
    record(&school, small, Some("it answered with status 500"));
    record(&school, large, None);
    let log = log_of(&school, &id);
    assert_eq!(log.len(), 2);
    assert_eq!(
        (log[0].topic.as_str(), log[0].state, log[0].status, log[0].can_repeat),
        ("mdm.TokenUpdate", rows::LoggedState::Delivered, Some(200), false)
    );
    assert_eq!((log[1].state, log[1].attempts, log[1].error.as_str()), (rows::LoggedState::Waiting, 1, "it answered with status 500"));
    assert!(log[1].next_at.is_some_and(|next| next > school.clock.now()));

    // What waits is tried at once.
    let again = |seq: i64| {
        let id = id.clone();
        school.try_write(move |tx| webhooks::redeliver(tx, &Actor::Console, &id, seq))
    };
    assert!(due(&school).is_empty());
    again(small.seq).unwrap();
    let letter = due(&school).pop().unwrap();
    record(&school, &letter, None);
    let log = log_of(&school, &id);
    assert_eq!((log.len(), log[1].state, log[1].attempts, log[1].next_at), (2, rows::LoggedState::Delivered, 2, None), "one row per event");

    // What was delivered comes once more, byte for byte; what was too large to be kept does not.
    again(small.seq).unwrap();
    let letter = due(&school).pop().unwrap();
    assert_eq!(letter.body.expose(), b"{\"first\":1}");
    record(&school, &letter, None);
    assert_eq!(again(large.seq).unwrap_err().kind, Kind::Conflict);
    assert_eq!(again(9_999).unwrap_err().kind, Kind::NotFound);

    for number in 0..=rows::LOG_MAX {
        let id = id.clone();
        school.write(move |tx| rows::enqueue(tx, &id, &format!("device-{number}"), "mdm.Connect", b"{}"));
    }
    take_all(&school);
    let log = log_of(&school, &id);
    assert_eq!(log.len(), rows::LOG_MAX as usize, "the oldest go");
    assert!(log.windows(2).all(|pair| pair[0].seq > pair[1].seq) && log.iter().all(|logged| logged.seq > large.seq));
}

#[test]
fn an_event_for_trial_is_tried_once_and_stands_in_nobodys_way() {
    let school = School::new();
    let id = listen(&school, &["mdm.CheckOut"], false);
    for failure in [Some("it did not answer"), None] {
        let wanted = id.clone();
        let letter = school.write(move |tx| webhooks::for_trial(tx, &Actor::Console, &wanted));
        assert!(letter.signature.is_some() && topic_of(&letter) == "rollcall.Test");
        record(&school, &letter, failure);
        let waiting = id.clone();
        assert_eq!(school.write(move |tx| rows::count_waiting(tx, &waiting)), 0);
    }
    let log = log_of(&school, &id);
    let states: Vec<_> = log.iter().map(|logged| logged.state).collect();
    assert_eq!(states, [rows::LoggedState::Delivered, rows::LoggedState::GivenUp]);
    assert!(log.iter().all(|logged| logged.device_id.is_empty()) && school.write(alerts::all).is_empty());
}

#[test]
fn a_webhook_is_changed_switched_off_and_on_by_those_who_may() {
    let school = School::new();
    let id = listen(&school, &[], true);
    let change = |actor: Actor, change: Change| {
        let id = id.clone();
        school.try_write(move |tx| webhooks::change(tx, &actor, &id, change))
    };
    let admin = || Actor::Person { id: String::from("1"), name: String::from("ada"), role: Role::Admin };
    let elsewhere = || Change { url: Some(String::from("https://elsewhere.example.school/")), ..Change::default() };
    assert_eq!(change(admin(), elsewhere()).unwrap_err().kind, Kind::Forbidden, "its secrets would go elsewhere");
    let wrong = Change { topics: Some(vec![String::from("mdm.Nothing")]), ..Change::default() };
    assert_eq!(change(Actor::Console, wrong).unwrap_err().fields[0].field, "topics");
    let kept = id.clone();
    school.write(move |tx| rows::enqueue(tx, &kept, "device-1", "mdm.Connect", b"{}"));
    record(&school, &due(&school)[0], Some("it did not answer"));
    let off = change(Actor::Console, Change { enabled: Some(false), include_secrets: Some(false), ..elsewhere() }).unwrap();
    assert_eq!((off.waiting, off.webhook.url.as_str()), (0, "https://elsewhere.example.school/"));
    assert_eq!(log_of(&school, &id)[0].state, rows::LoggedState::GivenUp);
    let (seq, wanted) = (log_of(&school, &id)[0].seq, id.clone());
    assert_eq!(school.try_write(move |tx| webhooks::redeliver(tx, &Actor::Console, &wanted, seq)).unwrap_err().kind, Kind::Conflict);
    change(admin(), Change { enabled: Some(true), ..Change::default() }).unwrap();
    let (wanted, before) = (id.clone(), id.clone());
    let old = school.write(move |tx| rows::hmac_key(tx, &before)).unwrap();
    let new = school.write(move |tx| webhooks::renew_key(tx, &Actor::Console, &wanted));
    assert!(new.expose().len() >= 16 && old.expose() != new.expose().as_bytes());
    let wanted = id.clone();
    school.write(move |tx| webhooks::redeliver(tx, &Actor::Console, &wanted, seq));
    assert_eq!(due(&school).len(), 1, "its body was kept when it was switched off");
}
