//! Classes: made, renamed, and who is in them.

use serde_json::json;

use super::{NAME_MAX_CHARS, look_at_devices, name};
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::scope::{self, Scope};
use crate::mdm::{Actor, Right, focus, groups, people};
use crate::store::classes::{self as rows, Class, ClassRole, Member, Membership};
use crate::store::people::Source;
use crate::store::{Tx, deployments};

/// Classes at the most.
pub const CLASSES_MAX: u64 = 20_000;
/// People who can be put into one class at the most.
pub const MEMBERS_MAX: u64 = 5_000;

/// Makes a class by hand.
pub fn create(tx: &Tx, actor: &Actor, wanted: &str) -> Result<Class> {
    actor.require(Right::Configure)?;
    if rows::count(tx)? >= CLASSES_MAX {
        return Err(Error::conflict(t!("There are {CLASSES_MAX} classes, which is the most. Delete those that are over.", CLASSES_MAX)));
    }
    let class = Class {
        id: tx.new_id(),
        source: Source::Hand,
        source_id: None,
        name: name(wanted, NAME_MAX_CHARS)?,
        people_count: 0,
        created_at: tx.now,
        changed_at: tx.now,
    };
    rows::insert(tx, &class)?;
    journal::note(tx, actor, "class.created", Subject::default(), json!({ "class": class.id, "name": class.name }))?;
    Ok(class)
}

/// Gives a class another name. One that came by an import gets its name back with the next one.
pub fn rename(tx: &Tx, actor: &Actor, id: &str, wanted: &str) -> Result<Class> {
    actor.require(Right::Configure)?;
    let class = find(tx, actor, id)?;
    let name = name(wanted, NAME_MAX_CHARS)?;
    if class.name != name {
        rows::rename(tx, id, &name)?;
        journal::note(tx, actor, "class.changed", Subject::default(), json!({ "class": id, "name": name }))?;
        look_again(tx, &rows::devices(tx, id)?)?;
    }
    find(tx, actor, id)
}

/// Deletes a class; its people stay. One that a group's rule asks for stays too: the rule would silently find nobody.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let class = find(tx, actor, id)?;
    let asking = groups::asking_for_class(tx, id)?;
    if !asking.is_empty() {
        return Err(Error::conflict(t!(
            "The rules of these groups ask for this class: {list}. Change the rules or delete the groups first.",
            list = asking.join(", ")
        )));
    }
    let devices = rows::devices(tx, id)?;
    focus::class_goes(tx, actor, id)?;
    rows::delete(tx, id)?;
    journal::note(tx, actor, "class.deleted", Subject::default(), json!({ "class": id, "name": class.name }))?;
    look_again(tx, &devices)
}

/// What is sent to these devices may name their class.
fn look_again(tx: &Tx, devices: &[String]) -> Result<()> {
    devices.iter().try_for_each(|device| deployments::look_again(tx, device).map(drop))
}

/// One page of the classes that somebody sees by name, and how many those are.
pub fn list(tx: &Tx, actor: &Actor, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Class>, u64)> {
    let own = match scope::of(tx, actor)? {
        Scope::Everything => return Ok((rows::list(tx, after, limit)?, rows::count(tx)?)),
        own @ Scope::Classes(_) => own.classes(tx)?,
    };
    let total = own.len() as u64;
    let is_after =
        |class: &Class| after.is_none_or(|(name, id)| (class.name.to_ascii_lowercase().as_str(), class.id.as_str()) > (name, id));
    Ok((own.into_iter().filter(is_after).take(limit as usize).collect(), total))
}

/// One class, if it is in view.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Class> {
    scope::of(tx, actor)?.class(tx, id)
}

/// The people of a class, teachers first.
pub fn members(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<Member>> {
    find(tx, actor, id)?;
    rows::members(tx, id)
}

/// Puts a person into a class by hand, or changes what they do there; no import takes them out then.
pub fn put(tx: &Tx, actor: &Actor, id: &str, person: &str, role: ClassRole) -> Result<()> {
    actor.require(Right::Configure)?;
    let (class, person) = (find(tx, actor, id)?, people::find(tx, actor, person)?);
    if class.people_count >= MEMBERS_MAX {
        return Err(Error::conflict(t!("There are {MEMBERS_MAX} people in this class, which is the most.", MEMBERS_MAX)));
    }
    let membership = Membership { class_id: class.id, person_id: person.id.clone(), role, source: Source::Hand };
    if rows::put_member(tx, &membership)? {
        let data = json!({ "class": id, "name": class.name, "person": person.id, "role": role });
        journal::note(tx, actor, "class.person_added", Subject::default(), data)?;
        look_at_devices(tx, &person.id)?;
    }
    Ok(())
}

/// Takes a person out of a class. One whom an import put there comes back with the next one.
pub fn remove(tx: &Tx, actor: &Actor, id: &str, person: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let (class, person) = (find(tx, actor, id)?, people::find(tx, actor, person)?);
    if !rows::remove_member(tx, id, &person.id)? {
        return Err(Error::not_found(t!("This person is not in this class.")));
    }
    let data = json!({ "class": id, "name": class.name, "person": person.id });
    journal::note(tx, actor, "class.person_removed", Subject::default(), data)?;
    look_at_devices(tx, &person.id)
}
