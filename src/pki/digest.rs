//! Message digests by the names that certificates and signed messages give them.

pub(crate) use aws_lc_rs::digest::Digest as Hashed;
use aws_lc_rs::{digest, hmac};

use super::asn1::{Oid, oid};

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1: read because devices up to iOS 12 sign with it, never written but by the simulator.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// The digest that `oid` names.
    pub(crate) fn from_oid(oid: Oid) -> Option<Self> {
        Some(match oid {
            oid::SHA1 => Self::Sha1,
            oid::SHA256 => Self::Sha256,
            oid::SHA384 => Self::Sha384,
            oid::SHA512 => Self::Sha512,
            _ => return None,
        })
    }

    /// The identifier of this digest.
    pub(crate) const fn oid(self) -> Oid {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// The name that people and SCEP capabilities know it by, for example `SHA-256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The crypto library's form of it.
    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// The digest of `data`.
    pub(crate) fn of(self, data: &[u8]) -> Hashed {
        digest::digest(self.algorithm(), data)
    }

    /// Length of the digest in bytes.
    pub(crate) fn size(self) -> usize {
        self.algorithm().output_len()
    }
}

/// A digest in the making, for what is too long to be held whole.
pub(crate) struct Hasher(digest::Context);

impl Hasher {
    /// A digest of nothing yet.
    pub(crate) fn new(digest: Digest) -> Self {
        Self(digest::Context::new(digest.algorithm()))
    }

    /// Takes the next piece.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub(crate) fn finish(self) -> Hashed {
        self.0.finish()
    }
}

/// The HMAC-SHA256 of `data` under `key` (RFC 2104).
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref());
    bytes
}

/// The HMAC-SHA1 of `data` under `key`: only where an old protocol wants it.
pub(crate) fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), data).as_ref());
    bytes
}

/// The SHA-256 digest of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(Digest::Sha256.of(data).as_ref());
    bytes
}
