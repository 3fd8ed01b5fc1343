//! Classes: listed, made, renamed, deleted, and who is in them.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, cursor, errors, paged, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::Address;
use crate::http::pages::people::classes::{ClassForm, ClassView, ClassesView, MemberRow, delete, form, list, one};
use crate::mdm::people::classes;
use crate::mdm::{Actor, Right, people};
use crate::store::Tx;
use crate::store::classes::{Class, ClassRole, Member};
use crate::store::people::{self as person_rows, DeviceName, PeopleFilter};

/// Classes on one page.
const PAGE: u32 = 50;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/classes", get(all))
        .route("/classes/new", get(new).post(create))
        .route("/classes/{id}", get(show))
        .route("/classes/{id}/edit", get(edit).post(rename))
        .route("/classes/{id}/delete", get(ask_delete).post(do_delete))
        .route("/classes/{id}/people", post(put))
        .route("/classes/{id}/people/{person}/remove", post(remove))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
    said: String,
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    who.actor.require(Right::View)?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let (actor, after) = (who.actor.clone(), cursor(&query.after));
    let found = app.store.read_slow(app.now(), move |tx| {
        let after = after.as_ref().map(|(name, id)| (name.as_str(), id.as_str()));
        let (rows, total) = classes::list(tx, &actor, after, PAGE + 1)?;
        Ok((rows, total, person_rows::count(tx, &PeopleFilter::default())?))
    });
    let (mut rows, total, people) = found.await?;
    let next = paged(&mut rows, &Address::new("/classes"), PAGE, |class: &Class| (class.name.to_ascii_lowercase(), class.id.clone()));
    let view = ClassesView {
        rows: rows.into_iter().map(|class| (class.id, class.name, class.people_count)).collect(),
        total,
        people,
        first: (!query.after.is_empty()).then(|| "/classes".to_owned()),
        next,
        may_change: who.actor.may(Right::Configure),
    };
    Ok(list(&shell(&app, &who, flash).await?, &view).into_response())
}

fn view(tx: &Tx, actor: &Actor, id: &str) -> Result<ClassView> {
    let class = classes::find(tx, actor, id)?;
    let device = |device: DeviceName| {
        let serial = device.serial_number.unwrap_or_default();
        let name = [device.name, serial.clone()].into_iter().find(|name| !name.is_empty());
        (device.id, name.unwrap_or_else(|| String::from(t!("A device without a name"))), serial)
    };
    let row = |member: Member| {
        Ok(MemberRow {
            devices: people::devices_of(tx, actor, &member.person.id)?.into_iter().map(device).collect(),
            id: member.person.id,
            name: member.person.name,
            email: member.person.email,
            teaches: member.role == ClassRole::Teacher,
        })
    };
    let members = classes::members(tx, actor, id)?.into_iter().map(row).collect::<Result<_>>()?;
    Ok(ClassView {
        id: class.id,
        name: class.name,
        source: class.source,
        members,
        may_change: actor.may(Right::Configure),
        typed: String::new(),
        error: None,
    })
}

async fn look(app: &App, who: &SignedIn, id: &str) -> Result<ClassView> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id)).await
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    who.actor.require(Right::View)?;
    let flash = query.flash(&gate, &who);
    let view = look(&app, &who, &id).await?;
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn new(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(form(&shell(&app, &who, None).await?, &ClassForm::default()).into_response())
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// Where a form leads once it is done, or the form again with what was wrong.
async fn outcome(app: &App, gate: &Gate, who: &SignedIn, done: Result<Class>, view: ClassForm) -> Result<Response> {
    match done {
        Ok(class) => Ok(said(app, gate, who, &format!("/classes/{}", class.id), t!("Saved."))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let view = ClassForm { errors: errors(&error), ..view };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&shell(app, who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn create(State(app): State<App>, gate: Gate, who: SignedIn, Form(Named { name }): Form<Named>) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), name.clone());
    let made = app.store.write(app.now(), move |tx| classes::create(tx, &actor, &wanted)).await;
    outcome(&app, &gate, &who, made, ClassForm { name, ..ClassForm::default() }).await
}

async fn edit(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = look(&app, &who, &id).await?;
    let view = ClassForm { id: Some(id), name: view.name, errors: Vec::new() };
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

async fn rename(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(Named { name }): Form<Named>,
) -> Result<Response> {
    let (actor, target, wanted) = (who.actor.clone(), id.clone(), name.clone());
    let renamed = app.store.write(app.now(), move |tx| classes::rename(tx, &actor, &target, &wanted)).await;
    outcome(&app, &gate, &who, renamed, ClassForm { id: Some(id), name, errors: Vec::new() }).await
}

async fn ask_delete(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = look(&app, &who, &id).await?;
    Ok(delete(&shell(&app, &who, None).await?, &view).into_response())
}

async fn do_delete(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| classes::delete(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/classes", t!("The class is deleted.")))
}

#[derive(Debug, Deserialize)]
struct Joins {
    person: String,
    role: ClassRole,
}

async fn put(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(joins): Form<Joins>) -> Result<Response> {
    let (actor, target, typed) = (who.actor.clone(), id.clone(), joins.person.clone());
    let done = app.store.write(app.now(), move |tx| {
        let person = people::named(tx, &actor, &joins.person)?;
        classes::put(tx, &actor, &target, &person.id, joins.role)?;
        Ok(person.name)
    });
    match done.await {
        Ok(name) => Ok(said(&app, &gate, &who, &format!("/classes/{id}"), &t!("{name} is in the class.", name))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let error = first(&error);
            let view = ClassView { typed, error, ..look(&app, &who, &id).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

fn first(error: &Error) -> Option<String> {
    errors(error).into_iter().next().map(|(_, words)| words)
}

async fn remove(State(app): State<App>, gate: Gate, who: SignedIn, Path((id, person)): Path<(String, String)>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| classes::remove(tx, &actor, &target, &person)).await?;
    Ok(said(&app, &gate, &who, &format!("/classes/{id}"), t!("Taken out of the class.")))
}
