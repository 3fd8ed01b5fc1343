//! Load for the benchmarks: prepared requests over kept connections in a closed loop, as cheap for the machine as can be, and what it measured.
//!
//! Client and server share the machine, so whatever is constant is written and signed before the clock starts: an operation
//! then costs a write, a read and a glance at the answer.

mod messages;
mod prepare;
mod roster;
mod run;
mod scep;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::device::{HeaderForm, Identity};
use super::histogram::Histogram;

pub use self::messages::{LoadMessages, certification_request};
pub use self::prepare::{Api, Preparation, prepare};
pub use self::roster::{MAX_ROSTER, Roster, RosterDevice};
pub use self::run::{Load, run};
pub use self::scep::{ScepPreparation, prepare_scep};

/// The most connections that a load keeps.
pub const MAX_CONNECTIONS: usize = 20_000;

/// The most operations that are prepared where each can be done only once.
pub const MAX_PREPARED: usize = 200_000;

/// What one operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// An Idle of a device with an empty queue.
    Idle,
    /// A TokenUpdate that says what the last one said.
    TokenUpdate,
    /// A command enqueued by the API, fetched by an Idle, and acknowledged.
    Cycle,
    /// Authenticate and TokenUpdate.
    Enroll,
    /// A certificate by SCEP.
    Scep,
}

impl Mode {
    /// All modes with the words of the command line.
    pub const NAMES: [(&'static str, Self); 5] =
        [("idle", Self::Idle), ("tokenupdate", Self::TokenUpdate), ("cycle", Self::Cycle), ("enroll", Self::Enroll), ("scep", Self::Scep)];

    /// The mode that a word of the command line means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == word).map(|(_, mode)| *mode)
    }
}

/// How load devices prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadProof {
    /// By `Mdm-Signature`, RSA and SHA-256 with signed attributes, as devices of today write it.
    Signature,
    /// By a client certificate: each connection belongs to one device.
    Tls,
    /// By a header, as if behind a proxy.
    Header {
        /// Name of the header.
        name: String,
        /// How the certificate is written there.
        form: HeaderForm,
    },
}

impl LoadProof {
    /// The word that figures show.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Tls => "tls",
            Self::Header { .. } => "header",
        }
    }
}

/// One device as load needs it: who it is, and what proves it.
#[derive(Debug, Clone)]
pub struct LoadDevice {
    /// UDID.
    pub udid: String,
    /// Serial number.
    pub serial_number: String,
    /// Certificate and key.
    pub identity: Arc<Identity>,
}

/// Where devices check in and connect.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, Serialize)]
pub struct Addresses {
    /// ServerURL of the profile.
    pub server_url: String,
    /// CheckInURL of the profile.
    pub check_in_url: String,
    /// Topic of the profile.
    pub topic: String,
}

/// How hard and how long.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    /// Connections kept open.
    pub connections: usize,
    /// Requests out at the same time; at most one on each connection.
    pub at_once: usize,
    /// How long is measured.
    pub duration: Duration,
    /// How long runs before, uncounted.
    pub warm_up: Duration,
}

/// What a load measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// What one operation was.
    pub mode: Mode,
    /// How the devices proved who they are.
    pub identity: &'static str,
    /// Devices that took part.
    pub devices: usize,
    /// Connections that were kept.
    pub connections: usize,
    /// Requests that were out at the same time.
    pub at_once: usize,
    /// Seconds that were measured.
    pub seconds: f64,
    /// Operations that ended well within them.
    pub operations: u64,
    /// Operations in a second.
    pub throughput_per_s: f64,
    /// The mean duration of an operation, in milliseconds.
    pub mean_ms: f64,
    /// Half of the operations took at most so long, in milliseconds.
    pub p50_ms: f64,
    /// Nine in ten did.
    pub p90_ms: f64,
    /// Ninety-nine in a hundred did.
    pub p99_ms: f64,
    /// The longest operation, in milliseconds.
    pub max_ms: f64,
    /// Operations that failed.
    pub failed: u64,
    /// Why they failed, with how many did.
    pub errors: BTreeMap<String, u64>,
}

impl Figures {
    /// Takes the percentiles of a histogram, rounded to a microsecond.
    fn fill(&mut self, histogram: &Histogram, measured: Duration) {
        let ms = |duration: Duration| duration.as_micros() as f64 / 1000.0;
        self.seconds = (measured.as_secs_f64() * 1000.0).round() / 1000.0;
        self.operations = histogram.count();
        self.throughput_per_s = (histogram.count() as f64 / measured.as_secs_f64().max(f64::MIN_POSITIVE) * 10.0).round() / 10.0;
        self.mean_ms = ms(histogram.mean());
        self.p50_ms = ms(histogram.quantile(0.5));
        self.p90_ms = ms(histogram.quantile(0.9));
        self.p99_ms = ms(histogram.quantile(0.99));
        self.max_ms = ms(histogram.max());
    }
}

#[cfg(test)]
mod tests;
