//! What Apple was asked to do and has not said it did, and what it told by itself.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;
use crate::store::words::words;

words! {
    /// What Apple was asked to do.
    pub enum EventKind {
        /// Assign licences.
        Associate = "associate",
        /// Take them back.
        Disassociate = "disassociate",
        /// Make, change or retire users.
        Users = "users",
    }
}

/// An event of Apple's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Apple's id of it.
    pub event_id: String,
    /// The location.
    pub token_id: String,
    /// What was asked.
    pub kind: EventKind,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When to look next.
    pub due_at: Timestamp,
}

/// Stores an event, or when to look at it next.
pub fn put(tx: &Tx, event: &Event) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO licence_events (event_id, token_id, kind, asked_at, due_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&event.event_id, &event.token_id, event.kind, event.asked_at, event.due_at),
    )?;
    Ok(())
}

/// Forgets an event.
pub fn remove(tx: &Tx, event_id: &str) -> Result<()> {
    tx.execute("DELETE FROM licence_events WHERE event_id = ?1", [event_id])?;
    Ok(())
}

/// Has an event looked at now; gives the location that it is of, where it is known.
pub fn look_now(tx: &Tx, event_id: &str) -> Result<Option<String>> {
    tx.optional("UPDATE licence_events SET due_at = ?2 WHERE event_id = ?1 RETURNING token_id", (event_id, tx.now), |row| row.get(0))
}

/// The event of a location that is to be looked at now.
pub fn due(tx: &Tx, token_id: &str) -> Result<Option<Event>> {
    tx.optional(
        "SELECT event_id, token_id, kind, asked_at, due_at FROM licence_events WHERE token_id = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT 1",
        (token_id, tx.now),
        |row| Ok(Event { event_id: row.get(0)?, token_id: row.get(1)?, kind: row.get(2)?, asked_at: row.get(3)?, due_at: row.get(4)? }),
    )
}

/// When an event of a location is next to be looked at.
pub fn next_due(tx: &Tx, token_id: &str) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM licence_events WHERE token_id = ?1", [token_id], |row| row.get(0))
}

/// Notes that Apple told something; false when it was heard before.
pub fn heard(tx: &Tx, notification_id: &str) -> Result<bool> {
    Ok(tx.execute("INSERT OR IGNORE INTO licence_notices (notification_id, at) VALUES (?1, ?2)", (notification_id, tx.now))? == 1)
}

/// Forgets what was heard before a moment.
pub fn forget_heard(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM licence_notices WHERE at < ?1", [before])
}
