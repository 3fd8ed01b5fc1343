//! Machine info: what a device in Setup Assistant says of itself under the signature of its built-in identity, and what it can be answered but a profile.

use serde_json::json;

use super::malformed::Malformed;
use super::os_version::OsVersion;
use super::platform::Platform;
use super::plist::{self, Dictionary, fields};
use crate::secret::Secret;

/// Bytes of a machine info with its signature and certificates; real ones have about 5,000.
pub const MESSAGE_MAX_BYTES: usize = 64 << 10;

/// The header in which a web view of Setup Assistant sends it, as base64.
pub const HEADER: &str = "x-apple-aspen-deviceinfo";

/// Letters of one value; longer ones are none of Apple's.
const VALUE_MAX_CHARS: usize = 200;

/// What a device says of itself (MachineInfo, enrollment.md §7). What it leaves out is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineInfo {
    /// UDID.
    pub udid: String,
    /// SERIAL.
    pub serial_number: String,
    /// PRODUCT: `iPad13,18`.
    pub product_name: String,
    /// OS_VERSION; old devices leave it out.
    pub os_version: String,
    /// VERSION: the build.
    pub build_version: String,
    /// SUPPLEMENTAL_BUILD_VERSION.
    pub supplemental_build_version: String,
    /// SUPPLEMENTAL_OS_VERSION_EXTRA: `(a)`.
    pub supplemental_os_version_extra: String,
    /// IMEI.
    pub imei: String,
    /// MEID.
    pub meid: String,
    /// LANGUAGE: `de`.
    pub language: String,
    /// SOFTWARE_UPDATE_DEVICE_ID: `J413AP`.
    pub software_update_device_id: String,
    /// PAIRING_TOKEN, of a watch.
    pub pairing_token: String,
    /// MDM_CAN_REQUEST_SOFTWARE_UPDATE: it understands that it has to update first.
    pub can_request_software_update: bool,
    /// MDM_CAN_REQUEST_PSSO_CONFIG.
    pub can_request_psso_config: bool,
}

impl MachineInfo {
    /// Reads it, XML or binary. A device without serial number or UDID is nobody; other keys may be missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let info = Self::parse_of_anybody(bytes)?;
        match (info.udid.as_str(), info.serial_number.as_str()) {
            ("", _) => Err(Malformed::MissingKey("UDID")),
            (_, "") => Err(Malformed::MissingKey("SERIAL")),
            _ => Ok(info),
        }
    }

    /// Reads what a device says at a sign-in by account: a person's own says neither serial number nor UDID (enrollment.md §8).
    pub fn parse_of_anybody(bytes: &[u8]) -> Result<Self, Malformed> {
        let keys = plist::parse_value(bytes)?.into_dictionary().ok_or(Malformed::NotADictionary)?;
        let id = |key: &str| {
            let value = said(&keys, key);
            let is_id = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if is_id { value } else { String::new() }
        };
        Ok(Self {
            udid: id("UDID"),
            serial_number: id("SERIAL"),
            product_name: said(&keys, "PRODUCT"),
            os_version: said(&keys, "OS_VERSION"),
            build_version: said(&keys, "VERSION"),
            supplemental_build_version: said(&keys, "SUPPLEMENTAL_BUILD_VERSION"),
            supplemental_os_version_extra: said(&keys, "SUPPLEMENTAL_OS_VERSION_EXTRA"),
            imei: said(&keys, "IMEI"),
            meid: said(&keys, "MEID"),
            language: said(&keys, "LANGUAGE"),
            software_update_device_id: said(&keys, "SOFTWARE_UPDATE_DEVICE_ID"),
            pairing_token: said(&keys, "PAIRING_TOKEN"),
            can_request_software_update: fields::flag(&keys, "MDM_CAN_REQUEST_SOFTWARE_UPDATE") == Some(true),
            can_request_psso_config: fields::flag(&keys, "MDM_CAN_REQUEST_PSSO_CONFIG") == Some(true),
        })
    }

    /// The OS version, or as much of it as the build tells where it is not said: at a sign-in by account devices say the build alone (enrollment.md §8).
    pub fn os_version_told(&self) -> String {
        if self.os_version.is_empty() {
            OsVersion::of_build(self.platform(), &self.build_version).map(|version| version.to_string()).unwrap_or_default()
        } else {
            self.os_version.clone()
        }
    }

    /// The version that it runs, with the letters of an improvement.
    pub fn version(&self) -> OsVersion {
        OsVersion::parse(&self.os_version).with_extra(&self.supplemental_os_version_extra)
    }

    /// The family of its system.
    pub fn platform(&self) -> Platform {
        Platform::of_product(&self.product_name)
    }
}

/// The text at `key`; one that is too long or has control characters counts as absent.
fn said(keys: &Dictionary, key: &str) -> String {
    let text = fields::text(keys, key).unwrap_or_default().trim();
    let is_one = text.chars().count() <= VALUE_MAX_CHARS && !text.chars().any(char::is_control);
    if is_one { text.to_owned() } else { String::new() }
}

/// The release that a device has to install before it may enroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededRelease {
    /// OSVersion.
    pub os_version: String,
    /// BuildVersion, where it is known.
    pub build_version: Option<String>,
    /// RequireBetaProgram: the programme that the release comes from (iOS 17.5, macOS 14.5).
    pub beta: Option<NeededBeta>,
}

/// The beta programme that a device joins before it installs a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededBeta {
    /// Description: what people call it.
    pub title: String,
    /// Token: the organisation's, a credential.
    pub token: Secret<String>,
}

/// What a device is answered with 403 in place of a profile: a JSON document whose keys are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrollmentError {
    /// It updates itself first, then asks again (iOS 17, macOS 14).
    SoftwareUpdateRequired(NeededRelease),
    /// It is not known here (iOS 17, macOS 14).
    UnrecognizedDevice {
        /// Why, for the log of the device.
        why: String,
    },
}

impl EnrollmentError {
    /// The document.
    pub fn to_json(&self) -> Vec<u8> {
        let document = match self {
            Self::SoftwareUpdateRequired(needed) => {
                let mut details = json!({ "OSVersion": needed.os_version });
                if let Some(build) = &needed.build_version {
                    details["BuildVersion"] = json!(build);
                }
                if let Some(beta) = &needed.beta {
                    details["RequireBetaProgram"] = json!({ "Description": beta.title, "Token": beta.token.expose() });
                }
                json!({
                    "code": "com.apple.softwareupdate.required",
                    "description": format!("At least {} is needed to enroll.", needed.os_version),
                    "message": format!("This device has to be updated to {} before it can be set up.", needed.os_version),
                    "details": details,
                })
            }
            Self::UnrecognizedDevice { why } => json!({ "code": "com.apple.unrecognized.device", "description": why, "message": why }),
        };
        document.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::plist::{Value, to_binary, to_xml};
    use crate::testing::mutations;

    /// As a device of 2024 says it.
    const SAID: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
	<key>LANGUAGE</key><string>de</string>
	<key>MDM_CAN_REQUEST_SOFTWARE_UPDATE</key><true/>
	<key>OS_VERSION</key><string>17.6.1</string>
	<key>PRODUCT</key><string>iPad13,18</string>
	<key>SERIAL</key><string>TESTSN0001</string>
	<key>SOFTWARE_UPDATE_DEVICE_ID</key><string>J271AP</string>
	<key>SUPPLEMENTAL_OS_VERSION_EXTRA</key><string>(a)</string>
	<key>UDID</key><string>00008101-000A1B2C3D4E5F60</string>
	<key>VERSION</key><string>21G93</string>
</dict></plist>"#;

    #[test]
    fn a_device_of_today_says_what_it_is_in_either_form() {
        let info = MachineInfo::parse(SAID.as_bytes()).unwrap();
        assert_eq!((info.serial_number.as_str(), info.udid.as_str()), ("TESTSN0001", "00008101-000A1B2C3D4E5F60"));
        assert_eq!((info.platform(), info.build_version.as_str()), (Platform::Ios, "21G93"));
        assert_eq!(info.version(), OsVersion::parse("17.6.1 (a)"));
        assert!(info.can_request_software_update && !info.can_request_psso_config);
        let binary = to_binary(&plist::parse_value(SAID.as_bytes()).unwrap()).unwrap();
        assert_eq!(MachineInfo::parse(&binary).unwrap(), info);
    }

    #[test]
    fn an_old_device_says_little_and_one_without_a_serial_number_is_nobody() {
        let said = |entries: &[(&str, &str)]| {
            let keys = entries.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
            MachineInfo::parse(&to_xml(&Value::Dictionary(keys.collect())).unwrap())
        };
        let old = said(&[("UDID", "a1"), ("SERIAL", "TESTSN0001"), ("PRODUCT", "iPad4,1"), ("VERSION", "16H81")]).unwrap();
        assert!(!old.version().is_known() && !old.can_request_software_update);
        assert_eq!(said(&[("UDID", "a1")]), Err(Malformed::MissingKey("SERIAL")));
        assert_eq!(said(&[("SERIAL", "TESTSN0001")]), Err(Malformed::MissingKey("UDID")));
        for wrong in ["", "TEST SN", "../x", &"A".repeat(VALUE_MAX_CHARS + 1)] {
            assert_eq!(said(&[("UDID", "a1"), ("SERIAL", wrong)]), Err(Malformed::MissingKey("SERIAL")), "{wrong}");
        }
        let longest = "A".repeat(VALUE_MAX_CHARS);
        assert_eq!(said(&[("UDID", "a1"), ("SERIAL", &longest)]).unwrap().serial_number, longest);
        let odd = said(&[("UDID", "a1"), ("SERIAL", "S1"), ("PRODUCT", "iPad\n1"), ("LANGUAGE", &"x".repeat(300))]).unwrap();
        assert_eq!((odd.product_name.as_str(), odd.language.as_str()), ("", ""));
    }

    #[test]
    fn damaged_machine_info_is_an_error_or_still_names_a_device() {
        let binary = to_binary(&plist::parse_value(SAID.as_bytes()).unwrap()).unwrap();
        for damaged in mutations(SAID.as_bytes()).chain(mutations(&binary)) {
            if let Ok(info) = MachineInfo::parse(&damaged) {
                assert!(!info.serial_number.is_empty() && !info.udid.is_empty());
            }
        }
        assert_eq!(MachineInfo::parse(b"<plist><array/></plist>"), Err(Malformed::NotADictionary));
    }

    #[test]
    fn the_errors_have_lower_case_keys_and_apples_details() {
        let needed = NeededRelease { os_version: "26.4".into(), build_version: Some("23E246".into()), beta: None };
        let error: serde_json::Value = serde_json::from_slice(&EnrollmentError::SoftwareUpdateRequired(needed).to_json()).unwrap();
        assert_eq!(error["code"], "com.apple.softwareupdate.required");
        assert_eq!(error["details"], json!({ "OSVersion": "26.4", "BuildVersion": "23E246" }));
        assert!(error.as_object().unwrap().keys().all(|key| key.chars().all(|letter| letter.is_ascii_lowercase())));
        let unknown = NeededRelease { os_version: "26.4".into(), build_version: None, beta: None };
        let error: serde_json::Value = serde_json::from_slice(&EnrollmentError::SoftwareUpdateRequired(unknown).to_json()).unwrap();
        assert_eq!(error["details"], json!({ "OSVersion": "26.4" }));
        let error = EnrollmentError::UnrecognizedDevice { why: "“x”".into() }.to_json();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&error).unwrap()["code"], "com.apple.unrecognized.device");
    }
}
