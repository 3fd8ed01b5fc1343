//! Check-in messages: what a device says about its enrollment, outside the exchange of commands.

pub mod reply;

use super::ids::EnrollmentIds;
use super::malformed::Malformed;
use super::plist::{self, Dictionary, fields};
use crate::secret::{Secret, SecretBytes};

/// How much is kept of a name or number that a device tells of itself, in characters.
pub const MAX_WORD_CHARACTERS: usize = 256;

/// Bytes of a push token and of a PushMagic. Apple's are 32 bytes and a UUID, and Apple says to expect others; what is longer fits into no push.
pub const PUSH_MAX_BYTES: usize = 1024;

/// One check-in: who speaks, what is said, and the bytes it was said in.
#[derive(Debug, Clone)]
pub struct CheckIn {
    /// Who speaks.
    pub ids: EnrollmentIds,
    /// What is said.
    pub message: Message,
    /// The body as it was received; it may hold tokens.
    pub raw: SecretBytes,
}

/// What a check-in says; the variants are Apple's `MessageType`s.
#[derive(Debug, Clone)]
pub enum Message {
    /// The device asks to be enrolled.
    Authenticate(Authenticate),
    /// The enrollment is installed and can be pushed to, or its push token changed.
    TokenUpdate(TokenUpdate),
    /// The enrollment is being removed; sent once, if at all.
    CheckOut,
    /// A network or mobile user of a Mac logs in.
    UserAuthenticate {
        /// The answer to an earlier digest challenge.
        digest_response: Option<Secret<String>>,
    },
    /// The device asks for the bootstrap token that it gave earlier.
    GetBootstrapToken {
        /// Whether the device still waits in Setup Assistant.
        awaiting_configuration: bool,
    },
    /// The device gives its bootstrap token.
    SetBootstrapToken {
        /// The token; none means that the stored one is to be deleted.
        token: Option<SecretBytes>,
        /// Whether the device still waits in Setup Assistant.
        awaiting_configuration: bool,
    },
    /// The device asks for a token that we sign for one of Apple's services.
    GetToken(GetToken),
    /// The device asks for declarations or reports their status.
    DeclarativeManagement {
        /// `tokens`, `declaration-items`, `status` or `declaration/<kind>/<Identifier>`.
        endpoint: String,
        /// JSON, with `status` only.
        data: Option<Vec<u8>>,
    },
    /// An erased device asks how to return to service (iOS and visionOS 26).
    ReturnToService,
}

impl Message {
    /// Every `MessageType`.
    pub const TYPES: [&'static str; 9] = [
        "Authenticate",
        "TokenUpdate",
        "CheckOut",
        "UserAuthenticate",
        "GetBootstrapToken",
        "SetBootstrapToken",
        "GetToken",
        "DeclarativeManagement",
        "ReturnToService",
    ];

    /// Apple's word for it, as in `MessageType`.
    pub const fn message_type(&self) -> &'static str {
        match self {
            Self::Authenticate(_) => "Authenticate",
            Self::TokenUpdate(_) => "TokenUpdate",
            Self::CheckOut => "CheckOut",
            Self::UserAuthenticate { .. } => "UserAuthenticate",
            Self::GetBootstrapToken { .. } => "GetBootstrapToken",
            Self::SetBootstrapToken { .. } => "SetBootstrapToken",
            Self::GetToken(_) => "GetToken",
            Self::DeclarativeManagement { .. } => "DeclarativeManagement",
            Self::ReturnToService => "ReturnToService",
        }
    }
}

/// What a device tells of itself when it asks to be enrolled; what it leaves out is unknown, not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authenticate {
    /// The push topic of the profile, `com.apple.mgmt.…`.
    pub topic: String,
    /// The name given to the device.
    pub device_name: Option<String>,
    /// The model in words, for example `iMac`.
    pub model_name: Option<String>,
    /// The model's part number or, on a Mac, its identifier.
    pub model: Option<String>,
    /// For example `iPad13,18`.
    pub product_name: Option<String>,
    /// For example `27.1`.
    pub os_version: Option<String>,
    /// For example `25B78`.
    pub build_version: Option<String>,
    /// The serial number; a user enrollment does not tell it.
    pub serial_number: Option<String>,
    /// The number of the cellular modem.
    pub imei: Option<String>,
    /// The number of the cellular modem in CDMA networks.
    pub meid: Option<String>,
}

/// Where an enrollment can be pushed to.
#[derive(Debug, Clone)]
pub struct TokenUpdate {
    /// The push topic, `com.apple.mgmt.…`.
    pub topic: String,
    /// The push token; 32 bytes from Apple's devices, of any length from others.
    pub token: SecretBytes,
    /// What a push must carry.
    pub push_magic: Secret<String>,
    /// What ClearPasscode needs; later messages leave it out, which does not take it back.
    pub unlock_token: Option<SecretBytes>,
    /// Whether the device waits in Setup Assistant for DeviceConfigured.
    pub awaiting_configuration: bool,
    /// Whether the Mac's user is logged in elsewhere than at the screen.
    pub not_on_console: bool,
}

/// A request for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetToken {
    /// Which service it is for.
    pub service: TokenService,
    /// What a Watch that pairs gives: its security token.
    pub security_token: Option<String>,
    /// The UDID of the phone that a Watch pairs with.
    pub phone_udid: Option<String>,
    /// The UDID of that Watch.
    pub watch_udid: Option<String>,
}

/// The services that a token may be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenService {
    /// `com.apple.maid`: signing in with a Managed Apple Account on a Return to Service or ADE device.
    Maid,
    /// `com.apple.watch.pairing`: enrolling a Watch with its phone.
    WatchPairing,
    /// Anything else, which is answered with 400.
    Other(String),
}

/// Reads a check-in, XML or binary.
///
/// Unknown keys are passed over, and optional ones of another type count as absent, but for a bootstrap token, whose absence deletes one. The size of the body is the caller's to limit (1 MiB).
pub fn parse(body: &[u8]) -> Result<CheckIn, Malformed> {
    let list = plist::parse_tolerant(body)?;
    let fields = list.value.as_dictionary().ok_or(Malformed::NotADictionary)?;
    let message_type = fields::text(fields, "MessageType").ok_or(Malformed::MissingKey("MessageType"))?;
    let message = read_message(message_type, fields)?;
    Ok(CheckIn { ids: EnrollmentIds::read(fields)?, message, raw: SecretBytes::new(body.to_vec()) })
}

impl CheckIn {
    /// Who sent a check-in whose kind is not known.
    pub fn sender(body: &[u8]) -> Result<EnrollmentIds, Malformed> {
        let list = plist::parse_tolerant(body)?;
        EnrollmentIds::read(list.value.as_dictionary().ok_or(Malformed::NotADictionary)?)
    }
}

fn read_message(message_type: &str, fields: &Dictionary) -> Result<Message, Malformed> {
    let awaiting_configuration = fields::flag(fields, "AwaitingConfiguration").unwrap_or_default();
    Ok(match message_type {
        "Authenticate" => Message::Authenticate(read_authenticate(fields)?),
        "TokenUpdate" => Message::TokenUpdate(read_token_update(fields)?),
        "CheckOut" => Message::CheckOut,
        "UserAuthenticate" => Message::UserAuthenticate { digest_response: fields::filled(fields, "DigestResponse").map(Secret::new) },
        "GetBootstrapToken" => Message::GetBootstrapToken { awaiting_configuration },
        "SetBootstrapToken" => Message::SetBootstrapToken { token: secret(fields, "BootstrapToken")?, awaiting_configuration },
        "GetToken" => Message::GetToken(read_get_token(fields)?),
        "DeclarativeManagement" => Message::DeclarativeManagement {
            endpoint: fields::filled(fields, "Endpoint").ok_or(Malformed::MissingKey("Endpoint"))?,
            data: fields::data(fields, "Data").map(<[u8]>::to_vec),
        },
        "ReturnToService" => Message::ReturnToService,
        other => return Err(Malformed::UnknownMessageType(Malformed::quoted(other))),
    })
}

fn read_authenticate(fields: &Dictionary) -> Result<Authenticate, Malformed> {
    Ok(Authenticate {
        topic: word(fields, "Topic").ok_or(Malformed::MissingKey("Topic"))?,
        device_name: word(fields, "DeviceName"),
        model_name: word(fields, "ModelName"),
        model: word(fields, "Model"),
        product_name: word(fields, "ProductName"),
        os_version: word(fields, "OSVersion"),
        build_version: word(fields, "BuildVersion"),
        serial_number: word(fields, "SerialNumber"),
        imei: word(fields, "IMEI"),
        meid: word(fields, "MEID"),
    })
}

fn read_token_update(fields: &Dictionary) -> Result<TokenUpdate, Malformed> {
    let token = secret(fields, "Token")?.ok_or(Malformed::MissingKey("Token"))?;
    let push_magic = fields::filled(fields, "PushMagic").map(Secret::new).ok_or(Malformed::MissingKey("PushMagic"))?;
    for (key, bytes) in [("Token", token.expose().len()), ("PushMagic", push_magic.expose().len())] {
        if bytes > PUSH_MAX_BYTES {
            return Err(Malformed::TooLong { key, max_bytes: PUSH_MAX_BYTES });
        }
    }
    Ok(TokenUpdate {
        topic: word(fields, "Topic").ok_or(Malformed::MissingKey("Topic"))?,
        token,
        push_magic,
        // Where the device can be pushed to matters more: one that is no data is as if it were absent, and the stored one stays.
        unlock_token: secret(fields, "UnlockToken").unwrap_or_default(),
        awaiting_configuration: fields::flag(fields, "AwaitingConfiguration").unwrap_or_default(),
        not_on_console: fields::flag(fields, "NotOnConsole").unwrap_or_default(),
    })
}

fn read_get_token(fields: &Dictionary) -> Result<GetToken, Malformed> {
    let service = fields::filled(fields, "TokenServiceType").ok_or(Malformed::MissingKey("TokenServiceType"))?;
    let parameter = |key| fields::dictionary(fields, "TokenParameters").and_then(|parameters| word(parameters, key));
    Ok(GetToken {
        service: match service.as_str() {
            "com.apple.maid" => TokenService::Maid,
            "com.apple.watch.pairing" => TokenService::WatchPairing,
            other => TokenService::Other(Malformed::quoted(other)),
        },
        security_token: parameter("SecurityToken"),
        phone_udid: parameter("PhoneUDID"),
        watch_udid: parameter("WatchUDID"),
    })
}

/// The text at `key`, cut to a bounded length; numbers count as text, since some devices send an IMEI as one.
fn word(fields: &Dictionary, key: &str) -> Option<String> {
    let text = match fields::filled(fields, key) {
        Some(text) => text,
        None => fields.get(key)?.as_unsigned_integer()?.to_string(),
    };
    Some(text.chars().take(MAX_WORD_CHARACTERS).collect())
}

/// The bytes at `key`; none where they are empty or the key is absent.
fn secret(fields: &Dictionary, key: &'static str) -> Result<Option<SecretBytes>, Malformed> {
    let Some(value) = fields.get(key) else { return Ok(None) };
    let bytes = value.as_data().ok_or(Malformed::WrongType(key))?;
    Ok((!bytes.is_empty()).then(|| SecretBytes::new(bytes.to_vec())))
}

#[cfg(test)]
mod tests;
