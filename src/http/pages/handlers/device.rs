//! One device: its facts and timeline, why it waits, and everything that can be done with it.

mod genuine;
mod lost;
mod secrets;
mod security;
mod tabs;
mod users;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::devices::{mark, name, os, reason};
use super::{SaidQuery, deeds, said, shell};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::deeds::Deed;
use crate::http::pages::device::{ByAccount, DeviceAction, DeviceFacts, DeviceView, page};
use crate::http::pages::parts::{Flash, encode};
use crate::mdm::ade::migration::{self, Move};
use crate::mdm::enroll::account;
use crate::mdm::{self, Actor, Right, devices, moves, return_to_service};
use crate::store::devices::Device;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::roster::{Listed, Standing};
use crate::store::{Tx, ade_devices, certificates, enrollments, groups, inventory, people};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/devices/{id}", get(timeline))
        .route("/devices/{id}/{tab}", get(tab))
        .route("/devices/{id}/refresh", post(refresh))
        .route("/devices/{id}/attest", post(genuine::ask))
        .route("/devices/{id}/reports/{report}", get(tabs::report))
        .route("/devices/{id}/commands/{uuid}/cancel", post(cancel))
        .merge(users::routes())
        .route("/devices/{id}/position", get(lost::ask).post(lost::show))
        .route("/devices/{id}/admin-password", get(secrets::ask_renewal).post(secrets::renew))
        .route("/devices/{id}/secrets/{secret}/reveal", get(secrets::ask).post(secrets::show))
}

/// What a page has to say once, and before which line what it tells of the past begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PastQuery {
    said: String,
    before: Option<i64>,
}

async fn timeline(
    state: State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<PastQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    show_before(state, who, (id, String::new()), query.before, flash).await
}

async fn tab(
    state: State<App>,
    gate: Gate,
    who: SignedIn,
    Path(place): Path<(String, String)>,
    Query(query): Query<PastQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    show_before(state, who, place, query.before, flash).await
}

pub(super) async fn show(state: State<App>, who: SignedIn, id: String, tab: String, flash: Option<Flash>) -> Result<Response> {
    show_before(state, who, (id, tab), None, flash).await
}

async fn show_before(
    State(app): State<App>,
    who: SignedIn,
    (id, tab): (String, String),
    before: Option<i64>,
    flash: Option<Flash>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, &tab, before)).await?;
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

fn view(tx: &Tx, actor: &Actor, id: &str, tab: &str, before: Option<i64>) -> Result<DeviceView> {
    let listed = devices::standing(tx, actor, id)?;
    let channel = enrollments::device_channel(tx, &listed.device.id)?;
    let is_expected = return_to_service::expected_at(tx, &listed.device.id)?.is_some();
    let moves = migration::of(tx, &listed.device, channel.as_ref())?;
    let enrollment_id = channel.as_ref().map(|channel| channel.id.clone()).unwrap_or_default();
    let counts = [
        inventory::apps(tx, &enrollment_id)?.len() as u64,
        inventory::profiles(tx, &enrollment_id)?.len() as u64,
        inventory::certificates(tx, &enrollment_id)?.len() as u64,
        crate::store::reports::list(tx, &listed.device.id, None, 500)?.len() as u64,
    ];
    Ok(DeviceView {
        id: listed.device.id.clone(),
        name: name(&listed.device),
        state: mark(listed.standing),
        state_words: match (is_expected, &moves) {
            (true, _) => String::from(t!("erased, expected back")),
            (false, Some(moves)) if !matches!(moves, Move::Came { .. }) && listed.standing != Standing::Lost => moves.words(),
            (false, _) => reason(&listed),
        },
        practice: listed.device.practice,
        facts: DeviceFacts { genuine: genuine::shown(tx, actor, &listed.device)?, ..facts(tx, &listed, channel.as_ref())? },
        actions: deeds::possible(tx, actor, channel.as_ref())?.into_iter().map(|deed| action(deed, listed.lost.is_some())).collect(),
        may_ask: actor.may(Right::Command),
        may_give: actor.may(Right::Configure),
        counts,
        is_shared: users::is_shared(tx, actor, &listed.device)?,
        lost: lost::view(tx, actor, channel.as_ref())?,
        account: by_account(tx, actor, &listed.device)?,
        content: tabs::content(tx, actor, &listed.device, channel.as_ref(), tab, before)?,
    })
}

/// A deed as a button; a lost device is given a new message, not lost anew.
fn action(deed: Deed, is_lost: bool) -> DeviceAction {
    let button = DeviceAction::from(deed);
    if is_lost && deed == Deed::LostMode { DeviceAction { words: String::from(t!("Change lost message")), ..button } } else { button }
}

/// Who enrolled the device by their account.
fn by_account(tx: &Tx, actor: &Actor, device: &Device) -> Result<Option<ByAccount>> {
    let Some(token) = account::of_device(tx, actor, &device.id)? else { return Ok(None) };
    let person = people::by_id(tx, &token.person_id)?.map_or_else(|| token.managed_account.clone(), |person| person.name);
    Ok(Some(ByAccount {
        ownership: token.ownership,
        person,
        managed_account: token.managed_account,
        shown: token.shown,
        shown_at: token.shown_at,
    }))
}

fn facts(tx: &Tx, listed: &Listed, channel: Option<&Enrollment>) -> Result<DeviceFacts> {
    let device = &listed.device;
    let said: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&crate::store::devices::facts(tx, &device.id)?)
        .map_err(|error| Error::internal("stored facts are JSON", error))?;
    let number = |key: &str| said.get(key).and_then(serde_json::Value::as_f64);
    let gigabytes = |key: &str| number(key).filter(|value| *value >= 0.0).map(|value| (value * 1e9) as u64);
    let identity_ends_at = match channel {
        Some(channel) => certificates::of_enrollment(tx, &channel.id)?
            .into_iter()
            .filter(|identity| identity.revoked_at.is_none())
            .map(|identity| identity.not_after_at)
            .max(),
        None => None,
    };
    let serial = device.serial_number.clone().unwrap_or_default();
    let has_moved_in = channel.map(|channel| moves::is_expected(tx, &channel.id)).transpose()? == Some(true);
    Ok(DeviceFacts {
        on_apples_list: ade_devices::by_serial(tx, &serial)?.is_some_and(|known| known.device.gone_at.is_none()),
        model: if device.model_name.is_empty() { device.product_name.clone() } else { device.model_name.clone() },
        product_name: device.product_name.clone(),
        os: os(device.platform, &device.product_name, &device.os_version),
        build: device.build_version.clone(),
        serial,
        udid: device.udid.clone().unwrap_or_default(),
        supervised: device.supervised,
        enrollment: listed
            .enrollment_state
            .map(|state| if has_moved_in { t!("moved in, not seen yet") } else { state_words(state) }.to_owned())
            .unwrap_or_default(),
        enrolled_at: channel.and_then(|channel| channel.enrolled_at),
        last_seen_at: listed.last_seen_at,
        identity_ends_at,
        identity_came: channel.map(|channel| genuine::identity_words(tx, channel)).transpose()?.unwrap_or_default(),
        groups: group_names(tx, device)?,
        person: match people::of_device(tx, &device.id)? {
            Some(person) => Some((format!("/people/{}", person.id), person.name)),
            // Whom the invitation named is better than nobody, though nobody of that name is known.
            None => Some(device.person_label.clone())
                .filter(|person| !person.is_empty())
                .map(|person| (format!("/devices?search={}", encode(&person)), person)),
        },
        storage: gigabytes("AvailableDeviceCapacity").zip(gigabytes("DeviceCapacity")),
        battery: number("BatteryLevel").filter(|level| (0.0..=1.0).contains(level)).map(|level| (level * 100.0).round() as u8),
        genuine: None,
        more: Vec::new(),
    })
}

/// The groups that it is in; while it is in none, the one that its invitation named.
fn group_names(tx: &Tx, device: &Device) -> Result<Vec<(String, String)>> {
    let groups: Vec<_> =
        groups::of_device(tx, &device.id)?.into_iter().map(|group| (format!("/groups/{}", group.id), group.name)).collect();
    if !groups.is_empty() || device.group_label.is_empty() {
        return Ok(groups);
    }
    Ok(vec![(format!("/devices?group={}", encode(&device.group_label)), device.group_label.clone())])
}

fn state_words(state: EnrollmentState) -> &'static str {
    match state {
        EnrollmentState::Authenticated => t!("in the middle of enrolling"),
        EnrollmentState::Enrolled => t!("enrolled"),
        EnrollmentState::Left => t!("left"),
        EnrollmentState::Retired => t!("retired"),
        EnrollmentState::Erased => t!("erased"),
    }
}

/// Asks for news of a device.
async fn refresh(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store
        .write(app.now(), move |tx| {
            let channel = devices::channel(tx, &actor, &target)?;
            mdm::declarations::ask_for_news(tx, &actor, &channel)
        })
        .await?;
    let words = t!("Asked for news. What it answers appears here by itself.");
    Ok(said(&app, &gate, &who, &format!("/devices/{id}"), words))
}

/// Takes a waiting command back.
async fn cancel(State(app): State<App>, who: SignedIn, Path((id, uuid)): Path<(String, String)>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store
        .write(app.now(), move |tx| {
            let channel = devices::channel(tx, &actor, &target)?;
            mdm::commands::cancel(tx, &actor, &channel, &uuid)
        })
        .await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}
