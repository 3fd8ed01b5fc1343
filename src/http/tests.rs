//! Every address through its whole way of layers, without sockets.

mod authorisation;
mod move_in;
mod observe;
mod pages;
mod recorded;
mod restore;
mod scep;
mod set_up;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::*;

/// Asks `path` of `door`; gives status, headers and body.
async fn ask(door: &Router, method: &str, path: &str) -> (StatusCode, axum::http::HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = door.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn monitors_are_answered_on_every_listener() {
    let doors = doors(&App::for_tests(), &Streams::default());
    for door in [&doors.whole, &doors.plain, &doors.control] {
        for path in ["/health/live", "/health/ready"] {
            let (status, _, body) = ask(door, "GET", path).await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, "ok\n"), "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_readers_own_way() {
    let doors = doors(&App::for_tests(), &Streams::default());
    for path in ["/mdm/nowhere", "/checkin/x", "/packages/x", "/ddm/x"] {
        let (status, _, body) = ask(&doors.whole, "PUT", path).await;
        assert_eq!((status, body.as_str()), (StatusCode::BAD_REQUEST, ""), "{path}");
    }
    let (status, headers, _) = ask(&doors.whole, "GET", "/api/v1/nothing").await;
    assert_eq!((status, headers[header::CONTENT_TYPE].as_bytes()), (StatusCode::NOT_FOUND, &b"application/problem+json"[..]));
    let (status, _, body) = ask(&doors.whole, "GET", "/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains("There is nothing here"));
    assert_eq!(readers("/mdmx"), Audience::Person, "a longer name is another name");
}

#[tokio::test]
async fn every_answer_has_its_id() {
    let doors = doors(&App::for_tests(), &Streams::default());
    let first = ask(&doors.whole, "GET", "/health/live").await.1["x-request-id"].clone();
    let second = ask(&doors.whole, "GET", "/nothing").await.1["x-request-id"].clone();
    assert_ne!(first, second);
}

#[tokio::test]
async fn plain_http_explains_the_root_and_redirects_browsers() {
    let app = App::for_tests();
    let doors = doors(&app, &Streams::default());
    let (status, _, page) = ask(&doors.plain, "GET", "/trust").await;
    assert_eq!(status, StatusCode::OK);
    let fingerprint = app.authority().issuer.certificate().fingerprint().in_pairs();
    assert!(page.contains(&fingerprint), "the fingerprint to compare");
    let (status, headers, _) = ask(&doors.plain, "GET", "/trust/root.cer").await;
    assert_eq!((status, headers[header::CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"application/x-x509-ca-cert"[..]));

    let (status, headers, _) = ask(&doors.plain, "GET", "/setup?token=abc").await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(headers[header::LOCATION], "https://mdm.example.school/setup?token=abc");
    assert_eq!(ask(&doors.plain, "PUT", "/mdm/checkin").await.0, StatusCode::BAD_REQUEST, "a device is not sent on");
}

#[tokio::test]
async fn pages_tell_browsers_to_be_careful() {
    let app = App::for_tests();
    let (_, headers, _) = ask(&doors(&app, &Streams::default()).whole, "GET", "/trust").await;
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self';"));
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    let style = assets::url("app.css");
    let (status, headers, _) = ask(&doors(&app, &Streams::default()).whole, "GET", &style).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
}

/// The same appliance as it stands while its next root is on the way, or when that root is in use and the one before has not ended.
fn in_succession(app: &App) -> (Arc<crate::app::Authority>, crate::pki::issue::Issuer) {
    let (now, old) = (app.now(), app.authority());
    let next = crate::pki::issue::root("Next", now).unwrap();
    app.set_roots(crate::app::Roots { current: Arc::clone(&old), next: Some(next.certificate().clone()), former: Vec::new() });
    (old, next)
}

#[tokio::test]
async fn the_next_root_is_offered_beside_the_present_one() {
    let app = App::for_tests();
    let doors = doors(&app, &Streams::default());
    assert_eq!(ask(&doors.whole, "GET", "/trust/next-root.cer").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&doors.whole, "GET", "/scep?operation=GetNextCACert").await.0, StatusCode::BAD_REQUEST, "as devices are refused");
    let (_, next) = in_succession(&app);
    let (_, _, page) = ask(&doors.plain, "GET", "/trust").await;
    assert!(page.replace(' ', "").contains(&next.certificate().fingerprint().to_string().to_uppercase()));
    assert_eq!(ask(&doors.plain, "GET", "/trust/next-root.cer").await.0, StatusCode::OK);
    let (status, headers, _) = ask(&doors.whole, "GET", "/scep?operation=GetNextCACert").await;
    assert_eq!((status, headers[header::CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"application/x-x509-next-ca-cert"[..]));
}

#[tokio::test]
async fn a_client_that_knows_the_root_before_is_answered_by_it() {
    use crate::pki::cipher::Cipher;
    use crate::pki::cms;
    use crate::pki::digest::Digest;
    use crate::pki::issue::self_signed;
    use crate::pki::key::PrivateKey;
    use crate::protocol::scep::{ClientOptions, ClientRequest, MessageType};

    let app = App::for_tests();
    let (old, next) = in_succession(&app);
    let current = Arc::new(crate::app::Authority { id: "next".into(), issuer: next, bridge: None });
    app.set_roots(crate::app::Roots { current: Arc::clone(&current), next: None, former: vec![Arc::clone(&old)] });
    let door = doors(&app, &Streams::default()).whole.layer(axum::Extension(auth::tests::peer(server::Listener::Main)));
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let signer = self_signed("TESTSN0001", &key, std::time::Duration::from_secs(3600), app.now()).unwrap();
    let (cipher, digest, now) = (Cipher::Aes128Cbc, Digest::Sha256, app.now());
    let options = ClientOptions { subject: &[], challenge: Some("unknown"), message_type: MessageType::PkcsReq, cipher, digest, now };
    for authority in [&old, &current] {
        let message = ClientRequest::new(&key, &signer, authority.issuer.certificate(), &options).unwrap().message;
        let request = Request::builder().method("POST").uri("/scep?operation=PKIOperation").body(Body::from(message)).unwrap();
        let response = door.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let answer = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let verified = cms::verify(&answer, None).unwrap();
        assert_eq!(verified.signer.fingerprint(), authority.issuer.certificate().fingerprint());
    }
}
