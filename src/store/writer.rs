//! The one thread that writes: groups waiting closures into a commit, which is answered when the disk has it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::metrics::WriterMeter;
use crate::store::bells::{Bells, Tower};
use crate::store::disk::{Committed, Disk, Durable};
use crate::store::inbox::{Inbox, Turn};
use crate::store::soft::{self, SoftFact};
use crate::store::tx::Tx;
use crate::store::work::{Job, Outcome, machine_now, undone};

/// Closures in one commit.
pub const GROUP_LIMIT: usize = 256;
/// A group that has run for this long is committed, so that its first closure need not wait for many slow ones.
pub(in crate::store) const GROUP_TIME: Duration = Duration::from_millis(4);
/// Soft facts in one commit, about a millisecond's worth.
const SOFT_SLICE: usize = 256;

/// How many may wait, and how long a group may run.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Pace {
    /// Closures that may wait.
    pub(in crate::store) queue_limit: usize,
    /// Time after which a group takes in no more.
    pub(in crate::store) group_time: Duration,
}

/// The handle on the writer's thread.
pub(in crate::store) struct Writer {
    inbox: Arc<Inbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on a connection that is ready to write.
    pub(in crate::store) fn start(tx: Tx, tower: Arc<Tower>, durable: Box<dyn Durable>, pace: Pace) -> Result<Self> {
        let inbox = Arc::new(Inbox::new(pace.queue_limit));
        let disk = Disk::start(durable, Arc::clone(&inbox), tower)?;
        let group_time = pace.group_time;
        let room = Room { tx, inbox: Arc::clone(&inbox), disk, group_time, group: VecDeque::new(), ran: Vec::new(), facts: Vec::new() };
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
    group_time: Duration,
    /// Closures of the next group, not run yet.
    group: VecDeque<Job>,
    /// Closures of this group, run and not answered yet.
    ran: Vec<Job>,
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
                    self.disk.write(Committed { jobs: std::mem::take(&mut self.ran), bells });
                }
                Err(error) => self.lose(error, slice),
            }
        }
    }

    /// One group, from BEGIN to COMMIT; when it fails nothing of it remains in the database.
    fn transact(&mut self, slice: &[(SoftFact, Timestamp)]) -> Result<Bells> {
        let outcome = self.tx.execute("BEGIN IMMEDIATE", []).and_then(|_| {
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

    /// Runs the waiting closures; gives the bells of those that are kept.
    ///
    /// The first one has the transaction to itself, and each after it a savepoint: SQLite copies every page that is changed within a savepoint, which
    /// the many groups of one need not pay for.
    fn run_group(&mut self) -> Result<Bells> {
        let (mut bells, until) = (Bells::default(), machine_now() + self.group_time);
        while let Some(mut job) = self.group.pop_front() {
            let is_first = self.ran.is_empty();
            let begun = if is_first { Ok(0) } else { self.tx.execute("SAVEPOINT closure", []) };
            let keep = begun.is_ok() && job.run(&mut self.tx);
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
            if machine_now() >= until {
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
            return Err(Error::new(Kind::Internal, "the transaction was rolled back by a failure of the disk"));
        }
        Ok(())
    }

    /// Tells everyone in the group that nothing was stored; the thread lives on.
    fn lose(&mut self, error: Error, mut slice: Vec<(SoftFact, Timestamp)>) {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let closures = self.ran.len();
        if closures > 0 {
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
        self.ran.drain(..).for_each(|job| self.inbox.answer(job, Some(undone())));
    }
}

#[cfg(test)]
mod tests;
