//! One connection from its first byte to its end: TLS, HTTP, whom it speaks for, and when it has lasted long enough.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;

use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tower::Service;

use super::peer::{Listener, Peer};
use super::stall::{PatientBody, PatientWrite};
use super::{Phase, Way};
use crate::http::limits::HEADER_MAX_BYTES;
use crate::http::slow::GaveUp;
use crate::pki::public_tls::PROOF_PROTOCOL;

/// Requests of one HTTP/2 connection at a time.
const STREAMS_MAX: u32 = 100;
/// How often an HTTP/2 connection is asked whether its other end is still there.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// What somebody reads who speaks HTTP to an HTTPS port.
const SPEAK_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    This port speaks HTTPS. Write https:// in front of the address.\n";

/// Which HTTP a connection speaks. It is never guessed from the first bytes: waiting for those has no time limit of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

/// Serves a connection of a TCP listener.
pub(super) async fn tcp(stream: TcpStream, address: SocketAddr, way: &Way) {
    // Answers are small and whole: waiting to fill packets would only delay them.
    let _ = stream.set_nodelay(true);
    let peer = Peer::new(address, way.listener);
    match way.listener {
        Listener::Main | Listener::Device => tls(stream, peer, way).await,
        Listener::Proxy if !way.proxy.trusted.iter().any(|network| network.contains(peer.addr.ip())) => {
            tracing::warn!(address = %peer.addr.ip(), "refused a connection to --proxy-listen; if it is your proxy, name it in trusted_proxies");
        }
        Listener::Http | Listener::Proxy | Listener::Control => http(stream, Speaks::Http1, peer, way).await,
    }
}

/// Serves a connection of the control socket.
pub(super) async fn control(stream: UnixStream, way: &Way) {
    http(stream, Speaks::Http1, Peer::control(), way).await;
}

async fn tls(stream: TcpStream, mut peer: Peer, way: &Way) {
    let config = if way.listener == Listener::Device { way.tls.device() } else { way.tls.main() };
    let handshake = async {
        // A TLS connection begins with the number 22, an HTTP request with a capital letter.
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            refuse_plain_http(stream).await;
            return Ok(None);
        }
        tokio_rustls::TlsAcceptor::from(config).accept(stream).await.map(Some)
    };
    let stream = tokio::select! {
        biased;
        () = way.reached(Phase::Draining) => return,
        done = timeout(way.grants.handshake, handshake) => match done {
            Ok(Ok(Some(stream))) => stream,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return tracing::debug!(listener = %way.listener, address = %peer.addr, "no TLS connection: {error}"),
            Err(_) => return tracing::debug!(listener = %way.listener, address = %peer.addr, "no TLS connection in time"),
        },
    };
    let session = stream.get_ref().1;
    peer.certificate = session.peer_certificates().and_then(<[_]>::first).map(|certificate| Bytes::copy_from_slice(certificate));
    if session.alpn_protocol() == Some(PROOF_PROTOCOL) {
        // Whoever looked for a proof has it by now (RFC 8737 section 4).
        return;
    }
    let speaks = if session.alpn_protocol() == Some(b"h2") { Speaks::Http2 } else { Speaks::Http1 };
    http(stream, speaks, peer, way).await;
}

/// Tells a person who forgot the `s` what to write; a bare TLS failure tells nobody anything.
async fn refuse_plain_http(mut stream: TcpStream) {
    let _ = stream.write_all(SPEAK_HTTPS).await;
    let _ = stream.shutdown().await;
}

async fn http<S>(stream: S, speaks: Speaks, peer: Peer, way: &Way)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let this = Arc::new(Connection { peer, way: way.clone(), work: Arc::default(), complained: AtomicBool::new(false) });
    let service = service_fn(|request| answer(request, Arc::clone(&this)));
    let stream = TokioIo::new(PatientWrite::new(stream, way.grants.stall));
    let builder = builder(speaks, way.grants.header);
    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
    let mut ending = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = way.reached(Phase::Draining), if !ending => {}
            // HTTP/1 has its own limit between requests, the header timeout.
            () = this.work.rested(way.grants.idle), if !ending && speaks == Speaks::Http2 => {}
            () = way.reached(Phase::Cut), if ending => return,
            () = tokio::time::sleep(way.grants.drain), if ending => return,
        }
        ending = true;
        connection.as_mut().graceful_shutdown();
    }
}

fn builder(speaks: Speaks, header: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // A timeout without its timer would panic, and no timer at all would let a client send its headers for ever.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header).max_buf_size(HEADER_MAX_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(ALIVE_EVERY)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_MAX_BYTES as u32);
    match speaks {
        Speaks::Http1 => builder.http1_only(),
        Speaks::Http2 => builder.http2_only(),
    }
}

/// What every request of one connection needs.
struct Connection {
    peer: Peer,
    way: Way,
    work: Arc<Work>,
    /// Whether it was said already that the proxy's header is not understood: once a connection is enough.
    complained: AtomicBool,
}

async fn answer(request: hyper::Request<Incoming>, connection: Arc<Connection>) -> Result<Response<Busy>, Infallible> {
    let Connection { peer, way, work, complained } = &*connection;
    let under_way = UnderWay::begin(work);
    let (head, body) = request.into_parts();
    let gave_up = GaveUp::default();
    let body = PatientBody::new(&head, body, way.grants.stall, gave_up.clone());
    let mut request = Request::from_parts(head, Body::new(body));
    let (peer, misread) = peer.of_request(request.headers_mut(), &way.proxy);
    if let Some(misread) = misread
        && !complained.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(proxy = %connection.peer.addr.ip(), "{misread}");
    }
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(gave_up);
    // A router is always ready, and its error has no values.
    let response = way.router.clone().call(request).await?;
    Ok(response.map(|body| Busy { body, _under_way: under_way }))
}

/// How much is under way on one connection.
#[derive(Debug, Default)]
struct Work {
    open: AtomicUsize,
    begun: AtomicUsize,
}

impl Work {
    /// Completes when no request was open and none was begun during `idle`.
    async fn rested(&self, idle: Duration) {
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(idle).await;
            if self.open.load(Ordering::Relaxed) == 0 && self.begun.load(Ordering::Relaxed) == begun {
                return;
            }
        }
    }
}

/// A request from its headers until its answer's last byte.
#[derive(Debug)]
struct UnderWay(Arc<Work>);

impl UnderWay {
    fn begin(work: &Arc<Work>) -> Self {
        work.open.fetch_add(1, Ordering::Relaxed);
        work.begun.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(work))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body that keeps its request under way.
#[derive(Debug)]
struct Busy {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for Busy {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
