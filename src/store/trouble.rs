//! What keeps the database from being written: told to the log once a minute, and to whoever looks for as long as it lasts.

use std::borrow::Cow;
use std::time::{Duration, Instant};

/// How often the log is told while it lasts: everyone who is refused has a line there anyway.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What is known of it.
#[derive(Debug, Default)]
pub(in crate::store) struct Trouble {
    words: Option<Cow<'static, str>>,
    told_at: Option<Instant>,
    /// Closures that were refused since the log was told.
    untold: usize,
    /// The log heard that it began, and not yet that it ended.
    is_open: bool,
}

impl Trouble {
    /// Notes that so many closures were refused for a reason; gives how many the log is to be told of, when it is its turn.
    pub(in crate::store) fn suffer(&mut self, words: Cow<'static, str>, closures: usize, now: Instant) -> Option<usize> {
        self.words = Some(words);
        self.untold += closures;
        if self.told_at.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return None;
        }
        (self.told_at, self.is_open) = (Some(now), true);
        Some(std::mem::take(&mut self.untold))
    }

    /// Notes that something was stored; true when the log is to be told that it goes on.
    pub(in crate::store) fn end(&mut self) -> bool {
        self.words.take().is_some() && std::mem::take(&mut self.is_open)
    }

    /// Why the last attempt stored nothing, and what to do.
    pub(in crate::store) fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::work::machine_now;

    #[test]
    fn the_log_hears_of_it_once_a_minute_however_often_it_comes_and_goes() {
        let (mut trouble, start) = (Trouble::default(), machine_now());
        assert_eq!(trouble.suffer("full".into(), 2, start), Some(2));
        assert_eq!(trouble.words(), Some("full"));
        assert!(trouble.end() && trouble.words().is_none());
        for second in 1..60 {
            assert_eq!(trouble.suffer("full".into(), 3, start + Duration::from_secs(second)), None);
            assert!(!trouble.end(), "nobody was told that it began");
        }
        assert_eq!(trouble.suffer("full".into(), 1, start + TELL_EVERY), Some(59 * 3 + 1), "none of them is forgotten");
        assert!(trouble.end());
        assert!(!trouble.end());
    }
}
