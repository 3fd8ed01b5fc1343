//! What became of jobs at their last turns, and when someone wants one to run.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::{Bell, Tx};

/// A job's last turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// When it is to run by someone's wish, or by its own plan.
    pub due_at: Option<Timestamp>,
    /// When it last began.
    pub started_at: Option<Timestamp>,
    /// When it last ended.
    pub finished_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: i64,
    /// What came of it, in words.
    pub result: String,
}

/// A job's last turn; a job that never ran has an empty one.
pub fn turn(tx: &Tx, name: &str) -> Result<Turn> {
    let turn = tx.optional("SELECT due_at, started_at, finished_at, failures, result FROM jobs WHERE name = ?1", [name], |row| {
        Ok(Turn { due_at: row.get(0)?, started_at: row.get(1)?, finished_at: row.get(2)?, failures: row.get(3)?, result: row.get(4)? })
    })?;
    Ok(turn.unwrap_or_default())
}

/// Sets when a job is to run; the loop wakes up for it.
pub fn set_due(tx: &Tx, name: &str, due_at: Option<Timestamp>) -> Result<()> {
    tx.execute(
        "INSERT INTO jobs (name, due_at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at",
        (name, due_at),
    )?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// Forgets failures, so that the job need not cool down: somebody has done something about them.
pub fn forgive(tx: &Tx, name: &str) -> Result<()> {
    tx.execute("UPDATE jobs SET failures = 0 WHERE name = ?1", [name]).map(drop)
}

/// Notes that a job ended, with what came of it and when its plan wants it again.
pub fn finish(tx: &Tx, name: &str, started_at: Timestamp, outcome: Result<&str, &str>, due_at: Option<Timestamp>) -> Result<()> {
    let (result, failed) = match outcome {
        Ok(result) => (result, false),
        Err(failure) => (failure, true),
    };
    tx.execute(
        "INSERT INTO jobs (name, due_at, started_at, finished_at, failures, result) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at, started_at = excluded.started_at, finished_at = excluded.finished_at,
                failures = CASE WHEN excluded.failures = 0 THEN 0 ELSE jobs.failures + 1 END, result = excluded.result",
        (name, due_at, started_at, tx.now, i64::from(failed), result),
    )?;
    Ok(())
}
