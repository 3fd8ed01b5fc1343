//! `/api/v1/people/{id}/managed-apple-account`: by which Apps and Books knows a person without an invitation.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::input::Json;
use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::people;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, put))
}

/// A person's Managed Apple Account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ManagedAccount {
    /// The account; empty where they have none.
    #[schema(max_length = 254)]
    managed_apple_id: String,
}

/// A person's Managed Apple Account.
#[utoipa::path(get, path = "/api/v1/people/{id}/managed-apple-account", tag = "people", params(("id" = String, Path, description = "Their id")),
    responses((status = 200, description = "Empty where they have none", body = ManagedAccount)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ManagedAccount>> {
    let managed_apple_id = app.store.read(app.now(), |tx| people::account(tx, &actor, &id)).await?;
    Ok(JsonBody(ManagedAccount { managed_apple_id }))
}

/// Say which Managed Apple Account a person has. Apps can then be theirs without an invitation.
#[utoipa::path(put, path = "/api/v1/people/{id}/managed-apple-account", tag = "people", params(("id" = String, Path, description = "Their id")),
    request_body = ManagedAccount, responses((status = 200, description = "As it is now", body = ManagedAccount)))]
async fn put(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(body): Json<ManagedAccount>,
) -> Result<JsonBody<ManagedAccount>> {
    let managed_apple_id = app.store.write(app.now(), move |tx| people::set_account(tx, &actor, &id, &body.managed_apple_id)).await?;
    Ok(JsonBody(ManagedAccount { managed_apple_id }))
}
