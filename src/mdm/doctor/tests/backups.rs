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

#[test]
fn a_backup_that_somebody_took_counts_once_it_is_whole_and_the_schedule_goes_on() {
    use crate::mdm::backups::{self, by_hand};
    let store = store();
    let manifest = crate::store::backup::Manifest {
        format: 1,
        made_at: NOW,
        program: String::from("0.1.0"),
        schema: 1,
        devices: 7,
        enrolled: 1,
        database_bytes: 1,
        with_packages: false,
    };
    let kept = |path: &'static str| store.write_blocking(NOW, move |tx| by_hand::kept(tx, &Actor::Console, 10, Some(path)));
    assert_eq!(kept("/mnt/usb/b").unwrap_err().kind, crate::error::Kind::Conflict, "none was taken");
    let taken = manifest.clone();
    store.write_blocking(NOW, move |tx| by_hand::taken(tx, &Actor::Console, &taken)).unwrap();
    assert_eq!(one(&examined(&store, &well()), "backups.age").0, Level::Warning, "nobody knows whether it arrived");
    assert_eq!(kept("b").unwrap_err().fields[0].field, "path");
    kept("/mnt/usb/b").unwrap();
    let (level, words) = one(&examined(&store, &well()), "backups.age");
    assert!(level == Level::Note && words.contains("The last backup is of"), "{words}");
    assert!(of(&examined(&store, &well()), "backups.test").is_empty(), "nobody here can try it");
    let found = store.read_blocking(NOW, by_hand::to_find).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.location.as_str(), found.made_at), ("b", "/mnt/usb", NOW));
    let standing = store.read_blocking(NOW, |tx| backups::standing(tx, &Actor::Console)).unwrap();
    assert_eq!(standing.last.unwrap(), backups::Last { made_at: NOW, size_bytes: 10, devices: 7 });

    // One of the appliance's own that is newer is the last one again.
    let newer = crate::store::backup::Manifest { made_at: NOW.plus(DAY), ..manifest };
    store.write_blocking(NOW.plus(DAY), move |tx| backups::done(tx, &newer, 20)).unwrap();
    assert_eq!(store.read_blocking(NOW, by_hand::to_find).unwrap(), None);
    assert_eq!(store.read_blocking(NOW, backups::last_at).unwrap(), Some(NOW.plus(DAY)));
}
