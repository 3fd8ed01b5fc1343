//! The disk's turn: nobody is told before it is over, the next group runs meanwhile, and a failure is final.

use std::io;

use super::*;
use crate::store::disk::Durable;

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
    assert!(refusal.message.contains("restart"), "{refusal}");
    assert_eq!(later.wait_blocking().unwrap_err().kind, Kind::Busy);
    drop(go);
    assert_eq!(store.write_blocking(NOW, |tx| note(tx, "much later")).unwrap_err().kind, Kind::Busy);
    assert_eq!(noted(&store), ["lost"], "what is in doubt may well be there");
}
