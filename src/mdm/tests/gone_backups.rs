//! Backups that somebody deleted: the list, the alert, what is kept and what is tried say so, until they are back or forgotten.

use super::backups::{manifest, new_plan};
use super::{School, days};
use crate::mdm::Actor;
use crate::mdm::backups;
use crate::mdm::backups::gone::{GONE, LISTED_FOR, is_gone, looked, to_look_for};
use crate::mdm::backups::plan::{self, NewPlan};
use crate::store::alerts;
use crate::store::backups::Place;

/// A school with a backup of each of so many days, the newest of now.
fn with_backups(count: u64) -> School {
    let school = School::new();
    school.write(|tx| plan::set(tx, &Actor::Console, &NewPlan { daily: false, ..new_plan() }));
    let first = school.clock.now();
    for day in 0..count {
        let made_at = first.plus(days(day));
        school.write(move |tx| backups::put(tx, &backups::file_name(made_at), Place::Folder, "/srv/backups", 10, &manifest(made_at)));
    }
    school.clock.advance(days(count - 1));
    school
}

/// Looks for all of them: those at these places of the list, newest first, are there. Gives how many are gone.
fn look(school: &School, there: &'static [usize]) -> usize {
    school.write(move |tx| {
        let listed = to_look_for(tx)?.into_iter().enumerate();
        let seen: Vec<_> = listed.map(|(place, backup)| (backup, there.contains(&place))).collect();
        looked(tx, &seen)
    })
}

fn alert(school: &School) -> Option<String> {
    school.write(alerts::all).into_iter().find(|alert| alert.key == GONE).map(|alert| alert.message)
}

#[test]
fn what_is_gone_is_told_and_marked_and_is_as_before_when_it_is_back() {
    let school = with_backups(3);
    assert_eq!((look(&school, &[0, 1, 2]), alert(&school)), (0, None));
    assert_eq!(look(&school, &[0]), 2);
    let told = alert(&school).unwrap();
    assert!(told.starts_with("2 backups are not in their places any more") && told.contains("/srv/backups"), "{told}");
    let marks = || school.write(|tx| backups::list(tx, &Actor::Console)).iter().map(is_gone).collect::<Vec<_>>();
    assert_eq!(marks(), [false, true, true]);
    assert_eq!(look(&school, &[0]), 2, "what is known is not news");
    assert_eq!(school.events().iter().filter(|kind| **kind == "backup.gone").count(), 2);
    assert_eq!(look(&school, &[0, 1, 2]), 0);
    assert_eq!((marks(), alert(&school)), (vec![false; 3], None));
}

#[test]
fn what_is_gone_stands_for_no_day_is_tried_last_and_leaves_the_list_after_a_month() {
    let school = with_backups(4);
    // Two days are kept. Without the newest two, the other two are all that there is.
    assert_eq!(look(&school, &[2, 3]), 2);
    assert!(school.write(backups::to_delete).is_empty());
    let list = school.write(|tx| backups::list(tx, &Actor::Console));
    let (tried, _) = school.write(backups::to_test).unwrap();
    assert_eq!(tried.id, list[2].id, "the newest that is there");
    assert_eq!(look(&school, &[]), 4);
    let (tried, _) = school.write(backups::to_test).unwrap();
    assert_eq!(tried.id, list[0].id, "where none is there, its trial says so");

    school.clock.advance(LISTED_FOR + days(1));
    let over = school.write(backups::to_delete);
    assert_eq!(over.len(), 4);
    school.write(move |tx| over.iter().try_for_each(|backup| backups::deleted(tx, backup)));
    assert!(school.write(|tx| backups::list(tx, &Actor::Console)).is_empty());
    assert_eq!((look(&school, &[]), alert(&school)), (0, None));
}
