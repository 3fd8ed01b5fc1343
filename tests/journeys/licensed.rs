//! The licence path end to end: from a group to devices that ask the store for a licence themselves, by command and by declaration, and back.

use std::sync::Arc;
use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::access::{self, Policy, Proof};
use rollcall::mdm::apps::next::ATTEMPTS_MAX;
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::mdm::licences::{self, Holder, Licence};
use rollcall::random::Random;
use rollcall::sim::access::{AccessClient, Verdict};
use rollcall::sim::apple::Services;
use rollcall::sim::apple::apps_and_books::Mishap;
use rollcall::sim::client::Trust;
use serde_json::{Value as Json, json};

use crate::access::send;
use crate::kit::{Guest, House, start};
use crate::licences::{beside, serial, until};

const ATLAS: &str = "1500000002";
const BUNDLE: &str = "school.example.atlas";

/// An appliance beside the stand-ins, which tell it what happens, with a location that owns so many licences; gives the location's token.
pub(crate) async fn open(seats: u32) -> (Services, House, String) {
    let clock = start();
    let services = Services::start(&clock, &Random::seeded(9)).await.unwrap();
    let house = beside(&services, clock).await;
    let root = house.app().authority().issuer.certificate().clone();
    services.apps_and_books.trust(Arc::new(Trust::new(&[root]).unwrap().at(house.clock.clone())));
    let end = house.clock.now().plus(Duration::from_secs(300 * 86_400));
    let text = {
        let mut book = services.apps_and_books.book();
        let text = book.open("North building", end);
        book.buy(&text, ATLAS, seats);
        text
    };
    let (status, token) = house.api("POST", "/api/v1/content-tokens", json!({ "file": text })).await;
    assert_eq!(status, 201, "{token}");
    until(&house, Duration::from_millis(100), async || {
        house.api("GET", "/api/v1/licences/owned", json!(null)).await.1["items"][0]["bundle_id"] == BUNDLE
    })
    .await;
    (services, house, text)
}

/// Has the house know the app, assigned to a group without devices; gives the ids of both.
async fn assigned(house: &House, settings: Json) -> (String, String) {
    let (status, app) = house.api("POST", "/api/v1/apps", json!({ "adam_id": ATLAS, "name": "Atlas" })).await;
    assert_eq!(status, 201, "{app}");
    let id = app["id"].as_str().unwrap().to_owned();
    let (status, edited) = house.api("PATCH", &format!("/api/v1/apps/{id}"), json!({ "settings": settings })).await;
    assert_eq!(status, 200, "{edited}");
    let group = house.write(|tx| groups::create(tx, &Actor::Console, NewGroup { name: "7b".into(), ..NewGroup::default() })).await.id;
    let (status, told) = house.api("PUT", &format!("/api/v1/apps/{id}/groups/{group}"), json!({ "mode": "required" })).await;
    assert!((200..300).contains(&status), "{told}");
    (id, group)
}

async fn put_into(house: &House, group: &str, guests: &[&Guest<'_>]) {
    let (group, wanted) = (group.to_owned(), guests.iter().map(|guest| guest.udid()).collect::<Vec<_>>());
    house.write(move |tx| groups::add(tx, &Actor::Console, &group, &wanted)).await;
}

/// How far each device is with the app, as the API says it: the stages, and the reason of each.
async fn stages(house: &House, app: &str) -> Vec<(String, String)> {
    let (status, list) = house.api("GET", &format!("/api/v1/apps/{app}/devices"), json!(null)).await;
    assert_eq!(status, 200, "{list}");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().unwrap();
    let mut stages: Vec<_> = items.iter().map(|item| (text(&item["state"]["stage"]), item["state"].to_string())).collect();
    stages.sort();
    stages
}

/// Lets time pass and everybody talk until it is so.
async fn pass_until(house: &House, guests: &[&Guest<'_>], so: impl AsyncFn() -> bool) {
    until(house, Duration::from_secs(60), async || {
        for guest in guests {
            guest.settle().await;
        }
        so().await
    })
    .await;
}

async fn all_installed(house: &House, app: &str, count: usize) -> bool {
    let stages = stages(house, app).await;
    stages.len() == count && stages.iter().all(|(stage, _)| stage == "installed")
}

/// Whether the device was told of the app, and whether it is there.
async fn seen(guest: &Guest<'_>) -> (bool, bool) {
    guest
        .look(|device| {
            let app = device.apps().into_iter().find(|app| app.identifier == BUNDLE);
            (app.as_ref().is_some_and(|app| app.status.is_some()), app.is_some_and(|app| app.installed))
        })
        .await
}

/// Who has a licence by Apple's book.
fn holders(services: &Services, token: &str) -> Vec<String> {
    services.apps_and_books.book().assigned(token).into_iter().map(|held| held.holder).collect()
}

/// How often a device asked the store for a licence.
fn asked(services: &Services) -> usize {
    services.apps_and_books.book().asked.iter().filter(|path| path.ends_with("/store/licences")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_licence_serves_one_device_after_the_other_and_nothing_is_sent_before_apple_says_that_it_is_done() {
    for kind in ["ipad@16", "ipad@26"] {
        let (services, house, text) = open(1).await;
        services.apps_and_books.book().event_takes = Duration::from_secs(280);
        let (first, second) = (house.device_at(Some(&services), kind, "").await, house.device_at(Some(&services), kind, "").await);
        let ((_, one), (_, two)) = (serial(&house, &first).await, serial(&house, &second).await);
        let (app, group) = assigned(&house, json!({})).await;
        put_into(&house, &group, &[&first]).await;
        let end = house.clock.now().plus(Duration::from_secs(240));
        let mut waited = false;
        while house.clock.now() < end {
            first.settle().await;
            waited |= stages(&house, &app).await.iter().any(|(stage, _)| stage == "licence");
            assert_eq!((seen(&first).await.0, asked(&services)), (false, 0), "{kind}: the event is pending, and nothing was sent");
            house.pass(Duration::from_secs(20)).await;
        }
        assert!(waited, "{kind}");
        pass_until(&house, &[&first], async || all_installed(&house, &app, 1).await).await;
        assert_eq!((seen(&first).await, holders(&services, &text)), ((true, true), vec![one]), "{kind}");

        let (gone, from) = (first.udid(), group.clone());
        house.write(move |tx| groups::remove(tx, &Actor::Console, &from, &[gone])).await;
        pass_until(&house, &[&first], async || holders(&services, &text).is_empty()).await;
        assert!(!seen(&first).await.0, "{kind}: the app went before its licence");

        put_into(&house, &group, &[&second]).await;
        pass_until(&house, &[&second], async || all_installed(&house, &app, 1).await).await;
        assert_eq!((seen(&second).await, holders(&services, &text)), ((true, true), vec![two]), "{kind}");
        assert!(first.remarks().is_empty() && second.remarks().is_empty(), "{kind}: {:?}", second.remarks());
        drop((first, second));
        house.close().await;
    }
}

/// Makes a person who has this device; gives their id.
async fn person(house: &House, guest: &Guest<'_>, name: &str, account: Option<&str>) -> String {
    let email = format!("{}@example.school", name.to_lowercase());
    let (status, person) = house.api("POST", "/api/v1/people", json!({ "name": name, "email": email, "role": "teacher" })).await;
    assert_eq!(status, 201, "{person}");
    let id = person["id"].as_str().unwrap().to_owned();
    if let Some(account) = account {
        let path = format!("/api/v1/people/{id}/managed-apple-account");
        let (status, told) = house.api("PUT", &path, json!({ "managed_apple_id": account })).await;
        assert!((200..300).contains(&status), "{told}");
    }
    let (status, told) = house.api("PUT", &format!("/api/v1/devices/{}/person", guest.udid()), json!({ "person": id })).await;
    assert!((200..300).contains(&status), "{told}");
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn licences_of_people_need_an_account_or_an_invitation_and_come_back_when_they_are_gone() {
    let (services, house, text) = open(2).await;
    let (invited, managed) = (house.device_at(Some(&services), "ipad@16", "").await, house.device_at(Some(&services), "ipad@26", "").await);
    invited.look(|device| device.person_agrees(true)).await;
    let account = "ada@appleaccount.example.school";
    managed.look(move |device| device.sign_in(Some(account))).await;
    let (kim, ada) = (person(&house, &invited, "Kim", None).await, person(&house, &managed, "Ada", Some(account)).await);
    let (app, group) = assigned(&house, json!({ "licence": "user" })).await;
    put_into(&house, &group, &[&invited, &managed]).await;
    pass_until(&house, &[&invited, &managed], async || all_installed(&house, &app, 2).await).await;
    let mut both = [kim.clone(), ada.clone()];
    both.sort();
    assert_eq!(holders(&services, &text), both);
    let accepted = services.apps_and_books.book().asked.iter().filter(|path| *path == "/register").count();
    assert_eq!(accepted, 1, "whoever has a Managed Apple Account needs no invitation");

    let (status, _) = house.api("DELETE", &format!("/api/v1/people/{kim}"), json!({})).await;
    assert!((200..300).contains(&status), "{status}");
    pass_until(&house, &[&invited, &managed], async || {
        let is_retired = services.apps_and_books.book().asked.iter().any(|path| path.ends_with("/users/retire"));
        is_retired && holders(&services, &text) == [ada.clone()]
    })
    .await;
    pass_until(&house, &[], async || house.api("GET", "/api/v1/licences/owned", json!(null)).await.1["items"][0]["free"] == 1).await;
    drop((invited, managed));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_three_waits_for_the_third_licence_and_goes_on_by_itself_when_there_is_one() {
    let (services, house, text) = open(2).await;
    let (old, middle, new) = (
        house.device_at(Some(&services), "ipad@16", "").await,
        house.device_at(Some(&services), "ipad@18", "").await,
        house.device_at(Some(&services), "ipad@26", "").await,
    );
    let guests = [&old, &middle, &new];
    let (app, group) = assigned(&house, json!({})).await;
    put_into(&house, &group, &guests).await;
    let of = async |stage: &str| stages(&house, &app).await.into_iter().filter(|(known, _)| known == stage).collect::<Vec<_>>();
    pass_until(&house, &guests, async || of("installed").await.len() == 2).await;
    let waiting = of("no_licence").await;
    assert!(waiting.len() == 1 && waiting[0].1.contains("All 2 licences are taken"), "{waiting:?}");
    let (_, owned) = house.api("GET", "/api/v1/licences/owned", json!(null)).await;
    assert_eq!((&owned["items"][0]["free"], &owned["items"][0]["short"]), (&json!(0), &json!(1)), "{owned}");

    services.apps_and_books.book().buy(&text, ATLAS, 3);
    pass_until(&house, &guests, async || all_installed(&house, &app, 3).await).await;
    assert_eq!((holders(&services, &text).len(), services.apps_and_books.book().overdrawn), (3, 0));
    drop((old, middle, new));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_behind_its_own_book_is_asked_again_a_few_times_and_then_only_when_somebody_wants_it() {
    for kind in ["ipad@16", "ipad@26"] {
        let (services, house, _) = open(1).await;
        let guest = house.device_at(Some(&services), kind, "").await;
        services.apps_and_books.book().store_lags = 2;
        let (app, group) = assigned(&house, json!({})).await;
        put_into(&house, &group, &[&guest]).await;
        pass_until(&house, &[&guest], async || all_installed(&house, &app, 1).await).await;
        assert_eq!(asked(&services), 3, "{kind}: refused twice though the event was complete");
        drop(guest);
        house.close().await;
    }
    for kind in ["ipad@16", "ipad@26"] {
        let (services, house, _) = open(1).await;
        let guest = house.device_at(Some(&services), kind, "").await;
        services.apps_and_books.book().store_lags = u32::MAX;
        let (app, group) = assigned(&house, json!({})).await;
        put_into(&house, &group, &[&guest]).await;
        for _ in 0..12 {
            guest.settle().await;
            house.pass(Duration::from_secs(8 * 3600)).await;
        }
        guest.settle().await;
        let told = stages(&house, &app).await;
        assert_eq!(asked(&services), ATTEMPTS_MAX as usize, "{kind}: no endless loop, {told:?}");
        assert!(matches!(told[0].0.as_str(), "failed" | "no_licence") && told[0].1.contains("licence"), "{kind}: {told:?}");
        services.apps_and_books.book().store_lags = 0;
        let (status, answer) = house.api("PUT", &format!("/api/v1/devices/{}/apps/{app}/ask", guest.udid()), json!({})).await;
        assert!((200..300).contains(&status), "{answer}");
        pass_until(&house, &[&guest], async || all_installed(&house, &app, 1).await).await;
        drop(guest);
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_itself_finds_its_token_in_what_the_device_holds_and_is_let_in_with_it() {
    for kind in ["ipad@16", "ipad@26"] {
        let (services, house, _) = open(1).await;
        let guest = house.device_at(Some(&services), kind, "").await;
        let (app, group) = assigned(&house, json!({})).await;
        let keys = json!({ "configuration": { "server": house.app().public_url, "access": { "token": "$ACCESS_TOKEN" } } });
        let (status, told) = house.api("PUT", &format!("/api/v1/apps/{app}/configuration"), keys).await;
        assert_eq!(status, 200, "{told}");
        let id = app.clone();
        let policy = Policy { proofs: vec![Proof::Token], ..Policy::default() };
        house.write(move |tx| access::set(tx, &Actor::Console, &id, policy, None)).await;
        put_into(&house, &group, &[&guest]).await;
        pass_until(&house, &[&guest], async || all_installed(&house, &app, 1).await).await;

        let held =
            guest.look(|device| device.apps().into_iter().find(|app| app.identifier == BUNDLE).and_then(|app| app.configuration)).await;
        let held = held.unwrap_or_else(|| panic!("{kind}: the device holds no configuration"));
        let text = |value: Option<&plist::Value>| value.and_then(plist::Value::as_string).unwrap_or_default().to_owned();
        let server = text(held.get("server"));
        let token = text(held.get("access").and_then(plist::Value::as_dictionary).and_then(|access| access.get("token")));
        assert!(token.len() >= 20 && !token.contains('$'), "{kind}");
        let mut client = AccessClient::new(BUNDLE, &server, "0d5f6c1e-7a51-4a3e-9d2c-4b8a2f6f0001");
        for (nonce, token, lets_in) in
            [("nonce-nonce-nonce-nonce-1", token.as_str(), true), ("nonce-nonce-nonce-nonce-2", "$ACCESS_TOKEN", false)]
        {
            let body = client.ask(house.clock.now(), nonce, &[("token", token)]);
            let (status, answer) = send(&house, "POST", "/access/v1/grant", "application/json", &body).await;
            assert_eq!(status == 200, lets_in, "{kind}: {}", String::from_utf8_lossy(&answer));
            if lets_in {
                let (_, keys) = send(&house, "GET", "/access/v1/keys", "", b"").await;
                let verdict = client.take(&answer, &serde_json::from_slice(&keys).unwrap(), house.clock.now()).unwrap();
                assert_eq!(verdict, Verdict::Open, "{kind}");
            }
        }
        drop(guest);
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_apple_tells_twice_counts_once_and_what_it_never_tells_is_found_out() {
    let (services, house, text) = open(9).await;
    services.apps_and_books.book().event_takes = Duration::from_secs(20);
    let status_asked = || services.apps_and_books.book().asked.iter().filter(|path| path.ends_with("/status")).count();
    for (serial_number, mishap) in [("TOLD1", Mishap::Twice), ("LOST1", Mishap::Lost)] {
        services.apps_and_books.book().mishaps.push_back(mishap);
        let (begun, before) = (house.clock.now(), status_asked());
        let holder = Holder::Device { serial_number: serial_number.into() };
        let wanted = holder.clone();
        house.write(move |tx| licences::want(tx, ATLAS, &wanted)).await;
        until(&house, Duration::from_secs(2), async || {
            // The stand-in looks ten times a second whether there is something to tell.
            tokio::time::sleep(Duration::from_millis(150)).await;
            let holder = holder.clone();
            house.read(move |tx| licences::licence(tx, ATLAS, &holder)).await == Licence::Held
        })
        .await;
        let took = house.clock.now().since(begun).as_secs();
        match mishap {
            Mishap::Twice => assert!(took < 100 && status_asked() == before + 1, "{took} s, looked once"),
            Mishap::Lost => assert!(took >= 290, "{took} s: nobody told, so it was looked at by itself"),
        }
    }
    assert_eq!(holders(&services, &text), ["LOST1", "TOLD1"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_app_that_a_person_declined_is_asked_again_when_somebody_wants_it() {
    let (services, house, _) = open(1).await;
    let guest = house.device_at(Some(&services), "-ipad@26", "").await;
    guest.look(|device| device.person_agrees(false)).await;
    let (app, group) = assigned(&house, json!({})).await;
    put_into(&house, &group, &[&guest]).await;
    pass_until(&house, &[&guest], async || stages(&house, &app).await.iter().any(|(stage, _)| stage == "declined")).await;
    guest.look(|device| device.person_agrees(true)).await;
    guest.settle().await;
    assert!(!seen(&guest).await.1, "nobody asked");
    let (status, answer) = house.api("PUT", &format!("/api/v1/devices/{}/apps/{app}/ask", guest.udid()), json!({})).await;
    assert_eq!(status, 200, "{answer}");
    pass_until(&house, &[&guest], async || all_installed(&house, &app, 1).await).await;
    let own = guest.look(|device| device.apps().into_iter().find(|app| app.identifier == BUNDLE)).await.unwrap();
    assert!(own.installed && own.declaration.is_some(), "{own:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_app_that_is_kept_as_it_is_gets_its_newer_version_when_somebody_asks() {
    let (services, house, _) = open(1).await;
    let guest = house.device_at(Some(&services), "ipad@26", "").await;
    let (app, group) = assigned(&house, json!({ "updates": { "when": "off" } })).await;
    put_into(&house, &group, &[&guest]).await;
    pass_until(&house, &[&guest], async || all_installed(&house, &app, 1).await).await;
    guest.look(|device| device.store_renews(BUNDLE, "99.1")).await;
    let own = async || guest.look(|device| device.apps().into_iter().find(|app| app.identifier == BUNDLE)).await.unwrap();
    for _ in 0..3 {
        house.pass(Duration::from_secs(3600)).await;
        guest.settle().await;
    }
    let before = own().await;
    assert!(before.installed && before.version != "99.1" && before.declaration.is_some(), "it is kept as it is: {before:?}");
    let (status, answer) = house.api("PUT", &format!("/api/v1/devices/{}/apps/{app}/ask", guest.udid()), json!({})).await;
    assert_eq!(status, 200, "{answer}");
    pass_until(&house, &[&guest], async || own().await.version == "99.1").await;
    assert_eq!(own().await.declaration, before.declaration, "by the same declaration, so that it never went");
    assert!(all_installed(&house, &app, 1).await);
    house.close().await;
}
