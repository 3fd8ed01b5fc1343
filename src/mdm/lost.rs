//! Lost devices: which are in Lost Mode, and where one last said that it is.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, devices as room};
use crate::protocol::report::{self, device::DeviceLocation};
use crate::store::commands as queue;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::{Tx, devices, reports};

/// A device in Lost Mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// When it confirmed that it is; absent where it only said so, as one does that was lost before it came here.
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
    let (on, off) = (confirmed("EnableLostMode")?, confirmed("DisableLostMode")?);
    let order = |command: &queue::Command| (command.finished_at, command.seq);
    let is_on = match (&on, &off) {
        (Some(on), Some(off)) => Some(order(on) > order(off)),
        (Some(_), None) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    };
    let confirmed_at = [&on, &off].into_iter().flatten().filter_map(|command| command.finished_at).max();
    // What it reported before it confirmed something says less than that.
    let reported = reported(tx, channel)?.filter(|(_, at)| confirmed_at.is_none_or(|confirmed| *at > confirmed));
    if !reported.map(|(is_lost, _)| is_lost).or(is_on).unwrap_or_default() {
        return Ok(None);
    }
    let since = on.filter(|_| is_on == Some(true)).and_then(|command| command.finished_at);
    Ok(Some(Lost { since, told_at: told(tx, channel, since)?.map(|(_, at)| at) }))
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
    let unknown = || Error::not_found("It has not said where it is. Ask it while it is in Lost Mode; it answers when it is reached.");
    let lost = of(tx, &channel)?.ok_or_else(unknown)?;
    let (seq, at) = told(tx, &channel, lost.since)?.ok_or_else(unknown)?;
    let body = reports::body(tx, &channel.device_id, seq)?.ok_or_else(unknown)?;
    let place = report::parse(body.expose()).ok().and_then(|report| DeviceLocation::read(&report)).ok_or_else(unknown)?;
    journal::note(tx, actor, "device.position_shown", Subject::device(&channel.device_id), json!({ "told_at": at }))?;
    Ok((place, at))
}
