//! A damaged database built anew from its tables, where nothing is damaged but what is made from them: indexes, and pages that are free.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Kind, Result};
use crate::store::connection::PAGE_BYTES;
use crate::store::integrity::{Depth, Finding, beyond_tables, damage};

/// Findings that are looked at; where there are more, nobody can say what else is damaged.
const FINDING_LIMIT: usize = 100_000;

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// What was damaged before.
    pub damage: Vec<Finding>,
    /// Tables that were read to their end.
    pub tables: usize,
    /// Rows in them.
    pub rows: u64,
}

/// Builds the database `to`, which is not there yet, from the tables of the database `from`, which nobody has open and in which nothing is changed.
///
/// Conflict where `from` is sound, and where more is damaged than what is made of tables: then a backup alone helps.
pub fn rebuild(from: &Path, to: &Path) -> Result<Rebuilt> {
    let damage = damaged(from)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|error| unwritable(to, error))?;
    let conn = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // The log beside the old file stays where it is; what is built is thrown away unless it is whole.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    conn.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;")?;
    let name = from.to_str().ok_or_else(|| Error::bad_input("The name of the data folder is not text."))?;
    conn.execute("ATTACH DATABASE ?1 AS old", [name])?;
    let copied = copy(&conn).map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::ConstraintViolation) => beyond(&error.to_string()),
        _ => Error::from(error),
    });
    let (tables, rows) = copied?;
    conn.execute_batch("DETACH DATABASE old")?;
    must_be_sound(&conn)?;
    drop(conn);
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| unwritable(to, error))?;
    Ok(Rebuilt { damage, tables, rows })
}

/// What is damaged, when it is only what can be built anew.
fn damaged(from: &Path) -> Result<Vec<Finding>> {
    let conn = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let findings = damage(&conn, Depth::Quick, FINDING_LIMIT).map_err(|error| beyond(&error.to_string()))?;
    if findings.is_empty() {
        return Err(Error::conflict("No index of the database is damaged: there is nothing to build anew."));
    }
    match beyond_tables(&findings) {
        Some(other) => Err(beyond(&other.message)),
        None if findings.len() >= FINDING_LIMIT => Err(beyond("there is too much of it")),
        None => Ok(findings),
    }
}

fn beyond(what: &str) -> Error {
    Error::conflict(format!(
        "More is damaged than indexes, which alone can be built anew ({what}): nothing was changed. Bring a backup back."
    ))
}

/// Copies every table by its own tree, never by an index, then makes the indexes; gives how many tables and rows there are.
fn copy(conn: &Connection) -> rusqlite::Result<(usize, u64)> {
    let schema = |kinds: &str| {
        let sql =
            format!("SELECT name, sql FROM old.sqlite_schema WHERE type IN ({kinds}) AND sql IS NOT NULL AND name NOT LIKE 'sqlite%'");
        conn.prepare(&sql)?
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    for pragma in ["application_id", "user_version"] {
        let value: i32 = conn.query_row(&format!("PRAGMA old.{pragma}"), [], |row| row.get(0))?;
        conn.execute_batch(&format!("PRAGMA main.{pragma} = {value}"))?;
    }
    conn.execute_batch("BEGIN")?;
    let (tables, mut rows) = (schema("'table'")?, 0);
    for (name, sql) in &tables {
        let name = format!("\"{}\"", name.replace('"', "\"\""));
        conn.execute_batch(sql)?;
        // The condition keeps SQLite from copying the pages of a table together with those of its indexes.
        rows += conn.execute(&format!("INSERT INTO main.{name} SELECT * FROM old.{name} NOT INDEXED WHERE 1"), [])? as u64;
    }
    let is_counted: bool =
        conn.query_row("SELECT EXISTS (SELECT 1 FROM old.sqlite_schema WHERE name = 'sqlite_sequence')", [], |row| row.get(0))?;
    if is_counted {
        // A number that was given once is never given again, also when its row is gone.
        conn.execute_batch(
            "DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT name, seq FROM old.sqlite_sequence WHERE 1",
        )?;
    }
    for (_, sql) in [schema("'index'")?, schema("'trigger', 'view'")?].concat() {
        conn.execute_batch(&sql)?;
    }
    conn.execute_batch("COMMIT")?;
    Ok((tables.len(), rows))
}

/// What was built is sound, and every reference in it leads somewhere: a row that was lost would be missed here.
fn must_be_sound(conn: &Connection) -> Result<()> {
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(Error::new(
            Kind::Internal,
            format!("What was built is not sound ({found}); nothing was changed. Bring a backup back."),
        ));
    }
    let lost: i64 = conn.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if lost > 0 {
        return Err(beyond(&format!("{lost} rows refer to others that are not there")));
    }
    Ok(())
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::conflict(format!("{} cannot be written: {error}.", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;
    use std::path::PathBuf;

    use super::*;
    use crate::clock::Timestamp;
    use crate::store::events::{Filter, NewEvent, PAGE_LIMIT, append, list};
    use crate::store::tests::file;

    const NOW: Timestamp = Timestamp::from_seconds(1);

    /// A database with some thousand events; its folder and its path.
    fn database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        store
            .write_blocking(NOW, |tx| {
                for _ in 0..5000 {
                    append(tx, &NewEvent { kind: "push.sent", actor_kind: "job", actor: "push", ..NewEvent::default() })?;
                }
                Ok(())
            })
            .unwrap();
        store.close_blocking();
        let path = store.path().unwrap();
        (folder, path)
    }

    /// Spoils the first page of a table or an index.
    fn spoil(path: &Path, name: &str) {
        let conn = Connection::open(path).unwrap();
        let root: i64 = conn.query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0)).unwrap();
        let page: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        drop(conn);
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&vec![0xa5; page as usize], ((root - 1) * page) as u64).unwrap();
    }

    #[test]
    fn a_damaged_index_is_built_anew_and_every_row_is_there() {
        let (folder, path) = database();
        spoil(&path, "events_kind");
        let (before, built) = (std::fs::read(&path).unwrap(), tempfile::tempdir().unwrap());
        let rebuilt = rebuild(&path, &built.path().join("rollcall.db")).unwrap();
        assert!(rebuilt.damage.iter().any(|finding| finding.message.contains("events_kind")), "{:?}", rebuilt.damage);
        assert!(rebuilt.rows >= 5000 && rebuilt.tables > 50, "{rebuilt:?}");
        assert!(std::fs::read(&path).unwrap() == before, "nothing is changed in the old one");
        let store = file(built.path());
        let newest = store.read_blocking(NOW, |tx| list(tx, &Filter::default(), None, PAGE_LIMIT)).unwrap();
        assert_eq!(newest[0].seq, 5000);
        let next =
            store.write_blocking(NOW, |tx| append(tx, &NewEvent { kind: "a", actor_kind: "job", actor: "b", ..NewEvent::default() }));
        assert_eq!(next.unwrap(), 5001, "the order of events goes on");
        drop(folder);
    }

    #[test]
    fn findings_are_of_indexes_and_free_pages_or_of_something_that_is_lost() {
        let finding = |message: &str| Finding { message: message.to_owned() };
        let is = |message: &str| beyond_tables(&[finding(message)]).is_none();
        for made in [
            "Tree 328 page 334 cell 3: Rowid 7 out of order (index events_kind)",
            "Page 334: never used",
            "Freelist: size is 3 but should be 2",
        ] {
            assert!(is(made), "{made}");
        }
        for lost in [
            "Tree 12 page 14: btreeInitPage() returns error code 11 (table events)",
            "Tree 12 page 14: 2nd reference to page 3",
            "NULL value in events.kind",
            "wrong # of entries in index events_kind",
            "row 3 missing from index events_kind",
        ] {
            assert!(!is(lost), "{lost}");
        }
        let tree = finding("Tree 328 page 334: btreeInitPage() returns error code 11 (index events_kind)");
        assert!(beyond_tables(&[tree.clone(), finding("wrong # of entries in index events_kind")]).is_none());
        assert!(beyond_tables(&[tree, finding("wrong # of entries in index events_at")]).is_some());
    }

    #[test]
    fn a_damaged_table_is_refused_and_so_is_a_sound_database() {
        let (folder, path) = database();
        let to = folder.path().join("built.db");
        assert!(rebuild(&path, &to).unwrap_err().message.contains("nothing to build anew"));
        spoil(&path, "events");
        let refused = rebuild(&path, &to).unwrap_err();
        assert_eq!(refused.kind, Kind::Conflict);
        assert!(refused.message.contains("Bring a backup back"), "{refused}");
        assert!(!to.exists());
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        std::fs::write(&path, "not a database ".repeat(1000)).unwrap();
        assert_eq!(rebuild(&path, &folder.path().join("built.db")).unwrap_err().kind, Kind::Conflict);
    }
}
