//! What came of an intent: how far each enrollment is with what a policy or a declaration makes of it.

use crate::error::Result;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::profiles::{ProfileState, STATE, Standing, WHOSE, standing};

/// One row for each enrollment that has, or is to have, something of an item, with the worst of it: `rank` is 0 where it failed. An enrollment's things
/// are its profiles (`deployments`) and its declarations (`declared`); both name the items that they come from.
fn worst() -> String {
    format!(
        "WITH meant AS (
             SELECT DISTINCT enrollments.id AS enrollment_id FROM assignments JOIN group_devices USING (group_id)
             JOIN enrollments USING (device_id)
             WHERE assignments.kind = ?1 AND item_id = ?2 AND (ends_at IS NULL OR ends_at > ?3) AND enrollments.state = 'enrolled'
         ), things AS (
             SELECT enrollment_id, {STATE} AS state, problem, changed_at FROM meant JOIN deployments USING (enrollment_id)
             WHERE key <> 'declarations' AND wanted <> '' AND instr(origins, ?4) > 0
             UNION ALL
             SELECT enrollment_id,
                    CASE WHEN said.valid = 'invalid' THEN 'failed'
                         WHEN said.valid = 'valid' AND (said.active OR declared.kind IN ('management', 'asset')) THEN 'installed'
                         WHEN said.valid = 'valid' THEN 'waiting'
                         -- Nobody has told the device yet that there are other declarations.
                         WHEN (SELECT {STATE} FROM deployments WHERE deployments.enrollment_id = meant.enrollment_id AND key = 'declarations') = 'waiting'
                         THEN 'waiting'
                         ELSE 'installing' END,
                    CASE WHEN said.valid = 'invalid' THEN 'The device refused it; the device''s page says why.'
                         WHEN said.valid = 'valid' AND NOT said.active AND declared.kind NOT IN ('management', 'asset')
                         THEN 'It is there and not in effect: a condition of it does not hold.' ELSE '' END,
                    NULL
             FROM meant JOIN declared USING (enrollment_id)
             LEFT JOIN declaration_states AS said USING (enrollment_id, identifier, server_token)
             WHERE instr(declared.origins, ?4) > 0
         ), ranked AS (
             SELECT *, CASE state WHEN 'failed' THEN 0 WHEN 'waiting' THEN 1 WHEN 'installing' THEN 2 ELSE 3 END AS rank FROM things
         ), worst AS (
             SELECT enrollment_id, min(rank) AS rank,
                    substr(min(rank || state), 2) AS state, -- of the worst: SQLite takes a bare column from any row
                    coalesce(max(problem) FILTER (WHERE rank = 0), max(problem)) AS problem, max(changed_at) AS changed_at
             FROM ranked GROUP BY enrollment_id
         )"
    )
}

/// An item as the origins of things name it.
fn named(id: &str) -> String {
    format!("\"id\":\"{id}\"")
}

/// How many enrollments are how far with an item; states that none is in are left out.
pub fn counts(tx: &Tx, kind: AssignedKind, id: &str) -> Result<Vec<(ProfileState, u64)>> {
    tx.list(
        &format!("{} SELECT state, count(*) FROM worst GROUP BY state ORDER BY min(rank)", worst()),
        (kind, id, tx.now, named(id)),
        |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

/// How far each enrollment is with an item, at most `limit`: what failed first.
pub fn standings(tx: &Tx, kind: AssignedKind, id: &str, limit: u32) -> Result<Vec<Standing>> {
    let sql = format!(
        "{} SELECT {WHOSE}, worst.state, problem, changed_at
         FROM worst JOIN enrollments ON enrollments.id = enrollment_id JOIN devices ON devices.id = enrollments.device_id
         ORDER BY rank, devices.name, enrollments.id LIMIT ?5",
        worst()
    );
    tx.list(&sql, (kind, id, tx.now, named(id), limit), standing)
}

/// How many devices an item is assigned to now.
pub fn reach(tx: &Tx, kind: AssignedKind, id: &str) -> Result<u64> {
    let count = tx.one(
        "SELECT count(DISTINCT device_id) FROM assignments JOIN group_devices USING (group_id)
         WHERE kind = ?1 AND item_id = ?2 AND (ends_at IS NULL OR ends_at > ?3)",
        (kind, id, tx.now),
        |row| row.get::<_, i64>(0),
    )?;
    Ok(count.unsigned_abs())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Something that an enrollment refused, of this item.
    pub(crate) fn refused(tx: &Tx, enrollment_id: &str, kind: AssignedKind, id: &str) -> Result<()> {
        let origins = format!(r#"[{{"kind":"{kind}",{},"name":"Exam"}}]"#, named(id));
        tx.execute(
            "INSERT INTO deployments (enrollment_id, key, mechanism, wanted, sent, problem, origins, changed_at)
             VALUES (?1, 'profile:of ' || ?2, 'command', 'a', 'a', 'It is malformed.', ?3, ?4)",
            (enrollment_id, id, origins, tx.now),
        )?;
        Ok(())
    }
}
