//! Which versions devices run, day by day.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Day;
use crate::error::Result;
use crate::store::Tx;

/// So many devices ran a version on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CensusRow {
    /// The day, in UTC.
    pub day: String,
    /// The family of systems.
    pub platform: String,
    /// The version as devices say it.
    pub version: String,
    /// How many.
    pub devices: u32,
}

/// Counts the enrolled devices of a day, in the place of what was counted of it before.
pub fn take(tx: &Tx, day: Day) -> Result<()> {
    tx.execute("DELETE FROM os_census WHERE day = ?1", [day.to_string()])?;
    tx.execute(
        "INSERT INTO os_census (day, platform, version, devices)
         SELECT ?1, devices.platform, devices.os_version, count(*) FROM devices
         JOIN enrollments ON enrollments.device_id = devices.id AND enrollments.parent_id IS NULL AND enrollments.state = 'enrolled'
         WHERE devices.deleted_at IS NULL AND devices.os_version <> '' GROUP BY devices.platform, devices.os_version",
        [day.to_string()],
    )
    .map(drop)
}

/// The days from `since` on, by day, platform and version.
pub fn since(tx: &Tx, since: Day) -> Result<Vec<CensusRow>> {
    tx.list(
        "SELECT day, platform, version, devices FROM os_census WHERE day >= ?1 ORDER BY day, platform, version",
        [since.to_string()],
        |row| Ok(CensusRow { day: row.get(0)?, platform: row.get(1)?, version: row.get(2)?, devices: row.get(3)? }),
    )
}

/// Forgets the days before `first`.
pub fn prune(tx: &Tx, first: Day) -> Result<()> {
    tx.execute("DELETE FROM os_census WHERE day < ?1", [first.to_string()]).map(drop)
}
