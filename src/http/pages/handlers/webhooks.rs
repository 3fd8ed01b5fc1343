//! Webhooks: made, changed, tried, switched off and on, deleted; what was posted, and one of it posted again.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::notices::typed;
use super::{Form, SaidQuery, errors, said, said_at, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn, Slip};
use crate::http::pages::parts::{State as Mark, count};
use crate::http::pages::system::webhooks::{
    ADDRESS, LINES, WebhookForm, WebhookRow, WebhookView, delete, list, made, new, one, state, was_shown,
};
use crate::http::webhooks as trial;
use crate::mdm::webhooks::{self, Change, NewWebhook};
use crate::mdm::{Actor, Right};
use crate::store::Tx;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(ADDRESS, get(all).post(create))
        .route("/system/webhooks/new", get(blank))
        .route("/system/webhooks/secret/{slip}", get(secret))
        .route("/system/webhooks/{id}", get(show).post(change))
        .route("/system/webhooks/{id}/test", post(test))
        .route("/system/webhooks/{id}/key", post(renew_key))
        .route("/system/webhooks/{id}/on", post(on))
        .route("/system/webhooks/{id}/off", post(off))
        .route("/system/webhooks/{id}/delete", get(ask).post(remove))
        .route("/system/webhooks/{id}/deliveries/{seq}/redeliver", post(redeliver))
}

fn rows(tx: &Tx, actor: &Actor) -> Result<Vec<WebhookRow>> {
    let row =
        |standing: webhooks::Standing| Ok(WebhookRow { last: webhooks::log(tx, actor, &standing.webhook.id, None, 1)?.pop(), standing });
    webhooks::list(tx, actor)?.into_iter().map(row).collect()
}

/// How webhooks stand, for the overview.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let rows = rows(tx, actor)?;
    let troubled = rows.iter().filter(|row| state(row).0 == Mark::Problem).count() as u64;
    Ok(match (rows.len() as u64, troubled) {
        (0, _) => (Mark::Ok, String::from(t!("none: no program is told what happens"))),
        (all, 0) => (Mark::Ok, count(all, t!("program is told"), t!("programs are told"))),
        (_, troubled) => (Mark::Problem, count(troubled, t!("receiver does not take events"), t!("receivers do not take events"))),
    })
}

async fn all(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    let rows = app.store.read_slow(app.now(), move |tx| rows(tx, &actor)).await?;
    Ok(list(&shell(&app, &who, None).await?, &rows).into_response())
}

async fn blank(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let form = WebhookForm { may_include_secrets: who.actor.may(Right::Reveal), ..WebhookForm::default() };
    Ok(new(&shell(&app, &who, None).await?, &form).into_response())
}

/// What was sent of a webhook's form.
fn sent(form: &[(String, String)], actor: &Actor) -> WebhookForm {
    WebhookForm {
        url: typed(form, "url").trim().to_owned(),
        topics: form.iter().filter(|(name, _)| name == "topic").map(|(_, value)| value.clone()).collect(),
        include_secrets: form.iter().any(|(name, _)| name == "include_secrets"),
        may_include_secrets: actor.may(Right::Reveal),
        errors: Vec::new(),
    }
}

/// Whether a failure is shown at the form.
fn is_about_the_form(error: &Error) -> bool {
    matches!(error.kind, Kind::BadInput | Kind::Conflict)
}

async fn create(State(app): State<App>, gate: Gate, who: SignedIn, Form(form): Form<Vec<(String, String)>>) -> Result<Response> {
    let (actor, form) = (who.actor.clone(), sent(&form, &who.actor));
    let wish = NewWebhook { url: form.url.clone(), hmac_key: None, topics: form.topics.clone(), include_secrets: form.include_secrets };
    match app.store.write(app.now(), move |tx| webhooks::create(tx, &actor, wish)).await {
        Ok((standing, key)) => Ok(show_once(&app, &gate, &who, standing.webhook.id, key)),
        Err(error) if is_about_the_form(&error) => {
            let form = WebhookForm { errors: errors(&error), ..form };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, new(&shell(&app, &who, None).await?, &form)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Leads to the page that shows a secret: loading that again makes no second one.
fn show_once(app: &App, gate: &Gate, who: &SignedIn, webhook: String, key: crate::secret::Secret<String>) -> Response {
    let id = app.random.token();
    gate.lay(id.clone(), &who.session, Slip { title: webhook, text: key });
    Redirect::to(&format!("{ADDRESS}/secret/{id}")).into_response()
}

async fn secret(State(app): State<App>, gate: Gate, who: SignedIn, Path(slip): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let shell = shell(&app, &who, None).await?;
    Ok(match gate.take(&slip, &who.session) {
        Some(Slip { title, text }) => made(&shell, &title, text.expose()).into_response(),
        None => was_shown(&shell).into_response(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    said: String,
    before: Option<i64>,
}

async fn filled(app: &App, who: &SignedIn, id: &str, before: Option<i64>) -> Result<WebhookView> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    let look = move |tx: &Tx| {
        let standing = webhooks::find(tx, &actor, &id)?;
        let mut log = webhooks::log(tx, &actor, &id, before, LINES + 1)?;
        let more = (log.len() > LINES as usize).then(|| {
            log.truncate(LINES as usize);
            format!("{ADDRESS}/{id}?before={}", log.last().map_or(0, |last| last.seq))
        });
        let form = WebhookForm {
            url: standing.webhook.url.clone(),
            topics: standing.webhook.topics.clone(),
            include_secrets: standing.webhook.include_secrets,
            may_include_secrets: actor.may(Right::Reveal),
            errors: Vec::new(),
        };
        Ok(WebhookView { standing, form, log, more })
    };
    app.store.read_slow(app.now(), look).await
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let view = filled(&app, &who, &id, query.before).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn change(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (actor, form, target) = (who.actor.clone(), sent(&form, &who.actor), id.clone());
    // The box is not offered to who may not tick it, and then says nothing.
    let include_secrets = (form.may_include_secrets || form.include_secrets).then_some(form.include_secrets);
    let wish = Change { url: Some(form.url.clone()), topics: Some(form.topics.clone()), include_secrets, enabled: None };
    match app.store.write(app.now(), move |tx| webhooks::change(tx, &actor, &target, wish)).await {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("Saved."))),
        Err(error) if is_about_the_form(&error) => {
            let form = WebhookForm { errors: errors(&error), ..form };
            let view = WebhookView { form, ..filled(&app, &who, &id, None).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Sends a real event and says what the receiver answered.
async fn test(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let trial = trial::test(&app, &who.actor, &id).await?;
    let said_words = match &trial.answer {
        Some(answer) if answer.is_empty() => String::from(t!("It said nothing more.")),
        Some(answer) => t!("It said: {answer}", answer),
        None => trial.answer_words(),
    };
    let (mark, words) = match (trial.status, trial.error) {
        (Some(status), None) => (
            Mark::Ok,
            t!(
                "The receiver took the event: status {status}, after {took_ms} ms. {said_words}",
                status,
                took_ms = trial.took_ms,
                said_words
            ),
        ),
        (Some(status), Some(_)) => (
            Mark::Problem,
            t!(
                "The receiver did not take the event: status {status}, after {took_ms} ms. {said_words}",
                status,
                took_ms = trial.took_ms,
                said_words
            ),
        ),
        (None, error) => (Mark::Problem, t!("The event did not arrive: {error}", error = error.unwrap_or_default())),
    };
    Ok(said_at(&app, &gate, &who, &format!("{ADDRESS}/{id}"), mark, &words))
}

async fn renew_key(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let key = app.store.write(app.now(), move |tx| webhooks::renew_key(tx, &actor, &target)).await?;
    Ok(show_once(&app, &gate, &who, id, key))
}

async fn on(state: State<App>, gate: Gate, who: SignedIn, path: Path<String>) -> Result<Response> {
    switch(state, gate, who, path, true).await
}

async fn off(state: State<App>, gate: Gate, who: SignedIn, path: Path<String>) -> Result<Response> {
    switch(state, gate, who, path, false).await
}

async fn switch(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, enabled: bool) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let wish = Change { enabled: Some(enabled), ..Change::default() };
    app.store.write(app.now(), move |tx| webhooks::change(tx, &actor, &target, wish)).await?;
    let words =
        if enabled { t!("The webhook is on: what happens from now on is posted.") } else { t!("The webhook is off: it gets nothing.") };
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), words))
}

async fn redeliver(State(app): State<App>, gate: Gate, who: SignedIn, Path((id, seq)): Path<(String, String)>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let (address, seq) = (format!("{ADDRESS}/{id}"), seq.parse().unwrap_or(-1));
    match app.store.write(app.now(), move |tx| webhooks::redeliver(tx, &actor, &target, seq)).await {
        Ok(()) => Ok(said(&app, &gate, &who, &address, t!("The event goes out now."))),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => {
            Ok(said_at(&app, &gate, &who, &address, Mark::Problem, &error.message))
        }
        Err(error) => Err(error),
    }
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let standing = app.store.read(app.now(), move |tx| webhooks::find(tx, &actor, &id)).await?;
    Ok(delete(&shell(&app, &who, None).await?, &standing).into_response())
}

async fn remove(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| webhooks::delete(tx, &actor, &id)).await?;
    Ok(Redirect::to(ADDRESS).into_response())
}
