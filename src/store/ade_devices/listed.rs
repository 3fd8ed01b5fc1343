//! Lists of the devices that Apple says are ours, with the names of what belongs to them.

use rusqlite::{Row, named_params};

use super::{AdeDevice, COLUMNS, device};
use crate::error::Result;
use crate::store::tx::Tx;
use crate::store::words::words;

/// The enrolled device with the serial number of a row `a`.
const ENROLLED: &str = "(SELECT devices.id FROM devices JOIN enrollments ON enrollments.device_id = devices.id
      WHERE devices.serial_number = a.serial_number COLLATE NOCASE AND devices.serial_number IS NOT NULL AND devices.deleted_at IS NULL
        AND enrollments.state = 'enrolled' ORDER BY devices.created_at DESC LIMIT 1)";

/// Whether there is none, where all are asked for: by one walk along those that are enrolled, instead of a look for each row.
const NOT_ENROLLED: &str = "a.serial_number COLLATE NOCASE NOT IN
     (SELECT serial_number FROM devices INDEXED BY devices_roster WHERE deleted_at IS NULL AND serial_number IS NOT NULL
      AND EXISTS (SELECT 1 FROM enrollments WHERE device_id = devices.id AND state = 'enrolled'))";

/// Whether Apple has refused the profile that a row `a` is to have, as it is now.
const REFUSED: &str =
    "EXISTS (SELECT 1 FROM ade_defined WHERE ade_defined.server_id = a.server_id AND ade_defined.profile_id = a.profile_id
      AND ade_defined.problem <> '')";

words! {
    /// Which devices are looked for.
    pub enum Show {
        /// All that are ours.
        All = "all",
        /// Those that are not enrolled.
        NotEnrolled = "not_enrolled",
        /// Those that Apple has no profile for: they would come without us.
        NoProfile = "no_profile",
        /// Those whose profile Apple wants us to wait with.
        Throttled = "throttled",
        /// Those whose profile Apple refused, or could not assign.
        Failed = "failed",
        /// Those that are not ours any more.
        Gone = "gone",
    }
}

impl Show {
    fn condition(self) -> String {
        let ours = "a.gone_at IS NULL";
        match self {
            Self::All => ours.to_owned(),
            Self::NotEnrolled => format!("{ours} AND {NOT_ENROLLED}"),
            Self::NoProfile => format!("{ours} AND a.profile_status NOT IN ('assigned', 'pushed')"),
            Self::Throttled => format!("{ours} AND a.result = 'throttled'"),
            Self::Failed => format!("{ours} AND (a.result IN ('failed', 'not_accessible') OR {REFUSED})"),
            Self::Gone => String::from("a.gone_at IS NOT NULL"),
        }
    }
}

/// Which devices are listed.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Of which server; of every one where none is named.
    pub server_id: Option<String>,
    /// Which of them.
    pub show: Show,
    /// Part of a serial number, a model, a description or a tag; empty for any.
    pub search: String,
}

/// A device in a list, with the names of what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The device.
    pub device: AdeDevice,
    /// Its server's name.
    pub server: String,
    /// The enrolled device with its serial number.
    pub device_id: Option<String>,
    /// The name of the profile that it is to have.
    pub profile: Option<String>,
    /// Why Apple does not take that profile as it is now, sentences; empty where it does, or was not asked yet.
    pub profile_problem: String,
    /// Whose it will be.
    pub person: Option<String>,
    /// The class that it is for.
    pub class: Option<String>,
    /// The group that it will be in.
    pub group: Option<String>,
}

fn condition(filter: &Filter) -> String {
    format!(
        "{} AND (:server IS NULL OR a.server_id = :server)
         AND (:search = '' OR instr(lower(a.serial_number || ' ' || a.model || ' ' || a.description || ' ' || a.asset_tag), lower(:search)) > 0)",
        filter.show.condition()
    )
}

/// The columns of a device in a list, and the tables that they are from.
fn listing() -> String {
    let columns = COLUMNS.split(", ").map(|name| format!("a.{}", name.trim())).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT {columns}, ade_servers.name, {ENROLLED}, ade_profiles.name, people.name, classes.name, groups.name,
                coalesce(ade_defined.problem, '')
         FROM ade_devices AS a JOIN ade_servers ON ade_servers.id = a.server_id LEFT JOIN ade_profiles ON ade_profiles.id = a.profile_id
              LEFT JOIN ade_defined ON ade_defined.server_id = a.server_id AND ade_defined.profile_id = a.profile_id
              LEFT JOIN people ON people.id = a.person_id LEFT JOIN classes ON classes.id = a.class_id LEFT JOIN groups ON groups.id = a.group_id"
    )
}

fn listed_row(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        device: device(row)?,
        server: row.get(30)?,
        device_id: row.get(31)?,
        profile: row.get(32)?,
        person: row.get(33)?,
        class: row.get(34)?,
        group: row.get(35)?,
        profile_problem: row.get(36)?,
    })
}

/// A device of a server, as in a list.
pub fn listed(tx: &Tx, server_id: &str, serial_number: &str) -> Result<Option<Listed>> {
    tx.optional(&format!("{} WHERE a.server_id = ?1 AND a.serial_number = ?2", listing()), [server_id, serial_number], listed_row)
}

/// One page of devices by serial number; `after` is the serial number and the server of the last one before.
pub fn list(tx: &Tx, filter: &Filter, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Listed>> {
    let sql = format!(
        "{} WHERE {} AND (:after IS NULL OR (a.serial_number, a.server_id) > (:after, :after_server))
         ORDER BY a.serial_number, a.server_id LIMIT :limit",
        listing(),
        condition(filter)
    );
    let (after, after_server) = after.unzip();
    let params = named_params! {
        ":server": filter.server_id, ":search": filter.search, ":after": after, ":after_server": after_server, ":limit": limit,
    };
    tx.list(&sql, params, listed_row)
}

/// How many devices a list has.
pub fn count(tx: &Tx, filter: &Filter) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM ade_devices AS a WHERE {}", condition(filter));
    let params = named_params! { ":server": filter.server_id, ":search": filter.search };
    tx.one(&sql, params, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// How many devices a server has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// That are ours.
    pub ours: u64,
    /// Of these, not enrolled.
    pub not_enrolled: u64,
    /// Of these, without a profile at Apple.
    pub no_profile: u64,
    /// Of these, whose profile Apple refused or could not assign, or wants us to wait with.
    pub troubled: u64,
}

/// Counts the devices of a server.
pub fn counts(tx: &Tx, server_id: &str) -> Result<Counts> {
    let sql = format!(
        "SELECT count(*), coalesce(sum({NOT_ENROLLED}), 0), coalesce(sum(a.profile_status NOT IN ('assigned', 'pushed')), 0),
                coalesce(sum(a.result IN ('failed', 'not_accessible', 'throttled') OR {REFUSED}), 0)
         FROM ade_devices AS a WHERE a.server_id = ?1 AND a.gone_at IS NULL"
    );
    tx.one(&sql, [server_id], |row| {
        let number = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
        Ok(Counts { ours: number(0)?, not_enrolled: number(1)?, no_profile: number(2)?, troubled: number(3)? })
    })
}
