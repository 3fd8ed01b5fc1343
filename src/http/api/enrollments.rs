//! `/api/v1/enrollments`: the relations of devices, and of users on them, to this server.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::devices;
use crate::protocol::ids::EnrollmentKind;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations::Entry;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(enrollments_of)).routes(routes!(enrollment))
}

/// An enrollment: the relation of a device, or of one user on it, to this server.
#[derive(Debug, Serialize, ToSchema)]
struct EnrollmentView {
    /// UUIDv7.
    id: String,
    /// The device.
    device_id: String,
    /// Of a user's channel: the device's own.
    parent_id: Option<String>,
    /// UDID, UDID:UserID, EnrollmentID …
    nano_id: String,
    /// Which of the kinds it is.
    kind: EnrollmentKind,
    /// UserShortName.
    user_short_name: String,
    /// Where it stands.
    state: EnrollmentState,
    /// Grows with each real re-enrollment.
    generation: i64,
    /// Push topic.
    topic: String,
    /// Whether it can be pushed to.
    push_ready: bool,
    /// Why the last push failed.
    push_error: String,
    /// By which door it came in.
    entry: Entry,
    /// When it enrolled.
    enrolled_at: Option<Timestamp>,
    /// When it was last heard of.
    last_seen_at: Option<Timestamp>,
}

impl From<Enrollment> for EnrollmentView {
    fn from(enrollment: Enrollment) -> Self {
        Self {
            push_ready: enrollment.has_push_token && enrollment.push_dead_at.is_none(),
            id: enrollment.id,
            device_id: enrollment.device_id,
            parent_id: enrollment.parent_id,
            nano_id: enrollment.nano_id,
            kind: enrollment.kind,
            user_short_name: enrollment.user_short_name,
            state: enrollment.state,
            generation: enrollment.generation,
            topic: enrollment.topic,
            push_error: enrollment.push_error,
            entry: enrollment.entry,
            enrolled_at: enrollment.enrolled_at,
            last_seen_at: enrollment.last_seen_at,
        }
    }
}

/// The channels of a device, its own first.
#[utoipa::path(get, path = "/api/v1/devices/{id}/enrollments", tag = "enrollments", params(("id" = String, Path, description = "The device's id or Nano id")),
    responses((status = 200, description = "Its channels", body = Vec<EnrollmentView>)))]
async fn enrollments_of(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<Vec<EnrollmentView>>> {
    let channels = app
        .store
        .read(app.now(), |tx| {
            let device = devices::find(tx, &actor, &id)?;
            enrollments::of_device(tx, &device.id)
        })
        .await?;
    Ok(JsonBody(channels.into_iter().map(EnrollmentView::from).collect()))
}

/// One enrollment.
#[utoipa::path(get, path = "/api/v1/enrollments/{id}", tag = "enrollments", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "The enrollment", body = EnrollmentView)))]
async fn enrollment(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<JsonBody<EnrollmentView>> {
    let enrollment = app.store.read(app.now(), |tx| devices::find_enrollment(tx, &actor, &id)).await?;
    Ok(JsonBody(enrollment.into()))
}
