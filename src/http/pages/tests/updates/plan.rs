//! The page of one plan: numbers that open lists, what is left alone, stopping, deleting, the sheet.

use super::super::House;
use super::form::SMALL;
use crate::clock::Timestamp;
use crate::mdm::updates::plans::{self, PlanChange};
use crate::mdm::updates::rules::Target;
use crate::mdm::{Actor, Role};
use crate::store::profiles::tests::group;
use crate::store::update_states::{self, Inability, Stage};

/// A plan of two rings with a device that is done, one that is late, one that failed, one that cannot, and one that waits.
async fn class() -> (House, String, String) {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.releases().await;
    for (id, name) in [("d1", "iPad <1>"), ("d2", "iPad 2"), ("d3", "=iPad 3"), ("d4", "iPad 4"), ("d5", "iPad 5")] {
        house.device(id, name).await;
    }
    house.write(|tx| group(tx, "g1", "7b <b>", &["d1", "d2"])).await;
    let form = SMALL.replace("ring_name_0=Pilot", "ring_name_0=Pilot&ring_group_0=g1&ring_name_1=The+rest&ring_after_1=7&ring_unit_1=days");
    let id = house.plan(&owner, &form.replace("name=Winter", "name=Winter+%3Cterm%3E")).await;
    house.standing("d1", &id, |row| row.stage = Stage::Done).await;
    house
        .standing("d2", &id, |row| {
            row.stage = Stage::Waiting;
            row.deadline = String::from("2026-11-24T16:00:00");
            row.deadline_at = Timestamp::parse("2026-11-24T16:00:00Z");
        })
        .await;
    let in_second = |stage: Stage, problem: &'static str| {
        move |row: &mut update_states::UpdateState| (row.ring, row.stage, row.problem) = (1, stage, problem.into())
    };
    house.standing("d3", &id, in_second(Stage::Failed, "the download failed")).await;
    house.standing("d4", &id, in_second(Stage::Cannot, "Apple offers this model nothing")).await;
    house.standing("d5", &id, in_second(Stage::Planned, "")).await;
    let plan = id.clone();
    house.write(move |tx| update_states::begin_run(tx, &plan, "d2", 0, "26.1")).await;
    (house, owner, id)
}

#[tokio::test]
async fn each_number_of_a_plan_opens_its_list_with_cause_and_remedy() {
    let (house, owner, id) = class().await;
    let path = format!("/updates/plans/{id}");
    let page = house.get(&owner, &path).await.body;
    for part in [
        "Winter &lt;term&gt;",
        "Each device installs the newest release within 7 days of its ring’s beginning.",
        "3 of 5 devices still to come.",
        "1 device is overdue",
        "7b &lt;b&gt;",
        "Meant are 26.1 on 4 devices.",
        "It was due on Tue 24 Nov 2026, 16:00 by its own clock.",
        "Apple offers this model nothing.",
        "2 of 2 left",
        "Drawn for 26.1, posted on 3 Nov 2026.",
        "From Mon 11 Jan 2027, 08:00, installed by Mon 18 Jan 2027, 08:00.",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let lists = [
        ("?stage=done", vec!["iPad &lt;1&gt;"]),
        ("?stage=failed", vec!["=iPad 3"]),
        ("?stage=failed&ring=1", vec!["=iPad 3"]),
        ("?overdue=1", vec!["iPad 2"]),
        ("?ring=0&overdue=1", vec!["iPad 2"]),
        ("?stage=cannot", vec!["iPad 4"]),
        ("?stage=planned&ring=1", vec!["iPad 5"]),
    ];
    for (query, names) in lists {
        let listed = house.get(&owner, &format!("{path}{query}")).await.body;
        let devices = listed.split("id=\"members\"").nth(1).unwrap().split("Left alone").next().unwrap();
        assert!(page.contains(&format!("{path}{}#devices", query.replace('&', "&amp;"))), "{query} is linked in {page}");
        let shown = ["iPad &lt;1&gt;", "iPad 2", "=iPad 3", "iPad 4", "iPad 5"]
            .into_iter()
            .filter(|name| devices.contains(&format!(">{name}<")))
            .collect::<Vec<_>>();
        assert_eq!(shown, names, "{query}: {devices}");
        assert!(devices.contains("<span>1 device</span>"), "{query}: {devices}");
        let is_on_its_way = !matches!(query, "?stage=done" | "?stage=cannot");
        assert_eq!(devices.contains("→ 26.1"), is_on_its_way, "{query}: {devices}");
    }
    assert!(house.get(&owner, &format!("{path}?stage=installing")).await.body.contains("No device stands so"));
    let list = house.get(&owner, "/updates/plans").await.body;
    assert!(list.contains("Winter &lt;term&gt;") && list.contains("1 device overdue") && list.contains("Pilot, The rest"), "{list}");
}

#[tokio::test]
async fn a_plan_says_at_its_top_that_nobody_can_have_it_and_how_long_late_devices_have() {
    let (house, owner, id) = class().await;
    let path = format!("/updates/plans/{id}");
    house.standing("d2", &id, |row| (row.stage, row.deadline) = (Stage::Waiting, String::from("2027-01-18T08:13:00"))).await;
    let page = house.get(&owner, &path).await.body;
    assert!(page.contains("Devices that were told late have until Mon 18 Jan 2027, 08:13 at the latest."), "{page}");
    assert!(!page.contains("Apple’s list has no"), "{page}");
    let plan = id.clone();
    house
        .write(move |tx| {
            let mut rules = plans::find(tx, &Actor::Console, &plan)?.rules;
            rules.target = Target::Release { platform: "iOS".into(), version: "26.9".into(), build: String::new() };
            plans::update(tx, &Actor::Console, &plan, &PlanChange { rules: Some(rules), ..PlanChange::default() })
        })
        .await;
    for device in ["d1", "d2", "d3", "d4", "d5"] {
        house.standing(device, &id, |row| (row.stage, row.inability) = (Stage::Cannot, Inability::NotOffered)).await;
    }
    let page = house.get(&owner, &path).await.body;
    let doubt = page.find("Apple’s list has no iOS 26.9.").unwrap();
    assert!(doubt < page.find("What it means").unwrap(), "{page}");
    assert!(page.contains("No device can have it now") && !page.contains("Every device that can have it is there"), "{page}");
    let today = house.get(&owner, "/").await.body;
    assert!(today.contains("cannot have iOS 26.9.") && today.contains(&format!("href=\"{path}\"")), "{today}");
}

#[tokio::test]
async fn the_devices_of_a_plan_come_page_by_page() {
    let (house, owner, id) = class().await;
    let plan = id.clone();
    house
        .write(move |tx| {
            for at in 0..55 {
                let device = format!("x{at:02}");
                crate::store::devices::insert(tx, &crate::store::roster::tests::device(&device, &format!("Many {at:02}")))?;
                crate::store::enrollments::insert(tx, &super::super::enrollment(tx, &device))?;
                let row = update_states::UpdateState { stage: Stage::Done, ..update_states::UpdateState::blank(&plan, 0, tx.now) };
                update_states::put(tx, &format!("e{device}"), &row)?;
            }
            Ok(())
        })
        .await;
    let first = house.get(&owner, &format!("/updates/plans/{id}?stage=done")).await.body;
    assert!(first.contains("Showing 50 of 56 devices") && !first.contains("Many 54"), "{first}");
    let next =
        first.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let second = house.get(&owner, next.split('#').next().unwrap()).await.body;
    assert!(second.contains("Many 54") && !second.contains("Many 00"), "{second}");
}

#[tokio::test]
async fn a_device_is_left_alone_for_a_reason_and_looked_after_again() {
    let (house, owner, id) = class().await;
    house.write(|tx| crate::store::groups::add_device(tx, "g1", "d3")).await;
    let path = format!("/updates/plans/{id}/except/d3");
    let asked = house.get(&owner, &path).await.body;
    assert!(asked.contains("id=\"confirm\"") && asked.contains("=iPad 3") && asked.contains("Until (UTC)"), "{asked}");
    for (form, said) in [
        ("reason=&ends_at=", "f-reason-error"),
        ("reason=Exam&ends_at=soon", "f-ends_at-error"),
        ("reason=Exam&ends_at=2020-01-01T10:00", "This moment has passed"),
    ] {
        let wrong = house.post(&owner, &path, form).await;
        assert!(wrong.status == 422 && wrong.body.contains(said), "{form}: {}", wrong.body);
    }
    let kept = house.post(&owner, &path, "reason=Exam+%3Cb%3E&ends_at=2026-12-04T16:00").await;
    let page = house.get(&owner, kept.location()).await.body;
    assert!(
        page.contains("Exam &lt;b&gt;") && page.contains("until <time") && page.contains("The plan leaves this device alone."),
        "{page}"
    );
    assert!(!page.contains("/except/d3\""), "what is left alone is not offered to be");
    let ended = house.post(&owner, &format!("{path}/end"), "").await;
    assert!(!house.get(&owner, ended.location()).await.body.contains("Exam &lt;b&gt;"));
    assert_eq!(house.get(&owner, &format!("/updates/plans/{id}/except/nobody")).await.status, 404);
}

#[tokio::test]
async fn a_plan_is_stopped_with_its_reason_goes_on_and_is_deleted_after_its_number_is_typed() {
    let (house, owner, id) = class().await;
    let path = format!("/updates/plans/{id}");
    assert!(house.get(&owner, &format!("{path}/stop")).await.body.contains("id=\"confirm\""));
    let long = house.post(&owner, &format!("{path}/stop"), &format!("because={}", "x".repeat(301))).await;
    assert!(long.status == 422 && long.body.contains("f-because-error"), "{}", long.body);
    house.post(&owner, &format!("{path}/stop"), "because=Printers+%3Cfail%3E").await;
    let page = house.get(&owner, &path).await.body;
    assert!(
        page.contains("This plan is stopped") && page.contains("Printers &lt;fail&gt;") && page.contains(&format!("{path}/go-on")),
        "{page}"
    );
    assert!(house.get(&owner, "/updates/plans").await.body.contains("Stopped: Printers &lt;fail&gt;"));
    let on = house.post(&owner, &format!("{path}/go-on"), "").await;
    assert!(!house.get(&owner, on.location()).await.body.contains("This plan is stopped"));
    let asked = house.get(&owner, &format!("{path}/delete")).await.body;
    assert!(
        asked.contains("3 devices would still have got an update") && asked.contains("iPad 2") && asked.contains("Type 3 to go on"),
        "{asked}"
    );
    let wrong = house.post(&owner, &format!("{path}/delete"), "typed=2").await;
    assert!(wrong.status == 422 && wrong.body.contains("That is not the number."), "{}", wrong.body);
    let gone = house.post(&owner, &format!("{path}/delete"), "typed=3").await;
    assert_eq!((gone.status.as_u16(), gone.location().starts_with("/updates/plans?said=")), (303, true));
    assert_eq!(house.get(&owner, &path).await.status, 404);
}

#[tokio::test]
async fn the_sheet_has_every_device_and_no_formula() {
    let (house, owner, id) = class().await;
    let viewer = house.person(Role::Viewer).await;
    let sheet = house.get(&viewer, &format!("/updates/plans/{id}/devices.csv")).await;
    assert_eq!(sheet.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<_> = sheet.body.lines().collect();
    assert_eq!(lines[0], "Device,Serial number,Ring,Runs,To get,State,Why,What to do,Installs by,Last seen");
    assert_eq!(lines.len(), 6, "{}", sheet.body);
    assert!(sheet.body.contains("\n'=iPad 3,TESTSNd3,The rest,18.1,26.1,failed,The download failed."), "{}", sheet.body);
    assert!(sheet.body.contains("2026-11-24 16:00:00"), "{}", sheet.body);
    assert_eq!(house.get("", &format!("/updates/plans/{id}/devices.csv")).await.status, 303, "who is not logged in is led to the log-in");
    let page = house.get(&viewer, &format!("/updates/plans/{id}")).await.body;
    assert!(
        page.contains("/devices.csv") && !page.contains("/stop") && !page.contains("Leave alone…") && !page.contains("/edit"),
        "{page}"
    );
    assert!(!page.contains("Try again"), "who only looks asks nothing of a device");
    let stays = owner;
    assert!(house.get(&stays, &format!("/updates/plans/{id}")).await.body.contains("/devices/d3/updates/again"));
}
