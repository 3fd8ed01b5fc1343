//! Lost devices: which are in Lost Mode, and where one last said that it is.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, devices as room};
use crate::protocol::command::{self, Command as Order};
use crate::protocol::report::{self, device::DeviceLocation};
use crate::store::commands as queue;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::{Tx, devices, reports};

/// What puts a device into Lost Mode, and what ends that.
const BEGINS: &str = "EnableLostMode";
const ENDS: &str = "DisableLostMode";

/// What the screen of a lost device says, by the keys of the command.
const WORDS: [&str; 3] = ["Message", "PhoneNumber", "Footnote"];

/// A device in Lost Mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// When it first confirmed that it is; absent where it only said so, as one does that was lost before it came here.
    pub since: Option<Timestamp>,
    /// When its last answer came that says where it is.
    pub told_at: Option<Timestamp>,
}

/// Whether the device of this channel is in Lost Mode: by what it confirmed or reported last.
pub fn of(tx: &Tx, channel: &Enrollment) -> Result<Option<Lost>> {
    if channel.state != EnrollmentState::Enrolled {
        return Ok(None);
    }
    let confirmed = |request_type| queue::latest_acknowledged(tx, &channel.id, channel.generation, request_type);
    let (on, off) = (confirmed(BEGINS)?, confirmed(ENDS)?);
    let order = |command: &queue::Command| (command.finished_at, command.seq);
    let is_on = match (&on, &off) {
        (Some(on), Some(off)) => Some(order(on) > order(off)),
        (Some(_), None) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    };
    let confirmed_at = [&on, &off].into_iter().flatten().filter_map(|command| command.finished_at).max();
    let said = reported(tx, channel)?;
    // What it reported before it confirmed something says less than that.
    let reported = said.filter(|(_, at)| confirmed_at.is_none_or(|confirmed| *at > confirmed));
    if !reported.map(|(is_lost, _)| is_lost).or(is_on).unwrap_or_default() {
        return Ok(None);
    }
    // It is lost since it was told so first; a newer message is no newer loss.
    let ended = off.as_ref().and_then(|command| command.finished_at.map(|at| (at, command.seq)));
    let found = said.filter(|(is_lost, _)| !is_lost).map(|(_, at)| (at, 0));
    let began = match is_on {
        Some(true) => queue::first_acknowledged_after(tx, &channel.id, channel.generation, BEGINS, ended.max(found))?,
        _ => None,
    };
    let since = began.and_then(|command| command.finished_at);
    Ok(Some(Lost { since, told_at: told(tx, channel, since)?.map(|(_, at)| at) }))
}

/// The command by which it is lost, or will be when it hears of it; nothing where an end of that is newer.
fn lost_by(tx: &Tx, channel: &Enrollment) -> Result<Option<queue::Command>> {
    let last = queue::latest_standing(tx, &channel.id, channel.generation, &[BEGINS, ENDS])?;
    let Some(begins) = last.filter(|command| command.request_type == BEGINS) else { return Ok(None) };
    Ok(if begins.finished_at.is_none() || of(tx, channel)?.is_some() { Some(begins) } else { None })
}

/// Refuses what would put a device into Lost Mode that is lost already: with many at once, nobody means to change what its screen says.
///
/// # Errors
/// A conflict where it is in Lost Mode, or was told to go there.
pub fn not_twice(tx: &Tx, actor: &Actor, device_id: &str) -> Result<()> {
    let channel = room::channel(tx, actor, device_id)?;
    let last = queue::latest_standing(tx, &channel.id, channel.generation, &[BEGINS, ENDS])?;
    // One that was lost before it came here has no command that says so.
    let is_lost = if last.is_none() { of(tx, &channel)?.is_some() } else { lost_by(tx, &channel)?.is_some() };
    if is_lost {
        return Err(Error::conflict(t!("It is lost already and stays as it is. What its screen says is changed on its own page.")));
    }
    Ok(())
}

/// Has an order for a lost device say what its screen says already, where the order leaves that out; an empty text takes it away.
pub(in crate::mdm) fn keep_words(tx: &Tx, channel: &Enrollment, order: &mut Order) -> Result<()> {
    let Some(begins) = lost_by(tx, channel)? else { return Ok(()) };
    let Some(payload) = queue::payload(tx, begins.seq)? else { return Ok(()) };
    let Ok(before) = command::validate_raw(payload.expose(), true) else { return Ok(()) };
    let before = before.with_uuid_or(|| tx.command_uuid());
    for key in WORDS.into_iter().filter(|key| before.has_key(key)) {
        if !order.has_key(key) {
            order.set_text(key, before.text(key).unwrap_or_default());
        }
    }
    Ok(())
}

/// What the device reported of Lost Mode since it enrolled, and when.
fn reported(tx: &Tx, channel: &Enrollment) -> Result<Option<(bool, Timestamp)>> {
    let facts: Value =
        serde_json::from_str(&devices::facts(tx, &channel.device_id)?).map_err(|error| Error::internal("stored facts are JSON", error))?;
    let at = devices::by_id(tx, &channel.device_id)?.and_then(|device| device.facts_at);
    let at = at.filter(|at| channel.authenticated_at.is_none_or(|began| *at >= began));
    Ok(facts["IsMDMLostModeEnabled"].as_bool().zip(at))
}

/// The report that says where it is, of this loss or, where nobody knows since when it is lost, of this enrollment.
fn told(tx: &Tx, channel: &Enrollment, since: Option<Timestamp>) -> Result<Option<(i64, Timestamp)>> {
    let from = since.or(channel.authenticated_at).unwrap_or(channel.created_at);
    reports::latest_kept(tx, &channel.id, "DeviceLocation", from)
}

/// Where a lost device last said that it is, and when that answer came; every look is audited.
///
/// # Errors
/// Forbidden for who sends no commands; not found where it is not lost, or has not said it.
pub fn look(tx: &Tx, actor: &Actor, device_id: &str) -> Result<(DeviceLocation, Timestamp)> {
    actor.require(Right::Command)?;
    let channel = room::channel(tx, actor, device_id)?;
    let unknown = || Error::not_found(t!("It has not said where it is. Ask it while it is in Lost Mode; it answers when it is reached."));
    let lost = of(tx, &channel)?.ok_or_else(unknown)?;
    let (seq, at) = told(tx, &channel, lost.since)?.ok_or_else(unknown)?;
    let body = reports::body(tx, &channel.device_id, seq)?.ok_or_else(unknown)?;
    let place = report::parse(body.expose()).ok().and_then(|report| DeviceLocation::read(&report)).ok_or_else(unknown)?;
    journal::note(tx, actor, "device.position_shown", Subject::device(&channel.device_id), json!({ "told_at": at }))?;
    Ok((place, at))
}
