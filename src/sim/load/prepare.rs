//! Writes and signs the requests of a load before the clock starts.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

use super::run::{Exchange, Expect, Load, Operation, Seat};
use super::wire::Origin;
use super::{Addresses, LoadDevice, LoadMessages, LoadProof, MAX_PREPARED, Mode};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::digest::Digest;
use crate::protocol::plist::{Dictionary, Value, to_xml};
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::client::Trust;
use crate::sim::device::{Dialect, Identity};

/// The media types of the two kinds of messages.
const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";
const CONNECT: &str = "application/x-apple-aspen-mdm; charset=UTF-8";

/// How the load devices sign.
const DIALECT: Dialect = Dialect { digest: Digest::Sha256, signed_attributes: true, indefinite_length: true };

/// The API through which cycles enqueue their commands: the one of NanoMDM and all that are compatible with it.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it is, without a path: `https://mdm.example.school`.
    pub url: String,
    /// Its key or token, the password of the user `nanomdm`.
    pub token: Secret<String>,
}

/// All that a load is made of, except SCEP, whose requests come from profiles.
#[derive(Debug)]
pub struct Preparation<'a> {
    /// What one operation is.
    pub mode: Mode,
    /// Where the devices check in and connect.
    pub addresses: &'a Addresses,
    /// The devices.
    pub devices: &'a [LoadDevice],
    /// How they prove who they are.
    pub proof: &'a LoadProof,
    /// Where cycles enqueue their commands.
    pub api: Option<&'a Api>,
    /// What the connections trust.
    pub trust: &'a Trust,
    /// The certificates that the profile brought, trusted as well.
    pub anchors: &'a [Certificate],
    /// How many operations are prepared where each can be done only once.
    pub operations: usize,
    /// Makes the UUIDs of commands.
    pub random: &'a Random,
    /// When the signatures say they were made.
    pub now: Timestamp,
}

/// Prepares a load; takes about 0.3 ms of processor time for each signature.
pub fn prepare(preparation: &Preparation<'_>) -> Result<Load> {
    if preparation.devices.is_empty() {
        return Err(Error::bad_input("there is no device to make load with"));
    }
    let target = Target::of(&preparation.addresses.server_url)?;
    let check_in = Target::of(&preparation.addresses.check_in_url)?;
    if target.authority != check_in.authority {
        return Err(Error::bad_input("ServerURL and CheckInURL are on different hosts; load wants one"));
    }
    let api = preparation.api.map(|api| Target::of(&api.url)).transpose()?;
    let writer = Writer { preparation, target, check_in, api };
    let seats = writer.seats()?;
    let mut origins = vec![writer.target.clone()];
    origins.extend(writer.api.clone().filter(|_| preparation.mode == Mode::Cycle));
    let once = preparation.mode == Mode::Cycle;
    let shares = matches!(preparation.proof, LoadProof::Tls);
    let plain = |target: &Target| target.origin(preparation.trust, preparation.anchors, None);
    let origins = origins.iter().map(plain).collect::<Result<Vec<_>>>()?;
    Ok(Load { mode: preparation.mode, identity: preparation.proof.name(), origins, seats, once, own_connection: shares })
}

/// Puts PKIOperation messages into a load by SCEP, each to be sent once.
pub(super) fn prepare_messages(url: &str, messages: Vec<Vec<u8>>, trust: &Trust, anchors: &[Certificate]) -> Result<Load> {
    let target = Target::of(url)?;
    let joint = if target.path.contains('?') { '&' } else { '?' };
    let path = format!("{}{joint}operation=PKIOperation", target.path);
    let head = |length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-pki-message\r\nContent-Length: {length}\r\n\r\n",
            target.authority
        )
    };
    let seats = messages.into_iter().map(|message| {
        let request = [head(message.len()).as_bytes(), &message].concat();
        let exchange = Exchange { origin: 0, request: request.into(), expect: Expect::CertRepSuccess };
        Seat { tls: None, operations: vec![Operation(vec![exchange])] }
    });
    let origins = vec![target.origin(trust, anchors, None)?];
    Ok(Load { mode: Mode::Scep, identity: "none", origins, seats: seats.collect(), once: true, own_connection: false })
}

/// A URL in its parts.
#[derive(Debug, Clone)]
struct Target {
    authority: String,
    host: String,
    port: u16,
    tls: bool,
    path: String,
}

impl Target {
    fn of(url: &str) -> Result<Self> {
        let wrong = || Error::bad_input(format!("{url} is no http or https URL"));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().ok_or_else(wrong)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = uri.path_and_query().map_or_else(|| String::from("/"), ToString::to_string);
        Ok(Self { authority, host, port, tls, path })
    }

    fn origin(&self, trust: &Trust, anchors: &[Certificate], identity: Option<&Identity>) -> Result<Origin> {
        let config = || trust.tls(anchors, identity).map_err(|error| Error::internal("TLS cannot be set up", error));
        let tls = if self.tls { Some(config()?) } else { None };
        Ok(Origin { host: self.host.clone(), port: self.port, tls })
    }
}

struct Writer<'a> {
    preparation: &'a Preparation<'a>,
    target: Target,
    check_in: Target,
    api: Option<Target>,
}

impl Writer<'_> {
    fn seats(&self) -> Result<Vec<Seat>> {
        let preparation = self.preparation;
        let each = preparation.operations.min(MAX_PREPARED).div_ceil(preparation.devices.len()).max(1);
        // Signing is all that takes time here: it is spread over the processors.
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = preparation.devices.len().div_ceil(workers);
        std::thread::scope(|scope| {
            let write = |devices: &[LoadDevice]| devices.iter().map(|device| self.seat(device, each)).collect::<Result<Vec<_>>>();
            let threads: Vec<_> = preparation.devices.chunks(share).map(|devices| scope.spawn(move || write(devices))).collect();
            let mut seats = Vec::with_capacity(preparation.devices.len());
            for thread in threads {
                // A panic of a thread is one of this function too.
                seats.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(seats)
        })
    }

    fn seat(&self, device: &LoadDevice, each: usize) -> Result<Seat> {
        let mode = self.preparation.mode;
        let operations = match mode {
            Mode::Idle => vec![Operation(vec![self.idle(device, Expect::Empty)?])],
            Mode::TokenUpdate => vec![Operation(vec![self.check_in(device, &self.messages(device).token_update()?)?])],
            Mode::Enroll => {
                let messages = self.messages(device);
                let bodies = [messages.authenticate()?, messages.token_update()?];
                vec![Operation(bodies.iter().map(|body| self.check_in(device, body)).collect::<Result<_>>()?)]
            }
            Mode::Cycle => (0..each).map(|_| self.cycle(device)).collect::<Result<_>>()?,
            Mode::Scep => return Err(Error::bad_input("load by SCEP is prepared from profiles")),
        };
        let own = matches!(self.preparation.proof, LoadProof::Tls);
        let origin = |identity: &Identity| self.target.origin(self.preparation.trust, self.preparation.anchors, Some(identity));
        let tls = if own { Some(origin(&device.identity)?) } else { None };
        Ok(Seat { tls, operations })
    }

    fn messages<'d>(&'d self, device: &'d LoadDevice) -> LoadMessages<'d> {
        LoadMessages { topic: &self.preparation.addresses.topic, udid: &device.udid, serial_number: &device.serial_number }
    }

    fn idle(&self, device: &LoadDevice, expect: Expect) -> Result<Exchange> {
        self.exchange(device, &self.target, CONNECT, &self.messages(device).idle()?, expect)
    }

    fn check_in(&self, device: &LoadDevice, body: &[u8]) -> Result<Exchange> {
        self.exchange(device, &self.check_in, CHECK_IN, body, Expect::Success)
    }

    fn cycle(&self, device: &LoadDevice) -> Result<Operation> {
        let (api, target) = self
            .preparation
            .api
            .zip(self.api.as_ref())
            .ok_or_else(|| Error::bad_input("cycles enqueue by the NanoMDM-compatible API: give --api URL and --api-token TOKEN"))?;
        let uuid = self.preparation.random.uuid_v4().hyphenated().to_string();
        let command = command(&uuid)?;
        let authorization = STANDARD.encode(format!("nanomdm:{}", api.token.expose()));
        let head = format!(
            "PUT /v1/enqueue/{}?nopush=1 HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {authorization}\r\nContent-Length: {}\r\n\r\n",
            device.udid,
            target.authority,
            command.len()
        );
        let enqueue = Exchange { origin: 1, request: [head.as_bytes(), &command].concat().into(), expect: Expect::Success };
        let fetch = self.idle(device, Expect::Contains(uuid.clone().into_bytes().into()))?;
        let report = self.messages(device).acknowledged(&uuid)?;
        let report = self.exchange(device, &self.target, CONNECT, &report, Expect::Success)?;
        Ok(Operation(vec![enqueue, fetch, report]))
    }

    fn exchange(&self, device: &LoadDevice, target: &Target, content_type: &str, body: &[u8], expect: Expect) -> Result<Exchange> {
        let proof = match self.preparation.proof {
            LoadProof::Signature => {
                let signature = device.identity.mdm_signature(body, DIALECT, self.preparation.now);
                let signature = signature.map_err(|error| Error::internal("a load request cannot be signed", error))?;
                format!("Mdm-Signature: {signature}\r\n")
            }
            LoadProof::Tls => String::new(),
            LoadProof::Header { name, form } => format!("{name}: {}\r\n", device.identity.header(*form)),
        };
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: MDM/1.0\r\nContent-Type: {content_type}\r\n{proof}Content-Length: {}\r\n\r\n",
            target.path,
            target.authority,
            body.len()
        );
        Ok(Exchange { origin: 0, request: Arc::from([head.as_bytes(), body].concat()), expect })
    }
}

/// The command of a cycle: one that a device does without saying more than that it did.
fn command(uuid: &str) -> Result<Vec<u8>> {
    let entry = |key: &str, value| (key.to_owned(), value);
    let command: Dictionary = [entry("RequestType", Value::from("ClearRestrictionsPassword"))].into_iter().collect();
    let message: Dictionary = [entry("CommandUUID", Value::from(uuid)), entry("Command", Value::Dictionary(command))].into_iter().collect();
    Ok(to_xml(&Value::Dictionary(message))?)
}
