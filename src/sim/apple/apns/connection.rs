//! Connections to the stand-in: TLS that asks for a push certificate, HTTP/2, and an end when the script says so.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::check::{self, BODY_LIMIT, Client, Refusal};
use super::{Act, Service};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::sim::apple::authority::Authority;

/// How many pushes a client may have under way on one connection, as Apple's servers say.
const STREAMS_LIMIT: u32 = 1000;

/// How many connections are kept at a time; more are not taken until one ends.
const CONNECTIONS_LIMIT: usize = 256;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection ends by script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    GoAway,
    HangUp,
}

/// TLS that takes certificates of `authority`. Like Apple's servers it lets clients without one in, and refuses their pushes.
pub(super) fn acceptor(
    authority: &Authority,
    (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
    clock: &Clock,
) -> Result<TlsAcceptor> {
    let broken = |error: &dyn std::fmt::Display| Error::internal("The push stand-in's TLS cannot be set up", error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).map_err(|error| broken(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| broken(&error))?;
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(vec![certificate], key))
        .map_err(|error| broken(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until it is aborted, which ends them all.
pub(super) async fn listen(listener: TcpListener, acceptor: TlsAcceptor, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_LIMIT {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // One that went away before it was taken is not worth a word.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, acceptor.clone(), service.clone()));
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, service: Arc<Service>) {
    // Without it answers wait for acknowledgements; a socket that refuses it is a dead one.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await else {
        return;
    };
    service.connections.fetch_add(1, Ordering::Relaxed);
    let client = match stream.get_ref().1.peer_certificates() {
        Some([certificate, ..]) => Client::Known(Certificate::from_der(certificate).ok().and_then(|certificate| certificate.user_id())),
        _ => Client::Unknown,
    };
    let (end, mut ended) = watch::channel(End::NotYet);
    let answer_all = service_fn(|request| {
        let (service, client, end) = (service.clone(), client.clone(), end.clone());
        async move { Ok::<_, Infallible>(answer(&service, &client, &end, request).await) }
    });
    let mut server = http2::Builder::new(TokioExecutor::new());
    let mut connection = pin!(server.max_concurrent_streams(STREAMS_LIMIT).serve_connection(TokioIo::new(stream), answer_all));
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = ended.changed() => match *ended.borrow_and_update() {
                End::GoAway => connection.as_mut().graceful_shutdown(),
                End::HangUp => return,
                End::NotYet => {}
            },
        }
    }
}

/// Answers one push, and counts it as under way meanwhile.
async fn answer(service: &Service, client: &Client, end: &watch::Sender<End>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let _under_way = UnderWay::begin(service);
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return refuse(service, &Refusal::new(413, "PayloadTooLarge"));
    };
    let accepted = match check::check(client, &head, &body.to_bytes(), service.clock.now()) {
        Ok(accepted) => accepted,
        Err(refusal) => return refuse(service, &refusal),
    };
    match service.script.act(&accepted.token).await {
        Some(Act::Refuse(refusal)) => return refuse(service, &refusal),
        Some(Act::HangUp) => {
            end.send_replace(End::HangUp);
            // There is no answer; the connection takes this very wait with it.
            return std::future::pending().await;
        }
        Some(Act::GoAway) => drop(end.send_replace(End::GoAway)),
        None => {}
    }
    let apns_id = service.deliver(accepted);
    respond(200, |answer| answer.header("apns-id", apns_id), Bytes::new())
}

fn refuse(service: &Service, refusal: &Refusal) -> Response<Full<Bytes>> {
    service.refused.fetch_add(1, Ordering::Relaxed);
    let apns_id = service.random.uuid_v4().to_string().to_uppercase();
    let with_headers = |answer: http::response::Builder| {
        let answer = answer.header("apns-id", apns_id);
        match refusal.retry_after_s {
            Some(seconds) => answer.header("retry-after", seconds),
            None => answer,
        }
    };
    respond(refusal.status, with_headers, refusal.body())
}

fn respond(
    status: u16,
    with_headers: impl FnOnce(http::response::Builder) -> http::response::Builder,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let answer = with_headers(Response::builder().status(status)).body(Full::new(body.into()));
    // A status or header that the script made up and HTTP does not know.
    answer.unwrap_or_else(|_| Response::new(Full::new(Bytes::from_static(b"the script's answer is not HTTP"))))
}

/// Counts a push as under way until it is dropped, also when its connection ends before its answer.
struct UnderWay<'a>(&'a Service);

impl<'a> UnderWay<'a> {
    fn begin(service: &'a Service) -> Self {
        service.in_flight.send_modify(|count| {
            *count += 1;
            service.most_in_flight.fetch_max(*count, Ordering::Relaxed);
        });
        Self(service)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|count| *count -= 1);
    }
}
