//! A device before a profile service: it says who it is, first by the identity that it was built with, then by the certificate that it got for that.

use std::sync::Arc;

use http::Method;

use super::Device;
use super::agenda::Errand;
use super::enroll::Why;
use super::identity::{Dialect, Identity, USER_AGENT};
use super::profile::{MdmPayload, Profile};
use super::setup::SIGNED;
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use crate::clock::Timestamp;
use crate::pki::cms::{self, SignOptions, Signer, sign};
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary, to_xml};

/// A profile service that a profile named.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    url: String,
    attributes: Vec<String>,
    challenge: Option<String>,
    /// The certificate that came of the second phase.
    identity: Option<Arc<Identity>>,
}

impl Service {
    /// Reads the profile of one, signed or not; nothing where it is another profile.
    fn read(bytes: &[u8]) -> Option<Self> {
        let keys = parse_dictionary(bytes).ok().or_else(|| parse_dictionary(&cms::verify(bytes, None).ok()?.content).ok())?;
        let content =
            fields::dictionary(&keys, "PayloadContent").filter(|_| fields::text(&keys, "PayloadType") == Some("Profile Service"))?;
        let (attributes, challenge) = (fields::texts(content, "DeviceAttributes"), fields::filled(content, "Challenge"));
        Some(Self { url: fields::filled(content, "URL")?, attributes, challenge, identity: None })
    }
}

impl Device {
    /// Begins with a profile service, if the profile is of one; says whether it is.
    pub(crate) fn meets_service(&mut self, bytes: &[u8]) -> bool {
        let Some(service) = Service::read(bytes) else { return false };
        self.situation.service = Some(service);
        self.agenda.push_front(Errand::AskService);
        true
    }

    /// What the device says of itself, as far as it was asked.
    pub(crate) fn service_request(&mut self, now: Timestamp) -> Option<Request> {
        let service = self.situation.service.clone()?;
        let facts = &self.facts;
        let known = [
            ("UDID", Some(facts.udid.as_str())),
            ("VERSION", Some(facts.release.build)),
            ("PRODUCT", Some(facts.model.product_name)),
            ("SERIAL", Some(facts.serial_number.as_str())),
            ("IMEI", facts.imei.as_deref()),
        ];
        let asked = known.into_iter().filter(|(key, _)| service.attributes.iter().any(|asked| asked == key));
        let mut keys: Dictionary = asked.filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))).collect();
        if let Some(challenge) = &service.challenge {
            keys.insert("CHALLENGE".into(), Value::from(challenge.as_str()));
        }
        let content = to_xml(&Value::Dictionary(keys)).ok()?;
        let Some(body) = self.signs(service.identity.as_deref(), &content, now) else {
            self.enrollment_failed(&Complaint::mdm(12006, "The device could not sign what it says of itself."));
            return None;
        };
        let headers = vec![(String::from("content-type"), SIGNED.to_owned()), (String::from("user-agent"), USER_AGENT.to_owned())];
        let purpose = Purpose::ProfileService;
        Some(Request { purpose, method: Method::POST, url: service.url, headers, body: body.into(), identity: None, mischief: None })
    }

    fn signs(&self, identity: Option<&Identity>, content: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        let dialect = Dialect::of(self.facts.release);
        let options = SignOptions {
            digest: Some(dialect.digest),
            signed_attributes: dialect.signed_attributes,
            indefinite_length: dialect.indefinite_length,
            signing_time: dialect.signed_attributes.then(|| self.own_clock(now)),
            ..SignOptions::default()
        };
        match identity {
            Some(identity) => sign(&Signer::new(identity.certificate.clone(), identity.key().clone()).ok()?, content, &options).ok(),
            None => sign(self.settings.setup.as_ref()?.maker.identity(), content, &options).ok(),
        }
    }

    /// The service answered: with a profile that brings a certificate, or with the one that enrolls.
    pub(crate) fn service_came(&mut self, response: &Response, now: Timestamp) {
        let is_second = self.situation.service.as_ref().is_some_and(|service| service.identity.is_none());
        if !is_second {
            self.situation.service = None;
            return self.enroll_with(&response.body, now);
        }
        let begun = Profile::read(&response.body).and_then(|profile| {
            if MdmPayload::of(&profile).is_ok() {
                self.journal.remark("the second phase brought the MDM payload already: nobody has shown a certificate yet");
            }
            self.begin_installation(profile, Why::Service, now)
        });
        if let Err(complaint) = begun {
            self.enrollment_failed(&complaint);
        }
    }

    /// The certificate of the second phase came: the third begins.
    pub(crate) fn service_identity_came(&mut self, identity: Identity) {
        self.installation = None;
        if let Some(service) = &mut self.situation.service {
            service.identity = Some(Arc::new(identity));
            self.agenda.push_front(Errand::AskService);
        }
    }
}
