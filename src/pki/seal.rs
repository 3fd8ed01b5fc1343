//! Sealing: what must not be readable in a copy of the database is encrypted with the key in `seal.key`.
//!
//! A sealed value is `version (1) | nonce (12) | ciphertext | tag (16)`, AES-256-GCM with a random nonce. The context, for example
//! `admins.totp_secret/42`, is authenticated with it: a sealed value copied to another row or column does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::error;
use crate::secret::SecretBytes;

/// Length of the key file in bytes.
pub const KEY_BYTES: usize = 32;

/// The only form there is so far; another cipher would be another number.
const VERSION: u8 = 1;

/// Length of what a sealed value has more than its plain text.
pub const OVERHEAD_BYTES: usize = 1 + NONCE_LEN + 16;

/// Why a value was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key file has the wrong length.
    #[error("the sealing key must be a file of exactly {KEY_BYTES} bytes: restore seal.key from the backup that belongs to this database")]
    KeyLength,
    /// The value was sealed with another key or for another place, or is damaged.
    #[error("a sealed value does not open: seal.key is not the one that belongs to this database, or the database is damaged")]
    NotOpened,
    /// The crypto library could not seal.
    #[error("the cryptographic library could not seal a value")]
    Library,
}

impl From<SealError> for error::Error {
    fn from(error: SealError) -> Self {
        Self::internal(error.to_string(), error)
    }
}

/// Seals and opens with one key.
pub struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// A new key for a new data folder, as it is written to the key file.
    pub fn generate_key() -> Result<SecretBytes, SealError> {
        let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
        SystemRandom::new().fill(&mut key).map_err(|_| SealError::Library)?;
        Ok(SecretBytes::new(std::mem::take(&mut *key)))
    }

    /// Reads the content of the key file.
    pub fn from_key(key: &[u8]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError::KeyLength)?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// Seals `plain` for the place that `context` names.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::Library)?;
        let mut data = plain.to_vec();
        let sealed = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), authenticated(context), &mut data);
        sealed.map_err(|_| SealError::Library)?;
        Ok([&[VERSION], nonce.as_slice(), &data].concat())
    }

    /// Opens a value that was sealed for the place that `context` names.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let (nonce, data) = match sealed {
            [VERSION, rest @ ..] => rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::NotOpened)?,
            _ => return Err(SealError::NotOpened),
        };
        let mut data = Zeroizing::new(data.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.key.open_in_place(nonce, authenticated(context), &mut data).map_err(|_| SealError::NotOpened)?;
        Ok(SecretBytes::new(plain.to_vec()))
    }
}

/// What is authenticated beside the value: the version too, so that no later form can be passed off as this one.
fn authenticated(context: &str) -> Aad<Vec<u8>> {
    Aad::from([&[VERSION], context.as_bytes()].concat())
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(••••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mutations;

    fn sealer() -> Sealer {
        Sealer::from_key(Sealer::generate_key().unwrap().expose()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_place_only() {
        let sealer = sealer();
        let sealed = sealer.seal("devices.unlock_token/1", b"token").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD_BYTES);
        assert_eq!(sealer.open("devices.unlock_token/1", &sealed).unwrap().expose(), b"token");
        assert_eq!(sealer.open("devices.unlock_token/2", &sealed).unwrap_err(), SealError::NotOpened);
        assert_eq!(super::tests::sealer().open("devices.unlock_token/1", &sealed).unwrap_err(), SealError::NotOpened);
    }

    #[test]
    fn sealing_twice_gives_two_values() {
        let sealer = sealer();
        assert_ne!(sealer.seal("a", b"same").unwrap(), sealer.seal("a", b"same").unwrap());
    }

    #[test]
    fn damaged_values_do_not_open() {
        let sealer = sealer();
        let sealed = sealer.seal("a", b"value").unwrap();
        for damaged in mutations(&sealed) {
            assert_eq!(sealer.open("a", &damaged).unwrap_err(), SealError::NotOpened);
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert_eq!(Sealer::from_key(&[0; 31]).unwrap_err(), SealError::KeyLength);
        assert_eq!(Sealer::from_key(b"").unwrap_err(), SealError::KeyLength);
    }
}
