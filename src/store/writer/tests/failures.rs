//! Groups that fail: a full disk, a commit that cannot be, a transaction that breaks.

use super::*;
use crate::store::limit_pages_for_tests;

#[test]
fn a_full_disk_refuses_and_keeps_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    store.write_blocking(NOW, |tx| note(tx, "before")).unwrap();
    store.write_blocking(NOW, |tx| limit_pages_for_tests(tx, 0)).unwrap();
    let large = || NewEvent { kind: "large", actor_kind: "job", actor: "test", data: "x".repeat(100_000).into(), ..NewEvent::default() };
    let refusal = store.write_blocking(NOW, move |tx| note(tx, "half").and_then(|_| events::append(tx, &large()))).unwrap_err();
    assert_eq!((refusal.kind, refusal.retry_after_s.is_some()), (Kind::Busy, true));
    assert!(refusal.message.contains("disk"), "{refusal}");
    assert_eq!(noted(&store), ["before"]);
    store.write_blocking(NOW, |tx| limit_pages_for_tests(tx, 1000)).unwrap();
    store.write_blocking(NOW, |tx| note(tx, "after")).unwrap();
    drop(store);
    assert_eq!(noted(&file(folder.path())), ["before", "after"]);
}

#[test]
fn a_commit_that_fails_is_told_to_the_whole_group() {
    let store = patient();
    let mut bell = store.listen(Bell::Events);
    let (go, _held) = hold(&store);
    let fine = submit(&store, |tx| note(tx, "fine"));
    // A reference to nothing that only COMMIT looks at.
    let spoiling = submit(&store, |tx| {
        tx.conn().execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO inventory_ages VALUES ('nobody', 'SecurityInfo', 1)")?;
        Ok(())
    });
    let failing = submit(&store, |_| Err::<(), _>(Error::conflict("no")));
    go.send(()).unwrap();
    assert_eq!(fine.wait_blocking().unwrap_err().kind, Kind::Busy);
    assert_eq!(spoiling.wait_blocking().unwrap_err().kind, Kind::Busy);
    assert_eq!(failing.wait_blocking().unwrap_err().kind, Kind::Busy, "its reason may be one of the things undone");
    assert_eq!(noted(&store), [""; 0]);
    assert!(!bell.rang(), "nothing happened");
    store.write_blocking(NOW, |tx| note(tx, "next")).unwrap();
    assert!(bell.rang());
    assert_eq!(noted(&store), ["next"]);
}

#[test]
fn a_transaction_that_breaks_in_the_middle_loses_those_before_and_not_those_after() {
    let store = patient();
    let (go, _held) = hold(&store);
    let before = submit(&store, |tx| note(tx, "before"));
    // As SQLite does by itself when the disk fails under a statement.
    let breaking = submit(&store, |tx| Ok(tx.conn().execute_batch("ROLLBACK")?));
    let after = submit(&store, |tx| note(tx, "after"));
    go.send(()).unwrap();
    assert_eq!(before.wait_blocking().unwrap_err().kind, Kind::Busy);
    assert_eq!(breaking.wait_blocking().unwrap_err().kind, Kind::Busy);
    after.wait_blocking().unwrap();
    assert_eq!(noted(&store), ["after"]);
}

#[test]
fn a_group_whose_time_is_up_is_committed_before_the_others_run() {
    let store = Store::open(OpenOptions::memory().group_time(Duration::ZERO)).unwrap();
    let (go, _held) = hold(&store);
    let before = submit(&store, |tx| note(tx, "before"));
    let breaking = submit(&store, |tx| Ok(tx.conn().execute_batch("ROLLBACK")?));
    go.send(()).unwrap();
    before.wait_blocking().unwrap();
    breaking.wait_blocking().unwrap_err();
    assert_eq!(noted(&store), ["before"]);
}

#[test]
fn a_transaction_that_cannot_begin_is_told_to_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let lock = lock_out(&store);
    let (one, two) = (submit(&store, |tx| note(tx, "one")), submit(&store, |tx| note(tx, "two")));
    for refused in [one, two] {
        let refusal = refused.wait_blocking().unwrap_err();
        assert!(refusal.kind == Kind::Busy && refusal.message.starts_with("another program holds the database"), "{refusal}");
    }
    assert!(store.trouble().unwrap().starts_with("another program holds the database"), "not a full disk");
    lock.execute_batch("COMMIT").unwrap();
    store.write_blocking(NOW, |tx| note(tx, "three")).unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(noted(&store), ["three"]);
}
