//! Targets that Apple does not sign, releases that come back, and what a preview foresees of days to come.

use super::{days, device, listed, listed_for, made, rules, wall};
use crate::mdm::tests::School;
use crate::mdm::updates::doubt::{Listed, doubt};
use crate::mdm::updates::plans;
use crate::mdm::updates::preview::{self, Preview};
use crate::mdm::updates::rules::{Deadline, Rules, Target};
use crate::mdm::{Actor, needs};
use crate::store::releases::{self, Release};
use crate::store::update_progress;
use crate::store::update_states::Stage;

fn release(version: &str) -> Target {
    Target::Release { platform: "iOS".into(), version: version.into(), build: String::new() }
}

impl School {
    /// Has a release be listed, or not any more.
    fn lists(&self, version: &'static str, is_listed: bool) {
        self.write(move |tx| {
            let found = releases::all(tx)?.into_iter().find(|release| release.key.version == version).unwrap();
            releases::put(tx, &Release { vanished_at: (!is_listed).then_some(tx.now), ..found })?;
            plans::releases_changed(tx)
        });
    }

    fn doubt(&self, target: Target) -> Option<String> {
        self.write(move |tx| doubt(tx, &target, &mut Listed::default()))
    }

    fn foreseen(&self, rules: Rules) -> (Preview, Vec<String>) {
        self.write(move |tx| {
            let preview = preview::preview(tx, &Actor::Console, None, &rules)?;
            let warnings = preview::warnings(tx, &rules, &preview.devices)?;
            Ok((preview, warnings))
        })
    }
}

#[test]
fn a_target_that_apple_signs_no_more_needs_somebody_and_is_warned_of() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    listed(&school, "18.7.1", "22H100");
    listed_for(&school, "18.2.1", "2026-10-01", Some("2026-11-17"));
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, rules(release("18.7.2"))).plan.id;
    ipad.answering(|_| String::new());
    let need = || school.write(needs::all).into_iter().find(|need| need.key.starts_with(needs::UPDATE_UNSIGNED));
    let meant = || {
        let plan = plan.clone();
        school.write(move |tx| update_progress::meant(tx, &plan))
    };
    assert_eq!((need(), meant().len(), school.doubt(release("18.7.2"))), (None, 1, None));
    school.lists("18.7.2", false);
    ipad.answering(|_| String::new());
    assert_eq!(ipad.update().stage, Stage::Cannot);
    let told = need().unwrap();
    assert_eq!(
        (told.key, told.message.as_str()),
        (format!("{}{plan}", needs::UPDATE_UNSIGNED), "1 device of “Autumn” cannot have iOS 18.7.2.")
    );
    assert!(told.remedy.contains("Apple’s list has no iOS 18.7.2"), "{}", told.remedy);
    assert_eq!(meant(), Vec::new(), "nobody is brought it");
    school.lists("18.7.2", true);
    ipad.answering(|_| String::new());
    assert_eq!(need(), None);
    let expired = school.doubt(release("18.2.1")).unwrap();
    assert!(expired.contains("Apple signed iOS 18.2.1 until 17 Nov 2026 only"), "{expired}");
    let (_, warnings) = school.foreseen(rules(release("18.2.1")));
    assert!(warnings.contains(&expired), "{warnings:?}");
    let least = |version: &str| Target::Minimum { versions: [(String::from("iOS"), version.to_owned())].into() };
    assert!(school.doubt(least("99")).unwrap().contains("nothing from iOS 99 on"));
    assert_eq!((school.doubt(least("18.7")), school.doubt(Target::Newest)), (None, None));
    assert!(school.doubt(Target::NewestOfMajor { major: 19 }).unwrap().contains("no release of generation 19"));
}

#[test]
fn a_release_that_comes_back_gives_nobody_who_missed_the_deadline_a_new_one() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    listed(&school, "18.1", "22B83");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    made(&school, rules(release("18.7.2")));
    ipad.answering(|_| String::new());
    school.clock.advance(days(5));
    ipad.answering(|_| String::new());
    let missed = ipad.update();
    assert_eq!((missed.stage, missed.deadline.as_str()), (Stage::Waiting, "2026-11-21T16:00:00"));
    school.lists("18.7.2", false);
    ipad.answering(|_| String::new());
    assert_eq!((ipad.update().stage, ipad.enforced()), (Stage::Cannot, None));
    school.clock.advance(days(1));
    school.lists("18.7.2", true);
    ipad.answering(|_| String::new());
    let back = ipad.update();
    assert_eq!(
        (back.stage, back.deadline, back.deadline_at, back.begun_at),
        (Stage::Waiting, missed.deadline, missed.deadline_at, missed.begun_at)
    );
    assert!(ipad.enforced().is_some());
}

#[test]
fn a_deadline_that_apples_last_day_pulls_earlier_is_warned_of_with_how_many_it_meets() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", Some("2026-11-20"));
    let _ipads = [device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "pilot")];
    let (_, warnings) = school.foreseen(rules(release("18.7.2")));
    let said = "Apple signs 18.7.2 until 20 Nov 2026 only: 2 devices must install it earlier than the plan says, the first by Fri 20 Nov 2026, 00:00.";
    assert!(warnings.iter().any(|warning| warning == said), "{warnings:?}");
    let soon = Rules { deadline: Deadline::After { minutes: 24 * 60, time: None }, ..rules(release("18.7.2")) };
    let (_, warnings) = school.foreseen(soon);
    assert!(!warnings.iter().any(|warning| warning.contains("earlier than the plan says")), "{warnings:?}");
}

#[test]
fn a_preview_takes_the_age_that_a_release_has_when_its_ring_begins() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", None);
    listed_for(&school, "18.7.3", "2026-11-15", None);
    let _ipad = device(&school, "UDID-1", "18.1", "pilot");
    let version = |starts: &str| {
        let rules = Rules { starts: wall(starts), ..rules(Target::NewestMinusDays { days: 14 }) };
        school.foreseen(rules).0.devices.remove(0).version
    };
    assert_eq!(version("2026-11-18T00:00:00"), "18.7.2", "three days old");
    assert_eq!(version("2026-11-28T00:00:00"), "18.7.2", "thirteen");
    assert_eq!(version("2026-11-30T00:00:00"), "18.7.3", "fifteen");
}
