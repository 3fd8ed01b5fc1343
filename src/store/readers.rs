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
    pub(in crate::store) fn new(location: Location, random: Random, sealer: Arc<Sealer>) -> Self {
        Self { idle: Mutex::default(), slow: Semaphore::new(SLOW_LIMIT), location, random, sealer }
    }

    /// Runs `work` on one snapshot of the database.
    pub(in crate::store) fn read<T>(&self, now: Timestamp, work: impl FnOnce(&Tx) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut tx = match idle {
            Some(tx) => tx,
            None => Tx::new(self.location.open_reader()?, self.random.clone(), Arc::clone(&self.sealer)),
        };
        tx.now = now;
        tx.execute("BEGIN", [])?;
        // When `work` panics the connection is dropped rather than given back, so nobody inherits a half-read snapshot.
        let outcome = work(&tx);
        tx.take_bells();
        if let Err(error) = tx.execute("COMMIT", []) {
            // What was read stays true; only the connection is not to be trusted any more.
            tracing::warn!(%error, "a reading connection is given up");
            return outcome;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_LIMIT {
            idle.push(tx);
        }
        outcome
    }

    /// Waits for one of the few places for slow reads.
    pub(in crate::store) async fn slow_place(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.slow.acquire().await.map_err(|closed| Error::internal("the database is closed", closed))
    }
}
