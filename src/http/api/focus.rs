//! `/api/v1/classes/{id}/focus`: for a lesson, the devices of a class show only some apps, one app or some sites.

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
use crate::http::auth::Authenticated;
use crate::mdm::focus::{self, FocusNow, LearnerNow, Outlook, Wish};
use crate::mdm::reconcile::State as Stands;
use crate::store::focuses::{Focus, FocusKind};
use crate::store::roster::Standing;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(of_class, start))
        .routes(routes!(preview))
        .routes(routes!(class_devices))
        .routes(routes!(running))
        .routes(routes!(show, end))
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

impl PageQuery {
    fn page(&self) -> Result<Page<String>> {
        Page::parse(self.limit, self.after.as_deref())
    }
}

/// A focus.
#[derive(Debug, Serialize, ToSchema)]
struct FocusView {
    /// UUIDv7.
    id: String,
    /// The class.
    class_id: String,
    /// The class's name.
    class_name: String,
    /// What devices show.
    kind: FocusKind,
    /// Bundle ids, or addresses.
    items: Vec<String>,
    /// Who started it.
    started_by: String,
    /// When.
    started_at: Timestamp,
    /// When each device ends it by its own clock.
    ends_at: Timestamp,
    /// When somebody ended it before.
    ended_at: Option<Timestamp>,
}

impl From<Focus> for FocusView {
    fn from(focus: Focus) -> Self {
        let Focus { id, class_id, class_name, kind, items, started_by, started_at, ends_at, ended_at, .. } = focus;
        Self { id, class_id, class_name, kind, items, started_by, started_at, ends_at, ended_at }
    }
}

/// A focus that goes on, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
struct RunningView {
    #[serde(flatten)]
    focus: FocusView,
    /// Devices on which it holds.
    there: u64,
    /// Devices that it is meant for.
    devices: u64,
}

impl From<FocusNow> for RunningView {
    fn from(now: FocusNow) -> Self {
        Self { there: now.there, devices: now.devices, focus: now.focus.into() }
    }
}

/// The newest 50 focuses of a class, running or over.
#[utoipa::path(get, path = "/api/v1/classes/{id}/focus", tag = "people", params(("id" = String, Path, description = "The class's id"), PageQuery),
    responses((status = 200, description = "Newest first", body = List<FocusView>)))]
async fn of_class(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<FocusView>>> {
    let rows = app.store.read(app.now(), |tx| focus::list(tx, &actor, &id)).await?;
    Ok(JsonBody(query.page()?.part(rows, |focus| focus.id.clone(), FocusView::from)?))
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FocusInput {
    /// What devices show meanwhile.
    kind: FocusKind,
    /// Bundle ids, or addresses of websites; one for one app.
    items: Vec<String>,
    /// For how long.
    #[schema(minimum = 5, maximum = 480)]
    minutes: u32,
    /// On which devices of those who learn in the class; on all by default.
    devices: Option<Vec<String>>,
    /// Whether it takes the place of what others have going on there.
    #[serde(default)]
    replace: bool,
}

impl From<FocusInput> for Wish {
    fn from(input: FocusInput) -> Self {
        let FocusInput { kind, items, minutes, devices, replace } = input;
        Self { kind, items, minutes, devices, replace }
    }
}

/// Start a focus. It ends by itself on each device, also when that is off the network, and at once by DELETE.
#[utoipa::path(post, path = "/api/v1/classes/{id}/focus", tag = "people", params(("id" = String, Path, description = "The class's id")), request_body = FocusInput,
    responses((status = 201, description = "Started", body = FocusView)))]
async fn start(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<FocusInput>,
) -> Result<Answer> {
    let Post { body, once } = post;
    let wish = Wish::from(body);
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| Answer::new(StatusCode::CREATED, &FocusView::from(focus::start(tx, &actor, &id, &wish)?)))
        })
        .await
}

/// What would become of one device.
#[derive(Debug, Serialize, ToSchema)]
struct ForeseenView {
    /// The device.
    device_id: String,
    /// Whose it is.
    person: String,
    /// Whether it can have it.
    able: bool,
    /// What it would show; policies may hide some.
    items: Vec<String>,
    /// Why it cannot have it, or what is to be said beside.
    because: String,
    /// What goes on there now.
    busy: Option<FocusView>,
}

/// What would become of a class.
#[derive(Debug, Serialize, ToSchema)]
struct OutlookView {
    /// When it would end.
    ends_at: Timestamp,
    /// Each device.
    devices: Vec<ForeseenView>,
}

impl From<Outlook> for OutlookView {
    fn from(outlook: Outlook) -> Self {
        let view = |foreseen: focus::Foreseen| {
            let (able, items, because) = match foreseen.outcome {
                Ok(found) => (true, found.items, found.note),
                Err(because) => (false, Vec::new(), because),
            };
            ForeseenView {
                device_id: foreseen.device.id,
                person: foreseen.person,
                able,
                items,
                because,
                busy: foreseen.busy.map(FocusView::from),
            }
        };
        Self { ends_at: outlook.ends_at, devices: outlook.devices.into_iter().map(view).collect() }
    }
}

/// What a focus would do on each device, without doing it.
#[utoipa::path(post, path = "/api/v1/classes/{id}/focus/preview", tag = "people", params(("id" = String, Path, description = "The class's id")), request_body = FocusInput,
    responses((status = 200, description = "Each device", body = OutlookView)))]
async fn preview(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<FocusInput>,
) -> Result<JsonBody<OutlookView>> {
    let wish = Wish::from(input);
    Ok(JsonBody(app.store.read_slow(app.now(), move |tx| focus::foresee(tx, &actor, &id, &wish)).await?.into()))
}

/// Somebody who learns in a class.
#[derive(Debug, Serialize, ToSchema)]
struct LearnerView {
    /// Their name.
    person: String,
    /// Their device; null where they have none.
    device_id: Option<String>,
    /// What it is called.
    device_name: Option<String>,
    /// How it stands.
    state: Option<Standing>,
    /// When it was last heard of.
    last_seen_at: Option<Timestamp>,
    /// Whether they count as not here: without a device, or with one not heard of for a day.
    absent: bool,
    /// The focus that goes on there.
    focus_id: Option<String>,
    /// How that stands; null where the device cannot have it.
    focus_state: Option<Stands>,
    /// What it waits for, or why it failed or cannot be.
    focus_because: String,
}

impl From<LearnerNow> for LearnerView {
    fn from(learner: LearnerNow) -> Self {
        let LearnerNow { name, device, focus, absent } = learner;
        let (focus_id, focus_state, focus_because) =
            focus.map_or((None, None, String::new()), |now| (Some(now.focus.id), now.state, now.because));
        Self {
            person: name,
            state: device.as_ref().map(|listed| listed.standing),
            last_seen_at: device.as_ref().and_then(|listed| listed.last_seen_at),
            device_name: device.as_ref().map(|listed| listed.device.name.clone()),
            device_id: device.map(|listed| listed.device.id),
            absent,
            focus_id,
            focus_state,
            focus_because,
        }
    }
}

/// Who learns in a class, with their devices as they stand.
#[utoipa::path(get, path = "/api/v1/classes/{id}/devices", tag = "people", params(("id" = String, Path, description = "The class's id"), PageQuery),
    responses((status = 200, description = "By the names of those who use them", body = List<LearnerView>)))]
async fn class_devices(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<LearnerView>>> {
    let now = app.store.read_slow(app.now(), move |tx| focus::class(tx, &actor, &id)).await?;
    let key = |learner: &LearnerNow| learner.device.as_ref().map_or_else(|| learner.name.clone(), |listed| listed.device.id.clone());
    Ok(JsonBody(query.page()?.part(now.learners, key, LearnerView::from)?))
}

/// Every focus that goes on in the classes that one sees.
#[utoipa::path(get, path = "/api/v1/focus", tag = "people", params(PageQuery), responses((status = 200, description = "The nearest end first", body = List<RunningView>)))]
async fn running(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<RunningView>>> {
    let rows = app.store.read_slow(app.now(), move |tx| focus::now_running(tx, &actor)).await?;
    Ok(JsonBody(query.page()?.part(rows, |now| now.focus.id.clone(), RunningView::from)?))
}

/// One focus.
#[utoipa::path(get, path = "/api/v1/focus/{id}", tag = "people", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The focus", body = FocusView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<FocusView>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| focus::find(tx, &actor, &id)).await?.into()))
}

/// End a focus before its time.
#[utoipa::path(delete, path = "/api/v1/focus/{id}", tag = "people", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = FocusView)))]
async fn end(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<FocusView>> {
    Ok(JsonBody(app.store.write(app.now(), move |tx| focus::end(tx, &actor, &id)).await?.into()))
}
