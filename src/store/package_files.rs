//! The files of packages in the data folder: parts that grow while they are uploaded, and whole ones under the name of their digest.
//!
//! A whole file is put in its place only after its bytes are on the disk, by a rename. So whatever is there is whole, and what a crash leaves are parts,
//! which are swept away by their age. Everything here blocks; doors call it beside the async runtime.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::protocol::manifest::{Hashes, Hashing};
use crate::store::tx::busy;

/// Bytes that always stay free for the database and the system.
pub const DISK_RESERVE_BYTES: u64 = 512 << 20;

/// Bytes read at once while a file is hashed.
const PIECE_BYTES: usize = 1 << 20;

/// How long a file that belongs to nothing is left alone: it may be about to belong to something.
pub const ORPHAN_KEPT: Duration = Duration::from_secs(3600);

/// What the name of a part begins with.
const PART: &str = "part-";

/// The folder of packages.
#[derive(Debug, Clone)]
pub struct PackageFiles {
    folder: PathBuf,
    reserve_bytes: u64,
}

/// A part that nobody else writes to for as long as this lives.
#[derive(Debug)]
pub struct Part {
    file: File,
    length: u64,
}

impl PackageFiles {
    /// The packages of the data folder `data`; nothing is made yet.
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join("packages"), reserve_bytes: DISK_RESERVE_BYTES }
    }

    fn part(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{PART}{id}"))
    }

    fn whole(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256)
    }

    /// The same with so much left free besides.
    #[cfg(test)]
    pub(crate) fn with_kept(self, bytes: u64) -> Self {
        Self { reserve_bytes: DISK_RESERVE_BYTES.saturating_add(bytes), ..self }
    }

    /// How many bytes can be taken now, with [`DISK_RESERVE_BYTES`] left free.
    pub fn room(&self) -> Result<u64> {
        self.make()?;
        Ok(self.disk_free()?.saturating_sub(self.reserve_bytes))
    }

    /// How many bytes are free on the disk of the data folder.
    pub fn disk_free(&self) -> Result<u64> {
        let folder = if self.folder.is_dir() { &self.folder } else { self.folder.parent().unwrap_or(&self.folder) };
        let disk = rustix::fs::statvfs(folder).map_err(|error| failed(&error.into()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn make(&self) -> Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| failed(&error))
    }

    /// How much of an upload has come.
    pub fn length(&self, id: &str) -> Result<u64> {
        match fs::metadata(self.part(id)) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Opens the part of an upload for writing at its end.
    ///
    /// # Errors
    /// Conflict when another request is writing to it.
    pub fn open_part(&self, id: &str) -> Result<Part> {
        self.make()?;
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(self.part(id)).map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::conflict(
                    "Another request is sending a piece of this upload. Wait until it has ended, and ask how far the upload is.",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let length = file.metadata().map_err(|error| failed(&error))?.len();
        Ok(Part { file, length })
    }

    /// The file of a package, for reading; none where it is gone.
    pub fn open(&self, sha256: &str) -> Result<Option<File>> {
        match File::open(self.whole(sha256)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Puts a part, which is whole, in the place of its digest. It is on the disk when this returns.
    pub fn keep(&self, id: &str, sha256: &str, now: Timestamp) -> Result<()> {
        let (part, whole) = (self.part(id), self.whole(sha256));
        let done = || -> io::Result<()> {
            let file = File::open(&part)?;
            // An old part is not to be taken for one that belongs to nothing.
            file.set_modified(on_disk(now))?;
            file.sync_all()?;
            fs::rename(&part, &whole)?;
            File::open(&self.folder)?.sync_all()
        };
        done().map_err(|error| failed(&error))
    }

    /// Makes a whole file a part again: what it was to belong to could not be stored.
    pub fn take_back(&self, id: &str, sha256: &str) -> Result<()> {
        fs::rename(self.whole(sha256), self.part(id)).map_err(|error| failed(&error))
    }

    /// Removes a part; one that is not there is fine.
    pub fn drop_part(&self, id: &str) -> Result<()> {
        removed(&self.part(id))
    }

    /// Removes the file of a package; one that is not there is fine.
    pub fn drop_whole(&self, sha256: &str) -> Result<()> {
        removed(&self.whole(sha256))
    }

    /// Names of files that nothing was written to for [`ORPHAN_KEPT`], at most `most`: parts by the id of their upload, whole ones by their digest.
    pub fn old(&self, most: usize, now: Timestamp) -> Result<Vec<Found>> {
        let before = on_disk(now.minus(ORPHAN_KEPT));
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error)),
        };
        let mut found = Vec::new();
        for entry in entries.filter_map(io::Result::ok) {
            let is_old = entry.metadata().and_then(|data| data.modified()).is_ok_and(|at| at <= before);
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_old && found.len() < most {
                found.push(match name.strip_prefix(PART) {
                    Some(id) => Found::Part(id.to_owned()),
                    None => Found::Whole(name),
                });
            }
        }
        Ok(found)
    }
}

/// A file in the folder of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A part, by the id of its upload.
    Part(String),
    /// A whole one, by its name.
    Whole(String),
}

impl Part {
    /// How long it is.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Writes at its end.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| failed(&error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Takes everything out, for an upload that begins anew.
    pub fn clear(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| failed(&error))?;
        self.length = 0;
        Ok(())
    }

    /// The digests of all that is in it.
    pub fn hashes(&mut self) -> Result<Hashes> {
        self.file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        let (mut hashing, mut piece) = (Hashing::default(), vec![0; PIECE_BYTES]);
        loop {
            match self.file.read(&mut piece) {
                Ok(0) => return Ok(hashing.finish()),
                Ok(read) => hashing.update(&piece[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    /// What is in it, for reading.
    pub const fn file(&self) -> &File {
        &self.file
    }
}

/// Tells whether a name is that of a whole package: its SHA-256, in small letters.
pub(in crate::store) fn is_whole(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn removed(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
        _ => Ok(()),
    }
}

/// A moment as the disk dates its files.
fn on_disk(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.millis().max(0).unsigned_abs())
}

fn failed(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            busy("the disk with the data folder is full: free some space, then go on with the upload")
        }
        kind => Error::new(
            Kind::Busy,
            format!("The folder of packages cannot be read or written ({kind}). Look at the disk and at the rights of the data folder."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PackageFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = PackageFiles::of(folder.path());
        (folder, files)
    }

    #[test]
    fn a_part_grows_and_becomes_whole_under_its_digest() {
        let (_folder, files) = folder();
        let mut part = files.open_part("1").unwrap();
        part.append(b"hello ").unwrap();
        assert_eq!(files.open_part("1").unwrap_err().kind, Kind::Conflict, "one writes at a time");
        drop(part);
        let mut part = files.open_part("1").unwrap();
        assert_eq!((part.length(), files.length("1").unwrap(), files.length("2").unwrap()), (6, 6, 0));
        part.append(b"world").unwrap();
        let hashes = part.hashes().unwrap();
        assert_eq!(hashes.sha256, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
        files.keep("1", &hashes.sha256, Timestamp::from_seconds(1)).unwrap();
        let mut text = String::new();
        files.open(&hashes.sha256).unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), files.length("1").unwrap()), ("hello world", 0));
        files.take_back("1", &hashes.sha256).unwrap();
        assert_eq!((files.length("1").unwrap(), files.open(&hashes.sha256).unwrap().is_none()), (11, true));
        files.drop_part("1").unwrap();
        files.drop_part("1").unwrap();
    }

    #[test]
    fn only_what_lay_still_for_long_counts_as_left_over() {
        let (_folder, files) = folder();
        let now = Timestamp::from_seconds(4_000_000_000);
        assert_eq!(files.old(10, now).unwrap(), []);
        for id in ["1", "2"] {
            files.open_part(id).unwrap().append(b"x").unwrap();
            files.open_part(id).unwrap().file.set_modified(on_disk(now)).unwrap();
        }
        assert_eq!(files.old(10, now).unwrap(), []);
        let long_ago = on_disk(now) - ORPHAN_KEPT;
        files.open_part("1").unwrap().file.set_modified(long_ago).unwrap();
        assert_eq!(files.old(10, now).unwrap(), [Found::Part(String::from("1"))]);
        files.keep("1", "abc", now).unwrap();
        assert_eq!(files.old(10, now).unwrap(), [], "what was just put in its place is young");
        File::open(files.whole("abc")).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(files.old(10, now).unwrap(), [Found::Whole(String::from("abc"))]);
        assert_eq!(files.old(0, now).unwrap(), []);
    }

    #[test]
    fn room_is_what_the_disk_has_without_the_reserve() {
        let (folder, files) = folder();
        let disk = rustix::fs::statvfs(folder.path()).unwrap();
        assert!(files.room().unwrap() <= (disk.f_bavail + 100_000) * disk.f_frsize - DISK_RESERVE_BYTES);
    }
}
