//! Licences as lists show them: what Apple's book says and what this server wants, together.

use super::{HolderKind, Licence, of};
use crate::error::Result;
use crate::store::tx::Tx;

/// A line of a list of licences: what Apple's book says and what this server wants, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The App Store's number.
    pub adam_id: String,
    /// Whose it is.
    pub holder_kind: HolderKind,
    /// Serial number in capitals, or the id under which Apple knows a person.
    pub holder: String,
    /// The location; nothing while there was no place.
    pub token_id: Option<String>,
    /// What this server wants of it; nothing where it was assigned elsewhere.
    pub licence: Option<Licence>,
    /// The device's id here, or the person's.
    pub here_id: Option<String>,
    /// The device's or the person's name.
    pub name: String,
}

/// Which licences are listed.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    /// Of this app.
    pub adam_id: Option<String>,
    /// Of this location.
    pub token_id: Option<String>,
    /// Of this holder: serial number in capitals, or a person's id.
    pub holder: Option<String>,
}

const LINES: &str = "WITH lines AS (
        SELECT adam_id, holder_kind, holder, token_id, 1 AS ours FROM licences
        WHERE (?1 IS NULL OR adam_id = ?1) AND (?2 IS NULL OR token_id = ?2) AND (?3 IS NULL OR holder = ?3)
        UNION ALL
        SELECT adam_id, holder_kind, holder, token_id, 0 FROM licence_book AS book
        WHERE (?1 IS NULL OR adam_id = ?1) AND (?2 IS NULL OR token_id = ?2) AND (?3 IS NULL OR holder = ?3)
          AND NOT EXISTS (SELECT 1 FROM licences WHERE licences.adam_id = book.adam_id AND licences.holder_kind = book.holder_kind
                                                   AND licences.holder = book.holder AND licences.token_id = book.token_id))";

/// What a list of licences goes on after: app, kind of holder, holder, location.
pub type LineKey = (String, String, String, String);

/// One page of licences, by app and holder.
pub fn lines(tx: &Tx, filter: &LineFilter, after: Option<&LineKey>, limit: u32) -> Result<Vec<Line>> {
    let empty = LineKey::default();
    let (adam_id, kind, holder, token_id) = after.unwrap_or(&empty);
    let found = tx.list(
        sql!(
            "{LINES} SELECT DISTINCT adam_id, holder_kind, holder, token_id, ours FROM lines
             WHERE (adam_id, holder_kind, holder, coalesce(token_id, '')) > (?4, ?5, ?6, ?7)
             ORDER BY adam_id, holder_kind, holder, coalesce(token_id, '') LIMIT ?8"
        ),
        (&filter.adam_id, &filter.token_id, &filter.holder, adam_id, kind, holder, token_id, limit),
        |row| {
            let line = Line {
                adam_id: row.get(0)?,
                holder_kind: row.get(1)?,
                holder: row.get(2)?,
                token_id: row.get(3)?,
                licence: None,
                here_id: None,
                name: String::new(),
            };
            Ok((line, row.get(4)?))
        },
    )?;
    found.into_iter().map(|(line, is_ours)| completed(tx, line, is_ours)).collect()
}

fn completed(tx: &Tx, mut line: Line, is_ours: bool) -> Result<Line> {
    if is_ours {
        line.licence = of(tx, &line.adam_id, line.holder_kind, &line.holder)?;
    }
    let named = match line.holder_kind {
        HolderKind::Device => {
            "SELECT id, name FROM devices WHERE serial_number = ?1 COLLATE NOCASE ORDER BY deleted_at IS NOT NULL, created_at DESC LIMIT 1"
        }
        HolderKind::Person => "SELECT id, name FROM people WHERE id = ?1",
    };
    if let Some((id, name)) = tx.optional(named, [&line.holder], |row| Ok((row.get(0)?, row.get(1)?)))? {
        (line.here_id, line.name) = (Some(id), name);
    }
    Ok(line)
}

/// How many licences [`lines`] has in all.
pub fn count_lines(tx: &Tx, filter: &LineFilter) -> Result<u64> {
    let count: i64 = tx.one(
        sql!("{LINES} SELECT count(*) FROM (SELECT DISTINCT adam_id, holder_kind, holder, token_id FROM lines)"),
        (&filter.adam_id, &filter.token_id, &filter.holder),
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}
