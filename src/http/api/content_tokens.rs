//! `/api/v1/content-tokens`: locations of Apps and Books, and the people that Apple knows there.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::groups::PageQuery;
use super::input::Query;
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::content_tokens::{Meant, bring, take_over};
use crate::mdm::Right;
use crate::mdm::licences::errands;
use crate::mdm::licences::invitations::{self, Known};
use crate::mdm::licences::tokens::{self, Standing};
use crate::store::content_tokens::TokenState;
use crate::store::licences::users::UserState;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
        .routes(routes!(claim))
        .routes(routes!(sync))
        .routes(routes!(users))
        .routes(routes!(invite))
}

/// A location of Apps and Books. Its token is never shown.
#[derive(Debug, Serialize, ToSchema)]
struct ContentTokenView {
    /// UUIDv7.
    id: String,
    /// Apple's id of the location, the same after every renewal.
    location_uid: String,
    /// The location's name.
    location: String,
    /// The organisation that the token names.
    organisation: String,
    /// The country of its store, two letters.
    country: String,
    /// Whether it may be assigned from.
    state: TokenState,
    /// Which other server has claimed it; empty where none has.
    other_server: String,
    /// Why the last round with Apple failed; empty where it did not.
    problem: String,
    /// Whether it is the practice classroom's.
    practice: bool,
    /// The token's end.
    expires_at: Timestamp,
    /// When Apple's book was last read.
    synced_at: Option<Timestamp>,
    /// Apps and books that it owns.
    assets: usize,
    /// Licences that it owns, those of free apps left out.
    owned: u64,
    /// Licences in use, whoever assigned them.
    in_use: u64,
    /// When the token came.
    uploaded_at: Timestamp,
}

impl From<Standing> for ContentTokenView {
    fn from(standing: Standing) -> Self {
        let Standing { token, assets, owned, in_use, .. } = standing;
        Self {
            id: token.id,
            location_uid: token.location_uid,
            location: token.location,
            organisation: token.organisation,
            country: token.country,
            state: token.state,
            other_server: token.other_server,
            problem: token.problem,
            practice: token.practice,
            expires_at: token.expires_at,
            synced_at: token.synced_at,
            assets,
            owned,
            in_use,
            uploaded_at: token.uploaded_at,
        }
    }
}

/// Locations, oldest first.
#[utoipa::path(get, path = "/api/v1/content-tokens", tag = "licences", params(PageQuery),
    responses((status = 200, description = "Oldest first", body = List<ContentTokenView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<ContentTokenView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let key = |standing: &Standing| (standing.token.created_at, standing.token.id.clone());
    // There are so few that they are read whole; the page keeps to the convention of every list.
    let mut rows = app.store.read_slow(app.now(), move |tx| tokens::list(tx, &actor)).await?;
    let total = rows.len() as u64;
    rows.retain(|standing| page.after.as_ref().is_none_or(|after| key(standing) > *after));
    Ok(JsonBody(page.answer(rows, total, key, ContentTokenView::from)))
}

/// A content token that is brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContentTokenInput {
    /// The .vpptoken file's text as it is, or the file in base64 once more.
    #[schema(min_length = 1, max_length = 32768)]
    file: String,
    /// Whether the location is to be taken over from another server that has claimed it.
    #[serde(default)]
    take_over: bool,
    /// Whether it is meant also where it ends before the one of the same location that is here.
    #[serde(default)]
    older: bool,
}

/// Bring a content token, new or renewed. A location that another server has claimed is kept as `taken` and nothing is assigned from it.
#[utoipa::path(post, path = "/api/v1/content-tokens", tag = "licences", request_body = ContentTokenInput,
    responses((status = 201, description = "Kept", body = ContentTokenView),
        (status = 400, description = "What was sent is named for what it is, or Apple does not take it"),
        (status = 409, description = "It ends before the one that is here, and `older` does not say that it is meant"),
        (status = 502, description = "Apple could not be asked; nothing was kept")))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<ContentTokenInput>) -> Result<Answer> {
    let Post { body, once } = post;
    actor.require(Right::Configure)?;
    let text = body.file.trim();
    // A script may wrap the file as it wraps every other one; the file is base64 itself.
    let unwrapped = STANDARD.decode(text).ok().filter(|inner| STANDARD.decode(inner.trim_ascii()).is_ok());
    let file = unwrapped.unwrap_or_else(|| text.as_bytes().to_vec());
    let token = bring(&app, &actor, &file, false, Meant { take_over: body.take_over, older: body.older }).await.map_err(at_file)?;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| Answer::new(StatusCode::CREATED, &ContentTokenView::from(tokens::find(tx, &actor, &token.id)?)))
        })
        .await
}

fn at_file(error: Error) -> Error {
    match error.kind {
        crate::error::Kind::BadInput if error.fields.is_empty() => Error::field("file", error.message.into_owned()),
        _ => error,
    }
}

/// One location.
#[utoipa::path(get, path = "/api/v1/content-tokens/{id}", tag = "licences", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The location", body = ContentTokenView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ContentTokenView>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| tokens::find(tx, &actor, &id)).await?.into()))
}

/// What the removal of a location ended.
#[derive(Debug, Serialize, ToSchema)]
struct Ended {
    /// Licences that were held or on their way from it. Apple's book is as it was.
    licences: usize,
    /// Of these, those that are still wanted and have to come from another location.
    wanted: usize,
}

/// Remove a location: what Apple has assigned stays assigned there, and is neither counted nor changed here any more.
#[utoipa::path(delete, path = "/api/v1/content-tokens/{id}", tag = "licences", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What that ended", body = Ended)))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Ended>> {
    let ending = app.store.write(app.now(), move |tx| tokens::remove(tx, &actor, &id)).await?;
    Ok(JsonBody(Ended { licences: ending.licences, wanted: ending.wanted }))
}

/// Take a location over from the server that has claimed it. That one stops assigning when it notices.
#[utoipa::path(post, path = "/api/v1/content-tokens/{id}/claim", tag = "licences", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "It is ours", body = ContentTokenView)))]
async fn claim(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ContentTokenView>> {
    let token = take_over(&app, &actor, &id).await?;
    Ok(JsonBody(app.store.read(app.now(), |tx| tokens::find(tx, &actor, &token.id)).await?.into()))
}

/// Read Apple's book of a location now.
#[utoipa::path(post, path = "/api/v1/content-tokens/{id}/sync", tag = "licences", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is read within seconds")))]
async fn sync(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    actor.require(Right::Configure)?;
    app.store
        .write(app.now(), move |tx| {
            tokens::find(tx, &actor, &id)?;
            errands::hurry(tx, &id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A person that Apple knows in a location.
#[derive(Debug, Serialize, ToSchema)]
struct LicenceUserView {
    /// The person's id, which is Apple's clientUserId too.
    person_id: String,
    /// Their name; empty when they are not here any more.
    name: String,
    /// How they stand.
    state: UserState,
    /// The Managed Apple Account that Apple was told.
    managed_apple_id: String,
    /// Where they accept their invitation; for those alone who may pass it on, and while it is not accepted.
    invitation_url: Option<String>,
    /// When it was last sent to their devices.
    invited_at: Option<Timestamp>,
    /// Why Apple refused; empty where it did not.
    problem: String,
}

impl From<Known> for LicenceUserView {
    fn from(known: Known) -> Self {
        let Known { user, name, link } = known;
        Self {
            person_id: user.person_id,
            name,
            state: user.state,
            managed_apple_id: user.managed_apple_id,
            invitation_url: link.map(|link| link.expose().clone()),
            invited_at: user.invited_at,
            problem: user.problem,
        }
    }
}

/// The people that Apple knows in a location, or is to know, by id.
#[utoipa::path(get, path = "/api/v1/content-tokens/{id}/users", tag = "licences",
    params(("id" = String, Path, description = "The location's id"), PageQuery),
    responses((status = 200, description = "By id", body = List<LicenceUserView>)))]
async fn users(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<LicenceUserView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let mut rows = app.store.read_slow(app.now(), move |tx| invitations::list(tx, &actor, &id)).await?;
    let total = rows.len() as u64;
    rows.retain(|known| page.after.as_ref().is_none_or(|after| known.user.person_id > *after));
    Ok(JsonBody(page.answer(rows, total, |known| known.user.person_id.clone(), LicenceUserView::from)))
}

/// How many devices an invitation was sent to.
#[derive(Debug, Serialize, ToSchema)]
struct Invited {
    /// The devices.
    devices: usize,
}

/// Send a person's invitation to their devices once more.
#[utoipa::path(post, path = "/api/v1/content-tokens/{id}/users/{person}/invitation", tag = "licences",
    params(("id" = String, Path, description = "The location's id"), ("person" = String, Path, description = "The person's id")),
    responses((status = 200, description = "Sent", body = Invited)))]
async fn invite(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, person)): Path<(String, String)>,
) -> Result<JsonBody<Invited>> {
    let devices = app.store.write(app.now(), move |tx| invitations::send_again(tx, &actor, &id, &person)).await?;
    Ok(JsonBody(Invited { devices }))
}
