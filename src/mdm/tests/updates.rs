//! Update plans from the list of releases to what a device reports: by declaration and by command, in rings, with turns, stops and exceptions.

mod by_hand;
mod followed;
mod own_list;
mod rings;
mod targets;
mod times;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Device, School, TOPIC, days};
use crate::clock::{Day, Timestamp, Wall};
use crate::mdm::Actor;
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::plans::{self, NewPlan};
use crate::mdm::updates::preview::{self, Foreseen};
use crate::mdm::updates::progress;
use crate::mdm::updates::rules::{Deadline, Ring, Rules, Target};
use crate::protocol::command::Command;
use crate::protocol::lookup::List;
use crate::protocol::plist::to_json;
use crate::store::groups::{self, Group};
use crate::store::releases::{self, Offer, Release, ReleaseKey};
use crate::store::update_states::{self, Stage, UpdateState};

/// The school's clock begins at 2026-11-18T11:06:40Z.
const TODAY: &str = "2026-11-18";

/// A release for the device of the tests.
pub(super) fn listed(school: &School, version: &'static str, build: &'static str) {
    put(school, (version, build), "2026-11-01", None);
}

/// The same with the day on which it was posted and the last one on which it is signed; its build does not matter.
pub(super) fn listed_for(school: &School, version: &'static str, posted: &'static str, expires: Option<&'static str>) {
    put(school, (version, ""), posted, expires);
}

fn put(school: &School, (version, build): (&'static str, &'static str), posted: &'static str, expires: Option<&'static str>) {
    school.write(move |tx| {
        let key = ReleaseKey { platform: "iOS".into(), version: version.into(), build: build.into(), ..ReleaseKey::default() };
        let expires = expires.and_then(Day::parse);
        let offer = Offer { list: List::Managed, posted: Day::parse(posted), expires, devices: vec!["iPad13,18".into()] };
        releases::put(tx, &Release { key, offers: vec![offer], appeared_at: tx.now, vanished_at: None })?;
        plans::releases_changed(tx)
    });
}

pub(super) fn device<'a>(school: &'a School, udid: &str, os_version: &str, group: &'static str) -> Device<'a> {
    let device = school.device(udid);
    let serial = udid.replace("UDID-", "TESTSN000");
    device
        .check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>DeviceName</key><string>iPad</string>\
             <key>ProductName</key><string>iPad13,18</string><key>OSVersion</key><string>{os_version}</string><key>SerialNumber</key><string>{serial}</string>"
        ))
        .unwrap();
    device.token_update(false);
    device.says_what_it_is(os_version);
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        if groups::by_id(tx, group)?.is_none() {
            let row = Group {
                id: group.into(),
                name: group.into(),
                note: String::new(),
                rule: None,
                is_by_rule: false,
                device_count: 0,
                created_at: tx.now,
                changed_at: tx.now,
            };
            groups::insert(tx, &row)?;
        }
        groups::add_device(tx, group, &device_id)
    });
    device.answer_everything();
    device
}

pub(super) fn rules(target: Target) -> Rules {
    Rules {
        target,
        starts: Day::parse(TODAY).unwrap().at(0),
        rings: vec![Ring { name: "Pilot".into(), after_minutes: 0, groups: vec!["pilot".into()] }],
        deadline: Deadline::After { minutes: 3 * 24 * 60, time: Some(16 * 60) },
        quiet: Vec::new(),
        holidays: Vec::new(),
        at_once: None,
        stop: None,
        improvements: false,
        force_restart: false,
        details_url: Some("https://example.school/why".into()),
    }
}

pub(super) fn made(school: &School, rules: Rules) -> Read {
    let new = NewPlan { name: "Autumn".into(), note: String::new(), rules };
    school.write(move |tx| plans::create(tx, &Actor::Console, &new))
}

impl Device<'_> {
    pub(super) fn update(&self) -> UpdateState {
        self.updates().into_iter().next().unwrap()
    }

    pub(super) fn updates(&self) -> Vec<UpdateState> {
        let id = self.enrollment().id;
        self.school.write(move |tx| update_states::of_enrollment(tx, &id))
    }

    /// Connects, and answers commands about updates by `answer`; gives what was sent about updates.
    pub(super) fn answering(&self, answer: impl Fn(&str) -> String) -> Vec<Value> {
        let mut sent = Vec::new();
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
        let mut offer = self.idle();
        while let Some(command) = offer {
            let kind = command.request_type.as_str();
            if kind.contains("OSUpdate") {
                let mut read = to_json(&Command::from_plist(command.payload.expose()).unwrap().masked());
                read["RequestType"] = json!(kind);
                sent.push(read);
            }
            let said = if kind.contains("OSUpdate") { answer(kind) } else { String::new() };
            let uuid = &command.uuid;
            let said = format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{uuid}</string>{said}");
            offer = super::offered(self.connect(&said).unwrap());
        }
        sent
    }

    /// The enforcement declaration that it is served.
    pub(super) fn enforced(&self) -> Option<Value> {
        let items = self.json("declaration-items")?;
        let list = items["Declarations"]["Configurations"].as_array()?.clone();
        let own = list.iter().filter_map(|item| item["Identifier"].as_str()).find(|name| name.starts_with("org.rollcall.update"))?;
        self.json(&format!("declaration/configuration/{own}"))
    }

    /// Reports that it has looked at everything, and this of its update and system.
    pub(super) fn tells(&self, update: Value, version: Option<&str>) {
        let mut report = self.everything_applied();
        report["StatusItems"]["softwareupdate"] = update;
        if let Some(version) = version {
            report["StatusItems"]["device"] = json!({ "operating-system": { "version": version, "build-version": "B" } });
        }
        self.declarative("status", Some(&report));
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
    }
}

fn wall(text: &str) -> Wall {
    Wall::parse(text).unwrap()
}

#[test]
fn a_newer_system_gets_a_declaration_with_its_local_deadline_and_is_done_when_it_reports_the_version() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let plan = made(&school, rules(Target::Newest));
    let sent = ipad.answering(|_| String::new());
    assert!(sent.is_empty(), "no command about updates: {sent:?}");
    let served = ipad.enforced().unwrap();
    assert_eq!(served["Type"], "com.apple.configuration.softwareupdate.enforcement.specific");
    assert_eq!(
        served["Payload"],
        json!({ "TargetOSVersion": "18.7.2", "TargetBuildVersion": "22H124", "TargetLocalDateTime": "2026-11-21T16:00:00", "DetailsURL": "https://example.school/why" })
    );
    assert_eq!(ipad.update().stage, Stage::Waiting);
    ipad.tells(json!({ "install-state": "downloading" }), None);
    assert_eq!(ipad.update().stage, Stage::Downloading);
    ipad.tells(json!({ "install-state": "prepared" }), None);
    ipad.tells(json!({ "install-state": "installing" }), None);
    assert_eq!(ipad.update().stage, Stage::Installing);
    ipad.tells(json!({ "install-state": "none" }), Some("18.7.2"));
    let row = ipad.update();
    assert_eq!((row.stage, row.done_at.is_some()), (Stage::Done, true));
    assert_eq!(ipad.enforced(), None, "left there it would be invalid for ever");
    let events = school.events();
    for kind in ["update.begun", "update.downloading", "update.prepared", "update.installing", "update.done"] {
        assert_eq!(events.iter().filter(|known| *known == kind).count(), 1, "{kind} {events:?}");
    }
    let (id, read) = (plan.plan.id.clone(), plan);
    let (counts, points) = school.write(move |tx| Ok((progress::counts(tx, &read)?.0, progress::burn_down(tx, &id)?)));
    assert_eq!((counts.of(Stage::Done), counts.total(), counts.overdue), (1, 1, 0));
    assert_eq!(points.last().unwrap().left, 0);
}

#[test]
fn an_older_system_downloads_first_and_installs_on_a_second_order_which_is_never_repeated() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    made(&school, rules(Target::Newest));
    let scheduled = |action: &str, status: &str| {
        format!(
            "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>iOSUpdate20H364</string><key>InstallAction</key><string>{action}</string>\
             <key>Status</key><string>{status}</string></dict></array>"
        )
    };
    let status = |state: &str, downloaded: bool, part: f64| {
        format!(
            "<key>OSUpdateStatus</key><array><dict><key>ProductKey</key><string>iOSUpdate20H364</string><key>IsDownloaded</key><{downloaded}/>\
             <key>DownloadPercentComplete</key><real>{part}</real><key>Status</key><string>{state}</string></dict></array>"
        )
    };
    let sent = ipad.answering(|_| scheduled("DownloadOnly", "Downloading"));
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0]["Updates"], json!([{ "ProductVersion": "16.7.12", "InstallAction": "Default" }]));
    assert!(ipad.answering(|_| panic!("nothing is due")).is_empty());
    school.clock.advance(Duration::from_secs(601));
    let sent = ipad.answering(|_| status("Downloading", false, 0.4));
    assert_eq!((sent[0]["RequestType"].as_str(), ipad.update().percent), (Some("OSUpdateStatus"), Some(40)));
    school.clock.advance(Duration::from_secs(601));
    let sent =
        ipad.answering(|kind| if kind == "OSUpdateStatus" { status("Idle", true, 1.0) } else { scheduled("InstallASAP", "Installing") });
    let kinds: Vec<_> = sent.iter().map(|sent| sent["RequestType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["OSUpdateStatus", "ScheduleOSUpdate"]);
    assert_eq!(sent[1]["Updates"][0]["InstallAction"], "InstallASAP");
    assert_eq!(ipad.update().stage, Stage::Installing);
    for _ in 0..5 {
        school.clock.advance(Duration::from_secs(601));
        let sent = ipad.answering(|kind| if kind == "OSUpdateStatus" { status("Installing", true, 1.0) } else { panic!("{kind} again") });
        assert_eq!(sent.len(), 1);
    }
    school.clock.advance(Duration::from_secs(601));
    ipad.answering(|_| String::from("<key>OSUpdateStatus</key><array/>"));
    ipad.says("16.7.12");
    assert_eq!(ipad.update().stage, Stage::Done);
    assert_eq!(ipad.enforced(), None);
}

impl Device<'_> {
    /// It is asked what it is and says this version.
    fn says(&self, version: &str) {
        self.enqueue(crate::protocol::command::device_information(uuid::Uuid::from_u128(7), &["OSVersion"]));
        self.says_what_it_is(version);
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
    }
}

#[test]
fn a_device_that_is_not_ready_waits_with_the_reason_and_one_that_fails_is_tried_less_and_less_often() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    made(&school, rules(Target::Newest));
    let result = |status: &str| {
        format!(
            "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>DownloadOnly</string><key>Status</key><string>{status}</string></dict></array>"
        )
    };
    ipad.answering(|_| result("DownloadInsufficientPower"));
    let row = ipad.update();
    assert_eq!((row.stage, row.attempts), (Stage::Waiting, 0));
    assert!(row.problem.contains("battery"), "{}", row.problem);
    for attempt in 1..=6 {
        school.clock.advance(days(2));
        assert_eq!(ipad.answering(|_| result("DownloadFailed")).len(), 1, "{attempt}");
        assert_eq!((ipad.update().stage, ipad.update().attempts), (Stage::Failed, attempt));
    }
    school.clock.advance(days(30));
    assert!(ipad.answering(|_| panic!("it was given up")).is_empty());
}

#[test]
fn a_deadline_is_the_devices_own_and_another_release_begins_anew() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    made(&school, rules(Target::NewestOfMajor { major: 18 }));
    ipad.answering(|_| String::new());
    let before = ipad.enforced().unwrap();
    listed(&school, "18.7.3", "22H130");
    listed(&school, "26.1", "23B85");
    ipad.answering(|_| String::new());
    let after = ipad.enforced().unwrap();
    assert_eq!(after["Payload"]["TargetOSVersion"], "18.7.3", "not 26");
    assert_ne!(after["ServerToken"], before["ServerToken"], "the same token would keep the old deadline");
    // Apple takes it back.
    school.write(|tx| {
        for release in releases::listed(tx)?.into_iter().filter(|release| release.key.version == "18.7.3") {
            releases::put(tx, &Release { vanished_at: Some(tx.now), ..release })?;
        }
        plans::releases_changed(tx)
    });
    ipad.answering(|_| String::new());
    assert_eq!(ipad.enforced().unwrap()["Payload"]["TargetOSVersion"], "18.7.2");
}

#[test]
fn what_cannot_be_had_is_said_while_the_rest_goes_on_and_a_preview_says_the_same() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let (newer, older, done) = (
        device(&school, "UDID-1", "18.1", "pilot"),
        device(&school, "UDID-2", "10.3.3", "pilot"),
        device(&school, "UDID-3", "18.7.2", "pilot"),
    );
    let rules = rules(Target::Release { platform: "iOS".into(), version: "18.7.2".into(), build: String::new() });
    let thought = rules.clone();
    let foreseen = school.write(move |tx| preview::preview(tx, &Actor::Console, None, &thought));
    let of = |device: &Device<'_>| {
        let id = device.enrollment().device_id;
        let told = foreseen.devices.iter().find(|told| told.device_id == id).unwrap();
        (told.foreseen, told.deadline)
    };
    assert_eq!(of(&newer), (Foreseen::Declaration, Some(wall("2026-11-21T16:00:00"))));
    assert_eq!((of(&older).0, of(&done).0), (Foreseen::Command, Foreseen::Done));
    made(&school, rules);
    let sent = older.answering(|_| String::from("<key>AvailableOSUpdates</key><array/>"));
    assert_eq!(sent[0]["RequestType"], "AvailableOSUpdates", "iOS 10 takes a key alone");
    assert!(older.update().problem.contains("does not find"), "{}", older.update().problem);
    let _ = (newer.answering(|_| String::new()), done.answering(|_| String::new()));
    assert_eq!((newer.update().stage, done.update().stage), (Stage::Waiting, Stage::Done));
    assert_eq!(done.update().done_at, None, "the plan did not bring it");
}

#[test]
fn of_two_plans_the_one_that_is_due_first_is_brought_and_then_the_other() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    listed(&school, "26.1", "23B85");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    let autumn = made(&school, rules(Target::Newest));
    let mut sooner = rules(Target::NewestOfMajor { major: 18 });
    sooner.deadline = Deadline::After { minutes: 60, time: None };
    let foreseen = |rules: &Rules, id: Option<String>| {
        let rules = rules.clone();
        let foreseen = school.write(move |tx| preview::preview(tx, &Actor::Console, id.as_deref(), &rules));
        let besides = foreseen.devices[0].besides[0].clone();
        assert_eq!((foreseen.overlaps[0].devices, foreseen.overlaps[0].comes_first_on), (1, u32::from(besides.comes_first)));
        (besides.plan, besides.version, besides.comes_first)
    };
    assert_eq!(foreseen(&sooner, None), ("Autumn".into(), "26.1".into(), false));
    let new = NewPlan { name: "Sooner".into(), note: String::new(), rules: sooner };
    school.write(move |tx| plans::create(tx, &Actor::Console, &new));
    assert_eq!(foreseen(&autumn.rules, Some(autumn.plan.id)), ("Sooner".into(), "18.7.2".into(), true));
    ipad.answering(|_| String::new());
    assert!(ipad.updates().iter().any(|row| row.problem == "“Sooner” comes first"));
    assert_eq!(ipad.enforced().unwrap()["Payload"]["TargetOSVersion"], "18.7.2");
    ipad.tells(json!({ "install-state": "none" }), Some("18.7.2"));
    assert_eq!(ipad.enforced().unwrap()["Payload"]["TargetOSVersion"], "26.1");
}

#[test]
fn a_device_that_enrolls_anew_begins_anew() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    made(&school, rules(Target::Newest));
    ipad.answering(|_| String::new());
    ipad.tells(json!({ "install-state": "installing" }), None);
    let again = school.device("UDID-1 again");
    let ipad = Device { udid: "UDID-1".into(), ..again };
    ipad.authenticate();
    ipad.token_update(false);
    ipad.says_what_it_is("18.1");
    ipad.answering(|_| String::new());
    assert_eq!(ipad.update().stage, Stage::Waiting, "what the system before it did is gone");
}

#[test]
fn moments_of_the_tests_are_what_they_say() {
    let school = School::new();
    assert_eq!(school.clock.now(), Timestamp::parse("2026-11-18T11:06:40Z").unwrap());
}
