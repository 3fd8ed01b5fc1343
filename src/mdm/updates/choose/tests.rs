//! Which release each kind of target means, and what it never means.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::clock::Wall;
use crate::mdm::updates::candidates::pick;
use crate::mdm::updates::rules::Ring;
use crate::protocol::platform::Platform;
use crate::store::releases::{Offered, ReleaseKey};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn rules(target: Target) -> Rules {
    Rules {
        target,
        starts: Wall::parse("2026-11-01T08:00").unwrap(),
        rings: vec![Ring { name: "All".into(), after_minutes: 0, groups: Vec::new() }],
        deadline: Deadline::After { minutes: 7 * 24 * 60, time: None },
        quiet: Vec::new(),
        holidays: Vec::new(),
        at_once: None,
        stop: None,
        improvements: false,
        force_restart: false,
        details_url: None,
    }
}

fn offered(version: &str, posted: &str, expires: Option<&str>) -> Offered {
    let (version, extra) = version.split_once(' ').unwrap_or((version, ""));
    let prerequisite = if extra.is_empty() { String::new() } else { String::from("22H20") };
    let key =
        ReleaseKey { platform: "iOS".into(), version: version.into(), extra: extra.into(), build: format!("B{version}"), prerequisite };
    Offered { key, posted: Some(day(posted)), appeared: None, expires: expires.map(day), managed: true }
}

fn ipad(version: &str) -> Subject {
    Subject {
        platform: Platform::Ios,
        version: OsVersion::parse(version),
        build: "22H20".into(),
        product_name: "iPad13,18".into(),
        device_id: String::new(),
    }
}

/// The releases of most tests.
fn all() -> Vec<Offered> {
    vec![
        offered("27.1", "2026-11-20", None),
        offered("27.0", "2026-09-15", None),
        offered("26.5", "2026-08-01", Some("2026-11-10")),
        offered("18.7.2", "2026-09-01", None),
        offered("18.7 a", "2026-09-03", None),
    ]
}

fn said(target: Target, version: &str) -> String {
    let (rules, subject, today) = (rules(target), ipad(version), day("2026-11-26"));
    let found = pick(&subject, &all(), today);
    match choose(&rules, &subject, &found, today) {
        Choice::Take(counted) => {
            let word = |counted: &Counted| {
                format!("{}{}", counted.candidate.version, counted.since.map(|since| format!(" since {since}")).unwrap_or_default())
            };
            counted.iter().map(word).collect::<Vec<_>>().join(", ")
        }
        Choice::Satisfied => "satisfied".into(),
        Choice::NotConcerned => "not concerned".into(),
        Choice::Cannot(because) => because.words,
    }
}

fn release(version: &str) -> Target {
    Target::Release { platform: "iOS".into(), version: version.into(), build: String::new() }
}

fn minimum(version: &str) -> Target {
    Target::Minimum { versions: BTreeMap::from([("iOS".into(), version.into())]) }
}

#[test]
fn each_newer_release_counts_from_its_own_posting_the_newest_first() {
    assert_eq!(said(Target::Newest, "26.0"), "27.1 since 2026-11-20, 27.0 since 2026-09-15");
    assert_eq!(said(Target::Newest, "27.0"), "27.1 since 2026-11-20");
    assert_eq!(said(Target::Newest, "27.1"), "satisfied");
    assert_eq!(said(Target::Newest, "28.0"), "satisfied", "never a downgrade");
}

#[test]
fn each_device_may_stay_within_its_own_generation() {
    assert_eq!(said(Target::NewestOfOwn, "18.5"), "18.7.2 since 2026-09-01");
    assert_eq!(said(Target::NewestOfOwn, "27.0"), "27.1 since 2026-11-20");
    assert_eq!(said(Target::NewestOfOwn, "26.0"), "satisfied", "26.5 is signed no more");
}

#[test]
fn the_newest_of_a_generation_leaves_newer_ones_alone() {
    assert_eq!(said(Target::NewestOfMajor { major: 18 }, "18.5"), "18.7.2 since 2026-09-01");
    assert_eq!(said(Target::NewestOfMajor { major: 18 }, "26.0"), "not concerned");
    assert_eq!(said(Target::NewestOfMajor { major: 18 }, "18.7.2"), "satisfied");
    assert_eq!(said(Target::NewestOfMajor { major: 26 }, "18.7.2"), "Apple offers it no release of generation 26", "expired");
    let mac = Subject { platform: Platform::Macos, device_id: "J413AP".into(), ..ipad("15.7") };
    let of = |subject: &Subject, major| {
        let today = day("2026-11-26");
        choose(&rules(Target::NewestOfMajor { major }), subject, &pick(subject, &all(), today), today)
    };
    assert_eq!(of(&mac, 18), Choice::NotConcerned, "there never was a macOS 18");
    assert!(matches!(of(&mac, 27), Choice::Take(_)));
    assert_eq!(
        of(&Subject { version: OsVersion::parse("14.7"), ..mac }, 15),
        not_offered("Apple offers it no release of generation 15".into())
    );
    assert_eq!(said(Target::NewestOfMajor { major: 27 }, "18.7.2"), "27.1 since 2026-11-20, 27.0 since 2026-09-15");
}

#[test]
fn what_is_not_out_for_long_enough_does_not_count_yet() {
    assert_eq!(said(Target::NewestMinusDays { days: 14 }, "26.0"), "27.0 since 2026-09-29");
    assert_eq!(said(Target::NewestMinusDays { days: 6 }, "27.0"), "27.1 since 2026-11-26", "on its very day");
    assert_eq!(said(Target::NewestMinusDays { days: 7 }, "27.0"), "satisfied");
    let rules = rules(Target::NewestMinusDays { days: 7 });
    let found = pick(&ipad("27.0"), &all(), day("2026-11-26"));
    assert_eq!(counts_next(&rules, &found, day("2026-11-26")), Some(day("2026-11-27")));
}

#[test]
fn a_release_that_apple_does_not_sign_is_said_at_once() {
    assert_eq!(said(release("27.0"), "26.0"), "27.0 since 2026-09-15", "its time begins no earlier than it was there");
    assert_eq!(said(release("26.5"), "26.0"), "Apple does not offer 26.5 to this model, or signs it no more");
    assert_eq!(said(release("26.5"), "26.5"), "satisfied");
    let not_offered = "Apple does not offer 27.2 (a) to this model, or signs it no more";
    assert_eq!(said(release("27.2 (a)"), "18.7"), not_offered, "neither it nor what it improves");
    let before = "18.7 (b) improves another build than the one that it runs: it needs the release before it first";
    assert_eq!(said(release("18.7 (b)"), "18.7"), before);
    assert_eq!(said(release("18.7.2 (a)"), "18.5"), before.replace("18.7 (b)", "18.7.2 (a)"));
    assert_eq!(said(release("18.7 (a)"), "18.7"), "18.7 (a) since 2026-09-03", "an improvement that the plan names");
    let of_build = |build: &str| Target::Release { platform: "iOS".into(), version: "18.7".into(), build: build.into() };
    assert_eq!(said(of_build("22H20"), "18.7"), "satisfied");
    assert!(said(of_build("22H99"), "18.7").contains("of build 22H20"), "the same version is not installed again");
    assert_eq!(said(of_build("22H99"), "18.8"), "satisfied");
    let mac = Target::Release { platform: "macOS".into(), version: "27.0".into(), build: String::new() };
    assert_eq!(said(mac, "26.0"), "not concerned");
}

#[test]
fn a_minimum_leaves_those_above_alone_and_brings_others_the_newest_of_its_generation() {
    assert_eq!(said(minimum("18.7"), "18.7.2"), "satisfied");
    assert_eq!(said(minimum("18.6"), "18.5"), "18.7.2 since 2026-09-01");
    assert_eq!(said(minimum("26.1"), "18.5"), "27.1 since 2026-11-20", "nothing of 26 is signed: the newest of the next generation");
    assert_eq!(said(minimum("18.8"), "18.7"), "27.1 since 2026-11-20", "nor of 18 from there on");
    assert_eq!(said(minimum("18.7 (a)"), "18.7"), "18.7.2 since 2026-09-01", "the newest that is enough");
    assert_eq!(said(minimum("28.0"), "18.5"), "Apple offers this model nothing from 28.0 on");
    assert_eq!(said(Target::Minimum { versions: BTreeMap::from([("macOS".into(), "15.0".into())]) }, "18.5"), "not concerned");
}

#[test]
fn a_release_of_which_apple_says_no_posting_is_as_old_as_it_is_known_here() {
    let (subject, today) = (ipad("26.0"), day("2026-11-26"));
    let unsaid = |appeared: &str| Offered { posted: None, appeared: Some(day(appeared)), ..offered("26.5", "2026-11-01", None) };
    let of = |appeared: &str| {
        let found = pick(&subject, &[unsaid(appeared)], today);
        choose(&rules(Target::NewestMinusDays { days: 30 }), &subject, &found, today)
    };
    assert_eq!(of("2026-11-25"), Choice::Satisfied);
    assert!(matches!(of("2026-10-01"), Choice::Take(counted) if counted[0].since == Some(day("2026-10-31"))));
}

#[test]
fn improvements_come_only_where_the_plan_says_so() {
    let (subject, today) = (ipad("18.7"), day("2026-11-26"));
    let found = pick(&subject, &[offered("18.7 a", "2026-09-03", None)], today);
    let mut rules = rules(Target::Newest);
    assert_eq!(choose(&rules, &subject, &found, today), Choice::Satisfied);
    rules.improvements = true;
    assert!(matches!(choose(&rules, &subject, &found, today), Choice::Take(_)));
}

#[test]
fn what_was_posted_after_a_fixed_deadline_is_another_plans_matter() {
    let mut rules = rules(Target::Newest);
    rules.deadline = Deadline::At { at: Wall::parse("2026-10-01T16:00").unwrap() };
    let (subject, today) = (ipad("26.0"), day("2026-11-26"));
    let found = pick(&subject, &all(), today);
    let Choice::Take(counted) = choose(&rules, &subject, &found, today) else { panic!() };
    assert_eq!(counted[0].candidate.version.to_string(), "27.0");
}

proptest! {
    #[test]
    fn whatever_a_plan_says_it_never_means_an_older_or_an_unsigned_release(
        versions in proptest::collection::vec((17_u32..28, 0_u32..5, 0_i32..300, proptest::option::of(0_i32..300)), 0..20),
        own in (17_u32..28, 0_u32..5), kind in 0_u8..5, days in 1_u32..60, today in 0_i32..300, improvements in any::<bool>(),
    ) {
        let first = day("2026-01-01");
        let offered: Vec<_> = versions
            .iter()
            .map(|(major, minor, posted, expires)| Offered {
                key: ReleaseKey { platform: "iOS".into(), version: format!("{major}.{minor}"), ..ReleaseKey::default() },
                posted: Some(first.plus(*posted)),
                appeared: None,
                expires: expires.map(|days| first.plus(days)),
                managed: true,
            })
            .collect();
        let subject = ipad(&format!("{}.{}", own.0, own.1));
        let target = match kind {
            0 => Target::Newest,
            1 => Target::NewestOfMajor { major: own.0 },
            2 => Target::NewestMinusDays { days },
            3 => minimum(&format!("{}.{}", own.0, own.1 + 1)),
            _ => release(&format!("{}.{}", own.0 + 1, own.1)),
        };
        let today = first.plus(today);
        let found = pick(&subject, &offered, today);
        let rules = Rules { improvements, ..rules(target.clone()) };
        let Choice::Take(counted) = choose(&rules, &subject, &found, today) else { return Ok(()) };
        prop_assert!(!counted.is_empty() && counted.is_sorted_by(|newer, older| !newer.candidate.version.is_older_than(older.candidate.version)));
        for Counted { candidate, since } in counted {
            prop_assert!(subject.version.is_older_than(candidate.version));
            prop_assert!(candidate.expires.is_none_or(|last| today <= last));
            // What is named is waited for, until it is there.
            let is_named = matches!(target, Target::Minimum { .. } | Target::Release { .. });
            prop_assert!(is_named || since.is_none_or(|since| since <= today));
            if let Target::NewestMinusDays { days } = target {
                prop_assert!(candidate.posted.unwrap().plus(days as i32) <= today);
            }
        }
    }
}

#[test]
fn a_device_on_a_beta_above_all_that_is_public_has_what_every_plan_wants_and_is_never_taken_back() {
    let beta = Subject { build: "24C5057p".into(), ..ipad("27.2") };
    let today = day("2026-11-25");
    let found = pick(&beta, &all(), today);
    assert_eq!(found, Found::Known(Vec::new()), "nothing public is above it");
    let release = |version: &str| Target::Release { platform: "iOS".into(), version: version.into(), build: String::new() };
    for target in [
        Target::Newest,
        Target::NewestOfOwn,
        Target::NewestMinusDays { days: 30 },
        Target::NewestOfMajor { major: 27 },
        Target::Minimum { versions: [(String::from("iOS"), String::from("27.1"))].into() },
        release("27.1"),
        release("26.5"),
        release("27.2"),
    ] {
        assert_eq!(choose(&rules(target.clone()), &beta, &found, today), Choice::Satisfied, "{target:?}");
    }
    assert_eq!(choose(&rules(Target::NewestOfMajor { major: 26 }), &beta, &found, today), Choice::NotConcerned);
    // The finished version of a later generation is offered to it as to any other.
    let later = [all(), vec![offered("27.3", "2026-11-24", None)]].concat();
    let found = pick(&beta, &later, today);
    assert!(matches!(choose(&rules(Target::Newest), &beta, &found, today), Choice::Take(taken) if taken.len() == 1));
}
