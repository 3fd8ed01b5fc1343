//! Slips: what one page has for the next and for nobody else, handed over once; a token just made, or what a deed came to.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// Slips that wait at a time; the oldest goes when another comes.
const SLIPS_MAX: usize = 256;
/// How long a slip waits to be fetched.
const SLIP_LIFE: Duration = Duration::from_secs(600);

/// What is handed over.
#[derive(Debug, Clone)]
pub struct Slip {
    /// What it is about, or how it went.
    pub title: String,
    /// What is said.
    pub text: Secret<String>,
}

#[derive(Debug)]
struct Waiting {
    id: String,
    session: Vec<u8>,
    until: Timestamp,
    slip: Slip,
}

/// The slips that wait. They live in memory alone: what is lost by a restart is lost to nobody but a reload.
#[derive(Debug, Default)]
pub(super) struct Slips(Mutex<VecDeque<Waiting>>);

impl Slips {
    /// Lays a slip down under `id` for one session.
    pub(super) fn lay(&self, id: String, session: &[u8], slip: Slip, now: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|slip| slip.until > now);
        if waiting.len() >= SLIPS_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { id, session: session.to_vec(), until: now.plus(SLIP_LIFE), slip });
    }

    /// Takes the slip away, if it waits for this session.
    pub(super) fn take(&self, id: &str, session: &[u8], now: Timestamp) -> Option<Slip> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|slip| slip.id == id && slip.session == session && slip.until > now)?;
        waiting.remove(at).map(|waiting| waiting.slip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn slip(text: &str) -> Slip {
        Slip { title: "ok".into(), text: Secret::new(text.into()) }
    }

    #[test]
    fn a_slip_is_for_one_session_once_and_for_a_while() {
        let slips = Slips::default();
        for id in ["a", "b"] {
            slips.lay(id.into(), b"mine", slip(id), NOW);
        }
        assert!(slips.take("a", b"yours", NOW).is_none());
        assert_eq!(slips.take("a", b"mine", NOW).unwrap().text.expose(), "a");
        assert!(slips.take("a", b"mine", NOW).is_none());
        assert!(slips.take("b", b"mine", NOW.plus(SLIP_LIFE)).is_none());
    }

    #[test]
    fn the_oldest_slip_makes_room() {
        let slips = Slips::default();
        for number in 0..=SLIPS_MAX {
            slips.lay(number.to_string(), b"mine", slip(""), NOW);
        }
        assert!(slips.take("0", b"mine", NOW).is_none() && slips.take("1", b"mine", NOW).is_some());
    }
}
