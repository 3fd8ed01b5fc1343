//! `/access/v1`: managed apps ask whether they may go on, and bring copies of offline edits.
//!
//! Apps come here, not devices: no answer here can cost an enrollment.

mod desk;
mod guesses;
mod installations;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::json;

pub use desk::{ASK_EVERY, ASKS_AT_ONCE, HASHES_AT_ONCE, HASHES_WAITING_MAX, STRANGER_EVERY, STRANGERS_AT_ONCE};
pub use installations::{CHANGE_EVERY, CHANGES_AT_ONCE};

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::error::Audience;
use crate::http::limits;
use crate::http::server::Peer;
use crate::mdm::access::copies::{self, COPY_MAX_BYTES, NewCopy};
use crate::mdm::access::{self, Ask, Shown, keys};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::pki::jws::{Jws, JwsError, MAX_JWS_BYTES};
use crate::protocol::grant::{Claims, GRANT_TYPE, GrantRequest};
use crate::store::offline_copies;
use desk::Desk;

/// The media type of a JWS in compact form (RFC 7515 §9.2.1).
const JOSE: &str = "application/jose";

/// The addresses for apps.
pub(super) fn routes() -> Router<App> {
    let desk = Arc::new(Desk::default());
    let asks = Router::new().route("/access/v1/grant", post(grant)).route("/access/v1/keys", get(published));
    let kept = Router::new().route("/access/v1/copies", post(keep));
    let asks = limits::group(Audience::Api, MAX_JWS_BYTES, asks);
    asks.merge(limits::group(Audience::Api, COPY_MAX_BYTES, kept)).layer(Extension(desk))
}

/// Answers an ask with a signed grant or a signed refusal; what cannot be told apart from a stranger's is a plain 401.
async fn grant(
    State(app): State<App>,
    Extension(desk): Extension<Arc<Desk>>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let now = app.now();
    let (request, certificate) = read(&app, &headers, &body, now)?;
    let mut ask = Ask { request, certificate, person: None };
    desk.count(&ask, now)?;
    ask.person = desk.prove(&app, peer.addr.ip(), &ask, now).await?;
    let (asked, iss) = (ask.clone(), app.public_url.clone());
    // The answer leaves after the commit, so that no number is ever given twice.
    let granted = match app.store.write(now, move |tx| access::grant(tx, &iss, &asked)).await {
        Ok(granted) => granted,
        Err(error) => {
            if error.kind == Kind::Unauthenticated {
                desk.note(&app, peer.addr.ip(), &ask, None, &error, now).await?;
                return Err(desk.stranger(peer.addr.ip(), error, now));
            }
            return Err(error);
        }
    };
    let signer = desk.signer(&app, &granted.key_id, now).await?;
    let said = serde_json::to_vec(&granted.claims).map_err(|error| Error::internal("a grant could not be written", error))?;
    Ok(([(CONTENT_TYPE, JOSE), (CACHE_CONTROL, "no-store")], signer.sign(&said)?).into_response())
}

/// Reads an ask: JSON, or a JWS over it whose signature is verified here; whose certificate it is, the room decides.
fn read(app: &App, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(GrantRequest, Option<Shown>)> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok((GrantRequest::parse(body)?, None)),
        JOSE => {
            let jws = Jws::parse(body)?;
            let chain = jws.certificates(|der| app.known.read(der))?;
            let signer = chain.first().ok_or(JwsError::NoCertificate)?;
            jws.verify_by(signer)?;
            let roots = app.roots();
            let mut ours = std::iter::once(&roots.current).chain(&roots.former);
            let is_ours = ours.any(|authority| signer.is_issued_by(authority.issuer.certificate()));
            let shown = Shown { fingerprint: signer.fingerprint(), is_ours, is_in_its_time: signer.is_valid_at(now) };
            Ok((GrantRequest::parse(jws.payload())?, Some(shown)))
        }
        _ => Err(Error::bad_input(t!("Send JSON as application/json, or a JWS over it as application/jose."))),
    }
}

/// The keys by which grants are verified, as a JSON Web Key Set.
async fn published(State(app): State<App>) -> Result<Response> {
    let known = app.store.read(app.now(), keys::published).await?;
    let known = if known["keys"].as_array().is_some_and(Vec::is_empty) {
        app.store.write(app.now(), |tx| keys::prepare(tx).and_then(|()| keys::published(tx))).await?
    } else {
        known
    };
    Ok(([(CACHE_CONTROL, "no-cache")], Json(known)).into_response())
}

/// What a copy is called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyQuery {
    document: String,
}

/// Keeps a copy of an offline edit under a grant, or under the refusal that tells the app to erase it.
async fn keep(State(app): State<App>, Query(query): Query<CopyQuery>, headers: HeaderMap, body: Bytes) -> Result<Response> {
    let now = app.now();
    let claims = bearer(&app, &headers, now).await?;
    let media_type = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/octet-stream").to_owned();
    copies::check_names(&query.document, &media_type)?;
    if body.is_empty() {
        return Err(Error::bad_input(t!("The copy is empty. Send the document as the body.")));
    }
    let id = app.random.uuid_v7(now).to_string();
    // Sealing takes a millisecond for each megabyte: not on the one thread that writes.
    let sealed = app.store.read(now, |tx| offline_copies::seal(tx, &id, &body)).await?;
    let new = NewCopy { id, document: query.document, media_type, size_bytes: body.len(), sha256: sha256(&body), sealed };
    let (copy, is_new) = app.store.write(now, move |tx| copies::add(tx, &claims, new)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let said = json!({ "id": copy.id, "document": copy.document, "version": copy.version, "size_bytes": copy.size_bytes, "sha256": hex(&copy.sha256),
                       "created_at": copy.created_at, "keep_until": copy.keep_until });
    Ok((status, [(CACHE_CONTROL, "no-store")], Json(said)).into_response())
}

/// The grant that is shown, if one of our keys signed it.
async fn bearer(app: &App, headers: &HeaderMap, now: Timestamp) -> Result<Claims> {
    let unproven = || Error::new(Kind::Unauthenticated, t!("Send the grant as `Authorization: Bearer …`."));
    let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    let (_, text) = said.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).ok_or_else(unproven)?;
    let jws = Jws::parse(text.as_bytes()).map_err(|error| unproven().caused_by(error))?;
    let id = jws.key_id().filter(|_| jws.kind() == Some(GRANT_TYPE)).ok_or_else(unproven)?.to_owned();
    let key = app.store.read(now, |tx| keys::public(tx, &id)).await?.ok_or_else(unproven)?;
    jws.verify_es256(&key).map_err(|error| unproven().caused_by(error))?;
    serde_json::from_slice(jws.payload()).map_err(|error| unproven().caused_by(error))
}
