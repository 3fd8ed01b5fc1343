//! Asking: which queries an enrollment gets, at its start and every day.

use crate::error::Result;
use crate::mdm::checkin::device_channel;
use crate::mdm::inventory::{ACTOR, PAGE, REFRESH_EVERY, attestation};
use crate::mdm::{Actor, apps, commands, provisioning};
use crate::protocol::availability::{self, Capabilities, Request};
use crate::protocol::command::{self, Command};
use crate::protocol::platform::Platform;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::escrow::{self, EscrowKind};
use crate::store::{Tx, devices};

/// What DeviceInformation is asked for; of these, what the device's OS has.
const FACTS: &[&str] = &[
    "UDID",
    "DeviceName",
    "OSVersion",
    "BuildVersion",
    "ModelName",
    "Model",
    "ModelNumber",
    "ProductName",
    "SerialNumber",
    "DeviceCapacity",
    "AvailableDeviceCapacity",
    "BatteryLevel",
    "HasBattery",
    "IsSupervised",
    "IsMultiUser",
    "MaximumResidentUsers",
    "ResidentUsers",
    "QuotaSize",
    "UserSessionTimeout",
    "TemporarySessionTimeout",
    "TemporarySessionOnly",
    "ManagedAppleIDDefaultDomains",
    "OnlineAuthenticationGracePeriod",
    "AwaitingConfiguration",
    "SupplementalBuildVersion",
    "SupplementalOSVersionExtra",
    "SoftwareUpdateDeviceID",
    "SoftwareUpdateSettings",
    "OSUpdateSettings",
    "IsAppleSilicon",
    "WiFiMAC",
    "BluetoothMAC",
    "EthernetMAC",
    "HostName",
    "LocalHostName",
    "AutoSetupAdminAccounts",
    "ProvisioningUDID",
    "SystemIntegrityProtectionEnabled",
    "SupportsiOSAppInstalls",
    "PINRequiredForEraseDevice",
    "PINRequiredForDeviceLock",
    "IsActivationLockSupported",
    "IsActivationLockEnabled",
    "IsDeviceLocatorServiceEnabled",
    "IsMDMLostModeEnabled",
    "IsDoNotDisturbInEffect",
    "IsCloudBackupEnabled",
    "LastCloudBackupDate",
    "iTunesStoreAccountIsActive",
    "iTunesStoreAccountHash",
    "DiagnosticSubmissionEnabled",
    "AppAnalyticsEnabled",
    "TimeZone",
    "ServiceSubscriptions",
    "CellularTechnology",
    "DataRoamingEnabled",
    "PersonalHotspotEnabled",
    "ModemFirmwareVersion",
    "OrganizationInfo",
    "MDMOptions",
];

/// The first questions of a new enrollment, queued when it connects: a device that never comes has nothing in its queue, and one that enrolls
/// again before it came has nothing to drop.
pub fn ask_first(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if !enrollment.questions_due || enrollment.state != EnrollmentState::Enrolled {
        return Ok(());
    }
    enrollments::set_questions_due(tx, &enrollment.id, false)?;
    ask_all(tx, &ACTOR, enrollment)?;
    // Readable only in the first fifteen days, so it is asked for before the device has said whether it is supervised; one that is not says no.
    ask_bypass_code(tx, enrollment)
}

/// Asks everything that the inventory shows. What is asked already and not answered yet is replaced, not repeated.
pub fn ask_all(tx: &Tx, actor: &Actor, enrollment: &Enrollment) -> Result<()> {
    let capabilities = commands::capabilities(tx, enrollment)?;
    let uuid = || tx.command_uuid();
    let queries = [
        command::device_information(uuid(), &availability::queries(FACTS, &capabilities)),
        command::security_info(uuid()),
        command::installed_application_list(uuid()),
        command::managed_application_list(uuid()),
        command::profile_list(uuid()),
        command::certificate_list(uuid()),
    ];
    queries.into_iter().try_for_each(|query| ask(tx, actor, enrollment, &capabilities, query))?;
    // An iPad says first whether several share it.
    if capabilities.platform == Platform::Macos || capabilities.shared_ipad == Some(true) {
        ask(tx, actor, enrollment, &capabilities, command::user_list(uuid()))?;
    }
    attestation::ask_in_turn(tx, actor, enrollment)
}

/// Asks what the device's OS has.
fn ask(tx: &Tx, actor: &Actor, enrollment: &Enrollment, capabilities: &Capabilities, query: Command) -> Result<()> {
    if availability::check(Request::Command(&query.request_type), capabilities).is_ok() {
        commands::enqueue_own(tx, actor, enrollment, query, None, None)?;
    }
    Ok(())
}

/// Asks who has an account on a device, where several share it.
pub fn ask_users(tx: &Tx, actor: &Actor, enrollment: &Enrollment) -> Result<()> {
    ask(tx, actor, enrollment, &commands::capabilities(tx, enrollment)?, command::user_list(tx.command_uuid()))
}

/// Asks what a device is, after it was told to be otherwise.
pub fn ask_facts(tx: &Tx, actor: &Actor, enrollment: &Enrollment) -> Result<()> {
    let capabilities = commands::capabilities(tx, enrollment)?;
    let query = command::device_information(tx.command_uuid(), &availability::queries(FACTS, &capabilities));
    ask(tx, actor, enrollment, &capabilities, query)
}

/// Asks for the Activation Lock bypass code where the OS has one and none is held yet.
pub fn ask_bypass_code(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let held = escrow::of_device(tx, &enrollment.device_id)?;
    let have = held.iter().any(|held| held.kind == EscrowKind::ActivationLockBypassCode && held.generation == enrollment.generation);
    let query: Command = command::activation_lock_bypass_code(tx.command_uuid());
    let capabilities = commands::capabilities(tx, enrollment)?;
    if !have && availability::check(Request::Command(&query.request_type), &capabilities).is_ok() {
        commands::enqueue_own(tx, &ACTOR, enrollment, query, None, None)?;
    }
    Ok(())
}

/// Asks the devices whose inventory is due; gives how many.
pub fn refresh(tx: &Tx) -> Result<usize> {
    let due = devices::refresh_due(tx, PAGE)?;
    for device in &due {
        let channel = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled);
        let next = channel.as_ref().map(|_| tx.now.plus(tx.random().jitter(REFRESH_EVERY)));
        devices::set_refresh_due(tx, &device.id, next)?;
        if let Some(channel) = channel {
            ask_all(tx, &ACTOR, &device_channel(tx, &channel)?)?;
            apps::ask_feedback(tx, &ACTOR, &channel)?;
            provisioning::ask_list(tx, &ACTOR, &channel)?;
        }
    }
    Ok(due.len())
}
