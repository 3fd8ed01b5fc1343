//! Commands that lock devices and people out or in: passcodes, Lost Mode, firmware and recovery locks, FileVault.

use uuid::Uuid;

use super::{Command, dictionary};
use crate::protocol::plist::Value;
use crate::secret::{Secret, SecretBytes};

/// Locks the screen or, on a Mac, restarts it to a screen that wants `pin` (six characters; keep it before this is sent).
pub fn device_lock(uuid: Uuid, message: Option<&str>, phone_number: Option<&str>, pin: Option<&Secret<String>>) -> Command {
    Command::new(uuid, "DeviceLock")
        .with_some("Message", message)
        .with_some("PhoneNumber", phone_number)
        .with_some("PIN", pin.map(|pin| pin.expose().as_str()))
}

/// Clears the passcode with the UnlockToken that a TokenUpdate gave.
pub fn clear_passcode(uuid: Uuid, unlock_token: &SecretBytes) -> Command {
    Command::new(uuid, "ClearPasscode").with("UnlockToken", Value::Data(unlock_token.expose().clone()))
}

/// What a device in Lost Mode shows; the message or the number must be there.
#[derive(Debug, Clone, Default)]
pub struct LostMode {
    /// A message to whoever finds it.
    pub message: Option<String>,
    /// A number to call.
    pub phone_number: Option<String>,
    /// A line below them.
    pub footnote: Option<String>,
}

/// Puts a supervised device into Lost Mode.
pub fn enable_lost_mode(uuid: Uuid, show: LostMode) -> Command {
    Command::new(uuid, "EnableLostMode")
        .with_some("Message", show.message)
        .with_some("PhoneNumber", show.phone_number)
        .with_some("Footnote", show.footnote)
}

/// Takes a device out of Lost Mode.
pub fn disable_lost_mode(uuid: Uuid) -> Command {
    Command::new(uuid, "DisableLostMode")
}

/// Asks a device in Lost Mode where it is.
pub fn device_location(uuid: Uuid) -> Command {
    Command::new(uuid, "DeviceLocation")
}

/// Makes the device forget its Activation Lock bypass code.
pub fn clear_activation_lock_bypass_code(uuid: Uuid) -> Command {
    Command::new(uuid, "ClearActivationLockBypassCode")
}

/// Sets the recovery lock of a Mac with Apple silicon; an empty new password takes it away.
pub fn set_recovery_lock(uuid: Uuid, current: Option<&Secret<String>>, new: &Secret<String>) -> Command {
    passwords(Command::new(uuid, "SetRecoveryLock"), current, new)
}

/// Asks whether this is the recovery lock's password.
pub fn verify_recovery_lock(uuid: Uuid, password: &Secret<String>) -> Command {
    Command::new(uuid, "VerifyRecoveryLock").with("Password", password.expose().as_str())
}

/// Sets the firmware password of an Intel Mac; an empty new password takes it away.
pub fn set_firmware_password(uuid: Uuid, current: Option<&Secret<String>>, new: &Secret<String>, allow_option_roms: bool) -> Command {
    passwords(Command::new(uuid, "SetFirmwarePassword"), current, new).with("AllowOroms", allow_option_roms)
}

/// Asks whether this is the firmware password; not more often than every thirty seconds.
pub fn verify_firmware_password(uuid: Uuid, password: &Secret<String>) -> Command {
    Command::new(uuid, "VerifyFirmwarePassword").with("Password", password.expose().as_str())
}

fn passwords(command: Command, current: Option<&Secret<String>>, new: &Secret<String>) -> Command {
    command.with_some("CurrentPassword", current.map(|current| current.expose().as_str())).with("NewPassword", new.expose().as_str())
}

/// Which recovery key of FileVault is replaced.
#[derive(Debug, Clone)]
pub enum RecoveryKey {
    /// The personal one; the new one is answered encrypted to this certificate (DER).
    Personal {
        /// DER.
        reply_encryption_certificate: Vec<u8>,
    },
    /// The institutional one, by this certificate (DER).
    Institutional {
        /// DER.
        new_certificate: Vec<u8>,
    },
}

/// Replaces a recovery key of FileVault; `password` is a user's, or the present personal recovery key.
pub fn rotate_file_vault_key(uuid: Uuid, password: &Secret<String>, key: RecoveryKey) -> Command {
    let unlock = dictionary([("Password", Some(Value::String(password.expose().clone())))]);
    let command = Command::new(uuid, "RotateFileVaultKey").with("FileVaultUnlock", unlock);
    match key {
        RecoveryKey::Personal { reply_encryption_certificate } => {
            command.with("KeyType", "personal").with("ReplyEncryptionCertificate", Value::Data(reply_encryption_certificate))
        }
        RecoveryKey::Institutional { new_certificate } => {
            command.with("KeyType", "institutional").with("NewCertificate", Value::Data(new_certificate))
        }
    }
}
