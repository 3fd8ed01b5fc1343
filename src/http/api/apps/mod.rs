//! `/api/v1/apps`: apps of the store and of the house, how they are managed, whom they are for, and how far devices are.

mod schema;
mod scope;
mod states;
mod views;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Right;
use crate::mdm::apps::{self, Deletion, Edit, Lack, Proposal, Settings, configuration};
use crate::protocol::plist::Exact;
use views::AppView;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, edit, delete))
        .routes(routes!(deletion))
        .routes(routes!(configuration_of, set_configuration))
        .routes(routes!(schema::show, schema::bring, schema::take_away))
        .routes(routes!(schema::content))
        .routes(routes!(scope::assign, scope::unassign))
        .routes(routes!(states::devices))
        .routes(routes!(states::of_device))
        .routes(routes!(states::ask, states::withdraw))
        .routes(routes!(states::feedback, states::read_feedback))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AppsQuery {
    /// Only those whose name or bundle identifier holds this.
    #[serde(default)]
    search: String,
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Apps by name.
#[utoipa::path(get, path = "/api/v1/apps", tag = "apps", params(AppsQuery),
    responses((status = 200, description = "By name", body = List<AppView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<AppsQuery>,
) -> Result<JsonBody<List<AppView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &crate::store::Tx| apps::list(tx, &actor, &query.search, after.as_ref(), fetch);
    let (rows, total) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.app.name.clone(), row.app.id.clone()), AppView::from)))
}

/// An app of the App Store that is to be known here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAppInput {
    /// Its number in the App Store, or the address of its page there.
    adam_id: String,
    /// What people call it; what the store calls it where this is left out.
    #[serde(default)]
    #[schema(max_length = 200)]
    name: String,
}

/// Add an app of the App Store by its number. Those of the house are uploaded.
#[utoipa::path(post, path = "/api/v1/apps", tag = "apps", request_body = NewAppInput,
    responses((status = 201, description = "Added", body = AppView), (status = 409, description = "It is here already")))]
async fn create(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<NewAppInput>,
) -> Result<(StatusCode, JsonBody<AppView>)> {
    let work = move |tx: &crate::store::Tx| {
        let added = apps::add(tx, &actor, &input.adam_id, &input.name)?;
        apps::find(tx, &actor, &added.id)
    };
    Ok((StatusCode::CREATED, JsonBody(app.store.write(app.now(), work).await?.into())))
}

/// One app.
#[utoipa::path(get, path = "/api/v1/apps/{id}", tag = "apps", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The app", body = AppView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AppView>> {
    Ok(JsonBody(app.store.read_slow(app.now(), move |tx| apps::find(tx, &actor, &id)).await?.into()))
}

/// What is to change about an app; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct AppInput {
    /// What people call it.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 2000)]
    note: Option<String>,
    /// How it is managed, all of it: what is left out has its usual value.
    settings: Option<Settings>,
}

/// Change an app. Devices that have it are sent its settings anew.
#[utoipa::path(patch, path = "/api/v1/apps/{id}", tag = "apps", params(("id" = String, Path, description = "Its id")),
    request_body = AppInput, responses((status = 200, description = "As it is now", body = AppView)))]
async fn edit(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AppInput>,
) -> Result<JsonBody<AppView>> {
    let AppInput { name, note, settings } = input;
    let work = move |tx: &crate::store::Tx| {
        apps::edit(tx, &actor, &id, Edit { name, note, settings })?;
        apps::find(tx, &actor, &id)
    };
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// What is given up with an app.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    /// How many copies of offline edits that nobody has taken in an archive are given up: `copies_not_exported` of the deletion.
    give_up_copies: Option<u64>,
}

/// Delete an app; it goes from every device that has it, and its licences come back. `/deletion` tells before what goes.
#[utoipa::path(delete, path = "/api/v1/apps/{id}", tag = "apps", params(("id" = String, Path, description = "Its id"), DeleteQuery),
    responses((status = 204, description = "Deleted"),
              (status = 409, description = "There are copies of offline edits that nobody has taken, and that are not given up")))]
async fn delete(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| apps::delete(tx, &actor, &id, query.give_up_copies)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What would go if an app were deleted: from devices, of licences, and of what people wrote in it. Nothing changes.
#[utoipa::path(get, path = "/api/v1/apps/{id}/deletion", tag = "apps", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What would go", body = Deletion)))]
async fn deletion(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Deletion>> {
    Ok(JsonBody(app.store.read_slow(app.now(), move |tx| apps::deletion(tx, &actor, &id)).await?))
}

/// What an app itself is to know.
#[derive(Debug, Serialize, ToSchema)]
struct AppConfiguration {
    /// A property list; null where there is none. Words such as `$SERIAL` stand for something of each device.
    configuration: Option<String>,
}

/// What an app itself is to know, for who may change it: it may hold secrets.
#[utoipa::path(get, path = "/api/v1/apps/{id}/configuration", tag = "apps", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The configuration", body = AppConfiguration)))]
async fn configuration_of(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<AppConfiguration>> {
    let keys = app.store.read_slow(app.now(), move |tx| apps::configuration_of(tx, &actor, &id)).await?;
    Ok(JsonBody(AppConfiguration { configuration: keys.as_ref().map(apps::orders::shown) }))
}

/// What an app itself is to know.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AppConfigurationInput {
    /// An object with the app's keys, or a text: a property list, a bare `<dict>`, or JSON. Null, or an empty one, clears it.
    #[schema(value_type = Object)]
    configuration: Exact,
    /// Set it also where it does not fit what the app's maker says, as that was brought to `configuration-schema`.
    #[serde(default)]
    ignore_schema: bool,
    /// Only say what devices would lack for it; nothing changes.
    #[serde(default)]
    preview: bool,
}

/// What an app itself is to know from now on, and what devices lack for it.
#[derive(Debug, Serialize, ToSchema)]
struct AppConfigurationSet {
    /// A property list; null where there is none.
    configuration: Option<String>,
    /// What devices that the app is for lack, such as a value of a variable: they stay as they are until they have it. Nobody lacks anything where
    /// this is empty.
    lacks: Vec<Lack>,
}

/// Set what an app itself is to know; devices that have it are sent it anew. Keys that do not fit what the app's maker says are named in
/// `errors` as `configuration.key`, and nothing changes.
#[utoipa::path(put, path = "/api/v1/apps/{id}/configuration", tag = "apps", params(("id" = String, Path, description = "Its id")),
    request_body = AppConfigurationInput, responses((status = 200, description = "As it is now", body = AppConfigurationSet)))]
async fn set_configuration(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AppConfigurationInput>,
) -> Result<JsonBody<AppConfigurationSet>> {
    let Exact(said) = &input.configuration;
    let keys = if said.is_null() { None } else { configuration::read_json(said)? };
    let shown = keys.as_ref().map(apps::orders::shown);
    let set = if input.ignore_schema { apps::set_configuration_unchecked } else { apps::set_configuration };
    let work = move |tx: &crate::store::Tx| {
        let before = apps::find(tx, &actor, &id)?;
        let proposal = Proposal { settings: before.settings, keys: keys.clone() };
        let lacks = apps::lacks(tx, &actor, &id, Some(proposal), None)?;
        if input.preview {
            actor.require(Right::Configure)?;
        } else {
            set(tx, &actor, &id, keys.as_ref())?;
        }
        Ok(lacks)
    };
    let lacks = app.store.write(app.now(), work).await?;
    Ok(JsonBody(AppConfigurationSet { configuration: shown, lacks }))
}

/// The words that a query may not hold, named by its field.
fn parsed<T: std::str::FromStr<Err = Error>>(field: &str, word: Option<&str>) -> Result<Option<T>> {
    word.map(|word| word.parse().map_err(|error: Error| Error::field(field, error.message.into_owned()))).transpose()
}
