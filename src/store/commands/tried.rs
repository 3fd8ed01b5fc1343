//! What a device has been given to do, and has not only put off.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// Whether an enrollment was given a command of this key since `since`, in its generation, and did something else than put it off.
pub fn tried_with_key(tx: &Tx, enrollment_id: &str, generation: i64, supersede_key: &str, since: Timestamp) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND supersede_key = ?3 AND created_at >= ?4
                        AND sent_at IS NOT NULL AND (not_now_at IS NULL OR not_now_at < sent_at))",
        (enrollment_id, generation, supersede_key, since),
        |row| row.get(0),
    )
}
