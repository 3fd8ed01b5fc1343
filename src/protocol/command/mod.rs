//! Commands: what we ask of a device, built by types or taken as a plist that was checked.

mod apps;
mod device;
mod lock;
mod policy;
mod profiles;
mod query;
mod raw;
pub mod schema;
mod secrets;
mod settings;
mod updates;
mod users;

pub use apps::{
    EnterpriseSource, InstallApplication, InstallEnterpriseApplication, Source, apply_redemption_code, install_application,
    install_enterprise_application, invite_to_program, managed_application_configuration, managed_application_feedback, remove_application,
    validate_applications,
};
pub use device::{
    EraseDevice, EraseReturnToService, Obliteration, disable_remote_desktop, enable_remote_desktop, erase_device, play_lost_mode_sound,
    refresh_cellular_plans, request_mirroring, restart_device, shut_down_device, stop_mirroring,
};
pub use lock::{
    LostMode, RecoveryKey, clear_activation_lock_bypass_code, clear_passcode, device_location, device_lock, disable_lost_mode,
    enable_lost_mode, rotate_file_vault_key, set_firmware_password, set_recovery_lock, verify_firmware_password, verify_recovery_lock,
};
pub use policy::may_not_now;
pub use profiles::{
    certificate_list, declarative_management, install_profile, install_provisioning_profile, profile_list, provisioning_profile_list,
    remove_profile, remove_provisioning_profile,
};
pub use query::{
    activation_lock_bypass_code, device_attestation, device_information, installed_application_list, managed_application_list,
    restrictions, security_info,
};
pub use raw::{RawCommand, check_said, validate_raw};
pub use secrets::{MASK, SECRET_KEYS, mask};
pub use settings::{Setting, settings};
pub use updates::{InstallAction, UpdateTarget, available_os_updates, os_update_status, schedule_os_update, schedule_os_update_scan};
pub use users::{
    AccountConfiguration, AdminAccount, PrimaryAccount, account_configuration, delete_all_users, delete_user, device_configured,
    log_out_user, password_hash, set_auto_admin_password, unlock_user_account, user_configured, user_list,
};

use std::fmt;

use uuid::Uuid;

use super::availability::{self, Capabilities, Refusal, Request};
use super::plist::{self, Dictionary, PlistError, Value, fields};

/// A command with the CommandUUID under which it is sent and answered.
///
/// `Debug` masks its secrets.
#[derive(Clone, PartialEq)]
pub struct Command {
    /// CommandUUID: unique per enrollment, echoed by the device.
    pub uuid: String,
    /// Apple's name of the command.
    pub request_type: String,
    /// All keys but RequestType.
    keys: Dictionary,
}

impl Command {
    /// A command without further keys.
    pub fn new(uuid: Uuid, request_type: impl Into<String>) -> Self {
        Self { uuid: uuid.to_string(), request_type: request_type.into(), keys: Dictionary::new() }
    }

    /// Adds a key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.keys.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a key, where there is a value for it.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// All keys but RequestType.
    pub const fn keys(&self) -> &Dictionary {
        &self.keys
    }

    /// Whether the command has a key.
    pub fn has_key(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The text at a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        fields::text(&self.keys, key)
    }

    /// Sets the text at a key.
    pub fn set_text(&mut self, key: &str, text: &str) {
        self.keys.insert(key.to_owned(), Value::String(text.to_owned()));
    }

    /// Sets the bytes at a key.
    pub fn set_data(&mut self, key: &str, bytes: Vec<u8>) {
        self.keys.insert(key.to_owned(), Value::Data(bytes));
    }

    /// The plist to send: XML with `CommandUUID` and `Command`.
    pub fn to_plist(&self) -> Result<Vec<u8>, PlistError> {
        let mut command = Dictionary::new();
        command.insert("RequestType".into(), Value::String(self.request_type.clone()));
        command.extend(self.keys.iter().map(|(key, value)| (key.clone(), value.clone())));
        let mut root = Dictionary::new();
        root.insert("CommandUUID".into(), Value::String(self.uuid.clone()));
        root.insert("Command".into(), Value::Dictionary(command));
        plist::to_xml(&Value::Dictionary(root))
    }

    /// Reads a plist that [`Command::to_plist`] wrote, as a device does.
    pub fn from_plist(bytes: &[u8]) -> Result<Self, PlistError> {
        let root = plist::parse_dictionary(bytes)?;
        let missing = |key: &str| PlistError::Shape(t!("{key} is missing", key));
        let uuid = fields::filled(&root, "CommandUUID").ok_or_else(|| missing("CommandUUID"))?;
        let mut keys = fields::dictionary(&root, "Command").ok_or_else(|| missing("Command"))?.clone();
        let request_type = keys.remove("RequestType").and_then(Value::into_string).ok_or_else(|| missing("Command.RequestType"))?;
        Ok(Self { uuid, request_type, keys })
    }

    /// Tells whether a device with these capabilities may be sent the command, with each of its settings.
    pub fn check(&self, device: &Capabilities) -> Result<(), Refusal> {
        availability::check(Request::Command(&self.request_type), device)?;
        if self.request_type != "Settings" {
            return Ok(());
        }
        let mut items = fields::dictionaries(&self.keys, "Settings").filter_map(|setting| fields::text(setting, "Item"));
        items.try_for_each(|item| availability::check(Request::Setting(item), device))
    }

    /// Its keys for people: secrets masked.
    pub fn masked(&self) -> Value {
        Value::Dictionary(secrets::mask_dictionary(&self.keys))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("uuid", &self.uuid).field("request_type", &self.request_type).field("keys", &self.masked()).finish()
    }
}

/// A list of texts as a plist has it.
fn texts(items: &[impl AsRef<str>]) -> Value {
    Value::Array(items.iter().map(|item| Value::String(item.as_ref().to_owned())).collect())
}

/// A dictionary of those entries that have a value.
fn dictionary(entries: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    Value::Dictionary(entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

#[cfg(test)]
mod tests;
