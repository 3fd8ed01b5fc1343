//! `/api/v1/packages` and `/api/v1/apps/{id}/packages`: apps of the house as files, their versions, and for whom each is meant.

mod uploads;
mod views;

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Head};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::upload;
use crate::mdm::packages;
use crate::store::Tx;
use crate::store::packages::Stage;
pub(super) use uploads::routes as uploads;
use views::{AppPackagesView, HeldView, PackageView};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list))
        .routes(routes!(show, edit, delete))
        .routes(routes!(versions, set_pilot))
        .routes(routes!(try_again))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Apps of your own that have packages, by name.
#[utoipa::path(get, path = "/api/v1/packages", tag = "packages", params(ListQuery),
    responses((status = 200, description = "By name", body = List<HeldView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<ListQuery>,
) -> Result<JsonBody<List<HeldView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &Tx| packages::list(tx, &actor, after.as_ref().map(|(name, id)| (name.as_str(), id.as_str())), fetch);
    let (rows, total) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.name.clone(), row.app_id.clone()), HeldView::from)))
}

/// One version of an app.
#[utoipa::path(get, path = "/api/v1/packages/{id}", tag = "packages", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The version", body = PackageView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<PackageView>> {
    let found = app.store.read_slow(app.now(), move |tx| PackageView::of(tx, packages::find(tx, &actor, &id)?)).await?;
    Ok(JsonBody(found))
}

/// For whom a version is to be meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PackageInput)]
struct EditInput {
    /// `pilot`: the app's pilot group; `everyone`: all others that the app is assigned to; `kept`: nobody. The version that was meant for the same
    /// before is kept.
    stage: Stage,
}

/// Say for whom a version is meant: forward from the pilot group to everyone, or back to an older version.
#[utoipa::path(patch, path = "/api/v1/packages/{id}", tag = "packages", params(("id" = String, Path, description = "Its id")),
    request_body = EditInput, responses((status = 200, description = "As it is now", body = PackageView),
        (status = 409, description = "Nobody would have a version of an app that is assigned; the groups are named")))]
async fn edit(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<EditInput>,
) -> Result<JsonBody<PackageView>> {
    let work = move |tx: &Tx| PackageView::of(tx, packages::stage(tx, &actor, &id, input.stage)?);
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Delete a version and its file.
#[utoipa::path(delete, path = "/api/v1/packages/{id}", tag = "packages", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted"), (status = 409, description = "It is in use; the groups are named")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    upload::delete(&app, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of an app of your own, and how new ones come to devices.
#[utoipa::path(get, path = "/api/v1/apps/{id}/packages", tag = "packages", params(("id" = String, Path, description = "The app's id")),
    responses((status = 200, description = "Its versions, newest first", body = AppPackagesView)))]
async fn versions(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<AppPackagesView>> {
    let work = move |tx: &Tx| AppPackagesView::of(tx, packages::versions(tx, &actor, &id)?);
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// The group that gets new versions first.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PilotInput {
    /// A group's id, or null for none: then a version on trial is kept, and everyone has the same.
    #[schema(value_type = Option<String>)]
    pilot_group_id: Value,
}

/// Choose the group that gets new versions of an app first.
#[utoipa::path(patch, path = "/api/v1/apps/{id}/packages", tag = "packages", params(("id" = String, Path, description = "The app's id")),
    request_body = PilotInput, responses((status = 200, description = "As it is now", body = AppPackagesView)))]
async fn set_pilot(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<PilotInput>,
) -> Result<JsonBody<AppPackagesView>> {
    let group = match input.pilot_group_id {
        Value::Null => None,
        Value::String(id) => Some(id),
        _ => return Err(Error::field("pilot_group_id", t!("a group's id, or null"))),
    };
    let work = move |tx: &Tx| {
        packages::set_pilot(tx, &actor, &id, group.as_deref())?;
        AppPackagesView::of(tx, packages::versions(tx, &actor, &id)?)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Try once more whether devices can fetch an app from the public address; `problem` tells what came of it, within seconds.
#[utoipa::path(post, path = "/api/v1/apps/{id}/packages/try", tag = "packages", params(("id" = String, Path, description = "The app's id")),
    responses((status = 202, description = "It is tried", body = AppPackagesView)))]
async fn try_again(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    request: Request,
) -> Result<Answer> {
    let once = Head::of(&request)?.once(b"");
    let deed = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            packages::try_again(tx, &actor, &id)?;
            Answer::new(StatusCode::ACCEPTED, &AppPackagesView::of(tx, packages::versions(tx, &actor, &id)?)?)
        })
    };
    app.store.write(app.now(), deed).await
}
