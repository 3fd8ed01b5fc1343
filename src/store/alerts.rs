//! What needs a person: one row per cause, raised again rather than repeated.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Names the cause, for example `push.certificate_refused:<topic>`.
    pub key: String,
    /// Larger is worse.
    pub harm: i64,
    /// What happened.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// How often it happened.
    pub count: i64,
    /// When it first happened.
    pub since_at: Timestamp,
    /// When it last happened.
    pub last_at: Timestamp,
}

/// Raises an alert, or notes that its cause happened once more. Tells whether it is new.
pub fn raise(tx: &Tx, key: &str, harm: i64, message: &str, remedy: &str) -> Result<bool> {
    let count: i64 = tx.one(
        "INSERT INTO alerts (key, harm, message, remedy, since_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (key) DO UPDATE SET harm = excluded.harm, message = excluded.message, remedy = excluded.remedy, count = count + 1,
                last_at = excluded.last_at
         RETURNING count",
        (key, harm, message, remedy, tx.now),
        |row| row.get(0),
    )?;
    Ok(count == 1)
}

/// Takes an alert down because its cause is gone; tells whether it was up.
pub fn clear(tx: &Tx, key: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM alerts WHERE key = ?1", [key])? == 1)
}

/// Whether an alert says this already.
pub fn is_raised(tx: &Tx, key: &str, message: &str, remedy: &str) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM alerts WHERE key = ?1 AND message = ?2 AND remedy = ?3)", [key, message, remedy], |row| row.get(0))
}

/// Every alert, the most harmful first.
pub fn all(tx: &Tx) -> Result<Vec<Alert>> {
    tx.list("SELECT key, harm, message, remedy, count, since_at, last_at FROM alerts ORDER BY harm DESC, since_at, key", [], |row| {
        Ok(Alert {
            key: row.get(0)?,
            harm: row.get(1)?,
            message: row.get(2)?,
            remedy: row.get(3)?,
            count: row.get(4)?,
            since_at: row.get(5)?,
            last_at: row.get(6)?,
        })
    })
}
