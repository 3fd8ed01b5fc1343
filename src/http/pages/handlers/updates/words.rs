//! What an update plan says, in sentences.

use crate::clock::{Zone, weekday_words};
use crate::http::pages::parts::count;
use crate::language;
use crate::mdm::updates::pauses::Pause;
use crate::mdm::updates::rules::{Deadline, Quiet, Ring, Rules};
use crate::mdm::updates::timing::minute_words;

/// A length of time as people say it.
pub(super) fn length(minutes: u32) -> String {
    let minutes = u64::from(minutes);
    match minutes {
        0 => String::from(t!("at once")),
        _ if minutes.is_multiple_of(24 * 60) => count(minutes / (24 * 60), t!("day"), t!("days")),
        _ if minutes.is_multiple_of(60) => count(minutes / 60, t!("hour"), t!("hours")),
        _ => count(minutes, t!("minute"), t!("minutes")),
    }
}

/// By when, for a list.
pub(super) fn deadline(deadline: &Deadline) -> String {
    match deadline {
        Deadline::At { at } => language::date(at.words()),
        Deadline::After { minutes, time: None } => t!("{minutes} after each ring begins", minutes = length(*minutes)),
        Deadline::After { minutes, time: Some(time) } => {
            t!("{minutes} after each ring begins, at {time}", minutes = length(*minutes), time = minute_words(*time))
        }
    }
}

/// What a plan means: the first sentence says all that matters, the others what besides.
pub(super) fn means(rules: &Rules) -> Vec<String> {
    let by = match &rules.deadline {
        Deadline::At { at } => t!("by {at}", at = language::date(at.words())),
        Deadline::After { minutes, time: None } => t!("within {length} of its ring’s beginning", length = length(*minutes)),
        Deadline::After { minutes, time: Some(time) } => {
            t!("within {length} of its ring’s beginning, at {minute_words}", length = length(*minutes), minute_words = minute_words(*time))
        }
    };
    let mut said = vec![t!("Each device installs {target} {by}.", target = rules.target.words(), by)];
    said.push(order(rules));
    let quiet: Vec<_> = rules.quiet.iter().map(quiet).collect();
    let holidays = rules.holidays.len() as u64;
    match (quiet.is_empty(), holidays) {
        (true, 0) => {}
        (false, 0) => said.push(t!("Nothing begins {list}; what a device is at goes on.", list = quiet.join(t!(", or ")))),
        (true, _) => {
            said.push(t!(
                "Nothing begins in {holidays}; what a device is at goes on.",
                holidays = count(holidays, t!("holiday"), t!("holidays"))
            ));
        }
        (false, _) => said.push(t!(
            "Nothing begins {list}, or in {holidays}; what a device is at goes on.",
            list = quiet.join(t!(", or ")),
            holidays = count(holidays, t!("holiday"), t!("holidays"))
        )),
    }
    if let Some(most) = rules.at_once {
        said.push(t!("At most {devices} are at it at once.", devices = count(u64::from(most), t!("device"), t!("devices"))));
    }
    if let Some(stop) = rules.stop {
        let least = count(u64::from(stop.at_least), t!("device"), t!("devices"));
        said.push(t!(
            "It stops by itself when {percent} percent of the devices that began fail, and at least {least}.",
            percent = stop.percent,
            least
        ));
    }
    if rules.improvements {
        said.push(String::from(t!("Background security improvements are brought too.")));
    }
    if rules.force_restart {
        said.push(String::from(t!("Macs of macOS 13 and earlier restart at the deadline whatever is open; unsaved work is lost.")));
    }
    said
}

/// Whose clock its days and times are meant on.
pub(super) fn clocks(zone: &Zone) -> String {
    t!(
        "Days and times are those on the clock of each device. A device that does not say in which time zone it is goes by that of the school, {name}.",
        name = zone.name()
    )
}

/// That a plan stood still, if it did.
pub(super) fn stood_still(pauses: &[Pause]) -> Option<String> {
    let minutes = pauses.iter().map(|pause| pause.to.since(pause.from).as_secs().div_ceil(60)).sum::<u64>();
    let minutes = u32::try_from(minutes).unwrap_or(u32::MAX);
    (minutes > 0).then(|| t!("It stood still for {minutes} in all, which count for no ring and no deadline.", minutes = length(minutes)))
}

/// Who begins when.
fn order(rules: &Rules) -> String {
    let first = rules.rings.first().map(|ring| ring.name.as_str()).unwrap_or_default();
    let moves = if rules.target.moves() { t!("; a release that appears later begins on the day of its posting") } else { "" };
    let other = |ring: &Ring| match ring.after_minutes {
        0 => t!(", “{name}” with it", name = ring.name),
        after => t!(", “{name}” {after} later", name = ring.name, after = length(after)),
    };
    let others: Vec<_> = rules.rings.iter().skip(1).map(other).collect();
    t!(
        "“{first}” begins on {starts}{concat}{moves}.",
        first,
        starts = language::date(rules.starts.words()),
        concat = others.concat(),
        moves
    )
}

fn quiet(quiet: &Quiet) -> String {
    let mut days = quiet.weekdays.clone();
    days.sort_unstable();
    days.dedup();
    let days = match days.as_slice() {
        [0, 1, 2, 3, 4] => String::from(t!("from Monday to Friday")),
        [0, 1, 2, 3, 4, 5, 6] => String::from(t!("on any day")),
        _ => t!("on {list}", list = days.iter().map(|day| language::weekday(weekday_words(*day as i8))).collect::<Vec<_>>().join(", ")),
    };
    t!("{days} between {from} and {to}", days, from = minute_words(quiet.from), to = minute_words(quiet.to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;
    use crate::mdm::updates::rules::{Stop, Target};

    #[test]
    fn whose_clock_is_meant_is_said_with_the_zone_of_the_school() {
        let said = clocks(&Zone::named("Europe/Berlin").unwrap());
        assert!(said.contains("on the clock of each device") && said.ends_with("that of the school, Europe/Berlin."), "{said}");
        assert!(clocks(&Zone::default()).ends_with("UTC."));
    }

    #[test]
    fn a_plan_says_what_it_means_in_sentences() {
        let ring = |name: &str, after_minutes| Ring { name: name.into(), after_minutes, groups: vec![] };
        let rules = Rules {
            target: Target::NewestMinusDays { days: 14 },
            starts: Wall::parse("2026-11-30T08:00").unwrap(),
            rings: vec![ring("Pilot", 0), ring("Everyone", 7 * 24 * 60)],
            deadline: Deadline::After { minutes: 3 * 24 * 60, time: Some(960) },
            quiet: vec![Quiet { weekdays: vec![4, 0, 1, 2, 3], from: 480, to: 780 }, Quiet { weekdays: vec![5], from: 0, to: 60 }],
            holidays: vec![],
            at_once: Some(10),
            stop: Some(Stop { percent: 20, at_least: 1 }),
            improvements: true,
            force_restart: true,
            details_url: None,
        };
        let said = means(&rules);
        assert_eq!(
            said[..3],
            [
                "Each device installs the newest release that has been out for 14 days within 3 days of its ring’s beginning, at 16:00.",
                "“Pilot” begins on Mon 30 Nov 2026, 08:00, “Everyone” 7 days later; a release that appears later begins on the day of its posting.",
                "Nothing begins from Monday to Friday between 08:00 and 13:00, or on Saturday between 00:00 and 01:00; what a device is at goes on.",
            ]
        );
        assert_eq!(said.len(), 7);
        let at = Deadline::At { at: Wall::parse("2026-12-04T16:00").unwrap() };
        assert_eq!(
            means(&Rules { deadline: at, ..rules })[0],
            "Each device installs the newest release that has been out for 14 days by Fri 4 Dec 2026, 16:00."
        );
    }
}
