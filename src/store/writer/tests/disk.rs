//! The disk's turn: nobody is told before it is over, the next group runs meanwhile, and a failure lasts until all of the log was written anew.

use std::io;

use super::*;
use crate::pki::seal::{KEY_BYTES, Sealer};
use crate::store::disk::Durable;
use crate::store::testing::Brake;

/// A disk that does what the test says.
struct Slow {
    asked: mpsc::Sender<()>,
    outcomes: mpsc::Receiver<io::Result<()>>,
}

impl Durable for Slow {
    fn sync(&mut self) -> io::Result<()> {
        let _ = self.asked.send(());
        self.outcomes.recv().unwrap_or(Ok(()))
    }
}

/// A store on such a disk, how the disk is told what to do, and how it tells that it was asked.
fn slow() -> (Store, mpsc::Sender<io::Result<()>>, mpsc::Receiver<()>) {
    let (asked, was_asked) = mpsc::channel();
    let (go, outcomes) = mpsc::channel();
    (Store::open(OpenOptions::memory().durable(Slow { asked, outcomes })).unwrap(), go, was_asked)
}

#[test]
fn nobody_is_told_before_the_disk_has_it_and_the_next_group_runs_meanwhile() {
    let (store, go, was_asked) = slow();
    let mut bell = store.listen(Bell::Events);
    let mut first = submit(&store, |tx| note(tx, "first"));
    was_asked.recv().unwrap();
    let (ran, has_run) = mpsc::channel();
    let mut second = submit(&store, move |tx| {
        ran.send(()).unwrap();
        note(tx, "second")
    });
    has_run.recv().unwrap();
    assert!(first.is_waited_for() && second.is_waited_for(), "the first is not on the disk, the second not even committed");
    assert!(!bell.rang());
    go.send(Ok(())).unwrap();
    assert_eq!(first.wait_blocking().unwrap(), 1);
    was_asked.recv().unwrap();
    assert!(bell.rang());
    assert!(second.is_waited_for());
    go.send(Ok(())).unwrap();
    assert_eq!(second.wait_blocking().unwrap(), 2);
    drop(go);
}

#[test]
fn a_disk_that_failed_is_not_believed_again() {
    let (store, go, was_asked) = slow();
    let lost = submit(&store, |tx| note(tx, "lost"));
    was_asked.recv().unwrap();
    let later = submit(&store, |tx| note(tx, "later"));
    go.send(Err(io::Error::other("a broken disk"))).unwrap();
    let refusal = lost.wait_blocking().unwrap_err();
    assert_eq!((refusal.kind, refusal.retry_after_s.is_some()), (Kind::Busy, true));
    assert!(refusal.message.contains("it may be there or not"), "{refusal}");
    assert_eq!(later.wait_blocking().unwrap_err().kind, Kind::Busy);
    drop(go);
    let refusal = store.write_blocking(NOW, |tx| note(tx, "much later")).unwrap_err();
    assert_eq!((refusal.kind, refusal.retry_after_s.is_some()), (Kind::Busy, true));
    assert!(refusal.message.contains("restart"), "{refusal}");
    assert!(store.trouble().unwrap().ends_with("restart the server if this lasts"), "{:?}", store.trouble());
    assert_eq!(noted(&store), ["lost"], "what is in doubt may well be there");
}

/// A store in `folder` on a disk with a brake.
fn braked(folder: &std::path::Path) -> (Store, Brake) {
    let (options, brake) = OpenOptions::file(folder.join("rollcall.db"), Sealer::from_key(&[7; KEY_BYTES]).unwrap()).braked();
    (Store::open(options).unwrap(), brake)
}

#[test]
fn a_disk_that_failed_once_is_written_anew_and_goes_on_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (store, brake) = braked(folder.path());
    store.write_blocking(NOW, |tx| note(tx, "before")).unwrap();
    assert_eq!(store.trouble(), None);
    let mut bell = store.listen(Bell::Events);
    brake.fail(1);
    let refusal = store.write_blocking(NOW, |tx| note(tx, "in doubt")).unwrap_err();
    assert_eq!((refusal.kind, refusal.retry_after_s.is_some()), (Kind::Busy, true));
    assert!(store.trouble().unwrap().contains("look at the disk"), "{:?}", store.trouble());
    assert!(!bell.rang());
    store.write_blocking(NOW, |tx| note(tx, "after")).unwrap();
    assert_eq!(store.trouble(), None);
    assert!(bell.rang());
    let all = ["before", "in doubt", "after"];
    assert_eq!(noted(&store), all);
    drop(store);
    assert_eq!(noted(&file(folder.path())), all);
}

#[test]
fn a_log_that_the_disk_lost_a_part_of_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (store, brake) = braked(folder.path());
    store.write_blocking(NOW, |tx| note(tx, "before")).unwrap();
    brake.fail(1);
    store.write_blocking(NOW, |tx| note(tx, "in doubt")).unwrap_err();
    let log = folder.path().join("rollcall.db-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let refusal = store.write_blocking(NOW, |tx| note(tx, "after")).unwrap_err();
    assert_eq!(refusal.kind, Kind::Busy);
    assert!(refusal.message.contains("restart the server"), "{refusal}");
    drop(store);
    // As the next start finds it: sound, and without what was in doubt.
    let restarted = tempfile::tempdir().unwrap();
    for name in ["rollcall.db", "rollcall.db-wal"] {
        std::fs::copy(folder.path().join(name), restarted.path().join(name)).unwrap();
    }
    assert_eq!(noted(&file(restarted.path())), ["before"]);
}
