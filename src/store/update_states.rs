//! How each update plan stands on each enrollment, what devices found, and what plans have brought.

use std::sync::LazyLock;

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::deployments::Mechanism;
use crate::store::upsert::upsert;
use crate::store::words::words;

words! {
    /// Where an update is on its way to a device.
    #[schema(as = UpdateStage)]
    pub enum Stage {
        /// It is meant for the device, and does not begin yet.
        Planned = "planned",
        /// It begins now: the device has been told, or is to be.
        Waiting = "waiting",
        /// The device downloads it.
        Downloading = "downloading",
        /// It is downloaded and is to be installed.
        Prepared = "prepared",
        /// The device installs it.
        Installing = "installing",
        /// The device reports a version that is enough.
        Done = "done",
        /// It went wrong, and is tried again or not.
        Failed = "failed",
        /// The device cannot have it.
        Cannot = "cannot",
        /// The plan leaves the device alone.
        Excepted = "excepted",
    }
}

words! {
    /// What kind of thing stands against an update that a device cannot have: what helps goes by that.
    #[schema(as = UpdateInability)]
    pub enum Inability {
        /// The device would have to be supervised.
        Supervision = "supervision",
        /// Apple's list does not name its hardware.
        NotNamed = "not_named",
        /// It is not known yet what it can have.
        NotKnown = "not_known",
        /// Apple does not offer or sign what is meant, or not for long enough.
        NotOffered = "not_offered",
        /// Quiet hours and holidays leave no time.
        NoTime = "no_time",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// What is done with an update.
    #[schema(as = UpdateAction)]
    pub enum Action {
        /// It is downloaded and no more.
        Download = "download",
        /// The person is told of it.
        Notify = "notify",
        /// It is installed at night, or when the person lets it.
        Later = "later",
        /// It is installed.
        Install = "install",
        /// It is installed, and a Mac restarts whatever is open.
        Force = "force",
    }
}

/// One plan on one enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateState {
    /// The plan; empty: started by hand.
    pub plan_id: String,
    /// The ring of the plan, from 0.
    pub ring: usize,
    /// The version that is meant, with its letters; empty where none is.
    pub version: String,
    /// Its build.
    pub build: String,
    /// How it comes.
    pub mechanism: Mechanism,
    /// What is done with it.
    pub action: Action,
    /// By when, on the device's own clock; empty where there is no deadline.
    pub deadline: String,
    /// The same as a moment, as far as the device's time zone is known.
    pub deadline_at: Option<Timestamp>,
    /// Where it is on its way.
    pub stage: Stage,
    /// Why it stands so, a sentence without a full stop.
    pub problem: String,
    /// How much is downloaded, 0 to 100.
    pub percent: Option<i64>,
    /// By which commands name it.
    pub product_key: String,
    /// The InstallAction that the device took last.
    pub scheduled: String,
    /// What the command that is under way does.
    pub asked: String,
    /// The command that is under way.
    pub command_uuid: Option<String>,
    /// Failures in a row.
    pub attempts: i64,
    /// Questions in a row that showed no progress.
    pub unmoved: i64,
    /// Not tried or asked again before.
    pub due_at: Option<Timestamp>,
    /// Who started it by hand.
    pub ordered_by: String,
    /// When its turn came.
    pub begun_at: Option<Timestamp>,
    /// When the device reported the version.
    pub done_at: Option<Timestamp>,
    /// When anything of this changed.
    pub changed_at: Timestamp,
    /// What stands against it, where the device cannot have it.
    pub inability: Inability,
}

impl UpdateState {
    /// A row of which nothing is known yet.
    pub fn blank(plan_id: &str, ring: usize, now: Timestamp) -> Self {
        Self {
            plan_id: plan_id.to_owned(),
            ring,
            version: String::new(),
            build: String::new(),
            mechanism: Mechanism::Declaration,
            action: Action::Install,
            deadline: String::new(),
            deadline_at: None,
            stage: Stage::Planned,
            problem: String::new(),
            percent: None,
            product_key: String::new(),
            scheduled: String::new(),
            asked: String::new(),
            command_uuid: None,
            attempts: 0,
            unmoved: 0,
            due_at: None,
            ordered_by: String::new(),
            begun_at: None,
            done_at: None,
            changed_at: now,
            inability: Inability::Other,
        }
    }

    /// Whether it is at what takes the network: of those only so many at once.
    pub const fn takes_a_turn(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Downloading)
    }

    /// Whether it was begun and is neither there nor given up.
    pub const fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Downloading | Stage::Prepared | Stage::Installing)
    }
}

const COLUMNS: &str = "enrollment_id, plan_id, ring, version, build, mechanism, action, deadline, deadline_at, stage, problem, percent, product_key, \
     scheduled, asked, command_uuid, attempts, unmoved, due_at, ordered_by, begun_at, done_at, changed_at, inability";

pub(in crate::store) fn state(row: &Row<'_>) -> rusqlite::Result<UpdateState> {
    Ok(UpdateState {
        plan_id: row.get("plan_id")?,
        ring: row.get::<_, i64>("ring")? as usize,
        version: row.get("version")?,
        build: row.get("build")?,
        mechanism: row.get("mechanism")?,
        action: row.get("action")?,
        deadline: row.get("deadline")?,
        deadline_at: row.get("deadline_at")?,
        stage: row.get("stage")?,
        problem: row.get("problem")?,
        percent: row.get("percent")?,
        product_key: row.get("product_key")?,
        scheduled: row.get("scheduled")?,
        asked: row.get("asked")?,
        command_uuid: row.get("command_uuid")?,
        attempts: row.get("attempts")?,
        unmoved: row.get("unmoved")?,
        due_at: row.get("due_at")?,
        ordered_by: row.get("ordered_by")?,
        begun_at: row.get("begun_at")?,
        done_at: row.get("done_at")?,
        changed_at: row.get("changed_at")?,
        inability: row.get("inability")?,
    })
}

/// Every plan's state on an enrollment, in the order of plans' ids.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Vec<UpdateState>> {
    tx.list(sql!("SELECT {COLUMNS} FROM update_states WHERE enrollment_id = ?1 ORDER BY plan_id"), [enrollment_id], state)
}

/// The state that waits for the answer to a command.
pub fn by_command(tx: &Tx, enrollment_id: &str, command_uuid: &str) -> Result<Option<UpdateState>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM update_states WHERE enrollment_id = ?1 AND command_uuid = ?2"),
        (enrollment_id, command_uuid),
        state,
    )
}

static PUT: LazyLock<String> = LazyLock::new(|| upsert("update_states", "enrollment_id, plan_id", &[], COLUMNS));

/// Stores a state.
pub fn put(tx: &Tx, enrollment_id: &str, row: &UpdateState) -> Result<()> {
    tx.execute(
        &PUT,
        named_params! {
            ":enrollment_id": enrollment_id, ":plan_id": row.plan_id, ":ring": row.ring as i64, ":version": row.version, ":build": row.build,
            ":mechanism": row.mechanism, ":action": row.action, ":deadline": row.deadline, ":deadline_at": row.deadline_at, ":stage": row.stage,
            ":problem": row.problem, ":percent": row.percent, ":product_key": row.product_key, ":scheduled": row.scheduled, ":asked": row.asked,
            ":command_uuid": row.command_uuid, ":attempts": row.attempts, ":unmoved": row.unmoved, ":due_at": row.due_at,
            ":ordered_by": row.ordered_by, ":begun_at": row.begun_at, ":done_at": row.done_at, ":changed_at": row.changed_at, ":inability": row.inability,
        },
    )
    .map(drop)
}

/// Forgets a state.
pub fn forget(tx: &Tx, enrollment_id: &str, plan_id: &str) -> Result<()> {
    tx.execute("DELETE FROM update_states WHERE enrollment_id = ?1 AND plan_id = ?2", (enrollment_id, plan_id)).map(drop)
}

/// That a channel is enrolled, as a condition on its id. The few others are found by one walk along an index, instead of a look at each that is.
pub(in crate::store) const ENROLLED: &str = "enrollment_id NOT IN (SELECT id FROM enrollments WHERE state <> 'enrolled')";

/// How many enrolled devices stand where in a plan, and how many of those not done are past their deadline.
pub fn counts(tx: &Tx, plan_id: &str) -> Result<Vec<(usize, Stage, u32, u32)>> {
    tx.list(
        sql!(
            "SELECT ring, stage, count(*), sum(deadline_at IS NOT NULL AND deadline_at <= ?2) FROM update_states
             WHERE plan_id = ?1 AND {ENROLLED} GROUP BY ring, stage"
        ),
        (plan_id, tx.now),
        |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?, row.get(2)?, row.get(3)?)),
    )
}

/// How many devices of a plan take a turn: those that load it and began so since `loads_since`, and those that were told since `told_since` and have not
/// begun.
pub fn at_once(tx: &Tx, plan_id: &str, loads_since: Timestamp, told_since: Timestamp) -> Result<u32> {
    tx.one(
        "SELECT count(*) FROM update_states
         WHERE plan_id = ?1 AND (stage = 'downloading' AND begun_at > ?2 OR stage = 'waiting' AND begun_at > ?3)",
        (plan_id, loads_since, told_since),
        |row| row.get(0),
    )
}

/// How many devices of a plan have begun, and how many of them failed and are not tried any more, failed `often` times, or failed and are past the deadline
/// of their declaration.
pub fn failures(tx: &Tx, plan_id: &str, often: i64) -> Result<(u32, u32)> {
    tx.one(
        "SELECT count(*), coalesce(sum(stage = 'failed' OR (stage <> 'done' AND attempts >= ?2)
             OR (mechanism = 'declaration' AND stage <> 'done' AND attempts > 0 AND deadline_at <= ?3)), 0) FROM update_states
         WHERE plan_id = ?1 AND begun_at IS NOT NULL AND stage <> 'cannot'",
        (plan_id, often, tx.now),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// How many enrolled devices a plan means to bring a release later.
pub fn to_come(tx: &Tx, plan_id: &str) -> Result<u32> {
    tx.one(
        "SELECT count(*) FROM update_states JOIN enrollments ON enrollments.id = update_states.enrollment_id AND enrollments.state = 'enrolled'
         WHERE plan_id = ?1 AND stage = 'planned' AND begun_at IS NULL AND version <> ''",
        [plan_id],
        |row| row.get(0),
    )
}

/// Enrollments of a plan that have not begun, at most `limit`.
pub fn not_begun(tx: &Tx, plan_id: &str, limit: u32) -> Result<Vec<String>> {
    tx.list(
        "SELECT enrollment_id FROM update_states WHERE plan_id = ?1 AND stage = 'planned' AND begun_at IS NULL ORDER BY ring, enrollment_id LIMIT ?2",
        (plan_id, limit),
        |row| row.get(0),
    )
}

/// What a device found when it looked for updates, JSON, and when.
pub fn offers(tx: &Tx, enrollment_id: &str) -> Result<Option<(String, Timestamp)>> {
    tx.optional("SELECT offers, at FROM update_offers WHERE enrollment_id = ?1", [enrollment_id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// What enrolled devices of one kind found since `since`, JSON each; `running` is platform, ProductName and build.
pub fn offers_of_kind(tx: &Tx, running: (Platform, &str, &str), since: Timestamp) -> Result<Vec<String>> {
    let (platform, product_name, build) = running;
    tx.list(
        "SELECT offers FROM update_offers
         JOIN enrollments ON enrollments.id = update_offers.enrollment_id AND enrollments.state = 'enrolled'
         JOIN devices ON devices.id = enrollments.device_id AND devices.deleted_at IS NULL
         WHERE devices.platform = ?1 AND devices.product_name = ?2 AND devices.build_version = ?3 AND update_offers.at > ?4",
        (platform, product_name, build, since),
        |row| row.get(0),
    )
}

/// Stores what a device found.
pub fn set_offers(tx: &Tx, enrollment_id: &str, offers: &str) -> Result<()> {
    tx.execute("INSERT OR REPLACE INTO update_offers (enrollment_id, offers, at) VALUES (?1, ?2, ?3)", (enrollment_id, offers, tx.now))
        .map(drop)
}

words! {
    /// How it ended that a plan brought a release to a device.
    #[schema(as = UpdateOutcome)]
    pub enum Outcome {
        /// It has not ended.
        Open = "",
        /// The device reported the version.
        Done = "done",
        /// Another release took its place.
        Replaced = "replaced",
        /// The plan does not mean the device any more.
        Withdrawn = "withdrawn",
    }
}

/// Notes that a plan begins to bring a release to a device; what it brought before ends as replaced.
pub fn begin_run(tx: &Tx, plan_id: &str, device_id: &str, ring: usize, version: &str) -> Result<()> {
    end_run(tx, plan_id, device_id, Outcome::Replaced)?;
    tx.execute(
        "INSERT INTO update_runs (plan_id, device_id, ring, version, begun_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (plan_id, device_id, ring as i64, version, tx.now),
    )
    .map(drop)
}

/// Notes that what a plan brought to a device ended.
pub fn end_run(tx: &Tx, plan_id: &str, device_id: &str, outcome: Outcome) -> Result<()> {
    tx.execute(
        "UPDATE update_runs SET ended_at = ?3, outcome = ?4 WHERE plan_id = ?1 AND device_id = ?2 AND ended_at IS NULL",
        (plan_id, device_id, tx.now, outcome),
    )
    .map(drop)
}

/// The enrollments that a plan has a state on.
pub fn of_plan(tx: &Tx, plan_id: &str) -> Result<Vec<String>> {
    tx.list("SELECT enrollment_id FROM update_states WHERE plan_id = ?1", [plan_id], |row| row.get(0))
}
