//! Devices from Apple's list over real sockets: a key made here, the token as OpenSSL encrypts it for the portal, sessions that end, a listing that is
//! cut off by the appliance's end, a profile for each, and a person who is there when the device enrolls.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::protocol::ade::paths;
use rollcall::random::Random;
use rollcall::sim::apple::Services;
use rollcall::sim::apple::ade::{Act, Fault, device};
use rollcall::store::people;
use serde_json::{Value as Json, json};

use crate::kit::{House, start};
use crate::licences::{serial, until};

/// An appliance beside the stand-ins, with the trust that they need.
pub(super) async fn beside(services: &Services, clock: rollcall::clock::Clock) -> House {
    let (pem, url) = (services.trust_anchor_pem(), services.ade.url());
    House::open_with(clock, move |folder, layer| {
        let anchors = folder.join("anchors.pem");
        std::fs::write(&anchors, pem).unwrap();
        layer.with("apple.ade_endpoint", [url]).with("apple.trust_anchors", [anchors.display().to_string()])
    })
    .await
}

/// What Apple's portal does with a token: OpenSSL encrypts it to the public key that was uploaded.
pub(super) fn encrypted(house: &House, public_key: &str, mail: &[u8]) -> Vec<u8> {
    let certificate = house.folder().join("public-key.pem");
    std::fs::write(&certificate, public_key).unwrap();
    let mut child = Command::new("openssl")
        .args(["cms", "-encrypt", "-aes-256-cbc", "-outform", "SMIME", "-binary"])
        .arg(&certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(mail).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

async fn listed(house: &House, query: &str) -> Vec<String> {
    let (_, list) = house.api("GET", &format!("/api/v1/ade/devices{query}"), Json::Null).await;
    list["items"].as_array().unwrap().iter().map(|item| item["serial_number"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_apple_sends_is_known_has_its_profile_and_comes_with_its_person() {
    let clock = start();
    let services = Services::start(&clock, &Random::seeded(11)).await.unwrap();
    let house = beside(&services, clock).await;
    let (_, server) = house.api("POST", "/api/v1/ade/servers", json!({ "name": "School" })).await;
    let at = format!("/api/v1/ade/servers/{}", server["id"].as_str().unwrap());
    let (_, key) = house.api("GET", &format!("{at}/public-key"), Json::Null).await;

    let guest = house.device("ipad@26").await;
    let (device_id, enrolled) = serial(&house, &guest).await;
    let now = house.clock.now();
    let token = {
        let mut book = services.ade.book();
        let token = book.open("Example School", "head@example.school", now.plus(Duration::from_secs(300 * 86_400)));
        (book.page_lines, book.fresh_sessions) = (2, true);
        for one in [enrolled.as_str(), "TESTSN0001", "TESTSN0002", "TESTSN0003"] {
            book.server(&token).add(&device(one, "iPad", "iPad", "SILVER"), now);
        }
        for act in [Act::EndSession, Act::LoseAnswer, Act::LoseRequest] {
            book.faults.push_back(Fault::of(paths::FETCH, act));
        }
        token
    };
    let (_, profile) = house.api("POST", "/api/v1/ade/profiles", json!({ "name": "Cart", "kind": "classroom_ipad" })).await;
    house.api("PUT", &format!("{at}/defaults"), json!({ "profile_id": profile["id"] })).await;
    let file = encrypted(&house, key["certificate"].as_str().unwrap(), token.to_mail().expose());
    let (status, taken) = house.api("PUT", &format!("{at}/token"), json!({ "file": STANDARD.encode(file) })).await;
    assert_eq!((status, &taken["state"]), (200, &json!("ready")), "{taken}");
    until(&house, Duration::from_secs(60), async || listed(&house, "").await.len() == 4).await;
    let all_have_it = async || {
        let mut book = services.ade.book();
        book.server(&token).devices.values().all(|device| device["profile_status"] == "assigned")
    };
    until(&house, Duration::from_secs(60), all_have_it).await;
    {
        let mut book = services.ade.book();
        let server = book.server(&token);
        let sent = server.profiles.values().next().unwrap();
        assert_eq!((sent["url"].as_str(), sent["profile_name"].as_str()), (Some(&*house.url("/ade")), Some("Cart")));
        assert_eq!(sent["anchor_certs"].as_array().unwrap().len(), 1, "a device that has never met us must know our authority");
        assert!(server.assignments.values().all(|count| *count == 1), "{:?}", server.assignments);
    }
    assert_eq!(listed(&house, "?show=not_enrolled").await, ["TESTSN0001", "TESTSN0002", "TESTSN0003"]);

    let (_, person) = house.api("POST", "/api/v1/people", json!({ "name": "Kim Example", "role": "student" })).await;
    let wish = json!({ "serial_numbers": [enrolled], "person_id": person["id"] });
    assert_eq!(house.api("PATCH", "/api/v1/ade/devices", wish).await.0, 200);
    let owner = house.read(move |tx| people::of_device(tx, &device_id)).await;
    assert_eq!(owner.unwrap().name, "Kim Example", "one that is enrolled already is given at once");

    services.ade.book().server(&token).remove("TESTSN0002", house.clock.now());
    assert_eq!(house.api("POST", &format!("{at}/sync"), json!({})).await.0, 202);
    until(&house, Duration::from_secs(1), async || listed(&house, "?show=gone").await == ["TESTSN0002"]).await;
    assert_eq!(services.ade.book().disowned, 0);
    drop(guest);
    house.close().await;
}
