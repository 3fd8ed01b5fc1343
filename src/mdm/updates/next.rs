//! What is to be done about the update of a device that takes commands, and what its answers come to. Pure.

mod declared;
mod obstacle;

pub use declared::{Said, declared, past_deadline};
use obstacle::obstacle;
pub use obstacle::{is_hindered, lacks_room, may_retry};

use std::time::Duration;

use crate::clock::Timestamp;
use crate::mdm::reconcile::step::UnderWay;
use crate::protocol::command::InstallAction;
use crate::protocol::report::updates::{ScheduledUpdate, UpdateStatus};
use crate::store::deployments::Mechanism;
use crate::store::update_states::{Action, Stage, UpdateState};

/// How long a device is left alone after a failure; the last one for ever.
pub const BACK_OFF: [Duration; 4] = [minutes(30), minutes(120), minutes(360), minutes(1_440)];

/// Failures in a row after which only a person has it tried again.
pub const ATTEMPTS_MAX: i64 = 6;

/// How long until a device that is at it is asked how far it is: soon while it moves, then less often; the last one for ever.
pub const POLLS: [Duration; 3] = [minutes(3), minutes(5), minutes(10)];

/// How long until a Mac that was told to look has found something.
pub const AFTER_SCAN: Duration = minutes(5);

/// How long until it is tried again what waits for power, room or the end of a call.
pub const AFTER_OBSTACLE: Duration = minutes(60);

/// Questions in a row without progress that count as a failure: six hours.
pub const UNMOVED_MAX: i64 = 36;

/// The same where an installation was begun and the device says no more than that it is downloaded: two hours for its person to agree.
pub const UNANSWERED_MAX: i64 = 12;

/// Answers in a row that a question is not known, after which it failed: the system is looked at in between.
const UNKNOWN_MAX: i64 = 3;

/// What stands in [`UpdateState::asked`] while a device is to say first which system it runs.
const INVENTORY: &str = "inventory";

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// What decides besides the row.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How the command of the row stands.
    pub under_way: UnderWay,
    /// From when on something may be begun: now, or after quiet hours; none where that never comes.
    pub may_send_at: Option<Timestamp>,
    /// Whether the system takes a release by its product key alone.
    pub needs_key: bool,
    /// Whether it is a Mac.
    pub is_mac: bool,
    /// Whether a Mac can be told to only download, and to restart whatever is open (macOS 11).
    pub has_mac_actions: bool,
    /// When the device last said what it is.
    pub told_at: Option<Timestamp>,
}

/// What is asked of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A Mac is to look for updates.
    Scan,
    /// Which it found.
    Available,
    /// To do this with the one that is meant.
    Schedule(InstallAction),
    /// How far it is.
    Status,
}

impl Ask {
    /// The word for it in a row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Available => "available",
            Self::Schedule(action) => action.as_str(),
            Self::Status => "status",
        }
    }
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, before this moment or until something happens.
    Rest(Option<Timestamp>),
    /// This is sent.
    Send(Ask),
}

/// Decides.
pub fn next(row: &UpdateState, facts: &Facts, now: Timestamp) -> Step {
    if facts.under_way != UnderWay::Nothing || row.attempts >= ATTEMPTS_MAX {
        return Step::Rest(None);
    }
    if row.due_at.is_some_and(|due| due > now) {
        return Step::Rest(row.due_at);
    }
    if awaits_inventory(row) && !has_said_what_it_runs(row, facts.told_at) {
        return Step::Rest(Some(now.plus(AFTER_OBSTACLE)));
    }
    if row.version.is_empty() && row.stage == Stage::Planned {
        // What it finds itself decides which release is meant.
        return Step::Send(if row.asked == Ask::Available.as_str() && facts.is_mac { Ask::Scan } else { Ask::Available });
    }
    match row.stage {
        Stage::Planned | Stage::Done | Stage::Cannot | Stage::Excepted => Step::Rest(None),
        Stage::Downloading | Stage::Installing => Step::Send(Ask::Status),
        Stage::Waiting | Stage::Prepared | Stage::Failed => match facts.may_send_at {
            Some(at) if at <= now => begin(row, facts),
            later => Step::Rest(later),
        },
    }
}

fn begin(row: &UpdateState, facts: &Facts) -> Step {
    if facts.needs_key && row.product_key.is_empty() {
        // A Mac that found nothing is told to look; what it finds is asked for afterwards.
        let scans = facts.is_mac && row.asked == Ask::Available.as_str() && row.unmoved == 1;
        return Step::Send(if scans { Ask::Scan } else { Ask::Available });
    }
    let action = action(row, facts);
    if row.scheduled != action.as_str() {
        return Step::Send(Ask::Schedule(action));
    }
    match row.action {
        // It does so by itself at its time; how far it is is asked now and then.
        Action::Later | Action::Install | Action::Force => Step::Send(Ask::Status),
        Action::Download | Action::Notify => Step::Rest(None),
    }
}

/// What a device is told to do next: iOS takes one order to download and another to install.
fn action(row: &UpdateState, facts: &Facts) -> InstallAction {
    let is_there = row.stage == Stage::Prepared;
    if !facts.is_mac {
        return match row.action {
            Action::Download | Action::Notify => InstallAction::DownloadOnly,
            _ if is_there => InstallAction::InstallAsap,
            _ => InstallAction::Default,
        };
    }
    match row.action {
        Action::Download if facts.has_mac_actions => InstallAction::DownloadOnly,
        Action::Download => InstallAction::Default,
        Action::Notify => InstallAction::NotifyOnly,
        Action::Later => InstallAction::InstallLater,
        Action::Force if facts.has_mac_actions => InstallAction::InstallForceRestart,
        Action::Install | Action::Force => InstallAction::InstallAsap,
    }
}

/// Enters a stage.
pub fn enter(row: &mut UpdateState, stage: Stage, problem: &str, now: Timestamp) {
    if (row.stage, row.problem.as_str()) != (stage, problem) {
        row.stage = stage;
        problem.clone_into(&mut row.problem);
        row.changed_at = now;
    }
}

/// A command was queued.
pub fn sent(row: &mut UpdateState, ask: Ask, uuid: String, now: Timestamp) {
    ask.as_str().clone_into(&mut row.asked);
    row.command_uuid = Some(uuid);
    row.due_at = None;
    row.changed_at = now;
}

/// It went wrong, and is tried again after a while.
pub fn failed(row: &mut UpdateState, because: &str, now: Timestamp) {
    let wait = BACK_OFF[(row.attempts.max(0) as usize).min(BACK_OFF.len() - 1)];
    row.attempts += 1;
    row.unmoved = 0;
    row.scheduled.clear();
    row.product_key.clear();
    row.asked.clear();
    row.percent = None;
    row.due_at = Some(now.plus(wait)).filter(|_| row.attempts < ATTEMPTS_MAX);
    enter(row, Stage::Failed, because, now);
}

/// When a device is asked how far it is.
pub fn asked_again_at(row: &UpdateState, now: Timestamp) -> Timestamp {
    by_deadline(row, now.plus(POLLS[(row.unmoved.max(0) as usize).min(POLLS.len() - 1)]), now)
}

/// A moment to look again, the deadline at the latest: what a device is told there is told then.
fn by_deadline(row: &UpdateState, at: Timestamp, now: Timestamp) -> Timestamp {
    row.deadline_at.filter(|deadline| *deadline > now).map_or(at, |deadline| at.min(deadline))
}

/// It cannot go on for the moment; nothing went wrong.
fn hindered(row: &mut UpdateState, stage: Stage, because: &str, now: Timestamp) {
    row.scheduled.clear();
    row.due_at = Some(by_deadline(row, now.plus(AFTER_OBSTACLE), now));
    enter(row, stage, because, now);
}

/// The device does not know the question any more: it may run another system already, which is asked for before anything else is.
pub fn unknown(row: &mut UpdateState, because: &str, now: Timestamp) {
    row.command_uuid = None;
    row.unmoved += UNMOVED_MAX / UNKNOWN_MAX;
    if row.unmoved >= UNMOVED_MAX {
        return failed(row, because, now);
    }
    INVENTORY.clone_into(&mut row.asked);
    row.due_at = Some(asked_again_at(row, now));
    row.changed_at = now;
}

/// Whether a device is to say first which system it runs.
pub fn awaits_inventory(row: &UpdateState) -> bool {
    row.asked == INVENTORY
}

/// The device is asked which system it runs, before it counts as failed what it calls a declaration that cannot be applied.
pub fn asks_what_it_runs(row: &mut UpdateState, now: Timestamp) {
    INVENTORY.clone_into(&mut row.asked);
    row.changed_at = now;
}

/// Whether a device that was asked which system it runs has said so since; `told_at` is when it last said what it is.
pub fn has_said_what_it_runs(row: &UpdateState, told_at: Option<Timestamp>) -> bool {
    told_at.is_some_and(|told| told >= row.changed_at)
}

/// The command left the queue, or was answered by an error.
pub fn lost(row: &mut UpdateState, because: &str, now: Timestamp) {
    row.command_uuid = None;
    // A question that got no answer tells nothing of the update.
    if matches!(row.asked.as_str(), "status" | "scan" | "available") && row.attempts + 1 < ATTEMPTS_MAX && row.unmoved < UNMOVED_MAX {
        row.unmoved += 1;
        row.due_at = Some(asked_again_at(row, now));
        return;
    }
    failed(row, because, now);
}

/// The Mac looks.
pub fn scanning(row: &mut UpdateState, now: Timestamp) {
    row.command_uuid = None;
    row.due_at = Some(now.plus(AFTER_SCAN));
    row.changed_at = now;
}

/// The device told what it found, by which the release is chosen; when it found nothing it is asked again after a while.
pub fn looked(row: &mut UpdateState, has_found: bool, is_mac: bool, now: Timestamp) {
    row.command_uuid = None;
    row.changed_at = now;
    let is_told_to_look = is_mac && !has_found && row.unmoved == 0;
    row.unmoved = i64::from(is_told_to_look);
    row.due_at = Some(now.plus(BACK_OFF[BACK_OFF.len() - 1])).filter(|_| !has_found && !is_told_to_look);
    if !is_told_to_look {
        row.asked.clear();
    }
}

/// The device told what it found: `key` is that of the release that is meant.
pub fn found(row: &mut UpdateState, key: Option<&str>, is_mac: bool, now: Timestamp) {
    row.command_uuid = None;
    match key {
        Some(key) => {
            key.clone_into(&mut row.product_key);
            row.unmoved = 0;
            row.due_at = None;
        }
        None if is_mac && row.unmoved == 0 => row.unmoved = 1,
        None => failed(row, t!("it does not find this release among its updates"), now),
    }
    row.changed_at = now;
}

/// The device answered to ScheduleOSUpdate.
pub fn scheduled(row: &mut UpdateState, answer: &ScheduledUpdate, because: Option<&str>, now: Timestamp) {
    row.command_uuid = None;
    if let Some(because) = because.filter(|_| answer.install_action == "Error" || answer.status.is_empty()) {
        return failed(row, because, now);
    }
    row.asked.clone_into(&mut row.scheduled);
    row.unmoved = 0;
    if row.product_key.is_empty() {
        row.product_key.clone_from(&answer.product_key);
    }
    row.due_at = Some(asked_again_at(row, now));
    let before = row.stage;
    match answer.status.as_str() {
        "Downloading" => enter(row, Stage::Downloading, "", now),
        "Installing" => enter(row, Stage::Installing, "", now),
        "Idle" if row.asked == InstallAction::InstallAsap.as_str() => {
            enter(row, Stage::Prepared, t!("the device asks the person first"), now);
        }
        "Idle" if row.action == Action::Notify => {
            row.due_at = None;
            enter(row, Stage::Waiting, t!("the person has been told of it"), now);
        }
        "Idle" if row.action == Action::Later => enter(row, before, t!("the Mac installs it at night, or when the person lets it"), now),
        "Idle" => enter(row, before, "", now),
        other => match obstacle(other) {
            Some((because, true)) => hindered(row, if before == Stage::Prepared { before } else { Stage::Waiting }, because, now),
            Some((because, false)) => failed(row, because, now),
            None => enter(row, before, "", now),
        },
    }
}

/// The device told how far it is; none where it has nothing under way.
pub fn status(row: &mut UpdateState, said: Option<&UpdateStatus>, now: Timestamp) {
    row.command_uuid = None;
    row.due_at = Some(asked_again_at(row, now));
    let before = (row.stage, row.percent);
    match said {
        Some(said) if said.status == "Installing" => enter(row, Stage::Installing, "", now),
        Some(said) if said.is_downloaded => {
            row.percent = Some(100);
            let problem = if row.stage == Stage::Prepared { row.problem.clone() } else { String::new() };
            enter(row, Stage::Prepared, &problem, now);
            // iOS waits for the second order; it may come at once.
            if before.0 == Stage::Downloading {
                row.due_at = None;
            }
        }
        Some(said) if said.status == "Downloading" => {
            row.percent = said.download_fraction.map(|part| (part.clamp(0.0, 1.0) * 100.0).round() as i64);
            enter(row, Stage::Downloading, "", now);
        }
        // Nothing is under way: it ended, as the version tells once it is asked for, or it was given up.
        None if is_at_it(row) && row.unmoved == 0 => {}
        _ if matches!(row.stage, Stage::Downloading | Stage::Prepared) && !matches!(row.action, Action::Later | Action::Notify) => {
            row.scheduled.clear();
            row.percent = None;
            enter(row, Stage::Waiting, t!("the device does not go on with it; it is told again"), now);
        }
        _ => {}
    }
    if row.action == Action::Later || row.action == Action::Notify && row.stage != Stage::Downloading {
        // It goes by the Mac's own time, for days.
        row.due_at = Some(by_deadline(row, now.plus(AFTER_OBSTACLE), now));
    } else if (row.stage, row.percent) == before && row.stage != Stage::Waiting {
        row.unmoved += 1;
        let most = if row.stage == Stage::Prepared { UNANSWERED_MAX } else { UNMOVED_MAX };
        if row.unmoved >= most {
            let because = match row.stage {
                Stage::Installing => t!("it said that it installs, and still runs what it ran hours later"),
                Stage::Prepared => t!("it is downloaded and did not install: nobody agreed at the device, or it could not"),
                _ => t!("nothing moved for hours"),
            };
            failed(row, because, now);
        }
    } else {
        row.unmoved = 0;
    }
}

/// The device said that it installs, and now that it only has it: where no passcode lets it ask its person first, that is a failed installation.
pub fn installs_no_more(row: &mut UpdateState, before: Stage, asks_first: bool, now: Timestamp) {
    if before == Stage::Installing && row.stage == Stage::Prepared && !asks_first {
        failed(row, t!("the installation failed: the device has it downloaded and does not go on"), now);
    }
}

/// The device answered that it is at it already: a declaration, its person or an earlier order had it begin. Nothing went wrong.
pub fn at_it_already(row: &mut UpdateState, stage: Stage, now: Timestamp) {
    row.command_uuid = None;
    row.asked.clone_into(&mut row.scheduled);
    row.unmoved = 0;
    row.due_at = Some(asked_again_at(row, now));
    enter(row, stage, "", now);
}

/// Whether a person has to look at the device before it is tried again. What comes by a declaration is tried by the device itself.
pub fn is_given_up(row: &UpdateState) -> bool {
    row.mechanism == Mechanism::Command && row.stage == Stage::Failed && row.attempts >= ATTEMPTS_MAX
}

/// Whether the device said that it is at it.
pub const fn is_at_it(row: &UpdateState) -> bool {
    matches!(row.stage, Stage::Downloading | Stage::Prepared | Stage::Installing)
}

#[cfg(test)]
mod tests;
