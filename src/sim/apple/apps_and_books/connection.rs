//! Requests to the stand-in, as the book reads them, and its answers on the wire.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;

use super::wire::{Asked, Said, refusal};
use super::{BODY_LIMIT, Desk, messenger};
use crate::sim::apple::listener::{Answer, whole};

/// Answers a request as the book says.
pub(super) async fn answer(desk: Desk, request: Request<Incoming>) -> Answer {
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
        && !messenger::carry(&desk, &test).await
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
    whole(answer, said.body)
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
