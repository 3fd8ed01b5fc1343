//! When a device was last heard of, as people are told it.

use std::time::Duration;

use super::{Device, School, days, plist};
use crate::mdm::connect::{self, Poll};
use crate::mdm::enroll::identify::Presented;
use crate::mdm::webhooks::{self, NewWebhook};
use crate::mdm::{Actor, commands};
use crate::protocol::{command, report};
use crate::store::enrollments::{self, Look};
use crate::store::{certificates, roster};

/// What a look at a device says, and what a poll by this identity is to do.
fn polls(device: &Device<'_>, identity: &Presented) -> (Look, Poll) {
    let (identity, udid) = (identity.clone(), device.udid.clone());
    let body = plist(&format!("<key>UDID</key><string>{udid}</string><key>Status</key><string>Idle</string>"));
    let head = report::parse(body.as_bytes()).unwrap().head;
    device.school.write(move |tx| Ok((enrollments::look(tx, &identity.fingerprint, &udid)?, connect::poll(tx, &identity, &head)?)))
}

fn listener(school: &School, topics: &'static [&'static str]) -> String {
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    let new = NewWebhook { url: String::from("https://hooks.example.school/"), hmac_key: None, topics, include_secrets: false };
    school.write(move |tx| webhooks::create(tx, &Actor::Console, new)).0.webhook.id
}

#[test]
fn one_look_tells_whether_a_poll_needs_more_than_a_read() {
    let school = School::new();
    let (device, stranger) = (school.enrolled("00008030-00AA11BB22CC33DD"), school.enrolled("00008030-00AA11BB22CC33DE"));
    let id = device.enrollment().id;
    let quiet = || (Look::Quiet(id.clone()), Poll::Nothing { enrollment_id: id.clone() });
    let busy = (Look::Busy, Poll::Write);
    assert_eq!(polls(&device, &device.identity), quiet());
    assert_eq!(polls(&device, &stranger.identity), busy, "another's identity");
    assert_eq!(polls(&school.device("00008030-00AA11BB22CC33DF"), &device.identity), busy, "never heard of");

    let row = device.enqueue(command::restart_device(uuid::Uuid::from_u128(1), None));
    assert_eq!(polls(&device, &device.identity), busy, "a command waits");
    let enrollment = device.enrollment();
    school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &row.uuid));
    assert_eq!(polls(&device, &device.identity), quiet());

    let elsewhere = listener(&school, &["mdm.CheckOut"]);
    assert_eq!(polls(&device, &device.identity), (Look::Unsure, quiet().1), "somebody listens, but not to polls");
    school.write(move |tx| webhooks::delete(tx, &Actor::Console, &elsewhere));
    listener(&school, &["mdm.Connect"]);
    assert_eq!(polls(&device, &device.identity), (Look::Unsure, Poll::Write), "somebody wants to hear of polls");

    let revoked = device.identity.fingerprint;
    school.write(move |tx| certificates::revoke(tx, &revoked, "lost").map(drop));
    assert_eq!(polls(&device, &device.identity), busy, "revoked");
}

#[test]
fn a_device_is_seen_when_it_polls_whoever_listens() {
    let school = School::new();
    let device = school.enrolled("00008030-00AA11BB22CC33DD");
    listener(&school, &[]);
    school.clock.advance(days(1));
    assert!(device.idle().is_none());
    assert_eq!(device.enrollment().last_seen_at, Some(school.clock.now()));
}

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
