//! A disk in the hands of a test: slow for as long as it likes, and broken as often.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::OpenOptions;
use crate::store::disk::{Durable, NoDisk};

/// What the test does with the disk; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brake(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    asked: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    failures: usize,
}

impl Brake {
    /// Holds every commit on its way to the disk, or lets them go on.
    pub(crate) fn hold(&self, is_held: bool) {
        self.lock().is_held = is_held;
        self.0.changed.notify_all();
    }

    /// Lets the disk fail so many times.
    pub(crate) fn fail(&self, times: usize) {
        self.lock().failures = times;
    }

    /// Waits until a commit is held.
    pub(crate) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the disk does when it is asked.
    fn turn(&self) -> io::Result<()> {
        let mut state = self.lock();
        if state.is_held {
            self.0.asked.notify_one();
        }
        while state.is_held {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failures == 0 {
            return Ok(());
        }
        state.failures -= 1;
        Err(io::Error::other("a broken disk"))
    }
}

/// The disk behind the brake.
struct Braked {
    disk: Box<dyn Durable>,
    brake: Brake,
}

impl Durable for Braked {
    fn sync(&mut self) -> io::Result<()> {
        self.brake.turn()?;
        self.disk.sync()
    }

    fn mend(&mut self, pages: usize) -> io::Result<()> {
        self.brake.turn()?;
        self.disk.mend(pages)
    }
}

impl OpenOptions {
    /// The same disk, with a brake on it.
    pub(crate) fn braked(mut self) -> (Self, Brake) {
        let brake = Brake::default();
        let disk = std::mem::replace(&mut self.durable, Box::new(NoDisk));
        self.durable = Box::new(Braked { disk, brake: brake.clone() });
        (self, brake)
    }
}
