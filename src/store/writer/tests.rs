//! The writer under failing closures, full queues, full disks, sudden death and many callers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use proptest::prelude::*;

use super::*;
use crate::store::bells::Bell;
use crate::store::events::{self, Event, Filter, NewEvent};
use crate::store::soft::SOFT_LIMIT;
use crate::store::tests::{file, memory};
use crate::store::{OpenOptions, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_000);
/// Names the database that the child process of the sudden-death test writes to.
const CHILD_DATABASE: &str = "ROLLCALL_TEST_CHILD_DATABASE";

type Outcome<T> = oneshot::Receiver<Result<T>>;

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
    held.blocking_recv().unwrap().unwrap();
    first.blocking_recv().unwrap().unwrap();
    assert_eq!(failing.blocking_recv().unwrap().unwrap_err().kind, Kind::Conflict);
    assert_eq!(panicking.blocking_recv().unwrap().unwrap_err().kind, Kind::Internal);
    last.blocking_recv().unwrap().unwrap();
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
        outcome.blocking_recv().unwrap().unwrap();
    }
    store.write_blocking(NOW, |tx| note(tx, "four")).unwrap();
    assert_eq!(noted(&store), ["one", "two", "four"]);
}

#[test]
fn a_full_disk_refuses_and_keeps_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    store.write_blocking(NOW, |tx| note(tx, "before")).unwrap();
    let limit_pages = |tx: &Tx, extra: i64| {
        let pages: i64 = tx.one("PRAGMA page_count", [], |row| row.get(0))?;
        tx.one(&format!("PRAGMA max_page_count = {}", pages + extra), [], |row| row.get::<_, i64>(0))
    };
    store.write_blocking(NOW, move |tx| limit_pages(tx, 0)).unwrap();
    let large = || NewEvent { kind: "large", actor_kind: "job", actor: "test", data: "x".repeat(100_000).into(), ..NewEvent::default() };
    let refusal = store.write_blocking(NOW, move |tx| note(tx, "half").and_then(|_| events::append(tx, &large()))).unwrap_err();
    assert_eq!((refusal.kind, refusal.retry_after_s.is_some()), (Kind::Busy, true));
    assert!(refusal.message.contains("disk"), "{refusal}");
    assert_eq!(noted(&store), ["before"]);
    store.write_blocking(NOW, move |tx| limit_pages(tx, 1000)).unwrap();
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
    assert_eq!(fine.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy);
    assert_eq!(spoiling.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy);
    assert_eq!(failing.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy, "its reason may be one of the things undone");
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
    assert_eq!(before.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy);
    assert_eq!(breaking.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy);
    after.blocking_recv().unwrap().unwrap();
    assert_eq!(noted(&store), ["after"]);
}

#[test]
fn a_group_whose_time_is_up_is_committed_before_the_others_run() {
    let store = Store::open(OpenOptions::memory().group_time(Duration::ZERO)).unwrap();
    let (go, _held) = hold(&store);
    let before = submit(&store, |tx| note(tx, "before"));
    let breaking = submit(&store, |tx| Ok(tx.conn().execute_batch("ROLLBACK")?));
    go.send(()).unwrap();
    before.blocking_recv().unwrap().unwrap();
    breaking.blocking_recv().unwrap().unwrap_err();
    assert_eq!(noted(&store), ["before"]);
}

/// Another process that writes and does not finish; the writer is told not to wait for it.
fn lock_out(store: &Store) -> rusqlite::Connection {
    store.write_blocking(NOW, |tx| Ok(tx.conn().busy_timeout(Duration::ZERO)?)).unwrap();
    let other = rusqlite::Connection::open(store.path().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn a_transaction_that_cannot_begin_is_told_to_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let lock = lock_out(&store);
    let (one, two) = (submit(&store, |tx| note(tx, "one")), submit(&store, |tx| note(tx, "two")));
    assert_eq!(one.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy);
    assert_eq!(two.blocking_recv().unwrap().unwrap_err().kind, Kind::Busy);
    lock.execute_batch("COMMIT").unwrap();
    store.write_blocking(NOW, |tx| note(tx, "three")).unwrap();
    assert_eq!(noted(&store), ["three"]);
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
    let seqs: Vec<i64> = outcomes.into_iter().map(|outcome| outcome.blocking_recv().unwrap().unwrap()).collect();
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
    waiting.blocking_recv().unwrap().unwrap();
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
    outcome.blocking_recv().unwrap().unwrap();
}

fn enroll(store: &Store, id: &'static str) {
    let sql = "INSERT INTO devices (id, created_at) VALUES (?1, 0)";
    let relation = "INSERT INTO enrollments (id, device_id, kind, nano_id, state, created_at) VALUES (?1, ?1, 'device', ?1, 'enrolled', 0)";
    store.write_blocking(NOW, move |tx| tx.execute(sql, [id]).and_then(|_| tx.execute(relation, [id]))).unwrap();
}

fn seen(store: &Store, id: &str) -> Option<Timestamp> {
    store.read_blocking(NOW, |tx| tx.one("SELECT last_seen_at FROM enrollments WHERE id = ?1", [id], |row| row.get(0))).unwrap()
}

#[test]
fn soft_facts_wait_until_they_are_due_and_are_written_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    enroll(&store, "E1");
    store.soft(SoftFact::EnrollmentSeen("E1".into()), Timestamp::from_seconds(9));
    store.soft(SoftFact::EnrollmentSeen("E1".into()), Timestamp::from_seconds(7));
    assert_eq!(seen(&store, "E1"), None, "a poll costs nothing durable");
    store.close_blocking();
    assert_eq!(seen(&file(folder.path()), "E1"), Some(Timestamp::from_seconds(9)), "the latest moment counts");
}

#[test]
fn soft_facts_outlive_a_group_that_fails_and_ride_along_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    enroll(&store, "E1");
    let lock = lock_out(&store);
    store.soft(SoftFact::EnrollmentSeen("E1".into()), NOW);
    store.0.writer.hurry();
    store.write_blocking(NOW, |tx| note(tx, "one")).unwrap_err();
    lock.execute_batch("COMMIT").unwrap();
    assert_eq!(seen(&store, "E1"), None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.flush_soft()).unwrap();
    assert_eq!(seen(&store, "E1"), Some(NOW));
}

#[test]
fn soft_facts_beyond_the_limit_are_dropped_and_all_others_written() {
    let store = memory();
    enroll(&store, "E1");
    let (go, _held) = hold(&store);
    store.soft(SoftFact::EnrollmentSeen("E1".into()), Timestamp::from_seconds(1));
    for number in 0..SOFT_LIMIT {
        store.soft(SoftFact::TokenUsed(number.to_string()), NOW);
    }
    store.soft(SoftFact::EnrollmentSeen("E1".into()), Timestamp::from_seconds(2));
    go.send(()).unwrap();
    store.close_blocking();
    assert_eq!(seen(&store, "E1"), Some(Timestamp::from_seconds(2)), "a known one is still taken in");
}

#[test]
fn what_was_answered_outlives_sudden_death() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::writer::tests::child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CHILD_DATABASE, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::result::Result::ok);
    let mut answered: Vec<i64> = lines.by_ref().filter_map(|line| line.strip_prefix("answered ")?.parse().ok()).take(300).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between our last look and its death counts too, except a line that was cut short.
    let rest: Vec<String> = lines.filter_map(|line| Some(line.strip_prefix("answered ")?.to_owned())).collect();
    answered.extend(rest.split_last().map_or(&[][..], |(_, whole)| whole).iter().filter_map(|line| line.parse::<i64>().ok()));
    let store = file(folder.path());
    let last = answered.iter().copied().max().unwrap();
    assert!(answered.len() >= 300);
    for seq in answered {
        assert!(!store.read_blocking(NOW, |tx| events::after(tx, seq - 1, 1)).unwrap().is_empty(), "{seq} of {last} is gone");
    }
    let findings = store.read_blocking(NOW, |tx| crate::store::integrity::check(tx, crate::store::integrity::Depth::Full)).unwrap();
    assert_eq!(findings, []);
}

#[test]
#[ignore = "the child process of `what_was_answered_outlives_sudden_death`"]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD_DATABASE) else { return };
    let store = file(Path::new(&path).parent().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    println!("answered {}", store.write_blocking(NOW, |tx| note(tx, "written")).unwrap());
                }
            });
        }
    });
}

/// What one caller of the model test does to one of a few counters.
#[derive(Debug, Clone)]
enum Step {
    Add { key: u8, amount: i64 },
    AddAndFail { key: u8, amount: i64 },
    AddAndPanic { key: u8, amount: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (key, amount) = (0..4_u8, 1..100_i64);
    (0..5_u8, key, amount).prop_map(|(kind, key, amount)| match kind {
        0 => Step::AddAndFail { key, amount },
        1 => Step::AddAndPanic { key, amount },
        _ => Step::Add { key, amount },
    })
}

/// Adds to a counter; gives its place in the order of all additions, and the value that the counter had before.
fn add(tx: &Tx, key: u8, amount: i64) -> Result<(i64, i64)> {
    let key = key.to_string();
    let before: Option<i64> =
        tx.optional("SELECT value FROM settings WHERE key = ?1", [&key], |row| Ok(row.get::<_, String>(0)?.parse().unwrap()))?;
    let before = before.unwrap_or(0);
    let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.execute(sql, (key, (before + amount).to_string()))?;
    Ok((note(tx, "added")?, before))
}

fn run(store: &Store, step: &Step) -> Option<(i64, i64)> {
    let outcome = match *step {
        Step::Add { key, amount } => store.write_blocking(NOW, move |tx| add(tx, key, amount)),
        Step::AddAndFail { key, amount } => store.write_blocking(NOW, move |tx| {
            add(tx, key, amount)?;
            Err(Error::conflict("no"))
        }),
        Step::AddAndPanic { key, amount } => store.write_blocking(NOW, move |tx| {
            add(tx, key, amount)?;
            // Unlike panic!, this stays silent in the test's output.
            std::panic::resume_unwind(Box::new("a fault of the test's own making"))
        }),
    };
    outcome.ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn many_callers_are_as_good_as_one_after_the_other(callers in prop::collection::vec(prop::collection::vec(step(), 1..30), 1..8)) {
        let store = memory();
        let mut kept: Vec<(i64, i64, Step)> = std::thread::scope(|scope| {
            let threads: Vec<_> = callers
                .iter()
                .map(|steps| scope.spawn(|| steps.iter().filter_map(|step| run(&store, step).map(|(seq, before)| (seq, before, step.clone()))).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        kept.sort_by_key(|(seq, ..)| *seq);
        let mut model = BTreeMap::<u8, i64>::new();
        for (_, before, step) in &kept {
            let Step::Add { key, amount } = step else { panic!("{step:?} was kept") };
            let value = model.entry(*key).or_default();
            prop_assert_eq!(*value, *before);
            *value += amount;
        }
        let wanted = callers.iter().flatten().filter(|step| matches!(step, Step::Add { .. })).count();
        prop_assert_eq!(kept.len(), wanted);
        let count = store.read_blocking(NOW, |tx| events::count(tx, &Filter::default())).unwrap();
        prop_assert_eq!(count, wanted as u64);
    }
}
