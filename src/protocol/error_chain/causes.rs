//! The table of known refusals: error domain and code, rejection reason, or state, each with its kind and its words.
//!
//! Apple says that codes may change, so they decide what people read and how patient we are, never what is true of a device.

use super::CauseKind::{
    self, AlreadyInstalled, AlreadyRequested, BadManifest, BadRequest, Declined, Failed, Forbidden, InProgress, InUse, LicenseMissing,
    Locked, Network, NotManaged, NothingToDo, Power, Space, Trust, Unavailable, Unsupported, WaitingForUser, WrongState,
};

/// A row: what it means, and how to say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) kind: CauseKind,
    pub(super) words: &'static str,
}

/// Looks up an error of a chain.
pub(super) fn of_error(domain: &str, code: i64) -> Option<Known> {
    let (_, rows) = DOMAINS.iter().find(|(name, _)| *name == domain)?;
    let (_, _, kind, words) = rows.iter().find(|(first, last, ..)| (*first..=*last).contains(&code))?;
    Some(Known { kind: *kind, words })
}

/// Looks up a `RejectionReason`; `Other` says nothing.
pub(super) fn of_rejection(reason: &str) -> Option<Known> {
    REJECTIONS.iter().find(|(name, ..)| *name == reason).map(|(_, kind, words)| Known { kind: *kind, words })
}

/// Looks up a `State` that ends an installation.
pub(super) fn of_state(state: &str) -> Option<Known> {
    STATES.iter().find(|(name, ..)| *name == state).map(|(_, kind, words)| Known { kind: *kind, words })
}

const REJECTIONS: &[(&str, CauseKind, &str)] = &[
    ("AppAlreadyInstalled", AlreadyInstalled, msg!("the user has installed the app already; ask to take over its management")),
    ("AppAlreadyQueued", AlreadyRequested, msg!("the app is already being installed")),
    ("NotSupported", Unsupported, msg!("the device does not support this app or this way of installing it")),
    (
        "CouldNotVerifyAppID",
        BadManifest,
        msg!("the device could not verify the app: wrong App Store number, unreachable manifest, or no licence yet"),
    ),
    ("AppStoreDisabled", Forbidden, msg!("the App Store is disabled on the device")),
    ("NotAnApp", Unavailable, msg!("the App Store number is not that of an app")),
    ("PurchaseMethodNotSupported", BadRequest, msg!("this enrollment installs apps with a volume licence only (PurchaseMethod 1)")),
    (
        "PurchaseMethodNotSupportedInMultiUser",
        BadRequest,
        msg!("a Shared iPad installs apps with a volume licence only (PurchaseMethod 1)"),
    ),
    ("ManagementChangeNotSupported", Unsupported, msg!("this device cannot take over the management of an app that the user installed")),
    ("CouldNotVerifyITunesStoreID", Unavailable, msg!("the device could not verify the book's number in the store")),
    ("PurchaseNotFound", LicenseMissing, msg!("no purchase of the book was found")),
    ("WrongMediaType", BadRequest, msg!("the number in the store is not that of a book")),
    ("DownloadInvalid", BadManifest, msg!("the address does not lead to a book that the device can open")),
    ("EnterpriseBooksNotSupportedInMultiUser", Unsupported, msg!("a Shared iPad takes no books of your own")),
];

const STATES: &[(&str, CauseKind, &str)] = &[
    ("UserRejected", Declined, msg!("the user declined the installation")),
    ("UpdateRejected", Declined, msg!("the user declined the update")),
    ("ManagementRejected", Declined, msg!("the user declined to have the app managed")),
    ("UserInstalledApp", AlreadyInstalled, msg!("the user has installed the app; ask to take over its management")),
    ("ManagedButUninstalled", Declined, msg!("the user has deleted the app")),
];

/// First and last code of a row.
type Row = (i64, i64, CauseKind, &'static str);

const DOMAINS: &[(&str, &[Row])] = &[
    ("MCMDMErrorDomain", MDM),
    ("MCProfileErrorDomain", PROFILE),
    ("MCPayloadErrorDomain", PAYLOAD),
    ("MCInstallationErrorDomain", INSTALLATION),
    ("MCSCEPErrorDomain", SCEP),
    ("MCHTTPTransactionErrorDomain", HTTP),
    ("MCProvisioningProfileErrorDomain", PROVISIONING),
    ("MCSettingsErrorDomain", SETTINGS),
    ("MCCertificateErrorDomain", CERTIFICATE),
    ("MDMClientError", MDM_CLIENT),
    ("DeviceManagement.error", DEVICE_MANAGEMENT),
    ("ASDErrorDomain", APP_STORE),
    ("ASDServerErrorDomain", APP_STORE),
];

const MDM: &[Row] = &[
    (12000, 12000, BadRequest, msg!("the access rights in the enrollment profile are wrong")),
    (12001, 12001, WrongState, msg!("the device is already enrolled, here or elsewhere; remove that profile first")),
    (12002, 12002, Network, msg!("the device could not check in")),
    (12003, 12003, Trust, msg!("the device did not accept the answer to its challenge")),
    (12004, 12005, Trust, msg!("a certificate that the profile needs is missing or wrong")),
    (12006, 12006, Network, msg!("the server redirected, which the device does not follow here")),
    (12007, 12007, Forbidden, msg!("the device is not authorized")),
    (12008, 12008, BadRequest, msg!("the request is malformed")),
    (
        12009,
        12009,
        BadRequest,
        msg!("the new enrollment profile may not replace the old one; address and topic must stay, rights must not grow"),
    ),
    (12010, 12010, Failed, msg!("the device had an internal error")),
    (12011, 12012, BadRequest, msg!("the new enrollment profile does not match the old one")),
    (12013, 12014, NotManaged, msg!("the profile was not installed by this server")),
    (12015, 12015, Network, msg!("the device has no push token yet")),
    (12016, 12016, Trust, msg!("the device has no identity")),
    (12017, 12019, Failed, msg!("the device could not prepare its escrow keybag")),
    (12020, 12020, Forbidden, msg!("the server refused the device")),
    (12021, 12021, Unsupported, msg!("the device does not know this command, or not on this channel")),
    (12022, 12022, BadRequest, msg!("the push topic is wrong")),
    (12023, 12023, Unavailable, msg!("the App Store number could not be verified")),
    (12024, 12024, BadManifest, msg!("the manifest could not be verified")),
    (12025, 12025, AlreadyInstalled, msg!("the user has installed the app already; ask to take over its management")),
    (12026, 12026, LicenseMissing, msg!("no licence for the app was found")),
    (12027, 12027, Unavailable, msg!("the App Store number is not that of an app")),
    (12028, 12028, WrongState, msg!("the app does not wait for a redemption code")),
    (12029, 12029, NotManaged, msg!("the app is not managed")),
    (12030, 12030, BadManifest, msg!("the address is not valid")),
    (12031, 12031, Forbidden, msg!("installing apps is disabled on the device")),
    (12032, 12033, BadManifest, msg!("the manifest is wrong; it must name exactly one app")),
    (12034, 12034, BadManifest, msg!("the address of the manifest must begin with https")),
    (12035, 12035, Unavailable, msg!("the app cannot be purchased")),
    (12036, 12036, InUse, msg!("the app cannot be removed now")),
    (12037, 12037, BadRequest, msg!("the redemption code is wrong")),
    (12038, 12038, NotManaged, msg!("the app is not managed")),
    (12040, 12040, WaitingForUser, msg!("the user must sign in to the App Store")),
    (12043, 12046, Unavailable, msg!("the book or other media could not be installed")),
    (12047, 12047, LicenseMissing, msg!("no volume licence is assigned to this device or user")),
    (12048, 12048, NothingToDo, msg!("there is no such update")),
    (12049, 12049, Locked, msg!("the passcode must be cleared, or typed by the user, before the update")),
    (12050, 12050, Network, msg!("looking for updates failed")),
    (12051, 12051, InProgress, msg!("the update is being downloaded")),
    (12052, 12052, InProgress, msg!("the update is downloaded already")),
    (12053, 12053, WrongState, msg!("the update needs a computer")),
    (12054, 12054, Space, msg!("too little free storage to download the update")),
    (12055, 12055, Power, msg!("too little power to download the update")),
    (12056, 12057, Network, msg!("downloading the update failed; the network may be too slow or metered")),
    (12058, 12058, InProgress, msg!("the update is being installed")),
    (12059, 12059, WrongState, msg!("the update must be downloaded first")),
    (12060, 12060, Space, msg!("too little free storage to install the update")),
    (12061, 12061, Power, msg!("too little power to install the update")),
    (12062, 12062, Failed, msg!("installing the update failed")),
    (12063, 12063, Declined, msg!("the user declined")),
    (12064, 12064, LicenseMissing, msg!("no licence for the app was found")),
    (12065, 12065, Unavailable, msg!("the app is part of the system")),
    (12066, 12069, WrongState, msg!("Lost Mode is not in the state that the command needs")),
    (12070, 12074, WrongState, msg!("the user does not exist, is logged in, or has data that is not synced")),
    (12075, 12075, NotManaged, msg!("the profile is not installed")),
    (12076, 12076, Unsupported, msg!("the enrollment profile does not allow user channels")),
    (12077, 12077, InUse, msg!("refused while a user is logged in")),
    (12078, 12078, WrongState, msg!("refused while the device is in Lost Mode")),
    (12079, 12079, NotManaged, msg!("the device is not enrolled")),
    (12080, 12080, WrongState, msg!("the sound could not be played")),
    (12081, 12081, Network, msg!("the command waits for a wired network, which the device does not have")),
];

const PROFILE: &[Row] = &[
    (1000, 1003, BadRequest, msg!("the profile is malformed: a key is missing or of the wrong type")),
    (1004, 1004, Trust, msg!("the profile's signature does not hold")),
    (1005, 1005, BadRequest, msg!("the profile is empty")),
    (1006, 1006, Trust, msg!("the profile could not be decrypted")),
    (1007, 1008, BadRequest, msg!("two payloads of the profile have the same PayloadUUID or PayloadIdentifier")),
    (1009, 1009, Failed, msg!("the profile could not be installed")),
    (1010, 1010, BadRequest, msg!("the profile holds a value that the device does not support")),
];

const PAYLOAD: &[Row] = &[
    (2000, 2004, BadRequest, msg!("a payload of the profile is malformed: a key is missing, of the wrong type, or unsupported")),
    (2005, 2005, Failed, msg!("the device had an internal error with a payload")),
];

const INSTALLATION: &[Row] = &[
    (4000, 4000, BadRequest, msg!("the profile cannot be parsed")),
    (4001, 4001, Failed, msg!("the profile could not be installed")),
    (4002, 4002, BadRequest, msg!("a profile with this PayloadUUID is already installed")),
    (4003, 4003, WrongState, msg!("the profile was not queued")),
    (4004, 4004, Declined, msg!("the user cancelled")),
    (4005, 4005, WaitingForUser, msg!("the passcode does not meet the rules; the user must change it")),
    (4006, 4006, BadRequest, msg!("the profile's removal date is in the past")),
    (4007, 4007, BadRequest, msg!("the profile is in an unknown format")),
    (4008, 4008, Trust, msg!("the profile is signed by another certificate than the one it replaces")),
    (4009, 4009, Locked, msg!("the device is locked")),
    (4010, 4010, BadRequest, msg!("the profile's PayloadIdentifier may not change")),
    (4012, 4012, NotManaged, msg!("the profile may not be updated by this server")),
    (4013, 4013, Failed, msg!("updating the profile failed")),
    (4014, 4014, Trust, msg!("the device has no identity")),
    (4015, 4015, BadRequest, msg!("the new enrollment profile lacks its MDM payload")),
    (4019, 4019, Forbidden, msg!("a second App Lock profile cannot be installed")),
    (4020, 4020, Forbidden, msg!("installing profiles by hand is forbidden")),
    (4021, 4021, BadRequest, msg!("the profile needs the user's input and cannot be installed by a command")),
    (4022, 4022, BadRequest, msg!("the profile can only be installed by a command")),
    (4023, 4023, BadRequest, msg!("a payload is not acceptable on this device or in this enrollment")),
    (4024, 4024, NotManaged, msg!("the profile was not found")),
    (4025, 4025, WrongState, msg!("the device must be supervised")),
    (4026, 4026, BadRequest, msg!("the profile's removal date is in the past")),
    (4027, 4027, WaitingForUser, msg!("the user must change the passcode first")),
];

const SCEP: &[Row] = &[
    (22000, 22001, Failed, msg!("the device could not make a key")),
    (22002, 22003, Trust, msg!("the SCEP service's certificate is not acceptable")),
    (22004, 22004, Unsupported, msg!("the SCEP service's configuration is not supported")),
    (22005, 22005, Network, msg!("the SCEP service could not be reached")),
    (22006, 22006, Unsupported, msg!("the SCEP service lacks a capability that the device needs")),
    (22007, 22007, Trust, msg!("the issued certificate is not acceptable")),
    (22008, 22012, Failed, msg!("the device could not store the identity or make the request for it")),
    (22013, 22013, Trust, msg!("the SCEP service's answer is not acceptable")),
];

const HTTP: &[Row] = &[
    (23000, 23000, Trust, msg!("the device could not use its identity")),
    (23001, 23001, Network, msg!("the server gave an unexpected answer")),
    (23002, 23002, Trust, msg!("the device does not trust the server's certificate")),
];

const PROVISIONING: &[Row] = &[
    (25000, 25000, BadRequest, msg!("the provisioning profile is malformed")),
    (25001, 25001, Failed, msg!("the provisioning profile could not be installed")),
    (25002, 25002, Failed, msg!("the provisioning profile could not be removed")),
];

const SETTINGS: &[Row] = &[
    (28000, 28000, Unsupported, msg!("the device does not know this setting")),
    (28001, 28002, BadRequest, msg!("the wallpaper is not an image that the device can use")),
];

const CERTIFICATE: &[Row] = &[
    (9000, 9000, BadRequest, msg!("the password of the PKCS#12 file is wrong")),
    (9002, 9004, Failed, msg!("the device could not store the certificate")),
    (9005, 9005, BadRequest, msg!("the certificate is malformed")),
    (9006, 9006, BadRequest, msg!("the certificate comes without its private key")),
];

const MDM_CLIENT: &[Row] = &[
    (91, 91, Unsupported, msg!("the Mac does not know this command, or not on this channel")),
    (97, 97, BadRequest, msg!("the command lacks a key that the Mac needs")),
];

const DEVICE_MANAGEMENT: &[Row] = &[
    (1407, 1407, WaitingForUser, msg!("a question to the user is open, or single-app mode keeps it from being shown")),
    (2213, 2213, NothingToDo, msg!("there is no update")),
    (2604, 2604, BadManifest, msg!("the manifest could not be fetched or is wrong")),
];

const APP_STORE: &[Row] = &[
    (506, 506, AlreadyRequested, msg!("the device has this request already, or has carried it out")),
    (663, 663, InUse, msg!("the app is running; it must be quit first")),
    (850, 850, BadManifest, msg!("the manifest's address must begin with https and use a full host name")),
    (9610, 9610, LicenseMissing, msg!("no licence for the app has reached the device yet")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_speak_in_one_voice() {
        for (domain, rows) in DOMAINS {
            for pair in rows.windows(2) {
                assert!(pair[0].1 < pair[1].0, "{domain} {} {}", pair[0].1, pair[1].0);
            }
            for (first, last, _, words) in *rows {
                assert!(first <= last && !words.ends_with('.'), "{domain} {first}");
            }
        }
        for (name, _, words) in REJECTIONS.iter().chain(STATES) {
            assert!(!words.ends_with('.'), "{name}");
        }
    }
}
