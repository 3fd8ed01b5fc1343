//! How each app stands on each enrollment, and what apps say of themselves.

use std::sync::LazyLock;

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::assignments::AssignedMode;
use crate::store::deployments::Mechanism;
use crate::store::upsert::upsert;
use crate::store::words::words;

words! {
    /// Where an app is on its way to a device.
    #[schema(as = AppStage)]
    pub enum Stage {
        /// Not there, and nothing has been sent.
        Absent = "absent",
        /// The person may ask for it and has not.
        Offered = "offered",
        /// A licence for it is on its way.
        Licence = "licence",
        /// There is no licence for it.
        NoLicence = "no_licence",
        /// It is wanted and can be sent; or it waits in the queue.
        Sent = "sent",
        /// The device asks the person.
        Prompting = "prompting",
        /// The device downloads and installs it.
        Installing = "installing",
        /// It is there and managed.
        Installed = "installed",
        /// It is there and managed, and there is a newer version that is not on its way.
        Outdated = "update_available",
        /// A newer version, or a changed setting, is on its way to one that is there.
        Updating = "updating",
        /// The person said no.
        Declined = "declined",
        /// It waits for a redemption code.
        NeedsCode = "needs_code",
        /// It cannot be had, or not as it is wanted: something is missing that only somebody can give. What is there stays as it was.
        Lacking = "lacking",
        /// It went wrong.
        Failed = "failed",
        /// The device says yes again and again, and nothing changes.
        Stuck = "stuck",
        /// The person deleted it.
        Deleted = "deleted",
        /// The person has it of their own, not managed.
        Unmanaged = "unmanaged",
        /// It is being removed.
        Removing = "removing",
    }
}

words! {
    /// What the command that is under way does.
    pub enum Intent {
        /// None is under way.
        Nothing = "nothing",
        /// It installs or updates.
        Install = "install",
        /// It removes.
        Remove = "remove",
    }
}

/// One app on one enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppState {
    /// The app.
    pub app_id: String,
    /// What people call it.
    pub name: String,
    /// The App Store's number; empty for those of the house.
    pub adam_id: String,
    /// Bundle identifier; empty until the store or the device told it.
    pub bundle_id: String,
    /// How it is brought there.
    pub mechanism: Mechanism,
    /// How strongly it is wanted.
    pub mode: AssignedMode,
    /// Whose licence is held for it: `device:<serial>`, `person:<id>`; empty where none is.
    pub holder: String,
    /// Digest of what is wanted; empty: it is to go.
    pub wanted: String,
    /// Digest of what was sent last; empty: nothing was, or it has gone.
    pub sent: String,
    /// Digest of what is on the device; empty: it is not there, as far as is known.
    pub seen: String,
    /// Where it is on its way.
    pub stage: Stage,
    /// Since when.
    pub stage_at: Timestamp,
    /// CFBundleVersion on the device; empty while that is not known.
    pub version: String,
    /// What people call that version.
    pub short_version: String,
    /// The App Store's number of it.
    pub external_version: Option<i64>,
    /// The version that an update was sent for which has not come yet.
    pub asked_version: String,
    /// Updates in a row that were acknowledged and changed nothing.
    pub unmoved: i64,
    /// What the command that is under way does.
    pub intent: Intent,
    /// The command that is under way.
    pub command_uuid: Option<String>,
    /// Failures in a row.
    pub attempts: i64,
    /// Not tried again before.
    pub due_at: Option<Timestamp>,
    /// Times that the device was asked how far it is, since the last order.
    pub polls: i64,
    /// When to ask next.
    pub poll_at: Option<Timestamp>,
    /// Why it stands so, a sentence without a full stop.
    pub problem: String,
    /// When the person, or an admin for them, asked for it.
    pub asked_at: Option<Timestamp>,
    /// How often somebody asked again.
    pub asks: i64,
    /// Whether the next order takes over what the person installed.
    pub take_over: bool,
    /// Whether somebody had it removed again, which only an optional app allows.
    pub withdrawn: bool,
}

impl AppState {
    /// Whether the command that is under way brings a redemption code.
    pub fn is_redeeming(&self) -> bool {
        self.stage == Stage::NeedsCode && self.command_uuid.is_some()
    }

    /// An app of which nothing is wanted, sent or seen yet.
    pub fn absent(app_id: &str, mechanism: Mechanism, now: Timestamp) -> Self {
        Self {
            app_id: app_id.to_owned(),
            name: String::new(),
            adam_id: String::new(),
            bundle_id: String::new(),
            mechanism,
            mode: AssignedMode::Required,
            holder: String::new(),
            wanted: String::new(),
            sent: String::new(),
            seen: String::new(),
            stage: Stage::Absent,
            stage_at: now,
            version: String::new(),
            short_version: String::new(),
            external_version: None,
            asked_version: String::new(),
            unmoved: 0,
            intent: Intent::Nothing,
            command_uuid: None,
            attempts: 0,
            due_at: None,
            polls: 0,
            poll_at: None,
            problem: String::new(),
            asked_at: None,
            asks: 0,
            take_over: false,
            withdrawn: false,
        }
    }
}

const COLUMNS: &str = "app_id, name, adam_id, bundle_id, mechanism, mode, holder, wanted, sent, seen, stage, stage_at, version, short_version, \
                       external_version, asked_version, unmoved, intent, command_uuid, attempts, due_at, polls, poll_at, problem, asked_at, \
                       asks, take_over, withdrawn";

fn state(row: &Row<'_>) -> rusqlite::Result<AppState> {
    Ok(AppState {
        app_id: row.get(0)?,
        name: row.get(1)?,
        adam_id: row.get(2)?,
        bundle_id: row.get(3)?,
        mechanism: row.get(4)?,
        mode: row.get(5)?,
        holder: row.get(6)?,
        wanted: row.get(7)?,
        sent: row.get(8)?,
        seen: row.get(9)?,
        stage: row.get(10)?,
        stage_at: row.get(11)?,
        version: row.get(12)?,
        short_version: row.get(13)?,
        external_version: row.get(14)?,
        asked_version: row.get(15)?,
        unmoved: row.get(16)?,
        intent: row.get(17)?,
        command_uuid: row.get(18)?,
        attempts: row.get(19)?,
        due_at: row.get(20)?,
        polls: row.get(21)?,
        poll_at: row.get(22)?,
        problem: row.get(23)?,
        asked_at: row.get(24)?,
        asks: row.get(25)?,
        take_over: row.get(26)?,
        withdrawn: row.get(27)?,
    })
}

/// Every app that an enrollment has a part in, by name.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Vec<AppState>> {
    let sql = format!("SELECT {COLUMNS} FROM app_states WHERE enrollment_id = ?1 ORDER BY name COLLATE NOCASE, app_id");
    tx.list(&sql, [enrollment_id], state)
}

/// How one app stands on one enrollment.
pub fn find(tx: &Tx, enrollment_id: &str, app_id: &str) -> Result<Option<AppState>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM app_states WHERE enrollment_id = ?1 AND app_id = ?2"), (enrollment_id, app_id), state)
}

/// The row that a command was sent for.
pub fn by_command(tx: &Tx, enrollment_id: &str, command_uuid: &str) -> Result<Option<AppState>> {
    let sql = format!("SELECT {COLUMNS} FROM app_states WHERE command_uuid = ?2 AND command_uuid IS NOT NULL AND enrollment_id = ?1");
    tx.optional(&sql, (enrollment_id, command_uuid), state)
}

/// Whether this holder's licence of an app is wanted on another channel than this one too.
pub fn is_held_elsewhere(tx: &Tx, enrollment_id: &str, app_id: &str, holder: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM app_states WHERE enrollment_id <> ?1 AND app_id = ?2 AND holder = ?3)",
        (enrollment_id, app_id, holder),
        |row| row.get(0),
    )
}

static PUT: LazyLock<String> = LazyLock::new(|| upsert("app_states", "enrollment_id, app_id", &[], sql!("enrollment_id, {COLUMNS}")));

/// Stores a row, new or known.
pub fn put(tx: &Tx, enrollment_id: &str, row: &AppState) -> Result<()> {
    tx.execute(
        &PUT,
        named_params! {
            ":enrollment_id": enrollment_id, ":app_id": row.app_id, ":name": row.name, ":adam_id": row.adam_id,
            ":bundle_id": row.bundle_id, ":mechanism": row.mechanism, ":mode": row.mode, ":holder": row.holder, ":wanted": row.wanted,
            ":sent": row.sent, ":seen": row.seen, ":stage": row.stage, ":stage_at": row.stage_at, ":version": row.version,
            ":short_version": row.short_version, ":external_version": row.external_version, ":asked_version": row.asked_version,
            ":unmoved": row.unmoved, ":intent": row.intent, ":command_uuid": row.command_uuid, ":attempts": row.attempts,
            ":due_at": row.due_at, ":polls": row.polls, ":poll_at": row.poll_at, ":problem": row.problem, ":asked_at": row.asked_at,
            ":asks": row.asks, ":take_over": row.take_over, ":withdrawn": row.withdrawn,
        },
    )?;
    Ok(())
}

/// Forgets a row: the app is neither wanted nor there.
pub fn forget(tx: &Tx, enrollment_id: &str, app_id: &str) -> Result<()> {
    tx.execute("DELETE FROM app_states WHERE enrollment_id = ?1 AND app_id = ?2", (enrollment_id, app_id))?;
    Ok(())
}

/// Forgets everything that a generation of an enrollment had, and said.
pub fn forget_all(tx: &Tx, enrollment_id: &str) -> Result<()> {
    for table in ["app_states", "app_feedback"] {
        tx.execute(&format!("DELETE FROM {table} WHERE enrollment_id = ?1"), [enrollment_id])?;
    }
    Ok(())
}

/// An app on a device, with what the device is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDevice {
    /// The channel.
    pub enrollment_id: String,
    /// The device.
    pub device_id: String,
    /// Its name.
    pub device_name: String,
    /// Its serial number.
    pub serial_number: Option<String>,
    /// How the app stands there.
    pub state: AppState,
}

/// How an app stands on every device that has a part in it, at some stages if any are given, by the device's name behind the one with the name
/// and enrollment `after`.
pub fn of_app(tx: &Tx, app_id: &str, stages: &[Stage], after: Option<(&str, &str)>, limit: u32) -> Result<Vec<OnDevice>> {
    let (name, id) = after.unwrap_or_default();
    let named: String = [","].into_iter().chain(stages.iter().flat_map(|stage| [stage.as_str(), ","])).collect();
    let columns = COLUMNS.split(", ").map(|column| format!("app_states.{}", column.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "WITH page AS MATERIALIZED (SELECT enrollment_id AS channel, devices.id AS device, devices.name AS called, serial_number FROM app_states
             CROSS JOIN enrollments INDEXED BY enrollments_whose ON enrollments.id = enrollment_id
             CROSS JOIN devices INDEXED BY devices_roster ON devices.id = device_id AND deleted_at IS NULL
             WHERE app_id = ?1 AND (?2 = ',' OR instr(?2, ',' || stage || ',') > 0) AND (devices.name COLLATE NOCASE, enrollment_id) > (?3, ?4)
             ORDER BY devices.name COLLATE NOCASE, enrollment_id LIMIT ?5)
         SELECT {columns}, channel, device, called, serial_number FROM page CROSS JOIN app_states ON enrollment_id = channel AND app_id = ?1
         ORDER BY called COLLATE NOCASE, channel"
    );
    tx.list(&sql, (app_id, named, name, id, limit), |row| {
        Ok(OnDevice {
            state: state(row)?,
            enrollment_id: row.get(28)?,
            device_id: row.get(29)?,
            device_name: row.get(30)?,
            serial_number: row.get(31)?,
        })
    })
}

/// How many devices are at each stage of an app.
pub fn counts(tx: &Tx, app_id: &str) -> Result<Vec<(Stage, u64)>> {
    tx.list("SELECT stage, count(*) FROM app_states WHERE app_id = ?1 GROUP BY stage ORDER BY stage", [app_id], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })
}

/// An app that something hinders on some devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The app.
    pub app_id: String,
    /// What people call it.
    pub name: String,
    /// Devices for which there is no licence.
    pub without_licence: u64,
    /// Devices that could not install it, or on which it takes no effect.
    pub failed: u64,
    /// Devices that lack something for it, so that they cannot have it, or not as it is wanted.
    pub lacking: u64,
    /// What most of those lack.
    pub lack: String,
    /// Devices that wait for a redemption code, of which there is none.
    pub without_code: u64,
}

/// Apps that something hinders, those on most devices first. App by app SQLite finds them by their stage, and does not go through every device.
pub fn troubles(tx: &Tx, limit: u32) -> Result<Vec<Trouble>> {
    let sql = "SELECT apps.id, apps.name, sum(stage = 'no_licence'), sum(stage IN ('failed', 'stuck')), sum(stage = 'lacking'),
                      coalesce((SELECT problem FROM app_states AS other WHERE other.app_id = apps.id AND stage = 'lacking'
                                GROUP BY problem ORDER BY count(*) DESC LIMIT 1), ''),
                      sum(stage = 'needs_code' AND command_uuid IS NULL)
               FROM apps CROSS JOIN app_states ON app_id = apps.id CROSS JOIN enrollments ON enrollments.id = enrollment_id
               WHERE stage IN ('no_licence', 'failed', 'stuck', 'lacking', 'needs_code') AND wanted <> '' AND enrollments.state = 'enrolled'
               GROUP BY apps.id ORDER BY count(*) DESC, apps.name LIMIT ?1";
    tx.list(sql, [limit], |row| {
        let count = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.unsigned_abs());
        Ok(Trouble {
            app_id: row.get(0)?,
            name: row.get(1)?,
            without_licence: count(2)?,
            failed: count(3)?,
            lacking: count(4)?,
            lack: row.get(5)?,
            without_code: count(6)?,
        })
    })
}

/// Enrollments on which an app of this number waits for a redemption code.
pub fn wait_for_code(tx: &Tx, adam_id: &str) -> Result<Vec<String>> {
    tx.list("SELECT enrollment_id FROM app_states WHERE adam_id = ?1 AND stage = 'needs_code'", [adam_id], |row| row.get(0))
}

/// What an app said of itself on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The app's bundle identifier.
    pub bundle_id: String,
    /// What it said, JSON; nothing where it said nothing.
    pub content: Option<String>,
    /// When that was read.
    pub read_at: Timestamp,
}

fn place(enrollment_id: &str, bundle_id: &str) -> String {
    format!("app_feedback.content_sealed/{enrollment_id}/{bundle_id}")
}

/// Stores what an app said of itself, in the place of what it said before.
pub fn set_feedback(tx: &Tx, enrollment_id: &str, bundle_id: &str, content: Option<&str>) -> Result<()> {
    let sealed = content.map(|content| tx.seal(&place(enrollment_id, bundle_id), content.as_bytes())).transpose()?;
    tx.execute(
        "INSERT OR REPLACE INTO app_feedback (enrollment_id, bundle_id, content_sealed, read_at) VALUES (?1, ?2, ?3, ?4)",
        (enrollment_id, bundle_id, sealed, tx.now),
    )?;
    Ok(())
}

/// What apps said of themselves on an enrollment, by bundle identifier.
pub fn feedback(tx: &Tx, enrollment_id: &str) -> Result<Vec<Feedback>> {
    let sql = "SELECT bundle_id, content_sealed, read_at FROM app_feedback WHERE enrollment_id = ?1 ORDER BY bundle_id";
    let rows: Vec<(String, Option<Vec<u8>>, Timestamp)> =
        tx.list(sql, [enrollment_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let open = |(bundle_id, sealed, read_at): (String, Option<Vec<u8>>, Timestamp)| {
        let plain: Option<SecretBytes> = sealed.map(|sealed| tx.open(&place(enrollment_id, &bundle_id), &sealed)).transpose()?;
        let content = plain.map(|plain| String::from_utf8_lossy(plain.expose()).into_owned());
        Ok(Feedback { bundle_id, content, read_at })
    };
    rows.into_iter().map(open).collect()
}
