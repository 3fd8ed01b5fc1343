//! Groups of devices, put together by hand or found by a rule, and who is in them.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::people::{DeviceName, device_name};

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
    tx.list(sql!("SELECT {COLUMNS} FROM groups ORDER BY name, id"), [], group)
}

/// The group of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Group>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM groups WHERE id = ?1"), [id], group)
}

/// The group of this name, in whatever case.
pub fn by_name(tx: &Tx, name: &str) -> Result<Option<Group>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM groups WHERE name = ?1"), [name], group)
}

/// Id of the group of this name, in whatever case, and whether it is one by rule; its devices are not counted, which takes long for large groups.
pub fn named(tx: &Tx, name: &str) -> Result<Option<(String, bool)>> {
    tx.optional("SELECT id, rule IS NOT NULL FROM groups WHERE name = ?1", [name], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// One page of groups by name, after the name and id of the last one before.
pub fn list(tx: &Tx, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Group>> {
    let (name, id) = after.unwrap_or(("", ""));
    tx.list(
        sql!("SELECT {COLUMNS} FROM groups WHERE (name, id) > (?1 COLLATE NOCASE, ?2) ORDER BY name, id LIMIT ?3"),
        (name, id, limit),
        group,
    )
}

/// How many groups there are.
pub fn count(tx: &Tx) -> Result<u64> {
    let count: i64 = tx.one("SELECT count(*) FROM groups", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Stores a new group.
pub fn insert(tx: &Tx, group: &Group) -> Result<()> {
    tx.execute(
        "INSERT INTO groups (id, name, note, rule, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&group.id, &group.name, &group.note, &group.rule, group.created_at, group.changed_at),
    )?;
    Ok(())
}

/// Stores a group's name, note and rule, as of now.
pub fn update(tx: &Tx, group: &Group) -> Result<()> {
    tx.execute(
        "UPDATE groups SET name = ?2, note = ?3, rule = ?4, changed_at = ?5 WHERE id = ?1",
        (&group.id, &group.name, &group.note, &group.rule, tx.now),
    )?;
    Ok(())
}

/// Removes a group, and with it who is in it and what is assigned to it.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM groups WHERE id = ?1", [id])? == 1)
}

/// Every group with a rule: id, name, rule.
pub fn rules(tx: &Tx) -> Result<Vec<(String, String, String)>> {
    tx.list("SELECT id, name, rule FROM groups WHERE rule IS NOT NULL ORDER BY id", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// Puts a device into a group; tells whether it was not in it.
pub fn add_device(tx: &Tx, group_id: &str, device_id: &str) -> Result<bool> {
    Ok(tx.execute("INSERT OR IGNORE INTO group_devices (group_id, device_id) VALUES (?1, ?2)", (group_id, device_id))? == 1)
}

/// Takes a device out of a group; tells whether it was in it.
pub fn remove_device(tx: &Tx, group_id: &str, device_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM group_devices WHERE group_id = ?1 AND device_id = ?2", (group_id, device_id))? == 1)
}

/// Takes a device out of every group.
pub fn remove_from_all(tx: &Tx, device_id: &str) -> Result<usize> {
    tx.execute("DELETE FROM group_devices WHERE device_id = ?1", [device_id])
}

/// Ids of the devices of a group.
pub fn device_ids(tx: &Tx, group_id: &str) -> Result<Vec<String>> {
    tx.list("SELECT device_id FROM group_devices WHERE group_id = ?1 ORDER BY device_id", [group_id], |row| row.get(0))
}

/// One page of a group's devices by name, after the name (in lower case) and id of the last one before. All are gone through, each by what the index
/// of the roster has of it; deleted ones are in no group.
pub fn devices(tx: &Tx, group_id: &str, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<DeviceName>> {
    let (name, id) = after.unwrap_or(("", ""));
    tx.list(
        "SELECT id, name, serial_number FROM group_devices CROSS JOIN devices INDEXED BY devices_roster ON devices.id = device_id AND deleted_at IS NULL
         WHERE group_id = ?1 AND (lower(name), id) > (?2, ?3) ORDER BY lower(name), id LIMIT ?4",
        (group_id, name, id, limit),
        device_name,
    )
}

/// What a page of devices is ordered by.
pub fn sort_key(device: &DeviceName) -> (String, String) {
    (device.name.to_ascii_lowercase(), device.id.clone())
}

/// A group, as far as lists beside devices name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether a rule finds its devices.
    pub is_by_rule: bool,
}

/// The groups that a device is in, by name.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Vec<GroupName>> {
    tx.list(
        "SELECT groups.id, name, rule IS NOT NULL FROM group_devices JOIN groups ON groups.id = group_id WHERE device_id = ?1 ORDER BY name, groups.id",
        [device_id],
        |row| Ok(GroupName { id: row.get(0)?, name: row.get(1)?, is_by_rule: row.get(2)? }),
    )
}

/// Something that is assigned to a group: what sort of thing, its id, its name, and when that ends.
pub type AssignedName = (AssignedKind, String, String, Option<Timestamp>);

/// What is assigned to a group.
pub fn assigned(tx: &Tx, group_id: &str) -> Result<Vec<AssignedName>> {
    tx.list(
        "SELECT kind, item_id, coalesce(
                    (SELECT name FROM profiles WHERE kind = 'profile' AND profiles.id = item_id),
                    (SELECT name FROM policies WHERE kind = 'policy' AND policies.id = item_id),
                    (SELECT name FROM declarations WHERE assignments.kind = 'declaration' AND declarations.id = item_id),
                    (SELECT name FROM apps WHERE assignments.kind = 'app' AND apps.id = item_id),
                    (SELECT name FROM provisioning_profiles WHERE assignments.kind = 'provisioning' AND provisioning_profiles.id = item_id), ''), ends_at
         FROM assignments WHERE group_id = ?1
         UNION ALL SELECT 'update', update_plans.id, update_plans.name, NULL FROM update_plans
         WHERE update_plans.id IN (SELECT plan_id FROM update_rings WHERE group_id = ?1)
         ORDER BY 1, 3 COLLATE NOCASE, 2",
        [group_id],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )
}

/// Devices in view with this serial number, or failing that with this name, whatever the case: two at the most, which is one too many.
pub fn devices_named(tx: &Tx, name: &str) -> Result<Vec<String>> {
    let by = |column: &str| format!("SELECT id FROM devices WHERE {column} = ?1 COLLATE NOCASE AND deleted_at IS NULL LIMIT 2");
    let by_serial: Vec<String> = tx.list(&by("serial_number"), [name], |row| row.get(0))?;
    if by_serial.is_empty() { tx.list(&by("name"), [name], |row| row.get(0)) } else { Ok(by_serial) }
}
