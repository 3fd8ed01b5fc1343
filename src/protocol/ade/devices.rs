//! Pages of Apple's list, and what became of each device that a profile was asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CURSOR_MAX_CHARS;
use crate::clock::Timestamp;
use crate::protocol::apps_and_books::moment;

/// Characters of a serial number; Apple's have 8 to 12.
const SERIAL_MAX_CHARS: usize = 40;

/// Characters of any other text.
const TEXT_MAX_CHARS: usize = 300;

/// What happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Nothing that is said: it is there.
    Present,
    /// It came to our server.
    Added,
    /// Something about it changed.
    Modified,
    /// It is not ours any more.
    Deleted,
}

/// A line of Apple's list. What is null or missing is nothing, and never erases what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLine {
    /// Its serial number.
    pub serial_number: String,
    /// "iPad (10th generation)".
    pub model: Option<String>,
    /// Apple's description.
    pub description: Option<String>,
    /// Its colour.
    pub color: Option<String>,
    /// The organisation's tag.
    pub asset_tag: Option<String>,
    /// iPhone, iPad …
    pub device_family: Option<String>,
    /// iOS, OSX …
    pub os: Option<String>,
    /// empty, assigned, pushed, removed.
    pub profile_status: Option<String>,
    /// The profile that it has.
    pub profile_uuid: Option<String>,
    /// Since when.
    pub profile_assign_time: Option<Timestamp>,
    /// When the device fetched it.
    pub profile_push_time: Option<Timestamp>,
    /// When it came to our server.
    pub device_assigned_date: Option<Timestamp>,
    /// Who did that.
    pub device_assigned_by: Option<String>,
    /// Until when Apple has it move between servers without being erased, where the line speaks of that: a moment, or that there is none any more.
    pub mdm_migration_deadline: Option<Option<Timestamp>>,
    /// What happened to it.
    pub op: Op,
    /// When.
    pub op_at: Option<Timestamp>,
}

impl DeviceLine {
    /// Reads a line; nothing when it names no device.
    pub fn read(line: &Value) -> Option<Self> {
        let text = |name: &str| line[name].as_str().map(|text| tidy(text, TEXT_MAX_CHARS));
        let at = |name: &str| line[name].as_str().and_then(moment);
        let serial_number = tidy(line["serial_number"].as_str()?.trim(), SERIAL_MAX_CHARS + 1);
        let is_serial = !serial_number.is_empty() && serial_number.chars().count() <= SERIAL_MAX_CHARS;
        is_serial.then(|| Self {
            serial_number,
            model: text("model"),
            description: text("description"),
            color: text("color"),
            asset_tag: text("asset_tag"),
            device_family: text("device_family"),
            os: text("os"),
            profile_status: text("profile_status"),
            profile_uuid: text("profile_uuid"),
            profile_assign_time: at("profile_assign_time"),
            profile_push_time: at("profile_push_time"),
            device_assigned_date: at("device_assigned_date"),
            device_assigned_by: text("device_assigned_by"),
            mdm_migration_deadline: line.get("mdm_migration_deadline").map(|said| said.as_str().and_then(moment)),
            op: match line["op_type"].as_str().unwrap_or_default() {
                "added" => Op::Added,
                "modified" => Op::Modified,
                "deleted" => Op::Deleted,
                _ => Op::Present,
            },
            op_at: at("op_date"),
        })
    }
}

fn tidy(text: &str, most: usize) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(most).collect()
}

/// A page of Apple's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its lines, in the order in which they happened, the oldest first; those without a moment before all others.
    pub lines: Vec<DeviceLine>,
    /// Where to go on; nothing where Apple does not say, or says more than it ever does.
    pub cursor: Option<String>,
    /// Whether the next page is there already.
    pub more_to_follow: bool,
    /// Lines that name no device.
    pub unread: usize,
}

impl Page {
    /// Reads a page; nothing when it is none.
    pub fn read(body: &Value) -> Option<Self> {
        let devices = match &body["devices"] {
            Value::Array(devices) => devices.as_slice(),
            Value::Null if body.is_object() => &[],
            _ => return None,
        };
        let mut lines: Vec<_> = devices.iter().filter_map(DeviceLine::read).collect();
        let unread = devices.len() - lines.len();
        // What Apple lists first of what happened in the same moment stays first.
        lines.sort_by_key(|line| line.op_at);
        let cursor = body["cursor"].as_str().filter(|cursor| !cursor.is_empty() && cursor.len() <= CURSOR_MAX_CHARS);
        Some(Self { lines, cursor: cursor.map(str::to_owned), more_to_follow: body["more_to_follow"].as_bool().unwrap_or(false), unread })
    }
}

/// What became of assigning a profile to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignOutcome {
    /// It is done.
    Success,
    /// The device is not this server's.
    NotAccessible,
    /// Apple could not.
    Failed,
    /// Apple wants us to wait with this device.
    Throttled,
}

/// Reads what became of each device, and after how many seconds throttled ones may be asked for again, where Apple says so.
///
/// What is no word of Apple's that is known counts as failed.
pub fn outcomes(body: &Value) -> (BTreeMap<String, AssignOutcome>, Option<u64>) {
    let outcome = |said: &Value| {
        let said = said.as_str().or_else(|| said["response_status"].as_str()).or_else(|| said["status"].as_str()).unwrap_or_default();
        match said {
            "SUCCESS" => AssignOutcome::Success,
            "NOT_ACCESSIBLE" => AssignOutcome::NotAccessible,
            "THROTTLED" => AssignOutcome::Throttled,
            _ => AssignOutcome::Failed,
        }
    };
    let devices = body["devices"].as_object();
    let all = devices.into_iter().flatten().map(|(serial, said)| (serial.clone(), outcome(said))).collect();
    let wait = &body["retry_after_seconds"];
    (all, wait.as_u64().or_else(|| wait.as_str()?.trim().parse().ok()))
}

/// What became of the one device of a request that is about one: its word, or nothing.
pub fn assigned(body: &Value) -> Option<String> {
    let said = body["response_status"].as_str().or_else(|| body["status"].as_str())?;
    Some(tidy(said, TEXT_MAX_CHARS))
}
