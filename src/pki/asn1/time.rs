//! UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5) to and from [`Timestamp`].

use super::{AnyRef, Malformed, Tag, Tagged, element};
use crate::clock::Timestamp;

/// Reads a UTCTime or GeneralizedTime, with or without seconds, in UTC or with an offset.
pub(crate) fn read(value: AnyRef<'_>) -> Option<Timestamp> {
    let text = value.value();
    let (year, rest) = match value.tag() {
        Tag::UtcTime => {
            let year = digits(text, 0, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        Tag::GeneralizedTime => (digits(text, 0, 4)?, text.get(4..)?),
        _ => return None,
    };
    let [month, day, hour, minute] = [digits(rest, 0, 2)?, digits(rest, 2, 2)?, digits(rest, 4, 2)?, digits(rest, 6, 2)?];
    let mut rest = rest.get(8..)?;
    let mut second = 0;
    if rest.first().is_some_and(u8::is_ascii_digit) {
        second = digits(rest, 0, 2)?;
        rest = rest.get(2..)?;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = &fraction[length..];
    }
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes(rest)?;
    Some(Timestamp::from_seconds(minutes * 60 + second))
}

/// Minutes that the zone suffix `Z`, `+hhmm` or `-hhmm` is ahead of UTC.
fn offset_minutes(suffix: &[u8]) -> Option<i64> {
    match suffix {
        b"Z" => Some(0),
        [b'+', rest @ ..] if rest.len() == 4 => Some(digits(rest, 0, 2)? * 60 + digits(rest, 2, 2)?),
        [b'-', rest @ ..] if rest.len() == 4 => Some(-(digits(rest, 0, 2)? * 60 + digits(rest, 2, 2)?)),
        _ => None,
    }
}

/// The number that `count` digits at `at` stand for.
fn digits(text: &[u8], at: usize, count: usize) -> Option<i64> {
    text.get(at..at + count)?.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; counts years from March so that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Encodes a moment to the second: UTCTime until 2049, GeneralizedTime after.
pub(crate) fn write(moment: Timestamp) -> Result<Vec<u8>, Malformed> {
    let utc = moment.utc();
    let text = format!("{:02}{:02}{:02}{:02}{:02}Z", u8::from(utc.month()), utc.day(), utc.hour(), utc.minute(), utc.second());
    match utc.year() {
        year @ 1950..2050 => element(Tag::UtcTime, format!("{:02}{text}", year % 100).as_bytes()),
        year => element(Tag::GeneralizedTime, format!("{year:04}{text}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Decode;

    fn utc(text: &str) -> Option<String> {
        read(AnyRef::new(Tag::UtcTime, text.as_bytes()).unwrap()).map(|moment| moment.to_string())
    }

    #[test]
    fn times_of_every_form_are_read() {
        assert_eq!(utc("261125025935Z").as_deref(), Some("2026-11-25T02:59:35Z"));
        assert_eq!(utc("2611250259Z").as_deref(), Some("2026-11-25T02:59:00Z"));
        assert_eq!(utc("261125035935+0100").as_deref(), Some("2026-11-25T02:59:35Z"));
        assert_eq!(utc("500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        let late = AnyRef::new(Tag::GeneralizedTime, b"20680125083325Z").unwrap();
        assert_eq!(read(late), Timestamp::parse("2068-01-25T08:33:25Z"));
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in ["", "26", "2611250259", "261325025935Z", "261125255935Z", "26112502593Z", "261125025935", "2611250259é"] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z", "2100-03-01T00:00:00Z"]
        {
            let moment = Timestamp::parse(text).unwrap();
            let encoded = write(moment).unwrap();
            assert_eq!(read(AnyRef::from_der(&encoded).unwrap()), Some(moment), "{text}");
        }
    }
}
