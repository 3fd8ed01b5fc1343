//! Reads a backup into an empty folder, and believes nothing of it before its last byte has been proven.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use tar::{Archive, Entry, EntryType};

use super::{
    DATABASE, FORMAT, MANIFEST, MANIFEST_MAX_BYTES, Manifest, PACKAGES, SEAL_KEY, SETTINGS, SETTINGS_MAX_BYTES, Watch, failed,
    must_have_room,
};
use crate::error::{Error, Kind, Result};
use crate::pki::seal::KEY_BYTES;
use crate::pki::vault::{Key, Unlocked, VaultError};
use crate::store::package_files;

/// Bytes copied at once.
const PIECE_BYTES: usize = 1 << 20;

/// What is inside the lock of a backup.
pub type Plain<R> = zstd::Decoder<'static, io::BufReader<Unlocked<R>>>;

/// Unpacks a backup into `folder`, which is empty; gives what it says of itself. When it fails, what is in the folder is worth nothing.
///
/// [`Kind::BadInput`] where the file is at fault: another key, another kind of file, cut short, damaged, from a newer program.
pub fn unpack<R: Read>(input: R, key: &Key, folder: &Path, watch: &Watch) -> Result<Manifest> {
    let plain: Plain<R> = zstd::Decoder::new(key.open(input)?).map_err(|error| unreadable(&error))?;
    let mut archive = Archive::new(plain);
    let mut manifest = None;
    let (mut has_key, mut has_database) = (false, false);
    for entry in archive.entries().map_err(|error| unreadable(&error))? {
        let mut entry = entry.map_err(|error| unreadable(&error))?;
        let name = entry.path().ok().and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_default();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(strange(&name));
        }
        let Some(known) = &manifest else {
            manifest = Some(read_manifest(&name, &mut entry)?);
            continue;
        };
        let known: &Manifest = known;
        let size = entry.size();
        match name.as_str() {
            SEAL_KEY if size == KEY_BYTES as u64 => has_key = true,
            SETTINGS if size <= SETTINGS_MAX_BYTES => {}
            DATABASE if size == known.database_bytes => has_database = true,
            package if package.strip_prefix("packages/").is_some_and(package_files::is_whole) => {
                let packages = folder.join(PACKAGES);
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&packages).map_err(|error| failed(&packages, error))?;
            }
            _ => return Err(strange(&name)),
        }
        must_have_room(folder, size)?;
        extract(&mut entry, &folder.join(&name), watch)?;
    }
    let mut rest = archive.into_inner();
    // The archive ends before the file does; only the file's own end proves that it is whole.
    io::copy(&mut rest, &mut io::sink()).map_err(|error| unreadable(&error))?;
    let mut tail = rest.finish();
    io::copy(&mut tail, &mut io::sink()).map_err(|error| unreadable(&error))?;
    match manifest {
        Some(manifest) if has_key && has_database => Ok(manifest),
        _ => {
            Err(Error::bad_input("The backup is not whole: its database or its key is missing. Take another copy of it, or an older one."))
        }
    }
}

fn read_manifest(name: &str, entry: &mut impl Read) -> Result<Manifest> {
    let none = || Error::bad_input("The file opens, but it is no backup of Rollcall.");
    if name != MANIFEST {
        return Err(none());
    }
    let mut text = Vec::new();
    entry.take(MANIFEST_MAX_BYTES).read_to_end(&mut text).map_err(|error| unreadable(&error))?;
    let said: serde_json::Value = serde_json::from_slice(&text).map_err(|error| none().caused_by(error))?;
    let format = said["format"].as_u64().ok_or_else(none)?;
    if format > u64::from(FORMAT) {
        let program = said["program"].as_str().unwrap_or("a newer version");
        return Err(Error::bad_input(format!(
            "A newer Rollcall ({program}) made this backup: restore it with that version or a later one."
        )));
    }
    serde_json::from_value(said).map_err(|error| none().caused_by(error))
}

fn extract<R: Read>(entry: &mut Entry<'_, R>, path: &Path, watch: &Watch) -> Result<()> {
    let mut file: File = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| failed(path, error))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        watch.rest(Duration::ZERO)?;
        let read = entry.read(&mut piece).map_err(|error| unreadable(&error))?;
        if read == 0 {
            break;
        }
        file.write_all(&piece[..read]).map_err(|error| failed(path, error))?;
    }
    file.sync_all().map_err(|error| failed(path, error))
}

fn strange(name: &str) -> Error {
    Error::bad_input(format!(
        "The backup holds something that this version does not know ({name}): restore it with the version that made it."
    ))
}

/// What is wrong with a file that cannot be read on: nearly always the file.
fn unreadable(error: &io::Error) -> Error {
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset) {
        return Error::new(Kind::Busy, format!("The backup cannot be read: {error}."));
    }
    VaultError::Damaged.into()
}
