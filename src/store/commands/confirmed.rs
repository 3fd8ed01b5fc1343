//! What a device confirmed last, or first, of a kind of command.

use super::{COLUMNS, Command, command};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Tx;

/// The command of a type that an enrollment confirmed last in a generation.
pub fn latest_acknowledged(tx: &Tx, enrollment_id: &str, generation: i64, request_type: &str) -> Result<Option<Command>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND request_type = ?3 AND state = 'acknowledged'
             ORDER BY finished_at DESC, seq DESC LIMIT 1"
        ),
        (enrollment_id, generation, request_type),
        command,
    )
}

/// The command of a type that an enrollment confirmed first in a generation, after the moment and place in the queue of another confirmation.
pub fn first_acknowledged_after(
    tx: &Tx,
    enrollment_id: &str,
    generation: i64,
    request_type: &str,
    after: Option<(Timestamp, i64)>,
) -> Result<Option<Command>> {
    let (at, seq) = after.unzip();
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND request_type = ?3 AND state = 'acknowledged'
                AND (?4 IS NULL OR finished_at > ?4 OR finished_at = ?4 AND seq > ?5)
             ORDER BY finished_at, seq LIMIT 1"
        ),
        (enrollment_id, generation, request_type, at, seq),
        command,
    )
}

/// The newest of the commands of these types that an enrollment confirmed in a generation, or that wait for it.
pub fn latest_standing(tx: &Tx, enrollment_id: &str, generation: i64, request_types: &[&str]) -> Result<Option<Command>> {
    let kinds = serde_json::to_string(request_types).map_err(|error| Error::internal("names are text", error))?;
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND request_type IN (SELECT value FROM json_each(?3))
                AND (state = 'acknowledged' OR finished_at IS NULL)
             ORDER BY seq DESC LIMIT 1"
        ),
        (enrollment_id, generation, kinds),
        command,
    )
}
