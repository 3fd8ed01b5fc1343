//! A device that asks without end is held back alone: 503 for it, and a word to the admin; the others are served as ever.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Device, House};
use crate::http::pace::{AT_ONCE, RETRY_AFTER_S, TELL_AFTER};
use crate::jobs::run_due;
use crate::mdm::runaway;
use crate::metrics::Sheet;
use crate::pki::cms::{self, SignOptions};
use crate::store::alerts;

const IDLE: &str = "<key>Status</key><string>Idle</string>";

#[tokio::test]
async fn a_device_that_asks_without_end_is_held_back_alone_and_told_of() {
    let house = House::new().await;
    let (runaway, quiet, stranger) = (house.enrolled("A-1").await, house.enrolled("B-1").await, house.stranger("C-1"));
    let poll = || runaway.put("/mdm/connect", runaway.says(IDLE));
    let told =
        async || house.write(alerts::all).await.into_iter().filter(|alert| alert.key.starts_with(runaway::ALERT)).collect::<Vec<_>>();
    // Of its requests some come back meanwhile, 20 a second.
    let (mut served, mut refused) = (0, 0);
    while refused < TELL_AFTER {
        let reply = house.send(poll()).await;
        match reply.status.as_u16() {
            200 => served += 1,
            503 => {
                refused += 1;
                assert_eq!(reply.headers["retry-after"].to_str().unwrap(), RETRY_AFTER_S.to_string());
                assert!(reply.body.is_empty());
            }
            status => panic!("{status}"),
        }
        assert!(served < 100 * AT_ONCE, "it is never held back");
        if refused == 1 {
            assert!(served + 10 >= AT_ONCE, "{served}");
        }
    }
    assert_eq!(house.idle(&quiet).await, None, "the others are served");
    assert_eq!(house.send(stranger.put("/mdm/connect", stranger.says(IDLE))).await.status, 400);
    let check_in = "<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>";
    let both = [house.send(runaway.put("/mdm/checkin", runaway.says(check_in))).await, house.send(poll()).await];
    assert!(both.iter().any(|reply| reply.status == 503), "check-ins count too");

    let alerts = told().await;
    assert!(alerts[0].message.contains(" times a second. It is held back"), "{alerts:?}");
    assert_eq!((alerts.len(), alerts[0].count), (1, 1));
    let events = house.events().await;
    assert_eq!(events.iter().filter(|event| event.kind == "device.held_back").count(), 1);
    let metrics = house.app.metrics.text(&Sheet::default()).unwrap();
    let counted = metrics.lines().find_map(|line| line.strip_prefix("rollcall_device_requests_held_back_total ")).unwrap();
    assert!(counted.parse::<u32>().unwrap() > refused, "{counted}");

    run_due(&house.app).await.unwrap();
    assert_eq!(told().await.len(), 1);
    house.app.clock.advance(runaway::TOLD_FOR);
    run_due(&house.app).await.unwrap();
    assert!(told().await.is_empty(), "what is over is not told for ever");
}

/// How a device says something.
type Way<'a> = &'a dyn Fn(&Device) -> Request<Body>;

#[tokio::test]
async fn who_is_refused_or_says_what_nobody_can_read_is_held_back_as_well() {
    let house = House::new().await;
    let senseless = || Bytes::from_static(b"no property list");
    let yesterday = SignOptions { signing_time: Some(house.app.now().minus(Duration::from_secs(86_400))), ..SignOptions::detached() };
    // A device whose clock is so wrong that its signature is from before its certificate.
    let late = |sender: &Device| {
        let body = sender.says("<key>MessageType</key><string>CheckOut</string>");
        let signature = STANDARD.encode(cms::sign(&sender.signer, &body, &yesterday).unwrap());
        Request::put("/mdm/checkin").header("host", "localhost").header("mdm-signature", signature).body(Body::from(body)).unwrap()
    };
    let ways: [(&str, Way<'_>); 5] = [
        ("unknown", &|sender| sender.put("/mdm/connect", sender.says(IDLE))),
        ("senseless report", &|sender| sender.put("/mdm/connect", senseless())),
        ("senseless check-in", &|sender| sender.put("/mdm/checkin", senseless())),
        ("check-in of no kind", &|sender| sender.put("/mdm/checkin", sender.says("<key>MessageType</key><string>Teleport</string>"))),
        ("late", &late),
    ];
    for (number, (name, request)) in ways.into_iter().enumerate() {
        let sender = house.stranger(&format!("C-{number}"));
        let mut refused = 0;
        loop {
            let status = house.send(request(&sender)).await.status;
            if status == 503 {
                break;
            }
            assert_eq!(status, 400, "{name}");
            refused += 1;
            assert!(refused < 10 * AT_ONCE, "{name} is never held back");
        }
        assert!(refused + 10 >= AT_ONCE, "{name}: {refused}");
    }
}
