//! Pushes that do not get out, as somebody is told of them.

use std::time::Duration;

use super::{School, TOPIC};
use crate::mdm::push::{self, Due};
use crate::mdm::why;
use crate::protocol::push::{Outcome, judge};
use crate::secret::SecretBytes;
use crate::store::{alerts, devices};

impl School {
    /// What becomes of a push to the device of this UDID.
    fn pushed(&self, udid: &str, outcome: Outcome) {
        let udid = udid.to_owned();
        self.write(move |tx| {
            let enrollment = crate::store::enrollments::by_nano_id(tx, &udid)?.unwrap();
            let due = Due {
                enrollment_id: enrollment.id,
                topic: TOPIC.to_owned(),
                token: SecretBytes::new(vec![1]),
                magic: SecretBytes::new(vec![1]),
                token_updated_at: tx.now,
            };
            push::record(tx, &due, &outcome, judge(&outcome, due.token_updated_at))
        });
    }

    fn alerts(&self) -> Vec<String> {
        self.write(alerts::all).into_iter().map(|alert| alert.message).collect()
    }
}

fn unreachable() -> Outcome {
    Outcome::Unreachable { why: String::from("api.push.apple.com cannot be found") }
}

fn delivered() -> Outcome {
    Outcome::Delivered { apns_id: None }
}

#[test]
fn several_devices_that_cannot_be_woken_need_somebody_until_one_is() {
    let school = School::new();
    for udid in ["A", "B", "C"] {
        let device = school.enrolled(udid);
        assert_eq!(school.alerts(), [""; 0], "one push that does not get out is no news");
        school.pushed(&device.udid, unreachable());
    }
    let alerts = school.alerts();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].contains("api.push.apple.com cannot be found"), "{alerts:?}");
    school.pushed("B", delivered());
    assert_eq!(school.alerts(), [""; 0], "one that got out says that all can");
}

#[test]
fn one_device_that_cannot_be_woken_for_a_while_needs_somebody() {
    let school = School::new();
    school.enrolled("A");
    school.pushed("A", unreachable());
    school.clock.advance(Duration::from_secs(9 * 60));
    school.pushed("A", unreachable());
    assert_eq!(school.alerts(), [""; 0]);
    school.clock.advance(Duration::from_secs(60));
    school.pushed("A", unreachable());
    assert_eq!(school.alerts().len(), 1);
    school.pushed("A", delivered());
    school.pushed("A", unreachable());
    assert_eq!(school.alerts(), [""; 0], "what went before is forgotten");
}

#[test]
fn what_a_connection_said_stands_below_and_not_in_the_words_for_people() {
    const SAID: &str = "127.0.0.1:29999 cannot be reached (tcp connect error: Connection refused (os error 111)): check the network";
    let school = School::new();
    let devices = ["A", "B", "C"].map(|udid| school.enrolled(udid));
    for device in &devices {
        school.pushed(&device.udid, Outcome::Unreachable { why: SAID.into() });
    }
    assert_eq!(school.alerts(), ["This server has no way to Apple's push service: no device is woken."]);
    let enrollment = devices[0].enrollment();
    let reasons = school.write(move |tx| {
        let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
        why::device(tx, &device, Some(&enrollment))
    });
    let told = reasons.iter().find(|reason| !reason.said.is_empty()).unwrap();
    assert_eq!(told.cause, "This server has no way to Apple's push service, so that the device could not be woken.");
    assert_eq!((told.said.as_str(), told.remedy.contains("firewall"), told.needs_someone), (SAID, true, true));
    for words in ["os error", "tcp", "127.0.0.1"] {
        assert!(reasons.iter().all(|reason| !reason.cause.contains(words) && !reason.remedy.contains(words)), "{reasons:?}");
    }
}

#[test]
fn a_device_that_gave_no_address_to_push_to_keeps_nobody_else_from_being_woken() {
    let school = School::new();
    let devices = ["A", "B"].map(|udid| school.enrolled(udid));
    for device in &devices {
        school.pushed(&device.udid, Outcome::Unaddressed { why: String::from("uri too long") });
        let enrollment = device.enrollment();
        assert!(enrollment.push_error.contains("uri too long") && enrollment.push_dead_at.is_none(), "{enrollment:?}");
    }
    assert_eq!(school.alerts(), [""; 0], "it is theirs alone");
}
