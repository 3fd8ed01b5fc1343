//! A fleet over loopback sockets, against the small server that the device's own tests speak with.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::clock::Timestamp;
use crate::protocol::plist::fields;
use crate::sim::device::tests::{Server, enrollment_profile_at};
use crate::sim::device::{Identity, ProfileSource, Request, Response};

type Shown = Arc<Mutex<Server>>;

/// The small server behind a socket; its address.
async fn serve() -> (String, Shown) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut server = Server::new();
    server.profile = enrollment_profile_at(&base, "practice-challenge");
    let server = Arc::new(Mutex::new(server));
    let shown = Arc::clone(&server);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let server = Arc::clone(&server);
            let service = service_fn(move |request| answer(Arc::clone(&server), request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    (base, shown)
}

async fn answer(server: Shown, request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let purpose = purpose(&head.uri.to_string(), &body);
    let request =
        Request { purpose, method: head.method, url: head.uri.to_string(), headers, body, identity: None::<Arc<Identity>>, mischief: None };
    let Response { status, content_type, body, .. } = server.lock().unwrap().take(&request, Clock::System.now());
    Ok(http::Response::builder().status(status).header("content-type", content_type).body(Full::new(body)).unwrap())
}

fn purpose(url: &str, body: &[u8]) -> Purpose {
    let message = crate::protocol::plist::parse_dictionary(body).unwrap_or_default();
    let name = fields::text(&message, "MessageType").map(str::to_owned);
    let by_operation = url.split_once("operation=").map(|(_, rest)| rest.split('&').next().unwrap().to_owned());
    let named = by_operation.or(name);
    let by_name = named.and_then(|named| Purpose::NAMES.iter().find(|(name, _)| *name == named)).map(|(_, purpose)| *purpose);
    by_name.unwrap_or_else(|| match fields::text(&message, "Status") {
        Some("Idle") => Purpose::Idle,
        Some(_) => Purpose::Report,
        None => Purpose::Profile,
    })
}

fn plan(base: &str, devices: usize) -> Plan {
    let settings = Settings::new(ProfileSource::Url(format!("{base}/enroll/PRACTICE/profile")));
    Plan { shared_keys: Some(2), ..Plan::new(devices, settings) }
}

fn start(plan: Plan) -> Fleet {
    Fleet::start(plan, Arc::new(Trust::new(&[]).unwrap()), Clock::System).unwrap()
}

/// The token of a device, as its TokenUpdate told it.
fn pushes(server: &Shown) -> Vec<(String, String)> {
    let server = server.lock().unwrap();
    let updates = server.messages(Purpose::TokenUpdate).into_iter();
    let hex = |token: &[u8]| token.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    updates.map(|update| (hex(fields::data(update, "Token").unwrap()), fields::filled(update, "PushMagic").unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classroom_enrolls_is_pushed_answers_and_goes() {
    let (base, server) = serve().await;
    let mut fleet = start(plan(&base, 8));
    let summary = fleet.until(|summary| summary.enrolled == 8 || summary.failed > 0).await;
    assert_eq!((summary.enrolled, summary.failed), (8, 0), "{summary:?}");
    // The only thing to remark on is that the server speaks plain HTTP.
    assert_eq!(summary.remarks.len(), 1, "{:?}", summary.remarks);

    let uuid = server.lock().unwrap().enqueue("ProfileList", []);
    let (token, magic) = pushes(&server)[0].clone();
    assert!(fleet.push(&token.to_uppercase(), &magic));
    assert!(!fleet.push("00ff", &magic));
    fleet.until(|summary| summary.reports >= 1).await;
    assert_eq!(fields::filled(&server.lock().unwrap().report(&uuid), "Status").as_deref(), Some("Acknowledged"));

    fleet.set_count(6).unwrap();
    assert_eq!(fleet.summary().devices, 6);
    let checked_out = || server.lock().unwrap().messages(Purpose::CheckOut).len() == 2;
    while !checked_out() {
        tokio::task::yield_now().await;
    }
    fleet.set_count(7).unwrap();
    fleet.until(|summary| summary.enrolled == 7).await;
    let durations = fleet.durations();
    assert!(durations.iter().any(|(purpose, taken)| *purpose == Purpose::Authenticate && taken.count() == 9));
    let summary = fleet.stop().await;
    assert_eq!(summary.enrolled, 7);
    assert_eq!(server.lock().unwrap().messages(Purpose::CheckOut).len(), 2, "stopping says nothing to the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_act_as_their_users_do_and_failures_are_counted() {
    let (base, server) = serve().await;
    let fleet = start(plan(&base, 3));
    fleet.until(|summary| summary.enrolled == 3).await;
    assert!(fleet.act(2, Device::remove_enrollment));
    let summary = fleet.until(|summary| summary.left == 1).await;
    assert_eq!((summary.enrolled, summary.errors.len()), (2, 1));
    assert_eq!(fleet.views()[1].phase, PhaseName::Left);
    assert!(!fleet.act(0, |_| {}) && !fleet.act(9, |_| {}));
    fleet.poll_all();
    fleet.until(|summary| summary.requests >= 3 * 6 + 1 + 2).await;
    server.lock().unwrap().enqueue("SecurityInfo", []);
    assert!(fleet.settle().await);
    assert!(server.lock().unwrap().messages(Purpose::Idle).len() >= 4);
    let (devices, addresses, anchors) = fleet.load_devices().await;
    assert_eq!((devices.len(), anchors.len()), (2, 1));
    assert_eq!(addresses.unwrap().server_url, format!("{base}/mdm/connect"));
    drop(fleet);

    let settings = Settings { patience: Duration::from_millis(1), ..Settings::new(ProfileSource::Url("http://127.0.0.1:1/".into())) };
    let hasty = start(Plan::new(1, settings));
    let summary = hasty.until(|summary| summary.failed == 1).await;
    assert!(summary.errors.keys().any(|error| error.contains("cannot connect")), "{:?}", summary.errors);
}

#[tokio::test]
async fn a_fleet_has_a_limit() {
    let settings = Settings::new(ProfileSource::Bytes(Vec::new()));
    let error = Fleet::start(Plan::new(MAX_DEVICES + 1, settings), Arc::new(Trust::new(&[]).unwrap()), Clock::System).unwrap_err();
    assert!(error.message.contains("100000"));
}

#[tokio::test]
async fn a_fleet_on_a_clock_that_stands_still_moves_when_told() {
    let (base, _server) = serve().await;
    let clock = Clock::manual(Timestamp::parse("2026-11-25T08:00:00Z").unwrap());
    let mut plan = plan(&base, 1);
    plan.settings.poll_every = Some(Duration::from_secs(3600));
    let fleet = Fleet::start(plan, Arc::new(Trust::new(&[]).unwrap()), clock.clone()).unwrap();
    let summary = fleet.until(|summary| summary.enrolled == 1 || summary.failed == 1).await;
    assert_eq!(summary.enrolled, 1, "{summary:?}");
    clock.advance(Duration::from_secs(3601));
    fleet.tick();
    fleet.until(|after| after.requests > summary.requests).await;
}

#[test]
fn tokens_are_read_in_either_case() {
    assert_eq!(unhex("00fF10"), Some(vec![0, 255, 16]));
    assert_eq!(unhex("0"), None);
    assert_eq!(unhex("zz"), None);
}

#[test]
fn a_push_that_is_quicker_than_the_device_is_kept_for_it() {
    let (door, mut knocks) = mpsc::channel(MAX_KNOCKS);
    let mut members = Members { doors: vec![door], held: vec![Vec::new()], ..Members::default() };
    assert!(!members.deliver(vec![7], "old") && !members.deliver(vec![7], "new"));
    members.hold(0, [&[7_u8][..]].into_iter());
    assert!(matches!(knocks.try_recv(), Ok(Knock::Push { magic, .. }) if magic == "new"), "the newest one");
    assert!(knocks.try_recv().is_err(), "and only that");
    for number in 0..=MAX_EARLY {
        members.deliver(number.to_be_bytes().to_vec(), "strange");
    }
    assert_eq!(members.early.len(), MAX_EARLY);
}
