//! How all wanted apps stand together.

use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::app_states::Stage;

/// How many wanted apps are at each stage, each counted on each enrolled device but practice ones. They are counted along an index; those that do not
/// count are few, and are found first.
pub fn totals(tx: &Tx) -> Result<Vec<(Stage, u64)>> {
    let sql = "SELECT stage, count(*) FROM app_states INDEXED BY app_states_wanted WHERE wanted <> ''
                   AND enrollment_id NOT IN (SELECT id FROM enrollments INDEXED BY enrollments_whose WHERE state <> 'enrolled')
                   AND enrollment_id NOT IN (SELECT enrollments.id FROM devices INDEXED BY devices_roster
                       CROSS JOIN enrollments INDEXED BY enrollments_device ON device_id = devices.id WHERE practice AND deleted_at IS NULL)
               GROUP BY stage";
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

/// What devices were found to lack for an app when they were last planned for, with on how many, the most frequent first. Only those that lack something
/// are looked at.
pub fn lacking(tx: &Tx, app_id: &str) -> Result<Vec<(String, u64)>> {
    let sql = "SELECT problem, count(DISTINCT device_id) FROM app_states
               CROSS JOIN enrollments INDEXED BY enrollments_whose ON enrollments.id = enrollment_id
               WHERE app_id = ?1 AND stage = 'lacking' AND wanted <> '' AND state = 'enrolled' GROUP BY problem ORDER BY 2 DESC, problem";
    tx.list(sql, [app_id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
}

/// How many devices, or people, of these groups were found to have no licence of an app when they were last planned for: by the group's place in the
/// list; whoever is in several counts in the first. Only those without one are looked at.
pub fn without_licence(tx: &Tx, app_id: &str, group_ids: &[String]) -> Result<Vec<(usize, u64)>> {
    let groups = serde_json::to_string(group_ids).map_err(|error| Error::internal("ids are JSON", error))?;
    let sql = "SELECT place, count(*) FROM (
                   SELECT min(circles.key) AS place FROM app_states
                   CROSS JOIN enrollments INDEXED BY enrollments_whose ON enrollments.id = enrollment_id
                   CROSS JOIN group_devices USING (device_id) CROSS JOIN json_each(?2) AS circles ON circles.value = group_id
                   WHERE app_id = ?1 AND stage = 'no_licence' AND wanted <> '' AND state = 'enrolled'
                   GROUP BY CASE holder WHEN '' THEN device_id ELSE holder END)
               GROUP BY place ORDER BY place";
    let rows: Vec<(i64, i64)> = tx.list(sql, (app_id, groups), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.into_iter().filter_map(|(place, count)| Some((usize::try_from(place).ok()?, count.unsigned_abs()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::app_states::{self, AppState};
    use crate::store::deployments::Mechanism;
    use crate::store::meetings::tests::device;
    use crate::store::profiles::tests::group;
    use crate::store::{OpenOptions, Store};

    /// Devices with an app, each at a stage, in a group; the last two are practice, or have left.
    const SCHOOL: [(&str, &str, Stage, &str); 8] = [
        ("d1", "g1", Stage::Installed, ""),
        ("d2", "g1", Stage::Lacking, "it has no serial number"),
        ("d3", "g2", Stage::Lacking, "it has no serial number"),
        ("d4", "g2", Stage::Lacking, "nobody owns it"),
        ("d5", "g1", Stage::NoLicence, "device:TESTSN5"),
        ("d6", "g2", Stage::NoLicence, "person:kim"),
        ("d7", "g2", Stage::Installed, ""),
        ("d8", "g1", Stage::NoLicence, ""),
    ];

    #[test]
    fn what_is_counted_along_indices_is_what_the_rows_come_to() {
        let work = |tx: &Tx| {
            group(tx, "g1", "7a", &[])?;
            group(tx, "g2", "7b", &[])?;
            for (id, circle, stage, more) in SCHOOL {
                device(tx, id, id, "18.1", circle)?;
                let is_holder = stage == Stage::NoLicence;
                let row = AppState {
                    wanted: "w".into(),
                    stage,
                    holder: if is_holder { more.into() } else { String::new() },
                    problem: if is_holder { String::new() } else { more.into() },
                    ..AppState::absent("a", Mechanism::Command, tx.now)
                };
                app_states::put(tx, &format!("e-{id}"), &row)?;
            }
            // Whoever is in both groups counts in the first; one more device of the same person counts no second time.
            device(tx, "d9", "d9", "18.1", "g2")?;
            let row = AppState {
                wanted: "w".into(),
                stage: Stage::NoLicence,
                holder: "person:kim".into(),
                ..AppState::absent("a", Mechanism::Command, tx.now)
            };
            app_states::put(tx, "e-d9", &row)?;
            tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES ('g2', 'd5')", [])?;
            tx.execute("UPDATE devices SET practice = 1 WHERE id = 'd7'", [])?;
            tx.execute("UPDATE enrollments SET state = 'left' WHERE device_id = 'd8'", [])?;
            // What is to go is not wanted any more.
            let gone = AppState { stage: Stage::Removing, ..AppState::absent("b", Mechanism::Command, tx.now) };
            app_states::put(tx, "e-d1", &gone)?;
            let totals = totals(tx)?;
            let plain = "SELECT stage, count(*) FROM app_states JOIN enrollments ON enrollments.id = enrollment_id JOIN devices ON devices.id = device_id
                         WHERE wanted <> '' AND state = 'enrolled' AND NOT practice GROUP BY stage";
            let one_by_one: Vec<(Stage, u64)> = tx.list(plain, [], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            assert_eq!(totals, one_by_one);
            assert_eq!(totals, [(Stage::Installed, 1), (Stage::Lacking, 3), (Stage::NoLicence, 3)]);
            assert_eq!(lacking(tx, "a")?, [(String::from("it has no serial number"), 2), (String::from("nobody owns it"), 1)]);
            let groups = ["g1".to_owned(), "g2".to_owned()];
            assert_eq!(without_licence(tx, "a", &groups)?, [(0, 1), (1, 1)]);
            assert_eq!(without_licence(tx, "a", &groups[1..])?, [(0, 2)]);
            Ok(())
        };
        Store::open(OpenOptions::memory()).unwrap().write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap();
    }
}
