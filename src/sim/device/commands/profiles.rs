//! Installing and removing profiles: real installs, with the rules for replacing one, and renewal of the identity by the enrollment profile.

use super::super::Device;
use super::super::enroll::{IDENTITIES, Why};
use super::super::payloads::Effect;
use super::super::profile::{MdmPayload, Profile};
use super::super::profiles::Source;
use super::super::usable::APP_LOCK;
use super::super::values::Complaint;
use super::{After, Answer, Command, Outcome, only};
use crate::clock::Timestamp;
use crate::protocol::plist::{fields, parse_dictionary};
use crate::sim::model::Family;

impl Device {
    /// InstallProfile: at once, or later where the profile asks for a certificate first.
    pub(super) fn install_profile(&mut self, command: &Command, now: Timestamp) -> Answer {
        let bytes = fields::data(&command.body, "Payload").unwrap_or_default();
        let source = Source::Command(command.channel);
        let checked = Profile::read(bytes).and_then(|profile| self.check_installable(&profile, &source, now).map(|()| profile));
        let profile = match checked {
            Ok(profile) => profile,
            Err(complaint) => return installation_error(vec![complaint]),
        };
        let renews = profile.payload("com.apple.mdm").is_some();
        let needs_certificate = IDENTITIES.iter().any(|kind| profile.payload(kind).is_some());
        if !needs_certificate && !renews {
            self.put_profile(profile, source, now);
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
    pub(crate) fn check_installable(&self, profile: &Profile, source: &Source, now: Timestamp) -> Result<(), Complaint> {
        if self.end_of(profile, now).is_some_and(|end| end <= now) {
            return Err(Complaint::installation(4006, "The profile’s removal date is in the past."));
        }
        let refusal = profile.payloads.iter().find_map(|payload| match self.effect_of(payload, source.channel()) {
            Effect::Refused(complaint) => Some(complaint),
            Effect::Acts | Effect::Ignored => None,
        });
        if let Some(complaint) = refusal {
            return Err(complaint);
        }
        let locks = |profile: &Profile| profile.payload(APP_LOCK).is_some();
        if locks(profile) && self.profiles.iter().any(|other| other.profile.identifier != profile.identifier && locks(&other.profile)) {
            return Err(Complaint::installation(4019, "A second App Lock profile cannot be installed."));
        }
        let old = self.profiles.find(&profile.identifier, source.channel()).map(|old| &old.source);
        let identifier = &profile.identifier;
        match (old, source) {
            (Some(Source::Declaration(..)), Source::Command(_) | Source::Person) => {
                return Err(Complaint::installation(4012, "The profile belongs to a declaration."));
            }
            (Some(Source::Person), Source::Command(_) | Source::Declaration(..)) => {
                let text = format!("A profile “{identifier}” is already installed that this server did not install.");
                return Err(Complaint::installation(4012, text));
            }
            (Some(Source::Command(_)), Source::Person) => {
                return Err(Complaint::installation(
                    4012,
                    format!("The profile “{identifier}” is managed and cannot be replaced by hand."),
                ));
            }
            _ => {}
        }
        let enrolls = profile.payload("com.apple.mdm").is_some();
        match (enrolls, old == Some(&Source::Enrollment)) {
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
    pub(super) fn remove_profile(&mut self, command: &Command, now: Timestamp) -> Outcome {
        let identifier = fields::text(&command.body, "Identifier").unwrap_or_default();
        let channel = command.channel;
        let Some(installed) = self.profiles.find(identifier, channel) else {
            if self.profiles.iter().any(|other| other.profile.identifier == identifier) {
                return only(Answer::refused(12013, format!("The profile “{identifier}” belongs to another channel.")));
            }
            let is_mac = self.facts.model.family == Family::Mac;
            let text = format!("The profile “{identifier}” is not installed.");
            return only(if is_mac {
                Complaint { code: 89, domain: "MDMClientError".into(), text }.into()
            } else {
                Answer::refused(12075, text)
            });
        };
        match installed.source {
            Source::Enrollment => (Answer::done(), After::Leave),
            Source::Declaration(..) | Source::Person => {
                only(Answer::refused(12013, format!("The profile “{identifier}” is not managed by this server.")))
            }
            Source::Command(_) => {
                self.profiles.remove(identifier, channel);
                self.status_changed(now);
                only(Answer::done())
            }
        }
    }

    /// The person who has the device installs a profile that they were given.
    pub fn install_by_hand(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), String> {
        if self.restriction("allowUIConfigurationProfileInstallation") == Some(false.into()) {
            return Err(String::from("the device forbids its user to install profiles"));
        }
        let profile = Profile::read(bytes).map_err(|complaint| complaint.to_string())?;
        if profile.payload("com.apple.mdm").is_some() {
            return Err(String::from("a profile that enrolls is installed by enrolling"));
        }
        self.check_installable(&profile, &Source::Person, now).map_err(|complaint| complaint.to_string())?;
        self.put_profile(profile, Source::Person, now);
        Ok(())
    }

    /// The person who has the device removes a profile; says whether the device lets them.
    ///
    /// What the server brought goes with the enrollment only, and on supervised devices a profile may forbid its removal.
    pub fn remove_by_hand(&mut self, identifier: &str, now: Timestamp) -> bool {
        let Some(installed) = self.profiles.find(identifier, super::super::DEVICE) else { return false };
        let locked = fields::flag(&installed.profile.head, "PayloadRemovalDisallowed") == Some(true) && self.facts.supervised;
        if installed.source != Source::Person || locked {
            return false;
        }
        self.status_changed(now);
        self.profiles.remove(identifier, super::super::DEVICE)
    }

    /// InstallProvisioningProfile: the property list in the signed file counts, its signature is not Apple's here.
    pub(super) fn install_provisioning_profile(&mut self, command: &Command, _now: Timestamp) -> Answer {
        let bytes = fields::data(&command.body, "ProvisioningProfile").unwrap_or_default();
        let Some(keys) = embedded_plist(bytes).and_then(|plist| parse_dictionary(plist).ok()) else {
            return Complaint { code: 25000, domain: "MCProvisioningProfileErrorDomain".into(), text: "The profile is bad.".into() }.into();
        };
        let (Some(uuid), name) = (fields::filled(&keys, "UUID"), fields::filled(&keys, "Name").unwrap_or_default()) else {
            return Complaint { code: 25000, domain: "MCProvisioningProfileErrorDomain".into(), text: "The profile has no UUID.".into() }
                .into();
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
            return Complaint { code: 25002, domain: "MCProvisioningProfileErrorDomain".into(), text: "The profile is not there.".into() }
                .into();
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
