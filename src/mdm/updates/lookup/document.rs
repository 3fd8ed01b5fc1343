//! A document of the lookup service as releases: what stands in several lists is one release with several offers.

use std::collections::BTreeMap;

use crate::clock::{Day, Timestamp};
use crate::language;
use crate::protocol::lookup::{self, LookupError};
use crate::store::releases::{Offer, ReleaseKey};

/// How many days ahead a release may be dated: clocks differ, and Apple's days begin elsewhere.
pub const AHEAD_MAX_DAYS: i32 = 7;

/// The latest day on which a release can have been posted.
pub(super) fn latest_posting(now: Timestamp) -> Day {
    Day::of(now).plus(AHEAD_MAX_DAYS)
}

/// A document that was read and folded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// Every release with its offers, sorted.
    pub releases: BTreeMap<ReleaseKey, Vec<Offer>>,
    /// What was passed over, in words for people.
    pub passed_over: Vec<String>,
}

impl Document {
    /// Reads a document. It may take a tenth of a second: call it before the transaction.
    pub fn read(bytes: &[u8]) -> Result<Self, LookupError> {
        let lookup = lookup::read(bytes)?;
        let mut releases: BTreeMap<ReleaseKey, Vec<Offer>> = BTreeMap::new();
        for entry in lookup.entries {
            let key = ReleaseKey {
                platform: entry.platform,
                version: entry.version,
                extra: entry.extra,
                build: entry.build,
                prerequisite: entry.prerequisite,
            };
            let offer = Offer { list: entry.list, posted: entry.posted, expires: entry.expires, devices: entry.devices };
            releases.entry(key).or_default().push(offer);
        }
        for offers in releases.values_mut() {
            offers.sort_unstable();
            offers.dedup();
        }
        Ok(Self { releases, passed_over: lookup.passed_over })
    }

    /// Without what is dated so far in the future that nobody can have posted it: a release that does not exist would be offered first of all, and every
    /// genuine list would be older than it.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        let last = latest_posting(now);
        for (key, offers) in &mut self.releases {
            for posted in offers.extract_if(.., |offer| offer.posted.is_some_and(|posted| posted > last)).filter_map(|offer| offer.posted) {
                let words = t!(
                    "{platform}, {os_version}: it is dated {posted}, which is still to come",
                    platform = key.platform,
                    os_version = key.os_version(),
                    posted = language::date(posted.words())
                );
                if self.passed_over.len() < lookup::MAX_PASSED_OVER && !self.passed_over.contains(&words) {
                    self.passed_over.push(words);
                }
            }
        }
        self.releases.retain(|_, offers| !offers.is_empty());
        self
    }

    /// The day on which the newest release in it was posted; none where it says no such days.
    pub fn newest_posted(&self) -> Option<Day> {
        self.releases.values().flatten().filter_map(|offer| offer.posted).max()
    }

    /// The last day on which anything in it was good, where that is over for all of it.
    pub fn expired_by(&self, now: Timestamp) -> Option<Day> {
        let expires: Option<Vec<Day>> = self.releases.values().flatten().map(|offer| offer.expires).collect();
        expires?.into_iter().max().filter(|last| last.end() <= now)
    }
}
