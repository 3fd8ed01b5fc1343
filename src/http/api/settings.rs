//! `/api/v1/settings`: what an admin may change while the server runs.

use axum::Json as JsonBody;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::settings::{self, Change, Settings};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, change))
}

/// The settings.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsView {
    /// Name of the organisation, as profiles and pages show it.
    organisation: String,
    /// Name of the time zone that quiet hours go by and pages show times in; the API's own times are UTC always.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// Whether none was chosen, so that it is the machine's own.
    is_machine_time_zone: bool,
    /// The public address; it is set by `--url`.
    public_url: String,
}

fn view(app: &App, settings: Settings) -> JsonBody<SettingsView> {
    JsonBody(SettingsView {
        organisation: settings.organisation,
        time_zone: settings.time_zone.name().to_owned(),
        is_machine_time_zone: settings.is_machine_zone,
        public_url: app.public_url.clone(),
    })
}

/// The settings.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, description = "As they are", body = SettingsView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<SettingsView>> {
    let settings = app.store.read(app.now(), |tx| settings::show(tx, &actor)).await?;
    Ok(view(&app, settings))
}

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsChange {
    /// Name of the organisation.
    organisation: Option<String>,
    /// Name of a time zone, for example Europe/Berlin; empty for the machine's own.
    time_zone: Option<String>,
}

/// Change settings.
#[utoipa::path(patch, path = "/api/v1/settings", tag = "settings", request_body = SettingsChange,
    responses((status = 200, description = "As they are now", body = SettingsView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(change): Json<SettingsChange>,
) -> Result<JsonBody<SettingsView>> {
    let change = Change { organisation: change.organisation, time_zone: change.time_zone };
    let settings = app.store.write(app.now(), move |tx| settings::change(tx, &actor, &change)).await?;
    Ok(view(&app, settings))
}
