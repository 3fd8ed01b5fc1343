//! Whether a write that needs room on the disk would be kept.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::store::settings::{self, Setting};
use crate::store::tx::Tx;
use crate::store::work::machine_now;

/// How long a proof holds: whoever asks more often costs the disk nothing.
const HOLDS_FOR: Duration = Duration::from_secs(1);
/// Bytes that are asked for: a few pages, more than a change that fits beside others needs.
const BYTES: usize = 16 << 10;
/// What is written; nothing stays of it but the pages, which the next write takes.
const PROOF: Setting<String> = Setting::new("room.proof");

/// When room was proven last.
#[derive(Debug, Default)]
pub(in crate::store) struct Room(Mutex<Option<Instant>>);

impl Room {
    /// Whether it has to be proven anew.
    pub(in crate::store) fn is_due(&self) -> bool {
        let proven = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        proven.is_none_or(|proven| machine_now().saturating_duration_since(proven) >= HOLDS_FOR)
    }

    /// Notes that it was proven now.
    pub(in crate::store) fn proven(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(machine_now());
    }
}

/// Takes a few pages and gives them back. What is changed is committed, so that the log on the disk has to grow as well: it may be full where the
/// database itself still has free pages.
pub(in crate::store) fn prove(tx: &Tx) -> Result<()> {
    settings::set(tx, &PROOF, &"x".repeat(BYTES))?;
    settings::set(tx, &PROOF, &String::new()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::error::Kind;
    use crate::store::limit_pages_for_tests;
    use crate::store::tests::file;

    const NOW: Timestamp = Timestamp::from_seconds(1);

    #[test]
    fn room_is_proven_by_pages_that_are_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        let pages = |tx: &Tx| tx.one("PRAGMA page_count", [], |row| row.get::<_, i64>(0));
        store.write_blocking(NOW, prove).unwrap();
        let before = store.read_blocking(NOW, pages).unwrap();
        for _ in 0..20 {
            store.write_blocking(NOW, prove).unwrap();
        }
        assert_eq!(store.read_blocking(NOW, pages).unwrap(), before, "however often it is asked for");
        assert_eq!(store.read_blocking(NOW, |tx| settings::value(tx, &PROOF)).unwrap().as_deref(), Some(""));
    }

    #[tokio::test]
    async fn a_full_disk_has_none_and_a_proof_holds_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        store.write(NOW, |tx| limit_pages_for_tests(tx, 0)).await.unwrap();
        assert_eq!(store.prove_room(NOW).await.unwrap_err().kind, Kind::Busy);
        assert_eq!(store.prove_room(NOW).await.unwrap_err().kind, Kind::Busy, "a refusal is not remembered");
        store.write(NOW, |tx| limit_pages_for_tests(tx, 100)).await.unwrap();
        store.prove_room(NOW).await.unwrap();
        assert!(!store.0.room.is_due());
        *store.0.room.0.lock().unwrap() = machine_now().checked_sub(HOLDS_FOR);
        assert!(store.0.room.is_due());
        store.prove_room(NOW).await.unwrap();
    }
}
