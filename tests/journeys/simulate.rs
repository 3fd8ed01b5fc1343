//! Enrollments written into a store for load, and the load that they are driven with.

use std::path::Path;

use serde_json::Value;

use crate::serve::{Appliance, rollcall};

/// Runs the program to its end: whether it was done, and all that it printed.
fn run(arguments: &[&str]) -> (bool, String) {
    let output = rollcall(arguments).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

fn seed(data: &Path, count: &str) -> (bool, String) {
    run(&["simulate", "--seed-store", count, "--data", data.to_str().unwrap()])
}

/// An appliance on the folder that logs no line for each request: nobody reads them here.
fn serve(folder: &Path) -> Appliance {
    Appliance::start(folder, &["--log-level", "warn"])
}

/// Drives the enrollments of a roster; every operation must end well.
fn drive(appliance: &Appliance, roster: &Path, mode: &str) -> Value {
    let (root, to) = (appliance.root(), format!("https://localhost:{}", appliance.at("--listen").port()));
    let load = ["simulate", "--roster", roster.to_str().unwrap(), "--ca", root.to_str().unwrap(), "--to", &to, "--bench", mode];
    let (done, printed) =
        run(&[&load, &["--identity", "signature", "--connections", "2", "--warm-up", "0s", "--for", "300ms"][..]].concat());
    assert!(done, "{printed}");
    let figures: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(figures["failed"], 0, "{printed}");
    figures
}

#[test]
fn a_store_is_filled_with_enrollments_that_load_can_drive() {
    let folder = tempfile::tempdir().unwrap();
    let (data, roster) = (folder.path().join("data"), folder.path().join("data/load-roster.json"));
    let (done, told) = seed(&data, "3");
    assert!(done && told.contains("--bench idle"), "{told}");
    let appliance = serve(folder.path());
    for mode in ["idle", "tokenupdate", "enroll"] {
        assert_eq!(drive(&appliance, &roster, mode)["devices"], 3);
    }
    let (done, told) = seed(&data, "1");
    assert!(!done && told.contains("with pid"), "a folder that a server holds is left alone: {told}");
    appliance.end();
    // More are other devices, and those from before are still there.
    let (done, told) = seed(&data, "2");
    assert!(done, "{told}");
    let appliance = serve(folder.path());
    assert_eq!(drive(&appliance, &roster, "idle")["devices"], 2);
}

#[test]
fn devices_that_cannot_enroll_say_why_and_fail() {
    let (done, told) = run(&["simulate", "--profile", "https://localhost:1/enroll/CODE/profile", "--devices", "1", "--for", "500ms"]);
    assert!(!done && told.contains("The device could not enroll") && told.contains("cannot connect to localhost:1"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let appliance = serve(folder.path());
    let profile = format!("https://localhost:{}/enroll/CODE/profile", appliance.at("--listen").port());
    let (done, told) = run(&["simulate", "--profile", &profile, "--devices", "1", "--for", "2s"]);
    assert!(!done && told.contains("--ca FILE"), "{told}");
    appliance.end();
}

#[test]
fn how_many_and_what_for_must_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let (done, told) = seed(folder.path(), "0");
    assert!(!done && told.contains("from 1 to"), "{told}");
    let (done, told) = run(&["simulate", "--roster", "roster.json"]);
    assert!(!done && told.contains("--bench"), "{told}");
}
