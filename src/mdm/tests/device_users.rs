//! The people who share a device: listed as it says, logged out and deleted only where it would do so, and how it divides itself.

use super::{Device, School, TOPIC};
use crate::error::Kind;
use crate::mdm::device_users::{self, Sharing};
use crate::mdm::{Actor, Role};
use crate::protocol::command::Command;
use crate::protocol::plist::to_json;
use crate::store::devices;

const UDID: &str = "00008027-000A1B2C3D4E5F60";

/// A Shared iPad on which Ada is logged in, Ben has work that is only there, and Cleo has none.
fn shared<'a>(school: &'a School, os_version: &str) -> Device<'a> {
    let device = school.device(UDID);
    device
        .check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>ProductName</key>\
             <string>iPad13,18</string><key>OSVersion</key><string>{os_version}</string><key>SerialNumber</key><string>TESTSN0001</string>"
        ))
        .unwrap();
    device.token_update(false);
    let says = |kind: &str| match kind {
        "DeviceInformation" => format!(
            "<key>QueryResponses</key><dict><key>OSVersion</key><string>{os_version}</string><key>ProductName</key><string>iPad13,18</string>\
             <key>IsMultiUser</key><true/><key>IsSupervised</key><true/><key>UserSessionTimeout</key><integer>600</integer></dict>"
        ),
        "UserList" => {
            let user = |name: &str, is_here: bool, is_unsynced: bool| {
                format!(
                    "<dict><key>UserName</key><string>{name}</string><key>IsLoggedIn</key><{is_here}/><key>HasDataToSync</key><{is_unsynced}/>\
                     <key>DataUsed</key><integer>120000000</integer></dict>"
                )
            };
            format!("<key>Users</key><array>{}{}{}</array>", user("ada", true, false), user("ben", false, true), user("cleo", false, false))
        }
        _ => String::new(),
    };
    let mut offer = device.idle();
    while let Some(command) = offer {
        let said = says(&command.request_type);
        let uuid = &command.uuid;
        offer = super::offered(
            device
                .connect(&format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{uuid}</string>{said}"))
                .unwrap(),
        );
    }
    device
}

impl Device<'_> {
    /// The next command, as JSON.
    fn sent(&self) -> serde_json::Value {
        let offer = self.idle().unwrap();
        let mut read = to_json(&Command::from_plist(offer.payload.expose()).unwrap().masked());
        read["RequestType"] = offer.request_type.into();
        read
    }
}

#[test]
fn a_shared_ipad_is_asked_who_is_on_it_as_soon_as_it_says_that_it_is_one() {
    let school = School::new();
    shared(&school, "17.6");
    let (users, at) = school.write(|tx| device_users::list(tx, &Actor::Console, UDID));
    let names: Vec<_> = users.iter().map(|user| (user.user_name.as_str(), user.is_logged_in, user.has_data_to_sync)).collect();
    assert_eq!(names, [("ada", Some(true), Some(false)), ("ben", Some(false), Some(true)), ("cleo", Some(false), Some(false))]);
    assert_eq!(at, Some(school.clock.now()));
}

#[test]
fn nobody_is_deleted_while_logged_in_or_with_work_that_would_be_lost_unless_that_is_said() {
    let school = School::new();
    let device = shared(&school, "17.6");
    let delete = |name: &'static str, force: bool| school.try_write(move |tx| device_users::delete(tx, &Actor::Console, UDID, name, force));
    assert!(delete("ada", true).unwrap_err().message.contains("logged in"));
    assert!(delete("ben", false).unwrap_err().message.contains("has not reached iCloud"));
    assert_eq!(delete("nobody", true).unwrap_err().kind, Kind::NotFound);
    assert!(device.idle().is_none(), "what was refused sends nothing");
    let helper = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Helper };
    let refused = school.try_write(move |tx| device_users::delete(tx, &helper, UDID, "cleo", false));
    assert_eq!(refused.unwrap_err().kind, Kind::Forbidden);
    delete("ben", true).unwrap();
    let sent = device.sent();
    assert_eq!((&sent["RequestType"], &sent["UserName"], &sent["ForceDeletion"]), (&"DeleteUser".into(), &"ben".into(), &true.into()));
    let all = |force: bool| school.try_write(move |tx| device_users::delete_all(tx, &Actor::Console, UDID, force));
    assert!(all(false).unwrap_err().message.contains("Work of 1 of them"));
    let old = School::new();
    shared(&old, "13.7");
    let refused = old.try_write(|tx| device_users::delete_all(tx, &Actor::Console, UDID, true)).unwrap_err();
    assert!(refused.message.contains("from iPadOS 14 on"), "{}", refused.message);
}

#[test]
fn who_is_left_is_asked_after_a_log_out() {
    let school = School::new();
    let device = shared(&school, "17.6");
    let uuid = school.write(|tx| device_users::log_out(tx, &Actor::Console, UDID)).uuid;
    assert_eq!(device.idle().unwrap().request_type, "LogOutUser");
    assert_eq!(device.report(&uuid, "Acknowledged").unwrap().request_type, "UserList");
}

#[test]
fn how_it_divides_itself_is_checked_field_by_field_and_by_its_system() {
    let school = School::new();
    let device = shared(&school, "14.5");
    let now = school.write(|tx| device_users::sharing(tx, &Actor::Console, UDID)).unwrap();
    assert_eq!(now.session_timeout_s, Some(600));
    let refused = |wanted: Sharing| {
        let error = school.try_write(move |tx| device_users::share(tx, &Actor::Console, UDID, &wanted)).unwrap_err();
        error.fields.first().map_or_else(|| error.message.to_string(), |fault| fault.field.clone())
    };
    let blank = Sharing::default;
    assert!(refused(blank()).contains("Nothing is to change"));
    assert_eq!(refused(Sharing { residents: Some(0), ..blank() }), "residents");
    assert_eq!(refused(Sharing { residents: Some(device_users::RESIDENTS_MAX + 1), ..blank() }), "residents");
    assert_eq!(refused(Sharing { residents: Some(10), quota_mb: Some(1_024), ..blank() }), "quota_mb");
    assert_eq!(refused(Sharing { quota_mb: Some(device_users::QUOTA_MAX_MB + 1), ..blank() }), "quota_mb");
    for seconds in [1, device_users::TIMEOUT_LEAST_S - 1, device_users::TIMEOUT_MOST_S + 1] {
        assert_eq!(refused(Sharing { session_timeout_s: Some(seconds), ..blank() }), "session_timeout_s");
        assert_eq!(refused(Sharing { guest_timeout_s: Some(seconds), ..blank() }), "guest_timeout_s");
    }
    assert_eq!(refused(Sharing { offline_days: Some(device_users::GRACE_MAX_DAYS + 1), ..blank() }), "offline_days");
    assert_eq!(refused(Sharing { offline_days: Some(7), ..blank() }), "offline_days", "iPadOS 16 has it first");
    let domains = vec!["example.school".to_owned(); device_users::DOMAINS_MAX + 1];
    assert_eq!(refused(Sharing { domains: Some(domains), ..blank() }), "domains");
    assert!(device.idle().is_none());
    let wanted = Sharing { session_timeout_s: Some(0), guests_only: Some(true), ..blank() };
    school.write(move |tx| device_users::share(tx, &Actor::Console, UDID, &wanted));
    let setting = &device.sent()["Settings"][0];
    assert_eq!(setting["Item"], "SharedDeviceConfiguration");
    assert_eq!((&setting["UserSessionTimeout"], &setting["TemporarySessionOnly"]), (&0.into(), &true.into()));
    assert!(setting.get("ResidentUsers").is_none(), "what is not said stays as it is");
    assert_eq!(refused(Sharing { passcode_grace_s: Some(299), ..blank() }), "passcode_grace_s");
    for (os_version, at) in
        [("14.8", "/Settings/0/PasscodeLockGracePeriod"), ("18.1", "/Settings/0/PasscodePolicy/PasscodeLockGracePeriod")]
    {
        school.write(move |tx| {
            let device = devices::by_udid(tx, UDID)?.unwrap();
            devices::update(tx, &devices::Device { os_version: os_version.into(), ..device })
        });
        device.answer_everything();
        let wanted = Sharing { passcode_grace_s: Some(300), ..blank() };
        school.write(move |tx| device_users::share(tx, &Actor::Console, UDID, &wanted));
        assert_eq!(device.sent().pointer(at), Some(&300.into()), "{os_version}");
    }
}
