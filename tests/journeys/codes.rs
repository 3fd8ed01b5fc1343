//! Apps that a device asks a redemption code for, and Macs that take apps without managing them, over real sockets.

use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::apps::{self, Edit, LicenceBy, Settings};
use rollcall::mdm::licences::codes;
use rollcall::store::app_states::{AppState, Stage};
use rollcall::store::assignments::AssignedMode;
use rollcall::store::groups::{self, Group};
use rollcall::store::{Tx, enrollments};

use super::kit::{Guest, House};

const CHOIR: &str = "1500000004";
const ATLAS: &str = "1500000002";

/// Gives the device's group an app that nobody has a licence for.
async fn assigned(house: &House, device: &Guest<'_>, adam_id: &'static str) -> String {
    let udid = device.udid();
    let id = house
        .write(move |tx| {
            let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
            let group = Group {
                id: "g".into(),
                name: "7b".into(),
                note: String::new(),
                rule: None,
                is_by_rule: false,
                device_count: 0,
                created_at: tx.now,
                changed_at: tx.now,
            };
            groups::insert(tx, &group)?;
            groups::add_device(tx, "g", &device)?;
            let app = apps::add(tx, &Actor::Console, adam_id, "App")?;
            apps::learn_identifier(tx, &app.id, if adam_id == CHOIR { "school.example.choir" } else { "school.example.atlas" })?;
            let settings = Settings { licence: LicenceBy::None, ..Settings::default() };
            apps::edit(tx, &Actor::Console, &app.id, Edit { settings: Some(settings), ..Edit::default() })?;
            apps::assign(tx, &Actor::Console, &app.id, "g", AssignedMode::Required, None)?;
            Ok(app.id)
        })
        .await;
    device.settle().await;
    id
}

async fn state(house: &House, device: &Guest<'_>) -> Option<AppState> {
    let udid = device.udid();
    let found = house.read(move |tx: &Tx| {
        let device = enrollments::by_nano_id(tx, &udid)?.unwrap().device_id;
        apps::of_device(tx, &Actor::Console, &device)
    });
    found.await.into_iter().next()
}

async fn wait(house: &House, device: &Guest<'_>, minutes: &[u64]) {
    for minutes in minutes {
        house.pass(Duration::from_secs(minutes * 60)).await;
        device.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_asks_for_a_code_gets_one_of_the_sheet_and_installs() {
    for kind in ["ipad@12", "ipad@16", "ipad@18"] {
        let house = House::open().await;
        let device = house.device(kind).await;
        assigned(&house, &device, CHOIR).await;
        wait(&house, &device, &[1, 2]).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!(row.stage, Stage::NeedsCode, "{kind}: {row:?}");
        house.write(|tx| codes::import(tx, &Actor::Console, CHOIR, b"Code\nAAAA1111\nBBBB2222\n")).await;
        device.settle().await;
        wait(&house, &device, &[1, 2, 5]).await;
        let row = state(&house, &device).await.unwrap();
        assert_eq!(row.stage, Stage::Installed, "{kind}: {row:?}");
        assert_eq!(house.read(|tx: &Tx| codes::list(tx, &Actor::Console)).await[0].0.left, 1, "{kind}");
        assert!(device.remarks().is_empty(), "{kind}: {:?}", device.remarks());
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_mac_has_an_app_as_soon_as_it_lists_it() {
    let house = House::open().await;
    let device = house.device("mac@10").await;
    let id = assigned(&house, &device, ATLAS).await;
    wait(&house, &device, &[1, 2, 5]).await;
    let row = state(&house, &device).await.unwrap();
    assert_eq!(row.stage, Stage::Installed, "{row:?}");
    house.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g")).await;
    device.settle().await;
    assert!(state(&house, &device).await.is_none());
    assert!(device.remarks().is_empty(), "{:?}", device.remarks());
    house.close().await;
}
