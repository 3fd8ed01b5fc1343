//! One app on one device as a state machine: what is wanted, what is under way, what the device said. Pure.
//!
//! An app is sent once its licence is there; the device's answer begins a wait in which it is asked how far it is, less and less often. What the
//! person decides stays decided until somebody asks again; what fails is tried again a few times and then rests.

mod codes;
mod declared;
mod facts;
mod heard;
mod lacking;
mod presence;

pub use codes::{code_sent, codeless, redeemed};
pub use declared::{Declared, confirmed, declared, doubted, refuses, served};
pub use facts::{Facts, LicenceFact, Newest, Want};
pub use heard::{Answer, Item, Present, answered, listed, lost, sent, taken_back};
pub use lacking::{is_kept, lacks, mended};
pub use presence::present;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::mdm::reconcile::step::{OTHER, UnderWay};
use crate::store::app_states::{AppState, Intent, Stage};
use crate::store::deployments::Mechanism;
use lacking::{is_decided, lacking};

/// When a device is asked how far it is, counted from the question or answer before; the last one for ever.
pub const POLLS: [Duration; 6] = [minutes(1), minutes(2), minutes(5), minutes(15), minutes(60), minutes(24 * 60)];

/// Waits after failures in a row, the last one for ever.
pub const BACK_OFF: [Duration; 5] = [minutes(5), minutes(30), minutes(2 * 60), minutes(8 * 60), minutes(24 * 60)];

/// The least wait after the device said that a question is open or cannot be shown.
pub const AFTER_QUESTION: Duration = minutes(60);

/// The wait after the device said that the app is running.
pub const AFTER_IN_USE: Duration = minutes(30);

/// How long after an admin took a command back the same is not sent again.
pub const AFTER_CANCEL: Duration = minutes(24 * 60);

/// Failures in a row after which a plain failure or a missing licence rests.
pub const ATTEMPTS_MAX: i64 = 3;

/// Failures in a row after which what waits for a person, a network or room rests.
pub const PATIENT_ATTEMPTS_MAX: i64 = 5;

/// Questions after which an update that changed nothing counts as without effect.
pub const UPDATE_POLLS: i64 = 5;

/// Updates without effect after which no more is sent.
pub const UNMOVED_MAX: i64 = 2;

/// How long a device may be silent about an app whose declaration it has confirmed, before that counts as without effect.
pub const QUIET_MAX: Duration = minutes(60);

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// What is to be done about an app now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing until something happens, or until the moment.
    Rest(Option<Timestamp>),
    /// Show it as one that the person may ask for.
    Offer,
    /// Ask for a licence.
    Want,
    /// Wait for the licence; what is shown while it waits.
    AwaitLicence,
    /// Send the order to install, or to update.
    Install,
    /// Have it removed.
    Remove,
    /// Take back what waits in the queue.
    TakeBack,
    /// Ask the device how far it is.
    Poll,
    /// Send a redemption code.
    Redeem,
    /// Say what is missing for it.
    Lack,
    /// Have the declaration served.
    Declare,
    /// Say that the declaration, which the device has confirmed, has no effect.
    Doubt,
    /// Have it served under a new identifier, which makes the device try again.
    DeclareAgain,
    /// It has gone, or never was there: give the licence back and forget it.
    Release,
}

/// Notes what is wanted. A newer wish is tried at once, whatever became of the last one, but a person's decision stands.
pub fn want(row: &mut AppState, facts: &Facts, mechanism: Mechanism, now: Timestamp) {
    let digest = facts.want.as_ref().map(|want| want.digest.as_str()).unwrap_or_default();
    if row.wanted != digest {
        let is_first = row.wanted.is_empty();
        digest.clone_into(&mut row.wanted);
        row.attempts = 0;
        row.due_at = None;
        if matches!(row.stage, Stage::Failed | Stage::Stuck) || is_first && row.stage == Stage::Removing {
            let back = if is_known_there(row) { Stage::Installed } else { Stage::Absent };
            enter(row, back, "", now);
            row.unmoved = 0;
        }
    }
    if row.mechanism != mechanism {
        // The new mechanism takes over what the old one brought, without installing it again.
        row.mechanism = mechanism;
        row.asked_version.clear();
        row.sent.clear();
        row.attempts = 0;
        row.due_at = None;
        row.poll_at = None;
        if mechanism == Mechanism::Declaration {
            row.command_uuid = None;
            row.intent = Intent::Nothing;
        }
    }
}

/// Whether an order by command has failed for good, and nothing of it is there.
pub fn gave_up(row: &AppState) -> bool {
    row.mechanism == Mechanism::Command && row.stage == Stage::Failed && row.due_at.is_none() && is_away(row)
}

/// Decides about one app.
pub fn next(row: &AppState, facts: &Facts, now: Timestamp) -> Step {
    if facts.lack.is_some() {
        return lacking(row, facts, now);
    }
    match (row.mechanism, &facts.want) {
        (Mechanism::Command, _) => by_command(row, facts, now),
        (Mechanism::Declaration, Some(want)) => declared::next(row, facts, want, now),
        // Without its declaration the device removes it by itself, and says so.
        (Mechanism::Declaration, None) if is_away(row) => Step::Release,
        (Mechanism::Declaration, None) => Step::Rest(None),
    }
}

/// Whether nothing of it can be on the device.
pub fn is_away(row: &AppState) -> bool {
    row.sent.is_empty() && row.seen.is_empty()
}

/// Whether it is known to be on the device: not only that an order was sent that may have come about.
pub fn is_known_there(row: &AppState) -> bool {
    let has_version = !row.version.is_empty() || !row.short_version.is_empty() || row.external_version.is_some();
    !row.seen.is_empty() && (row.seen != OTHER || has_version || row.mechanism == Mechanism::Declaration)
}

fn by_command(row: &AppState, facts: &Facts, now: Timestamp) -> Step {
    match facts.under_way {
        // It is on its way to the device, or at it: whatever is wanted now comes after its answer.
        UnderWay::Offered => return Step::Rest(None),
        UnderWay::Queued => {
            return match (row.intent, &facts.want) {
                (Intent::Install, Some(want)) if row.sent == want.digest => Step::Rest(None),
                (Intent::Install, Some(want)) if want.installs && facts.licence.is_enough() => Step::Install,
                (Intent::Remove, None) => Step::Rest(None),
                _ => Step::TakeBack,
            };
        }
        UnderWay::Nothing => {}
    }
    let is_early = row.due_at.is_some_and(|due_at| due_at > now);
    let Some(want) = &facts.want else {
        return match () {
            // A system that does not manage apps cannot be told to remove one.
            () if is_away(row) || !facts.is_managed_there => Step::Release,
            () if row.stage == Stage::Removing && row.poll_at.is_some() => poll(row, now),
            () if is_early => Step::Rest(row.due_at),
            () => Step::Remove,
        };
    };
    if !want.installs && is_away(row) {
        return Step::Offer;
    }
    if gave_up(row) {
        // It goes on when something about it changes, or somebody asks again; until then another device may have the licence.
        return Step::Rest(None);
    }
    if let Some(step) = licence(row, facts, now) {
        return step;
    }
    match row.stage {
        // What was changed meanwhile does not wait for an update that may never come about.
        Stage::Updating if row.sent != want.digest && !is_early => Step::Install,
        // One that was answered is not followed by another before somebody asks.
        Stage::NeedsCode if facts.has_code && row.unmoved == 0 && !is_early => Step::Redeem,
        Stage::Prompting | Stage::Installing | Stage::Updating | Stage::NeedsCode => poll(row, now),
        Stage::Unmanaged if row.take_over => Step::Install,
        Stage::Declined | Stage::Deleted | Stage::Unmanaged | Stage::Stuck => Step::Rest(None),
        _ if is_early => Step::Rest(row.due_at),
        Stage::Installed | Stage::Outdated | Stage::Licence | Stage::NoLicence if !row.seen.is_empty() => match installed(row, facts, want)
        {
            Step::Rest(_) if row.poll_at.is_some() => poll(row, now),
            step => step,
        },
        _ => Step::Install,
    }
}

/// What the licence wants done first, if anything. An app that is there stays while its licence is looked for, and that it is, is said.
fn licence(row: &AppState, facts: &Facts, now: Timestamp) -> Option<Step> {
    let is_at_it = matches!(row.stage, Stage::Prompting | Stage::Installing | Stage::Updating | Stage::NeedsCode);
    match facts.licence {
        LicenceFact::Free | LicenceFact::Held => None,
        _ if is_decided(row) => None,
        LicenceFact::Missing => Some(Step::Want),
        // What the device is at ends first, in one way or the other.
        LicenceFact::Pending(_) | LicenceFact::Short(_) if is_at_it && !row.seen.is_empty() && row.poll_at.is_some() => {
            Some(poll(row, now))
        }
        LicenceFact::Pending(_) | LicenceFact::Short(_) => Some(Step::AwaitLicence),
    }
}

fn poll(row: &AppState, now: Timestamp) -> Step {
    match row.poll_at {
        Some(poll_at) if poll_at > now => Step::Rest(Some(poll_at)),
        _ => Step::Poll,
    }
}

fn installed(row: &AppState, facts: &Facts, want: &Want) -> Step {
    if row.seen != want.digest {
        return Step::Install;
    }
    match &want.newest {
        Some(newest) if newest.is_newer_than(row) && row.asked_version != newest.key() => {
            if facts.may_update {
                Step::Install
            } else {
                Step::Rest(facts.updates_at)
            }
        }
        _ => Step::Rest(None),
    }
}

/// Whether the declaration of an app is served: taking it back would remove the app and its data, so that a licence that is lost does not.
pub fn is_declared(row: &AppState, facts: &Facts) -> bool {
    let wants = facts.want.as_ref().is_some_and(|want| want.installs || !is_away(row)) && !(is_decided(row) && row.sent.is_empty());
    row.mechanism == Mechanism::Declaration && wants && (facts.licence.is_enough() || !row.sent.is_empty() || !row.seen.is_empty())
}

/// Somebody asks for it, or asks again: what was decided, failed or waited before counts no more.
pub fn ask(row: &mut AppState, now: Timestamp) {
    row.asked_at = Some(now);
    row.withdrawn = false;
    row.attempts = 0;
    row.due_at = None;
    row.unmoved = 0;
    row.asked_version.clear();
    if row.command_uuid.is_some() {
        return;
    }
    if row.mechanism == Mechanism::Declaration && ask_declared(row, now) {
        return;
    }
    match row.stage {
        Stage::Installed => {}
        // It is sent as it is now, in the version that there is.
        Stage::Outdated => enter(row, Stage::Absent, "", now),
        Stage::Unmanaged => row.take_over = true,
        Stage::Prompting | Stage::Installing | Stage::NeedsCode => {
            row.asks += 1;
            if row.seen.is_empty() && row.mechanism == Mechanism::Command {
                // It may come about meanwhile, so that it must be removed if it is not wanted any more.
                OTHER.clone_into(&mut row.seen);
            }
            enter(row, Stage::Absent, "", now);
        }
        _ if is_known_there(row) => {
            if row.stage == Stage::Updating && row.sent != row.seen && row.mechanism == Mechanism::Command {
                // What it was told last may have come about meanwhile, and no list tells which of the two is there.
                OTHER.clone_into(&mut row.seen);
            }
            row.sent.clone_from(&row.seen);
            enter(row, Stage::Installed, "", now);
        }
        _ => {
            // A declaration under a new identifier is what makes the device try again.
            row.asks += 1;
            enter(row, Stage::Absent, "", now);
        }
    }
}

/// Somebody asks for an app that a declaration brings and that is on the device; tells whether that was so.
fn ask_declared(row: &mut AppState, now: Timestamp) -> bool {
    match row.stage {
        // Without its declaration the app would go, with its data: the same one is served with another token, and the device looks at it anew.
        Stage::Installed | Stage::Outdated | Stage::Updating if is_known_there(row) => row.asked_version = asked_key(now),
        // The device asks its person anew whether the app, which is theirs, may be managed.
        Stage::Unmanaged => {
            row.take_over = true;
            row.asks += 1;
            enter(row, Stage::Absent, "", now);
        }
        _ => return false,
    }
    true
}

/// What marks an asking anew for an app that is there: no App Store's number or version begins like it.
const ASKED: &str = "asked ";

fn asked_key(now: Timestamp) -> String {
    format!("{ASKED}{}", now.millis())
}

/// What besides its content makes the declaration of an app another one: the newest version, and that somebody asked anew.
pub fn edition(newest: &str, row: Option<&AppState>) -> String {
    let is_asked = |row: &&AppState| row.mechanism == Mechanism::Declaration && row.asked_version.starts_with(ASKED);
    let asked = row.filter(is_asked).map(|row| row.asked_version.as_str()).unwrap_or_default();
    [newest, asked].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Notes whether there is a newer version of what is there, that is not on its way.
pub fn compare(row: &mut AppState, facts: &Facts, now: Timestamp) {
    let is_older = facts.want.as_ref().and_then(|want| want.newest.as_ref()).is_some_and(|newest| newest.is_newer_than(row));
    let stage = match row.stage {
        Stage::Installed if is_older => Stage::Outdated,
        Stage::Outdated if !is_older => Stage::Installed,
        _ => return,
    };
    let problem = std::mem::take(&mut row.problem);
    enter(row, stage, &problem, now);
}

/// It is there, as it was or anew.
fn is_there(row: &mut AppState, problem: &str, now: Timestamp) {
    if row.stage == Stage::Lacking {
        // As it was; what is missing is missing still.
        return;
    }
    let stage = if row.stage == Stage::Outdated { Stage::Outdated } else { Stage::Installed };
    enter(row, stage, problem, now);
}

/// The declaration is served under a new identifier; `digest` is what is told then. It is the same wish, so that what failed before still counts.
pub fn declared_again(row: &mut AppState, digest: impl FnOnce(i64) -> String, now: Timestamp) {
    row.asks += 1;
    row.wanted = digest(row.asks);
    row.sent.clone_from(&row.wanted);
    row.due_at = None;
    enter(row, Stage::Sent, "", now);
}

/// The licence is looked for, or is not to be had. What a declaration was refused for before counts no more.
pub fn awaits_licence(row: &mut AppState, fact: &LicenceFact, now: Timestamp) {
    if row.mechanism == Mechanism::Declaration {
        (row.attempts, row.due_at) = (0, None);
    }
    match fact {
        LicenceFact::Short(because) => enter(row, Stage::NoLicence, because, now),
        LicenceFact::Pending(because) => enter(row, Stage::Licence, because, now),
        LicenceFact::Missing => enter(row, Stage::Licence, "", now),
        LicenceFact::Free | LicenceFact::Held => {}
    }
}

/// The device is asked how far it is.
pub fn polled(row: &mut AppState, now: Timestamp) {
    row.polls += 1;
    row.poll_at = Some(now.plus(POLLS[usize::try_from(row.polls).unwrap_or_default().min(POLLS.len() - 1)]));
}

/// Enters a stage; the moment stays where it is the same one.
pub fn enter(row: &mut AppState, stage: Stage, problem: &str, now: Timestamp) {
    if row.stage != stage {
        row.stage = stage;
        row.stage_at = now;
    }
    problem.clone_into(&mut row.problem);
}

#[cfg(test)]
mod tests;
