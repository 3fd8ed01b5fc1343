//! How apps stand on devices, asking for them, and what they say of themselves.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::input::Query;
use super::super::list::{List, Page};
use super::parsed;
use super::views::{AppFeedback, AppOnDevice, AppStateView};
use crate::app::App;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::{apps, devices};
use crate::store::app_states::Stage;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DevicesQuery {
    /// Only those at this stage, or at one of several with commas between them: `installed`, `declined,failed` …
    stage: Option<String>,
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// How far each device is with an app, by the device's name.
#[utoipa::path(get, path = "/api/v1/apps/{id}/devices", tag = "apps",
    params(("id" = String, Path, description = "The app's id"), DevicesQuery),
    responses((status = 200, description = "By the device's name", body = List<AppOnDevice>)))]
pub(super) async fn devices(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<DevicesQuery>,
) -> Result<JsonBody<List<AppOnDevice>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let named = query.stage.iter().flat_map(|named| named.split(','));
    let stages: Vec<Stage> = named.filter_map(|stage| parsed("stage", Some(stage)).transpose()).collect::<Result<_>>()?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &crate::store::Tx| apps::of_app(tx, &actor, &id, &stages, after.as_ref(), fetch);
    let (rows, total) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.device_name.clone(), row.enrollment_id.clone()), AppOnDevice::from)))
}

/// How every app stands that a device is to have, may ask for, or still has, by name.
#[utoipa::path(get, path = "/api/v1/devices/{id}/apps/states", tag = "apps",
    params(("id" = String, Path, description = "The device's id or Nano id")),
    responses((status = 200, description = "By name", body = Vec<AppStateView>)))]
pub(super) async fn of_device(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<Vec<AppStateView>>> {
    let work = move |tx: &crate::store::Tx| {
        let device = devices::find(tx, &actor, &id)?;
        apps::of_device(tx, &actor, &device.id)
    };
    let rows = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(rows.into_iter().map(AppStateView::from).collect()))
}

/// Ask again for an app on a device: what was declined or deleted, what failed or waits, what is the person's own. One that may be asked for is asked for;
/// one that is there by a declaration is looked at anew by the device, and updated where there is a newer version.
#[utoipa::path(put, path = "/api/v1/devices/{id}/apps/{app_id}/ask", tag = "apps",
    params(("id" = String, Path, description = "The device's id or Nano id"), ("app_id" = String, Path, description = "The app's id")),
    responses((status = 200, description = "As it stands now", body = AppStateView)))]
pub(super) async fn ask(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, app_id)): Path<(String, String)>,
) -> Result<JsonBody<AppStateView>> {
    let work = move |tx: &crate::store::Tx| {
        let device = devices::find(tx, &actor, &id)?;
        apps::ask_again(tx, &actor, &device.id, &app_id)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// Have an optional app removed from a device again; the person may ask for it anew.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/apps/{app_id}/ask", tag = "apps",
    params(("id" = String, Path, description = "The device's id or Nano id"), ("app_id" = String, Path, description = "The app's id")),
    responses((status = 200, description = "As it stands now", body = AppStateView),
        (status = 409, description = "It is required there, and would come back")))]
pub(super) async fn withdraw(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, app_id)): Path<(String, String)>,
) -> Result<JsonBody<AppStateView>> {
    let work = move |tx: &crate::store::Tx| {
        let device = devices::find(tx, &actor, &id)?;
        apps::withdraw(tx, &actor, &device.id, &app_id)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// What apps on a device said of themselves, as they last said it. It is the apps' own text: trust none of it.
#[utoipa::path(get, path = "/api/v1/devices/{id}/apps/feedback", tag = "apps",
    params(("id" = String, Path, description = "The device's id or Nano id")),
    responses((status = 200, description = "By bundle identifier", body = Vec<AppFeedback>)))]
pub(super) async fn feedback(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<Vec<AppFeedback>>> {
    let work = move |tx: &crate::store::Tx| {
        let device = devices::find(tx, &actor, &id)?;
        apps::feedback(tx, &actor, &device.id)
    };
    let rows = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(rows.into_iter().map(AppFeedback::from).collect()))
}

/// How many apps are asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppsAsked {
    /// Their number; what they say comes when the device connects.
    apps: usize,
}

/// Ask the apps on a device now for what they have to say; it is done every day anyway.
#[utoipa::path(post, path = "/api/v1/devices/{id}/apps/feedback", tag = "apps",
    params(("id" = String, Path, description = "The device's id or Nano id")),
    responses((status = 202, description = "Asked", body = AppsAsked), (status = 409, description = "No app of this server is there")))]
pub(super) async fn read_feedback(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<(StatusCode, JsonBody<AppsAsked>)> {
    let work = move |tx: &crate::store::Tx| {
        let device = devices::find(tx, &actor, &id)?;
        apps::read_feedback_now(tx, &actor, &device.id)
    };
    let apps = app.store.write(app.now(), work).await?;
    Ok((StatusCode::ACCEPTED, JsonBody(AppsAsked { apps })))
}
