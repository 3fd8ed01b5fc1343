//! Devices that are held in Setup Assistant: what they wait for, that each goes on, and how a cart is shown.

use std::time::Duration;

use super::super::{Device, School};
use super::{UDID, asked, info, taken};
use crate::error::Kind as ErrorKind;
use crate::mdm::enroll::automated::rules::Change;
use crate::mdm::enroll::automated::{self, Answer, Asked, Door, Refusal};
use crate::mdm::enroll::identify::Presented;
use crate::mdm::setup_assistant::{self, LOOK_AFTER, Step, waits};
use crate::mdm::{Actor, Role, apps, why};
use crate::pki::device_identity::Vouched;
use crate::protocol::command;
use crate::store::app_states::{self, AppState, Stage};
use crate::store::assignments::AssignedMode;
use crate::store::profiles::tests::group;
use crate::store::{devices, events, holds};

/// A device in the group `g` that is held; what is in the group is to be there before it goes on.
fn held<'a>(school: &'a School, os_version: &str, assign: bool) -> Device<'a> {
    waiting(school.device(UDID), os_version, assign)
}

/// The same with a device that asked for its profile, and is shown.
fn shown<'a>(school: &'a School, os_version: &str, assign: bool) -> Device<'a> {
    taken(school);
    waiting(school.certified(&school.grant(&asked(Vouched::Apple, Door::List)), UDID), os_version, assign)
}

fn waiting<'a>(device: Device<'a>, os_version: &str, assign: bool) -> Device<'a> {
    let school = device.school;
    device.authenticate();
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        group(tx, "g", "7b", &[&device_id])?;
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
fn once_its_time_is_over_or_somebody_lets_it_go_nothing_comes_before_that() {
    for by_hand in [false, true] {
        let school = School::new();
        let device = held(&school, "18.1", true);
        for number in 0..3 {
            device.enqueue(command::restart_device(uuid::Uuid::from_u128(number), None));
        }
        assert!(device.idle().is_some_and(|offer| offer.request_type != "DeviceConfigured"), "it is held");
        if by_hand {
            let id = device.enrollment().device_id;
            school.write(move |tx| setup_assistant::let_go(tx, &Actor::Console, &id));
        } else {
            school.clock.advance(Duration::from_secs(3600));
            turn(&school);
        }
        assert_eq!(device.idle().unwrap().request_type, "DeviceConfigured", "by hand: {by_hand}");
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
    assert_eq!((turn(&school), device.hold().because.as_str()), (1, "time_over"));
    assert_eq!(device.answers("Acknowledged"), ["DeviceConfigured"]);
    assert!(device.is_let_go());
    let told = school.write(|tx| events::list(tx, &events::Filter { kind: Some("setup.released"), ..events::Filter::default() }, None, 9));
    assert_eq!(told[0].data["because"], "Its time was over.");
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
    assert_eq!(device.hold().because, "let_go console");
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
fn a_device_that_is_set_up_and_lacks_an_app_is_not_ready_until_that_has_come() {
    let school = School::new().with_push_certificates();
    let device = shown(&school, "12.5.7", true);
    device.answers("NotNow");
    assert!(device.is_let_go());
    let stands = || {
        let row = school.write(|tx| setup_assistant::arriving(tx, &Actor::Console)).remove(0);
        (row.step, row.words, row.troubles)
    };
    assert_eq!(stands(), (Step::Completing, String::from("is set up; apps 0 of 1 so far"), Vec::new()));
    let comes = |stage: Stage, problem: &'static str| {
        let id = device.enrollment().id;
        school.write(move |tx| {
            let row = app_states::of_enrollment(tx, &id)?.remove(0);
            app_states::put(tx, &id, &AppState { stage, problem: problem.into(), ..row })
        });
    };
    comes(Stage::Failed, "the device refused it");
    let lacks = String::from("is set up and lacks something");
    assert_eq!(stands(), (Step::Lacking, lacks, vec![String::from("Atlas: the device refused it")]));
    assert!(Step::Lacking.is_trouble() && Step::Lacking.lacks() && !Step::Ready.lacks());
    comes(Stage::Installed, "");
    assert_eq!(stands(), (Step::Ready, String::from("is set up"), Vec::new()));
}

#[test]
fn who_let_a_device_go_on_is_why_it_lacks_what_had_time_left() {
    let school = School::new().with_push_certificates();
    school.rule(Change { hold_minutes: Some(5), ..Change::default() });
    let device = shown(&school, "18.1", false);
    school.clock.advance(Duration::from_secs(228));
    let id = device.enrollment().device_id;
    school.write(move |tx| setup_assistant::let_go(tx, &Actor::Console, &id));
    school.clock.advance(Duration::from_secs(600));
    let stands = || {
        let row = school.write(|tx| setup_assistant::arriving(tx, &Actor::Console)).remove(0);
        (row.step, row.troubles)
    };
    let lacks = vec![String::from("its declarations: console let it go on before it was there")];
    assert_eq!(stands(), (Step::Released, lacks.clone()));
    device.report(&device.idle().unwrap().uuid, "Acknowledged");
    assert_eq!(stands(), (Step::Lacking, lacks));
    device.declarative("status", Some(&device.everything_applied()));
    assert_eq!(stands(), (Step::Ready, Vec::new()));
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
