//! The updates of one device: what it can have, what is started, taken back and tried again.

use serde_json::json;

use super::super::House;
use super::form::SMALL;
use crate::mdm::Role;
use crate::protocol::platform::Platform;
use crate::store::devices;
use crate::store::update_states::{self, Action, Stage};

async fn school() -> (House, String) {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    house.device("d1", "iPad <1>").await;
    house.write(|tx| devices::set_facts(tx, "d1", "{}")).await;
    (house, owner)
}

/// Makes the device a Mac of macOS 13, which takes commands.
async fn mac(house: &House) {
    house
        .write(|tx| {
            let mut mac = devices::by_id(tx, "d1")?.unwrap();
            (mac.platform, mac.product_name, mac.os_version) = (Platform::Macos, "Mac14,2".into(), "13.5".into());
            mac.supervised = Some(true);
            devices::update(tx, &mac)?;
            devices::set_facts(tx, "d1", r#"{"SoftwareUpdateDeviceID":"J413AP","AvailableDeviceCapacity":3.5,"BatteryLevel":0.2}"#)?;
            let mut release = super::release("13.7", "22H123", "2026-11-03");
            release.key.platform = String::from("macOS");
            release.offers[0].devices = vec![String::from("J413AP")];
            crate::store::releases::put(tx, &release)
        })
        .await;
}

#[tokio::test]
async fn a_device_tells_what_it_runs_and_can_have_and_what_is_not_known() {
    let (house, owner) = school().await;
    let page = house.get(&owner, "/devices/d1/updates").await.body;
    assert!(page.contains("iPadOS 18.1") && page.contains("not known: Apple’s list of releases has not been read yet."), "{page}");
    assert!(!page.contains("Start an update now"));
    house.releases().await;
    let page = house.get(&owner, "/devices/d1/updates").await.body;
    for part in
        ["26.1", "23B85", "new generation", "3 Nov 2026", "1 Jun 2027", "<option value=\"26.1\" selected>", "Install now", "Install later"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(page.contains("Download only") && !page.contains("restart now"), "only what its system has: {page}");
    let viewer = house.person(Role::Viewer).await;
    assert!(!house.get(&viewer, "/devices/d1/updates").await.body.contains("action=\"/devices/d1/updates\""));
    assert_eq!(house.post(&viewer, "/devices/d1/updates", "action=install").await.status, 403);
}

#[tokio::test]
async fn a_release_is_started_once_said_to_be_under_way_and_taken_back() {
    let (house, owner) = school().await;
    house.releases().await;
    for (form, said) in [
        ("version=26.1", "Choose what is to be done"),
        ("version=17.0&action=install", "already"),
        ("version=26.1&action=notify", "nly a Mac can be told so"),
    ] {
        let wrong = house.post(&owner, "/devices/d1/updates", form).await;
        assert!(wrong.status == 422 && wrong.body.contains(said), "{form}: {}", wrong.body);
    }
    let asked = house.post(&owner, "/devices/d1/updates", "version=26.1&action=install").await;
    assert!(
        asked.status == 200 && asked.body.contains("a new generation of its system") && asked.body.contains("no way back"),
        "{}",
        asked.body
    );
    let begun = house.post(&owner, "/devices/d1/updates", "version=26.1&action=install&confirmed=1").await;
    let page = house.get(&owner, begun.location()).await.body;
    assert!(page.contains("Update to 26.1 is begun.") && page.contains("Started by Owner") && page.contains("take-back"), "{page}");
    let again = house.post(&owner, "/devices/d1/updates", "version=26.1&action=install&confirmed=1").await;
    let page = house.get(&owner, again.location()).await.body;
    assert!(page.contains("already; nothing more was sent."), "{page}");
    let back = house.post(&owner, "/devices/d1/updates/take-back", "").await;
    let page = house.get(&owner, back.location()).await.body;
    assert!(page.contains("Taken back.") && !page.contains("Started by Owner"), "{page}");
    assert_eq!(house.post(&owner, "/devices/d1/updates/take-back", "").await.status, 404);
}

#[tokio::test]
async fn what_restarts_a_mac_whatever_is_open_is_asked_about_first() {
    let (house, owner) = school().await;
    mac(&house).await;
    let page = house.get(&owner, "/devices/d1/updates").await.body;
    for part in ["Download only", "Tell its user", "Install and restart now…", "3.5 GB free", "battery was at 20 %"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let asked = house.post(&owner, "/devices/d1/updates", "version=13.7&action=force").await;
    assert!(asked.status == 200 && asked.body.contains("Unsaved work is lost.") && asked.body.contains("id=\"confirm\""), "{}", asked.body);
    assert!(asked.body.contains("name=\"version\" value=\"13.7\"") && asked.body.contains("iPad &lt;1&gt;"), "{}", asked.body);
    assert!(house.write(|tx| update_states::of_enrollment(tx, "ed1")).await.is_empty(), "nothing is sent before");
    let done = house.post(&owner, "/devices/d1/updates", "version=13.7&action=force&confirmed=1").await;
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(house.write(|tx| update_states::of_enrollment(tx, "ed1")).await[0].action, Action::Force);
}

#[tokio::test]
async fn what_failed_is_tried_again_and_what_the_device_found_is_told() {
    let (house, owner) = school().await;
    house.releases().await;
    let id = house.plan(&owner, SMALL).await;
    house.standing("d1", &id, |row| (row.stage, row.problem, row.attempts) = (Stage::Failed, "the download <failed>".into(), 6)).await;
    let found = json!([{ "name": "iPadOS <26>", "version": "26.1", "build": "23B85", "download_size_bytes": 2_500_000_000_u64, "restart_required": true }]);
    house.write(move |tx| update_states::set_offers(tx, "ed1", &found.to_string())).await;
    let page = house.get(&owner, "/devices/d1/updates").await.body;
    for part in [
        "The download &lt;failed&gt;.",
        "Try again",
        &format!("/updates/plans/{id}/except/d1\" data-dialog"),
        &format!("/updates/plans/{id}\">Winter"),
        "iPadOS &lt;26&gt;",
        "2.5 GB",
        "restarts",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let again = house.post(&owner, "/devices/d1/updates/again", &format!("plan={id}")).await;
    assert_eq!(again.status, 303, "{}", again.body);
    assert_eq!(house.write(|tx| update_states::of_enrollment(tx, "ed1")).await[0].stage, Stage::Waiting);
    let twice = house.post(&owner, "/devices/d1/updates/again", &format!("plan={id}")).await;
    assert!(twice.status == 422 && twice.body.contains("has not failed"), "{}", twice.body);
}
