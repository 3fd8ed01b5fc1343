//! `/api/v1/releases`: what Apple's lookup service lists, how old that is, and a list that is brought by hand.

use axum::Json as JsonBody;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Query, read};
use super::list::{List, Page};
use super::once::{Answer, Head};
use crate::app::App;
use crate::clock::{Day, Timestamp};
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::releases::read as read_list;
use crate::mdm::Right;
use crate::mdm::updates::lookup::{self, Filter, Meant, Source, Taken};
use crate::protocol::lookup::{List as LookupList, MAX_BYTES};
use crate::store::Tx;
use crate::store::releases::{Release, ReleaseState, count_listed};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list)).routes(routes!(state)).routes(routes!(import))
}

/// A release of an operating system.
#[derive(Debug, Serialize, ToSchema)]
struct ReleaseView {
    /// The platform as Apple lists it: `iOS`, which holds iPad, Apple TV and Watch too, `macOS`, `visionOS`.
    platform: String,
    /// The version.
    #[schema(example = "26.1")]
    version: String,
    /// The letters of a background security improvement.
    #[schema(example = "a")]
    extra: String,
    /// The build; empty where Apple does not say.
    build: String,
    /// The build that a device must run to take it; of improvements only.
    prerequisite: String,
    /// The first day on which it was posted for anybody.
    posted: Option<Day>,
    /// The last day on which anybody can install it; null where that does not end.
    expires: Option<Day>,
    /// The lists in which it stands.
    lists: Vec<LookupList>,
    /// How many models it is for; 0 where Apple does not say.
    devices: u64,
    /// When it was first seen here.
    appeared_at: Timestamp,
    /// When it was first not listed any more.
    vanished_at: Option<Timestamp>,
    /// How it stands.
    state: ReleaseState,
    /// Whether it is listed and Apple signs it now, so that it can be installed.
    is_signed: bool,
}

impl ReleaseView {
    fn of(release: Release, now: Timestamp) -> Self {
        let state = release.state(now);
        Self {
            posted: release.posted(),
            expires: release.expires(),
            lists: release.lists().into_iter().collect(),
            devices: release.devices().len() as u64,
            appeared_at: release.appeared_at,
            vanished_at: release.vanished_at,
            state,
            is_signed: state == ReleaseState::Current,
            platform: release.key.platform,
            version: release.key.version,
            extra: release.key.extra,
            build: release.key.build,
            prerequisite: release.key.prerequisite,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReleasesQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those of this platform, as Apple lists it: `iOS`, `macOS`, `visionOS`.
    platform: Option<String>,
    /// Only those that stand so.
    state: Option<ReleaseState>,
}

/// OS releases that Apple lists, or listed before: by platform, the newest first.
#[utoipa::path(get, path = "/api/v1/releases", tag = "releases", params(ReleasesQuery),
    responses((status = 200, description = "By platform, the newest first", body = List<ReleaseView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<ReleasesQuery>,
) -> Result<JsonBody<List<ReleaseView>>> {
    let page = Page::<[String; 5]>::parse(query.limit, query.after.as_deref())?;
    let filter = Filter { platform: query.platform, state: query.state };
    let now = app.now();
    let found = app.store.read_slow(now, move |tx| lookup::list(tx, &actor, &filter)).await?;
    let key = |release: &Release| {
        let key = release.key.clone();
        [key.platform, key.version, key.extra, key.build, key.prerequisite]
    };
    Ok(JsonBody(page.part(found, key, |release| ReleaseView::of(release, now))?))
}

/// How the list of releases stands.
#[derive(Debug, Serialize, ToSchema)]
struct ReleasesStateView {
    /// How many releases are listed now.
    listed: u64,
    /// Where the list came from.
    source: Option<Source>,
    /// When it was last known to be the newest one; of a file when it was brought, or, of one that was older then, the day of its newest release.
    fetched_at: Option<Timestamp>,
    /// The day on which the newest release in it was posted.
    newest_posted: Option<Day>,
    /// How long ago that was, in seconds.
    age_s: Option<u64>,
    /// Whether it is older than it should be.
    is_stale: bool,
    /// When Apple was last asked.
    checked_at: Option<Timestamp>,
    /// When Apple is asked next.
    next_at: Option<Timestamp>,
    /// Failures in a row.
    failures: u32,
    /// What went wrong last, in words; null where nothing did.
    problem: Option<String>,
    /// What was passed over in the list because it makes no sense, in words.
    passed_over: Vec<String>,
}

impl ReleasesStateView {
    fn of(tx: &Tx, state: lookup::State) -> Result<Self> {
        Ok(Self {
            listed: count_listed(tx)?,
            source: state.source,
            fetched_at: state.fetched_at,
            newest_posted: lookup::newest_posted(tx)?,
            age_s: state.fetched_at.map(|at| tx.now.since(at).as_secs()),
            is_stale: state.is_stale(tx.now),
            checked_at: state.checked_at,
            next_at: state.next_at,
            failures: state.failures,
            problem: Some(state.problem).filter(|problem| !problem.is_empty()),
            passed_over: state.passed_over,
        })
    }
}

/// How old the list of releases is, how the last attempt went, and when the next one is.
#[utoipa::path(get, path = "/api/v1/releases/state", tag = "releases",
    responses((status = 200, description = "As it is", body = ReleasesStateView)))]
async fn state(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<ReleasesStateView>> {
    let look = move |tx: &Tx| ReleasesStateView::of(tx, lookup::state(tx, &actor)?);
    Ok(JsonBody(app.store.read(app.now(), look).await?))
}

/// What an import changed.
#[derive(Debug, Serialize, ToSchema)]
struct ReleasesTakenView {
    /// Releases that the file lists.
    listed: u64,
    /// Those that are new, or are back.
    appeared: u64,
    /// Those whose dates, lists or models are others.
    changed: u64,
    /// Those that were listed and are not any more.
    vanished: u64,
    /// What was passed over because it makes no sense, in words.
    passed_over: Vec<String>,
}

impl ReleasesTakenView {
    fn of(taken: Taken, passed_over: Vec<String>) -> Self {
        let count = |count: usize| count as u64;
        Self {
            listed: count(taken.listed),
            appeared: count(taken.appeared),
            changed: count(taken.changed),
            vanished: count(taken.vanished),
            passed_over,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Whether a list that is older than the one that is here is meant to take its place.
    #[serde(default)]
    older: bool,
    /// Whether a list that lacks a whole platform, or most of the one that is here, is meant to take its place.
    #[serde(default)]
    fewer: bool,
}

/// Bring the list of releases as a file, for a server that cannot reach Apple: what `https://gdmf.apple.com/v2/pmv` answers elsewhere, saved as it is.
/// It takes the place of the list that is here, where it is not older.
#[utoipa::path(post, path = "/api/v1/releases/import", tag = "releases", params(ImportQuery),
    request_body(content = serde_json::Value, content_type = "application/json", description = "The file as it is, up to 8 MB"),
    responses((status = 200, description = "It is taken in", body = ReleasesTakenView),
        (status = 400, description = "It is no such list; line and column are named, and the list that is here stays"),
        (status = 409, description = "It is older than the list that is here, or lacks most of it; what is here stays")))]
async fn import(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    let head = Head::of(&request)?;
    let file = read(request, MAX_BYTES).await?;
    let once = head.once(&file);
    let now = app.now();
    let document = read_list(file).await?.as_of(now);
    let work = move |tx: &Tx| {
        let by = actor.clone();
        once.run(tx, &actor, move |tx| {
            let taken = lookup::import(tx, &by, &document, Meant { older: query.older, fewer: query.fewer })?;
            Answer::new(StatusCode::OK, &ReleasesTakenView::of(taken, document.passed_over))
        })
    };
    app.store.write(now, work).await
}
