//! The connections to Apple through the API: listed with how they are, and tested against the stand-ins.

use super::*;
use crate::apple::ade::Ade;
use crate::apple::apps_and_books::AppsAndBooks;
use crate::apple::connect::{Connector, Trust};
use crate::apple::software_lookup::SoftwareLookup;
use crate::mdm::connections;
use crate::sim::apple::Services;

const CONNECTIONS: &str = "/api/v1/apple/connections";

impl House {
    async fn connection(&self, name: &str) -> Value {
        let list = self.ask(Role::Viewer, Method::GET, CONNECTIONS, None).await.body;
        list["items"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap_or_default()
    }

    async fn try_connection(&self, role: Role, name: &str) -> Reply {
        self.ask(role, Method::POST, &format!("{CONNECTIONS}/{name}/test"), Some(json!({}))).await
    }
}

#[tokio::test]
async fn a_test_says_whether_a_connection_works_and_what_keeps_it_from_that() {
    let mut house = House::new();
    let services = Services::start(&house.app.clock, &house.app.random).await.unwrap();
    let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), house.app.clock.clone());
    let books = format!("https://localhost:{}", services.apps_and_books.address().port());
    house.app = house.app.with_licence_service(AppsAndBooks::new(&connector, &books).unwrap());
    let end = house.app.now().plus(Duration::from_secs(200 * 86_400));
    let text = services.apps_and_books.book().open("South building", end);
    let brought = house.ask(Role::Admin, Method::POST, "/api/v1/content-tokens", Some(json!({ "file": text, "take_over": false }))).await;
    let name = format!("apps-and-books:{}", brought.body["id"].as_str().unwrap());
    let works = house.try_connection(Role::Admin, &name).await;
    assert_eq!((works.status, &works.body["works"], &works.body["of"]), (StatusCode::OK, &json!(true), &json!("South building")));
    assert!(works.body["worked_at"].is_string() && !works.body.to_string().contains(&text), "{}", works.body);

    let lookup = SoftwareLookup::new(&connector, &services.software_lookup.url());
    house.app = house.app.remade(|parts| parts.software_lookup = lookup.anchored());
    let works = house.try_connection(Role::Admin, "releases").await;
    assert_eq!((works.status, &works.body["works"]), (StatusCode::OK, &json!(true)), "{}", works.body);

    // Nobody listens there.
    let nobody = SoftwareLookup::new(&connector, "https://localhost:1").anchored();
    house.app = house.app.remade(|parts| parts.software_lookup = nobody);
    let fails = house.try_connection(Role::Admin, "releases").await;
    assert_eq!((fails.status, &fails.body["works"]), (StatusCode::OK, &json!(false)), "{}", fails.body);
    let (failure, said) = (fails.body["failure"].as_str().unwrap(), fails.body["said"].as_str().unwrap());
    assert_eq!(failure, "This server has no way to Apple's list of OS releases");
    assert!(said.contains("localhost:1") && !fails.body["remedy"].as_str().unwrap().is_empty(), "{}", fails.body);
    assert_eq!(house.connection("releases").await["failure"], failure);
    assert!(fails.body["worked_at"].is_string(), "when it worked last stays known: {}", fails.body);

    assert_eq!(house.try_connection(Role::Viewer, &name).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.try_connection(Role::Admin, "nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_list_of_devices_is_asked_whose_token_it_is() {
    let mut house = House::new();
    let (server, _, _) = house.bought().await;
    let name = format!("device-list:{server}");
    let services = Services::start(&house.app.clock, &house.app.random).await.unwrap();
    let connector = Connector::new(Trust::only(&services.trust_anchor_pem()).unwrap(), house.app.clock.clone());
    let client = Ade::new(&connector, &services.ade.url(), house.app.clock.clone()).unwrap();
    house.app = house.app.with_ade_service(client);
    // The stand-in does not know this token.
    let refused = house.try_connection(Role::Admin, &name).await;
    assert_eq!((refused.status, &refused.body["works"], &refused.body["service"]), (StatusCode::OK, &json!(false), &json!("device_list")));
    assert!(!refused.body["failure"].as_str().unwrap().is_empty(), "{}", refused.body);
}

#[tokio::test]
async fn pushes_that_do_not_get_out_are_told_in_words_until_one_does() {
    let house = House::new();
    let app = &house.app;
    let noted = async |outcome: Result<(), &'static str>| {
        app.store.write(app.now(), move |tx| connections::note(tx, "releases", outcome)).await.unwrap();
        app.clock.advance(Duration::from_secs(61));
        house.connection("releases").await
    };
    let never = house.connection("releases").await;
    assert!(never["works"].is_null() && never["worked_at"].is_null(), "{never}");
    let fails = noted(Err("127.0.0.1:29999 cannot be reached (tcp connect error: Connection refused (os error 111)): check it")).await;
    assert_eq!((&fails["works"], &fails["failure"]), (&json!(false), &json!("This server has no way to Apple's list of OS releases")));
    let works = noted(Ok(())).await;
    assert_eq!((&works["works"], &works["failure"], &works["said"]), (&json!(true), &json!(""), &json!("")));
    assert!(works["failed_at"].is_string(), "when it failed stays known: {works}");
}
