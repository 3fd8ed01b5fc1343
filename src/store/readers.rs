//! Read-only connections: as many as are needed at once, a few of them kept.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::seal::Sealer;
use crate::random::Random;
use crate::store::connection::Location;
use crate::store::tx::Tx;

/// Connections that are kept open between reads.
const IDLE_LIMIT: usize = 4;
/// Lists and reports that may run at the same time, so that they neither fill the memory nor take every core.
const SLOW_LIMIT: usize = 4;

/// The pool. It never makes a caller wait: point reads are as many as there are threads, slow ones have their own limit.
#[derive(Debug)]
pub(in crate::store) struct Readers {
    idle: Mutex<Vec<Tx>>,
    slow: Semaphore,
    location: Location,
    random: Random,
    sealer: Arc<Sealer>,
}

impl Readers {
    /// Opens the first connection at once: a file that cannot be read is noticed at the start, and a database in memory lives
    /// for as long as somebody has it open.
    pub(in crate::store) fn start(location: Location, random: Random, sealer: Arc<Sealer>) -> Result<Self> {
        let readers = Self { idle: Mutex::default(), slow: Semaphore::new(SLOW_LIMIT), location, random, sealer };
        readers.read(Timestamp::default(), |_| Ok(()))?;
        Ok(readers)
    }

    /// Runs `work` on one snapshot of the database.
    pub(in crate::store) fn read<T>(&self, now: Timestamp, work: impl FnOnce(&Tx) -> Result<T>) -> Result<T> {
        let tx = self.begin(now)?;
        // When `work` panics the connection is dropped rather than given back, so nobody inherits a half-read snapshot.
        let outcome = work(&tx);
        self.end(tx);
        outcome
    }

    fn begin(&self, now: Timestamp) -> Result<Tx> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut tx = match idle {
            Some(tx) => tx,
            None => Tx::new(self.location.open_reader()?, self.random.clone(), Arc::clone(&self.sealer)),
        };
        tx.now = now;
        tx.execute("BEGIN", [])?;
        Ok(tx)
    }

    fn end(&self, tx: Tx) {
        tx.take_bells();
        if let Err(error) = tx.execute("COMMIT", []) {
            // What was read stays true; only the connection is not to be trusted any more.
            tracing::warn!(%error, "a reading connection is given up");
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_LIMIT {
            idle.push(tx);
        }
    }

    /// Waits for one of the few places for slow reads.
    pub(in crate::store) async fn slow_place(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.slow.acquire().await.map_err(|closed| Error::internal("the database is closed", closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::events::{NewEvent, append, newest};
    use crate::store::tests::{file, memory};

    const NOW: Timestamp = Timestamp::from_seconds(1);

    #[test]
    fn a_read_sees_one_snapshot_while_others_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        let event = NewEvent { kind: "push.sent", actor_kind: "job", actor: "push", ..NewEvent::default() };
        let seen = store.read_blocking(NOW, |tx| {
            let before = newest(tx)?;
            store.write_blocking(NOW, move |tx| append(tx, &event))?;
            Ok((before, newest(tx)?, store.read_blocking(NOW, newest)?))
        });
        assert_eq!(seen.unwrap(), (0, 0, 1), "the same twice, and what was answered for a read that begins later");
    }

    #[test]
    fn more_reads_than_connections_are_kept_run_at_the_same_time() {
        fn nested(store: &crate::store::Store, depth: usize) -> Result<usize> {
            store.read_blocking(NOW, |_| if depth == 0 { Ok(0) } else { nested(store, depth - 1).map(|below| below + 1) })
        }
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        assert_eq!(nested(&store, 3 * IDLE_LIMIT).unwrap(), 3 * IDLE_LIMIT);
        assert_eq!(store.0.readers.idle.lock().unwrap().len(), IDLE_LIMIT);
    }

    #[test]
    fn a_read_that_panics_spoils_nothing() {
        let store = memory();
        store.write_blocking(NOW, |tx| append(tx, &NewEvent { kind: "a", actor_kind: "job", actor: "b", ..NewEvent::default() })).unwrap();
        // A second connection, so that the database in memory outlives the first one.
        store.read_blocking(NOW, |_| store.read_blocking(NOW, newest)).unwrap();
        let panicking = std::panic::AssertUnwindSafe(|| store.read_blocking::<()>(NOW, |_| std::panic::resume_unwind(Box::new("test"))));
        assert!(std::panic::catch_unwind(panicking).is_err());
        assert_eq!(store.read_blocking(NOW, newest).unwrap(), 1);
    }

    #[tokio::test]
    async fn slow_reads_wait_for_a_place() {
        let store = memory();
        let mut places = Vec::new();
        for _ in 0..SLOW_LIMIT {
            places.push(store.0.readers.slow_place().await.unwrap());
        }
        let mut read = Box::pin(store.read_slow(NOW, newest));
        let is_waiting = std::future::poll_fn(|context| std::task::Poll::Ready(read.as_mut().poll(context).is_pending())).await;
        assert!(is_waiting);
        assert_eq!(store.read(NOW, newest).await.unwrap(), 0, "a point read does not wait behind lists");
        places.pop();
        assert_eq!(read.await.unwrap(), 0);
    }
}
