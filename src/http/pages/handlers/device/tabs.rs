//! The tabs of a device's page: timeline, apps, profiles, certificates, security, reports.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::http::pages::device::{AppRow, CertificateRow, DeviceContent, ProfileRow, QueueRow, ReportRow, SecretRow, SecurityRow};
use crate::http::pages::parts::{Entry, State as Mark, Wait};
use crate::mdm::{Actor, Right, devices, why};
use crate::store::commands::{self, CommandState};
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::events::{self, Event, Filter};
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

/// One line of the timeline, in words.
fn entry(event: Event) -> Entry {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let what = match event.kind.as_str() {
        "command.queued" => format!("Asked: {}", text("request_type")),
        "command.acknowledged" => format!("Done: {}", text("request_type")),
        "command.error" => format!("Refused: {}", text("request_type")),
        "command.format_error" => format!("Not understood: {}", text("request_type")),
        "command.not_now" => format!("Put off: {}", text("request_type")),
        "command.cancelled" => format!("Taken back: {}", text("request_type")),
        "command.expired" => format!("Too late: {}", text("request_type")),
        "command.superseded" => format!("Replaced by a newer one: {}", text("request_type")),
        "command.dropped" => format!("Dropped: {}", text("request_type")),
        "command.quarantined" => format!("Set aside: {}", text("request_type")),
        "enrollment.authenticated" => String::from("Began to enroll"),
        "enrollment.enrolled" => String::from("Enrolled"),
        "enrollment.left" => String::from("Left: its profile was removed"),
        "enrollment.erased" => String::from("Was erased"),
        "enrollment.told_to_leave" => String::from("Was told to leave"),
        "enrollment.refused" => String::from("A message in its name was refused"),
        "enrollment.renewing" => String::from("Renews its certificate"),
        "renewal.queued" => String::from("The renewal of its certificate began"),
        "renewal.finished" => String::from("Its certificate was renewed"),
        "certificate.bound" => String::from("Showed its certificate"),
        "certificate.issued" => String::from("A certificate was issued to it"),
        "certificate.revoked" => String::from("Its certificate was revoked"),
        "push.sent" => String::from("Woken"),
        "push.token_dead" => String::from("Apple says it takes no wake-ups any more"),
        "push.refused" => String::from("Apple refused to wake it"),
        "device.os_changed" => format!("Its system went from {} to {}", text("from"), text("to")),
        "device.retired" => String::from("Retired"),
        "device.deleted" => String::from("Deleted"),
        "escrow.stored" => String::from("A secret was stored for it"),
        "escrow.revealed" => String::from("A secret was shown"),
        "escrow.purged" => String::from("Its secrets were removed"),
        other => other.replace(['.', '_'], " "),
    };
    Entry {
        id: event.seq.to_string(),
        state: state_of(&event.kind),
        what,
        by: if event.actor_kind == "device" { String::new() } else { event.actor.clone() },
        at: event.at,
        why: text("because"),
        raw: raw(&event),
    }
}

fn state_of(kind: &str) -> Mark {
    let ends = |words: &[&str]| words.iter().any(|word| kind.ends_with(word));
    if ends(&["error", "refused", "quarantined", "token_dead", "unreadable", "erased", "left", "told_to_leave", "revoked"]) {
        Mark::Problem
    } else if ends(&["queued", "not_now", "authenticated", "renewing", "sent"]) {
        Mark::Waiting
    } else {
        Mark::Ok
    }
}

/// The protocol's own words, to be opened below.
fn raw(event: &Event) -> Vec<(String, String)> {
    let mut raw = vec![(String::from("event"), event.kind.clone())];
    raw.extend(event.command_uuid.iter().map(|uuid| (String::from("CommandUUID"), uuid.clone())));
    if event.data.as_object().is_some_and(|data| !data.is_empty()) {
        raw.push((String::from("data"), serde_json::to_string_pretty(&event.data).unwrap_or_default()));
    }
    raw
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
        name: held.kind.as_str().replace('_', " "),
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
