//! Server tokens: key pairs made here, and what Apple gives for them.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::groups::PageQuery;
use super::super::input::{Json, Query};
use super::super::list::{List, Page};
use super::super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::ade;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::ade::profiles as room;
use crate::mdm::ade::servers::{self, Standing};
use crate::store::ade_servers::{Phase, ServerState};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
        .routes(routes!(public_key))
        .routes(routes!(token))
        .routes(routes!(sync))
        .routes(routes!(set_default))
}

/// A server of the organisation in Apple's portal. Its key and its token are never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdeServerView {
    /// UUIDv7.
    id: String,
    /// Its name in Apple's portal.
    name: String,
    /// How it stands with Apple.
    state: ServerState,
    /// Why the last round with Apple failed; empty where it did not.
    problem: String,
    /// Apple's id of it, the same after every renewal; empty until Apple said so.
    server_uuid: String,
    /// The organisation.
    organisation: String,
    /// The account that made it in the portal, and must accept new terms.
    admin: String,
    /// `edu`, `org` or `tvprovider`; empty until Apple said so.
    organisation_type: String,
    /// Whether it is the practice classroom's.
    practice: bool,
    /// The token's end; null until one was brought.
    expires_at: Option<Timestamp>,
    /// Whether the whole list is being read, or what changed.
    phase: Phase,
    /// When the list was last read.
    synced_at: Option<Timestamp>,
    /// When the whole list was last read.
    fetched_at: Option<Timestamp>,
    /// Devices that Apple says are ours.
    devices: u64,
    /// Of these, not enrolled.
    not_enrolled: u64,
    /// Of these, without a profile at Apple.
    no_profile: u64,
    /// Of these, whose profile Apple could not assign, or wants us to wait with.
    troubled: u64,
    /// Profiles of devices for which nobody chose one.
    defaults: Vec<DefaultView>,
    /// Where Apple was told that devices ask for this server by an account; empty for nowhere.
    discovery_url: String,
    /// Why Apple does not take that address; empty where it does, or was not told.
    discovery_problem: String,
    /// When its key pair was made.
    created_at: Timestamp,
}

/// The profile of a family's devices.
#[derive(Debug, Serialize, ToSchema)]
struct DefaultView {
    /// `iPad`, `iPhone`, `iPod`, `Mac`, `AppleTV` or `Vision`; empty for all others.
    device_family: String,
    /// The profile's id.
    profile_id: String,
}

impl From<Standing> for AdeServerView {
    fn from(standing: Standing) -> Self {
        let Standing { server, account, counts, defaults } = standing;
        let defaults = defaults.into_iter().map(|(device_family, profile_id)| DefaultView { device_family, profile_id });
        Self {
            id: server.id,
            name: server.name,
            state: server.state,
            problem: server.problem,
            server_uuid: server.server_uuid,
            organisation: server.organisation,
            admin: server.admin,
            organisation_type: account.org_type,
            practice: server.practice,
            expires_at: server.expires_at,
            phase: server.phase,
            synced_at: server.synced_at,
            fetched_at: server.fetched_at,
            devices: counts.ours,
            not_enrolled: counts.not_enrolled,
            no_profile: counts.no_profile,
            troubled: counts.troubled,
            defaults: defaults.collect(),
            discovery_url: server.discovery_url,
            discovery_problem: server.discovery_problem,
            created_at: server.created_at,
        }
    }
}

/// Server tokens, oldest first.
#[utoipa::path(get, path = "/api/v1/ade/servers", tag = "new devices", params(PageQuery),
    responses((status = 200, description = "Oldest first", body = List<AdeServerView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<AdeServerView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let rows = app.store.read_slow(app.now(), move |tx| servers::list(tx, &actor)).await?;
    Ok(JsonBody(page.part(rows, |standing| standing.server.id.clone(), AdeServerView::from)?))
}

/// A server that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdeServerInput {
    /// Its name; the one that it has in Apple's portal, which counts as soon as the token is here.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Make a key pair for a server in Apple's portal. The key never leaves the appliance; the portal takes its public part.
#[utoipa::path(post, path = "/api/v1/ade/servers", tag = "new devices", request_body = AdeServerInput,
    responses((status = 201, description = "Made; its token is missing yet", body = AdeServerView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<AdeServerInput>) -> Result<Answer> {
    let Post { body, once } = post;
    let identity = ade::identity(&app, &actor, &body.name).await?;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let server = servers::begin(tx, &actor, &body.name, &identity, false)?;
                Answer::new(StatusCode::CREATED, &AdeServerView::from(servers::find(tx, &actor, &server.id)?))
            })
        })
        .await
}

/// One server token.
#[utoipa::path(get, path = "/api/v1/ade/servers/{id}", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The server", body = AdeServerView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AdeServerView>> {
    Ok(JsonBody(app.store.read_slow(app.now(), move |tx| servers::find(tx, &actor, &id)).await?.into()))
}

/// Remove a server token with what is known of its devices. At Apple nothing changes, and enrolled devices stay enrolled.
#[utoipa::path(delete, path = "/api/v1/ade/servers/{id}", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| servers::remove(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The public part of a server's key pair.
#[derive(Debug, Serialize, ToSchema)]
struct PublicKeyView {
    /// A certificate, PEM: the file that Apple's portal takes for the server.
    certificate: String,
}

/// The public key that Apple's portal takes.
#[utoipa::path(get, path = "/api/v1/ade/servers/{id}/public-key", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "A certificate", body = PublicKeyView)))]
async fn public_key(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<PublicKeyView>> {
    let (certificate, _) = app.store.read(app.now(), move |tx| servers::public_key(tx, &actor, &id)).await?;
    Ok(JsonBody(PublicKeyView { certificate }))
}

/// A server token that is brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ServerTokenInput {
    /// The .p7m file in base64.
    #[schema(min_length = 1)]
    file: String,
}

/// Bring a server's token, new or renewed. Devices, profiles and wishes stay.
#[utoipa::path(put, path = "/api/v1/ade/servers/{id}/token", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    request_body = ServerTokenInput,
    responses((status = 200, description = "Kept; Apple's list is being read", body = AdeServerView),
        (status = 400, description = "What was sent is named for what it is")))]
async fn token(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<ServerTokenInput>,
) -> Result<JsonBody<AdeServerView>> {
    let file = STANDARD.decode(input.file.trim()).map_err(|_| Error::field("file", t!("is not base64; send the .p7m file in base64")))?;
    Ok(JsonBody(ade::take(&app, &actor, &id, file.into()).await.map_err(at_file)?.into()))
}

fn at_file(error: Error) -> Error {
    match error.kind {
        Kind::BadInput if error.fields.is_empty() => Error::field("file", error.message.into_owned()),
        _ => error,
    }
}

/// How much of the list is read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SyncInput {
    /// Whether the whole list is read anew, not only what changed.
    #[serde(default)]
    whole: bool,
}

/// Read Apple's list of devices now.
#[utoipa::path(post, path = "/api/v1/ade/servers/{id}/sync", tag = "new devices", params(("id" = String, Path, description = "Its id")),
    request_body = SyncInput, responses((status = 202, description = "It will be read in a moment", body = AdeServerView)))]
async fn sync(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<SyncInput>,
) -> Result<(StatusCode, JsonBody<AdeServerView>)> {
    let standing = app.store.write(app.now(), move |tx| servers::read_now(tx, &actor, &id, input.whole)).await?;
    Ok((StatusCode::ACCEPTED, JsonBody(standing.into())))
}

/// The profile of a family.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DefaultInput {
    /// `iPad`, `iPhone`, `iPod`, `Mac`, `AppleTV` or `Vision`; left out or empty for all others.
    #[serde(default)]
    device_family: String,
    /// The profile's id; null for none.
    #[serde(default)]
    profile_id: Option<String>,
}

/// Set the profile of a family's devices for which nobody chose one.
#[utoipa::path(put, path = "/api/v1/ade/servers/{id}/defaults", tag = "new devices",
    params(("id" = String, Path, description = "Its id")), request_body = DefaultInput,
    responses((status = 200, description = "The server", body = AdeServerView)))]
async fn set_default(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<DefaultInput>,
) -> Result<JsonBody<AdeServerView>> {
    let standing = app.store.write(app.now(), move |tx| {
        room::set_default(tx, &actor, &id, &input.device_family, input.profile_id.as_deref())?;
        servers::find(tx, &actor, &id)
    });
    Ok(JsonBody(standing.await?.into()))
}
