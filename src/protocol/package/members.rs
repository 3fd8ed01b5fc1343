//! The files of a ZIP archive, unpacked within bounds and compared with the archive's checksums: what a device would find broken is found here.

use std::io::{self, Read, Seek};

use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use super::{Refusal, damaged, refuse, short};

/// Bytes that all files of an archive may come to: Apple's own limit for what the App Store takes is half of it.
pub(super) const UNPACKED_MAX_BYTES: u64 = 8 << 30;

/// Opens a file, unless it is packed in a way that is not unpacked here.
fn open<'a, R: Read + Seek>(archive: &'a mut ZipArchive<R>, at: usize, name: &str) -> Result<ZipFile<'a, R>, Refusal> {
    let how = archive.by_index_data(at).map(|entry| (entry.encrypted(), entry.compression()));
    let (is_encrypted, method) = how.map_err(|_| damaged("file"))?;
    if is_encrypted {
        return refuse(t!(
            "“{name}” in this archive is packed with a password, which devices do not know. Pack it without one.",
            name = short(name)
        ));
    }
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return refuse(t!(
            "“{name}” in this archive is packed by the method {method}, which cannot be unpacked here or by devices: they know Deflate alone. Export the app once more.",
            name = short(name),
            method
        ));
    }
    archive.by_index(at).map_err(|_| changed(name))
}

fn changed(name: &str) -> Refusal {
    Refusal(t!(
        "“{name}” in this archive is damaged: its contents do not match their checksum. Make or download the file again.",
        name = short(name)
    ))
}

/// Unpacks a file of the archive; none where it is longer than `most` bytes, whatever the archive says of its length.
pub(super) fn read<R: Read + Seek>(archive: &mut ZipArchive<R>, at: usize, name: &str, most: u64) -> Result<Option<Vec<u8>>, Refusal> {
    let mut bytes = Vec::new();
    open(archive, at, name)?.take(most + 1).read_to_end(&mut bytes).map_err(|_| changed(name))?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Unpacks every file of the archive, keeps none, and compares each with its checksum. `names` are those of all files, in the archive's order.
///
/// # Errors
/// Names the first file that is damaged, or packed in a way that is not unpacked here; and archives that unfold to more than `most` bytes.
pub(super) fn check<R: Read + Seek>(archive: &mut ZipArchive<R>, names: &[String], most: u64) -> Result<(), Refusal> {
    let mut all = 0_u64;
    for at in 0..names.len() {
        // No file gives more than this: its reader ends there with a failure.
        all = all.saturating_add(archive.by_index_data(at).map_err(|_| damaged("file"))?.size());
    }
    if all > most {
        return refuse(t!("What is in this archive unfolds to more than {most} GiB, far more than any real app.", most = most >> 30));
    }
    for (at, name) in names.iter().enumerate() {
        if !name.ends_with('/') {
            io::copy(&mut open(archive, at, name)?, &mut io::sink()).map_err(|_| changed(name))?;
        }
    }
    Ok(())
}
