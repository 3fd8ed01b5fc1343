//! The doors for a person who brings a device in: the invitation's page and its profile, and the page that explains our root.

mod service;

use std::borrow::Cow;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::Markup;
use serde::Deserialize;

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::error::Audience;
use crate::http::limits::{self, FORM_MAX_BYTES};
use crate::http::pages::enroll::{EnrollState, EnrollView, Guess, enroll};
use crate::http::pages::trust::{NextRoot, TrustView, trust};
use crate::http::server::Peer;
use crate::http::strangers::Strangers;
use crate::mdm::attestation::{self, Claim, Mode, PLATFORMS};
use crate::mdm::enroll::Addresses;
use crate::mdm::enroll::invitations::{self, Unusable};
use crate::mdm::enroll::profile::{self, Grant, ORGANISATION};
use crate::mdm::enroll::profile_service;
use crate::pki::certificate::Certificate;
use crate::protocol::machine_info::MESSAGE_MAX_BYTES;
use crate::protocol::mobileconfig::CONTENT_TYPE as PROFILE;
use crate::protocol::platform::Platform;
use crate::store::{Tx, settings};

/// The MIME type by which devices offer to install a certificate.
const CERTIFICATE: &str = "application/x-x509-ca-cert";

/// Letters of a typed code that are looked at.
const CODE_TYPED_MAX: usize = 64;

/// The addresses for a person at a device.
pub fn routes() -> Router<App> {
    let routes = Router::new()
        .route("/enroll", get(without_code))
        .route("/enroll/{code}", get(page))
        .route("/enroll/{code}/profile", get(download))
        .merge(trust_routes());
    let service = Router::new().route("/enroll/{code}/service", post(service::answer));
    let routes = limits::group(Audience::Person, FORM_MAX_BYTES, routes).layer(Extension(Strangers::default()));
    routes.merge(limits::group(Audience::Person, MESSAGE_MAX_BYTES, service))
}

/// The page that explains our root, which plain HTTP serves too: without it nothing else can be opened without a warning.
pub fn trust_routes() -> Router<App> {
    Router::new().route("/trust", get(trust_page)).route("/trust/root.cer", get(root)).route("/trust/next-root.cer", get(next_root))
}

/// What was typed into the page that asks for a code.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    code: String,
}

/// Asks for the code of an invitation, for who comes here without a link: from a device's own address, or from the page that explains our root.
async fn without_code(State(app): State<App>, Query(typed): Query<Typed>, headers: HeaderMap) -> Result<Response> {
    let letters = |letter: &char| letter.is_ascii_alphanumeric();
    let code: String = typed.code.chars().filter(letters).take(CODE_TYPED_MAX).collect::<String>().to_ascii_uppercase();
    if !code.is_empty() {
        return Ok(Redirect::to(&format!("/enroll/{code}")).into_response());
    }
    let organisation = app.store.read(app.now(), |tx| settings::value(tx, &ORGANISATION)).await?.unwrap_or_default();
    let address = format!("{}/enroll", app.public_url);
    let view = EnrollView { organisation, address, guess: guess(&headers), state: EnrollState::NoCode, now: app.now() };
    Ok(([(CACHE_CONTROL, "no-store")], enroll(&view)).into_response())
}

async fn page(
    State(app): State<App>,
    Extension(strangers): Extension<Strangers>,
    peer: Peer,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let now = app.now();
    let state = {
        let code = code.clone();
        app.store
            .read(now, move |tx| match invitations::open(tx, &code)? {
                Ok(invitation) => match profile::ready(tx, &invitation) {
                    Ok(()) => Ok(Ok(None)),
                    Err(error) if error.kind == Kind::Conflict => Ok(Ok(Some(error.message))),
                    Err(error) => Err(error),
                },
                Err(unusable) => Ok(Err(unusable)),
            })
            .await?
    };
    if state == Err(Unusable::Unknown) {
        strangers.count(peer.addr.ip(), now)?;
    }
    show(&app, &headers, &code, state).await
}

/// The page of an invitation: what stands in the way of it in words, where something does.
async fn show(app: &App, headers: &HeaderMap, code: &str, state: Result<Option<Cow<'static, str>>, Unusable>) -> Result<Response> {
    let now = app.now();
    let (organisation, expired_at) = {
        let code = code.to_owned();
        app.store
            .read(now, move |tx| {
                let expired_at = crate::store::invitations::by_code(tx, &code)?.and_then(|invitation| invitation.expires_at);
                Ok((settings::value(tx, &ORGANISATION)?.unwrap_or_default(), expired_at))
            })
            .await?
    };
    let (status, state) = match state {
        Ok(None) => (
            StatusCode::OK,
            EnrollState::Ready {
                profile_url: format!("/enroll/{code}/profile"),
                trust_url: app.shows_own_tls().then(|| String::from("/trust")),
            },
        ),
        Ok(Some(words)) => (StatusCode::SERVICE_UNAVAILABLE, EnrollState::NotReady(words)),
        Err(Unusable::Expired) => (StatusCode::GONE, EnrollState::Expired(expired_at.unwrap_or(now))),
        Err(Unusable::UsedUp) => (StatusCode::GONE, EnrollState::Used),
        Err(Unusable::Unknown) => (StatusCode::NOT_FOUND, EnrollState::Unknown),
    };
    let address = format!("{}/enroll/{code}", app.public_url);
    let view = EnrollView { organisation, address, guess: guess(headers), state, now };
    Ok((status, [(CACHE_CONTROL, "no-store")], enroll(&view)).into_response())
}

fn guess(headers: &HeaderMap) -> Guess {
    Guess::from_user_agent(agent(headers))
}

fn agent(headers: &HeaderMap) -> &str {
    headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
}

/// What a person says of the device, where its browser does not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chosen {
    device: String,
}

/// The signed profile. Whatever stands in the way is a page, never a broken download.
async fn download(
    State(app): State<App>,
    Extension(strangers): Extension<Strangers>,
    peer: Peer,
    Path(code): Path<String>,
    Query(chosen): Query<Chosen>,
    headers: HeaderMap,
) -> Result<Response> {
    let now = app.now();
    match first_phase(&app, &code).await {
        Ok(Some(body)) => return Ok(mobileconfig(body)),
        // What else stands in the way is said below.
        Ok(None) => {}
        Err(error) if error.kind == Kind::Conflict => return show(&app, &headers, &code, Ok(Some(error.message))).await,
        Err(error) => return Err(error),
    }
    let claim = Claim::read(agent(&headers), chosen.device.parse().ok());
    let grant = match grant(&app, &code, claim).await {
        Ok(Ok(grant)) => grant,
        Ok(Err(NoProfile::Unusable(unusable))) => {
            if unusable == Unusable::Unknown {
                strangers.count(peer.addr.ip(), now)?;
            }
            return show(&app, &headers, &code, Err(unusable)).await;
        }
        Ok(Err(NoProfile::Unproven(words))) => return unproven(&app, &headers, &code, words).await,
        Err(error) if error.kind == Kind::Conflict => return show(&app, &headers, &code, Ok(Some(error.message))).await,
        Err(error) => return Err(error),
    };
    let authority = app.authority();
    let body = profile::signed(&grant, &app.random, &authority.issuer, now)?;
    app.store.write(now, move |tx| profile::record(tx, &grant)).await?;
    Ok(mobileconfig(body))
}

/// The signed profile that asks a device who it is, if the invitation does that first.
pub async fn first_phase(app: &App, code: &str) -> Result<Option<Vec<u8>>> {
    let (code, base) = (code.to_owned(), app.public_url.clone());
    match app.store.read(app.now(), move |tx| profile_service::question(tx, &code, &base)).await? {
        Ok(Some(question)) => service::first(app, question).map(Some),
        Ok(None) | Err(_) => Ok(None),
    }
}

/// Why an invitation gives no profile.
pub enum NoProfile {
    /// It cannot be used.
    Unusable(Unusable),
    /// The device may not come in, or has not said what it is: the words for its person.
    Unproven(String),
}

impl From<NoProfile> for Error {
    fn from(why: NoProfile) -> Self {
        match why {
            NoProfile::Unusable(Unusable::Unknown) => Self::not_found(Unusable::Unknown.words()),
            NoProfile::Unusable(unusable) => Self::conflict(unusable.words()),
            NoProfile::Unproven(words) => Self::conflict(words),
        }
    }
}

/// What the profile of an invitation says to a device of which this is said; its challenge is not good before it is recorded.
pub async fn grant(app: &App, code: &str, claim: Claim) -> Result<Result<Grant, NoProfile>> {
    let (code, addresses) = (code.to_owned(), Addresses::under(&app.public_url));
    let make = move |tx: &Tx| match profile::of_invitation(tx, &code, addresses)? {
        Ok(grant) => Ok(profile::proven(tx, grant, &claim)?.map_err(NoProfile::Unproven)),
        Err(unusable) => Ok(Err(NoProfile::Unusable(unusable))),
    };
    app.store.read(app.now(), make).await
}

/// The page for who does not come in like this: what the person can say, for a device that can prove it.
async fn unproven(app: &App, headers: &HeaderMap, code: &str, words: String) -> Result<Response> {
    let look = |tx: &Tx| Ok((settings::value(tx, &ORGANISATION)?.unwrap_or_default(), attestation::policy(tx)?));
    let (organisation, policy) = app.store.read(app.now(), look).await?;
    let profile = |platform: Platform| format!("/enroll/{code}/profile?device={platform}");
    let ways = PLATFORMS.into_iter().map(|platform| (platform, policy.of(platform) == Mode::Require, profile(platform))).collect();
    let state = EnrollState::Unproven { words, ways };
    let address = format!("{}/enroll/{code}", app.public_url);
    let view = EnrollView { organisation, address, guess: guess(headers), state, now: app.now() };
    Ok((StatusCode::FORBIDDEN, [(CACHE_CONTROL, "no-store")], enroll(&view)).into_response())
}

/// A profile as a device installs it.
pub fn mobileconfig(body: Vec<u8>) -> Response {
    let headers =
        [(CONTENT_TYPE, PROFILE), (CONTENT_DISPOSITION, "attachment; filename=\"enroll.mobileconfig\""), (CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

async fn trust_page(State(app): State<App>, headers: HeaderMap) -> Result<Markup> {
    let roots = app.roots();
    let certificate = roots.current.issuer.certificate();
    let organisation = app.store.read(app.now(), |tx| settings::value(tx, &ORGANISATION)).await?.unwrap_or_default();
    Ok(trust(&TrustView {
        organisation,
        certificate_name: certificate.common_name().unwrap_or_default(),
        fingerprint: certificate.fingerprint().in_pairs(),
        download_url: String::from("/trust/root.cer"),
        next: roots.next.as_ref().map(|next| NextRoot {
            certificate_name: next.common_name().unwrap_or_default(),
            fingerprint: next.fingerprint().in_pairs(),
            download_url: String::from("/trust/next-root.cer"),
        }),
        after_url: format!("{}/enroll", app.public_url),
        guess: guess(&headers),
    }))
}

async fn root(State(app): State<App>) -> Response {
    certificate(app.authority().issuer.certificate(), "attachment; filename=\"rollcall-root.cer\"")
}

async fn next_root(State(app): State<App>) -> Result<Response> {
    let roots = app.roots();
    let next = roots.next.as_ref().ok_or_else(|| Error::not_found(t!("There is no next certificate yet.")))?;
    Ok(certificate(next, "attachment; filename=\"rollcall-next-root.cer\""))
}

/// A certificate as devices offer to install it.
fn certificate(certificate: &Certificate, disposition: &'static str) -> Response {
    ([(CONTENT_TYPE, CERTIFICATE), (CONTENT_DISPOSITION, disposition)], certificate.der().to_vec()).into_response()
}
