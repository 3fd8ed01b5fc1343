//! The renewal of identities, told apart from a new enrollment.

use std::time::Duration;

use uuid::Uuid;

use super::{Device, School, days};
use crate::mdm::Actor;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::checkin::Reply;
use crate::mdm::enroll::identify::Presented;
use crate::mdm::enroll::renewal::{self, RENEW_BEFORE};
use crate::pki::issue::attestation::AttestationService;
use crate::protocol::command;
use crate::protocol::platform::Platform;
use crate::store::attestations::{self, AttestationState};
use crate::store::certificates::Purpose;
use crate::store::devices::{self, Device as Row};
use crate::store::enrollments::{self, RenewalState, SealedColumn};
use crate::store::invitations::IdentityKind;

const UDID: &str = "00008030-00AA11BB22CC33DD";

/// Brings a renewal to the point where its profile is in the queue.
fn queue_renewal(school: &School) -> usize {
    school.write(|tx| {
        let steps = renewal::due(tx, "https://mdm.example.school")?;
        for step in &steps {
            renewal::queue(tx, step, command::install_profile(tx.random().uuid_v4(), b"profile".to_vec()))?;
        }
        Ok(steps.len())
    })
}

fn renewing(school: &School) -> (Device<'_>, Device<'_>) {
    let device = school.enrolled(UDID);
    device.check_in("<key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>").unwrap();
    school.clock.advance(days(730).saturating_sub(RENEW_BEFORE));
    assert_eq!(queue_renewal(school), 1);
    let profile = device.idle().unwrap();
    assert_eq!(profile.request_type, "InstallProfile");
    device.report(&profile.uuid, "Acknowledged");
    assert_eq!(device.enrollment().renewal_state, RenewalState::Waiting);
    let identity = school.certificate("renewed", Purpose::Renew, Some(&device.enrollment().id));
    let renewed = Device { school, udid: UDID.to_owned(), identity };
    (device, renewed)
}

#[test]
fn a_renewal_keeps_queue_tokens_and_generation() {
    // C12, the contrast input.
    let school = School::new();
    let (old, new) = renewing(&school);
    let waiting = old.enqueue(command::restart_device(Uuid::from_u128(1), None)).uuid;
    assert!(matches!(new.authenticate(), Reply::Empty));
    new.token_update(false);
    let enrollment = new.enrollment();
    assert_eq!((enrollment.generation, enrollment.renewal_state), (1, RenewalState::None));
    assert_eq!(new.idle().unwrap().uuid, waiting);
    let token = school.write(move |tx| enrollments::secret(tx, &enrollment.id, SealedColumn::BootstrapToken));
    assert!(token.is_some());
    assert!(old.connect("<key>Status</key><string>Idle</string>").is_ok(), "the certificate before is good until it ends");
}

#[test]
fn a_renewed_certificate_may_be_used_before_authenticate() {
    let school = School::new();
    let (_, new) = renewing(&school);
    assert!(new.idle().is_none());
    assert_eq!(new.enrollment().renewal_state, RenewalState::None);
    // What reports by it first says Authenticate afterwards, and is no new enrollment.
    let waiting = new.enqueue(command::restart_device(Uuid::from_u128(1), None)).uuid;
    new.authenticate();
    new.token_update(false);
    assert_eq!((new.enrollment().generation, new.enrollment().renewal_state), (1, RenewalState::None));
    assert_eq!(new.idle().unwrap().uuid, waiting);
    assert_eq!(school.events().iter().filter(|kind| *kind == "renewal.finished").count(), 1);
}

#[test]
fn an_identity_that_was_renewed_once_does_not_pass_for_its_own_renewal() {
    let school = School::new();
    let (_, second) = renewing(&school);
    second.authenticate();
    second.token_update(false);
    school.clock.advance(days(550));
    assert_eq!(queue_renewal(&school), 1);
    let profile = second.idle().unwrap();
    assert_eq!(second.enrollment().renewal_state, RenewalState::Queued, "it came by the old identity");
    second.report(&profile.uuid, "Acknowledged");
    assert_eq!((second.enrollment().renewal_state, queue_renewal(&school)), (RenewalState::Waiting, 0));
    let third = Device {
        school: &school,
        udid: UDID.to_owned(),
        identity: school.certificate("third", Purpose::Renew, Some(&second.enrollment().id)),
    };
    assert!(third.idle().is_none());
    let enrollment = third.enrollment();
    assert_eq!((enrollment.generation, enrollment.renewal_state, enrollment.renewal_attempts), (1, RenewalState::None, 0));
    assert_eq!(enrollment.renewal_due_at, Some(school.clock.now().plus(days(550))));
}

#[test]
fn an_erased_device_is_new_even_while_its_renewal_is_pending() {
    // C12: Authenticate with a certificate from a fresh challenge.
    let school = School::new();
    let (_, _) = renewing(&school);
    let erased = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("fresh", Purpose::Enroll, None) };
    erased.authenticate();
    erased.token_update(true);
    let enrollment = erased.enrollment();
    assert_eq!((enrollment.generation, enrollment.renewal_state), (2, RenewalState::None));
    let mut last = None;
    let mut offer = erased.idle();
    while let Some(command) = offer {
        offer = erased.report(&command.uuid, "Acknowledged");
        last = Some(command.request_type);
    }
    assert_eq!(last.as_deref(), Some("DeviceConfigured"), "it never stays in Setup Assistant for our sake");
}

#[test]
fn awaiting_configuration_always_makes_it_new() {
    let school = School::new();
    let (_, new) = renewing(&school);
    new.authenticate();
    assert_eq!(new.enrollment().generation, 1);
    new.token_update(true);
    assert_eq!(new.enrollment().generation, 2);
}

#[test]
fn a_renewal_certificate_of_another_enrollment_is_refused() {
    let school = School::new();
    let (_, new) = renewing(&school);
    let other = school.enrolled("00008030-00AA11BB22CC33EE");
    let forged = Device { school: &school, udid: other.udid.clone(), identity: new.identity.clone() };
    assert!(matches!(forged.authenticate(), Reply::Refused(_)));
}

#[test]
fn a_renewal_begins_with_a_hundred_and_eighty_days_left_and_not_before() {
    let school = School::new();
    school.enrolled(UDID);
    school.clock.advance(days(550).saturating_sub(Duration::from_millis(1)));
    assert_eq!(queue_renewal(&school), 0);
    school.clock.advance(Duration::from_millis(1));
    assert_eq!(queue_renewal(&school), 1);
}

#[test]
fn a_renewal_that_was_put_off_waits_and_one_that_ran_out_is_followed_by_another() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.clock.advance(days(550));
    queue_renewal(&school);
    let profile = device.idle().unwrap();
    assert!(device.report(&profile.uuid, "NotNow").is_none());
    assert_eq!((device.enrollment().renewal_state, queue_renewal(&school)), (RenewalState::Queued, 0), "it still waits");
    assert_eq!(device.idle().unwrap().uuid, profile.uuid, "offered again in the next session");
    device.report(&profile.uuid, "NotNow");

    school.clock.advance(renewal::ATTEMPT);
    assert_eq!(school.write(crate::mdm::commands::expire), 1);
    assert_eq!(queue_renewal(&school), 1);
    let second = device.idle().unwrap();
    assert_ne!(second.uuid, profile.uuid);
    device.report(&second.uuid, "Acknowledged");
    assert_eq!((device.enrollment().renewal_state, device.enrollment().renewal_attempts), (RenewalState::Waiting, 2));
    school.clock.advance(renewal::RETRIES[1]);
    assert_eq!(queue_renewal(&school), 1, "what was installed and never used is tried again");
    let used = school.certificate("renewed", Purpose::Renew, Some(&device.enrollment().id));
    let renewed = Device { school: &school, udid: UDID.to_owned(), identity: used };
    renewed.authenticate();
    renewed.token_update(false);
    let enrollment = renewed.enrollment();
    assert_eq!((enrollment.generation, enrollment.renewal_state, enrollment.renewal_attempts), (1, RenewalState::None, 0));
}

#[test]
fn a_renewal_that_got_no_answer_is_tried_again() {
    let school = School::new();
    let device = school.enrolled(UDID);
    school.clock.advance(days(730).saturating_sub(RENEW_BEFORE));
    queue_renewal(&school);
    assert_eq!(queue_renewal(&school), 0, "one attempt at a time");
    school.clock.advance(renewal::ATTEMPT);
    assert_eq!(queue_renewal(&school), 1);
    assert_eq!(device.enrollment().renewal_attempts, 2);
    let profile = device.idle().unwrap();
    device.report(&profile.uuid, "Error");
    assert_eq!(device.enrollment().renewal_state, RenewalState::None);
    school.clock.advance(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(queue_renewal(&school), 1, "a refused attempt is followed by another");
}

/// How the next attempt asks for the identity.
fn asks(school: &School) -> IdentityKind {
    let steps = school.write(|tx| renewal::due(tx, "https://mdm.example.school"));
    assert_eq!((steps.len(), steps[0].grant.identifier.as_str()), (1, "org.rollcall.enrollment"), "an update in place");
    assert_eq!(steps[0].grant.addresses.acme_url, "https://mdm.example.school/acme/directory");
    steps[0].grant.identity
}

/// A school that can judge proofs and asks for them so, with a device that came by SCEP and whose renewal is due.
fn asking(mode: Mode) -> School {
    let school = School::new();
    let root = AttestationService::new(school.clock.now()).unwrap().root().clone();
    school.enrolled(UDID);
    school.write(move |tx| {
        attestation::learn_roots(tx, &[root])?;
        attestation::change(tx, &Actor::Console, &[(Platform::Ios, mode)]).map(drop)
    });
    school.clock.advance(days(550));
    school
}

impl School {
    fn runs(&self, product: &'static str, os_version: &'static str) {
        self.write(move |tx| {
            let known = devices::by_udid(tx, UDID)?.unwrap();
            devices::update(tx, &Row { product_name: product.into(), os_version: os_version.into(), ..known })
        });
    }

    fn again(&self) -> Device<'_> {
        let identity = self.write(|tx| {
            let enrollment = enrollments::by_nano_id(tx, UDID)?.unwrap();
            Ok(crate::store::certificates::of_enrollment(tx, &enrollment.id)?.remove(0).fingerprint)
        });
        let identity = Presented { fingerprint: identity, certificate: None, imported_authority: None, bearer: None, host: None };
        Device { school: self, udid: UDID.to_owned(), identity }
    }
}

#[test]
fn who_came_by_scep_is_asked_for_a_proof_when_it_can_give_one_by_now() {
    let school = asking(Mode::Prefer);
    for (product, os, expected) in [
        ("iPad13,18", "15.8", IdentityKind::Scep),
        ("iPad7,11", "18.1", IdentityKind::Scep),
        ("", "", IdentityKind::Scep),
        ("iPad13,18", "16.1", IdentityKind::Acme),
    ] {
        school.runs(product, os);
        assert_eq!(asks(&school), expected, "{product} {os}");
    }
    assert_eq!(asks(&asking(Mode::Off)), IdentityKind::Scep, "nothing is asked for");
    let school = asking(Mode::Require);
    assert_eq!(asks(&school), IdentityKind::Acme);
    school.runs("iPad7,11", "18.1");
    assert_eq!(asks(&school), IdentityKind::Scep, "who is enrolled and cannot goes on as it is");
    // Without a root to judge by, nothing is preferred; and nobody vouches for practice devices.
    let school = asking(Mode::Prefer);
    school.write(|tx| {
        let known = devices::by_udid(tx, UDID)?.unwrap();
        devices::update(tx, &Row { practice: true, ..known })
    });
    assert_eq!(asks(&school), IdentityKind::Acme, "a stand-in vouches for them here");
    school.write(|tx| attestation::learn_roots(tx, &[]));
    assert_eq!(asks(&school), IdentityKind::Scep);
}

#[test]
fn a_proof_that_is_preferred_is_asked_for_once_and_a_profile_that_was_put_off_is_no_failure() {
    let school = asking(Mode::Prefer);
    let device = school.again();
    queue_renewal(&school);
    let profile = device.idle().unwrap();
    device.report(&profile.uuid, "NotNow");
    school.clock.advance(renewal::ATTEMPT);
    assert_eq!(school.write(crate::mdm::commands::expire), 1);
    assert_eq!(asks(&school), IdentityKind::Acme, "it was put off");
    queue_renewal(&school);
    school.clock.advance(renewal::ATTEMPT);
    assert_eq!(school.write(crate::mdm::commands::expire), 1);
    assert_eq!(asks(&school), IdentityKind::Acme, "it was away");
    queue_renewal(&school);
    let profile = device.idle().unwrap();
    device.report(&profile.uuid, "Error");
    assert_eq!(school.events().iter().filter(|kind| *kind == "renewal.not_proven").count(), 1);
    school.clock.advance(days(7));
    assert_eq!(asks(&school), IdentityKind::Scep, "it falls back");
    queue_renewal(&school);
    let profile = device.idle().unwrap();
    device.report(&profile.uuid, "Error");
    assert_eq!(school.events().iter().filter(|kind| *kind == "renewal.not_proven").count(), 1, "this one asked for no proof");
    school.clock.advance(days(7));
    assert_eq!(asks(&school), IdentityKind::Scep);
    let identity = school.certificate("renewed", Purpose::Renew, Some(&device.enrollment().id));
    let renewed = Device { school: &school, udid: UDID.to_owned(), identity };
    queue_renewal(&school);
    renewed.authenticate();
    renewed.token_update(false);
    assert_eq!((renewed.enrollment().generation, renewed.enrollment().renewal_state), (1, RenewalState::None));
    school.clock.advance(days(550));
    assert_eq!(asks(&school), IdentityKind::Acme, "the next renewal asks again");
}

#[test]
fn a_proof_that_is_required_is_asked_for_again_and_the_device_says_why_it_was_not_renewed() {
    let school = asking(Mode::Require);
    let device = school.again();
    queue_renewal(&school);
    let profile = device.idle().unwrap();
    device.report(&profile.uuid, "Error");
    let proof = school.write(move |tx| attestations::of_device(tx, &enrollments::by_nano_id(tx, UDID)?.unwrap().device_id));
    assert!(proof.state == AttestationState::None && proof.because.contains("could not be renewed"), "{proof:?}");
    school.clock.advance(days(7));
    assert_eq!(asks(&school), IdentityKind::Acme);
    assert!(device.idle().is_none(), "with its old identity it goes on");
}
