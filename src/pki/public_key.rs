//! Public keys and the signatures that they verify.

use crate::language::say;
use std::sync::OnceLock;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as alg, ParsedPublicKey, RsaPssSaltLength, VerificationAlgorithm};

use super::asn1::{Algorithm, BitStringRef, Malformed, Number, Oid, Sequence, decode, encode, oid, unsigned};
use super::digest::Digest;

/// Why a signature was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key, the signature's algorithm or their combination is none that is verified here.
    #[error("the signature algorithm {0} is not supported with this key")]
    Unsupported(String),
    /// The signature does not belong to this message and key.
    #[error("the signature does not match")]
    Mismatch,
}

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA with a modulus of this many bits.
    Rsa {
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// The elliptic curve P-256.
    P256,
    /// The elliptic curve P-384.
    P384,
    /// A key that nothing here can use.
    Other,
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::Other => f.write_str("unknown"),
        }
    }
}

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    RsaPkcs1(Digest),
    RsaPss { digest: Digest, salt: usize },
    Ecdsa(Digest),
}

#[derive(Sequence)]
struct SubjectPublicKeyInfo<'a> {
    algorithm: Algorithm<'a>,
    key: BitStringRef<'a>,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: Number<'a>,
    exponent: Number<'a>,
}

/// The parameters of RSASSA-PSS (RFC 4055 §3.1).
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<Algorithm<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<Algorithm<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

impl Scheme {
    /// The digest that is signed.
    pub(crate) const fn digest(self) -> Digest {
        match self {
            Self::RsaPkcs1(digest) | Self::RsaPss { digest, .. } | Self::Ecdsa(digest) => digest,
        }
    }

    /// The scheme that `algorithm` names; `digest` is the one named beside it, for identifiers that leave it open.
    pub(crate) fn read(algorithm: &Algorithm<'_>, digest: Option<Digest>) -> Result<Self, SignatureError> {
        let unsupported = || SignatureError::Unsupported(algorithm.oid.to_string());
        Ok(match algorithm.oid {
            oid::RSA_ENCRYPTION => Self::RsaPkcs1(digest.ok_or_else(unsupported)?),
            oid::RSA_SHA1 | oid::RSA_SHA1_OIW => Self::RsaPkcs1(Digest::Sha1),
            oid::RSA_SHA256 => Self::RsaPkcs1(Digest::Sha256),
            oid::RSA_SHA384 => Self::RsaPkcs1(Digest::Sha384),
            oid::RSA_SHA512 => Self::RsaPkcs1(Digest::Sha512),
            oid::EC_PUBLIC_KEY => Self::Ecdsa(digest.ok_or_else(unsupported)?),
            oid::ECDSA_SHA1 => Self::Ecdsa(Digest::Sha1),
            oid::ECDSA_SHA256 => Self::Ecdsa(Digest::Sha256),
            oid::ECDSA_SHA384 => Self::Ecdsa(Digest::Sha384),
            oid::ECDSA_SHA512 => Self::Ecdsa(Digest::Sha512),
            oid::RSA_PSS => Self::read_pss(algorithm).ok_or_else(unsupported)?,
            _ => return Err(unsupported()),
        })
    }

    /// Reads PSS parameters; only the mask generator MGF1 over the same digest exists in practice.
    fn read_pss(algorithm: &Algorithm<'_>) -> Option<Self> {
        let parameters: PssParameters<'_> = algorithm.parameters?.decode_as().ok()?;
        let digest = parameters.hash.map_or(Some(Digest::Sha1), |hash| Digest::from_oid(hash.oid))?;
        let mask = parameters.mask.filter(|mask| mask.oid == oid::MGF1)?;
        let mask_digest: Algorithm<'_> = mask.parameters?.decode_as().ok()?;
        let same = mask_digest.oid == digest.oid() && matches!(parameters.trailer, None | Some(1));
        same.then(|| Self::RsaPss { digest, salt: parameters.salt.unwrap_or(20).into() })
    }

    /// The crypto library's verifier for this scheme and key.
    fn verifier(self, kind: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self, kind) {
            (Self::RsaPkcs1(digest), KeyKind::Rsa { .. }) => match digest {
                Digest::Sha1 => &alg::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                Digest::Sha256 => &alg::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                Digest::Sha384 => &alg::RSA_PKCS1_2048_8192_SHA384,
                Digest::Sha512 => &alg::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            },
            (Self::RsaPss { digest, salt }, KeyKind::Rsa { bits }) => pss_verifier(digest, salt, bits)?,
            (Self::Ecdsa(Digest::Sha1), KeyKind::P256) => &alg::ECDSA_P256_SHA1_ASN1,
            (Self::Ecdsa(Digest::Sha256), KeyKind::P256) => &alg::ECDSA_P256_SHA256_ASN1,
            (Self::Ecdsa(Digest::Sha384), KeyKind::P256) => &alg::ECDSA_P256_SHA384_ASN1,
            (Self::Ecdsa(Digest::Sha512), KeyKind::P256) => &alg::ECDSA_P256_SHA512_ASN1,
            (Self::Ecdsa(Digest::Sha256), KeyKind::P384) => &alg::ECDSA_P384_SHA256_ASN1,
            (Self::Ecdsa(Digest::Sha384), KeyKind::P384) => &alg::ECDSA_P384_SHA384_ASN1,
            (Self::Ecdsa(Digest::Sha512), KeyKind::P384) => &alg::ECDSA_P384_SHA512_ASN1,
            _ => return None,
        })
    }
}

/// The PSS verifier for the salt lengths that exist: that of the digest, the longest (OpenSSL's default), and 20 (the standard's).
fn pss_verifier(digest: Digest, salt: usize, bits: usize) -> Option<&'static dyn VerificationAlgorithm> {
    const MAX: RsaPssSaltLength = RsaPssSaltLength::Max;
    const STANDARD: RsaPssSaltLength = RsaPssSaltLength::Custom(20);
    let longest = ((bits + 6) / 8).checked_sub(digest.size() + 2)?;
    let form = if salt == digest.size() {
        0
    } else if salt == longest {
        1
    } else {
        2
    };
    if form == 2 && salt != 20 {
        return None;
    }
    Some(match (digest, form) {
        (Digest::Sha256, 0) => &alg::RSA_PSS_2048_8192_SHA256,
        (Digest::Sha256, 1) => &const { alg::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(MAX) },
        (Digest::Sha256, _) => &const { alg::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(STANDARD) },
        (Digest::Sha384, 0) => &alg::RSA_PSS_2048_8192_SHA384,
        (Digest::Sha384, 1) => &const { alg::RSA_PSS_2048_8192_SHA384.with_pss_salt_length(MAX) },
        (Digest::Sha384, _) => &const { alg::RSA_PSS_2048_8192_SHA384.with_pss_salt_length(STANDARD) },
        (Digest::Sha512, 0) => &alg::RSA_PSS_2048_8192_SHA512,
        (Digest::Sha512, 1) => &const { alg::RSA_PSS_2048_8192_SHA512.with_pss_salt_length(MAX) },
        (Digest::Sha512, _) => &const { alg::RSA_PSS_2048_8192_SHA512.with_pss_salt_length(STANDARD) },
        (Digest::Sha1, _) => return None,
    })
}

/// A public key: what kind it is, and its parsed form once a signature has been verified with it.
#[derive(Debug)]
pub(crate) struct PublicKey {
    kind: KeyKind,
    exponent_is_sane: bool,
    /// The scheme of the first signature with the key's parsed form: almost every key signs in one way only.
    parsed: OnceLock<(Scheme, ParsedPublicKey)>,
}

impl PublicKey {
    /// Looks at a SubjectPublicKeyInfo without paying for parsing the key.
    pub(crate) fn read(spki: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = msg!("public key");
        let info: SubjectPublicKeyInfo<'_> = decode(spki, say(WHAT))?;
        let mut exponent_is_sane = true;
        let kind = match info.algorithm.oid {
            oid::RSA_ENCRYPTION => {
                let key: RsaPublicKey<'_> = decode(info.key.as_bytes().ok_or(Malformed(say(WHAT)))?, say(WHAT))?;
                exponent_is_sane = is_sane_exponent(unsigned(key.exponent.0));
                KeyKind::Rsa { bits: bits(unsigned(key.modulus.0)) }
            }
            oid::EC_PUBLIC_KEY => match info.algorithm.parameters.and_then(|curve| curve.decode_as::<Oid>().ok()) {
                Some(oid::P256) => KeyKind::P256,
                Some(oid::P384) => KeyKind::P384,
                _ => KeyKind::Other,
            },
            _ => KeyKind::Other,
        };
        Ok(Self { kind, exponent_is_sane, parsed: OnceLock::new() })
    }

    /// What kind of key it is.
    pub(crate) fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether an RSA exponent is odd, at least 3 and at most 64 bits long; true for other keys.
    pub(crate) fn exponent_is_sane(&self) -> bool {
        self.exponent_is_sane
    }

    /// Verifies `signature` over a message whose digest is `digest`. `spki` is the encoding this key was read from.
    pub(crate) fn verify_digest(
        &self,
        spki: &[u8],
        scheme: Scheme,
        digest: &digest::Digest,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if let Some((known, key)) = self.parsed.get()
            && *known == scheme
        {
            return key.verify_digest_sig(digest, signature).map_err(|_| SignatureError::Mismatch);
        }
        let unsupported = || SignatureError::Unsupported(t!("{scheme} on {kind}", scheme = format!("{scheme:?}"), kind = self.kind));
        let verifier = scheme.verifier(self.kind).ok_or_else(unsupported)?;
        let key = ParsedPublicKey::new(verifier, spki).map_err(|_| unsupported())?;
        let verdict = key.verify_digest_sig(digest, signature).map_err(|_| SignatureError::Mismatch);
        if verdict.is_ok() {
            // Losing the race only means that another thread kept the same key.
            let _ = self.parsed.set((scheme, key));
        }
        verdict
    }

    /// Verifies `signature` over `message` by the algorithm that a certificate or request names.
    pub(crate) fn verify(&self, spki: &[u8], algorithm: &Algorithm<'_>, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let scheme = Scheme::read(algorithm, None)?;
        self.verify_digest(spki, scheme, &scheme.digest().of(message), signature)
    }
}

/// Number of significant bits of a big-endian number without leading zeros.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Exponents that no real key has are a sign of mischief or damage: 1 makes signatures worthless, huge ones slow.
fn is_sane_exponent(exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|last| last & 1 == 1);
    odd && exponent.len() <= 8 && exponent != [1]
}

/// Encodes a SubjectPublicKeyInfo for a key of this `algorithm`.
pub(crate) fn write(algorithm: Algorithm<'_>, key: &[u8]) -> Result<Vec<u8>, Malformed> {
    let key = BitStringRef::from_bytes(key).map_err(|_| Malformed(t!("public key")))?;
    encode(&SubjectPublicKeyInfo { algorithm, key })
}
