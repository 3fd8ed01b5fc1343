//! Figures as JSON: of a fleet that connects without rest, or of one kind of load.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{MAX_ROSTER_BYTES, SHARED_KEYS, Simulate, read};
use crate::error::{Error, Kind, Result};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::fleet::{Fleet, Summary};
use crate::sim::histogram::Histogram;
use crate::sim::load::{
    Addresses, Api, Load, LoadDevice, Mode, Preparation, Pressure, Roster, ScepPreparation, prepare, prepare_scep, run,
};

/// How long is measured unless told otherwise.
const USUAL: Duration = Duration::from_secs(10);

/// How many requests of load are out at once, unless told otherwise.
const AT_ONCE: usize = 64;

/// The figures of a fleet.
#[derive(Debug, Serialize)]
struct FleetFigures {
    mode: &'static str,
    devices: usize,
    seconds: f64,
    requests: u64,
    throughput_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    by_purpose: Vec<PurposeFigures>,
    errors: std::collections::BTreeMap<String, usize>,
}

/// The figures of one kind of request.
#[derive(Debug, Serialize)]
struct PurposeFigures {
    purpose: &'static str,
    requests: u64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// Enrolls a fleet and lets it connect again and again.
#[expect(clippy::disallowed_methods, reason = "measures")]
pub(super) async fn fleet(simulate: &Simulate) -> Result<()> {
    let lasts = simulate.lasts.unwrap_or(USUAL);
    let begun = Instant::now();
    let fleet = Fleet::start(simulate.plan()?, simulate.trust()?, Simulate::clock())?;
    let connect = async {
        fleet.until(|summary| summary.new + summary.enrolling == 0).await;
        loop {
            fleet.settle().await;
        }
    };
    // The time is over, or it is not: connecting never ends by itself.
    let _: Result<(), _> = tokio::time::timeout(lasts, connect).await;
    let (seconds, durations) = (begun.elapsed().as_secs_f64(), fleet.durations());
    let summary = fleet.stop().await;
    println!("{}", json(&fleet_figures(&summary, seconds, &durations))?);
    all_enrolled(&summary)
}

fn fleet_figures(summary: &Summary, seconds: f64, durations: &[(crate::sim::device::Purpose, Histogram)]) -> FleetFigures {
    let ms = |duration: Duration| duration.as_micros() as f64 / 1000.0;
    let mut all = Histogram::default();
    let by_purpose = durations.iter().map(|(purpose, taken)| {
        all.add(taken);
        let (p50_ms, p99_ms, max_ms) = (ms(taken.quantile(0.5)), ms(taken.quantile(0.99)), ms(taken.max()));
        PurposeFigures { purpose: purpose.name(), requests: taken.count(), p50_ms, p99_ms, max_ms }
    });
    let by_purpose = by_purpose.collect();
    FleetFigures {
        mode: "fleet",
        devices: summary.devices,
        seconds: (seconds * 1000.0).round() / 1000.0,
        requests: all.count(),
        throughput_per_s: (all.count() as f64 / seconds * 10.0).round() / 10.0,
        p50_ms: ms(all.quantile(0.5)),
        p99_ms: ms(all.quantile(0.99)),
        by_purpose,
        errors: summary.errors.clone(),
    }
}

/// Makes one kind of load.
pub(super) async fn load(simulate: &Simulate, mode: Mode) -> Result<()> {
    let load = if mode == Mode::Scep { scep(simulate).await? } else { messages(simulate, mode).await? };
    let pressure = Pressure {
        connections: simulate.connections,
        at_once: simulate.at_once.unwrap_or_else(|| simulate.connections.min(AT_ONCE)),
        duration: simulate.lasts.unwrap_or(USUAL),
        // What can be done only once is not spent uncounted.
        warm_up: if matches!(mode, Mode::Cycle | Mode::Scep) { Duration::ZERO } else { simulate.warm_up },
    };
    let figures = run(load, pressure).await?;
    println!("{}", json(&figures)?);
    if figures.operations == 0 {
        return Err(Error::new(Kind::Upstream, "no operation of the load ended well; the errors above say why"));
    }
    Ok(())
}

async fn scep(simulate: &Simulate) -> Result<Load> {
    let keys = tokio::task::spawn_blocking(|| (0..SHARED_KEYS).map(|_| PrivateKey::generate_rsa_2048()).collect::<Result<Vec<_>, _>>());
    let keys = keys.await.map_err(|error| Error::internal("the keys cannot be made", error))??;
    prepare_scep(&ScepPreparation {
        profile: &simulate.profile_source()?,
        operations: simulate.operations,
        keys: &keys,
        seed: simulate.seed,
        trust: &simulate.trust()?,
        now: Simulate::clock().now(),
    })
    .await
}

async fn messages(simulate: &Simulate, mode: Mode) -> Result<Load> {
    let (devices, addresses, anchors) = match &simulate.roster {
        Some(path) => roster(path, simulate.devices)?,
        None => enrolled(simulate).await?,
    };
    let addresses = match &simulate.to {
        Some(to) => moved(&addresses, to)?,
        None => addresses,
    };
    let api = match (&simulate.api, &simulate.api_token) {
        (Some(url), Some(token)) => Some(Api { url: url.clone(), token: Secret::new(token.clone()) }),
        _ => None,
    };
    let trust = simulate.trust()?;
    let (proof, operations, random) = (simulate.identity.load_proof(), simulate.operations, Random::System);
    let now = Simulate::clock().now();
    let prepared = tokio::task::spawn_blocking(move || {
        prepare(&Preparation {
            mode,
            addresses: &addresses,
            devices: &devices,
            proof: &proof,
            api: api.as_ref(),
            trust: &trust,
            anchors: &anchors,
            operations,
            random: &random,
            now,
        })
    });
    prepared.await.map_err(|error| Error::internal("the load cannot be prepared", error))?
}

/// The first devices of a roster.
fn roster(path: &std::path::Path, count: usize) -> Result<(Vec<LoadDevice>, Addresses, Vec<Certificate>)> {
    let text = String::from_utf8(read(path, MAX_ROSTER_BYTES)?).map_err(|_| Error::bad_input("the roster is no text"))?;
    let mut roster = Roster::from_json(&text)?;
    roster.devices.truncate(count);
    let devices = roster.load_devices()?;
    Ok((devices, roster.addresses, Vec::new()))
}

/// Enrolls devices over the wire and empties their queues, so that load meets enrollments at rest.
async fn enrolled(simulate: &Simulate) -> Result<(Vec<LoadDevice>, Addresses, Vec<Certificate>)> {
    let mut plan = simulate.plan()?;
    plan.settings.poll_every = None;
    plan.settings.proof = crate::sim::device::Proof::AsProfileSays;
    plan.shared_keys = Some(simulate.keys.unwrap_or(SHARED_KEYS));
    if simulate.model.is_empty() {
        // iPads have no users of their own, so that one device is one enrollment.
        plan.mix = crate::sim::model::Mix::parse(&["ipad@26"])?;
    }
    let fleet = Fleet::start(plan, simulate.trust()?, Simulate::clock())?;
    let summary = fleet.until(|summary| summary.new + summary.enrolling == 0).await;
    all_enrolled(&summary)?;
    if !fleet.settle().await {
        return Err(Error::new(Kind::Upstream, "the server has new commands for the devices without end; load wants them at rest"));
    }
    let (devices, addresses, anchors) = fleet.load_devices().await;
    fleet.stop().await;
    let addresses = addresses.ok_or_else(|| Error::new(Kind::Upstream, "no device is enrolled"))?;
    Ok((devices, addresses, anchors))
}

fn all_enrolled(summary: &Summary) -> Result<()> {
    if summary.failed == 0 {
        return Ok(());
    }
    let why = summary.errors.keys().next().map_or("", String::as_str);
    Err(Error::new(Kind::Upstream, format!("{} of {} devices could not enroll: {why}", summary.failed, summary.devices)))
}

/// The same paths at another scheme, host and port.
fn moved(addresses: &Addresses, to: &str) -> Result<Addresses> {
    let base = to.trim_end_matches('/');
    let path = |url: &str| {
        let uri: http::Uri = url.parse().map_err(|_| Error::bad_input(format!("{url} is no URL")))?;
        Ok::<_, Error>(format!("{base}{}", uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)))
    };
    Ok(Addresses { server_url: path(&addresses.server_url)?, check_in_url: path(&addresses.check_in_url)?, topic: addresses.topic.clone() })
}

fn json(figures: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(figures).map_err(|error| Error::internal("the figures cannot be written", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_goes_elsewhere_by_the_same_paths() {
        let addresses = Addresses {
            server_url: String::from("https://mdm.example.school/mdm/connect?x=1"),
            check_in_url: String::from("https://mdm.example.school/mdm/checkin"),
            topic: String::from("t"),
        };
        let moved = moved(&addresses, "http://127.0.0.1:8081/").unwrap();
        assert_eq!(moved.server_url, "http://127.0.0.1:8081/mdm/connect?x=1");
        assert_eq!(moved.check_in_url, "http://127.0.0.1:8081/mdm/checkin");
    }
}
