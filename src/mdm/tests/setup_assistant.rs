//! Devices in Setup Assistant: who is let in and with what, and that each of them goes on, whatever fails.

mod hold;

use super::{Device, School, TOPIC};
use crate::error::{Kind as ErrorKind, Result};
use crate::mdm::attestation::judge::Expected;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::ca::scep::{self, Request};
use crate::mdm::checkin::Reply;
use crate::mdm::enroll::Addresses;
use crate::mdm::enroll::automated::rules::{self, Change, HOLD_MINUTES};
use crate::mdm::enroll::automated::{self, Answer, Asked, Door, Refusal};
use crate::mdm::enroll::configurator;
use crate::mdm::enroll::identify::Refusal as Unheard;
use crate::mdm::enroll::invitations::{self, NewInvitation, Unusable};
use crate::mdm::enroll::profile::Grant;
use crate::mdm::setup_assistant::{Step, UPDATES_FOR, arriving};
use crate::mdm::{Actor, Role, needs, practice};
use crate::pki::certificate::Fingerprint;
use crate::pki::device_identity::Vouched;
use crate::pki::issue::attestation::AttestationService;
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::platform::Platform;
use crate::store::enrollments::EnrollmentState;
use crate::store::invitations::{Challenge, Entry, IdentityKind, challenge_by_hash, spend_challenge};
use crate::store::{Tx, devices};

const UDID: &str = "00008101-000A1B2C3D4E5F60";

fn info(serial_number: &str) -> MachineInfo {
    MachineInfo {
        udid: UDID.into(),
        serial_number: serial_number.into(),
        product_name: "iPad13,18".into(),
        os_version: "17.6.1".into(),
        build_version: "21G93".into(),
        can_request_software_update: true,
        ..MachineInfo::default()
    }
}

fn asked(by: Vouched, door: Door) -> Asked {
    Asked { info: info("TESTSN0001"), by, door, person_id: None }
}

impl School {
    fn ask(&self, asked: &Asked) -> Answer {
        let asked = asked.clone();
        self.write(move |tx| {
            let answer = automated::decide(tx, &asked, Addresses::under("https://mdm.example.school"))?;
            automated::record(tx, &asked, &answer)?;
            Ok(answer)
        })
    }

    fn refusal(&self, asked: &Asked) -> Refusal {
        match self.ask(asked) {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn grant(&self, asked: &Asked) -> Grant {
        match self.ask(asked) {
            Answer::Profile(grant) => *grant,
            other => panic!("{other:?}"),
        }
    }

    fn rule(&self, change: Change) {
        self.write(move |tx| rules::change(tx, &Actor::Console, change));
    }

    /// A device that has its certificate by the profile of a grant.
    fn certified(&self, grant: &Grant, udid: &str) -> Device<'_> {
        let device = self.device(udid);
        let (hash, fingerprint) = (grant.hash(), device.identity.fingerprint);
        assert!(self.write(move |tx| spend_challenge(tx, &hash, &fingerprint)));
        device
    }

    fn steps(&self) -> Vec<(Step, String)> {
        self.write(|tx| arriving(tx, &Actor::Console)).into_iter().map(|row| (row.step, row.words)).collect()
    }
}

fn taken(school: &School) {
    school.rule(Change { take_unlisted: Some(true), ..Change::default() });
}

#[test]
fn an_invitation_takes_no_device_over_that_came_by_apples_list() {
    let school = School::new().with_push_certificates();
    taken(&school);
    let device = school.certified(&school.grant(&asked(Vouched::Apple, Door::List)), UDID);
    device.authenticate();
    device.token_update(false);
    let guest = school.write(|tx| {
        let invitation = invitations::create(tx, &Actor::Console, NewInvitation::default())?;
        let code = invitation.code.clone();
        Ok(crate::mdm::enroll::profile::of_invitation(tx, &code, Addresses::under("https://mdm.example.school"))?.unwrap())
    });
    let grant = guest.clone();
    school.write(move |tx| crate::mdm::enroll::profile::record(tx, &grant));
    let stranger = school.device("00008101-FFFFFFFFFFFFFFFF");
    let (hash, fingerprint) = (guest.hash(), stranger.identity.fingerprint);
    assert!(school.write(move |tx| spend_challenge(tx, &hash, &fingerprint)));
    let stranger = Device { school: &school, udid: UDID.to_owned(), identity: stranger.identity.clone() };
    assert!(matches!(stranger.authenticate(), Reply::Refused(Unheard::EnrolledAlready)));
    assert!(device.idle().is_some(), "the device goes on");
}

#[test]
fn another_device_under_the_serial_number_of_an_enrolled_one_is_held_off_until_that_one_is_retired() {
    let school = School::new().with_push_certificates();
    taken(&school);
    let real = school.certified(&school.grant(&asked(Vouched::Apple, Door::List)), UDID);
    real.authenticate();
    real.token_update(false);
    let steps = school.steps();
    let mut again = asked(Vouched::Apple, Door::List);
    again.info.udid = "00008101-FFFFFFFFFFFFFFFF".into();
    let repaired = school.certified(&school.grant(&again), &again.info.udid);
    assert_eq!(school.steps(), steps, "asking alone takes nobody's place");

    for _ in 0..2 {
        let reply = repaired.authenticate();
        assert!(matches!(reply, Reply::Refused(Unheard::SerialTaken)), "{reply:?}");
    }
    let enrollment = real.enrollment();
    assert_eq!((enrollment.state, enrollment.generation), (EnrollmentState::Enrolled, 1));
    assert!(real.idle().is_some(), "the device goes on");
    let id = enrollment.device_id.clone();
    let device = school.write(move |tx| devices::by_id(tx, &id)).unwrap();
    assert_eq!(device.udid.as_deref(), Some(UDID));
    let row = school.write(|tx| arriving(tx, &Actor::Console)).remove(0);
    assert!(row.step == Step::Refused && row.troubles[0].contains("retire it"), "{row:?}");
    assert_eq!(school.events().iter().filter(|kind| *kind == "setup.held_off").count(), 1, "noted once");
    let is_needed = || school.write(needs::all).iter().any(|need| need.key.starts_with(needs::SERIAL_TAKEN));
    assert!(is_needed());

    school.write(move |tx| crate::mdm::devices::retire(tx, &Actor::Console, &device.id));
    assert!(!is_needed());
    assert!(matches!(repaired.authenticate(), Reply::Empty), "once the old entry was retired it may come");
    repaired.token_update(false);
    assert_eq!((repaired.enrollment().state, repaired.enrollment().device_id), (EnrollmentState::Enrolled, enrollment.device_id));
}

#[test]
fn a_minimum_is_demanded_of_what_apples_list_offers_it_and_the_rest_is_let_in_with_the_reason() {
    let school = School::new().with_push_certificates();
    taken(&school);
    crate::mdm::tests::updates::listed(&school, "18.7.2", "22H124");
    let refused = school.try_write(|tx| {
        rules::change(tx, &Actor::Console, Change { minimum: [(Platform::Ios, "99.9".into())].into(), ..Change::default() })
    });
    assert_eq!(refused.unwrap_err().fields[0].field, "minimum.ios");
    school.rule(Change { minimum: [(Platform::Ios, "18.2".into())].into(), ..Change::default() });
    let unknown = MachineInfo { product_name: "iPad99,1".into(), ..info("TESTSN0002") };
    school.grant(&Asked { info: unknown, ..asked(Vouched::Apple, Door::List) });
    let troubles = || school.write(|tx| arriving(tx, &Actor::Console)).remove(0).troubles;
    let because = "It was let in with 17.6.1 although 18.2 is demanded: Apple’s list does not name this hardware";
    assert!(troubles().len() == 1 && troubles()[0].starts_with(because), "{:?}", troubles());
    let Answer::Update(needed) = school.ask(&asked(Vouched::Apple, Door::List)) else { panic!("it is listed") };
    assert_eq!((needed.os_version.as_str(), needed.build_version.as_deref()), ("18.7.2", Some("22H124")));
}

#[test]
fn a_minimum_that_was_fine_before_apples_list_came_holds_nobody_up_and_says_so() {
    let school = School::new().with_push_certificates();
    school.rule(Change { take_unlisted: Some(true), minimum: [(Platform::Ios, "62.1".to_owned())].into(), ..Change::default() });
    assert!(matches!(school.ask(&asked(Vouched::Apple, Door::List)), Answer::Update(_)), "no list says that there is none");
    crate::mdm::tests::updates::listed(&school, "18.7.2", "22H124");
    school.grant(&asked(Vouched::Apple, Door::List));
    let troubles = school.write(|tx| arriving(tx, &Actor::Console)).remove(0).troubles;
    assert_eq!(troubles, ["It was let in with 17.6.1 although 62.1 is demanded: Apple lists no release from 62.1 on; check the number."]);
}

#[test]
fn a_device_that_can_prove_that_it_is_genuine_is_asked_to_and_one_that_cannot_is_told() {
    let school = School::new().with_push_certificates();
    taken(&school);
    let service = AttestationService::new(school.clock.now()).unwrap();
    let mode = |mode| school.write(move |tx| attestation::change(tx, &Actor::Console, &[(Platform::Ios, mode)]));
    mode(Mode::Prefer);
    let can = asked(Vouched::Apple, Door::List);
    assert_eq!(school.grant(&can).identity, IdentityKind::Scep, "nothing to judge it by yet");
    school.write(move |tx| attestation::learn_roots(tx, &[service.root().clone()]));
    let grant = school.grant(&can);
    assert_eq!(grant.identity, IdentityKind::Acme);
    let expected = school.write(move |tx| Expected::of_challenge(tx, &challenge_of(tx, &grant)?));
    assert_eq!((expected.serial_number.as_deref(), expected.udids), (Some("TESTSN0001"), vec![UDID.to_owned()]));
    let old = Asked { info: MachineInfo { product_name: "iPad7,11".into(), ..info("TESTSN0001") }, ..can.clone() };
    assert_eq!(school.grant(&old).identity, IdentityKind::Scep);
    mode(Mode::Require);
    assert_eq!(school.grant(&can).identity, IdentityKind::Acme);
    assert!(matches!(school.refusal(&old), Refusal::NotGenuine(words) if words.contains("chip")));
}

#[test]
fn practice_devices_that_nobody_vouches_for_come_in_though_a_proof_is_required() {
    let school = School::new().with_push_certificates();
    school.write(|tx| attestation::change(tx, &Actor::Console, &[(Platform::Ios, Mode::Require)]));
    let grant = school.grant(&asked(Vouched::Practice, Door::List));
    assert_eq!(grant.identity, IdentityKind::Scep);
    assert!(matches!(school.certified(&grant, UDID).authenticate(), Reply::Empty));
}

/// The row of a grant's challenge.
fn challenge_of(tx: &Tx, grant: &Grant) -> Result<Challenge> {
    Ok(challenge_by_hash(tx, &grant.hash())?.unwrap())
}

#[test]
fn a_device_that_apple_does_not_name_is_refused_unless_such_ones_are_taken() {
    let school = School::new().with_push_certificates();
    let real = asked(Vouched::Apple, Door::List);
    assert_eq!(school.refusal(&real), Refusal::NotListed);
    let error = Answer::Refused(Refusal::NotListed).error(&real.info);
    assert!(error.is_some(), "iPadOS 17 is told so by a code");
    let old = MachineInfo { os_version: "12.5.7".into(), ..real.info.clone() };
    assert!(Answer::Refused(Refusal::NotListed).error(&old).is_none(), "iOS 12 knows no code");
    taken(&school);
    let grant = school.grant(&real);
    assert_eq!((grant.topic.as_str(), grant.entry), (TOPIC, Entry::Automated));
    assert_eq!(school.steps(), [(Step::Asked, String::from("was given its profile"))]);
    let told = school.events().into_iter().filter(|kind| kind == "setup.asked").count();
    school.grant(&real);
    assert_eq!(school.events().into_iter().filter(|kind| kind == "setup.asked").count(), told, "the same answer is noted once");
}

#[test]
fn practice_devices_need_no_list_and_never_pass_for_real_ones() {
    let school = School::new().with_push_certificates();
    let practiced = asked(Vouched::Practice, Door::List);
    let grant = school.grant(&practiced);
    assert!(grant.topic.starts_with(practice::TOPIC_PREFIX) && grant.device.as_ref().unwrap().practice);
    let device = school.certified(&grant, UDID);
    device.authenticate();
    device.token_update(true);
    let id = device.enrollment().device_id;
    assert!(school.write(move |tx| devices::by_id(tx, &id)).unwrap().practice);
    assert!(matches!(school.ask(&practiced), Answer::Profile(_)), "it may come again");

    // The same serial number, at a school where a real device has it.
    let school = School::new().with_push_certificates();
    school.enrolled("00008030-00AA11BB22CC33EE");
    assert_eq!(school.refusal(&practiced), Refusal::NotPractice);
}

#[test]
fn an_invitation_lets_in_what_configurator_prepared_while_it_is_good() {
    let school = School::new().with_push_certificates();
    let invite = |practice| {
        let new = NewInvitation { max_uses: Some(1), practice, ..NewInvitation::default() };
        school.write(move |tx| invitations::create(tx, &Actor::Console, new))
    };
    let (real, practiced) = (invite(false), invite(true));
    let by = |code: &str| asked(Vouched::Apple, Door::Invitation(code.to_owned()));
    let grant = school.grant(&by(&real.code));
    assert_eq!((grant.entry, grant.invitation_id.as_deref()), (Entry::Configurator, Some(real.id.as_str())));
    let said = school.refusal(&by(&practiced.code)).words().to_owned();
    assert_eq!(said, "This invitation is for practice devices alone, and this is a real one. Make one for real devices.");
    assert_eq!(school.refusal(&by("NOSUCHCODE")), Refusal::Invitation(Unusable::Unknown));
    let id = real.id.clone();
    school.write(move |tx| invitations::revoke(tx, &Actor::Console, &id));
    assert_eq!(school.refusal(&by(&real.code)), Refusal::Invitation(Unusable::Unknown));
    assert!(!school.events().iter().any(|kind| kind == "certificate.issued"));
}

#[test]
fn practice_devices_come_in_where_configurator_lets_in_whatever_asks_and_stay_practice_devices() {
    let school = School::new().with_push_certificates();
    let open = school.write(|tx| configurator::open(tx, &Actor::Console, 1, "Practice"));
    let by = |code: &str| asked(Vouched::Practice, Door::Invitation(code.to_owned()));
    let grant = school.grant(&by(&open.code));
    assert!(grant.entry == Entry::Configurator && grant.topic.starts_with(practice::TOPIC_PREFIX));
    let device = school.certified(&grant, UDID);
    device.authenticate();
    device.token_update(true);
    let id = device.enrollment().device_id;
    let made = school.write(move |tx| devices::by_id(tx, &id)).unwrap();
    assert!(made.practice);
    let new = NewInvitation { note: "Cart A".into(), ..NewInvitation::default() };
    let real = school.write(move |tx| invitations::create(tx, &Actor::Console, new));
    let said = school.refusal(&by(&real.code)).words().to_owned();
    assert_eq!(said, "The invitation “Cart A” is for real devices alone, and this is a practice device. Make one for practice devices.");
}

#[test]
fn a_challenge_of_a_device_gives_one_certificate_and_only_to_that_device() {
    let school = School::new().with_push_certificates();
    taken(&school);
    let grant = school.grant(&asked(Vouched::Apple, Door::List));
    let challenge = grant.challenge.expose().clone();
    let decided = school.write(move |tx| {
        let request = Request {
            transaction_id: "1",
            public_key: [7; 32],
            challenge: Some(&challenge),
            signer: Fingerprint::of_der(b"throw-away"),
            identity: IdentityKind::Scep,
        };
        scep::decide(tx, &request)
    });
    assert!(matches!(decided, scep::Answer::Issue(_)), "{decided:?}");

    let thief = school.certified(&grant, "00008030-00AA11BB22CC33EE");
    let reply = thief.authenticate();
    assert!(matches!(reply, Reply::Refused(Unheard::AnotherDevice)), "{reply:?}");
    let other_serial = thief_with_serial(&thief, UDID);
    assert!(matches!(other_serial, Reply::Refused(Unheard::AnotherDevice)), "{other_serial:?}");
    assert_eq!(school.events().iter().filter(|kind| *kind == "enrollment.refused").count(), 2);
    let rightful = Device { school: &school, udid: UDID.into(), identity: thief.identity.clone() };
    assert!(matches!(rightful.authenticate(), Reply::Empty));
    assert_eq!(rightful.enrollment().entry, Entry::Automated);
}

fn thief_with_serial(thief: &Device<'_>, udid: &str) -> Reply {
    let other = Device { school: thief.school, udid: udid.into(), identity: thief.identity.clone() };
    other
        .check_in(&format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string>\
             <key>ProductName</key><string>iPad13,18</string><key>SerialNumber</key><string>TESTSN0002</string>"
        ))
        .unwrap()
}

#[test]
fn rules_are_kept_within_their_limits_and_by_who_may() {
    let school = School::new();
    let held = |minutes| Change { hold_minutes: Some(minutes), ..Change::default() };
    for minutes in [*HOLD_MINUTES.start(), *HOLD_MINUTES.end()] {
        school.rule(held(minutes));
    }
    for minutes in [HOLD_MINUTES.start() - 1, HOLD_MINUTES.end() + 1] {
        let refused = school.try_write(move |tx| rules::change(tx, &Actor::Console, held(minutes))).unwrap_err();
        assert_eq!(refused.fields[0].field, "hold_minutes");
    }
    for (text, is_good) in [("latest", true), ("26.1", true), ("", true), ("soon", false)] {
        let change = Change { minimum: [(Platform::Ios, text.to_owned())].into(), ..Change::default() };
        assert_eq!(school.try_write(move |tx| rules::change(tx, &Actor::Console, change)).is_ok(), is_good, "{text}");
    }
    assert!(school.write(rules::rules).minimum.is_empty());
    let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
    assert_eq!(school.try_write(move |tx| rules::change(tx, &viewer, Change::default())).unwrap_err().kind, ErrorKind::Forbidden);
}

#[test]
fn a_device_too_old_is_told_to_update_and_one_that_cannot_understand_comes_in() {
    let school = School::new().with_push_certificates();
    school.rule(Change { take_unlisted: Some(true), minimum: [(Platform::Ios, "26.1".to_owned())].into(), ..Change::default() });
    let mut old = asked(Vouched::Apple, Door::List);
    let Answer::Update(needed) = school.ask(&old) else { panic!("17.6.1 is older than 26.1") };
    assert_eq!((needed.os_version.as_str(), needed.build_version), ("26.1", None), "no list says which build that is");
    assert_eq!(school.steps(), [(Step::Updating, String::from("updates itself to 26.1 first, then asks again"))]);
    school.clock.advance(UPDATES_FOR);
    let (step, words) = school.steps().remove(0);
    assert!(step == Step::Stuck && words.contains("was to update itself to 26.1 and has not asked again"), "{words}");
    old.info.os_version = "26.1".into();
    assert!(matches!(school.ask(&old), Answer::Profile(_)));
    old.info = MachineInfo { os_version: "16.7".into(), can_request_software_update: false, ..old.info };
    assert!(matches!(school.ask(&old), Answer::Profile(_)));
}
