//! Backups: one file that holds everything by which devices are known, and the way back from it into a data folder.
//!
//! A backup is an age file (`pki/vault.rs`); in it is a zstd stream, in it a tar archive with, in this order:
//!
//! | entry | what |
//! |---|---|
//! | `rollcall-backup.json` | the [`Manifest`] |
//! | `seal.key` | what opens the sealed values of the database |
//! | `rollcall.toml` | the settings of the data folder, where it has some |
//! | `rollcall.db` | the database as it was at one moment |
//! | `packages/<sha256>` | files of packages, where they were asked for |
//!
//! `age --decrypt FILE | zstd -d | tar x` gives a data folder that starts. Everything here blocks; doors call it on a thread of its own ([`apart()`]).

mod apart;
mod copy;
mod last;
mod place;
mod read;
mod write;

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use apart::{Watch, apart};
pub use last::{Kept, LAST_BACKUP, note, noted};
pub use place::{UPLOAD_PREFIX, Use, discard_folder, prepare_folder, settle_folder, take_over};
pub use read::{Plain, unpack};
pub use write::{COPY_PREFIX, Source, sweep_spare, write};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::pki::seal::Sealer;
use crate::store::lock::read_key;

/// The form of archives that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The first entry of an archive.
const MANIFEST: &str = "rollcall-backup.json";
const SEAL_KEY: &str = "seal.key";
const SETTINGS: &str = "rollcall.toml";
/// The name of the database.
pub const DATABASE: &str = "rollcall.db";
const PACKAGES: &str = "packages";

/// Bytes of a manifest.
const MANIFEST_MAX_BYTES: u64 = 64 << 10;

/// Bytes of the file of settings.
const SETTINGS_MAX_BYTES: u64 = 1 << 20;

/// Bytes that are left free on a disk, for the appliance to go on.
const RESERVE_BYTES: u64 = 64 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the archive.
    pub format: u32,
    /// When the copy of the database began; what was committed later is not in it.
    pub made_at: Timestamp,
    /// The version of the program that made it.
    pub program: String,
    /// The version of the database's schema.
    pub schema: i32,
    /// Devices that are not deleted.
    pub devices: u64,
    /// Enrollments of devices that are managed.
    pub enrolled: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Whether files of packages are in it.
    pub with_packages: bool,
}

/// What seals the secrets of an unpacked backup.
pub fn sealer_in(folder: &Path) -> Result<Sealer> {
    let path = folder.join(SEAL_KEY);
    let key = read_key(&path).map_err(|error| failed(&path, error))?;
    Ok(Sealer::from_key(key.expose())?)
}

/// A failure of the disk, in words that name the place.
fn failed(path: &Path, error: io::Error) -> Error {
    let place = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(Kind::Busy, format!("The disk with {place} is full: free some space, and try again.")).caused_by(error)
        }
        _ => Error::conflict(format!("{place} cannot be read or written: {error}.")).caused_by(error),
    }
}

/// How many bytes are free on the disk of a folder.
pub fn free_bytes(folder: &Path) -> Result<u64> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| failed(folder, error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Refuses where a folder's disk does not have so much room and [`RESERVE_BYTES`] besides.
fn must_have_room(folder: &Path, bytes: u64) -> Result<()> {
    let free = free_bytes(folder)?;
    if free >= bytes.saturating_add(RESERVE_BYTES) { Ok(()) } else { Err(short_of(folder, free, bytes)) }
}

fn short_of(folder: &Path, free: u64, bytes: u64) -> Error {
    let (place, free, bytes, reserve) = (folder.display(), free >> 20, bytes.div_ceil(1 << 20), RESERVE_BYTES >> 20);
    let message = format!(
        "The disk with {place} has {free} MiB free. This takes {bytes} MiB there, and {reserve} MiB are left free for Rollcall to go on: free some \
         space, and try again."
    );
    Error::new(Kind::Busy, message)
}

#[cfg(test)]
mod tests;
