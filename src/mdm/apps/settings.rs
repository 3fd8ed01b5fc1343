//! How an app is managed: what an admin chooses for it, and which system has which attribute.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::protocol::availability::Capabilities;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// Domains that one app may be associated with.
pub const DOMAINS_MAX: usize = 100;
/// Characters of one text among the attributes.
pub const TEXT_MAX_CHARS: usize = 253;

/// Whose licence pays for an app of the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenceBy {
    /// The device's: no Apple Account is needed.
    #[default]
    Device,
    /// The person's, who must be signed in.
    User,
    /// None: the person buys it with an account of their own, or with a code.
    None,
}

/// When newer versions are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "when", deny_unknown_fields)]
pub enum Updates {
    /// Never by themselves.
    Off,
    /// As soon as there is one.
    #[default]
    WhenAvailable,
    /// Between two times of the day, in the appliance's time zone; over midnight where the end is before the beginning.
    QuietHours {
        /// The first minute, `22:00`.
        from: String,
        /// The first minute after, `05:30`.
        to: String,
    },
}

/// What the system does for a managed app, where it has that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// Its traffic goes through the VPN with this UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpn_uuid: Option<String>,
    /// Domains whose links open in it: `applinks:example.school`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub associated_domains: Vec<String>,
    /// Whether the device asks the domains directly instead of through Apple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_downloads: Option<bool>,
    /// Whether the person may delete it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removable: Option<bool>,
    /// Whether Tap to Pay asks for the passcode after each payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tap_to_pay_lock: Option<bool>,
    /// Whether the person may hide it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hideable: Option<bool>,
    /// Whether the person may lock it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockable: Option<bool>,
    /// Its traffic goes through the content filter with this UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_filter_uuid: Option<String>,
    /// Its names are looked up by the DNS proxy with this UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_proxy_uuid: Option<String>,
    /// Its traffic goes through the relay with this UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_uuid: Option<String>,
}

/// How an app is managed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AppSettings)]
pub struct Settings {
    /// Whether app and data go when the management ends.
    pub remove_with_management: bool,
    /// Whether its data stay out of backups.
    pub exclude_from_backup: bool,
    /// Whether one that the person installed is taken over.
    pub take_over: bool,
    /// Whose licence pays for it.
    pub licence: LicenceBy,
    /// When newer versions are sent.
    pub updates: Updates,
    /// What the system does for it.
    pub attributes: Attributes,
    /// Whether Macs with Apple silicon install the app for iPhone and iPad.
    pub ios_app: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            remove_with_management: true,
            exclude_from_backup: true,
            take_over: true,
            licence: LicenceBy::default(),
            updates: Updates::default(),
            attributes: Attributes::default(),
            ios_app: false,
        }
    }
}

/// One attribute, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its name in the settings.
    pub id: &'static str,
    /// Apple's key.
    pub key: &'static str,
    /// What it does, for people.
    pub words: &'static str,
    /// The first iOS that has it, by command.
    pub ios: &'static str,
    /// The first tvOS that has it, by command.
    pub tvos: Option<&'static str>,
    /// Whether the declaration of an app has it.
    pub declared: bool,
    /// Whether it is a choice of yes and no.
    pub is_flag: bool,
}

const fn known(id: &'static str, key: &'static str, words: &'static str, ios: &'static str, declared: bool, is_flag: bool) -> Known {
    Known { id, key, words, ios, tvos: None, declared, is_flag }
}

/// Every attribute (Apple's InstallApplication and `com.apple.configuration.app.managed`).
pub const ATTRIBUTES: [Known; 10] = [
    known("vpn_uuid", "VPNUUID", msg!("Its traffic goes through the VPN with this UUID"), "7.0", true, false),
    known("associated_domains", "AssociatedDomains", msg!("Links to these domains open in it"), "13.0", true, false),
    known("direct_downloads", "AssociatedDomainsEnableDirectDownloads", msg!("The device asks these domains directly"), "14.0", true, true),
    Known { tvos: Some("14.0"), ..known("removable", "Removable", msg!("The person may delete it"), "14.0", false, true) },
    known("tap_to_pay_lock", "TapToPayScreenLock", msg!("Tap to Pay locks the screen after each payment"), "16.4", true, true),
    known("hideable", "Hideable", msg!("The person may hide it"), "18.1", true, true),
    known("lockable", "Lockable", msg!("The person may lock it"), "18.1", true, true),
    known(
        "content_filter_uuid",
        "ContentFilterUUID",
        msg!("Its traffic goes through the content filter with this UUID"),
        "16.0",
        true,
        false,
    ),
    known("dns_proxy_uuid", "DNSProxyUUID", msg!("Its names are looked up by the DNS proxy with this UUID"), "16.0", true, false),
    known("relay_uuid", "RelayUUID", msg!("Its traffic goes through the relay with this UUID"), "17.0", true, false),
];

impl Attributes {
    /// The value of an attribute as JSON, where it is set.
    pub fn value(&self, id: &str) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()?.get(id).cloned()
    }
}

/// Tells whether a system has an attribute; else why not.
pub fn refusal(known: &Known, device: &Capabilities) -> Option<String> {
    let since = match device.platform {
        Platform::Ios | Platform::Visionos => Some(known.ios),
        Platform::Tvos => known.tvos,
        Platform::Unknown => return None,
        Platform::Macos | Platform::Watchos => None,
    };
    let words = known.words;
    match since {
        None => Some(t!("“{words}” does not exist on this system", words)),
        // Vision Pro began after all of them but the newest, and counts its versions from 1.
        Some(_) if device.platform == Platform::Visionos => None,
        Some(since) if device.os_version.is_older_than(OsVersion::parse(since)) => {
            Some(t!("“{words}” needs {since} or later; the device has {os_version}", words, since, os_version = device.os_version))
        }
        Some(_) => None,
    }
}

/// Reads settings as they are stored.
pub fn read(json: &str) -> Result<Settings> {
    serde_json::from_str(json).map_err(|error| Error::internal("stored settings of apps are readable", error))
}

/// Refuses what no device could be told.
pub fn check(settings: &Settings) -> Result<()> {
    let attributes = &settings.attributes;
    let mut faults: Vec<(String, String)> = Vec::new();
    let mut wrong = |field: &str, message: &str| faults.push((field.to_owned(), message.to_owned()));
    let is_whole = |domain: &String| {
        domain.split_once(':').is_some_and(|(service, host)| !service.is_empty() && host.contains('.'))
            && domain.chars().count() <= TEXT_MAX_CHARS
            && !domain.contains(char::is_whitespace)
    };
    if attributes.associated_domains.len() > DOMAINS_MAX {
        wrong("attributes.associated_domains", &t!("at most {DOMAINS_MAX} domains", DOMAINS_MAX));
    } else if !attributes.associated_domains.iter().all(is_whole) {
        wrong("attributes.associated_domains", t!("a service and a domain each, for example applinks:example.school"));
    }
    for (id, value) in [
        ("vpn_uuid", &attributes.vpn_uuid),
        ("content_filter_uuid", &attributes.content_filter_uuid),
        ("dns_proxy_uuid", &attributes.dns_proxy_uuid),
        ("relay_uuid", &attributes.relay_uuid),
    ] {
        if value.as_ref().is_some_and(|value| !is_uuid(value)) {
            wrong(
                &format!("attributes.{id}"),
                t!("the UUID that stands in the profile, such as 2E5B1B5B-0C49-4F39-8B2E-6D0B7B5D0A11, or nothing"),
            );
        }
    }
    if attributes.lockable == Some(false) && attributes.hideable == Some(true) {
        wrong("attributes.hideable", t!("an app that may not be locked cannot be hidden either"));
    }
    if let Updates::QuietHours { from, to } = &settings.updates {
        for (field, text) in [("updates.from", from), ("updates.to", to)] {
            if minute(text).is_none() {
                wrong(field, t!("a time of the day, for example 22:00"));
            }
        }
        if from == to && minute(to).is_some() {
            wrong("updates.to", t!("another time than the beginning"));
        }
    }
    Error::fields(faults)
}

/// Whether a text is a UUID as profiles hold it: 36 characters with their hyphens.
pub fn is_uuid(text: &str) -> bool {
    text.len() == UUID_CHARS && uuid::Uuid::parse_str(text).is_ok()
}

/// Characters of a UUID with its hyphens.
const UUID_CHARS: usize = 36;

/// The minute of the day of `22:00`.
pub fn minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number =
        |text: &str, below: i64| (text.len() == 2).then(|| text.parse::<i64>().ok()).flatten().filter(|number| (0..below).contains(number));
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_on_and_what_is_unknown_is_refused() {
        let settings = read("{}").unwrap();
        assert!(settings.remove_with_management && settings.exclude_from_backup && settings.take_over);
        assert_eq!((settings.licence, settings.updates), (LicenceBy::Device, Updates::WhenAvailable));
        assert!(serde_json::from_str::<Settings>(r#"{"remove":true}"#).is_err());
        assert!(serde_json::from_str::<Settings>(r#"{"attributes":{"color":"red"}}"#).is_err());
    }

    #[test]
    fn what_no_device_could_be_told_is_refused_at_its_field() {
        let refused = |json: &str| check(&serde_json::from_str(json).unwrap()).unwrap_err().fields[0].field.clone();
        assert_eq!(refused(r#"{"updates":{"when":"quiet_hours","from":"22:00","to":"24:00"}}"#), "updates.to");
        assert_eq!(refused(r#"{"updates":{"when":"quiet_hours","from":"22:00","to":"22:00"}}"#), "updates.to");
        assert_eq!(refused(r#"{"attributes":{"associated_domains":["example.school"]}}"#), "attributes.associated_domains");
        assert_eq!(refused(r#"{"attributes":{"vpn_uuid":" "}}"#), "attributes.vpn_uuid");
        assert_eq!(refused(r#"{"attributes":{"lockable":false,"hideable":true}}"#), "attributes.hideable");
        let many: Vec<_> = (0..=DOMAINS_MAX).map(|number| format!("applinks:a{number}.example.school")).collect();
        let with = |domains: &[String]| Settings {
            attributes: Attributes { associated_domains: domains.to_vec(), ..Attributes::default() },
            ..Settings::default()
        };
        assert!(check(&with(&many)).is_err() && check(&with(&many[1..])).is_ok());
        let long = format!("applinks:{}.school", "a".repeat(TEXT_MAX_CHARS));
        assert!(check(&with(&[long])).is_err());
    }

    #[test]
    fn attributes_are_apples_and_each_is_in_the_settings() {
        let all = serde_json::json!({
            "vpn_uuid": "u", "associated_domains": ["applinks:a.b"], "direct_downloads": true, "removable": false, "tap_to_pay_lock": true,
            "hideable": true, "lockable": true, "content_filter_uuid": "u", "dns_proxy_uuid": "u", "relay_uuid": "u"
        });
        let attributes: Attributes = serde_json::from_value(all).unwrap();
        assert!(ATTRIBUTES.iter().all(|known| attributes.value(known.id).is_some()));
        let Some(shared) = crate::shared_for_tests() else { return };
        for folder in ["apple-schema-18.1", "apple-schema-27-declarations"] {
            let said = everything_under(&shared.join(folder));
            for known in ATTRIBUTES.iter().filter(|known| known.declared || folder == "apple-schema-18.1") {
                assert!(said.contains(&format!("key: {}", known.key)), "{} in {folder}", known.key);
            }
        }
    }

    fn everything_under(folder: &std::path::Path) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                text += &everything_under(&path);
            } else {
                text += &std::fs::read_to_string(&path).unwrap_or_default();
            }
        }
        text
    }
}
