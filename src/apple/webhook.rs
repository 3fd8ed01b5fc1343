//! Tells others what happened here: one POST at a time to an address that an admin chose.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpInfo;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::apple::connect::{Connector, Dialer, Endpoint, Failure};
use crate::error::{Error, Result};
use crate::protocol::event;

/// How much of an answer is read, so that its connection can be used again, in bytes; a longer one costs the connection.
pub const ANSWER_LIMIT: usize = 64 * 1024;

/// How many connections to one receiver are kept open for the next event.
const IDLE_PER_RECEIVER: usize = 4;

/// How long they are kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the receiver of an event may take; well under the time for which a letter is ours (`mdm::webhooks::LEASE`).
pub const EVENT_TIMEOUT: Duration = Duration::from_secs(15);

/// How we introduce ourselves.
const AGENT: &str = concat!("Rollcall/", env!("CARGO_PKG_VERSION"));

/// Carries the signature of a body, as NanoMDM's tools expect it.
const HMAC_SIGNATURE: HeaderName = HeaderName::from_static("x-hmac-signature");

/// The head of an event; `signature` is base64.
pub fn event_headers(signature: Option<&str>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(event::CONTENT_TYPE))]);
    if let Some(signature) = signature {
        let signature = signature.parse().map_err(|error| Error::internal("base64 cannot stand in a header", error))?;
        headers.insert(HMAC_SIGNATURE, signature);
    }
    Ok(headers)
}

/// The client for webhooks. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Webhook {
    client: Client<HttpsConnector<Dialer>, Full<Bytes>>,
    under_way: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// What a receiver answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// What was said, unless it came too late or is longer than [`ANSWER_LIMIT`].
    pub body: Option<Bytes>,
    /// The address at the other end of the connection; behind a proxy it is the proxy's.
    pub from: Option<IpAddr>,
}

/// Counts a post for as long as it lives.
struct UnderWay<'a> {
    posts: &'a Mutex<BTreeMap<String, usize>>,
    url: &'a str,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = posts.get_mut(self.url) {
            *count -= 1;
            if *count == 0 {
                posts.remove(self.url);
            }
        }
    }
}

impl Webhook {
    /// A client that goes out by `connector`: `https` is trusted by its anchors, `http` is as open as it says.
    pub fn new(connector: &Connector) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_RECEIVER)
            .build(connector.clone().guarded().http()?);
        Ok(Self { client, under_way: Arc::default() })
    }

    /// How many posts each address has not answered yet.
    pub fn under_way(&self) -> BTreeMap<String, usize> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin<'a>(&'a self, url: &'a str) -> UnderWay<'a> {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner).entry(url.to_owned()).or_default() += 1;
        UnderWay { posts: &self.under_way, url }
    }

    /// Posts `body` with `headers` (JSON unless they say otherwise) and returns the status; takes no longer than `timeout`.
    ///
    /// A redirect is an answer like any other: following it would send the event where no admin said it may go.
    /// Fails with kind `BadInput` when `url` cannot be posted to, and with `Upstream` when no answer came.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes, timeout: Duration) -> Result<u16> {
        // What follows the status is read only so that the connection can be used again.
        self.ask(url, headers, body, timeout).await.map(|answered| answered.status)
    }

    /// Does what [`Webhook::post`] does and gives what was answered too.
    pub async fn ask(&self, url: &str, headers: HeaderMap, body: Bytes, timeout: Duration) -> Result<Answered> {
        let (address, receiver) = address(url)?;
        let _under_way = self.begin(url);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = address;
        *request.headers_mut() = headers;
        request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let deadline = tokio::time::Instant::now() + timeout;
        let answer = tokio::time::timeout_at(deadline, self.client.request(request))
            .await
            .map_err(|_| Failure::timed_out(&receiver, timeout))?
            .map_err(|error| Failure::of_client(&receiver, &error))?;
        let status = answer.status().as_u16();
        let from = answer.extensions().get::<HttpInfo>().map(|info| info.remote_addr().ip());
        let read = tokio::time::timeout_at(deadline, Limited::new(answer.into_body(), ANSWER_LIMIT).collect()).await;
        let body = read.ok().and_then(std::result::Result::ok).map(http_body_util::Collected::to_bytes);
        Ok(Answered { status, body, from })
    }
}

/// Reads a webhook's address and who is there.
fn address(url: &str) -> Result<(Uri, Endpoint)> {
    let wrong =
        |what: &str| Error::bad_input(t!("“{url}” is not a webhook's address: {what}, like https://hooks.example.school/mdm", url, what));
    let address: Uri = url.parse().map_err(|_| wrong(t!("write a whole one")))?;
    let port = match address.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(wrong(t!("it starts with https:// or http://"))),
    };
    let authority = address.authority().ok_or_else(|| wrong(t!("it names a host")))?;
    if authority.as_str().contains('@') {
        return Err(Error::bad_input(t!("A webhook's address holds no user and password: give them as a header")));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(wrong(t!("it names a host")));
    }
    let receiver = Endpoint::new(host, authority.port_u16().unwrap_or(port));
    Ok((address, receiver))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_webhooks_address_names_its_receiver() {
        let receiver = |url| address(url).unwrap().1.to_string();
        assert_eq!(receiver("https://hooks.example.school/mdm?room=1"), "hooks.example.school:443");
        assert_eq!(receiver("http://hooks.example.school"), "hooks.example.school:80");
        assert_eq!(receiver("http://[::1]:9000/"), "[::1]:9000");
    }

    #[test]
    fn what_cannot_be_posted_to_is_refused_with_what_to_do() {
        for url in
            ["", "hooks.example.school", "/mdm", "ftp://hooks.example.school/", "https://", "https://user:word@example.school/", "h t"]
        {
            let error = address(url).unwrap_err();
            assert_eq!(error.kind, Kind::BadInput, "{url}");
            assert!(!error.message.contains("word@"), "{error}");
        }
    }
}
