//! What Apple's push service checks of a push, and a little more: the stand-in is stricter where a client should be exact.

use http::{HeaderMap, Method};
use serde::Serialize;

use crate::clock::Timestamp;

/// The longest body that is taken, in bytes.
pub const BODY_LIMIT: usize = 4096;

/// The longest `apns-collapse-id`, in bytes.
const COLLAPSE_ID_LIMIT: usize = 64;

/// Why a push is not taken, as Apple says it: a status and a JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Apple's word for it; without one the body is empty.
    pub reason: Option<&'static str>,
    /// With 410: since when the token is dead.
    pub timestamp: Option<Timestamp>,
    /// The header `retry-after`, in seconds.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    /// A refusal with Apple's word for it.
    pub fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason: Some(reason), ..Self::default() }
    }

    /// A refusal without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The token is dead since `since`.
    pub fn unregistered(since: Timestamp) -> Self {
        Self { timestamp: Some(since), ..Self::new(410, "Unregistered") }
    }

    /// The client is too fast and may come back in `seconds`.
    pub fn too_many(seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..Self::new(429, "TooManyRequests") }
    }

    /// The body, for example `{"reason":"Unregistered","timestamp":1767225600000}`.
    pub(super) fn body(&self) -> String {
        #[derive(Serialize)]
        struct Body {
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            timestamp: Option<i64>,
        }
        let body = self.reason.map(|reason| Body { reason, timestamp: self.timestamp.map(Timestamp::millis) });
        body.and_then(|body| serde_json::to_string(&body).ok()).unwrap_or_default()
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Client {
    /// Showed no certificate.
    Unknown,
    /// Proved a push certificate; its topic, where it has one.
    Known(Option<String>),
}

/// A push that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) topic: String,
    pub(super) token: String,
    pub(super) magic: String,
    pub(super) expiration: Timestamp,
    pub(super) apns_id: Option<String>,
}

/// Checks a push in Apple's order: who, what, to whom.
pub(super) fn check(client: &Client, head: &http::request::Parts, body: &[u8], now: Timestamp) -> Result<Accepted, Refusal> {
    let Client::Known(certificate_topic) = client else {
        return Err(Refusal::new(403, "MissingProviderToken"));
    };
    if head.method != Method::POST {
        return Err(Refusal::new(405, "MethodNotAllowed"));
    }
    let Some(token) = head.uri.path().strip_prefix("/3/device/") else {
        return Err(Refusal::new(404, "BadPath"));
    };
    let topic = topic(certificate_topic.as_deref(), &head.headers)?;
    let expiration = settings(&head.headers, now)?;
    let apns_id = text(&head.headers, "apns-id").map(str::to_owned);
    if apns_id.as_deref().is_some_and(|id| uuid::Uuid::try_parse(id).is_err()) {
        return Err(Refusal::new(400, "BadMessageId"));
    }
    let magic = magic(body)?;
    if token.is_empty() {
        return Err(Refusal::new(400, "MissingDeviceToken"));
    }
    if !is_a_devices_token(token) {
        return Err(Refusal::new(400, "BadDeviceToken"));
    }
    Ok(Accepted { topic, token: token.to_owned(), magic, expiration, apns_id })
}

fn topic(certificate_topic: Option<&str>, headers: &HeaderMap) -> Result<String, Refusal> {
    match (text(headers, "apns-topic"), certificate_topic) {
        (None, _) => Err(Refusal::new(400, "MissingTopic")),
        (Some(topic), Some(own)) if topic != own => Err(Refusal::new(400, "TopicDisallowed")),
        (Some(topic), _) if topic.starts_with("com.apple.mgmt.") => Ok(topic.to_owned()),
        (Some(_), _) => Err(Refusal::new(400, "BadTopic")),
    }
}

/// Checks the headers that say how to deliver, and returns until when.
fn settings(headers: &HeaderMap, now: Timestamp) -> Result<Timestamp, Refusal> {
    if text(headers, "apns-push-type") != Some("mdm") {
        return Err(Refusal::new(400, "InvalidPushType"));
    }
    if text(headers, "apns-priority") != Some("10") {
        return Err(Refusal::new(400, "BadPriority"));
    }
    if text(headers, "apns-collapse-id").is_some_and(|id| id.is_empty() || id.len() > COLLAPSE_ID_LIMIT) {
        return Err(Refusal::new(400, "BadCollapseId"));
    }
    let expiration = text(headers, "apns-expiration").and_then(|seconds| seconds.parse().ok()).map(Timestamp::from_seconds);
    expiration
        // Zero means: now or never.
        .filter(|moment| *moment == Timestamp::default() || *moment > now)
        .ok_or(Refusal::new(400, "BadExpirationDate"))
}

/// Reads the magic from a body that is exactly `{"mdm":"…"}`: anything else would be a fault that a real device forgives or not.
fn magic(body: &[u8]) -> Result<String, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(400, "PayloadEmpty"));
    }
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|_| Refusal::new(400, "BadPayload"))?;
    let magic = value.get("mdm").and_then(serde_json::Value::as_str).filter(|magic| !magic.is_empty());
    let magic = magic.ok_or(Refusal::new(400, "BadPayload"))?;
    if serde_json::json!({ "mdm": magic }).to_string().as_bytes() != body {
        return Err(Refusal::new(400, "BadPayload"));
    }
    Ok(magic.to_owned())
}

/// Lower-case hex of whole bytes, and not the zeros by which a client asks for nobody.
fn is_a_devices_token(token: &str) -> bool {
    let is_hex = token.len().is_multiple_of(2) && token.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    is_hex && token.bytes().any(|digit| digit != b'0')
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const TOPIC: &str = "com.apple.mgmt.External.example";
    const MAGIC: &[u8] = br#"{"mdm":"MAGIC"}"#;

    /// A push in order, then changed by `change`.
    fn head(path: &str, change: impl FnOnce(&mut http::request::Parts)) -> http::request::Parts {
        let request = http::Request::post(path)
            .header("apns-topic", TOPIC)
            .header("apns-push-type", "mdm")
            .header("apns-priority", "10")
            .header("apns-expiration", "1800000001");
        let mut head = request.body(()).unwrap().into_parts().0;
        change(&mut head);
        head
    }

    fn reason(client: &Client, head: &http::request::Parts, body: &[u8]) -> (u16, &'static str) {
        let refusal = check(client, head, body, NOW).unwrap_err();
        (refusal.status, refusal.reason.unwrap())
    }

    fn known() -> Client {
        Client::Known(Some(TOPIC.to_owned()))
    }

    #[test]
    fn a_push_in_order_is_taken() {
        let accepted = check(&known(), &head("/3/device/00ab9f", |_| ()), MAGIC, NOW).unwrap();
        assert_eq!((accepted.token.as_str(), accepted.magic.as_str(), accepted.topic.as_str()), ("00ab9f", "MAGIC", TOPIC));
        assert!(check(&Client::Known(None), &head("/3/device/00ab9f", |_| ()), MAGIC, NOW).is_ok());
    }

    #[test]
    fn every_wrong_part_is_named_as_apple_names_it() {
        let with = |name: &'static str, value: &'static str| {
            head("/3/device/ab", move |head| {
                head.headers.insert(name, value.parse().unwrap());
            })
        };
        let cases = [
            (with("apns-topic", "com.apple.mgmt.External.other"), 400, "TopicDisallowed"),
            (with("apns-push-type", "alert"), 400, "InvalidPushType"),
            (with("apns-priority", "5"), 400, "BadPriority"),
            (with("apns-expiration", "1800000000"), 400, "BadExpirationDate"),
            (with("apns-expiration", "soon"), 400, "BadExpirationDate"),
            (with("apns-id", "1"), 400, "BadMessageId"),
            (with("apns-collapse-id", ""), 400, "BadCollapseId"),
            (head("/3/device/ab", |head| drop(head.headers.remove("apns-topic"))), 400, "MissingTopic"),
            (head("/3/device/ab", |head| head.method = Method::GET), 405, "MethodNotAllowed"),
            (head("/2/device/ab", |_| ()), 404, "BadPath"),
            (head("/3/device/", |_| ()), 400, "MissingDeviceToken"),
            (head("/3/device/AB", |_| ()), 400, "BadDeviceToken"),
            (head("/3/device/abc", |_| ()), 400, "BadDeviceToken"),
            (head("/3/device/0000", |_| ()), 400, "BadDeviceToken"),
        ];
        for (head, status, word) in cases {
            assert_eq!(reason(&known(), &head, MAGIC), (status, word), "{head:?}");
        }
        assert_eq!(reason(&Client::Unknown, &head("/3/device/ab", |_| ()), MAGIC), (403, "MissingProviderToken"));
        let other = head("/3/device/ab", |head| drop(head.headers.insert("apns-topic", "school.example.app".parse().unwrap())));
        assert_eq!(reason(&Client::Known(None), &other, MAGIC), (400, "BadTopic"));
    }

    #[test]
    fn a_body_is_exactly_the_magic() {
        let head = head("/3/device/ab", |_| ());
        assert_eq!(reason(&known(), &head, b""), (400, "PayloadEmpty"));
        let wrong: [&[u8]; 6] =
            [b"{}", br#"{"mdm":""}"#, br#"{"mdm": "MAGIC"}"#, br#"{"mdm":"MAGIC","aps":{}}"#, br#"{"mdm":1}"#, b"MAGIC"];
        for body in wrong {
            assert_eq!(reason(&known(), &head, body), (400, "BadPayload"), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn refusals_are_written_as_apple_writes_them() {
        let gone = Refusal::unregistered(Timestamp::from_millis(1_767_225_600_000));
        assert_eq!(gone.body(), r#"{"reason":"Unregistered","timestamp":1767225600000}"#);
        assert_eq!(Refusal::new(400, "BadDeviceToken").body(), r#"{"reason":"BadDeviceToken"}"#);
        assert_eq!(Refusal::empty(500).body(), "");
    }
}
