//! The PIN of a Mac that is locked: made here where none is typed, shown once, kept sealed with it.

use super::*;
use crate::protocol::platform::Platform;
use crate::store::escrow;

/// The PIN that a page says was made.
fn told(page: &str) -> Option<String> {
    page.split("The PIN ").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
}

/// Enrolled Macs of these ids, called by them.
async fn macs(house: &House, ids: &[&'static str]) {
    for id in ids.iter().copied() {
        house
            .write(move |tx| {
                let mut device = crate::store::roster::tests::device(id, &format!("Mac {id}"));
                device.platform = Platform::Macos;
                rows::insert(tx, &device)?;
                enrollments::insert(tx, &enrollment(tx, id))
            })
            .await;
    }
}

/// The PINs that are kept with a device.
async fn held(house: &House, id: &'static str) -> Vec<String> {
    let held = house.app.store.read(house.app.now(), move |tx| {
        let ids = escrow::of_device(tx, id)?;
        ids.iter().map(|held| Ok(escrow::value(tx, id, &held.id)?.unwrap().1)).collect::<Result<Vec<_>>>()
    });
    held.await.unwrap().iter().map(|value| String::from_utf8(value.expose().clone()).unwrap()).collect()
}

#[tokio::test]
async fn a_mac_that_is_locked_without_a_pin_gets_one_that_is_shown_once_and_kept() {
    let house = House::new();
    macs(&house, &["1", "2"]).await;
    house.device("3", "iPad").await;
    let held = async |id: &'static str| held(&house, id).await;
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

    // One PIN at a time: a second would open nothing.
    let again = house.post(&admin, "/devices/1/actions/lock", "confirmed=1").await;
    assert_eq!((again.status, held("1").await), (StatusCode::UNPROCESSABLE_ENTITY, vec![pin.clone()]));
    assert!(again.body.contains("was asked on") && !again.body.contains(&pin), "{}", again.body);
}

#[tokio::test]
async fn several_macs_that_are_locked_are_shown_each_with_its_pin() {
    let house = House::new();
    macs(&house, &["1", "2"]).await;
    house.device("3", "iPad").await;
    let admin = house.person(Role::Admin).await;
    let several = "device=1&device=2&device=3&confirmed=1";
    let page = house.post(&admin, "/devices/actions/lock", several).await.body;
    let (one, two) = (held(&house, "1").await, held(&house, "2").await);
    assert_eq!((one.len(), two.len(), held(&house, "3").await.len()), (1, 1, 0));
    for (name, pin) in [("Mac 1", &one[0]), ("Mac 2", &two[0])] {
        let row = page.split(name).nth(1).unwrap_or_else(|| panic!("{page}")).split("</tr>").next().unwrap();
        assert!(pin.len() == 6 && row.contains(pin.as_str()), "{name}: {page}");
    }
    assert!(page.contains("Lock: 3 of 3 devices"), "{page}");

    let again = house.post(&admin, "/devices/actions/lock", several).await.body;
    assert!(again.contains("Lock: 1 of 3 devices") && again.contains("was asked on"), "{again}");
    assert!(!again.contains(&one[0]) && held(&house, "1").await.len() == 1, "they are shown once, and no second one is made");
}

#[tokio::test]
async fn a_helper_is_offered_no_lock_of_a_mac_and_told_why() {
    let house = House::new();
    macs(&house, &["1"]).await;
    house.device("2", "iPad").await;
    let (admin, helper) = (house.person(Role::Admin).await, house.person(Role::Helper).await);
    let offers = |page: &str, id: &str| page.contains(&format!("/devices/{id}/actions/lock"));
    assert!(offers(&house.get(&admin, "/devices/1").await.body, "1"));
    assert!(!offers(&house.get(&helper, "/devices/1").await.body, "1"));
    assert!(offers(&house.get(&helper, "/devices/2").await.body, "2"));

    let page = house.get(&helper, "/devices/1/actions/lock").await.body;
    assert!(page.contains("takes the role owner or admin") && !page.contains("PIN for Macs"), "{page}");
    for form in ["confirmed=1", "confirmed=1&pin=123456"] {
        let refused = house.post(&helper, "/devices/1/actions/lock", form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert!(refused.body.contains("takes the role owner or admin"), "{}", refused.body);
    }
    let asked = house.post(&helper, "/devices/actions/lock", "device=1&device=2").await.body;
    assert!(asked.contains("1 Mac among these stays as it is."), "{asked}");
    let done = house.post(&helper, "/devices/actions/lock", "device=1&device=2&confirmed=1").await.body;
    assert!(done.contains("Lock: 1 of 2 devices") && done.contains("takes the role owner or admin"), "{done}");
    let of_the_mac = house.app.store.read(house.app.now(), |tx| crate::store::commands::open(tx, "e1", 10)).await.unwrap();
    assert!(of_the_mac.is_empty() && held(&house, "1").await.is_empty(), "nothing was sent to it");
}
