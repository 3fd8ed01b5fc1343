//! Status reports: what a device says of itself and of its declarations, merged into what it said before.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::mdm::checkin::actor;
use crate::mdm::{groups, journal};
use crate::protocol::declaration::StatusReport;
use crate::protocol::platform::Platform;
use crate::store::declared::{self, DeclarationState};
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, deployments, devices, releases};

/// Items that are kept of one enrollment.
pub const ITEMS_MAX: usize = 500;
/// Bytes of one item's value as JSON; what is larger is passed over.
pub const VALUE_MAX_BYTES: usize = 256 * 1024;
/// Declarations of one kind that are kept of one enrollment.
pub const STATES_MAX: usize = 1000;

/// Where a report says what became of the declarations.
const DECLARATIONS: &str = "management.declarations";
/// Items that are objects and belong together.
const WHOLE: [&str; 1] = [CAPABILITIES];
/// What the device knows of declarative management.
const CAPABILITIES: &str = "management.client-capabilities";

/// Takes over a status report; tells whether it says anything of declarations.
///
/// What cannot be read is noted and answered as if it had been: a device sends it again for ever otherwise.
pub(super) fn take(tx: &Tx, enrollment: &Enrollment, data: &[u8]) -> Result<bool> {
    let report = match StatusReport::parse(data) {
        Ok(report) => report,
        Err(error) => {
            let data = json!({ "because": error.to_string(), "size_bytes": data.len() });
            journal::note(tx, &actor(enrollment), "declarations.status_unreadable", enrollment, data)?;
            return Ok(false);
        }
    };
    let before = declared::status_items(tx, &enrollment.id)?;
    if report.is_full {
        for item in &before {
            declared::set_status_item(tx, &enrollment.id, &item.item, None)?;
        }
    }
    let mut room = ITEMS_MAX.saturating_sub(if report.is_full { 0 } else { before.len() });
    for (item, value) in flat(&report.items) {
        let old = before.iter().find(|old| old.item == item);
        let merged = match old.filter(|_| !report.is_full) {
            Some(old) => merge(&old.value, value)?,
            None => value.clone(),
        };
        let merged = merged.to_string();
        if old.is_some_and(|old| old.value == merged) && !report.is_full || merged.len() > VALUE_MAX_BYTES {
            continue;
        }
        if old.is_none() {
            if room == 0 {
                continue;
            }
            room -= 1;
        }
        declared::set_status_item(tx, &enrollment.id, &item, Some(&merged))?;
    }
    let says_of_declarations = states(tx, enrollment, &report)?;
    facts(tx, enrollment, &report)?;
    let told = report.item(CAPABILITIES).map(Value::to_string);
    let known = before.iter().find(|old| old.item == CAPABILITIES).map(|old| &old.value);
    let is_news = told.is_some() && told.as_ref() != known;
    if is_news {
        deployments::look_again_at(tx, &enrollment.id)?;
    }
    Ok(says_of_declarations)
}

/// The items of a report by their names. What stands for declarations is read apart.
fn flat(items: &Map<String, Value>) -> Vec<(String, &Value)> {
    fn walk<'a>(name: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(parts) if name == DECLARATIONS || parts.is_empty() => {}
            Value::Object(parts) if !WHOLE.contains(&name) => {
                for (part, value) in parts {
                    walk(&if name.is_empty() { part.clone() } else { format!("{name}.{part}") }, value, found);
                }
            }
            value => found.push((name.to_owned(), value)),
        }
    }
    let mut found = Vec::new();
    for (name, value) in items {
        walk(name, value, &mut found);
    }
    found
}

/// Lists whose parts have an identifier come in pieces: a part replaces the one of its identifier, `_removed` takes it out.
fn merge(before: &str, said: &Value) -> Result<Value> {
    let before: Value = serde_json::from_str(before).map_err(|error| Error::internal("stored status items are JSON", error))?;
    let (Value::Array(mut list), Value::Array(parts)) = (before, said) else { return Ok(said.clone()) };
    let key = |part: &Value| part.get("identifier").and_then(Value::as_str).map(str::to_owned);
    if parts.iter().any(|part| key(part).is_none()) {
        return Ok(said.clone());
    }
    for part in parts {
        list.retain(|old| key(old) != key(part));
        if part.get("_removed").and_then(Value::as_bool) != Some(true) {
            list.push(part.clone());
        }
    }
    Ok(Value::Array(list))
}

/// Each kind's list comes whole.
fn states(tx: &Tx, enrollment: &Enrollment, report: &StatusReport) -> Result<bool> {
    let Some(kinds) = report.item(DECLARATIONS).and_then(Value::as_object) else { return Ok(false) };
    for kind in ["activations", "assets", "configurations", "management"] {
        let Some(list) = kinds.get(kind).and_then(Value::as_array) else { continue };
        let states: Vec<_> = list.iter().take(STATES_MAX).filter_map(|state| read_state(kind, state)).collect();
        declared::replace_states(tx, &enrollment.id, kind, &states)?;
    }
    Ok(true)
}

fn read_state(kind: &str, state: &Value) -> Option<DeclarationState> {
    let text = |key: &str| state.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(DeclarationState {
        identifier: text("identifier")?,
        kind: kind.to_owned(),
        server_token: text("server-token").unwrap_or_default(),
        active: state.get("active").and_then(Value::as_bool).unwrap_or_default(),
        valid: text("valid").unwrap_or_else(|| String::from("unknown")),
        reasons: state.get("reasons").filter(|reasons| reasons.is_array()).map_or_else(|| String::from("[]"), Value::to_string),
    })
}

/// What a device says of its system it need not be asked for.
fn facts(tx: &Tx, enrollment: &Enrollment, report: &StatusReport) -> Result<()> {
    if enrollment.parent_id.is_some() {
        return Ok(());
    }
    let Some(mut device) = devices::by_id(tx, &enrollment.device_id)? else { return Ok(()) };
    let before = device.clone();
    for (known, item) in [
        (&mut device.os_version, "device.operating-system.version"),
        (&mut device.build_version, "device.operating-system.build-version"),
        (&mut device.product_name, "device.model.identifier"),
    ] {
        if let Some(said) = report.item(item).and_then(Value::as_str).filter(|said| !said.is_empty()) {
            said.clone_into(known);
        }
    }
    let learnt = learn(tx, &device, &before, report)?;
    let platform = Platform::of_product(&device.product_name);
    if platform != Platform::Unknown {
        device.platform = platform;
    }
    if device == before {
        return if learnt { deployments::look_again(tx, &device.id).map(drop) } else { Ok(()) };
    }
    devices::update(tx, &device)?;
    groups::place(tx, &device.id)?;
    if device.os_version != before.os_version {
        let data = json!({ "from": before.os_version, "to": device.os_version, "build": device.build_version });
        journal::note(tx, &actor(enrollment), "device.os_changed", enrollment, data)?;
    }
    deployments::look_again(tx, &device.id).map(drop)
}

/// Takes what decides about updates over into the facts of the device; tells whether any of it is news.
fn learn(tx: &Tx, device: &Device, before: &Device, report: &StatusReport) -> Result<bool> {
    let said = |item: &str| report.item(item).and_then(Value::as_str).map(str::to_owned);
    let mut facts = Map::new();
    if device.os_version != before.os_version {
        // An improvement belongs to the version that it improved.
        facts.extend([(String::from("SupplementalOSVersionExtra"), Value::Null), (String::from("SupplementalBuildVersion"), Value::Null)]);
    }
    for (key, item) in [
        ("SoftwareUpdateDeviceID", "softwareupdate.device-id"),
        ("SupplementalBuildVersion", "device.operating-system.supplemental.build-version"),
        ("SupplementalOSVersionExtra", "device.operating-system.supplemental.extra-version"),
    ] {
        if let Some(said) = said(item) {
            facts.insert(key.to_owned(), if said.is_empty() { Value::Null } else { Value::String(said) });
        }
    }
    if facts.is_empty() {
        return Ok(false);
    }
    let known = releases::facts_of_device(tx, &device.id)?;
    devices::patch_facts(tx, &device.id, &Value::Object(facts).to_string())?;
    Ok(releases::facts_of_device(tx, &device.id)? != known)
}
