//! The list of backups that this appliance put somewhere.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// Where backups go.
    pub enum Place {
        /// A folder, of this machine or mounted on it.
        Folder = "folder",
        /// A store that speaks S3.
        S3 = "s3",
    }
}

/// A backup that was put somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Our id for it.
    pub id: String,
    /// The name of its file.
    pub name: String,
    /// What kind of place it is in.
    pub place: Place,
    /// The folder, or the bucket's address with the prefix.
    pub location: String,
    /// Size of its file.
    pub size_bytes: i64,
    /// Devices in it.
    pub devices: i64,
    /// Whether files of packages are in it.
    pub with_packages: bool,
    /// The moment that it holds.
    pub made_at: Timestamp,
    /// When it was last restored into a temporary folder.
    pub tested_at: Option<Timestamp>,
    /// What was wrong then; empty: nothing.
    pub test_problem: String,
}

const COLUMNS: &str = "id, name, place, location, size_bytes, devices, with_packages, made_at, tested_at, test_problem";

fn backup(row: &Row<'_>) -> rusqlite::Result<Backup> {
    Ok(Backup {
        id: row.get(0)?,
        name: row.get(1)?,
        place: row.get(2)?,
        location: row.get(3)?,
        size_bytes: row.get(4)?,
        devices: row.get(5)?,
        with_packages: row.get(6)?,
        made_at: row.get(7)?,
        tested_at: row.get(8)?,
        test_problem: row.get(9)?,
    })
}

/// Lists a backup that was put in its place.
pub fn insert(tx: &Tx, backup: &Backup) -> Result<()> {
    // A file of the same name took the place of the one before.
    tx.execute("DELETE FROM backups WHERE name = ?1 AND place = ?2 AND location = ?3", (&backup.name, backup.place, &backup.location))?;
    tx.execute(
        "INSERT INTO backups (id, name, place, location, size_bytes, devices, with_packages, made_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &backup.id,
            &backup.name,
            backup.place,
            &backup.location,
            backup.size_bytes,
            backup.devices,
            backup.with_packages,
            backup.made_at,
        ),
    )?;
    Ok(())
}

/// Every backup, newest first, up to `limit`.
pub fn newest(tx: &Tx, limit: u32) -> Result<Vec<Backup>> {
    tx.list(sql!("SELECT {COLUMNS} FROM backups ORDER BY made_at DESC, id DESC LIMIT ?1"), [limit], backup)
}

/// The newest ones of a database that is damaged, as far as they can be read.
pub(in crate::store) fn listed(conn: &rusqlite::Connection) -> Vec<Backup> {
    let newest = || {
        let sql = format!("SELECT {COLUMNS} FROM backups WHERE test_problem = '' ORDER BY made_at DESC, id DESC LIMIT 20");
        conn.prepare(&sql)?.query_map([], backup)?.collect()
    };
    let read: rusqlite::Result<Vec<Backup>> = newest();
    read.unwrap_or_default()
}

/// How many there are.
pub fn count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM backups", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// The backup of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Backup>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM backups WHERE id = ?1"), [id], backup)
}

/// What a database holds, as a backup says it: devices that are not deleted, and enrollments of devices that are managed.
pub fn contents(tx: &Tx) -> Result<(u64, u64)> {
    let count = |sql| tx.one(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok((count(DEVICES)?, count(ENROLLED)?))
}

/// Counts devices that are not deleted.
pub(in crate::store) const DEVICES: &str = "SELECT count(*) FROM devices WHERE deleted_at IS NULL";
/// Counts enrollments of devices that are managed.
pub(in crate::store) const ENROLLED: &str = "SELECT count(*) FROM enrollments WHERE state = 'enrolled' AND parent_id IS NULL";

/// Takes a backup that is gone off the list.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM backups WHERE id = ?1", [id])? == 1)
}

/// Forgets what was noted of a backup's trial.
pub fn forget_test(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE backups SET tested_at = NULL, test_problem = '' WHERE id = ?1", [id]).map(drop)
}

/// Notes what restoring a backup into a temporary folder came to; an empty problem is none.
pub fn note_test(tx: &Tx, id: &str, problem: &str) -> Result<()> {
    tx.execute("UPDATE backups SET tested_at = ?2, test_problem = ?3 WHERE id = ?1", (id, tx.now, problem))?;
    Ok(())
}
