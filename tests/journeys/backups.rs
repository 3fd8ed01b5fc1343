//! A school loses its machine, and gets every device back.

use std::path::Path;

use rollcall::jobs;
use rollcall::mdm::Actor;
use rollcall::mdm::backups::plan::{self, NewPlan};
use rollcall::mdm::backups::restore;
use rollcall::mdm::backups::retention::Keep;
use rollcall::mdm::{backups, commands};
use rollcall::pki::vault::Key;
use rollcall::protocol::command;
use rollcall::secret::Secret;
use rollcall::store::backup::{Watch, take_over};
use rollcall::store::commands::CommandState;
use rollcall::store::{commands as queue, enrollments};
use serde_json::json;

use crate::kit::House;

fn plan_into(folder: &Path) -> NewPlan {
    NewPlan {
        daily: true,
        at: String::from("03:15"),
        with_packages: false,
        keep: Keep { daily: 2, weekly: 0, monthly: 0 },
        folder: Some(folder.display().to_string()),
        s3: None,
        s3_secret: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_appliance_knows_its_devices_by_their_identities_and_goes_on_with_their_queue() {
    let mut house = House::open().await;
    let away = house.folder().join("away");
    std::fs::create_dir(&away).unwrap();
    let guest = house.device("ipad@26").await;
    let udid = guest.udid();
    let fleet = guest.leave();

    // A question waits for it when the backup is made, by the schedule, while the appliance serves.
    let (asked, into) = (udid.clone(), away.clone());
    let (key, uuid) = house
        .write(move |tx| {
            let (_, key) = backups::make_recovery_key(tx, &Actor::Console)?;
            plan::set(tx, &Actor::Console, &plan_into(&into))?;
            let enrollment = enrollments::by_nano_id(tx, &asked)?.unwrap();
            let order =
                command::Command::new(tx.random().uuid_v4(), "DeviceInformation").with("Queries", vec![plist::Value::from("DeviceName")]);
            let queued = commands::enqueue(tx, &Actor::Console, &enrollment, commands::Wish::new(order))?;
            Ok((key, queued.uuid))
        })
        .await;
    house.write(|tx| backups::run_now(tx, &Actor::Console)).await;
    jobs::run_due(house.app()).await.unwrap();
    let (status, standing) = house.api("GET", "/api/v1/backups/settings", json!(null)).await;
    assert_eq!((status, &standing["failure"]), (200, &json!(null)), "{standing}");
    let (_, listed) = house.api("GET", "/api/v1/backups", json!(null)).await;
    assert_eq!((&listed["total"], &listed["items"][0]["devices"]), (&json!(1), &json!(1)), "{listed}");
    assert!(
        listed["items"][0]["tested_at"].is_string() && listed["items"][0]["test_problem"].is_null(),
        "it was restored for trial: {listed}"
    );
    let files: Vec<_> = std::fs::read_dir(&away).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0].file_name().unwrap().to_str(), listed["items"][0]["name"].as_str());

    // The machine is lost. Another one, with the recovery key.
    let before = house.lose_data().await;
    let (data, file, now) = (house.data(), files[0].clone(), house.clock.now());
    let brought = tokio::task::spawn_blocking(move || {
        std::fs::create_dir(&data).unwrap();
        let key = Key::parse(key.expose()).unwrap();
        let brought = restore::prepare(&data, std::fs::File::open(file).unwrap(), &key, now, &Watch::unending()).unwrap();
        assert_eq!(take_over(&data).unwrap(), None);
        brought
    })
    .await
    .unwrap();
    assert_eq!((brought.manifest.devices, brought.manifest.enrolled, brought.settled.pushed), (1, 1, 1));
    house.start_again().await;
    assert_eq!(house.app().authority().issuer.certificate().fingerprint(), before, "it is the same authority");

    let guest = house.join(fleet);
    guest.settle().await;
    assert_eq!(guest.remarks(), Vec::<String>::new());
    let told = house
        .read(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            queue::by_uuid(tx, &enrollment.id, &uuid)
        })
        .await
        .unwrap();
    assert_eq!(told.state, CommandState::Acknowledged);
    let alerts = house.read(rollcall::store::alerts::all).await;
    assert!(alerts.iter().any(|alert| alert.message.starts_with("This appliance was restored from the backup of")), "{alerts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_taken_by_the_control_socket_and_a_wrong_passphrase_changes_nothing() {
    let house = House::open().await;
    let (status, refused) = house.api("POST", "/api/v1/backups/file", json!({ "passphrase": "short" })).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("passphrase")), "{refused}");
    let (status, refused) = house.api("POST", "/api/v1/backups/file", json!({})).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("passphrase")), "there is no recovery key: {refused}");
    let file = house.bytes("POST", "/api/v1/backups/file", json!({ "passphrase": "correct horse battery" })).await;
    assert!(file.starts_with(b"age-encryption.org/v1\n"));
    // Whoever took it says that it is whole: from then on it counts, and is found without the database.
    assert!(house.read(backups::last_at).await.is_none());
    let wish = json!({ "path": "/mnt/usb/school.backup", "size_bytes": file.len() });
    let (status, noted) = house.api("POST", "/api/v1/backups/kept", wish).await;
    assert_eq!(status, 200, "{noted}");
    assert_eq!(house.read(backups::last_at).await, Some(house.clock.now()));
    let found = rollcall::store::backup::noted(&house.data()).unwrap();
    assert_eq!((found.name.as_str(), found.location.as_str()), ("school.backup", "/mnt/usb"));
    let (_, standing) = house.api("GET", "/api/v1/backups/settings", json!(null)).await;
    assert_eq!(standing["last_size_bytes"], json!(file.len()), "{standing}");
    let folder = tempfile::tempdir().unwrap();
    let (data, now) = (folder.path().to_path_buf(), house.clock.now());
    tokio::task::spawn_blocking(move || {
        let open = |phrase: &str, file: &[u8]| {
            restore::prepare(&data, file, &Key::Passphrase(Secret::new(phrase.to_owned())), now, &Watch::unending()).map(|_| ())
        };
        let wrong = open("another passphrase", &file).unwrap_err();
        assert!(wrong.message.contains("does not open this backup"), "{wrong}");
        assert!(open("correct horse battery", &file[..file.len() - 1]).is_err());
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "nothing is left of what failed");
        open("correct horse battery", &file).unwrap();
    })
    .await
    .unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_is_told_and_tried_again_and_old_backups_go() {
    let house = House::open().await;
    let away = house.folder().join("away");
    let into = away.clone();
    house
        .write(move |tx| {
            backups::make_recovery_key(tx, &Actor::Console)?;
            plan::set(tx, &Actor::Console, &plan_into(&into))
        })
        .await;
    let day = std::time::Duration::from_secs(24 * 3600);
    house.pass(day).await;
    let (_, standing) = house.api("GET", "/api/v1/backups/settings", json!(null)).await;
    assert!(standing["failure"].as_str().unwrap().contains("There is no folder"), "{standing}");
    let alerts = house.read(rollcall::store::alerts::all).await;
    assert!(alerts.iter().any(|alert| alert.message.contains("The backup could not be made")), "{alerts:?}");
    std::fs::create_dir(&away).unwrap();
    std::fs::write(away.join("holiday.age"), "not ours").unwrap();
    house.pass(std::time::Duration::from_secs(3600)).await;
    assert!(house.read(rollcall::store::alerts::all).await.iter().all(|alert| alert.key != backups::FAILED));
    for _ in 0..3 {
        house.pass(day).await;
    }
    let mut files: Vec<_> = std::fs::read_dir(&away).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files.len(), 3, "two days and what is not ours: {files:?}");
    assert!(files.contains(&String::from("holiday.age")));
    house.close().await;
}
