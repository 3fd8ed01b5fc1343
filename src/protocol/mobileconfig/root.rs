//! Makes the small profile that lets a device trust one more root certificate.

use uuid::Uuid;

use super::ProfileError;
use super::enrollment::{certificate_payload, payload, put, text};
use crate::protocol::plist::{self, Value};

/// Everything that the profile of a root certificate says.
#[derive(Debug, Clone)]
pub struct RootProfile {
    /// PayloadIdentifier in reverse DNS; a profile with the same one is replaced.
    pub identifier: String,
    /// The name that people see.
    pub display_name: String,
    /// Whose it is.
    pub organization: String,
    /// What it is for, in a sentence.
    pub description: String,
    /// PayloadUUIDs of the profile and of its payload: random, and new for each profile.
    pub uuids: [Uuid; 2],
    /// The certificate, DER.
    pub root: Vec<u8>,
}

/// Makes the profile's XML, to be signed or not.
pub fn build_root(profile: &RootProfile) -> Result<Vec<u8>, ProfileError> {
    let [profile_uuid, root_uuid] = profile.uuids;
    let mut keys = payload("Configuration", &profile.identifier, profile_uuid, &profile.display_name);
    put(&mut keys, "PayloadOrganization", text(&profile.organization));
    put(&mut keys, "PayloadDescription", text(&profile.description));
    put(&mut keys, "PayloadScope", text("System"));
    let root = certificate_payload(&format!("{}.root", profile.identifier), root_uuid, &profile.organization, &profile.root);
    put(&mut keys, "PayloadContent", Value::Array(vec![root]));
    Ok(plist::to_xml(&Value::Dictionary(keys))?)
}
