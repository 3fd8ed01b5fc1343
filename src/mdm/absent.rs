//! Devices that nobody has in hand: those that left unasked, until they are back or deleted, and those that are lost.

use crate::error::Result;
use crate::language;
use crate::mdm::ade::migration;
use crate::mdm::lost;
use crate::mdm::settings::zone;
use crate::store::alerts::{self, Alert};
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, roster};

/// The key of a need that is about a device that left; what comes after is the device's id, nothing for all that are not told of one by one.
pub const LEFT: &str = "left.";

/// The key of a need that is about a device in Lost Mode; what comes after is the device's id.
pub const LOST: &str = "lost.";

/// Devices of each kind that are told of one by one.
const TOLD_MAX: usize = 10;

/// What is on it stays usable, but nobody looks after it any more.
const LEFT_HARM: i64 = 52;

/// Somebody has done already what can be done from here.
const LOST_HARM: i64 = 10;

/// Notes that a device says that it is not managed any more, which nobody here asked of it.
pub(in crate::mdm) fn left(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if enrollment.parent_id.is_some() {
        return Ok(());
    }
    let Some(device) = devices::by_id(tx, &enrollment.device_id)? else { return Ok(()) };
    let message = t!("{device} is no longer managed: somebody removed its management profile.", device = name(&device));
    alerts::raise(tx, &key(&device.id), LEFT_HARM, &message, t!("Invite it again. If it is gone for good, delete it.")).map(drop)
}

/// Notes that a device is managed again, or not looked for any more.
pub(in crate::mdm) fn settled(tx: &Tx, device_id: &str) -> Result<()> {
    alerts::clear(tx, &key(device_id)).map(drop)
}

/// Of what was raised, leaves those devices that are still away, and adds those that are lost.
pub(in crate::mdm) fn tell(tx: &Tx, needs: &mut Vec<Alert>) -> Result<()> {
    let (mut left, others): (Vec<Alert>, Vec<Alert>) = std::mem::take(needs).into_iter().partition(|need| need.key.starts_with(LEFT));
    *needs = others;
    left.sort_by_key(|need| std::cmp::Reverse(need.last_at));
    let more = left.split_off(left.len().min(TOLD_MAX));
    for need in left {
        if is_away(tx, need.key.strip_prefix(LEFT).unwrap_or_default())? {
            needs.push(need);
        }
    }
    if let (Some(newest), Some(oldest)) = (more.first(), more.last()) {
        let what = if more.len() == 1 { String::from(t!("1 more device is")) } else { t!("{more} more devices are", more = more.len()) };
        needs.push(Alert {
            key: String::from(LEFT),
            harm: LEFT_HARM,
            message: t!("{what} no longer managed: somebody removed the management profile.", what),
            remedy: String::from(t!("Invite them again. Those that are gone for good can be deleted.")),
            count: more.len() as i64,
            since_at: oldest.since_at,
            last_at: newest.last_at,
        });
    }
    for channel_id in roster::lost_channels(tx, TOLD_MAX as u32)? {
        needs.extend(in_lost_mode(tx, &channel_id)?);
    }
    Ok(())
}

/// Whether a device that left is neither back, nor deleted, nor taken away by Apple's list.
fn is_away(tx: &Tx, device_id: &str) -> Result<bool> {
    let Some(device) = devices::by_id(tx, device_id)?.filter(|device| device.deleted_at.is_none()) else { return Ok(false) };
    let Some(channel) = enrollments::device_channel(tx, device_id)? else { return Ok(false) };
    Ok(channel.state == EnrollmentState::Left && migration::of(tx, &device, Some(&channel))?.is_none())
}

fn in_lost_mode(tx: &Tx, channel_id: &str) -> Result<Option<Alert>> {
    let Some(channel) = enrollments::by_id(tx, channel_id)? else { return Ok(None) };
    let Some(device) = devices::by_id(tx, &channel.device_id)?.filter(|device| device.deleted_at.is_none()) else { return Ok(None) };
    let Some(lost) = lost::of(tx, &channel)? else { return Ok(None) };
    let since = match lost.since {
        Some(at) => t!(" since {at}", at = language::date(zone(tx)?.words(at))),
        None => String::new(),
    };
    Ok(Some(Alert {
        key: format!("{LOST}{}", device.id),
        harm: LOST_HARM,
        message: t!("{device} is in Lost Mode{since}.", device = name(&device), since),
        remedy: String::from(t!("Ask it where it is, and end Lost Mode when somebody has it back.")),
        count: 1,
        since_at: lost.since.unwrap_or(tx.now),
        last_at: tx.now,
    }))
}

fn key(device_id: &str) -> String {
    format!("{LEFT}{device_id}")
}

fn name(device: &Device) -> &str {
    let names = [Some(device.name.as_str()), device.serial_number.as_deref()];
    names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or(t!("A device"))
}
