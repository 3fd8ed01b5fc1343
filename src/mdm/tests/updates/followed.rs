//! Devices that are followed while an update is under way: systems that lose commands, deadlines between two looks, locked devices, failures at a deadline.

use std::time::Duration;

use serde_json::json;

use super::own_list::{FOUND, mac};
use super::{days, device, listed, made, rules, wall};
use crate::mdm::Actor;
use crate::mdm::tests::{Device, School};
use crate::mdm::updates::orders::{self, Order};
use crate::mdm::updates::plans;
use crate::mdm::updates::progress;
use crate::mdm::updates::rules::{Deadline, Rules, Stop, Target};
use crate::mdm::updates::words;
use crate::store::groups;
use crate::store::update_progress::Narrowed;
use crate::store::update_states::{Action, Stage};

/// What is answered to ScheduleOSUpdate.
fn scheduled(action: &str, status: &str) -> String {
    format!(
        "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>InstallAction</key><string>{action}</string>\
         <key>Status</key><string>{status}</string></dict></array>"
    )
}

/// A command that its system has no more.
const UNKNOWN: &str = "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>12021</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string>\
                       </dict></array>";

impl Device<'_> {
    /// Connects and answers each command by a status and what `answer` says besides; gives what it was sent.
    fn talks(&self, answer: impl Fn(&str) -> (&'static str, String)) -> Vec<String> {
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
        let (mut offer, mut sent) = (self.idle(), Vec::new());
        while let Some(command) = offer {
            let (status, said) = answer(&command.request_type);
            let uuid = &command.uuid;
            let said = format!("<key>Status</key><string>{status}</string><key>CommandUUID</key><string>{uuid}</string>{said}");
            sent.push(command.request_type.clone());
            offer = super::super::offered(self.connect(&said).unwrap());
        }
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
        sent
    }
}

#[test]
fn a_system_that_has_lost_the_question_is_asked_what_it_runs_before_it_is_asked_again() {
    for now_runs in ["27.0", "16.5"] {
        let school = School::new();
        listed(&school, "27.0", "24A1");
        let ipad = device(&school, "UDID-1", "16.5", "pilot");
        made(&school, rules(Target::Newest));
        ipad.talks(|kind| ("Acknowledged", if kind == "ScheduleOSUpdate" { scheduled("Default", "Downloading") } else { String::new() }));
        assert_eq!(ipad.update().stage, Stage::Downloading);
        school.clock.advance(Duration::from_secs(601));
        let silent = |kind: &str| match kind {
            "OSUpdateStatus" => ("Error", UNKNOWN.to_owned()),
            _ => ("NotNow", String::new()),
        };
        let sent = ipad.talks(silent);
        assert_eq!(sent, ["OSUpdateStatus", "DeviceInformation"], "at once, and on the same connection");
        for _ in 0..20 {
            school.clock.advance(Duration::from_secs(601));
            let sent = ipad.talks(silent);
            assert!(!sent.iter().any(|kind| kind == "OSUpdateStatus"), "{sent:?}");
        }
        ipad.says_what_it_is(now_runs);
        school.clock.advance(Duration::from_secs(601));
        let sent = ipad.talks(silent);
        if now_runs == "27.0" {
            assert_eq!((ipad.update().stage, sent.iter().any(|kind| kind == "OSUpdateStatus")), (Stage::Done, false), "{sent:?}");
            continue;
        }
        assert!(sent.iter().any(|kind| kind == "OSUpdateStatus"), "it runs what it ran: {sent:?}");
        for _ in 0..5 {
            ipad.says_what_it_is(now_runs);
            school.clock.advance(Duration::from_secs(601));
            ipad.talks(silent);
        }
        assert_eq!(ipad.update().stage, Stage::Failed, "it is not asked for ever");
    }
}

#[test]
fn a_mac_is_made_to_restart_at_the_deadline_however_long_ago_it_was_looked_at() {
    let school = School::new();
    let mac = mac(&school);
    mac.finds(FOUND);
    device(&school, "UDID-2", "18.7.2", "pilot");
    let device_id = mac.enrollment().device_id;
    school.write(move |tx| groups::add_device(tx, "pilot", &device_id));
    // It begins at eleven, and is due at two.
    let deadline = Deadline::After { minutes: 180, time: None };
    made(&school, Rules { starts: wall("2026-11-18T11:00:00"), deadline, force_restart: true, ..rules(Target::Newest) });
    let status = "<key>OSUpdateStatus</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>IsDownloaded</key><true/>\
                  <key>DownloadPercentComplete</key><real>1</real><key>Status</key><string>Idle</string></dict></array>";
    let answer = |kind: &str| match kind {
        "AvailableOSUpdates" => FOUND.to_owned(),
        "ScheduleOSUpdate" => scheduled("InstallLater", "Idle"),
        "OSUpdateStatus" => status.to_owned(),
        _ => String::new(),
    };
    let sent = mac.answering(answer);
    assert_eq!(sent.last().unwrap()["Updates"][0]["InstallAction"], "InstallLater", "{sent:?}");
    // Twenty past one: an hour from here the deadline has passed.
    school.clock.advance(Duration::from_secs(8_000));
    let sent = mac.answering(answer);
    assert_eq!(sent.last().unwrap()["RequestType"], "OSUpdateStatus", "{sent:?}");
    let row = mac.update();
    assert_eq!((row.stage, row.due_at), (Stage::Prepared, row.deadline_at), "it is not left alone beyond its deadline");
    school.clock.advance(Duration::from_secs(2_401));
    let force = mac.answering(|kind| if kind == "ScheduleOSUpdate" { scheduled("InstallForceRestart", "Idle") } else { answer(kind) });
    assert_eq!(force[0]["Updates"][0]["InstallAction"], "InstallForceRestart", "{force:?}");
    let enrollment = mac.enrollment();
    let (_, remedy) = school.write(move |tx| progress::because(tx, &enrollment, &row));
    assert!(remedy.contains("Mac") && !remedy.contains("passcode"), "{remedy}");
}

#[test]
fn a_device_that_is_here_and_locked_is_told_as_locked_and_not_as_away() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    let id = ipad.enrollment().device_id;
    let order = Order { version: None, action: Action::Install };
    school.write(move |tx| orders::start(tx, &Actor::Console, &id, &order).map(drop));
    ipad.talks(|kind| ("Acknowledged", if kind == "ScheduleOSUpdate" { scheduled("InstallASAP", "Installing") } else { String::new() }));
    let told = || {
        let (enrollment, row) = (ipad.enrollment(), ipad.update());
        let one = school.write(move |tx| progress::because(tx, &enrollment, &row));
        let all = school.write(|tx| progress::members_of(tx, &Actor::Console, "", &Narrowed::default(), None, 10));
        assert_eq!((&all[0].because, &all[0].remedy), (&one.0, &one.1), "a list says the same");
        one
    };
    assert!(told().0.contains("away meanwhile"), "{:?}", told());
    school.clock.advance(Duration::from_secs(601));
    let sent = ipad.talks(|_| ("NotNow", String::new()));
    assert!(sent.iter().any(|kind| kind == "OSUpdateStatus"), "{sent:?}");
    let (because, remedy) = told();
    assert!(because.contains("connected but locked") && remedy.contains("enter its passcode"), "{because} {remedy}");
    school.clock.advance(days(1));
    assert!(told().0.contains("was locked when it last connected"), "{:?}", told());
    let installing = "<key>OSUpdateStatus</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>IsDownloaded</key><true/><key>Status</key>\
                      <string>Installing</string></dict></array>";
    ipad.talks(|kind| ("Acknowledged", if kind == "OSUpdateStatus" { installing.to_owned() } else { String::new() }));
    assert!(told().0.contains("away meanwhile"), "it was unlocked: {:?}", told());
}

#[test]
fn what_failed_and_is_not_there_at_its_deadline_has_failed_and_stops_a_plan() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipads = ["UDID-1", "UDID-2", "UDID-3", "UDID-4"].map(|udid| device(&school, udid, "18.1", "pilot"));
    let plan = made(&school, Rules { stop: Some(Stop { percent: 50, at_least: 2 }), ..rules(Target::Newest) });
    for ipad in &ipads {
        ipad.answering(|_| String::new());
    }
    let full = json!({ "install-state": "prepared", "failure-reason": { "count": 1, "reason": "The disk is full", "timestamp": "2026-11-18T12:00:00Z" } });
    let stopped = || {
        let id = plan.plan.id.clone();
        school.write(move |tx| plans::find(tx, &Actor::Console, &id)).plan.stopped_because
    };
    for ipad in &ipads[..2] {
        ipad.tells(full.clone(), None);
        assert_eq!(ipad.update().stage, Stage::Prepared, "it has its time until the deadline");
    }
    ipads[2].tells(json!({ "install-state": "prepared" }), None);
    assert_eq!(stopped(), "");
    school.clock.advance(days(4));
    ipads[2].answering(|_| String::new());
    ipads[0].answering(|_| String::new());
    let row = ipads[0].update();
    let (because, remedy) = words::because(&row, school.clock.now());
    assert!(row.stage == Stage::Failed && because.contains("disk is full"), "{because}");
    assert!(remedy.contains("free some room") && !remedy.contains("restart"), "{remedy}");
    assert!(ipads[0].enforced().is_some(), "the device goes on trying by itself");
    assert_eq!(ipads[2].update().stage, Stage::Prepared, "it did not fail, it is late");
    assert!(stopped().contains("2 of 4"), "{}", stopped());
}

impl Device<'_> {
    /// Reports what a device says of the declaration of a version that it runs, and beside it the version that it says to run, if it says so.
    fn calls_it_inapplicable(&self, version: Option<&str>) {
        let mut report = self.everything_applied();
        for state in report["StatusItems"]["management"]["declarations"]["configurations"].as_array_mut().unwrap() {
            if state["identifier"].as_str().unwrap().starts_with("org.rollcall.update") {
                let description = "The device runs 18.7.2, which is not older than 18.7.2.";
                state["active"] = json!(false);
                state["valid"] = json!("invalid");
                state["reasons"] = json!([{ "code": "Error.ConfigurationCannotBeApplied", "description": description }]);
            }
        }
        report["StatusItems"]["softwareupdate"] = json!({ "install-state": "none" });
        if let Some(version) = version {
            report["StatusItems"]["device"] = json!({ "operating-system": { "version": version, "build-version": "22H124" } });
        }
        self.declarative("status", Some(&report));
    }
}

/// What became of a device that runs, or does not run, what it is to be brought, after it called the declaration of it one that cannot be applied.
fn called_inapplicable(reported: Option<&str>, asked: &str) -> (Stage, Vec<String>, bool) {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, Rules { stop: Some(Stop { percent: 50, at_least: 1 }), ..rules(Target::Newest) });
    ipad.answering(|_| String::new());
    ipad.tells(json!({ "install-state": "installing" }), None);
    school.clock.advance(Duration::from_secs(600));
    ipad.calls_it_inapplicable(reported);
    assert!(!school.events().iter().any(|kind| kind == "update.failed"), "it may be what it was to become");
    school.clock.advance(Duration::from_secs(5));
    ipad.says_what_it_is(asked);
    let id = ipad.enrollment().id;
    school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
    let id = plan.plan.id;
    let is_stopped = school.write(move |tx| plans::find(tx, &Actor::Console, &id)).plan.stopped_at.is_some();
    (ipad.update().stage, school.events(), is_stopped)
}

#[test]
fn a_device_that_has_the_version_is_done_though_it_calls_the_declaration_of_it_one_that_cannot_be_applied() {
    // In the same report, or only when it is asked.
    for reported in [Some("18.7.2"), None] {
        let (stage, events, is_stopped) = called_inapplicable(reported, "18.7.2");
        assert_eq!((stage, is_stopped), (Stage::Done, false), "{reported:?}");
        let count = |kind: &str| events.iter().filter(|known| *known == kind).count();
        assert_eq!((count("update.failed"), count("update.done")), (0, 1), "{reported:?} {events:?}");
    }
}

#[test]
fn a_device_that_cannot_apply_it_and_runs_what_it_ran_has_failed_once_it_has_said_so() {
    let (stage, events, is_stopped) = called_inapplicable(None, "18.1");
    assert_eq!((stage, is_stopped), (Stage::Failed, true));
    assert_eq!(events.iter().filter(|kind| *kind == "update.failed").count(), 1, "{events:?}");
}
