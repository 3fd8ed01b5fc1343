//! Backups that somebody took to a place of their own: they count like others, and the schedule goes on as it would without them.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::plan::TEXT_MAX;
use super::{LAST, Last};
use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::store::Tx;
use crate::store::backup::{Kept, Manifest};
use crate::store::settings::{self, Setting};

/// One that was sent to its last byte, and of which nobody has said yet that it arrived.
const TAKEN: Setting<Last> = Setting::new("backups.taken");
const KEPT: Setting<ByHand> = Setting::new("backups.by_hand");

/// The newest one that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ByHand {
    last: Last,
    /// Its whole path, where it is a file of this machine.
    path: Option<String>,
}

/// Notes that somebody took a backup to a place of their own; whether it arrived there only they can tell.
pub fn taken(tx: &Tx, actor: &Actor, manifest: &Manifest) -> Result<()> {
    settings::set(tx, &TAKEN, &Last { made_at: manifest.made_at, size_bytes: 0, devices: manifest.devices })?;
    let data = json!({ "devices": manifest.devices, "with_packages": manifest.with_packages });
    journal::note(tx, actor, "backup.taken", journal::Subject::default(), data)
}

/// Notes that the one which was taken last is whole and kept, as so many bytes.
///
/// # Errors
/// Bad input for what is no whole path; conflict when none was taken since the last one that was kept.
pub fn kept(tx: &Tx, actor: &Actor, size_bytes: u64, path: Option<&str>) -> Result<()> {
    actor.require(Right::Govern)?;
    let is_path = |path: &str| path.starts_with('/') && path.len() <= TEXT_MAX && !path.chars().any(char::is_control);
    if !path.is_none_or(is_path) {
        return Err(Error::field("path", t!("write the whole path of the file, like /mnt/usb/school.backup")));
    }
    let Some(taken) = settings::value(tx, &TAKEN)? else {
        return Err(Error::conflict(t!("No backup was taken since the last one that is kept: take one first.")));
    };
    settings::forget(tx, &TAKEN)?;
    settings::set(tx, &KEPT, &ByHand { last: Last { size_bytes, ..taken }, path: path.map(str::to_owned) })?;
    Ok(())
}

/// The newest backup, and whether that is one which somebody took.
pub(super) fn newest(tx: &Tx) -> Result<(Option<Last>, bool)> {
    let (last, kept) = (settings::value(tx, &LAST)?, settings::value(tx, &KEPT)?);
    let is_newer = |kept: &ByHand| last.as_ref().is_none_or(|last: &Last| last.made_at < kept.last.made_at);
    Ok(match kept.filter(is_newer) {
        Some(kept) => (Some(kept.last), true),
        None => (last, false),
    })
}

/// Where the newest backup is found, if that is one which somebody took to a file of this machine.
pub fn to_find(tx: &Tx) -> Result<Option<Kept>> {
    let (_, true) = newest(tx)? else { return Ok(None) };
    let Some(ByHand { last, path: Some(path) }) = settings::value(tx, &KEPT)? else { return Ok(None) };
    let path = Path::new(&path);
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { return Ok(None) };
    Ok(Some(Kept { name: name.display().to_string(), location: folder.display().to_string(), in_folder: true, made_at: last.made_at }))
}
