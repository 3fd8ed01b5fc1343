//! What Apple vouches for: of a certificate's key, and of a device as it last showed it.

use rusqlite::{Row, named_params};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::attestation::Attested;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;
use crate::store::words::words;

/// What an attestation says of a device; what Apple could not verify is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Vouched {
    /// The serial number.
    pub serial_number: Option<String>,
    /// The UDID, of a Mac the provisioning UDID.
    pub udid: Option<String>,
    /// The version of the OS.
    pub os_version: Option<String>,
    /// The version of the Secure Enclave's system.
    pub sep_os_version: Option<String>,
    /// The version of the boot loader.
    pub llb_version: Option<String>,
    /// The id under which Apple lists updates for it.
    pub software_update_device_id: Option<String>,
    /// Whether a Mac's system integrity protection is on.
    pub sip: Option<bool>,
    /// A Mac's start policy.
    pub secure_boot: Option<String>,
    /// Whether a Mac admits kernel extensions of third parties.
    pub kernel_extensions: Option<bool>,
    /// When Apple said it.
    pub made_at: Timestamp,
}

impl From<Attested> for Vouched {
    fn from(attested: Attested) -> Self {
        let Attested { serial_number, udid, os_version, sep_os_version, llb_version, software_update_device_id, sip, .. } = attested;
        let Attested { secure_boot, kernel_extensions, made_at, .. } = attested;
        Self {
            serial_number,
            udid,
            os_version,
            sep_os_version,
            llb_version,
            software_update_device_id,
            sip,
            secure_boot,
            kernel_extensions,
            made_at,
        }
    }
}

fn written(vouched: &Vouched) -> Result<String> {
    serde_json::to_string(vouched).map_err(|error| Error::internal("an attestation cannot be stored", error))
}

fn read(text: &str) -> Result<Vouched> {
    serde_json::from_str(text).map_err(|error| Error::internal("a stored attestation cannot be read", error))
}

/// Keeps what was attested of the key of a certificate.
pub fn insert_key(tx: &Tx, fingerprint: &Fingerprint, vouched: &Vouched) -> Result<()> {
    tx.execute("INSERT INTO attested_keys (fingerprint, attested) VALUES (?1, ?2)", (fingerprint, written(vouched)?))?;
    Ok(())
}

/// What was attested of the key of a certificate, where something was.
pub fn of_key(tx: &Tx, fingerprint: &Fingerprint) -> Result<Option<Vouched>> {
    let text: Option<String> = tx.optional("SELECT attested FROM attested_keys WHERE fingerprint = ?1", [fingerprint], |row| row.get(0))?;
    text.map(|text| read(&text)).transpose()
}

words! {
    /// What is known of whether a device is genuine.
    pub enum AttestationState {
        /// Nothing yet.
        Unknown = "unknown",
        /// Apple vouched for it, in answer to us.
        Genuine = "genuine",
        /// Apple vouched for it, but not in answer to us.
        Stale = "stale",
        /// It was asked and showed nothing.
        None = "none",
        /// What it showed does not count.
        Refused = "refused",
    }
}

/// What a device showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The device.
    pub device_id: String,
    /// When it was last asked.
    pub asked_at: Option<Timestamp>,
    /// The last codes that it was asked with, newest first, in base64.
    pub codes: Vec<String>,
    /// What came of it.
    pub state: AttestationState,
    /// Why, where it did not come out well.
    pub because: String,
    /// What Apple last vouched for.
    pub vouched: Option<Vouched>,
    /// When something was last shown.
    pub checked_at: Option<Timestamp>,
}

impl Attestation {
    /// Nothing is known of the device yet.
    pub fn unknown(device_id: &str) -> Self {
        Self {
            device_id: device_id.to_owned(),
            asked_at: None,
            codes: Vec::new(),
            state: AttestationState::Unknown,
            because: String::new(),
            vouched: None,
            checked_at: None,
        }
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<(Attestation, String, String)> {
    let attestation = Attestation {
        device_id: row.get(0)?,
        asked_at: row.get(1)?,
        codes: Vec::new(),
        state: row.get(3)?,
        because: row.get(4)?,
        vouched: None,
        checked_at: row.get(6)?,
    };
    Ok((attestation, row.get(2)?, row.get(5)?))
}

/// What a device showed; all unknown where it never was asked.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Attestation> {
    let found = tx.optional(
        "SELECT device_id, asked_at, codes, state, because, attested, checked_at FROM attestations WHERE device_id = ?1",
        [device_id],
        row,
    )?;
    let Some((mut attestation, codes, attested)) = found else { return Ok(Attestation::unknown(device_id)) };
    attestation.codes = serde_json::from_str(&codes).map_err(|error| Error::internal("stored codes cannot be read", error))?;
    attestation.vouched = if attested.is_empty() { None } else { Some(read(&attested)?) };
    Ok(attestation)
}

/// Keeps what a device showed, or that it was asked.
pub fn put(tx: &Tx, attestation: &Attestation) -> Result<()> {
    let codes = serde_json::to_string(&attestation.codes).map_err(|error| Error::internal("codes cannot be stored", error))?;
    let attested = attestation.vouched.as_ref().map(written).transpose()?.unwrap_or_default();
    tx.execute(
        "INSERT INTO attestations (device_id, asked_at, codes, state, because, attested, made_at, checked_at)
         VALUES (:device_id, :asked_at, :codes, :state, :because, :attested, :made_at, :checked_at)
         ON CONFLICT (device_id) DO UPDATE SET asked_at = excluded.asked_at, codes = excluded.codes, state = excluded.state,
             because = excluded.because, attested = excluded.attested, made_at = excluded.made_at, checked_at = excluded.checked_at",
        named_params! {
            ":device_id": attestation.device_id, ":asked_at": attestation.asked_at, ":codes": codes, ":state": attestation.state,
            ":because": attestation.because, ":attested": attested, ":made_at": attestation.vouched.as_ref().map(|vouched| vouched.made_at),
            ":checked_at": attestation.checked_at,
        },
    )?;
    Ok(())
}
