//! A receiver that is gone for good: what waits for it and what is told of it stay bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{School, days};
use crate::mdm::Actor;
use crate::mdm::webhooks::{self, GIVE_UP_AFTER, NewWebhook, OUTBOX_MAX_BYTES, Outcome};
use crate::store::settings::{self, Setting};
use crate::store::{alerts, webhooks as rows};

fn listen(school: &School) -> String {
    let url = String::from("https://hooks.example.school/mdm");
    let wish = NewWebhook { url, hmac_key: None, topics: Vec::new(), include_secrets: false };
    school.write(move |tx| webhooks::create(tx, &Actor::Console, wish)).0.webhook.id
}

#[test]
fn an_outbox_of_too_many_bytes_leaves_events_out_and_an_admin_is_told() {
    let school = School::new();
    let (id, other) = (listen(&school), listen(&school));
    let device = school.device("A-1");
    device.authenticate();
    let waiting = |id: &str| {
        let id = id.to_owned();
        school.write(move |tx| rows::count_waiting(tx, &id))
    };
    let before = (waiting(&id), waiting(&other));
    assert!(before.0 > 0 && before.0 == before.1);
    // So much waits that writing it here would take the memory of the machine.
    let full = BTreeMap::from([(id.clone(), OUTBOX_MAX_BYTES)]);
    school.write(move |tx| settings::set(tx, &Setting::<BTreeMap<String, i64>>::new("webhooks.waiting_bytes"), &full));
    device.token_update(false);
    assert_eq!(waiting(&id), before.0);
    assert!(waiting(&other) > before.1, "the other receiver is told all the same");
    assert!(school.write(alerts::all).iter().any(|alert| alert.message.contains("further ones are left out")));
}

#[test]
fn that_events_are_lost_is_written_down_once_a_day_however_many_they_are() {
    let school = School::new();
    let id = listen(&school);
    school.write(move |tx| rows::tests::fill(tx, &id, 300));
    let lose = || {
        let mut lost = 0;
        loop {
            let letters = school.write(|tx| webhooks::due(tx, &BTreeMap::new()));
            if letters.is_empty() {
                return lost;
            }
            lost += letters.len();
            let refused = Outcome { status: None, error: Some(String::from("nobody answers there")) };
            school.write(move |tx| letters.iter().try_for_each(|letter| webhooks::record(tx, letter, &refused)));
        }
    };
    let told = || school.events().iter().filter(|kind| *kind == "webhook.gave_up").count();
    school.clock.advance(GIVE_UP_AFTER);
    assert_eq!((lose(), told()), (300, 1));
    let id = listen(&school);
    school.write(move |tx| rows::tests::fill(tx, &id, 10));
    school.clock.advance(GIVE_UP_AFTER + days(1) + Duration::from_secs(1));
    assert_eq!((lose(), told()), (10, 2), "the other one is told of too, and later so is each");
}
