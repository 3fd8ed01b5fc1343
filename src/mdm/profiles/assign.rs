//! Assigning a profile to groups, with what it would get in the way of.

use super::conflicts::{WARNINGS_MAX, Warning, clashing, in_group};
use super::{has_end, known, unheeded, version};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language::say;
use crate::mdm::{Actor, Right, assignments, clashes};
use crate::protocol::mobileconfig::facts::Facts;
use crate::store::Tx;
use crate::store::assignments::{self as rows, AssignedKind, Assignment};
use crate::store::meetings;
use crate::store::profiles::{self as store, Profile};

/// What is said where an end cannot be put into a profile.
const NO_END: &str = msg!(
    "It is signed or encrypted, so no end can be put into it without breaking it: upload it unsigned, or put a RemovalDate into it before it is signed."
);

/// Assigns a profile to a group, until `ends_at` if that is given: then the device itself removes it at that moment.
///
/// What it gets in the way of is told, and does not keep it from being assigned.
pub fn assign(tx: &Tx, actor: &Actor, id: &str, group_id: &str, ends_at: Option<Timestamp>) -> Result<(Assignment, Vec<Warning>)> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    let current = version(tx, id, profile.version)?;
    must_exist(tx, group_id)?;
    if ends_at.is_some() && current.facts.is_sealed() {
        return Err(Error::field("ends_at", say(NO_END)));
    }
    let warnings = among(tx, &profile, &current.facts, &[group_id], &[])?;
    let assignment = assignments::assign(tx, actor, (AssignedKind::Profile, id, &profile.name), group_id, ends_at)?;
    Ok((assignment, warnings))
}

/// Takes a profile back from a group; it goes from the group's devices.
pub fn unassign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    assignments::unassign(tx, actor, (AssignedKind::Profile, id, &profile.name), group_id)
}

/// What a profile gets in the way of where it is assigned, and would on these further groups; in `number` of its versions, or the one in use.
pub fn check(tx: &Tx, actor: &Actor, id: &str, groups: &[String], number: Option<i64>) -> Result<Vec<Warning>> {
    actor.require(Right::View)?;
    let profile = known(tx, id)?;
    let looked_at = version(tx, id, number.unwrap_or(profile.version))?;
    let assigned = rows::of_item(tx, AssignedKind::Profile, id)?;
    let mut all: Vec<&str> =
        assigned.iter().filter(|row| row.ends_at.is_none_or(|end| end > tx.now)).map(|row| row.group_id.as_str()).collect();
    for group in groups {
        must_exist(tx, group)?;
        all.push(group);
    }
    all.sort_unstable();
    all.dedup();
    among(tx, &profile, &looked_at.facts, &all, &[])
}

/// What a profile would get in the way of on these groups alone; `besides` is what would be assigned to them too.
pub fn foreseen(tx: &Tx, id: &str, groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Warning>> {
    let profile = known(tx, id)?;
    let current = version(tx, id, profile.version)?;
    among(tx, &profile, &current.facts, groups, besides)
}

/// Other profiles and policies that a version meets on the devices of some groups, each thing told once.
fn among(tx: &Tx, profile: &Profile, facts: &Facts, groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Warning>> {
    let mut warnings: Vec<Warning> = Vec::new();
    for group in groups {
        for warning in in_group(tx, profile, facts, group)? {
            let is_known = |known: &Warning| {
                (&known.other_id, &known.payload_type, &known.key) == (&warning.other_id, &warning.payload_type, &warning.key)
            };
            if !warnings.iter().any(is_known) {
                warnings.push(warning);
            }
        }
    }
    warnings.extend(with_others(tx, (profile, facts), groups, besides)?);
    warnings.extend(unheeded::among(tx, &profile.name, facts, groups)?);
    warnings.extend(clashes::of_profile(tx, profile, facts, groups, besides)?.into_iter().map(Warning::from));
    warnings.truncate(WARNINGS_MAX);
    Ok(warnings)
}

/// What goes wrong with the profiles that would be assigned to these groups too and come after this one, so that each pair is told once.
fn with_others(tx: &Tx, own: (&Profile, &Facts), groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Warning>> {
    let mut after =
        besides.iter().filter(|(kind, _)| *kind == AssignedKind::Profile).skip_while(|(_, id)| *id != own.0.id).skip(1).peekable();
    if after.peek().is_none() {
        return Ok(Vec::new());
    }
    let device_count = meetings::of_groups(tx, groups)?.iter().map(|alike| alike.device_count).sum();
    let mut warnings = Vec::new();
    for (_, id) in after.filter(|(_, id)| *id != own.0.id) {
        let other = known(tx, id)?;
        let theirs = version(tx, id, other.version)?.facts;
        warnings.extend(clashing(own, (&other, &theirs), device_count));
    }
    Ok(warnings)
}

/// Refuses a version that cannot carry an end while the profile is assigned for a limited time.
pub(super) fn must_take_ends(tx: &Tx, id: &str, facts: &Facts) -> Result<()> {
    if facts.is_sealed() && has_end(tx, id)? {
        return Err(Error::conflict(t!("The profile is assigned for a limited time. {no_end}", no_end = say(NO_END))));
    }
    Ok(())
}

fn must_exist(tx: &Tx, group_id: &str) -> Result<()> {
    match store::group_name(tx, group_id)? {
        Some(_) => Ok(()),
        None => Err(Error::not_found(t!("There is no such group."))),
    }
}
