//! Bad input at the addresses of devices: a clear status, an empty body, nothing changed, and never a 401.

use axum::body::{Body, Bytes};

use super::{Device, House, answer, plist, put};
use crate::http::limits::{CHECK_IN_MAX_BYTES, SCEP_MAX_BYTES};
use crate::mdm::enroll::identify::REFUSALS_IN;
use crate::store::commands::CommandState;

/// Sends the same body to every address that takes such a message, signed by `device`.
async fn refused(house: &House, device: &Device, body: &Bytes, status: u16) {
    for (path, kind) in [
        ("/mdm/checkin", ""),
        ("/mdm/connect", ""),
        ("/mdm", ""),
        ("/mdm", "application/x-apple-aspen-mdm-checkin"),
        ("/checkin", "application/x-apple-aspen-mdm-checkin"),
    ] {
        let mut request = device.put(path, body.clone());
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let reply = house.send(request).await;
        assert_eq!(
            (reply.status.as_u16(), reply.body.len()),
            (status, 0),
            "{path} {kind} {}",
            String::from_utf8_lossy(&body[..body.len().min(80)])
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_plist_is_400() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let good = device.says("<key>MessageType</key><string>CheckOut</string><key>Status</key><string>Idle</string>");
    let deep = plist(&format!("{}{}", "<key>a</key><dict>".repeat(5000), "</dict>".repeat(5000)));
    let bomb = format!(
        "<!DOCTYPE plist [<!ENTITY a \"{}\"><!ENTITY b \"{}\">]><plist><dict><key>UDID</key><string>{}</string></dict></plist>",
        "x".repeat(1000),
        "&a;".repeat(1000),
        "&b;".repeat(1000)
    );
    for body in [
        Bytes::new(),
        Bytes::from_static(b"not a plist"),
        Bytes::from_static(b"bplist00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        Bytes::from_static(b"<plist><array/></plist>"),
        good.slice(..good.len() - 20),
        deep,
        Bytes::from(bomb),
    ] {
        refused(&house, &device, &body, 400).await;
    }
    assert_eq!(house.idle(&device).await, None, "it is enrolled as before");
}

#[tokio::test]
async fn a_message_without_its_words_is_400() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    for keys in [
        "<key>Other</key><string>x</string>",
        "<key>Status</key><string>Perhaps</string><key>MessageType</key><string>Perhaps</string>",
        "<key>Status</key><integer>1</integer><key>MessageType</key><integer>1</integer>",
    ] {
        refused(&house, &device, &device.says(keys), 400).await;
    }
}

#[tokio::test]
async fn a_check_in_of_an_unknown_kind_is_noted_where_its_sender_is_known() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let body = |device: &Device| device.says("<key>MessageType</key><string>Teleport</string>");
    let noted = async |house: &House| {
        let events = house.events().await;
        events.into_iter().filter(|event| event.kind == "checkin.unknown").map(|event| event.data.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(house.send(put("/mdm/checkin", body(&device))).await.status, 400);
    let stranger = house.stranger("A-1");
    assert_eq!(house.send(stranger.put("/mdm/checkin", body(&stranger))).await.status, 400);
    assert!(noted(&house).await.is_empty(), "anybody could have sent that");
    assert_eq!(house.send(device.put("/mdm/checkin", body(&device))).await.status, 400);
    let noted = noted(&house).await;
    assert!(noted.len() == 1 && noted[0].contains("Teleport"), "{noted:?}");
}

#[tokio::test]
async fn anothers_udid_is_refused_and_noted_and_changes_nothing() {
    let house = House::new().await;
    let (victim, other) = (house.enrolled("A-1").await, house.enrolled("B-1").await);
    let uuid = house.enqueue(&victim, 1).await;
    assert_eq!(house.idle(&victim).await.as_deref(), Some(&*uuid));
    let refusals = async |house: &House| house.events().await.iter().filter(|event| event.kind == "enrollment.refused").count();
    let messages = [
        ("/mdm/checkin", victim.says("<key>MessageType</key><string>CheckOut</string>")),
        (
            "/mdm/checkin",
            victim.says(&format!("<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{}</string>", super::TOPIC)),
        ),
        ("/mdm/connect", victim.says(&answer(&uuid, "Acknowledged"))),
        ("/mdm/connect", victim.says("<key>Status</key><string>Idle</string>")),
    ];
    for (count, (path, body)) in messages.into_iter().enumerate() {
        for request in [other.put(path, body.clone()), other.put_by_proxy(path, Body::from(body.clone()))] {
            let reply = house.send(request).await;
            assert_eq!((reply.status.as_u16(), reply.body.len()), (400, 0), "{path}");
        }
        assert_eq!(refusals(&house).await, count + 1, "{path}: the same one is noted once a minute");
        house.app.clock.advance(REFUSALS_IN);
    }
    assert_eq!(house.state(&victim, &uuid).await, CommandState::Sent);
    assert_eq!(house.enrollment(&victim).await.state, crate::store::enrollments::EnrollmentState::Enrolled);
}

#[tokio::test]
async fn ids_that_no_device_can_have_are_400() {
    let house = House::new().await;
    let long = "x".repeat(257);
    for udid in ["", " ", "../../etc/passwd", "a/b", "a\\b", "a:b", "a&#10;b", "a\u{7f}b", &long] {
        let device = house.device(udid).await;
        for keys in [
            format!("<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{}</string>", super::TOPIC),
            String::from("<key>MessageType</key><string>CheckOut</string>"),
        ] {
            assert_eq!(house.send(device.put("/mdm/checkin", device.says(&keys))).await.status, 400, "{udid:?}");
        }
        let idle = device.says("<key>Status</key><string>Idle</string>");
        assert_eq!(house.send(device.put("/mdm/connect", idle)).await.status, 400, "{udid:?}");
    }
    let device = house.enrolled("A-1").await;
    let answered = device.says(&answer(&long, "Acknowledged"));
    assert_eq!(house.send(device.put("/mdm/connect", answered)).await.status, 400);
    let path_like = device.says(&answer("../../x", "Acknowledged"));
    assert_eq!(house.send(device.put("/mdm/connect", path_like)).await.status, 200, "the answer to a command that nobody sent");
}

#[tokio::test]
async fn bodies_over_the_limit_of_their_address_are_413() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let check_in = "application/x-apple-aspen-mdm-checkin";
    for (path, kind, limit) in
        [("/mdm/checkin", "", CHECK_IN_MAX_BYTES), ("/mdm", check_in, CHECK_IN_MAX_BYTES), ("/checkin", check_in, CHECK_IN_MAX_BYTES)]
    {
        for (size, status) in [(limit, 400), (limit + 1, 413)] {
            let mut request = device.put(path, Bytes::from(vec![b'x'; size]));
            request.headers_mut().insert("content-type", kind.parse().unwrap());
            assert_eq!(house.send(request).await.status, status, "{path} {size}");
        }
    }
    let scep = |size: usize| {
        let mut request = put("/scep?operation=PKIOperation", vec![b'x'; size]);
        *request.method_mut() = axum::http::Method::POST;
        request
    };
    assert_eq!(house.send(scep(SCEP_MAX_BYTES)).await.status, 400);
    assert_eq!(house.send(scep(SCEP_MAX_BYTES + 1)).await.status, 413);
}

#[tokio::test]
async fn damaged_signatures_are_400_whatever_is_wrong_with_them() {
    let house = House::new().await;
    let device = house.enrolled("A-1").await;
    let body = device.says("<key>Status</key><string>Idle</string>");
    let good = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, device.signature(&body)).unwrap();
    let damaged =
        crate::testing::mutations(&good).step_by(16).map(|der| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der));
    for signature in damaged.chain(["", "%%%", "AAAA"].map(String::from)) {
        let mut request = put("/mdm/connect", body.clone());
        request.headers_mut().insert("mdm-signature", signature.parse().unwrap());
        let status = house.send(request).await.status;
        // A flipped bit in what is not signed, as the version, may leave it good.
        assert!([200, 400].contains(&status.as_u16()), "{status} {signature}");
    }
    let mut request = put("/mdm/connect", body);
    request.headers_mut().insert("mdm-signature", "%%%".parse().unwrap());
    assert_eq!(house.send(request).await.status, 400);
}
