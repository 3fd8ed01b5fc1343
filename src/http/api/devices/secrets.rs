//! `/api/v1/devices/{id}/secrets`: what is held for a device.

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::commands::CommandView;
use super::super::once::{Answer, Head};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::devices::{self, Purged};
use crate::mdm::setup_assistant;
use crate::store::Tx;
use crate::store::escrow::{EscrowKind, Held};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(held, purge)).routes(routes!(reveal)).routes(routes!(renew_admin_password))
}

/// A secret held for a device, without its value.
#[derive(Debug, Serialize, ToSchema)]
struct HeldView {
    /// What reveals it.
    id: String,
    /// Which secret it is.
    kind: EscrowKind,
    /// What it was for.
    note: String,
    /// Whether the device's enrollment uses it still; such a one is removed only when that is over.
    in_use: bool,
    /// When it was stored; of one in use, when its enrollment began.
    created_at: Timestamp,
}

impl From<Held> for HeldView {
    fn from(held: Held) -> Self {
        Self { id: held.id, kind: held.kind, note: held.note, in_use: held.in_use, created_at: held.created_at }
    }
}

/// The secrets held for a device, without their values.
#[utoipa::path(get, path = "/api/v1/devices/{id}/secrets", tag = "devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Those in use, then the others, newest first", body = Vec<HeldView>)))]
async fn held(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Vec<HeldView>>> {
    let held = app.store.read(app.now(), |tx| devices::held(tx, &actor, &id)).await?;
    Ok(JsonBody(held.into_iter().map(HeldView::from).collect()))
}

/// A secret with its value.
#[derive(Debug, Serialize, ToSchema)]
struct Revealed {
    /// Which secret it is.
    kind: EscrowKind,
    /// As text, where it is text.
    value: Option<String>,
    /// In base64.
    value_base64: String,
}

/// Show one secret; an Owner's right, and every time is audited.
#[utoipa::path(post, path = "/api/v1/devices/{id}/secrets/{secret}/reveal", tag = "devices",
    params(("id" = String, Path, description = "The device's id"), ("secret" = String, Path, description = "The secret's id")),
    responses((status = 200, description = "The secret", body = Revealed)))]
async fn reveal(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, secret)): Path<(String, String)>,
) -> Result<JsonBody<Revealed>> {
    let (kind, value) = app.store.write(app.now(), move |tx| devices::reveal(tx, &actor, &id, &secret)).await?;
    Ok(JsonBody(Revealed { kind, value: String::from_utf8(value.expose().clone()).ok(), value_base64: STANDARD.encode(value.expose()) }))
}

/// What became of a purge.
#[derive(Debug, Serialize, ToSchema)]
struct PurgedView {
    /// Secrets that were removed for good.
    removed: usize,
    /// Secrets that stay, because the device is enrolled and uses them. Retire or delete the device to remove them too.
    in_use: usize,
}

/// Remove every secret that is held for a device, for good, but what its living enrollment uses; an Owner's right.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/secrets", tag = "devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What was removed, and what stays in use", body = PurgedView)))]
async fn purge(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<PurgedView>> {
    let Purged { removed, in_use } = app.store.write(app.now(), move |tx| devices::purge(tx, &actor, &id)).await?;
    Ok(JsonBody(PurgedView { removed, in_use }))
}

/// Give the administrator that Setup Assistant made on a Mac a new password, which is kept among its secrets; the Mac is told at its next connection.
#[utoipa::path(post, path = "/api/v1/devices/{id}/admin-password", tag = "devices",
    params(("id" = String, Path, description = "Its id, serial number or UDID")),
    responses((status = 201, description = "The command is queued", body = CommandView),
        (status = 409, description = "No administrator was made on this device")))]
async fn renew_admin_password(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    request: Request,
) -> Result<Answer> {
    let once = Head::of(&request)?.once(&[]);
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let queued = setup_assistant::new_password(tx, &actor, &id)?;
            Answer::new(StatusCode::CREATED, &CommandView::from(queued))
        })
    };
    app.store.write(app.now(), work).await
}
