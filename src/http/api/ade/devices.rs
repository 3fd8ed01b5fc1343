//! Devices that Apple says are the organisation's, enrolled or not.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::input::{Json, Query};
use super::super::list::{List, Page};
use super::super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::ade::devices::{self, Granted, Say, Wish};
use crate::mdm::practice::cart;
use crate::store::Tx;
use crate::store::ade_devices::{AssignResult, Filter, Listed, Show};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(assign)).routes(routes!(switch_on))
}

/// A device that Apple says is ours, or was.
#[derive(Debug, Serialize, ToSchema)]
struct AdeDeviceView {
    /// Its serial number.
    serial_number: String,
    /// The server token that it is assigned to.
    server_id: String,
    /// That server's name.
    server: String,
    /// The enrolled device with this serial number; null while it is not enrolled.
    device_id: Option<String>,
    /// "iPad (10th generation)".
    model: String,
    /// Apple's description.
    description: String,
    /// Its colour, in Apple's word.
    color: String,
    /// The organisation's own tag.
    asset_tag: String,
    /// `iPhone`, `iPad`, `iPod`, `Mac`, `AppleTV` or `Vision`.
    device_family: String,
    /// `iOS`, `iPadOS`, `OSX`, `tvOS` or `visionOS`.
    os: String,
    /// How its profile is at Apple: `empty`, `assigned`, `pushed` or `removed`.
    profile_status: String,
    /// Apple's id of the profile that it has there.
    profile_uuid: String,
    /// The profile that it is to have: its own, else its group's, else its family's.
    profile_id: Option<String>,
    /// That profile's name.
    profile: Option<String>,
    /// Why Apple does not take that profile as it is now; empty where it does, or was not asked yet. The device keeps the version before.
    profile_problem: String,
    /// The profile that was chosen for it alone.
    chosen_profile_id: Option<String>,
    /// What came of the last attempt to assign it.
    result: AssignResult,
    /// When it is tried again.
    retry_at: Option<Timestamp>,
    /// Whose it will be.
    person_id: Option<String>,
    /// Their name.
    person: Option<String>,
    /// The class that it is for.
    class_id: Option<String>,
    /// Its name.
    class: Option<String>,
    /// The group that it will be in.
    group_id: Option<String>,
    /// Its name.
    group: Option<String>,
    /// When it came to the server in Apple's portal.
    assigned_at: Option<Timestamp>,
    /// Who did that.
    assigned_by: String,
    /// Since when it is not ours any more.
    gone_at: Option<Timestamp>,
    /// Until when Apple has it move between servers, without being erased.
    migrates_by_at: Option<Timestamp>,
    /// When it came here from another server, without being erased.
    migrated_at: Option<Timestamp>,
}

impl From<Listed> for AdeDeviceView {
    fn from(listed: Listed) -> Self {
        let device = listed.device;
        Self {
            serial_number: device.serial_number,
            server_id: device.server_id,
            server: listed.server,
            device_id: listed.device_id,
            model: device.model,
            description: device.description,
            color: device.color,
            asset_tag: device.asset_tag,
            device_family: device.device_family,
            os: device.os,
            profile_status: device.profile_status,
            profile_uuid: device.profile_uuid,
            profile_id: device.profile_id,
            profile: listed.profile,
            profile_problem: listed.profile_problem,
            chosen_profile_id: device.chosen_profile_id,
            result: device.result,
            retry_at: device.retry_at,
            person_id: device.person_id,
            person: listed.person,
            class_id: device.class_id,
            class: listed.class,
            group_id: device.group_id,
            group: listed.group,
            assigned_at: device.assigned_at,
            assigned_by: device.assigned_by,
            gone_at: device.gone_at,
            migrates_by_at: device.migrates_by_at,
            migrated_at: device.migrated_at,
        }
    }
}

/// Which devices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DevicesQuery {
    /// Of which server token; of all where it is left out.
    server_id: Option<String>,
    /// Which of them; `all` by default.
    #[param(inline)]
    show: Option<Show>,
    /// Part of a serial number, a model, a description or a tag.
    #[serde(default)]
    search: String,
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Devices that Apple says are ours, by serial number.
#[utoipa::path(get, path = "/api/v1/ade/devices", tag = "new devices", params(DevicesQuery),
    responses((status = 200, description = "By serial number", body = List<AdeDeviceView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<DevicesQuery>,
) -> Result<JsonBody<List<AdeDeviceView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let filter = Filter { server_id: query.server_id, show: query.show.unwrap_or(Show::All), search: query.search };
    let answer = app.store.read_slow(app.now(), move |tx| {
        let after = page.after.as_ref().map(|(serial, server)| (serial.as_str(), server.as_str()));
        let (rows, total) = devices::list(tx, &actor, &filter, after, page.fetch())?;
        Ok(page.answer(rows, total, |row| (row.device.serial_number.clone(), row.device.server_id.clone()), AdeDeviceView::from))
    });
    Ok(JsonBody(answer.await?))
}

/// One device.
#[utoipa::path(get, path = "/api/v1/ade/devices/{id}", tag = "new devices",
    params(("id" = String, Path, description = "Its serial number")),
    responses((status = 200, description = "The device", body = AdeDeviceView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AdeDeviceView>> {
    let found = app.store.read_slow(app.now(), move |tx| devices::listed(tx, &actor, &id));
    Ok(JsonBody(found.await?.into()))
}

/// What a field of a change says: nothing, null or something.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Say, D::Error> {
    Option::<String>::deserialize(deserializer).map(Say::of)
}

/// What devices are to get. What is left out stays; null takes it away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDevicesInput {
    /// Which devices, up to 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    serial_numbers: Vec<String>,
    /// A profile for these devices alone.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    profile_id: Say,
    /// Whose the device will be; for one device only.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    person_id: Say,
    /// The class that they are for: its pupils who have no device get one each, by name.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    class_id: Say,
    /// The group by hand that they will be in.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    group_id: Say,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
struct NewDevicesGranted {
    /// Devices that it was about.
    devices: usize,
    /// Pupils who get one of them.
    handed_out: usize,
    /// Pupils for whom there was none left.
    without: usize,
    /// What does not fit together and is done all the same: a device for one person whose profile has several people share it. `null` where all does.
    warning: Option<String>,
}

impl From<Granted> for NewDevicesGranted {
    fn from(granted: Granted) -> Self {
        Self { devices: granted.devices, handed_out: granted.handed_out, without: granted.without, warning: granted.doubt() }
    }
}

/// Say what devices get before they are unpacked: a profile, a person, a class, a group. All of it or nothing.
#[utoipa::path(patch, path = "/api/v1/ade/devices", tag = "new devices", request_body = NewDevicesInput,
    responses((status = 200, description = "Granted", body = NewDevicesGranted),
        (status = 400, description = "A device, or what it is to get, is not there")))]
async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<NewDevicesInput>,
) -> Result<JsonBody<NewDevicesGranted>> {
    let NewDevicesInput { serial_numbers, profile_id, person_id, class_id, group_id } = input;
    if serial_numbers.is_empty() {
        return Err(Error::field("serial_numbers", t!("names at least one device")));
    }
    let wish = Wish { profile_id, person_id, class_id, group_id };
    let granted = app.store.write(app.now(), move |tx| devices::assign(tx, &actor, &serial_numbers, &wish));
    Ok(JsonBody(granted.await?.into()))
}

/// Which boxed practice iPads to switch on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwitchOnInput {
    /// Their serial numbers; all where it is left out.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 1000)]
    serial_numbers: Option<Vec<String>>,
}

/// What was switched on.
#[derive(Debug, Serialize, ToSchema)]
struct SwitchedOn {
    /// How many were not on yet.
    switched_on: usize,
}

/// Switch boxed practice iPads on: they start in Setup Assistant and come in as their profile says. Real devices are switched on by hand.
#[utoipa::path(post, path = "/api/v1/ade/devices/switch-on", tag = "new devices", request_body = SwitchOnInput,
    responses((status = 200, description = "Switched on", body = SwitchedOn),
        (status = 400, description = "One of them is no boxed practice iPad"),
        (status = 409, description = "There are no practice devices, or the list does not name them yet")))]
async fn switch_on(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<SwitchOnInput>) -> Result<Answer> {
    let Post { body: SwitchOnInput { serial_numbers }, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let switched_on = cart::switch_on(tx, &actor, serial_numbers.as_deref())?;
            Answer::new(StatusCode::OK, &SwitchedOn { switched_on })
        })
    };
    app.store.write(app.now(), work).await
}
