//! The carrier against small servers on loopback sockets.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::clock::Timestamp;
use crate::pki::issue::{self, ServerName as PkiName};

fn now() -> Timestamp {
    crate::clock::Clock::System.now()
}

fn request(url: String) -> Request {
    let headers = vec![(String::from("content-type"), String::from("text/plain"))];
    let body = Bytes::from_static(b"hello");
    Request { purpose: Purpose::Idle, method: Method::PUT, url, headers, body, identity: None, mischief: None }
}

fn no_anchors() -> Vec<Certificate> {
    Vec::new()
}

fn carrier() -> Carrier {
    Carrier::new(Arc::new(Trust::new(&[]).unwrap()))
}

/// A server that reads one request after another and answers each with the next of `answers`, closing where the answer says so.
async fn server(answers: Vec<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = vec![0; 4096];
            while let Ok(read) = socket.read(&mut buffer).await {
                if read == 0 {
                    break;
                }
                counted.fetch_add(usize::from(buffer[..read].ends_with(b"hello")), Ordering::SeqCst);
                let Some(answer) = answers.next() else { break };
                socket.write_all(answer.as_bytes()).await.unwrap();
                if answer.contains("close") {
                    break;
                }
            }
        }
    });
    (format!("http://{address}/mdm"), seen)
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn answered(reply: Reply) -> Response {
    match reply {
        Reply::Answered(response) => response,
        Reply::Lost(why) => panic!("{why}"),
    }
}

fn lost(reply: Reply) -> String {
    match reply {
        Reply::Lost(why) => why,
        Reply::Answered(response) => panic!("{response:?}"),
    }
}

#[tokio::test]
async fn requests_follow_each_other_and_redirections_are_followed() {
    let busy = "HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nwait";
    let moved = "HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let (url, seen) = server(vec![EMPTY, busy, moved, EMPTY]).await;
    let mut carrier = carrier();
    assert_eq!(answered(carrier.carry(request(url.clone()), no_anchors).await).status, 200);
    let response = answered(carrier.carry(request(url.clone()), no_anchors).await);
    assert_eq!((response.status, response.retry_after_s, &response.body[..]), (503, Some(7), &b"wait"[..]));
    assert_eq!(answered(carrier.carry(request(url), no_anchors).await).status, 200);
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_server_that_redirects_without_end_is_left() {
    let again = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
    let (url, seen) = server(vec![again; 20]).await;
    let why = lost(carrier().carry(request(url), no_anchors).await);
    assert!(why.contains("redirects"), "{why}");
    assert_eq!(seen.load(Ordering::SeqCst), MAX_REDIRECTIONS + 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_opened_anew() {
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (url, seen) = server(vec![closing, EMPTY]).await;
    let mut carrier = carrier();
    for _ in 0..2 {
        assert_eq!(answered(carrier.carry(request(url.clone()), no_anchors).await).status, 200);
    }
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn mishaps_happen_as_wanted() {
    let (url, seen) = server(vec![EMPTY; 9]).await;
    let with = |mischief| Request { mischief: Some(mischief), ..request(url.clone()) };
    let mut carrier = carrier();
    lost(carrier.carry(with(Mischief::LoseRequest), no_anchors).await);
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    lost(carrier.carry(with(Mischief::LoseAnswer), no_anchors).await);
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    answered(carrier.carry(with(Mischief::Duplicate), no_anchors).await);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    answered(carrier.carry(with(Mischief::Slow(Duration::from_millis(1))), no_anchors).await);
    assert_eq!(seen.load(Ordering::SeqCst), 4);
    lost(carrier.carry(with(Mischief::Break(2)), no_anchors).await);
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn answers_over_the_limit_and_addresses_that_are_none_are_failures() {
    let long = Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_ANSWER_BYTES + 1).into_boxed_str());
    let body = Box::leak("x".repeat(MAX_ANSWER_BYTES + 1).into_boxed_str());
    let (url, _) = server(vec![Box::leak(format!("{long}{body}").into_boxed_str())]).await;
    assert!(lost(carrier().carry(request(url), no_anchors).await).contains("cannot be read"));
    assert!(lost(carrier().carry(request("ftp://mdm.example.school/".into()), no_anchors).await).contains("neither http"));
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(lost(carrier().carry(request(format!("http://{nobody}/")), no_anchors).await).contains("cannot connect"));
}

/// A TLS server that asks for a client certificate and answers with its common name.
async fn tls_server() -> (String, issue::Issuer) {
    let authority = issue::root("Practice CA", now()).unwrap();
    let own = authority.tls_server(&[PkiName::parse("localhost").unwrap()], now()).unwrap();
    let mut roots = RootCertStore::empty();
    add(&mut roots, authority.certificate()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.key().pkcs8_der().expose().clone()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(own.certificate().der().to_vec())], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(socket).await else { continue };
            let mut buffer = vec![0; 4096];
            let _ = tls.read(&mut buffer).await;
            let peer = tls.get_ref().1.peer_certificates().and_then(|chain| Certificate::from_der(&chain[0]).ok());
            let name = peer.and_then(|certificate| certificate.common_name()).unwrap_or_default();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len());
            let _ = tls.write_all(answer.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    (format!("https://localhost:{port}/mdm"), authority)
}

#[tokio::test]
async fn the_authority_of_the_profile_is_trusted_and_the_identity_shown() {
    let (url, authority) = tls_server().await;
    let why = lost(carrier().carry(request(url.clone()), no_anchors).await);
    assert!(why.contains("--ca FILE"), "{why}");

    let anchor = authority.certificate().clone();
    let response = answered(carrier().carry(request(url.clone()), || vec![anchor.clone()]).await);
    assert_eq!((response.status, &response.body[..]), (200, &b""[..]));

    let key = crate::pki::key::PrivateKey::generate_p256().unwrap();
    let subject = crate::pki::asn1::name::write(&[]).unwrap();
    let csr = crate::pki::csr::write(&subject, &key, crate::pki::csr::RequestOptions::default()).unwrap();
    let csr = crate::pki::csr::CertificationRequest::from_der(&csr).unwrap();
    let identity = Identity::new(authority.identity(&csr, "TESTSN0001", now()).unwrap(), key).unwrap();
    let with_identity = Request { identity: Some(Arc::new(identity)), ..request(url) };
    let mut carrier = Carrier::new(Arc::new(Trust::new(std::slice::from_ref(authority.certificate())).unwrap()));
    assert_eq!(&answered(carrier.carry(with_identity, no_anchors).await).body[..], b"TESTSN0001");
}
