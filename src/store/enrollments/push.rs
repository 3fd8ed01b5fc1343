//! When enrollments are to be woken, and what became of it.

use super::{COLUMNS, Enrollment, enrollment};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// Stores when a push is due (`None`: not) and how many went out since the device last connected.
pub fn set_push(tx: &Tx, id: &str, due_at: Option<Timestamp>, attempts: i64) -> Result<()> {
    tx.execute("UPDATE enrollments SET push_due_at = ?2, push_attempts = ?3 WHERE id = ?1", (id, due_at, attempts))?;
    Ok(())
}

/// Makes a push due now, unless it is already.
pub fn hasten_push(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE enrollments SET push_due_at = ?2 WHERE id = ?1 AND (push_due_at IS NULL OR push_due_at > ?2)", (id, tx.now))
        .map(drop)
}

/// Stores what became of a push: its error in words (empty: none), and whether the token is gone.
pub fn set_push_outcome(tx: &Tx, id: &str, error: &str, dead_at: Option<Timestamp>) -> Result<()> {
    tx.execute("UPDATE enrollments SET push_error = ?2, push_dead_at = ?3, push_sent_at = ?4 WHERE id = ?1", (id, error, dead_at, tx.now))?;
    Ok(())
}

/// Forgets what Apple said of the token that was before, without pretending that a push went out.
pub fn forget_push_outcome(tx: &Tx, id: &str) -> Result<()> {
    tx.execute(
        "UPDATE enrollments SET push_error = '', push_dead_at = NULL WHERE id = ?1 AND (push_error <> '' OR push_dead_at IS NOT NULL)",
        [id],
    )?;
    Ok(())
}

/// Enrollments to which a push is due, longest due first.
pub fn push_due(tx: &Tx, limit: u32) -> Result<Vec<Enrollment>> {
    tx.list(sql!("SELECT {COLUMNS} FROM enrollments WHERE push_due_at <= ?1 ORDER BY push_due_at LIMIT ?2"), (tx.now, limit), enrollment)
}

/// The earliest moment at which a push is due.
pub fn next_push_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(push_due_at) FROM enrollments WHERE push_due_at IS NOT NULL", [], |row| row.get(0))
}

/// Makes a push due now to everyone on a topic to whom the last one did not go out; tokens that are dead stay so.
pub fn push_again_on_topic(tx: &Tx, topic: &str) -> Result<usize> {
    tx.execute(
        "UPDATE enrollments SET push_due_at = ?2, push_attempts = 0
         WHERE topic = ?1 AND push_error <> '' AND push_dead_at IS NULL AND state IN ('enrolled', 'retired')",
        (topic, tx.now),
    )
}

/// Makes a push due now to everyone who is enrolled; gives to how many.
pub fn push_everyone(tx: &Tx) -> Result<usize> {
    tx.execute("UPDATE enrollments SET push_due_at = ?1, push_attempts = 0 WHERE push_dead_at IS NULL AND state = 'enrolled'", [tx.now])
}

/// When a push on a topic last went out.
pub fn last_push_on_topic(tx: &Tx, topic: &str) -> Result<Option<Timestamp>> {
    tx.one("SELECT max(push_sent_at) FROM enrollments WHERE topic = ?1 AND push_error = ''", [topic], |row| row.get(0))
}

/// How many enrollments on a topic Apple refused the last push to, counted up to `limit`.
pub fn count_refused_on_topic(tx: &Tx, topic: &str, limit: i64) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM (SELECT 1 FROM enrollments WHERE topic = ?1 AND state = 'enrolled' AND push_error <> ''
                               AND push_error >= 'Apple refused the push: ' AND push_error < 'Apple refused the push;' LIMIT ?2)",
        (topic, limit),
        |row| row.get(0),
    )
}

/// How many enrollments on a topic the last push did not get out to, counted up to `limit`.
pub fn count_unpushed_on_topic(tx: &Tx, topic: &str, limit: i64) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM (SELECT 1 FROM enrollments WHERE topic = ?1 AND state = 'enrolled' AND push_error <> '' LIMIT ?2)",
        (topic, limit),
        |row| row.get(0),
    )
}
