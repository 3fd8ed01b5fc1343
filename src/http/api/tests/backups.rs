//! Backups by the API: who may, what is refused with its field, and no secret in any answer.

use super::*;
use crate::error::Result;
use crate::store::backup::Manifest;
use crate::store::backups::Place;

/// A backup that was put into a folder, as the list shows it.
pub(super) fn listed(tx: &crate::store::Tx) -> Result<()> {
    let manifest = Manifest {
        format: 1,
        made_at: tx.now,
        program: String::from("0.1.0"),
        schema: 12,
        devices: 1,
        enrolled: 1,
        database_bytes: 1,
        with_packages: false,
    };
    crate::mdm::backups::put(tx, "a.age", Place::Folder, "/srv/backups", 10, &manifest)
}

fn settings(s3: Value) -> Value {
    json!({ "daily": false, "at": "03:15", "keep": { "daily": 3, "weekly": 2, "monthly": 1 }, "folder": null, "s3": s3 })
}

#[tokio::test]
async fn settings_are_kept_without_the_secret_in_any_answer_and_the_key_is_said_once() {
    let house = House::new();
    let store = json!({ "endpoint": "https://s3.example.school", "bucket": "school", "key_id": "key", "secret_key": "open sesame" });
    let put = house.ask(Role::Admin, Method::PUT, "/api/v1/backups/settings", Some(settings(store))).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.body);
    assert_eq!((&put.body["s3"]["has_secret_key"], &put.body["s3"]["region"]), (&json!(true), &json!("us-east-1")));
    assert!(!put.body.to_string().contains("sesame"));
    let made = house.ask(Role::Owner, Method::POST, "/api/v1/backups/recovery-key", Some(json!({}))).await;
    assert!(made.status == StatusCode::CREATED && made.body["recovery_key"].as_str().unwrap().starts_with("AGE-SECRET-KEY-1"));
    let shown = house.ask(Role::Viewer, Method::GET, "/api/v1/backups/settings", None).await;
    assert_eq!(shown.body["recovery_public_key"], made.body["public_key"]);
    assert!(!shown.body.to_string().contains("AGE-SECRET"));
    let list = house.ask(Role::Viewer, Method::GET, "/api/v1/backups", None).await;
    assert_eq!((list.status, &list.body["total"]), (StatusCode::OK, &json!(0)));
}

#[tokio::test]
async fn each_deed_wants_its_role_and_what_is_missing_is_said() {
    let house = House::new();
    let daily = json!({ "daily": true, "at": "03:15", "folder": "/srv/backups" });
    let refused = house.ask(Role::Admin, Method::PUT, "/api/v1/backups/settings", Some(daily)).await;
    assert!(
        refused.status == StatusCode::CONFLICT && refused.body["detail"].as_str().unwrap().contains("recovery key"),
        "{}",
        refused.body
    );
    for (role, path, expected) in [
        (Role::Helper, "/api/v1/backups/run", StatusCode::FORBIDDEN),
        (Role::Admin, "/api/v1/backups/run", StatusCode::CONFLICT),
        (Role::Admin, "/api/v1/backups/self-test", StatusCode::CONFLICT),
        (Role::Admin, "/api/v1/backups/recovery-key", StatusCode::FORBIDDEN),
        (Role::Admin, "/api/v1/backups/file", StatusCode::FORBIDDEN),
        (Role::Owner, "/api/v1/backups/file", StatusCode::BAD_REQUEST),
    ] {
        let reply = house.ask(role, Method::POST, path, Some(json!({}))).await;
        assert_eq!(reply.status, expected, "{role:?} {path}: {}", reply.body);
    }
    let nowhere = json!({ "at": "03:15", "folder": house.data.path().join("none").display().to_string() });
    let tried = house.ask(Role::Admin, Method::POST, "/api/v1/backups/settings/try", Some(nowhere)).await;
    assert!(tried.body["detail"].as_str().unwrap().contains("There is no folder"), "{}", tried.body);
    let away = tempfile::tempdir().unwrap();
    let there = json!({ "at": "03:15", "folder": away.path().display().to_string() });
    assert_eq!(house.ask(Role::Admin, Method::POST, "/api/v1/backups/settings/try", Some(there)).await.status, StatusCode::NO_CONTENT);
    let memory = house.ask(Role::Owner, Method::POST, "/api/v1/backups/file", Some(json!({ "passphrase": "correct horse battery" }))).await;
    assert_eq!(memory.status, StatusCode::CONFLICT, "a failure before the first byte is a refusal: {}", memory.body);
}

#[tokio::test]
async fn a_folder_is_tried_before_it_is_kept_and_one_that_is_kept_may_be_away() {
    let house = House::new();
    let put = async |folder: &std::path::Path, at: &str| {
        let settings = json!({ "at": at, "folder": folder.display().to_string() });
        house.ask(Role::Admin, Method::PUT, "/api/v1/backups/settings", Some(settings)).await
    };
    let inside = house.data.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (none, proc) = (elsewhere.path().join("none"), std::path::PathBuf::from("/proc"));
    let cases = [
        (proc.as_path(), "/proc"),
        (none.as_path(), "There is no folder"),
        (house.data.path(), "lost together"),
        (inside.as_path(), "lost together"),
    ];
    for (folder, words) in cases {
        let refused = put(folder, "03:15").await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{folder:?}: {}", refused.body);
        assert_eq!(refused.body["errors"][0]["field"], json!("folder"), "{}", refused.body);
        assert!(refused.body["detail"].as_str().unwrap().contains(words), "{}", refused.body);
    }
    let shown = house.ask(Role::Viewer, Method::GET, "/api/v1/backups/settings", None).await;
    assert_eq!(shown.body["folder"], json!(null), "nothing was kept");

    let away = elsewhere.path().join("away");
    std::fs::create_dir(&away).unwrap();
    assert_eq!(put(&away, "03:15").await.status, StatusCode::OK);
    assert_eq!(std::fs::read_dir(&away).unwrap().count(), 0, "the trial leaves nothing");
    std::fs::remove_dir(&away).unwrap();
    let later = put(&away, "04:15").await;
    assert_eq!((later.status, &later.body["at"]), (StatusCode::OK, &json!("04:15")), "its disk may be away: {}", later.body);
}
