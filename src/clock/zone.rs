//! The time zone of an appliance: what the clock on its wall shows, and which moment a time on that clock is.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, db};
use jiff::{Span, Timestamp as Moment};

use super::{Timestamp, Wall};

/// What browsers send from a field with day and time.
const MINUTES: &str = "%Y-%m-%dT%H:%M";
/// Days that are searched for the next time that a clock shows something: the changes of a year skip at most one.
const DAYS_SEARCHED: i64 = 3;

/// A time zone of the IANA database, whose rules are built in.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl Zone {
    /// The zone of this name, `Europe/Berlin`; large and small letters are the same.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name.trim()).ok().filter(|zone| zone.iana_name().is_some_and(|name| name != FACTORY)).map(Self)
    }

    /// The zone of this machine (`TZ`, else `/etc/localtime`); UTC where it has none with a name.
    pub fn of_machine() -> Self {
        let name = TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned));
        name.and_then(|name| Self::named(&name)).unwrap_or_default()
    }

    /// The names of all zones that are not another name of one, in order.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = db().available().map(|name| name.as_str().to_owned()).filter(|name| is_first_name(name)).collect();
        names.sort_unstable();
        names
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The day there, as people read it: `25 Nov 2026`.
    pub fn day(&self, at: Timestamp) -> String {
        self.shown(at).strftime("%-d %b %Y").to_string()
    }

    /// The moment there, as people read it: `25 Nov 2026, 04:29 CET`.
    pub fn words(&self, at: Timestamp) -> String {
        let information = self.0.to_offset_info(moment(at));
        let short = information.abbreviation();
        // Where nobody uses letters, the database has the hours from UTC.
        let from_utc = if short.starts_with(['+', '-']) { "UTC" } else { "" };
        format!("{} {from_utc}{short}", self.shown(at).strftime("%-d %b %Y, %H:%M"))
    }

    /// The time of the day there: `04:29`.
    pub fn time(&self, at: Timestamp) -> String {
        self.shown(at).strftime("%H:%M").to_string()
    }

    /// The moment as a field with day and time holds it: `2026-11-25T04:29`.
    pub fn typed(&self, at: Timestamp) -> String {
        self.shown(at).strftime(MINUTES).to_string()
    }

    /// The moment of what was typed into such a field. A time that clocks skip is as much later as they skip, one that they show twice is the first.
    pub fn read(&self, typed: &str) -> Option<Timestamp> {
        let there = DateTime::strptime(MINUTES, typed).ok()?;
        self.0.to_timestamp(there).ok().map(stamp)
    }

    /// The first moment, `now` or later, at which the clock shows a minute of the day from `from` on and before `to`; over midnight where `to` is
    /// not after `from`. What clocks skip on a day does not come on it, what they show twice comes twice.
    pub fn next_between(&self, from: i64, to: i64, now: Timestamp) -> Timestamp {
        let is_between = |at: Moment| {
            let shown = self.0.to_datetime(at);
            let minute = i64::from(shown.hour()) * 60 + i64::from(shown.minute());
            if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
        };
        let now = moment(now);
        if is_between(now) {
            return stamp(now);
        }
        let midnight = self.0.to_datetime(now).start_of_day();
        let begins = (0..=DAYS_SEARCHED).filter_map(|day| midnight.checked_add(Span::new().days(day).minutes(from)).ok());
        let both = begins.flat_map(|begin| {
            let begin = self.0.to_ambiguous_timestamp(begin);
            [begin.earlier().ok(), begin.later().ok()]
        });
        // A change of the clocks may lead right into it.
        let change = self.0.following(now).next().map(|change| change.timestamp());
        let first = both.chain([change]).flatten().filter(|at| *at > now && is_between(*at)).min();
        first.map_or_else(|| stamp(now).plus(std::time::Duration::from_secs(86_400)), stamp)
    }

    /// What the clock on the wall shows at a moment.
    pub fn wall(&self, at: Timestamp) -> Wall {
        Wall(self.shown(at))
    }

    /// The moment at which the clock on the wall shows this. A time that clocks skip is as much later as they skip, one that they show twice is the
    /// first.
    pub fn moment(&self, wall: Wall) -> Timestamp {
        self.0.to_timestamp(wall.0).map(stamp).unwrap_or_default()
    }

    fn shown(&self, at: Timestamp) -> DateTime {
        self.0.to_datetime(moment(at))
    }
}

fn is_first_name(name: &str) -> bool {
    name != FACTORY && TimeZone::get(name).is_ok_and(|zone| zone.is_primary())
}

/// What the database has for machines whose zone nobody has set.
const FACTORY: &str = "Factory";

/// Moments beyond the calendar are its beginning, as in UTC.
fn moment(at: Timestamp) -> Moment {
    Moment::from_millisecond(at.millis()).unwrap_or(Moment::UNIX_EPOCH)
}

fn stamp(moment: Moment) -> Timestamp {
    Timestamp::from_millis(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn berlin() -> Zone {
        Zone::named("europe/berlin").unwrap()
    }

    #[test]
    fn a_zone_has_its_own_name_and_unknown_ones_are_none() {
        assert_eq!((berlin().name(), Zone::default().name()), ("Europe/Berlin", "UTC"));
        for unknown in ["", "Mars/Olympus", "CET-1CEST", "Etc/Unknown", "Factory", "../etc/passwd"] {
            assert_eq!(Zone::named(unknown), None, "{unknown}");
        }
        let names = Zone::names();
        assert!(names.iter().any(|name| name == "America/Argentina/Buenos_Aires") && names.iter().all(|name| Zone::named(name).is_some()));
        assert!(names.iter().any(|name| name == "UTC") && names.iter().all(|name| name != "Factory"), "{names:?}");
        let machine = Zone::of_machine();
        assert_eq!(Zone::named(machine.name()), Some(machine));
    }

    #[test]
    fn moments_are_told_as_the_clock_on_the_wall_shows_them() {
        let evening = at("2026-11-25T23:29:09Z");
        assert_eq!(Zone::default().words(evening), evening.words());
        assert_eq!((berlin().words(evening).as_str(), berlin().day(evening).as_str()), ("26 Nov 2026, 00:29 CET", "26 Nov 2026"));
        assert_eq!(berlin().words(at("2026-07-01T10:00:00Z")), "1 Jul 2026, 12:00 CEST");
        assert_eq!(Zone::named("America/Sao_Paulo").unwrap().words(evening), "25 Nov 2026, 20:29 UTC-03");
        assert_eq!(berlin().words(Timestamp::from_millis(i64::MAX)), "1 Jan 1970, 01:00 CET");
    }

    #[test]
    fn what_is_typed_is_read_back_and_a_time_that_clocks_skip_or_repeat_is_one_moment() {
        let end = at("2026-12-24T15:30:00Z");
        assert_eq!((berlin().typed(end).as_str(), berlin().read("2026-12-24T16:30")), ("2026-12-24T16:30", Some(end)));
        assert_eq!(berlin().read("2026-03-29T02:30"), Some(at("2026-03-29T01:30:00Z")), "skipped: 03:30 on the wall");
        assert_eq!(berlin().read("2026-10-25T02:30"), Some(at("2026-10-25T00:30:00Z")), "twice: the first");
        for wrong in ["", "soon", "2026-12-24", "2026-13-24T15:30", "2026-12-24T25:00"] {
            assert_eq!(berlin().read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_of_the_day_may_go_over_midnight_and_comes_with_the_clock_on_the_wall() {
        let next = |now: &str| berlin().next_between(22 * 60, 5 * 60 + 30, at(now));
        assert_eq!(next("2026-11-25T12:00:30Z"), at("2026-11-25T21:00:00Z"));
        assert_eq!(next("2026-07-01T12:00:30Z"), at("2026-07-01T20:00:00Z"), "an hour earlier in summer");
        for within in ["2026-11-25T21:00:00Z", "2026-11-26T04:29:59Z", "2026-10-25T04:15:00Z"] {
            assert_eq!(next(within), at(within), "{within}");
        }
        assert_eq!(next("2026-11-26T04:30:00Z"), at("2026-11-26T21:00:00Z"));
    }

    #[test]
    fn in_the_night_that_lacks_an_hour_it_begins_with_what_is_left_of_it_or_on_the_next() {
        let evening = at("2026-03-28T20:00:00Z");
        let next = |from, to| berlin().next_between(from, to, evening);
        assert_eq!(next(150, 300), at("2026-03-29T01:00:00Z"), "02:30 is skipped: at 03:00");
        assert_eq!(next(135, 165), at("2026-03-30T00:15:00Z"), "02:15 to 02:45 comes on the next day");
        assert_eq!(berlin().next_between(60, 150, at("2026-03-29T00:59:59Z")), at("2026-03-29T00:59:59Z"));
        assert_eq!(berlin().next_between(60, 150, at("2026-03-29T01:00:00Z")), at("2026-03-29T23:00:00Z"), "over with the change");
    }

    #[test]
    fn in_the_night_that_has_an_hour_twice_it_comes_twice() {
        let next = |from, to, now: &str| berlin().next_between(from, to, at(now));
        assert_eq!(next(135, 165, "2026-10-24T20:00:00Z"), at("2026-10-25T00:15:00Z"));
        assert_eq!(next(135, 165, "2026-10-25T00:45:00Z"), at("2026-10-25T01:15:00Z"));
        assert_eq!(next(90, 150, "2026-10-25T00:30:00Z"), at("2026-10-25T01:00:00Z"), "clocks are put back right into it");
        assert_eq!(next(135, 165, "2026-10-25T01:45:00Z"), at("2026-10-26T01:15:00Z"));
    }
}
