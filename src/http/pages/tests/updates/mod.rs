//! Updates as people look at them, plan them and start them in a browser.

mod device;
mod form;
mod plan;

use super::House;
use crate::clock::{Day, Timestamp};
use crate::mdm::Role;
use crate::mdm::updates::progress;
use crate::protocol::lookup::List;
use crate::store::releases::{self, Offer, Release, ReleaseKey};
use crate::store::update_states::{self, Stage, UpdateState};
use crate::store::{census, devices};

/// A release for iPads of the kind that the tests have.
fn release(version: &str, build: &str, posted: &str) -> Release {
    let key = ReleaseKey { platform: "iOS".into(), version: version.into(), build: build.into(), ..ReleaseKey::default() };
    let offer =
        Offer { list: List::Managed, posted: Day::parse(posted), expires: Day::parse("2027-06-01"), devices: vec!["iPad13,18".into()] };
    Release { key, offers: vec![offer], appeared_at: Timestamp::parse("2026-11-24T08:00:00Z").unwrap(), vanished_at: None }
}

impl House {
    /// Two releases that iPads of 18.1 can have.
    async fn releases(&self) {
        self.write(|tx| {
            releases::put(tx, &release("18.2", "22C152", "2026-10-01"))?;
            releases::put(tx, &release("26.1", "23B85", "2026-11-03"))
        })
        .await;
    }

    /// How a plan stands on an enrolled device.
    async fn standing(&self, device: &'static str, plan_id: &str, change: impl FnOnce(&mut UpdateState) + Send + 'static) {
        let plan_id = plan_id.to_owned();
        self.write(move |tx| {
            let mut row = UpdateState::blank(&plan_id, 0, tx.now);
            row.version = String::from("26.1");
            change(&mut row);
            update_states::put(tx, &format!("e{device}"), &row)
        })
        .await;
    }
}

#[tokio::test]
async fn without_a_list_and_without_plans_the_pages_say_what_to_do() {
    let house = House::new();
    let viewer = house.person(Role::Viewer).await;
    let page = house.get(&viewer, "/updates").await.body;
    assert!(page.contains("Apple’s list of releases is not here yet") && page.contains("No device has said what it runs"), "{page}");
    assert!(page.contains("href=\"/updates\" aria-current=\"page\""), "it has its place in the navigation");
    let plans = house.get(&viewer, "/updates/plans").await.body;
    assert!(plans.contains("No update plan yet") && !plans.contains("/updates/plans/new"), "{plans}");
    assert!(house.get(&viewer, "/updates/by-hand").await.body.contains("Nothing was started by hand"));
    assert_eq!(house.get(&viewer, "/updates/plans/new").await.status, 403);
    assert_eq!(house.get(&viewer, "/updates/plans/none").await.status, 404);
    let owner = house.person(Role::Owner).await;
    assert!(house.get(&owner, "/updates/plans").await.body.contains("/updates/plans/new"));
}

#[tokio::test]
async fn each_number_of_the_matrix_opens_the_devices_behind_it() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad <1>").await;
    house.device("d2", "iPad 2").await;
    house.releases().await;
    house
        .write(|tx| {
            let mut newer = devices::by_id(tx, "d2")?.unwrap();
            newer.os_version = String::from("26.1");
            devices::update(tx, &newer)?;
            devices::set_facts(tx, "d2", r#"{"SupplementalOSVersionExtra":"(a)"}"#)?;
            census::take(tx, Day::of(tx.now))
        })
        .await;
    let page = house.get(&owner, "/updates").await.body;
    for part in ["26.1", "23B85", "posted 3 Nov 2026", "signed until 1 Jun 2027", "some can have a newer one", "Counted on 25 Nov 2026."] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let behind = |href: &str| {
        assert!(page.contains(&format!("href=\"{}\"", href.replace('&', "&amp;"))), "{href} in {page}");
        href.to_owned()
    };
    let all = house.get(&owner, &behind("/devices?hardware=iPad13%2C18")).await.body;
    assert!(all.contains("iPad &lt;1&gt;") && all.contains("iPad 2") && all.contains("of the model <strong>iPad13,18</strong>"), "{all}");
    let old = house.get(&owner, &behind("/devices?hardware=iPad13%2C18&version=18.1")).await.body;
    assert!(old.contains("iPad &lt;1&gt;") && !old.contains("iPad 2") && old.contains("name=\"version\" value=\"18.1\""), "{old}");
    let improved = house.get(&owner, &behind("/devices?hardware=iPad13%2C18&version=26.1%20%28a%29")).await.body;
    assert!(!improved.contains("iPad &lt;1&gt;") && improved.contains("iPad 2"), "{improved}");
    let any = house.get(&owner, &behind("/devices?platform=ios&version=26.1%20%28%2A%29")).await.body;
    assert!(any.contains("iPad 2") && !any.contains("iPad &lt;1&gt;"), "{any}");
    assert!(!house.get(&owner, "/devices?version=26.1").await.body.contains("iPad 2"), "an improvement is not the plain release");
}

#[tokio::test]
async fn today_shows_a_plan_while_devices_get_an_update_by_it() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad 1").await;
    house.device("d2", "iPad 2").await;
    let id = house.plan(&owner, form::SMALL).await;
    assert!(!house.get(&owner, "/").await.body.contains("Going on now"), "nothing has begun");
    house.standing("d1", &id, |row| row.stage = Stage::Installing).await;
    house.standing("d2", &id, |row| row.stage = Stage::Done).await;
    let today = house.get(&owner, "/").await.body;
    let goes_on = today.split("Going on now").nth(1).unwrap_or_default().split("</section>").next().unwrap();
    assert!(goes_on.contains(&format!("href=\"/updates/plans/{id}\"")) && goes_on.contains("installing"), "{today}");
    house.standing("d1", &id, |row| row.stage = Stage::Done).await;
    assert!(!house.get(&owner, "/").await.body.contains("Going on now"), "all are there");
}

#[tokio::test]
async fn today_tells_of_late_failed_and_stopped_updates_and_leads_to_their_lists() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad 1").await;
    house.device("d2", "iPad 2").await;
    let id = house.plan(&owner, form::SMALL).await;
    house.standing("d1", &id, |row| (row.stage, row.deadline_at) = (Stage::Waiting, Timestamp::parse("2026-11-24T16:00:00Z"))).await;
    house.standing("d2", &id, |row| row.stage = Stage::Failed).await;
    house.standing("d2", "", |row| row.stage = Stage::Failed).await;
    house.post(&owner, &format!("/updates/plans/{id}/stop"), "because=The+printers+fail").await;
    let today = house.get(&owner, "/").await.body;
    for part in [
        "1 device is past the deadline of “Winter”.",
        "An update of “Winter” failed on 1 device.",
        "An update that was started by hand failed on 1 device.",
        "The update plan “Winter” is stopped: The printers fail.",
        &format!("/updates/plans/{id}?overdue=1#devices"),
        &format!("/updates/plans/{id}?stage=failed#devices"),
        "/updates/by-hand?stage=failed#devices",
    ] {
        assert!(today.contains(part), "{part} in {today}");
    }
    let by_hand = house.get(&owner, "/updates/by-hand?stage=failed").await.body;
    assert!(by_hand.contains("iPad 2") && by_hand.contains("Only those that are failed") && by_hand.contains("1 device"), "{by_hand}");
    assert!(house.get(&owner, "/updates/by-hand?stage=done").await.body.contains("No device stands so"));
    let none = house.write(progress::by_hand).await;
    assert_eq!((none.total(), none.overdue), (1, 0));
}
