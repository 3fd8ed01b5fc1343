//! Our servers in Apple School Manager or Apple Business: key pair, server token, where the reading of Apple's list stands, and when to go on.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::bells::Bell;
use crate::store::tx::Tx;
use crate::store::words::words;

words! {
    /// How a server stands with Apple.
    pub enum ServerState {
        /// Its token has not been brought yet.
        Waiting = "waiting",
        /// Apple answers.
        Ready = "ready",
        /// Somebody must accept Apple's new terms first.
        Terms = "terms",
        /// Apple does not take the token any more.
        Refused = "refused",
        /// The token's year is over.
        Ended = "ended",
    }
}

words! {
    /// How Apple's list is being read.
    pub enum Phase {
        /// All of it, page by page.
        Fetch = "fetch",
        /// What changed since.
        Sync = "sync",
    }
}

/// A server, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdeServer {
    /// Our id for it.
    pub id: String,
    /// Its name in Apple's portal, ours until the token came.
    pub name: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
    /// The certificate that Apple encrypts the token to, DER.
    pub certificate: Vec<u8>,
    /// How it stands with Apple.
    pub state: ServerState,
    /// The token's end.
    pub expires_at: Option<Timestamp>,
    /// When the token came.
    pub uploaded_at: Option<Timestamp>,
    /// Apple's id for it: the same after every renewal.
    pub server_uuid: String,
    /// The organisation that it belongs to.
    pub organisation: String,
    /// Who made it in the portal.
    pub admin: String,
    /// All that Apple says of it, JSON.
    pub account: String,
    /// When it said so.
    pub account_at: Option<Timestamp>,
    /// How the list is being read.
    pub phase: Phase,
    /// Up to where.
    pub cursor: String,
    /// Rounds in a row that got no further: the cursor stayed the same, or was not taken.
    pub same_cursor: i64,
    /// When the reading of the whole list that is under way began.
    pub fetch_began_at: Option<Timestamp>,
    /// When the whole list was last read to its end.
    pub fetched_at: Option<Timestamp>,
    /// When the list was last read, the whole or what changed.
    pub synced_at: Option<Timestamp>,
    /// When to read it next.
    pub sync_due_at: Option<Timestamp>,
    /// When there is next something to do.
    pub due_at: Option<Timestamp>,
    /// Until when somebody is at it.
    pub busy_until_at: Option<Timestamp>,
    /// Why the last round failed, in words.
    pub problem: String,
    /// Failed rounds in a row.
    pub failures: i64,
    /// When its key pair was made.
    pub created_at: Timestamp,
    /// Where Apple was told that devices ask for their server by an account; empty for nowhere.
    pub discovery_url: String,
    /// Why Apple does not take that address, in words.
    pub discovery_problem: String,
    /// When it is told again, after it did not.
    pub discovery_due_at: Option<Timestamp>,
}

impl AdeServer {
    /// A server that waits for its token; `certificate` is the DER that Apple encrypts it to.
    pub fn new(id: String, name: String, certificate: Vec<u8>, now: Timestamp) -> Self {
        Self {
            id,
            name,
            practice: false,
            certificate,
            state: ServerState::Waiting,
            expires_at: None,
            uploaded_at: None,
            server_uuid: String::new(),
            organisation: String::new(),
            admin: String::new(),
            account: String::from("{}"),
            account_at: None,
            phase: Phase::Fetch,
            cursor: String::new(),
            same_cursor: 0,
            fetch_began_at: None,
            fetched_at: None,
            synced_at: None,
            sync_due_at: None,
            due_at: None,
            busy_until_at: None,
            problem: String::new(),
            failures: 0,
            created_at: now,
            discovery_url: String::new(),
            discovery_problem: String::new(),
            discovery_due_at: None,
        }
    }
}

const COLUMNS: &str = "id, name, practice, certificate, state, expires_at, uploaded_at, server_uuid, organisation, admin, account, account_at, \
     phase, cursor, same_cursor, fetch_began_at, fetched_at, synced_at, sync_due_at, due_at, busy_until_at, problem, failures, created_at, \
     discovery_url, discovery_problem, discovery_due_at";

fn server(row: &Row<'_>) -> rusqlite::Result<AdeServer> {
    Ok(AdeServer {
        id: row.get(0)?,
        name: row.get(1)?,
        practice: row.get(2)?,
        certificate: row.get(3)?,
        state: row.get(4)?,
        expires_at: row.get(5)?,
        uploaded_at: row.get(6)?,
        server_uuid: row.get(7)?,
        organisation: row.get(8)?,
        admin: row.get(9)?,
        account: row.get(10)?,
        account_at: row.get(11)?,
        phase: row.get(12)?,
        cursor: row.get(13)?,
        same_cursor: row.get(14)?,
        fetch_began_at: row.get(15)?,
        fetched_at: row.get(16)?,
        synced_at: row.get(17)?,
        sync_due_at: row.get(18)?,
        due_at: row.get(19)?,
        busy_until_at: row.get(20)?,
        problem: row.get(21)?,
        failures: row.get(22)?,
        created_at: row.get(23)?,
        discovery_url: row.get(24)?,
        discovery_problem: row.get(25)?,
        discovery_due_at: row.get(26)?,
    })
}

fn place(column: &str, id: &str) -> String {
    format!("ade_servers.{column}/{id}")
}

/// Stores a new server with its key, which never leaves the appliance.
pub fn insert(tx: &Tx, row: &AdeServer, key: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO ade_servers (id, name, practice, certificate, key_sealed, state, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&row.id, &row.name, row.practice, &row.certificate, tx.seal(&place("key", &row.id), key)?, row.state, tx.now),
    )?;
    update(tx, row)
}

/// Stores what changed about a server; its key pair, its token, and whether it is practice do not.
pub fn update(tx: &Tx, row: &AdeServer) -> Result<()> {
    tx.execute(
        "UPDATE ade_servers SET name = :name, state = :state, expires_at = :expires_at, uploaded_at = :uploaded_at, server_uuid = :server_uuid,
                organisation = :organisation, admin = :admin, account = :account, account_at = :account_at, phase = :phase, cursor = :cursor,
                same_cursor = :same_cursor, fetch_began_at = :fetch_began_at, fetched_at = :fetched_at, synced_at = :synced_at,
                sync_due_at = :sync_due_at, due_at = :due_at, busy_until_at = :busy_until_at, problem = :problem, failures = :failures,
                discovery_url = :discovery_url, discovery_problem = :discovery_problem, discovery_due_at = :discovery_due_at
         WHERE id = :id",
        named_params! {
            ":id": row.id, ":name": row.name, ":state": row.state, ":expires_at": row.expires_at, ":uploaded_at": row.uploaded_at,
            ":server_uuid": row.server_uuid, ":organisation": row.organisation, ":admin": row.admin, ":account": row.account,
            ":account_at": row.account_at, ":phase": row.phase, ":cursor": row.cursor, ":same_cursor": row.same_cursor,
            ":fetch_began_at": row.fetch_began_at, ":fetched_at": row.fetched_at, ":synced_at": row.synced_at,
            ":sync_due_at": row.sync_due_at, ":due_at": row.due_at, ":busy_until_at": row.busy_until_at, ":problem": row.problem,
            ":failures": row.failures, ":discovery_url": row.discovery_url, ":discovery_problem": row.discovery_problem,
            ":discovery_due_at": row.discovery_due_at,
        },
    )?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// Stores the token as Apple's file held it.
pub fn set_token(tx: &Tx, id: &str, token: &[u8]) -> Result<()> {
    let sealed = tx.seal(&place("token", id), token)?;
    tx.execute("UPDATE ade_servers SET token_sealed = ?2, uploaded_at = ?3 WHERE id = ?1", (id, sealed, tx.now))?;
    Ok(())
}

/// The token, if it was brought.
pub fn token(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT token_sealed FROM ade_servers WHERE id = ?1", [id], |row| row.get(0))?.flatten();
    sealed.map(|sealed| tx.open(&place("token", id), &sealed)).transpose()
}

/// The key that opens what Apple encrypted.
pub fn key(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT key_sealed FROM ade_servers WHERE id = ?1", [id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&place("key", id), &sealed)).transpose()
}

/// Forgets a server with everything that is known of its devices; what opens locked ones stays.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM ade_servers WHERE id = ?1", [id])?;
    Ok(())
}

/// The server of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<AdeServer>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM ade_servers WHERE id = ?1"), [id], server)
}

/// Every server, oldest first.
pub fn all(tx: &Tx) -> Result<Vec<AdeServer>> {
    tx.list(sql!("SELECT {COLUMNS} FROM ade_servers ORDER BY created_at, id"), [], server)
}

/// Makes a server due now, if it is not already.
pub fn make_due(tx: &Tx, id: &str) -> Result<()> {
    let changed = tx.execute("UPDATE ade_servers SET due_at = ?2 WHERE id = ?1 AND (due_at IS NULL OR due_at > ?2)", (id, tx.now))?;
    if changed > 0 {
        tx.ring(Bell::Jobs);
    }
    Ok(())
}

/// Makes every server that is in use due now: something that goes for all its devices has changed.
pub fn make_ready_due(tx: &Tx) -> Result<()> {
    let changed = tx.execute("UPDATE ade_servers SET due_at = ?1 WHERE state = 'ready' AND (due_at IS NULL OR due_at > ?1)", [tx.now])?;
    if changed > 0 {
        tx.ring(Bell::Jobs);
    }
    Ok(())
}

/// Servers with something to do that nobody is at.
pub fn due(tx: &Tx) -> Result<Vec<AdeServer>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM ade_servers WHERE due_at <= ?1 AND coalesce(busy_until_at, 0) <= ?1 ORDER BY due_at, id"),
        [tx.now],
        server,
    )
}

/// The earliest moment at which there is something to do with any of them.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(max(due_at, coalesce(busy_until_at, 0))) FROM ade_servers WHERE due_at IS NOT NULL", [], |row| row.get(0))
}
