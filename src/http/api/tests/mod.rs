//! The API through its whole way of layers, without sockets.

mod access;
mod account_enrollment;
mod ade;
mod app_schemas;
mod apps;
mod authorities;
mod backups;
mod commands;
mod connections;
mod declarations;
mod devices;
mod doctor;
mod events;
mod groups;
mod language;
mod licences;
mod moves;
mod notices;
mod packages;
mod people;
mod policies;
mod profiles;
mod releases;
mod roster;
mod schema;
mod settings;
mod setup_assistant;
mod signatures;
mod updates;
mod webhooks;

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::{Extension, Router};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::http::auth::tests::{Kit, PASSWORD, peer};
use crate::http::error::Audience;
use crate::http::limits::{API_MAX_BYTES, PACKAGE_MAX_BYTES, group};
use crate::http::server::{Listener, Peer};
use crate::mdm::Role;
use crate::store::events::{NewEvent, append};

/// An appliance of the API alone.
struct House {
    kit: Kit,
    streams: Streams,
    app: App,
    data: tempfile::TempDir,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl House {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(crate::store::OpenOptions::memory(), data.path());
        Self { kit: Kit::on(app.store.clone(), app.clock.clone()), streams: Streams::default(), app, data }
    }

    fn router(&self, listener: Listener) -> Router {
        self.router_for(peer(listener))
    }

    fn router_for(&self, peer: Peer) -> Router {
        group(Audience::Api, API_MAX_BYTES, routes())
            .merge(group(Audience::Api, PACKAGE_MAX_BYTES, uploads()))
            .layer(Extension(self.kit.gate.clone()))
            .layer(Extension(self.streams.clone()))
            .layer(Extension(peer))
            .with_state(self.app.clone())
    }

    async fn send(&self, listener: Listener, request: Request<Body>) -> Reply {
        Self::answer(self.router(listener), request).await
    }

    /// Asks from another address.
    async fn send_from(&self, address: [u8; 4], request: Request<Body>) -> Reply {
        Self::answer(self.router_for(Peer { addr: (address, 4711).into(), ..peer(Listener::Main) }), request).await
    }

    async fn answer(router: Router, request: Request<Body>) -> Reply {
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into())
        };
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Asks with an API token of `role`.
    async fn ask(&self, role: Role, method: Method, path: &str, body: Option<Value>) -> Reply {
        let token = self.kit.token(role).await;
        self.send(Listener::Main, request(method, path, &[("authorization", &format!("Bearer {token}"))], body)).await
    }

    /// Asks as the command line does.
    async fn console(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        self.send(Listener::Control, request(method, path, headers, body)).await
    }

    /// Begins a live stream.
    async fn stream(&self, headers: &[(&str, &str)]) -> (StatusCode, BodyDataStream) {
        Self::stream_of(self.router(Listener::Main), headers).await
    }

    async fn stream_of(router: Router, headers: &[(&str, &str)]) -> (StatusCode, BodyDataStream) {
        let headers = [&[("accept", "text/event-stream")], headers].concat();
        let response = router.oneshot(request(Method::GET, "/api/v1/events", &headers, None)).await.unwrap();
        (response.status(), response.into_body().into_data_stream())
    }

    async fn happen(&self, kind: &'static str, device_id: Option<&'static str>) {
        let event = NewEvent { kind, actor_kind: "job", actor: "test", device_id, ..NewEvent::default() };
        self.app.store.write(self.app.now(), move |tx| append(tx, &event)).await.unwrap();
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .unwrap()
}

/// The next thing that a stream says which is more than a sign of life.
async fn next(stream: &mut BodyDataStream) -> Option<String> {
    loop {
        let text = String::from_utf8(stream.next().await?.unwrap().to_vec()).unwrap();
        if text.contains("data:") {
            return Some(text);
        }
    }
}

fn name_of(item: &Value) -> &str {
    item["name"].as_str().unwrap()
}

#[tokio::test]
async fn every_described_address_is_there_and_refuses_strangers() {
    let house = House::new();
    let document = house.send(Listener::Main, request(Method::GET, openapi::ADDRESS, &[], None)).await.body;
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in methods.as_object().unwrap() {
            walked += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let spot = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{spot} says what it does");
            assert_eq!(
                operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"],
                "#/components/schemas/Problem"
            );
            let reply = house.send(Listener::Main, request(method.clone(), &path.replace("{id}", "x"), &[], Some(json!({})))).await;
            let expected = if spot == "POST /api/v1/session" { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED };
            assert_eq!((reply.status, reply.body["status"].as_u64()), (expected, Some(expected.as_u16().into())), "{spot}");
        }
    }
    assert!(walked >= 15, "only {walked} operations are described");
    assert!(document["components"]["schemas"]["TokenView"]["properties"]["created_at"].is_object());
}

#[tokio::test]
async fn every_reference_in_the_description_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value {
                Value::String(to) if key == "$ref" => found.push(to),
                _ => references(value, found),
            }),
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn wrong_input_is_named_by_its_field() {
    let house = House::new();
    for (path, body, field) in [
        ("/api/v1/admins", json!({ "name": "kim", "role": "king" }), "role"),
        ("/api/v1/admins", json!({ "name": "kim", "role": "viewer", "pasword": "x" }), "pasword"),
        ("/api/v1/admins", json!({ "name": "kim", "role": "viewer", "password": "short" }), "password"),
        ("/api/v1/tokens", json!({ "name": "x", "role": "viewer", "days": -1 }), "days"),
        ("/api/v1/tokens", json!({ "name": "", "role": "viewer" }), "name"),
    ] {
        let reply = house.console(Method::POST, path, &[], Some(body)).await;
        assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{}", reply.body);
    }
    let reply = house.console(Method::GET, "/api/v1/tokens?limt=3", &[], None).await;
    assert_eq!((reply.status, &reply.body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("limt")));
}

#[tokio::test]
async fn roles_are_held_at_every_address() {
    let house = House::new();
    for (method, path, body, allowed) in [
        (Method::GET, "/api/v1/admins", None, "owner"),
        (Method::POST, "/api/v1/admins", Some(json!({ "name": "a", "role": "owner" })), "owner"),
        (Method::PATCH, "/api/v1/admins/x", Some(json!({})), "owner"),
        (Method::DELETE, "/api/v1/admins/x", None, "owner"),
        (Method::POST, "/api/v1/admins/x/password", Some(json!({})), "owner"),
        (Method::GET, "/api/v1/tokens", None, "owner"),
        (Method::POST, "/api/v1/tokens", Some(json!({ "name": "a", "role": "viewer" })), "owner"),
        (Method::DELETE, "/api/v1/tokens/x", None, "owner"),
        (Method::GET, "/api/v1/sessions?admin_id=all", None, "owner"),
        (Method::GET, "/api/v1/events", None, "owner admin helper viewer"),
    ] {
        for role in [Role::Owner, Role::Admin, Role::Helper, Role::Viewer] {
            let reply = house.ask(role, method.clone(), path, body.clone()).await;
            let expected = allowed.split(' ').any(|name| name == role.as_str());
            assert_eq!(reply.status != StatusCode::FORBIDDEN, expected, "{method} {path} as {role:?}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn a_token_is_made_once_though_it_is_asked_for_twice() {
    let house = House::new();
    let body = || Some(json!({ "name": "report", "role": "viewer", "days": 3 }));
    let key = [("idempotency-key", "8e03978e-40d5-43e8-bc93-6894a57f9324")];
    let first = house.console(Method::POST, "/api/v1/tokens", &key, body()).await;
    let again = house.console(Method::POST, "/api/v1/tokens", &key, body()).await;
    assert_eq!((first.status, &first.body), (StatusCode::CREATED, &again.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = house.console(Method::POST, "/api/v1/tokens", &key, Some(json!({ "name": "other", "role": "viewer" }))).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    let listed = house.console(Method::GET, "/api/v1/tokens", &[], None).await.body;
    assert_eq!((&listed["total"], listed["items"][0].get("token")), (&json!(1), None), "the text is said once, to its maker");
    let bearer = format!("Bearer {}", first.body["token"].as_str().unwrap());
    let me = || house.send(Listener::Main, request(Method::GET, "/api/v1/session", &[("authorization", &bearer)], None));
    assert_eq!(me().await.body["name"], "report");
    let path = format!("/api/v1/tokens/{}", first.body["id"].as_str().unwrap());
    assert_eq!(house.console(Method::DELETE, &path, &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(me().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pages_stay_in_order_while_people_come_and_go() {
    let house = House::new();
    for name in ["ada", "ben", "cleo", "dan", "eve"] {
        house.kit.add(name, Role::Viewer).await;
    }
    let first = house.console(Method::GET, "/api/v1/admins?limit=2", &[], None).await.body;
    assert_eq!(first["items"].as_array().unwrap().iter().map(name_of).collect::<Vec<_>>(), ["ada", "ben"]);
    house.console(Method::DELETE, "/api/v1/admins/ben", &[], None).await;
    house.kit.add("abe", Role::Viewer).await;
    let second =
        house.console(Method::GET, &format!("/api/v1/admins?limit=2&after={}", first["next"].as_str().unwrap()), &[], None).await.body;
    assert_eq!(second["items"].as_array().unwrap().iter().map(name_of).collect::<Vec<_>>(), ["cleo", "dan"]);
    assert_eq!(second["total"], 5);
}

#[tokio::test]
async fn the_preview_and_the_import_of_declarations_are_described_as_they_are() {
    let document: Value = serde_json::from_str(openapi::TEXT).unwrap();
    let answer = |path: &str| document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].clone();
    let properties =
        |reference: &Value| document.pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap()["properties"].clone();
    let (foreseen, import) = (properties(&answer("/api/v1/preview")), properties(&answer("/api/v1/people/import/preview")));
    assert!(foreseen["by_declaration"].is_object() && foreseen["summary"].is_null(), "{foreseen}");
    assert!(import["summary"].is_object() && import["by_declaration"].is_null(), "{import}");
    let added = properties(&json!("#/components/schemas/PreviewItem"));
    assert!(added["ends_at"].is_object(), "{added}");
    let sent = &document["paths"]["/api/v1/declarations"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let sent = document.pointer(sent.as_str().unwrap().trim_start_matches('#')).unwrap();
    assert_eq!(sent["oneOf"].as_array().map(Vec::len), Some(2), "one declaration or a list: {sent}");
}
