//! Devices that are asked whether they are genuine, and those that come with a certificate whose key was attested.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Device, School, days};
use crate::error::Kind;
use crate::mdm::Actor;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::checkin::Reply;
use crate::mdm::commands::Offer;
use crate::mdm::inventory::attestation::{ASK_EVERY, Asked, CODES_KEPT, ask_now};
use crate::pki::issue::attestation::{AttestationService, Properties};
use crate::pki::key::PrivateKey;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{fields, parse_dictionary};
use crate::store::attestations::{self, Attestation, AttestationState, Vouched};
use crate::store::certificates::Purpose;
use crate::testing::values_at;

const UDID: &str = "00008030-00AA11BB22CC33DD";

fn school() -> (School, AttestationService) {
    let school = School::new();
    let service = AttestationService::new(school.clock.now()).unwrap();
    let root = service.root().clone();
    school.write(move |tx| attestation::learn_roots(tx, &[root]));
    (school, service)
}

impl Device<'_> {
    fn proof(&self) -> Attestation {
        let device_id = self.enrollment().device_id;
        self.school.write(move |tx| attestations::of_device(tx, &device_id))
    }

    fn asked(&self) -> Offer {
        let enrollment = self.enrollment();
        assert_eq!(self.school.write(move |tx| ask_now(tx, &Actor::Console, &enrollment)), Asked::Queued);
        self.idle().unwrap()
    }

    /// Answers the question; gives the state that came of it.
    fn replies(&self, question: &Offer, attestation: &str) -> AttestationState {
        let answers = format!("<key>QueryResponses</key><dict><key>SerialNumber</key><string>TESTSN0001</string>{attestation}</dict>");
        self.connect(&format!(
            "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{answers}",
            question.uuid
        ))
        .unwrap();
        self.proof().state
    }
}

fn code(question: &Offer) -> Vec<u8> {
    STANDARD.decode(&values_at(question.payload.expose(), "DeviceAttestationNonce")[0]).unwrap()
}

/// The answer's certificates as the device writes them.
fn shown(service: &AttestationService, serial_number: &str, freshness: &[u8], now: crate::clock::Timestamp) -> String {
    let key = PrivateKey::generate_p256().unwrap();
    let (serial_number, freshness) = (Some(serial_number.to_owned()), Some(freshness.to_vec()));
    let said =
        Properties { serial_number, udid: Some(UDID.to_owned()), os_version: Some("18.1".into()), freshness, ..Properties::default() };
    let chain = service.attest(key.public_key_der(), &said, now).unwrap();
    let certificates: Vec<_> = chain.iter().map(|der| format!("<data>{}</data>", STANDARD.encode(der))).collect();
    format!("<key>DevicePropertiesAttestation</key><array>{}</array>", certificates.concat())
}

#[test]
fn a_device_that_shows_apples_word_is_genuine_and_one_that_shows_nothing_is_not_attested_yet() {
    // C22.
    let (school, service) = school();
    let device = school.enrolled(UDID);
    // It was asked by itself among the first questions, and its answer said nothing at all.
    assert_eq!(device.proof().state, AttestationState::Unknown);
    let question = device.asked();
    let command = parse_dictionary(question.payload.expose()).unwrap();
    let command = fields::dictionary(&command, "Command").unwrap();
    assert_eq!(fields::texts(command, "Queries"), ["DevicePropertiesAttestation", "SerialNumber", "UDID"]);
    assert_eq!(fields::data(command, "DeviceAttestationNonce").unwrap().len(), 32, "as data");
    let answer = shown(&service, "TESTSN0001", &code(&question), school.clock.now());
    assert_eq!(device.replies(&question, &answer), AttestationState::Genuine);
    let proof = device.proof();
    assert_eq!(proof.vouched.as_ref().unwrap().os_version.as_deref(), Some("18.1"));
    assert!(proof.because.is_empty() && proof.checked_at == Some(school.clock.now()));

    let other = School::new();
    let root = service.root().clone();
    other.write(move |tx| attestation::learn_roots(tx, &[root]));
    let device = other.enrolled(UDID);
    for nothing in ["<key>DevicePropertiesAttestation</key><array/>", ""] {
        let question = device.asked();
        assert_eq!(device.replies(&question, nothing), AttestationState::None, "not an error");
        assert!(device.proof().because.contains("It is asked again"));
        assert_eq!(device.command(&question.uuid).state.as_str(), "acknowledged");
    }
}

#[test]
fn one_that_comes_in_anew_has_to_show_it_again_and_is_asked_at_once() {
    let (school, service) = school();
    let device = school.enrolled(UDID);
    let question = device.asked();
    let answer = shown(&service, "TESTSN0001", &code(&question), school.clock.now());
    assert_eq!(device.replies(&question, &answer), AttestationState::Genuine);
    school.clock.advance(days(1));
    let again = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("again", Purpose::Enroll, None) };
    assert!(matches!(again.authenticate(), Reply::Empty));
    again.token_update(false);
    assert!(again.proof().state == AttestationState::Unknown && again.proof().because.contains("came in anew"));
    again.answer_everything();
    assert_eq!(again.proof().asked_at, Some(school.clock.now()), "though a week has not passed");
    let question = again.asked();
    assert_eq!(again.replies(&question, &answer), AttestationState::Genuine, "Apple's word of yesterday still counts");
}

#[test]
fn an_earlier_word_counts_with_the_code_of_an_earlier_question_and_is_stale_without() {
    let (school, service) = school();
    let device = school.enrolled(UDID);
    let first = device.asked();
    let answer = shown(&service, "TESTSN0001", &code(&first), school.clock.now());
    assert_eq!(device.replies(&first, "<key>DevicePropertiesAttestation</key><array/>"), AttestationState::None);
    for _ in 1..CODES_KEPT {
        let question = device.asked();
        assert_eq!(device.replies(&question, &answer), AttestationState::Genuine, "as the device had it made for the first question");
    }
    let question = device.asked();
    school.clock.advance(days(1));
    let newer = shown(&service, "TESTSN0001", &[7; 32], school.clock.now());
    assert_eq!(device.replies(&question, &newer), AttestationState::Stale);
    assert!(device.proof().because.contains("older than our question"));
}

#[test]
fn what_is_not_this_device_or_not_apples_does_not_count() {
    let (school, service) = school();
    let device = school.enrolled(UDID);
    let question = device.asked();
    let answer = shown(&service, "TESTSN0002", &code(&question), school.clock.now());
    assert_eq!(device.replies(&question, &answer), AttestationState::Refused);
    assert!(device.proof().because.contains("another serial number") && device.proof().vouched.is_none());
    let foreign = AttestationService::new(school.clock.now()).unwrap();
    let question = device.asked();
    let answer = shown(&foreign, "TESTSN0001", &code(&question), school.clock.now());
    assert_eq!(device.replies(&question, &answer), AttestationState::Refused);
    assert!(device.proof().because.contains("Apple's attestation root"));
    assert_eq!(school.events().iter().filter(|kind| *kind == "device.attested").count(), 2);
}

#[test]
fn a_device_is_asked_by_itself_once_a_week_and_only_when_there_is_a_root_to_judge_by() {
    let (school, _) = school();
    let device = school.enrolled(UDID);
    let asked = device.proof().asked_at;
    assert_eq!(asked, Some(school.clock.now()));
    let refresh = || {
        let enrollment = device.enrollment();
        school.write(move |tx| crate::mdm::inventory::ask_all(tx, &Actor::Console, &enrollment));
        device.answer_everything();
        device.proof().asked_at
    };
    school.clock.advance(ASK_EVERY.saturating_sub(days(1)));
    assert_eq!(refresh(), asked, "too soon");
    school.clock.advance(days(1));
    let again = refresh();
    assert_eq!(again, Some(school.clock.now()));

    let without = School::new();
    let device = without.enrolled(UDID);
    assert_eq!(device.proof().asked_at, None);
    let enrollment = device.enrollment();
    assert_eq!(without.write(move |tx| ask_now(tx, &Actor::Console, &enrollment)), Asked::RootMissing);
    assert!(without.write(attestation::root_due).is_some(), "and it is had");
}

#[test]
fn what_cannot_be_asked_says_why() {
    let (school, _) = school();
    let device = school.enrolled(UDID);
    let enrollment = device.enrollment();
    let refused = school.try_write(move |tx| {
        let mut known = crate::store::devices::by_id(tx, &enrollment.device_id)?.unwrap();
        known.product_name = "iPad7,11".into();
        crate::store::devices::update(tx, &known)?;
        ask_now(tx, &Actor::Console, &enrollment)
    });
    let refused = refused.unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("chip"), "{refused}");
}

fn attested(school: &School, device: &Device<'_>, serial_number: &str) {
    let fingerprint = device.identity.fingerprint;
    let vouched = Vouched {
        serial_number: Some(serial_number.to_owned()),
        udid: Some(UDID.to_owned()),
        os_version: Some("18.1".into()),
        made_at: school.clock.now(),
        ..Vouched::default()
    };
    school.write(move |tx| attestations::insert_key(tx, &fingerprint, &vouched));
}

#[test]
fn who_comes_with_another_devices_key_does_not_come_in() {
    let (school, _) = school();
    let device = school.device(UDID);
    attested(&school, &device, "TESTSN0002");
    assert!(matches!(device.authenticate(), Reply::Refused(_)));
    let right = Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("right", Purpose::Enroll, None) };
    attested(&school, &right, "TESTSN0001");
    assert!(matches!(right.authenticate(), Reply::Empty));
    assert_eq!(right.proof().state, AttestationState::Genuine);
}

#[test]
fn where_a_proof_is_required_a_newcomer_without_one_is_refused_and_who_is_enrolled_stays() {
    let (school, _) = school();
    let old = school.enrolled(UDID);
    school.write(|tx| attestation::change(tx, &Actor::Console, &[(Platform::Ios, Mode::Require)]));
    assert!(old.idle().is_none(), "it goes on");
    let renewed =
        Device { school: &school, udid: UDID.to_owned(), identity: school.certificate("new", Purpose::Renew, Some(&old.enrollment().id)) };
    assert!(matches!(renewed.authenticate(), Reply::Empty), "a renewal is no newcomer");
    let newcomer = school.device("00008030-00AA11BB22CC33EE");
    assert!(matches!(newcomer.authenticate(), Reply::Refused(_)));
    school.write(|tx| attestation::change(tx, &Actor::Console, &[(Platform::Ios, Mode::Prefer)]));
    assert!(matches!(newcomer.authenticate(), Reply::Empty));
}
