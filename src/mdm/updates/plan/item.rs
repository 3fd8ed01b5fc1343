//! How a plan, or what was started by hand, stands on an enrollment once it is noted what is meant.

use crate::clock::{Timestamp, Wall};
use crate::error::Result;
use crate::language;
use crate::mdm::reconcile;
use crate::mdm::updates::because::Because;
use crate::mdm::updates::candidates::{Found, Leap};
use crate::mdm::updates::mechanism;
use crate::mdm::updates::next::{Facts, awaits_inventory, enter, is_given_up, past_deadline};
use crate::mdm::updates::pauses::{NOTICE_AFTER_MINUTES, minutes_between};
use crate::mdm::updates::plan::{Aim, Meant, On, Planned, Read, TURN, TURN_UNUSED, has_begun, is_aimed_at, is_out_of_hand};
use crate::mdm::updates::rules::Rules;
use crate::mdm::updates::{timing, words};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::deployments::Mechanism;
use crate::store::enrollments::Enrollment;
use crate::store::update_states::{self, Action, Inability, Stage, UpdateState};
use crate::store::{Tx, devices};

/// Whose turn it is on an enrollment that several mean to bring something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn<'a> {
    /// The plan's own.
    Own,
    /// That of the plan with this name.
    Of(&'a str),
    /// That of what was started by hand.
    ByHand,
}

/// How a plan stands on an enrollment once what it means is noted.
pub(super) fn item(
    tx: &Tx,
    enrollment: &Enrollment,
    on: &On<'_>,
    (read, ring): (&Read, usize),
    meant: Meant,
    before: Option<UpdateState>,
    turn: Turn<'_>,
) -> Result<Option<Planned>> {
    let mut row = before.clone().unwrap_or_else(|| UpdateState::blank(&read.plan.id, ring, tx.now));
    row.ring = ring;
    let mut acts = false;
    let mut is_improvement = false;
    match meant {
        Meant::Nothing if before.is_none() => return Ok(None),
        Meant::Nothing => return Ok(before.map(withdrawn)),
        Meant::Done => {
            settle(&mut row, Stage::Done, "", tx.now);
            if !on.subject.version.is_at_least(OsVersion::parse(&row.version)) {
                // Nothing newer is offered any more; that was not brought.
                (row.done_at, row.begun_at) = (None, None);
                row.version.clear();
                row.build.clear();
            }
        }
        Meant::Excepted(reason) => settle(&mut row, Stage::Excepted, &reason, tx.now),
        Meant::Cannot(because) => cannot(&mut row, &because, tx.now),
        Meant::Ask => {
            settle(&mut row, Stage::Planned, words::ASKS_FIRST, tx.now);
            row.due_at = before.as_ref().and_then(|before| before.due_at);
            row.version.clear();
            row.mechanism = Mechanism::Command;
            let mut planned = Planned { row, before, is_withdrawn: false, acts: true, facts: Facts::default(), loss: None, is_improvement };
            facts(tx, enrollment, on, &mut planned, None)?;
            return Ok(Some(planned));
        }
        Meant::Stopped { release, because } => {
            is_improvement = release.candidate.leap == Leap::Improvement;
            acts = matches!(turn, Turn::Own) && is_out_of_hand(&row, on);
            if !acts {
                aim(&mut row, &release, tx.now);
                // Whatever was downloaded stays there, and nothing of it is late.
                row.deadline_at = None;
                if row.stage != Stage::Failed {
                    settle(&mut row, Stage::Planned, &because, tx.now);
                }
            }
        }
        Meant::Later { release, because, .. } => {
            is_improvement = release.candidate.leap == Leap::Improvement;
            let goes_on = matches!(row.stage, Stage::Downloading | Stage::Prepared | Stage::Installing) && matches!(turn, Turn::Own);
            aim(&mut row, &release, tx.now);
            acts = goes_on;
            // What failed stays told so until it is tried again.
            if !goes_on && row.stage != Stage::Failed {
                settle(&mut row, Stage::Planned, &because, tx.now);
            }
        }
        Meant::Bring(release) => {
            is_improvement = release.candidate.leap == Leap::Improvement;
            acts = bring(tx, enrollment, &mut row, read, on, &release, turn)?;
        }
    }
    let mut planned = Planned { row, before, is_withdrawn: false, acts, facts: Facts::default(), loss: None, is_improvement };
    if acts && planned.row.mechanism == Mechanism::Command {
        facts(tx, enrollment, on, &mut planned, Some(&read.rules))?;
    }
    Ok(Some(planned))
}

/// A release may come now: gives whether it does.
fn bring(tx: &Tx, enrollment: &Enrollment, row: &mut UpdateState, read: &Read, on: &On<'_>, release: &Aim, turn: Turn<'_>) -> Result<bool> {
    // A newer release takes the place of the one that the device is at, and its turn with it.
    let begun_at = row.begun_at.filter(|_| row.is_under_way());
    let quiet_until = release.quiet_until.filter(|_| !has_begun(row));
    aim(row, release, tx.now);
    row.begun_at = row.begun_at.or(begun_at);
    if is_given_up(row) {
        // Somebody has to look at the device first.
        return Ok(false);
    }
    let because = match (quiet_until, turn) {
        (Some(until), _) => {
            t!("nothing begins in quiet hours and holidays: it begins on {wall}", wall = language::date(on.zone.wall(until).words()))
        }
        (None, Turn::Own) if row.begun_at.is_some() || has_turn(tx, read)? => {
            begin(row, read, on, release, tx.now);
            return Ok(true);
        }
        (None, Turn::Own) => words::waits_for_turn(read.rules.at_once.unwrap_or_default()),
        (None, Turn::Of(plan)) => t!("“{plan}” comes first", plan),
        (None, Turn::ByHand) => words::BY_HAND_FIRST.to_owned(),
    };
    settle(row, Stage::Planned, &because, tx.now);
    let came_later = enrollment.enrolled_at.is_some_and(|enrolled_at| enrolled_at >= release.deadline_at);
    let is_held_up = came_later || !matches!(turn, Turn::Own);
    if is_held_up && row.begun_at.is_none() && row.deadline_at.is_some_and(|deadline| deadline <= tx.now) {
        // It has its time from when it is told: until then nothing of it is late.
        row.deadline.clear();
        row.deadline_at = None;
    }
    Ok(false)
}

/// Whether there is room for another device to begin.
fn has_turn(tx: &Tx, read: &Read) -> Result<bool> {
    match read.rules.at_once {
        None => Ok(true),
        Some(most) => Ok(update_states::at_once(tx, &read.plan.id, tx.now.minus(TURN), tx.now.minus(TURN_UNUSED))? < most),
    }
}

/// Notes which release is meant; another one than before begins anew.
fn aim(row: &mut UpdateState, aim: &Aim, now: Timestamp) {
    if !is_aimed_at(row, aim) {
        let (plan_id, ring, command_uuid) = (std::mem::take(&mut row.plan_id), row.ring, row.command_uuid.take());
        *row = UpdateState { command_uuid, ..UpdateState::blank(&plan_id, ring, now) };
        row.version = aim.candidate.version.to_string();
    }
    row.build.clone_from(&aim.candidate.key.build);
    row.mechanism = aim.mechanism;
    row.deadline = aim.deadline.to_string();
    row.deadline_at = Some(aim.deadline_at);
    row.done_at = None;
}

/// Its turn has come.
fn begin(row: &mut UpdateState, read: &Read, on: &On<'_>, release: &Aim, now: Timestamp) {
    row.begun_at.get_or_insert(now);
    give_notice(row, read, on, release);
    let is_mac = on.subject.platform == Platform::Macos;
    let action = match (row.mechanism, row.deadline_at.is_some_and(|deadline| deadline <= now)) {
        (Mechanism::Command, false) if is_mac => Action::Later,
        (Mechanism::Command, true) if is_mac && read.rules.force_restart => Action::Force,
        _ => Action::Install,
    };
    if row.action == Action::Later && action != Action::Later && row.stage != Stage::Failed {
        // The deadline is here: what is told then waits for no other question.
        row.due_at = None;
    }
    row.action = action;
    past_deadline(row, now);
    if matches!(row.stage, Stage::Planned | Stage::Done | Stage::Cannot | Stage::Excepted) {
        row.stage = Stage::Waiting;
        row.problem.clear();
        row.changed_at = now;
    }
}

/// Who is told when hardly any time is left, because it came late, was left alone or waited for its turn, has an hour from there: nobody restarts in the
/// middle of what they do. A plan that means less time for everybody gives less here too.
fn give_notice(row: &mut UpdateState, read: &Read, on: &On<'_>, release: &Aim) {
    let Some(told) = row.begun_at.map(|begun_at| on.zone.wall(begun_at)) else { return };
    let meant = minutes_between(release.window.opens, release.deadline);
    let notice = if meant == 0 { NOTICE_AFTER_MINUTES } else { meant.min(NOTICE_AFTER_MINUTES) };
    if minutes_between(told, release.deadline) * 2 >= notice {
        return;
    }
    let free = timing::open(&read.rules, on.zone, told.plus_minutes(notice));
    let is_signed = |at: &Wall| release.candidate.expires.is_none_or(|last| *at < timing::expiry(on.zone, last));
    if let Some(deadline) = free.filter(is_signed).filter(|free| *free > release.deadline) {
        row.deadline = deadline.to_string();
        row.deadline_at = Some(on.zone.moment(deadline));
    }
}

/// Nothing is done about it now.
fn settle(row: &mut UpdateState, stage: Stage, problem: &str, now: Timestamp) {
    if stage == Stage::Done && row.begun_at.is_some() && row.done_at.is_none() {
        row.done_at = Some(now);
    }
    if stage != Stage::Done && stage != Stage::Planned {
        row.begun_at = None;
    }
    if (row.stage, row.problem.as_str()) != (stage, problem) {
        row.stage = stage;
        problem.clone_into(&mut row.problem);
        row.changed_at = now;
    }
    row.due_at = None;
    if stage == Stage::Done {
        row.percent = None;
        row.attempts = 0;
    }
}

/// The device cannot have it.
fn cannot(row: &mut UpdateState, because: &Because, now: Timestamp) {
    let begun_at = row.begun_at;
    settle(row, Stage::Cannot, &because.words, now);
    // A release that comes back goes on where it was: nobody who missed a deadline gets a new one by it.
    row.begun_at = begun_at.filter(|_| !row.version.is_empty());
    row.inability = because.kind;
}

/// The plan does not mean the enrollment any more.
pub(super) fn withdrawn(before: UpdateState) -> Planned {
    let row = before.clone();
    Planned { row, before: Some(before), is_withdrawn: true, acts: false, facts: Facts::default(), loss: None, is_improvement: false }
}

/// What was started by hand goes on until the device has it, or cannot have it any more.
pub(super) fn by_hand(tx: &Tx, enrollment: &Enrollment, on: &On<'_>, before: UpdateState) -> Result<Planned> {
    let mut row = before.clone();
    let is_asked = asks(&mut row, on, tx.now);
    let wanted = OsVersion::parse(&row.version);
    let candidate = match on.found {
        Found::Known(candidates) => candidates.iter().find(|candidate| candidate.version == wanted),
        Found::Unknown(_) => None,
    };
    let mut acts = is_asked;
    if row.version.is_empty() {
        // Nothing is meant yet, or ever.
    } else if on.subject.version.is_at_least(wanted) {
        settle(&mut row, Stage::Done, "", tx.now);
    } else if candidate.is_none() && !on.asks && !matches!(row.stage, Stage::Downloading | Stage::Installing) {
        let words = t!("Apple does not offer {wanted} to this model any more", wanted);
        cannot(&mut row, &Because::new(Inability::NotOffered, words), tx.now);
    } else if matches!(row.stage, Stage::Done | Stage::Cannot) {
        // It was taken back or ended: it stays as it is, and can be started anew.
    } else if let Err(because) = follow_system(&mut row, on, tx.now) {
        cannot(&mut row, &because, tx.now);
    } else {
        // What was only to be downloaded or told of is over then: plans need not wait for it.
        let is_over = match row.action {
            Action::Download => row.stage == Stage::Prepared,
            // Its person has been told once it is there, or the Mac told so.
            Action::Notify => !row.scheduled.is_empty() && matches!(row.stage, Stage::Waiting | Stage::Prepared),
            _ => false,
        };
        // Nor for what was given up.
        acts = !is_over && !is_given_up(&row);
        past_deadline(&mut row, tx.now);
    }
    let is_improvement = candidate.is_some_and(|candidate| candidate.leap == Leap::Improvement);
    let mut planned = Planned { row, before: Some(before), is_withdrawn: false, acts, facts: Facts::default(), loss: None, is_improvement };
    if acts && planned.row.mechanism == Mechanism::Command {
        facts(tx, enrollment, on, &mut planned, None)?;
    }
    Ok(planned)
}

/// A device that meanwhile came to another system gets the rest in the way of that one: what began by command comes by a declaration from where the system
/// has no such commands any more, or declarations besides.
fn follow_system(row: &mut UpdateState, on: &On<'_>, now: Timestamp) -> Result<(), Because> {
    let way = mechanism::for_order(on.target, row.action)?;
    if way == row.mechanism {
        return Ok(());
    }
    if matches!(row.action, Action::Download | Action::Notify) {
        let words = t!("its system, {version} now, always installs what it is told to bring", version = on.subject.version);
        return Err(Because::new(Inability::Other, words));
    }
    row.mechanism = way;
    (row.deadline, row.deadline_at) = timing::by_hand(row.action, way, on.zone, now);
    row.product_key.clear();
    (row.attempts, row.unmoved, row.due_at) = (0, 0, None);
    enter(row, Stage::Waiting, "", now);
    Ok(())
}

/// Whether a device is asked first what it finds, since nobody knows which release its newest is; once that is known, it is meant.
fn asks(row: &mut UpdateState, on: &On<'_>, now: Timestamp) -> bool {
    if !row.version.is_empty() || matches!(row.stage, Stage::Done | Stage::Cannot) {
        return false;
    }
    match on.found {
        Found::Unknown(_) if on.asks => return !is_given_up(row),
        Found::Unknown(unknown) => {
            let Because { kind, words } = Because::from(*unknown);
            cannot(row, &Because::new(kind, t!("it is not known what it can have: {words}", words)), now);
        }
        Found::Known(candidates) => match candidates.iter().find(|candidate| candidate.leap != Leap::Improvement) {
            None => cannot(row, &Because::new(Inability::Other, t!("it finds no release that is newer than its own")), now),
            Some(newest) => {
                row.version = newest.version.to_string();
                row.build.clone_from(&newest.key.build);
                row.asked.clear();
                (row.attempts, row.unmoved, row.due_at) = (0, 0, None);
                enter(row, Stage::Waiting, "", now);
            }
        },
    }
    false
}

/// Reads what decides about commands.
fn facts(tx: &Tx, enrollment: &Enrollment, on: &On<'_>, planned: &mut Planned, rules: Option<&Rules>) -> Result<()> {
    let (under_way, loss) = reconcile::under_way(tx, enrollment, planned.row.command_uuid.as_deref())?;
    planned.loss = loss.map(|loss| loss.because);
    let device = if awaits_inventory(&planned.row) { devices::by_id(tx, &enrollment.device_id)? } else { None };
    planned.facts = Facts {
        told_at: device.and_then(|device| device.facts_at),
        under_way,
        may_send_at: match rules {
            Some(rules) => timing::open_at(rules, on.zone, tx.now),
            None => Some(tx.now),
        },
        needs_key: mechanism::needs_key(on.target, planned.is_improvement),
        is_mac: on.subject.platform == Platform::Macos,
        has_mac_actions: mechanism::has_mac_actions(on.target),
    };
    Ok(())
}
