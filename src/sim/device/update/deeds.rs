//! What a device does about an update: takes orders, looks what is in the way, asks its person, installs, fails and tries again.

use std::time::Duration;

use super::super::Device;
use super::{BEGINS_AFTER, Cause, INSTALL, Milestone, OsUpdate, RETRY, Stage, Then, download_bytes};
use crate::clock::{Timestamp, Zone};
use crate::sim::model::{Family, Release};

/// The least battery level with which an update is downloaded, and that with which it is installed.
const DOWNLOAD_BATTERY: f64 = 0.1;
const INSTALL_BATTERY: f64 = 0.2;

/// How much free storage an installation takes for each byte of its download.
const INSTALL_SPACE: f64 = 2.0;

/// The minutes of the day between which devices install by night.
const NIGHT: (i64, i64) = (2 * 60, 4 * 60);

/// How long a person may put an update off.
const DAY: Duration = Duration::from_secs(86_400);

/// What goes wrong on purpose where nothing else is written.
const NO_REASON: &str = "The update could not be installed.";

/// An order to update, as it is carried out once its report has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) release: &'static Release,
    pub(crate) then: Then,
}

/// What is in the way, as a status report says it.
fn in_words(obstacle: &str) -> &'static str {
    match obstacle {
        "DownloadInsufficientPower" | "InstallInsufficientPower" => "The battery is too low.",
        "DownloadInsufficientSpace" | "InstallInsufficientSpace" => "There is not enough free storage.",
        "InstallPhoneCallInProgress" => "A phone call is in progress.",
        _ => NO_REASON,
    }
}

impl Device {
    /// Why the update cannot be downloaded now, as ScheduleOSUpdate spells it.
    pub(crate) fn download_obstacle(&self, release: &Release) -> Option<&'static str> {
        if self.facts.battery.is_some_and(|level| level < DOWNLOAD_BATTERY) {
            return Some("DownloadInsufficientPower");
        }
        (self.facts.available_gb * 1e9 < download_bytes(release) as f64).then_some("DownloadInsufficientSpace")
    }

    /// Why the update cannot be installed now, as ScheduleOSUpdate spells it.
    pub(crate) fn install_obstacle(&self, release: &Release) -> Option<&'static str> {
        if self.facts.battery.is_some_and(|level| level < INSTALL_BATTERY) {
            return Some("InstallInsufficientPower");
        }
        if self.facts.available_gb * 1e9 < download_bytes(release) as f64 * INSTALL_SPACE {
            return Some("InstallInsufficientSpace");
        }
        (self.situation.in_call && self.facts.model.family == Family::IPhone).then_some("InstallPhoneCallInProgress")
    }

    /// What a command to install comes to: a person with a passcode is asked, on iPhones and iPads.
    pub(crate) fn install_by_command(&self) -> Then {
        let asks = self.facts.passcode && matches!(self.facts.model.family, Family::IPhone | Family::IPad | Family::Vision);
        if asks { Then::Ask } else { Then::Install }
    }

    /// Carries out an order; the same order again, or one while something is installed, changes nothing.
    pub(crate) fn order_update(&mut self, order: &Order, now: Timestamp) {
        if self.update.is_installing() {
            return;
        }
        if self.update.target == Some(order.release) && self.update.stage != Stage::Idle {
            if order.then == Then::Nothing || order.then == self.update.then && !self.update.rests() {
                return;
            }
            (self.update.then, self.update.cause) = (order.then, Cause::Command);
            if let Then::Later(max) = order.then {
                self.update.max_deferrals = Some(max);
            }
            if self.update.is_downloaded() {
                self.downloaded(now);
            }
        } else {
            self.update.plan(order.release, order.then, Cause::Command, now);
            if let Then::Later(max) = order.then {
                self.update.max_deferrals = Some(max);
            }
            self.reach_milestones(now);
        }
        self.fetch_bootstrap_token();
        self.status_changed(now);
    }

    /// What a declaration wants: it is downloaded after a while, and installed when [`Device::install_now`] says so.
    pub(crate) fn plan_declared(&mut self, release: &'static Release, identifier: &str, deadline: &str, now: Timestamp) {
        let cause = Cause::Declaration(identifier.to_owned(), deadline.to_owned());
        if self.update.target == Some(release) && self.update.is_downloaded() {
            (self.update.then, self.update.cause, self.update.max_deferrals) = (Then::Nothing, cause, None);
            self.update.stage = Stage::Downloaded;
        } else {
            self.update.plan(release, Then::Nothing, cause, now.plus(BEGINS_AFTER));
        }
        self.fetch_bootstrap_token();
        self.status_changed(now);
    }

    /// Nobody wants the update any more; one that is being installed goes on.
    pub(crate) fn cancel_update(&mut self, now: Timestamp) {
        if !self.update.is_installing() {
            self.update = OsUpdate::default();
            self.status_changed(now);
        }
    }

    /// The person installs the newest release that they are shown; says whether there is one.
    pub fn update_by_person(&mut self, now: Timestamp) -> bool {
        let Some(release) = self.shown_releases(now).first().copied() else { return false };
        if !self.update.is_installing() {
            self.update.plan(release, Then::Install, Cause::Person, now);
            self.reach_milestones(now);
            self.status_changed(now);
        }
        true
    }

    /// The person makes a phone call, or ends it.
    pub fn set_in_call(&mut self, in_call: bool) {
        self.situation.in_call = in_call;
    }

    /// The battery has this level from now on, from 0 to 1, where there is one.
    pub fn set_battery(&mut self, level: f64) {
        self.facts.battery = self.facts.battery.map(|_| level.clamp(0.0, 1.0));
    }

    /// This much storage is free from now on, in GB.
    pub fn set_available(&mut self, gigabytes: f64) {
        self.facts.available_gb = gigabytes.clamp(0.0, self.facts.capacity_gb);
    }

    /// Lets the update come as far as it can by `now`.
    pub(crate) fn reach_milestones(&mut self, now: Timestamp) {
        while let Some(milestone) = self.update.advance(now) {
            match milestone {
                Milestone::Planned(at) => self.begin_download(at),
                Milestone::Downloaded(at) => self.downloaded(at),
                Milestone::Answered(at) => self.answered_update(at),
                Milestone::Due(at) => self.due(at),
                Milestone::Ended(at) => self.installation_ended(at, now),
            }
            self.status_changed(now);
        }
    }

    fn begin_download(&mut self, at: Timestamp) {
        let Some(release) = self.update.target else { return };
        if let (Some(obstacle), Cause::Declaration(..)) = (self.download_obstacle(release), &self.update.cause) {
            self.update.failed(in_words(obstacle), at);
            self.update.stage = Stage::Planned(at.plus(RETRY));
            return;
        }
        let stalls = self.faults.update_stalls(release.text);
        self.update.download(at, stalls);
    }

    /// The download is there: what was planned for then begins.
    fn downloaded(&mut self, at: Timestamp) {
        match self.update.then {
            Then::Nothing => self.update.stage = Stage::Downloaded,
            Then::Ask => self.ask_person(at),
            Then::Install => self.install_now(at),
            Then::Later(_) => self.put_off(at),
        }
    }

    fn ask_person(&mut self, at: Timestamp) {
        self.update.told_at.push(at);
        self.update.stage = Stage::Asking(at.plus(Duration::from_secs(u64::from(self.facts.person.answers_after_s))));
    }

    /// The person is told, and the update waits for the night.
    fn put_off(&mut self, at: Timestamp) {
        self.update.told_at.push(at);
        let night = self.zone().next_between(NIGHT.0, NIGHT.1, at);
        self.update.stage = Stage::Waiting(if night > at { night } else { at.plus(DAY) });
    }

    /// The person said yes or no; a no to what may be put off costs one time.
    fn answered_update(&mut self, at: Timestamp) {
        if self.facts.person.agrees {
            self.update.authorized = true;
            return self.install_now(at);
        }
        if matches!(self.update.cause, Cause::Declaration(..)) {
            self.update.stage = Stage::Waiting(at.plus(DAY));
        }
    }

    /// It is to be tried now.
    fn due(&mut self, at: Timestamp) {
        match self.update.then {
            Then::Later(left) if !self.facts.person.agrees && left > 0 => {
                self.update.then = Then::Later(left - 1);
                self.put_off(at);
            }
            _ => self.install_now(at),
        }
    }

    /// Installs what is downloaded, unless something is in the way; what a declaration wants is tried again.
    pub(crate) fn install_now(&mut self, at: Timestamp) {
        let Some(release) = self.update.target else { return };
        if self.update.is_coming() {
            self.update.then = Then::Install;
            return;
        }
        let is_declared = matches!(self.update.cause, Cause::Declaration(..));
        if let Some(obstacle) = self.install_obstacle(release) {
            self.update.failed(in_words(obstacle), at);
            self.update.stage = if is_declared { Stage::Waiting(at.plus(RETRY)) } else { Stage::Downloaded };
        } else if self.needs_owner() && !self.update.authorized {
            self.ask_person(at);
        } else {
            self.update.stage = Stage::Installing(at.plus(INSTALL));
            self.away_until = self.away_until.max(self.update.away_until());
        }
    }

    /// A Mac with Apple's own chip installs only what an owner of its volume agrees to: its person, or its server by the bootstrap token.
    fn needs_owner(&self) -> bool {
        self.facts.model.is_apple_silicon() && !self.situation.token_is_kept && self.update.cause != Cause::Person
    }

    fn installation_ended(&mut self, at: Timestamp, now: Timestamp) {
        let Some(release) = self.update.target else { return };
        self.away_until = Some(now);
        if let Some(reason) = self.faults.update_fails(release.text) {
            let reason = if reason.is_empty() { NO_REASON } else { &reason };
            self.update.failed(reason, at);
            let is_declared = matches!(self.update.cause, Cause::Declaration(..));
            self.update.stage = if is_declared { Stage::Waiting(at.plus(RETRY)) } else { Stage::Downloaded };
            return;
        }
        self.facts.release = release;
        self.update = OsUpdate::default();
        self.token_update_soon(super::super::DEVICE);
        self.enforce_updates(now);
    }

    /// The time zone in which the device is.
    pub(crate) fn zone(&self) -> Zone {
        Zone::named(&self.situation.time_zone).unwrap_or_default()
    }
}
