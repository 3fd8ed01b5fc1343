//! On the devices of which groups an app is wanted, or may be asked for.

use axum::Json as JsonBody;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::input::Json;
use super::views::AppGroup;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::apps::{self, Lack, Shortage};
use crate::store::assignments::AssignedMode;

/// How an app is assigned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AppAssignInput {
    /// `required`: it is installed. `optional`: the person may ask for it in the catalogue.
    mode: AssignedMode,
    /// When it goes by itself; null for never.
    ends_at: Option<Timestamp>,
}

impl Default for AppAssignInput {
    fn default() -> Self {
        Self { mode: AssignedMode::Required, ends_at: None }
    }
}

/// An app that is assigned, and the licences that are missing for it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppAssigned {
    /// As it is assigned now.
    assignment: AppGroup,
    /// Who lacks how many licences; nobody where this is empty. Who gets a licence gets the app.
    shortages: Vec<Shortage>,
    /// What else devices lack, such as a value for its configuration, or what hides it there, such as a policy's list of apps; nothing where this is
    /// empty.
    lacks: Vec<Lack>,
}

/// Assign an app to a group; again, to change its mode or end. Without a body it is required, without an end.
#[utoipa::path(put, path = "/api/v1/apps/{id}/groups/{group_id}", tag = "apps",
    params(("id" = String, Path, description = "The app's id"), ("group_id" = String, Path, description = "The group's id")),
    request_body = AppAssignInput, responses((status = 200, description = "Assigned", body = AppAssigned)))]
pub(super) async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
    request: Request,
) -> Result<JsonBody<AppAssigned>> {
    let has_body = request.headers().contains_key(CONTENT_TYPE);
    let input = if has_body { Json::<AppAssignInput>::from_request(request, &()).await?.0 } else { AppAssignInput::default() };
    let work = move |tx: &crate::store::Tx| apps::assign(tx, &actor, &id, &group_id, input.mode, input.ends_at);
    let (assignment, shortages, lacks) = app.store.write(app.now(), work).await?;
    Ok(JsonBody(AppAssigned { assignment: assignment.into(), shortages, lacks }))
}

/// Take an app back from a group; it goes from the group's devices, and its licences come back.
#[utoipa::path(delete, path = "/api/v1/apps/{id}/groups/{group_id}", tag = "apps",
    params(("id" = String, Path, description = "The app's id"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 204, description = "Taken back")))]
pub(super) async fn unassign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| apps::unassign(tx, &actor, &id, &group_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
