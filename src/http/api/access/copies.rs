//! `/api/v1/apps/{id}/access/copies`: copies of offline edits, listed, read, exported, removed by age.

use std::io::{Cursor, Write as _};

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::input::Query;
use super::super::list::{List, Page};
use super::PageQuery;
use super::views::CopyView;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::auth::Authenticated;
use crate::mdm::access::copies::{self, EXPORT_MAX};
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::offline_copies::Copy;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, remove)).routes(routes!(content)).routes(routes!(export))
}

/// Copies of offline edits of an app, newest first.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies", tag = "access",
    params(("id" = String, Path, description = "The app's id"), PageQuery),
    responses((status = 200, description = "Newest first", body = List<CopyView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<CopyView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let work = move |tx: &Tx| copies::list(tx, &actor, &id, after.as_ref().map(|(at, id)| (*at, id.as_str())), fetch);
    let (rows, total, _) = app.store.read_slow(app.now(), work).await?;
    Ok(JsonBody(page.answer(rows, total, |row| (row.created_at, row.id.clone()), CopyView::from)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RemoveQuery {
    /// Copies older than this many days are removed.
    older_than_days: u32,
}

/// How many copies were removed.
#[derive(Debug, Serialize, ToSchema)]
struct Removed {
    /// How many.
    removed: usize,
}

/// Remove the copies of an app that are older than some days. Single copies are not removed: that is what makes them worth something.
#[utoipa::path(delete, path = "/api/v1/apps/{id}/access/copies", tag = "access",
    params(("id" = String, Path, description = "The app's id"), RemoveQuery),
    responses((status = 200, description = "How many", body = Removed)))]
async fn remove(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<RemoveQuery>,
) -> Result<JsonBody<Removed>> {
    let removed = app.store.write(app.now(), move |tx| copies::delete_older(tx, &actor, &id, query.older_than_days)).await?;
    Ok(JsonBody(Removed { removed }))
}

/// The content of one copy, byte for byte. Who reads it is written into the audit log.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies/{copy}", tag = "access",
    params(("id" = String, Path, description = "The app's id"), ("copy" = String, Path, description = "The copy's id")),
    responses((status = 200, description = "The content", content_type = "application/octet-stream")))]
async fn content(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, copy)): Path<(String, String)>,
) -> Result<Response> {
    let (copy, content) = app.store.write(app.now(), move |tx| copies::read(tx, &actor, &id, &copy)).await?;
    Ok(download(&format!("{}-v{}", copy.document, copy.version), content))
}

/// A copy as a file to save. What an app brought is never shown as a page of ours.
pub(in crate::http) fn download(name: &str, content: SecretBytes) -> Response {
    let disposition = format!("attachment; filename=\"{}\"", plain(name));
    let headers = [
        (CONTENT_TYPE, String::from("application/octet-stream")),
        (CONTENT_DISPOSITION, disposition),
        (X_CONTENT_TYPE_OPTIONS, String::from("nosniff")),
        (CONTENT_SECURITY_POLICY, String::from("sandbox; default-src 'none'")),
    ];
    (headers, content.expose().clone()).into_response()
}

fn plain(name: &str) -> String {
    let name: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-') { letter } else { '_' }).collect();
    name.trim_start_matches('.').to_owned()
}

/// The newest copies of an app in an archive, at most 1,000, one folder for each holder. Who takes them is written into the audit log.
#[utoipa::path(get, path = "/api/v1/apps/{id}/access/copies.zip", tag = "access", params(("id" = String, Path, description = "The app's id")),
    responses((status = 200, description = "A zip archive", content_type = "application/zip")))]
async fn export(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<Response> {
    archive_of(&app, actor, id).await
}

/// The archive of an app's newest copies.
pub(in crate::http) async fn archive_of(app: &App, actor: crate::mdm::Actor, id: String) -> Result<Response> {
    let taken = app.store.write(app.now(), move |tx| copies::export(tx, &actor, &id)).await?;
    let packed = tokio::task::spawn_blocking(move || archive(&taken)).await;
    let packed = packed.map_err(|panic| Error::internal("a fault in the program", panic))??;
    let headers = [(CONTENT_TYPE, "application/zip"), (CONTENT_DISPOSITION, "attachment; filename=\"copies.zip\"")];
    Ok((headers, packed).into_response())
}

/// Packs copies; each name is made of what is unique, so that none hides another.
fn archive(taken: &[(Copy, SecretBytes)]) -> Result<Vec<u8>> {
    debug_assert!(taken.len() <= EXPORT_MAX as usize);
    let failed = |error| Error::internal("the archive could not be made", error);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (copy, content) in taken {
        let name = format!("{}/{}-v{}-{}", plain(&copy.holder), plain(&copy.document), copy.version, &copy.id);
        writer.start_file(name, SimpleFileOptions::default()).map_err(failed)?;
        writer.write_all(content.expose()).map_err(|error| failed(error.into()))?;
    }
    Ok(writer.finish().map_err(failed)?.into_inner())
}
