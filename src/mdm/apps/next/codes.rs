//! Redemption codes of the old programme: a device that asks for one is sent one, once.

use super::heard::GRACE_POLLS;
use super::{Answer, Facts, POLLS, enter};
use crate::clock::Timestamp;
use crate::language::say;
use crate::protocol::error_chain::CauseKind;
use crate::store::app_states::{AppState, Intent, Stage};

/// What is said where there is no code to send.
const NONE_LEFT: &str = msg!("the device asks for a redemption code, and none of it is left here");

/// The device asks for a code.
pub(super) fn needs_code(row: &mut AppState, now: Timestamp) {
    match (row.unmoved, row.stage) {
        (0, _) => enter(row, Stage::NeedsCode, t!("the device asks for a redemption code"), now),
        // What was said of the last code stands.
        (_, Stage::NeedsCode) => {}
        // It has one, and says so with the next list.
        _ if row.polls < GRACE_POLLS => {}
        _ => enter(row, Stage::NeedsCode, t!("the device took a redemption code and asks for one again"), now),
    }
}

/// A code was queued.
pub fn code_sent(row: &mut AppState, command_uuid: String, now: Timestamp) {
    row.command_uuid = Some(command_uuid);
    row.intent = Intent::Install;
    row.poll_at = None;
    enter(row, Stage::NeedsCode, "", now);
}

/// Says that a device asks for a code, where there is none.
pub fn codeless(row: &mut AppState, facts: &Facts) {
    if row.stage == Stage::NeedsCode && row.command_uuid.is_none() && row.unmoved == 0 && !facts.has_code {
        say(NONE_LEFT).clone_into(&mut row.problem);
    }
}

/// Takes over what a device answered to a code; another one is not sent before somebody asks again.
pub fn redeemed(row: &mut AppState, answer: &Answer, now: Timestamp) {
    row.command_uuid = None;
    row.intent = Intent::Nothing;
    row.unmoved = 1;
    (row.attempts, row.due_at) = (0, None);
    (row.polls, row.poll_at) = (0, Some(now.plus(POLLS[0])));
    match answer {
        Answer::Taken { .. } => enter(row, if row.seen.is_empty() { Stage::Installing } else { Stage::Updating }, "", now),
        // What it is at instead, the lists tell.
        Answer::Refused { kind: CauseKind::WrongState, because } => {
            row.poll_at = Some(now);
            because.clone_into(&mut row.problem);
        }
        Answer::Refused { because, .. } => row.problem = t!("the device did not take the redemption code: {because}", because),
    }
}
