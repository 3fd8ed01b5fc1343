//! `Idempotency-Key`: a POST that is sent again, because its answer was lost, gets the first answer and does nothing twice.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::input::{json, read, require_json};
use crate::error::{Error, Result};
use crate::http::limits::API_MAX_BYTES;
use crate::mdm::Actor;
use crate::pki::digest::sha256;
use crate::store::Tx;
use crate::store::idempotency::{self, KEPT};

/// Characters of a key.
pub const KEY_MAX: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The JSON body of a POST, and what makes it happen once.
#[derive(Debug)]
pub struct Post<T> {
    /// What was sent.
    pub body: T,
    /// Runs the deed, or finds its answer.
    pub once: Once,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Post<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        require_json(request.headers())?;
        let head = Head::of(&request)?;
        let bytes = read(request, API_MAX_BYTES).await?;
        let body = json(&bytes)?;
        Ok(Self { body, once: head.once(&bytes) })
    }
}

/// What makes a request the same as another, as far as it is known before its body.
pub(super) struct Head {
    key: Option<String>,
    deed: String,
}

impl Head {
    /// Reads the method, the whole address and the key.
    pub(super) fn of(request: &Request) -> Result<Self> {
        let address = request.uri().path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        Ok(Self { key: key(request.headers())?, deed: format!("{} {address}\n", request.method()) })
    }

    /// The deed of this request with its body.
    pub(super) fn once(self, body: &[u8]) -> Once {
        Once { key: self.key, request: sha256(&[self.deed.as_bytes(), body].concat()) }
    }
}

/// A deed that is done once per actor and key; without a key, each time it is asked for.
#[derive(Debug, Clone)]
pub struct Once {
    key: Option<String>,
    /// SHA-256 of the method, the path and the body.
    request: [u8; 32],
}

/// What a POST answers, in the form that a repeat gets too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    body: Value,
    #[serde(skip)]
    repeated: bool,
}

impl Answer {
    /// An answer with `body` as JSON.
    pub fn new(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_value(body).map_err(|error| Error::internal("an answer could not be written as JSON", error))?;
        Ok(Self { status: status.as_u16(), body, repeated: false })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        // What was stored came from a status.
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, Json(self.body)).into_response();
        if self.repeated {
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// An answer as it is sealed, with the digest of the request it belongs to.
#[derive(Serialize, Deserialize)]
struct Kept {
    request: [u8; 32],
    answer: Answer,
}

impl Once {
    /// Whether the caller gave a key.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Does `deed` in the transaction and keeps its answer there, so that both are stored or neither; or gives the answer of the first time.
    ///
    /// A deed that fails keeps nothing: it may be tried again with the same key.
    ///
    /// # Errors
    /// Conflict when the key was used for another request.
    pub fn run(&self, tx: &Tx, actor: &Actor, deed: impl FnOnce(&Tx) -> Result<Answer>) -> Result<Answer> {
        let Some(key) = &self.key else { return deed(tx) };
        if let Some(kept) = self.recall(tx, actor)? {
            return Ok(kept);
        }
        let who = who(actor);
        let answer = deed(tx)?;
        let kept = serde_json::to_vec(&Kept { request: self.request, answer: answer.clone() })
            .map_err(|error| Error::internal("an answer could not be kept", error))?;
        idempotency::insert(tx, &who, key, &kept)?;
        Ok(answer)
    }

    /// The answer of the first time, where there was one: for deeds that are more than one transaction, before they begin.
    ///
    /// # Errors
    /// Conflict when the key was used for another request.
    pub fn recall(&self, tx: &Tx, actor: &Actor) -> Result<Option<Answer>> {
        let Some(key) = &self.key else { return Ok(None) };
        idempotency::delete_over(tx, &who(actor), key, tx.now.minus(KEPT))?;
        let Some(kept) = idempotency::find(tx, &who(actor), key)? else { return Ok(None) };
        let kept: Kept =
            serde_json::from_slice(kept.expose()).map_err(|error| Error::internal("an answer that was kept cannot be read", error))?;
        if kept.request != self.request {
            return Err(Error::conflict(t!("This Idempotency-Key was used for another request. Take a new key for each thing to do.")));
        }
        Ok(Some(Answer { repeated: true, ..kept.answer }))
    }
}

/// Reads the header; a key is a few visible characters, as they come.
fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(IDEMPOTENCY_KEY) {
            Err(Error::bad_input(t!("Send one Idempotency-Key, not several.")))
        } else {
            Ok(None)
        };
    };
    let text =
        value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= KEY_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()));
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| Error::bad_input(t!("An Idempotency-Key is 1 to {KEY_MAX} visible ASCII characters, for example a UUID.", KEY_MAX)))
}

/// Whose key it is: each actor has keys of their own.
fn who(actor: &Actor) -> String {
    match actor {
        Actor::Person { id, .. } | Actor::Token { id, .. } => format!("{}/{id}", actor.kind()),
        Actor::Device { .. } | Actor::Job(_) | Actor::Console => actor.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::error::Kind;
    use crate::mdm::Role;
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    struct Kit {
        store: Store,
    }

    impl Kit {
        fn new() -> Self {
            Self { store: Store::open(OpenOptions::memory()).unwrap() }
        }

        /// What a POST to `path` with this key and number answers: how many times the deed was done so far in the kit.
        async fn post(&self, now: Timestamp, actor: &Actor, path: &str, key: &str, number: i64) -> Result<Answer> {
            let request = Request::post(path)
                .header("content-type", "application/json")
                .header(IDEMPOTENCY_KEY, key)
                .body(Body::from(number.to_string()))
                .unwrap();
            let Post { body, once } = Post::<i64>::from_request(request, &()).await?;
            let actor = actor.clone();
            let deed = move |tx: &Tx| {
                let event = crate::store::events::NewEvent { kind: "test.done", actor_kind: "job", actor: "test", ..Default::default() };
                let done = crate::store::events::append(tx, &event)?;
                if body < 0 { Err(Error::bad_input("negative")) } else { Answer::new(StatusCode::CREATED, &json!({ "done": done })) }
            };
            self.store.write(now, move |tx| once.run(tx, &actor, deed)).await
        }
    }

    #[tokio::test]
    async fn a_repeat_gets_the_first_answer_and_does_nothing() {
        let kit = Kit::new();
        let first = kit.post(NOW, &Actor::Console, "/a", "k1", 5).await.unwrap();
        let again = kit.post(NOW.plus(KEPT), &Actor::Console, "/a", "k1", 5).await.unwrap();
        assert_eq!((first.body.clone(), first.repeated), (json!({ "done": 1 }), false));
        assert_eq!(again, Answer { repeated: true, ..first });
        let response = again.into_response();
        assert_eq!((response.status(), &response.headers()[IDEMPOTENT_REPLAYED]), (StatusCode::CREATED, &HeaderValue::from_static("true")));
        assert_eq!(kit.post(NOW, &Actor::Console, "/a", "k2", 5).await.unwrap().body, json!({ "done": 2 }), "another key is another deed");
        let late = NOW.plus(KEPT + Duration::from_millis(1));
        assert_eq!(kit.post(late, &Actor::Console, "/a", "k1", 5).await.unwrap().body, json!({ "done": 3 }), "keys are kept for a day");
    }

    #[tokio::test]
    async fn a_key_stands_for_one_request_of_one_actor() {
        let kit = Kit::new();
        kit.post(NOW, &Actor::Console, "/a", "k", 5).await.unwrap();
        for (path, number) in [("/a", 6), ("/b", 5)] {
            assert_eq!(kit.post(NOW, &Actor::Console, path, "k", number).await.unwrap_err().kind, Kind::Conflict);
        }
        let kim = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Owner };
        assert!(!kit.post(NOW, &kim, "/a", "k", 6).await.unwrap().repeated);
    }

    #[tokio::test]
    async fn a_failed_deed_may_be_tried_again() {
        let kit = Kit::new();
        assert!(kit.post(NOW, &Actor::Console, "/a", "k", -1).await.is_err());
        let second = kit.post(NOW, &Actor::Console, "/a", "k", 1).await.unwrap();
        assert_eq!((second.body, second.repeated), (json!({ "done": 1 }), false), "the failed one was undone as a whole");
    }

    #[test]
    fn a_key_that_cannot_be_is_refused() {
        let headers = |keys: &[&str]| -> HeaderMap { keys.iter().map(|key| (IDEMPOTENCY_KEY, key.parse().unwrap())).collect() };
        assert_eq!(key(&headers(&[])).unwrap(), None);
        assert_eq!(
            key(&headers(&["8e03978e-40d5-43e8-bc93-6894a57f9324"])).unwrap().as_deref(),
            Some("8e03978e-40d5-43e8-bc93-6894a57f9324")
        );
        assert!(key(&headers(&[&"k".repeat(KEY_MAX)])).is_ok());
        for wrong in [&["", ""][..], &["a", "b"], &[""], &["a b"], &[&"k".repeat(KEY_MAX + 1)]] {
            assert!(key(&headers(wrong)).is_err(), "{wrong:?}");
        }
    }
}
