//! What devices fetch because a declaration refers to it: profiles and the data of assets, at addresses that nobody can guess.

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
    let routes =
        Router::new().route("/ddm/{capability}/profile/{digest}", get(profile)).route("/ddm/{capability}/asset/{address}", get(asset));
    limits::group(Audience::Device, 0, routes)
}

/// A profile in the version that its address names: another one has another address.
async fn profile(State(app): State<App>, Path((capability, digest)): Path<(String, String)>) -> Result<Response> {
    let found = app.store.read_slow(app.now(), move |tx| reconcile::profile_of(tx, &capability, &digest)).await?;
    let Some(bytes) = found else { return Err(Error::not_found(t!("There is no such profile for this device."))) };
    Ok(([(CONTENT_TYPE, mobileconfig::CONTENT_TYPE), (CACHE_CONTROL, "no-store")], bytes).into_response())
}

/// The bytes of an asset: the header says exactly what its declaration says, and other bytes have another address.
async fn asset(State(app): State<App>, Path((capability, address)): Path<(String, String)>) -> Result<Response> {
    let found = app.store.read_slow(app.now(), move |tx| reconcile::asset_of(tx, &capability, &address)).await?;
    let Some((content_type, bytes)) = found else { return Err(Error::not_found(t!("There is no such asset for this device."))) };
    Ok(([(CONTENT_TYPE, content_type), (CACHE_CONTROL, String::from("no-store"))], bytes).into_response())
}
