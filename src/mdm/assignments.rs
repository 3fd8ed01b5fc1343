//! What is wanted on the devices of which group: assigned, taken back, ended.

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::store::assignments::{self, AssignedKind, AssignedMode, Assignment};
use crate::store::{Tx, deployments};

/// Assigns a thing to a group, until `ends_at` if that is given. Assigning again changes the end.
///
/// The caller has made sure that the thing and the group exist.
pub fn assign(
    tx: &Tx,
    actor: &Actor,
    (kind, item_id, name): (AssignedKind, &str, &str),
    group_id: &str,
    ends_at: Option<Timestamp>,
) -> Result<Assignment> {
    assign_as(tx, actor, (kind, item_id, name), group_id, ends_at, AssignedMode::Required)
}

/// Assigns a thing to a group as [`assign`] does, or, where it is an app, as one that the person may ask for.
pub fn assign_as(
    tx: &Tx,
    actor: &Actor,
    (kind, item_id, name): (AssignedKind, &str, &str),
    group_id: &str,
    ends_at: Option<Timestamp>,
    mode: AssignedMode,
) -> Result<Assignment> {
    actor.require(Right::Configure)?;
    if ends_at.is_some_and(|end| end <= tx.now) {
        return Err(Error::field("ends_at", t!("the end of an assignment must be in the future")));
    }
    let assignment = Assignment {
        id: tx.new_id(),
        kind,
        item_id: item_id.to_owned(),
        group_id: group_id.to_owned(),
        ends_at,
        mode,
        created_by: actor.to_string(),
        created_at: tx.now,
    };
    assignments::put(tx, &assignment)?;
    let data = json!({ "item": kind, "id": item_id, "name": name, "group_id": group_id, "ends_at": ends_at, "mode": mode });
    journal::note(tx, actor, "assignment.made", Subject::default(), data)?;
    deployments::look_again_in_group(tx, group_id)?;
    Ok(assignment)
}

/// Takes a thing back from a group; what it did on the group's devices is undone.
pub fn unassign(tx: &Tx, actor: &Actor, (kind, item_id, name): (AssignedKind, &str, &str), group_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    if !assignments::remove(tx, kind, item_id, group_id)? {
        return Err(Error::not_found(t!("It is not assigned to this group.")));
    }
    let data = json!({ "item": kind, "id": item_id, "name": name, "group_id": group_id });
    journal::note(tx, actor, "assignment.removed", Subject::default(), data)?;
    deployments::look_again_in_group(tx, group_id)?;
    Ok(())
}

/// Takes a thing that is deleted back from every group.
pub fn unassign_everywhere(tx: &Tx, actor: &Actor, (kind, item_id, name): (AssignedKind, &str, &str)) -> Result<()> {
    for assignment in assignments::of_item(tx, kind, item_id)? {
        unassign(tx, actor, (kind, item_id, name), &assignment.group_id)?;
    }
    Ok(())
}

/// Has every device that a thing is assigned to planned for anew, because the thing itself changed.
pub fn changed(tx: &Tx, kind: AssignedKind, item_id: &str) -> Result<()> {
    for assignment in assignments::of_item(tx, kind, item_id)? {
        deployments::look_again_in_group(tx, &assignment.group_id)?;
    }
    Ok(())
}
