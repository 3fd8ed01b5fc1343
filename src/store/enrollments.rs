//! Enrollments: the relation of a device, or of one user on it, to this server.

mod push;
mod quiet;
mod secrets;

pub use push::{
    count_refused_on_topic, count_unpushed_on_topic, forget_push_outcome, hasten_push, last_push_on_topic, next_push_due,
    push_again_on_topic, push_due, push_everyone, set_push, set_push_outcome,
};
pub use quiet::{Look, look};
use rusqlite::{Row, named_params};
pub use secrets::{SealedColumn, forget_secrets, secret, set_secret, set_tokens};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::ids::EnrollmentKind;
use crate::store::Tx;
use crate::store::invitations::Entry;
use crate::store::words::{sql_word, words};

sql_word!(EnrollmentKind);

words! {
    /// Where an enrollment stands.
    pub enum EnrollmentState {
        /// Authenticate was answered; the profile is not known to be installed yet.
        Authenticated = "authenticated",
        /// The first TokenUpdate came: it is managed.
        Enrolled = "enrolled",
        /// It said CheckOut, or left without saying.
        Left = "left",
        /// An admin retired it: it is told to leave at its next contact.
        Retired = "retired",
        /// It acknowledged EraseDevice.
        Erased = "erased",
    }
}

words! {
    /// Where the renewal of an enrollment's identity stands.
    pub enum RenewalState {
        /// Nothing under way.
        None = "none",
        /// The profile with a fresh challenge is in the queue.
        Queued = "queued",
        /// The device has the profile; the new certificate has not been used yet.
        Waiting = "waiting",
    }
}

/// An enrollment without its secrets.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// Our id for it.
    pub id: String,
    /// The device it belongs to.
    pub device_id: String,
    /// Of a user channel: the device channel.
    pub parent_id: Option<String>,
    /// Which of the kinds it is.
    pub kind: EnrollmentKind,
    /// UDID, UDID:UserID, EnrollmentID … as first seen.
    pub nano_id: String,
    /// UserShortName.
    pub user_short_name: String,
    /// UserLongName.
    pub user_long_name: String,
    /// Where it stands.
    pub state: EnrollmentState,
    /// Grows with each real re-enrollment.
    pub generation: i64,
    /// Push topic.
    pub topic: String,
    /// The device waits in Setup Assistant.
    pub awaiting_configuration: bool,
    /// TokenUpdates since it enrolled.
    pub token_update_tally: i64,
    /// SHA-256 of what the last TokenUpdate said.
    pub token_hash: Option<Vec<u8>>,
    /// AccessRights of its profile, where we know them.
    pub access_rights: Option<i64>,
    /// ServerURL of its profile.
    pub server_url: String,
    /// CheckInURL of its profile.
    pub check_in_url: String,
    /// SCEP URL of its profile.
    pub scep_url: String,
    /// The invitation it came by.
    pub invitation_id: Option<String>,
    /// Counts connections in which a command was offered.
    pub session: i64,
    /// When a push is due.
    pub push_due_at: Option<Timestamp>,
    /// Pushes since it last connected.
    pub push_attempts: i64,
    /// When a push last went out.
    pub push_sent_at: Option<Timestamp>,
    /// Why the last push failed, in words.
    pub push_error: String,
    /// When Apple said that the token is gone.
    pub push_dead_at: Option<Timestamp>,
    /// Whether there is a push token at all.
    pub has_push_token: bool,
    /// Whether an unlock token is held.
    pub has_unlock_token: bool,
    /// Whether a bootstrap token is held.
    pub has_bootstrap_token: bool,
    /// Where the renewal of its identity stands.
    pub renewal_state: RenewalState,
    /// When the renewal has its next step.
    pub renewal_due_at: Option<Timestamp>,
    /// Renewal attempts so far.
    pub renewal_attempts: i64,
    /// When the renewal under way began; what was issued since is the renewed identity.
    pub renewal_began_at: Option<Timestamp>,
    /// When Authenticate came.
    pub authenticated_at: Option<Timestamp>,
    /// When the first TokenUpdate of this generation came.
    pub enrolled_at: Option<Timestamp>,
    /// When the last TokenUpdate came.
    pub token_updated_at: Option<Timestamp>,
    /// When it left, was retired or erased.
    pub left_at: Option<Timestamp>,
    /// When it was last heard of; written behind.
    pub last_seen_at: Option<Timestamp>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// Whether its first questions are to be queued when it connects.
    pub questions_due: bool,
    /// By which door it came in.
    pub entry: Entry,
}

impl Enrollment {
    /// What people call the user of a user's channel.
    pub fn name(&self) -> &str {
        if self.user_short_name.is_empty() { &self.nano_id } else { &self.user_short_name }
    }
}

pub(in crate::store) const COLUMNS: &str = "enrollments.id, device_id, parent_id, kind, nano_id, user_short_name, user_long_name, state, generation, topic, \
     awaiting_configuration, token_update_tally, token_hash, access_rights, server_url, check_in_url, scep_url, invitation_id, session, push_due_at, \
     push_attempts, push_sent_at, push_error, push_dead_at, has_push_token, has_unlock_token, has_bootstrap_token, \
     renewal_state, renewal_due_at, renewal_attempts, authenticated_at, enrolled_at, token_updated_at, left_at, \
     last_seen_at, enrollments.created_at, renewal_began_at, questions_due, enrollments.entry";

pub(in crate::store) fn enrollment(row: &Row<'_>) -> rusqlite::Result<Enrollment> {
    Ok(Enrollment {
        id: row.get(0)?,
        device_id: row.get(1)?,
        parent_id: row.get(2)?,
        kind: row.get(3)?,
        nano_id: row.get(4)?,
        user_short_name: row.get(5)?,
        user_long_name: row.get(6)?,
        state: row.get(7)?,
        generation: row.get(8)?,
        topic: row.get(9)?,
        awaiting_configuration: row.get(10)?,
        token_update_tally: row.get(11)?,
        token_hash: row.get(12)?,
        access_rights: row.get(13)?,
        server_url: row.get(14)?,
        check_in_url: row.get(15)?,
        scep_url: row.get(16)?,
        invitation_id: row.get(17)?,
        session: row.get(18)?,
        push_due_at: row.get(19)?,
        push_attempts: row.get(20)?,
        push_sent_at: row.get(21)?,
        push_error: row.get(22)?,
        push_dead_at: row.get(23)?,
        has_push_token: row.get(24)?,
        has_unlock_token: row.get(25)?,
        has_bootstrap_token: row.get(26)?,
        renewal_state: row.get(27)?,
        renewal_due_at: row.get(28)?,
        renewal_attempts: row.get(29)?,
        authenticated_at: row.get(30)?,
        enrolled_at: row.get(31)?,
        token_updated_at: row.get(32)?,
        left_at: row.get(33)?,
        last_seen_at: row.get(34)?,
        created_at: row.get(35)?,
        renewal_began_at: row.get(36)?,
        questions_due: row.get(37)?,
        entry: row.get(38)?,
    })
}

/// Stores an enrollment that was never seen before. Its secrets are set apart.
pub fn insert(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    tx.execute(
        "INSERT INTO enrollments (id, device_id, parent_id, kind, nano_id, state, last_seen_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &enrollment.id,
            &enrollment.device_id,
            &enrollment.parent_id,
            enrollment.kind,
            &enrollment.nano_id,
            enrollment.state,
            enrollment.last_seen_at,
            enrollment.created_at,
        ),
    )?;
    update(tx, enrollment)
}

/// Stores everything of an enrollment but whose it is, its secrets, its push state, whether questions are due and when it was last seen.
pub fn update(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    tx.execute(
        "UPDATE enrollments SET user_short_name = :user_short_name, user_long_name = :user_long_name, state = :state,
                generation = :generation, topic = :topic, awaiting_configuration = :awaiting_configuration, token_update_tally = :token_update_tally,
                token_hash = :token_hash, access_rights = :access_rights, server_url = :server_url, check_in_url = :check_in_url, scep_url = :scep_url,
                invitation_id = :invitation_id, renewal_state = :renewal_state, renewal_due_at = :renewal_due_at,
                renewal_attempts = :renewal_attempts, renewal_began_at = :renewal_began_at, authenticated_at = :authenticated_at, enrolled_at = :enrolled_at,
                token_updated_at = :token_updated_at, left_at = :left_at, entry = :entry
         WHERE id = :id",
        named_params! {
            ":id": enrollment.id, ":user_short_name": enrollment.user_short_name,
            ":user_long_name": enrollment.user_long_name, ":state": enrollment.state, ":generation": enrollment.generation,
            ":topic": enrollment.topic, ":awaiting_configuration": enrollment.awaiting_configuration,
            ":token_update_tally": enrollment.token_update_tally, ":token_hash": enrollment.token_hash,
            ":access_rights": enrollment.access_rights, ":server_url": enrollment.server_url, ":check_in_url": enrollment.check_in_url,
            ":scep_url": enrollment.scep_url, ":invitation_id": enrollment.invitation_id, ":renewal_state": enrollment.renewal_state,
            ":renewal_due_at": enrollment.renewal_due_at, ":renewal_attempts": enrollment.renewal_attempts,
            ":renewal_began_at": enrollment.renewal_began_at,
            ":authenticated_at": enrollment.authenticated_at, ":enrolled_at": enrollment.enrolled_at,
            ":token_updated_at": enrollment.token_updated_at, ":left_at": enrollment.left_at, ":entry": enrollment.entry,
        },
    )?;
    Ok(())
}

/// Stores what a TokenUpdate told: where the enrollment stands, which tokens are held, and whether questions are due.
///
/// A new token is worth a new try: what Apple said of the old one is forgotten, without pretending that a push went out.
pub fn told(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    tx.execute(
        "UPDATE enrollments SET state = :state, topic = :topic, awaiting_configuration = :awaiting_configuration, token_update_tally = :token_update_tally,
                token_hash = :token_hash, enrolled_at = :enrolled_at, token_updated_at = :token_updated_at, left_at = :left_at,
                has_push_token = :has_push_token, has_unlock_token = :has_unlock_token, questions_due = :questions_due, push_error = '', push_dead_at = NULL
         WHERE id = :id",
        named_params! {
            ":id": enrollment.id, ":state": enrollment.state, ":topic": enrollment.topic,
            ":awaiting_configuration": enrollment.awaiting_configuration, ":token_update_tally": enrollment.token_update_tally,
            ":token_hash": enrollment.token_hash, ":enrolled_at": enrollment.enrolled_at, ":token_updated_at": enrollment.token_updated_at,
            ":left_at": enrollment.left_at, ":has_push_token": enrollment.has_push_token, ":has_unlock_token": enrollment.has_unlock_token,
            ":questions_due": enrollment.questions_due,
        },
    )
    .map(drop)
}

/// Has an enrollment belong to another device.
pub fn move_to(tx: &Tx, enrollment: &mut Enrollment, device_id: &str) -> Result<()> {
    device_id.clone_into(&mut enrollment.device_id);
    tx.execute("UPDATE enrollments SET device_id = ?2 WHERE id = ?1", (&enrollment.id, device_id)).map(drop)
}

/// The enrollment of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Enrollment>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM enrollments WHERE id = ?1"), [id], enrollment)
}

/// The enrollment of this id, as long as it is enrolled and its device was not deleted.
pub fn managed(tx: &Tx, id: &str) -> Result<Option<Enrollment>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS} FROM enrollments
             WHERE id = ?1 AND state = 'enrolled' AND EXISTS (SELECT 1 FROM devices WHERE id = enrollments.device_id AND deleted_at IS NULL)"
        ),
        [id],
        enrollment,
    )
}

/// The enrollment of this Nano id, whatever its upper and lower case.
pub fn by_nano_id(tx: &Tx, nano_id: &str) -> Result<Option<Enrollment>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM enrollments WHERE nano_id = ?1"), [nano_id], enrollment)
}

/// The device channel of a device, the newest if it enrolled in several ways.
pub fn device_channel(tx: &Tx, device_id: &str) -> Result<Option<Enrollment>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM enrollments WHERE device_id = ?1 AND parent_id IS NULL ORDER BY authenticated_at DESC LIMIT 1"),
        [device_id],
        enrollment,
    )
}

/// Every channel of a device, the device's own first.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Vec<Enrollment>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM enrollments WHERE device_id = ?1 ORDER BY parent_id IS NOT NULL, created_at"),
        [device_id],
        enrollment,
    )
}

/// The device channels that came by an invitation, newest first.
pub fn of_invitation(tx: &Tx, invitation_id: &str, limit: u32) -> Result<Vec<Enrollment>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM enrollments WHERE invitation_id = ?1 AND parent_id IS NULL ORDER BY authenticated_at DESC LIMIT ?2"),
        (invitation_id, limit),
        enrollment,
    )
}

/// The user channels of a device channel.
pub fn user_channels(tx: &Tx, parent_id: &str) -> Result<Vec<Enrollment>> {
    tx.list(sql!("SELECT {COLUMNS} FROM enrollments WHERE parent_id = ?1 ORDER BY created_at"), [parent_id], enrollment)
}

/// Begins a connection in which commands are offered, by its number.
pub fn begin_session(tx: &Tx, id: &str, session: i64) -> Result<()> {
    tx.execute("UPDATE enrollments SET session = ?2 WHERE id = ?1", (id, session)).map(drop)
}

/// Notes that an enrollment was heard of, with what it said; polls that say nothing are noted softly.
pub fn seen(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE enrollments SET last_seen_at = ?2 WHERE id = ?1", (id, tx.now))?;
    Ok(())
}

/// Stores whether the first questions are to be queued when the device connects.
pub fn set_questions_due(tx: &Tx, id: &str, due: bool) -> Result<()> {
    tx.execute("UPDATE enrollments SET questions_due = ?2 WHERE id = ?1 AND questions_due <> ?2", (id, due))?;
    Ok(())
}

/// Enrollments whose renewal has a step to make.
pub fn renewal_due(tx: &Tx, limit: u32) -> Result<Vec<Enrollment>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM enrollments WHERE renewal_due_at <= ?1 ORDER BY renewal_due_at LIMIT ?2"),
        (tx.now, limit),
        enrollment,
    )
}

/// The earliest moment at which a renewal has a step to make.
pub fn next_renewal_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(renewal_due_at) FROM enrollments WHERE renewal_due_at IS NOT NULL", [], |row| row.get(0))
}

/// Counts a TokenUpdate that said nothing new.
pub fn count_token_update(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE enrollments SET token_update_tally = token_update_tally + 1, token_updated_at = ?2 WHERE id = ?1", (id, tx.now))?;
    Ok(())
}

/// How many devices, practice ones left out, would be lost with this push topic.
pub fn count_on_topic(tx: &Tx, topic: &str) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM enrollments JOIN devices ON devices.id = enrollments.device_id
         WHERE topic = ?1 AND state = 'enrolled' AND parent_id IS NULL AND practice = 0",
        [topic],
        |row| row.get(0),
    )
}
