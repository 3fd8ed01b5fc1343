//! The PIN of a Mac that is locked: made here where none is typed, shown once, kept sealed with it.

use super::*;
use crate::protocol::platform::Platform;
use crate::store::escrow;

/// The PIN that a page says was made.
fn told(page: &str) -> Option<String> {
    page.split("The PIN ").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
}

#[tokio::test]
async fn a_mac_that_is_locked_without_a_pin_gets_one_that_is_shown_once_and_kept() {
    let house = House::new();
    for (id, platform) in [("1", Platform::Macos), ("2", Platform::Macos), ("3", Platform::Ios)] {
        house
            .write(move |tx| {
                let mut device = crate::store::roster::tests::device(id, "Device");
                device.platform = platform;
                rows::insert(tx, &device)?;
                enrollments::insert(tx, &enrollment(tx, id))
            })
            .await;
    }
    let held = async |id: &'static str| {
        let held = house.app.store.read(house.app.now(), move |tx| {
            let ids = escrow::of_device(tx, id)?;
            ids.iter().map(|held| Ok(escrow::value(tx, id, &held.id)?.unwrap().1)).collect::<Result<Vec<_>>>()
        });
        held.await.unwrap().iter().map(|value| String::from_utf8(value.expose().clone()).unwrap()).collect::<Vec<_>>()
    };
    let admin = house.person(Role::Admin).await;
    assert!(house.get(&admin, "/devices/1/actions/lock").await.body.contains("Left empty, one is made"));
    let done = house.post(&admin, "/devices/1/actions/lock", "confirmed=1").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let page = house.get(&admin, done.location()).await.body;
    let pin = told(&page).unwrap_or_else(|| panic!("{page}"));
    assert_eq!((pin.len(), held("1").await), (6, vec![pin.clone()]), "{page}");
    assert!(!house.get(&admin, done.location()).await.body.contains(&pin), "it is shown once");

    // Typed ones stay, and what is not a Mac gets none.
    let typed = house.post(&admin, "/devices/2/actions/lock", "confirmed=1&pin=424242").await;
    assert!(told(&house.get(&admin, typed.location()).await.body).is_none());
    assert_eq!(held("2").await, ["424242"]);
    let phone = house.post(&admin, "/devices/3/actions/lock", "confirmed=1").await;
    assert!(told(&house.get(&admin, phone.location()).await.body).is_none() && held("3").await.is_empty());

    // Several at once: each its own, and none on a page that others see over the shoulder.
    let several = house.post(&admin, "/devices/actions/lock", "device=1&device=2&confirmed=1").await;
    let page = house.get(&admin, several.location()).await.body;
    assert!(page.contains("2 PINs were made; each is kept with its Mac."), "{page}");
    let (one, two) = (held("1").await, held("2").await);
    assert_eq!((one.len(), two.len()), (2, 2));
    assert!(one.iter().chain(&two).all(|pin| pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit())));

    // Erasing and locking by a PIN are not a helper's.
    let helper = house.person(Role::Helper).await;
    let plain = house.post(&helper, "/devices/1/actions/lock", "confirmed=1").await;
    assert!(told(&house.get(&helper, plain.location()).await.body).is_none());
    assert_eq!(held("1").await.len(), 2);
}
