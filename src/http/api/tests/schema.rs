//! The API's description against what it answers: a client made from it must be able to read every answer.

mod states;

use states::{asked, genuine, returned, shared};

use super::commands::UDID;
use super::*;
use crate::clock::Timestamp;
use crate::mdm::ca::roots;
use crate::mdm::{Actor, assignments, push_certificates};
use crate::mdm::{groups as groups_room, people as people_room};
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::PushCertificate as Pair;
use crate::protocol::app_config;
use crate::store::app_schemas::{self, AppSchema};
use crate::store::arrivals;
use crate::store::assignments::AssignedKind;
use crate::store::authorities::AuthorityState;
use crate::store::focuses::{self, Focus, FocusKind};
use crate::store::outcomes;

/// Finds where `value` is not what `schema` says, as far as this API's description goes: types, words, required and unknown keys, moments.
struct Judge<'a> {
    document: &'a Value,
    faults: Vec<String>,
}

impl<'a> Judge<'a> {
    fn new(document: &'a Value) -> Self {
        Self { document, faults: Vec::new() }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.resolved(self.document.pointer(reference.trim_start_matches('#')).unwrap()),
            None => schema,
        }
    }

    fn fits(&self, schema: &'a Value, value: &Value) -> bool {
        let mut judge = Judge::new(self.document);
        judge.check(schema, value, "");
        judge.faults.is_empty()
    }

    fn check(&mut self, schema: &'a Value, value: &Value, at: &str) {
        let schema = self.resolved(schema);
        for several in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[several].as_array() {
                if !choices.iter().any(|choice| self.fits(choice, value)) {
                    self.faults.push(format!("{at}: {value} is none of {choices:?}"));
                }
                return;
            }
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.is_empty() && !kinds.contains(&kind) {
            self.faults.push(format!("{at}: {value} is not of type {kinds:?}"));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            self.faults.push(format!("{at}: {value} is none of {words:?}"));
        }
        match value {
            Value::String(text) if schema["format"] == "date-time" && Timestamp::parse(text).is_none() => {
                self.faults.push(format!("{at}: {text} is no moment"));
            }
            Value::Array(items) if schema["items"].is_object() => {
                for item in items {
                    self.check(&schema["items"], item, &format!("{at}[]"));
                }
            }
            Value::Object(map) if schema["properties"].is_object() => self.object(schema, map, at),
            _ => {}
        }
    }

    fn object(&mut self, schema: &'a Value, map: &serde_json::Map<String, Value>, at: &str) {
        for (key, value) in map {
            match schema["properties"].get(key) {
                Some(property) => self.check(property, value, &format!("{at}.{key}")),
                None => self.faults.push(format!("{at}.{key} is not described")),
            }
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(key) {
                self.faults.push(format!("{at}.{key} is missing"));
            }
        }
    }
}

impl House {
    /// Gives an app the file of its maker.
    async fn with_schema(&self, app_id: &str) {
        let (target, content) = (app_id.to_owned(), app_config::tests::ATLAS.as_bytes().to_vec());
        let bring = move |tx: &crate::store::Tx| {
            app_schemas::put(tx, &target, &AppSchema { content, created_by: String::from("kim"), created_at: tx.now })
        };
        self.app.store.write(self.app.now(), bring).await.unwrap();
    }

    /// Something of everything; gives the ids that addresses want.
    async fn filled(&self) -> Vec<(&'static str, String)> {
        self.enrolled().await;
        let now = self.app.now();
        let made = async |path: &str, body: Value| {
            let reply = self.ask(Role::Owner, Method::POST, path, Some(body)).await;
            assert_eq!(reply.status, StatusCode::CREATED, "{path}: {}", reply.body);
            reply.body
        };
        let command = made("/api/v1/commands", json!({ "targets": [UDID], "request_type": "SecurityInfo" })).await;
        let invitation = made("/api/v1/invitations", json!({ "max_uses": 3 })).await;
        let policy =
            made("/api/v1/policies", json!({ "name": "Exam", "settings": { "no_camera": true, "open_in_pasteboard": true } })).await;
        let declaration = made(
            "/api/v1/declarations",
            json!({ "Type": "com.apple.configuration.management.test", "Identifier": "school.example.test", "Payload": { "Echo": "x" } }),
        )
        .await;
        let webhook = made("/api/v1/webhooks", json!({ "url": "http://127.0.0.1:1/" })).await["id"].as_str().unwrap().to_owned();
        let tried = self.ask(Role::Owner, Method::POST, &format!("/api/v1/webhooks/{webhook}/test"), None).await;
        assert_eq!(tried.status, StatusCode::OK, "{}", tried.body);
        self.app.store.write(self.app.now(), super::backups::listed).await.unwrap();
        self.app.store.write(self.app.now(), super::notices::listed).await.unwrap();
        let taken = self.ask(Role::Owner, Method::POST, "/api/v1/releases/import", Some(releases::document())).await;
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
        self.kit.add("kim", Role::Helper).await;
        self.kit.log_in("kim", PASSWORD).await.unwrap();
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let certificate = issue::root("Portal of a test", now).unwrap().practice_push("com.apple.mgmt.External.test", &key, now).unwrap();
        let pair = Pair::new(certificate, key, now).unwrap();
        let put = move |tx: &crate::store::Tx| push_certificates::put(tx, &Actor::Console, &pair, "it@example.school", false);
        self.app.store.write(now, put).await.unwrap();
        let authority = self.app.authority();
        let adopt = move |tx: &crate::store::Tx| roots::adopt(tx, AuthorityState::Current, &authority.issuer, None);
        assert!(self.app.store.write(now, adopt).await.unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let profile = self.deployed_profile().await;
        let app = self.assigned_app().await;
        let group =
            made("/api/v1/groups", json!({ "name": "Everything", "rule": { "any": ["everything", { "os": { "at_least": "17" } }] } }))
                .await;
        let person = made("/api/v1/people", json!({ "name": "Kim Example", "role": "student" })).await;
        let class = made("/api/v1/classes", json!({ "name": "7b" })).await;
        let (group, person, class) = (text(&group["id"]), text(&person["id"]), text(&class["id"]));
        let put = |path: String, body: Value| async move {
            assert!(self.ask(Role::Owner, Method::PUT, &path, Some(body)).await.status.is_success());
        };
        put(format!("/api/v1/classes/{class}/people/{person}"), json!({ "role": "student" })).await;
        put(format!("/api/v1/devices/{UDID}/person"), json!({ "person": person })).await;
        let to = group.clone();
        let assign =
            move |tx: &crate::store::Tx| assignments::assign(tx, &Actor::Console, (AssignedKind::Policy, "p1", "Quiet"), &to, None);
        self.app.store.write(now, assign).await.unwrap();
        let items = [(AssignedKind::Policy, text(&policy["id"])), (AssignedKind::Declaration, text(&declaration["items"][0]["id"]))];
        let shown = self.ask(Role::Owner, Method::GET, &format!("/api/v1/devices/{UDID}"), None).await.body;
        let (to, enrollment) = (group.clone(), text(&shown["enrollment_id"]));
        let fail = move |tx: &crate::store::Tx| {
            items.iter().try_for_each(|(kind, id)| {
                assignments::assign(tx, &Actor::Console, (*kind, id, "Exam"), &to, None)?;
                outcomes::tests::refused(tx, &enrollment, *kind, id)
            })
        };
        self.app.store.write(now, fail).await.unwrap();
        self.app.store.write(now, |tx| arrivals::put(tx, &asked(tx.now))).await.unwrap();
        self.app.store.write(now, genuine).await.unwrap();
        let (in_class, at) = (class.clone(), now);
        let begin = move |tx: &crate::store::Tx| {
            let focus = Focus {
                id: tx.new_id(),
                class_id: in_class,
                class_name: String::from("7b"),
                kind: FocusKind::App,
                items: vec![String::from("com.apple.mobilenotes")],
                started_by: String::from("kim (teacher)"),
                started_at: at,
                ends_at: at.plus(std::time::Duration::from_secs(3600)),
                ended_at: None,
                ended_by: String::new(),
            };
            let device = crate::store::enrollments::by_nano_id(tx, UDID)?.unwrap().device_id;
            focuses::insert(tx, &focus, &[device])?;
            Ok(focus.id)
        };
        let focus = self.app.store.write(now, begin).await.unwrap();
        let (package, of_app, provisioning, upload) = self.packages().await;
        self.with_schema(&of_app).await;
        let location = self.licensed(&person).await;
        let update_plan = self.begun_update_plan().await;
        let (server, bought, greeting) = self.bought().await;
        self.app.store.write(now, shared).await.unwrap();
        self.app.store.write(now, returned).await.unwrap();
        self.app.store.write(now, moved_in).await.unwrap();
        vec![
            ("/api/v1/ade/servers/{id}", server),
            ("/api/v1/ade/devices/{id}", bought),
            ("/api/v1/ade/profiles/{id}", greeting),
            ("/api/v1/apps/{id}/devices", app),
            ("/api/v1/content-tokens/{id}", location),
            ("/api/v1/packages/uploads/{id}", upload),
            ("/api/v1/packages/{id}", package),
            ("/api/v1/apps/{id}", self.asking_app(&of_app).await),
            ("/api/v1/provisioning-profiles/{id}", provisioning),
            ("/api/v1/groups/{id}", group),
            ("/api/v1/people/{id}", person),
            ("/api/v1/classes/{id}", class),
            ("/api/v1/focus/{id}", focus),
            ("/api/v1/webhooks/{id}", webhook),
            ("/api/v1/profiles/{id}", profile),
            ("/api/v1/admins/{id}", String::from("kim")),
            ("/api/v1/commands/{uuid}", text(&command["commands"][0]["uuid"])),
            ("/api/v1/declarations/{id}", text(&declaration["items"][0]["id"])),
            ("/api/v1/devices/{id}", UDID.to_owned()),
            ("/api/v1/enrollments/{id}", UDID.to_owned()),
            ("/api/v1/invitations/{id}", text(&invitation["id"])),
            ("/api/v1/updates/plans/{id}", update_plan),
            ("/api/v1/policies/{id}", text(&policy["id"])),
            ("/api/v1/invitations/{code}", text(&invitation["code"])),
        ]
    }
}

/// A device that another server handed over.
fn moved_in(tx: &crate::store::Tx) -> crate::error::Result<()> {
    let body = "<plist><dict><key>MessageType</key><string>TokenUpdate</string><key>UDID</key><string>MOVED-1</string><key>Topic</key>\
                <string>com.apple.mgmt.x</string><key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string></dict></plist>";
    crate::mdm::checkin::move_in(tx, &Actor::Console, &crate::protocol::checkin::parse(body.as_bytes())?)
}

#[tokio::test]
async fn every_answer_is_what_the_description_says() {
    let house = House::new();
    let ids = house.filled().await;
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let mut judge = Judge::new(&document);
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(schema) = methods.pointer("/get/responses/200/content/application~1json/schema") else { continue };
        let known = ids.iter().find(|(begin, _)| path.starts_with(begin));
        let place = path.split_once('{').and_then(|(begin, rest)| rest.split_once('}').map(|(_, end)| (begin, end)));
        let address = place.map_or_else(|| path.clone(), |(begin, end)| format!("{begin}{}{end}", known.expect(path).1));
        // A token has no sessions of its own.
        let address = address.replace("/sessions", "/sessions?admin_id=all");
        let reply = house.ask(Role::Owner, Method::GET, &address, None).await;
        assert_eq!(reply.status, StatusCode::OK, "{address}: {}", reply.body);
        let list = reply.body["items"].as_array().or_else(|| reply.body.as_array());
        // Tokens keep no filters.
        assert!(path == "/api/v1/saved-filters" || list.is_none_or(|items| !items.is_empty()), "{path} shows nothing");
        judge.check(schema, &reply.body, path);
        walked += 1;
    }
    assert!(walked >= 18, "{walked}");
    assert!(judge.faults.is_empty(), "{}", judge.faults.join("\n"));
}

#[tokio::test]
async fn every_word_that_the_description_offers_is_taken() {
    let house = House::new();
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let judge = Judge::new(&document);
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for parameter in methods["get"]["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            let choices = schema["oneOf"].as_array().map_or_else(|| vec![schema], |choices| choices.iter().collect());
            for word in choices.into_iter().filter_map(|choice| judge.resolved(choice)["enum"].as_array()).flatten() {
                let address = format!("{path}?{}={}", parameter["name"].as_str().unwrap(), word.as_str().unwrap());
                let reply = house.ask(Role::Owner, Method::GET, &address, None).await;
                assert_eq!(reply.status, StatusCode::OK, "{address}: {}", reply.body);
                asked += 1;
            }
        }
    }
    assert!(asked >= 10, "{asked}");
}

#[tokio::test]
async fn what_the_description_forbids_is_what_is_refused() {
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for parameter in methods["get"]["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["name"] == "limit") {
            let schema = &parameter["schema"];
            assert_eq!((&schema["minimum"], &schema["maximum"]), (&json!(1), &json!(list::LIMIT_MAX)), "{path}");
        }
    }
    let property = |schema: &str, key: &str, rule: &str| document["components"]["schemas"][schema]["properties"][key][rule].clone();
    for (schema, key, rule, bound) in [
        ("TokenInput", "name", "minLength", 1),
        ("TokenInput", "days", "minimum", 1),
        ("AdminInput", "name", "minLength", 1),
        ("CommandInput", "targets", "minItems", 1),
        ("CommandInput", "targets", "maxItems", 1000),
        ("PushCertificateInput", "files", "minItems", 1),
        ("PushCertificateInput", "files", "maxItems", 4),
        ("InvitationInput", "max_uses", "minimum", 1),
        ("InvitationInput", "max_uses", "maximum", 10_000),
        ("InvitationInput", "note", "maxLength", 200),
        ("GroupInput", "name", "maxLength", groups_room::NAME_MAX_CHARS as u64),
        ("GroupInput", "note", "maxLength", groups_room::NOTE_MAX_CHARS as u64),
        ("DevicesInput", "devices", "maxItems", groups_room::DEVICES_MAX as u64),
        ("PersonInput", "name", "maxLength", people_room::NAME_MAX_CHARS as u64),
        ("PersonInput", "email", "maxLength", people_room::EMAIL_MAX_CHARS as u64),
        ("ClassInput", "name", "maxLength", people_room::NAME_MAX_CHARS as u64),
        ("ProfileInput", "name", "minLength", 1),
        ("ProfileInput", "name", "maxLength", 200),
        ("ProfileInput", "note", "maxLength", 2000),
        ("ProfileCheckInput", "groups", "maxItems", 1000),
        ("NewAppInput", "name", "maxLength", 200),
        ("AppInput", "name", "maxLength", 200),
        ("AppInput", "note", "maxLength", 2000),
        ("PolicyInput", "name", "maxLength", 100),
        ("PolicyInput", "note", "maxLength", 1000),
        ("PackageUploadInput", "file_name", "maxLength", crate::mdm::packages::MAX_NAME_CHARS as u64),
        ("PackageUploadInput", "size_bytes", "minimum", 1),
        ("PackageUploadInput", "size_bytes", "maximum", crate::mdm::packages::MAX_BYTES),
        ("AdeServerInput", "name", "maxLength", crate::mdm::ade::servers::NAME_MAX_CHARS as u64),
        ("AdeProfileInput", "name", "maxLength", crate::protocol::ade::TEXT_MAX_CHARS as u64),
        ("NewDevicesInput", "serial_numbers", "maxItems", crate::mdm::ade::devices::WISH_MAX as u64),
        ("LockInput", "message", "maxLength", crate::mdm::ade::locks::MESSAGE_MAX_CHARS as u64),
        ("WebhookInput", "hmac_key", "minLength", 16),
        ("WebhookInput", "hmac_key", "maxLength", 256),
    ] {
        assert_eq!(property(schema, key, rule), json!(bound), "{schema}.{key}");
    }
}
