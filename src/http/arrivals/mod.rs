//! `/ade`: devices ask for their profile from Setup Assistant, by a signed message or in a web view; and what Apple Configurator asks.
//!
//! A device that comes here is not enrolled: no answer can cost an enrollment. What is refused is a plain page, or the code that the device's OS knows.

mod account;
mod configurator;
mod visits;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::Markup;
use serde::Deserialize;

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::enroll::mobileconfig;
use crate::http::error::{Audience, as_it_is};
use crate::http::limits;
use crate::http::pages::at_device::{Refused, SignIn, explained, refused, sign_in as sign_in_page};
use crate::http::pages::handlers::Form;
use crate::http::server::Peer;
use crate::mdm::enroll::Addresses;
use crate::mdm::enroll::automated::{self, Answer, Asked, Door, Refusal};
use crate::mdm::enroll::profile::{self, ORGANISATION};
use crate::pki::device_identity::{self, Proven, Unproven, Vouched};
use crate::protocol::machine_info::{HEADER, MESSAGE_MAX_BYTES, MachineInfo};
use crate::protocol::malformed::Malformed;
use crate::secret::Secret;
use crate::store::settings;
use visits::{Desk, Visit};

/// The cookie that names a visit of a web view.
const COOKIE_NAME: &str = "rollcall-setup";

/// The addresses for devices in Setup Assistant and for Apple Configurator.
pub(super) fn routes() -> Router<App> {
    let routes = Router::new()
        .route("/ade", get(look).post(ask))
        .route("/ade/sign-in", post(sign_in))
        .route("/ade/{code}", get(look_by_code).post(ask_by_code))
        .merge(account::routes())
        .layer(Extension(Arc::new(Desk::default())));
    limits::group(Audience::Person, MESSAGE_MAX_BYTES, routes.merge(configurator::routes()))
}

async fn ask(State(app): State<App>, body: Bytes) -> Result<Response> {
    asked(&app, body.to_vec(), Door::List).await
}

async fn ask_by_code(State(app): State<App>, Path(code): Path<String>, body: Bytes) -> Result<Response> {
    asked(&app, body.to_vec(), Door::Invitation(code)).await
}

async fn asked(app: &App, message: Vec<u8>, door: Door) -> Result<Response> {
    match prove(app, message, MachineInfo::parse).await? {
        Ok((info, by)) => answer(app, Asked { info, by, door, person_id: None }).await,
        Err(response) => Ok(response),
    }
}

async fn look(State(app): State<App>, Extension(desk): Extension<Arc<Desk>>, headers: HeaderMap) -> Result<Response> {
    looked(&app, &desk, &headers, Door::List).await
}

async fn look_by_code(
    State(app): State<App>,
    Extension(desk): Extension<Arc<Desk>>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    looked(&app, &desk, &headers, Door::Invitation(code)).await
}

/// A web view: its first request carries what the device says of itself; later ones are known by their visit.
async fn looked(app: &App, desk: &Desk, headers: &HeaderMap, door: Door) -> Result<Response> {
    let Some(header) = headers.get(HEADER) else {
        let visit = cookie(headers).filter(|visit| desk.devices.is_open(visit, app.now()));
        return match visit {
            Some(visit) => Ok(sheet(sign_in_page(&organisation(app).await?, &SignIn { visit: &visit, ..SignIn::default() }))),
            None => Ok(sheet(explained(&organisation(app).await?))),
        };
    };
    let message = STANDARD.decode(header.as_bytes().trim_ascii()).unwrap_or_default();
    let (info, by) = match prove(app, message, MachineInfo::parse).await? {
        Ok(proven) => proven,
        Err(response) => return Ok(response),
    };
    let asked = Asked { info, by, door, person_id: None };
    let asks_who = app.store.read(app.now(), automated::rules).await?.sign_in;
    // Whoever would be refused, or has to update first, is told before anybody signs in.
    if !asks_who || !matches!(decide(app, &asked).await?, Answer::Profile(_)) {
        return answer(app, asked).await;
    }
    let token = app.random.token();
    desk.open(&token, Visit { asked }, app.now());
    let mut response = sheet(sign_in_page(&organisation(app).await?, &SignIn { visit: &token, ..SignIn::default() }));
    let set = format!("{COOKIE_NAME}={token}; Path=/ade; Secure; HttpOnly; SameSite=Lax");
    let set = HeaderValue::from_str(&set).map_err(|error| Error::internal("the cookie of a visit could not be written", error))?;
    response.headers_mut().insert(SET_COOKIE, set);
    Ok(response)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value.to_owned())
}

#[derive(Deserialize)]
struct Typed {
    visit: String,
    email: String,
    password: String,
}

async fn sign_in(State(app): State<App>, Extension(desk): Extension<Arc<Desk>>, peer: Peer, Form(typed): Form<Typed>) -> Result<Response> {
    let now = app.now();
    if !desk.devices.is_open(&typed.visit, now) {
        let words = t!("This took too long, or the page is an old one. Go back in Setup Assistant and begin this step again.");
        return page(&app, StatusCode::GONE, &Refused { title: t!("Begin again"), words }).await;
    }
    match desk.prove(&app, peer.addr.ip(), &typed.email, Secret::new(typed.password), now).await {
        Ok(person_id) => {
            let Some(Visit { asked }) = desk.devices.take(&typed.visit, now) else {
                return page(
                    &app,
                    StatusCode::GONE,
                    &Refused { title: t!("Begin again"), words: t!("Somebody signed in on this page already.") },
                )
                .await;
            };
            answer(&app, Asked { person_id: Some(person_id), ..asked }).await
        }
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::TooOften) => {
            let view = SignIn { visit: &typed.visit, email: &typed.email, error: Some(&error.message) };
            let status = if error.kind == Kind::TooOften { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
            Ok((status, sheet(sign_in_page(&organisation(&app).await?, &view))).into_response())
        }
        Err(error) => Err(error),
    }
}

/// What a device says of itself and who vouches for it, or the page that says why that is not known.
async fn prove(
    app: &App,
    message: Vec<u8>,
    read: fn(&[u8]) -> Result<MachineInfo, Malformed>,
) -> Result<Result<(MachineInfo, Vouched), Response>> {
    let proven = match vouched(app, message).await? {
        Ok(proven) => proven,
        Err(response) => return Ok(Err(response)),
    };
    match read(&proven.content) {
        Ok(info) => Ok(Ok((info, proven.by))),
        Err(error) => {
            let words = t!("What the device says of itself cannot be read: {error}.", error);
            page(app, StatusCode::BAD_REQUEST, &Refused { title: t!("This device cannot be understood"), words: &words }).await.map(Err)
        }
    }
}

/// What a device has signed and who vouches for it, or the page that says why that is not known.
pub(in crate::http) async fn vouched(app: &App, message: Vec<u8>) -> Result<Result<Proven, Response>> {
    let now = app.now();
    let anchors = app.store.read(now, automated::anchors).await?;
    let is_kept = anchors.apple.is_some();
    let verified = tokio::task::spawn_blocking(move || device_identity::verify(&message, &anchors)).await;
    let proven = match verified.map_err(|panic| Error::internal("a fault in the program", panic))? {
        Ok(proven) => proven,
        Err(unproven) => return unknown(app, &unproven).await.map(Err),
    };
    if let Some(authority) = proven.carried.clone().filter(|_| !is_kept && proven.by == Vouched::Apple) {
        app.store.write(now, move |tx| automated::carried(tx, &authority)).await?;
    }
    Ok(Ok(proven))
}

async fn unknown(app: &App, unproven: &Unproven) -> Result<Response> {
    let (status, title) = match unproven {
        Unproven::Message(_) => (StatusCode::BAD_REQUEST, t!("This is no message of a device")),
        Unproven::NoAuthority => {
            app.store.write(app.now(), automated::lacks_authority).await?;
            (StatusCode::SERVICE_UNAVAILABLE, t!("This server cannot recognise devices yet"))
        }
        Unproven::Stranger(_) => (StatusCode::FORBIDDEN, t!("This is no device of Apple’s")),
    };
    let words = match unproven {
        Unproven::NoAuthority => {
            String::from(t!("It lacks a certificate of Apple’s. Whoever looks after it finds under Today what to do; then try again."))
        }
        other => t!("It cannot be let in: {other}.", other),
    };
    page(app, status, &Refused { title, words: &words }).await
}

async fn decide(app: &App, asked: &Asked) -> Result<Answer> {
    let (asked, addresses) = (asked.clone(), Addresses::under(&app.public_url));
    app.store.read(app.now(), move |tx| automated::decide(tx, &asked, addresses)).await
}

/// Answers a device whose maker vouches for it, after what it is answered was written down.
async fn answer(app: &App, asked: Asked) -> Result<Response> {
    let now = app.now();
    let answer = decide(app, &asked).await?;
    let body = match &answer {
        Answer::Profile(grant) => Some(profile::signed(grant, &app.random, &app.authority().issuer, now)?),
        Answer::Update(_) | Answer::Refused(_) => None,
    };
    let (told, error) = (answer.clone(), answer.error(&asked.info));
    app.store.write(now, move |tx| automated::record(tx, &asked, &told)).await?;
    if let Some(error) = error {
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        return Ok(as_it_is((StatusCode::FORBIDDEN, headers, error.to_json()).into_response()));
    }
    match (answer, body) {
        (Answer::Refused(refusal), _) => {
            let status = match refusal {
                Refusal::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
                Refusal::Invitation(_) => StatusCode::GONE,
                Refusal::NotListed | Refusal::NotPractice | Refusal::OtherKind(_) | Refusal::NotActive | Refusal::NotGenuine(_) => {
                    StatusCode::FORBIDDEN
                }
            };
            page(app, status, &Refused { title: t!("This device is not let in"), words: refusal.words() }).await
        }
        (_, Some(body)) => Ok(mobileconfig(body)),
        (_, None) => Err(Error::new(Kind::Internal, t!("a device was to be given a profile, and there is none"))),
    }
}

async fn organisation(app: &App) -> Result<String> {
    Ok(app.store.read(app.now(), |tx| settings::value(tx, &ORGANISATION)).await?.unwrap_or_default())
}

/// A page that says why a device is not let in.
pub(in crate::http) async fn page(app: &App, status: StatusCode, view: &Refused<'_>) -> Result<Response> {
    Ok((status, sheet(refused(&organisation(app).await?, view))).into_response())
}

fn sheet(content: Markup) -> Response {
    ([(CACHE_CONTROL, "no-store")], content).into_response()
}

#[cfg(test)]
mod tests;
