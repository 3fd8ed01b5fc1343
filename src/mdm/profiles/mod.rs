//! Uploaded profiles: the library with its versions, whom they are assigned to, and what each device is to have of them.

mod assign;
mod conflicts;
mod pieces;
mod unheeded;
mod upload;

pub use assign::{assign, check, foreseen, unassign};
pub use conflicts::{Warning, clashing};
pub use pieces::{TIME_SLACK, content, pieces};
pub use unheeded::on_device as unheeded_on;
pub use upload::{MAX_IDENTIFIER_BYTES, OWN_PREFIX, Recognised, Uploaded, add_version, create, recognise};

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, assignments, names};
use crate::protocol::mobileconfig::{self, diff};
use crate::secret::SecretBytes;
use crate::store::assignments::{self as rows, AssignedKind, Assignment};
use crate::store::profiles::{self as store, Profile, ProfileState, Standing, Version};
use crate::store::{Tx, deployments, outcomes, profile_times};

/// The largest profile that is taken, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// The most payloads of one profile.
pub const MAX_PAYLOADS: usize = 256;

/// How many versions of one profile are kept; the one in use is never among those that go.
pub const VERSIONS_KEPT: usize = 50;

/// The most profiles in the library.
pub const MAX_PROFILES: u64 = 2_000;

/// The longest name of a profile, in characters.
pub const MAX_NAME_CHARS: usize = 200;

/// The longest note on a profile, in characters.
pub const MAX_NOTE_CHARS: usize = 2_000;

/// How many devices the results of one profile list.
pub const STANDINGS_MAX: u32 = 500;

/// A profile with what a list shows of it.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The profile.
    pub profile: Profile,
    /// The version in use.
    pub current: Version,
    /// Where it is assigned.
    pub assignments: Vec<Assignment>,
    /// How many devices that are.
    pub reach: u64,
    /// How many enrollments are how far.
    pub counts: Vec<(ProfileState, u64)>,
}

/// One page of the library, by name, and how many profiles there are in all.
pub fn list(tx: &Tx, actor: &Actor, after: Option<&(String, String)>, limit: u32) -> Result<(Vec<Overview>, u64)> {
    actor.require(Right::View)?;
    let profiles = store::list(tx, after, limit)?.into_iter().map(|profile| overview(tx, profile)).collect::<Result<_>>()?;
    Ok((profiles, store::count(tx)?))
}

/// One profile with what is known of it.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Overview> {
    actor.require(Right::View)?;
    overview(tx, known(tx, id)?)
}

fn overview(tx: &Tx, profile: Profile) -> Result<Overview> {
    Ok(Overview {
        current: version(tx, &profile.id, profile.version)?,
        assignments: rows::of_item(tx, AssignedKind::Profile, &profile.id)?,
        reach: outcomes::reach(tx, AssignedKind::Profile, &profile.id)?,
        counts: store::counts(tx, &profile.identifier)?,
        profile,
    })
}

/// The versions of a profile that are kept, newest first.
pub fn versions(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<Version>> {
    actor.require(Right::View)?;
    store::versions(tx, &known(tx, id)?.id)
}

/// How far each device is with a profile, what failed and what cannot be first; at most [`STANDINGS_MAX`] of each.
pub fn standings(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    let profile = known(tx, id)?;
    let mut all = store::unable(tx, AssignedKind::Profile, id, STANDINGS_MAX)?;
    all.extend(store::standings(tx, &deployments::profile_key(&profile.identifier), STANDINGS_MAX)?);
    Ok(all)
}

/// What an admin changes about a profile; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// The version that devices are to have: an older one takes a mistake back.
    pub version: Option<i64>,
}

/// Renames a profile, notes what it is for, or has devices get another of its versions.
pub fn edit(tx: &Tx, actor: &Actor, id: &str, edit: Edit) -> Result<Profile> {
    actor.require(Right::Configure)?;
    let mut profile = known(tx, id)?;
    let before = profile.clone();
    if let Some(name) = edit.name {
        profile.name = name_of(&name)?;
    }
    if let Some(note) = edit.note {
        profile.note = note_of(&note)?;
    }
    if let Some(number) = edit.version {
        let wanted = version(tx, id, number)?;
        assign::must_take_ends(tx, id, &wanted.facts)?;
        if number != before.version {
            upload::must_last(tx, &wanted.facts)?;
        }
        profile.version = number;
    }
    if profile == before {
        return Ok(profile);
    }
    profile.changed_at = tx.now;
    store::update(tx, &profile)?;
    let data = json!({ "profile": id, "name": profile.name, "version": profile.version });
    let kind = if profile.version == before.version { "profile.changed" } else { "profile.version_used" };
    journal::note(tx, actor, kind, Subject::default(), data)?;
    if profile.version != before.version {
        assignments::changed(tx, AssignedKind::Profile, id)?;
    }
    Ok(profile)
}

/// Deletes a profile: it is taken back from every group first, so that it goes from the devices too.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    assignments::unassign_everywhere(tx, actor, (AssignedKind::Profile, id, &profile.name))?;
    store::delete(tx, id)?;
    let data = json!({ "profile": id, "name": profile.name, "identifier": profile.identifier });
    journal::note(tx, actor, "profile.deleted", Subject::default(), data)
}

/// A version as it was uploaded, byte for byte: it may hold passwords, so whoever takes it is written down.
pub fn download(tx: &Tx, actor: &Actor, id: &str, number: Option<i64>) -> Result<(Profile, SecretBytes)> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    let number = number.unwrap_or(profile.version);
    let content = store::content(tx, id, number)?.ok_or_else(no_version)?;
    let data = json!({ "profile": id, "name": profile.name, "version": number });
    journal::note(tx, actor, "profile.downloaded", Subject::default(), data)?;
    Ok((profile, content))
}

/// What differs between two versions, secrets hidden; of whoever may not read profiles every value but what is on or off.
pub fn difference(tx: &Tx, actor: &Actor, id: &str, from: i64, to: i64) -> Result<diff::Diff> {
    actor.require(Right::View)?;
    known(tx, id)?;
    let read = |number| -> Result<mobileconfig::Profile> {
        let content = store::content(tx, id, number)?.ok_or_else(no_version)?;
        Ok(mobileconfig::read(content.expose())?)
    };
    let found = diff::diff(&read(from)?, &read(to)?);
    Ok(if actor.may(Right::Configure) { found } else { found.without_values() })
}

/// One version of a profile.
pub fn version(tx: &Tx, id: &str, number: i64) -> Result<Version> {
    store::version_of(tx, id, number)?.ok_or_else(no_version)
}

/// What is odd about a version by itself, and against the one in use.
pub fn oddities(tx: &Tx, id: &str, shown: &Version) -> Result<Vec<Warning>> {
    let current = version(tx, id, known(tx, id)?.version)?;
    Ok(conflicts::odd(shown, Some(&current)))
}

fn known(tx: &Tx, id: &str) -> Result<Profile> {
    store::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such profile.")))
}

fn no_version() -> Error {
    Error::not_found(t!("There is no such version of this profile; only the last ones are kept."))
}

fn name_of(name: &str) -> Result<String> {
    let name = names::straight(name);
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("a name of 1 to {MAX_NAME_CHARS} characters on one line", MAX_NAME_CHARS)));
    }
    Ok(name)
}

fn note_of(note: &str) -> Result<String> {
    let note = note.trim().replace("\r\n", "\n");
    if note.chars().count() > MAX_NOTE_CHARS || note.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(Error::field("note", t!("at most {MAX_NOTE_CHARS} characters", MAX_NOTE_CHARS)));
    }
    Ok(note)
}

/// A device confirmed that it has an uploaded profile: where that has a time of its own, it runs from here.
pub fn came(tx: &Tx, enrollment_id: &str, identifier: &str) -> Result<()> {
    let Some(profile) = store::by_identifier(tx, identifier)? else { return Ok(()) };
    let has_time = version(tx, &profile.id, profile.version)?.facts.removal_after_s.is_some();
    if has_time {
        profile_times::begin(tx, enrollment_id, identifier)?;
        // Its end is known from here on.
        deployments::look_again_at(tx, enrollment_id)?;
    }
    Ok(())
}

/// Whether a profile is assigned for a limited time somewhere.
fn has_end(tx: &Tx, id: &str) -> Result<bool> {
    let all = rows::of_item(tx, AssignedKind::Profile, id)?;
    Ok(all.iter().any(|assignment| assignment.ends_at.is_some_and(|end| end > tx.now)))
}
