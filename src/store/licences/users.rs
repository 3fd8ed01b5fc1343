//! People as Apps and Books knows them, location by location.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::tx::Tx;
use crate::store::words::words;

words! {
    /// How a person stands with Apple.
    pub enum UserState {
        /// Apple does not know them yet.
        New = "new",
        /// Apple was asked to make or change them.
        Asked = "asked",
        /// Known, and waits for the person to accept the invitation.
        Registered = "registered",
        /// Known, with an account.
        Associated = "associated",
        /// Apple was asked to retire them.
        Retiring = "retiring",
        /// Retired: their licences are back.
        Retired = "retired",
        /// Apple refused.
        Failed = "failed",
    }
}

/// A person in a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The location.
    pub token_id: String,
    /// The person's id here, and `clientUserId` at Apple's.
    pub person_id: String,
    /// Whether they are to be known there.
    pub wanted: bool,
    /// Whether Apple was told of them before.
    pub known: bool,
    /// How they stand.
    pub state: UserState,
    /// The address that Apple has been told.
    pub email: String,
    /// The Managed Apple Account that Apple has been told.
    pub managed_apple_id: String,
    /// When the invitation was last sent to their devices.
    pub invited_at: Option<Timestamp>,
    /// Apple's hash of their account.
    pub id_hash: String,
    /// The event that they wait for.
    pub event_id: Option<String>,
    /// Refusals in a row.
    pub attempts: i64,
    /// Not asked for again before.
    pub due_at: Option<Timestamp>,
    /// Why Apple refused, in words.
    pub problem: String,
}

const COLUMNS: &str =
    "token_id, person_id, wanted, known, state, email, managed_apple_id, invited_at, id_hash, event_id, attempts, due_at, problem";

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        token_id: row.get(0)?,
        person_id: row.get(1)?,
        wanted: row.get(2)?,
        known: row.get(3)?,
        state: row.get(4)?,
        email: row.get(5)?,
        managed_apple_id: row.get(6)?,
        invited_at: row.get(7)?,
        id_hash: row.get(8)?,
        event_id: row.get(9)?,
        attempts: row.get(10)?,
        due_at: row.get(11)?,
        problem: row.get(12)?,
    })
}

/// Stores a person, new or known; the code of their invitation stays.
pub fn put(tx: &Tx, row: &User) -> Result<()> {
    tx.execute(
        "INSERT INTO licence_users (token_id, person_id, wanted, known, state, email, managed_apple_id, invited_at, id_hash, event_id, attempts, due_at, problem)
         VALUES (:token_id, :person_id, :wanted, :known, :state, :email, :managed_apple_id, :invited_at, :id_hash, :event_id, :attempts, :due_at, :problem)
         ON CONFLICT (token_id, person_id) DO UPDATE SET wanted = excluded.wanted, known = excluded.known, state = excluded.state, email = excluded.email,
                managed_apple_id = excluded.managed_apple_id, invited_at = excluded.invited_at, id_hash = excluded.id_hash,
                event_id = excluded.event_id, attempts = excluded.attempts, due_at = excluded.due_at, problem = excluded.problem",
        named_params! {
            ":token_id": row.token_id, ":person_id": row.person_id, ":wanted": row.wanted, ":known": row.known, ":state": row.state, ":email": row.email,
            ":managed_apple_id": row.managed_apple_id, ":invited_at": row.invited_at, ":id_hash": row.id_hash, ":event_id": row.event_id,
            ":attempts": row.attempts, ":due_at": row.due_at, ":problem": row.problem,
        },
    )?;
    Ok(())
}

fn place(token_id: &str, person_id: &str) -> String {
    format!("licence_users.invite_code/{token_id}/{person_id}")
}

/// Stores the code of a person's invitation; none where there is nothing to accept any more.
pub fn set_invite_code(tx: &Tx, token_id: &str, person_id: &str, code: Option<&str>) -> Result<()> {
    let sealed = code.map(|code| tx.seal(&place(token_id, person_id), code.as_bytes())).transpose()?;
    tx.execute("UPDATE licence_users SET invite_code_sealed = ?3 WHERE token_id = ?1 AND person_id = ?2", (token_id, person_id, sealed))?;
    Ok(())
}

/// The code of a person's invitation.
pub fn invite_code(tx: &Tx, token_id: &str, person_id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx
        .optional("SELECT invite_code_sealed FROM licence_users WHERE token_id = ?1 AND person_id = ?2", [token_id, person_id], |row| {
            row.get(0)
        })?
        .flatten();
    sealed.map(|sealed| tx.open(&place(token_id, person_id), &sealed)).transpose()
}

/// A person in a location.
pub fn of(tx: &Tx, token_id: &str, person_id: &str) -> Result<Option<User>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM licence_users WHERE token_id = ?1 AND person_id = ?2"), [token_id, person_id], user)
}

/// A person in every location.
pub fn of_person(tx: &Tx, person_id: &str) -> Result<Vec<User>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licence_users WHERE person_id = ?1 ORDER BY token_id"), [person_id], user)
}

/// Everybody of a location, by id.
pub fn of_token(tx: &Tx, token_id: &str) -> Result<Vec<User>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licence_users WHERE token_id = ?1 ORDER BY person_id"), [token_id], user)
}

/// Everybody who waits for an event.
pub fn of_event(tx: &Tx, event_id: &str) -> Result<Vec<User>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licence_users WHERE event_id = ?1 ORDER BY person_id"), [event_id], user)
}

/// People that Apple is to be told of now: those to make (`new`, `failed`), or, where they are not `wanted`, those to retire.
pub fn to_ask(tx: &Tx, token_id: &str, wanted: bool, limit: u32) -> Result<Vec<User>> {
    let states = if wanted { "state IN ('new', 'failed')" } else { "state IN ('registered', 'associated', 'failed')" };
    tx.list(
        &format!(
            "SELECT {COLUMNS} FROM licence_users WHERE token_id = ?1 AND {states} AND wanted = ?2
                 AND (due_at <= ?3 OR (due_at IS NULL AND state <> 'failed')) ORDER BY person_id LIMIT ?4"
        ),
        (token_id, wanted, tx.now, limit),
        user,
    )
}

/// When Apple is next to be told of somebody.
pub fn next_ask(tx: &Tx, token_id: &str) -> Result<Option<Timestamp>> {
    tx.one(
        "SELECT min(at) FROM (
             SELECT min(coalesce(due_at, 0)) AS at FROM licence_users WHERE token_id = ?1 AND state = 'new' AND wanted
             UNION ALL SELECT min(due_at) FROM licence_users WHERE token_id = ?1 AND state = 'failed' AND due_at IS NOT NULL
             UNION ALL SELECT min(coalesce(due_at, 0)) FROM licence_users WHERE token_id = ?1 AND state IN ('registered', 'associated') AND NOT wanted)",
        [token_id],
        |row| row.get(0),
    )
}

/// Forgets people of whom Apple was told that they are gone, and who are not here any more; gives how many.
pub fn forget_retired(tx: &Tx, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM licence_users WHERE (token_id, person_id) IN (
             SELECT token_id, person_id FROM licence_users
             WHERE state = 'retired' AND wanted = 0 AND NOT EXISTS (SELECT 1 FROM people WHERE people.id = licence_users.person_id) LIMIT ?1)",
        [limit],
    )
}

/// People whose address or Managed Apple Account is not what Apple was told, and those who are wanted and not here any more; with whether they are here.
pub fn outdated(tx: &Tx, limit: u32) -> Result<Vec<(User, bool)>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS}, here FROM (
                 SELECT licence_users.*, people.id IS NOT NULL AS here FROM licence_users
                 LEFT JOIN people ON people.id = licence_users.person_id AND people.active
                 WHERE licence_users.wanted = 1 AND (people.id IS NULL OR (licence_users.state IN ('registered', 'associated', 'failed')
                       AND (people.email <> licence_users.email OR people.managed_apple_id <> licence_users.managed_apple_id)))
                 LIMIT ?1)"
        ),
        [limit],
        |row| Ok((user(row)?, row.get(13)?)),
    )
}
