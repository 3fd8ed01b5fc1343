//! Which payloads of profiles, and which restrictions among them, a device's OS acts upon, passes over or refuses.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::profile::Payload;
use super::profiles::Source;
use super::values::Complaint;
use super::{DEVICE, Device};
use crate::protocol::plist::Value;
use crate::sim::model::{Platform, Version};

/// The payload of restrictions.
pub(crate) const RESTRICTIONS: &str = "com.apple.applicationaccess";

/// Payloads that are read with care elsewhere, where they say what to do.
const READ_ELSEWHERE: [&str; 3] = ["com.apple.mdm", "com.apple.security.scep", "com.apple.security.acme"];

/// Restrictions that count only where an MDM server brought them.
const BY_SERVER_ONLY: [&str; 2] = ["allowManagedToWriteUnmanagedContacts", "allowUnmanagedToReadManagedContacts"];

/// The payload that filters web content.
const FILTER: &str = "com.apple.webcontent-filter";

/// The iOS from which on devices that are not supervised take it.
const FILTER_UNSUPERVISED: u16 = 16;

/// One row of the table: a payload, or one of its keys.
struct Row {
    name: &'static str,
    /// The type of a key; nothing for a payload.
    kind: &'static str,
    first: Vec<(char, Version)>,
    supervised: &'static str,
    by_user: &'static str,
    mac_channels: &'static str,
    removed: Option<u16>,
    keys: Vec<Row>,
}

static TABLE: LazyLock<HashMap<&'static str, Row>> = LazyLock::new(|| {
    let mut rows: Vec<Row> = Vec::new();
    for line in include_str!("payloads.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix(' '), rows.last_mut()) {
            (Some(key), Some(row)) => row.keys.push(read(key)),
            _ => rows.push(read(line)),
        }
    }
    rows.into_iter().map(|row| (row.name, row)).collect()
});

fn read(line: &'static str) -> Row {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    let mut row = Row { name, kind: "", first: Vec::new(), supervised: "", by_user: "", mac_channels: "", removed: None, keys: Vec::new() };
    for word in words {
        match word.split_once('=') {
            None => row.kind = word,
            Some(("supervised", platforms)) => row.supervised = platforms,
            Some(("byod", platforms)) => row.by_user = platforms,
            Some(("mac", channels)) => row.mac_channels = channels,
            Some(("removed", version)) => row.removed = version.parse().ok(),
            Some((platform, version)) => row.first.extend(platform.chars().next().zip(Version::parse(version))),
        }
    }
    row
}

/// What a device makes of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It does what it says.
    Acts,
    /// It is installed and does nothing.
    Ignored,
    /// The whole profile is refused.
    Refused(Complaint),
}

impl Device {
    /// What this device makes of a payload on a channel.
    pub(crate) fn effect_of(&self, payload: &Payload, channel: usize) -> Effect {
        let is_mac = self.facts.release.platform == Platform::Macos;
        // Macs take settings of any program for what they are; others pass over what they do not know.
        let Some(row) = TABLE.get(payload.kind.as_str()) else { return if is_mac { Effect::Acts } else { Effect::Ignored } };
        if !self.has_payload(row) {
            return Effect::Ignored;
        }
        let letter = self.platform_letter();
        if self.is_by_user() && !row.by_user.contains(letter) {
            let text = format!("A payload of type “{}” is not allowed in user enrollment.", payload.kind);
            return if is_mac { Effect::Ignored } else { Effect::Refused(Complaint::installation(4023, text)) };
        }
        if row.supervised.contains(letter) && !self.facts.supervised && !is_mac {
            let text = format!("A payload of type “{}” can be installed on supervised devices only.", payload.kind);
            return Effect::Refused(Complaint::installation(4025, text));
        }
        if let Some(fault) = self.filter_fault(payload) {
            return Effect::Refused(fault);
        }
        let scope = if channel == DEVICE { 'D' } else { 'U' };
        if is_mac && !row.mac_channels.contains(scope) {
            return Effect::Ignored;
        }
        if READ_ELSEWHERE.contains(&row.name) {
            return Effect::Acts;
        }
        self.key_fault(row, payload).map_or(Effect::Acts, Effect::Refused)
    }

    /// A filter of web content goes onto devices that nobody supervises since iOS 16 only, and only for apps that name it.
    fn filter_fault(&self, payload: &Payload) -> Option<Complaint> {
        let release = &self.facts.release;
        if payload.kind != FILTER || self.facts.supervised || release.platform == Platform::Macos {
            return None;
        }
        let is_old = release.platform == Platform::Ios && release.version.0 < FILTER_UNSUPERVISED;
        if !is_old && payload.keys.contains_key("ContentFilterUUID") {
            return None;
        }
        let text = format!("A payload of type “{FILTER}” can be installed on supervised devices only.");
        Some(Complaint::installation(4025, text))
    }

    /// A key that is missing, or of another type than Apple's.
    fn key_fault(&self, row: &Row, payload: &Payload) -> Option<Complaint> {
        let own = |code, text: String| Some(Complaint::payload(code, text));
        for key in &row.keys {
            let (name, required) = key.name.strip_suffix('!').map_or((key.name, false), |name| (name, true));
            match payload.keys.get(name) {
                None if required => return own(2002, format!("The field “{name}” is missing in a payload of type “{}”.", payload.kind)),
                Some(value) if !is_of(value, key.kind) && (required || self.has_payload(key)) => {
                    return own(2003, format!("The field “{name}” of a payload of type “{}” is invalid.", payload.kind));
                }
                _ => {}
            }
        }
        None
    }

    /// Whether this device acts upon a restriction that `source` brought.
    pub(crate) fn acts_on_restriction(&self, key: &str, source: &Source) -> bool {
        let Some(row) = TABLE.get(RESTRICTIONS).and_then(|payload| payload.keys.iter().find(|row| row.name == key)) else { return false };
        let letter = self.platform_letter();
        let supervised = !row.supervised.contains(letter) || self.facts.supervised;
        let by_user = !self.is_by_user() || row.by_user.contains(letter);
        let by_server = *source != Source::Person || !BY_SERVER_ONLY.contains(&key);
        self.has_payload(row) && supervised && by_user && by_server
    }

    fn has_payload(&self, row: &Row) -> bool {
        let (letter, version) = (self.platform_letter(), self.facts.release.version);
        let is_there = row.first.iter().any(|(platform, first)| *platform == letter && version >= *first);
        is_there && row.removed.is_none_or(|removed| version.0 < removed)
    }

    fn platform_letter(&self) -> char {
        match self.facts.release.platform {
            Platform::Macos => 'm',
            Platform::Tvos => 't',
            Platform::Visionos => 'v',
            _ => 'i',
        }
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.as_string().is_some(),
        "integer" => matches!(value, Value::Integer(_)),
        "real" => matches!(value, Value::Integer(_) | Value::Real(_)),
        "boolean" => value.as_boolean().is_some(),
        "date" => matches!(value, Value::Date(_)),
        "data" => value.as_data().is_some(),
        "array" => value.as_array().is_some(),
        "dictionary" => value.as_dictionary().is_some(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let lines = include_str!("payloads.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (keys, payloads): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with(' '));
        assert_eq!((TABLE.len(), TABLE.values().map(|row| row.keys.len()).sum()), (payloads.len(), keys.len()));
        assert!(TABLE.values().all(|row| !row.first.is_empty()));
        let restrictions = &TABLE[RESTRICTIONS].keys;
        assert!(restrictions.len() > 100 && restrictions.iter().all(|key| !key.kind.is_empty() && !key.first.is_empty()));
    }
}
