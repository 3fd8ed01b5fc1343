//! Beta programmes of the organisation: what Apple lists for each server token, and the sealed tokens by which devices take part.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::bells::Bell;
use crate::store::tx::Tx;

/// How the list of a server token stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetaList {
    /// The server token.
    pub server_id: String,
    /// When Apple last gave the list.
    pub taken_at: Option<Timestamp>,
    /// Why it did not the last time, in words.
    pub problem: String,
    /// When it is asked next.
    pub due_at: Timestamp,
}

/// Stores how a list stands.
pub fn put_list(tx: &Tx, row: &BetaList) -> Result<()> {
    tx.execute(
        "INSERT INTO beta_lists (server_id, taken_at, problem, due_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (server_id) DO UPDATE SET taken_at = excluded.taken_at, problem = excluded.problem, due_at = excluded.due_at",
        (&row.server_id, row.taken_at, &row.problem, row.due_at),
    )?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// How the list of a server token stands; none where Apple was never asked.
pub fn list(tx: &Tx, server_id: &str) -> Result<Option<BetaList>> {
    tx.optional("SELECT server_id, taken_at, problem, due_at FROM beta_lists WHERE server_id = ?1", [server_id], |row| {
        Ok(BetaList { server_id: row.get(0)?, taken_at: row.get(1)?, problem: row.get(2)?, due_at: row.get(3)? })
    })
}

/// A programme as one list has it, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetaRow {
    /// The server token.
    pub server_id: String,
    /// What the programme is known by.
    pub id: String,
    /// The system that it is for, in Apple's word.
    pub os: String,
    /// What Apple calls it.
    pub title: String,
    /// Since when it is on the list.
    pub listed_at: Timestamp,
    /// Since when it is not any more.
    pub gone_at: Option<Timestamp>,
}

const COLUMNS: &str = "server_id, id, os, title, listed_at, gone_at";

fn program(row: &Row<'_>) -> rusqlite::Result<BetaRow> {
    Ok(BetaRow {
        server_id: row.get(0)?,
        id: row.get(1)?,
        os: row.get(2)?,
        title: row.get(3)?,
        listed_at: row.get(4)?,
        gone_at: row.get(5)?,
    })
}

fn place(server_id: &str, id: &str) -> String {
    format!("beta_programs.token/{server_id}/{id}")
}

/// Stores a programme, new or changed, with its token; one without a token is not listed any more.
pub fn put(tx: &Tx, row: &BetaRow, token: Option<&[u8]>) -> Result<()> {
    let sealed = token.map(|token| tx.seal(&place(&row.server_id, &row.id), token)).transpose()?;
    tx.execute(
        "INSERT INTO beta_programs (server_id, id, os, title, token_sealed, listed_at, gone_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (server_id, id) DO UPDATE SET os = excluded.os, title = excluded.title, token_sealed = excluded.token_sealed,
                listed_at = excluded.listed_at, gone_at = excluded.gone_at",
        (&row.server_id, &row.id, &row.os, &row.title, sealed, row.listed_at, row.gone_at),
    )?;
    Ok(())
}

/// The token of a programme at a server token, as long as Apple lists it there.
pub fn token(tx: &Tx, server_id: &str, id: &str) -> Result<Option<SecretBytes>> {
    let sql = "SELECT token_sealed FROM beta_programs WHERE server_id = ?1 AND id = ?2";
    let sealed: Option<Vec<u8>> = tx.optional(sql, [server_id, id], |row| row.get(0))?.flatten();
    sealed.map(|sealed| tx.open(&place(server_id, id), &sealed)).transpose()
}

/// Every programme of a server token, those that are gone included, by title.
pub fn of_server(tx: &Tx, server_id: &str) -> Result<Vec<BetaRow>> {
    let sql = format!("SELECT {COLUMNS} FROM beta_programs WHERE server_id = ?1 ORDER BY title, os, id");
    tx.list(&sql, [server_id], program)
}

/// Whether any list ever named a programme.
pub fn any(tx: &Tx) -> Result<bool> {
    tx.one("SELECT EXISTS (SELECT 1 FROM beta_programs)", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ade_servers::{self, AdeServer};
    use crate::store::tests::memory;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    #[test]
    fn a_token_is_sealed_and_goes_with_its_programme_and_its_server() {
        let row = BetaRow {
            server_id: "s".into(),
            id: "p".into(),
            os: "iOS".into(),
            title: "iOS 27 AppleSeed Beta".into(),
            listed_at: NOW,
            gone_at: None,
        };
        memory()
            .write_blocking(NOW, move |tx| {
                ade_servers::insert(tx, &AdeServer::new("s".into(), "S".into(), vec![1], NOW), b"key")?;
                put(tx, &row, Some(b"beta-token-of-the-school"))?;
                let sealed: Vec<u8> = tx.one("SELECT token_sealed FROM beta_programs", [], |row| row.get(0))?;
                assert!(!sealed.windows(10).any(|part| part == b"beta-token"));
                assert_eq!(token(tx, "s", "p")?.unwrap().expose().as_slice(), b"beta-token-of-the-school");
                put(tx, &BetaRow { gone_at: Some(NOW), ..row.clone() }, None)?;
                assert!(token(tx, "s", "p")?.is_none() && any(tx)?);
                assert_eq!(of_server(tx, "s")?, [BetaRow { gone_at: Some(NOW), ..row.clone() }]);
                put_list(tx, &BetaList { server_id: "s".into(), taken_at: Some(NOW), problem: String::new(), due_at: NOW })?;
                ade_servers::delete(tx, "s")?;
                assert!(!any(tx)? && list(tx, "s")?.is_none());
                Ok(())
            })
            .unwrap();
    }
}
