//! What is foreseen and what is due by itself: numbers of many devices, users of a Mac, and what ends at its moment.

use std::time::Duration;

use serde_json::json;

use super::School;
use crate::clock::Timestamp;
use crate::error::Kind;
use crate::mdm::Actor;
use crate::mdm::policies::{self, NewPolicy, PolicyChange};
use crate::mdm::reconcile::{self, Carried, DEVICES_MAX, Foreseen, Named, Previews, State, Thought};
use crate::mdm::{apps, profiles};
use crate::protocol::mobileconfig::tests::{payload, profile_with};
use crate::protocol::plist::Value;
use crate::store::assignments::AssignedKind;
use crate::store::deployments::{self, Mechanism};
use crate::store::enrollments::{self, Enrollment};
use crate::store::meetings::tests as rows;
use crate::store::{commands, policies as policy_rows};

impl School {
    fn group_of(&self, name: &'static str) {
        self.write(move |tx| policy_rows::tests::group(tx, name, name));
    }

    fn policy(&self, name: &'static str, settings: serde_json::Value) -> String {
        let new = NewPolicy { name: name.into(), note: String::new(), settings: settings.as_object().unwrap().clone() };
        self.write(move |tx| policies::create(tx, &Actor::Console, &new)).id
    }

    fn assign_policy(&self, id: &str, ends_at: Option<Timestamp>) {
        let id = id.to_owned();
        self.write(move |tx| policies::assign(tx, &Actor::Console, &id, "all", ends_at));
    }

    fn foresee(&self, thought: Thought) -> Previews {
        self.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought))
    }

    fn channel(&self, id: &'static str) -> Enrollment {
        self.write(move |tx| enrollments::by_id(tx, id)).unwrap()
    }

    /// Everything that is due is planned for, as the job does.
    fn plans_all(&self) {
        let mut carried = Carried::default();
        loop {
            let (planned, next) = self.write(|tx| reconcile::plan_page(tx, carried));
            carried = next;
            if planned == 0 {
                break;
            }
        }
    }

    /// RequestTypes of what waits for a device, oldest first.
    fn waiting(&self, enrollment: &'static str) -> Vec<String> {
        self.write(move |tx| commands::open(tx, enrollment, 50)).into_iter().map(|command| command.request_type).collect()
    }
}

fn of_policy(id: &str) -> Thought {
    Thought {
        add: vec![Named { kind: AssignedKind::Policy, id: id.into(), mode: None, ends_at: None }],
        groups: vec!["all".into()],
        ..Thought::default()
    }
}

#[test]
fn a_preview_counts_every_device_and_lists_them_page_by_page() {
    let school = School::new();
    school.group_of("all");
    let count = DEVICES_MAX + 3;
    school.write(move |tx| {
        (0..count).try_for_each(|at| rows::device(tx, &format!("d{at:04}"), "iPad", if at % 2 == 0 { "18.1" } else { "12.5.7" }, "all"))
    });
    let policy = school.policy("Exam", json!({ "no_camera": true, "open_in_managed_stays": true, "open_in_pasteboard": true }));
    let first = school.foresee(of_policy(&policy));
    assert_eq!((first.total, first.by_command, first.items.len()), (count, count, DEVICES_MAX));
    assert_eq!(first.unable, count / 2, "every old one lacks the pasteboard");
    let rest = school.foresee(Thought { after: first.next.clone(), ..of_policy(&policy) });
    assert_eq!((rest.items.len(), rest.next.clone(), rest.by_command), (3, None, count), "numbers are of all on every page");
    assert!(rest.items.iter().all(|device| first.items.iter().all(|other| other.device_id != device.device_id)));
    for limit in [0, DEVICES_MAX + 1] {
        let thought = Thought { limit: Some(limit), ..of_policy(&policy) };
        let refused = school.try_write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).unwrap_err();
        assert_eq!((refused.kind, refused.fields[0].field.as_ref()), (Kind::BadInput, "limit"));
    }
    let whole = school.foresee(Thought { limit: Some(DEVICES_MAX), devices: vec!["d0000".into()], ..Thought::default() });
    assert_eq!((whole.total, whole.next), (1, None));
}

#[test]
fn each_thing_of_a_policy_has_a_name_of_its_own() {
    let school = School::new();
    school.group_of("all");
    school.write(|tx| rows::device(tx, "d", "iPad", "27.0", "all"));
    let policy = school.policy("Exam", json!({ "app_allow_list": ["com.example.a"], "no_private_browsing": true, "no_camera": true }));
    let foreseen = school.foresee(of_policy(&policy)).items.remove(0).things;
    let mut names: Vec<_> =
        foreseen.iter().filter(|thing| thing.origins.iter().any(|origin| origin.id == policy)).map(|thing| thing.name.clone()).collect();
    names.sort();
    assert_eq!(names, ["App settings", "Restrictions", "Safari settings"]);
    school.assign_policy(&policy, None);
    school.plans_all();
    let channel = school.channel("e-d");
    let standing = school.write(move |tx| reconcile::of_device(tx, &channel));
    let mut names: Vec<_> = standing.things.into_iter().map(|thing| thing.name).filter(|name| !name.contains("Rollcall")).collect();
    names.sort();
    names.dedup();
    assert!(["App settings", "Restrictions", "Safari settings"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
}

#[test]
fn what_goes_to_a_user_of_a_mac_is_foreseen_and_stands_under_their_name() {
    let school = School::new();
    school.group_of("all");
    school.write(|tx| {
        rows::device(tx, "d", "Mac", "26.1", "all")?;
        rows::is_mac(tx, "d")
    });
    let content = profile_with(
        "school.example.mail",
        &[("PayloadScope", Value::String("User".into()))],
        &[payload("com.apple.mail.managed", "mail", &[])],
    );
    let brought = profiles::recognise(content).unwrap();
    let profile = school.write(move |tx| profiles::create(tx, &Actor::Console, &brought, "Mail", "")).profile.id;
    let thought = || Thought {
        add: vec![Named { kind: AssignedKind::Profile, id: profile.clone(), mode: None, ends_at: None }],
        groups: vec!["all".into()],
        ..Thought::default()
    };
    let alone = school.foresee(thought());
    assert_eq!((alone.unable, alone.items[0].unable[0].because.contains("no user of this Mac")), (1, true));
    school.write(|tx| rows::user(tx, "d", "kim"));
    school.write(|tx| rows::user(tx, "d", "sam"));
    let seen = school.foresee(thought());
    assert_eq!((seen.unable, seen.by_command, seen.items[0].unable.len()), (0, 2, 0), "{seen:?}");
    let names: Vec<_> = seen.items[0]
        .things
        .iter()
        .filter(|thing| thing.foreseen == Foreseen::Sent && thing.name.starts_with("Mail"))
        .map(|thing| thing.name.as_str())
        .collect();
    assert_eq!(names, ["Mail (user kim)", "Mail (user sam)"]);
    let id = profile.clone();
    school.write(move |tx| profiles::assign(tx, &Actor::Console, &id, "all", None));
    school.plans_all();
    let channel = school.channel("e-d");
    let standing = school.write(move |tx| reconcile::of_device(tx, &channel));
    let told: Vec<_> =
        standing.things.iter().filter(|thing| thing.name.starts_with("Mail")).map(|thing| (thing.name.as_str(), thing.state)).collect();
    assert_eq!(told, [("Mail (user kim)", State::Waiting), ("Mail (user sam)", State::Waiting)]);
    let kims = standing.things.iter().find(|thing| thing.name == "Mail (user kim)").unwrap();
    assert_eq!(kims.because, "It waits for kim to be logged in at the Mac.");
    assert_eq!(standing.unable, []);
    for user in ["e-d-kim", "e-d-sam"] {
        assert!(school.waiting(user).contains(&"InstallProfile".to_owned()), "{:?}", school.waiting(user));
    }
    assert!(!school.waiting("e-d").contains(&"InstallProfile".to_owned()), "the Mac itself does not get it");
}

#[test]
fn what_a_device_cannot_end_itself_is_due_at_its_end_without_any_other_event() {
    let school = School::new();
    school.group_of("all");
    school.write(|tx| rows::device(tx, "new", "iPad", "27.0", "all"));
    school.write(|tx| rows::device(tx, "old", "iPad", "14.8", "all"));
    let policy =
        school.policy("Exam", json!({ "no_private_browsing": true, "managed_web_domains": ["example.school", "*.example.school"] }));
    let end = school.clock.now().plus(Duration::from_secs(3600));
    school.assign_policy(&policy, Some(end));
    school.plans_all();
    assert!(
        school.waiting("e-old").contains(&"InstallProfile".to_owned())
            && school.waiting("e-new").contains(&"DeclarativeManagement".to_owned())
    );
    let served = || school.write(|tx| deployments::plan(tx, "e-new")).unwrap().declarations_token;
    let before = served();
    for id in ["e-new", "e-old"] {
        school.write(move |tx| {
            rows::has_everything(tx, id)?;
            enrollments::set_push(tx, id, None, 0)
        });
    }
    school.clock.advance(Duration::from_secs(3599));
    school.plans_all();
    assert_eq!((school.waiting("e-new"), school.waiting("e-old")), (vec![], vec![]));
    assert_eq!(school.write(deployments::next_due), Some(end), "the job sleeps until just then");
    school.clock.advance(Duration::from_secs(1));
    school.plans_all();
    assert_eq!(school.waiting("e-old"), ["RemoveProfile"], "managed domains go by a command");
    assert!(school.waiting("e-new").contains(&"DeclarativeManagement".to_owned()), "{:?}", school.waiting("e-new"));
    assert_ne!(served(), before);
    for id in ["e-new", "e-old"] {
        assert_eq!(school.channel(id).push_due_at, Some(end), "the device is woken for it");
    }
    let mechanisms = school.write(|tx| deployments::of_enrollment(tx, "e-old"));
    assert!(mechanisms.iter().all(|row| row.mechanism == Mechanism::Command));
}

#[test]
fn of_macs_that_are_planned_for_together_each_is_told_whether_it_has_a_user() {
    let school = School::new();
    school.group_of("all");
    for id in ["a", "d", "z"] {
        school.write(move |tx| {
            rows::device(tx, id, "Mac", "26.1", "all")?;
            rows::is_mac(tx, id)
        });
    }
    school.write(|tx| rows::user(tx, "d", "kim"));
    let policy = school.policy("Safari", json!({ "no_private_browsing": true }));
    school.assign_policy(&policy, None);
    school.plans_all();
    let told =
        ["e-a", "e-d", "e-z"].map(|id| school.write(move |tx| deployments::plan(tx, id)).unwrap().unable.contains("no user of this Mac"));
    assert_eq!(told, [true, false, true]);
}

#[test]
fn switches_and_apps_for_users_of_a_mac_without_one_are_told_and_not_left_out_in_silence() {
    let school = School::new();
    school.group_of("all");
    school.write(|tx| {
        rows::device(tx, "d", "Mac", "26.1", "all")?;
        rows::is_mac(tx, "d")
    });
    let (policy, app) = school.write(|tx| {
        let settings = serde_json::json!({ "no_private_browsing": true }).as_object().unwrap().clone();
        let policy = policies::create(tx, &Actor::Console, &NewPolicy { name: "Safari".into(), settings, ..NewPolicy::default() })?;
        let app = apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
        let settings = apps::Settings { licence: apps::LicenceBy::User, ..apps::Settings::default() };
        let app = apps::edit(tx, &Actor::Console, &app.id, apps::Edit { settings: Some(settings), ..apps::Edit::default() })?;
        Ok((policy.id, app.id))
    });
    for (kind, id) in [(AssignedKind::Policy, policy), (AssignedKind::App, app)] {
        let thought =
            Thought { add: vec![Named { kind, id, mode: None, ends_at: None }], groups: vec!["all".into()], ..Thought::default() };
        let seen = school.foresee(thought);
        assert!(seen.unable == 1 && seen.items[0].unable[0].because.contains("no user of this Mac"), "{kind:?}: {seen:?}");
    }
}

#[test]
fn what_somebody_changes_between_two_pages_of_planning_counts_in_the_next_one() {
    let school = School::new();
    school.group_of("all");
    let count = 2 * reconcile::PAGE as usize;
    school.write(move |tx| (0..count).try_for_each(|at| rows::device(tx, &format!("d{at:04}"), "iPad", "16.7", "all")));
    let policy = school.policy("Exam", json!({ "no_camera": true }));
    school.assign_policy(&policy, None);
    let restrictions = |at: usize| {
        let rows = school.write(move |tx| deployments::of_enrollment(tx, &format!("e-d{at:04}")));
        rows.into_iter().find(|row| row.key == "profile:org.rollcall.policies.restrictions").map(|row| row.wanted)
    };
    let (planned, mut carried) = school.write(|tx| reconcile::plan_page(tx, Carried::default()));
    assert_eq!(planned, count / 2);
    let before = (0..count).find_map(restrictions).unwrap();

    let settings = json!({ "no_camera": true, "no_airdrop": true }).as_object().cloned();
    let change = PolicyChange { settings, ..PolicyChange::default() };
    school.write(move |tx| policies::update(tx, &Actor::Console, &policy, &change));
    let mut pages = Vec::new();
    while pages.last() != Some(&0) {
        let (planned, next) = school.write(|tx| reconcile::plan_page(tx, carried));
        carried = next;
        pages.push(planned);
    }
    assert_eq!(pages, [count / 2, count / 2, 0], "page by page");
    let mut after: Vec<_> = (0..count).filter_map(restrictions).collect();
    assert_eq!(after.len(), count);
    after.dedup();
    assert!(after.len() == 1 && after[0] != before, "each has what is wanted now");
}
