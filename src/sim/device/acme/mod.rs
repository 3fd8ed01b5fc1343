//! ACME as a device speaks it (RFC 8555, `device-attest-01`): its own client, so that it finds what is wrong with a server's side.

mod attest;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Map, Value as Json, json};

use super::Device;
use super::agenda::Errand;
use super::identity::Identity;
use super::profile::{Payload, subject_of};
use super::scep::subject;
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use crate::clock::Timestamp;
use crate::pki::attestation::object_of_chain;
use crate::pki::certificate::Certificate;
use crate::pki::csr::{self, RequestOptions};
use crate::pki::digest::sha256;
use crate::pki::jws::flattened::{jwk_of, sign_flattened};
use crate::pki::key::PrivateKey;
use crate::protocol::plist::fields;

pub(crate) use self::attest::Attestation;

/// How often a request is signed anew because its nonce was not taken.
const MAX_NONCES: u32 = 5;

/// How often the order is looked at before it is given up.
const MAX_LOOKS: u32 = 10;

/// What a `com.apple.security.acme` payload asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AcmePayload {
    directory_url: String,
    client_identifier: String,
    subject: Vec<(String, String)>,
    attest: bool,
}

impl AcmePayload {
    /// Reads the payload; its keys stand in the payload itself.
    pub(crate) fn of(payload: &Payload) -> Result<Self, Complaint> {
        let missing = |key: &str| Complaint::profile(1002, format!("The field “{key}” is missing in the ACME payload."));
        let text = |key: &str| fields::filled(&payload.keys, key).ok_or_else(|| missing(key));
        let flag = |key: &str| fields::flag(&payload.keys, key);
        let (kind, size) = (text("KeyType")?, fields::whole(&payload.keys, "KeySize").ok_or_else(|| missing("KeySize"))?);
        let is_bound = flag("HardwareBound").ok_or_else(|| missing("HardwareBound"))?;
        let attest = flag("Attest").unwrap_or(false);
        if attest && !is_bound {
            return Err(Complaint::installation(4001, "Attest needs HardwareBound."));
        }
        if is_bound && (kind != "ECSECPrimeRandom" || !matches!(size, 256 | 384)) {
            return Err(Complaint::installation(4001, "A key that is bound to the hardware is on a curve of 256 or 384 bits."));
        }
        if kind != "ECSECPrimeRandom" || size != 256 {
            return Err(Complaint::installation(4001, format!("Keys of the type {kind} with {size} bits are not simulated.")));
        }
        let directory_url = text("DirectoryURL")?;
        if !directory_url.starts_with("https://") {
            return Err(Complaint::installation(4001, "The DirectoryURL is not https."));
        }
        if !payload.keys.contains_key("Subject") {
            return Err(missing("Subject"));
        }
        Ok(Self { directory_url, client_identifier: text("ClientIdentifier")?, subject: subject_of(&payload.keys), attest })
    }
}

/// One step of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Directory,
    Nonce,
    Account,
    Order,
    Authorization,
    Challenge,
    Finalize,
    Look,
    Certificate,
}

/// A conversation with an ACME server, as far as it has come.
#[derive(Debug)]
pub(crate) struct Exchange {
    payload: AcmePayload,
    account_key: PrivateKey,
    key: PrivateKey,
    directory: Json,
    nonce: String,
    account: String,
    order: String,
    finalize: String,
    certificate: String,
    authorization: String,
    challenge: String,
    token: String,
    nonces_refused: u32,
    looks: u32,
}

impl Exchange {
    pub(crate) fn new(payload: AcmePayload) -> Result<Self, Complaint> {
        let key = || PrivateKey::generate_p256().map_err(|error| Complaint::installation(4001, error.to_string()));
        Ok(Self {
            payload,
            account_key: key()?,
            key: key()?,
            directory: Json::Null,
            nonce: String::new(),
            account: String::new(),
            order: String::new(),
            finalize: String::new(),
            certificate: String::new(),
            authorization: String::new(),
            challenge: String::new(),
            token: String::new(),
            nonces_refused: 0,
            looks: 0,
        })
    }

    fn address(&self, name: &str) -> String {
        self.directory[name].as_str().unwrap_or_default().to_owned()
    }

    /// A signed request; a payload of none is a question.
    fn signed(&self, url: &str, payload: Option<Json>) -> Option<Request> {
        let mut header = Map::new();
        if self.account.is_empty() {
            header.insert(String::from("jwk"), jwk_of(self.account_key.public_key_der())?);
        } else {
            header.insert(String::from("kid"), Json::from(self.account.as_str()));
        }
        header.insert(String::from("nonce"), Json::from(self.nonce.as_str()));
        header.insert(String::from("url"), Json::from(url));
        let payload = payload.map(|payload| payload.to_string()).unwrap_or_default();
        let body = sign_flattened(&self.account_key, header, payload.as_bytes()).ok()?.to_string();
        let mut request = Device::plain_get(Purpose::Acme, url.to_owned());
        request.method = Method::POST;
        request.headers.push((String::from("content-type"), String::from("application/jose+json")));
        request.body = body.into();
        Some(request)
    }

    /// Takes what an answer says; gives the next step, or none at the end.
    fn take(&mut self, step: Step, response: &Response) -> Result<Option<Step>, String> {
        let body: Json = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |value: &Json, what: &str| value.as_str().map(str::to_owned).ok_or_else(|| format!("The answer has no {what}."));
        let location = || response.location.clone().ok_or("The answer has no Location.");
        Ok(Some(match step {
            Step::Directory => {
                self.directory = body;
                Step::Nonce
            }
            Step::Nonce => Step::Account,
            Step::Account => {
                self.account = location()?;
                Step::Order
            }
            Step::Order => {
                self.order = location()?;
                self.finalize = text(&body["finalize"], "finalize")?;
                self.authorization = text(&body["authorizations"][0], "authorization")?;
                Step::Authorization
            }
            Step::Authorization => {
                let challenges = body["challenges"].as_array().cloned().unwrap_or_default();
                let ours = challenges.iter().find(|challenge| challenge["type"] == "device-attest-01");
                let ours = ours.ok_or("The authorization has no challenge device-attest-01.")?;
                (self.challenge, self.token) = (text(&ours["url"], "url")?, text(&ours["token"], "token")?);
                Step::Challenge
            }
            Step::Challenge if body["status"] == "valid" => Step::Finalize,
            Step::Challenge => return Err(format!("The challenge was not met: {}", body["error"]["detail"].as_str().unwrap_or_default())),
            Step::Finalize | Step::Look => match body["status"].as_str() {
                Some("valid") => {
                    self.certificate = text(&body["certificate"], "certificate")?;
                    Step::Certificate
                }
                Some("processing" | "ready") if self.looks < MAX_LOOKS => {
                    self.looks += 1;
                    Step::Look
                }
                other => return Err(format!("The order came to {other:?}: {}", body["error"]["detail"].as_str().unwrap_or_default())),
            },
            Step::Certificate => return Ok(None),
        }))
    }
}

impl Device {
    /// The request of one step.
    pub(crate) fn acme_request(&mut self, step: Step, now: Timestamp) -> Option<Request> {
        let payload = match step {
            Step::Challenge => Some(self.acme_answer(now)?),
            Step::Finalize => Some(self.acme_csr()?),
            _ => None,
        };
        let exchange = self.installation.as_ref()?.acme.as_ref()?;
        match step {
            Step::Directory => Some(Self::plain_get(Purpose::Acme, exchange.payload.directory_url.clone())),
            Step::Nonce => {
                let request = Self::plain_get(Purpose::Acme, exchange.address("newNonce"));
                Some(Request { method: Method::HEAD, ..request })
            }
            Step::Account => exchange.signed(&exchange.address("newAccount"), Some(json!({ "termsOfServiceAgreed": true }))),
            Step::Order => {
                let identifier = json!({ "type": "permanent-identifier", "value": exchange.payload.client_identifier });
                exchange.signed(&exchange.address("newOrder"), Some(json!({ "identifiers": [identifier] })))
            }
            Step::Authorization => exchange.signed(&exchange.authorization, None),
            Step::Challenge => exchange.signed(&exchange.challenge, payload),
            Step::Finalize => exchange.signed(&exchange.finalize, payload),
            Step::Look => exchange.signed(&exchange.order, None),
            Step::Certificate => exchange.signed(&exchange.certificate, None),
        }
    }

    /// The answer to the challenge: an attestation of the key, or nothing where the device has none to give.
    fn acme_answer(&mut self, now: Timestamp) -> Option<Json> {
        let exchange = self.installation.as_ref()?.acme.as_ref()?;
        let (attest, code, key) =
            (exchange.payload.attest, sha256(exchange.token.as_bytes()).to_vec(), exchange.key.public_key_der().to_vec());
        let chain = if attest { self.attest(&key, code, now) } else { None };
        Some(chain.map_or_else(|| json!({}), |chain| json!({ "attObj": URL_SAFE_NO_PAD.encode(object_of_chain(&chain)) })))
    }

    fn acme_csr(&self) -> Option<Json> {
        let exchange = self.installation.as_ref()?.acme.as_ref()?;
        let subject = subject(&self.facts, &exchange.payload.subject).ok()?;
        let request = csr::write(&subject, &exchange.key, RequestOptions::default()).ok()?;
        Some(json!({ "csr": URL_SAFE_NO_PAD.encode(request) }))
    }

    /// The answer of one step came.
    pub(crate) fn acme_came(&mut self, step: Step, response: &Response, now: Timestamp) {
        let Some(exchange) = self.installation.as_mut().and_then(|installation| installation.acme.as_mut()) else { return };
        match &response.replay_nonce {
            Some(nonce) => exchange.nonce.clone_from(nonce),
            None if step != Step::Directory => self.journal.remark("an answer of ACME came without Replay-Nonce"),
            None => {}
        }
        let Some(exchange) = self.installation.as_mut().and_then(|installation| installation.acme.as_mut()) else { return };
        match exchange.take(step, response) {
            Ok(Some(next)) => self.agenda.push_front(Errand::Acme(next)),
            Ok(None) => self.acme_certificate_came(response, now),
            Err(what) => self.installation_failed(Complaint::installation(4001, what)),
        }
    }

    fn acme_certificate_came(&mut self, response: &Response, now: Timestamp) {
        if !response.is_of(&["application/pem-certificate-chain"]) {
            self.journal.remark(format!("the certificate came as “{}”, not as application/pem-certificate-chain", response.content_type));
        }
        let Some(exchange) = self.installation.as_ref().and_then(|installation| installation.acme.as_ref()) else { return };
        let chain = Certificate::all_from_pem(&response.body).unwrap_or_default();
        let own = chain.first().filter(|first| first.public_key_der() == exchange.key.public_key_der());
        let identity = own.ok_or("The chain does not begin with the certificate of the key that was sent.").and_then(|own| {
            let is_whole = chain.windows(2).all(|pair| pair[0].is_issued_by(&pair[1]));
            if is_whole { Ok(own.clone()) } else { Err("The certificates of the chain do not issue each other.") }
        });
        let identity =
            identity.map_err(str::to_owned).and_then(|own| Identity::new(own, exchange.key.clone()).map_err(|error| error.to_string()));
        match identity {
            Ok(identity) => self.identity_came(identity, now),
            Err(what) => self.installation_failed(Complaint::installation(4001, what)),
        }
    }

    /// A step failed. A nonce that was not taken is replaced by the one of the answer, as every client does; says whether the step is tried again so.
    pub(crate) fn acme_again(&mut self, step: Step, response: Option<&Response>) -> bool {
        let Some(exchange) = self.installation.as_mut().and_then(|installation| installation.acme.as_mut()) else { return false };
        let Some(response) = response else { return false };
        let body: Json = serde_json::from_slice(&response.body).unwrap_or_default();
        let (Some(nonce), true) = (&response.replay_nonce, body["type"] == "urn:ietf:params:acme:error:badNonce") else { return false };
        if exchange.nonces_refused >= MAX_NONCES {
            return false;
        }
        exchange.nonces_refused += 1;
        exchange.nonce.clone_from(nonce);
        self.agenda.push_front(Errand::Acme(step));
        true
    }
}
