//! Which right each request type takes: one table, whichever way a command comes in.

use super::words;
use crate::error::{Error, Result};
use crate::mdm::enroll::profile;
use crate::mdm::{Actor, Right};
use crate::protocol::command::Command as Order;
use crate::protocol::platform::Platform;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, devices};

/// What asks, helps and loses nothing.
const DAILY: [&str; 41] = [
    "ActivationLockBypassCode",
    "ActiveNSExtensions",
    "AvailableOSUpdates",
    "CancelEnhancedLogCollection",
    "CertificateList",
    "ClearRestrictionsPassword",
    "ContentCachingInformation",
    "DeviceConfigured",
    "DeviceInformation",
    "DeviceLocation",
    "DeviceLock",
    "DisableLostMode",
    "EnableLostMode",
    "InstalledApplicationList",
    "LOMDeviceRequest",
    "LOMSetupRequest",
    "LogOutUser",
    "ManagedApplicationAttributes",
    "ManagedApplicationConfiguration",
    "ManagedApplicationFeedback",
    "ManagedApplicationList",
    "ManagedMediaList",
    "NSExtensionMappings",
    "OSUpdateStatus",
    "PlayLostModeSound",
    "ProfileList",
    "ProvisioningProfileList",
    "RequestMirroring",
    "RestartDevice",
    "Restrictions",
    "ScheduleOSUpdate",
    "ScheduleOSUpdateScan",
    "SecurityInfo",
    "ShutDownDevice",
    "StopMirroring",
    "UnlockUserAccount",
    "UserConfigured",
    "UserList",
    "ValidateApplications",
    "VerifyFirmwarePassword",
    "VerifyRecoveryLock",
];

/// What loses something, opens a device to whoever holds it, or shuts people out.
const DESTROYS: [&str; 9] = [
    "ClearActivationLockBypassCode",
    "ClearPasscode",
    "DeleteUser",
    "EraseDevice",
    "RequestUnlockToken",
    "RotateFileVaultKey",
    "SetAutoAdminPassword",
    "SetFirmwarePassword",
    "SetRecoveryLock",
];

/// What a command of this type takes at least; `has_pin` tells whether it says a PIN.
///
/// All that is in neither list changes what a device is given or whom it obeys: profiles, apps, books, accounts, settings, declarations. So may what
/// is not known here, which is why it takes the same.
pub fn right_for(request_type: &str, has_pin: bool) -> Right {
    match request_type {
        "DeviceLock" if has_pin => Right::Destroy,
        daily if DAILY.contains(&daily) => Right::Command,
        destroys if DESTROYS.contains(&destroys) => Right::Destroy,
        _ => Right::Configure,
    }
}

/// Refuses, in words, a command whose effect on this device the actor may not have.
pub(super) fn require(tx: &Tx, actor: &Actor, enrollment: &Enrollment, order: &Order) -> Result<()> {
    actor.require(Right::Command)?;
    let right = right_on(tx, enrollment, order)?;
    if actor.may(right) {
        return Ok(());
    }
    let deed = words::deed(&order.request_type);
    let of_a_mac = if order.request_type == "DeviceLock" { t!(", where that takes a PIN") } else { "" };
    Err(Error::forbidden(t!(
        "{actor} may not have a device {deed}{of_a_mac}; that takes the role {roles}.",
        actor,
        deed,
        of_a_mac,
        roles = right.roles()
    )))
}

/// [`right_for`], with what the command means for this very device.
fn right_on(tx: &Tx, enrollment: &Enrollment, order: &Order) -> Result<Right> {
    Ok(match order.request_type.as_str() {
        // A Mac that is locked lets nobody in until its PIN is typed; the screen of other devices only asks for their own passcode.
        "DeviceLock" if is_mac(tx, enrollment)? => Right::Destroy,
        // Without the profile by which it enrolled a device is unenrolled, as when it is retired.
        "RemoveProfile" if order.text("Identifier") == Some(profile::identifier(tx)?.as_str()) => Right::Destroy,
        request_type => right_for(request_type, order.has_key("PIN")),
    })
}

fn is_mac(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(devices::by_id(tx, &enrollment.device_id)?.is_some_and(|device| device.platform == Platform::Macos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::schema;

    #[test]
    fn what_the_lists_name_is_known_and_stands_in_one_of_them() {
        for name in DAILY.iter().chain(&DESTROYS) {
            assert!(schema::knows(name), "{name} is no command");
        }
        assert!(DAILY.iter().all(|daily| !DESTROYS.contains(daily)));
    }

    #[test]
    fn what_is_not_listed_takes_what_configuring_takes() {
        for unlisted in ["InstallProfile", "RemoveProfile", "Settings", "DeclarativeManagement", "MakeCoffee", "devicelock", ""] {
            assert_eq!(right_for(unlisted, false), Right::Configure, "{unlisted:?}");
        }
        assert_eq!((right_for("DeviceLock", false), right_for("DeviceLock", true)), (Right::Command, Right::Destroy));
    }
}
