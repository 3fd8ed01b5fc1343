//! Deliveries to a receiver over a real socket.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::jobs::run_due;
use crate::mdm::Actor;
use crate::mdm::webhooks::NewWebhook;
use crate::secret::Secret;

const KEY: &str = "practice-webhook-key";

/// What a receiver was sent: its headers in small letters, and the body.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A receiver that refuses the first post of the body `stubborn`, and takes everything else.
async fn receiver() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/webhook?room=1", listener.local_addr().unwrap());
    let received = Received::default();
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, &kept).await;
        }
    });
    (address, received)
}

async fn answer(mut stream: TcpStream, received: &Received) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the request is whole");
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
            break (head, end + 4 + length);
        }
    };
    while bytes.len() < length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the body is whole");
    }
    let body = bytes[head.len() + 4..].to_vec();
    let refuse = {
        let mut received = received.lock().unwrap();
        received.push((head, body.clone()));
        body == b"stubborn" && received.iter().filter(|(_, earlier)| *earlier == body).count() == 1
    };
    let status = if refuse { "500 Internal Server Error" } else { "204 No Content" };
    stream.write_all(format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
}

fn bodies(received: &Received) -> Vec<String> {
    received.lock().unwrap().iter().map(|(_, body)| String::from_utf8(body.clone()).unwrap()).collect()
}

fn hmac_by_openssl(body: &[u8]) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", KEY, "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(body).unwrap();
    STANDARD.encode(openssl.wait_with_output().unwrap().stdout)
}

#[tokio::test]
async fn events_come_in_the_order_of_their_device_signed_and_until_they_are_taken() {
    let app = App::for_tests();
    let (url, received) = receiver().await;
    let new = NewWebhook { url, hmac_key: Some(Secret::new(KEY.into())), topics: Vec::new(), include_secrets: false };
    app.store
        .write(app.now(), move |tx| {
            let (made, _) = webhooks::create(tx, &Actor::Console, new)?;
            for (device, body) in [("a", "stubborn"), ("a", "a second"), ("b", "b first"), ("a", "a third")] {
                rows::enqueue(tx, &made.webhook.id, device, "mdm.Connect", body.as_bytes())?;
            }
            Ok(())
        })
        .await
        .unwrap();
    run_due(&app).await.unwrap();
    let mut first = bodies(&received);
    first.sort();
    assert_eq!(first, ["b first", "stubborn"], "one of each device, and nothing ahead of what failed");
    assert!(app.store.read(app.now(), rows::next_deliverable).await.unwrap().unwrap() > app.now());
    run_due(&app).await.unwrap();
    assert_eq!(bodies(&received).len(), 2, "it is not pestered");

    app.clock.advance(Duration::from_secs(20));
    for _ in 0..3 {
        run_due(&app).await.unwrap();
    }
    assert_eq!(bodies(&received)[2..], ["stubborn", "a second", "a third"]);
    assert_eq!(app.store.read(app.now(), rows::next_deliverable).await.unwrap(), None);

    for (head, body) in &*received.lock().unwrap() {
        assert!(head.starts_with("post /webhook?room=1 http/1.1"), "{head}");
        assert!(head.contains("content-type: application/json; charset=utf-8"), "{head}");
        let signature = hmac_by_openssl(body);
        assert!(head.contains(&format!("x-hmac-signature: {}", signature.to_lowercase())), "{head} {signature}");
    }
}

/// A receiver that takes connections and never says a word; gives its address and the connections.
async fn hanging() -> (String, Arc<Mutex<Vec<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let held = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&held);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            kept.lock().unwrap().push(stream);
        }
    });
    (address, held)
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_up_nobody() {
    const DEVICES: usize = 100;
    let app = App::for_tests();
    let ((hangs, held), (answers, received)) = (hanging().await, receiver().await);
    let urls = [hangs.clone(), answers];
    let ids = app.store.write(app.now(), move |tx| {
        let mut ids = Vec::new();
        for url in urls {
            let new = NewWebhook { url, hmac_key: Some(Secret::new(KEY.into())), topics: Vec::new(), include_secrets: false };
            ids.push(webhooks::create(tx, &Actor::Console, new)?.0.webhook.id);
        }
        for device in 0..DEVICES {
            for (id, turn) in ids.iter().zip(["first", "first"]).chain(ids.iter().zip(["second", "second"])) {
                rows::enqueue(tx, id, &device.to_string(), "mdm.Connect", format!("{device} {turn}").as_bytes())?;
            }
        }
        Ok(ids)
    });
    let ids = ids.await.unwrap();
    // Every turn without a word from one of them is at its end after a moment, and the next ones do not even try.
    while bodies(&received).len() < 2 * DEVICES {
        run_due(&app).await.unwrap();
    }
    for device in 0..DEVICES {
        let said: Vec<_> = bodies(&received).into_iter().filter(|body| body.starts_with(&format!("{device} "))).collect();
        assert_eq!(said, [format!("{device} first"), format!("{device} second")]);
    }
    assert!(!held.lock().unwrap().is_empty());
    assert!(app.webhook.under_way().get(&hangs).is_none_or(|posts| *posts <= webhooks::PAGE as usize));
    let hanging = ids[0].clone();
    let waiting = app.store.read(app.now(), |tx| rows::count_waiting(tx, &hanging)).await.unwrap();
    assert_eq!(waiting, 2 * DEVICES as i64, "nothing is lost");
}

#[test]
fn recorded_signatures_are_made_again() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let mut checked = 0;
    for entry in std::fs::read_dir(shared.join("captures/conversations/nanomdm-webhook-hmac")).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".request.http") {
            continue;
        }
        let request = std::fs::read(&path).unwrap();
        let end = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(request[..end].to_vec()).unwrap();
        let theirs = head.lines().find_map(|line| line.strip_prefix("X-Hmac-Signature: ")).unwrap();
        assert_eq!(STANDARD.encode(crate::pki::digest::hmac_sha256(KEY.as_bytes(), &request[end + 4..])), theirs);
        checked += 1;
    }
    assert_eq!(checked, 4);
}
