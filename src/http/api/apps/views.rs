//! What callers see of apps.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::{Timestamp, Zone};
use crate::mdm::apps::{Overview, Settings, words};
use crate::mdm::licences::Seats;
use crate::store::app_states::{AppState, Feedback, OnDevice, Stage};
use crate::store::apps::AppKind;
use crate::store::assignments::{AssignedMode, Assignment};
use crate::store::deployments::Mechanism;

/// Licences of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppLicences {
    /// How many there are; null where there is no end to them.
    owned: Option<u32>,
    /// How many are held.
    used: u32,
    /// How many are on their way to somebody.
    reserved: u32,
    /// How many are free; null where there is no end to them.
    free: Option<u32>,
    /// How many more are wanted than there are.
    short_by: u32,
}

impl From<Seats> for AppLicences {
    fn from(seats: Seats) -> Self {
        Self { owned: seats.owned, used: seats.in_use, reserved: seats.reserved, free: seats.free, short_by: seats.short }
    }
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppView {
    /// UUIDv7.
    id: String,
    /// Where it comes from.
    kind: AppKind,
    /// Its number in the App Store.
    adam_id: Option<String>,
    /// Bundle identifier, of a package the package identifier; empty until the store or a device told it.
    bundle_id: String,
    /// What people call it.
    name: String,
    /// What it is for.
    note: String,
    /// Platforms that it runs on; empty where that is not known.
    platforms: Vec<String>,
    /// What the store or the package says of it.
    #[schema(value_type = Object)]
    facts: Value,
    /// When that was said.
    facts_at: Option<Timestamp>,
    /// How it is managed.
    settings: Settings,
    /// Whether it has a configuration.
    configured: bool,
    /// The groups that it is assigned to.
    groups: Vec<AppGroup>,
    /// How many devices are at each stage.
    stages: BTreeMap<String, u64>,
    /// The ledger's numbers; null where no licence of it is known.
    licences: Option<AppLicences>,
    /// Counts what devices are to learn of.
    revision: i64,
    /// When it was added.
    created_at: Timestamp,
    /// When it was last changed.
    changed_at: Timestamp,
}

impl From<Overview> for AppView {
    fn from(found: Overview) -> Self {
        let app = found.app;
        Self {
            platforms: serde_json::from_str(&app.platforms).unwrap_or_default(),
            facts: serde_json::from_str(&app.facts).unwrap_or_default(),
            id: app.id,
            kind: app.kind,
            adam_id: app.adam_id,
            bundle_id: app.bundle_id,
            name: app.name,
            note: app.note,
            facts_at: app.facts_at,
            settings: found.settings,
            configured: found.is_configured,
            groups: found.assignments.into_iter().map(AppGroup::from).collect(),
            stages: found.counts.into_iter().map(|(stage, count)| (stage.to_string(), count)).collect(),
            licences: found.seats.map(AppLicences::from),
            revision: app.revision,
            created_at: app.created_at,
            changed_at: app.changed_at,
        }
    }
}

/// A group that an app is assigned to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppGroup {
    /// The group.
    group_id: String,
    /// Whether it is installed, or may be asked for.
    mode: AssignedMode,
    /// When it goes by itself; null for never.
    ends_at: Option<Timestamp>,
    /// Who assigned it.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl From<Assignment> for AppGroup {
    fn from(row: Assignment) -> Self {
        let Assignment { group_id, mode, ends_at, created_by, created_at, .. } = row;
        Self { group_id, mode, ends_at, created_by, created_at }
    }
}

/// How an app stands on a device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppStateView {
    /// The app.
    app_id: String,
    /// What people call it.
    name: String,
    /// Its identifier; empty until that is known.
    bundle_id: String,
    /// How it comes.
    mechanism: Mechanism,
    /// Whether it is installed, or may be asked for.
    mode: AssignedMode,
    /// Where it is on its way.
    stage: Stage,
    /// That in words.
    words: String,
    /// Since when.
    since_at: Timestamp,
    /// Why it stands so; empty where there is nothing to say.
    because: String,
    /// What ends or changes that; empty where there is nothing to say.
    remedy: String,
    /// The version that is there, as people call it, of the house's apps with the build where that is another: `1.10 (2)`; empty where it is not known.
    version: String,
    /// The App Store's number of that version.
    external_version_id: Option<i64>,
    /// When it is tried again, where it is.
    retry_at: Option<Timestamp>,
    /// When somebody asked for it.
    asked_at: Option<Timestamp>,
}

impl From<AppState> for AppStateView {
    fn from(row: AppState) -> Self {
        let (because, remedy) = words::because(&row, &Zone::default());
        Self {
            words: words::stage(&row),
            because,
            remedy,
            version: words::version(&row),
            app_id: row.app_id,
            name: row.name,
            bundle_id: row.bundle_id,
            mechanism: row.mechanism,
            mode: row.mode,
            stage: row.stage,
            since_at: row.stage_at,
            external_version_id: row.external_version,
            retry_at: row.due_at,
            asked_at: row.asked_at,
        }
    }
}

/// A device, and how an app stands on it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppOnDevice {
    /// The device.
    device_id: String,
    /// Its name.
    device_name: String,
    /// Its serial number.
    serial_number: Option<String>,
    /// How the app stands there.
    state: AppStateView,
}

impl From<OnDevice> for AppOnDevice {
    fn from(row: OnDevice) -> Self {
        Self { device_id: row.device_id, device_name: row.device_name, serial_number: row.serial_number, state: row.state.into() }
    }
}

/// What an app said of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppFeedback {
    /// The app's bundle identifier.
    bundle_id: String,
    /// What it said, any JSON; null where it said nothing.
    #[schema(value_type = Object)]
    content: Option<Value>,
    /// When that was read.
    read_at: Timestamp,
}

impl From<Feedback> for AppFeedback {
    fn from(row: Feedback) -> Self {
        let content = row.content.and_then(|content| serde_json::from_str(&content).ok());
        Self { bundle_id: row.bundle_id, content, read_at: row.read_at }
    }
}
