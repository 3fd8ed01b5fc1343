//! Extractors: a handler that takes one of these is reached only by whom it names.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::gate::Gate;
use super::{cookie, origin};
use crate::error::{Error, Kind, Result};
use crate::http::error::as_it_is;
use crate::http::pages::parts::encode;
use crate::http::pages::problem::{ProblemView, problem};
use crate::http::server::{Listener, Peer};
use crate::language::say;
use crate::mdm::Actor;
use crate::mdm::admins::sessions::{self, Client, Known};
use crate::mdm::admins::tokens;
use crate::store::sessions::Session;
use crate::store::{SoftFact, Tx};

/// The user name with which tools of the Nano world send an API token by HTTP Basic.
const NANO_USER: &str = "nanomdm";

/// Who sent the request: a person by session, a script by token, the command line by the control socket. Anybody else is refused.
#[derive(Debug, Clone)]
pub struct Authenticated(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Identified::from_request_parts(parts, state).await.map(|identified| Self(identified.actor))
    }
}

/// [`Authenticated`], with what proved it: for handlers that end or renew the proof itself.
#[derive(Debug, Clone)]
pub struct Identified {
    /// Who it is.
    pub actor: Actor,
    /// What proved it.
    pub proof: Proof,
}

impl<S: Send + Sync> FromRequestParts<S> for Identified {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let identified = identify(parts).await?;
        identified.ok_or_else(|| unauthenticated(t!("Log in, or send an API token as `Authorization: Bearer rc_…`.")))
    }
}

/// What proves who sent a request.
#[derive(Debug, Clone)]
pub enum Proof {
    /// The control socket, which only this machine's user can open.
    Console,
    /// An API token, by its SHA-256.
    Token(Vec<u8>),
    /// A browser's session.
    Session(Session),
}

impl Proof {
    /// What tells one log-in or token from another; empty for the console.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Console => &[],
            Self::Token(hash) => hash,
            Self::Session(session) => &session.token_hash,
        }
    }

    /// Who it makes its bearer now; nobody once it was revoked or is over.
    pub fn recall(&self, tx: &Tx) -> Result<Option<Actor>> {
        Ok(match self {
            Self::Console => Some(Actor::Console),
            Self::Token(hash) => tokens::recall(tx, hash)?.map(|known| known.actor),
            Self::Session(session) => sessions::recall(tx, &session.token_hash)?.map(|known| known.actor),
        })
    }
}

/// Who sent the request, or nobody in particular. Wrong credentials are refused all the same.
#[derive(Debug, Clone)]
pub struct MaybeActor(pub Option<Actor>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeActor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(identify(parts).await?.map(|identified| identified.actor)))
    }
}

/// A person in front of our page. Anybody else is led to the log-in, and back afterwards.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The person.
    pub actor: Actor,
    /// Their session.
    pub session: Session,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let identified = match identify(parts).await {
            Err(error) if error.message == say(SECOND_FACTOR_FIRST) => return Err(Redirect::to("/account/second-factor").into_response()),
            identified => identified.map_err(IntoResponse::into_response)?,
        };
        match identified {
            Some(Identified { actor, proof: Proof::Session(session) }) => Ok(Self { actor, session }),
            // Only browsers come here; a form whose session ended meanwhile cannot be sent again by a link.
            _ if parts.method == Method::GET => Err(Redirect::to(&log_in_address(parts)).into_response()),
            _ => Err(as_it_is((StatusCode::UNAUTHORIZED, problem(&ProblemView::logged_out())).into_response())),
        }
    }
}

/// A tool of the Nano world: HTTP Basic with an API token as the password of [`NANO_USER`], or what [`Authenticated`] takes.
#[derive(Debug, Clone)]
pub struct NanoTool(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for NanoTool {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let found = match basic(&parts.headers) {
            Some(password) => token(parts, &password).await,
            None => identify(parts).await,
        };
        match found {
            Ok(Some(identified)) => Ok(Self(identified.actor)),
            Ok(None) => Err(ask_for_basic()),
            Err(error) if error.kind == Kind::Unauthenticated => Err(ask_for_basic()),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// A request without a session that may not come from another site's page: a log-in, the first run. Tells where it came from.
#[derive(Debug, Clone)]
pub struct FromOurPage {
    /// Where it came from, for the session.
    pub client: Client,
    /// Whether the browser speaks HTTPS.
    pub secure: bool,
    /// What it shows of an earlier log-in; nothing of it is judged yet.
    pub known: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for FromOurPage {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let peer = Peer::from_request_parts(parts, state).await?;
        origin::refuse_another_site(parts, &peer)?;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let secure = cookie::is_secure(&peer, &parts.headers);
        let known = cookie::known_browser(&parts.headers, secure).map(str::to_owned);
        Ok(Self { client: Client { address: peer.addr.ip(), user_agent }, secure, known })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Gate {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        gate(parts).cloned()
    }
}

/// Finds out who sent a request.
///
/// # Errors
/// Unauthenticated for credentials that are wrong; forbidden for a change under a session that another site's page asks for.
async fn identify(parts: &Parts) -> Result<Option<Identified>> {
    // Every request comes through a listener; without one it is our own fault.
    let peer: &Peer = parts.extensions.get().ok_or_else(|| Error::new(Kind::Internal, t!("The request came through no listener.")))?;
    if peer.listener == Listener::Control {
        return Ok(Some(Identified { actor: Actor::Console, proof: Proof::Console }));
    }
    if let Some(header) = parts.headers.get(AUTHORIZATION) {
        let text = bearer(header.as_bytes()).ok_or_else(|| unauthenticated(t!("Send the API token as `Authorization: Bearer rc_…`.")))?;
        let found = token(parts, text).await?;
        return found
            .map(Some)
            .ok_or_else(|| unauthenticated(t!("This API token is unknown, revoked or expired. An owner makes a new one under System.")));
    }
    let Some(value) = cookie::session_token(&parts.headers, cookie::is_secure(peer, &parts.headers)) else { return Ok(None) };
    let gate = gate(parts)?;
    let now = gate.clock().now();
    let Some(known) = gate.store().read(now, |tx| sessions::identify(tx, value)).await? else { return Ok(None) };
    let Known { actor, session, used, lacks_second_factor } = known;
    origin::require_own_page(parts, peer, &session.csrf)?;
    if lacks_second_factor && !is_about_oneself(parts.uri.path()) {
        return Err(Error::forbidden(say(SECOND_FACTOR_FIRST)));
    }
    note(gate, used);
    Ok(Some(Identified { actor, proof: Proof::Session(session) }))
}

/// What is said to whoever has to set their second factor up first.
const SECOND_FACTOR_FIRST: &str = msg!("Your role needs a second factor. Set it up under your account, then go on.");

/// Addresses for one's own log-in, which stay open to whoever has to set their second factor up.
fn is_about_oneself(path: &str) -> bool {
    let is_under = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ["/account", "/login", "/logout", "/api/v1/session", "/api/v1/sessions", "/api/v1/second-factor"].into_iter().any(is_under)
}

/// Who the API token `text` makes its bearer.
async fn token(parts: &Parts, text: &str) -> Result<Option<Identified>> {
    let gate = gate(parts)?;
    let found = gate.store().read(gate.clock().now(), |tx| tokens::identify(tx, text)).await?;
    Ok(found.map(|tokens::Known { actor, token_hash, used }| {
        note(gate, used);
        Identified { actor, proof: Proof::Token(token_hash) }
    }))
}

fn note(gate: &Gate, used: Option<SoftFact>) {
    if let Some(fact) = used {
        gate.store().soft(fact, gate.clock().now());
    }
}

fn gate(parts: &Parts) -> Result<&Gate> {
    parts.extensions.get().ok_or_else(|| Error::new(Kind::Internal, t!("The request came past the gate.")))
}

fn bearer(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The password of HTTP Basic, if that is what was sent; empty, which is no token, when it cannot be read or the user is another.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, pair) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(pair.trim()).ok().and_then(|pair| String::from_utf8(pair).ok()).unwrap_or_default();
    let password = pair.split_once(':').filter(|(user, _)| *user == NANO_USER).map(|(_, password)| password);
    Some(password.unwrap_or_default().to_owned())
}

fn unauthenticated(message: &'static str) -> Error {
    Error::new(Kind::Unauthenticated, message)
}

/// What tools of the Nano world expect when they must say who they are: the very answer of NanoMDM, its realm included.
fn ask_for_basic() -> Response {
    let headers =
        [(WWW_AUTHENTICATE, "Basic realm=\"nanomdm\""), (CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    as_it_is((StatusCode::UNAUTHORIZED, headers, "Unauthorized\n").into_response())
}

/// The log-in page, which leads back to where the person wanted to go.
fn log_in_address(parts: &Parts) -> String {
    match parts.uri.path_and_query().map(axum::http::uri::PathAndQuery::as_str) {
        None | Some("/") => "/login".to_owned(),
        Some(wanted) => format!("/login?next={}", encode(wanted)),
    }
}
