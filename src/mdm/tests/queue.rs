//! The queue as devices meet it.

mod replaced;

use std::time::Duration;

use uuid::Uuid;

use super::{School, days};
use crate::error::Kind;
use crate::mdm::commands::{self, MAX_OFFERS, Wish};
use crate::mdm::{Actor, Role};
use crate::protocol::command;
use crate::store::commands::CommandState;
use crate::store::enrollments;

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[test]
fn what_is_put_off_is_not_offered_again_in_the_same_connection() {
    // C01: NotNow ping-pong.
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let first = device.enqueue(command::install_profile(uuid(1), profile("a")));
    let second = device.enqueue(command::restart_device(uuid(2), None)).uuid;
    assert_eq!(device.idle().unwrap().uuid, first.uuid);
    assert_eq!(device.report(&first.uuid, "NotNow").unwrap().uuid, second);
    assert!(device.report(&second, "NotNow").is_none(), "all that waits was put off: an empty answer ends the connection");
    assert_eq!(device.command(&first.uuid).not_nows, 1);
    assert_eq!(device.idle().unwrap().uuid, first.uuid, "the next connection begins with the oldest again");
    assert_eq!(device.report(&first.uuid, "NotNow").unwrap().uuid, second);
    assert!(device.report(&second, "Acknowledged").is_none());
    assert_eq!(device.command(&second).state, CommandState::Acknowledged);
    assert_eq!(device.command(&first.uuid).state, CommandState::NotNow);
    assert_eq!(device.command(&first.uuid).not_nows, 2, "once per connection");
}

#[test]
fn a_device_that_put_something_off_and_then_did_something_is_pushed_later() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let first = device.enqueue(command::install_profile(uuid(1), profile("a"))).uuid;
    let second = device.enqueue(command::security_info(uuid(2))).uuid;
    device.idle();
    device.report(&first, "NotNow");
    device.report(&second, "Acknowledged");
    let due = device.enrollment().push_due_at.unwrap();
    assert_eq!(due.since(school.clock.now()), Duration::from_secs(15 * 60));
}

#[test]
fn what_is_not_known_takes_the_right_that_the_worst_takes() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let person = |role| Actor::Person { id: "1".into(), name: "kim".into(), role };
    for (number, request_type) in ["erasedevice", "EraseDevice ", "MakeCoffee"].into_iter().enumerate() {
        let order = || Wish { check: false, ..Wish::new(command::Command::new(uuid(number as u128 + 1), request_type)) };
        let (enrollment, wish) = (device.enrollment(), order());
        let refusal = school.try_write(move |tx| commands::enqueue(tx, &person(Role::Helper), &enrollment, wish)).unwrap_err();
        assert_eq!(refusal.kind, Kind::Forbidden, "{request_type:?}");
        let (enrollment, wish) = (device.enrollment(), order());
        school.write(move |tx| commands::enqueue(tx, &person(Role::Admin), &enrollment, wish));
    }
}

#[test]
fn a_second_answer_to_the_same_command_changes_nothing() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let uuid = device.enqueue(command::security_info(uuid(1))).uuid;
    device.idle();
    device.report(&uuid, "Acknowledged");
    device.report(&uuid, "Error");
    assert_eq!(device.command(&uuid).state, CommandState::Acknowledged);
}

#[test]
fn an_answer_to_a_command_that_we_never_sent_is_recorded_and_empties_no_queue() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let waiting = device.enqueue(command::security_info(uuid(1))).uuid;
    assert_eq!(device.report("never-sent", "Acknowledged").unwrap().uuid, waiting);
    assert!(school.events().contains(&String::from("report.of_unknown_command")));
}

#[test]
fn a_command_without_any_reply_is_set_aside_after_three_offers() {
    // C14: what is behind it goes on.
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let stuck = device.enqueue(command::security_info(uuid(1))).uuid;
    let behind = device.enqueue(command::restart_device(uuid(2), None)).uuid;
    for _ in 0..MAX_OFFERS {
        assert_eq!(device.idle().unwrap().uuid, stuck);
    }
    assert_eq!(device.idle().unwrap().uuid, behind);
    assert_eq!(device.command(&stuck).state, CommandState::Quarantined);
}

#[test]
fn an_expired_command_is_never_offered() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let enrollment = device.enrollment();
    let soon = school.clock.now().plus(Duration::from_secs(60));
    let row = school.write(move |tx| {
        let wish = Wish { expires_at: Some(soon), ..Wish::new(command::restart_device(uuid(1), None)) };
        commands::enqueue(tx, &Actor::Console, &enrollment, wish)
    });
    school.clock.advance(Duration::from_secs(60));
    assert!(device.idle().is_none());
    assert_eq!(device.command(&row.uuid).state, CommandState::Expired);
}

#[test]
fn a_newer_command_of_the_same_effect_replaces_the_older_one() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let old = device.enqueue(command::install_profile(uuid(1), profile("same"))).uuid;
    let other = device.enqueue(command::install_profile(uuid(2), profile("other"))).uuid;
    let new = device.enqueue(command::install_profile(uuid(3), profile("same"))).uuid;
    assert_eq!(device.command(&old).state, CommandState::Superseded);
    assert_eq!(device.command(&other).state, CommandState::Queued);
    assert_eq!(device.command(&new).state, CommandState::Queued);
}

#[test]
fn a_uuid_is_good_once() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    device.enqueue(command::security_info(uuid(1)));
    device.answer_everything();
    let enrollment = device.enrollment();
    let refusal =
        school.try_write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(command::security_info(uuid(1)))));
    assert!(refusal.unwrap_err().message.contains("used for this device before"));
}

#[test]
fn what_the_role_may_not_is_refused_before_anything_is_stored() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let enrollment = device.enrollment();
    let refusal = school.try_write(move |tx| {
        let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
        commands::enqueue(tx, &viewer, &enrollment, Wish::new(command::restart_device(uuid(1), None)))
    });
    assert!(refusal.is_err());
    assert!(device.idle().is_none());
}

#[test]
fn a_setting_that_the_device_does_not_have_is_refused_by_its_name() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let enrollment = device.enrollment();
    let order = command::settings(uuid(1), [command::Setting::Bluetooth(true), command::Setting::HostName("cart-1".into())]);
    let refusal = school.try_write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(order))).unwrap_err();
    let words = commands::protocol_words(&refusal).unwrap_or_default();
    assert!(refusal.message.contains("cannot be asked to change this setting") && words.contains("HostName"), "{refusal}: {words}");
    assert!(device.idle().is_none());
}

#[test]
fn what_inventory_learnt_decides_what_can_be_sent() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let known = |facts: &'static str| {
        let id = device.enrollment().device_id;
        school.write(move |tx| crate::store::devices::set_facts(tx, &id, facts));
        let enrollment = device.enrollment();
        school.write(move |tx| commands::capabilities(tx, &enrollment))
    };
    assert_eq!(known("{}").shared_ipad, None, "what is not known forbids nothing");
    assert_eq!(known(r#"{"IsMultiUser": false}"#).shared_ipad, Some(false));
    let enrollment = device.enrollment();
    let refusal =
        school.try_write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(command::log_out_user(uuid(1)))));
    let refusal = refusal.unwrap_err();
    assert!(commands::protocol_words(&refusal).unwrap().contains("works on a Shared iPad only"), "{refusal:?}");
    assert!(refusal.message.contains("Only an iPad that several people share"), "{refusal}");
    assert_eq!(known(r#"{"IsMultiUser": true}"#).shared_ipad, Some(true));
    device.enqueue(command::log_out_user(uuid(2)));
    let id = device.enrollment().device_id;
    school.write(move |tx| crate::store::devices::set_security(tx, &id, r#"{"ManagementStatus": {"EnrolledViaDEP": true}}"#));
    let enrollment = device.enrollment();
    assert_eq!(school.write(move |tx| commands::capabilities(tx, &enrollment)).ade, Some(true));
}

#[test]
fn what_would_harm_a_device_or_is_known_to_fail_is_not_sent() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let try_to = |order: command::Command| {
        let enrollment = device.enrollment();
        school.try_write(move |tx| commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(order))).map_err(|error| error.message)
    };
    let enrolls = super::plist(
        "<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key>\
         <string>org.example.mdm</string><key>PayloadUUID</key><string>A</string><key>PayloadContent</key><array><dict><key>PayloadType</key>\
         <string>com.apple.mdm</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>org.example.mdm.mdm</string>\
         <key>PayloadUUID</key><string>B</string></dict></array>",
    );
    assert!(try_to(command::install_profile(uuid(1), enrolls.into_bytes())).unwrap_err().contains("renew theirs by themselves"));

    let is_mac = |version: &'static str, facts: &'static str| {
        let id = device.enrollment().device_id;
        school.write(move |tx| {
            let mut device = crate::store::devices::by_id(tx, &id)?.unwrap();
            (device.platform, device.os_version) = (crate::protocol::platform::Platform::Macos, version.to_owned());
            crate::store::devices::update(tx, &device)?;
            crate::store::devices::set_facts(tx, &id, facts)
        });
    };
    let lock = |number| command::Command::new(uuid(number), "DeviceLock").with("PIN", "123456");
    is_mac("11.4", r#"{"IsAppleSilicon": true}"#);
    assert!(try_to(lock(2)).unwrap_err().contains("would deactivate this Mac"));
    let lock_and_take_back = |number| {
        let (asked, enrollment) = (try_to(lock(number)).unwrap(), device.enrollment());
        school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &asked.uuid));
    };
    is_mac("11.5", r#"{"IsAppleSilicon": true}"#);
    lock_and_take_back(3);
    is_mac("11.4", r#"{"IsAppleSilicon": false}"#);
    // A Mac with Intel is only locked.
    lock_and_take_back(4);
    for facts in ["{}", r#"{"PINRequiredForDeviceLock": true, "PINRequiredForEraseDevice": false}"#] {
        is_mac("13.0", facts);
        assert!(try_to(command::Command::new(uuid(5), "DeviceLock")).unwrap_err().contains("only with a PIN"));
    }
    assert!(try_to(lock(6)).is_ok());
    assert!(try_to(command::Command::new(uuid(7), "EraseDevice")).is_ok());
}

#[test]
fn an_answer_that_cannot_be_read_finishes_its_command_all_the_same() {
    // C02, C03: sizes as integer and real, beyond 32 bits; then an answer without what was asked for.
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let updates = device.enqueue(command::available_os_updates(uuid(1))).uuid;
    let apps = device.enqueue(command::installed_application_list(uuid(2))).uuid;
    let behind = device.enqueue(command::restart_device(uuid(3), None)).uuid;
    device.idle();
    let answer = format!(
        "<key>CommandUUID</key><string>{updates}</string><key>Status</key><string>Acknowledged</string><key>AvailableOSUpdates</key><array><dict>\
         <key>ProductKey</key><string>TestUpdate1</string><key>Version</key><string>11.2.2</string><key>DownloadSize</key>\
         <integer>13654310518</integer><key>InstallSize</key><real>1.5e9</real><key>Build</key><string>15C202</string>\
         <key>RestartRequired</key><true/></dict></array>"
    );
    device.connect(&answer).unwrap();
    assert_eq!(device.command(&updates).state, CommandState::Acknowledged);
    let broken = format!(
        "<key>CommandUUID</key><string>{apps}</string><key>Status</key><string>Acknowledged</string>\
         <key>InstalledApplicationList</key><integer>many</integer>"
    );
    let next = super::offered(device.connect(&broken).unwrap()).unwrap();
    assert_eq!(next.uuid, behind, "what cannot be read blocks nothing");
    assert_eq!(device.command(&apps).state, CommandState::Acknowledged);
    assert!(school.events().contains(&String::from("report.unreadable")));
}

#[test]
fn a_taken_back_command_is_not_sent() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let row = device.enqueue(command::restart_device(uuid(1), None));
    let enrollment = device.enrollment();
    let uuid = row.uuid.clone();
    school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &uuid));
    assert!(device.idle().is_none());
    assert_eq!(device.command(&row.uuid).state, CommandState::Cancelled);
}

#[test]
fn clear_passcode_carries_the_token_that_the_device_gave() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    device.enqueue(command::Command::new(uuid(1), "ClearPasscode"));
    let offer = device.idle().unwrap();
    let sent = command::Command::from_plist(offer.payload.expose()).unwrap();
    assert_eq!(sent.keys().get("UnlockToken").unwrap().as_data(), Some(&[4, 5, 6][..]));
}

#[test]
fn an_erased_device_is_known_to_be_erased_and_gets_nothing_more() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let erase = device.enqueue(command::erase_device(uuid(1), &command::EraseDevice::default())).uuid;
    device.enqueue(command::restart_device(uuid(2), None));
    device.idle();
    assert!(device.report(&erase, "Acknowledged").is_none());
    assert_eq!(device.enrollment().state, enrollments::EnrollmentState::Erased);
}

#[test]
fn a_hundred_thousand_old_commands_do_not_slow_the_next_one() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let enrollment = device.enrollment();
    school.write(move |tx| crate::store::commands::tests::fill_finished(tx, &enrollment.id, 100_000));
    let waiting = device.enqueue(command::restart_device(uuid(1), None)).uuid;
    assert_eq!(device.idle().unwrap().uuid, waiting);
}

#[test]
fn a_thousand_commands_in_one_second_are_all_kept() {
    // Not one is lost, and the limit is said in words.
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let enrollment = device.enrollment();
    let full = school.try_write(move |tx| {
        for number in 0..commands::MAX_OPEN {
            let order = command::install_profile(uuid(number as u128), profile(&format!("profile-{number}")));
            commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(order))?;
        }
        let refused = commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(command::restart_device(uuid(5000), None)));
        Ok((crate::store::commands::count_open(tx, &enrollment.id)?, refused.unwrap_err().message.into_owned()))
    });
    let (kept, refusal) = full.unwrap();
    assert_eq!(kept, commands::MAX_OPEN);
    assert!(refusal.contains("wait for this device already"), "{refusal}");
}

#[test]
fn commands_expire_by_the_job_too() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let row = device.enqueue(command::security_info(uuid(1)));
    school.clock.advance(days(400));
    assert_eq!(school.write(commands::expire), usize::from(row.expires_at.is_some()));
}

pub(super) fn profile(identifier: &str) -> Vec<u8> {
    super::plist(&format!(
        "<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key>\
         <string>{identifier}</string><key>PayloadUUID</key><string>{identifier}</string><key>PayloadContent</key><array/>"
    ))
    .into_bytes()
}

#[test]
fn what_is_queued_is_told_as_it_is_stored() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let told = device.enqueue(command::restart_device(Uuid::from_u128(1), None));
    assert_eq!(told, device.command(&told.uuid));
}

#[test]
fn what_was_taken_back_too_late_is_recorded_as_the_device_did_it() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let (sent, unsent) =
        (device.enqueue(command::restart_device(uuid(1), None)).uuid, device.enqueue(command::security_info(uuid(2))).uuid);
    assert_eq!(device.idle().unwrap().uuid, sent);
    let (enrollment, uuids) = (device.enrollment(), [sent.clone(), unsent.clone()]);
    school.write(move |tx| uuids.iter().try_for_each(|uuid| commands::cancel(tx, &Actor::Console, &enrollment, uuid).map(drop)));
    device.report(&sent, "Acknowledged");
    device.report(&unsent, "Acknowledged");
    assert_eq!(device.command(&sent).state, CommandState::Acknowledged);
    assert_eq!(device.command(&unsent).state, CommandState::Cancelled, "nobody sent it");
    device.report(&sent, "Error");
    assert_eq!(device.command(&sent).state, CommandState::Acknowledged, "the first answer counts");
}

#[test]
fn a_deleted_device_is_sent_nothing_by_any_way_and_comes_back_as_a_new_one() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let enrollment = device.enrollment();
    let refused = school.try_write(move |tx| {
        let known = crate::mdm::devices::find(tx, &Actor::Console, &enrollment.device_id)?;
        crate::mdm::devices::remove(tx, &Actor::Console, known)?;
        commands::enqueue(tx, &Actor::Console, &enrollment, Wish::new(command::restart_device(uuid(1), None)))
    });
    assert_eq!(refused.unwrap_err().kind, Kind::Conflict);
}
