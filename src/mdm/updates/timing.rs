//! When an update may begin and by when it is to be installed, on the clock of a device. Pure.

use std::time::Duration;

use crate::clock::{Day, Timestamp, Wall, Zone};
use crate::mdm::updates::pauses::{self, Shown};
use crate::mdm::updates::rules::{DAY, Deadline, NOTICE_MIN_MINUTES, Quiet, Rules};
use crate::store::deployments::Mechanism;
use crate::store::update_states::Action;

/// Times to wait for that are gone through before it is said that there is none left; a week with every time of [`super::rules::QUIET_MAX`] on each
/// of its days has some two hundred, and holidays are passed at once.
const STEPS_MAX: usize = 2_000;

/// The minute of the night at which “install later” is done by a device that takes declarations: 02:00.
const NIGHT: i64 = 2 * 60;

/// How long a release that was started by hand waits on a device that takes declarations: the time that it needs to say so to its user.
const AT_ONCE_MINUTES: i64 = 2;

/// How long after its moment an update by hand counts as late: it has to be downloaded first.
const LATE_AFTER: Duration = Duration::from_secs(2 * 3600);

/// The deadline of what is started by hand, as the device's clock shows it, and from when it is late; commands have none.
pub fn by_hand(action: Action, mechanism: Mechanism, zone: &Zone, now: Timestamp) -> (String, Option<Timestamp>) {
    if mechanism == Mechanism::Command {
        return (String::new(), None);
    }
    let shown = zone.wall(now);
    let wall = match action {
        Action::Later if shown.minute() < NIGHT => shown.day().at(NIGHT),
        Action::Later => shown.day().plus(1).at(NIGHT),
        _ => shown.plus_minutes(AT_ONCE_MINUTES),
    };
    let at = zone.moment(wall);
    (zone.wall(at).to_string(), Some(at.plus(LATE_AFTER)))
}

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

/// The window of a ring for a release: `posted` is the day from which on it counts, where the target moves; `pauses` are the times in which the plan stood
/// still.
pub fn window(rules: &Rules, pauses: &[Shown], ring: usize, posted: Option<Day>) -> Option<Window> {
    let after = i64::from(rules.rings.get(ring)?.after_minutes);
    let begins = posted.map_or(rules.starts, |posted| rules.starts.max(posted.at(0)));
    // What falls into lessons waits for their end, and has its time from there.
    let opens = allowed(rules, pauses::after(pauses, begins, after))?;
    let wished = match &rules.deadline {
        // What was posted after it is another plan's matter; `choose` leaves it out.
        Deadline::At { at } => pauses::deadline(pauses, opens, *at),
        Deadline::After { minutes, time } => {
            let end = pauses::after(pauses, opens, i64::from(*minutes));
            let end = pauses::deadline(pauses, opens, end);
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

/// The first time, `from` or later, at which something may be installed and that clocks really show.
pub fn open(rules: &Rules, zone: &Zone, from: Wall) -> Option<Wall> {
    let mut at = from;
    for _ in 0..STEPS_MAX {
        let free = allowed(rules, at)?;
        // What clocks skip may lead right into quiet hours.
        at = settled(zone, free);
        if at == free {
            return Some(at);
        }
    }
    None
}

/// The first moment, `from` or later, at which something may be begun; none where quiet hours and holidays leave none.
pub fn open_at(rules: &Rules, zone: &Zone, from: Timestamp) -> Option<Timestamp> {
    let utc = Zone::default();
    let mut at = from;
    for _ in 0..STEPS_MAX {
        let shown = zone.wall(at);
        let free = open(rules, zone, shown)?;
        if free == shown {
            return Some(at);
        }
        let there = zone.moment(free);
        // In the hour that clocks show twice, its first moment has passed: it is as far from here as they show.
        at = if there > at { there } else { at.plus(utc.moment(free).since(utc.moment(shown))) };
    }
    None
}

/// The window as the clocks of a zone really show it.
pub fn shown(rules: &Rules, zone: &Zone, window: Window) -> Option<Window> {
    let opens = open(rules, zone, window.opens)?;
    // What begins later than it was thought to still has its notice.
    let first = if opens > window.opens { opens.plus_minutes(NOTICE_MIN_MINUTES.into()) } else { opens };
    Some(Window { opens, deadline: open(rules, zone, window.deadline.max(first))? })
}

/// The first time at which Apple does not sign any more what it signs through the day `last`: its day ends in UTC, and where clocks are behind that, earlier
/// than theirs.
pub fn expiry(zone: &Zone, last: Day) -> Wall {
    last.plus(1).at(0).min(zone.wall(last.end()))
}

/// By when a release is to be installed that Apple signs through the day `last` only: on the morning of that day; where that is not free, at the latest time
/// before its end that is, by the hour of the plan if it has one. None where no time is left after the window opens.
pub fn before_expiry(rules: &Rules, zone: &Zone, window: Window, last: Option<Day>) -> Option<Wall> {
    let Some((last, end)) = last.map(|last| (last, expiry(zone, last))).filter(|(_, end)| *end <= window.deadline) else {
        return Some(window.deadline);
    };
    let first = window.opens.plus_minutes(NOTICE_MIN_MINUTES.into());
    let fits = |at: &Wall| (first..end).contains(at) && open(rules, zone, *at) == Some(*at);
    if let Some(morning) = open(rules, zone, last.at(0)).filter(fits) {
        return Some(morning);
    }
    let days = || (0..=last.since(first.day())).map(move |back| last.plus(-back));
    let hour = match &rules.deadline {
        Deadline::After { time, .. } => time.map(i64::from),
        Deadline::At { at } => Some(at.minute()),
    };
    // A free time ends where quiet hours begin, with the day, or with the signature.
    let ends = |day: Day| {
        let quiet = rules.quiet.iter().map(move |quiet| day.at(i64::from(quiet.from)));
        quiet.chain([day.plus(1).at(0), end]).map(|end| end.plus_minutes(-1)).filter(move |at| at.day() == day)
    };
    let at_hour = hour.and_then(|hour| days().map(|day| day.at(hour)).find(fits));
    at_hour.or_else(|| days().find_map(|day| ends(day).filter(fits).max()))
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
