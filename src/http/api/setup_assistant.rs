//! `/api/v1/setup-assistant`, `/api/v1/configurator`: rules of devices that come in while they are set up, how far each is, and Apple Configurator.

use std::collections::BTreeMap;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::configurator::{self as doors, PKCS12};
use crate::mdm::Actor;
use crate::mdm::enroll::automated::rules::{self, Change, Rules};
use crate::mdm::enroll::configurator;
use crate::mdm::setup_assistant::{self, Arriving, Step};
use crate::protocol::platform::Platform;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::arrivals::Answer as Answered;
use crate::store::invitations::Entry;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(show, change))
        .routes(routes!(arriving))
        .routes(routes!(go_on))
        .routes(routes!(show_configurator))
        .routes(routes!(open))
        .routes(routes!(close))
        .routes(routes!(make_identity))
        .routes(routes!(identity_file))
}

/// The rules of devices that come in while they are set up.
#[utoipa::path(get, path = "/api/v1/setup-assistant", tag = "setup assistant",
    responses((status = 200, description = "As they are", body = Rules)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Rules>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| rules::show(tx, &actor)).await?))
}

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupAssistantChange {
    /// Whether devices are taken that Apple's list does not name.
    take_unlisted: Option<bool>,
    /// How long a device is held at the most, in minutes.
    #[schema(minimum = 5, maximum = 60)]
    hold_minutes: Option<u32>,
    /// Whether a person is asked to sign in, where Setup Assistant shows our page.
    sign_in: Option<bool>,
    /// The least that a device of each family has to run: `latest`, a version, or nothing for anything.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    minimum: BTreeMap<Platform, String>,
    /// The beta programme, by its id, that brings that version to devices of a family, where it is a beta; empty for none.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    beta_programs: BTreeMap<Platform, String>,
}

/// Change the rules. Devices that are held already keep their time.
#[utoipa::path(patch, path = "/api/v1/setup-assistant", tag = "setup assistant", request_body = SetupAssistantChange,
    responses((status = 200, description = "As they are now", body = Rules)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(wanted): Json<SetupAssistantChange>,
) -> Result<JsonBody<Rules>> {
    let SetupAssistantChange { take_unlisted, hold_minutes, sign_in, minimum, beta_programs } = wanted;
    let change = Change { take_unlisted, hold_minutes, sign_in, minimum, beta_programs };
    Ok(JsonBody(app.store.write(app.now(), move |tx| rules::change(tx, &actor, change)).await?))
}

/// A device that asked for its profile within a day.
#[derive(Debug, Serialize, ToSchema)]
struct ArrivingDevice {
    /// Serial number, as its maker vouches for it.
    serial_number: String,
    /// UDID.
    udid: String,
    /// `iPad13,18`.
    product_name: String,
    /// What it ran when it asked.
    os_version: String,
    /// By which door it comes.
    entry: Entry,
    /// Whether it is simulated.
    practice: bool,
    /// What it was answered.
    answer: Answered,
    /// The device, once it has said who it is.
    device_id: Option<String>,
    /// How far it is.
    step: Step,
    /// How far it is, in words.
    words: String,
    /// What went wrong, each in words.
    troubles: Vec<String>,
    /// When it goes on at the latest, while it is held.
    until: Option<Timestamp>,
    /// When it asked.
    asked_at: Timestamp,
    /// When it came as far as it is.
    step_at: Timestamp,
}

impl From<Arriving> for ArrivingDevice {
    fn from(row: Arriving) -> Self {
        Self {
            serial_number: row.arrival.serial_number,
            udid: row.arrival.udid,
            product_name: row.arrival.product_name,
            os_version: row.arrival.os_version,
            entry: row.arrival.entry,
            practice: row.arrival.practice,
            answer: row.arrival.answer,
            device_id: row.device_id,
            step: row.step,
            words: row.words,
            troubles: row.troubles,
            until: row.until,
            asked_at: row.arrival.asked_at,
            step_at: row.at,
        }
    }
}

/// The devices that asked for their profile from Setup Assistant within a day, newest first.
#[utoipa::path(get, path = "/api/v1/setup-assistant/devices", tag = "setup assistant",
    responses((status = 200, description = "At most 500 of them", body = Vec<ArrivingDevice>)))]
async fn arriving(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Vec<ArrivingDevice>>> {
    let rows = app.store.read_slow(app.now(), move |tx| setup_assistant::arriving(tx, &actor)).await?;
    Ok(JsonBody(rows.into_iter().map(ArrivingDevice::from).collect()))
}

/// An empty object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupAssistantNothing {}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
struct LetGo {
    /// Always true.
    told: bool,
}

/// Let a device go on that waits in Setup Assistant, whatever it still lacks.
#[utoipa::path(post, path = "/api/v1/devices/{id}/go-on", tag = "setup assistant",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")), request_body = SetupAssistantNothing,
    responses((status = 200, description = "It is told", body = LetGo), (status = 409, description = "It does not wait")))]
async fn go_on(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<SetupAssistantNothing>,
) -> Result<Answer> {
    let Post { body: SetupAssistantNothing {}, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            setup_assistant::let_go(tx, &actor, &id)?;
            Answer::new(StatusCode::OK, &LetGo { told: true })
        })
    };
    app.store.write(app.now(), work).await
}

/// How Apple Configurator stands.
#[derive(Debug, Serialize, ToSchema)]
struct ConfiguratorStanding {
    /// The address that Configurator is told for devices.
    enrollment_url: String,
    /// Whether devices come in by it that Apple's list does not name.
    is_open: bool,
    /// When that ends.
    open_until: Option<Timestamp>,
    /// SHA-256 of the supervision identity's certificate; null where there is none.
    identity_sha256: Option<String>,
    /// When that ends.
    identity_ends_at: Option<Timestamp>,
}

fn configurator_standing(tx: &Tx, actor: &Actor, base: &str) -> Result<ConfiguratorStanding> {
    let standing = configurator::standing(tx, actor)?;
    Ok(ConfiguratorStanding {
        enrollment_url: format!("{base}{}", configurator::path(tx)?),
        is_open: standing.invitation.is_some(),
        open_until: standing.invitation.and_then(|invitation| invitation.expires_at),
        identity_sha256: standing.certificate.as_ref().map(|certificate| certificate.fingerprint().to_string()),
        identity_ends_at: standing.certificate.map(|certificate| certificate.not_after()),
    })
}

/// How Apple Configurator stands.
#[utoipa::path(get, path = "/api/v1/configurator", tag = "setup assistant",
    responses((status = 200, description = "As it is", body = ConfiguratorStanding)))]
async fn show_configurator(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<ConfiguratorStanding>> {
    let base = app.public_url.clone();
    Ok(JsonBody(app.store.read(app.now(), move |tx| configurator_standing(tx, &actor, &base)).await?))
}

/// For how long, and into which group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfiguratorOpening {
    /// Hours.
    #[schema(minimum = 1, maximum = 168)]
    hours: u32,
    /// The group that devices join; it is made if there is none of that name.
    #[serde(default)]
    group: String,
}

/// Let devices in that Configurator prepares, though Apple's list does not name them.
#[utoipa::path(post, path = "/api/v1/configurator/open", tag = "setup assistant", request_body = ConfiguratorOpening,
    responses((status = 200, description = "As it is now", body = ConfiguratorStanding)))]
async fn open(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<ConfiguratorOpening>) -> Result<Answer> {
    let Post { body: ConfiguratorOpening { hours, group }, once } = post;
    let base = app.public_url.clone();
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            configurator::open(tx, &actor, hours, &group)?;
            Answer::new(StatusCode::OK, &configurator_standing(tx, &actor, &base)?)
        })
    };
    app.store.write(app.now(), work).await
}

/// End that devices come in which Apple's list does not name.
#[utoipa::path(post, path = "/api/v1/configurator/close", tag = "setup assistant", request_body = SetupAssistantNothing,
    responses((status = 200, description = "As it is now", body = ConfiguratorStanding)))]
async fn close(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<SetupAssistantNothing>) -> Result<Answer> {
    let Post { body: SetupAssistantNothing {}, once } = post;
    let base = app.public_url.clone();
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            configurator::close(tx, &actor)?;
            Answer::new(StatusCode::OK, &configurator_standing(tx, &actor, &base)?)
        })
    };
    app.store.write(app.now(), work).await
}

/// Make the identity by which Configurator supervises devices. There is one, for good.
#[utoipa::path(put, path = "/api/v1/configurator/identity", tag = "setup assistant", request_body = SetupAssistantNothing,
    responses((status = 200, description = "As it is now", body = ConfiguratorStanding), (status = 409, description = "There is one already")))]
async fn make_identity(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(SetupAssistantNothing {}): Json<SetupAssistantNothing>,
) -> Result<JsonBody<ConfiguratorStanding>> {
    doors::make_identity(&app, &actor).await?;
    let base = app.public_url.clone();
    Ok(JsonBody(app.store.read(app.now(), move |tx| configurator_standing(tx, &actor, &base)).await?))
}

/// The passphrase that the file is to have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentityPassphrase {
    /// It is not kept.
    #[schema(min_length = 8, max_length = 128)]
    passphrase: String,
}

/// The supervision identity as a PKCS#12 file, to be imported into Configurator. That it was handed out is noted.
#[utoipa::path(put, path = "/api/v1/configurator/identity/file", tag = "setup assistant", request_body = IdentityPassphrase,
    responses((status = 200, description = "The file", body = Vec<u8>, content_type = "application/x-pkcs12")))]
async fn identity_file(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(IdentityPassphrase { passphrase }): Json<IdentityPassphrase>,
) -> Result<Response> {
    let file = doors::file(&app, &actor, Secret::new(passphrase)).await?;
    let headers = [(CONTENT_TYPE, PKCS12), (CONTENT_DISPOSITION, "attachment; filename=\"supervision.p12\""), (CACHE_CONTROL, "no-store")];
    Ok((headers, file.expose().clone()).into_response())
}
