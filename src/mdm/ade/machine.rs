//! How Apple's list is read on: pure, and the only place that says so. The whole list once a week, what changed in between.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::ade::Cause;
use crate::store::ade_servers::{AdeServer, Phase};

/// How often what changed is asked for.
pub const SYNC_EVERY: Duration = Duration::from_secs(15 * 60);

/// How often the whole list is read, whatever the changes said.
pub const FETCH_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Rounds in a row that get no further, after which the whole list is read anew.
pub const STUCK_MAX: i64 = 3;

/// How long is waited after a round that got no further.
pub const STUCK_WAIT: Duration = Duration::from_secs(15 * 60);

/// Where the reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Whether the whole list is read, or what changed.
    pub phase: Phase,
    /// Up to where it was read; empty at the beginning.
    pub cursor: String,
    /// Rounds in a row that got no further.
    pub stuck: i64,
    /// When the reading of the whole list that is under way began.
    pub fetch_began_at: Option<Timestamp>,
    /// When the whole list was last read to its end.
    pub fetched_at: Option<Timestamp>,
    /// When the list was last read to its end, the whole or what changed.
    pub synced_at: Option<Timestamp>,
    /// When to go on.
    pub due_at: Option<Timestamp>,
}

impl From<&AdeServer> for Reading {
    fn from(server: &AdeServer) -> Self {
        Self {
            phase: server.phase,
            cursor: server.cursor.clone(),
            stuck: server.same_cursor,
            fetch_began_at: server.fetch_began_at,
            fetched_at: server.fetched_at,
            synced_at: server.synced_at,
            due_at: server.sync_due_at,
        }
    }
}

impl Reading {
    /// Puts it down where a server remembers it.
    pub(super) fn put_down(self, server: &mut AdeServer) {
        (server.phase, server.cursor, server.same_cursor) = (self.phase, self.cursor, self.stuck);
        (server.fetch_began_at, server.fetched_at) = (self.fetch_began_at, self.fetched_at);
        (server.synced_at, server.sync_due_at) = (self.synced_at, self.due_at);
    }

    /// Begins the whole list anew.
    #[must_use]
    fn anew(self, now: Timestamp) -> Self {
        Self { phase: Phase::Fetch, cursor: String::new(), fetch_began_at: Some(now), ..self }
    }

    /// What to ask for next: as it stands, or the whole list where its time has come.
    #[must_use]
    pub(super) fn ready(self, now: Timestamp) -> Self {
        let stale = self.fetched_at.is_none_or(|at| now.since(at) >= FETCH_EVERY);
        match self.phase {
            Phase::Sync if stale || self.cursor.is_empty() || self.stuck >= STUCK_MAX => Self { stuck: 0, ..self }.anew(now),
            Phase::Fetch if self.cursor.is_empty() => self.anew(now),
            Phase::Fetch | Phase::Sync => self,
        }
    }
}

/// What Apple said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening<'a> {
    /// A page came.
    Page {
        /// Where to go on.
        cursor: Option<&'a str>,
        /// Whether the next page is there already.
        more: bool,
    },
    /// It refused the place in the list; other refusals change nothing about the reading.
    Refused(Cause),
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next page is asked for at once.
    GoOn,
    /// The round is over.
    Done,
    /// The whole list was read: whoever it has not named since is not on it any more.
    Whole(Timestamp),
    /// The round got no further; why, in words.
    Stuck(&'static str),
}

/// How the reading stands then, and what follows.
#[must_use]
pub(super) fn next(reading: Reading, happening: Happening<'_>, now: Timestamp) -> (Reading, Then) {
    match (reading.phase, happening) {
        (_, Happening::Page { cursor, more: true }) => match cursor {
            Some(cursor) if cursor != reading.cursor => (Reading { cursor: cursor.to_owned(), ..reading }, Then::GoOn),
            Some(_) => stuck(reading, t!("Apple says that there is more, and names the same place in its list again."), now),
            None => stuck(reading, t!("Apple says that there is more, and not where."), now),
        },
        (Phase::Fetch, Happening::Page { cursor, more: false }) => {
            let cursor = cursor.map_or_else(|| reading.cursor.clone(), str::to_owned);
            whole(Reading { cursor, ..reading }, now)
        }
        (Phase::Sync, Happening::Page { cursor, more: false }) => {
            let cursor = cursor.map_or_else(|| reading.cursor.clone(), str::to_owned);
            (Reading { cursor, stuck: 0, synced_at: Some(now), due_at: Some(now.plus(SYNC_EVERY)), ..reading }, Then::Done)
        }
        // All pages up to this place are stored: it was the last one.
        (Phase::Fetch, Happening::Refused(Cause::ExhaustedCursor)) if !reading.cursor.is_empty() => whole(reading, now),
        (_, Happening::Refused(Cause::ExpiredCursor | Cause::InvalidCursor | Cause::ExhaustedCursor)) => {
            let first = reading.stuck == 0 && !reading.cursor.is_empty();
            let (reading, then) = stuck(reading, t!("Apple does not take the place in its list; the whole list is read anew."), now);
            let reading = reading.anew(now);
            if first { (Reading { due_at: Some(now), ..reading }, Then::GoOn) } else { (reading, then) }
        }
        (_, Happening::Refused(_)) => (reading, Then::Done),
    }
}

/// The whole list was read.
fn whole(reading: Reading, now: Timestamp) -> (Reading, Then) {
    let since = reading.fetch_began_at.unwrap_or(now);
    let done = Reading {
        phase: Phase::Sync,
        stuck: 0,
        fetch_began_at: None,
        fetched_at: Some(now),
        synced_at: Some(now),
        due_at: Some(now.plus(SYNC_EVERY)),
        ..reading
    };
    (done, Then::Whole(since))
}

/// The round got no further.
fn stuck(reading: Reading, why: &'static str, now: Timestamp) -> (Reading, Then) {
    let stuck = reading.stuck + 1;
    let reading = Reading { stuck, due_at: Some(now.plus(STUCK_WAIT)), ..reading };
    // A whole list that gets no further begins anew, in the hope of other pages.
    let reading = if stuck >= STUCK_MAX && reading.phase == Phase::Fetch { Reading { stuck: 0, ..reading }.anew(now) } else { reading };
    (reading, Then::Stuck(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
    const LATER: Timestamp = Timestamp::from_seconds(1_795_000_000 + 3600);

    fn reading(phase: Phase, cursor: &str) -> Reading {
        Reading {
            phase,
            cursor: cursor.to_owned(),
            stuck: 0,
            fetch_began_at: (phase == Phase::Fetch).then_some(NOW),
            fetched_at: (phase == Phase::Sync).then_some(NOW),
            synced_at: None,
            due_at: Some(NOW),
        }
    }

    fn page(cursor: &str, more: bool) -> Happening<'_> {
        Happening::Page { cursor: Some(cursor), more }
    }

    #[test]
    fn the_whole_list_is_read_to_its_end_and_then_what_changed() {
        let begun = reading(Phase::Fetch, "").ready(NOW);
        let (on, then) = next(begun, page("a", true), NOW);
        assert_eq!((on.cursor.as_str(), then), ("a", Then::GoOn));
        let (over, then) = next(on, page("b", false), LATER);
        assert_eq!((over.phase, over.cursor.as_str(), then), (Phase::Sync, "b", Then::Whole(NOW)), "since the beginning, not the end");
        assert_eq!(over.due_at, Some(LATER.plus(SYNC_EVERY)));
        let (synced, then) = next(over.ready(LATER), page("c", false), LATER);
        assert_eq!((synced.phase, synced.cursor.as_str(), then), (Phase::Sync, "c", Then::Done));
    }

    #[test]
    fn once_a_week_the_whole_list_is_read_whatever_the_changes_said() {
        let later = NOW.plus(FETCH_EVERY);
        let ready = reading(Phase::Sync, "a").ready(later);
        assert_eq!((ready.phase, ready.cursor.as_str(), ready.fetch_began_at), (Phase::Fetch, "", Some(later)));
        assert_eq!(reading(Phase::Sync, "a").ready(LATER), reading(Phase::Sync, "a"));
        let under_way = reading(Phase::Fetch, "a");
        assert_eq!(under_way.clone().ready(later), under_way, "one that is under way goes on");
    }

    #[test]
    fn the_same_place_again_ends_the_round_and_after_a_few_rounds_the_whole_list_is_read() {
        let mut now = NOW;
        let mut standing = reading(Phase::Sync, "a");
        for round in 1..=STUCK_MAX {
            standing = standing.ready(now);
            assert_eq!((standing.phase, standing.cursor.as_str()), (Phase::Sync, "a"), "round {round}");
            let (after, then) = next(standing, page("a", true), now);
            assert!(matches!(then, Then::Stuck(_)) && after.due_at == Some(now.plus(STUCK_WAIT)));
            standing = after;
            now = now.plus(STUCK_WAIT);
        }
        let ready = standing.ready(now);
        assert_eq!((ready.phase, ready.cursor.as_str(), ready.stuck), (Phase::Fetch, "", 0));
        let (missing, then) = next(reading(Phase::Sync, "a"), Happening::Page { cursor: None, more: true }, NOW);
        assert!(matches!(then, Then::Stuck(_)) && missing.cursor == "a");
    }

    #[test]
    fn a_place_that_apple_does_not_take_begins_the_list_anew_at_once_but_not_for_ever() {
        for cause in [Cause::ExpiredCursor, Cause::InvalidCursor] {
            let (anew, then) = next(reading(Phase::Sync, "old"), Happening::Refused(cause), NOW);
            assert_eq!((anew.phase, anew.cursor.as_str(), then), (Phase::Fetch, "", Then::GoOn));
            let (again, then) = next(anew, Happening::Refused(cause), NOW);
            assert!(matches!(then, Then::Stuck(_)) && again.due_at == Some(NOW.plus(STUCK_WAIT)));
        }
        let (other, then) = next(reading(Phase::Sync, "a"), Happening::Refused(Cause::Later), NOW);
        assert_eq!((other, then), (reading(Phase::Sync, "a"), Then::Done), "the place stays");
    }

    #[test]
    fn a_list_that_was_read_to_its_end_before_is_over() {
        let (over, then) = next(reading(Phase::Fetch, "end"), Happening::Refused(Cause::ExhaustedCursor), LATER);
        assert_eq!((over.phase, over.cursor.as_str(), then), (Phase::Sync, "end", Then::Whole(NOW)));
        let (anew, _) = next(reading(Phase::Sync, "end"), Happening::Refused(Cause::ExhaustedCursor), LATER);
        assert_eq!(anew.phase, Phase::Fetch);
    }
}
