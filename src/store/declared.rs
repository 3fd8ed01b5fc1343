//! The declarations that an enrollment is served, and what it says of them and of itself.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::protocol::declaration::DeclarationKind;
use crate::secret::SecretBytes;
use crate::store::tx::Tx;

/// A declaration as it is listed for one enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Identifier.
    pub identifier: String,
    /// Its kind.
    pub kind: DeclarationKind,
    /// ServerToken: a digest of all that it says.
    pub server_token: String,
    /// Where it comes from, JSON.
    pub origins: String,
}

/// What is served to an enrollment, by identifier.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Vec<Declared>> {
    tx.list(
        "SELECT identifier, kind, server_token, origins FROM declared WHERE enrollment_id = ?1 ORDER BY identifier",
        [enrollment_id],
        |row| {
            let kind: String = row.get(1)?;
            // The table's CHECK has the same words.
            let kind = DeclarationKind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap_or(DeclarationKind::Configuration);
            Ok(Declared { identifier: row.get(0)?, kind, server_token: row.get(2)?, origins: row.get(3)? })
        },
    )
}

/// Adds a declaration to what is served, or replaces the one of this identifier; `document` is all of it, JSON.
pub fn put(tx: &Tx, enrollment_id: &str, declared: &Declared, document: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO declared (enrollment_id, identifier, kind, server_token, origins) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (enrollment_id, identifier)
         DO UPDATE SET kind = excluded.kind, server_token = excluded.server_token, origins = excluded.origins",
        (enrollment_id, &declared.identifier, declared.kind.as_str(), &declared.server_token, &declared.origins),
    )?;
    let known = "SELECT EXISTS (SELECT 1 FROM documents WHERE server_token = ?1)";
    if !tx.one(known, [&declared.server_token], |row| row.get::<_, bool>(0))? {
        let sealed = tx.seal("documents.content", document)?;
        tx.execute("INSERT INTO documents (server_token, content_sealed) VALUES (?1, ?2)", (&declared.server_token, sealed))?;
    }
    Ok(())
}

/// Takes a declaration out of what is served.
pub fn remove(tx: &Tx, enrollment_id: &str, identifier: &str) -> Result<()> {
    tx.execute("DELETE FROM declared WHERE enrollment_id = ?1 AND identifier = ?2", (enrollment_id, identifier))?;
    Ok(())
}

/// All that a declaration says, if an enrollment is served one of this kind and identifier.
pub fn document(tx: &Tx, enrollment_id: &str, kind: DeclarationKind, identifier: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional(
        "SELECT content_sealed FROM declared JOIN documents USING (server_token) WHERE enrollment_id = ?1 AND identifier = ?2 AND kind = ?3",
        (enrollment_id, identifier, kind.as_str()),
        |row| row.get(0),
    )?;
    sealed.map(|sealed| tx.open("documents.content", &sealed)).transpose()
}

/// Removes documents that nobody is served any more, at most `limit` of them; gives how many.
pub fn prune_documents(tx: &Tx, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM documents WHERE server_token IN (SELECT server_token FROM documents
         WHERE NOT EXISTS (SELECT 1 FROM declared WHERE declared.server_token = documents.server_token) LIMIT ?1)",
        [limit],
    )
}

/// What an enrollment says of one declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationState {
    /// Identifier.
    pub identifier: String,
    /// The list that it stood in: `activations`, `configurations` …
    pub kind: String,
    /// The version that it has.
    pub server_token: String,
    /// Whether it is in effect.
    pub active: bool,
    /// `unknown`, `valid` or `invalid`.
    pub valid: String,
    /// Codes and descriptions, JSON.
    pub reasons: String,
}

/// What an enrollment last said of its declarations, by identifier.
pub fn states(tx: &Tx, enrollment_id: &str) -> Result<Vec<DeclarationState>> {
    tx.list(
        "SELECT identifier, kind, server_token, active, valid, reasons FROM declaration_states WHERE enrollment_id = ?1 ORDER BY identifier",
        [enrollment_id],
        |row| {
            Ok(DeclarationState {
                identifier: row.get(0)?,
                kind: row.get(1)?,
                server_token: row.get(2)?,
                active: row.get(3)?,
                valid: row.get(4)?,
                reasons: row.get(5)?,
            })
        },
    )
}

/// Replaces what an enrollment says of its declarations of one kind: each list comes whole.
pub fn replace_states(tx: &Tx, enrollment_id: &str, kind: &str, states: &[DeclarationState]) -> Result<()> {
    tx.execute("DELETE FROM declaration_states WHERE enrollment_id = ?1 AND kind = ?2", (enrollment_id, kind))?;
    for state in states {
        tx.execute(
            "INSERT INTO declaration_states (enrollment_id, identifier, kind, server_token, active, valid, reasons)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (enrollment_id, identifier) DO UPDATE SET kind = excluded.kind, server_token = excluded.server_token,
                         active = excluded.active, valid = excluded.valid, reasons = excluded.reasons",
            (enrollment_id, &state.identifier, kind, &state.server_token, state.active, &state.valid, &state.reasons),
        )?;
    }
    Ok(())
}

/// A value that an enrollment reported of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusItem {
    /// Its name, `device.operating-system.version`.
    pub item: String,
    /// JSON.
    pub value: String,
    /// When it came.
    pub at: Timestamp,
}

/// Everything that an enrollment reported of itself, by name.
pub fn status_items(tx: &Tx, enrollment_id: &str) -> Result<Vec<StatusItem>> {
    tx.list("SELECT item, value, at FROM status_items WHERE enrollment_id = ?1 ORDER BY item", [enrollment_id], |row| {
        Ok(StatusItem { item: row.get(0)?, value: row.get(1)?, at: row.get(2)? })
    })
}

/// One value that an enrollment reported, JSON.
pub fn status_item(tx: &Tx, enrollment_id: &str, item: &str) -> Result<Option<String>> {
    tx.optional("SELECT value FROM status_items WHERE enrollment_id = ?1 AND item = ?2", (enrollment_id, item), |row| row.get(0))
}

/// Stores a value; `None` forgets it.
pub fn set_status_item(tx: &Tx, enrollment_id: &str, item: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => tx.execute(
            "INSERT INTO status_items (enrollment_id, item, value, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (enrollment_id, item) DO UPDATE SET value = excluded.value, at = excluded.at",
            (enrollment_id, item, value, tx.now),
        )?,
        None => tx.execute("DELETE FROM status_items WHERE enrollment_id = ?1 AND item = ?2", (enrollment_id, item))?,
    };
    Ok(())
}

/// Notes that an enrollment is asked now to say anew what became of its declarations.
pub fn set_news_asked(tx: &Tx, enrollment_id: &str) -> Result<()> {
    tx.execute("INSERT OR REPLACE INTO news_asked (enrollment_id, at) VALUES (?1, ?2)", (enrollment_id, tx.now)).map(drop)
}

/// When an enrollment was last asked to say anew what became of its declarations, if ever.
pub fn news_asked_at(tx: &Tx, enrollment_id: &str) -> Result<Option<Timestamp>> {
    tx.optional("SELECT at FROM news_asked WHERE enrollment_id = ?1", [enrollment_id], |row| row.get(0))
}
