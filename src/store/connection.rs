//! How connections to the database are opened: one that writes, and those that only read.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};
use crate::store::tx::is_of_the_disk;

/// How long a connection waits for another process, such as the `sqlite3` shell, to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the one that writes waits: devices give an answer up after a minute, and what is refused before that they have to ask again.
const WRITER_WAITS: Duration = Duration::from_secs(25);
/// Statements kept prepared on each connection; more than there are in `store/`.
const STATEMENT_LIMIT: usize = 256;

/// Bytes of a page of a database that is made here; one that is there keeps its own. A commit writes whole pages, most of them for a single row or entry
/// of an index: an enrollment touches two dozen. Half of SQLite's usual size is half of what the disk has to take for it.
/// Two pages share a sector of 4 KiB then: that a write which is cut off spares the other one is SQLite's assumption too
/// (<https://sqlite.org/psow.html>).
pub(in crate::store) const PAGE_BYTES: i64 = 2048;

/// What SQLite calls its way to files that no other process has open (<https://sqlite.org/vfs.html#standard_unix_vfses>).
const ALONE: &str = "unix-excl";

/// What every connection wants; `cache_size` is in KiB when negative.
const COMMON: &str = "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";
/// A larger cache makes each commit slower, not faster: SQLite looks through all of it at the end of nearly every one.
/// A commit itself does not wait for the disk: `store/disk.rs` does, and nobody hears of it before. SQLite still syncs around each checkpoint.
const WRITER: &str = "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -4096;";
const READER: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -2048;";

/// Where the database lives.
#[derive(Debug, Clone)]
pub(in crate::store) enum Location {
    /// A file, in write-ahead mode.
    File(PathBuf),
    /// The same, with the index of its log in this process's memory instead of a file beside it, so that no other process can open it.
    Alone(PathBuf),
    /// This process's memory, under a name that all its connections share; for tests.
    Memory(String),
}

impl Location {
    /// A database in memory that nobody else has.
    pub(in crate::store) fn memory() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self::Memory(format!("file:/rollcall-{}?vfs=memdb", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Opens the connection that writes as the first of a store.
    ///
    /// Readers find their way in the log by an index that all processes share in a file. A disk that is full has no room for that one: then what is
    /// there is served by this process alone.
    pub(in crate::store) fn open_first(self) -> Result<(Self, Connection)> {
        match (self.open_writer(), self) {
            (Err(error), Self::File(path)) if is_of_the_disk(&error) => {
                let alone = Self::Alone(path);
                // Where that cannot be read either, the first failure says why.
                let Ok(conn) = alone.open_writer() else { return Err(error) };
                tracing::error!("the database is opened by this process alone until the next start: {error}");
                Ok((alone, conn))
            }
            (opened, location) => opened.map(|conn| (location, conn)),
        }
    }

    /// The file; none for a database in memory.
    pub(in crate::store) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Alone(path) => Some(path),
            Self::Memory(_) => None,
        }
    }

    /// Opens the connection that writes; creates the file when it is missing.
    pub(in crate::store) fn open_writer(&self) -> Result<Connection> {
        if let Self::File(path) = self {
            make_private(path)?;
        }
        let conn = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        conn.pragma_update(None, "page_size", PAGE_BYTES)?;
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if self.path().is_some() && mode != "wal" {
            return Err(Error::bad_input("the data folder cannot hold a write-ahead log: use a local disk, not a network share"));
        }
        conn.execute_batch(WRITER)?;
        conn.busy_timeout(WRITER_WAITS)?;
        Ok(conn)
    }

    /// Opens a connection that can only read.
    pub(in crate::store) fn open_reader(&self) -> Result<Connection> {
        // Not SQLITE_OPEN_READ_ONLY: a reader of a write-ahead log keeps its place in the shared index file.
        let conn = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.execute_batch(READER)?;
        Ok(conn)
    }

    fn open(&self, flags: OpenFlags) -> Result<Connection> {
        // Each connection is used by one thread at a time, so SQLite's own locks are not needed.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match self {
            Self::File(path) => Connection::open_with_flags(path, flags)?,
            Self::Alone(path) => Connection::open_with_flags_and_vfs(path, flags, ALONE)?,
            Self::Memory(uri) => Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?,
        };
        conn.busy_timeout(BUSY_TIMEOUT)?;
        // A plan is made once for each statement, not anew whenever other values are bound to it.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        conn.set_prepared_statement_cache_capacity(STATEMENT_LIMIT);
        conn.execute_batch(COMMON)?;
        Ok(conn)
    }
}

/// Bytes of a page of the database that is open.
pub(in crate::store) fn page_bytes(conn: &Connection) -> Result<usize> {
    let bytes: u32 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(bytes as usize)
}

/// Creates the file if it is missing, readable by us alone; SQLite gives its log and index the same mode.
fn make_private(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let cause = |error| Error::bad_input(format!("the database {} cannot be opened: {error}", path.display())).caused_by(error);
    made.map(drop).map_err(cause)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_database_and_its_log_are_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let conn = Location::File(path).open_writer().unwrap();
        conn.execute_batch("CREATE TABLE desks (id INTEGER)").unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() >= 2, "the file and its log");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
    }

    #[test]
    fn one_that_this_process_has_alone_is_read_and_written_without_an_index_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        Location::File(path.clone()).open_writer().unwrap().execute_batch("CREATE TABLE desks (id INTEGER)").unwrap();
        let alone = Location::Alone(path);
        let (writer, reader) = (alone.open_writer().unwrap(), alone.open_reader().unwrap());
        writer.execute_batch("INSERT INTO desks VALUES (7)").unwrap();
        assert_eq!(reader.query_row("SELECT id FROM desks", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
        assert!(!folder.path().join("rollcall.db-shm").exists());
    }

    #[test]
    fn the_log_is_synced_around_each_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let conn = Location::File(folder.path().join("rollcall.db")).open_writer().unwrap();
        let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
        assert_eq!(pragma("synchronous"), 1.into(), "NORMAL: without it an order of writes is not kept");
        assert_eq!(pragma("journal_mode"), String::from("wal").into());
        assert_eq!(pragma("foreign_keys"), 1.into());
        assert_eq!(pragma("busy_timeout"), 25_000.into(), "in milliseconds");
    }

    #[test]
    fn a_database_that_is_there_keeps_the_size_of_its_pages() {
        let folder = tempfile::tempdir().unwrap();
        let sized = |name: &str| page_bytes(&Location::File(folder.path().join(name)).open_writer().unwrap()).unwrap();
        Connection::open(folder.path().join("older.db"))
            .unwrap()
            .execute_batch("PRAGMA page_size = 4096; CREATE TABLE desks (id INTEGER)")
            .unwrap();
        assert_eq!((sized("older.db"), sized("newer.db")), (4096, 2048));
    }

    #[test]
    fn a_file_that_is_no_database_is_called_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        std::fs::write(&path, "not a database ".repeat(1000)).unwrap();
        assert!(Location::File(path).open_writer().unwrap_err().message.contains("damaged"));
    }

    #[test]
    fn a_database_in_a_folder_that_does_not_exist_is_named() {
        let refusal = Location::File("/nowhere/rollcall.db".into()).open_writer().unwrap_err();
        assert!(refusal.message.contains("/nowhere/rollcall.db"), "{refusal}");
    }
}
