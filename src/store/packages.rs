//! Packages of the house's apps: their versions with what each file says, how they come to devices, and uploads under way.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::protocol::manifest::Hashes;
use crate::protocol::package::{Facts, version_words};
use crate::store::words::words;
use crate::store::{Bell, Tx};

words! {
    /// For whom a version is meant.
    #[schema(as = PackageStage)]
    pub enum Stage {
        /// For nobody: kept, to be used later or again.
        Kept = "kept",
        /// For the pilot group of its app.
        Pilot = "pilot",
        /// For everybody else that the app is assigned to.
        Everyone = "everyone",
    }
}

/// A version of an app, as a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Its id.
    pub id: String,
    /// The app.
    pub app_id: String,
    /// SHA-256 of the file, in lower-case hexadecimal; also the file's name on the disk.
    pub sha256: String,
    /// What devices are told that it is called: `field-142.ipa`.
    pub file_name: String,
    /// Its length.
    pub size_bytes: i64,
    /// CFBundleVersion, or the package's version.
    pub version: String,
    /// For whom it is meant.
    pub stage: Stage,
    /// What the file says of itself.
    pub facts: Facts,
    /// Whether it has a picture.
    pub has_icon: bool,
    /// Who uploaded it, for people.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl Package {
    /// Its version as people say it: `1.4.2 (142)`.
    pub fn words(&self) -> String {
        version_words(&self.facts.short_version, &self.version)
    }
}

const COLUMNS: &str = "id, app_id, sha256, file_name, size_bytes, version, stage, facts, icon IS NOT NULL, created_by, created_at";

fn package(row: &Row<'_>) -> rusqlite::Result<Package> {
    let facts: String = row.get(7)?;
    Ok(Package {
        id: row.get(0)?,
        app_id: row.get(1)?,
        sha256: row.get(2)?,
        file_name: row.get(3)?,
        size_bytes: row.get(4)?,
        version: row.get(5)?,
        stage: row.get(6)?,
        facts: serde_json::from_str(&facts)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, Box::new(error)))?,
        has_icon: row.get(8)?,
        created_by: row.get(9)?,
        created_at: row.get(10)?,
    })
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("what is known of a package could not be written", error))
}

/// Stores a new package with its digests and its picture.
pub fn insert(tx: &Tx, package: &Package, hashes: &Hashes, icon: Option<&[u8]>) -> Result<()> {
    tx.execute(
        "INSERT INTO packages (id, app_id, sha256, file_name, size_bytes, version, stage, facts, hashes, icon, created_by, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        (
            &package.id,
            &package.app_id,
            &package.sha256,
            &package.file_name,
            package.size_bytes,
            &package.version,
            package.stage,
            json(&package.facts)?,
            json(hashes)?,
            icon,
            &package.created_by,
            package.created_at,
        ),
    )?;
    Ok(())
}

/// Says for whom a version is meant; two of one app are never meant for the same devices, which is the caller's matter.
pub fn set_stage(tx: &Tx, id: &str, stage: Stage) -> Result<()> {
    tx.execute("UPDATE packages SET stage = ?2 WHERE id = ?1", (id, stage))?;
    Ok(())
}

/// Removes a package; its file is the caller's matter.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM packages WHERE id = ?1", [id])?;
    Ok(())
}

/// The package of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Package>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM packages WHERE id = ?1"), [id], package)
}

/// The package with this content.
pub fn by_sha256(tx: &Tx, sha256: &str) -> Result<Option<Package>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM packages WHERE sha256 = ?1"), [sha256], package)
}

/// The packages of an app, newest first.
pub fn of_app(tx: &Tx, app_id: &str) -> Result<Vec<Package>> {
    tx.list(sql!("SELECT {COLUMNS} FROM packages WHERE app_id = ?1 ORDER BY created_at DESC, id DESC"), [app_id], package)
}

/// The versions of an app that are meant for `stage`, one of pilot and everyone, newest first; no two of them for one platform.
pub fn in_stage(tx: &Tx, app_id: &str, stage: Stage) -> Result<Vec<Package>> {
    let sql =
        format!("SELECT {COLUMNS} FROM packages WHERE app_id = ?1 AND stage = ?2 AND stage <> 'kept' ORDER BY created_at DESC, id DESC");
    tx.list(&sql, (app_id, stage), package)
}

/// The digests of a package.
pub fn hashes(tx: &Tx, id: &str) -> Result<Option<Hashes>> {
    let text: Option<String> = tx.optional("SELECT hashes FROM packages WHERE id = ?1", [id], |row| row.get(0))?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| Error::internal("stored digests cannot be read", error))).transpose()
}

/// The picture of a package.
pub fn icon(tx: &Tx, id: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx.optional("SELECT icon FROM packages WHERE id = ?1", [id], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten())
}

/// How many packages there are.
pub fn count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM packages", [], |row| row.get::<_, i64>(0)).map(|count| count.max(0).unsigned_abs())
}

/// An app of the house with what a list shows of its packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The app.
    pub app_id: String,
    /// What people call it.
    pub name: String,
    /// Its bundle identifier, or that of the package.
    pub bundle_id: String,
    /// How many versions are kept.
    pub versions: i64,
    /// The versions for everyone, one for each platform, with commas; empty where there is none.
    pub everyone: String,
    /// The versions for the pilot group, likewise.
    pub pilot: String,
    /// How many bytes all of them take.
    pub size_bytes: i64,
}

/// Apps that have packages, by name, behind the one with the name and id `after`.
pub fn held(tx: &Tx, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Held>> {
    let (name, id) = after.unwrap_or_default();
    tx.list(
        "SELECT apps.id, apps.name, apps.bundle_id, count(*), coalesce(group_concat(CASE packages.stage WHEN 'everyone' THEN packages.version END, ', ' ORDER BY packages.version), ''),
                coalesce(group_concat(CASE packages.stage WHEN 'pilot' THEN packages.version END, ', ' ORDER BY packages.version), ''), sum(packages.size_bytes)
         FROM apps JOIN packages ON packages.app_id = apps.id
         WHERE (apps.name COLLATE NOCASE, apps.id) > (?1, ?2) GROUP BY apps.id ORDER BY apps.name COLLATE NOCASE, apps.id LIMIT ?3",
        (name, id, limit),
        |row| {
            Ok(Held {
                app_id: row.get(0)?,
                name: row.get(1)?,
                bundle_id: row.get(2)?,
                versions: row.get(3)?,
                everyone: row.get(4)?,
                pilot: row.get(5)?,
                size_bytes: row.get(6)?,
            })
        },
    )
}

/// How many apps [`held`] has in all.
pub fn held_count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(DISTINCT app_id) FROM packages", [], |row| row.get::<_, i64>(0)).map(|count| count.max(0).unsigned_abs())
}

/// What of a package has an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The provisioning profile inside.
    Profile,
    /// The certificate that signed the app.
    Certificate,
}

impl Ending {
    const fn path(self) -> &'static str {
        if matches!(self, Self::Profile) { "$.provisioning.expires_at" } else { "$.signature.certificate.ends_at" }
    }

    fn of(self, package: &Package) -> Option<Timestamp> {
        match self {
            Self::Profile => package.facts.provisioning.as_ref().map(|profile| profile.expires_at),
            Self::Certificate => package.facts.signer_ends_at(),
        }
    }
}

/// Versions that are meant for somebody and of which this ends at `until` or before, soonest first, with the app's name and the end.
pub fn ending(tx: &Tx, what: Ending, until: Timestamp) -> Result<Vec<(Package, String, Timestamp)>> {
    let all: Vec<(Package, String)> = tx.list(
        "SELECT packages.id, app_id, sha256, file_name, size_bytes, version, stage, packages.facts, icon IS NOT NULL, created_by, packages.created_at,
                apps.name
         FROM packages JOIN apps ON apps.id = packages.app_id
         WHERE stage <> 'kept' AND packages.facts ->> ?1 IS NOT NULL ORDER BY packages.id",
        [what.path()],
        |row| Ok((package(row)?, row.get(11)?)),
    )?;
    let ends = |(package, name): (Package, String)| what.of(&package).filter(|end| *end <= until).map(|end| (package, name, end));
    let mut ending: Vec<_> = all.into_iter().filter_map(ends).collect();
    ending.sort_by_key(|(.., end)| *end);
    Ok(ending)
}

/// How new versions of an app come to devices, and whether they can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// The group that gets a new version first.
    pub pilot_group_id: Option<String>,
    /// The server's address that was tried.
    pub checked_url: String,
    /// When.
    pub checked_at: Option<Timestamp>,
    /// Why devices cannot fetch it, in words; empty where they can.
    pub problem: String,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
}

/// The apps whose new versions a group gets first.
pub fn of_pilot(tx: &Tx, group_id: &str) -> Result<Vec<String>> {
    tx.list("SELECT app_id FROM package_rollouts WHERE pilot_group_id = ?1 ORDER BY app_id", [group_id], |row| row.get(0))
}

/// The roll-out of an app; an empty one where nothing was said yet.
pub fn rollout(tx: &Tx, app_id: &str) -> Result<Rollout> {
    let found = tx.optional(
        "SELECT pilot_group_id, checked_url, checked_at, problem, due_at FROM package_rollouts WHERE app_id = ?1",
        [app_id],
        |row| {
            Ok(Rollout {
                pilot_group_id: row.get(0)?,
                checked_url: row.get(1)?,
                checked_at: row.get(2)?,
                problem: row.get(3)?,
                due_at: row.get(4)?,
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}

/// Stores the roll-out of an app.
pub fn set_rollout(tx: &Tx, app_id: &str, rollout: &Rollout) -> Result<()> {
    tx.execute(
        "INSERT INTO package_rollouts (app_id, pilot_group_id, checked_url, checked_at, problem, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (app_id) DO UPDATE SET pilot_group_id = excluded.pilot_group_id, checked_url = excluded.checked_url,
                checked_at = excluded.checked_at, problem = excluded.problem, due_at = excluded.due_at",
        (app_id, &rollout.pilot_group_id, &rollout.checked_url, rollout.checked_at, &rollout.problem, rollout.due_at),
    )?;
    if rollout.due_at.is_some() {
        tx.ring(Bell::Jobs);
    }
    Ok(())
}

/// Whether a device is in a group.
pub fn is_in_group(tx: &Tx, group_id: &str, device_id: &str) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM group_devices WHERE group_id = ?1 AND device_id = ?2)", (group_id, device_id), |row| row.get(0))
}

/// Whether an app is wanted on a device by any group that the device is in.
pub fn is_wanted(tx: &Tx, app_id: &str, device_id: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM assignments JOIN group_devices USING (group_id)
                        WHERE kind = 'app' AND item_id = ?1 AND device_id = ?2 AND (ends_at IS NULL OR ends_at > ?3))",
        (app_id, device_id, tx.now),
        |row| row.get(0),
    )
}

/// The names of the groups that an app is assigned to.
pub fn groups_of(tx: &Tx, app_id: &str) -> Result<Vec<String>> {
    tx.list(
        "SELECT groups.name FROM assignments JOIN groups ON groups.id = group_id WHERE kind = 'app' AND item_id = ?1 ORDER BY groups.name COLLATE NOCASE",
        [app_id],
        |row| row.get(0),
    )
}

/// Apps of which a version is meant for somebody and that were not tried at the address `url`: for the start, when it may be another one.
pub fn untried(tx: &Tx, url: &str) -> Result<Vec<String>> {
    tx.list(
        "SELECT DISTINCT app_id FROM packages LEFT JOIN package_rollouts USING (app_id)
         WHERE stage <> 'kept' AND coalesce(checked_url, '') <> ?1 ORDER BY app_id",
        [url],
        |row| row.get(0),
    )
}

/// Apps that are to be tried now, at most `limit`.
pub fn due(tx: &Tx, limit: u32) -> Result<Vec<String>> {
    tx.list("SELECT app_id FROM package_rollouts WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2", (tx.now, limit), |row| row.get(0))
}

/// When the next app is to be tried.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM package_rollouts WHERE due_at IS NOT NULL", [], |row| row.get(0))
}

/// An upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id, and part of the name of its file.
    pub id: String,
    /// What the file is called.
    pub file_name: String,
    /// How long it is to be.
    pub size_bytes: i64,
    /// SHA-256 that it is to have, in hexadecimal; empty where that was not said.
    pub sha256: String,
    /// Who uploads it.
    pub created_by: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When the last piece came.
    pub changed_at: Timestamp,
}

const UPLOAD: &str = "id, file_name, size_bytes, sha256, created_by, created_at, changed_at";

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get(0)?,
        file_name: row.get(1)?,
        size_bytes: row.get(2)?,
        sha256: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        changed_at: row.get(6)?,
    })
}

/// Stores a new upload.
pub fn begin(tx: &Tx, upload: &Upload) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO package_uploads ({UPLOAD}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
        (&upload.id, &upload.file_name, upload.size_bytes, &upload.sha256, &upload.created_by, upload.created_at, upload.changed_at),
    )?;
    Ok(())
}

/// Every upload under way, oldest first; there are a few dozen at the most.
pub fn uploads(tx: &Tx) -> Result<Vec<Upload>> {
    tx.list(sql!("SELECT {UPLOAD} FROM package_uploads ORDER BY created_at, id"), [], upload)
}

/// The upload of this id.
pub fn upload_by_id(tx: &Tx, id: &str) -> Result<Option<Upload>> {
    tx.optional(sql!("SELECT {UPLOAD} FROM package_uploads WHERE id = ?1"), [id], upload)
}

/// Notes that a piece of an upload came.
pub fn touch(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE package_uploads SET changed_at = ?2 WHERE id = ?1", (id, tx.now))?;
    Ok(())
}

/// Ends an upload; tells whether there was one.
pub fn end(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM package_uploads WHERE id = ?1", [id])? == 1)
}
