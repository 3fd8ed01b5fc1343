//! SCEP (RFC 8894): how a device that has nothing but a challenge gets its identity; the server's side and the client's.

mod client;
mod query;
mod reply;
mod request;
#[cfg(test)]
mod tests;

pub use client::{Answer, Capabilities, ClientOptions, ClientRequest, ca_certificates, encryption_certificate};
pub use query::{Operation, parse_query};
pub use reply::{ca_certificates_body, next_ca_certificate};
pub use request::{Header, OpenOptions, Opened, Refusal, Request};

use crate::error;
use crate::pki::cms::CmsError;

/// The MIME type of every answer to PKIOperation, refusals included; certmonger insists on it.
pub const PKI_MESSAGE: &str = "application/x-pki-message";
/// The MIME type of GetCACert's answer that is one certificate.
pub const CA_CERTIFICATE: &str = "application/x-x509-ca-cert";
/// The MIME type of GetCACert's answer that is a chain.
pub const CA_CERTIFICATES: &str = "application/x-x509-ca-ra-cert";
/// The MIME type of GetNextCACert's answer.
pub const NEXT_CA_CERTIFICATE: &str = "application/x-x509-next-ca-cert";
/// The MIME type of GetCACaps' answer.
pub const CAPABILITIES_TYPE: &str = "text/plain";

/// The answer to GetCACaps. strongSwan takes its lines by their place in this list, so the list is whole and in this order, even though
/// a request signed over SHA-224 is refused with badAlg.
pub const CAPABILITIES: &str =
    "AES\nDES3\nSHA-1\nSHA-224\nSHA-256\nSHA-384\nSHA-512\nGetNextCACert\nPOSTPKIOperation\nRenewal\nUpdate\nSCEPStandard";

/// Longest transaction id that is echoed; certmonger's have 77 characters.
pub const MAX_TRANSACTION_ID_BYTES: usize = 255;
/// Longest nonce that is echoed; the standard's have 16 bytes.
pub const MAX_NONCE_BYTES: usize = 64;

/// What a message asks for or answers (§3.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// 3: the answer.
    CertRep,
    /// 17: a certificate for a device that has one.
    RenewalReq,
    /// 18: as 17, in drafts before the RFC.
    UpdateReq,
    /// 19: a first certificate; certmonger renews with it too.
    PkcsReq,
    /// 20: whether a pending request is decided.
    CertPoll,
    /// 21: an issued certificate.
    GetCert,
    /// 22: a revocation list.
    GetCrl,
}

impl MessageType {
    /// The number as text, as it stands in messages.
    pub const fn number(self) -> &'static str {
        match self {
            Self::CertRep => "3",
            Self::RenewalReq => "17",
            Self::UpdateReq => "18",
            Self::PkcsReq => "19",
            Self::CertPoll => "20",
            Self::GetCert => "21",
            Self::GetCrl => "22",
        }
    }

    /// The message type of this number.
    pub fn from_number(number: &str) -> Option<Self> {
        let all = [Self::CertRep, Self::RenewalReq, Self::UpdateReq, Self::PkcsReq, Self::CertPoll, Self::GetCert, Self::GetCrl];
        all.into_iter().find(|kind| kind.number() == number)
    }
}

/// Why a request was refused, as far as the protocol can say (§3.2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailInfo {
    /// 0: an algorithm is not supported or not allowed.
    BadAlg,
    /// 1: the message does not hold together.
    BadMessageCheck,
    /// 2: the request is not granted: wrong challenge, unacceptable key.
    BadRequest,
    /// 3: the signing time is too far from ours.
    BadTime,
    /// 4: the certificate meant does not exist.
    BadCertId,
}

impl FailInfo {
    /// The number as text, as it stands in messages.
    pub const fn number(self) -> &'static str {
        match self {
            Self::BadAlg => "0",
            Self::BadMessageCheck => "1",
            Self::BadRequest => "2",
            Self::BadTime => "3",
            Self::BadCertId => "4",
        }
    }

    /// The reason of this number.
    pub fn from_number(number: &str) -> Option<Self> {
        let all = [Self::BadAlg, Self::BadMessageCheck, Self::BadRequest, Self::BadTime, Self::BadCertId];
        all.into_iter().find(|reason| reason.number() == number)
    }
}

/// Why a SCEP message could not even be answered in kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScepError {
    /// The message is not signed, or not rightly.
    #[error("the SCEP message cannot be read: {0}")]
    Message(#[from] CmsError),
    /// A signed attribute that the protocol needs is missing or unusable.
    #[error("the SCEP message has no usable {0}")]
    Attribute(&'static str),
    /// The address has no operation, or an unusable message.
    #[error("the SCEP address is not understood: {0}")]
    Query(&'static str),
    /// An answer does not belong to the request.
    #[error("the answer does not belong to the request: {0}")]
    Answer(&'static str),
    /// A request or an answer could not be made.
    #[error("the SCEP message could not be made: {0}")]
    NotMade(String),
}

impl From<ScepError> for error::Error {
    fn from(error: ScepError) -> Self {
        match error {
            ScepError::NotMade(_) => Self::internal("a SCEP message could not be made", error),
            error => Self::bad_input(error.to_string()).caused_by(error),
        }
    }
}
