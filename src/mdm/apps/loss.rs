//! What is lost when an app is taken back from groups, or deleted: worked out by the same decisions as the deed's.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::mdm::apps::library;
use crate::mdm::reconcile::{self, Foreseen, Named, Thought};
use crate::mdm::{Actor, Right, access};
use crate::store::assignments::{self, AssignedKind};
use crate::store::{Tx, offline_copies};

/// Devices that an app and its data go from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub count: u64,
    /// Their names, the first ones.
    pub devices: Vec<String>,
}

/// What the deletion of an app brings about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AppDeletion)]
pub struct Deletion {
    /// How many devices the app goes from, with its data there.
    pub devices: u64,
    /// Their names, the first ones.
    pub names: Vec<String>,
    /// How many installations that were allowed to go on are told to erase what they hold.
    pub erases: u64,
    /// How many copies of offline edits go with it.
    pub copies: u64,
    /// How many of those nobody has taken in an archive.
    pub copies_not_exported: u64,
    /// Of how many devices and people those are.
    pub keepers: u64,
}

/// From which devices an app would go if it were taken back from these groups and assigned to the others.
pub fn loss(tx: &Tx, actor: &Actor, id: &str, from: &[String], instead: &[String]) -> Result<Loss> {
    if from.is_empty() {
        return Ok(Loss::default());
    }
    let named = || vec![Named { kind: AssignedKind::App, id: id.to_owned(), mode: None, ends_at: None }];
    let add = if instead.is_empty() { Vec::new() } else { named() };
    let thought = Thought { add, groups: instead.to_vec(), remove: named(), removed_from: from.to_vec(), ..Thought::default() };
    let foreseen = reconcile::preview_all(tx, actor, &thought)?;
    let goes = |device: &&reconcile::Preview| {
        device.things.iter().any(|thing| thing.foreseen == Foreseen::Removed && thing.origins.iter().any(|origin| origin.id == id))
    };
    let devices = foreseen.items.iter().filter(goes).map(|device| device.name.clone()).collect();
    Ok(Loss { count: foreseen.removed as u64, devices })
}

/// What would be lost if an app were deleted.
pub fn deletion(tx: &Tx, actor: &Actor, id: &str) -> Result<Deletion> {
    actor.require(Right::Configure)?;
    let app = library::known(tx, id)?;
    let groups: Vec<_> = assignments::of_item(tx, AssignedKind::App, &app.id)?.into_iter().map(|row| row.group_id).collect();
    let Loss { count, devices } = loss(tx, actor, id, &groups, &[])?;
    let (copies, _) = offline_copies::count(tx, id)?;
    let (copies_not_exported, keepers) = offline_copies::count_not_exported(tx, id)?;
    Ok(Deletion { devices: count, names: devices, erases: access::erased_by_deletion(tx, id)?, copies, copies_not_exported, keepers })
}
