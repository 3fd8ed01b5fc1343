//! A device against a small MDM server in memory, built on the ground alone: no socket, no sleep, the clock moved by hand.

mod account;
mod apps;
mod commands;
mod declarations;
mod declared_apps;
mod enrolling;
mod faults;
mod fetching;
mod leaving;
mod made;
mod profiles;
mod renewing;
mod setup;
mod store;
mod updates;

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

pub(in crate::sim) use made::enrollment_profile_at;
use made::{code, enrollment_profile, individual, keys, status, xml};

use super::values::{dict, dictionary};
use super::wire::{Mischief, Purpose, Reply, Request, Response};
use super::{Device, Phase, ProfileSource, Settings};
use crate::clock::Timestamp;
use crate::pki::asn1::{AnyRef, Tag, attribute, oid};
use crate::pki::cms::{self, SignOptions};
use crate::pki::csr::{CertificationRequest, Challenge};
use crate::pki::issue::{self, Issuer};
use crate::pki::key::PrivateKey;
use crate::protocol::plist::{Dictionary, Value, fields, parse_dictionary, to_xml};
use crate::random::Random;
use crate::sim::faults::{DeviceFaults, Faults};
use crate::sim::model::{Individual, Mix, invent};

/// The topic of everything here.
const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// When the tests begin.
pub(in crate::sim) fn start() -> Timestamp {
    Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
}

/// Keys for all tests: making one takes long.
fn key(index: usize) -> PrivateKey {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| (0..3).map(|_| PrivateKey::generate_rsa_2048().unwrap()).collect());
    keys[index % keys.len()].clone()
}

fn authority() -> &'static Issuer {
    static AUTHORITY: OnceLock<Issuer> = OnceLock::new();
    AUTHORITY.get_or_init(|| issue::root("Practice CA of example.school", start()).unwrap())
}

/// What a server saw of one request.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Seen {
    pub(in crate::sim) purpose: Purpose,
    request: Request,
    pub(in crate::sim) message: Dictionary,
}

/// A small MDM server: it issues what is asked for with the right challenge, takes every check-in, and hands out its queue.
pub(in crate::sim) struct Server {
    challenge: String,
    capabilities: &'static str,
    pub(in crate::sim) profile: Dictionary,
    queue: VecDeque<(String, Dictionary)>,
    pub(in crate::sim) seen: Vec<Seen>,
    /// Answers that come instead of the usual ones, by purpose, each once.
    instead: Vec<(Purpose, Response)>,
    declarations: Vec<(&'static str, Json)>,
    files: Vec<(String, Vec<u8>)>,
    commands_sent: usize,
    /// The command that is out, as a server that offers it again would know.
    offered: Option<String>,
    /// What the practice store beside it says of every licence.
    licensed: bool,
}

impl Server {
    pub(in crate::sim) fn new() -> Self {
        Self {
            challenge: String::from("practice-challenge"),
            capabilities: "POSTPKIOperation\nSHA-256\nAES\nDES3\nSHA-1\nRenewal\n",
            profile: enrollment_profile("practice-challenge"),
            queue: VecDeque::new(),
            seen: Vec::new(),
            instead: Vec::new(),
            declarations: Vec::new(),
            files: Vec::new(),
            commands_sent: 0,
            offered: None,
            licensed: true,
        }
    }

    pub(in crate::sim) fn take(&mut self, request: &Request, now: Timestamp) -> Response {
        let message = parse_dictionary(&request.body).unwrap_or_default();
        self.seen.push(Seen { purpose: request.purpose, request: request.clone(), message: message.clone() });
        if let Some(index) = self.instead.iter().position(|(purpose, _)| *purpose == request.purpose) {
            return self.instead.remove(index).1;
        }
        match request.purpose {
            Purpose::Profile => Response::new(200, "application/x-apple-aspen-config", self.signed_profile()),
            Purpose::GetCaCert => Response::new(200, "application/x-x509-ca-cert", authority().certificate().der().to_vec()),
            Purpose::GetCaCaps => Response::new(200, "text/plain", self.capabilities),
            Purpose::PkiOperation => Response::new(200, "application/x-pki-message", self.pki_operation(request, now)),
            Purpose::Idle | Purpose::Report => self.connect(request, &message),
            Purpose::DeclarativeManagement => self.declare(&message),
            Purpose::Content => self.file(request),
            Purpose::Store => Response::new(200, "application/json", serde_json::json!({ "licensed": self.licensed }).to_string()),
            Purpose::UserAuthenticate => Response::new(410, "", ""),
            _ => Response::new(200, "", ""),
        }
    }

    fn signed_profile(&self) -> Vec<u8> {
        cms::sign(authority().signer(), &xml(&self.profile), &SignOptions::default()).unwrap()
    }

    fn connect(&mut self, request: &Request, message: &Dictionary) -> Response {
        assert_signed(request);
        if fields::text(message, "Status") != Some("NotNow") && fields::text(message, "Status") != Some("Idle") {
            let done = fields::text(message, "CommandUUID");
            self.queue.retain(|(uuid, _)| Some(uuid.as_str()) != done);
        }
        let skip = if fields::text(message, "Status") == Some("NotNow") { fields::text(message, "CommandUUID") } else { None };
        let Some((uuid, command)) = self.queue.iter().find(|(uuid, _)| Some(uuid.as_str()) != skip) else {
            return Response::new(200, "", "");
        };
        self.offered = Some(uuid.clone());
        let body = dictionary([("CommandUUID", Value::from(uuid.as_str())), ("Command", Value::Dictionary(command.clone()))]);
        Response::new(200, "application/xml", xml(&body))
    }

    fn declare(&self, message: &Dictionary) -> Response {
        let json = |json: Json| Response::new(200, "application/json", json.to_string());
        let token = format!("{:x}", self.declarations.iter().map(|(_, declaration)| declaration.to_string().len()).sum::<usize>());
        match fields::text(message, "Endpoint").unwrap() {
            "status" => Response::new(200, "", ""),
            "tokens" => json(serde_json::json!({ "SyncTokens": { "DeclarationsToken": token, "Timestamp": "2026-11-25T08:00:00Z" } })),
            "declaration-items" => {
                let list = |kind: &str| -> Vec<Json> {
                    let of_kind = self.declarations.iter().filter(|(other, _)| *other == kind);
                    of_kind
                        .map(|(_, one)| serde_json::json!({ "Identifier": one["Identifier"], "ServerToken": one["ServerToken"] }))
                        .collect()
                };
                let lists = serde_json::json!({ "Activations": list("activation"), "Assets": list("asset"),
                    "Configurations": list("configuration"), "Management": list("management") });
                json(serde_json::json!({ "Declarations": lists, "DeclarationsToken": token }))
            }
            endpoint => {
                let identifier = endpoint.splitn(3, '/').nth(2).unwrap();
                let found = self.declarations.iter().find(|(_, one)| one["Identifier"] == identifier);
                found.map_or_else(|| Response::new(404, "", ""), |(_, one)| json(one.clone()))
            }
        }
    }

    fn file(&self, request: &Request) -> Response {
        let Some((_, file)) = self.files.iter().find(|(url, _)| *url == request.url) else { return Response::new(404, "", "") };
        let range = request.headers.iter().find(|(name, _)| name == "range").and_then(|(_, value)| value.strip_prefix("bytes="));
        let Some((from, to)) = range.and_then(|range| range.split_once('-')) else { return Response::new(200, "", file.clone()) };
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        let body = file[from..file.len().min(to + 1)].to_vec();
        Response { total_bytes: Some(file.len() as u64), ..Response::new(206, "application/octet-stream", body) }
    }

    /// The server's side of SCEP: opens, judges, issues, answers.
    fn pki_operation(&self, request: &Request, now: Timestamp) -> Vec<u8> {
        let message = match request.url.split_once("&message=") {
            Some((_, text)) => STANDARD.decode(text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")).unwrap(),
            None => request.body.to_vec(),
        };
        let verified = cms::verify(&message, None).unwrap();
        let options = cms::DecryptOptions { allow_single_des: false };
        let opened = cms::decrypt(authority().signer(), &verified.content, options).unwrap();
        let csr = CertificationRequest::from_der(&opened.content).unwrap();
        let right = csr.challenge() == Challenge::Text(self.challenge.clone());
        let text = |oid, text: &str| attribute(oid, &AnyRef::new(Tag::PrintableString, text.as_bytes()).unwrap()).unwrap();
        let nonce = verified.attribute(oid::SCEP_SENDER_NONCE).unwrap();
        let mut attributes = vec![
            text(oid::SCEP_MESSAGE_TYPE, "3"),
            text(oid::SCEP_TRANSACTION_ID, &verified.text(oid::SCEP_TRANSACTION_ID).unwrap()),
            text(oid::SCEP_PKI_STATUS, if right { "0" } else { "2" }),
            attribute(oid::SCEP_RECIPIENT_NONCE, &nonce).unwrap(),
        ];
        let mut content = Vec::new();
        if right {
            let issued = authority().identity(&csr, &csr.common_name().unwrap(), now).unwrap();
            content = cms::encrypt(&verified.signer, &cms::certs_only(&[issued]).unwrap(), opened.cipher).unwrap();
        } else {
            attributes.push(text(oid::SCEP_FAIL_INFO, "2"));
        }
        cms::sign(authority().signer(), &content, &SignOptions { attributes, ..SignOptions::default() }).unwrap()
    }

    /// Queues a command; its answer is found by what this returns.
    pub(in crate::sim) fn enqueue<const N: usize>(&mut self, request_type: &str, keys: [(&str, Value); N]) -> String {
        self.commands_sent += 1;
        let uuid = format!("C0000000-0000-4000-8000-{:012}", self.commands_sent);
        let mut command = dictionary(keys);
        command.insert("RequestType".into(), Value::from(request_type));
        self.queue.push_back((uuid.clone(), command));
        uuid
    }

    /// The last report of a command.
    pub(in crate::sim) fn report(&self, uuid: &str) -> Dictionary {
        let reports = self.seen.iter().rev().filter(|seen| seen.purpose == Purpose::Report);
        let found = reports.map(|seen| &seen.message).find(|message| fields::text(message, "CommandUUID") == Some(uuid));
        found.unwrap_or_else(|| panic!("no report of {uuid}")).clone()
    }

    pub(in crate::sim) fn messages(&self, purpose: Purpose) -> Vec<&Dictionary> {
        self.seen.iter().filter(|seen| seen.purpose == purpose).map(|seen| &seen.message).collect()
    }
}

/// Every message is signed over its very bytes, by a certificate of the authority.
fn assert_signed(request: &Request) {
    let signature = request.headers.iter().find(|(name, _)| name == "mdm-signature").map(|(_, value)| value.clone());
    let signature = STANDARD.decode(signature.expect("the message is signed")).unwrap();
    let verified = cms::verify(&signature, Some(&request.body)).unwrap();
    assert!(verified.signer.is_issued_by(authority().certificate()));
}

/// A device, its server and the time between them.
struct Bench {
    device: Device,
    server: Server,
    now: Timestamp,
    keys_given: usize,
}

impl Bench {
    /// A device of this kind, its server, and nothing done yet.
    fn new(word: &str) -> Self {
        Self::of(individual(word), Faults::default().for_device(1))
    }

    fn of(individual: Individual, faults: DeviceFaults) -> Self {
        let settings = Settings::new(ProfileSource::Url(String::from("https://mdm.example.school/enroll/PRACTICE/profile")));
        let device = Device::new(individual, settings, faults, Random::seeded(1));
        Self { device, server: Server::new(), now: start(), keys_given: 0 }
    }

    /// An enrolled device of this kind that has nothing more to say.
    fn enrolled(word: &str) -> Self {
        let mut bench = Self::new(word);
        bench.run();
        assert_eq!(*bench.device.phase(), Phase::Enrolled, "{:?}", bench.device.journal());
        bench
    }

    /// Carries one request; says whether there was one.
    fn step(&mut self) -> bool {
        if self.device.wishes_key().is_some() {
            self.device.give_key(key(self.keys_given));
            self.keys_given += 1;
        }
        let Some(request) = self.device.poll(self.now) else { return self.device.wishes_key().is_some() };
        let reply = self.carry(&request);
        self.device.handle(reply, self.now);
        true
    }

    /// Carries requests until the device has none for now.
    fn run(&mut self) {
        for _ in 0..500 {
            if !self.step() {
                return;
            }
        }
        panic!("the device never rests: {:?}", self.device.journal());
    }

    fn carry(&mut self, request: &Request) -> Reply {
        match request.mischief {
            Some(Mischief::LoseRequest | Mischief::Break(_)) => return Reply::Lost(String::from("lost on purpose")),
            Some(Mischief::LoseAnswer) => {
                self.server.take(request, self.now);
                return Reply::Lost(String::from("answer lost on purpose"));
            }
            Some(Mischief::Duplicate) => drop(self.server.take(request, self.now)),
            Some(Mischief::Slow(_)) | None => {}
        }
        Reply::Answered(self.server.take(request, self.now))
    }

    /// Lets time pass in steps, so that nothing that is due is missed.
    fn wait(&mut self, seconds: u64) {
        let end = self.now.plus(Duration::from_secs(seconds));
        while self.now < end {
            let next = self.device.wakes_at().filter(|at| *at > self.now).unwrap_or(end);
            self.now = next.min(end);
            self.run();
        }
    }

    /// Pushes the device's own channel and lets it answer.
    fn push(&mut self) {
        self.device.wake(super::DEVICE);
        self.run();
    }

    /// Sends one command and returns its report.
    fn ask<const N: usize>(&mut self, request_type: &str, keys: [(&str, Value); N]) -> Dictionary {
        let uuid = self.server.enqueue(request_type, keys);
        self.push();
        self.server.report(&uuid)
    }

    /// What the device would rather not have met.
    fn remarks(&self) -> &[String] {
        &self.device.journal().remarks
    }
}
