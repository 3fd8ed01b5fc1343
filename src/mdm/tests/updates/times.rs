//! Times of plans: each release's own in each ring, what a stop takes back, lessons after a deadline, and the end of Apple's signature.

use std::time::Duration;

use serde_json::json;

use super::{days, device, listed, listed_for, made, rules, wall};
use crate::clock::{Day, Timestamp};
use crate::error::Kind;
use crate::mdm::Actor;
use crate::mdm::declarations::library;
use crate::mdm::tests::{Device, School};
use crate::mdm::updates::held_back::{self, HeldBack};
use crate::mdm::updates::orders::{self, Order};
use crate::mdm::updates::rules::{Deadline, Holiday, Quiet, Ring, Rules, Target};
use crate::mdm::updates::{plans, preview, progress, words};
use crate::mdm::{groups, profiles, settings};
use crate::protocol::mobileconfig::tests::{payload, profile};
use crate::protocol::plist::Value;
use crate::store::devices;
use crate::store::update_states::{Action, Stage};

impl Device<'_> {
    /// Version and deadline of the enforcement that it is served once it has been planned for.
    fn enforcement(&self) -> Option<(String, String)> {
        self.answering(|_| String::new());
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        self.enforced().map(|told| (text(&told["Payload"]["TargetOSVersion"]), text(&told["Payload"]["TargetLocalDateTime"])))
    }
}

fn told(version: &str, deadline: &str) -> (String, String) {
    (version.into(), deadline.into())
}

#[test]
fn a_release_that_appears_in_the_middle_of_a_roll_out_skips_no_ring() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", None);
    listed_for(&school, "18.7.3", "2026-12-01", None);
    let (pilot, rest) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "all"));
    let mut rules = Rules { deadline: Deadline::After { minutes: 7 * 24 * 60, time: None }, ..rules(Target::Newest) };
    rules.rings.push(Ring { name: "Everybody".into(), after_minutes: 14 * 24 * 60, groups: vec!["all".into()] });
    made(&school, rules);
    assert_eq!((pilot.enforcement(), rest.enforcement()), (Some(told("18.7.2", "2026-11-25T00:00:00")), None));
    school.clock.advance(days(15));
    assert_eq!(pilot.enforcement(), Some(told("18.7.3", "2026-12-01T00:00:00")), "late already, so as soon as it may come");
    assert_eq!(rest.enforcement(), Some(told("18.7.2", "2026-12-09T00:00:00")), "the newer one is in its first ring");
    school.clock.advance(days(13));
    assert_eq!(rest.enforcement(), Some(told("18.7.3", "2026-12-15T00:00:00")), "late already, so as soon as it may come");
}

#[test]
fn a_stop_takes_back_what_is_downloaded_and_not_what_is_being_installed() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", None);
    let (downloads, installs) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "pilot"));
    let plan = made(&school, rules(Target::Newest));
    let _ = (downloads.enforcement().unwrap(), installs.enforcement().unwrap());
    downloads.tells(json!({ "install-state": "downloading" }), None);
    installs.tells(json!({ "install-state": "installing" }), None);
    let id = plan.plan.id.clone();
    school.write(move |tx| plans::stop(tx, &Actor::Console, &id, "bad release"));
    assert!(downloads.enforcement().is_none() && installs.enforcement().is_some());
    let row = downloads.update();
    assert!(row.stage == Stage::Planned && row.problem.contains("bad release"), "{row:?}");
    school.clock.advance(days(10));
    assert!(downloads.enforcement().is_none() && !words::is_overdue(&downloads.update(), school.clock.now()), "nobody is late by a stop");
    let id = plan.plan.id;
    school.write(move |tx| plans::go_on(tx, &Actor::Console, &id));
    assert!(downloads.enforcement().is_some(), "{:?}", downloads.update());
}

#[test]
fn a_device_that_is_told_after_the_deadline_is_left_alone_until_lessons_end() {
    let late = |quiet: Vec<Quiet>| {
        let school = School::new();
        listed_for(&school, "18.7.2", "2026-11-01", None);
        let ipad = device(&school, "UDID-1", "18.1", "pilot");
        let deadline = Deadline::After { minutes: 24 * 60, time: None };
        made(&school, Rules { starts: wall("2026-11-10T00:00:00"), deadline, quiet, ..rules(Target::Newest) });
        ipad.enforcement()
    };
    assert_eq!(late(Vec::new()), Some(told("18.7.2", "2026-11-18T12:06:40")), "an hour from when it is told");
    // It is Wednesday.
    let wednesdays = Quiet { weekdays: vec![2], from: 0, to: 1_440 };
    assert_eq!(late(vec![wednesdays]), None);
}

#[test]
fn nothing_is_promised_beyond_the_day_on_which_apple_stops_signing_it() {
    let of = |starts: &str| {
        let school = School::new();
        listed_for(&school, "18.7.2", "2026-11-01", Some("2026-11-20"));
        let ipad = device(&school, "UDID-1", "18.1", "pilot");
        made(&school, Rules { starts: wall(starts), ..rules(Target::Newest) });
        (ipad.enforcement(), ipad.update())
    };
    let (capped, _) = of("2026-11-18T00:00:00");
    assert_eq!(capped, Some(told("18.7.2", "2026-11-20T00:00:00")), "and not the day after");
    let (nothing, row) = of("2026-11-21T00:00:00");
    assert_eq!((nothing, row.stage), (None, Stage::Cannot));
    assert!(row.problem.contains("Apple signs 18.7.2 until 20 Nov 2026 only"), "{}", row.problem);
}

#[test]
fn who_waits_for_a_turn_past_the_deadline_is_late() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", None);
    let guests = ["UDID-1", "UDID-2"].map(|udid| device(&school, udid, "18.1", "pilot"));
    // It begins at eleven, and is due at two.
    let deadline = Deadline::After { minutes: 180, time: None };
    let plan = made(&school, Rules { starts: wall("2026-11-18T11:00:00"), at_once: Some(1), deadline, ..rules(Target::Newest) });
    for guest in &guests {
        guest.enforcement();
    }
    let late = || {
        school
            .write({
                let plan = plan.clone();
                move |tx| progress::counts(tx, &plan)
            })
            .0
            .overdue
    };
    assert_eq!(late(), 0);
    guests[0].tells(json!({ "install-state": "downloading" }), None);
    school.clock.advance(Duration::from_secs(3 * 3600));
    for guest in &guests {
        guest.enforcement();
    }
    assert_eq!((guests[1].update().stage, late()), (Stage::Planned, 2));
    assert!(words::because(&guests[1].update(), school.clock.now()).1.contains("turn"));
}

#[test]
fn a_group_that_a_ring_needs_is_not_deleted() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", None);
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, rules(Target::Newest));
    let refused = school.try_write(|tx| groups::delete(tx, &Actor::Console, "pilot")).unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("“Autumn”"), "{}", refused.message);
    assert!(ipad.enforcement().is_some());
    school.write(move |tx| plans::delete(tx, &Actor::Console, &plan.plan.id));
    school.write(|tx| groups::delete(tx, &Actor::Console, "pilot"));
}

#[test]
fn only_downloading_goes_by_command_where_the_system_has_both_and_a_plan_goes_on_afterwards() {
    let school = School::new();
    listed_for(&school, "18.7.2", "2026-11-01", None);
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let id = ipad.enrollment().device_id;
    let order = Order { version: None, action: Action::Download };
    school.write(move |tx| orders::start(tx, &Actor::Console, &id, &order));
    let status = "<key>OSUpdateStatus</key><array><dict><key>ProductKey</key><string>k</string><key>IsDownloaded</key><true/><key>Status</key><string>Idle</string></dict></array>";
    let taken = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>DownloadOnly</string><key>Status</key><string>Downloading</string></dict></array>";
    let answer = |kind: &str| if kind == "OSUpdateStatus" { status.to_owned() } else { taken.to_owned() };
    let sent = ipad.answering(answer);
    assert_eq!((sent[0]["Updates"][0]["InstallAction"].as_str(), ipad.enforced()), (Some("DownloadOnly"), None));
    school.clock.advance(Duration::from_secs(601));
    ipad.answering(answer);
    assert_eq!(ipad.update().stage, Stage::Prepared);
    made(&school, rules(Target::Newest));
    assert!(ipad.enforcement().is_some(), "what was only to be downloaded is over");
}

#[test]
fn an_uploaded_profile_holds_releases_back_as_a_policy_does_and_of_two_the_stricter_one() {
    let school = School::new();
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let id = ipad.enrollment().device_id;
    let held = || {
        let id = id.clone();
        school.write(move |tx| held_back::on_device(tx, &Actor::Console, &devices::by_id(tx, &id)?.unwrap()))
    };
    assert_eq!(held(), HeldBack::default());
    for (identifier, days) in [("school.example.short", 14), ("school.example.long", 80)] {
        let keys = [("forceDelayedSoftwareUpdates", Value::Boolean(true)), ("enforcedSoftwareUpdateDelay", Value::from(days))];
        let content = profile(identifier, &[payload("com.apple.applicationaccess", &format!("{identifier}.r"), &keys)]);
        let brought = profiles::recognise(content).unwrap();
        school.write(move |tx| {
            let id = profiles::create(tx, &Actor::Console, &brought, "", "")?.profile.id;
            profiles::assign(tx, &Actor::Console, &id, "pilot", None).map(drop)
        });
    }
    assert_eq!(held(), HeldBack { major: Some(80), minor: Some(80) });
    let own = r#"{"Type":"com.apple.configuration.softwareupdate.settings","Identifier":"own","Payload":{"Deferrals":{"CombinedPeriodInDays":30}}}"#;
    school.write(move |tx| {
        library::add(tx, &Actor::Console, library::read(own.as_bytes())?, "")?;
        library::assign(tx, &Actor::Console, "own", "pilot").map(drop)
    });
    assert_eq!(held(), HeldBack { major: Some(30), minor: Some(30) }, "a declaration wins over restrictions");
    school.write(|tx| library::unassign(tx, &Actor::Console, "own", "pilot").map(drop));
    assert_eq!(held(), HeldBack { major: Some(80), minor: Some(80) });
    let id = ipad.enrollment().device_id;
    school.write(move |tx| {
        let known = devices::by_id(tx, &id)?.unwrap();
        devices::update(tx, &crate::store::devices::Device { os_version: String::from("27.0"), ..known })
    });
    assert_eq!(held(), HeldBack::default(), "27 does not know these restrictions any more");
}

impl School {
    fn at(&self, moment: &str) {
        self.clock.advance(Timestamp::parse(moment).unwrap().since(self.clock.now()));
    }

    /// Its clocks are those of Berlin.
    fn in_berlin(&self) {
        self.write(|tx| {
            settings::change(
                tx,
                &Actor::Console,
                &settings::Change { time_zone: Some("Europe/Berlin".into()), ..settings::Change::default() },
            )
            .map(drop)
        });
    }
}

#[test]
fn a_signature_that_ends_in_a_holiday_has_its_deadline_before_that_and_who_has_no_time_is_told() {
    let of = |holiday_from: &str, quiet: Vec<Quiet>, time: Option<u16>| {
        let school = School::new();
        school.at("2026-11-27T15:00:00Z");
        listed_for(&school, "18.7.2", "2026-11-01", Some("2026-11-30"));
        let ipad = device(&school, "UDID-1", "18.1", "pilot");
        let holiday = Holiday { name: "Winter".into(), from: Day::parse(holiday_from).unwrap(), to: Day::parse("2026-12-05").unwrap() };
        let deadline = Deadline::After { minutes: 5 * 24 * 60, time };
        made(&school, Rules { starts: wall("2026-11-27T15:00:00"), deadline, quiet, holidays: vec![holiday], ..rules(Target::Newest) });
        (ipad.enforcement().map(|(_, deadline)| deadline), ipad.update())
    };
    let friday = |from| vec![Quiet { weekdays: vec![4], from, to: 1_440 }];
    assert_eq!(of("2026-11-29", Vec::new(), None).0.as_deref(), Some("2026-11-28T23:59:00"));
    assert_eq!(of("2026-11-29", Vec::new(), Some(960)).0.as_deref(), Some("2026-11-28T16:00:00"), "at the hour of the plan");
    assert_eq!(of("2026-11-28", friday(1_080), None).0.as_deref(), Some("2026-11-27T17:59:00"));
    let (nothing, row) = of("2026-11-28", friday(15 * 60 + 4), None);
    assert_eq!((nothing, row.stage), (None, Stage::Cannot));
    assert!(row.problem.contains("until 30 Nov 2026 only") && row.problem.contains("no time"), "{}", row.problem);
}

#[test]
fn what_would_begin_or_be_due_in_an_hour_that_clocks_skip_is_never_in_quiet_hours() {
    let school = School::new();
    school.in_berlin();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let foreseen = |starts: &str| {
        // Sunday from three to four; from two to three there is nothing.
        let quiet = vec![Quiet { weekdays: vec![6], from: 180, to: 240 }];
        let rules = Rules {
            starts: wall(starts),
            deadline: Deadline::After { minutes: 5, time: None },
            quiet,
            ..rules(Target::NewestMinusDays { days: 1 })
        };
        let told = school.write(move |tx| preview::preview(tx, &Actor::Console, None, &rules)).devices.remove(0);
        (told.opens.unwrap(), told.deadline.unwrap())
    };
    assert_eq!(foreseen("2027-03-28T01:58:00"), (wall("2027-03-28T01:58:00"), wall("2027-03-28T04:00:00")));
    assert_eq!(foreseen("2027-03-28T02:10:00"), (wall("2027-03-28T04:00:00"), wall("2027-03-28T04:05:00")));
    drop(ipad);
}

#[test]
fn an_hour_that_clocks_show_twice_is_quiet_twice() {
    let school = School::new();
    school.in_berlin();
    // Ten past two, for the second time.
    school.at("2027-10-31T01:10:00Z");
    listed_for(&school, "16.7.12", "2026-11-01", None);
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    let quiet = vec![Quiet { weekdays: vec![6], from: 120, to: 150 }];
    made(&school, Rules { starts: wall("2027-10-30T00:00:00"), quiet, ..rules(Target::Newest) });
    assert!(ipad.answering(|kind| panic!("{kind}")).is_empty());
    school.at("2027-10-31T01:30:00Z");
    assert_eq!(ipad.answering(|_| String::new()).len(), 1);
}

#[test]
fn nothing_begins_in_quiet_hours_by_declaration_or_by_command_and_what_is_under_way_goes_on() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    listed(&school, "16.7.12", "20H364");
    let quiet = vec![Quiet { weekdays: vec![2], from: 11 * 60, to: 13 * 60 }];
    let plan = || Rules { quiet: quiet.clone(), ..rules(Target::NewestOfOwn) };
    let (newer, older) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "16.5", "pilot"));
    made(&school, plan());
    for ipad in [&newer, &older] {
        assert!(ipad.answering(|kind| panic!("{kind}")).is_empty());
        assert_eq!((ipad.enforced(), ipad.update().stage, ipad.update().begun_at), (None, Stage::Planned, None));
        assert!(ipad.update().problem.contains("quiet hours") && ipad.update().problem.contains("13:00"), "{}", ipad.update().problem);
    }
    school.at("2026-11-18T13:00:00Z");
    let ids = [newer.enrollment().id, older.enrollment().id];
    for id in ids {
        assert!(school.write(move |tx| crate::store::deployments::is_due(tx, &id)), "it is looked at when they end");
    }
    assert_eq!(older.answering(|_| String::new()).len(), 1);
    let begun = newer.enforcement();
    assert!(begun.is_some());
    newer.tells(json!({ "install-state": "downloading" }), None);
    school.at("2026-11-25T11:30:00Z");
    assert_eq!(newer.update().stage, Stage::Downloading);
    assert!(newer.enforcement().is_some(), "what a device is at goes on");
    let late = device(&school, "UDID-3", "18.1", "pilot");
    assert_eq!(late.enforcement(), None);
}

#[test]
fn the_time_that_a_plan_stood_still_counts_for_no_ring_and_no_deadline() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let (first, second) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "all"));
    let mut rules = Rules { deadline: Deadline::After { minutes: 24 * 60, time: None }, ..rules(Target::NewestOfOwn) };
    rules.rings.push(Ring { name: "Everybody".into(), after_minutes: 2 * 24 * 60, groups: vec!["all".into()] });
    let plan = made(&school, rules.clone()).plan.id;
    assert_eq!(first.enforcement(), Some(told("18.7.2", "2026-11-19T00:00:00")));
    assert_eq!(second.enforcement(), None);
    let stop = || {
        school.write({
            let plan = plan.clone();
            move |tx| plans::stop(tx, &Actor::Console, &plan, "bad release")
        })
    };
    let go_on = || {
        school.write({
            let plan = plan.clone();
            move |tx| plans::go_on(tx, &Actor::Console, &plan)
        })
    };
    stop();
    school.clock.advance(days(10));
    go_on();
    assert_eq!(first.enforcement(), Some(told("18.7.2", "2026-11-29T00:00:00")), "as long as it would have had");
    assert!(!words::is_overdue(&first.update(), school.clock.now()));
    assert_eq!((second.enforcement(), second.update().problem.contains("30 Nov")), (None, true), "{}", second.update().problem);
    // Who is late when it is stopped has an hour from where it goes on.
    school.at("2026-11-29T06:00:00Z");
    stop();
    school.at("2026-11-29T09:00:00Z");
    go_on();
    assert_eq!(first.enforcement(), Some(told("18.7.2", "2026-11-29T10:00:00")));
    let id = plan.clone();
    let changed = plans::PlanChange { rules: Some(Rules { at_once: Some(5), ..rules }), ..plans::PlanChange::default() };
    let kept = school.write(move |tx| plans::update(tx, &Actor::Console, &id, &changed));
    assert_eq!(kept.pauses.len(), 2, "a change of the plan forgets nothing");
    assert_eq!(first.enforcement(), Some(told("18.7.2", "2026-11-29T10:00:00")));
}
