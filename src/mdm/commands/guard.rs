//! What a device could be sent and must not be: orders that would harm it, or that are known to fail (commands.md §14).

use serde_json::Value;

use crate::error::{Error, Result};
use crate::mdm::locked;
use crate::protocol::availability::Capabilities;
use crate::protocol::command::Command as Order;
use crate::protocol::mobileconfig;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::plist::fields;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, devices};

/// The payload by which a device enrolls.
const ENROLLS: &str = "com.apple.mdm";

/// The first macOS in which a Mac with Apple silicon survives being locked.
const LOCK_IS_SAFE_FROM: &str = "11.5";

/// Refuses, with what to do instead, an order that would harm this device or is known to fail on it. What is not known of a device forbids nothing.
pub(super) fn check(tx: &Tx, enrollment: &Enrollment, device: &Capabilities, order: &Order) -> Result<()> {
    match order.request_type.as_str() {
        "DeviceLock" | "EraseDevice" if device.platform == Platform::Macos => mac(tx, enrollment, device, order),
        "InstallProfile" => profile(order),
        _ => Ok(()),
    }
}

fn mac(tx: &Tx, enrollment: &Enrollment, device: &Capabilities, order: &Order) -> Result<()> {
    let facts: Value = serde_json::from_str(&devices::facts(tx, &enrollment.device_id)?)
        .map_err(|error| Error::internal("stored facts are JSON", error))?;
    let says = |fact: &str| facts[fact].as_bool() == Some(true);
    let is_lock = order.request_type == "DeviceLock";
    if is_lock && says("IsAppleSilicon") && device.os_version.is_older_than(OsVersion::parse(LOCK_IS_SAFE_FROM)) {
        return Err(Error::conflict(t!(
            "Locking would deactivate this Mac: with Apple silicon it needs macOS {LOCK_IS_SAFE_FROM} or later first; it has {os_version}.",
            LOCK_IS_SAFE_FROM,
            os_version = device.os_version
        )));
    }
    // A second PIN would be kept beside the one that opens it, and open nothing.
    if is_lock && let Some(because) = locked::stands_against(tx, device.platform, enrollment)? {
        return Err(Error::conflict(because));
    }
    // Macs refuse to be locked without one, whether they said so or not; and one that did not would be in nobody's hand.
    let needs_pin = is_lock || says("PINRequiredForEraseDevice");
    if needs_pin && order.text("PIN").is_none_or(str::is_empty) {
        return Err(Error::conflict(t!("This Mac does that only with a PIN of six characters, which unlocks it again; give one.")));
    }
    Ok(())
}

/// An enrollment profile sent by hand is refused by the device, or takes its enrollment apart; renewals are the server's own affair.
fn profile(order: &Order) -> Result<()> {
    let profile = fields::data(order.keys(), "Payload").and_then(|payload| mobileconfig::read(payload).ok());
    if profile.is_some_and(|profile| profile.payloads.iter().any(|payload| payload.payload_type == ENROLLS)) {
        return Err(Error::conflict(t!(
            "This profile enrolls devices. Devices that are enrolled renew theirs by themselves; others get it by an invitation."
        )));
    }
    Ok(())
}
