//! A SCEP server as a profile names it, asked without a device around it: for load.

use super::super::Device;
use super::super::identity::percent_encode;
use super::super::profile::{Profile, ScepPayload};
use super::super::values::Complaint;
use super::super::wire::{Purpose, Request, Response};
use super::{Algorithms, Asking, Capabilities, certificates_of, encryption_certificate, with_query};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::sim::model::Individual;

/// A SCEP server as a profile names it, for requests without a device around them.
#[derive(Debug)]
pub(crate) struct ScepService {
    scep: ScepPayload,
    /// The certificates that the profile brings.
    pub(crate) anchors: Vec<Certificate>,
    authorities: Vec<Certificate>,
    capabilities: Capabilities,
}

/// Who asks for a certificate, and with which profile.
#[derive(Debug)]
pub(crate) struct Applicant {
    pub(crate) facts: Individual,
    pub(crate) key: PrivateKey,
    /// The profile, whose challenge counts.
    pub(crate) profile: Vec<u8>,
    pub(crate) now: Timestamp,
}

impl ScepService {
    /// The server that a profile names.
    pub(crate) fn of_profile(bytes: &[u8]) -> Result<Self, Error> {
        let (profile, scep) = scep_of(bytes)?;
        let anchors = profile.certificates().iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        Ok(Self { scep, anchors, authorities: Vec::new(), capabilities: Capabilities::default() })
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> &str {
        &self.scep.url
    }

    /// Asks for the certificate of the authority.
    pub(crate) fn get_ca_cert(&self) -> Request {
        self.get(Purpose::GetCaCert, "GetCACert")
    }

    /// Asks for what the server can do.
    pub(crate) fn get_ca_caps(&self) -> Request {
        self.get(Purpose::GetCaCaps, "GetCACaps")
    }

    fn get(&self, purpose: Purpose, operation: &str) -> Request {
        let name = self.scep.name.as_deref().unwrap_or_default();
        let query = format!("operation={operation}&message={}", percent_encode(name.as_bytes()));
        Device::plain_get(purpose, with_query(&self.scep.url, &query))
    }

    /// The server, with its answers to both questions.
    pub(crate) fn knows(self, certificate: &Response, capabilities: &Response) -> Result<Self, Error> {
        let authorities = certificates_of(&certificate.body);
        if authorities.is_empty() {
            return Err(Error::bad_input("the answer to GetCACert is no certificate"));
        }
        Ok(Self { authorities, capabilities: Capabilities::read(&capabilities.body), ..self })
    }

    /// Writes a PKIOperation message with the challenge of the applicant's profile.
    pub(crate) fn request(&self, applicant: &Applicant) -> Result<Vec<u8>, Error> {
        let (_, scep) = scep_of(&applicant.profile)?;
        let algorithms = Algorithms::of(applicant.facts.release);
        let asking = Asking { facts: &applicant.facts, scep: &scep, key: &applicant.key, algorithms, now: applicant.now };
        let authority = encryption_certificate(&self.authorities).ok_or_else(|| Error::bad_input("the authority has no certificate"))?;
        let asked = asking.ask(authority, self.capabilities).map_err(|complaint| Error::bad_input(complaint.to_string()))?;
        Ok(asked.message)
    }
}

fn scep_of(bytes: &[u8]) -> Result<(Profile, ScepPayload), Error> {
    let unusable = |complaint: Complaint| Error::bad_input(format!("the profile cannot be used: {complaint}"));
    let profile = Profile::read(bytes).map_err(unusable)?;
    let payload = profile.payload("com.apple.security.scep").ok_or_else(|| Error::bad_input("the profile has no SCEP payload"))?;
    let scep = ScepPayload::of(payload).map_err(unusable)?;
    Ok((profile, scep))
}
