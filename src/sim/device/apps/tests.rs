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
