//! `/api/v1/people/{id}/password`: the password by which a person proves to apps who they are.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::input::Json;
use super::super::once::{Answer, Post};
use super::views::AccessNothing;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::{Authenticated, Gate};
use crate::mdm::Right;
use crate::mdm::access::passwords::{self, LINK_LIFE};
use crate::mdm::admins::Password;
use crate::secret::Secret;
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, set, remove)).routes(routes!(offer))
}

/// What there is of a person's password; never the password.
#[derive(Debug, Serialize, ToSchema)]
struct AppPasswordView {
    /// Whether there is one.
    is_set: bool,
    /// When the open link to choose one ends; null without an open link.
    link_ends_at: Option<Timestamp>,
}

async fn view(app: &App, actor: crate::mdm::Actor, id: String) -> Result<JsonBody<AppPasswordView>> {
    let (_, state) = app.store.read(app.now(), |tx| passwords::state(tx, &actor, &id)).await?;
    let link_ends_at = state.and_then(|state| state.link_ends_at).filter(|end| *end > app.now());
    Ok(JsonBody(AppPasswordView { is_set: state.is_some_and(|state| state.is_set), link_ends_at }))
}

/// Whether a person has a password for apps.
#[utoipa::path(get, path = "/api/v1/people/{id}/password", tag = "access", params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "What there is", body = AppPasswordView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<AppPasswordView>> {
    view(&app, actor, id).await
}

/// A password that is to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AppPasswordInput {
    /// The password.
    #[schema(min_length = 10, max_length = 1024)]
    password: String,
}

/// Set a person's password for apps.
#[utoipa::path(put, path = "/api/v1/people/{id}/password", tag = "access", params(("id" = String, Path, description = "The person's id")),
    request_body = AppPasswordInput, responses((status = 200, description = "What there is now", body = AppPasswordView)))]
async fn set(
    State(app): State<App>,
    gate: Gate,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<AppPasswordInput>,
) -> Result<JsonBody<AppPasswordView>> {
    actor.require(Right::Configure)?;
    let hashed = gate.hash(Password::parse(Secret::new(input.password))?).await?;
    let (doer, target) = (actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| passwords::set(tx, &doer, &target, hashed)).await?;
    view(&app, actor, id).await
}

/// Take a person's password for apps away.
#[utoipa::path(delete, path = "/api/v1/people/{id}/password", tag = "access", params(("id" = String, Path, description = "The person's id")),
    responses((status = 204, description = "Removed")))]
async fn remove(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| passwords::remove(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A link by which a person chooses a password.
#[derive(Debug, Serialize, ToSchema)]
struct PasswordLinkView {
    /// The link; it is said once.
    url: String,
    /// When it ends.
    ends_at: Timestamp,
}

/// Make a link by which a person chooses a password for apps; it works once, and ends the one before.
#[utoipa::path(post, path = "/api/v1/people/{id}/password-link", tag = "access", params(("id" = String, Path, description = "The person's id")),
    request_body = AccessNothing, responses((status = 201, description = "The link", body = PasswordLinkView)))]
async fn offer(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<AccessNothing>,
) -> Result<Answer> {
    let Post { body: AccessNothing {}, once } = post;
    let base = app.public_url.clone();
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let token = passwords::offer(tx, &actor, &id)?;
            let view = PasswordLinkView { url: format!("{base}/password/{}", token.expose()), ends_at: tx.now.plus(LINK_LIFE) };
            Answer::new(StatusCode::CREATED, &view)
        })
    };
    app.store.write(app.now(), work).await
}
