//! How a person or the system asks this process to end.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Error, Result};

/// The signals that ask for an end: SIGTERM of the system, SIGINT of Ctrl-C, SIGHUP of a terminal that is closed.
///
/// They are heard from the moment this is made. Whoever makes it only once it answers is killed without grace by one that comes a moment earlier.
pub(super) struct Ending {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed; none where that is no reason to end.
    hang_up: Option<Signal>,
}

impl Ending {
    /// Begins to hear them.
    ///
    /// # Errors
    /// The system lets nobody hear signals.
    pub(super) fn listen() -> Result<Self> {
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())?, hang_up: None })
    }

    /// Begins to hear them, and whether the terminal is closed: for what is to leave nothing behind.
    ///
    /// # Errors
    /// The system lets nobody hear signals.
    pub(super) fn listen_at_terminal() -> Result<Self> {
        Ok(Self { hang_up: Some(listen(SignalKind::hangup())?), ..Self::listen()? })
    }

    /// Completes when one came.
    pub(super) async fn heard(&mut self) {
        let hung_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hung_up => {}
        }
    }

    /// What `start` gives, or none where an end was asked for first: a start may last long, and whoever ends it is not made to wait. What it had begun
    /// is left as a killed process leaves it, for everything is written in transactions.
    ///
    /// # Errors
    /// Those of `start`.
    pub(super) async fn unless_heard<T>(&mut self, start: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        tokio::select! {
            biased;
            () = self.heard() => {
                tracing::info!("ends before it answered anybody");
                Ok(None)
            }
            started = start => started.map(Some),
        }
    }
}

/// Begins to hear signals of one kind.
///
/// # Errors
/// The system lets nobody hear them.
pub(super) fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|error| Error::internal("Signals cannot be received.", error))
}
