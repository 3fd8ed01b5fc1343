//! From a backup to a data folder that can be put in place: unpacked, proven to its last byte, brought to this version, and told that it was restored.

use std::io::Read;
use std::path::Path;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::backups::restored::{self, Settled};
use crate::pki::vault::Key;
use crate::random::Random;
use crate::store::backup::{self, Manifest, Use, Watch};
use crate::store::integrity::{self, Depth};
use crate::store::{OpenOptions, Store, backups};

/// What was brought.
#[derive(Debug, Clone)]
pub struct Brought {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What was settled in it.
    pub settled: Settled,
    /// The folder in the data folder that will keep what was there before.
    pub kept_in: String,
}

/// Makes of a backup what the data folder is to become; it is put in place when the folder is opened next. Blocks.
///
/// When it fails, nothing is different: another key, a file that is no backup, is damaged, cut short or from a newer program is
/// [`Kind::BadInput`], in a sentence.
pub fn prepare(data: &Path, input: impl Read, key: &Key, now: Timestamp, watch: &Watch) -> Result<Brought> {
    let folder = backup::prepare_folder(data, Use::Restore)?;
    let outcome = unpack(&folder, input, key, now, watch, |store, manifest| {
        let made = manifest.clone();
        store.write_blocking(now, move |tx| restored::settle(tx, &made))
    });
    match outcome {
        Ok((manifest, settled)) => {
            let kept_in = backup::settle_folder(data, now)?;
            Ok(Brought { manifest, settled, kept_in })
        }
        Err(error) => {
            // What cannot be removed now goes when the folder is opened next.
            let _ = backup::discard_folder(data, Use::Restore);
            Err(error)
        }
    }
}

/// Restores a backup into a temporary folder, looks whether it is sound, and throws it away. Blocks.
pub fn test(data: &Path, input: impl Read, key: &Key, now: Timestamp, watch: &Watch) -> Result<Manifest> {
    let folder = backup::prepare_folder(data, Use::Test)?;
    let outcome = unpack(&folder, input, key, now, watch, |_, _| Ok(()));
    backup::discard_folder(data, Use::Test)?;
    outcome.map(|(manifest, ())| manifest)
}

fn unpack<T>(
    folder: &Path,
    input: impl Read,
    key: &Key,
    now: Timestamp,
    watch: &Watch,
    then: impl FnOnce(&Store, &Manifest) -> Result<T>,
) -> Result<(Manifest, T)> {
    let manifest = backup::unpack(input, key, folder, watch)?;
    // Opening it proves that the key belongs to it, and brings it to this version's schema.
    let store = Store::open(OpenOptions::file(folder.join(backup::DATABASE), backup::sealer_in(folder)?).random(Random::System))?;
    let looked = store.read_blocking(now, |tx| Ok((integrity::check(tx, Depth::Full)?, backups::contents(tx)?)))?;
    let (findings, (devices, enrolled)) = looked;
    if let Some(finding) = findings.first() {
        return Err(Error::bad_input(t!(
            "The database in the backup is damaged: {message}. Take an older backup.",
            message = finding.message
        )));
    }
    if (devices, enrolled) != (manifest.devices, manifest.enrolled) {
        return Err(Error::new(
            Kind::BadInput,
            t!(
                "The backup says that it holds {devices} devices, and {devices_2} are in it. Take another one.",
                devices = manifest.devices,
                devices_2 = devices
            ),
        ));
    }
    let outcome = then(&store, &manifest)?;
    store.close_blocking();
    drop(store);
    if folder.join(format!("{}-wal", backup::DATABASE)).exists() {
        return Err(Error::new(Kind::Internal, t!("The restored database could not be closed in order.")));
    }
    Ok((manifest, outcome))
}
