//! Pushes over real sockets: our client against the stand-in, foreign servers and broken networks.

mod connections;
mod foreign;
mod frames;
pub(crate) mod proxy;
mod replies;

use std::sync::Arc;
use std::time::Duration;

use rollcall::apple::apns::{Apns, ApnsConfig, Push, PushIdentity};
use rollcall::apple::connect::{ClientIdentity, Connector, Endpoint, Trust};
use rollcall::clock::{Clock, Timestamp};
use rollcall::protocol::push::Outcome;
use rollcall::random::Random;
use rollcall::secret::{Secret, SecretBytes};
use rollcall::sim::apple::apns::ApnsStandIn;
use rollcall::sim::apple::authority;

const TOPIC: &str = "com.apple.mgmt.External.7d2a4c56-0f5e-4f0e-9a54-6f2d1c3b4a59";
const START: Timestamp = Timestamp::from_seconds(1_795_577_349);

/// A stand-in, a client of it and a push certificate, all by one clock.
struct Ground {
    clock: Clock,
    stand_in: ApnsStandIn,
    apns: Arc<Apns>,
    certificate: PushIdentity,
}

impl Ground {
    async fn new() -> Self {
        let clock = Clock::manual(START);
        let stand_in = ApnsStandIn::start(clock.clone(), Random::seeded(1)).await.unwrap();
        let apns = Arc::new(Apns::new(config(&stand_in, &clock)));
        let certificate = identity(&stand_in.issue_push_identity(TOPIC).unwrap());
        Self { clock, stand_in, apns, certificate }
    }

    /// Pushes to the device with this number.
    async fn push(&self, number: u32) -> Outcome {
        self.apns.push(&self.certificate, &push(number)).await
    }

    /// Pushes to so many devices at once.
    async fn push_all(&self, count: u32) -> Vec<Outcome> {
        let mut pushes = tokio::task::JoinSet::new();
        for number in 1..=count {
            let (apns, certificate) = (self.apns.clone(), self.certificate.clone());
            pushes.spawn(async move { apns.push(&certificate, &push(number)).await });
        }
        pushes.join_all().await
    }
}

fn connector(trust_anchor_pem: &str, clock: &Clock) -> Connector {
    Connector::new(Trust::only(trust_anchor_pem).unwrap(), clock.clone())
}

fn config(stand_in: &ApnsStandIn, clock: &Clock) -> ApnsConfig {
    ApnsConfig { endpoint: endpoint(stand_in), ..ApnsConfig::new(connector(&stand_in.trust_anchor_pem(), clock)) }
}

fn endpoint(stand_in: &ApnsStandIn) -> Endpoint {
    stand_in.address().to_string().parse().unwrap()
}

fn identity(issued: &authority::PushIdentity) -> PushIdentity {
    PushIdentity::new(&issued.topic, ClientIdentity::new([issued.certificate.clone()], issued.key.clone())).unwrap()
}

fn push(number: u32) -> Push {
    Push {
        token: SecretBytes::new(token(number)),
        magic: Secret::new(format!("MAGIC-{number}")),
        expiration: START.plus(Duration::from_secs(7 * 24 * 60 * 60)),
    }
}

/// 32 bytes, as devices have them.
fn token(number: u32) -> Vec<u8> {
    [&[0xAB; 28][..], &number.to_be_bytes()].concat()
}

fn token_hex(number: u32) -> String {
    format!("{}{number:08x}", "ab".repeat(28))
}

fn is_delivered(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Delivered { .. })
}
