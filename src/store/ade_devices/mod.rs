//! Devices that Apple says are ours, enrolled or not: what it says of each, which profile each is to have, and what came of assigning it.

mod listed;

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::ade_profiles::{self, AdeProfile};
use crate::store::ade_servers::{self, AdeServer};
use crate::store::tx::Tx;
use crate::store::upsert::upsert;
use crate::store::words::words;

pub use listed::{Counts, Filter, Listed, Show, count, counts, list, listed};

words! {
    /// What came of assigning a profile.
    pub enum AssignResult {
        /// Nothing was asked for yet.
        None = "none",
        /// It is assigned.
        Success = "success",
        /// Apple says that the device is not this server's.
        NotAccessible = "not_accessible",
        /// Apple could not do it.
        Failed = "failed",
        /// Apple wants us to wait with this device.
        Throttled = "throttled",
    }
}

/// A device as Apple tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdeDevice {
    /// The server that it is assigned to.
    pub server_id: String,
    /// Its serial number.
    pub serial_number: String,
    /// "iPad (10th generation)".
    pub model: String,
    /// Apple's description of it.
    pub description: String,
    /// Its colour, in Apple's word.
    pub color: String,
    /// The organisation's own tag.
    pub asset_tag: String,
    /// iPhone, iPad, iPod, Mac, `AppleTV`, Vision.
    pub device_family: String,
    /// iOS, iPadOS, OSX, tvOS, visionOS.
    pub os: String,
    /// empty, assigned, pushed, removed.
    pub profile_status: String,
    /// The profile that it has, as Apple says.
    pub profile_uuid: String,
    /// Since when.
    pub profile_assigned_at: Option<Timestamp>,
    /// When the device fetched it.
    pub profile_pushed_at: Option<Timestamp>,
    /// When it came to our server in Apple's portal.
    pub assigned_at: Option<Timestamp>,
    /// Who did that.
    pub assigned_by: String,
    /// The moment of the newest event that counted.
    pub op_at: Option<Timestamp>,
    /// When Apple last named it.
    pub seen_at: Timestamp,
    /// Since when it is not ours any more.
    pub gone_at: Option<Timestamp>,
    /// The profile that somebody chose for it alone.
    pub chosen_profile_id: Option<String>,
    /// The profile that it is to have.
    pub profile_id: Option<String>,
    /// Whose it will be.
    pub person_id: Option<String>,
    /// The class that it is for.
    pub class_id: Option<String>,
    /// The group that it will be in.
    pub group_id: Option<String>,
    /// When person and group were passed on to the enrolled device.
    pub handed_over_at: Option<Timestamp>,
    /// The profile that Apple was last asked to assign.
    pub sent_uuid: String,
    /// What came of it.
    pub result: AssignResult,
    /// When.
    pub result_at: Option<Timestamp>,
    /// Attempts without success, in a row.
    pub attempts: i64,
    /// Not asked for again before.
    pub retry_at: Option<Timestamp>,
    /// Until when Apple has it move between servers, without being erased.
    pub migrates_by_at: Option<Timestamp>,
    /// When it has come here so.
    pub migrated_at: Option<Timestamp>,
}

impl AdeDevice {
    /// A device of which Apple has said its serial number alone.
    pub fn new(server_id: &str, serial_number: &str, now: Timestamp) -> Self {
        Self {
            server_id: server_id.to_owned(),
            serial_number: serial_number.to_owned(),
            model: String::new(),
            description: String::new(),
            color: String::new(),
            asset_tag: String::new(),
            device_family: String::new(),
            os: String::new(),
            profile_status: String::new(),
            profile_uuid: String::new(),
            profile_assigned_at: None,
            profile_pushed_at: None,
            assigned_at: None,
            assigned_by: String::new(),
            op_at: None,
            seen_at: now,
            gone_at: None,
            chosen_profile_id: None,
            profile_id: None,
            person_id: None,
            class_id: None,
            group_id: None,
            handed_over_at: None,
            sent_uuid: String::new(),
            result: AssignResult::None,
            result_at: None,
            attempts: 0,
            retry_at: None,
            migrates_by_at: None,
            migrated_at: None,
        }
    }
}

const COLUMNS: &str = "server_id, serial_number, model, description, color, asset_tag, device_family, os, profile_status, profile_uuid, \
     profile_assigned_at, profile_pushed_at, assigned_at, assigned_by, op_at, seen_at, gone_at, chosen_profile_id, profile_id, person_id, \
     class_id, group_id, handed_over_at, sent_uuid, result, result_at, attempts, retry_at, migrates_by_at, migrated_at";

fn device(row: &Row<'_>) -> rusqlite::Result<AdeDevice> {
    Ok(AdeDevice {
        server_id: row.get(0)?,
        serial_number: row.get(1)?,
        model: row.get(2)?,
        description: row.get(3)?,
        color: row.get(4)?,
        asset_tag: row.get(5)?,
        device_family: row.get(6)?,
        os: row.get(7)?,
        profile_status: row.get(8)?,
        profile_uuid: row.get(9)?,
        profile_assigned_at: row.get(10)?,
        profile_pushed_at: row.get(11)?,
        assigned_at: row.get(12)?,
        assigned_by: row.get(13)?,
        op_at: row.get(14)?,
        seen_at: row.get(15)?,
        gone_at: row.get(16)?,
        chosen_profile_id: row.get(17)?,
        profile_id: row.get(18)?,
        person_id: row.get(19)?,
        class_id: row.get(20)?,
        group_id: row.get(21)?,
        handed_over_at: row.get(22)?,
        sent_uuid: row.get(23)?,
        result: row.get(24)?,
        result_at: row.get(25)?,
        attempts: row.get(26)?,
        retry_at: row.get(27)?,
        migrates_by_at: row.get(28)?,
        migrated_at: row.get(29)?,
    })
}

/// Stores a device, new or changed.
pub fn put(tx: &Tx, row: &AdeDevice) -> Result<()> {
    tx.execute(
        &upsert("ade_devices", "server_id, serial_number", &[], COLUMNS),
        named_params! {
            ":server_id": row.server_id, ":serial_number": row.serial_number, ":model": row.model, ":description": row.description,
            ":color": row.color, ":asset_tag": row.asset_tag, ":device_family": row.device_family, ":os": row.os,
            ":profile_status": row.profile_status, ":profile_uuid": row.profile_uuid, ":profile_assigned_at": row.profile_assigned_at,
            ":profile_pushed_at": row.profile_pushed_at, ":assigned_at": row.assigned_at, ":assigned_by": row.assigned_by,
            ":op_at": row.op_at, ":seen_at": row.seen_at, ":gone_at": row.gone_at, ":chosen_profile_id": row.chosen_profile_id,
            ":profile_id": row.profile_id, ":person_id": row.person_id, ":class_id": row.class_id, ":group_id": row.group_id,
            ":handed_over_at": row.handed_over_at, ":sent_uuid": row.sent_uuid, ":result": row.result, ":result_at": row.result_at,
            ":attempts": row.attempts, ":retry_at": row.retry_at,
            ":migrates_by_at": row.migrates_by_at, ":migrated_at": row.migrated_at,
        },
    )?;
    Ok(())
}

/// A device of a server.
pub fn of(tx: &Tx, server_id: &str, serial_number: &str) -> Result<Option<AdeDevice>> {
    let sql = format!("SELECT {COLUMNS} FROM ade_devices WHERE server_id = ?1 AND serial_number = ?2");
    tx.optional(&sql, [server_id, serial_number], device)
}

/// Every device of a server, those that are gone left out, by serial number.
pub fn of_server(tx: &Tx, server_id: &str) -> Result<Vec<AdeDevice>> {
    let sql = format!("SELECT {COLUMNS} FROM ade_devices WHERE server_id = ?1 AND gone_at IS NULL ORDER BY serial_number");
    tx.list(&sql, [server_id], device)
}

/// A device, the server that it is assigned to, and the profile that it is to have.
#[derive(Debug, Clone)]
pub struct Known {
    /// The device.
    pub device: AdeDevice,
    /// Its server.
    pub server: AdeServer,
    /// Its profile, if it is to have one.
    pub profile: Option<AdeProfile>,
}

/// The device with this serial number, if Apple says that it is ours: one that is, before one that was.
pub fn by_serial(tx: &Tx, serial_number: &str) -> Result<Option<Known>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ade_devices WHERE serial_number = ?1 COLLATE NOCASE ORDER BY gone_at IS NOT NULL, seen_at DESC, server_id LIMIT 1"
    );
    let Some(device) = tx.optional(&sql, [serial_number], device)? else { return Ok(None) };
    let Some(server) = ade_servers::by_id(tx, &device.server_id)? else { return Ok(None) };
    let profile = device.profile_id.as_deref().map(|id| ade_profiles::by_id(tx, id)).transpose()?.flatten();
    Ok(Some(Known { device, server, profile }))
}

/// Devices of a server that Apple has not named since; those that are gone left out.
pub fn not_seen_since(tx: &Tx, server_id: &str, since: Timestamp) -> Result<Vec<AdeDevice>> {
    let sql = format!("SELECT {COLUMNS} FROM ade_devices WHERE server_id = ?1 AND gone_at IS NULL AND seen_at < ?2 ORDER BY serial_number");
    tx.list(&sql, (server_id, since), device)
}

/// How many devices are to have a profile.
pub fn count_with_profile(tx: &Tx, profile_id: &str) -> Result<u64> {
    let sql = "SELECT count(*) FROM ade_devices WHERE profile_id = ?1 AND gone_at IS NULL";
    tx.one(sql, [profile_id], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Whether a person was chosen for a device that is ours and not handed over yet.
pub fn is_expected(tx: &Tx, person_id: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM ade_devices WHERE person_id = ?1 AND gone_at IS NULL LIMIT 1";
    tx.optional(sql, [person_id], |_| Ok(())).map(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    pub(super) fn row(server_id: &str, serial_number: &str) -> AdeDevice {
        AdeDevice { device_family: String::from("iPad"), ..AdeDevice::new(server_id, serial_number, NOW) }
    }

    fn server(id: &str) -> AdeServer {
        AdeServer { state: ade_servers::ServerState::Ready, ..AdeServer::new(id.to_owned(), id.to_owned(), vec![1], NOW) }
    }

    #[test]
    fn a_device_is_known_by_its_serial_number_where_it_is_ours_now() {
        memory()
            .write_blocking(NOW, |tx| {
                for id in ["school", "annex"] {
                    ade_servers::insert(tx, &server(id), b"key")?;
                }
                let profile = AdeProfile {
                    id: "p".into(),
                    name: "P".into(),
                    kind: String::new(),
                    content: "{}".into(),
                    created_at: NOW,
                    changed_at: NOW,
                };
                ade_profiles::put(tx, &profile)?;
                put(tx, &AdeDevice { gone_at: Some(NOW), ..row("annex", "TESTSN0001") })?;
                put(tx, &AdeDevice { profile_id: Some("p".into()), ..row("school", "TESTSN0001") })?;
                let known = by_serial(tx, "testsn0001")?.unwrap();
                assert_eq!((known.server.id.as_str(), known.profile), ("school", Some(profile)));
                ade_profiles::delete(tx, "p")?;
                ade_servers::delete(tx, "annex")?;
                let known = by_serial(tx, "TESTSN0001")?.unwrap();
                assert_eq!((known.device, known.profile), (row("school", "TESTSN0001"), None));
                assert!(by_serial(tx, "TESTSN0002")?.is_none());
                assert_eq!(ade_servers::key(tx, "school")?.unwrap().expose(), b"key");
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn those_that_are_not_enrolled_are_counted_in_one_walk_whatever_the_case_of_serial_numbers() {
        use crate::store::devices::{self, Device};
        use crate::store::roster::tests::device;
        let work = |tx: &Tx| {
            ade_servers::insert(tx, &server("school"), b"key")?;
            for number in ["TESTSN0001", "TESTSN0002", "TESTSN0003"] {
                put(tx, &row("school", number))?;
            }
            devices::insert(tx, &Device { serial_number: Some("testsn0001".into()), ..device("0001", "iPad") })?;
            devices::insert(tx, &device("0002", "iPad"))?;
            for (id, state) in [("0001", "enrolled"), ("0002", "left")] {
                let sql = "INSERT INTO enrollments (id, device_id, kind, nano_id, state, created_at) VALUES (?1, ?1, 'device', ?1, ?2, 1)";
                tx.execute(sql, (id, state))?;
            }
            let found = counts(tx, "school")?;
            assert_eq!((found.ours, found.not_enrolled), (3, 2));
            let filter = Filter { server_id: None, show: Show::NotEnrolled, search: String::new() };
            let rest: Vec<_> = list(tx, &filter, None, 10)?.into_iter().map(|listed| listed.device.serial_number).collect();
            assert_eq!((rest, count(tx, &filter)?), (vec![String::from("TESTSN0002"), String::from("TESTSN0003")], 2));
            crate::store::plans::of(tx, || counts(tx, "school"))
        };
        let steps = memory().write_blocking(NOW, work).unwrap().steps;
        assert!(steps.iter().any(|step| step == "SCAN devices USING COVERING INDEX devices_roster"), "{steps:#?}");
    }
}
