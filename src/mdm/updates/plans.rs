//! Update plans: made, changed, stopped, deleted, and what they leave alone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::language;
use crate::mdm::journal::{self, Subject};
use crate::mdm::updates::next::ATTEMPTS_MAX;
use crate::mdm::updates::pauses::{self, Pause};
use crate::mdm::updates::plan::{self, Read};
use crate::mdm::updates::rules::{Deadline, Rules};
use crate::mdm::{Actor, Right, names, settings};
use crate::store::update_plans::{self, Exception, Plan};
use crate::store::{Bell, Tx, assignments, deployments, devices, groups, update_states};

/// The most plans there can be.
pub const PLANS_MAX: i64 = 200;

/// Longest name of a plan, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// Longest note of a plan, in characters.
pub const NOTE_MAX_CHARS: usize = 1_000;

/// Longest reason of an exception, in characters.
pub const REASON_MAX_CHARS: usize = 300;

/// The most exceptions of a plan.
pub const EXCEPTIONS_MAX: u32 = 1_000;

/// Failures in a row of a device that does not give up by itself, after which it counts as failed for [`judge`].
pub const FAILED_OFTEN: i64 = 3;

/// What an admin wants of a new plan.
#[derive(Debug, Clone)]
pub struct NewPlan {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// What it says.
    pub rules: Rules,
}

/// What is to become different about a plan; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct PlanChange {
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// What it says, all of it.
    pub rules: Option<Rules>,
    /// The revision that the change was made from; any if absent.
    pub revision: Option<i64>,
}

/// Looks whether a plan could be saved so; `id` is that of the plan that it changes.
///
/// # Errors
/// Those of saving it, all that is wrong at once.
pub fn check(tx: &Tx, actor: &Actor, id: Option<&str>, new: &NewPlan) -> Result<()> {
    actor.require(Right::Configure)?;
    let (name, _) = checked(tx, &new.name, &new.note, &new.rules)?;
    let before = id.map(|id| find(tx, actor, id)).transpose()?;
    not_past(tx, &new.rules, before.as_ref().map(|before| &before.rules))?;
    taken(tx, &name, id)
}

/// Makes a plan; it begins as its first ring says.
pub fn create(tx: &Tx, actor: &Actor, new: &NewPlan) -> Result<Read> {
    actor.require(Right::Configure)?;
    if update_plans::count(tx)? >= PLANS_MAX {
        return Err(Error::conflict(t!(
            "There are {PLANS_MAX} update plans already, the most there can be: delete one that is over.",
            PLANS_MAX
        )));
    }
    let (name, note) = checked(tx, &new.name, &new.note, &new.rules)?;
    not_past(tx, &new.rules, None)?;
    taken(tx, &name, None)?;
    let plan = Plan {
        id: tx.new_id(),
        name,
        note,
        rules: stored(&new.rules, &[])?,
        stopped_at: None,
        stopped_because: String::new(),
        revision: 1,
        created_by: actor.to_string(),
        created_at: tx.now,
        changed_at: tx.now,
    };
    put(tx, &plan, &new.rules)?;
    journal::note(tx, actor, "update_plan.created", Subject::default(), about(&plan, &new.rules))?;
    look_again(tx, &new.rules)?;
    find(tx, actor, &plan.id)
}

/// Changes a plan, and has every device planned for anew that it is, or was, about.
///
/// # Errors
/// Conflict when somebody else changed it since [`PlanChange::revision`].
pub fn update(tx: &Tx, actor: &Actor, id: &str, change: &PlanChange) -> Result<Read> {
    actor.require(Right::Configure)?;
    let before = find(tx, actor, id)?;
    if change.revision.is_some_and(|revision| revision != before.plan.revision) {
        return Err(Error::conflict(t!(
            "Somebody else changed this plan meanwhile (it is at revision {revision}). Look at it again, then repeat your change.",
            revision = before.plan.revision
        )));
    }
    let rules = change.rules.as_ref().unwrap_or(&before.rules);
    let (name, note) =
        checked(tx, change.name.as_ref().unwrap_or(&before.plan.name), change.note.as_ref().unwrap_or(&before.plan.note), rules)?;
    not_past(tx, rules, Some(&before.rules))?;
    taken(tx, &name, Some(id))?;
    if (&name, &note, rules) == (&before.plan.name, &before.plan.note, &before.rules) {
        return Ok(before);
    }
    let plan =
        Plan { name, note, rules: stored(rules, &before.pauses)?, revision: before.plan.revision + 1, changed_at: tx.now, ..before.plan };
    put(tx, &plan, rules)?;
    journal::note(tx, actor, "update_plan.changed", Subject::default(), about(&plan, rules))?;
    look_again(tx, &before.rules)?;
    look_again(tx, rules)?;
    find(tx, actor, id)
}

/// Deletes a plan; what devices are at goes on, everything else is taken back.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let Read { plan, rules, .. } = find(tx, actor, id)?;
    look_again(tx, &rules)?;
    for enrollment_id in update_states::of_plan(tx, id)? {
        deployments::look_again_at(tx, &enrollment_id)?;
    }
    update_plans::delete(tx, id)?;
    journal::note(tx, actor, "update_plan.deleted", Subject::default(), about(&plan, &rules))
}

/// Stops a plan: nothing more is begun, and what has not begun is taken back.
pub fn stop(tx: &Tx, actor: &Actor, id: &str, because: &str) -> Result<Read> {
    actor.require(Right::Configure)?;
    let because = names::straight(because);
    if because.chars().count() > REASON_MAX_CHARS {
        return Err(Error::field("because", t!("at most {REASON_MAX_CHARS} characters", REASON_MAX_CHARS)));
    }
    let because = if because.is_empty() { t!("{actor} stopped it", actor) } else { because };
    set_stopped(tx, actor, id, Some(&because))
}

/// Has a stopped plan go on. The time that it stood still counts for no ring and no deadline.
pub fn go_on(tx: &Tx, actor: &Actor, id: &str) -> Result<Read> {
    actor.require(Right::Configure)?;
    set_stopped(tx, actor, id, None)
}

fn set_stopped(tx: &Tx, actor: &Actor, id: &str, because: Option<&str>) -> Result<Read> {
    let before = find(tx, actor, id)?;
    if before.plan.stopped_at.is_some() == because.is_some() {
        return Ok(before);
    }
    if let Some(from) = before.plan.stopped_at {
        let mut pauses = before.pauses;
        pauses::add(&mut pauses, Pause { from, to: tx.now });
        update_plans::set_rules(tx, id, &stored(&before.rules, &pauses)?)?;
    }
    update_plans::set_stopped(tx, id, because.map(|_| tx.now), because.unwrap_or_default())?;
    let kind = if because.is_some() { "update_plan.stopped" } else { "update_plan.resumed" };
    journal::note(tx, actor, kind, Subject::default(), json!({ "plan": id, "name": before.plan.name, "because": because }))?;
    look_again(tx, &before.rules)?;
    find(tx, actor, id)
}

/// Stops a plan by itself where more devices failed than it allows.
pub(in crate::mdm) fn judge(tx: &Tx, id: &str) -> Result<()> {
    let Some(plan) = update_plans::by_id(tx, id)?.filter(|plan| plan.stopped_at.is_none()) else { return Ok(()) };
    let Read { plan, rules, .. } = plan::read(tx, plan)?;
    let Some(stop) = rules.stop else { return Ok(()) };
    let (begun, failed) = update_states::failures(tx, id, FAILED_OFTEN.min(ATTEMPTS_MAX))?;
    if failed < stop.at_least || u64::from(failed) * 100 < u64::from(stop.percent) * u64::from(begun) {
        return Ok(());
    }
    let because = t!("{failed} of {begun} devices failed, and it is to stop at {percent} percent", failed, begun, percent = stop.percent);
    set_stopped(tx, &Actor::Job("updates"), &plan.id, Some(&because)).map(drop)
}

/// One plan.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Read> {
    actor.require(Right::View)?;
    let plan = update_plans::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such update plan.")))?;
    plan::read(tx, plan)
}

/// Every plan, by name.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Read>> {
    actor.require(Right::View)?;
    update_plans::all(tx)?.into_iter().map(|plan| plan::read(tx, plan)).collect()
}

/// Has a plan leave a device alone, for a reason, until `ends_at` if that is given.
pub fn except(tx: &Tx, actor: &Actor, id: &str, device_id: &str, reason: &str, ends_at: Option<Timestamp>) -> Result<Exception> {
    actor.require(Right::Configure)?;
    let read = find(tx, actor, id)?;
    let reason = names::straight(reason);
    if reason.is_empty() || reason.chars().count() > REASON_MAX_CHARS || reason.chars().any(char::is_control) {
        return Err(Error::field("reason", t!("say why, in 1 to {REASON_MAX_CHARS} characters", REASON_MAX_CHARS)));
    }
    if ends_at.is_some_and(|end| end <= tx.now) {
        return Err(Error::field("ends_at", t!("this moment has passed; leave it empty for an exception without an end")));
    }
    let known = devices::by_id(tx, device_id)?.is_some_and(|device| device.deleted_at.is_none());
    if !known {
        return Err(Error::field("device_id", t!("there is no such device")));
    }
    if read.ring_of(&assignments::groups_of_device(tx, device_id)?).is_none() {
        return Err(Error::field("device_id", t!("the plan is not about this device: it is in no group of its rings")));
    }
    let before = update_plans::exceptions(tx, id, EXCEPTIONS_MAX)?;
    if before.len() >= EXCEPTIONS_MAX as usize && !before.iter().any(|exception| exception.device_id == device_id) {
        return Err(Error::conflict(t!(
            "This plan has {EXCEPTIONS_MAX} exceptions already: leave a group out of its rings instead.",
            EXCEPTIONS_MAX
        )));
    }
    let (plan_id, device_id) = (id.to_owned(), device_id.to_owned());
    let exception = Exception { plan_id, device_id, reason, ends_at, created_by: actor.to_string(), created_at: tx.now };
    update_plans::put_exception(tx, &exception)?;
    let data = json!({ "plan": id, "reason": exception.reason, "ends_at": ends_at });
    journal::note(tx, actor, "update_plan.excepted", Subject::device(&exception.device_id), data)?;
    deployments::look_again(tx, &exception.device_id)?;
    Ok(exception)
}

/// Has a plan look after a device again.
pub fn except_no_more(tx: &Tx, actor: &Actor, id: &str, device_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    find(tx, actor, id)?;
    if update_plans::remove_exception(tx, id, device_id)? {
        journal::note(tx, actor, "update_plan.exception_ended", Subject::device(device_id), json!({ "plan": id }))?;
        deployments::look_again(tx, device_id)?;
    }
    Ok(())
}

/// Has all devices planned for anew that any plan is about: what Apple offers changed.
pub fn releases_changed(tx: &Tx) -> Result<()> {
    for group_id in update_plans::all_groups(tx)? {
        deployments::look_again_in_group(tx, &group_id)?;
    }
    tx.ring(Bell::Jobs);
    Ok(())
}

fn look_again(tx: &Tx, rules: &Rules) -> Result<()> {
    let groups: BTreeSet<&String> = rules.rings.iter().flat_map(|ring| &ring.groups).collect();
    for group_id in groups {
        deployments::look_again_in_group(tx, group_id)?;
    }
    tx.ring(Bell::Jobs);
    Ok(())
}

/// What is kept in the plan's row: the groups of its rings have a table of their own.
fn stored(rules: &Rules, pauses: &[Pause]) -> Result<String> {
    let mut rules = rules.clone();
    for ring in &mut rules.rings {
        ring.groups.clear();
        ring.name = names::straight(&ring.name);
    }
    pauses::stored(&rules, pauses)
}

fn put(tx: &Tx, plan: &Plan, rules: &Rules) -> Result<()> {
    let rings: Vec<Vec<String>> = rules.rings.iter().map(|ring| ring.groups.clone()).collect();
    update_plans::put(tx, plan, &rings)
}

fn about(plan: &Plan, rules: &Rules) -> Value {
    json!({ "plan": plan.id, "name": plan.name, "revision": plan.revision, "target": rules.target.words() })
}

/// Checks everything, so that all that is wrong is said at once.
fn checked(tx: &Tx, name: &str, note: &str, rules: &Rules) -> Result<(String, String)> {
    let (name, note) = (names::straight(name), note.trim().to_owned());
    let mut faults = Vec::new();
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        faults.push(("name", t!("a name of 1 to {NAME_MAX_CHARS} characters on one line", NAME_MAX_CHARS)));
    }
    let unreadable = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if note.chars().count() > NOTE_MAX_CHARS || note.chars().any(unreadable) {
        faults.push(("note", t!("at most {NOTE_MAX_CHARS} characters", NOTE_MAX_CHARS)));
    }
    for group in rules.rings.iter().flat_map(|ring| &ring.groups) {
        if groups::by_id(tx, group)?.is_none() {
            faults.push(("rings", t!("there is no group {said}", said = group.chars().take(60).collect::<String>())));
        }
    }
    match (Error::fields(faults), rules.check()) {
        (Ok(()), Ok(())) => Ok((name, note)),
        (Err(mut error), Err(more)) => {
            error.message = format!("{}; {}", error.message, more.message).into();
            error.fields.extend(more.fields);
            Err(error)
        }
        (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error),
    }
}

/// Refuses a deadline that has passed, unless it is what the plan has already.
pub(super) fn not_past(tx: &Tx, rules: &Rules, before: Option<&Rules>) -> Result<()> {
    let now = settings::zone(tx)?.wall(tx.now);
    match &rules.deadline {
        Deadline::At { at } if *at <= now && before.is_none_or(|before| before.deadline != rules.deadline) => {
            Err(Error::field("deadline", t!("{at} has passed; look at its year, or choose a later time", at = language::date(at.words()))))
        }
        _ => Ok(()),
    }
}

fn taken(tx: &Tx, name: &str, by: Option<&str>) -> Result<()> {
    match update_plans::id_by_name(tx, name)? {
        Some(other) if Some(other.as_str()) != by => {
            let mut error = Error::field("name", t!("another plan has this name; take a different one"));
            error.kind = Kind::Conflict;
            Err(error)
        }
        _ => Ok(()),
    }
}
