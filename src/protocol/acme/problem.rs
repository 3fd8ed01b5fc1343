//! What goes wrong in ACME, as problem documents (RFC 8555 §6.7 and RFC 9457).

use serde::{Deserialize, Serialize};

/// The Content-Type of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What stands before the name of every fault.
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// The kinds of faults that are told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no account with this key.
    AccountDoesNotExist,
    /// The certificate was revoked before.
    AlreadyRevoked,
    /// The attestation does not count (draft-acme-device-attest).
    BadAttestationStatement,
    /// The certification request is not acceptable.
    BadCsr,
    /// The nonce is not good, or not any more; the client takes the one of the answer.
    BadNonce,
    /// The key is not of a kind that is taken.
    BadPublicKey,
    /// The reason of a revocation is none that a holder gives.
    BadRevocationReason,
    /// The algorithm of the signature is none that is taken.
    BadSignatureAlgorithm,
    /// The request cannot be read.
    Malformed,
    /// The order is not ready to be finalized.
    OrderNotReady,
    /// Too much at once.
    RateLimited,
    /// This identifier gets no certificate here.
    RejectedIdentifier,
    /// Our own fault.
    ServerInternal,
    /// The client may not do this.
    Unauthorized,
    /// Identifiers of this kind get no certificate here.
    UnsupportedIdentifier,
}

impl Fault {
    /// Its name after the prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountDoesNotExist => "accountDoesNotExist",
            Self::AlreadyRevoked => "alreadyRevoked",
            Self::BadAttestationStatement => "badAttestationStatement",
            Self::BadCsr => "badCSR",
            Self::BadNonce => "badNonce",
            Self::BadPublicKey => "badPublicKey",
            Self::BadRevocationReason => "badRevocationReason",
            Self::BadSignatureAlgorithm => "badSignatureAlgorithm",
            Self::Malformed => "malformed",
            Self::OrderNotReady => "orderNotReady",
            Self::RateLimited => "rateLimited",
            Self::RejectedIdentifier => "rejectedIdentifier",
            Self::ServerInternal => "serverInternal",
            Self::Unauthorized => "unauthorized",
            Self::UnsupportedIdentifier => "unsupportedIdentifier",
        }
    }

    /// Its HTTP status; never 401, which would make a device leave elsewhere.
    pub const fn status(self) -> u16 {
        match self {
            Self::OrderNotReady | Self::Unauthorized | Self::RejectedIdentifier => 403,
            Self::RateLimited => 429,
            Self::ServerInternal => 503,
            _ => 400,
        }
    }

    /// A problem of this kind in words.
    pub fn because(self, detail: impl Into<String>) -> Problem {
        // RFC 8555 §6.2: who signs otherwise is told what is taken.
        let algorithms = if self == Self::BadSignatureAlgorithm { ["ES256", "RS256"].map(String::from).to_vec() } else { Vec::new() };
        Problem { kind: format!("{PREFIX}{}", self.name()), detail: detail.into(), status: self.status(), algorithms }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind of fault, a URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, and what to do.
    pub detail: String,
    /// The HTTP status.
    pub status: u16,
    /// Which algorithms are taken, where the one of the request is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
}

impl Problem {
    /// Whether it is a fault of this kind.
    pub fn is(&self, fault: Fault) -> bool {
        self.kind.strip_prefix(PREFIX) == Some(fault.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_the_rfc_has_it() {
        let problem = Fault::BadNonce.because("JWS has an invalid anti-replay nonce");
        // RFC 8555 §6.5 and §6.7.
        let written = r#"{"type":"urn:ietf:params:acme:error:badNonce","detail":"JWS has an invalid anti-replay nonce","status":400}"#;
        assert_eq!(serde_json::to_string(&problem).unwrap(), written);
        assert!(problem.is(Fault::BadNonce) && !problem.is(Fault::Malformed));
    }

    #[test]
    fn no_fault_has_the_status_that_makes_devices_leave() {
        let all = [Fault::Unauthorized, Fault::AccountDoesNotExist, Fault::OrderNotReady, Fault::ServerInternal, Fault::RateLimited];
        assert!(all.iter().all(|fault| fault.status() != 401));
    }
}
