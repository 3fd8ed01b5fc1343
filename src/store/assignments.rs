//! What is wanted on the devices of which group.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// What can be assigned to a group.
    pub enum AssignedKind {
        /// An uploaded profile.
        Profile = "profile",
        /// A policy made of guided switches.
        Policy = "policy",
        /// A declaration that an admin wrote.
        Declaration = "declaration",
        /// An app.
        App = "app",
        /// A provisioning profile.
        Provisioning = "provisioning",
        /// An update plan; its groups are kept with its rings.
        Update = "update",
        /// A focus of a class; its devices are kept with it.
        Focus = "focus",
    }
}

words! {
    /// How strongly a thing is wanted; only apps are ever optional.
    pub enum AssignedMode {
        /// It is to be there.
        Required = "required",
        /// It is there when the person asks for it.
        Optional = "optional",
    }
}

/// One thing that is wanted on the devices of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub id: String,
    /// What sort of thing.
    pub kind: AssignedKind,
    /// Which one.
    pub item_id: String,
    /// Whose devices.
    pub group_id: String,
    /// When it ends by itself, on the device too.
    pub ends_at: Option<Timestamp>,
    /// How strongly.
    pub mode: AssignedMode,
    /// Who assigned it, for people.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "assignments.id, kind, item_id, assignments.group_id, ends_at, mode, created_by, assignments.created_at";

fn assignment(row: &Row<'_>) -> rusqlite::Result<Assignment> {
    Ok(Assignment {
        id: row.get(0)?,
        kind: row.get(1)?,
        item_id: row.get(2)?,
        group_id: row.get(3)?,
        ends_at: row.get(4)?,
        mode: row.get(5)?,
        created_by: row.get(6)?,
        created_at: row.get(7)?,
    })
}

/// Assigns; when the same thing is assigned to the group already, only its end and its mode change. Where that has ended, it is a new assignment.
pub fn put(tx: &Tx, assignment: &Assignment) -> Result<()> {
    tx.execute(
        "INSERT INTO assignments (id, kind, item_id, group_id, ends_at, mode, created_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (kind, item_id, group_id) DO UPDATE SET ends_at = excluded.ends_at, mode = excluded.mode,
             created_by = iif(assignments.ends_at <= excluded.created_at, excluded.created_by, assignments.created_by),
             created_at = iif(assignments.ends_at <= excluded.created_at, excluded.created_at, assignments.created_at)",
        (
            &assignment.id,
            assignment.kind,
            &assignment.item_id,
            &assignment.group_id,
            assignment.ends_at,
            assignment.mode,
            &assignment.created_by,
            assignment.created_at,
        ),
    )?;
    Ok(())
}

/// Takes an assignment back; tells whether there was one.
pub fn remove(tx: &Tx, kind: AssignedKind, item_id: &str, group_id: &str) -> Result<bool> {
    let removed = tx.execute("DELETE FROM assignments WHERE kind = ?1 AND item_id = ?2 AND group_id = ?3", (kind, item_id, group_id))?;
    Ok(removed == 1)
}

/// Takes back every assignment of a thing that is deleted.
pub fn remove_item(tx: &Tx, kind: AssignedKind, item_id: &str) -> Result<usize> {
    tx.execute("DELETE FROM assignments WHERE kind = ?1 AND item_id = ?2", (kind, item_id))
}

/// Where a thing is assigned.
pub fn of_item(tx: &Tx, kind: AssignedKind, item_id: &str) -> Result<Vec<Assignment>> {
    tx.list(sql!("SELECT {COLUMNS} FROM assignments WHERE kind = ?1 AND item_id = ?2 ORDER BY created_at, id"), (kind, item_id), assignment)
}

/// What of this kind is assigned to any group now, each once.
pub fn open_items(tx: &Tx, kind: AssignedKind) -> Result<Vec<String>> {
    tx.list(
        "SELECT DISTINCT item_id FROM assignments WHERE kind = ?1 AND (ends_at IS NULL OR ends_at > ?2) ORDER BY item_id",
        (kind, tx.now),
        |row| row.get(0),
    )
}

/// What is assigned to a group.
pub fn of_group(tx: &Tx, group_id: &str) -> Result<Vec<Assignment>> {
    tx.list(sql!("SELECT {COLUMNS} FROM assignments WHERE group_id = ?1 ORDER BY kind, created_at, id"), [group_id], assignment)
}

/// What is wanted on a device by the groups it is in: what has ended is left out.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Vec<Assignment>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM group_devices JOIN assignments USING (group_id)
             WHERE device_id = ?1 AND (ends_at IS NULL OR ends_at > ?2) ORDER BY kind, item_id, assignments.group_id"
        ),
        (device_id, tx.now),
        assignment,
    )
}

/// The groups that a device is in, by id.
pub fn groups_of_device(tx: &Tx, device_id: &str) -> Result<Vec<String>> {
    tx.list("SELECT group_id FROM group_devices WHERE device_id = ?1", [device_id], |row| row.get(0))
}

/// The devices that are in a group, by id.
pub fn devices_of_group(tx: &Tx, group_id: &str) -> Result<Vec<String>> {
    tx.list("SELECT device_id FROM group_devices WHERE group_id = ?1 ORDER BY device_id", [group_id], |row| row.get(0))
}

/// Devices of a group that are alike in what decides whether they can have a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// Their platform.
    pub platform: Platform,
    /// Their system's version; empty where they have not said it.
    pub os_version: String,
    /// Whether the app is assigned to them.
    pub is_wanted: bool,
}

/// The sorts of devices in a group, as an app meets them.
pub fn sorts_in_group(tx: &Tx, group_id: &str, app_id: &str) -> Result<Vec<Sort>> {
    tx.list(
        "SELECT DISTINCT platform, os_version,
                EXISTS (SELECT 1 FROM assignments JOIN group_devices AS others USING (group_id)
                        WHERE kind = 'app' AND item_id = ?2 AND others.device_id = devices.id AND (ends_at IS NULL OR ends_at > ?3))
         FROM group_devices JOIN devices ON devices.id = device_id WHERE group_devices.group_id = ?1 ORDER BY 1, 2, 3",
        (group_id, app_id, tx.now),
        |row| Ok(Sort { platform: row.get(0)?, os_version: row.get(1)?, is_wanted: row.get(2)? }),
    )
}
