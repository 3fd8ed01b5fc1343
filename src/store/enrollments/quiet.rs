//! Whether there is nothing to say to a device that polls: what nearly every request asks, in one statement.

use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;

/// What one look says of a device that is idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The enrollment of this id speaks by this identity, nothing waits for it, and nobody wants to hear that it asked.
    Quiet(String),
    /// There is something to offer, to record or to refuse.
    Busy,
    /// To be asked in detail: it came in by an account and shows a token, or somebody may want to hear of it.
    Unsure,
}

/// How the statement below says that all is quiet.
const QUIET: i64 = 0;
/// How it says that something is to be done.
const BUSY: i64 = 1;

/// Looks at the enrollment of this Nano id, spoken for by this identity.
pub fn look(tx: &Tx, fingerprint: &Fingerprint, nano_id: &str) -> Result<Look> {
    // In a CASE what decides first spares the rest.
    let found = tx.optional(
        "SELECT id, CASE
           WHEN state <> 'enrolled' OR push_attempts <> 0 OR awaiting_configuration OR questions_due
             OR EXISTS (SELECT 1 FROM commands WHERE enrollment_id = enrollments.id AND finished_at IS NULL)
             OR coalesce(parent_id, id) IS NOT (SELECT enrollment_id FROM certificates WHERE fingerprint = ?1 AND revoked_at IS NULL)
             OR EXISTS (SELECT 1 FROM plans WHERE enrollment_id = enrollments.id AND due_at <= ?3)
           THEN 1
           WHEN entry = 'account' OR EXISTS (SELECT 1 FROM webhooks WHERE disabled_at IS NULL) THEN 2
           ELSE 0 END
         FROM enrollments WHERE nano_id = ?2",
        (fingerprint, nano_id, tx.now),
        |row| Ok((row.get(1)?, row.get(0)?)),
    )?;
    Ok(match found {
        Some((QUIET, id)) => Look::Quiet(id),
        None | Some((BUSY, _)) => Look::Busy,
        Some(_) => Look::Unsure,
    })
}
