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
use crate::store::tx::busy;
use crate::store::work::Job;

/// What makes commits durable.
pub(in crate::store) trait Durable: Send + 'static {
    /// Returns when everything that was committed before is on the disk.
    fn sync(&mut self) -> io::Result<()>;
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
}

/// The handle on the disk's thread, held by the writer's.
pub(in crate::store) struct Disk {
    groups: Option<Sender<Committed>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    pub(in crate::store) fn start(durable: Box<dyn Durable>, inbox: Arc<Inbox>, tower: Arc<Tower>) -> Result<Self> {
        let (groups, arriving) = channel();
        let thread = std::thread::Builder::new()
            .name(String::from("disk"))
            .spawn(move || work(durable, &arriving, &inbox, &tower))
            .map_err(|error| Error::internal("the disk's thread could not be started", error))?;
        Ok(Self { groups: Some(groups), thread: Some(thread) })
    }

    /// Makes a group durable and then answers its callers. The writer has taken the disk for it by [`Inbox::take_disk`].
    pub(in crate::store) fn write(&self, group: Committed) {
        // The thread ends only after this handle, or by a fault of its own: then the callers learn that they get no answer.
        let _ = self.groups.as_ref().map(|groups| groups.send(group));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.groups = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the disk's thread ended by a panic");
        }
    }
}

fn work(mut durable: Box<dyn Durable>, groups: &Receiver<Committed>, inbox: &Inbox, tower: &Tower) {
    for Committed { jobs, bells } in groups {
        match durable.sync() {
            Ok(()) => {
                inbox.disk_done(None);
                tower.ring(bells);
                inbox.meter().committed(jobs.len());
                for job in jobs {
                    inbox.answer(job, None);
                }
            }
            Err(error) => {
                // A second attempt could say yes to what the first one lost: the kernel forgets which pages it failed to write. A restart reads
                // the log anew, and its checksums tell what is there.
                tracing::error!(%error, closures = jobs.len(), "the disk failed; nothing is stored any more until the server is restarted");
                inbox.disk_done(Some(error.to_string()));
                for job in jobs {
                    inbox.answer(job, Some(doubtful()));
                }
            }
        }
    }
}

fn doubtful() -> Error {
    busy("the disk failed while this was stored: look at the disk, then restart the server and ask again")
}
