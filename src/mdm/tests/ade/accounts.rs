//! Accounts of Macs in Setup Assistant: as the profile says, before anything goes on, and with a password that only one Mac has.

use super::super::{Device, TOPIC, offered};
use super::Office;
use crate::error::Kind;
use crate::mdm::ade::profiles::{self, Wish};
use crate::mdm::people::{self, NewPerson};
use crate::mdm::setup_assistant::{self, waits};
use crate::mdm::{Actor, Role};
use crate::protocol::ade::{FirstUser, MacAccounts, ProfileKeys};
use crate::protocol::plist::{self, Dictionary, fields};
use crate::store::escrow::{self, EscrowKind};
use crate::store::holds;
use crate::store::people::PersonRole;

const UDID: &str = "B1A2C3D4-0000-4000-8000-00000000AAAA";
const SERIAL: &str = "TESTSN0001";

/// A Mac of Apple's list that comes by a profile with these accounts.
fn office(accounts: MacAccounts) -> Office {
    let mut office = Office::with(&[(SERIAL, "Mac")]);
    let profile = office.profile("staff_mac", "");
    let keys = ProfileKeys { mac_accounts: accounts, ..ProfileKeys::default() };
    let wish = Wish { name: "Staff".into(), kind: "staff_mac".into(), keys: Some(keys) };
    office.school.write(move |tx| profiles::change(tx, &Actor::Console, &profile, wish));
    office.turn(None);
    office
}

fn enrolls(office: &Office) -> Device<'_> {
    let device = office.school.device(UDID);
    device
        .check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>DeviceName</key><string>Mac</string>\
             <key>ProductName</key><string>Mac14,2</string><key>OSVersion</key><string>12.7</string><key>SerialNumber</key><string>{SERIAL}</string>"
        ))
        .unwrap();
    device.token_update(true);
    device
}

/// What was sent of a type, with each command answered with this status, the questions about the Mac truly.
fn sent(device: &Device<'_>, wanted: &str, status: &str, made: &str) -> Vec<Dictionary> {
    let (mut came, mut offer) = (Vec::new(), device.idle());
    while let Some(command) = offer {
        let answer = match command.request_type.as_str() {
            "DeviceInformation" => format!(
                "<key>QueryResponses</key><dict><key>OSVersion</key><string>12.7</string><key>ProductName</key><string>Mac14,2</string>\
                 <key>IsSupervised</key><true/>{made}</dict>"
            ),
            _ => String::new(),
        };
        let status = if command.request_type == wanted { status } else { "Acknowledged" };
        if command.request_type == wanted {
            let order = plist::parse_dictionary(command.payload.expose()).unwrap();
            came.push(fields::dictionary(&order, "Command").unwrap().clone());
        }
        let said = format!("<key>Status</key><string>{status}</string><key>CommandUUID</key><string>{}</string>{answer}", command.uuid);
        offer = offered(device.connect(&said).unwrap());
    }
    came
}

fn it() -> MacAccounts {
    MacAccounts {
        first_user: FirstUser::Regular,
        named_after_person: true,
        name_locked: true,
        admin_name: "it".into(),
        admin_full_name: "IT desk".into(),
        admin_hidden: true,
    }
}

/// The passwords that are kept for the Mac, newest first.
fn passwords(device: &Device<'_>) -> Vec<String> {
    let id = device.enrollment().device_id;
    device.school.write(move |tx| {
        let held = escrow::of_device(tx, &id)?.into_iter().filter(|held| held.kind == EscrowKind::AdminPassword);
        held.map(|held| Ok(String::from_utf8(escrow::value(tx, &id, &held.id)?.unwrap().1.expose().clone()).unwrap())).collect()
    })
}

#[test]
fn a_mac_gets_its_accounts_before_it_goes_on_and_no_two_have_one_password() {
    let office = office(it());
    let device = enrolls(&office);
    let device_id = device.enrollment().device_id;
    office.school.write(move |tx| {
        let ada = NewPerson { name: "Ada Lovelace".into(), email: "ada@example.school".into(), role: PersonRole::Staff, active: true };
        let ada = people::create(tx, &Actor::Console, ada)?;
        people::assign(tx, &Actor::Console, &device_id, Some(&ada.id)).map(drop)
    });
    let came = sent(&device, "AccountConfiguration", "Acknowledged", "");
    assert_eq!(came.len(), 1, "once");
    let order = &came[0];
    assert_eq!(fields::flag(order, "SetPrimarySetupAccountAsRegularUser"), Some(true));
    assert_eq!(fields::flag(order, "SkipPrimarySetupAccountCreation"), Some(false));
    assert_eq!(
        (fields::text(order, "PrimaryAccountFullName"), fields::text(order, "PrimaryAccountUserName")),
        (Some("Ada Lovelace"), Some("ada"))
    );
    assert_eq!(fields::flag(order, "LockPrimaryAccountInfo"), Some(true));
    let admin = fields::dictionaries(order, "AutoSetupAdminAccounts").next().unwrap();
    assert_eq!((fields::text(admin, "shortName"), fields::flag(admin, "hidden")), (Some("it"), Some(true)));
    let hash = plist::parse_dictionary(fields::data(admin, "passwordHash").unwrap()).unwrap();
    let hash = fields::dictionary(&hash, "SALTED-SHA512-PBKDF2").unwrap();
    assert_eq!((fields::data(hash, "entropy").unwrap().len(), fields::whole(hash, "iterations")), (128, Some(10_000)));
    let kept = passwords(&device);
    assert!(kept.len() == 1 && kept[0].len() == 23, "four groups of five letters");
    assert!(!device.enrollment().awaiting_configuration, "and then it went on");
    let elsewhere = super::accounts::office(it());
    let other = enrolls(&elsewhere);
    sent(&other, "AccountConfiguration", "Acknowledged", "");
    assert_ne!(passwords(&other), kept);
}

#[test]
fn a_mac_that_does_not_take_its_accounts_goes_on_and_it_is_told() {
    let office = office(it());
    let device = enrolls(&office);
    let enrollment = device.enrollment();
    let told = office.school.write({
        let enrollment = enrollment.clone();
        move |tx| waits(tx, &enrollment)
    });
    assert!(told.is_some());
    sent(&device, "AccountConfiguration", "Error", "");
    assert!(!device.enrollment().awaiting_configuration);
    let because = office.school.write(move |tx| holds::of(tx, &enrollment.id)).because;
    assert!(because.contains("one thing that does not come"), "{because}");
}

#[test]
fn a_mac_without_such_a_wish_and_anything_else_is_told_nothing_of_accounts() {
    let office = office(MacAccounts::default());
    let device = enrolls(&office);
    assert_eq!(sent(&device, "AccountConfiguration", "Acknowledged", ""), []);
    assert!(passwords(&device).is_empty() && !device.enrollment().awaiting_configuration);
}

#[test]
fn an_administrator_gets_a_new_password_once_the_mac_has_said_that_there_is_one() {
    let office = office(it());
    let device = enrolls(&office);
    let renew = |role: Role| {
        let id = device.enrollment().device_id;
        let actor = Actor::Person { id: "1".into(), name: "kim".into(), role };
        office.school.try_write(move |tx| setup_assistant::new_password(tx, &actor, &id))
    };
    assert_eq!(renew(Role::Admin).unwrap_err().kind, Kind::Conflict, "it has not said so yet");
    let made = "<key>AutoSetupAdminAccounts</key><array><dict><key>GUID</key><string>0A-1B</string><key>shortName</key><string>it</string></dict></array>";
    sent(&device, "AccountConfiguration", "Acknowledged", made);
    let before = passwords(&device);
    assert_eq!(renew(Role::Helper).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(passwords(&device), before, "nothing changed");
    office.school.clock.advance(super::MINUTE);
    renew(Role::Admin).unwrap();
    let came = sent(&device, "SetAutoAdminPassword", "Acknowledged", made);
    assert_eq!((came.len(), fields::text(&came[0], "GUID")), (1, Some("0A-1B")));
    let after = passwords(&device);
    assert!(after.len() == 2 && after[0] != before[0] && after[1] == before[0], "the one before stays kept");
}

#[test]
fn accounts_are_for_macs_that_wait_in_the_set_up() {
    let office = Office::with(&[]);
    let refused = |kind: &str, keys: ProfileKeys| {
        let wish = Wish { name: "x".into(), kind: kind.into(), keys: Some(keys) };
        let error = office.school.try_write(move |tx| profiles::create(tx, &Actor::Console, wish).map(drop)).unwrap_err();
        error.fields[0].field.clone()
    };
    let keys = ProfileKeys { mac_accounts: it(), ..ProfileKeys::default() };
    assert_eq!(refused("classroom_ipad", keys.clone()), "mac_accounts");
    let early = ProfileKeys { await_device_configured: false, ..keys };
    assert_eq!(refused("staff_mac", early), "await_device_configured");
}
