//! Provisioning profiles that were uploaded.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::protocol::provision::Facts;
use crate::store::Tx;

/// A provisioning profile, without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvisioningProfile {
    /// Its id.
    pub id: String,
    /// Its UUID, by which devices know it.
    pub uuid: String,
    /// What it is called.
    pub name: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it says.
    pub facts: Facts,
    /// Who uploaded it, for people.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, uuid, name, expires_at, facts, created_by, created_at";

fn profile(row: &Row<'_>) -> rusqlite::Result<ProvisioningProfile> {
    let facts: String = row.get(4)?;
    Ok(ProvisioningProfile {
        id: row.get(0)?,
        uuid: row.get(1)?,
        name: row.get(2)?,
        expires_at: row.get(3)?,
        facts: serde_json::from_str(&facts)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error)))?,
        created_by: row.get(5)?,
        created_at: row.get(6)?,
    })
}

/// Stores a new profile with its bytes.
pub fn insert(tx: &Tx, profile: &ProvisioningProfile, content: &[u8]) -> Result<()> {
    let facts =
        serde_json::to_string(&profile.facts).map_err(|error| Error::internal("what a profile says could not be written", error))?;
    tx.execute(
        sql!("INSERT INTO provisioning_profiles ({COLUMNS}, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
        (&profile.id, &profile.uuid, &profile.name, profile.expires_at, facts, &profile.created_by, profile.created_at, content),
    )?;
    Ok(())
}

/// Removes a profile.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM provisioning_profiles WHERE id = ?1", [id])?;
    Ok(())
}

/// The profile of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<ProvisioningProfile>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM provisioning_profiles WHERE id = ?1"), [id], profile)
}

/// The profile with this UUID.
pub fn by_uuid(tx: &Tx, uuid: &str) -> Result<Option<ProvisioningProfile>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM provisioning_profiles WHERE uuid = ?1"), [uuid], profile)
}

/// Its bytes, as Apple signed them.
pub fn content(tx: &Tx, id: &str) -> Result<Option<Vec<u8>>> {
    tx.optional("SELECT content FROM provisioning_profiles WHERE id = ?1", [id], |row| row.get(0))
}

/// One page of profiles by name, behind the one with the name and id `after`.
pub fn list(tx: &Tx, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<ProvisioningProfile>> {
    let (name, id) = after.unwrap_or_default();
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM provisioning_profiles WHERE (name COLLATE NOCASE, id) > (?1, ?2) ORDER BY name COLLATE NOCASE, id LIMIT ?3"
        ),
        (name, id, limit),
        profile,
    )
}

/// How many there are.
pub fn count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM provisioning_profiles", [], |row| row.get::<_, i64>(0)).map(|count| count.max(0).unsigned_abs())
}

/// Those that end at `until` or before, soonest first.
pub fn ending(tx: &Tx, until: Timestamp) -> Result<Vec<ProvisioningProfile>> {
    tx.list(sql!("SELECT {COLUMNS} FROM provisioning_profiles WHERE expires_at <= ?1 ORDER BY expires_at, id"), [until], profile)
}

/// Those that end first.
pub fn first_to_end(tx: &Tx, limit: u32) -> Result<Vec<ProvisioningProfile>> {
    tx.list(sql!("SELECT {COLUMNS} FROM provisioning_profiles ORDER BY expires_at, id LIMIT ?1"), [limit], profile)
}
