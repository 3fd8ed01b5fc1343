//! `/api/v1/second-factor`: one's own second factor, and who has to use one.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::{Authenticated, FromOurPage, Gate};
use crate::mdm::admins::second_factor::{self, Required, Taken};
use crate::mdm::{Actor, Right, settings};
use crate::pki::totp;
use crate::secret::Secret;
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(show, prepare, confirm))
        .routes(routes!(switch_off))
        .routes(routes!(renew_codes))
        .routes(routes!(show_required, require))
}

/// How a second factor stands.
#[derive(Debug, Serialize, ToSchema)]
struct FactorView {
    /// Since when it is on; null while it is off.
    on_since: Option<Timestamp>,
    /// Codes on paper that are left.
    recovery_codes_left: u64,
    /// Whether one has to use one.
    required: bool,
}

/// How one's own second factor stands.
#[utoipa::path(get, path = "/api/v1/second-factor", tag = "session", responses((status = 200, description = "How it stands", body = FactorView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<FactorView>> {
    let Ok(id) = own_id(&actor) else {
        // Tokens and the command line are never asked for one.
        return Ok(JsonBody(FactorView { on_since: None, recovery_codes_left: 0, required: false }));
    };
    let standing = app.store.read(app.now(), |tx| second_factor::standing(tx, &actor, id)).await?;
    Ok(JsonBody(FactorView { on_since: standing.on_since, recovery_codes_left: standing.codes_left, required: standing.required }))
}

fn own_id(actor: &Actor) -> Result<&str> {
    match actor {
        Actor::Person { id, .. } => Ok(id),
        _ => Err(Error::forbidden(t!("Only people who log in have a second factor."))),
    }
}

/// One's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnPassword {
    /// The password with which one logs in.
    #[schema(format = Password)]
    password: String,
}

/// What an app on a telephone needs.
#[derive(Debug, Serialize, ToSchema)]
struct Prepared {
    /// The key in base32, to be typed.
    secret: String,
    /// The same as an `otpauth` address, to be shown as a square of dots.
    address: String,
}

/// Make a new key for one's telephone, with one's password. It counts for nothing until a code of it is confirmed.
#[utoipa::path(post, path = "/api/v1/second-factor", tag = "session", request_body = OwnPassword,
    responses((status = 201, description = "The key, said this once", body = Prepared)))]
async fn prepare(
    State(app): State<App>,
    gate: Gate,
    Authenticated(actor): Authenticated,
    from: FromOurPage,
    Json(input): Json<OwnPassword>,
) -> Result<(StatusCode, JsonBody<Prepared>)> {
    own_id(&actor)?;
    let proof = gate.prove_own(&actor, input.password.into(), &from.client).await?;
    let work = move |tx: &Tx| {
        let secret = second_factor::prepare(tx, &actor, &proof)?;
        let issuer = Some(settings::organisation(tx)?).filter(|name| !name.is_empty()).unwrap_or_else(|| String::from(t!("Rollcall")));
        let name = if let Actor::Person { name, .. } = &actor { name.as_str() } else { "" };
        Ok(Prepared { secret: totp::base32(&secret), address: totp::address(&secret, &issuer, name) })
    };
    Ok((StatusCode::CREATED, JsonBody(app.store.write(app.now(), work).await?)))
}

/// A code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeInput {
    /// What the telephone shows now, or, where the factor is on, a code on paper.
    #[schema(format = Password)]
    code: String,
}

/// Codes on paper.
#[derive(Debug, Serialize, ToSchema)]
struct Codes {
    /// Each logs in once in place of the telephone's code; they are said this once.
    recovery_codes: Vec<String>,
}

fn codes(codes: &[Secret<String>]) -> JsonBody<Codes> {
    JsonBody(Codes { recovery_codes: codes.iter().map(|code| code.expose().clone()).collect() })
}

/// Switch one's own second factor on by a first code.
#[utoipa::path(put, path = "/api/v1/second-factor", tag = "session", request_body = CodeInput,
    responses((status = 200, description = "It is on", body = Codes)))]
async fn confirm(
    gate: Gate,
    Authenticated(actor): Authenticated,
    from: FromOurPage,
    Json(input): Json<CodeInput>,
) -> Result<JsonBody<Codes>> {
    let work = move |tx: &Tx| {
        Ok(match second_factor::confirm(tx, &actor, &input.code) {
            Ok(codes) => Taken::Right(codes),
            Err(error) => Taken::Wrong(error),
        })
    };
    Ok(codes(&gate.by_code(from.client.address, work).await?))
}

/// Switch one's own second factor off.
#[utoipa::path(post, path = "/api/v1/second-factor/off", tag = "session", request_body = CodeInput,
    responses((status = 204, description = "It is off")))]
async fn switch_off(
    gate: Gate,
    Authenticated(actor): Authenticated,
    from: FromOurPage,
    Json(input): Json<CodeInput>,
) -> Result<StatusCode> {
    own_id(&actor)?;
    gate.by_code(from.client.address, move |tx| second_factor::switch_off(tx, &actor, &input.code)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make new codes on paper for oneself; the old ones are good for nothing any more.
#[utoipa::path(post, path = "/api/v1/second-factor/recovery-codes", tag = "session", request_body = CodeInput,
    responses((status = 200, description = "The codes", body = Codes)))]
async fn renew_codes(
    gate: Gate,
    Authenticated(actor): Authenticated,
    from: FromOurPage,
    Json(input): Json<CodeInput>,
) -> Result<JsonBody<Codes>> {
    own_id(&actor)?;
    Ok(codes(&gate.by_code(from.client.address, move |tx| second_factor::renew_codes(tx, &actor, &input.code)).await?))
}

/// Who has to use a second factor.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RequiredOf {
    /// Nobody, everybody who may change something, or everybody.
    of: Required,
}

/// Who has to use a second factor.
#[utoipa::path(get, path = "/api/v1/second-factor/required", tag = "session", responses((status = 200, description = "Who", body = RequiredOf)))]
async fn show_required(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<RequiredOf>> {
    actor.require(Right::Govern)?;
    Ok(JsonBody(RequiredOf { of: app.store.read(app.now(), second_factor::required).await? }))
}

/// Choose who has to use a second factor. Whoever has none yet can only set it up from their next request on.
#[utoipa::path(put, path = "/api/v1/second-factor/required", tag = "session", request_body = RequiredOf,
    responses((status = 200, description = "Who", body = RequiredOf)))]
async fn require(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<RequiredOf>,
) -> Result<JsonBody<RequiredOf>> {
    let of = input.of;
    app.store.write(app.now(), move |tx| second_factor::require(tx, &actor, of)).await?;
    Ok(JsonBody(input))
}
