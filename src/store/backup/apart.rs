//! Long work on a thread of its own that gives way to everything else, and ends when nobody waits for it any more.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Error, Kind, Result};

/// How much long work steps back: others come first by far, and it still comes to its end on a machine that is never idle.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Tells long work whether anybody waits for it.
#[derive(Debug)]
pub struct Watch(Option<Receiver<()>>);

impl Watch {
    /// For work that goes on to its end.
    pub fn unending() -> Self {
        Self(None)
    }

    /// Rests, so that others have the disk and the core; refuses to go on when nobody waits any more.
    pub fn rest(&self, pause: Duration) -> Result<()> {
        match self.0.as_ref().map(|held| held.recv_timeout(pause)) {
            None | Some(Err(RecvTimeoutError::Timeout)) => Ok(()),
            Some(Ok(()) | Err(RecvTimeoutError::Disconnected)) => Err(Error::new(Kind::Busy, "It was ended before it was done.")),
        }
    }
}

/// Runs work that blocks for long on a thread of its own, behind everything else that wants the processor. When the future is dropped, the work ends
/// at its next rest.
pub async fn apart<T: Send + 'static>(work: impl FnOnce(&Watch) -> Result<T> + Send + 'static) -> Result<T> {
    let (_held, watch): (Sender<()>, _) = channel();
    let (done, outcome) = oneshot::channel();
    let thread = std::thread::Builder::new().name(String::from("backup")).spawn(move || {
        step_back();
        // Nobody may wait any more.
        let _ = done.send(work(&Watch(Some(watch))));
    });
    thread.map_err(|error| Error::internal("a thread for the backup could not be started", error))?;
    outcome.await.unwrap_or_else(|gone| Err(Error::internal("a fault in the program", gone)))
}

/// On Linux a thread has a niceness of its own; elsewhere the whole process would step back.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the backup's thread runs like any other");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_for_which_nobody_waits_ends_at_its_next_rest() {
        let (said, heard) = channel();
        let waiting = apart(move |watch| {
            let outcome = (0..1000).try_for_each(|_| watch.rest(Duration::from_secs(5)));
            said.send(outcome.is_err()).unwrap();
            outcome
        });
        tokio::time::timeout(Duration::from_millis(20), waiting).await.unwrap_err();
        assert!(heard.recv_timeout(Duration::from_secs(4)).unwrap());
    }

    #[tokio::test]
    async fn what_comes_of_it_is_handed_over() {
        assert_eq!(apart(|watch| watch.rest(Duration::from_millis(1)).map(|()| 7)).await.unwrap(), 7);
    }
}
