//! The places of the rail, and the two beside it.

use super::icon::Icon;

/// The places of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What needs you.
    Today,
    /// Devices, one device, invitations.
    Devices,
    /// Managed apps and licences.
    Apps,
    /// OS releases and plans.
    Updates,
    /// Profiles and policies.
    Profiles,
    /// Groups by hand and by rule.
    Groups,
    /// People and classes.
    People,
    /// Set-up, certificates, tokens, jobs, who may log in.
    System,
    /// The classes that a teacher teaches; for others behind a class.
    Teaching,
    /// One's own log-in, behind one's name.
    Account,
}

impl Section {
    pub(super) const FIRST: [Self; 5] = [Self::Teaching, Self::Today, Self::Devices, Self::Apps, Self::Updates];
    /// Behind *More* at phone width.
    pub(super) const REST: [Self; 4] = [Self::Profiles, Self::Groups, Self::People, Self::System];

    /// Where it is.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Today => "/",
            Self::Devices => "/devices",
            Self::Apps => "/apps",
            Self::Updates => "/updates",
            Self::Profiles => "/profiles",
            Self::Groups => "/groups",
            Self::People => "/people",
            Self::System => "/system",
            Self::Teaching => "/teaching",
            Self::Account => "/account",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Today => t!("Today"),
            Self::Devices => t!("Devices"),
            Self::Apps => t!("Apps"),
            Self::Updates => t!("Updates"),
            Self::Profiles => t!("Profiles and policies"),
            Self::Groups => t!("Groups"),
            Self::People => t!("People and classes"),
            Self::System => t!("System"),
            Self::Teaching => t!("My classes"),
            Self::Account => t!("Your account"),
        }
    }

    pub(super) const fn icon(self) -> Icon {
        match self {
            Self::Today => Icon::Today,
            Self::Devices => Icon::Devices,
            Self::Apps => Icon::Apps,
            Self::Updates => Icon::Updates,
            Self::Profiles => Icon::Profiles,
            Self::Groups => Icon::Groups,
            Self::People | Self::Teaching | Self::Account => Icon::People,
            Self::System => Icon::System,
        }
    }
}
