//! What a push service's answer means for the enrollment and for the push certificate.

use std::time::Duration;

use serde::Deserialize;

use crate::clock::Timestamp;

/// After a busy service's answer that names no time itself.
const BUSY_PAUSE: Duration = Duration::from_secs(30);

/// After a failure to reach the service.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(30);

/// After a refused certificate, for all its pushes; replacing the certificate ends it.
const CERTIFICATE_PAUSE: Duration = Duration::from_secs(15 * 60);

/// After the service called a token dead without proof that it means the present one.
const UNPROVEN_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The longest pause that a service may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Apple has it, and hands it on when the device is reachable.
    Delivered {
        /// Apple's name for this push, a UUID.
        apns_id: Option<String>,
    },
    /// Apple answered that it does not take it.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Apple's word for why, for example `BadDeviceToken`; absent when the body was empty or not understood.
        reason: Option<String>,
        /// With status 410: since when the token is dead.
        timestamp: Option<Timestamp>,
        /// How long Apple asks us to wait.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    Unreachable {
        /// What was in the way and what to do about it.
        why: String,
    },
    /// Nothing was asked: by what the device said it is woken, no push can be addressed.
    Unaddressed {
        /// What is wrong with it.
        why: String,
    },
    /// There was no answer because our push certificate was refused while connecting, or cannot be used at all.
    Unproven {
        /// What is wrong with it and what to do about it.
        why: String,
    },
}

/// What to do after a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: wait for the device.
    Delivered,
    /// Push no more to this enrollment until its next TokenUpdate.
    TokenDead,
    /// Keep the token, tell the admin, and try again after the next TokenUpdate or a change of the push certificate.
    OurFault(Fault),
    /// Try again, not before this time has passed. The outcome says whether it concerns one device or everyone.
    BackOff(Duration),
    /// Pause all pushes of this certificate for this time or until it is replaced, and tell the admin.
    CertificateRefused(Duration),
}

/// What is wrong on our side when Apple does not know what to do with a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The token is not one that this certificate or environment can reach; seen with several devices, it is the certificate's fault.
    Token,
    /// The certificate's topic is not the enrollment's.
    Topic,
    /// The request itself is wrong: a fault of this program.
    Request,
}

/// The body of Apple's refusals.
#[derive(Deserialize)]
struct Refusal {
    reason: Option<String>,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
}

impl Outcome {
    /// Reads an answer from its status, its headers `apns-id` and `retry-after` (in seconds) and its body.
    ///
    /// A body that cannot be understood leaves only the status.
    pub fn read(status: u16, apns_id: Option<&str>, retry_after: Option<&str>, body: &[u8]) -> Self {
        if status == 200 {
            return Self::Delivered { apns_id: apns_id.map(str::to_owned) };
        }
        let refusal = serde_json::from_slice(body).unwrap_or(Refusal { reason: None, timestamp: None });
        Self::Refused {
            status,
            reason: refusal.reason,
            timestamp: refusal.timestamp.map(Timestamp::from_millis),
            retry_after: retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs),
        }
    }
}

/// What to do after `outcome` for an enrollment whose token came at `token_updated_at`.
///
/// Only a 410 with a moment after the token came proves the token dead: an earlier moment speaks of the one before it.
/// A refusal that blames token or topic is held for our own fault, because a wrong certificate looks the same for every device.
pub fn judge(outcome: &Outcome, token_updated_at: Timestamp) -> Verdict {
    match outcome {
        Outcome::Delivered { .. } => Verdict::Delivered,
        Outcome::Unaddressed { .. } => Verdict::OurFault(Fault::Token),
        Outcome::Unproven { .. } => Verdict::CertificateRefused(CERTIFICATE_PAUSE),
        Outcome::Unreachable { .. } => Verdict::BackOff(UNREACHABLE_PAUSE),
        Outcome::Refused { status, reason, timestamp, retry_after } => {
            let pause = |otherwise: Duration| retry_after.unwrap_or(otherwise).clamp(Duration::from_secs(1), LONGEST_PAUSE);
            match (status, reason.as_deref()) {
                (410, _) if timestamp.is_some_and(|dead_since| dead_since > token_updated_at) => Verdict::TokenDead,
                (410, _) => Verdict::BackOff(UNPROVEN_PAUSE),
                (403, _) | (400, Some("BadCertificate" | "BadCertificateEnvironment")) => Verdict::CertificateRefused(CERTIFICATE_PAUSE),
                (400, Some("BadDeviceToken" | "MissingDeviceToken")) => Verdict::OurFault(Fault::Token),
                (400, Some("DeviceTokenNotForTopic" | "BadTopic" | "MissingTopic" | "TopicDisallowed")) => Verdict::OurFault(Fault::Topic),
                (400, Some("IdleTimeout")) => Verdict::BackOff(pause(BUSY_PAUSE)),
                (400 | 404 | 405 | 413, _) => Verdict::OurFault(Fault::Request),
                // 429, 5xx, and whatever a service may say one day: never a reason to give a device up.
                _ => Verdict::BackOff(pause(BUSY_PAUSE)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN_UPDATED: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn answered(status: u16, body: &str, retry_after: Option<&str>) -> Outcome {
        Outcome::read(status, None, retry_after, body.as_bytes())
    }

    fn reason(status: u16, reason: &str) -> Verdict {
        judge(&answered(status, &format!(r#"{{"reason":"{reason}"}}"#), None), TOKEN_UPDATED)
    }

    #[test]
    fn only_a_moment_after_the_token_came_proves_it_dead() {
        let gone = |body: &str| judge(&answered(410, body, None), TOKEN_UPDATED);
        assert_eq!(gone(r#"{"reason":"Unregistered","timestamp":1767225600001}"#), Verdict::TokenDead);
        assert_eq!(gone(r#"{"reason":"ExpiredToken","timestamp":1767225600001}"#), Verdict::TokenDead);
        for unproven in [
            r#"{"reason":"Unregistered","timestamp":1767225600000}"#,
            r#"{"reason":"Unregistered","timestamp":1}"#,
            r#"{"reason":"Unregistered"}"#,
            r#"{"reason":"Unregistered","timestamp":"1767225600001"}"#,
            "",
            "<html>",
        ] {
            assert_eq!(gone(unproven), Verdict::BackOff(UNPROVEN_PAUSE), "{unproven}");
        }
    }

    #[test]
    fn refusals_that_blame_token_or_topic_are_our_fault() {
        for word in ["BadDeviceToken", "MissingDeviceToken"] {
            assert_eq!(reason(400, word), Verdict::OurFault(Fault::Token), "{word}");
        }
        for word in ["DeviceTokenNotForTopic", "BadTopic", "MissingTopic", "TopicDisallowed"] {
            assert_eq!(reason(400, word), Verdict::OurFault(Fault::Topic), "{word}");
        }
        for (status, word) in
            [(400, "PayloadEmpty"), (400, "SomethingNew"), (404, "BadPath"), (405, "MethodNotAllowed"), (413, "PayloadTooLarge")]
        {
            assert_eq!(reason(status, word), Verdict::OurFault(Fault::Request), "{word}");
        }
    }

    #[test]
    fn a_refused_certificate_pauses_all_its_pushes() {
        for word in ["BadCertificate", "BadCertificateEnvironment", "ExpiredProviderToken", "MissingProviderToken", "SomethingNew"] {
            assert_eq!(reason(403, word), Verdict::CertificateRefused(CERTIFICATE_PAUSE), "{word}");
        }
        let unproven = Outcome::Unproven { why: String::from("TLS alert CertificateExpired") };
        assert_eq!(judge(&unproven, TOKEN_UPDATED), Verdict::CertificateRefused(CERTIFICATE_PAUSE));
    }

    #[test]
    fn a_busy_or_absent_service_is_left_alone_for_a_while() {
        let busy = |status, body, retry_after| judge(&answered(status, body, retry_after), TOKEN_UPDATED);
        assert_eq!(busy(429, r#"{"reason":"TooManyRequests"}"#, Some("120")), Verdict::BackOff(Duration::from_secs(120)));
        assert_eq!(busy(429, "", Some("0")), Verdict::BackOff(Duration::from_secs(1)));
        assert_eq!(busy(503, r#"{"reason":"Shutdown"}"#, Some("999999")), Verdict::BackOff(LONGEST_PAUSE));
        for (status, body) in
            [(500, ""), (503, r#"{"reason":"ServiceUnavailable"}"#), (400, r#"{"reason":"IdleTimeout"}"#), (302, ""), (418, "")]
        {
            assert_eq!(busy(status, body, Some("Wed, 21 Oct 2026 07:28:00 GMT")), Verdict::BackOff(BUSY_PAUSE), "{status} {body}");
        }
        assert_eq!(judge(&Outcome::Unreachable { why: String::new() }, TOKEN_UPDATED), Verdict::BackOff(UNREACHABLE_PAUSE));
    }
}
