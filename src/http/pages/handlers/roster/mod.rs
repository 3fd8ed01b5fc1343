//! People: listed, added, changed, deleted; and who uses a device.

mod classes;
mod farewell;
mod import;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::devices::name;
use super::groups::{cursor, paged};
use super::licences::user_words;
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::people::{
    GiveView, PeopleView, PersonForm, PersonRow, PersonView, address, deactivate, delete, form, give, list, one,
};
use crate::mdm::licences::invitations;
use crate::mdm::people::{self, Change, NewPerson};
use crate::mdm::{Actor, Right, devices};
use crate::store::Tx;
use crate::store::classes::{self as class_rows, ClassRole};
use crate::store::people::{self as rows, PeopleFilter, Person, PersonRole, Source};

/// People on one page.
const PAGE: u32 = 50;

/// People whom a device can be given to without searching further.
const FOUND: u32 = 20;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/people", get(all))
        .route("/people/new", get(new).post(create))
        .route("/people/{id}", get(show))
        .route("/people/{id}/edit", get(edit).post(change))
        .route("/people/{id}/delete", get(ask_delete).post(do_delete))
        .route("/devices/{id}/person", get(choose).post(assign))
        .merge(classes::routes())
        .merge(farewell::routes())
        .merge(import::routes())
}

pub use import::roster_routes;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PeopleQuery {
    search: String,
    role: String,
    after: String,
    said: String,
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<PeopleQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let role = query.role.parse::<PersonRole>().ok();
    let filter = PeopleFilter { search: query.search.clone(), role, ..PeopleFilter::default() };
    let (actor, after) = (who.actor.clone(), cursor(&query.after));
    let found = app.store.read_slow(app.now(), move |tx| {
        let after = after.as_ref().map(|(name, id)| (name.as_str(), id.as_str()));
        let (rows, total) = people::list(tx, &actor, &filter, after, PAGE + 1)?;
        Ok((rows, total, class_rows::count(tx)?))
    });
    let (mut listed, total, classes) = found.await?;
    let address = address(&query.search, role.map_or("", PersonRole::as_str));
    let next = paged(&mut listed, &address, PAGE, |(person, _)| rows::sort_key(person));
    let view = PeopleView {
        rows: listed.into_iter().map(|(person, devices)| row(person, devices)).collect(),
        total,
        classes,
        first: (!query.after.is_empty()).then(|| address.to_string()),
        next,
        search: query.search,
        role: role.map_or_else(String::new, |role| role.as_str().to_owned()),
        may_change: who.actor.may(Right::Configure),
    };
    Ok(list(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(person: Person, devices: u64) -> PersonRow {
    let Person { id, name, email, role, active, .. } = person;
    PersonRow { id, name, email, role, active, devices }
}

fn view(tx: &Tx, actor: &Actor, id: &str) -> Result<PersonView> {
    let person = people::find(tx, actor, id)?;
    let devices = rows::devices(tx, id)?;
    let classes = class_rows::of_person(tx, id)?;
    Ok(PersonView {
        source: person.source,
        row: row(person, devices.len() as u64),
        devices: devices
            .into_iter()
            .map(|device| {
                let shown = if device.name.is_empty() { device.serial_number.unwrap_or_default() } else { device.name };
                (format!("/devices/{}", device.id), shown)
            })
            .collect(),
        classes: classes
            .into_iter()
            .map(|(class, role)| (format!("/classes/{}", class.id), class.name, role == ClassRole::Teacher))
            .collect(),
        account: people::account(tx, actor, id)?,
        locations: invitations::of_person(tx, actor, id)?
            .into_iter()
            .map(|(token, name, user)| {
                let (state, words) = user_words(&user);
                (format!("/system/apps-and-books/{token}"), name, state, words)
            })
            .collect(),
        has_left: people::farewell::said(tx, actor, id)?.is_some(),
        may_change: actor.may(Right::Configure),
    })
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id)).await?;
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn new(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = Typed {
        role: PersonRole::Student,
        active: Some(String::from("1")),
        name: String::new(),
        email: String::new(),
        account: String::new(),
        confirmed: None,
    }
    .form(None, false);
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

#[derive(Debug, Deserialize)]
struct Typed {
    name: String,
    email: String,
    #[serde(default)]
    account: String,
    role: PersonRole,
    active: Option<String>,
    #[serde(default)]
    confirmed: Option<String>,
}

impl Typed {
    /// As it was sent, to be sent again.
    fn pairs(&self) -> Vec<(String, String)> {
        let pairs = [("name", &*self.name), ("email", &*self.email), ("account", &*self.account), ("role", self.role.as_str())];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn form(&self, id: Option<String>, imported: bool) -> PersonForm {
        let (name, email, account) = (self.name.clone(), self.email.clone(), self.account.clone());
        PersonForm { id, name, email, account, role: self.role, active: self.active.is_some(), imported, errors: Vec::new() }
    }
}

/// The form again, with what was wrong.
async fn refused(app: &App, who: &SignedIn, view: PersonForm, error: crate::error::Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict) {
        return Err(error);
    }
    let view = PersonForm { errors: errors(&error), ..view };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&shell(app, who, None).await?, &view)).into_response())
}

async fn create(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    let view = typed.form(None, false);
    let new = NewPerson { name: typed.name, email: typed.email, role: typed.role, active: typed.active.is_some() };
    let actor = who.actor.clone();
    let make = move |tx: &Tx| {
        let person = people::create(tx, &actor, new)?;
        people::set_account(tx, &actor, &person.id, &typed.account)?;
        Ok(person)
    };
    match app.store.write(app.now(), make).await {
        Ok(person) => Ok(said(&app, &gate, &who, &format!("/people/{}", person.id), &t!("{name} is added.", name = person.name))),
        Err(error) => refused(&app, &who, view, error).await,
    }
}

async fn found(app: &App, who: &SignedIn, id: &str) -> Result<Person> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    app.store.read(app.now(), |tx| people::find(tx, &actor, &id)).await
}

async fn edit(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let person = found(&app, &who, &id).await?;
    let imported = person.source != Source::Hand;
    let actor = who.actor.clone();
    let account = app.store.read(app.now(), |tx| people::account(tx, &actor, &id)).await?;
    let Person { name, email, role, active, .. } = person;
    let view = PersonForm { id: Some(id), name, email, account, role, active, imported, errors: Vec::new() };
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(typed): Form<Typed>) -> Result<Response> {
    let imported = found(&app, &who, &id).await?.source != Source::Hand;
    let view = typed.form(Some(id.clone()), imported);
    let wanted = Change {
        name: Some(typed.name.clone()),
        email: Some(typed.email.clone()),
        role: Some(typed.role),
        active: Some(typed.active.is_some()),
    };
    let (actor, target) = (who.actor.clone(), id.clone());
    let sent = typed.pairs();
    let save = move |tx: &Tx| {
        let before = people::find(tx, &actor, &target)?;
        if before.active && typed.active.is_none() && typed.confirmed.is_none() {
            let leaving = people::leaving(tx, &actor, &target, false)?;
            if !leaving.is_nothing() {
                return Ok(Some((before.name, leaving)));
            }
        }
        people::change(tx, &actor, &target, wanted)?;
        people::set_account(tx, &actor, &target, &typed.account).map(|_| None)
    };
    match app.store.write(app.now(), save).await {
        Ok(Some((name, leaving))) => {
            Ok((StatusCode::CONFLICT, deactivate(&shell(&app, &who, None).await?, (&id, &name), &leaving, &sent)).into_response())
        }
        Ok(None) => Ok(said(&app, &gate, &who, &format!("/people/{id}"), t!("Saved."))),
        Err(error) => refused(&app, &who, view, error).await,
    }
}

async fn ask_delete(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let work = move |tx: &Tx| Ok((view(tx, &actor, &id)?, people::leaving(tx, &actor, &id, true)?));
    let (view, leaving) = app.store.read_slow(app.now(), work).await?;
    Ok(delete(&shell(&app, &who, None).await?, &view, &leaving).into_response())
}

async fn do_delete(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| people::delete(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/people", t!("The person is deleted.")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChooseQuery {
    search: String,
}

async fn choose(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Query(query): Query<ChooseQuery>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, search) = (who.actor.clone(), query.search.clone());
    let looked = app.store.read_slow(app.now(), move |tx| {
        let device = devices::find(tx, &actor, &id)?;
        let filter = PeopleFilter { search, active: Some(true), ..PeopleFilter::default() };
        let (found, total) = people::list(tx, &actor, &filter, None, FOUND)?;
        Ok(GiveView {
            now: rows::of_device(tx, &device.id)?.map(|person| (person.id, person.name)),
            name: name(&device),
            device: device.id,
            search: filter.search,
            found: found.into_iter().map(|(person, devices)| row(person, devices)).collect(),
            total,
        })
    });
    Ok(give(&shell(&app, &who, None).await?, &looked.await?).into_response())
}

#[derive(Debug, Deserialize)]
struct Given {
    person: String,
}

async fn assign(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(given): Form<Given>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let person = Some(given.person).filter(|person| !person.is_empty());
    let person = app.store.write(app.now(), move |tx| people::assign(tx, &actor, &target, person.as_deref())).await?;
    let words = person
        .map_or_else(|| String::from(t!("The device is nobody's now.")), |person| t!("The device is {name}'s now.", name = person.name));
    Ok(said(&app, &gate, &who, &format!("/devices/{id}"), &words))
}
