//! People who may log in, as rows.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::tx::Tx;

/// One person who may log in.
#[derive(Debug, Clone)]
pub struct Admin {
    /// UUIDv7.
    pub id: String,
    /// What they log in with; unique without regard to ASCII case.
    pub name: String,
    /// The role's word; rooms read it.
    pub role: String,
    /// Argon2id, as a PHC string.
    pub password_hash: Secret<String>,
    /// Since when they may not log in.
    pub disabled_at: Option<Timestamp>,
    /// When they were added.
    pub created_at: Timestamp,
    /// The person of the school that they are; whose classes a teacher sees.
    pub person_id: Option<String>,
}

const COLUMNS: &str = "id, name, role, password_hash, disabled_at, created_at, person_id";

fn admin(row: &Row<'_>) -> rusqlite::Result<Admin> {
    Ok(Admin {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        password_hash: Secret::new(row.get(3)?),
        disabled_at: row.get(4)?,
        created_at: row.get(5)?,
        person_id: row.get(6)?,
    })
}

/// Adds a person; a taken name is a conflict.
pub fn insert(tx: &Tx, admin: &Admin) -> Result<()> {
    tx.execute(
        "INSERT INTO admins (id, name, role, password_hash, disabled_at, created_at, person_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&admin.id, &admin.name, &admin.role, admin.password_hash.expose(), admin.disabled_at, admin.created_at, &admin.person_id),
    )?;
    Ok(())
}

/// The person with this id.
pub fn find(tx: &Tx, id: &str) -> Result<Option<Admin>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM admins WHERE id = ?1"), [id], admin)
}

/// The person with this name, whatever the case of its letters.
pub fn find_by_name(tx: &Tx, name: &str) -> Result<Option<Admin>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM admins WHERE name = ?1"), [name], admin)
}

/// Up to `limit` people by name, from after the name `after`.
pub fn list(tx: &Tx, after: Option<&str>, limit: u32) -> Result<Vec<Admin>> {
    let sql = format!("SELECT {COLUMNS} FROM admins WHERE ?1 IS NULL OR name > ?1 ORDER BY name LIMIT ?2");
    tx.list(&sql, (after, limit), admin)
}

/// How many people there are, disabled ones included.
pub fn count(tx: &Tx) -> Result<u32> {
    tx.one("SELECT count(*) FROM admins", [], |row| row.get(0))
}

/// How many people with the role `role` may log in, not counting the one with the id `except`.
pub fn count_able(tx: &Tx, role: &str, except: &str) -> Result<u32> {
    tx.one("SELECT count(*) FROM admins WHERE role = ?1 AND disabled_at IS NULL AND id <> ?2", (role, except), |row| row.get(0))
}

/// The people who may log in as this person of the school, by name, disabled ones left out.
pub fn able_of_person(tx: &Tx, person_id: &str) -> Result<Vec<Admin>> {
    let sql = format!("SELECT {COLUMNS} FROM admins WHERE person_id = ?1 AND disabled_at IS NULL ORDER BY name");
    tx.list(&sql, [person_id], admin)
}

/// Stores a changed role, hash, state and person; id, name and age stay.
pub fn update(tx: &Tx, admin: &Admin) -> Result<()> {
    tx.execute(
        "UPDATE admins SET role = ?2, password_hash = ?3, disabled_at = ?4, person_id = ?5 WHERE id = ?1",
        (&admin.id, &admin.role, admin.password_hash.expose(), admin.disabled_at, &admin.person_id),
    )?;
    Ok(())
}

/// Removes a person and, by cascade, their sessions.
pub fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM admins WHERE id = ?1", [id])?;
    Ok(())
}
