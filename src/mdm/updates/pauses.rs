//! Times in which a plan stood still: they count for no ring and no deadline. Kept with what the plan says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{Timestamp, Wall, Zone};
use crate::error::{Error, Result};
use crate::mdm::updates::rules::Rules;

/// The most pauses that are kept of a plan; of more, the shortest goes.
pub const PAUSES_MAX: usize = 100;

/// How long a device has at least from where a plan goes on, in minutes: nobody is told a deadline that has passed by a stop.
pub const NOTICE_AFTER_MINUTES: i64 = 60;

/// Under this key pauses stand beside the rules.
const KEY: &str = "stood_still";

/// A time in which a plan stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it was stopped.
    pub from: Timestamp,
    /// When it went on.
    pub to: Timestamp,
}

/// The same on the clock of a device.
pub type Shown = (Wall, Wall);

/// Reads rules and pauses from what is stored.
pub fn read(stored: &str) -> Result<(Rules, Vec<Pause>)> {
    let broken = |error| Error::internal("stored plans can be read", error);
    let mut value: Value = serde_json::from_str(stored).map_err(broken)?;
    let pauses = value.as_object_mut().and_then(|rules| rules.remove(KEY)).unwrap_or(Value::Array(Vec::new()));
    Ok((serde_json::from_value(value).map_err(broken)?, serde_json::from_value(pauses).map_err(broken)?))
}

/// What is stored of them.
pub fn stored(rules: &Rules, pauses: &[Pause]) -> Result<String> {
    let broken = |error| Error::internal("plans are JSON", error);
    let mut value = serde_json::to_value(rules).map_err(broken)?;
    if let Some(rules) = value.as_object_mut().filter(|_| !pauses.is_empty()) {
        rules.insert(KEY.to_owned(), serde_json::to_value(pauses).map_err(broken)?);
    }
    Ok(value.to_string())
}

/// Adds a pause.
pub fn add(pauses: &mut Vec<Pause>, pause: Pause) {
    pauses.push(pause);
    if pauses.len() > PAUSES_MAX
        && let Some(shortest) = (0..pauses.len()).min_by_key(|at| pauses[*at].to.since(pauses[*at].from))
    {
        pauses.remove(shortest);
    }
}

/// The pauses as the clock of a device shows them, in their order.
pub fn shown(pauses: &[Pause], zone: &Zone) -> Vec<Shown> {
    pauses.iter().map(|pause| (zone.wall(pause.from), zone.wall(pause.to))).collect()
}

/// The time so many minutes after `from`, of which those do not count in which the plan stood still.
pub fn after(pauses: &[Shown], from: Wall, minutes: i64) -> Wall {
    pauses.iter().fold(from.plus_minutes(minutes), |at, (begins, ends)| {
        let begins = from.max(*begins);
        if begins < at && begins < *ends { at.plus_minutes(minutes_between(begins, *ends)) } else { at }
    })
}

/// A deadline that was set as `at`, of what may begin at `opens`: one that a pause ran over has as much time after it as it had left, and none
/// comes sooner than [`NOTICE_AFTER_MINUTES`] after it.
pub fn deadline(pauses: &[Shown], opens: Wall, at: Wall) -> Wall {
    pauses.iter().filter(|(_, ends)| *ends > opens).fold(at, |at, (begins, ends)| {
        let begins = opens.max(*begins);
        let left = if at < *ends { ends.plus_minutes(minutes_between(begins, at)) } else { at };
        left.max(ends.plus_minutes(NOTICE_AFTER_MINUTES))
    })
}

/// Whole minutes, rounded up; none where `to` is not later.
pub(super) fn minutes_between(from: Wall, to: Wall) -> i64 {
    let utc = Zone::default();
    let seconds = if to > from { utc.moment(to).since(utc.moment(from)).as_secs() } else { 0 };
    i64::try_from(seconds.div_ceil(60)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> Wall {
        Wall::parse(text).unwrap()
    }

    #[test]
    fn what_stood_still_does_not_count() {
        let stops = [(wall("2026-12-02T10:00"), wall("2026-12-04T10:00")), (wall("2026-12-10T00:00"), wall("2026-12-11T00:00"))];
        let day = 24 * 60;
        assert_eq!(after(&stops, wall("2026-12-01T10:00"), day), wall("2026-12-02T10:00"), "it ended as it was stopped");
        assert_eq!(after(&stops, wall("2026-12-01T10:00"), 2 * day), wall("2026-12-05T10:00"));
        assert_eq!(after(&stops, wall("2026-12-01T10:00"), 7 * day), wall("2026-12-11T10:00"), "by both");
        assert_eq!(after(&stops, wall("2026-12-03T10:00"), day), wall("2026-12-05T10:00"), "what began meanwhile begins when it goes on");
        assert_eq!(after(&stops, wall("2026-12-12T10:00"), day), wall("2026-12-13T10:00"));
    }

    #[test]
    fn a_fixed_deadline_moves_only_where_it_passed_meanwhile_and_nobody_is_told_a_past_one() {
        let stop = [(wall("2026-12-02T10:00"), wall("2026-12-04T10:00"))];
        let of = |at: &str| deadline(&stop, wall("2026-12-01T10:00"), wall(at));
        assert_eq!(of("2026-12-05T10:00"), wall("2026-12-05T10:00"));
        assert_eq!(of("2026-12-03T10:00"), wall("2026-12-05T10:00"), "a day was left");
        assert_eq!(of("2026-12-02T10:10"), wall("2026-12-04T11:00"));
        assert_eq!(of("2026-12-04T10:05"), wall("2026-12-04T11:00"));
        assert_eq!(of("2026-12-01T16:00"), wall("2026-12-04T11:00"), "it was late already");
        assert_eq!(deadline(&stop, wall("2026-12-04T10:00"), wall("2026-12-04T10:05")), wall("2026-12-04T10:05"), "it begins after it");
    }

    #[test]
    fn of_too_many_pauses_the_shortest_is_forgotten() {
        let mut pauses = Vec::new();
        for hours in 1..=PAUSES_MAX as i64 + 1 {
            let from = Timestamp::from_seconds(hours * 1_000_000);
            add(&mut pauses, Pause { from, to: Timestamp::from_seconds(hours * 1_000_000 + hours * 60) });
        }
        assert_eq!((pauses.len(), pauses[0].from), (PAUSES_MAX, Timestamp::from_seconds(2_000_000)));
    }
}
