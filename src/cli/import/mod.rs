//! `rollcall import`: devices of another server move in, and what they need here: its authority, its push certificate, its profile.

mod collect;
mod deeds;
mod told;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::api::{self, Beside};
use super::print;
use crate::error::{Error, Result};
use crate::store::moves::MovedFrom;

/// Moves devices in from NanoMDM or MicroMDM: they keep their profile, their addresses and their identity, and do not notice.
///
/// Works while Rollcall runs, through its control socket, and while it does not. With --check it only says what would become of everything. Whatever is
/// brought again does no harm, and a device that has come itself is never changed by it. Passphrases are read from a file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall import micromdm --check /var/db/micromdm/micromdm.db
  rollcall import micromdm micromdm.db --profile enroll.mobileconfig
  rollcall import nanomdm /var/lib/nanomdm/dbkv ca.pem push.pem push.key --profile enroll.mobileconfig
  rollcall import nanomdm nanomdm.sql
  rollcall import ca depot/ca.pem depot/ca.key")]
pub(super) struct Import {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Trusts the authority that issued the devices' identities: PEM, DER, PKCS#12 or micromdm.db, with its key or without
    Ca {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Moves devices in from NanoMDM: a storage folder (file, filekv), a dump of its database, or check-ins; certificates beside them
    Nanomdm(Things),
    /// Moves devices in from MicroMDM: micromdm.db, which holds everything, or check-ins that llorne sent elsewhere; certificates beside them
    Micromdm(Things),
}

#[derive(Debug, Args)]
struct Things {
    /// Files and folders, recognised by what is in them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The profile by which that server enrolls devices, as they get it: without it their identities cannot be renewed from here
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// A file whose first line opens what is encrypted
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// For how many days devices are taken in
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// Changes nothing, and says what would become of everything
    #[arg(long)]
    check: bool,
}

impl Import {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed, beside: Beside { data, json } } = self;
        let (paths, profile, how, source) = match deed {
            Deed::Ca { files, how } => (files, None, how, None),
            Deed::Nanomdm(things) => (things.paths, things.profile, things.how, Some(MovedFrom::NanoMdm)),
            Deed::Micromdm(things) => (things.paths, things.profile, things.how, Some(MovedFrom::MicroMdm)),
        };
        let passphrase = how.passphrase_file.as_deref().map(|file| super::backup::passphrase(Some(file), false)).transpose()?;
        let passphrase = passphrase.as_ref().map(|secret| secret.expose().as_str());
        let mut load = collect::load(&paths, profile.as_deref(), passphrase)?;
        if source.is_none() {
            load.only_authorities()?;
        }
        let report = api::with(data, async |api| deeds::all(api, load, source.unwrap_or(MovedFrom::Nano), how.days, how.check).await)?;
        print::whole((if json { print::json(&report) } else { told::told(&report) }).as_bytes())?;
        match report["problems"].as_array().map_or(0, Vec::len) + refused(&report) {
            0 => Ok(()),
            _ => Err(Error::conflict("Not everything was taken; what was stays. Mend what is named above and run the same once more.")),
        }
    }
}

fn refused(report: &Value) -> usize {
    report["messages"]["refused"].as_u64().unwrap_or_default() as usize
}
