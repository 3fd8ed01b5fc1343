//! Moving in and out through the API.

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::House;
use crate::mdm::Role;
use crate::pki::issue;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn message(message_type: &str, keys: &str) -> String {
    STANDARD.encode(format!(
        "<plist><dict><key>MessageType</key><string>{message_type}</string><key>UDID</key><string>A-1</string><key>Topic</key><string>{TOPIC}</string>{keys}</dict></plist>"
    ))
}

const TOKENS: &str = "<key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>";

#[tokio::test]
async fn an_authority_is_looked_at_then_trusted_and_its_door_opened_and_shut() {
    let house = House::new();
    let root = issue::root("Elsewhere CA", house.app.now()).unwrap();
    let files = json!([STANDARD.encode(root.certificate().to_pem()), STANDARD.encode(root.signer().key().to_pem().expose())]);
    let import = async |role, body: Value| house.ask(role, Method::POST, "/api/v1/authorities", Some(body)).await;
    assert_eq!(import(Role::Admin, json!({ "files": files })).await.status, StatusCode::FORBIDDEN);
    let looked = import(Role::Owner, json!({ "files": files, "check": true })).await;
    assert_eq!((looked.status, &looked.body["items"][0]["outcome"]), (StatusCode::OK, &json!("new")));
    assert!(house.app.imported().is_empty());
    let taken = import(Role::Owner, json!({ "files": files, "days": 7 })).await;
    assert_eq!((taken.status, &taken.body["items"][0]["has_key"]), (StatusCode::CREATED, &json!(true)));
    let imported = house.app.imported();
    assert_eq!((imported.len(), imported[0].issuer.is_some()), (1, true), "the doors know it from now on");
    assert!(!taken.body.to_string().contains("PRIVATE"));
    for (body, field) in [
        (json!({ "files": [] }), "files"),
        (json!({ "files": ["!"] }), "files[0]"),
        (json!({ "files": [STANDARD.encode("<html>")] }), "files"),
        (json!({ "files": files, "days": 0 }), "days"),
    ] {
        let refused = import(Role::Owner, body).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", refused.body);
    }
    let id = taken.body["items"][0]["id"].as_str().unwrap().to_owned();
    let window = async |days: u32| {
        let path = format!("/api/v1/authorities/{id}/window");
        house.ask(Role::Owner, Method::POST, &path, Some(json!({ "days": days }))).await
    };
    assert_eq!(window(0).await.status, StatusCode::OK);
    assert_eq!(house.app.imported()[0].until, house.app.now());
    assert_eq!(window(366).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(window(3).await.status, StatusCode::OK);
    assert!(house.app.imported()[0].until > house.app.now());
    let listed = house.ask(Role::Viewer, Method::GET, "/api/v1/authorities", None).await.body;
    let row = listed["items"].as_array().unwrap().iter().find(|row| row["state"] == json!("imported")).unwrap();
    assert!(row["taken_until_at"].is_string(), "{row}");
}

#[tokio::test]
async fn check_ins_are_taken_listed_and_given_out_again() {
    let house = House::new();
    let all = json!([{ "message": message("Authenticate", "<key>SerialNumber</key><string>TESTSN0001</string>"), "identity": "ab".repeat(32) },
        { "message": message("TokenUpdate", TOKENS) }, { "message": message("CheckOut", "") }]);
    let take = async |role, check: bool| {
        let body = json!({ "source": "nanomdm", "messages": all, "check": check });
        house.ask(role, Method::POST, "/api/v1/moves/messages", Some(body)).await
    };
    assert_eq!(take(Role::Helper, false).await.status, StatusCode::FORBIDDEN);
    let outcomes = |body: &Value| body["items"].as_array().unwrap().iter().map(|item| item["outcome"].clone()).collect::<Vec<_>>();
    assert_eq!(outcomes(&take(Role::Admin, true).await.body), ["new", "changed", "refused"]);
    let standing = async || house.ask(Role::Viewer, Method::GET, "/api/v1/moves/standing", None).await.body;
    assert_eq!(standing().await["moved"], 0);
    let done = take(Role::Admin, false).await.body;
    assert_eq!(outcomes(&done), ["new", "changed", "refused"]);
    assert!(done["items"][2]["because"].as_str().unwrap().contains("moves nothing in"), "{done}");
    let now = standing().await;
    assert_eq!(
        (&now["waiting"], &now["waiting_named"], &now["topics_without_certificate"][0]["topic"]),
        (&json!(1), &json!(1), &json!(TOPIC))
    );
    let listed = house.ask(Role::Viewer, Method::GET, "/api/v1/moves?waiting=true", None).await.body;
    assert_eq!(
        (&listed["total"], &listed["items"][0]["serial_number"], &listed["items"][0]["bound_at"]),
        (&json!(1), &json!("TESTSN0001"), &Value::Null)
    );
    assert_eq!(listed["items"][0]["identity"], "ab".repeat(32));

    for (body, field) in [
        (json!({ "messages": [{ "message": "!" }] }), "messages[0].message"),
        (json!({ "messages": [{ "message": "", "identity": "ab" }] }), "messages[0].identity"),
        (json!({ "messages": [], "source": "elsewhere" }), "source"),
    ] {
        let refused = house.ask(Role::Admin, Method::POST, "/api/v1/moves/messages", Some(body)).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", refused.body);
    }
    let export = async |role, body: Value| house.ask(role, Method::POST, "/api/v1/moves/export", Some(body)).await;
    assert_eq!(export(Role::Admin, json!({})).await.status, StatusCode::FORBIDDEN);
    let exported = export(Role::Owner, json!({ "secrets": true })).await.body;
    assert_eq!((&exported["total"], exported["items"].as_array().unwrap().len()), (&json!(1), 2), "{exported}");
    let said = STANDARD.decode(exported["items"][1]["message"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(said).unwrap().contains("<data>AQID</data>") || exported["items"][1]["message_type"] == json!("TokenUpdate"));
    for (field, wrong) in [("limit", json!({ "limit": 0 })), ("after", json!({ "after": "zzz" }))] {
        let refused = export(Role::Owner, wrong).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", refused.body);
    }
}

#[tokio::test]
async fn an_old_profile_is_read_and_anything_else_is_named() {
    let house = House::new();
    let profile = format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>\
         <key>PayloadIdentifier</key><string>com.github.micromdm.nanomdm</string><key>PayloadUUID</key><string>F9760DD4-F2D1-4F29-8D2C-48D52DD0A9B3</string>\
         <key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.mdm</string><key>PayloadVersion</key><integer>1</integer>\
         <key>PayloadIdentifier</key><string>a.mdm</string><key>PayloadUUID</key><string>96B11019-B54C-49DC-9480-43525834DE7B</string>\
         <key>ServerURL</key><string>https://mdm.example.school/mdm</string><key>SignMessage</key><true/><key>Topic</key><string>{TOPIC}</string>\
         <key>AccessRights</key><integer>8191</integer></dict></array></dict></plist>"
    );
    let learn = async |bytes: &str, check: bool| {
        let body = json!({ "profile": STANDARD.encode(bytes), "check": check });
        house.ask(Role::Admin, Method::POST, "/api/v1/moves/profile", Some(body)).await
    };
    let looked = learn(&profile, true).await;
    assert_eq!(
        (looked.status, &looked.body["check_in_url"]),
        (StatusCode::OK, &json!("https://mdm.example.school/mdm")),
        "{}",
        looked.body
    );
    let profiles = async || house.ask(Role::Viewer, Method::GET, "/api/v1/moves/standing", None).await.body["profiles"].clone();
    assert_eq!(profiles().await, json!([]));
    assert_eq!(learn(&profile, false).await.status, StatusCode::OK);
    assert_eq!(profiles().await, json!([TOPIC]));
    for wrong in ["<html>", &profile.replace("com.apple.mdm", "com.apple.wifi.managed"), &profile.replace(TOPIC, "YOUR-TOPIC")] {
        let refused = learn(wrong, false).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("profile")), "{}", refused.body);
    }
}
