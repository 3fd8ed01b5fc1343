//! Systems that take apps and do not manage them: what is installed is all that they say.

use super::heard::{Present, listed};
use super::{Facts, enter};
use crate::clock::Timestamp;
use crate::store::app_states::{AppState, Stage};

/// The list of what is installed, of a system that has no list of what it manages.
pub fn present(row: &mut AppState, present: Option<&Present>, facts: &Facts, now: Timestamp) {
    if row.bundle_id.is_empty() && row.stage == Stage::Installing {
        return enter(row, Stage::Installing, UNNAMED, now);
    }
    listed(row, None, present, true, facts, now);
    if matches!(row.stage, Stage::Installed | Stage::Outdated) {
        UNMANAGED_THERE.clone_into(&mut row.problem);
    }
}

/// What is said where an app cannot be found in a list.
const UNNAMED: &str = "the app's identifier is not known yet, so that it cannot be found among what the device lists";

/// What is said of an app on a system that does not manage any.
const UNMANAGED_THERE: &str = "this system takes apps and does not manage them, so it can be neither configured nor removed from here";
