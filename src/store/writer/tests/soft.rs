//! Soft facts: late, never in the way, and written at the end.

use super::*;
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
