//! The block ciphers of envelopes and encrypted keys, all in CBC mode with PKCS#7 padding.

use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::asn1::{Oid, oid};

/// A cipher that envelopes are encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES with a key of 128 bits: what Apple's and most SCEP clients use.
    Aes128Cbc,
    /// AES with a key of 192 bits.
    Aes192Cbc,
    /// AES with a key of 256 bits.
    Aes256Cbc,
    /// Triple DES: what SCEP clients use that do not ask for capabilities.
    DesEde3Cbc,
    /// Single DES: broken; accepted only where a setting says so.
    DesCbc,
}

/// Encryption or decryption failed: wrong key, wrong padding or damaged data, deliberately not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content cannot be decrypted")]
pub struct CipherError;

impl From<aws_lc_rs::error::Unspecified> for CipherError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl Cipher {
    /// The cipher that `oid` names.
    pub(crate) fn from_oid(oid: Oid) -> Option<Self> {
        Some(match oid {
            oid::AES128_CBC => Self::Aes128Cbc,
            oid::AES192_CBC => Self::Aes192Cbc,
            oid::AES256_CBC => Self::Aes256Cbc,
            oid::DES_EDE3_CBC => Self::DesEde3Cbc,
            oid::DES_CBC => Self::DesCbc,
            _ => return None,
        })
    }

    /// The identifier of this cipher.
    pub(crate) const fn oid(self) -> Oid {
        match self {
            Self::Aes128Cbc => oid::AES128_CBC,
            Self::Aes192Cbc => oid::AES192_CBC,
            Self::Aes256Cbc => oid::AES256_CBC,
            Self::DesEde3Cbc => oid::DES_EDE3_CBC,
            Self::DesCbc => oid::DES_CBC,
        }
    }

    #[expect(deprecated, reason = "DES and triple DES are read because devices and tools in use write them")]
    fn algorithm(self) -> &'static cipher::Algorithm {
        match self {
            Self::Aes128Cbc => &cipher::AES_128,
            Self::Aes192Cbc => &cipher::AES_192,
            Self::Aes256Cbc => &cipher::AES_256,
            Self::DesEde3Cbc => &cipher::DES_EDE3_FOR_LEGACY_USE_ONLY,
            Self::DesCbc => &cipher::DES_FOR_LEGACY_USE_ONLY,
        }
    }

    /// Length of the key in bytes.
    pub(crate) const fn key_size(self) -> usize {
        match self {
            Self::Aes128Cbc => 16,
            Self::Aes192Cbc | Self::DesEde3Cbc => 24,
            Self::Aes256Cbc => 32,
            Self::DesCbc => 8,
        }
    }

    /// Encrypts `plain`; returns the initialisation vector and the ciphertext.
    pub(crate) fn encrypt(self, key: &[u8], plain: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CipherError> {
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(self.algorithm(), key)?)?;
        let mut data = plain.to_vec();
        let context = key.encrypt(&mut data)?;
        let iv: &[u8] = (&context).try_into()?;
        Ok((iv.to_vec(), data))
    }

    /// Decrypts `data`.
    pub(crate) fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(self.algorithm(), key)?)?;
        let context = match self {
            Self::DesEde3Cbc | Self::DesCbc => DecryptionContext::Iv64(FixedLength::try_from(iv)?),
            _ => DecryptionContext::Iv128(FixedLength::try_from(iv)?),
        };
        let mut plain = Zeroizing::new(data.to_vec());
        if plain.is_empty() {
            return Err(CipherError);
        }
        let length = key.decrypt(&mut plain, context)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_decrypts_what_it_encrypts() {
        for cipher in [Cipher::Aes128Cbc, Cipher::Aes192Cbc, Cipher::Aes256Cbc, Cipher::DesEde3Cbc, Cipher::DesCbc] {
            let key: Vec<u8> = (1..=cipher.key_size() as u8).collect();
            for length in [0, 1, 15, 16, 17, 1000] {
                let plain = vec![7; length];
                let (iv, data) = cipher.encrypt(&key, &plain).unwrap();
                assert_eq!(cipher.decrypt(&key, &iv, &data).unwrap().as_slice(), plain, "{cipher:?} {length}");
                assert_eq!(cipher.decrypt(&key, &iv, &data[1..]), Err(CipherError));
                assert_eq!(cipher.decrypt(&key, &iv[1..], &data), Err(CipherError));
            }
            assert_eq!(cipher.decrypt(&key, &[0; 16], &[]), Err(CipherError));
            assert_eq!(Cipher::from_oid(cipher.oid()), Some(cipher));
        }
    }
}
