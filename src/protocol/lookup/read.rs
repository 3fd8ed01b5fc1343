//! Reads the document of the lookup service, and passes over what it cannot read of it.

use serde_json::{Map, Value};

use super::{List, Listed, Lookup, MAX_BYTES, MAX_DEVICES, MAX_ENTRIES, MAX_TEXT_CHARS};
use crate::clock::Day;
use crate::protocol::os_version::OsVersion;

/// Entries that are told to have been passed over; more are only counted.
pub const MAX_PASSED_OVER: usize = 20;

/// The lists by their key; the last two are names of one list.
const LISTS: [(&str, List); 4] = [
    ("AssetSets", List::Managed),
    ("PublicAssetSets", List::Public),
    ("PublicBackgroundSecurityImprovements", List::Improvements),
    ("PublicRapidSecurityResponses", List::Improvements),
];

/// Why a document is not one of the lookup service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There are no bytes.
    #[error("The list of releases is empty.")]
    Empty,
    /// Over [`MAX_BYTES`].
    #[error("The list of releases is larger than {} MB, which Apple's never is.", MAX_BYTES >> 20)]
    TooLarge,
    /// A page for people, as proxies and log-in portals answer.
    #[error("This is a web page, not Apple's list of releases. A proxy or log-in portal may stand between this server and Apple.")]
    WebPage,
    /// No JSON.
    #[error("The list of releases cannot be read: {what} at line {line}, column {column}.")]
    NotJson {
        /// What is wrong.
        what: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON of another shape.
    #[error("This JSON is no list of releases: it has neither AssetSets nor PublicAssetSets.")]
    NoLists,
    /// Lists without a single entry that can be read.
    #[error("The list of releases holds nothing that can be read{0}.")]
    Nothing(
        /// What is wrong with the first entry, after a colon; empty where there are no entries.
        String,
    ),
    /// Text of two bytes a letter, as some editors save it.
    #[error("This file is saved as UTF-16. Save it anew as UTF-8, or as it came, and bring that.")]
    Utf16,
    /// Over [`MAX_ENTRIES`].
    #[error("The list of releases has more than {MAX_ENTRIES} entries, which Apple's never has.")]
    TooMany,
}

/// Reads a document; entries that make no sense are passed over and told.
pub fn read(bytes: &[u8]) -> Result<Lookup, LookupError> {
    if bytes.len() > MAX_BYTES {
        return Err(LookupError::TooLarge);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    match text.first() {
        None => return Err(LookupError::Empty),
        Some(b'<') => return Err(LookupError::WebPage),
        Some(_) => {}
    }
    // JSON begins with a letter of ASCII; a zero beside it is half of a letter of two bytes.
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || text.iter().take(2).any(|byte| *byte == 0) {
        return Err(LookupError::Utf16);
    }
    let document: Value = serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(not_json)?;
    let Some(document) = document.as_object().filter(|document| LISTS.iter().any(|(key, _)| document.contains_key(*key))) else {
        return Err(LookupError::NoLists);
    };
    let mut lookup = Lookup::default();
    for (key, list) in LISTS {
        let platforms = document.get(key).and_then(Value::as_object);
        for (platform, entries) in platforms.into_iter().flatten() {
            read_platform(&mut lookup, (key, list), platform, entries)?;
        }
    }
    if lookup.entries.is_empty() {
        return Err(LookupError::Nothing(lookup.passed_over.first().map(|because| format!(": {because}")).unwrap_or_default()));
    }
    Ok(lookup)
}

fn not_json(error: serde_json::Error) -> LookupError {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default().to_owned();
    LookupError::NotJson { what, line: error.line(), column: error.column() }
}

fn read_platform(lookup: &mut Lookup, (key, list): (&str, List), platform: &str, entries: &Value) -> Result<(), LookupError> {
    // visionOS was called so before it had a name.
    let platform = if platform == "xrOS" { "visionOS" } else { platform };
    let Some(entries) = entries.as_array().filter(|_| is_short(platform)) else {
        pass_over(lookup, t!("{key}: “{said}” is no list", key, said = platform.chars().take(MAX_TEXT_CHARS).collect::<String>()));
        return Ok(());
    };
    for (at, entry) in entries.iter().enumerate() {
        match read_entry(entry, list, platform) {
            Ok(listed) => lookup.entries.push(listed),
            Err(because) => pass_over(lookup, t!("{key}, {platform}, entry {at}: {because}", key, platform, at = at + 1, because)),
        }
        if lookup.entries.len() > MAX_ENTRIES {
            return Err(LookupError::TooMany);
        }
    }
    Ok(())
}

fn pass_over(lookup: &mut Lookup, because: String) {
    if lookup.passed_over.len() < MAX_PASSED_OVER {
        lookup.passed_over.push(because);
    }
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT_CHARS && !text.chars().any(char::is_control)
}

fn read_entry(entry: &Value, list: List, platform: &str) -> Result<Listed, String> {
    let entry = entry.as_object().ok_or(t!("an entry is no dictionary"))?;
    let version = text(entry, "ProductVersion")?.ok_or(t!("an entry has no ProductVersion"))?;
    // A version that cannot be compared would be offered to nobody, or to everybody.
    if !OsVersion::parse(&version).is_known() {
        return Err(t!("“{version}” is no version", version));
    }
    let about = |because: String| format!("{version}: {because}");
    let extra = text(entry, "ProductVersionExtra").map_err(about)?.unwrap_or_default();
    let extra = extra.trim_matches(|letter| matches!(letter, '(' | ')' | ' ')).to_ascii_lowercase();
    if !extra.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return Err(about(t!("“{extra}” is no ProductVersionExtra", extra)));
    }
    let prerequisite = text(entry, "PrerequisiteBuild").map_err(about)?.unwrap_or_default();
    if list == List::Improvements && prerequisite.is_empty() {
        return Err(about(String::from(t!("an improvement without a PrerequisiteBuild"))));
    }
    Ok(Listed {
        list,
        platform: platform.to_owned(),
        extra,
        build: text(entry, "Build").map_err(about)?.unwrap_or_default(),
        prerequisite,
        posted: day(entry, "PostingDate").map_err(about)?,
        expires: day(entry, "ExpirationDate").map_err(about)?,
        devices: devices(entry).map_err(about)?,
        version,
    })
}

/// A text; none where the key is absent, null or empty.
fn text(entry: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_short(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(t!("its {key} is no short text", key)),
    }
}

/// A day, with or without a time behind it; none where the key is absent, null or empty.
fn day(entry: &Map<String, Value>, key: &str) -> Result<Option<Day>, String> {
    let Some(text) = text(entry, key)? else { return Ok(None) };
    let day = text.split('T').next().and_then(Day::parse);
    day.map(Some).ok_or_else(|| t!("its {key} “{text}” is no day", key, text))
}

fn devices(entry: &Map<String, Value>) -> Result<Vec<String>, String> {
    let listed = match entry.get("SupportedDevices") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(listed)) if listed.len() <= MAX_DEVICES => listed,
        Some(_) => return Err(t!("its SupportedDevices is no list of at most {MAX_DEVICES}", MAX_DEVICES)),
    };
    let mut devices: Vec<String> = listed.iter().filter_map(Value::as_str).filter(|name| is_short(name)).map(str::to_owned).collect();
    devices.sort_unstable();
    devices.dedup();
    Ok(devices)
}

#[cfg(test)]
mod tests;
