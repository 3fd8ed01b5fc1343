//! Classes, and who learns or teaches in them.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::people::{self, Person, Source};
use crate::store::words::words;

words! {
    /// What a person does in a class.
    pub enum ClassRole {
        /// Learns.
        Student = "student",
        /// Teaches.
        Teacher = "teacher",
    }
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Our id.
    pub id: String,
    /// Where it comes from.
    pub source: Source,
    /// Its key in that source; absent where it was made by hand.
    pub source_id: Option<String>,
    /// Its name.
    pub name: String,
    /// How many people are in it.
    pub people_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name changed last.
    pub changed_at: Timestamp,
}

/// One person of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub person: Person,
    /// What they do there.
    pub role: ClassRole,
    /// Who says so.
    pub source: Source,
}

/// A membership as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The class.
    pub class_id: String,
    /// The person.
    pub person_id: String,
    /// What they do there.
    pub role: ClassRole,
    /// Who says so.
    pub source: Source,
}

const COLUMNS: &str = "classes.id, classes.source, classes.source_id, classes.name, classes.created_at, classes.changed_at, \
     (SELECT count(*) FROM class_people WHERE class_id = classes.id)";

fn class(row: &Row<'_>) -> rusqlite::Result<Class> {
    Ok(Class {
        id: row.get(0)?,
        source: row.get(1)?,
        source_id: row.get(2)?,
        name: row.get(3)?,
        created_at: row.get(4)?,
        changed_at: row.get(5)?,
        people_count: row.get::<_, i64>(6)?.unsigned_abs(),
    })
}

/// Stores a new class.
pub fn insert(tx: &Tx, class: &Class) -> Result<()> {
    tx.execute(
        "INSERT INTO classes (id, source, source_id, name, created_at, changed_at) VALUES (:id, :source, :source_id, :name, :created_at, :changed_at)",
        named_params! {
            ":id": class.id, ":source": class.source, ":source_id": class.source_id, ":name": class.name, ":created_at": class.created_at,
            ":changed_at": class.changed_at,
        },
    )?;
    Ok(())
}

/// Gives a class another name.
pub fn rename(tx: &Tx, id: &str, name: &str) -> Result<()> {
    tx.execute("UPDATE classes SET name = ?2, changed_at = ?3 WHERE id = ?1", (id, name, tx.now))?;
    Ok(())
}

/// Removes a class; its people stay.
pub fn delete(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM classes WHERE id = ?1", [id])? == 1)
}

/// The class of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Class>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM classes WHERE id = ?1"), [id], class)
}

/// Every class by name.
pub fn all(tx: &Tx) -> Result<Vec<Class>> {
    tx.list(sql!("SELECT {COLUMNS} FROM classes ORDER BY lower(name), id"), [], class)
}

/// One page of classes by name, after the name (in lower case) and id of the last one before.
pub fn list(tx: &Tx, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<Class>> {
    let (name, id) = after.unwrap_or(("", ""));
    tx.list(
        sql!("SELECT {COLUMNS} FROM classes WHERE (lower(name), id) > (?1, ?2) ORDER BY lower(name), id LIMIT ?3"),
        (name, id, limit),
        class,
    )
}

/// How many classes there are.
pub fn count(tx: &Tx) -> Result<u64> {
    let count: i64 = tx.one("SELECT count(*) FROM classes", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// The people of a class, teachers first, by name.
pub fn members(tx: &Tx, class_id: &str) -> Result<Vec<Member>> {
    let columns = "people.id, people.source, people.source_id, people.name, people.email, people.role, people.active, people.created_at, people.changed_at";
    tx.list(
        &format!(
            "SELECT {columns}, class_people.role, class_people.source FROM class_people JOIN people ON people.id = person_id
             WHERE class_id = ?1 ORDER BY class_people.role DESC, lower(people.name), people.id"
        ),
        [class_id],
        |row| Ok(Member { person: people::person(row)?, role: row.get(9)?, source: row.get(10)? }),
    )
}

/// The classes of a person, with what they do there.
pub fn of_person(tx: &Tx, person_id: &str) -> Result<Vec<(Class, ClassRole)>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS}, class_people.role FROM class_people JOIN classes ON classes.id = class_people.class_id
             WHERE class_people.person_id = ?1 ORDER BY lower(classes.name), classes.id"
        ),
        [person_id],
        |row| Ok((class(row)?, row.get(7)?)),
    )
}

/// Every membership there is.
pub fn memberships(tx: &Tx) -> Result<Vec<Membership>> {
    tx.list("SELECT class_id, person_id, role, source FROM class_people", [], |row| {
        Ok(Membership { class_id: row.get(0)?, person_id: row.get(1)?, role: row.get(2)?, source: row.get(3)? })
    })
}

/// Puts a person into a class, or changes what they do there; tells whether anything changed.
pub fn put_member(tx: &Tx, membership: &Membership) -> Result<bool> {
    let changed = tx.execute(
        "INSERT INTO class_people (class_id, person_id, role, source) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (class_id, person_id) DO UPDATE SET role = excluded.role, source = excluded.source
         WHERE role <> excluded.role OR source <> excluded.source",
        (&membership.class_id, &membership.person_id, membership.role, membership.source),
    )?;
    Ok(changed == 1)
}

/// Takes a person out of a class; tells whether they were in it.
pub fn remove_member(tx: &Tx, class_id: &str, person_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM class_people WHERE class_id = ?1 AND person_id = ?2", (class_id, person_id))? == 1)
}

/// The classes in which a person teaches who is at the school, by name.
pub fn taught_by(tx: &Tx, person_id: &str) -> Result<Vec<Class>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM class_people JOIN people ON people.id = person_id JOIN classes ON classes.id = class_people.class_id
             WHERE class_people.person_id = ?1 AND class_people.role = 'teacher' AND active ORDER BY lower(classes.name), classes.id"
        ),
        [person_id],
        class,
    )
}

/// Whether somebody who learns in this class uses a device.
pub fn has_learners_device(tx: &Tx, class_id: &str, device_id: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM devices JOIN class_people ON class_people.person_id = devices.person_id
                        WHERE devices.id = ?2 AND class_id = ?1 AND role = 'student' AND deleted_at IS NULL)",
        (class_id, device_id),
        |row| row.get(0),
    )
}

/// The devices in view that the people of a class use.
pub fn devices(tx: &Tx, class_id: &str) -> Result<Vec<String>> {
    tx.list(
        "SELECT devices.id FROM class_people JOIN devices ON devices.person_id = class_people.person_id
         WHERE class_id = ?1 AND deleted_at IS NULL ORDER BY devices.id",
        [class_id],
        |row| row.get(0),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes this many classes.
    pub(crate) fn fill(tx: &Tx, count: u64) -> Result<()> {
        let sql = format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             INSERT INTO classes (id, name, created_at, changed_at) SELECT 'c' || n, 'Class ' || n, 1, 1 FROM numbers"
        );
        tx.execute(&sql, [])?;
        Ok(())
    }

    /// Puts this many of the people that are there into a class.
    pub(crate) fn put_all(tx: &Tx, class_id: &str, count: u64) -> Result<()> {
        tx.execute(
            "INSERT INTO class_people (class_id, person_id) SELECT ?1, id FROM people ORDER BY id LIMIT ?2",
            (class_id, count as i64),
        )?;
        Ok(())
    }
}
