//! Enrollment by account by the API.

use axum::http::Method;
use serde_json::{Value, json};

use super::House;
use crate::mdm::practice::{self, Wanted};
use crate::mdm::{Actor, Role};
use crate::store::Tx;

const PATH: &str = "/api/v1/account-enrollment";

#[tokio::test]
async fn families_are_changed_one_by_one_and_a_wrong_one_changes_nothing() {
    let house = House::new();
    let change = async |role, body: Value| house.ask(role, Method::PATCH, PATH, Some(body)).await;
    assert_eq!(house.ask(Role::Viewer, Method::GET, PATH, None).await.body, json!({ "families": {}, "group": "" }));
    assert_eq!(change(Role::Helper, json!({ "families": { "ipad": "own" } })).await.status, 403);
    change(Role::Admin, json!({ "families": { "ipad": "own", "mac": "school" }, "group": "Own" })).await;
    for wrong in [json!({ "families": { "watch": "own" } }), json!({ "families": { "ipad": "mine" } }), json!({ "group": "a\nb" })] {
        assert_eq!(change(Role::Admin, wrong.clone()).await.status, 400, "{wrong}");
    }
    let kept = change(Role::Admin, json!({ "families": { "mac": "off" } })).await.body;
    assert_eq!(kept, json!({ "families": { "ipad": "own" }, "group": "Own" }));
}

#[tokio::test]
async fn only_domains_of_accounts_are_asked_and_a_device_of_another_way_has_no_account() {
    let house = House::new();
    house.enrolled().await;
    let check = async |role, domain: &str| house.ask(role, Method::POST, &format!("{PATH}/check"), Some(json!({ "domain": domain }))).await;
    assert_eq!(check(Role::Helper, "example.school").await.status, 403);
    let refused = check(Role::Admin, "169.254.169.254").await;
    assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (400, &json!("domain")));
    let path = format!("/api/v1/devices/{}/account", super::commands::UDID);
    assert_eq!(house.ask(Role::Viewer, Method::GET, &path, None).await.body, json!({ "account": null }));
}

#[tokio::test]
async fn practice_people_enroll_their_own_devices_where_there_is_practice_and_people_may() {
    let house = House::new();
    let begin = async |role| house.ask(role, Method::POST, &format!("{PATH}/practice-devices"), Some(json!({}))).await;
    assert_eq!(begin(Role::Viewer).await.status, 403);
    let none = begin(Role::Helper).await;
    assert!(none.status == 409 && none.body["detail"].as_str().unwrap().contains("no practice devices"), "{}", none.body);
    let want = |tx: &Tx| practice::want(tx, &Actor::Console, Wanted { devices: 1, seed: 1 });
    house.app.store.write(house.app.now(), want).await.unwrap();
    let not_allowed = begin(Role::Helper).await;
    assert!(not_allowed.status == 409 && not_allowed.body["detail"].as_str().unwrap().contains("Enrollment by account"));
    house.ask(Role::Admin, Method::PATCH, PATH, Some(json!({ "families": { "ipad": "own", "iphone": "own" } }))).await;
    assert_eq!(begin(Role::Helper).await.body, json!({ "enrolling": 2 }));
    assert_eq!(begin(Role::Helper).await.body, json!({ "enrolling": 0 }));
}
