//! Webhooks over real sockets: what the receiver gets, and what becomes of receivers that misbehave.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use rollcall::apple::connect::{Connector, Trust};
use rollcall::apple::webhook::{ANSWER_LIMIT, Webhook};
use rollcall::clock::{Clock, Timestamp};
use rollcall::error::Kind;
use rollcall::random::Random;
use rollcall::sim::apple::authority::Authority;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

use crate::apns::proxy::{Manner, TinyProxy};

const START: Timestamp = Timestamp::from_seconds(1_795_577_349);
const TIMEOUT: Duration = Duration::from_secs(10);
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// A receiver on a loopback port that gives every request the same answer, and tells the head and body of each.
struct Receiver {
    port: u16,
    requests: UnboundedReceiver<(String, Vec<u8>)>,
    connections: UnboundedReceiver<()>,
    task: tokio::task::AbortHandle,
}

impl Receiver {
    async fn start(answer: impl Into<Vec<u8>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, requests) = unbounded_channel();
        let (tell_connection, connections) = unbounded_channel();
        let answer: Arc<[u8]> = answer.into().into();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = tell_connection.send(());
                let (answer, tell, tls) = (answer.clone(), tell.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &answer, tell).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &answer, tell).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { port, requests, connections, task: task.abort_handle() }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/mdm?room=1", self.port)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers requests until the client hangs up. An empty answer is none at all.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, answer: &[u8], tell: UnboundedSender<(String, Vec<u8>)>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        tell.send((head, body)).ok()?;
        stream.write_all(answer).await.ok()?;
        stream.flush().await.ok()?;
    }
}

fn connector(trust: Trust) -> Connector {
    Connector::new(trust, Clock::manual(START))
}

fn webhook() -> Webhook {
    Webhook::new(&connector(Trust::public())).unwrap()
}

#[tokio::test]
async fn the_receiver_gets_the_event_as_it_was_signed() {
    let mut receiver = Receiver::start(NO_CONTENT, None).await;
    let headers = HeaderMap::from_iter([("x-hmac-signature".parse().unwrap(), "c2lnbmF0dXJl".parse().unwrap())]);
    let body = Bytes::from_static(br#"{"topic":"mdm.Authenticate"}"#);
    assert_eq!(webhook().post(&receiver.url("http"), headers, body.clone(), TIMEOUT).await.unwrap(), 204);
    let (head, received) = receiver.requests.recv().await.unwrap();
    assert!(head.starts_with("POST /mdm?room=1 HTTP/1.1\r\n"), "{head}");
    for line in ["x-hmac-signature: c2lnbmF0dXJl", "content-type: application/json", "user-agent: Rollcall/"] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    assert_eq!(received, body);
}

#[tokio::test]
async fn events_share_a_connection() {
    let mut receiver = Receiver::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None).await;
    let webhook = webhook();
    for _ in 0..10 {
        assert_eq!(webhook.post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap(), 200);
    }
    receiver.connections.recv().await.unwrap();
    assert!(receiver.connections.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut elsewhere = Receiver::start(NO_CONTENT, None).await;
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url("http"));
    let receiver = Receiver::start(answer, None).await;
    assert_eq!(webhook().post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap(), 307);
    assert!(elsewhere.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", usize::MAX / 4);
    let mut receiver = Receiver::start([head.as_bytes(), &vec![b'x'; ANSWER_LIMIT + 1]].concat(), None).await;
    let webhook = webhook();
    for _ in 0..2 {
        assert_eq!(webhook.post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap(), 200);
        receiver.connections.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_receiver_is_given_up_in_time() {
    let receiver = Receiver::start("", None).await;
    let timeout = Duration::from_millis(100);
    let error = webhook().post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), timeout).await.unwrap_err();
    assert!(error.kind == Kind::Upstream && error.message.contains("did not answer within 100 ms"), "{error}");
}

#[tokio::test]
async fn an_absent_or_broken_receiver_is_named() {
    let error = webhook().post("http://127.0.0.1:1/", HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap_err();
    assert!(error.kind == Kind::Upstream && error.message.contains("127.0.0.1:1 cannot be reached"), "{error}");
    let receiver = Receiver::start("SSH-2.0-OpenSSH_9.2\r\n", None).await;
    let error = webhook().post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap_err();
    assert!(error.kind == Kind::Upstream && error.message.contains("broke"), "{error}");
}

#[tokio::test]
async fn https_is_trusted_by_the_anchors_of_the_settings() {
    let authority = Authority::new("Example School", START, Random::seeded(5)).unwrap();
    let (certificate, key) = authority.server(&["127.0.0.1"], START).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let receiver = Receiver::start(NO_CONTENT, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let extended = connector(Trust::public().and(&authority.pem()).unwrap());
    let status = Webhook::new(&extended).unwrap().post(&receiver.url("https"), HeaderMap::new(), Bytes::new(), TIMEOUT).await;
    assert_eq!(status.unwrap(), 204);
    let error = webhook().post(&receiver.url("https"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap_err();
    assert!(error.kind == Kind::Upstream && error.message.contains("is not trusted"), "{error}");
}

#[tokio::test]
async fn webhooks_go_through_the_proxy_of_the_settings() {
    let receiver = Receiver::start(NO_CONTENT, None).await;
    let mut proxy = TinyProxy::start(Manner::Open(None)).await;
    let webhook = Webhook::new(&connector(Trust::public()).through(proxy.settings(None))).unwrap();
    assert_eq!(webhook.post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap(), 204);
    assert_eq!(proxy.asked.recv().await.unwrap(), format!("CONNECT 127.0.0.1:{} HTTP/1.1", receiver.port));

    let refusing = TinyProxy::start(Manner::Say(String::from("HTTP/1.1 403 Forbidden\r\n\r\n"))).await;
    let webhook = Webhook::new(&connector(Trust::public()).through(refusing.settings(None))).unwrap();
    let error = webhook.post(&receiver.url("http"), HeaderMap::new(), Bytes::new(), TIMEOUT).await.unwrap_err();
    assert!(error.message.contains("403") && error.message.contains("proxy"), "{error}");
}
