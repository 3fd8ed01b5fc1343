//! `rollcall restore`: a data folder from a backup, whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{backup, print, serve};
use crate::clock::Clock;
use crate::config::{Config, FILE_NAME, Layer};
use crate::error::{Error, Kind, Result};
use crate::mdm::backups::restore::{self, Brought};
use crate::pki::vault::Key;
use crate::store::DataFolder;
use crate::store::backup::{Watch, take_over};

/// What may lie in a folder that counts as empty.
///
/// Packages put a `rollcall.toml` there before the first start; one from the backup takes its place, and the old one is kept aside.
const NOTHING: [&str; 3] = ["rollcall.lock", "lost+found", FILE_NAME];

/// Makes a data folder from a backup: every device, its identity, its queue, the certificate authority, the settings.
///
/// The backup is proven to its last byte before anything is put in place. Rollcall must not run on the folder meanwhile: with a package, stop the service
/// first, name its folder with --data, and start the service afterwards. What root restores belongs to the owner of the folder. Devices come back by
/// themselves when the restored appliance is reached under the same address.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall restore school.backup --data /var/lib/rollcall
  rollcall restore --passphrase-file key.txt --replace school.backup
  ssh elsewhere 'cat school.backup' | rollcall restore --passphrase-file key.txt -")]
pub(super) struct Restore {
    /// The backup; - for standard input
    file: PathBuf,
    /// The data folder [default: ./rollcall-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Takes the place of what is in the folder, which is kept aside in it
    #[arg(long)]
    replace: bool,
    /// A file whose first line is the passphrase or the recovery key [default: $ROLLCALL_BACKUP_PASSPHRASE, else it is asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Restore {
    /// Does it and says what was brought.
    pub(super) fn run(self) -> Result<()> {
        let Self { file, data, replace, passphrase_file, json } = self;
        let config = Config::read(Layer::flags().with("data", data), serve::environment())?;
        let input: Box<dyn Read> = if file.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(&file).map_err(|error| Error::bad_input(format!("{} cannot be read: {error}.", file.display())))?)
        };
        let folder = DataFolder::open(&config.data)?;
        if !replace {
            must_be_empty(folder.path())?;
        }
        let key = Key::parse(backup::passphrase(passphrase_file.as_deref(), false)?.expose())?;
        // The file was given in the right words; it is what is in it that may be wrong.
        let brought =
            restore::prepare(folder.path(), io::BufReader::with_capacity(1 << 20, input), &key, Clock::System.now(), &Watch::unending());
        let brought = brought.map_err(|mut error| {
            if error.kind == Kind::BadInput {
                error.kind = Kind::Conflict;
            }
            error
        })?;
        let kept = take_over(folder.path())?.map(|kept| folder.path().join(kept));
        print::whole(
            (if json { as_json(&brought, folder.path(), kept.as_deref()) } else { told(&brought, folder.path(), kept.as_deref()) })
                .as_bytes(),
        )?;
        folder.hand_over()
    }
}

fn must_be_empty(folder: &Path) -> Result<()> {
    let unreadable = |error: io::Error| Error::bad_input(format!("{} cannot be read: {error}.", folder.display()));
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if !NOTHING.iter().any(|nothing| name == *nothing) {
            let (folder, name) = (folder.display(), name.display());
            return Err(Error::conflict(format!(
                "{folder} is not empty (it holds {name}): name another folder with --data, or add --replace to keep what is there aside."
            )));
        }
    }
    Ok(())
}

fn as_json(brought: &Brought, folder: &Path, kept: Option<&Path>) -> String {
    let manifest = &brought.manifest;
    print::json(&json!({
        "data": folder.display().to_string(), "made_at": manifest.made_at, "devices": manifest.devices, "enrolled": manifest.enrolled,
        "with_packages": manifest.with_packages, "withdrawn_commands": brought.settled.withdrawn,
        "kept_aside": kept.map(|kept| kept.display().to_string()),
    }))
}

fn told(brought: &Brought, folder: &Path, kept: Option<&Path>) -> String {
    let (manifest, withdrawn) = (&brought.manifest, brought.settled.withdrawn);
    let mut words = vec![format!(
        "Restored into {}: {} devices, {} of them managed, as they were on {}.",
        folder.display(),
        manifest.devices,
        manifest.enrolled,
        manifest.made_at.words()
    )];
    if withdrawn > 0 {
        let what = "commands that must not be done twice (erase, lock, restart) were withdrawn; ask again for what is still wanted.";
        words.push(format!("{withdrawn} {what}"));
    }
    if !manifest.with_packages {
        words.push(String::from("Files of apps of your own were not in the backup: upload them again where they are missing."));
    }
    if let Some(kept) = kept {
        words.push(format!("What was there before lies in {}; delete it when you do not need it any more.", kept.display()));
    }
    words.push(format!("Now start it under the address that devices know: rollcall serve --data {}\n", folder.display()));
    words.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_nothing_but_settings_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        must_be_empty(folder.path()).unwrap();
        fs::write(folder.path().join("rollcall.toml"), "").unwrap();
        fs::write(folder.path().join("rollcall.lock"), "").unwrap();
        must_be_empty(folder.path()).unwrap();
        fs::write(folder.path().join("rollcall.db"), "").unwrap();
        let refusal = must_be_empty(folder.path()).unwrap_err();
        assert!(refusal.kind == Kind::Conflict && refusal.message.contains("rollcall.db"), "{refusal}");
    }
}
