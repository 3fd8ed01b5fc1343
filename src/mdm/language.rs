//! The language that pages are spoken in: a file that somebody brought, kept with the settings so that backups hold it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::language::Catalogue;
use crate::mdm::{Actor, Right, journal};
use crate::store::Tx;
use crate::store::settings::{self, Setting};

/// How many texts are named of those whose translations are not used.
pub const LEFT_OUT_NAMED: usize = 20;

/// What is kept of a language.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    tag: String,
    /// The file as it came.
    file: String,
    since: Timestamp,
    by: String,
}

const LANGUAGE: Setting<Stored> = Setting::new("language");

/// A language that somebody brings: read, and not yet kept.
#[derive(Debug)]
pub struct Brought {
    /// What it says.
    pub catalogue: Catalogue,
    file: String,
}

impl Brought {
    /// Reads a `.po` file; without a tag the file's own counts.
    ///
    /// # Errors
    /// Names `tag` or `file`, and what is wrong with it.
    pub fn read(tag: Option<&str>, file: &[u8]) -> Result<Self> {
        let catalogue = Catalogue::read(tag, file)?;
        let file = std::str::from_utf8(file).map_err(|error| Error::field("file", error.to_string()))?.to_owned();
        Ok(Self { catalogue, file })
    }
}

/// The language that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its tag (BCP 47).
    pub tag: String,
    /// How many texts it translates.
    pub translated: usize,
    /// How many texts there are.
    pub of: usize,
    /// The first [`LEFT_OUT_NAMED`] English texts whose translations are not used, because they have other holes.
    pub left_out: Vec<String>,
    /// How many those are in all.
    pub left_out_total: usize,
    /// Why it cannot be read any more, so that English is spoken; none where it can.
    pub problem: Option<String>,
    /// When it was brought.
    pub since: Timestamp,
    /// Who brought it.
    pub by: String,
}

/// Shows the language that is kept; none where English is spoken. Reads its whole file.
pub fn current(tx: &Tx, actor: &Actor) -> Result<Option<Kept>> {
    actor.require(Right::View)?;
    let Some(stored) = settings::value(tx, &LANGUAGE)? else { return Ok(None) };
    let mut kept = Kept {
        translated: 0,
        of: Catalogue::all(),
        left_out: Vec::new(),
        left_out_total: 0,
        problem: None,
        since: stored.since,
        by: stored.by,
        tag: stored.tag,
    };
    match Catalogue::read(Some(&kept.tag), stored.file.as_bytes()) {
        Ok(read) => {
            kept.translated = read.translated();
            kept.left_out = read.left_out().iter().take(LEFT_OUT_NAMED).cloned().collect();
            kept.left_out_total = read.left_out().len();
        }
        Err(error) => kept.problem = Some(error.fields.first().map_or_else(|| error.to_string(), |fault| fault.message.clone())),
    }
    Ok(Some(kept))
}

/// Keeps a language, in the place of the one before. Whoever calls lets it be spoken when this is committed.
pub fn put(tx: &Tx, actor: &Actor, brought: &Brought) -> Result<()> {
    actor.require(Right::Configure)?;
    let tag = brought.catalogue.tag();
    let stored = Stored { tag: tag.to_owned(), file: brought.file.clone(), since: tx.now, by: actor.to_string() };
    settings::set(tx, &LANGUAGE, &stored)?;
    let data = json!({ "language": tag, "translated": brought.catalogue.translated(), "of": Catalogue::all() });
    journal::note(tx, actor, "settings.language_changed", journal::Subject::default(), data)
}

/// Forgets the language, so that English is spoken again; nothing happens where it is. Whoever calls lets it be spoken when this is committed.
pub fn remove(tx: &Tx, actor: &Actor) -> Result<()> {
    actor.require(Right::Configure)?;
    if settings::forget(tx, &LANGUAGE)? {
        journal::note(tx, actor, "settings.language_changed", journal::Subject::default(), json!({ "language": "en" }))?;
    }
    Ok(())
}

/// The language that is to be spoken; none for English.
///
/// # Errors
/// Where what is kept cannot be read any more.
pub fn load(tx: &Tx) -> Result<Option<Catalogue>> {
    let stored = settings::value(tx, &LANGUAGE)?;
    stored.map(|stored| Catalogue::read(Some(&stored.tag), stored.file.as_bytes())).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::mdm::Role;
    use crate::mdm::tests::School;

    const GERMAN: &str = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\nmsgid \"Devices\"\nmsgstr \"Geräte\"\n\n\
                          msgid \"{n} hours ago\"\nmsgstr \"vor {m} Stunden\"\n";

    fn german() -> Brought {
        Brought::read(None, GERMAN.as_bytes()).unwrap()
    }

    #[test]
    fn a_language_is_kept_until_it_is_removed_and_says_what_of_it_is_used() {
        let school = School::new();
        assert_eq!(school.write(|tx| current(tx, &Actor::Console)), None);
        assert_eq!(school.write(load), None);
        school.write(|tx| put(tx, &Actor::Console, &german()));
        let kept = school.write(|tx| current(tx, &Actor::Console)).unwrap();
        assert_eq!((kept.tag.as_str(), kept.translated, kept.of, kept.by.as_str()), ("de", 1, Catalogue::all(), "console"));
        assert_eq!((kept.left_out, kept.left_out_total, kept.problem), (vec![String::from("{n} hours ago")], 1, None));
        assert_eq!(school.write(load), Some(german().catalogue));
        school.write(|tx| remove(tx, &Actor::Console));
        school.write(|tx| remove(tx, &Actor::Console));
        assert_eq!(school.write(|tx| current(tx, &Actor::Console)), None);
        assert_eq!(school.write(load), None);
    }

    #[test]
    fn only_who_may_change_settings_changes_the_language() {
        let school = School::new();
        let helper = Actor::Person { id: String::from("h"), name: String::from("Helper"), role: Role::Helper };
        let by = helper.clone();
        assert_eq!(school.try_write(move |tx| put(tx, &by, &german())).unwrap_err().kind, Kind::Forbidden);
        school.write(|tx| put(tx, &Actor::Console, &german()));
        let by = helper.clone();
        assert_eq!(school.try_write(move |tx| remove(tx, &by)).unwrap_err().kind, Kind::Forbidden);
        assert_eq!(school.write(move |tx| current(tx, &helper)).unwrap().tag, "de");
    }

    #[test]
    fn a_language_that_cannot_be_read_any_more_says_why_and_can_be_removed() {
        let school = School::new();
        school.write(|tx| {
            let file = GERMAN.replace("Devices", "What was said long ago").replace("{n} hours ago", "What nobody says");
            let stored = Stored { tag: String::from("de"), file, since: tx.now, by: String::from("Ada") };
            settings::set(tx, &LANGUAGE, &stored)
        });
        assert!(school.try_write(load).unwrap_err().message.contains("none of the texts"));
        let kept = school.write(|tx| current(tx, &Actor::Console)).unwrap();
        assert!(kept.translated == 0 && kept.problem.unwrap().contains("none of the texts"));
        school.write(|tx| remove(tx, &Actor::Console));
        assert_eq!(school.write(load), None);
    }
}
