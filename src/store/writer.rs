//! The one thread that writes: groups waiting closures into a commit, which is answered when the disk has it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::metrics::WriterMeter;
use crate::store::bells::{Bells, Tower};
use crate::store::disk::{Committed, Disk, Durable};
use crate::store::inbox::{Inbox, Turn, disk_failed};
use crate::store::soft::{self, SoftFact};
use crate::store::tx::{RETRY_AFTER_S, Tx, busy, is_of_the_disk};
use crate::store::work::{Job, Outcome, machine_now, undone};

/// Closures in one commit.
pub const GROUP_LIMIT: usize = 256;
/// A group that has run for this long is committed, so that its first closure need not wait for many slow ones.
pub(in crate::store) const GROUP_TIME: Duration = Duration::from_millis(4);
/// A group that has run for this long is committed once the disk is free: those who come meanwhile are run while it is on its way there, instead of
/// all of them waiting for the writer first and for the disk then.
pub(in crate::store) const GROUP_LEAST: Duration = Duration::from_micros(300);
/// Soft facts in one commit, about a millisecond's worth.
const SOFT_SLICE: usize = 256;
/// How often a disk that failed is asked to take the log anew, which may be 64 MiB, when it refuses.
const MEND_EVERY: Duration = Duration::from_secs(1);

/// How many may wait, and how long a group may run.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Pace {
    /// Closures that may wait.
    pub(in crate::store) queue_limit: usize,
    /// Time after which a group takes in no more.
    pub(in crate::store) group_time: Duration,
    /// Time after which it takes in no more when the disk is free.
    pub(in crate::store) group_least: Duration,
}

/// The handle on the writer's thread.
pub(in crate::store) struct Writer {
    inbox: Arc<Inbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on a connection that is ready to write.
    pub(in crate::store) fn start(
        tx: Tx,
        tower: Arc<Tower>,
        durable: Box<dyn Durable>,
        log_pages: Arc<AtomicUsize>,
        pace: Pace,
    ) -> Result<Self> {
        let inbox = Arc::new(Inbox::new(pace.queue_limit));
        let disk = Disk::start(durable, Arc::clone(&inbox), tower)?;
        let room = Room {
            tx,
            inbox: Arc::clone(&inbox),
            disk,
            log_pages,
            mended_at: None,
            pace,
            group: VecDeque::new(),
            ran: Vec::new(),
            refused: None,
            facts: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name(String::from("writer"))
            .spawn(move || room.work())
            .map_err(|error| Error::internal("the writer's thread could not be started", error))?;
        Ok(Self { inbox, thread: Mutex::new(Some(thread)) })
    }

    /// Leaves a closure with the writer; its outcome arrives after the commit.
    pub(in crate::store) fn submit<T, F>(&self, now: Timestamp, work: F) -> Result<Outcome<T>>
    where
        T: Send + 'static,
        F: FnOnce(&Tx) -> Result<T> + Send + 'static,
    {
        let (job, outcome) = Job::new(now, work);
        self.inbox.submit(job)?;
        Ok(outcome)
    }

    /// Leaves a soft fact with the writer.
    pub(in crate::store) fn soften(&self, fact: SoftFact, at: Timestamp) {
        self.inbox.soften(fact, at);
    }

    /// What is measured of the writing.
    pub(in crate::store) fn meter(&self) -> WriterMeter {
        self.inbox.meter().clone()
    }

    /// Closures that wait for their turn.
    pub(in crate::store) fn waiting(&self) -> usize {
        self.inbox.waiting()
    }

    /// Why the last attempt to write stored nothing, and what to do.
    pub(in crate::store) fn trouble(&self) -> Option<String> {
        self.inbox.trouble()
    }

    /// Makes the soft facts part of the next group.
    pub(in crate::store) fn hurry(&self) {
        self.inbox.hurry();
    }

    /// Refuses new work, waits until everything that was taken is written, and ends the thread.
    pub(in crate::store) fn close(&self) {
        self.inbox.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            // A closure may hold the last handle on the store; the thread cannot wait for itself.
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread ended by a panic");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the writer's thread has before it.
struct Room {
    tx: Tx,
    inbox: Arc<Inbox>,
    disk: Disk,
    /// Pages in the log, as of the last commit.
    log_pages: Arc<AtomicUsize>,
    /// When a disk that failed was last asked to take the log anew.
    mended_at: Option<Instant>,
    pace: Pace,
    /// Closures of the next group, not run yet.
    group: VecDeque<Job>,
    /// Closures of this group, run and not answered yet.
    ran: Vec<Job>,
    /// What the disk did not take of this group, in words for whoever wanted it written.
    refused: Option<Cow<'static, str>>,
    /// Soft facts that are due, written slice by slice.
    facts: Vec<(SoftFact, Timestamp)>,
}

impl Room {
    fn work(mut self) {
        while matches!(self.inbox.next(&mut self.group, GROUP_LIMIT, &mut self.facts), Turn::Write) {
            let slice = self.facts.split_off(self.facts.len().saturating_sub(SOFT_SLICE));
            match self.transact(&slice) {
                Ok(bells) => {
                    if !slice.is_empty() {
                        self.inbox.softened();
                    }
                    let is_whole = self.refused.take().is_none();
                    self.disk.write(Committed { jobs: std::mem::take(&mut self.ran), bells, is_whole });
                }
                Err(error) => self.lose(error, slice),
            }
        }
        let Self { tx, disk, inbox, .. } = self;
        // The last group is on the disk, or not, when its thread has ended.
        drop(disk);
        if inbox.disk_fault().is_some() {
            // Whoever closes the last connection copies the log into the file. As long as one is open nobody does: what the disk lost of the log
            // must not come in, and the next start compares the checksums.
            std::mem::forget(tx);
        }
    }

    /// One group, from BEGIN to COMMIT; when it fails nothing of it remains in the database.
    fn transact(&mut self, slice: &[(SoftFact, Timestamp)]) -> Result<Bells> {
        let outcome = self.tx.execute("BEGIN IMMEDIATE", []).and_then(|_| {
            self.mend_disk()?;
            let bells = self.run_group()?;
            self.write_soft(slice)?;
            self.inbox.take_disk()?;
            self.tx.execute("COMMIT", []).inspect_err(|_| self.inbox.disk_done(None))?;
            Ok(bells)
        });
        if outcome.is_err() {
            // Without a transaction nobody had a turn, and nobody would have at the next attempt. After one that broke in the
            // middle the rest of the group tries again: it may have been a single closure that was too large for the disk.
            if self.ran.is_empty() {
                self.ran.extend(self.group.drain(..));
            }
            if !self.tx.conn().is_autocommit()
                && let Err(error) = self.tx.execute("ROLLBACK", [])
            {
                tracing::error!(%error, "a failed group could not be rolled back");
            }
        }
        outcome
    }

    /// After a sync that failed: has all of the log brought to the disk anew before anything follows in it. The transaction that has just begun keeps
    /// everybody else from writing meanwhile, and has written nothing itself.
    fn mend_disk(&mut self) -> Result<()> {
        let Some(fault) = self.inbox.disk_fault() else { return Ok(()) };
        let now = machine_now();
        if self.mended_at.is_some_and(|last| now.saturating_duration_since(last) < MEND_EVERY) {
            return Err(disk_failed(fault));
        }
        match self.disk.mend(self.log_pages.load(Ordering::Relaxed)) {
            Ok(()) => {
                self.mended_at = None;
                self.inbox.disk_done(None);
                Ok(())
            }
            Err(error) => {
                self.mended_at = Some(now);
                Err(disk_failed(error.to_string()))
            }
        }
    }

    /// Runs the waiting closures; gives the bells of those that are kept.
    ///
    /// The first one has the transaction to itself, and each after it a savepoint: SQLite copies every page that is changed within a savepoint, which
    /// the many groups of one need not pay for.
    fn run_group(&mut self) -> Result<Bells> {
        let (mut bells, began) = (Bells::default(), machine_now());
        while let Some(mut job) = self.group.pop_front() {
            let is_first = self.ran.is_empty();
            let begun = if is_first { Ok(0) } else { self.tx.execute("SAVEPOINT closure", []) };
            let keep = begun.is_ok() && job.run(&mut self.tx);
            if let Some(failure) = job.failure().filter(|failure| is_of_the_disk(failure)) {
                self.refused = Some(failure.message.clone());
                // Those that the disk refuses by themselves are told here, those of a group that is lost with it.
                if !self.tx.conn().is_autocommit()
                    && let Some(closures) = self.inbox.suffer(failure, 1)
                {
                    tracing::error!(error = %failure, closures, "the disk did not take what was to be stored");
                }
            }
            self.ran.push(job);
            begun?;
            if is_first {
                self.end_first(keep)?;
            } else {
                self.end_savepoint(keep)?;
            }
            let rung = self.tx.take_bells();
            if keep {
                bells = bells.and(rung);
            }
            let ran_for = machine_now().saturating_duration_since(began);
            if ran_for >= self.pace.group_time || (ran_for >= self.pace.group_least && self.inbox.is_disk_free()) {
                break;
            }
            if self.group.is_empty() {
                self.inbox.more(&mut self.group, GROUP_LIMIT.saturating_sub(self.ran.len()));
            }
        }
        Ok(bells)
    }

    /// The first closure of a group failed by itself: what it did is all that the transaction holds, and the others begin anew.
    fn end_first(&mut self, keep: bool) -> Result<()> {
        self.must_stand()?;
        if !keep {
            self.tx.execute("ROLLBACK", [])?;
            self.tx.execute("BEGIN IMMEDIATE", [])?;
        }
        Ok(())
    }

    /// Soft facts are no reason to fail the group that they ride with, as long as the transaction stands.
    fn write_soft(&mut self, slice: &[(SoftFact, Timestamp)]) -> Result<()> {
        if slice.is_empty() {
            return Ok(());
        }
        self.tx.execute("SAVEPOINT closure", [])?;
        let written = soft::write_all(&self.tx, slice);
        self.end_savepoint(written.is_ok())?;
        if let Err(error) = written {
            tracing::warn!(%error, facts = slice.len(), "soft facts could not be written and are dropped");
        }
        Ok(())
    }

    fn end_savepoint(&mut self, keep: bool) -> Result<()> {
        self.must_stand()?;
        if !keep {
            self.tx.execute("ROLLBACK TO closure", [])?;
        }
        self.tx.execute("RELEASE closure", [])?;
        Ok(())
    }

    /// SQLite gives up the whole transaction when the disk is full or fails: then all of the group is gone.
    fn must_stand(&self) -> Result<()> {
        if self.tx.conn().is_autocommit() {
            return Err(busy("the disk with the data folder failed: look at the disk; nothing of this request was stored"));
        }
        Ok(())
    }

    /// Tells everyone in the group that nothing was stored; the thread lives on.
    fn lose(&mut self, error: Error, mut slice: Vec<(SoftFact, Timestamp)>) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let closures = self.ran.len();
        let why = self.why(&error);
        if let Some(why) = &why {
            if let Some(closures) = self.inbox.suffer(why, closures) {
                tracing::error!(%error, cause, closures, "a group could not be committed: {why}");
            }
        } else if closures > 0 {
            tracing::error!(%error, cause, closures, "a group could not be committed");
        }
        slice.append(&mut self.facts);
        if !slice.is_empty() {
            let (facts, alone) = (slice.len(), closures == 0);
            match self.inbox.soften_again(slice, alone) {
                0 if alone => tracing::warn!(%error, cause, facts, "soft facts could not be written yet"),
                0 => {}
                dropped => tracing::warn!(%error, cause, facts = dropped, "soft facts could not be written at the end and are dropped"),
            }
        }
        for job in self.ran.drain(..) {
            self.inbox.answer(job, Some(why.as_ref().map_or_else(undone, again)));
        }
    }

    /// Why the disk did not take a group, in words for everyone in it; none when it failed for another reason.
    fn why(&mut self, error: &Error) -> Option<Error> {
        // A closure that met the disk knows more than the transaction that it broke.
        let refused = self.refused.take().map(|words| Error::new(Kind::Busy, words).retry_after(RETRY_AFTER_S));
        refused.or_else(|| (error.kind == Kind::Busy).then(|| again(error)))
    }
}

/// The same failure for one more of those whom it meets.
fn again(error: &Error) -> Error {
    Error::new(Kind::Busy, error.message.clone()).retry_after(RETRY_AFTER_S)
}

#[cfg(test)]
mod tests;
