//! What stand-ins that speak HTTP/1.1 have in common: TLS that asks nobody who they are, connections, and a hang-up where a script wants one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::error::{Error, Result};

/// How many connections are kept at a time; more are not taken until one ends.
const CONNECTIONS_LIMIT: usize = 256;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is answered; nothing where a script hangs up.
pub(super) type Answer = Option<Response<Full<Bytes>>>;

/// TLS that asks nobody who they are: the token says it.
pub(super) fn acceptor((certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>), clock: &Clock) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_details(provider, Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| Error::internal("The TLS of a stand-in cannot be set up", error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until it is aborted, which ends them all, and has each request answered by `answer`.
pub(super) async fn listen<F>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_LIMIT {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // One that went away before it was taken is not worth a word.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, acceptor.clone(), answer.clone()));
        }
    }
}

async fn serve<F: Future<Output = Answer>>(stream: TcpStream, acceptor: TlsAcceptor, answer: impl Fn(Request<Incoming>) -> F) {
    // Without it answers wait for acknowledgements; a socket that refuses it is a dead one.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await else {
        return;
    };
    let answer_all = service_fn(|request| {
        let answered = answer(request);
        async move { answered.await.ok_or("hung up by script") }
    });
    // An end by script is an error here, and meant.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer_all).await;
}

/// A body of bytes in an answer whose head is `head`; a script may hold what is no status or header.
pub(super) fn whole(head: http::response::Builder, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    head.body(Full::new(body.into())).unwrap_or_else(|_| Response::new(Full::new(Bytes::from_static(b"the script's answer is not HTTP"))))
}
