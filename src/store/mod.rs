//! What is remembered: the only place with SQL. One writer groups commits, a few readers read, and rooms see a `&Tx`.

#[macro_use]
mod sql;

pub mod access;
pub mod account_tokens;
pub mod acme;
pub mod ade_devices;
pub mod ade_locks;
pub mod ade_profiles;
pub mod ade_servers;
pub mod admins;
pub mod ahead;
pub mod alerts;
pub mod api_tokens;
pub mod app_requests;
pub mod app_schemas;
pub mod app_states;
pub mod app_totals;
pub mod apps;
pub mod arrivals;
pub mod asset_data;
pub mod assignments;
pub mod attestations;
pub mod authorities;
pub mod backup;
pub mod backups;
pub mod begun;
mod bells;
pub mod beta_programs;
pub mod census;
pub mod certificates;
mod checkpoint;
pub mod classes;
pub mod closed;
pub mod commands;
mod connection;
pub mod content_tokens;
pub mod declarations;
pub mod declared;
pub mod deployments;
pub mod device_users;
pub mod devices;
mod disk;
pub mod enrollments;
pub mod escrow;
pub mod events;
pub mod figures;
pub mod focuses;
pub mod former_holders;
pub mod groups;
pub mod holds;
pub mod idempotency;
mod inbox;
pub mod integrity;
pub mod inventory;
pub mod invitations;
pub mod jobs;
pub mod known;
pub mod known_roots;
pub mod letters;
pub mod licences;
mod lock;
mod log_file;
pub mod meetings;
mod migrate;
pub mod moves;
pub mod notices;
pub mod offline_copies;
pub mod outcomes;
mod owner;
pub mod package_files;
pub mod packages;
pub mod people;
#[cfg(test)]
pub(crate) mod plans;
pub mod policies;
pub mod profile_times;
pub mod profiles;
pub mod provisioning;
pub mod push_certificates;
mod readers;
pub mod rebuild;
pub mod redemption_codes;
pub mod releases;
pub mod reports;
pub mod returns;
mod room;
pub mod roster;
pub mod saved_filters;
pub mod second_factors;
pub mod sessions;
pub mod settings;
mod soft;
pub mod store_items;
#[cfg(test)]
pub(crate) mod testing;
mod trouble;
mod tx;
pub mod update_plans;
pub mod update_progress;
pub mod update_states;
mod upsert;
pub mod webhooks;
mod words;
mod work;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub use bells::{Bell, Listener};
pub use lock::DataFolder;
pub use soft::{SOFT_LIMIT, SoftFact};
pub use tx::Tx;
pub use writer::GROUP_LIMIT;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::metrics::WriterMeter;
use crate::pki::seal::{KEY_BYTES, Sealer};
use crate::random::Random;
use bells::Tower;
use checkpoint::Checkpointer;
use connection::Location;
use disk::{Durable, Log, NoDisk};
use readers::Readers;
use room::Room;
use work::{Given, forget, recall};
use writer::{GROUP_LEAST, GROUP_TIME, Pace, Writer};

/// Closures that may wait for the writer unless [`OpenOptions::queue_limit`] says otherwise: a quarter of a second's worth.
pub const QUEUE_LIMIT: usize = 4096;

/// What a store is opened with.
pub struct OpenOptions {
    location: Location,
    sealer: Arc<Sealer>,
    random: Random,
    pace: Pace,
    durable: Box<dyn Durable>,
}

impl OpenOptions {
    /// The database file `path`, which is created when it is missing, and what seals the secrets in it.
    pub fn file(path: impl AsRef<Path>, sealer: Sealer) -> Self {
        Self::at(Location::File(path.as_ref().to_path_buf()), sealer)
    }

    /// A new database in memory with a key of its own, for tests; it is gone when the store is.
    pub fn memory() -> Self {
        let key = Random::System.bytes::<KEY_BYTES>();
        // The only reason to refuse a key is its length.
        Self::at(Location::memory(), Sealer::from_key(&key).expect("a key of the right length"))
    }

    fn at(location: Location, sealer: Sealer) -> Self {
        let durable: Box<dyn Durable> = match &location {
            Location::File(path) | Location::Alone(path) => Box::new(Log::of(path.clone())),
            Location::Memory(_) => Box::new(NoDisk),
        };
        let pace = Pace { queue_limit: QUEUE_LIMIT, group_time: GROUP_TIME, group_least: GROUP_LEAST };
        Self { location, sealer: Arc::new(sealer), random: Random::System, pace, durable }
    }

    /// Where transactions take tokens, codes and ids from; the operating system's generator by default.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// How many closures may wait for the writer before [`Store::write`] refuses; [`QUEUE_LIMIT`] by default.
    #[must_use]
    pub fn queue_limit(mut self, closures: usize) -> Self {
        self.pace.queue_limit = closures;
        self
    }

    /// How long a group may run before it is committed; tests want to know what makes a group.
    #[cfg(test)]
    pub(crate) fn group_time(mut self, time: std::time::Duration) -> Self {
        (self.pace.group_time, self.pace.group_least) = (time, time);
        self
    }

    /// A disk of the test's own making.
    #[cfg(test)]
    pub(in crate::store) fn durable(mut self, durable: impl Durable) -> Self {
        self.durable = Box::new(durable);
        self
    }
}

/// The database: a handle that is cheap to clone. The last one that is dropped writes what waits and closes the file.
///
/// A write is answered when it is on the disk. A read may see, for the fraction of a millisecond between, what is committed and not yet there;
/// whoever wrote it has not been told so.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    // Dropped first: the writer's connection, closed last, then folds the write-ahead log into the file.
    readers: Readers,
    _checkpointer: Option<Checkpointer>,
    writer: Writer,
    tower: Arc<Tower>,
    room: Room,
    location: Location,
}

impl Store {
    /// Opens the database and brings it to this version's schema.
    ///
    /// Fails with a message for a person when the file is a newer version's, another program's, or cannot be opened, or when its secrets were
    /// sealed with another key.
    pub fn open(options: OpenOptions) -> Result<Self> {
        let OpenOptions { location, sealer, random, pace, durable } = options;
        let (location, mut conn) = location.open_first()?;
        migrate::PLAN.apply(&mut conn)?;
        let log_pages = Arc::new(AtomicUsize::new(0));
        let checkpointer = Checkpointer::start(&mut conn, &location, Arc::clone(&log_pages))?;
        let tx = Tx::new(conn, random.clone(), Arc::clone(&sealer));
        settings::check_seal(&tx)?;
        if let Some(path) = location.path() {
            begun::end(path)?;
        }
        let tower = Arc::new(Tower::new());
        let writer = Writer::start(tx, Arc::clone(&tower), durable, log_pages, pace)?;
        let readers = Readers::start(location.clone(), random, sealer)?;
        Ok(Self(Arc::new(Inner { readers, _checkpointer: checkpointer, writer, tower, room: Room::default(), location })))
    }

    /// Runs `work` in a transaction of its own and gives its outcome once it is safely on the disk; an `Err` undoes what it did.
    ///
    /// [`Kind::Busy`](crate::error::Kind::Busy) when too many wait already, or when the disk is full or fails: nothing is stored then.
    pub async fn write<T, F>(&self, now: Timestamp, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T> + Send + 'static,
    {
        self.0.writer.submit(now, work)?.wait().await
    }

    /// [`Store::write`] for callers that are not async: the command line and tests. Panics inside an async runtime.
    pub fn write_blocking<T, F>(&self, now: Timestamp, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T> + Send + 'static,
    {
        self.0.writer.submit(now, work)?.wait_blocking()
    }

    /// Runs `work` on one snapshot, on this thread: for point reads, which take microseconds.
    #[expect(clippy::unused_async, reason = "callers need not know that a point read is faster than handing it to another thread")]
    pub async fn read<T>(&self, now: Timestamp, work: impl FnOnce(&Tx) -> Result<T>) -> Result<T> {
        self.read_blocking(now, work)
    }

    /// [`Store::read`] for callers that are not async.
    pub fn read_blocking<T>(&self, now: Timestamp, work: impl FnOnce(&Tx) -> Result<T>) -> Result<T> {
        self.0.readers.read(now, work)
    }

    /// Runs `work` on one snapshot, on a thread for slow things: for lists, searches and reports.
    pub async fn read_slow<T, F>(&self, now: Timestamp, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T> + Send + 'static,
    {
        let _place = self.0.readers.slow_place().await?;
        let store = self.clone();
        let reading: Box<dyn FnOnce() -> Result<Given> + Send> = Box::new(move || forget(store.read_blocking(now, work)));
        let outcome = tokio::task::spawn_blocking(reading).await;
        recall(outcome.unwrap_or_else(|panic| Err(Error::internal("a fault in the program", panic))))
    }

    /// Remembers a soft fact in memory; it is written along with the next group that is due, within seconds, or at the end.
    pub fn soft(&self, fact: SoftFact, at: Timestamp) {
        self.0.writer.soften(fact, at);
    }

    /// Writes the soft facts so far (the first few hundred) now, for those who cannot wait for them.
    pub async fn flush_soft(&self) -> Result<()> {
        self.0.writer.hurry();
        self.write(Timestamp::default(), |_| Ok(())).await
    }

    /// Whether a write that needs room on the disk is kept now; a proof holds for a second, after which the disk is asked anew.
    ///
    /// Fails as [`Store::write`] does.
    pub async fn prove_room(&self, now: Timestamp) -> Result<()> {
        let due = self.0.room.is_due();
        // Also where nothing has to be proven the writer has its turn: it may be stuck, or closed.
        self.write(now, move |tx| if due { room::prove(tx) } else { Ok(()) }).await?;
        if due {
            self.0.room.proven();
        }
        Ok(())
    }

    /// Why the last attempt to write stored nothing, and what to do: `the disk with the data folder is full: free some space`; none while the disk
    /// takes what is written.
    pub fn trouble(&self) -> Option<String> {
        self.0.writer.trouble()
    }

    /// Listens for a bell that commits ring.
    pub fn listen(&self, bell: Bell) -> Listener {
        self.0.tower.listen(bell)
    }

    /// What is measured of the writing: how long it takes, and how many go into one commit.
    pub fn meter(&self) -> WriterMeter {
        self.0.writer.meter()
    }

    /// Writes that wait for the writer now.
    pub fn waiting(&self) -> usize {
        self.0.writer.waiting()
    }

    /// Refuses new writes, writes everything that waits, and ends the writer; reads still work. Waits for it.
    pub fn close_blocking(&self) {
        self.0.writer.close();
    }

    /// [`Store::close_blocking`] without holding up the async runtime.
    pub async fn close(&self) {
        let store = self.clone();
        if tokio::task::spawn_blocking(move || store.close_blocking()).await.is_err() {
            tracing::error!("the store could not be closed in order");
        }
    }

    /// The database file; none for a database in memory.
    pub fn path(&self) -> Option<PathBuf> {
        self.0.location.path().map(Path::to_path_buf)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.0.location).finish()
    }
}

/// Makes the disk full, as far as the database can tell, once it has `extra` more pages than now.
#[cfg(test)]
pub(crate) fn limit_pages_for_tests(tx: &Tx, extra: i64) -> Result<i64> {
    let pages: i64 = tx.one("PRAGMA page_count", [], |row| row.get(0))?;
    tx.one(&format!("PRAGMA max_page_count = {}", pages + extra), [], |row| row.get(0))
}

#[cfg(test)]
pub(in crate::store) mod tests {
    use super::*;

    /// A new store in memory.
    pub(in crate::store) fn memory() -> Store {
        Store::open(OpenOptions::memory()).unwrap()
    }

    /// The store in `folder`, which is made when it is not there.
    pub(in crate::store) fn file(folder: &Path) -> Store {
        Store::open(OpenOptions::file(folder.join("rollcall.db"), Sealer::from_key(&[7; KEY_BYTES]).unwrap())).unwrap()
    }

    #[tokio::test]
    async fn what_was_written_is_read() {
        const NAME: settings::Setting<String> = settings::Setting::new("name");
        let store = memory();
        let now = Timestamp::from_seconds(1);
        store.write(now, |tx| settings::set(tx, &NAME, &String::from("school"))).await.unwrap();
        assert_eq!(store.read(now, |tx| settings::value(tx, &NAME)).await.unwrap().as_deref(), Some("school"));
        assert_eq!(store.read_slow(now, |tx| settings::value(tx, &NAME)).await.unwrap().as_deref(), Some("school"));
        assert!(store.read(now, |tx| settings::set(tx, &NAME, &String::from("other"))).await.is_err(), "a reader cannot write");
    }
}
