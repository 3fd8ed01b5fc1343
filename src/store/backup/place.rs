//! Puts what was restored in the place of a data folder's content: whole, or not at all, whenever the machine stops.
//!
//! A backup is unpacked and proven in `restore.part`. Then this is renamed to `restore.ready`, from which moment it is what the folder is to become:
//! whoever opens the folder next finishes the exchange, and may be cut off again and again while doing so. What was there before lies in
//! `before-restore-…` afterwards.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::write::COPY_PREFIX;
use super::{DATABASE, PACKAGES, SEAL_KEY, SETTINGS, failed};
use crate::clock::Timestamp;
use crate::error::Result;

/// In which folder a backup is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To become the data folder's content.
    Restore,
    /// To be looked at and thrown away.
    Test,
}

impl Use {
    fn folder(self, data: &Path) -> PathBuf {
        data.join(match self {
            Self::Restore => PART,
            Self::Test => TEST,
        })
    }
}

const PART: &str = "restore.part";
const TEST: &str = "self-test.part";
const READY: &str = "restore.ready";
/// In the folder that is ready: the name under which the old content is kept.
const ASIDE: &str = "aside";
/// What the names of backups begin with that were brought by a browser.
pub const UPLOAD_PREFIX: &str = "restore.upload-";

/// Makes the folder in which a backup is unpacked; what an earlier try left goes.
pub fn prepare_folder(data: &Path, purpose: Use) -> Result<PathBuf> {
    let part = purpose.folder(data);
    remove(&part)?;
    DirBuilder::new().mode(0o700).create(&part).map_err(|error| failed(&part, error))?;
    Ok(part)
}

/// Throws away what was unpacked.
pub fn discard_folder(data: &Path, purpose: Use) -> Result<()> {
    remove(&purpose.folder(data))
}

/// Declares what was unpacked and proven to be what the data folder is to become; gives the name of the folder that will keep the old content.
pub fn settle_folder(data: &Path, now: Timestamp) -> Result<String> {
    let (part, ready) = (data.join(PART), data.join(READY));
    let digits: String = now.to_string().chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    let mut aside = format!("before-restore-{digits}Z");
    while data.join(&aside).exists() {
        aside.push('x');
    }
    let settle = || {
        fs::write(part.join(ASIDE), &aside)?;
        File::open(part.join(ASIDE))?.sync_all()?;
        File::open(&part)?.sync_all()?;
        fs::rename(&part, &ready)?;
        File::open(data)?.sync_all()
    };
    settle().map_err(|error| failed(&part, error))?;
    Ok(aside)
}

/// Finishes an exchange that was declared, if there is one, and sweeps away what broken-off work left; gives the name of the folder with the old
/// content. Only the holder of the data folder's lock calls it, before anything in it is opened.
pub fn take_over(data: &Path) -> Result<Option<String>> {
    sweep(data)?;
    exchange(data, usize::MAX)
}

/// Does at most so many steps of it.
fn exchange(data: &Path, most_steps: usize) -> Result<Option<String>> {
    let ready = data.join(READY);
    if !ready.exists() {
        return Ok(None);
    }
    let named = ready.join(ASIDE);
    let aside = fs::read_to_string(&named).map_err(|error| failed(&named, error))?;
    let kept = data.join(&aside);
    let mut step = 0;
    let mut go_on = || {
        step += 1;
        step <= most_steps
    };
    for (from, to) in moves(data, &ready, &kept)? {
        if !go_on() {
            return Ok(None);
        }
        fs::rename(&from, &to).and_then(|()| File::open(data)?.sync_all()).map_err(|error| failed(&from, error))?;
    }
    if !go_on() {
        return Ok(None);
    }
    remove(&ready)?;
    File::open(data).and_then(|folder| folder.sync_all()).map_err(|error| failed(data, error))?;
    Ok(kept.exists().then_some(aside))
}

/// What is still to be renamed, in this order. A file that has been exchanged is not in the ready folder any more; an old file that has been put aside
/// is not in the data folder any more.
fn moves(data: &Path, ready: &Path, kept: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut moves = Vec::new();
    let mut put_aside = |name: &str| -> Result<()> {
        let old = data.join(name);
        if old.exists() {
            if !kept.exists() {
                DirBuilder::new().mode(0o700).create(kept).map_err(|error| failed(kept, error))?;
            }
            moves.push((old, kept.join(name)));
        }
        Ok(())
    };
    // The log belongs to the old database, and must be gone before the new one comes.
    let names =
        [("rollcall.db-wal", DATABASE), ("rollcall.db-shm", DATABASE), (DATABASE, DATABASE), (SEAL_KEY, SEAL_KEY), (SETTINGS, SETTINGS)];
    for (old, new) in names {
        if ready.join(new).exists() {
            put_aside(old)?;
        }
    }
    // Packages are named by what they are: those that are here already stay.
    let packages = ready.join(PACKAGES);
    if packages.is_dir() {
        let here = data.join(PACKAGES);
        DirBuilder::new().recursive(true).mode(0o700).create(&here).map_err(|error| failed(&here, error))?;
        for entry in fs::read_dir(&packages).map_err(|error| failed(&packages, error))? {
            let entry = entry.map_err(|error| failed(&packages, error))?;
            moves.push((entry.path(), here.join(entry.file_name())));
        }
    }
    // The database is last: while it is missing, nobody takes the folder for a whole one.
    for name in [SETTINGS, SEAL_KEY, DATABASE] {
        if ready.join(name).exists() {
            moves.push((ready.join(name), data.join(name)));
        }
    }
    Ok(moves)
}

/// What a crash in the middle of a backup or a restore leaves: worth nothing to anybody.
fn sweep(data: &Path) -> Result<()> {
    remove(&data.join(PART))?;
    remove(&data.join(TEST))?;
    for entry in fs::read_dir(data).map_err(|error| failed(data, error))? {
        let entry = entry.map_err(|error| failed(data, error))?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(COPY_PREFIX) || name.starts_with(UPLOAD_PREFIX)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn folder_with(names: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn unpacked() -> tempfile::TempDir {
        let folder = folder_with(&[
            ("rollcall.db", "old"),
            ("rollcall.db-wal", "old log"),
            ("seal.key", "old key"),
            ("packages/aa", "same"),
            ("packages/bb", "only here"),
        ]);
        let part = prepare_folder(folder.path(), Use::Restore).unwrap();
        fs::create_dir(part.join("packages")).unwrap();
        for (name, content) in
            [("rollcall.db", "new"), ("seal.key", "new key"), ("rollcall.toml", "new"), ("packages/aa", "same"), ("packages/cc", "came")]
        {
            fs::write(part.join(name), content).unwrap();
        }
        folder
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn an_exchange_that_is_cut_off_anywhere_is_finished_by_the_next_start() {
        for cut_off in 0..12 {
            let folder = unpacked();
            let data = folder.path();
            let aside = settle_folder(data, NOW).unwrap();
            assert_eq!(exchange(data, cut_off).unwrap(), (cut_off >= 9).then(|| aside.clone()), "{cut_off}");
            exchange(data, 1).unwrap();
            take_over(data).unwrap();
            let all = ["rollcall.db", "seal.key", "rollcall.toml", "packages/aa", "packages/bb", "packages/cc"];
            assert_eq!(all.map(|name| read(data, name)), ["new", "new key", "new", "same", "only here", "came"], "cut off after {cut_off}");
            let old = ["rollcall.db", "rollcall.db-wal", "seal.key"];
            assert_eq!(old.map(|name| read(&data.join(&aside), name)), ["old", "old log", "old key"]);
            assert!(!data.join("rollcall.db-wal").exists() && !data.join(READY).exists());
            assert_eq!(take_over(data).unwrap(), None);
        }
    }

    #[test]
    fn what_was_not_declared_is_swept_away_and_changes_nothing() {
        let folder = unpacked();
        let data = folder.path();
        fs::write(data.join("backup-copy-1.db"), "half").unwrap();
        fs::write(data.join("restore.upload-1"), "half").unwrap();
        assert_eq!(take_over(data).unwrap(), None);
        assert_eq!((read(data, "rollcall.db"), read(data, "rollcall.db-wal")), ("old".into(), "old log".into()));
        let left: Vec<_> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 4, "{left:?}");
    }

    #[test]
    fn an_empty_folder_has_nothing_to_keep() {
        let folder = folder_with(&[]);
        let part = prepare_folder(folder.path(), Use::Restore).unwrap();
        fs::write(part.join("rollcall.db"), "new").unwrap();
        settle_folder(folder.path(), NOW).unwrap();
        assert_eq!(take_over(folder.path()).unwrap(), None);
        assert_eq!(read(folder.path(), "rollcall.db"), "new");
    }
}
