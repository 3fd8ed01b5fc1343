//! Beta programmes over real sockets: Apple lists them to the real client, policies offer and require them, devices join and leave, and one that Apple
//! ends is left out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::random::Random;
use rollcall::sim::apple::Services;
use rollcall::sim::apple::ade::Beta;
use rollcall::store::events;
use serde_json::{Value as Json, json};

use crate::kit::{Guest, House, start};
use crate::licences::{serial, until};
use crate::new_devices::{beside, encrypted};

const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";
const IOS: &str = "iOS 27 AppleSeed Beta";
const MAC: &str = "macOS 27 AppleSeed Beta";

/// What a device is declared about beta programmes, where the declaration is in effect.
async fn declared(guest: &Guest<'_>) -> Json {
    let settings = guest.declarations().await.into_iter().find(|declaration| declaration.declaration_type == SETTINGS);
    settings.filter(|settings| settings.active).map_or(Json::Null, |settings| settings.payload["Beta"].clone())
}

async fn program(house: &House, title: &str) -> String {
    let (_, list) = house.api("GET", "/api/v1/beta-programs", Json::Null).await;
    assert!(!list.to_string().contains("secret"), "{list}");
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| item["title"] == title).map(|item| item["id"].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// A group of these devices.
async fn group(house: &House, guests: &[&Guest<'_>]) -> String {
    let (_, group) = house.api("POST", "/api/v1/groups", json!({ "name": "Testers" })).await;
    let id = group["id"].as_str().unwrap().to_owned();
    for guest in guests {
        let (device, _) = serial(house, guest).await;
        let (status, said) = house.api("POST", &format!("/api/v1/groups/{id}/devices"), json!({ "devices": [device] })).await;
        assert!(status < 300, "{said}");
    }
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programmes_are_read_offered_required_and_told() {
    let clock = start();
    let services = Services::start(&clock, &Random::seeded(12)).await.unwrap();
    let house = beside(&services, clock).await;
    let (_, server) = house.api("POST", "/api/v1/ade/servers", json!({ "name": "School" })).await;
    let at = format!("/api/v1/ade/servers/{}", server["id"].as_str().unwrap());
    let (_, key) = house.api("GET", &format!("{at}/public-key"), Json::Null).await;
    let token = {
        let mut book = services.ade.book();
        let token = book.open("Example School", "head@example.school", house.clock.now().plus(Duration::from_secs(300 * 86_400)));
        book.server(&token).betas = Some(vec![Beta::new(IOS, "iOS", "secret-ios"), Beta::new(MAC, "macOS", "secret-mac")]);
        token
    };
    let file = encrypted(&house, key["certificate"].as_str().unwrap(), token.to_mail().expose());
    assert_eq!(house.api("PUT", &format!("{at}/token"), json!({ "file": STANDARD.encode(file) })).await.0, 200);
    until(&house, Duration::from_secs(60), async || !program(&house, IOS).await.is_empty()).await;

    let (old, ipad, mac) =
        (house.device("iPad7,5@17.5.1").await, house.device("iPad12,1@26.0.1").await, house.device("Mac14,2@26.0.1").await);
    let group = group(&house, &[&old, &ipad, &mac]).await;
    let both = json!([program(&house, IOS).await, program(&house, MAC).await]);
    let (status, policy) =
        house.api("POST", "/api/v1/policies", json!({ "name": "Testers", "settings": { "offer_beta_programs": both } })).await;
    assert_eq!(status, 201, "{policy}");
    assert!(policy["summary"].to_string().contains(IOS) && !policy.to_string().contains("secret"), "{policy}");
    let policy = format!("/api/v1/policies/{}", policy["id"].as_str().unwrap());
    let (status, said) = house.api("PUT", &format!("{policy}/groups/{group}"), json!({})).await;
    assert!(status < 300, "{said}");
    for guest in [&old, &ipad, &mac] {
        guest.settle().await;
    }
    let offered = |title: &str, token: &str| json!({ "OfferPrograms": [{ "Description": title, "Token": token }] });
    assert_eq!(declared(&old).await, Json::Null);
    assert_eq!((declared(&ipad).await, declared(&mac).await), (offered(IOS, "secret-ios"), offered(MAC, "secret-mac")));
    let (ipad_id, _) = serial(&house, &ipad).await;
    let beta = async || house.api("GET", &format!("/api/v1/devices/{ipad_id}/updates"), Json::Null).await.1["beta_program"].clone();
    assert_eq!(beta().await, json!(""), "nobody joined");
    assert!(ipad.look(|device| device.offered_betas() == [IOS] && device.join_beta(Some(IOS))).await);
    house.pass(Duration::from_secs(86_400)).await;
    ipad.settle().await;
    assert_eq!(beta().await, json!(IOS));

    let (old_id, _) = serial(&house, &old).await;
    let (_, on_old) = house.api("GET", &format!("/api/v1/devices/{old_id}/policies"), Json::Null).await;
    assert!(on_old["unable"].to_string().contains("iOS 18 or later"), "{on_old}");

    let required = json!({ "settings": { "require_beta_program": both } });
    let (status, said) = house.api("PATCH", &policy, required).await;
    assert_eq!(status, 200, "{said}");
    mac.settle().await;
    let expected = json!({ "ProgramEnrollment": "AlwaysOn", "RequireProgram": { "Description": MAC, "Token": "secret-mac" } });
    assert_eq!((declared(&mac).await, mac.look(|device| device.beta().map(str::to_owned)).await), (expected, Some(MAC.to_owned())));
    assert!(!mac.look(|device| device.join_beta(None)).await, "nobody leaves it");

    // Apple renews one token and ends the other programme.
    services.ade.book().server(&token).betas = Some(vec![Beta::new(MAC, "macOS", "secret-renewed")]);
    let (_, lists) = house.api("GET", "/api/v1/beta-programs/lists", Json::Null).await;
    let list = lists["items"].as_array().unwrap().iter().find(|list| list["name"] == "Example School").unwrap();
    let (status, _) = house.api("POST", &format!("/api/v1/beta-programs/lists/{}", list["server_id"].as_str().unwrap()), json!({})).await;
    assert_eq!(status, 202);
    until(&house, Duration::from_secs(1), async || {
        house.api("GET", "/api/v1/beta-programs", Json::Null).await.1["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| !item["gone_at"].is_null())
    })
    .await;
    ipad.settle().await;
    mac.settle().await;
    assert_eq!(declared(&ipad).await, Json::Null, "a programme that ended is left out");
    assert_eq!(declared(&mac).await["RequireProgram"]["Token"], "secret-renewed");
    let (_, warned) = house.api("GET", &policy, Json::Null).await;
    assert!(warned["warnings"][0]["words"].as_str().unwrap().contains("no more"), "{warned}");
    let (_, on_ipad) = house.api("GET", &format!("/api/v1/devices/{ipad_id}/policies"), Json::Null).await;
    assert!(on_ipad["unable"].to_string().contains("no more"), "{on_ipad}");

    let (status, said) = house.api("PATCH", &policy, json!({ "settings": { "no_beta_updates": true } })).await;
    assert_eq!(status, 200, "{said}");
    ipad.settle().await;
    mac.settle().await;
    assert_eq!(mac.look(|device| device.beta().map(str::to_owned)).await, None, "every device is taken out");
    house.pass(Duration::from_secs(86_400)).await;
    ipad.settle().await;
    assert_eq!(beta().await, json!(""));
    for guest in [&old, &ipad, &mac] {
        assert_eq!(guest.remarks(), [""; 0]);
    }
    let events = house.read(|tx| events::list(tx, &events::Filter::default(), None, 500)).await;
    assert!(!events.is_empty() && !format!("{events:?}").contains("secret-"));
    drop((old, ipad, mac));
    house.close().await;
}
