//! What came of an intent: how far each enrollment is with what a policy or a declaration makes of it.

use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::profiles::{ProfileState, STATE, Standing, WHOSE, standing};

/// The states in the order of lists: what failed comes first. A rank is a place in it.
const STATES: [ProfileState; 4] = [ProfileState::Failed, ProfileState::Waiting, ProfileState::Installing, ProfileState::Installed];

/// The place in [`STATES`] of a state that is a word.
fn rank_of(state: &str) -> String {
    format!("CASE {state} WHEN 'failed' THEN 0 WHEN 'waiting' THEN 1 WHEN 'installing' THEN 2 ELSE 3 END")
}

/// The rank of a declaration: a row of `declared` with what is `said` of it. It waits where nobody has told the device yet that there are others.
fn of_declaration() -> String {
    format!(
        "CASE WHEN said.valid = 'invalid' THEN 0
              WHEN said.valid = 'valid' AND (said.active OR declared.kind IN ('management', 'asset')) THEN 3
              WHEN said.valid = 'valid' THEN 1
              WHEN (SELECT {STATE} FROM deployments WHERE deployments.enrollment_id = declared.enrollment_id AND key = 'declarations') = 'waiting' THEN 1
              ELSE 2 END"
    )
}

/// The devices that an item is assigned to.
const MEANT: &str = "SELECT device_id FROM assignments JOIN group_devices USING (group_id)
     WHERE assignments.kind = ?1 AND item_id = ?2 AND (ends_at IS NULL OR ends_at > ?3)";

/// What there is of an item, a row for each thing of an enrollment: its profiles (`deployments`) and its declarations (`declared`); both name the items
/// that they come from. Of those in the table `whose`; else of all.
fn things(whose: &str) -> String {
    let of = if whose.is_empty() { String::new() } else { format!("{whose} CROSS JOIN ") };
    let using = if whose.is_empty() { "" } else { "USING (enrollment_id)" };
    format!(
        "SELECT enrollment_id, {of_profile} AS rank, problem, changed_at FROM {of} deployments {using}
         WHERE key <> 'declarations' AND wanted <> '' AND instr(origins, ?4) > 0
         UNION ALL
         SELECT declared.enrollment_id, {of_declaration},
                CASE WHEN said.valid = 'invalid' THEN 'The device refused it; the device''s page says why.'
                     WHEN said.valid = 'valid' AND NOT said.active AND declared.kind NOT IN ('management', 'asset')
                     THEN 'It is there and not in effect: a condition of it does not hold.' ELSE '' END,
                NULL
         FROM {of} declared {using} LEFT JOIN declaration_states AS said
             ON said.enrollment_id = declared.enrollment_id AND said.identifier = declared.identifier AND said.server_token = declared.server_token
         WHERE instr(declared.origins, ?4) > 0",
        of_profile = rank_of(STATE),
        of_declaration = of_declaration(),
    )
}

/// One row for each enrollment that has, or is to have, something of an item, with the worst of it.
///
/// What is for many devices is found in one walk along all things, which is far quicker than to look each device up; what is for few is looked up.
fn worst(is_for_many: bool) -> String {
    let (meant, whose) = if is_for_many {
        (String::new(), "")
    } else {
        let of = "SELECT enrollments.id AS enrollment_id FROM enrollments WHERE state = 'enrolled' AND device_id IN";
        (format!("meant AS MATERIALIZED ({of} ({MEANT})),"), "meant")
    };
    format!(
        "WITH {meant} things AS ({things}),
         worst AS (SELECT enrollment_id, device_id, rank FROM (SELECT enrollment_id, min(rank) AS rank FROM things GROUP BY enrollment_id)
             CROSS JOIN enrollments INDEXED BY enrollments_whose ON enrollments.id = enrollment_id AND state = 'enrolled' AND +device_id IN ({MEANT}))",
        things = things(whose)
    )
}

/// Whether an item is for more than a quarter of all.
fn is_for_many(tx: &Tx, kind: AssignedKind, id: &str) -> Result<bool> {
    let sql =
        "SELECT (SELECT count(*) FROM assignments JOIN group_devices USING (group_id) WHERE assignments.kind = ?1 AND item_id = ?2) * 4
                   > (SELECT count(*) FROM plans)";
    tx.one(sql, (kind, id), |row| row.get(0))
}

/// An item as the origins of things name it.
fn named(id: &str) -> String {
    format!("\"id\":\"{id}\"")
}

fn state_of(rank: i64) -> Result<ProfileState> {
    let state = usize::try_from(rank).ok().and_then(|rank| STATES.get(rank)).copied();
    state.ok_or_else(|| Error::internal("ranks are places of states", format!("{rank} is none")))
}

/// How many enrollments are how far with an item; states that none is in are left out.
pub fn counts(tx: &Tx, kind: AssignedKind, id: &str) -> Result<Vec<(ProfileState, u64)>> {
    let sql = format!("{} SELECT rank, count(*) FROM worst GROUP BY rank ORDER BY rank", worst(is_for_many(tx, kind, id)?));
    let counts: Vec<(i64, i64)> = tx.list(&sql, (kind, id, tx.now, named(id)), |row| Ok((row.get(0)?, row.get(1)?)))?;
    counts.into_iter().map(|(rank, count)| Ok((state_of(rank)?, count.unsigned_abs()))).collect()
}

/// A part of the enrollments that have, or are to have, something of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How many of all are how far, as [`counts`] tells.
    pub counts: Vec<(ProfileState, u64)>,
    /// Those of the part.
    pub rows: Vec<Standing>,
}

/// At most `limit` enrollments with how far each is with an item, without the first `from`: what failed first, then by name; only those in a state, where
/// one is named.
pub fn part(tx: &Tx, kind: AssignedKind, id: &str, state: Option<ProfileState>, (from, limit): (usize, usize)) -> Result<Part> {
    let sql = format!(
        "{} SELECT rank, devices.name, enrollment_id FROM worst CROSS JOIN devices INDEXED BY devices_roster ON devices.id = device_id AND deleted_at IS NULL",
        worst(is_for_many(tx, kind, id)?)
    );
    let mut all: Vec<(i64, String, String)> =
        tx.list(&sql, (kind, id, tx.now, named(id)), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut counts = Vec::new();
    for (rank, state) in (0..).zip(STATES) {
        let count = all.iter().filter(|(known, _, _)| *known == rank).count() as u64;
        counts.extend((count > 0).then_some((state, count)));
    }
    if let Some(state) = state {
        let rank = (0..).zip(STATES).find(|(_, known)| *known == state).map(|(rank, _)| rank);
        all.retain(|(known, _, _)| Some(*known) == rank);
    }
    all.sort_unstable();
    let ids: Vec<String> = all.into_iter().skip(from).take(limit).map(|(_, _, enrollment)| enrollment).collect();
    Ok(Part { counts, rows: told(tx, id, &ids)? })
}

/// Everything that a list tells of these enrollments, in their order.
fn told(tx: &Tx, id: &str, enrollments: &[String]) -> Result<Vec<Standing>> {
    if enrollments.is_empty() {
        return Ok(Vec::new());
    }
    let ids = serde_json::to_string(enrollments).map_err(|error| Error::internal("ids are JSON", error))?;
    // Of the worst, where there is one that failed: SQLite takes a bare column from any row.
    let sql = format!(
        "WITH part AS MATERIALIZED (SELECT key AS place, value AS enrollment_id FROM json_each(?1)), things AS ({things}),
         worst AS (SELECT enrollment_id, min(rank) AS rank, coalesce(max(problem) FILTER (WHERE rank = 0), max(problem)) AS problem,
                          max(changed_at) AS changed_at FROM things GROUP BY enrollment_id)
         SELECT {WHOSE}, CASE rank WHEN 0 THEN 'failed' WHEN 1 THEN 'waiting' WHEN 2 THEN 'installing' ELSE 'installed' END, problem, worst.changed_at
         FROM part CROSS JOIN worst ON worst.enrollment_id = part.enrollment_id CROSS JOIN enrollments ON enrollments.id = part.enrollment_id
         CROSS JOIN devices ON devices.id = enrollments.device_id ORDER BY place",
        things = things("part").replace("?4", "?2")
    );
    tx.list(&sql, (ids, named(id)), standing)
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
pub(crate) mod tests;
