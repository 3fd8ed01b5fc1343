//! Enrollment by account as pages: its rules, and what the page of a person's own device offers.

use super::*;
use crate::http::pages::system::account::ADDRESS;
use crate::mdm::Actor;
use crate::mdm::access::passwords;
use crate::mdm::admins::Password;
use crate::mdm::enroll::account::{self, SignedIn};
use crate::mdm::people::{self, NewPerson};
use crate::pki::digest::sha256;
use crate::secret::Secret;
use crate::store::account_tokens::{self, Ownership, Shown};
use crate::store::invitations::Entry;
use crate::store::people::PersonRole;

/// Kim, with a Managed Apple Account.
fn kim(tx: &Tx) -> Result<SignedIn> {
    let new = NewPerson { name: "Kim".into(), email: "kim@example.school".into(), role: PersonRole::Teacher, active: true };
    let person = people::create(tx, &Actor::Console, new)?;
    let managed_account = people::set_account(tx, &Actor::Console, &person.id, "kim@apple.example.school")?;
    let password = Password::parse(Secret::new("correct horse battery".into()))?.hash()?;
    passwords::set(tx, &Actor::Console, &person.id, password)?;
    Ok(SignedIn { person_id: person.id, name: person.name, managed_account, at: tx.now })
}

#[tokio::test]
async fn the_rules_are_chosen_and_the_way_for_devices_is_there_to_copy() {
    let house = House::new();
    house.write(|tx| kim(tx).map(drop)).await;
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    let saved = house.post(&admin, ADDRESS, "iphone=off&ipad=own&mac=school&vision=off&group=Own").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let shown = house.get(&admin, saved.location()).await.body;
    for text in ["Saved.", "value=\"Own\"", "apple.example.school", "return 302 https://mdm.example.school/.well-known/"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let looked = house.get(&viewer, ADDRESS).await.body;
    assert!(looked.contains("they are people’s own") && !looked.contains("name=\"ipad\"") && !looked.contains("Try it"), "{looked}");
    assert!(house.get(&admin, "/system").await.body.contains("people enroll by it: iPad, Mac"));
    let long = house.post(&admin, ADDRESS, &format!("ipad=own&group={}", "x".repeat(201))).await;
    assert!(long.status == StatusCode::UNPROCESSABLE_ENTITY && long.body.contains("200 characters"), "{}", long.body);
    assert_eq!(house.post(&viewer, ADDRESS, "ipad=off").await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.post(&admin, "/system/account-enrollment/check", "domain=localhost").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_page_of_a_persons_own_device_says_whose_it_is_and_offers_nothing_that_cannot_be_done() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    house.device("s", "iPad 1").await;
    house
        .write(|tx| {
            let mut device = crate::store::roster::tests::device("d", "iPad of Kim");
            (device.serial_number, device.udid) = (None, None);
            rows::insert(tx, &device)?;
            let own = Enrollment { kind: EnrollmentKind::UserEnrollmentDevice, nano_id: "E-1".into(), ..enrollment(tx, "d") };
            enrollments::insert(tx, &own)?;
            enrollments::update(tx, &Enrollment { entry: Entry::Account, access_rights: None, ..own })?;
            account::issue(tx, "token", &kim(tx)?, Ownership::Own)?.unwrap();
            account_tokens::bind(tx, &sha256(b"token"), "ed")?;
            account_tokens::set_shown(tx, &sha256(b"token"), Shown::Nothing)
        })
        .await;
    let (own, schools) = (house.get(&admin, "/devices/d").await.body, house.get(&admin, "/devices/s").await.body);
    for text in
        ["This is Kim’s own", "kim@apple.example.school", "It stays managed", "/actions/retire", "What you can and cannot do with it"]
    {
        assert!(own.contains(text), "{text}: {own}");
    }
    for text in ["/actions/erase", "Serial number"] {
        assert!(schools.contains(text) && !own.contains(text), "{text}: {own}");
    }
}

#[tokio::test]
async fn practice_people_are_told_to_enroll_their_own_devices_by_a_button() {
    const PRACTICE: &str = "/system/practice";
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    assert!(!house.get(&admin, PRACTICE).await.body.contains("own devices"), "there is no practice");
    house.post(&admin, PRACTICE, "devices=3").await;
    let shown = house.get(&admin, PRACTICE).await.body;
    assert!(shown.contains("Say under System, Enrollment by account") && !shown.contains("Have them enroll"), "{shown}");
    let refused = house.post(&admin, &format!("{PRACTICE}/own-devices"), "").await;
    assert!(house.get(&admin, refused.location()).await.body.contains("People may not enroll iPhones and iPads"));
    house.post(&admin, ADDRESS, "iphone=own&ipad=own&mac=off&vision=off&group=").await;
    assert!(house.get(&admin, PRACTICE).await.body.contains("Have them enroll"));
    let begun = house.post(&admin, &format!("{PRACTICE}/own-devices"), "").await;
    let shown = house.get(&admin, begun.location()).await.body;
    assert!(shown.contains("They enroll now.") && !shown.contains("Have them enroll") && shown.contains("0 of 5"), "{shown}");
}
