//! The book without sockets: what devices ask of the store, and what is told, once, twice, again later or never.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::protocol::apps_and_books::ClientConfig;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const APP: &str = "1500000002";

fn ask(book: &mut Book, token: Option<&str>, path: &str, body: &Value, now: Timestamp) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect();
    let asked =
        Asked { method: "POST".into(), path: path.into(), query, token: token.map(str::to_owned), body: body.to_string().into_bytes() };
    serde_json::from_slice(&book.answer(&asked, now).unwrap().body).unwrap()
}

fn opened(seats: u32) -> (Book, String) {
    let mut book = Book::new("https://localhost:9", Random::seeded(3));
    let token = book.open("North building", NOW.plus(Duration::from_secs(86_400)));
    book.buy(&token, APP, seats);
    (book, token)
}

/// Has everything told to somebody.
fn subscribed(seats: u32) -> (Book, String) {
    let (mut book, token) = opened(seats);
    let claim = ClientConfig::claim("us", "Rollcall", Some(("https://mdm.example.school/notify", "secret")));
    assert_eq!(ask(&mut book, Some(&token), "/mdm/v2/client/config", &claim, NOW)["notificationUrl"], "https://mdm.example.school/notify");
    (book, token)
}

fn associate(book: &mut Book, token: &str, holders: &Value) {
    let mut deed = json!({ "assets": [{ "adamId": APP, "pricingParam": "STDQ" }] });
    for (name, list) in holders.as_object().unwrap() {
        deed[name] = list.clone();
    }
    assert!(ask(book, Some(token), "/mdm/v2/assets/associate", &deed, NOW)["eventId"].is_string());
}

#[test]
fn a_licence_counts_for_its_device_or_for_the_account_that_accepted_and_not_before_it_is_there() {
    let (mut book, token) = opened(5);
    let later = NOW.plus(Duration::from_secs(10));
    let licensed = |book: &mut Book, now: Timestamp, serial: Option<&str>, account: Option<&str>| {
        ask(book, None, "/store/licences", &json!({ "adamId": APP, "serialNumber": serial, "account": account }), now)["licensed"] == true
    };
    ask(
        &mut book,
        Some(&token),
        "/mdm/v2/users/create",
        &json!({ "users": [{ "clientUserId": "kim", "email": "kim@example.school" }] }),
        NOW,
    );
    book.finish_all();
    associate(&mut book, &token, &json!({ "serialNumbers": ["S1"] }));
    associate(&mut book, &token, &json!({ "clientUserIds": ["kim"] }));
    assert!(!licensed(&mut book, NOW, Some("S1"), None), "its event is pending");
    assert!(licensed(&mut book, later, Some("s1"), None) && !licensed(&mut book, later, Some("S2"), None));
    assert!(!licensed(&mut book, later, None, Some("kim@account.example")), "nobody has accepted");
    let code = book.location(&token).unwrap().users["kim"].invite_code.clone();
    let accept = |book: &mut Book, code: &str| {
        ask(book, None, &format!("/register?cc=us&inviteCode={code}"), &json!({ "account": "kim@account.example" }), later)
    };
    assert!(accept(&mut book, "wrong")["errorNumber"].is_number());
    assert_eq!(accept(&mut book, &code), json!({}));
    assert!(accept(&mut book, &code)["errorNumber"].is_number(), "an invitation is accepted once");
    assert!(licensed(&mut book, later, None, Some("kim@account.example")));
    book.store_lags = 1;
    assert!(!licensed(&mut book, later, Some("S1"), None) && licensed(&mut book, later, Some("S1"), None));
}

#[test]
fn an_event_is_told_with_who_got_something_and_who_did_not() {
    let (mut book, token) = subscribed(2);
    let serials: Vec<String> = (0..3).map(|number| format!("S{number}")).collect();
    associate(&mut book, &token, &json!({ "serialNumbers": serials }));
    assert!(book.notices_due(NOW).is_empty(), "it is pending");
    let told = book.notices_due(NOW.plus(Duration::from_secs(10)));
    let results: Vec<_> =
        told.iter().map(|notice| (&notice.body["notification"]["result"], &notice.body["notification"]["assignments"])).collect();
    assert_eq!(results.len(), 2);
    assert_eq!((results[0].0, results[0].1.as_array().unwrap().len()), (&json!("SUCCESS"), 2));
    assert_eq!((results[1].0, &results[1].1[0]["serialNumber"]), (&json!("FAILURE"), &json!("S2")));
    assert!(told.iter().all(|notice| notice.bearer == "secret" && notice.body["notificationType"] == "ASSET_MANAGEMENT"));
    book.buy(&token, APP, 7);
    assert_eq!(book.notices_due(NOW)[0].body["notification"]["countDelta"], 5);
}

#[test]
fn many_are_told_of_in_several_notifications() {
    let (mut book, token) = subscribed(500);
    let serials: Vec<String> = (0..250).map(|number| format!("S{number}")).collect();
    associate(&mut book, &token, &json!({ "serialNumbers": serials }));
    let told = book.notices_due(NOW.plus(Duration::from_secs(10)));
    let counts: Vec<_> = told.iter().map(|notice| notice.body["notification"]["assignments"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [100, 100, 50]);
}

#[test]
fn what_nobody_took_is_told_twice_more_and_then_never_and_a_script_loses_or_doubles_it() {
    let (mut book, token) = subscribed(2);
    book.buy(&token, APP, 3);
    let mut now = NOW;
    for wait in [60, 180] {
        let notice = book.notices_due(now).pop().unwrap();
        book.missed(notice, now);
        assert!(book.notices_due(now).is_empty());
        now = now.plus(Duration::from_secs(wait));
    }
    let last = book.notices_due(now).pop().unwrap();
    book.missed(last, now);
    assert!(book.notices_due(now.plus(Duration::from_secs(86_400))).is_empty());
    book.mishaps.extend([Mishap::Lost, Mishap::Twice]);
    book.buy(&token, APP, 4);
    assert!(book.notices_due(now).is_empty());
    book.buy(&token, APP, 5);
    let twice = book.notices_due(now);
    assert_eq!(twice[0], twice[1]);
}
