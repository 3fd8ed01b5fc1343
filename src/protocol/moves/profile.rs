//! The profile by which devices enrolled at another server: what a renewal may not change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::pki::certificate::Certificate;
use crate::protocol::mobileconfig::{self, Payload, ProfileError};
use crate::protocol::plist::fields;

/// What such a profile says of the enrollment; no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldProfile {
    /// PayloadIdentifier of the profile.
    pub identifier: String,
    /// The push topic.
    pub topic: String,
    /// ServerURL.
    pub server_url: String,
    /// CheckInURL; ServerURL where the profile has none.
    pub check_in_url: String,
    /// AccessRights; none in a user enrollment.
    pub access_rights: Option<i64>,
    /// Whether devices sign what they send.
    pub signs: bool,
    /// Whether users of the device have channels of their own.
    pub per_user: bool,
    /// Certificates that it has devices trust, DER in base64: one that it lacks later is trusted no more.
    #[serde(default)]
    pub roots: Vec<String>,
}

/// Certificates of a profile that are kept.
const ROOTS_MAX: usize = 16;

/// Payloads that have a device trust a certificate.
const TRUSTING: [&str; 3] = ["com.apple.security.root", "com.apple.security.pem", "com.apple.security.pkcs1"];

/// Reads an enrollment profile, signed or not.
pub fn read(bytes: &[u8]) -> Result<OldProfile, ProfileError> {
    let profile = mobileconfig::read(bytes)?;
    let missing = |what: &str| {
        ProfileError::Missing(t!("{what}: it enrolls no device. Take the profile by which the other server enrolls devices", what))
    };
    let payload =
        profile.payloads.iter().find(|payload| payload.payload_type == "com.apple.mdm").ok_or_else(|| missing("com.apple.mdm"))?;
    let text = |key: &str| fields::filled(&payload.keys, key);
    let server_url = text("ServerURL").ok_or_else(|| missing("ServerURL"))?;
    Ok(OldProfile {
        topic: text("Topic").ok_or_else(|| missing("Topic"))?,
        check_in_url: text("CheckInURL").unwrap_or_else(|| server_url.clone()),
        server_url,
        access_rights: fields::whole(&payload.keys, "AccessRights").filter(|rights| *rights > 0),
        signs: fields::flag(&payload.keys, "SignMessage").unwrap_or_default(),
        per_user: fields::texts(&payload.keys, "ServerCapabilities").iter().any(|name| name == "com.apple.mdm.per-user-connections"),
        roots: profile
            .payloads
            .iter()
            .filter(|payload| TRUSTING.contains(&payload.payload_type.as_str()))
            .filter_map(certificate)
            .take(ROOTS_MAX)
            .collect(),
        identifier: profile.identifier,
    })
}

/// The certificate of a payload, which may be DER or PEM.
fn certificate(payload: &Payload) -> Option<String> {
    let content = fields::data(&payload.keys, "PayloadContent")?;
    let certificate = Certificate::from_der(content).or_else(|_| Certificate::from_pem(content)).ok()?;
    Some(STANDARD.encode(certificate.der()))
}

/// The host of an address, with its port where it names one; none where it is no https address.
pub fn host(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
}
