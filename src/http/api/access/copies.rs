//! `/api/v1/apps/{id}/access/copies`: copies of offline edits, listed, read, exported, removed by age or to make room.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::input::Query;
use super::super::list::{List, Page};
use super::super::once::{Answer, Post};
use super::PageQuery;
use super::archive::archive_of;
use super::names;
use super::views::{CopyView, KeeperView};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::access::copies;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::offline_copies::{Copy, Keeper};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, remove))
        .routes(routes!(content))
        .routes(routes!(export))
        .routes(routes!(keepers))
        .routes(routes!(free))
}

/// Copies of offline edits of an app, newest first.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies", tag = "access",
    params(("id" = String, Path, description = "The app's id"), PageQuery),
    responses((status = 200, description = "Newest first", body = List<CopyView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<CopyView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &Tx| copies::list(tx, &actor, &id, after.as_ref().map(|(at, id)| (*at, id.as_str())), fetch);
    let (rows, total, _) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.created_at, row.id.clone()), CopyView::from)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RemoveQuery {
    /// Copies older than this many days are removed; at least 30.
    older_than_days: u32,
}

/// How many copies were removed.
#[derive(Debug, Serialize, ToSchema)]
struct Removed {
    /// How many.
    removed: u64,
}

/// Remove the copies of an app that are older than some days. Single copies are not removed: that is what makes them worth something.
#[utoipa::path(delete, path = "/api/v1/apps/{id}/access/copies", tag = "access",
    params(("id" = String, Path, description = "The app's id"), RemoveQuery),
    responses((status = 200, description = "How many", body = Removed)))]
async fn remove(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<RemoveQuery>,
) -> Result<JsonBody<Removed>> {
    let removed = app.store.write(app.now(), move |tx| copies::delete_older(tx, &actor, &id, query.older_than_days)).await?;
    Ok(JsonBody(Removed { removed: removed as u64 }))
}

/// The content of one copy, byte for byte. Who reads it is written into the audit log.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies/{copy}", tag = "access",
    params(("id" = String, Path, description = "The app's id"), ("copy" = String, Path, description = "The copy's id")),
    responses((status = 200, description = "The content", content_type = "application/octet-stream")))]
async fn content(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, copy)): Path<(String, String)>,
) -> Result<Response> {
    let (copy, content) = app.store.write(app.now(), move |tx| copies::read(tx, &actor, &id, &copy)).await?;
    Ok(download(&copy, &content))
}

/// A copy as a file to save. What an app brought is never shown as a page of ours.
pub(in crate::http) fn download(copy: &Copy, content: &SecretBytes) -> Response {
    let (stem, ending) = names::ending(&copy.document, &copy.media_type);
    let headers = [
        (CONTENT_TYPE, String::from("application/octet-stream")),
        (CONTENT_DISPOSITION, names::attachment(&format!("{stem} v{}{ending}", copy.version))),
        (X_CONTENT_TYPE_OPTIONS, String::from("nosniff")),
        (CONTENT_SECURITY_POLICY, String::from("sandbox; default-src 'none'")),
    ];
    (headers, content.expose().clone()).into_response()
}

/// Copies of an app in a zip archive, newest first: a folder for each device or person by name, and `index.csv`. One archive holds at most 10,000 copies
/// and 2 GiB; where there are more, the `Link` header leads to the next one. Who takes them is written into the audit log.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies.zip", tag = "access",
    params(("id" = String, Path, description = "The app's id"), ArchiveQuery),
    responses((status = 200, description = "A zip archive", content_type = "application/zip")))]
async fn export(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<ArchiveQuery>,
) -> Result<Response> {
    let page = Page::<(Timestamp, String)>::parse(None, query.after.as_deref())?;
    archive_of(&app, actor, id, page.after).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ArchiveQuery {
    /// Where this archive begins: from the `Link` of the one before.
    after: Option<String>,
}

/// Devices and people with copies of an app, those with the most bytes first, at most 50.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies/keepers", tag = "access", params(("id" = String, Path, description = "The app's id")),
    responses((status = 200, description = "Those with the most first", body = Vec<KeeperView>)))]
async fn keepers(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Vec<KeeperView>>> {
    let rows = app.store.read_slow(app.now(), move |tx| copies::keepers(tx, &actor, &id)).await?;
    Ok(JsonBody(rows.into_iter().map(KeeperView::from).collect()))
}

/// Whose copies are removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FreeInput {
    /// The device; or else name a person.
    device_id: Option<String>,
    /// The person, where the app asks for a password alone.
    person_id: Option<String>,
    /// How many copies are removed: the number that there are.
    confirm: u64,
}

/// Remove all copies of an app from one device or person, so that there is room again. It is written into the audit log, with their number.
#[utoipa::path(post, path = "/api/v1/apps/{id}/access/copies/free", tag = "access", params(("id" = String, Path, description = "The app's id")),
    request_body = FreeInput, responses((status = 200, description = "How many", body = Removed)))]
async fn free(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<FreeInput>,
) -> Result<Answer> {
    let Post { body, once } = post;
    let keeper = match (body.device_id, body.person_id) {
        (Some(device), None) => Keeper::Device(device),
        (None, Some(person)) => Keeper::Person(person),
        _ => return Err(Error::field("device_id", t!("name one device, or one person"))),
    };
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let removed = copies::free(tx, &actor, &id, keeper, body.confirm)?;
            Answer::new(StatusCode::OK, &Removed { removed })
        })
    };
    app.store.write(app.now(), work).await
}
