//! The extensions of certificates that are issued here (RFC 5280 §4.2).

use std::net::IpAddr;

use super::{ServerName, sequence};
use crate::pki::asn1::{AnyRef, BitStringRef, Malformed, OctetStringRef, Oid, Seq, Sequence, Tag, decode, element, encode, oid};
use crate::pki::certificate::{Certificate, Extension};
use crate::pki::digest::Digest;

/// What a key may be used for (§4.2.1.3), as bits from the left.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyUsage {
    DigitalSignature = 0,
    KeyEncipherment = 2,
    CertificateSigning = 5,
    RevocationListSigning = 6,
}

/// Encoded extensions, in the order in which they were added.
pub(super) struct Extensions(Vec<u8>);

impl Extensions {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// The content of the SEQUENCE OF.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.0
    }

    fn add(&mut self, oid: Oid, critical: bool, value: &[u8]) -> Result<&mut Self, Malformed> {
        let value = OctetStringRef::new(value).map_err(|_| Malformed(t!("extension that was to be written")))?;
        self.0.extend(encode(&Extension { oid, critical, value })?);
        Ok(self)
    }

    /// One that means something to its readers alone.
    pub(super) fn other(&mut self, oid: Oid, value: &[u8]) -> Result<&mut Self, Malformed> {
        self.add(oid, false, value)
    }

    /// An authority with at most `below` authorities between it and the certificates at the end.
    pub(super) fn authority(&mut self, below: u8) -> Result<&mut Self, Malformed> {
        let content = [encode(&true)?, encode(&below)?].concat();
        self.add(oid::BASIC_CONSTRAINTS, true, &sequence(&content)?)
    }

    /// No authority.
    pub(super) fn leaf(&mut self) -> Result<&mut Self, Malformed> {
        self.add(oid::BASIC_CONSTRAINTS, true, &sequence(&[])?)
    }

    pub(super) fn key_usage(&mut self, usages: &[KeyUsage]) -> Result<&mut Self, Malformed> {
        let bits = usages.iter().fold(0_u8, |bits, usage| bits | 0x80 >> *usage as u8);
        let unused = bits.trailing_zeros() as u8;
        let value =
            BitStringRef::new(unused, std::slice::from_ref(&bits)).map_err(|_| Malformed(t!("extension that was to be written")))?;
        self.add(oid::KEY_USAGE, true, &encode(&value)?)
    }

    /// The one purpose of the certificate.
    pub(super) fn purpose(&mut self, purpose: Oid) -> Result<&mut Self, Malformed> {
        self.add(oid::EXTENDED_KEY_USAGE, false, &sequence(&encode(&purpose)?)?)
    }

    /// The identifier of the certificate's own key: SHA-1 of the key's bits (§4.2.1.2, method 1).
    pub(super) fn subject_key(&mut self, public_key: &[u8]) -> Result<&mut Self, Malformed> {
        let info: Seq<'_> = decode(public_key, t!("public key"))?;
        let key = info.items().nth(1).ok_or(Malformed(t!("public key")))?;
        let key: BitStringRef<'_> = decode(key, t!("public key"))?;
        let digest = Digest::Sha1.of(key.raw_bytes());
        self.add(oid::SUBJECT_KEY_IDENTIFIER, false, &element(Tag::OctetString, digest.as_ref())?)
    }

    /// The identifier of the authority's key, where its certificate has one.
    pub(super) fn authority_key(&mut self, authority: &Certificate) -> Result<&mut Self, Malformed> {
        #[derive(Sequence)]
        struct AuthorityKeyIdentifier<'a> {
            #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
            key: &'a OctetStringRef,
        }
        let Some(key) = authority.subject_key_identifier() else { return Ok(self) };
        let key = OctetStringRef::new(key).map_err(|_| Malformed(t!("extension that was to be written")))?;
        self.add(oid::AUTHORITY_KEY_IDENTIFIER, false, &encode(&AuthorityKeyIdentifier { key })?)
    }

    /// The names that the certificate is for.
    pub(super) fn alternative_names(&mut self, names: &[ServerName]) -> Result<&mut Self, Malformed> {
        let mut content = Vec::new();
        for name in names {
            let (tag, bytes) = match name {
                ServerName::Dns(name) => (2, name.as_bytes().to_vec()),
                ServerName::Ip(IpAddr::V4(address)) => (7, address.octets().to_vec()),
                ServerName::Ip(IpAddr::V6(address)) => (7, address.octets().to_vec()),
            };
            let tag = Tag::ContextSpecific { constructed: false, number: der::TagNumber(tag) };
            content.extend(encode(&AnyRef::new(tag, &bytes).map_err(|_| Malformed(t!("extension that was to be written")))?)?);
        }
        self.add(oid::SUBJECT_ALT_NAME, false, &sequence(&content)?)
    }
}
