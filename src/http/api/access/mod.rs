//! `/api/v1/apps/{id}/access`: who may use an app that asks here, who has asked, the copies it brought; and the keys that sign.

mod archive;
mod copies;
mod names;
mod passwords;
mod views;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::access::{self, Policy, keys};
use crate::store::Tx;
use views::{AccessInput, AccessKeyView, AccessNothing, AccessPreview, AccessView, HolderView};

pub(in crate::http) use archive::archive_of as copies_archive;
pub(in crate::http) use copies::download as copy_download;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(show, set, remove))
        .routes(routes!(preview))
        .routes(routes!(holders))
        .routes(routes!(list_keys, rotate))
        .merge(copies::routes())
        .merge(passwords::routes())
}

/// Who may use an app. Without a policy, `policy` is null and nobody has to ask; `sensible` is what a new one begins with.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access", tag = "access", params(("id" = String, Path, description = "The app's id")),
    responses((status = 200, description = "The policy", body = AccessView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AccessView>> {
    let found = app.store.read(app.now(), |tx| access::show(tx, &actor, &id)).await?;
    Ok(JsonBody(found.into()))
}

/// Set who may use an app; what is left out is as in `sensible`.
#[utoipa::path(put, path = "/api/v1/apps/{id}/access", tag = "access", params(("id" = String, Path, description = "The app's id")),
    request_body = AccessInput, responses((status = 200, description = "As it is now", body = AccessView)))]
async fn set(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AccessInput>,
) -> Result<JsonBody<AccessView>> {
    let AccessInput { policy, revision } = input;
    let policy: Policy = policy.unwrap_or_default();
    let found = app.store.write(app.now(), move |tx| access::set(tx, &actor, &id, policy, revision)).await?;
    Ok(JsonBody(found.into()))
}

/// Who would be told to erase what an app holds if this were set, and is not now. Nothing changes.
#[utoipa::path(post, path = "/api/v1/apps/{id}/access/preview", tag = "access", params(("id" = String, Path, description = "The app's id")),
    request_body = AccessInput, responses((status = 200, description = "Who would be told to erase", body = AccessPreview)))]
async fn preview(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AccessInput>,
) -> Result<JsonBody<AccessPreview>> {
    let policy = input.policy.unwrap_or_default().checked()?;
    let erased = app.store.read_slow(app.now(), move |tx| access::erased_by(tx, &actor, &id, &policy)).await?;
    Ok(JsonBody(erased.into()))
}

/// Let nobody ask for an app any more.
#[utoipa::path(delete, path = "/api/v1/apps/{id}/access", tag = "access", params(("id" = String, Path, description = "The app's id")),
    responses((status = 204, description = "Removed")))]
async fn remove(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| access::remove(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Who has asked for an app, and what they were told last.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/holders", tag = "access",
    params(("id" = String, Path, description = "The app's id"), PageQuery),
    responses((status = 200, description = "By id", body = List<HolderView>)))]
async fn holders(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<HolderView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &Tx| access::holders(tx, &actor, &id, after.as_deref(), fetch);
    let (rows, (total, ..)) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| row.standing.holder.clone(), HolderView::from)))
}

/// The keys by which grants are verified, the one that signs first.
#[utoipa::path(get, path = "/api/v1/access/keys", tag = "access", responses((status = 200, description = "The one that signs first", body = Vec<AccessKeyView>)))]
async fn list_keys(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Vec<AccessKeyView>>> {
    let rows = app.store.read(app.now(), |tx| keys::list(tx, &actor)).await?;
    Ok(JsonBody(rows.into_iter().map(AccessKeyView::from).collect()))
}

/// Have a new key sign from now on. Grants that the one before signed stay good.
#[utoipa::path(post, path = "/api/v1/access/keys", tag = "access", request_body = AccessNothing,
    responses((status = 201, description = "The keys, the new one first", body = Vec<AccessKeyView>)))]
async fn rotate(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<AccessNothing>) -> Result<Answer> {
    let Post { body: AccessNothing {}, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            keys::rotate(tx, &actor)?;
            let rows: Vec<_> = keys::list(tx, &actor)?.into_iter().map(AccessKeyView::from).collect();
            Answer::new(StatusCode::CREATED, &rows)
        })
    };
    app.store.write(app.now(), work).await
}
