//! Answers to POSTs that carried an Idempotency-Key, as rows, so that a repeat gets the first answer.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::tx::Tx;

/// The answer that `actor` got for `key`.
pub fn find(tx: &Tx, actor: &str, key: &str) -> Result<Option<SecretBytes>> {
    let sql = "SELECT answer_sealed FROM idempotent_answers WHERE actor = ?1 AND key = ?2";
    let sealed: Option<Vec<u8>> = tx.optional(sql, (actor, key), |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&place(actor, key), &sealed)).transpose()
}

/// Keeps the answer that `actor` gets for `key`.
pub fn insert(tx: &Tx, actor: &str, key: &str, answer: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO idempotent_answers (actor, key, answer_sealed, created_at) VALUES (?1, ?2, ?3, ?4)",
        (actor, key, tx.seal(&place(actor, key), answer)?, tx.now),
    )?;
    Ok(())
}

/// Removes one answer if it was given before `before`.
pub fn delete_over(tx: &Tx, actor: &str, key: &str, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM idempotent_answers WHERE actor = ?1 AND key = ?2 AND created_at < ?3", (actor, key, before))
}

/// Removes all answers given before `before`.
pub fn delete_before(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM idempotent_answers WHERE created_at < ?1", [before])
}

fn place(actor: &str, key: &str) -> String {
    format!("idempotent_answers.answer/{actor}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    #[test]
    fn an_answer_is_sealed_and_read_back() {
        let store = memory();
        let work = |tx: &Tx| {
            insert(tx, "console", "k", b"rc_secret")?;
            let raw: Vec<u8> = tx.one("SELECT answer_sealed FROM idempotent_answers", [], |row| row.get(0))?;
            Ok((raw, find(tx, "console", "k")?, find(tx, "console", "other")?))
        };
        let (raw, found, other) = store.write_blocking(Timestamp::default(), work).unwrap();
        assert!(!raw.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!((found.unwrap().expose().as_slice(), other), (b"rc_secret".as_slice(), None));
    }
}
