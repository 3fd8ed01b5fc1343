//! Where the newest backup lies, noted beside the database: for the day on which the database itself cannot say it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failed;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::backups::{Backup, Place};

/// The file in the data folder.
pub const LAST_BACKUP: &str = "last-backup.json";

/// Bytes of it that are read.
const MAX_BYTES: u64 = 64 << 10;

/// A backup, as far as it takes to find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The name of its file.
    pub name: String,
    /// The folder, or the bucket's address with the prefix.
    pub location: String,
    /// Whether that is a folder.
    pub in_folder: bool,
    /// The moment that it holds.
    pub made_at: Timestamp,
}

impl Kept {
    /// Its file, where it lies in a folder.
    pub fn path(&self) -> Option<PathBuf> {
        self.in_folder.then(|| Path::new(&self.location).join(&self.name))
    }
}

impl From<&Backup> for Kept {
    fn from(backup: &Backup) -> Self {
        Self {
            name: backup.name.clone(),
            location: backup.location.clone(),
            in_folder: backup.place == Place::Folder,
            made_at: backup.made_at,
        }
    }
}

/// Notes the newest backup in the data folder.
pub fn note(data: &Path, kept: &Kept) -> Result<()> {
    let (path, part) = (data.join(LAST_BACKUP), data.join(format!("{LAST_BACKUP}.part")));
    let json = serde_json::to_vec_pretty(kept).map_err(|error| Error::internal("a note cannot be written as JSON", error))?;
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&part, &path)
    };
    write().map_err(|error| failed(&path, error))
}

/// The newest backup that was noted; none where none was, or where the note cannot be read.
pub fn noted(data: &Path) -> Option<Kept> {
    let path = data.join(LAST_BACKUP);
    if fs::metadata(&path).ok()?.len() > MAX_BYTES {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_found_again_and_a_spoilt_note_is_none() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(noted(data.path()), None);
        let kept = Kept { name: "b".into(), location: "/srv/backups".into(), in_folder: true, made_at: Timestamp::from_seconds(9) };
        for name in ["a", "b"] {
            note(data.path(), &Kept { name: name.into(), ..kept.clone() }).unwrap();
        }
        assert_eq!(noted(data.path()), Some(kept.clone()));
        assert_eq!(kept.path().unwrap(), Path::new("/srv/backups/b"));
        fs::write(data.path().join(LAST_BACKUP), "{").unwrap();
        assert_eq!(noted(data.path()), None);
    }
}
