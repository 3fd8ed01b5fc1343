//! A client's message: verified, then opened; what cannot be granted is refused in the protocol's own words.

use zeroize::Zeroizing;

use super::{FailInfo, MAX_NONCE_BYTES, MAX_TRANSACTION_ID_BYTES, MessageType, ScepError};
use crate::clock::Timestamp;
use crate::pki::asn1::{Tag, Tagged as _, oid};
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms::{self, CmsError, DecryptOptions, Signer, Verified};
use crate::pki::csr::CertificationRequest;
use crate::pki::digest::Digest;

/// What is accepted when a request is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Whether envelopes in single DES are accepted (setting `scep.legacy_clients`).
    pub allow_single_des: bool,
}

/// What stands outside the envelope of a message: enough to answer it.
#[derive(Debug, Clone)]
pub struct Header {
    /// What the message asks for.
    pub message_type: MessageType,
    /// The client's name for this exchange; echoed unchanged.
    pub transaction_id: String,
    /// The client's nonce; echoed as recipientNonce.
    pub sender_nonce: Vec<u8>,
    /// The certificate that signed: a throw-away one, or for renewals the one to be renewed. The answer is encrypted to it.
    pub signer: Certificate,
    /// The digest that the client signs with.
    pub digest: Digest,
    /// When the client says it signed.
    pub signing_time: Option<Timestamp>,
}

/// A request that holds together: the signature is its signer's, the certification request is signed by its own key.
#[derive(Debug)]
pub struct Request {
    /// What stood outside the envelope.
    pub header: Header,
    /// The certification request inside, with its challenge.
    pub csr: CertificationRequest,
    /// The cipher of the envelope; the answer uses it too.
    pub cipher: Cipher,
}

/// A message that can be answered, but only with a refusal.
#[derive(Debug)]
pub struct Refusal {
    /// What stood outside the envelope.
    pub header: Header,
    /// What the client is told.
    pub fail_info: FailInfo,
    /// What the log is told.
    pub reason: String,
}

/// What became of a client's message.
#[derive(Debug)]
pub enum Opened {
    /// A request to decide on.
    Request(Box<Request>),
    /// A message to refuse.
    Refused(Box<Refusal>),
}

impl Header {
    /// Verifies a message and reads what stands outside its envelope; also returns the envelope.
    pub(super) fn read(message: &[u8]) -> Result<(Self, Verified), ScepError> {
        let verified = cms::verify(message, None)?;
        let number = verified.text(oid::SCEP_MESSAGE_TYPE).ok_or(ScepError::Attribute("messageType"))?;
        let transaction_id = verified.text(oid::SCEP_TRANSACTION_ID).ok_or(ScepError::Attribute("transactionID"))?;
        if transaction_id.is_empty() || transaction_id.len() > MAX_TRANSACTION_ID_BYTES {
            return Err(ScepError::Attribute("transactionID"));
        }
        let header = Self {
            message_type: MessageType::from_number(&number).ok_or(ScepError::Attribute("messageType"))?,
            transaction_id,
            sender_nonce: nonce(&verified, oid::SCEP_SENDER_NONCE).ok_or(ScepError::Attribute("senderNonce"))?,
            signer: verified.signer.clone(),
            digest: verified.digest,
            signing_time: verified.signing_time,
        };
        Ok((header, verified))
    }
}

/// A nonce attribute within its limit.
pub(super) fn nonce(verified: &Verified, oid: crate::pki::asn1::Oid) -> Option<Vec<u8>> {
    let value = verified.attribute(oid).filter(|value| value.tag() == Tag::OctetString)?.value();
    (1..=MAX_NONCE_BYTES).contains(&value.len()).then(|| value.to_vec())
}

impl Request {
    /// Verifies and opens a client's message that is addressed to `authority`.
    ///
    /// An error is a message that cannot be answered in kind (HTTP 400). Everything that is wrong inside the envelope is one and the same
    /// refusal, so that nobody can learn the content of a recorded envelope by asking us about changed copies.
    pub fn open(message: &[u8], authority: &Signer, options: OpenOptions) -> Result<Opened, ScepError> {
        let (header, verified) = Header::read(message)?;
        let refused = |fail_info, reason: String| Opened::Refused(Box::new(Refusal { header: header.clone(), fail_info, reason }));
        match header.message_type {
            MessageType::PkcsReq | MessageType::RenewalReq | MessageType::UpdateReq => {}
            other => {
                return Ok(refused(FailInfo::BadRequest, t!("messages of the type {other} are not served", other = format!("{other:?}"))));
            }
        }
        let opened = match cms::decrypt(authority, &verified.content, DecryptOptions { allow_single_des: options.allow_single_des }) {
            Ok(opened) => opened,
            Err(error @ (CmsError::Unsupported(_) | CmsError::SingleDes)) => return Ok(refused(FailInfo::BadAlg, error.to_string())),
            Err(error @ CmsError::NoRecipient) => return Ok(refused(FailInfo::BadMessageCheck, error.to_string())),
            Err(error) => return Ok(refused(FailInfo::BadRequest, error.to_string())),
        };
        let content: Zeroizing<Vec<u8>> = opened.content;
        Ok(match CertificationRequest::from_der(&content) {
            Ok(csr) => Opened::Request(Box::new(Self { header, csr, cipher: opened.cipher })),
            Err(error) => refused(FailInfo::BadRequest, error.to_string()),
        })
    }
}
