//! Devices that are held in Setup Assistant: since when, until when at the latest, and why they were let go.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// How an enrollment is held in Setup Assistant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hold {
    /// Since when.
    pub held_at: Option<Timestamp>,
    /// When it is let go at the latest; once it was let go, when it is looked whether it has gone on.
    pub due_at: Option<Timestamp>,
    /// When it was let go.
    pub released_at: Option<Timestamp>,
    /// Why it was let go: a short word for what something hangs on, else a sentence.
    pub because: String,
}

impl Hold {
    /// Whether it is held now.
    pub fn is_open(&self) -> bool {
        self.held_at.is_some() && self.released_at.is_none()
    }
}

fn hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    Ok(Hold { held_at: row.get(0)?, due_at: row.get(1)?, released_at: row.get(2)?, because: row.get(3)? })
}

/// How an enrollment is held; the default where it never was.
pub fn of(tx: &Tx, enrollment_id: &str) -> Result<Hold> {
    let found = tx.optional(
        "SELECT setup_held_at, setup_due_at, setup_released_at, setup_because FROM enrollments WHERE id = ?1",
        [enrollment_id],
        hold,
    )?;
    Ok(found.unwrap_or_default())
}

/// Stores how an enrollment is held.
pub fn set(tx: &Tx, enrollment_id: &str, hold: &Hold) -> Result<()> {
    tx.execute(
        "UPDATE enrollments SET setup_held_at = ?2, setup_due_at = ?3, setup_released_at = ?4, setup_because = ?5
         WHERE id = ?1 AND (setup_held_at, setup_due_at, setup_released_at, setup_because) IS NOT (?2, ?3, ?4, ?5)",
        (enrollment_id, hold.held_at, hold.due_at, hold.released_at, &hold.because),
    )?;
    Ok(())
}

/// The enrollments that are due, the longest due first.
pub fn due(tx: &Tx, limit: u32) -> Result<Vec<String>> {
    tx.list("SELECT id FROM enrollments WHERE setup_due_at <= ?1 ORDER BY setup_due_at LIMIT ?2", (tx.now, limit), |row| row.get(0))
}

/// The earliest moment at which one is due.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(setup_due_at) FROM enrollments WHERE setup_due_at IS NOT NULL", [], |row| row.get(0))
}
