//! The client's side: what the simulator says, in any dialect that devices have, and how it reads the answer.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::reply::{FAILURE, PENDING, SUCCESS, not_made, octets, printable};
use super::request::{Header, nonce};
use super::{FailInfo, MessageType, ScepError};
use crate::clock::Timestamp;
use crate::pki::asn1::{name, oid};
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms::{self, CmsError, DecryptOptions, SignOptions, Signer};
use crate::pki::csr::{self, RequestOptions};
use crate::pki::digest::{Digest, sha256};
use crate::pki::hex;
use crate::pki::key::PrivateKey;

/// What a server says it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// PKIOperation may come by POST.
    pub post: bool,
    /// A certificate may be renewed with itself.
    pub renewal: bool,
    /// AES is understood.
    pub aes: bool,
    /// Triple DES is understood.
    pub des3: bool,
    /// SHA-256 is understood.
    pub sha256: bool,
}

impl Capabilities {
    /// Reads the answer to GetCACaps; unknown lines are passed over.
    pub fn parse(text: &str) -> Self {
        let has = |wanted: &str| text.lines().any(|line| line.trim().eq_ignore_ascii_case(wanted));
        let standard = has("SCEPStandard");
        Self {
            post: standard || has("POSTPKIOperation"),
            renewal: has("Renewal"),
            aes: standard || has("AES"),
            des3: has("DES3"),
            sha256: standard || has("SHA-256"),
        }
    }

    /// The cipher that Apple's clients choose.
    pub fn cipher(self) -> Cipher {
        if self.aes { Cipher::Aes128Cbc } else { Cipher::DesEde3Cbc }
    }

    /// The digest that Apple's clients choose.
    pub fn digest(self) -> Digest {
        if self.sha256 { Digest::Sha256 } else { Digest::Sha1 }
    }
}

/// Reads the answer to GetCACert, one certificate or several.
pub fn ca_certificates(body: &[u8]) -> Result<Vec<Certificate>, ScepError> {
    if let Ok(only) = Certificate::from_der(body) {
        return Ok(vec![only]);
    }
    let certificates = cms::certificates(body)?;
    if certificates.is_empty() { Err(ScepError::Answer(t!("it holds no certificate"))) } else { Ok(certificates) }
}

/// The certificate to encrypt to: the registration authority's where there is one, else the authority's.
pub fn encryption_certificate(certificates: &[Certificate]) -> Option<&Certificate> {
    certificates.iter().find(|certificate| !certificate.is_authority()).or_else(|| certificates.first())
}

/// What a request says and how.
#[derive(Debug, Clone)]
pub struct ClientOptions<'a> {
    /// The subject asked for, as (short name or dotted identifier, value), for example `("CN", "TESTSN0001")`.
    pub subject: &'a [(String, String)],
    /// The challenge; renewals have none.
    pub challenge: Option<&'a str>,
    /// PKCSReq, or RenewalReq signed with the certificate to be renewed.
    pub message_type: MessageType,
    /// The cipher of the envelope.
    pub cipher: Cipher,
    /// The digest of the signatures.
    pub digest: Digest,
    /// When it is signed.
    pub now: Timestamp,
}

/// A request on its way, with what its answer is judged by.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// The message to send.
    pub message: Vec<u8>,
    /// The name of this exchange.
    pub transaction_id: String,
    /// The nonce that the answer must repeat.
    pub sender_nonce: [u8; 16],
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The certificate, and others that came with it.
    Issued {
        /// The certificate issued.
        certificate: Certificate,
        /// The other certificates of the answer, in order.
        others: Vec<Certificate>,
    },
    /// Refused.
    Refused(Option<FailInfo>),
    /// Undecided: ask again.
    Pending,
}

impl ClientRequest {
    /// Makes a request for a certificate for `key`, signed by `signer` (a throw-away certificate of the same key, or the one to be renewed)
    /// and encrypted to `authority`.
    pub fn new(key: &PrivateKey, signer: &Signer, authority: &Certificate, options: &ClientOptions<'_>) -> Result<Self, ScepError> {
        let subject = name::write_named(options.subject).map_err(not_made)?;
        let request = RequestOptions { challenge: options.challenge, digest: Some(options.digest) };
        let request = csr::write(&subject, key, request).map_err(not_made)?;
        let envelope = cms::encrypt(authority, &request, options.cipher).map_err(not_made)?;

        let mut sender_nonce = [0; 16];
        SystemRandom::new().fill(&mut sender_nonce).map_err(not_made)?;
        let transaction_id = hex(&sha256(key.public_key_der())[..20]);
        let attributes = vec![
            printable(oid::SCEP_MESSAGE_TYPE, options.message_type.number())?,
            printable(oid::SCEP_TRANSACTION_ID, &transaction_id)?,
            octets(oid::SCEP_SENDER_NONCE, &sender_nonce)?,
        ];
        let sign = SignOptions { digest: Some(options.digest), signing_time: Some(options.now), attributes, ..SignOptions::default() };
        let message = cms::sign(signer, &envelope, &sign).map_err(not_made)?;
        Ok(Self { message, transaction_id, sender_nonce })
    }

    /// Opens the answer, which must be signed by one of `authorities` and repeat what was sent; `signer` signed the request.
    pub fn open(&self, answer: &[u8], authorities: &[Certificate], signer: &Signer) -> Result<Answer, ScepError> {
        let (header, verified) = Header::read(answer)?;
        if !authorities.contains(&header.signer) {
            return Err(ScepError::Answer(t!("it is not signed by the authority")));
        }
        if header.message_type != MessageType::CertRep {
            return Err(ScepError::Answer(t!("it is no CertRep")));
        }
        if header.transaction_id != self.transaction_id {
            return Err(ScepError::Answer(t!("its transactionID is another")));
        }
        if nonce(&verified, oid::SCEP_RECIPIENT_NONCE).as_deref() != Some(&self.sender_nonce) {
            return Err(ScepError::Answer(t!("its recipientNonce is not ours")));
        }
        match verified.text(oid::SCEP_PKI_STATUS).as_deref() {
            Some(SUCCESS) => issued(signer, &verified.content),
            Some(FAILURE) => {
                let number = verified.text(oid::SCEP_FAIL_INFO);
                Ok(Answer::Refused(number.and_then(|number| FailInfo::from_number(&number))))
            }
            Some(PENDING) => Ok(Answer::Pending),
            _ => Err(ScepError::Attribute("pkiStatus")),
        }
    }
}

/// Opens the envelope of a successful answer; the certificate for the request's key comes first.
fn issued(signer: &Signer, envelope: &[u8]) -> Result<Answer, ScepError> {
    let opened = cms::decrypt(signer, envelope, DecryptOptions { allow_single_des: true })?;
    let mut certificates = cms::certificates(&opened.content)?;
    if certificates.is_empty() {
        return Err(ScepError::Message(CmsError::Malformed));
    }
    Ok(Answer::Issued { certificate: certificates.remove(0), others: certificates })
}
