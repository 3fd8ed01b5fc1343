//! What is left with the store to be run, its types forgotten: else every kind of closure had its own copy of the writer's turn, of a task and of a channel
//! in the program.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::store::tx::{Tx, busy};

/// What a closure gives.
pub(in crate::store) type Given = Box<dyn Any + Send>;

/// A closure.
type Work = Box<dyn FnOnce(&Tx) -> Result<Given> + Send>;

/// Forgets what is given; [`recall`] knows it again.
pub(in crate::store) fn forget<T: Send + 'static>(outcome: Result<T>) -> Result<Given> {
    outcome.map(|given| Box::new(given) as Given)
}

/// What was given, for the caller, who knows of which type it is.
pub(in crate::store) fn recall<T: 'static>(given: Result<Given>) -> Result<T> {
    given?.downcast().map(|given| *given).map_err(|_| Error::new(Kind::Internal, "a transaction gave something else than was asked for"))
}

/// A caller's closure, its outcome, and the way back to the caller.
pub(in crate::store) struct Job {
    now: Timestamp,
    left_at: Instant,
    work: Option<Work>,
    outcome: Option<Result<Given>>,
    answer: oneshot::Sender<Result<Given>>,
}

impl Job {
    /// Of a closure and the moment of its transaction; its outcome arrives after the commit.
    pub(in crate::store) fn new<T, F>(now: Timestamp, work: F) -> (Self, Outcome<T>)
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let work: Work = Box::new(move |tx| forget(work(tx)));
        (Self { now, left_at: machine_now(), work: Some(work), outcome: None, answer }, Outcome { receiver, of: PhantomData })
    }

    /// Runs the closure; true when what it did is to be kept.
    pub(in crate::store) fn run(&mut self, tx: &mut Tx) -> bool {
        let Some(work) = self.work.take() else { return false };
        tx.now = self.now;
        // What a panic leaves half done is in the database only, and its savepoint is rolled back.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    /// How the closure itself failed, if it did.
    pub(in crate::store) fn failure(&self) -> Option<&Error> {
        self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err())
    }

    /// When it was left with the writer.
    pub(in crate::store) fn left_at(&self) -> Instant {
        self.left_at
    }

    /// Tells the caller what came of it; `lost` says why the whole group is undone, if it is.
    pub(in crate::store) fn answer(self, lost: Option<Error>) {
        let answer = match (lost, self.outcome) {
            (None, Some(outcome)) => outcome,
            // Even a closure's own failure may rest on what another one of the lost group did, so it does not count.
            (Some(lost), _) => Err(lost),
            (None, None) => Err(undone()),
        };
        // A caller that went away needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// What comes of a closure, once it is safely on the disk.
pub(in crate::store) struct Outcome<T> {
    receiver: oneshot::Receiver<Result<Given>>,
    of: PhantomData<fn() -> T>,
}

impl<T: 'static> Outcome<T> {
    pub(in crate::store) async fn wait(self) -> Result<T> {
        recall(self.receiver.await.unwrap_or_else(ended))
    }

    /// The same for callers that are not async.
    pub(in crate::store) fn wait_blocking(self) -> Result<T> {
        recall(self.receiver.blocking_recv().unwrap_or_else(ended))
    }

    /// Whether the caller has not been told yet.
    #[cfg(test)]
    pub(in crate::store) fn is_waited_for(&mut self) -> bool {
        self.receiver.try_recv().is_err()
    }
}

fn ended(gone: oneshot::error::RecvError) -> Result<Given> {
    Err(Error::internal("the writer ended", gone))
}

/// Why nothing came of a closure whose group was lost.
pub(in crate::store) fn undone() -> Error {
    busy("the database could not be written; nothing of this request was stored")
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    Error::internal("a fault in the program; nothing of this request was stored", said.unwrap_or_else(|| String::from("panic")))
}

/// The machine's own time, for how long the writer sleeps and works; never a transaction's moment.
#[expect(clippy::disallowed_methods, reason = "the pace of a thread is not a fact about devices: moving the clock must not move it")]
pub(in crate::store) fn machine_now() -> Instant {
    Instant::now()
}
