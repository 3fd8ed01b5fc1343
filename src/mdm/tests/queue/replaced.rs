//! Commands that newer ones take the place of.

use super::super::School;
use super::{profile, uuid};
use crate::mdm::Actor;
use crate::mdm::commands::{self};
use crate::protocol::command;
use crate::store::commands::CommandState;

#[test]
fn what_a_device_has_been_sent_is_not_superseded() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let first = device.enqueue(command::restart_device(uuid(1), None)).uuid;
    assert_eq!(device.idle().unwrap().uuid, first);
    let second = device.enqueue(command::restart_device(uuid(2), None)).uuid;
    assert_eq!(device.command(&first).state, CommandState::Sent, "the device is at it");
    let third = device.enqueue(command::restart_device(uuid(3), None)).uuid;
    assert_eq!(device.command(&second).state, CommandState::Superseded);
    assert_eq!(device.report(&first, "Acknowledged").unwrap().uuid, third);
    assert_eq!(device.command(&first).state, CommandState::Acknowledged);
}

#[test]
fn what_was_never_sent_is_brought_up_to_date_in_its_place_and_what_was_sent_is_not() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let intent = |number: u128, identifier: &str| {
        let (enrollment, order) = (device.enrollment(), command::install_profile(uuid(number), profile(identifier)));
        school.write(move |tx| commands::enqueue_own(tx, &Actor::Job("reconcile"), &enrollment, order, Some("intent"), None)).uuid
    };
    let first = intent(1, "one");
    let behind = device.enqueue(command::security_info(uuid(9))).uuid;
    assert_eq!(intent(2, "two"), first, "nobody has seen it yet");
    let offer = device.idle().unwrap();
    assert_eq!(offer.uuid, first, "it keeps its place");
    let payload = String::from_utf8(offer.payload.expose().clone()).unwrap();
    let content = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, profile("two"));
    let bare: String = payload.split_whitespace().collect();
    assert!(bare.contains(&content) && bare.contains(&format!("<string>{first}</string>")), "{payload}");
    let third = intent(3, "three");
    assert_ne!(third, first, "the device is at what it was sent");
    assert_eq!(device.report(&first, "NotNow").unwrap().uuid, behind);
    assert_ne!(intent(4, "four"), first, "what was put off was seen");
    assert_eq!((device.command(&first).state, device.command(&third).state), (CommandState::Superseded, CommandState::Superseded));
}
