//! The structures of CMS, borrowed from the message: sets stay as they came, certificates stay bytes, serial numbers obey no rule.

use crate::pki::asn1::{
    Algorithm, AnyRef, Malformed, Number, OctetStringRef, Oid, Raw, Seq, Sequence, Set, Tag, decode, element, encode, oid,
};
use crate::pki::certificate::Certificate;

#[derive(Sequence)]
pub(super) struct ContentInfo<'a> {
    pub(super) content_type: Oid,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: AnyRef<'a>,
}

#[derive(Sequence)]
pub(super) struct SignedData<'a> {
    pub(super) version: u8,
    pub(super) digest_algorithms: Set<'a>,
    pub(super) encapsulated: Encapsulated<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) certificates: Option<Set<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) crls: Option<Set<'a>>,
    pub(super) signers: Set<'a>,
}

#[derive(Sequence)]
pub(super) struct Encapsulated<'a> {
    pub(super) content_type: Oid,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) content: Option<AnyRef<'a>>,
}

#[derive(Sequence, Clone, Copy)]
pub(super) struct SignerInfo<'a> {
    pub(super) version: u8,
    pub(super) id: Raw<'a>,
    pub(super) digest_algorithm: Algorithm<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) attributes: Option<Set<'a>>,
    pub(super) signature_algorithm: Algorithm<'a>,
    pub(super) signature: &'a OctetStringRef,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) unsigned_attributes: Option<Set<'a>>,
}

#[derive(Sequence)]
pub(super) struct EnvelopedData<'a> {
    pub(super) version: u8,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) originator: Option<Seq<'a>>,
    pub(super) recipients: Set<'a>,
    pub(super) content: Seq<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) unprotected: Option<Set<'a>>,
}

/// KeyTransRecipientInfo: the content key, encrypted to an RSA key.
#[derive(Sequence)]
pub(super) struct Recipient<'a> {
    pub(super) version: u8,
    pub(super) id: Raw<'a>,
    pub(super) algorithm: Algorithm<'a>,
    pub(super) key: &'a OctetStringRef,
}

#[derive(Sequence)]
struct IssuerAndSerial<'a> {
    issuer: Raw<'a>,
    serial: Number<'a>,
}

/// How well an identifier of a signer or recipient fits a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It names another certificate.
    None,
    /// The serial number is the same, the issuer's name is written differently.
    Serial,
    /// It names this certificate.
    Exact,
}

/// The tag of a subject key identifier that stands in place of issuer and serial number.
const KEY_IDENTIFIER: u8 = 0x80;

/// How well the identifier `id` fits the certificate with this issuer, serial number and key identifier.
pub(super) fn fit(id: Raw<'_>, certificate: &Certificate) -> Fit {
    if id.0.first() == Some(&KEY_IDENTIFIER) {
        let named = decode::<AnyRef<'_>>(id.0, "identifier").map(AnyRef::value);
        let same = named.is_ok_and(|named| certificate.subject_key_identifier() == Some(named));
        return if same { Fit::Exact } else { Fit::None };
    }
    match decode::<IssuerAndSerial<'_>>(id.0, "identifier") {
        Ok(named) if named.serial.0 != certificate.serial_bytes() => Fit::None,
        Ok(named) if named.issuer.0 == certificate.issuer_der() => Fit::Exact,
        Ok(_) => Fit::Serial,
        Err(_) => Fit::None,
    }
}

/// Encodes the identifier of `certificate`: issuer and serial number.
pub(super) fn identifier(certificate: &Certificate) -> Result<Vec<u8>, Malformed> {
    encode(&IssuerAndSerial { issuer: Raw(certificate.issuer_der()), serial: Number(certificate.serial_bytes()) })
}

/// Wraps `content`, an encoded SEQUENCE, as a message of `content_type`.
pub(super) fn wrap(content_type: Oid, content: &impl der::Encode) -> Result<Vec<u8>, Malformed> {
    let content = encode(content)?;
    encode(&ContentInfo { content_type, content: decode(&content, t!("message that was to be written"))? })
}

/// The content of a message of `content_type`, `None` when it is of another type.
pub(super) fn unwrap<'a, T: der::Decode<'a> + der::DecodeValue<'a> + der::FixedTag>(
    message: &'a [u8],
    content_type: Oid,
) -> Result<Option<T>, Malformed> {
    let info: ContentInfo<'a> = decode(message, "message")?;
    if info.content_type != content_type {
        return Ok(None);
    }
    info.content.decode_as().map(Some).map_err(|_| Malformed("message"))
}

/// Encodes an OCTET STRING.
pub(super) fn octets(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    element(Tag::OctetString, bytes)
}

/// Encapsulated content of the type data; `content` is an encoded OCTET STRING.
pub(super) fn data(content: Option<AnyRef<'_>>) -> Encapsulated<'_> {
    Encapsulated { content_type: oid::DATA, content }
}
