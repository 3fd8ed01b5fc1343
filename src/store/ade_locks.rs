//! Devices that Apple locked to the organisation for us, and what opens them again.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::tx::Tx;
use crate::store::words::words;

words! {
    /// How far a lock is.
    pub enum LockState {
        /// Apple is being asked; it may have been done.
        Asked = "asked",
        /// Apple says it is done.
        Locked = "locked",
        /// Apple refused.
        Failed = "failed",
    }
}

/// A lock, without what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Its id.
    pub id: String,
    /// The device.
    pub serial_number: String,
    /// What the device shows.
    pub message: String,
    /// How far it is.
    pub state: LockState,
    /// Why Apple refused, in words.
    pub problem: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

fn place(id: &str) -> String {
    format!("ade_locks.key/{id}")
}

/// Stores a lock and what opens it, before anybody is asked for it.
pub fn insert(tx: &Tx, lock: &Lock, bypass_code: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO ade_locks (id, serial_number, key_sealed, message, state, problem, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&lock.id, &lock.serial_number, tx.seal(&place(&lock.id), bypass_code)?, &lock.message, lock.state, &lock.problem, lock.created_at),
    )?;
    Ok(())
}

/// Stores how far a lock is.
pub fn set_state(tx: &Tx, id: &str, state: LockState, problem: &str) -> Result<()> {
    tx.execute("UPDATE ade_locks SET state = ?2, problem = ?3 WHERE id = ?1", (id, state, problem))?;
    Ok(())
}

/// The locks of a device, newest first.
pub fn of_serial(tx: &Tx, serial_number: &str) -> Result<Vec<Lock>> {
    tx.list(
        "SELECT id, serial_number, message, state, problem, created_at FROM ade_locks WHERE serial_number = ?1 COLLATE NOCASE
         ORDER BY created_at DESC, id DESC",
        [serial_number],
        |row| {
            Ok(Lock {
                id: row.get(0)?,
                serial_number: row.get(1)?,
                message: row.get(2)?,
                state: row.get(3)?,
                problem: row.get(4)?,
                created_at: row.get(5)?,
            })
        },
    )
}

/// What opens a lock of a device.
pub fn bypass_code(tx: &Tx, serial_number: &str, id: &str) -> Result<Option<SecretBytes>> {
    let sql = "SELECT key_sealed FROM ade_locks WHERE serial_number = ?1 COLLATE NOCASE AND id = ?2";
    let sealed: Option<Vec<u8>> = tx.optional(sql, [serial_number, id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&place(id), &sealed)).transpose()
}
