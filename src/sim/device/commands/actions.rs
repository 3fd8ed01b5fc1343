//! Commands that do something to the device: lock, erase, restart, find, set up.

use super::super::apps::Apps;
use super::super::returning::Returning;
use super::super::situation::Situation;
use super::super::values::dict;
use super::super::{DEVICE, Device, Phase};
use super::{After, Answer, Command, Outcome, only};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::Family;
use std::time::Duration;

/// For how long after it is supervised a device tells its bypass code.
const BYPASS_CODE_READABLE: Duration = Duration::from_secs(15 * 86_400);

/// How long a Mac's PIN must be.
const PIN_LENGTH: usize = 6;

impl Device {
    /// The commands that no other part knows.
    pub(super) fn action(&mut self, command: &Command, now: Timestamp) -> Outcome {
        match command.request_type.as_str() {
            "DeviceLock" => self.device_lock(command),
            "EraseDevice" => self.erase_device(command),
            "RestartDevice" => (Answer::done(), After::Restart),
            "ShutDownDevice" => (Answer::done(), After::ShutDown),
            "ClearPasscode" => only(self.clear_passcode(command)),
            "ActivationLockBypassCode" => only(self.activation_lock_bypass_code(now)),
            "ClearActivationLockBypassCode" => only(self.clear_bypass_code()),
            "EnableLostMode" | "DisableLostMode" | "PlayLostModeSound" | "DeviceLocation" => only(self.lost_mode(command, now)),
            "AccountConfiguration" => only(self.account_configuration(command)),
            "SetAutoAdminPassword" => only(self.set_auto_admin_password(command)),
            "DeviceConfigured" => only(self.device_configured()),
            "SetFirmwarePassword" => only(self.set_firmware_password(command)),
            "VerifyFirmwarePassword" => only(self.verify_firmware_password(command)),
            "SetRecoveryLock" => only(self.set_recovery_lock(command)),
            "VerifyRecoveryLock" => only(self.verify_recovery_lock(command)),
            "EnableRemoteDesktop" | "DisableRemoteDesktop" => {
                self.situation.remote_desktop = command.request_type == "EnableRemoteDesktop";
                only(Answer::done())
            }
            "InviteToProgram" => only(self.invited(command, now)),
            "DeleteUser" | "LogOutUser" | "UnlockUserAccount" => only(self.user_command(command)),
            _ => only(self.small_answer(command)),
        }
    }

    /// Commands whose answer hardly depends on the device.
    fn small_answer(&mut self, command: &Command) -> Answer {
        match command.request_type.as_str() {
            "RequestMirroring" => Answer::with([("MirroringResult", Value::from("DestinationNotFound"))]),
            "ContentCachingInformation" => {
                let status = dict([("Activated", Value::Boolean(false)), ("Active", Value::Boolean(false)), ("CacheUsed", Value::from(0))]);
                Answer::with([("StatusResponse", status)])
            }
            "ManagedMediaList" => Answer::with([("Books", Value::Array(Vec::new()))]),
            "InstallMedia" => {
                let mut keys = command.body.clone();
                keys.retain(|key, _| matches!(key.as_str(), "iTunesStoreID" | "MediaURL" | "MediaType" | "PersistentID"));
                keys.insert("State".into(), Value::from("Queued"));
                Answer::Acknowledged(keys)
            }
            "ActiveNSExtensions" | "NSExtensionMappings" => Answer::with([("Extensions", Value::Array(Vec::new()))]),
            "RotateFileVaultKey" if !self.facts.filevault => {
                super::super::values::Complaint { code: 200, domain: "MDMClientError".into(), text: "FileVault is off.".into() }.into()
            }
            "RotateFileVaultKey" => {
                let key = self.random.bytes::<64>().to_vec();
                Answer::with([("RotateResult", dict([("EncryptedNewRecoveryKey", Value::Data(key))]))])
            }
            "LOMSetupRequest" => {
                Answer::with([("LOMProtocolVersion", Value::from(1)), ("PrimaryIPv6AddressList", Value::Array(Vec::new()))])
            }
            "LOMDeviceRequest" => Answer::with([("ResponseList", Value::Array(Vec::new()))]),
            _ => Answer::done(),
        }
    }

    /// DeviceLock: the screen of a mobile device, the whole Mac until its PIN is given.
    fn device_lock(&mut self, command: &Command) -> Outcome {
        if self.situation.lost_mode.is_some() {
            return only(Answer::with([("MessageResult", Value::from("DeviceInLostMode"))]));
        }
        if self.facts.model.family == Family::Mac {
            let pin = fields::text(&command.body, "PIN").unwrap_or_default();
            if pin.len() != PIN_LENGTH {
                return only(Answer::refused(12008, "A PIN of six characters is needed to lock this Mac."));
            }
            return (Answer::done(), After::WaitForPin);
        }
        let result = if self.facts.passcode { "Success" } else { "NoPasscodeSet" };
        only(Answer::with([("MessageResult", Value::from(result))]))
    }

    /// EraseDevice: after the report the device is as new.
    fn erase_device(&mut self, command: &Command) -> Outcome {
        let needs_pin = self.facts.model.family == Family::Mac && !self.facts.model.is_apple_silicon();
        let pin = fields::text(&command.body, "PIN").unwrap_or_default();
        if needs_pin && pin.len() != PIN_LENGTH {
            return only(Answer::refused(12008, "A PIN of six characters is needed to erase this Mac."));
        }
        let service = fields::dictionary(&command.body, "ReturnToService");
        let returning = service.and_then(Returning::of);
        if returning.is_some() && !self.knows_return_to_service() {
            self.journal.remark("ReturnToService came to an OS that does not know it");
            return (Answer::done(), After::Erase(None));
        }
        (Answer::done(), After::Erase(returning))
    }

    /// The device forgets everything; it enrolls again where it returns to service, or where its people do so.
    pub(crate) fn erase(&mut self, returning: Option<Returning>, now: Timestamp) {
        self.leave(String::from("it was erased"));
        self.profiles.clear();
        self.apps = Apps::default();
        self.facts.passcode = false;
        self.situation = Situation::of(&self.facts, &self.random);
        self.update = super::super::OsUpdate::default();
        self.beta = None;
        self.away_until = Some(now.plus(super::super::RESTART));
        if returning.is_some() || self.settings.enrolls_again {
            self.phase = Phase::New;
        }
        self.situation.returning = returning;
    }

    fn activation_lock_bypass_code(&self, now: Timestamp) -> Answer {
        let readable = self.situation.enrolled_at.is_some_and(|at| now.since(at) <= BYPASS_CODE_READABLE);
        match &self.situation.bypass_code {
            Some(code) if readable => Answer::with([("ActivationLockBypassCode", Value::from(code.as_str()))]),
            _ => Answer::refused(12010, "The activation lock bypass code is not available."),
        }
    }

    fn clear_bypass_code(&mut self) -> Answer {
        self.situation.bypass_code = None;
        Answer::done()
    }

    fn lost_mode(&mut self, command: &Command, now: Timestamp) -> Answer {
        let not_lost = || Answer::refused(12067, "The device is not in lost mode.");
        match command.request_type.as_str() {
            "EnableLostMode" => {
                let has_text = ["Message", "PhoneNumber"].iter().any(|key| fields::filled(&command.body, key).is_some());
                if !has_text {
                    return Answer::refused(12066, "Lost mode needs a message or a phone number.");
                }
                let mut texts: Dictionary = command.body.clone();
                texts.remove("RequestType");
                self.situation.lost_mode = Some(texts);
                Answer::done()
            }
            _ if self.situation.lost_mode.is_none() => not_lost(),
            "DisableLostMode" => {
                self.situation.lost_mode = None;
                Answer::done()
            }
            "DeviceLocation" => {
                let (latitude, longitude) = self.facts.location;
                Answer::with([
                    ("Latitude", Value::from(latitude)),
                    ("Longitude", Value::from(longitude)),
                    ("HorizontalAccuracy", Value::from(65.0)),
                    ("VerticalAccuracy", Value::from(10.0)),
                    ("Altitude", Value::from(112.0)),
                    ("Speed", Value::from(-1.0)),
                    ("Course", Value::from(-1.0)),
                    ("Timestamp", Value::from(now.to_string())),
                ])
            }
            _ => Answer::done(),
        }
    }

    fn device_configured(&mut self) -> Answer {
        if self.situation.awaiting_configuration {
            self.situation.awaiting_configuration = false;
            self.agenda.push_back(super::super::Errand::TokenUpdate(DEVICE));
            if self.facts.shared {
                self.open_users_channels();
            }
        }
        Answer::done()
    }

    fn user_command(&mut self, command: &Command) -> Answer {
        if self.facts.model.family != Family::Mac {
            return if self.facts.shared {
                self.shared_command(command)
            } else {
                Answer::refused(12070, "This device is not shared by several users.")
            };
        }
        let name = fields::text(&command.body, "UserName").unwrap_or_default();
        if !self.facts.accounts.iter().any(|account| account.short_name == name) {
            return Answer::refused(12071, format!("There is no user “{name}”."));
        }
        if command.request_type == "DeleteUser" {
            return Answer::refused(12074, format!("The user “{name}” is logged in."));
        }
        Answer::done()
    }

    /// What a Shared iPad does about the people on it.
    fn shared_command(&mut self, command: &Command) -> Answer {
        if command.request_type == "LogOutUser" {
            self.situation.is_nobody_here = true;
            return Answer::done();
        }
        let is_here = |at: usize| at == 0 && !self.situation.is_nobody_here;
        if fields::flag(&command.body, "DeleteAllUsers") == Some(true) {
            if is_here(0) && !self.facts.accounts.is_empty() {
                return Answer::refused(12074, "Somebody is logged in.");
            }
            self.facts.accounts.clear();
            return Answer::done();
        }
        let name = fields::text(&command.body, "UserName").unwrap_or_default();
        match self.facts.accounts.iter().position(|account| account.short_name == name) {
            None => Answer::refused(12071, format!("There is no user “{name}”.")),
            Some(at) if is_here(at) => Answer::refused(12074, format!("The user “{name}” is logged in.")),
            Some(at) => {
                self.facts.accounts.remove(at);
                Answer::done()
            }
        }
    }
}
