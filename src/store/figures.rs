//! Figures for monitors, each of which costs a walk along the enrollments and no more, however long the history is.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// Enrolled devices by platform, practice ones left out.
pub fn enrolled(tx: &Tx) -> Result<Vec<(String, u64)>> {
    tx.list(
        "SELECT devices.platform, count(*) FROM enrollments JOIN devices ON devices.id = enrollments.device_id
         WHERE enrollments.state = 'enrolled' AND enrollments.parent_id IS NULL AND devices.practice = 0
         GROUP BY devices.platform ORDER BY devices.platform",
        [],
        pair,
    )
}

/// Commands that are in the queue, by their state. What is finished is not looked at: there may be years of it.
pub fn open_commands(tx: &Tx) -> Result<Vec<(String, u64)>> {
    tx.list(
        "SELECT commands.state, count(*) FROM enrollments
         CROSS JOIN commands INDEXED BY commands_enrollment ON commands.enrollment_id = enrollments.id AND commands.finished_at IS NULL
         GROUP BY commands.state ORDER BY commands.state",
        [],
        pair,
    )
}

/// Enrollments for which a push is due or waits to be tried again.
pub fn pushes_due(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM enrollments WHERE push_due_at IS NOT NULL", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Bytes of the database: all of it, and those of it that are free for what comes.
pub fn database_bytes(tx: &Tx) -> Result<(u64, u64)> {
    let figure = |pragma: &str| tx.one(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let page = figure("page_size")?;
    Ok((figure("page_count")? * page, figure("freelist_count")? * page))
}

/// Enrolled devices, practice ones left out, whose newest identity ends by `end`.
pub fn identities_ending(tx: &Tx, end: Timestamp) -> Result<u64> {
    let count = tx.one(
        "SELECT count(*) FROM enrollments JOIN devices ON devices.id = enrollments.device_id
         WHERE enrollments.state = 'enrolled' AND enrollments.parent_id IS NULL AND devices.practice = 0
           AND (SELECT max(not_after_at) FROM certificates WHERE certificates.enrollment_id = enrollments.id AND revoked_at IS NULL) <= ?1",
        [end],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(count.unsigned_abs())
}

/// The version of the schema.
pub fn schema_version(tx: &Tx) -> Result<i64> {
    tx.one("PRAGMA user_version", [], |row| row.get(0))
}

/// The version of SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

fn pair(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, u64)> {
    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    #[test]
    fn an_empty_store_has_figures() {
        memory()
            .read_blocking(Timestamp::from_seconds(1), |tx| {
                assert_eq!((enrolled(tx)?, open_commands(tx)?, pushes_due(tx)?), (vec![], vec![], 0));
                let (all, free) = database_bytes(tx)?;
                assert!(all > free && all > 0);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn finished_commands_are_not_walked_through() {
        memory()
            .read_blocking(Timestamp::from_seconds(1), |tx| {
                let plans = crate::store::plans::of(tx, || open_commands(tx))?;
                assert_eq!(plans.scans.len(), 1, "{plans:?}");
                assert!(plans.scans[0].starts_with("SCAN enrollments USING COVERING INDEX"), "{plans:?}");
                Ok(())
            })
            .unwrap();
    }
}
