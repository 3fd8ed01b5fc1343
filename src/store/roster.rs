//! The roster: devices in view with how they stand, searched, filtered and sorted.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::commands::Asked;
use crate::store::devices::{self, Device};
use crate::store::enrollments::EnrollmentState;
use crate::store::words::words;

mod circles;
mod standing;

pub use circles::{Spot, Spots, spots};
use standing::ROSTER;

words! {
    /// How a device stands, in the order in which a page sorts them.
    pub enum Standing {
        /// Enrolled, heard of lately, nothing waits.
        Ok = "ok",
        /// Something waits for it, an app cannot be had yet, it is in the middle of enrolling, or it was retired and not told yet.
        Waiting = "waiting",
        /// Not heard of for a week, or retired and told to leave.
        Silent = "silent",
        /// It left, was erased, cannot be pushed to, something failed on it, or it is past the deadline of an update.
        Problem = "problem",
        /// It is in Lost Mode, or was told to go there.
        Lost = "lost",
    }
}

words! {
    /// How far a device is in Lost Mode.
    pub enum LostState {
        /// It was told, and has not confirmed it.
        Asked = "asked",
        /// It confirmed it, or reported it.
        On = "on",
    }
}

/// How many devices stand how, in the order of [`Standing::ALL`].
pub type Counts = [u64; 5];

/// How long a device may be quiet before it counts as silent, in milliseconds: a week.
pub const SILENT_AFTER_MS: i64 = 7 * 24 * 3600 * 1000;

/// A device with how it stands.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The device.
    pub device: Device,
    /// Its own channel.
    pub enrollment_id: Option<String>,
    /// Where that stands.
    pub enrollment_state: Option<EnrollmentState>,
    /// When it was last heard of.
    pub last_seen_at: Option<Timestamp>,
    /// Commands in its queue.
    pub waiting: i64,
    /// Why the last push failed.
    pub push_error: String,
    /// Profiles, declarations, required apps and updates that it refused or that failed on it and its users' channels.
    pub failed: i64,
    /// Required apps that it cannot have yet.
    pub lacking: i64,
    /// Whether it is past the deadline of an update that it does not have.
    pub overdue: bool,
    /// How far it is in Lost Mode, while it is lost.
    pub lost: Option<LostState>,
    /// How it stands.
    pub standing: Standing,
    /// What the present order sorts by.
    pub sort_key: String,
}

/// What a list of devices is narrowed to; empty means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of a name, serial number, UDID, model, group or person.
    pub search: String,
    /// How they stand.
    pub standing: Option<Standing>,
    /// Which family.
    pub platform: Option<Platform>,
    /// A group that they are in, by id or name, a class of their person by its name, or what their invitation named.
    pub group: String,
    /// Practice devices only, or none of them.
    pub practice: Option<bool>,
    /// Enrolled devices of this hardware: the product name; of Macs, which are listed by their boards, with a slash and the board as far as they
    /// have said it: `iPad13,18`, `Mac14,2/J413AP`, `Mac14,2/`.
    pub hardware: String,
    /// Enrolled devices that run this version: `26.1`, `26.1 (a)` with an improvement, or `26.1 (*)` with any or none; `unknown` where they have not said.
    pub version: String,
    /// Those of which somebody asked something at once, or those of them that answered so.
    pub asked: Option<Asked>,
}

/// What a list is sorted by; the id breaks ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Name.
    #[default]
    Name,
    /// Serial number.
    Serial,
    /// Model.
    Model,
    /// OS version, by its parts.
    Os,
    /// When it was last heard of.
    LastSeen,
    /// How it stands, the worst last.
    Standing,
}

impl Sort {
    fn expression(self) -> &'static str {
        match self {
            // One without a name is shown by what it is known by instead.
            Self::Name => "lower(coalesce(nullif(name, ''), nullif(serial_number, ''), udid, ''))",
            Self::Serial => "lower(coalesce(serial_number, ''))",
            Self::Model => "lower(product_name)",
            // As many digits whatever the version: texts of them sort as its parts do.
            Self::Os => {
                "platform || (10000000000 + 100000 * CAST(os_version AS INTEGER) + CAST(substr(os_version, instr(os_version, '.') + 1) AS INTEGER))"
            }
            // As many digits whenever it was: texts of them sort as the moments do.
            Self::LastSeen => "CAST(coalesce(last_seen_at, 0) + 1000000000000000 AS TEXT)",
            Self::Standing => {
                "CASE standing WHEN 'ok' THEN '0' WHEN 'waiting' THEN '1' WHEN 'silent' THEN '2' WHEN 'problem' THEN '3' ELSE '4' END"
            }
        }
    }
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        device: devices::device(row)?,
        enrollment_id: row.get("enrollment_id")?,
        enrollment_state: row.get("enrollment_state")?,
        last_seen_at: row.get("last_seen_at")?,
        waiting: row.get("waiting")?,
        push_error: row.get::<_, Option<String>>("push_error")?.unwrap_or_default(),
        failed: row.get("failed")?,
        lacking: row.get("lacking")?,
        overdue: row.get("overdue")?,
        lost: row.get("lost")?,
        standing: row.get("standing")?,
        sort_key: row.get("sort_key")?,
    })
}

impl Filter {
    /// What narrows the roster to it but for the standing, and the values of the whole statement, whose first is the present moment.
    fn conditions(&self, tx: &Tx) -> (String, Vec<Value>) {
        let (mut conditions, mut values) = (vec![String::from("1")], vec![Value::from(tx.now.millis())]);
        let search = self.search.trim();
        if !search.is_empty() {
            let like = format!("%{}%", search.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            let columns =
                ["name", "serial_number", "udid", "model", "model_name", "product_name", "group_label", "person_label", "os_version"];
            let any: Vec<_> = columns.iter().map(|column| format!("{column} LIKE ? ESCAPE '\\'")).collect();
            conditions.push(format!("({})", any.join(" OR ")));
            values.extend(columns.iter().map(|_| Value::from(like.clone())));
        }
        let mut equal = |column: &str, value: Value| {
            conditions.push(format!("{column} = ?"));
            values.push(value);
        };
        if let Some(platform) = self.platform {
            equal("platform", String::from(platform.as_str()).into());
        }
        if let Some(practice) = self.practice {
            equal("practice", i64::from(practice).into());
        }
        if !self.group.is_empty() {
            conditions.push(String::from(
                "(group_label = ? OR id IN (SELECT device_id FROM group_devices JOIN groups ON groups.id = group_id WHERE groups.id = ? OR groups.name = ?)
                  OR person_id IN (SELECT person_id FROM class_people JOIN classes ON classes.id = class_id WHERE classes.name = ?))",
            ));
            values.extend(std::iter::repeat_n(Value::from(self.group.clone()), 4));
        }
        if !self.hardware.is_empty() {
            let (product, board) =
                self.hardware.split_once('/').map_or((self.hardware.as_str(), None), |(product, board)| (product, Some(board)));
            conditions.push(String::from("enrollment_state = 'enrolled' AND product_name = ?"));
            values.push(String::from(product).into());
            if let Some(board) = board {
                conditions.push(String::from("coalesce(facts ->> 'SoftwareUpdateDeviceID', '') = ?"));
                values.push(String::from(board).into());
            }
        }
        if !self.version.is_empty() {
            conditions.push(String::from(
                "enrollment_state = 'enrolled' AND os_version IN (?, ?, ?)
                 AND ? IN ('*', lower(trim(coalesce(facts ->> 'SupplementalOSVersionExtra', ''), '() ')))",
            ));
            values.extend(spellings(&self.version).map(Value::from));
        }
        if let Some(asked) = self.asked {
            conditions.push(format!("id IN ({})", asked.devices()));
            values.push(asked.batch.into());
        }
        (conditions.join(" AND "), values)
    }
}

/// How devices may write a version: with a last zero or without; and the letters of its improvement.
fn spellings(version: &str) -> [String; 4] {
    let (numbers, letters) = version.split_once(" (").unwrap_or((version, ""));
    let numbers = if numbers == "unknown" { "" } else { numbers };
    let short = numbers.strip_suffix(".0").unwrap_or(numbers);
    let long = if numbers.is_empty() { String::new() } else { format!("{numbers}.0") };
    [numbers.to_owned(), short.to_owned(), long, letters.trim_end_matches(')').to_lowercase()]
}

/// One page of devices, after the key and id of the last one before.
pub fn list(tx: &Tx, filter: &Filter, sort: Sort, descending: bool, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Listed>> {
    Ok(page(tx, filter, sort, descending, after, limit)?.0)
}

/// The same, and how many devices pass the filter whatever their standing, by how they stand.
///
/// How each of them stands is looked up once for both; everything else only for those of the page.
pub fn page(
    tx: &Tx,
    filter: &Filter,
    sort: Sort,
    descending: bool,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<(Vec<Listed>, Counts)> {
    let is_beyond = if descending { Ordering::Less } else { Ordering::Greater };
    let (mut counts, mut first) = (Counts::default(), Places::new(limit as usize, descending));
    survey(tx, filter, sort.expression(), |standing, place| {
        counts[standing as usize] += 1;
        if filter.standing.is_none_or(|wanted| wanted == standing) && after.is_none_or(|last| place.cmp(&last) == is_beyond) {
            first.offer(place);
        }
    })?;
    if first.kept.is_empty() {
        return Ok((Vec::new(), counts));
    }
    let ids: Vec<&str> = first.kept.iter().map(|(_, id)| id.as_str()).collect();
    Ok((of_ids(tx, &ids, sort, descending)?, counts))
}

/// The first so many places of an order, while all are gone through in any other: no more than those are held.
struct Places {
    kept: BTreeSet<(String, String)>,
    limit: usize,
    descending: bool,
}

impl Places {
    fn new(limit: usize, descending: bool) -> Self {
        Self { kept: BTreeSet::new(), limit, descending }
    }

    fn offer(&mut self, place: (&str, &str)) {
        if self.kept.len() >= self.limit {
            let last = if self.descending { self.kept.first() } else { self.kept.last() };
            let Some((key, id)) = last else { return };
            let before = if self.descending { Ordering::Greater } else { Ordering::Less };
            if place.cmp(&(key.as_str(), id.as_str())) != before {
                return;
            }
            drop(if self.descending { self.kept.pop_first() } else { self.kept.pop_last() });
        }
        self.kept.insert((place.0.to_owned(), place.1.to_owned()));
    }
}

/// Tells of each device that passes the filter whatever its standing: how it stands, and by what it is sorted with its id.
fn survey(tx: &Tx, filter: &Filter, key: &str, mut tell: impl FnMut(Standing, (&str, &str))) -> Result<()> {
    let (conditions, values) = filter.conditions(tx);
    let sql = format!("{ROSTER} SELECT standing, {key}, id FROM roster WHERE {conditions}");
    tx.list(&sql, params_from_iter(values), |row| {
        tell(row.get(0)?, (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?));
        Ok(())
    })
    .map(|_: Vec<()>| ())
}

/// Those of these devices that are in view, in the order of their keys.
pub fn of_ids(tx: &Tx, ids: &[&str], sort: Sort, descending: bool) -> Result<Vec<Listed>> {
    let ids = serde_json::to_string(ids).map_err(|error| Error::internal("ids are JSON", error))?;
    let order = if descending { "DESC" } else { "ASC" };
    let narrowed = "WHERE id IN (SELECT value FROM json_each(?2))";
    tx.list(&rows(sort.expression(), narrowed, &format!("ORDER BY sort_key {order}, id {order}")), (tx.now, ids), listed)
}

/// The query of some rows of the roster: first they are chosen, and only then is it looked up for them what failed.
fn rows(key: &str, narrowed: &str, order: &str) -> String {
    let columns = devices::COLUMNS.replace("devices.", "roster.");
    format!(
        "{ROSTER}, chosen AS MATERIALIZED (
             SELECT {columns}, enrollment_id, enrollment_state, last_seen_at, waiting, push_error, standing, {key} AS sort_key FROM roster {narrowed}
         ) SELECT chosen.*, coalesce(failed, 0) AS failed, coalesce(lacking, 0) AS lacking, coalesce(overdue, 0) AS overdue, lost
           FROM chosen LEFT JOIN troubled ON troubled.channel_id = enrollment_id LEFT JOIN lost ON lost.channel_id = enrollment_id {order}"
    )
}

/// How many devices pass the filter, by how they stand.
pub fn counts(tx: &Tx, filter: &Filter) -> Result<Counts> {
    let mut counts = Counts::default();
    survey(tx, filter, "''", |standing, _| {
        if filter.standing.is_none_or(|wanted| wanted == standing) {
            counts[standing as usize] += 1;
        }
    })?;
    Ok(counts)
}

/// How many devices are in view, practice ones or the others, however they stand.
pub fn total(tx: &Tx, practice: bool) -> Result<u64> {
    let sql = "SELECT count(*) FROM devices INDEXED BY devices_roster WHERE deleted_at IS NULL AND practice = ?1";
    tx.one(sql, [practice], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// The groups there are, and those that invitations of devices in view named, by name.
pub fn groups(tx: &Tx) -> Result<Vec<String>> {
    tx.list(
        "SELECT name FROM groups UNION SELECT DISTINCT group_label FROM devices WHERE deleted_at IS NULL AND group_label <> ''
         ORDER BY 1 COLLATE NOCASE LIMIT 500",
        [],
        |row| row.get(0),
    )
}

/// One device of the roster.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Listed>> {
    tx.optional(&rows("''", "WHERE id = ?2", ""), (tx.now, id), listed)
}

/// Enrolled devices that refused a profile or a declaration, or on which one failed; apps and updates are not counted.
pub fn refusing(tx: &Tx) -> Result<u64> {
    let sql = format!(
        "{ROSTER} SELECT count(DISTINCT device_id) FROM refused CROSS JOIN enrollments ON enrollments.id = enrollment_id
                  WHERE state = 'enrolled'"
    );
    tx.one(&sql, [tx.now], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// The channels of devices in Lost Mode, at most so many.
pub fn lost_channels(tx: &Tx, limit: u32) -> Result<Vec<String>> {
    let sql = format!("{ROSTER} SELECT channel_id FROM lost WHERE lost = 'on' ORDER BY channel_id LIMIT ?2");
    tx.list(&sql, (tx.now, limit), |row| row.get(0))
}

/// Devices that count as silent because they were retired and told to leave, practice ones left out.
pub fn retired(tx: &Tx) -> Result<u64> {
    let sql = format!("{ROSTER} SELECT count(*) FROM roster WHERE enrollment_state = 'retired' AND standing = 'silent' AND NOT practice");
    tx.one(&sql, [tx.now], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// How many devices were heard of since a moment.
pub fn heard_since(tx: &Tx, at: Timestamp) -> Result<u64> {
    let sql = "SELECT count(DISTINCT device_id) FROM enrollments
               WHERE max(coalesce(last_seen_at, 0), coalesce(authenticated_at, 0)) >= ?1";
    tx.one(sql, [at], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

#[cfg(test)]
pub(crate) mod tests;
