//! Declarations that admins wrote, their payloads sealed.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::protocol::declaration::DeclarationKind;
use crate::secret::SecretBytes;
use crate::store::Tx;

/// A declaration, without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Our id for it.
    pub id: String,
    /// Identifier, which no other has.
    pub identifier: String,
    /// Its kind, which its type tells.
    pub kind: DeclarationKind,
    /// Type, for example `com.apple.configuration.passcode.settings`.
    pub declaration_type: String,
    /// What people call it.
    pub name: String,
    /// Identifiers that its payload names: configurations of an activation, assets of a configuration.
    pub refers_to: Vec<String>,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "id, identifier, kind, type, name, refers_to, revision, created_by, created_at, changed_at";

fn declaration(row: &Row<'_>) -> rusqlite::Result<Declaration> {
    let (kind, refers_to): (String, String) = (row.get(2)?, row.get(5)?);
    Ok(Declaration {
        id: row.get(0)?,
        identifier: row.get(1)?,
        // The table's CHECK has the same words.
        kind: DeclarationKind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap_or(DeclarationKind::Configuration),
        declaration_type: row.get(3)?,
        name: row.get(4)?,
        // Written below; the table's CHECK holds it to JSON.
        refers_to: serde_json::from_str(&refers_to).unwrap_or_default(),
        revision: row.get(6)?,
        created_by: row.get(7)?,
        created_at: row.get(8)?,
        changed_at: row.get(9)?,
    })
}

fn context(id: &str) -> String {
    format!("declarations.payload/{id}")
}

fn json(list: &[String]) -> Result<String> {
    serde_json::to_string(list).map_err(|error| Error::internal("a list of texts could not be written as JSON", error))
}

/// Stores a new declaration, and remembers its identifier for good.
pub fn insert(tx: &Tx, declaration: &Declaration, payload: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO declarations (id, identifier, kind, type, name, payload_sealed, refers_to, revision, created_by, created_at, changed_at)
         VALUES (:id, :identifier, :kind, :type, :name, :payload, :refers_to, :revision, :created_by, :created_at, :changed_at)",
        named_params! {
            ":id": declaration.id, ":identifier": declaration.identifier, ":kind": declaration.kind.as_str(),
            ":type": declaration.declaration_type, ":name": declaration.name, ":payload": tx.seal(&context(&declaration.id), payload)?,
            ":refers_to": json(&declaration.refers_to)?, ":revision": declaration.revision, ":created_by": declaration.created_by,
            ":created_at": declaration.created_at, ":changed_at": declaration.changed_at,
        },
    )?;
    tx.execute(
        "INSERT OR IGNORE INTO declaration_identifiers (identifier, type) VALUES (?1, ?2)",
        (&declaration.identifier, &declaration.declaration_type),
    )?;
    Ok(())
}

/// Stores what changed of a declaration: name, payload, what that names, and revision.
pub fn update(tx: &Tx, declaration: &Declaration, payload: &[u8]) -> Result<()> {
    tx.execute(
        "UPDATE declarations SET name = ?2, payload_sealed = ?3, refers_to = ?4, revision = ?5, changed_at = ?6 WHERE id = ?1",
        (
            &declaration.id,
            &declaration.name,
            tx.seal(&context(&declaration.id), payload)?,
            json(&declaration.refers_to)?,
            declaration.revision,
            declaration.changed_at,
        ),
    )?;
    Ok(())
}

/// Removes a declaration; its identifier stays taken for its type. Tells whether it was there.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM declarations WHERE id = ?1", [id])? == 1)
}

/// The declaration of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Declaration>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM declarations WHERE id = ?1"), [id], declaration)
}

/// The declaration of this identifier.
pub fn by_identifier(tx: &Tx, identifier: &str) -> Result<Option<Declaration>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM declarations WHERE identifier = ?1"), [identifier], declaration)
}

/// The declaration of this identifier, whether its letters are capital or small.
pub fn by_identifier_in_any_case(tx: &Tx, identifier: &str) -> Result<Option<Declaration>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM declarations WHERE identifier = ?1 COLLATE NOCASE LIMIT 1"), [identifier], declaration)
}

/// The payload of a declaration, JSON.
pub fn payload(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT payload_sealed FROM declarations WHERE id = ?1", [id], |row| row.get(0))?;
    sealed.map(|sealed| tx.open(&context(id), &sealed)).transpose()
}

/// Declarations by name, from after one with its name and id.
pub fn list(tx: &Tx, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Declaration>> {
    let (name, id) = after.unzip();
    tx.list(
        sql!("SELECT {COLUMNS} FROM declarations WHERE (?1 IS NULL OR (name, id) > (?1, ?2)) ORDER BY name, id LIMIT ?3"),
        (name, id, limit),
        declaration,
    )
}

/// Declarations whose payload names this identifier.
pub fn naming(tx: &Tx, identifier: &str) -> Result<Vec<Declaration>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM declarations
             WHERE EXISTS (SELECT 1 FROM json_each(refers_to) WHERE value = ?1) ORDER BY identifier"
        ),
        [identifier],
        declaration,
    )
}

/// How many declarations there are.
pub fn count(tx: &Tx) -> Result<i64> {
    tx.one("SELECT count(*) FROM declarations", [], |row| row.get(0))
}

/// The type that an identifier was taken for, now or before.
pub fn type_of(tx: &Tx, identifier: &str) -> Result<Option<String>> {
    tx.optional("SELECT type FROM declaration_identifiers WHERE identifier = ?1", [identifier], |row| row.get(0))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A group without devices, for tests of what is assigned.
    pub(crate) fn group(tx: &Tx, id: &str, name: &str) -> Result<()> {
        tx.execute("INSERT INTO groups (id, name, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)", (id, name, tx.now))?;
        Ok(())
    }

    /// Puts a device into a group.
    pub(crate) fn join(tx: &Tx, group_id: &str, device_id: &str) -> Result<()> {
        tx.execute("INSERT INTO group_devices (group_id, device_id) VALUES (?1, ?2)", (group_id, device_id))?;
        Ok(())
    }

    #[test]
    fn a_payload_is_sealed_and_opens_for_its_own_row() {
        let store = crate::store::tests::memory();
        let (sealed, opened) = store
            .write_blocking(Timestamp::from_seconds(5), |tx| {
                let declaration = Declaration {
                    id: String::from("1"),
                    identifier: String::from("school.example.mail"),
                    kind: DeclarationKind::Configuration,
                    declaration_type: String::from("com.apple.configuration.account.mail"),
                    name: String::from("Mail"),
                    refers_to: vec![String::from("school.example.password")],
                    revision: 1,
                    created_by: String::from("kim"),
                    created_at: tx.now,
                    changed_at: tx.now,
                };
                insert(tx, &declaration, b"{\"Password\":\"open sesame\"}")?;
                assert_eq!(by_identifier(tx, "school.example.mail")?, Some(declaration.clone()));
                assert_eq!(naming(tx, "school.example.password")?, [declaration]);
                let sealed: Vec<u8> = tx.one("SELECT payload_sealed FROM declarations", [], |row| row.get(0))?;
                Ok((sealed, payload(tx, "1")?))
            })
            .unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"sesame"));
        assert_eq!(opened.unwrap().expose(), b"{\"Password\":\"open sesame\"}");
    }
}
