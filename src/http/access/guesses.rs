//! Wrong proofs, counted by the person they are aimed at, or else by the address they come from: so that a flood leaves a line a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::mdm::access::guesses::PAUSE;

/// The time in which wrong proofs of one kind are written down once.
pub(super) const NOTED_EVERY: Duration = Duration::from_secs(60);
/// People and addresses that are remembered; beyond it the one that was quiet longest is forgotten.
pub(super) const ROWS_MAX: usize = 10_000;

/// Wrong proofs in a row.
#[derive(Debug, Clone, Copy)]
struct Row {
    since: Timestamp,
    last_at: Timestamp,
    noted_at: Option<Timestamp>,
    count: u64,
    unnoted: u64,
}

/// What is to be written down now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// How many since the last time.
    pub(super) count: u64,
    /// How many in a row.
    pub(super) in_a_row: u64,
    /// For how long.
    pub(super) lasting: Duration,
}

/// Who was guessed at, or who guessed.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<HashMap<String, Row>>);

impl Book {
    /// Counts one more; tells what is to be written down, at most once in [`NOTED_EVERY`] for each `who`.
    pub(super) fn count(&self, who: &str, now: Timestamp) -> Option<Due> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut rows, who, now);
        let new = Row { since: now, last_at: now, noted_at: None, count: 0, unnoted: 0 };
        let row = rows.entry(who.to_owned()).or_insert(new);
        if row.last_at.plus(PAUSE) <= now {
            (row.since, row.count) = (now, 0);
        }
        (row.last_at, row.count, row.unnoted) = (now, row.count + 1, row.unnoted + 1);
        if row.noted_at.is_some_and(|noted| noted.plus(NOTED_EVERY) > now) {
            return None;
        }
        let due = Due { count: row.unnoted, in_a_row: row.count, lasting: now.since(row.since) };
        (row.noted_at, row.unnoted) = (Some(now), 0);
        Some(due)
    }
}

/// Forgets those that are quiet when a new one would not fit, and, if none is, the one that was quiet longest.
fn make_room(rows: &mut HashMap<String, Row>, who: &str, now: Timestamp) {
    if rows.len() < ROWS_MAX || rows.contains_key(who) {
        return;
    }
    rows.retain(|_, row| row.last_at.plus(PAUSE) > now);
    if rows.len() >= ROWS_MAX
        && let Some(quietest) = rows.iter().min_by_key(|(_, row)| row.last_at).map(|(who, _)| who.clone())
    {
        rows.remove(&quietest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn at(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_flood_is_a_line_a_minute_and_none_is_lost() {
        let book = Book::default();
        let due = |count, in_a_row, seconds| Some(Due { count, in_a_row, lasting: Duration::from_secs(seconds) });
        assert_eq!(book.count("kim", NOW), due(1, 1, 0));
        for second in 1..60 {
            assert_eq!(book.count("kim", at(second)), None);
        }
        assert_eq!(book.count("jo", at(1)), due(1, 1, 0), "another one has lines of their own");
        assert_eq!(book.count("kim", at(60)), due(60, 61, 60));
        assert_eq!(book.count("kim", at(60 + 3600)), due(1, 1, 0), "after a pause they are counted anew");
    }

    #[test]
    fn memory_stays_bounded() {
        let book = Book::default();
        for number in 0..=ROWS_MAX as u64 {
            book.count(&number.to_string(), NOW.plus(Duration::from_millis(number)));
        }
        let rows = book.0.lock().unwrap();
        assert_eq!((rows.len(), rows.contains_key("0")), (ROWS_MAX, false));
    }
}
