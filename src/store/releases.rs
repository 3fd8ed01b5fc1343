//! What Apple's lookup service lists, and what it listed before: one row for each release, with the devices that it is for.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, named_params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Day, Timestamp};
use crate::error::{Error, Result};
use crate::protocol::lookup::List;
use crate::protocol::os_version::OsVersion;
use crate::store::Tx;

/// To whom and for how long a release is offered, as one entry of a list says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// In which list the entry stands.
    pub list: List,
    /// The day on which Apple posted it.
    pub posted: Option<Day>,
    /// The last day on which Apple signs it; none where it does not end.
    pub expires: Option<Day>,
    /// Product names, and board identifiers of Macs; empty where Apple did not say.
    pub devices: Vec<String>,
}

impl Offer {
    /// Whether Apple still signs it: through the end of its last day in UTC.
    pub fn is_signed(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|day| now < day.end())
    }
}

/// How a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    /// Listed, and Apple signs it.
    Current,
    /// Listed, and past its last day.
    Expired,
    /// Not listed any more.
    Vanished,
}

/// What tells one release from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReleaseKey {
    /// As it is listed: `iOS`, `macOS`, `visionOS`.
    pub platform: String,
    /// ProductVersion.
    pub version: String,
    /// Letters of a background security improvement.
    pub extra: String,
    /// Build; empty where Apple did not say.
    pub build: String,
    /// The build that a device must run to take it; of improvements only.
    pub prerequisite: String,
}

impl ReleaseKey {
    /// The version with its letters.
    pub fn os_version(&self) -> OsVersion {
        OsVersion::parse(&self.version).with_extra(&self.extra)
    }
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub key: ReleaseKey,
    /// To whom and for how long.
    pub offers: Vec<Offer>,
    /// When it was first seen here.
    pub appeared_at: Timestamp,
    /// When it was first not listed any more.
    pub vanished_at: Option<Timestamp>,
}

impl Release {
    /// How it stands.
    pub fn state(&self, now: Timestamp) -> ReleaseState {
        match self.vanished_at {
            Some(_) => ReleaseState::Vanished,
            None if self.offers.iter().any(|offer| offer.is_signed(now)) => ReleaseState::Current,
            None => ReleaseState::Expired,
        }
    }

    /// The first day on which it was posted for anybody.
    pub fn posted(&self) -> Option<Day> {
        self.offers.iter().filter_map(|offer| offer.posted).min()
    }

    /// The last day on which anybody can install it; none where that does not end.
    pub fn expires(&self) -> Option<Day> {
        let days: Option<Vec<_>> = self.offers.iter().map(|offer| offer.expires).collect();
        days?.into_iter().max()
    }

    /// The lists in which it stands.
    pub fn lists(&self) -> BTreeSet<List> {
        self.offers.iter().map(|offer| offer.list).collect()
    }

    /// Product names and board identifiers that it is for; none where Apple did not say.
    pub fn devices(&self) -> BTreeSet<&str> {
        self.offers.iter().flat_map(|offer| &offer.devices).map(String::as_str).collect()
    }
}

const COLUMNS: &str = "platform, version, extra, build, prerequisite, offers, appeared_at, vanished_at";

/// Every release that is listed now, in no order that means anything.
pub fn listed(tx: &Tx) -> Result<Vec<Release>> {
    unfold(tx.list(sql!("SELECT {COLUMNS} FROM releases WHERE vanished_at IS NULL"), [], read)?)
}

/// How many releases are listed now.
pub fn count_listed(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM releases WHERE vanished_at IS NULL", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Every release that is or was listed.
pub fn all(tx: &Tx) -> Result<Vec<Release>> {
    unfold(tx.list(sql!("SELECT {COLUMNS} FROM releases"), [], read)?)
}

/// Stores a release, in the place of what was known of it; devices are told of it while it is listed.
pub fn put(tx: &Tx, release: &Release) -> Result<()> {
    let offers = serde_json::to_string(&release.offers).map_err(|error| Error::internal("offers are JSON", error))?;
    let ReleaseKey { platform, version, extra, build, prerequisite } = &release.key;
    tx.execute(
        sql!(
            "INSERT OR REPLACE INTO releases ({COLUMNS}) VALUES (:platform, :version, :extra, :build, :prerequisite, :offers, :appeared_at, :vanished_at)"
        ),
        named_params! {
            ":platform": platform, ":version": version, ":extra": extra, ":build": build, ":prerequisite": prerequisite,
            ":offers": offers, ":appeared_at": release.appeared_at, ":vanished_at": release.vanished_at,
        },
    )?;
    list_devices(tx, release)
}

/// Whether any release is listed.
pub fn any(tx: &Tx) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM releases WHERE vanished_at IS NULL)", [], |row| row.get(0))
}

/// What a device said of itself that decides which releases it can have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    /// SoftwareUpdateDeviceID.
    pub device_id: Option<String>,
    /// SupplementalOSVersionExtra.
    pub extra: Option<String>,
    /// The time zone that its clock is in.
    pub time_zone: Option<String>,
}

/// What a device said of itself, by DeviceInformation or a status report.
pub fn facts_of_device(tx: &Tx, device_id: &str) -> Result<DeviceFacts> {
    let said = tx.optional(
        "SELECT facts ->> 'SoftwareUpdateDeviceID', facts ->> 'SupplementalOSVersionExtra', facts ->> 'TimeZone' FROM devices WHERE id = ?1",
        [device_id],
        |row| Ok(DeviceFacts { device_id: row.get(0)?, extra: row.get(1)?, time_zone: row.get(2)? }),
    )?;
    Ok(said.unwrap_or_default())
}

/// One release as one device is offered it, all lists together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Which.
    pub key: ReleaseKey,
    /// The first day on which it was posted.
    pub posted: Option<Day>,
    /// The day on which it was first seen here.
    pub appeared: Option<Day>,
    /// The last day on which Apple signs it; none where it does not end.
    pub expires: Option<Day>,
    /// Whether it is in the list for managed devices.
    pub managed: bool,
}

/// What the lists offer to a device that is called by any of `names`, in no order that means anything. The name `""` asks for what Apple did not say
/// any device of.
pub fn offered(tx: &Tx, platform: &str, names: &[&str]) -> Result<Vec<Offered>> {
    let mut offered: Vec<Offered> = Vec::new();
    for name in names {
        let rows = tx.list(
            "SELECT version, extra, build, prerequisite, posted, expires, managed, appeared_at
             FROM release_devices LEFT JOIN releases USING (platform, version, extra, build, prerequisite)
             WHERE platform = ?1 AND device = ?2",
            (platform, name),
            |row| {
                let key = ReleaseKey {
                    platform: platform.to_owned(),
                    version: row.get(0)?,
                    extra: row.get(1)?,
                    build: row.get(2)?,
                    prerequisite: row.get(3)?,
                };
                let day = |text: Option<String>| text.as_deref().and_then(Day::parse);
                let appeared = row.get::<_, Option<Timestamp>>(7)?.map(Day::of);
                Ok(Offered { key, posted: day(row.get(4)?), appeared, expires: day(row.get(5)?), managed: row.get(6)? })
            },
        )?;
        for row in rows {
            if !offered.iter().any(|known| known.key == row.key) {
                offered.push(row);
            }
        }
    }
    Ok(offered)
}

/// The versions that the lists offer to devices whose name begins with `family` (`iPad`, or nothing for all), and whether they say to which.
pub fn of_family(tx: &Tx, platform: &str, family: &str) -> Result<Vec<String>> {
    tx.list(
        "SELECT DISTINCT version FROM release_devices WHERE platform = ?1 AND device >= ?2 AND device < ?2 || x'f48fbfbf' AND prerequisite = ''",
        (platform, family),
        |row| row.get(0),
    )
}

fn list_devices(tx: &Tx, release: &Release) -> Result<()> {
    let ReleaseKey { platform, version, extra, build, prerequisite } = &release.key;
    tx.execute(
        "DELETE FROM release_devices WHERE platform = ?1 AND version = ?2 AND extra = ?3 AND build = ?4 AND prerequisite = ?5",
        (platform, version, extra, build, prerequisite),
    )?;
    if release.vanished_at.is_some() {
        return Ok(());
    }
    for (device, (posted, expires, managed)) in by_device(&release.offers) {
        tx.execute(
            "INSERT INTO release_devices (platform, device, version, extra, build, prerequisite, posted, expires, managed)
             VALUES (:platform, :device, :version, :extra, :build, :prerequisite, :posted, :expires, :managed)",
            named_params! {
                ":platform": platform, ":device": device, ":version": version, ":extra": extra, ":build": build, ":prerequisite": prerequisite,
                ":posted": posted.map(|day| day.to_string()), ":expires": expires.map(|day| day.to_string()), ":managed": managed,
            },
        )?;
    }
    Ok(())
}

/// Posted, expiring, and whether it is for managed devices.
type Dates = (Option<Day>, Option<Day>, bool);

/// What all lists together say for each device: posted by the first, and signed for as long as any says.
fn by_device(offers: &[Offer]) -> BTreeMap<&str, Dates> {
    let mut devices: BTreeMap<&str, Dates> = BTreeMap::new();
    for offer in offers {
        let managed = offer.list == List::Managed;
        let names: &mut dyn Iterator<Item = &str> =
            if offer.devices.is_empty() { &mut std::iter::once("") } else { &mut offer.devices.iter().map(String::as_str) };
        for name in names {
            let (posted, expires, is_managed) = devices.entry(name).or_insert((offer.posted, offer.expires, managed));
            *posted = [*posted, offer.posted].into_iter().flatten().min();
            *expires = expires.zip(offer.expires).map(|(one, other)| one.max(other));
            *is_managed |= managed;
        }
    }
    devices
}

/// Forgets what vanished before a moment; gives how many.
pub fn prune(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM releases WHERE vanished_at < ?1", [before])
}

type Stored = (ReleaseKey, String, Timestamp, Option<Timestamp>);

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let key = ReleaseKey {
        platform: row.get("platform")?,
        version: row.get("version")?,
        extra: row.get("extra")?,
        build: row.get("build")?,
        prerequisite: row.get("prerequisite")?,
    };
    Ok((key, row.get("offers")?, row.get("appeared_at")?, row.get("vanished_at")?))
}

fn unfold(rows: Vec<Stored>) -> Result<Vec<Release>> {
    let unfold = |(key, offers, appeared_at, vanished_at): Stored| {
        let offers = serde_json::from_str(&offers).map_err(|error| Error::internal("stored offers are JSON", error))?;
        Ok(Release { key, offers, appeared_at, vanished_at })
    };
    rows.into_iter().map(unfold).collect()
}
