//! Wakes devices through Apple Push Notification service: one multiplexed HTTP/2 connection for each push certificate.

mod link;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;

use crate::apple::connect::{ClientIdentity, Connector, Endpoint, Failure};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::pki;
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::protocol::push::{Fault, Outcome, Verdict, judge};
use crate::secret::{Secret, SecretBytes};
use link::{Answer, Link};

/// Apple's host for push certificates that its portal issues.
pub const HOST: &str = "api.push.apple.com";

/// Apple's usual port.
pub const PORT: u16 = 443;

/// Apple's other port, for networks that let only this one out to its servers.
pub const OTHER_PORT: u16 = 2197;

/// How many pushes one connection carries at a time; more of them wait for their turn. Apple's servers allow 1000 streams.
pub const IN_FLIGHT_LIMIT: usize = 500;

/// How long one attempt to push may wait for its answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The token that no device has, for asking whether a certificate would be accepted.
const NOBODYS_TOKEN: [u8; 32] = [0; 32];

/// Where and how to push.
#[derive(Debug, Clone)]
pub struct ApnsConfig {
    /// Apple's service or a stand-in.
    pub endpoint: Endpoint,
    /// The way there: trust anchors, proxy, time to connect.
    pub connector: Connector,
    /// How long one attempt may wait for its answer, [`REQUEST_TIMEOUT`] by default.
    pub request_timeout: Duration,
}

impl ApnsConfig {
    /// Apple's own service by `connector`, with the usual port and time-out.
    pub fn new(connector: Connector) -> Self {
        Self { endpoint: Endpoint::new(HOST, PORT), connector, request_timeout: REQUEST_TIMEOUT }
    }
}

/// A push certificate as the client needs it: its topic and what proves it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PushIdentity {
    topic: Arc<str>,
    identity: Arc<ClientIdentity>,
}

impl PushIdentity {
    /// The push certificate `identity` whose subject's UID is `topic`, for example `com.apple.mgmt.External.…`.
    ///
    /// Refuses a topic that cannot stand in a header.
    pub fn new(topic: &str, identity: ClientIdentity) -> Result<Self> {
        if topic.is_empty() || !topic.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::bad_input(t!("“{topic}” is not a push topic: it looks like com.apple.mgmt.External.…", topic)));
        }
        Ok(Self { topic: topic.into(), identity: Arc::new(identity) })
    }

    /// The push certificate of `topic` as it is stored: a certificate (DER) and its key (PKCS#8).
    pub fn from_stored(topic: &str, certificate: &[u8], key: &[u8]) -> Result<Self> {
        let certificate =
            Certificate::from_der(certificate).map_err(|error| Error::internal("a stored push certificate cannot be used", error))?;
        let key = PrivateKey::from_pkcs8_der(key).map_err(|error| Error::internal("a stored push key cannot be used", error))?;
        Self::new(topic, ClientIdentity::new(vec![certificate], key))
    }

    /// The topic, as `apns-topic` says it.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

/// One wake-up call.
#[derive(Debug, Clone)]
pub struct Push {
    /// `Token` of the enrollment's last TokenUpdate, as bytes.
    pub token: SecretBytes,
    /// `PushMagic` of the same message.
    pub magic: Secret<String>,
    /// Until when Apple keeps it for a device that is off.
    pub expiration: Timestamp,
}

/// The client. One of it serves the whole process; each topic has its own connection, opened at the first push and again when it ended.
#[derive(Debug)]
pub struct Apns {
    config: ApnsConfig,
    links: Mutex<HashMap<Arc<str>, Arc<Link>>>,
}

impl Apns {
    /// A client that has not connected yet.
    pub fn new(config: ApnsConfig) -> Self {
        Self { config, links: Mutex::default() }
    }

    /// Where the service is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.config.endpoint
    }

    /// Pushes to one device and tells what came of it. Every attempt is bounded in time, and so is their number.
    ///
    /// A push that a dying connection took with it is sent once more: Apple keeps only the last push of a device, so twice is no harm.
    /// One that surely was not processed, as GOAWAY says, gets a place on the next connection.
    pub async fn push(&self, certificate: &PushIdentity, push: &Push) -> Outcome {
        let request = match self.request(certificate.topic(), push) {
            Ok(request) => request,
            // The topic was looked at when the certificate was taken: it is what this one device said.
            Err(error) => return Outcome::Unaddressed { why: error.to_string() },
        };
        let answer = match self.link(certificate) {
            Ok(link) => link.ask(&request).await,
            Err(why) => Err(why),
        };
        let calls = self.config.connector.calls();
        match &answer {
            Ok(answer) => calls.answered("apns", answer.status().as_u16()),
            Err(_) => calls.unanswered("apns"),
        }
        answer.map_or_else(|why| outcome_of_failure(&why), |answer| outcome(&answer))
    }

    /// Whether Apple accepts `certificate`, asked over a connection of its own with a token that no device has.
    ///
    /// Fails with kind `BadInput` when the certificate or its topic is refused and with `Upstream` when Apple could not be asked.
    pub async fn test_handshake(&self, certificate: &PushIdentity) -> Result<()> {
        let nobody = Push {
            token: SecretBytes::new(NOBODYS_TOKEN.to_vec()),
            magic: Secret::new(String::from("00000000-0000-0000-0000-000000000000")),
            expiration: Timestamp::default(),
        };
        let request =
            self.request(certificate.topic(), &nobody).map_err(|error| Failure::IdentityUnusable { detail: error.to_string() })?;
        let answer = Link::new(&self.config, certificate.identity.clone())?.ask(&request).await?;
        accepts_certificate(&outcome(&answer), certificate.topic())
    }

    /// The connection of `certificate`'s topic; a renewed certificate gets a new one, and the old one ends with its last answer.
    fn link(&self, certificate: &PushIdentity) -> Result<Arc<Link>, Failure> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(&certificate.topic)
            && link.proves(&certificate.identity)
        {
            return Ok(link.clone());
        }
        let link = Arc::new(Link::new(&self.config, certificate.identity.clone())?);
        links.insert(certificate.topic.clone(), link.clone());
        Ok(link)
    }

    fn request(&self, topic: &str, push: &Push) -> Result<Request<Full<Bytes>>, http::Error> {
        let path = format!("/3/device/{}", pki::hex(push.token.expose()));
        let address = Uri::builder().scheme("https").authority(self.config.endpoint.to_string()).path_and_query(path).build()?;
        let topic = HeaderValue::from_str(topic)?;
        let body = serde_json::json!({ "mdm": push.magic.expose() }).to_string();
        Request::post(address)
            .header("apns-topic", topic)
            .header("apns-push-type", "mdm")
            .header("apns-priority", "10")
            .header("apns-expiration", push.expiration.seconds().max(0))
            .body(Full::new(Bytes::from(body)))
    }
}

/// What an answer says.
fn outcome(answer: &Answer) -> Outcome {
    let text_of = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    Outcome::read(answer.status().as_u16(), text_of("apns-id"), text_of("retry-after"), answer.body())
}

/// What it means that there was no answer.
fn outcome_of_failure(failure: &Failure) -> Outcome {
    let why = failure.to_string();
    if failure.is_about_our_certificate() { Outcome::Unproven { why } } else { Outcome::Unreachable { why } }
}

/// Whether `outcome`, of a push that meant nobody, shows that the certificate and `topic` are accepted.
fn accepts_certificate(outcome: &Outcome, topic: &str) -> Result<()> {
    let Outcome::Refused { status, reason, .. } = outcome else {
        return Ok(());
    };
    let reason = reason.clone().unwrap_or_else(|| t!("status {status}", status));
    match judge(outcome, Timestamp::default()) {
        Verdict::CertificateRefused(_) => Err(Error::bad_input(t!(
            "The push service refuses this certificate ({reason}): it is expired, revoked or not for pushes; renew it at \
             identity.apple.com/pushcert and upload the new one",
            reason
        ))),
        Verdict::OurFault(Fault::Topic) => Err(Error::bad_input(t!(
            "The push service refuses the topic {topic} of this certificate ({reason}): upload the push certificate from \
             identity.apple.com/pushcert, not another one",
            topic,
            reason
        ))),
        Verdict::BackOff(pause) => Err(Error::new(Kind::Upstream, t!("The push service is busy ({reason}): try again later", reason))
            .retry_after(pause.as_secs() as u32)),
        // It got as far as the token, which no device has.
        Verdict::OurFault(Fault::Token | Fault::Request) | Verdict::TokenDead | Verdict::Delivered => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::apple::connect::Trust;
    use crate::clock::Clock;
    use crate::pki::key::PrivateKey;

    #[tokio::test]
    async fn a_push_says_exactly_what_apple_wants() {
        let apns = Apns::new(ApnsConfig::new(Connector::new(Trust::public(), Clock::System)));
        let push = Push {
            token: SecretBytes::new(vec![0x00, 0xAB, 0x9f]),
            magic: Secret::new(String::from("7F2A-\"magic\"")),
            expiration: Timestamp::from_seconds(1_800_000_000),
        };
        let (head, body) = apns.request("com.apple.mgmt.External.example", &push).unwrap().into_parts();
        assert_eq!((head.method.as_str(), head.uri.to_string().as_str()), ("POST", "https://api.push.apple.com:443/3/device/00ab9f"));
        let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("apns-topic"), "com.apple.mgmt.External.example");
        assert_eq!((header("apns-push-type"), header("apns-priority")), (String::from("mdm"), String::from("10")));
        assert_eq!(header("apns-expiration"), "1800000000");
        assert_eq!(body.collect().await.unwrap().to_bytes(), r#"{"mdm":"7F2A-\"magic\""}"#);
    }

    #[tokio::test]
    async fn a_token_that_fits_into_no_address_is_this_devices_affair() {
        let apns = Apns::new(ApnsConfig::new(Connector::new(Trust::public(), Clock::System)));
        let identity = ClientIdentity::new([], PrivateKey::generate_p256().unwrap());
        let certificate = PushIdentity::new("com.apple.mgmt.External.x", identity).unwrap();
        let push =
            Push { token: SecretBytes::new(vec![7; 40_000]), magic: Secret::new(String::from("m")), expiration: Timestamp::default() };
        let outcome = apns.push(&certificate, &push).await;
        assert!(matches!(outcome, Outcome::Unaddressed { .. }), "{outcome:?}");
    }

    #[test]
    fn a_topic_that_cannot_stand_in_a_header_is_refused() {
        let key = PrivateKey::generate_p256().unwrap();
        let identity = || ClientIdentity::new([], key.clone());
        for wrong in ["", "com.apple.mgmt External", "com.apple.mgmt.\r\nx: y", "thème"] {
            assert!(PushIdentity::new(wrong, identity()).is_err(), "{wrong}");
        }
        assert_eq!(PushIdentity::new("com.apple.mgmt.External.x", identity()).unwrap().topic(), "com.apple.mgmt.External.x");
    }

    #[test]
    fn an_upload_is_told_what_the_push_service_holds_against_it() {
        let check = |status, word: &str| {
            accepts_certificate(&Outcome::read(status, None, None, format!(r#"{{"reason":"{word}"}}"#).as_bytes()), "com.apple.mgmt.x")
        };
        assert!(check(400, "BadDeviceToken").is_ok());
        assert!(check(200, "").is_ok());
        assert_eq!(check(403, "BadCertificate").unwrap_err().kind, Kind::BadInput);
        assert!(check(400, "TopicDisallowed").unwrap_err().message.contains("com.apple.mgmt.x"));
        assert_eq!(check(503, "Shutdown").unwrap_err().kind, Kind::Upstream);
    }
}
