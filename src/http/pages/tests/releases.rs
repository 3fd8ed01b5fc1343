//! OS releases as people see them: how old the list is, a look now, and files that are brought.

use super::House;
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::limits::RELEASES_FORM_MAX_BYTES;
use crate::jobs;
use crate::mdm::updates::lookup;
use crate::mdm::{Actor, Role};
use crate::protocol::lookup::MAX_BYTES;

const PAGE: &str = "/system/releases";

#[tokio::test]
async fn a_list_is_brought_by_the_page_and_what_is_none_is_refused_there() {
    let house = House::new();
    let (owner, viewer) = (house.person(Role::Owner).await, house.person(Role::Viewer).await);
    let empty = house.get(&owner, PAGE).await.body;
    for part in ["list is being fetched", "not here yet", "B0 B1 73 0E", "Look now", "Bring the root"] {
        assert!(empty.contains(part), "{part} in {empty}");
    }
    let import = format!("{PAGE}/import");
    let list = r#"{"AssetSets":{"iOS":[{"ProductVersion":"26.1"},{"ProductVersion":"odd <version>"}]}}"#;
    assert_eq!(house.bring_to(&viewer, &import, &[("file", list)]).await.status, 403);
    let refused = house.bring_to(&owner, &import, &[("file", "{\n\"AssetSets\" }")]).await;
    assert!(refused.status == 422 && refused.body.contains("line 2, column"), "{}", refused.body);
    let largest = house.bring_to(&owner, &import, &[("file", &" ".repeat(MAX_BYTES))]).await;
    assert!(largest.status == 422 && largest.body.contains("The list of releases is empty."), "{}", largest.body);
    let larger = house.bring_to(&owner, &import, &[("file", &" ".repeat(RELEASES_FORM_MAX_BYTES))]).await;
    assert!(larger.status == 422 && larger.body.contains(TOO_LARGE_FOR_A_FORM), "{}", larger.body);
    let brought = house.bring_to(&owner, &import, &[("file", list)]).await;
    let said = house.get(&owner, brought.location()).await.body;
    for part in ["1 release is listed, 1 new, 0 gone.", "a file that somebody brought", "“odd &lt;version&gt;” is no version"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let looked = house.get(&viewer, PAGE).await.body;
    assert!(looked.contains("list is less than a day old") && !looked.contains("Look now"), "{looked}");
    assert!(house.get(&viewer, "/system").await.body.contains("list is less than a day old"));
    assert_eq!(house.get(&owner, &import).await.location(), PAGE, "a page that is loaded again");
}

#[tokio::test]
async fn an_older_list_is_told_as_such_and_taken_only_where_that_is_meant() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let import = format!("{PAGE}/import");
    let list = |version: &str, posted: &str| {
        format!(r#"{{"AssetSets":{{"iOS":[{{"ProductVersion":"{version}","Build":"B{version}","PostingDate":"{posted}"}}]}}}}"#)
    };
    let (new, old) = (list("26.1", "2026-11-03"), list("26.0", "2026-09-02"));
    assert!(!house.get(&owner, PAGE).await.body.contains("name=\"older\""));
    house.bring_to(&owner, &import, &[("file", &new)]).await;
    let refused = house.bring_to(&owner, &import, &[("file", &old)]).await;
    for part in ["older than the list that is here", "2 Sep 2026", "3 Nov 2026", "name=\"older\""] {
        assert!(refused.status == 422 && refused.body.contains(part), "{part} in {}", refused.body);
    }
    let page = house.get(&owner, PAGE).await.body;
    assert!(page.contains("Its newest release was posted") && page.contains("3 Nov 2026"), "{page}");
    let taken = house.bring_to(&owner, &import, &[("older", "1"), ("file", &old)]).await;
    assert_eq!(taken.status, 303, "{}", taken.body);
    let page = house.get(&owner, PAGE).await.body;
    assert!(page.contains("2 Sep 2026") && page.contains("list is 83 days old"), "{page}");
}

#[tokio::test]
async fn a_list_that_lacks_most_is_told_as_such_and_taken_only_where_that_is_meant() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let import = format!("{PAGE}/import");
    let list = |count: usize| {
        let entries: Vec<_> = (0..count).map(|minor| format!("{{\"ProductVersion\":\"26.{minor}\"}}")).collect();
        format!("{{\"AssetSets\":{{\"iOS\":[{}]}}}}", entries.join(","))
    };
    house.bring_to(&owner, &import, &[("file", &list(9))]).await;
    let refused = house.bring_to(&owner, &import, &[("file", &list(1))]).await;
    assert!(refused.status == 422 && refused.body.contains("This file lacks most of the list that is here"), "{}", refused.body);
    assert!(refused.body.contains("name=\"fewer\"") && !refused.body.contains("name=\"older\""), "{}", refused.body);
    let taken = house.bring_to(&owner, &import, &[("fewer", "1"), ("file", &list(1))]).await;
    assert_eq!(taken.status, 303, "{}", taken.body);
}

#[tokio::test]
async fn a_wrong_root_is_named_and_a_look_now_says_what_went_wrong_and_who_is_needed() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let other = crate::pki::issue::root("Somebody's <Root>", house.app.now()).unwrap().certificate().to_pem();
    let refused = house.bring_to(&owner, &format!("{PAGE}/root"), &[("root", &other)]).await;
    assert!(refused.status == 422 && refused.body.contains("This is the certificate of “Somebody's &lt;Root&gt;”"), "{}", refused.body);
    for _ in 0..3 {
        let asked = house.post(&owner, &format!("{PAGE}/look"), "").await;
        assert!(house.get(&owner, asked.location()).await.body.contains("Apple is being asked"));
        jobs::run_due(&house.app).await.unwrap();
    }
    let page = house.get(&owner, PAGE).await.body;
    assert!(page.contains("Apple could not be asked") && page.contains("Bring its file from"), "{page}");
    let today = house.get(&owner, "/").await.body;
    assert!(today.contains("list of OS releases has not come yet") && today.contains("href=\"/system/releases\""), "{today}");
    let busy = lookup::Outcome::Failed(lookup::refused(503, Some("3600")));
    house.write(|tx| lookup::record(tx, &Actor::Job(lookup::JOB), "https://localhost:1/v2/pmv", busy)).await;
    let asked = house.post(&owner, &format!("{PAGE}/look"), "").await;
    let rests = house.get(&owner, asked.location()).await.body;
    assert!(rests.contains("asked to be left alone until 25 Nov 2026, 09:00 UTC"), "{rests}");
    let viewer = house.person(Role::Viewer).await;
    assert_eq!(house.post(&viewer, &format!("{PAGE}/look"), "").await.status, 403);
}

#[tokio::test]
async fn what_the_list_showed_stands_in_the_audit_log() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    for versions in ["[{\"ProductVersion\":\"26.1\"}]", "[{\"ProductVersion\":\"26.2\",\"Build\":\"23C55\"}]"] {
        house.bring_to(&owner, &format!("{PAGE}/import"), &[("file", &format!("{{\"AssetSets\":{{\"iOS\":{versions}}}}}"))]).await;
    }
    let log = house.get(&owner, "/system/audit?who=all").await.body;
    for part in [
        "Apple lists a new release: iOS 26.2 23C55",
        "Apple does not list a release any more: iOS 26.1",
        "A list of releases was brought: 1 listed, 1 new, 1 gone",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
}
