//! `/api/v1/provisioning-profiles`: uploaded provisioning profiles, and whom they are assigned to.

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::groups::PageQuery;
use super::input::{Query, read};
use super::list::{List, Page};
use super::once::{Answer, Head};
use super::profiles::{StandingView, part};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Right;
use crate::mdm::provisioning::{self, Overview, Recognised};
use crate::protocol::provision::{Facts, MAX_BYTES};
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
        .routes(routes!(content))
        .routes(routes!(results))
        .routes(routes!(assign, unassign))
}

/// A provisioning profile.
#[derive(Debug, Serialize, ToSchema)]
struct ProvisioningView {
    /// UUIDv7.
    id: String,
    /// Its UUID, by which devices know it.
    uuid: String,
    /// What it is called.
    name: String,
    /// When it ends.
    expires_at: Timestamp,
    /// What it says.
    facts: Facts,
    /// What is doubtful about it, in sentences.
    warnings: Vec<String>,
    /// The groups that it is assigned to.
    group_ids: Vec<String>,
    /// Who uploaded it.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl From<Overview> for ProvisioningView {
    fn from(found: Overview) -> Self {
        Self {
            id: found.profile.id,
            uuid: found.profile.uuid,
            name: found.profile.name,
            expires_at: found.profile.expires_at,
            warnings: found.profile.facts.doubt().into_iter().collect(),
            facts: found.profile.facts,
            group_ids: found.assignments.into_iter().map(|assignment| assignment.group_id).collect(),
            created_by: found.profile.created_by,
            created_at: found.profile.created_at,
        }
    }
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

/// Provisioning profiles by name.
#[utoipa::path(get, path = "/api/v1/provisioning-profiles", tag = "provisioning", params(ListQuery),
    responses((status = 200, description = "By name", body = List<ProvisioningView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<ListQuery>,
) -> Result<JsonBody<List<ProvisioningView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &Tx| provisioning::list(tx, &actor, after.as_ref().map(|(name, id)| (name.as_str(), id.as_str())), fetch);
    let (rows, total) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.profile.name.clone(), row.profile.id.clone()), ProvisioningView::from)))
}

/// Recognises a profile beside the async runtime: a signature takes a while.
pub(in crate::http) async fn recognise(content: Vec<u8>) -> Result<Recognised> {
    let reading = tokio::task::spawn_blocking(move || provisioning::recognise(content));
    reading.await.map_err(|error| Error::internal("the provisioning profile could not be read", error))?
}

/// Upload a provisioning profile as it is; the same one again is the same.
#[utoipa::path(post, path = "/api/v1/provisioning-profiles", tag = "provisioning",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The .mobileprovision file"),
    responses((status = 201, description = "Kept", body = ProvisioningView), (status = 200, description = "It is here already", body = ProvisioningView),
        (status = 400, description = "It is none, or no device could use it; the reason is said"),
        (status = 409, description = "Another one with the same UUID is here, or there are too many")))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, request: Request) -> Result<Answer> {
    actor.require(Right::Configure)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !["application/octet-stream", "application/x-apple-aspen-mobileprovision"].contains(&kind) {
        return Err(Error::bad_input(t!("Send the file as it is, with the header Content-Type: application/octet-stream.")));
    }
    let head = Head::of(&request)?;
    let bytes = read(request, MAX_BYTES).await?;
    let once = head.once(&bytes);
    let brought = recognise(bytes.to_vec()).await?;
    let deed = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let (kept, is_new) = provisioning::create(tx, &actor, &brought)?;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Answer::new(status, &ProvisioningView::from(kept))
        })
    };
    app.store.write(app.now(), deed).await
}

/// One provisioning profile.
#[utoipa::path(get, path = "/api/v1/provisioning-profiles/{id}", tag = "provisioning", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The profile", body = ProvisioningView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ProvisioningView>> {
    let found = app.store.read_slow(app.now(), move |tx| provisioning::find(tx, &actor, &id)).await?;
    Ok(JsonBody(found.into()))
}

/// Delete a provisioning profile; it goes from every device that has it.
#[utoipa::path(delete, path = "/api/v1/provisioning-profiles/{id}", tag = "provisioning", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| provisioning::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The file as it was uploaded, byte for byte.
#[utoipa::path(get, path = "/api/v1/provisioning-profiles/{id}/content", tag = "provisioning", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The .mobileprovision file", content_type = "application/octet-stream")))]
async fn content(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<Response> {
    actor.require(Right::Configure)?;
    let bytes = app.store.read_slow(app.now(), move |tx| provisioning::content(tx, &id)).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// How far each device is with a provisioning profile: what cannot be and what failed first, at most 500 of each.
#[utoipa::path(get, path = "/api/v1/provisioning-profiles/{id}/results", tag = "provisioning",
    params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "What failed first", body = List<StandingView>)))]
async fn results(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<StandingView>>> {
    let rows = app.store.read_slow(app.now(), move |tx| provisioning::standings(tx, &actor, &id)).await?;
    part(rows, &query)
}

/// Assign a provisioning profile to a group: its devices get it before the apps that need it.
#[utoipa::path(put, path = "/api/v1/provisioning-profiles/{id}/groups/{group_id}", tag = "provisioning",
    params(("id" = String, Path, description = "Its id"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 200, description = "As it is now", body = ProvisioningView)))]
async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
) -> Result<JsonBody<ProvisioningView>> {
    let work = move |tx: &Tx| {
        provisioning::assign(tx, &actor, &id, &group_id)?;
        provisioning::find(tx, &actor, &id)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// Take a provisioning profile back from a group; it goes from the group's devices.
#[utoipa::path(delete, path = "/api/v1/provisioning-profiles/{id}/groups/{group_id}", tag = "provisioning",
    params(("id" = String, Path, description = "Its id"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 204, description = "Taken back")))]
async fn unassign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| provisioning::unassign(tx, &actor, &id, &group_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
