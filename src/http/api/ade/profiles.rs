//! Profiles for new devices: guided choices, what can be changed about them, and which group gets which.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::groups::PageQuery;
use super::super::input::{Json, Query};
use super::super::list::{List, Page};
use super::super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::language::say;
use crate::mdm::Right;
use crate::mdm::ade::presets::{PRESETS, Preset};
use crate::mdm::ade::profiles::{self, Standing, Wish};
use crate::protocol::ade::{ProfileKeys, SkipKey, skip_keys};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, delete))
        .routes(routes!(presets))
        .routes(routes!(panes))
        .routes(routes!(of_group))
}

/// A profile for new devices.
#[derive(Debug, Serialize, ToSchema)]
struct AdeProfileView {
    /// UUIDv7.
    id: String,
    /// Its name.
    name: String,
    /// The guided choice that it began with.
    kind: String,
    /// What it says.
    keys: ProfileKeys,
    /// Devices that are to have it.
    devices: u64,
    /// Groups whose devices get it.
    groups: Vec<ProfileGroupView>,
    /// What Apple has of it, server by server; only where a device is to have it.
    at_apple: Vec<DefinedView>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed.
    changed_at: Timestamp,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
struct ProfileGroupView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
}

/// What Apple has of a profile at a server.
#[derive(Debug, Serialize, ToSchema)]
struct DefinedView {
    /// The server token.
    server_id: String,
    /// Apple's id of it; empty where Apple refused it.
    profile_uuid: String,
    /// Why Apple refused it; empty where it did not.
    problem: String,
    /// When Apple answered.
    defined_at: Timestamp,
}

impl From<Standing> for AdeProfileView {
    fn from(standing: Standing) -> Self {
        let Standing { profile, keys, devices, defined, groups } = standing;
        let defined = defined.into_iter().map(|defined| DefinedView {
            server_id: defined.server_id,
            profile_uuid: defined.profile_uuid,
            problem: defined.problem,
            defined_at: defined.defined_at,
        });
        Self {
            id: profile.id,
            name: profile.name,
            kind: profile.kind,
            keys,
            devices,
            groups: groups.into_iter().map(|(id, name)| ProfileGroupView { id, name }).collect(),
            at_apple: defined.collect(),
            created_at: profile.created_at,
            changed_at: profile.changed_at,
        }
    }
}

/// Profiles for new devices, by name.
#[utoipa::path(get, path = "/api/v1/ade/profiles", tag = "new devices", params(PageQuery),
    responses((status = 200, description = "By name", body = List<AdeProfileView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<AdeProfileView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let rows = app.store.read_slow(app.now(), move |tx| profiles::list(tx, &actor)).await?;
    Ok(JsonBody(page.part(rows, |standing| standing.profile.id.clone(), AdeProfileView::from)?))
}

/// A profile that is to be made, or what one is changed to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdeProfileInput {
    /// Its name.
    #[schema(min_length = 1, max_length = 125)]
    name: String,
    /// The guided choice: see `/api/v1/ade/presets`.
    kind: String,
    /// What it says; all that the choice says where this is left out. What is left out within it is as suits a device that is yours.
    #[serde(default)]
    keys: Option<ProfileKeys>,
}

impl From<AdeProfileInput> for Wish {
    fn from(input: AdeProfileInput) -> Self {
        Self { name: input.name, kind: input.kind, keys: input.keys }
    }
}

/// Make a profile.
#[utoipa::path(post, path = "/api/v1/ade/profiles", tag = "new devices", request_body = AdeProfileInput,
    responses((status = 201, description = "Made; Apple gets it when a device is to have it", body = AdeProfileView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<AdeProfileInput>) -> Result<Answer> {
    let Post { body, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| Answer::new(StatusCode::CREATED, &AdeProfileView::from(profiles::create(tx, &actor, body.into())?)))
        })
        .await
}

/// One profile.
#[utoipa::path(get, path = "/api/v1/ade/profiles/{id}", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The profile", body = AdeProfileView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AdeProfileView>> {
    Ok(JsonBody(app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &id)).await?.into()))
}

/// Change a profile. At Apple it becomes a new one, which every device is assigned in place of the old; each takes it when it is set up the next time.
#[utoipa::path(put, path = "/api/v1/ade/profiles/{id}", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    request_body = AdeProfileInput, responses((status = 200, description = "The profile", body = AdeProfileView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AdeProfileInput>,
) -> Result<JsonBody<AdeProfileView>> {
    let changed = app.store.write(app.now(), move |tx| profiles::change(tx, &actor, &id, input.into()));
    Ok(JsonBody(changed.await?.into()))
}

/// Delete a profile. Its devices get their group's or their family's, or keep what Apple has assigned.
#[utoipa::path(delete, path = "/api/v1/ade/profiles/{id}", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| profiles::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A guided choice.
#[derive(Debug, Serialize, ToSchema)]
struct PresetView {
    /// Its word, for `kind`.
    kind: String,
    /// What people call it.
    name: String,
    /// What it does.
    words: String,
    /// The family that it is for.
    device_family: String,
    /// What a profile of it says.
    keys: ProfileKeys,
}

/// The guided choices: what a device is for.
#[utoipa::path(get, path = "/api/v1/ade/presets", tag = "new devices", params(PageQuery), responses((status = 200, description = "All", body = List<PresetView>)))]
async fn presets(Authenticated(actor): Authenticated, Query(query): Query<PageQuery>) -> Result<JsonBody<List<PresetView>>> {
    actor.require(Right::View)?;
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let view = |preset: &Preset| PresetView {
        kind: preset.kind.to_owned(),
        name: say(preset.name).to_owned(),
        words: say(preset.words).to_owned(),
        device_family: preset.family.to_owned(),
        keys: preset.keys(),
    };
    Ok(JsonBody(page.part(PRESETS.iter().collect(), |preset| preset.kind.to_owned(), view)?))
}

/// A pane of Setup Assistant.
#[derive(Debug, Serialize, ToSchema)]
struct PaneView {
    /// Apple's word for it, for `skip_setup_items`.
    key: String,
    /// What people call it.
    words: String,
    /// The systems that have it.
    systems: String,
    /// Whether no newer system has it any more.
    deprecated: bool,
}

/// The panes of Setup Assistant that can be left out.
#[utoipa::path(get, path = "/api/v1/ade/panes", tag = "new devices", params(PageQuery), responses((status = 200, description = "All", body = List<PaneView>)))]
async fn panes(Authenticated(actor): Authenticated, Query(query): Query<PageQuery>) -> Result<JsonBody<List<PaneView>>> {
    actor.require(Right::View)?;
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let view = |key: &SkipKey| PaneView {
        key: key.key.to_owned(),
        words: say(key.words).to_owned(),
        systems: key.versions(),
        deprecated: key.is_deprecated(),
    };
    Ok(JsonBody(page.part(skip_keys().iter().collect(), |key| key.key.to_owned(), view)?))
}

/// The profile of a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupProfileInput {
    /// The profile's id; null for none.
    #[serde(default)]
    profile_id: Option<String>,
}

/// Set the profile of a group's devices: those that will be in it, and those that are.
#[utoipa::path(put, path = "/api/v1/ade/groups/{id}/profile", tag = "new devices", params(("id" = String, Path, description = "The group's id")),
    request_body = GroupProfileInput, responses((status = 204, description = "Set")))]
async fn of_group(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<GroupProfileInput>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| profiles::set_of_group(tx, &actor, &id, input.profile_id.as_deref())).await?;
    Ok(StatusCode::NO_CONTENT)
}
