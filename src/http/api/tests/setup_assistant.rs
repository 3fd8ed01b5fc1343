//! Setup Assistant and Apple Configurator by the API.

use axum::http::Method;
use serde_json::{Value, json};

use super::House;
use crate::mdm::Role;

#[tokio::test]
async fn rules_are_changed_one_by_one_and_a_wrong_one_changes_nothing() {
    let house = House::new();
    let path = "/api/v1/setup-assistant";
    let change = async |role, body: Value| house.ask(role, Method::PATCH, path, Some(body)).await;
    let begins = house.ask(Role::Viewer, Method::GET, path, None).await.body;
    assert_eq!(begins, json!({ "take_unlisted": false, "hold_minutes": 20, "sign_in": false, "minimum": {}, "beta_programs": {} }));
    assert_eq!(change(Role::Helper, json!({ "hold_minutes": 10 })).await.status, 403);
    let changed = change(Role::Admin, json!({ "hold_minutes": 10, "minimum": { "ios": "latest", "macos": "15.4" } })).await.body;
    assert_eq!((&changed["hold_minutes"], &changed["minimum"]), (&json!(10), &json!({ "ios": "latest", "macos": "15.4" })));
    let refused = change(Role::Admin, json!({ "take_unlisted": true, "minimum": { "ios": "soon" } })).await;
    assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (400, &json!("minimum.ios")));
    let refused = change(Role::Admin, json!({ "hold_minutes": 4 })).await;
    assert_eq!(refused.body["errors"][0]["field"], "hold_minutes");
    let kept = change(Role::Admin, json!({ "minimum": { "macos": "" } })).await.body;
    assert_eq!((&kept["take_unlisted"], &kept["minimum"]), (&json!(false), &json!({ "ios": "latest" })));
    assert_eq!(house.ask(Role::Viewer, Method::GET, "/api/v1/setup-assistant/devices", None).await.body, json!([]));
}

#[tokio::test]
async fn configurator_is_let_in_and_out_and_its_identity_is_a_file_under_a_passphrase() {
    let house = House::new();
    let post = async |path: &str, body: Value| house.ask(Role::Admin, Method::POST, path, Some(body)).await;
    let opened = post("/api/v1/configurator/open", json!({ "hours": 2, "group": "Cart A" })).await.body;
    assert!(
        opened["is_open"] == true && opened["enrollment_url"].as_str().unwrap().starts_with("https://mdm.example.school/ade/"),
        "{opened}"
    );
    let closed = post("/api/v1/configurator/close", json!({})).await.body;
    assert_eq!((&closed["is_open"], &closed["enrollment_url"]), (&json!(false), &json!("https://mdm.example.school/ade")));
    assert_eq!(post("/api/v1/configurator/open", json!({ "hours": 0 })).await.status, 400);
    let put = async |role, path: &str, body: Value| house.ask(role, Method::PUT, path, Some(body)).await;
    let identity = "/api/v1/configurator/identity";
    assert_eq!(put(Role::Helper, identity, json!({})).await.status, 403);
    let made = put(Role::Admin, identity, json!({})).await.body;
    assert!(made["identity_sha256"].is_string(), "{made}");
    assert_eq!(put(Role::Admin, identity, json!({})).await.status, 409);
    let short = put(Role::Admin, &format!("{identity}/file"), json!({ "passphrase": "short" })).await;
    assert_eq!((short.status.as_u16(), &short.body["errors"][0]["field"]), (400, &json!("passphrase")));
}

#[tokio::test]
async fn only_a_device_that_waits_is_let_go_on() {
    let house = House::new();
    let missing = house.ask(Role::Helper, Method::POST, "/api/v1/devices/nobody/go-on", Some(json!({}))).await;
    assert_eq!(missing.status, 404);
}
