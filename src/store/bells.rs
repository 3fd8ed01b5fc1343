//! Bells that a commit rings: whoever sleeps until there is something to do listens here.

use tokio::sync::watch;

/// Who is to wake up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bell {
    /// The jobs: a due time was set or became earlier.
    Jobs,
    /// The readers of the event stream: an event was appended.
    Events,
}

const ALL: [Bell; 2] = [Bell::Jobs, Bell::Events];

/// A set of bells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store) struct Bells(u8);

impl Bells {
    pub(in crate::store) fn with(self, bell: Bell) -> Self {
        Self(self.0 | 1 << bell as u8)
    }

    pub(in crate::store) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, bell: Bell) -> bool {
        self.0 & 1 << bell as u8 != 0
    }
}

/// Where bells hang. A listener that is busy while a bell rings finds out as soon as it listens again.
#[derive(Debug)]
pub(in crate::store) struct Tower([watch::Sender<()>; ALL.len()]);

impl Tower {
    pub(in crate::store) fn new() -> Self {
        Self(ALL.map(|_| watch::Sender::new(())))
    }

    pub(in crate::store) fn listen(&self, bell: Bell) -> Listener {
        Listener(self.0[bell as usize].subscribe())
    }

    pub(in crate::store) fn ring(&self, bells: Bells) {
        for bell in ALL.into_iter().filter(|bell| bells.has(*bell)) {
            self.0[bell as usize].send_replace(());
        }
    }
}

/// Hears one bell.
#[derive(Debug, Clone)]
pub struct Listener(watch::Receiver<()>);

impl Listener {
    /// Waits until the bell has rung since the last call, or since this listener was made; false when the store is closed for good.
    pub async fn heard(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Tells whether the bell has rung since the last call, without waiting.
    pub fn rang(&mut self) -> bool {
        let rang = self.0.has_changed().unwrap_or(false);
        self.0.mark_unchanged();
        rang
    }
}
