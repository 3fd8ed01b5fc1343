//! Looks for damage in the database while the server runs.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Error, Result};
use crate::store::backups::{self, Backup};
use crate::store::tx::Tx;

/// Findings of each kind that are listed at most; the first few tell what there is to do.
const FINDING_LIMIT: usize = 100;

/// How thoroughly to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Pages, records and constraints: reads everything once.
    Quick,
    /// Also whether every index agrees with its table: several times as long.
    Full,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, in SQLite's words or as a sentence about a broken reference.
    pub message: String,
}

/// Looks through the database; an empty list means that it is sound. Slow: call it from [`Store::read_slow`](crate::store::Store::read_slow).
pub fn check(tx: &Tx, depth: Depth) -> Result<Vec<Finding>> {
    // References are looked up only in a file that can be read.
    let outcome =
        damage(tx.conn(), depth, FINDING_LIMIT).and_then(|findings| if findings.is_empty() { broken_references(tx) } else { Ok(findings) });
    match outcome {
        Ok(findings) => Ok(findings),
        // Damage so deep that the check itself cannot go on is a finding, not a failure of the check.
        Err(error) if is_damage(&error) => Ok(vec![Finding { message: error.to_string() }]),
        Err(error) => Err(Error::from(error)),
    }
}

/// What was found in a file that nobody has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtRest {
    /// What is wrong; empty: it is sound.
    pub findings: Vec<Finding>,
    /// The backups that it lists, newest first, as far as that can be read.
    pub backups: Vec<Backup>,
}

impl AtRest {
    /// What can be said of a file that is none.
    pub fn of(message: &str) -> Self {
        Self { findings: vec![Finding { message: message.to_owned() }], backups: Vec::new() }
    }
}

/// Looks through a database before anybody opens it to work with it, and changes nothing in it; none where there is nothing yet, and where it has more
/// bytes than given. Slow.
pub fn at_rest(path: &Path, most_bytes: u64) -> Option<AtRest> {
    let length = std::fs::metadata(path).ok()?.len();
    if length == 0 || length > most_bytes {
        return None;
    }
    // A log that a crash left is read with it, which takes the right to write; it is left where it is.
    let look = |conn: &Connection| {
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        damage(conn, Depth::Quick, FINDING_LIMIT)
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Where that fails, whoever opens it to work with it says why.
    let Ok(conn) = Connection::open_with_flags(path, flags) else { return None };
    match look(&conn) {
        Ok(findings) => {
            let backups = if findings.is_empty() { Vec::new() } else { backups::listed(&conn) };
            Some(AtRest { findings, backups })
        }
        Err(error) if is_damage(&error) => Some(AtRest { backups: backups::listed(&conn), ..AtRest::of(&error.to_string()) }),
        Err(_) => None,
    }
}

/// Whether SQLite says that the file itself is broken.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// The first finding that is about something that cannot be made from tables again; what can are the trees of indexes, and pages that nobody uses.
///
/// That an index has another number of entries than its table is beyond that, for it may be the table that has lost some, unless the index's own tree
/// is damaged.
pub fn beyond_tables(findings: &[Finding]) -> Option<&Finding> {
    let tree = |finding: &Finding| finding.message.strip_suffix(')')?.split_once(" (index ").map(|(_, name)| name.to_owned());
    let damaged: Vec<_> = findings.iter().filter_map(tree).collect();
    let is_made_of_tables = |message: &str| match message.strip_prefix("wrong # of entries in index ") {
        Some(index) => damaged.iter().any(|name| name == index),
        None if message.starts_with("Tree ") => message.contains(" (index "),
        None => message.starts_with("Freelist: ") || (message.starts_with("Page ") && message.ends_with(": never used")),
    };
    findings.iter().find(|finding| !is_made_of_tables(&finding.message))
}

/// What is damaged in a file, up to so many findings.
pub(in crate::store) fn damage(conn: &Connection, depth: Depth, limit: usize) -> rusqlite::Result<Vec<Finding>> {
    let pragma = match depth {
        Depth::Quick => "quick_check",
        Depth::Full => "integrity_check",
    };
    let mut statement = conn.prepare(&format!("PRAGMA {pragma}({limit})"))?;
    let (mut rows, mut findings) = (statement.query([])?, Vec::new());
    loop {
        match rows.next() {
            // What is wrong with trees and pages comes in one row, under a line with the name of the database.
            Ok(Some(row)) => {
                let lines = row.get::<_, String>(0)?;
                findings.extend(lines.lines().filter(|line| !line.starts_with("*** in database")).map(str::to_owned));
            }
            Ok(None) => break,
            // What was found before the look could not go on says more than that it could not.
            Err(error) if is_damage(&error) && !findings.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    findings.retain(|message| message != "ok");
    Ok(findings.into_iter().map(|message| Finding { message: named(conn, message) }).collect())
}

/// Adds the name of the table or index whose tree a message is about: SQLite names trees by their root's page.
fn named(conn: &Connection, message: String) -> String {
    let root = message.strip_prefix("Tree ").and_then(|rest| rest.split(' ').next()?.parse::<i64>().ok());
    let name = root.and_then(|root| {
        conn.query_row("SELECT type || ' ' || name FROM sqlite_schema WHERE rootpage = ?1", [root], |row| row.get::<_, String>(0)).ok()
    });
    match name {
        Some(name) => format!("{message} ({name})"),
        None => message,
    }
}

fn broken_references(tx: &Tx) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = tx.conn().prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check LIMIT ?1")?;
    let rows = statement.query_map([FINDING_LIMIT as i64], |row| {
        let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let which = rowid.map_or_else(|| String::from("a row"), |rowid| format!("row {rowid}"));
        Ok(Finding { message: format!("{which} of {table} refers to a row of {parent} that does not exist") })
    })?;
    rows.collect()
}

/// Breaks a reference behind the store's back, or mends it.
#[cfg(test)]
pub(crate) fn spoil_for_tests(path: &std::path::Path, is_broken: bool) {
    let other = rusqlite::Connection::open(path).unwrap();
    let spoil = "PRAGMA foreign_keys = OFF; INSERT INTO inventory_ages VALUES ('nobody', 'DeviceInformation', 1)";
    other.execute_batch(if is_broken { spoil } else { "DELETE FROM inventory_ages WHERE enrollment_id = 'nobody'" }).unwrap();
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;
    use crate::clock::Timestamp;
    use crate::store::events::{NewEvent, append};
    use crate::store::tests::{file, memory};

    const NOW: Timestamp = Timestamp::from_seconds(1);

    #[test]
    fn a_sound_database_has_no_findings() {
        for depth in [Depth::Quick, Depth::Full] {
            assert_eq!(memory().read_blocking(NOW, |tx| check(tx, depth)).unwrap(), []);
        }
    }

    #[test]
    fn a_reference_to_nothing_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        spoil_for_tests(&store.path().unwrap(), true);
        let findings = store.read_blocking(NOW, |tx| check(tx, Depth::Quick)).unwrap();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("inventory_ages refers to a row of enrollments"), "{findings:?}");
    }

    #[test]
    fn overwritten_pages_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        let path = store.path().unwrap();
        store
            .write_blocking(NOW, |tx| {
                // So many that three quarters into the file are theirs, and not the schema's.
                for _ in 0..10_000 {
                    append(tx, &NewEvent { kind: "push.sent", actor_kind: "job", actor: "push", ..NewEvent::default() })?;
                }
                Ok(())
            })
            .unwrap();
        store.close_blocking();
        drop(store);
        let mut database = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = database.seek(SeekFrom::End(0)).unwrap();
        database.seek(SeekFrom::Start(length * 3 / 4)).unwrap();
        database.write_all(&[0xa5; 9000]).unwrap();
        let store = file(folder.path());
        let findings = store.read_blocking(NOW, |tx| check(tx, Depth::Full)).unwrap();
        assert!(!findings.is_empty());
    }
}
