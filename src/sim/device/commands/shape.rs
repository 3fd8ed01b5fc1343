//! The keys that a command must have, and the types that its keys must be of; a device refuses what differs.

use super::Command;
use crate::protocol::plist::{Dictionary, Value};

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Whole,
    Flag,
    Data,
    Array,
    Dictionary,
}

use Type::{Array, Data, Dictionary as Dict, Flag, Text, Whole};

/// The keys of a command: its type, those it must have, and those it may have.
type Shape = (&'static str, &'static [(&'static str, Type)], &'static [(&'static str, Type)]);

/// Commands whose keys are checked; a command that is not listed has no key that it must have.
const SHAPES: &[Shape] = &[
    ("InstallApplication", &[], INSTALL_APPLICATION),
    ("InstallEnterpriseApplication", &[], &[("Manifest", Dict), ("ManifestURL", Text), ("InstallAsManaged", Flag)]),
    ("RemoveApplication", &[("Identifier", Text)], &[]),
    ("ApplyRedemptionCode", &[("Identifier", Text), ("RedemptionCode", Text)], &[]),
    ("InviteToProgram", &[("ProgramID", Text), ("InvitationURL", Text)], &[]),
    ("InstalledApplicationList", &[], &[("Identifiers", Array), ("ManagedAppsOnly", Flag), ("Items", Array)]),
    ("ManagedApplicationList", &[], &[("Identifiers", Array)]),
    ("ManagedApplicationConfiguration", &[("Identifiers", Array)], &[]),
    ("ManagedApplicationAttributes", &[("Identifiers", Array)], &[]),
    ("ManagedApplicationFeedback", &[("Identifiers", Array)], &[("DeleteFeedback", Flag)]),
    ("ValidateApplications", &[], &[("Identifiers", Array)]),
    ("InstallMedia", &[("MediaType", Text)], &[("iTunesStoreID", Whole), ("MediaURL", Text)]),
    ("RemoveMedia", &[("MediaType", Text)], &[("iTunesStoreID", Whole), ("PersistentID", Text)]),
    ("InstallProfile", &[("Payload", Data)], &[]),
    ("RemoveProfile", &[("Identifier", Text)], &[]),
    ("ProfileList", &[], &[("ManagedOnly", Flag)]),
    ("CertificateList", &[], &[("ManagedOnly", Flag)]),
    ("ProvisioningProfileList", &[], &[("ManagedOnly", Flag)]),
    ("InstallProvisioningProfile", &[("ProvisioningProfile", Data)], &[]),
    ("RemoveProvisioningProfile", &[("UUID", Text)], &[]),
    ("Restrictions", &[], &[("ProfileRestrictions", Flag)]),
    ("DeclarativeManagement", &[], &[("Data", Data)]),
    ("DeviceInformation", &[("Queries", Array)], &[("DeviceAttestationNonce", Data)]),
    ("DeviceLock", &[], &[("Message", Text), ("PhoneNumber", Text), ("PIN", Text)]),
    ("ClearPasscode", &[("UnlockToken", Data)], &[]),
    ("EraseDevice", &[], &[("PreserveDataPlan", Flag), ("PIN", Text), ("ReturnToService", Dict), ("ObliterationBehavior", Text)]),
    ("EnableLostMode", &[], &[("Message", Text), ("PhoneNumber", Text), ("Footnote", Text)]),
    ("RefreshCellularPlans", &[("eSIMServerURL", Text)], &[]),
    ("RequestMirroring", &[], &[("DestinationName", Text), ("DestinationDeviceID", Text), ("ScanTime", Whole)]),
    ("SetFirmwarePassword", &[("NewPassword", Text)], &[("CurrentPassword", Text), ("AllowOroms", Flag)]),
    ("VerifyFirmwarePassword", &[("Password", Text)], &[]),
    ("SetRecoveryLock", &[("NewPassword", Text)], &[("CurrentPassword", Text)]),
    ("VerifyRecoveryLock", &[("Password", Text)], &[]),
    ("RotateFileVaultKey", &[("KeyType", Text), ("FileVaultUnlock", Dict)], &[("ReplyEncryptionCertificate", Data)]),
    ("LOMDeviceRequest", &[("RequestList", Array)], &[]),
    ("SetAutoAdminPassword", &[("GUID", Text), ("passwordHash", Data)], &[]),
    ("DeleteUser", &[], &[("UserName", Text), ("ForceDeletion", Flag), ("DeleteAllUsers", Flag)]),
    ("AccountConfiguration", &[], &[("AutoSetupAdminAccounts", Array), ("SkipPrimarySetupAccountCreation", Flag)]),
    ("UnlockUserAccount", &[("UserName", Text)], &[]),
    ("Settings", &[("Settings", Array)], &[]),
    ("ScheduleOSUpdate", &[("Updates", Array)], &[]),
    ("ScheduleOSUpdateScan", &[], &[("Force", Flag)]),
];

const INSTALL_APPLICATION: &[(&str, Type)] = &[
    ("iTunesStoreID", Whole),
    ("Identifier", Text),
    ("ManifestURL", Text),
    ("Options", Dict),
    ("ManagementFlags", Whole),
    ("Configuration", Dict),
    ("Attributes", Dict),
    ("ChangeManagementState", Text),
    ("InstallAsManaged", Flag),
];

/// The first key that is missing or of another type.
pub(super) fn fault(command: &Command) -> Option<&'static str> {
    let (_, required, optional) = SHAPES.iter().find(|(name, _, _)| *name == command.request_type)?;
    let is_missing = |key: &str| !command.body.contains_key(key);
    let is_wrong = |key: &str, kind: Type| command.body.get(key).is_some_and(|value| !is_of(value, kind));
    let missing = required.iter().find(|(key, _)| is_missing(key));
    let wrong = required.iter().chain(*optional).find(|(key, kind)| is_wrong(key, *kind));
    missing.or(wrong).map(|(key, _)| *key).or_else(|| bad_part(&command.request_type, &command.body))
}

fn is_of(value: &Value, kind: Type) -> bool {
    match kind {
        Text => value.as_string().is_some(),
        Whole => matches!(value, Value::Integer(_)),
        Flag => value.as_boolean().is_some(),
        Data => value.as_data().is_some(),
        Array => value.as_array().is_some(),
        Dict => value.as_dictionary().is_some(),
    }
}

/// Faults within arrays, and keys of which one at least must be there.
fn bad_part(name: &str, body: &Dictionary) -> Option<&'static str> {
    let all = |key: &str, right: fn(&Value) -> bool| body.get(key).and_then(Value::as_array).is_none_or(|items| items.iter().all(right));
    let is_text = |value: &Value| value.as_string().is_some();
    let is_item = |value: &Value| value.as_dictionary().is_some_and(|item| item.get("Item").and_then(Value::as_string).is_some());
    let is_update = |value: &Value| {
        let text = |item: &Dictionary, key: &str| item.get(key).and_then(Value::as_string).is_some();
        value.as_dictionary().is_some_and(|item| text(item, "InstallAction") && (text(item, "ProductKey") || text(item, "ProductVersion")))
    };
    match name {
        "DeviceInformation" if !all("Queries", is_text) => Some("Queries"),
        "Settings" if !all("Settings", is_item) => Some("Settings"),
        "ScheduleOSUpdate" if !all("Updates", is_update) => Some("Updates"),
        "InstallApplication" => {
            let sources = ["iTunesStoreID", "Identifier", "ManifestURL"];
            let given = sources.iter().filter(|key| body.contains_key(key)).count();
            (given != 1).then_some("iTunesStoreID")
        }
        "InstallEnterpriseApplication" if !body.contains_key("Manifest") && !body.contains_key("ManifestURL") => Some("ManifestURL"),
        _ if !all("Identifiers", is_text) => Some("Identifiers"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::values::{dict, dictionary, texts};
    use super::*;

    fn fault_of<const N: usize>(name: &str, keys: [(&str, Value); N]) -> Option<&'static str> {
        fault(&Command { uuid: "1".into(), request_type: name.into(), channel: 0, body: dictionary(keys) })
    }

    #[test]
    fn a_missing_or_mistyped_key_is_named() {
        assert_eq!(fault_of("RemoveProfile", []), Some("Identifier"));
        assert_eq!(fault_of("RemoveProfile", [("Identifier", Value::from(3))]), Some("Identifier"));
        assert_eq!(fault_of("RemoveProfile", [("Identifier", Value::from("a"))]), None);
        assert_eq!(fault_of("InstallProfile", [("Payload", Value::from("<plist/>"))]), Some("Payload"));
        assert_eq!(fault_of("DeviceInformation", [("Queries", Value::Array(vec![Value::from(1)]))]), Some("Queries"));
        assert_eq!(fault_of("DeviceInformation", [("Queries", texts(["UDID"]))]), None);
        assert_eq!(fault_of("Settings", [("Settings", Value::Array(vec![dict([("Enabled", Value::Boolean(true))])]))]), Some("Settings"));
    }

    #[test]
    fn an_install_order_has_exactly_one_source() {
        assert_eq!(fault_of("InstallApplication", []), Some("iTunesStoreID"));
        assert_eq!(fault_of("InstallApplication", [("iTunesStoreID", Value::from("409203825"))]), Some("iTunesStoreID"));
        let both = [("iTunesStoreID", Value::from(1)), ("Identifier", Value::from("a"))];
        assert_eq!(fault_of("InstallApplication", both), Some("iTunesStoreID"));
        assert_eq!(fault_of("InstallApplication", [("Identifier", Value::from("a"))]), None);
    }

    #[test]
    fn commands_without_keys_are_never_malformed() {
        assert_eq!(fault_of("SecurityInfo", []), None);
    }
}
