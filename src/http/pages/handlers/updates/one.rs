//! One update plan: shown, stopped, let go on, deleted, and told to leave a device alone.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::devices::name as device_name;
use super::super::{Form, SaidQuery, errors, said, shell};
use super::view::{self, MembersQuery};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::Markup;
use crate::http::pages::parts::forms::NAMES_LISTED;
use crate::http::pages::updates::one::one;
use crate::http::pages::updates::questions::{self, Asked, Lost};
use crate::mdm::settings::zone;
use crate::mdm::updates::{plans, progress};
use crate::mdm::{Actor, Right, devices};
use crate::store::Tx;
use crate::store::update_progress::Narrowed;
use crate::store::update_states::Stage;

/// Where a plan's page is.
fn path(id: &str) -> String {
    format!("/updates/plans/{id}")
}

pub(super) async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<MembersQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view::view(tx, &actor, &id, &query)).await?;
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

/// What is typed into a question.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    because: String,
    reason: String,
    ends_at: String,
    typed: String,
}

async fn named(app: &App, who: &SignedIn, id: &str) -> Result<String> {
    who.actor.require(Right::Configure)?;
    let (actor, id) = (who.actor.clone(), id.to_owned());
    app.store.read(app.now(), |tx| Ok(plans::find(tx, &actor, &id)?.plan.name)).await
}

pub(super) async fn ask_stop(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let name = named(&app, &who, &id).await?;
    Ok(questions::ask_stop(&shell(&app, &who, None).await?, &id, &name, &Asked::default()).into_response())
}

pub(super) async fn stop(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(answer): Form<Answer>,
) -> Result<Response> {
    let (actor, target, because) = (who.actor.clone(), id.clone(), answer.because.clone());
    match app.store.write(app.now(), move |tx| plans::stop(tx, &actor, &target, &because)).await {
        Ok(_) => Ok(said(&app, &gate, &who, &path(&id), t!("The plan is stopped. Nothing more is begun."))),
        Err(error) if error.kind == Kind::BadInput => {
            let asked = Asked { reason: answer.because, errors: errors(&error), ..Asked::default() };
            let page = questions::ask_stop(&shell(&app, &who, None).await?, &id, &named(&app, &who, &id).await?, &asked);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn go_on(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| plans::go_on(tx, &actor, &target)).await?;
    Ok(said(&app, &gate, &who, &path(&id), t!("The plan goes on. Its deadlines have moved by the time that it stood still.")))
}

/// The devices that a plan would still have brought an update to.
fn lost(tx: &Tx, actor: &Actor, id: &str) -> Result<(String, Lost)> {
    let read = plans::find(tx, actor, id)?;
    let stages = [Stage::Planned, Stage::Waiting, Stage::Downloading, Stage::Prepared, Stage::Installing, Stage::Failed];
    let (counts, _) = progress::counts(tx, &read)?;
    let narrowed = Narrowed { stages: stages.to_vec(), ..Narrowed::default() };
    let devices = progress::members_of(tx, actor, id, &narrowed, None, NAMES_LISTED as u32)?;
    let count = stages.iter().map(|stage| u64::from(counts.of(*stage))).sum();
    Ok((read.plan.name, Lost { count, devices: devices.into_iter().map(|laggard| laggard.member.name).collect(), ..Lost::default() }))
}

pub(super) async fn ask_delete(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, target) = (who.actor.clone(), id.clone());
    let (name, lost) = app.store.read_slow(app.now(), move |tx| lost(tx, &actor, &target)).await?;
    Ok(questions::ask_delete(&shell(&app, &who, None).await?, &id, &name, &lost).into_response())
}

pub(super) async fn delete(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(answer): Form<Answer>,
) -> Result<Response> {
    let (actor, target, typed) = (who.actor.clone(), id.clone(), answer.typed.trim().to_owned());
    let work = move |tx: &Tx| {
        let (name, lost) = lost(tx, &actor, &target)?;
        if lost.count > 1 && typed != lost.count.to_string() {
            return Ok(Some((name, Lost { typed, is_mistyped: true, ..lost })));
        }
        plans::delete(tx, &actor, &target).map(|()| None)
    };
    match app.store.write(app.now(), work).await? {
        Some((name, lost)) => {
            let page = questions::ask_delete(&shell(&app, &who, None).await?, &id, &name, &lost);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        None => Ok(said(&app, &gate, &who, "/updates/plans", t!("The plan is deleted. What devices have installed stays."))),
    }
}

async fn except_question(app: &App, who: &SignedIn, (id, device_id): (&str, &str), asked: &Asked) -> Result<Markup> {
    let name = named(app, who, id).await?;
    let (actor, target) = (who.actor.clone(), device_id.to_owned());
    let work = move |tx: &Tx| Ok((device_name(&devices::find(tx, &actor, &target)?), zone(tx)?));
    let (device, zone) = app.store.read_slow(app.now(), work).await?;
    Ok(questions::ask_except(&shell(app, who, None).await?, (id, &name), (device_id, &device), zone.name(), asked))
}

pub(super) async fn ask_except(State(app): State<App>, who: SignedIn, Path((id, device_id)): Path<(String, String)>) -> Result<Response> {
    Ok(except_question(&app, &who, (&id, &device_id), &Asked::default()).await?.into_response())
}

pub(super) async fn except(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path((id, device_id)): Path<(String, String)>,
    Form(answer): Form<Answer>,
) -> Result<Response> {
    let (actor, target, device) = (who.actor.clone(), id.clone(), device_id.clone());
    let (reason, typed) = (answer.reason.clone(), answer.ends_at.trim().to_owned());
    let work = move |tx: &Tx| {
        let end = match typed.as_str() {
            "" => None,
            typed => {
                let read = zone(tx)?.read(typed);
                Some(read.ok_or_else(|| Error::field("ends_at", t!("a day and a time, for example 2026-12-24T15:30, or nothing")))?)
            }
        };
        plans::except(tx, &actor, &target, &device, &reason, end)
    };
    match app.store.write(app.now(), work).await {
        Ok(_) => Ok(said(&app, &gate, &who, &path(&id), t!("The plan leaves this device alone."))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let asked = Asked { reason: answer.reason, ends_at: answer.ends_at, errors: errors(&error) };
            let page = except_question(&app, &who, (&id, &device_id), &asked).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn except_no_more(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path((id, device_id)): Path<(String, String)>,
) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| plans::except_no_more(tx, &actor, &target, &device_id)).await?;
    Ok(said(&app, &gate, &who, &path(&id), t!("The plan looks after this device again.")))
}
