//! What came of restoring a backup for trial: it stays known when the backup itself is gone.

use serde::{Deserialize, Serialize};

use super::LISTED_MAX;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, backups};

const LAST: Setting<Tested> = Setting::new("backups.last_test");

/// What the last restore into a temporary folder came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// When.
    pub at: Timestamp,
    /// What was wrong; empty: nothing.
    pub problem: String,
}

/// What the last one came to; none where there was none yet. What older versions noted stands on the list alone.
pub(super) fn last(tx: &Tx) -> Result<Option<Tested>> {
    if let Some(noted) = settings::value(tx, &LAST)? {
        return Ok(Some(noted));
    }
    let listed = backups::newest(tx, LISTED_MAX)?;
    Ok(listed.into_iter().find_map(|one| Some(Tested { at: one.tested_at?, problem: one.test_problem })))
}

/// Notes what one came to.
pub(super) fn note(tx: &Tx, problem: &str) -> Result<()> {
    settings::set(tx, &LAST, &Tested { at: tx.now, problem: problem.to_owned() }).map(drop)
}
