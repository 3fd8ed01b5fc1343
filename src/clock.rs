//! Time as a value: read once per request or job turn, moved by hand in tests.

mod day;
mod zone;

pub use day::{Day, Wall, weekday_words};
pub use zone::Zone;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is an RFC 3339 string in UTC, for example `"2026-11-25T03:29:09.120Z"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-25T03:29:09.12Z")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `duration` later.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_millis() as i64))
    }

    /// The moment `duration` earlier.
    #[must_use]
    pub const fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_millis() as i64))
    }

    /// How long after `earlier` this moment is; zero when it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        let gap = self.0.saturating_sub(earlier.0);
        Duration::from_millis(if gap > 0 { gap as u64 } else { 0 })
    }

    /// The calendar form in UTC; moments beyond the calendar are its end.
    pub fn utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Its day as people read it, in UTC: `25 Nov 2026`.
    pub fn day(self) -> String {
        self.utc().format(format_description!("[day padding:none] [month repr:short] [year]")).unwrap_or_else(|_| self.to_string())
    }

    /// The moment as people read it, in UTC: `25 Nov 2026, 03:29 UTC`.
    pub fn words(self) -> String {
        let form = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
        self.utc().format(form).unwrap_or_else(|_| self.to_string())
    }

    /// Reads an RFC 3339 string.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(Self((moment.unix_timestamp_nanos() / 1_000_000) as i64))
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        Self((moment.unix_timestamp_nanos() / 1_000_000) as i64)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time, for example 2026-11-25T08:00:00Z"))
    }
}

/// Where "now" comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is moved.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that shows `start` until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.millis())))
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Timestamp(since_epoch.as_millis() as i64)
            }
            Self::Manual(millis) => Timestamp(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the machine's clock is not ours to move.
    pub fn advance(&self, duration: Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
impl Clock {
    /// Moves a manual clock back, as somebody does who corrects it.
    pub(crate) fn set_back(&self, duration: Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_sub(duration.as_millis() as i64, Ordering::SeqCst);
        }
    }
}

/// TLS judges certificates by the same clock as everything else.
impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(self.now().since(Timestamp::default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_from_its_text() {
        let moment = Timestamp::from_millis(1_795_577_349_120);
        assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        assert_eq!(Timestamp::parse("2026-11-25T04:29:09+01:00"), Timestamp::parse("2026-11-25T03:29:09Z"));
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), Timestamp::from_seconds(160));
    }
}
