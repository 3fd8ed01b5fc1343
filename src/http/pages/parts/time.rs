//! Moments in words: "3 hours ago", with the exact time beside; `app.js` keeps the words true and shows the viewer's own zone.

use maud::{Markup, PreEscaped, html};

use crate::clock::{Timestamp, Zone};
use crate::language::{date, filled, say};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

/// What is said of a unit: one of it ago, several ago, in one of it, in several.
type Said = [&'static str; 4];

const MINUTES: Said = [msg!("1 minute ago"), msg!("{n} minutes ago"), msg!("in 1 minute"), msg!("in {n} minutes")];
const HOURS: Said = [msg!("1 hour ago"), msg!("{n} hours ago"), msg!("in 1 hour"), msg!("in {n} hours")];
const DAYS: Said = [msg!("1 day ago"), msg!("{n} days ago"), msg!("in 1 day"), msg!("in {n} days")];
const MONTHS: Said = [msg!("1 month ago"), msg!("{n} months ago"), msg!("in 1 month"), msg!("in {n} months")];
const YEARS: Said = [msg!("1 year ago"), msg!("{n} years ago"), msg!("in 1 year"), msg!("in {n} years")];

/// What is said of each unit in the language spoken now, from minutes to years; `app.js` has it from the page.
pub fn units() -> [Said; 5] {
    [MINUTES, HOURS, DAYS, MONTHS, YEARS].map(|said| said.map(say))
}

/// "3 hours ago", "just now", "in 12 days"; days up to 59, months up to 24, then years. `app.js` counts the same way.
pub fn ago_words(at: Timestamp, now: Timestamp) -> String {
    let future = at > now;
    let gap_s = if future { at.since(now) } else { now.since(at) }.as_secs();
    let (unit_s, said) = match gap_s {
        0..MINUTE => return if future { t!("in a moment") } else { t!("just now") }.to_owned(),
        MINUTE..HOUR => (MINUTE, MINUTES),
        HOUR..DAY => (HOUR, HOURS),
        _ if gap_s < 60 * DAY => (DAY, DAYS),
        _ if gap_s < 2 * YEAR => (MONTH, MONTHS),
        _ => (YEAR, YEARS),
    };
    // What is past is counted in whole units; of what comes, 13 days and 23 hours are 14 days.
    let n = if future { (gap_s + unit_s / 2) / unit_s } else { gap_s / unit_s };
    let said = said[usize::from(n != 1) + if future { 2 } else { 0 }];
    filled(say(said), &[("n", &n)])
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

/// How every moment in a page begins; text of people is escaped, so that it cannot.
const OPENS: &str = "<time datetime=\"";

/// Tells the moments of a page in the appliance's zone, as `app.js` tells them in the viewer's own afterwards.
pub fn in_zone(page: Markup, zone: &Zone) -> Markup {
    // They are in UTC and in the language spoken now already.
    if *zone == Zone::default() {
        return page;
    }
    let mut told = String::with_capacity(page.0.len());
    let mut pieces = page.0.split(OPENS);
    told.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_once("</time>").and_then(|(element, rest)| Some((retold(element, zone)?, rest))) {
            Some((element, rest)) => told.extend([element.0.as_str(), rest]),
            None => told.extend([OPENS, piece]),
        }
    }
    PreEscaped(told)
}

/// A moment, from its `datetime` to the end of its text, told in a zone.
fn retold(element: &str, zone: &Zone) -> Option<Markup> {
    let (datetime, rest) = element.split_once('"')?;
    let (attributes, text) = rest.split_once('>')?;
    let at = Timestamp::parse(datetime)?;
    Some(if attributes.contains("data-as=\"ago\"") {
        html! { time datetime=(at) title=(date(zone.words(at))) data-as="ago" { (PreEscaped(text)) } }
    } else if attributes.contains("data-as=\"moment\"") {
        html! { time datetime=(at) title=(date(zone.words(at))) data-as="moment" { (date(zone.words(at))) } }
    } else {
        html! { time datetime=(at) title=(date(zone.words(at))) { (date(zone.day(at))) } }
    })
}

/// `25 Nov 2026`, in UTC.
pub fn day_words(at: Timestamp) -> String {
    date(at.day())
}

/// `25 Nov 2026, 03:29 UTC`.
pub fn exact(at: Timestamp) -> String {
    date(at.words())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Catalogue, speak};
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

    #[test]
    fn a_page_tells_its_moments_in_the_zone_of_the_appliance() {
        let evening = Timestamp::parse("2026-11-25T23:29:09Z").unwrap();
        let page = || html! { p { "It ends " (moment(evening)) ", made " (time_ago(evening, evening)) ", on " (day(evening)) ", <time " } };
        assert_eq!(in_zone(page(), &Zone::default()).0, page().0);
        let told = in_zone(page(), &Zone::named("Europe/Berlin").unwrap()).0;
        let tag =
            |as_: &str, text: &str| format!("<time datetime=\"2026-11-25T23:29:09Z\" title=\"26 Nov 2026, 00:29 CET\"{as_}>{text}</time>");
        let (ends, ago, day) =
            (tag(" data-as=\"moment\"", "26 Nov 2026, 00:29 CET"), tag(" data-as=\"ago\"", "just now"), tag("", "26 Nov 2026"));
        assert_eq!(told, format!("<p>It ends {ends}, made {ago}, on {day}, &lt;time </p>"));
    }

    #[test]
    fn moments_are_said_in_the_language_of_the_appliance() {
        let german = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\nmsgid \"{n} hours ago\"\nmsgstr \"vor {n} <Stunden>\"\n\n\
                      msgid \"in 1 day\"\nmsgstr \"in einem Tag\"\n\nmsgid \"Nov\"\nmsgstr \"November\"\n\nmsgid \"{day} {month} {year}\"\n\
                      msgstr \"{day}. {month} {year}\"\n";
        speak(Some(Catalogue::read(None, german.as_bytes()).unwrap()));
        assert_eq!([words(-7_200), words(86_400), words(-86_400)], ["vor 2 <Stunden>", "in einem Tag", "1 day ago"]);
        assert_eq!(units()[1][1], "vor {n} <Stunden>");
        let page = html! { (time_ago(NOW.minus(Duration::from_secs(7_200)), NOW)) (day(NOW)) (moment(NOW)) };
        assert!(page.0.contains(">25. November 2026</time>") && page.0.contains("title=\"25. November 2026, 01:29 UTC\""), "{}", page.0);
        let told = in_zone(page, &Zone::named("Europe/Berlin").unwrap()).0;
        speak(None);
        assert!(told.contains(">25. November 2026, 04:29 CET</time>") && told.contains(">vor 2 &lt;Stunden&gt;</time>"), "{told}");
    }
}
