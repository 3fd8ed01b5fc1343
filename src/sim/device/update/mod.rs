//! The OS update of a device: downloaded, put off, asked for and installed over time, whoever wanted it.

mod deeds;
mod offer;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::sim::model::{Platform, Release};

pub(crate) use self::deeds::Order;
pub(crate) use self::offer::Offer;

/// How long a declared update waits before the device begins to download it.
pub(crate) const BEGINS_AFTER: Duration = Duration::from_secs(60);

/// How long a download takes.
pub(crate) const DOWNLOAD: Duration = Duration::from_secs(120);

/// How long an installation takes; the device is away meanwhile.
pub(crate) const INSTALL: Duration = Duration::from_secs(240);

/// How long a device waits before it tries again by itself what a declaration wants.
pub(crate) const RETRY: Duration = Duration::from_secs(900);

/// Where a download stays that never ends, from 0 to 1.
const STALLED_AT: f64 = 0.3;

/// Who wants the update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A command of the server.
    #[default]
    Command,
    /// The declaration with this identifier, and its deadline as it is written there.
    Declaration(String, String),
    /// The person who has the device.
    Person,
}

/// What follows the download.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing, until somebody orders it.
    #[default]
    Nothing,
    /// The person is asked.
    Ask,
    /// It is installed.
    Install,
    /// It is installed by night; the person may put it off so often.
    Later(u32),
}

/// Where the update stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct OsUpdate {
    stage: Stage,
    /// What is downloaded or installed.
    pub(crate) target: Option<&'static Release>,
    then: Then,
    pub(crate) cause: Cause,
    /// A Mac without a token of its own was unlocked for this update by somebody who may.
    authorized: bool,
    /// How often the person may put it off, and when they were told so far.
    pub(crate) max_deferrals: Option<u32>,
    pub(crate) told_at: Vec<Timestamp>,
    /// An update whose deadline passed while the device was off is not installed before.
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) failure: Failure,
}

/// What went wrong with the update so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) count: u32,
    pub(crate) reason: String,
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// The download begins then.
    Planned(Timestamp),
    Downloading(Timestamp),
    /// A download that never ends.
    Stalled,
    Downloaded,
    /// The person answers then.
    Asking(Timestamp),
    /// It is tried then.
    Waiting(Timestamp),
    Installing(Timestamp),
}

/// What the device does at the end of a stage, with the moment at which that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Milestone {
    /// The download is to begin.
    Planned(Timestamp),
    /// The download ended.
    Downloaded(Timestamp),
    /// The person answered.
    Answered(Timestamp),
    /// It is to be tried.
    Due(Timestamp),
    /// The installation ended, well or not.
    Ended(Timestamp),
}

impl OsUpdate {
    /// Plans the download of `target`.
    pub(crate) fn plan(&mut self, target: &'static Release, then: Then, cause: Cause, at: Timestamp) {
        let failure = if self.target == Some(target) { std::mem::take(&mut self.failure) } else { Failure::default() };
        *self = Self { stage: Stage::Planned(at), target: Some(target), then, cause, failure, ..Self::default() };
    }

    /// Begins the download; one that `stalls` never ends.
    fn download(&mut self, at: Timestamp, stalls: bool) {
        self.stage = if stalls { Stage::Stalled } else { Stage::Downloading(at.plus(DOWNLOAD)) };
    }

    /// Lets time pass: the stage that ended by `now`, one at a time.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Option<Milestone> {
        let (milestone, next) = match self.stage {
            Stage::Planned(at) if at <= now => (Milestone::Planned(at), Stage::Idle),
            Stage::Downloading(at) if at <= now => (Milestone::Downloaded(at), Stage::Downloaded),
            Stage::Asking(at) if at <= now => (Milestone::Answered(at), Stage::Downloaded),
            Stage::Waiting(at) if at <= now => (Milestone::Due(at), Stage::Downloaded),
            Stage::Installing(at) if at <= now => (Milestone::Ended(at), Stage::Downloaded),
            _ => return None,
        };
        self.stage = next;
        Some(milestone)
    }

    /// When the present stage ends by itself.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Planned(at) | Stage::Downloading(at) | Stage::Asking(at) | Stage::Waiting(at) | Stage::Installing(at) => Some(at),
            Stage::Idle | Stage::Stalled | Stage::Downloaded => None,
        }
    }

    /// Until when the device is away because it installs.
    pub(crate) fn away_until(&self) -> Option<Timestamp> {
        if let Stage::Installing(until) = self.stage { Some(until) } else { None }
    }

    /// Whether it is being installed.
    pub(crate) fn is_installing(&self) -> bool {
        matches!(self.stage, Stage::Installing(_))
    }

    /// Whether the download is complete.
    pub(crate) fn is_downloaded(&self) -> bool {
        matches!(self.stage, Stage::Downloaded | Stage::Asking(_) | Stage::Waiting(_) | Stage::Installing(_))
    }

    /// Whether it is downloaded and nothing more is planned.
    pub(crate) fn rests(&self) -> bool {
        self.stage == Stage::Downloaded
    }

    /// Whether it is on its way to be downloaded.
    pub(crate) fn is_coming(&self) -> bool {
        matches!(self.stage, Stage::Planned(_) | Stage::Downloading(_) | Stage::Stalled)
    }

    /// When it is tried next, where that is planned.
    pub(crate) fn tried_at(&self) -> Option<Timestamp> {
        if let Stage::Waiting(at) = self.stage { Some(at) } else { None }
    }

    /// How often the person may still put it off.
    pub(crate) fn deferrals_left(&self) -> Option<u32> {
        if let (Some(_), Then::Later(left)) = (self.max_deferrals, self.then) { Some(left) } else { None }
    }

    /// How much is downloaded, from 0 to 1.
    pub(crate) fn progress(&self, now: Timestamp) -> f64 {
        match self.stage {
            Stage::Idle | Stage::Planned(_) => 0.0,
            Stage::Stalled => STALLED_AT,
            Stage::Downloading(until) => 1.0 - until.since(now).as_secs_f64() / DOWNLOAD.as_secs_f64(),
            _ => 1.0,
        }
    }

    /// The status as OSUpdateStatus spells it.
    pub(crate) fn command_status(&self) -> &'static str {
        match self.stage {
            Stage::Downloading(_) | Stage::Stalled => "Downloading",
            Stage::Installing(_) => "Installing",
            _ => "Idle",
        }
    }

    /// The state as the status item `softwareupdate.install-state` spells it.
    pub(crate) fn status_state(&self) -> &'static str {
        match self.stage {
            Stage::Idle | Stage::Planned(_) => "none",
            Stage::Downloading(_) | Stage::Stalled => "downloading",
            Stage::Waiting(_) if self.failure.count > 0 => "failed",
            Stage::Downloaded | Stage::Asking(_) | Stage::Waiting(_) => "prepared",
            Stage::Installing(_) => "installing",
        }
    }

    /// One more thing went wrong.
    fn failed(&mut self, reason: &str, at: Timestamp) {
        self.failure = Failure { count: self.failure.count + 1, reason: reason.to_owned(), at: Some(at) };
    }
}

/// The key under which commands name a release.
pub(crate) fn product_key(release: &Release) -> String {
    match release.platform {
        Platform::Macos => format!("MSU_UPDATE_{}_patch_{}_minor", release.full_build(), release.text),
        _ => format!("iOSUpdate{}", release.full_build()),
    }
}

/// How large a release is to download, in bytes; old ones are small.
pub(crate) fn download_bytes(release: &Release) -> u64 {
    const OLD: u64 = 1_482_551_296;
    const NEW: u64 = 3_538_883_631;
    const IMPROVEMENT: u64 = 214_748_364;
    match release.improvement {
        Some(_) => IMPROVEMENT,
        None if release.platform != Platform::Macos && release.version.0 < 17 => OLD,
        None => NEW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::model::releases;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn a_stage_ends_when_its_time_has_come_and_says_when_that_was() {
        let (mut update, target) = (OsUpdate::default(), &releases(Platform::Ios)[0]);
        update.plan(target, Then::Nothing, Cause::Command, at(0));
        assert_eq!((update.advance(at(-1)), update.status_state()), (None, "none"));
        assert_eq!(update.advance(at(5)), Some(Milestone::Planned(at(0))));
        update.download(at(0), false);
        assert!((update.progress(at(60)) - 0.5).abs() < 0.01);
        assert_eq!((update.command_status(), update.advance(at(60))), ("Downloading", None));
        assert_eq!(update.advance(at(500)), Some(Milestone::Downloaded(at(120))));
        assert_eq!((update.status_state(), update.is_downloaded(), update.wakes_at()), ("prepared", true, None));
    }

    #[test]
    fn a_download_that_stalls_never_ends() {
        let (mut update, target) = (OsUpdate::default(), &releases(Platform::Ios)[0]);
        update.plan(target, Then::Install, Cause::Command, at(0));
        update.advance(at(0));
        update.download(at(0), true);
        assert_eq!((update.advance(at(1_000_000)), update.wakes_at(), update.status_state()), (None, None, "downloading"));
    }
}
