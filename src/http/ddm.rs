//! What devices fetch because a declaration refers to it: profiles, at addresses that nobody can guess.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::error::Audience;
use crate::http::limits;
use crate::mdm::reconcile;
use crate::protocol::mobileconfig;

/// The addresses of declarations' data.
pub(super) fn routes() -> Router<App> {
    limits::group(Audience::Device, 0, Router::new().route("/ddm/{capability}/profile/{digest}", get(profile)))
}

/// A profile in the version that its address names: another one has another address.
async fn profile(State(app): State<App>, Path((capability, digest)): Path<(String, String)>) -> Result<Response> {
    let found = app.store.read_slow(app.now(), move |tx| reconcile::profile_of(tx, &capability, &digest)).await?;
    let Some(bytes) = found else { return Err(Error::not_found("There is no such profile for this device.")) };
    Ok(([(CONTENT_TYPE, mobileconfig::CONTENT_TYPE), (CACHE_CONTROL, "no-store")], bytes).into_response())
}
