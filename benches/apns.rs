//! Pushes a second, client and stand-in on the same cores: `cargo bench --bench apns`.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use divan::counter::ItemsCount;
use rollcall::apple::apns::{Apns, ApnsConfig, Push, PushIdentity};
use rollcall::apple::connect::{ClientIdentity, Connector, Trust};
use rollcall::clock::Clock;
use rollcall::protocol::push::Outcome;
use rollcall::random::Random;
use rollcall::secret::{Secret, SecretBytes};
use rollcall::sim::apple::apns::{Act, ApnsStandIn};
use tokio::runtime::Runtime;

const TOPIC: &str = "com.apple.mgmt.External.practice";

/// Pushes in one measured turn.
const PUSHES: u32 = 10_000;

fn main() {
    divan::main();
}

/// A stand-in and a client that is connected to it.
struct Ground {
    runtime: Runtime,
    stand_in: ApnsStandIn,
    apns: Arc<Apns>,
    certificate: PushIdentity,
}

impl Ground {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let stand_in = runtime.block_on(ApnsStandIn::start(Clock::System, Random::System)).unwrap();
        let connector = Connector::new(Trust::only(&stand_in.trust_anchor_pem()).unwrap(), Clock::System);
        let endpoint = stand_in.address().to_string().parse().unwrap();
        let apns = Arc::new(Apns::new(ApnsConfig { endpoint, ..ApnsConfig::new(connector) }));
        let issued = stand_in.issue_push_identity(TOPIC).unwrap();
        let certificate = PushIdentity::new(TOPIC, ClientIdentity::new([issued.certificate], issued.key)).unwrap();
        runtime.block_on(apns.test_handshake(&certificate)).unwrap();
        Self { runtime, stand_in, apns, certificate }
    }

    /// Pushes to [`PUSHES`] devices, `at_a_time` at a time; each one must arrive.
    fn push_all(&self, at_a_time: u32) {
        let next = Arc::new(AtomicU32::new(0));
        let expiration = Clock::System.now().plus(Duration::from_secs(7 * 24 * 60 * 60));
        self.runtime.block_on(async {
            let mut workers = tokio::task::JoinSet::new();
            for _ in 0..at_a_time {
                let (next, apns, certificate) = (next.clone(), self.apns.clone(), self.certificate.clone());
                workers.spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= PUSHES {
                            return;
                        }
                        let token = SecretBytes::new([&[0xAB; 28][..], &number.to_be_bytes()].concat());
                        let magic = Secret::new(String::from("7F2A5E0C-3C5B-4D1E-9E0B-0D9B5B0F6A11"));
                        let outcome = apns.push(&certificate, &Push { token, magic, expiration }).await;
                        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
                    }
                });
            }
            workers.join_all().await;
        });
    }
}

/// One connection that stays.
#[divan::bench(args = [1, 16, 100, 500], sample_count = 10, sample_size = 1)]
fn push(bencher: divan::Bencher, at_a_time: u32) {
    let ground = Ground::new();
    bencher.counter(ItemsCount::new(PUSHES)).bench_local(|| ground.push_all(at_a_time));
}

/// A service that says GOAWAY at every thousandth push.
#[divan::bench(args = [500], sample_count = 10, sample_size = 1)]
fn push_under_goaway(bencher: divan::Bencher, at_a_time: u32) {
    let ground = Ground::new();
    ground.stand_in.script().every(1000, Act::GoAway);
    bencher.counter(ItemsCount::new(PUSHES)).bench_local(|| ground.push_all(at_a_time));
}

/// TCP, TLS with both certificates and HTTP/2, to the first answer.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn connect(bencher: divan::Bencher) {
    let ground = Ground::new();
    bencher.bench_local(|| ground.runtime.block_on(ground.apns.test_handshake(&ground.certificate)).unwrap());
}
