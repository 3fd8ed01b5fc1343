//! What the way from the socket to an empty handler and back costs: plain, over TLS, and per TLS handshake; the whole appliance is at work.

use std::net::SocketAddr;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::cli::serve::Serving;
use rollcall::clock::Clock;
use rollcall::config::{Config, Layer};
use rollcall::http::limits::Grants;
use rollcall::http::server::Listener;
use rollcall::random::Random;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Kept connections, as in the figures of other servers.
const CONNECTIONS: usize = 16;
/// Requests of each connection in one sample, one after the other.
const REQUESTS: usize = 500;
const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn main() {
    divan::main();
}

/// An appliance in this process.
struct House {
    runtime: Runtime,
    serving: Serving,
    client: TlsConnector,
    _folder: tempfile::TempDir,
}

fn house() -> House {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().to_str().expect("its name is text").to_owned();
    let any = "127.0.0.1:0";
    let flags = Layer::flags().with("data", [data]).with("url", ["https://localhost"]);
    let flags = flags.with("listen", [any]).with("http_listen", ["off"]).with("proxy_listen", [any]);
    let nobody = ["https://localhost:1"];
    let flags = flags.with("apple.software_lookup_endpoint", nobody).with("apple.roots_endpoint", nobody);
    let runtime = Runtime::new().expect("a runtime starts");
    let config = Config::read(flags, Vec::new()).expect("the settings fit");
    let started = runtime.block_on(Serving::start(config, Clock::System, Random::System, Grants::default()));
    let (serving, _) = started.expect("the appliance starts");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(serving.app.authority().issuer.certificate().der())).expect("the root is a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS is there");
    let mut client = versions.with_root_certificates(roots).with_no_client_auth();
    client.resumption = rustls::client::Resumption::disabled();
    House { runtime, serving, client: TlsConnector::from(Arc::new(client)), _folder: folder }
}

impl House {
    fn at(&self, listener: Listener) -> SocketAddr {
        let found = self.serving.addresses.iter().find(|(other, _)| *other == listener);
        found.expect("the listener is on").1
    }

    async fn plain(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at(Listener::Proxy)).await.expect("somebody listens");
        stream.set_nodelay(true).expect("it can be set");
        stream
    }

    async fn tls(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.at(Listener::Main)).await.expect("somebody listens");
        stream.set_nodelay(true).expect("it can be set");
        let name = "localhost".try_into().expect("it is a name");
        self.client.connect(name, stream).await.expect("the certificate is right")
    }
}

/// Asks again and again over one connection, which is given back.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> S {
    let mut buffer = [0; 1024];
    for _ in 0..REQUESTS {
        stream.write_all(REQUEST).await.expect("it is taken");
        let mut length = 0;
        while !buffer[..length].ends_with(b"\r\n\r\nok\n") {
            length += stream.read(&mut buffer[length..]).await.expect("it is answered");
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"), "the appliance is well");
    }
    stream
}

fn kept<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(bencher: Bencher, house: &House, streams: Vec<S>) {
    let mut streams = streams;
    bencher.counter(ItemsCount::new(CONNECTIONS * REQUESTS)).bench_local(|| {
        streams = house.runtime.block_on(async {
            let asking: Vec<_> = streams.drain(..).map(|stream| tokio::spawn(ask(stream))).collect();
            let mut back = Vec::with_capacity(CONNECTIONS);
            for asked in asking {
                back.push(asked.await.expect("nothing panicked"));
            }
            back
        });
    });
}

#[divan::bench(sample_count = 20)]
fn plain(bencher: Bencher) {
    let house = house();
    let streams = house.runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            streams.push(house.plain().await);
        }
        streams
    });
    kept(bencher, &house, streams);
}

/// As `plain`, with a line in the log for every request. A process has one log, so this stands last in the alphabet.
#[divan::bench(sample_count = 20)]
fn with_log(bencher: Bencher) {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null").expect("nowhere is there");
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_target(false).with_writer(std::sync::Mutex::new(nowhere)).init();
    plain(bencher);
}

#[divan::bench(sample_count = 20)]
fn tls(bencher: Bencher) {
    let house = house();
    let streams = house.runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            streams.push(house.tls().await);
        }
        streams
    });
    kept(bencher, &house, streams);
}

#[divan::bench(sample_count = 20, sample_size = 20)]
fn full_handshake(bencher: Bencher) {
    let house = house();
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| house.runtime.block_on(house.tls()));
}
