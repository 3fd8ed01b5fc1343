//! One transaction as a value: its moment, its randomness, its seals, and the bells to ring once it is committed.

use std::cell::Cell;
use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::pki::seal::Sealer;
use crate::random::Random;
use crate::secret::SecretBytes;
use crate::store::bells::{Bell, Bells};

/// Seconds after which a caller may try again when the disk or the queue was full.
pub(in crate::store) const RETRY_AFTER_S: u32 = 10;

/// What a closure given to [`Store::read`](crate::store::Store::read) or [`Store::write`](crate::store::Store::write) works on.
///
/// The SQL connection inside is visible to the files of `store/` only; rooms pass `&Tx` on to their functions.
#[derive(Debug)]
pub struct Tx {
    /// The moment of this transaction: the same for everything that happens in it.
    pub now: Timestamp,
    conn: Connection,
    random: Random,
    sealer: Arc<Sealer>,
    bells: Cell<Bells>,
}

impl Tx {
    pub(in crate::store) fn new(conn: Connection, random: Random, sealer: Arc<Sealer>) -> Self {
        Self { now: Timestamp::default(), conn, random, sealer, bells: Cell::default() }
    }

    /// Where this transaction's tokens, codes and UUIDs come from.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// A new row's id: a UUIDv7 of this transaction's moment, as text.
    pub fn new_id(&self) -> String {
        self.random.uuid_v7(self.now).to_string()
    }

    /// A new CommandUUID. By its moment, so that commands which are made together lie together in the index, instead of each on a page of its own.
    pub fn command_uuid(&self) -> Uuid {
        self.random.uuid_v7(self.now)
    }

    /// Seals `plain` for the place that `context` names: table, dot, column, slash, the row's id (`escrow.value/0199…`).
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>> {
        Ok(self.sealer.seal(context, plain)?)
    }

    /// Opens what [`Tx::seal`] sealed for the same place; [`Kind::Internal`] when it was sealed with another key or for another place.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<SecretBytes> {
        Ok(self.sealer.open(context, sealed)?)
    }

    /// Wakes those who wait for `bell`, after the commit and only if there is one.
    pub fn ring(&self, bell: Bell) {
        self.bells.set(self.bells.get().with(bell));
    }

    /// The bells rung since this was last called.
    pub(in crate::store) fn take_bells(&self) -> Bells {
        self.bells.take()
    }

    /// Runs `work` so that its failure undoes only what it did itself: the transaction goes on.
    ///
    /// The outer error is the database's; the inner one is `work`'s own.
    pub fn attempt<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<Result<T>> {
        self.execute("SAVEPOINT attempt", [])?;
        let bells = self.bells.get();
        let outcome = work(self);
        if outcome.is_err() {
            self.execute("ROLLBACK TO attempt", [])?;
            self.bells.set(bells);
        }
        self.execute("RELEASE attempt", [])?;
        Ok(outcome)
    }

    /// A number that stays the same for as long as nobody writes anything, in whatever transaction of the writer's.
    pub fn writes(&self) -> u64 {
        self.conn.total_changes()
    }

    /// The connection, for statements that the helpers below do not cover.
    pub(in crate::store) fn conn(&self) -> &Connection {
        &self.conn
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        #[cfg(test)]
        crate::store::plans::note(sql);
        self.conn.prepare_cached(sql)
    }

    /// Runs a statement that returns no rows; gives the number of rows it changed.
    pub(in crate::store) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.prepare(sql)?.execute(params)?)
    }

    /// The key of the row that was inserted last.
    pub(in crate::store) fn last_row(&self) -> i64 {
        self.conn.last_insert_rowid()
    }

    /// The first row of a query, which must exist.
    pub(in crate::store) fn one<T>(&self, sql: &str, params: impl Params, row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>) -> Result<T> {
        Ok(self.prepare(sql)?.query_row(params, row)?)
    }

    /// The first row of a query, if there is one.
    pub(in crate::store) fn optional<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.prepare(sql)?.query_row(params, row).optional()?)
    }

    /// All rows of a query; the query itself carries the `LIMIT`.
    pub(in crate::store) fn list<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(params, row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.millis().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self::from_millis)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
        match code {
            Some((Code::DiskFull, _)) => {
                busy("the disk with the data folder is full: free some space; nothing of this request was stored").caused_by(error)
            }
            Some((Code::SystemIoFailure, rusqlite::ffi::SQLITE_IOERR_READ | rusqlite::ffi::SQLITE_IOERR_SHORT_READ)) => {
                busy("the disk with the data folder cannot be read: look at the disk; nothing of this request was stored").caused_by(error)
            }
            Some((Code::SystemIoFailure, _)) => busy(
                "the disk with the data folder takes nothing that is written (is it read-only, or failing?): make it writable again; nothing of this \
                 request was stored",
            )
            .caused_by(error),
            Some((Code::DatabaseBusy, _)) => busy(
                "another program holds the database: end it (a shell or a copy that has it open to write?); nothing of this request was stored",
            )
            .caused_by(error),
            Some((Code::CannotOpen | Code::DatabaseLocked | Code::OutOfMemory, _)) => {
                busy("the database could not be read or written just now; nothing of this request was stored").caused_by(error)
            }
            Some((_, rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)) => {
                Self::conflict("something with the same name or id exists already").caused_by(error)
            }
            Some((Code::DatabaseCorrupt | Code::NotADatabase, _)) => {
                Self::internal("the database is damaged: keep a copy of the data folder, and restore a backup", error)
            }
            _ => Self::internal("a database statement failed; the log has the details", error),
        }
    }
}

/// Whether it is the disk that failed or is full, rather than somebody else who is in the way.
pub(in crate::store) fn is_of_the_disk(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    let code = cause.and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(rusqlite::ErrorCode::DiskFull | rusqlite::ErrorCode::SystemIoFailure))
}

/// A failure that may be gone at the next attempt.
pub(in crate::store) fn busy(message: &'static str) -> Error {
    Error::new(Kind::Busy, message).retry_after(RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    const NOW: Timestamp = Timestamp::from_seconds(5);

    fn kind_of(sql: &'static str) -> Kind {
        memory().write_blocking(NOW, move |tx| tx.execute(sql, [])).unwrap_err().kind
    }

    #[test]
    fn failures_of_statements_have_the_kind_that_callers_need() {
        assert_eq!(kind_of("INSERT INTO settings VALUES ('seal_check', '1')"), Kind::Conflict, "a primary key");
        assert_eq!(kind_of("INSERT INTO settings VALUES ('a', 'not json')"), Kind::Internal, "a CHECK is for our own faults");
        assert_eq!(kind_of("INSERT INTO inventory_ages VALUES ('nobody', 'a', 1)"), Kind::Internal, "a reference too");
        assert_eq!(kind_of("SELECT nonsense"), Kind::Internal);
    }

    #[test]
    fn an_attempt_that_fails_undoes_itself_alone() {
        let set = |tx: &Tx, key: &str| tx.execute("INSERT INTO settings VALUES (?1, '1')", [key]).map(drop);
        let kept = memory().write_blocking(NOW, move |tx| {
            set(tx, "before")?;
            let failed = tx.attempt(|tx| {
                set(tx, "within")?;
                tx.attempt(|tx| set(tx, "deeper"))??;
                Err::<(), _>(Error::conflict("no"))
            })?;
            assert_eq!(failed.unwrap_err().kind, Kind::Conflict);
            tx.attempt(|tx| set(tx, "after"))??;
            tx.list("SELECT key FROM settings WHERE value = '1' ORDER BY key", [], |row| row.get::<_, String>(0))
        });
        assert_eq!(kept.unwrap(), ["after", "before"]);
    }

    #[test]
    fn a_transaction_has_one_moment_and_moments_read_back() {
        let moments = memory().write_blocking(NOW, |tx| tx.one("SELECT ?1", [tx.now], |row| Ok((tx.now, row.get(0)?))));
        assert_eq!(moments.unwrap(), (NOW, NOW));
    }

    #[test]
    fn a_sealed_value_opens_in_its_place_only() {
        let opened = memory().write_blocking(NOW, |tx| {
            let sealed = tx.seal("escrow.value/1", b"secret")?;
            assert!(tx.open("escrow.value/2", &sealed).is_err());
            tx.open("escrow.value/1", &sealed)
        });
        assert_eq!(opened.unwrap().expose(), b"secret");
    }
}
