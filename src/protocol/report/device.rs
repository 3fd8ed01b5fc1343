//! Reads DeviceInformation and the short answers about a device: lock, location, bypass code, users.

use serde_json::{Map, Value as Json};

use super::Report;
use crate::clock::Timestamp;
use crate::protocol::plist::{self, Dictionary, fields};
use crate::secret::{Secret, SecretBytes};

/// Answers that are secrets, or proofs of many kilobytes; they are read by their own readers and left out of the facts.
const NOT_FACTS: [&str; 2] = ["PushToken", "DevicePropertiesAttestation"];

/// What a device says about itself; what it leaves out is unknown, never "no".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceInformation {
    /// The UDID; not told in user enrollment.
    pub udid: Option<String>,
    /// The serial number; not told in user enrollment.
    pub serial_number: Option<String>,
    /// The name given to the device.
    pub device_name: Option<String>,
    /// The part number or, on a Mac, the identifier.
    pub model: Option<String>,
    /// The model in words, for example `iPad`.
    pub model_name: Option<String>,
    /// For example `iPad13,18`.
    pub product_name: Option<String>,
    /// For example `27.1`.
    pub os_version: Option<String>,
    /// For example `23B85`.
    pub build_version: Option<String>,
    /// For example `(a)`, where a background security improvement is installed.
    pub supplemental_os_version_extra: Option<String>,
    /// The build with that improvement.
    pub supplemental_build_version: Option<String>,
    /// The name by which Apple's update services know the device.
    pub software_update_device_id: Option<String>,
    /// Whether the device is supervised.
    pub is_supervised: Option<bool>,
    /// Whether it is a Shared iPad.
    pub is_multi_user: Option<bool>,
    /// Whether it waits in Setup Assistant.
    pub awaiting_configuration: Option<bool>,
    /// Whether a Mac has Apple silicon.
    pub is_apple_silicon: Option<bool>,
    /// 0 to 1; the −1 that stands for unknown is none.
    pub battery_level: Option<f64>,
    /// In gigabytes of 10⁹ bytes (2³⁰ on macOS 11 and earlier).
    pub capacity_gb: Option<f64>,
    /// Free storage, in the same unit.
    pub available_gb: Option<f64>,
    /// The signed-in App Store account, as Apps and Books names it.
    pub itunes_store_account_hash: Option<String>,
    /// Certificates that attest the device's properties, leaf first, DER; empty where it cannot or will not.
    pub attestation: Vec<Vec<u8>>,
    /// Every answer as JSON, except secrets and attestations.
    pub facts: Map<String, Json>,
}

impl DeviceInformation {
    /// Reads `QueryResponses`; none where the report has none.
    pub fn read(report: &Report) -> Option<Self> {
        let answers = fields::dictionary(&report.values, "QueryResponses")?;
        let text = |key| fields::filled(answers, key);
        let flag = |key| fields::flag(answers, key);
        let mut facts = plist::dictionary_to_json(answers);
        facts.retain(|key, _| !NOT_FACTS.contains(&key.as_str()));
        Some(Self {
            udid: text("UDID"),
            serial_number: text("SerialNumber"),
            device_name: text("DeviceName"),
            model: text("Model"),
            model_name: text("ModelName"),
            product_name: text("ProductName"),
            os_version: text("OSVersion"),
            build_version: text("BuildVersion"),
            supplemental_os_version_extra: text("SupplementalOSVersionExtra"),
            supplemental_build_version: text("SupplementalBuildVersion"),
            software_update_device_id: text("SoftwareUpdateDeviceID"),
            is_supervised: flag("IsSupervised"),
            is_multi_user: flag("IsMultiUser"),
            awaiting_configuration: flag("AwaitingConfiguration"),
            is_apple_silicon: flag("IsAppleSilicon"),
            battery_level: fields::real(answers, "BatteryLevel").filter(|level| (0.0..=1.0).contains(level)),
            capacity_gb: fields::real(answers, "DeviceCapacity"),
            available_gb: fields::real(answers, "AvailableDeviceCapacity"),
            itunes_store_account_hash: text("iTunesStoreAccountHash"),
            attestation: fields::items(answers, "DevicePropertiesAttestation")
                .iter()
                .filter_map(|item| item.as_data().map(<[u8]>::to_vec))
                .collect(),
            facts,
        })
    }
}

/// Reads the answer to ActivationLockBypassCode.
pub fn activation_lock_bypass_code(report: &Report) -> Option<Secret<String>> {
    fields::filled(&report.values, "ActivationLockBypassCode").map(Secret::new)
}

/// Reads the answer to RotateFileVaultKey: the new recovery key, encrypted to the certificate that the command named (CMS, DER).
pub fn rotated_recovery_key(report: &Report) -> Option<SecretBytes> {
    let result = fields::dictionary(&report.values, "RotateResult")?;
    fields::data(result, "EncryptedNewRecoveryKey").map(|key| SecretBytes::new(key.to_vec()))
}

/// Reads what became of DeviceLock's message: `Success`, `DeviceInLostMode`, `NoPasscodeSet` or `Unknown`.
pub fn message_result(report: &Report) -> Option<String> {
    fields::filled(&report.values, "MessageResult")
}

/// Reads whether a firmware or recovery password was verified, or changed, wherever the answer nests it.
pub fn password_result(report: &Report) -> Option<bool> {
    let nested = ["VerifyFirmwarePassword", "SetFirmwarePassword"].into_iter().find_map(|key| fields::dictionary(&report.values, key));
    let answer = nested.unwrap_or(&report.values);
    fields::flag(answer, "PasswordVerified").or_else(|| fields::flag(answer, "PasswordChanged"))
}

/// Where a device in Lost Mode is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DeviceLocation {
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres; a negative one means that the place is not valid.
    pub horizontal_accuracy_m: Option<f64>,
    /// Metres.
    pub altitude_m: Option<f64>,
    /// When it was there.
    pub located_at: Option<Timestamp>,
}

impl DeviceLocation {
    /// Reads the answer to DeviceLocation.
    pub fn read(report: &Report) -> Option<Self> {
        let real = |key| fields::real(&report.values, key);
        let moment = fields::moment(&report.values, "Timestamp");
        Some(Self {
            latitude: real("Latitude")?,
            longitude: real("Longitude")?,
            horizontal_accuracy_m: real("HorizontalAccuracy"),
            altitude_m: real("Altitude"),
            located_at: moment.or_else(|| fields::text(&report.values, "Timestamp").and_then(Timestamp::parse)),
        })
    }
}

/// A user of a Mac or Shared iPad.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceUser {
    /// The account's name.
    pub user_name: String,
    /// The person's name.
    pub full_name: Option<String>,
    /// The id that the user's channel uses.
    pub user_guid: Option<String>,
    /// Whether the user is logged in.
    pub is_logged_in: Option<bool>,
    /// Whether a Shared iPad still has data of the user to sync.
    pub has_data_to_sync: Option<bool>,
    /// Bytes.
    pub data_used_bytes: Option<i64>,
    /// Bytes.
    pub data_quota_bytes: Option<i64>,
    /// Whether the Mac's user holds a secure token.
    pub has_secure_token: Option<bool>,
}

/// Reads the answer to UserList.
pub fn users(report: &Report) -> Vec<DeviceUser> {
    fields::dictionaries(&report.values, "Users")
        .filter_map(|user: &Dictionary| {
            Some(DeviceUser {
                user_name: fields::filled(user, "UserName")?,
                full_name: fields::filled(user, "FullName"),
                user_guid: fields::filled(user, "UserGUID"),
                is_logged_in: fields::flag(user, "IsLoggedIn"),
                has_data_to_sync: fields::flag(user, "HasDataToSync"),
                data_used_bytes: fields::whole(user, "DataUsed"),
                data_quota_bytes: fields::whole(user, "DataQuota"),
                has_secure_token: fields::flag(user, "HasSecureToken"),
            })
        })
        .collect()
}
