//! Update plans and updates by hand over the API: made, previewed, followed, stopped, and refused with the field at fault.

use super::commands::UDID;
use super::*;
use crate::clock::Day;
use crate::mdm::updates::plans;
use crate::protocol::lookup::List;
use crate::store::devices;
use crate::store::enrollments;
use crate::store::profiles::tests as rows;
use crate::store::releases::{self, Offer, Release, ReleaseKey};
use crate::store::update_states::{self, Stage, UpdateState};

const PLANS: &str = "/api/v1/updates/plans";

impl House {
    /// A device that is known, in the group `g`, and a release that it can have.
    async fn with_a_release(&self) -> String {
        self.enrolled().await;
        self.release_for_the_device().await
    }

    /// A plan that has begun on the device, which is enrolled; gives its id.
    pub(super) async fn begun_update_plan(&self) -> String {
        self.release_for_the_device().await;
        let made = self.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "Autumn", "rules": rules() }))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let id = made.body["id"].as_str().unwrap().to_owned();
        let plan_id = id.clone();
        let begin = move |tx: &crate::store::Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            let row = UpdateState { version: "18.7.2".into(), stage: Stage::Waiting, ..UpdateState::blank(&plan_id, 0, tx.now) };
            update_states::put(tx, &enrollment.id, &row)?;
            update_states::begin_run(tx, &plan_id, &enrollment.device_id, 0, &row.version)?;
            crate::mdm::updates::progress::take_census(tx)
        };
        self.app.store.write(self.app.now(), begin).await.unwrap();
        id
    }

    async fn release_for_the_device(&self) -> String {
        let work = |tx: &crate::store::Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
            let supervised = Some(true);
            devices::update(tx, &devices::Device { os_version: "18.1".into(), product_name: "iPad13,18".into(), supervised, ..device })?;
            devices::set_facts(tx, &enrollment.device_id, r#"{"BatteryLevel":0.2,"AvailableDeviceCapacity":2.5}"#)?;
            let key = ReleaseKey { platform: "iOS".into(), version: "18.7.2".into(), build: "22H124".into(), ..ReleaseKey::default() };
            let offer = Offer { list: List::Managed, posted: Day::parse("2026-09-01"), expires: None, devices: vec!["iPad13,18".into()] };
            releases::put(tx, &Release { key, offers: vec![offer], appeared_at: tx.now, vanished_at: None })?;
            rows::group(tx, "g", "Cart A", &[&enrollment.device_id])?;
            plans::releases_changed(tx)?;
            Ok(enrollment.device_id)
        };
        self.app.store.write(self.app.now(), work).await.unwrap()
    }

    async fn serial_of(&self, device_id: &str) -> String {
        let id = device_id.to_owned();
        let work = move |tx: &crate::store::Tx| {
            let device = devices::by_id(tx, &id)?.unwrap();
            devices::update(tx, &devices::Device { serial_number: Some("TESTSN0001".into()), ..device })
        };
        self.app.store.write(self.app.now(), work).await.unwrap();
        String::from("TESTSN0001")
    }

    async fn plan_now(&self) {
        let work = |tx: &crate::store::Tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            crate::mdm::reconcile::plan(tx, &enrollment.id)
        };
        self.app.store.write(self.app.now(), work).await.unwrap();
    }
}

fn rules() -> Value {
    json!({
        "target": { "kind": "newest" },
        "starts": "2026-01-01T08:00:00",
        "rings": [{ "name": "Pilot", "groups": ["g"] }, { "name": "Everybody", "after_minutes": 2880 }],
        "deadline": { "kind": "after", "minutes": 4320, "time": 960 },
        "quiet": [{ "weekdays": [0, 1, 2, 3, 4], "from": 485, "to": 930 }],
        "stop": { "percent": 20, "at_least": 2 },
        "details_url": "https://example.school/updates"
    })
}

#[tokio::test]
async fn a_plan_is_made_shown_followed_and_deleted() {
    let house = House::new();
    let device_id = house.with_a_release().await;
    let made = house.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "Autumn", "rules": rules() }))).await;
    assert_eq!((made.status, &made.body["summary"]), (StatusCode::CREATED, &json!("the newest release")), "{}", made.body);
    let own = format!("{PLANS}/{}", made.body["id"].as_str().unwrap());
    house.plan_now().await;
    let shown = house.ask(Role::Viewer, Method::GET, &own, None).await.body;
    assert_eq!((&shown["progress"]["total"], &shown["rules"]["rings"][0]["groups"]), (&json!(1), &json!(["g"])), "{shown}");
    assert_eq!(shown["rings"][0]["stages"], json!({ "waiting": 1 }), "{shown}");
    let members = house.ask(Role::Viewer, Method::GET, &format!("{own}/devices?stage=waiting,failed"), None).await.body;
    assert_eq!((&members["total"], &members["items"][0]["device_id"]), (&json!(1), &json!(device_id)), "{members}");
    assert_eq!(members["items"][0]["update"]["version"], "18.7.2");
    let none = house.ask(Role::Viewer, Method::GET, &format!("{own}/devices?stage=done"), None).await.body;
    assert_eq!((&none["total"], &none["items"]), (&json!(0), &json!([])));
    let burn = house.ask(Role::Viewer, Method::GET, &format!("{own}/burn-down"), None).await.body;
    assert_eq!(burn[0]["left"], 1, "{burn}");
    let list = house.ask(Role::Viewer, Method::GET, PLANS, None).await.body;
    assert_eq!((&list["total"], &list["items"][0]["name"]), (&json!(1), &json!("Autumn")));
    let changed = house.ask(Role::Admin, Method::PATCH, &own, Some(json!({ "name": "Winter", "revision": 1 }))).await;
    assert_eq!((changed.status, &changed.body["revision"]), (StatusCode::OK, &json!(2)), "{}", changed.body);
    let stale = house.ask(Role::Admin, Method::PATCH, &own, Some(json!({ "name": "Spring", "revision": 1 }))).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &own, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Viewer, Method::GET, &own, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_preview_says_how_many_by_which_mechanism_and_changes_nothing() {
    let house = House::new();
    let device_id = house.with_a_release().await;
    let seen = house.ask(Role::Viewer, Method::POST, "/api/v1/updates/preview", Some(json!({ "rules": rules() }))).await;
    assert_eq!((seen.status, &seen.body["counts"]), (StatusCode::OK, &json!({ "declaration": 1 })), "{}", seen.body);
    let device = &seen.body["devices"][0];
    assert_eq!((&device["device_id"], &device["version"], &device["ring"]), (&json!(device_id), &json!("18.7.2"), &json!(0)));
    let warnings = seen.body["warnings"].to_string();
    assert!(warnings.contains("“Everybody” has no group"), "{warnings}");
    assert!(warnings.contains("The deadline of “Pilot” has passed"), "the release was posted weeks ago: {warnings}");
    assert_eq!(house.ask(Role::Viewer, Method::GET, PLANS, None).await.body["total"], 0);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_roles_hold() {
    let house = House::new();
    house.with_a_release().await;
    for (change, field) in [
        (json!({ "target": { "kind": "release", "platform": "iOS", "version": "soon" } }), "target"),
        (json!({ "rings": [] }), "rings"),
        (json!({ "deadline": { "kind": "at", "at": "2026-01-01T08:01:00" } }), "deadline"),
        (json!({ "quiet": [{ "weekdays": [7], "from": 0, "to": 10 }] }), "quiet"),
        (json!({ "details_url": "javascript:alert(1)" }), "details_url"),
    ] {
        let mut wrong = rules();
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = house.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "x", "rules": wrong }))).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", refused.body);
    }
    let mut unknown = rules();
    unknown["surprise"] = json!(1);
    let refused = house.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "x", "rules": unknown }))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let mut zoned = rules();
    zoned["starts"] = json!("2026-01-01T08:00:00Z");
    let refused = house.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "x", "rules": zoned }))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "a deadline is the device's own time");
    for role in [Role::Viewer, Role::Helper] {
        let refused = house.ask(role, Method::POST, PLANS, Some(json!({ "name": "x", "rules": rules() }))).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let odd = house.ask(Role::Viewer, Method::GET, &format!("{PLANS}/x/devices?stage=soon"), None).await;
    assert_eq!((odd.status, &odd.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("stage")));
    let days = house.ask(Role::Viewer, Method::GET, "/api/v1/updates/versions?days=401", None).await;
    assert_eq!(days.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_plan_stops_goes_on_and_leaves_a_device_alone() {
    let house = House::new();
    let device_id = house.with_a_release().await;
    let made = house.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "Autumn", "rules": rules() }))).await;
    let own = format!("{PLANS}/{}", made.body["id"].as_str().unwrap());
    let stopped = house.ask(Role::Admin, Method::PUT, &format!("{own}/stop"), Some(json!({ "because": "Wi-Fi is down" }))).await;
    assert_eq!(stopped.body["stopped_because"], "Wi-Fi is down", "{}", stopped.body);
    let on = house.ask(Role::Admin, Method::DELETE, &format!("{own}/stop"), None).await;
    assert_eq!(on.body["stopped_at"], Value::Null);
    let exception = format!("{own}/exceptions/{device_id}");
    let said = house.ask(Role::Admin, Method::PUT, &exception, Some(json!({ "reason": "Exam on it" }))).await;
    assert_eq!((said.status, &said.body["reason"]), (StatusCode::OK, &json!("Exam on it")), "{}", said.body);
    let serial = house.serial_of(&device_id).await;
    let by_serial =
        house.ask(Role::Admin, Method::PUT, &format!("{own}/exceptions/{serial}"), Some(json!({ "reason": "Exam on it" }))).await;
    assert_eq!((by_serial.status, &by_serial.body["device_id"]), (StatusCode::OK, &json!(device_id)), "{}", by_serial.body);
    let past = json!({ "reason": "x", "ends_at": "2020-01-01T00:00:00Z" });
    assert_eq!(house.ask(Role::Admin, Method::PUT, &exception, Some(past)).await.body["errors"][0]["field"], "ends_at");
    house.plan_now().await;
    let shown = house.ask(Role::Viewer, Method::GET, &own, None).await.body;
    assert_eq!((&shown["progress"]["stages"], &shown["exceptions"][0]["device_id"]), (&json!({ "excepted": 1 }), &json!(device_id)));
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &exception, None).await.status, StatusCode::NO_CONTENT);
    let nobody = house.ask(Role::Admin, Method::PUT, &format!("{own}/exceptions/nobody"), Some(json!({ "reason": "x" }))).await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_device_tells_what_it_can_have_and_is_told_to_bring_it_once() {
    let house = House::new();
    let device_id = house.with_a_release().await;
    let own = format!("/api/v1/devices/{device_id}/updates");
    let shown = house.ask(Role::Viewer, Method::GET, &own, None).await.body;
    assert_eq!((&shown["candidates"][0]["version"], &shown["candidates"][0]["step"]), (&json!("18.7.2"), &json!("minor")), "{shown}");
    let conditions = shown["conditions"].to_string();
    assert!(conditions.contains("battery") && conditions.contains("2.5 GB"), "{conditions}");
    let order = json!({ "action": "install" });
    assert_eq!(house.ask(Role::Viewer, Method::POST, &own, Some(order.clone())).await.status, StatusCode::FORBIDDEN);
    let begun = house.ask(Role::Helper, Method::POST, &own, Some(order.clone())).await;
    assert_eq!(
        (begun.status, &begun.body["begun"], &begun.body["update"]["mechanism"]),
        (StatusCode::OK, &json!(true), &json!("declaration"))
    );
    let again = house.ask(Role::Helper, Method::POST, &own, Some(order)).await;
    assert_eq!(again.body["begun"], false, "{}", again.body);
    let wrong = house.ask(Role::Helper, Method::POST, &own, Some(json!({ "action": "install", "version": "27.9" }))).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("version")), "{}", wrong.body);
    assert_eq!(house.ask(Role::Helper, Method::POST, &format!("{own}/again"), Some(json!({}))).await.status, StatusCode::CONFLICT);
    assert_eq!(house.ask(Role::Helper, Method::DELETE, &own, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Helper, Method::DELETE, &own, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn models_tell_what_apple_offers_them() {
    let house = House::new();
    house.with_a_release().await;
    let models = house.ask(Role::Viewer, Method::GET, "/api/v1/updates/models", None).await.body;
    assert_eq!((&models[0]["platform"], &models[0]["releases"][0]["version"]), (&json!("iOS"), &json!("18.7.2")), "{models}");
    let model = &models[0]["models"][0];
    assert_eq!((&model["listed_as"], &model["devices"], &model["offered"]), (&json!("iPad13,18"), &json!(1), &json!(["18.7.2"])));
    assert_eq!((&model["runs"], &model["up_to_date"]), (&json!({ "18.1": 1 }), &json!(0)));
}

#[tokio::test]
async fn a_preview_refuses_what_saving_does_and_says_what_apple_does_not_list() {
    let house = House::new();
    house.with_a_release().await;
    let see = async |change: Value| {
        let mut draft = rules();
        draft.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        house.ask(Role::Admin, Method::POST, "/api/v1/updates/preview", Some(json!({ "rules": draft }))).await
    };
    let past = see(json!({ "deadline": { "kind": "at", "at": "2026-10-01T16:00:00" } })).await;
    assert_eq!((past.status, &past.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("deadline")), "{}", past.body);
    let warned = |body: &Value| body["warnings"].to_string().contains("no release of generation");
    assert!(warned(&see(json!({ "target": { "kind": "newest_of_major", "major": 99 } })).await.body));
    assert!(!warned(&see(json!({ "target": { "kind": "newest_of_major", "major": 18 } })).await.body));
}

#[tokio::test]
async fn saving_a_target_that_apple_does_not_list_is_answered_with_a_warning() {
    let house = House::new();
    house.with_a_release().await;
    let made = house.ask(Role::Admin, Method::POST, PLANS, Some(json!({ "name": "Autumn", "rules": rules() }))).await;
    assert_eq!((made.status, &made.body["warnings"]), (StatusCode::CREATED, &json!([])), "{}", made.body);
    let own = format!("{PLANS}/{}", made.body["id"].as_str().unwrap());
    let mut changed = rules();
    changed["target"] = json!({ "kind": "release", "platform": "iOS", "version": "18.2.1" });
    let saved = house.ask(Role::Admin, Method::PATCH, &own, Some(json!({ "rules": changed }))).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    for body in [saved.body, house.ask(Role::Viewer, Method::GET, PLANS, None).await.body["items"][0].clone()] {
        assert!(body["warnings"][0].as_str().unwrap().starts_with("Apple’s list has no iOS 18.2.1."), "{body}");
    }
}
