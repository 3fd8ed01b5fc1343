//! The page of the doctor: nothing yet, a look, what it found, and who may have it look.

use super::*;

const PAGE: &str = "/system/doctor";

#[tokio::test]
async fn a_look_shows_what_to_do_and_stays_for_those_who_only_look() {
    let house = House::new();
    let (admin, viewer) = (house.person(Role::Admin).await, house.person(Role::Viewer).await);
    let fresh = house.get(&admin, PAGE).await.body;
    assert!(fresh.contains("Nobody has looked yet") && fresh.contains("Check now"), "{fresh}");
    assert!(house.get(&admin, "/system").await.body.contains("nobody has looked yet"));
    let looked = house.get(&viewer, PAGE).await.body;
    assert!(looked.contains("Nobody has looked yet") && !looked.contains("<button type=\"submit\">Check now"), "{looked}");
    assert_eq!(house.post(&viewer, PAGE, "").await.status, StatusCode::FORBIDDEN);

    let checked = house.post(&admin, PAGE, "").await;
    assert_eq!(checked.status, StatusCode::SEE_OTHER, "{}", checked.body);
    let found = house.get(&admin, checked.location()).await.body;
    for part in
        ["Needs you", "There is no push certificate yet.", "href=\"/system/push\"", "As it should be", "The database is sound", "Check now"]
    {
        assert!(found.contains(part), "{part} in {found}");
    }
    assert!(house.get(&viewer, PAGE).await.body.contains("There is no backup"));
    assert!(house.get(&viewer, "/system").await.body.contains("for you to look at; looked 25 Nov 2026"));
}
