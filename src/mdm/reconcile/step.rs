//! One thing on one device as a state machine: what is wanted, what is under way, what was seen. Pure.
//!
//! A thing is wanted in a version (its digest), or not at all. It is sent once; its answer, or a list that the device sends, tells whether it
//! arrived; a failure is tried again after a while, a newer version at once.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::deployments::{self, Deployment, Mechanism};

/// Waits after failures in a row, the last one for ever.
pub const BACK_OFF: [Duration; 5] = [minutes(5), minutes(30), minutes(2 * 60), minutes(8 * 60), minutes(24 * 60)];

/// How long after an admin took a command back the same is not sent again.
pub const AFTER_CANCEL: Duration = minutes(24 * 60);

/// How long a device may take to say what became of the declarations that it was told of, before it is told again.
pub const SYNC_PATIENCE: Duration = minutes(24 * 60);

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// How the command stands that was sent for a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnderWay {
    /// None is.
    #[default]
    Nothing,
    /// It waits in the queue and could be taken back.
    Queued,
    /// The device was offered it, or put it off.
    Offered,
}

/// What is to be done about a thing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as it should be.
    Done,
    /// Send what is wanted; what waits in the queue is replaced.
    Send,
    /// Have it removed; what waits in the queue is replaced.
    Remove,
    /// Take back what waits in the queue: it was never sent, and is not wanted any more.
    TakeBack,
    /// Forget the row: neither wanted nor there.
    Forget,
    /// Wait for an answer.
    Answer,
    /// Wait for the declarations to be synced.
    Sync,
    /// Wait until a moment, for what failed.
    BackOff(Timestamp),
}

/// Decides about one thing.
pub fn next(row: &Deployment, under_way: UnderWay, now: Timestamp) -> Step {
    match row.mechanism {
        Mechanism::Command => by_command(row, under_way, now),
        Mechanism::Declaration => by_declaration(row),
    }
}

fn by_command(row: &Deployment, under_way: UnderWay, now: Timestamp) -> Step {
    let is_there = !row.seen.is_empty();
    match under_way {
        // It is on its way to the device, or at it: whatever is wanted now comes after its answer.
        UnderWay::Offered => return Step::Answer,
        UnderWay::Queued if row.sent == row.wanted && (is_there || !row.wanted.is_empty()) => return Step::Answer,
        // What waits has been overtaken: by a thing that is there as wanted, or never was there.
        UnderWay::Queued if row.seen == row.wanted => return Step::TakeBack,
        UnderWay::Queued | UnderWay::Nothing => {}
    }
    if row.wanted.is_empty() && !is_there && row.sent.is_empty() {
        return Step::Forget;
    }
    if row.seen == row.wanted && !row.wanted.is_empty() {
        return Step::Done;
    }
    match row.due_at {
        Some(due_at) if due_at > now => Step::BackOff(due_at),
        _ if row.wanted.is_empty() => Step::Remove,
        _ => Step::Send,
    }
}

fn by_declaration(row: &Deployment) -> Step {
    match (row.wanted.is_empty(), row.seen.is_empty()) {
        (true, true) => Step::Forget,
        _ if row.seen == row.wanted => Step::Done,
        _ => Step::Sync,
    }
}

/// Decides about the set of declarations as such: its row is confirmed by status reports alone.
pub fn next_sync(row: &Deployment, under_way: UnderWay, now: Timestamp) -> Step {
    match under_way {
        UnderWay::Offered => return Step::Answer,
        UnderWay::Queued if row.sent == row.wanted => return Step::Answer,
        UnderWay::Queued | UnderWay::Nothing => {}
    }
    match row.due_at {
        _ if row.seen == row.wanted => Step::Done,
        Some(due_at) if due_at > now && row.sent == row.wanted => Step::Sync,
        Some(due_at) if due_at > now && !row.problem.is_empty() => Step::BackOff(due_at),
        _ => Step::Send,
    }
}

/// The device was told that there is something to sync; it says by itself what came of it.
pub fn sync_acknowledged(row: &mut Deployment, now: Timestamp) {
    row.command_uuid = None;
    forgive(row);
    row.due_at = Some(now.plus(SYNC_PATIENCE));
}

/// A version was sent; an empty digest means that it is to go.
pub fn sent(row: &mut Deployment, digest: &str, payload_uuid: &str, command_uuid: String) {
    digest.clone_into(&mut row.sent);
    payload_uuid.clone_into(&mut row.payload_uuid);
    row.command_uuid = Some(command_uuid);
}

/// The command that waited was taken back before the device saw it: what the device has is as before.
pub fn taken_back(row: &mut Deployment) {
    row.command_uuid = None;
    row.sent.clone_from(&row.seen);
}

/// The device did as it was told.
pub fn acknowledged(row: &mut Deployment) {
    row.command_uuid = None;
    row.seen.clone_from(&row.sent);
    // Failures are forgotten when a list shows that it is so: who says "done" of what is not done is asked ever later.
    row.due_at = None;
    row.problem.clear();
}

/// The device refused, or could not.
pub fn refused(row: &mut Deployment, because: &str, now: Timestamp) {
    let wait = BACK_OFF[(row.attempts.max(0) as usize).min(BACK_OFF.len() - 1)];
    because.clone_into(&mut row.problem);
    row.attempts += 1;
    row.due_at = Some(now.plus(wait));
    row.command_uuid = None;
    // What was there before is still there; an answer that is not "done" changes nothing on a device.
    row.sent.clone_from(&row.seen);
    if row.wanted.is_empty() && row.seen.is_empty() {
        row.due_at = None;
    }
}

/// How a command left the queue without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Why, in words.
    pub because: String,
    /// Whether somebody took it back on purpose.
    pub by_somebody: bool,
    /// Whether the device had been offered it, and may have carried it out.
    pub was_offered: bool,
}

/// The command left the queue without an answer: it expired, was set aside or taken back by somebody.
pub fn lost(row: &mut Deployment, loss: &Loss, now: Timestamp) {
    refused(row, &loss.because, now);
    if loss.was_offered {
        // It may be there or not; the next list tells, or the next attempt settles it.
        OTHER.clone_into(&mut row.seen);
        OTHER.clone_into(&mut row.sent);
        row.due_at.get_or_insert(now.plus(BACK_OFF[0]));
    }
    if loss.by_somebody && row.due_at.is_some() {
        row.due_at = Some(now.plus(AFTER_CANCEL));
    }
}

/// Why what a device had is sent again after a while.
const NOT_LISTED: &str = msg!("the device said that it has it, and does not list it");

/// Why another version is replaced after a while.
const OTHER_LISTED: &str = msg!("the device said that it has it, and lists another version of it");

/// Why what had gone from a device is removed again after a while.
const CAME_BACK: &str = msg!("it is there again after its removal; a computer may have put it back");

/// Whether a problem is what a list showed, not what the device answered.
pub fn was_found_out(problem: &str) -> bool {
    [NOT_LISTED, OTHER_LISTED, CAME_BACK].contains(&problem)
}

/// The device listed all that it has. `listed` is the PayloadUUID of this thing there, if it is there.
pub fn listed(row: &mut Deployment, listed: Option<&str>, now: Timestamp) {
    if row.command_uuid.is_some() || row.mechanism == Mechanism::Declaration {
        // The list may have been made before the command was carried out; its answer says more.
        return;
    }
    let is_ours = listed.is_some_and(|uuid| uuid.eq_ignore_ascii_case(&row.payload_uuid));
    match listed {
        None if !row.wanted.is_empty() && row.seen == row.wanted => {
            // Somebody removed it, or the device says "done" of what it does not do: that must not go on for as long as it connects.
            row.seen.clear();
            return refused(row, NOT_LISTED, now);
        }
        None => row.seen.clear(),
        Some(_) if deployments::is_provisioning(&row.key) && row.is_away() => {
            OTHER.clone_into(&mut row.seen);
            return refused(row, CAME_BACK, now);
        }
        // An answer was lost, and the list says what it would have said.
        Some(_) if is_ours && !row.sent.is_empty() => row.seen.clone_from(&row.sent),
        // As above: it may be another's, or the device says "done" and keeps what it has.
        Some(_) if !is_ours && !row.wanted.is_empty() && row.seen == row.wanted => {
            OTHER.clone_into(&mut row.seen);
            return refused(row, OTHER_LISTED, now);
        }
        // Another version, or somebody else's of the same name: it is there, and not as wanted.
        Some(_) if !is_ours => OTHER.clone_into(&mut row.seen),
        Some(_) => {}
    }
    row.sent.clone_from(&row.seen);
    if row.seen == row.wanted {
        forgive(row);
    }
}

/// Stands for a version that we do not know.
pub const OTHER: &str = "other";

/// What is wanted changed: a new version is tried at once, whatever became of the last one.
pub fn want(row: &mut Deployment, digest: &str, mechanism: Mechanism) {
    if row.wanted != digest {
        digest.clone_into(&mut row.wanted);
        forgive(row);
    }
    if row.mechanism != mechanism {
        // The new mechanism takes over what the old one brought; it is confirmed anew.
        row.mechanism = mechanism;
        if mechanism == Mechanism::Declaration {
            row.command_uuid = None;
        }
        if !row.seen.is_empty() {
            OTHER.clone_into(&mut row.seen);
        }
        row.sent.clone_from(&row.seen);
        forgive(row);
    }
}

fn forgive(row: &mut Deployment) {
    row.attempts = 0;
    row.due_at = None;
    row.problem.clear();
}

#[cfg(test)]
mod tests;
