//! Automated Device Enrollment: requests to Apple's service within a session, which is renewed in silence. It transports; what is said is read elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};

use crate::apple::connect::Connector;
use crate::apple::exchange::Exchange;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::pki::digest::sha256;
use crate::pki::oauth1::{self, Signatory};
use crate::protocol::ade::{Cause, PROTOCOL_VERSION, REALM, SESSION_HEADER, ServerToken, VERSION_HEADER, paths, read};
use crate::secret::Secret;

pub use crate::apple::exchange::Came;

/// Sessions that are remembered; more than anybody has servers.
const SESSIONS_MAX: usize = 256;

/// Characters of a session that is believed.
const SESSION_MAX_CHARS: usize = 4096;

/// The client. Cheap to clone; clones share their connections and their sessions.
#[derive(Debug, Clone)]
pub struct Ade {
    base: String,
    clock: Clock,
    exchange: Exchange,
    /// The session of each token, by the token's digest.
    sessions: Arc<Mutex<BTreeMap<[u8; 32], Secret<String>>>>,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The method.
    pub method: Method,
    /// Path and query below the service's address.
    pub path: &'a str,
    /// The body, JSON; empty for none.
    pub body: Vec<u8>,
}

impl Ade {
    /// A client of the service at `base` (`https://host[:port]`), reached by `connector`; `clock` dates what is signed.
    pub fn new(connector: &Connector, base: &str, clock: Clock) -> Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { base, clock, exchange: Exchange::new(connector, "device_enrollment")?, sessions: Arc::default() })
    }

    /// Where the service is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks in the token's session. When there is none, or Apple wants a new one, a session is opened first, and what was asked is asked once more.
    ///
    /// What Apple says instead of a session is given as the answer. Fails with kind `Upstream` when no answer came: what was asked may have been done
    /// or not.
    pub async fn ask(&self, token: &ServerToken, question: &Question<'_>) -> Result<Came> {
        let key = sha256(token.access_token.as_bytes());
        let known = self.sessions().get(&key).cloned();
        if let Some(session) = known {
            let came = self.in_session(key, &session, question).await?;
            let refused = matches!(came.status, 401 | 403).then(|| read(came.status, None, &came.body).err()).flatten();
            if refused.is_none_or(|refusal| refusal.cause != Cause::Session) {
                return Ok(came);
            }
            self.sessions().remove(&key);
        }
        match self.open(token).await? {
            Ok(session) => {
                self.adopt(key, session.clone());
                self.in_session(key, &session, question).await
            }
            Err(refused) => Ok(refused),
        }
    }

    /// Opens a session with a signed request; gives what Apple says where that is no session.
    async fn open(&self, token: &ServerToken) -> Result<Result<Secret<String>, Came>> {
        let url = format!("{}{}", self.base, paths::SESSION);
        let by = Signatory {
            consumer_key: &token.consumer_key,
            consumer_secret: &token.consumer_secret,
            access_token: &token.access_token,
            access_secret: &token.access_secret,
        };
        let header = oauth1::authorization(by, "GET", &url, REALM, &oauth1::nonce()?, self.clock.now());
        let mut headers = usual_headers();
        headers.insert(AUTHORIZATION, secret_value(&header)?);
        let came = self.exchange.send(Exchange::ready(Method::GET, &url, headers, Bytes::new())?).await?;
        let answer = read(came.status, None, &came.body).ok();
        let session = answer.as_ref().and_then(|body| body["auth_session_token"].as_str()).filter(|session| is_session(session));
        Ok(session.map(|session| Secret::new(session.to_owned())).ok_or(came))
    }

    async fn in_session(&self, key: [u8; 32], session: &Secret<String>, question: &Question<'_>) -> Result<Came> {
        let mut headers = usual_headers();
        headers.insert(HeaderName::from_static(SESSION_HEADER), secret_value(session.expose())?);
        let url = format!("{}{}", self.base, question.path);
        let body = question.body.clone().into();
        let came = self.exchange.send(Exchange::ready(question.method.clone(), &url, headers, body)?).await?;
        if let Some(fresh) = came.headers.get(SESSION_HEADER).and_then(|value| value.to_str().ok()).filter(|fresh| is_session(fresh)) {
            self.adopt(key, Secret::new(fresh.to_owned()));
        }
        Ok(came)
    }

    fn adopt(&self, key: [u8; 32], session: Secret<String>) {
        let mut sessions = self.sessions();
        if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&key) {
            // Who loses one opens another.
            sessions.clear();
        }
        sessions.insert(key, session);
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Secret<String>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usual_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF8"));
    headers.insert(HeaderName::from_static(VERSION_HEADER), HeaderValue::from_static(PROTOCOL_VERSION));
    headers
}

fn secret_value(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text).map_err(|_| Error::bad_input(t!("The server token holds letters that cannot be sent")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether this can be sent back as a session.
fn is_session(text: &str) -> bool {
    !text.is_empty() && text.len() <= SESSION_MAX_CHARS && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::connect::Trust;
    use crate::clock::Timestamp;

    #[test]
    fn sessions_are_remembered_up_to_a_limit_and_odd_ones_never() {
        let clock = Clock::manual(Timestamp::from_seconds(1_795_000_000));
        let client = Ade::new(&Connector::new(Trust::public(), clock.clone()), "https://ade.example.school/", clock).unwrap();
        for number in 0..=SESSIONS_MAX {
            client.adopt(sha256(&number.to_be_bytes()), Secret::new(number.to_string()));
        }
        assert_eq!(client.sessions().len(), 1);
        assert!(!is_session("") && !is_session("a b") && !is_session(&"x".repeat(SESSION_MAX_CHARS + 1)) && is_session("1d2-x"));
    }
}
