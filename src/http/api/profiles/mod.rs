//! `/api/v1/profiles`: uploaded configuration profiles, their versions, and whom they are assigned to.

mod scope;
mod upload;
mod views;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::groups::PageQuery;
use super::input::{Json, Query};
use super::list::{List, Page};
use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::profiles::{self, Edit};
use crate::protocol::mobileconfig::CONTENT_TYPE as PROFILE;
use crate::protocol::mobileconfig::diff::Diff;
use crate::store::profiles::{ProfileState, Standing};
pub(in crate::http) use upload::recognise;
pub(super) use views::StandingView;
use views::{ProfileView, VersionView};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, upload::create))
        .routes(routes!(show, edit, delete))
        .routes(routes!(versions, upload::add_version))
        .routes(routes!(content))
        .routes(routes!(difference))
        .routes(routes!(results))
        .routes(routes!(scope::check))
        .routes(routes!(scope::assign, scope::unassign))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ProfilesQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Profiles by name.
#[utoipa::path(get, path = "/api/v1/profiles", tag = "profiles", params(ProfilesQuery),
    responses((status = 200, description = "By name", body = List<ProfileView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<ProfilesQuery>,
) -> Result<JsonBody<List<ProfileView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let (rows, total) = app.store.read_slow(app.now(), move |tx| profiles::list(tx, &actor, after.as_ref(), fetch)).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.profile.name.clone(), row.profile.id.clone()), ProfileView::from)))
}

/// One profile.
#[utoipa::path(get, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The profile", body = ProfileView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ProfileView>> {
    let found = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &id)).await?;
    Ok(JsonBody(found.into()))
}

/// What is to change about a profile; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ProfileInput {
    /// What people call it.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    note: Option<String>,
    /// The version that devices are to have; an older one takes a mistake back.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

/// Rename a profile, note what it is for, or have devices get another of its versions.
#[utoipa::path(patch, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = String, Path, description = "Its id")),
    request_body = ProfileInput, responses((status = 200, description = "As it is now", body = ProfileView)))]
async fn edit(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<ProfileInput>,
) -> Result<JsonBody<ProfileView>> {
    let ProfileInput { name, note, version } = input;
    let work = move |tx: &crate::store::Tx| {
        profiles::edit(tx, &actor, &id, Edit { name, note, version })?;
        profiles::find(tx, &actor, &id)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// Delete a profile; it goes from every device that has it.
#[utoipa::path(delete, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| profiles::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The versions of a profile that are kept, newest first.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/versions", tag = "profiles", params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "Newest first", body = List<VersionView>)))]
async fn versions(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<VersionView>>> {
    let page = Page::<i64>::parse(query.limit, query.after.as_deref())?;
    let work = move |tx: &crate::store::Tx| {
        let current = profiles::find(tx, &actor, &id)?.profile.version;
        Ok((current, profiles::versions(tx, &actor, &id)?))
    };
    let (current, versions) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.part(versions, |version| version.version, |version| VersionView::of(version, current))?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ContentQuery {
    /// Which version; the one in use by default.
    version: Option<i64>,
}

/// A version as it was uploaded, byte for byte. It may hold passwords: who takes it is written into the audit log.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/content", tag = "profiles",
    params(("id" = String, Path, description = "Its id"), ContentQuery),
    responses((status = 200, description = "A configuration profile", content_type = "application/x-apple-aspen-config")))]
async fn content(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<ContentQuery>,
) -> Result<Response> {
    let (profile, content) = app.store.write(app.now(), move |tx| profiles::download(tx, &actor, &id, query.version)).await?;
    Ok(file(&profile.identifier, content.expose().clone()))
}

/// A profile as a file to save.
pub(in crate::http) fn file(identifier: &str, content: Vec<u8>) -> Response {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name: String = identifier.chars().filter(is_plain).collect();
    let disposition = format!("attachment; filename=\"{name}.mobileconfig\"");
    ([(CONTENT_TYPE, PROFILE.to_owned()), (CONTENT_DISPOSITION, disposition)], content).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DiffQuery {
    /// The older version; by default the one that was kept before `to`.
    from: Option<i64>,
    /// The newer version; the one in use by default.
    to: Option<i64>,
}

/// What differs between two versions, key by key; secrets are hidden.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/diff", tag = "profiles",
    params(("id" = String, Path, description = "Its id"), DiffQuery),
    responses((status = 200, description = "What differs", body = Diff)))]
async fn difference(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<DiffQuery>,
) -> Result<JsonBody<Diff>> {
    let work = move |tx: &crate::store::Tx| {
        let to = query.to.map_or_else(|| profiles::find(tx, &actor, &id).map(|found| found.profile.version), Ok)?;
        let from = match query.from {
            Some(from) => from,
            None => profiles::versions(tx, &actor, &id)?.iter().map(|version| version.version).find(|number| *number < to).unwrap_or(to),
        };
        profiles::difference(tx, &actor, &id, from, to)
    };
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// How far each device is with a profile: what cannot be and what failed first, at most 500 of each.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/results", tag = "profiles", params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "What failed first", body = List<StandingView>)))]
async fn results(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<StandingView>>> {
    let rows = app.store.read_slow(app.now(), move |tx| profiles::standings(tx, &actor, &id)).await?;
    part(rows, &query)
}

/// The part of the devices that is asked for.
pub(super) fn part(rows: Vec<Standing>, query: &PageQuery) -> Result<JsonBody<List<StandingView>>> {
    let page = Page::<(bool, String)>::parse(query.limit, query.after.as_deref())?;
    let key = |row: &Standing| (row.state == ProfileState::Unable, row.enrollment_id.clone());
    Ok(JsonBody(page.part(rows, key, StandingView::from)?))
}
