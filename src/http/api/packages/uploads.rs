//! Bringing packages: in pieces that can be gone on with after a break, or whole in one request.

use axum::Json as JsonBody;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::input::Query;
use super::super::once::{Answer, Once, Post};
use super::views::{KeptView, PackageView, UploadView};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::budget::Share;
use crate::http::upload::{self, Wish};
use crate::mdm::packages::{self, Begun, Kept};
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::packages::Stage;

pub(in crate::http::api) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(begin, under_way))
        .routes(routes!(show, append, cancel))
        .routes(routes!(complete))
        .routes(routes!(whole))
}

/// The body of a request as it comes; it goes to the disk, and does not count as held.
fn stream(mut request: Request) -> axum::body::BodyDataStream {
    if let Some(share) = request.extensions_mut().remove::<Share>() {
        share.let_go();
    }
    request.into_body().into_data_stream()
}

/// Refuses bodies that a form of another site could send.
fn require_bytes(headers: &HeaderMap) -> Result<()> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/octet-stream");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    Err(Error::bad_input(t!("Send the bytes of the file as they are, with the header Content-Type: application/octet-stream.")))
}

/// A file that is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PackageUploadInput)]
struct UploadInput {
    /// What the file is called.
    #[schema(min_length = 1, max_length = 255)]
    file_name: String,
    /// Its length in bytes.
    #[schema(minimum = 1, maximum = 8_589_934_592_u64)]
    size_bytes: u64,
    /// Its SHA-256 in hex. With it, an upload of the same file that broke off is gone on with, and a file that is here already is not sent again.
    #[serde(default)]
    sha256: String,
}

/// Begin an upload, or find the one of the same file that broke off. Then PATCH pieces of any size, and complete it.
#[utoipa::path(post, path = "/api/v1/packages/uploads", tag = "packages", request_body = UploadInput,
    responses((status = 201, description = "Send the bytes from `received_bytes` on", body = UploadView),
        (status = 200, description = "The file is here already", body = KeptView),
        (status = 413, description = "It is larger than what is taken"), (status = 503, description = "The disk has no room, or too many are under way")))]
async fn begin(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Post { body: input, once }: Post<UploadInput>,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    if let Some(answer) = recall(&app, &actor, &once).await? {
        return Ok(answer);
    }
    let answer = match upload::begin(&app, &actor, &input.file_name, Some(input.size_bytes), &input.sha256).await? {
        Begun::Upload(found) => {
            let received = upload::received(&app, &found).await?;
            Answer::new(StatusCode::CREATED, &UploadView::of(found, received))?
        }
        Begun::Known(package) => {
            let package = app.store.read(app.now(), |tx| PackageView::of(tx, *package)).await?;
            Answer::new(StatusCode::OK, &KeptView { package, is_new: false })?
        }
    };
    remember(&app, actor, once, answer).await
}

/// The answer of the first time, for work that is more than one transaction.
async fn recall(app: &App, actor: &Actor, once: &Once) -> Result<Option<Answer>> {
    if !once.has_key() {
        return Ok(None);
    }
    let (actor, once) = (actor.clone(), once.clone());
    app.store.write(app.now(), move |tx| once.recall(tx, &actor)).await
}

/// Keeps the answer for a repeat.
async fn remember(app: &App, actor: Actor, once: Once, answer: Answer) -> Result<Answer> {
    if !once.has_key() {
        return Ok(answer);
    }
    app.store.write(app.now(), move |tx| once.run(tx, &actor, |_| Ok(answer))).await
}

/// Uploads under way, oldest first.
#[utoipa::path(get, path = "/api/v1/packages/uploads", tag = "packages",
    responses((status = 200, description = "Oldest first", body = Vec<UploadView>)))]
async fn under_way(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Vec<UploadView>>> {
    let all = app.store.read(app.now(), |tx| packages::under_way(tx, &actor)).await?;
    let mut views = Vec::with_capacity(all.len());
    for found in all {
        let received = upload::received(&app, &found).await?;
        views.push(UploadView::of(found, received));
    }
    Ok(JsonBody(views))
}

/// How far an upload is.
#[utoipa::path(get, path = "/api/v1/packages/uploads/{id}", tag = "packages", params(("id" = String, Path, description = "The upload's id")),
    responses((status = 200, description = "Go on from `received_bytes`", body = UploadView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<UploadView>> {
    let found = app.store.read(app.now(), |tx| packages::upload(tx, &actor, &id)).await?;
    let received = upload::received(&app, &found).await?;
    Ok(JsonBody(UploadView::of(found, received)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OffsetQuery {
    /// Where the piece goes: the `received_bytes` of the upload.
    offset: u64,
}

/// Send the next piece, of any size. What came of a piece that broke off stays: ask how far the upload is, and go on from there.
#[utoipa::path(patch, path = "/api/v1/packages/uploads/{id}", tag = "packages",
    params(("id" = String, Path, description = "The upload's id"), OffsetQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bytes"),
    responses((status = 200, description = "How far it is now", body = UploadView),
        (status = 409, description = "It ends elsewhere, or another request is sending"), (status = 413, description = "More than the file was to have")))]
async fn append(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<OffsetQuery>,
    request: Request,
) -> Result<JsonBody<UploadView>> {
    require_bytes(request.headers())?;
    let (found, received) = upload::append(&app, &actor, &id, query.offset, stream(request)).await?;
    Ok(JsonBody(UploadView::of(found, received)))
}

/// Cancel an upload; what came of it is removed.
#[utoipa::path(delete, path = "/api/v1/packages/uploads/{id}", tag = "packages", params(("id" = String, Path, description = "The upload's id")),
    responses((status = 204, description = "Cancelled")))]
async fn cancel(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    actor.require(Right::Configure)?;
    upload::cancel(&app, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a complete upload is to become.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = PackageCompleteInput)]
struct CompleteInput {
    /// SHA-256 that the file is to have, in hex.
    sha256: String,
    /// Whether it is taken though the provisioning profile inside has ended.
    accept_expired: bool,
    /// For whom it is meant; by default for the pilot group where there is one, for everyone where it is the first version, else for nobody yet.
    stage: Option<Stage>,
}

/// Make a version of a complete upload: it is hashed and read, and devices get it where its stage says so.
#[utoipa::path(post, path = "/api/v1/packages/uploads/{id}/complete", tag = "packages",
    params(("id" = String, Path, description = "The upload's id")), request_body = CompleteInput,
    responses((status = 201, description = "Kept", body = KeptView), (status = 200, description = "The same file is here already", body = KeptView),
        (status = 400, description = "It is nothing that devices install; what it is, and what to do, is said"),
        (status = 409, description = "Bytes are missing")))]
async fn complete(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Post { body: input, once }: Post<CompleteInput>,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    if let Some(answer) = recall(&app, &actor, &once).await? {
        return Ok(answer);
    }
    let wish = Wish { sha256: input.sha256, accept_expired: input.accept_expired, stage: input.stage };
    let answer = kept(&app, upload::complete(&app, &actor, &id, wish).await?).await?;
    remember(&app, actor, once, answer).await
}

async fn kept(app: &App, kept: Kept) -> Result<Answer> {
    let status = if kept.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let package = app.store.read(app.now(), |tx: &Tx| PackageView::of(tx, kept.package)).await?;
    Answer::new(status, &KeptView { package, is_new: kept.is_new })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WholeQuery {
    /// What the file is called.
    file_name: String,
    /// SHA-256 that it is to have, in hex.
    sha256: Option<String>,
    /// Whether it is taken though the provisioning profile inside has ended.
    accept_expired: Option<bool>,
    /// For whom it is meant: kept, pilot or everyone.
    stage: Option<String>,
}

/// Upload a file whole, in one request; nothing of it stays when that breaks off.
#[utoipa::path(put, path = "/api/v1/packages/content", tag = "packages", params(WholeQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file"),
    responses((status = 201, description = "Kept", body = KeptView), (status = 200, description = "The same file is here already", body = KeptView),
        (status = 400, description = "It is nothing that devices install; what it is, and what to do, is said"),
        (status = 413, description = "It is larger than what is taken")))]
async fn whole(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<WholeQuery>,
    request: Request<Body>,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    require_bytes(request.headers())?;
    let stage = query.stage.as_deref().map(str::parse::<Stage>).transpose().map_err(|error| Error::field("stage", error.message))?;
    let wish = Wish { sha256: query.sha256.unwrap_or_default(), accept_expired: query.accept_expired.unwrap_or_default(), stage };
    let announced = announced(request.headers())?;
    take(&app, &actor, &query.file_name, announced, wish, request).await
}

async fn take(app: &App, actor: &Actor, file_name: &str, announced: Option<u64>, wish: Wish, request: Request) -> Result<Answer> {
    kept(app, upload::whole(app, actor, file_name, announced, wish, stream(request)).await?).await
}

/// How long a body says it is.
fn announced(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(said) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = said.to_str().ok().and_then(|text| text.parse().ok());
    let length = length.ok_or_else(|| Error::bad_input(t!("The header Content-Length is no number.")))?;
    if length == 0 {
        return Err(Error::bad_input(t!("The file is empty: nothing of it was written. Export it once more.")));
    }
    Ok(Some(length))
}
