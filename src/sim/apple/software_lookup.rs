//! The stand-in for Apple's lookup service: a list that can be changed while it runs, conditional answers, and faults by script.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use time::macros::format_description;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::listener::acceptor;
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};
use crate::pki::digest::sha256;
use crate::random::Random;
use crate::sim::model::Postings;

/// The address of the list.
pub const PATH: &str = "/v2/pmv";

/// The address of the root that Apple offers elsewhere.
pub const ROOT_PATH: &str = "/appleca/AppleIncRootCertificate.cer";

/// Bytes of a body that is far too large.
pub const FLOOD_BYTES: usize = 20 << 20;

/// Bytes of one piece of it.
const PIECE_BYTES: usize = 64 << 10;

/// How many connections are kept at a time; more are not taken until one ends.
const CONNECTIONS_LIMIT: usize = 64;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the stand-in does with a request instead of answering it well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A page for people, with status 200, as log-in portals answer.
    WebPage,
    /// The list announces its length and breaks off in its middle.
    Truncated,
    /// [`FLOOD_BYTES`] of white space, of unknown length at first.
    Flood,
    /// A status, and when to come again.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The value of Retry-After.
        retry_after: Option<String>,
    },
    /// No answer at all; the connection stays open.
    Silence,
    /// A certificate for the right name under a root that nobody knows.
    Stranger,
}

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// If-None-Match.
    pub if_none_match: Option<String>,
    /// If-Modified-Since.
    pub if_modified_since: Option<String>,
    /// The status that was answered; 0 while there is none.
    pub status: u16,
}

/// What the stand-in has, does next, and was asked.
#[derive(Debug, Default)]
pub struct Book {
    /// What happens to the next requests, in turn.
    pub faults: VecDeque<Fault>,
    /// Every request, oldest first.
    pub asked: Vec<Asked>,
    /// Bytes of a flood that were taken by clients.
    pub flooded_bytes: usize,
    /// Whether lists are known again by an ETag; without it by their date alone.
    pub has_etag: bool,
    /// The file with the root; none where it is not offered.
    pub root: Option<Vec<u8>>,
    list: Vec<u8>,
    modified: String,
}

impl Book {
    /// Puts a list in place, whatever it is, as changed at `now`.
    pub fn put(&mut self, list: impl Into<Vec<u8>>, now: Timestamp) {
        self.list = list.into();
        let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
        self.modified = now.utc().format(format).unwrap_or_default();
    }

    /// Puts a list in place.
    pub fn put_document(&mut self, list: &Value, now: Timestamp) {
        self.put(list.to_string(), now);
    }

    fn etag(&self) -> String {
        let digest = sha256(&self.list);
        format!("\"{:032x}\"", u128::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 16])))
    }

    fn is_known(&self, asked: &Asked) -> bool {
        match &asked.if_none_match {
            // The date counts only where no ETag is given (RFC 9110, section 13.1.3).
            Some(etag) => self.has_etag && *etag == self.etag(),
            None => asked.if_modified_since.as_ref() == Some(&self.modified),
        }
    }
}

/// The service on a loopback port; it ends when this value is dropped.
pub struct SoftwareLookupStandIn {
    book: Arc<Mutex<Book>>,
    postings: Postings,
    address: SocketAddr,
    task: AbortHandle,
}

impl SoftwareLookupStandIn {
    /// Starts one under an `authority` that other stand-ins share, with a list of what simulated devices know, as of the clock's day.
    pub async fn start_under(authority: &Authority, clock: &Clock, random: &Random) -> Result<Self> {
        let names = ["localhost", "127.0.0.1", "::1", "gdmf.apple.com"];
        let now = clock.now();
        let known = acceptor(authority.server(&names, now)?, clock)?;
        let stranger = acceptor(Authority::new("Nobody's Authority", now, random.clone())?.server(&names, now)?, clock)?;
        let no_port = |error| Error::internal("The stand-in of the lookup service found no free port on 127.0.0.1", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let mut book = Book { has_etag: true, ..Book::default() };
        let postings = Postings::as_of(now);
        book.put_document(&postings.document(), now);
        let book = Arc::new(Mutex::new(book));
        let task = tokio::spawn(listen(listener, [known, stranger], Arc::clone(&book))).abort_handle();
        Ok(Self { book, postings, address, task })
    }

    /// Where it listens. Its certificate is also for `localhost`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, as clients are told.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// What its first list tells of: devices that are to be offered the same get it too.
    pub fn postings(&self) -> Postings {
        self.postings.clone()
    }

    /// What it has, to look at and to change; nothing is answered meanwhile.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

impl Drop for SoftwareLookupStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes connections until it is aborted, which ends them all.
async fn listen(listener: TcpListener, [known, stranger]: [TlsAcceptor; 2], book: Arc<Mutex<Book>>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_LIMIT {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // One that went away before it was taken is not worth a word.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let is_stranger = {
            let mut book = lock(&book);
            let is_stranger = book.faults.front() == Some(&Fault::Stranger);
            if is_stranger {
                book.faults.pop_front();
            }
            is_stranger
        };
        let acceptor = if is_stranger { &stranger } else { &known };
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&book)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, book: Arc<Mutex<Book>>) {
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await else {
        return;
    };
    let answer_all = service_fn(|request: Request<Incoming>| {
        let book = Arc::clone(&book);
        async move {
            match answer(&book, &request) {
                Some(answer) => Ok::<_, io::Error>(answer),
                None => std::future::pending().await,
            }
        }
    });
    // An end by script is an error here, and meant.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer_all).await;
}

type Body = BoxBody<Bytes, io::Error>;

/// The answer to a request; none where it is silence.
fn answer(shared: &Arc<Mutex<Book>>, request: &Request<Incoming>) -> Option<Response<Body>> {
    let mut book = lock(shared);
    let mut asked = asked(request.uri().path(), request.headers());
    let fault = if asked.path == PATH { book.faults.pop_front() } else { None };
    let whole = |bytes: Vec<u8>| Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed();
    let mut head = Response::builder();
    let (status, kind, body) = match (fault, asked.path.as_str()) {
        (Some(Fault::Silence | Fault::Stranger), _) => {
            book.asked.push(asked);
            return None;
        }
        (Some(Fault::WebPage), _) => {
            (200, "text/html", whole(b"<!doctype html><title>Sign in</title><p>Welcome to this network.".to_vec()))
        }
        (Some(Fault::Refuse { status, retry_after }), _) => {
            if let Some(retry_after) = retry_after {
                head = head.header("retry-after", retry_after);
            }
            (status, "application/json", whole(b"{}".to_vec()))
        }
        (Some(Fault::Truncated), _) => {
            head = head.header("content-length", book.list.len());
            let half = Bytes::copy_from_slice(&book.list[..book.list.len() / 2]);
            let pieces = [Ok(Frame::data(half)), Err(io::Error::other("cut short by script"))];
            (200, "application/json", StreamBody::new(tokio_stream::iter(pieces)).boxed())
        }
        (Some(Fault::Flood), _) => (200, "application/json", flood(Arc::clone(shared))),
        (None, PATH) if book.is_known(&asked) => (304, "application/json", whole(Vec::new())),
        (None, PATH) => (200, "application/json", whole(book.list.clone())),
        (None, ROOT_PATH) if book.root.is_some() => (200, "application/pkix-cert", whole(book.root.clone().unwrap_or_default())),
        (None, _) => (404, "text/html", whole(b"<h1>Not here</h1>".to_vec())),
    };
    if asked.path == PATH && matches!(status, 200 | 304) {
        head = head.header("last-modified", &book.modified);
        if book.has_etag {
            head = head.header("etag", book.etag());
        }
    }
    asked.status = status;
    book.asked.push(asked);
    // A script may hold what is no status or header; then nothing is answered.
    head.status(status).header("content-type", kind).body(body).ok()
}

fn asked(path: &str, headers: &HeaderMap) -> Asked {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Asked { path: path.to_owned(), if_none_match: header("if-none-match"), if_modified_since: header("if-modified-since"), status: 0 }
}

/// Far too much, made as it is taken.
fn flood(book: Arc<Mutex<Book>>) -> Body {
    let piece = Bytes::from(vec![b' '; PIECE_BYTES]);
    let pieces = (0..FLOOD_BYTES / PIECE_BYTES).map(move |_| {
        lock(&book).flooded_bytes += PIECE_BYTES;
        Ok(Frame::data(piece.clone()))
    });
    StreamBody::new(tokio_stream::iter(pieces)).boxed()
}
