//! Update plans: what is intended, the groups of their rings, and the devices that they leave alone.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// A plan; what it says is read where it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Our id for it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// What it says, JSON; the groups of its rings are kept apart.
    pub rules: String,
    /// When nothing more was begun.
    pub stopped_at: Option<Timestamp>,
    /// Why, a sentence without a full stop.
    pub stopped_because: String,
    /// Counts its changes.
    pub revision: i64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "id, name, note, rules, stopped_at, stopped_because, revision, created_by, created_at, changed_at";

fn plan(row: &Row<'_>) -> rusqlite::Result<Plan> {
    Ok(Plan {
        id: row.get("id")?,
        name: row.get("name")?,
        note: row.get("note")?,
        rules: row.get("rules")?,
        stopped_at: row.get("stopped_at")?,
        stopped_because: row.get("stopped_because")?,
        revision: row.get("revision")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        changed_at: row.get("changed_at")?,
    })
}

/// Stores a plan, new or changed, with the groups of its rings.
pub fn put(tx: &Tx, plan: &Plan, rings: &[Vec<String>]) -> Result<()> {
    tx.execute(
        "INSERT INTO update_plans (id, name, note, rules, stopped_at, stopped_because, revision, created_by, created_at, changed_at)
         VALUES (:id, :name, :note, :rules, :stopped_at, :stopped_because, :revision, :created_by, :created_at, :changed_at)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, note = excluded.note, rules = excluded.rules, stopped_at = excluded.stopped_at,
             stopped_because = excluded.stopped_because, revision = excluded.revision, changed_at = excluded.changed_at",
        named_params! {
            ":id": plan.id, ":name": plan.name, ":note": plan.note, ":rules": plan.rules, ":stopped_at": plan.stopped_at,
            ":stopped_because": plan.stopped_because, ":revision": plan.revision, ":created_by": plan.created_by,
            ":created_at": plan.created_at, ":changed_at": plan.changed_at,
        },
    )?;
    tx.execute("DELETE FROM update_rings WHERE plan_id = ?1", [&plan.id])?;
    for (ring, groups) in rings.iter().enumerate() {
        for group_id in groups {
            tx.execute(
                "INSERT OR IGNORE INTO update_rings (plan_id, ring, group_id) VALUES (?1, ?2, ?3)",
                (&plan.id, ring as i64, group_id),
            )?;
        }
    }
    Ok(())
}

/// Stores what a plan says; its groups stay.
pub fn set_rules(tx: &Tx, id: &str, rules: &str) -> Result<()> {
    tx.execute("UPDATE update_plans SET rules = ?2 WHERE id = ?1", (id, rules)).map(drop)
}

/// Notes that a plan stopped, or goes on.
pub fn set_stopped(tx: &Tx, id: &str, stopped_at: Option<Timestamp>, because: &str) -> Result<()> {
    tx.execute("UPDATE update_plans SET stopped_at = ?2, stopped_because = ?3 WHERE id = ?1", (id, stopped_at, because)).map(drop)
}

/// Deletes a plan with all that is known of how it stands.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM update_states WHERE plan_id = ?1", [id])?;
    tx.execute("DELETE FROM update_plans WHERE id = ?1", [id]).map(drop)
}

/// Every plan, by name.
pub fn all(tx: &Tx) -> Result<Vec<Plan>> {
    tx.list(sql!("SELECT {COLUMNS} FROM update_plans ORDER BY name COLLATE NOCASE"), [], plan)
}

/// The plan with this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Plan>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM update_plans WHERE id = ?1"), [id], plan)
}

/// The id of the plan that is called so.
pub fn id_by_name(tx: &Tx, name: &str) -> Result<Option<String>> {
    tx.optional("SELECT id FROM update_plans WHERE name = ?1", [name], |row| row.get(0))
}

/// How many there are.
pub fn count(tx: &Tx) -> Result<i64> {
    tx.one("SELECT count(*) FROM update_plans", [], |row| row.get(0))
}

/// The groups of a plan: ring, group.
pub fn rings(tx: &Tx, plan_id: &str) -> Result<Vec<(usize, String)>> {
    tx.list("SELECT ring, group_id FROM update_rings WHERE plan_id = ?1 ORDER BY ring, group_id", [plan_id], |row| {
        Ok((row.get::<_, i64>(0)? as usize, row.get(1)?))
    })
}

/// The groups of all plans.
pub fn all_groups(tx: &Tx) -> Result<Vec<String>> {
    tx.list("SELECT DISTINCT group_id FROM update_rings", [], |row| row.get(0))
}

/// The plans that name a group: id and name.
pub fn of_group(tx: &Tx, group_id: &str) -> Result<Vec<(String, String)>> {
    tx.list(
        "SELECT DISTINCT update_plans.id, update_plans.name FROM update_rings JOIN update_plans ON update_plans.id = update_rings.plan_id
         WHERE update_rings.group_id = ?1 ORDER BY update_plans.name COLLATE NOCASE",
        [group_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The devices of a plan's groups that are not deleted, each with the first of its rings, by id.
pub fn devices(tx: &Tx, plan_id: &str) -> Result<Vec<(String, usize)>> {
    tx.list(
        "SELECT group_devices.device_id, min(update_rings.ring) FROM update_rings
         JOIN group_devices ON group_devices.group_id = update_rings.group_id
         JOIN devices ON devices.id = group_devices.device_id AND devices.deleted_at IS NULL
         WHERE update_rings.plan_id = ?1 GROUP BY group_devices.device_id",
        [plan_id],
        |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize)),
    )
}

/// A device that a plan leaves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The plan.
    pub plan_id: String,
    /// The device.
    pub device_id: String,
    /// Why, in words of who said so.
    pub reason: String,
    /// Until when; for ever if absent.
    pub ends_at: Option<Timestamp>,
    /// Who said so.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

fn exception(row: &Row<'_>) -> rusqlite::Result<Exception> {
    Ok(Exception {
        plan_id: row.get(0)?,
        device_id: row.get(1)?,
        reason: row.get(2)?,
        ends_at: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
    })
}

const EXCEPTION: &str = "plan_id, device_id, reason, ends_at, created_by, created_at";

/// Has a plan leave a device alone.
pub fn put_exception(tx: &Tx, row: &Exception) -> Result<()> {
    tx.execute(
        sql!("INSERT OR REPLACE INTO update_exceptions ({EXCEPTION}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
        (&row.plan_id, &row.device_id, &row.reason, row.ends_at, &row.created_by, row.created_at),
    )
    .map(drop)
}

/// Has a plan look after a device again; whether it did not.
pub fn remove_exception(tx: &Tx, plan_id: &str, device_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM update_exceptions WHERE plan_id = ?1 AND device_id = ?2", (plan_id, device_id))? > 0)
}

/// The exceptions of a plan, at most `limit`.
pub fn exceptions(tx: &Tx, plan_id: &str, limit: u32) -> Result<Vec<Exception>> {
    tx.list(
        sql!("SELECT {EXCEPTION} FROM update_exceptions WHERE plan_id = ?1 ORDER BY created_at, device_id LIMIT ?2"),
        (plan_id, limit),
        exception,
    )
}

/// The exceptions for a device.
pub fn exceptions_of(tx: &Tx, device_id: &str) -> Result<Vec<Exception>> {
    tx.list(sql!("SELECT {EXCEPTION} FROM update_exceptions WHERE device_id = ?1"), [device_id], exception)
}
