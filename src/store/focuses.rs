//! Focuses: lessons in which the devices of a class show only some apps, one app or some sites, until a moment.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// What devices show meanwhile.
    pub enum FocusKind {
        /// Only these apps.
        Apps = "apps",
        /// One app, which cannot be left.
        App = "app",
        /// Only these websites; apps stay.
        Sites = "sites",
    }
}

/// A focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Focus {
    /// Its id.
    pub id: String,
    /// The class.
    pub class_id: String,
    /// The class's name.
    pub class_name: String,
    /// What devices show meanwhile.
    pub kind: FocusKind,
    /// Bundle ids, or addresses.
    pub items: Vec<String>,
    /// Who started it, for people.
    pub started_by: String,
    /// When.
    pub started_at: Timestamp,
    /// When it ends by itself, on the devices too.
    pub ends_at: Timestamp,
    /// When somebody ended it before.
    pub ended_at: Option<Timestamp>,
    /// Who did, for people.
    pub ended_by: String,
}

impl Focus {
    /// Whether it goes on at a moment.
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.ends_at
    }
}

const COLUMNS: &str = "focuses.id, class_id, (SELECT name FROM classes WHERE classes.id = class_id), kind, items, started_by, started_at, ends_at, ended_at, ended_by";

fn focus(row: &Row<'_>) -> rusqlite::Result<Focus> {
    let items: String = row.get(4)?;
    Ok(Focus {
        id: row.get(0)?,
        class_id: row.get(1)?,
        class_name: row.get(2)?,
        kind: row.get(3)?,
        // The table's CHECK lets nothing in that is not JSON.
        items: serde_json::from_str(&items).unwrap_or_default(),
        started_by: row.get(5)?,
        started_at: row.get(6)?,
        ends_at: row.get(7)?,
        ended_at: row.get(8)?,
        ended_by: row.get(9)?,
    })
}

/// Stores a new focus on these devices; each of them has only this one from now on.
pub fn insert(tx: &Tx, focus: &Focus, devices: &[String]) -> Result<()> {
    let items = serde_json::to_string(&focus.items).map_err(|error| Error::internal("a list could not be written as JSON", error))?;
    tx.execute(
        "INSERT INTO focuses (id, class_id, kind, items, started_by, started_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&focus.id, &focus.class_id, focus.kind, items, &focus.started_by, focus.started_at, focus.ends_at),
    )?;
    for device in devices {
        tx.execute("UPDATE focus_devices SET released_at = ?2 WHERE device_id = ?1 AND released_at IS NULL", (device, tx.now))?;
        tx.execute("INSERT INTO focus_devices (focus_id, device_id) VALUES (?1, ?2)", (&focus.id, device))?;
    }
    Ok(())
}

/// Ends a focus now, by somebody.
pub fn end(tx: &Tx, id: &str, by: &str) -> Result<()> {
    tx.execute("UPDATE focuses SET ended_at = ?2, ended_by = ?3 WHERE id = ?1", (id, tx.now, by))?;
    Ok(())
}

/// The focus of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Focus>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM focuses WHERE id = ?1"), [id], focus)
}

/// The newest focus of a device that no other took the place of, running or over.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Option<Focus>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM focus_devices JOIN focuses ON focuses.id = focus_id
             WHERE device_id = ?1 AND released_at IS NULL ORDER BY started_at DESC, focuses.id DESC LIMIT 1"
        ),
        [device_id],
        focus,
    )
}

/// Every focus that goes on, the nearest end first.
pub fn running(tx: &Tx) -> Result<Vec<Focus>> {
    tx.list(sql!("SELECT {COLUMNS} FROM focuses WHERE ends_at > ?1 AND ended_at IS NULL ORDER BY ends_at, focuses.id"), [tx.now], focus)
}

/// The newest focuses of a class, running or over.
pub fn of_class(tx: &Tx, class_id: &str, limit: u32) -> Result<Vec<Focus>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM focuses WHERE class_id = ?1 ORDER BY started_at DESC, focuses.id DESC LIMIT ?2"),
        (class_id, limit),
        focus,
    )
}

/// The devices of a focus that no other took from it.
pub fn devices(tx: &Tx, id: &str) -> Result<Vec<String>> {
    tx.list("SELECT device_id FROM focus_devices WHERE focus_id = ?1 AND released_at IS NULL ORDER BY device_id", [id], |row| row.get(0))
}

/// On how many of its devices a focus holds, and how many those are; `key` is that of its profile's row.
pub fn held(tx: &Tx, id: &str, key: &str) -> Result<(u64, u64)> {
    tx.one(
        "SELECT coalesce(sum(EXISTS (
             SELECT 1 FROM enrollments JOIN deployments ON deployments.enrollment_id = enrollments.id AND key = ?2
             WHERE enrollments.device_id = focus_devices.device_id AND state = 'enrolled' AND wanted <> '' AND seen = wanted)), 0), count(*)
         FROM focus_devices WHERE focus_id = ?1 AND released_at IS NULL",
        (id, key),
        |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

/// Somebody who learns in a class, with their device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learner {
    /// The person.
    pub person_id: String,
    /// Their name.
    pub name: String,
    /// A device that they use; somebody with several stands here with each.
    pub device_id: Option<String>,
}

/// Who learns in a class, by name, each with their devices in view.
pub fn learners(tx: &Tx, class_id: &str) -> Result<Vec<Learner>> {
    tx.list(
        "SELECT people.id, people.name, devices.id FROM class_people JOIN people ON people.id = class_people.person_id
         LEFT JOIN devices ON devices.person_id = people.id AND devices.deleted_at IS NULL
         WHERE class_id = ?1 AND class_people.role = 'student' AND active ORDER BY lower(people.name), people.id, lower(devices.name), devices.id",
        [class_id],
        |row| Ok(Learner { person_id: row.get(0)?, name: row.get(1)?, device_id: row.get(2)? }),
    )
}

/// Apps that devices of the learners of a class say they have: bundle id, name as the library has it or else as the devices say it, on how many.
pub fn apps_in_class(tx: &Tx, class_id: &str, limit: u32) -> Result<Vec<(String, String, u64)>> {
    tx.list(
        "SELECT identifier,
                coalesce((SELECT apps.name FROM apps WHERE apps.bundle_id = identifier AND apps.name <> '' ORDER BY apps.kind, apps.id LIMIT 1), listed),
                devices
         FROM (SELECT identifier, max(installed_apps.name) AS listed, count(DISTINCT devices.id) AS devices
               FROM class_people JOIN devices ON devices.person_id = class_people.person_id AND deleted_at IS NULL
               JOIN enrollments ON enrollments.device_id = devices.id AND enrollments.state = 'enrolled'
               JOIN installed_apps ON installed_apps.enrollment_id = enrollments.id
               WHERE class_id = ?1 AND class_people.role = 'student' GROUP BY identifier
               ORDER BY devices DESC, lower(installed_apps.name), identifier LIMIT ?2)",
        (class_id, limit),
        |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())),
    )
}

/// What an app is called: in the library, or else on a device of somebody who learns in the class.
pub fn app_name(tx: &Tx, class_id: &str, bundle_id: &str) -> Result<Option<String>> {
    tx.one(
        "SELECT coalesce(
             (SELECT name FROM apps WHERE bundle_id = ?2 AND name <> '' ORDER BY kind, id LIMIT 1),
             (SELECT max(installed_apps.name)
              FROM class_people JOIN devices ON devices.person_id = class_people.person_id AND deleted_at IS NULL
              JOIN enrollments ON enrollments.device_id = devices.id AND enrollments.state = 'enrolled'
              JOIN installed_apps ON installed_apps.enrollment_id = enrollments.id AND installed_apps.identifier = ?2
              WHERE class_id = ?1 AND class_people.role = 'student' AND installed_apps.name <> ''))",
        (class_id, bundle_id),
        |row| row.get(0),
    )
}

/// Removes focuses that ended before a moment; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute("DELETE FROM focuses WHERE id IN (SELECT id FROM focuses WHERE ends_at < ?1 LIMIT ?2)", (before, limit))
}
