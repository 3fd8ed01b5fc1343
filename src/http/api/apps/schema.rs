//! `/api/v1/apps/{id}/configuration-schema`: what an app's maker says of its configuration.

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::input::read;
use crate::http::auth::Authenticated;
use crate::mdm::Right;
use crate::mdm::apps::schema::{self, Brought};
use crate::protocol::app_config::{MAX_BYTES, Schema};
use crate::store::Tx;

/// What an app's maker says of its configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppSchemaView {
    /// What it says.
    schema: Schema,
    /// Who brought it.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl From<Brought> for AppSchemaView {
    fn from(brought: Brought) -> Self {
        let Brought { schema, created_by, created_at } = brought;
        Self { schema, created_by, created_at }
    }
}

/// What an app's maker says of its configuration.
#[utoipa::path(get, path = "/api/v1/apps/{id}/configuration-schema", tag = "apps", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The keys, in the order and the groups of the form", body = AppSchemaView),
        (status = 404, description = "There is no such app, or nobody has brought its file")))]
pub(super) async fn show(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<AppSchemaView>> {
    let found = app.store.read_slow(app.now(), move |tx| schema::find(tx, &actor, &id)?.ok_or_else(schema::none)).await?;
    Ok(JsonBody(found.into()))
}

/// Bring the specification file of an app (appconfig.xml), in the place of one before. What is set stays as it is.
#[utoipa::path(put, path = "/api/v1/apps/{id}/configuration-schema", tag = "apps", params(("id" = String, Path, description = "Its id")),
    request_body(content = Vec<u8>, content_type = "application/xml", description = "The file, as it is"),
    responses((status = 200, description = "As it is now", body = AppSchemaView),
        (status = 400, description = "It is no such file, or another app's; the reason is said"),
        (status = 409, description = "The app's identifier is not known yet")))]
pub(super) async fn bring(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    request: Request,
) -> Result<JsonBody<AppSchemaView>> {
    actor.require(Right::Configure)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !["application/xml", "text/xml", "application/octet-stream"].contains(&kind) {
        return Err(Error::bad_input(t!("Send the file as it is, with the header Content-Type: application/xml.")));
    }
    let brought = schema::recognise(read(request, MAX_BYTES).await?.to_vec())?;
    let kept = app.store.write(app.now(), move |tx: &Tx| schema::bring(tx, &actor, &id, &brought)).await?;
    Ok(JsonBody(kept.into()))
}

/// Take the specification file of an app away; its configuration stays.
#[utoipa::path(delete, path = "/api/v1/apps/{id}/configuration-schema", tag = "apps", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Taken away")))]
pub(super) async fn take_away(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| schema::take_away(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The specification file of an app as it was brought, byte for byte.
#[utoipa::path(get, path = "/api/v1/apps/{id}/configuration-schema/content", tag = "apps", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The file", content_type = "application/xml")))]
pub(super) async fn content(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<Response> {
    let bytes = app.store.read_slow(app.now(), move |tx| schema::content(tx, &actor, &id)).await?;
    Ok(([(CONTENT_TYPE, "application/xml")], bytes).into_response())
}
