//! Writes the check-ins by which an enrollment moves to another server: what its device would say there.

use crate::protocol::ids::{EnrollmentKind, SHARED_IPAD_USER_ID};
use crate::protocol::plist::{self, Dictionary, PlistError, Value};
use crate::secret::{Secret, SecretBytes};

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Which kind of enrollment it is.
    pub kind: EnrollmentKind,
    /// Its canonical id.
    pub nano_id: &'a str,
    /// UserShortName of a user's channel; may be empty.
    pub user_short_name: &'a str,
    /// UserLongName of a user's channel; may be empty.
    pub user_long_name: &'a str,
}

/// What is known of a device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Its serial number.
    pub serial_number: Option<&'a str>,
    /// Its name.
    pub device_name: Option<&'a str>,
    /// For example `MPQ03`.
    pub model: Option<&'a str>,
    /// For example `iPad`.
    pub model_name: Option<&'a str>,
    /// For example `iPad13,18`.
    pub product_name: Option<&'a str>,
    /// For example `27.1`.
    pub os_version: Option<&'a str>,
    /// For example `25B78`.
    pub build_version: Option<&'a str>,
}

/// Where an enrollment can be pushed to.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// The push topic.
    pub topic: &'a str,
    /// The push token.
    pub token: &'a [u8],
    /// What a push must carry.
    pub push_magic: &'a Secret<String>,
    /// What ClearPasscode needs.
    pub unlock_token: Option<&'a SecretBytes>,
    /// Whether the device waits in Setup Assistant.
    pub awaiting_configuration: bool,
}

/// Writes the Authenticate of a device.
pub fn authenticate(sender: &Sender<'_>, topic: &str, facts: &Facts<'_>) -> Result<Vec<u8>, PlistError> {
    let mut keys = message("Authenticate", sender);
    put(&mut keys, "Topic", Some(topic));
    put(&mut keys, "SerialNumber", facts.serial_number);
    put(&mut keys, "DeviceName", facts.device_name);
    put(&mut keys, "Model", facts.model);
    put(&mut keys, "ModelName", facts.model_name);
    put(&mut keys, "ProductName", facts.product_name);
    put(&mut keys, "OSVersion", facts.os_version);
    put(&mut keys, "BuildVersion", facts.build_version);
    plist::to_xml(&Value::Dictionary(keys))
}

/// Writes the TokenUpdate of a device or of one of its users.
pub fn token_update(sender: &Sender<'_>, tokens: &Tokens<'_>) -> Result<Vec<u8>, PlistError> {
    let mut keys = message("TokenUpdate", sender);
    put(&mut keys, "Topic", Some(tokens.topic));
    put(&mut keys, "PushMagic", Some(tokens.push_magic.expose()));
    keys.insert(String::from("Token"), Value::Data(tokens.token.to_vec()));
    if let Some(token) = tokens.unlock_token {
        keys.insert(String::from("UnlockToken"), Value::Data(token.expose().clone()));
    }
    if tokens.awaiting_configuration {
        keys.insert(String::from("AwaitingConfiguration"), Value::Boolean(true));
    }
    plist::to_xml(&Value::Dictionary(keys))
}

/// Writes the message by which a Mac gives its bootstrap token.
pub fn set_bootstrap_token(sender: &Sender<'_>, token: &SecretBytes) -> Result<Vec<u8>, PlistError> {
    let mut keys = message("SetBootstrapToken", sender);
    keys.insert(String::from("BootstrapToken"), Value::Data(token.expose().clone()));
    plist::to_xml(&Value::Dictionary(keys))
}

fn message(message_type: &str, sender: &Sender<'_>) -> Dictionary {
    let mut keys = Dictionary::new();
    put(&mut keys, "MessageType", Some(message_type));
    let (device, user) = sender.nano_id.split_once(':').unwrap_or((sender.nano_id, ""));
    let (device_key, user_key) = match sender.kind {
        EnrollmentKind::Device | EnrollmentKind::User | EnrollmentKind::SharedIpad => ("UDID", "UserID"),
        EnrollmentKind::UserEnrollmentDevice | EnrollmentKind::UserEnrollment => ("EnrollmentID", "EnrollmentUserID"),
    };
    put(&mut keys, device_key, Some(device));
    if sender.kind == EnrollmentKind::SharedIpad {
        put(&mut keys, user_key, Some(SHARED_IPAD_USER_ID));
        // The short name is what tells users of a Shared iPad apart.
        put(&mut keys, "UserShortName", Some(user));
    } else if sender.kind.is_user_channel() {
        put(&mut keys, user_key, Some(user));
        put(&mut keys, "UserShortName", Some(sender.user_short_name));
    }
    if sender.kind.is_user_channel() {
        put(&mut keys, "UserLongName", Some(sender.user_long_name));
    }
    keys
}

/// Puts a text that says something; characters that XML cannot carry are left out.
fn put(keys: &mut Dictionary, key: &str, text: Option<&str>) {
    let text: String = text.unwrap_or_default().chars().filter(|letter| !letter.is_control()).collect();
    if !text.is_empty() {
        keys.insert(key.to_owned(), Value::String(text));
    }
}
