//! Configuration profiles: reading any, signed or not, and making the one that enrolls a device.

pub mod diff;
mod enrollment;
pub mod facts;
pub mod finish;
pub mod payload_types;
pub mod profile_service;
mod root;
pub mod types;
pub mod variables;

pub use root::{RootProfile, build_root};

pub use enrollment::{
    AccountDriven, Acme, CONTENT_TYPE, EnrollmentProfile, Identity, PayloadUuids, Scep, TargetDevice, build, build_identity,
};

use std::collections::HashSet;

use base64::Engine as _;

use super::plist::{self, Dictionary, PlistError, fields};
use crate::clock::Timestamp;
use crate::pki::ber;
use crate::pki::certificate::Certificate;
use crate::pki::cms::{SignedMessage, verify};

/// AccessRights that allow everything.
pub const ALL_RIGHTS: u32 = 8191;

/// A profile's outside: what it is and what it holds.
#[derive(Debug, Clone)]
pub struct Profile {
    /// PayloadIdentifier; a profile with the same one is replaced.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// The name that people see.
    pub display_name: Option<String>,
    /// Whose it is.
    pub organization: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// `System` or `User`.
    pub scope: Option<String>,
    /// Whether it is encrypted to one device, so that its payloads cannot be read.
    pub is_encrypted: bool,
    /// When devices remove it by themselves.
    pub removal_at: Option<Timestamp>,
    /// How many seconds after it was installed devices remove it by themselves.
    pub removal_after_s: Option<i64>,
    /// Whether people may not remove it.
    pub removal_disallowed: bool,
    /// What it holds, in its order.
    pub payloads: Vec<Payload>,
    /// All its keys, those of its payloads too; they may hold secrets.
    pub keys: Dictionary,
    /// Who signed it.
    pub signature: Signature,
}

/// One payload of a profile.
#[derive(Debug, Clone)]
pub struct Payload {
    /// For example `com.apple.mdm`.
    pub payload_type: String,
    /// PayloadIdentifier, unique in the profile.
    pub identifier: String,
    /// PayloadUUID, unique in the profile.
    pub uuid: String,
    /// The name that people see.
    pub display_name: Option<String>,
    /// All its keys; they may hold secrets.
    pub keys: Dictionary,
}

/// Who signed a profile.
#[derive(Debug, Clone)]
pub enum Signature {
    /// Nobody.
    None,
    /// The holder of this certificate; whether it is to be trusted is not judged here.
    Valid(Certificate),
    /// Somebody, but the signature does not hold or cannot be checked.
    Doubtful(String),
}

/// What is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The bytes are base64 text of a profile.
    #[error("this is a profile in base64; encode it once only: <data> is base64 already")]
    EncodedTwice,
    /// The bytes are signed, but not a profile that carries its content.
    #[error("this is a signed message, but no profile is in it: {0}")]
    NoContent(String),
    /// The bytes, or the signed content, are no property list.
    #[error("this is no profile: {0}")]
    Plist(#[from] PlistError),
    /// The property list is something else.
    #[error("this is no profile: its PayloadType must be Configuration")]
    NotAProfile,
    /// A key that every profile and payload has is missing.
    #[error("the profile lacks {0}")]
    Missing(String),
    /// Two payloads cannot be told apart, which devices refuse.
    #[error("two payloads have the same {key} {value}")]
    Duplicate {
        /// PayloadIdentifier or PayloadUUID.
        key: &'static str,
        /// The value they share.
        value: String,
    },
    /// The enrollment profile that was asked for would not be accepted.
    #[error("{0}")]
    Refused(String),
}

impl From<ProfileError> for crate::error::Error {
    fn from(error: ProfileError) -> Self {
        Self::bad_input(error.to_string())
    }
}

/// Reads a profile: XML or binary, signed (CMS, DER or BER) or not.
pub fn read(bytes: &[u8]) -> Result<Profile, ProfileError> {
    let (keys, signed) = open(bytes)?;
    let signature = signed.map_or(Signature::None, |der| match verify(&der, None) {
        Ok(verified) => Signature::Valid(verified.signer),
        Err(error) => Signature::Doubtful(error.to_string()),
    });
    read_content(keys, signature)
}

/// The keys of a profile, and the signed message (DER) that they came in if there is one.
fn open(bytes: &[u8]) -> Result<(Dictionary, Option<Vec<u8>>), ProfileError> {
    // A SEQUENCE, with which every CMS message begins; no property list does.
    if bytes.first() == Some(&0x30) {
        return open_signed(bytes);
    }
    if is_encoded_twice(bytes) {
        return Err(ProfileError::EncodedTwice);
    }
    Ok((plist::parse_dictionary(bytes)?, None))
}

fn open_signed(bytes: &[u8]) -> Result<(Dictionary, Option<Vec<u8>>), ProfileError> {
    let none = |error: &dyn std::fmt::Display| ProfileError::NoContent(error.to_string());
    let der = ber::to_der(bytes).map_err(|error| none(&error))?;
    let message = SignedMessage::parse(&der).map_err(|error| none(&error))?;
    let content = message.content().ok_or_else(|| none(&t!("the signature stands alone")))?;
    Ok((plist::parse_dictionary(content)?, Some(der.into_owned())))
}

fn read_content(keys: Dictionary, signature: Signature) -> Result<Profile, ProfileError> {
    if fields::text(&keys, "PayloadType") != Some("Configuration") {
        return Err(ProfileError::NotAProfile);
    }
    let is_encrypted = keys.contains_key("EncryptedPayloadContent");
    let payloads = fields::dictionaries(&keys, "PayloadContent").enumerate().map(|(index, payload)| read_payload(payload, index));
    let payloads = payloads.collect::<Result<Vec<_>, _>>()?;
    if payloads.is_empty() && !is_encrypted && !keys.contains_key("PayloadContent") {
        return Err(ProfileError::Missing("PayloadContent".into()));
    }
    unique("PayloadUUID", payloads.iter().map(|payload| payload.uuid.as_str()))?;
    unique("PayloadIdentifier", payloads.iter().map(|payload| payload.identifier.as_str()))?;
    let required = |key: &str| fields::filled(&keys, key).ok_or_else(|| ProfileError::Missing(key.to_owned()));
    Ok(Profile {
        identifier: required("PayloadIdentifier")?,
        uuid: required("PayloadUUID")?,
        display_name: fields::filled(&keys, "PayloadDisplayName"),
        organization: fields::filled(&keys, "PayloadOrganization"),
        description: fields::filled(&keys, "PayloadDescription"),
        scope: fields::filled(&keys, "PayloadScope"),
        is_encrypted,
        removal_at: fields::moment(&keys, "RemovalDate"),
        removal_after_s: fields::real(&keys, "DurationUntilRemoval").map(|seconds| seconds.max(0.0).round() as i64),
        removal_disallowed: fields::flag(&keys, "PayloadRemovalDisallowed").unwrap_or_default(),
        payloads,
        keys,
        signature,
    })
}

fn read_payload(keys: &Dictionary, index: usize) -> Result<Payload, ProfileError> {
    let required = |key: &str| fields::filled(keys, key).ok_or_else(|| ProfileError::Missing(format!("PayloadContent[{index}].{key}")));
    Ok(Payload {
        payload_type: required("PayloadType")?,
        identifier: required("PayloadIdentifier")?,
        uuid: required("PayloadUUID")?,
        display_name: fields::filled(keys, "PayloadDisplayName"),
        keys: keys.clone(),
    })
}

fn unique<'a>(key: &'static str, values: impl Iterator<Item = &'a str>) -> Result<(), ProfileError> {
    let mut seen = HashSet::new();
    for value in values {
        if !seen.insert(value) {
            return Err(ProfileError::Duplicate { key, value: value.to_owned() });
        }
    }
    Ok(())
}

/// Whether the bytes are base64 text of something that begins like a profile.
fn is_encoded_twice(bytes: &[u8]) -> bool {
    let letters: Vec<u8> = bytes.iter().filter(|letter| !letter.is_ascii_whitespace()).take(32).copied().collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(&letters[..letters.len() / 4 * 4]);
    decoded.is_ok_and(|begin| {
        begin.starts_with(b"<?xml") || begin.starts_with(b"<plist") || begin.starts_with(b"bplist0") || begin.starts_with(&[0x30, 0x82])
    })
}

#[cfg(test)]
pub(crate) mod tests;
