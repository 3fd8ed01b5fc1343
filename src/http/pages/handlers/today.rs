//! Today: what needs somebody, and how every device stands.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::ade;
use super::devices::{mark, name, reason};
use super::releases;
use super::shell_with;
use super::teaching;
use super::updates;
use crate::app::App;
use crate::error::Result;
use crate::http::auth::SignedIn;
use crate::http::pages::parts::{Roll, RollDevice, RollGroup, SQUARES_DRAWN, Sparkline, State as Mark, day_words, encode, in_zone};
use crate::http::pages::system::backups::ADDRESS as BACKUPS;
use crate::http::pages::system::connections::ADDRESS as CONNECTIONS;
use crate::http::pages::system::notices::ADDRESS as NOTICES;
use crate::http::pages::today::{BatchRow, Countdown, Need, Part, TodayView, page};
use crate::mdm::ends::{self, End, Sort};
use crate::mdm::notices::MAIL_TROUBLE;
use crate::mdm::roll::{Circle, roll};
use crate::mdm::settings::zone;
use crate::mdm::updates::lookup;
use crate::mdm::{Actor, Right, absent, batches, commands, heard, needs, runaway};
use crate::store::Tx;
use crate::store::alerts::Alert;
use crate::store::commands::Batch;
use crate::store::roster::{Counts, Listed};

/// Alerts from this harm on are problems, others will become some.
const PROBLEM_FROM: i64 = 80;

/// The header in which the script names the part of a page that it wants.
const FRAGMENT: &str = "x-fragment";

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(today))
}

async fn today(State(app): State<App>, who: SignedIn, headers: HeaderMap) -> Result<Response> {
    if !who.actor.may(Right::View) {
        return Ok(Redirect::to(teaching::ADDRESS).into_response());
    }
    let actor = who.actor.clone();
    let own_tls = app.config.tls.is_none();
    let now = app.now();
    // The script asks for each part by itself, whenever something happens that changes it: nothing else is looked up for that.
    let part = headers.get(FRAGMENT).and_then(|id| Part::of_id(id.to_str().ok()?));
    let view = app.store.read_slow(now, move |tx| looked(tx, &actor, own_tls, part)).await?;
    if let Some(part) = part {
        let zone = app.store.read(now, zone).await?;
        return Ok(in_zone(part.drawn(&view, now), &zone).into_response());
    }
    let shell = shell_with(&app, &who, None, view.needs.len() as u64).await?;
    Ok(page(&shell, &view).into_response())
}

/// What the page shows, or the part of it that is asked for.
fn looked(tx: &Tx, actor: &Actor, own_tls: bool, part: Option<Part>) -> Result<TodayView> {
    let is_asked = |wanted: Part| part.is_none_or(|part| part == wanted);
    let circles = if is_asked(Part::Roll) { roll(tx, actor, SQUARES_DRAWN)? } else { Vec::new() };
    let mut counts = Counts::default();
    for circle in &circles {
        counts.iter_mut().zip(circle.counts).for_each(|(all, of_circle)| *all += of_circle);
    }
    let goes_on = is_asked(Part::Focuses);
    Ok(TodayView {
        needs: if is_asked(Part::Needs) { to_do(tx, actor)? } else { Vec::new() },
        focuses: if goes_on { teaching::running(tx, actor)? } else { Vec::new() },
        plans: if goes_on { updates::running(tx, actor)? } else { Vec::new() },
        by_hand: if goes_on { updates::running_by_hand(tx)? } else { Vec::new() },
        batches: if goes_on { batches::going_on(tx, actor)?.into_iter().map(batch).collect() } else { Vec::new() },
        may_teach: actor.may(Right::Teach),
        may_configure: actor.may(Right::Configure),
        roll: drawn(circles),
        counts,
        check_ins: if is_asked(Part::CheckIns) { check_ins(tx, actor)? } else { Sparkline::default() },
        countdowns: if part.is_none() { countdowns(tx, own_tls)? } else { Vec::new() },
    })
}

fn batch(batch: Batch) -> BatchRow {
    let Batch { id, request_type, actor, at, all, confirmed, waiting } = batch;
    BatchRow { id, deed: commands::words::deed(&request_type).into_owned(), by: actor, at, all, confirmed, waiting }
}

fn to_do(tx: &Tx, actor: &Actor) -> Result<Vec<Need>> {
    let need = |alert: Alert| Need {
        state: if alert.harm >= PROBLEM_FROM { Mark::Problem } else { Mark::Waiting },
        way: way(&alert.key, actor),
        what: alert.message,
        why: alert.remedy,
    };
    Ok(needs::all(tx)?.into_iter().map(need).collect())
}

/// Where it is mended, or the list behind it.
fn way(key: &str, actor: &Actor) -> Option<(String, String)> {
    let to = |path: String, words: &str| Some((path, words.to_owned()));
    // What was started by hand belongs to no plan.
    let plan = |id: &str| if id.is_empty() { String::from("/updates/by-hand") } else { format!("/updates/plans/{id}") };
    if let Some(id) = key.strip_prefix(needs::APP) {
        to(format!("/apps/{id}"), t!("Show the app"))
    } else if let Some(id) = key.strip_prefix(needs::UPDATE_OVERDUE) {
        to(format!("{}?overdue=1#devices", plan(id)), t!("Show them"))
    } else if let Some(id) = key.strip_prefix(needs::UPDATE_FAILED) {
        to(format!("{}?stage=failed#devices", plan(id)), t!("Show them"))
    } else if let Some(id) = key.strip_prefix(needs::UPDATE_STOPPED).or_else(|| key.strip_prefix(needs::UPDATE_UNSIGNED)) {
        to(plan(id), t!("Show the plan"))
    } else if key == needs::REFUSED {
        to(String::from("/devices?state=problem"), t!("Show the devices"))
    } else if let Some(id) = key.strip_prefix(needs::NOT_BACK).or_else(|| key.strip_prefix(needs::SERIAL_TAKEN)) {
        to(format!("/devices/{id}"), t!("Show the device"))
    } else if let Some(id) = key.strip_prefix(runaway::ALERT) {
        to(format!("/devices/{id}"), t!("Show the device"))
    } else if key == absent::LEFT {
        to(String::from("/devices?state=problem"), t!("Show the devices"))
    } else if key.starts_with(absent::LEFT) && actor.may(Right::Invite) {
        to(String::from("/invitations/new"), t!("Invite it again"))
    } else if let Some(id) = key.strip_prefix(absent::LEFT).or_else(|| key.strip_prefix(absent::LOST)) {
        to(format!("/devices/{id}"), t!("Show the device"))
    } else if key == lookup::NEED {
        to(releases::ADDRESS.to_owned(), t!("OS releases"))
    } else if key.starts_with("ade.") {
        let id = key.split_once(':').map_or("", |(_, id)| id);
        to(format!("{}/{id}", ade::ADDRESS), t!("Apple's device list"))
    } else if key.starts_with("backup.") {
        to(BACKUPS.to_owned(), t!("Backups"))
    } else if key == MAIL_TROUBLE {
        to(NOTICES.to_owned(), t!("Notices"))
    } else if key.starts_with("push.unreached") {
        to(CONNECTIONS.to_owned(), t!("Connections to Apple"))
    } else if key.starts_with("push.") {
        to(String::from("/system/push"), t!("Push certificate"))
    } else {
        None
    }
}

/// Every device once, where people look for it.
fn drawn(circles: Vec<Circle>) -> Roll {
    let square = |listed: Listed| RollDevice {
        name: name(&listed.device),
        state: mark(listed.standing),
        reason: reason(&listed),
        href: format!("/devices/{}", listed.device.id),
    };
    let group = |circle: Circle| RollGroup {
        href: circle.name.as_ref().map_or_else(|| String::from("/devices"), |name| format!("/devices?group={}", encode(name))),
        name: circle.name.unwrap_or_else(|| String::from(t!("Without a group"))),
        counts: circle.counts,
        devices: circle.drawn.into_iter().map(square).collect(),
    };
    Roll { groups: circles.into_iter().map(group).collect() }
}

fn check_ins(tx: &Tx, actor: &Actor) -> Result<Sparkline> {
    let counts = heard::of_days(tx, actor)?;
    let past = (0..counts.len() as u32).rev().map(|days| day_words(tx.now.minus(DAY * days)));
    let days = past.zip(counts);
    Ok(Sparkline { title: String::from(t!("Devices heard of")), days: days.collect() })
}

/// Provisioning profiles that are shown at most, those that end first.
const LESSER_ENDS: usize = 3;

fn countdowns(tx: &Tx, own_tls: bool) -> Result<Vec<Countdown>> {
    let countdown = |end: End| {
        let state = match end.at.since(tx.now) {
            left if left.is_zero() => Mark::Problem,
            left if left < DAY * 30 => Mark::Waiting,
            _ => Mark::Ok,
        };
        Countdown { name: end.name, at: end.at, state, href: end.path }
    };
    let mut lesser = 0;
    let is_shown = |end: &End| {
        lesser += usize::from(end.sort == Sort::Provisioning);
        end.sort == Sort::Proof || (end.sort == Sort::Provisioning && lesser <= LESSER_ENDS)
    };
    Ok(ends::all(tx, own_tls)?.into_iter().filter(is_shown).map(countdown).collect())
}
