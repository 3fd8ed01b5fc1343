//! Simulated devices of several generations against the whole house: what they are told is what they have.

use std::time::Duration;

use rollcall::mdm::Actor;
use rollcall::mdm::commands::{self, Wish};
use rollcall::protocol::command;
use rollcall::store::{commands as rows, enrollments};
use uuid::Uuid;

use crate::kit::{Guest, House};

/// A profile that forbids screenshots, and removing apps, which only supervised devices obey.
const PROFILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>school.example.exam</string><key>PayloadUUID</key><string>C0000000-0000-4000-8000-000000000001</string>
<key>PayloadDisplayName</key><string>Exam</string><key>DurationUntilRemoval</key><real>3600</real>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.applicationaccess</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>school.example.exam.1</string><key>PayloadUUID</key><string>C0000000-0000-4000-8000-000000000002</string>
<key>allowScreenShot</key><false/><key>allowAppRemoval</key><false/>
</dict></array></dict></plist>"#;

async fn install(house: &House, guest: &Guest<'_>) {
    let udid = guest.udid();
    house
        .write(move |tx| {
            let enrollment = enrollments::by_nano_id(tx, &udid)?.unwrap();
            let order = command::install_profile(Uuid::from_u128(tx.now.millis() as u128), PROFILE.as_bytes().to_vec());
            commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(order))
        })
        .await;
    guest.settle().await;
    let udid = guest.udid();
    let open = house.read(move |tx| rows::count_open(tx, &enrollments::by_nano_id(tx, &udid)?.unwrap().id)).await;
    assert_eq!(open, 0, "every command was answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_restricts_what_the_device_obeys_and_goes_by_itself() {
    let house = House::open().await;
    let schools = house.device("ipad@26").await;
    let own = house.device("-iphone@17").await;
    for (guest, obeyed) in [(&schools, 2), (&own, 1)] {
        install(&house, guest).await;
        let exam = guest.profiles().await.into_iter().find(|profile| profile.identifier == "school.example.exam").unwrap();
        assert_eq!((exam.source, exam.name.as_str()), ("command", "Exam"));
        assert_eq!(guest.restrictions().await.len(), obeyed, "{}", guest.udid());
    }
    house.pass(Duration::from_secs(3600)).await;
    for guest in [&schools, &own] {
        guest.settle().await;
        assert_eq!((guest.profiles().await.len(), guest.restrictions().await.len()), (1, 0));
        assert!(guest.declarations().await.iter().all(|declaration| declaration.valid == "valid"));
        assert_eq!(guest.remarks(), [""; 0]);
    }
    drop((schools, own));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_lies_is_asked_what_it_really_has() {
    let house = House::open().await;
    let faults = "[[fault]]\nkind = \"pretend\"\non = [\"InstallProfile\"]\ntimes = 1\n";
    let guest = house.device_with("ipad@18", faults).await;
    install(&house, &guest).await;
    let real = guest.profiles().await;
    assert!(!real.iter().any(|profile| profile.identifier == "school.example.exam"), "it said yes and did nothing: {real:?}");
    install(&house, &guest).await;
    assert!(guest.profiles().await.iter().any(|profile| profile.identifier == "school.example.exam"));
    drop(guest);
    house.close().await;
}
