//! The first run with a backup: a browser brings the file, and the next start has what was in it.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::http::Request;

use super::*;
use crate::http::auth::tests::{Kit, peer};
use crate::http::server::Listener;
use crate::mdm::Role;
use crate::mdm::admins::setup;
use crate::pki::vault::Lock;
use crate::secret::Secret;
use crate::store::backup::{Source, Watch, write};
use crate::store::{DataFolder, OpenOptions, Store, admins};

const PHRASE: &str = "correct horse battery";

/// A backup of an appliance at which kim logs in.
async fn backup() -> Vec<u8> {
    let data = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(data.path().join("data")).unwrap();
    let app = App::for_tests_in(OpenOptions::file(folder.database(), folder.sealer().unwrap()), folder.path());
    Kit::on(app.store.clone(), app.clock.clone()).add("kim", Role::Owner).await;
    tokio::task::spawn_blocking(move || {
        let lock = Lock::passphrase(Secret::new(PHRASE.to_owned())).unwrap();
        let source =
            Source { store: &app.store, data: folder.path(), with_packages: false, lock: &lock, spare: None, now: app.now(), id: "1" };
        let file = write(&source, Vec::new(), &Watch::unending()).unwrap().0;
        app.store.close_blocking();
        file
    })
    .await
    .unwrap()
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let file = if *name == "file" { "; filename=\"a.backup\"\r\ncontent-type: application/octet-stream" } else { "" };
        body.extend_from_slice(format!("--cut\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--cut--\r\n");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_set_up_link_restores_a_backup_and_the_next_start_has_everything() {
    let file = backup().await;
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let folder = DataFolder::open(&data).unwrap();
    let app = App::for_tests_in(OpenOptions::file(folder.database(), folder.sealer().unwrap()), &data);
    let token = app.store.write(app.now(), setup::offer).await.unwrap().unwrap().expose().clone();
    let door = doors(&app, &Streams::default()).whole.layer(Extension(peer(Listener::Main)));
    let send = async |method: &str, path: &str, body: Vec<u8>| {
        let request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "multipart/form-data; boundary=cut").body(Body::from(body)).unwrap();
        let (parts, body) = door.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, page) = send("GET", &format!("/setup?token={token}"), Vec::new()).await;
    assert!(status == StatusCode::OK && page.contains(&format!("/setup/restore?token={token}")), "{page}");
    let (status, page) = send("GET", &format!("/setup/restore?token={token}"), Vec::new()).await;
    assert!(status == StatusCode::OK && page.contains("multipart/form-data"), "{page}");
    assert_eq!(send("GET", "/setup/restore?token=guessed", Vec::new()).await.0, StatusCode::NOT_FOUND);

    let bring = async |token: &str, key: &str, file: &[u8]| {
        send("POST", "/setup/restore", form(&[("token", token.as_bytes()), ("key", key.as_bytes()), ("file", file)])).await
    };
    assert_eq!(bring("guessed", PHRASE, &file).await.0, StatusCode::NOT_FOUND);
    for (key, file, words) in [
        ("another passphrase", &file[..], "does not open this backup"),
        (PHRASE, &file[..file.len() / 2], "cut short"),
        (PHRASE, b"PK\x03\x04", "not a backup of Rollcall"),
        (PHRASE, b"", "Choose the file"),
    ] {
        let (status, page) = bring(&token, key, file).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(words) && page.contains(&token), "{words}: {status} {page}");
        assert!(!page.contains(key) || key == PHRASE);
    }
    let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with("restore")), "{left:?}");
    tokio::time::timeout(Duration::from_millis(10), app.restart_wanted()).await.unwrap_err();

    let (status, page) = bring(&token, PHRASE, &file).await;
    assert!(status == StatusCode::OK && page.contains("Everything is back") && page.contains("/login"), "{status} {page}");
    tokio::time::timeout(Duration::from_secs(5), app.restart_wanted()).await.unwrap();
    app.store.close().await;
    drop((door, app, folder));

    let folder = DataFolder::open(&data).unwrap();
    let store = Store::open(OpenOptions::file(folder.database(), folder.sealer().unwrap())).unwrap();
    let names = store.read_blocking(crate::clock::Timestamp::default(), admins::count).unwrap();
    assert_eq!(names, 1, "kim logs in again");
    let kept = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(kept.into_iter().any(|name| name.starts_with("before-restore-")));
}
