//! The profile of a profile service: it installs nothing, but has the device say who it is.

use uuid::Uuid;

use super::ProfileError;
use super::enrollment::{payload, put, text};
use crate::protocol::plist::{self, Dictionary, Value};
use crate::secret::Secret;

/// What a device is asked to say of itself; what it does not have it leaves out.
pub const ATTRIBUTES: [&str; 6] = ["UDID", "VERSION", "PRODUCT", "SERIAL", "IMEI", "MEID"];

/// The type of such a profile.
pub const PROFILE_SERVICE: &str = "Profile Service";

/// What such a profile says.
#[derive(Debug, Clone)]
pub struct ProfileService {
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// Whose it is.
    pub organization: String,
    /// What it is for.
    pub description: String,
    /// Where the device says who it is.
    pub url: String,
    /// What it repeats there.
    pub challenge: Secret<String>,
}

/// Writes it.
///
/// Fails where devices would refuse it: an address without https.
pub fn build_profile_service(profile: &ProfileService) -> Result<Vec<u8>, ProfileError> {
    if !profile.url.starts_with("https://") {
        return Err(ProfileError::Refused(String::from(t!("the address of a profile service must begin with https://"))));
    }
    let mut content = Dictionary::new();
    put(&mut content, "URL", text(&profile.url));
    put(&mut content, "DeviceAttributes", Value::Array(ATTRIBUTES.into_iter().map(text).collect()));
    put(&mut content, "Challenge", text(profile.challenge.expose()));
    let mut keys = payload(PROFILE_SERVICE, &profile.identifier, profile.uuid, &profile.display_name);
    put(&mut keys, "PayloadOrganization", text(&profile.organization));
    put(&mut keys, "PayloadDescription", text(&profile.description));
    put(&mut keys, "PayloadContent", Value::Dictionary(content));
    Ok(plist::to_xml(&Value::Dictionary(keys))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist::fields;

    #[test]
    fn it_asks_at_an_address_with_tls_and_carries_its_challenge() {
        let profile = ProfileService {
            identifier: "org.rollcall.enrollment.service".into(),
            uuid: Uuid::from_u128(1),
            display_name: "Example School".into(),
            organization: "Example School".into(),
            description: "Asks.".into(),
            url: "https://mdm.example.school/enroll/X/service".into(),
            challenge: Secret::new("c & d".into()),
        };
        let read = plist::parse_dictionary(&build_profile_service(&profile).unwrap()).unwrap();
        assert_eq!(fields::text(&read, "PayloadType"), Some(PROFILE_SERVICE));
        let content = fields::dictionary(&read, "PayloadContent").unwrap();
        assert_eq!(
            (fields::text(content, "Challenge"), fields::texts(content, "DeviceAttributes").len()),
            (Some("c & d"), ATTRIBUTES.len())
        );
        assert!(build_profile_service(&ProfileService { url: "http://x".into(), ..profile }).is_err());
    }
}
