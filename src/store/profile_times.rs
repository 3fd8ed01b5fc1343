//! When profiles with a time of their own (DurationUntilRemoval) came onto devices, so that what has run out does not come again.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// Notes that an enrollment has a profile as of now, its time running from here.
pub fn begin(tx: &Tx, enrollment_id: &str, identifier: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO profile_times (enrollment_id, identifier, installed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (enrollment_id, identifier) DO UPDATE SET installed_at = excluded.installed_at",
        (enrollment_id, identifier, tx.now),
    )?;
    Ok(())
}

/// When an enrollment got a profile last, by its PayloadIdentifier; nothing where it never had it.
pub fn installed_at(tx: &Tx, enrollment_id: &str, identifier: &str) -> Result<Option<Timestamp>> {
    tx.optional("SELECT installed_at FROM profile_times WHERE enrollment_id = ?1 AND identifier = ?2", (enrollment_id, identifier), |row| {
        row.get(0)
    })
}
