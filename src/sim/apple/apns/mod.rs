//! The stand-in for Apple Push Notification service: checks every push as Apple does and wakes simulated devices.

mod check;
mod connection;
mod script;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::authority::{Authority, PushIdentity};
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::csr::CertificationRequest;
use crate::random::Random;

pub use check::{BODY_LIMIT, Refusal};
pub use script::{Act, Script};

/// How many deliveries wait for the slowest of those who listen; it loses the oldest of more.
pub const DELIVERIES_LIMIT: usize = 16 * 1024;

/// A push that the stand-in took: what wakes a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The certificate's topic.
    pub topic: String,
    /// The device's token, lower-case hex.
    pub token: String,
    /// The magic that the device compares with its own.
    pub magic: String,
    /// Until when the service would keep it for a device that is off.
    pub expiration: Timestamp,
    /// The service's name for it, an upper-case UUID.
    pub apns_id: String,
}

/// What the stand-in has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// TLS connections that came about.
    pub connections: u64,
    /// Pushes that were delivered.
    pub delivered: u64,
    /// Pushes that were refused, by check or by script.
    pub refused: u64,
    /// The most pushes that were under way at one moment.
    pub most_in_flight: u64,
}

/// A push service on a loopback port; it ends when this value is dropped.
pub struct ApnsStandIn {
    service: Arc<Service>,
    address: SocketAddr,
    listener: AbortHandle,
}

/// What all connections share.
struct Service {
    authority: Arc<Authority>,
    clock: Clock,
    random: Random,
    script: Script,
    deliveries: broadcast::Sender<Delivery>,
    in_flight: watch::Sender<u64>,
    connections: AtomicU64,
    delivered: AtomicU64,
    refused: AtomicU64,
    most_in_flight: AtomicU64,
}

impl ApnsStandIn {
    /// Starts one on a free port of 127.0.0.1 with an authority of its own; `clock` says which certificates are valid.
    pub async fn start(clock: Clock, random: Random) -> Result<Self> {
        let authority = Authority::new("Practice Push Authority", clock.now(), random.clone())?;
        Self::start_under(Arc::new(authority), clock, random).await
    }

    /// Starts one under an `authority` that other stand-ins share.
    pub async fn start_under(authority: Arc<Authority>, clock: Clock, random: Random) -> Result<Self> {
        let certificate = authority.server(&["localhost", "127.0.0.1", "::1", "api.push.apple.com"], clock.now())?;
        let acceptor = connection::acceptor(&authority, certificate, &clock)?;
        let no_port = |error| Error::internal("The push stand-in found no free port on 127.0.0.1", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let service = Arc::new(Service {
            authority,
            clock,
            random,
            script: Script::new(),
            deliveries: broadcast::Sender::new(DELIVERIES_LIMIT),
            in_flight: watch::Sender::new(0),
            connections: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
        });
        let listener = tokio::spawn(connection::listen(listener, acceptor, service.clone())).abort_handle();
        Ok(Self { service, address, listener })
    }

    /// Where it listens. Its certificate is also for `localhost` and `api.push.apple.com`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root, PEM, that a client of it must trust.
    pub fn trust_anchor_pem(&self) -> String {
        self.service.authority.pem()
    }

    /// What it is told to do wrong.
    pub fn script(&self) -> &Script {
        &self.service.script
    }

    /// Every push that it takes from now on.
    pub fn deliveries(&self) -> broadcast::Receiver<Delivery> {
        self.service.deliveries.subscribe()
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: read(&self.service.connections),
            delivered: read(&self.service.delivered),
            refused: read(&self.service.refused),
            most_in_flight: read(&self.service.most_in_flight),
        }
    }

    /// Waits until `count` pushes are under way, which they are for long only while the script holds them.
    pub async fn in_flight(&self, count: u64) {
        // The sender lives in `service`, so that waiting ends with a value.
        let _ = self.service.in_flight.subscribe().wait_for(|in_flight| *in_flight >= count).await;
    }

    /// Issues a push certificate as Apple's portal does, for the key of a certificate signing request (PKCS#10, DER).
    pub fn issue_push_certificate(&self, topic: &str, request: &[u8]) -> Result<Certificate> {
        let request = CertificationRequest::from_der(request)?;
        request.check_key()?;
        self.service.authority.push_certificate(topic, request.public_key_der(), self.service.clock.now())
    }

    /// Issues a push certificate for a public key (SubjectPublicKeyInfo, DER) whose holder is known.
    pub fn issue_push_certificate_for(&self, topic: &str, public_key: &[u8]) -> Result<Certificate> {
        self.service.authority.push_certificate(topic, public_key, self.service.clock.now())
    }

    /// Issues a push certificate together with its key, for clients that need no portal.
    pub fn issue_push_identity(&self, topic: &str) -> Result<PushIdentity> {
        self.service.authority.push_identity(topic, self.service.clock.now())
    }
}

impl Drop for ApnsStandIn {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Service {
    /// Tells whoever listens that a device was pushed.
    fn deliver(&self, accepted: check::Accepted) -> String {
        let apns_id = accepted.apns_id.unwrap_or_else(|| self.random.uuid_v4().to_string().to_uppercase());
        self.delivered.fetch_add(1, Ordering::Relaxed);
        let check::Accepted { topic, token, magic, expiration, .. } = accepted;
        // An error means that nobody listens, which is for them to know.
        let _ = self.deliveries.send(Delivery { topic, token, magic, expiration, apns_id: apns_id.clone() });
        apns_id
    }
}
