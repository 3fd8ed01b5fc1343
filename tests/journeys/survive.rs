//! An appliance that is killed in the middle of its work: what was answered is there afterwards, and nothing is half done.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::serve::{Appliance, rollcall};

/// How often it is killed; `ROLLCALL_KILLS` says otherwise.
const KILLS: usize = 20;

/// Who writes at the same time.
const WRITERS: usize = 4;

/// Enrolled devices that commands are for, and that enroll anew meanwhile.
const DEVICES: &str = "8";

/// One request to the control socket: status and JSON; nothing where no whole answer came.
pub(crate) fn ask(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let body = body.map(ToString::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: rollcall\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))?;
    // An answer that was cut off says nothing.
    (length.parse() == Ok(body.len())).then_some(())?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).unwrap_or_default()))
}

/// What was answered so far, by its address.
#[derive(Default)]
struct Answered(Mutex<Vec<String>>);

impl Answered {
    fn note(&self, address: String) {
        self.0.lock().unwrap().push(address);
    }
}

/// Makes groups and queues commands until it is told to stop, or nobody answers; notes what was answered.
fn write(socket: &Path, devices: &[String], number: &AtomicUsize, stopped: &AtomicBool, answered: &Answered) {
    while !stopped.load(Ordering::Relaxed) {
        let turn = number.fetch_add(1, Ordering::Relaxed);
        let made = if turn.is_multiple_of(2) {
            let group = json!({ "name": format!("Group {turn}"), "note": "x".repeat(turn % 400) });
            ask(socket, "POST", "/api/v1/groups", Some(&group))
                .map(|(status, group)| (status, format!("/api/v1/groups/{}", text(&group["id"]))))
        } else {
            let command = json!({ "targets": [devices[turn % devices.len()]], "request_type": "SecurityInfo" });
            let queued = ask(socket, "POST", "/api/v1/commands", Some(&command));
            queued.map(|(status, command)| (status, format!("/api/v1/commands/{}", text(&command["commands"][0]["uuid"]))))
        };
        match made {
            Some((200..=299, address)) => answered.note(address),
            // The queue of a device holds only so many.
            Some((409 | 429, _)) => {}
            Some((status, address)) => panic!("{status} for {address}"),
            None => return,
        }
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Devices of the roster that enroll anew, check in and fetch certificates, until the server is gone.
fn load(appliance: &Appliance, roster: &Path, root: &Path) -> std::process::Child {
    let to = format!("https://localhost:{}", appliance.at("--listen").port());
    let load = ["simulate", "--roster", roster.to_str().unwrap(), "--ca", root.to_str().unwrap(), "--to", &to, "--bench", "enroll"];
    let more = ["--identity", "signature", "--connections", "2", "--warm-up", "0s", "--for", "30s"];
    rollcall(&[&load[..], &more].concat()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn what_was_answered_outlives_a_kill_and_nothing_is_half_done() {
    let kills = std::env::var("ROLLCALL_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let seeded = rollcall(&["simulate", "--seed-store", DEVICES, "--data", data.to_str().unwrap()]).output().unwrap();
    assert!(seeded.status.success(), "{seeded:?}");
    let (socket, roster) = (data.join("control.sock"), data.join("load-roster.json"));
    let (number, answered) = (AtomicUsize::new(0), Answered::default());
    let mut looked_at = 0;
    for kill in 0..kills {
        let appliance = Appliance::start(folder.path(), &["--log-level", "error"]);
        let root: PathBuf = appliance.root();
        let list = ask(&socket, "GET", "/api/v1/devices", None).unwrap().1;
        let devices: Vec<_> = list["items"].as_array().unwrap().iter().map(|device| text(&device["id"]).to_owned()).collect();
        let known = answered.0.lock().unwrap().clone();
        for address in &known[looked_at..] {
            let (status, _) = ask(&socket, "GET", address, None).unwrap();
            assert_eq!(status, 200, "{address} was answered and is gone after kill {kill}");
        }
        looked_at = known.len();
        let stopped = AtomicBool::new(false);
        let mut devices_at_work = load(&appliance, &roster, &root);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| write(&socket, &devices, &number, &stopped, &answered));
            }
            // At moments that have nothing to do with what is written.
            let (_nobody, never) = channel::<()>();
            let _ = never.recv_timeout(Duration::from_millis(40 + 37 * (kill as u64 * 7 % 13)));
            drop(appliance);
            stopped.store(true, Ordering::Relaxed);
        });
        let _ = devices_at_work.kill();
        devices_at_work.wait().unwrap();
    }
    let appliance = Appliance::start(folder.path(), &["--log-level", "error"]);
    let known = answered.0.lock().unwrap().clone();
    assert!(known.len() > kills, "{} were answered", known.len());
    for address in &known {
        assert_eq!(ask(&socket, "GET", address, None).unwrap().0, 200, "{address}");
    }
    appliance.end();
    whole(&data.join("rollcall.db"));
}

/// The database is sound, and what comes together is there together.
pub(crate) fn whole(database: &Path) {
    let database = rusqlite::Connection::open(database).unwrap();
    let one = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(one("PRAGMA integrity_check"), "ok");
    let dangling: i64 = database.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(dangling, 0);
    for (rows, event) in [("groups", "group.created"), ("commands WHERE request_type = 'SecurityInfo'", "command.queued")] {
        let of_rows: i64 = database.query_row(&format!("SELECT count(*) FROM {rows}"), [], |row| row.get(0)).unwrap();
        let of_events: i64 = database.query_row("SELECT count(*) FROM events WHERE kind = ?1", [event], |row| row.get(0)).unwrap();
        assert!(of_events >= of_rows, "{rows}: {of_rows} rows, {of_events} events");
    }
}

#[test]
fn a_damaged_database_is_not_served_and_the_newest_backup_is_offered_with_the_words_that_bring_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    Appliance::start(folder.path(), &["--log-level", "error"]).end();
    let path = data.join("rollcall.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    std::fs::create_dir(&away).unwrap();
    std::fs::write(away.join("school.age"), "a backup").unwrap();
    let note = json!({ "name": "school.age", "location": away.to_str().unwrap(), "in_folder": true, "made_at": "2026-11-25T03:15:00Z" });
    std::fs::write(data.join("last-backup.json"), note.to_string()).unwrap();
    let listing = || {
        let mut names: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        // SQLite's own, beside every database that somebody looks at.
        names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
        names.sort();
        names
    };
    let before = listing();

    let restore = format!("rollcall restore --data {} --replace {}", data.display(), away.join("school.age").display());
    let any = "127.0.0.1:0";
    let serve = ["serve", "--data", data.to_str().unwrap(), "--url", "https://localhost", "--listen", any, "--http-listen", any];
    let refused = rollcall(&serve).output().unwrap();
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{errors}");
    assert!(refused.stdout.is_empty(), "nobody is told that it answers");
    for words in [&format!("The database {} is damaged: ", path.display()), "school.age, of 25 Nov 2026, 03:15 UTC", &restore] {
        assert!(errors.contains(words), "{words} in {errors}");
    }
    let doctor = rollcall(&["doctor", "--json", "--data", data.to_str().unwrap()]).output().unwrap();
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let finding = &report["findings"][0];
    assert_eq!((doctor.status.code(), &finding["id"], &finding["level"]), (Some(1), &json!("database.damaged"), &json!("error")));
    assert!(text(&finding["remedy"]).ends_with(&restore), "{finding}");
    assert!(std::fs::read(&path).unwrap() == bytes, "nothing was changed");
    assert_eq!(listing(), before, "nothing was removed");
}
