//! The server's answers: CertRep with a certificate or with a refusal, and the authority's own certificates.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::request::{Header, Refusal, Request};
use super::{FailInfo, MessageType, ScepError};
use crate::clock::Timestamp;
use crate::pki::asn1::{AnyRef, OctetStringRef, Oid, Tag, attribute, oid};
use crate::pki::certificate::Certificate;
use crate::pki::cms::{self, SignOptions, Signer};
use crate::pki::digest::Digest;

/// pkiStatus (§3.2.1.3).
pub(super) const SUCCESS: &str = "0";
pub(super) const FAILURE: &str = "2";
pub(super) const PENDING: &str = "3";

impl Request {
    /// The answer that carries the certificate issued; `authority` signs, and the envelope is for the signer of the request.
    pub fn success(&self, authority: &Signer, issued: &Certificate, now: Timestamp) -> Result<Vec<u8>, ScepError> {
        let certificates = cms::certs_only(std::slice::from_ref(issued)).map_err(not_made)?;
        let envelope = cms::encrypt(&self.header.signer, &certificates, self.cipher).map_err(not_made)?;
        self.header.answer(authority, &envelope, (SUCCESS, None), now)
    }

    /// The answer that refuses the request.
    pub fn failure(&self, authority: &Signer, fail_info: FailInfo, now: Timestamp) -> Result<Vec<u8>, ScepError> {
        self.header.failure(authority, fail_info, now)
    }
}

impl Refusal {
    /// The answer that says what the refusal is.
    pub fn answer(&self, authority: &Signer, now: Timestamp) -> Result<Vec<u8>, ScepError> {
        self.header.failure(authority, self.fail_info, now)
    }
}

impl Header {
    /// The answer that refuses the message.
    pub fn failure(&self, authority: &Signer, fail_info: FailInfo, now: Timestamp) -> Result<Vec<u8>, ScepError> {
        // Nothing, but in its place: as the servers write it that Apple's clients grew up with.
        self.answer(authority, &[], (FAILURE, Some(fail_info)), now)
    }

    fn answer(
        &self,
        authority: &Signer,
        content: &[u8],
        (status, fail_info): (&str, Option<FailInfo>),
        now: Timestamp,
    ) -> Result<Vec<u8>, ScepError> {
        let mut nonce = [0; 16];
        SystemRandom::new().fill(&mut nonce).map_err(not_made)?;
        let mut attributes = vec![
            printable(oid::SCEP_MESSAGE_TYPE, MessageType::CertRep.number())?,
            printable(oid::SCEP_PKI_STATUS, status)?,
            printable(oid::SCEP_TRANSACTION_ID, &self.transaction_id)?,
            octets(oid::SCEP_SENDER_NONCE, &nonce)?,
            octets(oid::SCEP_RECIPIENT_NONCE, &self.sender_nonce)?,
        ];
        if let Some(fail_info) = fail_info {
            attributes.push(printable(oid::SCEP_FAIL_INFO, fail_info.number())?);
        }
        // SHA-1 is never answered in kind: all clients that send it read SHA-256, and our key does not sign with it.
        let digest = Some(self.digest).filter(|digest| *digest != Digest::Sha1);
        let options = SignOptions { digest, signing_time: Some(now), attributes, ..SignOptions::default() };
        cms::sign(authority, content, &options).map_err(not_made)
    }
}

/// An attribute with a character string.
pub(super) fn printable(oid: Oid, text: &str) -> Result<Vec<u8>, ScepError> {
    let value = AnyRef::new(Tag::PrintableString, text.as_bytes()).map_err(not_made)?;
    attribute(oid, &value).map_err(not_made)
}

/// An attribute with bytes.
pub(super) fn octets(oid: Oid, bytes: &[u8]) -> Result<Vec<u8>, ScepError> {
    attribute(oid, &OctetStringRef::new(bytes).map_err(not_made)?).map_err(not_made)
}

pub(super) fn not_made(error: impl std::fmt::Display) -> ScepError {
    ScepError::NotMade(error.to_string())
}

/// The answer to GetCACert: its body and its MIME type. One certificate is sent bare, a chain as a message of certificates.
pub fn ca_certificates_body(chain: &[Certificate]) -> Result<(Vec<u8>, &'static str), ScepError> {
    match chain {
        [only] => Ok((only.der().to_vec(), super::CA_CERTIFICATE)),
        chain => Ok((cms::certs_only(chain).map_err(not_made)?, super::CA_CERTIFICATES)),
    }
}

/// The answer to GetNextCACert: the next certificate, signed by the present authority.
pub fn next_ca_certificate(authority: &Signer, next: &Certificate, now: Timestamp) -> Result<Vec<u8>, ScepError> {
    let certificates = cms::certs_only(std::slice::from_ref(next)).map_err(not_made)?;
    let options = SignOptions { signing_time: Some(now), ..SignOptions::default() };
    cms::sign(authority, &certificates, &options).map_err(not_made)
}
