//! `/api/v1/moves/export`: what another server is to be told of the devices of this one.

use axum::Json as JsonBody;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::api::input::Json;
use crate::http::api::list::no_cursor;
use crate::http::auth::Authenticated;
use crate::mdm::moves::export::{self, DEVICES_MAX};

/// What is to be told to another server.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportInput {
    /// Whether unlock and bootstrap tokens are in it; that is noted for each device.
    #[serde(default)]
    secrets: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// Devices on a page.
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A check-in for another server.
#[derive(Debug, Serialize, ToSchema)]
struct ExportedView {
    /// The enrollment that it is of.
    id: String,
    /// Authenticate, TokenUpdate or SetBootstrapToken.
    message_type: &'static str,
    /// The property list, in base64.
    message: String,
}

/// Check-ins for another server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportView {
    /// In the order in which they are to be sent.
    items: Vec<ExportedView>,
    /// What to give as `after` for the next page; null on the last one.
    next: Option<String>,
    /// Devices in all pages together.
    total: u64,
    /// Enrollments that cannot be pushed to, so that there is nothing to tell another server.
    left_out: Vec<String>,
}

/// Check-ins by which any server of the Nano world knows the devices of this one; an Owner's right. They are put to its `/migration` in their order.
#[utoipa::path(post, path = "/api/v1/moves/export", tag = "moving in and out", request_body = ExportInput,
    responses((status = 200, description = "Check-ins of some devices", body = ExportView)))]
pub(super) async fn export(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<ExportInput>,
) -> Result<JsonBody<ExportView>> {
    let (secrets, limit) = (input.secrets, input.limit.unwrap_or(DEVICES_MAX));
    if !(1..=DEVICES_MAX).contains(&limit) {
        return Err(Error::field("limit", t!("take a number from 1 to {DEVICES_MAX}", DEVICES_MAX)));
    }
    let after = input.after.unwrap_or_default();
    if !after.is_empty() && Uuid::parse_str(&after).is_err() {
        return Err(no_cursor());
    }
    let page = app.store.write(app.now(), move |tx| export::page(tx, &actor, secrets, &after, limit)).await?;
    let view = |message: export::Message| ExportedView {
        id: message.nano_id,
        message_type: message.message_type,
        message: STANDARD.encode(message.body.expose()),
    };
    Ok(JsonBody(ExportView {
        items: page.messages.into_iter().map(view).collect(),
        next: page.next,
        total: page.total.unsigned_abs(),
        left_out: page.without_tokens,
    }))
}
