//! Where an update stands that comes by a declaration, by what the device says of it. Pure.

use crate::clock::Timestamp;
use crate::mdm::updates::next::enter;
use crate::store::deployments::Mechanism;
use crate::store::update_states::{Stage, UpdateState};

/// What a device says of an update that it was told of by a declaration.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// `softwareupdate.install-state`.
    pub install_state: Option<String>,
    /// `softwareupdate.failure-reason`: count and reason.
    pub failure: Option<(i64, String)>,
    /// Why it does not take the declaration, in words.
    pub invalid: Option<String>,
}

/// Where an update stands that comes by a declaration.
pub fn declared(row: &mut UpdateState, said: &Said, now: Timestamp) {
    // It was asked what it runs, if ever it was; the answer counts once.
    row.asked.clear();
    if let Some(because) = &said.invalid {
        return enter(row, Stage::Failed, because, now);
    }
    let failure = said.failure.as_ref().filter(|(count, _)| *count > 0);
    row.attempts = failure.map_or(0, |(count, _)| *count);
    let problem = failure.map(|(count, reason)| failure_words(*count, reason)).unwrap_or_default();
    let stage = match said.install_state.as_deref() {
        Some("downloading") => Stage::Downloading,
        Some("prepared") => Stage::Prepared,
        Some("installing") => Stage::Installing,
        Some("failed") => Stage::Failed,
        // `none`, and words that no version of Apple's list has: it waits.
        _ => Stage::Waiting,
    };
    enter(row, stage, &problem, now);
    past_deadline(row, now);
}

/// What failed and is not at it again by its deadline has failed, whatever it has downloaded.
pub fn past_deadline(row: &mut UpdateState, now: Timestamp) {
    let has_failed = row.mechanism == Mechanism::Declaration && row.attempts > 0;
    if has_failed && matches!(row.stage, Stage::Waiting | Stage::Prepared) && row.deadline_at.is_some_and(|deadline| deadline <= now) {
        let problem = row.problem.clone();
        enter(row, Stage::Failed, &problem, now);
    }
}

fn failure_words(count: i64, reason: &str) -> String {
    let times = if count == 1 { String::from(t!("it failed once")) } else { t!("it failed {count} times", count) };
    let reason = reason.trim().trim_end_matches('.');
    if reason.is_empty() {
        t!("{times} and gave no reason; the device tries again by itself", times)
    } else {
        t!("{times}: {reason}; the device tries again by itself", times, reason)
    }
}
