//! Secrets held for a device: they outlive its enrollment and its deletion, until an Owner purges them.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::enrollments::Enrollment;
use crate::store::words::words;

words! {
    /// Which secret it is.
    pub enum EscrowKind {
        /// Unlocks a device from Activation Lock.
        ActivationLockBypassCode = "activation_lock_bypass_code",
        /// What ClearPasscode needs.
        UnlockToken = "unlock_token",
        /// A Mac's bootstrap token.
        BootstrapToken = "bootstrap_token",
        /// The PIN that a Mac was locked or erased with.
        LockPin = "lock_pin",
        /// FileVault's personal recovery key.
        RecoveryKey = "recovery_key",
        /// The recovery lock password of a Mac.
        RecoveryLockPassword = "recovery_lock_password",
        /// The firmware password of an Intel Mac.
        FirmwarePassword = "firmware_password",
        /// The password of the administrator that Setup Assistant made on a Mac.
        AdminPassword = "admin_password",
    }
}

/// A secret held for a device, without its value.
#[derive(Debug, Clone)]
pub struct Held {
    /// Our id for it.
    pub id: String,
    /// Whose it is.
    pub device_id: String,
    /// Which generation of the enrollment it came from.
    pub generation: i64,
    /// Which secret it is.
    pub kind: EscrowKind,
    /// What it was for, in words.
    pub note: String,
    /// Whether an enrollment uses it still.
    pub in_use: bool,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// Seals and stores a secret.
pub fn insert(tx: &Tx, device_id: &str, enrollment: Option<(&str, i64)>, kind: EscrowKind, value: &[u8], note: &str) -> Result<String> {
    let id = tx.new_id();
    tx.execute(
        "INSERT INTO escrow (id, device_id, enrollment_id, generation, kind, value_sealed, note, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &id,
            device_id,
            enrollment.map(|(id, _)| id),
            enrollment.map_or(0, |(_, generation)| generation),
            kind,
            tx.seal("escrow.value", value)?,
            note,
            tx.now,
        ),
    )?;
    Ok(id)
}

/// What is held for a device, newest first.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Vec<Held>> {
    tx.list(
        "SELECT id, device_id, generation, kind, note, created_at FROM escrow WHERE device_id = ?1 ORDER BY created_at DESC, id DESC",
        [device_id],
        |row| {
            Ok(Held {
                id: row.get(0)?,
                device_id: row.get(1)?,
                generation: row.get(2)?,
                kind: row.get(3)?,
                note: row.get(4)?,
                in_use: false,
                created_at: row.get(5)?,
            })
        },
    )
}

/// One held secret with its value.
pub fn value(tx: &Tx, device_id: &str, id: &str) -> Result<Option<(EscrowKind, SecretBytes)>> {
    let row: Option<(EscrowKind, Vec<u8>)> =
        tx.optional("SELECT kind, value_sealed FROM escrow WHERE device_id = ?1 AND id = ?2", (device_id, id), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    row.map(|(kind, sealed)| Ok((kind, tx.open("escrow.value", &sealed)?))).transpose()
}

/// Takes the newest secret of a kind and note that came from this generation of an enrollment out of what is held.
pub fn take(tx: &Tx, of: &Enrollment, kind: EscrowKind, note: &str) -> Result<Option<SecretBytes>> {
    let row: Option<(String, Vec<u8>)> = tx.optional(
        "SELECT id, value_sealed FROM escrow WHERE device_id = ?1 AND kind = ?2 AND enrollment_id = ?3 AND generation = ?4 AND note = ?5
         ORDER BY created_at DESC, id DESC LIMIT 1",
        (&of.device_id, kind, &of.id, of.generation, note),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some((id, sealed)) = row else { return Ok(None) };
    tx.execute("DELETE FROM escrow WHERE id = ?1", [&id])?;
    tx.open("escrow.value", &sealed).map(Some)
}

/// Removes everything held for a device; gives how many secrets that were.
pub fn purge(tx: &Tx, device_id: &str) -> Result<usize> {
    tx.execute("DELETE FROM escrow WHERE device_id = ?1", [device_id])
}
