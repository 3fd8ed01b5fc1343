//! Installations of an app that come by one proof: people delete an app and install it again, programs make up names.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// Times that the installation may be another one at once.
pub const CHANGES_AT_ONCE: u32 = 10;
/// Time after which one of them comes back.
pub const CHANGE_EVERY: Duration = Duration::from_secs(60);
/// Proofs that are remembered; beyond it those that have not changed lately are forgotten.
const ROWS_MAX: usize = 20_000;

/// A SHA-256.
type Digest = [u8; 32];

/// Which installation each proof came with last, and when it will have all its changes back.
#[derive(Debug, Default)]
pub(super) struct Installations(Mutex<HashMap<Digest, (Digest, Timestamp)>>);

impl Installations {
    /// Notes that a proof comes with an installation, or gives the seconds until it may come with another one than before.
    pub(super) fn note(&self, proof: Digest, installation: Digest, now: Timestamp) -> Result<(), u32> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((before, clean_at)) = rows.get_mut(&proof) else {
            if rows.len() >= ROWS_MAX {
                rows.retain(|_, (_, clean_at)| *clean_at > now);
                if rows.len() >= ROWS_MAX {
                    rows.clear();
                }
            }
            rows.insert(proof, (installation, now));
            return Ok(());
        };
        if *before == installation {
            return Ok(());
        }
        let after = (*clean_at).max(now).plus(CHANGE_EVERY);
        let allowed = now.plus(CHANGE_EVERY * CHANGES_AT_ONCE);
        if after > allowed {
            return Err(after.since(allowed).as_millis().div_ceil(1000) as u32);
        }
        (*before, *clean_at) = (installation, after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_proof_comes_with_a_few_new_installations_at_once_and_then_with_one_a_minute() {
        let seen = Installations::default();
        for installation in 0..=CHANGES_AT_ONCE as u8 {
            seen.note([1; 32], [installation; 32], NOW).unwrap();
        }
        assert_eq!(seen.note([1; 32], [99; 32], NOW), Err(60));
        assert!(seen.note([1; 32], [CHANGES_AT_ONCE as u8; 32], NOW).is_ok(), "the same one is not counted");
        assert!(seen.note([2; 32], [99; 32], NOW).is_ok());
        assert!(seen.note([1; 32], [99; 32], NOW.plus(CHANGE_EVERY)).is_ok());
    }

    #[test]
    fn memory_stays_bounded() {
        let seen = Installations::default();
        for number in 0..=ROWS_MAX as u64 {
            let mut proof = [0; 32];
            proof[..8].copy_from_slice(&number.to_be_bytes());
            seen.note(proof, [0; 32], NOW).unwrap();
        }
        assert!(seen.0.lock().unwrap().len() <= ROWS_MAX);
    }
}
