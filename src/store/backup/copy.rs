//! A copy of the database as it is at one moment, made in small steps while others go on writing.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::Watch;
use crate::error::{Error, Kind, Result};
use crate::store::backups::{DEVICES, ENROLLED};
use crate::store::connection::{Location, page_bytes};

/// Bytes of a step.
const STEP_BYTES: usize = 1 << 20;

/// The rest after a step: at the most 50 MiB are copied in a second, and the disk is others' for most of the time.
const STEP_REST: Duration = Duration::from_millis(20);

/// What the copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// The version of its schema.
    pub(super) schema: i32,
    /// Devices that are not deleted.
    pub(super) devices: u64,
    /// Enrollments of devices that are managed.
    pub(super) enrolled: u64,
}

/// Copies the database to a new file and looks whether the copy is sound.
pub(super) fn copy(location: &Location, to: &Path, watch: &Watch) -> Result<Counts> {
    let source = location.open_reader()?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // Whatever becomes of a copy that is not whole, it is thrown away.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    // One snapshot for all steps: without it every commit of another connection would make the copy begin anew.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    {
        let pages = STEP_BYTES / page_bytes(&source)?;
        let backup = Backup::new(&source, &mut target)?;
        while !matches!(backup.step(pages as i32)?, StepResult::Done) {
            watch.rest(STEP_REST)?;
        }
    }
    source.execute_batch("COMMIT")?;
    drop(source);
    // The copy says of itself that it has a log beside it; it has none, and is to be one file.
    target.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE;")?;
    must_be_sound(&target, watch)?;
    let count = |sql: &str| target.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(Counts {
        schema: target.pragma_query_value(None, "user_version", |row| row.get(0))?,
        devices: count(DEVICES)?,
        enrolled: count(ENROLLED)?,
    })
}

/// A backup of a damaged database would be found out only when it is needed.
fn must_be_sound(copy: &Connection, watch: &Watch) -> Result<()> {
    watch.rest(STEP_REST)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(Error::new(
        Kind::Internal,
        format!(
            "The database is damaged, and no backup was made of it: {found}. Keep the newest backup that is sound, and look at System for what to do."
        ),
    ))
}
