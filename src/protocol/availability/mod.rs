//! What may be sent to which device: by platform, version, supervision, enrollment, channel and access rights.

mod table;

pub use table::{Availability, find};

use std::fmt;

use super::ids::EnrollmentKind;
use super::os_version::OsVersion;
use super::platform::Platform;

/// The kinds of things that the table knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A RequestType.
    Command,
    /// An Item of Settings.
    Setting,
    /// A query of DeviceInformation.
    Query,
}

/// One thing that is to be sent, by Apple's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// A RequestType.
    Command(&'a str),
    /// An Item of Settings.
    Setting(&'a str),
    /// A query of DeviceInformation.
    Query(&'a str),
}

impl<'a> Request<'a> {
    const fn parts(self) -> (Kind, &'a str) {
        match self {
            Self::Command(name) => (Kind::Command, name),
            Self::Setting(name) => (Kind::Setting, name),
            Self::Query(name) => (Kind::Query, name),
        }
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(name) => f.write_str(name),
            Self::Setting(name) => write!(f, "the setting {name}"),
            Self::Query(name) => write!(f, "the query {name}"),
        }
    }
}

/// What is known of an enrollment; what is not known yet forbids nothing, since the device refuses what it cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The family of its operating system.
    pub platform: Platform,
    /// The version of it.
    pub os_version: OsVersion,
    /// The kind of enrollment, which tells the channel too.
    pub kind: EnrollmentKind,
    /// Whether the device is supervised.
    pub supervised: Option<bool>,
    /// Whether it was enrolled automatically.
    pub ade: Option<bool>,
    /// Whether it is a Shared iPad.
    pub shared_ipad: Option<bool>,
    /// AccessRights of its enrollment profile; none in user enrollment, which has no such key.
    pub access_rights: Option<u32>,
}

/// Why something is not sent, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The platform never had it.
    Platform,
    /// The device's version is older than the first that has it.
    TooOld(OsVersion),
    /// The device's version has it no more.
    Removed(OsVersion),
    /// The device must be supervised.
    Supervision,
    /// The device must have been enrolled automatically.
    AutomatedEnrollment,
    /// It goes to the other channel.
    Channel,
    /// A user enrollment may not use it.
    UserEnrollment,
    /// A Shared iPad refuses it.
    SharedIpad,
    /// Only a Shared iPad has it.
    OnlySharedIpad,
    /// The enrollment profile does not give this bit of AccessRights.
    AccessRight(u32),
}

/// A refusal before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people.
    pub words: String,
}

impl From<Refusal> for crate::error::Error {
    fn from(refusal: Refusal) -> Self {
        Self::bad_input(refusal.words)
    }
}

/// Tells whether `request` may be sent to a device with these capabilities; what the table does not know may.
pub fn check(request: Request<'_>, device: &Capabilities) -> Result<(), Refusal> {
    let Some(row) = find(request) else { return Ok(()) };
    let refuse = |reason| Err(Refusal { reason, words: words(request, reason, device) });
    match refusal_of(row, device) {
        Some(reason) => refuse(reason),
        None => Ok(()),
    }
}

/// The commands that may be sent to a device with these capabilities, in the table's order.
pub fn commands(device: &Capabilities) -> impl Iterator<Item = &'static str> {
    let device = *device;
    table::TABLE.iter().filter(move |row| row.kind == Kind::Command && refusal_of(row, &device).is_none()).map(|row| row.name)
}

/// Those of `wanted` that a device with these capabilities answers: asking for more is harmless but long.
pub fn queries<'a>(wanted: &[&'a str], device: &Capabilities) -> Vec<&'a str> {
    wanted.iter().copied().filter(|query| check(Request::Query(query), device).is_ok()).collect()
}

fn refusal_of(row: &Availability, device: &Capabilities) -> Option<Reason> {
    let platform = device.platform;
    if platform == Platform::Unknown {
        return None;
    }
    let Some(since) = row.since(platform) else { return Some(Reason::Platform) };
    if device.os_version.is_older_than(since) {
        return Some(Reason::TooOld(since));
    }
    if let Some(removed) = row.removed(platform).filter(|removed| device.os_version.is_at_least(*removed)) {
        return Some(Reason::Removed(removed));
    }
    if device.kind.is_user_enrollment() {
        match row.user_enrollment(platform) {
            None => return Some(Reason::UserEnrollment),
            Some(from) if device.os_version.is_older_than(from) => return Some(Reason::UserEnrollment),
            Some(_) => {}
        }
    }
    if row.needs_supervision(platform) && device.supervised == Some(false) {
        return Some(Reason::Supervision);
    }
    if row.needs_ade(platform) && device.ade == Some(false) {
        return Some(Reason::AutomatedEnrollment);
    }
    let right = row.right(platform);
    if device.access_rights.is_some_and(|rights| rights & right != right) {
        return Some(Reason::AccessRight(right));
    }
    channel_refusal(row, device)
}

fn channel_refusal(row: &Availability, device: &Capabilities) -> Option<Reason> {
    match device.platform {
        Platform::Macos => {
            let channel = if device.kind.is_user_channel() { row.mac_user_channel } else { row.mac_device_channel };
            let reachable = channel.is_some_and(|from| !device.os_version.is_older_than(from));
            (!reachable).then_some(Reason::Channel)
        }
        Platform::Ios => match (device.kind, device.shared_ipad) {
            (EnrollmentKind::SharedIpad, _) if row.shared_ipad.user_channel => None,
            (EnrollmentKind::SharedIpad, _) if row.shared_ipad.device_channel => Some(Reason::Channel),
            (EnrollmentKind::SharedIpad, _) => Some(Reason::SharedIpad),
            (_, Some(true)) if row.shared_ipad.device_channel => None,
            (_, Some(true)) if row.shared_ipad.user_channel => Some(Reason::Channel),
            (_, Some(true)) => Some(Reason::SharedIpad),
            (_, Some(false)) if row.shared_ipad.only => Some(Reason::OnlySharedIpad),
            _ => None,
        },
        _ => None,
    }
}

fn words(request: Request<'_>, reason: Reason, device: &Capabilities) -> String {
    let (system, version) = (device.platform.system(), device.os_version);
    match reason {
        Reason::Platform => t!("{request} does not exist on {system}", request, system),
        Reason::TooOld(since) => t!("{request} needs {system} {since} or later; the device has {version}", request, system, since, version),
        Reason::Removed(removed) => {
            t!("{request} was removed in {system} {removed}; the device has {version}", request, system, removed, version)
        }
        Reason::Supervision => t!("{request} needs a supervised device", request),
        Reason::AutomatedEnrollment => {
            t!("{request} needs a device that was enrolled automatically (Automated Device Enrollment)", request)
        }
        Reason::Channel if device.kind.is_user_channel() => t!("{request} goes to the device, not to one of its users", request),
        Reason::Channel => t!("{request} goes to a user of the device, not to the device itself", request),
        Reason::UserEnrollment => t!("{request} is not allowed on a person's own device (user enrollment)", request),
        Reason::SharedIpad => t!("{request} does not work on a Shared iPad", request),
        Reason::OnlySharedIpad => t!("{request} works on a Shared iPad only", request),
        Reason::AccessRight(right) => {
            t!("{request} needs the right to {right}, which the enrollment profile does not give", request, right = right_in_words(right))
        }
    }
}

/// What a bit of AccessRights allows.
pub fn right_in_words(right: u32) -> &'static str {
    match right {
        1 => t!("list profiles"),
        2 => t!("install and remove profiles"),
        4 => t!("lock the device and clear its passcode"),
        8 => t!("erase the device"),
        16 => t!("ask for information about the device"),
        32 => t!("ask for information about its networks"),
        64 => t!("list provisioning profiles"),
        128 => t!("install and remove provisioning profiles"),
        256 => t!("list apps"),
        512 => t!("ask for restrictions"),
        1024 => t!("ask for security information"),
        2048 => t!("change settings"),
        4096 => t!("manage apps"),
        _ => t!("do this"),
    }
}

#[cfg(test)]
mod tests;
