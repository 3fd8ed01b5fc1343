//! Commands that ask about the device, its protection and its apps.

use uuid::Uuid;

use super::{Command, texts};
use crate::protocol::plist::Value;

/// Asks for facts by Apple's names of queries; those that a device does not know it leaves out.
pub fn device_information(uuid: Uuid, queries: &[&str]) -> Command {
    Command::new(uuid, "DeviceInformation").with("Queries", texts(queries))
}

/// Asks Apple's servers, through the device, to attest what it is; `nonce` (at most 32 bytes) proves that the answer is fresh. A person's own device says
/// neither serial number nor UDID, and is not asked for them.
pub fn device_attestation(uuid: Uuid, nonce: &[u8], is_own: bool) -> Command {
    let queries = ["DevicePropertiesAttestation", "SerialNumber", "UDID"];
    let asked = device_information(uuid, if is_own { &queries[..1] } else { &queries });
    asked.with("DeviceAttestationNonce", Value::Data(nonce.to_vec()))
}

/// Asks for passcode, encryption, firewall and the like.
pub fn security_info(uuid: Uuid) -> Command {
    Command::new(uuid, "SecurityInfo")
}

/// Asks for all apps.
pub fn installed_application_list(uuid: Uuid) -> Command {
    Command::new(uuid, "InstalledApplicationList")
}

/// Asks for the managed apps and how far they are.
pub fn managed_application_list(uuid: Uuid) -> Command {
    Command::new(uuid, "ManagedApplicationList")
}

/// Asks for the Activation Lock bypass code, which a device gives in the first fifteen days of its supervision only.
pub fn activation_lock_bypass_code(uuid: Uuid) -> Command {
    Command::new(uuid, "ActivationLockBypassCode")
}

/// Asks for the restrictions in force, by profile too where `by_profile`.
pub fn restrictions(uuid: Uuid, by_profile: bool) -> Command {
    Command::new(uuid, "Restrictions").with("ProfileRestrictions", by_profile)
}
