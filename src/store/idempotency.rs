//! Answers to POSTs that carried an Idempotency-Key, as rows, so that a repeat gets the first answer.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;

/// The sealed answer that `actor` got for `key`.
pub fn find(tx: &Tx, actor: &str, key: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT answer_sealed FROM idempotent_answers WHERE actor = ?1 AND key = ?2";
    tx.optional(sql, (actor, key), |row| row.get(0))
}

/// Keeps the sealed answer that `actor` gets for `key`.
pub fn insert(tx: &Tx, actor: &str, key: &str, answer_sealed: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO idempotent_answers (actor, key, answer_sealed, created_at) VALUES (?1, ?2, ?3, ?4)",
        (actor, key, answer_sealed, tx.now),
    )?;
    Ok(())
}

/// How many answers are kept for `actor`.
pub fn count(tx: &Tx, actor: &str) -> Result<u32> {
    tx.one("SELECT count(*) FROM idempotent_answers WHERE actor = ?1", [actor], |row| row.get(0))
}

/// Removes answers given before `before`.
pub fn delete_before(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM idempotent_answers WHERE created_at < ?1", [before])
}
