//! Reports of every size: kept, skimmed, refused, and what becomes of the command.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;

use super::{Device, House, answer, plist};
use crate::http::limits::{LARGE_REPORTS_MAX, REPORT_KEEP_BYTES, REPORT_MAX_BYTES, REPORT_PROVE_BYTES, STRANGER_MAX_BYTES};
use crate::mdm::Actor;
use crate::mdm::commands::{self, Wish};
use crate::protocol::command::Command as Order;
use crate::protocol::plist::{Dictionary, MAX_XML_VALUES, Value, to_binary};
use crate::store::commands::CommandState;
use crate::store::enrollments::EnrollmentState;
use crate::store::reports;

/// A report with a long list between CommandUUID and Status, as sorted keys have it; exactly `size` bytes long.
fn long(device: &Device, head: &str, size: usize) -> Bytes {
    let frame = |list: &str| {
        plist(&format!(
            "{head}<key>InstalledApplicationList</key><string>{list}</string><key>Status</key><string>Acknowledged</string><key>UDID</key><string>{}</string>",
            device.udid
        ))
    };
    let rest = size - frame("").len();
    let body = frame(&"x".repeat(rest));
    assert_eq!(body.len(), size);
    body
}

fn of_command(uuid: &str) -> String {
    format!("<key>CommandUUID</key><string>{uuid}</string>")
}

/// The body in pieces without a length; counts what was taken of it.
fn chunked(body: &Bytes) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let pieces: Vec<Bytes> = (0..body.len()).step_by(1 << 20).map(|at| body.slice(at..body.len().min(at + (1 << 20)))).collect();
    let stream = tokio_stream::iter(pieces).map(move |piece| {
        count.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, Infallible>(piece)
    });
    (Body::from_stream(stream), taken)
}

#[tokio::test]
async fn a_report_is_kept_up_to_its_limit_and_skimmed_above() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    for (number, size, is_kept) in [(1, REPORT_KEEP_BYTES, true), (2, REPORT_KEEP_BYTES + 1, false), (3, REPORT_MAX_BYTES, false)] {
        let uuid = house.enqueue(&device, number).await;
        assert_eq!(house.idle(&device).await.as_deref(), Some(&*uuid));
        let body = long(&device, &of_command(&uuid), size);
        assert_eq!(house.send(device.put("/mdm/connect", body.clone())).await.status, 200, "{size}");
        assert_eq!(house.state(&device, &uuid).await, CommandState::Acknowledged, "{size}");
        let device_id = house.enrollment(&device).await.device_id;
        let newest = house.write(move |tx| reports::list(tx, &device_id, None, 1)).await.remove(0);
        assert_eq!((newest.size_bytes, newest.kept), (size as i64, is_kept));
        let told =
            house.events().await.iter().any(|event| event.kind == "report.too_large" && event.command_uuid.as_deref() == Some(&*uuid));
        assert_eq!(told, !is_kept, "{size}");
    }
}

/// Answers whose CommandUUID and Status are sound, while the list between them is not.
fn unreadable(uuid: &str) -> Vec<(&'static str, Vec<u8>)> {
    let around = |list: &[u8]| {
        let (begin, end) = ("<key>InstalledApplicationList</key><array><dict><key>Name</key>", "</dict></array>");
        let begin = format!("<plist><dict><key>CommandUUID</key><string>{uuid}</string>{begin}");
        let end = format!("{end}<key>Status</key><string>Acknowledged</string><key>UDID</key><string>A-1</string></dict></plist>");
        [begin.as_bytes(), list, end.as_bytes()].concat()
    };
    let deep = format!("{}{}", "<array>".repeat(1000), "</array>".repeat(1000));
    let mut cut = around(b"<string>Maps</string>");
    cut.truncate(cut.len() - 10);
    vec![
        ("no UTF-8", around(b"<string>caf\xe9</string>")),
        ("an unknown element", around(b"<blob>x</blob>")),
        ("an unknown entity", around(b"<string>a&nbsp;b</string>")),
        ("CDATA", around(b"<string><![CDATA[</array></dict>]]></string>")),
        ("deep", around(deep.as_bytes())),
        ("an element too many", around(b"<string>a</string></string>")),
        ("cut off", cut),
        ("more values than are read", around(&[b"<array>".as_slice(), &b"<true/>".repeat(MAX_XML_VALUES), b"</array>"].concat())),
        ("binary with a text that lies outside", broken_binary(uuid)),
    ]
}

/// A binary answer, as the foreign writer makes it, whose app's name says it is far longer than the file.
fn broken_binary(uuid: &str) -> Vec<u8> {
    let text = |text: &str| Value::String(text.into());
    let app = Value::Dictionary(Dictionary::from_iter([("Name", text("Maps"))]));
    let report = [
        ("CommandUUID", text(uuid)),
        ("InstalledApplicationList", Value::Array(vec![app])),
        ("Status", text("Acknowledged")),
        ("UDID", text("A-1")),
    ];
    let mut bytes = to_binary(&Value::Dictionary(Dictionary::from_iter(report))).unwrap();
    let name = bytes.windows(5).position(|text| text == b"TMaps").unwrap();
    bytes[name..name + 3].copy_from_slice(&[0x5F, 0x11, 0xFF]);
    bytes
}

/// The same with a key called otherwise; tells whether it was there.
fn without(mut body: Vec<u8>, key: &str) -> (Vec<u8>, bool) {
    let found = body.windows(key.len()).position(|word| word == key.as_bytes());
    if let Some(at) = found {
        body[at..at + key.len()].fill(b'x');
    }
    (body, found.is_some())
}

#[tokio::test]
async fn a_report_that_cannot_be_read_is_recorded_from_command_uuid_and_status() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    for number in 0..unreadable("").len() {
        let uuid = house.enqueue(&device, number as u128 + 1).await;
        assert_eq!(house.idle(&device).await.as_deref(), Some(&*uuid));
        let (what, body) = unreadable(&uuid).swap_remove(number);
        assert_eq!(house.send(device.put("/mdm/connect", body.into())).await.status, 200, "{what}");
        assert_eq!(house.state(&device, &uuid).await, CommandState::Acknowledged, "{what}");
        let events = house.events().await;
        let noted = events.iter().find(|event| event.kind == "report.unreadable" && event.command_uuid.as_deref() == Some(&*uuid));
        assert!(noted.is_some_and(|event| event.data["because"].is_string()), "{what}");
    }
    // The first one is read here as text, and thereby mended.
    for (what, body) in unreadable("never-sent").into_iter().skip(1) {
        for word in ["CommandUUID", "Status", "UDID"] {
            let (body, is_other) = without(body.clone(), word);
            let expected = if is_other { 400 } else { 200 };
            assert_eq!(house.send(device.put("/mdm/connect", body.into())).await.status, expected, "{what}: {word}");
        }
    }
}

#[tokio::test]
async fn what_an_acknowledgement_alone_means_is_done_though_the_rest_cannot_be_read() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let enrollment = house.enrollment(&device).await;
    let order = Order::new(uuid::Uuid::from_u128(1), "EraseDevice");
    let uuid = house.write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(order))).await.uuid;
    house.idle(&device).await;
    let (_, body) = unreadable(&uuid).remove(0);
    assert_eq!(house.send(device.put("/mdm/connect", body.into())).await.status, 200);
    assert_eq!(house.enrollment(&device).await.state, EnrollmentState::Erased);
}

#[tokio::test]
async fn a_report_over_the_limit_sets_its_command_aside_once_its_signature_holds() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let (uuid, next) = (house.enqueue(&device, 1).await, house.enqueue(&device, 2).await);
    house.idle(&device).await;
    let body = long(&device, &of_command(&uuid), REPORT_MAX_BYTES + 1);
    let forged = {
        let mut request = device.put("/mdm/connect", Bytes::from_static(b"something else"));
        *request.body_mut() = Body::from(body.clone());
        request
    };
    assert_eq!(house.send(forged).await.status, 413);
    assert_eq!(house.state(&device, &uuid).await, CommandState::Sent, "a signature over something else proves nothing");
    let reply = house.send(device.put("/mdm/connect", body)).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (413, 0));
    let command = house.command(&device, &uuid).await;
    assert_eq!((command.state, command.cause.contains("64 MiB")), (CommandState::Quarantined, true), "{}", command.cause);
    assert_eq!(house.idle(&device).await, Some(next), "those behind it go on");
}

#[tokio::test]
async fn a_device_known_by_its_connection_is_cut_short_as_soon_as_the_command_is_seen() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let uuid = house.enqueue(&device, 1).await;
    house.idle(&device).await;
    let body = long(&device, &of_command(&uuid), 2 * REPORT_MAX_BYTES);
    let (announced, taken) = chunked(&body);
    let mut request = device.put_by_proxy("/mdm/connect", announced);
    request.headers_mut().insert("content-length", body.len().into());
    assert_eq!(house.send(request).await.status, 413);
    assert!(taken.load(Ordering::Relaxed) < REPORT_MAX_BYTES, "{taken:?}");
    assert_eq!(house.state(&device, &uuid).await, CommandState::Quarantined);
}

#[tokio::test]
async fn a_report_that_never_said_its_command_sets_aside_the_one_sent_last() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let (first, second) = (house.enqueue(&device, 1).await, house.enqueue(&device, 2).await);
    assert_eq!(house.idle(&device).await.as_deref(), Some(&*first));
    let (body, _) = chunked(&long(&device, "", REPORT_MAX_BYTES + 1));
    assert_eq!(house.send(device.put_by_proxy("/mdm", body)).await.status, 413);
    assert_eq!(house.state(&device, &first).await, CommandState::Quarantined);
    assert_eq!(house.state(&device, &second).await, CommandState::Queued, "it was never sent");
}

#[tokio::test]
async fn nobody_sets_another_devices_command_aside() {
    let house = House::new().await;
    let (device, other, fresh) = (house.enrolled("A-1").await, house.enrolled("B-1").await, house.device("A-1").await);
    let uuid = house.enqueue(&device, 1).await;
    house.idle(&device).await;
    let body = long(&device, &of_command(&uuid), REPORT_MAX_BYTES + 1);
    for request in [
        house.stranger("A-1").put("/mdm/connect", body.clone()),
        house.stranger("A-1").put_by_proxy("/mdm/connect", Body::from(body.clone())),
        super::put("/mdm/connect", body.clone()),
    ] {
        assert_eq!(house.send(request).await.status, 400, "a stranger is not heard out");
    }
    for someone in [&other, &fresh] {
        assert_eq!(house.send(someone.put("/mdm/connect", body.clone())).await.status, 413);
        assert_eq!(house.send(someone.put_by_proxy("/mdm/connect", Body::from(body.clone()))).await.status, 413);
    }
    assert_eq!(house.state(&device, &uuid).await, CommandState::Sent);
}

#[tokio::test]
async fn a_signed_report_is_hashed_to_a_second_limit_and_not_beyond() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let uuid = house.enqueue(&device, 1).await;
    house.idle(&device).await;
    let body = long(&device, &of_command(&uuid), REPORT_PROVE_BYTES + 1);
    let signature = device.signature(&body);
    let (pieces, _) = chunked(&body);
    let mut request = super::put("/mdm/connect", pieces);
    request.headers_mut().insert("mdm-signature", signature.parse().unwrap());
    assert_eq!(house.send(request).await.status, 413);
    assert_eq!(house.state(&device, &uuid).await, CommandState::Sent, "nothing is proven");
    drop(body);
    assert_eq!(house.send(device.put("/mdm/connect", long(&device, &of_command(&uuid), REPORT_PROVE_BYTES))).await.status, 413);
    assert_eq!(house.state(&device, &uuid).await, CommandState::Quarantined);
}

#[tokio::test]
async fn a_strangers_report_is_read_to_a_limit_of_its_own() {
    let house = House::new().await;
    let stranger = house.stranger("A-1");
    let refusals = async |house: &House| house.events().await.iter().filter(|event| event.kind == "enrollment.refused").count();
    assert_eq!(house.send(stranger.put("/mdm/connect", long(&stranger, "", STRANGER_MAX_BYTES))).await.status, 400);
    assert_eq!(refusals(&house).await, 1, "it was read and judged");
    let body = long(&stranger, "", STRANGER_MAX_BYTES + 1);
    assert_eq!(house.send(stranger.put("/mdm/connect", body.clone())).await.status, 400);
    let (pieces, _) = chunked(&body);
    assert_eq!(house.send(super::put("/mdm/connect", pieces)).await.status, 400);
    assert_eq!(refusals(&house).await, 1);
}

#[tokio::test]
async fn large_reports_have_a_number_of_places() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let body = long(&device, &answer("no-such-command", "Error"), REPORT_KEEP_BYTES + 1);
    let mut waiting = Vec::new();
    for _ in 0..LARGE_REPORTS_MAX {
        let (more, pieces) = mpsc::channel::<Result<Bytes, Infallible>>(1);
        let mut request = device.put_by_proxy("/mdm/connect", Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(pieces)));
        request.headers_mut().insert("content-length", body.len().into());
        let stream = tokio::net::TcpStream::connect(house.at).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let reply = tokio::spawn(async move { sender.send_request(request).await.map(|reply| reply.status()) });
        more.send(Ok(body.slice(..1000))).await.unwrap();
        waiting.push((more, reply));
    }
    let refused = loop {
        let reply = house.send(device.put_by_proxy("/mdm/connect", Body::from(body.clone()))).await;
        if reply.status == 503 {
            break reply;
        }
        assert_eq!(reply.status, 200, "until the others have arrived");
    };
    assert_eq!((refused.headers["retry-after"].to_str().unwrap(), refused.body.len()), ("30", 0));
    assert_eq!(house.idle(&device).await, None, "everybody else goes on");
    waiting.clear();
}
