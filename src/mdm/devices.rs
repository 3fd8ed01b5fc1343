//! Devices as people manage them: found, retired, deleted, and the secrets held for them.

use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::language::say;
use crate::mdm::{Actor, Right, absent, checkin, escrow as held, journal, licences, push};
use crate::secret::SecretBytes;
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::escrow::{EscrowKind, Held};
use crate::store::roster::{self, Counts, Listed};
use crate::store::{Tx, groups};

/// Why a retired device's enrollment is over, in words.
const RETIRED: &str = msg!("the device was retired");

/// A device by its id, by the Nano id of one of its enrollments, or by its serial number.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Device> {
    actor.require(Right::View)?;
    any(tx, id)?.filter(|device| device.deleted_at.is_none()).ok_or_else(unknown)
}

/// One page of devices with how they stand.
pub fn list(tx: &Tx, actor: &Actor, wanted: &Wanted, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Listed>> {
    actor.require(Right::View)?;
    roster::list(tx, &wanted.filter, wanted.sort, wanted.descending, after, limit)
}

/// The same, and how many devices the filter finds whatever their standing, by how they stand.
pub fn page(tx: &Tx, actor: &Actor, wanted: &Wanted, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Listed>, Counts)> {
    actor.require(Right::View)?;
    roster::page(tx, &wanted.filter, wanted.sort, wanted.descending, after, limit)
}

/// Which devices, in which order.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Which.
    pub filter: roster::Filter,
    /// By what.
    pub sort: roster::Sort,
    /// The other way round.
    pub descending: bool,
}

/// A device as the roster has it, by any of its ids.
pub fn standing(tx: &Tx, actor: &Actor, id: &str) -> Result<Listed> {
    let device = find(tx, actor, id)?;
    roster::by_id(tx, &device.id)?.ok_or_else(unknown)
}

/// An enrollment by its id, or by its Nano id.
pub fn find_enrollment(tx: &Tx, actor: &Actor, id: &str) -> Result<Enrollment> {
    actor.require(Right::View)?;
    let found = match enrollments::by_id(tx, id)? {
        Some(found) => Some(found),
        None => by_its_word(tx, id)?,
    };
    found.ok_or_else(|| Error::not_found(t!("There is no such enrollment.")))
}

/// The enrollment that says of itself that it has this Nano id; refused where another device has the same as its id here or its serial number. What a
/// device says of itself does not decide what is done to another.
pub(in crate::mdm) fn by_its_word(tx: &Tx, name: &str) -> Result<Option<Enrollment>> {
    let Some(found) = enrollments::by_nano_id(tx, name)? else { return Ok(None) };
    if devices::is_named(tx, name, &found.device_id)? {
        return Err(Error::conflict(t!(
            "Two devices go by this name: one has it as its serial number or id, and another says that it is its UDID. Name the one that is \
             meant by its enrollment's id."
        )));
    }
    Ok(Some(found))
}

/// The channel that a command goes to: the one that an enrollment's id names, or a device's own.
pub fn channel(tx: &Tx, actor: &Actor, id: &str) -> Result<Enrollment> {
    actor.require(Right::View)?;
    if let Some(enrollment) = enrollments::by_id(tx, id)? {
        return Ok(enrollment);
    }
    if devices::by_id(tx, id)?.is_none()
        && let Some(enrollment) = by_its_word(tx, id)?
    {
        return Ok(enrollment);
    }
    let device = find(tx, actor, id)?;
    enrollments::device_channel(tx, &device.id)?.ok_or_else(|| Error::conflict(t!("This device has no enrollment.")))
}

/// What became of something that was asked of several.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What was done, in the order of the targets.
    pub done: Vec<T>,
    /// The targets that could not have it, with the reason.
    pub refused: Vec<(String, Error)>,
}

/// Does `deed` for each target that can have it. What stands against one target is told for it; any other failure, and a missing right, is everyone's.
pub fn each<T>(targets: &[String], mut deed: impl FnMut(&str) -> Result<T>) -> Result<Outcome<T>> {
    let mut outcome = Outcome { done: Vec::new(), refused: Vec::new() };
    for target in targets {
        match deed(target) {
            Ok(done) => outcome.done.push(done),
            Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => outcome.refused.push((target.clone(), error)),
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}

/// Retires a device: at its next contact it is told to leave, which is the only way in which this server ever unenrolls one.
pub fn retire(tx: &Tx, actor: &Actor, id: &str) -> Result<Device> {
    actor.require(Right::Destroy)?;
    let device = find(tx, actor, id)?;
    let Some(channel) = enrollments::device_channel(tx, &device.id)? else { return Err(unknown()) };
    if channel.state != EnrollmentState::Enrolled && channel.state != EnrollmentState::Authenticated {
        return Err(Error::conflict(t!("This device is not enrolled any more, so there is nothing to retire.")));
    }
    checkin::end(tx, &channel, EnrollmentState::Retired, say(RETIRED))?;
    for mut channel in enrollments::of_device(tx, &device.id)? {
        // It has not left yet: that it was told is noted when it was.
        channel.left_at = None;
        enrollments::update(tx, &channel)?;
    }
    journal::note(tx, actor, "device.retired", &channel, Value::Null)?;
    let retired = enrollments::by_id(tx, &channel.id)?.ok_or_else(unknown)?;
    push::due_now(tx, &retired)?;
    Ok(device)
}

/// Whether a device was retired and has not come to be told yet.
pub fn is_to_be_told(channel: &Enrollment) -> bool {
    channel.state == EnrollmentState::Retired && channel.left_at.is_none()
}

/// Takes the retiring of a device back that was not told to leave yet: it stays managed, and what was taken from it is planned for anew.
///
/// # Errors
/// A conflict where it is not retired, or was told to leave already.
pub fn take_back(tx: &Tx, actor: &Actor, id: &str) -> Result<Device> {
    actor.require(Right::Destroy)?;
    let device = find(tx, actor, id)?;
    let retired = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Retired);
    let Some(channel) = retired else {
        return Err(Error::conflict(t!("This device is not retired, so there is nothing to take back.")));
    };
    let users = enrollments::user_channels(tx, &channel.id)?;
    // A user's channel may have brought the answer home before the device's own.
    let is_told = |channel: &Enrollment| channel.state == EnrollmentState::Retired && channel.left_at.is_some();
    if is_told(&channel) || users.iter().any(is_told) {
        return Err(Error::conflict(t!("This device has been told to leave already; it comes back only by enrolling again.")));
    }
    checkin::resume(tx, &channel, users, say(RETIRED))?;
    journal::note(tx, actor, "device.retiring_taken_back", &channel, Value::Null)?;
    Ok(device)
}

/// Removes a device from view. It is not told anything; what is held for it stays held; if it enrolls again it is back.
///
/// # Errors
/// A conflict while it is enrolled, or enrolls: out of view, nobody could take back what it got from here.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Destroy)?;
    let device = find(tx, actor, id)?;
    let state = enrollments::device_channel(tx, &device.id)?.map(|channel| channel.state);
    if matches!(state, Some(EnrollmentState::Enrolled | EnrollmentState::Authenticated)) {
        return Err(Error::conflict(t!(
            "Retire it first: it is enrolled, and deleted it would keep what it got from here and nobody could reach it. Once it is retired it can be deleted."
        )));
    }
    remove(tx, actor, device)
}

/// [`delete`] of a device that nobody has to retire first: a practice one ends with its runner.
pub(in crate::mdm) fn remove(tx: &Tx, actor: &Actor, mut device: Device) -> Result<()> {
    device.deleted_at = Some(tx.now);
    device.refresh_due_at = None;
    devices::update(tx, &device)?;
    absent::settled(tx, &device.id)?;
    groups::remove_from_all(tx, &device.id)?;
    licences::device_left(tx, &device.id)?;
    for channel in enrollments::of_device(tx, &device.id)? {
        enrollments::set_push(tx, &channel.id, None, 0)?;
        held::archive(tx, &channel, t!("kept when the device was deleted"))?;
    }
    journal::note(tx, actor, "device.deleted", journal::Subject::device(&device.id), json!({ "serial_number": device.serial_number }))
}

/// What is held for a device, without the values: what its enrollments use first, then what is kept, newest first.
pub fn held(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<Held>> {
    actor.require(Right::View)?;
    held::of_device(tx, &holder(tx, id)?)
}

/// Shows a secret that is held for a device; every time is audited.
pub fn reveal(tx: &Tx, actor: &Actor, id: &str, secret: &str) -> Result<(EscrowKind, SecretBytes)> {
    actor.require(Right::Reveal)?;
    let device = holder(tx, id)?;
    let Some((kind, value)) = held::value(tx, &device, secret)? else {
        return Err(Error::not_found(t!("There is no such secret for this device.")));
    };
    journal::note(tx, actor, "escrow.revealed", journal::Subject::device(&device.id), json!({ "kind": kind, "id": secret }))?;
    Ok((kind, value))
}

/// What became of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Secrets that were removed for good.
    pub removed: usize,
    /// Secrets that stay, because the device is enrolled and uses them: a Mac would ask in vain for its bootstrap token.
    pub in_use: usize,
}

/// Removes every secret that is held for a device, for good, but what a living enrollment uses.
pub fn purge(tx: &Tx, actor: &Actor, id: &str) -> Result<Purged> {
    actor.require(Right::Reveal)?;
    let device = holder(tx, id)?;
    let (removed, in_use) = held::purge(tx, &device)?;
    let data = json!({ "count": removed, "in_use": in_use });
    journal::note(tx, actor, "escrow.purged", journal::Subject::device(&device.id), data)?;
    Ok(Purged { removed, in_use })
}

/// The device that secrets are held for; they outlive its deletion, so a deleted one counts.
fn holder(tx: &Tx, id: &str) -> Result<Device> {
    any(tx, id)?.ok_or_else(unknown)
}

/// A device by any of its ids, deleted or not.
fn any(tx: &Tx, id: &str) -> Result<Option<Device>> {
    if let Some(device) = devices::by_id(tx, id)? {
        return Ok(Some(device));
    }
    match by_its_word(tx, id)? {
        Some(enrollment) => devices::by_id(tx, &enrollment.device_id),
        None => devices::by_serial_number(tx, id),
    }
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such device."))
}
