//! The list of load devices as a file: a few keys, and for each device its certificate, so that enrollments written into a store can be driven.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Addresses, LoadDevice};
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::sim::device::Identity;

/// The most devices that a roster lists.
pub const MAX_ROSTER: usize = 1_000_000;

/// Load devices with the keys that they share.
#[derive(Debug, Serialize, Deserialize)]
pub struct Roster {
    /// Where they check in and connect.
    pub addresses: Addresses,
    /// PEM of the private keys, PKCS#8. Practice keys: whoever has the file can pass for these devices.
    pub keys: Vec<String>,
    /// The devices.
    pub devices: Vec<RosterDevice>,
}

/// One device of a roster.
#[derive(Debug, Serialize, Deserialize)]
pub struct RosterDevice {
    /// UDID.
    pub udid: String,
    /// Serial number.
    pub serial_number: String,
    /// Which of the keys it has.
    pub key: usize,
    /// DER of its certificate, in base64.
    pub certificate: String,
}

impl Roster {
    /// A roster without devices; `keys` are shared by those that follow.
    pub fn new(addresses: Addresses, keys: &[PrivateKey]) -> Self {
        Self { addresses, keys: keys.iter().map(|key| key.to_pem().expose().clone()).collect(), devices: Vec::new() }
    }

    /// Adds a device with the key number `key`.
    pub fn add(&mut self, udid: String, serial_number: String, key: usize, certificate: &Certificate) {
        self.devices.push(RosterDevice { udid, serial_number, key, certificate: STANDARD.encode(certificate.der()) });
    }

    /// The roster as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal("the roster cannot be written", error))
    }

    /// Reads a roster from JSON.
    pub fn from_json(text: &str) -> Result<Self> {
        let roster: Self = serde_json::from_str(text).map_err(|error| Error::bad_input(format!("the roster cannot be read: {error}")))?;
        if roster.devices.len() > MAX_ROSTER {
            return Err(Error::bad_input(format!("the roster lists more than {MAX_ROSTER} devices")));
        }
        Ok(roster)
    }

    /// The devices with their keys and certificates ready.
    pub fn load_devices(&self) -> Result<Vec<LoadDevice>> {
        let read_key = |pem: &String| PrivateKey::from_pem(pem.as_bytes(), None);
        let keys = self.keys.iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
        let device = |listed: &RosterDevice| {
            let field = |what: &str| Error::field(format!("devices[{}]", listed.udid), what);
            let der = STANDARD.decode(&listed.certificate).map_err(|_| field("certificate is no base64"))?;
            let certificate = Certificate::from_der(&der).map_err(|_| field("certificate is none"))?;
            let key = keys.get(listed.key).ok_or_else(|| field("key names none of the keys"))?;
            let identity = Identity::new(certificate, key.clone()).map_err(|_| field("certificate belongs to another key"))?;
            let (udid, serial_number) = (listed.udid.clone(), listed.serial_number.clone());
            Ok(LoadDevice { udid, serial_number, identity: Arc::new(identity) })
        };
        self.devices.iter().map(device).collect()
    }
}
