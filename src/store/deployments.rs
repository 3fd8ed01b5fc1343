//! What an enrollment is to have of the things that are sent to it, what it was sent, and what it is known to have; and when to look again.

use std::sync::LazyLock;

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::assignments::AssignedKind;
use crate::store::bells::Bell;
use crate::store::tx::Tx;
use crate::store::upsert::upsert;
use crate::store::words::words;

words! {
    /// How a thing gets onto a device.
    pub enum Mechanism {
        /// A command installs it.
        Command = "command",
        /// A declaration says that it is to be there.
        Declaration = "declaration",
    }
}

/// The key of the row for the set of declarations as such; those of profiles are [`profile_key`].
pub const DECLARATIONS: &str = "declarations";

/// The key of a profile's row.
pub fn profile_key(identifier: &str) -> String {
    format!("profile:{identifier}")
}

/// The key of a provisioning profile's row.
pub fn provisioning_key(uuid: &str) -> String {
    format!("{PROVISIONING}{uuid}")
}

const PROVISIONING: &str = "provisioning:";

/// The UUID in a [`provisioning_key`]; none for other keys.
pub fn provisioning_uuid(key: &str) -> Option<&str> {
    key.strip_prefix(PROVISIONING)
}

/// Whether a row is a provisioning profile's.
pub fn is_provisioning(key: &str) -> bool {
    key.starts_with(PROVISIONING)
}

/// Whether a row is a profile's.
pub fn is_profile(key: &str) -> bool {
    key.starts_with("profile:")
}

/// One thing and how it stands on one enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// What it is: [`DECLARATIONS`], a [`profile_key`] or a [`provisioning_key`].
    pub key: String,
    /// How it is brought there.
    pub mechanism: Mechanism,
    /// Digest of what is wanted; empty: it is to go.
    pub wanted: String,
    /// Digest of what was sent last; empty: it was told to go, or nothing was sent.
    pub sent: String,
    /// Digest of what the device confirmed; empty: not there, as far as is known.
    pub seen: String,
    /// PayloadUUID of what was sent.
    pub payload_uuid: String,
    /// For people.
    pub name: String,
    /// The command that is under way.
    pub command_uuid: Option<String>,
    /// Failures in a row.
    pub attempts: i64,
    /// Not tried again before.
    pub due_at: Option<Timestamp>,
    /// Why the last attempt failed, in words.
    pub problem: String,
    /// Where it comes from, JSON.
    pub origins: String,
    /// When any of this last changed.
    pub changed_at: Timestamp,
}

impl Deployment {
    /// Whether it is neither wanted nor there, and nothing is under way.
    pub fn is_away(&self) -> bool {
        self.wanted.is_empty() && self.sent.is_empty() && self.seen.is_empty() && self.command_uuid.is_none()
    }
}

const COLUMNS: &str =
    "key, mechanism, wanted, sent, seen, payload_uuid, name, command_uuid, attempts, due_at, problem, origins, changed_at";

fn deployment(row: &Row<'_>) -> rusqlite::Result<Deployment> {
    Ok(Deployment {
        key: row.get(0)?,
        mechanism: row.get(1)?,
        wanted: row.get(2)?,
        sent: row.get(3)?,
        seen: row.get(4)?,
        payload_uuid: row.get(5)?,
        name: row.get(6)?,
        command_uuid: row.get(7)?,
        attempts: row.get(8)?,
        due_at: row.get(9)?,
        problem: row.get(10)?,
        origins: row.get(11)?,
        changed_at: row.get(12)?,
    })
}

/// Everything that an enrollment has or had a part in, by key.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Vec<Deployment>> {
    tx.list(sql!("SELECT {COLUMNS} FROM deployments WHERE enrollment_id = ?1 ORDER BY key"), [enrollment_id], deployment)
}

/// The row that a command was sent for.
pub fn by_command(tx: &Tx, enrollment_id: &str, command_uuid: &str) -> Result<Option<Deployment>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM deployments WHERE command_uuid = ?2 AND command_uuid IS NOT NULL AND enrollment_id = ?1"),
        (enrollment_id, command_uuid),
        deployment,
    )
}

static PUT: LazyLock<String> = LazyLock::new(|| upsert("deployments", "enrollment_id, key", &[], sql!("enrollment_id, {COLUMNS}")));

/// Stores a row, new or known.
pub fn put(tx: &Tx, enrollment_id: &str, row: &Deployment) -> Result<()> {
    tx.execute(
        &PUT,
        named_params! {
            ":enrollment_id": enrollment_id, ":key": row.key, ":mechanism": row.mechanism, ":wanted": row.wanted, ":sent": row.sent,
            ":seen": row.seen, ":payload_uuid": row.payload_uuid, ":name": row.name, ":command_uuid": row.command_uuid,
            ":attempts": row.attempts, ":due_at": row.due_at, ":problem": row.problem, ":origins": row.origins, ":changed_at": tx.now,
        },
    )?;
    Ok(())
}

/// Forgets a row: the thing is neither wanted nor there.
pub fn forget(tx: &Tx, enrollment_id: &str, key: &str) -> Result<()> {
    tx.execute("DELETE FROM deployments WHERE enrollment_id = ?1 AND key = ?2", (enrollment_id, key))?;
    Ok(())
}

/// How far the planning for an enrollment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Generation of the enrollment that it is for.
    pub generation: i64,
    /// When to plan again.
    pub due_at: Option<Timestamp>,
    /// When it was last planned.
    pub planned_at: Option<Timestamp>,
    /// DeclarationsToken of the set that it is served.
    pub declarations_token: String,
    /// When that changed.
    pub token_changed_at: Option<Timestamp>,
    /// When its last status report came.
    pub status_at: Option<Timestamp>,
    /// What it cannot have, and why; JSON.
    pub unable: String,
}

/// The plan for an enrollment, if it was ever looked at.
pub fn plan(tx: &Tx, enrollment_id: &str) -> Result<Option<Plan>> {
    tx.optional(
        "SELECT generation, due_at, planned_at, declarations_token, token_changed_at, status_at, unable FROM plans WHERE enrollment_id = ?1",
        [enrollment_id],
        |row| {
            Ok(Plan {
                generation: row.get(0)?,
                due_at: row.get(1)?,
                planned_at: row.get(2)?,
                declarations_token: row.get(3)?,
                token_changed_at: row.get(4)?,
                status_at: row.get(5)?,
                unable: row.get(6)?,
            })
        },
    )
}

static SET_PLAN: LazyLock<String> = LazyLock::new(|| {
    let columns = "enrollment_id, generation, due_at, planned_at, declarations_token, token_changed_at, status_at, unable";
    upsert("plans", "enrollment_id", &[], columns)
});

/// Stores how far the planning is.
pub fn set_plan(tx: &Tx, enrollment_id: &str, plan: &Plan) -> Result<()> {
    tx.execute(
        &SET_PLAN,
        named_params! {
            ":enrollment_id": enrollment_id, ":generation": plan.generation, ":due_at": plan.due_at, ":planned_at": plan.planned_at,
            ":declarations_token": plan.declarations_token, ":token_changed_at": plan.token_changed_at, ":status_at": plan.status_at,
            ":unable": plan.unable,
        },
    )?;
    Ok(())
}

/// A device that something is meant for, and why it cannot have it, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindered {
    /// The device.
    pub device_id: String,
    /// What it is called: its name, else its serial number.
    pub device_name: String,
    /// Why.
    pub because: String,
}

/// The devices that a thing is meant for and that cannot have it, or not all of it, as their last plans found; only the plans in which
/// something cannot be are looked at.
pub fn hindered(tx: &Tx, kind: AssignedKind, item_id: &str, limit: u32) -> Result<Vec<Hindered>> {
    tx.list(
        "SELECT DISTINCT devices.id, coalesce(nullif(devices.name, ''), devices.serial_number, '') AS name, json_extract(unable.value, '$.because')
         FROM plans INDEXED BY plans_unable CROSS JOIN json_each(plans.unable) AS unable
         CROSS JOIN enrollments ON enrollments.id = plans.enrollment_id CROSS JOIN devices ON devices.id = enrollments.device_id
         WHERE plans.unable <> '[]' AND json_extract(unable.value, '$.origin.id') = ?2 AND enrollments.state = 'enrolled'
           AND EXISTS (SELECT 1 FROM group_devices JOIN assignments USING (group_id)
                       WHERE group_devices.device_id = enrollments.device_id AND assignments.kind = ?1 AND item_id = ?2)
           AND NOT EXISTS (SELECT 1 FROM app_states AS lacking
                           WHERE lacking.enrollment_id = enrollments.id AND lacking.app_id = ?2 AND lacking.stage = 'lacking')
         ORDER BY name COLLATE NOCASE, devices.id LIMIT ?3",
        (kind, item_id, limit),
        |row| Ok(Hindered { device_id: row.get(0)?, device_name: row.get(1)?, because: row.get(2)? }),
    )
}

/// Puts the planning for an enrollment off.
pub fn rest(tx: &Tx, enrollment_id: &str, until: Timestamp) -> Result<()> {
    tx.execute("UPDATE plans SET due_at = ?2 WHERE enrollment_id = ?1", (enrollment_id, until))?;
    Ok(())
}

/// Notes that a status report came.
pub fn set_status_at(tx: &Tx, enrollment_id: &str) -> Result<()> {
    tx.execute("UPDATE plans SET status_at = ?2 WHERE enrollment_id = ?1", (enrollment_id, tx.now))?;
    Ok(())
}

/// Tells whether an enrollment is to be planned for now.
pub fn is_due(tx: &Tx, enrollment_id: &str) -> Result<bool> {
    let due = "SELECT EXISTS (SELECT 1 FROM plans WHERE enrollment_id = ?1 AND due_at <= ?2)";
    tx.one(due, (enrollment_id, tx.now), |row| row.get(0))
}

/// Enrollments that are to be planned for, longest due first.
pub fn due(tx: &Tx, limit: u32) -> Result<Vec<String>> {
    tx.list("SELECT enrollment_id FROM plans WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2", (tx.now, limit), |row| row.get(0))
}

/// The earliest moment at which an enrollment is to be planned for.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM plans WHERE due_at IS NOT NULL", [], |row| row.get(0))
}

/// Has every channel of a device planned for anew.
pub fn look_again(tx: &Tx, device_id: &str) -> Result<usize> {
    make_due(tx, "enrollments.device_id = ?2", device_id)
}

/// Has every device of a group planned for anew.
pub fn look_again_in_group(tx: &Tx, group_id: &str) -> Result<usize> {
    make_due(tx, "enrollments.device_id IN (SELECT device_id FROM group_devices WHERE group_id = ?2)", group_id)
}

/// Has one channel planned for anew.
pub fn look_again_at(tx: &Tx, enrollment_id: &str) -> Result<usize> {
    make_due(tx, "enrollments.id = ?2", enrollment_id)
}

/// Has every channel planned for anew.
pub fn look_again_everywhere(tx: &Tx) -> Result<usize> {
    make_due(tx, "?2 = 'all'", "all")
}

fn make_due(tx: &Tx, which: &str, id: &str) -> Result<usize> {
    let changed = tx.execute(
        &format!(
            "INSERT INTO plans (enrollment_id, generation, due_at)
             SELECT id, generation, ?1 FROM enrollments WHERE {which} AND state = 'enrolled'
             ON CONFLICT (enrollment_id) DO UPDATE SET due_at = excluded.due_at WHERE plans.due_at IS NULL OR plans.due_at > excluded.due_at"
        ),
        (tx.now, id),
    )?;
    if changed > 0 {
        tx.ring(Bell::Jobs);
    }
    Ok(changed)
}

/// Forgets everything that a generation of an enrollment had.
pub fn forget_all(tx: &Tx, enrollment_id: &str) -> Result<()> {
    for table in ["deployments", "declared", "declaration_states", "status_items", "profile_times"] {
        tx.execute(&format!("DELETE FROM {table} WHERE enrollment_id = ?1"), [enrollment_id])?;
    }
    Ok(())
}
