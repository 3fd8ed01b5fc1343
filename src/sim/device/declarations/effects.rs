//! What active declarations do to the device: apps (beside this file), profiles, and OS updates with a deadline.

use serde_json::Value as Json;

use super::super::profiles::Source;
use super::super::{DEVICE, Device};
use crate::clock::Timestamp;
use crate::sim::model::{Release, Version};

pub(super) const LEGACY_PROFILE: &str = "com.apple.configuration.legacy";
const PASSCODE: &str = "com.apple.configuration.passcode.settings";
const ENFORCEMENT: &str = "com.apple.configuration.softwareupdate.enforcement.specific";

impl Device {
    /// Brings the device to what the active declarations of a channel want.
    pub(super) fn apply_declarations(&mut self, channel: usize, now: Timestamp) {
        let active = self.active_payloads(channel);
        self.apply_apps(channel, &active, now);
        self.apply_profiles(channel, &active);
        self.fetch_wanted(channel, &active, now);
        self.enforce_updates(now);
    }

    /// Identifier, type and payload of every active configuration.
    pub(super) fn active_payloads(&self, channel: usize) -> Vec<(String, String, Json)> {
        let held = &self.channels[channel].declarations.held;
        let active = self.judge(channel).into_iter().filter(|judgement| judgement.active && judgement.kind == "configuration");
        active
            .filter_map(|judgement| {
                let document = held.get(&judgement.identifier)?.document.as_ref()?;
                Some((judgement.identifier, document["Type"].as_str()?.to_owned(), document["Payload"].clone()))
            })
            .collect()
    }

    /// Profiles go with their declaration, or when nothing activates it any more; what could not be renewed stays as it was.
    fn apply_profiles(&mut self, channel: usize, active: &[(String, String, Json)]) {
        let declarations = &self.channels[channel].declarations;
        let stays = |declaration: &str| {
            active.iter().any(|(identifier, kind, _)| identifier == declaration && kind == LEGACY_PROFILE)
                || (declarations.held.contains_key(declaration) && declarations.could_not_fetch(declaration))
        };
        let gone = |source: &Source| matches!(source, Source::Declaration(own, declaration) if *own == channel && !stays(declaration));
        self.profiles.remove_where(|installed| gone(&installed.source));
    }

    /// Whether an active declaration wants a passcode.
    pub(crate) fn passcode_is_declared(&self) -> bool {
        let demands = |payload: &Json| {
            payload["RequirePasscode"].as_bool().unwrap_or(false) || payload["MinimumLength"].as_u64().is_some_and(|length| length > 0)
        };
        let active = (0..self.channels.len()).flat_map(|channel| self.active_payloads(channel));
        active.filter(|(_, kind, _)| kind == PASSCODE).any(|(_, _, payload)| demands(&payload))
    }

    /// What is wrong with an enforced update on this device.
    pub(super) fn enforcement_fault(&self, payload: &Json) -> Option<(&'static str, String)> {
        let invalid = |text: &str| Some(("Error.ConfigurationIsInvalid", text.to_owned()));
        let Some(target) = payload["TargetOSVersion"].as_str().and_then(Version::parse) else {
            return invalid("TargetOSVersion is missing or no version.");
        };
        if payload["TargetLocalDateTime"].as_str().and_then(local_time).is_none() {
            return invalid("TargetLocalDateTime is missing or not written as 2026-11-25T18:00:00.");
        }
        let current = self.facts.release.version;
        (target <= current)
            .then(|| ("Error.ConfigurationCannotBeApplied", format!("The device runs {current}, which is not older than {target}.")))
    }

    /// Begins the update whose deadline comes first: its download at once, its installation when the moment has come.
    pub(super) fn enforce_updates(&mut self, now: Timestamp) {
        self.channels[DEVICE].declarations.enforce_at = None;
        let mut wanted: Vec<_> = self
            .active_payloads(DEVICE)
            .into_iter()
            .filter(|(_, kind, _)| kind == ENFORCEMENT)
            .filter_map(|(identifier, _, payload)| {
                let deadline = payload["TargetLocalDateTime"].as_str().and_then(local_time)?;
                Some((deadline, identifier, enforced_release(self.facts.model.updates_after(self.facts.release.version), &payload)?))
            })
            .collect();
        wanted.sort_by_key(|(deadline, ..)| *deadline);
        let Some((deadline, identifier, release)) = wanted.into_iter().next() else { return };
        let is_begun = self.update.target == Some(release);
        if !is_begun || (deadline <= now && self.update.away_until().is_none()) {
            self.update.begin(release, deadline <= now, Some(identifier), now);
            self.away_until = self.away_until.max(self.update.away_until());
            if !is_begun {
                self.status_changed(now);
            }
        }
        self.channels[DEVICE].declarations.enforce_at = (deadline > now).then_some(deadline);
    }
}

/// The offered release that an enforcement names; the version counts, whatever build is named beside it.
fn enforced_release(offered: impl Iterator<Item = &'static Release>, payload: &Json) -> Option<&'static Release> {
    let version = payload["TargetOSVersion"].as_str().and_then(Version::parse)?;
    offered.into_iter().find(|release| release.version == version)
}

/// A local time without zone, as declarations write it; simulated devices live in UTC.
fn local_time(text: &str) -> Option<Timestamp> {
    let is_plain = text.len() == "2026-11-25T18:00:00".len() && text.is_ascii() && text.as_bytes()[10] == b'T';
    is_plain.then(|| Timestamp::parse(&format!("{text}Z"))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_have_neither_zone_nor_fraction() {
        assert_eq!(local_time("2026-11-25T18:00:00"), Timestamp::parse("2026-11-25T18:00:00Z"));
        for wrong in ["2026-11-25T18:00:00Z", "2026-11-25T18:00:00+01:00", "2026-11-25 18:00:00", "2026-11-25", "soon"] {
            assert_eq!(local_time(wrong), None, "{wrong}");
        }
    }
}
