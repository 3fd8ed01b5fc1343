//! A profile that is brought: recognised, refused for what devices or we could not do with it, and kept as a version.

use serde_json::json;

use super::conflicts::{self, Warning};
use super::{MAX_BYTES, MAX_NAME_CHARS, MAX_PAYLOADS, MAX_PROFILES, VERSIONS_KEPT, assign, name_of, note_of, unheeded};
use crate::error::{Error, Kind, Result};
use crate::language;
use crate::mdm::enroll::profile as enrollment;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, assignments, names};
use crate::pki::digest::sha256;
use crate::pki::dropped::{self, Place};
use crate::protocol::mobileconfig::facts::Facts;
use crate::protocol::mobileconfig::payload_types::RESERVED;
use crate::protocol::mobileconfig::{self, ProfileError, types, variables};
use crate::protocol::plist::{self, Value};
use crate::store::Tx;
use crate::store::assignments::{self as rows, AssignedKind};
use crate::store::profiles::{self as store, Profile, Version};

/// PayloadIdentifiers that begin so are those of profiles that Rollcall itself makes.
pub const OWN_PREFIX: &str = "org.rollcall.";

/// The longest PayloadIdentifier, in bytes.
pub const MAX_IDENTIFIER_BYTES: usize = 255;

/// A profile that can be kept, with what it is.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// As it was brought.
    pub content: Vec<u8>,
    /// SHA-256 of it.
    pub sha256: [u8; 32],
    /// What it is and holds.
    pub facts: Facts,
    /// The names of the variables that it uses.
    pub variables: Vec<String>,
}

/// What became of an upload.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The profile.
    pub profile: Profile,
    /// The version that holds what was brought.
    pub version: Version,
    /// Whether anything is other than before: the same bytes again change nothing.
    pub changed: bool,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

/// Reads what was brought and refuses what cannot be kept. It is slow for signed profiles and needs no transaction.
///
/// # Errors
/// What is no profile, is too large, would take over management, or has variables that cannot be filled in.
pub fn recognise(content: Vec<u8>) -> Result<Recognised> {
    if content.is_empty() {
        return Err(Error::bad_input(t!("The file is empty. Choose a configuration profile; its name ends in .mobileconfig.")));
    }
    if content.len() > MAX_BYTES {
        return Err(Error::new(
            Kind::TooLarge,
            t!("The profile is larger than {max_bytes} MB, the most that is taken.", max_bytes = MAX_BYTES >> 20),
        ));
    }
    let profile = mobileconfig::read(&content).map_err(|error| named(error, &content))?;
    if profile.payloads.len() > MAX_PAYLOADS {
        return Err(Error::bad_input(t!("The profile has more than {MAX_PAYLOADS} payloads; split it.", MAX_PAYLOADS)));
    }
    let is_printable = profile.identifier.bytes().all(|letter| letter.is_ascii_graphic());
    if profile.identifier.len() > MAX_IDENTIFIER_BYTES || !is_printable {
        return Err(Error::bad_input(t!(
            "Its PayloadIdentifier must be letters, digits and dots, for example school.example.wifi, and at most {MAX_IDENTIFIER_BYTES} of them.",
            MAX_IDENTIFIER_BYTES
        )));
    }
    if let Some(payload) = profile.payloads.iter().find(|payload| RESERVED.contains(&payload.payload_type.as_str())) {
        return Err(Error::bad_input(t!(
            "The profile holds a payload of type {payload_type}, which enrolls a device or changes its management. Rollcall makes those itself; take it out.",
            payload_type = payload.payload_type
        )));
    }
    let faults = types::of_outside(&profile);
    if !faults.is_empty() {
        return Err(Error::bad_input(t!("The profile cannot be kept: {list}.", list = faults.join("; "))));
    }
    let facts = Facts::of(&profile);
    let variables = variables_of(&profile.keys, &facts)?;
    Ok(Recognised { sha256: sha256(&content), facts, variables, content })
}

/// What was brought in place of a profile, and what is wanted.
fn named(error: ProfileError, content: &[u8]) -> Error {
    let is_other = matches!(error, ProfileError::Plist(_) | ProfileError::NotAProfile | ProfileError::NoContent(_));
    let what = if is_other { dropped::sentences(content, Place::Profiles) } else { String::new() };
    if what.is_empty() { error.into() } else { Error::bad_input(t!("{what}Here a configuration profile (.mobileconfig) is needed.", what)) }
}

fn variables_of(keys: &plist::Dictionary, facts: &Facts) -> Result<Vec<String>> {
    let found = match variables::find(keys) {
        Ok(found) => found,
        // Nothing is filled in there, so nothing can go wrong by what only looks like a variable.
        Err(_) if facts.is_sealed() => return Ok(Vec::new()),
        Err(error) => return Err(Error::bad_input(format!("{error}."))),
    };
    if found.contains(variables::ACCESS_TOKEN) {
        return Err(Error::bad_input(t!(
            "The profile uses ${access_token}, which only the configurations of apps can have: it says which app asks. In profiles there are {known}.",
            access_token = variables::ACCESS_TOKEN,
            known = variables::known()
        )));
    }
    if let Some(name) = found.first().filter(|_| facts.is_sealed()) {
        let what = if facts.is_signed { t!("signed") } else { t!("encrypted") };
        return Err(Error::bad_input(t!(
            "The profile is {what} and uses ${name}: filling that in would break it. Upload it without its signature and encryption, or write the value out.",
            what,
            name
        )));
    }
    if !facts.is_sealed() {
        // What could not be written again could be neither filled in nor given an end.
        plist::to_xml(&Value::Dictionary(keys.clone()))?;
    }
    Ok(found.into_iter().map(str::to_owned).collect())
}

/// Keeps a profile that is new to the library.
///
/// # Errors
/// Conflict when one with the same PayloadIdentifier is there already, which is named; unless it holds the very same bytes.
pub fn create(tx: &Tx, actor: &Actor, brought: &Recognised, name: &str, note: &str) -> Result<Uploaded> {
    actor.require(Right::Configure)?;
    let identifier = &brought.facts.identifier;
    must_not_be_ours(tx, identifier)?;
    if let Some(existing) = store::by_identifier(tx, identifier)? {
        let current = super::version(tx, &existing.id, existing.version)?;
        if current.sha256 == brought.sha256 {
            let warnings = told(tx, &existing, &current, None)?;
            return Ok(Uploaded { warnings, profile: existing, version: current, changed: false });
        }
        return Err(Error::conflict(t!(
            "“{name}” has the PayloadIdentifier {identifier} already, and a device has only one profile of an identifier. Upload this as a new version \
             of it, or give it a PayloadIdentifier of its own.",
            name = existing.name,
            identifier
        )));
    }
    must_last(tx, &brought.facts)?;
    if store::count(tx)? >= MAX_PROFILES {
        return Err(Error::conflict(t!(
            "There are {MAX_PROFILES} profiles already, the most that are kept. Delete some first.",
            MAX_PROFILES
        )));
    }
    let name = if name.trim().is_empty() { own_name(&brought.facts) } else { name_of(name)? };
    let profile = Profile {
        id: tx.new_id(),
        identifier: identifier.clone(),
        name,
        note: note_of(note)?,
        version: 1,
        created_at: tx.now,
        changed_at: tx.now,
    };
    store::insert(tx, &profile)?;
    let version = keep(tx, actor, &profile, 1, brought)?;
    journal::note(tx, actor, "profile.uploaded", Subject::default(), said(&profile, &version))?;
    Ok(Uploaded { warnings: told(tx, &profile, &version, None)?, profile, version, changed: true })
}

/// What is odd about a version, and which of its keys do nothing on devices that have it or, while nobody has it, that may get it.
fn told(tx: &Tx, profile: &Profile, version: &Version, before: Option<&Version>) -> Result<Vec<Warning>> {
    let mut warnings = conflicts::odd(version, before);
    let assigned = rows::of_item(tx, AssignedKind::Profile, &profile.id)?;
    let open = assigned.iter().filter(|row| row.ends_at.is_none_or(|end| end > tx.now));
    let groups: Vec<&str> = open.map(|row| row.group_id.as_str()).collect();
    warnings.extend(unheeded::among(tx, &profile.name, &version.facts, &groups)?);
    Ok(warnings)
}

/// What a profile calls itself, as far as that can stand on one line.
fn own_name(facts: &Facts) -> String {
    let said = facts.display_name.as_deref().unwrap_or_default();
    let said: String = names::straight(said).chars().filter(|letter| !letter.is_control()).take(MAX_NAME_CHARS).collect();
    if said.trim().is_empty() { facts.identifier.clone() } else { said.trim().to_owned() }
}

/// Keeps another version of a profile, and has devices get it if `is_used`.
///
/// # Errors
/// Names both identifiers when it is another profile; conflict when it is signed and the profile is assigned for a limited time.
pub fn add_version(tx: &Tx, actor: &Actor, id: &str, brought: &Recognised, is_used: bool) -> Result<Uploaded> {
    actor.require(Right::Configure)?;
    let mut profile = super::known(tx, id)?;
    if brought.facts.identifier != profile.identifier {
        return Err(Error::bad_input(t!(
            "This is another profile: its PayloadIdentifier is {identifier}, that of “{name}” is {identifier_2}. Upload it as a profile of its own.",
            identifier = brought.facts.identifier,
            name = profile.name,
            identifier_2 = profile.identifier
        )));
    }
    let versions = store::versions(tx, id)?;
    let current = super::version(tx, id, profile.version)?;
    let same = versions.iter().find(|version| version.sha256 == brought.sha256).cloned();
    let will_change = is_used && same.as_ref().is_none_or(|same| same.version != profile.version);
    if will_change {
        assign::must_take_ends(tx, id, &brought.facts)?;
    }
    let is_new = same.is_none();
    if is_new || will_change {
        must_last(tx, &brought.facts)?;
    }
    let version = if let Some(same) = same {
        same
    } else {
        let number = versions.first().map_or(1, |newest| newest.version + 1);
        prune(tx, &profile, &versions)?;
        keep(tx, actor, &profile, number, brought)?
    };
    if is_new {
        journal::note(tx, actor, "profile.version_uploaded", Subject::default(), said(&profile, &version))?;
    }
    if will_change {
        profile.version = version.version;
        profile.changed_at = tx.now;
        store::update(tx, &profile)?;
        journal::note(tx, actor, "profile.version_used", Subject::default(), said(&profile, &version))?;
        assignments::changed(tx, AssignedKind::Profile, id)?;
    }
    let warnings = told(tx, &profile, &version, Some(&current))?;
    Ok(Uploaded { profile, version, changed: is_new || will_change, warnings })
}

fn said(profile: &Profile, version: &Version) -> serde_json::Value {
    json!({ "profile": profile.id, "name": profile.name, "identifier": profile.identifier, "version": version.version })
}

fn keep(tx: &Tx, actor: &Actor, profile: &Profile, number: i64, brought: &Recognised) -> Result<Version> {
    let version = Version {
        profile_id: profile.id.clone(),
        version: number,
        sha256: brought.sha256,
        size_bytes: brought.content.len() as i64,
        facts: brought.facts.clone(),
        variables: brought.variables.clone(),
        created_by: actor.to_string(),
        created_at: tx.now,
    };
    store::insert_version(tx, &version, &brought.content)?;
    Ok(version)
}

/// Makes room for one more version; `versions` come newest first.
fn prune(tx: &Tx, profile: &Profile, versions: &[Version]) -> Result<()> {
    let surplus = (versions.len() + 1).saturating_sub(VERSIONS_KEPT);
    let unused = versions.iter().rev().filter(|version| version.version != profile.version);
    for version in unused.take(surplus) {
        store::delete_version(tx, &profile.id, version.version)?;
    }
    Ok(())
}

/// Refuses a version that devices would remove as soon as they have it.
pub(super) fn must_last(tx: &Tx, facts: &Facts) -> Result<()> {
    match facts.removal_at {
        Some(end) if end <= tx.now => Err(Error::bad_input(t!(
            "Its RemovalDate, {end}, has passed: devices would remove it as soon as they have it. Give it a later one, or take it out.",
            end = language::date(end.words())
        ))),
        _ => Ok(()),
    }
}

fn must_not_be_ours(tx: &Tx, identifier: &str) -> Result<()> {
    let own = enrollment::identifier(tx)?;
    // Devices compare letter by letter, people do not.
    let (identifier, own) = (identifier.to_ascii_lowercase(), own.to_ascii_lowercase());
    let is_ours = identifier == own || identifier.starts_with(&format!("{own}.")) || identifier.starts_with(OWN_PREFIX);
    if is_ours {
        return Err(Error::bad_input(t!(
            "The PayloadIdentifier {identifier} is one of Rollcall's own: on devices it would replace what Rollcall itself put there. Give the profile another one.",
            identifier
        )));
    }
    Ok(())
}
