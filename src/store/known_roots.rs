//! Which enrollment knows which of our roots, and how far the others are on the way.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::enrollments::Enrollment;
use crate::store::words::words;

words! {
    /// How far a root is on its way to a device.
    pub enum KnownState {
        /// Its profile is to be queued.
        Wanted = "wanted",
        /// Its profile is in the queue, or was taken out of it since.
        Queued = "queued",
        /// The device refused the profile.
        Refused = "refused",
        /// The device has it.
        Known = "known",
    }
}

/// One root on its way to one enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRoot {
    /// The root.
    pub authority_id: String,
    /// The device channel.
    pub enrollment_id: String,
    /// The generation that it was noted for; what a device knew goes with its enrollment.
    pub generation: i64,
    /// How far it is.
    pub state: KnownState,
    /// How often its profile was queued.
    pub attempts: i64,
    /// CommandUUID of the profile that was queued last.
    pub command_uuid: String,
    /// When there is something to do.
    pub due_at: Option<Timestamp>,
}

const COLUMNS: &str = "authority_id, enrollment_id, generation, state, attempts, command_uuid, due_at";

fn known_root(row: &Row<'_>) -> rusqlite::Result<KnownRoot> {
    Ok(KnownRoot {
        authority_id: row.get(0)?,
        enrollment_id: row.get(1)?,
        generation: row.get(2)?,
        state: row.get(3)?,
        attempts: row.get(4)?,
        command_uuid: row.get(5)?,
        due_at: row.get(6)?,
    })
}

/// The enrollments that a root is for: device channels that are enrolled, of devices that were not deleted.
const REACHED: &str = "enrollments.state = 'enrolled' AND parent_id IS NULL AND deleted_at IS NULL";

/// Wants the root on every enrolled device of which nothing is noted in its present generation; gives how many.
pub fn want(tx: &Tx, authority_id: &str) -> Result<usize> {
    tx.execute(
        sql!(
            "INSERT INTO known_roots (authority_id, enrollment_id, generation, state, due_at)
             SELECT ?1, enrollments.id, generation, 'wanted', ?2 FROM enrollments JOIN devices ON devices.id = device_id WHERE {REACHED}
             ON CONFLICT (authority_id, enrollment_id) DO UPDATE SET generation = excluded.generation, state = 'wanted', attempts = 0,
                    command_uuid = '', due_at = excluded.due_at, known_at = NULL
             WHERE known_roots.generation <> excluded.generation"
        ),
        (authority_id, tx.now),
    )
}

/// What is noted of a root and an enrollment.
pub fn of(tx: &Tx, authority_id: &str, enrollment_id: &str) -> Result<Option<KnownRoot>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM known_roots WHERE authority_id = ?1 AND enrollment_id = ?2"),
        (authority_id, enrollment_id),
        known_root,
    )
}

/// Stores how far a root is on its way.
pub fn put(tx: &Tx, known: &KnownRoot) -> Result<()> {
    let known_at = (known.state == KnownState::Known).then_some(tx.now);
    tx.execute(
        "INSERT INTO known_roots (authority_id, enrollment_id, generation, state, attempts, command_uuid, due_at, known_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (authority_id, enrollment_id) DO UPDATE SET generation = excluded.generation, state = excluded.state,
                attempts = excluded.attempts, command_uuid = excluded.command_uuid, due_at = excluded.due_at, known_at = excluded.known_at",
        (
            &known.authority_id,
            &known.enrollment_id,
            known.generation,
            known.state,
            known.attempts,
            &known.command_uuid,
            known.due_at,
            known_at,
        ),
    )?;
    Ok(())
}

/// Notes that an enrollment's present generation knows a root.
pub fn put_known(tx: &Tx, authority_id: &str, enrollment: &Enrollment) -> Result<()> {
    let known = KnownRoot {
        authority_id: authority_id.to_owned(),
        enrollment_id: enrollment.id.clone(),
        generation: enrollment.generation,
        state: KnownState::Known,
        attempts: 0,
        command_uuid: String::new(),
        due_at: None,
    };
    put(tx, &known)
}

/// What is due for a root, longest due first.
pub fn due(tx: &Tx, authority_id: &str, limit: u32) -> Result<Vec<KnownRoot>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM known_roots WHERE authority_id = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3"),
        (authority_id, tx.now, limit),
        known_root,
    )
}

/// The earliest moment at which something is due for a root.
pub fn next_due(tx: &Tx, authority_id: &str) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM known_roots WHERE authority_id = ?1 AND due_at IS NOT NULL", [authority_id], |row| row.get(0))
}

/// How far a root has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Enrolled devices that know it.
    pub known: i64,
    /// Enrolled devices.
    pub devices: i64,
}

impl Progress {
    /// Devices that do not know it yet.
    pub fn missing(self) -> i64 {
        self.devices - self.known
    }
}

/// How many enrolled devices know a root; practice devices do not count.
pub fn progress(tx: &Tx, authority_id: &str) -> Result<Progress> {
    tx.one(
        sql!(
            "SELECT count(*), count(known_roots.state) FROM enrollments JOIN devices ON devices.id = device_id
             LEFT JOIN known_roots ON known_roots.authority_id = ?1 AND enrollment_id = enrollments.id
                  AND known_roots.generation = enrollments.generation AND known_roots.state = 'known'
             WHERE {REACHED} AND practice = 0"
        ),
        [authority_id],
        |row| Ok(Progress { devices: row.get(0)?, known: row.get(1)? }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::plans;
    use crate::store::tests::memory;

    #[test]
    fn what_is_due_for_a_root_is_found_without_going_through_all_that_know_it() {
        let work = |tx: &Tx| plans::of(tx, || Ok((due(tx, "root", 10)?.len(), next_due(tx, "root")?)));
        let plans = memory().write_blocking(Timestamp::from_seconds(1), work).unwrap();
        assert!(plans.statements.len() == 2 && plans.scans.is_empty(), "{plans:?}");
    }
}
