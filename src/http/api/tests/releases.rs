//! Apple's list of releases and Apple's roots through the API.

use super::*;
use crate::clock::{Clock, Timestamp};

const LIST: &str = "/api/v1/releases";
const IMPORT: &str = "/api/v1/releases/import";

impl House {
    /// Sends a file as a script does.
    async fn bring_file(&self, role: Role, path: &str, file: impl Into<Vec<u8>>) -> Reply {
        let token = self.kit.token(role).await;
        let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
        self.send(Listener::Main, request.body(Body::from(file.into())).unwrap()).await
    }

    async fn releases(&self, query: &str) -> Vec<(String, String)> {
        let reply = self.ask(Role::Viewer, Method::GET, &format!("{LIST}{query}"), None).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
        reply.body["items"].as_array().unwrap().iter().map(|item| (text(item, "platform"), text(item, "version"))).collect()
    }

    /// Sets the clock, back too.
    fn at(&self, moment: &str) {
        let Clock::Manual(millis) = &self.app.clock else { panic!("the clock is the machine's") };
        millis.store(Timestamp::parse(moment).unwrap().millis(), std::sync::atomic::Ordering::SeqCst);
    }
}

pub(super) fn document() -> Value {
    let entry = |version: &str, expires: Value, devices: &[&str]| json!({ "ProductVersion": version, "Build": format!("B{version}"), "PostingDate": "2026-09-02", "ExpirationDate": expires, "SupportedDevices": devices });
    json!({
        "PublicAssetSets": { "iOS": [entry("26.1", json!("2026-12-01"), &["iPad13,18"])], "macOS": [entry("26.1", Value::Null, &[])] },
        "AssetSets": { "iOS": [entry("26.1", json!("2026-12-20"), &["iPhone14,2"]), entry("18.7.2", json!("2026-11-01"), &["iPad7,11"])], "fridgeOS": [{ "ProductVersion": "x" }] },
        "PublicBackgroundSecurityImprovements": { "iOS": [
            { "ProductVersion": "26.1", "ProductVersionExtra": "(a)", "PrerequisiteBuild": "23B85", "Build": "23B5771", "SupportedDevices": ["iPad13,18"] }] },
    })
}

#[tokio::test]
async fn a_list_is_brought_by_those_who_may_and_seen_by_those_who_look() {
    let house = House::new();
    let file = document().to_string();
    for role in [Role::Helper, Role::Viewer] {
        assert_eq!(house.bring_file(role, IMPORT, file.clone()).await.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    assert_eq!(house.releases("").await, []);
    let taken = house.bring_file(Role::Admin, IMPORT, file).await;
    assert_eq!((taken.status, &taken.body["appeared"], &taken.body["listed"]), (StatusCode::OK, &json!(4), &json!(4)), "{}", taken.body);
    assert!(taken.body["passed_over"][0].as_str().unwrap().contains("fridgeOS"), "{}", taken.body);
    let reply = house.ask(Role::Viewer, Method::GET, &format!("{LIST}?limit=2&platform=ios"), None).await.body;
    let (improvement, widest) = (&reply["items"][0], &reply["items"][1]);
    assert_eq!(
        (&improvement["extra"], &improvement["prerequisite"], &improvement["expires"]),
        (&json!("a"), &json!("23B85"), &Value::Null)
    );
    assert_eq!(
        (&widest["expires"], &widest["posted"], &widest["devices"], &widest["lists"], &widest["is_signed"]),
        (&json!("2026-12-20"), &json!("2026-09-02"), &json!(2), &json!(["managed", "public"]), &json!(true))
    );
    assert_eq!(reply["total"], 3);
    let rest = house.releases(&format!("?limit=2&platform=ios&after={}", reply["next"].as_str().unwrap())).await;
    assert_eq!(rest, [("iOS".to_owned(), "18.7.2".to_owned())]);
    assert_eq!(house.releases("?state=expired").await, rest, "its last day is over");
    assert_eq!(house.releases("?state=current").await.len(), 3);
    assert_eq!(house.releases("?state=vanished").await, []);
    let wrong = house.ask(Role::Viewer, Method::GET, &format!("{LIST}?state=gone"), None).await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("state")), "{}", wrong.body);
}

#[tokio::test]
async fn the_state_says_how_old_the_list_is_and_what_went_wrong() {
    let house = House::new();
    let state = || house.ask(Role::Viewer, Method::GET, "/api/v1/releases/state", None);
    let empty = state().await.body;
    assert_eq!(
        (&empty["fetched_at"], &empty["age_s"], &empty["listed"], &empty["is_stale"]),
        (&Value::Null, &Value::Null, &json!(0), &json!(false))
    );
    house.bring_file(Role::Owner, IMPORT, document().to_string()).await;
    house.app.clock.advance(Duration::from_secs(8 * 86_400));
    crate::jobs::run_due(&house.app).await.unwrap();
    let failed = state().await.body;
    assert_eq!(
        (&failed["age_s"], &failed["source"], &failed["is_stale"], &failed["failures"]),
        (&json!(8 * 86_400), &json!("file"), &json!(true), &json!(1))
    );
    assert!(failed["problem"].as_str().unwrap().contains("Apple Root CA") && failed["next_at"].is_string(), "{failed}");
    assert_eq!(failed["listed"], 4, "the last list stays");
}

#[tokio::test]
async fn what_is_no_list_is_refused_with_what_is_wrong_and_changes_nothing() {
    let house = House::new();
    house.bring_file(Role::Owner, IMPORT, document().to_string()).await;
    let before = house.releases("").await;
    for (file, words) in [
        ("", "is empty"),
        ("<html>", "web page"),
        ("[]", "no list of releases"),
        ("{\"AssetSets\": {\"iOS\": []}}", "nothing that can be read"),
        ("{\n\"AssetSets\": oh }", "line 2, column 14"),
    ] {
        let refused = house.bring_file(Role::Owner, IMPORT, file).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("file")), "{file}");
        assert!(refused.body["errors"][0]["message"].as_str().unwrap().contains(words), "{file}: {}", refused.body);
    }
    let large = house.bring_file(Role::Owner, IMPORT, vec![b' '; crate::protocol::lookup::MAX_BYTES + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(house.releases("").await, before);
}

#[tokio::test]
async fn the_sample_of_apples_chapter_is_refused_at_its_line_and_taken_when_mended_with_expiry_by_the_clock() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let chapter = std::fs::read_to_string(shared.join("managed-apps-and-updates.txt")).unwrap();
    let from = chapter[..chapter.find("\"PublicAssetSets\": {").unwrap()].rfind('{').unwrap();
    let sample = chapter[from..].split("```").next().unwrap();
    let house = House::new();
    house.at("2017-12-15T12:00:00Z");
    let refused = house.bring_file(Role::Owner, IMPORT, sample).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body["detail"].as_str().unwrap().contains("line 5"), "{}", refused.body);
    let taken = house.bring_file(Role::Owner, IMPORT, sample.replace(['\u{201c}', '\u{201d}'], "\"")).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
    let (all, current) = (house.releases("").await, house.releases("?state=current").await);
    assert!(!current.is_empty(), "{all:?}");
    house.at("2018-06-01T12:00:00Z");
    assert_eq!(house.releases("?state=current").await, [], "Apple signs none of them any more");
    assert_eq!(house.releases("?state=expired").await, all);
}

#[tokio::test]
async fn apples_roots_are_told_and_another_certificate_is_refused_by_name() {
    let house = House::new();
    let roots = house.ask(Role::Viewer, Method::GET, "/api/v1/roots", None).await.body;
    let root = &roots["items"][0];
    assert_eq!((&root["name"], &root["present"], &root["source"]), (&json!("Apple Root CA"), &json!(false), &Value::Null));
    assert!(root["fingerprint"].as_str().unwrap().starts_with("b0b1730e"), "{roots}");
    let other = crate::pki::issue::root("Somebody's Root", house.app.now()).unwrap().certificate().to_pem();
    assert_eq!(house.bring_file(Role::Helper, "/api/v1/roots", other.clone()).await.status, StatusCode::FORBIDDEN);
    let refused = house.bring_file(Role::Owner, "/api/v1/roots", other).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("file")));
    assert!(refused.body["detail"].as_str().unwrap().contains("“Somebody's Root”"), "{}", refused.body);
    let large = house.bring_file(Role::Owner, "/api/v1/roots", vec![b' '; crate::apple::software_lookup::ROOT_MAX_BYTES + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let Some(shared) = crate::shared_for_tests() else { return };
    let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
    let added = house.bring_file(Role::Admin, "/api/v1/roots", chain).await;
    assert_eq!((added.status, &added.body["items"][0]["source"]), (StatusCode::OK, &json!("file")), "{}", added.body);
}

#[tokio::test]
async fn an_older_list_takes_the_place_of_a_newer_one_only_where_that_is_meant() {
    let house = House::new();
    let posted = |version: &str, day: &str| {
        let entry =
            json!({ "ProductVersion": version, "Build": format!("B{version}"), "PostingDate": day, "SupportedDevices": ["iPad13,18"] });
        json!({ "AssetSets": { "iOS": [entry] } }).to_string()
    };
    assert_eq!(house.bring_file(Role::Admin, IMPORT, posted("26.1", "2026-11-03")).await.status, StatusCode::OK);
    let refused = house.bring_file(Role::Admin, IMPORT, posted("26.0", "2026-09-02")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert!(refused.body.to_string().contains("2 Sep 2026") && refused.body.to_string().contains("3 Nov 2026"), "{}", refused.body);
    assert_eq!(house.releases("?state=current").await, [("iOS".to_owned(), "26.1".to_owned())]);
    let taken = house.bring_file(Role::Admin, &format!("{IMPORT}?older=true"), posted("26.0", "2026-09-02")).await;
    assert_eq!((taken.status, &taken.body["vanished"]), (StatusCode::OK, &json!(1)), "{}", taken.body);
    let state = house.ask(Role::Viewer, Method::GET, "/api/v1/releases/state", None).await.body;
    assert_eq!((&state["newest_posted"], &state["is_stale"]), (&json!("2026-09-02"), &json!(true)), "{state}");
}

#[tokio::test]
async fn a_list_that_lacks_most_takes_the_place_of_a_whole_one_only_where_that_is_meant() {
    let house = House::new();
    let list = |count: usize| {
        let entry = |minor: usize| json!({ "ProductVersion": format!("26.{minor}"), "PostingDate": "2026-11-03", "SupportedDevices": ["iPad13,18"] });
        json!({ "AssetSets": { "iOS": (0..count).map(entry).collect::<Vec<_>>() } }).to_string()
    };
    assert_eq!(house.bring_file(Role::Admin, IMPORT, list(41)).await.status, StatusCode::OK);
    for address in [IMPORT.to_owned(), format!("{IMPORT}?older=true")] {
        let refused = house.bring_file(Role::Admin, &address, list(1)).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
        assert!(refused.body.to_string().contains("40 of the 41 releases that Apple still signs"), "{}", refused.body);
    }
    let taken = house.bring_file(Role::Admin, &format!("{IMPORT}?fewer=true"), list(1)).await;
    assert_eq!((taken.status, &taken.body["vanished"]), (StatusCode::OK, &json!(40)), "{}", taken.body);
}
