//! The command Settings and its items.

use uuid::Uuid;

use super::{Command, dictionary};
use crate::protocol::plist::{Dictionary, Value};

/// One item of Settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// The device's name.
    DeviceName(String),
    /// A Mac's host name.
    HostName(String),
    /// The time zone, by its IANA name.
    TimeZone(String),
    /// Bluetooth on or off.
    Bluetooth(bool),
    /// Data roaming on or off.
    DataRoaming(bool),
    /// The personal hotspot on or off.
    PersonalHotspot(bool),
    /// Whether diagnostics go to Apple (Shared iPad).
    DiagnosticSubmission(bool),
    /// Whether diagnostics go to developers (Shared iPad).
    AppAnalytics(bool),
    /// The picture behind everything: PNG or JPEG, on the lock screen (1), home screen (2) or both (3).
    Wallpaper {
        /// PNG or JPEG.
        image: Vec<u8>,
        /// 1, 2 or 3.
        place: u8,
    },
    /// An app's configuration; none takes it away.
    ApplicationConfiguration {
        /// The bundle identifier.
        identifier: String,
        /// What the app reads.
        configuration: Option<Dictionary>,
    },
    /// An app's attributes; none takes them away.
    ApplicationAttributes {
        /// The bundle identifier.
        identifier: String,
        /// VPN, removal, domains and the like.
        attributes: Option<Dictionary>,
    },
    /// Whose device it is; none takes it away. `OrganizationName` is required.
    OrganizationInfo(Option<Dictionary>),
    /// Whether a supervised device may have Activation Lock, and the other options of MDM.
    MdmOptions(Dictionary),
    /// Quotas, users and sessions of a Shared iPad.
    SharedDeviceConfiguration(Dictionary),
    /// Seconds after locking in which a Shared iPad asks for no passcode; from 17 on it stands among its shared settings.
    PasscodeLockGracePeriod(i64),
    /// Text size, contrast and the like.
    AccessibilitySettings(Dictionary),
    /// Which updates are offered where two are possible (0 both, 1 the lower, 2 the higher; removed in 27).
    SoftwareUpdateSettings {
        /// 0, 1 or 2.
        recommendation_cadence: u8,
    },
}

/// Changes settings; the answer judges each item for itself.
pub fn settings(uuid: Uuid, items: impl IntoIterator<Item = Setting>) -> Command {
    Command::new(uuid, "Settings").with("Settings", Value::Array(items.into_iter().map(Setting::into_value).collect()))
}

impl Setting {
    fn into_value(self) -> Value {
        let text = |item, key, value: String| item_of(item, [(key, Some(Value::String(value)))]);
        let switch = |item, on| item_of(item, [("Enabled", Some(Value::Boolean(on)))]);
        let app = |item, identifier: String, key, value: Option<Dictionary>| {
            item_of(item, [("Identifier", Some(Value::String(identifier))), (key, value.map(Value::Dictionary))])
        };
        match self {
            Self::DeviceName(name) => text("DeviceName", "DeviceName", name),
            Self::HostName(name) => text("HostName", "HostName", name),
            Self::TimeZone(zone) => text("TimeZone", "TimeZone", zone),
            Self::Bluetooth(on) => switch("Bluetooth", on),
            Self::DataRoaming(on) => switch("DataRoaming", on),
            Self::PersonalHotspot(on) => switch("PersonalHotspot", on),
            Self::DiagnosticSubmission(on) => switch("DiagnosticSubmission", on),
            Self::AppAnalytics(on) => switch("AppAnalytics", on),
            Self::Wallpaper { image, place } => {
                item_of("Wallpaper", [("Image", Some(Value::Data(image))), ("Where", Some(Value::Integer(place.into())))])
            }
            Self::ApplicationConfiguration { identifier, configuration } => {
                app("ApplicationConfiguration", identifier, "Configuration", configuration)
            }
            Self::ApplicationAttributes { identifier, attributes } => app("ApplicationAttributes", identifier, "Attributes", attributes),
            Self::OrganizationInfo(info) => item_of("OrganizationInfo", [("OrganizationInfo", info.map(Value::Dictionary))]),
            Self::MdmOptions(options) => item_of("MDMOptions", [("MDMOptions", Some(Value::Dictionary(options)))]),
            Self::PasscodeLockGracePeriod(seconds) => {
                item_of("PasscodeLockGracePeriod", [("PasscodeLockGracePeriod", Some(Value::from(seconds)))])
            }
            Self::SharedDeviceConfiguration(keys) => with_item("SharedDeviceConfiguration", keys),
            Self::AccessibilitySettings(keys) => with_item("AccessibilitySettings", keys),
            Self::SoftwareUpdateSettings { recommendation_cadence } => {
                item_of("SoftwareUpdateSettings", [("RecommendationCadence", Some(Value::Integer(recommendation_cadence.into())))])
            }
        }
    }
}

fn item_of<const N: usize>(item: &str, entries: [(&'static str, Option<Value>); N]) -> Value {
    dictionary(std::iter::once(("Item", Some(Value::String(item.to_owned())))).chain(entries))
}

fn with_item(item: &str, keys: Dictionary) -> Value {
    let mut entries = Dictionary::new();
    entries.insert("Item".into(), Value::String(item.to_owned()));
    entries.extend(keys);
    Value::Dictionary(entries)
}
