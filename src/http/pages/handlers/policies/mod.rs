//! Policies: listed, made and changed by the guided editor, assigned, deleted, and told device by device.

mod scope;

use std::collections::btree_map::Entry;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::devices::name as device_name;
use super::profiles::{ShowQuery, outcomes_page, segments};
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::scope::{ScopeGroup, ScopeView, Sent, is_over};
use crate::http::pages::policies::{
    DeviceKey, DevicePolicies, PoliciesView, PolicyForm, PolicyRow, PolicyView, ask_delete, editor, list, on_device, one,
};
use crate::mdm::policies::catalogue::{self, ValueKind};
use crate::mdm::policies::{self, NewPolicy, PolicyChange};
use crate::mdm::reconcile::counted;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, betas, devices};
use crate::store::assignments::AssignedKind;
use crate::store::policies::Policy;
use crate::store::profiles::ProfileState;
use crate::store::{Tx, groups, policies as rows};

/// Policies on one page.
const PAGE: u32 = 50;

/// Devices that a policy's page offers to look at.
const DEVICES_OFFERED: u32 = 20;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/policies", get(all).post(create))
        .route("/policies/new", get(new))
        .route("/policies/devices/{id}", get(device))
        .route("/policies/{id}", get(show).post(update))
        .route("/policies/{id}/edit", get(edit))
        .route("/policies/{id}/scope", get(show).post(scope::save))
        .route("/policies/{id}/delete", get(ask).post(delete))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
    said: String,
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let (actor, after) = (who.actor.clone(), Some(query.after).filter(|after| !after.is_empty()));
    let work = move |tx: &Tx| {
        let (found, total) = policies::list(tx, &actor, after.as_deref(), PAGE + 1)?;
        let found = found.into_iter().map(|policy| row(tx, &actor, policy)).collect::<Result<Vec<_>>>()?;
        Ok((found, total))
    };
    let (mut rows, total) = app.store.read_slow(app.now(), work).await?;
    let next = (rows.len() > PAGE as usize).then(|| {
        rows.truncate(PAGE as usize);
        let last = rows.last().map(|row| row.name.as_str()).unwrap_or_default();
        format!("/policies?after={}", crate::http::pages::parts::encode(last))
    });
    let view = PoliciesView { rows, total: total.unsigned_abs(), next, may_change: who.actor.may(Right::Configure) };
    Ok(list(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(tx: &Tx, actor: &Actor, policy: Policy) -> Result<PolicyRow> {
    let groups = policies::groups(tx, actor, &policy.id)?;
    Ok(PolicyRow {
        does: in_words(tx, &policy)?.into_iter().map(|(_, words)| words).collect(),
        groups: groups.into_iter().filter(|group| !is_over(group.ends_at, tx.now)).map(|group| group.name).collect(),
        results: segments(&counted(tx, actor, AssignedKind::Policy, &policy.id)?.counts, &format!("/policies/{}", policy.id)),
        id: policy.id,
        name: policy.name,
        changed_at: policy.changed_at,
    })
}

fn in_words(tx: &Tx, policy: &Policy) -> Result<Vec<(&'static catalogue::Switch, String)>> {
    let programs = betas::titles_for(tx, &policy.settings)?;
    let on = catalogue::all().filter_map(|switch| Some((switch, policies::in_words(switch, policy.settings.get(switch.id)?, &programs))));
    Ok(on.collect())
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let which = (query.state.parse().ok(), query.from.parse().unwrap_or_default());
    let view = view(&app, &who, id, which, None, Vec::new()).await?;
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

/// A policy's page; with what was sent for its scope and what is wrong with that.
async fn view(
    app: &App,
    who: &SignedIn,
    id: String,
    which: (Option<ProfileState>, usize),
    sent: Option<Sent>,
    errors: Vec<(String, String)>,
) -> Result<PolicyView> {
    let actor = who.actor.clone();
    let may_change = actor.may(Right::Configure);
    let work = move |tx: &Tx| {
        let policy = policies::find(tx, &actor, &id)?;
        let assigned = policies::groups(tx, &actor, &id)?.into_iter().map(|group| (group.id, group.ends_at)).collect();
        let clashes = policies::check(tx, &actor, &id, &[])?.into_iter().map(|clash| clash.message).collect();
        let found = outcomes_page(tx, &actor, (AssignedKind::Policy, &id), format!("/policies/{id}"), which)?;
        let switches = (in_words(tx, &policy)?, policies::all_warnings(tx, &policy.settings)?);
        // Those that stand in the list are at hand; the others are only looked for where there is none.
        let mut offered: Vec<(String, String)> = Vec::new();
        for device in &found.devices {
            if offered.len() < DEVICES_OFFERED as usize && offered.iter().all(|(id, _)| *id != device.id) {
                offered.push((device.id.clone(), device.name.clone()));
            }
        }
        let offered = if offered.is_empty() { rows::devices(tx, &id, DEVICES_OFFERED)? } else { offered };
        Ok(((policy, switches), assigned, groups::all(tx)?, offered, (clashes, found), zone(tx)?))
    };
    let now = app.now();
    let ((policy, (switches, warnings)), assigned, groups, devices, (clashes, found), zone) = app.store.read_slow(now, work).await?;
    let group = |group: groups::Group| ScopeGroup { id: group.id, name: group.name, device_count: group.device_count };
    Ok(PolicyView {
        switches,
        warnings,
        clashes,
        outcomes: found,
        ends: policies::ends(&policy.settings).words,
        generations: policies::generations(&policy.settings),
        scope: ScopeView { groups: groups.into_iter().map(group).collect(), assigned, sent, errors, without_end: false, now, zone },
        devices,
        may_change,
        id: policy.id,
        name: policy.name,
        note: policy.note,
        revision: policy.revision,
        changed_at: policy.changed_at,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewQuery {
    start: String,
}

/// What a policy of Managed Open In has switched on to begin with.
const OPEN_IN: [&str; 3] = ["open_in_managed_stays", "open_in_airdrop", "open_in_pasteboard"];

async fn new(State(app): State<App>, who: SignedIn, Query(query): Query<NewQuery>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let mut form = PolicyForm::default();
    if query.start == "open-in" {
        form.name = String::from(t!("Managed Open In"));
        form.values = OPEN_IN.into_iter().map(|id| (id.to_owned(), String::from("1"))).collect();
    }
    form.programs = programs(&app, &who).await?;
    Ok(editor(&shell(&app, &who, None).await?, &form).into_response())
}

/// The beta programmes that the editor offers.
async fn programs(app: &App, who: &SignedIn) -> Result<Vec<betas::Program>> {
    let actor = who.actor.clone();
    app.store.read(app.now(), move |tx| betas::list(tx, &actor)).await
}

async fn edit(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let policy = app.store.read(app.now(), |tx| policies::find(tx, &actor, &id)).await?;
    let typed = |value: &Value| match value {
        Value::Bool(_) => String::from("1"),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    };
    let form = PolicyForm {
        values: policy.settings.iter().map(|(id, value)| (id.clone(), typed(value))).collect(),
        title: policy.name.clone(),
        id: Some(policy.id),
        revision: policy.revision,
        name: policy.name,
        note: policy.note,
        errors: Vec::new(),
        programs: programs(&app, &who).await?,
    };
    Ok(editor(&shell(&app, &who, None).await?, &form).into_response())
}

/// The editor's form as it was sent.
fn read(fields: Vec<(String, String)>, id: Option<String>) -> PolicyForm {
    let mut form = PolicyForm { id, ..PolicyForm::default() };
    for (name, value) in fields {
        match name.as_str() {
            "name" => form.name = value,
            "note" => form.note = value,
            "revision" => form.revision = value.parse().unwrap_or_default(),
            // A box for each programme sends its name once for each that is ticked.
            _ if value.trim().is_empty() => {}
            // A box for each programme sends the switch's name once for each that is ticked.
            _ => match form.values.entry(name) {
                Entry::Vacant(entry) => drop(entry.insert(value)),
                Entry::Occupied(mut entry) => entry.get_mut().extend(["\n", &value]),
            },
        }
    }
    form
}

/// The switches as the room reads them; what is no number stays text, which the room refuses at its switch.
fn wanted(form: &PolicyForm) -> Map<String, Value> {
    let value = |switch: &catalogue::Switch, typed: &str| match switch.kind {
        ValueKind::OnOff => Value::Bool(true),
        ValueKind::Number(..) | ValueKind::Choice(_) => typed.trim().parse::<i64>().map_or_else(|_| Value::from(typed), Value::from),
        ValueKind::Word(_) => Value::from(typed.trim()),
        ValueKind::Apps | ValueKind::WebDomains | ValueKind::MailDomains | ValueKind::BetaPrograms => {
            typed.split([' ', ',', ';', '\n', '\r', '\t']).filter(|entry| !entry.is_empty()).map(Value::from).collect()
        }
    };
    catalogue::all().filter_map(|switch| Some((switch.id.to_owned(), value(switch, form.values.get(switch.id)?)))).collect()
}

async fn create(State(app): State<App>, gate: Gate, who: SignedIn, Form(fields): Form<Vec<(String, String)>>) -> Result<Response> {
    let form = read(fields, None);
    let new = NewPolicy { name: form.name.clone(), note: form.note.clone(), settings: wanted(&form) };
    let actor = who.actor.clone();
    match app.store.write(app.now(), move |tx| policies::create(tx, &actor, &new)).await {
        Ok(policy) => {
            Ok(said(&app, &gate, &who, &format!("/policies/{}", policy.id), t!("The policy is made. Choose below where it is wanted.")))
        }
        Err(error) => refused(&app, &who, form, error).await,
    }
}

async fn update(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let form = read(fields, Some(id.clone()));
    let change = PolicyChange {
        name: Some(form.name.clone()),
        note: Some(form.note.clone()),
        settings: Some(wanted(&form)),
        revision: Some(form.revision),
    };
    let actor = who.actor.clone();
    match app.store.write(app.now(), move |tx| policies::update(tx, &actor, &id, &change)).await {
        Ok(policy) => Ok(said(&app, &gate, &who, &format!("/policies/{}", policy.id), t!("The policy is saved. Its devices follow."))),
        Err(error) => refused(&app, &who, form, error).await,
    }
}

/// The form again, with everything that was typed and what is wrong with it.
async fn refused(app: &App, who: &SignedIn, mut form: PolicyForm, error: crate::error::Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict) {
        return Err(error);
    }
    if let Some(id) = form.id.clone() {
        let actor = who.actor.clone();
        form.title = app.store.read(app.now(), |tx| policies::find(tx, &actor, &id)).await?.name;
    }
    form.programs = programs(app, who).await?;
    let at = |field: String| field.strip_prefix("settings.").map_or_else(|| field.clone(), str::to_owned);
    form.errors = errors(&error).into_iter().map(|(field, words)| (at(field), words)).collect();
    Ok((StatusCode::UNPROCESSABLE_ENTITY, editor(&shell(app, who, None).await?, &form)).into_response())
}

/// A policy, the names of its groups, and how many devices have it.
async fn at_stake(app: &App, who: &SignedIn, id: String) -> Result<(Policy, Vec<String>, u64)> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        let policy = policies::find(tx, &actor, &id)?;
        let groups = policies::groups(tx, &actor, &id)?.into_iter().map(|group| group.name).collect::<Vec<_>>();
        Ok((policy, groups, counted(tx, &actor, AssignedKind::Policy, &id)?.reach))
    };
    app.store.read_slow(app.now(), work).await
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (policy, groups, devices) = at_stake(&app, &who, id).await?;
    Ok(ask_delete(&shell(&app, &who, None).await?, (&policy.id, &policy.name), &groups, devices, None).into_response())
}

async fn delete(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (policy, groups, devices) = at_stake(&app, &who, id.clone()).await?;
    let typed = pairs.iter().find(|(name, _)| name == "typed").map(|(_, value)| value.trim()).unwrap_or_default();
    if devices > 1 && typed != devices.to_string() {
        let page = ask_delete(&shell(&app, &who, None).await?, (&policy.id, &policy.name), &groups, devices, Some(typed));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| policies::delete(tx, &actor, &id)).await?;
    Ok(Redirect::to("/policies").into_response())
}

async fn device(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        let device = devices::find(tx, &actor, &id)?;
        let effective = policies::on_device(tx, &actor, &device.id)?;
        Ok((device, effective))
    };
    let (device, effective) = app.store.read_slow(app.now(), work).await?;
    let key = |key: policies::EffectiveKey| DeviceKey {
        words: key.words,
        key: key.key,
        value: said_value(&key.value),
        of_type: key.of_type,
        policies: key.origins.into_iter().map(|origin| (origin.id, origin.name)).collect(),
    };
    let view = DevicePolicies {
        name: device_name(&device),
        id: device.id,
        keys: effective.keys.into_iter().map(key).collect(),
        unable: effective.unable.into_iter().map(|unable| (unable.what, unable.because, (unable.origin.id, unable.origin.name))).collect(),
    };
    Ok(on_device(&shell(&app, &who, None).await?, &view).into_response())
}

/// A value for people.
fn said_value(value: &Value) -> String {
    match value {
        Value::Bool(true) => String::from(t!("yes")),
        Value::Bool(false) => String::from(t!("no")),
        Value::Array(items) if items.is_empty() => String::from(t!("none")),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
