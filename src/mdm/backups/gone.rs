//! Backups that are not in their places any more: nothing counts on them, and somebody is told.

use std::time::Duration;

use serde_json::json;

use super::{ACTOR, LISTED_MAX, plan};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::journal;
use crate::mdm::settings::zone;
use crate::store::backups::{self, Backup};
use crate::store::{Tx, alerts};

/// Names the alert about them.
pub const GONE: &str = "backup.gone";

/// Backups that are looked for at a time, the newest ones.
pub const LOOKED_FOR_MAX: usize = 400;

/// How long one that is gone stays on the list: whoever moved it may put it back.
pub const LISTED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is noted of one, where its trial would be.
const NOTE: &str = msg!("It is not in its place any more, or has another size than when it was written.");

/// Whether a backup was not in its place when it was last looked for.
pub fn is_gone(backup: &Backup) -> bool {
    backup.test_problem == NOTE
}

/// Whether one is gone for so long that it leaves the list.
pub(super) fn is_over(backup: &Backup, now: Timestamp) -> bool {
    is_gone(backup) && backup.tested_at.is_some_and(|at| now.since(at) > LISTED_FOR)
}

/// The backups that are to be looked for: those that lie where the plan leads, newest first.
pub fn to_look_for(tx: &Tx) -> Result<Vec<Backup>> {
    let plan = plan::plan(tx)?;
    let mut listed = backups::newest(tx, LISTED_MAX)?;
    listed.retain(|backup| plan.leads_to(backup));
    listed.truncate(LOOKED_FOR_MAX);
    Ok(listed)
}

/// Notes of backups whether they are in their places; one of which nobody can tell is not among them. Gives how many are gone.
pub fn looked(tx: &Tx, seen: &[(Backup, bool)]) -> Result<usize> {
    for (backup, is_there) in seen {
        match (*is_there, is_gone(backup)) {
            (false, false) => {
                backups::note_test(tx, &backup.id, NOTE)?;
                let data = json!({ "name": backup.name, "location": backup.location });
                journal::note(tx, &ACTOR, "backup.gone", journal::Subject::default(), data)?;
            }
            (true, true) => backups::forget_test(tx, &backup.id)?,
            _ => {}
        }
    }
    let mut gone = to_look_for(tx)?;
    gone.retain(is_gone);
    tell(tx, &gone)?;
    Ok(gone.len())
}

fn tell(tx: &Tx, gone: &[Backup]) -> Result<()> {
    let Some(newest) = gone.first() else { return alerts::clear(tx, GONE).map(drop) };
    let of = t!("{name} of {made_at}", name = newest.name, made_at = zone(tx)?.words(newest.made_at));
    let message = match gone.len() {
        1 => t!("The backup {of} is not in {location} any more.", of, location = newest.location),
        count => t!(
            "{count} backups are not in their places any more, the newest of them {of} in {location}.",
            count,
            of,
            location = newest.location
        ),
    };
    let remedy = t!(
        "If a disk is not connected, connect it; if somebody moved them, put them back. If not, find out who or what deletes files there, and \
                  have another backup made, at System, Backups."
    );
    alerts::raise(tx, GONE, 80, &message, remedy).map(drop)
}
