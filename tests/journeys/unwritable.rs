//! An appliance whose disk takes nothing any more while it serves: what it says to whom, and how it goes on.

use serde_json::json;

use crate::hardship::{PAUSES, load, pause, seeded};
use crate::serve::Appliance;
use crate::survive::{ask, text, whole};

/// Requests that are refused meanwhile.
const REFUSED: usize = 200;

/// Lines that the log may have at level error in the few seconds of this.
const LINES_MAX: usize = 20;

#[test]
fn a_disk_that_takes_nothing_while_it_is_served_is_told_in_words_and_over_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (data, roster) = seeded(folder.path());
    let appliance = Appliance::start_within_limits(folder.path(), &["--log-level", "error"]);
    let (root, port, socket) = (appliance.root(), appliance.at("--listen").port(), data.join("control.sock"));
    let mut number = 0;
    let mut make = || {
        number += 1;
        let group = json!({ "name": format!("Group {number}"), "note": "x".repeat(400) });
        ask(&socket, "POST", "/api/v1/groups", Some(&group)).unwrap()
    };
    let (status, group) = make();
    assert!((200..300).contains(&status), "{group}");
    let mut kept = vec![format!("/api/v1/groups/{}", text(&group["id"]))];

    appliance.may_write(false);
    for _ in 0..REFUSED {
        let (status, problem) = make();
        assert_eq!(status, 503, "{problem}");
        assert!(text(&problem["detail"]).contains("make it writable again"), "{problem}");
    }
    let ready = appliance.ask("/health/ready");
    assert!(ready.contains("The database takes no writes") && ready.contains("make it writable again"), "{ready}");
    assert_eq!(appliance.ask("/health/live"), "ok\n");
    assert_eq!(ask(&socket, "GET", &kept[0], None).unwrap().0, 200, "what is there can be read");
    let idle = load(&roster, &root, port, "idle", "2s");
    assert!(idle["operations"].as_u64().unwrap() > 10, "devices for which nothing waits are answered: {idle}");

    appliance.may_write(true);
    let mut pauses = 0;
    loop {
        let (status, group) = make();
        if (200..300).contains(&status) {
            kept.push(format!("/api/v1/groups/{}", text(&group["id"])));
            break;
        }
        assert!(status == 503 && pauses < PAUSES, "{status}: the disk can be written and it does not see it");
        pauses += 1;
        pause();
    }
    assert_eq!(appliance.ask("/health/ready"), "ok\n");
    let written = load(&roster, &root, port, "tokenupdate", "2s");
    assert_eq!((&written["failed"], written["operations"].as_u64().unwrap() > 10), (&json!(0), true), "{written}");
    for address in &kept {
        assert_eq!(ask(&socket, "GET", address, None).unwrap().0, 200, "{address} was answered");
    }
    let log = appliance.end();
    assert!(log.contains("make it writable again"), "{log}");
    assert!(log.lines().count() <= LINES_MAX, "{REFUSED} requests flood the log: {log}");
    whole(&data.join("rollcall.db"));
}

#[test]
fn an_appliance_starts_on_a_full_disk_serves_what_is_there_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let socket = data.join("control.sock");
    let first = Appliance::start(folder.path(), &["--log-level", "error"]);
    let group = json!({ "name": "Library" });
    let (status, made) = ask(&socket, "POST", "/api/v1/groups", Some(&group)).unwrap();
    assert!((200..300).contains(&status), "{made}");
    let kept = format!("/api/v1/groups/{}", text(&made["id"]));
    first.end();

    let full = Appliance::start_on_a_full_disk(folder.path(), &["--log-level", "error"]);
    assert_eq!(ask(&socket, "GET", &kept, None).unwrap().0, 200, "what is there can be read");
    assert_eq!(full.ask("/health/live"), "ok\n");
    assert!(full.ask("/health/ready").contains("The database takes no writes"), "monitors hear of it");
    let make = |name: &str| ask(&socket, "POST", "/api/v1/groups", Some(&json!({ "name": name }))).unwrap();
    assert_eq!(make("Gym").0, 503);

    full.may_write(true);
    let mut pauses = 0;
    while !(200..300).contains(&make("Gym").0) {
        assert!(pauses < PAUSES, "there is room and it does not see it");
        pauses += 1;
        pause();
    }
    assert_eq!(full.ask("/health/ready"), "ok\n");
    full.end();
    let after = Appliance::start(folder.path(), &["--log-level", "error"]);
    assert_eq!(ask(&socket, "GET", &kept, None).unwrap().0, 200);
    after.end();
    whole(&data.join("rollcall.db"));
}
