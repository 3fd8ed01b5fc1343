//! When a device was last heard of, as people are told it.

use std::time::Duration;

use super::School;
use crate::protocol::command;
use crate::store::roster;

#[test]
fn a_device_that_just_answered_was_seen_just_now() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    let seen = || {
        let id = device.enrollment().device_id;
        school.write(move |tx| roster::by_id(tx, &id)).unwrap().last_seen_at.unwrap()
    };
    school.clock.advance(Duration::from_secs(600));
    let lock = device.enqueue(command::restart_device(uuid::Uuid::from_u128(1), None)).uuid;
    assert_ne!(seen(), school.clock.now());
    device.idle();
    assert_eq!(seen(), school.clock.now(), "it came for the command");
    school.clock.advance(Duration::from_secs(60));
    device.report(&lock, "Acknowledged");
    assert_eq!(seen(), school.clock.now(), "it answered");
    school.clock.advance(Duration::from_secs(60));
    device.token_update(false);
    assert_eq!(seen(), school.clock.now(), "it checked in");
}
