//! Verifying signed messages: the first and only signer, with or without signed attributes, in DER or BER.

use super::CmsError;
use super::types::{Fit, SignedData, SignerInfo, fit, unwrap};
use crate::clock::Timestamp;
use crate::pki::asn1::{AnyRef, Attribute, Set, Tag, decode, element, oid, set_content, text, time};
use crate::pki::ber;
use crate::pki::certificate::{Certificate, CertificateError};
use crate::pki::digest::{Digest, Hashed};
use crate::pki::public_key::{Scheme, SignatureError};

/// Most certificates that are looked at in one message; chains have four at the most.
pub(super) const MAX_CERTIFICATES: usize = 16;

/// A message whose signature has been verified, with its content.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The signed content.
    pub content: Vec<u8>,
    /// The certificate whose key signed; its issuer is not judged.
    pub signer: Certificate,
    /// All certificates of the message that can be read, the signer's among them.
    pub certificates: Vec<Certificate>,
    /// The digest that was signed.
    pub digest: Digest,
    /// When the signer says it signed.
    pub signing_time: Option<Timestamp>,
    /// Content of the set of signed attributes.
    attributes: Vec<u8>,
}

impl Verified {
    /// The first value of a signed attribute.
    pub(crate) fn attribute(&self, oid: crate::pki::asn1::Oid) -> Option<AnyRef<'_>> {
        attribute(Set(&self.attributes), oid)
    }

    /// A signed attribute that is a character string.
    pub(crate) fn text(&self, oid: crate::pki::asn1::Oid) -> Option<String> {
        self.attribute(oid).and_then(text::read)
    }
}

/// What a verified detached signature says.
#[derive(Debug, Clone)]
pub struct Detached {
    /// The certificate whose key signed; its issuer is not judged.
    pub signer: Certificate,
    /// The digest that was signed.
    pub digest: Digest,
    /// When the signer says it signed.
    pub signing_time: Option<Timestamp>,
}

/// Verifies a signed message. `detached` is the content where the message does not carry it itself.
pub fn verify(message: &[u8], detached: Option<&[u8]>) -> Result<Verified, CmsError> {
    let der = ber::to_der(message)?;
    let message = SignedMessage::parse(&der)?;
    let content = message.content().or(detached).ok_or(CmsError::NoContent)?;
    let certificates = message.certificates();
    let signer = message.choose_signer(&certificates).ok_or(CmsError::NoSignerCertificate)?.clone();
    let digest = message.verify(content, &signer)?;
    Ok(Verified {
        content: content.to_vec(),
        signer,
        certificates,
        digest,
        signing_time: message.signing_time(),
        attributes: message.attributes().0.to_vec(),
    })
}

/// Verifies the signature of `body` that stands apart from it, as in the header Mdm-Signature.
///
/// `read` makes a certificate of the signer's DER: [`Certificate::from_der`], or a look-up that keeps certificates by
/// [`Fingerprint`](crate::pki::certificate::Fingerprint): one that has verified before carries its key ready for use.
pub fn verify_detached(
    message: &[u8],
    body: &[u8],
    read: impl FnOnce(&[u8]) -> Result<Certificate, CertificateError>,
) -> Result<Detached, CmsError> {
    verify_detached_digest(message, |digest| Some(digest.of(body)), read)
}

/// As [`verify_detached`], for a body of which only its digest is left; `digest_of` gives that, if it is by the algorithm which the signer names.
pub(crate) fn verify_detached_digest(
    message: &[u8],
    digest_of: impl FnOnce(Digest) -> Option<Hashed>,
    read: impl FnOnce(&[u8]) -> Result<Certificate, CertificateError>,
) -> Result<Detached, CmsError> {
    let der = ber::to_der(message)?;
    let message = SignedMessage::parse(&der)?;
    let signer = message.embedded_signer(read)?;
    let digest = message.digest()?;
    let content_digest = digest_of(digest).ok_or_else(|| CmsError::Unsupported(digest.name().to_owned()))?;
    message.verify_digest(&content_digest, &signer)?;
    Ok(Detached { signer, digest, signing_time: message.signing_time() })
}

/// Who a detached signature says has signed, and by which digest: nothing is verified, so it is good for preparing only.
pub(crate) fn claimed(
    message: &[u8],
    read: impl FnOnce(&[u8]) -> Result<Certificate, CertificateError>,
) -> Result<(Certificate, Digest), CmsError> {
    let der = ber::to_der(message)?;
    let message = SignedMessage::parse(&der)?;
    Ok((message.embedded_signer(read)?, message.digest()?))
}

/// The certificates of a message that carries nothing else, in order: the answers of GetCACert and inside a CertRep.
pub fn certificates(message: &[u8]) -> Result<Vec<Certificate>, CmsError> {
    let der = ber::to_der(message)?;
    let data: SignedData<'_> = unwrap(&der, oid::SIGNED_DATA)?.ok_or(CmsError::WrongKind { expected: "signed" })?;
    Ok(readable(data.certificates.unwrap_or(Set(&[]))))
}

/// A signed message, parsed and not yet verified; borrows from DER ([`ber::to_der`] makes DER of what came).
pub struct SignedMessage<'a> {
    content: Option<&'a [u8]>,
    certificates: Set<'a>,
    signer: SignerInfo<'a>,
}

impl<'a> SignedMessage<'a> {
    /// Parses a signed message.
    pub fn parse(der: &'a [u8]) -> Result<Self, CmsError> {
        let data: SignedData<'a> = unwrap(der, oid::SIGNED_DATA)?.ok_or(CmsError::WrongKind { expected: "signed" })?;
        let signer = data.signers.items().next().ok_or(CmsError::NoSigner)?;
        Ok(Self {
            content: data.encapsulated.content.map(AnyRef::value),
            certificates: data.certificates.unwrap_or(Set(&[])),
            signer: decode(signer, "message")?,
        })
    }

    /// The content, where the message carries it.
    pub fn content(&self) -> Option<&'a [u8]> {
        self.content
    }

    /// The certificates of the message that can be read, in order.
    pub fn certificates(&self) -> Vec<Certificate> {
        readable(self.certificates)
    }

    /// The encoded certificates of the message.
    fn certificate_items(&self) -> impl Iterator<Item = &'a [u8]> {
        self.certificates.items().filter(|item| item.first() == Some(&0x30))
    }

    /// The certificate among `certificates` that the signer's identifier names.
    fn choose_signer<'c>(&self, certificates: &'c [Certificate]) -> Option<&'c Certificate> {
        let best = certificates.iter().max_by_key(|certificate| fit(self.signer.id, certificate))?;
        (fit(self.signer.id, best) > Fit::None).then_some(best)
    }

    /// The signer's certificate as the message carries it, made by `read`.
    fn embedded_signer(&self, read: impl FnOnce(&[u8]) -> Result<Certificate, CertificateError>) -> Result<Certificate, CmsError> {
        let mut embedded = self.certificate_items();
        match (embedded.next(), embedded.next()) {
            (None, _) => Err(CmsError::NoSignerCertificate),
            // Devices send their own certificate alone.
            (Some(only), None) => Ok(read(only)?),
            _ => {
                let certificates = self.certificates();
                Ok(read(self.choose_signer(&certificates).ok_or(CmsError::NoSignerCertificate)?.der())?)
            }
        }
    }

    /// The digest of the content that the signer names.
    fn digest(&self) -> Result<Digest, CmsError> {
        let named = self.signer.digest_algorithm.oid;
        Digest::from_oid(named).ok_or_else(|| CmsError::Unsupported(named.to_string()))
    }

    fn attributes(&self) -> Set<'a> {
        self.signer.attributes.unwrap_or(Set(&[]))
    }

    /// When the signer says it signed.
    pub fn signing_time(&self) -> Option<Timestamp> {
        attribute(self.attributes(), oid::SIGNING_TIME).and_then(time::read)
    }

    /// Verifies that `signer` is who the message names and that its key signed `content`; returns the digest that was signed.
    pub fn verify(&self, content: &[u8], signer: &Certificate) -> Result<Digest, CmsError> {
        let digest = self.digest()?;
        self.verify_digest(&digest.of(content), signer)?;
        Ok(digest)
    }

    /// As [`SignedMessage::verify`], for content whose digest by [`SignedMessage::digest`] is known.
    fn verify_digest(&self, content_digest: &Hashed, signer: &Certificate) -> Result<(), CmsError> {
        if fit(self.signer.id, signer) == Fit::None {
            return Err(CmsError::NoSignerCertificate);
        }
        let digest = self.digest()?;
        let scheme = Scheme::read(&self.signer.signature_algorithm, Some(digest))?;
        if scheme.digest() != digest {
            return Err(CmsError::Unsupported(t!("{name} signed as {name_2}", name = digest.name(), name_2 = scheme.digest().name())));
        }
        let signature = self.signer.signature.as_bytes();
        let Some(attributes) = self.signer.attributes else {
            signer.verify_digest(scheme, content_digest, signature)?;
            return Ok(());
        };
        let signed = attribute(attributes, oid::MESSAGE_DIGEST).ok_or(CmsError::Malformed)?;
        if signed.value() != content_digest.as_ref() {
            return Err(CmsError::ContentChanged);
        }
        // What is signed is the set with its own tag, not with the one it has inside the message (RFC 5652 §5.4).
        let as_received = element(Tag::Set, attributes.0)?;
        match signer.verify_digest(scheme, &digest.of(&as_received), signature) {
            // Some writers sign the attributes in DER's order and send them in another.
            Err(SignatureError::Mismatch) => {
                let sorted = set_content(attributes.items().map(<[u8]>::to_vec).collect());
                if sorted == attributes.0 {
                    return Err(CmsError::Signature);
                }
                signer.verify_digest(scheme, &digest.of(&element(Tag::Set, &sorted)?), signature)?;
            }
            verdict => verdict?,
        }
        Ok(())
    }
}

/// The first value of the attribute `oid`.
fn attribute(attributes: Set<'_>, oid: crate::pki::asn1::Oid) -> Option<AnyRef<'_>> {
    attributes.items().of::<Attribute<'_>>().find(|attribute| attribute.oid == oid)?.value()
}

/// The certificates of a set that can be read; an odd one among them must not spoil the message.
fn readable(certificates: Set<'_>) -> Vec<Certificate> {
    certificates.items().take(MAX_CERTIFICATES).filter_map(|der| Certificate::from_der(der).ok()).collect()
}
