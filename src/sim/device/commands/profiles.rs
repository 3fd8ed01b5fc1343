//! Installing and removing profiles: real installs, with the rules for replacing one, and renewal of the identity by the enrollment profile.

use super::super::Device;
use super::super::enroll::Why;
use super::super::profile::{MdmPayload, Profile};
use super::super::profiles::Source;
use super::super::values::Complaint;
use super::{After, Answer, Command, Outcome, only};
use crate::clock::Timestamp;
use crate::protocol::plist::{fields, parse_dictionary};
use crate::sim::model::Family;

impl Device {
    /// InstallProfile: at once, or later where the profile asks for a certificate first.
    pub(super) fn install_profile(&mut self, command: &Command, now: Timestamp) -> Answer {
        let bytes = fields::data(&command.body, "Payload").unwrap_or_default();
        let profile = match Profile::read(bytes) {
            Ok(profile) => profile,
            Err(complaint) => return installation_error(vec![complaint]),
        };
        match self.check_installable(&profile) {
            Ok(()) => {}
            Err(complaint) => return installation_error(vec![complaint]),
        }
        let renews = profile.payload("com.apple.mdm").is_some();
        let needs_certificate = profile.payload("com.apple.security.scep").is_some();
        if !needs_certificate && !renews {
            self.profiles.install(profile, Source::Command(command.channel));
            return Answer::done();
        }
        if self.installation.is_some() {
            return installation_error(vec![Complaint::installation(4003, "Another profile is being installed.")]);
        }
        let why = if renews { Why::Renew(command.clone()) } else { Why::Command(command.clone()) };
        match self.begin_installation(profile, why, now) {
            Ok(()) => Answer::Later,
            Err(complaint) => installation_error(vec![complaint]),
        }
    }

    /// What forbids a profile on this device, before anything of it is installed.
    fn check_installable(&self, profile: &Profile) -> Result<(), Complaint> {
        let old = self.profiles.find(&profile.identifier);
        if old.is_some_and(|old| matches!(old.source, Source::Declaration(_))) {
            return Err(Complaint::installation(4012, "The profile belongs to a declaration."));
        }
        let enrolls = profile.payload("com.apple.mdm").is_some();
        let is_enrollment = old.is_some_and(|old| old.source == Source::Enrollment);
        match (enrolls, is_enrollment) {
            (true, false) => Err(Complaint::mdm(12001, "The device is already enrolled with an MDM server.")),
            (false, true) => Err(Complaint::installation(4015, "The new profile lacks the MDM payload of the old one.")),
            (true, true) => match &self.enrollment {
                Some(enrollment) => MdmPayload::of(profile)?.check_replaces(&enrollment.mdm),
                None => Ok(()),
            },
            (false, false) => Ok(()),
        }
    }

    /// RemoveProfile; removing the enrollment profile ends the enrollment.
    pub(super) fn remove_profile(&mut self, command: &Command) -> Outcome {
        let identifier = fields::text(&command.body, "Identifier").unwrap_or_default();
        let Some(installed) = self.profiles.find(identifier) else {
            let is_mac = self.facts.model.family == Family::Mac;
            let text = format!("The profile “{identifier}” is not installed.");
            return only(if is_mac { Complaint { code: 89, domain: "MDMClientError", text }.into() } else { Answer::refused(12075, text) });
        };
        match installed.source {
            Source::Enrollment => (Answer::done(), After::Leave),
            Source::Declaration(_) => only(Answer::refused(12013, format!("The profile “{identifier}” is not managed by this server."))),
            Source::Command(channel) if channel != command.channel => {
                only(Answer::refused(12013, format!("The profile “{identifier}” belongs to another channel.")))
            }
            Source::Command(_) => {
                self.profiles.remove(identifier);
                only(Answer::done())
            }
        }
    }

    /// InstallProvisioningProfile: the property list in the signed file counts, its signature is not Apple's here.
    pub(super) fn install_provisioning_profile(&mut self, command: &Command, _now: Timestamp) -> Answer {
        let bytes = fields::data(&command.body, "ProvisioningProfile").unwrap_or_default();
        let Some(keys) = embedded_plist(bytes).and_then(|plist| parse_dictionary(plist).ok()) else {
            return Complaint { code: 25000, domain: "MCProvisioningProfileErrorDomain", text: "The profile is bad.".into() }.into();
        };
        let (Some(uuid), name) = (fields::filled(&keys, "UUID"), fields::filled(&keys, "Name").unwrap_or_default()) else {
            return Complaint { code: 25000, domain: "MCProvisioningProfileErrorDomain", text: "The profile has no UUID.".into() }.into();
        };
        let expiry = fields::moment(&keys, "ExpirationDate");
        self.situation.provisioning.retain(|(known, _, _)| *known != uuid);
        self.situation.provisioning.push((uuid, name, expiry));
        Answer::done()
    }

    /// RemoveProvisioningProfile.
    pub(super) fn remove_provisioning_profile(&mut self, command: &Command) -> Answer {
        let uuid = fields::text(&command.body, "UUID").unwrap_or_default();
        let before = self.situation.provisioning.len();
        self.situation.provisioning.retain(|(known, _, _)| known != uuid);
        if self.situation.provisioning.len() == before {
            return Complaint { code: 25002, domain: "MCProvisioningProfileErrorDomain", text: "The profile is not there.".into() }.into();
        }
        Answer::done()
    }
}

/// A failed installation: the general complaint first, then what caused it.
pub(crate) fn installation_error(mut causes: Vec<Complaint>) -> Answer {
    causes.insert(0, Complaint::installation(4001, "The profile could not be installed."));
    Answer::Error(causes, crate::protocol::plist::Dictionary::new())
}

/// The property list within a signed file, found by its beginning and its end.
fn embedded_plist(bytes: &[u8]) -> Option<&[u8]> {
    let find = |needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle);
    let (start, end) = (find(b"<?xml")?, find(b"</plist>")? + b"</plist>".len());
    bytes.get(start..end)
}
