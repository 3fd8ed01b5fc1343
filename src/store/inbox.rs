//! The writer's inbox: closures that wait for their turn, and soft facts that wait for a group to ride with.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::metrics::WriterMeter;
use crate::store::soft::{SoftFact, SoftFacts};
use crate::store::trouble::Trouble;
use crate::store::tx::busy;
use crate::store::work::{Job, machine_now};

/// How long soft facts wait for a group that takes them along before they get a commit of their own.
const SOFT_WAIT: Duration = Duration::from_secs(5);

/// How often that time doubles while they cannot be written: up to a minute and a third.
const SOFT_DOUBLINGS: u32 = 4;

/// What is said of one request, and not of the disk.
const NOTHING_STORED: &str = "; nothing of this request was stored";

/// What the writer does next.
pub(in crate::store) enum Turn {
    /// There is something to write.
    Write,
    /// The store is closed and everything is written.
    End,
}

/// The state behind the lock.
#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    soft: SoftFacts,
    /// When the soft facts are to be written at the latest.
    soft_due: Option<Instant>,
    /// Attempts in a row that did not write them.
    soft_failures: u32,
    /// After an attempt that failed: when the next one is, however many come meanwhile.
    soft_held_until: Option<Instant>,
    /// The writer sleeps and must be woken.
    asleep: bool,
    closed: bool,
    /// A committed group is on its way to the disk.
    disk_busy: bool,
    /// Why nothing can be made durable until the disk is mended.
    disk_fault: Option<String>,
    trouble: Trouble,
}

/// Where callers leave work for the writer. Bounded: what is over the limit is refused at once.
pub(in crate::store) struct Inbox {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    limit: usize,
    meter: WriterMeter,
}

impl Inbox {
    pub(in crate::store) fn new(limit: usize) -> Self {
        Self { waiting: Mutex::default(), bell: Condvar::new(), limit, meter: WriterMeter::default() }
    }

    /// What is measured of the work that goes through here.
    pub(in crate::store) fn meter(&self) -> &WriterMeter {
        &self.meter
    }

    /// Closures that wait for their turn.
    pub(in crate::store) fn waiting(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Tells a closure's caller what came of it.
    pub(in crate::store) fn answer(&self, job: Job, lost: Option<Error>) {
        self.meter.answered(machine_now().saturating_duration_since(job.left_at()));
        job.answer(lost);
    }

    /// Notes that the disk did not take what so many closures wanted to write; gives how many the log is to be told of, when it is its turn.
    pub(in crate::store) fn suffer(&self, why: &Error, closures: usize) -> Option<usize> {
        self.lock().trouble.suffer(why.message.clone(), closures, machine_now())
    }

    /// Why the last attempt to write stored nothing, and what to do.
    pub(in crate::store) fn trouble(&self) -> Option<String> {
        let waiting = self.lock();
        let words = waiting.trouble.words()?;
        Some(words.strip_suffix(NOTHING_STORED).unwrap_or(words).to_owned())
    }

    /// Leaves a closure; [`Kind::Busy`](crate::error::Kind::Busy) when `limit` of them wait already or the store is closed.
    pub(in crate::store) fn submit(&self, job: Job) -> Result<()> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(busy("the server is shutting down"));
        }
        if waiting.jobs.len() >= self.limit {
            return Err(busy("too much waits to be written at once; nothing of this request was stored"));
        }
        waiting.jobs.push_back(job);
        self.wake(waiting);
        Ok(())
    }

    /// Leaves a soft fact. When there is no room it is dropped: the next one of the same kind will do.
    pub(in crate::store) fn soften(&self, fact: SoftFact, at: Timestamp) {
        let mut waiting = self.lock();
        let has_room = waiting.soft.add(fact, at);
        if waiting.soft_due.is_none() {
            waiting.soft_due = Some(soon());
            self.wake(waiting);
        } else if !has_room {
            let now = machine_now();
            waiting.soft_due = Some(waiting.soft_held_until.map_or(now, |until| until.max(now)));
            self.wake(waiting);
        }
    }

    /// Takes back soft facts that could not be written; they wait again, longer after each failure. Gives how many are dropped instead: all of them
    /// once the store is closed and they were `alone` in their group, for then nothing is left that could make the next attempt another one.
    pub(in crate::store) fn soften_again(&self, facts: Vec<(SoftFact, Timestamp)>, alone: bool) -> usize {
        let mut waiting = self.lock();
        if waiting.closed && alone {
            return facts.len();
        }
        for (fact, at) in facts {
            waiting.soft.add(fact, at);
        }
        let due = machine_now() + SOFT_WAIT * 2_u32.pow(waiting.soft_failures);
        waiting.soft_failures = (waiting.soft_failures + 1).min(SOFT_DOUBLINGS);
        (waiting.soft_due, waiting.soft_held_until) = (Some(due), Some(due));
        0
    }

    /// Soft facts were written: those that come need not wait for more than usual.
    pub(in crate::store) fn softened(&self) {
        let mut waiting = self.lock();
        (waiting.soft_failures, waiting.soft_held_until) = (0, None);
    }

    /// Makes the soft facts due now.
    pub(in crate::store) fn hurry(&self) {
        let mut waiting = self.lock();
        waiting.soft_due = Some(machine_now());
        self.wake(waiting);
    }

    /// Refuses everything from now on; what waits already is still written.
    pub(in crate::store) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        self.wake(waiting);
    }

    /// Sleeps until there is something to write; fills `group` up to `size` and, when they are due, `facts`.
    pub(in crate::store) fn next(&self, group: &mut VecDeque<Job>, size: usize, facts: &mut Vec<(SoftFact, Timestamp)>) -> Turn {
        let mut waiting = self.lock();
        loop {
            let room = size.saturating_sub(group.len()).min(waiting.jobs.len());
            group.extend(waiting.jobs.drain(..room));
            let due_in = waiting.soft_due.map(|due| due.saturating_duration_since(machine_now()));
            if facts.is_empty() && (waiting.closed || due_in.is_some_and(|wait| wait.is_zero())) {
                *facts = waiting.soft.take();
                waiting.soft_due = None;
            }
            if !group.is_empty() || !facts.is_empty() {
                return Turn::Write;
            }
            if waiting.closed {
                return Turn::End;
            }
            waiting = match due_in {
                Some(wait) if waiting.soft_due.is_some() => {
                    waiting.asleep = true;
                    let (mut waiting, _) = self.bell.wait_timeout(waiting, wait).unwrap_or_else(PoisonError::into_inner);
                    waiting.asleep = false;
                    waiting
                }
                _ => self.sleep(waiting),
            };
        }
    }

    /// Takes what came meanwhile, up to `size` closures. While the disk has the group before, it waits for more of them: a commit would have
    /// nowhere to go, and whoever is in time rides along.
    pub(in crate::store) fn more(&self, group: &mut VecDeque<Job>, size: usize) {
        let mut waiting = self.lock();
        loop {
            let room = size.min(waiting.jobs.len());
            group.extend(waiting.jobs.drain(..room));
            if room > 0 || size == 0 || !waiting.disk_busy {
                return;
            }
            waiting = self.sleep(waiting);
        }
    }

    /// Whether the disk waits for a group.
    pub(in crate::store) fn is_disk_free(&self) -> bool {
        !self.lock().disk_busy
    }

    /// Waits until the disk has the group before, and gives it the next one; fails when the disk failed.
    pub(in crate::store) fn take_disk(&self) -> Result<()> {
        let mut waiting = self.lock();
        while waiting.disk_busy {
            waiting = self.sleep(waiting);
        }
        if let Some(fault) = &waiting.disk_fault {
            return Err(disk_failed(fault.clone()));
        }
        waiting.disk_busy = true;
        Ok(())
    }

    /// The disk has a group, and is free for the next one. `is_whole` when it took everything that anybody wanted to write.
    pub(in crate::store) fn stored(&self, is_whole: bool) {
        let mut waiting = self.lock();
        waiting.disk_busy = false;
        let goes_on = is_whole && waiting.trouble.end();
        self.wake(waiting);
        if goes_on {
            tracing::info!("the disk takes what is written again");
        }
    }

    /// Why the disk failed, until it is mended.
    pub(in crate::store) fn disk_fault(&self) -> Option<String> {
        self.lock().disk_fault.clone()
    }

    /// The disk is free for the next group, unless a `fault` ended its use.
    pub(in crate::store) fn disk_done(&self, fault: Option<String>) {
        let mut waiting = self.lock();
        waiting.disk_busy = false;
        waiting.disk_fault = fault;
        self.wake(waiting);
    }

    fn sleep<'a>(&self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        waiting.asleep = true;
        waiting = self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        waiting.asleep = false;
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the writer if it sleeps; a system call is spent on nothing else.
    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.bell.notify_one();
        }
    }
}

/// Why nothing is stored after a sync that failed.
pub(in crate::store) fn disk_failed(fault: String) -> Error {
    busy("the disk with the data folder failed: look at the disk, and restart the server if this lasts; nothing of this request was stored")
        .caused_by(fault)
}

fn soon() -> Instant {
    machine_now() + SOFT_WAIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::soft::SOFT_LIMIT;

    fn fact(number: usize) -> (SoftFact, Timestamp) {
        (SoftFact::TokenUsed(number.to_string()), Timestamp::from_seconds(1))
    }

    fn due_in(inbox: &Inbox) -> Duration {
        inbox.lock().soft_due.unwrap().saturating_duration_since(machine_now())
    }

    #[test]
    fn soft_facts_that_fail_wait_longer_each_time_whatever_comes_meanwhile() {
        let inbox = Inbox::new(1);
        for doubling in [0, 1, 2, 3, SOFT_DOUBLINGS, SOFT_DOUBLINGS] {
            assert_eq!(inbox.soften_again((0..SOFT_LIMIT).map(fact).collect(), true), 0);
            // There is no room for this one, which else would make all of them due at once.
            let (one_more, at) = fact(SOFT_LIMIT);
            inbox.soften(one_more, at);
            let (wait, most) = (due_in(&inbox), SOFT_WAIT * 2_u32.pow(doubling));
            assert!(wait <= most && wait > most / 2, "{wait:?} of {most:?}");
        }
        inbox.softened();
        let (one_more, at) = fact(SOFT_LIMIT);
        inbox.soften(one_more, at);
        assert_eq!(due_in(&inbox), Duration::ZERO, "a full list is written at once when that works");
    }

    #[test]
    fn at_the_end_those_that_failed_alone_are_dropped_and_those_that_rode_along_tried_once_more() {
        let inbox = Inbox::new(1);
        inbox.close();
        assert_eq!(inbox.soften_again(vec![fact(1)], false), 0);
        let (mut group, mut facts) = (VecDeque::new(), Vec::new());
        assert!(matches!(inbox.next(&mut group, 1, &mut facts), Turn::Write));
        assert_eq!(facts, [fact(1)]);
        assert_eq!(inbox.soften_again(std::mem::take(&mut facts), true), 1);
        assert!(matches!(inbox.next(&mut group, 1, &mut facts), Turn::End));
    }
}
