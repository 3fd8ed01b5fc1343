//! Activation Lock through Apple's service.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::groups::PageQuery;
use super::super::input::{Json, Query};
use super::super::list::{List, Page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::ade;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::ade::locks;
use crate::store::ade_locks::{Lock, LockState};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, lock)).routes(routes!(reveal))
}

/// A lock of a device, without what opens it.
#[derive(Debug, Serialize, ToSchema)]
struct LockView {
    /// UUIDv7.
    id: String,
    /// The device.
    serial_number: String,
    /// How far it is.
    state: LockState,
    /// Why Apple refused; empty where it did not.
    problem: String,
    /// What the device shows.
    message: String,
    /// When it was asked for.
    created_at: Timestamp,
}

impl From<Lock> for LockView {
    fn from(lock: Lock) -> Self {
        let Lock { id, serial_number, message, state, problem, created_at } = lock;
        Self { id, serial_number, state, problem, message, created_at }
    }
}

/// Locks of a device that were asked for here, newest first.
#[utoipa::path(get, path = "/api/v1/ade/devices/{id}/locks", tag = "new devices",
    params(("id" = String, Path, description = "The device's serial number"), PageQuery),
    responses((status = 200, description = "Newest first", body = List<LockView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<LockView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let locks = app.store.read(app.now(), move |tx| locks::of_serial(tx, &actor, &id)).await?;
    Ok(JsonBody(page.part(locks, |lock| lock.id.clone(), LockView::from)?))
}

/// What a locked device shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LockInput {
    /// A line for whoever finds it.
    #[serde(default)]
    #[schema(max_length = 500)]
    message: String,
}

/// Lock a device to the organisation through Apple. What opens it is kept here, for an Owner, before Apple is asked.
#[utoipa::path(post, path = "/api/v1/ade/devices/{id}/locks", tag = "new devices",
    params(("id" = String, Path, description = "The device's serial number")), request_body = LockInput,
    responses((status = 201, description = "Apple answered; `state` says what", body = LockView),
        (status = 409, description = "Apple does not offer it for this device")))]
async fn lock(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<LockInput>,
) -> Result<(StatusCode, JsonBody<LockView>)> {
    let lock = ade::lock(&app, &actor, &id, &input.message).await?;
    Ok((StatusCode::CREATED, JsonBody(lock.into())))
}

/// What opens a device.
#[derive(Debug, Serialize, ToSchema)]
struct BypassCodeView {
    /// It is typed where the device asks for the password of an account; the field for the account stays empty.
    bypass_code: String,
}

/// Show what opens a locked device; an Owner's right, and every time is audited.
#[utoipa::path(post, path = "/api/v1/ade/devices/{id}/locks/{lock}/reveal", tag = "new devices",
    params(("id" = String, Path, description = "The device's serial number"), ("lock" = String, Path, description = "The lock's id")),
    responses((status = 200, description = "The code", body = BypassCodeView)))]
async fn reveal(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, lock)): Path<(String, String)>,
) -> Result<JsonBody<BypassCodeView>> {
    let code = app.store.write(app.now(), move |tx| locks::reveal(tx, &actor, &id, &lock)).await?;
    Ok(JsonBody(BypassCodeView { bypass_code: String::from_utf8_lossy(code.expose()).into_owned() }))
}
