//! Devices that say they are others: what a key that Apple vouched for, its list and people's accounts keep for those whose they are.

use super::{Device, School, TOPIC};
use crate::mdm::Actor;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::checkin::Reply;
use crate::mdm::connect;
use crate::mdm::enroll::identify::Refusal;
use crate::pki::digest::sha256;
use crate::protocol::platform::Platform;
use crate::store::attestations::{self, AttestationState, Vouched};
use crate::store::certificates::Purpose;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::invitations::{self, Challenge, Entry, IdentityKind};

const UDID: &str = "00008030-00AA11BB22CC33DD";

impl School {
    /// A device that was let in by a challenge: an invitation's, unless `change` makes it another.
    pub(in crate::mdm::tests) fn let_in(&self, udid: &str, name: &str, change: impl FnOnce(&mut Challenge)) -> Device<'_> {
        let identity = self.certificate(name, Purpose::Enroll, None);
        let mut challenge = Challenge {
            hash: sha256(name.as_bytes()),
            purpose: Purpose::Enroll,
            invitation_id: None,
            enrollment_id: None,
            server_url: "https://mdm.example.school/mdm/connect".into(),
            check_in_url: "https://mdm.example.school/mdm/checkin".into(),
            scep_url: String::new(),
            topic: TOPIC.into(),
            newest_authority_id: None,
            identity: IdentityKind::Acme,
            expires_at: self.clock.now().plus(super::days(1)),
            spent_at: None,
            entry: Entry::Invitation,
            serial_number: None,
            udid: None,
            practice: false,
            person_id: None,
            account: None,
        };
        change(&mut challenge);
        let fingerprint = identity.fingerprint;
        self.write(move |tx| {
            invitations::insert_challenge(tx, &challenge)?;
            invitations::spend_challenge(tx, &challenge.hash, &fingerprint)
        });
        Device { school: self, udid: udid.to_owned(), identity }
    }
}

impl Device<'_> {
    /// Apple vouched for its key.
    fn with_key_of(self, serial_number: Option<&str>, udid: Option<&str>) -> Self {
        let fingerprint = self.identity.fingerprint;
        let vouched = Vouched { serial_number: serial_number.map(str::to_owned), udid: udid.map(str::to_owned), ..Vouched::default() };
        self.school.write(move |tx| attestations::insert_key(tx, &fingerprint, &vouched));
        self
    }

    fn comes_as(&self, serial_number: &str) -> Reply {
        self.check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string>\
             <key>ProductName</key><string>iPad13,18</string><key>SerialNumber</key><string>{serial_number}</string>"
        ))
        .unwrap()
    }

    pub(in crate::mdm::tests) fn enrolls_as(self, serial_number: &str) -> Self {
        assert!(matches!(self.comes_as(serial_number), Reply::Empty));
        self.token_update(false);
        self
    }

    pub(in crate::mdm::tests) fn is_heard(&self) -> bool {
        matches!(self.connect("<key>Status</key><string>Idle</string>"), Ok(connect::Reply::Empty | connect::Reply::Command(_)))
    }
}

fn school() -> School {
    let school = School::new();
    school.write(|tx| attestation::change(tx, &Actor::Console, &[(Platform::Ios, Mode::Prefer)]));
    school
}

#[test]
fn nobody_without_an_account_comes_under_an_enrollment_id_and_least_of_all_under_anothers_udid() {
    let school = school();
    let victim = school.let_in(UDID, "victim", |_| {}).enrolls_as("TESTSN0001");
    let liar = school.let_in("no one", "liar", |_| {}).with_key_of(Some("TESTSN0002"), Some("00008030-00AA11BB22CC33EE"));
    for id in [UDID, "made-up"] {
        let said = super::plist(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>EnrollmentID</key><string>{id}</string><key>Topic</key><string>{TOPIC}</string>"
        ));
        let message = crate::protocol::checkin::parse(said.as_bytes()).unwrap();
        let identity = liar.identity.clone();
        let reply = school.write(move |tx| crate::mdm::checkin::checkin(tx, Some(&identity), &message, None));
        assert!(matches!(reply, Reply::Refused(Refusal::NotAsSignedIn)), "{id}: {reply:?}");
    }
    assert!(victim.is_heard());
    assert_eq!(victim.enrollment().generation, 1, "and nothing of it changed");
}

#[test]
fn a_key_of_another_device_takes_over_no_udid_that_apple_did_not_confirm() {
    let school = school();
    let victim = school.let_in(UDID, "victim", |_| {}).with_key_of(Some("TESTSN0001"), Some(UDID)).enrolls_as("TESTSN0001");
    let liar = school.let_in(UDID, "liar", |_| {}).with_key_of(Some("TESTSN0002"), None);
    let reply = liar.comes_as("TESTSN0002");
    assert!(matches!(reply, Reply::Refused(Refusal::AttestedForAnother)), "{reply:?}");
    assert!(victim.is_heard());
    // The same hardware with a new key, and one whose UDID Apple confirms.
    for (name, udid) in [("again", None), ("confirmed", Some(UDID))] {
        school.let_in(UDID, name, |_| {}).with_key_of(Some("TESTSN0001"), udid).enrolls_as("TESTSN0001");
    }
}

#[test]
fn who_was_let_in_with_a_proof_is_not_taken_over_without_one_and_vouches_for_no_successor() {
    let school = school();
    let victim = school.let_in(UDID, "victim", |_| {}).with_key_of(Some("TESTSN0001"), Some(UDID)).enrolls_as("TESTSN0001");
    let (id, device_id) = (victim.enrollment().id, victim.enrollment().device_id);
    let state = || {
        let device_id = device_id.clone();
        school.write(move |tx| attestations::of_device(tx, &device_id)).state
    };
    assert_eq!(state(), AttestationState::Genuine);
    let bare = school.let_in(UDID, "bare", |_| {});
    let reply = bare.comes_as("TESTSN0001");
    assert!(matches!(reply, Reply::Refused(Refusal::EnrolledAlready)), "{reply:?}");
    assert!(victim.is_heard() && state() == AttestationState::Genuine);
    // Once it has left, the same device may come without; that it was genuine was said of another key.
    school.write(move |tx| {
        let enrollment = enrollments::by_id(tx, &id)?.unwrap();
        crate::mdm::checkin::end(tx, &enrollment, EnrollmentState::Left, "the device left")
    });
    bare.enrolls_as("TESTSN0001");
    assert_eq!(state(), AttestationState::Unknown);
}
