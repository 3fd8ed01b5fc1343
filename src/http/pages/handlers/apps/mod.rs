//! Apps: the list, one app, whom it is for, and asking again at a device.

mod form;
mod manage;
mod scope;
mod view;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) use scope::Wish;
pub(super) use view::{ask_words, mark, withdraws};

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::apps::ask::{DeleteForm, Withdrawal, delete as ask_to_delete, withdraw as ask_to_withdraw};
use crate::http::pages::apps::one::{AppView, one};
use crate::http::pages::apps::{ListView, NewView, list, new};
use crate::mdm::apps::{self, Edit};
use crate::mdm::{Right, devices};
use crate::store::app_states::Stage;
use crate::store::{Tx, apps as rows, groups};

/// Apps, and devices of one app, on one page.
const PAGE: u32 = 50;

/// Between the name and the id of a cursor.
const SEPARATOR: char = '\u{1f}';

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/apps", get(all))
        .route("/apps/new", get(blank).post(add))
        .route("/apps/{id}", get(show).post(rename))
        .route("/apps/{id}/scope", post(scope::save))
        .route("/apps/{id}/manage", get(manage::show).post(manage::save))
        .route("/apps/{id}/configuration", post(manage::configure))
        .route("/apps/{id}/form", post(form::save))
        .route("/apps/{id}/schema/delete", post(form::take_away))
        .route("/apps/{id}/delete", get(confirm).post(delete))
        .route("/apps/{id}/devices/{device_id}/ask", post(ask))
        .route("/apps/{id}/devices/{device_id}/withdraw", get(ask_withdraw).post(withdraw))
        .route("/devices/{id}/feedback", post(read_feedback))
}

/// The address that takes a maker's file.
pub(super) fn uploads() -> Router<App> {
    Router::new().route("/apps/{id}/schema", post(form::bring))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    search: String,
    after: String,
    said: String,
}

/// The name and id that a cursor holds.
fn cursor(after: &str) -> Option<(String, String)> {
    after.rsplit_once(SEPARATOR).map(|(name, id)| (name.to_owned(), id.to_owned()))
}

/// The address of the page after the one that ends with this name and id.
fn address(path: &str, query: &[(&str, &str)], (name, id): (&str, &str)) -> String {
    use crate::http::pages::parts::encode;
    let after = format!("{name}{SEPARATOR}{id}");
    let pairs = query.iter().copied().filter(|(_, value)| !value.is_empty()).chain([("after", after.as_str())]);
    let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={}", encode(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let (actor, search, after) = (who.actor.clone(), query.search.trim().to_owned(), cursor(&query.after));
    let term = search.clone();
    let work = move |tx: &Tx| Ok((apps::list(tx, &actor, &term, after.as_ref(), PAGE + 1)?, groups::all(tx)?, rows::repeated_names(tx)?));
    let now = app.now();
    let ((mut found, total), groups, repeated) = app.store.read_slow(now, work).await?;
    let is_more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| is_more).map(|last| address("/apps", &[("search", &search)], (&last.app.name, &last.app.id)));
    let rows = found.into_iter().map(|found| view::row(found, &groups, &repeated, now)).collect();
    let view = ListView { search, rows, total, next, may_change: who.actor.may(Right::Configure) };
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(list(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn blank(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(new(&shell(&app, &who, None).await?, &NewView::default()).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewForm {
    adam_id: String,
    name: String,
}

async fn add(State(app): State<App>, gate: Gate, who: SignedIn, Form(form): Form<NewForm>) -> Result<Response> {
    let (actor, adam_id, name) = (who.actor.clone(), form.adam_id.clone(), form.name.clone());
    match app.store.write(app.now(), move |tx| apps::add(tx, &actor, &adam_id, &name)).await {
        Ok(added) => Ok(said(&app, &gate, &who, &format!("/apps/{}", added.id), t!("Added. Choose for whom it is."))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let view = NewView { adam_id: form.adam_id, name: form.name, errors: errors(&error) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, new(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    stage: String,
    after: String,
    said: String,
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let stages = query.stage.split(',').filter_map(|stage| stage.parse().ok()).collect();
    let view = filled(&app, &who, &id, stages, cursor(&query.after)).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

/// The page of an app as it stands.
async fn filled(app: &App, who: &SignedIn, id: &str, stages: Vec<Stage>, after: Option<(String, String)>) -> Result<AppView> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    app.store.read_slow(app.now(), move |tx| view::view(tx, &actor, &id, &stages, after.as_ref())).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    note: String,
}

async fn rename(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(named): Form<Named>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let edit = Edit { name: Some(named.name.clone()), note: Some(named.note.clone()), settings: None };
    match app.store.write(app.now(), move |tx| apps::edit(tx, &actor, &target, edit)).await {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/apps/{id}"), t!("Saved."))),
        Err(error) if error.kind == Kind::BadInput => {
            let Named { name, note } = named;
            let view = AppView { name, note, errors: errors(&error), ..filled(&app, &who, &id, Vec::new(), None).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn confirm(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let work = move |tx: &Tx| Ok((apps::find(tx, &actor, &target)?.app.name, apps::deletion(tx, &actor, &target)?));
    let (name, lost) = app.store.read_slow(app.now(), work).await?;
    Ok(ask_to_delete(&shell(&app, &who, None).await?, (&id, &name), &lost, None).into_response())
}

async fn delete(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<DeleteForm>,
) -> Result<Response> {
    let (actor, target, sent) = (who.actor.clone(), id.clone(), form.clone());
    let work = move |tx: &Tx| {
        let lost = apps::deletion(tx, &actor, &target)?;
        let given_up = sent.give_up_copies.parse().ok();
        let is_typed = lost.devices <= 1 || sent.typed.trim() == lost.devices.to_string();
        if !is_typed || lost.copies_not_exported > 0 && given_up != Some(lost.copies_not_exported) {
            return Ok(Some((apps::find(tx, &actor, &target)?.app.name, lost)));
        }
        apps::delete(tx, &actor, &target, given_up).map(|()| None)
    };
    match app.store.write(app.now(), work).await? {
        Some((name, lost)) => {
            let asked = ask_to_delete(&shell(&app, &who, None).await?, (&id, &name), &lost, Some(&form));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, asked).into_response())
        }
        None => Ok(said(&app, &gate, &who, "/apps", t!("The app is deleted; it goes from the devices that had it."))),
    }
}

async fn ask(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path((id, device_id)): Path<(String, String)>,
    Query(back): Query<Back>,
) -> Result<Response> {
    let (actor, target, device) = (who.actor.clone(), id.clone(), device_id.clone());
    let outcome = app.store.write(app.now(), move |tx| apps::ask_again(tx, &actor, &device, &target)).await;
    let words = match outcome {
        Ok(row) => String::from(apps::asked_words(&row)),
        Err(error) if error.kind == Kind::Conflict => error.message.into_owned(),
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, &back.path(&id, &device_id), &words))
}

async fn ask_withdraw(
    State(app): State<App>,
    who: SignedIn,
    Path((id, device_id)): Path<(String, String)>,
    Query(back): Query<Back>,
) -> Result<Response> {
    who.actor.require(Right::Command)?;
    let (actor, target, device) = (who.actor.clone(), id.clone(), device_id.clone());
    let work = move |tx: &Tx| Ok((apps::find(tx, &actor, &target)?.app.name, devices::find(tx, &actor, &device)?.name));
    let (name, device) = app.store.read_slow(app.now(), work).await?;
    let device = if device.is_empty() { String::from(t!("this device")) } else { device };
    let path = back.path(&id, &device_id);
    let shown = if back.from == "device" { device.clone() } else { name.clone() };
    let from = if back.from == "device" { back.from } else { String::new() };
    let asked = Withdrawal { app: (id, name), device: (device_id, device), back: (path, shown), from };
    Ok(ask_to_withdraw(&shell(&app, &who, None).await?, &asked).into_response())
}

async fn withdraw(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path((id, device_id)): Path<(String, String)>,
    Query(back): Query<Back>,
    Form(sure): Form<Sure>,
) -> Result<Response> {
    if sure.confirmed.is_empty() {
        return ask_withdraw(State(app), who, Path((id, device_id)), Query(back)).await;
    }
    let (actor, target, device) = (who.actor.clone(), id.clone(), device_id.clone());
    app.store.write(app.now(), move |tx| apps::withdraw(tx, &actor, &device, &target)).await?;
    Ok(said(&app, &gate, &who, &back.path(&id, &device_id), t!("It goes when the device connects. The person may ask for it again.")))
}

/// Whether the question before a deed was answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sure {
    confirmed: String,
}

async fn read_feedback(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, device) = (who.actor.clone(), id.clone());
    let words = match app.store.write(app.now(), move |tx| apps::read_feedback_now(tx, &actor, &device)).await {
        Ok(_) => String::from(t!("Asked. What the apps say comes when the device connects.")),
        Err(error) if error.kind == Kind::Conflict => error.message.into_owned(),
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, &format!("/devices/{id}/apps"), &words))
}

/// The page that a button stands on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Back {
    from: String,
}

impl Back {
    fn path(&self, app_id: &str, device_id: &str) -> String {
        if self.from == "device" { format!("/devices/{device_id}/apps") } else { format!("/apps/{app_id}") }
    }
}
