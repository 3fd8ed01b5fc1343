//! The closed loop: each worker sends an operation, waits for its answers, and sends the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::wire::{Origin, Wire, find};
use super::{Figures, MAX_CONNECTIONS, Mode, Pressure};
use crate::error::{Error, Result};
use crate::sim::histogram::Histogram;

/// How many kinds of errors are told apart.
const MAX_ERRORS: usize = 20;

/// The longest that one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a worker waits after a failure, so that a server that is down is not hammered.
const PAUSE: Duration = Duration::from_millis(10);

/// The encoded signed attribute pkiStatus with the value SUCCESS.
const PKI_STATUS_SUCCESS: &[u8] = b"\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x03\x31\x03\x13\x01\x30";

/// A load, ready to run.
pub struct Load {
    pub(super) mode: Mode,
    pub(super) identity: &'static str,
    /// Where the requests go; the first is the MDM server, the second the API.
    pub(super) origins: Vec<Origin>,
    pub(super) seats: Vec<Seat>,
    /// Each operation can be done only once.
    pub(super) once: bool,
    /// Each seat has a connection of its own.
    pub(super) own_connection: bool,
}

/// The operations of one device.
pub(super) struct Seat {
    /// Where its own connection leads, with its own identity.
    pub(super) tls: Option<Origin>,
    pub(super) operations: Vec<Operation>,
}

/// What is measured as one: requests that follow each other.
pub(super) struct Operation(pub(super) Vec<Exchange>);

/// One request and what its answer must be.
pub(super) struct Exchange {
    pub(super) origin: usize,
    pub(super) request: Arc<[u8]>,
    pub(super) expect: Expect,
}

/// What an answer must be, beside its status 2xx.
#[derive(Clone)]
pub(super) enum Expect {
    /// Anything.
    Success,
    /// No body.
    Empty,
    /// These bytes somewhere in the body.
    Contains(Arc<[u8]>),
    /// A CertRep with the status SUCCESS.
    CertRepSuccess,
}

/// One worker's share: the seats, the connections they go over, and what was measured.
struct Worker {
    load: Arc<Load>,
    /// Indices of seats.
    seats: Vec<usize>,
    /// Connections to the MDM server, used in turn.
    wires: Vec<Option<Wire>>,
    /// The connection to the API.
    api: Option<Wire>,
    measured: Histogram,
    errors: BTreeMap<String, u64>,
    failed: u64,
}

/// Runs a load for as long as `pressure` says, or until its operations are used up.
#[expect(clippy::disallowed_methods, reason = "measures")]
pub async fn run(load: Load, pressure: Pressure) -> Result<Figures> {
    // A connection that belongs to one device carries that one's requests only: more devices than connections take no part.
    let connections = if load.own_connection { load.seats.len().min(pressure.connections) } else { pressure.connections };
    let devices = if load.own_connection { connections } else { load.seats.len() };
    if !(1..=MAX_CONNECTIONS).contains(&connections) {
        return Err(Error::bad_input(format!("a load keeps 1 to {MAX_CONNECTIONS} connections")));
    }
    let at_once = pressure.at_once.clamp(1, connections);
    let load = Arc::new(load);
    let mut connecting = JoinSet::new();
    for index in 0..at_once {
        let kept = (index..connections).step_by(at_once).count();
        let worker = Worker {
            load: Arc::clone(&load),
            seats: (index..devices).step_by(at_once).collect(),
            wires: (0..kept).map(|_| None).collect(),
            api: None,
            measured: Histogram::default(),
            errors: BTreeMap::new(),
            failed: 0,
        };
        connecting.spawn(worker.connect());
    }
    let connected = connecting.join_all().await;
    let counts_from = Instant::now() + pressure.warm_up;
    let deadline = counts_from + pressure.duration;
    let mut workers = JoinSet::new();
    for worker in connected {
        workers.spawn(worker.map_err(Error::bad_input)?.work(counts_from, deadline));
    }
    let (mut all, mut errors, mut failed) = (Histogram::default(), BTreeMap::new(), 0);
    let mut ended = counts_from;
    while let Some(worker) = workers.join_next().await {
        let (worker, last) = worker.map_err(|error| Error::internal("a worker of the load failed", error))?;
        all.add(&worker.measured);
        failed += worker.failed;
        ended = ended.max(last);
        for (what, count) in worker.errors {
            *errors.entry(what).or_default() += count;
        }
    }
    let (mode, identity) = (load.mode, load.identity);
    let mut figures = Figures::empty(mode, identity, devices, connections, at_once);
    figures.failed = failed;
    figures.errors = errors;
    figures.fill(&all, ended.saturating_duration_since(counts_from));
    Ok(figures)
}

impl Figures {
    fn empty(mode: Mode, identity: &'static str, devices: usize, connections: usize, at_once: usize) -> Self {
        Self {
            mode,
            identity,
            devices,
            connections,
            at_once,
            seconds: 0.0,
            operations: 0,
            throughput_per_s: 0.0,
            mean_ms: 0.0,
            p50_ms: 0.0,
            p90_ms: 0.0,
            p99_ms: 0.0,
            max_ms: 0.0,
            failed: 0,
            errors: BTreeMap::new(),
        }
    }
}

impl Worker {
    /// Opens all connections, so that none is opened while the clock runs.
    async fn connect(mut self) -> Result<Self, String> {
        for place in 0..self.wires.len() {
            let seat = self.seats.get(place).map(|seat| &self.load.seats[*seat]);
            let origin = seat.and_then(|seat| seat.tls.as_ref()).unwrap_or(&self.load.origins[0]);
            self.wires[place] = Some(Wire::open(origin).await?);
        }
        if let Some(api) = self.load.origins.get(1) {
            self.api = Some(Wire::open(api).await?);
        }
        Ok(self)
    }

    /// Works until the deadline; itself, and when its last counted operation ended.
    #[expect(clippy::disallowed_methods, reason = "measures")]
    async fn work(mut self, counts_from: Instant, deadline: Instant) -> (Self, Instant) {
        let load = Arc::clone(&self.load);
        let rounds = load.seats.first().map_or(0, |seat| seat.operations.len());
        let mut last = counts_from;
        let mut turn = 0_usize;
        'all: for round in 0.. {
            if self.seats.is_empty() || (load.once && round >= rounds) {
                break;
            }
            for place in 0..self.seats.len() {
                let seat = &load.seats[self.seats[place]];
                let wire = if load.own_connection { place % self.wires.len() } else { turn % self.wires.len() };
                turn += 1;
                let begun = Instant::now();
                if begun >= deadline {
                    break 'all;
                }
                let operation = &seat.operations[round % seat.operations.len()];
                let done = self.operate(operation, seat, wire).await;
                let ended = Instant::now();
                if begun < counts_from {
                    continue;
                }
                last = ended;
                match done {
                    Ok(()) => self.measured.record(ended - begun),
                    Err(what) => self.fail(what).await,
                }
            }
        }
        (self, last)
    }

    async fn operate(&mut self, operation: &Operation, seat: &Seat, wire: usize) -> Result<(), String> {
        for exchange in &operation.0 {
            let origin = seat.tls.as_ref().filter(|_| exchange.origin == 0).unwrap_or(&self.load.origins[exchange.origin]);
            let place = if exchange.origin == 0 { &mut self.wires[wire] } else { &mut self.api };
            if place.is_none() {
                *place = Some(Wire::open(origin).await?);
            }
            let Some(open) = place.as_mut() else { continue };
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, open.exchange(&exchange.request)).await;
            let judged = match answer {
                Ok(Ok(answer)) => judge(&exchange.expect, answer.status, answer.body).map(|()| answer.closes),
                Ok(Err(why)) => Err((why, true)),
                Err(_) => Err((String::from("no answer in time"), true)),
            };
            match judged {
                Ok(false) => {}
                Ok(true) => *place = None,
                Err((why, broken)) => {
                    if broken {
                        *place = None;
                    }
                    return Err(why);
                }
            }
        }
        Ok(())
    }

    async fn fail(&mut self, what: String) {
        self.failed += 1;
        if self.errors.len() < MAX_ERRORS || self.errors.contains_key(&what) {
            *self.errors.entry(what).or_default() += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether an answer is what was expected; if not, why, and whether its connection is of no more use.
fn judge(expect: &Expect, status: u16, body: &[u8]) -> Result<(), (String, bool)> {
    if !(200..300).contains(&status) {
        return Err((format!("status {status}"), false));
    }
    let wrong = |what: &str| Err((what.to_owned(), false));
    match expect {
        Expect::Success => Ok(()),
        Expect::Empty if body.is_empty() => Ok(()),
        Expect::Empty => wrong("a command came where none was expected"),
        Expect::Contains(wanted) if find(body, wanted).is_some() => Ok(()),
        Expect::Contains(_) if body.is_empty() => wrong("no command came where one was expected"),
        Expect::Contains(_) => wrong("another command came than the one that was enqueued"),
        Expect::CertRepSuccess if find(body, PKI_STATUS_SUCCESS).is_some() => Ok(()),
        Expect::CertRepSuccess => wrong("the certificate was refused"),
    }
}
