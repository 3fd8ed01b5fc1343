//! What was posted to webhooks lately and what came of it, one row per event; with the body, so that it can be posted again.

use rusqlite::Row;

use super::enqueue_sealed;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::words::words;

/// Events that are kept of each webhook; the oldest go when others come.
pub const LOG_MAX: u32 = 200;

/// Bytes of a body that is kept to be posted again, sealed; larger ones are listed without it.
pub const LOG_BODY_MAX_BYTES: i64 = 64 * 1024;

words! {
    /// What became of an event.
    pub enum LoggedState {
        /// It is tried again.
        Waiting = "waiting",
        /// The receiver took it.
        Delivered = "delivered",
        /// It is not tried again.
        GivenUp = "given_up",
    }
}

/// An event that was posted.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its place in the outbox, and its name here.
    pub seq: i64,
    /// To whom.
    pub webhook_id: String,
    /// About which device; empty for none.
    pub device_id: String,
    /// What it is, for example `mdm.Connect`.
    pub topic: String,
    /// What became of it.
    pub state: LoggedState,
    /// The status of the last answer; none where no answer came.
    pub status: Option<u16>,
    /// Why the last try failed; empty where it did not.
    pub error: String,
    /// Times tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// Whether it can be posted again.
    pub can_repeat: bool,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it was last tried.
    pub tried_at: Timestamp,
}

const COLUMNS: &str =
    "seq, webhook_id, device_id, topic, state, status, error, attempts, next_at, body_sealed IS NOT NULL, created_at, tried_at";

fn row(row: &Row<'_>) -> rusqlite::Result<Logged> {
    let state: LoggedState = row.get(4)?;
    Ok(Logged {
        seq: row.get(0)?,
        webhook_id: row.get(1)?,
        device_id: row.get(2)?,
        topic: row.get(3)?,
        state,
        status: row.get(5)?,
        error: row.get(6)?,
        attempts: row.get(7)?,
        next_at: row.get(8)?,
        // What waits has its body in the outbox.
        can_repeat: state == LoggedState::Waiting || row.get(9)?,
        created_at: row.get(10)?,
        tried_at: row.get(11)?,
    })
}

/// Writes down what came of a try, and lets go of the oldest. The body is taken out of the outbox, where the event must still be.
pub fn put_log(tx: &Tx, logged: &Logged) -> Result<()> {
    tx.execute(
        "INSERT INTO webhook_log (seq, webhook_id, device_id, topic, state, status, error, attempts, next_at, body_sealed, created_at, tried_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                 CASE WHEN ?5 <> 'waiting' THEN (SELECT body_sealed FROM webhook_deliveries WHERE seq = ?1 AND length(body_sealed) <= ?12) END,
                 ?10, ?11)
         ON CONFLICT (seq) DO UPDATE SET state = excluded.state, status = excluded.status, error = excluded.error, attempts = excluded.attempts,
             next_at = excluded.next_at, body_sealed = excluded.body_sealed, tried_at = excluded.tried_at",
        (
            logged.seq,
            &logged.webhook_id,
            &logged.device_id,
            &logged.topic,
            logged.state,
            logged.status,
            &logged.error,
            logged.attempts,
            logged.next_at,
            logged.created_at,
            logged.tried_at,
            LOG_BODY_MAX_BYTES,
        ),
    )?;
    tx.execute(
        "DELETE FROM webhook_log WHERE webhook_id = ?1
         AND seq <= (SELECT seq FROM webhook_log WHERE webhook_id = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        (&logged.webhook_id, LOG_MAX),
    )?;
    Ok(())
}

/// What was posted to a webhook, the newest first, before `before` if that is given.
pub fn log(tx: &Tx, webhook_id: &str, before: Option<i64>, limit: u32) -> Result<Vec<Logged>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM webhook_log WHERE webhook_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"),
        (webhook_id, before.unwrap_or(i64::MAX), limit),
        row,
    )
}

/// One event that was posted to a webhook.
pub fn logged(tx: &Tx, webhook_id: &str, seq: i64) -> Result<Option<Logged>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM webhook_log WHERE webhook_id = ?1 AND seq = ?2"), (webhook_id, seq), row)
}

/// Puts an event that was posted into the outbox once more, as it was; tells whether its body was still there.
pub fn again(tx: &Tx, logged: &Logged) -> Result<bool> {
    let sealed: Option<Option<Vec<u8>>> =
        tx.optional("SELECT body_sealed FROM webhook_log WHERE seq = ?1", [logged.seq], |row| row.get(0))?;
    let Some(sealed) = sealed.flatten() else { return Ok(false) };
    enqueue_sealed(tx, &logged.webhook_id, &logged.device_id, &logged.topic, &sealed)?;
    Ok(true)
}

/// Marks what waits for a webhook as given up, before it leaves the outbox.
pub(super) fn give_up_waiting(tx: &Tx, webhook_id: &str) -> Result<()> {
    tx.execute(
        "UPDATE webhook_log SET state = 'given_up', next_at = NULL,
             body_sealed = (SELECT d.body_sealed FROM webhook_deliveries d WHERE d.seq = webhook_log.seq AND length(d.body_sealed) <= ?2)
         WHERE webhook_id = ?1 AND state = 'waiting'",
        (webhook_id, LOG_BODY_MAX_BYTES),
    )?;
    Ok(())
}
