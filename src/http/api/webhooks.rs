//! `/api/v1/webhooks`: who is told what happens.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::Query;
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::webhooks::{self, NewWebhook, Standing};
use crate::secret::Secret;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(delete))
}

/// A receiver of events.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookView {
    /// UUIDv7.
    id: String,
    /// Where events are posted.
    url: String,
    /// The topics that it wants; empty for all.
    topics: Vec<String>,
    /// Whether tokens and secrets in raw messages are left in.
    include_secrets: bool,
    /// Events that wait to be delivered.
    waiting: i64,
    /// When it was made.
    created_at: Timestamp,
}

impl From<Standing> for WebhookView {
    fn from(standing: Standing) -> Self {
        let Standing { webhook, waiting } = standing;
        Self {
            id: webhook.id,
            url: webhook.url,
            topics: webhook.topics,
            include_secrets: webhook.include_secrets,
            waiting,
            created_at: webhook.created_at,
        }
    }
}

/// A webhook that was just made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeWebhook {
    #[serde(flatten)]
    view: WebhookView,
    /// The key of `X-Hmac-Signature`, base64 of the HMAC-SHA256 of each body; it is said this once.
    hmac_key: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WebhooksQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Webhooks, with how much waits for each.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(WebhooksQuery),
    responses((status = 200, description = "Oldest first", body = List<WebhookView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<WebhooksQuery>,
) -> Result<JsonBody<List<WebhookView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let key = |standing: &Standing| (standing.webhook.created_at, standing.webhook.id.clone());
    // There are so few that they are read whole; the page keeps to the convention of every list.
    let mut rows = app.store.read(app.now(), move |tx| webhooks::list(tx, &actor)).await?;
    let total = rows.len() as u64;
    rows.retain(|standing| page.after.as_ref().is_none_or(|after| key(standing) > *after));
    Ok(JsonBody(page.answer(rows, total, key, WebhookView::from)))
}

/// A webhook that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookInput {
    /// Where events are posted, `https://…` or `http://…`.
    #[schema(pattern = "^https?://", max_length = 2048)]
    url: String,
    /// The key that signs them, 16 to 256 characters; one is made if none is sent.
    #[schema(min_length = 16, max_length = 256)]
    hmac_key: Option<String>,
    /// The topics that it wants, for example `mdm.TokenUpdate`; none or an empty list for all that devices say. `rollcall.Notice` tells what needs
    /// somebody, and has to be named.
    #[serde(default)]
    topics: Vec<String>,
    /// Whether tokens and secrets in raw messages are left in; only an owner may say so.
    #[serde(default)]
    include_secrets: bool,
}

/// Make a webhook: events are posted in MicroMDM's and NanoMDM's JSON, in order per device, until they are taken with a status of 2xx.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = WebhookInput,
    responses((status = 201, description = "The webhook, and its key, said this once", body = MadeWebhook)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<WebhookInput>) -> Result<Answer> {
    let Post { body: WebhookInput { url, hmac_key, topics, include_secrets }, once } = post;
    let hmac_key = hmac_key.map(Secret::new);
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let (standing, key) = webhooks::create(tx, &actor, NewWebhook { url, hmac_key, topics, include_secrets })?;
                Answer::new(StatusCode::CREATED, &MadeWebhook { view: standing.into(), hmac_key: key.expose().clone() })
            })
        })
        .await
}

/// Delete a webhook and what waits for it.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| webhooks::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
