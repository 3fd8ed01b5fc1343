//! What was asked of several devices at once and goes on: fed by what devices confirmed.

use std::time::Duration;

use crate::error::Result;
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::commands::{self, Batch};

/// How long it is told of while devices have it in their queue.
pub const TOLD_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long it is told of at least, so that its end is seen.
pub const SEEN_FOR: Duration = Duration::from_secs(3600);

/// Of how many it is told at a time.
const TOLD_MAX: u32 = 10;

/// What goes on, the newest first.
pub fn going_on(tx: &Tx, actor: &Actor) -> Result<Vec<Batch>> {
    actor.require(Right::View)?;
    let mut batches = commands::batches(tx, tx.now.minus(TOLD_FOR), TOLD_MAX)?;
    batches.retain(|batch| batch.waiting > 0 || batch.at.plus(SEEN_FOR) > tx.now);
    Ok(batches)
}
