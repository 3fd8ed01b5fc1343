//! SecurityInfo, and the commands around passwords of Macs.

use super::super::Device;
use super::super::values::{Complaint, dict};
use super::{Answer, Command};
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::Family;

impl Device {
    /// SecurityInfo: for Macs and for all others, as far as the OS tells.
    pub(super) fn security_info(&self) -> Answer {
        let version = self.facts.release.version;
        let mut info = Dictionary::new();
        if self.facts.model.family == Family::Mac {
            self.mac_security(&mut info);
        } else {
            self.passcode_security(&mut info);
        }
        let tells_management = if self.facts.model.family == Family::Mac { true } else { version.0 >= 13 };
        if tells_management {
            info.insert("ManagementStatus".into(), self.management_status());
        }
        info.sort_keys();
        Answer::with([("SecurityInfo", Value::Dictionary(info))])
    }

    fn passcode_security(&self, info: &mut Dictionary) {
        let present = self.facts.passcode;
        info.insert("HardwareEncryptionCaps".into(), Value::from(3));
        info.insert("PasscodePresent".into(), Value::Boolean(present));
        info.insert("PasscodeCompliant".into(), Value::Boolean(true));
        info.insert("PasscodeCompliantWithProfiles".into(), Value::Boolean(self.passcode_complies()));
        info.insert("PasscodeLockGracePeriod".into(), Value::from(0));
        info.insert("PasscodeLockGracePeriodEnforced".into(), Value::from(if present { 0 } else { i64::from(i32::MAX) }));
        if self.facts.release.version.0 >= 17 {
            info.insert("AutoLockTime".into(), Value::from(120));
        }
    }

    fn mac_security(&self, info: &mut Dictionary) {
        let (facts, situation) = (&self.facts, &self.situation);
        let mut say = |key: &str, value: Value| drop(info.insert(key.to_owned(), value));
        let major = facts.release.version.0;
        let silicon = facts.model.is_apple_silicon();
        say("FDE_Enabled", Value::Boolean(facts.filevault));
        say("FDE_HasPersonalRecoveryKey", Value::Boolean(facts.filevault));
        say("FDE_HasInstitutionalRecoveryKey", Value::Boolean(false));
        say("SystemIntegrityProtectionEnabled", Value::Boolean(true));
        say("RemoteDesktopEnabled", Value::Boolean(situation.remote_desktop));
        say("FirewallSettings", firewall());
        let boot = [("ExternalBootLevel", "allowed"), ("SecureBootLevel", "full"), ("WindowsBootLevel", "not supported")];
        say("SecureBoot", dict(boot.map(|(key, level)| (key, Value::from(level)))));
        if !silicon {
            let exists = Value::Boolean(situation.firmware_password.is_some());
            let no = || Value::Boolean(false);
            say("FirmwarePasswordStatus", dict([("PasswordExists", exists), ("ChangePending", no()), ("AllowOroms", no())]));
        }
        if major >= 11 {
            let allowed = if silicon { "allowed" } else { "not supported" };
            say("AuthenticatedRootVolumeEnabled", Value::Boolean(true));
            say("BootstrapTokenAllowedForAuthentication", Value::from(allowed));
            say("BootstrapTokenRequiredForSoftwareUpdate", Value::Boolean(silicon));
            say("BootstrapTokenRequiredForKernelExtensionApproval", Value::Boolean(silicon));
        }
        if silicon && (facts.release.version.0, facts.release.version.1) >= (11, 5) {
            say("IsRecoveryLockEnabled", Value::Boolean(situation.recovery_lock.is_some()));
        }
    }

    fn management_status(&self) -> Value {
        let by_user = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.by_user);
        let mut status = super::super::values::dictionary([("IsUserEnrollment", Value::Boolean(by_user))]);
        if self.facts.model.family == Family::Mac {
            status.insert("EnrolledViaDEP".into(), Value::Boolean(self.facts.automated));
            status.insert("UserApprovedEnrollment".into(), Value::Boolean(true));
            status.insert("IsActivationLockManageable".into(), Value::Boolean(self.facts.supervised));
        }
        Value::Dictionary(status)
    }

    /// ClearPasscode: only with the unlock token that belongs to the present passcode.
    pub(super) fn clear_passcode(&mut self, command: &Command) -> Answer {
        let given = fields::data(&command.body, "UnlockToken");
        if given != self.situation.unlock_token.as_deref() {
            return Answer::refused(12018, "The escrow keybag does not fit this device.");
        }
        self.facts.passcode = false;
        Answer::done()
    }

    /// SetFirmwarePassword, on Macs with an Intel chip.
    pub(super) fn set_firmware_password(&mut self, command: &Command) -> Answer {
        if self.facts.model.is_apple_silicon() {
            return not_on_this_mac("SetFirmwarePassword");
        }
        let current = fields::text(&command.body, "CurrentPassword");
        let right = self.situation.firmware_password.is_none() || current == self.situation.firmware_password.as_deref();
        if right {
            self.situation.firmware_password = fields::filled(&command.body, "NewPassword");
        }
        Answer::with([("SetFirmwarePassword", dict([("PasswordChanged", Value::Boolean(right))]))])
    }

    /// VerifyFirmwarePassword, on Macs with an Intel chip.
    pub(super) fn verify_firmware_password(&self, command: &Command) -> Answer {
        if self.facts.model.is_apple_silicon() {
            return not_on_this_mac("VerifyFirmwarePassword");
        }
        let right = fields::text(&command.body, "Password") == self.situation.firmware_password.as_deref();
        Answer::with([("VerifyFirmwarePassword", dict([("PasswordVerified", Value::Boolean(right))]))])
    }

    /// SetRecoveryLock, on Macs with Apple's chip.
    pub(super) fn set_recovery_lock(&mut self, command: &Command) -> Answer {
        if !self.facts.model.is_apple_silicon() {
            return not_on_this_mac("SetRecoveryLock");
        }
        let current = fields::text(&command.body, "CurrentPassword");
        if self.situation.recovery_lock.is_some() && current != self.situation.recovery_lock.as_deref() {
            return Complaint { code: 93, domain: "MDMClientError".into(), text: String::from("The current password is not right.") }
                .into();
        }
        self.situation.recovery_lock = fields::filled(&command.body, "NewPassword");
        Answer::done()
    }

    /// VerifyRecoveryLock, on Macs with Apple's chip.
    pub(super) fn verify_recovery_lock(&self, command: &Command) -> Answer {
        if !self.facts.model.is_apple_silicon() {
            return not_on_this_mac("VerifyRecoveryLock");
        }
        let right = fields::text(&command.body, "Password") == self.situation.recovery_lock.as_deref();
        Answer::with([("PasswordVerified", Value::Boolean(right))])
    }
}

fn not_on_this_mac(name: &str) -> Answer {
    Complaint { code: 91, domain: "MDMClientError".into(), text: format!("“{name}” is not supported on this Mac.") }.into()
}

fn firewall() -> Value {
    dict([
        ("AllowSigned", Value::Boolean(true)),
        ("AllowSignedApp", Value::Boolean(true)),
        ("Applications", Value::Array(Vec::new())),
        ("BlockAllIncoming", Value::Boolean(false)),
        ("FirewallEnabled", Value::Boolean(true)),
        ("LoggingEnabled", Value::Boolean(true)),
        ("LoggingOption", Value::from("throttled")),
        ("StealthMode", Value::Boolean(false)),
    ])
}
