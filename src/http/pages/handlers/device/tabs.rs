//! The tabs of a device's page: timeline, apps, profiles, certificates, security, reports.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::secrets::{renewable, title};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::auth::SignedIn;
use crate::http::pages::device::{
    AppRow, AppStateRow, AppsTab, CertificateRow, DeviceContent, FeedbackRow, ProfileRow, QueueRow, ReportBody, ReportRow, SecretRow,
    SecurityRow, UnableRow, WantedRow,
};
use crate::http::pages::handlers::apps::{ask_words, mark, withdraws};
use crate::http::pages::handlers::updates;
use crate::http::pages::handlers::words::{capital, entry};
use crate::http::pages::parts::{State as Mark, Wait};
use crate::mdm::apps::{self as mdm_apps, words};
use crate::mdm::commands::words::deed;
use crate::mdm::settings::zone;
use crate::mdm::wanted::Origin;
use crate::mdm::{Actor, Right, devices, reconcile, setup_assistant, why};
use crate::protocol::command::Command as Order;
use crate::protocol::plist;
use crate::protocol::report::apps::ManagedState;
use crate::store::app_states::{AppState, Feedback};
use crate::store::assignments::AssignedKind;
use crate::store::commands;
use crate::store::deployments::Mechanism;
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::events::{self, Filter};
use crate::store::{Tx, inventory, reports};

/// Bytes of reports that one page shows; those beyond are files to download.
const SHOWN_MAX_BYTES: u64 = 512 << 10;

/// Commands whose answer is a secret.
const SECRET_ANSWERS: [&str; 6] = [
    "ActivationLockBypassCode",
    "RequestUnlockToken",
    "RotateFileVaultKey",
    "SetFirmwarePassword",
    "VerifyFirmwarePassword",
    "SetRecoveryLock",
];

/// Lines of a timeline and of a list of reports.
const LINES: usize = 100;

/// What a tab shows; of what happened, what was before the line `before`, where one is named.
pub(super) fn content(
    tx: &Tx,
    actor: &Actor,
    device: &Device,
    channel: Option<&Enrollment>,
    tab: &str,
    before: Option<i64>,
) -> Result<DeviceContent> {
    let id = channel.map(|channel| channel.id.as_str()).unwrap_or_default();
    let age = |topic| inventory::read_at(tx, id, topic);
    Ok(match tab {
        "" => timeline(tx, actor, device, channel, before)?,
        "wanted" => wanted(tx, channel)?,
        "apps" => DeviceContent::Apps(apps_tab(tx, actor, device, channel, age("InstalledApplicationList")?)?),
        "updates" => DeviceContent::Updates(updates::tab(tx, actor, device, channel)?),
        "people" => DeviceContent::People(super::users::tab(tx, actor, device)?),
        "profiles" => DeviceContent::Profiles(profiles(tx, id)?, age("ProfileList")?),
        "certificates" => DeviceContent::Certificates(certificates(tx, id)?, age("CertificateList")?),
        "security" => DeviceContent::Security {
            rows: security(tx, device)?,
            secrets: secrets(tx, actor, device)?,
            renew: renewable(tx, actor, device)?,
            at: device.security_at,
        },
        "reports" => {
            let (rows, more) = raw_reports(tx, actor, device, before)?;
            DeviceContent::Reports(rows, more)
        }
        _ => return Err(Error::not_found(t!("A device has no such page."))),
    })
}

/// Leaves as many lines as one page shows; gives the address of what is older, where there is more.
fn older<T>(lines: &mut Vec<T>, seq: impl Fn(&T) -> i64, path: &str) -> Option<String> {
    if lines.len() <= LINES {
        return None;
    }
    lines.truncate(LINES);
    lines.last().map(|last| format!("{path}?before={}", seq(last)))
}

fn timeline(tx: &Tx, actor: &Actor, device: &Device, channel: Option<&Enrollment>, before: Option<i64>) -> Result<DeviceContent> {
    // What waits stands with what is newest.
    let is_newest = before.is_none();
    let waits = why::device(tx, device, channel)?.into_iter().map(|reason| Wait {
        state: if reason.needs_someone { Mark::Problem } else { Mark::Waiting },
        cause: reason.cause,
        remedy: reason.remedy,
        asked_at: reason.since_at,
        said: reason.said,
    });
    let queue = match channel {
        Some(channel) => commands::open(tx, &channel.id, LINES as u32)?,
        None => Vec::new(),
    };
    let is_held = channel.map(|channel| setup_assistant::waits(tx, channel)).transpose()?.flatten().is_some();
    let go_on = (is_held && actor.may(Right::Command)).then(|| format!("/devices/{}/go-on", device.id));
    // What was asked waits only as long as it is not answered.
    let open: Vec<String> = queue.iter().map(|command| command.uuid.clone()).collect();
    let at_its_pin = channel.map(|channel| why::at_its_pin(tx, device, channel)).transpose()?.flatten();
    let queue = queue.into_iter().zip(channel.into_iter().cycle()).map(|(command, channel)| {
        let reason = at_its_pin.clone().unwrap_or_else(|| why::command(device, channel, &command));
        let why::Reason { needs_someone, cause, remedy, said, .. } = reason;
        QueueRow {
            what: capital(&deed(&command.request_type)),
            state: if needs_someone { Mark::Problem } else { Mark::Waiting },
            cause,
            remedy: capital(&remedy),
            said,
            asked_at: command.created_at,
            cancellable: actor.may(Right::Command),
            request_type: command.request_type,
            uuid: command.uuid,
        }
    });
    let filter = Filter { device_id: Some(&device.id), ..Filter::default() };
    let mut past = events::list(tx, &filter, before, LINES + 1)?;
    let more = older(&mut past, |event| event.seq, &format!("/devices/{}", device.id));
    let entries = past.into_iter().map(|event| {
        let waits = event.command_uuid.as_ref().is_some_and(|uuid| open.contains(uuid));
        entry(event, waits)
    });
    Ok(DeviceContent::Timeline {
        waits: waits.filter(|_| is_newest).collect(),
        queue: queue.filter(|_| is_newest).collect(),
        entries: entries.collect(),
        more,
        go_on: go_on.filter(|_| is_newest),
    })
}

fn wanted(tx: &Tx, channel: Option<&Enrollment>) -> Result<DeviceContent> {
    let standings = channel.map(|channel| reconcile::of_device(tx, channel)).transpose()?.unwrap_or_default();
    let rows = standings.things.into_iter().map(|thing| {
        let (state, words) = match thing.state {
            reconcile::State::There => (Mark::Ok, t!("there")),
            reconcile::State::Waiting => (Mark::Waiting, t!("waiting")),
            reconcile::State::Failed => (Mark::Problem, t!("refused")),
            reconcile::State::Leaving => (Mark::Waiting, t!("leaving")),
            reconcile::State::Left => (Mark::Silent, t!("it has left")),
        };
        WantedRow {
            state,
            words: thing.words.unwrap_or_else(|| words.to_owned()),
            because: [thing.because, thing.remedy].join(" ").trim().to_owned(),
            retry_at: thing.retry_at,
            mechanism: mechanism(thing.mechanism).to_owned(),
            origins: thing.origins.iter().map(origin).collect(),
            name: thing.name,
            identifier: thing.identifier,
        }
    });
    let unable = standings.unable.into_iter().map(|row| UnableRow {
        origin: origin(&row.origin),
        what: crate::language::kept(&row.what),
        because: crate::language::kept(&row.because),
    });
    let clashes = standings.warnings.into_iter().map(|warning| warning.message);
    Ok(DeviceContent::Wanted(rows.collect(), unable.collect(), clashes.collect(), standings.planned_at))
}

/// How a thing comes to a device, in words.
fn mechanism(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Command => t!("by a command"),
        Mechanism::Declaration => t!("by a declaration"),
    }
}

/// Name and address of where a thing comes from.
fn origin(origin: &Origin) -> (String, String) {
    let noun = match origin.kind {
        AssignedKind::Profile => "profiles",
        AssignedKind::Policy => "policies",
        AssignedKind::Declaration => "declarations",
        AssignedKind::App => "apps",
        AssignedKind::Provisioning => "provisioning",
        // What was started by hand belongs to no plan.
        AssignedKind::Update if origin.id.is_empty() => return (origin.name.clone(), String::from("/updates/by-hand")),
        AssignedKind::Update => "updates/plans",
        AssignedKind::Focus => "teaching/focus",
    };
    (origin.name.clone(), format!("/{noun}/{}", origin.id))
}

/// Apps that it is to have and those on it, and what they say of themselves.
fn apps_tab(tx: &Tx, actor: &Actor, device: &Device, channel: Option<&Enrollment>, at: Option<Timestamp>) -> Result<AppsTab> {
    let Some(channel) = channel else { return Ok(AppsTab::default()) };
    let zone = zone(tx)?;
    let row = |row: AppState| {
        let (because, remedy) = words::because(&row, &zone);
        AppStateRow {
            state: mark(row.stage),
            words: words::stage(&row),
            because: [because, remedy].join(" ").trim().to_owned(),
            at: row.stage_at,
            ask: ask_words(&row),
            withdraws: withdraws(&row),
            is_known: !row.wanted.is_empty() || row.withdrawn,
            app_id: row.app_id,
            name: row.name,
        }
    };
    let said = |said: Feedback| FeedbackRow { bundle_id: said.bundle_id, content: said.content.unwrap_or_default(), at: said.read_at };
    Ok(AppsTab {
        wanted: mdm_apps::of_device(tx, actor, &device.id)?.into_iter().map(row).collect(),
        installed: apps(tx, &channel.id)?,
        at,
        feedback: mdm_apps::feedback(tx, actor, &device.id)?.into_iter().map(said).collect(),
        may_ask: actor.may(Right::Command),
    })
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

/// How far a managed app is: its mark, that in words, and the protocol's word for it.
fn app_state(word: &str) -> Option<(Mark, &'static str, String)> {
    let mark = match word {
        "" => return None,
        "Managed" => Mark::Ok,
        "Failed" | "UserRejected" | "UpdateRejected" | "ManagementRejected" => Mark::Problem,
        _ => Mark::Waiting,
    };
    Some((mark, words::managed(ManagedState::from_word(word)), word.to_owned()))
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
        identity: certificate.is_identity,
        not_after: certificate.not_after_at,
    };
    Ok(inventory::certificates(tx, enrollment_id)?.into_iter().map(row).collect())
}

fn security(tx: &Tx, device: &Device) -> Result<Vec<SecurityRow>> {
    let said: serde_json::Map<String, Value> = serde_json::from_str(&crate::store::devices::security(tx, &device.id)?)
        .map_err(|error| Error::internal("stored facts are JSON", error))?;
    let mut rows = super::genuine::rows(tx, device)?;
    rows.extend(super::security::rows(&said));
    Ok(rows)
}

fn secrets(tx: &Tx, actor: &Actor, device: &Device) -> Result<Vec<SecretRow>> {
    let may = actor.may(Right::Reveal);
    let row = |held: crate::store::escrow::Held| SecretRow {
        name: if held.in_use { t!("{kind} (in use)", kind = title(held.kind)) } else { title(held.kind).to_owned() },
        kept_at: held.created_at,
        reveal: may.then(|| format!("/devices/{}/secrets/{}/reveal", device.id, held.id)),
    };
    Ok(devices::held(tx, actor, &device.id)?.into_iter().map(row).collect())
}

fn raw_reports(tx: &Tx, actor: &Actor, device: &Device, before: Option<i64>) -> Result<(Vec<ReportRow>, Option<String>)> {
    let mut room = SHOWN_MAX_BYTES;
    let mut rows = Vec::new();
    let mut list = reports::list(tx, &device.id, before, LINES as u32 + 1)?;
    let more = older(&mut list, |report| report.seq, &format!("/devices/{}/reports", device.id));
    for report in list {
        let size = report.size_bytes.unsigned_abs();
        let body = match held(actor, &report) {
            Held::Shown if size <= room => {
                room -= size;
                let body = reports::body(tx, &device.id, report.seq)?;
                body.map_or(ReportBody::TooLarge, |body| ReportBody::Text(readable(body.expose())))
            }
            Held::Shown => ReportBody::Elsewhere(format!("/devices/{}/reports/{}", device.id, report.seq)),
            Held::Secret => ReportBody::Secret,
            Held::Position => ReportBody::Position,
            Held::Nothing if report.status == "NotNow" => ReportBody::PutOff,
            Held::Nothing => ReportBody::TooLarge,
        };
        rows.push(ReportRow {
            id: report.seq.to_string(),
            state: match report.status.as_str() {
                "Acknowledged" => Mark::Ok,
                "NotNow" => Mark::Waiting,
                _ => Mark::Problem,
            },
            what: capital(&deed(&report.request_type)),
            request_type: report.request_type,
            status: report.status,
            at: report.received_at,
            size_bytes: size,
            body,
            sent: sent(tx, &report.enrollment_id, &report.command_uuid)?,
        });
    }
    Ok((rows, more))
}

/// Whether a report is there to be read by this actor.
enum Held {
    Shown,
    Secret,
    Position,
    Nothing,
}

/// A report of a command whose answer is a secret is never shown raw: secrets are shown one by one, and each look is recorded.
/// What a command of somebody else's answered may hold anything.
fn held(actor: &Actor, report: &reports::Report) -> Held {
    match report.request_type.as_str() {
        _ if !report.kept => Held::Nothing,
        "DeviceLocation" => Held::Position,
        secret if SECRET_ANSWERS.contains(&secret) => Held::Secret,
        // A Mac's answer to SecurityInfo may bring its recovery key along.
        "" | "SecurityInfo" if !actor.may(Right::Reveal) => Held::Secret,
        _ => Held::Shown,
    }
}

/// A report as text: a binary property list is written out as XML, what is neither as it is.
fn readable(body: &[u8]) -> String {
    if plist::is_binary(body)
        && let Ok(xml) = plist::parse_value(body).and_then(|value| plist::to_xml(&value))
    {
        return String::from_utf8_lossy(&xml).into_owned();
    }
    String::from_utf8_lossy(body).into_owned()
}

/// A command as it was sent, secrets masked; nothing once it is not kept any more.
fn sent(tx: &Tx, enrollment_id: &str, uuid: &str) -> Result<Option<String>> {
    let Some(command) = commands::by_uuid(tx, enrollment_id, uuid)? else { return Ok(None) };
    let Some(payload) = commands::payload(tx, command.seq)? else { return Ok(None) };
    let Ok(order) = Order::from_plist(payload.expose()) else { return Ok(None) };
    Ok(plist::to_xml(&order.masked()).ok().map(|xml| String::from_utf8_lossy(&xml).into_owned()))
}

/// One report as a file, as the device sent it.
pub(super) async fn report(State(app): State<App>, who: SignedIn, Path((id, report)): Path<(String, i64)>) -> Result<Response> {
    let actor = who.actor.clone();
    let body = app
        .store
        .read_slow(app.now(), move |tx| {
            let device = devices::find(tx, &actor, &id)?;
            let found = reports::list(tx, &device.id, Some(report.saturating_add(1)), 1)?.into_iter().find(|found| found.seq == report);
            match found.map(|found| held(&actor, &found)) {
                Some(Held::Shown) => reports::body(tx, &device.id, report),
                Some(Held::Secret) => {
                    Err(Error::forbidden(t!("This report holds a secret, which is shown only under Security, Kept secrets.")))
                }
                Some(Held::Position) => {
                    Err(Error::forbidden(t!("Where a device is is shown only at the top of its page while it is lost.")))
                }
                Some(Held::Nothing) | None => Ok(None),
            }
        })
        .await?
        .ok_or_else(|| Error::not_found(t!("There is no such report, or it was not kept.")))?;
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CONTENT_DISPOSITION, "attachment; filename=\"report.plist\"")];
    Ok((headers, body.expose().clone()).into_response())
}
