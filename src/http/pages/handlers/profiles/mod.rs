//! Profiles: the library, one profile, its versions; renamed, used, taken as a file, deleted.

mod scope;
mod upload;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::api::profile_file;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::scope::{Sent, is_over};
use crate::http::pages::parts::{Flash, ScopeGroup, ScopeView, Segment, Share, State as Mark};
use crate::http::pages::profiles::one::{ProfileView, VersionRow, delete as ask_to_delete, one};
use crate::http::pages::profiles::outcomes::{DeviceRow, OutcomesView};
use crate::http::pages::profiles::versions::{VersionView, version as version_page};
use crate::http::pages::profiles::{LibraryView, ProfileRow, library};
use crate::mdm::profiles::{self, Edit, Overview};
use crate::mdm::reconcile::{self, Outcomes};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::mobileconfig::payload_types::words;
use crate::store::assignments::AssignedKind;
use crate::store::profiles::{ProfileState, Standing};
use crate::store::{Tx, groups};

/// Profiles on one page.
const PAGE: u32 = 50;

/// Between the name and the id of a cursor.
const SEPARATOR: char = '\u{1f}';

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/profiles", get(all))
        .route("/profiles/{id}", get(show).post(rename))
        .route("/profiles/{id}/scope", post(scope::save))
        .route("/profiles/{id}/versions/{version}", get(version).post(use_version))
        .route("/profiles/{id}/content", get(download))
        .route("/profiles/{id}/delete", get(ask).post(delete))
}

/// Addresses that take more of a body than others.
pub(super) fn uploads() -> Router<App> {
    Router::new()
        .route("/profiles/new", get(upload::new).post(upload::create))
        .route("/profiles/{id}/upload", get(upload::further).post(upload::add))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
    said: String,
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let after = query.after.rsplit_once(SEPARATOR).map(|(name, id)| (name.to_owned(), id.to_owned()));
    let actor = who.actor.clone();
    let work = move |tx: &Tx| Ok((profiles::list(tx, &actor, after.as_ref(), PAGE + 1)?, groups::all(tx)?));
    let now = app.now();
    let ((mut found, total), groups) = app.store.read_slow(now, work).await?;
    let next = (found.len() > PAGE as usize).then(|| {
        found.truncate(PAGE as usize);
        let last = found.last().map(|last| format!("{}{SEPARATOR}{}", last.profile.name, last.profile.id)).unwrap_or_default();
        format!("/profiles?after={}", crate::http::pages::parts::encode(&last))
    });
    let rows = found.into_iter().map(|found| row(found, &groups, now)).collect();
    let view = LibraryView { rows, total, next, may_change: who.actor.may(Right::Configure) };
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(library(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(found: Overview, groups: &[groups::Group], now: Timestamp) -> ProfileRow {
    let name = |id: &str| groups.iter().find(|group| group.id == id).map(|group| group.name.clone());
    let mut holds: Vec<String> = Vec::new();
    for payload in &found.current.facts.payloads {
        let words = words(&payload.payload_type);
        if !holds.iter().any(|known| known == words) {
            holds.push(words.to_owned());
        }
    }
    let open = found.assignments.iter().filter(|assignment| !is_over(assignment.ends_at, now));
    ProfileRow {
        results: segments(&found.counts, &format!("/profiles/{}", found.profile.id)),
        groups: open.filter_map(|assignment| name(&assignment.group_id)).collect(),
        device_count: found.reach,
        id: found.profile.id,
        name: found.profile.name,
        holds,
    }
}

/// How far devices are, each part with the list behind it; what goes from a device is no part of having it.
pub(in crate::http::pages::handlers) fn segments(counts: &[(ProfileState, u64)], address: &str) -> Vec<Segment> {
    let share = |state| match state {
        ProfileState::Installed => Some(Share::Installed),
        ProfileState::Installing => Some(Share::Installing),
        ProfileState::Waiting => Some(Share::Waiting),
        ProfileState::Failed => Some(Share::Failed),
        ProfileState::Removing | ProfileState::Unable => None,
    };
    let segment = |(state, count): &(ProfileState, u64)| {
        let href = Some(format!("{address}?state={state}"));
        Some(Segment { share: share(*state)?, count: *count, href })
    };
    counts.iter().filter_map(segment).collect()
}

/// The section of an item's page at `address`, narrowed to a state.
fn outcomes_view(address: String, found: Outcomes, filter: Option<ProfileState>) -> OutcomesView {
    OutcomesView {
        total: 0,
        next: None,
        device_count: found.reach,
        results: segments(&found.counts, &address),
        unable: found.unable,
        devices: found.rows.into_iter().filter(|row| filter.is_none_or(|state| row.state == state)).map(device).collect(),
        filter: filter.map(|state| state.as_str().to_owned()),
        address,
    }
}

/// One page of the same section, of an item that has many parts.
pub(in crate::http::pages::handlers) fn outcomes_page(
    tx: &Tx,
    actor: &Actor,
    (kind, id): (AssignedKind, &str),
    address: String,
    (filter, from): (Option<ProfileState>, usize),
) -> Result<OutcomesView> {
    let (found, total) = reconcile::outcomes_page(tx, actor, (kind, id), filter, from)?;
    let after = from.saturating_add(reconcile::OUTCOMES_PAGE);
    let state = filter.map(|state| format!("state={state}&")).unwrap_or_default();
    let next = (after as u64) < total;
    Ok(OutcomesView { total, next: next.then(|| format!("{address}?{state}from={after}")), ..outcomes_view(address, found, filter) })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShowQuery {
    /// To which state the devices are narrowed.
    pub(super) state: String,
    /// How many devices stand on the pages before this one.
    pub(super) from: String,
    pub(super) said: String,
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let filter = query.state.parse::<ProfileState>().ok();
    let view = filled(&app, &who, &id, filter, None).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

/// The page of a profile as it stands; `refused` is what was sent about its groups and cannot be.
async fn filled(
    app: &App,
    who: &SignedIn,
    id: &str,
    filter: Option<ProfileState>,
    refused: Option<(Sent, Vec<(String, String)>)>,
) -> Result<ProfileView> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, filter, refused)).await
}

fn view(
    tx: &Tx,
    actor: &Actor,
    id: &str,
    filter: Option<ProfileState>,
    refused: Option<(Sent, Vec<(String, String)>)>,
) -> Result<ProfileView> {
    let found = profiles::find(tx, actor, id)?;
    let mut warnings = profiles::oddities(tx, id, &found.current)?;
    warnings.extend(profiles::check(tx, actor, id, &[], None)?);
    let rows = profiles::standings(tx, actor, id)?;
    let unable = rows.iter().filter(|row| row.state == ProfileState::Unable).count() as u64;
    let outcomes = Outcomes { reach: found.reach, counts: found.counts, unable, rows };
    let (sent, errors) = refused.map_or((None, Vec::new()), |(sent, errors)| (Some(sent), errors));
    let group = |group: groups::Group| ScopeGroup { id: group.id, name: group.name, device_count: group.device_count };
    let scope = ScopeView {
        groups: groups::all(tx)?.into_iter().map(group).collect(),
        assigned: found.assignments.iter().map(|assignment| (assignment.group_id.clone(), assignment.ends_at)).collect(),
        sent,
        errors,
        without_end: false,
        now: tx.now,
        zone: zone(tx)?,
    };
    let version = |row: crate::store::profiles::Version| VersionRow {
        version: row.version,
        in_use: row.version == found.profile.version,
        by: row.created_by,
        at: row.created_at,
    };
    Ok(ProfileView {
        outcomes: outcomes_view(format!("/profiles/{id}"), outcomes, filter),
        versions: profiles::versions(tx, actor, id)?.into_iter().map(version).collect(),
        id: found.profile.id,
        name: found.profile.name,
        note: found.profile.note,
        version: found.profile.version,
        facts: found.current.facts,
        variables: found.current.variables,
        warnings: warnings.into_iter().map(|warning| warning.message).collect(),
        scope,
        may_change: actor.may(Right::Configure),
        errors: Vec::new(),
    })
}

/// A device in the list of a profile's page.
pub(in crate::http::pages::handlers) fn device(row: Standing) -> DeviceRow {
    let (state, words) = match row.state {
        ProfileState::Installed => (Mark::Ok, t!("installed")),
        ProfileState::Installing => (Mark::Waiting, t!("sent")),
        ProfileState::Waiting => (Mark::Waiting, t!("waits to be sent")),
        ProfileState::Failed => (Mark::Problem, t!("refused")),
        ProfileState::Removing => (Mark::Waiting, t!("is being removed")),
        ProfileState::Unable => (Mark::Problem, t!("cannot have it")),
    };
    let name = if row.device_name.is_empty() { String::from(t!("A device without a name")) } else { row.device_name };
    DeviceRow {
        id: row.device_id,
        name: if row.user_name.is_empty() { name } else { format!("{name}, {}", row.user_name) },
        state,
        words: words.to_owned(),
        because: row.because,
        at: row.changed_at,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    note: String,
}

async fn rename(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(named): Form<Named>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let edit = Edit { name: Some(named.name.clone()), note: Some(named.note.clone()), version: None };
    match app.store.write(app.now(), move |tx| profiles::edit(tx, &actor, &target, edit)).await {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/profiles/{id}"), t!("Saved."))),
        Err(error) if error.kind == Kind::BadInput => {
            let Named { name, note } = named;
            let view = ProfileView { name, note, errors: errors(&error), ..filled(&app, &who, &id, None, None).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VersionQuery {
    said: String,
}

async fn version(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path((id, number)): Path<(String, i64)>,
    Query(query): Query<VersionQuery>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| version_view(tx, &actor, &id, number)).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(version_page(&shell(&app, &who, flash).await?, &view).into_response())
}

fn version_view(tx: &Tx, actor: &Actor, id: &str, number: i64) -> Result<VersionView> {
    let found = profiles::find(tx, actor, id)?;
    let current = found.profile.version;
    let versions = profiles::versions(tx, actor, id)?;
    let before = versions.iter().map(|version| version.version).find(|other| *other < number);
    let against = if number == current { before } else { Some(current) };
    let diff = against.map(|against| Ok::<_, Error>((against, profiles::difference(tx, actor, id, against, number)?))).transpose()?;
    let shown = profiles::version(tx, id, number)?;
    let mut warnings = profiles::oddities(tx, id, &shown)?;
    warnings.extend(profiles::check(tx, actor, id, &[], Some(number))?);
    Ok(VersionView {
        id: found.profile.id,
        name: found.profile.name,
        version: number,
        current,
        facts: shown.facts,
        variables: shown.variables,
        diff,
        warnings: warnings.into_iter().map(|warning| warning.message).collect(),
        device_count: found.reach,
        may_change: actor.may(Right::Configure),
    })
}

async fn use_version(State(app): State<App>, gate: Gate, who: SignedIn, Path((id, number)): Path<(String, i64)>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let edit = Edit { version: Some(number), ..Edit::default() };
    match app.store.write(app.now(), move |tx| profiles::edit(tx, &actor, &target, edit)).await {
        Ok(_) => {
            Ok(said(&app, &gate, &who, &format!("/profiles/{id}"), &t!("Version {number} is in use; devices get it from now on.", number)))
        }
        Err(error) if error.kind == Kind::Conflict => {
            let actor = who.actor.clone();
            let view = app.store.read_slow(app.now(), move |tx| version_view(tx, &actor, &id, number)).await?;
            let flash = Flash { state: Mark::Problem, words: error.message.into_owned(), way: None };
            Ok((StatusCode::CONFLICT, version_page(&shell(&app, &who, Some(flash)).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContentQuery {
    version: Option<i64>,
}

async fn download(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Query(query): Query<ContentQuery>) -> Result<Response> {
    let (profile, content) = app.store.write(app.now(), move |tx| profiles::download(tx, &who.actor, &id, query.version)).await?;
    Ok(profile_file(&profile.identifier, content.expose().clone()))
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let found = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &id)).await?;
    Ok(ask_to_delete(&shell(&app, &who, None).await?, &found.profile.id, &found.profile.name, found.reach, None).into_response())
}

async fn delete(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, target) = (who.actor.clone(), id.clone());
    let found = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &target)).await?;
    let typed = pairs.iter().find(|(name, _)| name == "typed").map(|(_, value)| value.trim()).unwrap_or_default();
    if found.reach > 1 && typed != found.reach.to_string() {
        let page = ask_to_delete(&shell(&app, &who, None).await?, &found.profile.id, &found.profile.name, found.reach, Some(typed));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| profiles::delete(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/profiles", t!("The profile is deleted; it goes from the devices that had it.")))
}
