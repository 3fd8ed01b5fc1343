//! Commands by their kinds.

use super::{COLUMNS, Command, command};
use crate::error::{Error, Result};
use crate::store::Tx;

/// Open commands of some kinds, of everybody.
pub fn open_of_kinds(tx: &Tx, request_types: &[&str], limit: u32) -> Result<Vec<Command>> {
    let kinds = serde_json::to_string(request_types).map_err(|error| Error::internal("names are text", error))?;
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM commands WHERE state IN ('queued', 'sent', 'not_now') AND request_type IN (SELECT value FROM json_each(?1))
             ORDER BY seq LIMIT ?2"
        ),
        (kinds, limit),
        command,
    )
}

/// The command of a type that came last into an enrollment's queue in a generation and is in it still.
pub fn newest_open(tx: &Tx, enrollment_id: &str, generation: i64, request_type: &str) -> Result<Option<Command>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND request_type = ?3
             AND state IN ('queued', 'sent', 'not_now') ORDER BY seq DESC LIMIT 1"
        ),
        (enrollment_id, generation, request_type),
        command,
    )
}
