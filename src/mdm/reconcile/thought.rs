//! Whether a change that is only thought of can be looked at: everything that it names is there.

use crate::error::{Error, Result};
use crate::mdm::reconcile::preview::Thought;
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
        return Err(Error::field("groups", "name at least one group or device"));
    }
    if thought.add.iter().chain(&thought.remove).any(|named| named.kind == AssignedKind::Update) {
        return Err(Error::field("add", "an update plan has a preview of its own: POST /api/v1/updates/preview"));
    }
    if !thought.add.is_empty() && thought.groups.is_empty() {
        return Err(Error::field("groups", "name the groups that it would be assigned to"));
    }
    if !thought.remove.is_empty() && thought.removed_from.is_empty() {
        return Err(Error::field("removed_from", "name the groups that it would be taken back from"));
    }
    for (field, named) in [("groups", &thought.groups), ("removed_from", &thought.removed_from), ("devices", &thought.devices)] {
        if named.len() > NAMED_MAX {
            return Err(Error::field(field, format!("at most {NAMED_MAX} at once")));
        }
        for id in named {
            let is_there = match field {
                "devices" => devices::by_id(tx, id)?.is_some_and(|device| device.deleted_at.is_none()),
                _ => groups::by_id(tx, id)?.is_some(),
            };
            if !is_there {
                let noun = if field == "devices" { "device" } else { "group" };
                return Err(Error::field(field, format!("there is no {noun} {}", id.chars().take(60).collect::<String>())));
            }
        }
    }
    Ok(())
}
