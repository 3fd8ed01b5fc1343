//! Captured reports, each compared with its own text as it is read by hand.

use serde_json::Value as Json;

use super::*;
use crate::pki::certificate::Certificate;
use crate::testing::values_at;

/// What a file says at a key, in its order.
struct Said<'a>(&'a str, &'a [u8]);

impl Said<'_> {
    fn all(&self, key: &str) -> Vec<String> {
        values_at(self.1, key)
    }

    fn first(&self, key: &str) -> Option<String> {
        self.all(key).into_iter().next()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.first(key).map(|text| text == "true")
    }

    /// Every item says what the file says there; items that lack the key are passed over.
    fn matches<T>(&self, key: &str, items: &[T], read: impl Fn(&T) -> Option<String>) {
        let read: Vec<_> = items.iter().filter_map(read).collect();
        assert_eq!(read, self.all(key), "{}: {key}", self.0);
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[test]
fn every_captured_report_is_read_as_its_name_says() {
    let captured = captured();
    for (name, body) in &captured {
        let report = parse(body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let said = Said(name, body);
        assert_eq!(report.unreadable, [], "{name}");
        assert_eq!(report.head.command_uuid, said.first("CommandUUID"), "{name}");
        assert!(report.head.command_uuid.is_some(), "{name}");
        assert!(values_at(body, "UDID").contains(&report.head.ids.device_id().to_owned()), "{name}");
        let kind = name.split('-').next().unwrap();
        let expected = match kind {
            "errors" if name.contains("commandformaterror") => Status::CommandFormatError,
            "errors" | "installapplication" => Status::Error,
            "notnow" => Status::NotNow,
            _ => Status::Acknowledged,
        };
        assert_eq!(report.head.status, expected, "{name}");
        assert_eq!(report.head.cause().is_some(), matches!(expected, Status::Error | Status::CommandFormatError), "{name}");
        said.matches("ErrorCode", &report.head.error_chain, |error| Some(error.code.to_string()));
        said.matches("ErrorDomain", &report.head.error_chain, |error| Some(error.domain.clone()));
        said.matches("LocalizedDescription", &report.head.error_chain, |error| error.description.clone());
        match kind {
            "deviceinformation" => information(&said, &device::DeviceInformation::read(&report).unwrap()),
            "securityinfo" => security(&said, &security::SecurityInfo::read(&report).unwrap()),
            "installedapplicationlist" => installed(&said, &apps::installed(&report).unwrap()),
            "managedapplicationlist" => managed(&said, &apps::managed(&report).unwrap()),
            "profilelist" => profiles(&said, &profiles::profiles(&report).unwrap()),
            "certificatelist" => certificates(&said, &profiles::certificates(&report).unwrap()),
            "availableosupdates" => updates(&said, &updates::available(&report).unwrap()),
            "devicelock" => assert_eq!(device::message_result(&report).as_deref(), Some("NoPasscodeSet")),
            _ => assert!(matches!(kind, "errors" | "installapplication" | "notnow"), "{name} is of no known kind"),
        }
    }
    assert!(captured.len() >= 22 || crate::shared_for_tests().is_none(), "{}", captured.len());
}

fn information(said: &Said<'_>, read: &device::DeviceInformation) {
    for (value, key) in [
        (&read.serial_number, "SerialNumber"),
        (&read.device_name, "DeviceName"),
        (&read.model, "Model"),
        (&read.model_name, "ModelName"),
        (&read.product_name, "ProductName"),
        (&read.os_version, "OSVersion"),
        (&read.build_version, "BuildVersion"),
        (&read.software_update_device_id, "SoftwareUpdateDeviceID"),
        (&read.itunes_store_account_hash, "iTunesStoreAccountHash"),
    ] {
        assert_eq!(value, &said.first(key), "{}: {key}", said.0);
    }
    assert!(read.serial_number.is_some() && read.os_version.is_some(), "{}", said.0);
    assert_eq!((read.is_supervised, read.is_apple_silicon), (said.flag("IsSupervised"), said.flag("IsAppleSilicon")), "{}", said.0);
    for (value, key) in [(read.capacity_gb, "DeviceCapacity"), (read.available_gb, "AvailableDeviceCapacity")] {
        assert_eq!(value, said.first(key).map(|text| text.parse::<f64>().unwrap()), "{}: {key}", said.0);
    }
    for key in ["WiFiMAC", "BluetoothMAC", "HostName", "LocalHostName", "EthernetMAC"] {
        assert_eq!(read.facts.get(key).and_then(Json::as_str).map(str::to_owned), said.first(key), "{}: {key}", said.0);
    }
    for key in ["DataRoamingEnabled", "IsActivationLockEnabled", "PINRequiredForDeviceLock", "PINRequiredForEraseDevice"] {
        assert_eq!(read.facts.get(key).and_then(Json::as_bool), said.flag(key), "{}: {key}", said.0);
    }
}

fn security(said: &Said<'_>, read: &security::SecurityInfo) {
    for (value, key) in [
        (read.passcode_present, "PasscodePresent"),
        (read.passcode_compliant, "PasscodeCompliant"),
        (read.passcode_compliant_with_profiles, "PasscodeCompliantWithProfiles"),
        (read.filevault_enabled, "FDE_Enabled"),
        (read.filevault_has_personal_recovery_key, "FDE_HasPersonalRecoveryKey"),
        (read.recovery_lock_enabled, "IsRecoveryLockEnabled"),
        (read.system_integrity_protection, "SystemIntegrityProtectionEnabled"),
        (read.firewall_enabled, "FirewallEnabled"),
        (read.bootstrap_token_required_for_software_update, "BootstrapTokenRequiredForSoftwareUpdate"),
        (read.enrolled_via_dep, "EnrolledViaDEP"),
        (read.user_approved_enrollment, "UserApprovedEnrollment"),
        (read.is_user_enrollment, "IsUserEnrollment"),
        (read.is_activation_lock_manageable, "IsActivationLockManageable"),
    ] {
        assert_eq!(value, said.flag(key), "{}: {key}", said.0);
    }
    assert_eq!(read.bootstrap_token_allowed_for_authentication, said.first("BootstrapTokenAllowedForAuthentication"), "{}", said.0);
    assert!(!read.facts.is_empty() && (read.passcode_present.is_some() || read.filevault_enabled.is_some()), "{}", said.0);
}

fn installed(said: &Said<'_>, read: &[apps::InstalledApp]) {
    assert!(read.len() > 1, "{}", said.0);
    said.matches("Name", read, |app| filled(&app.name));
    said.matches("Identifier", read, |app| filled(&app.identifier));
    said.matches("Version", read, |app| filled(&app.version));
    said.matches("ShortVersion", read, |app| filled(&app.short_version));
    said.matches("BundleSize", read, |app| app.bundle_size_bytes.map(|size| size.to_string()));
    said.matches("DynamicSize", read, |app| app.dynamic_size_bytes.map(|size| size.to_string()));
    said.matches("ExternalVersionIdentifier", read, |app| app.external_version_identifier.map(|version| version.to_string()));
    said.matches("IsValidated", read, |app| app.is_validated.map(|flag| flag.to_string()));
    said.matches("DeviceBasedVPP", read, |app| app.device_based_vpp.map(|flag| flag.to_string()));
}

fn managed(said: &Said<'_>, read: &[apps::ManagedApp]) {
    assert!(!read.is_empty(), "{}", said.0);
    // The first Status of the text may be the report's own, wherever it stands.
    let mut words = said.all("Status");
    words.retain(|word| word != "Acknowledged");
    assert_eq!(read.iter().map(|app| app.state_word.clone()).collect::<Vec<_>>(), words, "{}", said.0);
    for app in read {
        assert!(said.0.contains(&app.state.to_string().to_lowercase()), "{}: {:?}", said.0, app.state);
        assert!(String::from_utf8_lossy(said.1).contains(&format!("<key>{}</key>", app.identifier)), "{}", said.0);
    }
    said.matches("ManagementFlags", read, |app| app.management_flags.map(|flags| flags.to_string()));
    said.matches("HasConfiguration", read, |app| app.has_configuration.map(|flag| flag.to_string()));
    said.matches("HasFeedback", read, |app| app.has_feedback.map(|flag| flag.to_string()));
    said.matches("IsValidated", read, |app| app.is_validated.map(|flag| flag.to_string()));
}

fn profiles(said: &Said<'_>, read: &[profiles::InstalledProfile]) {
    assert!(!read.is_empty() && read.iter().all(|profile| !profile.payloads.is_empty()), "{}", said.0);
    let mut identifiers = said.all("PayloadIdentifier");
    let (mut theirs, mut uuids) = (Vec::new(), Vec::new());
    for profile in read {
        for (identifier, uuid) in
            profile.payloads.iter().map(|payload| (&payload.identifier, &payload.uuid)).chain([(&profile.identifier, &profile.uuid)])
        {
            theirs.push(identifier.clone());
            uuids.push(uuid.clone());
        }
    }
    let mut said_uuids = said.all("PayloadUUID");
    for list in [&mut identifiers, &mut theirs, &mut uuids, &mut said_uuids] {
        list.sort();
    }
    assert_eq!((theirs, uuids), (identifiers, said_uuids), "{}", said.0);
    let types: Vec<_> = read.iter().flat_map(|profile| &profile.payloads).map(|payload| payload.payload_type.clone()).collect();
    assert_eq!(types, said.all("PayloadType"), "{}", said.0);
    let disallowed: Vec<_> = read.iter().filter_map(|profile| profile.removal_disallowed).map(|flag| flag.to_string()).collect();
    assert_eq!(disallowed, said.all("PayloadRemovalDisallowed"), "{}", said.0);
    said.matches("PayloadDescription", &descriptions(read), |text| filled(text));
}

/// The descriptions of profiles and payloads, the payloads first, as a dictionary in alphabetical order has them.
fn descriptions(read: &[profiles::InstalledProfile]) -> Vec<String> {
    let text = |from: &Json| from.get("PayloadDescription").and_then(Json::as_str).unwrap_or_default().to_owned();
    let of = |profile: &profiles::InstalledProfile| {
        let profile = Json::Object(profile.details.clone());
        let payloads = profile["PayloadContent"].as_array().unwrap().iter().map(text).collect::<Vec<_>>();
        payloads.into_iter().chain([text(&profile)]).collect::<Vec<_>>()
    };
    read.iter().flat_map(of).collect()
}

fn certificates(said: &Said<'_>, read: &[profiles::InstalledCertificate]) {
    assert!(!read.is_empty(), "{}", said.0);
    said.matches("CommonName", read, |item| filled(&item.common_name));
    said.matches("IsIdentity", read, |item| Some(item.is_identity.to_string()));
    assert_eq!(read.len(), said.all("Data").len(), "{}", said.0);
    for (item, text) in read.iter().zip(said.all("Data")) {
        assert_eq!(Some(&item.der), crate::pki::pem::base64(text.as_bytes()).as_ref(), "{}", said.0);
        // A redacted one is no certificate any more; what is one has the name that the device tells.
        if let Ok(certificate) = Certificate::from_der(&item.der) {
            assert_eq!(certificate.common_name().as_deref(), Some(item.common_name.as_str()), "{}", said.0);
        }
    }
}

fn updates(said: &Said<'_>, read: &[updates::AvailableUpdate]) {
    assert!(!read.is_empty(), "{}", said.0);
    said.matches("ProductKey", read, |update| filled(&update.product_key));
    said.matches("HumanReadableName", read, |update| filled(&update.name));
    said.matches("RestartRequired", read, |update| Some(update.restart_required.to_string()));
    said.matches("IsCritical", read, |update| Some(update.is_critical.to_string()));
    said.matches("IsConfigDataUpdate", read, |update| Some(update.is_config_data.to_string()));
    let versions: Vec<_> = said.all("Version").into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
    assert_eq!(read.iter().filter_map(|update| update.version.clone()).collect::<Vec<_>>(), versions, "{}", said.0);
}
