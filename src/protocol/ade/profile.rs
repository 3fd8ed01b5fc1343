//! A profile as Apple wants it: how a device greets whoever unpacks it, and where it enrolls.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{MacAccounts, skip_key};
use crate::error::{Error, Result};
use crate::pki::pem;
use crate::protocol::os_version::OsVersion;

/// Families of devices in Apple's words, each with what people call them.
pub const FAMILIES: [(&str, &str); 6] = [
    ("iPad", msg!("iPads")),
    ("iPhone", msg!("iPhones")),
    ("iPod", msg!("iPods")),
    ("Mac", msg!("Macs")),
    ("AppleTV", msg!("Apple TVs")),
    ("Vision", msg!("Vision Pros")),
];

/// Characters of a text in a profile, as Apple allows them.
pub const TEXT_MAX_CHARS: usize = 125;

/// Characters of a phone number.
const PHONE_MAX_CHARS: usize = 50;

/// The word for any system, whatever the setting demands.
pub const ANY_OS: &str = "any";

/// The word for the newest system that Apple signs for a device.
pub const LATEST_OS: &str = "latest";

/// What can be wished about it. Everything else follows from where it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileKeys {
    /// Whether the device is supervised; newer systems always are.
    pub is_supervised: bool,
    /// Whether enrolling can be put off; newer systems never can.
    pub is_mandatory: bool,
    /// Whether whoever holds it can end the management.
    pub is_mdm_removable: bool,
    /// Whether it waits in Setup Assistant until its apps and settings are on their way.
    pub await_device_configured: bool,
    /// Whether it may be connected to computers; old systems only.
    pub allow_pairing: bool,
    /// Whether several people share it, each with an account (Shared iPad).
    pub is_multi_user: bool,
    /// Whether an Apple TV or a Mac on a cable sets itself up without anybody.
    pub auto_advance_setup: bool,
    /// Whether its person can hand it back at the device: it erases itself and comes in again (iOS and visionOS 26).
    pub is_return_to_service: bool,
    /// The least that it has to run before it may enroll, in place of the setting for its family: `any`, `latest` or a version; empty for the setting.
    pub minimum_os: String,
    /// The id of the beta programme that brings that version, where it is a beta (iOS 17.5, macOS 14.5); empty for none.
    pub beta_program: String,
    /// How the accounts of a Mac are made while it waits in Setup Assistant.
    pub mac_accounts: MacAccounts,
    /// Its language, where it sets itself up: `en`.
    pub language: String,
    /// Its region, where it sets itself up: `GB`.
    pub region: String,
    /// Shown while it is set up.
    pub department: String,
    /// Shown while it is set up.
    pub support_phone_number: String,
    /// Shown while it is set up.
    pub support_email_address: String,
    /// Panes of Setup Assistant that are left out, in Apple's words.
    pub skip_setup_items: Vec<String>,
}

impl Default for ProfileKeys {
    fn default() -> Self {
        Self {
            is_supervised: true,
            is_mandatory: true,
            is_mdm_removable: false,
            await_device_configured: true,
            allow_pairing: true,
            is_multi_user: false,
            auto_advance_setup: false,
            is_return_to_service: false,
            minimum_os: String::new(),
            beta_program: String::new(),
            mac_accounts: MacAccounts::default(),
            language: String::new(),
            region: String::new(),
            department: String::new(),
            support_phone_number: String::new(),
            support_email_address: String::new(),
            skip_setup_items: Vec::new(),
        }
    }
}

/// Where a profile is sent from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Where the device enrolls.
    pub url: String,
    /// The page that it shows before, where a person is to sign in; else it asks by itself.
    pub web_url: Option<String>,
    /// Certificates that it is to trust for that, DER.
    pub anchor_certs: Vec<Vec<u8>>,
    /// Certificates of computers that may connect to it, DER.
    pub supervising_host_certs: Vec<Vec<u8>>,
    /// Where devices ask for their server by an account; empty where nobody may come so.
    pub discovery_url: String,
}

impl ProfileKeys {
    /// Reads what was kept as JSON.
    pub fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// As JSON, to be kept.
    pub fn to_json(&self) -> String {
        // A structure of strings and switches is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Refuses what Apple would refuse, in words; tidies the rest.
    pub fn checked(mut self) -> Result<Self> {
        for (field, text, most) in [
            ("department", &mut self.department, TEXT_MAX_CHARS),
            ("support_phone_number", &mut self.support_phone_number, PHONE_MAX_CHARS),
            ("support_email_address", &mut self.support_email_address, TEXT_MAX_CHARS),
            ("language", &mut self.language, 20),
            ("region", &mut self.region, 20),
        ] {
            *text = text.trim().to_owned();
            if text.chars().count() > most || text.chars().any(char::is_control) {
                return Err(Error::field(field, t!("has at most {most} letters, and no line breaks", most)));
            }
        }
        if !self.is_mdm_removable && !self.is_supervised {
            return Err(Error::field(
                "is_mdm_removable",
                t!("can be forbidden on supervised devices only; have them supervised, or allow it"),
            ));
        }
        if self.auto_advance_setup && (self.language.is_empty() || self.region.is_empty()) {
            let field = if self.language.is_empty() { "language" } else { "region" };
            return Err(Error::field(field, t!("is needed where a device sets itself up: for example en and GB")));
        }
        self.minimum_os = self.minimum_os.trim().to_owned();
        let is_word = matches!(self.minimum_os.as_str(), "" | ANY_OS | LATEST_OS);
        if !is_word && !OsVersion::parse(&self.minimum_os).is_known() {
            return Err(Error::field("minimum_os", t!("is a version such as 26.1, latest, any, or nothing for the setting")));
        }
        self.beta_program = self.beta_program.trim().to_owned();
        if !self.beta_program.is_empty() && is_word {
            return Err(Error::field("beta_program", t!("brings a version: say in minimum_os which one a device has to run at least")));
        }
        if self.is_return_to_service && (!self.is_supervised || self.is_multi_user) {
            return Err(Error::field(
                "is_return_to_service",
                t!("is for supervised devices that one person has at a time; have them supervised and not shared"),
            ));
        }
        self.mac_accounts = self.mac_accounts.checked()?;
        if !self.mac_accounts.is_usual() && !self.await_device_configured {
            return Err(Error::field(
                "await_device_configured",
                t!("is needed for accounts: a Mac takes them only while it waits in the set-up"),
            ));
        }
        if let Some(unknown) = self.skip_setup_items.iter().find(|key| skip_key(key).is_none()) {
            return Err(Error::field("skip_setup_items", t!("`{unknown}` is no pane of Setup Assistant that is known here", unknown)));
        }
        self.skip_setup_items.sort_unstable();
        self.skip_setup_items.dedup();
        Ok(self)
    }

    /// What Apple is sent, without devices.
    pub fn definition(&self, name: &str, around: &Surroundings) -> Value {
        let mut said = json!({
            "profile_name": name, "url": around.url, "is_supervised": self.is_supervised, "is_mandatory": self.is_mandatory,
            "is_mdm_removable": self.is_mdm_removable, "await_device_configured": self.await_device_configured,
            "allow_pairing": self.allow_pairing, "is_multi_user": self.is_multi_user, "auto_advance_setup": self.auto_advance_setup,
            "skip_setup_items": self.skip_setup_items,
        });
        for (key, text) in [
            ("language", &self.language),
            ("region", &self.region),
            ("department", &self.department),
            ("support_phone_number", &self.support_phone_number),
            ("support_email_address", &self.support_email_address),
        ] {
            if !text.is_empty() {
                said[key] = json!(text);
            }
        }
        // Who never wished for it is sent what they always were.
        if self.is_return_to_service {
            said["is_return_to_service"] = json!(true);
        }
        if let Some(web_url) = &around.web_url {
            said["configuration_web_url"] = json!(web_url);
        }
        for (key, certificates) in [("anchor_certs", &around.anchor_certs), ("supervising_host_certs", &around.supervising_host_certs)] {
            if !certificates.is_empty() {
                said[key] = certificates.iter().map(|der| pem::encode(der)).collect();
            }
        }
        said
    }
}
