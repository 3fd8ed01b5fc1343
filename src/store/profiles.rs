//! Uploaded profiles and their versions, and how far devices are with them.

use rusqlite::{Row, named_params};
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::protocol::mobileconfig::facts::Facts;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::words::words;

/// An uploaded profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// PayloadIdentifier, which no other has.
    pub identifier: String,
    /// What people call it.
    pub name: String,
    /// What it is for, for people.
    pub note: String,
    /// The version that devices are to have.
    pub version: i64,
    /// When it was first uploaded.
    pub created_at: Timestamp,
    /// When its name, note or version changed last.
    pub changed_at: Timestamp,
}

/// One version of a profile, without its content.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The profile.
    pub profile_id: String,
    /// Its number, from 1.
    pub version: i64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Bytes of the content.
    pub size_bytes: i64,
    /// What it is and holds.
    pub facts: Facts,
    /// The names of the variables that it uses.
    pub variables: Vec<String>,
    /// Who uploaded it, for people.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

const COLUMNS: &str =
    "profiles.id, profiles.identifier, profiles.name, profiles.note, profiles.version, profiles.created_at, profiles.changed_at";

const VERSION_COLUMNS: &str = "profile_id, version, sha256, size_bytes, facts, variables, created_by, created_at";

fn profile(row: &Row<'_>) -> rusqlite::Result<Profile> {
    Ok(Profile {
        id: row.get(0)?,
        identifier: row.get(1)?,
        name: row.get(2)?,
        note: row.get(3)?,
        version: row.get(4)?,
        created_at: row.get(5)?,
        changed_at: row.get(6)?,
    })
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        profile_id: row.get(0)?,
        version: row.get(1)?,
        sha256: row.get(2)?,
        size_bytes: row.get(3)?,
        facts: json(row, 4)?,
        variables: json(row, 5)?,
        created_by: row.get(6)?,
        created_at: row.get(7)?,
    })
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error)))
}

/// Stores a new profile, whose first version must follow.
pub fn insert(tx: &Tx, profile: &Profile) -> Result<()> {
    tx.execute(
        "INSERT INTO profiles (id, identifier, name, note, version, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&profile.id, &profile.identifier, &profile.name, &profile.note, profile.version, profile.created_at, profile.changed_at),
    )?;
    Ok(())
}

/// Stores what an admin changed: name, note and the version in use.
pub fn update(tx: &Tx, profile: &Profile) -> Result<()> {
    tx.execute(
        "UPDATE profiles SET name = ?2, note = ?3, version = ?4, changed_at = ?5 WHERE id = ?1",
        (&profile.id, &profile.name, &profile.note, profile.version, profile.changed_at),
    )?;
    Ok(())
}

/// Removes a profile with all its versions.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM profiles WHERE id = ?1", [id])?;
    Ok(())
}

/// The profile of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Profile>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM profiles WHERE id = ?1"), [id], profile)
}

/// The profile with this PayloadIdentifier.
pub fn by_identifier(tx: &Tx, identifier: &str) -> Result<Option<Profile>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM profiles WHERE identifier = ?1"), [identifier], profile)
}

/// Profiles by name, from after a name and an id.
pub fn list(tx: &Tx, after: Option<&(String, String)>, limit: u32) -> Result<Vec<Profile>> {
    let (name, id) = after.map(|(name, id)| (name.as_str(), id.as_str())).unzip();
    tx.list(
        sql!("SELECT {COLUMNS} FROM profiles WHERE ?1 IS NULL OR (name, id) > (?1, ?2) ORDER BY name, id LIMIT ?3"),
        (name, id, limit),
        profile,
    )
}

/// How many profiles there are.
pub fn count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM profiles", [], |row| row.get(0)).map(i64::unsigned_abs)
}

fn place(profile_id: &str, version: i64) -> String {
    format!("profile_versions.content_sealed/{profile_id}/{version}")
}

/// Stores a version with its content.
pub fn insert_version(tx: &Tx, version: &Version, content: &[u8]) -> Result<()> {
    let sealed = tx.seal(&place(&version.profile_id, version.version), content)?;
    let written = |error: serde_json::Error| Error::internal("what is known of a profile could not be written", error);
    tx.execute(
        "INSERT INTO profile_versions (profile_id, version, sha256, size_bytes, facts, variables, created_by, created_at, content_sealed)
         VALUES (:profile_id, :version, :sha256, :size_bytes, :facts, :variables, :created_by, :created_at, :content)",
        named_params! {
            ":profile_id": version.profile_id, ":version": version.version, ":sha256": &version.sha256[..], ":size_bytes": version.size_bytes,
            ":facts": serde_json::to_string(&version.facts).map_err(written)?,
            ":variables": serde_json::to_string(&version.variables).map_err(written)?,
            ":created_by": version.created_by, ":created_at": version.created_at, ":content": sealed,
        },
    )?;
    Ok(())
}

/// The versions of a profile, newest first.
pub fn versions(tx: &Tx, profile_id: &str) -> Result<Vec<Version>> {
    tx.list(sql!("SELECT {VERSION_COLUMNS} FROM profile_versions WHERE profile_id = ?1 ORDER BY version DESC"), [profile_id], version)
}

/// One version of a profile.
pub fn version_of(tx: &Tx, profile_id: &str, number: i64) -> Result<Option<Version>> {
    tx.optional(
        sql!("SELECT {VERSION_COLUMNS} FROM profile_versions WHERE profile_id = ?1 AND version = ?2"),
        (profile_id, number),
        version,
    )
}

/// The content of a version, as it was uploaded.
pub fn content(tx: &Tx, profile_id: &str, number: i64) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> =
        tx.optional("SELECT content_sealed FROM profile_versions WHERE profile_id = ?1 AND version = ?2", (profile_id, number), |row| {
            row.get(0)
        })?;
    sealed.map(|sealed| tx.open(&place(profile_id, number), &sealed)).transpose()
}

/// Removes one version.
pub fn delete_version(tx: &Tx, profile_id: &str, number: i64) -> Result<bool> {
    Ok(tx.execute("DELETE FROM profile_versions WHERE profile_id = ?1 AND version = ?2", (profile_id, number))? == 1)
}

/// The name of a group, if there is one of this id.
pub fn group_name(tx: &Tx, group_id: &str) -> Result<Option<String>> {
    tx.optional("SELECT name FROM groups WHERE id = ?1", [group_id], |row| row.get(0))
}

/// Whether Rollcall manages a user of this Mac, who can have a profile of their own.
pub fn has_user_channel(tx: &Tx, device_id: &str) -> Result<bool> {
    let found =
        "SELECT EXISTS (SELECT 1 FROM enrollments WHERE device_id = ?1 AND kind IN ('user', 'user_enrollment') AND state = 'enrolled')";
    tx.one(found, [device_id], |row| row.get(0))
}

/// Another profile that reaches devices of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// The profile.
    pub profile_id: String,
    /// How many devices both reach.
    pub device_count: u64,
}

/// The other profiles that reach a device of this group: by the same group, or by another with a device in both.
pub fn rivals(tx: &Tx, profile_id: &str, group_id: &str) -> Result<Vec<Rival>> {
    tx.list(
        "SELECT other.item_id, count(DISTINCT theirs.device_id)
         FROM assignments AS other
         LEFT JOIN group_devices AS theirs
                ON theirs.group_id = other.group_id
               AND theirs.device_id IN (SELECT device_id FROM group_devices WHERE group_id = ?2)
         WHERE other.kind = 'profile' AND other.item_id <> ?1 AND (other.ends_at IS NULL OR other.ends_at > ?3)
         GROUP BY other.item_id
         HAVING count(theirs.device_id) > 0 OR max(other.group_id = ?2) = 1
         ORDER BY other.item_id",
        (profile_id, group_id, tx.now),
        |row| Ok(Rival { profile_id: row.get(0)?, device_count: row.get::<_, i64>(1)?.unsigned_abs() }),
    )
}

words! {
    /// How far a device is with a profile.
    pub enum ProfileState {
        /// The device confirmed that it has it.
        Installed = "installed",
        /// It was sent and is not confirmed yet.
        Installing = "installing",
        /// It is to be sent.
        Waiting = "waiting",
        /// The device refused it.
        Failed = "failed",
        /// It is to go from the device.
        Removing = "removing",
        /// The device cannot have it.
        Unable = "unable",
    }
}

/// How a deployment stands, in one word. What still stands in the queue has reached nobody: it waits.
pub(in crate::store) const STATE: &str = "CASE WHEN wanted = '' THEN 'removing' WHEN seen = wanted THEN 'installed' WHEN problem <> '' THEN 'failed' \
     WHEN deployments.command_uuid IS NOT NULL THEN iif(EXISTS (SELECT 1 FROM commands WHERE commands.uuid = deployments.command_uuid \
         AND commands.enrollment_id = deployments.enrollment_id AND commands.sent_at IS NOT NULL), 'installing', 'waiting') \
     WHEN sent = wanted THEN 'installing' ELSE 'waiting' END";

/// How many enrollments are how far with the profile of this identifier; states that none is in are left out.
pub fn counts(tx: &Tx, identifier: &str) -> Result<Vec<(ProfileState, u64)>> {
    tx.list(
        sql!(
            "SELECT {STATE} AS state, count(*) FROM deployments JOIN enrollments ON enrollments.id = enrollment_id
             WHERE key = 'profile:' || ?1 AND enrollments.state = 'enrolled' GROUP BY 1"
        ),
        [identifier],
        |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

/// How far one enrollment is with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The enrollment.
    pub enrollment_id: String,
    /// Its device.
    pub device_id: String,
    /// What the device is called: its name, else its serial number.
    pub device_name: String,
    /// Which user of the device, where it is a user's channel.
    pub user_name: String,
    /// How far it is.
    pub state: ProfileState,
    /// Why it failed, or cannot be.
    pub because: String,
    /// Since when.
    pub changed_at: Option<Timestamp>,
}

pub(in crate::store) fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    Ok(Standing {
        enrollment_id: row.get(0)?,
        device_id: row.get(1)?,
        device_name: row.get(2)?,
        user_name: row.get(3)?,
        state: row.get(4)?,
        because: row.get(5)?,
        changed_at: row.get(6)?,
    })
}

/// Whose a standing is: its first four columns.
pub(in crate::store) const WHOSE: &str =
    "enrollments.id, enrollments.device_id, coalesce(nullif(devices.name, ''), devices.serial_number, ''), enrollments.user_short_name";

/// How far each enrollment is with what has this key in the deployments: those that failed first, then by name.
pub fn standings(tx: &Tx, key: &str, limit: u32) -> Result<Vec<Standing>> {
    let sql = format!(
        "SELECT {WHOSE}, {STATE} AS state, problem, deployments.changed_at
         FROM deployments JOIN enrollments ON enrollments.id = enrollment_id JOIN devices ON devices.id = enrollments.device_id
         WHERE key = ?1 AND enrollments.state = 'enrolled'
         ORDER BY problem = '', devices.name, enrollments.id LIMIT ?2"
    );
    tx.list(&sql, (key, limit), standing)
}

/// The enrollments that an item of this kind is meant for and that cannot have it, each with the reason that was found when it was planned for; of a
/// policy, which has many parts, with the part. Only the plans in which something cannot be are looked at.
pub fn unable(tx: &Tx, kind: AssignedKind, id: &str, limit: u32) -> Result<Vec<Standing>> {
    let sql = format!(
        "SELECT DISTINCT {WHOSE}, 'unable',
                CASE ?3 WHEN 'policy' THEN json_extract(unable.value, '$.what') || ': ' ELSE '' END || json_extract(unable.value, '$.because'),
                plans.planned_at
         FROM plans INDEXED BY plans_unable CROSS JOIN json_each(plans.unable) AS unable
         CROSS JOIN enrollments ON enrollments.id = plans.enrollment_id CROSS JOIN devices ON devices.id = enrollments.device_id
         WHERE plans.unable <> '[]' AND json_extract(unable.value, '$.origin.id') = ?1 AND enrollments.state = 'enrolled'
           AND EXISTS (SELECT 1 FROM group_devices JOIN assignments USING (group_id)
                       WHERE group_devices.device_id = enrollments.device_id AND assignments.kind = ?3 AND item_id = ?1)
         ORDER BY devices.name, enrollments.id LIMIT ?2"
    );
    tx.list(&sql, (id, limit, kind), standing)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes a group of these devices.
    pub(crate) fn group(tx: &Tx, id: &str, name: &str, devices: &[&str]) -> Result<()> {
        tx.execute("INSERT INTO groups (id, name, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)", (id, name, tx.now))?;
        for device in devices {
            tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES (?1, ?2)", (id, device))?;
        }
        Ok(())
    }

    /// Assigns every profile there is to a group.
    pub(crate) fn assign_all(tx: &Tx, group_id: &str) -> Result<()> {
        tx.execute(
            "INSERT INTO assignments (id, kind, item_id, group_id, created_by, created_at) SELECT id, 'profile', id, ?1, 'console', ?2 FROM profiles",
            (group_id, tx.now),
        )?;
        Ok(())
    }

    /// Writes down how far an enrollment is with a profile: digests of what is wanted, sent and seen, and what went wrong.
    pub(crate) fn deployed(tx: &Tx, enrollment_id: &str, identifier: &str, digests: [&str; 3], problem: &str) -> Result<()> {
        let [wanted, sent, seen] = digests;
        tx.execute(
            "INSERT OR REPLACE INTO deployments (enrollment_id, key, mechanism, wanted, sent, seen, problem, changed_at)
             VALUES (?1, 'profile:' || ?2, 'command', ?3, ?4, ?5, ?6, ?7)",
            (enrollment_id, identifier, wanted, sent, seen, problem, tx.now),
        )?;
        Ok(())
    }

    /// Writes down what an enrollment cannot have.
    pub(crate) fn planned(tx: &Tx, enrollment_id: &str, unable: &str) -> Result<()> {
        tx.execute(
            "INSERT OR REPLACE INTO plans (enrollment_id, generation, planned_at, unable) VALUES (?1, 1, ?2, ?3)",
            (enrollment_id, tx.now, unable),
        )?;
        Ok(())
    }

    /// Whether an enrollment is to be planned for anew; once asked, no more.
    pub(crate) fn take_due(tx: &Tx, enrollment_id: &str) -> Result<bool> {
        Ok(tx.execute("UPDATE plans SET due_at = NULL WHERE enrollment_id = ?1 AND due_at IS NOT NULL", [enrollment_id])? == 1)
    }
}
