//! What the queue wants to know of a kind of command: what it makes pointless, how long it makes sense, whether it may be put off.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Command;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::mobileconfig;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{self, Dictionary, Value, fields};

const HOUR: Duration = Duration::from_secs(60 * 60);
/// How much of a hash tells two questions apart.
const HASH_BYTES: usize = 9;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Commands that only ask; two with the same keys are one.
const QUERIES: [&str; 20] = [
    "ActiveNSExtensions",
    "AvailableOSUpdates",
    "CertificateList",
    "ContentCachingInformation",
    "DeviceInformation",
    "DeviceLocation",
    "InstalledApplicationList",
    "LOMSetupRequest",
    "ManagedApplicationAttributes",
    "ManagedApplicationConfiguration",
    "ManagedApplicationList",
    "ManagedMediaList",
    "NSExtensionMappings",
    "OSUpdateStatus",
    "ProfileList",
    "ProvisioningProfileList",
    "Restrictions",
    "ScheduleOSUpdateScan",
    "SecurityInfo",
    "UserList",
];

/// Commands of which only the latest counts, whatever their keys.
const LATEST_COUNTS: [&str; 16] = [
    "AccountConfiguration",
    "ActivationLockBypassCode",
    "ClearActivationLockBypassCode",
    "ClearPasscode",
    "ClearRestrictionsPassword",
    "DeclarativeManagement",
    "DeviceConfigured",
    "DeviceLock",
    "EraseDevice",
    "LogOutUser",
    "PlayLostModeSound",
    "RequestMirroring",
    "ScheduleOSUpdate",
    "UserConfigured",
    "ValidateApplications",
    "RefreshCellularPlans",
];

impl Command {
    /// What two commands share when the newer makes the older pointless; none where each counts for itself.
    ///
    /// Examples: `profile:org.example.wifi`, `app:409203825`, `setting:DeviceName`, `DeviceLock`.
    pub fn supersede_key(&self) -> Option<String> {
        let keys = self.keys();
        match self.request_type.as_str() {
            "InstallProfile" => profile_identifier(keys).map(|identifier| format!("profile:{identifier}")),
            "RemoveProfile" => self.text("Identifier").map(|identifier| format!("profile:{identifier}")),
            "InstallApplication" | "InstallEnterpriseApplication" | "RemoveApplication" => app_of(keys).map(|app| format!("app:{app}")),
            "Settings" => setting_key(keys),
            "EnableLostMode" | "DisableLostMode" => Some("LostMode".into()),
            "RestartDevice" | "ShutDownDevice" => Some("RestartDevice".into()),
            "StopMirroring" => Some("RequestMirroring".into()),
            "EnableRemoteDesktop" | "DisableRemoteDesktop" => Some("RemoteDesktop".into()),
            "TriggerEnhancedLogCollection" | "CancelEnhancedLogCollection" => Some("EnhancedLogCollection".into()),
            "DeleteUser" | "UnlockUserAccount" => Some(format!("{}:{}", self.request_type, self.text("UserName")?)),
            kind if QUERIES.contains(&kind) => Some(query_key(kind, keys)),
            kind if LATEST_COUNTS.contains(&kind) => Some(kind.to_owned()),
            // Each counts: passwords follow on one another, and feedback that is deleted when read must not be passed over.
            _ => None,
        }
    }

    /// How long a command of this kind makes sense; none where it does until it is carried out, such as locking a device that was lost.
    pub fn default_lifetime(&self) -> Option<Duration> {
        match self.request_type.as_str() {
            "RequestMirroring" | "StopMirroring" | "PlayLostModeSound" => Some(HOUR),
            "RestartDevice" | "ShutDownDevice" | "LogOutUser" | "DeviceLocation" | "UnlockUserAccount" | "LOMDeviceRequest" => Some(DAY),
            kind if QUERIES.contains(&kind) || kind == "ScheduleOSUpdate" => Some(7 * DAY),
            "DeviceLock"
            | "EraseDevice"
            | "ClearPasscode"
            | "EnableLostMode"
            | "DisableLostMode"
            | "DeviceConfigured"
            | "UserConfigured"
            | "DeclarativeManagement"
            | "ActivationLockBypassCode"
            | "ClearActivationLockBypassCode"
            | "AccountConfiguration" => None,
            _ => Some(30 * DAY),
        }
    }
}

fn profile_identifier(keys: &Dictionary) -> Option<String> {
    mobileconfig::read(fields::data(keys, "Payload")?).ok().map(|profile| profile.identifier)
}

fn app_of(keys: &Dictionary) -> Option<String> {
    let number = fields::whole(keys, "iTunesStoreID").map(|number| number.to_string());
    let manifest = fields::dictionary(keys, "Manifest").and_then(|manifest| {
        let item = fields::dictionaries(manifest, "items").next()?;
        fields::filled(fields::dictionary(item, "metadata")?, "bundle-identifier")
    });
    number.or_else(|| fields::filled(keys, "Identifier")).or(manifest).or_else(|| fields::filled(keys, "ManifestURL"))
}

/// Items that change only what they name: an older one may say what the newer one leaves out.
const IN_PARTS: &[&str] = &["SharedDeviceConfiguration", "AccessibilitySettings", "DefaultApplications", "MDMOptions"];

/// One item counts by its name, and by what it is about: its app, the screen of a wallpaper, what it names of a setting in parts. Several together count
/// for themselves.
fn setting_key(keys: &Dictionary) -> Option<String> {
    let [Value::Dictionary(setting)] = fields::items(keys, "Settings") else { return None };
    let item = fields::text(setting, "Item")?;
    let about = match item {
        "Wallpaper" => fields::whole(setting, "Where").map(|place| place.to_string()),
        _ if IN_PARTS.contains(&item) => Some(parts(fields::dictionary(setting, item).unwrap_or(setting))),
        _ => fields::text(setting, "Identifier").map(str::to_owned),
    };
    Some(about.map_or_else(|| format!("setting:{item}"), |about| format!("setting:{item}:{about}")))
}

/// The names of what is set, in one order.
fn parts(of: &Dictionary) -> String {
    let mut names: Vec<&str> = of.keys().map(String::as_str).filter(|name| *name != "Item").collect();
    names.sort_unstable();
    names.join(",")
}

fn query_key(kind: &str, keys: &Dictionary) -> String {
    if keys.is_empty() {
        return kind.to_owned();
    }
    let bytes = plist::to_binary(&Value::Dictionary(sorted(keys))).unwrap_or_default();
    let hash = digest::digest(&digest::SHA256, &bytes);
    format!("{kind}:{}", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..HASH_BYTES]))
}

/// The keys in one order, with lists of names in one order too: what is asked counts, not how it is written.
fn sorted(keys: &Dictionary) -> Dictionary {
    let mut entries: Vec<_> = keys.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    for (_, value) in &mut entries {
        if let Value::Array(items) = value {
            items.sort_by(|one, other| one.as_string().cmp(&other.as_string()));
        }
    }
    entries.into_iter().collect()
}

/// Whether a device may answer this command with NotNow; one that may not and does is odd, not busy.
pub fn may_not_now(request_type: &str, platform: Platform, kind: EnrollmentKind) -> bool {
    let never: &[&str] = match platform {
        Platform::Macos if kind.is_user_channel() => &[],
        Platform::Macos => &[
            "DeleteUser",
            "DeviceLock",
            "EraseDevice",
            "RestartDevice",
            "ShutDownDevice",
            "UserList",
            "ActivationLockBypassCode",
            "ClearActivationLockBypassCode",
            "UnlockUserAccount",
        ],
        Platform::Ios => &[
            "DeviceInformation",
            "ProfileList",
            "DeviceLock",
            "EraseDevice",
            "ClearPasscode",
            "ProvisioningProfileList",
            "InstalledApplicationList",
            "Restrictions",
        ],
        _ => &[],
    };
    !never.contains(&request_type)
}
