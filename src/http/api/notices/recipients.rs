//! `/api/v1/notices/recipients`: whom mail goes to, and what each wants to hear of.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::input::{Json, Query};
use super::super::list::{List, Page};
use super::super::once::{Answer, Post};
use super::NoticesQuery;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::notices::recipients::{self, is_served};
use crate::store::notices::{NoticeKind, Recipient};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, create)).routes(routes!(change, delete)).routes(routes!(set_own))
}

/// Whom mail goes to.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeRecipientView {
    /// UUIDv7.
    id: String,
    /// Where mail goes.
    address: String,
    /// Who it is, where they log in here: their id.
    admin_id: Option<String>,
    /// The name that they log in with.
    name: Option<String>,
    /// What they want to hear of.
    kinds: Vec<NoticeKind>,
    /// Whether they get it: who may not log in, or may not see what is told, gets nothing.
    served: bool,
    /// Since when.
    created_at: Timestamp,
}

impl From<Recipient> for NoticeRecipientView {
    fn from(recipient: Recipient) -> Self {
        let served = is_served(&recipient);
        let Recipient { id, admin, address, kinds, created_at } = recipient;
        let (admin_id, name) = admin.map(|admin| (admin.id, admin.name)).unzip();
        Self { id, address, admin_id, name, kinds, served, created_at }
    }
}

/// Whom mail goes to.
#[utoipa::path(get, path = "/api/v1/notices/recipients", tag = "notices", params(NoticesQuery),
    responses((status = 200, description = "People who log in first, then by address", body = List<NoticeRecipientView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<NoticesQuery>,
) -> Result<JsonBody<List<NoticeRecipientView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let rows = app.store.read(app.now(), move |tx| recipients::list(tx, &actor)).await?;
    Ok(JsonBody(page.part(rows, |recipient| recipient.id.clone(), NoticeRecipientView::from)?))
}

/// An address that mail is to go to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoticeRecipientInput {
    /// The address, of nobody who logs in here: that of a list, for example.
    #[schema(max_length = 254)]
    address: String,
    /// What is sent there.
    kinds: Vec<NoticeKind>,
}

/// Have mail go to a further address.
#[utoipa::path(post, path = "/api/v1/notices/recipients", tag = "notices", request_body = NoticeRecipientInput,
    responses((status = 201, description = "Whom mail goes to now", body = NoticeRecipientView)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<NoticeRecipientInput>) -> Result<Answer> {
    let Post { body: NoticeRecipientInput { address, kinds }, once } = post;
    let add = move |tx: &_| {
        once.run(tx, &actor, |tx| {
            let recipient = recipients::add(tx, &actor, &address, kinds.clone())?;
            Answer::new(StatusCode::CREATED, &NoticeRecipientView::from(recipient))
        })
    };
    app.store.write(app.now(), add).await
}

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoticeRecipientChange {
    /// The address; that of somebody who logs in is changed by themselves.
    #[schema(max_length = 254)]
    address: Option<String>,
    /// What is sent there.
    kinds: Option<Vec<NoticeKind>>,
}

/// Change an address, or what is sent there.
#[utoipa::path(patch, path = "/api/v1/notices/recipients/{id}", tag = "notices", request_body = NoticeRecipientChange,
    params(("id" = String, Path, description = "The recipient's id")),
    responses((status = 200, description = "As it is now", body = NoticeRecipientView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<NoticeRecipientChange>,
) -> Result<JsonBody<NoticeRecipientView>> {
    let change = move |tx: &_| recipients::change(tx, &actor, &id, input.address.as_deref(), input.kinds);
    Ok(JsonBody(app.store.write(app.now(), change).await?.into()))
}

/// Take an address off the list.
#[utoipa::path(delete, path = "/api/v1/notices/recipients/{id}", tag = "notices",
    params(("id" = String, Path, description = "The recipient's id")), responses((status = 204, description = "Taken off")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| recipients::remove(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What somebody wants to hear of themselves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnNoticesInput {
    /// One's own address; empty to hear of nothing any more.
    #[schema(max_length = 254)]
    address: String,
    /// What one wants to hear of.
    kinds: Vec<NoticeKind>,
}

/// Say where one's own mail goes and what one wants to hear of; for people with a session.
#[utoipa::path(put, path = "/api/v1/notices/own", tag = "notices", request_body = OwnNoticesInput,
    responses((status = 200, description = "As it is now; null where nothing is sent", body = Option<NoticeRecipientView>)))]
async fn set_own(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<OwnNoticesInput>,
) -> Result<JsonBody<Option<NoticeRecipientView>>> {
    let set = move |tx: &_| recipients::set_own(tx, &actor, &input.address, input.kinds);
    Ok(JsonBody(app.store.write(app.now(), set).await?.map(NoticeRecipientView::from)))
}
