//! On the devices of which groups a profile is wanted, and what it would get in the way of there.

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::input::Json;
use super::super::scope::{AssignInput, few_enough};
use super::views::AssignmentView;
use crate::app::App;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::profiles::{self, Warning};

/// Where a profile might be assigned.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProfileCheckInput)]
pub(super) struct CheckInput {
    /// Ids of groups, beside those that it is assigned to.
    #[schema(max_items = 1000)]
    groups: Vec<String>,
    /// Which version; the one in use by default.
    version: Option<i64>,
}

/// What an admin should know before devices get it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileWarnings)]
pub(super) struct Warnings {
    /// They forbid nothing; none where all is well.
    warnings: Vec<Warning>,
}

/// What a profile would get in the way of, without assigning it.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/check", tag = "profiles", params(("id" = String, Path, description = "Its id")),
    request_body = CheckInput, responses((status = 200, description = "What to know", body = Warnings)))]
pub(super) async fn check(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<CheckInput>,
) -> Result<JsonBody<Warnings>> {
    few_enough(&input.groups)?;
    let work = move |tx: &crate::store::Tx| profiles::check(tx, &actor, &id, &input.groups, input.version);
    Ok(JsonBody(Warnings { warnings: app.store.read_slow(app.now(), work).await? }))
}

/// A profile that is assigned, and what it gets in the way of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileAssigned)]
pub(super) struct Assigned {
    /// As it is assigned now.
    assignment: AssignmentView,
    /// What an admin should know; they forbid nothing.
    warnings: Vec<Warning>,
}

/// Assign a profile to a group; again, to change its end. Without a body it has none. What it gets in the way of is told and does not keep it from
/// being assigned; to know that without assigning it, ask `POST /api/v1/profiles/{id}/check` first.
#[utoipa::path(put, path = "/api/v1/profiles/{id}/groups/{group_id}", tag = "profiles",
    params(("id" = String, Path, description = "The profile's id"), ("group_id" = String, Path, description = "The group's id")),
    request_body = AssignInput,
    responses((status = 200, description = "Assigned", body = Assigned), (status = 400, description = "A signed profile takes no end")))]
pub(super) async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
    request: Request,
) -> Result<JsonBody<Assigned>> {
    let input = AssignInput::read(request).await?;
    let work = move |tx: &crate::store::Tx| profiles::assign(tx, &actor, &id, &group_id, input.ends_at);
    let (assignment, warnings) = app.store.write(app.now(), work).await?;
    Ok(JsonBody(Assigned { assignment: assignment.into(), warnings }))
}

/// Take a profile back from a group; it goes from the group's devices.
#[utoipa::path(delete, path = "/api/v1/profiles/{id}/groups/{group_id}", tag = "profiles",
    params(("id" = String, Path, description = "The profile's id"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 204, description = "Taken back")))]
pub(super) async fn unassign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| profiles::unassign(tx, &actor, &id, &group_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
