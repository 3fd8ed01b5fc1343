//! Groups of devices: put together by hand, or found by a rule and kept up to date.

mod members;
pub mod rule;
mod words;

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, devices, names, packages};
use crate::store::devices::Device;
use crate::store::groups::{self as rows, Group};
use crate::store::people::DeviceName;
use crate::store::{Tx, classes, deployments, update_plans};

pub use members::{Found, NAMES_SHOWN, fill, fill_for_people, place, place_for_apps, preview};
pub use rule::Rule;
pub use words::{class_names, platform_words, words};

/// Groups at the most.
pub const GROUPS_MAX: u64 = 1_000;
/// Characters of a group's name.
pub const NAME_MAX_CHARS: usize = 100;
/// Characters of a group's note.
pub const NOTE_MAX_CHARS: usize = 1_000;
/// Devices that are put in or taken out at once.
pub const DEVICES_MAX: usize = 1_000;

/// A group that is to be made.
#[derive(Debug, Clone, Default)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// The rule that finds its devices; none for a group by hand.
    pub rule: Option<Rule>,
}

/// What changes of a group; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// Its rule; a group by hand takes none.
    pub rule: Option<Rule>,
    /// Whether it is to have no rule, which a group with one refuses.
    pub without_rule: bool,
}

/// Makes a group; one with a rule has its devices at once.
pub fn create(tx: &Tx, actor: &Actor, new: NewGroup) -> Result<Group> {
    actor.require(Right::Configure)?;
    if rows::count(tx)? >= GROUPS_MAX {
        return Err(Error::conflict(t!(
            "There are {GROUPS_MAX} groups, which is the most. Delete one that is not needed any more.",
            GROUPS_MAX
        )));
    }
    let name = name(tx, &new.name, None)?;
    let note = note(&new.note)?;
    let rule = new.rule.as_ref().map(|rule| written(tx, rule)).transpose()?;
    let group =
        Group { id: tx.new_id(), name, note, is_by_rule: rule.is_some(), rule, device_count: 0, created_at: tx.now, changed_at: tx.now };
    rows::insert(tx, &group)?;
    let data = json!({ "group": group.id, "name": group.name, "by_rule": group.is_by_rule });
    journal::note(tx, actor, "group.created", Subject::default(), data)?;
    fill(tx, &group.id)?;
    find(tx, actor, &group.id)
}

/// Changes a group's name, note or rule.
pub fn change(tx: &Tx, actor: &Actor, id: &str, change: Change) -> Result<Group> {
    actor.require(Right::Configure)?;
    let before = find(tx, actor, id)?;
    let mut group = before.clone();
    if let Some(wanted) = &change.name {
        group.name = name(tx, wanted, Some(id))?;
    }
    if let Some(wanted) = &change.note {
        group.note = note(wanted)?;
    }
    if let Some(rule) = &change.rule {
        if !group.is_by_rule {
            return Err(Error::field("rule", t!("the devices of this group are put in by hand; make another group for a rule")));
        }
        group.rule = Some(written(tx, rule)?);
    }
    if change.without_rule && group.is_by_rule {
        let words = t!("the devices of this group are found by its rule, so it needs one; to put devices in by hand, make another group");
        return Err(Error::field("rule", words));
    }
    if group == before {
        return Ok(group);
    }
    rows::update(tx, &group)?;
    let data = json!({ "group": group.id, "name": group.name, "rule_changed": group.rule != before.rule });
    journal::note(tx, actor, "group.changed", Subject::default(), data)?;
    if group.rule != before.rule {
        fill(tx, id)?;
    }
    find(tx, actor, id)
}

/// Deletes a group: what is assigned to it is taken back from its devices, unless another group brings it too.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let group = find(tx, actor, id)?;
    if let [(_, plan), more @ ..] = update_plans::of_group(tx, id)?.as_slice() {
        let others = if more.is_empty() { String::new() } else { t!(" and {more} more", more = more.len()) };
        return Err(Error::conflict(t!(
            "The update plan “{plan}”{others} has “{name}” in a ring; its devices would be updated no more. Take the group out of the plan first.",
            plan,
            others,
            name = group.name
        )));
    }
    packages::pilot_leaves(tx, actor, id)?;
    // While it is still known who is in it.
    deployments::look_again_in_group(tx, id)?;
    rows::delete(tx, id)?;
    let data = json!({ "group": id, "name": group.name, "devices": group.device_count });
    journal::note(tx, actor, "group.deleted", Subject::default(), data)
}

/// One page of groups by name, and how many there are.
pub fn list(tx: &Tx, actor: &Actor, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Group>, u64)> {
    actor.require(Right::View)?;
    Ok((rows::list(tx, after, limit)?, rows::count(tx)?))
}

/// One group.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Group> {
    actor.require(Right::View)?;
    rows::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such group.")))
}

/// One page of a group's devices by name.
pub fn devices_of(tx: &Tx, actor: &Actor, id: &str, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<DeviceName>> {
    find(tx, actor, id)?;
    rows::devices(tx, id, after, limit)
}

/// Puts devices into a group by hand, named by any of their ids; gives how many were not in it.
pub fn add(tx: &Tx, actor: &Actor, id: &str, wanted: &[String]) -> Result<usize> {
    let group = by_hand(tx, actor, id, wanted)?;
    let mut added = Vec::new();
    for device in wanted {
        let device = one_of_many(tx, actor, device)?;
        if rows::add_device(tx, id, &device.id)? {
            deployments::look_again(tx, &device.id)?;
            added.push(device.id);
        }
    }
    noted(tx, actor, "group.devices_added", &group, added)
}

/// A device among many, which is named where there is none.
fn one_of_many(tx: &Tx, actor: &Actor, id: &str) -> Result<Device> {
    devices::find(tx, actor, id).map_err(|error| match error.kind {
        Kind::NotFound => Error::not_found(t!("There is no device “{id}”. Nothing was changed.", id)),
        _ => error,
    })
}

/// Takes devices out of a group by hand; gives how many were in it.
pub fn remove(tx: &Tx, actor: &Actor, id: &str, wanted: &[String]) -> Result<usize> {
    let group = by_hand(tx, actor, id, wanted)?;
    let mut removed = Vec::new();
    for device in wanted {
        let device = one_of_many(tx, actor, device)?;
        if rows::remove_device(tx, id, &device.id)? {
            deployments::look_again(tx, &device.id)?;
            removed.push(device.id);
        }
    }
    noted(tx, actor, "group.devices_removed", &group, removed)
}

fn noted(tx: &Tx, actor: &Actor, kind: &str, group: &Group, changed: Vec<String>) -> Result<usize> {
    match &changed[..] {
        [] => {}
        [device] => {
            let data = json!({ "group": group.id, "name": group.name, "devices": 1 });
            journal::note(tx, actor, kind, Subject::device(device), data)?;
        }
        several => {
            let data = json!({ "group": group.id, "name": group.name, "devices": several.len() });
            journal::note(tx, actor, kind, Subject::default(), data)?;
        }
    }
    Ok(changed.len())
}

fn by_hand(tx: &Tx, actor: &Actor, id: &str, wanted: &[String]) -> Result<Group> {
    actor.require(Right::Configure)?;
    let group = find(tx, actor, id)?;
    if group.is_by_rule {
        return Err(Error::conflict(t!("The devices of this group are found by its rule. Change the rule, or make a group by hand.")));
    }
    if wanted.is_empty() || wanted.len() > DEVICES_MAX {
        return Err(Error::field("devices", t!("from 1 to {DEVICES_MAX} devices at once", DEVICES_MAX)));
    }
    Ok(group)
}

/// The rule of a group, if it has one.
pub fn rule_of(group: &Group) -> Result<Option<Rule>> {
    let read = |json: &String| serde_json::from_str(json).map_err(|error| Error::internal("a stored rule is JSON", error));
    group.rule.as_ref().map(read).transpose()
}

/// Names of the groups whose rules ask for a class.
pub fn asking_for_class(tx: &Tx, class_id: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (_, name, rule) in members::rules(tx)? {
        if rule.classes().contains(&class_id) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A rule as it is kept, once it can be.
fn written(tx: &Tx, rule: &Rule) -> Result<String> {
    can_be_kept(tx, rule)?;
    serde_json::to_string(&rule.straight()).map_err(|error| Error::internal("a rule could not be written as JSON", error))
}

/// Refuses a rule that is not sound, or names a class that is not there.
fn can_be_kept(tx: &Tx, rule: &Rule) -> Result<()> {
    rule.check()?;
    for class in rule.classes() {
        if classes::by_id(tx, class)?.is_none() {
            return Err(Error::field("rule", t!("there is no class {class}", class)));
        }
    }
    Ok(())
}

fn name(tx: &Tx, wanted: &str, own: Option<&str>) -> Result<String> {
    let name = names::straight(wanted);
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("a name of 1 to {NAME_MAX_CHARS} characters on one line", NAME_MAX_CHARS)));
    }
    if rows::by_name(tx, &name)?.is_some_and(|other| Some(other.id.as_str()) != own) {
        return Err(Error::field("name", t!("there is a group of this name already; take another name")));
    }
    Ok(name)
}

fn note(wanted: &str) -> Result<String> {
    let note = wanted.trim();
    names::unturned("note", note)?;
    // A form's field of several lines sends their ends.
    if note.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
        return Err(Error::field("note", t!("has control characters: type it anew")));
    }
    if note.chars().count() > NOTE_MAX_CHARS {
        return Err(Error::field("note", t!("at most {NOTE_MAX_CHARS} characters", NOTE_MAX_CHARS)));
    }
    Ok(note.to_owned())
}

/// The devices that lines of text name, by serial number or by their own name: for people who have a list.
///
/// # Errors
/// Names `devices` and the lines that are of no device, or of more than one.
pub fn named(tx: &Tx, actor: &Actor, lines: &str) -> Result<Vec<String>> {
    actor.require(Right::View)?;
    let lines: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > DEVICES_MAX {
        return Err(Error::field("devices", t!("from 1 to {DEVICES_MAX} serial numbers or names, one a line", DEVICES_MAX)));
    }
    let (mut found, mut unknown, mut several) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        match &rows::devices_named(tx, line)?[..] {
            [] => unknown.push(line),
            [one] => found.push(one.clone()),
            _ => several.push(line),
        }
    }
    let shown = |lines: &[&str]| lines.iter().take(10).map(|line| line.chars().take(60).collect::<String>()).collect::<Vec<_>>().join(", ");
    if !unknown.is_empty() {
        return Err(Error::field(
            "devices",
            t!("no device here has this serial number or name: {value}; nobody was put in", value = shown(&unknown)),
        ));
    }
    if !several.is_empty() {
        let words =
            t!("several devices have this name: {value}; write their serial numbers instead. Nobody was put in", value = shown(&several));
        return Err(Error::field("devices", words));
    }
    found.dedup();
    Ok(found)
}
