//! Systems that take apps and do not manage them: what is installed is all that they say.

use super::heard::{GRACE_POLLS, Present, back_off, gone, listed};
use super::{ATTEMPTS_MAX, Facts, enter};
use crate::clock::Timestamp;
use crate::language::say;
use crate::store::app_states::{AppState, Stage};

/// The list of what is installed, of a system that has no list of what it manages.
pub fn present(row: &mut AppState, present: Option<&Present>, facts: &Facts, now: Timestamp) {
    if row.bundle_id.is_empty() && row.stage == Stage::Installing {
        return enter(row, Stage::Installing, say(UNNAMED), now);
    }
    listed(row, None, present, true, facts, now);
    if matches!(row.stage, Stage::Installed | Stage::Outdated) {
        say(UNMANAGED_THERE).clone_into(&mut row.problem);
    }
}

/// What is said where an app cannot be found in a list.
const UNNAMED: &str = msg!("the app's identifier is not known yet, so that it cannot be found among what the device lists");

/// What is said of an app on a system that does not manage any.
const UNMANAGED_THERE: &str =
    msg!("this system takes apps and does not manage them, so it can be neither configured nor removed from here");

/// It is not among what the device manages.
pub(super) fn missing(row: &mut AppState, is_present: bool, now: Timestamp) {
    match row.stage {
        Stage::Removing => gone(row, now),
        Stage::Prompting => {
            row.sent.clear();
            row.seen.clear();
            enter(row, Stage::Declined, t!("the question is gone from the device and the app is not there"), now);
        }
        // A Mac says yes before the download begins.
        Stage::Installing if row.polls < GRACE_POLLS => {}
        Stage::Installing | Stage::NeedsCode => {
            row.sent.clear();
            row.seen.clear();
            row.attempts += 1;
            row.due_at = (row.attempts < ATTEMPTS_MAX).then(|| now.plus(back_off(row.attempts)));
            enter(row, Stage::Failed, t!("the device took the order and does not know of it any more"), now);
        }
        // What was there is not managed any more: after a restore, or because the person deleted it on a system that does not say so.
        Stage::Lacking | Stage::Licence | Stage::NoLicence if row.seen.is_empty() => {}
        Stage::Installed | Stage::Outdated | Stage::Updating | Stage::Stuck | Stage::Lacking | Stage::Licence | Stage::NoLicence => {
            row.seen.clear();
            row.sent.clear();
            row.asked_version.clear();
            row.attempts += 1;
            row.due_at = Some(now.plus(back_off(row.attempts)));
            let because =
                if is_present { t!("it is on the device and not managed any more") } else { t!("it is not on the device any more") };
            enter(row, Stage::Absent, because, now);
        }
        _ => {}
    }
}
