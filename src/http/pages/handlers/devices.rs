//! The devices table.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, deeds, said, said_at, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::devices::{DeviceRow, DevicesFilter, DevicesView, OpenInvitation, page};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::saved_filters;
use crate::language::harmless;
use crate::mdm::ade::migration::{self, Move};
use crate::mdm::commands::words::deed;
use crate::mdm::devices::{self, Wanted};
use crate::mdm::{Right, moves as handed_over, return_to_service, saved_filters as filters};
use crate::protocol::platform::Platform;
use crate::store::commands::{self, Answer, Asked};
use crate::store::enrollments::EnrollmentState;
use crate::store::roster::{self, Filter, Listed, LostState, Sort, Standing};
use crate::store::{Tx, enrollments, groups as store_groups, push_certificates};

/// Devices on one page.
const PAGE: u32 = 50;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/devices", get(list)).route(saved_filters::ADDRESS, post(keep)).route("/devices/filters/{id}/remove", post(forget))
}

/// The filters of the table, as in its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DevicesQuery {
    pub(super) search: String,
    pub(super) state: String,
    pub(super) platform: String,
    pub(super) group: String,
    pub(super) hardware: String,
    pub(super) version: String,
    pub(super) asked: String,
    pub(super) answer: String,
    sort: String,
    after: String,
    said: String,
}

async fn list(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<DevicesQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let (wanted, after) = (wanted(&query), cursor(&query.after));
    let actor = who.actor.clone();
    let found = app
        .store
        .read_slow(app.now(), move |tx| {
            let after = after.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
            // Every chip says what a click on it would show, so the chosen one does not narrow them.
            let (rows, counts) = devices::page(tx, &actor, &wanted, after, PAGE + 1)?;
            let rows = rows.into_iter().map(|listed| row(tx, listed)).collect::<Result<Vec<_>>>()?;
            let asked = wanted.filter.asked.map(|asked| asked_words(tx, asked)).transpose()?;
            let saved = (filters::list(tx, &actor)?, asked);
            Ok((rows, counts, saved, roster::groups(tx)?, push_certificates::current(tx)?.is_some()))
        })
        .await?;
    let (mut rows, counts, (saved, asked), groups, push_ready) = found;
    let next = (rows.len() > PAGE as usize).then(|| {
        rows.truncate(PAGE as usize);
        rows.last().map(|(last, key)| format!("{key}\u{1f}{}", last.id)).unwrap_or_default()
    });
    let state = Mark::ALL.into_iter().find(|mark| mark.word() == query.state);
    let filter = DevicesFilter {
        search: query.search,
        state,
        platform: query.platform,
        group: query.group,
        hardware: query.hardware,
        version: query.version,
        asked: query.asked,
        answer: query.answer,
        sort: query.sort,
        after: query.after,
    };
    let view = DevicesView {
        total: state.map_or_else(|| counts.iter().sum(), |state| counts[state as usize]),
        rows: rows.into_iter().map(|(row, _)| row).collect(),
        counts,
        filter,
        platforms: platforms(),
        groups: groups.into_iter().map(|group| (group.clone(), group)).collect(),
        saved,
        asked,
        next,
        actions: deeds::for_several(&who.actor),
        may_invite: who.actor.may(Right::Invite),
        may_configure: who.actor.may(Right::Configure),
        invitation: None::<OpenInvitation>,
        push_ready,
    };
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

/// A filter to keep: what stood behind the question mark, and a name for it.
#[derive(Deserialize)]
struct Kept {
    name: String,
    query: String,
}

async fn keep(State(app): State<App>, gate: Gate, who: SignedIn, Form(Kept { name, query }): Form<Kept>) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), query.clone());
    match app.store.write(app.now(), move |tx| filters::save(tx, &actor, &name, &wanted)).await {
        Ok(filter) => Ok(Redirect::to(&format!("/devices?{}", filter.query)).into_response()),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let why = error.fields.first().map_or_else(|| error.message.clone().into_owned(), |fault| fault.message.clone());
            // What was on the list is on it again, as far as it can be read.
            let query = filters::tidy(&query).unwrap_or_default();
            Ok(said_at(&app, &gate, &who, &format!("/devices?{query}"), Mark::Problem, &why))
        }
        Err(error) => Err(error),
    }
}

async fn forget(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| filters::remove(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/devices", t!("The filter is forgotten; the devices are all still here.")))
}

/// What the table lists under these filters.
pub(super) fn wanted(query: &DevicesQuery) -> Wanted {
    let (key, descending) = query.sort.strip_prefix('-').map_or((query.sort.as_str(), false), |key| (key, true));
    let sort = match key {
        "model" => Sort::Model,
        "os" => Sort::Os,
        "serial" => Sort::Serial,
        "last_seen" => Sort::LastSeen,
        "state" => Sort::Standing,
        _ => Sort::Name,
    };
    let filter = Filter {
        search: query.search.clone(),
        standing: query.state.parse::<Standing>().ok(),
        platform: query.platform.parse::<Platform>().ok(),
        group: query.group.clone(),
        hardware: query.hardware.clone(),
        version: query.version.clone(),
        practice: None,
        // What is no batch has no devices, rather than all of them.
        asked: (!query.asked.is_empty())
            .then(|| Asked { batch: query.asked.parse().unwrap_or_default(), answer: query.answer.parse().ok() }),
    };
    Wanted { filter, sort, descending }
}

/// What the devices of a batch were asked and did, to stand after "Devices".
fn asked_words(tx: &Tx, asked: Asked) -> Result<String> {
    let Some((request_type, actor)) = commands::batch(tx, asked.batch)? else {
        return Ok(String::from(t!("of which something was asked that is not known any more")));
    };
    let answer = match asked.answer {
        None => "",
        Some(Answer::Confirmed) => t!(" and which have confirmed it"),
        Some(Answer::Waiting) => t!(" and which have it in the queue"),
        Some(Answer::Not) => t!(" and which did not do it and will not"),
    };
    Ok(t!("each of which {actor} asked to {request_type}{answer}", actor, request_type = deed(&request_type), answer))
}

fn cursor(after: &str) -> Option<(String, String)> {
    after.rsplit_once('\u{1f}').map(|(key, id)| (key.to_owned(), id.to_owned()))
}

fn platforms() -> Vec<(String, String)> {
    [
        ("ios", t!("iPhone and iPad")),
        ("macos", t!("Mac")),
        ("tvos", t!("Apple TV")),
        ("visionos", t!("Vision Pro")),
        ("watchos", t!("Apple Watch")),
    ]
    .map(|(word, name)| (word.to_owned(), name.to_owned()))
    .into()
}

/// The square of a standing.
pub(super) fn mark(standing: Standing) -> Mark {
    match standing {
        Standing::Ok => Mark::Ok,
        Standing::Waiting => Mark::Waiting,
        Standing::Silent => Mark::Silent,
        Standing::Problem => Mark::Problem,
        Standing::Lost => Mark::Lost,
    }
}

/// Why a device stands as it does, in a few words.
pub(super) fn reason(listed: &Listed) -> String {
    use crate::store::enrollments::EnrollmentState as Enrollment;
    match (listed.enrollment_state, listed.standing) {
        (None, _) => String::from(t!("never enrolled")),
        (Some(Enrollment::Left), _) => String::from(t!("left")),
        (Some(Enrollment::Erased), _) => String::from(t!("erased")),
        (Some(Enrollment::Retired), Standing::Waiting) => String::from(t!("retired, not told yet")),
        (Some(Enrollment::Retired), _) => String::from(t!("retired")),
        (Some(Enrollment::Authenticated), _) => String::from(t!("enrolling")),
        (_, Standing::Lost) if listed.lost == Some(LostState::Asked) => String::from(t!("lost; it has not heard of it yet")),
        (_, Standing::Lost) => String::from(t!("lost")),
        (_, Standing::Problem) if listed.overdue && listed.failed == 0 => String::from(t!("past the deadline of an update")),
        (_, Standing::Problem) if listed.failed == 0 => String::from(t!("cannot be woken")),
        (_, Standing::Problem) if listed.overdue => {
            let failed = if listed.failed == 1 { String::from(t!("one thing")) } else { t!("{failed} things", failed = listed.failed) };
            t!("past the deadline of an update, and {failed} failed on it", failed)
        }
        (_, Standing::Problem) if listed.failed == 1 => String::from(t!("one thing failed on it")),
        (_, Standing::Problem) => t!("{failed} things failed on it", failed = listed.failed),
        (_, Standing::Silent) => String::from(t!("not heard of for a week")),
        (_, Standing::Waiting) if listed.waiting == 0 && listed.lacking == 1 => String::from(t!("an app cannot be had yet")),
        (_, Standing::Waiting) if listed.waiting == 0 && listed.lacking > 1 => {
            t!("{lacking} apps cannot be had yet", lacking = listed.lacking)
        }
        (_, Standing::Waiting) if listed.waiting == 0 => String::from(t!("waits for its first questions")),
        (_, Standing::Waiting) if listed.waiting == 1 => String::from(t!("one thing waits for it")),
        (_, Standing::Waiting) => t!("{waiting} things wait for it", waiting = listed.waiting),
        (_, Standing::Ok) => String::from(t!("in touch")),
    }
}

/// The name of an operating system with its version.
pub(super) fn os(platform: Platform, product_name: &str, version: &str) -> String {
    let name = match platform {
        Platform::Ios if product_name.starts_with("iPad") => "iPadOS",
        Platform::Ios => "iOS",
        Platform::Macos => "macOS",
        Platform::Tvos => "tvOS",
        Platform::Visionos => "visionOS",
        Platform::Watchos => "watchOS",
        Platform::Unknown => "",
    };
    format!("{name} {version}").trim().to_owned()
}

/// What a device is called, as far as it said.
pub(super) fn name(device: &crate::store::devices::Device) -> String {
    let said = [Some(&device.name), device.serial_number.as_ref(), device.udid.as_ref()];
    let name = said.into_iter().flatten().find(|name| !name.is_empty());
    // What it said before is kept as it said it.
    name.map_or_else(|| String::from(t!("A device without a name")), |name| harmless(name).into_owned())
}

/// A row of the table, and what it is sorted by.
fn row(tx: &Tx, listed: Listed) -> Result<(DeviceRow, String)> {
    let is_erased = listed.enrollment_state == Some(EnrollmentState::Erased);
    let is_expected = is_erased && return_to_service::expected_at(tx, &listed.device.id)?.is_some();
    let moves = match listed.enrollment_state {
        Some(EnrollmentState::Enrolled | EnrollmentState::Left) => {
            let channel = enrollments::device_channel(tx, &listed.device.id)?;
            migration::of(tx, &listed.device, channel.as_ref())?.filter(|moves| !matches!(moves, Move::Came { .. }))
        }
        _ => None,
    };
    let is_enrolled = listed.enrollment_state == Some(EnrollmentState::Enrolled);
    let has_moved_in = is_enrolled && listed.enrollment_id.as_deref().map(|id| handed_over::is_expected(tx, id)).transpose()? == Some(true);
    let reason = match (is_expected, moves) {
        (true, _) => String::from(t!("erased, expected back")),
        _ if listed.standing == Standing::Lost => reason(&listed),
        _ if has_moved_in => String::from(t!("moved in, not seen yet")),
        (false, Some(moves)) => moves.words(),
        (false, None) => reason(&listed),
    };
    let device = listed.device;
    let mut groups: Vec<_> = store_groups::of_device(tx, &device.id)?.into_iter().map(|group| group.name).collect();
    if groups.is_empty() && !device.group_label.is_empty() {
        groups.push(device.group_label.clone());
    }
    let row = DeviceRow {
        name: name(&device),
        state: mark(listed.standing),
        reason,
        model: if device.model_name.is_empty() { device.product_name.clone() } else { device.model_name.clone() },
        os: os(device.platform, &device.product_name, &device.os_version),
        serial: device.serial_number.clone().unwrap_or_default(),
        groups,
        last_seen: listed.last_seen_at,
        practice: device.practice,
        id: device.id,
    };
    Ok((row, listed.sort_key))
}
