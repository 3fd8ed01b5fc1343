//! Commands that people and tools hand in as a plist: what is wrong with one is said by key, before any device sees it.

use uuid::Uuid;

use super::{Command, schema};
use crate::error::FieldError;
use crate::protocol::ids::MAX_ID_BYTES;
use crate::protocol::mobileconfig;
use crate::protocol::plist::{self, Dictionary, PlistError, Value, fields};

/// A command that passed the check, and may lack its CommandUUID.
#[derive(Debug, Clone, PartialEq)]
pub struct RawCommand {
    /// The CommandUUID that came with it.
    pub uuid: Option<String>,
    request_type: String,
    keys: Dictionary,
}

impl RawCommand {
    /// The command, with the CommandUUID that came with it or else the one that `make` makes.
    pub fn with_uuid_or(self, make: impl FnOnce() -> Uuid) -> Command {
        Command { uuid: self.uuid.unwrap_or_else(|| make().to_string()), request_type: self.request_type, keys: self.keys }
    }
}

/// Checks a command's plist (XML or binary): `{CommandUUID?, Command: {RequestType, …}}`.
///
/// `allow_unknown` lets pass commands, keys and values that are not known here, for systems newer than this program; structure and known types
/// are still checked. The faults name their keys by path, for example `Command.Settings[0].Image`.
pub fn validate_raw(bytes: &[u8], allow_unknown: bool) -> Result<RawCommand, Vec<FieldError>> {
    let mut root = plist::parse_dictionary(bytes).map_err(|error| vec![fault_of(error)])?;
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: &str| faults.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    let uuid = match root.get("CommandUUID") {
        None => None,
        Some(Value::String(uuid)) if is_uuid(uuid) => Some(uuid.clone()),
        Some(_) => {
            fault(
                "CommandUUID",
                t!("this must be text of 1 to 256 bytes without control characters, best a UUID; leave it out to have one made"),
            );
            None
        }
    };
    for key in root.keys().filter(|key| !["CommandUUID", "Command"].contains(&key.as_str())) {
        let hint = if key == "RequestType" {
            t!("this belongs into the dictionary Command")
        } else {
            t!("beside CommandUUID and Command there are no keys")
        };
        fault(key, hint);
    }
    let Some(Value::Dictionary(mut keys)) = root.remove("Command") else {
        fault("Command", t!("this key is required; it is a dictionary with the RequestType and its keys"));
        return Err(faults);
    };
    let Some(Value::String(request_type)) = keys.remove("RequestType") else {
        fault("Command.RequestType", t!("this key is required; it is a string, the name of the command"));
        return Err(faults);
    };
    if !allow_unknown && !schema::knows(&request_type) {
        fault("Command.RequestType", &unknown_command(&request_type));
    }
    faults.extend(schema::check(&request_type, &keys, allow_unknown));
    if faults.is_empty() {
        faults.extend(check_payload(&request_type, &keys));
    }
    if faults.is_empty() { Ok(RawCommand { uuid, request_type, keys }) } else { Err(faults) }
}

/// Finds what is wrong with what a command says, as far as it is known here; what it leaves out, and what is not known, is the device's to judge.
pub fn check_said(command: &Command) -> Vec<FieldError> {
    let mut faults = schema::check_said(&command.request_type, command.keys());
    if faults.is_empty() {
        faults.extend(check_payload(&command.request_type, command.keys()));
    }
    faults
}

fn is_uuid(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_ID_BYTES && !text.contains(char::is_control)
}

fn unknown_command(name: &str) -> String {
    match schema::request_types().find(|known| known.eq_ignore_ascii_case(name.trim())) {
        Some(known) => t!("{name} is no command; {known} is meant, perhaps", name = format!("{name:?}"), known),
        None => t!("{name} is no command that is known here; to send it all the same, allow unknown commands", name = format!("{name:?}")),
    }
}

/// Checks what a profile command carries: encoded once, and a profile.
fn check_payload(request_type: &str, keys: &Dictionary) -> Option<FieldError> {
    let fault = |key: &str, message: String| Some(FieldError { field: format!("Command.{key}"), message });
    match request_type {
        "InstallProfile" => {
            let error = mobileconfig::read(fields::data(keys, "Payload")?).err()?;
            fault("Payload", error.to_string())
        }
        "InstallProvisioningProfile" => {
            let profile = fields::data(keys, "ProvisioningProfile")?;
            let is_cms = profile.first() == Some(&0x30);
            if is_cms { None } else { fault("ProvisioningProfile", t!("this is no provisioning profile: those are signed (CMS)").into()) }
        }
        _ => None,
    }
}

/// Turns what is wrong with the plist into a fault of a key.
fn fault_of(error: PlistError) -> FieldError {
    match error {
        PlistError::Value(unreadable) => FieldError { field: unreadable.path, message: unreadable.what },
        other => FieldError { field: String::new(), message: other.to_string() },
    }
}
