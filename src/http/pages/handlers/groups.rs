//! Groups: listed, made by hand or by a rule, filled, changed, deleted.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::put_into::{Asked, once_asked};
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::groups::builder::{AddTo, Builder};
use crate::http::pages::groups::{
    Brought, Found, GroupForm, GroupRow, GroupView, GroupsView, brings_together, delete, form, list, one, take_out,
};
use crate::http::pages::parts::scope::is_over;
use crate::http::pages::parts::{Address, count};
use crate::mdm::groups::{self, Change, NewGroup, Rule};
use crate::mdm::{Actor, Right, clashes, devices, packages};
use crate::store::assignments::AssignedKind;
use crate::store::groups::{self as rows, Group};
use crate::store::{Tx, classes};

/// Groups, and devices of a group, on one page.
const PAGE: u32 = 50;

type Pairs = Vec<(String, String)>;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/groups", get(all))
        .route("/groups/new", get(new).post(create))
        .route("/groups/{id}", get(show))
        .route("/groups/{id}/edit", get(edit).post(change))
        .route("/groups/{id}/delete", get(ask_delete).post(do_delete))
        .route("/groups/{id}/devices", post(add))
        .route("/groups/{id}/remove", post(remove))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
    said: String,
}

/// A cursor in an address: a name and an id.
pub(super) fn cursor(after: &str) -> Option<(String, String)> {
    after.rsplit_once('\u{1f}').map(|(name, id)| (name.to_owned(), id.to_owned()))
}

/// The rows of a page, and the address of the next one; `key` is what a row is ordered by.
pub(super) fn paged<T>(rows: &mut Vec<T>, address: &Address, page: u32, key: impl Fn(&T) -> (String, String)) -> Option<String> {
    if rows.len() <= page as usize {
        return None;
    }
    rows.truncate(page as usize);
    let (name, id) = key(rows.last()?);
    Some(address.clone().with("after", &format!("{name}\u{1f}{id}")).to_string())
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let (actor, after) = (who.actor.clone(), cursor(&query.after));
    let found = app.store.read_slow(app.now(), move |tx| {
        let after = after.as_ref().map(|(name, id)| (name.as_str(), id.as_str()));
        let (groups, total) = groups::list(tx, &actor, after, PAGE + 1)?;
        let rows = groups.into_iter().map(|group| row(tx, &group)).collect::<Result<Vec<_>>>()?;
        Ok((rows, total))
    });
    let (mut rows, total) = found.await?;
    let next = paged(&mut rows, &Address::new("/groups"), PAGE, |row| (row.name.clone(), row.id.clone()));
    let first = (!query.after.is_empty()).then(|| "/groups".to_owned());
    let view = GroupsView { rows, total, first, next, may_change: who.actor.may(Right::Configure) };
    Ok(list(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(tx: &Tx, group: &Group) -> Result<GroupRow> {
    let rule = match groups::rule_of(group)? {
        Some(rule) => groups::words(&rule, &groups::class_names(tx, &rule)?),
        None => String::new(),
    };
    Ok(GroupRow { id: group.id.clone(), name: group.name.clone(), rule, devices: group.device_count })
}

fn view(tx: &Tx, actor: &Actor, id: &str, after: &str) -> Result<GroupView> {
    let group = groups::find(tx, actor, id)?;
    let cursor = cursor(after);
    let mut devices = groups::devices_of(tx, actor, id, cursor.as_ref().map(|(name, id)| (name.as_str(), id.as_str())), PAGE + 1)?;
    let address = Address::new(format!("/groups/{id}"));
    let next = paged(&mut devices, &address, PAGE, rows::sort_key);
    let assigned = rows::assigned(tx, id)?.into_iter().map(|(kind, item, name, end)| {
        let (href, what) = match kind {
            AssignedKind::Profile => (format!("/profiles/{item}"), t!("Profile")),
            AssignedKind::Policy => (format!("/policies/{item}"), t!("Policy")),
            AssignedKind::Declaration => (format!("/declarations/{item}"), t!("Declaration")),
            AssignedKind::App => (format!("/apps/{item}"), t!("App")),
            AssignedKind::Provisioning => (format!("/provisioning/{item}"), t!("Provisioning profile")),
            AssignedKind::Update => (format!("/updates/plans/{item}"), t!("Update plan")),
            AssignedKind::Focus => (format!("/teaching/focus/{item}"), t!("Focus")),
        };
        (href, format!("{what} {name}"), end)
    });
    let (ended, assigned): (Vec<_>, Vec<_>) = assigned.partition(|(_, _, end)| is_over(*end, tx.now));
    let shown = |name: String, serial: &str| if name.is_empty() { t!("Device {serial}", serial) } else { name };
    Ok(GroupView {
        row: row(tx, &group)?,
        note: group.note,
        devices: devices
            .into_iter()
            .map(|device| {
                let serial = device.serial_number.unwrap_or_default();
                (device.id, shown(device.name, &serial), serial)
            })
            .collect(),
        first: (!after.is_empty()).then(|| address.to_string()),
        next,
        assigned,
        ended: ended.into_iter().filter_map(|(href, words, end)| Some((href, words, end?))).collect(),
        clashes: clashes::of_group(tx, id)?.into_iter().map(|warning| warning.message).collect(),
        trials: packages::on_trial(tx, id)?.into_iter().map(|(name, version)| format!("{name} {version}")).collect(),
        may_change: actor.may(Right::Configure),
        typed: String::new(),
        error: None,
    })
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, &query.after)).await?;
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewQuery {
    by: String,
}

async fn new(State(app): State<App>, who: SignedIn, Query(query): Query<NewQuery>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let builder = (query.by == "rule").then(Builder::default);
    let classes = app.store.read_slow(app.now(), class_choices).await?;
    let view = GroupForm { builder, classes, ..GroupForm::default() };
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

fn class_choices(tx: &Tx) -> Result<Vec<(String, String)>> {
    Ok(classes::all(tx)?.into_iter().map(|class| (class.id, class.name)).collect())
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// A form as it was typed.
async fn typed(app: &App, id: Option<String>, pairs: &Pairs, with_builder: bool) -> Result<GroupForm> {
    let classes = app.store.read_slow(app.now(), class_choices).await?;
    let (name, note) = (value(pairs, "name").to_owned(), value(pairs, "note").to_owned());
    Ok(GroupForm { id, name, note, builder: with_builder.then(|| Builder::read(pairs)), classes, ..GroupForm::default() })
}

/// What the form's buttons beside *Save* do: nothing but show the form again, with one more row or with what the rule finds.
async fn again(app: &App, who: &SignedIn, mut view: GroupForm, wanted: &str) -> Result<Response> {
    if let Some(builder) = &mut view.builder {
        match builder.rule(&view.classes) {
            Ok(rule) => view.found = Some(found(app, who, rule).await?),
            Err(error) if wanted == "count" => view.errors = errors(&error),
            Err(_) => {}
        }
        if let Some(to) = AddTo::read(wanted) {
            builder.add(to);
        }
    }
    Ok(form(&shell(app, who, None).await?, &view).into_response())
}

async fn found(app: &App, who: &SignedIn, rule: Rule) -> Result<Found> {
    let actor = who.actor.clone();
    let found = app.store.read_slow(app.now(), move |tx| {
        let groups::Found { count, of, names } = groups::preview(tx, &actor, &rule)?;
        Ok(Found { words: groups::words(&rule, &groups::class_names(tx, &rule)?), count, of, names })
    });
    found.await
}

/// The form again, with what was wrong.
async fn refused(app: &App, who: &SignedIn, view: GroupForm, error: Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict) {
        return Err(error);
    }
    let view = GroupForm { errors: errors(&error), ..view };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&shell(app, who, None).await?, &view)).into_response())
}

async fn create(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Query(query): Query<NewQuery>,
    Form(pairs): Form<Pairs>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = typed(&app, None, &pairs, query.by == "rule").await?;
    if value(&pairs, "do") != "save" {
        return again(&app, &who, view, value(&pairs, "do")).await;
    }
    let rule = match view.builder.as_ref().map(|builder| builder.rule(&view.classes)).transpose() {
        Ok(rule) => rule,
        Err(error) => return refused(&app, &who, view, error).await,
    };
    let (actor, new) = (who.actor.clone(), NewGroup { name: view.name.clone(), note: view.note.clone(), rule });
    match app.store.write(app.now(), move |tx| groups::create(tx, &actor, new)).await {
        Ok(group) => {
            let words = if group.is_by_rule {
                let count = count(group.device_count, t!("device is"), t!("devices are"));
                t!("The group is made. {count} in it now; others come in by themselves.", count)
            } else {
                String::from(t!("The group is made. Put devices in below."))
            };
            Ok(said(&app, &gate, &who, &format!("/groups/{}", group.id), &words))
        }
        Err(error) => refused(&app, &who, view, error).await,
    }
}

/// A group with its rule, for the form.
async fn known(app: &App, who: &SignedIn, id: &str) -> Result<GroupForm> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    let found = app.store.read_slow(app.now(), move |tx| {
        let group = groups::find(tx, &actor, &id)?;
        let rule = groups::rule_of(&group)?;
        let builder = rule.as_ref().and_then(Builder::of);
        let words = match (&rule, &builder) {
            (Some(rule), None) => Some(groups::words(rule, &groups::class_names(tx, rule)?)),
            _ => None,
        };
        Ok(GroupForm {
            id: Some(id),
            name: group.name,
            note: group.note,
            builder,
            words,
            classes: class_choices(tx)?,
            ..GroupForm::default()
        })
    });
    found.await
}

async fn edit(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = known(&app, &who, &id).await?;
    again(&app, &who, view, "").await
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(pairs): Form<Pairs>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let known = known(&app, &who, &id).await?;
    let view = GroupForm { words: known.words, ..typed(&app, Some(id.clone()), &pairs, known.builder.is_some()).await? };
    if value(&pairs, "do") != "save" {
        return again(&app, &who, view, value(&pairs, "do")).await;
    }
    let rule = match view.builder.as_ref().map(|builder| builder.rule(&view.classes)).transpose() {
        Ok(rule) => rule,
        Err(error) => return refused(&app, &who, view, error).await,
    };
    let (actor, target) = (who.actor.clone(), id.clone());
    let wanted = Change { name: Some(view.name.clone()), note: Some(view.note.clone()), rule, without_rule: false };
    let confirmed = value(&pairs, "confirmed") == "1";
    let work = move |tx: &Tx| once_asked(tx, &target, confirmed, |tx| groups::change(tx, &actor, &target, wanted));
    match app.store.write(app.now(), work).await {
        Ok(Asked::First(brought)) => ask_first(&app, &who, &format!("/groups/{id}/edit"), (&id, &view.name), &brought, &pairs).await,
        Ok(Asked::Done(group)) => {
            let words = t!("Saved. {are} in it now.", are = count(group.device_count, t!("device is"), t!("devices are")));
            Ok(said(&app, &gate, &who, &format!("/groups/{id}"), &words))
        }
        Err(error) => refused(&app, &who, view, error).await,
    }
}

/// The page that asks, with the form as it was sent.
async fn ask_first(app: &App, who: &SignedIn, action: &str, group: (&str, &str), brought: &Brought, pairs: &Pairs) -> Result<Response> {
    let sent: Vec<_> = pairs.iter().filter(|(name, _)| name != "confirmed").cloned().collect();
    Ok((StatusCode::CONFLICT, brings_together(&shell(app, who, None).await?, action, group, brought, &sent)).into_response())
}

async fn ask_delete(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, "")).await?;
    Ok(delete(&shell(&app, &who, None).await?, &view, None).into_response())
}

async fn do_delete(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, target, typed) = (who.actor.clone(), id.clone(), value(&pairs, "typed").to_owned());
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &target, "")).await?;
    if view.losing() > 1 && typed != view.losing().to_string() {
        let page = delete(&shell(&app, &who, None).await?, &view, Some(&typed));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| groups::delete(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/groups", t!("The group is deleted.")))
}

async fn add(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(pairs): Form<Pairs>) -> Result<Response> {
    let typed = value(&pairs, "devices").to_owned();
    let (actor, target, lines, confirmed) = (who.actor.clone(), id.clone(), typed.clone(), value(&pairs, "confirmed") == "1");
    let added = app.store.write(app.now(), move |tx| {
        let name = groups::find(tx, &actor, &target)?.name;
        let devices = groups::named(tx, &actor, &lines)?;
        let added = once_asked(tx, &target, confirmed, |tx| groups::add(tx, &actor, &target, &devices))?;
        Ok((name, added, devices.len()))
    });
    match added.await {
        Ok((name, Asked::First(brought), _)) => {
            ask_first(&app, &who, &format!("/groups/{id}/devices"), (&id, &name), &brought, &pairs).await
        }
        Ok((_, Asked::Done(added), named)) => {
            let there = named - added;
            let words = t!("{were} put in.", were = count(added as u64, t!("device was"), t!("devices were")));
            let already = t!(" {were} in it already.", were = count(there as u64, t!("was"), t!("were")));
            let words = if there > 0 { words + &already } else { words };
            Ok(said(&app, &gate, &who, &format!("/groups/{id}"), &words))
        }
        Err(error) if error.kind == Kind::BadInput => {
            let actor = who.actor.clone();
            let shown = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, "")).await?;
            let view = GroupView { typed, error: errors(&error).into_iter().next().map(|(_, words)| words), ..shown };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Asks before devices are taken out, and does it once that is confirmed. "All that match" are all of the group.
async fn remove(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(pairs): Form<Pairs>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let mut chosen: Vec<String> = pairs.iter().filter(|(key, _)| key == "device").map(|(_, id)| id.clone()).collect();
    let (actor, target, everyone) = (who.actor.clone(), id.clone(), value(&pairs, "all") == "1");
    let looked = app.store.read_slow(app.now(), move |tx| {
        let group = groups::find(tx, &actor, &target)?;
        if everyone {
            chosen = rows::device_ids(tx, &target)?;
        }
        if chosen.is_empty() {
            return Err(Error::bad_input(t!("No device is chosen. Tick some in the table first.")));
        }
        let names = chosen.iter().map(|id| devices::find(tx, &actor, id).map(|device| super::devices::name(&device)));
        Ok((group.name, names.collect::<Result<Vec<_>>>()?, chosen))
    });
    let (group, names, chosen) = looked.await?;
    if value(&pairs, "confirmed") != "1" {
        return Ok(take_out(&shell(&app, &who, None).await?, &id, &group, &names, &chosen).into_response());
    }
    let (actor, target) = (who.actor.clone(), id.clone());
    let removed = app.store.write(app.now(), move |tx| groups::remove(tx, &actor, &target, &chosen)).await?;
    let words = t!("{were} taken out.", were = count(removed as u64, t!("device was"), t!("devices were")));
    Ok(said(&app, &gate, &who, &format!("/groups/{id}"), &words))
}
