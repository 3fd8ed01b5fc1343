//! `/api/v1/admins`: people who may log in.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::{Authenticated, Gate};
use crate::mdm::admins::{self, Change, HashedPassword, NewAdmin, Password, second_factor};
use crate::mdm::{Actor, Right, Role};
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::admins::Admin;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(reset_password))
        .routes(routes!(reset_second_factor))
}

/// Someone who may log in.
#[derive(Debug, Serialize, ToSchema)]
struct AdminView {
    /// UUIDv7.
    id: String,
    /// What they log in with.
    name: String,
    /// What they may do: owner, admin, helper, teacher or viewer.
    role: String,
    /// Since when they are kept from logging in.
    disabled_at: Option<Timestamp>,
    /// When they were added.
    created_at: Timestamp,
    /// The person of the school that they are; whose classes a teacher sees.
    person_id: Option<String>,
}

impl From<Admin> for AdminView {
    fn from(admin: Admin) -> Self {
        Self {
            id: admin.id,
            name: admin.name,
            role: admin.role,
            disabled_at: admin.disabled_at,
            created_at: admin.created_at,
            person_id: admin.person_id,
        }
    }
}

/// Someone with a password that was just made for them.
#[derive(Debug, Serialize, ToSchema)]
struct AdminWithPassword {
    #[serde(flatten)]
    view: AdminView,
    /// The password, if none was sent and one was made; it is said this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AdminsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// People who may log in.
#[utoipa::path(get, path = "/api/v1/admins", tag = "admins", params(AdminsQuery),
    responses((status = 200, description = "By name", body = List<AdminView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<AdminsQuery>,
) -> Result<JsonBody<List<AdminView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let (rows, total) = app.store.read_slow(app.now(), move |tx| admins::list(tx, &actor, after.as_deref(), fetch)).await?;
    Ok(JsonBody(page.answer(rows, total.into(), |admin| admin.name.clone(), AdminView::from)))
}

/// Someone who is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdminInput {
    /// What they will log in with, up to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What they may do.
    role: Role,
    /// Their password, at least 10 characters; one is made if there is none.
    #[schema(format = Password, min_length = 10)]
    password: Option<String>,
}

/// Add someone who may log in.
#[utoipa::path(post, path = "/api/v1/admins", tag = "admins", request_body = AdminInput,
    responses((status = 201, description = "Added", body = AdminWithPassword)))]
async fn add(State(app): State<App>, gate: Gate, Authenticated(actor): Authenticated, post: Post<AdminInput>) -> Result<Answer> {
    let Post { body: AdminInput { name, role, password }, once } = post;
    let (made, hashed) = hash_or_make(&app, &gate, &actor, password).await?;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let admin = admins::add(tx, &actor, NewAdmin { name, role, password: hashed })?;
                Answer::new(StatusCode::CREATED, &AdminWithPassword { view: admin.into(), password: made })
            })
        })
        .await
}

/// One person.
#[utoipa::path(get, path = "/api/v1/admins/{id}", tag = "admins", params(("id" = String, Path, description = "Their id or name")),
    responses((status = 200, description = "The person", body = AdminView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AdminView>> {
    let admin = app.store.read(app.now(), |tx| admins::find(tx, &actor, &id)).await?;
    Ok(JsonBody(admin.into()))
}

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdminChange {
    /// What they may do from now on.
    role: Option<Role>,
    /// Whether they are kept from logging in.
    disabled: Option<bool>,
    /// The person of the school that they are, by e-mail address or whole name; empty for nobody.
    person: Option<String>,
}

/// Change what someone may do, or whether they may log in.
#[utoipa::path(patch, path = "/api/v1/admins/{id}", tag = "admins", params(("id" = String, Path, description = "Their id or name")),
    request_body = AdminChange, responses((status = 200, description = "As they are now", body = AdminView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(AdminChange { role, disabled, person }): Json<AdminChange>,
) -> Result<JsonBody<AdminView>> {
    let work = move |tx: &Tx| {
        let admin = admins::change(tx, &actor, &id, Change { role, disabled })?;
        match person {
            Some(person) => admins::link_person(tx, &actor, &admin.id, Some(&person)),
            None => Ok(admin),
        }
    };
    let admin = app.store.write(app.now(), work).await?;
    Ok(JsonBody(admin.into()))
}

/// Remove someone.
#[utoipa::path(delete, path = "/api/v1/admins/{id}", tag = "admins", params(("id" = String, Path, description = "Their id or name")),
    responses((status = 204, description = "Removed")))]
async fn remove(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| admins::remove(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password for someone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordInput {
    /// The password, at least 10 characters; one is made if there is none.
    #[schema(format = Password, min_length = 10)]
    password: Option<String>,
}

/// Give someone a new password. All their sessions end.
#[utoipa::path(post, path = "/api/v1/admins/{id}/password", tag = "admins",
    params(("id" = String, Path, description = "Their id or name")), request_body = PasswordInput,
    responses((status = 200, description = "The person", body = AdminWithPassword)))]
async fn reset_password(
    State(app): State<App>,
    gate: Gate,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<PasswordInput>,
) -> Result<Answer> {
    let (made, hashed) = hash_or_make(&app, &gate, &actor, post.body.password).await?;
    let once = post.once;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let admin = admins::reset_password(tx, &actor, &id, hashed)?;
                Answer::new(StatusCode::OK, &AdminWithPassword { view: admin.into(), password: made })
            })
        })
        .await
}

/// Switch somebody's second factor off, who has lost their telephone and the codes on paper. All their sessions end.
#[utoipa::path(delete, path = "/api/v1/admins/{id}/second-factor", tag = "admins", params(("id" = String, Path, description = "Their id or name")),
    responses((status = 200, description = "The person", body = AdminView)))]
async fn reset_second_factor(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<AdminView>> {
    let admin = app.store.write(app.now(), move |tx| second_factor::reset(tx, &actor, &id)).await?;
    Ok(JsonBody(admin.into()))
}

/// Hashes the password that was sent, or makes one; only for those who may, because hashing is work.
async fn hash_or_make(app: &App, gate: &Gate, actor: &Actor, sent: Option<String>) -> Result<(Option<String>, HashedPassword)> {
    actor.require(Right::Govern)?;
    let Some(sent) = sent else {
        let made = Password::make(&app.random);
        return Ok((Some(made.expose().clone()), gate.hash(Password::parse(made)?).await?));
    };
    Ok((None, gate.hash(Password::parse(Secret::new(sent))?).await?))
}
