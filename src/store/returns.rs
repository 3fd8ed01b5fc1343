//! Devices that were erased to come back by themselves: who asked for it, by which network, when they were erased, and whether they are back.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// A return of an enrollment; each has one at the most, the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// Whose.
    pub enrollment_id: String,
    /// The CommandUUID of the erase; empty where the device asked by itself.
    pub command_uuid: String,
    /// The name of the network that it joins; empty for none.
    pub network: String,
    /// Who asked for it, for people.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// When it was erased.
    pub erased_at: Option<Timestamp>,
    /// When it is to be back.
    pub expected_at: Option<Timestamp>,
    /// When it was back.
    pub returned_at: Option<Timestamp>,
}

const COLUMNS: &str = "enrollment_id, command_uuid, network, asked_by, asked_at, erased_at, expected_at, returned_at";

fn read(row: &Row<'_>) -> rusqlite::Result<Return> {
    Ok(Return {
        enrollment_id: row.get(0)?,
        command_uuid: row.get(1)?,
        network: row.get(2)?,
        asked_by: row.get(3)?,
        asked_at: row.get(4)?,
        erased_at: row.get(5)?,
        expected_at: row.get(6)?,
        returned_at: row.get(7)?,
    })
}

/// Stores a return in place of the one before.
pub fn put(tx: &Tx, row: &Return) -> Result<()> {
    tx.execute(
        sql!("INSERT OR REPLACE INTO returns ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
        (&row.enrollment_id, &row.command_uuid, &row.network, &row.asked_by, row.asked_at, row.erased_at, row.expected_at, row.returned_at),
    )?;
    Ok(())
}

/// The return of an enrollment.
pub fn of(tx: &Tx, enrollment_id: &str) -> Result<Option<Return>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM returns WHERE enrollment_id = ?1"), [enrollment_id], read)
}

/// The return of a device's own enrollment, while it is erased and not back.
pub fn of_erased_device(tx: &Tx, device_id: &str) -> Result<Option<Return>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM returns WHERE erased_at IS NOT NULL AND returned_at IS NULL AND enrollment_id IN
            (SELECT id FROM enrollments WHERE device_id = ?1 AND parent_id IS NULL AND state = 'erased')"
    );
    tx.optional(&sql, [device_id], read)
}

/// A device that is not back in its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The device.
    pub device_id: String,
    /// What it is called: its name, else its serial number.
    pub name: String,
    /// When it was erased, or asked to be.
    pub erased_at: Timestamp,
    /// When it was to be back.
    pub expected_at: Timestamp,
}

/// Devices that are not back in their time, the longest first. One that asked by itself and was heard of since was not erased.
pub fn overdue(tx: &Tx, limit: u32) -> Result<Vec<Overdue>> {
    tx.list(
        "SELECT devices.id, coalesce(nullif(devices.name, ''), devices.serial_number, ''), coalesce(returns.erased_at, returns.asked_at),
                returns.expected_at
         FROM returns JOIN enrollments ON enrollments.id = returns.enrollment_id JOIN devices ON devices.id = enrollments.device_id
         WHERE returns.returned_at IS NULL AND returns.expected_at <= ?1 AND devices.deleted_at IS NULL
           AND (enrollments.state = 'erased' AND returns.erased_at IS NOT NULL
                OR returns.command_uuid = '' AND enrollments.state = 'enrolled' AND enrollments.last_seen_at <= returns.asked_at)
         ORDER BY returns.expected_at LIMIT ?2",
        (tx.now, limit),
        |row| Ok(Overdue { device_id: row.get(0)?, name: row.get(1)?, erased_at: row.get(2)?, expected_at: row.get(3)? }),
    )
}
