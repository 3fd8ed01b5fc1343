//! What another server remembers of its devices: read from its storage or its exports, as the check-ins that move them in.

pub mod bolt;
pub mod checkins;
pub mod files;
pub mod micromdm;
pub mod profile;
mod protobuf;
pub mod sql;
pub mod write;

use crate::protocol::plist::PlistError;
use crate::secret::{Secret, SecretBytes};

/// Messages that one source may hold.
pub const MESSAGES_MAX: usize = 300_000;

/// One message as a device said it, or as it can be put together from what the other server kept.
#[derive(Debug, Clone)]
pub struct Handed {
    /// Authenticate, TokenUpdate or SetBootstrapToken, a property list.
    pub message: SecretBytes,
    /// SHA-256 of the certificate by which the other server knew the device.
    pub identity: Option<[u8; 32]>,
}

impl Handed {
    fn of(message: Vec<u8>, identity: Option<[u8; 32]>) -> Self {
        Self { message: SecretBytes::new(message), identity }
    }
}

/// A push certificate with its key, both PEM.
#[derive(Debug, Clone)]
pub struct PushPair {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: SecretBytes,
}

/// What a source holds that can move here, each device before its users.
#[derive(Debug, Clone, Default)]
pub struct Haul {
    /// Messages of devices, then those of their users.
    pub messages: Vec<Handed>,
    /// The authority that issued the devices' identities: certificate and key, DER.
    pub authority: Option<(Vec<u8>, Option<SecretBytes>)>,
    /// Push certificates.
    pub push: Vec<PushPair>,
    /// The profile that enrolled the devices, where it was kept.
    pub profile: Option<Vec<u8>>,
    /// What was left behind, in sentences.
    pub left: Vec<String>,
}

impl Haul {
    /// Adds what another source holds; devices stay before users.
    pub fn add(&mut self, other: Self) {
        self.messages.extend(other.messages);
        self.authority = self.authority.take().or(other.authority);
        self.push.extend(other.push);
        self.profile = self.profile.take().or(other.profile);
        self.left.extend(other.left);
    }
}

/// Why a source cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no file of this kind.
    #[error("{0}")]
    Another(&'static str),
    /// It is of this kind and does not hold together.
    #[error("the file is damaged: {0}. Copy it again while the other server is stopped")]
    Damaged(&'static str),
    /// It holds more than is taken at once.
    #[error("the file holds more than {MESSAGES_MAX} messages")]
    TooMany,
}

impl From<PlistError> for Unreadable {
    fn from(_: PlistError) -> Self {
        Self::Damaged(t!("a text that no message can carry"))
    }
}

impl From<Unreadable> for crate::error::Error {
    fn from(error: Unreadable) -> Self {
        Self::bad_input(error.to_string())
    }
}

/// 32 bytes, as they are or in hexadecimal.
fn digest(bytes: &[u8]) -> Option<[u8; 32]> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(raw);
    }
    crate::pki::certificate::Fingerprint::from_hex(std::str::from_utf8(bytes).ok()?.trim()).map(|fingerprint| *fingerprint.as_bytes())
}

/// A text that may be empty, as something that may be absent.
fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A secret text.
fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[cfg(test)]
mod tests;
