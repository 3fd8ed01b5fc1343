//! Imports of rosters: shown first, then done as shown or not at all.
//!
//! A person is known by their key in the file, and by their address where that changed. Only what came by the same kind of file is changed or removed;
//! whoever was made by hand, or came by the other kind of file, stays as they are: if they have the address of a row (in whatever case), they stand for
//! that row, and come into its classes and get its devices, but keep their own name and role. Nobody is there twice then, and nobody's work is undone.
//! The same holds for classes, by their name. A class that a group's rule asks for is emptied rather than removed.

mod accounts;
mod along;
mod apply;
mod changed;
mod known;
mod plan;

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, names};
use crate::pki::digest::sha256;
use crate::protocol::roster::Roster;
use crate::store::Tx;
use crate::store::people::{self, Source};

use plan::Plan;

/// How long what was shown can be done.
pub const KEPT: Duration = Duration::from_secs(3600);
/// Names that are listed of each kind.
pub const NAMES_LISTED: usize = 100;

/// Some of what an import does: how many, and the names of the first ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PeopleImportPart)]
pub struct Part {
    /// How many.
    pub count: u64,
    /// The first ones, up to 100.
    pub names: Vec<String>,
}

/// What an import would do, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PeopleImportSummary)]
pub struct Summary {
    /// Whether it does anything at all.
    pub changes_anything: bool,
    /// From which kind of file.
    pub source: Source,
    /// People in the file.
    pub people: u64,
    /// Classes in the file.
    pub classes: u64,
    /// People who are added.
    pub people_added: Part,
    /// People who change, with what.
    pub people_changed: Part,
    /// People who are removed.
    pub people_removed: Part,
    /// People who are here by hand or by another kind of file already and stay as they are.
    pub people_here: Part,
    /// Classes that are added.
    pub classes_added: Part,
    /// Classes that get another name.
    pub classes_changed: Part,
    /// Classes that are removed.
    pub classes_removed: Part,
    /// Classes that are gone from the file and stay, without its people, because rules of groups ask for them.
    pub classes_kept: Part,
    /// Who comes into which class, or does something else there.
    pub memberships_added: Part,
    /// Who leaves which class.
    pub memberships_removed: Part,
    /// Which device is given to whom.
    pub devices_assigned: Part,
    /// Devices that are left with nobody, since the person who has them is removed.
    pub devices_freed: Part,
    /// Memberships that go with people and classes that are removed; those that somebody put there by hand are named as such.
    pub memberships_lost: Part,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// An import that was shown and can be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PeopleImportPreview)]
pub struct Preview {
    /// What to name to have it done.
    pub id: String,
    /// What it does.
    pub summary: Summary,
}

/// Shows what a roster would change, and keeps it for an hour so that it can be done; changes nothing.
pub fn preview(tx: &Tx, actor: &Actor, roster: &Roster) -> Result<Preview> {
    actor.require(Right::Configure)?;
    let roster = &straightened(roster);
    let plan = Plan::of(tx, roster)?;
    let json = serde_json::to_vec(roster).map_err(|error| Error::internal("a roster could not be written as JSON", error))?;
    let kept = people::Preview { id: tx.new_id(), roster: json, digest: digest(&plan)?, created_by: owner(actor), created_at: tx.now };
    people::put_preview(tx, &kept)?;
    Ok(Preview { id: kept.id, summary: plan.summary() })
}

/// The same with names that do not turn what stands beside them.
fn straightened(roster: &Roster) -> Roster {
    let mut roster = roster.clone();
    let people = roster.people.iter_mut().map(|person| &mut person.name);
    for name in people.chain(roster.classes.iter_mut().map(|class| &mut class.name)) {
        let straight = names::straight(name);
        if !straight.is_empty() {
            *name = straight;
        }
    }
    roster
}

/// What was shown, looked at again.
///
/// # Errors
/// Not found when it was done or is over; conflict when it would do something else now.
pub fn shown(tx: &Tx, actor: &Actor, id: &str) -> Result<Preview> {
    let (_, plan) = kept(tx, actor, id)?;
    Ok(Preview { id: id.to_owned(), summary: plan.summary() })
}

/// Does what was shown.
///
/// # Errors
/// As [`shown`]; nothing is changed then.
pub fn apply(tx: &Tx, actor: &Actor, id: &str) -> Result<Summary> {
    let (roster, plan) = kept(tx, actor, id)?;
    apply::apply(tx, actor, &plan, &roster)?;
    people::forget_preview(tx, id)?;
    let summary = plan.summary();
    let data = json!({
        "source": summary.source,
        "people": { "added": summary.people_added.count, "changed": summary.people_changed.count, "removed": summary.people_removed.count },
        "classes": { "added": summary.classes_added.count, "changed": summary.classes_changed.count, "removed": summary.classes_removed.count },
        "devices": summary.devices_assigned.count,
    });
    journal::note(tx, actor, "people.imported", Subject::default(), data)?;
    Ok(summary)
}

/// Removes what was shown and not done within its hour; gives how much.
pub fn sweep(tx: &Tx) -> Result<usize> {
    people::prune_previews(tx, tx.now.minus(KEPT))
}

fn kept(tx: &Tx, actor: &Actor, id: &str) -> Result<(Roster, Plan)> {
    actor.require(Right::Configure)?;
    let mine = |kept: &people::Preview| kept.created_by == owner(actor) && kept.created_at.plus(KEPT) > tx.now;
    let Some(kept) = people::preview(tx, id)?.filter(mine) else {
        return Err(Error::not_found(t!(
            "This import was done already, or it is more than an hour since it was shown. Choose the file again."
        )));
    };
    let roster: Roster = serde_json::from_slice(&kept.roster).map_err(|error| Error::internal("a kept roster is JSON", error))?;
    let plan = Plan::of(tx, &roster)?;
    if digest(&plan)? != kept.digest {
        return Err(Error::conflict(t!(
            "People, classes or devices have changed since this import was shown, so that it would do something else now. Nothing was done. Choose the file again and look once more."
        )));
    }
    Ok((roster, plan))
}

/// Whose preview it is: names may be shared, ids are not.
fn owner(actor: &Actor) -> String {
    match actor {
        Actor::Person { id, .. } | Actor::Token { id, .. } => format!("{}/{id}", actor.kind()),
        Actor::Device { .. } | Actor::Job(_) | Actor::Console => actor.kind().to_owned(),
    }
}

/// What a plan does, in 32 bytes.
fn digest(plan: &Plan) -> Result<[u8; 32]> {
    let json = serde_json::to_vec(plan).map_err(|error| Error::internal("a plan could not be written as JSON", error))?;
    Ok(sha256(&json))
}
