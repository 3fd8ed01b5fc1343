//! The address of the catalogue of one device: nobody can guess it, it ends by itself, and all of them can be ended at once.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, capability, devices};
use crate::store::enrollments::{self, Enrollment};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, deployments};

/// How long an address is the one that is given out; it opens for as long again.
pub const PERIOD: Duration = Duration::from_secs(90 * 24 * 3600);

/// Grows when all addresses are ended.
const EPOCH: Setting<u64> = Setting::new("catalog_epoch");

/// The period in which icons were last made anew.
const RENEWED: Setting<i64> = Setting::new("catalog_renewed");

/// An address of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The part after `/catalog/`.
    pub capability: String,
    /// When it ends.
    pub ends_at: Timestamp,
}

fn period(now: Timestamp) -> i64 {
    now.millis().div_euclid(PERIOD.as_millis() as i64)
}

fn purpose(tx: &Tx, period: i64) -> Result<String> {
    Ok(format!("catalog/{}/{period}", settings::value(tx, &EPOCH)?.unwrap_or_default()))
}

/// The address that is given out now; none before anything was planned for anybody.
pub fn link(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Link>> {
    let period = period(tx.now);
    let Some(proof) = capability::of(tx, enrollment, &purpose(tx, period)?)? else { return Ok(None) };
    let Some((id, proof)) = proof.split_once('.') else { return Ok(None) };
    let ends_at = Timestamp::from_millis((period + 2) * PERIOD.as_millis() as i64);
    Ok(Some(Link { capability: format!("{id}.{period}-{proof}"), ends_at }))
}

/// Whose address it is, while it and the enrollment last.
pub fn holder(tx: &Tx, said: &str) -> Result<Option<Enrollment>> {
    let Some((id, rest)) = said.split_once('.') else { return Ok(None) };
    let Some((number, proof)) = rest.split_once('-') else { return Ok(None) };
    let now = period(tx.now);
    let Some(number) = number.parse::<i64>().ok().filter(|number| (now - 1..=now).contains(number)) else { return Ok(None) };
    capability::holder(tx, &format!("{id}.{proof}"), &purpose(tx, number)?)
}

/// The address of a device's catalogue, for those who look after devices.
pub fn of_device(tx: &Tx, actor: &Actor, device: &str) -> Result<Option<Link>> {
    actor.require(Right::Invite)?;
    let device = devices::find(tx, actor, device)?;
    let Some(enrollment) = enrollments::device_channel(tx, &device.id)? else { return Ok(None) };
    capability::prepare(tx)?;
    link(tx, &enrollment)
}

/// Ends every address at once; icons are made anew, links that were given by hand are not.
pub fn renew_all(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    let epoch = settings::value(tx, &EPOCH)?.unwrap_or_default() + 1;
    settings::set(tx, &EPOCH, &epoch)?;
    journal::note(tx, actor, "catalog.links_ended", Subject::default(), json!({}))?;
    deployments::look_again_everywhere(tx).map(drop)
}

/// Has icons made anew when a period has begun; tells whether one had.
pub fn renew(tx: &Tx) -> Result<bool> {
    let now = period(tx.now);
    if !settings::set(tx, &RENEWED, &now)? {
        return Ok(false);
    }
    if super::appearance(tx)?.audience != super::Audience::Nobody {
        deployments::look_again_everywhere(tx)?;
    }
    Ok(true)
}
