//! `/api/v1/devices/{id}/inventory`: everything that a device said of itself.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::devices;
use crate::store::enrollments;
use crate::store::inventory::{InstalledApp, InstalledCertificate, InstalledProfile};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(facts))
}

/// Everything that a device said of itself.
#[derive(Debug, Serialize, ToSchema)]
struct Facts {
    /// DeviceInformation's answers, merged.
    #[schema(value_type = Object)]
    device_information: Value,
    /// When DeviceInformation was last read.
    device_information_at: Option<Timestamp>,
    /// SecurityInfo's last answer, secrets left out.
    #[schema(value_type = Object)]
    security_info: Value,
    /// When SecurityInfo was last read.
    security_info_at: Option<Timestamp>,
    /// Apps on it.
    apps: Vec<AppView>,
    /// Configuration profiles on it.
    profiles: Vec<Profile>,
    /// Certificates on it.
    certificates: Vec<Certificate>,
}

/// An app on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledApp)]
struct AppView {
    /// Bundle identifier.
    identifier: String,
    /// Name shown to the person.
    name: String,
    /// CFBundleVersion.
    version: String,
    /// CFBundleShortVersionString.
    short_version: String,
    /// Whether it is managed.
    managed: bool,
    /// Status of ManagedApplicationList.
    state: String,
}

impl From<InstalledApp> for AppView {
    fn from(app: InstalledApp) -> Self {
        let InstalledApp { identifier, name, version, short_version, managed, state, .. } = app;
        Self { identifier, name, version, short_version, managed, state }
    }
}

/// A profile on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledProfile)]
struct Profile {
    /// PayloadIdentifier.
    identifier: String,
    /// PayloadUUID.
    uuid: String,
    /// PayloadDisplayName.
    name: String,
    /// IsManaged, where the device says it.
    managed: Option<bool>,
}

impl From<InstalledProfile> for Profile {
    fn from(profile: InstalledProfile) -> Self {
        let InstalledProfile { identifier, uuid, name, managed, .. } = profile;
        Self { identifier, uuid, name, managed }
    }
}

/// A certificate on a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledCertificate)]
struct Certificate {
    /// SHA-256 of its DER, in hexadecimal.
    fingerprint: String,
    /// CommonName.
    common_name: String,
    /// Whether the device holds its private key.
    is_identity: bool,
    /// Its end.
    not_after_at: Option<Timestamp>,
}

impl From<InstalledCertificate> for Certificate {
    fn from(certificate: InstalledCertificate) -> Self {
        let InstalledCertificate { fingerprint, common_name, is_identity, not_after_at } = certificate;
        Self { fingerprint: fingerprint.to_string(), common_name, is_identity, not_after_at }
    }
}

/// What a device has and is.
#[utoipa::path(get, path = "/api/v1/devices/{id}/inventory", tag = "devices", params(("id" = String, Path, description = "Its id or Nano id")),
    responses((status = 200, description = "As it last said", body = Facts)))]
async fn facts(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Facts>> {
    let facts = app
        .store
        .read_slow(app.now(), move |tx| {
            let device = devices::find(tx, &actor, &id)?;
            let read = |json: String| serde_json::from_str(&json).map_err(|error| Error::internal("stored facts are JSON", error));
            let channel = enrollments::device_channel(tx, &device.id)?.map(|channel| channel.id).unwrap_or_default();
            Ok(Facts {
                device_information: read(crate::store::devices::facts(tx, &device.id)?)?,
                device_information_at: device.facts_at,
                security_info: read(crate::store::devices::security(tx, &device.id)?)?,
                security_info_at: device.security_at,
                apps: crate::store::inventory::apps(tx, &channel)?.into_iter().map(AppView::from).collect(),
                profiles: crate::store::inventory::profiles(tx, &channel)?.into_iter().map(Profile::from).collect(),
                certificates: crate::store::inventory::certificates(tx, &channel)?.into_iter().map(Certificate::from).collect(),
            })
        })
        .await?;
    Ok(JsonBody(facts))
}
