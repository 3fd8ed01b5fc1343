//! Load against small servers on loopback sockets.

use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::pki::asn1::{name, oid};
use crate::pki::cms;
use crate::pki::csr::{self, CertificationRequest, RequestOptions};
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::protocol::plist::{fields, parse_dictionary};
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::client::Trust;
use base64::Engine as _;

/// What a server was sent: method and path, header fields, body.
type Seen = Vec<(String, http::HeaderMap, Bytes)>;

/// A server that answers every Idle with the last command enqueued, and refuses every tenth request where told so.
async fn serve(refuses: bool) -> (String, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Seen::new()));
    let shown = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request| answer(Arc::clone(&seen), refuses, request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    (base, shown)
}

async fn answer(
    seen: Arc<Mutex<Seen>>,
    refuses: bool,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut seen = seen.lock().unwrap();
    let enqueued = seen.iter().rev().find(|(path, ..)| path.contains("/v1/enqueue/")).map(|(_, _, body)| body.clone());
    let is_idle = fields::text(&parse_dictionary(&body).unwrap_or_default(), "Status") == Some("Idle");
    seen.push((format!("{} {}", head.method, head.uri), head.headers, body));
    let refused = refuses && seen.len().is_multiple_of(10);
    let answer = if is_idle && !refused { enqueued.unwrap_or_default() } else { Bytes::new() };
    Ok(http::Response::builder().status(if refused { 503 } else { 200 }).body(Full::new(answer)).unwrap())
}

fn devices(count: usize) -> (Roster, Vec<LoadDevice>) {
    let now = Clock::System.now();
    let authority = issue::root("Practice CA", now).unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let addresses = Addresses { server_url: String::new(), check_in_url: String::new(), topic: String::from("com.apple.mgmt.External.1") };
    let mut roster = Roster::new(addresses, std::slice::from_ref(&key));
    for number in 1..=count {
        let serial = format!("TESTSN{number:04}");
        let subject = name::write(&[(oid::COMMON_NAME, &serial)]).unwrap();
        let request = csr::write(&subject, &key, RequestOptions::default()).unwrap();
        let certificate = authority.identity(&CertificationRequest::from_der(&request).unwrap(), &serial, now).unwrap();
        roster.add(format!("00008101-{number:016X}"), serial, 0, &certificate);
    }
    let read = Roster::from_json(&roster.to_json().unwrap()).unwrap();
    let devices = read.load_devices().unwrap();
    (roster, devices)
}

const SHORT: Pressure = Pressure { connections: 2, at_once: 2, duration: Duration::from_millis(200), warm_up: Duration::from_millis(20) };

async fn figures(mode: Mode, proof: LoadProof, refuses: bool) -> (Figures, Seen, Vec<LoadDevice>) {
    let (base, seen) = serve(refuses).await;
    let (roster, devices) = devices(3);
    let addresses =
        Addresses { server_url: format!("{base}/mdm/connect"), check_in_url: format!("{base}/mdm/checkin"), ..roster.addresses };
    let trust = Trust::new(&[]).unwrap();
    let api = Api { url: base, token: Secret::new(String::from("practice")) };
    let load = prepare(&Preparation {
        mode,
        addresses: &addresses,
        devices: &devices,
        proof: &proof,
        api: Some(&api),
        trust: &trust,
        anchors: &[],
        operations: 9,
        random: &Random::seeded(1),
        now: Timestamp::parse("2026-11-25T08:00:00Z").unwrap(),
    })
    .unwrap();
    let warm_up = if mode == Mode::Cycle { Duration::ZERO } else { SHORT.warm_up };
    let pressure = if mode == Mode::Cycle { Pressure { connections: 1, at_once: 1, warm_up, ..SHORT } } else { SHORT };
    let figures = run(load, pressure).await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (figures, seen, devices)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idles_are_signed_sent_and_measured() {
    let (figures, seen, devices) = figures(Mode::Idle, LoadProof::Signature, false).await;
    assert!(figures.operations > 10 && figures.failed == 0, "{figures:?}");
    assert!(figures.p50_ms <= figures.p99_ms && figures.p99_ms <= figures.max_ms && figures.throughput_per_s > 0.0);
    for (path, headers, body) in seen.iter().take(6) {
        assert_eq!(path, "PUT /mdm/connect");
        let signature = base64::engine::general_purpose::STANDARD.decode(headers["mdm-signature"].as_bytes()).unwrap();
        let signer = cms::verify(&signature, Some(body)).unwrap().signer;
        let message = parse_dictionary(body).unwrap();
        let device = devices.iter().find(|device| Some(device.udid.as_str()) == fields::text(&message, "UDID")).unwrap();
        assert_eq!(signer.fingerprint(), device.identity.certificate.fingerprint());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cycle_is_three_requests_and_ends_with_its_preparation() {
    let (figures, seen, _) = figures(Mode::Cycle, LoadProof::Signature, false).await;
    assert_eq!((figures.operations, figures.failed), (9, 0), "{figures:?}");
    assert_eq!(seen.len(), 27);
    assert!(seen[0].0.starts_with("PUT /v1/enqueue/00008101-0000000000000001?nopush=1"), "{}", seen[0].0);
    assert_eq!(seen[0].1["authorization"], "Basic bmFub21kbTpwcmFjdGljZQ==");
    let report = parse_dictionary(&seen[2].2).unwrap();
    let command = parse_dictionary(&seen[0].2).unwrap();
    assert_eq!(fields::text(&report, "CommandUUID"), fields::text(&command, "CommandUUID"));
    assert_eq!(fields::text(&report, "Status"), Some("Acknowledged"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrollments_and_headers_are_as_a_proxy_sends_them() {
    let proof = LoadProof::Header { name: String::from("Client-Cert"), form: HeaderForm::Rfc9440 };
    let (figures, seen, _) = figures(Mode::Enroll, proof, false).await;
    assert!(figures.failed == 0 && figures.identity == "header", "{figures:?}");
    let kinds: Vec<_> = seen.iter().map(|(_, _, body)| fields::filled(&parse_dictionary(body).unwrap(), "MessageType").unwrap()).collect();
    assert!(kinds.contains(&String::from("Authenticate")) && kinds.contains(&String::from("TokenUpdate")));
    let (_, headers, _) = &seen[0];
    assert!(headers["client-cert"].to_str().unwrap().starts_with(":MII") && !headers.contains_key("mdm-signature"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_counted_by_what_they_were() {
    let (figures, ..) = figures(Mode::TokenUpdate, LoadProof::Signature, true).await;
    assert!(figures.failed > 0);
    assert_eq!(figures.errors.keys().collect::<Vec<_>>(), ["status 503"]);
}

#[tokio::test]
async fn what_cannot_be_run_is_said_before_it_runs() {
    let trust = Trust::new(&[]).unwrap();
    let addresses = Addresses { server_url: "https://a/".into(), check_in_url: "https://b/".into(), topic: String::new() };
    let (_, devices) = devices(1);
    let random = Random::seeded(1);
    let preparation = Preparation {
        mode: Mode::Idle,
        addresses: &addresses,
        devices: &devices,
        proof: &LoadProof::Signature,
        api: None,
        trust: &trust,
        anchors: &[],
        operations: 1,
        random: &random,
        now: Timestamp::default(),
    };
    let message = |preparation: &Preparation<'_>| prepare(preparation).err().unwrap().message.into_owned();
    assert!(message(&preparation).contains("different hosts"));
    assert!(message(&Preparation { devices: &[], ..preparation }).contains("no device"));
}

#[test]
fn a_roster_that_contradicts_itself_names_the_device() {
    let (mut roster, _) = devices(2);
    roster.devices[1].key = 7;
    assert!(roster.load_devices().unwrap_err().message.contains("00008101-0000000000000002"));
    assert!(Roster::from_json("{}").is_err());
}
