//! `/api/v1/devices/{id}/updates`: what a device can have, how its updates stand, and what a person has it do.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::UpdateView;
use crate::app::App;
use crate::clock::Day;
use crate::error::{Error, Result};
use crate::http::api::input::Json;
use crate::http::auth::Authenticated;
use crate::mdm::updates::candidates::{self, Candidate, Found, Leap};
use crate::mdm::updates::held_back::{self, HeldBack};
use crate::mdm::updates::orders::{self, Order, Started};
use crate::mdm::updates::{own_list, progress, words};
use crate::mdm::{betas, devices};
use crate::protocol::report::updates::AvailableUpdate;
use crate::store::Tx;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::update_states::{self, Action};

/// A release that the device can have.
#[derive(Debug, Serialize, ToSchema)]
struct CandidateView {
    /// `26.1`, or `26.1 (a)`.
    version: String,
    /// Its build.
    build: String,
    /// What kind of step it is.
    step: Leap,
    /// When Apple posted it.
    posted: Option<Day>,
    /// The last day on which Apple signs it.
    expires: Option<Day>,
    /// The first day on which the person at the device is offered it, where it is held back; a plan or an order brings it all the same.
    offered_from: Option<Day>,
}

impl CandidateView {
    fn of(candidate: Candidate, held_back: HeldBack) -> Self {
        let offered_from = candidates::visible_from(&candidate, held_back.days(candidate.leap));
        let Candidate { version, key, leap, posted, expires, .. } = candidate;
        Self { version: version.to_string(), build: key.build, step: leap, posted, expires, offered_from }
    }
}

/// A device and its updates.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceUpdates {
    /// What it runs, with the letters of an improvement.
    os_version: String,
    /// The beta programme that it takes part in, as the device calls it: empty for none, null where it has not said.
    beta_program: Option<String>,
    /// What it can have, newest first; null where that is not known.
    candidates: Option<Vec<CandidateView>>,
    /// Why that is not known.
    unknown: Option<&'static str>,
    /// The generation at which this hardware ends, where its kind goes on.
    ends_at: Option<u32>,
    /// How its plans stand, and what was started by hand.
    updates: Vec<UpdateView>,
    /// What may keep it from installing now.
    conditions: Vec<String>,
    /// What it found itself when it last looked; null where it was never asked.
    found: Option<Vec<AvailableUpdate>>,
}

/// What a device can have, how its updates stand, and what may keep it from installing.
#[utoipa::path(get, path = "/api/v1/devices/{id}/updates", tag = "updates",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")),
    responses((status = 200, description = "Newest first", body = DeviceUpdates)))]
pub(super) async fn show(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<DeviceUpdates>> {
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &id)?;
        let enrollment = enrollments::device_channel(tx, &device.id)?;
        let enrolled = enrollment.as_ref().filter(|enrollment| enrollment.state == EnrollmentState::Enrolled);
        let (subject, found, _) = own_list::of_device(tx, &device, enrolled)?;
        let held_back = held_back::on_device(tx, &actor, &device)?;
        let (candidates, unknown) = match found {
            Found::Known(candidates) => {
                (Some(candidates.into_iter().map(|candidate| CandidateView::of(candidate, held_back)).collect()), None)
            }
            Found::Unknown(unknown) => (None, Some(unknown.words())),
        };
        let mut updates = Vec::new();
        if let Some(own) = &enrollment {
            for row in update_states::of_enrollment(tx, &own.id)? {
                let because = progress::because(tx, own, &row)?;
                updates.push(UpdateView::of(row, because, tx.now));
            }
        }
        let found = enrollment.as_ref().map(|own| update_states::offers(tx, &own.id)).transpose()?.flatten();
        let found = found.map(|(found, _)| serde_json::from_str(&found)).transpose();
        Ok(DeviceUpdates {
            os_version: subject.version.to_string(),
            beta_program: enrolled.map(|own| betas::of_enrollment(tx, &own.id)).transpose()?.flatten(),
            candidates,
            unknown,
            ends_at: candidates::ends_at(tx, &subject)?,
            updates,
            conditions: orders::conditions(tx, &device)?,
            found: found.map_err(|error| Error::internal("what was found is JSON", error))?,
        })
    };
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// What a device is to do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateOrderInput {
    /// Which release; the newest that the device can have if absent.
    #[serde(default)]
    version: Option<String>,
    /// `install` (now), `download`, `notify`, `later` (tonight), or `force` (a Mac restarts whatever is open).
    action: Action,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpdateOrderView {
    /// Whether anything was begun; false where the device is at it already.
    begun: bool,
    /// What to know about it.
    note: String,
    /// How it stands.
    update: UpdateView,
    /// What may keep the device from installing now.
    conditions: Vec<String>,
}

/// Start an update on a device. Repeated while the device is at it, nothing is sent.
#[utoipa::path(post, path = "/api/v1/devices/{id}/updates", tag = "updates",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")), request_body = UpdateOrderInput,
    responses((status = 200, description = "Begun, or under way already", body = UpdateOrderView)))]
pub(super) async fn start(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<UpdateOrderInput>,
) -> Result<JsonBody<UpdateOrderView>> {
    let UpdateOrderInput { version, action } = input;
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &id)?;
        let (started, row) = orders::start(tx, &actor, &device.id, &Order { version, action })?;
        let (begun, note) = match started {
            Started::Begun if row.version.is_empty() => {
                (true, String::from(t!("The device is asked first what it finds; the newest of that is meant.")))
            }
            Started::Begun if row.action == Action::Notify => {
                (true, t!("The person at the device is told of {version}.", version = row.version))
            }
            Started::Begun if row.action == Action::Download => {
                (true, t!("The device is told to download {version}.", version = row.version))
            }
            Started::Begun => (true, t!("The device is told to bring {version}.", version = row.version)),
            Started::UnderWay(note) => (false, note),
        };
        let because = words::because(&row, tx.now);
        Ok(UpdateOrderView { begun, note, update: UpdateView::of(row, because, tx.now), conditions: orders::conditions(tx, &device)? })
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Take back what was started by hand; a device that installs goes on.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/updates", tag = "updates",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")),
    responses((status = 204, description = "Taken back")))]
pub(super) async fn cancel(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &id)?;
        orders::cancel(tx, &actor, &device.id)
    };
    app.store.write(app.now(), work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which update is tried again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AgainInput {
    /// The plan; none for what was started by hand.
    plan_id: Option<String>,
}

/// Try again at once what failed, or what waits for room, power or a network.
#[utoipa::path(post, path = "/api/v1/devices/{id}/updates/again", tag = "updates",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")), request_body = AgainInput,
    responses((status = 204, description = "It is tried again")))]
pub(super) async fn again(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AgainInput>,
) -> Result<StatusCode> {
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &id)?;
        orders::again(tx, &actor, &device.id, input.plan_id.as_deref().unwrap_or_default())
    };
    app.store.write(app.now(), work).await?;
    Ok(StatusCode::NO_CONTENT)
}
