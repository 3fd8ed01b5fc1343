//! The form of a plan as it was sent, what it says as rules, and the form that shows a plan's rules.

use crate::clock::{Day, Timestamp, Wall, Zone};
use crate::error::{Error, Result};
use crate::http::pages::parts::scope::GROUPS_MAX;
use crate::http::pages::updates::form::{HolidayForm, PlanForm, QuietForm, RingForm, TYPED};
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::rules::{Deadline, Holiday, LISTED, Quiet, Ring, Rules, Stop, Target};
use crate::mdm::updates::timing::minute_words;

/// Rows of one kind that are read from a form; the room says how many there may be.
const ROWS_READ: usize = 100;

type Pairs = [(String, String)];

/// The form as it was sent.
pub(super) fn read(fields: &Pairs, id: Option<String>) -> Result<PlanForm> {
    let value = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default();
    let has = |name: &str| fields.iter().any(|(known, _)| known == name);
    let all = |name: &str| fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect::<Vec<_>>();
    let rows = |name: &'static str| (0..ROWS_READ).take_while(move |at| has(&format!("{name}_{at}")));
    if fields.iter().filter(|(name, _)| name.starts_with("ring_group_")).count() > GROUPS_MAX {
        return Err(Error::bad_input(t!("A form takes at most {GROUPS_MAX} groups in all; make one group of several first.", GROUPS_MAX)));
    }
    let ring = |at: usize| RingForm {
        name: value(&format!("ring_name_{at}")),
        after: value(&format!("ring_after_{at}")),
        unit: value(&format!("ring_unit_{at}")),
        groups: all(&format!("ring_group_{at}")),
    };
    let quiet = |at: usize| QuietForm {
        days: all(&format!("quiet_day_{at}")).iter().filter_map(|day| day.parse().ok()).collect(),
        from: value(&format!("quiet_from_{at}")),
        to: value(&format!("quiet_to_{at}")),
    };
    let holiday = |at: usize| HolidayForm {
        name: value(&format!("holiday_name_{at}")),
        from: value(&format!("holiday_from_{at}")),
        to: value(&format!("holiday_to_{at}")),
    };
    Ok(PlanForm {
        id,
        title: String::new(),
        revision: value("revision").parse().unwrap_or_default(),
        name: value("name"),
        note: value("note"),
        target: value("target"),
        release: value("release"),
        typed: ["typed_platform", "typed_version", "typed_build"].map(value),
        major: value("major"),
        days: value("days"),
        least: LISTED.map(|(platform, _)| value(&format!("least_{platform}"))),
        starts: value("starts"),
        rings: rows("ring_name").map(ring).collect(),
        deadline: value("deadline"),
        deadline_at: value("deadline_at"),
        deadline_after: value("deadline_after"),
        deadline_unit: value("deadline_unit"),
        deadline_time: value("deadline_time"),
        quiet: rows("quiet_row").map(quiet).collect(),
        holidays: rows("holiday_from").map(holiday).collect(),
        at_once: value("at_once"),
        stop: ["stop_percent", "stop_devices"].map(value),
        improvements: has("improvements"),
        force_restart: has("force_restart"),
        details_url: value("details_url"),
        errors: Vec::new(),
    })
}

/// What is wrong with what was typed, as far as it is no number, day or time.
type Faults = Vec<(String, String)>;

/// What the form says as rules; where a field cannot be read, something stands in for it and the field is named.
pub(super) fn rules(form: &PlanForm) -> (Rules, Faults) {
    let mut faults = Vec::new();
    let rules = Rules {
        target: target(form, &mut faults),
        starts: wall("starts", &form.starts, &mut faults),
        rings: rings(form, &mut faults),
        deadline: deadline(form, &mut faults),
        quiet: quiet(form, &mut faults),
        holidays: holidays(form, &mut faults),
        at_once: (!form.at_once.is_empty()).then(|| number("at_once", &form.at_once, &mut faults)),
        stop: stop(form, &mut faults),
        improvements: form.improvements,
        force_restart: form.force_restart,
        details_url: Some(form.details_url.clone()).filter(|url| !url.is_empty()),
    };
    (rules, faults)
}

fn number(name: &str, typed: &str, faults: &mut Faults) -> u32 {
    typed.parse().unwrap_or_else(|_| {
        faults.push((name.to_owned(), String::from(t!("A whole number."))));
        1
    })
}

fn wall(name: &str, typed: &str, faults: &mut Faults) -> Wall {
    Wall::parse(typed).unwrap_or_else(|| {
        faults.push((name.to_owned(), String::from(t!("A day and a time, for example 2026-12-04T16:00."))));
        Day::of(Timestamp::default()).at(0)
    })
}

/// A time of the day in minutes.
fn minute(name: &str, typed: &str, faults: &mut Faults) -> u16 {
    let read = typed.split_once(':').and_then(|(hours, minutes)| {
        let minutes = minutes.split(':').next().unwrap_or_default();
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    read.unwrap_or_else(|| {
        faults.push((name.to_owned(), String::from(t!("A time of the day, for example 16:00."))));
        0
    })
}

fn minutes(name: &str, typed: &str, unit: &str, faults: &mut Faults) -> u32 {
    let each = match unit {
        "minutes" => 1,
        "hours" => 60,
        _ => 24 * 60,
    };
    number(name, typed, faults).saturating_mul(each)
}

fn target(form: &PlanForm, faults: &mut Faults) -> Target {
    match form.target.as_str() {
        "newest" => Target::Newest,
        "newest_of_own" => Target::NewestOfOwn,
        "newest_minus_days" => Target::NewestMinusDays { days: number("days", &form.days, faults) },
        "newest_of_major" => Target::NewestOfMajor { major: number("major", &form.major, faults) },
        "minimum" => {
            let typed = LISTED.iter().zip(&form.least).filter(|(_, version)| !version.is_empty());
            Target::Minimum { versions: typed.map(|((platform, _), version)| ((*platform).to_owned(), version.clone())).collect() }
        }
        "release" if form.release == TYPED => {
            let [platform, version, build] = form.typed.clone();
            if version.is_empty() {
                faults.push((String::from("typed_version"), String::from(t!("Which version, for example 26.1?"))));
            }
            Target::Release { platform, version: if version.is_empty() { String::from("1.0") } else { version }, build }
        }
        "release" => {
            let mut parts = form.release.split('|').map(str::to_owned);
            let mut next = || parts.next().unwrap_or_default();
            Target::Release { platform: next(), version: next(), build: next() }
        }
        _ => {
            faults.push((String::from("target"), String::from(t!("Choose which release is meant."))));
            Target::Newest
        }
    }
}

fn rings(form: &PlanForm, faults: &mut Faults) -> Vec<Ring> {
    let mut rings = Vec::new();
    for (at, ring) in form.rings.iter().enumerate().filter(|(_, ring)| !ring.name.is_empty() || !ring.groups.is_empty()) {
        let at_once = ring.after.is_empty() || ring.after == "0";
        let after_minutes = if at_once { 0 } else { minutes(&format!("ring_after_{at}"), &ring.after, &ring.unit, faults) };
        if ring.name.is_empty() {
            faults.push((format!("ring_name_{at}"), String::from(t!("A name for this ring."))));
        }
        let name = if ring.name.is_empty() { String::from("–") } else { ring.name.clone() };
        rings.push(Ring { name, after_minutes, groups: ring.groups.clone() });
    }
    rings
}

fn deadline(form: &PlanForm, faults: &mut Faults) -> Deadline {
    match form.deadline.as_str() {
        "at" => Deadline::At { at: wall("deadline_at", &form.deadline_at, faults) },
        "after" => Deadline::After {
            minutes: minutes("deadline_after", &form.deadline_after, &form.deadline_unit, faults),
            time: (!form.deadline_time.is_empty()).then(|| minute("deadline_time", &form.deadline_time, faults)),
        },
        _ => {
            faults.push((String::from("deadline"), String::from(t!("Choose by when it is to be installed."))));
            Deadline::After { minutes: 60, time: None }
        }
    }
}

fn quiet(form: &PlanForm, faults: &mut Faults) -> Vec<Quiet> {
    let typed = form.quiet.iter().enumerate().filter(|(_, row)| !row.days.is_empty() || !row.from.is_empty() || !row.to.is_empty());
    typed
        .map(|(at, row)| {
            if row.days.is_empty() {
                faults.push((format!("quiet_from_{at}"), String::from(t!("Tick the days of the week on which these hours are quiet."))));
            }
            let from = minute(&format!("quiet_from_{at}"), &row.from, faults);
            let to = minute(&format!("quiet_to_{at}"), &row.to, faults);
            Quiet { weekdays: row.days.clone(), from, to }
        })
        .collect()
}

fn holidays(form: &PlanForm, faults: &mut Faults) -> Vec<Holiday> {
    let mut day = |name: String, typed: &str| {
        Day::parse(typed).unwrap_or_else(|| {
            faults.push((name, String::from(t!("A day, for example 2026-12-24."))));
            Day::of(Timestamp::default())
        })
    };
    let typed = form.holidays.iter().enumerate().filter(|(_, row)| !row.name.is_empty() || !row.from.is_empty() || !row.to.is_empty());
    typed
        .map(|(at, row)| {
            let from = day(format!("holiday_from_{at}"), &row.from);
            // A holiday of one day needs no last one.
            let to = if row.to.is_empty() { from } else { day(format!("holiday_to_{at}"), &row.to) };
            Holiday { name: row.name.clone(), from, to }
        })
        .collect()
}

fn stop(form: &PlanForm, faults: &mut Faults) -> Option<Stop> {
    let [percent, devices] = &form.stop;
    if percent.is_empty() && devices.is_empty() {
        return None;
    }
    let percent = percent.parse().unwrap_or_else(|_| {
        faults.push((String::from("stop_percent"), String::from(t!("A whole number from 1 to 100."))));
        100
    });
    let at_least = if devices.is_empty() { 1 } else { number("stop_devices", devices, faults) };
    Some(Stop { percent, at_least })
}

/// A day and time as its field holds it: with seconds where it has some, so that saving the form changes nothing that nobody touched.
fn field_of(wall: Wall) -> String {
    let text = wall.to_string();
    text.strip_suffix(":00").filter(|short| short.len() == "2026-12-04T16:00".len()).map(str::to_owned).unwrap_or(text)
}

/// A length of time in the largest unit that it is whole in.
fn length(minutes: u32) -> (String, String) {
    let (number, unit) = match minutes {
        0 => (0, "days"),
        _ if minutes.is_multiple_of(24 * 60) => (minutes / (24 * 60), "days"),
        _ if minutes.is_multiple_of(60) => (minutes / 60, "hours"),
        _ => (minutes, "minutes"),
    };
    (number.to_string(), unit.to_owned())
}

/// The form of a stored plan.
pub(super) fn of(plan: &Read, listed: &[(String, String)]) -> PlanForm {
    let rules = &plan.rules;
    let mut form = PlanForm {
        id: Some(plan.plan.id.clone()),
        title: plan.plan.name.clone(),
        revision: plan.plan.revision,
        name: plan.plan.name.clone(),
        note: plan.plan.note.clone(),
        starts: field_of(rules.starts),
        at_once: rules.at_once.map(|most| most.to_string()).unwrap_or_default(),
        improvements: rules.improvements,
        force_restart: rules.force_restart,
        details_url: rules.details_url.clone().unwrap_or_default(),
        ..PlanForm::default()
    };
    match &rules.target {
        Target::Newest => form.target = String::from("newest"),
        Target::NewestOfOwn => form.target = String::from("newest_of_own"),
        Target::NewestMinusDays { days } => (form.target, form.days) = (String::from("newest_minus_days"), days.to_string()),
        Target::NewestOfMajor { major } => (form.target, form.major) = (String::from("newest_of_major"), major.to_string()),
        Target::Minimum { versions } => {
            form.target = String::from("minimum");
            form.least = LISTED.map(|(platform, _)| versions.get(platform).cloned().unwrap_or_default());
        }
        Target::Release { platform, version, build } => {
            form.target = String::from("release");
            let value = format!("{platform}|{version}|{build}");
            if listed.iter().any(|(known, _)| *known == value) {
                form.release = value;
            } else {
                TYPED.clone_into(&mut form.release);
                form.typed = [platform.clone(), version.clone(), build.clone()];
            }
        }
    }
    match &rules.deadline {
        Deadline::At { at } => (form.deadline, form.deadline_at) = (String::from("at"), field_of(*at)),
        Deadline::After { minutes, time } => {
            form.deadline = String::from("after");
            (form.deadline_after, form.deadline_unit) = length(*minutes);
            form.deadline_time = time.map(minute_words).unwrap_or_default();
        }
    }
    form.rings = rules.rings.iter().map(ring_of).collect();
    form.quiet = rules.quiet.iter().map(quiet_of).collect();
    form.holidays = rules.holidays.iter().map(holiday_of).collect();
    if let Some(stop) = rules.stop {
        form.stop = [stop.percent.to_string(), stop.at_least.to_string()];
    }
    form
}

fn ring_of(ring: &Ring) -> RingForm {
    let (after, unit) = length(ring.after_minutes);
    RingForm { name: ring.name.clone(), after, unit, groups: ring.groups.clone() }
}

fn quiet_of(quiet: &Quiet) -> QuietForm {
    // Midnight at the end of a day is written as that of the next one.
    let to = if i64::from(quiet.to) >= 24 * 60 { 0 } else { quiet.to };
    QuietForm { days: quiet.weekdays.clone(), from: minute_words(quiet.from), to: minute_words(to) }
}

fn holiday_of(holiday: &Holiday) -> HolidayForm {
    HolidayForm { name: holiday.name.clone(), from: holiday.from.to_string(), to: holiday.to.to_string() }
}

/// The form of a new plan: what most schools want, to be changed.
pub(super) fn blank(zone: &Zone, now: Timestamp) -> PlanForm {
    let tomorrow = zone.wall(now).day().plus(1);
    let ring =
        |name: &str, after: &str| RingForm { name: name.to_owned(), after: after.to_owned(), unit: String::from("days"), groups: vec![] };
    PlanForm {
        target: String::from("newest"),
        starts: field_of(tomorrow.at(8 * 60)),
        rings: vec![ring(t!("Pilot"), "0"), ring(t!("Everyone"), "7")],
        deadline: String::from("after"),
        deadline_after: String::from("7"),
        deadline_unit: String::from("days"),
        deadline_time: String::from("16:00"),
        stop: [String::from("20"), String::from("3")],
        ..PlanForm::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn lengths_are_told_in_the_largest_unit_that_they_are_whole_in() {
        for (minutes, number, unit) in [(0, "0", "days"), (2_880, "2", "days"), (90, "90", "minutes"), (120, "2", "hours")] {
            assert_eq!(length(minutes), (number.to_owned(), unit.to_owned()));
        }
    }

    #[test]
    fn seconds_that_a_script_set_outlive_the_form() {
        for (text, typed) in [
            ("2026-12-04T16:00:30", "2026-12-04T16:00:30"),
            ("2026-12-04T16:00:00", "2026-12-04T16:00"),
            ("2026-12-04T00:00:01", "2026-12-04T00:00:01"),
        ] {
            let wall = Wall::parse(text).unwrap();
            assert_eq!(field_of(wall), typed);
            let mut faults = Vec::new();
            assert_eq!((self::wall("starts", &field_of(wall), &mut faults), faults), (wall, Vec::new()));
        }
    }

    #[test]
    fn every_field_that_cannot_be_read_is_named() {
        let sent = pairs(
            "target=newest_of_major&major=x&starts=soon&ring_name_0=&ring_group_0=g&ring_name_1=B&ring_after_1=y&ring_unit_1=hours&deadline=after\
             &deadline_after=&deadline_time=25:00&quiet_row_0=1&quiet_from_0=08:00&holiday_name_0=X&holiday_from_0=&at_once=-1&stop_percent=300&stop_devices=z",
        );
        let (_, faults) = rules(&read(&sent, None).unwrap());
        let named: Vec<_> = faults.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "major",
            "starts",
            "ring_name_0",
            "ring_after_1",
            "deadline_after",
            "deadline_time",
            "quiet_from_0",
            "quiet_to_0",
            "holiday_from_0",
            "at_once",
            "stop_percent",
            "stop_devices",
        ] {
            assert!(named.contains(&name), "{name} in {named:?}");
        }
    }

    #[test]
    fn no_form_has_more_groups_than_the_limit() {
        let sent = |count: usize| (0..count).map(|id| (String::from("ring_group_0"), id.to_string())).collect::<Vec<_>>();
        assert!(read(&sent(GROUPS_MAX), None).is_ok());
        assert!(read(&sent(GROUPS_MAX + 1), None).unwrap_err().message.contains("at most 1000 groups"));
    }
}
