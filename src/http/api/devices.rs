//! `/api/v1/devices`: what is managed, and how it stands.

mod inventory;
mod returns;
mod secrets;
mod users;
mod wanted;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use super::list::{List, Page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::devices::{self, Wanted};
use crate::mdm::enroll::renewal;
use crate::mdm::{Right, declarations};
use crate::protocol::platform::Platform;
use crate::store::enrollments::EnrollmentState;
use crate::store::roster::{Filter, Listed, LostState, Sort, Standing};
use crate::store::{Tx, groups, people};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list))
        .routes(routes!(show, delete))
        .routes(routes!(retire, take_back))
        .routes(routes!(refresh))
        .routes(routes!(renew))
        .merge(inventory::routes())
        .merge(wanted::routes())
        .merge(secrets::routes())
        .merge(returns::routes())
        .merge(users::routes())
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceView {
    /// UUIDv7.
    id: String,
    /// Serial number; absent for a person's own device.
    serial_number: Option<String>,
    /// UDID; absent for a person's own device.
    udid: Option<String>,
    /// The name that its settings show.
    name: String,
    /// Apple's part number or Mac model identifier.
    model: String,
    /// For example `iPad`.
    model_name: String,
    /// For example `iPad13,18`.
    product_name: String,
    /// For example `18.1`.
    os_version: String,
    /// For example `22B83`.
    build_version: String,
    /// Family of its operating system.
    platform: Platform,
    /// Whether it is supervised; null until it has said so.
    supervised: Option<bool>,
    /// A simulated device.
    practice: bool,
    /// How it stands.
    standing: Standing,
    /// Where its enrollment stands; null if it has none.
    enrollment_state: Option<EnrollmentState>,
    /// Its own channel.
    enrollment_id: Option<String>,
    /// Commands in its queue.
    waiting_commands: i64,
    /// Profiles, declarations, required apps and updates that failed on it; `/wanted` says which and why.
    failed: i64,
    /// Required apps that it cannot have yet.
    lacking: i64,
    /// Whether it is past the deadline of an update that it does not have.
    overdue: bool,
    /// While it is lost: whether it was told to be in Lost Mode, or is.
    lost_mode: Option<LostState>,
    /// Why the last push failed; empty if it did not.
    push_error: String,
    /// The group that its invitation named.
    group: String,
    /// The person that its invitation named; whose it is now tells `used_by`.
    person: String,
    /// The groups that it is in; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<NamedView>>,
    /// The person that it is given to; null where it is nobody's.
    used_by: Option<NamedView>,
    /// When it was last heard of.
    last_seen_at: Option<Timestamp>,
    /// When it was first seen.
    created_at: Timestamp,
}

/// A group or a person beside a device.
#[derive(Debug, Serialize, ToSchema)]
struct NamedView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
}

impl From<Listed> for DeviceView {
    fn from(listed: Listed) -> Self {
        let device = listed.device;
        Self {
            id: device.id,
            serial_number: device.serial_number,
            udid: device.udid,
            name: device.name,
            model: device.model,
            model_name: device.model_name,
            product_name: device.product_name,
            os_version: device.os_version,
            build_version: device.build_version,
            platform: device.platform,
            supervised: device.supervised,
            practice: device.practice,
            standing: listed.standing,
            enrollment_state: listed.enrollment_state,
            enrollment_id: listed.enrollment_id,
            waiting_commands: listed.waiting,
            failed: listed.failed,
            lacking: listed.lacking,
            overdue: listed.overdue,
            lost_mode: listed.lost,
            push_error: listed.push_error,
            group: device.group_label,
            person: device.person_label,
            groups: None,
            used_by: None,
            last_seen_at: listed.last_seen_at,
            created_at: device.created_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DevicesQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Part of a name, serial number, UDID, model, group or person.
    search: Option<String>,
    /// ok, waiting, silent, problem or lost.
    standing: Option<Standing>,
    /// ios, macos, tvos, visionos or watchos.
    platform: Option<Platform>,
    /// A group that they are in, by id or name, or that their invitation named.
    group: Option<String>,
    /// Practice devices only, or none of them.
    practice: Option<bool>,
}

/// Devices, by name.
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", params(DevicesQuery),
    responses((status = 200, description = "By name", body = List<DeviceView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<DevicesQuery>,
) -> Result<JsonBody<List<DeviceView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let filter = Filter {
        search: query.search.unwrap_or_default(),
        standing: query.standing,
        platform: query.platform,
        group: query.group.unwrap_or_default(),
        practice: query.practice,
        ..Filter::default()
    };
    let (after, fetch) = (page.after.clone(), page.fetch());
    let (rows, total) = app
        .store
        .read_slow(app.now(), move |tx| {
            let wanted = Wanted { filter, sort: Sort::Name, descending: false };
            let after = after.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
            let (rows, counts) = devices::page(tx, &actor, &wanted, after, fetch)?;
            let rows = rows.into_iter().map(|row| Ok((used_by(tx, &row.device.id)?, row))).collect::<Result<Vec<_>>>()?;
            Ok((rows, wanted.filter.standing.map_or_else(|| counts.iter().sum(), |standing| counts[standing as usize])))
        })
        .await?;
    let key = |(_, row): &(_, Listed)| (row.sort_key.clone(), row.device.id.clone());
    Ok(JsonBody(page.answer(rows, total, key, |(used_by, row)| DeviceView { used_by, ..row.into() })))
}

/// Whose a device is.
fn used_by(tx: &Tx, device_id: &str) -> Result<Option<NamedView>> {
    Ok(people::of_device(tx, device_id)?.map(|person| NamedView { id: person.id, name: person.name }))
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", params(("id" = String, Path, description = "Its id, or the Nano id of one of its enrollments")),
    responses((status = 200, description = "The device", body = DeviceView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<DeviceView>> {
    let view = app.store.read(app.now(), |tx| {
        let listed = devices::standing(tx, &actor, &id)?;
        let groups = groups::of_device(tx, &listed.device.id)?.into_iter().map(|group| NamedView { id: group.id, name: group.name });
        Ok(DeviceView { groups: Some(groups.collect()), used_by: used_by(tx, &listed.device.id)?, ..listed.into() })
    });
    Ok(JsonBody(view.await?))
}

/// Remove a device from view. It is told nothing, and what is held for it stays held. One that is enrolled is retired first.
#[utoipa::path(delete, path = "/api/v1/devices/{id}", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 204, description = "Removed from view"), (status = 409, description = "It is enrolled; retire it first")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| devices::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Retire a device: at its next contact it is told to remove its profile.
#[utoipa::path(post, path = "/api/v1/devices/{id}/retire", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 202, description = "It will be told", body = DeviceView)))]
async fn retire(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<(StatusCode, JsonBody<DeviceView>)> {
    let listed = app
        .store
        .write(app.now(), move |tx| {
            devices::retire(tx, &actor, &id)?;
            devices::standing(tx, &actor, &id)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, JsonBody(listed.into())))
}

/// Take back that a device was retired, as long as it has not been told to leave. It stays managed, and is planned for anew.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/retire", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "It stays", body = DeviceView), (status = 409, description = "It is not retired, or was told already")))]
async fn take_back(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<DeviceView>> {
    let listed = app
        .store
        .write(app.now(), move |tx| {
            devices::take_back(tx, &actor, &id)?;
            devices::standing(tx, &actor, &id)
        })
        .await?;
    Ok(JsonBody(listed.into()))
}

/// Ask a device for its inventory and for what became of its declarations, now.
#[utoipa::path(post, path = "/api/v1/devices/{id}/refresh", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 202, description = "The questions are in its queue")))]
async fn refresh(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store
        .write(app.now(), move |tx| {
            let channel = devices::channel(tx, &actor, &id)?;
            declarations::ask_for_news(tx, &actor, &channel)
        })
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// Renew a device's identity now.
#[utoipa::path(post, path = "/api/v1/devices/{id}/renew", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 202, description = "The renewal begins")))]
async fn renew(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store
        .write(app.now(), move |tx| {
            actor.require(Right::Command)?;
            let channel = devices::channel(tx, &actor, &id)?;
            renewal::hasten(tx, &channel)
        })
        .await?;
    Ok(StatusCode::ACCEPTED)
}
