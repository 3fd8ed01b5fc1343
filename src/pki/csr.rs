//! Certification requests (PKCS#10, RFC 2986), judged over the bytes as received.

use super::asn1::name::Name;
use super::asn1::{Algorithm, AnyRef, Attribute, BitStringRef, Malformed, Oid, Raw, Seq, Sequence, Set, decode, oid, text};
use super::certificate::Extension;
use super::digest::Digest;
use super::key::{KeyError, PrivateKey};
use super::public_key::{KeyKind, PublicKey, SignatureError};
use super::{asn1, pem};
use crate::error;
use crate::language::say;

const WHAT: &str = msg!("certification request");

/// Requests above this size are refused unread; real ones stay below 4 kB.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

#[derive(Sequence)]
struct SignedRequest<'a> {
    info: Raw<'a>,
    algorithm: Algorithm<'a>,
    signature: BitStringRef<'a>,
}

#[derive(Sequence)]
struct Info<'a> {
    version: u8,
    subject: Seq<'a>,
    public_key: Raw<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    attributes: Option<Set<'a>>,
}

/// Why a certification request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// The bytes are no certification request, or a damaged one.
    #[error("this is not a certification request, or a damaged one")]
    Malformed,
    /// The request is not signed by the key that it asks a certificate for.
    #[error("the certification request is not signed by its own key")]
    Signature(#[from] SignatureError),
    /// The key is too weak, too odd or of a kind that gets no certificate here.
    #[error("the key of the certification request is not acceptable: {0}")]
    Key(String),
}

impl From<Malformed> for CsrError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<CsrError> for error::Error {
    fn from(error: CsrError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

/// What a CSR says its challenge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// No challengePassword attribute.
    Absent,
    /// The text of a PrintableString, UTF8String, BMPString or the like.
    Text(String),
    /// Something that is not a character string.
    NotText,
}

/// A certification request whose signature has been verified.
#[derive(Debug)]
pub struct CertificationRequest {
    der: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    key: PublicKey,
    attributes: Vec<u8>,
}

impl CertificationRequest {
    /// Reads a request from DER and verifies that it is signed by its own key.
    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > MAX_REQUEST_BYTES {
            return Err(CsrError::Malformed);
        }
        let signed: SignedRequest<'_> = decode(der, say(WHAT))?;
        let info: Info<'_> = decode(signed.info.0, say(WHAT))?;
        let key = PublicKey::read(info.public_key.0)?;
        let signature = signed.signature.as_bytes().ok_or(CsrError::Malformed)?;
        key.verify(info.public_key.0, &signed.algorithm, signed.info.0, signature)?;
        Ok(Self {
            der: der.to_vec(),
            subject: info.subject.0.to_vec(),
            spki: info.public_key.0.to_vec(),
            key,
            attributes: info.attributes.map_or_else(Vec::new, |attributes| attributes.0.to_vec()),
        })
    }

    /// Reads the first request of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, CsrError> {
        let blocks = pem::blocks(text);
        let block = blocks.iter().find(|block| is_request_label(&block.label)).ok_or(CsrError::Malformed)?;
        Self::from_der(&block.der)
    }

    /// The request as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject asked for, for example `O=Example School, CN=TESTSN0001`; what is issued has a subject of our own.
    pub fn subject(&self) -> String {
        self.name().to_string()
    }

    /// The common name asked for.
    pub fn common_name(&self) -> Option<String> {
        self.name().first(oid::COMMON_NAME)
    }

    fn name(&self) -> Name<'_> {
        Name(Seq(&self.subject))
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> &[u8] {
        &self.spki
    }

    /// What kind of key it is.
    pub fn key_kind(&self) -> KeyKind {
        self.key.kind()
    }

    /// The challengePassword attribute.
    pub fn challenge(&self) -> Challenge {
        match self.attribute(oid::CHALLENGE_PASSWORD).map(text::read) {
            None => Challenge::Absent,
            Some(Some(text)) => Challenge::Text(text),
            Some(None) => Challenge::NotText,
        }
    }

    /// The extensions asked for that the request carries, as (identifier, value).
    pub(crate) fn extension(&self, oid: Oid) -> Option<&[u8]> {
        let requested: Seq<'_> = self.attribute(oid::EXTENSION_REQUEST)?.decode_as().ok()?;
        let found = requested.items().of::<Extension<'_>>().find(|extension| extension.oid == oid)?;
        Some(found.value.as_bytes())
    }

    fn attribute(&self, oid: Oid) -> Option<AnyRef<'_>> {
        Set(&self.attributes).items().of::<Attribute<'_>>().find(|attribute| attribute.oid == oid)?.value()
    }

    /// Judges the key by what gets a certificate here: RSA of 2048 to 8192 bits with a sane exponent, or P-256 or P-384.
    pub fn check_key(&self) -> Result<(), CsrError> {
        check_key(&self.key)
    }
}

/// Judges a key by what gets a certificate here.
pub(crate) fn check_key(key: &PublicKey) -> Result<(), CsrError> {
    match key.kind() {
        KeyKind::Rsa { bits } if !(2048..=8192).contains(&bits) => {
            Err(CsrError::Key(t!("RSA keys must have 2048 to 8192 bits, this one has {bits}", bits)))
        }
        KeyKind::Rsa { .. } if !key.exponent_is_sane() => {
            Err(CsrError::Key(t!("its public exponent is not an odd number above 2").to_owned()))
        }
        KeyKind::Other => Err(CsrError::Key(t!("only RSA and the curves P-256 and P-384 are accepted").to_owned())),
        KeyKind::Rsa { .. } | KeyKind::P256 | KeyKind::P384 => Ok(()),
    }
}

/// Whether `label` is that of a certification request.
pub(crate) fn is_request_label(label: &str) -> bool {
    matches!(label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST")
}

/// What a request may carry beside subject and key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestOptions<'a> {
    /// The challengePassword, as SCEP wants it.
    pub(crate) challenge: Option<&'a str>,
    /// The digest of the signature, where it is not the key's usual one.
    pub(crate) digest: Option<Digest>,
}

/// Makes a certification request for `key`; `subject` is an encoded name. Returns DER.
pub(crate) fn write(subject: &[u8], key: &PrivateKey, options: RequestOptions<'_>) -> Result<Vec<u8>, KeyError> {
    let damaged = |_| KeyError::Malformed;
    let mut attributes = Vec::new();
    if let Some(challenge) = options.challenge {
        let tag = if text::is_printable(challenge) { asn1::Tag::PrintableString } else { asn1::Tag::Utf8String };
        let value = AnyRef::new(tag, challenge.as_bytes()).map_err(|_| KeyError::Malformed)?;
        attributes.push(asn1::attribute(oid::CHALLENGE_PASSWORD, &value).map_err(damaged)?);
    }
    let attributes = asn1::set_content(attributes);
    let info = Info {
        version: 0,
        subject: decode(subject, say(WHAT)).map_err(damaged)?,
        public_key: Raw(key.public_key_der()),
        attributes: Some(Set(&attributes)),
    };
    let info = asn1::encode(&info).map_err(damaged)?;
    let digest = options.digest.unwrap_or_else(|| key.usual_digest());
    let signature = key.sign(digest, &info)?;
    let signed = SignedRequest {
        info: Raw(&info),
        algorithm: key.signature_algorithm(digest),
        signature: BitStringRef::from_bytes(&signature).map_err(|_| KeyError::Malformed)?,
    };
    asn1::encode(&signed).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::asn1::{element, name};
    use crate::pki::judge::{file, openssl, path};
    use crate::testing::mutations;

    fn request(challenge: Option<&str>) -> Vec<u8> {
        let key = PrivateKey::generate_p256().unwrap();
        let subject = name::write(&[(oid::ORGANIZATION, "Example School"), (oid::COMMON_NAME, "TESTSN0001")]).unwrap();
        write(&subject, &key, RequestOptions { challenge, ..RequestOptions::default() }).unwrap()
    }

    #[test]
    fn what_is_written_is_read_here_and_by_openssl() {
        for challenge in ["practice-challenge", "mit_Umläut"] {
            let der = request(Some(challenge));
            let read = CertificationRequest::from_der(&der).unwrap();
            assert_eq!(read.subject(), "O=Example School, CN=TESTSN0001");
            assert_eq!(read.challenge(), Challenge::Text(challenge.to_owned()));
            assert_eq!(read.check_key(), Ok(()));
            openssl(&["req", "-inform", "DER", "-verify", "-noout"], &der);
        }
        assert_eq!(CertificationRequest::from_der(&request(None)).unwrap().challenge(), Challenge::Absent);
    }

    #[test]
    fn openssl_requests_with_extensions_are_read() {
        let config = file(
            b"[req]\ndistinguished_name=d\nreq_extensions=e\nattributes=a\nprompt=no\n[d]\nCN=TESTSN0001\n[e]\n\
              subjectAltName=DNS:ipad.example.school\n[a]\nchallengePassword=practice-challenge\n",
        );
        let args = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-config", path(&config)];
        let read = CertificationRequest::from_pem(&openssl(&args, b"")).unwrap();
        assert_eq!(read.challenge(), Challenge::Text("practice-challenge".to_owned()));
        assert!(read.extension(oid::SUBJECT_ALT_NAME).unwrap().ends_with(b"ipad.example.school"));
        assert_eq!(read.extension(oid::KEY_USAGE), None);
    }

    #[test]
    fn a_challenge_of_any_string_type_is_text_and_others_are_not() {
        let with = |tag, bytes: &[u8]| {
            let value = AnyRef::new(tag, bytes).unwrap();
            let attributes = asn1::attribute(oid::CHALLENGE_PASSWORD, &value).unwrap();
            let key = PrivateKey::generate_p256().unwrap();
            let info = Info { version: 0, subject: Seq(&[]), public_key: Raw(key.public_key_der()), attributes: Some(Set(&attributes)) };
            let info = asn1::encode(&info).unwrap();
            let signature = key.sign(Digest::Sha256, &info).unwrap();
            let signature = BitStringRef::from_bytes(&signature).unwrap();
            let algorithm = key.signature_algorithm(Digest::Sha256);
            let der = asn1::encode(&SignedRequest { info: Raw(&info), algorithm, signature }).unwrap();
            CertificationRequest::from_der(&der).unwrap().challenge()
        };
        let open = |text: &str| Challenge::Text(text.to_owned());
        assert_eq!(with(asn1::Tag::PrintableString, b"under_score"), open("under_score"));
        assert_eq!(with(asn1::Tag::Utf8String, "Öffne".as_bytes()), open("Öffne"));
        assert_eq!(with(asn1::Tag::BmpString, &[0, b'o', 0, b'k']), open("ok"));
        assert_eq!(with(asn1::Tag::OctetString, b"ok"), Challenge::NotText);
    }

    #[test]
    fn weak_and_odd_keys_are_refused() {
        let weak = ["req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=a"];
        let read = CertificationRequest::from_pem(&openssl(&weak, b"")).unwrap();
        assert!(matches!(read.check_key(), Err(CsrError::Key(why)) if why.contains("1024")));
        // A modulus of the right size with the exponent 1: every signature would match.
        let modulus = [&[0], [0xc1; 256].as_slice()].concat();
        let key = [element(asn1::Tag::Integer, &modulus).unwrap(), vec![2, 1, 1]].concat();
        let key = element(asn1::Tag::Sequence, &key).unwrap();
        let spki = super::super::public_key::write(asn1::algorithm_null(oid::RSA_ENCRYPTION), &key).unwrap();
        assert!(matches!(check_key(&PublicKey::read(&spki).unwrap()), Err(CsrError::Key(why)) if why.contains("exponent")));
    }

    #[test]
    fn damaged_requests_are_refused() {
        for damaged in mutations(&request(Some("practice-challenge"))) {
            assert!(CertificationRequest::from_der(&damaged).is_err());
        }
        assert_eq!(CertificationRequest::from_der(&vec![0x30; MAX_REQUEST_BYTES + 1]).unwrap_err(), CsrError::Malformed);
    }
}
