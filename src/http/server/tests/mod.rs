//! The listeners over real sockets: who is let in, who is believed, and how long.

mod ending;
mod judges;
mod requests;
mod sockets;

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Version};
use axum::routing::{get, put};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::clock::Clock;
use crate::config::Layer;
use crate::http::error::Audience;
use crate::http::limits::{HEADER_MAX_BYTES, group};
use crate::http::tls::tests::{Authority, HOUR};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;

/// Time that a machine with other work needs; nothing is expected to take it.
const PLENTY: Duration = Duration::from_secs(60);
/// Time whose end a test waits for.
const LITTLE: Duration = Duration::from_millis(150);

fn plenty() -> Grants {
    Grants { connections: 64, handshake: PLENTY, header: PLENTY, stall: PLENTY, idle: PLENTY, drain: PLENTY }
}

/// Says who asked, as the handlers see it.
async fn who(peer: Peer, version: Version, headers: HeaderMap) -> String {
    let certificate = peer.certificate.map_or("none".to_owned(), |der| {
        Certificate::from_der(&der).map_or("unreadable".to_owned(), |certificate| certificate.common_name().unwrap_or_default())
    });
    format!("{} {certificate} {version:?} {}", peer.listener, headers.contains_key("client-cert"))
}

fn whole() -> Router {
    let routes = Router::new().route("/who", get(who)).route("/take", put(|body: Bytes| async move { body.len().to_string() }));
    group(Audience::Api, 1 << 20, routes)
}

/// A server on ports that the system chose.
struct Open {
    running: Running,
    addresses: Vec<(Listener, SocketAddr)>,
    tls: Arc<Tls>,
    authority: Authority,
}

impl Open {
    async fn with(whole: Router, grants: Grants) -> Self {
        Self::trusting("127.0.0.1", whole, grants).await
    }

    async fn trusting(proxies: &str, whole: Router, grants: Grants) -> Self {
        let any = "127.0.0.1:0";
        let flags = ["listen", "device_listen", "http_listen", "proxy_listen"];
        let flags = flags.iter().fold(Layer::flags(), |flags, listener| flags.with(listener, [any])).with("trusted_proxies", [proxies]);
        let config = Config::read(flags, Vec::new()).unwrap();
        let authority = Authority::new("School");
        let tls =
            Arc::new(Tls::new(authority.identity(&["localhost"]), std::slice::from_ref(&authority.certificate), Arc::default()).unwrap());
        let bound = Bound::bind(&config).await.unwrap();
        let addresses = bound.addresses();
        let plain = Router::new().route("/trust", get(|| async { "plain" }));
        let doors = Doors { whole, plain, control: Router::new() };
        Self { running: bound.serve(doors, &tls, config.proxy, grants), addresses, tls, authority }
    }

    fn at(&self, listener: Listener) -> SocketAddr {
        self.addresses.iter().find(|(other, _)| *other == listener).unwrap().1
    }

    async fn tcp(&self, listener: Listener) -> TcpStream {
        TcpStream::connect(self.at(listener)).await.unwrap()
    }

    async fn tls(&self, listener: Listener, identity: Option<(Certificate, PrivateKey)>, alpn: &str) -> TlsStream<TcpStream> {
        let connector = TlsConnector::from(Arc::new(self.authority.client(identity, &[alpn])));
        connector.connect("localhost".try_into().unwrap(), self.tcp(listener).await).await.unwrap()
    }

    /// Asks who is seen to ask, by HTTP/1.1 or HTTP/2.
    async fn who(&self, listener: Listener, identity: Option<(Certificate, PrivateKey)>, alpn: &str) -> String {
        let stream = TokioIo::new(self.tls(listener, identity, alpn).await);
        let request = Request::get("https://localhost/who").header("host", "localhost").header("client-cert", ":MAMCAQE=:");
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let answer = if alpn == "h2" {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}

/// Everything that comes until the other end closes.
async fn rest(mut stream: impl AsyncReadExt + Unpin) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes `text` and reads until the other end closes.
async fn exchange(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    rest(stream).await
}

#[tokio::test]
async fn each_listener_serves_what_it_is_for() {
    let open = Open::with(whole(), plenty()).await;
    assert_eq!(open.who(Listener::Main, None, "http/1.1").await, "listen none HTTP/1.1 false");
    assert_eq!(open.who(Listener::Main, None, "h2").await, "listen none HTTP/2.0 false");
    assert_eq!(open.who(Listener::Device, None, "http/1.1").await, "device-listen none HTTP/1.1 false");
    let close = "GET /trust HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(exchange(open.tcp(Listener::Http).await, close).await.ends_with("\r\n\r\nplain"));
    let close = close.replace("/trust", "/who");
    assert!(exchange(open.tcp(Listener::Http).await, &close).await.starts_with("HTTP/1.1 404 "));
    assert!(exchange(open.tcp(Listener::Proxy).await, &close).await.ends_with("\r\n\r\nproxy-listen none HTTP/1.1 false"));
}

#[tokio::test]
async fn foreign_and_expired_certificates_reach_the_handler_that_judges_them() {
    let open = Open::with(whole(), plenty()).await;
    let now = Clock::System.now();
    for protocol in ["http/1.1", "h2"] {
        let own = open.authority.issue_now(&["own"]);
        let expired = open.authority.issue(&["expired"], now.minus(2 * HOUR), now.minus(HOUR));
        let foreign = Authority::new("Elsewhere").issue_now(&["foreign"]);
        for (name, identity) in [("own", own), ("expired", expired), ("foreign", foreign)] {
            // A client that heeds the names of the authorities keeps a foreign certificate to itself; this one shows what it has.
            let seen = open.who(Listener::Device, Some(identity), protocol).await;
            assert!(seen.starts_with(&format!("device-listen {name} ")), "{seen}");
        }
    }
}

#[tokio::test]
async fn the_shared_listener_never_asks_for_a_certificate() {
    let open = Open::with(whole(), plenty()).await;
    let own = open.authority.issue_now(&["own"]);
    assert!(open.who(Listener::Main, Some(own), "http/1.1").await.starts_with("listen none "));
}

#[tokio::test]
async fn the_certificate_header_is_heard_from_a_trusted_proxy_only() {
    let device = Authority::new("School").issue_now(&["TESTSN0001"]).0;
    let header = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, device.der());
    let ask = format!("GET /who HTTP/1.1\r\nHost: x\r\nClient-Cert: :{header}:\r\nConnection: close\r\n\r\n");
    let open = Open::with(whole(), plenty()).await;
    assert!(exchange(open.tcp(Listener::Proxy).await, &ask).await.ends_with("proxy-listen TESTSN0001 HTTP/1.1 false"));
    for listener in [Listener::Main, Listener::Device] {
        let answer = exchange(open.tls(listener, None, "http/1.1").await, &ask).await;
        assert!(answer.ends_with(" none HTTP/1.1 false"), "{answer}");
    }
    let open = Open::trusting("192.0.2.0/24", whole(), plenty()).await;
    let mut stream = open.tcp(Listener::Proxy).await;
    let _ = stream.write_all(ask.as_bytes()).await;
    assert_eq!(rest(stream).await, "", "who is not listed is not answered");
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let open = Open::with(whole(), plenty()).await;
    let shown = async || {
        let stream = open.tls(Listener::Main, None, "http/1.1").await;
        Certificate::from_der(&stream.get_ref().1.peer_certificates().unwrap()[0]).unwrap().fingerprint()
    };
    let first = shown().await;
    assert_eq!(shown().await, first);
    open.tls.show(open.authority.identity(&["localhost"]));
    assert_ne!(shown().await, first);
}

#[tokio::test]
async fn who_speaks_http_to_the_https_port_is_told_what_to_write() {
    let open = Open::with(whole(), plenty()).await;
    let answer = exchange(open.tcp(Listener::Main).await, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("Write https://"), "{answer}");
}

#[tokio::test]
async fn a_status_is_what_the_handler_said() {
    let open = Open::with(whole(), plenty()).await;
    let missing = exchange(open.tcp(Listener::Proxy).await, "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(missing.starts_with(&format!("HTTP/1.1 {} ", StatusCode::NOT_FOUND.as_u16())));
}
