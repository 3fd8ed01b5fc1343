//! `/api/v1/updates`: plans that bring releases to devices, how they come along, and updates started by hand.

mod device;
mod views;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::{Day, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::updates::doubt::Listed;
use crate::mdm::updates::matrix;
use crate::mdm::updates::plans::{self, NewPlan, PlanChange};
use crate::mdm::updates::preview;
use crate::mdm::updates::progress::{self, Point};
use crate::mdm::updates::rules::Rules;
use crate::mdm::{Actor, devices};
use crate::store::Tx;
use crate::store::census::CensusRow;
use crate::store::update_states::Stage;
use views::{ExceptionView, MemberView, PlanView, PreviewView, SectionView};

/// Days of the census when the caller does not say.
const CENSUS_DEFAULT: u32 = 90;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(look))
        .routes(routes!(show, change, delete))
        .routes(routes!(stop, go_on))
        .routes(routes!(members))
        .routes(routes!(burn_down))
        .routes(routes!(except, except_no_more))
        .routes(routes!(models))
        .routes(routes!(versions))
        .routes(routes!(device::show, device::start, device::cancel))
        .routes(routes!(device::again))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Update plans, by name, each with how far it is.
#[utoipa::path(get, path = "/api/v1/updates/plans", tag = "updates", params(PageQuery),
    responses((status = 200, description = "By name", body = List<PlanView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<PlanView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let work = move |tx: &Tx| {
        let mut listed = Listed::default();
        plans::list(tx, &actor)?.into_iter().map(|read| PlanView::among(tx, read, &mut listed)).collect::<Result<Vec<_>>>()
    };
    let rows = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.part(rows, |row| row.id.clone(), |row| row)?))
}

/// A plan that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdatePlanInput {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
    /// What it says.
    rules: Rules,
}

/// Make a plan; it begins as its first ring says.
#[utoipa::path(post, path = "/api/v1/updates/plans", tag = "updates", request_body = UpdatePlanInput,
    responses((status = 201, description = "Made", body = PlanView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<UpdatePlanInput>) -> Result<Answer> {
    let Post { body: UpdatePlanInput { name, note, rules }, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let made = plans::create(tx, &actor, &NewPlan { name, note, rules })?;
                Answer::new(StatusCode::CREATED, &PlanView::of(tx, made)?)
            })
        })
        .await
}

/// What is looked at before it is saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdatePreviewInput {
    /// The plan that would be changed; none for a new one.
    #[serde(default)]
    plan_id: Option<String>,
    /// What it would say.
    rules: Rules,
}

/// What a plan would do, without saving it: how many devices by which mechanism and by when, who cannot and why.
#[utoipa::path(post, path = "/api/v1/updates/preview", tag = "updates", request_body = UpdatePreviewInput,
    responses((status = 200, description = "Device by device", body = PreviewView)))]
async fn look(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<UpdatePreviewInput>,
) -> Result<JsonBody<PreviewView>> {
    let work = move |tx: &Tx| {
        let preview = preview::preview(tx, &actor, input.plan_id.as_deref(), &input.rules)?;
        let warnings = preview::warnings(tx, &input.rules, &preview.devices)?;
        Ok(PreviewView { preview, warnings })
    };
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// One plan.
#[utoipa::path(get, path = "/api/v1/updates/plans/{id}", tag = "updates", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The plan", body = PlanView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<PlanView>> {
    let work = move |tx: &Tx| PlanView::of(tx, plans::find(tx, &actor, &id)?);
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// What is to become different; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct UpdatePlanChangeInput {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// What it says, all of it.
    rules: Option<Rules>,
    /// The revision that the change was made from; the change is refused if there is a newer one.
    revision: Option<i64>,
}

/// Change a plan; its devices follow.
#[utoipa::path(patch, path = "/api/v1/updates/plans/{id}", tag = "updates", params(("id" = String, Path, description = "Its id")),
    request_body = UpdatePlanChangeInput, responses((status = 200, description = "As it is now", body = PlanView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<UpdatePlanChangeInput>,
) -> Result<JsonBody<PlanView>> {
    let UpdatePlanChangeInput { name, note, rules, revision } = input;
    let work = move |tx: &Tx| PlanView::of(tx, plans::update(tx, &actor, &id, &PlanChange { name, note, rules, revision })?);
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Delete a plan; what devices install already goes on.
#[utoipa::path(delete, path = "/api/v1/updates/plans/{id}", tag = "updates", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| plans::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a plan is stopped.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct StopInput {
    /// For those who see it stopped.
    #[schema(max_length = 300)]
    because: String,
}

/// Stop a plan: nothing more is begun.
#[utoipa::path(put, path = "/api/v1/updates/plans/{id}/stop", tag = "updates", params(("id" = String, Path, description = "Its id")),
    request_body = StopInput, responses((status = 200, description = "As it is now", body = PlanView)))]
async fn stop(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<StopInput>,
) -> Result<JsonBody<PlanView>> {
    let work = move |tx: &Tx| PlanView::of(tx, plans::stop(tx, &actor, &id, &input.because)?);
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Have a stopped plan go on: the time that it stood still counts for no deadline, and none comes sooner than an hour after.
#[utoipa::path(delete, path = "/api/v1/updates/plans/{id}/stop", tag = "updates", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = PlanView)))]
async fn go_on(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<PlanView>> {
    let work = move |tx: &Tx| PlanView::of(tx, plans::go_on(tx, &actor, &id)?);
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MembersQuery {
    /// Stages, with commas between: `failed,cannot`; all by default.
    stage: Option<String>,
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The devices of a plan and how each stands, those first that need somebody.
#[utoipa::path(get, path = "/api/v1/updates/plans/{id}/devices", tag = "updates",
    params(("id" = String, Path, description = "The plan's id"), MembersQuery),
    responses((status = 200, description = "Those first that need somebody", body = List<MemberView>)))]
async fn members(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<MembersQuery>,
) -> Result<JsonBody<List<MemberView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let words = query.stage.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let stages =
        words.map(|word| word.parse::<Stage>().map_err(|error| Error::field("stage", error.message))).collect::<Result<Vec<_>>>()?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &Tx| {
        let read = plans::find(tx, &actor, &id)?;
        let total: u32 = progress::counts(tx, &read)?
            .0
            .stages
            .iter()
            .filter(|(stage, _)| stages.is_empty() || stages.contains(stage))
            .map(|(_, count)| count)
            .sum();
        let rows = progress::members(tx, &actor, &id, &stages, after.as_deref(), fetch)?;
        Ok((rows.into_iter().map(|row| MemberView::of(row, tx.now)).collect::<Vec<_>>(), total))
    };
    let (rows, total) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total.into(), |row| row.cursor.clone(), |row| row)))
}

/// How many devices were left at each moment at which that changed.
#[utoipa::path(get, path = "/api/v1/updates/plans/{id}/burn-down", tag = "updates", params(("id" = String, Path, description = "The plan's id")),
    responses((status = 200, description = "From its beginning to now", body = Vec<Point>)))]
async fn burn_down(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Vec<Point>>> {
    let work = move |tx: &Tx| {
        plans::find(tx, &actor, &id)?;
        progress::burn_down(tx, &id)
    };
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

/// Why a plan leaves a device alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExceptionInput {
    /// For those who wonder.
    #[schema(min_length = 1, max_length = 300)]
    reason: String,
    /// Until when; for ever if absent.
    #[serde(default)]
    ends_at: Option<Timestamp>,
}

/// The id of a device that is called by its id, serial number or UDID; what is not known stays, for the room to say so.
fn known(tx: &Tx, actor: &Actor, device: String) -> Result<String> {
    match devices::find(tx, actor, &device) {
        Ok(found) => Ok(found.id),
        Err(error) if error.kind == Kind::NotFound => Ok(device),
        Err(error) => Err(error),
    }
}

/// Have a plan leave a device alone.
#[utoipa::path(put, path = "/api/v1/updates/plans/{id}/exceptions/{device_id}", tag = "updates",
    params(("id" = String, Path, description = "The plan's id"), ("device_id" = String, Path, description = "The device's id, serial number or UDID")),
    request_body = ExceptionInput, responses((status = 200, description = "Said", body = ExceptionView)))]
async fn except(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, device_id)): Path<(String, String)>,
    Json(input): Json<ExceptionInput>,
) -> Result<JsonBody<ExceptionView>> {
    let work = move |tx: &Tx| {
        let device_id = known(tx, &actor, device_id)?;
        plans::except(tx, &actor, &id, &device_id, &input.reason, input.ends_at).map(ExceptionView::from)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?))
}

/// Have a plan look after a device again.
#[utoipa::path(delete, path = "/api/v1/updates/plans/{id}/exceptions/{device_id}", tag = "updates",
    params(("id" = String, Path, description = "The plan's id"), ("device_id" = String, Path, description = "The device's id, serial number or UDID")),
    responses((status = 204, description = "Done")))]
async fn except_no_more(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, device_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    let work = move |tx: &Tx| {
        let device_id = known(tx, &actor, device_id)?;
        plans::except_no_more(tx, &actor, &id, &device_id)
    };
    app.store.write(app.now(), work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Model by release: what Apple offers to each model that is here, and what its devices run.
#[utoipa::path(get, path = "/api/v1/updates/models", tag = "updates",
    responses((status = 200, description = "By platform", body = Vec<SectionView>)))]
async fn models(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Vec<SectionView>>> {
    let work = move |tx: &Tx| Ok(matrix::matrix(tx, &actor)?.into_iter().map(SectionView::from).collect::<Vec<_>>());
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VersionsQuery {
    /// How many days back, from 1 to 400; 90 by default.
    days: Option<u32>,
}

/// How many devices ran which version, day by day.
#[utoipa::path(get, path = "/api/v1/updates/versions", tag = "updates", params(VersionsQuery),
    responses((status = 200, description = "By day, platform and version", body = Vec<CensusRow>)))]
async fn versions(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<VersionsQuery>,
) -> Result<JsonBody<Vec<CensusRow>>> {
    let days = query.days.unwrap_or(CENSUS_DEFAULT);
    let days = i32::try_from(days).ok().filter(|days| (1..=progress::CENSUS_DAYS).contains(days));
    let days =
        days.ok_or_else(|| Error::field("days", t!("take a number from 1 to {census_days}", census_days = progress::CENSUS_DAYS)))?;
    let work = move |tx: &Tx| progress::versions(tx, &actor, Day::of(tx.now).plus(-days));
    Ok(JsonBody(app.store.read_slow(app.now(), work).await?))
}
