//! Updates end to end: Apple's list, a plan, and devices of every generation that really change their version, each by its own mechanism.

use std::collections::BTreeSet;
use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::sim::model::lookup_document;
use rollcall::store::commands::{self, Filter};
use rollcall::store::{enrollments, events, update_states};
use serde_json::{Value as Json, json};

use crate::kit::{Guest, House};

const ENFORCEMENT: &str = "com.apple.configuration.softwareupdate.enforcement.specific";

/// The commands that 27 removed, and that no device with declarations for updates is sent.
const LEGACY: [&str; 4] = ["ScheduleOSUpdate", "ScheduleOSUpdateScan", "AvailableOSUpdates", "OSUpdateStatus"];

/// How often the clock is moved until everything has come about.
const MAX_STEPS: usize = 60;

/// By which mechanism a device is brought its update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Command,
    Declaration,
}

/// Has the house read the list that simulated devices go by.
pub(crate) async fn listed(house: &House) {
    let (status, told) = house.api("POST", "/api/v1/releases/import", lookup_document(house.clock.now())).await;
    assert!((200..300).contains(&status), "{told}");
}

/// A group of these devices.
async fn together(house: &House, name: &'static str, guests: &[Guest<'_>]) -> String {
    let udids: Vec<_> = guests.iter().map(Guest::udid).collect();
    house
        .write(move |tx| {
            let group = groups::create(tx, &Actor::Console, NewGroup { name: name.into(), ..NewGroup::default() })?;
            groups::add(tx, &Actor::Console, &group.id, &udids)?;
            Ok(group.id)
        })
        .await
}

/// A plan for a group, whose deadline is an hour after its start.
async fn planned(house: &House, group: &str, change: Json) -> String {
    let mut rules = json!({
        "target": { "kind": "newest_of_own" },
        "starts": "2026-11-25T06:00:00",
        "rings": [{ "name": "Everybody", "groups": [group] }],
        "deadline": { "kind": "after", "minutes": 60 },
    });
    rules.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let (status, plan) = house.api("POST", "/api/v1/updates/plans", json!({ "name": "Autumn", "rules": rules })).await;
    assert_eq!(status, 201, "{plan}");
    plan["id"].as_str().unwrap().to_owned()
}

/// Every kind of command about updates that a device was ever sent.
async fn commanded(house: &House, guest: &Guest<'_>) -> BTreeSet<String> {
    let udid = guest.udid();
    house
        .read(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            let filter = Filter { enrollment_id: Some(&enrollment.id), ..Filter::default() };
            Ok(commands::list(tx, &filter, None, 500)?.into_iter().map(|command| command.request_type).collect::<BTreeSet<_>>())
        })
        .await
        .into_iter()
        .filter(|kind| LEGACY.contains(&kind.as_str()))
        .collect()
}

/// What the house knows of a device.
async fn version(house: &House, guest: &Guest<'_>) -> String {
    house.api("GET", &format!("/api/v1/devices/{}", guest.udid()), json!(null)).await.1["os_version"].as_str().unwrap().to_owned()
}

async fn states(house: &House, guest: &Guest<'_>) -> Json {
    house.api("GET", &format!("/api/v1/devices/{}/updates", guest.udid()), json!(null)).await.1
}

/// Lets time pass until every device of the plan is there.
async fn until_done(house: &House, plan: &str, guests: &[Guest<'_>]) {
    let count = guests.len();
    for _ in 0..MAX_STEPS {
        let (_, shown) = house.api("GET", &format!("/api/v1/updates/plans/{plan}"), json!(null)).await;
        if shown["progress"]["stages"]["done"] == count {
            return;
        }
        house.pass(Duration::from_secs(300)).await;
        for guest in guests {
            guest.settle().await;
        }
    }
    let (_, members) = house.api("GET", &format!("/api/v1/updates/plans/{plan}/devices"), json!(null)).await;
    panic!("{members:#}");
}

/// Enrolls devices of these kinds and brings them the newest of their generation.
async fn brought(kinds: &[(&str, &str, By)]) {
    let house = House::open().await;
    listed(&house).await;
    let mut guests = Vec::new();
    for (kind, ..) in kinds {
        guests.push(house.device(kind).await);
    }
    let group = together(&house, "Everybody", &guests).await;
    let plan = planned(&house, &group, json!({ "stop": { "percent": 50, "at_least": 1 } })).await;
    for (guest, (kind, target, by)) in guests.iter().zip(kinds) {
        guest.settle().await;
        let served = guest.declarations().await.into_iter().find(|declaration| declaration.declaration_type == ENFORCEMENT);
        assert_eq!(served.is_some(), *by == By::Declaration, "{kind}");
        if let Some(served) = served {
            assert_eq!(served.payload["TargetOSVersion"], *target, "{kind}");
            assert!(served.active, "{kind} {served:?}");
        }
    }
    until_done(&house, &plan, &guests).await;
    for _ in 0..3 {
        // What they were served goes with it, once somebody has unlocked them.
        house.pass(Duration::from_secs(1800)).await;
        for guest in &guests {
            guest.settle().await;
        }
    }
    for (guest, (kind, target, by)) in guests.iter().zip(kinds) {
        assert_eq!(version(&house, guest).await, *target, "{kind}");
        let commanded = commanded(&house, guest).await;
        match by {
            By::Declaration => assert!(commanded.is_empty(), "{kind} {commanded:?}"),
            By::Command => assert!(commanded.contains("ScheduleOSUpdate"), "{kind} {commanded:?}"),
        }
        let left = guest.declarations().await.into_iter().find(|declaration| declaration.declaration_type == ENFORCEMENT);
        assert_eq!(left, None, "{kind}");
        assert_eq!(guest.remarks(), [""; 0], "{kind}");
    }
    let failed =
        house.read(|tx| events::list(tx, &events::Filter { kind: Some("update.failed"), ..events::Filter::default() }, None, 500)).await;
    assert!(failed.is_empty(), "what came about never failed: {failed:?}");
    let (_, shown) = house.api("GET", &format!("/api/v1/updates/plans/{plan}"), json!(null)).await;
    assert_eq!(shown["stopped_because"].as_str().unwrap_or_default(), "", "{shown:#}");
    let (_, burn) = house.api("GET", &format!("/api/v1/updates/plans/{plan}/burn-down"), json!(null)).await;
    let left: Vec<_> = burn.as_array().unwrap().iter().map(|point| point["left"].as_u64().unwrap()).collect();
    assert_eq!((left.iter().max().copied(), left.last().copied()), (Some(kinds.len() as u64), Some(0)), "{burn}");
    drop(guests);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipads_of_every_generation_are_brought_the_newest_of_their_own() {
    brought(&[
        ("iPad4,1@12.5.5", "12.5.7", By::Command),
        ("iPad6,11@16.6.1", "16.7.10", By::Command),
        ("iPad7,5@17.5.1", "17.7.2", By::Declaration),
        ("iPad7,11@18.2.1", "18.7.1", By::Declaration),
        ("iPad12,1@26.0.1", "26.1", By::Declaration),
        ("iPad13,18@27.0", "27.1", By::Declaration),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn macs_of_every_generation_are_brought_the_newest_of_their_own() {
    brought(&[
        ("Macmini8,1@10.15.6", "10.15.7", By::Command),
        ("MacBookAir10,1@13.5", "13.7.2", By::Command),
        ("MacBookAir10,1@14.5", "14.7.2", By::Declaration),
        ("MacBookAir10,1@15.2", "15.7.1", By::Declaration),
        ("Mac14,2@26.0.1", "26.1", By::Declaration),
        ("Mac14,2@27.0", "27.1", By::Declaration),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_held_back_is_updated_all_the_same_and_one_that_fails_tells_why() {
    let house = House::open().await;
    listed(&house).await;
    let well = house.device("iPad13,18@27.0").await;
    let failing =
        house.device_with("iPad13,18@27.0", "[[fault]]\nkind = \"update-fails\"\nname = \"The disk is full.\"\ntimes = 50\n").await;
    let guests = [well, failing];
    let group = together(&house, "Everybody", &guests).await;
    let plan = planned(&house, &group, json!({ "stop": { "percent": 50, "at_least": 1 } })).await;
    for _ in 0..30 {
        house.pass(Duration::from_secs(300)).await;
        for guest in &guests {
            guest.settle().await;
        }
    }
    assert_eq!(version(&house, &guests[0]).await, "27.1");
    let told = states(&house, &guests[1]).await;
    let update = &told["updates"][0];
    assert!(update["because"].as_str().unwrap().contains("failed"), "{told:#}");
    let (_, shown) = house.api("GET", &format!("/api/v1/updates/plans/{plan}"), json!(null)).await;
    // One of two that failed stops the plan, and what a stopped plan holds back is not late.
    assert!(shown["stopped_because"].as_str().unwrap().contains("1 of 2 devices failed"), "{shown:#}");
    assert_eq!(shown["progress"]["overdue"], 0, "{shown:#}");
    drop(guests);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_the_end_of_lessons() {
    let house = House::open().await;
    listed(&house).await;
    let guests = [house.device("iPad6,11@16.6.1").await];
    let group = together(&house, "Everybody", &guests).await;
    // 25 November 2026 is a Wednesday, and the device's own clock is that of Berlin.
    let lessons = json!({ "quiet": [{ "weekdays": [2], "from": 420, "to": 720 }], "deadline": { "kind": "after", "minutes": 1440 } });
    let plan = planned(&house, &group, lessons).await;
    guests[0].settle().await;
    assert!(commanded(&house, &guests[0]).await.is_empty());
    house.pass(Duration::from_secs(2 * 3600)).await;
    guests[0].settle().await;
    assert!(commanded(&house, &guests[0]).await.is_empty(), "11:00 on its clock");
    until_done(&house, &plan, &guests).await;
    let udid = guests[0].udid();
    let done_at = house
        .read(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            Ok(update_states::of_enrollment(tx, &enrollment.id)?.remove(0).done_at.unwrap())
        })
        .await;
    assert!(done_at.to_string().as_str() > "2026-11-25T11:00", "{done_at}");
    drop(guests);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declaration_waits_for_the_end_of_lessons_too() {
    let house = House::open().await;
    listed(&house).await;
    let guests = [house.device("iPad7,11@18.2.1").await];
    let group = together(&house, "Everybody", &guests).await;
    let lessons = json!({ "quiet": [{ "weekdays": [2], "from": 420, "to": 720 }], "deadline": { "kind": "after", "minutes": 1440 } });
    planned(&house, &group, lessons).await;
    let is_enforced = async || guests[0].declarations().await.iter().any(|declaration| declaration.declaration_type == ENFORCEMENT);
    for _ in 0..2 {
        guests[0].settle().await;
        assert!(!is_enforced().await, "in lessons");
        let row = states(&house, &guests[0]).await["updates"][0].clone();
        assert!(row["stage"] == "planned" && row["because"].as_str().unwrap().contains("quiet hours"), "{row}");
        house.pass(Duration::from_secs(3600)).await;
    }
    house.pass(Duration::from_secs(3600)).await;
    guests[0].settle().await;
    assert!(is_enforced().await, "after noon: {}", states(&house, &guests[0]).await);
    drop(guests);
    house.close().await;
}

/// Only an old Mac is brought nothing by Apple's list: it is asked what it finds before it is told anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_mac_without_a_plan_tells_what_it_finds_and_is_started_by_hand() {
    let house = House::open().await;
    listed(&house).await;
    let guest = house.device("Macmini8,1@10.15.6").await;
    let own = format!("/api/v1/devices/{}/updates", guest.udid());
    for turn in 0..12 {
        let (status, told) = house.api("POST", &own, json!({ "action": "install" })).await;
        if status != 200 {
            assert!(told["detail"].as_str().unwrap_or_default().contains("newest"), "{told}");
            break;
        }
        assert_eq!(told["begun"], turn == 0, "{turn} {told}");
        house.pass(Duration::from_secs(400)).await;
        guest.settle().await;
    }
    assert_ne!(version(&house, &guest).await, "10.15.6", "{:#}", states(&house, &guest).await);
    house.pass(Duration::from_secs(25 * 3600)).await;
    guest.settle().await;
    house.pass(Duration::from_secs(600)).await;
    guest.settle().await;
    assert!(states(&house, &guest).await["candidates"].is_array(), "{:#}", states(&house, &guest).await);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_starts_an_update_of_an_old_ipad_once_however_often_they_click() {
    let house = House::open().await;
    listed(&house).await;
    let guest = house.device("iPad6,11@16.6.1").await;
    let own = format!("/api/v1/devices/{}/updates", guest.udid());
    for turn in 0..12 {
        let (status, told) = house.api("POST", &own, json!({ "action": "install" })).await;
        if status != 200 {
            assert!(told["detail"].as_str().unwrap_or_default().contains("newest"), "{told}");
            break;
        }
        assert_eq!(told["begun"], turn == 0, "{turn} {told}");
        house.pass(Duration::from_secs(120)).await;
        guest.settle().await;
    }
    assert_eq!(version(&house, &guest).await, "16.7.10");
    let udid = guest.udid();
    let orders = house
        .read(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            let filter = Filter { enrollment_id: Some(&enrollment.id), ..Filter::default() };
            let all = commands::list(tx, &filter, None, 500)?;
            Ok(all.iter().filter(|command| command.request_type == "ScheduleOSUpdate").count())
        })
        .await;
    assert_eq!(orders, 2, "one to download, one to install");
    house.close().await;
}
