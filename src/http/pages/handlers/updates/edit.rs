//! A plan made and changed: the form, what it would do, and only then the plan.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::form::errors;
use super::super::{Form, said, shell};
use super::{read, words};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::{Markup, ScopeGroup};
use crate::http::pages::updates::form::{Choices, HolidayForm, PlanForm, QuietForm, RingForm, form};
use crate::http::pages::updates::preview::{PreviewView, preview as preview_page};
use crate::language;
use crate::mdm::Right;
use crate::mdm::settings::zone;
use crate::mdm::updates::plans::{self, NewPlan, PlanChange};
use crate::mdm::updates::preview;
use crate::store::{Tx, groups, releases};

type Pairs = Vec<(String, String)>;

/// What there is to choose from: groups, and the releases that Apple lists and signs, newest first.
fn choices(tx: &Tx) -> Result<Choices> {
    let group = |group: groups::Group| ScopeGroup { id: group.id, name: group.name, device_count: group.device_count };
    let mut listed = releases::listed(tx)?;
    listed.retain(|release| release.state(tx.now) == releases::ReleaseState::Current);
    listed.sort_by_cached_key(|release| {
        (release.key.platform.clone(), std::cmp::Reverse(release.key.os_version()), release.key.build.clone())
    });
    let option = |release: releases::Release| {
        let (key, version) = (&release.key, release.key.os_version());
        let posted = release.posted().map(|day| t!(", posted {day}", day = language::date(day.words()))).unwrap_or_default();
        let build = if key.build.is_empty() { String::new() } else { format!(" ({})", key.build) };
        (format!("{}|{version}|{}", key.platform, key.build), format!("{} {version}{build}{posted}", key.platform))
    };
    Ok(Choices {
        groups: groups::all(tx)?.into_iter().map(group).collect(),
        releases: listed.into_iter().map(option).collect(),
        clocks: words::clocks(&zone(tx)?),
    })
}

pub(super) async fn blank(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let now = app.now();
    let (choices, zone) = app.store.read_slow(now, |tx| Ok((choices(tx)?, zone(tx)?))).await?;
    Ok(form(&shell(&app, &who, None).await?, &read::blank(&zone, now), &choices).into_response())
}

pub(super) async fn show(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let (plan, choices) = app.store.read_slow(app.now(), move |tx| Ok((plans::find(tx, &actor, &id)?, choices(tx)?))).await?;
    Ok(form(&shell(&app, &who, None).await?, &read::of(&plan, &choices.releases), &choices).into_response())
}

pub(super) async fn create(State(app): State<App>, gate: Gate, who: SignedIn, Form(fields): Form<Pairs>) -> Result<Response> {
    submit(app, gate, who, None, fields).await
}

pub(super) async fn update(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(fields): Form<Pairs>,
) -> Result<Response> {
    submit(app, gate, who, Some(id), fields).await
}

/// What a form that was sent is to come to.
enum Wish {
    /// It is shown again, with another row or without one.
    Form,
    /// What would happen is shown.
    Preview,
    /// It is saved.
    Save,
}

async fn submit(app: App, gate: Gate, who: SignedIn, id: Option<String>, fields: Pairs) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let mut typed = read::read(&fields, id)?;
    let pressed = fields.iter().rev().find(|(name, _)| name == "do").map(|(_, value)| value.as_str()).unwrap_or_default();
    match wish(pressed, &mut typed) {
        Wish::Form => Ok(again(&app, &who, typed).await?.into_response()),
        Wish::Save => save(app, gate, who, typed).await,
        Wish::Preview => foresee(app, who, typed, fields).await,
    }
}

/// What a button says, with the rows that it adds or takes away.
fn wish(pressed: &str, typed: &mut PlanForm) -> Wish {
    fn take<T>(rows: &mut Vec<T>, at: &str) {
        if let Some(at) = at.parse::<usize>().ok().filter(|at| *at < rows.len()) {
            rows.remove(at);
        }
    }
    match pressed {
        "save" => return Wish::Save,
        "form" => {}
        "add_ring" => typed.rings.push(RingForm::default()),
        "add_quiet" => typed.quiet.push(QuietForm::default()),
        "add_holiday" => typed.holidays.push(HolidayForm::default()),
        other => match (other.strip_prefix("remove_ring_"), other.strip_prefix("remove_quiet_"), other.strip_prefix("remove_holiday_")) {
            (Some(at), ..) => take(&mut typed.rings, at),
            (_, Some(at), _) => take(&mut typed.quiet, at),
            (.., Some(at)) => take(&mut typed.holidays, at),
            _ => return Wish::Preview,
        },
    }
    Wish::Form
}

/// The form as it was typed.
async fn again(app: &App, who: &SignedIn, mut typed: PlanForm) -> Result<Markup> {
    let (actor, id) = (who.actor.clone(), typed.id.clone());
    let work = move |tx: &Tx| Ok((id.map(|id| plans::find(tx, &actor, &id)).transpose()?, choices(tx)?));
    let (plan, choices) = app.store.read_slow(app.now(), work).await?;
    typed.title = plan.map(|read| read.plan.name).unwrap_or_default();
    Ok(form(&shell(app, who, None).await?, &typed, &choices))
}

async fn refused(app: &App, who: &SignedIn, typed: PlanForm, mut faults: Vec<(String, String)>, error: Option<&Error>) -> Result<Response> {
    for (field, words) in error.map(errors).unwrap_or_default() {
        if !is_told(&field, &faults) {
            faults.push((field, words));
        }
    }
    let page = again(app, who, PlanForm { errors: faults, ..typed }).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Whether what the room says of a part only follows from a field that could not be read.
fn is_told(part: &str, faults: &[(String, String)]) -> bool {
    let causes: &[&str] = match part {
        "target" => &["target", "days", "major", "typed_version"],
        "rings" => &["ring_"],
        "deadline" => &["deadline", "starts", "quiet_", "holiday_", "ring_"],
        "quiet" => &["quiet_", "holiday_", "starts"],
        "holidays" => &["holiday_"],
        "stop" => &["stop_"],
        _ => return false,
    };
    faults.iter().any(|(field, _)| causes.iter().any(|cause| field.starts_with(cause)))
}

async fn foresee(app: App, who: SignedIn, typed: PlanForm, fields: Pairs) -> Result<Response> {
    let (rules, faults) = read::rules(&typed);
    let new = NewPlan { name: typed.name.clone(), note: typed.note.clone(), rules };
    let (actor, id, wanted) = (who.actor.clone(), typed.id.clone(), new.clone());
    let work = move |tx: &Tx| {
        plans::check(tx, &actor, id.as_deref(), &wanted)?;
        let seen = preview::preview(tx, &actor, id.as_deref(), &wanted.rules)?;
        let warnings = preview::warnings(tx, &wanted.rules, &seen.devices)?;
        Ok((seen, warnings, zone(tx)?))
    };
    match app.store.read_slow(app.now(), work).await {
        Ok((preview, warnings, zone)) if faults.is_empty() => {
            let action = typed.id.as_ref().map_or_else(|| String::from("/updates/plans/new"), |id| format!("/updates/plans/{id}/edit"));
            let view = PreviewView {
                means: words::means(&new.rules).into_iter().chain([words::clocks(&zone)]).collect(),
                rings: new.rules.rings.into_iter().map(|ring| ring.name).collect(),
                name: new.name,
                sent: fields.into_iter().filter(|(name, _)| name != "do").collect(),
                action,
                warnings,
                preview,
            };
            Ok(preview_page(&shell(&app, &who, None).await?, &view).into_response())
        }
        Ok(_) => refused(&app, &who, typed, faults, None).await,
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => refused(&app, &who, typed, faults, Some(&error)).await,
        Err(error) => Err(error),
    }
}

async fn save(app: App, gate: Gate, who: SignedIn, typed: PlanForm) -> Result<Response> {
    let (rules, faults) = read::rules(&typed);
    if !faults.is_empty() {
        return refused(&app, &who, typed, faults, None).await;
    }
    let (actor, id, revision) = (who.actor.clone(), typed.id.clone(), typed.revision);
    let new = NewPlan { name: typed.name.clone(), note: typed.note.clone(), rules };
    let work = move |tx: &Tx| match id {
        None => plans::create(tx, &actor, &new),
        Some(id) => {
            let change = PlanChange { name: Some(new.name), note: Some(new.note), rules: Some(new.rules), revision: Some(revision) };
            plans::update(tx, &actor, &id, &change)
        }
    };
    match app.store.write(app.now(), work).await {
        Ok(read) => Ok(said(
            &app,
            &gate,
            &who,
            &format!("/updates/plans/{}", read.plan.id),
            t!("The plan is saved. Its devices follow within minutes."),
        )),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => refused(&app, &who, typed, faults, Some(&error)).await,
        Err(error) => Err(error),
    }
}
