//! `/api/v1/tokens`: API tokens for scripts.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Role;
use crate::mdm::admins::tokens::{self, NewToken};
use crate::store::api_tokens::ApiToken;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A token, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
struct TokenView {
    /// UUIDv7.
    id: String,
    /// What it is for.
    name: String,
    /// What it may do: owner, admin, helper or viewer.
    role: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it stops by itself.
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    last_used_at: Option<Timestamp>,
}

impl From<ApiToken> for TokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    #[serde(flatten)]
    view: TokenView,
    /// What a script sends as `Authorization: Bearer …`; it is said this once.
    token: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TokensQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Tokens, those included that were revoked or expired in the last 90 days.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(TokensQuery),
    responses((status = 200, description = "Newest first", body = List<TokenView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<TokensQuery>,
) -> Result<JsonBody<List<TokenView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let (rows, total) = app.store.read_slow(app.now(), move |tx| tokens::list(tx, &actor, after.as_deref(), fetch)).await?;
    Ok(JsonBody(page.answer(rows, total.into(), |token| token.id.clone(), TokenView::from)))
}

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenInput {
    /// What it is for.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may do; not `teacher`.
    role: Role,
    /// After how many days it stops, from 1 to 3650; never by default.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
}

/// Make a token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenInput,
    responses((status = 201, description = "The token, said this once", body = MadeToken)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<TokenInput>) -> Result<Answer> {
    let Post { body: TokenInput { name, role, days }, once } = post;
    let new = NewToken { name, role, days };
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let (token, text) = tokens::create(tx, &actor, &new)?;
                Answer::new(StatusCode::CREATED, &MadeToken { view: token.into(), token: text.expose().clone() })
            })
        })
        .await
}

/// Revoke a token: its next request is refused.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "The token's id")),
    responses((status = 204, description = "Revoked")))]
async fn revoke(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| tokens::revoke(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
