//! What is told of backups: their age, where they lie, and their trials.

use super::*;

#[test]
fn old_backups_are_told_by_how_they_are_made() {
    let store = store();
    let manifest = |made_at| crate::store::backup::Manifest {
        format: 1,
        made_at,
        program: String::from("0.1.0"),
        schema: 1,
        devices: 1,
        enrolled: 1,
        database_bytes: 1,
        with_packages: false,
    };
    store.write_blocking(NOW, move |tx| crate::mdm::backups::done(tx, &manifest(tx.now), 10)).unwrap();
    let age = |days: u32| one(&examined_at(&store, &well(), NOW.plus(DAY * days)), "backups.age").0;
    assert_eq!((age(1), age(31)), (Level::Note, Level::Warning));
    assert_eq!(one(&examined(&store, &well()), "backups.test").0, Level::Note);
}

#[test]
fn backups_that_are_lost_or_would_be_with_this_disk_are_told_and_so_is_a_trial_that_failed_or_never_was() {
    use crate::mdm::backups::{self, plan, retention::Keep};
    use crate::store::backups::{Place, newest};
    let store = store();
    let manifest = crate::store::backup::Manifest {
        format: 1,
        made_at: NOW,
        program: String::from("0.1.0"),
        schema: 1,
        devices: 1,
        enrolled: 1,
        database_bytes: 1,
        with_packages: false,
    };
    let backup = store
        .write_blocking(NOW, move |tx| {
            backups::make_recovery_key(tx, &Actor::Console)?;
            let (at, keep) = (String::from("03:15"), Keep { daily: 2, weekly: 0, monthly: 0 });
            let folder = Some(String::from("/srv/backups"));
            let new = plan::NewPlan { daily: true, at, with_packages: false, keep, folder, s3: None, s3_secret: None };
            plan::set(tx, &Actor::Console, &new)?;
            backups::put(tx, "b.age", Place::Folder, "/srv/backups", 10, &manifest)?;
            backups::done(tx, &manifest, 10)?;
            Ok(newest(tx, 1)?.remove(0))
        })
        .unwrap();
    let seen = |backups: BackupsSeen| Seen { backups, ..well() };
    let same = |same| one(&examined(&store, &seen(BackupsSeen { same_disk: Some(same), ..BackupsSeen::default() })), "backups.same_disk");
    assert_eq!((same(false).0, same(true).0), (Level::Ok, Level::Warning));
    assert!(same(true).1.contains("another disk"), "{}", same(true).1);
    assert!(of(&examined(&store, &well()), "backups.same_disk").is_empty(), "there is no such folder");

    assert!(of(&examined(&store, &well()), "backups.lost").is_empty());
    let gone = BackupsSeen { gone: vec![backup.id.clone()], ..BackupsSeen::default() };
    let (level, words) = one(&examined(&store, &seen(gone.clone())), "backups.lost");
    assert!(level == Level::Error && words.contains("b.age") && words.contains("is not in /srv/backups any more"), "{words}");
    let away = BackupsSeen { unreachable: vec![String::from("/srv/backups")], ..gone };
    let (level, words) = one(&examined(&store, &seen(away)), "backups.lost");
    assert!(
        level == Level::Error && words.contains("the folder /srv/backups is not there") && words.contains("Connect its disk"),
        "{words}"
    );

    let test = |days: u32| one(&examined_at(&store, &well(), NOW.plus(DAY * days)), "backups.test");
    assert_eq!((test(0).0, test(2).0), (Level::Note, Level::Warning), "nobody has tried it");
    let figures = || store.read_blocking(NOW, |tx| crate::mdm::figures::read(tx, &Actor::Console, true)).unwrap().backup_tested;
    let tested = |outcome: Result<(), String>| {
        let backup = backup.clone();
        store.write_blocking(NOW, move |tx| backups::tested(tx, &backup, &outcome)).unwrap();
    };
    tested(Ok(()));
    assert_eq!((test(1).0, test(40).0, figures()), (Level::Ok, Level::Warning, Some((NOW, true))));
    tested(Err(String::from("it is cut off")));
    // What was tried is kept long enough and goes; what came of it does not.
    store.write_blocking(NOW, move |tx| backups::deleted(tx, &backup)).unwrap();
    let (level, words) = test(1);
    assert!(level == Level::Error && words.contains("it is cut off"), "{words}");
    assert_eq!(figures(), Some((NOW, false)), "a failed trial is a figure too");
}
