//! Asks our own public address as a device would, to see whether what we promise devices can be fetched.

use std::time::Duration;

use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::connect::{Connector, Endpoint, Failure};
use crate::error::{Error, Result};

/// Bytes of an answer that are read; a manifest of the largest package has about 200,000.
pub const ANSWER_MAX_BYTES: usize = 1 << 20;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; nothing of one that is longer than [`ANSWER_MAX_BYTES`].
    pub body: Bytes,
}

/// Fetches `url`, the bytes of `range` alone where there is one (`bytes=0-0`), within `timeout`. A redirect is an answer like any other: devices do not
/// follow every one.
///
/// # Errors
/// Upstream, in words, when no answer came; bad input when `url` is no address.
pub async fn fetch(connector: &Connector, url: &str, range: Option<&str>, timeout: Duration) -> Result<Answer> {
    let no_address = || Error::bad_input(t!("“{url}” is no address.", url));
    let uri: Uri = url.parse().map_err(|_| no_address())?;
    let host = uri.host().ok_or_else(no_address)?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let receiver = Endpoint::new(host, uri.port_u16().unwrap_or(443));
    let mut request = Request::get(uri);
    if let Some(range) = range {
        request = request.header(RANGE, range);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| no_address())?;
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.http()?);
    let exchange = async {
        let answer = client.request(request).await.map_err(|error| Failure::of_client(&receiver, &error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    };
    tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| Err(Failure::timed_out(&receiver, timeout).into()))
}
