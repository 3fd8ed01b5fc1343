//! The tabs of a device's page: timeline, apps, profiles, certificates, security, reports.

use serde_json::Value;

use super::secrets::title;
use crate::error::{Error, Result};
use crate::http::pages::device::{AppRow, CertificateRow, DeviceContent, ProfileRow, QueueRow, ReportRow, SecretRow, SecurityRow};
use crate::http::pages::handlers::words::entry;
use crate::http::pages::parts::{State as Mark, Wait};
use crate::mdm::{Actor, Right, devices, why};
use crate::store::commands::{self, CommandState};
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::events::{self, Filter};
use crate::store::{Tx, inventory, reports};

/// Lines of a timeline and of a list of reports.
const LINES: usize = 100;

/// What a tab shows.
pub(super) fn content(tx: &Tx, actor: &Actor, device: &Device, channel: Option<&Enrollment>, tab: &str) -> Result<DeviceContent> {
    let id = channel.map(|channel| channel.id.as_str()).unwrap_or_default();
    let age = |topic| inventory::read_at(tx, id, topic);
    Ok(match tab {
        "" => timeline(tx, device, channel)?,
        "apps" => DeviceContent::Apps(apps(tx, id)?, age("InstalledApplicationList")?),
        "profiles" => DeviceContent::Profiles(profiles(tx, id)?, age("ProfileList")?),
        "certificates" => DeviceContent::Certificates(certificates(tx, id)?, age("CertificateList")?),
        "security" => DeviceContent::Security(security(tx, device)?, secrets(tx, actor, device)?, device.security_at),
        "reports" => DeviceContent::Reports(raw_reports(tx, device)?, None),
        _ => return Err(Error::not_found("A device has no such page.")),
    })
}

fn timeline(tx: &Tx, device: &Device, channel: Option<&Enrollment>) -> Result<DeviceContent> {
    let waits = why::device(tx, device, channel)?.into_iter().map(|reason| Wait {
        state: if reason.needs_someone { Mark::Problem } else { Mark::Waiting },
        cause: reason.cause,
        remedy: reason.remedy,
        asked_at: reason.since_at,
    });
    let queue = match channel {
        Some(channel) => commands::open(tx, &channel.id, LINES as u32)?,
        None => Vec::new(),
    };
    let queue = queue.into_iter().map(|command| QueueRow {
        what: command.request_type.clone(),
        state: Mark::Waiting,
        words: queue_words(&command).to_owned(),
        asked_at: command.created_at,
        cancellable: true,
        uuid: command.uuid,
    });
    let filter = Filter { device_id: Some(&device.id), ..Filter::default() };
    let entries = events::list(tx, &filter, None, LINES)?.into_iter().map(entry);
    Ok(DeviceContent::Timeline { waits: waits.collect(), queue: queue.collect(), entries: entries.collect(), more: None })
}

fn queue_words(command: &commands::Command) -> &'static str {
    match command.state {
        CommandState::NotNow => "waiting: the device is locked or busy",
        CommandState::Sent => "sent, not answered yet",
        _ => "in the queue",
    }
}

fn apps(tx: &Tx, enrollment_id: &str) -> Result<Vec<AppRow>> {
    let row = |app: inventory::InstalledApp| AppRow {
        version: if app.short_version.is_empty() { app.version } else { app.short_version },
        state: app_state(&app.state),
        name: app.name,
        identifier: app.identifier,
        managed: app.managed,
        size_bytes: app.size_bytes.map(i64::unsigned_abs),
    };
    Ok(inventory::apps(tx, enrollment_id)?.into_iter().map(row).collect())
}

fn app_state(word: &str) -> Option<(Mark, String)> {
    let mark = match word {
        "" => return None,
        "Managed" => Mark::Ok,
        "Failed" | "UserRejected" | "UpdateRejected" | "ManagementRejected" => Mark::Problem,
        _ => Mark::Waiting,
    };
    Some((mark, word.to_owned()))
}

fn profiles(tx: &Tx, enrollment_id: &str) -> Result<Vec<ProfileRow>> {
    let row = |profile: inventory::InstalledProfile| {
        let details: Value = serde_json::from_str(&profile.details).unwrap_or_default();
        ProfileRow {
            name: if profile.name.is_empty() { profile.identifier.clone() } else { profile.name },
            organisation: details.get("PayloadOrganization").and_then(Value::as_str).unwrap_or_default().to_owned(),
            payloads: details.get("PayloadContent").and_then(Value::as_array).map_or(0, Vec::len) as u64,
            managed: profile.managed.unwrap_or_default(),
            identifier: profile.identifier,
        }
    };
    Ok(inventory::profiles(tx, enrollment_id)?.into_iter().map(row).collect())
}

fn certificates(tx: &Tx, enrollment_id: &str) -> Result<Vec<CertificateRow>> {
    let row = |certificate: inventory::InstalledCertificate| CertificateRow {
        name: certificate.common_name,
        issuer: String::new(),
        identity: certificate.is_identity,
        not_after: certificate.not_after_at,
    };
    Ok(inventory::certificates(tx, enrollment_id)?.into_iter().map(row).collect())
}

fn security(tx: &Tx, device: &Device) -> Result<Vec<SecurityRow>> {
    let said: serde_json::Map<String, Value> = serde_json::from_str(&crate::store::devices::security(tx, &device.id)?)
        .map_err(|error| Error::internal("stored facts are JSON", error))?;
    let row = |(key, value): (String, Value)| {
        let (words, state) = match &value {
            Value::Bool(yes) => (if *yes { String::from("yes") } else { String::from("no") }, None),
            Value::String(text) => (text.clone(), None),
            other => (other.to_string(), None),
        };
        SecurityRow { name: key, words, state }
    };
    Ok(said.into_iter().map(row).collect())
}

fn secrets(tx: &Tx, actor: &Actor, device: &Device) -> Result<Vec<SecretRow>> {
    let may = actor.may(Right::Reveal);
    let row = |held: crate::store::escrow::Held| SecretRow {
        name: if held.in_use { format!("{} (in use)", title(held.kind)) } else { title(held.kind).to_owned() },
        kept_at: held.created_at,
        reveal: may.then(|| format!("/devices/{}/secrets/{}/reveal", device.id, held.id)),
    };
    Ok(devices::held(tx, actor, &device.id)?.into_iter().map(row).collect())
}

fn raw_reports(tx: &Tx, device: &Device) -> Result<Vec<ReportRow>> {
    let row = |report: reports::Report| ReportRow {
        id: report.seq.to_string(),
        state: match report.status.as_str() {
            "Acknowledged" => Mark::Ok,
            "NotNow" => Mark::Waiting,
            _ => Mark::Problem,
        },
        request_type: if report.request_type.is_empty() { String::from("a command that we never sent") } else { report.request_type },
        status: report.status,
        at: report.received_at,
        size_bytes: report.size_bytes.unsigned_abs(),
        text: None,
    };
    Ok(reports::list(tx, &device.id, None, LINES as u32)?.into_iter().map(row).collect())
}
