//! The keys that restrict a device: what each is, which devices take it, and how the wishes of several become one.

mod domains;
mod merge;
mod table;

pub use domains::{DomainError, email_domain, web_domain};
pub use merge::{Merged, combine, merge};
pub use table::{Combine, Fact, Place, ValueType, all};

use super::availability::{Capabilities, Reason};
use super::ids::EnrollmentKind;
use super::platform::Platform;

/// The payload of restrictions.
pub const RESTRICTIONS: &str = "com.apple.applicationaccess";

/// The payload of managed domains.
pub const DOMAINS: &str = "com.apple.domains";

/// The payload of passcode rules.
pub const PASSCODE: &str = "com.apple.mobiledevice.passwordpolicy";

/// The payload of software updates on Macs, up to macOS 26.
pub const SOFTWARE_UPDATE: &str = "com.apple.SoftwareUpdate";

/// What is known of a key of a payload type or declaration type; the keys within dictionaries of a declaration are joined by dots.
pub fn fact(of_type: &str, key: &str) -> Option<&'static Fact> {
    table::find(of_type, key)
}

/// What is known of a key of the restrictions payload, the domains payload or the passcode payload.
pub fn facts(key: &str) -> Option<&'static Fact> {
    [RESTRICTIONS, DOMAINS, PASSCODE].into_iter().find_map(|payload| fact(payload, key))
}

/// Which of a device's channels a key goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The one that is asked for.
    This,
    /// The other one, which is planned for by itself.
    Other,
}

/// Tells whether a device takes a key, and by which of its channels.
///
/// What is not known of the device forbids nothing, except its platform: a key never goes to a system that does not have it.
pub fn check(fact: &Fact, device: &Capabilities) -> Result<Channel, Reason> {
    let platform = device.platform;
    let since = fact.since(platform).ok_or(Reason::Platform)?;
    if device.os_version.is_older_than(since) {
        return Err(Reason::TooOld(since));
    }
    if let Some(removed) = fact.removed(platform).filter(|removed| device.os_version.is_at_least(*removed)) {
        return Err(Reason::Removed(removed));
    }
    if device.kind.is_user_enrollment() && !fact.in_user_enrollment(platform) {
        return Err(Reason::UserEnrollment);
    }
    if device.supervised == Some(false)
        && !device.kind.is_user_enrollment()
        && fact.supervised(platform).is_some_and(|from| !device.os_version.is_older_than(from))
    {
        return Err(Reason::Supervision);
    }
    // A person's own device is never supervised.
    if device.kind.is_user_enrollment() && fact.supervised(platform).is_some() {
        return Err(Reason::UserEnrollment);
    }
    channel(fact, device)
}

fn channel(fact: &Fact, device: &Capabilities) -> Result<Channel, Reason> {
    let asked = |place: Place, in_user_channel: bool| match (place, in_user_channel) {
        (Place::User, false) | (Place::Device | Place::Either, true) => Channel::Other,
        _ => Channel::This,
    };
    let user = device.kind.is_user_channel();
    match device.platform {
        Platform::Macos => Ok(asked(fact.mac, user)),
        Platform::Ios if device.shared_ipad == Some(true) || device.kind == EnrollmentKind::SharedIpad => match fact.shared_ipad {
            Some(place) => Ok(asked(place, user)),
            None => Err(Reason::SharedIpad),
        },
        _ => Ok(if user { Channel::Other } else { Channel::This }),
    }
}

#[cfg(test)]
mod tests;
