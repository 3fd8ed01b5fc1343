//! Filters of the list of devices that somebody keeps, as their page shows them.

use axum::http::StatusCode;

use super::House;
use crate::mdm::Role;

#[tokio::test]
async fn a_filter_is_kept_shown_to_its_person_alone_and_forgotten() {
    let house = House::new();
    let (viewer, other) = (house.person(Role::Viewer).await, house.person(Role::Helper).await);
    house.device("d", "iPad 1").await;
    let offered = house.get(&viewer, "/devices?search=iPad&sort=-os").await.body;
    assert!(offered.contains("Keep this filter") && offered.contains("value=\"search=iPad&amp;sort=-os\""), "{offered}");
    let kept = house.post(&viewer, "/devices/filters", "name=My+iPads&query=search%3DiPad%26sort%3D-os").await;
    assert_eq!((kept.status, kept.location()), (StatusCode::SEE_OTHER, "/devices?search=iPad&sort=-os"));
    let shown = house.get(&viewer, kept.location()).await.body;
    assert!(shown.contains("My iPads") && shown.contains("Forget this filter"), "{shown}");
    assert!(!house.get(&other, "/devices").await.body.contains("My iPads"));
    let remove = shown.split("action=\"").find_map(|rest| rest.split('"').next().filter(|path| path.ends_with("/remove"))).unwrap();
    assert_eq!(house.post(&other, remove, "").await.status, StatusCode::NOT_FOUND);
    let refused = house.post(&viewer, "/devices/filters", "name=&query=search%3DiPad").await;
    let told = house.get(&viewer, refused.location()).await.body;
    assert!(told.contains("Give it a name") && told.contains("value=\"iPad\""), "{told}");
    assert_eq!(house.post(&viewer, remove, "").await.status, StatusCode::SEE_OTHER);
    assert!(!house.get(&viewer, "/devices").await.body.contains("My iPads"));
    assert_eq!(
        house.post(&house.person(Role::Teacher).await, "/devices/filters", "name=a&query=state%3Dok").await.status,
        StatusCode::FORBIDDEN
    );
}
