//! Names with marks that turn letters round, as devices say them and as people type them.

use uuid::Uuid;

use super::School;
use crate::mdm::Actor;
use crate::mdm::enroll::invitations::{self, NewInvitation};
use crate::protocol::command;
use crate::store::devices;

#[test]
fn a_device_that_turns_its_name_round_is_called_as_it_is_written() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let command = device.enqueue(command::device_information(Uuid::from_u128(1), &[]));
    let keys = format!(
        "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>
         <key>QueryResponses</key><dict><key>DeviceName</key><string>\u{202e}gnp.exe</string></dict>",
        command.uuid
    );
    device.idle();
    device.connect(&keys).unwrap();
    let id = device.enrollment().device_id;
    assert_eq!(school.write(move |tx| devices::by_id(tx, &id)).unwrap().name, "gnp.exe");
}

#[test]
fn what_people_type_with_such_marks_is_refused_at_its_field_and_changes_nothing() {
    let school = School::new();
    let new = NewInvitation { group_label: String::from("7b \u{202e}xyz"), ..NewInvitation::default() };
    let refused = school.try_write(move |tx| invitations::create(tx, &Actor::Console, new)).unwrap_err();
    assert!(refused.fields[0].field == "group" && refused.message.contains("type it anew"), "{refused}");
    let fine = NewInvitation { group_label: String::from("الصف (ب) 7b"), ..NewInvitation::default() };
    assert_eq!(school.write(move |tx| invitations::create(tx, &Actor::Console, fine)).group_label, "الصف (ب) 7b");
}
