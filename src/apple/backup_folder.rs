//! A folder outside of the data folder, into which backups are put.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that goes unless it was put in its place.
#[derive(Debug)]
pub struct Unfinished(pub PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Where it was put in its place, it is not here any more.
        let _ = fs::remove_file(&self.0);
    }
}

/// Refuses a folder that is not there, or that would be lost together with what is backed up.
pub fn usable(folder: &Path, data: &Path) -> Result<()> {
    let words = folder.display();
    let Ok(real) = folder.canonicalize() else {
        return Err(Error::conflict(t!(
            "There is no folder {words}. Is its disk connected? Make the folder, and let Rollcall’s user write there.",
            words
        )));
    };
    if !real.is_dir() {
        return Err(Error::conflict(t!("{words} is not a folder.", words)));
    }
    if data.canonicalize().is_ok_and(|data| real.starts_with(data)) {
        return Err(Error::conflict(t!(
            "{words} lies in the data folder, and would be lost together with it. Take a folder on another disk.",
            words
        )));
    }
    Ok(())
}

/// Looks whether files can be put into a folder and removed again.
pub fn try_out(folder: &Path, data: &Path, name: &str) -> Result<()> {
    usable(folder, data)?;
    let trial = Unfinished(folder.join(name));
    fs::write(&trial.0, b"a trial of rollcall").map_err(|error| unwritable(&trial.0, &error))?;
    fs::remove_file(&trial.0).map_err(|error| unwritable(&trial.0, &error))
}

/// Whether a folder is on the same disk as the data folder; none where one of them cannot be looked at.
pub fn same_disk(folder: &Path, data: &Path) -> Option<bool> {
    Some(fs::metadata(folder).ok()?.dev() == fs::metadata(data).ok()?.dev())
}

/// Those of these folders that are not there, or cannot be looked into, each once.
pub fn unreachable<'a>(folders: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut missing: Vec<_> = folders.filter(|folder| fs::read_dir(folder).is_err()).map(str::to_owned).collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Whether a backup is in its folder, with the size that it had.
pub fn is_there(folder: &Path, name: &str, size_bytes: u64) -> bool {
    fs::metadata(folder.join(name)).is_ok_and(|file| file.is_file() && file.len() == size_bytes)
}

/// Gives a file that is whole, and on the disk, its name.
pub fn put_in_place(unfinished: &Path, place: &Path) -> Result<()> {
    let renamed = fs::rename(unfinished, place).and_then(|()| File::open(place.parent().unwrap_or(place))?.sync_all());
    renamed.map_err(|error| unwritable(place, &error))
}

/// Removes a backup; that there is none is fine, unless the whole folder is gone: a disk that is not connected has not lost its files.
pub fn remove(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => Ok(()),
        gone => gone.map_err(|error| unwritable(&path, &error)),
    }
}

/// A failure of the disk, with what to do.
pub fn unwritable(path: &Path, error: &io::Error) -> Error {
    let folder = path.parent().unwrap_or(path).display();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::conflict(t!(
            "Rollcall may not write into {folder}. Let the user that runs it write there; under systemd the folder must stand in ReadWritePaths too.",
            folder
        )),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::conflict(t!("The disk with {folder} is full.", folder)),
        _ => Error::conflict(t!("{path} cannot be read or written: {error}.", path = path.display(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_lost_with_the_data_or_is_none_is_refused_and_a_trial_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let (data, away) = (root.path().join("data"), root.path().join("away"));
        fs::create_dir_all(data.join("inside")).unwrap();
        fs::create_dir(&away).unwrap();
        assert!(try_out(&root.path().join("nowhere"), &data, "t").unwrap_err().message.contains("There is no folder"));
        assert!(try_out(&data.join("inside"), &data, "t").unwrap_err().message.contains("lost together"));
        try_out(&away, &data, "t").unwrap();
        assert_eq!(fs::read_dir(&away).unwrap().count(), 0);
        remove(&away, "t").unwrap();
        assert_eq!((same_disk(&away, &data), same_disk(&root.path().join("nowhere"), &data)), (Some(true), None));
        fs::write(away.join("b.age"), "four").unwrap();
        assert_eq!([4, 5].map(|size| is_there(&away, "b.age", size)), [true, false]);
        let (here, nowhere) = (away.display().to_string(), root.path().join("nowhere").display().to_string());
        assert_eq!(unreachable([&*nowhere, &*here, &*nowhere].into_iter()), std::slice::from_ref(&nowhere));
        assert!(remove(&root.path().join("nowhere"), "t").is_err());
    }
}
