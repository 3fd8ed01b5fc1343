//! A start on a disk that takes nothing: what can wait is put off, and what cannot is told with the folder and what is free there.

use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::store::backup::free_bytes;

/// Where so many bytes are free it is not for want of room that something fails.
const ROOM_BYTES: u64 = 64 << 20;

/// Goes on without something that the disk did not take, where the appliance serves without it too.
pub(super) fn put_off<T>(outcome: Result<T>, what: &str) -> Result<Option<T>> {
    match outcome {
        Err(error) if error.kind == Kind::Busy => {
            tracing::error!("{what} has to wait: {error}");
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}

/// Why a start failed; where the disk is full, with the folder, what is free, and what to do.
pub(super) fn named(error: Error, data: &Path) -> Error {
    match (error.kind, free_bytes(data)) {
        (Kind::Busy, Ok(free)) if free < ROOM_BYTES => of_full_disk(error, data, free),
        _ => error,
    }
}

fn of_full_disk(error: Error, data: &Path, free: u64) -> Error {
    let (folder, free) = (data.display(), free >> 10);
    let words = format!(
        "Rollcall cannot start on {folder}, whose disk has {free} KiB free: {error}. Free some MiB on it (before-restore-… folders that are not needed \
         any more, old logs, other programs’ files), and start Rollcall again."
    );
    Error::new(Kind::Busy, words).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_waited_for_and_nothing_else_is() {
        let full = || Error::new(Kind::Busy, "the disk is full");
        assert_eq!(put_off(Err::<(), _>(full()), "A link").unwrap(), None);
        assert_eq!(put_off(Ok(7), "A link").unwrap(), Some(7));
        assert!(put_off(Err::<(), _>(Error::conflict("no")), "A link").is_err());
        let told = of_full_disk(full(), Path::new("/data"), 9000).message;
        assert!(told.starts_with("Rollcall cannot start on /data, whose disk has 8 KiB free: the disk is full. Free some MiB"), "{told}");
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(named(Error::conflict("no"), folder.path()).message, "no");
    }
}
