//! What fills a database for tests.

use super::*;

/// Stores `count` finished commands of an enrollment, as years of use leave them behind.
pub(crate) fn fill_finished(tx: &Tx, enrollment_id: &str, count: i64) -> Result<()> {
    tx.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
         INSERT INTO commands (enrollment_id, generation, uuid, request_type, state, actor, created_at, finished_at)
         SELECT ?1, 1, 'old-' || n, 'DeviceInformation', 'acknowledged', 'test', ?3, ?3 FROM numbers",
        (enrollment_id, count, tx.now),
    )?;
    Ok(())
}

/// Stores `count` reports that an enrollment once sent.
pub(crate) fn fill_reports(tx: &Tx, enrollment_id: &str, count: i64) -> Result<()> {
    tx.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
         INSERT INTO reports (enrollment_id, command_uuid, request_type, status, size_bytes, sha256, received_at)
         SELECT ?1, 'old-' || n, 'DeviceInformation', 'Acknowledged', 1, x'00', ?3 FROM numbers",
        (enrollment_id, count, tx.now),
    )?;
    Ok(())
}

/// Stores `count` events of a device's past.
pub(crate) fn fill_events(tx: &Tx, device_id: &str, enrollment_id: &str, count: i64) -> Result<()> {
    tx.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?3)
         INSERT INTO events (at, kind, actor_kind, actor, device_id, enrollment_id, command_uuid)
         SELECT ?4, 'command.acknowledged', 'device', 'test', ?1, ?2, 'old-' || n FROM numbers",
        (device_id, enrollment_id, count, tx.now),
    )?;
    Ok(())
}
