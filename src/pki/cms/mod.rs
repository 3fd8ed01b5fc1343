//! Signed and enveloped messages (CMS, RFC 5652) as devices, SCEP clients and Apple's services exchange them.
//!
//! A verified signature proves integrity and who holds the key; whether the signer's certificate may be trusted is the caller's question.

mod envelope;
mod sign;
#[cfg(test)]
mod tests;
mod types;
mod verify;

pub use envelope::{DecryptOptions, Decrypted, decrypt, encrypt};
pub use sign::{Attach, SignOptions, Signer, certs_only, sign};
pub use verify::{Detached, SignedMessage, Verified, certificates, verify, verify_detached};
pub(crate) use verify::{claimed, verify_detached_digest};

use super::asn1::Malformed;
use super::certificate::CertificateError;
use super::cipher::CipherError;
use super::key::KeyError;
use super::public_key::SignatureError;
use crate::error;

/// Why a message was not verified, opened or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// The bytes are no CMS message, or a damaged one.
    #[error("the signed or encrypted message is damaged or incomplete")]
    Malformed,
    /// The message is of another kind, for example encrypted where a signed one is expected.
    #[error("the message is not {expected}")]
    WrongKind {
        /// What was expected, for example `signed`.
        expected: &'static str,
    },
    /// Nobody has signed the message.
    #[error("the message has no signer")]
    NoSigner,
    /// The certificate of the signer is not in the message.
    #[error("the signer's certificate is not in the message")]
    NoSignerCertificate,
    /// The signer's certificate is damaged.
    #[error("the signer's certificate cannot be read")]
    SignerCertificate(#[from] CertificateError),
    /// The content is neither in the message nor given beside it.
    #[error("the message has no content")]
    NoContent,
    /// An algorithm is not supported.
    #[error("the algorithm {0} is not supported")]
    Unsupported(String),
    /// Single DES, where no setting allows it.
    #[error("the message is encrypted with single DES, which is broken and not allowed here")]
    SingleDes,
    /// The content is not what was signed.
    #[error("the content was changed after it was signed")]
    ContentChanged,
    /// The signature does not match the signer's key.
    #[error("the signature does not match the signer's certificate")]
    Signature,
    /// The message is encrypted to somebody else.
    #[error("the message is encrypted to another certificate")]
    NoRecipient,
    /// The content cannot be decrypted.
    #[error("the message cannot be decrypted")]
    Undecryptable,
    /// The recipient's or signer's key cannot do this.
    #[error("{0}")]
    Key(String),
    /// A certificate and a private key do not belong together.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
}

impl From<Malformed> for CmsError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<CipherError> for CmsError {
    fn from(_: CipherError) -> Self {
        Self::Undecryptable
    }
}

impl From<KeyError> for CmsError {
    fn from(error: KeyError) -> Self {
        Self::Key(error.to_string())
    }
}

impl From<SignatureError> for CmsError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Unsupported(algorithm) => Self::Unsupported(algorithm),
            SignatureError::Mismatch => Self::Signature,
        }
    }
}

impl From<CmsError> for error::Error {
    fn from(error: CmsError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}
