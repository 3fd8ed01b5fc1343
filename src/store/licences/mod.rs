//! Licences: what locations own, Apple's book of who has what, what this server wants of it, and what it has asked for.

pub mod assets;
pub mod book;
pub mod events;
mod lines;
pub mod users;

pub use lines::{Line, LineFilter, LineKey, count_lines, lines};

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;
use crate::store::words::words;

words! {
    /// Whose a licence is.
    pub enum HolderKind {
        /// A device's, by its serial number.
        Device = "device",
        /// A person's, by the id under which Apple knows them.
        Person = "person",
    }
}

words! {
    /// How far a licence is on its way.
    #[schema(as = LicenceStage)]
    pub enum Stage {
        /// Nothing was asked.
        Open = "open",
        /// Apple was asked to assign it.
        Asked = "asked",
        /// It is assigned.
        Held = "held",
        /// Apple was asked to take it back.
        Leaving = "leaving",
        /// Apple refused.
        Failed = "failed",
    }
}

/// Which licences of a location: an app at a price.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetKey {
    /// The location.
    pub token_id: String,
    /// The App Store's number.
    pub adam_id: String,
    /// Apple's word for the price, `STDQ` or `PLUS`.
    pub pricing_param: String,
}

/// What this server wants, wanted, or has of a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// The App Store's number.
    pub adam_id: String,
    /// Whose it is.
    pub holder_kind: HolderKind,
    /// Serial number in capitals, or a person's id.
    pub holder: String,
    /// Whether it is of the practice classroom.
    pub practice: bool,
    /// The location whose place it has; nothing while there was none.
    pub token_id: Option<String>,
    /// The price of that place.
    pub pricing_param: String,
    /// Whether it is still wanted.
    pub wanted: bool,
    /// How far it is.
    pub stage: Stage,
    /// Apple's event that it waits for.
    pub event_id: Option<String>,
    /// Refusals in a row.
    pub attempts: i64,
    /// Not asked for again before.
    pub due_at: Option<Timestamp>,
    /// Why it was refused, in words.
    pub problem: String,
    /// Since when it is wanted.
    pub since_at: Timestamp,
}

impl Licence {
    /// The licences that its place is one of.
    pub fn asset(&self) -> Option<AssetKey> {
        let token_id = self.token_id.clone()?;
        Some(AssetKey { token_id, adam_id: self.adam_id.clone(), pricing_param: self.pricing_param.clone() })
    }

    /// Whether it is on its way to a place, which counts unless the book shows it already.
    fn reserves(&self) -> bool {
        self.token_id.is_some() && matches!(self.stage, Stage::Open | Stage::Asked)
    }
}

const COLUMNS: &str =
    "adam_id, holder_kind, holder, practice, token_id, pricing_param, wanted, stage, event_id, attempts, due_at, problem, since_at";

fn licence(row: &Row<'_>) -> rusqlite::Result<Licence> {
    Ok(Licence {
        adam_id: row.get(0)?,
        holder_kind: row.get(1)?,
        holder: row.get(2)?,
        practice: row.get(3)?,
        token_id: row.get(4)?,
        pricing_param: row.get(5)?,
        wanted: row.get(6)?,
        stage: row.get(7)?,
        event_id: row.get(8)?,
        attempts: row.get(9)?,
        due_at: row.get(10)?,
        problem: row.get(11)?,
        since_at: row.get(12)?,
    })
}

/// Stores a licence in place of `before`, and keeps count of the places that are taken.
pub fn put(tx: &Tx, before: Option<&Licence>, row: &Licence) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO licences (adam_id, holder_kind, holder, practice, token_id, pricing_param, wanted, stage, event_id, attempts, due_at,
                                          problem, since_at, changed_at)
         VALUES (:adam_id, :holder_kind, :holder, :practice, :token_id, :pricing_param, :wanted, :stage, :event_id, :attempts, :due_at, :problem,
                 :since_at, :now)",
        named_params! {
            ":adam_id": row.adam_id, ":holder_kind": row.holder_kind, ":holder": row.holder, ":practice": row.practice, ":token_id": row.token_id,
            ":pricing_param": row.pricing_param, ":wanted": row.wanted, ":stage": row.stage, ":event_id": row.event_id,
            ":attempts": row.attempts, ":due_at": row.due_at, ":problem": row.problem, ":since_at": row.since_at, ":now": tx.now,
        },
    )?;
    recount(tx, before, Some(row))
}

/// Forgets a licence: it is neither wanted nor held.
pub fn remove(tx: &Tx, row: &Licence) -> Result<()> {
    tx.execute(
        "DELETE FROM licences WHERE adam_id = ?1 AND holder_kind = ?2 AND holder = ?3",
        (&row.adam_id, row.holder_kind, &row.holder),
    )?;
    recount(tx, Some(row), None)
}

fn recount(tx: &Tx, before: Option<&Licence>, after: Option<&Licence>) -> Result<()> {
    let place = |row: Option<&Licence>| row.filter(|row| row.reserves()).and_then(Licence::asset);
    let (key_before, key_after) = (place(before), place(after));
    if key_before == key_after {
        return Ok(());
    }
    for (row, key, change) in [(before, key_before, -1), (after, key_after, 1)] {
        let Some((row, key)) = row.zip(key) else { continue };
        let entry = book::Entry { key, holder_kind: row.holder_kind, holder: row.holder.clone() };
        if !book::has(tx, &entry)? {
            assets::reserve(tx, &entry.key, change)?;
        }
    }
    Ok(())
}

/// A holder's licence of an app.
pub fn of(tx: &Tx, adam_id: &str, kind: HolderKind, holder: &str) -> Result<Option<Licence>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM licences WHERE adam_id = ?1 AND holder_kind = ?2 AND holder = ?3"),
        (adam_id, kind, holder),
        licence,
    )
}

/// Everything of a holder.
pub fn of_holder(tx: &Tx, kind: HolderKind, holder: &str) -> Result<Vec<Licence>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licences WHERE holder = ?2 AND holder_kind = ?1 ORDER BY adam_id"), (kind, holder), licence)
}

/// Everything of a location.
pub fn of_token(tx: &Tx, token_id: &str) -> Result<Vec<Licence>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licences WHERE token_id = ?1 ORDER BY adam_id, holder_kind, holder"), [token_id], licence)
}

/// Everything that waits for an event.
pub fn of_event(tx: &Tx, event_id: &str) -> Result<Vec<Licence>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licences WHERE event_id = ?1 ORDER BY adam_id, holder_kind, holder"), [event_id], licence)
}

/// Apple has to know a person before anything can be theirs.
const IS_KNOWN: &str =
    " AND (holder_kind = 'device' OR EXISTS (SELECT 1 FROM licence_users AS known WHERE known.token_id = licences.token_id
    AND known.person_id = licences.holder AND known.state IN ('registered', 'associated')))";

/// Whether a location has licences that Apple was asked for and whose event is not known: its answer was lost, and the wait for it is over.
pub fn has_lost(tx: &Tx, token_id: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM licences WHERE token_id = ?1 AND stage IN ('asked', 'leaving') AND event_id IS NULL AND due_at <= ?2)",
        (token_id, tx.now),
        |row| row.get(0),
    )
}

/// Ends the wait for answers of a location whose turn was cut off.
pub fn lose_all(tx: &Tx, token_id: &str) -> Result<usize> {
    tx.execute(
        "UPDATE licences SET due_at = ?2 WHERE token_id = ?1 AND stage IN ('asked', 'leaving') AND event_id IS NULL",
        (token_id, tx.now),
    )
}

/// Licences of a location that are to be asked for now, or, where they are not `wanted`, to be given back; those of one app and price stand together.
pub fn to_ask(tx: &Tx, token_id: &str, wanted: bool, limit: u32) -> Result<Vec<Licence>> {
    let stages = if wanted { "stage IN ('open', 'failed')" } else { "stage = 'held'" };
    let due = if wanted { "(due_at <= ?3 OR (due_at IS NULL AND stage = 'open'))" } else { "(due_at IS NULL OR due_at <= ?3)" };
    let known = if wanted { IS_KNOWN } else { "" };
    tx.list(
        &format!(
            "SELECT {COLUMNS} FROM licences WHERE token_id = ?1 AND {stages} AND wanted = ?2 AND {due}{known}
             ORDER BY adam_id, pricing_param, holder_kind, holder LIMIT ?4"
        ),
        (token_id, wanted, tx.now, limit),
        licence,
    )
}

/// When a licence of a location is next to be asked for or given back.
pub fn next_ask(tx: &Tx, token_id: &str) -> Result<Option<Timestamp>> {
    tx.one(
        sql!(
            "SELECT min(at) FROM (
             SELECT min(coalesce(due_at, 0)) AS at FROM licences WHERE token_id = ?1 AND stage = 'open' AND wanted = 1{IS_KNOWN}
             UNION ALL SELECT min(due_at) FROM licences WHERE token_id = ?1 AND stage = 'failed' AND wanted = 1 AND due_at IS NOT NULL{IS_KNOWN}
             UNION ALL SELECT min(due_at) FROM licences WHERE token_id = ?1 AND stage IN ('asked', 'leaving') AND event_id IS NULL
             UNION ALL SELECT min(coalesce(due_at, 0)) FROM licences WHERE token_id = ?1 AND stage = 'held' AND wanted = 0)"
        ),
        [token_id],
        |row| row.get(0),
    )
}

/// Licences that have a place and were not asked for yet, those first that came last.
pub fn not_asked(tx: &Tx, key: &AssetKey, limit: u32) -> Result<Vec<Licence>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM licences WHERE token_id = ?1 AND stage = 'open' AND adam_id = ?2 AND pricing_param = ?3
             ORDER BY since_at DESC, holder_kind, holder LIMIT ?4"
        ),
        (&key.token_id, &key.adam_id, &key.pricing_param, limit),
        licence,
    )
}

/// Licences of a location that were not asked for yet and of which it owns none any more.
pub fn not_owned(tx: &Tx, token_id: &str) -> Result<Vec<Licence>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM licences WHERE token_id = ?1 AND stage IN ('open', 'failed') AND NOT EXISTS
                 (SELECT 1 FROM licence_assets AS asset WHERE asset.token_id = licences.token_id AND asset.adam_id = licences.adam_id
                  AND asset.pricing_param = licences.pricing_param)"
        ),
        [token_id],
        licence,
    )
}

/// Licences of an app for which there was no place, those first that wait longest.
pub fn short(tx: &Tx, adam_id: &str, practice: bool, limit: u32) -> Result<Vec<Licence>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM licences WHERE token_id IS NULL AND adam_id = ?1 AND practice = ?2 ORDER BY since_at, holder_kind, holder LIMIT ?3"
        ),
        (adam_id, practice, limit),
        licence,
    )
}

/// How many licences of an app have no place.
pub fn count_short(tx: &Tx, adam_id: &str, practice: bool) -> Result<u32> {
    // Left alone, SQLite takes the primary key, and with it everybody who has the app.
    let sql = "SELECT count(*) FROM licences INDEXED BY licences_short WHERE token_id IS NULL AND adam_id = ?1 AND practice = ?2";
    tx.one(sql, (adam_id, practice), |row| row.get(0))
}

/// Apps of which somebody waits for a place, was refused before, and may ask again by now.
pub fn short_again(tx: &Tx) -> Result<Vec<(String, bool)>> {
    tx.list("SELECT DISTINCT adam_id, practice FROM licences WHERE token_id IS NULL AND due_at <= ?1", [tx.now], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// When somebody who waits for a place of what a location owns, and was refused before, may next ask again.
pub fn next_short(tx: &Tx, token_id: &str) -> Result<Option<Timestamp>> {
    tx.one(
        "SELECT min(due_at) FROM licences WHERE token_id IS NULL AND due_at > ?2
             AND adam_id IN (SELECT adam_id FROM licence_assets WHERE token_id = ?1)",
        (token_id, tx.now),
        |row| row.get(0),
    )
}

/// Apps that are short of places.
pub fn short_apps(tx: &Tx) -> Result<Vec<(String, bool)>> {
    tx.list("SELECT DISTINCT adam_id, practice FROM licences WHERE token_id IS NULL", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Wanted licences whose holder is not here any more: a device that is not enrolled and not expected back, a person who is not active.
pub fn of_the_gone(tx: &Tx, limit: u32) -> Result<Vec<Licence>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM licences WHERE wanted AND CASE holder_kind
                 WHEN 'person' THEN NOT EXISTS (SELECT 1 FROM people WHERE people.id = holder AND people.active)
                 ELSE EXISTS (SELECT 1 FROM devices WHERE devices.serial_number = holder COLLATE NOCASE)
                  AND NOT EXISTS (SELECT 1 FROM devices JOIN enrollments ON enrollments.device_id = devices.id
                                  WHERE devices.serial_number = holder COLLATE NOCASE AND devices.deleted_at IS NULL
                                    AND (enrollments.state IN ('authenticated', 'enrolled') OR (enrollments.state = 'erased' AND EXISTS
                                        (SELECT 1 FROM returns WHERE returns.enrollment_id = enrollments.id AND returns.erased_at IS NOT NULL
                                         AND returns.returned_at IS NULL AND returns.expected_at > ?2)))) END
             LIMIT ?1"
        ),
        (limit, tx.now),
        licence,
    )
}

/// When the first device that was erased to come back, and has a licence of a location, is missed.
pub fn next_missed(tx: &Tx, token_id: &str) -> Result<Option<Timestamp>> {
    tx.one(
        "SELECT min(returns.expected_at) FROM returns JOIN enrollments ON enrollments.id = returns.enrollment_id
         JOIN devices ON devices.id = enrollments.device_id
         JOIN licences ON licences.holder = upper(devices.serial_number) AND licences.holder_kind = 'device'
         WHERE returns.returned_at IS NULL AND returns.expected_at > ?2 AND returns.erased_at IS NOT NULL AND enrollments.state = 'erased'
           AND licences.token_id = ?1 AND licences.wanted",
        (token_id, tx.now),
        |row| row.get(0),
    )
}

/// Wanted licences of devices that were erased and came back between two moments: those from before of which no app on the device knows any more.
pub fn kept_for_nothing(tx: &Tx, after: Timestamp, before: Timestamp, limit: u32) -> Result<Vec<Licence>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM licences WHERE holder_kind = 'device' AND (adam_id, holder) IN
                 (SELECT kept.adam_id, kept.holder FROM returns JOIN enrollments ON enrollments.id = returns.enrollment_id
                  JOIN devices ON devices.id = enrollments.device_id
                  JOIN licences AS kept ON kept.holder = upper(devices.serial_number) AND kept.holder_kind = 'device'
                  WHERE returns.returned_at > ?1 AND returns.returned_at <= ?2 AND kept.wanted AND kept.since_at <= returns.erased_at
                    AND NOT EXISTS (SELECT 1 FROM app_states JOIN enrollments AS channel ON channel.id = app_states.enrollment_id
                                    WHERE channel.device_id = devices.id AND app_states.adam_id = kept.adam_id))
             LIMIT ?3"
        ),
        (after, before, limit),
        licence,
    )
}
