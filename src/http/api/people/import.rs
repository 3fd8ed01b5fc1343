//! `/api/v1/people/import`: a roster's files, shown first and then taken over.

use axum::Json as JsonBody;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Result;
use crate::http::api::once::{Answer, Post};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::roster;
use crate::mdm::Right;
use crate::mdm::people::import::{self, Preview, Summary};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(preview)).routes(routes!(apply))
}

/// The files of a roster.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form that is read field by field")]
struct RosterForm {
    /// One CSV file with a header row, OneRoster's CSV files, or a ZIP archive of those.
    #[schema(value_type = Vec<String>, format = Binary)]
    files: Vec<Vec<u8>>,
}

/// Show what a roster would change. Nothing is changed; it is kept for an hour so that it can be done.
#[utoipa::path(post, path = "/api/v1/people/import/preview", tag = "people", request_body(content = RosterForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "What it would change", body = Preview)))]
async fn preview(State(app): State<App>, Authenticated(actor): Authenticated, sent: Multipart) -> Result<JsonBody<Preview>> {
    actor.require(Right::Configure)?;
    Ok(JsonBody(roster::preview(&app, &actor, roster::read(sent).await?).await?))
}

/// The import that is to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ImportInput {
    /// The `id` of its preview.
    preview: String,
}

/// Do what was shown. If it would do something else by now, nothing is done and the answer says so.
#[utoipa::path(post, path = "/api/v1/people/import", tag = "people", request_body = ImportInput,
    responses((status = 200, description = "What was changed", body = Summary)))]
async fn apply(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<ImportInput>) -> Result<Answer> {
    let Post { body, once } = post;
    app.store
        .write(app.now(), move |tx| once.run(tx, &actor, |tx| Answer::new(StatusCode::OK, &import::apply(tx, &actor, &body.preview)?)))
        .await
}
