//! `/api/v1/devices/{id}/wanted`: what a device is to have, how each of it stands, and what it cannot have.

use axum::Json as JsonBody;
use axum::extract::{Path, State};

use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::devices;
use crate::mdm::reconcile::{self, Standings};
use crate::store::enrollments;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(wanted))
}

/// What a device is to have by the groups it is in, how each of it stands and why it waits, and what it cannot have.
#[utoipa::path(get, path = "/api/v1/devices/{id}/wanted", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "Wanted, seen, waiting", body = Standings)))]
async fn wanted(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Standings>> {
    let standings = app
        .store
        .read_slow(app.now(), move |tx| {
            let device = devices::find(tx, &actor, &id)?;
            match enrollments::device_channel(tx, &device.id)? {
                Some(channel) => reconcile::of_device(tx, &channel),
                None => Ok(Standings::default()),
            }
        })
        .await?;
    Ok(JsonBody(standings))
}
