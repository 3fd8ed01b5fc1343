//! Content tokens, licences and redemption codes through the API.

use super::*;
use crate::apple::apps_and_books::AppsAndBooks;
use crate::apple::connect::{Connector, Trust};
use crate::mdm::Actor;
use crate::mdm::licences::sync::{self, Read};
use crate::mdm::licences::tokens::{self, Arrival};
use crate::mdm::licences::{self as room, Holder, codes};
use crate::protocol::apps_and_books::{AssetLine, AssignmentLine, ClientConfig, ContentToken, MdmInfo, Service};
use crate::sim::apple::Services;

const APP: &str = "409203825";

impl House {
    /// A location that owns 5 licences of an app: one device and a person want one, another device got one elsewhere. Gives its id.
    pub(super) async fn licensed(&self, person: &str) -> String {
        let now = self.app.now();
        let text = ContentToken::write("inner", "Example School", now.plus(Duration::from_secs(300 * 86_400)));
        let arrival = Arrival {
            brought: ContentToken::read(text.as_bytes(), now).unwrap(),
            service: Service::default(),
            config: ClientConfig { u_id: "2049025".into(), location_name: "North building".into(), ..ClientConfig::default() },
            practice: false,
            older: false,
        };
        let person = person.to_owned();
        self.app
            .store
            .write(now, move |tx| {
                let token = tokens::keep(tx, &Actor::Console, &arrival)?;
                let line = json!({ "adamId": APP, "deviceAssignable": true, "assignedCount": 1, "availableCount": 4, "totalCount": 5 });
                let held = json!({ "adamId": APP, "serialNumber": "THEIRS1" });
                let read = Read {
                    assets: vec![serde_json::from_value::<AssetLine>(line).unwrap()],
                    assignments: vec![serde_json::from_value::<AssignmentLine>(held).unwrap()],
                    whole: true,
                    still: true,
                    ..Read::default()
                };
                sync::record(tx, &token.id, &read)?;
                room::want(tx, APP, &Holder::Device { serial_number: "OURS1".into() })?;
                room::want(tx, APP, &Holder::Person { person_id: person })?;
                codes::import(tx, &Actor::Console, APP, b"Code\nABCDEFGH2345\n")?;
                Ok(token.id)
            })
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn the_ledger_shows_ours_and_theirs_and_gives_theirs_back() {
    let house = House::new();
    let person =
        house.ask(Role::Owner, Method::POST, "/api/v1/people", Some(json!({ "name": "Kim Example", "role": "student" }))).await.body;
    house.licensed(person["id"].as_str().unwrap()).await;
    let owned = house.ask(Role::Viewer, Method::GET, "/api/v1/licences/owned", None).await.body;
    let asset = &owned["items"][0];
    assert_eq!(
        (&asset["owned"], &asset["in_use"], &asset["reserved"], &asset["free"]),
        (&json!(5), &json!(1), &json!(2), &json!(2)),
        "{owned}"
    );
    let list = house.ask(Role::Viewer, Method::GET, "/api/v1/licences?limit=2", None).await.body;
    let rest = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/licences?after={}", list["next"].as_str().unwrap()), None).await.body;
    let lines: Vec<_> = [&list, &rest].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    assert_eq!((lines.len(), &list["total"]), (3, &json!(3)));
    let named: Vec<_> = lines.iter().map(|line| (line["holder"].as_str().unwrap(), line["ours"].as_bool().unwrap())).collect();
    assert_eq!(named[..2], [("OURS1", true), ("THEIRS1", false)]);
    assert_eq!(lines[2]["name"], "Kim Example");
    let take = |serial: &str| json!({ "adam_id": APP, "serial_number": serial });
    let refused = house.ask(Role::Viewer, Method::POST, "/api/v1/licences/take-back", Some(take("theirs1"))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let ours = house.ask(Role::Admin, Method::POST, "/api/v1/licences/take-back", Some(take("ours1"))).await;
    assert_eq!(ours.status, StatusCode::CONFLICT, "{}", ours.body);
    let theirs = house.ask(Role::Admin, Method::POST, "/api/v1/licences/take-back", Some(take("theirs1"))).await;
    assert_eq!(theirs.status, StatusCode::NO_CONTENT);
    let one = house.ask(Role::Viewer, Method::GET, "/api/v1/licences?holder=theirs1", None).await.body;
    assert_eq!(one["items"][0]["because"], "It is being given back.");
    let nobody = house.ask(Role::Admin, Method::POST, "/api/v1/licences/ask-again", Some(json!({ "adam_id": APP }))).await;
    assert_eq!(nobody.body["errors"][0]["field"], "serial_number");
}

/// An appliance whose licence service is the stand-in of `services`.
fn served_by(house: &House, services: &Services) -> App {
    let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), house.app.clock.clone());
    let base = format!("https://localhost:{}", services.apps_and_books.address().port());
    house.app.with_licence_service(AppsAndBooks::new(&connector, &base).unwrap())
}

#[tokio::test]
async fn a_content_token_is_brought_refused_in_words_and_taken_over_on_purpose() {
    let mut house = House::new();
    let services = Services::start(&house.app.clock, &house.app.random).await.unwrap();
    house.app = served_by(&house, &services);
    let end = house.app.now().plus(Duration::from_secs(200 * 86_400));
    let text = services.apps_and_books.book().open("South building", end);
    let post = |file: &str, take_over: bool| json!({ "file": file, "take_over": take_over });
    let bring =
        async |file: &str, take_over| house.ask(Role::Admin, Method::POST, "/api/v1/content-tokens", Some(post(file, take_over))).await;

    let wrong = bring("-----BEGIN CERTIFICATE-----", false).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("file")));
    let unknown = bring(&ContentToken::write("nobody's", "E", end), false).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{}", unknown.body);
    assert!(unknown.body["detail"].as_str().unwrap().contains("9622"), "200 with a number is a refusal: {}", unknown.body);

    let theirs = MdmInfo { id: "other".into(), name: "Old server".into(), metadata: String::new() };
    services.apps_and_books.book().location(&text).unwrap().mdm_info = theirs;
    let taken = bring(&format!("  {text}\n"), false).await;
    assert_eq!(
        (taken.status, &taken.body["state"], &taken.body["other_server"]),
        (StatusCode::CREATED, &json!("taken"), &json!("Old server"))
    );
    let id = taken.body["id"].as_str().unwrap().to_owned();
    let claimed = house.ask(Role::Admin, Method::POST, &format!("/api/v1/content-tokens/{id}/claim"), None).await;
    assert_eq!((claimed.status, &claimed.body["state"]), (StatusCode::OK, &json!("ready")), "{}", claimed.body);
    assert!(services.apps_and_books.book().location(&text).unwrap().mdm_info.name.starts_with("Rollcall at"));
    assert!(!claimed.body.to_string().contains(&text), "a token is never shown");

    let renewed = services.apps_and_books.book().renew(&text, end).unwrap();
    let again = bring(&renewed, false).await;
    assert_eq!((&again.body["id"], &again.body["location"]), (&json!(id), &json!("South building")), "the same location is the same row");
    let gone = house.ask(Role::Admin, Method::DELETE, &format!("/api/v1/content-tokens/{id}"), None).await;
    assert_eq!((gone.status, &gone.body["licences"]), (StatusCode::OK, &json!(0)));
}

#[tokio::test]
async fn a_managed_apple_account_is_checked_and_kept_by_those_who_may() {
    let house = House::new();
    let kim = json!({ "name": "Kim Example", "role": "student" });
    let person = house.ask(Role::Owner, Method::POST, "/api/v1/people", Some(kim)).await.body;
    let path = format!("/api/v1/people/{}/managed-apple-account", person["id"].as_str().unwrap());
    let put = async |role, account: &str| house.ask(role, Method::PUT, &path, Some(json!({ "managed_apple_id": account }))).await;
    assert_eq!(put(Role::Viewer, "kim@appleaccount.example.school").await.status, StatusCode::FORBIDDEN);
    for wrong in ["kim", "kim@example", "k im@example.school", "a@b@example.school", &format!("{}@example.school", "k".repeat(254))] {
        let refused = put(Role::Admin, wrong).await;
        assert_eq!(refused.body["errors"][0]["field"], "managed_apple_id", "{wrong}: {}", refused.body);
    }
    let kept = put(Role::Admin, " kim@appleaccount.example.school ").await;
    assert_eq!((kept.status, &kept.body["managed_apple_id"]), (StatusCode::OK, &json!("kim@appleaccount.example.school")));
    assert_eq!(house.ask(Role::Viewer, Method::GET, &path, None).await.body, kept.body);
}
