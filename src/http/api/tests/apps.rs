//! Apps by the API: added, managed, configured, assigned, asked for.

use super::commands::UDID;
use super::*;
use crate::clock::Timestamp;
use crate::store::app_states::{self, AppState, Intent, Stage};
use crate::store::assignments::AssignedMode;
use crate::store::deployments::Mechanism;
use crate::store::enrollments;
use crate::store::profiles::tests as rows;

const APPS: &str = "/api/v1/apps";

impl House {
    async fn add_app(&self) -> String {
        let reply = self.ask(Role::Admin, Method::POST, APPS, Some(json!({ "adam_id": "1500000002", "name": "Atlas" }))).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// An app that is assigned to a group with a device, and planned for there.
    pub(super) async fn assigned_app(&self) -> String {
        let id = self.add_app().await;
        let work = |tx: &crate::store::Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            rows::group(tx, "app-group", "App group", &[&enrollment.device_id])
        };
        self.app.store.write(self.app.now(), work).await.unwrap();
        let path = format!("{APPS}/{id}/groups/app-group");
        let reply = self.ask(Role::Admin, Method::PUT, &path, Some(json!({ "mode": "optional" }))).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let app_id = id.clone();
        let work = move |tx: &crate::store::Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            app_states::put(tx, &enrollment.id, &state(app_id, tx.now))?;
            app_states::set_feedback(tx, &enrollment.id, "school.example.atlas", Some(r#"{"pages":7}"#))
        };
        self.app.store.write(self.app.now(), work).await.unwrap();
        id
    }
}

/// An app that the person declined.
fn state(app_id: String, now: Timestamp) -> AppState {
    AppState {
        app_id,
        name: "Atlas".into(),
        adam_id: "1500000002".into(),
        bundle_id: "school.example.atlas".into(),
        mechanism: Mechanism::Command,
        mode: AssignedMode::Optional,
        holder: String::new(),
        wanted: "d".into(),
        sent: String::new(),
        seen: String::new(),
        stage: Stage::Declined,
        stage_at: now,
        version: "2".into(),
        short_version: String::new(),
        external_version: Some(7),
        asked_version: String::new(),
        unmoved: 0,
        intent: Intent::Nothing,
        command_uuid: None,
        attempts: 0,
        due_at: None,
        polls: 0,
        poll_at: None,
        problem: "the person declined it".into(),
        asked_at: Some(now),
        asks: 0,
        take_over: false,
        withdrawn: false,
    }
}

#[tokio::test]
async fn an_app_is_added_changed_configured_and_deleted() {
    let house = House::new();
    let id = house.add_app().await;
    let path = format!("{APPS}/{id}");
    let again = house.ask(Role::Admin, Method::POST, APPS, Some(json!({ "adam_id": "1500000002" }))).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let wrong = house.ask(Role::Admin, Method::POST, APPS, Some(json!({ "adam_id": "atlas" }))).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("adam_id")));
    let shown = house.ask(Role::Viewer, Method::GET, &path, None).await.body;
    assert_eq!(shown["settings"]["remove_with_management"], true);
    let change = json!({ "settings": { "updates": { "when": "quiet_hours", "from": "22:00", "to": "05:00" }, "attributes": { "removable": false } } });
    let changed = house.ask(Role::Admin, Method::PATCH, &path, Some(change)).await.body;
    assert_eq!((&changed["settings"]["updates"]["from"], &changed["revision"]), (&json!("22:00"), &json!(2)));
    let refused = house
        .ask(
            Role::Admin,
            Method::PATCH,
            &path,
            Some(json!({ "settings": { "updates": { "when": "quiet_hours", "from": "9", "to": "10:00" } } })),
        )
        .await;
    assert_eq!(refused.body["errors"][0]["field"], "updates.from", "{}", refused.body);
    let configuration = format!("{path}/configuration");
    let sent = json!({ "configuration": { "server": "a&b", "serial": "$SERIAL" } });
    let kept = house.ask(Role::Admin, Method::PUT, &configuration, Some(sent)).await.body;
    assert!(kept["configuration"].as_str().unwrap().contains("a&amp;b"), "{kept}");
    let unknown = house.ask(Role::Admin, Method::PUT, &configuration, Some(json!({ "configuration": { "a": "$SEREAL" } }))).await;
    assert_eq!(unknown.body["errors"][0]["field"], "configuration", "{}", unknown.body);
    assert_eq!(house.ask(Role::Admin, Method::GET, &configuration, None).await.body["configuration"], kept["configuration"]);
    assert_eq!(house.ask(Role::Viewer, Method::GET, &configuration, None).await.status, StatusCode::FORBIDDEN, "it may hold secrets");
    let cleared = house.ask(Role::Admin, Method::PUT, &configuration, Some(json!({ "configuration": {} }))).await.body;
    assert_eq!(cleared["configuration"], Value::Null);
    assert_eq!(house.ask(Role::Viewer, Method::DELETE, &path, None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Viewer, Method::GET, &path, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn assigning_says_who_lacks_how_many_licences() {
    let house = House::new();
    house.enrolled().await;
    let id = house.assigned_app().await;
    let path = format!("{APPS}/{id}/groups/app-group");
    let reply = house.ask(Role::Admin, Method::PUT, &path, None).await.body;
    assert_eq!(reply["assignment"]["mode"], "required");
    assert!(reply["shortages"].is_array(), "{reply}");
    let listed = house.ask(Role::Viewer, Method::GET, APPS, None).await.body;
    assert_eq!((&listed["total"], &listed["items"][0]["groups"][0]["mode"]), (&json!(1), &json!("required")));
    assert_eq!(listed["items"][0]["licences"], Value::Null, "nothing is known of any");
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    let nobody = house.ask(Role::Admin, Method::PUT, &format!("{APPS}/{id}/groups/nobody"), None).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_comes_into_a_group_is_said_to_lack_licences_by_app_and_number() {
    let house = House::new();
    let serial = "<key>OSVersion</key><string>18.1</string><key>ProductName</key><string>iPad13,18</string><key>SerialNumber</key><string>SN1</string>";
    let token = "<key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>";
    for (message_type, keys) in [("Authenticate", serial), ("TokenUpdate", token)] {
        let body = format!(
            "<plist><dict><key>MessageType</key><string>{message_type}</string><key>UDID</key><string>{UDID}</string>\
             <key>Topic</key><string>com.apple.mgmt.External.test</string>{keys}</dict></plist>"
        );
        let message = crate::protocol::checkin::parse(body.as_bytes()).unwrap();
        let work = move |tx: &crate::store::Tx| crate::mdm::checkin::move_in(tx, &crate::mdm::Actor::Console, &message);
        house.app.store.write(house.app.now(), work).await.unwrap();
    }
    let id = house.add_app().await;
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/groups", Some(json!({ "name": "7c" }))).await.body;
    let group = format!("/api/v1/groups/{}/devices", made["id"].as_str().unwrap());
    let path = format!("{APPS}/{id}/groups/{}", made["id"].as_str().unwrap());
    assert_eq!(house.ask(Role::Admin, Method::PUT, &path, None).await.body["shortages"], json!([]), "nobody is in it");
    let put = json!({ "devices": [UDID] });
    let added = house.ask(Role::Admin, Method::POST, &group, Some(put.clone())).await.body;
    let warning = &added["warnings"][0];
    assert_eq!((&added["added"], &warning["other_kind"], &warning["other_id"]), (&json!(1), &json!("app"), &json!(id)), "{added}");
    assert!(warning["message"].as_str().unwrap().starts_with("1 more licence of "), "{added}");
    assert_eq!(house.ask(Role::Admin, Method::POST, &group, Some(put)).await.body["warnings"], json!([]), "it is no news");
}

#[tokio::test]
async fn what_is_not_for_a_device_cannot_be_asked_for() {
    let house = House::new();
    house.enrolled().await;
    let id = house.add_app().await;
    let reply = house.ask(Role::Helper, Method::PUT, &format!("/api/v1/devices/{UDID}/apps/{id}/ask"), None).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "{}", reply.body);
    let states = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/devices/{UDID}/apps/states"), None).await;
    assert_eq!((states.status, &states.body), (StatusCode::OK, &json!([])));
    let feedback = house.ask(Role::Helper, Method::POST, &format!("/api/v1/devices/{UDID}/apps/feedback"), None).await;
    assert_eq!(feedback.status, StatusCode::CONFLICT, "{}", feedback.body);
    let wrong = house.ask(Role::Viewer, Method::GET, &format!("{APPS}/{id}/devices?stage=lost"), None).await;
    assert_eq!(wrong.body["errors"][0]["field"], "stage");
}

#[tokio::test]
async fn what_a_person_declined_is_shown_with_its_reason_and_asked_again() {
    let house = House::new();
    house.enrolled().await;
    let id = house.assigned_app().await;
    let on_devices = house.ask(Role::Viewer, Method::GET, &format!("{APPS}/{id}/devices?stage=declined"), None).await.body;
    let state = &on_devices["items"][0]["state"];
    assert_eq!((&state["words"], &state["because"]), (&json!("declined"), &json!("The person declined it.")));
    let path = format!("/api/v1/devices/{UDID}/apps/{id}/ask");
    assert_eq!(house.ask(Role::Viewer, Method::PUT, &path, None).await.status, StatusCode::FORBIDDEN);
    let asked = house.ask(Role::Helper, Method::PUT, &path, None).await;
    assert_eq!((asked.status, &asked.body["stage"]), (StatusCode::OK, &json!("absent")));
    let withdrawn = house.ask(Role::Helper, Method::DELETE, &path, None).await;
    assert_eq!(withdrawn.status, StatusCode::OK, "{}", withdrawn.body);
    let feedback = house.ask(Role::Viewer, Method::GET, &format!("/api/v1/devices/{UDID}/apps/feedback"), None).await.body;
    assert_eq!(feedback[0]["content"], json!({ "pages": 7 }));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_name() {
    let house = House::new();
    let id = house.add_app().await;
    let path = format!("{APPS}/{id}");
    for (settings, field) in [
        (json!({ "attributes": { "vpn_uuid": "not-a-uuid" } }), "attributes.vpn_uuid"),
        (json!({ "attributes": { "relay_uuid": "2E5B1B5B0C494F398B2E6D0B7B5D0A11" } }), "attributes.relay_uuid"),
        (json!({ "updates": { "when": "quiet_hours", "from": "22:00", "to": "" } }), "updates.to"),
    ] {
        let reply = house.ask(Role::Admin, Method::PATCH, &path, Some(json!({ "settings": settings }))).await;
        assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", reply.body);
    }
    let two = json!({ "attributes": { "vpn_uuid": "a" }, "updates": { "when": "quiet_hours", "from": "", "to": "" } });
    let reply = house.ask(Role::Admin, Method::PATCH, &path, Some(json!({ "settings": two }))).await;
    assert_eq!(reply.body["errors"].as_array().unwrap().len(), 3, "all at once: {}", reply.body);
    let right = json!({ "attributes": { "vpn_uuid": "2E5B1B5B-0C49-4F39-8B2E-6D0B7B5D0A11" } });
    assert_eq!(house.ask(Role::Admin, Method::PATCH, &path, Some(json!({ "settings": right }))).await.status, StatusCode::OK);
    let path = format!("{path}/configuration");
    let wrong = house.ask(Role::Admin, Method::PUT, &path, Some(json!({ "configuration": { "c": ["a\u{1}"] } }))).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("configuration")), "{}", wrong.body);
}

#[tokio::test]
async fn what_devices_would_lack_for_a_configuration_is_told_before_and_with_it() {
    let house = House::new();
    house.enrolled().await;
    let id = house.assigned_app().await;
    let path = format!("{APPS}/{id}/configuration");
    let wish = |preview: bool| Some(json!({ "configuration": { "mail": "$PERSON_EMAIL" }, "preview": preview }));
    let before = house.ask(Role::Admin, Method::PUT, &path, wish(true)).await;
    assert_eq!((before.status, &before.body["lacks"][0]["devices"]), (StatusCode::OK, &json!(1)), "{}", before.body);
    assert_eq!(house.ask(Role::Admin, Method::GET, &path, None).await.body["configuration"], json!(null), "nothing changed");
    let set = house.ask(Role::Admin, Method::PUT, &path, wish(false)).await;
    assert!(set.body["lacks"][0]["because"].as_str().unwrap().contains("$PERSON_EMAIL"), "{}", set.body);
    assert!(house.ask(Role::Admin, Method::GET, &path, None).await.body["configuration"].is_string());
}
