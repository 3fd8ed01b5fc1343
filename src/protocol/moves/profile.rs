//! The profile by which devices enrolled at another server: what a renewal may not change.

use serde::{Deserialize, Serialize};

use crate::protocol::mobileconfig::{self, ProfileError};
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
}

/// Reads an enrollment profile, signed or not.
pub fn read(bytes: &[u8]) -> Result<OldProfile, ProfileError> {
    let profile = mobileconfig::read(bytes)?;
    let missing = |what: &str| {
        ProfileError::Missing(format!("{what}: it enrolls no device. Take the profile by which the other server enrolls devices"))
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
        identifier: profile.identifier,
    })
}

/// The host of an address, with its port where it names one; none where it is no https address.
pub fn host(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
}
