//! How commands stand, for those who look at many.

use super::CommandState;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// How a command stands, and no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub state: CommandState,
    /// Why it ended without success, in words.
    pub cause: String,
    /// When it was last offered.
    pub sent_at: Option<Timestamp>,
}

/// How the command of an enrollment with this CommandUUID stands, in the queue or out of it.
pub fn standing(tx: &Tx, enrollment_id: &str, uuid: &str) -> Result<Option<Standing>> {
    tx.optional("SELECT state, cause, sent_at FROM commands WHERE enrollment_id = ?1 AND uuid = ?2", (enrollment_id, uuid), |row| {
        Ok(Standing { state: row.get(0)?, cause: row.get(1)?, sent_at: row.get(2)? })
    })
}

/// How often the device has put off what it put off most, among what still waits; `None` when nothing waits.
pub fn most_not_nows(tx: &Tx, enrollment_id: &str) -> Result<Option<i64>> {
    tx.one("SELECT max(not_nows) FROM commands WHERE enrollment_id = ?1 AND finished_at IS NULL", [enrollment_id], |row| row.get(0))
}
