//! What the person at a device has asked for in the catalogue.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::enrollments::Enrollment;

/// One app that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRequest {
    /// The app.
    pub app_id: String,
    /// When it was last asked for.
    pub asked_at: Timestamp,
    /// How often it was asked for.
    pub times: i64,
    /// When they said that they do not want it any more.
    pub withdrawn_at: Option<Timestamp>,
}

fn request(row: &Row<'_>) -> rusqlite::Result<AppRequest> {
    Ok(AppRequest { app_id: row.get(0)?, asked_at: row.get(1)?, times: row.get(2)?, withdrawn_at: row.get(3)? })
}

/// What an enrollment has asked for since it enrolled.
pub fn of_enrollment(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<AppRequest>> {
    tx.list(
        "SELECT app_id, asked_at, times, withdrawn_at FROM app_requests WHERE enrollment_id = ?1 AND generation = ?2 ORDER BY app_id",
        (&enrollment.id, enrollment.generation),
        request,
    )
}

/// Notes that an app is wanted, once more if it was already.
pub fn ask(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO app_requests (enrollment_id, app_id, generation, asked_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (enrollment_id, app_id) DO UPDATE SET asked_at = excluded.asked_at, withdrawn_at = NULL, generation = excluded.generation,
             times = CASE WHEN generation = excluded.generation THEN times + 1 ELSE 1 END",
        (&enrollment.id, app_id, enrollment.generation, tx.now),
    )?;
    Ok(())
}

/// Notes that an app is not wanted any more; tells whether it was.
pub fn withdraw(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE app_requests SET withdrawn_at = ?4 WHERE enrollment_id = ?1 AND app_id = ?2 AND generation = ?3 AND withdrawn_at IS NULL",
        (&enrollment.id, app_id, enrollment.generation, tx.now),
    )?;
    Ok(changed == 1)
}
