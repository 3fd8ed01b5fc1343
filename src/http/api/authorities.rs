//! `/api/v1/authorities`: whose certificates are trusted here, how far the next root has come, and authorities of other servers.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::List;
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::trusted;
use crate::mdm::ca::imported::{self, Became, Imported};
use crate::mdm::ca::roots::{self, Standing};
use crate::mdm::{Actor, Right};
use crate::pki::authority_files::{self, Found};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::store::Tx;
use crate::store::authorities::{Authority, AuthorityState};

/// Files in one upload.
const FILES_MAX: usize = 8;

/// Days for which devices are taken in where nobody says otherwise.
const fn usual_days() -> u32 {
    30
}

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, import)).routes(routes!(window))
}

/// A certificate authority.
#[derive(Debug, Serialize, ToSchema)]
struct AuthorityView {
    /// Its id.
    id: String,
    /// `current` issues; `next` follows it; `retired` issued before; `imported` is another server's.
    state: AuthorityState,
    /// The name in its certificate.
    name: String,
    /// SHA-256 of its certificate, in hexadecimal.
    fingerprint: String,
    /// Its end.
    not_after_at: Timestamp,
    /// When it was made or imported.
    created_at: Timestamp,
    /// When it began to issue.
    used_from_at: Option<Timestamp>,
    /// Of the next one: when it begins to issue at the latest.
    used_at_latest: Option<Timestamp>,
    /// Of the one that devices are learning: enrolled devices that know it, practice ones left out.
    devices_known: Option<i64>,
    /// Of the one that devices are learning: all enrolled devices, practice ones left out.
    devices: Option<i64>,
    /// Of another server's: until when its devices are taken in.
    taken_until_at: Option<Timestamp>,
}

impl From<Standing> for AuthorityView {
    fn from(standing: Standing) -> Self {
        let authority = standing.authority;
        let taken_until_at = (authority.state == AuthorityState::Imported).then(|| imported::until(&authority));
        Self {
            taken_until_at,
            id: authority.id,
            state: authority.state,
            name: standing.name,
            fingerprint: standing.fingerprint.to_string(),
            not_after_at: authority.not_after_at,
            created_at: authority.created_at,
            used_from_at: authority.used_from_at,
            used_at_latest: standing.used_at_latest,
            devices_known: standing.progress.map(|progress| progress.known),
            devices: standing.progress.map(|progress| progress.devices),
        }
    }
}

/// Certificate authorities: the one that issues, the next one, former ones, those of devices that moved in. They fit on one page.
#[utoipa::path(get, path = "/api/v1/authorities", tag = "authorities",
    responses((status = 200, description = "The one that issues first", body = List<AuthorityView>)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<List<AuthorityView>>> {
    let standings = app.store.read_slow(app.now(), move |tx| roots::list(tx, &actor)).await?;
    let items: Vec<_> = standings.into_iter().map(AuthorityView::from).collect();
    Ok(JsonBody(List { total: items.len() as u64, items, next: None }))
}

/// Authorities of another server that are brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AuthorityInput {
    /// Their files, in base64: PEM, DER or PKCS#12, with the key or without.
    #[schema(min_items = 1, max_items = 8)]
    files: Vec<String>,
    /// Opens what is encrypted.
    #[schema(format = Password)]
    passphrase: Option<String>,
    /// For how many days their devices are taken in.
    #[serde(default = "usual_days")]
    #[schema(minimum = 1, maximum = 365)]
    days: u32,
    /// Only says what would become of them.
    #[serde(default)]
    check: bool,
}

/// An authority that was brought.
#[derive(Debug, Serialize, ToSchema)]
struct ImportedView {
    /// Its id; of one that was only looked at, and is new, none that stays.
    id: String,
    /// The name in its certificate.
    name: String,
    /// SHA-256 of its certificate, in hexadecimal.
    fingerprint: String,
    /// Its end.
    not_after_at: Timestamp,
    /// Until when its devices are taken in.
    taken_until_at: Timestamp,
    /// Whether its key is here, so that its SCEP goes on.
    has_key: bool,
    /// What became of it.
    outcome: Became,
    /// What is odd about it.
    warning: Option<String>,
}

/// Trust authorities of another server, whose devices move in: the first identity under one that comes for a device is bound to that device.
#[utoipa::path(post, path = "/api/v1/authorities", tag = "authorities", request_body = AuthorityInput,
    responses((status = 201, description = "Trusted; 200 where it was only looked at", body = List<ImportedView>),
        (status = 409, description = "It is an authority of this appliance itself")))]
async fn import(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<AuthorityInput>) -> Result<Answer> {
    let Post { body, once } = post;
    actor.require(Right::Govern)?;
    if body.files.is_empty() || body.files.len() > FILES_MAX {
        return Err(Error::field("files", t!("from 1 to {FILES_MAX} files", FILES_MAX)));
    }
    let read = |(index, text): (usize, &String)| {
        STANDARD.decode(text.trim()).map_err(|_| Error::field(format!("files[{index}]"), t!("is not base64; send the file in base64")))
    };
    let files = body.files.iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
    let (days, check) = (body.days, body.check);
    let found = found(files, body.passphrase).await?;
    let work = move |tx: &Tx| {
        if check {
            return looked_at(tx, &actor, &found, days);
        }
        once.run(tx, &actor, |tx| answer(StatusCode::CREATED, taken(tx, &actor, &found, days)?))
    };
    let answer = app.store.write(app.now(), work).await?;
    trusted::renew(&app).await?;
    Ok(answer)
}

/// Opening an encrypted file may take a second.
pub(in crate::http) async fn found(files: Vec<Vec<u8>>, passphrase: Option<String>) -> Result<Vec<Found>> {
    let reading = tokio::task::spawn_blocking(move || {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        authority_files::read(&files, passphrase.as_deref())
    });
    Ok(reading.await.map_err(|error| Error::internal("the files could not be read", error))??)
}

fn taken(tx: &Tx, actor: &Actor, found: &[Found], days: u32) -> Result<Vec<ImportedView>> {
    found.iter().map(|found| Ok(view(imported::import(tx, actor, &found.certificate, found.key.as_ref(), days)?, found))).collect()
}

/// What would become of them; nothing does.
fn looked_at(tx: &Tx, actor: &Actor, found: &[Found], days: u32) -> Result<Answer> {
    let seen = std::cell::RefCell::new(None);
    let undone = tx.attempt(|tx| {
        seen.replace(Some(taken(tx, actor, found, days)?));
        Err::<(), _>(Error::conflict(t!("only looked")))
    })?;
    match (seen.into_inner(), undone) {
        (Some(views), _) => answer(StatusCode::OK, views),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => answer(StatusCode::OK, Vec::new()),
    }
}

fn answer(status: StatusCode, items: Vec<ImportedView>) -> Result<Answer> {
    Answer::new(status, &List { total: items.len() as u64, items, next: None })
}

fn view(imported: Imported, found: &Found) -> ImportedView {
    let Imported { authority, became, warning } = imported;
    ImportedView {
        name: found.certificate.common_name().unwrap_or_else(|| found.certificate.subject()),
        fingerprint: found.certificate.fingerprint().to_string(),
        not_after_at: authority.not_after_at,
        taken_until_at: imported::until(&authority),
        has_key: found.key.is_some(),
        outcome: became,
        warning,
        id: authority.id,
    }
}

/// For how long devices are taken in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WindowInput {
    /// For so many more days from now; 0 from now on no longer.
    #[schema(minimum = 0, maximum = 365)]
    days: u32,
}

/// Until when devices of an authority are taken in.
#[derive(Debug, Serialize, ToSchema)]
struct WindowView {
    /// The authority's id.
    id: String,
    /// SHA-256 of its certificate, in hexadecimal.
    fingerprint: String,
    /// Until when its devices are taken in.
    taken_until_at: Timestamp,
}

/// Take devices of another server's authority in for longer, or no longer.
#[utoipa::path(post, path = "/api/v1/authorities/{id}/window", tag = "authorities", request_body = WindowInput,
    params(("id" = String, Path, description = "The authority's id")),
    responses((status = 200, description = "As it is now", body = WindowView)))]
async fn window(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<WindowInput>,
) -> Result<Answer> {
    let Post { body, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let authority: Authority = imported::set_window(tx, &actor, &id, body.days)?;
            let fingerprint: Fingerprint = Certificate::from_der(&authority.certificate)?.fingerprint();
            let view = WindowView { fingerprint: fingerprint.to_string(), taken_until_at: imported::until(&authority), id: authority.id };
            Answer::new(StatusCode::OK, &view)
        })
    };
    let answer = app.store.write(app.now(), work).await?;
    trusted::renew(&app).await?;
    Ok(answer)
}
