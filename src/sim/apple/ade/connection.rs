//! Connections to the stand-in: TLS, HTTP/1.1, and a hang-up where the script wants one.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::wire::{Asked, Said};
use super::{BODY_LIMIT, Desk};
use crate::protocol::ade::{SESSION_HEADER, VERSION_HEADER};

/// How many connections are kept at a time; more are not taken until one ends.
const CONNECTIONS_LIMIT: usize = 64;

/// How long a client may take to shake hands.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

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
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        session: header(SESSION_HEADER),
        version: header(VERSION_HEADER),
        user_agent: header("user-agent"),
        body: body.to_vec(),
    };
    let said = desk.book().answer(&asked, desk.clock.now());
    said.map(respond)
}

fn respond(said: Said) -> Response<Full<Bytes>> {
    let mut answer = Response::builder().status(said.status).header("content-type", "application/json;charset=UTF8");
    if let Some(retry_after) = said.retry_after {
        answer = answer.header("retry-after", retry_after);
    }
    if let Some(session) = said.session {
        answer = answer.header(SESSION_HEADER, session);
    }
    answer
        .body(Full::new(said.body.into()))
        .unwrap_or_else(|_| Response::new(Full::new(Bytes::from_static(b"the script's answer is not HTTP"))))
}
