//! Commands that act upon the whole device: erase, restart, mirror, remote desktop.

use uuid::Uuid;

use super::{Command, dictionary, texts};
use crate::protocol::plist::Value;
use crate::secret::{Secret, SecretBytes};

/// How a Mac that cannot erase by its keys alone may be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obliteration {
    /// As the system decides.
    Default,
    /// Not at all.
    DoNotObliterate,
    /// The whole disk, after which no system is left; said in an error first.
    ObliterateWithWarning,
    /// The whole disk at once.
    Always,
}

impl Obliteration {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::DoNotObliterate => "DoNotObliterate",
            Self::ObliterateWithWarning => "ObliterateWithWarning",
            Self::Always => "Always",
        }
    }
}

/// How an erased device comes back by itself (iOS 17 and later).
#[derive(Debug, Clone, Default)]
pub struct EraseReturnToService {
    /// A profile with the Wi-Fi network to join.
    pub wifi_profile: Option<SecretBytes>,
    /// An enrollment profile; without it the device asks its ADE service.
    pub mdm_profile: Option<SecretBytes>,
    /// The bootstrap token (26).
    pub bootstrap_token: Option<SecretBytes>,
    /// Whether to try again when enrolling fails (iOS 27).
    pub should_retry_enrollment: Option<bool>,
}

/// How a device is erased.
#[derive(Debug, Clone, Default)]
pub struct EraseDevice {
    /// Whether the mobile plan stays.
    pub preserve_data_plan: Option<bool>,
    /// Whether another device nearby may not set it up.
    pub disallow_proximity_setup: Option<bool>,
    /// What a Mac wants before it starts again (six characters; keep it before this is sent).
    pub pin: Option<Secret<String>>,
    /// What a Mac does that cannot erase by its keys alone.
    pub obliteration: Option<Obliteration>,
    /// How it comes back by itself.
    pub return_to_service: Option<EraseReturnToService>,
}

/// Erases the device. No CheckOut follows its answer.
pub fn erase_device(uuid: Uuid, how: &EraseDevice) -> Command {
    let data = |bytes: &Option<SecretBytes>| bytes.as_ref().map(|bytes| Value::Data(bytes.expose().clone()));
    let returns = how.return_to_service.as_ref().map(|returns| {
        dictionary([
            ("Enabled", Some(Value::Boolean(true))),
            ("WiFiProfileData", data(&returns.wifi_profile)),
            ("MDMProfileData", data(&returns.mdm_profile)),
            ("BootstrapToken", data(&returns.bootstrap_token)),
            ("ShouldRetryEnrollment", returns.should_retry_enrollment.map(Value::Boolean)),
        ])
    });
    Command::new(uuid, "EraseDevice")
        .with_some("PreserveDataPlan", how.preserve_data_plan)
        .with_some("DisallowProximitySetup", how.disallow_proximity_setup)
        .with_some("PIN", how.pin.as_ref().map(|pin| pin.expose().as_str()))
        .with_some("ObliterationBehavior", how.obliteration.map(Obliteration::as_str))
        .with_some("ReturnToService", returns)
}

/// Restarts the device; `notify_user` lets a Mac's user choose the moment (macOS 11.4).
pub fn restart_device(uuid: Uuid, notify_user: Option<bool>) -> Command {
    Command::new(uuid, "RestartDevice").with_some("NotifyUser", notify_user)
}

/// Shuts the device down; it cannot be started from here.
pub fn shut_down_device(uuid: Uuid) -> Command {
    Command::new(uuid, "ShutDownDevice")
}

/// Plays a sound on a device in Lost Mode.
pub fn play_lost_mode_sound(uuid: Uuid) -> Command {
    Command::new(uuid, "PlayLostModeSound")
}

/// Asks a mobile operator's server for an eSIM.
pub fn refresh_cellular_plans(uuid: Uuid, esim_server_url: &str) -> Command {
    Command::new(uuid, "RefreshCellularPlans").with("eSIMServerURL", esim_server_url)
}

/// Shows the screen on the display of this name.
pub fn request_mirroring(uuid: Uuid, destination_name: &str, password: Option<&Secret<String>>) -> Command {
    let command = Command::new(uuid, "RequestMirroring").with("DestinationName", destination_name);
    command.with_some("Password", password.map(|password| password.expose().as_str()))
}

/// Ends mirroring.
pub fn stop_mirroring(uuid: Uuid) -> Command {
    Command::new(uuid, "StopMirroring")
}

/// Turns a Mac's Remote Desktop on.
pub fn enable_remote_desktop(uuid: Uuid) -> Command {
    Command::new(uuid, "EnableRemoteDesktop")
}

/// Turns a Mac's Remote Desktop off.
pub fn disable_remote_desktop(uuid: Uuid) -> Command {
    Command::new(uuid, "DisableRemoteDesktop")
}

impl Command {
    /// Makes a RestartDevice rebuild a Mac's kernel cache with these extensions (macOS 11).
    #[must_use]
    pub fn rebuilding_kernel_cache(self, kext_paths: &[&str]) -> Self {
        self.with("RebuildKernelCache", true).with("KextPaths", texts(kext_paths))
    }
}
