//! The roster: devices in view with how they stand, searched, filtered and sorted.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::devices::{self, Device};
use crate::store::enrollments::EnrollmentState;
use crate::store::words::words;

words! {
    /// How a device stands, in the order in which a page sorts them.
    pub enum Standing {
        /// Enrolled, heard of lately, nothing waits.
        Ok = "ok",
        /// Something waits for it, an app cannot be had yet, or it is in the middle of enrolling.
        Waiting = "waiting",
        /// Not heard of for a week.
        Silent = "silent",
        /// It left, was erased or retired, cannot be pushed to, or something failed on it.
        Problem = "problem",
    }
}

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
    /// Profiles, declarations and required apps that it refused or that failed on it and its users' channels.
    pub failed: i64,
    /// Required apps that it cannot have yet.
    pub lacking: i64,
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
            Self::Name => "lower(name)",
            Self::Serial => "lower(coalesce(serial_number, ''))",
            Self::Model => "lower(product_name)",
            Self::Os => {
                "platform || printf('%05d%05d', CAST(os_version AS INTEGER), CAST(substr(os_version, instr(os_version, '.') + 1) AS INTEGER))"
            }
            Self::LastSeen => "printf('%020d', coalesce(last_seen_at, 0))",
            Self::Standing => "CASE standing WHEN 'ok' THEN '0' WHEN 'waiting' THEN '1' WHEN 'silent' THEN '2' ELSE '3' END",
        }
    }
}

/// Every device in view with the newest of its own channels. What of profiles, apps and updates comes by declarations is told by their own tables.
/// With the cast SQLite finds a channel among many that are troubled by an index of its own, and does not walk through them for each device.
const ROSTER: &str = "
    WITH channels AS (
        SELECT enrollments.*, row_number() OVER (PARTITION BY device_id ORDER BY authenticated_at DESC) AS place FROM enrollments WHERE parent_id IS NULL
    ), troubles AS (
        SELECT enrollment_id, 1 AS failed, 0 AS is_app FROM deployments WHERE problem <> '' AND wanted <> '' AND seen <> wanted
        UNION ALL
        SELECT enrollment_id, stage IN ('failed', 'stuck'), 1 FROM app_states
        WHERE stage IN ('failed', 'stuck', 'no_licence', 'lacking') AND wanted <> '' AND mode = 'required'
        UNION ALL
        SELECT enrollment_id, 1, 0 FROM declaration_states AS said JOIN declared USING (enrollment_id, identifier, server_token)
        WHERE said.valid = 'invalid' AND identifier NOT GLOB 'org.rollcall.profile.*' AND identifier NOT GLOB 'org.rollcall.app.*'
          AND identifier NOT GLOB 'org.rollcall.update*'
    ), troubled AS (
        SELECT CAST(coalesce(parent_id, id) AS TEXT) AS channel_id, sum(failed) AS failed, sum(NOT failed) AS lacking
        FROM troubles JOIN enrollments ON enrollments.id = enrollment_id WHERE state = 'enrolled' GROUP BY 1
    ), roster AS (
        SELECT devices.*, channels.id AS enrollment_id, channels.state AS enrollment_state, channels.push_error,
               CASE WHEN channels.id IN (SELECT enrollment_id FROM moves WHERE bound_at IS NULL) THEN channels.last_seen_at ELSE
               nullif(max(coalesce(channels.last_seen_at, 0), coalesce(channels.token_updated_at, 0), coalesce(channels.authenticated_at, 0)), 0) END AS last_seen_at,
               (SELECT count(*) FROM commands WHERE commands.enrollment_id = channels.id AND commands.finished_at IS NULL) AS waiting,
               CASE WHEN channels.id IS NULL OR channels.state IN ('left', 'erased', 'retired') OR channels.push_dead_at IS NOT NULL THEN 'problem'
                    WHEN channels.state = 'authenticated' OR channels.id IN (SELECT enrollment_id FROM moves WHERE bound_at IS NULL) THEN 'waiting'
                    WHEN max(coalesce(channels.last_seen_at, 0), coalesce(channels.token_updated_at, 0)) < :now - 604800000 THEN 'silent'
                    WHEN channels.id IN (SELECT channel_id FROM troubled WHERE failed > 0) THEN 'problem'
                    WHEN channels.questions_due OR channels.id IN (SELECT channel_id FROM troubled) OR EXISTS (SELECT 1 FROM commands WHERE commands.enrollment_id = channels.id AND commands.finished_at IS NULL)
                    THEN 'waiting'
                    ELSE 'ok' END AS standing
        FROM devices LEFT JOIN channels ON channels.device_id = devices.id AND channels.place = 1 WHERE deleted_at IS NULL
    )";

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
        standing: row.get("standing")?,
        sort_key: row.get("sort_key")?,
    })
}

impl Filter {
    fn conditions(&self) -> (String, Vec<Value>) {
        let (mut conditions, mut values) = (vec![String::from("1")], Vec::new());
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
        if let Some(standing) = self.standing {
            equal("standing", String::from(standing.as_str()).into());
        }
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
            let board = if self.hardware.contains('/') { " || '/' || coalesce(facts ->> 'SoftwareUpdateDeviceID', '')" } else { "" };
            conditions.push(format!("enrollment_state = 'enrolled' AND product_name{board} = ?"));
            values.push(self.hardware.clone().into());
        }
        if !self.version.is_empty() {
            conditions.push(String::from(
                "enrollment_state = 'enrolled' AND os_version IN (?, ?, ?)
                 AND ? IN ('*', lower(trim(coalesce(facts ->> 'SupplementalOSVersionExtra', ''), '() ')))",
            ));
            values.extend(spellings(&self.version).map(Value::from));
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
    let (conditions, mut values) = filter.conditions();
    let (key, order, beyond) = (sort.expression(), if descending { "DESC" } else { "ASC" }, if descending { "<" } else { ">" });
    let mut page = String::new();
    if let Some((last_key, last_id)) = after {
        page = format!(" AND ({key}, id) {beyond} (?, ?)");
        values.extend([Value::from(last_key.to_owned()), Value::from(last_id.to_owned())]);
    }
    values.push(limit.into());
    let narrowed = format!("WHERE {conditions}{page} ORDER BY {key} {order}, id {order} LIMIT ?");
    tx.list(&rows(tx, key, &narrowed, &format!("ORDER BY sort_key {order}, id {order}")), params_from_iter(values), listed)
}

/// The query of some rows of the roster: first they are chosen, and only then is it looked up for them what failed.
fn rows(tx: &Tx, key: &str, narrowed: &str, order: &str) -> String {
    let columns = devices::COLUMNS.replace("devices.", "roster.");
    format!(
        "{}, chosen AS MATERIALIZED (
             SELECT {columns}, enrollment_id, enrollment_state, last_seen_at, waiting, push_error, standing, {key} AS sort_key FROM roster {narrowed}
         ) SELECT chosen.*, coalesce(failed, 0) AS failed, coalesce(lacking, 0) AS lacking
           FROM chosen LEFT JOIN troubled ON channel_id = enrollment_id {order}",
        at(tx)
    )
}

/// How many devices pass the filter, by how they stand: ok, waiting, silent, problem.
pub fn counts(tx: &Tx, filter: &Filter) -> Result<[u64; 4]> {
    let (conditions, values) = filter.conditions();
    let rows: Vec<(Standing, i64)> = tx.list(
        &format!("{} SELECT standing, count(*) FROM roster WHERE {conditions} GROUP BY standing", at(tx)),
        params_from_iter(values),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut counts = [0; 4];
    for (standing, count) in rows {
        counts[standing as usize] = count.unsigned_abs();
    }
    Ok(counts)
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

/// Where people look for each of these devices: its first group by hand, else a class of its person, else what its invitation named, else its first
/// group by rule. Devices of which none is known are left out.
pub fn circles(tx: &Tx, devices: &[&str]) -> Result<HashMap<String, String>> {
    let ids = serde_json::to_string(devices).map_err(|error| Error::internal("ids are JSON", error))?;
    let group = |is_by_rule: &str| {
        format!(
            "(SELECT groups.name FROM group_devices JOIN groups ON groups.id = group_id
              WHERE device_id = devices.id AND rule IS {is_by_rule} ORDER BY groups.name, groups.id LIMIT 1)"
        )
    };
    let rows: Vec<(String, Option<String>)> = tx.list(
        &format!(
            "SELECT devices.id, coalesce({},
                (SELECT classes.name FROM class_people JOIN classes ON classes.id = class_id WHERE class_people.person_id = devices.person_id
                 ORDER BY classes.name, classes.id LIMIT 1),
                nullif(group_label, ''), {})
             FROM json_each(?1) JOIN devices ON devices.id = value",
            group("NULL"),
            group("NOT NULL")
        ),
        [ids],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(rows.into_iter().filter_map(|(id, name)| Some((id, name?))).collect())
}

/// One device of the roster.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Listed>> {
    tx.optional(&rows(tx, "''", "WHERE id = ?", ""), [id], listed)
}

/// Enrolled devices that refused a profile or a declaration, or on which one failed; apps are not counted.
pub fn refusing(tx: &Tx) -> Result<u64> {
    let sql = format!(
        "{} SELECT count(DISTINCT device_id) FROM troubles JOIN enrollments ON enrollments.id = enrollment_id
            WHERE failed AND NOT is_app AND state = 'enrolled'",
        at(tx)
    );
    tx.one(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// How many devices were heard of on each of the last `days` days, oldest first.
pub fn check_ins(tx: &Tx, days: u32) -> Result<Vec<u64>> {
    let day_ms = 24 * 3600 * 1000;
    let today = tx.now.millis() / day_ms;
    let rows: Vec<(i64, i64)> = tx.list(
        "SELECT at / 86400000, count(DISTINCT device_id) FROM events WHERE actor_kind = 'device' AND device_id IS NOT NULL AND at >= ?1 GROUP BY 1",
        [(today - i64::from(days) + 1) * day_ms],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let first = today - i64::from(days) + 1;
    Ok((first..=today).map(|day| rows.iter().find(|(on, _)| *on == day).map_or(0, |(_, count)| count.unsigned_abs())).collect())
}

/// The roster's common table with this transaction's moment written in: it is a number of ours.
fn at(tx: &Tx) -> String {
    ROSTER.replace(":now", &tx.now.millis().to_string())
}

#[cfg(test)]
pub(crate) mod tests;
