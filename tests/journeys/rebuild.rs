//! A damaged database without a backup, in which nothing but an index is damaged: it is built anew, and the old one is kept.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::serve::{Appliance, rollcall};
use crate::survive::{ask, text, whole};

/// Spoils the first page of a table or an index.
fn spoil(database: &Path, name: &str) {
    let conn = rusqlite::Connection::open(database).unwrap();
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let (page, root) = (number("PRAGMA page_size"), number(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{name}'")));
    drop(conn);
    let file = std::fs::OpenOptions::new().write(true).open(database).unwrap();
    file.write_all_at(&vec![0xa5; page as usize], ((root - 1) * page) as u64).unwrap();
}

#[test]
fn a_database_with_a_damaged_index_is_built_anew_without_a_backup_and_the_old_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (path, socket) = (data.join("rollcall.db"), data.join("control.sock"));
    let appliance = Appliance::start(folder.path(), &["--log-level", "error"]);
    let (status, group) = ask(&socket, "POST", "/api/v1/groups", Some(&json!({ "name": "Library" }))).unwrap();
    assert!((200..300).contains(&status), "{group}");
    let group = format!("/api/v1/groups/{}", text(&group["id"]));
    let rebuild = || rollcall(&["doctor", "--rebuild", "--json", "--data", data.to_str().unwrap()]).output().unwrap();
    let refused = rebuild();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("already runs"), "{refused:?}");
    appliance.end();
    let refused = rebuild();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("nothing to build anew"), "{refused:?}");

    spoil(&path, "events_kind");
    let damaged = std::fs::read(&path).unwrap();
    let any = "127.0.0.1:0";
    let serve = ["serve", "--data", data.to_str().unwrap(), "--url", "https://localhost", "--listen", any, "--http-listen", any];
    let errors = String::from_utf8(rollcall(&serve).output().unwrap().stderr).unwrap();
    assert!(errors.contains(&format!("rollcall doctor --rebuild --data {}", data.display())), "{errors}");

    let rebuilt = rebuild();
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let report: Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    assert!(report["rows"].as_u64().unwrap() > 0 && text(&report["damage"][0]).contains("events_kind"), "{report}");
    let kept = Path::new(text(&report["kept_aside"])).join("rollcall.db");
    assert!(std::fs::read(&kept).unwrap() == damaged, "the old one is as it was, in {}", kept.display());

    let again = Appliance::start(folder.path(), &["--log-level", "error"]);
    assert_eq!(ask(&socket, "GET", &group, None).unwrap().0, 200);
    again.end();
    whole(&path);
}

#[test]
fn a_database_with_a_damaged_table_is_not_built_anew_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = data.join("rollcall.db");
    Appliance::start(folder.path(), &["--log-level", "error"]).end();
    spoil(&path, "events");
    let damaged = std::fs::read(&path).unwrap();
    let refused = rollcall(&["doctor", "--rebuild", "--data", data.to_str().unwrap()]).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("Bring a backup back"), "{refused:?}");
    assert!(std::fs::read(&path).unwrap() == damaged, "nothing was changed");
    let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.starts_with("restore.") && !name.starts_with("before-restore")), "{left:?}");
}
