//! The doors of account-driven enrollment: where a device finds this server, where it asks for its profile, and where its person signs in.
//!
//! Nothing here is an address of an enrolled device. The one that asks for a profile answers 401 until a person has signed in, as Apple wants it
//! (enrollment.md §8); it is the only one to which a device that is not enrolled comes with a token, and no enrollment can be lost by it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use super::visits::{Account, Desk};
use super::{organisation, page, prove, sheet};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::enroll::mobileconfig;
use crate::http::error::as_it_is;
use crate::http::identity::bearer;
use crate::http::pages::account::{SignIn, Told, explained, sign_in as sign_in_page, told};
use crate::http::pages::at_device::Refused;
use crate::http::pages::handlers::Form;
use crate::http::server::Peer;
use crate::language::say;
use crate::mdm::enroll::account::{self, Answer, Asked, IDENTIFIER_MAX_CHARS, Refusal};
use crate::mdm::enroll::{Addresses, profile};
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::service_discovery::{self, CONTENT_TYPE as DISCOVERED, PATH};
use crate::secret::Secret;
use crate::store::account_tokens::Ownership;

/// Where devices ask for their profile; below it, whose they are.
const BASE: &str = "/account-enrollment";

/// The sentence of every page that says that a person is not let in.
const NOT_LET_IN: &str = msg!("This device cannot be enrolled so");

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(PATH, get(discover))
        .route("/account-enrollment/{ownership}", get(look).post(ask))
        .route("/account-enrollment/{ownership}/sign-in", get(begin).post(sign_in))
        .route("/account-enrollment/go-on", post(go_on))
}

fn read(ownership: &str) -> Result<Ownership> {
    ownership.parse().map_err(|_| Error::not_found(t!("There is nothing at this address.")))
}

/// The address at which a device asks for its profile.
fn base_url(app: &App, ownership: Ownership) -> String {
    format!("{}{BASE}/{ownership}", app.public_url)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Looking {
    model_family: String,
}

/// Tells a device where its server is. What it does not say, because a redirect dropped it, is asked at the sign-in.
async fn discover(State(app): State<App>, Query(looking): Query<Looking>) -> Result<Response> {
    let found = app.store.read(app.now(), move |tx| account::discover(tx, &looking.model_family)).await?;
    let (status, body) = match found {
        Ok(ownership) => (StatusCode::OK, service_discovery::document(ownership == Ownership::Own, &base_url(&app, ownership))),
        Err(refusal) => (StatusCode::FORBIDDEN, service_discovery::refusal(&refusal.words())),
    };
    let headers = [(CONTENT_TYPE, DISCOVERED), (CACHE_CONTROL, "no-store")];
    Ok(as_it_is((status, headers, body).into_response()))
}

/// What a browser finds here.
async fn look(State(app): State<App>, Path(ownership): Path<String>) -> Result<Response> {
    read(&ownership)?;
    Ok(sheet(explained(&organisation(&app).await?)))
}

/// A device asks for its profile: first without a token, and again with the one that the sign-in gave it.
async fn ask(State(app): State<App>, Path(ownership): Path<String>, headers: HeaderMap, body: Bytes) -> Result<Response> {
    let ownership = read(&ownership)?;
    let (info, by) = match prove(&app, body.to_vec(), MachineInfo::parse_of_anybody).await? {
        Ok(proven) => proven,
        Err(response) => return Ok(response),
    };
    let (now, asked) = (app.now(), Asked { info, by, ownership, token: bearer(&headers) });
    let (question, addresses) = (asked.clone(), Addresses::under(&app.public_url));
    match app.store.read(now, move |tx| account::decide(tx, &question, addresses)).await? {
        Answer::SignIn => asks_for_sign_in(&app, ownership),
        Answer::Refused(refusal) => refused(&app, &refusal).await,
        Answer::Profile(grant) => {
            let body = profile::signed(&grant, &app.random, &app.authority().issuer, now)?;
            app.store.write(now, move |tx| account::record(tx, &asked, &grant)).await?;
            Ok(mobileconfig(body))
        }
    }
}

/// 401 with the address of the sign-in: what the protocol wants here, and here alone. The device is not enrolled.
fn asks_for_sign_in(app: &App, ownership: Ownership) -> Result<Response> {
    let header = service_discovery::asks_for_sign_in(&format!("{}/sign-in", base_url(app, ownership)));
    let header = HeaderValue::from_str(&header).map_err(|error| Error::internal("the public address cannot stand in a header", error))?;
    let headers = [(WWW_AUTHENTICATE, header), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok(as_it_is((StatusCode::UNAUTHORIZED, headers).into_response()))
}

async fn refused(app: &App, refusal: &Refusal) -> Result<Response> {
    let status = if matches!(refusal, Refusal::NotReady(_)) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
    page(app, status, &Refused { title: say(NOT_LET_IN), words: &refusal.words() }).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Beginning {
    user_identifier: String,
}

/// The web view opens: its person is asked to sign in, unless it is clear already that this would not help.
async fn begin(State(app): State<App>, Path(ownership): Path<String>, Query(beginning): Query<Beginning>) -> Result<Response> {
    let ownership = read(&ownership)?;
    let identifier: String = beginning.user_identifier.chars().take(IDENTIFIER_MAX_CHARS).collect();
    if let Err(refusal) = app.store.read(app.now(), |tx| account::discover(tx, "")).await? {
        return refused(&app, &refusal).await;
    }
    let view = SignIn { ownership, user_identifier: &identifier, typed: &identifier, error: None };
    Ok(sheet(sign_in_page(&organisation(&app).await?, &view)))
}

#[derive(Deserialize)]
struct Typed {
    user_identifier: String,
    email: String,
    password: String,
}

/// Signs a person in, and tells them what it means to go on.
async fn sign_in(
    State(app): State<App>,
    Extension(desk): Extension<Arc<Desk>>,
    peer: Peer,
    Path(ownership): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response> {
    let (ownership, now) = (read(&ownership)?, app.now());
    let person_id = match desk.prove(&app, peer.addr.ip(), &typed.email, Secret::new(typed.password), now).await {
        Ok(person_id) => person_id,
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::TooOften) => {
            let view = SignIn { ownership, user_identifier: &typed.user_identifier, typed: &typed.email, error: Some(&error.message) };
            let status = if error.kind == Kind::TooOften { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
            return Ok((status, sheet(sign_in_page(&organisation(&app).await?, &view))).into_response());
        }
        Err(error) => return Err(error),
    };
    let begun_with = typed.user_identifier;
    let who = match app.store.read(now, move |tx| account::signed_in(tx, &person_id, &begun_with)).await? {
        Ok(who) => who,
        Err(refusal) => return refused(&app, &refusal).await,
    };
    let visit = app.random.token();
    let view = Told { ownership, name: &who.name, managed_account: &who.managed_account, visit: &visit };
    let content = told(&organisation(&app).await?, &view);
    let person_id = who.person_id.clone();
    desk.accounts.open(&visit, Account { who, ownership }, |open| open.who.person_id == person_id, now);
    let mut response = sheet(content);
    // The form leads to an address of the system's own, which the policy of all other pages forbids.
    let policy = HeaderValue::from_static(
        "default-src 'self'; base-uri 'none'; form-action 'self' apple-remotemanagement-user-login:; frame-ancestors 'none'; object-src 'none'",
    );
    response.headers_mut().insert(axum::http::header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

#[derive(Deserialize)]
struct Going {
    visit: String,
}

/// Gives the device the token of its person, who read what it means.
async fn go_on(State(app): State<App>, Extension(desk): Extension<Arc<Desk>>, Form(going): Form<Going>) -> Result<Response> {
    let now = app.now();
    let Some(Account { who, ownership }) = desk.accounts.take(&going.visit, now) else {
        let words = t!("This took too long, or the page was used already. Close it and sign in on the device once more.");
        return page(&app, StatusCode::GONE, &Refused { title: t!("Begin again"), words }).await;
    };
    let token = Secret::new(app.random.token());
    let location = HeaderValue::from_str(&service_discovery::result(token.expose()))
        .map_err(|error| Error::internal("a token cannot stand in a header", error))?;
    if let Err(refusal) = app.store.write(now, move |tx| account::issue(tx, token.expose(), &who, ownership)).await? {
        return refused(&app, &refusal).await;
    }
    Ok((StatusCode::PERMANENT_REDIRECT, [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}

#[cfg(test)]
mod tests;
