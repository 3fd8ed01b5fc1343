//! Devices that are erased and come back by themselves: the same device, a new generation, and everything on it again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::mdm::Actor;
use rollcall::mdm::enroll::invitations::{self, NewInvitation};
use rollcall::mdm::groups::{self, NewGroup};
use rollcall::mdm::needs;
use rollcall::mdm::policies::{self, NewPolicy};
use rollcall::sim::device::{Maker, SetupAssistant};
use rollcall::store::enrollments::{self, Enrollment, EnrollmentState};
use rollcall::store::invitations::Entry;
use serde_json::{Value as Json, json};

use crate::kit::{Guest, House};

/// A profile with one network, as Apple's schema has it.
fn wifi(password: &str) -> String {
    let key = if password.is_empty() { String::new() } else { format!("<key>Password</key><string>{password}</string>") };
    STANDARD.encode(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
        <key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
        <key>PayloadIdentifier</key><string>school.example.wifi</string><key>PayloadUUID</key><string>9F3B1C5E-0000-4000-8000-000000000001</string>
        <key>PayloadContent</key><array><dict><key>PayloadType</key><string>com.apple.wifi.managed</string><key>PayloadVersion</key><integer>1</integer>
        <key>PayloadIdentifier</key><string>school.example.wifi.one</string><key>PayloadUUID</key><string>9F3B1C5E-0000-4000-8000-000000000002</string>
        <key>SSID_STR</key><string>Carts</string><key>EncryptionType</key><string>WPA2</string>{key}</dict></array></dict></plist>"#
    ))
}

impl House {
    async fn enrollment(&self, udid: String) -> Enrollment {
        self.read(move |tx| Ok(enrollments::by_nano_id(tx, &udid)?.unwrap())).await
    }

    /// Erases a device that is to come back; gives the status and the answer.
    async fn erases(&self, guest: &Guest<'_>, network: Json) -> (u16, Json) {
        let id = self.enrollment(guest.udid()).await.device_id;
        self.api("POST", &format!("/api/v1/devices/{id}/return-to-service"), network).await
    }

    /// Has every device keep managed documents in managed apps.
    async fn policy(&self, group: &'static str) {
        self.write(move |tx| {
            let group = match rollcall::store::groups::by_name(tx, group)? {
                Some(group) => group.id,
                None => groups::create(tx, &Actor::Console, NewGroup { name: group.into(), ..NewGroup::default() })?.id,
            };
            let settings = json!({ "open_in_managed_stays": true }).as_object().unwrap().clone();
            let policy = policies::create(tx, &Actor::Console, &NewPolicy { name: "Cart".into(), settings, ..NewPolicy::default() })?;
            policies::assign(tx, &Actor::Console, &policy.id, &group, None)
        })
        .await;
    }
}

/// Lets an erased device start again and do what it does.
async fn restarts(house: &House, guest: &Guest<'_>) {
    for _ in 0..3 {
        house.pass(Duration::from_secs(60)).await;
        guest.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_came_by_an_invitation_returns_by_the_profile_that_was_made_for_it() {
    let house = House::open().await;
    for kind in ["ipad@17", "tv@18"] {
        let guest = house.device(kind).await;
        let before = house.enrollment(guest.udid()).await;
        let network = if kind == "tv@18" { json!({}) } else { json!({ "wifi_profile": wifi("chalk") }) };
        let (status, queued) = house.erases(&guest, network).await;
        assert_eq!((status, &queued["request_type"]), (201, &json!("EraseDevice")), "{kind}: {queued}");
        guest.settle().await;
        let erased = house.enrollment(guest.udid()).await;
        assert_eq!(erased.state, EnrollmentState::Erased, "{kind}");
        let reasons = house.read(move |tx| {
            let device = rollcall::store::devices::by_id(tx, &erased.device_id)?.unwrap();
            rollcall::mdm::why::device(tx, &device, Some(&erased))
        });
        assert!(reasons.await[0].cause.contains("comes back by itself"), "{kind}");
        restarts(&house, &guest).await;
        let after = house.enrollment(guest.udid()).await;
        assert_eq!(
            (after.state, &after.device_id, after.generation),
            (EnrollmentState::Enrolled, &before.device_id, before.generation + 1),
            "{kind}"
        );
        let (_, told) = house.api("GET", &format!("/api/v1/devices/{}/return-to-service", after.device_id), Json::Null).await;
        assert!(told["returned_at"].is_string() && told["erased_at"].is_string(), "{told}");
        assert_eq!(guest.remarks(), [""; 0], "{kind}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_of_setup_assistant_is_held_again_until_its_things_are_there() {
    let house = House::open().await;
    let maker = Maker::new(house.clock.now()).unwrap();
    let path = house.knows(&maker, "Cart").await;
    house.policy("Cart").await;
    let setup = std::sync::Arc::new(SetupAssistant { url: house.url(&path), maker });
    let guest = house.unpacks(&setup, "iPad13,18@26+automated", "").await;
    guest.settle().await;
    assert!(!guest.restrictions().await.is_empty());
    let before = house.enrollment(guest.udid()).await;
    assert!(before.has_bootstrap_token, "one of Apple's list leaves it from 26 on");
    let (status, queued) = house.erases(&guest, json!({ "wifi_profile": wifi("chalk") })).await;
    assert_eq!(status, 201, "{queued}");
    guest.settle().await;
    restarts(&house, &guest).await;
    let after = house.enrollment(guest.udid()).await;
    assert_eq!((after.state, after.generation, after.entry), (EnrollmentState::Enrolled, before.generation + 1, before.entry));
    assert!(!after.awaiting_configuration && !guest.restrictions().await.is_empty(), "its things came again");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_come_back_is_told_why_and_nothing_is_erased() {
    let house = House::open().await;
    let good = json!({ "wifi_profile": wifi("chalk") });
    for (kind, network, status, words) in [
        ("ipad@16", good.clone(), 409, "needs iOS or iPadOS 17 or later"),
        ("-ipad@18", good.clone(), 409, "Only supervised"),
        ("mac@15", good.clone(), 409, "Only iPhones, iPads"),
        ("iPad13,18@18", json!({}), 400, "it knows no network"),
        ("iPad13,18@26", json!({ "wifi_profile": wifi("") }), 400, "password of “Carts” is not in it"),
    ] {
        let guest = house.device(kind).await;
        let (refused, answer) = house.erases(&guest, network).await;
        assert_eq!(refused, status, "{kind}: {answer}");
        assert!(answer.to_string().contains(words), "{kind}: {answer}");
        guest.settle().await;
        assert_eq!(house.enrollment(guest.udid()).await.state, EnrollmentState::Enrolled, "{kind}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_come_back_is_missed_by_name() {
    let house = House::open().await;
    let guest = house.device("iPad13,18@18").await;
    let (status, _) = house.erases(&guest, json!({ "wifi_profile": wifi("chalk") })).await;
    assert_eq!(status, 201);
    guest.settle().await;
    let missed =
        || house.read(|tx| Ok(needs::all(tx)?.into_iter().filter(|need| need.key.starts_with(needs::NOT_BACK)).collect::<Vec<_>>()));
    assert!(missed().await.is_empty(), "it has its time");
    // It lies in a cupboard, switched off.
    drop(guest);
    house.pass(Duration::from_secs(3601)).await;
    let missed = missed().await;
    assert!(missed.len() == 1 && missed[0].message.ends_with("was erased to come back by itself, and has not come."), "{missed:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_asked_who_it_is_first_gets_a_profile_for_itself_alone() {
    let house = House::open().await;
    let maker = Maker::new(house.clock.now()).unwrap();
    let path = house.knows(&maker, "Cart").await;
    let setup = std::sync::Arc::new(SetupAssistant { url: house.url(&path), maker });
    for kind in ["iPad4,1@12", "iPad13,18@26"] {
        let new = NewInvitation { practice: true, asks_device: true, max_uses: Some(1), ..NewInvitation::default() };
        let invitation = house.write(|tx| invitations::create(tx, &Actor::Console, new)).await;
        let guest = house.opens(&setup, &invitation.code, kind).await;
        assert_eq!(guest.failure(), None, "{kind}");
        guest.settle().await;
        let enrollment = house.enrollment(guest.udid()).await;
        assert_eq!((enrollment.state, enrollment.entry), (EnrollmentState::Enrolled, Entry::ProfileService), "{kind}");
        assert_eq!(guest.remarks(), [""; 0], "{kind}");
        let after = house.read(move |tx| rollcall::store::invitations::by_id(tx, &invitation.id)).await.unwrap();
        assert_eq!(after.uses, 1, "asking who it is uses nothing up");
    }
    house.close().await;
}
