//! People who use devices: made by hand or taken over from a school's roster.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// Where a person, a class or a membership comes from.
    pub enum Source {
        /// Made here; no import takes it away.
        Hand = "hand",
        /// A table with a header row.
        Csv = "csv",
        /// OneRoster's CSV files.
        Oneroster = "oneroster",
    }
}

words! {
    /// What a person is at the school.
    pub enum PersonRole {
        /// Learns.
        Student = "student",
        /// Teaches.
        Teacher = "teacher",
        /// Everybody else who works there.
        Staff = "staff",
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Our id.
    pub id: String,
    /// Where they come from.
    pub source: Source,
    /// Their key in that source; absent for those made by hand.
    pub source_id: Option<String>,
    /// Their name.
    pub name: String,
    /// Their address; empty where there is none. Upper and lower case are the same.
    pub email: String,
    /// What they are.
    pub role: PersonRole,
    /// Whether they are at the school now.
    pub active: bool,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they changed last.
    pub changed_at: Timestamp,
}

/// A device, as far as lists beside people and groups name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName {
    /// Its id.
    pub id: String,
    /// Its name as it says it.
    pub name: String,
    /// Its serial number.
    pub serial_number: Option<String>,
}

/// What a list of people is narrowed to; empty means all.
#[derive(Debug, Clone, Default)]
pub struct PeopleFilter {
    /// Part of a name or an address.
    pub search: String,
    /// What they are.
    pub role: Option<PersonRole>,
    /// Whether they are at the school.
    pub active: Option<bool>,
    /// The class that they are in.
    pub class_id: Option<String>,
}

const COLUMNS: &str = "people.id, people.source, people.source_id, people.name, people.email, people.role, people.active, people.created_at, people.changed_at";

pub(in crate::store) fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: row.get(0)?,
        source: row.get(1)?,
        source_id: row.get(2)?,
        name: row.get(3)?,
        email: row.get(4)?,
        role: row.get(5)?,
        active: row.get(6)?,
        created_at: row.get(7)?,
        changed_at: row.get(8)?,
    })
}

pub(in crate::store) fn device_name(row: &Row<'_>) -> rusqlite::Result<DeviceName> {
    Ok(DeviceName { id: row.get(0)?, name: row.get(1)?, serial_number: row.get(2)? })
}

/// Stores a new person.
pub fn insert(tx: &Tx, person: &Person) -> Result<()> {
    tx.execute(
        "INSERT INTO people (id, source, source_id, name, email, role, active, created_at, changed_at)
         VALUES (:id, :source, :source_id, :name, :email, :role, :active, :created_at, :changed_at)",
        named_params! {
            ":id": person.id, ":source": person.source, ":source_id": person.source_id, ":name": person.name, ":email": person.email,
            ":role": person.role, ":active": person.active, ":created_at": person.created_at, ":changed_at": person.changed_at,
        },
    )?;
    Ok(())
}

/// Stores a person's name, address, role, whether they are active and their key in their source, as of now.
pub fn update(tx: &Tx, person: &Person) -> Result<()> {
    tx.execute(
        "UPDATE people SET name = ?2, email = ?3, role = ?4, active = ?5, source_id = ?6, changed_at = ?7 WHERE id = ?1",
        (&person.id, &person.name, &person.email, person.role, person.active, &person.source_id, tx.now),
    )?;
    Ok(())
}

/// Removes a person; their devices are nobody's then, and they are in no class.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM people WHERE id = ?1", [id])? == 1)
}

/// The person of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Person>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM people WHERE id = ?1"), [id], person)
}

/// Active people with this name or address, whatever their case: two at the most, which is one too many to tell who is meant.
pub fn by_label(tx: &Tx, label: &str) -> Result<Vec<Person>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM people WHERE active AND ((email = ?1 AND email <> '') OR name = ?1 COLLATE NOCASE) LIMIT 2"),
        [label],
        person,
    )
}

/// Somebody who was made by hand with this address, in whatever case, other than the person of an id.
pub fn by_hand_with_email(tx: &Tx, email: &str, but: &str) -> Result<Option<Person>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM people WHERE source = 'hand' AND email = ?1 COLLATE NOCASE AND id <> ?2 ORDER BY id LIMIT 1"),
        (email, but),
        person,
    )
}

/// Everybody, by id.
pub fn all(tx: &Tx) -> Result<Vec<Person>> {
    tx.list(sql!("SELECT {COLUMNS} FROM people ORDER BY id"), [], person)
}

impl PeopleFilter {
    fn conditions(&self) -> (String, Vec<rusqlite::types::Value>) {
        let (mut conditions, mut values) = (vec![String::from("1")], Vec::new());
        let search = self.search.trim();
        if !search.is_empty() {
            let like = format!("%{}%", search.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            conditions.push(String::from("(people.name LIKE ? ESCAPE '\\' OR people.email LIKE ? ESCAPE '\\')"));
            values.extend([like.clone().into(), like.into()]);
        }
        if let Some(role) = self.role {
            conditions.push(String::from("people.role = ?"));
            values.push(String::from(role.as_str()).into());
        }
        if let Some(active) = self.active {
            conditions.push(String::from("people.active = ?"));
            values.push(i64::from(active).into());
        }
        if let Some(class) = &self.class_id {
            conditions.push(String::from("people.id IN (SELECT person_id FROM class_people WHERE class_id = ?)"));
            values.push(class.clone().into());
        }
        (conditions.join(" AND "), values)
    }
}

/// A person with how many devices they have.
pub type Listed = (Person, u64);

/// One page of people by name, after the name (in lower case) and id of the last one before.
pub fn list(tx: &Tx, filter: &PeopleFilter, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Listed>> {
    let (conditions, mut values) = filter.conditions();
    let mut page = "";
    if let Some((name, id)) = after {
        // The first half by itself is what the index is entered by.
        page = " AND lower(people.name) >= ? AND (lower(people.name), people.id) > (?, ?)";
        values.extend([name.to_owned().into(), name.to_owned().into(), id.to_owned().into()]);
    }
    values.push(limit.into());
    tx.list(
        &format!(
            "SELECT {COLUMNS}, (SELECT count(*) FROM devices WHERE person_id = people.id AND deleted_at IS NULL) FROM people
             WHERE {conditions}{page} ORDER BY lower(people.name), people.id LIMIT ?"
        ),
        rusqlite::params_from_iter(values),
        |row| Ok((person(row)?, row.get::<_, i64>(9)?.unsigned_abs())),
    )
}

/// The Managed Apple Accounts of those who have one, by person.
pub fn managed_apple_ids(tx: &Tx) -> Result<Vec<(String, String)>> {
    tx.list("SELECT id, managed_apple_id FROM people WHERE managed_apple_id <> '' ORDER BY id", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// A person's Managed Apple Account; empty where they have none.
pub fn managed_apple_id(tx: &Tx, id: &str) -> Result<String> {
    Ok(tx.optional("SELECT managed_apple_id FROM people WHERE id = ?1", [id], |row| row.get(0))?.unwrap_or_default())
}

/// Somebody else than `but` with this Managed Apple Account, in whatever case.
pub fn by_managed_apple_id(tx: &Tx, account: &str, but: &str) -> Result<Option<Person>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM people WHERE managed_apple_id = ?1 COLLATE NOCASE AND id <> ?2 LIMIT 1"),
        [account, but],
        person,
    )
}

/// Stores a person's Managed Apple Account.
pub fn set_managed_apple_id(tx: &Tx, id: &str, account: &str) -> Result<()> {
    tx.execute("UPDATE people SET managed_apple_id = ?2, changed_at = ?3 WHERE id = ?1", (id, account, tx.now))?;
    Ok(())
}

/// What people are ordered by.
pub fn sort_key(person: &Person) -> (String, String) {
    (person.name.to_ascii_lowercase(), person.id.clone())
}

/// How many people pass the filter.
pub fn count(tx: &Tx, filter: &PeopleFilter) -> Result<u64> {
    let (conditions, values) = filter.conditions();
    let count: i64 =
        tx.one(&format!("SELECT count(*) FROM people WHERE {conditions}"), rusqlite::params_from_iter(values), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Who uses a device.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Option<Person>> {
    tx.optional(
        sql!("SELECT {COLUMNS} FROM devices JOIN people ON people.id = devices.person_id WHERE devices.id = ?1"),
        [device_id],
        person,
    )
}

/// Says who uses a device.
pub fn set_person(tx: &Tx, device_id: &str, person_id: Option<&str>) -> Result<()> {
    tx.execute("UPDATE devices SET person_id = ?2 WHERE id = ?1", (device_id, person_id))?;
    Ok(())
}

/// The devices in view that a person uses.
pub fn devices(tx: &Tx, person_id: &str) -> Result<Vec<DeviceName>> {
    tx.list(
        "SELECT id, name, serial_number FROM devices WHERE person_id = ?1 AND deleted_at IS NULL ORDER BY lower(name), id",
        [person_id],
        device_name,
    )
}

/// Every device in view that has a serial number, with who uses it: serial number in capitals, device, person.
pub fn serials(tx: &Tx) -> Result<Vec<(String, String, Option<String>)>> {
    tx.list(
        "SELECT upper(serial_number), id, person_id FROM devices WHERE serial_number IS NOT NULL AND deleted_at IS NULL ORDER BY created_at",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// A roster that was read and shown.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Its id.
    pub id: String,
    /// The roster as it was read, as JSON.
    pub roster: Vec<u8>,
    /// SHA-256 of what applying it was going to do.
    pub digest: [u8; 32],
    /// Who had it read.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Removes previews from before a moment; gives how many.
pub fn prune_previews(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM roster_previews WHERE created_at < ?1", [before])
}

/// Keeps a preview in place of the one that the same person had shown before.
pub fn put_preview(tx: &Tx, preview: &Preview) -> Result<()> {
    tx.execute("DELETE FROM roster_previews WHERE created_by = ?1", [&preview.created_by])?;
    let sealed = tx.seal(&format!("roster_previews.roster/{}", preview.id), &preview.roster)?;
    tx.execute(
        "INSERT INTO roster_previews (id, roster_sealed, digest, created_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&preview.id, sealed, &preview.digest[..], &preview.created_by, preview.created_at),
    )?;
    Ok(())
}

/// The preview of this id.
pub fn preview(tx: &Tx, id: &str) -> Result<Option<Preview>> {
    let row = tx.optional("SELECT roster_sealed, digest, created_by, created_at FROM roster_previews WHERE id = ?1", [id], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let Some((sealed, digest, created_by, created_at)) = row else { return Ok(None) };
    let roster = tx.open(&format!("roster_previews.roster/{id}"), &sealed)?.expose().clone();
    Ok(Some(Preview { id: id.to_owned(), roster, digest, created_by, created_at }))
}

/// Forgets a preview.
pub fn forget_preview(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM roster_previews WHERE id = ?1", [id])?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes this many people: `p1` and so on.
    pub(crate) fn fill(tx: &Tx, count: u64) -> Result<()> {
        let sql = format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             INSERT INTO people (id, name, created_at, changed_at) SELECT 'p' || n, 'Person ' || n, 1, 1 FROM numbers"
        );
        tx.execute(&sql, [])?;
        Ok(())
    }
}
