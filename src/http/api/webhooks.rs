//! `/api/v1/webhooks`: who is told what happens.

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
use crate::http::webhooks::test as trial;
use crate::mdm::webhooks::{self, Change, NewWebhook, Standing};
use crate::secret::Secret;
use crate::store::webhooks::{LOG_MAX, Logged, LoggedState};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(change, delete))
        .routes(routes!(renew_key))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
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
    /// Whether tokens and secrets in raw messages, and where a lost device is, are left in.
    include_secrets: bool,
    /// Events that wait to be delivered.
    waiting: i64,
    /// Since when it is switched off: it gets nothing.
    disabled_at: Option<Timestamp>,
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
            disabled_at: webhook.disabled_at,
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
    /// Whether tokens and secrets in raw messages, and where a lost device is, are left in; only an owner may say so.
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

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookChangeInput {
    /// Where events are posted.
    #[schema(pattern = "^https?://", max_length = 2048)]
    url: Option<String>,
    /// The topics that it wants; an empty list for all that devices say.
    topics: Option<Vec<String>>,
    /// Whether tokens and secrets in raw messages, and where a lost device is, are left in; only an owner may say so.
    include_secrets: Option<bool>,
    /// Whether it is switched on. What waits for one that is switched off is dropped.
    enabled: Option<bool>,
}

/// Change a webhook, or switch it off and on.
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", tag = "webhooks", request_body = WebhookChangeInput,
    params(("id" = String, Path, description = "The webhook's id")), responses((status = 200, description = "As it is now", body = WebhookView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<WebhookChangeInput>,
) -> Result<JsonBody<WebhookView>> {
    let WebhookChangeInput { url, topics, include_secrets, enabled } = input;
    let change = Change { url, topics, include_secrets, enabled };
    Ok(JsonBody(app.store.write(app.now(), move |tx| webhooks::change(tx, &actor, &id, change)).await?.into()))
}

/// The new key of a webhook.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookKeyView {
    /// The key of `X-Hmac-Signature`; it is said this once.
    hmac_key: String,
}

/// Make another key for a webhook; what is posted from now on is signed with it.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/key", tag = "webhooks", params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, description = "The key, said this once", body = WebhookKeyView)))]
async fn renew_key(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<WebhookKeyView>> {
    let key = app.store.write(app.now(), move |tx| webhooks::renew_key(tx, &actor, &id)).await?;
    Ok(JsonBody(WebhookKeyView { hmac_key: key.expose().clone() }))
}

/// How a trial went.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookTrialView {
    /// Whether the receiver took it.
    delivered: bool,
    /// The status of the answer; null where none came.
    status: Option<u16>,
    /// Why it counts as failed.
    error: Option<String>,
    /// The beginning of what the receiver said; where its address is not a public one, owners are told that, and others why not.
    answer: String,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

/// Post an event for trial (`rollcall.Test`) and wait for the answer; it is not tried again.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, description = "What the receiver said", body = WebhookTrialView)))]
async fn test(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<WebhookTrialView>> {
    let trial = trial(&app, &actor, &id).await?;
    let answer = trial.answer_words();
    Ok(JsonBody(WebhookTrialView {
        delivered: trial.error.is_none(),
        status: trial.status,
        error: trial.error,
        answer,
        took_ms: trial.took_ms,
    }))
}

/// An event that was posted.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookDeliveryView {
    /// Its number.
    seq: i64,
    /// What it is, for example `mdm.Connect`.
    topic: String,
    /// The device that it is about; null for none.
    device_id: Option<String>,
    /// What became of it.
    state: LoggedState,
    /// The status of the last answer; null where none came.
    status: Option<u16>,
    /// Why the last try failed; empty where it did not.
    error: String,
    /// Times tried.
    attempts: i64,
    /// When it is tried next.
    next_at: Option<Timestamp>,
    /// Whether it can be delivered again.
    can_repeat: bool,
    /// When it happened.
    created_at: Timestamp,
    /// When it was last tried.
    tried_at: Timestamp,
}

impl From<Logged> for WebhookDeliveryView {
    fn from(logged: Logged) -> Self {
        Self {
            seq: logged.seq,
            topic: logged.topic,
            device_id: Some(logged.device_id).filter(|id| !id.is_empty()),
            state: logged.state,
            status: logged.status,
            error: logged.error,
            attempts: logged.attempts,
            next_at: logged.next_at,
            can_repeat: logged.can_repeat,
            created_at: logged.created_at,
            tried_at: logged.tried_at,
        }
    }
}

/// What was posted to a webhook lately and what came of it: its last 200 events.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = String, Path, description = "The webhook's id"), WebhooksQuery),
    responses((status = 200, description = "Newest first", body = List<WebhookDeliveryView>)))]
async fn deliveries(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<WebhooksQuery>,
) -> Result<JsonBody<List<WebhookDeliveryView>>> {
    let page = Page::<i64>::parse(query.limit, query.after.as_deref())?;
    let mut rows = app.store.read(app.now(), move |tx| webhooks::log(tx, &actor, &id, None, LOG_MAX)).await?;
    let total = rows.len() as u64;
    rows.retain(|logged| page.after.is_none_or(|after| logged.seq < after));
    Ok(JsonBody(page.answer(rows, total, |logged| logged.seq, WebhookDeliveryView::from)))
}

/// Deliver an event again: one that waits is tried now, any other goes out once more.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{seq}/redeliver", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id"), ("seq" = i64, Path, description = "The event's number")),
    responses((status = 202, description = "It goes out now"), (status = 409, description = "It was too large to be kept, or the webhook is off")))]
async fn redeliver(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, seq)): Path<(String, String)>,
) -> Result<StatusCode> {
    // What is no number is no event's either; who may not ask hears nothing of that.
    let seq = seq.parse().unwrap_or(-1);
    app.store.write(app.now(), move |tx| webhooks::redeliver(tx, &actor, &id, seq)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Delete a webhook and what waits for it.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| webhooks::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
