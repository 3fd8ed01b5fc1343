//! What can be installed, opened and removed.

use super::{Group, Switch, ValueKind};

/// Age ratings of apps, as the restriction spells them.
const AGES: &[(i64, &str)] = &[(100, msg!("up to 4+")), (200, msg!("up to 9+")), (300, msg!("up to 12+")), (600, msg!("up to 17+"))];

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        id: "no_app_installation",
        group: Group::Apps,
        label: msg!("No installing of apps"),
        notice: msg!("The App Store is gone from the Home Screen; people can neither install nor update apps."),
        limits: msg!(
            "Apps that you assign are installed and updated all the same (from iOS 10). Apps that are there already stay and open."
        ),
        kind: ValueKind::OnOff,
        ways: &["i4.. v2.. restrict allowAppInstallation=false"],
    },
    Switch {
        id: "no_app_store",
        group: Group::Apps,
        label: msg!("No App Store on the Home Screen"),
        notice: msg!("The App Store's icon is gone. Apps come from you, or from a computer with Apple Configurator."),
        limits: msg!("It does not stop installing from a computer or, in the EU, from other marketplaces."),
        kind: ValueKind::OnOff,
        ways: &["i9.. v2.. restrict allowUIAppInstallation=false"],
    },
    Switch {
        id: "no_app_removal",
        group: Group::Apps,
        label: msg!("No deleting of apps"),
        notice: msg!("Apps cannot be deleted from the Home Screen."),
        limits: msg!("It holds for every app, also those that people installed themselves. You can still take an assigned app back."),
        kind: ValueKind::OnOff,
        ways: &["i4.2.1.. restrict allowAppRemoval=false"],
    },
    Switch {
        id: "no_system_app_removal",
        group: Group::Apps,
        label: msg!("No deleting of Apple's apps"),
        notice: msg!("Apple's own apps such as Mail and Notes cannot be deleted from the Home Screen."),
        limits: msg!("Other apps can be deleted."),
        kind: ValueKind::OnOff,
        ways: &["i11.. v2.. restrict allowSystemAppRemoval=false"],
    },
    Switch {
        id: "app_allow_list",
        group: Group::Apps,
        label: msg!("Only these apps"),
        notice: msg!("Every app that is not on the list disappears from the Home Screen and cannot be opened."),
        limits: msg!(
            "Settings, and Phone on an iPhone, always stay. Apps that you assign must be on the list too, and com.apple.webapp for web clips. If several policies have a list, \
                 only what is on all of them is left."
        ),
        kind: ValueKind::Apps,
        ways: &[
            "i9.3..15 t11..15 restrict whitelistedAppBundleIDs=$",
            "i15..27 t15..27 restrict allowListedAppBundleIDs=$",
            "i27.. t27.. v27.. declare app.settings Allowed.AllowedApps=$",
        ],
    },
    Switch {
        id: "app_block_list",
        group: Group::Apps,
        label: msg!("Not these apps"),
        notice: msg!("The apps on the list disappear from the Home Screen and cannot be opened."),
        limits: msg!("A blocked app is not deleted, and its data stays. Other apps that do the same are not known to the list."),
        kind: ValueKind::Apps,
        ways: &[
            "i9.3..15 t11..15 restrict blacklistedAppBundleIDs=$",
            "i15..27 t15..27 restrict blockedAppBundleIDs=$",
            "i27.. t27.. v27.. declare app.settings Allowed.DeniedApps=$",
        ],
    },
    Switch {
        id: "app_age",
        group: Group::Apps,
        label: msg!("Apps up to an age rating"),
        notice: msg!("Apps that are rated for older people are hidden and cannot be installed."),
        limits: msg!("The rating is the developer's own. Web pages are not rated."),
        kind: ValueKind::Choice(AGES),
        ways: &["i4.. m15.. t11.3.. restrict ratingApps=$"],
    },
    Switch {
        id: "no_in_app_purchases",
        group: Group::Apps,
        label: msg!("No purchases within apps"),
        notice: msg!("Buttons that buy something within an app do nothing."),
        limits: msg!("It does not stop purchases on a web page that the app opens."),
        kind: ValueKind::OnOff,
        ways: &["i4.. restrict allowInAppPurchases=false"],
    },
    Switch {
        id: "no_app_clips",
        group: Group::Apps,
        label: msg!("No App Clips"),
        notice: msg!("Small parts of apps no longer open from links and codes; those on the device are removed."),
        limits: msg!("The same service can still be opened in Safari."),
        kind: ValueKind::OnOff,
        ways: &["i14.. restrict allowAppClips=false"],
    },
    Switch {
        id: "no_marketplaces",
        group: Group::Apps,
        label: msg!("No other marketplaces"),
        notice: msg!("In the EU, other marketplaces and apps from web pages cannot be installed, and those that are there do not open."),
        limits: msg!("Apple's App Store stays. Before iOS 17.5, apps from web pages do not exist."),
        kind: ValueKind::OnOff,
        ways: &[
            "i17.4..17.5 restrict allowMarketplaceAppInstallation=false",
            "i17.5.. restrict allowMarketplaceAppInstallation=false allowWebDistributionAppInstallation=false",
        ],
    },
    Switch {
        id: "no_enterprise_trust",
        group: Group::Apps,
        label: msg!("No trusting of unknown developers"),
        notice: msg!("Settings no longer offers to trust the developer of an in-house app that was installed by hand."),
        limits: msg!("In-house apps that you assign are trusted. What was trusted before stays trusted."),
        kind: ValueKind::OnOff,
        ways: &["i9.. v2.. restrict allowEnterpriseAppTrust=false"],
    },
    Switch {
        id: "no_hidden_apps",
        group: Group::Apps,
        label: msg!("No hiding or locking of apps"),
        notice: msg!("Apps can no longer be hidden, or locked behind Face ID or Touch ID."),
        limits: msg!("Before iOS 18, apps cannot be hidden or locked."),
        kind: ValueKind::OnOff,
        ways: &["i18.. restrict allowAppsToBeHidden=false allowAppsToBeLocked=false"],
    },
    Switch {
        id: "no_game_center",
        group: Group::Apps,
        label: msg!("No Game Center"),
        notice: msg!("Game Center is gone, and games cannot sign in to it."),
        limits: msg!("Games can still be played; many have accounts of their own."),
        kind: ValueKind::OnOff,
        ways: &["i6.. m10.13.. restrict allowGameCenter=false"],
    },
    Switch {
        id: "no_messages",
        group: Group::Apps,
        label: msg!("No Messages"),
        notice: msg!("The app Messages is gone; nobody can write with iMessage."),
        limits: msg!(
            "On an iPhone, text messages of the carrier cannot be read either. Other messengers stay: block them by their bundle ids."
        ),
        kind: ValueKind::OnOff,
        ways: &["i5.. restrict allowChat=false"],
    },
    Switch {
        id: "no_facetime",
        group: Group::Apps,
        label: msg!("No FaceTime"),
        notice: msg!("FaceTime is gone."),
        limits: msg!("Other apps for video calls stay."),
        kind: ValueKind::OnOff,
        ways: &["i4.. v2.. restrict allowVideoConferencing=false"],
    },
];
