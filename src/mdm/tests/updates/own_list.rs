//! Macs that Apple's list does not tell of: they are asked what they find, by themselves and before an order.

use std::time::Duration;

use super::{Device, School, TOPIC, days, device, listed, made, rules};
use crate::mdm::Actor;
use crate::mdm::inventory;
use crate::mdm::updates::candidates::Found;
use crate::mdm::updates::next::AFTER_SCAN;
use crate::mdm::updates::orders::{self, Order, Started};
use crate::mdm::updates::own_list;
use crate::mdm::updates::rules::Target;
use crate::mdm::updates::words;
use crate::store::devices;
use crate::store::enrollments;
use crate::store::update_states::{Action, Stage};

pub(super) const FOUND: &str = "<key>AvailableOSUpdates</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>Version</key><string>11.7.10</string>\
                     <key>Build</key><string>20G1427</string></dict></array>";
const NOTHING: &str = "<key>AvailableOSUpdates</key><array/>";

/// A Mac that has enrolled and said nothing yet.
pub(super) fn mac(school: &School) -> Device<'_> {
    // That a list is here, and says nothing of Macs by their model.
    listed(school, "18.7.2", "22H124");
    let device = school.device("UDID-1");
    device
        .check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>DeviceName</key><string>Mac</string>\
             <key>ProductName</key><string>Macmini8,1</string><key>OSVersion</key><string>11.6</string><key>SerialNumber</key><string>TESTSN0001</string>"
        ))
        .unwrap();
    device.token_update(false);
    device
}

impl Device<'_> {
    /// Connects and answers everything, with this for what it finds; gives what it was asked about updates.
    pub(super) fn finds(&self, found: &str) -> Vec<String> {
        let mut asked = Vec::new();
        let id = self.enrollment().device_id;
        let is_mac = self.school.write(move |tx| devices::by_id(tx, &id)).unwrap().product_name == "Macmini8,1";
        let mut offer = self.idle();
        while let Some(command) = offer {
            let answer = match command.request_type.as_str() {
                "DeviceInformation" if is_mac => {
                    "<key>QueryResponses</key><dict><key>OSVersion</key><string>11.6</string><key>ProductName</key><string>Macmini8,1</string>\
                     <key>IsSupervised</key><true/></dict>"
                }
                "AvailableOSUpdates" => found,
                "ScheduleOSUpdateScan" => "<key>ScanInitiated</key><true/>",
                _ => "",
            };
            if command.request_type.contains("OSUpdate") {
                asked.push(command.request_type.clone());
            }
            let uuid = &command.uuid;
            let said = format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{uuid}</string>{answer}");
            offer = super::super::offered(self.connect(&said).unwrap());
        }
        asked
    }

    /// The versions that it can have, and whether it is to be asked for them; none where that is not known.
    fn can_have(&self) -> (Option<Vec<String>>, bool) {
        let id = self.enrollment().id;
        self.school.write(move |tx| {
            let channel = enrollments::by_id(tx, &id)?.unwrap();
            let device = devices::by_id(tx, &channel.device_id)?.unwrap();
            let (_, found, asks) = own_list::of_device(tx, &device, Some(&channel))?;
            let versions = match found {
                Found::Known(found) => Some(found.iter().map(|candidate| candidate.version.to_string()).collect()),
                Found::Unknown(_) => None,
            };
            Ok((versions, asks))
        })
    }

    fn begins(&self, version: Option<&'static str>) -> crate::error::Result<Started> {
        let id = self.enrollment().device_id;
        let order = Order { version: version.map(str::to_owned), action: Action::Install };
        self.school.try_write(move |tx| orders::start(tx, &Actor::Console, &id, &order)).map(|(started, _)| started)
    }
}

#[test]
fn an_old_mac_without_a_plan_is_told_to_look_every_day_and_asked_again_when_it_has() {
    let school = School::new();
    let mac = mac(&school);
    assert_eq!(mac.finds(NOTHING), ["ScheduleOSUpdateScan", "AvailableOSUpdates"]);
    assert_eq!(mac.can_have(), (None, true), "it had no time to look");
    school.clock.advance(AFTER_SCAN + Duration::from_secs(1));
    assert_eq!(school.write(inventory::refresh), 1);
    assert_eq!(mac.finds(FOUND), ["AvailableOSUpdates"], "it looks already");
    assert_eq!(mac.can_have(), (Some(vec!["11.7.10".into()]), false));
    let again = |id: String| school.write(move |tx| inventory::ask_all(tx, &Actor::Console, &enrollments::by_id(tx, &id)?.unwrap()));
    again(mac.enrollment().id);
    assert_eq!(mac.finds(FOUND), Vec::<String>::new(), "not within the hour");
    school.clock.advance(days(1));
    again(mac.enrollment().id);
    assert_eq!(mac.can_have().0, Some(vec!["11.7.10".into()]), "what it found holds until it is asked anew");
    assert_eq!(mac.finds(NOTHING), ["ScheduleOSUpdateScan", "AvailableOSUpdates"]);
}

#[test]
fn a_mac_that_has_looked_and_found_nothing_has_the_newest_and_others_are_not_asked() {
    let school = School::new();
    let mac = mac(&school);
    mac.finds(NOTHING);
    school.clock.advance(AFTER_SCAN + Duration::from_secs(1));
    school.write(inventory::refresh);
    mac.finds(NOTHING);
    assert_eq!(mac.can_have(), (Some(Vec::new()), false));
    let ipad = device(&school, "UDID-2", "16.5", "pilot");
    let id = ipad.enrollment().id;
    school.write(move |tx| inventory::ask_all(tx, &Actor::Console, &enrollments::by_id(tx, &id)?.unwrap()));
    assert_eq!(ipad.finds(FOUND), Vec::<String>::new(), "Apple’s list tells what it can have");
}

#[test]
fn an_old_ipad_that_the_list_does_not_name_and_that_finds_nothing_has_the_newest() {
    for no_update in [NOTHING.to_owned(), refusal(2213)] {
        let school = School::new();
        listed(&school, "18.7.2", "22H124");
        let ipad = device(&school, "UDID-1", "15.8.3", "pilot");
        let id = ipad.enrollment().device_id;
        school.write(move |tx| {
            let device = devices::by_id(tx, &id)?.unwrap();
            devices::update(tx, &devices::Device { product_name: "iPad5,3".into(), supervised: Some(true), ..device })
        });
        made(&school, rules(Target::Newest));
        let answer = |kind: &str| {
            assert_eq!(kind, "AvailableOSUpdates");
            no_update.clone()
        };
        ipad.refusing(answer);
        assert_eq!(ipad.can_have(), (Some(Vec::new()), false), "{no_update}");
        ipad.refusing(|kind| panic!("{kind} is asked again"));
        assert_eq!(ipad.update().stage, Stage::Done, "{:?}", ipad.update());
    }
}

#[test]
fn what_its_person_is_told_of_is_followed_until_it_is_there() {
    let school = School::new();
    let mac = mac(&school);
    mac.finds(FOUND);
    let id = mac.enrollment().device_id;
    school.write(move |tx| orders::start(tx, &Actor::Console, &id, &Order { version: None, action: Action::Notify }));
    let result = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>InstallAction</key><string>NotifyOnly</string><key>Status</key><string>Downloading</string></dict></array>";
    let status = "<key>OSUpdateStatus</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>IsDownloaded</key><true/><key>Status</key><string>Idle</string></dict></array>";
    let answer = |kind: &str| match kind {
        "AvailableOSUpdates" => FOUND.to_owned(),
        "ScheduleOSUpdate" => result.to_owned(),
        _ => status.to_owned(),
    };
    mac.answering(answer);
    mac.answering(answer);
    assert_eq!(mac.update().stage, Stage::Downloading, "{:?}", mac.update());
    school.clock.advance(Duration::from_secs(601));
    let asked = mac.answering(answer);
    assert!(asked.iter().any(|sent| sent["RequestType"] == "OSUpdateStatus"), "{asked:?}");
    assert_eq!(mac.update().stage, Stage::Prepared);
    assert!(words::because(&mac.update(), school.clock.now()).0.contains("its person has been told"));
}

/// An answer by an error.
fn refusal(code: u32) -> String {
    format!(
        "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>{code}</integer><key>ErrorDomain</key><string>DeviceManagement.error</string>\
         <key>LocalizedDescription</key><string>No update available.</string></dict></array>"
    )
}

impl Device<'_> {
    /// Connects, and answers commands about updates by `answer`: by an error where that is one.
    fn refusing(&self, answer: impl Fn(&str) -> String) {
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
        let mut offer = self.idle();
        while let Some(command) = offer {
            let kind = command.request_type.as_str();
            let said = if kind.contains("OSUpdate") { answer(kind) } else { String::new() };
            let status = if said.contains("ErrorChain") { "Error" } else { "Acknowledged" };
            let uuid = &command.uuid;
            let said = format!("<key>Status</key><string>{status}</string><key>CommandUUID</key><string>{uuid}</string>{said}");
            offer = super::super::offered(self.connect(&said).unwrap());
        }
        let id = self.enrollment().id;
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &id));
    }
}

#[test]
fn an_order_asks_an_old_mac_first_and_brings_the_newest_that_it_finds() {
    let school = School::new();
    let mac = mac(&school);
    mac.finds(NOTHING);
    let told = mac.begins(Some("11.7.10")).unwrap_err().message.into_owned();
    assert!(told.contains("leave the version out"), "{told}");
    assert_eq!(mac.begins(None).unwrap(), Started::Begun);
    assert_eq!((mac.update().version.as_str(), mac.update().stage), ("", Stage::Planned));
    let Started::UnderWay(said) = mac.begins(None).unwrap() else { panic!() };
    assert!(said.contains("asked what it finds"), "{said}");
    let scheduled = "<key>UpdateResults</key><array><dict><key>ProductKey</key><string>MSU_1</string><key>InstallAction</key><string>InstallASAP</string>\
                     <key>Status</key><string>Downloading</string></dict></array>";
    let answer = |found: &'static str| move |kind: &str| if kind == "AvailableOSUpdates" { found } else { scheduled }.to_owned();
    let sent = mac.answering(answer(NOTHING));
    assert_eq!(
        sent.iter().map(|sent| sent["RequestType"].as_str().unwrap()).collect::<Vec<_>>(),
        ["AvailableOSUpdates", "ScheduleOSUpdateScan"]
    );
    school.clock.advance(AFTER_SCAN + Duration::from_secs(1));
    let sent = mac.answering(answer(FOUND));
    let last = sent.last().unwrap();
    assert_eq!(
        (last["RequestType"].as_str(), last["Updates"][0]["ProductKey"].as_str()),
        (Some("ScheduleOSUpdate"), Some("MSU_1")),
        "{sent:?}"
    );
    assert_eq!((mac.update().version.as_str(), mac.update().stage), ("11.7.10", Stage::Downloading));
}

#[test]
fn an_order_for_a_mac_that_finds_nothing_newer_ends_with_that() {
    let school = School::new();
    let mac = mac(&school);
    mac.finds(NOTHING);
    mac.begins(None).unwrap();
    for _ in 0..2 {
        mac.answering(|kind| if kind == "AvailableOSUpdates" { NOTHING.to_owned() } else { String::new() });
        school.clock.advance(AFTER_SCAN + Duration::from_secs(1));
    }
    let row = mac.update();
    assert!(row.stage == Stage::Cannot && row.problem.contains("no release that is newer"), "{row:?}");
}
