//! Policies: which guided switches are on, under which name.

use rusqlite::Row;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};

/// A policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Our id for it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// The switches that are on, by id, each with its value.
    pub settings: Map<String, Value>,
    /// Counts its changes.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "id, name, note, settings, revision, created_at, changed_at";

fn policy(row: &Row<'_>) -> rusqlite::Result<Policy> {
    let settings: String = row.get(3)?;
    Ok(Policy {
        id: row.get(0)?,
        name: row.get(1)?,
        note: row.get(2)?,
        settings: serde_json::from_str(&settings).unwrap_or_default(),
        revision: row.get(4)?,
        created_at: row.get(5)?,
        changed_at: row.get(6)?,
    })
}

fn text(settings: &Map<String, Value>) -> Result<String> {
    serde_json::to_string(settings).map_err(|error| Error::internal("settings are JSON", error))
}

/// Stores a new policy.
pub fn insert(tx: &Tx, policy: &Policy) -> Result<()> {
    tx.execute(
        "INSERT INTO policies (id, name, note, settings, revision, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&policy.id, &policy.name, &policy.note, text(&policy.settings)?, policy.revision, policy.created_at, policy.changed_at),
    )?;
    Ok(())
}

/// Stores what a policy has become.
pub fn update(tx: &Tx, policy: &Policy) -> Result<()> {
    tx.execute(
        "UPDATE policies SET name = ?2, note = ?3, settings = ?4, revision = ?5, changed_at = ?6 WHERE id = ?1",
        (&policy.id, &policy.name, &policy.note, text(&policy.settings)?, policy.revision, policy.changed_at),
    )?;
    Ok(())
}

/// Deletes a policy; tells whether there was one.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM policies WHERE id = ?1", [id])? == 1)
}

/// The policy of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Policy>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM policies WHERE id = ?1"), [id], policy)
}

/// The policy of this name, whatever its upper and lower case.
pub fn by_name(tx: &Tx, name: &str) -> Result<Option<Policy>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM policies WHERE name = ?1"), [name], policy)
}

/// Policies by name, from behind `after`.
pub fn list(tx: &Tx, after: Option<&str>, limit: u32) -> Result<Vec<Policy>> {
    tx.list(sql!("SELECT {COLUMNS} FROM policies WHERE (?1 IS NULL OR name > ?1) ORDER BY name LIMIT ?2"), (after, limit), policy)
}

/// How many policies there are.
pub fn count(tx: &Tx) -> Result<i64> {
    tx.one("SELECT count(*) FROM policies", [], |row| row.get(0))
}

/// A group that a policy is assigned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedGroup {
    /// The group.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many devices are in it.
    pub devices: i64,
    /// When the assignment ends by itself.
    pub ends_at: Option<Timestamp>,
}

/// The groups that a policy is assigned to, by name.
pub fn groups(tx: &Tx, policy_id: &str) -> Result<Vec<AssignedGroup>> {
    tx.list(
        "SELECT groups.id, groups.name, (SELECT count(*) FROM group_devices WHERE group_devices.group_id = groups.id), ends_at
         FROM assignments JOIN groups ON groups.id = assignments.group_id WHERE kind = ?1 AND item_id = ?2 ORDER BY groups.name",
        (AssignedKind::Policy, policy_id),
        |row| Ok(AssignedGroup { id: row.get(0)?, name: row.get(1)?, devices: row.get(2)?, ends_at: row.get(3)? }),
    )
}

/// Some of the devices that a policy is assigned to now, by name: id and name, or serial number where there is no name.
pub fn devices(tx: &Tx, policy_id: &str, limit: u32) -> Result<Vec<(String, String)>> {
    tx.list(
        "SELECT DISTINCT devices.id, coalesce(nullif(devices.name, ''), devices.serial_number, devices.id) AS called
         FROM assignments CROSS JOIN group_devices ON group_devices.group_id = assignments.group_id
         CROSS JOIN devices INDEXED BY devices_roster ON devices.id = group_devices.device_id AND deleted_at IS NULL
         WHERE kind = ?1 AND item_id = ?2 AND (ends_at IS NULL OR ends_at > ?4)
         ORDER BY called, devices.id LIMIT ?3",
        (AssignedKind::Policy, policy_id, limit, tx.now),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Whether there is a group of this id.
pub fn is_group(tx: &Tx, group_id: &str) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM groups WHERE id = ?1)", [group_id], |row| row.get(0))
}

/// The policies behind assignments, each once, in the order of their names; what was deleted is left out.
pub fn of_assignments(tx: &Tx, assignments: &[Assignment]) -> Result<Vec<Policy>> {
    let mut found: Vec<Policy> = Vec::new();
    for assignment in assignments.iter().filter(|assignment| assignment.kind == AssignedKind::Policy) {
        if found.iter().all(|policy| policy.id != assignment.item_id)
            && let Some(policy) = by_id(tx, &assignment.item_id)?
        {
            found.push(policy);
        }
    }
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A group without devices.
    pub(crate) fn group(tx: &Tx, id: &str, name: &str) -> Result<()> {
        tx.execute("INSERT INTO groups (id, name, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)", (id, name, tx.now)).map(drop)
    }

    /// The newest moment at which an enrollment was to be planned for; 0 if none is.
    pub(crate) fn due(tx: &Tx) -> Result<i64> {
        tx.one("SELECT coalesce(max(due_at), 0) FROM plans", [], |row| row.get(0))
    }

    /// Puts a device into a group.
    pub(crate) fn put_in(tx: &Tx, group_id: &str, device_id: &str) -> Result<()> {
        tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES (?1, ?2)", (group_id, device_id)).map(drop)
    }
}
