//! Redemption codes of the old programme: each is given away once.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::digest::sha256;
use crate::secret::SecretBytes;
use crate::store::tx::Tx;

fn place(id: &str) -> String {
    format!("redemption_codes.code/{id}")
}

/// A code as it is kept and compared: Apple writes them in capitals, and people type them as they like.
fn written(code: &str) -> String {
    code.to_ascii_uppercase()
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is new.
    New,
    /// It was here, for the same app.
    Known,
    /// It was here for another app, and nobody had it: it is this one's now.
    Moved,
    /// It was given away for another app, and stays that one's.
    GivenElsewhere,
}

/// Stores a code of an app.
pub fn insert(tx: &Tx, adam_id: &str, code: &str) -> Result<Inserted> {
    let code = written(code);
    let hash = sha256(code.as_bytes());
    let id = tx.new_id();
    let sealed = tx.seal(&place(&id), code.as_bytes())?;
    let added = tx.execute(
        "INSERT OR IGNORE INTO redemption_codes (id, adam_id, code_hash, code_sealed, imported_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&id, adam_id, &hash[..], sealed, tx.now),
    )?;
    if added == 1 {
        return Ok(Inserted::New);
    }
    let sql = "SELECT adam_id = ?2 FROM redemption_codes WHERE code_hash = ?1";
    if tx.one(sql, (&hash[..], adam_id), |row| row.get(0))? {
        return Ok(Inserted::Known);
    }
    let sql = "UPDATE redemption_codes SET adam_id = ?2 WHERE code_hash = ?1 AND taken_at IS NULL";
    let moved = tx.execute(sql, (&hash[..], adam_id))?;
    Ok(if moved == 1 { Inserted::Moved } else { Inserted::GivenElsewhere })
}

/// A code was redeemed somewhere else: where nobody was given it here, it is not to be given any more. Tells whether there was such a one.
pub fn used_elsewhere(tx: &Tx, code: &str) -> Result<bool> {
    let sql = "UPDATE redemption_codes SET taken_at = ?2 WHERE code_hash = ?1 AND taken_at IS NULL";
    tx.execute(sql, (&sha256(written(code).as_bytes())[..], tx.now)).map(|changed| changed > 0)
}

/// The code that an enrollment was given for an app.
pub fn given(tx: &Tx, adam_id: &str, enrollment_id: &str) -> Result<Option<SecretBytes>> {
    let row: Option<(String, Vec<u8>)> = tx.optional(
        "SELECT id, code_sealed FROM redemption_codes WHERE enrollment_id = ?2 AND adam_id = ?1 LIMIT 1",
        [adam_id, enrollment_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    row.map(|(id, sealed)| tx.open(&place(&id), &sealed)).transpose()
}

/// Gives the oldest code of an app that nobody has to an enrollment.
pub fn give(tx: &Tx, adam_id: &str, enrollment_id: &str) -> Result<Option<SecretBytes>> {
    let row: Option<(String, Vec<u8>)> = tx.optional(
        "UPDATE redemption_codes SET enrollment_id = ?2, taken_at = ?3
         WHERE id = (SELECT id FROM redemption_codes WHERE adam_id = ?1 AND taken_at IS NULL ORDER BY imported_at, id LIMIT 1)
         RETURNING id, code_sealed",
        (adam_id, enrollment_id, tx.now),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    row.map(|(id, sealed)| tx.open(&place(&id), &sealed)).transpose()
}

/// Whether an enrollment has a code of an app that it has not answered to, or nobody has one.
pub fn is_there(tx: &Tx, adam_id: &str, enrollment_id: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM redemption_codes WHERE adam_id = ?1 AND (taken_at IS NULL OR enrollment_id = ?2) LIMIT 1";
    tx.optional(sql, [adam_id, enrollment_id], |_| Ok(())).map(|found| found.is_some())
}

/// The code that an enrollment was given has been answered to: it is on its way to nobody any more, and not to be given again.
pub fn use_up(tx: &Tx, adam_id: &str, enrollment_id: &str) -> Result<()> {
    tx.execute("UPDATE redemption_codes SET enrollment_id = NULL WHERE adam_id = ?1 AND enrollment_id = ?2", [adam_id, enrollment_id])?;
    Ok(())
}

/// The code that an enrollment was given is nobody's again.
pub fn give_back(tx: &Tx, adam_id: &str, enrollment_id: &str) -> Result<()> {
    let sql = "UPDATE redemption_codes SET enrollment_id = NULL, taken_at = NULL WHERE adam_id = ?1 AND enrollment_id = ?2";
    tx.execute(sql, [adam_id, enrollment_id])?;
    Ok(())
}

/// A code of an app that was given away was not needed; tells whether there is such a one.
pub fn unused(tx: &Tx, adam_id: &str, code: &str) -> Result<bool> {
    let sql =
        "UPDATE redemption_codes SET enrollment_id = NULL, taken_at = NULL WHERE adam_id = ?1 AND code_hash = ?2 AND taken_at IS NOT NULL";
    tx.execute(sql, (adam_id, &sha256(written(code).as_bytes())[..])).map(|changed| changed > 0)
}

/// The codes of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The App Store's number.
    pub adam_id: String,
    /// How many were imported.
    pub imported: u32,
    /// How many are left.
    pub left: u32,
    /// When the last ones came.
    pub imported_at: Timestamp,
}

/// How many codes there are, app by app.
pub fn counts(tx: &Tx) -> Result<Vec<Count>> {
    tx.list(
        "SELECT adam_id, count(*), count(*) FILTER (WHERE taken_at IS NULL), max(imported_at) FROM redemption_codes GROUP BY adam_id ORDER BY adam_id",
        [],
        |row| Ok(Count { adam_id: row.get(0)?, imported: row.get(1)?, left: row.get(2)?, imported_at: row.get(3)? }),
    )
}

/// Removes the codes of an app that nobody has.
pub fn remove_left(tx: &Tx, adam_id: &str) -> Result<usize> {
    tx.execute("DELETE FROM redemption_codes WHERE adam_id = ?1 AND taken_at IS NULL", [adam_id])
}
