//! When an update may begin and by when it is to be installed, on the clock of a device. Pure.

use crate::clock::{Day, Wall, Zone};
use crate::mdm::updates::rules::{DAY, Deadline, Quiet, Rules};

/// Times to wait for that are gone through before it is said that there is none left; a week with every time of [`super::rules::QUIET_MAX`] on each
/// of its days has some two hundred, and holidays are passed at once.
const STEPS_MAX: usize = 2_000;

/// The first time, `from` or later, at which something may be installed; none where quiet hours and holidays leave none.
pub fn allowed(rules: &Rules, from: Wall) -> Option<Wall> {
    let mut at = from;
    for _ in 0..STEPS_MAX {
        match forbidden_until(rules, at) {
            Some(until) => at = until,
            None => return Some(at),
        }
    }
    None
}

/// Until when nothing is installed, if that is so at `at`.
fn forbidden_until(rules: &Rules, at: Wall) -> Option<Wall> {
    let day = at.day();
    let holiday =
        rules.holidays.iter().filter(|holiday| (holiday.from..=holiday.to).contains(&day)).map(|holiday| holiday.to.plus(1).at(0));
    holiday.chain(rules.quiet.iter().filter_map(|quiet| quiet_until(quiet, at))).max()
}

fn quiet_until(quiet: &Quiet, at: Wall) -> Option<Wall> {
    let (day, minute) = (at.day(), at.minute());
    let (from, to) = (i64::from(quiet.from), i64::from(quiet.to));
    let is_on = |day: Day| quiet.weekdays.iter().any(|weekday| day.weekday() == *weekday as i8);
    let is_over_midnight = to <= from;
    if is_on(day) && minute >= from && (is_over_midnight || minute < to) {
        return Some(if is_over_midnight { day.plus(1).at(to) } else { day.at(to) });
    }
    (is_over_midnight && is_on(day.plus(-1)) && minute < to).then(|| day.at(to))
}

/// The time of one ring for one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first time at which something may be begun.
    pub opens: Wall,
    /// By when it is to be installed; devices force it then.
    pub deadline: Wall,
}

/// The window of a ring for a release: `posted` is the day from which on it counts, where the target moves.
pub fn window(rules: &Rules, ring: usize, posted: Option<Day>) -> Option<Window> {
    let after = i64::from(rules.rings.get(ring)?.after_minutes);
    let begins = posted.map_or(rules.starts, |posted| rules.starts.max(posted.at(0)));
    // What falls into lessons waits for their end, and has its time from there.
    let opens = allowed(rules, begins.plus_minutes(after))?;
    let wished = match &rules.deadline {
        // What was posted after it is another plan's matter; `choose` leaves it out.
        Deadline::At { at } => *at,
        Deadline::After { minutes, time } => {
            let end = opens.plus_minutes(i64::from(*minutes));
            match time.map(i64::from) {
                Some(time) if end.minute() > time => end.day().plus(1).at(time),
                Some(time) => end.day().at(time),
                None => end,
            }
        }
    };
    // A deadline that falls into lessons waits for their end.
    let deadline = allowed(rules, wished.max(opens))?;
    Some(Window { opens, deadline })
}

/// By when a release is to be installed that Apple signs through the day `last` only: before that ends, where the window allows it.
pub fn before_expiry(rules: &Rules, window: Window, last: Option<Day>) -> Wall {
    let Some(last) = last.filter(|last| last.plus(1).at(0) <= window.deadline) else { return window.deadline };
    let wished = window.opens.max(last.at(0));
    allowed(rules, wished).filter(|at| *at < last.plus(1).at(0)).unwrap_or(window.opens)
}

/// What the clock on the wall really shows at a time: one that clocks skip is as much later as they skip.
pub fn settled(zone: &Zone, wall: Wall) -> Wall {
    zone.wall(zone.moment(wall))
}

/// A minute of the day as people write it: `08:00`.
pub fn minute_words(minute: u16) -> String {
    let minute = i64::from(minute).min(DAY);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests;
