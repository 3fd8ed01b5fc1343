//! Moving in and out: what is handed over, who may come for it, what is renewed, and what another server is told.

mod learned;
mod leaving;
mod waiting;

use std::time::Duration;

use self::waiting::told;
use super::{Device, School, TOPIC, days, plist};
use crate::error::Kind;
use crate::mdm::ca::imported::{self, Became};
use crate::mdm::checkin::{MovedIn, Reply};
use crate::mdm::enroll::identify::{ImportedAuthority, Presented, Refusal};
use crate::mdm::enroll::renewal;
use crate::mdm::moves::take::{self, Message, Taken};
use crate::mdm::moves::{self, export, profile};
use crate::mdm::{Actor, Role, connect, devices as people_see};
use crate::pki::asn1;
use crate::pki::certificate::Certificate;
use crate::pki::csr::{self, CertificationRequest, RequestOptions};
use crate::pki::issue::{self, Issuer};
use crate::pki::key::PrivateKey;
use crate::protocol::moves::profile::OldProfile;
use crate::secret::SecretBytes;
use crate::store::enrollments::{self, EnrollmentState, SealedColumn};
use crate::store::moves::{self as handed_over, MovedFrom};
use crate::store::{authorities, certificates, devices, push_certificates};

const A: &str = "00008030-00AA11BB22CC33D1";
const B: &str = "00008030-00AA11BB22CC33D2";

/// Another server: its authority, and what its devices told it.
struct Elsewhere<'a> {
    school: &'a School,
    issuer: Issuer,
    authority: ImportedAuthority,
}

fn elsewhere(school: &School) -> Elsewhere<'_> {
    let issuer = issue::root("Elsewhere CA", school.clock.now()).unwrap();
    let certificate = issuer.certificate().clone();
    let brought = school.write(move |tx| imported::import(tx, &Actor::Console, &certificate, None, 30));
    assert_eq!(brought.became, Became::New);
    let authority = ImportedAuthority { id: brought.authority.id.clone(), until: imported::until(&brought.authority) };
    Elsewhere { school, issuer, authority }
}

fn tokens(udid: &str, more: &str) -> String {
    plist(&format!(
        "<key>UDID</key><string>{udid}</string><key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>{TOPIC}</string>\
         <key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>{more}"
    ))
}

fn authenticate(udid: &str, more: &str) -> String {
    plist(&format!(
        "<key>UDID</key><string>{udid}</string><key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string>{more}"
    ))
}

const USER: &str = "<key>UserID</key><string>5A0F0001-0000-4000-8000-000000000001</string><key>UserShortName</key><string>kim</string>";

impl<'a> Elsewhere<'a> {
    fn certificate(&self) -> Certificate {
        let key = PrivateKey::generate_p256().unwrap();
        let request = csr::write(&asn1::name::write(&[]).unwrap(), &key, RequestOptions::default()).unwrap();
        self.issuer.identity(&CertificationRequest::from_der(&request).unwrap(), "device", self.school.clock.now()).unwrap()
    }

    fn presented(&self, certificate: &Certificate) -> Presented {
        let authority = Some(ImportedAuthority { id: self.authority.id.clone(), until: self.authority.until });
        Presented {
            fingerprint: certificate.fingerprint(),
            certificate: Some(certificate.clone()),
            imported_authority: authority,
            bearer: None,
            host: Some("Old.Example.School:9000".into()),
        }
    }

    /// A device of this server's with an identity of its own.
    fn device(&self, udid: &str) -> Device<'a> {
        Device { school: self.school, udid: udid.to_owned(), identity: self.presented(&self.certificate()) }
    }

    fn take(&self, messages: &[String], identity: Option<&Presented>, check: bool) -> Vec<Taken> {
        take_in(self.school, messages, identity, check)
    }

    fn hand_over(&self, udid: &str, identity: Option<&Presented>) {
        let taken = self.take(&[authenticate(udid, ""), tokens(udid, "")], identity, false);
        assert!(taken.iter().all(|taken| taken.outcome.is_ok()), "{taken:?}");
    }
}

fn take_in(school: &School, messages: &[String], identity: Option<&Presented>, check: bool) -> Vec<Taken> {
    let identity = identity.map(|presented| presented.fingerprint);
    let messages: Vec<_> = messages.iter().map(|body| Message { body: SecretBytes::new(body.clone().into_bytes()), identity }).collect();
    school.write(move |tx| take::take(tx, &Actor::Console, MovedFrom::NanoMdm, &messages, check))
}

fn refused(reply: &Reply) -> Option<Refusal> {
    match reply {
        Reply::Refused(refusal) => Some(*refusal),
        _ => None,
    }
}

impl Device<'_> {
    fn polls(&self) -> Result<(), Refusal> {
        match self.connect("<key>Status</key><string>Idle</string>").unwrap() {
            connect::Reply::Refused(refusal) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// What came of each way of speaking: none may get through where the first does not.
    fn says_everything(&self) -> Vec<Option<Refusal>> {
        let said = [
            self.check_in("<key>MessageType</key><string>GetBootstrapToken</string>").unwrap(),
            self.check_in("<key>MessageType</key><string>CheckOut</string>").unwrap(),
            self.token_update(false),
            self.authenticate(),
        ];
        said.iter().map(refused).chain([self.polls().err()]).collect()
    }
}

#[test]
fn the_device_that_the_other_server_named_is_taken_and_no_other_of_the_same_authority() {
    let school = School::new();
    let there = elsewhere(&school);
    let (device, thief) = (there.device(A), there.device(A));
    there.hand_over(A, Some(&device.identity));
    assert_eq!(
        thief.says_everything(),
        [Some(Refusal::AnothersIdentity); 5],
        "it is first, and has another certificate than the one that is named"
    );
    let enrollment = device.enrollment();
    assert!(school.write({
        let id = enrollment.id.clone();
        move |tx| moves::is_expected(tx, &id)
    }));
    assert_eq!(device.polls(), Ok(()));
    let id = enrollment.id.clone();
    let moved = school.write(move |tx| handed_over::of(tx, &id)).unwrap();
    assert_eq!((moved.bound_at, moved.address.as_str()), (Some(school.clock.now()), "old.example.school:9000"));
    assert_eq!(device.enrollment().generation, 1, "it did not notice");
    let finished = school.events().iter().filter(|kind| *kind == "enrollment.move_in_finished").count();
    assert_eq!(finished, 1);
    // What is named for one device speaks for no other one, whether that is expected or not known.
    there.hand_over(B, None);
    let wrong = Device { school: &school, udid: B.to_owned(), identity: device.identity.clone() };
    assert_eq!(wrong.says_everything(), [Some(Refusal::AnothersIdentity); 5]);
    let named_early = there.device("00008030-00AA11BB22CC33D3");
    there.hand_over("00008030-00AA11BB22CC33D4", Some(&named_early.identity));
    assert_eq!(refused(&named_early.authenticate()), Some(Refusal::AnothersIdentity));
}

#[test]
fn where_nobody_is_named_the_first_identity_is_bound_once_and_the_second_one_is_refused_for_ever() {
    let school = School::new();
    let there = elsewhere(&school);
    there.hand_over(A, None);
    let (first, second) = (there.device(A), there.device(A));
    assert_eq!(first.polls(), Ok(()));
    assert_eq!(second.says_everything(), [Some(Refusal::AnothersIdentity); 5]);
    let id = first.enrollment().id;
    let bound = school.write(move |tx| certificates::of_enrollment(tx, &id));
    assert_eq!((bound.len(), bound[0].fingerprint), (1, first.identity.fingerprint));
    // One of the same authority that has a device of its own is not another's either.
    there.hand_over(B, None);
    let own = there.device(B);
    assert_eq!(own.polls(), Ok(()));
    let as_first = Device { school: &school, udid: A.to_owned(), identity: own.identity.clone() };
    assert_eq!(as_first.says_everything(), [Some(Refusal::AnothersIdentity); 5]);
    // Revoked is revoked, and makes no room for a third one.
    let fingerprint = first.identity.fingerprint;
    school.write(move |tx| certificates::revoke(tx, &fingerprint, "stolen"));
    assert_eq!(first.says_everything(), [Some(Refusal::Revoked); 5]);
    let third = there.device(A);
    assert_eq!(third.polls(), Err(Refusal::AnothersIdentity));
    let again = there.take(&[authenticate(A, ""), tokens(A, "")], None, false);
    assert!(again.iter().all(|taken| taken.outcome == Ok(MovedIn::PassedOver)), "{again:?}");
    assert_eq!(third.polls(), Err(Refusal::AnothersIdentity));
    let refusals = school.events().iter().filter(|kind| *kind == "enrollment.refused").count();
    assert!(refusals >= 4, "each is recorded once: {refusals}");
}

#[test]
fn an_identity_of_another_authority_or_of_none_is_foreign() {
    let school = School::new();
    let there = elsewhere(&school);
    there.hand_over(A, None);
    let stranger = Presented { imported_authority: None, ..there.presented(&there.certificate()) };
    let device = Device { school: &school, udid: A.to_owned(), identity: stranger };
    assert_eq!(device.says_everything(), [Some(Refusal::ForeignCertificate); 5]);
    let nobody = Device { school: &school, udid: A.to_owned(), identity: Presented { certificate: None, ..device.identity.clone() } };
    assert_eq!(nobody.polls(), Err(Refusal::ForeignCertificate));
}

#[test]
fn after_the_window_nobody_new_is_taken_and_an_owner_opens_it_again() {
    let school = School::new();
    let there = elsewhere(&school);
    there.hand_over(A, None);
    there.hand_over(B, None);
    let (early, late) = (there.device(A), there.device(B));
    school.clock.advance(days(30));
    assert_eq!(early.polls(), Ok(()));
    school.clock.advance(Duration::from_millis(1));
    assert_eq!(late.says_everything(), [Some(Refusal::MoveInWindowOver); 5]);
    assert_eq!(early.polls(), Ok(()), "who has come stays");
    assert!(told(&school, B).iter().any(|cause| cause.contains("the time to take such devices in has passed")), "{:?}", told(&school, B));
    let id = there.authority.id.clone();
    let reader = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Admin };
    assert_eq!(
        school
            .try_write({
                let id = id.clone();
                move |tx| imported::set_window(tx, &reader, &id, 3)
            })
            .unwrap_err()
            .kind,
        Kind::Forbidden
    );
    let reopened = school.write(move |tx| imported::set_window(tx, &Actor::Console, &id, 3));
    let until = imported::until(&reopened);
    assert_eq!(until, school.clock.now().plus(days(3)));
    assert!(told(&school, B).iter().any(|cause| cause.contains("has not been seen here yet")), "{:?}", told(&school, B));
    let again = Device {
        identity: Presented {
            imported_authority: Some(ImportedAuthority { id: there.authority.id.clone(), until }),
            ..late.identity.clone()
        },
        ..late
    };
    assert_eq!(again.polls(), Ok(()));
}

#[test]
fn a_certificate_that_has_ended_is_taken_only_where_the_other_server_named_it() {
    let school = School::new();
    let there = elsewhere(&school);
    let (named, unnamed) = (there.device(A), there.device(B));
    school.clock.advance(days(800));
    let ca = there.issuer.certificate().clone();
    let brought = school.write(move |tx| imported::import(tx, &Actor::Console, &ca, None, 30));
    assert_eq!(brought.became, Became::Known);
    let there = Elsewhere {
        authority: ImportedAuthority { id: brought.authority.id.clone(), until: imported::until(&brought.authority) },
        ..there
    };
    let again = |device: &Device<'_>| Device {
        school: &school,
        udid: device.udid.clone(),
        identity: there.presented(device.identity.certificate.as_ref().unwrap()),
    };
    there.hand_over(A, Some(&named.identity));
    there.hand_over(B, None);
    assert_eq!(again(&unnamed).says_everything(), [Some(Refusal::EndedBeforeItCame); 5]);
    assert_eq!(again(&named).polls(), Ok(()));
    assert!(again(&named).enrollment().renewal_due_at.is_some_and(|due| due <= school.clock.now()), "it is renewed at once");
}

#[test]
fn a_live_enrollment_is_never_overwritten_and_what_an_admin_retired_stays_so() {
    let school = School::new();
    let there = elsewhere(&school);
    let ours = school.enrolled(A);
    let before = ours.enrollment();
    let taken =
        there.take(&[authenticate(A, "<key>DeviceName</key><string>Other</string>"), tokens(A, "").replace("AQID", "BBBB")], None, false);
    assert!(taken.iter().all(|taken| taken.outcome == Ok(MovedIn::PassedOver)), "{taken:?}");
    let after = ours.enrollment();
    assert_eq!(
        (after.topic, after.token_hash, after.generation, after.state),
        (before.topic, before.token_hash, before.generation, before.state)
    );
    let name = school
        .write({
            let id = before.device_id.clone();
            move |tx| devices::by_id(tx, &id)
        })
        .unwrap()
        .name;
    assert_eq!(name, "iPad 1");
    assert_eq!(
        there.device(A).says_everything(),
        [Some(Refusal::AnothersIdentity); 5],
        "an identity from elsewhere does not take over what is here"
    );

    there.hand_over(B, None);
    let waiting = there.device(B);
    school.write(|tx| people_see::retire(tx, &Actor::Console, B).map(drop));
    let taken = there.take(&[authenticate(B, ""), tokens(B, "")], None, false);
    assert!(taken.iter().all(|taken| taken.outcome == Ok(MovedIn::PassedOver)), "{taken:?}");
    assert_eq!(waiting.enrollment().state, EnrollmentState::Retired);
}

#[test]
fn a_device_that_went_to_another_server_comes_back_the_same_way() {
    let school = School::new();
    let there = elsewhere(&school);
    let ours = school.enrolled(A);
    let old = ours.identity.clone();
    ours.check_in("<key>MessageType</key><string>CheckOut</string>").unwrap();
    assert_eq!(ours.enrollment().state, EnrollmentState::Left);
    there.hand_over(A, None);
    let enrollment = ours.enrollment();
    assert_eq!((enrollment.state, enrollment.generation), (EnrollmentState::Enrolled, 2));
    let back = Device { school: &school, udid: A.to_owned(), identity: old };
    assert_eq!(back.polls(), Err(Refusal::Revoked), "what it had here before is over");
    let moved = there.device(A);
    assert_eq!(moved.polls(), Ok(()));
    assert!(school.events().iter().any(|kind| kind == "enrollment.move_in_finished"));
}

#[test]
fn messages_are_taken_one_by_one_in_any_number_and_looking_changes_nothing() {
    let school = School::new();
    let there = elsewhere(&school);
    let all = [
        authenticate(A, "<key>SerialNumber</key><string>TESTSN0001</string>"),
        tokens(A, ""),
        plist(&format!(
            "<key>UDID</key><string>{A}</string><key>MessageType</key><string>SetBootstrapToken</string><key>BootstrapToken</key><data>AQID</data>"
        )),
        tokens(A, USER),
        tokens(B, USER),
        plist(&format!("<key>UDID</key><string>{A}</string><key>MessageType</key><string>CheckOut</string>")),
        String::from("<html>"),
    ];
    let outcomes = |check: bool| there.take(&all, None, check).into_iter().map(|taken| taken.outcome).collect::<Vec<_>>();
    let looked = outcomes(true);
    assert_eq!(school.write(handed_over::counts).moved, 0);
    assert!(school.write(|tx| enrollments::by_nano_id(tx, A)).is_none());
    let done = outcomes(false);
    assert_eq!(looked, done);
    assert_eq!(done[..4], [Ok(MovedIn::New), Ok(MovedIn::Changed), Ok(MovedIn::Changed), Ok(MovedIn::New)]);
    assert!(done[4].as_ref().unwrap_err().contains("before those of its users"));
    assert!(done[5].as_ref().unwrap_err().contains("moves nothing in"));
    assert!(done[6].is_err());
    assert_eq!(outcomes(false)[..4], [Ok(MovedIn::Unchanged), Ok(MovedIn::Unchanged), Ok(MovedIn::Unchanged), Ok(MovedIn::Unchanged)]);
    // Only the first of two messages came through: the device can come all the same.
    there.take(&all[..1], None, false);
    assert_eq!(there.device(A).polls(), Ok(()));
    let handed = Message { body: SecretBytes::new(Vec::new()), identity: None };
    let many = vec![handed; take::MESSAGES_MAX + 1];
    assert!(school.try_write(move |tx| take::take(tx, &Actor::Console, MovedFrom::Nano, &many, false)).is_err());
    let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Helper };
    assert_eq!(school.try_write(move |tx| take::take(tx, &viewer, MovedFrom::Nano, &[], false)).unwrap_err().kind, Kind::Forbidden);
}

#[test]
fn one_certificate_is_named_for_one_device() {
    let school = School::new();
    let there = elsewhere(&school);
    let device = there.device(A);
    there.hand_over(A, Some(&device.identity));
    let taken = there.take(&[authenticate(B, "")], Some(&device.identity), false);
    assert!(taken[0].outcome.as_ref().unwrap_err().contains("belongs to one device"), "{taken:?}");
    assert!(school.write(|tx| enrollments::by_nano_id(tx, B)).is_none(), "nothing of it stays");
    // A tool that does not name it does not unname it.
    there.hand_over(A, None);
    assert_eq!(there.device(A).polls(), Err(Refusal::AnothersIdentity));
}

#[test]
fn how_it_stands_names_hosts_and_topics_that_cannot_be_pushed_to() {
    let school = School::new();
    let there = elsewhere(&school);
    there.hand_over(A, None);
    there.hand_over(B, None);
    let device = there.device(A);
    device.answer_everything();
    let standing = school.write(|tx| moves::standing(tx, &Actor::Console));
    assert_eq!((standing.counts.moved, standing.counts.waiting, standing.counts.named), (2, 1, 0));
    assert_eq!(standing.hosts, [(String::from("old.example.school:9000"), 1), (String::new(), 1)]);
    assert_eq!(standing.topics_without_certificate, [(TOPIC.to_owned(), 2)]);
    let lines = school.write(|tx| moves::list(tx, &Actor::Console, None, None, 10));
    assert_eq!(lines.iter().map(|line| line.nano_id.as_str()).collect::<Vec<_>>(), [B, A], "who has not come stands first");
    let after = (false, lines[0].moved.moved_at, lines[0].moved.enrollment_id.clone());
    let rest = school.write(move |tx| moves::list(tx, &Actor::Console, None, Some(&after), 10));
    assert_eq!(rest.len(), 1);
    let waiting = school.write(|tx| moves::list(tx, &Actor::Console, Some(true), None, 10));
    assert_eq!(waiting.len(), 1);
    let school = school.with_push_certificates();
    assert!(school.write(|tx| moves::standing(tx, &Actor::Console)).topics_without_certificate.is_empty());
    assert!(school.write(|tx| push_certificates::by_topic(tx, TOPIC)).is_some());
}
