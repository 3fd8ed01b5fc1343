//! A full queue, a disk that is full, slow or broken, and more bodies than there is memory for: 503 with Retry-After, nothing lost, and on it goes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};

use super::{Device, House, Reply, answer};
use crate::app::App;
use crate::http::budget::BODIES_MAX_BYTES;
use crate::http::limits::CHECK_IN_MAX_BYTES;
use crate::pki::hex;
use crate::pki::seal::{KEY_BYTES, Sealer};
use crate::store::commands::CommandState;
use crate::store::{OpenOptions, limit_pages_for_tests};

fn assert_busy(reply: &Reply, where_: &str) {
    assert_eq!((reply.status.as_u16(), reply.body.len()), (503, 0), "{where_}");
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0, "{where_}");
}

fn in_file(folder: &tempfile::TempDir) -> OpenOptions {
    OpenOptions::file(folder.path().join("rollcall.db"), Sealer::from_key(&[7; KEY_BYTES]).unwrap())
}

/// Everything that writes, as a device sends it.
fn writing(device: &Device, uuid: &str) -> [(&'static str, Bytes); 3] {
    [
        ("/mdm/connect", device.says(&answer(uuid, "Acknowledged"))),
        ("/mdm/checkin", device.says("<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>")),
        ("/mdm/checkin", device.says("<key>MessageType</key><string>CheckOut</string>")),
    ]
}

/// What a person or a monitor asks for.
fn asking(path: &str) -> axum::http::Request<Body> {
    axum::http::Request::get(path).header("host", "localhost").body(Body::empty()).unwrap()
}

/// Lets a future begin and not end.
async fn begin<T>(mut future: Pin<&mut impl Future<Output = T>>) {
    let is_waiting = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
    assert!(is_waiting);
}

#[tokio::test]
async fn a_full_queue_of_the_writer_is_busy_and_polls_go_on() {
    const ROOM: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let house = House::of(App::for_tests_with(in_file(&folder).queue_limit(ROOM))).await;
    let device = house.enrolled("A-1").await;
    let quiet = house.enrolled("B-1").await;
    let uuid = house.enqueue(&device, 1).await;
    house.idle(&device).await;
    let (go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let now = house.app.now();
    let mut held = Box::pin(house.app.store.write(now, move |_| {
        begun.send(()).unwrap();
        let _ = wait.recv();
        Ok(())
    }));
    begin(held.as_mut()).await;
    has_begun.recv().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..ROOM {
        let mut write = Box::pin(house.app.store.write(now, |_| Ok(())));
        begin(write.as_mut()).await;
        waiting.push(write);
    }
    for (path, body) in writing(&device, &uuid) {
        assert_busy(&house.send(device.put(path, body)).await, path);
    }
    assert_eq!(house.idle(&quiet).await, None, "a poll that finds nothing needs no writer");
    go.send(()).unwrap();
    held.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(house.state(&device, &uuid).await, CommandState::Sent, "nothing of it was done");
    let (path, body) = writing(&device, &uuid)[0].clone();
    assert_eq!(house.send(device.put(path, body)).await.status, 200);
    assert_eq!(house.state(&device, &uuid).await, CommandState::Acknowledged);
}

#[tokio::test]
async fn a_full_disk_is_busy_keeps_what_was_answered_and_has_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::of(App::for_tests_with(in_file(&folder))).await;
    let device = house.enrolled("A-1").await;
    let (first, second) = (house.enqueue(&device, 1).await, house.enqueue(&device, 2).await);
    house.idle(&device).await;
    assert_eq!(house.send(device.put("/mdm/connect", device.says(&answer(&first, "Acknowledged")))).await.status, 200);

    house.write(|tx| limit_pages_for_tests(tx, 0)).await;
    // Pages that are not full yet take in a little; an answer of this size needs more.
    // Reports are kept packed: it has to be one that does not become small by that.
    let noise: Vec<u8> =
        (0..50_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).rotate_left(number % 32).to_be_bytes()).collect();
    let noise = hex(&noise);
    let large = device.says(&format!("{}<key>Output</key><string>{noise}</string>", answer(&second, "Acknowledged")));
    for _ in 0..3 {
        assert_busy(&house.send(device.put("/mdm/connect", large.clone())).await, "/mdm/connect");
    }
    let stranger = house.stranger("C-1");
    assert_ne!(house.send(stranger.put("/mdm/connect", stranger.says("<key>Status</key><string>Idle</string>"))).await.status, 401);
    assert_eq!(house.state(&device, &first).await, CommandState::Acknowledged, "what was answered is there");
    assert_eq!(house.state(&device, &second).await, CommandState::Sent);

    house.write(|tx| limit_pages_for_tests(tx, 10_000)).await;
    assert_eq!(house.send(device.put("/mdm/connect", large)).await.status, 200);
    assert_eq!(house.state(&device, &second).await, CommandState::Acknowledged);
    house.app.store.close().await;
    let again = House::reopened(in_file(&folder)).await;
    assert_eq!(again.state(&device, &first).await, CommandState::Acknowledged);
    assert_eq!(again.state(&device, &second).await, CommandState::Acknowledged);
}

#[tokio::test]
async fn a_slow_disk_holds_up_writers_alone_and_nobody_hears_yes_before_it_has_what_they_said() {
    const ROOM: usize = 4;
    /// After so many refusals in a row the writer has taken what it takes.
    const REFUSED_ENOUGH: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let (options, brake) = in_file(&folder).queue_limit(ROOM).group_time(Duration::ZERO).braked();
    let house = House::of(App::for_tests_with(options)).await;
    let device = house.enrolled("A-1").await;
    let quiet = house.enrolled("B-1").await;
    let uuid = house.enqueue(&device, 1).await;
    house.idle(&device).await;
    house.app.store.flush_soft().await.unwrap();

    brake.hold(true);
    let mut told = Box::pin(house.send(device.put("/mdm/connect", device.says(&answer(&uuid, "Acknowledged")))));
    tokio::select! {
        reply = told.as_mut() => panic!("{} before the disk has it", reply.status),
        () = brake.asked() => {}
    }
    // Some wait for the disk to be free, and as many as there is room for wait for their turn: until nobody has been let in for a long while.
    let now = house.app.now();
    let (mut waiting, mut refused) = (Vec::new(), 0);
    while refused < REFUSED_ENOUGH {
        let mut write = Box::pin(house.app.store.write(now, |_| Ok(())));
        let outcome = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
        if outcome.is_pending() {
            waiting.push(write);
            refused = 0;
        } else {
            refused += 1;
        }
        tokio::task::yield_now().await;
    }
    assert!(waiting.len() >= ROOM, "{}", waiting.len());
    for (path, body) in writing(&device, &uuid) {
        assert_busy(&house.send(device.put(path, body)).await, path);
    }
    assert_eq!(house.idle(&quiet).await, None, "a poll that finds nothing does not wait for the disk");
    assert!(house.send(asking("/trust")).await.status.as_u16() < 400, "pages are read meanwhile");
    let ready = house.send(asking("/health/ready")).await;
    assert_eq!(ready.status, 503);
    assert!(String::from_utf8_lossy(&ready.body).contains("too much waits to be written"), "{:?}", ready.body);
    begin(told.as_mut()).await;

    brake.hold(false);
    assert_eq!(told.await.status, 200);
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(house.state(&device, &uuid).await, CommandState::Acknowledged);
    assert_eq!(house.send(asking("/health/ready")).await.status, 200);
}

#[tokio::test]
async fn a_disk_that_breaks_while_it_is_used_is_busy_says_what_to_do_and_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (options, brake) = in_file(&folder).braked();
    let house = House::of(App::for_tests_with(options)).await;
    let device = house.enrolled("A-1").await;
    let quiet = house.enrolled("B-1").await;
    let (first, second) = (house.enqueue(&device, 1).await, house.enqueue(&device, 2).await);
    house.idle(&device).await;
    assert_eq!(house.send(device.put("/mdm/connect", device.says(&answer(&first, "Acknowledged")))).await.status, 200);

    brake.fail(usize::MAX);
    for (path, body) in writing(&device, &second) {
        assert_busy(&house.send(device.put(path, body)).await, path);
    }
    assert_eq!(house.idle(&quiet).await, None);
    let stranger = house.stranger("C-1");
    assert_ne!(house.send(stranger.put("/mdm/connect", stranger.says("<key>Status</key><string>Idle</string>"))).await.status, 401);
    let ready = house.send(asking("/health/ready")).await;
    assert_eq!(ready.status, 503);
    assert!(String::from_utf8_lossy(&ready.body).contains("look at the disk"), "{:?}", ready.body);

    brake.fail(0);
    while house.send(asking("/health/ready")).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.app.store.trouble(), None);
    assert_eq!(house.send(device.put("/mdm/connect", device.says(&answer(&second, "Acknowledged")))).await.status, 200);
    house.app.store.close().await;
    let again = House::reopened(in_file(&folder)).await;
    assert_eq!(again.state(&device, &first).await, CommandState::Acknowledged, "what was answered is there");
    assert_eq!(again.state(&device, &second).await, CommandState::Acknowledged);
}

#[tokio::test]
async fn all_bodies_together_have_a_limit() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let piece = Bytes::from(vec![b'x'; CHECK_IN_MAX_BYTES]);
    let mut waiting = Vec::new();
    for _ in 0..BODIES_MAX_BYTES / CHECK_IN_MAX_BYTES {
        let (more, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
        let request = super::put("/mdm/checkin", Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(pieces)));
        let stream = tokio::net::TcpStream::connect(house.at).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        more.send(Ok(piece.clone())).await.unwrap();
        waiting.push((more, tokio::spawn(async move { sender.send_request(request).await.map(|reply| reply.status()) })));
    }
    let poll = || device.put("/mdm/connect", device.says("<key>Status</key><string>Idle</string>"));
    let refused = loop {
        let reply = house.send(poll()).await;
        if reply.status != 200 {
            break reply;
        }
        tokio::task::yield_now().await;
    };
    assert_busy(&refused, "/mdm/connect");
    waiting.clear();
    while house.send(poll()).await.status != 200 {
        tokio::task::yield_now().await;
    }
}
