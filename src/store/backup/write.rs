//! Writes a backup into a stream: a copy of the database first, then everything through compression and encryption, piece by piece.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tar::{Builder, Header};

use super::copy::copy;
use super::{
    DATABASE, FORMAT, MANIFEST, Manifest, PACKAGES, RESERVE_BYTES, SEAL_KEY, SETTINGS, SETTINGS_MAX_BYTES, Watch, failed, free_bytes,
    short_of,
};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::vault::{Lock, Locked};
use crate::store::lock::read_key;
use crate::store::{Store, figures, package_files};

/// How hard is compressed: what zstd itself takes for usual.
const LEVEL: i32 = 3;

/// Bytes of a file between two looks whether anybody waits, and the rest that others have meanwhile.
const PIECE_BYTES: usize = 1 << 20;
const PIECE_REST: Duration = Duration::from_millis(2);

/// What the names of unfinished copies begin with; the start of an appliance sweeps them away.
pub const COPY_PREFIX: &str = "backup-copy-";

/// What they begin with in a folder that is not the appliance's own.
const SPARE_PREFIX: &str = ".backup-copy-";

/// One there that is older than this was left by a crash.
const LEFT_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What is backed up.
pub struct Source<'a> {
    /// The database.
    pub store: &'a Store,
    /// The data folder.
    pub data: &'a Path,
    /// Whether files of packages come along.
    pub with_packages: bool,
    /// Who is to be able to open it.
    pub lock: &'a Lock,
    /// Where the copy of the database is made while the data folder's disk has no room for it: a folder on another disk.
    pub spare: Option<&'a Path>,
    /// The moment of the backup.
    pub now: Timestamp,
    /// Tells its copy from those of others that are under way.
    pub id: &'a str,
}

/// The file of a copy, which goes when the backup is made or given up.
struct Copy(PathBuf);

impl Copy {
    fn make(path: PathBuf) -> Result<Self> {
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(|error| failed(&path, error))?;
        Ok(Self(path))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = fs::remove_file(path);
        }
    }
}

/// A disk, as far as it matters here.
struct Disk {
    id: u64,
    free: u64,
}

impl Disk {
    fn of(folder: &Path) -> Result<Self> {
        let id = fs::metadata(folder).map_err(|error| failed(folder, error))?.dev();
        Ok(Self { id, free: free_bytes(folder)? })
    }
}

/// Where a copy of so many bytes is made. It is nobody's business outside of the data folder, so it leaves that only where there is no room in it.
fn place(source: &Source<'_>, bytes: u64, disk: impl Fn(&Path) -> Result<Disk>) -> Result<PathBuf> {
    let own = disk(source.data)?;
    if own.free >= bytes.saturating_add(RESERVE_BYTES) {
        return Ok(source.data.join(format!("{COPY_PREFIX}{}.db", source.id)));
    }
    // The backup itself may go there as well, and is smaller.
    let has_room = |spare: &Disk| spare.id != own.id && spare.free >= bytes.saturating_mul(2);
    match source.spare {
        Some(spare) if disk(spare).as_ref().is_ok_and(has_room) => Ok(spare.join(format!("{SPARE_PREFIX}{}.db", source.id))),
        _ => Err(short_of(source.data, own.free, bytes)),
    }
}

/// Removes copies that a crash left in a folder where they were made for want of room.
pub fn sweep_spare(folder: &Path, now: Timestamp) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(SPARE_PREFIX));
        if is_copy && now.since(Timestamp::from_seconds(entry.metadata()?.mtime())) > LEFT_AFTER {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a backup to `out`; gives `out` back when everything has been written, and what is in it.
///
/// Memory is bounded; the data folder's disk, or that of the spare folder, has a copy of the database for as long as it takes.
pub fn write<W: Write>(source: &Source<'_>, out: W, watch: &Watch) -> Result<(W, Manifest)> {
    if source.store.path().is_none() {
        return Err(Error::conflict("A database in memory has no backup."));
    }
    // What is in the log counts too, and is not in the file yet.
    let (size, _) = source.store.read_blocking(source.now, figures::database_bytes)?;
    let copied = Copy::make(place(source, size, Disk::of)?)?;
    let counts = copy(&source.store.0.location, &copied.0, watch)?;
    let mut file = File::open(&copied.0).map_err(|error| failed(&copied.0, error))?;
    let manifest = Manifest {
        format: FORMAT,
        made_at: source.now,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: counts.schema,
        devices: counts.devices,
        enrolled: counts.enrolled,
        database_bytes: file.metadata().map_err(|error| failed(&copied.0, error))?.len(),
        with_packages: source.with_packages,
    };
    // Read by what is open: whatever happens from here on, no copy is left behind.
    drop(copied);
    let unwritten = |error: io::Error| match watch.rest(Duration::ZERO) {
        // Nobody waits: then it is this that is to be said, not that a pipe broke.
        Err(ended) => ended,
        Ok(()) => Error::conflict(format!("The backup cannot be written: {error}.")).caused_by(error),
    };
    let compressed = zstd::Encoder::new(source.lock.over(out)?, LEVEL).map_err(unwritten)?;
    let mut archive = Archive { tar: Builder::new(compressed), made_at: source.now, watch };
    let json = serde_json::to_vec_pretty(&manifest).map_err(|error| Error::internal("a manifest is JSON", error))?;
    archive.bytes(MANIFEST, &json).map_err(unwritten)?;
    let key_path = source.data.join(SEAL_KEY);
    let key = read_key(&key_path).map_err(|error| failed(&key_path, error))?;
    archive.bytes(SEAL_KEY, key.expose()).map_err(unwritten)?;
    if let Some(settings) = settings(source.data)? {
        archive.bytes(SETTINGS, &settings).map_err(unwritten)?;
    }
    archive.file(DATABASE, &mut file, manifest.database_bytes).map_err(unwritten)?;
    if source.with_packages {
        packages(&mut archive, source.data).map_err(unwritten)?;
    }
    let locked: Locked<W> = archive.tar.into_inner().and_then(zstd::Encoder::finish).map_err(unwritten)?;
    let out = locked.finish().map_err(unwritten)?;
    Ok((out, manifest))
}

/// The file of settings; one that is larger than any is left out, as `serve` would refuse it.
fn settings(data: &Path) -> Result<Option<Vec<u8>>> {
    let path = data.join(SETTINGS);
    match fs::metadata(&path) {
        Ok(found) if found.len() <= SETTINGS_MAX_BYTES => fs::read(&path).map(Some).map_err(|error| failed(&path, error)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, error)),
        _ => Ok(None),
    }
}

/// Every whole package, in the order of names. One that is removed meanwhile is left out.
fn packages<W: Write>(archive: &mut Archive<'_, W>, data: &Path) -> io::Result<()> {
    let folder = data.join(PACKAGES);
    let mut names = match fs::read_dir(&folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    names.sort();
    for name in names.iter().filter_map(|name| name.to_str()).filter(|name| package_files::is_whole(name)) {
        let mut file = match File::open(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let size = file.metadata()?.len();
        archive.file(&format!("{PACKAGES}/{name}"), &mut file, size)?;
    }
    Ok(())
}

/// The archive that is being written.
struct Archive<'a, W: Write> {
    tar: Builder<zstd::Encoder<'static, Locked<W>>>,
    made_at: Timestamp,
    watch: &'a Watch,
}

impl<W: Write> Archive<'_, W> {
    fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, bytes, bytes.len() as u64)
    }

    fn file(&mut self, name: &str, file: &mut File, size: u64) -> io::Result<()> {
        let pieces = Pieces { file, left: size, since_rest: 0, watch: self.watch };
        self.entry(name, pieces, size)
    }

    fn entry(&mut self, name: &str, content: impl Read, size: u64) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.made_at.seconds().unsigned_abs());
        self.tar.append_data(&mut header, name, content)
    }
}

/// Reads just so many bytes of a file, with rests; fewer are a failure, for the archive has promised them.
struct Pieces<'a> {
    file: &'a mut File,
    left: u64,
    since_rest: usize,
    watch: &'a Watch,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.since_rest >= PIECE_BYTES {
            self.since_rest = 0;
            self.watch.rest(PIECE_REST).map_err(|ended| io::Error::other(ended.to_string()))?;
        }
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter meanwhile"));
        }
        self.left -= read as u64;
        self.since_rest += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::store::OpenOptions;

    #[test]
    fn the_copy_leaves_the_data_folder_only_for_want_of_room_and_only_to_another_disk() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let lock = Lock::passphrase(Secret::new(String::from("correct horse battery"))).unwrap();
        let (data, away) = (Path::new("/data"), Path::new("/away"));
        let now = Timestamp::from_seconds(1_795_577_349);
        let made = |free: u64, spare: Option<(u64, u64)>| {
            let source = Source { store: &store, data, with_packages: false, lock: &lock, spare: spare.map(|_| away), now, id: "1" };
            place(&source, 10 << 20, |folder| {
                let (id, free) = if folder == data { (1, free) } else { spare.unwrap() };
                Ok(Disk { id, free })
            })
        };
        let roomy = Some((2, 20 << 20));
        assert_eq!(made(74 << 20, roomy).unwrap(), data.join("backup-copy-1.db"));
        assert_eq!(made(0, roomy).unwrap(), away.join(".backup-copy-1.db"));
        for nowhere in [None, Some((1, 20 << 20)), Some((2, 19 << 20))] {
            let short = made(3 << 20, nowhere).unwrap_err();
            assert!(short.message.contains("/data has 3 MiB free. This takes 10 MiB there"), "{nowhere:?}: {short}");
        }
    }

    #[test]
    fn what_a_crash_left_elsewhere_goes_after_a_day_and_nothing_else() {
        let away = tempfile::tempdir().unwrap();
        for name in [".backup-copy-1.db", "backup-copy-2.db", "rollcall.age"] {
            fs::write(away.path().join(name), "x").unwrap();
        }
        let written = fs::metadata(away.path().join(".backup-copy-1.db")).unwrap().mtime();
        let count = |now| {
            sweep_spare(away.path(), now).unwrap();
            fs::read_dir(away.path()).unwrap().count()
        };
        let now = Timestamp::from_seconds(written);
        assert_eq!([count(now), count(now.plus(LEFT_AFTER * 2))], [3, 2]);
    }
}
