//! Answers to POSTs that carried an Idempotency-Key, as rows, so that a repeat gets the first answer.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::tx::Tx;

/// How long an answer is kept for a repeat.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);

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

/// Removes answers that are older than [`KEPT`], at most `limit`; gives how many those were.
pub fn prune(tx: &Tx, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM idempotent_answers WHERE (actor, key) IN (SELECT actor, key FROM idempotent_answers WHERE created_at < ?1 LIMIT ?2)",
        (tx.now.minus(KEPT), limit),
    )
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

    #[test]
    fn answers_go_page_by_page_once_they_are_kept_no_more() {
        let store = memory();
        let now = Timestamp::from_seconds(1_800_000_000);
        let keep = |tx: &Tx| ["a", "b", "c"].into_iter().try_for_each(|key| insert(tx, "console", key, b"{}"));
        store.write_blocking(now, keep).unwrap();
        store.write_blocking(now.plus(Duration::from_secs(60)), |tx| insert(tx, "console", "later", b"{}")).unwrap();
        let removed = |at: Timestamp| store.write_blocking(at, |tx| prune(tx, 2)).unwrap();
        let over = now.plus(KEPT + Duration::from_secs(30));
        assert_eq!((removed(now.plus(KEPT)), removed(over), removed(over), removed(over)), (0, 2, 1, 0));
        let left = store.read_blocking(now, |tx| find(tx, "console", "later")).unwrap();
        assert!(left.is_some());
    }
}
