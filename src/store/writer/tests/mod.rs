//! The writer under failing closures, full queues, full disks, sudden death and many callers.

mod death;
mod disk;
mod failures;
mod model;
mod soft;

use std::sync::mpsc;

use super::*;
use crate::store::bells::Bell;
use crate::store::events::{self, Event, Filter, NewEvent};
use crate::store::tests::{file, memory};
use crate::store::{OpenOptions, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn note(tx: &Tx, kind: &str) -> Result<i64> {
    events::append(tx, &NewEvent { kind, actor_kind: "job", actor: "test", ..NewEvent::default() })
}

fn noted(store: &Store) -> Vec<String> {
    let list = store.read_blocking(NOW, |tx| events::list(tx, &Filter::default(), None, events::PAGE_LIMIT)).unwrap();
    list.into_iter().rev().map(|event: Event| event.kind).collect()
}

fn submit<T: Send + 'static>(store: &Store, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> Outcome<T> {
    store.0.writer.submit(NOW, work).unwrap()
}

/// A store whose groups end only when nobody waits any more, however slow the machine is.
fn patient() -> Store {
    Store::open(OpenOptions::memory().group_time(Duration::from_secs(600))).unwrap()
}

/// Keeps the writer busy until the sender is used or dropped, so that what is submitted meanwhile becomes one group.
fn hold(store: &Store) -> (mpsc::Sender<()>, Outcome<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let held = submit(store, move |_| {
        begun.send(()).unwrap();
        let _ = wait.recv();
        Ok(())
    });
    has_begun.recv().unwrap();
    (go, held)
}

/// Another process that writes and does not finish; the writer is told not to wait for it.
fn lock_out(store: &Store) -> rusqlite::Connection {
    store.write_blocking(NOW, |tx| Ok(tx.conn().busy_timeout(Duration::ZERO)?)).unwrap();
    let other = rusqlite::Connection::open(store.path().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn a_closure_that_fails_or_panics_undoes_only_itself() {
    let store = patient();
    let (go, held) = hold(&store);
    let first = submit(&store, |tx| note(tx, "first"));
    let failing = submit(&store, |tx| note(tx, "failing").and_then(|_| Err::<(), _>(Error::conflict("no"))));
    let panicking = submit(&store, |tx| -> Result<()> {
        note(tx, "panicking")?;
        panic!("a fault of the test's own making")
    });
    let last = submit(&store, |tx| note(tx, "last"));
    go.send(()).unwrap();
    held.wait_blocking().unwrap();
    first.wait_blocking().unwrap();
    assert_eq!(failing.wait_blocking().unwrap_err().kind, Kind::Conflict);
    assert_eq!(panicking.wait_blocking().unwrap_err().kind, Kind::Internal);
    last.wait_blocking().unwrap();
    assert_eq!(noted(&store), ["first", "last"]);
}

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let store = Store::open(OpenOptions::memory().queue_limit(2)).unwrap();
    let (go, _held) = hold(&store);
    let waiting = [submit(&store, |tx| note(tx, "one")), submit(&store, |tx| note(tx, "two"))];
    let refusal = store.write_blocking(NOW, |tx| note(tx, "three")).unwrap_err();
    assert_eq!((refusal.kind, refusal.retry_after_s.is_some()), (Kind::Busy, true));
    go.send(()).unwrap();
    for outcome in waiting {
        outcome.wait_blocking().unwrap();
    }
    store.write_blocking(NOW, |tx| note(tx, "four")).unwrap();
    assert_eq!(noted(&store), ["one", "two", "four"]);
}

#[test]
fn bells_ring_for_what_is_kept() {
    let store = memory();
    let mut bell = store.listen(Bell::Jobs);
    let ring_and = |outcome: fn() -> Result<()>| {
        move |tx: &Tx| {
            tx.ring(Bell::Jobs);
            outcome()
        }
    };
    store.write_blocking(NOW, ring_and(|| Err(Error::conflict("no")))).unwrap_err();
    store.write_blocking(NOW, ring_and(|| panic!("a fault of the test's own making"))).unwrap_err();
    store.read_blocking(NOW, ring_and(|| Ok(()))).unwrap();
    assert!(!bell.rang());
    store.write_blocking(NOW, ring_and(|| Ok(()))).unwrap();
    assert!(bell.rang() && !bell.rang());
}

#[test]
fn more_closures_than_a_group_holds_are_all_answered() {
    let store = patient();
    let (go, _held) = hold(&store);
    let outcomes: Vec<_> = (0..=GROUP_LIMIT * 2).map(|_| submit(&store, |tx| note(tx, "one"))).collect();
    go.send(()).unwrap();
    let seqs: Vec<i64> = outcomes.into_iter().map(|outcome| outcome.wait_blocking().unwrap()).collect();
    assert_eq!(seqs, (1..=GROUP_LIMIT as i64 * 2 + 1).collect::<Vec<_>>(), "in the order in which they came");
}

#[test]
fn closing_writes_what_waits_and_refuses_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let (go, _held) = hold(&store);
    let waiting = submit(&store, |tx| note(tx, "waiting"));
    go.send(()).unwrap();
    store.close_blocking();
    waiting.wait_blocking().unwrap();
    assert_eq!(store.write_blocking(NOW, |tx| note(tx, "late")).unwrap_err().kind, Kind::Busy);
    assert_eq!(noted(&store), ["waiting"], "reading goes on");
}

#[test]
fn the_last_handle_may_be_dropped_by_a_closure() {
    let store = memory();
    let last = store.clone();
    let (go, wait) = mpsc::channel::<()>();
    let outcome = submit(&store, move |_| {
        let _ = wait.recv();
        drop(last);
        Ok(())
    });
    drop(store);
    go.send(()).unwrap();
    outcome.wait_blocking().unwrap();
}
