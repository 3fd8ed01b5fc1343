//! Calendars that other programs subscribe to (RFC 5545): days and moments with a summary, and reminders before them.

use std::fmt::Write as _;

use crate::clock::{Day, Timestamp};

/// The Content-Type of a calendar.
pub const CONTENT_TYPE: &str = "text/calendar; charset=utf-8";

/// Bytes of a line, its end not counted (RFC 5545, section 3.1).
pub const LINE_MAX_BYTES: usize = 75;

/// Who made it (RFC 5545, section 3.7.3).
const PRODUCT: &str = concat!("-//Rollcall//Rollcall ", env!("CARGO_PKG_VERSION"), "//EN");

/// How often programs are to look again.
const REFRESH: &str = "PT12H";

/// When something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A whole day, wherever the calendar is read.
    Day(Day),
    /// A moment, which calendars show in the zone of whoever reads them.
    At(Timestamp),
}

/// Something on a day or at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The same for the same thing for ever, worldwide, so that a program moves it rather than showing it twice.
    pub uid: String,
    /// When.
    pub when: When,
    /// What, in a few words.
    pub summary: String,
    /// More about it.
    pub description: String,
    /// Where it is looked after.
    pub url: String,
    /// Days before at which somebody is reminded.
    pub reminders: Vec<u16>,
}

/// Writes a calendar called `name`, as it is `now`.
///
/// ```text
/// BEGIN:VCALENDAR … BEGIN:VEVENT … DTSTART;VALUE=DATE:20261225 … BEGIN:VALARM … END:VCALENDAR
/// ```
pub fn write(name: &str, entries: &[Entry], now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| fold(&mut text, &format!("{name}:{value}"));
    let stamp = stamp(now);
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", PRODUCT);
    line("CALSCALE", "GREGORIAN");
    line("METHOD", "PUBLISH");
    // RFC 7986, sections 5.1 and 5.7; the others are what programs have read for longer.
    line("NAME", &escaped(name));
    line("X-WR-CALNAME", &escaped(name));
    line("REFRESH-INTERVAL;VALUE=DURATION", REFRESH);
    line("X-PUBLISHED-TTL", REFRESH);
    for entry in entries {
        line("BEGIN", "VEVENT");
        line("UID", &escaped(&entry.uid));
        line("DTSTAMP", &stamp);
        match entry.when {
            When::Day(day) => {
                line("DTSTART;VALUE=DATE", &digits(day));
                // The end is the first day that is not part of it (section 3.6.1).
                line("DTEND;VALUE=DATE", &digits(day.plus(1)));
            }
            // Without an end it is over at once (section 3.6.1).
            When::At(at) => line("DTSTART", &self::stamp(at)),
        }
        line("SUMMARY", &escaped(&entry.summary));
        line("DESCRIPTION", &escaped(&entry.description));
        line("URL", &uri(&entry.url));
        // Nobody is busy because a certificate ends.
        line("TRANSP", "TRANSPARENT");
        line("CLASS", "CONFIDENTIAL");
        for days in &entry.reminders {
            line("BEGIN", "VALARM");
            line("ACTION", "DISPLAY");
            line("DESCRIPTION", &escaped(&entry.summary));
            line("TRIGGER", &format!("-P{days}D"));
            line("END", "VALARM");
        }
        line("END", "VEVENT");
    }
    line("END", "VCALENDAR");
    text
}

/// Appends a line, folded where it is longer than a line may be; never within a character.
fn fold(text: &mut String, line: &str) {
    let mut length = 0;
    for letter in line.chars() {
        if length + letter.len_utf8() > LINE_MAX_BYTES {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(letter);
        length += letter.len_utf8();
    }
    text.push_str("\r\n");
}

/// A TEXT value (section 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// An address is written as it is; what cannot stand in one is percent-encoded.
fn uri(address: &str) -> String {
    let mut uri = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

fn digits(day: Day) -> String {
    day.to_string().replace('-', "")
}

/// A moment in UTC: `20261125T080000Z`.
fn stamp(at: Timestamp) -> String {
    let text: String = at.to_string().chars().take("2026-11-25T08:00:00".len()).filter(|letter| !"-:".contains(*letter)).collect();
    format!("{text}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            uid: String::from("0199@mdm.example.school"),
            when: When::Day(Day::parse("2026-12-31").unwrap()),
            summary: String::from("Push certificate ends; renew it, soon \\ now"),
            description: String::from(
                "First line\nÜber a very long second line that goes on and on until it has to be folded somewhere: üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü",
            ),
            url: String::from("https://mdm.example.school/system/push"),
            reminders: vec![30, 1],
        }
    }

    fn unfolded(text: &str) -> Vec<String> {
        text.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn an_entry_is_a_whole_day_with_its_reminders() {
        let text = write("Rollcall, north", &[entry()], Timestamp::parse("2026-11-25T08:00:00.5Z").unwrap());
        let lines = unfolded(&text);
        for line in [
            "X-WR-CALNAME:Rollcall\\, north",
            "DTSTAMP:20261125T080000Z",
            "DTSTART;VALUE=DATE:20261231",
            "DTEND;VALUE=DATE:20270101",
            "SUMMARY:Push certificate ends\\; renew it\\, soon \\\\ now",
            "URL:https://mdm.example.school/system/push",
            "TRIGGER:-P30D",
            "TRIGGER:-P1D",
        ] {
            assert!(lines.iter().any(|known| known == line), "{line} in {text}");
        }
        assert!(lines.iter().any(|line| line.starts_with("DESCRIPTION:First line\\nÜber")));
        let (begun, ended): (Vec<_>, Vec<_>) = (
            lines.iter().filter_map(|line| line.strip_prefix("BEGIN:")).collect(),
            lines.iter().filter_map(|line| line.strip_prefix("END:")).collect(),
        );
        assert_eq!((begun.len(), ended.len(), begun[0], ended[ended.len() - 1]), (4, 4, "VCALENDAR", "VCALENDAR"));
    }

    #[test]
    fn a_moment_is_written_in_utc_and_has_no_length() {
        let deadline = Entry { when: When::At(Timestamp::parse("2026-12-31T17:30:00Z").unwrap()), ..entry() };
        let lines = unfolded(&write("x", &[deadline], Timestamp::default()));
        assert!(lines.iter().any(|line| line == "DTSTART:20261231T173000Z"), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("DTEND") || line.contains("VALUE=DATE:")), "{lines:?}");
    }

    #[test]
    fn no_line_is_longer_than_it_may_be_and_no_character_is_cut() {
        let text = write("x", &[entry()], Timestamp::default());
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_MAX_BYTES), "{text}");
        assert!(text.contains("\r\n "), "something was folded");
        assert!(unfolded(&text).iter().any(|line| line.ends_with("üüüüüüüü")));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn nothing_that_is_named_begins_a_line_of_its_own() {
        let wrong =
            Entry { summary: String::from("x\r\nEND:VCALENDAR\rBEGIN:VEVENT"), url: String::from("https://x/\r\nATTACH:y"), ..entry() };
        let lines = unfolded(&write("a\nMETHOD:REQUEST", &[wrong], Timestamp::default()));
        assert_eq!(lines.iter().filter(|line| *line == "END:VCALENDAR").count(), 1);
        assert!(!lines.iter().any(|line| line.starts_with("ATTACH") || line == "METHOD:REQUEST"), "{lines:?}");
    }
}
