//! Passwords of accounts on Macs, as the directory of macOS keeps them: SALTED-SHA512-PBKDF2.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::key::KeyError;

/// Rounds. The passwords are random and long, so that nobody gets through their number whatever a round costs; many rounds would hold the writer up.
const ROUNDS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

/// Bytes that are derived.
const DERIVED_BYTES: usize = 128;

/// Bytes of a salt.
const SALT_BYTES: usize = 32;

/// A password as a Mac keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacPassword {
    /// What was derived.
    pub entropy: Vec<u8>,
    /// The salt.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
}

impl MacPassword {
    /// Of a password, with a salt of its own. Takes about 10 ms.
    pub fn of(password: &str) -> Result<Self, KeyError> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|_| KeyError::Malformed)?;
        Ok(Self::with(password, &salt, ROUNDS))
    }

    fn with(password: &str, salt: &[u8], rounds: NonZeroU32) -> Self {
        let mut entropy = vec![0; DERIVED_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, salt, password.as_bytes(), &mut entropy);
        Self { entropy, salt: salt.to_vec(), iterations: rounds.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::hex;

    #[test]
    fn what_is_derived_is_what_python_derives() {
        // hashlib.pbkdf2_hmac("sha512", b"correct horse", bytes(range(32)), 1000, 128)
        let salt: Vec<u8> = (0..32).collect();
        let made = MacPassword::with("correct horse", &salt, NonZeroU32::new(1000).unwrap());
        assert_eq!(
            hex(&made.entropy),
            "7b34d72b3aedbb7b91554546e40b31f86213a18bd9b3a03ca7d553f77879ad34b783837461d823d5e1e1a127c26a425b67ef3206dad971458f257476ee35b10e225eb342bd492b1716ab5b625efe1f61e3caa1387fe38e4ff5a7eb75ee21107ad0159b07eb60d7e72958fd16e242ecbd1fc1ef4993c6e4d106ea948b42c92eeb"
        );
    }

    #[test]
    fn no_two_passwords_share_a_salt() {
        let (one, other) = (MacPassword::of("same").unwrap(), MacPassword::of("same").unwrap());
        assert_eq!((one.salt.len(), one.entropy.len(), one.iterations), (SALT_BYTES, DERIVED_BYTES, ROUNDS.get()));
        assert!(one.salt != other.salt && one.entropy != other.entropy);
    }
}
