//! What load devices say, in bytes: as little as a server must be told of a device.

use crate::error::{Error, Result};
use crate::pki::asn1::{name, oid};
use crate::pki::csr::{self, RequestOptions};
use crate::pki::digest::sha256;
use crate::pki::key::PrivateKey;
use crate::protocol::plist::{Dictionary, Value, to_xml};
use crate::sim::device::Purpose;

/// The messages of one load device, an iPad.
#[derive(Debug, Clone, Copy)]
pub struct LoadMessages<'a> {
    /// Topic of its profile.
    pub topic: &'a str,
    /// UDID.
    pub udid: &'a str,
    /// Serial number.
    pub serial_number: &'a str,
}

impl LoadMessages<'_> {
    /// An Idle.
    pub fn idle(&self) -> Result<Vec<u8>> {
        self.message([("Status", Value::from("Idle"))])
    }

    /// The acknowledgement of a command, without an answer in it.
    pub fn acknowledged(&self, command_uuid: &str) -> Result<Vec<u8>> {
        self.message([("Status", Value::from("Acknowledged")), ("CommandUUID", Value::from(command_uuid))])
    }

    /// An Authenticate.
    pub fn authenticate(&self) -> Result<Vec<u8>> {
        self.message([
            ("MessageType", Value::from(Purpose::Authenticate.name())),
            ("Topic", Value::from(self.topic)),
            ("SerialNumber", Value::from(self.serial_number)),
            ("ProductName", Value::from("iPad13,18")),
            ("OSVersion", Value::from("26.1")),
            ("BuildVersion", Value::from("23B85")),
        ])
    }

    /// A TokenUpdate of the size that an iPad's has, its unlock token included.
    pub fn token_update(&self) -> Result<Vec<u8>> {
        const UNLOCK_TOKEN_BYTES: usize = 1200;
        let token = sha256(self.udid.as_bytes());
        let unlock = token.iter().copied().cycle().take(UNLOCK_TOKEN_BYTES).collect();
        self.message([
            ("MessageType", Value::from(Purpose::TokenUpdate.name())),
            ("Topic", Value::from(self.topic)),
            ("Token", Value::Data(token.to_vec())),
            ("PushMagic", Value::from(self.udid)),
            ("AwaitingConfiguration", Value::Boolean(false)),
            ("UnlockToken", Value::Data(unlock)),
        ])
    }

    fn message<const N: usize>(&self, keys: [(&str, Value); N]) -> Result<Vec<u8>> {
        let mut message: Dictionary = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        message.insert(String::from("UDID"), Value::from(self.udid));
        message.sort_keys();
        Ok(to_xml(&Value::Dictionary(message))?)
    }
}

/// A certification request for a key that load devices share, DER.
pub fn certification_request(key: &PrivateKey) -> Result<Vec<u8>> {
    let unwritten = |error: crate::pki::asn1::Malformed| Error::internal("a name cannot be written", error);
    let subject = name::write(&[(oid::COMMON_NAME, "Load device")]).map_err(unwritten)?;
    Ok(csr::write(&subject, key, RequestOptions::default())?)
}
