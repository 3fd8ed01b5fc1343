//! The API through its whole way of layers, without sockets.

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
use crate::http::limits::{API_MAX_BYTES, group};
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::mdm::ca::roots;
use crate::store::authorities::AuthorityState;
use crate::store::events::{self, NewEvent};

/// An appliance of the API alone.
struct House {
    kit: Kit,
    streams: Streams,
    app: App,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl House {
    fn new() -> Self {
        let app = App::for_tests();
        Self { kit: Kit::on(app.store.clone(), app.clock.clone()), streams: Streams::default(), app }
    }

    fn router(&self, listener: Listener) -> Router {
        group(Audience::Api, API_MAX_BYTES, routes())
            .layer(Extension(self.kit.gate.clone()))
            .layer(Extension(self.streams.clone()))
            .layer(Extension(peer(listener)))
            .with_state(self.app.clone())
    }

    async fn send(&self, listener: Listener, request: Request<Body>) -> Reply {
        let (parts, body) = self.router(listener).oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
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
        let headers = [&[("accept", "text/event-stream")], headers].concat();
        let response = self.router(Listener::Main).oneshot(request(Method::GET, "/api/v1/events", &headers, None)).await.unwrap();
        (response.status(), response.into_body().into_data_stream())
    }

    async fn happen(&self, kind: &'static str, device_id: Option<&'static str>) {
        let event = NewEvent { kind, actor_kind: "job", actor: "test", device_id, ..NewEvent::default() };
        self.app.store.write(self.app.now(), move |tx| events::append(tx, &event)).await.unwrap();
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
    let (_, document) = openapi::describe(nouns());
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn a_person_logs_in_looks_and_logs_out() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let log_in =
        |name: &str, password: &str| request(Method::POST, "/api/v1/session", &[], Some(json!({ "name": name, "password": password })));
    let wrong = house.send(Listener::Main, log_in("kim", "wrong horse battery")).await;
    assert_eq!((wrong.status, &wrong.body["detail"]), (StatusCode::UNAUTHORIZED, &json!("The name or the password is wrong.")));
    let reply = house.send(Listener::Main, log_in("Kim", PASSWORD)).await;
    assert_eq!((reply.status, &reply.body["role"]), (StatusCode::CREATED, &json!("helper")));
    assert_eq!(reply.body["rights"], json!(["view", "invite", "command"]));
    let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = reply.body["csrf_token"].as_str().unwrap();
    let me = house.send(Listener::Main, request(Method::GET, "/api/v1/session", &[("cookie", &cookie)], None)).await;
    assert_eq!((me.status, &me.body["name"], &me.body["csrf_token"]), (StatusCode::OK, &json!("kim"), &json!(csrf)));
    let out = house.send(Listener::Main, request(Method::DELETE, "/api/v1/session", &[("cookie", &cookie)], None)).await;
    assert_eq!(out.status, StatusCode::FORBIDDEN, "without a word of the browser or the token");
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf)];
    let out = house.send(Listener::Main, request(Method::DELETE, "/api/v1/session", &headers, None)).await;
    assert_eq!((out.status, out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0")), (StatusCode::NO_CONTENT, true));
    let me = house.send(Listener::Main, request(Method::GET, "/api/v1/session", &[("cookie", &cookie)], None)).await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_answered_with_when_to_come_back() {
    let house = House::new();
    let guess = || request(Method::POST, "/api/v1/session", &[], Some(json!({ "name": "kim", "password": "x" })));
    for _ in 0..crate::http::attempts::ATTEMPTS_AT_ONCE {
        assert_eq!(house.send(Listener::Main, guess()).await.status, StatusCode::UNAUTHORIZED);
    }
    let slowed = house.send(Listener::Main, guess()).await;
    assert_eq!((slowed.status, slowed.headers["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "30"));
}

#[tokio::test]
async fn another_sites_page_cannot_log_anybody_in() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let body = Some(json!({ "name": "kim", "password": PASSWORD }));
    let reply = house.send(Listener::Main, request(Method::POST, "/api/v1/session", &[("sec-fetch-site", "cross-site")], body)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let house = House::new();
    house.kit.add("kim", Role::Helper).await;
    let cookies = [house.kit.cookie("kim").await, house.kit.cookie("kim").await];
    let own = [("cookie", cookies[0].as_str()), ("sec-fetch-site", "same-origin")];
    let listed = house.send(Listener::Main, request(Method::GET, "/api/v1/sessions", &own, None)).await;
    assert_eq!((listed.body["total"].as_u64(), &listed.body["items"][0]["admin_name"]), (Some(2), &json!("kim")));
    let all = house.send(Listener::Main, request(Method::GET, "/api/v1/sessions?admin_id=all", &own, None)).await;
    assert_eq!(all.status, StatusCode::FORBIDDEN);
    let page = house.console(Method::GET, "/api/v1/sessions?limit=1", &[], None).await.body;
    let second =
        house.console(Method::GET, &format!("/api/v1/sessions?limit=1&after={}", page["next"].as_str().unwrap()), &[], None).await.body;
    assert_ne!(page["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(house.send(Listener::Main, request(Method::DELETE, "/api/v1/sessions", &own, None)).await.status, StatusCode::NO_CONTENT);
    let left = house.console(Method::GET, "/api/v1/sessions", &[], None).await.body;
    assert_eq!(left["total"], 1);
    let path = format!("/api/v1/sessions/{}", left["items"][0]["id"].as_str().unwrap());
    assert_eq!(house.console(Method::DELETE, &path, &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.console(Method::DELETE, &path, &[], None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_person_changes_their_password() {
    let house = House::new();
    house.kit.add("kim", Role::Viewer).await;
    let cookie = house.kit.cookie("kim").await;
    let own = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let body = Some(json!({ "old": PASSWORD, "new": "another good one" }));
    assert_eq!(
        house.send(Listener::Main, request(Method::PUT, "/api/v1/session/password", &own, body)).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(house.kit.log_in("kim", "another good one").await.is_ok());
}

#[tokio::test]
async fn people_are_added_changed_and_removed() {
    let house = House::new();
    let path = "/api/v1/admins";
    let added = house.console(Method::POST, path, &[], Some(json!({ "name": "kim", "role": "owner" }))).await;
    assert_eq!(added.status, StatusCode::CREATED);
    assert!(house.kit.log_in("kim", added.body["password"].as_str().unwrap()).await.is_ok(), "the password that was made fits");
    let chosen = json!({ "name": "lee", "role": "viewer", "password": PASSWORD });
    let added = house.console(Method::POST, path, &[], Some(chosen)).await;
    assert_eq!((added.status, added.body.get("password")), (StatusCode::CREATED, None));
    let lee = format!("{path}/{}", added.body["id"].as_str().unwrap());
    let changed = house.console(Method::PATCH, &lee, &[], Some(json!({ "role": "admin", "disabled": true }))).await;
    assert_eq!((&changed.body["role"], changed.body["disabled_at"].is_string()), (&json!("admin"), true));
    let reset = house.console(Method::POST, "/api/v1/admins/lee/password", &[], Some(json!({}))).await;
    assert_eq!((reset.status, reset.body["password"].as_str().unwrap().len()), (StatusCode::OK, 19));
    assert_eq!(house.console(Method::DELETE, &lee, &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.console(Method::GET, &lee, &[], None).await.status, StatusCode::NOT_FOUND);
    let last = house.console(Method::DELETE, "/api/v1/admins/kim", &[], None).await;
    assert_eq!(last.status, StatusCode::CONFLICT);
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
async fn events_are_listed_by_topic_and_device() {
    let house = House::new();
    for (kind, device) in [("device.renamed", Some("d1")), ("command.queued", Some("d2")), ("command.sent", Some("d2"))] {
        house.happen(kind, device).await;
    }
    let topics = async |query: &str| {
        let body = house.console(Method::GET, &format!("/api/v1/events{query}"), &[], None).await.body;
        body["items"].as_array().unwrap().iter().map(|event| event["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(topics("?topic=command.").await, ["command.sent", "command.queued"]);
    assert_eq!(topics("?device_id=d1").await, ["device.renamed"]);
    assert_eq!(topics("?limit=1").await, ["command.sent"]);
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    house.happen("device.renamed", Some("d1")).await;
    let (status, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    assert_eq!(status, StatusCode::OK);
    house.happen("command.queued", Some("d1")).await;
    let said = next(&mut stream).await.unwrap();
    assert!(said.contains("\"topic\":\"command.queued\"") && said.contains("\"device_id\":\"d1\""), "{said}");
    let last = said.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    drop(stream);
    house.happen("command.sent", Some("d1")).await;
    house.happen("admin.added", None).await;
    house.happen("command.acknowledged", Some("d1")).await;
    let (_, mut stream) = house.stream(&[("authorization", &bearer), ("last-event-id", &last)]).await;
    for topic in ["command.sent", "command.acknowledged"] {
        let said = next(&mut stream).await.unwrap();
        assert!(said.contains(topic), "{said}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_token_and_with_the_server() {
    let house = House::new();
    let made = house.console(Method::POST, "/api/v1/tokens", &[], Some(json!({ "name": "x", "role": "viewer" }))).await.body;
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let (_, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    house.console(Method::DELETE, &format!("/api/v1/tokens/{}", made["id"].as_str().unwrap()), &[], None).await;
    house.happen("device.renamed", Some("d1")).await;
    assert_eq!(next(&mut stream).await, None, "a revoked token hears nothing more");
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    let (_, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    house.streams.end();
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_gives_signs_of_life() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    let (_, mut stream) = house.stream(&[("authorization", &bearer)]).await;
    stream.next().await.unwrap().unwrap();
    let before = tokio::time::Instant::now();
    assert!(stream.next().await.unwrap().unwrap().starts_with(b":"));
    assert!(before.elapsed() >= HEARTBEAT && before.elapsed() < HEARTBEAT + Duration::from_secs(1));
}

#[tokio::test]
async fn streams_have_a_limit_and_places_are_given_back() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.kit.token(Role::Viewer).await);
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        open.push(house.stream(&[("authorization", &bearer)]).await);
    }
    assert_eq!(house.stream(&[("authorization", &bearer)]).await.0, StatusCode::SERVICE_UNAVAILABLE);
    open.clear();
    // The readers notice at their next turn.
    while house.stream(&[("authorization", &bearer)]).await.0 != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn authorities_are_listed_with_the_one_that_issues_first() {
    let house = House::new();
    let old = house.app.authority();
    let next = crate::pki::issue::root("Next", house.app.now()).unwrap();
    let adopted = house.app.store.write(house.app.now(), move |tx| {
        roots::adopt(tx, AuthorityState::Current, &old.issuer, None)?;
        roots::wanted(tx)
    });
    assert_eq!(adopted.await.unwrap(), None, "twenty years are left");
    house.app.clock.advance(Duration::from_secs(17 * 365 * 24 * 3600));
    let adopted = house.app.store.write(house.app.now(), move |tx| roots::adopt(tx, AuthorityState::Next, &next, None));
    assert!(adopted.await.unwrap());
    let listed = house.ask(Role::Viewer, Method::GET, "/api/v1/authorities", None).await.body;
    let items = listed["items"].as_array().unwrap();
    assert_eq!((&listed["total"], &items[0]["state"], &items[1]["state"]), (&json!(2), &json!("current"), &json!("next")));
    assert_eq!((&items[1]["devices_known"], &items[1]["devices"], &items[0]["devices"]), (&json!(0), &json!(0), &Value::Null));
    assert_eq!(items[1]["name"], "Next");
    assert!(items[1]["used_at_latest"].is_string() && items[0]["used_from_at"].is_string() && items[1].get("certificate").is_none());
}

#[tokio::test]
async fn a_webhook_is_made_listed_and_deleted_by_those_who_configure() {
    let house = House::new();
    let wish = json!({ "url": "https://hooks.example.school/mdm", "topics": ["mdm.CheckOut"] });
    let made = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(wish.clone())).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(made.body["hmac_key"].as_str().unwrap().len() >= 16);
    house.app.clock.advance(Duration::from_secs(1));
    let second = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(wish.clone())).await;
    let page = house.ask(Role::Admin, Method::GET, "/api/v1/webhooks?limit=1", None).await.body;
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(page["items"][0]["id"], made.body["id"]);
    assert!(page["items"][0].get("hmac_key").is_none(), "the key is said once");
    let next = format!("/api/v1/webhooks?after={}", page["next"].as_str().unwrap());
    let rest = house.ask(Role::Admin, Method::GET, &next, None).await.body;
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&second.body["id"], &Value::Null));
    let address = format!("/api/v1/webhooks/{}", made.body["id"].as_str().unwrap());
    assert_eq!(house.ask(Role::Helper, Method::DELETE, &address, None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &address, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.ask(Role::Admin, Method::DELETE, &address, None).await.status, StatusCode::NOT_FOUND);
    let refused = house.ask(Role::Admin, Method::POST, "/api/v1/webhooks", Some(json!({ "url": "hooks.example.school" }))).await;
    assert_eq!(refused.body["errors"][0]["field"], "url");
    assert_eq!(house.ask(Role::Viewer, Method::POST, "/api/v1/webhooks", Some(wish)).await.status, StatusCode::FORBIDDEN);
}
