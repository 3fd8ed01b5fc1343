//! Soft facts: late, never in the way, and written at the end.

use super::*;
use crate::store::limit_pages_for_tests;
use crate::store::soft::SOFT_LIMIT;

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

/// Closes the store on a thread of its own; fails when that takes for ever.
fn closes(store: &Store) {
    let (ended, has_ended) = mpsc::channel();
    let closing = store.clone();
    std::thread::spawn(move || {
        closing.close_blocking();
        let _ = ended.send(());
    });
    assert!(has_ended.recv_timeout(Duration::from_secs(60)).is_ok(), "the store does not close");
}

#[test]
fn a_full_disk_does_not_keep_the_store_from_closing() {
    const MANY: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    let ids: Vec<String> = (0..MANY).map(|number| format!("E{number:04}")).collect();
    let enrolled = ids.clone();
    let enroll_all = move |tx: &Tx| {
        enrolled.iter().try_for_each(|id| {
            tx.execute("INSERT INTO devices (id, created_at) VALUES (?1, 0)", [id])?;
            let sql =
                "INSERT INTO enrollments (id, device_id, kind, nano_id, state, created_at) VALUES (?1, ?1, 'device', ?1, 'enrolled', 0)";
            tx.execute(sql, [id]).map(drop)
        })
    };
    store.write_blocking(NOW, enroll_all).unwrap();
    store.write_blocking(NOW, |tx| limit_pages_for_tests(tx, 0)).unwrap();
    // A row grows by its moment; of so many some have to move to a page that is not there.
    for id in &ids {
        store.soft(SoftFact::EnrollmentSeen(id.clone()), NOW);
    }
    closes(&store);
    drop(store);
    let again = file(folder.path());
    let written = ids.iter().filter(|id| seen(&again, id) == Some(NOW)).count();
    assert!(written < MANY, "the disk was full");
}

#[test]
fn a_database_that_somebody_else_holds_does_not_keep_the_store_from_closing() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path());
    enroll(&store, "E1");
    let lock = lock_out(&store);
    store.soft(SoftFact::EnrollmentSeen("E1".into()), NOW);
    closes(&store);
    lock.execute_batch("COMMIT").unwrap();
    assert_eq!(seen(&store, "E1"), None, "tried once, then dropped");
}
