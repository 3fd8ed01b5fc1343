//! Licences over real sockets: from a content token to a licence that a device holds, gives back, and that serves another.

use std::time::Duration;

use rollcall::mdm::licences::{self, Holder, Licence};
use rollcall::random::Random;
use rollcall::sim::apple::Services;
use rollcall::sim::apple::apps_and_books::{Act, Fault};
use rollcall::store::{devices, enrollments};
use serde_json::json;

use crate::kit::{Guest, House, start};

const APP: &str = "409203825";

pub(crate) async fn serial(house: &House, guest: &Guest<'_>) -> (String, String) {
    let udid = guest.udid();
    house
        .read(move |tx| {
            let device = devices::by_id(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap().device_id)?.unwrap();
            Ok((device.id, device.serial_number.unwrap()))
        })
        .await
}

async fn want(house: &House, serial_number: &str) -> Licence {
    let holder = Holder::Device { serial_number: serial_number.to_owned() };
    house.write(move |tx| licences::want(tx, APP, &holder)).await
}

async fn licence(house: &House, serial_number: &str) -> Licence {
    let holder = Holder::Device { serial_number: serial_number.to_owned() };
    house.read(move |tx| licences::licence(tx, APP, &holder)).await
}

/// Looks again and again, as time passes, until it is so. The appliance's own jobs run beside those that the test asks for.
pub(crate) async fn until(house: &House, step: Duration, so: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if so().await {
            return;
        }
        house.pass(step).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came about");
}

/// An appliance beside the stand-ins, with the trust that they need.
pub(crate) async fn beside(services: &Services, clock: rollcall::clock::Clock) -> House {
    let (pem, port) = (services.trust_anchor_pem(), services.apps_and_books.address().port());
    House::open_with(clock, move |folder, layer| {
        let anchors = folder.join("anchors.pem");
        std::fs::write(&anchors, pem).unwrap();
        layer
            .with("apple.apps_and_books_endpoint", [format!("https://localhost:{port}")])
            .with("apple.trust_anchors", [anchors.display().to_string()])
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_licence_is_held_when_apple_says_so_and_serves_another_when_its_device_leaves() {
    let clock = start();
    let services = Services::start(&clock, &Random::seeded(9)).await.unwrap();
    let house = beside(&services, clock).await;
    let end = house.clock.now().plus(Duration::from_secs(300 * 86_400));
    let text = {
        let mut book = services.apps_and_books.book();
        book.event_takes = Duration::from_secs(100);
        let text = book.open("North building", end);
        book.buy(&text, APP, 1);
        text
    };
    let (status, token) = house.api("POST", "/api/v1/content-tokens", json!({ "file": text })).await;
    assert_eq!((status, &token["state"], &token["location"]), (201, &json!("ready"), &json!("North building")), "{token}");
    until(&house, Duration::from_millis(100), async || {
        house.api("GET", "/api/v1/licences/owned", json!(null)).await.1["items"][0]["name"] == "Numbers"
    })
    .await;
    let (_, owned) = house.api("GET", "/api/v1/licences/owned", json!(null)).await;
    assert_eq!(
        (&owned["items"][0]["owned"], &owned["items"][0]["name"]),
        (&json!(1), &json!("Numbers")),
        "the store told its name: {owned}"
    );

    let (first, second) = (house.device("ipad@26").await, house.device("ipad@17").await);
    let ((first_id, one), (_, two)) = (serial(&house, &first).await, serial(&house, &second).await);
    assert!(matches!(want(&house, &one).await, Licence::Waiting { .. }));
    assert!(matches!(want(&house, &two).await, Licence::Short { by: 1, .. }));
    for _ in 0..3 {
        house.pass(Duration::from_secs(30)).await;
        assert!(matches!(licence(&house, &one).await, Licence::Waiting { .. }), "the event is slow");
    }
    until(&house, Duration::from_secs(5), async || licence(&house, &one).await == Licence::Held).await;

    let (status, _) = house.api("POST", &format!("/api/v1/devices/{first_id}/retire"), json!({})).await;
    assert!((200..300).contains(&status), "{status}");
    services.apps_and_books.book().faults.push_back(Fault { path: "/assets/disassociate".into(), act: Act::LoseAnswer });
    until(&house, Duration::from_secs(10), async || licence(&house, &two).await == Licence::Held).await;
    assert_eq!(licence(&house, &one).await, Licence::None);
    let assigned = services.apps_and_books.book().assigned(&text);
    assert_eq!(assigned.iter().map(|held| held.holder.clone()).collect::<Vec<_>>(), [two]);
    let (_, icon) = house.api("GET", &format!("/api/v1/licences?adam_id={APP}"), json!(null)).await;
    assert_eq!(icon["total"], 1);
    drop((first, second));
    house.close().await;
}
