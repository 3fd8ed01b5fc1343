//! Days and wall-clock times without a zone: what a calendar and the clock of a device show.

use std::fmt;

use jiff::Span;
use jiff::civil::{Date, DateTime, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Timestamp, Zone};

/// A day of the calendar, in text `2026-11-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, format = Date, example = "2026-11-25")]
pub struct Day(Date);

impl Day {
    /// Reads `2026-11-25`, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let day = Self(text.parse().ok()?);
        (day.to_string() == text).then_some(day)
    }

    /// The day of a moment in UTC.
    pub fn of(at: Timestamp) -> Self {
        Zone::default().wall(at).day()
    }

    /// The day `days` later; the calendar's end where there is none.
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(Span::new().days(days)))
    }

    /// Days from `earlier` to this one; negative when it is not earlier.
    pub fn since(self, earlier: Self) -> i32 {
        (self.0 - earlier.0).get_days()
    }

    /// This day at a minute of it.
    pub fn at(self, minute: i64) -> Wall {
        Wall(self.0.at(0, 0, 0, 0).saturating_add(Span::new().minutes(minute)))
    }

    /// The first moment after it, in UTC.
    pub fn end(self) -> Timestamp {
        Zone::default().moment(self.plus(1).at(0))
    }

    /// Its year.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// Its month, from 1 to 12.
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// Monday 0 to Sunday 6.
    pub fn weekday(self) -> i8 {
        self.0.weekday().to_monday_zero_offset()
    }

    /// As people read it: `25 Nov 2026`.
    pub fn words(self) -> String {
        self.0.strftime("%-d %b %Y").to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a clock on the wall shows, in text `2026-11-25T16:00:00`: without zone and fraction, as devices want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, example = "2026-11-25T16:00:00")]
pub struct Wall(pub(super) DateTime);

impl Wall {
    /// Reads `2026-11-25T16:00` with or without seconds; nothing with a zone or a fraction.
    pub fn parse(text: &str) -> Option<Self> {
        let form = if text.len() == "2026-11-25T16:00".len() { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" };
        DateTime::strptime(form, text).ok().map(Self).filter(|wall| wall.to_string().starts_with(text))
    }

    /// Its day.
    pub fn day(self) -> Day {
        Day(self.0.date())
    }

    /// The minute of its day, 0 to 1439.
    pub fn minute(self) -> i64 {
        i64::from(self.0.hour()) * 60 + i64::from(self.0.minute())
    }

    /// Minutes later.
    #[must_use]
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(Span::new().minutes(minutes)))
    }

    /// As people read it: `Wed 25 Nov 2026, 16:00`.
    pub fn words(self) -> String {
        self.0.strftime("%a %-d %b %Y, %H:%M").to_string()
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// The names of the days, Monday first.
pub fn weekday_words(weekday: i8) -> &'static str {
    match Weekday::from_monday_zero_offset(weekday) {
        Ok(Weekday::Monday) => "Monday",
        Ok(Weekday::Tuesday) => "Tuesday",
        Ok(Weekday::Wednesday) => "Wednesday",
        Ok(Weekday::Thursday) => "Thursday",
        Ok(Weekday::Friday) => "Friday",
        Ok(Weekday::Saturday) => "Saturday",
        _ => "Sunday",
    }
}

macro_rules! as_text {
    ($name:ident, $example:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("not of the form ", $example)))
            }
        }
    };
}

as_text!(Day, "2026-11-25");
as_text!(Wall, "2026-11-25T16:00:00");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_wall_clock_times_read_back_from_their_text() {
        let day = Day::parse("2026-11-25").unwrap();
        assert_eq!((day.to_string().as_str(), day.weekday(), weekday_words(day.weekday())), ("2026-11-25", 2, "Wednesday"));
        assert_eq!((day.plus(10).to_string().as_str(), day.plus(10).since(day), day.since(day.plus(3))), ("2026-12-05", 10, -3));
        let four = Wall::parse("2026-11-25T16:00").unwrap();
        assert_eq!((four.to_string().as_str(), four, four.minute()), ("2026-11-25T16:00:00", day.at(16 * 60), 960));
        assert_eq!(Wall::parse("2026-11-25T16:00:30").unwrap().to_string(), "2026-11-25T16:00:30");
        assert_eq!(four.words(), "Wed 25 Nov 2026, 16:00");
        assert_eq!(day.end(), Timestamp::parse("2026-11-26T00:00:00Z").unwrap());
    }

    #[test]
    fn what_is_no_day_and_no_time_is_refused() {
        for wrong in ["", "2026-11-31", "2026-1-5", "20261125", "2026-11-25T00:00", "2026-11-25Z", "+002026-11-25", " 2026-11-25"] {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
        for wrong in ["2026-11-25", "2026-11-25T16:00:00Z", "2026-11-25T16:00:00.5", "2026-11-25T24:00:00", "2026-11-25 16:00:00", "T16:00"]
        {
            assert_eq!(Wall::parse(wrong), None, "{wrong}");
        }
    }
}
