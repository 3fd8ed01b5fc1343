//! Uploads under way: begun with what is to come, gone on with after a break, given up after a day.

use super::{MAX_BYTES, UPLOAD_KEPT, UPLOADS_MAX};
use crate::error::{Error, FieldError, Kind, Result};
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::package_files::Found;
use crate::store::packages::{self as store, Package, Upload};

/// The longest name of an uploaded file, in characters.
pub const MAX_NAME_CHARS: usize = 255;

/// After so many bytes of an upload of unknown size the room on the disk is looked at again.
pub const LOOK_EVERY_BYTES: u64 = 16 << 20;

/// What became of the wish to upload.
#[derive(Debug, Clone)]
pub enum Begun {
    /// Send the bytes; an upload of the same file that broke off is gone on with.
    Upload(Upload),
    /// The file is here already.
    Known(Box<Package>),
}

/// Begins an upload, of 0 bytes where nobody said how many come. `room` is how many bytes the disk can still take, those of other uploads left out.
///
/// # Errors
/// Names the field at fault; too large over [`MAX_BYTES`]; busy when the disk has no room, or [`UPLOADS_MAX`] are under way.
pub fn begin(tx: &Tx, actor: &Actor, file_name: &str, size_bytes: Option<u64>, sha256: &str, room: u64) -> Result<Begun> {
    actor.require(Right::Configure)?;
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if file_name.is_empty() || file_name.chars().count() > MAX_NAME_CHARS || file_name.chars().any(char::is_control) {
        return Err(Error::field("file_name", t!("the name of the file, of 1 to {MAX_NAME_CHARS} characters", MAX_NAME_CHARS)));
    }
    if size_bytes == Some(0) {
        let mut error = Error::bad_input(t!("The file is empty: nothing of it was written. Export it once more."));
        error.fields.push(FieldError { field: String::from("size_bytes"), message: String::from(t!("the file is empty")) });
        return Err(error);
    }
    let is_known = size_bytes.is_some();
    let size_bytes = size_bytes.unwrap_or_default();
    if size_bytes > MAX_BYTES {
        return Err(too_large());
    }
    let sha256 = sha256.to_ascii_lowercase();
    if !sha256.is_empty() && (sha256.len() != 64 || !sha256.bytes().all(|letter| letter.is_ascii_hexdigit())) {
        return Err(Error::field("sha256", t!("64 hexadecimal digits, or nothing")));
    }
    if let Some(package) = store::by_sha256(tx, &sha256)? {
        return Ok(Begun::Known(Box::new(package)));
    }
    let all = store::uploads(tx)?;
    // Without a digest nothing tells that two files of one name are the same; whoever began the other one knows its id.
    let same = all.iter().find(|upload| !sha256.is_empty() && upload.sha256 == sha256 && upload.size_bytes == size_bytes as i64);
    if let Some(upload) = same {
        return Ok(Begun::Upload(upload.clone()));
    }
    if all.len() >= UPLOADS_MAX {
        return Err(Error::new(
            Kind::Busy,
            t!("{UPLOADS_MAX} uploads are under way already. Finish or cancel one of them first.", UPLOADS_MAX),
        ));
    }
    if is_known && size_bytes > room {
        return Err(Error::new(
            Kind::Busy,
            t!(
                "The disk has room for {room} MB more, and the file has {value} MB. Delete old versions, or free some space, and try again.",
                room = room >> 20,
                value = (size_bytes >> 20) + 1
            ),
        ));
    }
    let upload = Upload {
        id: tx.new_id(),
        file_name: file_name.to_owned(),
        size_bytes: size_bytes as i64,
        sha256,
        created_by: actor.to_string(),
        created_at: tx.now,
        changed_at: tx.now,
    };
    store::begin(tx, &upload)?;
    Ok(Begun::Upload(upload))
}

/// To which length an upload of unknown size may grow, which has `length_bytes` on the disk and is to have `wanted_bytes`; looked at again there.
/// `room` is as for [`begin`].
///
/// # Errors
/// Too large over [`MAX_BYTES`]; busy where the disk has no room.
pub fn grows_to(length_bytes: u64, wanted_bytes: u64, room: u64) -> Result<u64> {
    if wanted_bytes > MAX_BYTES {
        return Err(too_large());
    }
    if wanted_bytes > length_bytes.saturating_add(room) {
        return Err(Error::new(
            Kind::Busy,
            t!(
                "The disk has no more room: {length_bytes} MB of the file have come, and its end is not there. Delete old versions, or free some space, and try again.",
                length_bytes = length_bytes >> 20
            ),
        ));
    }
    Ok(wanted_bytes.max(length_bytes + room.min(LOOK_EVERY_BYTES)))
}

fn too_large() -> Error {
    Error::new(Kind::TooLarge, t!("The file is larger than {max_bytes} GiB, which is the most that is taken.", max_bytes = MAX_BYTES >> 30))
}

/// An upload under way.
pub fn upload(tx: &Tx, actor: &Actor, id: &str) -> Result<Upload> {
    actor.require(Right::Configure)?;
    store::upload_by_id(tx, id)?.ok_or_else(|| {
        Error::not_found(t!("There is no such upload; it is finished, was cancelled, or rested for more than a day. Begin anew."))
    })
}

/// Every upload under way, oldest first.
pub fn under_way(tx: &Tx, actor: &Actor) -> Result<Vec<Upload>> {
    actor.require(Right::Configure)?;
    store::uploads(tx)
}

/// Notes that a piece of an upload came.
pub fn touch(tx: &Tx, id: &str) -> Result<()> {
    store::touch(tx, id)
}

/// Ends an upload, whether it became a package or not; its part is the caller's to remove. Tells whether there was one.
pub fn cancel(tx: &Tx, actor: &Actor, id: &str) -> Result<bool> {
    actor.require(Right::Configure)?;
    store::end(tx, id)
}

/// Ends the uploads that rested for [`UPLOAD_KEPT`]; gives their ids.
pub fn stale(tx: &Tx) -> Result<Vec<String>> {
    let before = tx.now.minus(UPLOAD_KEPT);
    let old: Vec<String> = store::uploads(tx)?.into_iter().filter(|upload| upload.changed_at <= before).map(|upload| upload.id).collect();
    for id in &old {
        store::end(tx, id)?;
    }
    Ok(old)
}

/// Those of `found` that belong to no upload and no package.
pub fn left_over(tx: &Tx, found: Vec<Found>) -> Result<Vec<Found>> {
    let mut left = Vec::new();
    for file in found {
        let is_known = match &file {
            Found::Part(id) => store::upload_by_id(tx, id)?.is_some(),
            Found::Whole(sha256) => store::by_sha256(tx, sha256)?.is_some(),
        };
        if !is_known {
            left.push(file);
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_of_unknown_size_grows_with_the_room_to_the_most_that_is_taken_and_not_beyond() {
        assert_eq!(grows_to(0, 10, u64::MAX).unwrap(), LOOK_EVERY_BYTES, "looked at again there");
        assert_eq!(grows_to(100, 110, 10).unwrap(), 110);
        let full = grows_to(5 << 20, (5 << 20) + 11, 10).unwrap_err();
        assert!(full.kind == Kind::Busy && full.message.contains("no more room: 5 MB of the file have come"), "{full}");
        assert!(grows_to(MAX_BYTES - 1, MAX_BYTES, u64::MAX).unwrap() >= MAX_BYTES);
        assert_eq!(grows_to(MAX_BYTES, MAX_BYTES + 1, u64::MAX).unwrap_err().kind, Kind::TooLarge);
    }
}
