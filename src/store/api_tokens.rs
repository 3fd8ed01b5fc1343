//! API tokens of scripts, as rows; a token itself is nowhere stored.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;

/// One API token.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// UUIDv7.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// The role's word; rooms read it.
    pub role: String,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops by itself; absent: never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, name, role, token_hash, created_at, expires_at, revoked_at, last_used_at";

fn token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        token_hash: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        revoked_at: row.get(6)?,
        last_used_at: row.get(7)?,
    })
}

/// Stores a new token.
pub fn insert(tx: &Tx, token: &ApiToken) -> Result<()> {
    tx.execute(
        "INSERT INTO api_tokens (id, name, role, token_hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&token.id, &token.name, &token.role, &token.token_hash, token.created_at, token.expires_at),
    )?;
    Ok(())
}

/// The token with this id.
pub fn find(tx: &Tx, id: &str) -> Result<Option<ApiToken>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM api_tokens WHERE id = ?1"), [id], token)
}

/// The token with this hash, whether or not it is still in force.
pub fn find_by_hash(tx: &Tx, token_hash: &[u8]) -> Result<Option<ApiToken>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM api_tokens WHERE token_hash = ?1"), [token_hash], token)
}

/// Up to `limit` tokens, newest first, from after the one with the id `after`.
pub fn list(tx: &Tx, after: Option<&str>, limit: u32) -> Result<Vec<ApiToken>> {
    tx.list(sql!("SELECT {COLUMNS} FROM api_tokens WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2"), (after, limit), token)
}

/// How many tokens there are, revoked and expired ones included.
pub fn count(tx: &Tx) -> Result<u32> {
    tx.one("SELECT count(*) FROM api_tokens", [], |row| row.get(0))
}

/// Revokes a token at the transaction's moment; false when it was revoked already.
pub fn revoke(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("UPDATE api_tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL", (id, tx.now))? > 0)
}

/// Removes tokens that were revoked or expired before `before`.
pub fn delete_over(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM api_tokens WHERE revoked_at < ?1 OR expires_at < ?1", [before])
}
