//! Reading a list that is cut into pages and may change meanwhile: which pages are still wanted, and what they hold together.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::number_of;

/// Pages that are asked for at the same time.
pub const PAGES_AT_ONCE: usize = 5;

/// Pages of one list at the most; more is a service that never ends.
pub const PAGES_MAX: u32 = 5000;

/// What a location owns of an app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetLine {
    /// The App Store's number; a number in some answers, a text in others.
    #[serde(deserialize_with = "text")]
    pub adam_id: String,
    /// Apple's word for the price.
    #[serde(default = "usual_price")]
    pub pricing_param: String,
    /// `App` or `Book`.
    #[serde(default)]
    pub product_type: String,
    /// Whether devices can have it.
    #[serde(default)]
    pub device_assignable: bool,
    /// Platforms in Apple's words: `iOS`, `macOS`.
    #[serde(default)]
    pub supported_platforms: Vec<String>,
    /// In use.
    #[serde(default, deserialize_with = "count")]
    pub assigned_count: u32,
    /// Free.
    #[serde(default, deserialize_with = "count")]
    pub available_count: u32,
    /// Over.
    #[serde(default, deserialize_with = "count")]
    pub retired_count: u32,
    /// All; [`super::UNLIMITED`] for as many as anybody wants.
    #[serde(default, deserialize_with = "count")]
    pub total_count: u32,
}

/// Who has what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentLine {
    /// The App Store's number.
    #[serde(deserialize_with = "text")]
    pub adam_id: String,
    /// Apple's word for the price.
    #[serde(default = "usual_price")]
    pub pricing_param: String,
    /// The device.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// The person.
    #[serde(default)]
    pub client_user_id: Option<String>,
}

/// A person as Apple knows them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserLine {
    /// Our id of them.
    pub client_user_id: String,
    /// `Registered`, `Associated`, `Retired`.
    #[serde(default)]
    pub status: String,
    /// The code of their invitation, while it is not accepted.
    #[serde(default)]
    pub invite_code: Option<String>,
    /// The hash of their account.
    #[serde(default)]
    pub id_hash: Option<String>,
}

fn usual_price() -> String {
    String::from("STDQ")
}

fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom(t!("neither a text nor a number"))),
    }
}

/// A count; one that cannot be is none, so that what is owned stays in the book whatever is said of its seats. More than there can be is the most.
fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let said = Value::deserialize(deserializer)?;
    let wide = said.as_u64().or_else(|| said.as_str()?.trim().parse().ok());
    Ok(wide.map_or(0, |wide| u32::try_from(wide).unwrap_or(u32::MAX)))
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Which.
    pub index: u32,
    /// How many there are now.
    pub pages: u32,
    /// Of which version.
    pub version: String,
    /// What it holds; lines that cannot be read are left out.
    pub lines: Vec<T>,
}

impl<T: DeserializeOwned> Page<T> {
    /// Reads the page `index` of the list called `name`.
    pub fn read(body: &Value, index: u32, name: &str) -> Self {
        let lines = body[name].as_array().into_iter().flatten();
        let next = number_of(&body["nextPageIndex"]).map_or(0, |next| next.saturating_add(1));
        let pages = number_of(&body["totalPages"]).unwrap_or_default().max(next).max(1);
        let version = match &body["versionId"] {
            Value::String(version) => version.clone(),
            Value::Number(version) => version.to_string(),
            _ => String::new(),
        };
        Self { index, pages, version, lines: lines.filter_map(|line| T::deserialize(line).ok()).collect() }
    }
}

/// A walk through all pages.
#[derive(Debug)]
pub struct Walk<T> {
    /// The version of the first page: what to say as `sinceVersionId` the next time, so that what changed meanwhile is told then.
    pub version: String,
    /// Everything so far.
    pub lines: Vec<T>,
    /// Whether the list changed while it was read.
    pub changed: bool,
    pages: u32,
    read: BTreeSet<u32>,
}

impl<T> Default for Walk<T> {
    fn default() -> Self {
        Self { version: String::new(), lines: Vec::new(), changed: false, pages: 1, read: BTreeSet::new() }
    }
}

impl<T> Walk<T> {
    /// The pages to ask for now: the first alone, since it says how many there are, then up to [`PAGES_AT_ONCE`]. Empty at the end.
    pub fn wanted(&self) -> Vec<u32> {
        let last = self.pages.min(PAGES_MAX);
        (0..last).filter(|page| !self.read.contains(page)).take(PAGES_AT_ONCE).collect()
    }

    /// Takes a page; the list may have grown or shrunk since the one before.
    pub fn take(&mut self, page: Page<T>) {
        if self.read.is_empty() {
            self.version = page.version;
        } else if page.version != self.version || page.pages != self.pages {
            self.changed = true;
        }
        self.pages = if self.read.is_empty() { page.pages } else { self.pages.max(page.pages) };
        if self.read.insert(page.index) {
            self.lines.extend(page.lines);
        }
    }
}
