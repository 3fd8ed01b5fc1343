//! The form of a plan: every field, every error, without a script.

use super::House;
use crate::clock::Wall;
use crate::mdm::Role;
use crate::mdm::updates::rules::{Deadline, Rules, Stop, Target};
use crate::mdm::updates::{plan, plans};
use crate::store::profiles::tests::group;
use crate::store::{Tx, devices, update_plans};

/// A plan that says as little as it may.
pub(super) const SMALL: &str = "name=Winter&note=&target=newest&starts=2027-01-11T08:00&ring_name_0=Pilot&deadline=after&deadline_after=7&deadline_unit=days&revision=0";

/// A plan with something in every field.
const FULL: &str = "name=Winter&note=Before+the+exams&target=newest_minus_days&days=14&improvements=1&starts=2027-01-11T08:00\
    &ring_name_0=Pilot&ring_after_0=0&ring_unit_0=days&ring_group_0=g1&ring_name_1=Everyone&ring_after_1=36&ring_unit_1=hours&ring_group_1=g2\
    &deadline=after&deadline_after=3&deadline_unit=days&deadline_time=16:00\
    &quiet_row_0=1&quiet_day_0=0&quiet_day_0=4&quiet_from_0=08:00&quiet_to_0=13:00&quiet_row_1=1&quiet_from_1=&quiet_to_1=\
    &holiday_name_0=Easter&holiday_from_0=2027-03-26&holiday_to_0=2027-04-02\
    &at_once=5&stop_percent=20&stop_devices=2&force_restart=1&details_url=https://www.example.school/updates&revision=0";

impl House {
    /// Makes a plan by its form; gives its id.
    pub(super) async fn plan(&self, owner: &str, form: &str) -> String {
        let saved = self.post(owner, "/updates/plans/new", &format!("{form}&do=save")).await;
        assert_eq!(saved.status, 303, "{}", saved.body);
        saved.location().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    async fn rules(&self, id: &str) -> Rules {
        let id = id.to_owned();
        self.write(move |tx| Ok(plan::read(tx, update_plans::by_id(tx, &id)?.unwrap())?.rules)).await
    }
}

async fn school() -> (House, String) {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad <1>").await;
    house.device("d2", "iPad 2").await;
    house.write(|tx| group(tx, "g1", "7b", &["d1"])).await;
    house.write(|tx| group(tx, "g2", "All iPads", &["d1", "d2"])).await;
    house.write(|tx| devices::set_facts(tx, "d1", "{}")).await;
    (house, owner)
}

fn count(tx: &Tx) -> crate::error::Result<i64> {
    update_plans::count(tx)
}

#[tokio::test]
async fn what_would_happen_is_shown_before_anything_is_saved_and_then_all_of_it_is_kept() {
    let (house, owner) = school().await;
    house.releases().await;
    let blank = house.get(&owner, "/updates/plans/new").await.body;
    for part in ["iOS 26.1 (23B85), posted 3 Nov 2026", "7b <span class=\"quiet\">1 device", "value=\"2026-11-26T08:00\""] {
        assert!(blank.contains(part), "{part} in {blank}");
    }
    let shown = house.post(&owner, "/updates/plans/new", &format!("{FULL}&do=preview")).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    for part in [
        "Nothing has been saved or sent yet.",
        "Of <strong>2 devices</strong>",
        "<a href=\"#declaration\">1</a> know the deadline",
        "<a href=\"#later\">1</a> cannot be told yet",
        "iPad &lt;1&gt;",
        "18.1 → 26.1",
        "name=\"ring_group_1\" value=\"g2\"",
        "it is not enrolled, or has not said yet what it is",
    ] {
        assert!(shown.body.contains(part), "{part} in {}", shown.body);
    }
    assert_eq!(house.write(count).await, 0, "a preview saves nothing");
    let back = house.post(&owner, "/updates/plans/new", &format!("{FULL}&do=form")).await.body;
    assert!(back.contains("Before the exams") && back.contains("value=\"2027-03-26\"") && back.contains("value=\"g1\" checked"), "{back}");
    let id = house.plan(&owner, FULL).await;
    let rules = house.rules(&id).await;
    assert_eq!(rules.target, Target::NewestMinusDays { days: 14 });
    assert_eq!(rules.deadline, Deadline::After { minutes: 4_320, time: Some(960) });
    assert_eq!(
        rules.rings.iter().map(|ring| (ring.name.as_str(), ring.after_minutes)).collect::<Vec<_>>(),
        [("Pilot", 0), ("Everyone", 2_160)]
    );
    assert_eq!((rules.quiet.len(), rules.quiet[0].weekdays.as_slice(), rules.holidays.len()), (1, [0, 4].as_slice(), 1));
    assert_eq!((rules.at_once, rules.stop), (Some(5), Some(Stop { percent: 20, at_least: 2 })));
    assert!(rules.improvements && rules.force_restart && rules.details_url.is_some());
    let edit = house.get(&owner, &format!("/updates/plans/{id}/edit")).await.body;
    for part in [
        "name=\"target\" value=\"newest_minus_days\" checked",
        "name=\"ring_after_1\" type=\"text\" inputmode=\"numeric\" class=\"input\" value=\"36\"",
        "<option value=\"hours\" selected>",
        "name=\"quiet_day_0\" value=\"4\" checked",
        "value=\"16:00\"",
        "name=\"revision\" value=\"1\"",
        "https://www.example.school/updates",
    ] {
        assert!(edit.contains(part), "{part} in {edit}");
    }
    let changed = FULL.replace("days=14", "days=7").replace("revision=0", "revision=1");
    let saved = house.post(&owner, &format!("/updates/plans/{id}/edit"), &format!("{changed}&do=save")).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    assert_eq!(house.rules(&id).await, Rules { target: Target::NewestMinusDays { days: 7 }, ..rules });
    let late = house.post(&owner, &format!("/updates/plans/{id}/edit"), &format!("{changed}&do=save")).await;
    assert!(late.status == 422 && late.body.contains("Somebody else changed this plan meanwhile"), "{}", late.body);
}

#[tokio::test]
async fn every_kind_of_target_and_deadline_is_kept_as_it_was_typed() {
    let (house, owner) = school().await;
    house.releases().await;
    let cases = [
        ("target=newest", Target::Newest),
        ("target=newest_of_own", Target::NewestOfOwn),
        ("target=newest_of_major&major=18", Target::NewestOfMajor { major: 18 }),
        (
            "target=minimum&least_iOS=18.1&least_macOS=15.2",
            Target::Minimum { versions: [("iOS".into(), "18.1".into()), ("macOS".into(), "15.2".into())].into() },
        ),
        (
            "target=release&release=iOS%7C26.1%7C23B85",
            Target::Release { platform: "iOS".into(), version: "26.1".into(), build: "23B85".into() },
        ),
        (
            "target=release&release=typed&typed_platform=macOS&typed_version=26.9&typed_build=",
            Target::Release { platform: "macOS".into(), version: "26.9".into(), build: String::new() },
        ),
    ];
    for (at, (fields, target)) in cases.into_iter().enumerate() {
        let form = format!(
            "{}&deadline_at=2027-01-22T16:00",
            SMALL.replace("target=newest", fields).replace("name=Winter", &format!("name=Plan+{at}"))
        );
        let form = form.replace("deadline=after", "deadline=at");
        let id = house.plan(&owner, &form).await;
        let rules = house.rules(&id).await;
        assert_eq!((rules.target, rules.deadline), (target, Deadline::At { at: Wall::parse("2027-01-22T16:00").unwrap() }), "{fields}");
        let edit = house.get(&owner, &format!("/updates/plans/{id}/edit")).await.body;
        let kind = fields.split('&').next().unwrap().split_once('=').unwrap().1;
        assert!(
            edit.contains(&format!("name=\"target\" value=\"{kind}\" checked")) && edit.contains("value=\"2027-01-22T16:00\""),
            "{edit}"
        );
    }
    let typed =
        format!("{}&do=preview", SMALL.replace("target=newest", "target=release&release=typed&typed_platform=iOS&typed_version=26.9"));
    let shown = house.post(&owner, "/updates/plans/new", &typed.replace("name=Winter", "name=Another")).await.body;
    assert!(shown.contains("Apple’s list has no iOS 26.9.") && shown.contains("“Pilot” has no group yet"), "{shown}");
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost() {
    let (house, owner) = school().await;
    let wrong = [
        ("name=Winter", "name=", "f-name-error"),
        ("name=Winter", &format!("name={}", "x".repeat(101)), "f-name-error"),
        ("note=", &format!("note={}", "x".repeat(1_001)), "f-note-error"),
        ("target=newest", "target=newest_minus_days&days=many", "f-days-error"),
        ("target=newest", "target=newest_minus_days&days=0", "1 to 365 days"),
        ("target=newest", "target=newest_of_major&major=x", "f-major-error"),
        ("target=newest", "target=minimum&least_iOS=abc", "is no version"),
        ("target=newest", "target=minimum", "at least one platform"),
        ("target=newest", "target=release&release=typed&typed_platform=iOS&typed_version=", "f-typed_version-error"),
        ("target=newest", "target=", "Choose which release is meant."),
        ("starts=2027-01-11T08:00", "starts=soon", "f-starts-error"),
        ("ring_name_0=Pilot", "ring_name_0=&ring_group_0=g1", "f-ring_name_0-error"),
        ("ring_name_0=Pilot", "ring_name_0=", "1 to 10 rings"),
        ("ring_name_0=Pilot", "ring_name_0=A&ring_name_1=B&ring_after_1=x&ring_unit_1=days", "f-ring_after_1-error"),
        (
            "ring_name_0=Pilot",
            "ring_name_0=A&ring_name_1=B&ring_after_1=5&ring_unit_1=days&ring_name_2=C&ring_after_2=1&ring_unit_2=days",
            "put the rings in the order",
        ),
        ("ring_name_0=Pilot", "ring_name_0=Pilot&ring_group_0=gone", "There is no group gone."),
        ("deadline_after=7", "deadline_after=soon", "f-deadline_after-error"),
        ("deadline_after=7", "deadline_after=7&deadline_time=25:00", "f-deadline_time-error"),
        ("deadline_after=7&deadline_unit=days", "deadline_after=1&deadline_unit=minutes", "5 minutes to a year"),
        ("deadline=after", "deadline=at&deadline_at=tomorrow", "f-deadline_at-error"),
        ("deadline=after", "deadline=at&deadline_at=2027-01-11T08:00", "needs at least 5 minutes"),
        ("deadline=after", "deadline=", "Choose by when"),
        ("revision=0", "quiet_row_0=1&quiet_from_0=08:00&quiet_to_0=", "Tick the days of the week"),
        ("revision=0", "quiet_row_0=1&quiet_day_0=1&quiet_from_0=8&quiet_to_0=9:00", "f-quiet_from_0-error"),
        (
            "revision=0",
            "quiet_row_0=1&quiet_day_0=0&quiet_day_0=1&quiet_day_0=2&quiet_day_0=3&quiet_day_0=4&quiet_day_0=5&quiet_day_0=6&quiet_from_0=00:00&quiet_to_0=00:00",
            "leave no time at all",
        ),
        ("revision=0", "holiday_name_0=X&holiday_from_0=", "f-holiday_from_0-error"),
        ("revision=0", "holiday_name_0=X&holiday_from_0=2027-02-02&holiday_to_0=2027-02-01", "ends before it begins"),
        ("revision=0", "at_once=none", "f-at_once-error"),
        ("revision=0", "at_once=0", "f-at_once-error"),
        ("revision=0", "stop_percent=200", "f-stop_percent-error"),
        ("revision=0", "stop_percent=20&stop_devices=0", "f-stop_percent-error"),
        ("revision=0", "stop_percent=20&stop_devices=x", "f-stop_devices-error"),
        ("revision=0", "details_url=http://www.example.school", "f-details_url-error"),
    ];
    for (right, wrong, said) in wrong {
        for pressed in ["preview", "save"] {
            let form = format!("{}&do={pressed}", SMALL.replace(right, wrong));
            let reply = house.post(&owner, "/updates/plans/new", &form).await;
            assert!(reply.status == 422 && reply.body.contains(said), "{wrong}: {said} ({}) in {}", reply.status, reply.body);
            assert!(reply.body.contains("nothing was saved"), "{wrong}");
            let (_, value) = wrong.rsplit_once('&').unwrap_or(("", wrong)).1.split_once('=').unwrap();
            assert!(reply.body.contains(value) || value.is_empty(), "{value} is lost: {}", reply.body);
        }
    }
    assert_eq!(house.write(count).await, 0);
    house.plan(&owner, SMALL).await;
    let twice = house.post(&owner, "/updates/plans/new", &format!("{SMALL}&do=preview")).await;
    assert!(
        twice.status == 422 && twice.body.contains("f-name-error") && twice.body.contains("Another plan has this name"),
        "{}",
        twice.body
    );
}

#[tokio::test]
async fn rows_come_and_go_by_buttons_without_a_script() {
    let (house, owner) = school().await;
    let press = async |form: &str, button: &str| {
        let reply = house.post(&owner, "/updates/plans/new", &format!("{form}&do={button}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    };
    let added = press(FULL, "add_ring").await;
    assert!(added.contains("name=\"ring_name_2\"") && added.contains("value=\"Everyone\""), "{added}");
    let removed = press(FULL, "remove_ring_0").await;
    assert!(
        removed.contains("name=\"ring_name_0\"") && !removed.contains("value=\"Pilot\"") && !removed.contains("name=\"ring_name_1\""),
        "{removed}"
    );
    assert!(press(FULL, "add_quiet").await.contains("name=\"quiet_from_2\""));
    assert!(!press(FULL, "remove_quiet_0").await.contains("name=\"quiet_from_1\""));
    assert!(press(FULL, "add_holiday").await.contains("name=\"holiday_from_1\""));
    assert!(!press(FULL, "remove_holiday_0").await.contains("name=\"holiday_from_0\""));
    assert!(press(FULL, "remove_ring_99").await.contains("name=\"ring_name_1\""), "a row that is not there is nothing to remove");
    let many: Vec<_> = (0..10).map(|at| format!("ring_name_{at}=R{at}")).collect();
    let full = press(&many.join("&"), "form").await;
    assert!(full.contains("There is room for 10 rings.") && !full.contains("value=\"add_ring\""), "{full}");
}

#[tokio::test]
async fn only_who_may_change_plans_reaches_the_form() {
    let (house, owner) = school().await;
    let id = house.plan(&owner, SMALL).await;
    for role in [Role::Viewer, Role::Teacher, Role::Helper] {
        let person = house.person(role).await;
        assert_eq!(house.get(&person, "/updates/plans/new").await.status, 403, "{role:?}");
        assert_eq!(house.get(&person, &format!("/updates/plans/{id}/edit")).await.status, 403, "{role:?}");
        for (path, form) in [("new", format!("{SMALL}&do=save")), ("new", format!("{SMALL}&do=add_ring"))] {
            assert_eq!(house.post(&person, &format!("/updates/plans/{path}"), &form).await.status, 403, "{role:?}");
        }
        for deed in ["stop", "go-on", "delete", "except/d1", "except/d1/end"] {
            assert_eq!(house.post(&person, &format!("/updates/plans/{id}/{deed}"), "reason=x").await.status, 403, "{role:?} {deed}");
        }
    }
    let other = id.clone();
    assert!(house.write(move |tx| plans::find(tx, &crate::mdm::Actor::Console, &other)).await.plan.stopped_at.is_none());
}
