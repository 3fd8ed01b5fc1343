//! What lists and charts of update plans are made from: devices with their states, runs, models and what they run.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::update_states::{self, ENROLLED, Outcome, Stage, UpdateState};

/// A device of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The device.
    pub device_id: String,
    /// What people call it.
    pub name: String,
    /// Its serial number.
    pub serial_number: String,
    /// What it runs.
    pub os_version: String,
    /// When it last connected.
    pub last_seen_at: Option<Timestamp>,
    /// The family of its system.
    pub platform: Platform,
    /// When it put off what it is asked now.
    pub put_off_at: Option<Timestamp>,
    /// How the plan stands on it.
    pub state: UpdateState,
    /// Behind what a next page begins.
    pub cursor: String,
}

/// What a list of a plan's devices is narrowed to; nothing means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// At these stages; at any, if none is named.
    pub stages: Vec<Stage>,
    /// In this ring, from 0.
    pub ring: Option<usize>,
    /// Past their deadline and not there.
    pub overdue: bool,
}

/// The order of a plan's devices: those first that need somebody.
const ORDER: &str = "(CASE WHEN stage = 'failed' THEN 0 WHEN stage NOT IN ('done', 'cannot', 'excepted') AND deadline_at <= ?2 THEN 1
     WHEN stage = 'cannot' THEN 2 WHEN stage = 'done' THEN 4 WHEN stage = 'excepted' THEN 5 ELSE 3 END)";

/// One page of the devices of a plan, from behind the cursor `after`: all are put in order by what indices have of them, and what is long is read of
/// the page alone.
pub fn members(tx: &Tx, plan_id: &str, narrowed: &Narrowed, after: Option<&str>, limit: u32) -> Result<Vec<Member>> {
    let words: Vec<&str> = narrowed.stages.iter().map(|stage| stage.as_str()).collect();
    let words = serde_json::to_string(&words).unwrap_or_default();
    let sql = format!(
        "WITH page AS MATERIALIZED (
             SELECT enrollment_id AS channel_id, devices.id AS device_id, name, coalesce(serial_number, '') AS serial_number, os_version, platform,
                    enrollments.last_seen_at AS last_seen_at, {ORDER} || '|' || lower(name) || '|' || devices.id AS cursor
             FROM update_states
             CROSS JOIN enrollments ON enrollments.id = enrollment_id AND enrollments.state = 'enrolled'
             CROSS JOIN devices INDEXED BY devices_roster ON devices.id = enrollments.device_id AND devices.deleted_at IS NULL
             WHERE plan_id = ?1 AND (?3 = '[]' OR stage IN (SELECT value FROM json_each(?3)))
               AND (?6 IS NULL OR ring = ?6)
               AND (NOT ?7 OR (stage NOT IN ('done', 'cannot', 'excepted') AND deadline_at <= ?2))
               AND (?4 IS NULL OR {ORDER} || '|' || lower(name) || '|' || devices.id > ?4)
             ORDER BY cursor LIMIT ?5
         )
         SELECT update_states.*, page.*, commands.not_now_at AS put_off_at, coalesce(facts ->> 'SupplementalOSVersionExtra', '') AS extra
         FROM page CROSS JOIN update_states ON update_states.enrollment_id = channel_id AND plan_id = ?1
         CROSS JOIN (SELECT id AS said_id, facts FROM devices) ON said_id = device_id
         LEFT JOIN commands ON commands.uuid = update_states.command_uuid AND commands.enrollment_id = channel_id AND commands.finished_at IS NULL
         ORDER BY cursor"
    );
    let ring = narrowed.ring.map(|ring| ring as i64);
    tx.list(&sql, (plan_id, tx.now, words, after, limit, ring, narrowed.overdue), |row| {
        Ok(Member {
            device_id: row.get("device_id")?,
            name: row.get("name")?,
            serial_number: row.get("serial_number")?,
            os_version: OsVersion::parse(&row.get::<_, String>("os_version")?).with_extra(&row.get::<_, String>("extra")?).to_string(),
            last_seen_at: row.get("last_seen_at")?,
            platform: row.get("platform")?,
            put_off_at: row.get("put_off_at")?,
            cursor: row.get("cursor")?,
            state: update_states::state(row)?,
        })
    })
}

/// A version that a plan means for devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// Which, with its letters.
    pub version: String,
    /// Enrolled devices that are to have it, or have it by the plan.
    pub devices: u32,
    /// The last deadline of those that do not have it yet.
    pub due_at: Option<Timestamp>,
}

/// The versions that a plan means for devices, those of most devices first.
pub fn meant(tx: &Tx, plan_id: &str) -> Result<Vec<Meant>> {
    tx.list(
        sql!(
            "SELECT version, count(*), max(CASE WHEN stage NOT IN ('done', 'cannot', 'excepted') THEN deadline_at END) FROM update_states
             WHERE plan_id = ?1 AND version <> '' AND stage NOT IN ('cannot', 'excepted') AND {ENROLLED}
             GROUP BY version ORDER BY count(*) DESC, version"
        ),
        [plan_id],
        |row| Ok(Meant { version: row.get(0)?, devices: row.get(1)?, due_at: row.get(2)? }),
    )
}

/// The last deadline that a plan set for a device, whether it is there or not.
pub fn last_deadline(tx: &Tx, plan_id: &str) -> Result<Option<Timestamp>> {
    tx.one("SELECT max(deadline_at) FROM update_states WHERE plan_id = ?1", [plan_id], |row| row.get(0))
}

/// The last deadline of the devices of each ring that are still to come, as their clocks show it.
pub fn last_deadlines(tx: &Tx, plan_id: &str) -> Result<Vec<(usize, String)>> {
    tx.list(
        sql!(
            "SELECT ring, max(deadline) FROM update_states
             WHERE plan_id = ?1 AND deadline <> '' AND stage NOT IN ('done', 'cannot', 'excepted') AND {ENROLLED} GROUP BY ring"
        ),
        [plan_id],
        |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?)),
    )
}

/// How many enrolled devices of a plan cannot have what it means since Apple does not offer it to them.
pub fn not_offered(tx: &Tx, plan_id: &str) -> Result<u32> {
    tx.one(
        "SELECT count(*) FROM update_states CROSS JOIN enrollments ON enrollments.id = update_states.enrollment_id
         WHERE plan_id = ?1 AND stage = 'cannot' AND inability = 'not_offered' AND enrollments.state = 'enrolled'",
        [plan_id],
        |row| row.get(0),
    )
}

/// A plan that needs somebody; the one without an id is what was started by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its id.
    pub plan_id: String,
    /// Its name.
    pub name: String,
    /// Why it stopped, if it did.
    pub stopped: Option<String>,
    /// Devices past their deadline that are not there.
    pub overdue: u32,
    /// Devices on which it failed and whose deadline has not passed.
    pub failed: u32,
}

/// Plans that are stopped, or with devices that are late or failed, the worst first, at most `limit`. With the plus SQLite goes through what is not
/// done, and not through everything in the order of plans; whether a device is enrolled is looked up of those that are late or failed alone, for while an
/// update goes round nearly all are open.
pub fn troubles(tx: &Tx, limit: u32) -> Result<Vec<Trouble>> {
    tx.list(
        "WITH standing AS (
             SELECT plan_id, sum(deadline_at IS NOT NULL AND deadline_at <= ?1) AS overdue,
                    sum(stage = 'failed' AND (deadline_at IS NULL OR deadline_at > ?1)) AS failed
             FROM update_states CROSS JOIN enrollments ON enrollments.id = update_states.enrollment_id AND enrollments.state = 'enrolled'
             WHERE stage NOT IN ('done', 'cannot', 'excepted') AND (deadline_at <= ?1 OR stage = 'failed') GROUP BY +plan_id
         ), known AS (
             SELECT id, name, stopped_at, stopped_because FROM update_plans UNION ALL SELECT '', '', NULL, ''
         )
         SELECT id, name, CASE WHEN stopped_at IS NOT NULL THEN stopped_because END, coalesce(overdue, 0) AS late, coalesce(failed, 0) AS broken
         FROM known LEFT JOIN standing ON standing.plan_id = known.id
         WHERE stopped_at IS NOT NULL OR late > 0 OR broken > 0
         ORDER BY stopped_at IS NULL, late + broken DESC, name LIMIT ?2",
        (tx.now, limit),
        |row| Ok(Trouble { plan_id: row.get(0)?, name: row.get(1)?, stopped: row.get(2)?, overdue: row.get(3)?, failed: row.get(4)? }),
    )
}

/// What a plan brought to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// To which device.
    pub device_id: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How.
    pub outcome: Outcome,
    /// In which ring.
    pub ring: usize,
}

/// What a plan brought to devices, the last `limit`, in the order in which it began.
pub fn runs(tx: &Tx, plan_id: &str, limit: u32) -> Result<Vec<Run>> {
    let mut runs = tx.list(
        "SELECT device_id, begun_at, ended_at, outcome, ring FROM update_runs WHERE plan_id = ?1 ORDER BY begun_at DESC, id DESC LIMIT ?2",
        (plan_id, limit),
        |row| {
            let ring = row.get::<_, i64>(4)? as usize;
            Ok(Run { device_id: row.get(0)?, begun_at: row.get(1)?, ended_at: row.get(2)?, outcome: row.get(3)?, ring })
        },
    )?;
    runs.reverse();
    Ok(runs)
}

/// Forgets runs that ended before a moment, at most `limit`; gives how many.
pub fn prune_runs(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute("DELETE FROM update_runs WHERE id IN (SELECT id FROM update_runs WHERE ended_at < ?1 LIMIT ?2)", (before, limit))
}

/// Enrolled devices that are alike: of one model, with one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The family of their system.
    pub platform: Platform,
    /// What people call the model: "iPad (10th generation)"; may be empty.
    pub model_name: String,
    /// `iPad13,18`.
    pub product_name: String,
    /// SoftwareUpdateDeviceID.
    pub update_device_id: String,
    /// What they run.
    pub os_version: String,
    /// The letters of the improvement that they run.
    pub extra: String,
    /// The build that they run.
    pub build_version: String,
    /// How many.
    pub devices: u32,
}

/// All enrolled devices, those together that are alike.
pub fn alike(tx: &Tx) -> Result<Vec<Alike>> {
    tx.list(
        "SELECT devices.platform, max(devices.model_name), devices.product_name, coalesce(devices.facts ->> 'SoftwareUpdateDeviceID', '') AS update_id,
                devices.os_version, coalesce(devices.facts ->> 'SupplementalOSVersionExtra', '') AS extra, devices.build_version, count(*)
         FROM devices
         JOIN enrollments ON enrollments.device_id = devices.id AND enrollments.parent_id IS NULL AND enrollments.state = 'enrolled'
         WHERE devices.deleted_at IS NULL
         GROUP BY devices.platform, devices.product_name, update_id, devices.os_version, extra, devices.build_version
         ORDER BY devices.platform, devices.product_name, devices.os_version",
        [],
        |row| {
            Ok(Alike {
                platform: row.get(0)?,
                model_name: row.get(1)?,
                product_name: row.get(2)?,
                update_device_id: row.get(3)?,
                os_version: row.get(4)?,
                extra: row.get(5)?,
                build_version: row.get(6)?,
                devices: row.get(7)?,
            })
        },
    )
}
