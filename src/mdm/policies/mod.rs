//! Policies: guided switches that become restrictions and declarations, as each device can have them.

mod app_lists;
mod betas;
pub mod catalogue;
mod ends;
mod for_users;
mod generations;
mod nothing_left;
mod pieces;
mod render;
mod settings;
mod updates;
pub mod ways;

pub use super::clashes::Clash;
pub use app_lists::{AppList, app_lists, has_app_list};
pub use ends::{Ends, ends};
pub use generations::{Generation, generations};
pub use nothing_left::{EmptyList, empty_lists};
pub use pieces::{
    Effective, EffectiveKey, declaration_name, declared_keys, effective, on_device, payload_keys, pieces, replaced_keys, type_in_words,
};
pub use render::{MergedProfile, PROFILE_PREFIX, merged_profiles};
pub use settings::{APP_LIST_MAX, Warning, in_words, read, warnings};

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::assignments;
use crate::mdm::betas as programs;
use crate::mdm::clashes;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, names};
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};
use crate::store::policies::{self, AssignedGroup, Policy};

/// Longest name of a policy, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// Longest note of a policy, in characters.
pub const NOTE_MAX_CHARS: usize = 1_000;

/// The most policies there can be.
pub const POLICIES_MAX: i64 = 500;

/// What an admin wants of a new policy.
#[derive(Debug, Clone, Default)]
pub struct NewPolicy {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// The switches, by id, each with its value.
    pub settings: Map<String, Value>,
}

/// What is to become different about a policy; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// All its switches, by id, each with its value.
    pub settings: Option<Map<String, Value>>,
    /// The revision that the change was made from; any if absent.
    pub revision: Option<i64>,
}

/// Makes a policy; it does nothing before it is assigned to a group.
pub fn create(tx: &Tx, actor: &Actor, new: &NewPolicy) -> Result<Policy> {
    actor.require(Right::Configure)?;
    if policies::count(tx)? >= POLICIES_MAX {
        return Err(Error::conflict(t!(
            "There are {POLICIES_MAX} policies already, the most there can be: delete one that is not used.",
            POLICIES_MAX
        )));
    }
    let (name, note, settings) = checked(&new.name, &new.note, &new.settings)?;
    programs::check(tx, &settings, None)?;
    taken(tx, &name, None)?;
    let (created_at, changed_at) = (tx.now, tx.now);
    let policy = Policy { id: tx.new_id(), name, note, settings, revision: 1, created_at, changed_at };
    policies::insert(tx, &policy)?;
    journal::note(tx, actor, "policy.created", Subject::default(), about(&policy))?;
    Ok(policy)
}

/// Changes a policy, and has every device planned for anew that it is assigned to.
///
/// # Errors
/// Conflict when somebody else changed it since [`PolicyChange::revision`].
pub fn update(tx: &Tx, actor: &Actor, id: &str, change: &PolicyChange) -> Result<Policy> {
    actor.require(Right::Configure)?;
    let before = find(tx, actor, id)?;
    if change.revision.is_some_and(|revision| revision != before.revision) {
        return Err(Error::conflict(t!(
            "Somebody else changed this policy meanwhile (it is at revision {revision}). Look at it again, then repeat your change.",
            revision = before.revision
        )));
    }
    let (name, note, settings) = checked(
        change.name.as_ref().unwrap_or(&before.name),
        change.note.as_ref().unwrap_or(&before.note),
        change.settings.as_ref().unwrap_or(&before.settings),
    )?;
    programs::check(tx, &settings, Some(&before.settings))?;
    taken(tx, &name, Some(id))?;
    if (&name, &note, &settings) == (&before.name, &before.note, &before.settings) {
        return Ok(before);
    }
    let policy = Policy { name, note, settings, revision: before.revision + 1, changed_at: tx.now, ..before };
    policies::update(tx, &policy)?;
    journal::note(tx, actor, "policy.changed", Subject::default(), about(&policy))?;
    assignments::changed(tx, AssignedKind::Policy, id)?;
    Ok(policy)
}

/// Deletes a policy; what it did on devices is undone.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let policy = find(tx, actor, id)?;
    assignments::unassign_everywhere(tx, actor, (AssignedKind::Policy, id, &policy.name))?;
    policies::delete(tx, id)?;
    journal::note(tx, actor, "policy.deleted", Subject::default(), about(&policy))
}

/// One policy.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Policy> {
    actor.require(Right::View)?;
    policies::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such policy.")))
}

/// One page of policies by name, from behind the name `after`, and how many there are in all.
pub fn list(tx: &Tx, actor: &Actor, after: Option<&str>, limit: u32) -> Result<(Vec<Policy>, i64)> {
    actor.require(Right::View)?;
    Ok((policies::list(tx, after, limit)?, policies::count(tx)?))
}

/// The groups that a policy is assigned to, by name.
pub fn groups(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<AssignedGroup>> {
    actor.require(Right::View)?;
    policies::groups(tx, id)
}

/// Assigns a policy to a group, until `ends_at` if that is given.
pub fn assign(tx: &Tx, actor: &Actor, id: &str, group_id: &str, ends_at: Option<Timestamp>) -> Result<Assignment> {
    actor.require(Right::Configure)?;
    let policy = find(tx, actor, id)?;
    if !policies::is_group(tx, group_id)? {
        return Err(Error::not_found(t!("There is no such group.")));
    }
    assignments::assign(tx, actor, (AssignedKind::Policy, id, &policy.name), group_id, ends_at)
}

/// What a policy gets in the way of where it is assigned, and would on these further groups. It forbids nothing.
pub fn check(tx: &Tx, actor: &Actor, id: &str, groups: &[String]) -> Result<Vec<Clash>> {
    let policy = find(tx, actor, id)?;
    let assigned = policies::groups(tx, id)?;
    let mut all: Vec<&str> =
        assigned.iter().filter(|group| group.ends_at.is_none_or(|end| end > tx.now)).map(|group| group.id.as_str()).collect();
    for group in groups {
        if !policies::is_group(tx, group)? {
            return Err(Error::not_found(t!("There is no such group.")));
        }
        all.push(group);
    }
    clashes::of_policy(tx, &policy, &all, &[])
}

/// What the settings of a policy do not do though they may look so, with what became of the beta programmes that they name.
pub fn all_warnings(tx: &Tx, settings: &Map<String, Value>) -> Result<Vec<Warning>> {
    let mut found = warnings(settings);
    found.extend(betas::ended(tx, settings)?);
    Ok(found)
}

/// Takes a policy back from a group.
pub fn unassign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let policy = find(tx, actor, id)?;
    assignments::unassign(tx, actor, (AssignedKind::Policy, id, &policy.name), group_id)
}

fn about(policy: &Policy) -> Value {
    let switches: Vec<_> = policy.settings.keys().collect();
    json!({ "policy": policy.id, "name": policy.name, "revision": policy.revision, "switches": switches })
}

/// Checks everything, so that all that is wrong is said at once.
fn checked(name: &str, note: &str, settings: &Map<String, Value>) -> Result<(String, String, Map<String, Value>)> {
    let (name, note) = (names::straight(name), note.trim());
    let mut faults = Vec::new();
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        faults.push(("name", t!("a name of 1 to {NAME_MAX_CHARS} characters on one line", NAME_MAX_CHARS)));
    }
    let unreadable = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if note.chars().count() > NOTE_MAX_CHARS || note.chars().any(unreadable) {
        faults.push(("note", t!("at most {NOTE_MAX_CHARS} characters", NOTE_MAX_CHARS)));
    }
    let mut error: Option<Error> = None;
    for (field, words) in faults {
        add(&mut error, Error::field(field, words));
    }
    let settings = settings::read(settings).unwrap_or_else(|refused| {
        add(&mut error, refused);
        Map::new()
    });
    error.map_or_else(|| Ok((name, note.to_owned(), settings)), Err)
}

/// Puts what is wrong here beside what was found before.
fn add(error: &mut Option<Error>, more: Error) {
    match error {
        Some(error) => {
            error.message = format!("{}; {}", error.message, more.message).into();
            error.fields.extend(more.fields);
        }
        None => *error = Some(more),
    }
}

fn taken(tx: &Tx, name: &str, by: Option<&str>) -> Result<()> {
    match policies::by_name(tx, name)? {
        Some(other) if Some(other.id.as_str()) != by => {
            let mut error = Error::field("name", t!("another policy has this name; take a different one"));
            error.kind = Kind::Conflict;
            Err(error)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
