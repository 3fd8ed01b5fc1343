//! Work that runs by itself, as people see it: what it does, what came of it, and the wish that it run now.

use serde_json::json;

use crate::error::{Error, Result};
use crate::language::say;
use crate::mdm::connections::Service;
use crate::mdm::{Actor, Right, journal};
use crate::store::Tx;
use crate::store::jobs::{self, Turn};

/// Every job by its name, with what it does.
pub const WORDS: &[(&str, &str)] = &[
    ("push", msg!("wakes devices for which something waits")),
    ("queue", msg!("ends commands whose time is over")),
    ("reconcile", msg!("brings devices to what their groups are to have")),
    ("inventory", msg!("asks devices again what they have and are")),
    ("renewal", msg!("renews device identities before they end")),
    ("setup", msg!("lets devices go on that wait in Setup Assistant")),
    ("authority", msg!("brings the next root certificate to devices in time")),
    ("certificate", msg!("gets the TLS certificate of an authority that everybody trusts, and renews it")),
    ("webhooks", msg!("delivers events to webhooks")),
    ("packages", msg!("tries whether devices can fetch apps of your own from here")),
    ("ade", msg!("reads Apple's list of your devices, and says how each greets whoever unpacks it")),
    ("licences", msg!("asks Apple for licences, gives them back, and reads who has which")),
    ("store", msg!("looks up names, versions and icons of owned apps")),
    ("releases", msg!("asks Apple once a day which OS releases there are")),
    ("attestation", msg!("fetches the root by which Apple vouches for devices, once it is needed")),
    ("notices", msg!("tells people by e-mail and webhook what needs them")),
    ("backups", msg!("makes backups, removes old ones, and tries whether they can be restored")),
    ("integrity", msg!("looks for damage in the database")),
    ("housekeeping", msg!("removes what was kept long enough")),
];

/// Whom a job asks, as people call it within a sentence.
pub fn asked(name: &str) -> &'static str {
    match name {
        "push" => Service::Push.words(),
        "licences" => Service::AppsAndBooks.words(),
        "ade" => Service::DeviceList.words(),
        "releases" => Service::Releases.words(),
        "store" => t!("the App Store"),
        "attestation" => t!("Apple's page of certificates"),
        "certificate" => t!("the certificate authority"),
        "notices" => t!("the mail server"),
        "webhooks" => t!("the receiver"),
        "backups" => t!("the place of the backups"),
        _ => t!("what it asks"),
    }
}

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
    WORDS.iter().map(|(name, words)| Ok(Standing { name, words: say(words), turn: jobs::turn(tx, name)? })).collect()
}

/// Makes a job due now.
pub fn run_now(tx: &Tx, actor: &Actor, name: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    if !WORDS.iter().any(|(known, _)| *known == name) {
        return Err(Error::not_found(t!("There is no such job.")));
    }
    jobs::set_due(tx, name, Some(tx.now))?;
    journal::note(tx, actor, "job.wanted", journal::Subject::default(), json!({ "job": name }))
}
