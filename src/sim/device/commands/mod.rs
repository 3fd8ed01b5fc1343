//! What a device answers to each command, as its OS would.

mod accounts;
mod actions;
mod apps;
mod information;
mod knows;
mod lists;
mod profiles;
mod security;
mod settings;
mod shape;
mod updates;

use std::time::Duration;

use super::Device;
use super::update::Order;
use super::values::Complaint;
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::{Family, Platform};

pub(crate) use self::apps::{ManifestOrder, app_of_manifest};
pub(crate) use self::profiles::installation_error;

/// A command as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) uuid: String,
    /// Empty where the command had none.
    pub(crate) request_type: String,
    pub(crate) channel: usize,
    pub(crate) body: Dictionary,
}

/// What a device says to a command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Done, with the keys of the answer.
    Acknowledged(Dictionary),
    /// Not done: why, outermost complaint first, with the keys of the answer.
    Error(Vec<Complaint>, Dictionary),
    /// The command is malformed.
    FormatError,
    /// Later, if the command comes again.
    NotNow,
    /// The answer follows when something else is done.
    Later,
}

impl Answer {
    /// Done, without more words.
    pub(crate) fn done() -> Self {
        Self::Acknowledged(Dictionary::new())
    }

    /// Done, with these keys.
    pub(crate) fn with<const N: usize>(keys: [(&str, Value); N]) -> Self {
        Self::Acknowledged(super::values::dictionary(keys))
    }

    /// Refused by the MDM client with a code and a sentence.
    pub(crate) fn refused(code: i64, text: impl Into<String>) -> Self {
        Self::Error(vec![Complaint::mdm(code, text)], Dictionary::new())
    }
}

impl From<Complaint> for Answer {
    fn from(complaint: Complaint) -> Self {
        Self::Error(vec![complaint], Dictionary::new())
    }
}

/// What a device does once its report has arrived.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// It restarts.
    Restart,
    /// It is switched off until its user comes.
    ShutDown,
    /// A Mac shows the screen that wants the PIN.
    WaitForPin,
    /// It is as new; with a profile where it shall return to service.
    Erase(Option<super::returning::Returning>),
    /// Its enrollment profile is removed.
    Leave,
    /// It downloads a release, and installs it where so ordered.
    Update(Order),
    /// It asks for its declarations on this channel.
    Declare(usize),
    /// It downloads a manifest and what that names.
    Fetch(Box<ManifestOrder>),
}

impl After {
    /// Whether it happens even if the report never arrives.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Erase(_) | Self::WaitForPin | Self::ShutDown | Self::Restart)
    }

    /// Whether the device does not wait for another command.
    pub(crate) fn ends_session(&self) -> bool {
        self.is_final() || *self == Self::Leave
    }
}

/// An answer and what follows it.
pub(crate) type Outcome = (Answer, After);

/// An answer that nothing follows.
fn only(answer: Answer) -> Outcome {
    (answer, After::Nothing)
}

/// Commands that iOS and its kin carry out even while locked.
const NEVER_PUT_OFF: [&str; 8] = [
    "DeviceInformation",
    "ProfileList",
    "DeviceLock",
    "EraseDevice",
    "ClearPasscode",
    "ProvisioningProfileList",
    "InstalledApplicationList",
    "Restrictions",
];

/// Commands that a Mac carries out even while it naps.
const NEVER_PUT_OFF_MAC: [&str; 9] = [
    "DeleteUser",
    "DeviceLock",
    "EraseDevice",
    "RestartDevice",
    "ShutDownDevice",
    "UserList",
    "ActivationLockBypassCode",
    "ClearActivationLockBypassCode",
    "UnlockUserAccount",
];

impl Device {
    /// What the device says to a command, and what it does when that has arrived.
    pub(crate) fn answer(&mut self, command: &Command, now: Timestamp) -> Outcome {
        if command.request_type.is_empty() {
            return only(Answer::FormatError);
        }
        if let Some(refusal) = self.unknown(command) {
            return only(refusal);
        }
        if self.puts_off(&command.request_type) {
            return only(Answer::NotNow);
        }
        if let Some(key) = shape::fault(command) {
            return only(self.format_error(command, key));
        }
        if fields::flag(&command.body, "RequestRequiresNetworkTether") == Some(true) {
            return only(Answer::refused(12081, "The device is not tethered."));
        }
        self.carry_out_command(command, now)
    }

    fn carry_out_command(&mut self, command: &Command, now: Timestamp) -> Outcome {
        if let Some(complaint) = self.faults.refuses(&command.request_type) {
            return only(match command.request_type.as_str() {
                "InstallProfile" => installation_error(vec![complaint]),
                _ => complaint.into(),
            });
        }
        if self.faults.pretends(&command.request_type) {
            return only(Answer::done());
        }
        match command.request_type.as_str() {
            "DeviceInformation" => only(self.device_information(command, now)),
            "SecurityInfo" => only(self.security_info()),
            "InstalledApplicationList" => only(self.installed_application_list(command)),
            "ProfileList" => only(self.profile_list(command)),
            "CertificateList" => only(self.certificate_list(command)),
            "ProvisioningProfileList" => only(self.provisioning_profile_list()),
            "Restrictions" => only(self.restriction_list(command)),
            "UserList" => only(self.user_list()),
            "InstallProfile" => only(self.install_profile(command, now)),
            "RemoveProfile" => self.remove_profile(command, now),
            "InstallProvisioningProfile" => only(self.install_provisioning_profile(command, now)),
            "RemoveProvisioningProfile" => only(self.remove_provisioning_profile(command)),
            "Settings" => only(self.settings(command)),
            "DeclarativeManagement" => self.declarative_management(command),
            name if apps::COMMANDS.contains(&name) => self.app_command(command, now),
            name if updates::COMMANDS.contains(&name) => self.update_command(command, now),
            _ => self.action(command, now),
        }
    }

    /// The refusal of a command that this OS does not know, or that this device or channel may not get.
    fn unknown(&self, command: &Command) -> Option<Answer> {
        let name = &command.request_type;
        let not_valid = || Answer::refused(12021, format!("“{name}” is not a valid request type."));
        let Some(needs) = self.knows_command(command) else { return Some(not_valid()) };
        let rights = self.enrollment.as_ref().map_or(0, |enrollment| enrollment.mdm.access_rights);
        if rights & needs != needs {
            return Some(Answer::refused(12007, format!("The MDM server is not authorized to send “{name}”.")));
        }
        None
    }

    /// Whether the device puts a command off: by a script, locked after a restart, or a Mac that naps.
    fn puts_off(&mut self, name: &str) -> bool {
        let never = if self.facts.model.family == Family::Mac { NEVER_PUT_OFF_MAC.contains(&name) } else { NEVER_PUT_OFF.contains(&name) };
        if never {
            return false;
        }
        self.faults.puts_off(name) || self.situation.unlocks_at.is_some()
    }

    /// The answer to a malformed command. Old Macs complain in words; all others say that the format is wrong.
    fn format_error(&self, command: &Command, key: &str) -> Answer {
        let is_old_mac = self.facts.release.platform == Platform::Macos && self.facts.release.version.0 == 10;
        if is_old_mac {
            let text = format!("No '{key}' in '{}' command <MDMClientError:97>", command.request_type);
            return Complaint { code: 97, domain: "MDMClientError".into(), text }.into();
        }
        Answer::FormatError
    }

    /// Does what was to be done once a report had arrived.
    pub(crate) fn carry_out(&mut self, after: After, now: Timestamp) {
        let returns_after = Duration::from_secs(u64::from(self.facts.person.returns_after_s));
        match after {
            After::Nothing => {}
            After::Restart => self.away_until = Some(now.plus(super::RESTART)),
            After::ShutDown | After::WaitForPin => self.away_until = Some(now.plus(returns_after)),
            After::Erase(returning) => self.erase(returning, now),
            After::Leave => self.say_goodbye("its server removed the enrollment profile"),
            After::Update(order) => self.order_update(&order, now),
            After::Declare(channel) => self.declare(channel),
            After::Fetch(order) => self.fetch_manifest(*order),
        }
        if let Some(until) = self.update.away_until() {
            self.away_until = Some(until);
        }
    }
}
