//! The command queue: one row per command and enrollment, in the order in which it will be offered.

mod batches;
mod confirmed;
mod kinds;
mod standing;
mod tried;

pub use batches::{Answer, Asked, Batch, batch, batches};
pub use confirmed::{first_acknowledged_after, latest_acknowledged, latest_standing};
pub use kinds::{newest_open, open_of_kinds};
use rusqlite::{Row, named_params};
pub use standing::{Standing, most_not_nows, standing};
pub use tried::tried_with_key;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// Where a command stands. It leaves the queue only by an answer, or by one of the named causes.
    pub enum CommandState {
        /// Waits to be offered.
        Queued = "queued",
        /// Offered; the device has not answered yet.
        Sent = "sent",
        /// The device put it off; it stays in the queue.
        NotNow = "not_now",
        /// Done.
        Acknowledged = "acknowledged",
        /// The device refused it.
        Error = "error",
        /// The device could not read it: our bug, never sent again unchanged.
        FormatError = "format_error",
        /// An admin took it back.
        Cancelled = "cancelled",
        /// Its time was over before the device could do it.
        Expired = "expired",
        /// A newer command made it pointless.
        Superseded = "superseded",
        /// The enrollment it was meant for ended.
        Dropped = "dropped",
        /// Offered several times without any reply.
        Quarantined = "quarantined",
    }
}

impl CommandState {
    /// Tells whether the command is still in the queue.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Sent | Self::NotNow)
    }
}

/// A command as the queue holds it; its payload is read apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its place in the queue.
    pub seq: i64,
    /// The enrollment it is for.
    pub enrollment_id: String,
    /// The generation it was made for.
    pub generation: i64,
    /// CommandUUID.
    pub uuid: String,
    /// RequestType.
    pub request_type: String,
    /// Where it stands.
    pub state: CommandState,
    /// Why it ended without success, in words.
    pub cause: String,
    /// The device's ErrorChain, as JSON.
    pub error_chain: Option<String>,
    /// What a newer command of the same key makes pointless.
    pub supersede_key: Option<String>,
    /// Who asked for it, for people.
    pub actor: String,
    /// Times offered since the last reply.
    pub offers: i64,
    /// Times put off.
    pub not_nows: i64,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it ends unsent.
    pub expires_at: Option<Timestamp>,
    /// When it was last offered.
    pub sent_at: Option<Timestamp>,
    /// When it was last put off.
    pub not_now_at: Option<Timestamp>,
    /// When it left the queue.
    pub finished_at: Option<Timestamp>,
}

const COLUMNS: &str = "seq, enrollment_id, generation, uuid, request_type, state, cause, error_chain, supersede_key, actor, offers, not_nows, \
                       created_at, expires_at, sent_at, not_now_at, finished_at";

fn command(row: &Row<'_>) -> rusqlite::Result<Command> {
    Ok(Command {
        seq: row.get(0)?,
        enrollment_id: row.get(1)?,
        generation: row.get(2)?,
        uuid: row.get(3)?,
        request_type: row.get(4)?,
        state: row.get(5)?,
        cause: row.get(6)?,
        error_chain: row.get(7)?,
        supersede_key: row.get(8)?,
        actor: row.get(9)?,
        offers: row.get(10)?,
        not_nows: row.get(11)?,
        created_at: row.get(12)?,
        expires_at: row.get(13)?,
        sent_at: row.get(14)?,
        not_now_at: row.get(15)?,
        finished_at: row.get(16)?,
    })
}

/// A command to be queued.
#[derive(Debug, Clone)]
pub struct NewCommand<'a> {
    /// The enrollment it is for.
    pub enrollment_id: &'a str,
    /// That enrollment's present generation.
    pub generation: i64,
    /// CommandUUID, unique per enrollment.
    pub uuid: &'a str,
    /// RequestType.
    pub request_type: &'a str,
    /// The plist as it will be sent.
    pub payload: &'a [u8],
    /// Larger goes first.
    pub priority: i64,
    /// What an older open command must have for this one to replace it.
    pub supersede_key: Option<&'a str>,
    /// Who asked.
    pub actor: &'a str,
    /// When it ends unsent.
    pub expires_at: Option<Timestamp>,
}

/// Puts a command at the end of its priority in the queue; gives it as it stands there.
///
/// Fails with a conflict when the enrollment has had a command of this UUID.
pub fn insert(tx: &Tx, new: &NewCommand<'_>) -> Result<Command> {
    let payload = tx.seal("commands.payload", new.payload)?;
    tx.execute(
        "INSERT INTO commands (enrollment_id, generation, uuid, request_type, payload_sealed, priority, supersede_key, actor, created_at, expires_at)
         VALUES (:enrollment_id, :generation, :uuid, :request_type, :payload, :priority, :supersede_key, :actor, :now, :expires_at)",
        named_params! {
            ":enrollment_id": new.enrollment_id, ":generation": new.generation, ":uuid": new.uuid, ":request_type": new.request_type,
            ":payload": payload, ":priority": new.priority, ":supersede_key": new.supersede_key, ":actor": new.actor, ":now": tx.now,
            ":expires_at": new.expires_at,
        },
    )?;
    Ok(Command {
        seq: tx.last_row(),
        enrollment_id: new.enrollment_id.to_owned(),
        generation: new.generation,
        uuid: new.uuid.to_owned(),
        request_type: new.request_type.to_owned(),
        state: CommandState::Queued,
        cause: String::new(),
        error_chain: None,
        supersede_key: new.supersede_key.map(str::to_owned),
        actor: new.actor.to_owned(),
        offers: 0,
        not_nows: 0,
        created_at: tx.now,
        expires_at: new.expires_at,
        sent_at: None,
        not_now_at: None,
        finished_at: None,
    })
}

/// Has a command that was never offered say something else; it keeps its CommandUUID and its place.
pub fn rewrite(tx: &Tx, unsent: &Command, payload: &[u8], actor: &str, expires_at: Option<Timestamp>) -> Result<Command> {
    let payload = tx.seal("commands.payload", payload)?;
    tx.execute(
        "UPDATE commands SET payload_sealed = ?2, actor = ?3, created_at = ?4, expires_at = ?5 WHERE seq = ?1 AND sent_at IS NULL",
        (unsent.seq, payload, actor, tx.now, expires_at),
    )?;
    Ok(Command { actor: actor.to_owned(), created_at: tx.now, expires_at, ..unsent.clone() })
}

/// The command of an enrollment with this CommandUUID, in the queue or out of it.
pub fn by_uuid(tx: &Tx, enrollment_id: &str, uuid: &str) -> Result<Option<Command>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND uuid = ?2"), (enrollment_id, uuid), command)
}

/// Every command with this CommandUUID: one that was fanned out has a row per enrollment.
pub fn all_by_uuid(tx: &Tx, uuid: &str) -> Result<Vec<Command>> {
    tx.list(sql!("SELECT {COLUMNS} FROM commands WHERE uuid = ?1 ORDER BY seq"), [uuid], command)
}

/// The command of this UUID, or the one offered last, that was sent to a device by any of its channels and has not been answered.
pub fn sent_to_device(tx: &Tx, device_channel: &str, uuid: Option<&str>) -> Result<Option<Command>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM commands
             WHERE enrollment_id IN (SELECT id FROM enrollments WHERE id = ?1 UNION ALL SELECT id FROM enrollments WHERE parent_id = ?1)
               AND finished_at IS NULL AND sent_at IS NOT NULL AND (?2 IS NULL OR uuid = ?2)
             ORDER BY sent_at DESC, seq DESC LIMIT 1"
        ),
        (device_channel, uuid),
        command,
    )
}

/// Tells whether anything at all waits for this enrollment.
pub fn any_open(tx: &Tx, enrollment_id: &str) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM commands WHERE enrollment_id = ?1 AND finished_at IS NULL)", [enrollment_id], |row| row.get(0))
}

/// The next command to offer in `session`, with its plist while that is kept: highest priority, then oldest, leaving out what this session already put
/// off.
pub fn next(tx: &Tx, enrollment_id: &str, session: i64) -> Result<Option<(Command, Option<SecretBytes>)>> {
    let found = tx.optional(
        sql!(
            "SELECT {COLUMNS}, payload_sealed FROM commands
             WHERE enrollment_id = ?1 AND finished_at IS NULL AND (not_now_session IS NULL OR not_now_session <> ?2)
             ORDER BY priority DESC, seq LIMIT 1"
        ),
        (enrollment_id, session),
        |row| Ok((command(row)?, row.get("payload_sealed")?)),
    )?;
    found.map(|(command, sealed)| Ok((command, opened(tx, sealed)?))).transpose()
}

/// Moves a command in the queue.
pub fn set_priority(tx: &Tx, seq: i64, priority: i64) -> Result<()> {
    tx.execute("UPDATE commands SET priority = ?2 WHERE seq = ?1", (seq, priority)).map(drop)
}

/// The plist of a command, while it is kept.
pub fn payload(tx: &Tx, seq: i64) -> Result<Option<SecretBytes>> {
    opened(tx, tx.one("SELECT payload_sealed FROM commands WHERE seq = ?1", [seq], |row| row.get(0))?)
}

fn opened(tx: &Tx, sealed: Option<Vec<u8>>) -> Result<Option<SecretBytes>> {
    sealed.map(|sealed| tx.open("commands.payload", &sealed)).transpose()
}

/// Notes that a command was offered once more, or again to a device that may not have got the answer in which it was.
pub fn mark_sent(tx: &Tx, seq: i64, again: bool) -> Result<()> {
    tx.execute(
        "UPDATE commands SET state = 'sent', offers = iif(?3 AND offers > 0, offers, offers + 1), sent_at = ?2 WHERE seq = ?1",
        (seq, tx.now, again),
    )?;
    Ok(())
}

/// Notes that the device put the command off in `session`; it stays in the queue.
pub fn mark_not_now(tx: &Tx, seq: i64, session: i64) -> Result<()> {
    tx.execute(
        "UPDATE commands SET state = 'not_now', offers = 0, not_nows = not_nows + 1, not_now_session = ?2, not_now_at = ?3
         WHERE seq = ?1 AND finished_at IS NULL",
        (seq, session, tx.now),
    )?;
    Ok(())
}

/// Records what a device answered. A second answer to the same command changes nothing; tells whether this one did.
///
/// The first answer counts also where the command was taken out of the queue after it had been sent: the device has carried it out.
pub fn answered(tx: &Tx, seq: i64, state: CommandState, cause: &str, error_chain: Option<&str>) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE commands SET state = ?2, cause = ?3, error_chain = ?4, finished_at = ?5
         WHERE seq = ?1 AND (finished_at IS NULL OR sent_at IS NOT NULL AND state IN ('cancelled', 'expired', 'superseded', 'quarantined'))",
        (seq, state, cause, error_chain, tx.now),
    )?;
    Ok(changed == 1)
}

/// Takes a command out of the queue for a cause of ours, if it is still there; tells whether it was.
pub fn finish(tx: &Tx, seq: i64, state: CommandState, cause: &str, error_chain: Option<&str>) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE commands SET state = ?2, cause = ?3, error_chain = ?4, finished_at = ?5 WHERE seq = ?1 AND finished_at IS NULL",
        (seq, state, cause, error_chain, tx.now),
    )?;
    Ok(changed == 1)
}

/// Open commands of an enrollment that a newer one with the same key replaces: not those that the device has been sent already.
pub fn open_with_key(tx: &Tx, enrollment_id: &str, supersede_key: &str) -> Result<Vec<Command>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND finished_at IS NULL AND supersede_key = ?2 AND state <> 'sent'"),
        (enrollment_id, supersede_key),
        command,
    )
}

/// The open commands of an enrollment, in the order of the queue.
pub fn open(tx: &Tx, enrollment_id: &str, limit: u32) -> Result<Vec<Command>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND finished_at IS NULL ORDER BY priority DESC, seq LIMIT ?2"),
        (enrollment_id, limit),
        command,
    )
}

/// The command of a type that an enrollment got last in a generation.
pub fn latest(tx: &Tx, enrollment_id: &str, generation: i64, request_type: &str) -> Result<Option<Command>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND request_type = ?3 ORDER BY seq DESC LIMIT 1"),
        (enrollment_id, generation, request_type),
        command,
    )
}

/// The command of this key that an enrollment got last in a generation.
pub fn latest_with_key(tx: &Tx, enrollment_id: &str, generation: i64, supersede_key: &str) -> Result<Option<Command>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM commands WHERE enrollment_id = ?1 AND generation = ?2 AND supersede_key = ?3 ORDER BY seq DESC LIMIT 1"
        ),
        (enrollment_id, generation, supersede_key),
        command,
    )
}

/// How many commands of an enrollment are in the queue.
pub fn count_open(tx: &Tx, enrollment_id: &str) -> Result<i64> {
    tx.one("SELECT count(*) FROM commands WHERE enrollment_id = ?1 AND finished_at IS NULL", [enrollment_id], |row| row.get(0))
}

/// Commands that no device can do any more in time, oldest first.
pub fn past_expiry(tx: &Tx, limit: u32) -> Result<Vec<Command>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM commands WHERE finished_at IS NULL AND expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2"),
        (tx.now, limit),
        command,
    )
}

/// The earliest moment at which an open command expires.
pub fn next_expiry(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(expires_at) FROM commands WHERE finished_at IS NULL AND expires_at IS NOT NULL", [], |row| row.get(0))
}

/// What a list of commands is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// Only this enrollment's.
    pub enrollment_id: Option<&'a str>,
    /// Only those of this device, all its channels.
    pub device_id: Option<&'a str>,
    /// Only those that stand here.
    pub state: Option<CommandState>,
    /// Only those in the queue.
    pub open_only: bool,
}

const NARROWED: &str = "(:enrollment IS NULL OR enrollment_id = :enrollment)
     AND (:device IS NULL OR enrollment_id IN (SELECT id FROM enrollments WHERE device_id = :device))
     AND (:state IS NULL OR state = :state)
     AND (NOT :open_only OR finished_at IS NULL)";

/// Commands, newest first, from below `before`.
pub fn list(tx: &Tx, filter: &Filter<'_>, before: Option<i64>, limit: u32) -> Result<Vec<Command>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM commands WHERE {NARROWED} AND (:before IS NULL OR seq < :before) ORDER BY seq DESC LIMIT :limit"),
        named_params! {
            ":enrollment": filter.enrollment_id, ":device": filter.device_id, ":state": filter.state, ":open_only": filter.open_only,
            ":before": before, ":limit": limit,
        },
        command,
    )
}

/// How many commands [`list`] would give without a limit.
pub fn count(tx: &Tx, filter: &Filter<'_>) -> Result<i64> {
    tx.one(
        sql!("SELECT count(*) FROM commands WHERE {NARROWED}"),
        named_params! {
            ":enrollment": filter.enrollment_id, ":device": filter.device_id, ":state": filter.state, ":open_only": filter.open_only,
        },
        |row| row.get(0),
    )
}

/// Removes finished commands older than `before`, at most `limit` of them; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM commands WHERE seq IN (SELECT seq FROM commands WHERE finished_at IS NOT NULL AND finished_at < ?1 ORDER BY finished_at LIMIT ?2)",
        (before, limit),
    )
}

#[cfg(test)]
pub(crate) mod tests;
