//! Encrypted private keys: PKCS#8 with PBES2 (RFC 8018), and OpenSSL's traditional PEM encryption.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::KeyError;
use crate::pki::asn1::{Algorithm, AnyRef, OctetStringRef, Oid, Sequence, decode, oid};
use crate::pki::cipher::Cipher;
use crate::pki::md5::md5;

/// Most PBKDF2 rounds that are worked off for one key: OpenSSL writes 2,048, password managers up to 650,000.
pub(super) const MAX_ITERATIONS: u32 = 2_000_000;

#[derive(Sequence)]
struct EncryptedPrivateKeyInfo<'a> {
    algorithm: Algorithm<'a>,
    data: &'a OctetStringRef,
}

#[derive(Sequence)]
struct Pbes2<'a> {
    derivation: Algorithm<'a>,
    encryption: Algorithm<'a>,
}

#[derive(Sequence)]
struct Pbkdf2<'a> {
    salt: &'a OctetStringRef,
    iterations: u32,
    #[asn1(optional = "true")]
    key_length: Option<u16>,
    #[asn1(optional = "true")]
    function: Option<Algorithm<'a>>,
}

/// What to do about an encryption that is not read.
fn unsupported(what: impl std::fmt::Display) -> KeyError {
    KeyError::Unsupported(t!(
        "the key is encrypted in a way that is not supported ({what}); convert it with: openssl pkcs8 -topk8 -v2 aes256 -in key.pem -out new.pem",
        what
    ))
}

/// Decrypts EncryptedPrivateKeyInfo; returns PKCS#8 DER.
pub(super) fn pkcs8(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info: EncryptedPrivateKeyInfo<'_> = decode(der, "key").map_err(|_| KeyError::Malformed)?;
    if info.algorithm.oid != oid::PBES2 {
        return Err(unsupported(info.algorithm.oid));
    }
    let scheme: Pbes2<'_> = parameters(info.algorithm)?;
    let cipher = Cipher::from_oid(scheme.encryption.oid).ok_or_else(|| unsupported(scheme.encryption.oid))?;
    let iv: &OctetStringRef = parameters(scheme.encryption)?;
    let key = derive(scheme.derivation, passphrase, cipher)?;
    cipher.decrypt(&key, iv.as_bytes(), info.data.as_bytes()).map_err(|_| KeyError::PassphraseWrong)
}

/// Decodes what stands beside an algorithm.
fn parameters<'a, T>(algorithm: Algorithm<'a>) -> Result<T, KeyError>
where
    T: der::DecodeValue<'a> + der::Decode<'a> + der::FixedTag,
{
    let parameters: Option<AnyRef<'a>> = algorithm.parameters;
    parameters.and_then(|parameters| parameters.decode_as().ok()).ok_or(KeyError::Malformed)
}

/// Derives the key for `cipher` by PBKDF2.
fn derive(derivation: Algorithm<'_>, passphrase: &str, cipher: Cipher) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if derivation.oid != oid::PBKDF2 {
        return Err(unsupported(derivation.oid));
    }
    let parameters: Pbkdf2<'_> = parameters(derivation)?;
    let iterations = NonZeroU32::new(parameters.iterations).ok_or(KeyError::Malformed)?;
    if iterations.get() > MAX_ITERATIONS {
        return Err(unsupported(format_args!("{iterations} rounds of key derivation")));
    }
    let function: Oid = parameters.function.map_or(oid::HMAC_SHA1, |function| function.oid);
    let function = match function {
        oid::HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
        oid::HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
        oid::HMAC_SHA384 => pbkdf2::PBKDF2_HMAC_SHA384,
        oid::HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
        other => return Err(unsupported(other)),
    };
    let mut key = Zeroizing::new(vec![0; cipher.key_size()]);
    pbkdf2::derive(function, iterations, parameters.salt.as_bytes(), passphrase.as_bytes(), &mut key);
    Ok(key)
}

/// Decrypts a traditional PEM body (`Proc-Type: 4,ENCRYPTED`); `parameters` is the DEK-Info header, for example
/// `DES-EDE3-CBC,22c0f4c89c7b1fcd`. Returns PKCS#1 or SEC1 DER. MicroMDM's tools still write push keys like this.
pub(super) fn traditional(parameters: &str, data: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (name, iv) = parameters.split_once(',').ok_or(KeyError::Malformed)?;
    let cipher = match name.trim() {
        "DES-EDE3-CBC" => Cipher::DesEde3Cbc,
        "DES-CBC" => Cipher::DesCbc,
        "AES-128-CBC" => Cipher::Aes128Cbc,
        "AES-192-CBC" => Cipher::Aes192Cbc,
        "AES-256-CBC" => Cipher::Aes256Cbc,
        other => return Err(unsupported(other)),
    };
    let iv = unhex(iv.trim()).ok_or(KeyError::Malformed)?;
    let salt = iv.get(..8).ok_or(KeyError::Malformed)?;
    let key = traditional_key(passphrase.as_bytes(), salt, cipher.key_size());
    cipher.decrypt(&key, &iv, data).map_err(|_| KeyError::PassphraseWrong)
}

/// OpenSSL's EVP_BytesToKey with one round of MD5: digests chained until there are enough bytes.
fn traditional_key(passphrase: &[u8], salt: &[u8], size: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(size + 16));
    while key.len() < size {
        let last = key.len().saturating_sub(16);
        let round = Zeroizing::new([&key[last..], passphrase, salt].concat());
        key.extend_from_slice(&md5(&round));
    }
    key.truncate(size);
    key
}

/// Reads hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect())?
}
