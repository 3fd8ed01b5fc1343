//! Updates that a person starts.

use std::time::Duration;

use serde_json::json;

use super::{days, device, listed, made, rules};
use crate::mdm::Actor;
use crate::mdm::tests::{Device, School};
use crate::mdm::updates::orders::{self, Order, Started};
use crate::mdm::updates::plans::{self, NewPlan};
use crate::mdm::updates::rules::{Deadline, Target};
use crate::mdm::updates::words;
use crate::store::deployments::Mechanism;
use crate::store::devices;
use crate::store::update_states::{Action, Stage};

impl Device<'_> {
    fn start(&self, version: Option<&'static str>, action: Action) -> crate::error::Result<Started> {
        let id = self.enrollment().device_id;
        let order = Order { version: version.map(str::to_owned), action };
        self.school.try_write(move |tx| orders::start(tx, &Actor::Console, &id, &order)).map(|(started, _)| started)
    }
}

#[test]
fn install_now_is_a_deadline_in_a_moment_and_a_second_click_changes_nothing_and_says_so() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    assert_eq!(ipad.start(None, Action::Install).unwrap(), Started::Begun);
    ipad.answering(|_| String::new());
    let served = ipad.enforced().unwrap();
    assert_eq!(
        served["Payload"],
        json!({ "TargetOSVersion": "18.7.2", "TargetBuildVersion": "22H124", "TargetLocalDateTime": "2026-11-18T11:08:40" })
    );
    school.clock.advance(Duration::from_secs(90));
    let Started::UnderWay(said) = ipad.start(None, Action::Install).unwrap() else { panic!() };
    assert!(said.contains("already"), "{said}");
    ipad.answering(|_| String::new());
    assert_eq!(ipad.enforced().unwrap()["ServerToken"], served["ServerToken"]);
    let id = ipad.enrollment().device_id;
    school.write(move |tx| orders::cancel(tx, &Actor::Console, &id));
    ipad.answering(|_| String::new());
    assert_eq!((ipad.enforced(), ipad.updates()), (None, Vec::new()));
}

#[test]
fn tonight_is_two_in_the_morning_of_the_device() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    ipad.start(Some("18.7.2"), Action::Later).unwrap();
    ipad.answering(|_| String::new());
    assert_eq!(ipad.enforced().unwrap()["Payload"]["TargetLocalDateTime"], "2026-11-19T02:00:00");
}

#[test]
fn an_old_system_is_only_told_to_download_and_then_left_alone() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    ipad.start(None, Action::Download).unwrap();
    let status = "<key>OSUpdateStatus</key><array><dict><key>ProductKey</key><string>k</string><key>IsDownloaded</key><true/><key>Status</key><string>Idle</string></dict></array>";
    let taken = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>DownloadOnly</string><key>Status</key><string>Downloading</string></dict></array>";
    let answer = |kind: &str| if kind == "OSUpdateStatus" { status.to_owned() } else { taken.to_owned() };
    let sent = ipad.answering(answer);
    assert_eq!(sent[0]["Updates"][0]["InstallAction"], "DownloadOnly");
    school.clock.advance(Duration::from_secs(601));
    assert_eq!(ipad.answering(answer).len(), 1, "it is asked how far it is");
    assert_eq!(ipad.update().stage, Stage::Prepared);
    school.clock.advance(Duration::from_secs(7200));
    assert!(ipad.answering(|kind| panic!("{kind}")).is_empty());
}

#[test]
fn what_a_device_cannot_have_or_do_is_refused_with_what_it_can() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let newer = device(&school, "UDID-1", "18.1", "pilot");
    let message = |device: &Device<'_>, version, action| device.start(version, action).unwrap_err().message.into_owned();
    assert!(message(&newer, Some("26.1"), Action::Install).contains("it offers 18.7.2"));
    assert!(message(&newer, Some("17.7"), Action::Install).contains("runs 18.1 already"));
    assert!(message(&newer, Some("soon"), Action::Install).contains("no version"));
    let newest = device(&school, "UDID-4", "27.0", "pilot");
    assert!(message(&newest, None, Action::Download).contains("always install"), "its system has no command for it any more");
    let older = device(&school, "UDID-2", "16.5", "pilot");
    assert!(message(&older, None, Action::Force).contains("only a Mac"));
    let done = device(&school, "UDID-3", "18.7.2", "pilot");
    assert!(message(&done, None, Action::Install).contains("newest"));
    let before_list = School::new();
    let early = device(&before_list, "UDID-1", "18.1", "pilot");
    assert!(message(&early, None, Action::Install).contains("has not been read yet"));
}

#[test]
fn a_failure_by_hand_can_be_tried_again_at_once() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    ipad.start(None, Action::Install).unwrap();
    let failed = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>Error</string><key>Status</key><string>Idle</string>\
        <key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>12048</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string></dict></array></dict></array>";
    assert_eq!(ipad.answering(|_| failed.to_owned()).len(), 1);
    assert_eq!((ipad.update().stage, ipad.update().problem.as_str()), (Stage::Failed, "there is no such update"));
    assert!(ipad.answering(|kind| panic!("{kind}")).is_empty(), "not at once");
    let id = ipad.enrollment().device_id;
    school.write(move |tx| orders::again(tx, &Actor::Console, &id, ""));
    assert_eq!(ipad.answering(|_| failed.to_owned()).len(), 1);
}

/// What a device answers to ScheduleOSUpdate by an error of MDM.
fn refusal(code: u32) -> String {
    format!(
        "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>Error</string><key>Status</key><string>Idle</string>\
         <key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>{code}</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string></dict></array></dict></array>"
    )
}

#[test]
fn only_downloading_is_not_begun_where_a_plan_has_the_device_at_it_already() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    listed(&school, "26.1", "23B85");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    made(&school, rules(Target::NewestOfMajor { major: 18 }));
    ipad.answering(|_| String::new());
    for state in [None, Some("downloading"), Some("prepared")] {
        if let Some(state) = state {
            ipad.tells(json!({ "install-state": state }), None);
        }
        for version in [Some("18.7.2"), Some("26.1")] {
            let Started::UnderWay(said) = ipad.start(version, Action::Download).unwrap() else { panic!("{state:?} {version:?}") };
            assert!(said.contains("“Autumn”") && said.contains("18.7.2"), "{said}");
        }
        assert!(ipad.answering(|kind| panic!("{kind}")).is_empty());
        assert!(ipad.enforced().is_some() && ipad.updates().len() == 1, "the plan goes on");
    }
    assert_eq!(ipad.start(Some("18.7.2"), Action::Install).unwrap(), Started::Begun, "now is more than by the deadline");
}

#[test]
fn a_device_that_says_that_it_is_at_it_already_has_not_failed() {
    for (code, stage) in [(12_051, Stage::Downloading), (12_052, Stage::Prepared), (12_058, Stage::Installing)] {
        for is_whole in [false, true] {
            let school = School::new();
            listed(&school, "16.7.12", "20H364");
            let ipad = device(&school, "UDID-1", "16.5", "pilot");
            ipad.start(None, Action::Download).unwrap();
            if is_whole {
                let id = ipad.enrollment().id;
                school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
                let uuid = ipad.idle().unwrap().uuid;
                let said = format!(
                    "<key>Status</key><string>Error</string><key>CommandUUID</key><string>{uuid}</string><key>ErrorChain</key><array><dict>\
                     <key>ErrorCode</key><integer>{code}</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string></dict></array>"
                );
                ipad.connect(&said).unwrap();
            } else {
                ipad.answering(|kind| if kind == "ScheduleOSUpdate" { refusal(code) } else { String::new() });
            }
            let row = ipad.update();
            assert_eq!((row.stage, row.attempts, row.problem.as_str()), (stage, 0, ""), "{code} {is_whole}");
        }
    }
}

#[test]
fn a_plan_that_waits_for_what_was_started_by_hand_says_what_ends_that() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    ipad.start(None, Action::Later).unwrap();
    let plan =
        made(&school, crate::mdm::updates::rules::Rules { deadline: Deadline::After { minutes: 60, time: None }, ..rules(Target::Newest) });
    ipad.answering(|_| String::new());
    let row = ipad.updates().into_iter().find(|row| row.plan_id == plan.plan.id).unwrap();
    let (because, remedy) = words::because(&row, school.clock.now());
    assert!(because.contains("started by hand") && row.begun_at.is_none(), "{because}");
    assert!(remedy.contains("Take back") && !remedy.contains("turn"), "{remedy}");
    assert_eq!((words::is_overdue(&row, school.clock.now()), row.deadline.as_str()), (false, ""), "it was never told");
    let id = ipad.enrollment().device_id;
    school.write(move |tx| orders::cancel(tx, &Actor::Console, &id));
    ipad.answering(|_| String::new());
    assert_eq!(
        (ipad.update().stage, ipad.update().deadline.as_str()),
        (Stage::Waiting, "2026-11-18T12:06:40"),
        "an hour from when it is told"
    );
}

#[test]
fn what_is_held_up_by_hand_until_its_deadline_passes_is_not_late_before_it_is_told() {
    let school = School::new();
    listed(&school, "18.7.2", "22H124");
    let ipad = device(&school, "UDID-1", "18.1", "pilot");
    ipad.start(None, Action::Later).unwrap();
    let deadline = Deadline::After { minutes: 13 * 60, time: None };
    let plan = made(&school, crate::mdm::updates::rules::Rules { deadline, ..rules(Target::Newest) });
    ipad.answering(|_| String::new());
    let row = || ipad.updates().into_iter().find(|row| row.plan_id == plan.plan.id).unwrap();
    assert_eq!(row().deadline, "2026-11-18T13:00:00");
    let id = ipad.enrollment().id;
    let wakes = school.write(move |tx| {
        crate::mdm::reconcile::plan(tx, &id)?;
        crate::store::deployments::next_due(tx)
    });
    assert_eq!(wakes, row().deadline_at, "nothing else would have it looked at");
    school.clock.advance(Duration::from_secs(2 * 3600));
    ipad.answering(|_| String::new());
    assert!(!words::is_overdue(&row(), school.clock.now()) && row().deadline.is_empty(), "{:?}", row());
}

#[test]
fn what_lacks_room_says_when_it_is_tried_again_and_can_be_tried_at_once() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    ipad.start(None, Action::Install).unwrap();
    let full = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>DownloadOnly</string>\
                <key>Status</key><string>DownloadInsufficientSpace</string></dict></array>";
    assert_eq!(ipad.answering(|_| full.to_owned()).len(), 1);
    school.clock.advance(Duration::from_secs(601));
    assert!(ipad.answering(|kind| panic!("{kind}")).is_empty(), "not at once by itself");
    let (because, remedy) = words::because(&ipad.update(), school.clock.now());
    assert!(because.contains("not enough room"), "{because}");
    assert!(remedy.contains("Free some room") && remedy.contains("in 50 minutes"), "{remedy}");
    assert_eq!(ipad.start(None, Action::Install).unwrap(), Started::Begun, "nobody is told that it is at it");
    assert_eq!(ipad.answering(|_| full.to_owned()).len(), 1);
    let id = ipad.enrollment().device_id;
    school.write(move |tx| orders::again(tx, &Actor::Console, &id, ""));
    assert_eq!(ipad.answering(|_| full.to_owned()).len(), 1);
    assert_eq!(ipad.update().stage, Stage::Waiting);
    let taken = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>DownloadOnly</string>\
                 <key>Status</key><string>Downloading</string></dict></array>";
    school.clock.advance(Duration::from_secs(3601));
    assert_eq!(ipad.answering(|_| taken.to_owned()).len(), 1, "by itself after an hour");
    let Started::UnderWay(_) = ipad.start(None, Action::Install).unwrap() else { panic!("it is at it") };
    let id = ipad.enrollment().device_id;
    let refused = school.try_write(move |tx| orders::again(tx, &Actor::Console, &id, "")).unwrap_err();
    assert!(refused.message.contains("not failed"), "{}", refused.message);
}

#[test]
fn what_was_given_up_keeps_no_plan_from_beginning() {
    let school = School::new();
    listed(&school, "16.7.12", "20H364");
    let ipad = device(&school, "UDID-1", "16.5", "pilot");
    ipad.start(None, Action::Install).unwrap();
    let exhaust = |kind: &str| {
        assert_eq!(kind, "ScheduleOSUpdate");
        refusal(12_062)
    };
    for _ in 0..6 {
        assert_eq!(ipad.answering(exhaust).len(), 1);
        school.clock.advance(days(2));
    }
    assert_eq!((ipad.update().stage, ipad.update().attempts), (Stage::Failed, 6));
    made(&school, rules(Target::Newest));
    for _ in 0..6 {
        assert_eq!(ipad.answering(exhaust).len(), 1, "the plan begins: {:?}", ipad.updates());
        school.clock.advance(days(2));
    }
    let new = NewPlan { name: "Winter".into(), note: String::new(), rules: rules(Target::NewestOfOwn) };
    school.write(move |tx| plans::create(tx, &Actor::Console, &new));
    assert_eq!(ipad.answering(exhaust).len(), 1, "and the next one too: {:?}", ipad.updates());
    for row in ipad.updates().into_iter().take(1).chain(ipad.updates().into_iter().filter(|row| row.attempts == 6)) {
        let (_, remedy) = words::because(&row, school.clock.now());
        assert_eq!((row.stage, remedy.contains("not tried any more")), (Stage::Failed, true), "{row:?}");
    }
    assert_eq!(ipad.updates().iter().filter(|row| row.attempts == 6).count(), 2);
    school.clock.advance(days(2));
    let id = ipad.enrollment().device_id;
    school.write(move |tx| orders::again(tx, &Actor::Console, &id, ""));
    ipad.answering(|_| refusal(12_051));
    assert_eq!(ipad.updates()[0].stage, Stage::Downloading, "what is tried again acts again");
}

#[test]
fn what_began_by_command_goes_on_in_the_way_of_the_system_that_the_device_came_to() {
    let taken = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>k</string><key>InstallAction</key><string>Default</string><key>Status</key><string>Downloading</string></dict></array>";
    for action in [Action::Install, Action::Download] {
        let school = School::new();
        listed(&school, "27.1", "24B80");
        let ipad = device(&school, "UDID-1", "16.5", "pilot");
        ipad.start(Some("27.1"), action).unwrap();
        assert_eq!(ipad.answering(|_| taken.to_owned()).len(), 1);
        // Its person installed another release meanwhile, whose system has no such commands any more.
        let id = ipad.enrollment().device_id;
        school.write(move |tx| {
            let ipad = devices::by_id(tx, &id)?.unwrap();
            devices::update(tx, &devices::Device { os_version: "27.0".into(), ..ipad })
        });
        school.clock.advance(Duration::from_secs(601));
        assert!(ipad.answering(|kind| panic!("{kind}")).is_empty(), "{action:?}");
        let (row, served) = (ipad.update(), ipad.enforced());
        if action == Action::Install {
            assert_eq!((row.stage, row.mechanism), (Stage::Waiting, Mechanism::Declaration));
            assert_eq!(served.unwrap()["Payload"]["TargetOSVersion"], "27.1");
        } else {
            assert_eq!((row.stage, served), (Stage::Cannot, None), "declarations always install");
            assert!(row.problem.contains("always installs"), "{}", row.problem);
        }
    }
}
