//! Randomness that a test can reproduce: challenges, tokens, UUIDs, jitter. Keys and nonces come from the crypto library itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::Timestamp;

/// Letters and digits that nobody misreads or mistypes: no 0/O, 1/I/L, U.
const CODE_ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Where random values come from.
#[derive(Debug, Clone)]
pub enum Random {
    /// The operating system's generator, through the crypto library.
    System,
    /// A sequence that its seed determines; for tests and simulations only.
    Seeded(Arc<Mutex<fastrand::Rng>>),
}

impl Random {
    /// The sequence that `seed` determines.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// Fills `buffer` with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        match self {
            // The operating system's generator does not fail once it is seeded; without it nothing here is safe to go on.
            Self::System => SystemRandom::new().fill(buffer).expect("the operating system's random generator works"),
            Self::Seeded(generator) => generator.lock().unwrap_or_else(PoisonError::into_inner).fill(buffer),
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number from 0 up to but not including `bound`; 0 for a bound of 0. The bias is below 2⁻³² for bounds below 2³².
    pub fn below(&self, bound: u64) -> u64 {
        ((u128::from(u64::from_le_bytes(self.bytes())) * u128::from(bound)) >> 64) as u64
    }

    /// `duration` and up to half of it again, so that many waiters do not wake at once.
    pub fn jitter(&self, duration: Duration) -> Duration {
        duration + Duration::from_millis(self.below(duration.as_millis() as u64 / 2 + 1))
    }

    /// A bearer token of 256 bits, in 43 characters of base64url.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A code that a person can read out and type, `length` characters of about 4.9 bits each.
    pub fn code(&self, length: usize) -> String {
        (0..length).map(|_| char::from(CODE_ALPHABET[self.below(CODE_ALPHABET.len() as u64) as usize])).collect()
    }

    /// A UUIDv7: sorts by the moment it was made.
    pub fn uuid_v7(&self, now: Timestamp) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(now.millis().max(0) as u64, &self.bytes()).into_uuid()
    }

    /// A UUIDv4, for what must not tell when it was made (PushMagic).
    pub fn uuid_v4(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_sequence() {
        let (a, b) = (Random::seeded(7), Random::seeded(7));
        assert_eq!(a.token(), b.token());
        assert_ne!(a.token(), Random::seeded(8).token());
    }

    #[test]
    fn codes_use_only_letters_that_nobody_misreads() {
        let code = Random::System.code(200);
        assert!(code.bytes().all(|letter| CODE_ALPHABET.contains(&letter)), "{code}");
    }

    #[test]
    fn uuids_sort_by_time() {
        let random = Random::seeded(1);
        let (early, late) = (random.uuid_v7(Timestamp::from_seconds(1)), random.uuid_v7(Timestamp::from_seconds(2)));
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }
}
