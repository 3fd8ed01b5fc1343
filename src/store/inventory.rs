//! What devices say they have: apps, profiles and certificates, each list replaced as a whole.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;

/// An app that is on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledApp {
    /// Bundle identifier.
    pub identifier: String,
    /// Name shown to the person.
    pub name: String,
    /// CFBundleVersion.
    pub version: String,
    /// CFBundleShortVersionString.
    pub short_version: String,
    /// Size of the app, where the device says it.
    pub size_bytes: Option<i64>,
    /// Whether it is managed.
    pub managed: bool,
    /// Status of ManagedApplicationList.
    pub state: String,
    /// Everything else the device said, as JSON.
    pub details: String,
}

/// A configuration profile that is on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledProfile {
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// PayloadDisplayName.
    pub name: String,
    /// IsManaged, where the device says it.
    pub managed: Option<bool>,
    /// Everything else the device said, as JSON.
    pub details: String,
}

/// A certificate that is on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledCertificate {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// CommonName.
    pub common_name: String,
    /// Whether the device holds its private key.
    pub is_identity: bool,
    /// Its end, where it could be read.
    pub not_after_at: Option<Timestamp>,
}

fn replace<T>(tx: &Tx, table: &str, enrollment_id: &str, items: &[T], insert: impl Fn(&T) -> Result<()>) -> Result<()> {
    tx.execute(&format!("DELETE FROM {table} WHERE enrollment_id = ?1"), [enrollment_id])?;
    items.iter().try_for_each(insert)
}

/// Replaces the list of apps of an enrollment.
pub fn replace_apps(tx: &Tx, enrollment_id: &str, apps: &[InstalledApp]) -> Result<()> {
    replace(tx, "installed_apps", enrollment_id, apps, |app| upsert_app(tx, enrollment_id, app))
}

/// Stores one app of an enrollment, new or known.
pub fn upsert_app(tx: &Tx, enrollment_id: &str, app: &InstalledApp) -> Result<()> {
    tx.execute(
        "INSERT INTO installed_apps (enrollment_id, identifier, name, version, short_version, size_bytes, managed, state, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (enrollment_id, identifier)
         DO UPDATE SET name = excluded.name, version = excluded.version, short_version = excluded.short_version,
                       size_bytes = excluded.size_bytes, managed = excluded.managed, state = excluded.state, details = excluded.details",
        (
            enrollment_id,
            &app.identifier,
            &app.name,
            &app.version,
            &app.short_version,
            app.size_bytes,
            app.managed,
            &app.state,
            &app.details,
        ),
    )?;
    Ok(())
}

/// The apps of an enrollment by name.
pub fn apps(tx: &Tx, enrollment_id: &str) -> Result<Vec<InstalledApp>> {
    tx.list(
        "SELECT identifier, name, version, short_version, size_bytes, managed, state, details FROM installed_apps
         WHERE enrollment_id = ?1 ORDER BY name COLLATE NOCASE, identifier",
        [enrollment_id],
        |row| {
            Ok(InstalledApp {
                identifier: row.get(0)?,
                name: row.get(1)?,
                version: row.get(2)?,
                short_version: row.get(3)?,
                size_bytes: row.get(4)?,
                managed: row.get(5)?,
                state: row.get(6)?,
                details: row.get(7)?,
            })
        },
    )
}

/// Replaces the list of profiles of an enrollment.
pub fn replace_profiles(tx: &Tx, enrollment_id: &str, profiles: &[InstalledProfile]) -> Result<()> {
    replace(tx, "installed_profiles", enrollment_id, profiles, |profile| {
        tx.execute(
            "INSERT OR REPLACE INTO installed_profiles (enrollment_id, identifier, uuid, name, managed, details) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (enrollment_id, &profile.identifier, &profile.uuid, &profile.name, profile.managed, &profile.details),
        )?;
        Ok(())
    })
}

/// The profiles of an enrollment by name.
pub fn profiles(tx: &Tx, enrollment_id: &str) -> Result<Vec<InstalledProfile>> {
    tx.list(
        "SELECT identifier, uuid, name, managed, details FROM installed_profiles WHERE enrollment_id = ?1 ORDER BY name COLLATE NOCASE, identifier",
        [enrollment_id],
        |row| {
            Ok(InstalledProfile {
                identifier: row.get(0)?,
                uuid: row.get(1)?,
                name: row.get(2)?,
                managed: row.get(3)?,
                details: row.get(4)?,
            })
        },
    )
}

/// Replaces the list of certificates of an enrollment.
pub fn replace_certificates(tx: &Tx, enrollment_id: &str, certificates: &[InstalledCertificate]) -> Result<()> {
    replace(tx, "installed_certificates", enrollment_id, certificates, |certificate| {
        tx.execute(
            "INSERT OR REPLACE INTO installed_certificates (enrollment_id, fingerprint, common_name, is_identity, not_after_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (enrollment_id, certificate.fingerprint, &certificate.common_name, certificate.is_identity, certificate.not_after_at),
        )?;
        Ok(())
    })
}

/// The certificates of an enrollment by name.
pub fn certificates(tx: &Tx, enrollment_id: &str) -> Result<Vec<InstalledCertificate>> {
    tx.list(
        "SELECT fingerprint, common_name, is_identity, not_after_at FROM installed_certificates
         WHERE enrollment_id = ?1 ORDER BY common_name COLLATE NOCASE, fingerprint",
        [enrollment_id],
        |row| {
            Ok(InstalledCertificate {
                fingerprint: row.get(0)?,
                common_name: row.get(1)?,
                is_identity: row.get(2)?,
                not_after_at: row.get(3)?,
            })
        },
    )
}

/// Notes that the answer to a query was read just now.
pub fn mark_read(tx: &Tx, enrollment_id: &str, topic: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO inventory_ages (enrollment_id, topic, read_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (enrollment_id, topic) DO UPDATE SET read_at = excluded.read_at",
        (enrollment_id, topic, tx.now),
    )?;
    Ok(())
}

/// When the answer to a query was last read.
pub fn read_at(tx: &Tx, enrollment_id: &str, topic: &str) -> Result<Option<Timestamp>> {
    tx.optional("SELECT read_at FROM inventory_ages WHERE enrollment_id = ?1 AND topic = ?2", (enrollment_id, topic), |row| row.get(0))
}

/// Whether an app is on an enrollment, by its list of apps or by what is known of the managed ones.
pub fn has_app(tx: &Tx, enrollment_id: &str, bundle_id: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM installed_apps WHERE enrollment_id = ?1 AND identifier = ?2)
             OR EXISTS (SELECT 1 FROM app_states WHERE enrollment_id = ?1 AND bundle_id = ?2 AND seen <> '')",
        (enrollment_id, bundle_id),
        |row| row.get(0),
    )
}
