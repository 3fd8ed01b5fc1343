//! Pages while nothing can be stored: they are shown, say so, and what is sent is refused in words.

use super::*;
use crate::store::limit_pages_for_tests;

const SAID: &str = "Nothing can be stored at present: the disk with the data folder is full: free some space.";

#[tokio::test]
async fn a_full_disk_is_told_on_every_page_until_it_has_room_again() {
    let house = House::new();
    let (admin, teacher) = (house.person(Role::Admin).await, house.person(Role::Teacher).await);
    assert!(!house.get(&admin, "/").await.body.contains("Nothing can be stored"));
    house.write(|tx| limit_pages_for_tests(tx, 0)).await;
    house.app.store.prove_room(house.app.now()).await.unwrap_err();
    for (cookie, path) in [(&admin, "/"), (&admin, "/devices"), (&admin, "/system"), (&teacher, "/teaching")] {
        let page = house.get(cookie, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.body.contains(SAID), "{path}: {}", page.body);
    }
    house.write(|tx| limit_pages_for_tests(tx, 1000)).await;
    house.app.store.prove_room(house.app.now()).await.unwrap();
    assert!(!house.get(&admin, "/").await.body.contains("Nothing can be stored"));
}
