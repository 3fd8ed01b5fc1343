//! On the devices of which groups a policy is wanted.

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::input::Json;
use super::super::scope::{AssignInput, few_enough};
use super::views::{PolicyView, PolicyWarning};
use crate::app::App;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::policies;

/// Assign a policy to a group; again, to change its end. Without a body it has none. What it gets in the way of is told and does not keep it from
/// being assigned; to know that without assigning it, ask `POST /api/v1/policies/{id}/check` first.
#[utoipa::path(put, path = "/api/v1/policies/{id}/groups/{group_id}", tag = "policies",
    params(("id" = String, Path, description = "The policy's id"), ("group_id" = String, Path, description = "The group's id")),
    request_body = AssignInput, responses((status = 200, description = "The policy with its groups", body = PolicyView)))]
pub(super) async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
    request: Request,
) -> Result<JsonBody<PolicyView>> {
    let input = AssignInput::read(request).await?;
    let work = move |tx: &crate::store::Tx| {
        policies::assign(tx, &actor, &id, &group_id, input.ends_at)?;
        PolicyView::of(tx, &actor, policies::find(tx, &actor, &id)?)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Where a policy might be assigned.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyCheckInput {
    /// Ids of groups, beside those that it is assigned to.
    #[schema(max_items = 1000)]
    groups: Vec<String>,
}

/// What a policy gets in the way of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyWarnings {
    /// They forbid nothing; none where all is well.
    warnings: Vec<PolicyWarning>,
}

/// What a policy would get in the way of, without assigning it.
#[utoipa::path(post, path = "/api/v1/policies/{id}/check", tag = "policies", params(("id" = String, Path, description = "Its id")),
    request_body = PolicyCheckInput, responses((status = 200, description = "What to know", body = PolicyWarnings)))]
pub(super) async fn check(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<PolicyCheckInput>,
) -> Result<JsonBody<PolicyWarnings>> {
    few_enough(&input.groups)?;
    let work = move |tx: &crate::store::Tx| policies::check(tx, &actor, &id, &input.groups);
    let clashes = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(PolicyWarnings { warnings: clashes.into_iter().map(PolicyWarning::from).collect() }))
}

/// Take a policy back from a group; what it did on the group's devices is undone.
#[utoipa::path(delete, path = "/api/v1/policies/{id}/groups/{group_id}", tag = "policies",
    params(("id" = String, Path, description = "The policy's id"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 204, description = "Taken back")))]
pub(super) async fn unassign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| policies::unassign(tx, &actor, &id, &group_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
