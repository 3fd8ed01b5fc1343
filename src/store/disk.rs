//! The disk's turn: committed groups are made durable on a thread of their own, so that the writer runs the next one meanwhile.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::error::{Error, Result};
use crate::store::bells::{Bells, Tower};
use crate::store::inbox::Inbox;
use crate::store::log_file;
use crate::store::tx::busy;
use crate::store::work::Job;

/// What makes commits durable.
pub(in crate::store) trait Durable: Send + 'static {
    /// Returns when everything that was committed before is on the disk.
    fn sync(&mut self) -> io::Result<()>;

    /// After a `sync` that failed: brings everything that was committed to the disk anew, while nobody writes; `pages` are in the log. Fails when
    /// something of it is lost, or the disk still fails.
    fn mend(&mut self, _pages: usize) -> io::Result<()> {
        Err(io::Error::other("what the disk did not take cannot be told any more"))
    }
}

/// The write-ahead log: its frames carry checksums, so all of it up to the last `sync` is found again, and what came later is whole or ignored.
pub(in crate::store) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    /// The log of the database file `database`.
    pub(in crate::store) fn of(database: PathBuf) -> Self {
        let mut path = database.into_os_string();
        path.push("-wal");
        Self { path: path.into(), file: None }
    }
}

impl Durable for Log {
    fn sync(&mut self) -> io::Result<()> {
        // SQLite makes the file, so it is there after the first commit, and keeps it for as long as the database is open.
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        file.sync_data()?;
        self.file = Some(file);
        Ok(())
    }

    fn mend(&mut self, pages: usize) -> io::Result<()> {
        self.file = None;
        log_file::write_again(&self.path, pages)
    }
}

/// A database in memory has nothing to keep.
pub(in crate::store) struct NoDisk;

impl Durable for NoDisk {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A group that is committed, and whose callers are not told yet.
pub(in crate::store) struct Committed {
    /// Its closures.
    pub(in crate::store) jobs: Vec<Job>,
    /// What it rang.
    pub(in crate::store) bells: Bells,
    /// Whether the disk took everything that its closures wanted to write.
    pub(in crate::store) is_whole: bool,
}

/// What the thread is told.
enum Order {
    Write(Committed),
    /// So many pages are in the log; the outcome goes back.
    Mend(usize, Sender<io::Result<()>>),
}

/// The handle on the disk's thread, held by the writer's.
pub(in crate::store) struct Disk {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    pub(in crate::store) fn start(durable: Box<dyn Durable>, inbox: Arc<Inbox>, tower: Arc<Tower>) -> Result<Self> {
        let (orders, arriving) = channel();
        let thread = std::thread::Builder::new()
            .name(String::from("disk"))
            .spawn(move || work(durable, &arriving, &inbox, &tower))
            .map_err(|error| Error::internal("the disk's thread could not be started", error))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Makes a group durable and then answers its callers. The writer has taken the disk for it by [`Inbox::take_disk`].
    pub(in crate::store) fn write(&self, group: Committed) {
        // The thread ends only after this handle, or by a fault of its own: then the callers learn that they get no answer.
        let _ = self.orders.as_ref().map(|orders| orders.send(Order::Write(group)));
    }

    /// Has the disk mended after it failed; returns when that is done. Nobody may write to the log meanwhile.
    pub(in crate::store) fn mend(&self, pages: usize) -> io::Result<()> {
        let (outcome, told) = channel();
        let gone = || io::Error::other("the disk's thread has ended");
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(Order::Mend(pages, outcome)).map_err(|_| gone())?;
        told.recv().map_err(|_| gone())?
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.orders = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the disk's thread ended by a panic");
        }
    }
}

fn work(mut durable: Box<dyn Durable>, orders: &Receiver<Order>, inbox: &Inbox, tower: &Tower) {
    // Of groups that are in doubt: rung when they turn out to be there.
    let mut unrung = Bells::default();
    for order in orders {
        let Committed { jobs, bells, is_whole } = match order {
            Order::Write(group) => group,
            Order::Mend(pages, outcome) => {
                let mended = durable.mend(pages);
                if mended.is_ok() {
                    tower.ring(std::mem::take(&mut unrung));
                }
                // The writer waits for it, or has ended.
                let _ = outcome.send(mended);
                continue;
            }
        };
        match durable.sync() {
            Ok(()) => {
                inbox.stored(is_whole);
                tower.ring(bells);
                inbox.meter().committed(jobs.len());
                for job in jobs {
                    inbox.answer(job, None);
                }
            }
            Err(error) => {
                // A second attempt could say yes to what the first one lost: the kernel forgets which pages it failed to write. So nothing more is
                // committed until all of the log was written anew, or read anew by a restart.
                if let Some(closures) = inbox.suffer(&doubtful(), jobs.len()) {
                    tracing::error!(%error, closures, "the disk failed to keep what was written to it; it is tried anew with the next write");
                }
                unrung = unrung.and(bells);
                inbox.disk_done(Some(error.to_string()));
                for job in jobs {
                    inbox.answer(job, Some(doubtful()));
                }
            }
        }
    }
}

fn doubtful() -> Error {
    busy("the disk with the data folder failed while this was stored, so it may be there or not: look at the disk, and ask again")
}
