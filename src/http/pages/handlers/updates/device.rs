//! Updates of one device: what it runs and can have, how its plans stand, and what is started by hand.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::super::devices::{name as device_name, os};
use super::super::{Form, SaidQuery, device as device_page, said, shell};
use super::view::mark;
use crate::app::App;
use crate::clock::{Timestamp, Wall};
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::device::{CandidateRow, DeedRow, FoundRow, Loss, UpdateRow, UpdatesTab, ask_update};
use crate::http::pages::parts::{Flash, State as Mark};
use crate::mdm::updates::candidates::{self, Candidate, Found, Leap};
use crate::mdm::updates::held_back::{self, HeldBack};
use crate::mdm::updates::orders::{self, Order, Possible, Started};
use crate::mdm::updates::{next, own_list, progress, words};
use crate::mdm::{Actor, Right, betas, devices};
use crate::protocol::os_version::OsVersion;
use crate::store::devices::Device;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::update_states::{self, Action, Stage, UpdateState};
use crate::store::{Tx, update_plans};

/// What the tab shows.
pub(in crate::http::pages::handlers) fn tab(tx: &Tx, actor: &Actor, device: &Device, channel: Option<&Enrollment>) -> Result<UpdatesTab> {
    let channel = channel.filter(|channel| channel.state == EnrollmentState::Enrolled);
    let (subject, found, asks) = own_list::of_device(tx, device, channel)?;
    let mut tab = UpdatesTab {
        asks,
        runs: os(device.platform, &device.product_name, &subject.version.to_string()),
        build: device.build_version.clone(),
        may_act: actor.may(Right::Command),
        may_change: actor.may(Right::Configure),
        ends_at: candidates::ends_at(tx, &subject)?,
        ..UpdatesTab::default()
    };
    let days = held_back::on_device(tx, actor, device)?;
    match found {
        Found::Unknown(unknown) => tab.unknown = Some(unknown.words().to_owned()),
        Found::Known(found) => tab.candidates = found.into_iter().map(|candidate| row(candidate, days)).collect(),
    }
    let Some(channel) = channel else {
        tab.nothing = Some(String::from(t!("the device is not enrolled; it cannot be told anything")));
        return Ok(tab);
    };
    match orders::possible(tx, &device.id)? {
        Possible::Nothing(because) => tab.nothing = Some(because),
        Possible::Actions { actions, forces } => tab.deeds = actions.into_iter().map(|action| deed(action, &forces)).collect(),
    }
    tab.conditions = orders::conditions(tx, device)?;
    tab.beta = betas::of_enrollment(tx, &channel.id)?.unwrap_or_default();
    for state in update_states::of_enrollment(tx, &channel.id)? {
        tab.rows.push(standing(tx, channel, state)?);
    }
    if let Some((found, at)) = update_states::offers(tx, &channel.id)? {
        tab.found_at = Some(at);
        tab.found = found_rows(&found);
    }
    Ok(tab)
}

fn row(candidate: Candidate, days: HeldBack) -> CandidateRow {
    let visible = candidates::visible_from(&candidate, days.days(candidate.leap));
    CandidateRow {
        kind: match candidate.leap {
            Leap::Major => t!("new generation"),
            Leap::Minor => t!("update"),
            Leap::Improvement => t!("security improvement"),
        },
        version: candidate.version.to_string(),
        build: candidate.key.build,
        posted: candidate.posted,
        expires: candidate.expires,
        visible,
    }
}

/// What a person may have it do, in words.
fn deed(action: Action, forces: &[Action]) -> DeedRow {
    let (words, help) = match action {
        Action::Install => (t!("Install now"), t!("As soon as the device connects; it restarts.")),
        Action::Later => (t!("Install later"), t!("At night, or when its user lets it.")),
        Action::Download => (t!("Download only"), t!("It is there then, and installs later without waiting.")),
        Action::Notify => (t!("Tell its user"), t!("The Mac shows that an update is ready.")),
        Action::Force => (t!("Install and restart now"), t!("The Mac restarts whatever is open.")),
    };
    DeedRow { action: action.as_str(), words, help, asks: forces.contains(&action) }
}

/// How a plan, or what was started by hand, stands on the device.
fn standing(tx: &Tx, channel: &Enrollment, state: UpdateState) -> Result<UpdateRow> {
    let plan = if state.plan_id.is_empty() { None } else { update_plans::by_id(tx, &state.plan_id)? };
    let (because, remedy) = progress::because(tx, channel, &state)?;
    Ok(UpdateRow {
        name: words::name(&state),
        state: mark(&state, tx.now),
        words: words::stage(&state, tx.now),
        because: [because, remedy].join(" ").trim().to_owned(),
        percent: state.percent.filter(|_| state.stage == Stage::Downloading).and_then(|percent| u64::try_from(percent).ok()),
        deadline: Wall::parse(&state.deadline).map(Wall::words).unwrap_or_default(),
        by: if state.ordered_by.is_empty() { String::new() } else { t!("Started by {ordered_by}", ordered_by = state.ordered_by) },
        since: state.changed_at,
        may_retry: next::may_retry(&state, tx.now),
        may_except: plan.is_some() && !matches!(state.stage, Stage::Done | Stage::Excepted),
        plan: plan.map(|plan| (plan.id, plan.name)),
    })
}

/// What the device found when it looked itself.
fn found_rows(json: &str) -> Vec<FoundRow> {
    let found: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let text = |update: &Value, key: &str| update[key].as_str().unwrap_or_default().to_owned();
    let row = |update: &Value| FoundRow {
        name: text(update, "name"),
        version: [text(update, "version"), text(update, "build")].join(" ").trim().to_owned(),
        size_bytes: update["download_size_bytes"].as_u64(),
        restarts: update["restart_required"] == true,
        until: update["deferred_until"].as_str().and_then(Timestamp::parse),
    };
    found.iter().map(row).collect()
}

pub(super) async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    device_page::show(State(app), who, id, String::from("updates"), flash).await
}

/// What a form about the updates of a device sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    version: String,
    action: String,
    confirmed: String,
    plan: String,
    from: String,
}

fn path(id: &str) -> String {
    format!("/devices/{id}/updates")
}

/// Says what was wrong over the page of updates.
async fn refused(app: App, who: SignedIn, id: String, words: String) -> Result<Response> {
    let flash = Flash { state: Mark::Problem, words, way: None };
    let page = device_page::show(State(app), who, id, String::from("updates"), Some(flash)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(super) async fn start(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    who.actor.require(Right::Command)?;
    let Ok(action) = sent.action.parse::<Action>() else {
        return refused(app, who, id, String::from(t!("Choose what is to be done with the update."))).await;
    };
    let (actor, target, version) = (who.actor.clone(), id.clone(), sent.version.clone());
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &target)?;
        let loses = match orders::possible(tx, &target)? {
            Possible::Actions { forces, .. } => forces.contains(&action),
            Possible::Nothing(_) => false,
        };
        let subject = candidates::subject(tx, &device)?;
        let is_generation = OsVersion::parse(&version).major() > subject.version.major();
        Ok((device_name(&device), loses, is_generation))
    };
    let order = Order { version: Some(sent.version.clone()).filter(|version| !version.is_empty()), action };
    let (actor, target) = (who.actor.clone(), id.clone());
    let outcome = match app.store.read_slow(app.now(), work).await {
        Ok((name, true, _)) if sent.confirmed.is_empty() => {
            let deed = deed(action, &[]);
            return Ok(ask_update(&shell(&app, &who, None).await?, (&id, &name), &sent.version, &deed, Loss::Work).into_response());
        }
        Ok((name, false, true)) if sent.confirmed.is_empty() && !matches!(action, Action::Download | Action::Notify) => {
            let deed = deed(action, &[]);
            return Ok(ask_update(&shell(&app, &who, None).await?, (&id, &name), &sent.version, &deed, Loss::WayBack).into_response());
        }
        Ok(_) => app.store.write(app.now(), move |tx| orders::start(tx, &actor, &target, &order)).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok((Started::Begun, row)) => {
            let words = t!("{name} is begun. How it goes appears here by itself.", name = words::name(&row));
            Ok(said(&app, &gate, &who, &path(&id), &words))
        }
        Ok((Started::UnderWay(words), _)) => Ok(said(&app, &gate, &who, &path(&id), &words)),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let words = super::super::errors(&error).into_iter().map(|(_, words)| words).collect::<Vec<_>>().join(" ");
            refused(app, who, id, words).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn take_back(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    match app.store.write(app.now(), move |tx| orders::cancel(tx, &actor, &target)).await {
        Ok(()) => Ok(said(&app, &gate, &who, &path(&id), t!("Taken back. A device that installs already goes on."))),
        Err(error) if error.kind == Kind::Conflict => refused(app, who, id, error.message.into_owned()).await,
        Err(error) => Err(error),
    }
}

pub(super) async fn again(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let (actor, target, plan) = (who.actor.clone(), id.clone(), sent.plan.clone());
    let back = if sent.from == "plan" { format!("/updates/plans/{}", sent.plan) } else { path(&id) };
    match app.store.write(app.now(), move |tx| orders::again(tx, &actor, &target, &plan)).await {
        Ok(()) => Ok(said(&app, &gate, &who, &back, t!("It is tried again as soon as the device connects."))),
        Err(error) if error.kind == Kind::Conflict => refused(app, who, id, error.message.into_owned()).await,
        Err(error) => Err(error),
    }
}
