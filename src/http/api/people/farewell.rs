//! `/api/v1/people/{id}/farewell`: somebody leaves, in one step.

use std::collections::BTreeMap;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::once::{Answer, Post};
use super::PersonView;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Actor;
use crate::mdm::admins::leaver::LogIn;
use crate::mdm::people::farewell::{self, Fate, LeftBehind, Progress};
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, say))
}

/// What would follow if a person left now, and what followed when they did.
#[derive(Debug, Serialize, ToSchema)]
struct FarewellView {
    /// The person.
    person: PersonView,
    /// Licences of apps that go back.
    licences: u64,
    /// Their own devices, which are told to leave, by name.
    own_devices: Vec<String>,
    /// Installations of apps that are told to erase what they hold: the app, and where.
    erased: Vec<String>,
    /// The devices of the organisation that they have; a farewell says what becomes of each.
    devices: Vec<LeftBehind>,
    /// With which names they log in here. A farewell ends these too, but for those that say why they stay.
    log_ins: Vec<LogIn>,
    /// What was asked when they left, and how far it is; null while they are here.
    said: Option<SaidView>,
}

/// A farewell that was said.
#[derive(Debug, Serialize, ToSchema)]
struct SaidView {
    /// When.
    at: Timestamp,
    /// By whom.
    by: String,
    /// Licences that went back.
    licences: u64,
    /// Their own devices that were told to leave, by name.
    own_devices: Vec<String>,
    /// The other devices that they had.
    devices: Vec<Progress>,
    /// With which names they logged in here; what says why it stays works still.
    log_ins: Vec<LogIn>,
}

fn view(tx: &Tx, actor: &Actor, id: &str) -> Result<FarewellView> {
    let farewell::Farewell { person, leaving, devices, log_ins } = farewell::farewell(tx, actor, id)?;
    let said = farewell::said(tx, actor, id)?.map(|farewell::Said { at, by, licences, own_devices, devices, log_ins }| SaidView {
        at,
        by,
        licences,
        own_devices,
        devices,
        log_ins,
    });
    Ok(FarewellView {
        person: person.into(),
        licences: leaving.licences,
        own_devices: leaving.devices,
        erased: leaving.erased.iter().map(|one| t!("{app} on {whose}", app = one.app, whose = one.whose)).collect(),
        devices,
        log_ins,
        said,
    })
}

/// What would follow if a person left now; and, once they have, how far everything is.
#[utoipa::path(get, path = "/api/v1/people/{id}/farewell", tag = "people", params(("id" = String, Path, description = "Their id")),
    responses((status = 200, description = "Nothing is changed by asking", body = FarewellView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<FarewellView>> {
    Ok(JsonBody(app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id)).await?))
}

/// What becomes of the devices of a person who leaves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FarewellInput {
    /// Every device of the organisation that they have, by id; empty where they have none.
    #[serde(default)]
    #[schema(max_items = 1000)]
    devices: Vec<FateInput>,
}

/// What becomes of one device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FateInput {
    /// The device's id.
    device_id: String,
    /// What becomes of it.
    then: Fate,
}

impl FarewellInput {
    fn fates(self) -> Result<BTreeMap<String, Fate>> {
        let mut fates = BTreeMap::new();
        for FateInput { device_id, then } in self.devices {
            if fates.insert(device_id.clone(), then).is_some() {
                return Err(Error::field("devices", t!("{device_id} stands there twice; name it once", device_id)));
            }
        }
        Ok(fates)
    }
}

/// Let a person go: they are not active any more, their licences go back, their own devices are told to leave, and every device of the organisation
/// that they have is handed on without its passcode, erased, or kept as it is. Names with which they log in here are disabled where an Owner asks.
#[utoipa::path(post, path = "/api/v1/people/{id}/farewell", tag = "people", params(("id" = String, Path, description = "Their id")),
    request_body = FarewellInput, responses((status = 202, description = "Asked of everything; ask again for how far it is", body = FarewellView),
        (status = 409, description = "They are not active any more")))]
async fn say(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    post: Post<FarewellInput>,
) -> Result<Answer> {
    let Post { body, once } = post;
    let fates = body.fates()?;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                farewell::say_farewell(tx, &actor, &id, &fates)?;
                Answer::new(StatusCode::ACCEPTED, &view(tx, &actor, &id)?)
            })
        })
        .await
}
