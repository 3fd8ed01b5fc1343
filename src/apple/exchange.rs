//! One request over a kept connection and its whole answer, in bounded time and size: what Apple's JSON services have in common.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use crate::apple::connect::{Connector, Dialer, Endpoint, Failure};
use crate::error::{Error, Kind, Result};
use crate::metrics::Calls;

/// Bytes of an answer: a page of the longest list has about a million.
pub const ANSWER_LIMIT: usize = 16 << 20;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many connections are kept open for the next request.
const IDLE_CONNECTIONS: usize = 6;

/// How long they are kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How we introduce ourselves: Apple turns those away who do not.
const AGENT: &str = concat!("Rollcall/", env!("CARGO_PKG_VERSION"));

/// What came back.
#[derive(Debug, Clone)]
pub struct Came {
    /// The HTTP status.
    pub status: u16,
    /// The value of Retry-After.
    pub retry_after: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Asks. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(in crate::apple) struct Exchange {
    client: Client<HttpsConnector<Dialer>, Full<Bytes>>,
    service: &'static str,
    calls: Calls,
}

/// A request that is ready to be sent, and where it goes.
#[derive(Debug)]
pub(in crate::apple) struct Ready {
    request: Request<Full<Bytes>>,
    endpoint: Endpoint,
}

impl Exchange {
    /// A way to `service`, which is counted by this name.
    pub(in crate::apple) fn new(connector: &Connector, service: &'static str) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector.http()?);
        Ok(Self { client, service, calls: connector.calls().clone() })
    }

    /// Gets a request ready. Secrets go nowhere without TLS.
    pub(in crate::apple) fn ready(method: Method, url: &str, headers: HeaderMap, body: Bytes) -> Result<Ready> {
        let wrong = || Error::new(Kind::Upstream, t!("Apple's service named an address that cannot be asked"));
        let address: Uri = url.parse().map_err(|_| wrong())?;
        let host = address.host().ok_or_else(wrong)?.to_owned();
        if address.scheme_str() != Some("https") {
            return Err(wrong());
        }
        let endpoint = Endpoint::new(host, address.port_u16().unwrap_or(443));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = address;
        *request.headers_mut() = headers;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(Ready { request, endpoint })
    }

    /// Sends a request and waits for all of its answer.
    ///
    /// Fails with kind `Upstream` when no answer came: what was asked may have been done or not.
    pub(in crate::apple) async fn send(&self, ready: Ready) -> Result<Came> {
        let came = self.exchange(ready).await;
        match &came {
            Ok(came) => self.calls.answered(self.service, came.status),
            Err(_) => self.calls.unanswered(self.service),
        }
        came
    }

    async fn exchange(&self, ready: Ready) -> Result<Came> {
        let Ready { request, endpoint } = ready;
        let late = |_| Failure::timed_out(&endpoint, TIMEOUT);
        let deadline = Instant::now() + TIMEOUT;
        let answer = tokio::time::timeout_at(deadline, self.client.request(request)).await.map_err(late)?;
        let answer = answer.map_err(|error| Failure::of_client(&endpoint, &error))?;
        let (head, body) = answer.into_parts();
        let body = tokio::time::timeout_at(deadline, Limited::new(body, ANSWER_LIMIT).collect()).await.map_err(late)?;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => too_large(&endpoint),
            None => Failure::Broken { endpoint: endpoint.to_string(), detail: error.to_string() }.into(),
        })?;
        let body = body.to_bytes();
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Came { status: head.status.as_u16(), retry_after, headers: head.headers, body })
    }
}

fn too_large(endpoint: &Endpoint) -> Error {
    let most = ANSWER_LIMIT >> 20;
    let words = t!(
        "the answer of {endpoint} is larger than {most} MiB, and was cut off there: check what stands between this server and it",
        endpoint,
        most
    );
    Error::new(Kind::Upstream, words)
}
