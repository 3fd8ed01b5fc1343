//! What devices are asked for, in the words of a teacher; the protocol's own word for it stands where somebody looks closer.

use crate::language::say;
use std::borrow::Cow;

/// Each request type: what the device is asked to do ("to …"), and what it did.
const WORDS: [(&str, &str, &str); 68] = [
    ("AccountConfiguration", msg!("make the Mac’s first accounts"), msg!("Took the Mac’s first accounts")),
    ("ActivationLockBypassCode", msg!("tell the code that opens Activation Lock"), msg!("Told the code that opens Activation Lock")),
    ("ActiveNSExtensions", msg!("say which extensions are on"), msg!("Said which extensions are on")),
    ("ApplyRedemptionCode", msg!("redeem a code for an app"), msg!("Redeemed a code for an app")),
    ("AvailableOSUpdates", msg!("say which updates it could have"), msg!("Said which updates it could have")),
    ("CancelEnhancedLogCollection", msg!("stop collecting logs for Apple"), msg!("Stopped collecting logs for Apple")),
    ("CertificateList", msg!("list its certificates"), msg!("Listed its certificates")),
    (
        "ClearActivationLockBypassCode",
        msg!("forget the code that opens Activation Lock"),
        msg!("Forgot the code that opens Activation Lock"),
    ),
    ("ClearPasscode", msg!("take its passcode off"), msg!("Took its passcode off")),
    ("ClearRestrictionsPassword", msg!("take the Screen Time passcode off"), msg!("Took the Screen Time passcode off")),
    ("ContentCachingInformation", msg!("say how its content cache does"), msg!("Said how its content cache does")),
    ("DeclarativeManagement", msg!("look at what it is to have"), msg!("Looked at what it is to have")),
    ("DeleteUser", msg!("delete the account of a person on it"), msg!("Deleted the account of a person on it")),
    ("DeviceConfigured", msg!("go on in Setup Assistant"), msg!("Goes on in Setup Assistant")),
    ("DeviceInformation", msg!("tell about itself"), msg!("Told about itself")),
    ("DeviceLocation", msg!("say where it is"), msg!("Said where it is")),
    ("DeviceLock", msg!("lock itself"), msg!("Locked itself")),
    ("DisableLostMode", msg!("end Lost Mode"), msg!("Ended Lost Mode")),
    ("DisableRemoteDesktop", msg!("switch Remote Desktop off"), msg!("Switched Remote Desktop off")),
    ("EnableLostMode", msg!("go into Lost Mode"), msg!("Went into Lost Mode")),
    ("EnableRemoteDesktop", msg!("switch Remote Desktop on"), msg!("Switched Remote Desktop on")),
    ("EraseDevice", msg!("erase itself"), msg!("Began to erase itself")),
    ("InstallApplication", msg!("install an app"), msg!("Takes an app")),
    ("InstallEnterpriseApplication", msg!("install an app of the school’s own"), msg!("Takes an app of the school’s own")),
    ("InstallMedia", msg!("take a book"), msg!("Took a book")),
    ("InstallProfile", msg!("take a profile"), msg!("Took a profile")),
    ("InstallProvisioningProfile", msg!("take a provisioning profile"), msg!("Took a provisioning profile")),
    ("InstalledApplicationList", msg!("list its apps"), msg!("Listed its apps")),
    ("InviteToProgram", msg!("invite its person to Apps and Books"), msg!("Invited its person to Apps and Books")),
    ("LOMDeviceRequest", msg!("switch other Macs on or off"), msg!("Switched other Macs on or off")),
    ("LOMSetupRequest", msg!("tell how other Macs can be switched on"), msg!("Told how other Macs can be switched on")),
    ("LogOutUser", msg!("log the person out"), msg!("Logged the person out")),
    ("ManagedApplicationAttributes", msg!("tell how its apps are set up"), msg!("Told how its apps are set up")),
    ("ManagedApplicationConfiguration", msg!("tell what its apps are told"), msg!("Told what its apps are told")),
    ("ManagedApplicationFeedback", msg!("pass on what its apps say"), msg!("Passed on what its apps say")),
    ("ManagedApplicationList", msg!("say how far its managed apps are"), msg!("Said how far its managed apps are")),
    ("ManagedMediaList", msg!("list its books"), msg!("Listed its books")),
    ("NSExtensionMappings", msg!("list its extensions"), msg!("Listed its extensions")),
    ("OSUpdateStatus", msg!("say how far its update is"), msg!("Said how far its update is")),
    ("PlayLostModeSound", msg!("play a sound"), msg!("Played a sound")),
    ("ProfileList", msg!("list its profiles"), msg!("Listed its profiles")),
    ("ProvisioningProfileList", msg!("list its provisioning profiles"), msg!("Listed its provisioning profiles")),
    ("RefreshCellularPlans", msg!("look for its mobile plan"), msg!("Looked for its mobile plan")),
    ("RemoveApplication", msg!("remove an app"), msg!("Removed an app")),
    ("RemoveMedia", msg!("remove a book"), msg!("Removed a book")),
    ("RemoveProfile", msg!("remove a profile"), msg!("Removed a profile")),
    ("RemoveProvisioningProfile", msg!("remove a provisioning profile"), msg!("Removed a provisioning profile")),
    ("RequestMirroring", msg!("show its screen on another device"), msg!("Was asked whether it shows its screen elsewhere")),
    ("RequestUnlockToken", msg!("give what takes its passcode off"), msg!("Gave what takes its passcode off")),
    ("RestartDevice", msg!("restart"), msg!("Began to restart")),
    ("Restrictions", msg!("say what is restricted on it"), msg!("Said what is restricted on it")),
    ("RotateFileVaultKey", msg!("make another FileVault key"), msg!("Made another FileVault key")),
    ("ScheduleOSUpdate", msg!("update its system"), msg!("Took the order to update its system")),
    ("ScheduleOSUpdateScan", msg!("look for updates"), msg!("Looks for updates")),
    ("SecurityInfo", msg!("say how it is protected"), msg!("Said how it is protected")),
    ("SetAutoAdminPassword", msg!("change the password of its managed admin"), msg!("Changed the password of its managed admin")),
    ("SetFirmwarePassword", msg!("change its firmware password"), msg!("Changed its firmware password")),
    ("SetRecoveryLock", msg!("change its recovery lock"), msg!("Changed its recovery lock")),
    ("Settings", msg!("change its settings"), msg!("Changed its settings")),
    ("ShutDownDevice", msg!("switch itself off"), msg!("Began to switch itself off")),
    ("StopMirroring", msg!("stop showing its screen elsewhere"), msg!("Stopped showing its screen elsewhere")),
    ("TriggerEnhancedLogCollection", msg!("collect logs for Apple"), msg!("Began to collect logs for Apple")),
    ("UnlockUserAccount", msg!("unlock an account"), msg!("Unlocked an account")),
    ("UserConfigured", msg!("let the person go on in Setup Assistant"), msg!("Let the person go on in Setup Assistant")),
    ("UserList", msg!("list the people on it"), msg!("Listed the people on it")),
    ("ValidateApplications", msg!("check that its apps may run"), msg!("Checked that its apps may run")),
    ("VerifyFirmwarePassword", msg!("check its firmware password"), msg!("Checked its firmware password")),
    ("VerifyRecoveryLock", msg!("check its recovery lock"), msg!("Checked its recovery lock")),
];

fn find(request_type: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    WORDS.iter().find(|(known, _, _)| *known == request_type)
}

/// What a device is asked to do, to stand after "to": `say where it is`. What somebody else's program sent keeps its own name.
pub fn deed(request_type: &str) -> Cow<'static, str> {
    match find(request_type) {
        Some((_, deed, _)) => Cow::Borrowed(say(deed)),
        None if request_type.is_empty() => Cow::Borrowed(t!("do something that was not asked from here")),
        None => Cow::Owned(t!("carry out “{request_type}”", request_type)),
    }
}

/// What a device did that was asked to: `Said where it is`.
pub fn done(request_type: &str) -> Cow<'static, str> {
    match find(request_type) {
        Some((_, _, done)) => Cow::Borrowed(say(done)),
        None if request_type.is_empty() => Cow::Borrowed(t!("Did what was not asked from here")),
        None => Cow::Owned(t!("Carried out “{request_type}”", request_type)),
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
