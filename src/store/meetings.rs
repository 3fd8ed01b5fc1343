//! Which profiles and policies meet on which devices.

use crate::error::{Error, Result};
use crate::store::Tx;

/// Devices that are alike in everything that decides what policies come to on them, and that have the same profiles, policies and apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// One of them.
    pub device_id: String,
    /// How many they are.
    pub device_count: u64,
    /// The profiles that are assigned to their groups, by id.
    pub profiles: Vec<String>,
    /// The policies that are assigned to their groups, by id.
    pub policies: Vec<String>,
    /// The apps that are assigned to their groups, by id.
    pub apps: Vec<String>,
    /// The declarations that are assigned to their groups, by id.
    pub declarations: Vec<String>,
}

/// What is wanted of a device by any of its groups but one, as a list in JSON.
const WANTED: &str = "(SELECT json_group_array(item_id) FROM (SELECT DISTINCT item_id FROM group_devices JOIN assignments USING (group_id) \
     WHERE group_devices.device_id = devices.id AND group_devices.group_id <> ?3 AND assignments.kind = KIND \
       AND (ends_at IS NULL OR ends_at > ?2) ORDER BY item_id))";

/// The enrolled devices of these groups, each counted once, those that are alike together.
pub fn of_groups(tx: &Tx, groups: &[&str]) -> Result<Vec<Alike>> {
    alike(tx, groups, "SELECT device_id FROM group_devices WHERE group_id IN (SELECT value FROM json_each(?1))", "")
}

/// The enrolled ones of these devices, those that are alike together; as if they were not in the group `without`, where one is named.
pub fn of_devices(tx: &Tx, devices: &[&str], without: Option<&str>) -> Result<Vec<Alike>> {
    alike(tx, devices, "SELECT value FROM json_each(?1)", without.unwrap_or_default())
}

fn alike(tx: &Tx, ids: &[&str], which: &str, without: &str) -> Result<Vec<Alike>> {
    let ids = serde_json::to_string(ids).map_err(|error| Error::internal("ids are JSON", error))?;
    let wanted = |kind: &str| WANTED.replace("KIND", kind);
    let (profiles, policies) = (wanted("'profile'"), wanted("'policy'"));
    let (apps, declarations) = (wanted("'app'"), wanted("'declaration'"));
    tx.list(
        &format!(
            "SELECT min(id), count(*), profiles, policies, apps, declarations
             FROM (SELECT devices.id, devices.platform, devices.os_version, devices.supervised, enrollments.kind, enrollments.access_rights,
                          json_extract(devices.facts, '$.IsMultiUser') AS shared,
                          json_extract(devices.security, '$.ManagementStatus.EnrolledViaDEP') AS ade,
                          {profiles} AS profiles, {policies} AS policies, {apps} AS apps,
                          {declarations} AS declarations
                   FROM devices JOIN enrollments ON enrollments.device_id = devices.id
                   WHERE devices.deleted_at IS NULL AND enrollments.parent_id IS NULL AND enrollments.state = 'enrolled'
                     AND devices.id IN ({which}))
             GROUP BY platform, os_version, supervised, kind, access_rights, shared, ade, profiles, policies, apps, declarations
             ORDER BY min(id)"
        ),
        (ids, tx.now, without),
        |row| {
            let ids = |text: String| serde_json::from_str(&text).unwrap_or_default();
            Ok(Alike {
                device_id: row.get(0)?,
                device_count: row.get::<_, i64>(1)?.unsigned_abs(),
                profiles: ids(row.get(2)?),
                policies: ids(row.get(3)?),
                apps: ids(row.get(4)?),
                declarations: ids(row.get(5)?),
            })
        },
    )
}

/// Enrolled devices that are alike in everything that decides which keys they take: one of them, and how many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restricted {
    /// One of them.
    pub device_id: String,
    /// How many they are.
    pub device_count: u64,
}

/// Of the enrolled devices of these groups, or of all, those that do not take every key: people's own, and those that are known not to be supervised.
pub fn restricted(tx: &Tx, groups: Option<&[&str]>) -> Result<Vec<Restricted>> {
    let groups = groups.map(serde_json::to_string).transpose().map_err(|error| Error::internal("ids are JSON", error))?;
    tx.list(
        "SELECT min(id), count(*)
         FROM (SELECT devices.id, devices.platform, devices.os_version, devices.supervised, enrollments.kind,
                      json_extract(devices.facts, '$.IsMultiUser') AS shared
               FROM devices JOIN enrollments ON enrollments.device_id = devices.id
               WHERE devices.deleted_at IS NULL AND enrollments.parent_id IS NULL AND enrollments.state = 'enrolled'
                 AND (devices.supervised = 0 OR enrollments.kind = 'user_enrollment_device')
                 AND (?1 IS NULL OR devices.id IN (SELECT device_id FROM group_devices WHERE group_id IN (SELECT value FROM json_each(?1)))))
         GROUP BY platform, os_version, supervised, kind, shared
         ORDER BY min(id)",
        [groups],
        |row| Ok(Restricted { device_id: row.get(0)?, device_count: row.get::<_, i64>(1)?.unsigned_abs() }),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A supervised, enrolled iPad or iPhone that has said which system it has, in a group.
    pub(crate) fn device(tx: &Tx, id: &str, name: &str, os_version: &str, group_id: &str) -> Result<()> {
        tx.execute(
            "INSERT INTO devices (id, name, product_name, os_version, platform, supervised, facts_at, created_at)
             VALUES (?1, ?2, 'iPad13,18', ?3, 'ios', 1, ?4, ?4)",
            (id, name, os_version, tx.now),
        )?;
        tx.execute(
            "INSERT INTO enrollments (id, device_id, kind, nano_id, state, authenticated_at, created_at)
             VALUES ('e-' || ?1, ?1, 'device', 'U-' || ?1, 'enrolled', ?2, ?2)",
            (id, tx.now),
        )?;
        tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES (?1, ?2)", (group_id, id))?;
        Ok(())
    }

    /// Makes such a device a person's own.
    pub(crate) fn is_own(tx: &Tx, device_id: &str) -> Result<()> {
        tx.execute("UPDATE devices SET supervised = 0 WHERE id = ?1", [device_id])?;
        tx.execute("UPDATE enrollments SET kind = 'user_enrollment_device' WHERE device_id = ?1", [device_id])?;
        Ok(())
    }

    /// Has such a device say that it is not supervised.
    pub(crate) fn is_unsupervised(tx: &Tx, device_id: &str) -> Result<()> {
        tx.execute("UPDATE devices SET supervised = 0 WHERE id = ?1", [device_id]).map(drop)
    }

    /// A user's channel of such a device.
    pub(crate) fn user(tx: &Tx, device_id: &str, short_name: &str) -> Result<()> {
        tx.execute(
            "INSERT INTO enrollments (id, device_id, parent_id, kind, nano_id, user_short_name, state, authenticated_at, created_at)
             VALUES ('e-' || ?1 || '-' || ?2, ?1, 'e-' || ?1, 'user', 'U-' || ?1 || ':' || ?2, ?2, 'enrolled', ?3, ?3)",
            (device_id, short_name, tx.now),
        )?;
        Ok(())
    }

    /// Such a device took everything that was wanted, and has been woken.
    pub(crate) fn has_everything(tx: &Tx, enrollment_id: &str) -> Result<()> {
        tx.execute(
            "UPDATE deployments SET sent = wanted, seen = wanted, command_uuid = NULL, due_at = NULL WHERE enrollment_id = ?1",
            [enrollment_id],
        )?;
        tx.execute("DELETE FROM commands WHERE enrollment_id = ?1", [enrollment_id])?;
        tx.execute("UPDATE enrollments SET push_due_at = NULL WHERE id = ?1", [enrollment_id])?;
        Ok(())
    }

    /// Makes such a device a Mac.
    pub(crate) fn is_mac(tx: &Tx, device_id: &str) -> Result<()> {
        tx.execute("UPDATE devices SET platform = 'macos', product_name = 'Mac14,2' WHERE id = ?1", [device_id])?;
        Ok(())
    }
}
