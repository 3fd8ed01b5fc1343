//! Services that say nothing, stop in the middle, talk without end, or answer with a page for people: whoever asks them gives up in bounded time and memory,
//! and says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Method;
use rollcall::apple::ade::{Ade, Question};
use rollcall::apple::apps_and_books::{ANSWER_LIMIT, AppsAndBooks, Caller};
use rollcall::apple::connect::{Connector, Trust};
use rollcall::apple::software_lookup::{ROOT_MAX_BYTES, SoftwareLookup};
use rollcall::clock::{Clock, Timestamp};
use rollcall::error::{Error, Kind};
use rollcall::pki::apple::ATTESTATION_ROOT;
use rollcall::protocol::{ade, apps_and_books};
use rollcall::random::Random;
use rollcall::secret::Secret;
use rollcall::sim::apple::authority::Authority;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// Bytes that may be on their way between two sockets when one of them hangs up.
const UNDER_WAY: usize = 16 << 20;

/// What every answer begins with.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

const PAGE: &str = "<!doctype html><title>Sign in</title><p>Welcome to this network.";

/// What a service does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Nothing, and the connection stays open.
    Silence,
    /// The beginning of an answer, and then nothing.
    Stall,
    /// The beginning of an answer, and then the end of the connection.
    Cut,
    /// White space without an end.
    Endless,
    /// A page for people, with status 200.
    WebPage,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Ade,
    AppsAndBooks,
    AttestationRoot,
}

const CLIENTS: [Client; 3] = [Client::Ade, Client::AppsAndBooks, Client::AttestationRoot];

/// A service that lies.
struct Liar {
    clock: Clock,
    url: String,
    anchors: String,
    asked: Arc<Notify>,
    said_bytes: Arc<AtomicUsize>,
}

impl Liar {
    async fn start(lie: Lie) -> Self {
        let clock = Clock::manual(Timestamp::parse("2026-11-25T08:00:00Z").unwrap());
        let authority = Authority::new("Liars", clock.now(), Random::seeded(3)).unwrap();
        let (certificate, key) = authority.server(&["localhost", "127.0.0.1"], clock.now()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (asked, said_bytes) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (told, said) = (Arc::clone(&asked), Arc::clone(&said_bytes));
        // It ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), lie, Arc::clone(&told), Arc::clone(&said)));
            }
        });
        Self { clock, url, anchors: authority.pem(), asked, said_bytes }
    }

    /// Lets one client ask; gives status and body, or why there is none.
    async fn ask(&self, client: Client) -> Result<(u16, Bytes), Error> {
        let connector = Connector::new(Trust::only(&self.anchors).unwrap(), self.clock.clone());
        match client {
            Client::Ade => {
                let secret = || Secret::new(String::from("practice"));
                let token = ade::ServerToken {
                    consumer_key: String::from("CK_practice"),
                    consumer_secret: secret(),
                    access_token: String::from("AT_practice"),
                    access_secret: secret(),
                    expires_at: self.clock.now(),
                };
                let question = Question { method: Method::GET, path: "/account", body: Vec::new() };
                let service = Ade::new(&connector, &self.url, self.clock.clone()).unwrap();
                service.ask(&token, &question).await.map(|came| (came.status, came.body))
            }
            Client::AppsAndBooks => {
                let service = AppsAndBooks::new(&connector, &self.url).unwrap();
                let url = format!("{}/assets", self.url);
                service.get(&url, &[], Caller::Anybody, 15).await.map(|came| (came.status, came.body))
            }
            Client::AttestationRoot => {
                let service = SoftwareLookup::new(&connector, &self.url).with_roots_from(&self.url);
                service.fetch_root(&ATTESTATION_ROOT).await.map(|body| (200, body))
            }
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, lie: Lie, asked: Arc<Notify>, said: Arc<AtomicUsize>) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let begun = match lie {
        Lie::Silence => String::new(),
        Lie::Stall | Lie::Cut => format!("{HEAD}Content-Length: 100\r\n\r\n{{\"assets\":["),
        Lie::Endless => format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"),
        Lie::WebPage => format!("{HEAD}Content-Length: {}\r\n\r\n{PAGE}", PAGE.len()),
    };
    if stream.write_all(begun.as_bytes()).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    asked.notify_one();
    match lie {
        Lie::Cut | Lie::WebPage => {}
        Lie::Silence | Lie::Stall => std::future::pending().await,
        Lie::Endless => {
            let chunk = [&b"10000\r\n"[..], &vec![b' '; 0x10000], b"\r\n"].concat();
            while stream.write_all(&chunk).await.is_ok() {
                said.fetch_add(0x10000, Ordering::Relaxed);
            }
        }
    }
}

#[tokio::test]
async fn a_service_that_says_nothing_or_stops_in_the_middle_is_given_up_in_half_a_minute() {
    for lie in [Lie::Silence, Lie::Stall] {
        let liar = Liar::start(lie).await;
        for client in CLIENTS {
            let mut asking = Box::pin(liar.ask(client));
            tokio::select! {
                outcome = asking.as_mut() => panic!("{lie:?} to {client:?}: {outcome:?}"),
                () = liar.asked.notified() => {}
            }
            // From here on nothing happens but that time passes.
            tokio::time::pause();
            let error = asking.await.unwrap_err();
            tokio::time::resume();
            assert_eq!(error.kind, Kind::Upstream, "{lie:?} to {client:?}: {error}");
            assert!(error.message.contains("did not answer within 30000 ms"), "{lie:?} to {client:?}: {error}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_told_as_a_line_that_broke() {
    let liar = Liar::start(Lie::Cut).await;
    for client in CLIENTS {
        let error = liar.ask(client).await.unwrap_err();
        assert_eq!(error.kind, Kind::Upstream, "{client:?}: {error}");
        assert!(error.message.contains(" broke ("), "{client:?}: {error}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_at_its_limit_and_told_as_too_large() {
    for client in CLIENTS {
        let liar = Liar::start(Lie::Endless).await;
        let error = liar.ask(client).await.unwrap_err();
        assert_eq!(error.kind, Kind::Upstream, "{client:?}: {error}");
        assert!(error.message.contains("cut off there"), "{client:?}: {error}");
        let most = if client == Client::AttestationRoot { ROOT_MAX_BYTES } else { ANSWER_LIMIT };
        let said = liar.said_bytes.load(Ordering::Relaxed);
        assert!(said <= most + UNDER_WAY, "{client:?} took {said} bytes");
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_answer_to_anybody() {
    let liar = Liar::start(Lie::WebPage).await;
    let page = async |client| {
        let (status, body) = liar.ask(client).await.unwrap();
        assert_eq!((status, &body[..]), (200, PAGE.as_bytes()), "{client:?}");
        body
    };
    let refused = ade::read(200, None, &page(Client::Ade).await).unwrap_err();
    assert!(refused.words.contains("nothing that can be read"), "{}", refused.words);
    assert!(apps_and_books::read(200, None, &page(Client::AppsAndBooks).await).is_err());
    assert!(ATTESTATION_ROOT.find(&page(Client::AttestationRoot).await).is_none());
}
