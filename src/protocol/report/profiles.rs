//! Reads the lists of profiles, certificates and provisioning profiles.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::Report;
use crate::clock::Timestamp;
use crate::protocol::plist::{self, Dictionary, Value, fields};

/// A configuration profile that a device has.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InstalledProfile {
    /// PayloadIdentifier; a profile with the same one replaces it.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// The name that people see.
    pub display_name: String,
    /// Whose it is.
    pub organization: String,
    /// Whether this server installed it; a Mac and supervised devices do not say.
    pub is_managed: Option<bool>,
    /// Whether the user may not remove it.
    pub removal_disallowed: Option<bool>,
    /// Whether it came by a declaration.
    pub is_declared: bool,
    /// What it holds.
    pub payloads: Vec<InstalledPayload>,
    /// Everything the device said of it, without certificates, as JSON.
    pub details: Map<String, Json>,
}

/// One payload of an installed profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct InstalledPayload {
    /// For example `com.apple.mdm`.
    pub payload_type: String,
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// The name that people see.
    pub display_name: String,
}

/// Reads ProfileList; none where the report has none.
pub fn profiles(report: &Report) -> Option<Vec<InstalledProfile>> {
    let list = report.values.get("ProfileList")?.as_array()?;
    Some(list.iter().filter_map(Value::as_dictionary).map(read_profile).collect())
}

fn read_profile(profile: &Dictionary) -> InstalledProfile {
    let text = |from: &Dictionary, key| fields::filled(from, key).unwrap_or_default();
    let mut details = plist::dictionary_to_json(profile);
    details.remove("SignerCertificates");
    InstalledProfile {
        identifier: text(profile, "PayloadIdentifier"),
        uuid: text(profile, "PayloadUUID"),
        display_name: text(profile, "PayloadDisplayName"),
        organization: text(profile, "PayloadOrganization"),
        is_managed: fields::flag(profile, "IsManaged"),
        removal_disallowed: fields::flag(profile, "PayloadRemovalDisallowed"),
        is_declared: fields::text(profile, "Source") == Some("Declarative Device Management"),
        payloads: fields::dictionaries(profile, "PayloadContent")
            .map(|payload| InstalledPayload {
                payload_type: text(payload, "PayloadType"),
                identifier: text(payload, "PayloadIdentifier"),
                uuid: text(payload, "PayloadUUID"),
                display_name: text(payload, "PayloadDisplayName"),
            })
            .collect(),
        details,
    }
}

/// A certificate that a device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledCertificate {
    /// The subject's common name.
    pub common_name: String,
    /// DER.
    pub der: Vec<u8>,
    /// Whether the device holds its private key.
    pub is_identity: bool,
}

/// Reads CertificateList; none where the report has none. Items without their certificate are passed over.
pub fn certificates(report: &Report) -> Option<Vec<InstalledCertificate>> {
    let list = report.values.get("CertificateList")?.as_array()?;
    let read = |item: &Dictionary| {
        Some(InstalledCertificate {
            common_name: fields::filled(item, "CommonName").unwrap_or_default(),
            der: fields::data(item, "Data")?.to_vec(),
            is_identity: fields::flag(item, "IsIdentity").unwrap_or_default(),
        })
    };
    Some(list.iter().filter_map(Value::as_dictionary).filter_map(read).collect())
}

/// A provisioning profile that a device has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvisioningProfile {
    /// By which it is removed.
    pub uuid: String,
    /// The name that people see.
    pub name: String,
    /// When its apps stop to run.
    pub expires_at: Option<Timestamp>,
}

/// Reads ProvisioningProfileList; none where the report has none.
pub fn provisioning_profiles(report: &Report) -> Option<Vec<ProvisioningProfile>> {
    let list = report.values.get("ProvisioningProfileList")?.as_array()?;
    let read = |item: &Dictionary| {
        Some(ProvisioningProfile {
            uuid: fields::filled(item, "UUID")?,
            name: fields::filled(item, "Name").unwrap_or_default(),
            expires_at: fields::moment(item, "ExpiryDate"),
        })
    };
    Some(list.iter().filter_map(Value::as_dictionary).filter_map(read).collect())
}
