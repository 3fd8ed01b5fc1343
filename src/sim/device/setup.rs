//! A device in its Setup Assistant: it asks for its management with what it says of itself, signed by the identity that it was built with.

use std::time::Duration;

use http::Method;

use super::agenda::Errand;
use super::identity::{Dialect, USER_AGENT};
use super::situation::Situation;
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use super::{Device, ProfileSource};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::certificate::Certificate;
use crate::pki::cms::{SignOptions, Signer, sign};
use crate::pki::digest::Digest;
use crate::pki::issue::{self, Issuer};
use crate::pki::key::PrivateKey;
use crate::protocol::plist::{Dictionary, Value, to_xml};
use crate::secret::Secret;
use crate::sim::faults::Impostor;
use crate::sim::model::Platform;

/// How often a device connects by itself while it waits in Setup Assistant.
pub(crate) const SETUP_POLL: Duration = Duration::from_secs(30);

/// The media type of what it signs.
pub(crate) const SIGNED: &str = "application/pkcs7-signature";

/// Where devices ask that start in Setup Assistant, and who made them.
#[derive(Debug)]
pub struct SetupAssistant {
    /// The address that Apple, or Apple Configurator, tells them.
    pub url: String,
    /// Who made them.
    pub maker: Maker,
}

/// The maker of simulated devices, in Apple's place: its authority vouches for the identity that they are built with.
#[derive(Debug)]
pub struct Maker {
    authority: Issuer,
    /// One identity for all of them: a server tells devices apart by what they say under it.
    identity: Signer,
    stranger: Signer,
}

impl Maker {
    /// A new one.
    pub fn new(now: Timestamp) -> Result<Self> {
        let authority = issue::root("Device CA of the simulator", now)?;
        let identity = authority.device("A simulated device", &PrivateKey::generate_rsa_2048()?, now)?;
        let stranger = issue::root("Somebody who makes no devices", now)?.device("No device", &PrivateKey::generate_rsa_2048()?, now)?;
        Ok(Self { authority, identity, stranger })
    }

    /// The one whose authority a file holds, as [`Maker::to_pem`] wrote it.
    pub fn from_pem(pem: &[u8], now: Timestamp) -> Result<Self> {
        let authority = Issuer::new(Certificate::from_pem(pem)?, PrivateKey::from_pem(pem, None)?)?;
        let made = Self::new(now)?;
        let identity = authority.device("A simulated device", &PrivateKey::generate_rsa_2048()?, now)?;
        Ok(Self { authority, identity, ..made })
    }

    /// Its authority with the key, for simulated devices that another program runs.
    pub fn to_pem(&self) -> Secret<String> {
        let key = self.authority.signer().key().to_pem();
        Secret::new(format!("{}{}", self.authority.certificate().to_pem(), key.expose()))
    }

    /// The identity that its devices are built with.
    pub(crate) fn identity(&self) -> &Signer {
        &self.identity
    }

    /// The certificate of its authority: what a server must be told to know its devices.
    pub fn certificate(&self) -> &Certificate {
        self.authority.certificate()
    }
}

impl Device {
    /// Whether it asks from Setup Assistant rather than by an invitation.
    pub(crate) fn starts_in_setup_assistant(&self) -> bool {
        self.facts.automated && self.settings.setup.is_some()
    }

    /// Whether this OS understands that it has to update before it may enroll.
    fn understands_updates(&self) -> bool {
        self.knows_unrecognized_device()
    }

    /// The signed machine info.
    pub(crate) fn machine_info(&mut self, now: Timestamp) -> Option<Request> {
        let setup = self.settings.setup.clone()?;
        let keys = self.machine_info_keys(false);
        let url = self.situation.managed_at.clone().unwrap_or_else(|| setup.url.clone());
        self.signed_machine_info(&setup.maker, keys, url, now)
    }

    /// What it says of itself; of a person's own device nothing by which it could be known again.
    pub(crate) fn machine_info_keys(&self, is_own: bool) -> Dictionary {
        let release = self.facts.release;
        let mut keys = Dictionary::new();
        let mut say = |key: &str, value: &str| drop(keys.insert(key.to_owned(), Value::from(value)));
        if is_own {
            say("PRODUCT", self.facts.model.product_name);
            say("VERSION", release.build);
            say("LANGUAGE", "en");
            keys.sort_keys();
            return keys;
        }
        say("UDID", &self.facts.udid);
        say("SERIAL", &self.facts.serial_number);
        say("PRODUCT", self.facts.model.product_name);
        say("VERSION", release.build);
        say("OS_VERSION", release.text);
        say("LANGUAGE", "en");
        if let Some(imei) = &self.facts.imei {
            say("IMEI", imei);
        }
        if self.understands_updates() {
            say("SOFTWARE_UPDATE_DEVICE_ID", self.facts.model.software_update_device_id());
            keys.insert("MDM_CAN_REQUEST_SOFTWARE_UPDATE".into(), Value::Boolean(true));
        }
        if release.platform == Platform::Macos && release.version.0 >= 26 {
            keys.insert("MDM_CAN_REQUEST_PSSO_CONFIG".into(), Value::Boolean(true));
        }
        keys.sort_keys();
        keys
    }

    /// Signs what it says by the identity that it was built with.
    pub(crate) fn signed_machine_info(&mut self, maker: &Maker, keys: Dictionary, url: String, now: Timestamp) -> Option<Request> {
        let content = to_xml(&Value::Dictionary(keys)).ok()?;
        let impostor = self.faults.impostor();
        let dialect = Dialect::of(self.facts.release);
        // Old devices send their own certificate alone.
        let carries = dialect.signed_attributes && impostor != Some(Impostor::BareIdentity);
        let authority = [maker.authority.certificate().clone()];
        let options = SignOptions {
            digest: Some(if impostor == Some(Impostor::OldDigest) { Digest::Sha1 } else { dialect.digest }),
            signed_attributes: dialect.signed_attributes,
            indefinite_length: dialect.indefinite_length,
            signing_time: dialect.signed_attributes.then(|| self.own_clock(now)),
            chain: if carries { &authority } else { &[] },
            ..SignOptions::default()
        };
        let signer = if impostor == Some(Impostor::Stranger) { &maker.stranger } else { &maker.identity };
        let body = match sign(signer, &content, &options) {
            Ok(body) => body,
            Err(error) => {
                self.journal.error(format!("cannot sign: {error}"));
                return None;
            }
        };
        let headers = vec![(String::from("content-type"), SIGNED.to_owned()), (String::from("user-agent"), USER_AGENT.to_owned())];
        let purpose = Purpose::MachineInfo;
        Some(Request { purpose, method: Method::POST, url, headers, body: body.into(), identity: None, mischief: None })
    }

    /// It asks for its profile, after Apple told it where.
    pub(crate) fn ask_in_setup_assistant(&mut self) {
        if self.settings.activation.is_some() {
            self.agenda.push_back(Errand::Activate);
        }
        self.agenda.push_back(Errand::AskSetup);
    }

    /// The question to Apple who manages the device.
    pub(crate) fn activation_request(&self) -> Option<Request> {
        let service = self.settings.activation.as_ref()?;
        Some(Self::plain_get(Purpose::Activation, format!("{service}/{}", self.facts.serial_number)))
    }

    /// Apple said who manages the device, and how it is to be: supervised or not, shared or not, held until it is configured or not.
    pub(crate) fn activated(&mut self, response: &Response) {
        let profile = serde_json::from_slice::<serde_json::Value>(&response.body).unwrap_or_default();
        let flag = |name: &str| profile[name].as_bool().unwrap_or_default();
        // A web view takes the place of the plain address; nobody is there to sign in in it.
        let Some(url) = profile["url"].as_str() else { return self.not_activated("Apple names no address") };
        self.facts.supervised = flag("is_supervised");
        self.facts.share(flag("is_multi_user") && self.facts.supervised);
        let managed_at = Some(url.to_owned());
        let awaiting_configuration = flag("await_device_configured");
        let time_zone = std::mem::take(&mut self.situation.time_zone);
        let may_be_handed_back = flag("is_return_to_service");
        self.situation =
            Situation { awaiting_configuration, managed_at, may_be_handed_back, time_zone, ..Situation::of(&self.facts, &self.random) };
    }

    /// Apple knows nobody who manages the device: it is its user's own.
    pub(crate) fn not_activated(&mut self, why: &str) {
        self.enrollment_failed(&Complaint::mdm(34001, format!("Apple names no organisation for this device: {why}.")));
    }

    /// The server did not give a profile: the device updates itself where that is what it is told, or stays in Setup Assistant.
    pub(crate) fn setup_refused(&mut self, response: Option<&Response>, why: &str, now: Timestamp) {
        let error = response.and_then(|response| serde_json::from_slice::<serde_json::Value>(&response.body).ok()).unwrap_or_default();
        let code = error["code"].as_str().unwrap_or_default();
        if code == "com.apple.softwareupdate.required" {
            let wanted = error.pointer("/details/OSVersion").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            if !self.understands_updates() {
                self.journal.remark("com.apple.softwareupdate.required came to an OS that does not understand it");
            } else if self.join_for_setup(error.pointer("/details/RequireBetaProgram"))
                && wanted != self.facts.release.text
                && self.update_os(&wanted, now)
            {
                return self.agenda.push_front(Errand::AskSetup);
            }
            return self.enrollment_failed(&Complaint::mdm(34004, format!("The update to {wanted} that is asked for cannot be had.")));
        }
        let words = if code.is_empty() { why.to_owned() } else { format!("{why} ({code})") };
        self.enrollment_failed(&Complaint::mdm(34002, words));
    }

    /// Where the profile comes from by an invitation.
    pub(crate) fn by_invitation(&mut self, now: Timestamp) {
        match self.settings.profile.clone() {
            ProfileSource::Url(_) => self.agenda.push_back(Errand::FetchProfile),
            ProfileSource::Bytes(bytes) => self.enroll_with(&bytes, now),
        }
    }

    /// Whether it waits in Setup Assistant, or will when it begins.
    pub fn is_in_setup_assistant(&self) -> bool {
        self.situation.awaiting_configuration
    }
}
