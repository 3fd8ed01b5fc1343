//! A page of Apple's list becomes devices, in the same transaction that remembers its place: a cut at any moment loses nothing and doubles nothing.

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::ade::ACTOR;
use crate::mdm::journal::{self, Subject};
use crate::protocol::ade::{DeviceLine, Op, Page};
use crate::store::Tx;
use crate::store::ade_devices::{self, AdeDevice, AssignResult};

/// Serial numbers that one entry of the journal names.
const NAMED_MAX: usize = 50;

/// Stores what a page says of a server's devices.
pub(super) fn apply(tx: &Tx, server_id: &str, page: &Page) -> Result<()> {
    let (mut came, mut left) = (Vec::new(), Vec::new());
    for line in &page.lines {
        let known = ade_devices::of(tx, server_id, &line.serial_number)?;
        let was_ours = known.as_ref().is_some_and(|device| device.gone_at.is_none());
        let device = after(known, line, server_id, tx.now);
        let Some(device) = device else { continue };
        match (was_ours, device.gone_at.is_none()) {
            (false, true) => came.push(line.serial_number.clone()),
            (true, false) => left.push(line.serial_number.clone()),
            _ => {}
        }
        ade_devices::put(tx, &device)?;
    }
    note(tx, "ade.devices_added", server_id, &came)?;
    note(tx, "ade.devices_removed", server_id, &left)
}

/// Marks as gone whom the whole list, which was read since then, did not name.
pub(super) fn sweep(tx: &Tx, server_id: &str, since: Timestamp) -> Result<()> {
    let gone = ade_devices::not_seen_since(tx, server_id, since)?;
    for device in &gone {
        ade_devices::put(tx, &leave(device.clone(), tx.now))?;
    }
    let gone: Vec<_> = gone.into_iter().map(|device| device.serial_number).collect();
    note(tx, "ade.devices_removed", server_id, &gone)
}

fn note(tx: &Tx, kind: &str, server_id: &str, serials: &[String]) -> Result<()> {
    if serials.is_empty() {
        return Ok(());
    }
    let data = json!({ "server": server_id, "count": serials.len(), "serial_numbers": &serials[..serials.len().min(NAMED_MAX)] });
    journal::note(tx, &ACTOR, kind, Subject::default(), data)
}

/// A device after a line about it; nothing when the line says nothing new of one that is not known.
fn after(known: Option<AdeDevice>, line: &DeviceLine, server_id: &str, now: Timestamp) -> Option<AdeDevice> {
    let is_known = known.is_some();
    let mut device = known.unwrap_or_else(|| AdeDevice::new(server_id, &line.serial_number, now));
    // What happened before the newest that counted is told again, or late.
    if line.op_at.is_some_and(|at| device.op_at.is_some_and(|newest| at < newest)) {
        device.seen_at = now;
        return is_known.then_some(device);
    }
    device.op_at = line.op_at.or(device.op_at);
    device.seen_at = now;
    take(&mut device, line);
    if line.op == Op::Deleted {
        return is_known.then(|| leave(device, line.op_at.unwrap_or(now)));
    }
    if device.gone_at.take().is_some() {
        // What it was assigned before it left counts no more.
        (device.sent_uuid, device.result, device.result_at) = (String::new(), AssignResult::None, None);
        (device.attempts, device.retry_at) = (0, None);
    }
    Some(device)
}

/// Takes over what a line says; what is null or missing stays as it was.
fn take(device: &mut AdeDevice, line: &DeviceLine) {
    for (known, said) in [
        (&mut device.model, &line.model),
        (&mut device.description, &line.description),
        (&mut device.color, &line.color),
        (&mut device.asset_tag, &line.asset_tag),
        (&mut device.device_family, &line.device_family),
        (&mut device.os, &line.os),
        (&mut device.profile_status, &line.profile_status),
        (&mut device.profile_uuid, &line.profile_uuid),
        (&mut device.assigned_by, &line.device_assigned_by),
    ] {
        if let Some(said) = said {
            known.clone_from(said);
        }
    }
    device.profile_assigned_at = line.profile_assign_time.or(device.profile_assigned_at);
    device.profile_pushed_at = line.profile_push_time.or(device.profile_pushed_at);
    device.assigned_at = line.device_assigned_date.or(device.assigned_at);
    if let Some(deadline) = line.mdm_migration_deadline {
        device.migrates_by_at = deadline;
    }
}

/// It is not ours any more: its profile ended with that.
fn leave(device: AdeDevice, at: Timestamp) -> AdeDevice {
    AdeDevice { gone_at: Some(device.gone_at.unwrap_or(at)), profile_uuid: String::new(), profile_status: String::new(), ..device }
}
