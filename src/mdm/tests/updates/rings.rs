//! Rings, turns, stops, exceptions, and what is refused.

use std::time::Duration;

use serde_json::json;

use super::{days, device, listed, made, rules, wall};
use crate::clock::Zone;
use crate::mdm::Actor;
use crate::mdm::tests::School;
use crate::mdm::updates::plan::{TURN, TURN_UNUSED};
use crate::mdm::updates::plans::{self, NewPlan, PlanChange};
use crate::mdm::updates::rules::{Deadline, Ring, Rules, Stop, Target};
use crate::store::update_states::Stage;

#[test]
fn the_second_ring_waits_for_its_time_and_a_stop_for_failures_keeps_it_from_beginning() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let (first, second) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "all"));
    let mut rules = rules(Target::Newest);
    rules.rings.push(Ring { name: "Everybody".into(), after_minutes: 2 * 24 * 60, groups: vec!["all".into(), "pilot".into()] });
    rules.stop = Some(Stop { percent: 50, at_least: 1 });
    let plan = made(&school, rules);
    let _ = (first.answering(|_| String::new()), second.answering(|_| String::new()));
    assert!(first.enforced().is_some() && second.enforced().is_none());
    assert_eq!((second.update().stage, second.update().ring), (Stage::Planned, 1));
    assert!(second.update().problem.contains("Everybody"), "{}", second.update().problem);
    assert_eq!(first.update().ring, 0, "of two rings the first");
    first.tells(
        json!({ "install-state": "failed", "failure-reason": { "count": 3, "reason": "No space", "timestamp": "2026-11-18T10:00:00Z" } }),
        None,
    );
    assert_eq!(first.update().stage, Stage::Failed);
    assert!(first.update().problem.contains("No space"), "{}", first.update().problem);
    let id = plan.plan.id.clone();
    let stopped = school.write(move |tx| plans::find(tx, &Actor::Console, &id)).plan;
    assert!(stopped.stopped_because.contains("1 of 1"), "{stopped:?}");
    school.clock.advance(days(3));
    second.answering(|_| String::new());
    assert_eq!((second.enforced(), second.update().stage), (None, Stage::Planned));
    let id = plan.plan.id.clone();
    school.write(move |tx| plans::go_on(tx, &Actor::Console, &id));
    second.answering(|_| String::new());
    assert_eq!(second.enforced(), None, "the time in which the plan stood still does not count");
    school.clock.advance(days(2));
    second.answering(|_| String::new());
    assert!(second.enforced().is_some(), "{:?}", second.update());
}

#[test]
fn only_so_many_are_at_it_at_once_and_the_next_begins_when_one_is_through() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let (first, second) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "pilot"));
    made(&school, Rules { at_once: Some(1), ..rules(Target::Newest) });
    let _ = (first.answering(|_| String::new()), second.answering(|_| String::new()));
    assert!(first.enforced().is_some() && second.enforced().is_none());
    assert!(second.update().problem.contains("turn"), "{}", second.update().problem);
    first.tells(json!({ "install-state": "none" }), Some("18.7.2"));
    let due = second.enrollment().id;
    assert!(school.write(move |tx| crate::store::deployments::is_due(tx, &due)), "it is looked at at once");
    second.answering(|_| String::new());
    assert!(second.enforced().is_some());
}

#[test]
fn a_turn_that_leads_to_nothing_ends_and_what_is_downloaded_needs_none() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let (first, second) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "pilot"));
    made(&school, Rules { at_once: Some(1), ..rules(Target::Newest) });
    let _ = (first.answering(|_| String::new()), second.answering(|_| String::new()));
    school.clock.advance(TURN_UNUSED);
    second.answering(|_| String::new());
    assert!(second.enforced().is_some(), "the first one may be off");
    let third = device(&school, "UDID-3", "18.1", "pilot");
    second.tells(json!({ "install-state": "downloading" }), None);
    third.answering(|_| String::new());
    assert!(third.enforced().is_none(), "{:?}", third.update());
    second.tells(json!({ "install-state": "prepared" }), None);
    third.answering(|_| String::new());
    assert!(third.enforced().is_some(), "what is downloaded takes no network");
    let fourth = device(&school, "UDID-4", "18.1", "pilot");
    third.tells(json!({ "install-state": "downloading" }), None);
    fourth.answering(|_| String::new());
    school.clock.advance(TURN);
    fourth.answering(|_| String::new());
    assert!(fourth.enforced().is_some(), "nor does one that stalls keep it for ever");
}

#[test]
fn who_failed_before_a_plan_stopped_stays_told_with_the_reason() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let guests = ["UDID-1", "UDID-2"].map(|udid| device(&school, udid, "18.1", "pilot"));
    let plan = made(&school, Rules { stop: Some(Stop { percent: 50, at_least: 2 }), ..rules(Target::Newest) });
    for guest in &guests {
        guest.answering(|_| String::new());
    }
    let failure =
        json!({ "install-state": "failed", "failure-reason": { "count": 3, "reason": "No space", "timestamp": "2026-11-18T10:00:00Z" } });
    for guest in &guests {
        guest.tells(failure.clone(), None);
    }
    let id = plan.plan.id;
    assert!(school.write(move |tx| plans::find(tx, &Actor::Console, &id)).plan.stopped_at.is_some());
    for guest in &guests {
        guest.answering(|_| String::new());
        // The declaration has gone, and with it what the device says of updates.
        guest.tells(json!({ "install-state": "none" }), None);
        guest.answering(|_| String::new());
        let row = guest.update();
        assert!(row.stage == Stage::Failed && row.problem.contains("No space"), "{row:?}");
    }
}

#[test]
fn an_exception_leaves_a_device_alone_until_it_ends() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, rules(Target::Newest));
    ipad.answering(|_| String::new());
    let (id, device_id) = (plan.plan.id, ipad.enrollment().device_id);
    school.write(move |tx| {
        let end = Some(tx.now.plus(days(2)));
        plans::except(tx, &Actor::Console, &id, &device_id, "Exam on it", end)
    });
    ipad.answering(|_| String::new());
    assert_eq!(
        (ipad.enforced(), ipad.update().stage, ipad.update().problem.as_str()),
        (None, Stage::Excepted, "Exam on it, until Fri 20 Nov 2026, 11:06")
    );
    school.clock.advance(days(2) + Duration::from_secs(1));
    ipad.answering(|_| String::new());
    assert!(ipad.enforced().is_some());
}

#[test]
fn whose_exception_ends_after_the_deadline_has_an_hour_from_there() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, rules(Target::Newest));
    let (id, device_id) = (plan.plan.id, ipad.enrollment().device_id);
    school.write(move |tx| {
        let end = Some(tx.now.plus(days(10)));
        plans::except(tx, &Actor::Console, &id, &device_id, "Exam on it", end)
    });
    school.clock.advance(days(10) + Duration::from_secs(1));
    ipad.answering(|_| String::new());
    let deadline = ipad.enforced().unwrap()["Payload"]["TargetLocalDateTime"].as_str().unwrap().to_owned();
    assert_eq!(wall(&deadline), Zone::default().wall(school.clock.now()).plus_minutes(60), "it was 21 November");
    let served = ipad.enforced();
    school.clock.advance(Duration::from_secs(1800));
    ipad.answering(|_| String::new());
    assert_eq!(ipad.enforced(), served, "and it stays so");
}

#[test]
fn a_plan_that_is_changed_or_deleted_takes_back_what_has_not_begun() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, rules(Target::Newest));
    ipad.answering(|_| String::new());
    let (id, mut changed) = (plan.plan.id.clone(), rules(Target::Newest));
    changed.deadline = Deadline::At { at: wall("2026-12-04T16:00:00") };
    school.write(move |tx| {
        plans::update(tx, &Actor::Console, &id, &PlanChange { rules: Some(changed), revision: Some(1), ..PlanChange::default() })
    });
    ipad.answering(|_| String::new());
    assert_eq!(ipad.enforced().unwrap()["Payload"]["TargetLocalDateTime"], "2026-12-04T16:00:00");
    let id = plan.plan.id.clone();
    let error =
        school.try_write(move |tx| plans::update(tx, &Actor::Console, &id, &PlanChange { revision: Some(1), ..PlanChange::default() }));
    assert!(error.unwrap_err().message.contains("Somebody else"));
    let id = plan.plan.id;
    school.write(move |tx| plans::delete(tx, &Actor::Console, &id));
    ipad.answering(|_| String::new());
    assert_eq!((ipad.enforced(), ipad.updates()), (None, Vec::new()));
}

#[test]
fn a_plan_is_refused_with_everything_that_is_wrong_and_limits_hold() {
    let school = School::new();
    let refused = |rules: Rules, name: &'static str| {
        let new = NewPlan { name: name.into(), note: String::new(), rules };
        school.try_write(move |tx| plans::create(tx, &Actor::Console, &new)).unwrap_err()
    };
    let mut wrong = rules(Target::Release { platform: "fridgeOS".into(), version: "26.1".into(), build: String::new() });
    wrong.rings[0].groups = vec!["nobody".into()];
    wrong.at_once = Some(0);
    wrong.stop = Some(Stop { percent: 0, at_least: 1 });
    wrong.details_url = Some("http://example.school".into());
    let error = refused(wrong, "");
    let fields: Vec<_> = error.fields.iter().map(|fault| fault.field.as_str()).collect();
    for field in ["name", "rings", "target", "at_once", "stop", "details_url"] {
        assert!(fields.contains(&field), "{field} {fields:?}");
    }
    let fault = |rules: Rules| refused(rules, "x").message.into_owned();
    assert!(fault(rules(Target::NewestMinusDays { days: 366 })).contains("1 to 365"));
    assert!(fault(Rules { rings: Vec::new(), ..rules(Target::Newest) }).contains("1 to 10 rings"));
    let ring = |after| Ring { name: "r".into(), after_minutes: after, groups: Vec::new() };
    assert!(fault(Rules { rings: vec![ring(60), ring(0)], ..rules(Target::Newest) }).contains("before"));
    assert!(fault(Rules { rings: vec![ring(0); 11], ..rules(Target::Newest) }).contains("1 to 10 rings"));
    let early = Deadline::At { at: wall("2026-11-18T00:04:59") };
    assert!(fault(Rules { deadline: early, ..rules(Target::Newest) }).contains("5 minutes"));
    assert!(fault(Rules { deadline: Deadline::After { minutes: 4, time: None }, ..rules(Target::Newest) }).contains("5 minutes"));
    assert!(fault(Rules { at_once: Some(10_001), ..rules(Target::Newest) }).contains("10000"));
}

#[test]
fn a_deadline_in_the_past_or_beyond_the_calendar_is_refused_and_an_old_plan_can_still_be_renamed() {
    let school = School::new();
    device(&school, "UDID-1", "18.1", "pilot");
    let refused = |deadline: &'static str| {
        let new =
            NewPlan { name: "x".into(), note: String::new(), rules: Rules { deadline: Deadline::At { at: wall(deadline) }, ..past() } };
        school.try_write(move |tx| plans::create(tx, &Actor::Console, &new)).unwrap_err().message.into_owned()
    };
    assert!(refused("2026-11-17T16:00").contains("has passed"));
    assert!(refused("9999-12-31T23:59").contains("2000 to 2199"));
    let plan = made(&school, Rules { deadline: Deadline::At { at: wall("2026-11-19T16:00") }, ..past() });
    school.clock.advance(days(30));
    let change = PlanChange { name: Some("Old".into()), ..PlanChange::default() };
    assert_eq!(school.write(move |tx| plans::update(tx, &Actor::Console, &plan.plan.id, &change)).plan.name, "Old");
}

/// A plan that began a year ago.
fn past() -> Rules {
    Rules { starts: wall("2025-11-18T08:00"), ..rules(Target::Newest) }
}

#[test]
fn a_release_that_apple_takes_back_is_not_told_as_installed() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    made(&school, rules(Target::Newest));
    ipad.answering(|_| String::new());
    ipad.tells(json!({ "install-state": "downloading" }), None);
    school.write(|tx| {
        for release in crate::store::releases::listed(tx)? {
            let key = crate::store::releases::ReleaseKey { version: "18.0".into(), ..release.key.clone() };
            crate::store::releases::put(tx, &crate::store::releases::Release { vanished_at: Some(tx.now), ..release.clone() })?;
            crate::store::releases::put(tx, &crate::store::releases::Release { key, ..release })?;
        }
        plans::releases_changed(tx)
    });
    ipad.answering(|_| String::new());
    let row = ipad.update();
    assert_eq!((row.stage, row.done_at, row.version.as_str()), (Stage::Done, None, ""), "nothing newer is offered");
    assert!(!school.events().iter().any(|kind| kind == "update.done"));
}

#[test]
fn two_plans_that_ask_a_device_what_it_finds_do_not_take_each_other_s_question_away() {
    let school = School::new();
    school.write(|tx| {
        let key = crate::store::releases::ReleaseKey { platform: "iOS".into(), version: "16.7".into(), ..Default::default() };
        let list = crate::protocol::lookup::List::Managed;
        let offer = crate::store::releases::Offer { list, posted: None, expires: None, devices: vec!["iPad1,1".into()] };
        let release = crate::store::releases::Release { key, offers: vec![offer], appeared_at: tx.now, vanished_at: None };
        crate::store::releases::put(tx, &release)
    });
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    made(&school, rules(Target::Newest));
    let other = NewPlan { name: "Other".into(), note: String::new(), rules: rules(Target::NewestOfOwn) };
    school.write(move |tx| plans::create(tx, &Actor::Console, &other));
    let id = ipad.enrollment().id;
    for _ in 0..3 {
        let id = id.clone();
        school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
    }
    let sent = ipad.answering(|_| String::from("<key>AvailableOSUpdates</key><array/>"));
    let kinds: Vec<_> = sent.iter().map(|sent| sent["RequestType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["AvailableOSUpdates"], "what it says to one counts for both");
    assert!(ipad.updates().iter().all(|row| row.stage == Stage::Done), "{:?}", ipad.updates());
    assert!(ipad.answering(|kind| panic!("{kind}")).is_empty());
}

#[test]
fn a_newer_release_takes_the_turn_of_the_one_that_a_device_is_at_and_no_others() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let (first, second) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "pilot"));
    made(&school, Rules { at_once: Some(1), ..rules(Target::Newest) });
    let _ = (first.answering(|_| String::new()), second.answering(|_| String::new()));
    first.tells(json!({ "install-state": "downloading" }), None);
    listed(&school, "18.7.3", "22H130");
    for _ in 0..2 {
        let _ = (first.answering(|_| String::new()), second.answering(|_| String::new()));
        assert_eq!(first.enforced().unwrap()["Payload"]["TargetOSVersion"], "18.7.3");
        assert_eq!((second.enforced(), second.update().problem.contains("turn")), (None, true));
    }
}

#[test]
fn only_a_device_of_the_plan_is_left_alone() {
    let school = School::new();
    let (_, stranger) = (device(&school, "UDID-1", "18.1", "pilot"), device(&school, "UDID-2", "18.1", "others"));
    let plan = made(&school, rules(Target::Newest));
    let id = stranger.enrollment().device_id;
    let refused = school.try_write(move |tx| plans::except(tx, &Actor::Console, &plan.plan.id, &id, "Exam", None)).unwrap_err();
    assert!(refused.message.contains("no group of its rings"), "{}", refused.message);
}
