//! Newer versions that are not sent by themselves, settings that change meanwhile, and orders that are given up.

use super::*;

#[test]
fn a_newer_version_that_is_not_sent_by_itself_is_told_and_sent_when_somebody_asks() {
    let off = Facts { may_update: false, ..newest(8) };
    let mut row = there(7);
    compare(&mut row, &off, NOW);
    assert_eq!((row.stage, next(&row, &off, NOW)), (Stage::Outdated, Step::Rest(None)));
    listed(&mut row, Some(&item(ManagedState::Managed, 7)), None, true, &off, NOW);
    assert_eq!(row.stage, Stage::Outdated, "a list that says the same changes nothing");
    ask(&mut row, NOW);
    assert_eq!(next(&row, &off, NOW), Step::Install);
    sent(&mut row, Intent::Install, "u".into(), &off, NOW);
    assert_eq!((row.stage, row.asked_version.as_str()), (Stage::Updating, "8"));
    answered(&mut row, &taken(Some(ManagedState::Updating)), &off, NOW);
    listed(&mut row, Some(&item(ManagedState::Managed, 8)), None, true, &off, NOW);
    compare(&mut row, &off, NOW);
    assert_eq!((row.stage, next(&row, &off, NOW)), (Stage::Installed, Step::Rest(None)));
}

#[test]
fn changed_settings_do_not_wait_for_an_update_that_may_never_come_about() {
    let wish = newest(8);
    let mut row = there(7);
    assert_eq!(next(&row, &wish, NOW), Step::Install);
    sent(&mut row, Intent::Install, "u".into(), &wish, NOW);
    answered(&mut row, &taken(Some(ManagedState::Updating)), &wish, NOW);
    assert_ne!(next(&row, &wish, NOW), Step::Install);
    let changed = Facts { want: wish.want.clone().map(|want| Want { digest: "other".into(), ..want }), ..wish };
    super::want(&mut row, &changed, Mechanism::Command, NOW);
    assert_eq!(next(&row, &changed, NOW), Step::Install);
}

#[test]
fn what_was_given_up_holds_no_licence_until_somebody_asks_again() {
    let wish = facts(Some("d"));
    let mut row = after(&refusal(CauseKind::Unsupported), &wish);
    assert!(gave_up(&row), "{row:?}");
    let without = Facts { licence: LicenceFact::Missing, ..wish };
    assert_eq!(next(&row, &without, NOW), Step::Rest(None), "no licence is asked for meanwhile");
    ask(&mut row, NOW);
    assert!(!gave_up(&row));
    assert_eq!(next(&row, &without, NOW), Step::Want);
}

#[test]
fn a_system_that_manages_no_apps_is_content_with_one_that_is_there() {
    let wish = Facts { by_presence: true, ..facts(Some("d")) };
    let row = after(&refusal(CauseKind::AlreadyInstalled), &wish);
    assert_eq!((row.stage, next(&row, &wish, NOW)), (Stage::Installed, Step::Rest(None)));
}
