//! Signing messages, as Rollcall does and, for the simulator, as devices of every age do.

use super::CmsError;
use super::types::{SignedData, SignerInfo, data, identifier, octets, wrap};
use crate::clock::Timestamp;
use crate::pki::asn1::{
    Algorithm, AnyRef, Malformed, OctetStringRef, Raw, Set, Tag, algorithm, algorithm_null, attribute, element, encode, oid, set_content,
    time,
};
use crate::pki::certificate::Certificate;
use crate::pki::digest::Digest;
use crate::pki::key::PrivateKey;
use crate::pki::public_key::KeyKind;

/// A certificate and the private key that belongs to it.
#[derive(Debug, Clone)]
pub struct Signer {
    certificate: Certificate,
    key: PrivateKey,
}

impl Signer {
    /// Puts a certificate and its key together; fails when they do not belong together.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, CmsError> {
        if certificate.public_key_der() != key.public_key_der() {
            return Err(CmsError::KeyMismatch);
        }
        Ok(Self { certificate, key })
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

/// Whether the content travels inside the signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attach {
    /// Inside: profiles, SCEP.
    #[default]
    Attached,
    /// Beside it: Mdm-Signature.
    Detached,
}

/// How a message is signed; [`Default`] is what Rollcall itself does.
#[derive(Debug, Clone)]
pub struct SignOptions<'a> {
    /// Whether the content travels inside.
    pub attach: Attach,
    /// When it is signed; left out of the message when absent.
    pub signing_time: Option<Timestamp>,
    /// Certificates to send after the signer's own.
    pub chain: &'a [Certificate],
    /// The digest; the key's usual one when absent. SHA-1 is what devices up to iOS 12 sign with.
    pub digest: Option<Digest>,
    /// Whether attributes are signed rather than the content directly; older devices send none.
    pub signed_attributes: bool,
    /// Whether the outer layers have indefinite lengths, as iOS writes them.
    pub indefinite_length: bool,
    /// Encoded attributes to sign beside the usual ones.
    pub(crate) attributes: Vec<Vec<u8>>,
}

impl Default for SignOptions<'_> {
    fn default() -> Self {
        Self {
            attach: Attach::Attached,
            signing_time: None,
            chain: &[],
            digest: None,
            signed_attributes: true,
            indefinite_length: false,
            attributes: Vec::new(),
        }
    }
}

impl SignOptions<'_> {
    /// A detached signature.
    pub fn detached() -> Self {
        Self { attach: Attach::Detached, ..Self::default() }
    }
}

/// Signs `content`.
pub fn sign(signer: &Signer, content: &[u8], options: &SignOptions<'_>) -> Result<Vec<u8>, CmsError> {
    let digest = options.digest.unwrap_or_else(|| signer.key.usual_digest());
    let attributes = if options.signed_attributes { Some(signed_attributes(digest, content, options)?) } else { None };
    let to_sign = match &attributes {
        Some(attributes) => &element(Tag::Set, attributes)?,
        None => content,
    };
    let signature = signer.key.sign(digest, to_sign)?;
    let info = SignerInfo {
        version: 1,
        id: Raw(&identifier(&signer.certificate)?),
        digest_algorithm: digest_algorithm(digest),
        attributes: attributes.as_deref().map(Set),
        signature_algorithm: signature_algorithm(&signer.key),
        signature: OctetStringRef::new(&signature).map_err(|_| CmsError::Malformed)?,
        unsigned_attributes: None,
    };
    let info = encode(&info)?;
    // The signer's certificate first: readers that look at one only look at the first.
    let certificates = [&[signer.certificate.der()], chain(options).as_slice()].concat().concat();
    let parts =
        Parts { digest, content: (options.attach == Attach::Attached).then_some(content), certificates: &certificates, info: &info };
    if options.indefinite_length { parts.indefinite() } else { parts.definite() }
}

fn chain<'a>(options: &SignOptions<'a>) -> Vec<&'a [u8]> {
    options.chain.iter().map(Certificate::der).collect()
}

/// The content of the set of signed attributes.
fn signed_attributes(digest: Digest, content: &[u8], options: &SignOptions<'_>) -> Result<Vec<u8>, Malformed> {
    let mut attributes = options.attributes.clone();
    attributes.push(attribute(oid::CONTENT_TYPE, &oid::DATA)?);
    attributes.push(attribute(oid::MESSAGE_DIGEST, &Raw(&octets(digest.of(content).as_ref())?))?);
    if let Some(moment) = options.signing_time {
        attributes.push(attribute(oid::SIGNING_TIME, &Raw(&time::write(moment)?))?);
    }
    Ok(set_content(attributes))
}

/// SHA-1 comes with NULL, as devices write it; the others without, as RFC 5754 asks for.
fn digest_algorithm(digest: Digest) -> Algorithm<'static> {
    if digest == Digest::Sha1 { algorithm_null(digest.oid()) } else { algorithm(digest.oid()) }
}

/// For RSA the key's algorithm alone: strongSwan takes no other.
fn signature_algorithm(key: &PrivateKey) -> Algorithm<'static> {
    match key.kind() {
        KeyKind::P256 | KeyKind::P384 => key.signature_algorithm(key.usual_digest()),
        KeyKind::Rsa { .. } | KeyKind::Other => algorithm_null(oid::RSA_ENCRYPTION),
    }
}

/// What a signed message is put together from.
struct Parts<'a> {
    digest: Digest,
    content: Option<&'a [u8]>,
    certificates: &'a [u8],
    info: &'a [u8],
}

impl Parts<'_> {
    fn definite(&self) -> Result<Vec<u8>, CmsError> {
        let content = self.content.map(|content| AnyRef::new(Tag::OctetString, content)).transpose().map_err(|_| CmsError::Malformed)?;
        let digests = encode(&digest_algorithm(self.digest))?;
        let signed = SignedData {
            version: 1,
            digest_algorithms: Set(&digests),
            encapsulated: data(content),
            certificates: Some(Set(self.certificates)),
            crls: None,
            signers: Set(self.info),
        };
        Ok(wrap(oid::SIGNED_DATA, &signed)?)
    }

    /// The same with the outer layers open-ended and the content in segments (X.690 §8.1.3.6).
    fn indefinite(&self) -> Result<Vec<u8>, CmsError> {
        const END: [u8; 2] = [0, 0];
        const SEGMENT_BYTES: usize = 1000;
        let mut inner = Vec::new();
        if let Some(content) = self.content {
            inner.extend([0xa0, 0x80, 0x24, 0x80]);
            for segment in content.chunks(SEGMENT_BYTES) {
                inner.extend(octets(segment)?);
            }
            inner.extend(END.repeat(2));
        }
        let digests = element(Tag::Set, &encode(&digest_algorithm(self.digest))?)?;
        let mut certificates = element(Tag::Set, self.certificates)?;
        // The certificates stand under the implicit tag [0].
        certificates[0] = 0xa0;
        let mut message = vec![0x30, 0x80];
        message.extend(encode(&oid::SIGNED_DATA)?);
        message.extend([0xa0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x01]);
        message.extend(digests);
        message.extend([0x30, 0x80]);
        message.extend(encode(&oid::DATA)?);
        message.extend(inner);
        message.extend(END);
        message.extend(certificates);
        message.extend(element(Tag::Set, self.info)?);
        message.extend(END.repeat(3));
        Ok(message)
    }
}

/// A message that carries certificates and nothing else, in the order given: SCEP clients take the first as the one issued.
pub fn certs_only(certificates: &[Certificate]) -> Result<Vec<u8>, CmsError> {
    let certificates: Vec<u8> = certificates.iter().flat_map(Certificate::der).copied().collect();
    let signed = SignedData {
        version: 1,
        digest_algorithms: Set(&[]),
        encapsulated: data(None),
        certificates: Some(Set(&certificates)),
        crls: None,
        signers: Set(&[]),
    };
    Ok(wrap(oid::SIGNED_DATA, &signed)?)
}
