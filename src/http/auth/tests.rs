//! A gate with a few people before it, for tests of everything behind the log-in.

mod guesses;

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, COOKIE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use tower::ServiceExt as _;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::http::error::Audience;
use crate::http::limits::group;
use crate::http::server::{Listener, Peer};
use crate::mdm::admins::second_factor::Next;
use crate::mdm::admins::sessions::{Client, Started};
use crate::mdm::admins::tokens::{self, NewToken};
use crate::mdm::admins::{self, NewAdmin, Password};
use crate::mdm::{Actor, Role};
use crate::secret::Secret;
use crate::store::{OpenOptions, Store};

pub(in crate::http) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(in crate::http) const PASSWORD: &str = "correct horse battery";

pub(in crate::http) fn peer(listener: Listener) -> Peer {
    Peer { addr: ([192, 0, 2, 7], 4711).into(), certificate: None, listener }
}

/// A store, a clock that stands still, and the gate before them.
pub(in crate::http) struct Kit {
    pub store: Store,
    pub clock: Clock,
    pub gate: Gate,
}

impl Kit {
    pub(in crate::http) fn new() -> Self {
        Self::on(Store::open(OpenOptions::memory()).unwrap(), Clock::manual(START))
    }

    pub(in crate::http) fn on(store: Store, clock: Clock) -> Self {
        Self { gate: Gate::new(store.clone(), clock.clone()), store, clock }
    }

    pub(in crate::http) async fn add(&self, name: &str, role: Role) {
        let password = Password::parse(secret(PASSWORD)).unwrap().hash().unwrap();
        let new = NewAdmin { name: name.into(), role, password };
        self.store.write(self.clock.now(), |tx| admins::add(tx, &Actor::Console, new)).await.unwrap();
    }

    pub(in crate::http) async fn token(&self, role: Role) -> String {
        let new = NewToken { name: role.as_str().into(), role, days: Some(1) };
        let (_, text) = self.store.write(self.clock.now(), move |tx| tokens::create(tx, &Actor::Console, &new)).await.unwrap();
        text.expose().clone()
    }

    pub(in crate::http) async fn log_in(&self, name: &str, password: &str) -> Result<Started> {
        match self.gate.log_in(name.into(), secret(password), client(), None).await? {
            Next::Started(started) => Ok(started),
            Next::Code(_) => panic!("{name} needs a code"),
        }
    }

    /// The cookie of a new session on HTTPS.
    pub(in crate::http) async fn cookie(&self, name: &str) -> String {
        let started = self.log_in(name, PASSWORD).await.unwrap();
        format!("__Host-rollcall={}", started.token.expose())
    }
}

pub(in crate::http) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn client() -> Client {
    Client { address: [192, 0, 2, 7].into(), user_agent: "Safari".into() }
}

/// Addresses that say who one is to them.
fn router(kit: &Kit, listener: Listener) -> Router {
    let api = Router::new()
        .route(
            "/api",
            get(async |Authenticated(actor): Authenticated| actor.to_string())
                .post(async |Authenticated(actor): Authenticated| actor.to_string()),
        )
        .route("/maybe", get(async |MaybeActor(actor): MaybeActor| actor.map_or_else(|| "nobody".to_owned(), |actor| actor.to_string())))
        .route("/nano", get(async |NanoTool(actor): NanoTool| actor.to_string()));
    let page = Router::new().route(
        "/page",
        get(async |signed_in: SignedIn| signed_in.actor.to_string()).post(async |signed_in: SignedIn| signed_in.actor.to_string()),
    );
    group(Audience::Api, 1024, api)
        .merge(group(Audience::Person, 1024, page))
        .layer(Extension(kit.gate.clone()))
        .layer(Extension(peer(listener)))
}

async fn ask(router: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Response, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, body) = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = String::from_utf8(axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    (parts.status, Response::from_parts(parts, Body::empty()), body)
}

#[tokio::test]
async fn people_tokens_and_the_command_line_are_known_by_what_they_send() {
    let kit = Kit::new();
    kit.add("kim", Role::Owner).await;
    let (cookie, token) = (kit.cookie("kim").await, kit.token(Role::Viewer).await);
    let main = router(&kit, Listener::Main);
    let said = async |headers: &[(&str, &str)]| ask(&main, Method::GET, "/api", headers).await.2;
    assert_eq!(said(&[("cookie", &cookie)]).await, "kim (owner)");
    assert_eq!(said(&[("authorization", &format!("bearer {token}"))]).await, "token viewer (viewer)");
    assert_eq!(ask(&router(&kit, Listener::Control), Method::GET, "/api", &[]).await.2, "console");
    assert_eq!(ask(&main, Method::GET, "/maybe", &[]).await.2, "nobody");
    let plain = cookie.replace("__Host-", "");
    assert_eq!(ask(&main, Method::GET, "/maybe", &[("cookie", &plain)]).await.2, "nobody", "not the name that HTTPS takes");
    assert_eq!(ask(&router(&kit, Listener::Http), Method::GET, "/api", &[("cookie", &plain)]).await.2, "kim (owner)");
}

#[tokio::test]
async fn wrong_credentials_are_refused_as_a_problem() {
    let kit = Kit::new();
    let main = router(&kit, Listener::Main);
    let revoked = format!("Bearer rc_{}", "x".repeat(43));
    for headers in
        [&[][..], &[("authorization", revoked.as_str())], &[("authorization", "Basic bmFub21kbTp4")], &[("cookie", "__Host-rollcall=x")]]
    {
        let (status, response, body) = ask(&main, Method::GET, "/api", headers).await;
        assert_eq!((status, &response.headers()["content-type"]), (StatusCode::UNAUTHORIZED, &"application/problem+json".parse().unwrap()));
        assert!(body.contains("API token") && response.headers()[WWW_AUTHENTICATE] == "Bearer", "{body}");
    }
    let (status, ..) = ask(&main, Method::GET, "/maybe", &[("authorization", &revoked)]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "someone who sends a token means to be somebody");
}

#[tokio::test]
async fn a_session_changes_things_from_our_own_page_only() {
    let kit = Kit::new();
    kit.add("kim", Role::Owner).await;
    let started = kit.log_in("kim", PASSWORD).await.unwrap();
    let cookie = format!("__Host-rollcall={}", started.token.expose());
    let (main, token) = (router(&kit, Listener::Main), kit.token(Role::Viewer).await);
    for path in ["/api", "/page"] {
        let status = async |headers: &[(&str, &str)]| {
            let headers = [&[(COOKIE.as_str(), cookie.as_str())], headers].concat();
            ask(&main, Method::POST, path, &headers).await.0
        };
        assert_eq!(status(&[]).await, StatusCode::FORBIDDEN);
        assert_eq!(status(&[("sec-fetch-site", "cross-site")]).await, StatusCode::FORBIDDEN);
        assert_eq!(status(&[("host", "a.example"), ("origin", "https://b.example")]).await, StatusCode::FORBIDDEN);
        assert_eq!(status(&[("sec-fetch-site", "same-origin")]).await, StatusCode::OK);
        assert_eq!(status(&[("x-csrf-token", started.csrf.expose())]).await, StatusCode::OK);
    }
    let bearer = format!("Bearer {token}");
    let (status, ..) = ask(&main, Method::POST, "/api", &[(AUTHORIZATION.as_str(), &bearer), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!(status, StatusCode::OK, "no browser sends a token by itself");
}

#[tokio::test]
async fn the_page_leads_to_the_log_in_and_back() {
    let kit = Kit::new();
    kit.add("kim", Role::Owner).await;
    let (main, token) = (router(&kit, Listener::Main), kit.token(Role::Owner).await);
    let (status, response, _) = ask(&main, Method::GET, "/page?a=1&b=%2F", &[]).await;
    assert_eq!(
        (status, &response.headers()[LOCATION]),
        (StatusCode::SEE_OTHER, &"/login?next=%2Fpage%3Fa%3D1%26b%3D%252F".parse().unwrap())
    );
    let (status, response, _) = ask(&main, Method::POST, "/page", &[]).await;
    assert_eq!((status, response.headers().get(LOCATION)), (StatusCode::UNAUTHORIZED, None), "it is said that nothing was done");
    let bearer = format!("Bearer {token}");
    assert_eq!(ask(&main, Method::GET, "/page", &[("authorization", &bearer)]).await.0, StatusCode::SEE_OTHER, "pages are for people");
    assert_eq!(ask(&main, Method::GET, "/page", &[("cookie", &kit.cookie("kim").await)]).await.2, "kim (owner)");
}

#[tokio::test]
async fn nano_tools_send_a_token_as_a_password() {
    use base64::Engine as _;
    let kit = Kit::new();
    let (main, token) = (router(&kit, Listener::Main), kit.token(Role::Admin).await);
    let basic = |pair: String| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let said = async |header: String| ask(&main, Method::GET, "/nano", &[("authorization", &header)]).await;
    assert_eq!(said(basic(format!("nanomdm:{token}"))).await.2, "token admin (admin)");
    assert_eq!(said(format!("Bearer {token}")).await.2, "token admin (admin)");
    for wrong in
        [basic(format!("other:{token}")), basic("nanomdm:nanomdm".into()), basic("nanomdm".into()), "Basic %%%".into(), "Bearer x".into()]
    {
        let (status, response, _) = said(wrong).await;
        assert_eq!(
            (status, &response.headers()[WWW_AUTHENTICATE]),
            (StatusCode::UNAUTHORIZED, &"Basic realm=\"nanomdm\"".parse().unwrap())
        );
    }
    assert_eq!(ask(&main, Method::GET, "/nano", &[]).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn known_and_unknown_names_cost_the_same_work_and_get_the_same_answer() {
    let kit = Kit::new();
    kit.add("kim", Role::Owner).await;
    let mut told = Vec::new();
    for name in ["kim", "nobody"] {
        let before = kit.gate.hashed();
        let refusal = kit.log_in(name, "wrong horse battery").await.unwrap_err();
        assert_eq!(kit.gate.hashed(), before + 1, "{name}");
        told.push((refusal.kind, refusal.message));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].0, Kind::Unauthenticated);
}

#[tokio::test]
async fn an_address_that_guesses_is_slowed_and_no_password_is_compared_for_it() {
    let kit = Kit::new();
    kit.add("kim", Role::Owner).await;
    for _ in 0..crate::http::attempts::ATTEMPTS_AT_ONCE {
        assert_eq!(kit.log_in("kim", "wrong horse battery").await.unwrap_err().kind, Kind::Unauthenticated);
    }
    let before = kit.gate.hashed();
    let slowed: Error = kit.log_in("kim", PASSWORD).await.unwrap_err();
    assert_eq!((slowed.kind, slowed.retry_after_s), (Kind::TooOften, Some(30)));
    assert_eq!(kit.gate.hashed(), before);
    kit.clock.advance(Duration::from_secs(30));
    for _ in 0..20 {
        kit.log_in("kim", PASSWORD).await.expect("a right one does not count");
    }
}

#[tokio::test]
async fn a_guess_at_a_set_up_link_hashes_nothing() {
    let kit = Kit::new();
    let token = kit.store.write(START, admins::setup::offer).await.unwrap().unwrap();
    let set_up = |token: Secret<String>, password: &str| kit.gate.set_up(token, "kim".into(), secret(password), client());
    assert_eq!(set_up(secret("guess"), PASSWORD).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(set_up(token.clone(), "short").await.unwrap_err().kind, Kind::BadInput);
    assert_eq!(kit.gate.hashed(), 0);
    assert_eq!(set_up(token.clone(), PASSWORD).await.unwrap().admin.name, "kim");
    assert_eq!(set_up(token, PASSWORD).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn a_person_changes_their_password_and_keeps_this_session_only() {
    let kit = Kit::new();
    kit.add("kim", Role::Viewer).await;
    let (here, there) = (kit.log_in("kim", PASSWORD).await.unwrap(), kit.log_in("kim", PASSWORD).await.unwrap());
    let known = async |started: &Started| kit.store.read(START, |tx| admins::sessions::identify(tx, started.token.expose())).await.unwrap();
    let found = known(&here).await.unwrap();
    let change = |old: &str, new: &str| {
        kit.gate.change_password(found.actor.clone(), secret(old), secret(new), found.session.token_hash.clone(), client())
    };
    assert_eq!(change("wrong horse battery", "another good one").await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(change(PASSWORD, "short").await.unwrap_err().kind, Kind::BadInput);
    change(PASSWORD, "another good one").await.unwrap();
    assert!(known(&here).await.is_some() && known(&there).await.is_none());
}

#[tokio::test]
async fn more_people_than_can_wait_are_told_to_come_back() {
    let kit = Kit::new();
    let all = (0..=HASHES_WAITING_MAX).map(|number| {
        let client = Client { address: [10, 0, 0, number as u8].into(), user_agent: String::new() };
        let gate = kit.gate.clone();
        tokio::spawn(async move { gate.log_in(format!("nobody {number}"), secret(PASSWORD), client, None).await.unwrap_err().kind })
    });
    let mut busy = 0;
    for one in all.collect::<Vec<_>>() {
        busy += usize::from(one.await.unwrap() == Kind::Busy);
    }
    assert_eq!(busy, 1);
}
