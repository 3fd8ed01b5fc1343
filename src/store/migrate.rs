//! Brings a database file to the schema of this version: `schema.sql` for a new file, numbered steps for an older one.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Kind, Result};

/// Marks a file as Rollcall's in its header: "RCal".
const APPLICATION_ID: i32 = 0x5243_616c;

/// The schema of a new file and the way there from every older one.
pub(in crate::store) struct Plan<'a> {
    /// What a new file gets.
    pub(in crate::store) schema: &'a str,
    /// SQL that brings version 1 to 2, 2 to 3 and so on.
    pub(in crate::store) steps: &'a [&'a str],
}

/// The plan of this version of Rollcall.
pub(in crate::store) const PLAN: Plan<'static> = Plan {
    schema: include_str!("../../schema.sql"),
    steps: &[
        include_str!("migrate/2_succession.sql"),
        include_str!("migrate/3_first_questions.sql"),
        include_str!("migrate/4_push_errors.sql"),
        include_str!("migrate/5_leaner_queue.sql"),
        include_str!("migrate/6_intent.sql"),
        include_str!("migrate/7_apps.sql"),
        include_str!("migrate/8_forms_and_access.sql"),
        include_str!("migrate/9_updates.sql"),
        include_str!("migrate/10_supervised.sql"),
        include_str!("migrate/11_own_devices.sql"),
        include_str!("migrate/12_trusted.sql"),
        include_str!("migrate/13_notices.sql"),
        include_str!("migrate/14_moved.sql"),
        include_str!("migrate/15_past.sql"),
        include_str!("migrate/16_beta.sql"),
        include_str!("migrate/17_packed.sql"),
        include_str!("migrate/18_saved_filters.sql"),
        include_str!("migrate/19_webhook_log.sql"),
        include_str!("migrate/20_page.sql"),
        include_str!("migrate/21_leaner.sql"),
        include_str!("migrate/22_lists.sql"),
        include_str!("migrate/23_kept.sql"),
        include_str!("migrate/24_short_rows.sql"),
    ],
};

impl Plan<'_> {
    /// The version that a file has after [`Plan::apply`].
    fn version(&self) -> i32 {
        self.steps.len() as i32 + 1
    }

    /// Brings the file to this plan's version, all at once or not at all; gives the version that it had (0: it was empty).
    ///
    /// Foreign keys are enforced again afterwards; they rest meanwhile because a step may have to rebuild a table.
    pub(in crate::store) fn apply(&self, conn: &mut Connection) -> Result<i32> {
        let found = version_of(conn)?;
        if found == self.version() {
            return Ok(found);
        }
        if found > self.version() {
            return Err(too_new(found, self.version()));
        }
        conn.pragma_update(None, "foreign_keys", false)?;
        let outcome = self.step_up(conn, found);
        conn.pragma_update(None, "foreign_keys", true)?;
        outcome.map(|()| found)
    }

    fn step_up(&self, conn: &mut Connection, found: i32) -> Result<()> {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        match usize::try_from(found - 1) {
            Err(_) => transaction.execute_batch(self.schema)?,
            Ok(done) => {
                for step in &self.steps[done..] {
                    transaction.execute_batch(step)?;
                }
            }
        }
        if let Some(table) = dangling_reference(&transaction)? {
            let message =
                format!("bringing the database up to date would leave rows of `{table}` without what they refer to; nothing was changed");
            return Err(Error::new(Kind::Internal, message));
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", self.version())?;
        Ok(transaction.commit()?)
    }
}

fn version_of(conn: &Connection) -> Result<i32> {
    let version: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let is_empty: bool = conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if !is_empty && (application != APPLICATION_ID || version < 1) {
        return Err(Error::bad_input("the database file is not one of Rollcall's: name another data folder, or move the file away"));
    }
    Ok(if is_empty { 0 } else { version })
}

fn too_new(found: i32, known: i32) -> Error {
    Error::bad_input(format!(
        "a newer Rollcall wrote this database (its version is {found}, this program knows {known}): \
         start the newer program, or restore a backup from before the update"
    ))
}

fn dangling_reference(conn: &Connection) -> Result<Option<String>> {
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema as one can compare it: comments, quotes and the amount of white space do not count.
    fn schema_of(conn: &Connection) -> Vec<String> {
        let mut statement = conn.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name").unwrap();
        let rows = statement.query_map([], |row| {
            let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let without_comments: String = sql.lines().map(|line| line.split("--").next().unwrap_or(line)).collect();
            let bare: String = without_comments.chars().filter(|letter| !letter.is_whitespace() && *letter != '"').collect();
            Ok(format!("{kind} {name}: {bare}"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    const FIRST: Plan = Plan {
        schema: "CREATE TABLE desks (id INTEGER PRIMARY KEY, room TEXT NOT NULL) STRICT;
                 CREATE TABLE pens (id INTEGER PRIMARY KEY, desk INTEGER NOT NULL REFERENCES desks (id)) STRICT;",
        steps: &[],
    };
    const STEPS: [&str; 2] = [
        "ALTER TABLE pens ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';",
        // A rebuild, as SQLite wants it for everything that ALTER TABLE cannot do.
        "CREATE TABLE new_desks (id INTEGER PRIMARY KEY, room TEXT NOT NULL CHECK (room <> '')) STRICT;
         INSERT INTO new_desks SELECT id, room FROM desks;
         DROP TABLE desks;
         ALTER TABLE new_desks RENAME TO desks;
         CREATE INDEX desks_room ON desks (room);",
    ];
    const THIRD: Plan = Plan {
        schema: "CREATE TABLE desks (id INTEGER PRIMARY KEY, room TEXT NOT NULL CHECK (room <> '')) STRICT; -- never nameless
                 CREATE INDEX desks_room ON desks (room);
                 CREATE TABLE pens (id INTEGER PRIMARY KEY, desk INTEGER NOT NULL REFERENCES desks (id),
                     colour TEXT NOT NULL DEFAULT 'blue') STRICT;",
        steps: &STEPS,
    };

    #[test]
    fn all_steps_from_the_first_version_end_in_the_schema() {
        let (mut stepped, mut new) = (memory(), memory());
        assert_eq!(FIRST.apply(&mut stepped).unwrap(), 0);
        stepped.execute_batch("INSERT INTO desks VALUES (1, 'north'); INSERT INTO pens VALUES (1, 1);").unwrap();
        assert_eq!(THIRD.apply(&mut stepped).unwrap(), 1);
        THIRD.apply(&mut new).unwrap();
        assert_eq!(schema_of(&stepped), schema_of(&new));
        let pen: (i64, String) = stepped.query_row("SELECT desk, colour FROM pens", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(pen, (1, String::from("blue")));
        assert_eq!(THIRD.apply(&mut stepped).unwrap(), 3, "a second time there is nothing to do");
    }

    #[test]
    fn this_versions_steps_from_the_first_one_end_in_its_schema() {
        let (mut stepped, mut new) = (memory(), memory());
        Plan { schema: include_str!("migrate/1_first.sql"), steps: &[] }.apply(&mut stepped).unwrap();
        assert_eq!(PLAN.apply(&mut stepped).unwrap(), 1);
        PLAN.apply(&mut new).unwrap();
        assert_eq!(schema_of(&stepped), schema_of(&new));
    }

    #[test]
    fn what_lay_in_long_rows_is_found_apart() {
        let mut conn = memory();
        let before = Plan { schema: include_str!("migrate/1_first.sql"), steps: &PLAN.steps[..22] };
        Plan { schema: before.schema, steps: &[] }.apply(&mut conn).unwrap();
        before.apply(&mut conn).unwrap();
        conn.execute_batch(
            "INSERT INTO devices (id, created_at) VALUES ('d', 1);
             INSERT INTO enrollments (id, device_id, kind, nano_id, state, push_token_sealed, unlock_token_sealed, token_updated_at, created_at)
             VALUES ('e', 'd', 'device', 'TESTSN0001', 'enrolled', x'01', x'02', 7, 1), ('f', 'd', 'device', 'TESTSN0002', 'left', NULL, NULL, NULL, 1);
             INSERT INTO authorities (id, certificate, fingerprint, state, not_after_at, created_at) VALUES ('a', x'00', x'01', 'imported', 2, 1);
             INSERT INTO certificates (fingerprint, authority_id, serial, certificate, public_key, purpose, not_before_at, not_after_at, issued_at)
             VALUES (x'0a', 'a', '01', x'0b', x'0c', 'enroll', 1, 2, 1);",
        )
        .unwrap();
        assert_eq!(PLAN.apply(&mut conn).unwrap(), 23);
        let said = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(
            said("SELECT group_concat(enrollment_id || hex(push_token_sealed) || hex(unlock_token_sealed)) FROM enrollment_secrets"),
            "e0102"
        );
        let held = "SELECT group_concat(id || has_push_token || has_unlock_token || has_bootstrap_token || ifnull(last_seen_at, '-')) FROM enrollments";
        assert_eq!(said(held), "e1107,f000-");
        assert_eq!(said("SELECT hex(certificate) FROM certificates JOIN certificate_files USING (fingerprint)"), "0B");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut conn = memory();
        FIRST.apply(&mut conn).unwrap();
        let before = schema_of(&conn);
        let bad = Plan { schema: "", steps: &[STEPS[0], "CREATE TABLE desks (id INTEGER);"] };
        assert!(bad.apply(&mut conn).is_err());
        assert_eq!(schema_of(&conn), before);
        assert_eq!(FIRST.apply(&mut conn).unwrap(), 1);
    }

    #[test]
    fn a_step_that_breaks_a_reference_is_undone() {
        let mut conn = memory();
        FIRST.apply(&mut conn).unwrap();
        conn.execute_batch("INSERT INTO desks VALUES (1, 'north'); INSERT INTO pens VALUES (1, 1);").unwrap();
        let bad = Plan { schema: "", steps: &["DELETE FROM desks;"] };
        let refusal = bad.apply(&mut conn).unwrap_err();
        assert!(refusal.message.contains("`pens`"), "{refusal}");
        assert_eq!(conn.query_row("SELECT count(*) FROM desks", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        assert!(conn.execute("INSERT INTO pens VALUES (2, 99)", []).is_err(), "foreign keys are enforced again");
    }

    #[test]
    fn a_file_from_a_newer_version_is_refused() {
        let mut conn = memory();
        THIRD.apply(&mut conn).unwrap();
        let refusal = FIRST.apply(&mut conn).unwrap_err();
        assert!(refusal.message.contains("newer Rollcall") && refusal.message.contains("is 3"), "{refusal}");
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let mut conn = memory();
        conn.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
        assert!(PLAN.apply(&mut conn).unwrap_err().message.contains("not one of Rollcall's"));
    }

    #[test]
    fn the_schema_of_this_version_applies_and_refers_to_nothing_that_is_missing() {
        let mut conn = memory();
        PLAN.apply(&mut conn).unwrap();
        let findings: i64 = conn.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        assert_eq!(findings, 0);
        assert!(schema_of(&conn).iter().any(|line| line.starts_with("table settings:")));
    }
}
