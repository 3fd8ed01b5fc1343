//! `rollcall backup`: everything by which devices are known, in one locked file, while the appliance runs or not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use axum::http::Method;
use clap::Args;
use serde_json::json;

use super::api::{self, Api, Beside};
use super::print;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The variable that may hold a passphrase or a recovery key.
pub(super) const VARIABLE: &str = "ROLLCALL_BACKUP_PASSPHRASE";

/// Characters of a file with a passphrase or a key that are read.
const KEY_MAX_BYTES: u64 = 8192;

/// Copies the appliance into one file: the database, its sealing key and rollcall.toml, compressed and locked.
///
/// Works while Rollcall runs, through its control socket, without holding anybody up, and while it does not. The file is locked with a passphrase, or for
/// the recovery key that was made on the page. It appears under its name only when it is whole. The database is copied first: in the data folder, or where
/// its disk has no room, in $TMPDIR, or beside FILE. `age` opens it too: age --decrypt FILE | zstd -d | tar x
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall backup school.backup
  rollcall backup --with-packages --passphrase-file /root/passphrase /mnt/usb/school.backup
  rollcall backup --recovery-key - | ssh elsewhere 'cat > school.backup'")]
pub(super) struct Backup {
    /// The file, which must not exist; - for standard output
    file: PathBuf,
    /// Takes the files of apps of your own along
    #[arg(long)]
    with_packages: bool,
    /// A file whose first line is the passphrase [default: $ROLLCALL_BACKUP_PASSPHRASE, else it is asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Locks it for the recovery key instead
    #[arg(long, conflicts_with = "passphrase_file")]
    recovery_key: bool,
    #[command(flatten)]
    beside: Beside,
}

impl Backup {
    /// Does it and says what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { file, with_packages, passphrase_file, recovery_key, beside: Beside { data, json } } = self;
        let to_stdout = file.as_os_str() == "-";
        if !to_stdout && file.exists() {
            return Err(Error::conflict(format!("{} exists already: name another file, or move it away.", file.display())));
        }
        let passphrase = if recovery_key { None } else { Some(passphrase(passphrase_file.as_deref(), true)?) };
        let spare = spare(Some(file.as_path()).filter(|_| !to_stdout));
        let spare = spare.as_deref().and_then(Path::to_str);
        let wish = json!({ "passphrase": passphrase.as_ref().map(Secret::expose), "with_packages": with_packages, "spare_folder": spare });
        let size = api::with(data, async |api| {
            if to_stdout {
                let mut out = Counted::new(io::stdout().lock());
                api.download("/api/v1/backups/file", wish, &mut out).await?;
                let size = out.end()?;
                note(api, None, size).await;
                return Ok(size);
            }
            let mut unfinished = Unfinished::make(&file)?;
            api.download("/api/v1/backups/file", wish, &mut unfinished.out).await?;
            let size = unfinished.keep(&file)?;
            note(api, std::path::absolute(&file).ok(), size).await;
            Ok(size)
        })?;
        let told = if json {
            print::json(&json!({ "file": file.display().to_string(), "size_bytes": size }))
        } else {
            let kept = if recovery_key { "Keep the recovery key" } else { "Keep the passphrase" };
            format!("{} is whole: {}. {kept} somewhere else; without it nobody opens the file.\n", file.display(), mebibytes(size))
        };
        if to_stdout {
            eprint!("{told}");
        } else {
            print::whole(told.as_bytes())?;
        }
        Ok(())
    }
}

/// Where the copy of the database may be made when the data folder's disk is full: the temporary folder that somebody named, or beside the backup.
fn spare(file: Option<&Path>) -> Option<PathBuf> {
    let named = std::env::var_os("TMPDIR").filter(|named| !named.is_empty()).map(PathBuf::from);
    let folder = named.or_else(|| std::path::absolute(file?).ok()?.parent().map(Path::to_path_buf))?;
    std::path::absolute(folder).ok()
}

/// Has it noted that a backup was made, and where it is. It is as good without that.
async fn note(api: &mut Api, path: Option<PathBuf>, size: u64) {
    let path = path.as_deref().and_then(Path::to_str);
    if let Err(error) = api.ask(Method::POST, "/api/v1/backups/kept", Some(json!({ "path": path, "size_bytes": size }))).await {
        eprintln!("rollcall: The backup is whole; only that it was made could not be noted, so it may still be missed: {error}");
    }
}

/// A size for people.
pub(super) fn mebibytes(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes.div_ceil(1 << 10)) } else { format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)) }
}

/// The passphrase or key: of a file, of the variable, or typed; twice where it is new.
pub(super) fn passphrase(file: Option<&Path>, is_new: bool) -> Result<Secret<String>> {
    if let Some(path) = file {
        let unreadable = |error: io::Error| Error::bad_input(format!("{} cannot be read: {error}.", path.display()));
        let mut line = String::new();
        let file = File::open(path).map_err(unreadable)?;
        io::BufReader::new(io::Read::take(file, KEY_MAX_BYTES)).read_line(&mut line).map_err(unreadable)?;
        return Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if let Some(value) = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty()) {
        return Ok(Secret::new(value));
    }
    if !io::stdin().is_terminal() {
        return Err(Error::bad_input(format!(
            "Nobody is here to type a passphrase: give --passphrase-file FILE, or {VARIABLE} in the environment."
        )));
    }
    let ask = |words: &str| {
        rpassword::prompt_password(words)
            .map(Secret::new)
            .map_err(|error| Error::bad_input(format!("The passphrase cannot be read: {error}.")))
    };
    if !is_new {
        return ask("Passphrase or recovery key: ");
    }
    let first = ask("Passphrase, at least 12 characters: ")?;
    if ask("Once more: ")? != first {
        return Err(Error::bad_input("The two are not the same. Nothing was made."));
    }
    Ok(first)
}

/// Counts what is written, and tells a terminal how far it is.
pub(super) struct Counted<W: Write> {
    out: W,
    bytes: u64,
    told: u64,
    tells: bool,
}

impl<W: Write> Counted<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, bytes: 0, told: 0, tells: io::stderr().is_terminal() }
    }

    fn end(&mut self) -> Result<u64> {
        self.out.flush().map_err(|error| Error::conflict(format!("The backup cannot be written: {error}.")))?;
        if self.told > 0 {
            eprintln!();
        }
        Ok(self.bytes)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        if self.tells && self.bytes >> 20 > self.told {
            self.told = self.bytes >> 20;
            eprint!("\r{} MiB", self.told);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file that has its name only when it is whole, and goes when it does not become so.
struct Unfinished {
    out: Counted<BufWriter<File>>,
    path: PathBuf,
}

impl Unfinished {
    fn make(place: &Path) -> Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().ok_or_else(|| Error::bad_input(format!("{} is no name of a file.", place.display())))?);
        name.push(format!(".{}.part", std::process::id()));
        let path = place.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(|error| Error::bad_input(format!("{} cannot be written: {error}.", path.display())))?;
        Ok(Self { out: Counted::new(BufWriter::new(file)), path })
    }

    fn keep(&mut self, place: &Path) -> Result<u64> {
        let size = self.out.end()?;
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let kept =
            self.out.out.get_ref().sync_all().and_then(|()| fs::hard_link(&self.path, place)).and_then(|()| File::open(folder)?.sync_all());
        kept.map_err(|error| Error::conflict(format!("{} cannot be written: {error}.", place.display())))?;
        Ok(size)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole_and_never_takes_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.backup");
        let mut given_up = Unfinished::make(&place).unwrap();
        given_up.out.write_all(b"half").unwrap();
        drop(given_up);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut kept = Unfinished::make(&place).unwrap();
        kept.out.write_all(b"whole").unwrap();
        assert_eq!(kept.keep(&place).unwrap(), 5);
        drop(kept);
        assert_eq!(fs::read(&place).unwrap(), b"whole");
        let mut second = Unfinished::make(&place).unwrap();
        assert!(second.keep(&place).is_err(), "another came between");
        drop(second);
        assert_eq!((fs::read(&place).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (b"whole".to_vec(), 1));
    }

    #[test]
    fn a_passphrase_comes_from_the_first_line_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("phrase");
        fs::write(&path, "correct horse battery \r\nrest").unwrap();
        assert_eq!(passphrase(Some(&path), true).unwrap().expose(), "correct horse battery ");
        assert!(passphrase(Some(&folder.path().join("none")), true).is_err());
    }
}
