//! Orders for apps with time, and what people do with apps.

use super::*;
use crate::sim::model::KNOWN_APPS;

const WILLING: Person = Person { agrees: true, answers_after_s: 30, returns_after_s: 600 };
const UNWILLING: Person = Person { agrees: false, ..WILLING };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn status(apps: &Apps) -> Option<Status> {
    apps.managed().next().map(|(_, management)| management.status)
}

#[test]
fn a_silent_install_is_queued_then_installing_then_managed() {
    let mut apps = Apps::default();
    assert_eq!(apps.order(App::of_store(&KNOWN_APPS[5]), Order::default(), true, WILLING, at(0)), Status::Queued);
    assert!(!apps.advance(WILLING, at(1)));
    assert!(apps.advance(WILLING, at(2)));
    assert_eq!(status(&apps), Some(Status::Installing));
    assert_eq!(apps.wakes_at(), Some(at(5)));
    apps.advance(WILLING, at(600));
    assert_eq!(status(&apps), Some(Status::Managed));
    assert_eq!(apps.installed().count(), 1);
}

#[test]
fn a_person_who_declines_is_reported_once() {
    let mut apps = Apps::default();
    assert_eq!(apps.order(App::of_store(&KNOWN_APPS[5]), Order::default(), false, UNWILLING, at(0)), Status::Prompting);
    apps.advance(UNWILLING, at(31));
    assert_eq!(status(&apps), Some(Status::UserRejected));
    apps.forget_transient();
    assert_eq!(status(&apps), None);
}

#[test]
fn an_app_that_its_user_deleted_stays_known() {
    let mut apps = Apps::default();
    apps.order(App::of_store(&KNOWN_APPS[5]), Order::default(), true, WILLING, at(0));
    apps.advance(WILLING, at(600));
    apps.delete_by_user(KNOWN_APPS[5].identifier);
    assert_eq!(status(&apps), Some(Status::ManagedButUninstalled));
    assert_eq!(apps.installed().count(), 0);
}

#[test]
fn the_end_of_management_takes_only_what_was_flagged() {
    let mut apps = Apps::default();
    for (index, flags) in [(5, 1), (6, 0)] {
        apps.order(App::of_store(&KNOWN_APPS[index]), Order { flags, ..Order::default() }, true, WILLING, at(0));
    }
    apps.advance(WILLING, at(600));
    apps.release_all(false);
    assert_eq!(apps.installed().map(|app| app.identifier.as_str()).collect::<Vec<_>>(), [KNOWN_APPS[6].identifier]);
    assert_eq!(apps.managed().count(), 0);
}

#[test]
fn statuses_are_spelled_with_hyphens_in_status_reports() {
    assert_eq!(Status::ManagedButUninstalled.status_name(), "managed-but-uninstalled");
    assert_eq!(Status::Managed.status_name(), "managed");
}

#[test]
fn a_declared_app_that_the_person_had_before_is_taken_over_and_then_brought_up_to_date() {
    let now = at(0);
    let known = crate::sim::model::known_app_by_adam_id(1_500_000_002).unwrap();
    let old = App { installed: true, version: known.earlier.into(), newer: Some(known.version.into()), ..App::of_store(known) };
    for (keeps_current, version) in [(true, known.version), (false, known.earlier)] {
        let mut apps = Apps::default();
        apps.place(old.clone());
        let order = Order { declaration: Some("d".into()), keeps_current, ..Order::default() };
        assert_eq!(apps.order(App::of_store(known), order, true, WILLING, now), Status::Managed);
        assert_eq!(apps.find(known.identifier).unwrap().version, known.earlier);
        apps.advance(WILLING, now.plus(Duration::from_secs(3600)));
        let app = apps.find(known.identifier).unwrap();
        assert_eq!((app.version.as_str(), app.managed.as_ref().unwrap().status), (version, Status::Managed), "{keeps_current}");
    }
}
