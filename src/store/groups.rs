//! Groups of devices, put together by hand or found by a rule, and who is in them.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name, which no other has in whatever case.
    pub name: String,
    /// What it is for, for people.
    pub note: String,
    /// The rule that finds its devices, as JSON; none where they are put in by hand.
    pub rule: Option<String>,
    /// Whether a rule finds its devices.
    pub is_by_rule: bool,
    /// How many devices are in it now.
    pub device_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, note or rule changed last.
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "groups.id, groups.name, groups.note, groups.rule, groups.created_at, groups.changed_at, \
     (SELECT count(*) FROM group_devices WHERE group_id = groups.id)";

fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    let rule: Option<String> = row.get(3)?;
    Ok(Group {
        id: row.get(0)?,
        name: row.get(1)?,
        note: row.get(2)?,
        is_by_rule: rule.is_some(),
        rule,
        device_count: row.get::<_, i64>(6)?.unsigned_abs(),
        created_at: row.get(4)?,
        changed_at: row.get(5)?,
    })
}

/// Every group by name.
pub fn all(tx: &Tx) -> Result<Vec<Group>> {
    tx.list(&format!("SELECT {COLUMNS} FROM groups ORDER BY name, id"), [], group)
}
