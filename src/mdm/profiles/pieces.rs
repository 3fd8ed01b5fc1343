//! What one device is to have of the profiles that are assigned to its groups, computed without opening any of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::version;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::wanted::{NO_USER, Origin, Piece, ProfileContent, ProfilePiece, Target, Unable};
use crate::protocol::availability::Capabilities;
use crate::protocol::mobileconfig::facts::{Facts, PayloadFacts};
use crate::protocol::mobileconfig::finish::Finish;
use crate::protocol::mobileconfig::payload_types::{self, PayloadType};
use crate::protocol::mobileconfig::variables::{DOLLAR, VARIABLES, Values, clean};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};
use crate::store::profile_times;
use crate::store::profiles::{self as store, Profile, Version};

/// The profiles that a device is to have, and those that it cannot have with the reason. Other kinds of assignments are passed over.
///
/// Where two groups bring the same profile, the later end counts, and no end beats any.
pub fn pieces(tx: &Tx, target: &Target, assignments: &[Assignment]) -> Result<(Vec<Piece>, Vec<Unable>)> {
    let mut wanted: BTreeMap<&str, Vec<&Assignment>> = BTreeMap::new();
    for assignment in assignments.iter().filter(|assignment| assignment.kind == AssignedKind::Profile) {
        if assignment.ends_at.is_none_or(|end| end > tx.now) {
            wanted.entry(&assignment.item_id).or_default().push(assignment);
        }
    }
    let (mut pieces, mut unable) = (Vec::new(), Vec::new());
    for (id, assignments) in wanted {
        let Some(profile) = store::by_id(tx, id)? else { continue };
        let current = version(tx, id, profile.version)?;
        match piece(tx, target, &profile, &current, &assignments)? {
            Verdict::Wanted(piece) => pieces.push(Piece::Profile(piece)),
            Verdict::Elsewhere => {}
            Verdict::Unable(because) => unable.push(Unable { what: profile.name.clone(), because, origin: origin(&profile) }),
        }
    }
    Ok((pieces, unable))
}

/// The bytes that a device gets: what was uploaded, with the variables filled in and the end put in.
///
/// # Errors
/// Not found when the version is not kept any more; conflict when a variable has no value for this device any more.
pub fn content(tx: &Tx, profile_id: &str, number: i64, target: &Target, ends_at: Option<Timestamp>) -> Result<Vec<u8>> {
    let version = version(tx, profile_id, number)?;
    let finish = finish(&version, target, ends_at).map_err(Error::conflict)?;
    let content = store::content(tx, profile_id, number)?.ok_or_else(super::no_version)?;
    Ok(finish.apply(content.expose(), &version.sha256)?)
}

enum Verdict {
    Wanted(ProfilePiece),
    /// Another channel of the same device gets it.
    Elsewhere,
    Unable(String),
}

fn piece(tx: &Tx, target: &Target, profile: &Profile, version: &Version, assignments: &[&Assignment]) -> Result<Verdict> {
    let facts = &version.facts;
    match place(tx, target, facts)? {
        Place::Here => {}
        Place::Elsewhere => return Ok(Verdict::Elsewhere),
        Place::Nowhere(because) => return Ok(Verdict::Unable(because.to_owned())),
    }
    let installed_at =
        if facts.removal_after_s.is_some() { profile_times::installed_at(tx, &target.enrollment_id, &profile.identifier)? } else { None };
    let ends_at = match end(tx.now, facts, installed_at, assignments) {
        Ok(ends_at) => ends_at,
        Err(because) => return Ok(Verdict::Unable(because.to_owned())),
    };
    if let Some(because) = refusal(target, facts) {
        return Ok(Verdict::Unable(because));
    }
    let finish = match finish(version, target, ends_at) {
        Ok(finish) => finish,
        Err(because) => return Ok(Verdict::Unable(because)),
    };
    Ok(Verdict::Wanted(ProfilePiece {
        identifier: profile.identifier.clone(),
        uuid: finish.uuid(&facts.uuid, &version.sha256),
        digest: finish.digest(&version.sha256),
        content: ProfileContent::Uploaded { profile_id: profile.id.clone(), version: version.version, ends_at },
        name: profile.name.clone(),
        origins: vec![origin(profile)],
        goes_at: goes_at(facts, installed_at),
        by_command: false,
    }))
}

fn origin(profile: &Profile) -> Origin {
    Origin { kind: AssignedKind::Profile, id: profile.id.clone(), name: profile.name.clone() }
}

enum Place {
    Here,
    Elsewhere,
    Nowhere(&'static str),
}

/// Which channel of the device a profile goes to: only a Mac has another one than its own.
fn place(tx: &Tx, target: &Target, facts: &Facts) -> Result<Place> {
    let is_users = target.capabilities.platform == Platform::Macos && facts.is_for_users_of_macs();
    Ok(match (target.is_user_channel(), is_users) {
        (true, true) | (false, false) => Place::Here,
        (true, false) => Place::Elsewhere,
        (false, true) if store::has_user_channel(tx, &target.device_id)? => Place::Elsewhere,
        (false, true) => Place::Nowhere(NO_USER),
    })
}

/// How much earlier than by our clock a profile with a time of its own is taken to be over: a device began to count before its answer came.
pub const TIME_SLACK: Duration = Duration::from_secs(60);

/// Until when the profile is wanted; an error in words when that is over by what the profile itself says. A time of its own (DurationUntilRemoval)
/// runs on each device from when it has it; a device where it has run out must not get it again.
fn end(
    now: Timestamp,
    facts: &Facts,
    installed_at: Option<Timestamp>,
    assignments: &[&Assignment],
) -> Result<Option<Timestamp>, &'static str> {
    if facts.removal_at.is_some_and(|end| end <= now) {
        return Err(t!("Its own removal date has passed; upload it with a later one, or without."));
    }
    let after = facts.removal_after_s.map(|seconds| Duration::from_secs(seconds.max(0).unsigned_abs()));
    let ran_out = |assignment: &&&Assignment| {
        // Assigned anew after it was installed, it may come once more.
        let since = installed_at.filter(|at| *at >= assignment.created_at);
        let slack = after.map_or(Duration::ZERO, |after| TIME_SLACK.min(after / 10));
        since.zip(after).is_some_and(|(at, after)| at.plus(after.saturating_sub(slack)) <= now)
    };
    let open: Vec<_> = assignments.iter().filter(|assignment| !ran_out(assignment)).collect();
    if open.is_empty() {
        return Err(t!(
            "It removes itself after a while, and that has passed on this device; take it back and assign it again to have it once more."
        ));
    }
    let is_endless = open.iter().any(|assignment| assignment.ends_at.is_none());
    Ok(if is_endless { None } else { open.iter().filter_map(|assignment| assignment.ends_at).max() })
}

/// When the device removes it of itself, by its own RemovalDate or the time that it runs from when it came.
fn goes_at(facts: &Facts, installed_at: Option<Timestamp>) -> Option<Timestamp> {
    let after = facts.removal_after_s.map(|seconds| Duration::from_secs(seconds.max(0).unsigned_abs()));
    let ran_out = installed_at.zip(after).map(|(at, after)| at.plus(after));
    [facts.removal_at, ran_out].into_iter().flatten().min()
}

/// Why devices like this one cannot have a profile, where that is known for sure.
fn refusal(target: &Target, facts: &Facts) -> Option<String> {
    let device = &target.capabilities;
    let platform = device.platform;
    if platform == Platform::Unknown {
        return None;
    }
    let known: Vec<&PayloadType> = facts.payloads.iter().filter_map(|payload| payload_types::find(&payload.payload_type)).collect();
    if !facts.payloads.is_empty() && known.len() == facts.payloads.len() && known.iter().all(|payload| !payload.exists_on(platform)) {
        return Some(t!("Nothing in it is for {platform}: it holds {known}.", platform = devices_of(platform), known = names(&known)));
    }
    let unsupervised = || device.supervised == Some(false);
    if let Some(payload) = known.iter().find(|payload| unsupervised() && payload.needs_supervision(platform)) {
        return Some(t!("It holds “{payload}”, which needs a supervised device.", payload = payload.words()));
    }
    if let Some(because) = facts.payloads.iter().filter(|_| unsupervised()).find_map(|payload| unsupervised_refusal(device, payload)) {
        return Some(because);
    }
    // A Mac passes over what is not allowed there; every other device refuses the whole profile.
    let is_own = device.kind.is_user_enrollment() && platform != Platform::Macos;
    let refused = known.iter().find(|payload| is_own && payload.is_refused_in_user_enrollment(platform))?;
    Some(t!("It holds “{refused}”, which a person's own device does not take.", refused = refused.words()))
}

/// Why a device that is not supervised cannot have a payload that such devices take from a version on, and with a key.
fn unsupervised_refusal(device: &Capabilities, payload: &PayloadFacts) -> Option<String> {
    let known = payload_types::find(&payload.payload_type)?;
    let (first, key) = known.unsupervised_from(device.platform)?;
    if device.os_version.compare(first).is_some_and(std::cmp::Ordering::is_lt) {
        return Some(t!("It holds “{known}”, which needs a supervised device before version {first}.", known = known.words(), first));
    }
    let words = known.words();
    (!payload.settings.contains_key(key)).then(|| t!("It holds “{words}” without {key}, which needs a supervised device.", words, key))
}

fn names(known: &[&PayloadType]) -> String {
    let mut names: Vec<&str> = known.iter().map(|payload| payload.words()).collect();
    names.dedup();
    names.join(", ")
}

fn devices_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Ios => t!("iPhones and iPads"),
        Platform::Macos => t!("Macs"),
        Platform::Tvos => t!("Apple TVs"),
        Platform::Visionos => t!("Apple Vision Pro"),
        Platform::Watchos => t!("Apple Watches"),
        Platform::Unknown => t!("this device"),
    }
}

/// What is done to a version for one device; an error in words when a variable has no value there.
fn finish(version: &Version, target: &Target, ends_at: Option<Timestamp>) -> Result<Finish, String> {
    let mut values = Values::new();
    for name in &version.variables {
        if name == DOLLAR {
            values.insert(DOLLAR, String::from("$"));
            continue;
        }
        let Some((known, _)) = VARIABLES.iter().find(|(known, _)| known == name) else {
            return Err(t!("It uses ${name}, which this version of Rollcall does not know.", name));
        };
        let value = target.variables.get(known).map(|value| clean(value)).filter(|value| !value.is_empty());
        values.insert(known, value.ok_or_else(|| missing(target, known))?);
    }
    if ends_at.is_some() && version.facts.is_sealed() {
        return Err(String::from(t!(
            "It is signed or encrypted, so no end can be put into it; upload it unsigned, or assign it without an end."
        )));
    }
    Ok(Finish { values, ends_at })
}

fn missing(target: &Target, name: &str) -> String {
    let has = |name: &str| target.variables.get(name).is_some_and(|value| !value.trim().is_empty());
    let has_person = has("PERSON_NAME") || has("PERSON_EMAIL");
    let why = match name {
        "PERSON_EMAIL" if has_person => t!("The person this device belongs to has no mail address"),
        "PERSON_NAME" | "PERSON_EMAIL" => t!("Nobody is assigned to this device"),
        "CLASS" if has_person => t!("The person this device belongs to is in no class"),
        "CLASS" => t!("Nobody is assigned to this device, so it has no class"),
        "SERIAL" | "UDID" if target.capabilities.kind.is_user_enrollment() => {
            t!("A person's own device does not tell its serial number or UDID")
        }
        _ => t!("The device has not told it yet"),
    };
    t!("{why}, and the profile needs ${name}.", why, name)
}
