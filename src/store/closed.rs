//! Whether a database lies as it was closed: then nobody need look through it before it serves.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Where it is noted how the database lay when it was last closed in order: its bytes, and the moment of its last change.
const NOTE: &str = "rollcall.db-closed";

/// The file as it lies there; none while it has a log, which a crash leaves.
fn lies(database: &Path) -> Option<String> {
    let log = database.with_file_name("rollcall.db-wal");
    if fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return None;
    }
    let file = fs::metadata(database).ok()?;
    Some(format!("{} {}.{:09}\n", file.len(), file.mtime(), file.mtime_nsec()))
}

/// Notes how a database lies that nobody has open any more.
pub(in crate::store) fn note(database: &Path) -> io::Result<()> {
    let Some(lies) = lies(database) else { return forget(database) };
    let path = database.with_file_name(NOTE);
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).custom_flags(no_link).open(path)?;
    file.write_all(lies.as_bytes())
}

/// Has the next start look through a database.
pub(in crate::store) fn forget(database: &Path) -> io::Result<()> {
    match fs::remove_file(database.with_file_name(NOTE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a database was closed in order, and nobody has touched it since.
pub fn in_order(database: &Path) -> bool {
    let noted = fs::read_to_string(database.with_file_name(NOTE));
    lies(database).is_some_and(|lies| noted.is_ok_and(|noted| noted == lies))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;
    use crate::store::DataFolder;
    use crate::store::tests::file;

    #[test]
    fn one_that_was_closed_in_order_is_known_until_anybody_touches_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let database = data.database();
        assert!(!in_order(&database), "there is none");
        let store = file(data.path());
        assert!(!in_order(&database));
        drop(store);
        assert!(!in_order(&database), "nobody noted it");
        data.note_closed(true);
        assert!(in_order(&database));
        data.note_closed(false);
        assert!(!in_order(&database), "it was found damaged");
        data.note_closed(true);

        let mut open = OpenOptions::new().write(true).open(&database).unwrap();
        open.seek(SeekFrom::Start(5000)).unwrap();
        open.write_all(b"x").unwrap();
        drop(open);
        assert!(!in_order(&database), "a byte was changed");
    }

    #[test]
    fn one_that_lies_as_a_crash_left_it_is_not_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let store = file(data.path());
        data.note_closed(true);
        let database = store.path().unwrap();
        assert!(!in_order(&database), "whoever still has it open leaves its log there");
        drop(store);
        assert!(!in_order(&database), "what was noted before it was opened counts no more");
    }
}
