//! The library of declarations that admins wrote: uploaded, judged, changed, assigned to groups.

mod data;
mod fits;
mod judge;
mod pieces;
mod read;

pub use data::{DATA_MAX_BYTES, DATA_TOTAL_MAX_BYTES, FILE_NAME_MAX_CHARS, Upload, bytes_of, data, data_at, put_data};
pub use judge::{DEPTH_MAX, PAYLOAD_MAX_BYTES, REFERENCES_MAX};
pub use pieces::pieces;
pub use read::{Draft, RESERVED, UPLOAD_MAX, UPLOAD_MAX_BYTES, read};

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::mdm::clashes::{self, Clash};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, assignments, names};
use crate::protocol::declaration::{DeclarationKind, find_asset};
use crate::store::asset_data::{self, AssetData};
use crate::store::assignments::{AssignedKind, Assignment, of_item};
use crate::store::declarations::{self, Declaration};
use crate::store::{Tx, groups};

/// Declarations in the library.
pub const DECLARATIONS_MAX: i64 = 1000;

/// How many of those that name a declaration are told when it is to be deleted.
pub const NAMERS_TOLD: usize = 10;

/// Characters of a name.
pub const NAME_MAX_CHARS: usize = 200;

/// A declaration with what there is to know about it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The declaration.
    pub declaration: Declaration,
    /// What is odd about it, in sentences.
    pub warnings: Vec<String>,
    /// The first versions of the systems that have its type, then of keys that came later: `iOS 17.2, macOS 26.0`.
    pub available_from: Vec<String>,
    /// Where it is assigned.
    pub assignments: Vec<Assignment>,
    /// Whether it is an asset whose file is kept here.
    pub takes_data: bool,
    /// What there is to know of that file, once it was uploaded.
    pub data: Option<AssetData>,
}

/// Adds what was read to the library: all of it or nothing. `name` is what people call it; without one, its identifier.
///
/// # Errors
/// Names the field of a declaration whose identifier is taken, now or before.
pub fn add(tx: &Tx, actor: &Actor, drafts: Vec<Draft>, name: &str) -> Result<Vec<Standing>> {
    actor.require(Right::Configure)?;
    let name = checked_name(name)?;
    let total = declarations::count(tx)? + drafts.len() as i64;
    if total > DECLARATIONS_MAX {
        return Err(Error::conflict(t!(
            "There would be {total} declarations; {DECLARATIONS_MAX} are the most. Delete some first.",
            total,
            DECLARATIONS_MAX
        )));
    }
    let several = drafts.len() > 1;
    let mut faults = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let at = if several { format!("[{index}].") } else { String::new() };
        if let Some(words) = taken(tx, draft)? {
            faults.push(read::fault(&at, "Identifier", words));
        }
    }
    if !faults.is_empty() {
        return Err(read::refusal(faults));
    }
    let mut added = Vec::new();
    for draft in drafts {
        let declaration = Declaration {
            id: tx.new_id(),
            name: if name.is_empty() || several { draft.identifier.clone() } else { name.clone() },
            identifier: draft.identifier,
            kind: draft.kind,
            declaration_type: draft.declaration_type,
            refers_to: draft.refers_to,
            revision: 1,
            created_by: actor.to_string(),
            created_at: tx.now,
            changed_at: tx.now,
        };
        declarations::insert(tx, &declaration, bytes(&draft.payload).as_slice())?;
        note(tx, actor, "declaration.added", &declaration)?;
        added.push(declaration.id);
    }
    // Only now, when all are there: one may name another of the same upload.
    added.iter().map(|id| find(tx, actor, id)).collect()
}

fn taken(tx: &Tx, draft: &Draft) -> Result<Option<String>> {
    let identifier = &draft.identifier;
    if let Some(other) = declarations::by_identifier_in_any_case(tx, identifier)? {
        let words = if other.identifier == *identifier {
            t!("there is a declaration “{identifier}” already; change that one, or choose another identifier", identifier)
        } else {
            t!(
                "differs from “{identifier}” only by capital and small letters, which people mix up; choose another",
                identifier = other.identifier
            )
        };
        return Ok(Some(words));
    }
    let before = declarations::type_of(tx, identifier)?.filter(|before| *before != draft.declaration_type);
    Ok(before.map(|before| t!("“{identifier}” was a {before} before; devices that had it need another identifier", identifier, before)))
}

/// Gives a declaration another payload. Identifier and Type stay.
pub fn replace(tx: &Tx, actor: &Actor, id: &str, draft: Draft) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let old = existing(tx, id)?;
    if draft.identifier != old.identifier {
        let words = t!("must stay “{identifier}”; for another one upload a new declaration", identifier = old.identifier);
        return Err(Error::field("Identifier", words));
    }
    if draft.declaration_type != old.declaration_type {
        let words = t!(
            "must stay {declaration_type}; for another one upload a new declaration with another identifier",
            declaration_type = old.declaration_type
        );
        return Err(Error::field("Type", words));
    }
    let payload = bytes(&draft.payload);
    if declarations::payload(tx, &old.id)?.is_some_and(|before| *before.expose() == payload) {
        return find(tx, actor, &old.id);
    }
    let changed = Declaration { refers_to: draft.refers_to, revision: old.revision + 1, changed_at: tx.now, ..old };
    if data::is_kept_here(&changed.declaration_type, &draft.payload).is_none() {
        // It names an address of its own now.
        asset_data::remove(tx, &changed.id)?;
    }
    declarations::update(tx, &changed, &payload)?;
    note(tx, actor, "declaration.changed", &changed)?;
    assignments::changed(tx, AssignedKind::Declaration, &changed.id)?;
    neighbours_changed(tx, &changed)?;
    find(tx, actor, &changed.id)
}

/// Calls a declaration something else.
pub fn rename(tx: &Tx, actor: &Actor, id: &str, name: &str) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let old = existing(tx, id)?;
    let name = checked_name(name)?;
    let name = if name.is_empty() { old.identifier.clone() } else { name };
    let payload = declarations::payload(tx, &old.id)?.ok_or_else(unknown)?;
    let renamed = Declaration { name, ..old };
    declarations::update(tx, &renamed, payload.expose())?;
    note(tx, actor, "declaration.renamed", &renamed)?;
    assignments::changed(tx, AssignedKind::Declaration, &renamed.id)?;
    find(tx, actor, &renamed.id)
}

/// Deletes a declaration: devices that had it lose it. One that another names stays.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let old = existing(tx, id)?;
    // What it names itself, at the end of whatever way, could never go before it.
    let named = everything_named(tx, &old)?;
    let namers = declarations::naming(tx, &old.identifier)?.into_iter().filter(|namer| !named.contains(&namer.identifier));
    let namers: Vec<_> = namers.map(|namer| format!("“{}”", namer.identifier)).collect();
    if !namers.is_empty() {
        let (first, more) =
            (namers.iter().take(NAMERS_TOLD).cloned().collect::<Vec<_>>().join(", "), namers.len().saturating_sub(NAMERS_TOLD));
        let more = if more == 0 { String::new() } else { t!(" and {more} more", more) };
        let words = t!(
            "“{identifier}” is named by {first}{more}. Take it out there first, or delete those first.",
            identifier = old.identifier,
            first,
            more
        );
        return Err(Error::conflict(words));
    }
    assignments::unassign_everywhere(tx, actor, (AssignedKind::Declaration, &old.id, &old.name))?;
    declarations::delete(tx, &old.id)?;
    note(tx, actor, "declaration.deleted", &old)?;
    neighbours_changed(tx, &old)
}

/// The identifiers of all that a declaration names, and of what these name in turn.
fn everything_named(tx: &Tx, declaration: &Declaration) -> Result<BTreeSet<String>> {
    let (mut named, mut ahead) = (BTreeSet::new(), declaration.refers_to.clone());
    while let Some(identifier) = ahead.pop() {
        if let Some(next) = declarations::by_identifier(tx, &identifier)?
            && named.insert(identifier)
        {
            ahead.extend(next.refers_to);
        }
    }
    Ok(named)
}

/// Has devices planned for anew that have what a declaration names: its being active depends on it.
fn neighbours_changed(tx: &Tx, declaration: &Declaration) -> Result<()> {
    for identifier in &declaration.refers_to {
        if let Some(named) = declarations::by_identifier(tx, identifier)? {
            assignments::changed(tx, AssignedKind::Declaration, &named.id)?;
        }
    }
    Ok(())
}

/// One page of declarations by name, and how many there are in all.
pub fn list(tx: &Tx, actor: &Actor, after: Option<&(String, String)>, limit: u32) -> Result<(Vec<Standing>, i64)> {
    actor.require(Right::View)?;
    let rows = declarations::list(tx, after.map(|(name, id)| (name.as_str(), id.as_str())), limit)?;
    let standings = rows.into_iter().map(|row| standing(tx, row)).collect::<Result<_>>()?;
    Ok((standings, declarations::count(tx)?))
}

/// One declaration, by id or by identifier.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Standing> {
    actor.require(Right::View)?;
    let found = existing(tx, id)?;
    standing(tx, found)
}

/// A declaration as it was uploaded: Type, Identifier, Payload. It may hold secrets: who takes it is written into the audit log.
pub fn content(tx: &Tx, actor: &Actor, id: &str) -> Result<Value> {
    actor.require(Right::Configure)?;
    let declaration = existing(tx, id)?;
    let payload = payload_of(tx, &declaration.id)?;
    note(tx, actor, "declaration.read", &declaration)?;
    Ok(json!({ "Type": declaration.declaration_type, "Identifier": declaration.identifier, "Payload": payload }))
}

/// Assigns a declaration to a group: its devices get it, those that can.
pub fn assign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let declaration = existing(tx, id)?;
    if groups::by_id(tx, group_id)?.is_none() {
        return Err(Error::not_found(t!("There is no such group.")));
    }
    assignments::assign(tx, actor, (AssignedKind::Declaration, &declaration.id, &declaration.name), group_id, None)?;
    standing(tx, declaration)
}

/// What a declaration gets in the way of where it is assigned, and would on these further groups. It forbids nothing.
pub fn check(tx: &Tx, actor: &Actor, id: &str, groups: &[String]) -> Result<Vec<Clash>> {
    actor.require(Right::View)?;
    let declaration = existing(tx, id)?;
    let payload = payload_of(tx, &declaration.id)?;
    let assigned = of_item(tx, AssignedKind::Declaration, &declaration.id)?;
    let all: Vec<&str> = assigned.iter().map(|one| one.group_id.as_str()).chain(groups.iter().map(String::as_str)).collect();
    clashes::of_declaration(tx, &declaration, &payload, &all, &[])
}

/// What a declaration would get in the way of on these groups alone; `besides` is what would be assigned to them too.
pub(in crate::mdm) fn foreseen(tx: &Tx, id: &str, groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Clash>> {
    let declaration = existing(tx, id)?;
    clashes::of_declaration(tx, &declaration, &payload_of(tx, &declaration.id)?, groups, besides)
}

/// Takes a declaration back from a group.
pub fn unassign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let declaration = existing(tx, id)?;
    assignments::unassign(tx, actor, (AssignedKind::Declaration, &declaration.id, &declaration.name), group_id)?;
    standing(tx, declaration)
}

fn existing(tx: &Tx, id: &str) -> Result<Declaration> {
    let found = declarations::by_id(tx, id)?;
    let found = found.map_or_else(|| declarations::by_identifier(tx, id), |found| Ok(Some(found)))?;
    found.ok_or_else(unknown)
}

fn standing(tx: &Tx, declaration: Declaration) -> Result<Standing> {
    let payload = payload_of(tx, &declaration.id)?;
    let mut warnings = judge::warnings(&declaration.declaration_type, &payload);
    warnings.extend(missing(tx, &declaration)?);
    warnings.extend(fits::misfits(tx, &declaration, &payload)?);
    let assignments = of_item(tx, AssignedKind::Declaration, &declaration.id)?;
    let groups: Vec<&str> = assignments.iter().map(|one| one.group_id.as_str()).collect();
    let clashes = clashes::of_declaration(tx, &declaration, &payload, &groups, &[])?;
    warnings.extend(clashes.into_iter().map(|clash| clash.message));
    let data = asset_data::of_declaration(tx, &declaration.id)?;
    if data::is_kept_here(&declaration.declaration_type, &payload).is_some() && data.is_none() {
        warnings.push(String::from(t!("Its file has not been uploaded yet. Until then no device gets it.")));
    }
    let available_from = judge::availability(&declaration.declaration_type, &payload);
    let takes_data = find_asset(&declaration.declaration_type).is_some();
    Ok(Standing { declaration, warnings, available_from, assignments, takes_data, data })
}

/// What a declaration names and the library does not have, or has as another kind, in sentences.
fn missing(tx: &Tx, declaration: &Declaration) -> Result<Vec<String>> {
    let (noun, wanted) = match declaration.kind {
        DeclarationKind::Activation => ("configuration", DeclarationKind::Configuration),
        _ => ("asset", DeclarationKind::Asset),
    };
    let mut told = Vec::new();
    for identifier in &declaration.refers_to {
        match declarations::by_identifier(tx, identifier)? {
            None => told.push(t!(
                "It names the {noun} “{identifier}”, which is not here. Until that is uploaded no device gets it.",
                noun,
                identifier
            )),
            Some(named) if named.kind != wanted => {
                told.push(t!("It names “{identifier}”, which is no {noun}. No device gets it.", identifier, noun));
            }
            Some(_) => {}
        }
    }
    Ok(told)
}

fn payload_of(tx: &Tx, id: &str) -> Result<Map<String, Value>> {
    let Some(sealed) = declarations::payload(tx, id)? else { return Err(unknown()) };
    serde_json::from_slice(sealed.expose()).map_err(|error| Error::internal("stored payloads are JSON", error))
}

fn bytes(payload: &Map<String, Value>) -> Vec<u8> {
    Value::Object(payload.clone()).to_string().into_bytes()
}

fn checked_name(name: &str) -> Result<String> {
    let name = names::straight(name);
    if name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("at most {NAME_MAX_CHARS} characters on one line", NAME_MAX_CHARS)));
    }
    Ok(name)
}

fn note(tx: &Tx, actor: &Actor, kind: &str, declaration: &Declaration) -> Result<()> {
    let data = json!({ "declaration": declaration.id, "identifier": declaration.identifier, "type": declaration.declaration_type,
        "name": declaration.name, "revision": declaration.revision });
    journal::note(tx, actor, kind, Subject::default(), data)
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such declaration."))
}
