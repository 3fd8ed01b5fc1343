//! `/api/v1/saved-filters`: filters of the list of devices that people keep for themselves.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::List;
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::saved_filters;
use crate::store::Tx;
use crate::store::saved_filters::SavedFilter;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, save)).routes(routes!(remove))
}

/// A filter of the list of devices that somebody keeps.
#[derive(Debug, Serialize, ToSchema)]
struct SavedFilterView {
    /// Its id.
    id: String,
    /// What its person calls it.
    name: String,
    /// As in the list's address: `search=9b&state=problem`.
    query: String,
    /// When it was kept.
    created_at: Timestamp,
}

impl From<SavedFilter> for SavedFilterView {
    fn from(filter: SavedFilter) -> Self {
        let SavedFilter { id, name, query, created_at } = filter;
        Self { id, name, query, created_at }
    }
}

/// One's own filters, by name. Nobody keeps so many that they need pages.
#[utoipa::path(get, path = "/api/v1/saved-filters", tag = "devices", responses((status = 200, description = "All of them", body = List<SavedFilterView>)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<List<SavedFilterView>>> {
    let kept = app.store.read(app.now(), |tx| saved_filters::list(tx, &actor)).await?;
    let total = kept.len() as u64;
    Ok(JsonBody(List { items: kept.into_iter().map(SavedFilterView::from).collect(), next: None, total }))
}

/// A filter to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SavedFilterInput {
    /// What to call it; what has this name already is replaced.
    name: String,
    /// As in the list's address, without the question mark: search, state, platform, group, hardware, version, asked, answer, sort.
    query: String,
}

/// Keep a filter for oneself.
#[utoipa::path(post, path = "/api/v1/saved-filters", tag = "devices", request_body = SavedFilterInput,
    responses((status = 201, description = "It is kept", body = SavedFilterView)))]
async fn save(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<SavedFilterInput>) -> Result<Answer> {
    let Post { body: SavedFilterInput { name, query }, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| Answer::new(StatusCode::CREATED, &SavedFilterView::from(saved_filters::save(tx, &actor, &name, &query)?)))
    };
    app.store.write(app.now(), work).await
}

/// Remove one of one's own filters.
#[utoipa::path(delete, path = "/api/v1/saved-filters/{id}", tag = "devices", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is gone")))]
async fn remove(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| saved_filters::remove(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
