//! How SQLite would go about the statements that a piece of work makes: for tests that none of them looks through a large table.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::error::Result;
use crate::store::Tx;

thread_local! {
    /// The statements that this thread has made since a test asked for them.
    static SAID: RefCell<Option<BTreeSet<String>>> = const { RefCell::new(None) };
}

/// Tables with a few dozen rows at the most, whatever happens.
const SMALL: [&str; 17] = [
    "ade_servers",
    "ade_profiles",
    "ade_defaults",
    "beta_lists",
    "beta_programs",
    "content_tokens",
    "settings",
    "authorities",
    "push_certificates",
    "webhooks",
    "jobs",
    "alerts",
    "admins",
    "sessions",
    "groups",
    "numbers",
    "CONSTANT",
];

/// Look-ups that give everything which one device has ever had, or all devices have of one thing.
const WIDE: [&str; 6] = [
    "commands_uuid (enrollment_id=?)",
    "reports_enrollment (enrollment_id=?)",
    "events_device (device_id=?)",
    "events_kind (kind=?)",
    "known_roots USING PRIMARY KEY (authority_id=?)",
    "access_standings USING PRIMARY KEY (app_id=?)",
];

/// Notes a statement, if anybody wants to know.
pub(in crate::store) fn note(sql: &str) {
    SAID.with_borrow_mut(|said| said.as_mut().map(|said| said.insert(sql.to_owned())));
}

/// What [`of`] has found.
#[derive(Debug)]
pub(crate) struct Plans {
    /// The statements that were made, each once.
    pub(crate) statements: BTreeSet<String>,
    /// The steps that look through a large table from one end to the other, each with its statement.
    pub(crate) scans: Vec<String>,
    /// Every step of them.
    pub(crate) steps: Vec<String>,
}

/// Does `work` and looks how its statements are carried out.
pub(crate) fn of<T>(tx: &Tx, work: impl FnOnce() -> Result<T>) -> Result<Plans> {
    SAID.set(Some(BTreeSet::new()));
    let outcome = work();
    let statements = SAID.take().unwrap_or_default();
    outcome?;
    let (mut scans, mut all) = (Vec::new(), Vec::new());
    for sql in &statements {
        let steps = steps(tx, sql)?;
        scans.extend(steps.iter().filter(|step| is_scan(step)).map(|step| format!("{step}: {sql}")));
        all.extend(steps);
    }
    Ok(Plans { statements, scans, steps: all })
}

fn is_scan(step: &str) -> bool {
    if WIDE.iter().any(|wide| step.ends_with(wide)) {
        return true;
    }
    let Some(table) = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()) else { return false };
    !table.starts_with('(') && !SMALL.contains(&table)
}

/// The steps of a statement's plan; its parameters need no values.
fn steps(tx: &Tx, sql: &str) -> Result<Vec<String>> {
    let mut statement = tx.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::tests::memory;

    #[test]
    fn a_look_through_a_table_is_seen_and_a_look_up_is_not() {
        let plans = memory().write_blocking(Timestamp::from_seconds(1), |tx| {
            of(tx, || {
                tx.list("SELECT seq FROM events AS happened WHERE data = ?1", ["x"], |row| row.get::<_, i64>(0))?;
                tx.list("SELECT at FROM events WHERE device_id = ?1", ["x"], |row| row.get::<_, i64>(0))?;
                tx.list("SELECT seq FROM events WHERE seq = ?1", [1], |row| row.get::<_, i64>(0))
            })
        });
        let plans = plans.unwrap();
        assert_eq!((plans.statements.len(), plans.scans.len()), (3, 2), "{plans:?}");
        assert!(plans.scans.iter().any(|scan| scan.starts_with("SCAN happened")), "{plans:?}");
        assert!(plans.scans.iter().any(|scan| scan.contains("events_device (device_id=?)")), "{plans:?}");
    }
}
