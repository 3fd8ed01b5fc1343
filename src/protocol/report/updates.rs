//! Reads the answers to the update commands that OS 26 and earlier have.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Report;
use crate::clock::Timestamp;
use crate::protocol::error_chain::{self, ChainedError};
use crate::protocol::plist::{Dictionary, Value, fields};

/// An update that a device has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AvailableUpdate {
    /// By which ScheduleOSUpdate names it.
    pub product_key: String,
    /// The name that people see.
    pub name: String,
    /// For example `18.7.2`; some Macs send a space.
    pub version: Option<String>,
    /// For example `22H123`.
    pub build: Option<String>,
    /// Bytes.
    pub download_size_bytes: Option<i64>,
    /// Bytes.
    pub install_size_bytes: Option<i64>,
    /// Whether Apple calls it critical.
    pub is_critical: bool,
    /// Whether it is a new major release.
    pub is_major: bool,
    /// Whether it is only data of the system, such as malware definitions.
    pub is_config_data: bool,
    /// Whether it is a rapid security response.
    pub is_security_response: bool,
    /// Whether the device restarts for it.
    pub restart_required: bool,
    /// Whether the Mac needs its bootstrap token for it.
    pub requires_bootstrap_token: bool,
    /// Until when a deferral hides it.
    pub deferred_until: Option<Timestamp>,
}

/// Reads AvailableOSUpdates; none where the report has none. An empty list means up to date, or that the search failed.
pub fn available(report: &Report) -> Option<Vec<AvailableUpdate>> {
    let list = report.values.get("AvailableOSUpdates")?.as_array()?;
    Some(list.iter().filter_map(Value::as_dictionary).map(read_available).collect())
}

fn read_available(update: &Dictionary) -> AvailableUpdate {
    let text = |key| fields::filled(update, key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let flag = |key| fields::flag(update, key).unwrap_or_default();
    AvailableUpdate {
        product_key: text("ProductKey").unwrap_or_default(),
        name: text("HumanReadableName").or_else(|| text("ProductName")).unwrap_or_default(),
        version: text("Version"),
        build: text("Build"),
        download_size_bytes: fields::whole(update, "DownloadSize"),
        install_size_bytes: fields::whole(update, "InstallSize"),
        is_critical: flag("IsCritical"),
        is_major: flag("IsMajorOSUpdate"),
        is_config_data: flag("IsConfigDataUpdate"),
        is_security_response: flag("IsSecurityResponse"),
        restart_required: flag("RestartRequired"),
        requires_bootstrap_token: flag("RequiresBootstrapToken"),
        deferred_until: fields::moment(update, "DeferredUntil"),
    }
}

/// What became of one update of ScheduleOSUpdate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduledUpdate {
    /// Which update.
    pub product_key: String,
    /// What the device does, which may differ from what was asked.
    pub install_action: String,
    /// How far it is, for example `Downloading` or `InstallInsufficientPower`.
    pub status: String,
    /// Why not.
    pub error_chain: Vec<ChainedError>,
}

/// Reads the answer to ScheduleOSUpdate.
pub fn scheduled(report: &Report) -> Vec<ScheduledUpdate> {
    let text = |update: &Dictionary, key| fields::filled(update, key).unwrap_or_default();
    let read = |update: &Dictionary| ScheduledUpdate {
        product_key: text(update, "ProductKey"),
        install_action: text(update, "InstallAction"),
        status: text(update, "Status"),
        error_chain: error_chain::read(update),
    };
    fields::dictionaries(&report.values, "UpdateResults").map(read).collect()
}

/// How far an update is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpdateStatus {
    /// Which update.
    pub product_key: String,
    /// Whether it is downloaded.
    pub is_downloaded: bool,
    /// 0 to 1.
    pub download_fraction: Option<f64>,
    /// `Idle`, `Downloading` or `Installing`.
    pub status: String,
    /// When the Mac tries next.
    pub next_scheduled_install: Option<Timestamp>,
}

/// Reads OSUpdateStatus.
pub fn statuses(report: &Report) -> Vec<UpdateStatus> {
    let read = |update: &Dictionary| UpdateStatus {
        product_key: fields::filled(update, "ProductKey").unwrap_or_default(),
        is_downloaded: fields::flag(update, "IsDownloaded").unwrap_or_default(),
        download_fraction: fields::real(update, "DownloadPercentComplete"),
        status: fields::filled(update, "Status").unwrap_or_default(),
        next_scheduled_install: fields::moment(update, "NextScheduledInstall"),
    };
    fields::dictionaries(&report.values, "OSUpdateStatus").map(read).collect()
}
