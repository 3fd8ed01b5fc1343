//! X.509 certificates as they are received: cheap to read, to keep and to hand round.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::asn1::name::Name;
use super::asn1::{
    Algorithm, AnyRef, BitStringRef, Decode as _, Malformed, Number, OctetStringRef, Oid, Raw, Seq, Sequence, decode, oid, time, unsigned,
};
use super::digest::{Digest, sha256};
use super::pem;
use super::public_key::{KeyKind, PublicKey, Scheme, SignatureError};
use crate::clock::Timestamp;
use crate::error;

const WHAT: &str = "certificate";

/// Certificates above this size are refused unread; Apple's largest are below 4 kB.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;

#[derive(Sequence)]
pub(crate) struct SignedCertificate<'a> {
    pub(crate) tbs: Raw<'a>,
    pub(crate) algorithm: Algorithm<'a>,
    pub(crate) signature: BitStringRef<'a>,
}

/// The signed part of a certificate (RFC 5280 §4.1), serial number and extensions as they came.
#[derive(Sequence)]
pub(crate) struct Tbs<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "first_version")]
    pub(crate) version: u8,
    pub(crate) serial: Number<'a>,
    pub(crate) algorithm: Algorithm<'a>,
    pub(crate) issuer: Raw<'a>,
    pub(crate) validity: Validity<'a>,
    pub(crate) subject: Raw<'a>,
    pub(crate) public_key: Raw<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) issuer_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) subject_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) extensions: Option<Seq<'a>>,
}

fn first_version() -> u8 {
    0
}

#[derive(Sequence)]
pub(crate) struct Validity<'a> {
    pub(crate) not_before: AnyRef<'a>,
    pub(crate) not_after: AnyRef<'a>,
}

#[derive(Sequence)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: Oid,
    #[asn1(default = "not_critical")]
    pub(crate) critical: bool,
    pub(crate) value: &'a OctetStringRef,
}

fn not_critical() -> bool {
    false
}

/// SHA-256 of a certificate's DER: what an enrollment is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate that is not parsed.
    pub fn of_der(der: &[u8]) -> Self {
        Self(sha256(der))
    }

    /// The fingerprint with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The fingerprint's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digits as people compare them, in capitals and pairs: `3F 2A …`.
    pub fn in_pairs(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
    }

    /// Reads 64 hexadecimal digits; colons and spaces between them are passed over.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b':' | b' ')).collect();
        let (pairs, rest) = digits.as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?) as u8;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a certificate could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are no certificate, or a damaged one.
    #[error("this is not a certificate, or a damaged one")]
    Malformed,
    /// The text has no certificate in it.
    #[error("there is no certificate in this file: PEM text with BEGIN CERTIFICATE is expected")]
    NoPem,
}

impl From<Malformed> for CertificateError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<CertificateError> for error::Error {
    fn from(error: CertificateError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

/// A certificate. Clones share one copy; parts are read when they are asked for.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Box<[u8]>,
    /// Where the parts stand in `der`.
    tbs: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    serial: Range<usize>,
    extensions: Range<usize>,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: PublicKey,
    fingerprint: OnceLock<Fingerprint>,
}

/// Where `part`, a slice of `whole`, stands in it.
fn range(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

impl Certificate {
    /// Reads a certificate from DER. What is tolerated: serial numbers of any length and sign, unknown extensions, any key.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::Malformed);
        }
        let der: Box<[u8]> = der.into();
        let signed: SignedCertificate<'_> = decode(&der, WHAT)?;
        let tbs: Tbs<'_> = decode(signed.tbs.0, WHAT)?;
        let moment = |value| time::read(value).ok_or(CertificateError::Malformed);
        let extensions = tbs.extensions.unwrap_or(Seq(&der[der.len()..]));
        for name in [tbs.issuer, tbs.subject] {
            decode::<Seq<'_>>(name.0, WHAT)?;
        }
        let inner = Inner {
            tbs: range(&der, signed.tbs.0),
            issuer: range(&der, tbs.issuer.0),
            subject: range(&der, tbs.subject.0),
            spki: range(&der, tbs.public_key.0),
            serial: range(&der, tbs.serial.0),
            extensions: range(&der, extensions.0),
            not_before: moment(tbs.validity.not_before)?,
            not_after: moment(tbs.validity.not_after)?,
            public_key: PublicKey::read(tbs.public_key.0)?,
            fingerprint: OnceLock::new(),
            der: Box::default(),
        };
        Ok(Self(Arc::new(Inner { der, ..inner })))
    }

    /// Reads the first certificate of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        Self::all_from_pem(text)?.into_iter().next().ok_or(CertificateError::NoPem)
    }

    /// Reads every certificate of a PEM text, in order.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::blocks(text);
        blocks.iter().filter(|block| block.is_certificate()).map(|block| Self::from_der(&block.der)).collect()
    }

    /// The certificate as received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The certificate as PEM text.
    pub fn to_pem(&self) -> String {
        pem::write("CERTIFICATE", self.der())
    }

    /// SHA-256 of the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        *self.0.fingerprint.get_or_init(|| Fingerprint::of_der(self.der()))
    }

    /// SHA-1 of the DER: what Apple's SCEP payload calls CAFingerprint.
    pub fn sha1_fingerprint(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes.copy_from_slice(Digest::Sha1.of(self.der()).as_ref());
        bytes
    }

    /// The serial number in lower-case hexadecimal digits, without leading zero bytes.
    pub fn serial_hex(&self) -> String {
        super::hex(unsigned(self.serial_bytes()))
    }

    /// The serial number's bytes as received.
    pub(crate) fn serial_bytes(&self) -> &[u8] {
        &self.0.der[self.0.serial.clone()]
    }

    /// The subject, for example `O=Example School, CN=Kim's iPad`.
    pub fn subject(&self) -> String {
        self.subject_name().to_string()
    }

    /// The issuer, written like the subject.
    pub fn issuer(&self) -> String {
        name(&self.0.der[self.0.issuer.clone()]).to_string()
    }

    /// The subject's first common name.
    pub fn common_name(&self) -> Option<String> {
        self.subject_name().first(oid::COMMON_NAME)
    }

    /// The subject's first user id: the topic of a push certificate.
    pub fn user_id(&self) -> Option<String> {
        self.subject_name().first(oid::USER_ID)
    }

    pub(crate) fn subject_name(&self) -> Name<'_> {
        name(self.subject_der())
    }

    /// The subject as an encoded name.
    pub(crate) fn subject_der(&self) -> &[u8] {
        &self.0.der[self.0.subject.clone()]
    }

    /// The issuer as an encoded name.
    pub(crate) fn issuer_der(&self) -> &[u8] {
        &self.0.der[self.0.issuer.clone()]
    }

    /// The first moment at which the certificate is valid.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The last moment at which the certificate is valid.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether `now` lies in the validity, both ends included.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before()..=self.not_after()).contains(&now)
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> &[u8] {
        &self.0.der[self.0.spki.clone()]
    }

    /// What kind of key it is.
    pub fn key_kind(&self) -> KeyKind {
        self.0.public_key.kind()
    }

    /// Whether `issuer` is named as issuer and its key made the signature. Neither dates nor the right to issue are judged.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.issuer_der() == issuer.subject_der() && self.verify_signature_by(issuer).is_ok()
    }

    /// Whether the key of `issuer` made this certificate's signature.
    fn verify_signature_by(&self, issuer: &Self) -> Result<(), SignatureError> {
        let damaged = |_| SignatureError::Mismatch;
        let signed: SignedCertificate<'_> = decode(self.der(), WHAT).map_err(damaged)?;
        let signature = signed.signature.as_bytes().ok_or(SignatureError::Mismatch)?;
        issuer.0.public_key.verify(issuer.public_key_der(), &signed.algorithm, &self.0.der[self.0.tbs.clone()], signature)
    }

    /// Verifies a signature made with this certificate's key over a message whose digest is `digest`.
    pub(crate) fn verify_digest(&self, scheme: Scheme, digest: &aws_lc_rs::digest::Digest, signature: &[u8]) -> Result<(), SignatureError> {
        self.0.public_key.verify_digest(self.public_key_der(), scheme, digest, signature)
    }

    /// The value of the extension `oid`, and whether it is critical.
    pub(crate) fn extension(&self, oid: Oid) -> Option<(&[u8], bool)> {
        let extensions = Seq(&self.0.der[self.0.extensions.clone()]);
        let found = extensions.items().of::<Extension<'_>>().find(|extension| extension.oid == oid)?;
        Some((found.value.as_bytes(), found.critical))
    }

    /// The subject key identifier, where the certificate has one.
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        let (value, _) = self.extension(oid::SUBJECT_KEY_IDENTIFIER)?;
        <&OctetStringRef>::from_der(value).ok().map(OctetStringRef::as_bytes)
    }

    /// Whether the certificate says that it may issue others.
    pub fn is_authority(&self) -> bool {
        #[derive(Sequence)]
        struct BasicConstraints {
            #[asn1(default = "not_critical")]
            authority: bool,
            #[asn1(optional = "true")]
            path_length: Option<u8>,
        }
        let constraints = self.extension(oid::BASIC_CONSTRAINTS).and_then(|(value, _)| BasicConstraints::from_der(value).ok());
        constraints.is_some_and(|constraints| constraints.authority)
    }

    /// Whether the certificate may be used for `purpose`: it says so, or it names no purpose at all.
    pub(crate) fn allows(&self, purpose: Oid) -> bool {
        let Some((value, _)) = self.extension(oid::EXTENDED_KEY_USAGE) else { return true };
        Seq::from_der(value).is_ok_and(|purposes| purposes.items().of::<Oid>().any(|found| found == purpose))
    }
}

/// The name that the whole element `der` holds; the element was decoded once before.
fn name(der: &[u8]) -> Name<'_> {
    Name(Seq::from_der(der).unwrap_or(Seq(&[])))
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject(), self.serial_hex())
    }
}

#[cfg(test)]
mod tests;
