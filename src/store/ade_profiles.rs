//! How devices greet whoever unpacks them: our profiles, which is whose, and what Apple has of each.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;

/// A profile as it is wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdeProfile {
    /// Its id.
    pub id: String,
    /// Its name, which the device shows to nobody.
    pub name: String,
    /// The choice that it began with, for example `classroom_ipad`.
    pub kind: String,
    /// Its keys, JSON.
    pub content: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "id, name, kind, content, created_at, changed_at";

fn profile(row: &Row<'_>) -> rusqlite::Result<AdeProfile> {
    Ok(AdeProfile {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        content: row.get(3)?,
        created_at: row.get(4)?,
        changed_at: row.get(5)?,
    })
}

/// Stores a profile, new or changed; `Conflict` when another has its name.
pub fn put(tx: &Tx, row: &AdeProfile) -> Result<()> {
    tx.execute(
        "INSERT INTO ade_profiles (id, name, kind, content, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, content = excluded.content, changed_at = excluded.changed_at",
        (&row.id, &row.name, &row.kind, &row.content, row.created_at, row.changed_at),
    )?;
    Ok(())
}

/// Forgets a profile; tells whether there was one.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM ade_profiles WHERE id = ?1", [id])? == 1)
}

/// The profile of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<AdeProfile>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM ade_profiles WHERE id = ?1"), [id], profile)
}

/// Every profile, by name.
pub fn all(tx: &Tx) -> Result<Vec<AdeProfile>> {
    tx.list(sql!("SELECT {COLUMNS} FROM ade_profiles ORDER BY name COLLATE NOCASE, id"), [], profile)
}

/// A profile as Apple has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined {
    /// At which server.
    pub server_id: String,
    /// Which of our profiles.
    pub profile_id: String,
    /// The digest of what was sent.
    pub digest: String,
    /// Apple's id of it; empty when it refused.
    pub profile_uuid: String,
    /// Why it refused, in words.
    pub problem: String,
    /// Not sent again before.
    pub due_at: Option<Timestamp>,
    /// When it answered.
    pub defined_at: Timestamp,
}

/// Stores what Apple has of a profile.
pub fn put_defined(tx: &Tx, row: &Defined) -> Result<()> {
    tx.execute(
        "INSERT INTO ade_defined (server_id, profile_id, digest, profile_uuid, problem, due_at, defined_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (server_id, profile_id) DO UPDATE SET digest = excluded.digest, profile_uuid = excluded.profile_uuid,
                problem = excluded.problem, due_at = excluded.due_at, defined_at = excluded.defined_at",
        (&row.server_id, &row.profile_id, &row.digest, &row.profile_uuid, &row.problem, row.due_at, row.defined_at),
    )?;
    Ok(())
}

/// Has a profile that Apple refused be sent again now; tells whether there was one.
pub fn send_again(tx: &Tx, profile_id: &str) -> Result<bool> {
    Ok(tx.execute("UPDATE ade_defined SET due_at = NULL WHERE profile_id = ?1 AND due_at IS NOT NULL", [profile_id])? > 0)
}

/// The same for every profile of a server.
pub fn send_all_again(tx: &Tx, server_id: &str) -> Result<bool> {
    Ok(tx.execute("UPDATE ade_defined SET due_at = NULL WHERE server_id = ?1 AND due_at IS NOT NULL", [server_id])? > 0)
}

/// What Apple has of our profiles at a server.
pub fn defined(tx: &Tx, server_id: &str) -> Result<Vec<Defined>> {
    tx.list(
        "SELECT server_id, profile_id, digest, profile_uuid, problem, due_at, defined_at FROM ade_defined WHERE server_id = ?1 ORDER BY profile_id",
        [server_id],
        |row| {
            Ok(Defined {
                server_id: row.get(0)?,
                profile_id: row.get(1)?,
                digest: row.get(2)?,
                profile_uuid: row.get(3)?,
                problem: row.get(4)?,
                due_at: row.get(5)?,
                defined_at: row.get(6)?,
            })
        },
    )
}

/// Sets the profile of a server's devices of a family for which nobody chose one, or none; `""` is every other family.
pub fn set_default(tx: &Tx, server_id: &str, family: &str, profile_id: Option<&str>) -> Result<()> {
    match profile_id {
        Some(profile) => tx.execute(
            "INSERT INTO ade_defaults (server_id, device_family, profile_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (server_id, device_family) DO UPDATE SET profile_id = excluded.profile_id",
            [server_id, family, profile],
        )?,
        None => tx.execute("DELETE FROM ade_defaults WHERE server_id = ?1 AND device_family = ?2", [server_id, family])?,
    };
    Ok(())
}

/// Every default of a server, as (family, profile).
pub fn defaults(tx: &Tx, server_id: &str) -> Result<Vec<(String, String)>> {
    let sql = "SELECT device_family, profile_id FROM ade_defaults WHERE server_id = ?1 ORDER BY device_family";
    tx.list(sql, [server_id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Sets the profile of a group's devices, or none.
pub fn set_of_group(tx: &Tx, group_id: &str, profile_id: Option<&str>) -> Result<()> {
    match profile_id {
        Some(profile) => tx.execute(
            "INSERT INTO ade_group_profiles (group_id, profile_id) VALUES (?1, ?2)
             ON CONFLICT (group_id) DO UPDATE SET profile_id = excluded.profile_id",
            [group_id, profile],
        )?,
        None => tx.execute("DELETE FROM ade_group_profiles WHERE group_id = ?1", [group_id])?,
    };
    Ok(())
}

/// Every group with a profile, as (group, its name, profile), by the group's name.
pub fn of_groups(tx: &Tx) -> Result<Vec<(String, String, String)>> {
    tx.list(
        "SELECT groups.id, groups.name, chosen.profile_id FROM ade_group_profiles AS chosen JOIN groups ON groups.id = chosen.group_id
         ORDER BY groups.name COLLATE NOCASE, groups.id",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}
