//! Issuing certificates: our own root, TLS certificates, device identities, all by our own policy; requests only bring their key.

pub mod attestation;
mod extension;

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::asn1::{AnyRef, BitStringRef, Malformed, Number, Oid, Raw, Seq, Tag, decode, element, encode, name, oid, time};
use super::certificate::{Certificate, CertificateError, SignedCertificate, Tbs, Validity};
use super::cms::Signer;
use super::csr::{CertificationRequest, CsrError};
use super::key::{KeyError, PrivateKey};
use super::public_key::KeyKind;
use crate::clock::Timestamp;
use crate::error;
use extension::{Extensions, KeyUsage};

const DAY: Duration = Duration::from_secs(86_400);

/// How long a root is valid.
pub const ROOT_LIFETIME: Duration = DAY.saturating_mul(20 * 365);
/// How long our own TLS certificate is valid: the most that Apple's systems accept of publicly trusted ones.
pub const TLS_LIFETIME: Duration = DAY.saturating_mul(398);
/// How long a device identity is valid.
pub const IDENTITY_LIFETIME: Duration = DAY.saturating_mul(2 * 365);
/// How far the start of validity lies in the past, for devices whose clocks are behind.
pub const BACK_DATE: Duration = Duration::from_secs(600);

/// Most names in one TLS certificate.
pub const MAX_NAMES: usize = 100;

/// Why a certificate was not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The request or its key is not acceptable.
    #[error(transparent)]
    Request(#[from] CsrError),
    /// The authority's own certificate has run out.
    #[error("the certificate authority's own certificate has expired: nothing can be issued until it is replaced")]
    AuthorityExpired,
    /// A name cannot stand in a certificate.
    #[error("{0:?} cannot be the name in a certificate")]
    Name(String),
    /// There is no name, or there are too many.
    #[error("a TLS certificate needs 1 to {MAX_NAMES} names")]
    Names,
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate could not be put together.
    #[error("the certificate could not be put together")]
    Malformed,
}

impl From<Malformed> for IssueError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<CertificateError> for IssueError {
    fn from(_: CertificateError) -> Self {
        Self::Malformed
    }
}

impl From<IssueError> for error::Error {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Request(_) | IssueError::Name(_) | IssueError::Names => Self::bad_input(error.to_string()).caused_by(error),
            IssueError::AuthorityExpired | IssueError::Key(_) | IssueError::Malformed => {
                Self::internal("the certificate authority could not issue a certificate", error)
            }
        }
    }
}

/// A name that a TLS certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerName {
    /// A host name, in ASCII, perhaps with `*` as its first label.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl ServerName {
    /// Reads a host name or an address.
    pub fn parse(text: &str) -> Result<Self, IssueError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(inner)
        };
        let rest = text.strip_prefix("*.").unwrap_or(text);
        if text.len() <= 253 && rest.split('.').all(label) {
            Ok(Self::Dns(text.to_ascii_lowercase()))
        } else {
            Err(IssueError::Name(text.to_owned()))
        }
    }
}

impl std::fmt::Display for ServerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// A certificate authority with its key ready for use.
#[derive(Debug, Clone)]
pub struct Issuer {
    signer: Signer,
}

/// What the key of a root may do; SCEP needs the first two.
const AUTHORITY_USAGE: [KeyUsage; 4] =
    [KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment, KeyUsage::CertificateSigning, KeyUsage::RevocationListSigning];

/// Makes a root: RSA-2048, because SCEP clients encrypt to it, with the usages that SCEP needs.
///
/// `common_name` is what people see on the device, for example `Rollcall CA of example.school`.
pub fn root(common_name: &str, now: Timestamp) -> Result<Issuer, IssueError> {
    let key = PrivateKey::generate_rsa_2048()?;
    let subject = subject(&[(oid::COMMON_NAME, common_name)])?;
    let mut extensions = Extensions::new();
    // One authority may stand below: the successor, as a bridge for those who know only this one.
    extensions.authority(1)?.key_usage(&AUTHORITY_USAGE)?.subject_key(key.public_key_der())?;
    let certificate = Draft {
        issuer: &subject,
        subject: &subject,
        public_key: key.public_key_der(),
        not_before: now.minus(DAY),
        not_after: now.plus(ROOT_LIFETIME),
        extensions,
    };
    Issuer::new(certificate.sign(&key)?, key)
}

/// Makes a self-signed certificate for `key`, valid from [`BACK_DATE`] ago for `lifetime`: the throw-away signer of a SCEP request.
pub fn self_signed(common_name: &str, key: &PrivateKey, lifetime: Duration, now: Timestamp) -> Result<Signer, IssueError> {
    let subject = subject(&[(oid::COMMON_NAME, common_name)])?;
    let mut extensions = Extensions::new();
    extensions.leaf()?.key_usage(&leaf_usage(key.kind()))?.purpose(oid::CLIENT_AUTH)?.subject_key(key.public_key_der())?;
    let draft = Draft {
        issuer: &subject,
        subject: &subject,
        public_key: key.public_key_der(),
        not_before: now.minus(BACK_DATE),
        not_after: now.plus(lifetime),
        extensions,
    };
    Signer::new(draft.sign(key)?, key.clone()).map_err(|_| IssueError::Malformed)
}

impl Issuer {
    /// Puts the authority's certificate and key together; fails when they do not belong together.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, IssueError> {
        let signer = Signer::new(certificate, key).map_err(|_| IssueError::Key(KeyError::Malformed))?;
        Ok(Self { signer })
    }

    /// Certificate and key, for signing and opening SCEP messages and signing profiles.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> &Certificate {
        self.signer.certificate()
    }

    /// Makes a TLS server's key (P-256) and certificate for `names`; the first one is also the common name.
    pub fn tls_server(&self, names: &[ServerName], now: Timestamp) -> Result<Signer, IssueError> {
        let first = names.first().filter(|_| names.len() <= MAX_NAMES).ok_or(IssueError::Names)?;
        let key = PrivateKey::generate_p256()?;
        // Common names end at 64 characters (RFC 5280 appendix A); nobody reads them where alternative names stand.
        let common_name: String = first.to_string().chars().take(64).collect();
        let subject = subject(&[(oid::COMMON_NAME, &common_name)])?;
        let mut extensions = Extensions::new();
        extensions.key_usage(&leaf_usage(key.kind()))?.purpose(oid::SERVER_AUTH)?.alternative_names(names)?;
        let not_before = now.minus(BACK_DATE);
        let certificate = self.issue(&subject, key.public_key_der(), not_before, not_before.plus(TLS_LIFETIME), extensions)?;
        Signer::new(certificate, key).map_err(|_| IssueError::Malformed)
    }

    /// Issues a device identity for the key of `request`; `common_name` is ours to choose, all else that the request asks for is ignored.
    pub fn identity(&self, request: &CertificationRequest, common_name: &str, now: Timestamp) -> Result<Certificate, IssueError> {
        request.check_key()?;
        let subject = subject(&[(oid::COMMON_NAME, common_name)])?;
        let mut extensions = Extensions::new();
        extensions.key_usage(&leaf_usage(request.key_kind()))?.purpose(oid::CLIENT_AUTH)?;
        self.issue(&subject, request.public_key_der(), now.minus(BACK_DATE), now.plus(IDENTITY_LIFETIME), extensions)
    }

    /// Issues the identity that a simulated device is built with, as the maker of real ones does.
    pub fn device(&self, common_name: &str, key: &PrivateKey, now: Timestamp) -> Result<Signer, IssueError> {
        let subject = subject(&[(oid::COMMON_NAME, common_name)])?;
        let mut extensions = Extensions::new();
        extensions.key_usage(&leaf_usage(key.kind()))?.purpose(oid::CLIENT_AUTH)?;
        let certificate = self.issue(&subject, key.public_key_der(), now.minus(BACK_DATE), now.plus(IDENTITY_LIFETIME), extensions)?;
        Signer::new(certificate, key.clone()).map_err(|_| IssueError::Malformed)
    }

    /// Issues a push certificate for `topic` as Apple's portal would: for practice devices and their stand-in of APNs.
    pub fn practice_push(&self, topic: &str, key: &PrivateKey, now: Timestamp) -> Result<Certificate, IssueError> {
        let common_name = format!("APSP:{}", topic.rsplit('.').next().unwrap_or(topic));
        let subject = subject(&[(oid::USER_ID, topic), (oid::COMMON_NAME, &common_name), (oid::COUNTRY, "US")])?;
        let mut extensions = Extensions::new();
        extensions.key_usage(&leaf_usage(key.kind()))?.purpose(oid::CLIENT_AUTH)?;
        self.issue(&subject, key.public_key_der(), now.minus(BACK_DATE), now.plus(DAY * 365), extensions)
    }

    /// Certifies the name and key of the root that follows this one, until this one ends: a bridge by which those who know only this root trust
    /// what the next one issues (RFC 4210 §4.4, "newWithOld").
    pub fn bridge(&self, next: &Certificate, now: Timestamp) -> Result<Certificate, IssueError> {
        let authority = self.certificate();
        let not_before = now.minus(DAY);
        if authority.not_after() <= now {
            return Err(IssueError::AuthorityExpired);
        }
        let mut extensions = Extensions::new();
        extensions.authority(0)?.key_usage(&AUTHORITY_USAGE)?.subject_key(next.public_key_der())?.authority_key(authority)?;
        let draft = Draft {
            issuer: authority.subject_der(),
            subject: next.subject_der(),
            public_key: next.public_key_der(),
            not_before,
            not_after: authority.not_after().min(next.not_after()),
            extensions,
        };
        draft.sign(self.signer.key())
    }

    /// Signs a certificate that is no authority and ends with the authority at the latest.
    fn issue(
        &self,
        subject: &[u8],
        public_key: &[u8],
        not_before: Timestamp,
        not_after: Timestamp,
        mut extensions: Extensions,
    ) -> Result<Certificate, IssueError> {
        let authority = self.certificate();
        let not_after = not_after.min(authority.not_after());
        if not_after <= not_before.plus(BACK_DATE) {
            return Err(IssueError::AuthorityExpired);
        }
        extensions.leaf()?.subject_key(public_key)?.authority_key(authority)?;
        Draft { issuer: authority.subject_der(), subject, public_key, not_before, not_after, extensions }.sign(self.signer.key())
    }
}

/// Encodes a subject; refuses what cannot stand in a name.
fn subject(attributes: &[(Oid, &str)]) -> Result<Vec<u8>, IssueError> {
    for (_, value) in attributes {
        if value.is_empty() || value.len() > 200 || value.chars().any(char::is_control) {
            return Err(IssueError::Name((*value).to_owned()));
        }
    }
    Ok(name::write(attributes)?)
}

/// What a leaf's key may do: sign, and, for RSA, have SCEP answers encrypted to it.
fn leaf_usage(kind: KeyKind) -> Vec<KeyUsage> {
    match kind {
        KeyKind::Rsa { .. } => vec![KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment],
        _ => vec![KeyUsage::DigitalSignature],
    }
}

/// A certificate before it is signed.
struct Draft<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    public_key: &'a [u8],
    not_before: Timestamp,
    not_after: Timestamp,
    extensions: Extensions,
}

impl Draft<'_> {
    fn sign(&self, key: &PrivateKey) -> Result<Certificate, IssueError> {
        let digest = key.usual_digest();
        let algorithm = key.signature_algorithm(digest);
        let (not_before, not_after) = (time::write(self.not_before)?, time::write(self.not_after)?);
        let any = |bytes| decode::<AnyRef<'_>>(bytes, "certificate");
        let extensions = self.extensions.encoded();
        let tbs = Tbs {
            version: 2,
            serial: Number(&random_serial()?),
            algorithm,
            issuer: Raw(self.issuer),
            validity: Validity { not_before: any(&not_before)?, not_after: any(&not_after)? },
            subject: Raw(self.subject),
            public_key: Raw(self.public_key),
            issuer_id: None,
            subject_id: None,
            extensions: Some(Seq(extensions)),
        };
        let tbs = encode(&tbs)?;
        let signature = key.sign(digest, &tbs)?;
        let signature = BitStringRef::from_bytes(&signature).map_err(|_| IssueError::Malformed)?;
        Ok(Certificate::from_der(&encode(&SignedCertificate { tbs: Raw(&tbs), algorithm, signature })?)?)
    }
}

/// A positive serial number of 127 random bits, always 16 bytes long (RFC 5280 §4.1.2.2 allows 20).
fn random_serial() -> Result<[u8; 16], KeyError> {
    let mut serial = [0; 16];
    SystemRandom::new().fill(&mut serial)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

/// Encodes a SEQUENCE around `content`.
fn sequence(content: &[u8]) -> Result<Vec<u8>, Malformed> {
    element(Tag::Sequence, content)
}

#[cfg(test)]
pub(crate) mod tests;
