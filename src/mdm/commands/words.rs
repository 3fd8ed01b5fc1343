//! What devices are asked for, in the words of a teacher; the protocol's own word for it stands where somebody looks closer.

use std::borrow::Cow;

/// Each request type: what the device is asked to do ("to …"), and what it did.
const WORDS: [(&str, &str, &str); 68] = [
    ("AccountConfiguration", "make the Mac’s first accounts", "Took the Mac’s first accounts"),
    ("ActivationLockBypassCode", "tell the code that opens Activation Lock", "Told the code that opens Activation Lock"),
    ("ActiveNSExtensions", "say which extensions are on", "Said which extensions are on"),
    ("ApplyRedemptionCode", "redeem a code for an app", "Redeemed a code for an app"),
    ("AvailableOSUpdates", "say which updates it could have", "Said which updates it could have"),
    ("CancelEnhancedLogCollection", "stop collecting logs for Apple", "Stopped collecting logs for Apple"),
    ("CertificateList", "list its certificates", "Listed its certificates"),
    ("ClearActivationLockBypassCode", "forget the code that opens Activation Lock", "Forgot the code that opens Activation Lock"),
    ("ClearPasscode", "take its passcode off", "Took its passcode off"),
    ("ClearRestrictionsPassword", "take the Screen Time passcode off", "Took the Screen Time passcode off"),
    ("ContentCachingInformation", "say how its content cache does", "Said how its content cache does"),
    ("DeclarativeManagement", "look at what it is to have", "Looked at what it is to have"),
    ("DeleteUser", "delete the account of a person on it", "Deleted the account of a person on it"),
    ("DeviceConfigured", "go on in Setup Assistant", "Goes on in Setup Assistant"),
    ("DeviceInformation", "tell about itself", "Told about itself"),
    ("DeviceLocation", "say where it is", "Said where it is"),
    ("DeviceLock", "lock itself", "Locked itself"),
    ("DisableLostMode", "end Lost Mode", "Ended Lost Mode"),
    ("DisableRemoteDesktop", "switch Remote Desktop off", "Switched Remote Desktop off"),
    ("EnableLostMode", "go into Lost Mode", "Went into Lost Mode"),
    ("EnableRemoteDesktop", "switch Remote Desktop on", "Switched Remote Desktop on"),
    ("EraseDevice", "erase itself", "Began to erase itself"),
    ("InstallApplication", "install an app", "Takes an app"),
    ("InstallEnterpriseApplication", "install an app of the school’s own", "Takes an app of the school’s own"),
    ("InstallMedia", "take a book", "Took a book"),
    ("InstallProfile", "take a profile", "Took a profile"),
    ("InstallProvisioningProfile", "take a provisioning profile", "Took a provisioning profile"),
    ("InstalledApplicationList", "list its apps", "Listed its apps"),
    ("InviteToProgram", "invite its person to Apps and Books", "Invited its person to Apps and Books"),
    ("LOMDeviceRequest", "switch other Macs on or off", "Switched other Macs on or off"),
    ("LOMSetupRequest", "tell how other Macs can be switched on", "Told how other Macs can be switched on"),
    ("LogOutUser", "log the person out", "Logged the person out"),
    ("ManagedApplicationAttributes", "tell how its apps are set up", "Told how its apps are set up"),
    ("ManagedApplicationConfiguration", "tell what its apps are told", "Told what its apps are told"),
    ("ManagedApplicationFeedback", "pass on what its apps say", "Passed on what its apps say"),
    ("ManagedApplicationList", "say how far its managed apps are", "Said how far its managed apps are"),
    ("ManagedMediaList", "list its books", "Listed its books"),
    ("NSExtensionMappings", "list its extensions", "Listed its extensions"),
    ("OSUpdateStatus", "say how far its update is", "Said how far its update is"),
    ("PlayLostModeSound", "play a sound", "Played a sound"),
    ("ProfileList", "list its profiles", "Listed its profiles"),
    ("ProvisioningProfileList", "list its provisioning profiles", "Listed its provisioning profiles"),
    ("RefreshCellularPlans", "look for its mobile plan", "Looked for its mobile plan"),
    ("RemoveApplication", "remove an app", "Removed an app"),
    ("RemoveMedia", "remove a book", "Removed a book"),
    ("RemoveProfile", "remove a profile", "Removed a profile"),
    ("RemoveProvisioningProfile", "remove a provisioning profile", "Removed a provisioning profile"),
    ("RequestMirroring", "show its screen on another device", "Was asked whether it shows its screen elsewhere"),
    ("RequestUnlockToken", "give what takes its passcode off", "Gave what takes its passcode off"),
    ("RestartDevice", "restart", "Began to restart"),
    ("Restrictions", "say what is restricted on it", "Said what is restricted on it"),
    ("RotateFileVaultKey", "make another FileVault key", "Made another FileVault key"),
    ("ScheduleOSUpdate", "update its system", "Took the order to update its system"),
    ("ScheduleOSUpdateScan", "look for updates", "Looks for updates"),
    ("SecurityInfo", "say how it is protected", "Said how it is protected"),
    ("SetAutoAdminPassword", "change the password of its managed admin", "Changed the password of its managed admin"),
    ("SetFirmwarePassword", "change its firmware password", "Changed its firmware password"),
    ("SetRecoveryLock", "change its recovery lock", "Changed its recovery lock"),
    ("Settings", "change its settings", "Changed its settings"),
    ("ShutDownDevice", "switch itself off", "Began to switch itself off"),
    ("StopMirroring", "stop showing its screen elsewhere", "Stopped showing its screen elsewhere"),
    ("TriggerEnhancedLogCollection", "collect logs for Apple", "Began to collect logs for Apple"),
    ("UnlockUserAccount", "unlock an account", "Unlocked an account"),
    ("UserConfigured", "let the person go on in Setup Assistant", "Let the person go on in Setup Assistant"),
    ("UserList", "list the people on it", "Listed the people on it"),
    ("ValidateApplications", "check that its apps may run", "Checked that its apps may run"),
    ("VerifyFirmwarePassword", "check its firmware password", "Checked its firmware password"),
    ("VerifyRecoveryLock", "check its recovery lock", "Checked its recovery lock"),
];

fn find(request_type: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    WORDS.iter().find(|(known, _, _)| *known == request_type)
}

/// What a device is asked to do, to stand after "to": `say where it is`. What somebody else's program sent keeps its own name.
pub fn deed(request_type: &str) -> Cow<'static, str> {
    match find(request_type) {
        Some((_, deed, _)) => Cow::Borrowed(deed),
        None if request_type.is_empty() => Cow::Borrowed("do something that was not asked from here"),
        None => Cow::Owned(format!("carry out “{request_type}”")),
    }
}

/// What a device did that was asked to: `Said where it is`.
pub fn done(request_type: &str) -> Cow<'static, str> {
    match find(request_type) {
        Some((_, _, done)) => Cow::Borrowed(done),
        None if request_type.is_empty() => Cow::Borrowed("Did what was not asked from here"),
        None => Cow::Owned(format!("Carried out “{request_type}”")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::schema;

    #[test]
    fn every_request_type_has_words_and_no_other_has() {
        let known: Vec<_> = schema::request_types().collect();
        assert!(known.len() > 60, "{known:?}");
        for request_type in &known {
            assert!(find(request_type).is_some(), "{request_type} has no words in src/mdm/commands/words.rs");
        }
        let own = ["DeclarativeManagement"];
        for (request_type, deed, done) in WORDS {
            assert!(known.contains(&request_type) || own.contains(&request_type), "{request_type} is no command");
            assert!(!deed.contains(request_type) && !done.contains(request_type), "{request_type}: {deed}, {done}");
            assert!(
                deed.starts_with(|letter: char| letter.is_lowercase()) && done.starts_with(|letter: char| letter.is_uppercase()),
                "{deed}"
            );
            assert!(!deed.ends_with('.') && !done.ends_with('.'));
        }
    }

    #[test]
    fn what_is_not_known_keeps_its_name() {
        assert_eq!((deed("DeviceLocation").as_ref(), done("DeviceLocation").as_ref()), ("say where it is", "Said where it is"));
        assert_eq!((deed("FutureThing").as_ref(), done("FutureThing").as_ref()), ("carry out “FutureThing”", "Carried out “FutureThing”"));
        assert!(!deed("").contains('“'));
    }
}
