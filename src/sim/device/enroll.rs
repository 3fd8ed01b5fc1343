//! Enrolling and renewing: a profile, the certificate that it asks for, and the check-in under it.

use std::sync::Arc;

use super::account::Step;
use super::acme::{self, AcmePayload};
use super::agenda::Errand;
use super::commands::{After, Answer, Command};
use super::identity::Identity;
use super::profile::{MdmPayload, Profile, ScepPayload};
use super::profiles::Source;
use super::scep::Exchange;
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use super::{DEVICE, Device, Phase, ProfileSource};
use crate::clock::Timestamp;
use crate::pki::key::PrivateKey;
use crate::sim::model::Family;

/// The media type of profiles.
const PROFILE: &str = "application/x-apple-aspen-config";

const SCEP: &str = "com.apple.security.scep";
const ACME: &str = "com.apple.security.acme";

/// The payloads that bring an identity by asking a server for it.
pub(crate) const IDENTITIES: [&str; 2] = [SCEP, ACME];

/// The relation to a server.
#[derive(Debug, Clone)]
pub(crate) struct Enrollment {
    pub(crate) mdm: MdmPayload,
    pub(crate) identity: Arc<Identity>,
    /// The id in place of the UDID, in user enrollment.
    pub(crate) id: Option<String>,
}

/// Why a profile that needs a certificate is being installed.
#[derive(Debug, Clone)]
pub(crate) enum Why {
    /// The device enrolls.
    Enroll,
    /// The server sent the enrollment profile again: the device gets a new identity.
    Renew(Command),
    /// The server sent some other profile.
    Command(Command),
    /// A profile service wants a certificate shown.
    Service,
}

/// A profile on its way to being installed.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) profile: Profile,
    pub(crate) why: Why,
    pub(crate) scep: Option<ScepPayload>,
    pub(crate) acme: Option<Box<acme::Exchange>>,
    pub(crate) key: Option<PrivateKey>,
    pub(crate) exchange: Exchange,
    /// The enrollment as it was, to go back to when the server refuses the new identity.
    before: Option<Enrollment>,
}

impl Installation {
    /// Whether the profile makes a user enrollment.
    pub(crate) fn is_by_user(&self) -> bool {
        MdmPayload::of(&self.profile).is_ok_and(|mdm| mdm.by_user)
    }
}

impl Device {
    /// The device is asked to enroll.
    pub(crate) fn begin_enrollment(&mut self, now: Timestamp) {
        self.phase = Phase::Enrolling;
        if let Some(returning) = self.situation.returning.take() {
            self.comes_back(&returning, now);
        } else if self.starts_in_setup_assistant() {
            self.ask_in_setup_assistant();
        } else if self.starts_by_account() {
            self.agenda.push_back(Errand::Account(Step::Discover));
        } else {
            self.by_invitation(now);
        }
    }

    /// The download of the enrollment profile.
    pub(crate) fn profile_request(&self) -> Option<Request> {
        match &self.settings.profile {
            ProfileSource::Url(url) => {
                let mut request = Self::plain_get(Purpose::Profile, url.clone());
                if let Some(browser) = self.browser() {
                    request.headers = vec![(String::from("user-agent"), browser)];
                }
                Some(request)
            }
            ProfileSource::Bytes(_) => None,
        }
    }

    /// What Safari calls itself. An iPhone's says what it runs on; those of others say that they are a Mac, or are not on sale here.
    fn browser(&self) -> Option<String> {
        let version = self.facts.release.text.replace('.', "_");
        let rest = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
        (self.facts.model.family == Family::IPhone).then(|| format!("Mozilla/5.0 (iPhone; CPU iPhone OS {version} like Mac OS X) {rest}"))
    }

    /// The enrollment profile came.
    pub(crate) fn profile_came(&mut self, response: &Response, now: Timestamp) {
        if !response.is_of(&[PROFILE]) {
            let what =
                format!("the profile came as “{}”: Safari would save it as a file; {PROFILE} makes it installable", response.content_type);
            self.journal.remark(what);
        }
        self.enroll_with(&response.body, now);
    }

    pub(crate) fn enroll_with(&mut self, bytes: &[u8], now: Timestamp) {
        if self.meets_service(bytes) {
            return;
        }
        let begun = Profile::read(bytes).and_then(|profile| self.begin_installation(profile, Why::Enroll, now));
        if let Err(complaint) = begun {
            self.enrollment_failed(&complaint);
        }
    }

    /// Begins to install a profile that needs a certificate or that enrolls.
    pub(crate) fn begin_installation(&mut self, profile: Profile, why: Why, _now: Timestamp) -> Result<(), Complaint> {
        let payload = match why {
            Why::Command(_) | Why::Service => IDENTITIES.iter().find_map(|kind| profile.payload(kind)),
            Why::Enroll | Why::Renew(_) => {
                let mdm = MdmPayload::of(&profile)?;
                if !mdm.server_url.starts_with("https://") {
                    self.journal.remark("the ServerURL is not https: a real device refuses the profile");
                }
                profile.payloads.iter().find(|payload| payload.uuid == mdm.identity_uuid)
            }
        };
        let payload = payload.ok_or_else(|| Complaint::mdm(12005, "The profile has no payload with the identity."))?;
        let before = self.enrollment.clone();
        if payload.kind == ACME {
            let acme = Some(Box::new(acme::Exchange::new(AcmePayload::of(payload)?)?));
            self.installation = Some(Installation { profile, why, scep: None, acme, key: None, exchange: Exchange::default(), before });
            self.agenda.push_front(Errand::Acme(acme::Step::Directory));
            return Ok(());
        }
        if payload.kind != SCEP {
            return Err(Complaint::installation(4023, format!("Identities by “{}” are not simulated.", payload.kind)));
        }
        let scep = ScepPayload::of(payload)?;
        if scep.key_bits != 2048 {
            self.journal.remark(format!("the SCEP payload asks for a key of {} bits; one of 2048 is made", scep.key_bits));
        }
        self.installation =
            Some(Installation { profile, why, scep: Some(scep), acme: None, key: None, exchange: Exchange::default(), before });
        for errand in [Errand::PkiOperation, Errand::MakeKey, Errand::GetCaCaps, Errand::GetCaCert] {
            self.agenda.push_front(errand);
        }
        Ok(())
    }

    /// The certificate came: the profile is installed, and what enrolls checks in.
    pub(crate) fn identity_came(&mut self, identity: Identity, now: Timestamp) {
        let Some(installation) = &self.installation else { return };
        if matches!(installation.why, Why::Service) {
            return self.service_identity_came(identity);
        }
        if let Why::Command(command) = installation.why.clone() {
            if let Some(done) = self.installation.take() {
                self.put_profile(done.profile, Source::Command(command.channel), now);
            }
            return self.report(&command, Answer::done(), After::Nothing);
        }
        let Ok(mdm) = MdmPayload::of(&installation.profile) else { return };
        let id = match (&self.enrollment, mdm.by_user) {
            (Some(old), true) => old.id.clone(),
            (None, true) => Some(self.random.uuid_v4().hyphenated().to_string().to_uppercase()),
            (_, false) => None,
        };
        let reports_first = self.reports_before_check_in();
        let renewal = if let Why::Renew(command) = &installation.why { Some(command.clone()) } else { None };
        self.enrollment = Some(Enrollment { mdm, identity: Arc::new(identity), id });
        self.agenda.push_front(Errand::TokenUpdate(DEVICE));
        self.agenda.push_front(Errand::Authenticate);
        // Some builds report under the new identity before they check in with it.
        if let (Some(command), true) = (renewal, reports_first) {
            self.report(&command, Answer::done(), After::Nothing);
        }
    }

    /// The server took the TokenUpdate of the device's own channel.
    pub(crate) fn enrollment_complete(&mut self, now: Timestamp) {
        let Some(installation) = self.installation.take() else { return };
        self.put_profile(installation.profile, Source::Enrollment, now);
        match installation.why {
            Why::Enroll => {
                self.phase = Phase::Enrolled;
                self.journal.enrollments += 1;
                self.situation.enrolled_at = Some(now);
                self.next_poll_at = None;
                self.follow_enrollment();
                if self.situation.awaiting_configuration {
                    self.wake(DEVICE);
                }
            }
            Why::Renew(command) => {
                self.journal.renewals += 1;
                // Authenticate makes a server forget the declarations, and so does the device.
                self.channels[DEVICE].declarations = super::declarations::Declarations::default();
                if !self.reports_before_check_in() {
                    self.report(&command, Answer::done(), After::Nothing);
                }
            }
            Why::Command(_) | Why::Service => {}
        }
    }

    /// The certificate was refused or never came.
    pub(crate) fn installation_failed(&mut self, complaint: Complaint) {
        self.agenda.retain(|errand| {
            !matches!(errand, Errand::GetCaCert | Errand::GetCaCaps | Errand::MakeKey | Errand::PkiOperation | Errand::Acme(_))
        });
        self.journal.error(complaint.to_string());
        let why = self.installation.take().map(|installation| installation.why);
        match why {
            Some(Why::Renew(command) | Why::Command(command)) => {
                self.report(&command, super::commands::installation_error(vec![complaint]), After::Nothing);
            }
            Some(Why::Enroll | Why::Service) | None => self.enrollment_failed(&complaint),
        }
    }

    /// The server refused the check-in under a new identity.
    pub(crate) fn check_in_refused(&mut self, why: String) {
        self.agenda.retain(|errand| !matches!(errand, Errand::Authenticate | Errand::TokenUpdate(DEVICE)));
        let complaint = Complaint::mdm(12002, format!("The device could not check in: {why}"));
        match self.installation.take() {
            Some(Installation { why: Why::Renew(command), before, .. }) => {
                self.enrollment = before;
                if !self.reports_before_check_in() {
                    self.report(&command, super::commands::installation_error(vec![complaint]), After::Nothing);
                }
            }
            _ => self.enrollment_failed(&complaint),
        }
    }

    pub(crate) fn enrollment_failed(&mut self, complaint: &Complaint) {
        self.journal.error(complaint.to_string());
        self.installation = None;
        self.enrollment = None;
        self.agenda.clear();
        self.phase = Phase::Failed(complaint.to_string());
    }

    /// Whether this device is one of those that report a renewal under the new identity before they check in with it.
    pub(crate) fn reports_before_check_in(&self) -> bool {
        self.facts.spread(2) == 1
    }

    /// The device tries to enroll once more, as a person would after a failure.
    pub fn enroll_again(&mut self) {
        if matches!(self.phase, Phase::Failed(_) | Phase::Left(_)) {
            self.phase = Phase::New;
        }
    }
}
