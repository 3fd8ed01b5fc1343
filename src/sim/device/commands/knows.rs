//! Which commands, queries and settings a device's OS has, on this channel and as it is supervised and enrolled.

use super::super::{DEVICE, Device};
use super::Command;
use crate::protocol::availability::{Capabilities, Request, check, find};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::os_version::OsVersion;
use crate::sim::model::AccountKind;

impl Device {
    /// The access rights that a command needs; none where this device does not know the command, or not on this channel.
    pub(super) fn knows_command(&self, command: &Command) -> Option<i64> {
        let request = Request::Command(&command.request_type);
        let row = find(request)?;
        check(request, &self.capabilities(command.channel)).ok()?;
        let by_user = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.by_user);
        Some(if by_user { 0 } else { i64::from(row.right(self.facts.release.platform)) })
    }

    /// Whether the device answers a query of DeviceInformation.
    pub(super) fn knows_query(&self, query: &str, channel: usize) -> bool {
        self.knows(Request::Query(query), channel)
    }

    /// Whether the device has an item of Settings.
    pub(super) fn knows_setting(&self, item: &str, channel: usize) -> bool {
        self.knows(Request::Setting(item), channel)
    }

    /// Whether the OS has it, and the server has the right to it.
    fn knows(&self, request: Request<'_>, channel: usize) -> bool {
        let Some(enrollment) = &self.enrollment else { return false };
        let Some(row) = find(request) else { return false };
        let needs = i64::from(row.right(self.facts.release.platform));
        let may = enrollment.mdm.by_user || enrollment.mdm.access_rights & needs == needs;
        may && check(request, &self.capabilities(channel)).is_ok()
    }

    /// What the device is, as the table of availability asks. Access rights are judged apart: they make another complaint.
    pub(crate) fn capabilities(&self, channel: usize) -> Capabilities {
        let by_user = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.by_user);
        let account = self.channels[channel].account.as_ref().filter(|_| channel != DEVICE);
        let kind = match (by_user, account.map(|account| account.kind)) {
            (false, None) => EnrollmentKind::Device,
            (false, Some(AccountKind::SharedIpad)) => EnrollmentKind::SharedIpad,
            (false, Some(_)) => EnrollmentKind::User,
            (true, None) => EnrollmentKind::UserEnrollmentDevice,
            (true, Some(_)) => EnrollmentKind::UserEnrollment,
        };
        Capabilities {
            platform: self.facts.release.platform,
            os_version: OsVersion::parse(self.facts.release.text),
            kind,
            supervised: Some(self.facts.supervised),
            ade: Some(self.facts.automated),
            shared_ipad: Some(self.facts.shared),
            access_rights: None,
        }
    }
}
