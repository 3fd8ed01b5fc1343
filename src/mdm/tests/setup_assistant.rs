//! Devices in Setup Assistant: who is let in and with what, and that each of them goes on, whatever fails.

use std::time::Duration;

use super::{Device, School, TOPIC, days};
use crate::error::{Kind as ErrorKind, Result};
use crate::mdm::attestation::judge::Expected;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::ca::scep::{self, Request};
use crate::mdm::checkin::Reply;
use crate::mdm::enroll::automated::rules::{self, Change, HOLD_MINUTES};
use crate::mdm::enroll::automated::{self, Answer, Asked, Door, Refusal};
use crate::mdm::enroll::identify::Refusal as Unheard;
use crate::mdm::enroll::invitations::{self, NewInvitation, Unusable};
use crate::mdm::enroll::profile::Grant;
use crate::mdm::enroll::{Addresses, identify::Presented};
use crate::mdm::setup_assistant::{self, LOOK_AFTER, Step, arriving, waits};
use crate::mdm::{Actor, Role, apps, practice, why};
use crate::pki::certificate::Fingerprint;
use crate::pki::device_identity::Vouched;
use crate::pki::issue::attestation::AttestationService;
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::platform::Platform;
use crate::store::assignments::AssignedMode;
use crate::store::groups::{self, Group};
use crate::store::invitations::{Challenge, Entry, IdentityKind, challenge_by_hash, spend_challenge};
use crate::store::{Tx, devices, events, holds, push_certificates};

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
    fn with_push_certificates(self) -> Self {
        self.write(|tx| {
            let row = |topic: String, practice: bool| push_certificates::PushCertificate {
                topic,
                certificate: Vec::new(),
                not_after_at: tx.now.plus(days(300)),
                current: !practice,
                practice,
                account_note: String::new(),
                uploads: 1,
                paused_until_at: None,
                uploaded_at: tx.now,
            };
            push_certificates::put(tx, &row(TOPIC.into(), false), b"key")?;
            push_certificates::put(tx, &row(practice::topic(tx)?, true), b"key")
        });
        self
    }

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
    assert_eq!(school.refusal(&by(&practiced.code)), Refusal::OtherKind);
    assert_eq!(school.refusal(&by("NOSUCHCODE")), Refusal::Invitation(Unusable::Unknown));
    let id = real.id.clone();
    school.write(move |tx| invitations::revoke(tx, &Actor::Console, &id));
    assert_eq!(school.refusal(&by(&real.code)), Refusal::Invitation(Unusable::Unknown));
    assert!(!school.events().iter().any(|kind| kind == "certificate.issued"));
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
    old.info.os_version = "26.1".into();
    assert!(matches!(school.ask(&old), Answer::Profile(_)));
    old.info = MachineInfo { os_version: "16.7".into(), can_request_software_update: false, ..old.info };
    assert!(matches!(school.ask(&old), Answer::Profile(_)));
}

/// A device in the group `g` that is held; what is in the group is to be there before it goes on.
fn held<'a>(school: &'a School, os_version: &str, assign: bool) -> Device<'a> {
    let device = school.device(UDID);
    device.authenticate();
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        let group = Group {
            id: "g".into(),
            name: "7b".into(),
            note: String::new(),
            rule: None,
            is_by_rule: false,
            device_count: 0,
            created_at: tx.now,
            changed_at: tx.now,
        };
        groups::insert(tx, &group)?;
        groups::add_device(tx, "g", &device_id)?;
        if assign {
            let app = apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
            let settings = apps::Settings { licence: apps::LicenceBy::None, ..apps::Settings::default() };
            apps::edit(tx, &Actor::Console, &app.id, apps::Edit { settings: Some(settings), ..apps::Edit::default() })?;
            apps::assign(tx, &Actor::Console, &app.id, "g", AssignedMode::Required, None)?;
        }
        Ok(())
    });
    device.token_update(true);
    device.says_what_it_is(os_version);
    device
}

impl Device<'_> {
    fn hold(&self) -> holds::Hold {
        let id = self.enrollment().id;
        self.school.write(move |tx| holds::of(tx, &id))
    }

    /// Answers whatever comes; gives what came.
    fn answers(&self, status: &str) -> Vec<String> {
        let (mut came, mut offer) = (Vec::new(), self.idle());
        while let Some(command) = offer {
            came.push(command.request_type.clone());
            let status = if command.request_type == "DeviceConfigured" { "Acknowledged" } else { status };
            offer = self.report(&command.uuid, status);
        }
        came
    }

    fn is_let_go(&self) -> bool {
        !self.enrollment().awaiting_configuration
    }

    fn why(&self) -> Vec<String> {
        let enrollment = self.enrollment();
        self.school.write(move |tx| {
            let device = devices::by_id(tx, &enrollment.device_id)?.unwrap();
            let reasons = why::device(tx, &device, Some(&enrollment))?;
            Ok(reasons.into_iter().map(|reason| format!("{} {}", reason.cause, reason.remedy)).collect())
        })
    }
}

fn turn(school: &School) -> usize {
    school.write(setup_assistant::turn)
}

#[test]
fn a_device_with_nothing_to_get_goes_on_at_once() {
    for os_version in ["12.5.7", "14.8"] {
        let school = School::new();
        let device = held(&school, os_version, false);
        assert!(device.is_let_go(), "{os_version}");
        assert_eq!(device.hold().because, "All is there.");
        assert_eq!(turn(&school), 0, "nothing is left to do");
        school.clock.advance(LOOK_AFTER);
        turn(&school);
        assert!(device.hold().due_at.is_none());
    }
}

#[test]
fn declarations_are_there_before_a_device_goes_on() {
    let school = School::new();
    let device = held(&school, "18.1", false);
    assert!(!device.is_let_go());
    assert!(device.why()[0].starts_with("Setup Assistant waits for: its declarations. it goes on by itself, at "), "{:?}", device.why());
    device.declarative("status", Some(&device.everything_applied()));
    assert_eq!(device.hold().because, "All is there.");
    assert_eq!(device.answers("Acknowledged"), ["DeviceConfigured"]);
    assert!(device.is_let_go());
}

#[test]
fn what_does_not_come_is_waited_for_until_its_time_is_over() {
    let school = School::new();
    school.rule(Change { hold_minutes: Some(5), ..Change::default() });
    let device = held(&school, "18.1", false);
    assert_eq!(device.hold().due_at, Some(school.clock.now().plus(Duration::from_secs(300))));
    school.clock.advance(Duration::from_secs(299));
    assert_eq!((turn(&school), device.hold().is_open()), (0, true));
    school.clock.advance(Duration::from_secs(1));
    // Nothing is heard of the device: the due time alone lets it go.
    assert_eq!((turn(&school), device.hold().because.as_str()), (1, "Its time was over."));
    assert_eq!(device.answers("Acknowledged"), ["DeviceConfigured"]);
    assert!(device.is_let_go());
    let told = school.write(|tx| events::list(tx, &events::Filter { kind: Some("setup.released"), ..events::Filter::default() }, None, 9));
    assert_eq!(told[0].data["missing"], serde_json::json!(["its declarations: it did not come within 5 minutes"]));
}

#[test]
fn apps_that_are_required_are_waited_for_where_setup_assistant_takes_them() {
    let school = School::new();
    let device = held(&school, "17.6", true);
    device.declarative("status", Some(&device.everything_applied()));
    assert!(device.hold().is_open(), "the app is on its way");
    assert!(device.why().iter().any(|words| words.contains("app “Atlas”")), "{:?}", device.why());
    school.clock.advance(Duration::from_secs(20 * 60));
    turn(&school);
    assert!(!device.hold().is_open());

    let school = School::new();
    let device = held(&school, "12.5.7", true);
    device.answers("NotNow");
    assert!(device.is_let_go(), "iOS 12 takes apps only later: {:?}", device.why());
}

#[test]
fn a_device_that_refuses_everything_goes_on_all_the_same() {
    for status in ["Error", "CommandFormatError", "NotNow"] {
        let school = School::new();
        let device = school.device(UDID);
        device.authenticate();
        device.token_update(true);
        let came = device.answers(status);
        if status == "NotNow" {
            school.clock.advance(Duration::from_secs(3600));
            turn(&school);
            device.answers(status);
        } else {
            assert_eq!(came.last().map(String::as_str), Some("DeviceConfigured"));
        }
        assert!(device.is_let_go(), "{status}");
    }
}

#[test]
fn a_device_that_lost_its_release_is_told_again() {
    let school = School::new();
    let device = school.device(UDID);
    device.authenticate();
    device.token_update(true);
    let mut offer = device.idle();
    while let Some(command) = offer.take_if(|command| command.request_type != "DeviceConfigured") {
        offer = device.report(&command.uuid, "Acknowledged");
    }
    // It refuses to go on; the same report brings no second one, the next connection does.
    assert!(device.report(&offer.unwrap().uuid, "Error").is_none());
    assert_eq!(device.answers("Acknowledged"), ["DeviceConfigured"]);
    assert!(device.is_let_go());

    let school = School::new();
    let device = school.device(UDID);
    device.authenticate();
    device.token_update(true);
    let uuid = device.answers_until_configured();
    device.report(&uuid, "Error");
    school.clock.advance(LOOK_AFTER);
    assert_eq!(turn(&school), 1, "and it is woken for it");
    assert!(device.enrollment().push_due_at.is_some());
    assert_eq!(device.answers("Acknowledged"), ["DeviceConfigured"]);
}

impl Device<'_> {
    fn answers_until_configured(&self) -> String {
        let mut offer = self.idle().unwrap();
        while offer.request_type != "DeviceConfigured" {
            offer = self.report(&offer.uuid, "Acknowledged").unwrap();
        }
        offer.uuid
    }
}

#[test]
fn somebody_may_let_a_device_go_on_and_one_that_does_not_wait_is_no_case_for_it() {
    let school = School::new();
    let device = held(&school, "18.1", false);
    let id = device.enrollment().device_id;
    let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
    let target = id.clone();
    let refused = school.try_write(move |tx| setup_assistant::let_go(tx, &viewer, &target)).unwrap_err();
    assert_eq!((refused.kind, device.hold().is_open()), (ErrorKind::Forbidden, true));
    let target = id.clone();
    school.write(move |tx| setup_assistant::let_go(tx, &Actor::Console, &target));
    assert!(device.hold().because.ends_with("let it go on."), "{:?}", device.hold());
    let target = id.clone();
    school.write(move |tx| setup_assistant::let_go(tx, &Actor::Console, &target));
    assert_eq!(device.answers("Acknowledged"), ["DeviceConfigured"], "twice said, once sent");
    let refused = school.try_write(move |tx| setup_assistant::let_go(tx, &Actor::Console, &id)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
}

#[test]
fn a_device_that_was_erased_while_it_was_held_is_held_anew() {
    let school = School::new();
    let device = held(&school, "18.1", false);
    let before = device.hold();
    school.clock.advance(Duration::from_secs(60));
    device.authenticate();
    assert!(school.write(move |tx| waits(tx, &crate::store::enrollments::by_nano_id(tx, UDID)?.unwrap())).is_none());
    device.token_update(true);
    let hold = device.hold();
    assert!(hold.is_open() && hold.held_at > before.held_at && hold.due_at > before.due_at);
    // One that comes back without Setup Assistant is held by nothing.
    device.authenticate();
    device.token_update(false);
    assert_eq!(device.hold(), holds::Hold::default());
}

#[test]
fn a_cart_is_shown_step_by_step_and_what_fails_in_words() {
    let school = School::new().with_push_certificates();
    taken(&school);
    let asks = asked(Vouched::Apple, Door::List);
    let grant = school.grant(&asks);
    let step = || school.steps().remove(0);
    assert_eq!(step().0, Step::Asked);
    let device = school.certified(&grant, UDID);
    assert_eq!(step().0, Step::Certified);
    device.authenticate();
    assert_eq!(step().0, Step::CheckingIn);
    device.token_update(true);
    assert_eq!(step(), (Step::Held, String::from("says what it is")));
    device.says_what_it_is("18.1");
    assert_eq!(step(), (Step::Held, String::from("profiles 0 of 1")));
    device.declarative("status", Some(&device.everything_applied()));
    assert_eq!(step().0, Step::Released);
    device.answers("Acknowledged");
    assert_eq!(step().0, Step::Ready);
    school.clock.advance(setup_assistant::SHOWN_FOR + Duration::from_secs(1));
    assert!(school.steps().is_empty());
    // A profile that nobody made anything of.
    school.grant(&asks);
    school.clock.advance(Duration::from_secs(3700));
    assert_eq!(step().0, Step::Stuck);
}

#[test]
fn of_a_flood_the_newest_are_shown() {
    let school = School::new().with_push_certificates();
    school.write(|tx| {
        for number in 0..=setup_assistant::ARRIVALS_MAX {
            let asked = Asked { info: info(&format!("TESTSN{number}")), by: Vouched::Practice, door: Door::List, person_id: None };
            automated::record(tx, &asked, &Answer::Refused(Refusal::NotListed))?;
        }
        Ok(())
    });
    assert_eq!(school.steps().len(), setup_assistant::ARRIVALS_MAX as usize);
}

#[test]
fn a_device_that_never_goes_on_is_looked_at_ever_more_rarely() {
    let school = School::new();
    let device = school.device(UDID);
    device.authenticate();
    device.token_update(true);
    device.answers_until_configured();
    let mut last = school.clock.now();
    let mut waits = Vec::new();
    for _ in 0..14 {
        let due = device.hold().due_at.unwrap();
        waits.push(due.since(last));
        last = due;
        school.clock.advance(due.since(school.clock.now()));
        turn(&school);
    }
    assert_eq!((waits[0], waits[13]), (LOOK_AFTER, setup_assistant::LOOK_AT_LEAST), "{waits:?}");
}

#[test]
fn who_signed_in_at_the_device_has_it_afterwards() {
    let school = School::new().with_push_certificates();
    taken(&school);
    let person = school.write(|tx| {
        let new = crate::mdm::people::NewPerson {
            name: "Ada".into(),
            email: "ada@example.school".into(),
            role: crate::store::people::PersonRole::Student,
            active: true,
        };
        crate::mdm::people::create(tx, &Actor::Console, new)
    });
    let grant = school.grant(&Asked { person_id: Some(person.id.clone()), ..asked(Vouched::Apple, Door::List) });
    let device: Device<'_> = school.certified(&grant, UDID);
    let _: &Presented = &device.identity;
    device.authenticate();
    device.token_update(true);
    let id = device.enrollment().device_id;
    let has = school.write(move |tx| crate::store::people::of_device(tx, &id)).unwrap();
    assert_eq!(has.id, person.id);
}
