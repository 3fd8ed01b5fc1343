//! The OS update of a device: offered, downloaded, installed by a command or a declaration, over time.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::sim::model::{Individual, Platform, Release};

/// How long a download takes.
pub(crate) const DOWNLOAD: Duration = Duration::from_secs(120);

/// How long an installation takes; the device is away meanwhile.
pub(crate) const INSTALL: Duration = Duration::from_secs(240);

/// The least battery level with which an update is installed.
const MIN_BATTERY: f64 = 0.2;

/// Where the update stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct OsUpdate {
    stage: Stage,
    /// What is downloaded or installed.
    pub(crate) target: Option<&'static Release>,
    /// Install as soon as the download ends.
    install_when_downloaded: bool,
    /// The declaration that asked for it; none for a command.
    pub(crate) declaration: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Downloading(Timestamp),
    Downloaded,
    Installing(Timestamp),
}

/// What the device does at the end of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Milestone {
    /// The download ended.
    Downloaded,
    /// The installation began: the device is away.
    Installing,
    /// The device runs this release now.
    Installed(&'static Release),
}

impl OsUpdate {
    /// The releases that a device is offered: those newer than what it runs, newest first.
    pub(crate) fn offered(facts: &Individual) -> Vec<&'static Release> {
        facts.model.updates_after(facts.release.version).collect()
    }

    /// Begins to download `target`, and to install it as well where `install` says so. The same order again changes nothing.
    pub(crate) fn begin(&mut self, target: &'static Release, install: bool, declaration: Option<String>, now: Timestamp) {
        if self.target == Some(target) && self.stage != Stage::Idle {
            self.install_when_downloaded |= install;
            if self.stage == Stage::Downloaded && install {
                self.stage = Stage::Installing(now.plus(INSTALL));
            }
            return;
        }
        if matches!(self.stage, Stage::Installing(_)) {
            return;
        }
        *self = Self { stage: Stage::Downloading(now.plus(DOWNLOAD)), target: Some(target), install_when_downloaded: install, declaration };
    }

    /// Lets time pass: the stage that ended by `now`, one at a time.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Option<Milestone> {
        match self.stage {
            Stage::Downloading(until) if until <= now && self.install_when_downloaded => {
                self.stage = Stage::Installing(until.plus(INSTALL));
                Some(Milestone::Installing)
            }
            Stage::Downloading(until) if until <= now => {
                self.stage = Stage::Downloaded;
                Some(Milestone::Downloaded)
            }
            Stage::Installing(until) if until <= now => {
                let release = self.target?;
                *self = Self::default();
                Some(Milestone::Installed(release))
            }
            _ => None,
        }
    }

    /// When the present stage ends by itself.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Downloading(until) | Stage::Installing(until) => Some(until),
            Stage::Idle | Stage::Downloaded => None,
        }
    }

    /// Until when the device is away because it installs.
    pub(crate) fn away_until(&self) -> Option<Timestamp> {
        if let Stage::Installing(until) = self.stage { Some(until) } else { None }
    }

    /// Whether the download is complete.
    pub(crate) fn is_downloaded(&self) -> bool {
        matches!(self.stage, Stage::Downloaded | Stage::Installing(_))
    }

    /// How much is downloaded, from 0 to 1.
    pub(crate) fn progress(&self, now: Timestamp) -> f64 {
        match self.stage {
            Stage::Idle => 0.0,
            Stage::Downloading(until) => 1.0 - until.since(now).as_secs_f64() / DOWNLOAD.as_secs_f64(),
            Stage::Downloaded | Stage::Installing(_) => 1.0,
        }
    }

    /// The status as OSUpdateStatus spells it.
    pub(crate) fn command_status(&self) -> &'static str {
        match self.stage {
            Stage::Idle | Stage::Downloaded => "Idle",
            Stage::Downloading(_) => "Downloading",
            Stage::Installing(_) => "Installing",
        }
    }

    /// The state as the status item `softwareupdate.install-state` spells it.
    pub(crate) fn status_state(&self) -> &'static str {
        match self.stage {
            Stage::Idle => "none",
            Stage::Downloading(_) => "downloading",
            Stage::Downloaded => "prepared",
            Stage::Installing(_) => "installing",
        }
    }
}

/// Why an update cannot be installed now, as ScheduleOSUpdate spells it.
pub(crate) fn obstacle(facts: &Individual) -> Option<&'static str> {
    facts.battery.filter(|level| *level < MIN_BATTERY).map(|_| "InstallInsufficientPower")
}

/// The key under which commands name a release.
pub(crate) fn product_key(release: &Release) -> String {
    match release.platform {
        Platform::Macos => format!("MSU_UPDATE_{}_patch_{}_minor", release.build, release.text),
        _ => format!("iOSUpdate{}", release.build),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::model::{Mix, invent};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn ipad() -> Individual {
        invent(1, 1, Mix::parse(&["iPad13,18@26.0.1"]).unwrap().wish(0))
    }

    #[test]
    fn an_update_is_downloaded_then_installed_on_a_second_order() {
        let (facts, mut update) = (ipad(), OsUpdate::default());
        let target = OsUpdate::offered(&facts)[0];
        assert_eq!(target.text, "27.1");
        update.begin(target, false, None, at(0));
        assert_eq!((update.advance(at(60)), update.command_status()), (None, "Downloading"));
        assert!((update.progress(at(60)) - 0.5).abs() < 0.01);
        assert_eq!(update.advance(at(120)), Some(Milestone::Downloaded));
        update.begin(target, true, None, at(130));
        assert_eq!(update.away_until(), Some(at(370)));
        assert_eq!(update.advance(at(370)), Some(Milestone::Installed(target)));
        assert_eq!(update.command_status(), "Idle");
    }

    #[test]
    fn an_order_that_is_under_way_changes_nothing() {
        let (facts, mut update) = (ipad(), OsUpdate::default());
        let target = OsUpdate::offered(&facts)[0];
        update.begin(target, true, None, at(0));
        update.begin(target, true, None, at(100));
        assert_eq!(update.advance(at(120)), Some(Milestone::Installing));
        assert_eq!(update.advance(at(360)), Some(Milestone::Installed(target)));
    }

    #[test]
    fn an_empty_battery_is_an_obstacle() {
        let mut facts = ipad();
        facts.battery = Some(0.1);
        assert_eq!(obstacle(&facts), Some("InstallInsufficientPower"));
        facts.battery = None;
        assert_eq!(obstacle(&facts), None);
    }
}
