//! Letters by e-mail: those that wait, and how earlier ones went.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::words::words;
use crate::store::{Bell, Tx};

words! {
    /// Why a letter was written.
    pub enum Occasion {
        /// Something needs somebody.
        Notices = "notices",
        /// The week is over.
        Digest = "digest",
        /// Somebody wanted to see whether mail goes out.
        Test = "test",
    }
}

words! {
    /// What became of a letter.
    pub enum LetterState {
        /// It is tried, again if need be.
        Waiting = "waiting",
        /// The mail server took it.
        Sent = "sent",
        /// It was tried for long, and is not tried any more.
        GivenUp = "given_up",
    }
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// UUIDv7; makes its Message-ID.
    pub id: String,
    /// Why it was written.
    pub occasion: Occasion,
    /// To whom.
    pub address: String,
    /// What it is about.
    pub subject: String,
    /// Its text.
    pub plain: String,
    /// The same as an HTML page.
    pub html: String,
    /// What became of it.
    pub state: LetterState,
    /// Times tried.
    pub attempts: i64,
    /// When it is tried next, while it waits.
    pub due_at: Option<Timestamp>,
    /// The mail server's last words, or why it could not be asked.
    pub said: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was sent or given up.
    pub ended_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, occasion, address, subject, plain, html, state, attempts, due_at, said, created_at, ended_at";

fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        id: row.get(0)?,
        occasion: row.get(1)?,
        address: row.get(2)?,
        subject: row.get(3)?,
        plain: row.get(4)?,
        html: row.get(5)?,
        state: row.get(6)?,
        attempts: row.get(7)?,
        due_at: row.get(8)?,
        said: row.get(9)?,
        created_at: row.get(10)?,
        ended_at: row.get(11)?,
    })
}

/// Keeps a letter; one that waits wakes the job.
pub fn insert(tx: &Tx, letter: &Letter) -> Result<()> {
    tx.execute(
        "INSERT INTO letters (id, occasion, address, subject, plain, html, state, attempts, due_at, said, created_at, ended_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        (
            &letter.id,
            letter.occasion,
            &letter.address,
            &letter.subject,
            &letter.plain,
            &letter.html,
            letter.state,
            letter.attempts,
            letter.due_at,
            &letter.said,
            letter.created_at,
            letter.ended_at,
        ),
    )?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// The letters to try now, those that wait longest first.
pub fn due(tx: &Tx, limit: u32) -> Result<Vec<Letter>> {
    tx.list(sql!("SELECT {COLUMNS} FROM letters WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2"), (tx.now, limit), letter)
}

/// When the next one is to be tried.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM letters WHERE due_at IS NOT NULL", [], |row| row.get(0))
}

/// Keeps others from a letter until a moment, while it is under way.
pub fn set_due(tx: &Tx, id: &str, due_at: Timestamp) -> Result<()> {
    tx.execute("UPDATE letters SET due_at = ?2 WHERE id = ?1 AND state = 'waiting'", (id, due_at)).map(drop)
}

/// Makes every letter that waits due now.
pub fn hurry(tx: &Tx) -> Result<()> {
    tx.execute("UPDATE letters SET due_at = ?1 WHERE state = 'waiting'", [tx.now])?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// Notes a try: sent or given up where there is no next one.
pub fn note(tx: &Tx, id: &str, state: LetterState, due_at: Option<Timestamp>, said: &str) -> Result<()> {
    let ended_at = due_at.is_none().then_some(tx.now);
    tx.execute(
        "UPDATE letters SET state = ?2, attempts = attempts + 1, due_at = ?3, said = ?4, ended_at = ?5 WHERE id = ?1",
        (id, state, due_at, said, ended_at),
    )
    .map(drop)
}

/// The newest letters, before the cursor `before` (moment and id), at most `limit`.
pub fn list(tx: &Tx, before: Option<(Timestamp, &str)>, limit: u32) -> Result<Vec<Letter>> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql =
        format!("SELECT {COLUMNS} FROM letters WHERE ?1 IS NULL OR (created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT ?3");
    tx.list(&sql, (at, id, limit), letter)
}

/// How many are kept.
pub fn count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM letters", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// How many wait.
pub fn count_waiting(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM letters WHERE due_at IS NOT NULL", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Gives up every letter that waits for somebody who is told nothing any more, or where there is no mail server any more.
pub fn give_up_waiting(tx: &Tx, because: &str) -> Result<usize> {
    tx.execute("UPDATE letters SET state = 'given_up', due_at = NULL, said = ?1, ended_at = ?2 WHERE state = 'waiting'", (because, tx.now))
}

/// Forgets letters that were written before a moment and wait no more, at most `limit`; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE created_at < ?1 AND due_at IS NULL LIMIT ?2)",
        (before, limit),
    )
}
