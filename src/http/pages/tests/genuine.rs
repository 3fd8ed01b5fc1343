//! Whether devices have to prove that they are genuine, as people choose it, and what a device's page says of it.

use super::House;
use crate::mdm::{Role, attestation};
use crate::pki::issue::attestation::AttestationService;

const PAGE: &str = "/system/genuine";

#[tokio::test]
async fn the_policy_is_chosen_on_its_page_and_read_by_others() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    let fresh = house.get(&owner, PAGE).await.body;
    for part in ["Genuine devices", "is not here yet", "name=\"ios\"", "name=\"macos\"", "iPhone and iPad", "macOS 14"] {
        assert!(fresh.contains(part), "{part} in {fresh}");
    }
    assert!(house.get(&owner, "/system").await.body.contains("no proof is asked for"));
    assert_eq!(house.post(&viewer, PAGE, "ios=require").await.status, 403);
    let wrong = house.post(&owner, PAGE, "ios=perhaps").await;
    assert!(wrong.status == 422 && wrong.body.contains("Choose one of the three"), "{}", wrong.body);
    let saved = house.post(&owner, PAGE, "ios=require&macos=prefer&tvos=off&visionos=off").await;
    assert!(house.get(&owner, saved.location()).await.body.contains("It counts for devices that enroll from now on."));
    assert!(house.get(&owner, "/system").await.body.contains("root is not here to judge it by"));
    let read = house.get(&viewer, PAGE).await.body;
    assert!(read.contains("Let in only those that prove it") && !read.contains("<select"), "{read}");
    let service = AttestationService::new(house.app.now()).unwrap();
    house.write(move |tx| attestation::learn_roots(tx, &[service.root().clone()])).await;
    assert!(house.get(&owner, "/system").await.body.contains("a proof is required of some devices"));
}
