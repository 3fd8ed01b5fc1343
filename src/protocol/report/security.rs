//! Reads SecurityInfo.

use serde_json::{Map, Value as Json};

use super::Report;
use crate::protocol::plist::{self, fields};
use crate::secret::SecretBytes;

/// What a device says about its protection; what it leaves out is unknown, never "no".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SecurityInfo {
    /// Whether a passcode is set.
    pub passcode_present: Option<bool>,
    /// Whether it meets the rules of all accounts and profiles.
    pub passcode_compliant: Option<bool>,
    /// Whether it meets the rules of the profiles.
    pub passcode_compliant_with_profiles: Option<bool>,
    /// Whether FileVault is on.
    pub filevault_enabled: Option<bool>,
    /// Whether FileVault has a personal recovery key.
    pub filevault_has_personal_recovery_key: Option<bool>,
    /// The personal recovery key, encrypted to the certificate of the escrow payload (CMS, DER).
    pub filevault_personal_recovery_key: Option<SecretBytes>,
    /// Whether a recovery lock is set.
    pub recovery_lock_enabled: Option<bool>,
    /// Whether System Integrity Protection is on.
    pub system_integrity_protection: Option<bool>,
    /// Whether the firewall is on.
    pub firewall_enabled: Option<bool>,
    /// Whether the bootstrap token is needed for software updates.
    pub bootstrap_token_required_for_software_update: Option<bool>,
    /// `allowed`, `disallowed` or `not supported`.
    pub bootstrap_token_allowed_for_authentication: Option<String>,
    /// Whether the Mac was enrolled by Automated Device Enrollment.
    pub enrolled_via_dep: Option<bool>,
    /// Whether the user approved the enrollment.
    pub user_approved_enrollment: Option<bool>,
    /// Whether it is a user enrollment.
    pub is_user_enrollment: Option<bool>,
    /// Whether Activation Lock can be managed.
    pub is_activation_lock_manageable: Option<bool>,
    /// Every answer as JSON, except the recovery key.
    pub facts: Map<String, Json>,
}

impl SecurityInfo {
    /// Reads `SecurityInfo`; none where the report has none.
    pub fn read(report: &Report) -> Option<Self> {
        let info = fields::dictionary(&report.values, "SecurityInfo")?;
        let flag = |key| fields::flag(info, key);
        let inner = |outer, key| fields::dictionary(info, outer).and_then(|inner| fields::flag(inner, key));
        let mut facts = plist::dictionary_to_json(info);
        facts.remove("FDE_PersonalRecoveryKeyCMS");
        Some(Self {
            passcode_present: flag("PasscodePresent"),
            passcode_compliant: flag("PasscodeCompliant"),
            passcode_compliant_with_profiles: flag("PasscodeCompliantWithProfiles"),
            filevault_enabled: flag("FDE_Enabled"),
            filevault_has_personal_recovery_key: flag("FDE_HasPersonalRecoveryKey"),
            filevault_personal_recovery_key: fields::data(info, "FDE_PersonalRecoveryKeyCMS").map(|key| SecretBytes::new(key.to_vec())),
            recovery_lock_enabled: flag("IsRecoveryLockEnabled"),
            system_integrity_protection: flag("SystemIntegrityProtectionEnabled"),
            firewall_enabled: inner("FirewallSettings", "FirewallEnabled"),
            bootstrap_token_required_for_software_update: flag("BootstrapTokenRequiredForSoftwareUpdate"),
            bootstrap_token_allowed_for_authentication: fields::filled(info, "BootstrapTokenAllowedForAuthentication"),
            enrolled_via_dep: inner("ManagementStatus", "EnrolledViaDEP"),
            user_approved_enrollment: inner("ManagementStatus", "UserApprovedEnrollment"),
            is_user_enrollment: inner("ManagementStatus", "IsUserEnrollment"),
            is_activation_lock_manageable: inner("ManagementStatus", "IsActivationLockManageable"),
            facts,
        })
    }
}
