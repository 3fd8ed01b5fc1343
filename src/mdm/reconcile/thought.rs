//! Whether a change that is only thought of can be looked at, since everything that it names is there, and what it would get in the way of.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::mdm::declarations::library;
use crate::mdm::profiles::Warning;
use crate::mdm::reconcile::preview::Thought;
use crate::mdm::{Actor, apps, clashes, policies, profiles};
use crate::store::assignments::AssignedKind;
use crate::store::{Tx, devices, groups};

/// Groups and devices that one preview names at most.
pub const NAMED_MAX: usize = 5_000;

/// Refuses a thought of nothing, of too much, or of what is not there.
///
/// # Errors
/// Names the field and what is wrong with it.
pub(super) fn check(tx: &Tx, thought: &Thought) -> Result<()> {
    if thought.groups.is_empty() && thought.removed_from.is_empty() && thought.devices.is_empty() {
        return Err(Error::field("groups", t!("name at least one group or device")));
    }
    if thought.add.iter().chain(&thought.remove).any(|named| named.kind == AssignedKind::Update) {
        return Err(Error::field("add", t!("an update plan has a preview of its own: POST /api/v1/updates/preview")));
    }
    if thought.add.iter().chain(&thought.remove).any(|named| named.kind == AssignedKind::Focus) {
        return Err(Error::field("add", t!("a focus has a preview of its own: POST /api/v1/classes/{id}/focus/preview")));
    }
    if thought.add.iter().any(|named| named.ends_at.is_some_and(|end| end <= tx.now)) {
        return Err(Error::field("add", t!("the end of an assignment must be in the future: leave ends_at out, or give a later one")));
    }
    if thought.add.iter().any(|named| named.mode.is_some() && named.kind != AssignedKind::App) {
        return Err(Error::field("add", t!("only apps have a mode: leave mode out for everything else")));
    }
    if thought.add.iter().any(|named| named.kind == AssignedKind::Declaration && named.ends_at.is_some()) {
        return Err(Error::field("add", t!("a declaration is assigned without an end: leave ends_at out")));
    }
    if thought.remove.iter().any(|named| named.ends_at.is_some()) {
        return Err(Error::field("remove", t!("what is taken back goes at once: leave ends_at out")));
    }
    if !thought.add.is_empty() && thought.groups.is_empty() {
        return Err(Error::field("groups", t!("name the groups that it would be assigned to")));
    }
    if !thought.remove.is_empty() && thought.removed_from.is_empty() {
        return Err(Error::field("removed_from", t!("name the groups that it would be taken back from")));
    }
    for (field, named) in [("groups", &thought.groups), ("removed_from", &thought.removed_from), ("devices", &thought.devices)] {
        if named.len() > NAMED_MAX {
            return Err(Error::field(field, t!("at most {NAMED_MAX} at once", NAMED_MAX)));
        }
        for id in named {
            let is_there = match field {
                "devices" => devices::by_id(tx, id)?.is_some_and(|device| device.deleted_at.is_none()),
                _ => groups::by_id(tx, id)?.is_some(),
            };
            if !is_there {
                let noun = if field == "devices" { t!("device") } else { t!("group") };
                return Err(Error::field(field, t!("there is no {noun} {said}", noun, said = id.chars().take(60).collect::<String>())));
            }
        }
    }
    Ok(())
}

/// What would be assigned and gets in the way of something else there.
pub(super) fn warnings(tx: &Tx, actor: &Actor, thought: &Thought) -> Result<Vec<Warning>> {
    let groups: Vec<&str> = thought.groups.iter().map(String::as_str).collect();
    let besides: Vec<_> = thought.add.iter().map(|named| (named.kind, named.id.clone())).collect();
    let mut warnings: Vec<Warning> = Vec::new();
    for named in &thought.add {
        match named.kind {
            AssignedKind::Profile => warnings.extend(profiles::foreseen(tx, &named.id, &groups, &besides)?),
            AssignedKind::Policy => {
                let policy = policies::find(tx, actor, &named.id)?;
                warnings.extend(clashes::of_policy(tx, &policy, &groups, &besides)?.into_iter().map(Warning::from));
            }
            AssignedKind::App => {
                let app = apps::find(tx, actor, &named.id)?.app;
                let short = apps::shortages(tx, &app, &thought.groups)?;
                warnings.extend(short.into_iter().map(|shortage| Warning::alone(shortage.because)));
                let lacks = apps::lacks(tx, actor, &named.id, None, Some(&thought.groups))?;
                let hidden = apps::hidden(tx, actor, &named.id, Some(&thought.groups))?;
                warnings.extend(lacks.into_iter().chain(hidden).map(|lack| Warning::alone(lack.words)));
            }
            AssignedKind::Declaration => {
                warnings.extend(library::foreseen(tx, &named.id, &groups, &besides)?.into_iter().map(Warning::from));
            }
            AssignedKind::Provisioning | AssignedKind::Update | AssignedKind::Focus => {}
        }
    }
    // What two of them have to do with each other is found by both.
    let mut said = BTreeSet::new();
    warnings.retain(|warning| said.insert(warning.message.clone()));
    Ok(warnings)
}
