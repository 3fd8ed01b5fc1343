//! Whether a data folder has had a database: where it has, an empty one in its place would be another appliance.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};
use crate::store::backup::{DATABASE, LAST_BACKUP};

/// Lies in a data folder from before its key is made until its database is on the disk: a first start that was broken off in between is gone on with.
const UNFINISHED: &str = "first-start.part";

/// What only lies in a folder that has had a database. The log counts while there is something in it.
const TRACES: [&str; 3] = ["seal.key", "rollcall.db-wal", LAST_BACKUP];

/// The first bytes of a database: its header, and the head of the page that lists its tables.
const HEAD_BYTES: usize = 105;

/// What is to be said of a data folder whose database is gone: `/var/lib/rollcall/rollcall.db is missing, and beside it lie seal.key (32 bytes)`.
///
/// None where a database is there, where none has been yet, and where the first start was broken off. Changes nothing;
/// nobody in this process may have the database open.
pub fn lost(data: &Path) -> Option<String> {
    if data.join(UNFINISHED).exists() {
        return None;
    }
    let path = data.join(DATABASE);
    let what = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing",
        Ok(found) if found.len() == 0 => "is empty",
        Ok(_) if is_blank(data, &path) => "has nothing in it",
        // One that cannot be reached is told by whoever opens it.
        Ok(_) | Err(_) => return None,
    };
    let traces: Vec<_> = TRACES.iter().filter_map(|name| trace(data, name)).collect();
    (!traces.is_empty()).then(|| format!("{} {what}, and beside it lie {}", path.display(), traces.join(", ")))
}

/// A file that is there, with its size.
fn trace(data: &Path, name: &str) -> Option<String> {
    let bytes = fs::metadata(data.join(name)).ok()?.len();
    (bytes > 0).then(|| format!("{name} ({bytes} bytes)"))
}

/// Whether a file that is not empty is a database without a single table, which is what SQLite makes of nothing.
fn is_blank(data: &Path, path: &Path) -> bool {
    if trace(data, "rollcall.db-wal").is_some() {
        // The tables may be in the log. It is read with it, which takes the right to write; it is left where it is.
        let look = || {
            let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get::<_, bool>(0))
        };
        // Where that fails, it is damaged, or somebody else's, and those who come next say so.
        return look().unwrap_or(false);
    }
    let mut head = [0; HEAD_BYTES];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    // A leaf that lists no tables (https://sqlite.org/fileformat2.html#b_tree_pages).
    read.is_ok() && head.starts_with(b"SQLite format 3\0") && head[100] == 0x0d && head[103..105] == [0, 0]
}

/// Notes that the folder's first start has begun; the caller makes its key next.
pub(in crate::store) fn begin(data: &Path) -> io::Result<()> {
    File::create(data.join(UNFINISHED))?.sync_all()?;
    File::open(data)?.sync_all()
}

/// Notes that the database `path` is there, where that was its first start; it is brought to the disk before. The caller has it open.
pub(in crate::store) fn end(path: &Path) -> Result<()> {
    let unfinished = path.with_file_name(UNFINISHED);
    if !unfinished.exists() {
        return Ok(());
    }
    let end = || {
        // The tables are in the log. Not the database itself: whoever closes a file gives up the locks that SQLite has on it in this process.
        File::open(path.with_file_name("rollcall.db-wal"))?.sync_all()?;
        fs::remove_file(&unfinished)
    };
    end().map_err(|error| Error::bad_input(format!("{} cannot be removed: {error}", unfinished.display())).caused_by(error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::clock::Timestamp;
    use crate::store::connection::PAGE_BYTES;
    use crate::store::{DataFolder, OpenOptions, Store};

    /// What lies in a folder, with its bytes.
    fn content(data: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(data)
            .unwrap()
            .map(Result::unwrap)
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            // The index of the log, which is made of it anew.
            .filter(|(name, _)| name != "rollcall.db-shm" && name != "rollcall.lock")
            .collect();
        files.sort();
        files
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for (name, bytes) in content(from) {
            fs::write(to.join(name), bytes).unwrap();
        }
        fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(to.join("seal.key"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// How a folder is spoilt.
    type Spoil = fn(&Path);

    #[test]
    fn a_folder_that_has_had_a_database_never_gets_an_empty_one() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        assert_eq!(lost(&data), None, "before the first start");
        let folder = DataFolder::open(&data).unwrap();
        let store = Store::open(OpenOptions::file(folder.database(), folder.sealer().unwrap())).unwrap();
        store.write_blocking(Timestamp::from_seconds(1), |_| Ok(())).unwrap();
        assert!(!data.join(UNFINISHED).exists(), "it is there");
        assert_eq!(lost(&data), None);
        // As it lies there after a kill: all of it is in the log.
        let killed = parent.path().join("killed");
        copy(&data, &killed);
        assert_eq!(lost(&killed), None, "the tables are in the log");
        let blank_bytes = fs::metadata(killed.join(DATABASE)).unwrap().len();
        assert_eq!(blank_bytes, PAGE_BYTES as u64, "and the file itself has none");

        let cases: [(&str, Spoil); 5] = [
            ("is empty", |data| fs::write(data.join(DATABASE), b"").unwrap()),
            ("is missing", |data| fs::remove_file(data.join(DATABASE)).unwrap()),
            ("has nothing in it", |data| fs::remove_file(data.join("rollcall.db-wal")).unwrap()),
            ("has nothing in it", |data| fs::write(data.join("rollcall.db-wal"), b"cut off").unwrap()),
            ("is missing", |data| {
                fs::remove_file(data.join(DATABASE)).unwrap();
                fs::remove_file(data.join("seal.key")).unwrap();
            }),
        ];
        for (number, (words, spoil)) in cases.into_iter().enumerate() {
            let spoilt = parent.path().join(number.to_string());
            copy(&killed, &spoilt);
            spoil(&spoilt);
            let before = content(&spoilt);
            let said = lost(&spoilt).unwrap();
            assert!(said.contains(words), "{number}: {said}");
            let refusal = DataFolder::open(&spoilt).unwrap().sealer().unwrap_err();
            assert!(refusal.message.contains(words) && refusal.message.contains("rollcall restore"), "{number}: {refusal}");
            assert_eq!(content(&spoilt), before, "{number}: nothing is touched");
        }
    }

    #[test]
    fn a_first_start_that_was_broken_off_is_gone_on_with() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        for blank in [false, true] {
            let folder = DataFolder::open(&data).unwrap();
            if blank {
                fs::write(folder.database(), b"").unwrap();
            }
            folder.sealer().unwrap();
            assert!(data.join(UNFINISHED).exists());
        }
        let folder = DataFolder::open(&data).unwrap();
        Store::open(OpenOptions::file(folder.database(), folder.sealer().unwrap())).unwrap();
        assert!(!data.join(UNFINISHED).exists());
    }
}
