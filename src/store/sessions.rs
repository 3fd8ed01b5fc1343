//! Log-ins that are in force, as rows; a cookie's value itself is nowhere stored.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::admins::Admin;
use crate::store::tx::Tx;

/// One log-in of one person from one browser.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie's value: what the row is found by.
    pub token_hash: Vec<u8>,
    /// Who logged in.
    pub admin_id: String,
    /// What forms of this session carry, so that no other site can send them.
    pub csrf: Secret<String>,
    /// The browser, as it names itself.
    pub user_agent: String,
    /// The address it logged in from.
    pub address: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends, used or not.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "s.token_hash, s.admin_id, s.csrf, s.user_agent, s.address, s.created_at, s.last_used_at, s.expires_at";

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        token_hash: row.get(0)?,
        admin_id: row.get(1)?,
        csrf: Secret::new(row.get(2)?),
        user_agent: row.get(3)?,
        address: row.get(4)?,
        created_at: row.get(5)?,
        last_used_at: row.get(6)?,
        expires_at: row.get(7)?,
    })
}

/// Begins a session.
pub fn insert(tx: &Tx, session: &Session) -> Result<()> {
    tx.execute(
        "INSERT INTO sessions (token_hash, admin_id, csrf, user_agent, address, created_at, last_used_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &session.token_hash,
            &session.admin_id,
            session.csrf.expose(),
            &session.user_agent,
            &session.address,
            session.created_at,
            session.last_used_at,
            session.expires_at,
        ),
    )?;
    Ok(())
}

/// The session with this token hash and its person, whether or not either is still in force.
pub fn find(tx: &Tx, token_hash: &[u8]) -> Result<Option<(Session, Admin)>> {
    let Some(session) = tx.optional(sql!("SELECT {COLUMNS} FROM sessions s WHERE s.token_hash = ?1"), [token_hash], session)? else {
        return Ok(None);
    };
    let admin = crate::store::admins::find(tx, &session.admin_id)?;
    Ok(admin.map(|admin| (session, admin)))
}

/// Sessions with their people's names, of one person or of all, newest first, from after the one that `after` names.
pub fn list(tx: &Tx, admin_id: Option<&str>, after: Option<(Timestamp, &[u8])>, limit: u32) -> Result<Vec<(Session, String)>> {
    let (after_at, after_hash) = after.unzip();
    let sql = format!(
        "SELECT {COLUMNS}, a.name FROM sessions s JOIN admins a ON a.id = s.admin_id
         WHERE (?1 IS NULL OR s.admin_id = ?1) AND (?2 IS NULL OR (s.created_at, s.token_hash) < (?2, ?3))
         ORDER BY s.created_at DESC, s.token_hash DESC LIMIT ?4"
    );
    tx.list(&sql, (admin_id, after_at, after_hash, limit), |row| Ok((session(row)?, row.get(8)?)))
}

/// How many sessions there are, of one person or of all.
pub fn count(tx: &Tx, admin_id: Option<&str>) -> Result<u32> {
    tx.one("SELECT count(*) FROM sessions WHERE ?1 IS NULL OR admin_id = ?1", [admin_id], |row| row.get(0))
}

/// Ends one session; false when there was none.
pub fn delete(tx: &Tx, token_hash: &[u8]) -> Result<bool> {
    Ok(tx.execute("DELETE FROM sessions WHERE token_hash = ?1", [token_hash])? > 0)
}

/// Ends every session.
pub fn delete_all(tx: &Tx) -> Result<usize> {
    tx.execute("DELETE FROM sessions", [])
}

/// Ends every session of a person but the one with the hash `except`; gives how many those were.
pub fn delete_of(tx: &Tx, admin_id: &str, except: Option<&[u8]>) -> Result<usize> {
    tx.execute("DELETE FROM sessions WHERE admin_id = ?1 AND (?2 IS NULL OR token_hash <> ?2)", (admin_id, except))
}

/// Ends the sessions of a person beyond the `keep` last used ones.
pub fn delete_oldest(tx: &Tx, admin_id: &str, keep: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM sessions WHERE admin_id = ?1 AND token_hash NOT IN
             (SELECT token_hash FROM sessions WHERE admin_id = ?1 ORDER BY last_used_at DESC, token_hash LIMIT ?2)",
        (admin_id, keep),
    )
}

/// Removes sessions that ended by `now` or were last used before `idle_since`.
pub fn delete_over(tx: &Tx, now: Timestamp, idle_since: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM sessions WHERE expires_at <= ?1 OR last_used_at < ?2", (now, idle_since))
}
