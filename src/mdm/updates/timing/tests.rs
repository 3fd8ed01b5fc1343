//! Windows and deadlines around lessons, holidays and changes of the clocks.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::mdm::updates::rules::{Holiday, Ring, Target};

fn wall(text: &str) -> Wall {
    Wall::parse(text).unwrap()
}

fn rules(deadline: Deadline) -> Rules {
    let ring = |name: &str, after_minutes| Ring { name: name.into(), after_minutes, groups: Vec::new() };
    Rules {
        target: Target::Newest,
        starts: wall("2026-12-01T09:00:00"),
        rings: vec![ring("Pilot", 0), ring("Everybody", 3 * 24 * 60)],
        deadline,
        quiet: Vec::new(),
        holidays: Vec::new(),
        at_once: None,
        stop: None,
        improvements: false,
        force_restart: false,
        details_url: None,
    }
}

fn lessons() -> Quiet {
    Quiet { weekdays: vec![0, 1, 2, 3, 4], from: 8 * 60, to: 15 * 60 + 30 }
}

#[test]
fn a_ring_opens_after_the_first_and_its_deadline_counts_from_there() {
    let rules = rules(Deadline::After { minutes: 2 * 24 * 60, time: Some(16 * 60) });
    let first = window(&rules, &[], 0, None).unwrap();
    assert_eq!((first.opens, first.deadline), (wall("2026-12-01T09:00"), wall("2026-12-03T16:00")));
    let second = window(&rules, &[], 1, None).unwrap();
    assert_eq!((second.opens, second.deadline), (wall("2026-12-04T09:00"), wall("2026-12-06T16:00")));
    let later = window(&rules, &[], 0, Day::parse("2026-12-20")).unwrap();
    assert_eq!((later.opens, later.deadline), (wall("2026-12-20T00:00"), wall("2026-12-22T16:00")), "a release that came later");
    assert_eq!(window(&rules, &[], 0, Day::parse("2026-01-20")), Some(first), "one that was there before the plan");
    assert_eq!(window(&rules, &[], 7, None), None);
}

#[test]
fn what_falls_into_lessons_or_holidays_waits_for_their_end() {
    let mut rules = rules(Deadline::After { minutes: 60, time: None });
    rules.quiet = vec![lessons()];
    rules.holidays =
        vec![Holiday { name: "Winter".into(), from: Day::parse("2026-12-04").unwrap(), to: Day::parse("2027-01-03").unwrap() }];
    let first = window(&rules, &[], 0, None).unwrap();
    assert_eq!((first.opens, first.deadline), (wall("2026-12-01T15:30"), wall("2026-12-01T16:30")));
    // 4 December at 09:00.
    let second = window(&rules, &[], 1, None).unwrap();
    assert_eq!((second.opens, second.deadline), (wall("2027-01-04T00:00"), wall("2027-01-04T01:00")), "the night after the holidays");
    assert_eq!(allowed(&rules, wall("2026-12-02T07:59:59")), Some(wall("2026-12-02T07:59:59")));
}

#[test]
fn quiet_hours_may_go_over_midnight_and_a_week_without_any_time_is_noticed() {
    let mut rules = rules(Deadline::After { minutes: 60, time: None });
    rules.quiet = vec![Quiet { weekdays: vec![4], from: 22 * 60, to: 6 * 60 }];
    assert_eq!(allowed(&rules, wall("2026-12-04T23:00")), Some(wall("2026-12-05T06:00")), "Friday night");
    assert_eq!(allowed(&rules, wall("2026-12-05T05:59")), Some(wall("2026-12-05T06:00")));
    assert_eq!(allowed(&rules, wall("2026-12-05T22:30")), Some(wall("2026-12-05T22:30")), "Saturday night is free");
    rules.quiet = vec![Quiet { weekdays: (0..7).collect(), from: 0, to: 0 }];
    assert_eq!(allowed(&rules, wall("2026-12-05T22:30")), None);
    assert!(rules.check().unwrap_err().message.contains("no time at all"));
}

#[test]
fn a_time_that_clocks_skip_is_put_off_and_one_that_they_show_twice_is_the_first() {
    let berlin = Zone::named("Europe/Berlin").unwrap();
    assert_eq!(settled(&berlin, wall("2026-03-29T02:30")), wall("2026-03-29T03:30"));
    assert_eq!(settled(&berlin, wall("2026-10-25T02:30")), wall("2026-10-25T02:30"));
    assert_eq!(berlin.moment(wall("2026-10-25T02:30")), Timestamp::parse("2026-10-25T00:30:00Z").unwrap());
}

#[test]
fn minutes_are_told_as_people_write_them() {
    assert_eq!((minute_words(0), minute_words(8 * 60 + 5), minute_words(1440)), ("00:00".into(), "08:05".into(), "24:00".into()));
}

prop_compose! {
    fn any_quiet()(weekdays in proptest::collection::vec(0_u8..7, 1..4), from in 0_u16..1440, to in 0_u16..1440) -> Quiet {
        Quiet { weekdays, from, to }
    }
}

proptest! {
    #[test]
    fn no_window_opens_or_ends_within_quiet_hours_and_rings_keep_their_order(
        quiet in proptest::collection::vec(any_quiet(), 0..4), holiday in 0_i32..40, length in 0_i32..20,
        after in proptest::collection::vec(0_u32..60_000, 1..5), minutes in 5_u32..40_000, time in proptest::option::of(0_u16..1440), posted in -20_i32..60,
    ) {
        let mut rules = rules(Deadline::After { minutes, time });
        let from = Day::parse("2026-11-20").unwrap().plus(holiday);
        rules.holidays = vec![Holiday { name: String::new(), from, to: from.plus(length) }];
        rules.quiet = quiet;
        let mut after = after;
        after.sort_unstable();
        rules.rings = after.into_iter().map(|after_minutes| Ring { name: "x".into(), after_minutes, groups: Vec::new() }).collect();
        let posted = Some(Day::parse("2026-12-01").unwrap().plus(posted));
        let windows: Option<Vec<_>> = (0..rules.rings.len()).map(|ring| window(&rules, &[], ring, posted)).collect();
        let Some(windows) = windows else { return Ok(()) };
        for window in &windows {
            prop_assert!(window.opens <= window.deadline);
            prop_assert!(window.opens >= rules.starts);
            for at in [window.opens, window.deadline] {
                prop_assert_eq!(allowed(&rules, at), Some(at));
            }
        }
        for pair in windows.windows(2) {
            prop_assert!(pair[0].opens <= pair[1].opens && pair[0].deadline <= pair[1].deadline);
        }
    }

    #[test]
    fn on_every_day_of_the_year_a_deadline_is_a_time_that_clocks_show(days in 0_i32..730, minute in 0_i64..1440, zone in 0_usize..5) {
        let zone = Zone::named(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"][zone]).unwrap();
        let wished = Day::parse("2026-01-01").unwrap().plus(days).at(minute);
        let shown = settled(&zone, wished);
        prop_assert_eq!(zone.wall(zone.moment(shown)), shown);
        prop_assert!(shown >= wished && zone.moment(shown).since(zone.moment(wished)) < Duration::from_secs(3 * 3600));
    }

    #[test]
    fn what_clocks_show_is_never_in_quiet_hours_whatever_they_skip_or_repeat(
        days in 0_i32..730, minute in 0_i64..1440, zone in 0_usize..5, quiet in proptest::collection::vec(any_quiet(), 0..4),
    ) {
        let zone = Zone::named(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"][zone]).unwrap();
        let wished = Day::parse("2026-01-01").unwrap().plus(days).at(minute);
        let rules = Rules { quiet, ..rules(Deadline::After { minutes: 60, time: None }) };
        let Some(shown) = open(&rules, &zone, wished) else { return Ok(()) };
        prop_assert!(shown >= wished && zone.wall(zone.moment(shown)) == shown);
        prop_assert_eq!(allowed(&rules, shown), Some(shown));
        for from in [zone.moment(wished), zone.moment(wished).plus(Duration::from_secs(3600))] {
            let begins = open_at(&rules, &zone, from).unwrap();
            prop_assert!(begins >= from);
            prop_assert_eq!(allowed(&rules, zone.wall(begins)), Some(zone.wall(begins)));
        }
    }

    #[test]
    fn a_deadline_before_the_end_of_a_signature_is_after_the_beginning_and_free_or_there_is_none(
        quiet in proptest::collection::vec(any_quiet(), 0..3), holiday in -3_i32..12, length in 0_i32..10, last in 0_i32..12, minutes in 5_u32..30_000,
        time in proptest::option::of(0_u16..1440), zone in 0_usize..3,
    ) {
        let zone = Zone::named(["Europe/Berlin", "America/New_York", "Asia/Tokyo"][zone]).unwrap();
        let mut rules = rules(Deadline::After { minutes, time });
        let day = Day::parse("2026-12-01").unwrap();
        rules.holidays = vec![Holiday { name: String::new(), from: day.plus(holiday), to: day.plus(holiday + length) }];
        rules.quiet = quiet;
        let Some(window) = window(&rules, &[], 0, None).and_then(|window| shown(&rules, &zone, window)) else { return Ok(()) };
        let last = day.plus(last);
        if let Some(at) = before_expiry(&rules, &zone, window, Some(last)) {
            prop_assert!(at >= window.opens && at <= window.deadline && at < expiry(&zone, last));
            prop_assert_eq!(allowed(&rules, at), Some(at));
            prop_assert!(at == window.deadline || at >= window.opens.plus_minutes(5));
        } else {
            // Every minute in between is within quiet hours or a holiday.
            let mut at = window.opens.plus_minutes(5);
            while at < expiry(&zone, last) {
                prop_assert!(allowed(&rules, at) != Some(at), "{} is free", at);
                at = at.plus_minutes(1);
            }
        }
    }
}
