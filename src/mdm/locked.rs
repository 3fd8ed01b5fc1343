//! Macs that were locked from here: from the order until they connect again, which they do once somebody has typed the PIN.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::{self, say};
use crate::mdm::checkin::device_channel;
use crate::mdm::settings::zone;
use crate::protocol::command::Command as Order;
use crate::protocol::platform::Platform;
use crate::store::commands::{self as queue, Command};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, devices};

/// What comes this soon after the answer belongs to the connection in which a Mac gave it; it restarts only then.
const SAME_CONNECTION: Duration = Duration::from_secs(30);

/// What helps against a lock by a PIN, a sentence.
const REMEDY: &str = msg!("Type the PIN on it (an Owner finds it under Security).");

/// How far locking a Mac with a PIN has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// It was asked then, and nothing has been answered yet.
    Asked(Timestamp),
    /// It confirmed it then, and has stood at the screen that asks for the PIN since.
    Stands(Timestamp),
}

/// How far locking the device of this channel with a PIN has come; nothing where it is no Mac, was not locked, or has connected since.
pub fn of(tx: &Tx, platform: Platform, channel: &Enrollment) -> Result<Option<Lock>> {
    if platform != Platform::Macos || channel.state != EnrollmentState::Enrolled {
        return Ok(None);
    }
    if let Some(open) = queue::newest_open(tx, &channel.id, channel.generation, "DeviceLock")?
        && has_pin(tx, &open)?
    {
        return Ok(Some(Lock::Asked(open.created_at)));
    }
    let Some(done) = queue::latest_acknowledged(tx, &channel.id, channel.generation, "DeviceLock")? else { return Ok(None) };
    let Some(at) = done.finished_at else { return Ok(None) };
    let is_back = channel.last_seen_at.is_some_and(|seen| seen > at.plus(SAME_CONNECTION));
    Ok((!is_back && has_pin(tx, &done)?).then_some(Lock::Stands(at)))
}

/// Since when a device stands at the screen that asks for its PIN.
pub fn since(tx: &Tx, platform: Platform, channel: &Enrollment) -> Result<Option<Timestamp>> {
    Ok(match of(tx, platform, channel)? {
        Some(Lock::Stands(at)) => Some(at),
        Some(Lock::Asked(_)) | None => None,
    })
}

/// Why a device does not connect that is locked with a PIN, and what helps, in sentences; nothing for any other.
pub fn because(tx: &Tx, platform: Platform, channel: &Enrollment) -> Result<Option<(String, String)>> {
    let Some(at) = since(tx, platform, channel)? else { return Ok(None) };
    Ok(Some((t!("Locked with a PIN since {at}.", at = language::date(zone(tx)?.words(at))), say(REMEDY).to_owned())))
}

/// The same for any channel of a device, a user's too.
pub(in crate::mdm) fn because_of_device(tx: &Tx, enrollment: &Enrollment) -> Result<Option<(String, String)>> {
    let Some(device) = devices::by_id(tx, &enrollment.device_id)?.filter(|device| device.platform == Platform::Macos) else {
        return Ok(None);
    };
    because(tx, device.platform, &device_channel(tx, enrollment)?)
}

/// The same by the device's id.
pub(in crate::mdm) fn because_of(tx: &Tx, platform: Platform, device_id: &str) -> Result<Option<(String, String)>> {
    if platform != Platform::Macos {
        return Ok(None);
    }
    match enrollments::device_channel(tx, device_id)? {
        Some(channel) => because(tx, platform, &channel),
        None => Ok(None),
    }
}

/// Why a Mac is not locked once more: the PIN in force is the one that opens it, and another would not be taken.
pub(in crate::mdm) fn stands_against(tx: &Tx, platform: Platform, channel: &Enrollment) -> Result<Option<String>> {
    let Some(lock) = of(tx, platform, channel)? else { return Ok(None) };
    let zone = zone(tx)?;
    Ok(Some(match lock {
        Lock::Asked(at) => t!(
            "This Mac was asked on {time} to lock itself with a PIN, which is kept with it. Take that back to lock it with another.",
            time = language::date(zone.words(at))
        ),
        Lock::Stands(at) => {
            t!("This Mac is locked with a PIN already, since {time}. {remedy}", time = language::date(zone.words(at)), remedy = say(REMEDY))
        }
    }))
}

fn has_pin(tx: &Tx, lock: &Command) -> Result<bool> {
    let payload = queue::payload(tx, lock.seq)?;
    // What is not kept any more was a lock that people are shut out by as far as anybody knows.
    Ok(payload.is_none_or(|payload| Order::from_plist(payload.expose()).is_ok_and(|order| order.has_key("PIN"))))
}
