//! How plans come along: counts, who lags and why, the burn-down, and which versions devices run.

use std::collections::BTreeMap;

use crate::clock::{Day, Timestamp};
use crate::error::Result;
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::words::{self, Beside};
use crate::mdm::{Actor, Right, locked};
use crate::protocol::platform::Platform;
use crate::store::census::{self, CensusRow};
use crate::store::enrollments::Enrollment;
use crate::store::update_progress::{self, Member, Narrowed, Run};
use crate::store::update_states::{self, Outcome, Stage, UpdateState};
use crate::store::{Tx, commands, devices};

/// Devices of one page of a plan.
pub const PAGE_MAX: u32 = 500;

/// Runs of a plan that a burn-down is drawn from at most; a plan of more devices is drawn from the last.
pub const RUNS_MAX: u32 = 100_000;

/// How long the census is kept.
pub const CENSUS_DAYS: i32 = 400;

/// How many devices of a ring, or of the whole plan, stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By stage.
    pub stages: Vec<(Stage, u32)>,
    /// Past the deadline and not there.
    pub overdue: u32,
}

impl Counts {
    /// All devices that the plan means.
    pub fn total(&self) -> u32 {
        self.stages.iter().map(|(_, count)| count).sum()
    }

    /// Those at one stage.
    pub fn of(&self, stage: Stage) -> u32 {
        self.stages.iter().filter(|(known, _)| *known == stage).map(|(_, count)| count).sum()
    }

    fn add(&mut self, stage: Stage, count: u32, late: u32) {
        match self.stages.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, known)) => *known += count,
            None => self.stages.push((stage, count)),
        }
        if !matches!(stage, Stage::Done | Stage::Cannot | Stage::Excepted) {
            self.overdue += late;
        }
    }
}

/// How a plan comes along: all of it, and each ring.
pub fn counts(tx: &Tx, read: &Read) -> Result<(Counts, Vec<Counts>)> {
    let mut all = Counts::default();
    let mut rings = vec![Counts::default(); read.rules.rings.len()];
    for (ring, stage, count, late) in update_states::counts(tx, &read.plan.id)? {
        all.add(stage, count, late);
        if let Some(ring) = rings.get_mut(ring) {
            ring.add(stage, count, late);
        }
    }
    Ok((all, rings))
}

/// How what was started by hand comes along.
pub fn by_hand(tx: &Tx) -> Result<Counts> {
    let mut all = Counts::default();
    for (_, stage, count, late) in update_states::counts(tx, "")? {
        all.add(stage, count, late);
    }
    Ok(all)
}

/// A device of a plan, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laggard {
    /// The device and how it stands.
    pub member: Member,
    /// Why it stands so.
    pub because: String,
    /// What ends or changes that.
    pub remedy: String,
}

/// One page of the devices of a plan, those first that need somebody; `stages` of none are all.
pub fn members(tx: &Tx, actor: &Actor, plan_id: &str, stages: &[Stage], after: Option<&str>, limit: u32) -> Result<Vec<Laggard>> {
    let narrowed = Narrowed { stages: stages.to_vec(), ..Narrowed::default() };
    members_of(tx, actor, plan_id, &narrowed, after, limit)
}

/// The same, narrowed by ring and to those that are late too; the plan `""` is what was started by hand.
pub fn members_of(tx: &Tx, actor: &Actor, plan_id: &str, narrowed: &Narrowed, after: Option<&str>, limit: u32) -> Result<Vec<Laggard>> {
    actor.require(Right::View)?;
    let members = update_progress::members(tx, plan_id, narrowed, after, limit.min(PAGE_MAX))?;
    members.into_iter().map(|member| laggard(tx, member)).collect()
}

fn laggard(tx: &Tx, member: Member) -> Result<Laggard> {
    let locked = if is_to_come(&member.state) { locked::because_of(tx, member.platform, &member.device_id)? } else { None };
    let beside = Beside { is_mac: member.platform == Platform::Macos, put_off_at: member.put_off_at };
    let (because, remedy) = locked.unwrap_or_else(|| words::because_beside(&member.state, beside, tx.now));
    Ok(Laggard { member, because, remedy })
}

/// Whether the device has something to do yet, for which it has to connect.
fn is_to_come(row: &UpdateState) -> bool {
    !matches!(row.stage, Stage::Done | Stage::Cannot | Stage::Excepted)
}

/// Why an update stands so on a device, and what ends or changes that.
pub fn because(tx: &Tx, enrollment: &Enrollment, row: &UpdateState) -> Result<(String, String)> {
    if is_to_come(row)
        && let Some(locked) = locked::because_of_device(tx, enrollment)?
    {
        return Ok(locked);
    }
    let command = row.command_uuid.as_deref().map(|uuid| commands::by_uuid(tx, &enrollment.id, uuid)).transpose()?.flatten();
    let device = devices::by_id(tx, &enrollment.device_id)?;
    let beside = Beside {
        is_mac: device.is_some_and(|device| device.platform == Platform::Macos),
        put_off_at: command.filter(|command| command.finished_at.is_none()).and_then(|command| command.not_now_at),
    };
    Ok(words::because_beside(row, beside, tx.now))
}

/// A point of the burn-down: so many devices are left from this moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = BurnDownPoint)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Devices that were not there yet.
    pub left: u32,
}

/// How many devices were left at each moment at which that changed, from the plan's beginning to now. Pure but for the reading.
pub fn burn_down(tx: &Tx, plan_id: &str) -> Result<Vec<Point>> {
    let planned = update_states::to_come(tx, plan_id)?;
    Ok(points(&update_progress::runs(tx, plan_id, RUNS_MAX)?, planned, tx.now))
}

/// What a plan brought to each device in one go: a release that took another's place while that was under way goes on with it.
fn joined(runs: &[Run]) -> Vec<Run> {
    let mut joined = Vec::<Run>::new();
    let mut last = BTreeMap::<&str, usize>::new();
    for run in runs {
        let before =
            last.get(run.device_id.as_str()).and_then(|at| joined.get_mut(*at)).filter(|before| before.outcome == Outcome::Replaced);
        if let Some(before) = before {
            (before.ended_at, before.outcome) = (run.ended_at, run.outcome);
        } else {
            last.insert(&run.device_id, joined.len());
            joined.push(run.clone());
        }
    }
    joined
}

/// Rings of one wave count from its beginning on, so that what is left falls; what is `planned` has not begun and belongs to the last wave.
///
/// A device that the plan does not bring anything to any more was never one of them: what is left falls by what devices installed, and by nothing else.
fn points(runs: &[Run], planned: u32, now: Timestamp) -> Vec<Point> {
    let mut waves: Vec<(Timestamp, Timestamp, Vec<&Run>)> = Vec::new();
    let runs = joined(runs);
    for run in runs.iter().filter(|run| run.outcome != Outcome::Withdrawn) {
        let ends_at = run.ended_at.unwrap_or(now);
        match waves.last_mut().filter(|(_, end, _)| run.begun_at <= *end) {
            Some((_, end, of_wave)) => {
                *end = (*end).max(ends_at);
                of_wave.push(run);
            }
            None => waves.push((run.begun_at, ends_at, vec![run])),
        }
    }
    let mut points: Vec<Point> = Vec::new();
    let count = waves.len();
    for (number, (begun_at, _, of_wave)) in waves.into_iter().enumerate() {
        let mut left = u32::try_from(of_wave.len()).unwrap_or(u32::MAX) + if number + 1 == count { planned } else { 0 };
        points.push(Point { at: begun_at, left });
        let mut ends: Vec<Timestamp> = of_wave.iter().filter_map(|run| run.ended_at).collect();
        ends.sort_unstable();
        for at in ends {
            left = left.saturating_sub(1);
            match points.last_mut() {
                Some(last) if last.at == at => last.left = left,
                _ => points.push(Point { at, left }),
            }
        }
    }
    if let Some(last) = points.last().copied().filter(|last| last.at < now) {
        points.push(Point { at: now, ..last });
    }
    points
}

/// Counts which versions devices run today, and forgets what is older than [`CENSUS_DAYS`].
pub fn take_census(tx: &Tx) -> Result<()> {
    let today = Day::of(tx.now);
    census::take(tx, today)?;
    census::prune(tx, today.plus(-CENSUS_DAYS))
}

/// Which versions devices ran on each day since `since`.
pub fn versions(tx: &Tx, actor: &Actor, since: Day) -> Result<Vec<CensusRow>> {
    actor.require(Right::View)?;
    census::since(tx, since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    #[test]
    fn what_is_left_counts_every_ring_from_the_first_on_and_falls_with_each_device() {
        let count = std::cell::Cell::new(0);
        let run = |begun: i64, ended: Option<i64>| {
            count.set(count.get() + 1);
            Run { device_id: count.get().to_string(), begun_at: at(begun), ended_at: ended.map(at), outcome: Outcome::Done, ring: 0 }
        };
        let runs = [run(0, Some(20)), run(0, Some(30)), run(10, None)];
        let told = |runs: &[Run], planned| -> Vec<_> {
            points(runs, planned, at(100)).iter().map(|point| (point.at.since(at(0)).as_secs(), point.left)).collect()
        };
        assert_eq!(told(&runs, 0), [(0, 3), (20, 2), (30, 1), (100, 1)]);
        assert_eq!(told(&runs, 2), [(0, 5), (20, 4), (30, 3), (100, 3)], "two have not begun");
        let later = [run(0, Some(20)), run(50, Some(60))];
        assert_eq!(told(&later, 0), [(0, 1), (20, 0), (50, 1), (60, 0), (100, 0)], "two waves");
        assert_eq!(told(&[], 3), []);
        let excepted = [run(0, None), Run { outcome: Outcome::Withdrawn, ..run(0, Some(40)) }];
        assert_eq!(told(&excepted, 0), [(0, 1), (100, 1)], "an exception is no installation");
        let of = |device: &str, begun: i64, ended: Option<i64>, outcome| Run { device_id: device.into(), outcome, ..run(begun, ended) };
        let replaced = [
            of("a", 0, Some(30), Outcome::Replaced),
            of("b", 0, Some(30), Outcome::Replaced),
            of("a", 30, Some(60), Outcome::Done),
            of("b", 30, None, Outcome::Open),
        ];
        assert_eq!(told(&replaced, 0), [(0, 2), (60, 1), (100, 1)], "another release is no installation, and no other device");
    }
}
