//! How all wanted apps stand together.

use crate::error::Result;
use crate::store::Tx;
use crate::store::app_states::Stage;

/// How many wanted apps are at each stage, each counted on each enrolled device but practice ones.
pub fn totals(tx: &Tx) -> Result<Vec<(Stage, u64)>> {
    let sql = "SELECT stage, count(*) FROM app_states JOIN enrollments ON enrollments.id = enrollment_id
               JOIN devices ON devices.id = device_id WHERE wanted <> '' AND state = 'enrolled' AND NOT practice GROUP BY stage";
    tx.list(sql, [], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
}
