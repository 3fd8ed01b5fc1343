//! The listeners over real sockets: who is let in, who is believed, and how long.

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
        let tls = Arc::new(Tls::new(authority.identity(&["localhost"]), std::slice::from_ref(&authority.certificate)).unwrap());
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
async fn old_and_chunked_requests_are_understood() {
    let open = Open::with(whole(), plenty()).await;
    let old = exchange(open.tcp(Listener::Proxy).await, "PUT /take HTTP/1.0\r\nContent-Length: 5\r\n\r\n12345").await;
    assert!(old.starts_with("HTTP/1.0 200 ") && old.ends_with("\r\n\r\n5"), "{old}");
    let chunked =
        "PUT /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    assert!(exchange(open.tcp(Listener::Proxy).await, chunked).await.ends_with("\r\n\r\n7"));
    let twice = "GET /who HTTP/1.1\r\nHost: x\r\n\r\nGET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(open.tcp(Listener::Proxy).await, twice).await.matches("HTTP/1.1 200 OK").count(), 2);
    let smuggled = "PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /who HTTP/1.1\r\n\r\n";
    assert_eq!(exchange(open.tcp(Listener::Proxy).await, smuggled).await.matches("HTTP/1.1 ").count(), 1, "one request, not two");
}

#[tokio::test]
async fn bodies_over_the_limit_are_413_announced_or_not() {
    let open = Open::with(whole(), plenty()).await;
    let announced = format!("PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", (1 << 20) + 1);
    // Nothing of it comes, so what is waited for is the end of patience with it.
    let impatient = Open::with(whole(), Grants { stall: LITTLE, ..plenty() }).await;
    assert!(exchange(impatient.tcp(Listener::Proxy).await, &announced).await.starts_with("HTTP/1.1 413 "), "before a byte of it came");

    let expecting = announced.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let answer = exchange(open.tcp(Listener::Proxy).await, &expecting).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "no 100 Continue: {answer}");

    let mut chunked = "PUT /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".to_owned();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    chunked.push_str(&chunk.repeat(16));
    chunked.push_str("1\r\nx\r\n0\r\n\r\n");
    assert!(exchange(open.tcp(Listener::Proxy).await, &chunked).await.starts_with("HTTP/1.1 413 "));
    assert!(exchange(open.tcp(Listener::Proxy).await, &chunked.replace("1\r\nx\r\n0", "0")).await.ends_with("1048576"));
}

#[tokio::test]
async fn an_expected_continue_is_sent_and_the_body_taken() {
    let open = Open::with(whole(), plenty()).await;
    let mut stream = open.tcp(Listener::Proxy).await;
    stream
        .write_all(b"PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(exchange(stream, "abc").await.ends_with("\r\n\r\n3"));
}

#[tokio::test]
async fn long_addresses_and_headers_fit_and_longer_ones_are_refused() {
    let open = Open::with(whole(), plenty()).await;
    let ask = |uri: usize, header: usize| {
        let (query, value) = ("%30%82".repeat(uri / 6), "x".repeat(header));
        format!("GET /who?message={query} HTTP/1.1\r\nHost: x\r\nMdm-Signature: {value}\r\nConnection: close\r\n\r\n")
    };
    for (uri, header) in [(8_000, 0), (20_000, 16_000), (0, 50_000)] {
        assert!(exchange(open.tcp(Listener::Proxy).await, &ask(uri, header)).await.starts_with("HTTP/1.1 200 "), "{uri} {header}");
    }
    // What one read brings beyond the limit is not refused for its own sake.
    let answer = exchange(open.tcp(Listener::Proxy).await, &ask(0, 2 * HEADER_MAX_BYTES)).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn who_sends_nothing_or_slowly_is_sent_away() {
    let grants = Grants { handshake: LITTLE, header: LITTLE, idle: LITTLE, drain: LITTLE, ..plenty() };
    let open = Open::with(whole(), grants).await;
    assert_eq!(rest(open.tcp(Listener::Main).await).await, "", "no handshake");
    assert_eq!(rest(open.tcp(Listener::Proxy).await).await, "", "no request");
    let dripping = exchange(open.tcp(Listener::Proxy).await, "GET /who HTTP/1.1\r\nHost: x\r\nX-").await;
    assert!(dripping.is_empty() || dripping.starts_with("HTTP/1.1 408 "), "half a header: {dripping}");
    assert_eq!(rest(open.tls(Listener::Main, None, "http/1.1").await).await, "", "a handshake and then nothing");
    rest(open.tls(Listener::Main, None, "h2").await).await;
    let mut kept = open.tcp(Listener::Proxy).await;
    kept.write_all(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(rest(kept).await.starts_with("HTTP/1.1 200 "), "an answer, then a rest that has its end");
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_its_request() {
    let open = Open::with(whole(), Grants { stall: LITTLE, ..plenty() }).await;
    let answer = exchange(open.tcp(Listener::Proxy).await, "PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// A server whose `/wait` answers when it is told to, and tells when it was asked.
async fn waiting(grants: Grants) -> (Open, tokio::sync::mpsc::Receiver<()>, tokio::sync::mpsc::Sender<()>) {
    let (asked, was_asked) = tokio::sync::mpsc::channel(16);
    let (go_on, told) = tokio::sync::mpsc::channel::<()>(16);
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let wait = get(move || {
        let (asked, told) = (asked.clone(), Arc::clone(&told));
        async move {
            asked.send(()).await.unwrap();
            told.lock().await.recv().await;
            "done"
        }
    });
    (Open::with(whole().route("/wait", wait), grants).await, was_asked, go_on)
}

const WAIT: &str = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn at_the_end_answers_under_way_are_given_and_no_new_connection_is_taken() {
    let (open, mut was_asked, go_on) = waiting(plenty()).await;
    let address = open.at(Listener::Proxy);
    let asking = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, WAIT));
    let idle = open.tcp(Listener::Proxy).await;
    was_asked.recv().await.unwrap();
    let stopping = tokio::spawn(open.running.stop());
    assert_eq!(rest(idle).await, "", "a connection without a request is closed at once");
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.send(()).await.unwrap();
    assert!(asking.await.unwrap().ends_with("\r\n\r\ndone"));
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off_and_counted() {
    let (open, mut was_asked, go_on) = waiting(Grants { drain: LITTLE, ..plenty() }).await;
    let asking = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, WAIT));
    was_asked.recv().await.unwrap();
    assert_eq!(open.running.stop().await, 1);
    assert_eq!(asking.await.unwrap(), "");
    drop(go_on);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let (open, mut was_asked, go_on) = waiting(Grants { connections: 1, ..plenty() }).await;
    let first = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, &*WAIT.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").leak()));
    was_asked.recv().await.unwrap();
    let second = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    assert!(!second.is_finished());
    go_on.send(()).await.unwrap();
    assert!(first.await.unwrap().ends_with("done"));
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200 "));
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
async fn the_control_socket_is_this_users_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    std::fs::write(&path, "left over").unwrap();
    let mut bound = Bound::default();
    bound.control(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let authority = Authority::new("School");
    let tls = Arc::new(Tls::new(authority.identity(&["localhost"]), &[]).unwrap());
    let proxy = Config::read(Layer::flags(), Vec::new()).unwrap().proxy;
    let doors = Doors { whole: Router::new(), plain: Router::new(), control: whole() };
    let _running = bound.serve(doors, &tls, proxy, plenty());
    let stream = UnixStream::connect(&path).await.unwrap();
    let answer = exchange(stream, "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("control.sock none HTTP/1.1 false"), "{answer}");
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let flags = Layer::flags().with("listen", ["127.0.0.1:0"]).with("http_listen", ["off"]).with("device_listen", [address.as_str()]);
    let error = Bound::bind(&Config::read(flags, Vec::new()).unwrap()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {address} (--device-listen): ")), "{error}");
    assert!(error.to_string().contains("Another program listens there"));
}

#[tokio::test]
async fn a_data_folder_with_too_long_a_path_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Bound::default().control(&folder.path().join("x".repeat(120))).unwrap_err();
    assert!(error.to_string().ends_with("Choose a data folder with a shorter path."), "{error}");
}

/// Runs `program` with `arguments` while the server answers; gives both streams.
async fn judge(program: &'static str, arguments: Vec<String>) -> String {
    let run = move || {
        let output = std::process::Command::new(program).args(&arguments).stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn curl_is_content() {
    let (open, folder) = (Open::with(whole(), plenty()).await, tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("root"), open.authority.certificate.to_pem()).unwrap();
    std::fs::write(path("fits"), vec![b'x'; 1 << 20]).unwrap();
    std::fs::write(path("large"), vec![b'x'; 5 << 20]).unwrap();
    let (root, port) = (path("root"), open.at(Listener::Main).port());
    let curl = async |options: String| {
        let always = format!("-sS -m 60 --cacert {root} --resolve localhost:{port}:127.0.0.1 -w %{{http_code}}/%{{http_version}}");
        judge("curl", [words(&always), words(&options)].concat()).await
    };
    for (option, version) in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2", "2")] {
        // curl announces the upload by Expect: 100-continue where the protocol has it.
        let answer = curl(format!("{option} -T {} https://localhost:{port}/take", path("fits"))).await;
        assert_eq!(answer, format!("1048576200/{version}"), "{option}");
        let answer = curl(format!("{option} -o {} -T {} https://localhost:{port}/take", path("answer"), path("large"))).await;
        assert!(answer.starts_with(&format!("413/{version}")), "{option}: {answer}");
        if version == "1" {
            continue; // It has no chunks.
        }
        let answer =
            curl(format!("{option} -H Transfer-Encoding:chunked -o {} -T {} https://localhost:{port}/take", path("answer"), path("large")))
                .await;
        assert!(answer.starts_with(&format!("413/{version}")), "chunked {option}: {answer}");
    }
}

#[tokio::test]
async fn openssl_sees_the_question_for_a_certificate_on_the_device_listener_only() {
    let (open, folder) = (Open::with(whole(), plenty()).await, tempfile::tempdir().unwrap());
    let root = folder.path().join("root.pem");
    std::fs::write(&root, open.authority.certificate.to_pem()).unwrap();
    let look = async |listener, versions: &str| {
        let options = format!("s_client -connect {} -servername localhost -CAfile {}{versions}", open.at(listener), root.display());
        judge("openssl", words(&options)).await
    };
    for versions in ["", " -tls1_2"] {
        let main = look(Listener::Main, versions).await;
        assert!(main.contains("Verify return code: 0 (ok)"), "{main}");
        assert!(main.contains("No client certificate CA names sent"), "{main}");
        let device = look(Listener::Device, versions).await;
        assert!(device.contains("Acceptable client certificate CA names\nCN = School\n"), "{device}");
    }
    let old = look(Listener::Main, " -tls1_1").await;
    assert!(old.contains("no peer certificate available"), "{old}");
}

#[tokio::test]
async fn a_status_is_what_the_handler_said() {
    let open = Open::with(whole(), plenty()).await;
    let missing = exchange(open.tcp(Listener::Proxy).await, "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(missing.starts_with(&format!("HTTP/1.1 {} ", StatusCode::NOT_FOUND.as_u16())));
}
