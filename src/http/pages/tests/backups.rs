//! The page of backups: nothing typed is lost, the key is shown once, and what cannot be made says why.

use super::*;
use crate::http::pages::system::backups::ADDRESS;

const KEEP: &str = "keep.daily=7&keep.weekly=5&keep.monthly=12";

#[tokio::test]
async fn what_was_typed_stays_where_it_is_wrong_and_the_secret_is_shown_nowhere() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let typed = format!(
        "at=03:15&folder=backups&s3.endpoint=s3.example.school&s3.bucket=school&s3.key_id=key&s3.secret_key=open-sesame&s3.path_style=1&{KEEP}"
    );
    let wrong = house.post(&admin, ADDRESS, &typed).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in ["whole path of a folder", "address of the store", "value=\"backups\"", "value=\"s3.example.school\"", "<details open"] {
        assert!(wrong.body.contains(text), "{text}: {}", wrong.body);
    }
    assert!(!wrong.body.contains("open-sesame"));
    let right = typed.replace("folder=backups", "folder=").replace("s3.example.school", "https://s3.example.school");
    let saved = house.post(&admin, ADDRESS, &right).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let shown = house.get(&admin, saved.location()).await.body;
    assert!(shown.contains("Saved.") && shown.contains("One is kept, and not shown") && !shown.contains("open-sesame"), "{shown}");
    let viewer = house.person(Role::Viewer).await;
    let looked = house.get(&viewer, ADDRESS).await.body;
    assert!(
        looked.contains("https://s3.example.school/school/") && !looked.contains("name=\"folder\"") && !looked.contains("Download"),
        "{looked}"
    );
    assert_eq!(house.post(&viewer, ADDRESS, &right).await.status, StatusCode::FORBIDDEN);
    assert!(house.get(&admin, "/system").await.body.contains("a lost disk means enrolling every device again"));
}

#[tokio::test]
async fn the_recovery_key_is_shown_once_and_another_one_is_asked_about() {
    let house = House::new();
    let (owner, admin) = (house.person(Role::Owner).await, house.person(Role::Admin).await);
    let path = format!("{ADDRESS}/recovery-key");
    assert_eq!(house.post(&admin, &path, "").await.status, StatusCode::FORBIDDEN);
    let made = house.post(&owner, &path, "").await;
    assert!(made.status == StatusCode::OK && made.body.contains("AGE-SECRET-KEY-1") && made.body.contains("shown once"), "{}", made.body);
    assert!(!house.get(&owner, ADDRESS).await.body.contains("AGE-SECRET-KEY-1Q"));
    let asked = house.post(&owner, &path, "").await;
    assert!(asked.body.contains("still want the key before") && !asked.body.contains("AGE-SECRET-KEY-1"), "{}", asked.body);
    let another = house.post(&owner, &path, "confirmed=1").await;
    assert!(another.body.contains("AGE-SECRET-KEY-1"));
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_says_why_on_the_page() {
    let house = House::new();
    let owner = house.person(Role::Owner).await;
    let run = house.post(&owner, &format!("{ADDRESS}/run"), "").await;
    assert!(run.status == StatusCode::UNPROCESSABLE_ENTITY && run.body.contains("recovery key"), "{}", run.body);
    let short = house.post(&owner, &format!("{ADDRESS}/file"), "passphrase=short").await;
    assert!(short.status == StatusCode::UNPROCESSABLE_ENTITY && short.body.contains("12 characters"), "{}", short.body);
    let tried = house.post(&owner, &format!("{ADDRESS}/try"), &format!("at=03:15&folder=/nowhere/at/all&{KEEP}")).await;
    assert!(
        tried.body.contains("There is no folder /nowhere/at/all") && tried.body.contains("value=\"/nowhere/at/all\""),
        "{}",
        tried.body
    );
}

#[tokio::test]
async fn a_folder_that_is_gone_with_the_data_is_told_as_it_is_saved_and_one_that_cannot_be_used_at_its_field() {
    let house = House::new();
    let admin = house.person(Role::Admin).await;
    let save = async |folder: &str| house.post(&admin, ADDRESS, &format!("at=03:15&folder={folder}&{KEEP}")).await;
    let refused = save("/nowhere/at/all").await;
    assert!(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY
            && refused.body.contains("There is no folder /nowhere/at/all")
            && refused.body.contains("value=\"/nowhere/at/all\""),
        "{}",
        refused.body
    );
    let folder = tempfile::tempdir().unwrap();
    let saved = save(&folder.path().display().to_string()).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    assert!(house.get(&admin, saved.location()).await.body.contains("Saved."));
}
