//! Archives: the tables in a ZIP, within bounds that no archive can talk its way out of.

use std::io::{Cursor, Read as _};

use super::{FILES_MAX, File, Mistake, UNPACKED_MAX_BYTES, mistake};

/// The tables of an upload, archives opened; what is no CSV in an archive is left out.
pub(super) fn unpack(files: &[File]) -> Result<Vec<File>, Mistake> {
    let mut unpacked = Vec::new();
    let mut left = UNPACKED_MAX_BYTES;
    for file in files {
        if file.bytes.starts_with(b"PK\x03\x04") || file.bytes.starts_with(b"PK\x05\x06") {
            open(file, &mut unpacked, &mut left)?;
        } else {
            take(File { name: base(&file.name), bytes: file.bytes.clone() }, &mut unpacked, &mut left)?;
        }
    }
    if unpacked.is_empty() {
        return mistake(t!("Choose a CSV file, or a ZIP archive with CSV files in it."));
    }
    Ok(unpacked)
}

fn take(file: File, unpacked: &mut Vec<File>, left: &mut u64) -> Result<(), Mistake> {
    if unpacked.len() == FILES_MAX {
        return mistake(t!("Choose at most {FILES_MAX} files.", FILES_MAX));
    }
    let Some(rest) = left.checked_sub(file.bytes.len() as u64) else { return too_large() };
    *left = rest;
    unpacked.push(file);
    Ok(())
}

fn too_large<T>() -> Result<T, Mistake> {
    mistake(t!(
        "Unpacked it is larger than {unpacked_max_bytes} MiB, which is the most that is taken.",
        unpacked_max_bytes = UNPACKED_MAX_BYTES >> 20
    ))
}

fn open(file: &File, unpacked: &mut Vec<File>, left: &mut u64) -> Result<(), Mistake> {
    let broken = |_| Mistake(t!("“{name}” is a damaged ZIP archive, or one with a password. Export it once more.", name = file.name));
    let mut archive = zip::ZipArchive::new(Cursor::new(&file.bytes)).map_err(broken)?;
    let is_workbook = archive.file_names().any(|name| name.is_ok_and(|name| name == "[Content_Types].xml"));
    if is_workbook {
        return mistake(t!("“{name}” is a spreadsheet, not a table of text. Save it as “CSV UTF-8”.", name = file.name));
    }
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(broken)?;
        // A name that cannot be read is none of OneRoster's.
        let name = entry.name().map(|name| base(&name)).unwrap_or_default();
        let is_table = entry.is_file()
            && name.len() > 4
            && name.is_char_boundary(name.len() - 4)
            && name[name.len() - 4..].eq_ignore_ascii_case(".csv");
        // Macs put a shadow of each file beside it.
        if !is_table || name.starts_with("._") {
            continue;
        }
        // What the archive says of its sizes is not believed: reading ends one byte after what is left.
        let mut bytes = Vec::new();
        entry
            .take(*left + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| Mistake(t!("“{name}” in “{name_2}” cannot be unpacked. Export it once more.", name, name_2 = file.name)))?;
        if bytes.len() as u64 > *left {
            return too_large();
        }
        take(File { name, bytes }, unpacked, left)?;
    }
    Ok(())
}

/// A file's name without its folders.
fn base(name: &str) -> String {
    name.rsplit(['/', '\\']).next().unwrap_or(name).chars().filter(|letter| !letter.is_control()).take(100).collect()
}
