//! `/api/v1/devices/{id}/users`: the people who share a device, and how a Shared iPad divides itself among them.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::commands::CommandView;
use super::super::input::{Json, Query};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Actor;
use crate::mdm::device_users::{self, Sharing};
use crate::protocol::report::device::DeviceUser;
use crate::store::Tx;
use crate::store::commands::Command;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, delete_all)).routes(routes!(delete)).routes(routes!(log_out)).routes(routes!(sharing, share))
}

/// Somebody who has an account on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceUser)]
struct UserView {
    /// The account's name; on a Shared iPad the Managed Apple Account.
    user_name: String,
    /// The person's name, where the device says it.
    full_name: Option<String>,
    /// Whether they are logged in.
    is_logged_in: Option<bool>,
    /// Whether work of theirs has not reached iCloud yet (Shared iPad).
    has_data_to_sync: Option<bool>,
    /// Bytes that they use (Shared iPad).
    data_used_bytes: Option<i64>,
    /// Bytes that they may use (Shared iPad).
    data_quota_bytes: Option<i64>,
    /// Whether they hold a secure token (Mac).
    has_secure_token: Option<bool>,
}

impl From<DeviceUser> for UserView {
    fn from(user: DeviceUser) -> Self {
        let DeviceUser {
            user_name, full_name, is_logged_in, has_data_to_sync, data_used_bytes, data_quota_bytes, has_secure_token, ..
        } = user;
        Self { user_name, full_name, is_logged_in, has_data_to_sync, data_used_bytes, data_quota_bytes, has_secure_token }
    }
}

/// Everybody who has an account on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceUsers)]
struct Users {
    /// By the name of the account.
    items: Vec<UserView>,
    /// When the device said so; null where it never did.
    read_at: Option<Timestamp>,
}

/// Whether something may be lost.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Force {
    /// Whether also work may be lost that has not reached iCloud yet.
    force: bool,
}

async fn order(app: &App, work: impl FnOnce(&Tx) -> Result<Command> + Send + 'static) -> Result<(StatusCode, JsonBody<CommandView>)> {
    let queued = app.store.write(app.now(), work).await?;
    Ok((StatusCode::ACCEPTED, JsonBody(queued.into())))
}

/// Who has an account on a device.
#[utoipa::path(get, path = "/api/v1/devices/{id}/users", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "As it last said", body = Users)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Users>> {
    let (users, read_at) = app.store.read(app.now(), move |tx| device_users::list(tx, &actor, &id)).await?;
    Ok(JsonBody(Users { items: users.into_iter().map(UserView::from).collect(), read_at }))
}

/// Deletes somebody's account, with what they made on the device.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/users/{user_name}", tag = "devices",
    params(("id" = String, Path, description = "Its id or Nano id"), ("user_name" = String, Path, description = "The account's name"), Force),
    responses((status = 202, description = "The command is in the queue", body = CommandView), (status = 404, description = "The device said of no such account"),
              (status = 409, description = "They are logged in, or have work that is only there")))]
async fn delete(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, user_name)): Path<(String, String)>,
    Query(Force { force }): Query<Force>,
) -> Result<(StatusCode, JsonBody<CommandView>)> {
    order(&app, move |tx| device_users::delete(tx, &actor, &id, &user_name, force)).await
}

/// Deletes every account of a Shared iPad.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/users", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id"), Force),
    responses((status = 202, description = "The command is in the queue", body = CommandView),
              (status = 409, description = "Some have work that is only there, or the system is too old")))]
async fn delete_all(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(Force { force }): Query<Force>,
) -> Result<(StatusCode, JsonBody<CommandView>)> {
    order(&app, move |tx| device_users::delete_all(tx, &actor, &id, force)).await
}

/// Logs out whoever uses a Shared iPad.
#[utoipa::path(post, path = "/api/v1/devices/{id}/users/log-out", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 202, description = "The command is in the queue", body = CommandView), (status = 409, description = "It is no Shared iPad")))]
async fn log_out(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
) -> Result<(StatusCode, JsonBody<CommandView>)> {
    order(&app, move |tx| device_users::log_out(tx, &actor, &id)).await
}

/// How a Shared iPad divides itself.
#[utoipa::path(get, path = "/api/v1/devices/{id}/sharing", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "As it last said", body = Sharing), (status = 404, description = "It is no Shared iPad")))]
async fn sharing(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Sharing>> {
    let found = app.store.read(app.now(), move |tx: &Tx| said(tx, &actor, &id)).await?;
    Ok(JsonBody(found))
}

fn said(tx: &Tx, actor: &Actor, id: &str) -> Result<Sharing> {
    device_users::sharing(tx, actor, id)?.ok_or_else(|| crate::error::Error::not_found(t!("This is no Shared iPad, as far as it said.")))
}

/// Has a Shared iPad divide itself otherwise; what is absent stays as it is.
#[utoipa::path(put, path = "/api/v1/devices/{id}/sharing", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    request_body = Sharing, responses((status = 202, description = "The command is in the queue", body = CommandView),
                                     (status = 400, description = "A value that no Shared iPad takes, or that its system does not have")))]
async fn share(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(wanted): Json<Sharing>,
) -> Result<(StatusCode, JsonBody<CommandView>)> {
    order(&app, move |tx| device_users::share(tx, &actor, &id, &wanted)).await
}
