//! Commands and invitations as scripts of every role see them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::mdm::{Actor, checkin};
use crate::protocol;

/// The device of these tests.
pub(super) const UDID: &str = "00008030-00AA11BB22CC33DD";

impl House {
    /// A device that is enrolled and has given its tokens.
    pub(super) async fn enrolled(&self) {
        for (message_type, keys) in [
            ("Authenticate", "<key>OSVersion</key><string>18.1</string><key>ProductName</key><string>iPad13,18</string>"),
            (
                "TokenUpdate",
                "<key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string><key>UnlockToken</key><data>BAUG</data>",
            ),
            ("SetBootstrapToken", "<key>BootstrapToken</key><data>AQID</data>"),
        ] {
            let body = format!(
                "<plist><dict><key>MessageType</key><string>{message_type}</string><key>UDID</key><string>{UDID}</string>\
                 <key>Topic</key><string>com.apple.mgmt.External.test</string>{keys}</dict></plist>"
            );
            let message = protocol::checkin::parse(body.as_bytes()).unwrap();
            self.app.store.write(self.app.now(), move |tx| checkin::move_in(tx, &Actor::Console, &message)).await.unwrap();
        }
    }

    async fn send_command(&self, role: Role, body: Value) -> Reply {
        self.ask(role, Method::POST, "/api/v1/commands", Some(body)).await
    }
}

#[tokio::test]
async fn a_passcode_is_cleared_without_naming_the_token_that_only_the_server_holds() {
    let house = House::new();
    house.enrolled().await;
    let order = json!({ "targets": [UDID], "request_type": "ClearPasscode" });
    let reply = house.send_command(Role::Admin, order.clone()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    let uuid = reply.body["commands"][0]["uuid"].as_str().unwrap().to_owned();
    let row = house.app.store.read(house.app.now(), |tx| crate::store::commands::all_by_uuid(tx, &uuid)).await.unwrap().remove(0);
    let payload = house.app.store.read(house.app.now(), |tx| crate::store::commands::payload(tx, row.seq)).await.unwrap().unwrap();
    let sent = protocol::command::Command::from_plist(payload.expose()).unwrap();
    assert_eq!(protocol::plist::fields::data(sent.keys(), "UnlockToken"), Some(&[4, 5, 6][..]));
    assert!(!reply.body.to_string().contains("BAUG"), "it is not said to whoever asks");
}

#[tokio::test]
async fn a_target_that_is_named_twice_gets_the_command_once() {
    let house = House::new();
    house.enrolled().await;
    let device = house.ask(Role::Owner, Method::GET, &format!("/api/v1/devices/{UDID}"), None).await.body;
    for targets in [json!([UDID, UDID]), json!([UDID, device["id"], device["enrollment_id"], UDID.to_lowercase()])] {
        let reply = house.send_command(Role::Helper, json!({ "targets": targets, "request_type": "SecurityInfo" })).await;
        assert_eq!((reply.status, reply.body["commands"].as_array().unwrap().len()), (StatusCode::CREATED, 1), "{}", reply.body);
        assert_eq!(reply.body["refused"], json!([]));
    }
}

#[tokio::test]
async fn who_may_not_is_told_so_before_what_they_sent_is_judged() {
    let house = House::new();
    house.enrolled().await;
    let wrong = |request_type: &str| json!({ "targets": [UDID], "request_type": request_type, "keys": { "Wrong": 1 } });
    assert_eq!(house.send_command(Role::Viewer, wrong("SecurityInfo")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.send_command(Role::Helper, wrong("ClearPasscode")).await.status, StatusCode::FORBIDDEN);
    let unknown = json!({ "targets": [UDID], "request_type": "erasedevice", "allow_unknown": true });
    assert_eq!(house.send_command(Role::Helper, unknown).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        house.send_command(Role::Helper, wrong("erasedevice")).await.status,
        StatusCode::BAD_REQUEST,
        "EraseDevice is meant, perhaps"
    );
    assert_eq!(house.send_command(Role::Helper, wrong("SecurityInfo")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.send_command(Role::Admin, wrong("ClearPasscode")).await.status, StatusCode::BAD_REQUEST);
    let push = json!({ "files": ["AAAA"] });
    assert_eq!(house.ask(Role::Helper, Method::POST, "/api/v1/push-certificates", Some(push)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_invitations_code_is_for_those_who_may_invite() {
    let house = House::new();
    let made = house.ask(Role::Helper, Method::POST, "/api/v1/invitations", Some(json!({ "note": "cart" }))).await.body;
    let (id, code) = (made["id"].as_str().unwrap(), made["code"].as_str().unwrap());
    let (list, one) = (String::from("/api/v1/invitations"), format!("/api/v1/invitations/{id}"));
    for (role, may) in [(Role::Owner, true), (Role::Admin, true), (Role::Helper, true), (Role::Viewer, false)] {
        for path in [&list, &one] {
            let reply = house.ask(role, Method::GET, path, None).await;
            assert_eq!((reply.status, reply.body.to_string().contains(code)), (StatusCode::OK, may), "{role:?} {path}: {}", reply.body);
        }
    }
    let nowhere = house.ask(Role::Helper, Method::GET, "/api/v1/invitations/NOSUCHCODE/profile", None).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{}", nowhere.body);
    let shown = house.ask(Role::Viewer, Method::GET, &one, None).await.body;
    assert_eq!((&shown["note"], &shown["code"], &shown["url"]), (&json!("cart"), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_helper_puts_nothing_on_a_device_takes_nothing_off_and_has_none_leave() {
    let house = House::new();
    house.enrolled().await;
    let setting = json!({ "Item": "MDMOptions", "MDMOptions": { "ActivationLockAllowedWhileSupervised": true } });
    for (request_type, keys) in [
        ("RemoveProfile", json!({ "Identifier": "org.rollcall.enrollment" })),
        ("InstallProfile", json!({ "Payload": { "$data": "AAAA" } })),
        ("InstallApplication", json!({ "ManifestURL": "https://apps.example.school/app.plist" })),
        ("RemoveApplication", json!({ "Identifier": "school.example.app" })),
        ("Settings", json!({ "Settings": [setting] })),
        ("DeclarativeManagement", json!({})),
    ] {
        let order = json!({ "targets": [UDID], "request_type": request_type, "keys": keys });
        let reply = house.send_command(Role::Helper, order).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{request_type}: {}", reply.body);
    }
    let plist = "<plist version=\"1.0\"><dict><key>Command</key><dict><key>RequestType</key><string>RemoveProfile</string>\
                 <key>Identifier</key><string>org.rollcall.enrollment</string></dict></dict></plist>";
    let plist = STANDARD.encode(plist);
    let reply = house.send_command(Role::Helper, json!({ "targets": [UDID], "plist": plist })).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "{}", reply.body);
}

#[tokio::test]
async fn keys_do_not_make_another_command_of_it_and_what_is_over_is_not_sent() {
    let house = House::new();
    house.enrolled().await;
    let other = json!({ "targets": [UDID], "request_type": "ProfileList", "keys": { "RequestType": "EraseDevice" } });
    let reply = house.send_command(Role::Owner, other).await;
    assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("keys.RequestType")));
    let over = json!({ "targets": [UDID], "request_type": "ProfileList", "expires_at": "2020-01-01T00:00:00Z" });
    let reply = house.send_command(Role::Owner, over).await;
    assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("expires_at")));
}
