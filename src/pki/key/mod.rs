//! Private keys: made here, or brought in any of the forms that people have them in.

mod encrypted;
mod sha1;

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{self as alg, EcdsaKeyPair, KeyPair as _, RsaEncoding};

use super::asn1::{Algorithm, OctetStringRef, Oid, Reader, Seq, Sequence, SliceReader, algorithm_null, decode, oid};
use super::digest::Digest;
use super::pem;
use super::public_key::KeyKind;
use crate::error;
use crate::secret::SecretBytes;

/// Why a private key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no private key in the text.
    #[error("there is no private key in this file: PEM text with BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY is expected")]
    NoKey,
    /// The key is damaged or inconsistent.
    #[error("the private key is damaged or incomplete")]
    Malformed,
    /// The key is encrypted and no passphrase was given.
    #[error("the private key is encrypted: its passphrase is needed")]
    PassphraseNeeded,
    /// The key does not open with the passphrase.
    #[error("the private key does not open with this passphrase")]
    PassphraseWrong,
    /// The key or its encryption is of a kind that is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The crypto library could not do what it was asked for.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<aws_lc_rs::error::Unspecified> for KeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Library
    }
}

impl From<KeyError> for error::Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Library => Self::internal("a key could not be made or used", error),
            error => Self::bad_input(error.to_string()).caused_by(error),
        }
    }
}

/// PKCS#8 PrivateKeyInfo (RFC 5958), as far as the kind of key must be known.
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: Algorithm<'a>,
    key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    attributes: Option<Seq<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    public_key: Option<super::asn1::BitStringRef<'a>>,
}

/// A private key, RSA of 2048 to 8192 bits or on the curves P-256 and P-384. Clones share one copy.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    pkcs8: SecretBytes,
    spki: Vec<u8>,
    kind: KeyKind,
    pair: Pair,
    /// The key as a decryption key, made when it first decrypts; `None` inside for keys that cannot.
    decrypting: OnceLock<Option<Pkcs1PrivateDecryptingKey>>,
}

enum Pair {
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair),
}

impl PrivateKey {
    /// Makes an RSA key of 2048 bits; takes about 50 ms.
    pub fn generate_rsa_2048() -> Result<Self, KeyError> {
        Self::from_rsa(rsa::KeyPair::generate(KeySize::Rsa2048)?)
    }

    /// Makes a key on the curve P-256.
    pub fn generate_p256() -> Result<Self, KeyError> {
        Self::from_ec(EcdsaKeyPair::generate(&alg::ECDSA_P256_SHA256_ASN1_SIGNING)?, KeyKind::P256)
    }

    fn from_rsa(pair: rsa::KeyPair) -> Result<Self, KeyError> {
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let kind = KeyKind::Rsa { bits: pair.public_modulus_len() * 8 };
        Ok(Self::new(pkcs8.as_ref(), spki.as_ref(), kind, Pair::Rsa(pair)))
    }

    fn from_ec(pair: EcdsaKeyPair, kind: KeyKind) -> Result<Self, KeyError> {
        let pkcs8 = pair.to_pkcs8v1()?;
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        Ok(Self::new(pkcs8.as_ref(), spki.as_ref(), kind, Pair::Ec(pair)))
    }

    fn new(pkcs8: &[u8], spki: &[u8], kind: KeyKind, pair: Pair) -> Self {
        let pkcs8 = SecretBytes::new(pkcs8.to_vec());
        Self(Arc::new(Inner { pkcs8, spki: spki.to_vec(), kind, pair, decrypting: OnceLock::new() }))
    }

    /// Reads a key from PKCS#8 DER.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info: PrivateKeyInfo<'_> = decode(der, "key").map_err(|_| KeyError::Malformed)?;
        match info.algorithm.oid {
            oid::RSA_ENCRYPTION => rsa::KeyPair::from_pkcs8(der).map_err(|_| rejected_rsa(info.key.as_bytes())).and_then(Self::from_rsa),
            oid::EC_PUBLIC_KEY => match info.algorithm.parameters.and_then(|curve| curve.decode_as::<Oid>().ok()) {
                Some(oid::P256) => Self::from_ec_der(der, KeyKind::P256),
                Some(oid::P384) => Self::from_ec_der(der, KeyKind::P384),
                _ => Err(unsupported_curve()),
            },
            other => Err(KeyError::Unsupported(t!(
                "keys of the algorithm {other} are not supported: use RSA or the curve P-256 or P-384",
                other
            ))),
        }
    }

    /// Reads a key from DER in any of its three forms: PKCS#8, PKCS#1 (RSA) or SEC1 (elliptic curve).
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        match shape(der) {
            Shape::Pkcs8 => Self::from_pkcs8_der(der),
            Shape::Pkcs1 => rsa::KeyPair::from_der(der).map_err(|_| rejected_rsa(der)).and_then(Self::from_rsa),
            Shape::Sec1 => Self::from_ec_der(der, KeyKind::P256).or_else(|_| Self::from_ec_der(der, KeyKind::P384)),
            Shape::Other => Err(KeyError::Malformed),
        }
    }

    fn from_ec_der(der: &[u8], kind: KeyKind) -> Result<Self, KeyError> {
        let algorithm = match kind {
            KeyKind::P384 => &alg::ECDSA_P384_SHA384_ASN1_SIGNING,
            _ => &alg::ECDSA_P256_SHA256_ASN1_SIGNING,
        };
        let pair = EcdsaKeyPair::from_private_key_der(algorithm, der).map_err(|_| KeyError::Malformed)?;
        Self::from_ec(pair, kind)
    }

    /// Reads the first private key of a PEM text: PKCS#8, PKCS#1, SEC1, and the encrypted forms of them with `passphrase`.
    pub fn from_pem(text: &[u8], passphrase: Option<&str>) -> Result<Self, KeyError> {
        let blocks = pem::blocks(text);
        let block = blocks.iter().find(|block| is_key_label(&block.label)).ok_or(KeyError::NoKey)?;
        Self::from_pem_block(block, passphrase)
    }

    pub(crate) fn from_pem_block(block: &pem::Block, passphrase: Option<&str>) -> Result<Self, KeyError> {
        if block.label == "ENCRYPTED PRIVATE KEY" {
            let plain = encrypted::pkcs8(&block.der, passphrase.ok_or(KeyError::PassphraseNeeded)?)?;
            // A wrong passphrase yields well-padded rubbish once in 256 times.
            return Self::from_pkcs8_der(&plain).map_err(after_decryption);
        }
        if let Some(parameters) = block.header("DEK-Info") {
            let plain = encrypted::traditional(parameters, &block.der, passphrase.ok_or(KeyError::PassphraseNeeded)?)?;
            return Self::from_der(&plain).map_err(after_decryption);
        }
        Self::from_der(&block.der)
    }

    /// Reads an encrypted PKCS#8 key from DER.
    pub fn from_encrypted_der(der: &[u8], passphrase: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8_der(&encrypted::pkcs8(der, passphrase)?).map_err(after_decryption)
    }

    /// The key as PKCS#8 DER.
    pub fn pkcs8_der(&self) -> &SecretBytes {
        &self.0.pkcs8
    }

    /// The key as PKCS#8 PEM text, unencrypted.
    pub fn to_pem(&self) -> crate::secret::Secret<String> {
        pem::write("PRIVATE KEY", self.0.pkcs8.expose()).into()
    }

    /// The public half as DER SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.0.kind
    }

    /// The digest that signatures of this key are made with unless told otherwise: SHA-384 on P-384, else SHA-256.
    pub fn usual_digest(&self) -> Digest {
        if self.0.kind == KeyKind::P384 { Digest::Sha384 } else { Digest::Sha256 }
    }

    /// Signs `message`: RSA PKCS#1 v1.5 with any digest, ECDSA with the curve's own ([`PrivateKey::usual_digest`]) only.
    ///
    /// SHA-1 exists for the simulator, which must sign as old devices do; that path is slow (some milliseconds) and unhardened.
    pub fn sign(&self, digest: Digest, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.0.pair {
            Pair::Rsa(_) if digest == Digest::Sha1 => sha1::sign(self.0.pkcs8.expose(), message),
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match digest {
                    Digest::Sha384 => &alg::RSA_PKCS1_SHA384,
                    Digest::Sha512 => &alg::RSA_PKCS1_SHA512,
                    Digest::Sha1 | Digest::Sha256 => &alg::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Pair::Ec(pair) if digest == self.usual_digest() => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Pair::Ec(_) => {
                Err(KeyError::Unsupported(t!("a {kind} key signs with {name} only", kind = self.0.kind, name = self.usual_digest().name())))
            }
        }
    }

    /// The algorithm identifier of signatures that certificates name: key and digest in one.
    pub(crate) fn signature_algorithm(&self, digest: Digest) -> Algorithm<'static> {
        match (&self.0.pair, digest) {
            (Pair::Rsa(_), Digest::Sha1) => algorithm_null(oid::RSA_SHA1),
            (Pair::Rsa(_), Digest::Sha256) => algorithm_null(oid::RSA_SHA256),
            (Pair::Rsa(_), Digest::Sha384) => algorithm_null(oid::RSA_SHA384),
            (Pair::Rsa(_), Digest::Sha512) => algorithm_null(oid::RSA_SHA512),
            (Pair::Ec(_), Digest::Sha384) => super::asn1::algorithm(oid::ECDSA_SHA384),
            (Pair::Ec(_), _) => super::asn1::algorithm(oid::ECDSA_SHA256),
        }
    }

    /// The key as an RSA decryption key; `None` for elliptic curves, which encrypt nothing here.
    pub(crate) fn decrypting(&self) -> Option<&Pkcs1PrivateDecryptingKey> {
        let made = self.0.decrypting.get_or_init(|| {
            let key = PrivateDecryptingKey::from_pkcs8(self.0.pkcs8.expose()).ok()?;
            Pkcs1PrivateDecryptingKey::new(key).ok()
        });
        made.as_ref()
    }
}

/// What a private key's DER looks like from outside.
enum Shape {
    Pkcs8,
    Pkcs1,
    Sec1,
    Other,
}

/// Tells the three forms apart by what follows the version: an algorithm, a modulus or the private scalar.
fn shape(der: &[u8]) -> Shape {
    let second = || {
        let content = decode::<Seq<'_>>(der, "key").ok()?;
        let second = content.items().nth(1)?;
        SliceReader::new(second).ok()?.peek_byte()
    };
    match second() {
        Some(0x30) => Shape::Pkcs8,
        Some(0x02) => Shape::Pkcs1,
        Some(0x04) => Shape::Sec1,
        _ => Shape::Other,
    }
}

/// Whether `label` is that of a private key.
pub(crate) fn is_key_label(label: &str) -> bool {
    matches!(label, "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY")
}

/// Why the crypto library may have refused an RSA key, given as PKCS#1 DER: damage, or a size out of its range.
fn rejected_rsa(pkcs1: &[u8]) -> KeyError {
    let bits = sha1::modulus_bits(pkcs1).unwrap_or(0);
    if (1..2048).contains(&bits) || bits > 8192 {
        return KeyError::Unsupported(t!("RSA keys must have 2048 to 8192 bits; this one has {bits}", bits));
    }
    KeyError::Malformed
}

fn unsupported_curve() -> KeyError {
    KeyError::Unsupported(t!("only the elliptic curves P-256 and P-384 are supported").to_owned())
}

/// What a failure to read a decrypted key means to the person who typed the passphrase.
fn after_decryption(error: KeyError) -> KeyError {
    if error == KeyError::Malformed { KeyError::PassphraseWrong } else { error }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.0.kind)
    }
}

#[cfg(test)]
mod tests;
