//! Sudden death: what was answered is there.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// Names the database that the child process of the sudden-death test writes to.
const CHILD_DATABASE: &str = "ROLLCALL_TEST_CHILD_DATABASE";

#[test]
fn what_was_answered_outlives_sudden_death() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::writer::tests::death::child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CHILD_DATABASE, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::result::Result::ok);
    let mut answered: Vec<i64> = lines.by_ref().filter_map(|line| line.strip_prefix("answered ")?.parse().ok()).take(300).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between our last look and its death counts too, except a line that was cut short.
    let rest: Vec<String> = lines.filter_map(|line| Some(line.strip_prefix("answered ")?.to_owned())).collect();
    answered.extend(rest.split_last().map_or(&[][..], |(_, whole)| whole).iter().filter_map(|line| line.parse::<i64>().ok()));
    let store = file(folder.path());
    let last = answered.iter().copied().max().unwrap();
    assert!(answered.len() >= 300);
    for seq in answered {
        assert!(!store.read_blocking(NOW, |tx| events::after(tx, seq - 1, 1)).unwrap().is_empty(), "{seq} of {last} is gone");
    }
    let findings = store.read_blocking(NOW, |tx| crate::store::integrity::check(tx, crate::store::integrity::Depth::Full)).unwrap();
    assert_eq!(findings, []);
}

#[test]
#[ignore = "the child process of `what_was_answered_outlives_sudden_death`"]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD_DATABASE) else { return };
    let store = file(Path::new(&path).parent().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    println!("answered {}", store.write_blocking(NOW, |tx| note(tx, "written")).unwrap());
                }
            });
        }
    });
}
