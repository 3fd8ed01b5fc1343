//! Devices: things that outlive their enrollments.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::words::sql_word;

sql_word!(Platform);

/// A device and what it told of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Our id for it.
    pub id: String,
    /// Serial number; absent for a person's own device under user enrollment.
    pub serial_number: Option<String>,
    /// UDID; absent as above.
    pub udid: Option<String>,
    /// The name that its settings show.
    pub name: String,
    /// Apple's part number or Mac model identifier.
    pub model: String,
    /// "iPad".
    pub model_name: String,
    /// "iPad13,18".
    pub product_name: String,
    /// "18.1".
    pub os_version: String,
    /// "22B83".
    pub build_version: String,
    /// Which family of operating systems it runs.
    pub platform: Platform,
    /// Whether it is supervised, once it said so.
    pub supervised: Option<bool>,
    /// A simulated device of the practice classroom.
    pub practice: bool,
    /// The group its invitation named.
    pub group_label: String,
    /// The person its invitation named.
    pub person_label: String,
    /// When DeviceInformation was last read.
    pub facts_at: Option<Timestamp>,
    /// When SecurityInfo was last read.
    pub security_at: Option<Timestamp>,
    /// When its inventory is asked for again.
    pub refresh_due_at: Option<Timestamp>,
    /// When an admin removed it from view.
    pub deleted_at: Option<Timestamp>,
    /// When it was first seen.
    pub created_at: Timestamp,
}

pub(in crate::store) const COLUMNS: &str = "devices.id, devices.serial_number, devices.udid, devices.name, devices.model, devices.model_name, \
     devices.product_name, devices.os_version, devices.build_version, devices.platform, devices.supervised, devices.practice, \
     devices.group_label, devices.person_label, devices.facts_at, devices.security_at, devices.refresh_due_at, devices.deleted_at, devices.created_at";

pub(in crate::store) fn device(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: row.get(0)?,
        serial_number: row.get(1)?,
        udid: row.get(2)?,
        name: row.get(3)?,
        model: row.get(4)?,
        model_name: row.get(5)?,
        product_name: row.get(6)?,
        os_version: row.get(7)?,
        build_version: row.get(8)?,
        platform: row.get(9)?,
        supervised: row.get(10)?,
        practice: row.get(11)?,
        group_label: row.get(12)?,
        person_label: row.get(13)?,
        facts_at: row.get(14)?,
        security_at: row.get(15)?,
        refresh_due_at: row.get(16)?,
        deleted_at: row.get(17)?,
        created_at: row.get(18)?,
    })
}

/// Stores a device that was never seen before.
pub fn insert(tx: &Tx, device: &Device) -> Result<()> {
    tx.execute(
        "INSERT INTO devices (id, serial_number, udid, name, model, model_name, product_name, os_version, build_version, platform, supervised,
                              practice, group_label, person_label, refresh_due_at, created_at)
         VALUES (:id, :serial_number, :udid, :name, :model, :model_name, :product_name, :os_version, :build_version, :platform, :supervised,
                 :practice, :group_label, :person_label, :refresh_due_at, :created_at)",
        named_params! {
            ":id": device.id, ":serial_number": device.serial_number, ":udid": device.udid, ":name": device.name, ":model": device.model,
            ":model_name": device.model_name, ":product_name": device.product_name, ":os_version": device.os_version,
            ":build_version": device.build_version, ":platform": device.platform, ":supervised": device.supervised,
            ":practice": device.practice, ":group_label": device.group_label, ":person_label": device.person_label,
            ":refresh_due_at": device.refresh_due_at, ":created_at": device.created_at,
        },
    )?;
    Ok(())
}

/// Stores what a device newly said of itself, and its labels, view and due time.
pub fn update(tx: &Tx, device: &Device) -> Result<()> {
    tx.execute(
        "UPDATE devices SET serial_number = :serial_number, udid = :udid, name = :name, model = :model, model_name = :model_name,
                product_name = :product_name, os_version = :os_version, build_version = :build_version, platform = :platform,
                supervised = :supervised, practice = :practice, group_label = :group_label, person_label = :person_label,
                refresh_due_at = :refresh_due_at, deleted_at = :deleted_at
         WHERE id = :id",
        named_params! {
            ":id": device.id, ":serial_number": device.serial_number, ":udid": device.udid, ":name": device.name, ":model": device.model,
            ":model_name": device.model_name, ":product_name": device.product_name, ":os_version": device.os_version,
            ":build_version": device.build_version, ":platform": device.platform, ":supervised": device.supervised,
            ":practice": device.practice, ":group_label": device.group_label, ":person_label": device.person_label,
            ":refresh_due_at": device.refresh_due_at, ":deleted_at": device.deleted_at,
        },
    )?;
    Ok(())
}

/// Tells whether somebody deleted the device of this id, or there is none.
pub fn is_deleted(tx: &Tx, id: &str) -> Result<bool> {
    let found = "SELECT NOT EXISTS (SELECT 1 FROM devices WHERE id = ?1 AND deleted_at IS NULL)";
    tx.one(found, [id], |row| row.get(0))
}

/// Tells whether a device other than `but` has this as its id here or as its serial number.
pub fn is_named(tx: &Tx, name: &str, but: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM devices WHERE id = ?1 AND id <> ?2 AND deleted_at IS NULL)
             OR EXISTS (SELECT 1 FROM devices WHERE serial_number = ?1 COLLATE NOCASE AND id <> ?2 AND deleted_at IS NULL)",
        (name, but),
        |row| row.get(0),
    )
}

/// The device of this id, also when it was removed from view.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Device>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM devices WHERE id = ?1"), [id], device)
}

/// The device with this UDID, newest first if there were several.
pub fn by_udid(tx: &Tx, udid: &str) -> Result<Option<Device>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM devices WHERE udid = ?1 COLLATE NOCASE AND udid IS NOT NULL ORDER BY created_at DESC LIMIT 1"),
        [udid],
        device,
    )
}

/// The device with this serial number, newest first if there were several.
pub fn by_serial_number(tx: &Tx, serial_number: &str) -> Result<Option<Device>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM devices WHERE serial_number = ?1 COLLATE NOCASE AND serial_number IS NOT NULL ORDER BY created_at DESC LIMIT 1"
        ),
        [serial_number],
        device,
    )
}

/// DeviceInformation's answers so far, merged, as JSON.
pub fn facts(tx: &Tx, id: &str) -> Result<String> {
    tx.one("SELECT facts FROM devices WHERE id = ?1", [id], |row| row.get(0))
}

/// Stores merged DeviceInformation.
pub fn set_facts(tx: &Tx, id: &str, facts: &str) -> Result<()> {
    tx.execute("UPDATE devices SET facts = ?2, facts_at = ?3 WHERE id = ?1", (id, facts, tx.now))?;
    Ok(())
}

/// Changes some of what is known from DeviceInformation, JSON; what is null is forgotten.
pub fn patch_facts(tx: &Tx, id: &str, facts: &str) -> Result<()> {
    tx.execute("UPDATE devices SET facts = json_patch(facts, ?2) WHERE id = ?1", (id, facts)).map(drop)
}

/// SecurityInfo's last answer, as JSON.
pub fn security(tx: &Tx, id: &str) -> Result<String> {
    tx.one("SELECT security FROM devices WHERE id = ?1", [id], |row| row.get(0))
}

/// Stores SecurityInfo's answer.
pub fn set_security(tx: &Tx, id: &str, security: &str) -> Result<()> {
    tx.execute("UPDATE devices SET security = ?2, security_at = ?3 WHERE id = ?1", (id, security, tx.now))?;
    Ok(())
}

/// Sets when the inventory is asked for again; `None` for never.
pub fn set_refresh_due(tx: &Tx, id: &str, due_at: Option<Timestamp>) -> Result<()> {
    tx.execute("UPDATE devices SET refresh_due_at = ?2 WHERE id = ?1", (id, due_at))?;
    Ok(())
}

/// Devices whose inventory is due, longest due first.
pub fn refresh_due(tx: &Tx, limit: u32) -> Result<Vec<Device>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM devices WHERE refresh_due_at <= ?1 AND deleted_at IS NULL ORDER BY refresh_due_at LIMIT ?2"),
        (tx.now, limit),
        device,
    )
}

/// The earliest moment at which an inventory is due.
pub fn next_refresh_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(refresh_due_at) FROM devices WHERE refresh_due_at IS NOT NULL AND deleted_at IS NULL", [], |row| row.get(0))
}
