//! Pushes that do not get out, as somebody is told of them.

use std::time::Duration;

use super::{School, TOPIC};
use crate::mdm::push::{self, Due};
use crate::protocol::push::{Outcome, judge};
use crate::secret::SecretBytes;
use crate::store::alerts;

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
