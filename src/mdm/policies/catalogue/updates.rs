//! Software updates: for how long people are not shown new ones, and what comes by itself.
//!
//! Up to iOS 17, macOS 14 and tvOS 18.3 these are restrictions and, on Macs, a payload of its own; later systems have a declaration, which wins over
//! both, and 27 has nothing else.

use super::super::betas::ONLY_OWN;
use super::super::ways::{ALWAYS_OFF, ALWAYS_ON};
use super::{Group, Switch, ValueKind};
use crate::mdm::betas::{OFFER, REQUIRE};

/// For how many days updates can be held back.
const DAYS: ValueKind = ValueKind::Number(1, 90, msg!("days"));

/// Whether the device does something by itself.
const BY_ITSELF: ValueKind = ValueKind::Word(&[(ALWAYS_ON, msg!("always")), (ALWAYS_OFF, msg!("never"))]);

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        id: "hold_updates",
        group: Group::Updates,
        label: msg!("Hold updates back"),
        notice: msg!("For this many days after Apple posts it, a new system is not shown to the people who have the device."),
        limits: msg!(
            "It hides and does not forbid: what you order or plan is installed, and so is what a computer brings. When it ends, nothing is \
                 installed by that alone."
        ),
        kind: DAYS,
        ways: &[
            "i11.3..18 t12.2..18.4 m10.13.4..11.3 restrict forceDelayedSoftwareUpdates=true enforcedSoftwareUpdateDelay=$",
            "m11.3..15 restrict forceDelayedSoftwareUpdates=true forceDelayedMajorSoftwareUpdates=true \
             enforcedSoftwareUpdateMajorOSDeferredInstallDelay=$ enforcedSoftwareUpdateMinorOSDeferredInstallDelay=$",
            "i18.. t18.4.. v26.. declare softwareupdate.settings Deferrals.CombinedPeriodInDays=$",
            "m15.. declare softwareupdate.settings Deferrals.MajorPeriodInDays=$ Deferrals.MinorPeriodInDays=$",
        ],
    },
    Switch {
        id: "hold_major_updates",
        group: Group::Updates,
        label: msg!("Hold new generations of macOS back"),
        notice: msg!("For this many days a new generation, such as macOS 27 on a Mac with 26, is not shown."),
        limits: msg!("It is for Macs. Of this and “Hold updates back” the longer time counts."),
        kind: DAYS,
        ways: &[
            "m11.3..15 restrict forceDelayedMajorSoftwareUpdates=true enforcedSoftwareUpdateMajorOSDeferredInstallDelay=$",
            "m15.. declare softwareupdate.settings Deferrals.MajorPeriodInDays=$",
        ],
    },
    Switch {
        id: "hold_minor_updates",
        group: Group::Updates,
        label: msg!("Hold updates within a generation of macOS back"),
        notice: msg!("For this many days an update such as 26.1 on a Mac with 26.0 is not shown."),
        limits: msg!(
            "It is for Macs. Of this and “Hold updates back” the longer time counts. Repairs of security faults are late by it too."
        ),
        kind: DAYS,
        ways: &[
            "m11.3..15 restrict forceDelayedSoftwareUpdates=true enforcedSoftwareUpdateMinorOSDeferredInstallDelay=$",
            "m15.. declare softwareupdate.settings Deferrals.MinorPeriodInDays=$",
        ],
    },
    Switch {
        id: "hold_system_updates",
        group: Group::Updates,
        label: msg!("Hold Safari and other parts of macOS back"),
        notice: msg!("For this many days updates of Safari, of Xcode's tools and other parts that come apart from macOS are not shown."),
        limits: msg!("It is for Macs. Lists against harmful software come all the same."),
        kind: DAYS,
        ways: &[
            "m11.3..15 restrict forceDelayedAppSoftwareUpdates=true enforcedSoftwareUpdateNonOSDeferredInstallDelay=$",
            "m15.. declare softwareupdate.settings Deferrals.SystemPeriodInDays=$",
        ],
    },
    Switch {
        id: "no_security_improvements",
        group: Group::Updates,
        label: msg!("No background security improvements"),
        notice: msg!("The small repairs that Apple sends between updates, 26.1 (a) for example, are not offered."),
        limits: msg!("Faults that are being used stay open until the next update. What you order or plan is installed."),
        kind: ValueKind::OnOff,
        ways: &[
            "i16..18 m13..15 restrict allowRapidSecurityResponseInstallation=false",
            "i18.. m15.. declare softwareupdate.settings RapidSecurityResponse.Enable=false",
        ],
    },
    Switch {
        id: "no_security_improvement_removal",
        group: Group::Updates,
        label: msg!("Background security improvements stay"),
        notice: msg!("The button that takes a background security improvement off again is gone."),
        limits: msg!("If one breaks something, only an update or Apple helps."),
        kind: ValueKind::OnOff,
        ways: &[
            "i16..18 m13..15 restrict allowRapidSecurityResponseRemoval=false",
            "i18.. m15.. declare softwareupdate.settings RapidSecurityResponse.EnableRollback=false",
        ],
    },
    Switch {
        id: "auto_download",
        group: Group::Updates,
        label: msg!("Updates download themselves"),
        notice: msg!("New updates are downloaded while the device is idle, or never; people cannot change it."),
        limits: msg!("What is held back is not downloaded before its time. Where two policies disagree, never counts."),
        kind: BY_ITSELF,
        ways: &[
            "m10.15..15 updates AutomaticDownload=$on",
            "i18.. m15.. v26.. declare softwareupdate.settings AutomaticActions.Download=$",
        ],
    },
    Switch {
        id: "auto_install",
        group: Group::Updates,
        label: msg!("Updates install themselves"),
        notice: msg!("What is downloaded is installed by night while the device charges, or never; people cannot change it."),
        limits: msg!(
            "A device that is off or empty by night waits. “Always” does nothing where updates do not download themselves. Where two policies \
                 disagree, never counts."
        ),
        kind: BY_ITSELF,
        ways: &[
            "m10.15..15 updates AutomaticallyInstallMacOSUpdates=$on",
            "i18.. m15.. t18.4.. v26.. declare softwareupdate.settings AutomaticActions.InstallOSUpdates=$",
        ],
    },
    Switch {
        id: "auto_install_security",
        group: Group::Updates,
        label: msg!("Security repairs install themselves"),
        notice: msg!(
            "Security repairs and lists against harmful software are installed when they come, or never; people cannot change it."
        ),
        limits: msg!("“Always” does nothing where updates do not download themselves. Where two policies disagree, never counts."),
        kind: BY_ITSELF,
        ways: &[
            "m10.15..15 updates CriticalUpdateInstall=$on ConfigDataInstall=$on",
            "m15.. i27.. v27.. declare softwareupdate.settings AutomaticActions.InstallSecurityUpdate=$",
        ],
    },
    Switch {
        id: "updates_by_admins",
        group: Group::Updates,
        label: msg!("Only administrators update Macs"),
        notice: msg!("Whoever is not an administrator of the Mac is asked for the password of one before an update."),
        limits: msg!("Before macOS 15 it also covers apps of the App Store. What you order or plan is installed without a password."),
        kind: ValueKind::OnOff,
        ways: &[
            "m10.14..15 updates restrict-software-update-require-admin-to-install=true",
            "m15.. declare softwareupdate.settings AllowStandardUserOSUpdates=false",
        ],
    },
    Switch {
        id: "update_cadence",
        group: Group::Updates,
        label: msg!("Which update is shown where there are two"),
        notice: msg!("Where both the generation of the device and a newer one have an update, Settings shows only this one."),
        limits: msg!("With “the older one” people stay with their generation until Apple has no more updates for it."),
        kind: ValueKind::Word(&[("Oldest", msg!("the older one")), ("Newest", msg!("the newer one"))]),
        ways: &["i18.. v26.. declare softwareupdate.settings RecommendedCadence=$"],
    },
    Switch {
        id: "no_beta_updates",
        group: Group::Updates,
        label: msg!("No beta versions"),
        notice: msg!("The device cannot take part in a programme for unfinished systems; one that does is taken out."),
        limits: msg!("A beta that runs already stays until the finished version is installed."),
        kind: ValueKind::OnOff,
        ways: &[
            "m10.13..15.4 updates AllowPreReleaseInstallation=false",
            "i18.. m15.4.. declare softwareupdate.settings Beta.ProgramEnrollment=AlwaysOff",
        ],
    },
    Switch {
        id: OFFER,
        group: Group::Updates,
        label: msg!("Offer beta programmes"),
        notice: msg!("Settings offers these programmes for unfinished systems; whoever has the device may join one or leave it."),
        limits: msg!(
            "It goes to devices of the system that a programme is for. People can still join programmes of their own account. A programme that Apple \
                 ends is left out."
        ),
        kind: ValueKind::BetaPrograms,
        ways: &["i18.. m15.4.. declare softwareupdate.settings Beta.OfferPrograms=$"],
    },
    Switch {
        id: ONLY_OWN,
        group: Group::Updates,
        label: msg!("Only beta programmes of the organisation"),
        notice: msg!("Nobody can join a beta programme by an account of their own; only what is offered here can be chosen."),
        limits: msg!("A beta that runs already stays until the finished version is installed."),
        kind: ValueKind::OnOff,
        ways: &["i18.. m15.4.. declare softwareupdate.settings Beta.ProgramEnrollment=AlwaysOn"],
    },
    Switch {
        id: REQUIRE,
        group: Group::Updates,
        label: msg!("Take part in a beta programme"),
        notice: msg!("The device takes part in this programme by itself, and nobody can leave it or join another one."),
        limits: msg!(
            "One for each system. It brings no beta by itself: a plan, an order or the person does. Of several policies the first by name counts."
        ),
        kind: ValueKind::BetaPrograms,
        ways: &["i18.. m15.4.. declare softwareupdate.settings Beta.RequireProgram=$"],
    },
    Switch {
        id: "quiet_updates",
        group: Group::Updates,
        label: msg!("Few messages about planned updates"),
        notice: msg!("Of an update with a deadline, people hear only in its last hour and before the restart."),
        limits: msg!("People who hear of it late have less time to save their work."),
        kind: ValueKind::OnOff,
        ways: &["i18.. m15.. t18.4.. v26.. declare softwareupdate.settings Notifications=false"],
    },
];
