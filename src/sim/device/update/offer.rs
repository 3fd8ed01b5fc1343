//! Which releases a device can have, and which of them its person is not shown yet.

use std::time::Duration;

use serde_json::Value as Json;

use super::super::{DEVICE, Device};
use crate::clock::Timestamp;
use crate::protocol::plist::fields;
use crate::sim::model::{Platform, Posting, Postings, Release, Version};

const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";

/// The delay of the legacy restrictions where they name none, in days.
const USUAL_DELAY: i64 = 30;

/// A release that a device can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) release: &'static Release,
    /// The person is not shown it before.
    pub(crate) hidden_until: Option<Timestamp>,
    /// The person is not shown it at all.
    pub(crate) is_off: bool,
}

impl Offer {
    /// Whether the person is shown it.
    pub(crate) fn is_shown(&self, now: Timestamp) -> bool {
        !self.is_off && self.hidden_until.is_none_or(|until| until <= now)
    }
}

impl Device {
    /// Hears what Apple has posted, where nobody has told it yet.
    pub(crate) fn hear_of_releases(&mut self, now: Timestamp) {
        self.settings.releases.get_or_insert_with(|| Postings::as_of(now));
    }

    fn postings(&self) -> impl DoubleEndedIterator<Item = &Posting> {
        self.settings.releases.iter().flat_map(Postings::iter)
    }

    /// The releases that are posted for this model, signed, and newer than what it runs; newest first.
    pub(crate) fn newer_releases(&self, now: Timestamp) -> Vec<&'static Release> {
        let current = self.facts.release.rank();
        let newer = self.postings().rev().filter(|posting| posting.is_for(self.facts.model) && posting.is_signed(now));
        newer.map(|posting| posting.release).filter(|release| release.rank() > current).collect()
    }

    /// The releases that the device can take next, newest first; an improvement only on what it is for.
    pub(crate) fn offers(&self, now: Timestamp) -> Vec<Offer> {
        let posted_at = |release: &Release| self.postings().find(|posting| posting.release == release).map(|posting| posting.posted_at);
        let newer = self.newer_releases(now);
        let fitting = newer.into_iter().filter(|release| release.improvement.is_none() || release.build == self.facts.release.build);
        let offer = |release: &'static Release| {
            // An improvement is held back only with what it is for.
            let days = self.delay_days(release).filter(|_| release.improvement.is_none());
            let delay = days.map(|days| Duration::from_secs(86_400) * u32::try_from(days).unwrap_or(0));
            let hidden_until = delay.and_then(|delay| Some(posted_at(release)?.plus(delay))).filter(|until| *until > now);
            Offer { release, hidden_until, is_off: release.improvement.is_some() && !self.takes_improvements() }
        };
        fitting.map(offer).collect()
    }

    /// The releases that the person is shown, newest first: of those that are not held back, as the recommended cadence wants.
    pub(crate) fn shown_releases(&self, now: Timestamp) -> Vec<&'static Release> {
        let mut shown: Vec<_> = self.offers(now).into_iter().filter(|offer| offer.is_shown(now)).map(|offer| offer.release).collect();
        let major = self.facts.release.version.0;
        match self.declared_settings().last().and_then(|settings| settings["RecommendedCadence"].as_str().map(str::to_owned)).as_deref() {
            Some("Newest") => shown.truncate(1),
            Some("Oldest") if shown.iter().any(|release| release.version.0 == major) => {
                shown.retain(|release| release.version.0 == major);
            }
            _ => {}
        }
        shown
    }

    /// The versions that the person is shown in Settings, newest first.
    pub fn shown_updates(&self, now: Timestamp) -> Vec<String> {
        self.shown_releases(now).into_iter().map(Release::full_text).collect()
    }

    /// The payloads of the active declarations about updates.
    pub(crate) fn declared_settings(&self) -> Vec<Json> {
        let active = self.active_payloads(DEVICE).into_iter();
        active.filter(|(_, kind, _)| kind == SETTINGS).map(|(_, _, payload)| payload).collect()
    }

    /// For how many days after its posting a release is held back; declarations win over restrictions, of several the longest.
    fn delay_days(&self, release: &Release) -> Option<i64> {
        let settings = self.declared_settings();
        let declared = |key: &str| settings.iter().filter_map(|payload| payload["Deferrals"][key].as_i64()).max();
        let is_major = release.version.0 != self.facts.release.version.0;
        if settings.iter().any(|payload| payload["Deferrals"].is_object()) {
            return match (self.facts.release.platform, is_major) {
                (Platform::Macos, true) => declared("MajorPeriodInDays"),
                (Platform::Macos, false) => declared("MinorPeriodInDays"),
                _ => declared("CombinedPeriodInDays"),
            };
        }
        self.legacy_delay_days(is_major)
    }

    fn legacy_delay_days(&self, is_major: bool) -> Option<i64> {
        let (all, _) = self.effective_restrictions();
        let value = |part: &str, key: &str| fields::dictionary(fields::dictionary(&all, part)?, key)?.get("value").cloned();
        let is_on = |key: &str| value("restrictedBool", key).and_then(|value| value.as_boolean()) == Some(true);
        let days = |key: &str| value("restrictedValue", key).and_then(|value| value.as_signed_integer());
        let all_days = days("enforcedSoftwareUpdateDelay").unwrap_or(USUAL_DELAY);
        let is_parted = self.facts.release.platform == Platform::Macos && self.facts.release.version >= Version(11, 3, 0);
        let (force, own) = match (is_parted, is_major) {
            (true, true) => ("forceDelayedMajorSoftwareUpdates", "enforcedSoftwareUpdateMajorOSDeferredInstallDelay"),
            (true, false) => ("forceDelayedSoftwareUpdates", "enforcedSoftwareUpdateMinorOSDeferredInstallDelay"),
            (false, _) => ("forceDelayedSoftwareUpdates", "enforcedSoftwareUpdateDelay"),
        };
        is_on(force).then(|| days(own).unwrap_or(all_days))
    }

    /// Whether the person may have background security improvements.
    fn takes_improvements(&self) -> bool {
        let is_off = |payload: &Json| payload["RapidSecurityResponse"]["Enable"].as_bool() == Some(false);
        let declared = self.declared_settings();
        if declared.iter().any(|payload| payload["RapidSecurityResponse"].is_object()) {
            return !declared.iter().any(is_off);
        }
        self.restriction("allowRapidSecurityResponseInstallation") != Some(Json::Bool(false))
    }
}
