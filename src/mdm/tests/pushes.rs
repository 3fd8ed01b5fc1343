//! What Apple's answers to pushes do to enrollments and to the push certificate (C16).

use std::time::Duration;

use uuid::Uuid;

use super::{Device, School, TOPIC};
use crate::clock::Timestamp;
use crate::mdm::push::{self, Due};
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::protocol::command;
use crate::protocol::push::{Outcome, judge};
use crate::store::push_certificates::{self, PushCertificate};
use crate::store::{alerts, enrollments};

/// A school with a push certificate and two devices for which something waits.
fn school() -> School {
    let school = School::new();
    let now = school.clock.now();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let certificate = issue::root("Portal of a test", now).unwrap().practice_push(TOPIC, &key, now).unwrap();
    school.write(move |tx| {
        let row = PushCertificate {
            topic: TOPIC.to_owned(),
            certificate: certificate.der().to_vec(),
            not_after_at: certificate.not_after(),
            current: true,
            practice: false,
            account_note: String::new(),
            uploads: 0,
            paused_until_at: None,
            uploaded_at: tx.now,
        };
        push_certificates::put(tx, &row, key.pkcs8_der().expose())
    });
    school
}

fn waiting<'a>(school: &'a School, udid: &str) -> Device<'a> {
    let device = school.enrolled(udid);
    device.enqueue(command::restart_device(Uuid::from_u128(1), None));
    device
}

fn due(school: &School) -> Vec<Due> {
    school.write(push::due)
}

/// Lets Apple answer every push that is due with this.
fn answered(school: &School, outcome: &Outcome) {
    for due in due(school) {
        let outcome = outcome.clone();
        school.write(move |tx| push::record(tx, &due, &outcome, judge(&outcome, due.token_updated_at)));
    }
}

fn refused(status: u16, reason: &str, timestamp: Option<Timestamp>) -> Outcome {
    let retry_after = (status == 429).then(|| Duration::from_secs(120));
    Outcome::Refused { status, reason: (!reason.is_empty()).then(|| reason.to_owned()), timestamp, retry_after }
}

fn alerts(school: &School) -> Vec<String> {
    school.write(alerts::all).into_iter().map(|alert| alert.key).collect()
}

#[test]
fn only_a_410_from_after_the_token_came_ends_pushes_and_the_next_token_begins_them_again() {
    let school = school();
    let device = waiting(&school, "00008030-00AA11BB22CC33DD");
    let token_at = device.enrollment().token_updated_at.unwrap();
    answered(&school, &refused(410, "Unregistered", Some(token_at.minus(Duration::from_secs(1)))));
    assert_eq!(device.enrollment().push_dead_at, None, "that was the token before");
    school.clock.advance(Duration::from_secs(24 * 3600));
    answered(&school, &refused(410, "Unregistered", Some(school.clock.now())));
    assert!(device.enrollment().push_dead_at.is_some() && device.enrollment().has_push_token, "the token is never deleted");
    school.clock.advance(Duration::from_secs(24 * 3600));
    assert!(due(&school).is_empty());
    device.token_update_with(false, "CQkJ");
    let enrollment = device.enrollment();
    assert_eq!(enrollment.push_dead_at, None);
    school.write(move |tx| push::due_now(tx, &enrollment));
    assert_eq!(due(&school).len(), 1);
}

#[test]
fn refusals_that_blame_the_token_keep_it_and_several_raise_one_alert() {
    for reason in ["BadDeviceToken", "DeviceTokenNotForTopic"] {
        let school = school();
        let first = waiting(&school, "00008030-00AA11BB22CC33DD");
        answered(&school, &refused(400, reason, None));
        assert!(alerts(&school).is_empty(), "one device may be odd");
        let second = waiting(&school, "00008030-00AA11BB22CC33EE");
        answered(&school, &refused(400, reason, None));
        assert_eq!(alerts(&school), [format!("push.certificate_problem:{TOPIC}")]);
        for device in [&first, &second] {
            let enrollment = device.enrollment();
            assert!(enrollment.has_push_token && enrollment.push_dead_at.is_none() && enrollment.push_error.contains(reason), "{reason}");
        }
        // A new certificate for the topic makes all of them due again.
        let topic = school.write(|tx| enrollments::push_again_on_topic(tx, TOPIC));
        assert_eq!((topic, due(&school).len()), (2, 2));
    }
}

#[test]
fn a_refused_certificate_rests_all_pushes_and_says_so_once() {
    let school = school();
    waiting(&school, "00008030-00AA11BB22CC33DD");
    waiting(&school, "00008030-00AA11BB22CC33EE");
    answered(&school, &refused(403, "BadCertificate", None));
    assert_eq!(alerts(&school), [format!("push.certificate_refused:{TOPIC}")]);
    school.clock.advance(Duration::from_secs(60));
    assert!(due(&school).is_empty(), "all rest");
    let paused = school.write(|tx| push_certificates::by_topic(tx, TOPIC)).unwrap().paused_until_at.unwrap();
    assert!(paused > school.clock.now());
    school.clock.advance(paused.since(school.clock.now()));
    answered(&school, &Outcome::Delivered { apns_id: None });
    assert!(alerts(&school).is_empty(), "a push that goes out ends the alert");
}

#[test]
fn a_busy_service_is_asked_later_and_nothing_else_changes() {
    for (outcome, least) in [(refused(429, "TooManyRequests", None), 120), (refused(500, "", None), 1), (refused(503, "Shutdown", None), 1)]
    {
        let school = school();
        let device = waiting(&school, "00008030-00AA11BB22CC33DD");
        answered(&school, &outcome);
        assert!(due(&school).is_empty(), "{outcome:?}");
        let enrollment = device.enrollment();
        let wait = enrollment.push_due_at.unwrap().since(school.clock.now());
        assert!(wait >= Duration::from_secs(least) / 2 && wait <= Duration::from_secs(3600 * 2), "{outcome:?}: {wait:?}");
        assert!(enrollment.push_dead_at.is_none() && alerts(&school).is_empty(), "{outcome:?}");
        assert_eq!(enrollment.push_attempts, 0, "it does not count as one that the device ignored");
    }
}
