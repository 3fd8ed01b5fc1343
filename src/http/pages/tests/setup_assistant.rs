//! Setup Assistant, the cart, and Apple Configurator as pages.

use super::*;
use crate::mdm::setup_assistant;
use crate::store::holds;

#[tokio::test]
async fn rules_are_typed_kept_and_refused_at_their_fields() {
    let house = House::new();
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    let path = "/system/setup-assistant";
    assert!(!house.get(&viewer, path).await.body.contains("<form method=\"post\" action=\"/system/setup-assistant\""));
    let saved = house.post(&admin, path, "hold_minutes=10&minimum.ios=26.1&take_unlisted=1").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let shown = house.get(&admin, saved.location()).await.body;
    assert!(shown.contains("value=\"26.1\"") && shown.contains("value=\"10\"") && shown.contains("Saved."), "{shown}");
    let refused = house.post(&admin, path, "hold_minutes=many&minimum.ios=26.1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("value=\"many\"") && refused.body.contains("rom 5 to 60"), "{}", refused.body);
    assert_eq!(house.post(&viewer, path, "hold_minutes=10").await.status, StatusCode::FORBIDDEN);
    assert!(house.get(&viewer, "/devices/setting-up").await.body.contains("No device is being set up"));
}

#[tokio::test]
async fn configurator_has_its_page_and_the_identity_is_downloaded() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let path = "/system/configurator";
    let page = house.get(&admin, path).await.body;
    assert!(page.contains("https://mdm.example.school/MDMServiceConfig/trust") && page.contains("Make the identity"), "{page}");
    house.post(&admin, "/system/configurator/open", "hours=3&group=Cart+A").await;
    assert!(house.get(&admin, path).await.body.contains("https://mdm.example.school/ade/"));
    let wrong = house.post(&admin, "/system/configurator/open", "hours=x&group=").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    house.post(&admin, "/system/configurator/close", "").await;
    assert_eq!(house.post(&admin, "/system/configurator/identity", "").await.status, StatusCode::SEE_OTHER);
    // Whoever has the file may pair with every supervised device.
    assert!(house.get(&admin, path).await.body.contains("An Owner downloads its file"));
    let kept = house.post(&admin, "/system/configurator/identity/file", "passphrase=open+sesame").await;
    assert_eq!(kept.status, StatusCode::FORBIDDEN);
    let owner = house.person(Role::Owner).await;
    let short = house.post(&owner, "/system/configurator/identity/file", "passphrase=short").await;
    assert!(short.status == StatusCode::UNPROCESSABLE_ENTITY && short.body.contains("From 8 to 128"), "{}", short.body);
    let file = house.post(&owner, "/system/configurator/identity/file", "passphrase=open+sesame").await;
    assert_eq!((file.status, file.headers[CONTENT_TYPE].as_bytes()), (StatusCode::OK, &b"application/x-pkcs12"[..]));
}

#[tokio::test]
async fn a_device_that_waits_has_a_button_that_lets_it_go_on() {
    let house = House::new();
    let helper = house.person(Role::Helper).await;
    house.device("d", "iPad 1").await;
    assert!(!house.get(&helper, "/devices/d").await.body.contains("Let it go on now"));
    house
        .write(|tx| {
            let mut channel = enrollments::by_id(tx, "ed")?.unwrap();
            channel.awaiting_configuration = true;
            enrollments::update(tx, &channel)?;
            setup_assistant::begin(tx, &channel)
        })
        .await;
    let page = house.get(&helper, "/devices/d").await.body;
    assert!(page.contains("action=\"/devices/d/go-on\"") && page.contains("Setup Assistant"), "{page}");
    assert_eq!(house.post(&helper, "/devices/d/go-on", "").await.status, StatusCode::SEE_OTHER);
    assert!(!house.write(|tx| holds::of(tx, "ed")).await.is_open());
}
