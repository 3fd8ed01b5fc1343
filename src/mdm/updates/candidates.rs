//! Which releases a device can have: those above what it runs that Apple still signs, made for its hardware. Pure, but for the reading.

use std::collections::BTreeMap;

use crate::clock::{Day, Timestamp};
use crate::error::Result;
use crate::protocol::lookup::listed_under;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::devices::Device;
use crate::store::releases::{self, Offered, ReleaseKey};

/// What of a device decides which releases it can have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The family of its system.
    pub platform: Platform,
    /// What it runs, with the letters of an improvement.
    pub version: OsVersion,
    /// The build that it runs, without an improvement.
    pub build: String,
    /// `iPad13,18`; Macs are not listed by it.
    pub product_name: String,
    /// SoftwareUpdateDeviceID: `J413AP`; empty where the device has not said.
    pub device_id: String,
}

impl Subject {
    /// The names under which the lists may hold it.
    fn names(&self) -> Vec<&str> {
        let is_mac = self.platform == Platform::Macos;
        let product_name = if is_mac { "" } else { self.product_name.as_str() };
        [self.device_id.as_str(), product_name].into_iter().filter(|name| !name.is_empty()).collect()
    }

    /// The same, for those who keep them.
    pub fn listed_names(&self) -> Vec<String> {
        self.names().into_iter().map(str::to_owned).collect()
    }

    /// What the names of hardware begin with that this device may be compared with: `iPad`; nothing for a Mac, whose boards have no family.
    fn family(&self) -> &str {
        let end = self.product_name.find(|letter: char| letter.is_ascii_digit()).unwrap_or_default();
        if self.platform == Platform::Macos { "" } else { &self.product_name[..end] }
    }
}

/// Reads what of a device decides which releases it can have.
pub fn subject(tx: &Tx, device: &Device) -> Result<Subject> {
    let facts = releases::facts_of_device(tx, &device.id)?;
    let extra = facts.extra.unwrap_or_default();
    Ok(Subject {
        platform: device.platform,
        version: OsVersion::parse(&device.os_version).with_extra(&extra),
        build: device.build_version.clone(),
        product_name: device.product_name.clone(),
        device_id: facts.device_id.unwrap_or_default(),
    })
}

/// What kind of step a release is for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpdateStep)]
pub enum Leap {
    /// The first number is another one.
    Major,
    /// The first number stays.
    Minor,
    /// A background security improvement to what it runs.
    Improvement,
}

/// A release that a device can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub key: ReleaseKey,
    /// Its version, to be compared.
    pub version: OsVersion,
    /// What kind of step it is.
    pub leap: Leap,
    /// The day on which Apple posted it.
    pub posted: Option<Day>,
    /// The day on which it was first seen here.
    pub appeared: Option<Day>,
    /// The last day on which Apple signs it; none where it does not end.
    pub expires: Option<Day>,
    /// Whether it is in the list for managed devices.
    pub managed: bool,
}

/// Why it cannot be said which releases a device can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// No list was ever read.
    NoList,
    /// The device has not said what it runs.
    Version,
    /// A Mac has not said which board it has, and the list names boards.
    Board,
    /// The list does not name this hardware; lists have been incomplete before, so that this says nothing of it.
    NotListed,
}

impl Unknown {
    /// Why, as a sentence without a full stop.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoList => t!("Apple’s list of releases has not been read yet"),
            Self::Version => t!("it has not said which version it runs"),
            Self::Board => {
                t!(
                    "the Mac has not said which board it has, by which Apple lists Macs; macOS 12 and later say so with the next inventory, and older ones are asked what they find"
                )
            }
            Self::NotListed => t!("Apple’s list does not name this hardware, which says nothing of it: the list is sometimes incomplete"),
        }
    }
}

/// Which releases a device can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// That cannot be said.
    Unknown(Unknown),
    /// These, newest first; none where it is up to date.
    Known(Vec<Candidate>),
}

/// Picks from what the lists offer to a device's names, on a day.
pub fn pick(subject: &Subject, offered: &[Offered], today: Day) -> Found {
    if !subject.version.is_known() {
        return Found::Unknown(Unknown::Version);
    }
    if subject.platform == Platform::Macos && subject.device_id.is_empty() {
        return Found::Unknown(Unknown::Board);
    }
    if offered.is_empty() {
        return Found::Unknown(Unknown::NotListed);
    }
    let candidate = |offered: &Offered| {
        let version = offered.key.os_version();
        let is_signed = offered.expires.is_none_or(|last| today <= last);
        let fits = offered.key.prerequisite.is_empty() || offered.key.prerequisite == subject.build;
        if !is_signed || !fits || !subject.version.is_older_than(version) {
            return None;
        }
        let leap = match (offered.key.prerequisite.is_empty(), version.major() == subject.version.major()) {
            (false, _) => Leap::Improvement,
            (true, true) => Leap::Minor,
            (true, false) => Leap::Major,
        };
        let Offered { key, posted, appeared, expires, managed } = offered.clone();
        Some(Candidate { key, version, leap, posted, appeared, expires, managed })
    };
    let mut candidates: Vec<_> = offered.iter().filter_map(candidate).collect();
    candidates.sort_by(|a, b| (b.version, b.posted, &b.key).cmp(&(a.version, a.posted, &a.key)));
    // A version that was built again is offered as what was posted last.
    candidates.dedup_by(|later, first| later.version == first.version);
    Found::Known(candidates)
}

/// What was worked out for devices of one kind, kept for the next of it.
#[derive(Debug, Default)]
pub struct Memo {
    found: BTreeMap<Subject, Found>,
    has_list: Option<bool>,
}

/// Which releases a device can have now.
pub fn of(tx: &Tx, subject: &Subject, memo: &mut Memo) -> Result<Found> {
    if let Some(found) = memo.found.get(subject) {
        return Ok(found.clone());
    }
    let has_list = match memo.has_list {
        Some(has_list) => has_list,
        None => *memo.has_list.insert(releases::any(tx)?),
    };
    let found = match listed_under(subject.platform) {
        Some(_) if !has_list => Found::Unknown(Unknown::NoList),
        Some(platform) => pick(subject, &releases::offered(tx, platform, &subject.names())?, Day::of(tx.now)),
        None => Found::Unknown(Unknown::Version),
    };
    memo.found.insert(subject.clone(), found.clone());
    Ok(found)
}

/// The newest generation that this hardware can have, where its kind has a newer one.
pub fn ends_at(tx: &Tx, subject: &Subject) -> Result<Option<u32>> {
    let Some(platform) = listed_under(subject.platform) else { return Ok(None) };
    let newest = |versions: &mut dyn Iterator<Item = String>| versions.filter_map(|version| OsVersion::parse(&version).major()).max();
    let own = releases::offered(tx, platform, &subject.names())?;
    let Some(own) = newest(&mut own.into_iter().map(|offered| offered.key.version)) else { return Ok(None) };
    // Whatever the list says, it can have what it runs.
    let own = own.max(subject.version.major().unwrap_or_default());
    // A release of which Apple did not say for whom it is may be for this one.
    let unsaid = newest(&mut releases::offered(tx, platform, &[""])?.into_iter().map(|offered| offered.key.version));
    let kind = newest(&mut releases::of_family(tx, platform, subject.family())?.into_iter());
    Ok(kind.filter(|kind| *kind > own && unsaid.is_none_or(|unsaid| unsaid <= own)).map(|_| own))
}

/// From when a person sees a release that is held back for so many days.
pub fn visible_from(candidate: &Candidate, days: Option<u32>) -> Option<Day> {
    let posted = candidate.posted?;
    days.map(|days| posted.plus(i32::try_from(days).unwrap_or(i32::MAX)))
}

/// The first moment at which what a device can have may change by itself: a candidate expires.
pub fn changes_at(found: &Found) -> Option<Timestamp> {
    let Found::Known(candidates) = found else { return None };
    candidates.iter().filter_map(|candidate| candidate.expires).map(Day::end).min()
}

#[cfg(test)]
mod tests;
