//! Commands about profiles, certificates, provisioning profiles and declarations.

use uuid::Uuid;

use super::Command;
use crate::protocol::plist::Value;

/// Installs a profile, signed or not, byte for byte; one with the same PayloadIdentifier is replaced.
pub fn install_profile(uuid: Uuid, profile: Vec<u8>) -> Command {
    Command::new(uuid, "InstallProfile").with("Payload", Value::Data(profile))
}

/// Removes the profile with this PayloadIdentifier.
pub fn remove_profile(uuid: Uuid, identifier: &str) -> Command {
    Command::new(uuid, "RemoveProfile").with("Identifier", identifier)
}

/// Asks for the installed profiles.
pub fn profile_list(uuid: Uuid) -> Command {
    Command::new(uuid, "ProfileList")
}

/// Asks for the installed certificates.
pub fn certificate_list(uuid: Uuid) -> Command {
    Command::new(uuid, "CertificateList")
}

/// Installs a provisioning profile (`.mobileprovision`), byte for byte.
pub fn install_provisioning_profile(uuid: Uuid, profile: Vec<u8>) -> Command {
    Command::new(uuid, "InstallProvisioningProfile").with("ProvisioningProfile", Value::Data(profile))
}

/// Removes the provisioning profile with this UUID; apps that run go on until they are restarted.
pub fn remove_provisioning_profile(uuid: Uuid, profile: &str) -> Command {
    Command::new(uuid, "RemoveProvisioningProfile").with("UUID", profile)
}

/// Asks for the installed provisioning profiles.
pub fn provisioning_profile_list(uuid: Uuid) -> Command {
    Command::new(uuid, "ProvisioningProfileList")
}

/// Turns declarative management on, or tells that declarations changed; `tokens`, the JSON of the endpoint of that name, saves a request.
pub fn declarative_management(uuid: Uuid, tokens: Option<Vec<u8>>) -> Command {
    Command::new(uuid, "DeclarativeManagement").with_some("Data", tokens.map(Value::Data))
}
