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
        sql!("SELECT {COLUMNS} FROM offline_copies WHERE app_id = ?1 AND holder = ?2 AND document = ?3 ORDER BY version DESC LIMIT 1"),
        (app_id, holder, document),
        copy,
    )
}

/// Whose copies are counted together: whatever ids an app invents, there is one limit for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeper {
    /// A device, by its id.
    Device(String),
    /// A person without a device's proof, by their id.
    Person(String),
}

impl Keeper {
    /// The condition that selects their copies of app `?1`, with `?2` as their id.
    const fn condition(&self) -> &'static str {
        match self {
            Self::Device(_) => "app_id = ?1 AND device_id = ?2",
            // Between the slash and what follows it in ASCII.
            Self::Person(_) => "app_id = ?1 AND holder > ?2 || '/' AND holder < ?2 || '0'",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Device(id) | Self::Person(id) => id,
        }
    }
}

/// How many copies a keeper has, and their bytes together.
pub fn totals(tx: &Tx, app_id: &str, keeper: &Keeper) -> Result<(u64, u64)> {
    let sql = format!("SELECT count(*), coalesce(sum(size_bytes), 0) FROM offline_copies WHERE {}", keeper.condition());
    tx.one(&sql, (app_id, keeper.id()), |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs())))
}

/// A keeper with what they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub keeper: Keeper,
    /// In words, as they were called when the newest copy came.
    pub whose: String,
    /// How many copies.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// The keepers of an app's copies, those with the most bytes first.
pub fn keepers(tx: &Tx, app_id: &str, limit: u32) -> Result<Vec<Kept>> {
    tx.list(
        "SELECT device_id, CASE WHEN device_id IS NULL THEN substr(holder, 1, instr(holder, '/') - 1) END AS person, whose, count(*), sum(size_bytes),
                max(created_at)
         FROM offline_copies WHERE app_id = ?1 GROUP BY device_id, person ORDER BY 5 DESC, 4 DESC, 1, 2 LIMIT ?2",
        (app_id, limit),
        |row| {
            let device: Option<String> = row.get(0)?;
            let keeper = match device {
                Some(id) => Keeper::Device(id),
                None => Keeper::Person(row.get(1)?),
            };
            Ok(Kept {
                keeper,
                whose: row.get(2)?,
                count: row.get::<_, i64>(3)?.unsigned_abs(),
                bytes: row.get::<_, i64>(4)?.unsigned_abs(),
            })
        },
    )
}

/// How a keeper was called when their newest copy of an app came; none without copies.
pub fn whose(tx: &Tx, app_id: &str, keeper: &Keeper) -> Result<Option<String>> {
    let sql = format!("SELECT whose FROM offline_copies WHERE {} ORDER BY created_at DESC LIMIT 1", keeper.condition());
    tx.optional(&sql, (app_id, keeper.id()), |row| row.get(0))
}

/// Removes a keeper's copies of an app; gives how many.
pub fn delete_of(tx: &Tx, app_id: &str, keeper: &Keeper) -> Result<usize> {
    tx.execute(&format!("DELETE FROM offline_copies WHERE {}", keeper.condition()), (app_id, keeper.id()))
}

/// The copies of an app, newest first, behind the one with this moment and id.
pub fn list(tx: &Tx, app_id: &str, after: Option<(Timestamp, &str)>, limit: u32) -> Result<Vec<Copy>> {
    let (at, id) = after.unwrap_or((Timestamp::from_millis(i64::MAX), ""));
    tx.list(
        sql!(
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

/// How many copies of an app nobody has taken in an archive, and of how many devices and people they are.
pub fn count_not_exported(tx: &Tx, app_id: &str) -> Result<(u64, u64)> {
    tx.one(
        "SELECT count(*), count(DISTINCT coalesce(device_id, substr(holder, 1, instr(holder, '/') - 1))) FROM offline_copies
         WHERE app_id = ?1 AND NOT EXISTS (SELECT 1 FROM offline_copies_exported WHERE copy_id = offline_copies.id)",
        [app_id],
        |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

/// Notes that a copy was taken in an archive.
pub fn exported(tx: &Tx, id: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO offline_copies_exported (copy_id, exported_at) VALUES (?1, ?2) ON CONFLICT (copy_id) DO NOTHING",
        (id, tx.now),
    )?;
    Ok(())
}

/// Removes all copies of an app; gives how many.
pub fn delete_all(tx: &Tx, app_id: &str) -> Result<usize> {
    tx.execute("DELETE FROM offline_copies WHERE app_id = ?1", [app_id])
}

/// Where lists of at most so many copies and bytes end, newest first: the last copy of each but the last.
pub fn cuts(tx: &Tx, app_id: &str, most: u64, most_bytes: u64) -> Result<Vec<(Timestamp, String)>> {
    let (mut cuts, mut count, mut bytes, mut last) = (Vec::new(), 0, 0, None);
    tx.list(
        "SELECT created_at, id, size_bytes FROM offline_copies WHERE app_id = ?1 ORDER BY created_at DESC, id DESC",
        [app_id],
        |row| {
            let size = row.get::<_, i64>(2)?.unsigned_abs();
            if count + 1 > most || bytes + size > most_bytes {
                cuts.extend(last.take());
                (count, bytes) = (0, 0);
            }
            (count, bytes) = (count + 1, bytes + size);
            last = Some((row.get(0)?, row.get(1)?));
            Ok(())
        },
    )?;
    Ok(cuts)
}

/// A copy of an app.
pub fn by_id(tx: &Tx, app_id: &str, id: &str) -> Result<Option<Copy>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM offline_copies WHERE id = ?1 AND app_id = ?2"), (id, app_id), copy)
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
                device_id: Some("d".into()),
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
            assert_eq!((by_id(tx, "b", "1")?, totals(tx, "a", &Keeper::Device("d".into()))?), (None, (1, 4)));
            prune(tx, 10)
        });
        assert_eq!(outcome.unwrap(), 1);
    }

    #[test]
    fn lists_are_cut_by_number_and_bytes_and_keepers_are_told_apart() {
        let store = memory();
        let outcome = store.write_blocking(Timestamp::default(), |tx| {
            for (id, holder, device, size) in [
                ("1", "e1", Some("d1"), 4),
                ("2", "e2", Some("d1"), 4),
                ("3", "p1/one", None, 5),
                ("4", "p1/two", None, 1),
                ("5", "p10/one", None, 9),
            ] {
                let row = Copy {
                    id: id.into(),
                    app_id: "a".into(),
                    holder: holder.into(),
                    document: "notes".into(),
                    version: 1,
                    media_type: "text/plain".into(),
                    size_bytes: size,
                    sha256: vec![0; 32],
                    device_id: device.map(str::to_owned),
                    person_id: None,
                    whose: holder.into(),
                    after_refusal: false,
                    created_at: Timestamp::from_millis(id.parse().unwrap()),
                    keep_until: tx.now,
                };
                insert(tx, &row, b"sealed")?;
            }
            let ids =
                |most, bytes| Ok::<_, crate::error::Error>(cuts(tx, "a", most, bytes)?.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
            assert_eq!((ids(5, 100)?, ids(2, 100)?, ids(5, 10)?), (vec![], vec!["4".into(), "2".into()], vec!["4".to_owned(), "2".into()]));
            let person = Keeper::Person("p1".into());
            assert_eq!((totals(tx, "a", &person)?, whose(tx, "a", &person)?.as_deref()), ((2, 6), Some("p1/two")));
            let kept: Vec<_> = keepers(tx, "a", 2)?.into_iter().map(|kept| (kept.keeper, kept.whose, kept.count, kept.bytes)).collect();
            let person10 = Keeper::Person("p10".into());
            assert_eq!(kept, [(person10, "p10/one".to_owned(), 1, 9), (Keeper::Device("d1".into()), "e2".to_owned(), 2, 8)]);
            delete_of(tx, "a", &person)?;
            Ok(list(tx, "a", None, 10)?.into_iter().map(|copy| copy.id).collect::<Vec<_>>())
        });
        assert_eq!(outcome.unwrap(), ["5", "2", "1"]);
    }
}
