//! Webhooks and their outbox: what is to be told to whom, in order per device, until it was delivered; and what came of it.

mod log;
mod volume;

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use crate::store::{Bell, Tx};

pub use log::{LOG_BODY_MAX_BYTES, LOG_MAX, Logged, LoggedState, again, log, logged, put_log};

/// Someone who is told what happens.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Our id for it.
    pub id: String,
    /// Where events are posted.
    pub url: String,
    /// Whether bodies are signed.
    pub has_hmac_key: bool,
    /// The topics that it wants; empty for all.
    pub topics: Vec<String>,
    /// Whether tokens and secrets in raw messages are left in.
    pub include_secrets: bool,
    /// When it was switched off.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, url, hmac_key_sealed IS NOT NULL, topics, include_secrets, disabled_at, created_at";

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let topics: String = row.get(3)?;
    Ok(Webhook {
        id: row.get(0)?,
        url: row.get(1)?,
        has_hmac_key: row.get(2)?,
        topics: serde_json::from_str(&topics).unwrap_or_default(),
        include_secrets: row.get(4)?,
        disabled_at: row.get(5)?,
        created_at: row.get(6)?,
    })
}

/// Stores a new webhook with its HMAC key, sealed.
pub fn insert(tx: &Tx, webhook: &Webhook, hmac_key: Option<&[u8]>) -> Result<()> {
    let key = hmac_key.map(|key| tx.seal("webhooks.hmac_key", key)).transpose()?;
    let topics = serde_json::to_string(&webhook.topics).map_err(|error| Error::internal("topics are text", error))?;
    tx.execute(
        "INSERT INTO webhooks (id, url, hmac_key_sealed, topics, include_secrets, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&webhook.id, &webhook.url, key, topics, webhook.include_secrets, tx.now),
    )?;
    Ok(())
}

/// Stores what is other than before about a webhook; its key stays.
pub fn update(tx: &Tx, webhook: &Webhook) -> Result<()> {
    let topics = serde_json::to_string(&webhook.topics).map_err(|error| Error::internal("topics are text", error))?;
    tx.execute(
        "UPDATE webhooks SET url = ?2, topics = ?3, include_secrets = ?4, disabled_at = ?5 WHERE id = ?1",
        (&webhook.id, &webhook.url, topics, webhook.include_secrets, webhook.disabled_at),
    )?;
    Ok(())
}

/// Puts another key in the place of a webhook's.
pub fn set_hmac_key(tx: &Tx, id: &str, hmac_key: &[u8]) -> Result<()> {
    tx.execute("UPDATE webhooks SET hmac_key_sealed = ?2 WHERE id = ?1", (id, tx.seal("webhooks.hmac_key", hmac_key)?))?;
    Ok(())
}

/// Every webhook, oldest first.
pub fn all(tx: &Tx) -> Result<Vec<Webhook>> {
    tx.list(sql!("SELECT {COLUMNS} FROM webhooks ORDER BY created_at, id"), [], webhook)
}

/// The webhooks that are switched on.
pub fn active(tx: &Tx) -> Result<Vec<Webhook>> {
    tx.list(sql!("SELECT {COLUMNS} FROM webhooks WHERE disabled_at IS NULL"), [], webhook)
}

/// The webhook of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Webhook>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM webhooks WHERE id = ?1"), [id], webhook)
}

/// The HMAC key of a webhook.
pub fn hmac_key(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Option<Vec<u8>>> = tx.optional("SELECT hmac_key_sealed FROM webhooks WHERE id = ?1", [id], |row| row.get(0))?;
    sealed.flatten().map(|sealed| tx.open("webhooks.hmac_key", &sealed)).transpose()
}

/// Removes a webhook and what waits for it; tells whether there was one.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    volume::forget(tx, id)?;
    Ok(tx.execute("DELETE FROM webhooks WHERE id = ?1", [id])? == 1)
}

/// Something that waits to be delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its place in the outbox.
    pub seq: i64,
    /// To whom.
    pub webhook_id: String,
    /// About which device; the order is kept per device.
    pub device_id: String,
    /// What it is, for example `mdm.Connect`.
    pub topic: String,
    /// Times tried.
    pub attempts: i64,
    /// Why the last try failed.
    pub last_error: String,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// When it happened.
    pub created_at: Timestamp,
    /// Size of its body.
    pub size_bytes: i64,
}

/// The due time of a delivery that waits for an older one of its device: no moment that ever comes. Thus what is due is found by its due time alone,
/// however much waits behind it.
const BEHIND: Timestamp = Timestamp::from_millis(i64::MAX);

const DELIVERY: &str = "seq, webhook_id, device_id, topic, attempts, last_error, due_at, created_at, length(body_sealed)";

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        seq: row.get(0)?,
        webhook_id: row.get(1)?,
        device_id: row.get(2)?,
        topic: row.get(3)?,
        attempts: row.get(4)?,
        last_error: row.get(5)?,
        due_at: row.get(6)?,
        created_at: row.get(7)?,
        size_bytes: row.get(8)?,
    })
}

/// The delivery at a place in the outbox.
pub fn delivery_at(tx: &Tx, seq: i64) -> Result<Option<Delivery>> {
    tx.optional(sql!("SELECT {DELIVERY} FROM webhook_deliveries WHERE seq = ?1"), [seq], delivery)
}

/// Puts a body into the outbox; it is due now unless an older one of its device waits.
pub fn enqueue(tx: &Tx, webhook_id: &str, device_id: &str, topic: &str, body: &[u8]) -> Result<()> {
    enqueue_sealed(tx, webhook_id, device_id, topic, &tx.seal("webhook_deliveries.body", body)?)
}

/// Does what [`enqueue`] does with a body that is sealed already.
fn enqueue_sealed(tx: &Tx, webhook_id: &str, device_id: &str, topic: &str, body_sealed: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO webhook_deliveries (webhook_id, device_id, topic, body_sealed, due_at, created_at)
         VALUES (?1, ?2, ?3, ?4, CASE WHEN EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook_id = ?1 AND device_id = ?2) THEN ?5 ELSE ?6 END, ?6)",
        (webhook_id, device_id, topic, body_sealed, BEHIND, tx.now),
    )?;
    volume::add(tx, webhook_id, body_sealed.len() as i64)?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// The deliveries to try now: of each webhook and device only the oldest, if it is due.
pub fn due(tx: &Tx, limit: u32) -> Result<Vec<Delivery>> {
    tx.list(sql!("SELECT {DELIVERY} FROM webhook_deliveries WHERE due_at <= ?1 ORDER BY due_at, seq LIMIT ?2"), (tx.now, limit), delivery)
}

/// The JSON of a delivery.
pub fn body(tx: &Tx, seq: i64) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT body_sealed FROM webhook_deliveries WHERE seq = ?1", [seq], |row| row.get(0))?;
    sealed.map(|sealed| tx.open("webhook_deliveries.body", &sealed)).transpose()
}

/// Takes a delivery out of the outbox; the next one of its device is due.
pub fn remove(tx: &Tx, seq: i64) -> Result<()> {
    let removed: Option<(String, String, i64)> =
        tx.optional("DELETE FROM webhook_deliveries WHERE seq = ?1 RETURNING webhook_id, device_id, length(body_sealed)", [seq], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let Some((webhook_id, device_id, size_bytes)) = removed else { return Ok(()) };
    volume::add(tx, &webhook_id, -size_bytes)?;
    let next = tx.execute(
        "UPDATE webhook_deliveries SET due_at = ?3
         WHERE seq = (SELECT min(seq) FROM webhook_deliveries WHERE webhook_id = ?1 AND device_id = ?2)",
        (webhook_id, device_id, tx.now),
    )?;
    if next > 0 {
        tx.ring(Bell::Jobs);
    }
    Ok(())
}

/// Puts the body of an event for trial into the outbox, apart from every device's, and keeps it from others until `until`; gives its place.
pub fn enqueue_test(tx: &Tx, webhook_id: &str, topic: &str, body: &[u8], until: Timestamp) -> Result<i64> {
    let body_sealed = tx.seal("webhook_deliveries.body", body)?;
    let seq = tx.one(
        "INSERT INTO webhook_deliveries (webhook_id, device_id, topic, body_sealed, due_at, created_at) VALUES (?1, ?2, ?2, ?3, ?4, ?5) RETURNING seq",
        (webhook_id, topic, &body_sealed, until, tx.now),
        |row| row.get(0),
    )?;
    volume::add(tx, webhook_id, body_sealed.len() as i64)?;
    Ok(seq)
}

/// Takes all that waits for a webhook out of the outbox; what was tried of it is not tried again.
pub fn drop_waiting(tx: &Tx, webhook_id: &str) -> Result<()> {
    log::give_up_waiting(tx, webhook_id)?;
    tx.execute("DELETE FROM webhook_deliveries WHERE webhook_id = ?1", [webhook_id])?;
    volume::forget(tx, webhook_id)
}

/// Puts a delivery off, with the reason.
pub fn put_off(tx: &Tx, seq: i64, due_at: Timestamp, error: &str) -> Result<()> {
    tx.execute("UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = ?2, last_error = ?3 WHERE seq = ?1", (seq, due_at, error))?;
    Ok(())
}

/// Keeps others from trying a delivery until a moment, while it is under way.
pub fn set_due(tx: &Tx, seq: i64, due_at: Timestamp) -> Result<()> {
    tx.execute("UPDATE webhook_deliveries SET due_at = ?2 WHERE seq = ?1", (seq, due_at))?;
    Ok(())
}

/// The earliest moment at which a delivery can be tried: one that waits for an older one of its device does not count.
pub fn next_deliverable(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM webhook_deliveries WHERE due_at < ?1", [BEHIND], |row| row.get(0))
}

/// Tells whether fewer than `limit` deliveries wait for a webhook, of fewer than `limit_bytes`. Counts only where the outbox as a whole may hold so many.
pub fn has_room(tx: &Tx, webhook_id: &str, limit: i64, limit_bytes: i64) -> Result<bool> {
    if waiting_bytes(tx, webhook_id)? >= limit_bytes {
        return Ok(false);
    }
    // Two looks at an end each; both in one would look through the table.
    let spread = "SELECT coalesce((SELECT max(seq) FROM webhook_deliveries) - (SELECT min(seq) FROM webhook_deliveries) + 1, 0)";
    let spread: i64 = tx.one(spread, [], |row| row.get(0))?;
    Ok(spread < limit || count_waiting(tx, webhook_id)? < limit)
}

/// Bytes of what waits for a webhook.
pub fn waiting_bytes(tx: &Tx, webhook_id: &str) -> Result<i64> {
    volume::of(tx, webhook_id)
}

/// How many deliveries wait for a webhook.
pub fn count_waiting(tx: &Tx, webhook_id: &str) -> Result<i64> {
    tx.one("SELECT count(*) FROM webhook_deliveries WHERE webhook_id = ?1", [webhook_id], |row| row.get(0))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Puts the same body into the outbox `count` times, about as many devices.
    pub(crate) fn fill(tx: &Tx, webhook_id: &str, count: i64) -> Result<()> {
        let body = tx.seal("webhook_deliveries.body", b"{}")?;
        tx.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
             INSERT INTO webhook_deliveries (webhook_id, device_id, topic, body_sealed, due_at, created_at)
             SELECT ?1, 'old-' || n, 'mdm.Connect', ?3, ?4, ?4 FROM numbers",
            (webhook_id, count, body, tx.now),
        )?;
        Ok(())
    }
}
