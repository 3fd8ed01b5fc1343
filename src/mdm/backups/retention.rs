//! Which backups are kept: the newest of each of the last days, weeks and months that have one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Day;

/// How many of each are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackupRetention)]
pub struct Keep {
    /// Days, each with its newest backup; at least one.
    #[schema(minimum = 1, maximum = 366)]
    pub daily: u16,
    /// Weeks, from Monday on.
    #[schema(maximum = 366)]
    pub weekly: u16,
    /// Months.
    #[schema(maximum = 366)]
    pub monthly: u16,
}

/// The most of each that may be kept.
pub const KEEP_MAX: u16 = 366;

impl Default for Keep {
    fn default() -> Self {
        Self { daily: 7, weekly: 5, monthly: 12 }
    }
}

/// Says of backups, newest first, by the days on which they were made, whether each is kept.
pub fn kept(days: &[Day], keep: Keep) -> Vec<bool> {
    let (mut by_day, mut by_week, mut by_month) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    days.iter()
        .map(|day| {
            let monday = day.plus(-i32::from(day.weekday()));
            let month = (day.year(), day.month());
            // All three look at each: a day that counts as one of the days counts as the newest of its week too.
            let first = [
                is_first(&mut by_day, *day, keep.daily.max(1)),
                is_first(&mut by_week, monday, keep.weekly),
                is_first(&mut by_month, month, keep.monthly),
            ];
            first.contains(&true)
        })
        .collect()
}

/// Tells whether it is the first of its span of time, of the last `most` spans that have any.
fn is_first<T: Ord>(seen: &mut BTreeSet<T>, span: T, most: u16) -> bool {
    seen.len() < usize::from(most) && seen.insert(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: i32) -> Vec<Day> {
        let newest = Day::parse("2026-11-26").unwrap();
        (0..count).map(|back| newest.plus(-back)).collect()
    }

    fn kept_days(days: &[Day], keep: Keep) -> Vec<String> {
        days.iter().zip(kept(days, keep)).filter(|(_, kept)| *kept).map(|(day, _)| day.to_string()).collect()
    }

    #[test]
    fn the_newest_of_days_weeks_and_months_stay() {
        let kept = kept_days(&days(400), Keep { daily: 3, weekly: 3, monthly: 3 });
        // Thursday the 26th and two days before; the Sundays before; the last days of the months before.
        assert_eq!(kept, ["2026-11-26", "2026-11-25", "2026-11-24", "2026-11-22", "2026-11-15", "2026-10-31", "2026-09-30"]);
    }

    #[test]
    fn of_several_on_a_day_only_the_newest_stays_and_one_always_does() {
        let day = days(1)[0];
        assert_eq!(super::kept(&[day, day, day], Keep { daily: 1, weekly: 1, monthly: 1 }), [true, false, false]);
        assert_eq!(super::kept(&[day], Keep { daily: 0, weekly: 0, monthly: 0 }), [true]);
    }

    #[test]
    fn a_gap_deletes_nothing_that_is_still_among_the_last() {
        let newest = Day::parse("2026-11-26").unwrap();
        let gapped = [newest, newest.plus(-200), newest.plus(-201)];
        assert_eq!(super::kept(&gapped, Keep { daily: 3, weekly: 0, monthly: 0 }), [true; 3]);
    }

    #[test]
    fn keeping_goes_on_the_same_when_what_was_not_kept_is_gone() {
        let mut left: Vec<Day> = Vec::new();
        for day in days(300).into_iter().rev() {
            left.insert(0, day);
            let kept = kept(&left, Keep::default());
            left = left.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(day, _)| day).collect();
        }
        assert!(left.len() >= 7 + 4 + 7 && left.len() <= 24, "{left:?}");
        assert_eq!(left[0], Day::parse("2026-11-26").unwrap());
    }
}
