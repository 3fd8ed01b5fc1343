//! Nonces without storage (RFC 8555 §6.5): each proves by a keyed digest that it is ours and when it was given; of those that were used, a bounded
//! number is remembered, and none older than the oldest of these is taken.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::pki::digest::hmac_sha256;
use crate::random::Random;

/// How long a nonce is good.
pub(super) const LIFETIME: Duration = Duration::from_secs(3600);

/// Used nonces that are remembered; when there are more in an hour, older ones that nobody used yet end early.
pub(super) const USED_MAX: usize = 20_000;

// Bytes of the moment, of what makes it unique, and of the proof.
const MOMENT: usize = 8;
const UNIQUE: usize = 8;
const PROOF: usize = 16;

/// Gives nonces out and takes each back once. Those of an earlier start are no good: the client takes the next one.
pub(super) struct Nonces {
    key: [u8; 32],
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// Moment and the rest, so that the first is the oldest.
    seen: BTreeSet<[u8; MOMENT + UNIQUE]>,
    /// Nothing up to this one is taken any more.
    floor: [u8; MOMENT + UNIQUE],
}

impl Nonces {
    pub(super) fn new() -> Self {
        Self { key: Random::System.bytes(), used: Mutex::default() }
    }

    /// A new nonce.
    pub(super) fn give(&self, now: Timestamp) -> String {
        let mut body = [0; MOMENT + UNIQUE];
        body[..MOMENT].copy_from_slice(&(now.millis().max(0) as u64).to_be_bytes());
        body[MOMENT..].copy_from_slice(&Random::System.bytes::<UNIQUE>());
        URL_SAFE_NO_PAD.encode([&body[..], &self.proof(&body)].concat())
    }

    /// Takes a nonce back; false where it is not ours, too old, or was used before.
    pub(super) fn take(&self, nonce: &str, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((body, proof)) = bytes.split_first_chunk::<{ MOMENT + UNIQUE }>() else { return false };
        if constant_time::verify_slices_are_equal(&self.proof(body), proof).is_err() {
            return false;
        }
        let oldest = (now.minus(LIFETIME).millis().max(0) as u64).to_be_bytes();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if body[..MOMENT] < oldest[..] || *body <= used.floor || !used.seen.insert(*body) {
            return false;
        }
        while used.seen.len() > USED_MAX {
            used.floor = used.seen.pop_first().unwrap_or_default();
        }
        true
    }

    fn proof(&self, body: &[u8]) -> [u8; PROOF] {
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&hmac_sha256(&self.key, body)[..PROOF]);
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    #[test]
    fn a_nonce_is_good_once_for_an_hour_and_only_where_it_was_given() {
        let (ours, others) = (Nonces::new(), Nonces::new());
        let nonce = ours.give(NOW);
        assert!(!others.take(&nonce, NOW), "another start gave it");
        assert!(ours.take(&nonce, NOW) && !ours.take(&nonce, NOW));
        let (late, just) = (ours.give(NOW), ours.give(NOW));
        assert!(ours.take(&just, NOW.plus(LIFETIME)));
        assert!(!ours.take(&late, NOW.plus(LIFETIME + Duration::from_millis(1))));
        for wrong in ["", "AAAA", "not base64!", &nonce[1..]] {
            assert!(!ours.take(wrong, NOW), "{wrong}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_nothing_forgotten_is_taken_again() {
        let nonces = Nonces::new();
        let first = nonces.give(NOW);
        assert!(nonces.take(&first, NOW));
        for number in 0..USED_MAX as u64 {
            let at = NOW.plus(Duration::from_millis(1 + number));
            assert!(nonces.take(&nonces.give(at), at));
        }
        assert_eq!(nonces.used.lock().unwrap().seen.len(), USED_MAX);
        assert!(!nonces.take(&first, NOW), "forgotten, and yet used");
        assert!(nonces.take(&nonces.give(NOW.plus(LIFETIME)), NOW.plus(LIFETIME)));
    }
}
