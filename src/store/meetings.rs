//! Which profiles and policies meet on which devices.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::assignments::AssignedKind;

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

/// The enrolled devices of these groups, each counted once, those that are alike together.
pub fn of_groups(tx: &Tx, groups: &[&str]) -> Result<Vec<Alike>> {
    alike(tx, groups, "SELECT device_id FROM group_devices WHERE group_id IN (SELECT value FROM json_each(?1))", "")
}

/// The enrolled ones of these devices, those that are alike together; as if they were not in the group `without`, where one is named.
pub fn of_devices(tx: &Tx, devices: &[&str], without: Option<&str>) -> Result<Vec<Alike>> {
    alike(tx, devices, "SELECT value FROM json_each(?1)", without.unwrap_or_default())
}

/// The kinds of things that get in each other's way.
const MEET: [AssignedKind; 4] = [AssignedKind::Profile, AssignedKind::Policy, AssignedKind::App, AssignedKind::Declaration];

/// What is assigned now, by the group whose devices it is for; the group `without` is left out.
fn assigned(tx: &Tx, without: &str) -> Result<BTreeMap<String, Vec<(AssignedKind, String)>>> {
    let rows: Vec<(String, AssignedKind, String)> = tx.list(
        "SELECT group_id, kind, item_id FROM assignments
         WHERE kind IN ('profile', 'policy', 'app', 'declaration') AND group_id <> ?1 AND (ends_at IS NULL OR ends_at > ?2)",
        (without, tx.now),
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut assigned = BTreeMap::<String, Vec<(AssignedKind, String)>>::new();
    for (group_id, kind, item_id) in rows {
        assigned.entry(group_id).or_default().push((kind, item_id));
    }
    Ok(assigned)
}

/// How SQLite finds them: along two indices that hold what decides, and not through the rows, which hold all that devices ever said. What their groups
/// bring them is looked up afterwards, once for all that are in the same groups.
fn gathered(which: &str) -> String {
    format!(
        "SELECT min(id), count(*), circles, json_array(platform, os_version, supervised, kind, access_rights, shared, ade)
         FROM (SELECT devices.id, platform, os_version, supervised, kind, access_rights, facts ->> '$.IsMultiUser' AS shared,
                      security ->> '$.ManagementStatus.EnrolledViaDEP' AS ade,
                      (SELECT json_group_array(group_id) FROM group_devices WHERE group_devices.device_id = devices.id AND group_id IN
                          (SELECT group_id FROM assignments WHERE kind IN ('profile', 'policy', 'app', 'declaration')
                           AND group_id <> ?3 AND (ends_at IS NULL OR ends_at > ?2))) AS circles
               FROM devices INDEXED BY devices_met
               CROSS JOIN enrollments INDEXED BY enrollments_device ON enrollments.device_id = devices.id AND parent_id IS NULL
               WHERE deleted_at IS NULL AND state = 'enrolled' AND devices.id IN ({which}))
         GROUP BY platform, os_version, supervised, kind, access_rights, shared, ade, circles"
    )
}

fn alike(tx: &Tx, ids: &[&str], which: &str, without: &str) -> Result<Vec<Alike>> {
    let ids = serde_json::to_string(ids).map_err(|error| Error::internal("ids are JSON", error))?;
    let assigned = assigned(tx, without)?;
    let rows: Vec<(String, u64, String, String)> = tx.list(&gathered(which), (ids, tx.now, without), |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs(), row.get(2)?, row.get(3)?))
    })?;
    let mut together = BTreeMap::<(String, [Vec<String>; 4]), (String, u64)>::new();
    for (device_id, count, circles, sort) in rows {
        let circles: Vec<String> = serde_json::from_str(&circles).map_err(|error| Error::internal("lists of ids are JSON", error))?;
        let theirs: Vec<&(AssignedKind, String)> = circles.iter().filter_map(|circle| assigned.get(circle)).flatten().collect();
        let items = MEET.map(|kind| {
            let of_kind: BTreeSet<&String> = theirs.iter().filter(|(known, _)| *known == kind).map(|(_, id)| id).collect();
            of_kind.into_iter().cloned().collect::<Vec<String>>()
        });
        // Other groups may bring the same.
        let whole = together.entry((sort, items)).or_insert_with(|| (device_id.clone(), 0));
        whole.1 += count;
        if device_id < whole.0 {
            whole.0 = device_id;
        }
    }
    let mut found: Vec<Alike> = together
        .into_iter()
        .map(|((_, [profiles, policies, apps, declarations]), (device_id, device_count))| Alike {
            device_id,
            device_count,
            profiles,
            policies,
            apps,
            declarations,
        })
        .collect();
    found.sort_by(|one, other| one.device_id.cmp(&other.device_id));
    Ok(found)
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
    use crate::clock::Timestamp;
    use crate::store::{OpenOptions, Store};

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

    #[test]
    fn devices_are_alike_by_what_they_are_and_by_what_their_groups_bring_whichever_groups_those_are() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let work = |tx: &Tx| {
            for group in ["g1", "g2", "g3"] {
                tx.execute("INSERT INTO groups (id, name, created_at, changed_at) VALUES (?1, ?1, 1, 1)", [group])?;
            }
            let assigned =
                [("policy", "p", "g1", None), ("policy", "p", "g2", None), ("app", "a", "g2", Some(5)), ("app", "b", "g3", None)];
            for (kind, item, group, ends) in assigned {
                tx.execute(
                    "INSERT INTO assignments (id, kind, item_id, group_id, ends_at, created_by, created_at) VALUES (?1 || ?2 || ?3, ?1, ?2, ?3, ?4, '', 1)",
                    (kind, item, group, ends),
                )?;
            }
            // The same by another group; another system; one group more; one that has left; a user's channel.
            for (id, group, version) in
                [("d1", "g1", "18.1"), ("d2", "g2", "18.1"), ("d3", "g1", "26.0"), ("d4", "g1", "18.1"), ("d5", "g1", "18.1")]
            {
                device(tx, id, id, version, group)?;
            }
            tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES ('g3', 'd4'), ('g2', 'd1')", [])?;
            tx.execute("UPDATE enrollments SET state = 'left' WHERE device_id = 'd5'", [])?;
            user(tx, "d3", "kim")?;
            let found = of_groups(tx, &["g1", "g2"])?;
            let without = of_devices(tx, &["d1", "d4"], Some("g1"))?;
            let plans = crate::store::plans::of(tx, || of_groups(tx, &["g1"]))?;
            Ok((found, without, plans))
        };
        let (found, without, plans) = store.write_blocking(Timestamp::from_seconds(1_795_000_000), work).unwrap();
        let sorts: Vec<_> =
            found.iter().map(|alike| (alike.device_id.as_str(), alike.device_count, alike.policies.len(), alike.apps.clone())).collect();
        let app = |id: &str| vec![String::from(id)];
        assert_eq!(sorts, [("d1", 2, 1, vec![]), ("d3", 1, 1, vec![]), ("d4", 1, 1, app("b"))], "what has ended brings nothing");
        let sorts: Vec<_> = without.iter().map(|alike| (alike.device_id.as_str(), alike.policies.len(), alike.apps.clone())).collect();
        assert_eq!(sorts, [("d1", 1, vec![]), ("d4", 0, app("b"))]);
        let steps = &plans.steps;
        assert!(steps.iter().any(|step| step.starts_with("SEARCH devices USING") && step.contains("devices_met")), "{steps:#?}");
        assert!(steps.iter().any(|step| step.starts_with("SEARCH enrollments USING COVERING INDEX enrollments_device")), "{steps:#?}");
    }

    /// Makes such a device a Mac.
    pub(crate) fn is_mac(tx: &Tx, device_id: &str) -> Result<()> {
        tx.execute("UPDATE devices SET platform = 'macos', product_name = 'Mac14,2' WHERE id = ?1", [device_id])?;
        Ok(())
    }
}
