//! What devices fetch to install apps of the house: manifests and packages, at addresses that nobody can guess.

use std::fs::File;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED, RANGE,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::error::{Audience, as_it_is};
use super::file_body::FileBody;
use super::limits;
use super::log::note_enrollment;
use super::range::{Known, Part, moment, part};
use crate::app::App;
use crate::error::{Error, Result};
use crate::mdm::packages::{self, Given};
use crate::protocol::manifest;

/// A package never changes under its address.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// The addresses of packages: `/packages/<app>/<capability>/manifest.plist` and `/packages/<capability>/<sha256>/<file>`.
pub(super) fn routes() -> Router<App> {
    limits::group(Audience::Device, 0, Router::new().route("/packages/{one}/{other}/{file}", get(any)))
}

async fn any(
    State(app): State<App>,
    Path((one, other, file)): Path<(String, String, String)>,
    method: Method,
    mut headers: HeaderMap,
) -> Result<Response> {
    if method != Method::GET {
        // RFC 9110, 14.2: a range is a matter of GET alone.
        headers.remove(RANGE);
    }
    match file.as_str() {
        // No package is called so.
        packages::MANIFEST => manifest(&app, one, other).await,
        packages::ICON => icon(&app, one, other).await,
        _ => package(&app, one, other, &file, &headers).await,
    }
}

fn nothing() -> Error {
    Error::not_found(t!("There is no such package for this device."))
}

/// The manifest of the version that is meant for the device now; another one may be tomorrow.
async fn manifest(app: &App, app_id: String, capability: String) -> Result<Response> {
    let own = app.public_url.clone();
    let found = app.store.read_slow(app.now(), move |tx| packages::manifest(tx, &app_id, &capability, &own)).await?;
    let bytes = found.ok_or_else(nothing)?;
    Ok(([(CONTENT_TYPE, manifest::CONTENT_TYPE), (CACHE_CONTROL, "no-store")], bytes).into_response())
}

async fn icon(app: &App, capability: String, sha256: String) -> Result<Response> {
    let found = app
        .store
        .read_slow(app.now(), move |tx| match packages::given(tx, &capability, &sha256)? {
            Some(given) => packages::icon(tx, &given.package.id),
            None => Ok(None),
        })
        .await?;
    Ok(([(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, FOR_EVER)], found.ok_or_else(nothing)?).into_response())
}

async fn package(app: &App, capability: String, sha256: String, name: &str, headers: &HeaderMap) -> Result<Response> {
    let found = app.store.read(app.now(), move |tx| packages::given(tx, &capability, &sha256)).await?;
    let Given { package, enrollment_id } = found.filter(|given| given.package.file_name == name).ok_or_else(nothing)?;
    if let Some(id) = enrollment_id {
        note_enrollment(id);
    }
    let (files, sha256) = (app.packages.clone(), package.sha256.clone());
    let opened = tokio::task::spawn_blocking(move || files.open(&sha256)).await;
    let opened = opened.map_err(|panic| Error::internal("a fault in the program", panic))??;
    let file = opened.ok_or_else(|| {
        Error::new(crate::error::Kind::Busy, t!("The file of a package is not in the data folder; restore it from a backup."))
    })?;
    let known =
        Known { tag: format!("\"{}\"", package.sha256), modified_at: package.created_at, length: package.size_bytes.max(0).unsigned_abs() };
    Ok(answer(headers, &known, file, name))
}

/// A file, or the part of it that is asked for.
fn answer(asked: &HeaderMap, known: &Known, file: File, name: &str) -> Response {
    let about = [
        (ETAG, known.tag.clone()),
        (LAST_MODIFIED, moment(known.modified_at)),
        (ACCEPT_RANGES, String::from("bytes")),
        (CACHE_CONTROL, String::from(FOR_EVER)),
    ];
    let (from, to, status) = match part(asked, known) {
        Part::Whole => (0, known.length, StatusCode::OK),
        Part::Bytes(from, to) => (from, to, StatusCode::PARTIAL_CONTENT),
        Part::NotModified => return (StatusCode::NOT_MODIFIED, about).into_response(),
        Part::Changed => return as_it_is(StatusCode::PRECONDITION_FAILED.into_response()),
        Part::BehindTheEnd => {
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, format!("bytes */{}", known.length))]).into_response();
        }
    };
    let mut response = (status, about, Body::new(FileBody::new(file, from, to))).into_response();
    let headers = response.headers_mut();
    let mut set = |name, text: String| {
        // What is written here is made of digits and of letters that a file's name was reduced to.
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    set(CONTENT_TYPE, String::from("application/octet-stream"));
    set(CONTENT_LENGTH, (to - from).to_string());
    set(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    if status == StatusCode::PARTIAL_CONTENT {
        set(CONTENT_RANGE, t!("bytes {from}-{to}/{length}", from, to = to - 1, length = known.length));
    }
    response
}
