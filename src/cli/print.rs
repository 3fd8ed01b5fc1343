//! What commands print: aligned columns for people, JSON for programs.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// Writes a file that only its owner may read.
pub(super) fn private_file(path: &Path, content: &[u8]) -> Result<()> {
    let unwritable = |error: std::io::Error| Error::bad_input(format!("{} cannot be written: {error}", path.display()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(unwritable)?;
    // One that was there before may be open to others.
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(unwritable)?;
    file.write_all(content).map_err(unwritable)
}

/// Prints a whole file. A reader that has seen enough (`… | head`) is nobody's fault.
pub(super) fn whole(content: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(content).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::conflict(format!("It cannot be printed: {error}."))),
        _ => Ok(()),
    }
}

/// JSON that people can read too, with the end of its line.
pub(super) fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Columns under their titles, as wide as their widest text; the last one is not padded.
pub(super) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([titles[column].len()]).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let head = line(titles);
    rows.iter().fold(head, |text, row| text + &line(std::array::from_fn(|column| row[column].as_str())))
}

/// A field of an object as text; empty where there is none.
pub(super) fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

/// A moment of an object, to the minute; `never` where there is none.
pub(super) fn moment(object: &Value, field: &str, never: &str) -> String {
    object[field].as_str().and_then(|at| at.get(..16)).map_or_else(|| never.to_owned(), |at| format!("{}Z", at.replace('T', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["kim".into(), "owner".into()], ["Ámbar".into(), "viewer".into()]];
        assert_eq!(table(["NAME", "ROLE"], &rows), "NAME   ROLE\nkim    owner\nÁmbar  viewer\n");
        assert_eq!(table(["NAME"], &[]), "NAME\n");
    }

    #[test]
    fn moments_are_told_to_the_minute() {
        let token = serde_json::json!({ "created_at": "2026-11-25T08:00:30.5Z", "expires_at": null });
        assert_eq!(moment(&token, "created_at", "never"), "2026-11-25 08:00Z");
        assert_eq!(moment(&token, "expires_at", "never"), "never");
    }
}
