//! What a device says, taken into the row of an app: answers to orders, lists of apps, status reports, and orders that were lost.

use super::codes::needs_code;
use super::presence::missing;
use super::{
    AFTER_CANCEL, AFTER_IN_USE, AFTER_QUESTION, ATTEMPTS_MAX, BACK_OFF, Facts, PATIENT_ATTEMPTS_MAX, POLLS, UNMOVED_MAX, UPDATE_POLLS,
    enter, is_known_there, is_there,
};
use crate::clock::Timestamp;
use crate::language::say;
use crate::mdm::reconcile::step::{Loss, OTHER};
use crate::protocol::error_chain::CauseKind;
use crate::protocol::report::apps::ManagedState;
use crate::store::app_states::{AppState, Intent, Stage};
use crate::store::deployments::Mechanism;

/// Questions that an order which was taken is given before it counts as forgotten.
pub(super) const GRACE_POLLS: i64 = 3;

/// What a device answered to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took it; the first state, and the bundle identifier, where it says them.
    Taken {
        /// How far it is.
        state: Option<ManagedState>,
        /// The app's identifier.
        bundle_id: Option<String>,
    },
    /// It refused, or could not.
    Refused {
        /// What sort of failure.
        kind: CauseKind,
        /// Why, in words.
        because: String,
    },
}

/// An order was queued.
pub fn sent(row: &mut AppState, intent: Intent, command_uuid: String, facts: &Facts, now: Timestamp) {
    row.command_uuid = Some(command_uuid);
    row.intent = intent;
    row.polls = 0;
    row.poll_at = None;
    if intent == Intent::Remove {
        enter(row, Stage::Removing, "", now);
        return;
    }
    let Some(want) = &facts.want else { return };
    if row.seen.is_empty() && !row.sent.is_empty() {
        // An order before it may have come about.
        OTHER.clone_into(&mut row.seen);
    }
    row.sent.clone_from(&want.digest);
    if is_known_there(row) {
        row.asked_version = want.newest.as_ref().filter(|newest| newest.is_newer_than(row)).map(super::Newest::key).unwrap_or_default();
        enter(row, Stage::Updating, "", now);
    } else {
        enter(row, Stage::Sent, "", now);
    }
}

/// The order that waited was taken back before the device saw it: what the device has is as before.
pub fn taken_back(row: &mut AppState, now: Timestamp) {
    let (was_removal, was_code) = (row.intent == Intent::Remove, row.is_redeeming());
    row.command_uuid = None;
    row.intent = Intent::Nothing;
    if was_code {
        return;
    }
    row.asked_version.clear();
    if was_removal && row.seen.is_empty() && !row.sent.is_empty() {
        // An order before it may still come about; the lists tell.
        row.poll_at = Some(now);
        return enter(row, Stage::Installing, "", now);
    }
    as_before(row, "", now);
}

/// What was there before the order is there still.
fn as_before(row: &mut AppState, problem: &str, now: Timestamp) {
    row.sent.clone_from(&row.seen);
    enter(row, if is_known_there(row) { Stage::Installed } else { Stage::Absent }, problem, now);
}

/// How far it is while the device works on it.
fn at_work(row: &AppState) -> Stage {
    if is_known_there(row) { Stage::Updating } else { Stage::Installing }
}

/// Takes over what a device answered to the order that is under way.
pub fn answered(row: &mut AppState, answer: &Answer, facts: &Facts, now: Timestamp) {
    let intent = row.intent;
    row.command_uuid = None;
    row.intent = Intent::Nothing;
    match (intent, answer) {
        // A yes is not a deed: whether it has gone, the lists tell.
        (Intent::Remove, Answer::Taken { .. }) if facts.is_managed_there && !row.bundle_id.is_empty() => {
            row.polls = 0;
            row.poll_at = Some(now);
            enter(row, Stage::Removing, "", now);
        }
        // What is not managed, or not there, is not ours to remove.
        (Intent::Remove, Answer::Taken { .. } | Answer::Refused { kind: CauseKind::NotManaged, .. }) => gone(row, now),
        (Intent::Remove, Answer::Refused { because, .. }) => {
            row.attempts += 1;
            row.due_at = Some(now.plus(back_off(row.attempts)));
            because.clone_into(&mut row.problem);
        }
        (_, Answer::Taken { state, bundle_id }) => {
            // What the server knows itself, of a package the app inside, is what its lists are read by.
            if let Some(bundle_id) = bundle_id.as_ref().filter(|_| row.bundle_id.is_empty()) {
                row.bundle_id.clone_from(bundle_id);
            }
            row.take_over = false;
            row.polls = 0;
            row.poll_at = Some(now.plus(POLLS[0]));
            if *state == Some(ManagedState::NeedsRedemption) {
                (row.attempts, row.due_at) = (0, None);
            }
            match state {
                Some(state) => state_is(row, *state, facts, now),
                None => enter(row, at_work(row), "", now),
            }
            if row.stage == Stage::Installed {
                // In which version, only the lists tell.
                row.poll_at = Some(now);
            }
        }
        (_, Answer::Refused { kind, because }) => refused(row, *kind, because, facts, now),
    }
}

/// What is said of an app that was to go, and did not.
const STILL_THERE: &str = msg!("the device said yes to its removal, and has it still");

/// It is not there any more.
pub(super) fn gone(row: &mut AppState, now: Timestamp) {
    row.sent.clear();
    row.seen.clear();
    row.version.clear();
    row.short_version.clear();
    row.external_version = None;
    row.asked_version.clear();
    row.attempts = 0;
    row.due_at = None;
    enter(row, Stage::Absent, "", now);
}

pub(super) fn back_off(attempts: i64) -> std::time::Duration {
    let index = usize::try_from(attempts - 1).unwrap_or_default();
    BACK_OFF[index.min(BACK_OFF.len() - 1)]
}

fn refused(row: &mut AppState, kind: CauseKind, because: &str, facts: &Facts, now: Timestamp) {
    match kind {
        // The device has it already, or works on it: the lists tell before anything is judged.
        CauseKind::AlreadyRequested | CauseKind::InProgress => {
            row.polls = 0;
            row.poll_at = Some(now);
            return enter(row, at_work(row), because, now);
        }
        // That is all that such a system ever says of it.
        CauseKind::AlreadyInstalled if facts.by_presence => return is_managed(row, facts, now),
        CauseKind::AlreadyInstalled if facts.take_over && !row.take_over => {
            row.take_over = true;
            row.sent.clone_from(&row.seen);
            row.due_at = None;
            return enter(row, Stage::Unmanaged, because, now);
        }
        CauseKind::AlreadyInstalled => {
            row.take_over = false;
            row.sent.clone_from(&row.seen);
            return enter(row, Stage::Unmanaged, because, now);
        }
        CauseKind::Declined if row.seen == OTHER => {
            // An order before it may have come about, so that it must be removed if it is not wanted any more; the lists tell.
            row.sent.clone_from(&row.seen);
            row.poll_at = Some(now);
            return enter(row, Stage::Declined, because, now);
        }
        CauseKind::Declined => return said_no(row, because, now),
        _ => {}
    }
    row.attempts += 1;
    let wait = match kind {
        // Sending the same again is useless.
        CauseKind::BadRequest | CauseKind::Unsupported | CauseKind::Unavailable => None,
        CauseKind::WaitingForUser => (row.attempts < PATIENT_ATTEMPTS_MAX).then_some(AFTER_QUESTION),
        CauseKind::InUse => (row.attempts < PATIENT_ATTEMPTS_MAX).then_some(AFTER_IN_USE),
        CauseKind::Network | CauseKind::Space | CauseKind::Power | CauseKind::Locked | CauseKind::Forbidden | CauseKind::Trust => {
            (row.attempts < PATIENT_ATTEMPTS_MAX).then(|| back_off(row.attempts))
        }
        _ => (row.attempts < ATTEMPTS_MAX).then(|| back_off(row.attempts)),
    };
    row.due_at = wait.map(|wait| now.plus(wait));
    row.asked_version.clear();
    row.sent.clone_from(&row.seen);
    enter(row, Stage::Failed, because, now);
}

/// The person said no. To an update only: the app is there as before, and that version is not asked for again.
fn said_no(row: &mut AppState, because: &str, now: Timestamp) {
    row.poll_at = None;
    if row.seen.is_empty() || row.seen == OTHER {
        row.sent.clear();
        row.seen.clear();
        enter(row, Stage::Declined, because, now);
    } else if row.seen == row.sent {
        enter(row, Stage::Installed, because, now);
    } else {
        // Changed settings, which come with an update only: the app stays as it was, and no list may count them as there.
        if row.mechanism == Mechanism::Command {
            row.sent.clone_from(&row.seen);
        }
        enter(row, Stage::Declined, because, now);
    }
}

/// The order left the queue without an answer: it expired, was set aside or taken back by somebody.
pub fn lost(row: &mut AppState, loss: &Loss, now: Timestamp) {
    let (is_removal, is_code) = (row.intent == Intent::Remove, row.is_redeeming());
    row.command_uuid = None;
    row.intent = Intent::Nothing;
    row.asked_version.clear();
    row.attempts += 1;
    row.due_at = Some(now.plus(if loss.by_somebody { AFTER_CANCEL } else { back_off(row.attempts) }));
    if is_code {
        // The same code is sent again, if the device still asks for one.
        row.poll_at = Some(now);
        loss.because.clone_into(&mut row.problem);
    } else if is_removal {
        if loss.was_offered && row.seen.is_empty() {
            OTHER.clone_into(&mut row.seen);
            OTHER.clone_into(&mut row.sent);
        }
        loss.because.clone_into(&mut row.problem);
    } else if loss.was_offered {
        // It may be there or not; the lists tell.
        row.polls = 0;
        row.poll_at = Some(now);
        let stage = at_work(row);
        // What was there before may have been replaced.
        OTHER.clone_into(&mut row.seen);
        enter(row, stage, &loss.because, now);
    } else {
        as_before(row, &loss.because, now);
    }
}

/// A managed app as the device lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// How far it is.
    pub state: ManagedState,
    /// The App Store's number of its version.
    pub external_version: Option<i64>,
}

/// An app that is on the device, managed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// CFBundleVersion.
    pub version: String,
    /// What people call it.
    pub short_version: String,
    /// The App Store's number of it.
    pub external_version: Option<i64>,
}

/// The device listed what it manages, and said before or after what it has: `item` and `present` are of this app, where it is there.
///
/// `is_complete` says that both lists are newer than the last order. While an order is under way its answer says more than a list.
pub fn listed(row: &mut AppState, item: Option<&Item>, present: Option<&Present>, is_complete: bool, facts: &Facts, now: Timestamp) {
    if row.command_uuid.is_some() {
        return;
    }
    if let Some(present) = present {
        row.version.clone_from(&present.version);
        row.short_version.clone_from(&present.short_version);
        row.external_version = present.external_version.or(row.external_version);
    }
    if let Some(item) = item {
        row.external_version = item.external_version.or(row.external_version);
        return state_is(row, item.state, facts, now);
    }
    match present {
        Some(_) if facts.by_presence && row.stage != Stage::Removing => state_is(row, ManagedState::Managed, facts, now),
        _ if is_complete => missing(row, present.is_some(), now),
        _ => {}
    }
}

fn state_is(row: &mut AppState, state: ManagedState, facts: &Facts, now: Timestamp) {
    let word = |words: &str| words.to_owned();
    match state {
        ManagedState::Managed => is_managed(row, facts, now),
        ManagedState::PromptingForUpdate | ManagedState::PromptingForUpdateLogin => {
            there(row);
            enter(row, Stage::Updating, t!("the device asks the person about the update"), now);
        }
        ManagedState::ValidatingUpdate | ManagedState::Updating => {
            there(row);
            enter(row, Stage::Updating, "", now);
        }
        ManagedState::Prompting => enter(row, Stage::Prompting, t!("the device asks the person whether to install it"), now),
        ManagedState::PromptingForLogin => enter(row, Stage::Prompting, t!("the device asks the person to sign in"), now),
        ManagedState::PromptingForManagement => {
            enter(row, Stage::Prompting, t!("the device asks the person whether the app may be managed"), now);
        }
        ManagedState::NeedsRedemption => needs_code(row, now),
        ManagedState::Queued | ManagedState::ValidatingPurchase | ManagedState::Redeeming | ManagedState::Installing => {
            enter(row, at_work(row), "", now);
        }
        ManagedState::ManagedButUninstalled if row.wanted.is_empty() => gone(row, now),
        ManagedState::ManagedButUninstalled => {
            row.seen.clear();
            row.sent.clear();
            enter(row, Stage::Deleted, t!("the person deleted it"), now);
        }
        ManagedState::UserInstalledApp => refused(row, CauseKind::AlreadyInstalled, &word(t!("the person has installed it")), facts, now),
        ManagedState::UserRejected => said_no(row, t!("the person declined it"), now),
        ManagedState::UpdateRejected => said_no(row, t!("the person declined the update"), now),
        ManagedState::ManagementRejected => said_no(row, t!("the person declined to have it managed"), now),
        ManagedState::Failed => refused(row, CauseKind::Failed, &word(t!("the device could not install it")), facts, now),
        ManagedState::Unknown => {}
    }
}

/// It is there: as it was last sent, or in a way that we do not know.
pub(super) fn there(row: &mut AppState) {
    if row.seen.is_empty() {
        if row.sent.is_empty() { OTHER } else { row.sent.as_str() }.clone_into(&mut row.seen);
    }
    if row.sent.is_empty() {
        row.sent.clone_from(&row.seen);
    }
}

fn is_managed(row: &mut AppState, facts: &Facts, now: Timestamp) {
    if row.stage == Stage::Removing {
        // The removal failed, was lost, or did not come about; it is tried again.
        if row.poll_at.take().is_some() {
            row.attempts += 1;
            row.due_at = Some(now.plus(back_off(row.attempts)));
            say(STILL_THERE).clone_into(&mut row.problem);
        }
        return;
    }
    if row.stage == Stage::Declined && row.mechanism == Mechanism::Command && is_known_there(row) && row.seen != row.wanted {
        // As it was, without what the person declined, who is not asked again before somebody asks for it.
        return;
    }
    if row.seen.is_empty() {
        // What was counted on the way there.
        row.unmoved = 0;
    }
    if !row.sent.is_empty() {
        row.seen.clone_from(&row.sent);
    }
    there(row);
    let newest = facts.want.as_ref().and_then(|want| want.newest.as_ref());
    let is_waited_for = !row.asked_version.is_empty() && newest.is_some_and(|newest| newest.key() == row.asked_version);
    if is_waited_for && newest.is_some_and(|newest| newest.is_newer_than(row)) {
        if row.polls < UPDATE_POLLS {
            return enter(row, Stage::Updating, "", now);
        }
        row.unmoved += 1;
        if row.unmoved >= UNMOVED_MAX {
            let because = t!("the device said yes to the update each time and still has the old version");
            return enter(row, Stage::Stuck, because, now);
        }
        row.asked_version.clear();
        row.due_at = Some(now.plus(AFTER_QUESTION));
        return enter(row, Stage::Installed, "", now);
    }
    if is_waited_for {
        row.unmoved = 0;
        row.asked_version.clear();
    }
    row.attempts = 0;
    row.due_at = None;
    row.poll_at = None;
    if row.stage != Stage::Stuck {
        let kept = if matches!(row.stage, Stage::Installed | Stage::Outdated) { row.problem.clone() } else { String::new() };
        is_there(row, &kept, now);
    } else if newest.is_none_or(|newest| !newest.is_newer_than(row)) {
        row.unmoved = 0;
        enter(row, Stage::Installed, "", now);
    }
}
