//! System: how the appliance itself is, its jobs, and the audit log.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::devices::name;
use super::people::{admin_rows, token_rows};
use super::shell;
use super::words::entry;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::input::Query;
use crate::http::auth::SignedIn;
use crate::http::pages::parts::{Entry, State as Mark, count, day_words};
use crate::http::pages::system::{AuditView, JobRow, SystemPart, SystemView, Whose, audit, page};
use crate::mdm::admins::audit as log;
use crate::mdm::{Actor, Right, jobs, practice, push_certificates};
use crate::store::events::{Event, Filter};
use crate::store::{Tx, authorities, devices};

/// Lines of the audit log on one page.
const LINES: u32 = 100;

/// How near an end has to be to say so.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/system", get(system)).route("/system/jobs/{name}/run", post(run)).route("/system/audit", get(audit_log))
}

async fn system(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let (actor, own_tls) = (who.actor.clone(), app.config.tls.is_none());
    let mut view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, own_tls)).await?;
    view.about = vec![
        (String::from("Version"), env!("CARGO_PKG_VERSION").to_owned()),
        (String::from("Address"), app.public_url.clone()),
        (String::from("Data folder"), app.config.data.display().to_string()),
        (String::from("Own root, SHA-256"), app.authority().issuer.certificate().fingerprint().in_pairs()),
    ];
    Ok(page(&shell(&app, &who, None).await?, &view).into_response())
}

fn view(tx: &Tx, actor: &Actor, own_tls: bool) -> Result<SystemView> {
    let may_govern = actor.may(Right::Govern);
    Ok(SystemView {
        parts: parts(tx, actor, own_tls)?,
        about: Vec::new(),
        jobs: jobs::list(tx, actor)?.into_iter().map(job).collect(),
        admins: if may_govern { admin_rows(tx, actor)? } else { Vec::new() },
        tokens: if may_govern { token_rows(tx, actor)? } else { Vec::new() },
        may_configure: actor.may(Right::Configure),
        may_govern,
    })
}

fn job(standing: jobs::Standing) -> JobRow {
    let turn = standing.turn;
    let (state, result) = match (turn.failures, turn.finished_at) {
        (0, None) => (Mark::Waiting, String::from("has not run yet")),
        (0, Some(_)) => (Mark::Ok, turn.result),
        _ => (Mark::Problem, turn.result),
    };
    let mut words = standing.words.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    JobRow { name: standing.name.to_owned(), words, state, result, ran_at: turn.finished_at, due_at: turn.due_at }
}

fn parts(tx: &Tx, actor: &Actor, own_tls: bool) -> Result<Vec<SystemPart>> {
    let part = |name: &str, state, words: String, href: &str| SystemPart { name: name.to_owned(), state, words, href: href.to_owned() };
    let ends = |at: Timestamp| match at.since(tx.now) {
        left if left.is_zero() => (Mark::Problem, format!("ended on {}", day_words(at))),
        left if left < SOON => (Mark::Waiting, format!("ends on {}", day_words(at))),
        _ => (Mark::Ok, format!("good until {}", day_words(at))),
    };
    let current = push_certificates::list(tx, actor)?.into_iter().find(|standing| standing.certificate.current);
    let (state, words) = current
        .map_or((Mark::Waiting, String::from("none yet: real devices cannot enroll")), |standing| ends(standing.certificate.not_after_at));
    let mut parts = vec![part("Push certificate", state, words, "/system/push")];
    if own_tls && let Some(certificate) = authorities::server_certificate(tx)? {
        let (state, words) = ends(certificate.not_after_at);
        parts.push(part("TLS certificate", state, format!("own, renewed by itself, {words}"), "/trust"));
    }
    if let Some(authority) = authorities::current(tx)? {
        let (state, words) = ends(authority.not_after_at);
        parts.push(part("Certificate authority", state, words, "/trust"));
    }
    let wanted = practice::wanted(tx)?.devices;
    let words = if wanted == 0 { String::from("none") } else { count(wanted.into(), "device", "devices") };
    parts.push(part("Practice devices", Mark::Ok, words, "/system/practice"));
    Ok(parts)
}

async fn run(State(app): State<App>, who: SignedIn, Path(name): Path<String>) -> Result<Response> {
    app.store.write(app.now(), move |tx| jobs::run_now(tx, &who.actor, &name)).await?;
    Ok(Redirect::to("/system").into_response())
}

/// A line of the log with the device that it is about; one that is deleted has a name and no address.
fn line(tx: &Tx, event: Event) -> Result<Entry> {
    let device = event.device_id.as_deref().map(|id| devices::by_id(tx, id)).transpose()?.flatten();
    let about = device.map(|device| {
        let href = device.deleted_at.is_none().then(|| format!("/devices/{}", device.id));
        (href, name(&device))
    });
    Ok(Entry { about, ..entry(event, false) })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuditQuery {
    before: Option<i64>,
    who: String,
}

async fn audit_log(State(app): State<App>, who: SignedIn, Query(query): Query<AuditQuery>) -> Result<Response> {
    who.actor.require(Right::Log)?;
    let actor = who.actor.clone();
    let whose = Whose::from_word(&query.who).unwrap_or(Whose::Deeds);
    let lines = app.store.read_slow(app.now(), move |tx| {
        let filter = Filter { actor_kinds: whose.actor_kinds(), ..Filter::default() };
        let events = log::page(tx, &actor, filter, query.before, LINES + 1)?;
        events.into_iter().map(|event| Ok((event.seq, line(tx, event)?))).collect::<Result<Vec<_>>>()
    });
    let mut lines = lines.await?;
    let more = (lines.len() > LINES as usize).then(|| {
        lines.truncate(LINES as usize);
        let before = lines.last().map(|(seq, _)| *seq).unwrap_or_default();
        format!("{}&before={before}", whose.href())
    });
    let view = AuditView { entries: lines.into_iter().map(|(_, line)| line).collect(), whose, more };
    Ok(audit(&shell(&app, &who, None).await?, &view).into_response())
}
