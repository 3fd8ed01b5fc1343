//! Apps and Books: one request at a time to Apple's service, no faster than it allows. It transports; what is said is read elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue};
use http::{HeaderMap, Method};
use tokio::time::Instant;

use crate::apple::connect::Connector;
use crate::apple::exchange::Exchange;
use crate::error::{Error, Result};
use crate::pki::digest::sha256;
use crate::secret::Secret;

pub use crate::apple::exchange::{ANSWER_LIMIT, Came};

/// Tokens whose pace is remembered; more than anybody has.
const PACES_MAX: usize = 256;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// Anybody.
    Anybody,
    /// The holder of a content token, as the service wants it said.
    Token(&'a Secret<String>),
    /// The same, as the store's look-up wants it said.
    Cookie(&'a Secret<String>),
}

/// The client. Cheap to clone; clones share their connections and their pace.
#[derive(Debug, Clone)]
pub struct AppsAndBooks {
    base: String,
    exchange: Exchange,
    /// When the next request with a token may begin, by the token's digest.
    paces: Arc<Mutex<BTreeMap<[u8; 32], Instant>>>,
}

impl AppsAndBooks {
    /// A client of the service at `base` (`https://host[:port]`), reached by `connector`.
    pub fn new(connector: &Connector, base: &str) -> Result<Self> {
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            exchange: Exchange::new(connector, "apps_and_books")?,
            paces: Arc::default(),
        })
    }

    /// Where the service is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for `url` with a query; no more than `per_second` requests a second with the same token.
    ///
    /// Fails with kind `Upstream` when no answer came: what was asked may have been done or not.
    pub async fn get(&self, url: &str, query: &[(&str, String)], caller: Caller<'_>, per_second: u32) -> Result<Came> {
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let joint = if query.is_empty() {
            ""
        } else if url.contains('?') {
            "&"
        } else {
            "?"
        };
        self.ask(Method::GET, &format!("{url}{joint}{}", query.join("&")), Bytes::new(), caller, per_second).await
    }

    /// Posts JSON to `url`; no more than `per_second` requests a second with the same token.
    ///
    /// Fails with kind `Upstream` when no answer came: what was asked may have been done or not.
    pub async fn post(&self, url: &str, body: Vec<u8>, caller: Caller<'_>, per_second: u32) -> Result<Came> {
        self.ask(Method::POST, url, body.into(), caller, per_second).await
    }

    async fn ask(&self, method: Method, url: &str, body: Bytes, caller: Caller<'_>, per_second: u32) -> Result<Came> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let secret = |text: String| {
            let mut value =
                HeaderValue::try_from(text).map_err(|_| Error::bad_input(t!("The content token holds letters that cannot be sent")))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        match caller {
            Caller::Anybody => {}
            Caller::Token(token) => drop(headers.insert(AUTHORIZATION, secret(format!("Bearer {}", token.expose()))?)),
            Caller::Cookie(token) => drop(headers.insert(COOKIE, secret(format!("itvt={}", token.expose()))?)),
        }
        let ready = Exchange::ready(method, url, headers, body)?;
        if let Caller::Token(token) | Caller::Cookie(token) = caller {
            tokio::time::sleep_until(self.turn(token, per_second)).await;
        }
        self.exchange.send(ready).await
    }

    /// When a request with this token may begin; the next one may a moment later.
    fn turn(&self, token: &Secret<String>, per_second: u32) -> Instant {
        let gap = Duration::from_secs(1) / per_second.max(1);
        let now = Instant::now();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= PACES_MAX {
            paces.retain(|_, next| *next > now);
        }
        let next = paces.entry(sha256(token.expose().as_bytes())).or_insert(now);
        let turn = (*next).max(now);
        *next = turn + gap;
        turn
    }
}

/// Percent-encodes what stands in a query (RFC 3986, section 2.3); commas stay, as the look-up's own examples have them.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::connect::Trust;
    use crate::clock::{Clock, Timestamp};
    use crate::error::Kind;

    fn client() -> AppsAndBooks {
        let connector = Connector::new(Trust::public(), Clock::manual(Timestamp::from_seconds(1_795_000_000)));
        AppsAndBooks::new(&connector, "https://vpp.example.school/").unwrap()
    }

    #[test]
    fn a_query_is_encoded_and_commas_stay() {
        assert_eq!(encoded("1,2 ä&x"), "1,2%20%C3%A4%26x");
        assert_eq!(client().base(), "https://vpp.example.school");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_with_a_token_keep_their_pace() {
        let (client, token, other) = (client(), Secret::new(String::from("a")), Secret::new(String::from("b")));
        let first = client.turn(&token, 10);
        assert_eq!(client.turn(&token, 10) - first, Duration::from_millis(100));
        assert_eq!(client.turn(&token, 10) - first, Duration::from_millis(200));
        assert!(client.turn(&other, 10) - first < Duration::from_millis(100), "another token has a pace of its own");
    }

    #[tokio::test]
    async fn a_token_goes_nowhere_without_tls() {
        let token = Secret::new(String::from("secret"));
        let refused = client().get("http://127.0.0.1:1/x", &[], Caller::Token(&token), 15).await.unwrap_err();
        assert!(refused.kind == Kind::Upstream && refused.message.contains("cannot be asked"), "{refused}");
    }
}
