//! Reading: what an acknowledged answer says, into the rows that pages, rules and plans look at.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::mdm::attestation::judge;
use crate::mdm::checkin::{actor, end};
use crate::mdm::device_users::USERS_MAX;
use crate::mdm::inventory::{ACTOR, ask_bypass_code, ask_users, attestation};
use crate::mdm::{groups, journal, names, return_to_service};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::protocol::platform::Platform;
use crate::protocol::report::device::DeviceInformation;
use crate::protocol::report::security::SecurityInfo;
use crate::protocol::report::{Report, apps, device, profiles};
use crate::store::commands::Command;
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::escrow::{self, EscrowKind};
use crate::store::inventory::{self, InstalledApp, InstalledCertificate, InstalledProfile};
use crate::store::{Tx, deployments, device_users, devices, releases};

/// Takes over what an acknowledged report says. `false` when the answer lacks what its command asked for; nothing is stored of it then.
pub fn observe(tx: &Tx, enrollment: &Enrollment, command: &Command, report: &Report) -> Result<bool> {
    if command.supersede_key.as_deref() == Some(attestation::SUPERSEDE_KEY) {
        // It says too little to count as the device's facts.
        return attestation::observe(tx, enrollment, report);
    }
    let read = match command.request_type.as_str() {
        "DeviceInformation" => device_information(tx, enrollment, report)?,
        "SecurityInfo" => security_info(tx, enrollment, report)?,
        "InstalledApplicationList" => installed_apps(tx, enrollment, report)?,
        "ManagedApplicationList" => managed_apps(tx, enrollment, report)?,
        "ProfileList" => profile_list(tx, enrollment, report)?,
        "CertificateList" => certificate_list(tx, enrollment, report)?,
        "ActivationLockBypassCode" => bypass_code(tx, enrollment, report)?,
        "UserList" => user_list(tx, enrollment, report)?,
        "RotateFileVaultKey" => return rotated_key(tx, enrollment, report),
        _ => return acknowledged(tx, enrollment, command).map(|()| true),
    };
    if read {
        inventory::mark_read(tx, &enrollment.id, &command.request_type)?;
    }
    Ok(read)
}

/// Takes over what an acknowledgement means by itself, whatever else the report says and whether that can be read.
pub fn acknowledged(tx: &Tx, enrollment: &Enrollment, command: &Command) -> Result<()> {
    match command.request_type.as_str() {
        "EraseDevice" => erased(tx, enrollment, command),
        "DeviceConfigured" | "UserConfigured" => configured(tx, enrollment),
        // Who is left is said by the next list.
        "DeleteUser" | "LogOutUser" => ask_users(tx, &ACTOR, enrollment),
        _ => Ok(()),
    }
}

fn device_information(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = DeviceInformation::read(report) else { return Ok(false) };
    if enrollment.parent_id.is_some() {
        // A user's channel repeats some of it; the device's own channel says it all.
        return Ok(true);
    }
    let Some(mut device) = devices::by_id(tx, &enrollment.device_id)? else { return Ok(true) };
    let before = device.clone();
    if let Some(said) = &said.device_name {
        device.name = names::straight(said);
    }
    for (known, said) in [
        (&mut device.model, &said.model),
        (&mut device.model_name, &said.model_name),
        (&mut device.product_name, &said.product_name),
        (&mut device.os_version, &said.os_version),
        (&mut device.build_version, &said.build_version),
    ] {
        if let Some(said) = said {
            known.clone_from(said);
        }
    }
    device.supervised = said.is_supervised.or(device.supervised);
    device.serial_number = said.serial_number.clone().or(device.serial_number);
    let platform = Platform::of_product(&device.product_name);
    if platform != Platform::Unknown {
        device.platform = platform;
    }
    if device != before {
        devices::update(tx, &device)?;
    }
    if device.platform != before.platform && before.platform != Platform::Unknown {
        judge::became_another(tx, enrollment, &device)?;
    }
    if is_news(&before, &device) {
        groups::place(tx, &device.id)?;
    }
    if device != before || before.facts_at.is_none() {
        deployments::look_again(tx, &device.id)?;
    }
    let hardware = releases::facts_of_device(tx, &device.id)?;
    let known = devices::facts(tx, &device.id)?;
    let merged = merge(&known, said.facts)?;
    devices::set_facts(tx, &device.id, &merged)?;
    if is_shared(&merged) && !is_shared(&known) {
        // Only now it is known that the question makes sense.
        ask_users(tx, &ACTOR, enrollment)?;
    }
    if store_account(&merged) != store_account(&known) {
        // Whether a person's licence helps there.
        deployments::look_again(tx, &device.id)?;
    }
    if releases::facts_of_device(tx, &device.id)? != hardware {
        // Which releases it can have, and what its clock shows, decides about its updates.
        deployments::look_again(tx, &device.id)?;
    }
    if device.os_version != before.os_version {
        let data = json!({ "from": before.os_version, "to": device.os_version, "build": device.build_version });
        journal::note(tx, &actor(enrollment), "device.os_changed", enrollment, data)?;
    }
    if device.supervised == Some(true) && before.supervised != Some(true) {
        ask_bypass_code(tx, enrollment)?;
    }
    Ok(true)
}

/// Whether a device said that it is a Shared iPad.
fn is_shared(facts: &str) -> bool {
    let facts: Value = serde_json::from_str(facts).unwrap_or_default();
    facts.get("IsMultiUser").and_then(Value::as_bool) == Some(true)
}

/// What of DeviceInformation tells which account the device is signed in to.
fn store_account(facts: &str) -> (Option<bool>, Option<String>) {
    let facts: serde_json::Value = serde_json::from_str(facts).unwrap_or_default();
    let hash = facts.get("iTunesStoreAccountHash").and_then(serde_json::Value::as_str);
    (facts.get("iTunesStoreAccountIsActive").and_then(serde_json::Value::as_bool), hash.map(str::to_owned))
}

/// Whether anything changed that a group's rule can ask for.
fn is_news(before: &Device, now: &Device) -> bool {
    let asked = |device: &Device| (device.supervised, device.platform);
    asked(before) != asked(now)
        || before.serial_number != now.serial_number
        || before.name != now.name
        || before.model_name != now.model_name
        || before.product_name != now.product_name
        || before.os_version != now.os_version
}

/// Later answers win; what they leave out stays, because absent means unknown.
/// What DeviceInformation says of a background security improvement.
const IMPROVEMENT: [&str; 2] = ["SupplementalBuildVersion", "SupplementalOSVersionExtra"];

fn merge(known: &str, said: Map<String, Value>) -> Result<String> {
    let mut merged: Map<String, Value> = serde_json::from_str(known).map_err(|error| Error::internal("stored facts are JSON", error))?;
    if said.contains_key("OSVersion") {
        // A device without an improvement says nothing of one; what an earlier version had is gone with that.
        for key in IMPROVEMENT {
            merged.remove(key);
        }
    }
    merged.extend(said);
    Ok(Value::Object(merged).to_string())
}

fn security_info(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = SecurityInfo::read(report) else { return Ok(false) };
    if enrollment.parent_id.is_none() {
        devices::set_security(tx, &enrollment.device_id, &Value::Object(said.facts).to_string())?;
    }
    if let Some(key) = said.filevault_personal_recovery_key {
        hold(
            tx,
            enrollment,
            EscrowKind::RecoveryKey,
            key.expose(),
            t!("FileVault's recovery key as the Mac gave it, encrypted to its certificate"),
        )?;
    }
    Ok(true)
}

fn installed_apps(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = apps::installed(report) else { return Ok(false) };
    let before = inventory::apps(tx, &enrollment.id)?;
    let apps: Vec<_> = said
        .into_iter()
        .map(|app| {
            let known = before.iter().find(|known| known.identifier == app.identifier);
            InstalledApp {
                managed: known.is_some_and(|known| known.managed),
                state: known.map(|known| known.state.clone()).unwrap_or_default(),
                identifier: app.identifier,
                name: app.name,
                version: app.version,
                short_version: app.short_version,
                size_bytes: app.bundle_size_bytes,
                details: Value::Object(app.details).to_string(),
            }
        })
        .collect();
    let identifiers =
        |apps: &[InstalledApp]| apps.iter().filter(|app| is_installed(app)).map(|app| app.identifier.clone()).collect::<BTreeSet<_>>();
    let is_news =
        identifiers(&before) != identifiers(&apps) || inventory::read_at(tx, &enrollment.id, "InstalledApplicationList")?.is_none();
    inventory::replace_apps(tx, &enrollment.id, &apps)?;
    if is_news && enrollment.parent_id.is_none() {
        // From here on the device has said what it has; rules may go by it.
        inventory::mark_read(tx, &enrollment.id, "InstalledApplicationList")?;
        groups::place_for_apps(tx, &enrollment.device_id)?;
    }
    Ok(true)
}

/// What was listed only for being managed is not there yet.
fn is_installed(app: &InstalledApp) -> bool {
    !app.managed || !app.version.is_empty() || !app.short_version.is_empty()
}

/// Marks what is managed; an app that is managed but not installed (yet) is listed too.
fn managed_apps(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = apps::managed(report) else { return Ok(false) };
    let mut apps = inventory::apps(tx, &enrollment.id)?;
    for app in &mut apps {
        app.managed = false;
        app.state.clear();
    }
    for managed in said {
        let state = managed.state_word;
        match apps.iter_mut().find(|app| app.identifier == managed.identifier) {
            Some(app) => (app.managed, app.state) = (true, state),
            None => apps.push(InstalledApp {
                name: managed.identifier.clone(),
                identifier: managed.identifier,
                version: String::new(),
                short_version: String::new(),
                size_bytes: None,
                managed: true,
                state,
                details: String::from("{}"),
            }),
        }
    }
    // Apps that were listed only for being managed, and are not managed any more, are gone.
    apps.retain(|app| app.managed || !app.version.is_empty() || !app.short_version.is_empty());
    inventory::replace_apps(tx, &enrollment.id, &apps)?;
    Ok(true)
}

fn profile_list(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = profiles::profiles(report) else { return Ok(false) };
    let profiles: Vec<_> = said
        .into_iter()
        .map(|profile| InstalledProfile {
            identifier: profile.identifier,
            uuid: profile.uuid,
            name: profile.display_name,
            managed: profile.is_managed,
            details: Value::Object(profile.details).to_string(),
        })
        .collect();
    inventory::replace_profiles(tx, &enrollment.id, &profiles)?;
    Ok(true)
}

fn certificate_list(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = profiles::certificates(report) else { return Ok(false) };
    let certificates: Vec<_> = said
        .into_iter()
        .map(|certificate| InstalledCertificate {
            fingerprint: Fingerprint::of_der(&certificate.der),
            common_name: certificate.common_name,
            is_identity: certificate.is_identity,
            not_after_at: Certificate::from_der(&certificate.der).ok().map(|read| read.not_after()),
        })
        .collect();
    inventory::replace_certificates(tx, &enrollment.id, &certificates)?;
    Ok(true)
}

fn user_list(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    if !report.values.contains_key("Users") {
        return Ok(false);
    }
    let mut users = device::users(report);
    users.truncate(USERS_MAX);
    device_users::replace(tx, &enrollment.id, &users)?;
    Ok(true)
}

fn bypass_code(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(code) = device::activation_lock_bypass_code(report) else { return Ok(false) };
    hold(tx, enrollment, EscrowKind::ActivationLockBypassCode, code.expose().as_bytes(), t!("asked for when the device enrolled"))?;
    Ok(true)
}

/// The key that the Mac made anew is nowhere else.
fn rotated_key(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(key) = device::rotated_recovery_key(report) else { return Ok(false) };
    let note = t!("FileVault's recovery key after it was rotated, encrypted to the certificate that the command named");
    hold(tx, enrollment, EscrowKind::RecoveryKey, key.expose(), note)?;
    Ok(true)
}

/// Keeps a secret for the device, unless the same one is held already.
fn hold(tx: &Tx, enrollment: &Enrollment, kind: EscrowKind, value: &[u8], note: &str) -> Result<()> {
    for held in escrow::of_device(tx, &enrollment.device_id)?.iter().filter(|held| held.kind == kind) {
        if escrow::value(tx, &enrollment.device_id, &held.id)?.is_some_and(|(_, known)| known.expose() == value) {
            return Ok(());
        }
    }
    escrow::insert(tx, &enrollment.device_id, Some((&enrollment.id, enrollment.generation)), kind, value, note)?;
    journal::note(tx, &actor(enrollment), "escrow.stored", enrollment, json!({ "kind": kind }))
}

/// No CheckOut follows an erase: the acknowledgement is the last that is heard of this enrollment.
fn erased(tx: &Tx, enrollment: &Enrollment, command: &Command) -> Result<()> {
    return_to_service::watch::erased(tx, enrollment, &command.uuid)?;
    end(tx, enrollment, EnrollmentState::Erased, t!("the device was erased"))?;
    journal::note(tx, &actor(enrollment), "enrollment.erased", enrollment, Value::Null)
}

fn configured(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if let Some(mut enrollment) = enrollments::by_id(tx, &enrollment.id)? {
        enrollment.awaiting_configuration = false;
        enrollments::update(tx, &enrollment)?;
    }
    Ok(())
}
