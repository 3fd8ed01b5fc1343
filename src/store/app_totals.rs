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

/// How many licences of an app are held for devices on which the person declined it, and which do not have it; one of a person counts once.
pub fn declined_with_licence(tx: &Tx, app_id: &str) -> Result<u64> {
    // A holder is `device:<serial number>` or `person:<id>`; the ledger has serial numbers in capitals.
    let sql =
        "SELECT count(DISTINCT declined.holder) FROM app_states AS declined JOIN enrollments ON enrollments.id = declined.enrollment_id
               WHERE declined.app_id = ?1 AND declined.stage = ?2 AND declined.seen = '' AND enrollments.state = 'enrolled' AND EXISTS
                   (SELECT 1 FROM licences WHERE licences.adam_id = declined.adam_id AND licences.stage = 'held'
                    AND licences.holder_kind = substr(declined.holder, 1, 6)
                    AND licences.holder IN (substr(declined.holder, 8), upper(substr(declined.holder, 8))))";
    tx.one(sql, (app_id, Stage::Declined), |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
