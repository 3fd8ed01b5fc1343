//! The rule builder: rows of conditions in a form, there and back. A row stands by itself or in a list of rows; of lists every one must be met where one
//! condition is enough within them, and the other way round. Rules with lists in those lists do not fit into it.

mod fields;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::mdm::groups::Rule;
use crate::mdm::groups::rule::{NameTest, OsRange};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::platform::Platform;
use crate::store::people::PersonRole;

/// Rows of the builder at the most, lists counted by theirs; longer rules are made through the API.
pub const ROWS_MAX: usize = 20;

/// The kind of the row that every device meets.
const EVERYTHING: &str = "everything";

/// One row as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuilderRow {
    /// What it asks for.
    pub what: String,
    /// Whether it is turned round.
    pub not: bool,
    /// What is typed or chosen beside.
    pub value: String,
    /// The number of the list that it stands in; none where it stands by itself.
    pub list: Option<usize>,
}

/// The builder as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Builder {
    /// Whether one condition or list is enough; else every one must be met. Within lists it is the other way round.
    pub any: bool,
    /// Its rows.
    pub rows: Vec<BuilderRow>,
}

impl Builder {
    /// Reads its fields out of a form: `mode`, `what-0`, `not-0`, `value-0`, `list-0` and so on.
    pub fn read(form: &[(String, String)]) -> Self {
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
        let mut builder = Self { any: value("mode") == Some("any"), rows: Vec::new() };
        for at in 0..ROWS_MAX {
            let Some(what) = value(&format!("what-{at}")) else { break };
            let row = BuilderRow {
                what: what.to_owned(),
                not: value(&format!("not-{at}")) == Some("1"),
                value: value(&format!("value-{at}")).unwrap_or_default().to_owned(),
                list: value(&format!("list-{at}")).and_then(|list| list.parse().ok()).filter(|list| *list < ROWS_MAX),
            };
            builder.rows.push(row);
        }
        builder
    }

    /// The builder that shows a rule, if one can.
    pub fn of(rule: &Rule) -> Option<Self> {
        let (any, parts) = match rule {
            Rule::All(parts) => (false, parts.as_slice()),
            Rule::Any(parts) => (true, parts.as_slice()),
            single => (false, std::slice::from_ref(single)),
        };
        let (mut rows, mut lists) = (Vec::new(), 0);
        for part in parts {
            let list = if any { every_one(part) } else { any_one(part) };
            if let Some(parts) = list {
                if parts.is_empty() {
                    return None;
                }
                for part in parts {
                    rows.push(BuilderRow { list: Some(lists), ..row(&part)? });
                }
                lists += 1;
                continue;
            }
            match part {
                Rule::Os(OsRange { at_least: Some(least), below: Some(below) }) if !any => {
                    rows.push(BuilderRow { what: "os_least".into(), value: least.clone(), ..BuilderRow::default() });
                    rows.push(BuilderRow { what: "os_below".into(), value: below.clone(), ..BuilderRow::default() });
                }
                part => rows.push(row(part)?),
            }
        }
        (rows.len() <= ROWS_MAX).then_some(Self { any, rows })
    }

    /// Adds an empty row where there is room: by itself, into a list, or into a list of its own.
    pub fn add(&mut self, to: AddTo) {
        if self.rows.len() >= ROWS_MAX {
            return;
        }
        let list = match to {
            AddTo::Outside => None,
            AddTo::List(list) => Some(list),
            AddTo::NewList => Some(self.rows.iter().filter_map(|row| row.list).max().map_or(0, |last| last + 1)),
        };
        let new = BuilderRow { list, ..BuilderRow::default() };
        let after = list.and_then(|list| self.rows.iter().rposition(|row| row.list == Some(list)));
        self.rows.insert(after.map_or(self.rows.len(), |at| at + 1), new);
    }

    /// The rule that it says; `classes` are ids and names.
    ///
    /// # Errors
    /// Names `value-N` of the row at fault, or `rule` where there is no row.
    pub fn rule(&self, classes: &[(String, String)]) -> Result<Rule> {
        let mut parts: Vec<(Option<usize>, Vec<Rule>)> = Vec::new();
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.what.is_empty()) {
            let leaf = leaf(row, classes).map_err(|words| Error::field(format!("value-{at}"), words))?;
            let leaf = if row.not { Rule::Not(Box::new(leaf)) } else { leaf };
            match parts.iter_mut().find(|(list, _)| list.is_some() && *list == row.list) {
                Some((_, list)) => list.push(leaf),
                None => parts.push((row.list, vec![leaf])),
            }
        }
        let parts: Vec<_> = parts.into_iter().filter_map(|(_, list)| joined(list, !self.any)).collect();
        joined(parts, self.any).ok_or_else(|| Error::field("rule", t!("choose at least one condition, or “any device at all”")))
    }
}

/// Where a row is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddTo {
    /// By itself, at the end.
    Outside,
    /// At the end of the list of this number.
    List(usize),
    /// Into a new list.
    NewList,
}

impl AddTo {
    /// Reads what the button says: `add`, `add-list`, `add-to-0`.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "add" => Some(Self::Outside),
            "add-list" => Some(Self::NewList),
            word => word.strip_prefix("add-to-").and_then(|list| list.parse().ok()).map(Self::List),
        }
    }
}

/// One rule out of several: the only one, or the list of them; nothing of none.
fn joined(mut parts: Vec<Rule>, any: bool) -> Option<Rule> {
    if parts.len() < 2 { parts.pop() } else { Some(if any { Rule::Any(parts) } else { Rule::All(parts) }) }
}

/// The conditions of which one is enough, where a rule says so.
fn any_one(rule: &Rule) -> Option<Vec<Rule>> {
    match rule {
        Rule::Any(parts) => Some(parts.clone()),
        Rule::Not(inner) => every_one(inner).map(turned),
        _ => None,
    }
}

/// The conditions that must all be met, where a rule says so.
fn every_one(rule: &Rule) -> Option<Vec<Rule>> {
    match rule {
        Rule::All(parts) => Some(parts.clone()),
        Rule::Not(inner) => any_one(inner).map(turned),
        _ => None,
    }
}

/// Each of them the other way round.
fn turned(parts: Vec<Rule>) -> Vec<Rule> {
    parts
        .into_iter()
        .map(|part| match part {
            Rule::Not(inner) => *inner,
            part => Rule::Not(Box::new(part)),
        })
        .collect()
}

/// The row of a single condition.
fn row(rule: &Rule) -> Option<BuilderRow> {
    let of = |what: &str, value: &str| Some(BuilderRow { what: what.to_owned(), value: value.to_owned(), ..BuilderRow::default() });
    match rule {
        Rule::Everything => of(EVERYTHING, ""),
        Rule::Platform(platform) => of("platform", platform.as_str()),
        Rule::Os(OsRange { at_least: Some(version), below: None }) => of("os_least", version),
        Rule::Os(OsRange { at_least: None, below: Some(version) }) => of("os_below", version),
        Rule::Model(text) => of("model", text),
        Rule::Supervised(true) => of("supervised", ""),
        Rule::Supervised(false) => of("supervised", "").map(|row| BuilderRow { not: true, ..row }),
        Rule::Name(NameTest::Contains(text)) => of("name_contains", text),
        Rule::Name(NameTest::Begins(text)) => of("name_begins", text),
        Rule::Serial(serials) => of("serial", &serials.join(", ")),
        Rule::Class(id) => of("class", id),
        Rule::Role(role) => of("role", role.as_str()),
        Rule::Person(true) => of("person", ""),
        Rule::Person(false) => of("person", "").map(|row| BuilderRow { not: true, ..row }),
        Rule::App(identifier) => of("app", identifier),
        Rule::Enrollment(kind) => of("enrollment", kind.as_str()),
        Rule::Not(inner) => row(inner).map(|row| BuilderRow { not: !row.not, ..row }),
        Rule::All(_) | Rule::Any(_) | Rule::Os(_) => None,
    }
}

/// The condition of a row, or what is wrong with it.
fn leaf(row: &BuilderRow, classes: &[(String, String)]) -> Result<Rule, String> {
    let text = row.value.clone();
    let some = |words: &str| if text.is_empty() { Err(words.to_owned()) } else { Ok(text.clone()) };
    Ok(match row.what.as_str() {
        EVERYTHING => Rule::Everything,
        "platform" => Rule::Platform(text.parse::<Platform>().map_err(|_| String::from(t!("choose a kind of device")))?),
        "os_least" => Rule::Os(OsRange { at_least: Some(version(&text)?), below: None }),
        "os_below" => Rule::Os(OsRange { at_least: None, below: Some(version(&text)?) }),
        "model" => Rule::Model(some(t!("a part of the model's name, for example iPad13 or MacBook"))?),
        "supervised" => Rule::Supervised(true),
        "person" => Rule::Person(true),
        "name_contains" => Rule::Name(NameTest::Contains(some(t!("a part of the device's name"))?)),
        "name_begins" => Rule::Name(NameTest::Begins(some(t!("how the device's name begins"))?)),
        "serial" => {
            let serials: Vec<_> =
                text.split([',', ';', ' ']).map(str::trim).filter(|serial| !serial.is_empty()).map(str::to_owned).collect();
            if serials.is_empty() {
                return Err(String::from(t!("serial numbers, with commas between them")));
            }
            Rule::Serial(serials)
        }
        "class" => {
            let found = classes.iter().find(|(id, name)| *id == text || name.to_lowercase() == text.to_lowercase());
            Rule::Class(found.map(|(id, _)| id.clone()).ok_or(t!("choose a class"))?)
        }
        "role" => Rule::Role(text.to_lowercase().parse::<PersonRole>().map_err(|_| String::from(t!("choose what the person is")))?),
        "app" => Rule::App(some(t!("the app's identifier, for example com.example.app"))?),
        "enrollment" => Rule::Enrollment(text.parse::<EnrollmentKind>().map_err(|_| String::from(t!("choose how it is enrolled")))?),
        _ => return Err(String::from(t!("choose a condition"))),
    })
}

fn version(text: &str) -> Result<String, String> {
    let known = crate::protocol::os_version::OsVersion::parse(text).is_known();
    if known { Ok(text.to_owned()) } else { Err(String::from(t!("a version, for example 17.5"))) }
}
