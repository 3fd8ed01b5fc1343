//! Filters of the list of devices that people keep for themselves.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// A kept filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFilter {
    /// Its id.
    pub id: String,
    /// What its person calls it; each name once for a person, whatever the case.
    pub name: String,
    /// As in the list's address, without the question mark: `search=9b&state=problem`.
    pub query: String,
    /// When it was kept.
    pub created_at: Timestamp,
}

fn saved_filter(row: &Row<'_>) -> rusqlite::Result<SavedFilter> {
    Ok(SavedFilter { id: row.get(0)?, name: row.get(1)?, query: row.get(2)?, created_at: row.get(3)? })
}

/// Somebody's, by name; no more are kept than the room allows.
pub fn of_admin(tx: &Tx, admin_id: &str) -> Result<Vec<SavedFilter>> {
    let sql = "SELECT id, name, query, created_at FROM saved_filters WHERE admin_id = ?1 ORDER BY name";
    tx.list(sql, [admin_id], saved_filter)
}

/// Keeps one, in place of what had its name.
pub fn put(tx: &Tx, admin_id: &str, filter: &SavedFilter) -> Result<()> {
    tx.execute("DELETE FROM saved_filters WHERE admin_id = ?1 AND name = ?2", (admin_id, &filter.name))?;
    tx.execute(
        "INSERT INTO saved_filters (id, admin_id, name, query, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&filter.id, admin_id, &filter.name, &filter.query, filter.created_at),
    )?;
    Ok(())
}

/// Removes one of somebody's; says whether it was there.
pub fn remove(tx: &Tx, admin_id: &str, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM saved_filters WHERE admin_id = ?1 AND id = ?2", (admin_id, id))? > 0)
}
