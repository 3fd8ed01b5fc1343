//! Enrollments that another server handed over: who has come since, and by which certificate the others are expected.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// Where an enrollment moved in from.
    pub enum MovedFrom {
        /// A server that sent its check-ins to `/migration`.
        Nano = "nano",
        /// A storage of NanoMDM.
        NanoMdm = "nanomdm",
        /// A database of MicroMDM.
        MicroMdm = "micromdm",
    }
}

/// How the enrollment of a device moved in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The device's own channel.
    pub enrollment_id: String,
    /// From where.
    pub source: MovedFrom,
    /// The certificate by which the other server knew it; no other is bound.
    pub identity: Option<Fingerprint>,
    /// PayloadIdentifier of the profile that it has from there; empty where it is not known.
    pub profile: String,
    /// Whether that profile gives users of the device channels of their own, where that is known.
    pub per_user: Option<bool>,
    /// The host by which it came; empty until then.
    pub address: String,
    /// When it was first handed over.
    pub moved_at: Timestamp,
    /// When it came, and its certificate was bound.
    pub bound_at: Option<Timestamp>,
}

const COLUMNS: &str = "enrollment_id, source, identity, profile, per_user, address, moved_at, bound_at";

fn read(row: &Row<'_>) -> rusqlite::Result<Move> {
    Ok(Move {
        enrollment_id: row.get(0)?,
        source: row.get(1)?,
        identity: row.get(2)?,
        profile: row.get(3)?,
        per_user: row.get(4)?,
        address: row.get(5)?,
        moved_at: row.get(6)?,
        bound_at: row.get(7)?,
    })
}

/// Stores a move, new or changed.
pub fn put(tx: &Tx, moved: &Move) -> Result<()> {
    tx.execute(
        "INSERT INTO moves (enrollment_id, source, identity, profile, per_user, address, moved_at, bound_at)
         VALUES (:enrollment_id, :source, :identity, :profile, :per_user, :address, :moved_at, :bound_at)
         ON CONFLICT (enrollment_id) DO UPDATE SET source = excluded.source, identity = excluded.identity, profile = excluded.profile,
             per_user = excluded.per_user, address = excluded.address, moved_at = excluded.moved_at, bound_at = excluded.bound_at",
        named_params! {
            ":enrollment_id": moved.enrollment_id, ":source": moved.source, ":identity": moved.identity, ":profile": moved.profile,
            ":per_user": moved.per_user, ":address": moved.address, ":moved_at": moved.moved_at, ":bound_at": moved.bound_at,
        },
    )?;
    Ok(())
}

/// How an enrollment moved in, if it did.
pub fn of(tx: &Tx, enrollment_id: &str) -> Result<Option<Move>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM moves WHERE enrollment_id = ?1"), [enrollment_id], read)
}

/// The enrollment whose device another server knew by this certificate.
pub fn named_by(tx: &Tx, identity: &Fingerprint) -> Result<Option<String>> {
    tx.optional("SELECT enrollment_id FROM moves WHERE identity = ?1 LIMIT 1", [identity], |row| row.get(0))
}

/// Those on a topic, in the order of their ids.
pub fn on_topic(tx: &Tx, topic: &str) -> Result<Vec<Move>> {
    let columns = COLUMNS.split(", ").map(|column| format!("moves.{column}")).collect::<Vec<_>>().join(", ");
    tx.list(
        &format!(
            "SELECT {columns} FROM moves JOIN enrollments ON enrollments.id = moves.enrollment_id
             WHERE enrollments.topic = ?1 ORDER BY moves.enrollment_id"
        ),
        [topic],
        read,
    )
}

/// A move with its device.
#[derive(Debug, Clone)]
pub struct Line {
    /// The move.
    pub moved: Move,
    /// The device.
    pub device_id: String,
    /// The device's id as NanoMDM spells it.
    pub nano_id: String,
    /// The device's name; may be empty.
    pub name: String,
    /// Its serial number.
    pub serial_number: Option<String>,
    /// ServerURL of its profile, where it is known.
    pub server_url: String,
    /// Its push topic.
    pub topic: String,
}

/// Moves of enrollments that are here still, those that wait first, the longest waiting at the top; `after` is the last one of the page before.
pub fn list(tx: &Tx, waiting: Option<bool>, after: Option<&(bool, Timestamp, String)>, limit: u32) -> Result<Vec<Line>> {
    let columns = COLUMNS.split(", ").map(|column| format!("m.{column}")).collect::<Vec<_>>().join(", ");
    let (bound, moved_at, id) = after.map_or((false, Timestamp::from_millis(i64::MIN), ""), |(bound, at, id)| (*bound, *at, id.as_str()));
    tx.list(
        &format!(
            "SELECT {columns}, e.device_id, e.nano_id, d.name, d.serial_number, e.server_url, e.topic
             FROM moves m JOIN enrollments e ON e.id = m.enrollment_id JOIN devices d ON d.id = e.device_id
             WHERE d.deleted_at IS NULL AND e.state = 'enrolled' AND (?1 IS NULL OR (m.bound_at IS NULL) = ?1)
               AND (m.bound_at IS NOT NULL, m.moved_at, m.enrollment_id) > (?2, ?3, ?4)
             ORDER BY m.bound_at IS NOT NULL, m.moved_at, m.enrollment_id LIMIT ?5"
        ),
        (waiting, bound, moved_at, id, limit),
        |row| {
            Ok(Line {
                moved: read(row)?,
                device_id: row.get(8)?,
                nano_id: row.get(9)?,
                name: row.get(10)?,
                serial_number: row.get(11)?,
                server_url: row.get(12)?,
                topic: row.get(13)?,
            })
        },
    )
}

/// How many moved in, and how many of them have not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Enrollments that moved in and are here still.
    pub moved: i64,
    /// Those whose device has not come.
    pub waiting: i64,
    /// Those of which the other server named the certificate, among those that have not come.
    pub named: i64,
}

/// Counts those that moved in.
pub fn counts(tx: &Tx) -> Result<Counts> {
    tx.one(
        "SELECT count(*), coalesce(sum(m.bound_at IS NULL), 0), coalesce(sum(m.bound_at IS NULL AND m.identity IS NOT NULL), 0)
         FROM moves m JOIN enrollments e ON e.id = m.enrollment_id JOIN devices d ON d.id = e.device_id
         WHERE d.deleted_at IS NULL AND e.state = 'enrolled'",
        [],
        |row| Ok(Counts { moved: row.get(0)?, waiting: row.get(1)?, named: row.get(2)? }),
    )
}

/// Addresses that devices come to, each with how many do, practice ones left out: ServerURL, or the host by which one came whose ServerURL is not known.
pub fn addresses(tx: &Tx) -> Result<Vec<(String, String, i64)>> {
    tx.list(
        "SELECT e.server_url, coalesce(m.address, ''), count(*) FROM enrollments e JOIN devices d ON d.id = e.device_id
         LEFT JOIN moves m ON m.enrollment_id = e.id
         WHERE e.state = 'enrolled' AND e.parent_id IS NULL AND d.deleted_at IS NULL AND d.practice = 0
         GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 1000",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// Topics of those that moved in for which there is no push certificate, with how many devices each.
pub fn topics_without_certificate(tx: &Tx) -> Result<Vec<(String, i64)>> {
    tx.list(
        "SELECT e.topic, count(*) FROM moves m JOIN enrollments e ON e.id = m.enrollment_id JOIN devices d ON d.id = e.device_id
         WHERE e.state = 'enrolled' AND d.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM push_certificates p WHERE p.topic = e.topic)
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Device channels that could go to another server, in the order of their ids: enrolled, of devices that are no practice and not deleted.
pub fn movable(tx: &Tx, after: &str, limit: u32) -> Result<Vec<String>> {
    tx.list(
        "SELECT e.id FROM enrollments e JOIN devices d ON d.id = e.device_id
         WHERE e.id > ?1 AND e.parent_id IS NULL AND e.state = 'enrolled' AND d.deleted_at IS NULL AND d.practice = 0 ORDER BY e.id LIMIT ?2",
        (after, limit),
        |row| row.get(0),
    )
}

/// How many could.
pub fn count_movable(tx: &Tx) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM enrollments e JOIN devices d ON d.id = e.device_id
         WHERE e.parent_id IS NULL AND e.state = 'enrolled' AND d.deleted_at IS NULL AND d.practice = 0",
        [],
        |row| row.get(0),
    )
}
