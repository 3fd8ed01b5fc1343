//! `/api/v1/devices` and `/api/v1/enrollments`: what is managed, and how it stands.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::Query;
use super::list::{List, Page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::auth::Authenticated;
use crate::mdm::devices::{self, Wanted};
use crate::mdm::enroll::renewal;
use crate::mdm::{Right, inventory};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::platform::Platform;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::escrow::{EscrowKind, Held};
use crate::store::inventory::{InstalledApp, InstalledCertificate, InstalledProfile};
use crate::store::roster::{self, Filter, Listed, Sort, Standing};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, delete))
        .routes(routes!(facts))
        .routes(routes!(retire))
        .routes(routes!(refresh))
        .routes(routes!(renew))
        .routes(routes!(held, purge))
        .routes(routes!(reveal))
        .routes(routes!(enrollments_of))
        .routes(routes!(enrollment))
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
    /// Why the last push failed; empty if it did not.
    push_error: String,
    /// The group that its invitation named.
    group: String,
    /// The person that its invitation named.
    person: String,
    /// When it was last heard of.
    last_seen_at: Option<Timestamp>,
    /// When it was first seen.
    created_at: Timestamp,
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
            push_error: listed.push_error,
            group: device.group_label,
            person: device.person_label,
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
    /// ok, waiting, silent or problem.
    standing: Option<Standing>,
    /// ios, macos, tvos, visionos or watchos.
    platform: Option<Platform>,
    /// The group that their invitation named.
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
    };
    let (after, fetch) = (page.after.clone(), page.fetch());
    let (rows, total) = app
        .store
        .read_slow(app.now(), move |tx| {
            let wanted = Wanted { filter, sort: Sort::Name, descending: false };
            let after = after.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
            let rows = devices::list(tx, &actor, &wanted, after, fetch)?;
            Ok((rows, roster::counts(tx, &wanted.filter)?.iter().sum()))
        })
        .await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.sort_key.clone(), row.device.id.clone()), DeviceView::from)))
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", params(("id" = String, Path, description = "Its id, or the Nano id of one of its enrollments")),
    responses((status = 200, description = "The device", body = DeviceView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<DeviceView>> {
    let listed = app.store.read(app.now(), |tx| devices::standing(tx, &actor, &id)).await?;
    Ok(JsonBody(listed.into()))
}

/// Everything that a device said of itself.
#[derive(Debug, Serialize, ToSchema)]
struct Facts {
    /// DeviceInformation's answers, merged.
    #[schema(value_type = Object)]
    device_information: Value,
    /// When DeviceInformation was last read.
    device_information_at: Option<Timestamp>,
    /// SecurityInfo's last answer, secrets left out.
    #[schema(value_type = Object)]
    security_info: Value,
    /// When SecurityInfo was last read.
    security_info_at: Option<Timestamp>,
    /// Apps on it.
    apps: Vec<App_>,
    /// Configuration profiles on it.
    profiles: Vec<Profile>,
    /// Certificates on it.
    certificates: Vec<Certificate>,
}

/// An app on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledApp)]
struct App_ {
    /// Bundle identifier.
    identifier: String,
    /// Name shown to the person.
    name: String,
    /// CFBundleVersion.
    version: String,
    /// CFBundleShortVersionString.
    short_version: String,
    /// Whether it is managed.
    managed: bool,
    /// Status of ManagedApplicationList.
    state: String,
}

impl From<InstalledApp> for App_ {
    fn from(app: InstalledApp) -> Self {
        let InstalledApp { identifier, name, version, short_version, managed, state, .. } = app;
        Self { identifier, name, version, short_version, managed, state }
    }
}

/// A profile on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledProfile)]
struct Profile {
    /// PayloadIdentifier.
    identifier: String,
    /// PayloadUUID.
    uuid: String,
    /// PayloadDisplayName.
    name: String,
    /// IsManaged, where the device says it.
    managed: Option<bool>,
}

impl From<InstalledProfile> for Profile {
    fn from(profile: InstalledProfile) -> Self {
        let InstalledProfile { identifier, uuid, name, managed, .. } = profile;
        Self { identifier, uuid, name, managed }
    }
}

/// A certificate on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledCertificate)]
struct Certificate {
    /// SHA-256 of its DER, in hexadecimal.
    fingerprint: String,
    /// CommonName.
    common_name: String,
    /// Whether the device holds its private key.
    is_identity: bool,
    /// Its end.
    not_after_at: Option<Timestamp>,
}

impl From<InstalledCertificate> for Certificate {
    fn from(certificate: InstalledCertificate) -> Self {
        let InstalledCertificate { fingerprint, common_name, is_identity, not_after_at } = certificate;
        Self { fingerprint: fingerprint.to_string(), common_name, is_identity, not_after_at }
    }
}

/// What a device has and is.
#[utoipa::path(get, path = "/api/v1/devices/{id}/inventory", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "As it last said", body = Facts)))]
async fn facts(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Facts>> {
    let facts = app
        .store
        .read_slow(app.now(), move |tx| {
            let device = devices::find(tx, &actor, &id)?;
            let read = |json: String| serde_json::from_str(&json).map_err(|error| Error::internal("stored facts are JSON", error));
            let channel = enrollments::device_channel(tx, &device.id)?.map(|channel| channel.id).unwrap_or_default();
            Ok(Facts {
                device_information: read(crate::store::devices::facts(tx, &device.id)?)?,
                device_information_at: device.facts_at,
                security_info: read(crate::store::devices::security(tx, &device.id)?)?,
                security_info_at: device.security_at,
                apps: crate::store::inventory::apps(tx, &channel)?.into_iter().map(App_::from).collect(),
                profiles: crate::store::inventory::profiles(tx, &channel)?.into_iter().map(Profile::from).collect(),
                certificates: crate::store::inventory::certificates(tx, &channel)?.into_iter().map(Certificate::from).collect(),
            })
        })
        .await?;
    Ok(JsonBody(facts))
}

/// Remove a device from view. It is told nothing, and what is held for it stays held.
#[utoipa::path(delete, path = "/api/v1/devices/{id}", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 204, description = "Removed from view")))]
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

/// Ask a device for its inventory now.
#[utoipa::path(post, path = "/api/v1/devices/{id}/refresh", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 202, description = "The questions are in its queue")))]
async fn refresh(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store
        .write(app.now(), move |tx| {
            actor.require(Right::Command)?;
            let channel = devices::channel(tx, &actor, &id)?;
            inventory::ask_all(tx, &actor, &channel)
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

/// A secret held for a device, without its value.
#[derive(Debug, Serialize, ToSchema)]
struct HeldView {
    /// UUIDv7.
    id: String,
    /// Which secret it is.
    kind: EscrowKind,
    /// What it was for.
    note: String,
    /// When it was stored.
    created_at: Timestamp,
}

impl From<Held> for HeldView {
    fn from(held: Held) -> Self {
        Self { id: held.id, kind: held.kind, note: held.note, created_at: held.created_at }
    }
}

/// The secrets held for a device, without their values.
#[utoipa::path(get, path = "/api/v1/devices/{id}/secrets", tag = "devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Newest first", body = Vec<HeldView>)))]
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
    use base64::Engine as _;
    let (kind, value) = app.store.write(app.now(), move |tx| devices::reveal(tx, &actor, &id, &secret)).await?;
    Ok(JsonBody(Revealed {
        kind,
        value: String::from_utf8(value.expose().clone()).ok(),
        value_base64: base64::engine::general_purpose::STANDARD.encode(value.expose()),
    }))
}

/// Remove every secret that is held for a device, for good; an Owner's right.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/secrets", tag = "devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
async fn purge(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| devices::purge(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An enrollment: the relation of a device, or of one user on it, to this server.
#[derive(Debug, Serialize, ToSchema)]
struct EnrollmentView {
    /// UUIDv7.
    id: String,
    /// The device.
    device_id: String,
    /// Of a user's channel: the device's own.
    parent_id: Option<String>,
    /// UDID, UDID:UserID, EnrollmentID …
    nano_id: String,
    /// Which of the kinds it is.
    kind: EnrollmentKind,
    /// UserShortName.
    user_short_name: String,
    /// Where it stands.
    state: EnrollmentState,
    /// Grows with each real re-enrollment.
    generation: i64,
    /// Push topic.
    topic: String,
    /// Whether it can be pushed to.
    push_ready: bool,
    /// Why the last push failed.
    push_error: String,
    /// When it enrolled.
    enrolled_at: Option<Timestamp>,
    /// When it was last heard of.
    last_seen_at: Option<Timestamp>,
}

impl From<Enrollment> for EnrollmentView {
    fn from(enrollment: Enrollment) -> Self {
        Self {
            push_ready: enrollment.has_push_token && enrollment.push_dead_at.is_none(),
            id: enrollment.id,
            device_id: enrollment.device_id,
            parent_id: enrollment.parent_id,
            nano_id: enrollment.nano_id,
            kind: enrollment.kind,
            user_short_name: enrollment.user_short_name,
            state: enrollment.state,
            generation: enrollment.generation,
            topic: enrollment.topic,
            push_error: enrollment.push_error,
            enrolled_at: enrollment.enrolled_at,
            last_seen_at: enrollment.last_seen_at,
        }
    }
}

/// The channels of a device, its own first.
#[utoipa::path(get, path = "/api/v1/devices/{id}/enrollments", tag = "enrollments", params(("id" = String, Path, description = "The device's id or Nano id")),
    responses((status = 200, description = "Its channels", body = Vec<EnrollmentView>)))]
async fn enrollments_of(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<Vec<EnrollmentView>>> {
    let channels = app
        .store
        .read(app.now(), |tx| {
            let device = devices::find(tx, &actor, &id)?;
            enrollments::of_device(tx, &device.id)
        })
        .await?;
    Ok(JsonBody(channels.into_iter().map(EnrollmentView::from).collect()))
}

/// One enrollment.
#[utoipa::path(get, path = "/api/v1/enrollments/{id}", tag = "enrollments", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "The enrollment", body = EnrollmentView)))]
async fn enrollment(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<EnrollmentView>> {
    let enrollment = app.store.read(app.now(), |tx| devices::find_enrollment(tx, &actor, &id)).await?;
    Ok(JsonBody(enrollment.into()))
}
