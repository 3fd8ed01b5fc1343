//! What the stand-in is told to do wrong, so that its clients can show that they cope.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::check::Refusal;

/// What the stand-in does with a push instead of delivering it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Refuses it.
    Refuse(Refusal),
    /// Delivers it and says GOAWAY: answers what is under way on this connection and takes no more.
    GoAway,
    /// Ends the connection and with it everything under way on it, without a word.
    HangUp,
}

/// The stand-in's instructions; empty at first, may change at any time.
#[derive(Debug)]
pub struct Script {
    next: Mutex<VecDeque<Act>>,
    tokens: Mutex<HashMap<String, Act>>,
    every: Mutex<Option<Every>>,
    held: watch::Sender<bool>,
}

#[derive(Debug)]
struct Every {
    act: Act,
    interval: u64,
    seen: u64,
}

impl Script {
    pub(super) fn new() -> Self {
        Self { next: Mutex::default(), tokens: Mutex::default(), every: Mutex::default(), held: watch::Sender::new(false) }
    }

    /// Does `act` with the next push that nothing else is said about; several are done in their order.
    pub fn next(&self, act: Act) {
        lock(&self.next).push_back(act);
    }

    /// Does `act` with every push to `token` (lower-case hex), for example because its device is gone.
    pub fn for_token(&self, token: &str, act: Act) {
        lock(&self.tokens).insert(token.to_owned(), act);
    }

    /// Does `act` with every `interval`-th push; zero is one.
    pub fn every(&self, interval: u64, act: Act) {
        *lock(&self.every) = Some(Every { act, interval: interval.max(1), seen: 0 });
    }

    /// Lets no push be answered until [`Script::release`].
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets all held pushes be answered.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Forgets all instructions and releases what is held.
    pub fn clear(&self) {
        lock(&self.next).clear();
        lock(&self.tokens).clear();
        *lock(&self.every) = None;
        self.release();
    }

    /// What to do with a push to `token`, once nothing is held.
    pub(super) async fn act(&self, token: &str) -> Option<Act> {
        // The sender lives in this very value, so that waiting ends with a value.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        if let Some(act) = lock(&self.tokens).get(token) {
            return Some(act.clone());
        }
        lock(&self.next).pop_front().or_else(|| lock(&self.every).as_mut().and_then(Every::turn))
    }
}

impl Every {
    fn turn(&mut self) -> Option<Act> {
        self.seen += 1;
        self.seen.is_multiple_of(self.interval).then(|| self.act.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
