//! `/api/v1/devices/{id}/return-to-service`, `/api/v1/return-to-service`: devices that are erased and come back by themselves.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::commands::CommandView;
use super::super::input::Json;
use super::super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::return_to_service::prepare;
use crate::mdm::devices;
use crate::mdm::return_to_service::network::{FIELD, Network};
use crate::mdm::return_to_service::rules::{self, Rules};
use crate::mdm::{Actor, Right, return_to_service};
use crate::store::Tx;
use crate::store::returns::{self, Return};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, bring_back)).routes(routes!(show_rules, set_rules))
}

/// How a device came back, or is to.
#[derive(Debug, Serialize, ToSchema)]
struct ReturnView {
    /// Who asked for it; the device itself where its person handed it back.
    asked_by: String,
    /// When.
    asked_at: Timestamp,
    /// The CommandUUID of the erase; empty where the device asked by itself.
    command_uuid: String,
    /// The Wi-Fi network that it joins; empty for none.
    network: String,
    /// When it was erased.
    erased_at: Option<Timestamp>,
    /// When it is to be back.
    expected_at: Option<Timestamp>,
    /// When it was back.
    returned_at: Option<Timestamp>,
}

impl From<Return> for ReturnView {
    fn from(row: Return) -> Self {
        Self {
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            command_uuid: row.command_uuid,
            network: row.network,
            erased_at: row.erased_at,
            expected_at: row.expected_at,
            returned_at: row.returned_at,
        }
    }
}

fn newest(tx: &Tx, actor: &Actor, id: &str) -> Result<Return> {
    actor.require(Right::View)?;
    let none = || Error::not_found(t!("This device was never erased to come back by itself."));
    let channel = devices::channel(tx, actor, id)?;
    returns::of(tx, &channel.id)?.ok_or_else(none)
}

/// How a device last came back by itself, or is to.
#[utoipa::path(get, path = "/api/v1/devices/{id}/return-to-service", tag = "devices",
    params(("id" = String, Path, description = "Its id, serial number or UDID")),
    responses((status = 200, description = "The newest return", body = ReturnView), (status = 404, description = "There was none")))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<ReturnView>> {
    Ok(JsonBody(app.store.read(app.now(), move |tx| newest(tx, &actor, &id)).await?.into()))
}

/// By which network a device comes back: one of the two, or none for one with a cable or a mobile plan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReturnInput {
    /// A profile of the library that holds the Wi-Fi network.
    wifi_profile_id: Option<String>,
    /// A Wi-Fi profile, in base64.
    wifi_profile: Option<String>,
}

fn network(input: ReturnInput) -> Result<Network> {
    match (input.wifi_profile_id, input.wifi_profile) {
        (Some(_), Some(_)) => Err(Error::field(FIELD, t!("give it or wifi_profile_id, not both"))),
        (Some(id), None) => Ok(Network::Library(id)),
        (None, Some(text)) => {
            STANDARD.decode(text.trim()).map(Network::Given).map_err(|_| Error::field(FIELD, t!("is a profile in base64")))
        }
        (None, None) => Ok(Network::None),
    }
}

/// Erase a supervised device and have it come back by itself: it joins the network, enrolls by a profile made for it, and gets everything again.
#[utoipa::path(post, path = "/api/v1/devices/{id}/return-to-service", tag = "devices",
    params(("id" = String, Path, description = "Its id, serial number or UDID")), request_body = ReturnInput,
    responses((status = 201, description = "The erase is queued", body = CommandView),
        (status = 400, description = "The network cannot bring it back"),
        (status = 409, description = "This device cannot come back by itself, or is being erased already; the message says why")))]
async fn bring_back(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<ReturnInput>,
) -> Result<Answer> {
    let Post { body, once } = post;
    if once.has_key() {
        let (actor, once) = (actor.clone(), once.clone());
        // The device may be erased since; who asks again gets the first answer.
        if let Some(answer) = app.store.write(app.now(), move |tx| once.recall(tx, &actor)).await? {
            return Ok(answer);
        }
    }
    let (plan, profile) = prepare(&app, &actor, &id, network(body)?).await?;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| {
            let queued = return_to_service::erase(tx, &actor, &plan, profile)?;
            Answer::new(StatusCode::CREATED, &CommandView::from(queued))
        })
    };
    app.store.write(app.now(), work).await
}

/// What devices are told that are handed back at the device itself.
#[utoipa::path(get, path = "/api/v1/return-to-service", tag = "setup assistant",
    responses((status = 200, description = "As they are", body = Rules)))]
async fn show_rules(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Rules>> {
    Ok(JsonBody(app.store.read(app.now(), move |tx| rules::show(tx, &actor)).await?))
}

/// Say what devices are told that are handed back at the device itself.
#[utoipa::path(put, path = "/api/v1/return-to-service", tag = "setup assistant", request_body = Rules,
    responses((status = 200, description = "As they are now", body = Rules), (status = 400, description = "There is no such Wi-Fi profile")))]
async fn set_rules(State(app): State<App>, Authenticated(actor): Authenticated, Json(wanted): Json<Rules>) -> Result<JsonBody<Rules>> {
    let set = move |tx: &Tx| {
        rules::set(tx, &actor, &wanted)?;
        Ok(wanted)
    };
    Ok(JsonBody(app.store.write(app.now(), set).await?))
}
