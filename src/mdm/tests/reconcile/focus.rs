//! Focus of a class: started, replaced, ended by somebody, by itself, and what of it a device sees that is old, offline or not supervised.

mod one_app;

use std::time::Duration;

use super::super::{Device, School, TOPIC};
use crate::error::Kind;
use crate::mdm::admins::{self, NewAdmin, Password};
use crate::mdm::focus::{self, CLOCK_SLACK, IDENTIFIER, Wish};
use crate::mdm::policies::{self, NewPolicy};
use crate::mdm::reconcile::{self, State};
use crate::mdm::{Actor, Role, people};
use crate::protocol::mobileconfig;
use crate::protocol::plist::fields;
use crate::secret::Secret;
use crate::store::classes::ClassRole;
use crate::store::deployments;
use crate::store::focuses::FocusKind;
use crate::store::people::{PersonRole, set_person};
use crate::store::profiles::tests::group;
use serde_json::json;

const LESSON: Duration = Duration::from_secs(45 * 60);

fn wish(kind: FocusKind, items: &[&str]) -> Wish {
    Wish { kind, items: items.iter().map(|item| (*item).to_owned()).collect(), minutes: 45, devices: None, replace: false }
}

/// A class of this name, with somebody who teaches and somebody who learns there with this device.
fn class_with(school: &School, name: &'static str, device: &Device<'_>) -> (String, String) {
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        let person =
            |name: String, role| people::NewPerson { email: format!("{name}@example.school").replace(' ', "."), name, role, active: true };
        let pupil = people::create(tx, &Actor::Console, person(format!("Pupil {name}"), PersonRole::Student))?;
        let teacher = people::create(tx, &Actor::Console, person(format!("Teacher {name}"), PersonRole::Teacher))?;
        let class = people::classes::create(tx, &Actor::Console, name)?;
        people::classes::put(tx, &Actor::Console, &class.id, &pupil.id, ClassRole::Student)?;
        people::classes::put(tx, &Actor::Console, &class.id, &teacher.id, ClassRole::Teacher)?;
        set_person(tx, &device_id, Some(&pupil.id))?;
        Ok((class.id, teacher.email))
    })
}

/// Somebody who logs in by this name.
fn logs_in(school: &School, name: &str, role: Role) -> Actor {
    let password = Password::parse(Secret::new("correct horse battery".into())).unwrap().hash().unwrap();
    let new = NewAdmin { name: name.to_owned(), role, password };
    let admin = school.write(move |tx| admins::add(tx, &Actor::Console, new));
    Actor::Person { id: admin.id, name: admin.name, role }
}

fn device<'a>(school: &'a School, udid: &str, os_version: &str) -> Device<'a> {
    let device = school.device(udid);
    let said = format!(
        "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>{TOPIC}</string><key>ProductName</key><string>iPad13,18</string>\
         <key>OSVersion</key><string>{os_version}</string><key>SerialNumber</key><string>TESTSN-{udid}</string>"
    );
    device.check_in(&said).unwrap();
    device.token_update(false);
    device.says_what_it_is(os_version);
    device.answer_everything();
    device
}

impl Device<'_> {
    fn plans(&self) {
        self.school.write(|tx| reconcile::plan_page(tx, reconcile::Carried::default()));
    }

    /// The profile of a focus that it is sent.
    fn is_sent_a_focus(&self) -> (String, mobileconfig::Profile) {
        self.plans();
        let offer = self.idle().expect("a focus is due");
        assert_eq!(offer.request_type, "InstallProfile");
        let command = crate::protocol::plist::parse_dictionary(offer.payload.expose()).unwrap();
        let payload = fields::data(fields::dictionary(&command, "Command").unwrap(), "Payload").unwrap();
        (offer.uuid, mobileconfig::read(payload).unwrap())
    }

    fn has_focus(&self) -> Option<(State, String)> {
        let enrollment = self.enrollment();
        let standings = self.school.write(move |tx| reconcile::standing(tx, &enrollment));
        standings.things.into_iter().find(|thing| thing.identifier == IDENTIFIER).map(|thing| (thing.state, thing.because))
    }

    /// The next request, answered with these profiles where it asks for them; what it was.
    fn answers_next(&self, listed: &[(&str, &str)]) -> Option<String> {
        self.plans();
        let offer = self.idle()?;
        let list = listed.iter().fold(String::new(), |list, (identifier, uuid)| {
            list + &format!(
                "<dict><key>PayloadIdentifier</key><string>{identifier}</string><key>PayloadUUID</key><string>{uuid}</string></dict>"
            )
        });
        let uuid = &offer.uuid;
        let said = format!(
            "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{uuid}</string><key>ProfileList</key><array>{list}</array>"
        );
        self.connect(&said).unwrap();
        Some(offer.request_type)
    }

    fn row_of_focus(&self) -> Option<deployments::Deployment> {
        let id = self.enrollment().id;
        self.school
            .write(move |tx| deployments::of_enrollment(tx, &id))
            .into_iter()
            .find(|row| row.key == deployments::profile_key(IDENTIFIER))
    }
}

/// A class with one device on which a focus of one app holds.
fn holding<'a>(school: &'a School, os_version: &str) -> (Device<'a>, String, String) {
    let device = device(school, "UDID-1", os_version);
    let (class, _) = class_with(school, "7b", &device);
    let id = class.clone();
    let focus = school.write(move |tx| focus::start(tx, &Actor::Console, &id, &wish(FocusKind::App, &["com.apple.mobilenotes"])));
    let (uuid, profile) = device.is_sent_a_focus();
    device.report(&uuid, "Acknowledged");
    assert_eq!(device.answers_next(&[(IDENTIFIER, &profile.uuid)]).as_deref(), Some("ProfileList"));
    assert_eq!(device.has_focus().unwrap().0, State::There);
    (device, class, focus.id)
}

#[test]
fn old_and_new_systems_get_a_profile_that_names_its_own_end() {
    for (os_version, apps, sites) in [
        ("12.5", "whitelistedAppBundleIDs", "WhitelistedBookmarks"),
        ("26.1", "allowListedAppBundleIDs", "AllowListBookmarks"),
        ("27.0", "allowListedAppBundleIDs", "AllowListBookmarks"),
    ] {
        let school = School::new();
        let device = device(&school, "UDID-1", os_version);
        let (class, _) = class_with(&school, "7b", &device);
        for (kind, items, payload_type, key) in [
            (FocusKind::Apps, vec!["com.apple.mobilenotes", "com.apple.calculator"], "com.apple.applicationaccess", apps),
            (FocusKind::App, vec!["com.apple.mobilenotes"], "com.apple.app.lock", "App"),
            (FocusKind::Sites, vec!["en.wikipedia.org"], "com.apple.webcontent-filter", sites),
        ] {
            let (id, wanted) = (class.clone(), Wish { replace: true, ..wish(kind, &items) });
            school.write(move |tx| focus::start(tx, &Actor::Console, &id, &wanted));
            let (uuid, profile) = device.is_sent_a_focus();
            device.report(&uuid, "Acknowledged");
            device.answer_everything();
            assert_eq!(
                (profile.identifier.as_str(), profile.removal_at),
                (IDENTIFIER, Some(school.clock.now().plus(LESSON))),
                "{os_version}"
            );
            let payload = &profile.payloads[0];
            assert_eq!(payload.payload_type, payload_type, "{os_version}");
            assert!(payload.keys.contains_key(key), "{os_version}: {:?}", payload.keys);
            assert!(mobileconfig::types::of_payloads(&profile).is_empty(), "every key is of Apple's type");
        }
    }
}

#[test]
fn what_ends_by_itself_is_asked_about_and_not_removed() {
    for os_version in ["12.5", "26.1"] {
        let school = School::new();
        let (device, ..) = holding(&school, os_version);
        school.clock.advance(LESSON);
        device.plans();
        assert!(device.idle().is_none(), "at the end nothing is sent");
        assert_eq!(device.has_focus().unwrap(), (State::Leaving, "Its time is over, and the device ends it by itself.".into()));
        school.clock.advance(CLOCK_SLACK);
        assert_eq!(device.answers_next(&[]).as_deref(), Some("ProfileList"));
        assert!(device.row_of_focus().is_none() && device.answers_next(&[]).is_none(), "it is gone, and nobody was told to remove it");
        assert!(!school.events().contains(&String::from("deployment.refused")));
    }
}

#[test]
fn what_did_not_end_by_itself_is_removed_after_the_device_said_so() {
    let school = School::new();
    let (device, ..) = holding(&school, "26.1");
    let uuid = device.row_of_focus().unwrap().payload_uuid;
    school.clock.advance(LESSON + CLOCK_SLACK);
    assert_eq!(device.answers_next(&[(IDENTIFIER, &uuid)]).as_deref(), Some("ProfileList"));
    assert_eq!(device.answers_next(&[]).as_deref(), Some("RemoveProfile"));
    device.answers_next(&[]);
    assert!(device.row_of_focus().is_none());
}

#[test]
fn what_somebody_ends_is_removed_at_once() {
    let school = School::new();
    let (device, _, focus_id) = holding(&school, "26.1");
    let id = focus_id.clone();
    school.write(move |tx| focus::end(tx, &Actor::Console, &id));
    assert_eq!(device.answers_next(&[]).as_deref(), Some("RemoveProfile"));
    assert_eq!(school.try_write(move |tx| focus::end(tx, &Actor::Console, &focus_id)).unwrap_err().kind, Kind::Conflict);
    let events = school.events();
    assert!(
        ["focus.started", "device.focus_started", "focus.ended", "device.focus_ended"]
            .iter()
            .all(|kind| events.contains(&(*kind).to_owned()))
    );
}

#[test]
fn a_class_that_is_deleted_takes_its_focus_along() {
    let school = School::new();
    let (device, class, _) = holding(&school, "26.1");
    school.write(move |tx| people::classes::delete(tx, &Actor::Console, &class));
    assert_eq!(device.answers_next(&[]).as_deref(), Some("RemoveProfile"));
}

#[test]
fn a_device_that_is_off_until_the_end_never_gets_it_and_one_that_is_late_gets_what_is_left() {
    let school = School::new();
    let device = device(&school, "UDID-1", "26.1");
    let (class, _) = class_with(&school, "7b", &device);
    let id = class.clone();
    let focus = school.write(move |tx| focus::start(tx, &Actor::Console, &id, &wish(FocusKind::App, &["com.apple.mobilenotes"])));
    device.plans();
    school.clock.advance(LESSON.saturating_sub(Duration::from_secs(60)));
    let (uuid, profile) = device.is_sent_a_focus();
    assert_eq!(profile.removal_at, Some(focus.ends_at), "no longer than the lesson");
    device.report(&uuid, "NotNow");
    school.clock.advance(Duration::from_secs(60));
    device.plans();
    assert!(device.answers_next(&[]).is_none_or(|asked| asked != "InstallProfile"), "what was not taken is taken back");
    assert!(device.row_of_focus().is_none());
}

#[test]
fn a_second_focus_says_who_has_the_devices_and_takes_their_place_on_purpose_only() {
    let school = School::new();
    let (device, class, first) = holding(&school, "26.1");
    let (id, other) = (class.clone(), wish(FocusKind::Sites, &["en.wikipedia.org"]));
    let wanted = other.clone();
    let refusal = school.try_write(move |tx| focus::start(tx, &Actor::Console, &id, &wanted)).unwrap_err();
    assert_eq!(refusal.kind, Kind::Conflict);
    assert!(
        refusal.message.contains("console (7b) has a focus there until") && refusal.message.contains("one app: Notes, for Pupil 7b"),
        "{}",
        refusal.message
    );
    let id = class.clone();
    school.write(move |tx| focus::start(tx, &Actor::Console, &id, &Wish { replace: true, ..other }));
    let (uuid, profile) = device.is_sent_a_focus();
    assert_eq!(profile.payloads[0].payload_type, "com.apple.webcontent-filter", "in place of the other, not beside it");
    device.report(&uuid, "Acknowledged");
    let now = school.write(|tx| focus::now_running(tx, &Actor::Console));
    let of = |id: &str| now.iter().find(|now| now.focus.id == id).map(|now| now.devices);
    assert_eq!((of(&first), now.len()), (Some(0), 2), "the first one has no device left");
}

#[test]
fn what_cannot_have_it_is_listed_with_the_reason_before_it_starts() {
    let school = School::new();
    let able = device(&school, "UDID-1", "26.1");
    let (class, _) = class_with(&school, "7b", &able);
    let (id, wanted) = (class.clone(), wish(FocusKind::Apps, &["com.apple.mobilenotes"]));
    let foreseen = |school: &School| {
        let (id, wanted) = (id.clone(), wanted.clone());
        school.write(move |tx| focus::foresee(tx, &Actor::Console, &id, &wanted)).devices.remove(0).outcome
    };
    assert_eq!(foreseen(&school).unwrap().items, ["com.apple.mobilenotes"]);
    let set = |school: &School, keys: serde_json::Value| {
        let device_id = able.enrollment().device_id;
        school.write(move |tx| {
            let mut device = crate::store::devices::by_id(tx, &device_id)?.unwrap();
            if let Some(supervised) = keys["supervised"].as_bool() {
                device.supervised = Some(supervised);
            }
            if let Some(version) = keys["os_version"].as_str() {
                version.clone_into(&mut device.os_version);
            }
            crate::store::devices::update(tx, &device)
        });
    };
    set(&school, json!({ "supervised": false }));
    assert!(foreseen(&school).unwrap_err().contains("not supervised"));
    let refused = {
        let (id, wanted) = (id.clone(), wanted.clone());
        school.try_write(move |tx| focus::start(tx, &Actor::Console, &id, &wanted)).unwrap_err()
    };
    assert!(refused.kind == Kind::Conflict && refused.message.contains("not supervised"), "{}", refused.message);
    set(&school, json!({ "supervised": true, "os_version": "9.2" }));
    assert_eq!(foreseen(&school).unwrap_err(), "It needs iOS 9.3 or later; this device has 9.2.");
}

#[test]
fn of_two_lists_of_apps_the_stricter_one_wins_and_that_is_said() {
    let school = School::new();
    let device = device(&school, "UDID-1", "26.1");
    let (class, _) = class_with(&school, "7b", &device);
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        group(tx, "g1", "All", &[&device_id])?;
        let settings = json!({ "app_allow_list": ["com.apple.mobilenotes"] }).as_object().unwrap().clone();
        let policy = policies::create(tx, &Actor::Console, &NewPolicy { name: "Exam".into(), settings, ..NewPolicy::default() })?;
        policies::assign(tx, &Actor::Console, &policy.id, "g1", None)
    });
    let outcome = |items: &[&str], kind| {
        let (id, wanted) = (class.clone(), wish(kind, items));
        school.write(move |tx| focus::foresee(tx, &Actor::Console, &id, &wanted)).devices.remove(0).outcome
    };
    let both = outcome(&["com.apple.mobilenotes", "com.apple.Maps"], FocusKind::Apps).unwrap();
    assert_eq!(
        (both.items.as_slice(), both.note.as_str()),
        (&["com.apple.mobilenotes".to_owned()][..], "The policy “Exam” hides here also during the lesson: com.apple.Maps.")
    );
    assert_eq!(outcome(&["com.apple.Maps"], FocusKind::Apps).unwrap_err(), "The policy “Exam” hides all of these apps here.");
    assert_eq!(outcome(&["com.apple.Maps"], FocusKind::App).unwrap_err(), "The policy “Exam” hides this app here.");
}

#[test]
fn teachers_see_their_own_classes_and_nothing_else() {
    let school = School::new();
    let (one, two) = (device(&school, "UDID-1", "26.1"), device(&school, "UDID-2", "26.1"));
    let ((own, email), (other, _)) = (class_with(&school, "7b", &one), class_with(&school, "8c", &two));
    let teacher = logs_in(&school, &email, Role::Teacher);
    let names = |actor: &Actor| {
        let actor = actor.clone();
        let own = school.write(move |tx| focus::own_classes(tx, &actor));
        own.into_iter().map(|(class, _)| class.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&teacher), ["7b"], "by the address with which they log in");
    let start = |actor: &Actor, class: &str| {
        let (actor, class) = (actor.clone(), class.to_owned());
        school.try_write(move |tx| {
            focus::start(tx, &actor, &class, &Wish { replace: true, ..wish(FocusKind::App, &["com.apple.mobilenotes"]) })
        })
    };
    assert_eq!(start(&teacher, &other).unwrap_err().kind, Kind::NotFound);
    let strange = two.enrollment().device_id;
    let (actor, class) = (teacher.clone(), own.clone());
    let wanted = Wish { devices: Some(vec![strange.clone()]), ..wish(FocusKind::App, &["a.b"]) };
    assert_eq!(school.try_write(move |tx| focus::start(tx, &actor, &class, &wanted)).unwrap_err().fields[0].field, "devices");
    let mine = start(&teacher, &own).unwrap();
    let theirs = start(&Actor::Console, &other).unwrap();
    let (actor, id) = (teacher.clone(), theirs.id);
    assert_eq!(school.try_write(move |tx| focus::end(tx, &actor, &id)).unwrap_err().kind, Kind::NotFound, "another's class");
    let actor = teacher.clone();
    let seen: Vec<_> = school.write(move |tx| focus::now_running(tx, &actor)).into_iter().map(|now| now.focus.id).collect();
    assert_eq!(seen, [mine.id.as_str()]);
    let (actor, class) = (teacher.clone(), own.clone());
    assert_eq!(school.try_write(move |tx| focus::device(tx, &actor, &class, &strange).map(drop)).unwrap_err().kind, Kind::NotFound);
    let (actor, id) = (teacher.clone(), one.enrollment().device_id);
    assert_eq!(school.try_write(move |tx| crate::mdm::devices::find(tx, &actor, &id).map(drop)).unwrap_err().kind, Kind::Forbidden);

    let nobody = logs_in(&school, "kim", Role::Teacher);
    assert!(names(&nobody).is_empty() && start(&nobody, &own).is_err(), "whoever stands for nobody teaches nothing");
    school.write(move |tx| admins::link_person(tx, &Actor::Console, "kim", Some("Teacher 8c")));
    assert_eq!(names(&nobody), ["8c"]);
    let viewer = logs_in(&school, "pat", Role::Viewer);
    assert_eq!(start(&viewer, &own).unwrap_err().kind, Kind::Forbidden, "whoever looks starts nothing");
    assert_eq!(names(&logs_in(&school, "sam", Role::Helper)), ["7b", "8c"]);
}

#[test]
fn whoever_left_the_school_teaches_no_more() {
    let school = School::new();
    let device = device(&school, "UDID-1", "26.1");
    let (_, email) = class_with(&school, "7b", &device);
    let teacher = logs_in(&school, &email, Role::Teacher);
    let actor = teacher.clone();
    assert_eq!(school.write(move |tx| focus::own_classes(tx, &actor)).len(), 1);
    school.write(move |tx| {
        let person = people::named(tx, &Actor::Console, &email)?;
        people::change(tx, &Actor::Console, &person.id, people::Change { active: Some(false), ..people::Change::default() })
    });
    assert!(school.write(move |tx| focus::own_classes(tx, &teacher)).is_empty());
}
