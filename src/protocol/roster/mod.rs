//! A school's roster as its files say it: people, classes and who is in which, from a table with a header row or from OneRoster's CSV files.

mod oneroster;
mod plain;
mod table;
mod unzip;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::pki::dropped::{self, Place};
use table::{Table, key_of};

/// Rows of all files together.
pub const ROWS_MAX: usize = 200_000;
/// People of one roster.
pub const PEOPLE_MAX: usize = 50_000;
/// Characters of a person's or a class's name; what is longer is cut.
pub const NAME_MAX_CHARS: usize = 200;
/// Characters of an address.
pub const EMAIL_MAX_CHARS: usize = 254;
/// Bytes of one field.
pub const FIELD_MAX_BYTES: usize = 1_000;
/// Columns of one table.
pub const COLUMNS_MAX: usize = 200;
/// Files of one upload, those in an archive counted one by one.
pub const FILES_MAX: usize = 40;
/// Bytes of all files together once they are unpacked.
pub const UNPACKED_MAX_BYTES: u64 = 64 << 20;

/// Where a roster comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One table with a header row.
    Csv,
    /// OneRoster 1.1 or 1.2.
    Oneroster,
}

/// What a person is at the school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Learns.
    Student,
    /// Teaches.
    Teacher,
    /// Everybody else who works there.
    Staff,
}

/// A person of a roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What they are known by from one file to the next.
    pub key: String,
    /// Their name.
    pub name: String,
    /// Their address; may be empty.
    pub email: String,
    /// What they are.
    pub role: Role,
    /// Whether they are at the school now.
    pub active: bool,
    /// Serial numbers of the devices that they use, in capitals.
    pub serials: Vec<String>,
    /// Their Managed Apple Account; empty where the file says nothing of it.
    #[serde(default)]
    pub account: String,
}

/// A class of a roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// What it is known by from one file to the next.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// Somebody in a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The class's key.
    pub class: String,
    /// The person's key.
    pub person: String,
    /// Whether they teach there.
    pub teaches: bool,
}

/// How much a list says: whether what it does not name is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// The files do not speak of this at all.
    #[default]
    Silent,
    /// Only what changed is named; the rest stays as it is.
    Delta,
    /// Everything is named; the rest is gone.
    Whole,
}

/// A roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Where it comes from.
    pub kind: Kind,
    /// Its people.
    pub people: Vec<Person>,
    /// Its classes.
    pub classes: Vec<Class>,
    /// Who is in which class.
    pub memberships: Vec<Membership>,
    /// Whether other people of this source are gone.
    pub people_extent: Extent,
    /// Whether other classes of this source are gone.
    pub classes_extent: Extent,
    /// Whether other memberships of this source are gone.
    pub memberships_extent: Extent,
    /// Keys of people who are said to be gone.
    pub gone_people: Vec<String>,
    /// Keys of classes that are said to be gone.
    pub gone_classes: Vec<String>,
    /// Memberships that are said to be over.
    pub gone_memberships: Vec<Membership>,
    /// What was left out and why, for people.
    pub notes: Vec<String>,
}

impl Roster {
    fn empty(kind: Kind) -> Self {
        Self {
            kind,
            people: Vec::new(),
            classes: Vec::new(),
            memberships: Vec::new(),
            people_extent: Extent::Silent,
            classes_extent: Extent::Silent,
            memberships_extent: Extent::Silent,
            gone_people: Vec::new(),
            gone_classes: Vec::new(),
            gone_memberships: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// A file of an upload: its name and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, perhaps with folders.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why files are no roster, in a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mistake(pub String);

impl From<Mistake> for crate::error::Error {
    fn from(mistake: Mistake) -> Self {
        Self::field("files", mistake.0)
    }
}

fn mistake<T>(words: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake(words.into()))
}

/// Reads files: one table, OneRoster's files one by one, or a ZIP archive of either. `now` tells which enrollments are over.
pub fn parse(files: &[File], now: Timestamp) -> Result<Roster, Mistake> {
    understand(files, now).map_err(|mistake| elsewhere(files).unwrap_or(mistake))
}

/// What a file is that is none of a roster's, and where it belongs: what is wrong with it as a table is no help then.
fn elsewhere(files: &[File]) -> Option<Mistake> {
    files.iter().find_map(|file| {
        let named = dropped::foreign(&file.bytes, Place::People)?;
        Some(Mistake(t!(
            "{sentences} Here a table of people (CSV) is needed, or a ZIP archive of OneRoster's files; “{name}” is neither.",
            sentences = named.sentences(),
            name = file.name
        )))
    })
}

fn understand(files: &[File], now: Timestamp) -> Result<Roster, Mistake> {
    let files = unzip::unpack(files)?;
    let mut tables = Vec::new();
    let mut rows = 0;
    for file in &files {
        let table = Table::read(&file.name, &file.bytes, ROWS_MAX - rows)?;
        rows += table.rows.len();
        tables.push(table);
    }
    let mut roster = if tables.iter().any(oneroster::is_one) {
        if let Some(table) = tables.iter().find(|table| !oneroster::is_one(table) && table.has(&["email"])) {
            return mistake(t!(
                "“{name}” is a table of people of its own and none of OneRoster's files. Bring it in alone, before or after.",
                name = table.name
            ));
        }
        oneroster::roster(&tables, now)?
    } else if let [table] = &tables[..] {
        plain::roster(table)?
    } else {
        return mistake(t!(
            "Choose one table with a header row, or the files of one OneRoster export. These are several files, and none of them is OneRoster's."
        ));
    };
    roster.notes.extend(tables.iter().flat_map(Table::notes));
    if roster.people.len() > PEOPLE_MAX {
        return mistake(t!(
            "There are {people} people in it; at most {PEOPLE_MAX} can be taken over.",
            people = roster.people.len(),
            PEOPLE_MAX
        ));
    }
    if roster.people.is_empty() && roster.gone_people.is_empty() {
        return mistake(t!("There are no people in it, only a header row. Nothing was changed; choose another file."));
    }
    for name in roster.people.iter_mut().map(|person| &mut person.name).chain(roster.classes.iter_mut().map(|class| &mut class.name)) {
        if let Some((end, _)) = name.char_indices().nth(NAME_MAX_CHARS) {
            name.truncate(end);
        }
    }
    Ok(roster)
}

/// An address as people write it, or nothing where it is none.
fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (name, host) = text.rsplit_once('@')?;
    let fits = text.chars().count() <= EMAIL_MAX_CHARS
        && !name.is_empty()
        && host.contains('.')
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    fits.then(|| text.to_owned())
}

/// A Managed Apple Account, which has the form of an address, or nothing where it is none.
fn account(text: &str) -> Option<String> {
    email(text).filter(|account| account.matches('@').count() == 1)
}

#[cfg(test)]
mod tests;
