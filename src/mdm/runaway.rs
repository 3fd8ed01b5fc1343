//! Devices that ask without end: who is told that one is held back, and for how long.

use std::time::Duration;

use serde_json::json;

use crate::error::Result;
use crate::mdm::{Actor, journal};
use crate::pki::certificate::Fingerprint;
use crate::store::{Tx, alerts, certificates, devices, enrollments};

/// Begins the keys of the alerts; what comes after is the device's id.
pub const ALERT: &str = "runaway.";

/// How long somebody is told after it was last held back.
pub const TOLD_FOR: Duration = Duration::from_secs(2 * 3600);

/// Below what is broken: whatever the device wanted to say comes through sooner or later.
const HARM: i64 = 59;

/// Tells an admin that the device with this certificate asks so many times a second and is held back; once, until it has been quiet for
/// [`TOLD_FOR`]. Of a certificate that belongs to nobody here there is nothing to tell.
pub fn note(tx: &Tx, certificate: &Fingerprint, per_second: u32) -> Result<()> {
    let identity = certificates::by_fingerprint(tx, certificate)?;
    let Some(enrollment_id) = identity.and_then(|identity| identity.enrollment_id) else { return Ok(()) };
    let Some(enrollment) = enrollments::by_id(tx, &enrollment_id)? else { return Ok(()) };
    let device = devices::by_id(tx, &enrollment.device_id)?;
    let names = device.map(|device| [device.name, device.serial_number.unwrap_or_default()]).unwrap_or_default();
    let name = names.iter().find(|name| !name.is_empty()).map_or(t!("A device"), String::as_str);
    let message = t!("{name} asks {per_second} times a second. It is held back, so that the others are served.", name, per_second);
    let remedy =
        t!("Restart the device. If it goes on, update its OS; if that does not help, remove its management profile and enroll it anew.");
    let key = format!("{ALERT}{}", enrollment.device_id);
    if !alerts::raise(tx, &key, HARM, &message, remedy)? {
        return Ok(());
    }
    journal::note(
        tx,
        &Actor::Device { name: enrollment.nano_id.clone() },
        "device.held_back",
        &enrollment,
        json!({ "per_second": per_second }),
    )
}

/// Ends what is told of devices that are quiet again.
pub fn sweep(tx: &Tx) -> Result<()> {
    let is_over = |alert: &alerts::Alert| alert.key.starts_with(ALERT) && alert.last_at.plus(TOLD_FOR) <= tx.now;
    alerts::all(tx)?.iter().filter(|alert| is_over(alert)).try_for_each(|alert| alerts::clear(tx, &alert.key).map(drop))
}
