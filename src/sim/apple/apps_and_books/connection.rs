//! Connections to the stand-in: TLS, HTTP/1.1, and a hang-up where the script wants one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::wire::{Asked, Said, refusal};
use super::{BODY_LIMIT, Desk, messenger};
use crate::clock::Clock;
use crate::error::{Error, Result};

/// How many connections are kept at a time; more are not taken until one ends.
const CONNECTIONS_LIMIT: usize = 256;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// TLS that asks nobody who they are: the token says it.
pub(in crate::sim::apple) fn acceptor(
    (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
    clock: &Clock,
) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_details(provider, Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| Error::internal("The TLS of a stand-in cannot be set up", error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until it is aborted, which ends them all.
pub(super) async fn listen(listener: TcpListener, acceptor: TlsAcceptor, desk: Desk) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_LIMIT {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // One that went away before it was taken is not worth a word.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, acceptor.clone(), desk.clone()));
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, desk: Desk) {
    // Without it answers wait for acknowledgements; a socket that refuses it is a dead one.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await else {
        return;
    };
    let answer_all = service_fn(|request| {
        let desk = desk.clone();
        async move { answer(&desk, request).await.ok_or("hung up by script") }
    });
    // An end by script is an error here, and meant.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer_all).await;
}

async fn answer(desk: &Desk, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.ok()?.to_bytes();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let cookie = header("cookie").and_then(|value| value.strip_prefix("itvt="));
    let query = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query.map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
        token: bearer.or(cookie).map(str::to_owned),
        body: body.to_vec(),
    };
    let test = desk.book().test_notice(&asked);
    if let Some(test) = test
        && !messenger::carry(desk, &test).await
    {
        // As Apple refuses whoever wants to be told and does not answer.
        return Some(respond(refusal(400, 9728)));
    }
    let said = desk.book().answer(&asked, desk.clock.now());
    said.map(respond)
}

fn respond(said: Said) -> Response<Full<Bytes>> {
    let mut answer = Response::builder().status(said.status).header("content-type", said.content_type);
    if let Some(retry_after) = said.retry_after {
        answer = answer.header("retry-after", retry_after);
    }
    answer
        .body(Full::new(said.body.into()))
        .unwrap_or_else(|_| Response::new(Full::new(Bytes::from_static(b"the script's answer is not HTTP"))))
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
