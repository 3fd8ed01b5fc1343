//! `/api/v1/policies`: guided switches, whom they are assigned to, and what they come to on a device.

mod scope;
mod switches;
mod views;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::groups::PageQuery;
use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use super::profiles::{StandingView, part};
use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::policies::{self, NewPolicy, PolicyChange};
use crate::mdm::reconcile::outcomes;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use views::{OnDevice, PolicyView};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(switches::list))
        .routes(routes!(show, update, delete))
        .routes(routes!(scope::assign, scope::unassign))
        .routes(routes!(scope::check))
        .routes(routes!(results))
        .routes(routes!(on_device))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PoliciesQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Policies, by name.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", params(PoliciesQuery),
    responses((status = 200, description = "By name", body = List<PolicyView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PoliciesQuery>,
) -> Result<JsonBody<List<PolicyView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &crate::store::Tx| {
        let (rows, total) = policies::list(tx, &actor, after.as_deref(), fetch)?;
        let rows = rows.into_iter().map(|policy| PolicyView::listed(tx, &actor, policy)).collect::<Result<Vec<_>>>()?;
        Ok((rows, total))
    };
    let (rows, total) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total.unsigned_abs(), |row| row.name.clone(), |row| row)))
}

/// A policy that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PolicyInput {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
    /// Switch by switch its value, for example `{"no_camera": true, "passcode_min_length": 6}`; `GET /api/v1/policies/switches` lists them.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// Make a policy; it does nothing before it is assigned to a group.
#[utoipa::path(post, path = "/api/v1/policies", tag = "policies", request_body = PolicyInput,
    responses((status = 201, description = "Made", body = PolicyView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<PolicyInput>) -> Result<Answer> {
    let Post { body: PolicyInput { name, note, settings }, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let policy = policies::create(tx, &actor, &NewPolicy { name, note, settings })?;
                Answer::new(StatusCode::CREATED, &PolicyView::of(tx, &actor, policy)?)
            })
        })
        .await
}

/// One policy.
#[utoipa::path(get, path = "/api/v1/policies/{id}", tag = "policies", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<PolicyView>> {
    let work = move |tx: &crate::store::Tx| PolicyView::of(tx, &actor, policies::find(tx, &actor, &id)?);
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// What is to become different; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct PolicyChangeInput {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// All its switches; those that are absent are off.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// The revision that the change was made from; the change is refused if there is a newer one.
    revision: Option<i64>,
}

/// Change a policy; devices that it is assigned to follow.
#[utoipa::path(patch, path = "/api/v1/policies/{id}", tag = "policies", params(("id" = String, Path, description = "Its id")),
    request_body = PolicyChangeInput, responses((status = 200, description = "As it is now", body = PolicyView)))]
async fn update(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<PolicyChangeInput>,
) -> Result<JsonBody<PolicyView>> {
    let PolicyChangeInput { name, note, settings, revision } = input;
    let work = move |tx: &crate::store::Tx| {
        let policy = policies::update(tx, &actor, &id, &PolicyChange { name, note, settings, revision })?;
        PolicyView::of(tx, &actor, policy)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Delete a policy; what it did on devices is undone.
#[utoipa::path(delete, path = "/api/v1/policies/{id}", tag = "policies", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| policies::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the policies of a device come to on it: every key with the value that holds and the policies behind it, and what it cannot have.
#[utoipa::path(get, path = "/api/v1/devices/{id}/policies", tag = "policies",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")),
    responses((status = 200, description = "Most restrictive wins", body = OnDevice)))]
async fn on_device(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<OnDevice>> {
    let work = move |tx: &crate::store::Tx| policies::on_device(tx, &actor, &id);
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?.into()))
}

/// How far each device is with what a policy makes of it: what failed first, what cannot be last, at most 500 of each.
#[utoipa::path(get, path = "/api/v1/policies/{id}/results", tag = "policies", params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "What failed first", body = List<StandingView>)))]
async fn results(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<StandingView>>> {
    let work = move |tx: &Tx| {
        policies::find(tx, &actor, &id)?;
        Ok(outcomes(tx, &actor, AssignedKind::Policy, &id)?.rows)
    };
    part(app.store.read_slow(app.now(), work).await?, &query)
}
