//! What a device reports of an app that a declaration brings, taken into its row.

use super::heard::{back_off, gone, there};
use super::{ATTEMPTS_MAX, Facts, QUIET_MAX, Step, Want, enter, is_away, is_decided, is_there, licence};
use crate::clock::Timestamp;
use crate::store::app_states::{AppState, Stage};

/// An app as a status report tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// `state` of `app.managed.list`.
    pub state: String,
    /// `update-state`, where it says one.
    pub update_state: String,
    /// The first of `reasons`, by code.
    pub reason: Option<String>,
    /// Its version.
    pub version: String,
    /// What people call it.
    pub short_version: String,
    /// The App Store's number of it.
    pub external_version: Option<i64>,
}

/// Takes over what a device says of an app that a declaration brings. `item`: as it lists it; `is_known`: it has the declaration.
pub fn declared(row: &mut AppState, item: Option<&Declared>, is_known: bool, now: Timestamp) {
    let Some(item) = item else {
        if !is_known && row.wanted.is_empty() {
            gone(row, now);
        }
        return;
    };
    row.poll_at = None;
    if !item.version.is_empty() {
        row.version.clone_from(&item.version);
        row.short_version.clone_from(&item.short_version);
    }
    row.external_version = item.external_version.or(row.external_version);
    let because = item.reason.as_deref().map(crate::mdm::apps::words::reason).unwrap_or_default();
    if row.wanted.is_empty() {
        if item.state == "not-present" || !is_known && item.state == "managed-but-uninstalled" {
            gone(row, now);
        } else {
            enter(row, Stage::Removing, because, now);
        }
        return;
    }
    match item.state.as_str() {
        // Of packages the second word.
        "managed" | "installed" => {
            row.seen.clone_from(&row.sent);
            there(row);
            row.attempts = 0;
            match item.update_state.as_str() {
                "updating" | "prompting-for-update" | "prompting-for-update-login" => enter(row, Stage::Updating, because, now),
                _ => is_there(row, because, now),
            }
        }
        "queued" | "downloading" | "installing" => {
            enter(row, if row.seen.is_empty() { Stage::Installing } else { Stage::Updating }, because, now);
        }
        "prompting-for-consent" => enter(row, Stage::Prompting, t!("the device asks the person whether to install it"), now),
        "prompting-for-login" => enter(row, Stage::Prompting, t!("the device asks the person to sign in"), now),
        "prompting-for-management" => enter(row, Stage::Prompting, t!("the device asks the person whether the app may be managed"), now),
        "managed-but-uninstalled" => {
            row.seen.clear();
            enter(row, Stage::Deleted, t!("the person deleted it"), now);
        }
        "failed" => {
            row.seen.clear();
            let stage = match item.reason.as_deref() {
                Some("Error.UserRejected") => Stage::Declined,
                Some("Error.UnmanagedAppAlreadyInstalled") => Stage::Unmanaged,
                Some("Error.LicenseNotFound") => return unlicensed(row, because, now),
                _ => Stage::Failed,
            };
            enter(row, stage, because, now);
        }
        // "optional", "not-present" and words that we do not know: nothing has begun.
        _ => {}
    }
}

/// The device has confirmed the declaration and does not list the app: as far as is known it works on it, for [`QUIET_MAX`] at the most.
pub fn confirmed(row: &mut AppState, now: Timestamp) {
    // What it refused before it takes now.
    if matches!(row.stage, Stage::Sent | Stage::Failed) && row.seen.is_empty() && !row.wanted.is_empty() {
        row.poll_at = Some(now.plus(QUIET_MAX));
        enter(row, Stage::Installing, "", now);
    }
}

/// The device refuses what it was told last of an app; where that is there already, it stays as it was.
pub fn refuses(row: &mut AppState, before: &AppState, because: &str, now: Timestamp) {
    row.seen.clone_from(&before.seen);
    enter(row, Stage::Failed, because, now);
}

/// The declaration is served in a new form: the device has everything still to say.
pub fn served(row: &mut AppState, digest: &str, now: Timestamp) {
    digest.clone_into(&mut row.sent);
    let was_awaited = row.poll_at.take().is_some();
    if was_awaited || matches!(row.stage, Stage::Absent | Stage::Offered | Stage::Licence | Stage::NoLicence) {
        enter(row, Stage::Sent, "", now);
    }
}

/// The device confirmed the declaration long ago and never listed the app.
pub fn doubted(row: &mut AppState, now: Timestamp) {
    row.poll_at = None;
    let because = t!("the device confirmed long ago that it is to have it, and says neither that it comes nor why not");
    enter(row, Stage::Stuck, because, now);
}

/// The device's store had no licence: what Apple calls done reaches it a while later. The same is told again and again; it counts once.
fn unlicensed(row: &mut AppState, because: &str, now: Timestamp) {
    if !matches!(row.stage, Stage::NoLicence | Stage::Licence) {
        row.attempts += 1;
        row.due_at = (row.attempts < ATTEMPTS_MAX).then(|| now.plus(back_off(row.attempts)));
        enter(row, Stage::NoLicence, because, now);
    }
}

/// Decides about an app that a declaration brings.
pub(super) fn next(row: &AppState, facts: &Facts, want: &Want, now: Timestamp) -> Step {
    if !want.installs && is_away(row) {
        return Step::Offer;
    }
    if is_decided(row) {
        // A declaration in another form would make the device ask again.
        return Step::Rest(None);
    }
    if let Some(step) = licence(row, facts, now).filter(|_| row.sent.is_empty()) {
        return step;
    }
    if row.sent != want.digest {
        return Step::Declare;
    }
    // The device was told of it, and its store had no licence.
    let is_refused = row.seen.is_empty() && matches!(row.stage, Stage::NoLicence | Stage::Licence);
    if !row.seen.is_empty() && !facts.licence.is_enough() {
        return Step::AwaitLicence;
    }
    if !is_refused {
        return match row.poll_at {
            Some(quiet_until) if quiet_until <= now => Step::Doubt,
            quiet_until => Step::Rest(quiet_until),
        };
    }
    match row.due_at {
        _ if !facts.licence.is_enough() => Step::AwaitLicence,
        // The ledger did not have it either, and has it now.
        _ if row.attempts == 0 => Step::DeclareAgain,
        Some(due_at) if due_at <= now => Step::DeclareAgain,
        due_at => Step::Rest(due_at),
    }
}
