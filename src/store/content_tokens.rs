//! Locations of Apps and Books, each known by its content token, and when there is something to do with one.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::bells::Bell;
use crate::store::tx::Tx;
use crate::store::words::words;

words! {
    /// Whether a location is ours to assign from.
    pub enum TokenState {
        /// It is.
        Ready = "ready",
        /// Another server says that it manages it.
        Taken = "taken",
        /// Apple does not take the token any more.
        Refused = "refused",
    }
}

/// A location, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentToken {
    /// Its id here.
    pub id: String,
    /// Apple's `uId`: the same after every renewal.
    pub location_uid: String,
    /// The organisation that the token names.
    pub organisation: String,
    /// The location's name.
    pub location: String,
    /// The country of its store, two letters.
    pub country: String,
    /// The store's name for look-ups, for example `volumestore`.
    pub platform: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
    /// Whether it may be assigned from.
    pub state: TokenState,
    /// Who has claimed it, where that is somebody else.
    pub other_server: String,
    /// Why the last round with Apple failed, in words.
    pub problem: String,
    /// Failed rounds in a row.
    pub failures: i64,
    /// The token's end.
    pub expires_at: Timestamp,
    /// What Apple said of its addresses and limits, JSON.
    pub service: String,
    /// When it said so.
    pub service_at: Option<Timestamp>,
    /// Up to which version of the assignments was read.
    pub assignments_version: String,
    /// When to read Apple's book next.
    pub sync_due_at: Option<Timestamp>,
    /// When it was last read.
    pub synced_at: Option<Timestamp>,
    /// When all of it was last read, not only what changed.
    pub synced_whole_at: Option<Timestamp>,
    /// When there is next something to do.
    pub due_at: Option<Timestamp>,
    /// Until when somebody is at it.
    pub busy_until_at: Option<Timestamp>,
    /// When it came here first.
    pub created_at: Timestamp,
    /// When its token came.
    pub uploaded_at: Timestamp,
}

impl ContentToken {
    /// What the location is called: by its own name, else by its organisation's.
    pub fn name(&self) -> &str {
        if self.location.is_empty() { &self.organisation } else { &self.location }
    }
}

const COLUMNS: &str =
    "id, location_uid, organisation, location, country, platform, practice, state, other_server, problem, failures, expires_at, service,
    service_at, assignments_version, sync_due_at, synced_at, synced_whole_at, due_at, busy_until_at, created_at, uploaded_at";

fn token(row: &Row<'_>) -> rusqlite::Result<ContentToken> {
    Ok(ContentToken {
        id: row.get(0)?,
        location_uid: row.get(1)?,
        organisation: row.get(2)?,
        location: row.get(3)?,
        country: row.get(4)?,
        platform: row.get(5)?,
        practice: row.get(6)?,
        state: row.get(7)?,
        other_server: row.get(8)?,
        problem: row.get(9)?,
        failures: row.get(10)?,
        expires_at: row.get(11)?,
        service: row.get(12)?,
        service_at: row.get(13)?,
        assignments_version: row.get(14)?,
        sync_due_at: row.get(15)?,
        synced_at: row.get(16)?,
        synced_whole_at: row.get(17)?,
        due_at: row.get(18)?,
        busy_until_at: row.get(19)?,
        created_at: row.get(20)?,
        uploaded_at: row.get(21)?,
    })
}

fn place(id: &str) -> String {
    format!("content_tokens.token/{id}")
}

/// Stores a new location and its token.
pub fn insert(tx: &Tx, row: &ContentToken, token: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO content_tokens (id, location_uid, token_sealed, state, practice, expires_at, created_at, uploaded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        (&row.id, &row.location_uid, tx.seal(&place(&row.id), token)?, row.state, row.practice, row.expires_at, tx.now),
    )?;
    update(tx, row)
}

/// Stores what changed about a location; its token, its `uId`, and whether it is practice do not.
pub fn update(tx: &Tx, row: &ContentToken) -> Result<()> {
    tx.execute(
        "UPDATE content_tokens SET organisation = :organisation, location = :location, country = :country, platform = :platform, state = :state,
                other_server = :other_server, problem = :problem, failures = :failures, expires_at = :expires_at, service = :service,
                service_at = :service_at, assignments_version = :assignments_version, sync_due_at = :sync_due_at, synced_at = :synced_at,
                synced_whole_at = :synced_whole_at, due_at = :due_at, busy_until_at = :busy_until_at
         WHERE id = :id",
        named_params! {
            ":id": row.id, ":organisation": row.organisation, ":location": row.location, ":country": row.country, ":platform": row.platform,
            ":state": row.state, ":other_server": row.other_server, ":problem": row.problem, ":failures": row.failures,
            ":expires_at": row.expires_at, ":service": row.service, ":service_at": row.service_at,
            ":assignments_version": row.assignments_version, ":sync_due_at": row.sync_due_at, ":synced_at": row.synced_at,
            ":synced_whole_at": row.synced_whole_at, ":due_at": row.due_at, ":busy_until_at": row.busy_until_at,
        },
    )?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// Stores the token that came in place of an earlier one.
pub fn set_token(tx: &Tx, id: &str, token: &[u8]) -> Result<()> {
    let sealed = tx.seal(&place(id), token)?;
    tx.execute("UPDATE content_tokens SET token_sealed = ?2, uploaded_at = ?3 WHERE id = ?1", (id, sealed, tx.now))?;
    Ok(())
}

/// The token itself, as Apple's file holds it.
pub fn secret(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT token_sealed FROM content_tokens WHERE id = ?1", [id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&place(id), &sealed)).transpose()
}

fn notify_place(id: &str) -> String {
    format!("content_tokens.notify_secret/{id}")
}

/// Stores what Apple proves itself with when it tells something; none while it tells nothing.
pub fn set_notify_secret(tx: &Tx, id: &str, secret: Option<&[u8]>) -> Result<()> {
    let sealed = secret.map(|secret| tx.seal(&notify_place(id), secret)).transpose()?;
    tx.execute("UPDATE content_tokens SET notify_secret_sealed = ?2 WHERE id = ?1", (id, sealed))?;
    Ok(())
}

/// What Apple proves itself with.
pub fn notify_secret(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> =
        tx.optional("SELECT notify_secret_sealed FROM content_tokens WHERE id = ?1", [id], |row| row.get(0))?.flatten();
    sealed.map(|sealed| tx.open(&notify_place(id), &sealed)).transpose()
}

/// Forgets a location with everything that is known of its licences.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM content_tokens WHERE id = ?1", [id])?;
    Ok(())
}

/// The location of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<ContentToken>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM content_tokens WHERE id = ?1"), [id], token)
}

/// The location with Apple's `uId`.
pub fn by_location(tx: &Tx, uid: &str) -> Result<Option<ContentToken>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM content_tokens WHERE location_uid = ?1"), [uid], token)
}

/// Every location, oldest first.
pub fn all(tx: &Tx) -> Result<Vec<ContentToken>> {
    tx.list(sql!("SELECT {COLUMNS} FROM content_tokens ORDER BY created_at, id"), [], token)
}

/// Makes a location due now, if it is not already.
pub fn make_due(tx: &Tx, id: &str) -> Result<()> {
    let changed = tx.execute("UPDATE content_tokens SET due_at = ?2 WHERE id = ?1 AND (due_at IS NULL OR due_at > ?2)", (id, tx.now))?;
    if changed > 0 {
        tx.ring(Bell::Jobs);
    }
    Ok(())
}

/// Has Apple's book read anew, now.
pub fn sync_soon(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE content_tokens SET sync_due_at = ?2 WHERE id = ?1 AND (sync_due_at IS NULL OR sync_due_at > ?2)", (id, tx.now))?;
    make_due(tx, id)
}

/// Locations with something to do that nobody is at.
pub fn due(tx: &Tx) -> Result<Vec<ContentToken>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM content_tokens WHERE due_at <= ?1 AND coalesce(busy_until_at, 0) <= ?1 ORDER BY due_at, id"),
        [tx.now],
        token,
    )
}

/// The earliest moment at which there is something to do with any of them.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(max(due_at, coalesce(busy_until_at, 0))) FROM content_tokens WHERE due_at IS NOT NULL", [], |row| row.get(0))
}
