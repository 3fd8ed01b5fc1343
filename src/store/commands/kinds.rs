//! Commands of some kinds, whoever they are for.

use super::{COLUMNS, Command, command};
use crate::error::{Error, Result};
use crate::store::Tx;

/// Open commands of some kinds, of everybody.
pub fn open_of_kinds(tx: &Tx, request_types: &[&str], limit: u32) -> Result<Vec<Command>> {
    let kinds = serde_json::to_string(request_types).map_err(|error| Error::internal("names are text", error))?;
    tx.list(
        &format!(
            "SELECT {COLUMNS} FROM commands WHERE state IN ('queued', 'sent', 'not_now') AND request_type IN (SELECT value FROM json_each(?1))
             ORDER BY seq LIMIT ?2"
        ),
        (kinds, limit),
        command,
    )
}
