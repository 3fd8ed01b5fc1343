//! Provisioning profiles: uploaded, assigned to groups, brought to devices beside the apps that need them, and watched until they end.

use std::time::Duration;

use serde_json::json;

use super::packages::{WARNED_DAYS, warn_of_end};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::journal::{self, Subject};
use crate::mdm::settings::zone;
use crate::mdm::wanted::{Origin, Unable};
use crate::mdm::{Actor, Right, assignments, commands};
use crate::protocol::command;
use crate::protocol::provision::{Facts, Reach};
use crate::store::assignments::{self as rows, AssignedKind, Assignment};
use crate::store::deployments::{self, Deployment, provisioning_key};
use crate::store::enrollments::Enrollment;
use crate::store::profiles::{self, Standing};
use crate::store::provisioning::{self as store, ProvisioningProfile};
use crate::store::{Tx, alerts, groups};

/// What marks the question for the list; one is enough.
pub const LIST_KEY: &str = "reconcile:verify-provisioning";

/// The most provisioning profiles.
pub const PROFILES_MAX: u64 = 500;

/// A profile that was read, with its bytes.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// What it says.
    pub facts: Facts,
    /// As Apple signed it.
    pub content: Vec<u8>,
}

/// A profile with what a list shows of it.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The profile.
    pub profile: ProvisioningProfile,
    /// Where it is assigned.
    pub assignments: Vec<Assignment>,
}

/// A profile that a device is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its row's id.
    pub id: String,
    /// Its UUID, by which ProvisioningProfileList tells it and RemoveProvisioningProfile removes it.
    pub uuid: String,
    /// What it is called.
    pub name: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Reads an uploaded profile; it takes a signature's time.
pub fn recognise(content: Vec<u8>) -> Result<Recognised> {
    Ok(Recognised { facts: crate::protocol::provision::read(&content)?, content })
}

/// One page of profiles by name, and how many there are.
pub fn list(tx: &Tx, actor: &Actor, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Overview>, u64)> {
    actor.require(Right::View)?;
    let all = store::list(tx, after, limit)?.into_iter().map(|profile| overview(tx, profile)).collect::<Result<_>>()?;
    Ok((all, store::count(tx)?))
}

/// One profile.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Overview> {
    actor.require(Right::View)?;
    overview(tx, known(tx, id)?)
}

fn overview(tx: &Tx, profile: ProvisioningProfile) -> Result<Overview> {
    Ok(Overview { assignments: rows::of_item(tx, AssignedKind::Provisioning, &profile.id)?, profile })
}

fn known(tx: &Tx, id: &str) -> Result<ProvisioningProfile> {
    store::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such provisioning profile.")))
}

/// Keeps a profile; the same one again is the same. Tells whether it is new.
///
/// # Errors
/// Names `file` when it has ended, or is for uploads to the App Store; conflict when there are [`PROFILES_MAX`], or another one has its UUID.
pub fn create(tx: &Tx, actor: &Actor, brought: &Recognised) -> Result<(Overview, bool)> {
    actor.require(Right::Configure)?;
    let facts = &brought.facts;
    if let Some(known) = store::by_uuid(tx, &facts.uuid)? {
        if content(tx, &known.id)? != brought.content {
            return Err(Error::conflict(t!(
                "Another provisioning profile with the same UUID is here, “{name}”, and devices would take the two for one. Apple gives each its own UUID: download this one again, or delete the other one first.",
                name = known.name
            )));
        }
        return Ok((overview(tx, known)?, false));
    }
    if facts.expires_at <= tx.now {
        return Err(Error::field(
            "file",
            t!(
                "This provisioning profile ended on {day}. Renew it on Apple's developer site and download the new one.",
                day = language::date(facts.expires_at.day())
            ),
        ));
    }
    if facts.devices == Reach::AppStore {
        return Err(Error::field(
            "file",
            t!(
                "This provisioning profile is for uploads to the App Store, and no device runs an app by it. Make one for in-house or ad hoc distribution."
            ),
        ));
    }
    if store::count(tx)? >= PROFILES_MAX {
        return Err(Error::conflict(t!(
            "There are {PROFILES_MAX} provisioning profiles already, which is the most. Delete old ones first.",
            PROFILES_MAX
        )));
    }
    let profile = ProvisioningProfile {
        id: tx.new_id(),
        uuid: facts.uuid.clone(),
        name: facts.name.clone(),
        expires_at: facts.expires_at,
        facts: facts.clone(),
        created_by: actor.to_string(),
        created_at: tx.now,
    };
    store::insert(tx, &profile, &brought.content)?;
    journal::note(tx, actor, "provisioning.uploaded", Subject::default(), said(&profile))?;
    warn(tx, &profile)?;
    Ok((overview(tx, profile)?, true))
}

fn said(profile: &ProvisioningProfile) -> serde_json::Value {
    json!({ "provisioning": profile.id, "name": profile.name, "uuid": profile.uuid, "expires_at": profile.expires_at })
}

/// Deletes a profile: it is taken back from every group first, so that it goes from the devices too.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    assignments::unassign_everywhere(tx, actor, (AssignedKind::Provisioning, id, &profile.name))?;
    store::delete(tx, id)?;
    alerts::clear(tx, &alert(&profile))?;
    journal::note(tx, actor, "provisioning.deleted", Subject::default(), said(&profile))
}

/// Assigns a profile to a group.
pub fn assign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<Assignment> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    groups::by_id(tx, group_id)?.ok_or_else(|| Error::not_found(t!("There is no such group.")))?;
    warn(tx, &profile)?;
    assignments::assign(tx, actor, (AssignedKind::Provisioning, id, &profile.name), group_id, None)
}

/// Takes a profile back from a group; it goes from the group's devices.
pub fn unassign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let profile = known(tx, id)?;
    assignments::unassign(tx, actor, (AssignedKind::Provisioning, id, &profile.name), group_id)
}

/// The profiles that a device is to have by what is assigned to it; those that have ended are left out, since no device takes them. Other kinds of
/// assignments are passed over.
pub fn pieces(tx: &Tx, assigned: &[Assignment]) -> Result<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    for assignment in assigned.iter().filter(|assignment| assignment.kind == AssignedKind::Provisioning) {
        if pieces.iter().any(|piece| piece.id == assignment.item_id) || assignment.ends_at.is_some_and(|end| end <= tx.now) {
            continue;
        }
        let Some(profile) = store::by_id(tx, &assignment.item_id)?.filter(|profile| profile.expires_at > tx.now) else { continue };
        pieces.push(Piece { id: profile.id, uuid: profile.uuid, name: profile.name, expires_at: profile.expires_at });
    }
    pieces.sort_by(|one, other| one.uuid.cmp(&other.uuid));
    Ok(pieces)
}

/// Why a device lacks what is assigned to it: profiles that have ended, where none that holds is for the same app.
pub fn ended(tx: &Tx, assigned: &[Assignment]) -> Result<Vec<Unable>> {
    let mut profiles: Vec<ProvisioningProfile> = Vec::new();
    for assignment in assigned.iter().filter(|assignment| assignment.kind == AssignedKind::Provisioning) {
        if profiles.iter().all(|profile| profile.id != assignment.item_id) {
            profiles.extend(store::by_id(tx, &assignment.item_id)?);
        }
    }
    let zone = zone(tx)?;
    let is_newest = |profile: &ProvisioningProfile| {
        let mut others = profiles.iter().filter(|other| other.facts.app_id == profile.facts.app_id);
        others.all(|other| other.expires_at <= profile.expires_at)
    };
    let say = |profile: &ProvisioningProfile| Unable {
        what: profile.name.clone(),
        because: t!(
            "It ended on {day}: the apps that need it do not start. Renew it on Apple's developer site, upload the new one, and assign it to the same groups.",
            day = language::date(zone.day(profile.expires_at))
        ),
        origin: Origin { kind: AssignedKind::Provisioning, id: profile.id.clone(), name: profile.name.clone() },
    };
    Ok(profiles.iter().filter(|profile| profile.expires_at <= tx.now && is_newest(profile)).map(say).collect())
}

/// Asks a device that has or had provisioning profiles from here which ones it has.
pub fn ask_list(tx: &Tx, actor: &Actor, enrollment: &Enrollment) -> Result<()> {
    if deployments::of_enrollment(tx, &enrollment.id)?.iter().any(|row| deployments::is_provisioning(&row.key)) {
        let order = command::provisioning_profile_list(tx.command_uuid());
        commands::enqueue_own(tx, actor, enrollment, order, Some(LIST_KEY), None)?;
    }
    Ok(())
}

/// Whether a profile that has gone from a device is remembered there: while it holds, a computer may put it back.
pub fn is_remembered(tx: &Tx, row: &Deployment) -> Result<bool> {
    let Some(uuid) = deployments::provisioning_uuid(&row.key).filter(|_| !row.payload_uuid.is_empty()) else { return Ok(false) };
    Ok(store::by_uuid(tx, uuid)?.is_some_and(|profile| profile.expires_at > tx.now))
}

/// The bytes of a profile, as Apple signed it.
///
/// # Errors
/// Not found when it was deleted.
pub fn content(tx: &Tx, id: &str) -> Result<Vec<u8>> {
    store::content(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such provisioning profile.")))
}

fn alert(profile: &ProvisioningProfile) -> String {
    format!("provisioning.ends:{}", profile.id)
}

/// Says which profiles end soon: 30, 14 and 7 days before, and when it is over. Gives how many.
pub fn watch_ends(tx: &Tx) -> Result<usize> {
    let soon = tx.now.plus(Duration::from_secs(WARNED_DAYS[0].unsigned_abs() * 24 * 3600));
    let ending = store::ending(tx, soon)?;
    ending.iter().try_for_each(|profile| warn(tx, profile))?;
    Ok(ending.len())
}

/// Says of one profile that it ends, where that is soon.
fn warn(tx: &Tx, profile: &ProvisioningProfile) -> Result<()> {
    let what = t!("The provisioning profile “{name}”", name = profile.name);
    let remedy = t!(
        "After that the apps that need it start on no device. Renew it on Apple's developer site, upload the new one and assign it to the same groups; then delete this one."
    );
    warn_of_end(tx, &alert(profile), profile.expires_at, &what, remedy)
}

/// The most rows of [`standings`].
const STANDINGS_MAX: u32 = 500;

/// How far each device is with a profile: those that cannot have it and those that refused it first.
pub fn standings(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    let profile = known(tx, id)?;
    let mut all = profiles::unable(tx, AssignedKind::Provisioning, id, STANDINGS_MAX)?;
    all.extend(profiles::standings(tx, &provisioning_key(&profile.uuid), STANDINGS_MAX)?);
    Ok(all)
}
