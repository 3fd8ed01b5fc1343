//! Who has an account on a Mac or a Shared iPad, as the device last said; the list is replaced as a whole.

use rusqlite::Row;

use crate::error::Result;
use crate::protocol::report::device::DeviceUser;
use crate::store::tx::Tx;

fn user(row: &Row<'_>) -> rusqlite::Result<DeviceUser> {
    Ok(DeviceUser {
        user_name: row.get(0)?,
        full_name: row.get(1)?,
        user_guid: row.get(2)?,
        is_logged_in: row.get(3)?,
        has_data_to_sync: row.get(4)?,
        data_used_bytes: row.get(5)?,
        data_quota_bytes: row.get(6)?,
        has_secure_token: row.get(7)?,
    })
}

/// The accounts on the device of a channel, by name.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Vec<DeviceUser>> {
    tx.list(
        "SELECT user_name, full_name, user_guid, is_logged_in, has_data_to_sync, data_used_bytes, data_quota_bytes, has_secure_token
         FROM device_users WHERE enrollment_id = ?1 ORDER BY user_name COLLATE NOCASE",
        [enrollment_id],
        user,
    )
}

/// Stores who has an account there, in place of what it said before.
pub fn replace(tx: &Tx, enrollment_id: &str, users: &[DeviceUser]) -> Result<()> {
    tx.execute("DELETE FROM device_users WHERE enrollment_id = ?1", [enrollment_id])?;
    for user in users {
        tx.execute(
            "INSERT OR REPLACE INTO device_users
                 (enrollment_id, user_name, full_name, user_guid, is_logged_in, has_data_to_sync, data_used_bytes, data_quota_bytes, has_secure_token)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                enrollment_id,
                &user.user_name,
                &user.full_name,
                &user.user_guid,
                user.is_logged_in,
                user.has_data_to_sync,
                user.data_used_bytes,
                user.data_quota_bytes,
                user.has_secure_token,
            ),
        )?;
    }
    Ok(())
}
