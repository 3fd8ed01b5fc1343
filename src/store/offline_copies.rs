//! Copies of what people changed in an app while it was offline: added, read, and removed by time alone.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;

/// A copy, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Its id.
    pub id: String,
    /// The app.
    pub app_id: String,
    /// Whose installation.
    pub holder: String,
    /// The app's own name for the document.
    pub document: String,
    /// Counts from 1 for each holder and document.
    pub version: i64,
    /// What the app says it is.
    pub media_type: String,
    /// Size.
    pub size_bytes: i64,
    /// SHA-256 of the content.
    pub sha256: Vec<u8>,
    /// The device it came from.
    pub device_id: Option<String>,
    /// The person who used it.
    pub person_id: Option<String>,
    /// Device and person in words, as they were called then.
    pub whose: String,
    /// Whether the right to use the app had ended already.
    pub after_refusal: bool,
    /// When it came.
    pub created_at: Timestamp,
    /// Until when it is kept.
    pub keep_until: Timestamp,
}

const COLUMNS: &str = "id, app_id, holder, document, version, media_type, size_bytes, sha256, device_id, person_id, whose, after_refusal, created_at, keep_until";

fn copy(row: &Row<'_>) -> rusqlite::Result<Copy> {
    Ok(Copy {
        id: row.get(0)?,
        app_id: row.get(1)?,
        holder: row.get(2)?,
        document: row.get(3)?,
        version: row.get(4)?,
        media_type: row.get(5)?,
        size_bytes: row.get(6)?,
        sha256: row.get(7)?,
        device_id: row.get(8)?,
        person_id: row.get(9)?,
        whose: row.get(10)?,
        after_refusal: row.get(11)?,
        created_at: row.get(12)?,
        keep_until: row.get(13)?,
    })
}

fn place(id: &str) -> String {
    format!("offline_copies.content_sealed/{id}")
}

/// Seals the content of the copy that is to have this id; any transaction can, a reading one too.
pub fn seal(tx: &Tx, id: &str, content: &[u8]) -> Result<Vec<u8>> {
    tx.seal(&place(id), content)
}

/// Adds a copy.
pub fn insert(tx: &Tx, copy: &Copy, content_sealed: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO offline_copies (id, app_id, holder, document, version, media_type, size_bytes, sha256, content_sealed, device_id, person_id, whose,
                                     after_refusal, created_at, keep_until)
         VALUES (:id, :app_id, :holder, :document, :version, :media_type, :size_bytes, :sha256, :content, :device_id, :person_id, :whose,
                 :after_refusal, :created_at, :keep_until)",
        named_params! {
            ":id": copy.id, ":app_id": copy.app_id, ":holder": copy.holder, ":document": copy.document, ":version": copy.version,
            ":media_type": copy.media_type, ":size_bytes": copy.size_bytes, ":sha256": copy.sha256, ":content": content_sealed,
            ":device_id": copy.device_id, ":person_id": copy.person_id, ":whose": copy.whose, ":after_refusal": copy.after_refusal,
            ":created_at": copy.created_at, ":keep_until": copy.keep_until,
        },
    )?;
    Ok(())
}

/// The newest version of a holder's document.
pub fn newest(tx: &Tx, app_id: &str, holder: &str, document: &str) -> Result<Option<Copy>> {
    tx.optional(
        &format!("SELECT {COLUMNS} FROM offline_copies WHERE app_id = ?1 AND holder = ?2 AND document = ?3 ORDER BY version DESC LIMIT 1"),
        (app_id, holder, document),
        copy,
    )
}

/// How many copies a holder has, and their bytes together.
pub fn totals(tx: &Tx, app_id: &str, holder: &str) -> Result<(u64, u64)> {
    tx.one("SELECT count(*), coalesce(sum(size_bytes), 0) FROM offline_copies WHERE app_id = ?1 AND holder = ?2", (app_id, holder), |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
    })
}

/// The copies of an app, newest first, behind the one with this moment and id.
pub fn list(tx: &Tx, app_id: &str, after: Option<(Timestamp, &str)>, limit: u32) -> Result<Vec<Copy>> {
    let (at, id) = after.unwrap_or((Timestamp::from_millis(i64::MAX), ""));
    tx.list(
        &format!(
            "SELECT {COLUMNS} FROM offline_copies WHERE app_id = ?1 AND (created_at, id) < (?2, ?3) ORDER BY created_at DESC, id DESC LIMIT ?4"
        ),
        (app_id, at, id, limit),
        copy,
    )
}

/// How many copies an app has, and their bytes together.
pub fn count(tx: &Tx, app_id: &str) -> Result<(u64, u64)> {
    tx.one("SELECT count(*), coalesce(sum(size_bytes), 0) FROM offline_copies WHERE app_id = ?1", [app_id], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
    })
}

/// A copy of an app.
pub fn by_id(tx: &Tx, app_id: &str, id: &str) -> Result<Option<Copy>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM offline_copies WHERE id = ?1 AND app_id = ?2"), (id, app_id), copy)
}

/// The content of a copy.
pub fn content(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT content_sealed FROM offline_copies WHERE id = ?1", [id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&place(id), &sealed)).transpose()
}

/// Removes copies whose time is over.
pub fn prune(tx: &Tx, limit: u32) -> Result<usize> {
    tx.execute("DELETE FROM offline_copies WHERE id IN (SELECT id FROM offline_copies WHERE keep_until <= ?1 LIMIT ?2)", (tx.now, limit))
}

/// Removes the copies of an app that came before a moment; gives how many.
pub fn delete_before(tx: &Tx, app_id: &str, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM offline_copies WHERE app_id = ?1 AND created_at < ?2", (app_id, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    #[test]
    fn a_copy_is_sealed_and_no_statement_changes_it() {
        let store = memory();
        let outcome = store.write_blocking(Timestamp::default(), |tx| {
            let row = Copy {
                id: "1".into(),
                app_id: "a".into(),
                holder: "e".into(),
                document: "notes".into(),
                version: 1,
                media_type: "text/plain".into(),
                size_bytes: 4,
                sha256: vec![0; 32],
                device_id: None,
                person_id: None,
                whose: "iPad 1".into(),
                after_refusal: false,
                created_at: tx.now,
                keep_until: tx.now,
            };
            let sealed = seal(tx, "1", b"edit")?;
            assert!(!sealed.windows(4).any(|window| window == b"edit"));
            insert(tx, &row, &sealed)?;
            assert_eq!(content(tx, "1")?.unwrap().expose(), b"edit");
            assert!(tx.attempt(|tx| tx.execute("UPDATE offline_copies SET document = 'x'", []))?.is_err());
            assert!(tx.attempt(|tx| insert(tx, &Copy { id: "2".into(), ..row.clone() }, &sealed))?.is_err(), "one row for each version");
            assert_eq!(by_id(tx, "a", "1")?, Some(row));
            assert_eq!((by_id(tx, "b", "1")?, totals(tx, "a", "e")?), (None, (1, 4)));
            prune(tx, 10)
        });
        assert_eq!(outcome.unwrap(), 1);
    }
}
