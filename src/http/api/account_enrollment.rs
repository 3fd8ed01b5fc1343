//! `/api/v1/account-enrollment`: which devices people may enroll by their account, and whether those find the way here.

use std::collections::BTreeMap;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::account_domain;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::devices;
use crate::mdm::enroll::account::{self, Rules, rules};
use crate::mdm::practice::own;
use crate::protocol::service_discovery::ModelFamily;
use crate::store::Tx;
use crate::store::account_tokens::{Ownership, Shown};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, change)).routes(routes!(check)).routes(routes!(of_device)).routes(routes!(practice_devices))
}

/// Which devices people may enroll by their account.
#[utoipa::path(get, path = "/api/v1/account-enrollment", tag = "account enrollment",
    responses((status = 200, description = "As it is", body = Rules)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<Rules>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| rules::show(tx, &actor)).await?))
}

/// Whose the devices of a family are that enroll by an account.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AccountEnrollmentChoice {
    /// Nobody may enroll one.
    Off,
    /// People's own.
    Own,
    /// The organisation's.
    School,
}

impl AccountEnrollmentChoice {
    const fn ownership(self) -> Option<Ownership> {
        match self {
            Self::Off => None,
            Self::Own => Some(Ownership::Own),
            Self::School => Some(Ownership::School),
        }
    }
}

/// What is to become different; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountEnrollmentChange {
    /// For each of `iphone`, `ipad`, `mac` and `vision`, whose they are.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, AccountEnrollmentChoice>)]
    families: BTreeMap<ModelFamily, AccountEnrollmentChoice>,
    /// The group that they join; empty for none.
    #[schema(max_length = 200)]
    group: Option<String>,
}

/// Say which devices people may enroll by their account. Those that are enrolled stay as they are.
#[utoipa::path(patch, path = "/api/v1/account-enrollment", tag = "account enrollment", request_body = AccountEnrollmentChange,
    responses((status = 200, description = "As it is now", body = Rules)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(wanted): Json<AccountEnrollmentChange>,
) -> Result<JsonBody<Rules>> {
    let AccountEnrollmentChange { families, group } = wanted;
    let families = families.into_iter().map(|(family, choice)| (family, choice.ownership())).collect();
    Ok(JsonBody(app.store.write(app.now(), move |tx| rules::change(tx, &actor, rules::Change { families, group })).await?))
}

/// A domain to ask at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountDomain {
    /// The part after the @ of a Managed Apple Account of somebody here.
    #[schema(max_length = 253)]
    domain: String,
}

/// What came of asking at a domain.
#[derive(Debug, Serialize, ToSchema)]
struct AccountDomainChecked {
    /// Whether devices find the way to this server.
    good: bool,
    /// What was found, and what to do.
    words: String,
}

/// Ask at the domain of somebody's Managed Apple Account, as a device would, whether it leads here.
#[utoipa::path(post, path = "/api/v1/account-enrollment/check", tag = "account enrollment", request_body = AccountDomain,
    responses((status = 200, description = "What it answers", body = AccountDomainChecked)))]
async fn check(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(AccountDomain { domain }): Json<AccountDomain>,
) -> Result<JsonBody<AccountDomainChecked>> {
    let checked = account_domain::check(&app, &actor, &domain).await?;
    Ok(JsonBody(AccountDomainChecked { good: checked.good, words: checked.words }))
}

/// Nothing has to be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PracticeOwnDevices {}

/// What begins.
#[derive(Debug, Serialize, ToSchema)]
struct PracticeOwnDevicesBegun {
    /// How many people enroll a device of theirs who did not before.
    enrolling: usize,
}

/// Have two practice people enroll a device of their own by their account, so that one sees what is managed of such a device.
#[utoipa::path(post, path = "/api/v1/account-enrollment/practice-devices", tag = "account enrollment", request_body = PracticeOwnDevices,
    responses((status = 200, description = "They enroll", body = PracticeOwnDevicesBegun),
        (status = 409, description = "There are no practice devices, or people may not enroll iPhones and iPads as their own")))]
async fn practice_devices(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<PracticeOwnDevices>) -> Result<Answer> {
    let Post { body: PracticeOwnDevices {}, once } = post;
    let work = move |tx: &Tx| {
        once.run(tx, &actor, |tx| Answer::new(StatusCode::OK, &PracticeOwnDevicesBegun { enrolling: own::switch_on(tx, &actor)? }))
    };
    app.store.write(app.now(), work).await
}

/// How a device stands to the account by which it was enrolled.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceAccount {
    /// Who signed in.
    person_id: String,
    /// Their Managed Apple Account.
    managed_apple_id: String,
    /// Whose the device is.
    ownership: Ownership,
    /// What it shows with each request in the place of the token by which it enrolled. It is managed whatever that is.
    token: Shown,
    /// Since when; null since it enrolled.
    token_since: Option<Timestamp>,
}

/// How a device came in.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceEntry {
    /// By whose account; null where it came in another way.
    account: Option<DeviceAccount>,
}

/// By whose account a device was enrolled.
#[utoipa::path(get, path = "/api/v1/devices/{id}/account", tag = "account enrollment",
    params(("id" = String, Path, description = "The device's id, serial number, UDID or EnrollmentID")),
    responses((status = 200, description = "The account", body = DeviceEntry)))]
async fn of_device(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<DeviceEntry>> {
    let token = app
        .store
        .read(app.now(), |tx| {
            let device = devices::find(tx, &actor, &id)?;
            account::of_device(tx, &actor, &device.id)
        })
        .await?;
    let account = token.map(|token| DeviceAccount {
        person_id: token.person_id,
        managed_apple_id: token.managed_account,
        ownership: token.ownership,
        token: token.shown,
        token_since: token.shown_at,
    });
    Ok(JsonBody(DeviceEntry { account }))
}
