//! On the devices of which groups a policy is wanted.

use axum::Json as JsonBody;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::input::Json;
use super::views::PolicyView;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::policies;

/// How a policy is assigned.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyScopeInput {
    /// When the assignment ends by itself; null for never.
    ends_at: Option<Timestamp>,
}

/// Assign a policy to a group; again, to change its end. Without a body it has none.
#[utoipa::path(put, path = "/api/v1/policies/{id}/groups/{group_id}", tag = "policies",
    params(("id" = String, Path, description = "The policy's id"), ("group_id" = String, Path, description = "The group's id")),
    request_body = PolicyScopeInput, responses((status = 200, description = "The policy with its groups", body = PolicyView)))]
pub(super) async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
    request: Request,
) -> Result<JsonBody<PolicyView>> {
    // A body without a type is none: what has one is read as JSON or refused.
    let has_body = request.headers().contains_key(CONTENT_TYPE);
    let input = if has_body { Json::<PolicyScopeInput>::from_request(request, &()).await?.0 } else { PolicyScopeInput::default() };
    let work = move |tx: &crate::store::Tx| {
        policies::assign(tx, &actor, &id, &group_id, input.ends_at)?;
        PolicyView::of(tx, &actor, policies::find(tx, &actor, &id)?)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?))
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
