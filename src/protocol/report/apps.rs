//! Reads the lists of installed and managed apps, and what became of an installation.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Report;
use crate::protocol::plist::{self, Dictionary, Value, fields};
use crate::secret::Secret;

/// An app that a device has.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InstalledApp {
    /// The bundle identifier; a Mac leaves it empty for some bundles.
    pub identifier: String,
    /// The name on the home screen.
    pub name: String,
    /// CFBundleVersion.
    pub version: String,
    /// CFBundleShortVersionString, what people call the version.
    pub short_version: String,
    /// Bytes of the app itself.
    pub bundle_size_bytes: Option<i64>,
    /// Bytes of its data.
    pub dynamic_size_bytes: Option<i64>,
    /// The App Store's number of this version.
    pub external_version_identifier: Option<i64>,
    /// Whether the App Store has a newer version.
    pub has_update_available: Option<bool>,
    /// Whether it is being installed.
    pub installing: Option<bool>,
    /// Whether an in-house app's provisioning profile is trusted.
    pub is_validated: Option<bool>,
    /// Whether it was licensed to the device.
    pub device_based_vpp: Option<bool>,
    /// Everything the device said of it, as JSON.
    pub details: Map<String, Json>,
}

/// Reads InstalledApplicationList; none where the report has none.
pub fn installed(report: &Report) -> Option<Vec<InstalledApp>> {
    let list = report.values.get("InstalledApplicationList")?.as_array()?;
    Some(list.iter().filter_map(Value::as_dictionary).map(read_installed).collect())
}

fn read_installed(app: &Dictionary) -> InstalledApp {
    let text = |key| fields::filled(app, key).unwrap_or_default();
    InstalledApp {
        identifier: text("Identifier"),
        name: text("Name"),
        version: text("Version"),
        short_version: text("ShortVersion"),
        bundle_size_bytes: fields::whole(app, "BundleSize"),
        dynamic_size_bytes: fields::whole(app, "DynamicSize"),
        external_version_identifier: fields::whole(app, "ExternalVersionIdentifier"),
        has_update_available: fields::flag(app, "HasUpdateAvailable"),
        installing: fields::flag(app, "Installing"),
        is_validated: fields::flag(app, "IsValidated"),
        device_based_vpp: fields::flag(app, "DeviceBasedVPP"),
        details: plist::dictionary_to_json(app),
    }
}

/// How far a managed app is; the variants are Apple's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum ManagedState {
    /// Waits for its turn.
    Queued,
    /// The user is asked.
    Prompting,
    /// The user is asked to sign in.
    PromptingForLogin,
    /// The user is asked whether the app may be managed.
    PromptingForManagement,
    /// The App Store checks the purchase.
    ValidatingPurchase,
    /// Waits for a redemption code.
    NeedsRedemption,
    /// The code is being redeemed.
    Redeeming,
    /// Being downloaded and installed.
    Installing,
    /// Installed and managed.
    Managed,
    /// The user is asked about an update.
    PromptingForUpdate,
    /// The user is asked to sign in for an update.
    PromptingForUpdateLogin,
    /// The App Store checks the update.
    ValidatingUpdate,
    /// Being updated.
    Updating,
    /// The user deleted it; installing it again makes it managed again.
    ManagedButUninstalled,
    /// The user had installed it; said once.
    UserInstalledApp,
    /// The user declined the installation; said once.
    UserRejected,
    /// The user declined the update; said once.
    UpdateRejected,
    /// The user declined the management; said once.
    ManagementRejected,
    /// It failed; said once.
    Failed,
    /// The device does not know, or uses a word that we do not.
    Unknown,
}

impl ManagedState {
    const ALL: [Self; 20] = [
        Self::Queued,
        Self::Prompting,
        Self::PromptingForLogin,
        Self::PromptingForManagement,
        Self::ValidatingPurchase,
        Self::NeedsRedemption,
        Self::Redeeming,
        Self::Installing,
        Self::Managed,
        Self::PromptingForUpdate,
        Self::PromptingForUpdateLogin,
        Self::ValidatingUpdate,
        Self::Updating,
        Self::ManagedButUninstalled,
        Self::UserInstalledApp,
        Self::UserRejected,
        Self::UpdateRejected,
        Self::ManagementRejected,
        Self::Failed,
        Self::Unknown,
    ];

    /// Reads Apple's word.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| format!("{state:?}") == word).unwrap_or(Self::Unknown)
    }

    /// Whether the app is on the device and managed, updating or not.
    pub const fn is_managed(self) -> bool {
        matches!(self, Self::Managed | Self::PromptingForUpdate | Self::PromptingForUpdateLogin | Self::ValidatingUpdate | Self::Updating)
    }

    /// Whether it is under way, so that asking again later makes sense.
    pub const fn is_pending(self) -> bool {
        matches!(
            self,
            Self::Queued
                | Self::Prompting
                | Self::PromptingForLogin
                | Self::PromptingForManagement
                | Self::ValidatingPurchase
                | Self::NeedsRedemption
                | Self::Redeeming
                | Self::Installing
        )
    }

    /// Whether the device says it only once and forgets the app, so that it must be kept at once.
    pub const fn is_said_once(self) -> bool {
        matches!(self, Self::UserInstalledApp | Self::UserRejected | Self::UpdateRejected | Self::ManagementRejected | Self::Failed)
    }
}

impl fmt::Display for ManagedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A managed app as the device reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManagedApp {
    /// The bundle identifier.
    pub identifier: String,
    /// How far it is.
    pub state: ManagedState,
    /// Apple's word for the state, as sent.
    pub state_word: String,
    /// 1: goes with the enrollment; 4: left out of backups.
    pub management_flags: Option<i64>,
    /// Whether it has a configuration.
    pub has_configuration: Option<bool>,
    /// Whether it has left feedback.
    pub has_feedback: Option<bool>,
    /// Whether an in-house app's provisioning profile is trusted.
    pub is_validated: Option<bool>,
    /// The App Store's number of this version.
    pub external_version_identifier: Option<i64>,
    /// A redemption code that was not needed, since the person had bought the app; said once.
    #[serde(skip)]
    pub unused_redemption_code: Option<Secret<String>>,
}

/// Reads ManagedApplicationList, a dictionary by bundle identifier; none where the report has none.
pub fn managed(report: &Report) -> Option<Vec<ManagedApp>> {
    let list = fields::dictionary(&report.values, "ManagedApplicationList")?;
    let read = |(identifier, app): (&String, &Value)| {
        let app = app.as_dictionary()?;
        let state_word = fields::text(app, "Status").unwrap_or_default();
        Some(ManagedApp {
            identifier: identifier.clone(),
            state: ManagedState::from_word(state_word),
            state_word: state_word.to_owned(),
            management_flags: fields::whole(app, "ManagementFlags"),
            has_configuration: fields::flag(app, "HasConfiguration"),
            has_feedback: fields::flag(app, "HasFeedback"),
            is_validated: fields::flag(app, "IsValidated"),
            external_version_identifier: fields::whole(app, "ExternalVersionIdentifier"),
            unused_redemption_code: fields::filled(app, "UnusedRedemptionCode").map(Secret::new),
        })
    };
    Some(list.iter().filter_map(read).collect())
}

/// What a device answers to InstallApplication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The bundle identifier, which the device tells even where the command named a number.
    pub identifier: Option<String>,
    /// The first state.
    pub state: Option<ManagedState>,
}

/// Reads the answer to InstallApplication; the reason of a refusal is in the report's head.
pub fn installation(report: &Report) -> Installation {
    Installation {
        identifier: fields::filled(&report.values, "Identifier"),
        state: report.head.state.as_deref().map(ManagedState::from_word),
    }
}

/// The outcome of one item of a Settings command, in the order they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingOutcome {
    /// Whether the device took it.
    pub acknowledged: bool,
    /// The app it was about, where it was about one.
    pub identifier: Option<String>,
    /// Why not.
    pub error_chain: Vec<crate::protocol::error_chain::ChainedError>,
}

/// Reads the answer to Settings: the outer Status may be Acknowledged although items failed.
pub fn setting_outcomes(report: &Report) -> Vec<SettingOutcome> {
    let read = |item: &Dictionary| SettingOutcome {
        acknowledged: fields::text(item, "Status") == Some("Acknowledged"),
        identifier: fields::filled(item, "Identifier"),
        error_chain: crate::protocol::error_chain::read(item),
    };
    // Apple's schema draws a dictionary where devices send an array.
    match fields::dictionary(&report.values, "Settings") {
        Some(item) => vec![read(item)],
        None => fields::dictionaries(&report.values, "Settings").map(read).collect(),
    }
}
