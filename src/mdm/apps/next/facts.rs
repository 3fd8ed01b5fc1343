//! Everything besides the row that decides about an app on a device.

use crate::clock::Timestamp;
use crate::mdm::reconcile::step::UnderWay;
use crate::store::app_states::AppState;

/// How the licence for it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenceFact {
    /// It needs none.
    Free,
    /// It was not asked for.
    Missing,
    /// It is on its way.
    Pending(String),
    /// It is there.
    Held,
    /// There is none, or getting one failed; why.
    Short(String),
}

impl LicenceFact {
    /// Whether the app may be sent.
    pub const fn is_enough(&self) -> bool {
        matches!(self, Self::Free | Self::Held)
    }
}

/// The newest version there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// The App Store's number of it.
    pub external: Option<i64>,
    /// CFBundleVersion of one of the house.
    pub version: String,
}

impl Newest {
    /// Whether the device has an older one; never while either is unknown.
    pub fn is_newer_than(&self, row: &AppState) -> bool {
        match (self.external, row.external_version) {
            (Some(newest), Some(there)) => newest > there,
            (Some(_), None) => false,
            (None, _) => !self.version.is_empty() && !row.version.is_empty() && self.version != row.version,
        }
    }

    /// The word that marks an update to it.
    pub fn key(&self) -> String {
        self.external.map_or_else(|| self.version.clone(), |number| number.to_string())
    }
}

/// What is wanted of an app that is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Digest of everything that the device is told of it.
    pub digest: String,
    /// Whether it is to be there now: required, or asked for.
    pub installs: bool,
    /// The newest version, where that is known.
    pub newest: Option<Newest>,
}

/// Everything besides the row that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What is wanted; none: it is to go.
    pub want: Option<Want>,
    /// How the licence stands.
    pub licence: LicenceFact,
    /// How the command stands that was sent.
    pub under_way: UnderWay,
    /// Whether an update may be sent now.
    pub may_update: bool,
    /// When that changes, if it may not.
    pub updates_at: Option<Timestamp>,
    /// Whether what the person installed is taken over without asking.
    pub take_over: bool,
    /// Whether the system only takes apps and never lists them as managed: being there is enough.
    pub by_presence: bool,
    /// Whether the system manages apps at all; one that does not can neither be asked how far they are nor be told to remove one.
    pub is_managed_there: bool,
    /// What is missing for it that only somebody can give, in words: until then it stays as it is.
    pub lack: Option<String>,
    /// Whether that is that nobody has signed in at the device to the account that holds the licence.
    pub awaits_account: bool,
    /// Whether there is a redemption code that the device can be sent.
    pub has_code: bool,
}

impl Facts {
    /// Nothing is wanted, nothing is under way, nothing keeps anything from being done.
    pub const fn of_nothing() -> Self {
        Self {
            want: None,
            licence: LicenceFact::Free,
            under_way: UnderWay::Nothing,
            may_update: true,
            updates_at: None,
            take_over: false,
            by_presence: false,
            is_managed_there: true,
            lack: None,
            awaits_account: false,
            has_code: false,
        }
    }
}
