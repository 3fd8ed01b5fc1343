//! Requests to the stand-in, as the book reads them, and its answers on the wire.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;

use super::wire::{Asked, Said};
use super::{BODY_LIMIT, Desk};
use crate::protocol::ade::{SESSION_HEADER, VERSION_HEADER};
use crate::sim::apple::listener::{Answer, whole};

/// Answers a request as the book says.
pub(super) async fn answer(desk: Desk, request: Request<Incoming>) -> Answer {
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
    whole(answer, said.body)
}
