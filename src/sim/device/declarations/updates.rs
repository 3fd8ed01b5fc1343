//! OS updates with a deadline: what is wrong with such a declaration, which of several comes first, and what is told of it.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::update::Cause;
use super::super::{DEVICE, Device};
use crate::clock::Timestamp;
use crate::sim::model::{Platform, Release, Version};

const ENFORCEMENT: &str = "com.apple.configuration.softwareupdate.enforcement.specific";

/// How long after its return a device waits whose deadline passed while it was off.
const AFTER_RETURN: Duration = Duration::from_secs(3600);

/// An update that an active declaration enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Enforced {
    deadline: Timestamp,
    identifier: String,
    /// The deadline as it is written.
    written: String,
    release: &'static Release,
}

impl Device {
    /// What is wrong with an enforced update on this device.
    pub(super) fn enforcement_fault(&self, payload: &Json) -> Option<(&'static str, String)> {
        let invalid = |text: &str| Some(("Error.ConfigurationIsInvalid", text.to_owned()));
        let Some(target) = payload["TargetOSVersion"].as_str().and_then(Version::parse) else {
            return invalid("TargetOSVersion is missing or no version.");
        };
        if payload["TargetLocalDateTime"].as_str().and_then(|text| self.local_time(text)).is_none() {
            return invalid("TargetLocalDateTime is missing or not written as 2026-11-25T18:00:00.");
        }
        let current = self.facts.release;
        // The same version may be meant with an improvement on top, which only its build tells.
        let is_improvement = target == current.version && self.improvement_of(payload).is_some_and(|wanted| wanted.rank() > current.rank());
        (target <= current.version && !is_improvement).then(|| {
            let text = format!("The device runs {}, which is not older than {target}.", current.full_text());
            ("Error.ConfigurationCannotBeApplied", text)
        })
    }

    /// A local time without zone and fraction, as declarations write it, in the device's own zone.
    fn local_time(&self, text: &str) -> Option<Timestamp> {
        const FORM: &[u8] = b"dddd-dd-ddTdd:dd:dd";
        let fits = |(letter, form): (u8, &u8)| if *form == b'd' { letter.is_ascii_digit() } else { letter == *form };
        if text.len() != FORM.len() || !text.bytes().zip(FORM).all(fits) {
            return None;
        }
        let seconds: u64 = text[17..].parse().ok().filter(|seconds| *seconds < 60)?;
        Some(self.zone().read(&text[..16])?.plus(Duration::from_secs(seconds)))
    }

    /// The improvement that the build of an enforcement names, as far as anything is posted.
    fn improvement_of(&self, payload: &Json) -> Option<&'static Release> {
        let build = payload["TargetBuildVersion"].as_str()?;
        let postings = self.settings.releases.as_ref()?;
        let mut improvements = postings.iter().filter(|posting| posting.release.improvement.is_some());
        improvements
            .find(|posting| posting.release.full_build() == build && posting.is_for(self.facts.model))
            .map(|posting| posting.release)
    }

    /// What the active declarations enforce and the device can have, earliest deadline first.
    fn enforced(&self, now: Timestamp) -> Vec<Enforced> {
        let newer = self.newer_releases(now);
        let combines = match self.facts.release.platform {
            Platform::Macos => self.facts.release.version.0 >= 15,
            _ => self.facts.release.version.0 >= 18,
        };
        let active = self.active_payloads(DEVICE).into_iter().filter(|(_, kind, _)| kind == ENFORCEMENT);
        let mut wanted: Vec<_> = active
            .filter_map(|(identifier, _, payload)| {
                let written = payload["TargetLocalDateTime"].as_str()?.to_owned();
                let release = enforced_release(&newer, &payload, self.facts.release.build, combines)?;
                Some(Enforced { deadline: self.local_time(&written)?, identifier, written, release })
            })
            .collect();
        wanted.sort_by_key(|enforced| enforced.deadline);
        wanted
    }

    /// Whether an active declaration has an update in its hands, so that commands are ignored.
    pub(crate) fn update_is_declared(&self) -> bool {
        self.active_payloads(DEVICE).iter().any(|(_, kind, _)| kind == ENFORCEMENT)
    }

    /// Begins the update whose deadline comes first, installs it when the moment has come, and ends what nobody declares any more.
    pub(crate) fn enforce_updates(&mut self, now: Timestamp) {
        self.channels[DEVICE].declarations.enforce_at = None;
        let first = self.enforced(now).into_iter().next();
        if self.update.is_installing() {
            return;
        }
        let Some(first) = first else {
            if matches!(self.update.cause, Cause::Declaration(..)) {
                self.cancel_update(now);
            }
            return;
        };
        let cause = Cause::Declaration(first.identifier.clone(), first.written.clone());
        if self.update.target != Some(first.release) || self.update.cause != cause {
            let kept = self.update.not_before.filter(|_| self.update.target == Some(first.release));
            self.plan_declared(first.release, &first.identifier, &first.written, now);
            self.update.not_before = kept.or_else(|| (first.deadline <= now).then(|| now.plus(AFTER_RETURN)));
        }
        let due = first.deadline.max(self.update.not_before.unwrap_or_default());
        if due > now {
            self.channels[DEVICE].declarations.enforce_at = Some(due);
        } else if self.update.rests() || self.update.is_coming() {
            self.install_now(due);
        }
    }

    /// The device was off when a deadline passed: its update comes an hour later.
    pub(crate) fn miss_deadline(&mut self, now: Timestamp) {
        let Cause::Declaration(_, written) = &self.update.cause else { return };
        let has_passed = self.local_time(written).is_some_and(|deadline| deadline <= now);
        let waits = self.update.rests() || self.update.is_coming();
        if has_passed && waits && self.update.not_before.is_none() && self.update.failure.count == 0 {
            self.update.not_before = Some(now.plus(AFTER_RETURN));
        }
    }

    /// The status items about updates.
    pub(super) fn update_status(&self, item: &str) -> Option<Json> {
        let update = &self.update;
        Some(match item {
            "softwareupdate.device-id" => json!(self.facts.model.software_update_device_id()),
            "softwareupdate.install-state" => json!(update.status_state()),
            "softwareupdate.pending-version" => {
                let pending = update.target.map_or(("", ""), |release| (release.text, release.full_build()));
                let mut value = json!({ "os-version": pending.0, "build-version": pending.1 });
                if let Cause::Declaration(_, deadline) = &update.cause {
                    value["target-local-date-time"] = json!(deadline);
                }
                value
            }
            "softwareupdate.install-reason" => match (&update.cause, update.target) {
                (_, None) => json!({ "reason": [], "declaration-id": "" }),
                (Cause::Declaration(declaration, _), _) => json!({ "reason": ["declaration"], "declaration-id": declaration }),
                (Cause::Command, _) => json!({ "reason": ["mdm"], "declaration-id": "" }),
                (Cause::Person, _) => json!({ "reason": ["system-settings"], "declaration-id": "" }),
            },
            "softwareupdate.failure-reason" => {
                let failure = &update.failure;
                let timestamp = failure.at.map_or_else(String::new, |at| at.to_string());
                json!({ "count": failure.count, "reason": failure.reason, "timestamp": timestamp })
            }
            "softwareupdate.beta-enrollment" => json!(self.beta().unwrap_or_default()),
            _ => return None,
        })
    }
}

/// The release that an enforcement names among those that are newer: its version counts, and its build where both agree. Where only the version is
/// named, the newest improvement of it comes along on systems that combine the two.
fn enforced_release(newer: &[&'static Release], payload: &Json, current_build: &str, combines: bool) -> Option<&'static Release> {
    let version = payload["TargetOSVersion"].as_str().and_then(Version::parse)?;
    let can_have = |release: &&&'static Release| release.improvement.is_none() || combines || release.build == current_build;
    let of_version: Vec<&'static Release> = newer.iter().filter(|release| release.version == version).filter(can_have).copied().collect();
    let by_build = payload["TargetBuildVersion"].as_str().and_then(|build| of_version.iter().find(|release| release.full_build() == build));
    by_build.or_else(|| of_version.first()).copied()
}
