//! The guided switches: what each is called, what a person will notice, what it does not cover, and by which mechanism which system gets it.

mod apps;
mod device;
mod intelligence;
mod open_in;
mod passcode;
mod privacy;
mod safari;
mod updates;

use serde::Serialize;
use utoipa::ToSchema;

use super::ways;

/// Switches that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What is the organisation's stays with the organisation.
    OpenIn,
    /// What can be installed, opened and removed.
    Apps,
    /// What the device itself can do.
    Device,
    /// What can be seen without unlocking.
    LockScreen,
    /// How the device is unlocked.
    Passcode,
    /// What is kept where.
    Privacy,
    /// The browser and what it fills in.
    Safari,
    /// Apple Intelligence and Siri.
    Intelligence,
    /// What people are shown of new systems, and what comes by itself.
    Updates,
}

impl Group {
    /// Every group, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::OpenIn,
        Self::Updates,
        Self::Apps,
        Self::Device,
        Self::LockScreen,
        Self::Passcode,
        Self::Privacy,
        Self::Safari,
        Self::Intelligence,
    ];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::OpenIn => t!("Managed Open In"),
            Self::Apps => t!("Apps"),
            Self::Device => t!("Device"),
            Self::LockScreen => t!("Lock screen"),
            Self::Passcode => t!("Passcode"),
            Self::Privacy => t!("Backup, iCloud and privacy"),
            Self::Safari => t!("Safari and passwords"),
            Self::Intelligence => t!("Apple Intelligence and Siri"),
            Self::Updates => t!("Software updates"),
        }
    }

    /// What it is about, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::OpenIn => {
                t!(
                    "Keeps documents of managed apps and accounts in managed apps and accounts. Managed is what Rollcall installed: apps, accounts \
                 from profiles, and downloads from your web domains."
                )
            }
            Self::Apps => t!("What people can install, open and remove. Apps that you assign are installed all the same."),
            Self::Device => t!("What people can do with the device and change about it."),
            Self::LockScreen => t!("What can be seen and done without unlocking the device."),
            Self::Passcode => t!("Rules for the code that unlocks the device. Each of them also requires that there is a passcode."),
            Self::Privacy => t!("Where copies of the device's data may go."),
            Self::Safari => t!("The browser, and what it fills in."),
            Self::Updates => {
                t!(
                    "What people are shown of new systems, and what comes by itself. Updates that you order or plan come all the same, also those that \
                 are held back."
                )
            }
            Self::Intelligence => t!("What writes, draws and summarises, and what leaves the device for it."),
        }
    }
}

/// What a switch is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// On, or absent.
    OnOff,
    /// A whole number between two bounds, with what it counts.
    Number(i64, i64, &'static str),
    /// One of several numbers, each with its words.
    Choice(&'static [(i64, &'static str)]),
    /// One of several words, each with what it is to people.
    Word(&'static [(&'static str, &'static str)]),
    /// Bundle ids of apps.
    Apps,
    /// Patterns of web domains.
    WebDomains,
    /// Domains of mail addresses.
    MailDomains,
    /// Ids of beta programmes.
    BetaPrograms,
}

/// One guided switch.
#[derive(Debug)]
pub struct Switch {
    /// What settings call it.
    pub id: &'static str,
    /// Where it belongs.
    pub group: Group,
    /// What people call it.
    pub label: &'static str,
    /// What a person at the device will notice.
    pub notice: &'static str,
    /// What it does not cover.
    pub limits: &'static str,
    /// What it is set to.
    pub kind: ValueKind,
    /// By which mechanism which system gets it, as [`ways`] reads it.
    pub(super) ways: &'static [&'static str],
}

impl Switch {
    /// By which mechanism which system gets it.
    pub fn ways(&self) -> &'static [ways::Way] {
        ways::of(self.id)
    }
}

/// Every switch, in the order in which they are shown.
pub fn all() -> impl Iterator<Item = &'static Switch> {
    [
        open_in::SWITCHES,
        apps::SWITCHES,
        device::SWITCHES,
        device::LOCK_SCREEN,
        passcode::SWITCHES,
        privacy::SWITCHES,
        safari::SWITCHES,
        intelligence::SWITCHES,
        updates::SWITCHES,
    ]
    .into_iter()
    .flatten()
}

/// The switch of this id.
pub fn find(id: &str) -> Option<&'static Switch> {
    all().find(|switch| switch.id == id)
}
