//! The update commands of OS 26 and earlier; later systems take declarations instead.

use uuid::Uuid;

use super::{Command, dictionary};
use crate::protocol::plist::Value;

/// Which update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateTarget {
    /// By the key that AvailableOSUpdates gave.
    ProductKey(String),
    /// By version (iOS 11.3, macOS 12, tvOS 12.2).
    ProductVersion(String),
}

/// What is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallAction {
    /// Download it or, once downloaded, install it.
    Default,
    /// Download it only.
    DownloadOnly,
    /// Install it at once; a Mac counts down to its restart.
    InstallAsap,
    /// Download it and tell the user (Mac).
    NotifyOnly,
    /// Install it later, with deferrals (Mac).
    InstallLater,
    /// Install it and restart whatever is open: work may be lost (Mac).
    InstallForceRestart,
}

impl InstallAction {
    /// Apple's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::DownloadOnly => "DownloadOnly",
            Self::InstallAsap => "InstallASAP",
            Self::NotifyOnly => "NotifyOnly",
            Self::InstallLater => "InstallLater",
            Self::InstallForceRestart => "InstallForceRestart",
        }
    }
}

/// Schedules an update; `max_user_deferrals` counts for InstallLater on a Mac only.
pub fn schedule_os_update(uuid: Uuid, target: UpdateTarget, action: InstallAction, max_user_deferrals: Option<u32>) -> Command {
    let (key, version) = match target {
        UpdateTarget::ProductKey(key) => (Some(Value::String(key)), None),
        UpdateTarget::ProductVersion(version) => (None, Some(Value::String(version))),
    };
    let update = dictionary([
        ("ProductKey", key),
        ("ProductVersion", version),
        ("InstallAction", Some(Value::String(action.as_str().to_owned()))),
        ("MaxUserDeferrals", max_user_deferrals.map(|deferrals| Value::Integer(deferrals.into()))),
    ]);
    Command::new(uuid, "ScheduleOSUpdate").with("Updates", Value::Array(vec![update]))
}

/// Makes a Mac look for updates.
pub fn schedule_os_update_scan(uuid: Uuid, force: bool) -> Command {
    Command::new(uuid, "ScheduleOSUpdateScan").with("Force", force)
}

/// Asks which updates there are.
pub fn available_os_updates(uuid: Uuid) -> Command {
    Command::new(uuid, "AvailableOSUpdates")
}

/// Asks how far updates are.
pub fn os_update_status(uuid: Uuid) -> Command {
    Command::new(uuid, "OSUpdateStatus")
}
