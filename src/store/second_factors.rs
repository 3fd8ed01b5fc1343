//! Second factors of people who log in: the secret of their telephone's codes, codes on paper, and who is between password and code.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;

/// How somebody's second factor stands, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Whose it is.
    pub admin_id: String,
    /// When a first code confirmed it; until then it counts for nothing.
    pub confirmed_at: Option<Timestamp>,
    /// The newest step of which a code was taken.
    pub last_step: i64,
    /// Wrong codes in a row.
    pub failures: i64,
    /// Until when no code is looked at.
    pub blocked_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "admin_id, confirmed_at, last_step, failures, blocked_until, created_at";

fn second_factor(row: &Row<'_>) -> rusqlite::Result<SecondFactor> {
    Ok(SecondFactor {
        admin_id: row.get(0)?,
        confirmed_at: row.get(1)?,
        last_step: row.get(2)?,
        failures: row.get(3)?,
        blocked_until: row.get(4)?,
        created_at: row.get(5)?,
    })
}

fn place(admin_id: &str) -> String {
    format!("second_factors.secret_sealed/{admin_id}")
}

/// Stores a new one that nobody has confirmed, in place of what was there.
pub fn put(tx: &Tx, admin_id: &str, secret: &SecretBytes) -> Result<()> {
    delete(tx, admin_id)?;
    let sealed = tx.seal(&place(admin_id), secret.expose())?;
    tx.execute("INSERT INTO second_factors (admin_id, secret_sealed, created_at) VALUES (?1, ?2, ?3)", (admin_id, sealed, tx.now))?;
    Ok(())
}

/// Somebody's, if they have one.
pub fn find(tx: &Tx, admin_id: &str) -> Result<Option<SecondFactor>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM second_factors WHERE admin_id = ?1"), [admin_id], second_factor)
}

/// The secret of somebody's codes.
pub fn secret(tx: &Tx, admin_id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> =
        tx.optional("SELECT secret_sealed FROM second_factors WHERE admin_id = ?1", [admin_id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&place(admin_id), &sealed)).transpose()
}

/// Stores what has become of it; its secret and age stay.
pub fn update(tx: &Tx, factor: &SecondFactor) -> Result<()> {
    tx.execute(
        "UPDATE second_factors SET confirmed_at = ?2, last_step = ?3, failures = ?4, blocked_until = ?5 WHERE admin_id = ?1",
        (&factor.admin_id, factor.confirmed_at, factor.last_step, factor.failures, factor.blocked_until),
    )?;
    Ok(())
}

/// Removes somebody's, with the codes on paper; tells whether there was one.
pub fn delete(tx: &Tx, admin_id: &str) -> Result<bool> {
    tx.execute("DELETE FROM recovery_codes WHERE admin_id = ?1", [admin_id])?;
    Ok(tx.execute("DELETE FROM second_factors WHERE admin_id = ?1", [admin_id])? == 1)
}

/// Replaces somebody's codes on paper, each by its SHA-256.
pub fn put_recovery_codes(tx: &Tx, admin_id: &str, hashes: &[[u8; 32]]) -> Result<()> {
    tx.execute("DELETE FROM recovery_codes WHERE admin_id = ?1", [admin_id])?;
    for hash in hashes {
        tx.execute("INSERT INTO recovery_codes (hash, admin_id) VALUES (?1, ?2)", (&hash[..], admin_id))?;
    }
    Ok(())
}

/// Uses one of somebody's codes on paper up; tells whether there was such a one, not used before.
pub fn use_recovery_code(tx: &Tx, admin_id: &str, hash: &[u8; 32]) -> Result<bool> {
    let used = tx.execute(
        "UPDATE recovery_codes SET used_at = ?3 WHERE hash = ?1 AND admin_id = ?2 AND used_at IS NULL",
        (&hash[..], admin_id, tx.now),
    )?;
    Ok(used == 1)
}

/// How many of somebody's codes on paper are left.
pub fn recovery_codes_left(tx: &Tx, admin_id: &str) -> Result<u64> {
    let count: i64 = tx.one("SELECT count(*) FROM recovery_codes WHERE admin_id = ?1 AND used_at IS NULL", [admin_id], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Somebody between password and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondStep {
    /// SHA-256 of what the form carries.
    pub token_hash: Vec<u8>,
    /// Who.
    pub admin_id: String,
    /// Codes that were tried.
    pub tries: i64,
    /// Until when the code is waited for.
    pub expires_at: Timestamp,
}

/// Begins to wait for a code; `password_hash` is the one that was proven.
pub fn begin_step(tx: &Tx, step: &SecondStep, password_hash: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO second_steps (token_hash, admin_id, password_hash, tries, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&step.token_hash, &step.admin_id, password_hash, step.tries, step.expires_at),
    )?;
    Ok(())
}

/// The wait with this token hash, if it is not over and the password that was proven is still the person's.
pub fn step(tx: &Tx, token_hash: &[u8]) -> Result<Option<SecondStep>> {
    tx.optional(
        "SELECT token_hash, admin_id, tries, expires_at FROM second_steps JOIN admins ON admins.id = admin_id
         WHERE token_hash = ?1 AND expires_at > ?2 AND second_steps.password_hash = admins.password_hash AND disabled_at IS NULL",
        (token_hash, tx.now),
        |row| Ok(SecondStep { token_hash: row.get(0)?, admin_id: row.get(1)?, tries: row.get(2)?, expires_at: row.get(3)? }),
    )
}

/// Counts a code that was tried.
pub fn count_try(tx: &Tx, token_hash: &[u8]) -> Result<()> {
    tx.execute("UPDATE second_steps SET tries = tries + 1 WHERE token_hash = ?1", [token_hash])?;
    Ok(())
}

/// Ends a wait.
pub fn end_step(tx: &Tx, token_hash: &[u8]) -> Result<()> {
    tx.execute("DELETE FROM second_steps WHERE token_hash = ?1", [token_hash])?;
    Ok(())
}

/// Removes waits that are over.
pub fn sweep_steps(tx: &Tx) -> Result<usize> {
    tx.execute("DELETE FROM second_steps WHERE expires_at <= ?1", [tx.now])
}
