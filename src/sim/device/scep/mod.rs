//! SCEP as a device speaks it (RFC 8894): its own client, so that it finds what is wrong with a server's side.

mod service;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;

pub(crate) use self::service::{Applicant, ScepService};
use super::Device;
use super::agenda::Errand;
use super::identity::{Identity, is_old, percent_encode};
use super::profile::ScepPayload;
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use crate::clock::Timestamp;
use crate::pki::asn1::{AnyRef, Oid, Tag, attribute, name, oid};
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms::{self, DecryptOptions, SignOptions, Signer, Verified};
use crate::pki::csr::{self, RequestOptions};
use crate::pki::digest::{Digest, sha256};
use crate::pki::hex;
use crate::pki::issue::self_signed;
use crate::pki::key::PrivateKey;
use crate::sim::model::{Individual, Release};
use std::time::Duration;

/// How long the throw-away certificate of a request is valid.
const THROW_AWAY: Duration = Duration::from_secs(86_400);

/// messageType values.
const CERT_REP: &str = "3";
const PKCS_REQ: &str = "19";

/// A conversation with a SCEP server, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    authorities: Vec<Certificate>,
    capabilities: Capabilities,
    asked: Option<Asked>,
    /// How often the server said PENDING.
    pending: u32,
    /// The next request waits until then.
    pub(crate) wait_until: Option<Timestamp>,
}

/// What a server can do, of what a device cares for.
#[derive(Debug, Default, Clone, Copy)]
struct Capabilities {
    post: bool,
    sha256: bool,
    aes: bool,
}

/// A request that is out, and what its answer must fit.
#[derive(Debug)]
struct Asked {
    transaction: String,
    nonce: [u8; 16],
    throw_away: Signer,
    message: Vec<u8>,
}

/// The algorithms of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Algorithms {
    pub(crate) digest: Digest,
    pub(crate) cipher: Cipher,
}

impl Algorithms {
    /// What devices that run `release` choose where the server offers it all.
    pub(crate) fn of(release: &Release) -> Self {
        if is_old(release) { Self::OLD } else { Self { digest: Digest::Sha256, cipher: Cipher::Aes128Cbc } }
    }

    const OLD: Self = Self { digest: Digest::Sha1, cipher: Cipher::DesEde3Cbc };

    /// What is left of the choice where the server offers less.
    fn offered(self, capabilities: Capabilities) -> Self {
        Self {
            digest: if capabilities.sha256 { self.digest } else { Self::OLD.digest },
            cipher: if capabilities.aes { self.cipher } else { Self::OLD.cipher },
        }
    }
}

impl Device {
    /// The request of one step.
    pub(crate) fn scep_request(&mut self, errand: &Errand, now: Timestamp) -> Option<Request> {
        let own_clock = self.own_clock(now);
        let algorithms = Algorithms::of(self.facts.release);
        let installation = self.installation.as_mut()?;
        let scep = installation.scep.as_ref()?;
        let named = scep.name.as_deref().map(|name| format!("&message={}", percent_encode(name.as_bytes()))).unwrap_or_default();
        let get =
            |purpose, operation: &str, rest: &str| Self::plain_get(purpose, with_query(&scep.url, &format!("operation={operation}{rest}")));
        match errand {
            Errand::GetCaCert => Some(get(Purpose::GetCaCert, "GetCACert", &named)),
            Errand::GetCaCaps => Some(get(Purpose::GetCaCaps, "GetCACaps", &named)),
            _ => {
                let exchange = &mut installation.exchange;
                if exchange.asked.is_none() {
                    let asking = Asking { facts: &self.facts, scep, key: installation.key.as_ref()?, algorithms, now: own_clock };
                    let authority = encryption_certificate(&exchange.authorities)?;
                    match asking.ask(authority, exchange.capabilities) {
                        Ok(asked) => exchange.asked = Some(asked),
                        Err(complaint) => {
                            self.installation_failed(complaint);
                            return None;
                        }
                    }
                }
                let message = &exchange.asked.as_ref()?.message;
                if !exchange.capabilities.post {
                    let message = percent_encode(STANDARD.encode(message).as_bytes());
                    return Some(get(Purpose::PkiOperation, "PKIOperation", &format!("&message={message}")));
                }
                let mut request = get(Purpose::PkiOperation, "PKIOperation", "");
                request.method = Method::POST;
                request.headers.push((String::from("content-type"), String::from("application/x-pki-message")));
                request.body = message.clone().into();
                Some(request)
            }
        }
    }

    /// The certificate of the authority came, alone or with others.
    pub(crate) fn ca_cert_came(&mut self, response: &Response) {
        let certificates = certificates_of(&response.body);
        let right_type = if response.body.first() == Some(&0x30) && Certificate::from_der(&response.body).is_ok() {
            "application/x-x509-ca-cert"
        } else {
            "application/x-x509-ca-ra-cert"
        };
        if !response.is_of(&[right_type]) {
            self.journal.remark(format!("GetCACert came as “{}”, not as {right_type}", response.content_type));
        }
        let Some(installation) = &mut self.installation else { return };
        if certificates.is_empty() {
            return self.installation_failed(Complaint::scep(22002, "The answer to GetCACert is no certificate."));
        }
        let wanted = installation.scep.as_ref().and_then(|scep| scep.fingerprint.as_deref());
        let fits = |certificate: &Certificate| {
            wanted.is_none_or(|wanted| certificate.sha1_fingerprint() == wanted || sha256(certificate.der()) == wanted)
        };
        if !certificates.iter().any(fits) {
            return self
                .installation_failed(Complaint::scep(22007, "The certificate of the authority is another than CAFingerprint says."));
        }
        installation.exchange.authorities = certificates;
    }

    /// The list of what the server can do came.
    pub(crate) fn ca_caps_came(&mut self, response: &Response) {
        if let Some(installation) = &mut self.installation {
            installation.exchange.capabilities = Capabilities::read(&response.body);
        }
    }

    /// The answer to the certificate request came.
    pub(crate) fn certificate_came(&mut self, response: &Response, now: Timestamp) {
        if !response.is_of(&["application/x-pki-message"]) {
            self.journal.remark(format!("PKIOperation came as “{}”, not as application/x-pki-message", response.content_type));
        }
        let Some(installation) = &mut self.installation else { return };
        let Some((asked, key)) = installation.exchange.asked.as_ref().zip(installation.key.as_ref()) else { return };
        let (retries, retry_delay_s) = installation.scep.as_ref().map_or((0, 0), |scep| (scep.retries, scep.retry_delay_s));
        match read_answer(&response.body, asked, key, &installation.exchange.authorities) {
            Ok(Some(identity)) => self.identity_came(identity, now),
            Ok(None) if installation.exchange.pending < retries => {
                let exchange = &mut installation.exchange;
                // The first repeat comes without delay.
                let delay = if exchange.pending == 0 { 0 } else { retry_delay_s };
                exchange.pending += 1;
                exchange.wait_until = Some(now.plus(Duration::from_secs(u64::from(delay))));
                self.agenda.push_front(Errand::PkiOperation);
            }
            Ok(None) => self.installation_failed(Complaint::scep(22013, "The server never decided on the request.")),
            Err(what) => self.installation_failed(Complaint::scep(22013, what)),
        }
    }
}

/// All that a certificate request is made of.
struct Asking<'a> {
    facts: &'a Individual,
    scep: &'a ScepPayload,
    key: &'a PrivateKey,
    algorithms: Algorithms,
    now: Timestamp,
}

/// One certificate, or several in a message that carries nothing else.
fn certificates_of(bytes: &[u8]) -> Vec<Certificate> {
    let alone = Certificate::from_der(bytes).map(|certificate| vec![certificate]);
    alone.or_else(|_| cms::certificates(bytes)).unwrap_or_default()
}

impl Capabilities {
    fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let can = |word: &str| text.lines().any(|line| line.trim().eq_ignore_ascii_case(word));
        let all = can("SCEPStandard");
        Self { post: all || can("POSTPKIOperation"), sha256: all || can("SHA-256"), aes: all || can("AES") }
    }
}

impl Asking<'_> {
    /// Writes a PKCSReq to the authority.
    fn ask(&self, authority: &Certificate, capabilities: Capabilities) -> Result<Asked, Complaint> {
        let algorithms = self.algorithms.offered(capabilities);
        let failed = |what: &dyn std::fmt::Display| Complaint::scep(22010, format!("The request cannot be made: {what}"));
        let subject = subject(self.facts, &self.scep.subject).map_err(|error| failed(&error))?;
        let options = RequestOptions { challenge: self.scep.challenge.as_deref(), digest: Some(algorithms.digest) };
        let request = csr::write(&subject, self.key, options).map_err(|error| failed(&error))?;
        let throw_away = self_signed(&self.facts.serial_number, self.key, THROW_AWAY, self.now).map_err(|error| failed(&error))?;
        let envelope = cms::encrypt(authority, &request, algorithms.cipher).map_err(|error| failed(&error))?;
        let transaction = hex(&sha256(&[self.key.public_key_der(), self.facts.udid.as_bytes(), &request].concat())[..20]);
        let nonce = crate::random::Random::System.bytes();
        let attributes = scep_attributes(PKCS_REQ, &transaction, &nonce).map_err(|error| failed(&error))?;
        let options = SignOptions { digest: Some(algorithms.digest), attributes, ..SignOptions::default() };
        let message = cms::sign(&throw_away, &envelope, &options).map_err(|error| failed(&error))?;
        Ok(Asked { transaction, nonce, throw_away, message })
    }
}

/// The signed attributes of a request.
fn scep_attributes(kind: &str, transaction: &str, nonce: &[u8]) -> Result<Vec<Vec<u8>>, crate::pki::asn1::Malformed> {
    let text = |oid, text: &str| {
        let value = AnyRef::new(Tag::PrintableString, text.as_bytes()).map_err(|_| crate::pki::asn1::Malformed("attribute"))?;
        attribute(oid, &value)
    };
    let nonce = AnyRef::new(Tag::OctetString, nonce).map_err(|_| crate::pki::asn1::Malformed("nonce"))?;
    Ok(vec![text(oid::SCEP_MESSAGE_TYPE, kind)?, text(oid::SCEP_TRANSACTION_ID, transaction)?, attribute(oid::SCEP_SENDER_NONCE, &nonce)?])
}

/// The subject that a payload asks for, its variables filled in; the serial number alone where it asks for none.
pub(super) fn subject(facts: &Individual, wanted: &[(String, String)]) -> Result<Vec<u8>, crate::pki::asn1::Malformed> {
    let filled = |text: &str| {
        let variables = [
            ("%SerialNumber%", facts.serial_number.as_str()),
            ("%HardwareUUID%", facts.udid.as_str()),
            ("%UDID%", facts.udid.as_str()),
            ("%ComputerName%", facts.name.as_str()),
        ];
        variables.into_iter().fold(text.to_owned(), |text, (variable, value)| text.replace(variable, value))
    };
    let mut names: Vec<(Oid, String)> = wanted.iter().filter_map(|(kind, value)| Some((name_kind(kind)?, filled(value)))).collect();
    if names.is_empty() {
        names.push((oid::COMMON_NAME, facts.serial_number.clone()));
    }
    let names: Vec<(Oid, &str)> = names.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
    name::write(&names)
}

/// The kind of name that a short word or a dotted number means.
fn name_kind(word: &str) -> Option<Oid> {
    match word {
        "C" => Some(oid::COUNTRY),
        "L" => Oid::new("2.5.4.7").ok(),
        "ST" => Oid::new("2.5.4.8").ok(),
        "O" => Some(oid::ORGANIZATION),
        "OU" => Oid::new("2.5.4.11").ok(),
        "CN" => Some(oid::COMMON_NAME),
        dotted => Oid::new(dotted).ok(),
    }
}

/// The certificate to encrypt to: a registration authority's where there is one, else the authority's own.
fn encryption_certificate(authorities: &[Certificate]) -> Option<&Certificate> {
    authorities.iter().find(|certificate| !certificate.is_authority()).or_else(|| authorities.first())
}

/// Reads a CertRep: an identity, none where the server has not decided, or what is wrong.
fn read_answer(message: &[u8], asked: &Asked, key: &PrivateKey, authorities: &[Certificate]) -> Result<Option<Identity>, String> {
    let verified = cms::verify(message, None).map_err(|error| format!("The answer is not well signed: {error}"))?;
    let known = authorities.iter().any(|authority| verified.signer.der() == authority.der() || verified.signer.is_issued_by(authority));
    if !known {
        return Err(String::from("The answer is signed by somebody else than the authority."));
    }
    check_answer(&verified, asked)?;
    match verified.text(oid::SCEP_PKI_STATUS).as_deref() {
        Some("0") => {}
        Some("3") => return Ok(None),
        Some("2") => {
            let reason = verified.text(oid::SCEP_FAIL_INFO).unwrap_or_default();
            return Err(format!("The server refused the request (failInfo {reason}: {}).", fail_info(&reason)));
        }
        other => return Err(format!("The answer has the pkiStatus {other:?}.")),
    }
    let opened = cms::decrypt(&asked.throw_away, &verified.content, DecryptOptions { allow_single_des: true })
        .map_err(|error| format!("The answer cannot be decrypted: {error}"))?;
    let certificates = cms::certificates(&opened.content).map_err(|error| format!("The answer holds no certificates: {error}"))?;
    let own = certificates.into_iter().find(|certificate| certificate.public_key_der() == key.public_key_der());
    let own = own.ok_or("The answer holds no certificate of the key that was sent.")?;
    Identity::new(own, key.clone()).map(Some).map_err(|error| error.to_string())
}

/// Whether an answer belongs to the request.
fn check_answer(verified: &Verified, asked: &Asked) -> Result<(), String> {
    if verified.text(oid::SCEP_MESSAGE_TYPE).as_deref() != Some(CERT_REP) {
        return Err(String::from("The answer is no CertRep."));
    }
    if verified.text(oid::SCEP_TRANSACTION_ID).as_deref() != Some(&asked.transaction) {
        return Err(String::from("The answer belongs to another transaction."));
    }
    let nonce = verified.attribute(oid::SCEP_RECIPIENT_NONCE).map(|value| value.value().to_vec());
    if nonce.as_deref() != Some(&asked.nonce) {
        return Err(String::from("The answer's recipientNonce is not the nonce that was sent."));
    }
    Ok(())
}

fn fail_info(reason: &str) -> &'static str {
    match reason {
        "0" => "badAlg",
        "1" => "badMessageCheck",
        "2" => "badRequest",
        "3" => "badTime",
        "4" => "badCertId",
        _ => "unknown",
    }
}

fn with_query(url: &str, query: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{query}")
}
