//! Figures of one moment for monitors: what is enrolled, what waits, what ends, what runs by itself.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::ends::{self, End, Sort};
use crate::mdm::jobs::{self, Standing};
use crate::mdm::{Actor, Right, backups};
use crate::store::{Tx, alerts, figures};

/// Alerts from this harm on are problems, others will become some.
pub const PROBLEM_FROM: i64 = 80;

/// The figures.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Enrolled devices by platform, practice ones left out.
    pub enrolled: Vec<(String, u64)>,
    /// Commands in the queue by state.
    pub open_commands: Vec<(String, u64)>,
    /// Enrollments that are to be pushed.
    pub pushes_due: u64,
    /// Certificates and tokens that end.
    pub ends: Vec<End>,
    /// What runs by itself.
    pub jobs: Vec<Standing>,
    /// The last backup, that is in all its places or that somebody took, and its size in bytes.
    pub backup: Option<(Timestamp, u64)>,
    /// When a backup was last restored for trial, and whether it was sound.
    pub backup_tested: Option<(Timestamp, bool)>,
    /// Alerts that are problems, and others.
    pub alerts: (u64, u64),
    /// Bytes of the database, and those of them that are free.
    pub database_bytes: (u64, u64),
}

/// Reads them; `own_tls` says that the listeners' certificate is had by ourselves. Slow with many devices: it takes some ten milliseconds for each ten thousand.
pub fn read(tx: &Tx, actor: &Actor, own_tls: bool) -> Result<Figures> {
    actor.require(Right::View)?;
    let raised = alerts::all(tx)?;
    let problems = raised.iter().filter(|alert| alert.harm >= PROBLEM_FROM).count();
    let backups = backups::standing(tx, actor)?;
    Ok(Figures {
        enrolled: figures::enrolled(tx)?,
        open_commands: figures::open_commands(tx)?,
        pushes_due: figures::pushes_due(tx)?,
        ends: ends::all(tx, own_tls)?.into_iter().filter(|end| end.sort == Sort::Proof).collect(),
        jobs: jobs::list(tx, actor)?,
        backup: backups.last.map(|last| (last.made_at, last.size_bytes)),
        backup_tested: backups.last_test.map(|test| (test.at, test.problem.is_empty())),
        alerts: (problems as u64, (raised.len() - problems) as u64),
        database_bytes: figures::database_bytes(tx)?,
    })
}
