//! What the makers of apps say of their configurations: a file for an app, as it was brought.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// A file that an app's maker gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSchema {
    /// The file, byte for byte.
    pub content: Vec<u8>,
    /// Who brought it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Stores the file of an app, in the place of one before.
pub fn put(tx: &Tx, app_id: &str, row: &AppSchema) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO app_schemas (app_id, content, created_by, created_at) VALUES (?1, ?2, ?3, ?4)",
        (app_id, &row.content, &row.created_by, row.created_at),
    )?;
    Ok(())
}

/// The file of an app, if it has one.
pub fn of_app(tx: &Tx, app_id: &str) -> Result<Option<AppSchema>> {
    tx.optional("SELECT content, created_by, created_at FROM app_schemas WHERE app_id = ?1", [app_id], |row| {
        Ok(AppSchema { content: row.get(0)?, created_by: row.get(1)?, created_at: row.get(2)? })
    })
}

/// Takes the file of an app away; whether there was one.
pub fn delete(tx: &Tx, app_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM app_schemas WHERE app_id = ?1", [app_id])? > 0)
}
