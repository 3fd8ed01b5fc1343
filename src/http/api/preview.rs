//! `/api/v1/preview`: what would be sent to whom, by which mechanism, and who would get nothing and why.

use axum::Json as JsonBody;
use axum::extract::State;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::api::input::Json;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::reconcile::{self, Previews, Thought};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(preview))
}

/// What would happen if things were assigned to groups, or taken back from them, without doing it. Without a change: what is about to happen.
#[utoipa::path(post, path = "/api/v1/preview", tag = "preview", request_body = Thought,
    responses((status = 200, description = "Device by device", body = Previews)))]
async fn preview(State(app): State<App>, Authenticated(actor): Authenticated, Json(thought): Json<Thought>) -> Result<JsonBody<Previews>> {
    if let Some(after) = thought.after.as_ref().filter(|after| uuid::Uuid::parse_str(after).is_err()) {
        let after: String = after.chars().take(60).collect();
        return Err(Error::field("after", t!("`{after}` is no place in this list; take `next` of an answer", after)));
    }
    let previews = app.store.read_slow(app.now(), move |tx| reconcile::preview_all(tx, &actor, &thought)).await?;
    Ok(JsonBody(previews))
}
