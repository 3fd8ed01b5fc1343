//! Moments in words: "3 hours ago", with the exact time beside; `app.js` keeps the words true and shows the viewer's own zone.

use maud::{Markup, html};

use crate::clock::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

/// "3 hours ago", "just now", "in 12 days"; days up to 59, months up to 24, then years. `app.js` has the same words.
pub fn ago_words(at: Timestamp, now: Timestamp) -> String {
    let future = at > now;
    let gap_s = if future { at.since(now) } else { now.since(at) }.as_secs();
    let (unit_s, unit) = match gap_s {
        0..MINUTE => return if future { "in a moment" } else { "just now" }.to_owned(),
        MINUTE..HOUR => (MINUTE, "minute"),
        HOUR..DAY => (HOUR, "hour"),
        _ if gap_s < 60 * DAY => (DAY, "day"),
        _ if gap_s < 2 * YEAR => (MONTH, "month"),
        _ => (YEAR, "year"),
    };
    // What is past is counted in whole units; of what comes, 13 days and 23 hours are 14 days.
    let n = if future { (gap_s + unit_s / 2) / unit_s } else { gap_s / unit_s };
    let plural = if n == 1 { "" } else { "s" };
    if future { format!("in {n} {unit}{plural}") } else { format!("{n} {unit}{plural} ago") }
}

/// The moment in words, the exact time on hover.
pub fn time_ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) data-as="ago" { (ago_words(at, now)) } }
}

/// The exact moment: `25 Nov 2026, 03:29 UTC`, in the viewer's own zone with script.
pub fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) data-as="moment" { (exact(at)) } }
}

/// The day of a date that has no time of day for a person, such as an expiry: `25 Nov 2026`.
pub fn day(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) { (day_words(at)) } }
}

/// `25 Nov 2026`, in UTC.
pub fn day_words(at: Timestamp) -> String {
    at.day()
}

/// `25 Nov 2026, 03:29 UTC`.
pub fn exact(at: Timestamp) -> String {
    at.words()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn words(seconds: i64) -> String {
        ago_words(Timestamp::from_seconds(NOW.seconds() + seconds), NOW)
    }

    #[test]
    fn words_turn_at_whole_units() {
        let table = [
            (0, "just now"),
            (-59, "just now"),
            (-60, "1 minute ago"),
            (-119, "1 minute ago"),
            (-3_599, "59 minutes ago"),
            (-3_600, "1 hour ago"),
            (-86_399, "23 hours ago"),
            (-86_400, "1 day ago"),
            (-59 * 86_400, "59 days ago"),
            (-60 * 86_400, "2 months ago"),
            (-729 * 86_400, "24 months ago"),
            (-730 * 86_400, "2 years ago"),
            (30, "in a moment"),
            (60, "in 1 minute"),
            (12 * 86_400, "in 12 days"),
            (14 * 86_400 - 1, "in 14 days"),
            (13 * 86_400 + 43_199, "in 13 days"),
        ];
        for (seconds, expected) in table {
            assert_eq!(words(seconds), expected, "{seconds} s");
        }
    }

    #[test]
    fn a_moment_beyond_the_calendar_still_has_words() {
        assert!(ago_words(Timestamp::from_millis(i64::MIN), NOW).ends_with("years ago"));
        assert!(ago_words(Timestamp::from_millis(i64::MAX), NOW).starts_with("in "));
    }

    #[test]
    fn the_exact_time_stands_beside_the_words() {
        let html = time_ago(NOW.minus(Duration::from_secs(7_200)), NOW).into_string();
        assert_eq!(html, "<time datetime=\"2026-11-25T01:29:09Z\" title=\"25 Nov 2026, 01:29 UTC\" data-as=\"ago\">2 hours ago</time>");
        assert_eq!(day(NOW).into_string(), "<time datetime=\"2026-11-25T03:29:09Z\" title=\"25 Nov 2026, 03:29 UTC\">25 Nov 2026</time>");
    }
}
