//! `/api/v1/people`: who uses devices.

mod account;
mod classes;
mod farewell;
mod import;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::groups::{DeviceNameView, NameKey, PageQuery, after};
use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::people::{self, Change, NewPerson};
use crate::store::Tx;
use crate::store::classes::{self as class_rows, ClassRole};
use crate::store::people::{self as rows, PeopleFilter, Person, PersonRole, Source};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .merge(import::routes())
        .routes(routes!(show, change, delete))
        .routes(routes!(assign))
        .merge(account::routes())
        .merge(farewell::routes())
        .merge(classes::routes())
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
struct PersonView {
    /// UUIDv7.
    id: String,
    /// Their name.
    name: String,
    /// Their address; empty where there is none.
    email: String,
    /// What they are.
    role: PersonRole,
    /// Whether they are at the school now.
    active: bool,
    /// Whether they were made by hand or by which kind of import.
    source: Source,
    /// When they were made.
    created_at: Timestamp,
    /// When they changed last.
    changed_at: Timestamp,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        let Person { id, source, name, email, role, active, created_at, changed_at, .. } = person;
        Self { id, name, email, role, active, source, created_at, changed_at }
    }
}

/// A person of a list.
#[derive(Debug, Serialize, ToSchema)]
struct ListedPerson {
    /// UUIDv7.
    id: String,
    /// Their name.
    name: String,
    /// Their address; empty where there is none.
    email: String,
    /// What they are.
    role: PersonRole,
    /// Whether they are at the school now.
    active: bool,
    /// Whether they were made by hand or by which kind of import.
    source: Source,
    /// How many devices they use.
    device_count: u64,
}

/// One person with everything around them.
#[derive(Debug, Serialize, ToSchema)]
struct WholePerson {
    /// The person.
    person: PersonView,
    /// The devices that they use.
    devices: Vec<DeviceNameView>,
    /// The classes that they are in.
    classes: Vec<ClassOfPerson>,
}

/// A class of a person.
#[derive(Debug, Serialize, ToSchema)]
struct ClassOfPerson {
    /// The class's id.
    id: String,
    /// Its name.
    name: String,
    /// What the person does there.
    role: ClassRole,
}

fn whole(tx: &Tx, person: Person) -> Result<WholePerson> {
    let devices = rows::devices(tx, &person.id)?.into_iter().map(DeviceNameView::from).collect();
    let classes = class_rows::of_person(tx, &person.id)?;
    let classes = classes.into_iter().map(|(class, role)| ClassOfPerson { id: class.id, name: class.name, role }).collect();
    Ok(WholePerson { person: person.into(), devices, classes })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PeopleQuery {
    /// Part of a name or an address.
    search: Option<String>,
    /// What they are.
    role: Option<PersonRole>,
    /// Whether they are at the school now.
    active: Option<bool>,
    /// The id of a class that they are in.
    class: Option<String>,
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// People, by name.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(PeopleQuery),
    responses((status = 200, description = "By name", body = List<ListedPerson>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PeopleQuery>,
) -> Result<JsonBody<List<ListedPerson>>> {
    let page = Page::<NameKey>::parse(query.limit, query.after.as_deref())?;
    let PeopleQuery { search, role, active, class, .. } = query;
    let filter = PeopleFilter { search: search.unwrap_or_default(), role, active, class_id: class };
    let answer = app.store.read_slow(app.now(), move |tx| {
        let (found, total) = people::list(tx, &actor, &filter, after(&page), page.fetch())?;
        let key = |(person, _): &(Person, u64)| rows::sort_key(person);
        Ok(page.answer(found, total, key, |(person, device_count)| {
            let Person { id, name, email, role, active, source, .. } = person;
            ListedPerson { id, name, email, role, active, source, device_count }
        }))
    });
    Ok(JsonBody(answer.await?))
}

/// A person that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonInput {
    /// Their name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Their address.
    #[serde(default)]
    #[schema(max_length = 254)]
    email: String,
    /// What they are.
    role: PersonRole,
    /// Whether they are at the school now.
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

/// Make a person by hand: no import removes them.
#[utoipa::path(post, path = "/api/v1/people", tag = "people", request_body = PersonInput,
    responses((status = 201, description = "Made", body = PersonView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<PersonInput>) -> Result<Answer> {
    let Post { body: PersonInput { name, email, role, active }, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let person = people::create(tx, &actor, NewPerson { name, email, role, active })?;
                Answer::new(StatusCode::CREATED, &PersonView::from(person))
            })
        })
        .await
}

/// One person, with devices and classes.
#[utoipa::path(get, path = "/api/v1/people/{id}", tag = "people", params(("id" = String, Path, description = "Their id")),
    responses((status = 200, description = "The person", body = WholePerson)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<WholePerson>> {
    let found = app.store.read(app.now(), |tx| people::find(tx, &actor, &id).and_then(|person| whole(tx, person)));
    Ok(JsonBody(found.await?))
}

/// What changes of a person; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonChange {
    /// Their name.
    #[serde(default)]
    name: Option<String>,
    /// Their address; empty for none.
    #[serde(default)]
    email: Option<String>,
    /// What they are.
    #[serde(default)]
    role: Option<PersonRole>,
    /// Whether they are at the school now.
    #[serde(default)]
    active: Option<bool>,
}

/// Change a person. Those who came by an import are set to what the file says by the next one.
#[utoipa::path(patch, path = "/api/v1/people/{id}", tag = "people", params(("id" = String, Path, description = "Their id")), request_body = PersonChange,
    responses((status = 200, description = "As they are now", body = PersonView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(body): Json<PersonChange>,
) -> Result<JsonBody<PersonView>> {
    let PersonChange { name, email, role, active } = body;
    let changed = app.store.write(app.now(), move |tx| people::change(tx, &actor, &id, Change { name, email, role, active }));
    Ok(JsonBody(changed.await?.into()))
}

/// Delete a person: their devices are nobody's then.
#[utoipa::path(delete, path = "/api/v1/people/{id}", tag = "people", params(("id" = String, Path, description = "Their id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| people::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is to use a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonOfDevice {
    /// The person's id; null for nobody.
    #[serde(deserialize_with = "said")]
    #[schema(required)]
    person: Option<String>,
}

/// A value that must be said, be it null: nobody loses a device because a key was forgotten.
fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// Who uses a device.
#[derive(Debug, Serialize, ToSchema)]
struct UserOfDevice {
    /// The person; null for nobody.
    person: Option<PersonView>,
}

/// Give a device to a person, or to nobody.
#[utoipa::path(put, path = "/api/v1/devices/{id}/person", tag = "people", params(("id" = String, Path, description = "The device's id or Nano id")),
    request_body = PersonOfDevice, responses((status = 200, description = "Who uses it now", body = UserOfDevice)))]
async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(body): Json<PersonOfDevice>,
) -> Result<JsonBody<UserOfDevice>> {
    let person = app.store.write(app.now(), move |tx| people::assign(tx, &actor, &id, body.person.as_deref())).await?;
    Ok(JsonBody(UserOfDevice { person: person.map(PersonView::from) }))
}
