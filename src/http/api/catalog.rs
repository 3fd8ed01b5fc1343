//! `/api/v1/catalog`: how the page looks at which people at devices choose apps, and the link of one device.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::catalog::{self, Catalog};
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, set)).routes(routes!(end_links)).routes(routes!(of_device))
}

/// How the catalogue looks, and which devices get its icon.
#[utoipa::path(get, path = "/api/v1/catalog", tag = "catalog", responses((status = 200, description = "As it is", body = Catalog)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Catalog>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| catalog::show(tx, &actor)).await?))
}

/// Change the catalogue; what is left out is as at first. Devices follow.
#[utoipa::path(put, path = "/api/v1/catalog", tag = "catalog", request_body = Catalog,
    responses((status = 200, description = "As it is now", body = Catalog)))]
async fn set(State(app): State<App>, Authenticated(actor): Authenticated, Json(wanted): Json<Catalog>) -> Result<JsonBody<Catalog>> {
    Ok(JsonBody(app.store.write(app.now(), move |tx| catalog::set(tx, &actor, wanted)).await?))
}

/// An empty object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CatalogNothing {}

/// End every link at once. Icons on Home Screens are made anew by themselves.
#[utoipa::path(post, path = "/api/v1/catalog/end-links", tag = "catalog", request_body = CatalogNothing,
    responses((status = 200, description = "As it is", body = Catalog)))]
async fn end_links(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<CatalogNothing>) -> Result<Answer> {
    let Post { body: CatalogNothing {}, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            catalog::renew_all(tx, &actor)?;
            Answer::new(StatusCode::OK, &catalog::appearance(tx)?)
        })
    };
    app.store.write(app.now(), work).await
}

/// The link of one device's catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct CatalogLink {
    /// Whoever has it can choose apps for this device.
    url: String,
    /// When it ends.
    ends_at: Timestamp,
}

/// The link of a device's catalogue.
#[utoipa::path(get, path = "/api/v1/devices/{id}/catalog", tag = "catalog",
    params(("id" = String, Path, description = "The device's id, serial number or UDID")),
    responses((status = 200, description = "The link", body = CatalogLink)))]
async fn of_device(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<CatalogLink>> {
    let link = app.store.write(app.now(), move |tx| catalog::of_device(tx, &actor, &id)).await?;
    let link = link.ok_or_else(|| Error::not_found(t!("This device is not enrolled, so it has no catalogue.")))?;
    Ok(JsonBody(CatalogLink { url: format!("{}/catalog/{}", app.public_url, link.capability), ends_at: link.ends_at }))
}
