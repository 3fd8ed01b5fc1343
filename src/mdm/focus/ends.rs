//! The end of a focus on a device: by itself, asked about afterwards, and removed by us only where it is still there.

use std::time::Duration;

use super::profile::IDENTIFIER;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::deployments::{self, Deployment, Mechanism};
use crate::store::enrollments::Enrollment;
use crate::store::focuses::{self, Focus};
use crate::store::{Tx, inventory};

/// How far a device's clock may be behind before it is asked whether a focus has ended there.
pub const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Moments at which a device is to be looked at again for its focus.
pub fn wakes(tx: &Tx, device_id: &str) -> Result<Vec<Timestamp>> {
    let focus = focuses::of_device(tx, device_id)?.filter(|focus| focus.ended_at.is_none());
    Ok(focus.map(|focus| vec![focus.ends_at, focus.ends_at.plus(CLOCK_SLACK)]).unwrap_or_default())
}

/// The focus that is over on a device because its time is, and for no other reason.
fn over(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Focus>> {
    let focus = focuses::of_device(tx, &enrollment.device_id)?;
    Ok(focus.filter(|focus| focus.ended_at.is_none() && focus.ends_at <= tx.now))
}

/// Whether the list of profiles that a device gave last is from after the end, so that it tells whether the focus has ended there.
fn is_listed_since(tx: &Tx, enrollment: &Enrollment, focus: &Focus) -> Result<bool> {
    let read_at = inventory::read_at(tx, &enrollment.id, "ProfileList")?;
    Ok(read_at.is_some_and(|at| at >= focus.ends_at.plus(CLOCK_SLACK)))
}

/// Whether a row is a focus that the device ends by itself, and nothing has shown that it did not.
pub fn is_left_alone(tx: &Tx, enrollment: &Enrollment, row: &Deployment) -> Result<bool> {
    if row.key != deployments::profile_key(IDENTIFIER) || !row.wanted.is_empty() || row.command_uuid.is_some() {
        return Ok(false);
    }
    let Some(focus) = over(tx, enrollment)? else { return Ok(false) };
    Ok(row.mechanism == Mechanism::Command && !is_listed_since(tx, enrollment, &focus)?)
}

/// Whether it is time to ask a device which profiles it has, after its focus is over.
pub fn is_to_be_asked_about(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(over(tx, enrollment)?.is_some_and(|focus| focus.ends_at.plus(CLOCK_SLACK) <= tx.now))
}

/// Whether a row is a focus that is still on a device after its end, as its list has just shown.
pub fn outlived(tx: &Tx, enrollment: &Enrollment, row: &Deployment) -> Result<bool> {
    let is_there = row.key == deployments::profile_key(IDENTIFIER) && row.wanted.is_empty() && !row.seen.is_empty();
    Ok(is_there && row.command_uuid.is_none() && over(tx, enrollment)?.is_some())
}
