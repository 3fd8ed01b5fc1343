//! Work that runs by itself, as people see it: what it does, what came of it, and the wish that it run now.

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::store::Tx;
use crate::store::jobs::{self, Turn};

/// Every job by its name, with what it does.
pub const WORDS: &[(&str, &str)] = &[
    ("push", "wakes devices for which something waits"),
    ("queue", "ends commands whose time is over"),
    ("reconcile", "brings devices to what their groups are to have"),
    ("inventory", "asks devices again what they have and are"),
    ("renewal", "renews device identities before they end"),
    ("setup", "lets devices go on that wait in Setup Assistant"),
    ("authority", "brings the next root certificate to devices in time"),
    ("certificate", "gets the TLS certificate of an authority that everybody trusts, and renews it"),
    ("webhooks", "delivers events to webhooks"),
    ("packages", "tries whether devices can fetch apps of your own from here"),
    ("ade", "reads Apple's list of your devices, and says how each greets whoever unpacks it"),
    ("licences", "asks Apple for licences, gives them back, and reads who has which"),
    ("store", "looks up names, versions and icons of owned apps"),
    ("releases", "asks Apple once a day which OS releases there are"),
    ("attestation", "fetches the root by which Apple vouches for devices, once it is needed"),
    ("notices", "tells people by e-mail and webhook what needs them"),
    ("backups", "makes backups, removes old ones, and tries whether they can be restored"),
    ("integrity", "looks for damage in the database"),
    ("housekeeping", "removes what was kept long enough"),
];

/// A job and its last turn.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub words: &'static str,
    /// Its last turn.
    pub turn: Turn,
}

/// Every job.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    WORDS.iter().map(|(name, words)| Ok(Standing { name, words, turn: jobs::turn(tx, name)? })).collect()
}

/// Makes a job due now.
pub fn run_now(tx: &Tx, actor: &Actor, name: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    if !WORDS.iter().any(|(known, _)| *known == name) {
        return Err(Error::not_found("There is no such job."));
    }
    jobs::set_due(tx, name, Some(tx.now))?;
    journal::note(tx, actor, "job.wanted", journal::Subject::default(), json!({ "job": name }))
}
