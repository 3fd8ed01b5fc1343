//! The connections to Apple on their page and on System: what does not work is told in words, and tested by a button.

use super::House;
use crate::mdm::updates::lookup::{self, Outcome, Trouble};
use crate::mdm::{Actor, Role};
use crate::store::jobs;

const SAID: &str = "Gdmf.apple.com:443 cannot be reached (dns error: failed to lookup address information: Name or service not known).";

/// What a page shows before anything is opened.
fn first_level(page: &str) -> String {
    let mut parts = page.split("<details");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("</details>").map_or("", |(_, rest)| rest))
}

#[tokio::test]
async fn what_keeps_a_job_from_apple_is_told_in_words_and_tested_by_a_button() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    house
        .write(|tx| {
            let trouble = Trouble { because: SAID.into(), ..Trouble::default() };
            let result = lookup::record(tx, &Actor::Job(lookup::JOB), "https://gdmf.apple.com", Outcome::Failed(trouble))?;
            jobs::finish(tx, lookup::JOB, tx.now, Ok(&result), None)
        })
        .await;
    let system = house.get(&owner, "/system").await.body;
    let shown = first_level(&system);
    for part in ["Connections to Apple", "href=\"/system/connections\"", "This server has no way to Apple's list of OS releases"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(system.contains("dns error") && !shown.contains("dns error"), "it opens below: {shown}");
    let page = house.get(&owner, "/system/connections").await.body;
    assert!(page.contains("action=\"/system/connections/releases/test\"") && !first_level(&page).contains("dns error"), "{page}");
    assert!(!house.get(&viewer, "/system/connections").await.body.contains("/test\""), "who only looks tests nothing");
    let tested = house.post(&owner, "/system/connections/releases/test", "").await;
    assert!(tested.status == 303 && tested.location().starts_with("/system/connections"), "{}", tested.location());
    assert!(house.get(&owner, tested.location()).await.body.contains("List of OS releases: "), "what came of it is said");
    assert_eq!(house.post(&viewer, "/system/connections/releases/test", "").await.status, 403);
    assert_eq!(house.post(&owner, "/system/connections/nothing/test", "").await.status, 404);
}
