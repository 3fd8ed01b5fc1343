//! Tokens of people who signed in with their account to enroll a device: by which each enrollment began, and what it has shown since.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// Whose device it is that enrolls by an account.
    pub enum Ownership {
        /// The person's own: it is known by an EnrollmentID, and little can be seen or done.
        Own = "own",
        /// The organisation's: it is managed as others are.
        School = "school",
    }
}

words! {
    /// What an enrollment came with in the place of the token by which it began.
    #[schema(as = AccountTokenShown)]
    pub enum Shown {
        /// With that token.
        Right = "right",
        /// With none.
        Nothing = "none",
        /// With another one.
        Another = "another",
    }
}

/// A token, known by its hash alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Who signed in.
    pub person_id: String,
    /// Their Managed Apple Account, as the profile says it.
    pub managed_account: String,
    /// Whose device it is.
    pub ownership: Ownership,
    /// The enrollment that began by it.
    pub enrollment_id: Option<String>,
    /// What that enrollment last came with.
    pub shown: Shown,
    /// Since when it comes with that.
    pub shown_at: Option<Timestamp>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When it ends; none once an enrollment began by it.
    pub expires_at: Option<Timestamp>,
}

const COLUMNS: &str = "hash, person_id, managed_account, ownership, enrollment_id, shown, shown_at, created_at, expires_at";

fn token(row: &Row<'_>) -> rusqlite::Result<AccountToken> {
    Ok(AccountToken {
        hash: row.get(0)?,
        person_id: row.get(1)?,
        managed_account: row.get(2)?,
        ownership: row.get(3)?,
        enrollment_id: row.get(4)?,
        shown: row.get(5)?,
        shown_at: row.get(6)?,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
    })
}

/// Stores a new token.
pub fn insert(tx: &Tx, token: &AccountToken) -> Result<()> {
    tx.execute(
        "INSERT INTO account_tokens (hash, person_id, managed_account, ownership, enrollment_id, shown, shown_at, created_at, expires_at)
         VALUES (:hash, :person_id, :managed_account, :ownership, :enrollment_id, :shown, :shown_at, :created_at, :expires_at)",
        named_params! {
            ":hash": &token.hash[..], ":person_id": token.person_id, ":managed_account": token.managed_account, ":ownership": token.ownership,
            ":enrollment_id": token.enrollment_id, ":shown": token.shown, ":shown_at": token.shown_at, ":created_at": token.created_at,
            ":expires_at": token.expires_at,
        },
    )?;
    Ok(())
}

/// The token with this hash, whether it is over or not.
pub fn by_hash(tx: &Tx, hash: &[u8]) -> Result<Option<AccountToken>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM account_tokens WHERE hash = ?1"), [hash], token)
}

/// The token by which an enrollment began.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Option<AccountToken>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM account_tokens WHERE enrollment_id = ?1"), [enrollment_id], token)
}

/// The tokens of a person, those of enrollments and those that wait for one.
pub fn of_person(tx: &Tx, person_id: &str) -> Result<Vec<AccountToken>> {
    tx.list(sql!("SELECT {COLUMNS} FROM account_tokens WHERE person_id = ?1 ORDER BY created_at, hash"), [person_id], token)
}

/// Makes a token an enrollment's for as long as that lives; the one by which it began before is over.
pub fn bind(tx: &Tx, hash: &[u8], enrollment_id: &str) -> Result<()> {
    tx.execute("DELETE FROM account_tokens WHERE enrollment_id = ?1 AND hash <> ?2", (enrollment_id, hash))?;
    tx.execute(
        "UPDATE account_tokens SET enrollment_id = ?2, expires_at = NULL, shown = 'right', shown_at = NULL WHERE hash = ?1",
        (hash, enrollment_id),
    )?;
    Ok(())
}

/// Forgets the token of an enrollment that began anew in another way; tells whether there was one.
pub fn forget(tx: &Tx, enrollment_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM account_tokens WHERE enrollment_id = ?1", [enrollment_id])? > 0)
}

/// Ends the tokens of a person that no enrollment began by.
pub fn end_unused(tx: &Tx, person_id: &str) -> Result<()> {
    tx.execute("DELETE FROM account_tokens WHERE person_id = ?1 AND enrollment_id IS NULL", [person_id]).map(drop)
}

/// Stores what an enrollment comes with from now on.
pub fn set_shown(tx: &Tx, hash: &[u8], shown: Shown) -> Result<()> {
    tx.execute("UPDATE account_tokens SET shown = ?2, shown_at = ?3 WHERE hash = ?1", (hash, shown, tx.now)).map(drop)
}

/// Removes tokens that ended without an enrollment; gives how many.
pub fn prune(tx: &Tx, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM account_tokens WHERE hash IN (SELECT hash FROM account_tokens WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
        (tx.now, limit),
    )
}
