//! What stays as it is: where something is missing that only somebody can give, and where the person at the device has decided.

use super::{Facts, LicenceFact, Step, enter, is_away, is_known_there, poll};
use crate::clock::Timestamp;
use crate::mdm::reconcile::step::UnderWay;
use crate::store::app_states::{AppState, Stage};
use crate::store::deployments::Mechanism;

/// Decides about an app for which something is missing: what the device is at goes on, what is there stays, and nothing is sent or removed.
pub(super) fn lacking(row: &AppState, facts: &Facts, now: Timestamp) -> Step {
    match (facts.under_way, row.stage) {
        // The device's answer comes first; and the person's decision stands.
        (UnderWay::Offered, _) | (UnderWay::Nothing, Stage::Declined | Stage::Deleted | Stage::Unmanaged) => Step::Rest(None),
        // It says what is not wanted any more.
        (UnderWay::Queued, _) => Step::TakeBack,
        (UnderWay::Nothing, Stage::Lacking) if facts.lack.as_ref() == Some(&row.problem) => Step::Rest(None),
        (UnderWay::Nothing, Stage::Prompting | Stage::Installing | Stage::Updating | Stage::NeedsCode)
            if row.mechanism == Mechanism::Command && !is_away(row) =>
        {
            poll(row, now)
        }
        // The device has been told of it as it was, and works on that.
        (UnderWay::Nothing, Stage::Prompting | Stage::Installing | Stage::Updating) if row.mechanism == Mechanism::Declaration => {
            Step::Rest(None)
        }
        (UnderWay::Nothing, _) => Step::Lack,
    }
}

/// Something is missing for it that only somebody can give.
pub fn lacks(row: &mut AppState, because: &str, now: Timestamp) {
    (row.due_at, row.poll_at) = (None, None);
    enter(row, Stage::Lacking, because, now);
}

/// What was missing, or the licence for what is on the device, is there: that counts again.
pub fn mended(row: &mut AppState, licence: &LicenceFact, now: Timestamp) {
    let waited = !row.seen.is_empty() && matches!(row.stage, Stage::Licence | Stage::NoLicence);
    if row.stage == Stage::Lacking || waited && licence.is_enough() {
        enter(row, if is_known_there(row) { Stage::Installed } else { Stage::Absent }, "", now);
    }
}

/// Whether the person at the device has decided about it, which stands until somebody asks again.
pub(super) fn is_decided(row: &AppState) -> bool {
    matches!(row.stage, Stage::Declined | Stage::Deleted) || row.stage == Stage::Unmanaged && !row.take_over
}

/// Whether the declaration that is served stays as it is: for another one something is missing, or the person has decided.
pub fn is_kept(row: &AppState, facts: &Facts) -> bool {
    let is_served = row.mechanism == Mechanism::Declaration && !row.sent.is_empty();
    is_served && facts.want.is_some() && (facts.lack.is_some() || is_decided(row))
}
