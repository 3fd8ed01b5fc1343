//! The backup that somebody is offered whose database is damaged: by name, with the words that bring it back.

use std::path::Path;

use crate::error::Result;
use crate::store::Tx;
use crate::store::backup::Kept;
use crate::store::backups;
use crate::store::integrity::{Finding, beyond_tables};

/// The newest backup that is on the list, was not found unsound, and is not among those whose ids are named as gone.
pub fn newest(tx: &Tx, gone: &[String]) -> Result<Option<Kept>> {
    let all = backups::newest(tx, super::LISTED_MAX)?;
    Ok(all.iter().find(|backup| backup.test_problem.is_empty() && !gone.contains(&backup.id)).map(Kept::from))
}

/// What to do with a backup, or without one, so that it takes the place of what is in the data folder.
pub fn words(kept: Option<&Kept>, data: &Path) -> String {
    let restore = |file: &str| t!("rollcall restore --data {data} --replace {file}", data = quoted(&data.display().to_string()), file);
    let Some(kept) = kept else {
        return t!("No backup is known here; with one that you have elsewhere: {file}", file = restore("FILE"));
    };
    let (name, moment) = (&kept.name, kept.made_at.words());
    match kept.path() {
        Some(path) => {
            t!(
                "The newest backup is {name}, of {moment}. To bring it back: {path}",
                name,
                moment,
                path = restore(&quoted(&path.display().to_string()))
            )
        }
        None => t!(
            "The newest backup is {name}, of {moment}, in {location}. Fetch it from there; then, to bring it back: {quoted}",
            name,
            moment,
            location = kept.location,
            quoted = restore(&quoted(name))
        ),
    }
}

/// What to do where only what is made from tables is damaged, a sentence with a space behind it; empty where more is. A backup is from before, what is
/// built anew is as of now.
pub fn rebuild_words(findings: &[Finding], data: &Path) -> String {
    if beyond_tables(findings).is_some() {
        return String::new();
    }
    let data = quoted(&data.display().to_string());
    t!(
        "Only what is made from the rest is damaged; while Rollcall is stopped, “rollcall doctor --rebuild --data {data}” makes it anew. ",
        data
    )
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:+@%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_words_can_be_copied_to_a_shell() {
        let kept = |location: &str, in_folder| Kept {
            name: String::from("rollcall-2026.age"),
            location: location.to_owned(),
            in_folder,
            made_at: Timestamp::parse("2026-11-25T03:15:00Z").unwrap(),
        };
        let data = Path::new("/var/lib/rollcall");
        let told = words(Some(&kept("/srv/Kim's backups", true)), data);
        let ends = r"rollcall restore --data /var/lib/rollcall --replace '/srv/Kim'\''s backups/rollcall-2026.age'";
        assert!(told.starts_with("The newest backup is rollcall-2026.age, of 25 Nov 2026, 03:15 UTC.") && told.ends_with(ends), "{told}");
        let told = words(Some(&kept("https://s3.example.school/school/x", false)), data);
        assert!(
            told.contains("in https://s3.example.school/school/x. Fetch it") && told.ends_with("--replace rollcall-2026.age"),
            "{told}"
        );
        assert!(words(None, data).ends_with("--replace FILE"));
        let damage = |message: &str| [Finding { message: message.to_owned() }];
        let anew = rebuild_words(&damage("Tree 12 page 14: btreeInitPage() returns error code 11 (index events_kind)"), data);
        assert!(anew.contains("“rollcall doctor --rebuild --data /var/lib/rollcall”"), "{anew}");
        assert_eq!(rebuild_words(&damage("Tree 12 page 14: btreeInitPage() returns error code 11 (table events)"), data), "");
    }
}
