//! `/api/v1/groups`: devices put together by hand or found by a rule.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::groups::{self, Change, NewGroup, Rule};
use crate::mdm::profiles::Warning;
use crate::mdm::{apps, clashes};
use crate::store::Tx;
use crate::store::apps::App as StoredApp;
use crate::store::assignments::AssignedKind;
use crate::store::groups::{self as rows, Group};
use crate::store::people::DeviceName;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(preview))
        .routes(routes!(show, change, delete))
        .routes(routes!(devices, add))
        .routes(routes!(remove))
        .routes(routes!(assigned))
}

/// A group of devices.
#[derive(Debug, Serialize, ToSchema)]
struct GroupView {
    /// UUIDv7.
    id: String,
    /// Its name, which no other group has in whatever case.
    name: String,
    /// What it is for.
    note: String,
    /// The rule that finds its devices; null where they are put in by hand.
    rule: Option<Rule>,
    /// The rule as a sentence; empty where there is none.
    rule_words: String,
    /// How many devices are in it.
    device_count: u64,
    /// When it was made.
    created_at: Timestamp,
    /// What of its things gets in the way of something else on its devices, and after a change which licences they lack that they did not lack before;
    /// it forbids nothing. Lists leave it out.
    warnings: Vec<Warning>,
    /// When its name, note or rule changed last.
    changed_at: Timestamp,
}

/// A group with what gets in the way of something else on its devices.
fn whole(tx: &Tx, group: Group) -> Result<GroupView> {
    let warnings = clashes::of_group(tx, &group.id)?;
    Ok(GroupView { warnings, ..view(tx, group)? })
}

/// Licences that a group lacks and did not lack `before`.
fn newly_short(tx: &Tx, group_id: &str, before: &[(StoredApp, apps::Shortage)]) -> Result<Vec<Warning>> {
    let short = apps::newly_short(before, apps::shortages_of_group(tx, group_id)?);
    Ok(short.into_iter().map(|(app, shortage)| Warning::of_app(app.id, app.name, shortage.because)).collect())
}

fn view(tx: &Tx, group: Group) -> Result<GroupView> {
    let rule = groups::rule_of(&group)?;
    let rule_words = match &rule {
        Some(rule) => groups::words(rule, &groups::class_names(tx, rule)?),
        None => String::new(),
    };
    let Group { id, name, note, device_count, created_at, changed_at, .. } = group;
    Ok(GroupView { id, name, note, rule, rule_words, device_count, created_at, warnings: Vec::new(), changed_at })
}

/// A device, as lists beside groups and people name it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceNameView {
    /// Its id.
    id: String,
    /// Its name as it says it.
    name: String,
    /// Its serial number.
    serial_number: Option<String>,
}

impl From<DeviceName> for DeviceNameView {
    fn from(device: DeviceName) -> Self {
        let DeviceName { id, name, serial_number } = device;
        Self { id, name, serial_number }
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    pub(super) limit: Option<u32>,
    /// The `next` of the page before.
    pub(super) after: Option<String>,
}

/// What lists by name go on after: the name and the id of the last item.
pub(super) type NameKey = (String, String);

/// A cursor of a list by name, as rooms take it.
pub(super) fn after(page: &Page<NameKey>) -> Option<(&str, &str)> {
    page.after.as_ref().map(|(name, id)| (name.as_str(), id.as_str()))
}

/// Groups, by name.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(PageQuery),
    responses((status = 200, description = "By name", body = List<GroupView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<GroupView>>> {
    let page = Page::<NameKey>::parse(query.limit, query.after.as_deref())?;
    let answer = app.store.read_slow(app.now(), move |tx| {
        let (rows, total) = groups::list(tx, &actor, after(&page), page.fetch())?;
        let views = rows.into_iter().map(|group| view(tx, group)).collect::<Result<Vec<_>>>()?;
        Ok(page.answer(views, total, |group| (group.name.clone(), group.id.clone()), |group| group))
    });
    Ok(JsonBody(answer.await?))
}

/// A group that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupInput {
    /// Its name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
    /// The rule that finds its devices; without one they are put in by hand.
    #[serde(default)]
    rule: Option<Rule>,
}

/// Make a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = GroupInput,
    responses((status = 201, description = "Made, with its devices if it has a rule", body = GroupView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<GroupInput>) -> Result<Answer> {
    let Post { body: GroupInput { name, note, rule }, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let group = groups::create(tx, &actor, NewGroup { name, note, rule })?;
                Answer::new(StatusCode::CREATED, &view(tx, group)?)
            })
        })
        .await
}

/// One group.
#[utoipa::path(get, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The group", body = GroupView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<GroupView>> {
    let found = app.store.read_slow(app.now(), move |tx| groups::find(tx, &actor, &id).and_then(|group| whole(tx, group)));
    Ok(JsonBody(found.await?))
}

/// What changes of a group; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupChange {
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// What it is for.
    #[serde(default)]
    note: Option<String>,
    /// Its rule; null is refused where there is one. A group by hand takes none.
    #[serde(default)]
    #[schema(value_type = Option<Rule>)]
    rule: Said,
}

/// What a change says of a group's rule.
#[derive(Debug, Default)]
enum Said {
    /// Nothing: it stays.
    #[default]
    Nothing,
    /// Null: there is to be none.
    None,
    /// Another one.
    Rule(Rule),
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Rule>::deserialize(deserializer)?.map_or(Self::None, Self::Rule))
    }
}

/// Change a group's name, note or rule.
#[utoipa::path(patch, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = String, Path, description = "Its id")), request_body = GroupChange,
    responses((status = 200, description = "As it is now", body = GroupView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(body): Json<GroupChange>,
) -> Result<JsonBody<GroupView>> {
    let GroupChange { name, note, rule } = body;
    let (rule, without_rule) = match rule {
        Said::Nothing => (None, false),
        Said::None => (None, true),
        Said::Rule(rule) => (Some(rule), false),
    };
    let change = Change { name, note, rule, without_rule };
    let changed = app.store.write(app.now(), move |tx| {
        let short = apps::shortages_of_group(tx, &id)?;
        let mut view = groups::change(tx, &actor, &id, change).and_then(|group| whole(tx, group))?;
        view.warnings.extend(newly_short(tx, &id, &short)?);
        Ok(view)
    });
    Ok(JsonBody(changed.await?))
}

/// Delete a group: what is assigned to it is taken back from its devices, and versions of own apps that it tries are kept.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| groups::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A rule that is to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RuleInput {
    /// The rule.
    rule: Rule,
}

/// What a rule finds now.
#[derive(Debug, Serialize, ToSchema)]
struct FoundView {
    /// The rule as a sentence.
    rule_words: String,
    /// How many devices it finds.
    count: u64,
    /// Of how many: those that are enrolled.
    of: u64,
    /// Names of the first ones.
    names: Vec<String>,
}

/// Try a rule: how many devices it finds now, and which.
#[utoipa::path(post, path = "/api/v1/groups/preview", tag = "groups", request_body = RuleInput,
    responses((status = 200, description = "What it finds; nothing is changed", body = FoundView)))]
async fn preview(State(app): State<App>, Authenticated(actor): Authenticated, Json(body): Json<RuleInput>) -> Result<JsonBody<FoundView>> {
    let found = app.store.read_slow(app.now(), move |tx| {
        let groups::Found { count, of, names } = groups::preview(tx, &actor, &body.rule)?;
        let rule_words = groups::words(&body.rule, &groups::class_names(tx, &body.rule)?);
        Ok(FoundView { rule_words, count, of, names })
    });
    Ok(JsonBody(found.await?))
}

/// The devices of a group, by name.
#[utoipa::path(get, path = "/api/v1/groups/{id}/devices", tag = "groups", params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "By name", body = List<DeviceNameView>)))]
async fn devices(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<DeviceNameView>>> {
    let page = Page::<NameKey>::parse(query.limit, query.after.as_deref())?;
    let answer = app.store.read_slow(app.now(), move |tx| {
        let total = groups::find(tx, &actor, &id)?.device_count;
        let rows = groups::devices_of(tx, &actor, &id, after(&page), page.fetch())?;
        Ok(page.answer(rows, total, rows::sort_key, DeviceNameView::from))
    });
    Ok(JsonBody(answer.await?))
}

/// Devices that are to be put into a group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DevicesInput {
    /// Ids or Nano ids of devices.
    #[schema(min_items = 1, max_items = 1000)]
    devices: Vec<String>,
}

/// How many devices were put in.
#[derive(Debug, Serialize, ToSchema)]
struct Added {
    /// Those that were not in the group before.
    added: usize,
    /// What this brought together on them that gets in each other's way, and which licences they lack, in sentences; it forbids nothing.
    warnings: Vec<Warning>,
}

/// Put devices into a group by hand.
#[utoipa::path(post, path = "/api/v1/groups/{id}/devices", tag = "groups", params(("id" = String, Path, description = "Its id")),
    request_body = DevicesInput, responses((status = 200, description = "They are in it", body = Added)))]
async fn add(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<DevicesInput>,
) -> Result<Answer> {
    let Post { body, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let (before, short) = (rows::device_ids(tx, &id)?, apps::shortages_of_group(tx, &id)?);
                let added = groups::add(tx, &actor, &id, &body.devices)?;
                let mut warnings = clashes::brought_into(tx, &id, &before)?;
                warnings.extend(newly_short(tx, &id, &short)?);
                Answer::new(StatusCode::OK, &Added { added, warnings })
            })
        })
        .await
}

/// Take a device out of a group by hand.
#[utoipa::path(delete, path = "/api/v1/groups/{id}/devices/{device}", tag = "groups",
    params(("id" = String, Path, description = "The group's id"), ("device" = String, Path, description = "The device's id or Nano id")),
    responses((status = 204, description = "It is not in it")))]
async fn remove(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, device)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| groups::remove(tx, &actor, &id, &[device])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Something that is assigned to a group.
#[derive(Debug, Serialize, ToSchema)]
struct AssignedView {
    /// What sort of thing.
    kind: AssignedKind,
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// When that ends by itself.
    ends_at: Option<Timestamp>,
}

/// What is assigned to a group; what has ended is among it, with its end in the past.
#[utoipa::path(get, path = "/api/v1/groups/{id}/assignments", tag = "groups", params(("id" = String, Path, description = "Its id"), PageQuery),
    responses((status = 200, description = "By kind and name", body = List<AssignedView>)))]
async fn assigned(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<AssignedView>>> {
    let page = Page::<(AssignedKind, String)>::parse(query.limit, query.after.as_deref())?;
    let found = app.store.read(app.now(), |tx| {
        groups::find(tx, &actor, &id)?;
        rows::assigned(tx, &id)
    });
    let rows = found.await?;
    let item = |(kind, id, name, ends_at)| AssignedView { kind, id, name, ends_at };
    Ok(JsonBody(page.part(rows, |(kind, id, ..)| (*kind, id.clone()), item)?))
}
