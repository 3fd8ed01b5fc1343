//! `/api/v1/classes`: who learns and teaches with whom.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NameKey, PageQuery, PersonView, after};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::input::{Json, Query};
use crate::http::api::list::{List, Page};
use crate::http::api::once::{Answer, Post};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::people::classes;
use crate::store::classes::{Class, ClassRole, Member};
use crate::store::people::Source;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, rename, delete))
        .routes(routes!(members))
        .routes(routes!(put, remove))
}

/// A class.
#[derive(Debug, Serialize, ToSchema)]
struct ClassView {
    /// UUIDv7.
    id: String,
    /// Its name.
    name: String,
    /// Whether it was made by hand or by which kind of import.
    source: Source,
    /// How many people are in it.
    people_count: u64,
    /// When it was made.
    created_at: Timestamp,
    /// When its name changed last.
    changed_at: Timestamp,
}

impl From<Class> for ClassView {
    fn from(class: Class) -> Self {
        let Class { id, source, name, people_count, created_at, changed_at, .. } = class;
        Self { id, name, source, people_count, created_at, changed_at }
    }
}

/// Classes, by name.
#[utoipa::path(get, path = "/api/v1/classes", tag = "people", params(PageQuery),
    responses((status = 200, description = "By name", body = List<ClassView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<ClassView>>> {
    let page = Page::<NameKey>::parse(query.limit, query.after.as_deref())?;
    let answer = app.store.read_slow(app.now(), move |tx| {
        let (rows, total) = classes::list(tx, &actor, after(&page), page.fetch())?;
        Ok(page.answer(rows, total, |class| (class.name.to_ascii_lowercase(), class.id.clone()), ClassView::from))
    });
    Ok(JsonBody(answer.await?))
}

/// What a class is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClassInput {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// Make a class by hand: no import removes it.
#[utoipa::path(post, path = "/api/v1/classes", tag = "people", request_body = ClassInput,
    responses((status = 201, description = "Made", body = ClassView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<ClassInput>) -> Result<Answer> {
    let Post { body, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| Answer::new(StatusCode::CREATED, &ClassView::from(classes::create(tx, &actor, &body.name)?)))
        })
        .await
}

/// One class.
#[utoipa::path(get, path = "/api/v1/classes/{id}", tag = "people", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The class", body = ClassView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ClassView>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| classes::find(tx, &actor, &id)).await?.into()))
}

/// Give a class another name. One that came by an import gets its name back with the next one.
#[utoipa::path(patch, path = "/api/v1/classes/{id}", tag = "people", params(("id" = String, Path, description = "Its id")), request_body = ClassInput,
    responses((status = 200, description = "As it is now", body = ClassView)))]
async fn rename(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(body): Json<ClassInput>,
) -> Result<JsonBody<ClassView>> {
    Ok(JsonBody(app.store.write(app.now(), move |tx| classes::rename(tx, &actor, &id, &body.name)).await?.into()))
}

/// Delete a class; its people stay. One that a group's rule asks for is kept, and the answer names the groups.
#[utoipa::path(delete, path = "/api/v1/classes/{id}", tag = "people", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| classes::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody in a class.
#[derive(Debug, Serialize, ToSchema)]
struct MemberView {
    /// Who.
    person: PersonView,
    /// What they do there.
    role: ClassRole,
    /// Whether somebody put them there by hand, or which kind of import did.
    source: Source,
}

/// The people of a class, teachers first.
#[utoipa::path(get, path = "/api/v1/classes/{id}/people", tag = "people", params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "Teachers first, by name", body = List<MemberView>)))]
async fn members(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<MemberView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let members = app.store.read_slow(app.now(), move |tx| classes::members(tx, &actor, &id)).await?;
    let view = |Member { person, role, source }: Member| MemberView { person: person.into(), role, source };
    Ok(JsonBody(page.part(members, |member| member.person.id.clone(), view)?))
}

/// What a person is to do in a class.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemberInput {
    /// Learns or teaches.
    role: ClassRole,
}

/// Put a person into a class by hand, or change what they do there.
#[utoipa::path(put, path = "/api/v1/classes/{id}/people/{person}", tag = "people", request_body = MemberInput,
    params(("id" = String, Path, description = "The class's id"), ("person" = String, Path, description = "The person's id")),
    responses((status = 204, description = "They are in it")))]
async fn put(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, person)): Path<(String, String)>,
    Json(body): Json<MemberInput>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| classes::put(tx, &actor, &id, &person, body.role)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a person out of a class.
#[utoipa::path(delete, path = "/api/v1/classes/{id}/people/{person}", tag = "people",
    params(("id" = String, Path, description = "The class's id"), ("person" = String, Path, description = "The person's id")),
    responses((status = 204, description = "They are not in it")))]
async fn remove(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, person)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| classes::remove(tx, &actor, &id, &person)).await?;
    Ok(StatusCode::NO_CONTENT)
}
