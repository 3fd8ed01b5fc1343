//! Recorded conversations of a foreign device simulator, in the order of the recording, against our own doors.

use std::path::{Path, PathBuf};

use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::app::ImportedAuthority;
use crate::http::auth::tests::{Kit, peer};
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::mdm::enroll::identify::MOVE_IN_WINDOW;
use crate::pki::certificate::Certificate;
use crate::protocol::command::Command;
use crate::store::authorities::{self, AuthorityState};
use crate::store::enrollments;
use crate::testing::Recorded;

/// Where we answer otherwise than the other server did, what we answer, and why.
const BETTER: &[(&str, u16, Option<&str>)] = &[
    // Another device's identity is the sender's fault.
    ("by-hand/05", 400, None),
    // Declarative management is answered though nothing is declared.
    ("by-hand/12", 200, None),
    // Of several questions that are the same the newest one stands. The recorded device answers the older ones, so that after three offers
    // without a word about it the newest is set aside, and nothing is left.
    ("by-hand/14", 200, Some("ProfileList")),
    ("by-hand/15", 200, Some("ProfileList")),
    ("by-hand/16", 200, Some("ProfileList")),
    ("by-hand/17", 200, None),
    ("by-hand/18", 200, None),
    // Nothing is sent after CheckOut.
    ("by-hand/23", 200, None),
];

/// The device's side of a recording, and what a tool queued between its messages.
fn walk(conversations: &Path) -> Vec<PathBuf> {
    let index = std::fs::read_to_string(conversations.join("index.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| matches!(row[0], "mdmb" | "by-hand") || row[0] == "nanomdm-api" && row[3].starts_with("/v1/enqueue/"))
        .filter(|row| !row[3].starts_with("/scep"))
        .map(|row| conversations.join(row[0]).join(row[1]))
        .collect()
}

/// An appliance to which the devices of the recordings belong, with the authority of the recordings imported.
async fn house(conversations: &Path) -> (App, axum::Router, String) {
    let app = App::for_tests();
    let certificate = Certificate::from_pem(&std::fs::read(conversations.join("ca.pem")).unwrap()).unwrap();
    let (now, kept) = (app.now(), certificate.clone());
    let row = authorities::Authority {
        id: "recorded".into(),
        state: AuthorityState::Imported,
        certificate: kept.der().to_vec(),
        not_after_at: kept.not_after(),
        created_at: now,
        bridge: None,
        used_from_at: None,
        taken_until_at: None,
    };
    app.store.write(now, move |tx| authorities::insert(tx, &row, &kept.fingerprint(), None)).await.unwrap();
    app.set_imported(vec![ImportedAuthority { id: "recorded".into(), certificate, until: now.plus(MOVE_IN_WINDOW), issuer: None }]);
    let token = Kit::on(app.store.clone(), app.clock.clone()).token(Role::Admin).await;
    let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
    (app, door, format!("Basic {}", STANDARD.encode(format!("nanomdm:{token}"))))
}

/// Leaves out what we ask of a new enrollment by ourselves, which the other server does not do.
async fn forget_own_questions(app: &App, nano_id: String) {
    let work = move |tx: &crate::store::Tx| {
        let enrollment = enrollments::by_nano_id(tx, &nano_id)?.unwrap();
        enrollments::set_questions_due(tx, &enrollment.id, false)
    };
    app.store.write(app.now(), work).await.unwrap();
}

/// The RequestType and CommandUUID that a body offers.
fn offered(body: &[u8]) -> Option<(String, String)> {
    let command = Command::from_plist(body).ok()?;
    Some((command.request_type, command.uuid))
}

#[tokio::test]
async fn recorded_devices_get_the_answers_that_they_got_or_better_ones() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let conversations = shared.join("captures/conversations");
    let (app, door, login) = house(&conversations).await;
    let (mut compared, mut faults) = (0, Vec::new());
    for stem in walk(&conversations) {
        let name = stem.strip_prefix(&conversations).unwrap().to_string_lossy().into_owned();
        let read = |end: &str| Recorded::read(Path::new(&format!("{}.{end}.http", stem.display())));
        let (sent, theirs) = (read("request"), read("response"));
        let mut words = sent.first_line.split(' ');
        let mut request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
        for header in ["content-type", "mdm-signature"] {
            if let Some(value) = sent.header(header) {
                request = request.header(header, value);
            }
        }
        let is_tool = name.starts_with("nanomdm-api");
        if is_tool {
            request = request.header("authorization", &login);
        }
        let (parts, body) = door.clone().oneshot(request.body(Body::from(sent.body.clone())).unwrap()).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        if is_tool {
            continue;
        }
        compared += 1;
        if name.starts_with("mdmb") && name.ends_with("-tokenupdate") {
            let message = crate::protocol::checkin::parse(&sent.body).unwrap();
            forget_own_questions(&app, message.ids.nano_id().to_string()).await;
        }
        assert_ne!(parts.status, StatusCode::UNAUTHORIZED, "{name}");
        let better = BETTER.iter().find(|(spot, ..)| name.starts_with(spot));
        let (ours, status) = (offered(&body), parts.status.as_u16());
        let agrees = match better {
            Some((_, expected, request_type)) => {
                status == *expected && ours.as_ref().map(|(request_type, _)| request_type.as_str()) == *request_type
            }
            None => status == theirs.status() && ours == offered(&theirs.body),
        };
        if !agrees {
            faults.push(format!("{name}: {status} {ours:?}, theirs {} {:?}", theirs.status(), offered(&theirs.body)));
        }
        // A token that was held comes back as it was; everything else has no body.
        if name.contains("getbootstraptoken") && !name.contains("none") {
            assert_eq!(
                crate::protocol::plist::parse_value(&body).unwrap(),
                crate::protocol::plist::parse_value(&theirs.body).unwrap(),
                "{name}"
            );
        } else if ours.is_none() && !name.contains("declarativemanagement") {
            assert!(body.is_empty(), "{name}");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(compared, 24 + 24);
}

#[tokio::test]
async fn a_person_at_a_device_address_is_told_what_it_is_for_and_a_strangers_message_is_refused_without_a_word() {
    // C09.
    let app = App::for_tests();
    let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
    let send = async |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = door.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap().into_parts();
        (parts, axum::body::to_bytes(body, 1 << 20).await.unwrap())
    };
    let safari = [("user-agent", "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1")];
    for path in ["/mdm", "/mdm/connect", "/mdm/checkin", "/checkin"] {
        for method in ["GET", "HEAD"] {
            let (parts, _) = send(method, path, &safari, "").await;
            let kind = parts.headers[header::CONTENT_TYPE].to_str().unwrap();
            assert!(parts.status == StatusCode::OK && kind.starts_with("text/html"), "{method} {path}: {} {kind}", parts.status);
        }
        for (kind, body) in
            [("text/html", "<p>hello</p>"), ("application/x-apple-aspen-mdm", ""), ("application/x-apple-aspen-mdm-checkin", "")]
        {
            let (parts, body) = send("PUT", path, &[("content-type", kind)], body).await;
            assert_eq!((parts.status, body.len()), (StatusCode::BAD_REQUEST, 0), "{path} {kind}");
            assert!(!parts.headers.contains_key(header::WWW_AUTHENTICATE), "{path} {kind}");
        }
    }
    let (parts, page) = send("GET", "/enroll", &safari, "").await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&page).contains("Code of your invitation"), "the help page asks for the code");
    let (parts, _) = send("GET", "/enroll?code=ab2c-de+3", &safari, "").await;
    assert_eq!((parts.status, &parts.headers[header::LOCATION]), (StatusCode::SEE_OTHER, &"/enroll/AB2CDE3".parse().unwrap()));
    let (parts, _) = send("GET", "/enroll/AB2CDE3", &safari, "").await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_that_changed_on_its_way_is_refused_and_framing_is_not_the_bodys() {
    // C08: the recorded poll of a device, as it was, in other framing, and with other bytes.
    let Some(shared) = crate::shared_for_tests() else { return };
    let conversations = shared.join("captures/conversations");
    let (_, door, _) = house(&conversations).await;
    let replay = async |name: &str, change: &dyn Fn(&mut Recorded), chunked: bool| {
        let mut sent = Recorded::read(&conversations.join(format!("mdmb/{name}.request.http")));
        change(&mut sent);
        let mut request = Request::put("/mdm");
        for (header, value) in &sent.headers {
            if matches!(header.as_str(), "content-type" | "mdm-signature" | "content-encoding") {
                request = request.header(header, value);
            }
        }
        let body = if chunked {
            let pieces: Vec<_> = sent.body.chunks(7).map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::copy_from_slice(piece))).collect();
            Body::from_stream(tokio_stream::iter(pieces))
        } else {
            Body::from(sent.body)
        };
        let (parts, body) = door.clone().oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        (parts.status, axum::body::to_bytes(body, 1 << 20).await.unwrap().len())
    };
    for check_in in ["04-device-1-authenticate", "05-device-1-tokenupdate"] {
        assert_eq!(replay(check_in, &|_| {}, true).await, (StatusCode::OK, 0), "{check_in}");
    }
    let idle = "11-device-1-idle-empty-queue";
    assert_eq!(replay(idle, &|_| {}, false).await.0, StatusCode::OK);
    assert_eq!(replay(idle, &|_| {}, true).await.0, StatusCode::OK);
    let crlf = |sent: &mut Recorded| {
        let text = String::from_utf8(std::mem::take(&mut sent.body)).unwrap();
        sent.body = text.replace('\n', "\r\n").into_bytes();
    };
    let gzip = |sent: &mut Recorded| {
        sent.headers.push(("content-encoding".into(), "gzip".into()));
        // Ten bytes of a head and an empty block: what matters is that it is not what was signed.
        sent.body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    };
    assert_eq!(replay(idle, &crlf, false).await, (StatusCode::BAD_REQUEST, 0));
    assert_eq!(replay(idle, &gzip, false).await, (StatusCode::BAD_REQUEST, 0));
    assert_eq!(replay(idle, &|_| {}, false).await.0, StatusCode::OK, "nothing is held against the device");
}
