//! Recorded requests of NanoMDM's tools against our doors: the same statuses and JSON, but for differences that have a reason.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::app::{Authority, Parts};
use crate::apple::apns::{Apns, ApnsConfig};
use crate::apple::connect::{Connector, Endpoint, Trust};
use crate::clock::Timestamp;
use crate::http::api::Streams;
use crate::http::auth::tests::{Kit, peer};
use crate::http::doors;
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::random::Random;
use crate::sim::apple::apns::{Act, ApnsStandIn, Refusal};
use crate::store::enrollments::SealedColumn;
use crate::store::{Tx, enrollments, push_certificates};
use crate::testing::Recorded;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
const DEVICE_1: &str = "28EE59A3-AD9B-4771-8B47-F574C4EB4C1D";
const DEVICE_2: &str = "32C0E6C8-57A1-450B-9A65-A0FE8E0CB548";
const NOBODY: &str = "00000000-0000-4000-8000-00000000DEAD";
/// What the tools of the recordings send.
const RECORDED_LOGIN: &str = "Basic bmFub21kbTpwcmFjdGljZS1hcGkta2V5";

/// An appliance with a token for tools, and a push service that is not Apple's.
struct House {
    app: App,
    door: Router,
    login: String,
    apple: ApnsStandIn,
}

impl House {
    async fn new(role: Role) -> Self {
        let base = App::for_tests();
        let apple = ApnsStandIn::start(base.clock.clone(), Random::seeded(3)).await.unwrap();
        let connector = Connector::new(Trust::only(&apple.trust_anchor_pem()).unwrap(), base.clock.clone());
        let endpoint = Endpoint::new("127.0.0.1", apple.address().port());
        let app = pushing_to(&base, Apns::new(ApnsConfig { endpoint, ..ApnsConfig::new(connector) }));
        let token = Kit::on(app.store.clone(), app.clock.clone()).token(role).await;
        let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
        Self { app, door, login: format!("Basic {}", STANDARD.encode(format!("nanomdm:{token}"))), apple }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let (parts, body) = self.door.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header("authorization", &self.login).body(body.into()).unwrap();
        let (status, _, body) = self.send(request).await;
        (status, body)
    }

    /// Sends a recorded request, with a token of ours in place of the recorded one.
    async fn replay(&self, path: &Path) -> (StatusCode, HeaderMap, String) {
        let recorded = Recorded::read(path);
        let mut words = recorded.first_line.split(' ');
        let mut request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
        if let Some(login) = recorded.header("authorization") {
            request = request.header("authorization", if login == RECORDED_LOGIN { &self.login } else { login });
        }
        self.send(request.body(Body::from(recorded.body)).unwrap()).await
    }

    /// Renews the topic's certificate with one of the stand-in's own making, which is all that it knows.
    async fn reach_the_stand_in(&self) {
        let identity = self.apple.issue_push_identity(TOPIC).unwrap();
        self.app
            .store
            .write(self.app.now(), move |tx| {
                let known = push_certificates::by_topic(tx, TOPIC)?.unwrap();
                let row = PushCertificate { certificate: identity.certificate.der().to_vec(), ..known };
                push_certificates::put(tx, &row, identity.key.pkcs8_der().expose())
            })
            .await
            .unwrap();
    }
}

/// The same appliance with another push service.
fn pushing_to(base: &App, apns: Apns) -> App {
    App::new(Parts {
        config: base.config.clone(),
        public_url: base.public_url.clone(),
        store: base.store.clone(),
        clock: base.clock.clone(),
        random: base.random.clone(),
        connector: base.connector.clone(),
        apns: Arc::new(apns),
        apps_and_books: base.apps_and_books.clone(),
        ade: base.ade.clone(),
        software_lookup: base.software_lookup.clone(),
        webhook: base.webhook.clone(),
        object_stores: base.object_stores.clone(),
        certificate_authorities: base.certificate_authorities.clone(),
        mailer: base.mailer.clone(),
        roots: Authority { id: "test".into(), issuer: crate::pki::issue::root("Test", base.now()).unwrap(), bridge: None }.into(),
        imported: Vec::new(),
    })
}

/// JSON without what cannot be equal: ids of pushes, our version, and sentences, which say in our words what went wrong.
fn comparable(body: &str) -> Value {
    fn blur(value: &mut Value) {
        let Value::Object(map) = value else { return };
        for (key, value) in map.iter_mut() {
            let is_shared = value.as_str().is_some_and(|text| {
                text == "push data missing for id" || text == "must enqueue or push" || text.starts_with("push HTTP status: 410")
            });
            match key.as_str() {
                "push_result" | "version" => *value = json!("…"),
                "error" | "push_error" | "command_error" if !is_shared => *value = json!("…"),
                _ => blur(value),
            }
        }
    }
    let mut value = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
    blur(&mut value);
    value
}

/// Where we answer otherwise, and why.
fn difference(number: &str, (status, mut body): (u16, Value)) -> (u16, Value) {
    match number {
        // NanoMDM on files takes commands for anybody; for someone we do not know, nobody would ever fetch one: the status is the same, and a
        // sentence says so.
        "20" | "21" => {
            body["status"] = json!({ NOBODY: { "command_error": "…" } });
            (status, body)
        }
        "25" => {
            body["status"] = json!({ "c17.plist": { "command_error": "…" } });
            (status, body)
        }
        "22" => {
            body["command_error"] = json!("…");
            (status, body)
        }
        "54" => {
            body["status"][NOBODY]["command_error"] = json!("…");
            (status, body)
        }
        // The id of a push that Apple refused names nothing that exists.
        "51" | "52" | "55" => {
            body["status"][DEVICE_2].as_object_mut().unwrap().remove("push_result");
            (status, body)
        }
        _ => (status, body),
    }
}

/// Requests whose refusal is a line of text: "Bad Request" does not say what to mend, ours does.
const IN_OUR_WORDS: [&str; 2] = ["36", "37"];

#[tokio::test]
async fn recorded_tools_get_the_answers_that_they_got() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let conversations = shared.join("captures/conversations");
    let requests = |folder: &str| {
        let mut paths: Vec<_> = std::fs::read_dir(conversations.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.to_string_lossy().ends_with(".request.http"));
        paths.sort();
        paths
    };
    let house = House::new(Role::Admin).await;
    for path in requests("nano2nano") {
        assert_eq!(house.replay(&path).await.0, StatusCode::OK, "{}", path.display());
    }
    // The recorded token of device 2 is that of no device at all, which our stand-in tells from one that is gone.
    let device = house.app.store.read(house.app.now(), |tx| enrollments::by_nano_id(tx, DEVICE_2)).await.unwrap().unwrap();
    let set = move |tx: &Tx| enrollments::set_secret(tx, &device.id, SealedColumn::PushToken, Some(&[0x22; 32]));
    house.app.store.write(house.app.now(), set).await.unwrap();
    let gone = Refusal::unregistered(Timestamp::from_millis(1_795_574_653_000));
    house.apple.script().for_token(&"22".repeat(32), Act::Refuse(gone));
    let (mut compared, mut faults) = (0, Vec::new());
    for path in requests("nanomdm-api") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("49") {
            house.reach_the_stand_in().await;
        }
        let recorded = Recorded::read(Path::new(&path.to_string_lossy().replace(".request.http", ".response.http")));
        let theirs = (recorded.status(), comparable(std::str::from_utf8(&recorded.body).unwrap()));
        let (status, headers, body) = house.replay(&path).await;
        let expected = difference(&name[..2], theirs);
        let mut ours = (status.as_u16(), comparable(&body));
        if IN_OUR_WORDS.contains(&&name[..2]) {
            ours.1 = expected.1.clone();
        }
        if ours != expected {
            faults.push(format!("{name}: {ours:?}, not {expected:?}: {body}"));
        }
        for header in ["content-type", "www-authenticate"] {
            let ours = headers.get(header).map(|value| value.to_str().unwrap());
            if ours != recorded.header(header) {
                faults.push(format!("{name}: {header} {ours:?}, not {:?}", recorded.header(header)));
            }
        }
        compared += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(compared, 59);
}

fn check_in(message_type: &str, udid: &str, keys: &str) -> String {
    format!(
        "<plist><dict><key>MessageType</key><string>{message_type}</string><key>UDID</key><string>{udid}</string>{keys}\
         <key>Topic</key><string>{TOPIC}</string></dict></plist>"
    )
}

fn command(uuid: &str, request_type: &str) -> String {
    format!(
        "<plist><dict><key>CommandUUID</key><string>{uuid}</string>\
         <key>Command</key><dict><key>RequestType</key><string>{request_type}</string></dict></dict></plist>"
    )
}

const TOKENS: &str = "<key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>";

#[tokio::test]
async fn a_moved_in_enrollment_waits_for_its_device_and_its_users_follow_it() {
    let house = House::new(Role::Admin).await;
    let user = format!("{TOKENS}<key>UserID</key><string>U-1</string>");
    assert_eq!(house.ask("PUT", "/migration", check_in("TokenUpdate", "A-1", &user)).await.0, StatusCode::BAD_REQUEST, "before its device");
    let known = "<key>SerialNumber</key><string>TESTSN0001</string><key>ProductName</key><string>Mac16,1</string>";
    for _ in 0..2 {
        // Sent twice, as when a migration is begun again.
        for message in
            [check_in("Authenticate", "A-1", known), check_in("TokenUpdate", "A-1", TOKENS), check_in("TokenUpdate", "A-1", &user)]
        {
            assert_eq!(house.ask("PUT", "/migration", message).await.0, StatusCode::OK);
        }
    }
    assert_eq!(house.ask("PUT", "/migration", check_in("CheckOut", "A-1", "")).await.0, StatusCode::BAD_REQUEST);
    let found = house.app.store.read(house.app.now(), |tx| enrollments::by_nano_id(tx, "A-1:U-1")).await.unwrap().unwrap();
    let device = house.app.store.read(house.app.now(), |tx| enrollments::by_nano_id(tx, "A-1")).await.unwrap().unwrap();
    assert_eq!((found.parent_id.as_deref(), &found.device_id), (Some(device.id.as_str()), &device.device_id));
    assert_eq!((device.state, device.token_update_tally), (enrollments::EnrollmentState::Enrolled, 1));
    assert_eq!(device.push_due_at, None, "it may listen to the other server still");
}

#[tokio::test]
async fn a_push_certificate_of_another_topic_is_added_and_replaces_none() {
    let house = House::new(Role::Admin).await;
    let second = "com.apple.mgmt.External.second";
    for topic in [TOPIC, second] {
        let identity = house.apple.issue_push_identity(topic).unwrap();
        let pem = format!("{}{}", identity.certificate.to_pem(), identity.key.to_pem().expose());
        assert_eq!(house.ask("PUT", "/v1/pushcert", pem).await.0, StatusCode::OK);
    }
    let all = house.app.store.read(house.app.now(), push_certificates::all).await.unwrap();
    assert_eq!(all.iter().map(|row| (row.topic.as_str(), row.current)).collect::<Vec<_>>(), [(TOPIC, true), (second, false)]);
}

#[tokio::test]
async fn a_tool_may_do_what_its_tokens_role_may() {
    let house = House::new(Role::Viewer).await;
    let path = format!("/v1/enqueue/{DEVICE_1}?nopush=1");
    let (status, body) = house.ask("PUT", &path, command("C-1", "ProfileList")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(serde_json::from_str::<Value>(&body).unwrap()["error"].is_string(), "{body}");
    assert_eq!(house.ask("GET", &format!("/v1/push/{DEVICE_1}"), "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(house.ask("PUT", "/migration", check_in("Authenticate", "A-1", "")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(house.ask("PUT", "/v1/pushcert", "no certificate").await.0, StatusCode::FORBIDDEN, "before anything is read");

    let house = House::new(Role::Helper).await;
    let message = crate::protocol::checkin::parse(check_in("TokenUpdate", DEVICE_1, TOKENS).as_bytes()).unwrap();
    house.app.store.write(house.app.now(), move |tx| checkin::move_in(tx, &Actor::Console, &message)).await.unwrap();
    assert_eq!(house.ask("PUT", &path, command("C-1", "ProfileList")).await.0, StatusCode::OK);
    for request_type in ["EraseDevice", "RemoveProfile", "InstallProfile", "InstallApplication", "Settings", "MakeCoffee"] {
        assert_eq!(house.ask("PUT", &path, command("C-2", request_type)).await.0, StatusCode::FORBIDDEN, "{request_type}");
    }
}

#[tokio::test]
async fn known_commands_are_checked_and_unknown_ones_let_through() {
    let house = House::new(Role::Admin).await;
    let message = crate::protocol::checkin::parse(check_in("TokenUpdate", DEVICE_1, TOKENS).as_bytes()).unwrap();
    house.app.store.write(house.app.now(), move |tx| checkin::move_in(tx, &Actor::Console, &message)).await.unwrap();
    let path = format!("/v1/enqueue/{DEVICE_1}?nopush=1");
    let keys = |uuid: &str, request_type: &str, keys: &str| {
        command(uuid, request_type).replace("</string></dict></dict>", &format!("</string>{keys}</dict></dict>"))
    };
    for (request_type, wrong, named) in [
        ("InstallProfile", "<key>Payload</key><string>x</string>", "Command.Payload"),
        ("DeviceInformation", "<key>Queries</key><string>UDID</string>", "Command.Queries"),
        ("DeviceInformation", "<key>Queries</key><array><string>Nonsense</string></array>", "Command.Queries[0]"),
        ("InstallProfile", "<key>Payload</key><data>AQID</data>", "Command.Payload"),
    ] {
        let (status, body) = house.ask("PUT", &path, keys("C-1", request_type, wrong)).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{request_type} {body}");
        assert!(body["command_error"].as_str().unwrap().contains(named), "{body}");
    }
    for (uuid, request_type, unknown) in [
        ("C-1", "PracticeUnknownCommand", "<key>Any</key><true/>"),
        ("C-2", "SecurityInfo", "<key>Newer</key><true/>"),
        ("C-3", "DeviceInformation", ""),
    ] {
        assert_eq!(house.ask("PUT", &path, keys(uuid, request_type, unknown)).await.0, StatusCode::OK, "{request_type}");
    }
}

#[tokio::test]
async fn a_certificate_that_ends_sooner_is_taken_and_warned_of() {
    let house = House::new(Role::Admin).await;
    let put = async |ends_in_days: u64| {
        let identity = crate::pki::issue::root("Portal of a test", house.app.now()).unwrap();
        let key = crate::pki::key::PrivateKey::generate_rsa_2048().unwrap();
        let earlier = house.app.now().minus(std::time::Duration::from_secs((365 - ends_in_days) * 24 * 3600));
        let certificate = identity.practice_push(TOPIC, &key, earlier).unwrap();
        let pem = format!("{}{}", certificate.to_pem(), key.to_pem().expose());
        let (status, body) = house.ask("PUT", "/v1/pushcert", pem).await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let alerts = async || house.app.store.read(house.app.now(), crate::store::alerts::all).await.unwrap().len();
    assert!(put(300).await.1.get("warning").is_none());
    let (status, body) = put(3).await;
    assert_eq!((status, alerts().await), (StatusCode::OK, 1), "{body}");
    assert!(body["warning"].as_str().is_some_and(|words| words.contains("earlier than the one before it")), "{body}");
    assert!(put(300).await.1.get("warning").is_none());
    assert_eq!(alerts().await, 0);
}

#[tokio::test]
async fn so_many_ids_and_no_more() {
    let house = House::new(Role::Admin).await;
    let path = |count: usize| format!("/v1/push/{}", (0..count).map(|id| format!("A-{id}")).collect::<Vec<_>>().join(","));
    assert_eq!(house.ask("GET", &path(nano::IDS_MAX), "").await.0, StatusCode::INTERNAL_SERVER_ERROR, "all of them are unknown");
    assert_eq!(house.ask("GET", &path(nano::IDS_MAX + 1), "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_command_uuid_has_a_bound() {
    let house = House::new(Role::Admin).await;
    let message = crate::protocol::checkin::parse(check_in("TokenUpdate", DEVICE_1, TOKENS).as_bytes()).unwrap();
    house.app.store.write(house.app.now(), move |tx| checkin::move_in(tx, &Actor::Console, &message)).await.unwrap();
    let path = format!("/v1/enqueue/{DEVICE_1}?nopush=1");
    let longest = "C".repeat(crate::protocol::ids::MAX_ID_BYTES);
    assert_eq!(house.ask("PUT", &path, command(&longest, "ProfileList")).await.0, StatusCode::OK);
    assert_eq!(house.ask("PUT", &path, command(&format!("{longest}C"), "ProfileList")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}
